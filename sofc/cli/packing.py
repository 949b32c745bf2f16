"""One image as a file of a format, with what of its metadata that can hold."""

from __future__ import annotations

import io
from typing import BinaryIO, NamedTuple

import numpy as np

from sofc.cli.sinks import Samples
from sofc.cli.spool import Spool
from sofc.container.records import Metadata
from sofc.errors import SofcError
from sofc.image import ImageHeader, Meaning
from sofc.imagefiles import FORMATS, images_in, png, usual_format
from sofc.imagefiles.save import FEW_BITS, fits_tiff, write, write_rows
from sofc.metadata import left_out, needs_tiff, put_back
from sofc.metadata.tiff import Pages
from sofc.rows import FileRows


class DecodedImage(NamedTuple):
    """A whole image, with the metadata that is its own."""

    number: int
    samples: Samples | FileRows
    header: ImageHeader
    metadata: list[Metadata]
    spool: Spool | None = None  # that the samples are read from

    def close(self) -> None:
        """Let go of the samples on disk."""
        if self.spool is not None:
            self.spool.close()


class Packer:
    """Writes image files, and remembers what is to be said of all of them.

    ``common``: metadata of all images, to which the owner may add. ``read_back``: whether ``check`` is to do anything.
    """

    def __init__(self, common: list[Metadata], *, read_back: bool) -> None:
        self._common = common
        self._read_back = read_back
        self._left_out: dict[str, None] = {}
        self._darker: dict[str, None] = {}

    @property
    def left_out(self) -> str:
        """What the files do not hold, by its names."""
        return ", ".join(self._left_out)

    @property
    def remarks(self) -> str:
        """What is to be said of the files."""
        without = f"  without {self.left_out}" if self._left_out else ""
        return without + "".join(f"  {text}" for text in self._darker)

    def items_of(self, image: DecodedImage) -> list[Metadata]:
        """Its metadata, with that of all images."""
        return [*self._common, *image.metadata]

    def note_left_out(self, image: DecodedImage, file_format: str) -> None:
        """Remember what of an image's metadata a format cannot hold."""
        self._left_out |= dict.fromkeys(left_out(file_format, self.items_of(image)))

    def format_of(self, image: DecodedImage, wanted: str | None) -> str:
        """The format for an image, where none is wanted the one that holds it and its metadata."""
        if wanted is None and needs_tiff(self.items_of(image)) and fits_tiff(image.samples):
            return "tiff"
        return wanted or usual_format(image.samples, image.header.format.meaning)

    def finish_pages(self, pages: Pages, *, described: bool = True) -> None:
        """End a file of pages. ``described``: these are all the images."""
        self._left_out |= dict.fromkeys(pages.finish(described=described))

    def add_page(self, pages: Pages, image: DecodedImage) -> io.BytesIO:
        """Add a page to a file of pages; the page as a file, of an image that is not in memory its first row."""
        self.note_left_out(image, "tiff")
        self._note_bits(image, "tiff")
        items = self.items_of(image)
        if isinstance(image.samples, FileRows):
            page = self._written(image._replace(samples=image.samples[:1]), "tiff")
            pages.add_rows(page, image.samples, items)
        else:
            page = self._written(image, "tiff")
            pages.add(page, items)
        return page

    def _note_bits(self, image: DecodedImage, file_format: str) -> None:
        """Remember to say that samples have fewer bits than viewers will take them to have."""
        samples, room = image.header.format, 8 * image.samples.dtype.itemsize
        bits = max(samples.declared_bits, samples.coded_bits)
        has_own_bits = samples.components == 1 and not samples.signed and bits in FEW_BITS
        is_shown = file_format in ("png", "tiff") and samples.meaning != Meaning.PALETTE and samples.wide is None
        if is_shown and not has_own_bits and 1 < bits < room:
            self._darker[f"{bits} bits a sample in {room}: viewers may show it darker"] = None

    def pack(self, image: DecodedImage, file_format: str, file: BinaryIO, *, pages: int = 0) -> None:
        """Write the image file, with the metadata that it can hold."""
        if file_format == "tiff":
            page = Pages(file)
            self.add_page(page, image)
            self.finish_pages(page, described=pages == 1)
            return
        self._note_bits(image, file_format)
        self.note_left_out(image, file_format)
        if isinstance(image.samples, FileRows):
            self._pack_rows(image, image.samples, file_format, file)
        else:
            file.write(put_back(self._written(image, file_format).getvalue(), file_format, self.items_of(image)))

    def _pack_rows(self, image: DecodedImage, rows: FileRows, file_format: str, file: BinaryIO) -> None:
        """Write an image that is not in memory to a file that is no TIFF file."""
        if file_format == "png":
            first = self._written(image._replace(samples=rows[:1]), file_format).getvalue()
            png.write_rows(file, put_back(first, file_format, self.items_of(image)), rows)
        else:
            write_rows(file, rows, file_format, declared_bits=image.header.format.declared_bits)

    @staticmethod
    def _written(image: DecodedImage, file_format: str) -> io.BytesIO:
        buffer = io.BytesIO()
        samples = image.header.format
        write(buffer, image.samples[:], file_format, declared_bits=samples.declared_bits, meaning=samples.meaning)
        return buffer

    def check(self, image: DecodedImage, file_format: str, data: io.BytesIO) -> None:
        """Raise SofcError where an image file is to be read back and is not the image."""
        if self._read_back:
            read = images_in(f"image{FORMATS[file_format]}", data.getvalue())
            if len(read) != 1 or not np.array_equal(read[0].array, image.samples[:]):
                raise SofcError(f"image {image.number}, written as {file_format}, does not read back the same")
