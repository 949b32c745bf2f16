"""One-shot and file functions: the one library module that opens image files of sofc.

Importing it loads neither numpy nor any coder; what needs them loads them.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, pairwise, repeat
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from sofc.codebook import Codebook
from sofc.codebook.model import REFERENCE_SIZE
from sofc.codebook.store import find_codebook
from sofc.container import schema
from sofc.container.chunks import (
    FILE_HEAD_SIZE,
    REFERENCE_TYPES,
    check_signature,
    unpack_band,
    unpack_file_head,
    unpack_group,
    unpack_image_head,
    unpack_metadata,
    unpack_reference,
)
from sofc.container.records import CodebookReference, CodedBand, CodedGroup, ImageHead, Metadata
from sofc.container.walker import bytes_of, is_ancillary, walk
from sofc.errors import CodebookError, FormatError, TruncatedError, UsageError
from sofc.files import replacing
from sofc.image import Band, ImageHeader, Meaning, PixelFormat
from sofc.limits import Limits
from sofc.stream.directory import Directory, Run, read_chunk, read_directory
from sofc.stream.layout import is_frame, is_small

if TYPE_CHECKING:
    import numpy.typing as npt

    from sofc.stream.encoder import Encoder

    Samples = npt.NDArray[Any]

Bytes = bytes | bytearray | memoryview
Source = str | os.PathLike[str] | Bytes | BinaryIO
"""A path, the bytes of a file, or a binary file object."""
Codebooks = Mapping[bytes, Codebook] | Callable[[CodebookReference], Codebook | None]
"""Codebooks by id (32 bytes, or the first 16); or what finds one, else gives None or raises CodebookError."""

_READ_BYTES = 1 << 18


# Headers.


def header_for(
    array: Samples, *, declared_bits: int | None = None, meaning: Meaning | int = Meaning.UNSPECIFIED
) -> ImageHeader:
    """The header of an image, shape (height, width) or (height, width, components), of bool or an 8 or 16 bit type.

    ``declared_bits`` is what the source said (1-16; default: the array type's bits); coded_bits is raised above
    it where a sample needs that. Raises UsageError for other arrays and for empty ones.
    """
    return _header(array, array.shape if hasattr(array, "shape") else (), declared_bits, meaning)


def _header(array: Samples, shape: tuple[int, ...], declared_bits: int | None, meaning: Meaning | int) -> ImageHeader:
    import numpy as np

    if not isinstance(array, np.ndarray):
        raise UsageError(f"an image must be a numpy array, not {type(array).__name__}")
    if array.dtype.kind not in "bui" or array.dtype.itemsize > 2:
        raise UsageError(
            f"{array.dtype.name} samples cannot be stored: convert those that fit to bool, uint8, int8, uint16 or "
            "int16 first, for example with array.astype(numpy.uint16)"
        )
    if len(shape) not in (2, 3):
        raise UsageError(f"an image has shape (height, width) or (height, width, components), not {shape}")
    if 0 in array.shape:
        raise UsageError(f"an image needs at least one sample; the shape is {array.shape}")
    declared = declared_bits if declared_bits is not None else _type_bits(array)
    low, high = int(array.min()), int(array.max())
    signed = array.dtype.kind == "i"
    needed = max(high, ~low).bit_length() + 1 if signed else max(1, high.bit_length())
    components = shape[2] if len(shape) == 3 else 1
    pixel_format = PixelFormat(components, max(needed, declared), declared, signed, Meaning(meaning))
    return ImageHeader(shape[1], shape[0], pixel_format)


def _type_bits(array: Samples) -> int:
    return 1 if array.dtype.kind == "b" else 8 * array.dtype.itemsize


def _rows_of(image: Samples) -> Samples:
    """One component without an axis of its own, as the encoder takes it."""
    return image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image


# One-shot functions.


def encode(
    image: Samples,
    /,
    *,
    batch: bool = False,
    declared_bits: int | None = None,
    meaning: Meaning | int = Meaning.UNSPECIFIED,
    **settings: Any,
) -> bytes:
    """The file of one image, shape (height, width) or (height, width, components), where components may be 1.

    ``batch``: the first axis counts images of equal size. ``settings`` are those of Encoder: codebook,
    embed_codebook, coder, effort, band_rows, verify, threads, metadata, digest, limits; without ``codebook`` a
    built-in one is used. Raises UsageError.
    """
    if not batch:
        return encode_images([image], declared_bits=declared_bits, meaning=meaning, **settings)
    header = _header(image, getattr(image, "shape", ())[1:], declared_bits, meaning)
    return b"".join(encode_each(((one, header) for one in image), **settings))


def encode_images(
    images: Iterable[Samples],
    /,
    *,
    declared_bits: int | None = None,
    meaning: Meaning | int = Meaning.UNSPECIFIED,
    **settings: Any,
) -> bytes:
    """The file of several images of any sizes and types. Small ones of one kind that follow each other are grouped."""
    with_headers = ((image, header_for(image, declared_bits=declared_bits, meaning=meaning)) for image in images)
    return b"".join(encode_each(with_headers, **settings))


def encode_each(
    images: Iterable[tuple[Samples, ImageHeader]],
    *,
    metadata_of_images: Iterable[Sequence[Metadata]] = (),
    **settings: Any,
) -> Iterator[bytes]:
    """The file of all the images in pieces, holding one image or one group of small ones at a time.

    ``metadata_of_images``: of the first image, the second and so on, besides that of the file. ``settings`` are those
    of ``Encoder``; with ``band_rows`` among them small images are cut into bands too, and ``key_interval`` 1 keeps each
    by itself. Raises UsageError where there is no image.
    """
    from sofc.stream.encoder import Encoder

    encoder = Encoder(**settings)
    may_group = not settings.get("band_rows") and settings.get("key_interval") != 1
    kind = None  # of the images being grouped
    item = None
    items = zip(images, chain(metadata_of_images, repeat(())), strict=False)
    for item, after in pairwise(chain(items, (None,))):
        (image, header), own = item  # type: ignore[misc]
        if (header, own) != kind:
            follows = after is not None and (after[0][1], after[1]) == (header, own)
            # A small image as a group of one has the bytes that write would give it.
            grouped = may_group and (is_small(header) or (follows and is_frame(header)))
            kind = (header, own) if grouped else None
            yield encoder.begin_image(header, metadata=own)
        rows = _rows_of(image)
        yield encoder.write_group(rows[None]) if kind else encoder.write(rows)
    if item is None:
        raise UsageError("there is no image to encode")
    yield encoder.finish()


def decode(
    data: Source,
    /,
    *,
    image: int | None = None,
    codebooks: Codebooks | None = None,
    limits: Limits | None = None,
    threads: int = 1,
) -> Samples:
    """The image in the bytes of a file, shape (height, width) or (height, width, components > 1), checked in full.

    Of several images ``image`` picks one by its number, decoding that one only; without it, images of equal
    shape and type come stacked along a first axis. Codebooks: see ``open_reader``. Raises UsageError where the
    images do not stack, and what Decoder raises.
    """
    if image is not None:
        with open_reader(data, codebooks=codebooks, limits=limits, threads=threads) as reader:
            return reader.read_image(image)
    images = decode_images(data, codebooks=codebooks, limits=limits, threads=threads)
    if len(images) == 1:
        return images[0]
    import numpy as np

    if len({(one.shape, one.dtype) for one in images}) > 1:
        raise UsageError(
            f"the file has {len(images)} images of different kinds, which make no array: read them one by one"
        )
    return np.stack(images)


def decode_images(
    data: Source,
    /,
    *,
    codebooks: Codebooks | None = None,
    limits: Limits | None = None,
    threads: int = 1,
) -> list[Samples]:
    """All images of a file, checked in full, digests included. Raises what Decoder raises."""
    import numpy as np

    from sofc.stream.decoder import Decoder
    from sofc.stream.events import BandReady, GroupReady, ImageEnded

    images: list[Samples] = []
    rows: list[Samples] = []
    limits = limits or Limits()
    decoder = Decoder(codebooks=_finder(codebooks, _folder_of(data), limits), limits=limits, threads=threads)
    with ExitStack() as stack:
        file = _opened(data, stack)
        while not decoder.eof and (piece := file.read(_READ_BYTES)):
            decoder.feed(piece)
            for event in decoder.events():
                if isinstance(event, BandReady):
                    rows.append(event.band.rows)
                elif isinstance(event, ImageEnded):
                    images.append(rows[0] if len(rows) == 1 else np.concatenate(rows))
                    rows = []
                elif isinstance(event, GroupReady):
                    images.extend(event.images)
        decoder.finish()
    return images


def read(src: Source, /, **options: Any) -> Samples:
    """The image of a file: ``decode`` for a path or a binary file object."""
    return decode(src, **options)


def write(dst: str | os.PathLike[str] | BinaryIO, image: Samples, /, **options: Any) -> None:
    """Write a file with ``encode``'s options. A path is replaced once all is written; raises OSError too."""
    data = encode(image, **options)
    if isinstance(dst, (str, os.PathLike)):
        with replacing(Path(dst)) as file:
            file.write(data)
    else:
        dst.write(data)


# Heads.


@dataclass(frozen=True)
class Info:
    """What the first bytes of a file say. ``codebook`` is the one that the first image names, None if none."""

    version: tuple[int, int]
    header: ImageHeader
    codebook: CodebookReference | None
    embedded: bool


def is_sofc(prefix: Bytes, /) -> bool:
    """Whether a file that begins with these bytes (at least 8) is an image file of sofc."""
    return bytes(prefix[: len(schema.SIGNATURE)]) == schema.SIGNATURE


def probe(prefix: Bytes, /, *, limits: Limits | None = None) -> Info | None:
    """What a file's first bytes say about its first image; None while more bytes are needed. Decodes nothing.

    Raises NotSofcError, FormatError, UnsupportedError or LimitError.
    """
    limits = limits or Limits()
    data = bytes(prefix)
    check_signature(data)
    if len(data) < FILE_HEAD_SIZE:
        return None
    version = unpack_file_head(data[:FILE_HEAD_SIZE])
    codebooks: list[tuple[CodebookReference, bool]] = []
    for kind, body, _, _ in walk(bytes_of(data), FILE_HEAD_SIZE, limits.max_chunk_bytes):
        if kind in REFERENCE_TYPES:
            codebooks.append((unpack_reference(kind, body), False))
        elif kind == schema.EMBEDDED_CODEBOOK:
            codebooks.append((Codebook.from_bytes(body, limits=limits).reference, True))
        elif kind == schema.IMAGE_HEAD:
            image = unpack_image_head(body)
            if image.codebook > len(codebooks):
                raise FormatError(f"the image names codebook {image.codebook} of {len(codebooks)}", chunk="H")
            reference, embedded = codebooks[image.codebook - 1] if image.codebook else (None, False)
            return Info(version, image.header, reference, embedded)
        elif not is_ancillary(kind):
            raise FormatError("the chunk stands before the first image head", chunk=kind.decode())
    return None


# Random access.


class Reader:
    """Images, rows and bands of a file in any order; made by ``open_reader``. A context manager.

    Reads through the file's index or, where it has none, through the heads of its chunks; of a file that is cut
    off it gives every whole band (see ``complete``). What is given out matches its check. Use it from one thread
    at a time.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        codebooks: Callable[[CodebookReference], Codebook],
        limits: Limits,
        threads: int,
        resources: ExitStack,
    ) -> None:
        self._file = file
        self._find = codebooks
        self._limits = limits
        self._threads = threads
        self._resources = resources
        self._directory: Directory = read_directory(file, limits)
        self._heads: dict[int, ImageHead] = {}
        self._codebooks: dict[int, Codebook] = {}
        self._last_group: tuple[int, Samples] | None = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file if the reader opened it."""
        self._resources.close()

    def __len__(self) -> int:
        """Images in the file."""
        return self._directory.images

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version of the format."""
        return self._directory.version

    @property
    def complete(self) -> bool:
        """Whether the end of the file is there."""
        return self._directory.complete

    @property
    def indexed(self) -> bool:
        """Whether the file has an index."""
        return self._directory.indexed

    @property
    def header(self) -> ImageHeader:
        """The first image's header."""
        return self.header_of(0)

    @property
    def headers(self) -> list[ImageHeader]:
        """The header of each image."""
        return [self.header_of(image) for image in range(len(self))]

    def header_of(self, image: int) -> ImageHeader:
        """One image's header. A height that its head left open is filled in. Raises UsageError for a wrong number."""
        run = self._run_of(image)
        header = self._head_of(run).header
        if header.height is not None:
            return header
        last = self._band_chunk(run, len(run.offsets) - 1)
        return ImageHeader(header.width, last.first_row + last.rows, header.format)

    @property
    def metadata(self) -> list[Metadata]:
        """What stands before the first image."""
        return self._metadata_from(FILE_HEAD_SIZE)

    def metadata_of(self, image: int) -> list[Metadata]:
        """What stands between an image's head (or that of its run of groups) and its samples."""
        offset = self._run_of(image).head_offset
        return self._metadata_from(offset + read_chunk(self._file, offset, self._limits).size)

    @property
    def codebooks(self) -> list[tuple[CodebookReference, bool]]:
        """The codebooks that the file names, each with whether it is embedded. Searches for none."""
        found = []
        for offset in self._directory.codebook_offsets:
            chunk = read_chunk(self._file, offset, self._limits)
            if chunk.type == schema.EMBEDDED_CODEBOOK:
                found.append((Codebook.from_bytes(chunk.body, limits=self._limits).reference, True))
            else:
                found.append((unpack_reference(chunk.type, chunk.body), False))
        return found

    def read_image(self, image: int = 0) -> Samples:
        """One image whole. Raises TruncatedError where the file is cut off before its end."""
        return self.read_rows(0, None, image)

    def read_rows(self, y0: int, y1: int | None, image: int = 0) -> Samples:
        """Rows ``y0`` to ``y1`` - 1 (None: to the last) of one image; decodes only the bands that hold them.

        Raises UsageError where the image has no such rows, TruncatedError where the file is cut off before them,
        and what Decoder raises.
        """
        import numpy as np

        header = self.header_of(image)
        height = header.height or 0
        run = self._run_of(image)
        if y1 is None and not self.complete and image == len(self) - 1 and self._head_of(run).header.height is None:
            raise TruncatedError(f"the file is cut off: how many rows image {image} has is not known")
        end = height if y1 is None else y1
        if not 0 <= y0 < end <= height:
            raise UsageError(f"there are no rows {y0} to {y1}: image {image} has {height} rows")
        if run.is_group:
            return self._group_image(run, image)[y0:end].copy()
        first, last = run.holding(y0), run.holding(end - 1)
        pieces = []
        reached = run.places[first]
        for rows in self._decoded(run, range(first, last + 1)):
            pieces.append(rows[max(0, y0 - reached) : end - reached])
            reached += len(rows)
        if reached < end:
            raise TruncatedError(f"the file is cut off after row {reached} of image {image}")
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def bands(self, image: int | None = None) -> Iterator[Band]:
        """The bands of one image, or of all; an image of a group is one band."""
        for number in range(len(self)) if image is None else (image,):
            run = self._run_of(number)
            if run.is_group:
                yield Band(number, 0, self._group_image(run, number))
                continue
            y = 0
            for rows in self._decoded(run, range(len(run.offsets))):
                yield Band(number, y, rows)
                y += len(rows)

    def __iter__(self) -> Iterator[Band]:
        return self.bands()

    def _run_of(self, image: int) -> Run:
        if image >= len(self) and not self.complete:
            raise TruncatedError(f"the file is cut off before image {image}")
        if not 0 <= image < len(self):
            raise UsageError(f"there is no image {image}: the file has {len(self)}, counted from 0")
        return self._directory.run_of(image)

    def _head_of(self, run: Run) -> ImageHead:
        if run.head_offset not in self._heads:
            chunk = read_chunk(self._file, run.head_offset, self._limits)
            if chunk.type != schema.IMAGE_HEAD:
                raise FormatError("the index does not lead to an image head", offset=chunk.offset)
            head = unpack_image_head(chunk.body)
            self._limits.check_header(head.header)
            self._heads[run.head_offset] = head
        return self._heads[run.head_offset]

    def _group_image(self, run: Run, image: int) -> Samples:
        number = run.holding(image)
        offset = run.offsets[number]
        if self._last_group is None or self._last_group[0] != offset:
            (samples,) = self._decoded(run, range(number, number + 1))
            height = self._head_of(run).header.height or 1
            self._last_group = offset, samples.reshape(-1, height, *samples.shape[1:])
        images = self._last_group[1]
        if image - run.places[number] >= len(images):
            raise FormatError(f"the index says that image {image} is in a group of {len(images)}", offset=offset)
        result: Samples = images[image - run.places[number]]
        return result

    def _band_chunk(self, run: Run, number: int) -> CodedBand:
        """A band of an image, at the place that the directory says."""
        offset = run.offsets[number]
        chunk = read_chunk(self._file, offset, self._limits)
        if chunk.type != schema.BAND:
            raise FormatError("the index does not lead to a band", offset=offset)
        band = unpack_band(chunk.body)
        if (band.image, band.first_row) != (run.first, run.places[number]):
            raise FormatError("the index leads to another band", offset=offset)
        if number + 1 < len(run.places) and band.first_row + band.rows != run.places[number + 1]:
            raise FormatError("the next band does not follow this one", offset=offset)
        return band

    def _group_chunk(self, run: Run, number: int) -> CodedGroup:
        offset = run.offsets[number]
        chunk = read_chunk(self._file, offset, self._limits)
        if chunk.type != schema.GROUP:
            raise FormatError("the index does not lead to a group", offset=offset)
        group = unpack_group(chunk.body)
        following = [*run.places, run.first + run.images][number + 1]
        if (group.image, group.image + group.images) != (run.places[number], following):
            raise FormatError("the index leads to another group", offset=offset)
        return group

    def _decoded(self, run: Run, numbers: range) -> Iterator[Samples]:
        """Bands or groups of a run, decoded on the reader's threads."""
        from sofc.coders.bands import decode_band
        from sofc.stream.workers import Workers

        head = self._head_of(run)
        header = head.header
        workers = Workers(min(self._threads, len(numbers)))
        ahead: deque[Callable[[], Samples]] = deque()
        try:
            for number in numbers:
                coded: CodedBand | CodedGroup
                if run.is_group:
                    coded = self._group_chunk(run, number)
                    image_rows = header.height or 0
                    rows = image_rows * coded.images
                else:
                    coded = self._band_chunk(run, number)
                    image_rows = rows = coded.rows
                    end = coded.first_row + rows
                    if end > (header.height or end):
                        raise FormatError(f"a band ends at row {end} of {header.height}", offset=run.offsets[number])
                if rows == 0:
                    raise FormatError("a group stands under an image head without a height", offset=run.head_offset)
                self._limits.check_band(rows * header.row_samples)
                ahead.append(
                    workers.submit(
                        decode_band,
                        coded.model,
                        coded.streams,
                        coded.check,
                        header.format,
                        self._codebook_for(head, coded.model),
                        rows=rows,
                        width=header.width,
                        image_rows=image_rows,
                        mapping=coded.mapping,
                    )
                )
                if len(ahead) == workers.threads:
                    yield ahead.popleft()()
            while ahead:
                yield ahead.popleft()()
        finally:
            workers.close()

    def _codebook_for(self, head: ImageHead, model: int) -> Codebook | None:
        from sofc.coders.registry import FIRST_CODEBOOK_MODEL

        if model < FIRST_CODEBOOK_MODEL or head.codebook == 0:
            return None
        if head.codebook > len(self._directory.codebook_offsets):
            raise FormatError(f"the image names codebook {head.codebook}, which the file does not have", chunk="H")
        if head.codebook not in self._codebooks:
            offset = self._directory.codebook_offsets[head.codebook - 1]
            chunk = read_chunk(self._file, offset, self._limits)
            if chunk.type == schema.EMBEDDED_CODEBOOK:
                found = Codebook.from_bytes(chunk.body, limits=self._limits)
            elif chunk.type in REFERENCE_TYPES:
                found = self._find(unpack_reference(chunk.type, chunk.body))
            else:
                raise FormatError("the index does not lead to a codebook", offset=offset)
            self._codebooks[head.codebook] = found
        return self._codebooks[head.codebook]

    def _metadata_from(self, offset: int) -> list[Metadata]:
        """Metadata from a place in the file on, up to the next image head or samples."""
        found: list[Metadata] = []
        growth = 0
        while True:
            try:
                chunk = read_chunk(self._file, offset, self._limits)
            except TruncatedError:
                return found
            if chunk.type == schema.METADATA:
                found.append(unpack_metadata(chunk.body))
                growth += max(0, len(found[-1].value) - len(chunk.body))
                self._limits.check_metadata(growth)
            elif chunk.type in (schema.IMAGE_HEAD, schema.BAND, schema.GROUP):
                return found
            offset += chunk.size


def open_reader(
    src: Source,
    /,
    *,
    codebooks: Codebooks | None = None,
    limits: Limits | None = None,
    threads: int = 1,
) -> Reader:
    """Open a file for access to any image and row. A file object that cannot seek is read into memory first.

    A codebook that the file refers to is looked for in ``codebooks``, then where ``codebook.store`` says: the
    search path, beside the file, installed. Raises OSError, NotSofcError, FormatError, UnsupportedError or
    LimitError.
    """
    limits = limits or Limits()
    with ExitStack() as stack:
        file = _opened(src, stack)
        if not file.seekable():
            file = BytesIO(file.read())
        finder = _finder(codebooks, _folder_of(src), limits)
        return Reader(file, codebooks=finder, limits=limits, threads=threads, resources=stack.pop_all())


def _opened(src: Source, stack: ExitStack) -> BinaryIO:
    if isinstance(src, (bytes, bytearray, memoryview)):
        return BytesIO(src)
    if isinstance(src, (str, os.PathLike)):
        return stack.enter_context(Path(src).open("rb"))
    return src


def _folder_of(src: Source) -> Path | None:
    if isinstance(src, (str, os.PathLike)):
        return Path(src).parent
    name = getattr(src, "name", None)
    return Path(name).parent if isinstance(name, str) else None


def _finder(
    codebooks: Codebooks | None, beside: Path | None, limits: Limits
) -> Callable[[CodebookReference], Codebook]:
    """Asks the caller's codebooks, then the store. It raises CodebookError where neither has it."""

    def find(reference: CodebookReference) -> Codebook:
        if callable(codebooks):
            found = codebooks(reference)
            if found is not None and found.id[:REFERENCE_SIZE] != reference.id:
                raise CodebookError(
                    f"the codebook given for id {reference.id.hex()} is another", codebook_id=reference.id
                )
            if found is not None:
                return found
        given = codebooks.values() if isinstance(codebooks, Mapping) else ()
        return find_codebook(reference, given=given, beside=beside, limits=limits)

    return find


# Incremental writing.


class Writer:
    """Writes a file as rows or images come; made by ``open_writer``. A context manager.

    A path appears once ``close`` has finished it; when the block ends with an error nothing is left behind.
    """

    def __init__(self, file: BinaryIO, encoder: Encoder, resources: ExitStack) -> None:
        self._file = file
        self._encoder = encoder
        self._resources = resources

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._resources.__exit__(kind, error, traceback)

    def begin_image(self, header: ImageHeader, *, metadata: Iterable[Metadata] = ()) -> None:
        """As Encoder.begin_image."""
        self._put(lambda: self._encoder.begin_image(header, metadata=metadata))

    def write(self, rows: Samples) -> None:
        """As Encoder.write."""
        self._put(lambda: self._encoder.write(rows))

    def write_group(self, images: Samples) -> None:
        """As Encoder.write_group."""
        self._put(lambda: self._encoder.write_group(images))

    def close(self) -> None:
        """Finish the file. Raises UsageError where rows are missing, and then leaves no file."""
        if self._encoder.finished:
            return
        with self._resources:
            self._put(self._encoder.finish)

    def _put(self, call: Callable[[], bytes]) -> None:
        self._file.write(call())


def open_writer(
    dst: str | os.PathLike[str] | BinaryIO, header: ImageHeader | None = None, /, **settings: Any
) -> Writer:
    """Begin a file at a path or in a binary file object. ``settings`` are those of Encoder.

    Raises OSError, UsageError or LimitError.
    """
    from sofc.stream.encoder import Encoder

    encoder = Encoder(header, **settings)
    with ExitStack() as stack:
        file = stack.enter_context(replacing(Path(dst))) if isinstance(dst, (str, os.PathLike)) else dst
        return Writer(file, encoder, stack.pop_all())
