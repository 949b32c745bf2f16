"""The samples of a PNG file inside its filtered, compressed, chunked image data."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy.typing as npt

from sofc.container.original import BIG_ENDIAN, PNG_FILTERS, Chunked, Literal, Part, Window
from sofc.errors import FormatError
from sofc.keepfile.data import Data, held, part_of, pieces_of
from sofc.keepfile.deflate import Deflater, Inflating, Known
from sofc.keepfile.windows import window_pieces
from sofc.rows import FileRows

Image = npt.NDArray[Any] | FileRows
SIGNATURE = b"\x89PNG\r\n\x1a\n"
COMPONENTS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_HEAD_BYTES, _CHECK_BYTES = 2, 4
"""Of zlib's stream, what stands before and behind the deflate data."""
# First row, row step, first column, column step of each pass of an interlaced image.
_PASSES = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))
_ONCE = ((0, 1, 0, 1),)


class Taken(NamedTuple):
    """A PNG file taken apart: where the chunks of image data begin and end, and how long their bodies are."""

    start: int
    end: int
    lengths: tuple[int, ...]
    head: bytes
    palette: bytes
    transparency: bytes


def find_samples(data: Data, images: Sequence[Image], known: Known | None = None) -> tuple[Part, ...] | None:
    """Parts that make the PNG file ``data`` from its first image; None where that cannot be done.

    Further frames of an animation are compressed for themselves, and kept so. ``known``: as for ``Deflater``.
    """
    if not images or (file := taken_apart(data)) is None:
        return None
    with held(bodies(data, file)) as packed:
        unpacking = Inflating(packed, zlib.MAX_WBITS)
        try:
            with held(unpacking) as inflated:
                inner = _inner(file, images[0], inflated)
                stream = part_of(packed, 0, len(packed) - unpacking.left)
                rest = packed[len(packed) - unpacking.left :]
                return None if inner is None else parts_of(data, file, stream, inflated, inner, known, rest)
        except zlib.error:
            return None


def parts_of(
    data: Data,
    file: Taken,
    stream: Data,
    inflated: Data,
    inner: tuple[Part, ...],
    known: Known | None,
    rest: bytes = b"",
) -> tuple[Part, ...] | None:
    """Parts that make a file whose image data, ``stream`` and ``rest``, inflate to what ``inner`` makes."""
    end = len(stream) - _CHECK_BYTES
    head = stream[:_HEAD_BYTES]
    body = Deflater(known).part(part_of(stream, _HEAD_BYTES, end), inflated, inner, (head[0] >> 4) + 8)
    if body is None:
        return None
    made = (Literal(head), body, Literal(stream[end:] + rest))
    return (Literal(data[: file.start]), Chunked(file.lengths, made), Literal(data[file.end :]))


def _inner(file: Taken, image: Image, inflated: Data) -> tuple[Part, ...] | None:
    """Parts that make the inflated image data; None where none do."""
    for windows in _windows(file, image, inflated):
        made = _begins(inflated, image, windows)
        if made is not None:
            return (*windows, Literal(inflated[made:])) if made < len(inflated) else tuple(windows)
    return None


def _begins(data: Data, image: Image, windows: Sequence[Window]) -> int | None:
    """How many of the first bytes of ``data`` the windows make, one after the other; None where they make others."""
    place = 0
    try:
        for piece in chain.from_iterable(window_pieces(image, window) for window in windows):
            if data[place : place + len(piece)] != piece:
                return None
            place += len(piece)
    except FormatError:
        return None
    return place


def taken_apart(data: Data) -> Taken | None:
    """None where the file is cut off, or its image data does not stand in one place with right checks."""
    position = len(SIGNATURE)
    chunks: dict[bytes, bytes] = {}
    lengths: list[int] = []
    start = end = 0
    while position + 12 <= len(data):
        head = data[position : position + 8]
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        following = position + 12 + length
        if kind == b"IDAT":
            if (lengths and position != end) or following > len(data):
                return None
            check = zlib.crc32(b"IDAT")
            for piece in pieces_of(part_of(data, position + 8, following - 4)):
                check = zlib.crc32(piece, check)
            if check.to_bytes(4, "big") != data[following - 4 : following]:
                return None
            start = start or position
            end = following
            lengths.append(length)
        elif not lengths:
            chunks[kind] = data[position + 8 : following - 4]
        position = following
        if kind == b"IEND":
            break
    if not lengths or len(chunks.get(b"IHDR", b"")) != 13:
        return None
    return Taken(start, end, tuple(lengths), chunks[b"IHDR"], chunks.get(b"PLTE", b""), chunks.get(b"tRNS", b""))


def bodies(data: Data, file: Taken) -> Iterator[bytes]:
    """The image data, out of its chunks."""
    position = file.start + 8
    for length in file.lengths:
        yield from pieces_of(part_of(data, position, position + length))
        position += length + 12


def _windows(file: Taken, image: Image, inflated: Data) -> Iterator[list[Window]]:
    """The parts of the image data, for each way in which the reader may have made the image from it."""
    width, height = int.from_bytes(file.head[:4], "big"), int.from_bytes(file.head[4:8], "big")
    bits, kind, interlaced = file.head[8], file.head[9], file.head[12]
    stored = COMPONENTS.get(kind, 0)
    components = image.shape[2] if image.ndim == 3 else 1
    if image.shape[:2] != (height, width) or bits not in (1, 2, 4, 8, 16) or not stored:
        return
    for table in _tables(file, bits, kind, components, image.dtype.kind == "b"):
        if not table and components != stored:
            continue
        windows: list[Window] = []
        position = 0
        for first_row, row_step, first_column, column_step in _PASSES if interlaced else _ONCE:
            rows, columns = -(-(height - first_row) // row_step), -(-(width - first_column) // column_step)
            if rows < 1 or columns < 1:
                continue
            row_bytes = (columns * stored * bits + 7) // 8 + 1
            filters = inflated[position : position + rows * row_bytes : row_bytes]
            position += rows * row_bytes
            windows.append(
                Window(
                    0,
                    rows,
                    columns,
                    components,
                    bits,
                    first_row=first_row,
                    row_step=row_step,
                    first_column=first_column,
                    column_step=column_step,
                    flags=BIG_ENDIAN,
                    prediction=PNG_FILTERS,
                    table=table,
                    filters=filters,
                )
            )
        yield windows


def _tables(file: Taken, bits: int, kind: int, components: int, binary: bool) -> Iterator[tuple[int, ...]]:
    yield ()
    if kind == 0 and bits < 8 and components == 1 and not binary:
        yield tuple(entry * 255 // ((1 << bits) - 1) for entry in range(1 << bits))
    if kind == _PALETTE and components in (3, 4):
        entries = len(file.palette) // 3
        table: list[int] = []
        for entry in range(entries):
            table += file.palette[3 * entry : 3 * entry + 3]
            if components == 4:
                table.append(file.transparency[entry] if entry < len(file.transparency) else 255)
        yield tuple(table)
