"""Spec dct/inverse-transform: the kinds of inverse cosine transforms, those of libjpeg and of others.

Each takes 64 coefficients times their ``multipliers``, in place, and leaves what samples less MIDDLE are in
1 / 2**ROW_SHIFT, with half a sample where the decoder rounds: ``work[i] >> ROW_SHIFT`` plus MIDDLE, cut to 0 .. 255, is
the sample.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.dct import (
    BUTTERFLIES,
    FAST,
    FRACTIONS,
    LARGEST,
    LIFTED,
    MIDDLE,
    NARROW,
    ROTATED,
    ROW_SHIFT,
    SHORT,
    SHORTER,
    SIDE,
    SIMPLE,
    SIZE,
    invert,
)

FAST_SHIFT = 5


class Four(NamedTuple):
    """What even, or odd, frequencies add up to."""

    first: int
    second: int
    third: int
    fourth: int


_SCALES = np.where(np.arange(SIDE) == 0, 1, np.sqrt(2) * np.cos(np.arange(SIDE) * np.pi / 16))
FAST_FACTORS = np.rint(np.outer(_SCALES, _SCALES) * (1 << 14)).astype(np.int64).ravel()
"""What the fast transform leaves to the steps, in 1 / 2**14."""


@kernel
def _fast_line(values: Vector[np.int64], start: int, step: int) -> None:
    """Transform eight numbers in place as Arai, Agui and Nakajima do, who leave factors to the steps."""
    v0, v1, v2, v3 = values[start], values[start + step], values[start + 2 * step], values[start + 3 * step]
    v4, v5 = values[start + 4 * step], values[start + 5 * step]
    v6, v7 = values[start + 6 * step], values[start + 7 * step]
    t10, t11, t13 = v0 + v4, v0 - v4, v2 + v6
    t12 = (((v2 - v6) * 362) >> 8) - t13
    e0, e3, e1, e2 = t10 + t13, t10 - t13, t11 + t12, t11 - t12
    z13, z10, z11, z12 = v5 + v3, v5 - v3, v1 + v7, v1 - v7
    o7 = z11 + z13
    z5 = ((z10 + z12) * 473) >> 8
    o6 = ((z10 * -669) >> 8) + z5 - o7
    o5 = (((z11 - z13) * 362) >> 8) - o6
    o4 = ((z12 * 277) >> 8) - z5 + o5
    values[start], values[start + 7 * step] = e0 + o7, e0 - o7
    values[start + step], values[start + 6 * step] = e1 + o6, e1 - o6
    values[start + 2 * step], values[start + 5 * step] = e2 + o5, e2 - o5
    values[start + 4 * step], values[start + 3 * step] = e3 + o4, e3 - o4


@inlined
def _is_flat(values: Vector[np.int64], start: int, step: int) -> bool:
    """Whether all of eight numbers but the first are 0."""
    rest = 0
    for i in range(1, SIDE):
        rest |= values[start + i * step]
    return rest == 0


@inlined
def _all(values: Vector[np.int64], start: int, step: int, value: int) -> None:
    for i in range(SIDE):
        values[start + i * step] = value


@kernel
def _simple_line(values: Vector[np.int64], start: int, step: int, half: int, shift: int) -> None:
    """FFmpeg's simple_idct along a line: sums of products, cut at the end."""
    v0, v1, v2, v3 = values[start], values[start + step], values[start + 2 * step], values[start + 3 * step]
    v4, v5 = values[start + 4 * step], values[start + 5 * step]
    v6, v7 = values[start + 6 * step], values[start + 7 * step]
    first, second = 16383 * (v0 + v4) + half, 16383 * (v0 - v4) + half
    a0, a1 = first + 21407 * v2 + 8867 * v6, second + 8867 * v2 - 21407 * v6
    a2, a3 = second - 8867 * v2 + 21407 * v6, first - 21407 * v2 - 8867 * v6
    b0 = 22725 * v1 + 19266 * v3 + 12873 * v5 + 4520 * v7
    b1 = 19266 * v1 - 4520 * v3 - 22725 * v5 - 12873 * v7
    b2 = 12873 * v1 - 22725 * v3 + 4520 * v5 + 19266 * v7
    b3 = 4520 * v1 - 12873 * v3 + 19266 * v5 - 22725 * v7
    values[start], values[start + 7 * step] = (a0 + b0) >> shift, (a0 - b0) >> shift
    values[start + step], values[start + 6 * step] = (a1 + b1) >> shift, (a1 - b1) >> shift
    values[start + 2 * step], values[start + 5 * step] = (a2 + b2) >> shift, (a2 - b2) >> shift
    values[start + 3 * step], values[start + 4 * step] = (a3 + b3) >> shift, (a3 - b3) >> shift


