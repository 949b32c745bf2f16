"""Spec dct/upsampling: components enlarged by the inverse transform itself, as libjpeg 7 and later do it.

Where a sample stands for two rows or columns, eight coefficients give sixteen samples.
"""

from __future__ import annotations

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.dct import COLUMN_SHIFT, LARGEST, MIDDLE, ROW_SHIFT, SIDE, inverse_line

LONG = 2 * SIDE
SCRATCH = LONG + 2, LONG


@inlined
def _odd_half(v: Vector[np.int64], at: int, odd: Vector[np.int64]) -> None:
    """What the odd coefficients add to the first eight of sixteen samples, and take from the last."""
    z1, z2, z3, z4 = v[at + 1], v[at + 3], v[at + 5], v[at + 7]
    t11 = z1 + z3
    t1, t2, t3 = (z1 + z2) * 11086, t11 * 10217, (z1 + z4) * 8956
    t10, t11, t12 = (z1 - z4) * 7350, t11 * 5461, (z1 - z2) * 3363
    t0, t13 = t1 + t2 + t3 - z1 * 18730, t10 + t11 + t12 - z1 * 15038
    z = (z2 + z3) * 1136
    t1, t2 = t1 + z + z2 * 589, t2 + z - z3 * 9222
    z = (z3 - z2) * 11529
    t11, t12 = t11 + z - z3 * 6278, t12 + z + z2 * 16154
    z = (z2 + z4) * -5461
    t1, t3 = t1 + z, t3 + z + z4 * 8728
    z = (z2 + z4) * -10217
    t10, t12 = t10 + z + z4 * 25733, t12 + z
    z = (z3 + z4) * -11086
    t2, t3 = t2 + z, t3 + z
    z = (z4 - z3) * 3363
    odd[0], odd[1], odd[2], odd[3] = t0, t1, t2, t3
    odd[4], odd[5], odd[6], odd[7] = t10 + z, t11 + z, t12, t13


@kernel
def _long_line(v: Vector[np.int64], at: int, odd: Vector[np.int64], half: int) -> None:
    """Turn eight numbers of ``v`` from ``at`` on into sixteen, which are left times 2**shift, and not yet rounded."""
    t0, t1, t2 = v[at] << 13, v[at + 4] * 10703, v[at + 4] * 4433
    t10, t11, t12, t13 = t0 + t1, t0 - t1, t0 + t2, t0 - t2
    z1, z2 = v[at + 2], v[at + 6]
    z3 = (z1 - z2) * 11363
    z4 = (z1 - z2) * 2260
    a, b, c, d = z3 + z2 * 20995, z4 + z1 * 7373, z3 - z1 * 4926, z4 - z2 * 4176
    _odd_half(v, at, odd)
    up = (t10 + a, t12 + b, t13 + c, t11 + d, t11 - d, t13 - c, t12 - b, t10 - a)
    for i in range(SIDE):
        v[at + i] = up[i] + odd[i] + half
        v[at + LONG - 1 - i] = up[i] - odd[i] + half


@kernel
def _invert_line(v: Vector[np.int64], at: int, length: int, odd: Vector[np.int64], shift: int) -> None:
    if length == LONG:
        _long_line(v, at, odd, 1 << (shift - 1))
    else:
        inverse_line(v, at, 1, shift)


@kernel
def draw_scaled(
    coefficients: Cube[np.int32], table: Vector[np.int64], plane: Table[np.int32], lines: Table[np.int64]
) -> int:
    """Spec dct/upsampling. Fill a plane of whole enlarged blocks from coefficients times ``table``.

    The plane has 8 or 16 rows and columns a block; ``lines`` is scratch, of the shape SCRATCH. Returns 0.
    """
    height, breadth = plane.shape[0] // coefficients.shape[0], plane.shape[1] // coefficients.shape[1]
    odd, line = lines[LONG], lines[LONG + 1]
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            block = coefficients[row, column]
            for v in range(SIDE):
                for u in range(SIDE):
                    line[u] = block[SIDE * u + v] * table[SIDE * u + v]
                _invert_line(line, 0, height, odd, COLUMN_SHIFT)
                for y in range(height):
                    lines[y, v] = line[y] >> COLUMN_SHIFT
            for y in range(height):
                _invert_line(lines[y], 0, breadth, odd, ROW_SHIFT)
                for x in range(breadth):
                    sample = (lines[y, x] >> ROW_SHIFT) + MIDDLE
                    plane[height * row + y, breadth * column + x] = max(0, min(LARGEST, sample))
    return 0
