"""Spec dct/fine-upsampling: components of which 1 / 16 of a sample is kept until they are enlarged, as the JPEG group's
libjpeg does it (T. Richter's, that of pylibjpeg-libjpeg).
"""

from __future__ import annotations

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.dct import LARGEST, MIDDLE, NARROW, ROW_SHIFT, SIDE, SIZE, Grid
from sofc.jpeg.inverses import invert_block

FINE_SAMPLE_BITS = 4


@kernel
def draw_fine(
    coefficients: Cube[np.int32], table: Vector[np.int64], component: Table[np.int32], work: Vector[np.int64]
) -> int:
    """Spec dct/fine-upsampling. Fill a component (8 * rows of blocks, 8 * blocks in a row), in 1/2**FINE_SAMPLE_BITS
    and not cut, from its coefficients times ``table``; ``work`` (64,). Returns 0."""
    half = 1 << (FINE_SAMPLE_BITS - 1)
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            invert_block(coefficients[row, column], table, NARROW, work)
            for i in range(SIZE):
                value = (work[i] >> (ROW_SHIFT - FINE_SAMPLE_BITS)) - half + (MIDDLE << FINE_SAMPLE_BITS)
                component[SIDE * row + (i >> 3), SIDE * column + (i & 7)] = max(-(1 << 24), min(1 << 24, value))
    return 0


@inlined
def _between(component: Table[np.int32], rows: tuple[int, int], column: int, is_below: int, turn: int) -> int:
    """A sample between two rows, the nearer first. Roundings take turns from column to column."""
    one = (column + turn) & 1
    rounding = 1 + one if is_below else 2 - one
    return int((3 * component[rows[0], column] + component[rows[1], column] + rounding) >> 2)


@kernel
def enlarge_fine(component: Table[np.int32], grid: Grid, plane: Table[np.int32]) -> int:
    """Spec dct/fine-upsampling. Fill a plane from such a component, whose first sample is that at the corner of the
    first block. Returns 0."""
    down, across, top, left = grid.down, grid.across, grid.top, grid.left
    last_row = (top + plane.shape[0] + grid.below - 1) // down
    last_column = (left + plane.shape[1] + grid.right - 1) // across
    turn = across - 1
    for y in range(plane.shape[0]):
        row, is_below = (top + y) // down, (top + y) & (down - 1)
        other = row if down == 1 else max(0, min(last_row, row + 2 * is_below - 1))
        rows = row, other
        for x in range(plane.shape[1]):
            column, place = (left + x) // across, (left + x) & (SIDE - 1)
            value = _between(component, rows, column, is_below, turn)
            if across == 2:
                is_right = place & 1
                beside = max(0, min(last_column, column + 2 * is_right - 1))
                near = _between(component, rows, beside, is_below, turn)
                if place == 1 and column < last_column:
                    # The decoder has overwritten that one by what it was enlarged to.
                    near = (3 * near + value + 2) >> 2
                value = (3 * value + near + 2 - is_right) >> 2
            half = 1 << (FINE_SAMPLE_BITS - 1)
            plane[y, x] = max(0, min(LARGEST, (value + half) >> FINE_SAMPLE_BITS))
    return 0
