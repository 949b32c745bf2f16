"""Finding out how a file can be kept with its images."""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from sofc.codebook import Codebook
from sofc.container.original import (
    APART,
    MAX_FILE_BYTES,
    Literal,
    Original,
    Part,
    count_parts,
    most_parts,
    most_stream,
    pack_recipe,
    packs_within,
    read_head,
    to_metadata,
)
from sofc.container.records import Metadata
from sofc.errors import LimitError, SofcError
from sofc.imagefiles.rows import LARGE_BYTES
from sofc.imagefiles.source import JPEG
from sofc.keepfile import dicom, gif, png, rle, search, tiff
from sofc.keepfile.coefficients import choose_model
from sofc.keepfile.data import Data, FileData, held, part_of, pieces_of
from sofc.keepfile.deflate import Deflater, Inflating, Known
from sofc.keepfile.jpeg import may_hold_stream, take_apart
from sofc.keepfile.plain_png import PlainPng
from sofc.keepfile.restore import check_items
from sofc.rows import FileRows

Images = Sequence[npt.NDArray[Any] | FileRows]
_GZIP = b"\x1f\x8b\x08"
_GZIP_TAIL = 8
_GZIP_HEAD_BYTES = 1 << 18
_HAS_EXTRA, _HAS_NAME, _HAS_COMMENT, _HAS_CHECK = 4, 8, 16, 2


@dataclass(frozen=True)
class Kept:
    """``items`` restore the file. ``why_whole``: why its samples are not left out, or "" where they are."""

    items: list[Metadata]
    why_whole: str = ""

    @property
    def is_taken_apart(self) -> bool:
        """Whether what the file has compressed is kept in place of it, without images."""
        head = read_head(self.items[0].value)
        return head is not None and head.way == APART


def read_file(path: Path) -> Data:
    """The bytes of a file to keep, of a large one where they are. Raises LimitError for one that cannot be kept."""
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise LimitError(
            f"{path}: files of {size} bytes are not kept, the limit is {MAX_FILE_BYTES}: encode its samples (--samples)"
        )
    return path.read_bytes() if size < LARGE_BYTES else FileData(path)


def keep(name: str, data: Data, images: Images, known: Known | None = None) -> Kept:
    """How to keep the file ``data``, called ``name``, beside ``images``, all the images that were read from it.

    What is given back restores the file: that has been tried. Without images it is kept whole. ``known``: as for
    ``Deflater``.
    """
    digest = _digest(data)
    parts = _parts(data, images, known) if len(images) else None
    made: list[Metadata] = []
    if parts is not None:
        made = to_metadata(Original(name, len(data), digest, parts))
        try:
            check_items(made, images)
        except SofcError:
            made = []  # parts that look right but are not: the file is kept whole, and that is said
    if made and _size(made) < len(data):
        return Kept(made)
    whole = keep_whole(name, data)
    if not len(images):
        return Kept(whole, "there are no images")
    if not made:
        return Kept(whole, "its samples are compressed, or arranged, in a way that cannot be made again")
    return Kept(made) if _size(made) <= _size(whole) else Kept(whole, "that is smaller than how to make it from them")


def recipe(data: Data, images: Images, known: Known | None = None) -> bytes | None:
    """What makes the file ``data`` of ``images``, as ``pack_recipe`` has it; None where nothing does. It is not tried:
    ``restore`` tells whether the file comes back. ``known``: as for ``Deflater``."""
    return _recipe(_parts(data, images, known) if len(images) else None, len(data))


def recipe_of(file: PlainPng, known: Known | None = None) -> bytes | None:
    """The same of a file that has been taken apart already."""
    return _recipe(file.parts(known), len(file.data))


def _recipe(parts: tuple[Part, ...] | None, size: int) -> bytes | None:
    if parts is None:
        return None
    made = pack_recipe(parts)
    return made if count_parts(parts) <= most_parts(size, len(made)) else None


@dataclass(frozen=True)
class KeptCoefficients:
    """``items`` restore a file by ``codebook``, which must be the sofc file's first. ``pictures``: JPEG streams taken
    apart; ``share``: how much of the file their coded data is."""

    items: list[Metadata]
    codebook: Codebook
    pictures: int
    share: float


