"""Spec coding-tools/adaptive-probabilities and Spec coding-tools/integers: decisions coded by adaptive probabilities,
and integers made of them."""

from __future__ import annotations

import numpy as np

from sofc.entropy.binary import BROKEN, EVEN, Stream, code_bit, code_bypass
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector

Probabilities = Vector[np.int32]
"""Adaptive probabilities of a 1 bit, in 1/65536."""

LONGEST = 30
"""Bits of the longest integer that ``code_integer`` takes."""
INTEGER_SLOTS = LONGEST + 1
"""Adaptive probabilities that the length of an integer needs."""
BYPASS = -1
"""In place of a slot: both values are equally likely, and nothing adapts."""


@kernel
def code_adaptive(encode: bool, bit: int, slot: int, probabilities: Probabilities, stream: Stream) -> int:
    """Spec coding-tools/adaptive-probabilities. Code a decision by ``probabilities[slot]``, or evenly where slot is
    negative. The bit, or TOO_LONG."""
    if slot < 0:
        return code_bit(encode, bit, EVEN, stream)
    bit = code_bit(encode, bit, max(32, min(65504, int(probabilities[slot]))), stream)
    if bit >= 0:
        probabilities[slot] += ((65535 if bit else 0) - probabilities[slot]) >> 6
    return bit


@inlined
def code_adaptive_digits(
    encode: bool, value: int, bits: int, slot: int, learned: int, probabilities: Probabilities, stream: Stream
) -> int:
    """The lowest bits of a value, the highest first: by ``probabilities[slot + 1]`` .. ``[slot + learned - 1]``, each
    in the context of those before it, and in bypass where that is beyond. The bits as a number, or TOO_LONG."""
    number = 1
    for shift in range(bits - 1, -1, -1):
        place = slot + number if number < learned else BYPASS
        bit = code_adaptive(encode, (value >> shift) & 1, place, probabilities, stream)
        if bit < 0:
            return bit
        number = 2 * number + bit
    return number - (1 << bits)


@kernel
def code_integer(encode: bool, value: int, slot: int, probabilities: Probabilities, stream: Stream) -> int:
    """Spec coding-tools/integers. Elias-gamma code of value + 1, its length adaptive from ``probabilities[slot]`` on
    (INTEGER_SLOTS).

    Returns the value, or TOO_LONG or BROKEN, which are negative.
    """
    number = value + 1
    length = 0
    while True:
        more = 1 if (number >> (length + 1)) > 0 else 0
        bit = code_adaptive(encode, more, slot + length, probabilities, stream)
        if bit < 0:
            return bit
        if bit == 0:
            break
        length += 1
        if length > LONGEST:
            return BROKEN
    low = code_bypass(encode, number, length, stream)
    return (1 << length) + low - 1 if low >= 0 else low
