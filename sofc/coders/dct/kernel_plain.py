"""Spec dct/plain-coefficients: coefficients of which large errors are expected, whose decisions two bit models each
make; and the low bits of all residuals.

Where a residual may be many steps large nearly all that is coded of it is noise: contexts and mixing gain next to
nothing there, and take nearly all of the time.
"""

from __future__ import annotations

import numpy as np

from sofc.coders.dct.kernel_prediction import LOG_STEPS, Predicted
from sofc.entropy.binary import EVEN, Stream, code_bit
from sofc.entropy.bit_models import SEEN_BITS, USUAL, code_by_model, learned
from sofc.entropy.contexts import BLOCK, set_starts
from sofc.entropy.digits import bit_length
from sofc.entropy.mixing import LEVELS, QUARTERS
from sofc.jit.decorators import inlined
from sofc.jit.types import Vector
from sofc.jpeg.dct import SIZE

MOST_PLAIN = 8
"""The last category of plain coefficients: an integer says how far beyond it begins they are."""
MOST_FIRST = 5
"""The last category after which plain coefficients are asked first."""
NEAR_MEANS, OFFSETS = 3, 3
"""Sizes of mu, and distances of a prediction from it, that bit models tell apart."""
SIGN_CATEGORIES, SIGN_MEANS = 4, 2
"""Categories, and values of mu on either side of 0, that bit models of signs tell apart."""
TREE_BITS = 3
"""Low bits of a residual that are coded by bit models; further ones are equally likely."""
ERROR_SLOTS, PLACE_SLOTS, SIGN_SLOTS, LOW_SLOTS, SLOTS = set_starts(
    (LOG_STEPS * NEAR_MEANS * OFFSETS, SIZE * LEVELS, QUARTERS * SIGN_CATEGORIES, (MOST_PLAIN + 1) * BLOCK)
)
"""Where the slots begin of bit models by expected error and prediction, by coefficient and level, of signs, and of low
bits; and how many there are. All come before those of contexts."""


@inlined
def _code_by_two(encode: bool, bit: int, one: int, other: int, models: Vector[np.uint32], stream: Stream) -> int:
    """Code a decision by the mean of two models' probabilities. Returns the bit."""
    first, second = np.int64(models[one]), np.int64(models[other])
    mean = int((first >> (SEEN_BITS + 6)) + (second >> (SEEN_BITS + 6))) >> 1
    bit = code_bit(encode, bit, max(USUAL, min(65536 - USUAL, mean)), stream)
    models[one] = learned(int(first), bit)
    models[other] = learned(int(second), bit)
    return bit


@inlined
def code_plain_category(
    encode: bool, residual: int, index: int, found: Predicted, models: Vector[np.uint32], stream: Stream
) -> int:
    """Spec dct/plain-coefficients. The category of the residual of coefficient ``index``, with its sign."""
    category = bit_length(abs(residual))
    by_error = (found.expected * NEAR_MEANS + min(NEAR_MEANS - 1, abs(found.mu))) * OFFSETS + abs(found.quarter - 2)
    one, other = (ERROR_SLOTS + by_error) * BLOCK, (PLACE_SLOTS + index * LEVELS + found.level) * BLOCK
    low, high = 0, MOST_PLAIN
    at = max(0, min(MOST_FIRST, (2 * found.level - 11) // 3))
    while low < high:
        if _code_by_two(encode, 1 if category > at else 0, one + at, other + at, models, stream):
            low = at = at + 1
        else:
            high = at
            at -= 1
    if low == 0:
        return 0
    slot = SIGN_SLOTS + found.quarter * SIGN_CATEGORIES + min(low, SIGN_CATEGORIES) - 1
    model = slot * BLOCK + SIGN_MEANS + max(-SIGN_MEANS, min(SIGN_MEANS, found.mu))
    positive = code_by_model(encode, 1 if residual > 0 else 0, model, models, stream)
    return low if positive else -low


@inlined
def code_low_bits(
    encode: bool, size: int, category: int, towards: int, models: Vector[np.uint32], stream: Stream
) -> int:
    """Spec dct/coefficients. The bits of a size below the highest, which its category says.

    ``towards``: the size at which the coefficient is 0, where the sign leads there. Returns the size.
    """
    slot = (LOW_SLOTS + category * BLOCK + max(0, min(BLOCK - 1, towards))) * BLOCK
    known = 1
    for shift in range(category - 2, -1, -1):
        bit = (size >> shift) & 1
        if known < 1 << TREE_BITS:
            bit = code_by_model(encode, bit, slot + known, models, stream)
        else:
            bit = code_bit(encode, bit, EVEN, stream)
        known = 2 * known + bit
    return known
