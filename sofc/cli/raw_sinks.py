"""Decoded samples as they come, and as the file of a volume."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import BinaryIO, cast

from sofc.cli.console import size
from sofc.cli.outputs import Output, OutputFiles
from sofc.cli.sinks import Finished, Samples, Sink
from sofc.container.records import Metadata, MetadataKind
from sofc.errors import FormatError, UsageError
from sofc.image import ImageHeader
from sofc.metadata.volume import FORMATS as VOLUME_FORMATS
from sofc.metadata.volume import PACKED, volume_of


class RawSink(Sink):
    """Interleaved little-endian samples of all images, one after the other, written as they come."""

    _suffix = ".raw"

    def __init__(self, output: Path | None, *, complete: bool, files: OutputFiles) -> None:
        super().__init__()
        if output is not None and not complete:
            output = output.with_name(output.name + self._suffix)
        self._output: Output | None = None
        self._written = 0
        self._left_out = ""
        self._file: BinaryIO
        if output is None:
            self._file = sys.stdout.buffer
        else:
            self._file, self._output = self.enter_context(files.create(output, exactly=complete))

    def metadata(self, metadata: Metadata, image: int | None) -> None:
        """Raw samples have no place for it, but the head of a volume is that."""
        if metadata.kind != MetadataKind.VOLUME:
            self._left_out = "metadata"

    def header(self, image: int, header: ImageHeader) -> None:
        """An image begins."""
        self._header = header

    def rows(self, rows: Samples) -> None:
        """Write rows."""
        data = rows.astype(rows.dtype.newbyteorder("<"), copy=False).tobytes()
        self._file.write(data)
        self._written += len(data)

    def end(self) -> None:
        """An image ends."""

    def image(self, number: int, samples: Samples) -> None:
        """Write a whole image."""
        self.rows(samples)

    def finish(self) -> Finished:
        """All is written."""
        self._file.flush()
        self.close()
        name = "" if self._output else "standard output"
        return Finished(self._output, f"{name}  {size(self._written)} of samples", self._left_out)


class VolumeSink(RawSink):
    """One file of a volume, as the kept ``head`` says: the head, then all slices. ``file_format``: of its ``FORMATS``.

    Raises UsageError where there is no head, or that of another format.
    """

    def __init__(
        self, output: Path | None, *, head: Metadata | None, file_format: str, complete: bool, files: OutputFiles
    ) -> None:
        if head is None:
            raise UsageError(f"the sofc file holds no head of one volume, which --format {file_format} needs")
        if head.key != VOLUME_FORMATS[file_format]:
            raise UsageError(f"the volume is of another format ({head.key}) than {file_format}, and is not converted")
        self._volume = volume_of(head)
        self._suffix = self._volume.suffix
        self._files = files
        if output is not None and complete and self._volume.head:
            output = output.with_suffix(self._suffix)  # of a pair the file with the samples
        super().__init__(output, complete=complete, files=files)
        if complete and output is not None and output.name.lower().endswith(PACKED):
            self._file = cast(BinaryIO, self.enter_context(gzip.GzipFile("", "wb", fileobj=self._file, mtime=0)))
        self._file.write(self._volume.before)

    def header(self, image: int, header: ImageHeader) -> None:
        """A slice begins. Raises FormatError where it is none of those that the head speaks of."""
        kind, shape = (header.format.dtype_name, header.format.components), (header.width, header.height)
        if kind != self._volume.kind or shape != self._volume.shape:
            raise FormatError(
                f"image {image} has {shape[0]} x {shape[1]} samples of type {kind[0]}, and the head of the volume "
                f"speaks of {self._volume.shape[0]} x {self._volume.shape[1]} of type {self._volume.kind[0]}: "
                "--format tiff writes the images alone"
            )
        super().header(image, header)

    def rows(self, rows: Samples) -> None:
        """Write rows in the byte order of the head."""
        super().rows(rows if self._volume.order == "<" else rows.byteswap())

    def finish(self) -> Finished:
        """All is written. Raises FormatError where the images are not all those that the head speaks of."""
        if self._written != self._volume.size:
            raise FormatError(
                f"the images have {self._written} bytes of samples, and the head of the volume speaks of "
                f"{self._volume.size}: --format tiff writes the images alone"
            )
        self._file.write(self._volume.after)
        if self._volume.head:
            if self._output is None:
                raise UsageError("a volume of two files cannot go to standard output; name a file with -o")
            with self._files.create(self._output.path.with_suffix(".hdr")) as (file, _):
                file.write(self._volume.head)
        return super().finish()
