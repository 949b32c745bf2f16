"""The filters of PNG: rows of bytes less what the bytes around them predict, and back.

Portable Network Graphics (PNG) Specification, third edition, 9: Filtering
"""

from __future__ import annotations

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table

OK, BROKEN = range(2)
NONE, SUB, UP, AVERAGE, PAETH = range(5)


@inlined
def _predicted(rows: Table[np.uint8], row: int, column: int, distance: int, number: int) -> int:
    """What filter ``number`` predicts a byte to be from those before it."""
    left, above, corner = 0, 0, 0
    if column >= distance:
        left = int(rows[row, column - distance])
    if row > 0:
        above = int(rows[row - 1, column])
        if column >= distance:
            corner = int(rows[row - 1, column - distance])
    if number == SUB:
        return left
    if number == UP:
        return above
    if number == AVERAGE:
        return (left + above) >> 1
    if number == PAETH:
        to_left, to_above, to_corner = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
        if to_left <= to_above and to_left <= to_corner:
            return left
        return above if to_above <= to_corner else corner
    return 0


@inlined
def _fit(filtered: Table[np.uint8], distance: int, rows: Table[np.uint8]) -> bool:
    """Whether shapes fit each other, and all rows have filters that there are."""
    if filtered.shape[0] != rows.shape[0] or filtered.shape[1] != rows.shape[1] + 1 or distance < 1:
        return False
    highest = 0
    for row in range(rows.shape[0]):
        highest = max(highest, int(filtered[row, 0]))
    return highest <= PAETH


@kernel
def unfilter(filtered: Table[np.uint8], distance: int, rows: Table[np.uint8]) -> int:
    """Undo filters: make ``rows``, shape (height, bytes), of ``filtered``, where each row stands behind the number of
    its filter. ``distance``: bytes of a pixel, from 1. BROKEN where shapes do not fit or a number is no filter's."""
    if not _fit(filtered, distance, rows):
        return BROKEN
    for row in range(rows.shape[0]):
        for column in range(rows.shape[1]):
            byte = _predicted(rows, row, column, distance, int(filtered[row, 0])) + int(filtered[row, 1 + column])
            rows[row, column] = np.uint8(byte & 255)
    return OK


@kernel
def refilter(rows: Table[np.uint8], distance: int, filtered: Table[np.uint8]) -> int:
    """Apply filters: the reverse of ``unfilter``. In ``filtered`` the number of each row's filter stands already."""
    if not _fit(filtered, distance, rows):
        return BROKEN
    for row in range(rows.shape[0]):
        for column in range(rows.shape[1]):
            byte = int(rows[row, column]) - _predicted(rows, row, column, distance, int(filtered[row, 0]))
            filtered[row, 1 + column] = np.uint8(byte & 255)
    return OK
