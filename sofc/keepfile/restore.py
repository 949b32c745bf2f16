"""An original file from its parts and the images."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import accumulate
from typing import Any

import numpy.typing as npt

from sofc.codebook import Codebook
from sofc.container.original import (
    ITEM,
    WHOLE,
    Chunked,
    Deflated,
    Facsimile,
    Fragments,
    GifLzw,
    Jpeg,
    Literal,
    Lzw,
    Original,
    Part,
    Runs,
    Stored,
    SubBlocks,
    Tokens,
    Window,
    from_metadata,
)
from sofc.container.records import Metadata
from sofc.errors import ChecksumError, CodebookError, FormatError, LimitError, UsageError
from sofc.imagefiles.jpeg import START as JPEG
from sofc.keepfile import deflate, facsimile, gif_lzw, lzw, runs
from sofc.keepfile.jpeg import Streams
from sofc.keepfile.tokens.matches import Effort
from sofc.keepfile.tokens.remainder import Apart, Session
from sofc.keepfile.windows import window_pieces, window_size
from sofc.rows import FileRows

Images = Sequence[npt.NDArray[Any] | FileRows]
_SLACK = 1 << 20
_PADDING = 1 << 24
"""Samples that a window may ask for beyond those of its image: the tiles of a TIFF file reach out of it."""
_OfWholeParts = Jpeg | Lzw | Runs | Tokens | Stored | Fragments | GifLzw | SubBlocks | Facsimile
_TOO_MANY = "the parts of the original file ask for more samples than the file can have"


FileCodebooks = Callable[[int], Codebook | None]
"""The codebook of the file that has this number, from 1, or None; raises CodebookError where it is missing."""


def _none(number: int) -> None:
    """What a file without codebooks has."""


def restore(original: Original, images: Images, codebooks: FileCodebooks = _none) -> bytes:
    """The bytes of the original file, checked against their SHA-256.

    Raises ChecksumError where they do not match, FormatError for parts that do not fit the images, CodebookError where
    the codebook that coefficients need is not there.
    """
    return b"".join(restore_pieces(original, images, codebooks))


def assemble(original: Original, images: Images) -> Iterator[bytes]:
    """The bytes that the parts of an original file make of the images, not yet compared with its digest."""
    return _Assembly(images, original, _none).pieces()


def check_items(items: Iterable[Metadata], images: Images, codebooks: FileCodebooks = _none) -> None:
    """Raises what ``restore_items`` does, without holding the file."""
    for _ in restore_pieces(original_in(items), images, codebooks):
        pass


def restore_pieces(original: Original, images: Images, codebooks: FileCodebooks = _none) -> Iterator[bytes]:
    """What ``restore`` gives, in pieces, without holding the file. Behind the last piece is the check: before that has
    been made none of them may be given out."""
    digest, size = hashlib.sha256(), 0
    made = [original.data] if original.way == WHOLE else _Assembly(images, original, codebooks).pieces()
    for piece in made:
        digest.update(piece)
        size += len(piece)
        yield piece
    if (size, digest.digest()) == (original.size, original.digest):
        return
    if original.way == WHOLE:
        raise ChecksumError("the original file cannot be restored: what is kept of it has another SHA-256")
    raise ChecksumError(
        "the original file cannot be restored: what was made has another SHA-256"
        + (". Its samples are whole: decode --images writes them" if len(images) else "")
        + (
            f". The file has deflate data, and this Python's zlib ({zlib.ZLIB_RUNTIME_VERSION}) may make other "
            "data than the zlib that the file was kept with"
            if any(map(_has_deflated, original.parts))
            else ""
        )
    )


def original_in(items: Iterable[Metadata]) -> Original:
    """The original file that metadata items of a file keep, whole or as parts. Raises UsageError for none."""
    original = from_metadata(items)
    if original is None:
        raise UsageError("the file keeps no original file")
    return original


def first_bytes(original: Original) -> bytes:
    """Bytes that the original file begins with, from what is kept of it alone; b"" where that does not tell."""
    if original.way == WHOLE:
        return original.data
    first = original.parts[0] if original.parts else None
    if isinstance(first, Jpeg):
        return JPEG
    return first.data if isinstance(first, Literal) else b""


def restore_items(items: Iterable[Metadata], images: Images, codebooks: FileCodebooks = _none) -> bytes:
    """The bytes of the original file that metadata items of a file keep, from all images and codebooks of that file.

    Raises UsageError where the items keep none, and what ``restore`` raises.
    """
    return restore(original_in(items), images, codebooks)


def _has_deflated(part: Part) -> bool:
    return isinstance(part, Deflated) or (
        not isinstance(part, Literal | Window) and any(map(_has_deflated, part.parts))
    )


class _Assembly:
    """Makes parts, within a bound for what untrusted parts may ask for."""

    def __init__(self, images: Images, original: Original, codebooks: FileCodebooks) -> None:
        self._images = images
        self._parts = original.parts
        self._streams: Streams | None = None
        self._session: Session | None = None
        self._size = size = original.size
        if (coefficients := original.coefficients) is not None:
            codebook = codebooks(coefficients.codebook)
            if codebook is None:
                raise CodebookError("the original file needs a codebook that the file does not name")
            self._streams = Streams(coefficients, codebook, size)
        # Compressed parts are larger before they are compressed, but hold each sample about once.
        self._left = 2 * size + _SLACK + sum(8 * image.size for image in images)

    def pieces(self) -> Iterator[bytes]:
        """The bytes of all parts."""
        with self._streams or nullcontext():
            yield from self._pieces_of(self._parts)

    def _pieces_of(self, parts: Iterable[Part]) -> Iterator[bytes]:
        for part in parts:
            if isinstance(part, Literal):
                yield part.data
            elif isinstance(part, Window):
                yield from self._window(part)
            elif isinstance(part, Deflated):
                settings = deflate.Settings(part.level, part.window, part.memory, part.strategy)
                yield from deflate.compress_pieces(self._pieces_of(part.parts), settings)
            elif isinstance(part, Chunked):
                yield from _cut(self._pieces_of(part.parts), part.lengths)
            else:
                yield self._made_at_once(part)

    def _made_at_once(self, part: _OfWholeParts) -> bytes:
        """The bytes of a part that needs all bytes of its parts."""
        inner = b"".join(self._pieces_of(part.parts))
        if isinstance(part, Jpeg):
            if self._streams is None:
                raise FormatError("JPEG data of the original file has no coefficients")
            return self._streams.bytes_of(part, inner)
        if isinstance(part, Lzw):
            if part.rule not in lzw.FULL:
                raise FormatError(f"LZW data of the original file goes by rule {part.rule}, which is not known")
            return lzw.compress(inner, part.rule)
        if isinstance(part, Runs):
            return runs.compress(inner, (part.form, part.unit, part.row, part.pairs), part.heads)
        if isinstance(part, GifLzw):
            return self._within(gif_lzw.compress(inner, part.bits, part.run, part.changes))
        if isinstance(part, Facsimile):
            return self._within(facsimile.compress(inner, part.columns))
        if isinstance(part, SubBlocks):
            return _cut_blocks(inner, part.lengths)
        if isinstance(part, Tokens):
            return self._deflated(part, inner)
        if isinstance(part, Stored):
            _check_lengths(inner, part.lengths, "stored blocks")
            return deflate.stored(inner, part.lengths)
        return _cut_fragments(inner, part.lengths)

    def _within(self, packed: bytes) -> bytes:
        """What was compressed, if that may be."""
        if len(packed) > 2 * self._size + _SLACK:
            raise LimitError("compressed data of the original file is longer than the file")
        return packed

    def _deflated(self, part: Tokens, inner: bytes) -> bytes:
        if part.size > self._size:
            raise LimitError("deflate data of the original file is longer than the file")
        self._session = self._session or Session()
        effort = Effort(part.way, part.depth, part.nice, part.haste, part.probes, part.rounds)
        return self._session.make_again(Apart(part.size, effort, part.remainder), inner)

    def _window(self, part: Window) -> Iterator[bytes]:
        image = self._image(part.image)
        self._take(window_size(part))
        if part.rows * part.columns * part.components > image.size + _PADDING:
            raise LimitError(_TOO_MANY)
        return window_pieces(image, part)

    def _image(self, number: int) -> npt.NDArray[Any] | FileRows:
        if number >= len(self._images):
            raise FormatError(f"the original file needs image {number} of {len(self._images)}")
        return self._images[number]

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise LimitError(_TOO_MANY)


def _check_lengths(data: bytes, lengths: Sequence[int], pieces: str) -> None:
    if sum(lengths) != len(data):
        raise FormatError(f"the {pieces} of the original file hold {sum(lengths)} bytes; there are {len(data)}")


def _cut_fragments(data: bytes, lengths: Sequence[int]) -> bytes:
    _check_lengths(data, lengths, "DICOM fragments")
    pieces, start = [], 0
    for number, length in enumerate(lengths):
        if number:
            pieces.append(ITEM + (length & 0xFFFFFFFF).to_bytes(4, "little"))
        pieces.append(data[start : start + length])
        start += length
    return b"".join(pieces)


def _cut_blocks(data: bytes, lengths: Sequence[int]) -> bytes:
    _check_lengths(data, lengths, "GIF blocks")
    if not all(1 <= length <= 255 for length in lengths):
        raise FormatError("a block of the original GIF file has more than 255 bytes, or none")
    ends = list(accumulate(lengths))
    return b"".join(bytes([length]) + data[end - length : end] for length, end in zip(lengths, ends, strict=True))


def _cut(pieces: Iterator[bytes], lengths: Sequence[int]) -> Iterator[bytes]:
    held = bytearray()
    there = 0
    for length in lengths:
        while len(held) < length and (piece := next(pieces, None)) is not None:
            held += piece
            there += len(piece)
        if len(held) >= length:
            chunk = b"IDAT" + bytes(held[:length])
            del held[:length]
            yield length.to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    there += sum(map(len, pieces))
    if there != sum(lengths):
        raise FormatError(f"the IDAT chunks of the original file hold {sum(lengths)} bytes; there are {there}")
