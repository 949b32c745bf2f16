"""The samples of a TIFF file in its strips and tiles."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.container.original import (
    BIG_ENDIAN,
    DIFFERENCE,
    LOW_BITS_FIRST,
    NO_PREDICTION,
    REPEATED_EDGE,
    Literal,
    Part,
    Window,
)
from sofc.errors import FormatError
from sofc.imagefiles.tiff_stacks import open_file
from sofc.keepfile import facsimile, lzw, runs
from sofc.keepfile.data import Data
from sofc.keepfile.deflate import Deflater, Known
from sofc.keepfile.windows import window_bytes
from sofc.rows import FileRows

Image = npt.NDArray[Any] | FileRows
MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_NONE, _GROUP_4, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS = 1, 4, 5, 8, 32946, 32773
MOST_AS_IT_IS = 0.1
"""Of the bytes of a page's strips and tiles, those that may be kept as they are."""
_PREDICTIONS = {1: NO_PREDICTION, 2: DIFFERENCE}
_PALETTE = 3


def find_samples(data: Data, images: Sequence[Image], known: Known | None = None) -> tuple[Part, ...] | None:
    """Parts that make the TIFF file ``data`` from its images; None where that cannot be done. ``known``: as for
    ``Deflater``."""
    placed: list[tuple[int, int, tuple[Part, ...]]] = []
    with open_file(io.BytesIO(data) if isinstance(data, bytes) else data.path) as file:
        pages = [(page, series.keyframe) for series in file.series for page in series.pages]
        if not pages or len(pages) != len(images):
            return None
        deflater = Deflater(known)
        # In the order of the file, in which restoring learns of the encoder.
        for number, (page, key) in sorted(enumerate(pages), key=lambda numbered: _start(numbered[1][0])):
            segments = _page(data, page, key, number, images[number], deflater) if page is not None else None
            if segments is None:
                return None
            placed += segments
    parts: list[Part] = []
    position = 0
    for start, size, segment in sorted(placed, key=lambda item: item[:2]):
        if start < position:
            return None  # segments that share bytes
        if start > position:
            parts.append(Literal(data[position:start]))
        parts += segment
        position = start + size
    return (*parts, Literal(data[position:])) if position < len(data) else tuple(parts)


def _start(page: Any) -> int:
    """Where the segments of a page begin."""
    return min(page.dataoffsets, default=0) if page is not None else 0


def _page(
    data: Data, page: Any, key: Any, number: int, image: Image, deflater: Deflater
) -> list[tuple[int, int, tuple[Part, ...]]] | None:
    """Offset, size and parts of each segment of a page that is like the page ``key`` but for where they stand."""
    if key.is_tiled and int(key.tiledepth) != 1:
        return None
    prediction = _PREDICTIONS.get(int(key.predictor))
    bits = key.bitspersample
    components = image.shape[2] if image.ndim == 3 else 1
    if prediction is None or not isinstance(bits, int) or not 1 <= bits <= 32:
        return None
    flags = BIG_ENDIAN if key.parent.byteorder == ">" else 0
    if int(key.fillorder) == 2:
        if bits != 1:
            return None
        flags |= LOW_BITS_FIRST
    tables = list(_tables(key, bits, components, image.dtype.kind == "b"))
    found: list[tuple[int, int, tuple[Part, ...]]] = []
    windows = _segments(key, number, image, bits, flags, prediction, components)
    room = int(MOST_AS_IT_IS * sum(page.databytecounts))
    segments = zip(page.dataoffsets, page.databytecounts, windows, strict=False)
    for offset, size, window in sorted(segments, key=lambda segment: segment[:2]):
        if size == 0:
            continue
        parts = _segment(data[offset : offset + size], window, int(key.compression), image, tables, deflater)
        if parts is None:
            # One strip of a hundred may be coded in another way: it is kept as it is.
            room -= size
            if room < 0:
                return None
            parts = (Literal(data[offset : offset + size]),)
        found.append((offset, size, parts))
    return found


def _segments(
    page: Any, number: int, image: Image, bits: int, flags: int, prediction: int, components: int
) -> Iterator[Window]:
    """What each strip or tile holds, in their order."""
    height, width = image.shape[:2]
    if page.is_tiled:
        rows, columns = int(page.tilelength), int(page.tilewidth)
    else:
        rows, columns = min(height, int(page.rowsperstrip)), width
    planar = int(page.planarconfig) == 2
    for component in range(components) if planar else (0,):
        for first_row in range(0, height, rows):
            for first_column in range(0, width, columns):
                yield Window(
                    number,
                    rows if page.is_tiled else min(rows, height - first_row),
                    columns,
                    1 if planar else components,
                    bits,
                    first_row=first_row,
                    first_column=first_column,
                    first_component=component,
                    flags=flags,
                    prediction=prediction,
                )


def _tables(page: Any, bits: int, components: int, binary: bool) -> Iterator[tuple[int, ...]]:
    yield ()
    if bits == 1 and binary:
        yield (1, 0)
    if int(page.photometric) == _PALETTE and components == 3 and page.colormap is not None and bits <= 8:
        colours = np.asarray(page.colormap)
        yield tuple(int(value) for value in (colours >> 8).T.ravel())
        yield tuple(int(value) for value in (colours & 255).T.ravel())


def _segment(
    packed: bytes,
    window: Window,
    compression: int,
    image: Image,
    tables: list[tuple[int, ...]],
    deflater: Deflater,
) -> tuple[Part, ...] | None:
    """The parts of one segment. ``tables`` and ``deflater`` learn what fits."""
    for table in list(tables):
        for edge in (0, REPEATED_EDGE):
            part = replace(window, table=table, flags=window.flags | edge)
            try:
                made = window_bytes(image, part)
            except FormatError:
                continue
            parts = _packed(packed, part, made, compression, deflater)
            if parts is not None:
                tables.remove(table)
                tables.insert(0, table)
                return parts
            if (
                window.first_row + window.rows <= image.shape[0]
                and window.first_column + window.columns <= image.shape[1]
            ):
                break  # nothing lies outside
    return None


def _packed(packed: bytes, part: Window, made: bytes, compression: int, deflater: Deflater) -> tuple[Part, ...] | None:
    if compression == _NONE:
        if not packed.startswith(made):
            return None
        return (part, Literal(packed[len(made) :])) if len(packed) > len(made) else (part,)
    if compression == _LZW:
        return lzw.find_samples(packed, part, made)
    if compression == _GROUP_4:
        return facsimile.find_samples(packed, part, made)
    if compression == _PACKBITS:
        return runs.find_samples(packed, (part,), made)
    if compression not in (_DEFLATE, _OLD_DEFLATE) or len(packed) < 6:
        return None
    try:
        inflated = zlib.decompress(packed)
    except zlib.error:
        return None
    if inflated != made:
        return None
    again = deflater.part(packed[2:-4], inflated, (part,), (packed[0] >> 4) + 8)
    return None if again is None else (Literal(packed[:2]), again, Literal(packed[-4:]))
