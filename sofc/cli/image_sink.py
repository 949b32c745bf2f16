"""Image files of what is decoded: one, a folder of them, pages of one, an array."""

from __future__ import annotations

import contextlib
import errno
import io
import sys
from pathlib import Path

import numpy as np

from sofc.cli.console import count_of, size
from sofc.cli.names import OutputNames
from sofc.cli.outputs import AlreadyThereError, Output, OutputFiles
from sofc.cli.packing import DecodedImage, Packer
from sofc.cli.sinks import Finished, Samples, WholeImages
from sofc.cli.spool import Spool
from sofc.collection import names_in
from sofc.container.records import Metadata
from sofc.errors import FormatError, UsageError
from sofc.image import ImageHeader
from sofc.imagefiles import FORMATS, format_for
from sofc.imagefiles.save import fits_tiff
from sofc.metadata import makes_pages
from sofc.metadata.tiff import Pages


class ImageSink(WholeImages):
    """Image files: one file for one image, a folder for several.

    ``output`` is the path to write; with ``complete`` it is the user's own, suffix and all, otherwise the
    format's suffix is added. None is standard output.
    """

    def __init__(self, output: Path | None, *, complete: bool, file_format: str | None, files: OutputFiles) -> None:
        super().__init__()
        self._names_file = False
        if complete and output is not None and not output.is_dir():
            # A folder may turn out to be right, for a file of several images; a file is not.
            files.refuse_overwrite(output)
            if file_format is None and output.suffix:
                file_format = format_for(output)
                self._names_file = True
        self._output = output
        self.spools_at = None if files.read_back else output
        self._complete = complete
        self._format = file_format
        self._files = files
        self._kept_names: list[str] = []
        self._names: dict[str, OutputNames] = {}
        self._common: list[Metadata] = []
        self._own: list[Metadata] = []
        self._held: DecodedImage | None = None
        self._pages: Pages | None = None
        self._paged: Output | None = None  # the file of pages
        self._stack: list[DecodedImage] | None = None  # images of one array
        self._packer = Packer(self._common, read_back=files.read_back)
        self._count = self._saved = 0

    def metadata(self, metadata: Metadata, image: int | None) -> None:
        """Keep what the image files can hold, and the images' names."""
        (self._common if image is None else self._own).append(metadata)
        if image is None:
            self._kept_names = self._kept_names or names_in([metadata])

    def header(self, image: int, header: ImageHeader) -> None:
        """An image begins, with metadata of its own."""
        super().header(image, header)
        self._own = []

    def image(self, number: int, samples: Samples) -> None:
        """Take a whole image."""
        assert self._header is not None
        self._next(DecodedImage(number, samples, self._header, self._own))

    def spooled(self, number: int, spool: Spool) -> None:
        """Take a whole image that is on disk."""
        assert self._header is not None
        self._next(DecodedImage(number, spool.rows(), self._header, self._own, spool))

    def _next(self, image: DecodedImage) -> None:
        self._count += 1
        if self._count == 1:
            self._held = image
            return
        if self._output is None:
            raise UsageError(
                "a file of several images cannot go to standard output as images; use --raw, of a video --format y4m, "
                "or a folder"
            )
        if self._held is not None:
            first, self._held = self._held, None
            if self._makes_pages(first):
                self._begin_pages()
            elif self._format == "npy" and self._names_file:
                self._stack = []
            self._one_of_several(first)
        self._one_of_several(image)

    def finish(self) -> Finished:
        """Write what is still held."""
        self.end()
        if self._held is not None:
            written = self._single(self._held)
        elif self._pages is not None:
            written = self._finish_pages(self._pages)
        elif self._stack is not None:
            written = self._finish_stack(self._stack)
        elif self._count == 0:
            raise FormatError("the file holds no image that can be decoded")
        else:
            if not self._saved:
                raise AlreadyThereError(errno.EEXIST, "has all images already", f"{self._output}/")
            written = Finished(None, f"{self._output}/  {count_of(self._saved, 'image')}")
        return written._replace(text=written.text + self._packer.remarks, left_out=self._packer.left_out)

    def _makes_pages(self, first: DecodedImage) -> bool:
        """Whether all images go into one TIFF file: where it is named, or what is kept says so."""
        if self._format == "tiff" and self._names_file:
            return True
        items = self._packer.items_of(first)
        return self._format in (None, "tiff") and makes_pages(items) and fits_tiff(first.samples)

    def _begin_pages(self) -> None:
        assert self._output is not None
        path = self._path_of_one(self._output, "tiff")
        self._file, self._paged = self.enter_context(self._files.create(path, exactly=path == self._output))
        # What is to be read back is written in one go.
        self._buffer = io.BytesIO() if self._files.read_back else None
        self._pages = Pages(self._buffer or self._file)

    def _one_of_several(self, image: DecodedImage) -> None:
        if self._stack is not None:
            self._stack.append(image)
            return
        if self._pages is None:
            self._into_folder(image)
        else:
            self._packer.check(image, "tiff", self._packer.add_page(self._pages, image))
        image.close()

    def _finish_pages(self, pages: Pages) -> Finished:
        self._packer.finish_pages(pages)
        if self._buffer is not None:
            self._file.write(self._buffer.getbuffer())
        return Finished(self._paged, f"  {count_of(self._count, 'page')}")

    def _finish_stack(self, images: list[DecodedImage]) -> Finished:
        """All images as one array, along a first axis."""
        assert self._output is not None
        kinds = {(image.samples.shape, image.samples.dtype) for image in images}
        if len(kinds) > 1:
            raise UsageError(f"the images are of {len(kinds)} kinds and make no array: name a folder for them")
        for image in images:
            self._packer.note_left_out(image, "npy")
        with self._files.create(self._output, exactly=True) as (file, output):
            np.save(file, np.stack([image.samples[:] for image in images]), allow_pickle=False)
        for image in images:
            image.close()
        return Finished(output, f"  {count_of(self._count, 'image')}")

    def _into_folder(self, image: DecodedImage) -> None:
        assert self._output is not None
        if self._output.is_file():
            raise UsageError(f"{self._output} is a file; the input holds several images and needs a folder")
        file_format = self._packer.format_of(image, self._format)
        names = self._names.setdefault(FORMATS[file_format], OutputNames(self._kept_names, FORMATS[file_format]))
        with contextlib.suppress(AlreadyThereError):
            self._save(self._output / names(image.number), image, file_format)
            self._saved += 1

    def _single(self, image: DecodedImage) -> Finished:
        file_format = self._packer.format_of(image, self._format)
        if self._output is None:
            buffer = io.BytesIO()  # standard output cannot go back to the head
            self._packer.pack(image, file_format, buffer, pages=1)
            sys.stdout.buffer.write(buffer.getbuffer())
            return Finished(None, f"standard output  {size(len(buffer.getvalue()))} of {file_format}")
        path = self._path_of_one(self._output, file_format)
        return Finished(self._save(path, image, file_format, exactly=path == self._output, pages=1), "")

    def _path_of_one(self, output: Path, file_format: str) -> Path:
        """The path of the one file, with a suffix."""
        return output if self._complete and output.suffix else output.with_name(output.name + FORMATS[file_format])

    def _save(
        self, path: Path, image: DecodedImage, file_format: str, *, exactly: bool = False, pages: int = 0
    ) -> Output:
        with self._files.create(path, exactly=exactly) as (file, output):
            # What is to be read back is written in one go.
            buffer = io.BytesIO() if self._files.read_back else None
            self._packer.pack(image, file_format, buffer or file, pages=pages)
            if buffer is not None:
                self._packer.check(image, file_format, buffer)
                file.write(buffer.getbuffer())
        return output
