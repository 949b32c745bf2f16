"""Spec context/match-model: the match model: the sample that followed the same neighbours the last time.

Images that programs made repeat themselves to the sample. An entry of the memory holds a check of its key above 18
bits of sample and 2 bits that count how often it came true.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import WORD
from sofc.entropy.contexts import GOLDEN, MIX_A, MIX_B
from sofc.jit.decorators import inlined
from sofc.jit.types import Vector

FEWEST_BITS, MOST_BITS = 10, 18
CHECK_PLACE = 18
FIRST_EXPECTED = 24
"""The expected error from which on the memory is asked: an error of at least one."""
COUNTS, DISTANCES = 4, 8
MODELS = DISTANCES * COUNTS
"""Bit models of each level."""
EMPTY = -1
NOTHING = -1
MIX_C = 0xC2B2AE3D
"""Another multiplier of MurmurHash3."""


def empty_memory(samples: int) -> npt.NDArray[np.int64]:
    """The memory for an image of so many samples; 0 where none are looked up."""
    bits = max(FEWEST_BITS, min(MOST_BITS, (samples - 1).bit_length())) if samples else 0
    return np.full(1 << bits, EMPTY, np.int64)


@inlined
def key_of(west: int, north: int, reference: int) -> int:
    """32 bits that stand for the neighbours."""
    h = (west * GOLDEN + north * MIX_B + reference * MIX_C) & WORD
    h = ((h ^ h >> 15) * MIX_A) & WORD
    return h ^ h >> 13


@inlined
def look_up(memory: Vector[np.int64], key: int) -> int:
    """The sample that followed the key's neighbours, or NOTHING."""
    entry = memory[key & (memory.shape[0] - 1)]
    if entry == EMPTY or entry >> 20 != key >> CHECK_PLACE:
        return NOTHING
    return int((entry >> 2) & 0x3FFFF)


@inlined
def slot_of(memory: Vector[np.int64], key: int, level: int, distance: int) -> int:
    """Number of the bit model that says whether the sample found, so far from the predicted one, is right."""
    size = 0
    while size < DISTANCES - 1 and distance >> size > 0:
        size += 1
    count = memory[key & (memory.shape[0] - 1)] & (COUNTS - 1)
    return int((level * DISTANCES + size) * COUNTS + count)


@inlined
def remember(memory: Vector[np.int64], key: int, sample: int) -> None:
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
