"""Decoded images as the frames of DICOM files."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path
from typing import BinaryIO

from sofc.cli.console import count_of
from sofc.cli.names import OutputNames
from sofc.cli.outputs import AlreadyThereError, Output, OutputFiles
from sofc.cli.sinks import Finished, Samples, WholeImages
from sofc.cli.spool import Spool
from sofc.collection import names_in
from sofc.container.records import Metadata
from sofc.errors import FormatError, UsageError
from sofc.image import ImageHeader
from sofc.metadata import left_out
from sofc.metadata.dicom_file import FORMAT, SUFFIX, DicomWriter, data_set_of
from sofc.rows import FileRows


class DicomSink(WholeImages):
    """DICOM files: one where all images have one data set, else a folder with one for each data set and its frames.

    ``output`` as for ImageSink. Raises UsageError where an image has no data set.
    """

    def __init__(self, output: Path | None, *, complete: bool, files: OutputFiles) -> None:
        super().__init__()
        self._files, self._output, self._complete = files, output, complete
        self.spools_at = output
        self._common: list[Metadata] = []
        self._own: list[Metadata] = []
        self._names: list[str] = []
        self._paths: OutputNames | None = None
        self._open = self.enter_context(contextlib.ExitStack())  # of the file that is written
        self._writer: DicomWriter | None = None
        self._data_set: Metadata | None = None
        self._written: list[Output] = []
        self._changes: dict[str, None] = {}
        self._left_out: dict[str, None] = {}

    def header(self, image: int, header: ImageHeader) -> None:
        """An image begins, with a data set of its own, or none."""
        super().header(image, header)
        self._own.clear()

    def metadata(self, metadata: Metadata, image: int | None) -> None:
        """Keep data sets, what belongs to them, and the images' names."""
        if image is not None:
            self._own.append(metadata)
        else:
            self._common.append(metadata)
            self._names = self._names or names_in([metadata])

    def spooled(self, number: int, spool: Spool) -> None:
        """Add an image that is on disk to its file."""
        self.image(number, spool.rows())
        spool.close()

    def image(self, number: int, samples: Samples | FileRows) -> None:
        """Add a whole image to its file."""
        items = [*self._common, *self._own]
        data_set = data_set_of(items)
        if self._writer is not None and self._own and (data_set != self._data_set or not self._writer.lacking):
            self._end(self._writer)
        if self._writer is None:
            self._data_set = data_set
            self._writer = DicomWriter(items)
            self._writer.begin(self._create(number, self._writer.frames))
            self._changes |= dict.fromkeys([self._writer.changes] if self._writer.changes else [])
            self._left_out |= dict.fromkeys(left_out(FORMAT, items))
        self._writer.add(samples)

    def _create(self, number: int, frames: int) -> BinaryIO:
        """The file that begins with image ``number``."""
        is_one_of_several = self._data_set in self._own
        if self._output is None:
            if is_one_of_several:
                raise UsageError("several DICOM files cannot go to standard output; name a folder with -o")
            return sys.stdout.buffer
        path = self._output if self._complete else self._output.with_name(self._output.name + SUFFIX)
        if is_one_of_several:
            self._paths = self._paths or OutputNames(self._names, SUFFIX)
            if frames > 1 and number < len(self._names):  # the names of frames have that of their file in front
                self._names[number] = self._names[number].rpartition("/")[0] or self._names[number]
            path = self._output / self._paths(number)
        try:
            file, output = self._open.enter_context(self._files.create(path, exactly=path == self._output))
        except AlreadyThereError:
            if not is_one_of_several:
                raise
            return self._open.enter_context(Path(os.devnull).open("wb"))
        self._written.append(output)
        return file

    def _end(self, writer: DicomWriter) -> None:
        writer.finish()
        self._open.close()
        self._writer = None

    def finish(self) -> Finished:
        """The last file ends."""
        self.end()
        if self._writer is None:
            raise FormatError("the file holds no image that can be decoded")
        self._end(self._writer)
        if self._output is not None and not self._written:
            raise AlreadyThereError(errno.EEXIST, "has all images already", f"{self._output}/")
        without = ", ".join(self._left_out)
        text = "".join(f"  {words}" for words in [*self._changes, *([f"without {without}"] if without else [])])
        if self._output is None:
            return Finished(None, f"standard output{text}", without)
        if self._paths is None:
            return Finished(self._written[0], text, without)
        return Finished(None, f"{self._output}/  {count_of(len(self._written), 'file')}{text}", without)