@kernel
def _invert_simply(work: Vector[np.int64]) -> None:
    """Spec dct/other-transforms, kind 2."""
    work[0] += MIDDLE << 3
    for row in range(0, SIZE, SIDE):
        if _is_flat(work, row, 1):
            _all(work, row, 1, work[row] << 3)
        else:
            _simple_line(work, row, 1, 1 << 10, 11)
    for column in range(SIDE):
        work[column] += 32
        _simple_line(work, column, SIDE, 0, 2)
    for i in range(SIZE):
        work[i] -= MIDDLE << ROW_SHIFT


@kernel
def _rotated_line(values: Vector[np.int64], start: int, step: int, half: int, cut: int) -> None:
    """The transform of the MPEG-2 reference decoder along a line: rotations, of which the lowest bits are cut."""
    x0, x1, x2, x3 = values[start] + half, values[start + 4 * step], values[start + 6 * step], values[start + 2 * step]
    x4, x5 = values[start + step], values[start + 7 * step]
    x6, x7 = values[start + 5 * step], values[start + 3 * step]
    rounding = (1 << cut) >> 1
    x8 = 565 * (x4 + x5) + rounding
    x4, x5 = (x8 + 2276 * x4) >> cut, (x8 - 3406 * x5) >> cut
    x8 = 2408 * (x6 + x7) + rounding
    x6, x7 = (x8 - 799 * x6) >> cut, (x8 - 4017 * x7) >> cut
    x8, x0 = x0 + x1, x0 - x1
    x1 = 1108 * (x3 + x2) + rounding
    x2, x3 = (x1 - 3784 * x2) >> cut, (x1 + 1568 * x3) >> cut
    x1, x4 = x4 + x6, x4 - x6
    x6, x5 = x5 + x7, x5 - x7
    x7, x8 = x8 + x3, x8 - x3
    x3, x0 = x0 + x2, x0 - x2
    x2, x4 = (181 * (x4 + x5) + 128) >> 8, (181 * (x4 - x5) + 128) >> 8
    values[start], values[start + 7 * step] = x7 + x1, x7 - x1
    values[start + step], values[start + 6 * step] = x3 + x2, x3 - x2
    values[start + 2 * step], values[start + 5 * step] = x0 + x4, x0 - x4
    values[start + 3 * step], values[start + 4 * step] = x8 + x6, x8 - x6


@kernel
def _invert_by_rotations(work: Vector[np.int64]) -> None:
    """Spec dct/other-transforms, kind 3."""
    for row in range(0, SIZE, SIDE):
        if _is_flat(work, row, 1):
            _all(work, row, 1, work[row] << 3)
        else:
            work[row] <<= 11
            work[row + 4] <<= 11
            _rotated_line(work, row, 1, 128, 0)
            for i in range(row, row + SIDE):
                work[i] >>= 8
    for column in range(SIDE):
        work[column] <<= 8
        work[column + 4 * SIDE] <<= 8
        _rotated_line(work, column, SIDE, 8192, 3)
    for i in range(SIZE):
        work[i] <<= ROW_SHIFT - 14


