"""What followed the same neighbours the last time: made images repeat themselves to the sample.

An entry of the memory holds a check of its key above 18 bits of sample and 2 bits that count how often it came true.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import WORD
from sofc.jit.decorators import kernel

Memory = npt.NDArray[np.int64]

FEWEST_BITS, MOST_BITS = 10, 18
CHECK_PLACE = 18
FIRST_ENERGY = 24
"""The energy from which on the memory is asked: an error of at least one is to be expected."""
COUNTS, DISTANCES = 4, 8
EMPTY = -1
NOTHING = -1

WEST, NORTH, REFERENCE = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
SPREAD = 0x2C1B3C6D


def empty_memory(samples: int) -> Memory:
    """The memory for an image of so many samples; 0 where none are recalled."""
    bits = max(FEWEST_BITS, min(MOST_BITS, (samples - 1).bit_length())) if samples else 0
    return np.full(1 << bits, EMPTY, np.int64)


@kernel
def key_of(west: int, north: int, reference: int) -> int:
    """32 bits that stand for the neighbours."""
    h = (west * WEST + north * NORTH + reference * REFERENCE) & WORD
    h = ((h ^ h >> 15) * SPREAD) & WORD
    return h ^ h >> 13


@kernel
def recall(memory: Memory, key: int) -> int:
    """The sample that followed the key's neighbours, or NOTHING."""
    entry = memory[key & (memory.shape[0] - 1)]
    if entry == EMPTY or entry >> 20 != key >> CHECK_PLACE:
        return NOTHING
    return int((entry >> 2) & 0x3FFFF)


@kernel
def slot_of(memory: Memory, key: int, level: int, distance: int) -> int:
    """Number of the adaptive probability that the recalled sample, so far from the predicted one, is right."""
    size = 0
    while size < DISTANCES - 1 and distance >> size > 0:
        size += 1
    count = memory[key & (memory.shape[0] - 1)] & (COUNTS - 1)
    return int((level * DISTANCES + size) * COUNTS + count)


@kernel
def remember(memory: Memory, key: int, sample: int) -> None:
    """Take in what followed; an entry that came true more than once is given up only in steps."""
    place = key & (memory.shape[0] - 1)
    entry = memory[place]
    new = (key >> CHECK_PLACE) << 20 | sample << 2
    count = entry & (COUNTS - 1)
    if entry != EMPTY and entry - count == new:
        memory[place] = new | min(COUNTS - 1, count + 1)
    elif entry != EMPTY and count > 1:
        memory[place] = entry - count + (count >> 1)
    else:
        memory[place] = new
