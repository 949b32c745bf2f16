"""What a JPEG decoder makes of coefficients: blocks of 8 x 8 samples, and planes that are larger than their components.

The inverse transform is the accurate integer one of the JPEG reference decoder ("islow": C. Loeffler, A. Ligtenberg and
G. Moschytz, ICASSP 1989, in 13-bit fixed point), the enlargement its "fancy" one: both to the bit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel

Integers = npt.NDArray[np.int64]
Coefficients = npt.NDArray[np.int32]
"""Shape (rows of blocks, blocks in a row, 64): 8 * vertical + horizontal frequency."""
Samples = npt.NDArray[np.int32]
Fractions = npt.NDArray[np.uint8]

SIDE = 8
SIZE = SIDE * SIDE
FRACTIONS = 8
"""Parts of a step between samples in which what the transform gives before rounding is told apart."""
COLUMN_SHIFT, ROW_SHIFT = 11, 18
MIDDLE = 128
LARGEST = 255


@kernel
def _inverse_line(values: Integers, start: int, step: int, shift: int) -> None:
    """Transform eight numbers in place; what they come to is left times 2**shift and not yet rounded."""
    even = (values[start + 2 * step] + values[start + 6 * step]) * 4433
    e2 = even - values[start + 6 * step] * 15137
    e3 = even + values[start + 2 * step] * 6270
    e0 = (values[start] + values[start + 4 * step]) << 13
    e1 = (values[start] - values[start + 4 * step]) << 13
    a, b, c, d = e0 + e3, e1 + e2, e1 - e2, e0 - e3
    o0, o1 = values[start + 7 * step], values[start + 5 * step]
    o2, o3 = values[start + 3 * step], values[start + step]
    z1, z2, z3, z4 = o0 + o3, o1 + o2, o0 + o2, o1 + o3
    z5 = (z3 + z4) * 9633
    z1 *= -7373
    z2 *= -20995
    z3 = z5 - z3 * 16069
    z4 = z5 - z4 * 3196
    o0 = o0 * 2446 + z1 + z3
    o1 = o1 * 16819 + z2 + z4
    o2 = o2 * 25172 + z2 + z3
    o3 = o3 * 12299 + z1 + z4
    half = 1 << (shift - 1)
    values[start] = a + o3 + half
    values[start + 7 * step] = a - o3 + half
    values[start + step] = b + o2 + half
    values[start + 6 * step] = b - o2 + half
    values[start + 2 * step] = c + o1 + half
    values[start + 5 * step] = c - o1 + half
    values[start + 3 * step] = d + o0 + half
    values[start + 4 * step] = d - o0 + half


@kernel
def invert(work: Integers) -> None:
    """The inverse transform of 64 coefficients (each within +-2**22) in place.

    Samples are ``work[i] >> ROW_SHIFT`` plus MIDDLE, cut to 0 .. 255.
    """
    for column in range(SIDE):
        _inverse_line(work, column, SIDE, COLUMN_SHIFT)
    for i in range(SIZE):
        work[i] >>= COLUMN_SHIFT
    for row in range(SIDE):
        _inverse_line(work, SIDE * row, 1, ROW_SHIFT)


@kernel
def draw(coefficients: Coefficients, table: Integers, component: Samples, fractions: Fractions, work: Integers) -> int:
    """Fill a component (8 * rows of blocks, 8 * blocks in a row) from its coefficients, times ``table`` (64,).

    ``fractions``: where between two samples the transform came to, in 1/FRACTIONS; ``work`` (64,). Returns 0.
    """
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            for i in range(SIZE):
                work[i] = coefficients[row, column, i] * table[i]
            invert(work)
            for i in range(SIZE):
                y, x = SIDE * row + (i >> 3), SIDE * column + (i & 7)
                component[y, x] = max(0, min(LARGEST, (work[i] >> ROW_SHIFT) + MIDDLE))
                fractions[y, x] = (work[i] >> (ROW_SHIFT - 3)) & (FRACTIONS - 1)
    return 0


@kernel
def _near(place: int, doubled: int, last: int) -> int:
    """The neighbour that an enlarged sample leans to: the nearer of the two beside the component's sample ``place``."""
    return max(0, min(last, place + (1 if doubled & 1 else -1)))


@kernel
def enlarge(component: Samples, top: int, left: int, down: int, across: int, plane: Samples) -> int:
    """Fill a plane from the component's samples, ``down`` and ``across`` times as few (1 or 2).

    ``top`` and ``left``: place of the plane's first sample as counted in the plane's own rows and columns from the
    component's first. Beyond the samples that the plane covers, their border is repeated. Returns 0.
    """
    rows, width = plane.shape
    first_row, last_row = top // down, (top + rows - 1) // down
    first_column, last_column = left // across, (left + width - 1) // across
    for y in range(rows):
        row = (top + y) // down
        other = row
        if down == 2:
            other = max(first_row, _near(row, top + y, last_row))
        for x in range(width):
            column = (left + x) // across
            if across == 1:
                if down == 1:
                    plane[y, x] = component[row, column]
                else:
                    bias = 2 if (top + y) & 1 else 1
                    plane[y, x] = (3 * component[row, column] + component[other, column] + bias) >> 2
                continue
            beside = max(first_column, _near(column, left + x, last_column))
            if down == 1:
                bias = 2 if (left + x) & 1 else 1
                plane[y, x] = (3 * component[row, column] + component[row, beside] + bias) >> 2
            else:
                bias = 7 if (left + x) & 1 else 8
                here = 3 * component[row, column] + component[other, column]
                there = 3 * component[row, beside] + component[other, beside]
                plane[y, x] = (3 * here + there + bias) >> 4
    return 0