@inlined
def _turned(first: int, second: int, cosine: int, sine: int) -> tuple[int, int]:
    """Two numbers turned by an angle, in three products."""
    total = cosine * (first + second)
    return total + (sine - cosine) * second, total - (cosine + sine) * first


@inlined
def _put(values: Vector[np.int64], start: int, step: int, even: Four, odd: Four) -> None:
    """Leave sums in the first half of a line and differences in the second."""
    values[start], values[start + 7 * step] = even[0] + odd[0], even[0] - odd[0]
    values[start + step], values[start + 6 * step] = even[1] + odd[1], even[1] - odd[1]
    values[start + 2 * step], values[start + 5 * step] = even[2] + odd[2], even[2] - odd[2]
    values[start + 3 * step], values[start + 4 * step] = even[3] + odd[3], even[3] - odd[3]


@kernel
def _lifted_line(values: Vector[np.int64], start: int, step: int, is_row: bool) -> None:
    """Loeffler's transform along a line as Go has it."""
    x0, x7 = values[start], values[start + step]
    x2, x5 = values[start + 2 * step], values[start + 3 * step]
    x1, x6 = values[start + 4 * step], values[start + 5 * step]
    x3, x4 = values[start + 6 * step], values[start + 7 * step]
    if is_row:
        x0, x1 = (x0 + x1) << 17, (x0 - x1) << 17
        x2, x3 = _turned(x2, x3, 70936, -171254)
        x7, x4 = (x7 + x4) << 7, (x7 - x4) << 7
        x6, x5, cut = x6 * 181, x5 * 181, 2
    else:
        x0 += 1 << 19
        x0, x1 = (x0 + x1) >> 2, (x0 - x1) >> 2
        x2, x3 = _turned(x2 >> 13, x3 >> 13, 1108, -2676)
        x7, x4 = x7 + x4, x7 - x4
        x5, x6, cut = (x5 >> 13) * 11585, (x6 >> 13) * 11585, 14
    x1, x2 = x1 + x2, x1 - x2
    x0, x3 = x0 + x3, x0 - x3
    x7, x5 = x7 + x5, x7 - x5
    x4, x6 = x4 + x6, x4 - x6
    x4, x7 = _turned(x4 >> cut, x7 >> cut, 3406, -2276)
    x5, x6 = _turned(x5 >> cut, x6 >> cut, 4017, -799)
    _put(values, start, step, Four(x0, x1, x2, x3), Four(x7, x6, x5, x4))


@kernel
def _invert_by_lifting(work: Vector[np.int64]) -> None:
    """Spec dct/other-transforms, kind 4."""
    for row in range(0, SIZE, SIDE):
        _lifted_line(work, row, 1, True)
    for column in range(SIDE):
        _lifted_line(work, column, SIDE, False)


@kernel
def _butterflies_line(values: Vector[np.int64], start: int, step: int, is_row: bool) -> None:
    """Loeffler's transform along a line as jpeg-js and pdf.js have it: halves are rounded up at each sum."""
    cut = 8 if is_row else 12
    half = 1 << (cut - 1)
    p1, p7 = values[start + step], values[start + 7 * step]
    v0, v1 = (5793 * values[start] + half) >> cut, (5793 * values[start + 4 * step] + half) >> cut
    v2, v3 = values[start + 2 * step], values[start + 6 * step]
    v4, v7 = (2896 * (p1 - p7) + half) >> cut, (2896 * (p1 + p7) + half) >> cut
    v5, v6 = values[start + 3 * step], values[start + 5 * step]
    if is_row:
        v5, v6 = v5 << 4, v6 << 4
    v0, v1 = (v0 + v1 + 1) >> 1, (v0 - v1 + 1) >> 1
    v2, v3 = (v2 * 1567 - v3 * 3784 + half) >> cut, (v2 * 3784 + v3 * 1567 + half) >> cut
    v4, v6 = (v4 + v6 + 1) >> 1, (v4 - v6 + 1) >> 1
    v7, v5 = (v7 + v5 + 1) >> 1, (v7 - v5 + 1) >> 1
    v0, v3 = (v0 + v3 + 1) >> 1, (v0 - v3 + 1) >> 1
    v1, v2 = (v1 + v2 + 1) >> 1, (v1 - v2 + 1) >> 1
    v4, v7 = (v4 * 3406 - v7 * 2276 + 2048) >> 12, (v4 * 2276 + v7 * 3406 + 2048) >> 12
    v5, v6 = (v5 * 4017 - v6 * 799 + 2048) >> 12, (v5 * 799 + v6 * 4017 + 2048) >> 12
    _put(values, start, step, Four(v0, v1, v2, v3), Four(v7, v6, v5, v4))


