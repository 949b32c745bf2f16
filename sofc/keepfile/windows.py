"""Samples of a decoded image as the bytes that another format has for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.container.original import (
    BIG_ENDIAN,
    BOTTOM_UP,
    DIFFERENCE,
    LOW_BITS_FIRST,
    PNG_FILTERS,
    REPEATED_EDGE,
    REVERSED_COLOURS,
    REVERSED_COMPONENTS,
    Window,
)
from sofc.errors import FormatError
from sofc.keepfile import png_filters
from sofc.rows import FileRows

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]
_FLAGS = BIG_ENDIAN | LOW_BITS_FIRST | BOTTOM_UP | REVERSED_COMPONENTS | REPEATED_EDGE | REVERSED_COLOURS
_COLOURS = 3
_PIECE = 1 << 18
"""Samples that are made bytes of at a time, but for those of one row."""
_WHOLE_BYTES = {8: np.uint8, 16: np.uint16, 32: np.uint32}


def window_size(window: Window) -> int:
    """Bytes that a window takes in the file."""
    samples = 1 if window.table else window.components
    bits = window.columns * samples * window.bits
    if window.alignment == 0:
        return (window.rows * bits + 7) // 8
    row = -(-((bits + 7) // 8) // window.alignment) * window.alignment
    return window.rows * (row + (window.prediction == PNG_FILTERS))


def window_bytes(image: Array | FileRows, window: Window) -> bytes:
    """The bytes of a window of ``image``, shape (height, width[, components]). Raises FormatError."""
    return b"".join(window_pieces(image, window))


def window_pieces(image: Array | FileRows, window: Window) -> Iterator[bytes]:
    """The same, some rows at a time: on their way samples take many times their room."""
    _check(window)
    _check_place(image, window)
    filtered = window.prediction == PNG_FILTERS
    # Rows that are not aligned are one string of bits.
    step = max(1, _PIECE // (window.columns * window.components)) if window.alignment else window.rows
    for start in range(0, window.rows, step):
        # Filters look at the row above.
        above = int(filtered and start > 0)
        rows = _rows(_selected(image, window, start - above, min(start + step, window.rows)), window)
        if filtered:
            components = 1 if window.table else window.components
            filters = np.frombuffer(window.filters, np.uint8)[start - above : start + step]
            rows = _filtered(rows, filters, max(1, window.bits * components // 8))
        yield rows[above:].tobytes()


def _rows(samples: Array, window: Window) -> Bytes:
    """Rows of bytes of samples, shape (rows, columns, components), not yet filtered."""
    if window.table:
        samples = _entries(samples, window.table)
    if window.flags & REVERSED_COMPONENTS:
        samples = samples[:, :, ::-1]
    if window.flags & REVERSED_COLOURS:
        if samples.shape[2] < _COLOURS:
            raise FormatError("a part of the original file has no three colours whose order it could reverse")
        samples = samples[:, :, [2, 1, 0, *range(_COLOURS, samples.shape[2])]]
    rows, columns, components = samples.shape
    values = samples.astype(np.int64)
    if window.prediction == DIFFERENCE:
        values[:, 1:] -= values[:, :-1].copy()
    # Negative samples become two's complement.
    values = values >> window.shift & (1 << window.bits) - 1
    return _packed(values.astype(np.uint32).reshape(rows, columns * components), window)


def _check(window: Window) -> None:
    if (
        not 1 <= window.bits <= 32
        or window.shift > 31
        or window.flags & ~_FLAGS
        or window.prediction not in (0, DIFFERENCE, PNG_FILTERS)
        or window.row_step < 1
        or window.column_step < 1
        or window.rows < 1
        or window.columns < 1
        or window.components < 1
        or (window.prediction == PNG_FILTERS and (window.alignment != 1 or len(window.filters) != window.rows))
    ):
        raise FormatError("a part of the original file asks for samples in a way that is not known")


def _check_place(image: Array | FileRows, window: Window) -> None:
    components = image.shape[2] if image.ndim == 3 else 1
    last_component = window.first_component + window.components
    if window.first_row >= image.shape[0] or window.first_column >= image.shape[1] or last_component > components:
        raise FormatError("a part of the original file lies outside of its image")


def _selected(image: Array | FileRows, window: Window, first: int, end: int) -> Array:
    """Rows ``first`` to ``end`` of a window, as they follow each other in the file: shape (rows, columns, components).

    What lies outside the image is zero or repeats its edge.
    """
    inside = -(-(image.shape[0] - window.first_row) // window.row_step)
    wanted = np.arange(first, end)
    if window.flags & BOTTOM_UP:
        wanted = window.rows - 1 - wanted
    there = np.minimum(wanted, inside - 1)
    top, bottom = int(there.min()), int(there.max())
    rows = image[window.first_row + top * window.row_step : window.first_row + bottom * window.row_step + 1]
    column_end = window.first_column + window.columns * window.column_step
    samples: Array = (rows if rows.ndim == 3 else rows[:, :, None])[
        (there - top) * window.row_step,
        window.first_column : column_end : window.column_step,
        window.first_component : window.first_component + window.components,
    ]
    repeats = window.flags & REPEATED_EDGE
    if window.rows > inside and not repeats:
        samples[wanted >= inside] = 0
    missing = window.columns - samples.shape[1]
    return (
        np.pad(samples, ((0, 0), (0, missing), (0, 0)), mode="edge" if repeats else "constant") if missing else samples
    )


def _entries(samples: Array, table: tuple[int, ...]) -> Array:
    """The number of the first entry of the table that each pixel equals."""
    components = samples.shape[2]
    if len(table) % components or components > 4 or not all(0 <= value < 1 << 16 for value in table):
        raise FormatError("a table of the original file does not fit its image")
    shifts = np.arange(components, dtype=np.uint64) * np.uint64(16)
    keys = np.bitwise_or.reduce(np.array(table, np.uint64).reshape(-1, components) << shifts, axis=1)
    pixels = np.bitwise_or.reduce(samples.astype(np.uint64) << shifts, axis=2)
    known, first = np.unique(keys, return_index=True)
    places = np.minimum(np.searchsorted(known, pixels), len(known) - 1)
    if (known[places] != pixels).any():
        raise FormatError("a table of the original file lacks a value of its image")
    entries: Array = first[places][:, :, None]
    return entries


def _packed(values: npt.NDArray[np.uint32], window: Window) -> Bytes:
    """Rows of bytes, or one row of all bytes where rows are not aligned."""
    if window.bits in _WHOLE_BYTES:
        dtype = np.dtype(_WHOLE_BYTES[window.bits])
        whole = values.astype(dtype.newbyteorder(">") if window.flags & BIG_ENDIAN else dtype.newbyteorder("<"))
        packed = np.ascontiguousarray(whole).view(np.uint8).reshape(len(values), -1)
    else:
        places = np.arange(window.bits, dtype=np.uint32)
        if not window.flags & LOW_BITS_FIRST:
            places = places[::-1]
        bits = ((values[:, :, None] >> places) & 1).astype(np.uint8)
        flat = bits.reshape((1, -1) if window.alignment == 0 else (len(values), -1))
        packed = np.packbits(flat, axis=1, bitorder="little" if window.flags & LOW_BITS_FIRST else "big")
    if window.alignment > 1:
        packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % window.alignment)))
    return packed


def _filtered(rows: Bytes, filters: Bytes, distance: int) -> Bytes:
    """Rows as PNG filters them, each behind the byte that names its filter."""
    result = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    result[:, 0] = filters
    if png_filters.refilter(rows, distance, result) != png_filters.OK:
        raise FormatError("the original file has a PNG filter that is not known")
    return result
