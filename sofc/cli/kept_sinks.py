"""The file that an sofc file keeps, and the images of such a file."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from sofc.cli.console import size
from sofc.cli.destinations import original_name
from sofc.cli.image_sink import ImageSink
from sofc.cli.outputs import OutputFiles
from sofc.cli.sinks import Finished, Samples, WholeImages
from sofc.cli.spool import Shelf, Spool
from sofc.container.records import Metadata, MetadataKind
from sofc.errors import LimitError, SofcError, UsageError
from sofc.files import let_go, naming
from sofc.image import ImageHeader
from sofc.imagefiles import FORMATS, SUFFIXES, may_be_called, on_disk
from sofc.imagefiles.rows import LARGE_BYTES
from sofc.keepfile import MAX_FILE_BYTES, FileCodebooks, first_bytes, original_in, restore_pieces
from sofc.metadata import pages_item, read, split
from sofc.rows import FileRows


class OriginalSink(WholeImages):
    """The original file that the sofc file keeps.

    ``output`` as for ImageSink; where it is not ``complete``, the file gets its own name in that folder.
    ``codebooks``: those of the sofc file, by number.
    """

    wants_images = False

    def __init__(self, output: Path | None, *, complete: bool, files: OutputFiles, codebooks: FileCodebooks) -> None:
        super().__init__()
        self._output = output
        self._complete = complete
        self._files = files
        self._codebooks = codebooks
        self._metadata: list[Metadata] = []
        self._images: list[FileRows] = []
        self._room = MAX_FILE_BYTES
        self.spools_at = output or Path(tempfile.gettempdir())
        self._shelf = Shelf(self.spools_at)
        self.callback(self._shelf.close)

    def metadata(self, metadata: Metadata, image: int | None) -> None:
        """Take what restores the file."""
        if metadata.kind == MetadataKind.ORIGINAL:
            self._metadata.append(metadata)

    def spooled(self, number: int, spool: Spool) -> None:
        """Take a whole image, on disk."""
        self._take(spool.rows())

    def image(self, number: int, samples: Samples) -> None:
        """Take a whole image."""
        self._take(self._shelf.add(samples))

    def _take(self, samples: FileRows) -> None:
        self._room -= samples.nbytes
        if self._room < 0:
            raise LimitError(
                f"the images that the original file is made from have more than {MAX_FILE_BYTES} bytes; "
                "--images writes them one by one"
            )
        self._images.append(samples)

    def pieces(self) -> Iterator[bytes]:
        """The file, once all images are there; FormatError behind the last piece where it is not as it was."""
        self.end()
        return restore_pieces(original_in(self._metadata), self._images, self._codebooks)

    def finish(self) -> Finished:
        """Write the file."""
        if self._output is None:
            checked = cast(BinaryIO, tempfile.SpooledTemporaryFile(LARGE_BYTES))  # noqa: SIM115 - closed below
            with contextlib.ExitStack() as stack:
                stack.callback(let_go, checked)
                for piece in self.pieces():
                    with naming(tempfile.gettempdir()):
                        checked.write(piece)
                written = checked.tell()
                with naming(tempfile.gettempdir()):  # what was not written yet is now
                    checked.seek(0)
                shutil.copyfileobj(checked, sys.stdout.buffer)
            return Finished(None, f"standard output  {size(written)}, the original file")
        target = self._path(self._output)
        with self._files.create(target, exactly=self._complete and target == self._output) as (file, output):
            for piece in self.pieces():
                file.write(piece)
        return Finished(output, "  the original file")

    def _path(self, output: Path) -> Path:
        """Where to write: the name that the file keeps is untrusted, unless that of the sofc file stands for it."""
        name = original_name(output.name, self._metadata[0].key)
        if not self._complete:
            return output.with_name(name or output.name)
        if output.is_dir():
            return output / (name or "original")
        suffix = output.suffix.lower()
        if name is None or suffix not in SUFFIXES:
            return output
        if not may_be_called(suffix, name, first_bytes(original_in(self._metadata))):
            written = ", ".join(FORMATS.values())
            raise UsageError(f"the original file is {name}: name the output so, or {written} for its images")
        return output


class KeptImagesSink(WholeImages):
    """The images of a file that is kept, with the metadata that stands in that file, for another sink.

    Until the file can be restored they are on disk, but for few small ones. ``codebooks``: those of the sofc file, by
    number.
    """

    def __init__(self, inner: ImageSink, codebooks: FileCodebooks) -> None:
        super().__init__()
        self._inner = self.enter_context(inner)
        self._codebooks = codebooks
        self._metadata: list[Metadata] = []
        self.spools_at = inner.spools_at
        self._shelf = Shelf(self.spools_at or Path(tempfile.gettempdir()))
        self.callback(self._shelf.close)
        self._images: list[tuple[int, ImageHeader, FileRows, Spool | None]] = []

    def metadata(self, metadata: Metadata, image: int | None) -> None:
        """Take what restores the file."""
        if metadata.kind == MetadataKind.ORIGINAL:
            self._metadata.append(metadata)

    def image(self, number: int, samples: Samples) -> None:
        """Take a whole image."""
        assert self._header is not None
        self._images.append((number, self._header, self._shelf.add(samples), None))

    def spooled(self, number: int, spool: Spool) -> None:
        """Take a whole image that is on disk."""
        assert self._header is not None
        self._images.append((number, self._header, spool.rows(), spool))

    def finish(self) -> Finished:
        """Pass on everything."""
        self.end()
        common, own = self._read_metadata()
        for item in common:
            self._inner.metadata(item, None)
        for (number, header, rows, spool), items in zip(self._images, own, strict=True):
            self._inner.header(number, header)
            for item in items:
                self._inner.metadata(item, number)
            if spool is not None:
                self._inner.spooled(number, spool)
            else:
                self._inner.image(number, rows[:])
        return self._inner.finish()._replace(left_out="the file that is kept: its images alone are written")

    def _read_metadata(self) -> tuple[list[Metadata], list[list[Metadata]]]:
        """Of all images, and of each. None where the file cannot be restored: its images may be whole all the same."""
        original = original_in(self._metadata)
        images = [rows for _, _, rows, _ in self._images]
        try:
            with on_disk(original.name, restore_pieces(original, images, self._codebooks)) as path:
                common, own = split(read(path, len(images)))
                return [*common, *pages_item(path, len(images))], own
        except SofcError:
            return [], [[] for _ in images]