@kernel
def _invert_by_butterflies(work: Vector[np.int64]) -> None:
    """Spec dct/other-transforms, kind 5."""
    for row in range(0, SIZE, SIDE):
        if _is_flat(work, row, 1):
            _all(work, row, 1, (5793 * work[row] + 512) >> 10)
        else:
            _butterflies_line(work, row, 1, True)
    for column in range(SIDE):
        if _is_flat(work, column, SIDE):
            _all(work, column, SIDE, (5793 * work[column] + 8192) >> 14)
        else:
            _butterflies_line(work, column, SIDE, False)
    for i in range(SIZE):
        work[i] = (work[i] + 8) << (ROW_SHIFT - 4)


class _Factors(NamedTuple):
    """What libjpeg's accurate transform multiplies by, in fixed point of so many ``bits``: first the factors of the
    even coefficients, then of sums of odd ones, then of these alone, each in the order in which ``_fixed_line`` has
    them."""

    bits: int
    even: tuple[int, int, int]
    sums: tuple[int, int, int, int, int]
    odd: tuple[int, int, int, int]


SHORT_FACTORS = _Factors(12, (2217, 7567, 3135), (4816, 3685, 10497, 8034, 1597), (6149, 12586, 8410, 1223))
"""Rounded as in stb_image: 7567, where 7568 would be nearer."""
NARROW_FACTORS = _Factors(9, (277, 946, 392), (602, 461, 1312, 1004, 200), (769, 1573, 1051, 153))


@inlined
def _fixed_line(values: Vector[np.int64], start: int, step: int, factors: _Factors, half: int, shift: int) -> None:
    """libjpeg's accurate transform along a line in fixed point of few bits."""
    even, sums, odd = factors.even, factors.sums, factors.odd
    v0, v4 = values[start], values[start + 4 * step]
    v2, v6 = values[start + 2 * step], values[start + 6 * step]
    z1 = (v2 + v6) * even[0]
    t2, t3 = z1 - v6 * even[1], z1 + v2 * even[2]
    t0, t1 = (v0 + v4) << factors.bits, (v0 - v4) << factors.bits
    o0, o1 = values[start + 7 * step], values[start + 5 * step]
    o2, o3 = values[start + 3 * step], values[start + step]
    z5 = (o0 + o2 + o1 + o3) * sums[0]
    z1, z2 = z5 - (o0 + o3) * sums[1], z5 - (o1 + o2) * sums[2]
    z3, z4 = (o0 + o2) * -sums[3], (o1 + o3) * -sums[4]
    last = Four(o3 * odd[0] + z1 + z4, o2 * odd[1] + z2 + z3, o1 * odd[2] + z2 + z4, o0 * odd[3] + z1 + z3)
    _put(values, start, step, Four(t0 + t3, t1 + t2, t1 - t2, t0 - t3), last)
    for i in range(SIDE):
        values[start + i * step] = (values[start + i * step] + half) >> shift


@kernel
def _invert_short(work: Vector[np.int64], more: int) -> None:
    """Spec dct/other-transforms, kinds 6 and 7: these differ in what is added before rounding."""
    for column in range(SIDE):
        _fixed_line(work, column, SIDE, SHORT_FACTORS, 512, 10)
    for row in range(0, SIZE, SIDE):
        _fixed_line(work, row, 1, SHORT_FACTORS, 65536 + more, 0)
    for i in range(SIZE):
        work[i] <<= 1


