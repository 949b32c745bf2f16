"""The file that an sofc file keeps, and the images of such a file."""

from __future__ import annotations

import sys
from pathlib import Path

from sofc.cli.console import size
from sofc.cli.destinations import original_name
from sofc.cli.image_sink import ImageSink
from sofc.cli.outputs import OutputFiles
from sofc.cli.sinks import Finished, Samples, WholeImages
from sofc.container.records import Metadata, MetadataKind
from sofc.errors import LimitError, SofcError, UsageError
from sofc.image import ImageHeader
from sofc.imagefiles import FORMATS, JPEG_SUFFIXES, SUFFIXES, on_disk
from sofc.keepfile import MAX_FILE_BYTES, FileCodebooks, original_in, restore_items
from sofc.keepfile.restore import restore
from sofc.metadata import pages_item, read, split


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
        self._images: list[Samples] = []
        self._room = MAX_FILE_BYTES

    def metadata(self, metadata: Metadata, image: int | None) -> None:
        """Take what restores the file."""
        if metadata.kind == MetadataKind.ORIGINAL:
            self._metadata.append(metadata)

    def image(self, number: int, samples: Samples) -> None:
        """Take a whole image."""
        self._room -= samples.nbytes
        if self._room < 0:
            raise LimitError(
                f"the images that the original file is made from have more than {MAX_FILE_BYTES} bytes; "
                "--images writes them one by one"
            )
        self._images.append(samples)

    def restored(self) -> bytes:
        """The file, once all images are there. Raises FormatError where it is not as it was."""
        self.end()
        return restore_items(self._metadata, self._images, self._codebooks)

    def finish(self) -> Finished:
        """Write the file."""
        data = self.restored()
        if self._output is None:
            sys.stdout.buffer.write(data)
            return Finished(None, f"standard output  {size(len(data))}, the original file")
        target = self._path(self._output)
        with self._files.create(target, exactly=self._complete and target == self._output) as (file, output):
            file.write(data)
        return Finished(output, "  the original file")

    def _path(self, output: Path) -> Path:
        """Where to write: the name that the file keeps is untrusted, unless that of the sofc file stands for it."""
        name = original_name(output.name, self._metadata[0].key)
        if not self._complete:
            return output.with_name(name or output.name)
        if output.is_dir():
            return output / (name or "original")
        suffix, own = output.suffix.lower(), "" if name is None else Path(name).suffix.lower()
        is_alike = suffix == own or {suffix, own} <= {*JPEG_SUFFIXES}
        if name is not None and suffix in SUFFIXES and not is_alike:
            written = ", ".join(FORMATS.values())
            raise UsageError(f"the original file is {name}: name the output so, or {written} for its images")
        return output


class KeptImagesSink(WholeImages):
    """The images of a file that is kept, with the metadata that stands in that file, for another sink.

    They are held in memory until the file can be restored. ``codebooks``: those of the sofc file, by number.
    """

    def __init__(self, inner: ImageSink, codebooks: FileCodebooks) -> None:
        super().__init__()
        self._inner = self.enter_context(inner)
        self._codebooks = codebooks
        self._metadata: list[Metadata] = []
        self._images: list[tuple[int, ImageHeader, Samples]] = []

    def metadata(self, metadata: Metadata, image: int | None) -> None:
        """Take what restores the file."""
        if metadata.kind == MetadataKind.ORIGINAL:
            self._metadata.append(metadata)

    def image(self, number: int, samples: Samples) -> None:
        """Take a whole image."""
        assert self._header is not None
        self._images.append((number, self._header, samples))

    def finish(self) -> Finished:
        """Pass on everything."""
        self.end()
        common, own = self._read_metadata()
        for item in common:
            self._inner.metadata(item, None)
        for (number, header, samples), items in zip(self._images, own, strict=True):
            self._inner.header(number, header)
            for item in items:
                self._inner.metadata(item, number)
            self._inner.image(number, samples)
        return self._inner.finish()._replace(left_out="the file that is kept: its images alone are written")

    def _read_metadata(self) -> tuple[list[Metadata], list[list[Metadata]]]:
        """Of all images, and of each. None where the file cannot be restored: its images may be whole all the same."""
        original = original_in(self._metadata)
        samples = [samples for _, _, samples in self._images]
        try:
            with on_disk(original.name, restore(original, samples, self._codebooks)) as path:
                common, own = split(read(path, len(samples)))
                return [*common, *pages_item(path, len(samples))], own
        except SofcError:
            return [], [[] for _ in samples]
