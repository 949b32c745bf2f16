"""Where decoded samples go: raw samples as they come, or image files."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import shutil
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from sofc.cli.console import count_of, size
from sofc.cli.destinations import original_name
from sofc.cli.names import OutputNames
from sofc.cli.outputs import AlreadyThereError, Output, OutputFiles
from sofc.cli.spool import Spool, is_large
from sofc.collection import names_in
from sofc.container.records import Metadata, MetadataKind
from sofc.errors import FormatError, LimitError, SofcError, UsageError
from sofc.image import ImageHeader, Meaning
from sofc.imagefiles import FORMATS, JPEG_SUFFIXES, SUFFIXES, format_for, images_in, on_disk, png, usual_format
from sofc.imagefiles.rows import LARGE_BYTES
from sofc.imagefiles.save import FEW_BITS, fits_tiff, write, write_rows
from sofc.keepfile import MAX_FILE_BYTES, FileCodebooks, original_in, restore_pieces
from sofc.keepfile.restore import restore
from sofc.metadata import left_out, makes_pages, needs_tiff, pages_item, put_back, read, split
from sofc.metadata.tiff import Pages
from sofc.metadata.volume import FORMATS as VOLUME_FORMATS
from sofc.metadata.volume import PACKED, volume_of
from sofc.rows import FileRows

Samples = npt.NDArray[Any]


class Finished(NamedTuple):
    """What was written: a file, if it is one, whose name may change until it is published, and words."""

    output: Output | None
    text: str
    left_out: str = ""
    """Of what the sofc file holds."""

    def __str__(self) -> str:
        return self.text if self.output is None else f"{self.output.path}{self.text}"


class Sink(contextlib.ExitStack, ABC):
    """Takes what a decoder gives, in its order. Leaving it by an error leaves no half-written file.

    ``wants_images``: whether it is to get images at all costs, be it those of a file that is kept whole.
    """

    wants_images = True

    @abstractmethod
    def metadata(self, metadata: Metadata, image: int | None) -> None:
        """A metadata item of the file, or of the images that began last with number ``image``."""

    @abstractmethod
    def header(self, image: int, header: ImageHeader) -> None:
        """Image number ``image``, or a run of images from it on, begins."""

    @abstractmethod
    def rows(self, rows: Samples) -> None:
        """The next rows of the image."""

    @abstractmethod
    def lost_rows(self, count: int) -> None:
        """Rows of the image that cannot be decoded."""

    @abstractmethod
    def end(self) -> None:
        """The image has all its rows."""

    @abstractmethod
    def image(self, number: int, samples: Samples) -> None:
        """A whole image."""

    @abstractmethod
    def finish(self) -> Finished:
        """The file ends; says what was written."""


def _zeros(header: ImageHeader, rows: int) -> Samples:
    components = header.format.components
    shape = (rows, header.width) if components == 1 else (rows, header.width, components)
    return np.zeros(shape, header.format.dtype_name)


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
        self._header: ImageHeader | None = None
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

    def lost_rows(self, count: int) -> None:
        """Write zeros, so that later rows keep their place."""
        if self._header is not None:
            self.rows(_zeros(self._header, count))

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


class _WholeImages(Sink):
    """Puts the rows of each image together. ``_spools_at``: where those of large ones go to disk, None for nowhere."""

    _spools_at: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        self._spool: Spool | None = None
        self._parts: list[Samples] = []
        self._whole: Samples | None = None
        self._rows = 0
        self._number = 0
        self._header: ImageHeader | None = None

    def header(self, image: int, header: ImageHeader) -> None:
        """An image begins; what is left of one that lost its end is kept."""
        self.end()
        self._number = image
        self._header = header

    def rows(self, rows: Samples) -> None:
        """Take rows of the image."""
        height = None if self._header is None else self._header.height
        if self._header is not None and self._spools_at is not None and self._rows == 0 and is_large(self._header):
            self._spool = Spool(self._spools_at, self._header)
            self.callback(self._spool.close)
        if self._spool is not None:
            self._spool.add(rows)
        elif self._whole is None and not self._parts and height is not None and len(rows) < height:
            self._whole = np.zeros((height, *rows.shape[1:]), rows.dtype)
        if self._whole is not None and self._rows + len(rows) <= len(self._whole):
            self._whole[self._rows : self._rows + len(rows)] = rows
        elif self._spool is None:
            self._parts.append(rows)
        self._rows += len(rows)

    def lost_rows(self, count: int) -> None:
        """Zeros take the place of rows."""
        if self._header is not None:
            self.rows(_zeros(self._header, count))

    def end(self) -> None:
        """The image has all its rows."""
        whole, self._whole = self._whole, None
        spool, self._spool = self._spool, None
        parts, self._parts = self._parts, []
        rows, self._rows = self._rows, 0
        if whole is not None:
            parts.insert(0, whole[: min(rows, len(whole))])
        if spool is not None:
            self.spooled(self._number, spool)
        elif parts:
            self.image(self._number, parts[0] if len(parts) == 1 else np.concatenate(parts))

    def spooled(self, number: int, spool: Spool) -> None:
        """A whole image, on disk."""
        raise NotImplementedError


class OriginalSink(_WholeImages):
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
        self._images: list[Samples | FileRows] = []
        self._room = MAX_FILE_BYTES
        self._spools_at = output or Path(tempfile.gettempdir(), "original")

    def metadata(self, metadata: Metadata, image: int | None) -> None:
        """Take what restores the file."""
        if metadata.kind == MetadataKind.ORIGINAL:
            self._metadata.append(metadata)

    def spooled(self, number: int, spool: Spool) -> None:
        """Take a whole image, on disk."""
        self._take(spool.rows())

    def image(self, number: int, samples: Samples) -> None:
        """Take a whole image."""
        self._take(samples)

    def _take(self, samples: Samples | FileRows) -> None:
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
            with tempfile.SpooledTemporaryFile(LARGE_BYTES) as checked:
                checked.writelines(self.pieces())
                written = checked.tell()
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
        suffix, own = output.suffix.lower(), "" if name is None else Path(name).suffix.lower()
        is_alike = suffix == own or {suffix, own} <= {*JPEG_SUFFIXES}
        if name is not None and suffix in SUFFIXES and not is_alike:
            written = ", ".join(FORMATS.values())
            raise UsageError(f"the original file is {name}: name the output so, or {written} for its images")
        return output


class _Image(NamedTuple):
    number: int
    samples: Samples | FileRows
    header: ImageHeader
    metadata: list[Metadata]
    spool: Spool | None = None  # that the samples are read from


class ImageSink(_WholeImages):
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
        self._spools_at = None if files.read_back else output
        self._complete = complete
        self._format = file_format
        self._files = files
        self._kept_names: list[str] = []
        self._names: dict[str, OutputNames] = {}
        self._common: list[Metadata] = []
        self._own: list[Metadata] = []
        self._held: _Image | None = None
        self._pages: Pages | None = None
        self._paged: Output | None = None  # the file of pages
        self._stack: list[_Image] | None = None  # images of one array
        self._left_out: dict[str, None] = {}
        self._darker: dict[str, None] = {}
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
        self._next(_Image(number, samples, self._header, self._own))

    def spooled(self, number: int, spool: Spool) -> None:
        """Take a whole image that is on disk."""
        assert self._header is not None
        self._next(_Image(number, spool.rows(), self._header, self._own, spool))

    def _next(self, image: _Image) -> None:
        self._count += 1
        if self._count == 1:
            self._held = image
            return
        if self._output is None:
            raise UsageError("a file of several images cannot go to standard output as images; use --raw or a folder")
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
        left_out = ", ".join(self._left_out)
        without = f"  without {left_out}" if left_out else ""
        darker = "".join(f"  {text}" for text in self._darker)
        return written._replace(text=written.text + without + darker, left_out=left_out)

    def _format_of(self, image: _Image) -> str:
        if self._format is None and needs_tiff([*self._common, *image.metadata]) and fits_tiff(image.samples):
            return "tiff"
        return self._format or usual_format(image.samples, image.header.format.meaning)

    def _makes_pages(self, first: _Image) -> bool:
        """Whether all images go into one TIFF file: where it is named, or what is kept says so."""
        if self._format == "tiff" and self._names_file:
            return True
        items = [*self._common, *first.metadata]
        return self._format in (None, "tiff") and makes_pages(items) and fits_tiff(first.samples)

    def _begin_pages(self) -> None:
        assert self._output is not None
        path = self._output
        if not self._complete or not path.suffix:
            path = path.with_name(path.name + FORMATS["tiff"])
        self._file, self._paged = self.enter_context(self._files.create(path, exactly=path == self._output))
        # What is to be read back is written in one go.
        self._buffer = io.BytesIO() if self._files.read_back else None
        self._pages = Pages(self._buffer or self._file)

    def _one_of_several(self, image: _Image) -> None:
        if self._stack is not None:
            self._stack.append(image)
            return
        if self._pages is None:
            self._into_folder(image)
        else:
            items = [*self._common, *image.metadata]
            self._left_out |= dict.fromkeys(left_out("tiff", items))
            self._check(image, "tiff", self._add_page(self._pages, image, items))
        if image.spool is not None:
            image.spool.close()

    def _add_page(self, pages: Pages, image: _Image, items: list[Metadata]) -> io.BytesIO:
        """Add a page to a file of pages; the page as a file, of an image that is not in memory its first row."""
        self._note_bits(image, "tiff")
        if isinstance(image.samples, FileRows):
            page = self._written(image._replace(samples=image.samples[:1]), "tiff")
            pages.add_rows(page, image.samples, items)
        else:
            page = self._written(image, "tiff")
            pages.add(page, items)
        return page

    def _finish_pages(self, pages: Pages) -> Finished:
        self._left_out |= dict.fromkeys(pages.finish())
        if self._buffer is not None:
            self._file.write(self._buffer.getbuffer())
        return Finished(self._paged, f"  {count_of(self._count, 'page')}")

    def _finish_stack(self, images: list[_Image]) -> Finished:
        """All images as one array, along a first axis."""
        assert self._output is not None
        kinds = {(image.samples.shape, image.samples.dtype) for image in images}
        if len(kinds) > 1:
            raise UsageError(f"the images are of {len(kinds)} kinds and make no array: name a folder for them")
        self._left_out |= dict.fromkeys(name for one in images for name in left_out("npy", one.metadata))
        self._left_out |= dict.fromkeys(left_out("npy", self._common))
        with self._files.create(self._output, exactly=True) as (file, output):
            np.save(file, np.stack([image.samples[:] for image in images]), allow_pickle=False)
        for image in images:
            if image.spool is not None:
                image.spool.close()
        return Finished(output, f"  {count_of(self._count, 'image')}")

    def _into_folder(self, image: _Image) -> None:
        assert self._output is not None
        if self._output.is_file():
            raise UsageError(f"{self._output} is a file; the input holds several images and needs a folder")
        file_format = self._format_of(image)
        names = self._names.setdefault(FORMATS[file_format], OutputNames(self._kept_names, FORMATS[file_format]))
        with contextlib.suppress(AlreadyThereError):
            self._save(self._output / names(image.number), image, file_format)
            self._saved += 1

    def _single(self, image: _Image) -> Finished:
        file_format = self._format_of(image)
        if self._output is None:
            buffer = io.BytesIO()  # standard output cannot go back to the head
            self._pack(image, file_format, buffer, pages=1)
            sys.stdout.buffer.write(buffer.getbuffer())
            return Finished(None, f"standard output  {size(len(buffer.getvalue()))} of {file_format}")
        path = self._output
        if not self._complete or not path.suffix:
            path = path.with_name(path.name + FORMATS[file_format])
        return Finished(self._save(path, image, file_format, exactly=path == self._output, pages=1), "")

    def _save(self, path: Path, image: _Image, file_format: str, *, exactly: bool = False, pages: int = 0) -> Output:
        with self._files.create(path, exactly=exactly) as (file, output):
            # What is to be read back is written in one go.
            buffer = io.BytesIO() if self._files.read_back else None
            self._pack(image, file_format, buffer or file, pages=pages)
            if buffer is not None:
                self._check(image, file_format, buffer)
                file.write(buffer.getbuffer())
        return output

    def _note_bits(self, image: _Image, file_format: str) -> None:
        """Remember to say that samples have fewer bits than viewers will take them to have."""
        samples, room = image.header.format, 8 * image.samples.dtype.itemsize
        bits = max(samples.declared_bits, samples.coded_bits)
        has_own_bits = samples.components == 1 and not samples.signed and bits in FEW_BITS
        is_shown = file_format in ("png", "tiff") and samples.meaning != Meaning.PALETTE and samples.wide is None
        if is_shown and not has_own_bits and 1 < bits < room:
            self._darker[f"{bits} bits a sample in {room}: viewers may show it darker"] = None

    def _pack(self, image: _Image, file_format: str, file: BinaryIO, *, pages: int = 0) -> None:
        """Write the image file, with the metadata that it can hold."""
        self._note_bits(image, file_format)
        items = [*self._common, *image.metadata]
        self._left_out |= dict.fromkeys(left_out(file_format, items))
        if file_format == "tiff":
            page = Pages(file)
            self._add_page(page, image, items)
            self._left_out |= dict.fromkeys(page.finish(described=pages == 1))
        elif isinstance(image.samples, FileRows):
            self._pack_rows(image, image.samples, file_format, file, items)
        else:
            file.write(put_back(self._written(image, file_format).getvalue(), file_format, items))

    def _pack_rows(
        self, image: _Image, rows: FileRows, file_format: str, file: BinaryIO, items: list[Metadata]
    ) -> None:
        """Write an image that is not in memory to a file that is no TIFF file."""
        if file_format == "png":
            first = self._written(image._replace(samples=rows[:1]), file_format).getvalue()
            png.write_rows(file, put_back(first, file_format, items), rows)
        else:
            write_rows(file, rows, file_format, declared_bits=image.header.format.declared_bits)

    @staticmethod
    def _written(image: _Image, file_format: str) -> io.BytesIO:
        buffer = io.BytesIO()
        samples = image.header.format
        write(buffer, image.samples[:], file_format, declared_bits=samples.declared_bits, meaning=samples.meaning)
        return buffer

    def _check(self, image: _Image, file_format: str, data: io.BytesIO) -> None:
        """Raise SofcError where an image file is to be read back and is not the image."""
        if self._files.read_back:
            read = images_in(f"image{FORMATS[file_format]}", data.getvalue())
            if len(read) != 1 or not np.array_equal(read[0].array, image.samples[:]):
                raise SofcError(f"image {image.number}, written as {file_format}, does not read back the same")


class KeptImagesSink(_WholeImages):
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
