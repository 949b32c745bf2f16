"""Numbers of a codebook and of the shape layer, coded by adaptive bit models (Spec shape/numbers)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import BROKEN, OK, Coding, Stream, Writer
from sofc.entropy.bit_models import NEUTRAL, USUAL, code_size
from sofc.entropy.digits import bit_length
from sofc.errors import FormatError
from sofc.jit.decorators import kernel
from sofc.jit.types import Vector

Integers = npt.NDArray[np.int64]

LONGEST = 32
"""Bits of the largest number and 1."""
KINDS = 12
"""Numbers of so many bits less one, or more, are alike as contexts."""
MODELS = KINDS * 2 * LONGEST


@kernel
def code_numbers(
    encode: bool, numbers: Vector[np.int64], above: Vector[np.int64], models: Vector[np.uint32], stream: Stream
) -> int:
    """Spec shape/numbers. Code numbers from 0 up, each in the context of how many bits the one ``above`` has, whose
    place this is; less than 0: none.

    ``models`` (MODELS,) learn. When decoding, ``numbers`` are filled. Returns OK or BROKEN.
    """
    for index in range(numbers.size):
        kind = min(KINDS - 1, bit_length(int(numbers[above[index]]))) if above[index] >= 0 else 0
        slot = kind * 2 * LONGEST
        size = code_size(encode, int(numbers[index]) + 1, slot, slot + LONGEST, LONGEST, USUAL, models, stream)
        if size < 0:
            return BROKEN
        numbers[index] = size - 1
    return OK


def coded(coding: Coding, numbers: Integers, above: Integers | None = None) -> Integers:
    """Write numbers of 0 .. 2**32 - 2, or read as many, which are then no matter; ``above`` as for ``code_numbers``.
    Returns them. Raises FormatError."""
    result = numbers.copy()
    places = np.full(numbers.size, -1, np.int64) if above is None else above
    if code_numbers(coding.encodes, result, places, np.full(MODELS, NEUTRAL, np.uint32), coding.stream) != OK:
        raise FormatError("a number of the shape coder is damaged")
    return result


def bits_of(*numbers: Integers) -> int:
    """Bits by which these numbers, one array after the other, narrow the range coder's interval."""
    writer = Writer(16 * sum(one.size for one in numbers) + 64)
    for one in numbers:
        coded(writer, one)
    low, high, _, position = writer.stream.coder.tolist()
    return int(8 * position + 32 - (high - low).bit_length())