@kernel
def _invert_shorter(work: Vector[np.int64]) -> None:
    """Spec dct/other-transforms, kind 7: blocks of one number are rounded for themselves."""
    rest = 0
    for i in range(1, SIZE):
        rest |= work[i]
    if rest == 0:
        work[:] = (work[0] + 4) << (ROW_SHIFT - 3)
    else:
        _invert_short(work, 512)


@kernel
def _invert_narrow(work: Vector[np.int64]) -> None:
    """Spec dct/other-transforms, kind 8."""
    for i in range(SIZE):
        work[i] <<= 4
    work[0] += MIDDLE << 7
    for row in range(0, SIZE, SIDE):
        _fixed_line(work, row, 1, NARROW_FACTORS, 256, 9)
    for column in range(SIDE):
        _fixed_line(work, column, SIDE, NARROW_FACTORS, 1 << 11, 12)
    for i in range(SIZE):
        work[i] = ((work[i] + 8) << (ROW_SHIFT - 4)) - (MIDDLE << ROW_SHIFT)


@kernel
def _invert_fast(work: Vector[np.int64]) -> None:
    for column in range(SIDE):
        _fast_line(work, column, SIDE)
    for row in range(SIDE):
        _fast_line(work, SIDE * row, 1)
    for i in range(SIZE):
        work[i] <<= ROW_SHIFT - FAST_SHIFT


@kernel
def invert_by(inverse: int, work: Vector[np.int64]) -> None:
    """Spec dct/inverse-transform. The inverse transform of a kind, of coefficients times ``multipliers``."""
    if inverse == FAST:
        _invert_fast(work)
    elif inverse == SIMPLE:
        _invert_simply(work)
    elif inverse == ROTATED:
        _invert_by_rotations(work)
    elif inverse == LIFTED:
        _invert_by_lifting(work)
    elif inverse == BUTTERFLIES:
        _invert_by_butterflies(work)
    elif inverse == SHORT:
        _invert_short(work, 0)
    elif inverse == SHORTER:
        _invert_shorter(work)
    elif inverse == NARROW:
        _invert_narrow(work)
    else:
        invert(work)


def multipliers(inverse: int, table: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Spec dct/inverse-transform. What a kind of transform multiplies coefficients with that have these steps."""
    if inverse != FAST:
        return table
    result: npt.NDArray[np.int64] = (table * FAST_FACTORS + (1 << 11)) >> 12
    return result


@inlined
def invert_block(block: Vector[np.int32], multipliers: Vector[np.int64], inverse: int, work: Vector[np.int64]) -> None:
    """Fill ``work`` (64,) with the samples of a block, times 2**ROW_SHIFT."""
    for i in range(SIZE):
        work[i] = block[i] * multipliers[i]
    invert_by(inverse, work)


@kernel
def draw(
    coefficients: Cube[np.int32], multipliers: Vector[np.int64], inverse: int, component: Table[np.int32],
    fractions: Table[np.uint8], work: Vector[np.int64],
) -> int:  # fmt: skip
    """Spec dct/inverse-transform. Fill a component (8 * rows of blocks, 8 * blocks in a row) from its coefficients,
    times ``multipliers``.

    ``fractions``: where between two samples the transform came to, in 1/FRACTIONS; ``work`` (64,). Returns 0.
    """
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            invert_block(coefficients[row, column], multipliers, inverse, work)
            for i in range(SIZE):
                y, x = SIDE * row + (i >> 3), SIDE * column + (i & 7)
                component[y, x] = max(0, min(LARGEST, (work[i] >> ROW_SHIFT) + MIDDLE))
                fractions[y, x] = (work[i] >> (ROW_SHIFT - 3)) & (FRACTIONS - 1)
    return 0
