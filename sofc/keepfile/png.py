"""The samples of a PNG file inside its filtered, compressed, chunked image data."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy.typing as npt

from sofc.container.original import BIG_ENDIAN, PNG_FILTERS, Chunked, Literal, Part, Window
from sofc.errors import FormatError
from sofc.keepfile.deflate import Deflater
from sofc.keepfile.windows import window_pieces
from sofc.rows import FileRows

Image = npt.NDArray[Any] | FileRows
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COMPONENTS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
# First row, row step, first column, column step of each pass of an interlaced image.
_PASSES = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))
_ONCE = ((0, 1, 0, 1),)


class _File(NamedTuple):
    """A PNG file taken apart: what stands before and after the image data."""

    before: bytes
    lengths: tuple[int, ...]
    packed: bytes
    after: bytes
    head: bytes
    palette: bytes
    transparency: bytes


def find_samples(data: bytes, images: Sequence[Image]) -> tuple[Part, ...] | None:
    """Parts that make the PNG file ``data`` from its first image; None where that cannot be done.

    Further frames of an animation are compressed for themselves, and kept so.
    """
    if not images or (file := _taken_apart(data)) is None or len(file.packed) < 6:
        return None
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(file.packed)
    except zlib.error:
        return None
    end = len(file.packed) - len(inflater.unused_data) - 4
    if not inflater.eof:
        return None
    body = file.packed[2:end]
    for windows in _windows(file, images[0], inflated):
        made = _begins(inflated, images[0], windows)
        if made is not None:
            inner: tuple[Part, ...] = tuple(windows)
            if made < len(inflated):
                inner = (*inner, Literal(inflated[made:]))
            packed = Deflater().part(body, inflated, inner, (file.packed[0] >> 4) + 8)
            if packed is None:
                return None
            stream = (Literal(file.packed[:2]), packed, Literal(file.packed[end:]))
            return (Literal(file.before), Chunked(file.lengths, stream), Literal(file.after))
    return None


def _begins(data: bytes, image: Image, windows: Sequence[Window]) -> int | None:
    """How many of the first bytes of ``data`` the windows make, one after the other; None where they make others."""
    place = 0
    try:
        for piece in chain.from_iterable(window_pieces(image, window) for window in windows):
            if not data.startswith(piece, place):
                return None
            place += len(piece)
    except FormatError:
        return None
    return place


def _taken_apart(data: bytes) -> _File | None:
    """None where the file is cut off, or its image data does not stand in one place with right checks."""
    position = len(SIGNATURE)
    chunks: dict[bytes, bytes] = {}
    lengths: list[int] = []
    start = end = 0
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        following = position + 12 + length
        if kind == b"IDAT":
            if lengths and position != end:
                return None
            start = start or position
            end = following
            lengths.append(length)
        elif not lengths:
            chunks[kind] = data[position + 8 : following - 4]
        position = following
        if kind == b"IEND":
            break
    if not lengths or end > len(data) or len(chunks.get(b"IHDR", b"")) != 13:
        return None
    packed = bytearray()
    position = start
    for length in lengths:
        body = data[position + 8 : position + 8 + length]
        if zlib.crc32(b"IDAT" + body).to_bytes(4, "big") != data[position + 8 + length : position + 12 + length]:
            return None
        packed += body
        position += 12 + length
    return _File(
        data[:start],
        tuple(lengths),
        bytes(packed),
        data[end:],
        chunks[b"IHDR"],
        chunks.get(b"PLTE", b""),
        chunks.get(b"tRNS", b""),
    )


def _windows(file: _File, image: Image, inflated: bytes) -> Iterator[list[Window]]:
    """The parts of the image data, for each way in which the reader may have made the image from it."""
    width, height = int.from_bytes(file.head[:4], "big"), int.from_bytes(file.head[4:8], "big")
    bits, kind, interlaced = file.head[8], file.head[9], file.head[12]
    stored = _COMPONENTS.get(kind, 0)
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


def _tables(file: _File, bits: int, kind: int, components: int, binary: bool) -> Iterator[tuple[int, ...]]:
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
