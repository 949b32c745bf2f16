"""Spec wide-samples/lines: floating-point samples as weighted sums of those before them along three axes in turn.

What a filter or a change of size makes of an image follows from its own samples but for what is new in each line. Every
image, row and column has weights of its own: those of a resampled image differ from line to line. What the weights
along one axis leave is predicted along the next, which is what becomes of filters that treat the axes one by one.

Sums are of numbers with a fixed point: integers below 2**53, those of the greatest numbers exact. What they say of much
smaller ones is noise; where a filter fades out, these are nearly products.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.prediction.keys import Numbers, from_zigzag, magnitude_of, to_zigzag, wrapped
from sofc.prediction.products import product

UNIT = 52
"""Bits of a number, with a fixed point, of the highest exponent, without the first."""
LIMB, WEIGHT_LIMB = 28, 24
"""Bits of the lower of two parts of numbers and of weights, multiplied one by one so that sums fit 64 bits."""
FRACTION = 44
"""Weights are in 1 / 2**FRACTION."""
MOST = 1 << 53
"""No number that is left along an axis is further from 0."""
TAPS = 8
"""Of a line, at most."""
REACH = 8
"""The weights of a line are together below 2**REACH, in magnitude."""


class Weights(NamedTuple):
    """Weights in 1 / 2**FRACTION, of the sample before, the one before that and so on: ``through`` (2, images, taps),
    ``down`` (2, rows, taps), ``across`` (2, columns, taps), their higher part and the lower, of WEIGHT_LIMB bits; all
    images, rows or columns use the last of fewer.
    ``exponent``: the highest, of numbers with a fixed point. ``depth``: numbers that are expected to have an exponent
    more than that below it are predicted as products; 0 if none are."""

    through: Cube[np.int64]
    down: Cube[np.int64]
    across: Cube[np.int64]
    exponent: int
    depth: int


class Left(NamedTuple):
    """Of the samples of a plane, images below each other, flat: their numbers with a fixed ``point``; those less what
    ``through`` predicts, and ``last`` (width,) of one row what ``down`` leaves of these."""

    point: Vector[np.int64]
    through: Vector[np.int64]
    last: Vector[np.int64]


@inlined
def _exponent_of(key: int, numbers: Numbers) -> int:
    return magnitude_of(key) >> numbers.mantissa


@inlined
def _to_point(key: int, exponent: int, numbers: Numbers) -> int:
    """A number with a fixed point; 0 of what is not finite or has a higher exponent."""
    magnitude = magnitude_of(key)
    scale = magnitude >> numbers.mantissa
    significand = magnitude & (1 << numbers.mantissa) - 1
    if scale > exponent:
        return 0
    if scale > 0:
        significand |= 1 << numbers.mantissa
    shift = max(scale, 1) - exponent + UNIT - numbers.mantissa
    value = significand << shift if shift >= 0 else significand >> min(-shift, 62)
    return value if key >= 0 else -value


@inlined
def _from_point(value: int, exponent: int, numbers: Numbers) -> int:
    """The key of the number that is nearest, of two the greater in magnitude; the greatest finite one of all above."""
    magnitude = abs(value)
    length = 0
    for step in (32, 16, 8, 4, 2, 1):
        if magnitude >> length + step - 1 > 0:
            length += step
    shift = length - numbers.mantissa - 1
    scale = exponent - UNIT + numbers.mantissa + shift
    if scale < 1:
        shift += 1 - scale
        scale = 1
    if magnitude == 0 or shift > 62:
        return 0
    rounded = magnitude + (1 << shift - 1) >> shift if shift > 0 else magnitude << -shift
    found = min((scale - 1 << numbers.mantissa) + rounded, (1 << numbers.bits - 1) - (1 << numbers.mantissa) - 1)
    return -1 - found if value < 0 and found > 0 else found


@inlined
def _weighted(values: Vector[np.int64], first: int, stride: int, taps: int, weights: Cube[np.int64], line: int) -> int:
    """The sum of ``taps`` values, from ``first`` on backwards by ``stride``, times the weights of a line, cut."""
    highest = by_value = by_weight = lowest = 0
    line = min(line, weights.shape[1] - 1)
    for k in range(taps):
        value = int(values[first - k * stride])
        upper, lower = value >> LIMB, value & (1 << LIMB) - 1
        weight, rest = int(weights[0, line, k]), int(weights[1, line, k])
        highest += weight * upper
        by_value += weight * lower
        by_weight += rest * upper
        lowest += rest * lower
    middle = by_value + (by_weight << LIMB - WEIGHT_LIMB) + (lowest >> WEIGHT_LIMB)
    return (highest << LIMB + WEIGHT_LIMB - FRACTION) + (middle >> FRACTION - WEIGHT_LIMB)


@inlined
def _clamped(value: int) -> int:
    return min(max(value, -MOST), MOST)


@inlined
def _less(one: int, other: int) -> bool:
    """Of zigzag values modulo a power of two."""
    return one < other if (one < 0) == (other < 0) else other < 0


@inlined
def _code(found: int, west: int, bits: int) -> int:
    """The number that stands for a zigzag value where that of the sample before is ``west``: 1 if it is that one."""
    if west == 0 or found == 0 or _less(west, found):
        return found
    return 1 if found == west else wrapped(found + 1, bits)


@inlined
def _from_code(code: int, west: int, bits: int) -> int:
    """Inverse of _code."""
    if west == 0 or code == 0 or _less(west, code):
        return code
    return west if code == 1 else wrapped(code - 1, bits)


@kernel
def predict_lines(
    restore: bool,
    keys: Table[np.int64],
    left: Table[np.int64],
    image_rows: int,
    weights: Weights,
    scratch: Left,
    numbers: Numbers,
) -> None:
    """What the ``keys`` of a plane (rows, width), images of ``image_rows`` rows below each other, from that of zero on,
    are more than predicted becomes ``left``, or the keys become known from that. Modulo 2**bits."""
    point, through, last = scratch
    exponent = weights.exponent
    rows, width = keys.shape
    for row in range(rows):
        image, y = row // image_rows, row % image_rows
        images_known, rows_known = min(image, weights.through.shape[2]), min(y, weights.down.shape[2])
        for x in range(width):
            place = row * width + x
            by_images = _weighted(
                point, place - image_rows * width, image_rows * width, images_known, weights.through, image
            )
            by_rows = _weighted(through, place - width, width, rows_known, weights.down, y)
            by_columns = _weighted(last, x - 1, 1, min(x, weights.across.shape[2]), weights.across, x)
            expected = _from_point(_clamped(by_images + by_rows + by_columns), exponent, numbers)
            if weights.depth > 0 and min(x, y) > 0 and _exponent_of(expected, numbers) + weights.depth < exponent:
                expected = product(int(keys[row, x - 1]), int(keys[row - 1, x]), int(keys[row - 1, x - 1]), numbers)
            west = 0
            if x > 0:
                west = to_zigzag(wrapped(int(keys[row, x - 1]) - expected, numbers.bits), numbers.bits)
            if restore:
                found = _from_code(int(left[row, x]), west, numbers.bits)
                keys[row, x] = wrapped(from_zigzag(found, numbers.bits) + expected, numbers.bits)
            else:
                found = to_zigzag(wrapped(int(keys[row, x]) - expected, numbers.bits), numbers.bits)
                left[row, x] = _code(found, west, numbers.bits)
            known = _to_point(int(keys[row, x]), exponent, numbers)
            point[place] = known
            through[place] = _clamped(known - by_images)
            last[x] = _clamped(int(through[place]) - by_rows)
