"""Spec dct/upsampling: components enlarged by the inverse transform itself, as libjpeg 7 and later do it.

Where a sample stands for two rows or columns, eight coefficients give sixteen samples.
"""

from __future__ import annotations

import numpy as np

from sofc.jit.decorators import kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.dct import COLUMN_SHIFT, LARGEST, MIDDLE, ROW_SHIFT, SIDE, inverse_line

LONG = 2 * SIDE
SCRATCH = LONG + 2, LONG


WEIGHTS = np.array([
    8192, 11529, 11363, 11086, 10703, 10217, 9632, 8956,
    8192, 11086, 9633, 7350, 4433, 1136, -2260, -5461,
    8192, 10217, 6437, 1136, -4433, -8955, -11363, -11086,
    8192, 8956, 2260, -5461, -10703, -11086, -6436, 1137,
    8192, 7350, -2260, -10217, -10703, -3363, 6436, 11529,
    8192, 5461, -6437, -11529, -4433, 7349, 11363, 3363,
    8192, 3363, -9633, -8955, 4433, 11529, 2260, -10217,
    8192, 1136, -11363, -3363, 10703, 5461, -9632, -7350,
], np.int64).reshape(SIDE, SIDE)  # fmt: skip
"""[sample, frequency]: the first eight of sixteen samples; for the last, odd frequencies change their signs."""


@kernel
def _long_line(values: Vector[np.int64], sums: Vector[np.int64], half: int) -> None:
    """Turn the first eight of ``values`` into sixteen, which are left times 2**shift and not yet rounded."""
    for k in range(SIDE):
        even = odd = np.int64(0)
        for f in range(0, SIDE, 2):
            even += WEIGHTS[k, f] * values[f]
            odd += WEIGHTS[k, f + 1] * values[f + 1]
        sums[k], sums[LONG - 1 - k] = even + odd, even - odd
    for k in range(LONG):
        values[k] = sums[k] + half


@kernel
def _invert_line(values: Vector[np.int64], length: int, sums: Vector[np.int64], shift: int) -> None:
    if length == LONG:
        _long_line(values, sums, 1 << (shift - 1))
    else:
        inverse_line(values, 0, 1, shift)


@kernel
def draw_scaled(
    coefficients: Cube[np.int32], table: Vector[np.int64], plane: Table[np.int32], lines: Table[np.int64]
) -> int:
    """Spec dct/upsampling. Fill a plane of whole enlarged blocks from coefficients times ``table``.

    The plane has 8 or 16 rows and columns a block; ``lines`` is scratch, of the shape SCRATCH. Returns 0.
    """
    height, breadth = plane.shape[0] // coefficients.shape[0], plane.shape[1] // coefficients.shape[1]
    sums, line = lines[LONG], lines[LONG + 1]
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            block = coefficients[row, column]
            for v in range(SIDE):
                for u in range(SIDE):
                    line[u] = block[SIDE * u + v] * table[SIDE * u + v]
                _invert_line(line, height, sums, COLUMN_SHIFT)
                for y in range(height):
                    lines[y, v] = line[y] >> COLUMN_SHIFT
            for y in range(height):
                _invert_line(lines[y], breadth, sums, ROW_SHIFT)
                for x in range(breadth):
                    sample = (lines[y, x] >> ROW_SHIFT) + MIDDLE
                    plane[height * row + y, breadth * column + x] = max(0, min(LARGEST, sample))
    return 0