def keep_coefficients(name: str, data: Data, codebook: Codebook | None, effort: int) -> KeptCoefficients | None:
    """How to keep the file ``data``, called ``name``, without any image, as the coefficients of its JPEG streams.

    By models of ``codebook``, or of the one that is built in. What is given back restores the file: that has been
    tried. None where there are no such streams, or nothing is gained.
    """
    # Of a large file the question is asked more closely, as what follows holds it in memory.
    if JPEG not in data if isinstance(data, bytes) else not may_hold_stream(data):
        return None
    data = data[:]
    book, number = choose_model(codebook, effort)
    found = take_apart(data, book, number, effort)
    if found is None:
        return None
    original = Original(name, len(data), hashlib.sha256(data).digest(), found.parts, coefficients=found.coefficients)
    items = to_metadata(original)
    try:
        check_items(items, (), lambda _: book)
    except SofcError:
        return None  # what looks right but is not: the file is kept in another way
    return KeptCoefficients(items, book, found.pictures, found.share)


def keep_whole(name: str, data: Data) -> list[Metadata]:
    """The items that restore the file ``data``, called ``name``, without any image. That has been tried."""
    whole = to_metadata(Original(name, len(data), _digest(data), data=data[:]))
    check_items(whole, ())
    return min((whole, *_taken_apart(name, data)), key=_size)


def _taken_apart(name: str, data: Data) -> Iterator[list[Metadata]]:
    """The items that restore the file from what its compressed data stands for, if it is of a format that has such."""
    if not _is_gif(data):
        return
    parts = gif.without_images(data[:], most_stream(APART, len(data)) - len(data))
    if parts is None:
        return
    items = to_metadata(Original(name, len(data), _digest(data), parts))
    with contextlib.suppress(SofcError):
        check_items(items, ())
        yield items


def keep_within(name: str, data: Data, room: int) -> list[Metadata] | None:
    """As ``keep_whole``; None, and mostly soon, where the values of the items have more than ``room`` bytes."""
    if not _is_gif(data) and not packs_within(pieces_of(data), len(data), room):
        return None
    items = keep_whole(name, data)
    return items if _size(items) <= room else None


def _is_gif(data: Data) -> bool:
    return data[: len(gif.SIGNATURES[0])] in gif.SIGNATURES


def _digest(data: Data) -> bytes:
    digest = hashlib.sha256()
    for piece in pieces_of(data):
        digest.update(piece)
    return digest.digest()


def _size(items: list[Metadata]) -> int:
    return sum(len(item.value) for item in items)


def _parts(data: Data, images: Images, known: Known | None = None) -> tuple[Part, ...] | None:
    head = data[: len(png.SIGNATURE)]
    if head.startswith(_GZIP):
        return _gzipped(data, images)
    if head == png.SIGNATURE:
        return png.find_samples(data, images, known)
    if _is_gif(data):
        return gif.find_samples(data[:], images)
    parts = search.find_samples(data, images)
    if parts is None and head.startswith(tiff.MAGICS):
        return tiff.find_samples(data, images, known)
    if parts is None and rle.may_have_runs(data[: rle.HEAD_BYTES]):
        return rle.find_samples(data[:], images)
    return parts or dicom.find_samples(data, images)


def _gzipped(data: Data, images: Images) -> tuple[Part, ...] | None:
    """Parts of a file compressed as a whole."""
    start, end = _gzip_head_size(data[:_GZIP_HEAD_BYTES]), len(data) - _GZIP_TAIL
    if start is None or start >= end:
        return None
    compressed = part_of(data, start, end)
    unpacking = Inflating(compressed, -zlib.MAX_WBITS)
    try:
        with held(unpacking) as inflated:
            is_all = not unpacking.left and inflated[: len(_GZIP)] != _GZIP
            inner = _parts(inflated, images) if is_all else None
            packed = Deflater().part(compressed, inflated, inner) if inner is not None else None
    except zlib.error:
        return None
    return (Literal(data[:start]), packed, Literal(data[end:])) if packed is not None else None


def _gzip_head_size(data: bytes) -> int | None:
    """Bytes before the deflate data of a file that begins so; None where they do not end."""
    flags, size = data[3] if len(data) > 3 else 0, 10
    if flags & _HAS_EXTRA:
        size += 2 + int.from_bytes(data[size : size + 2], "little")
    for flag in (_HAS_NAME, _HAS_COMMENT):
        if flags & flag:
            size = data.find(0, size) + 1
            if size == 0:
                return None
    return size + 2 * bool(flags & _HAS_CHECK)
