"""Spec wide-samples/predicted: floating-point samples as the product of the two beside them over the one between.

Where a cubic spline, or any filter that goes on for ever, rings out into a background, samples fall off by a factor at
each step, the same one in all rows: but for rounding a field of rank one, however small its numbers get.
"""

from __future__ import annotations

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table
from sofc.prediction.keys import Numbers, from_zigzag, magnitude_of, to_zigzag, wrapped


@inlined
def _divide(a: int, b: int, c: int, mantissa: int) -> int:
    """4 a b / c, rounded down, of significands: a < 2 c, b and c have at most ``mantissa`` + 1 bits. No step has more
    bits than a significand and two."""
    quotient = left = 0
    for place in range(mantissa, -3, -1):
        left = 2 * left + (a if place >= 0 and b >> max(place, 0) & 1 else 0)
        quotient *= 2
        while left >= c:
            left -= c
            quotient += 1
    return quotient


@kernel
def product(west: int, north: int, corner: int, numbers: Numbers) -> int:
    """The key, from that of zero on, of west * north / corner in the type of the three numbers, given by theirs; or
    ``west`` where one of them, or that, is not finite, or the corner is zero or subnormal."""
    mantissa = numbers.mantissa
    hidden, special = 1 << mantissa, (1 << (numbers.bits - 1 - mantissa)) - 1
    a, b, c = magnitude_of(west), magnitude_of(north), magnitude_of(corner)
    scale_a, scale_b, scale_c = a >> mantissa, b >> mantissa, c >> mantissa
    if scale_c == 0 or max(scale_a, scale_b, scale_c) == special:
        return west
    a = (a & hidden - 1) | (hidden if scale_a > 0 else 0)
    b = (b & hidden - 1) | (hidden if scale_b > 0 else 0)
    quotient = _divide(a, b, (c & hidden - 1) | hidden, mantissa)
    if quotient == 0:
        return 0
    length = 0
    while quotient >> length:
        length += 1
    shift = length - mantissa - 1
    scale = max(scale_a, 1) + max(scale_b, 1) - scale_c - 2 + shift
    if scale < 1:
        shift += 1 - scale
        scale = 1
    if shift > mantissa + 4:
        return 0
    if scale >= special:  # its key may have more than 63 bits
        return west
    rounded = quotient + (1 << shift - 1) >> shift if shift > 0 else quotient << -shift
    # The hidden bit, where there is one, counts up the exponent; so does one that rounding carried over.
    found = (scale - 1 << mantissa) + rounded
    if found >> mantissa >= special:
        return west
    is_negative = (west < 0) ^ (north < 0) ^ (corner < 0)
    return -1 - found if is_negative and found > 0 else found


@kernel
def predict_products(
    restore: bool, keys: Table[np.int64], left: Table[np.int64], tiles: Table[np.uint8], side: int, numbers: Numbers
) -> None:
    """What the ``keys`` of an image (rows, width), from that of zero on, are more than predicted becomes ``left``, or
    the keys become known from that. Modulo 2**bits, which is 32 or 64.

    In tiles of 2**side rows and columns that are 1 in ``tiles`` what is left are zigzag values of differences, in the
    others the keys.
    """
    rows, width = keys.shape
    for y in range(rows):
        for x in range(width):
            if tiles[y >> side, x >> side] == 0:
                if restore:
                    keys[y, x] = left[y, x]
                else:
                    left[y, x] = keys[y, x]
                continue
            expected = 0
            if y > 0 and x > 0:
                expected = product(int(keys[y, x - 1]), int(keys[y - 1, x]), int(keys[y - 1, x - 1]), numbers)
            elif y > 0:
                expected = int(keys[y - 1, x])
            elif x > 0:
                expected = int(keys[y, x - 1])
            if restore:
                keys[y, x] = wrapped(from_zigzag(int(left[y, x]), numbers.bits) + expected, numbers.bits)
            else:
                left[y, x] = to_zigzag(wrapped(int(keys[y, x]) - expected, numbers.bits), numbers.bits)
