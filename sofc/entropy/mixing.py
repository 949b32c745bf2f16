"""Logistic mixing of adaptive bit models, as in PAQ (Mahoney), with an adaptive probability map behind it.

All arithmetic is in integers. Probabilities are of a 1 bit, in 1/65536. A counter is a 32-bit word: 22 bits
of probability above 10 bits that count what it has seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import Bytes, code_bit
from sofc.jit.decorators import inlined

Integers = npt.NDArray[np.int64]

NODES = 16
"""Binary decisions that have counters of their own: zero?, sign, then seven steps of the magnitude, by sign."""
LEVELS = 16
BLOCK = 8
"""Counters of a block: a context has one for nodes 0-7, another for nodes 8-15."""
COUNT_LIMIT = 255
STRETCH_LIMIT = 2815
MIXER_LANES = 8
"""Rows of mixer weights are filled up with zeros to a multiple of this."""
MIXER_SETS = (NODES * LEVELS, NODES * 64, NODES * 64)
MAP_ROWS = NODES * LEVELS * 4
MAP_COLUMNS = 33

GOLDEN = 0x9E3779B1
MIX_A = 0x2C1B3C6D
MIX_B = 0x85EBCA77


def _stretch_table() -> npt.NDArray[np.int32]:
    """ln(p / (1 - p)) x 256 for p = (i + 1/2) / 4096. The table itself is normative, not the formula."""
    p = (np.arange(4096) + 0.5) / 4096
    return np.clip(np.round(np.log(p / (1 - p)) * 256), -STRETCH_LIMIT, STRETCH_LIMIT).astype(np.int32)


def _squash_table() -> npt.NDArray[np.int32]:
    """65536 / (1 + exp(-x / 256)) for x = -STRETCH_LIMIT .. STRETCH_LIMIT, within 4 .. 65532."""
    x = np.arange(-STRETCH_LIMIT, STRETCH_LIMIT + 1) / 256
    return np.clip(np.round(65536 / (1 + np.exp(-x))), 4, 65532).astype(np.int32)


STRETCH = _stretch_table()
SQUASH = _squash_table()
RATE = np.array([(2 * 65536 * 5) // (10 * i + 16) for i in range(COUNT_LIMIT + 1)], dtype=np.int64)
"""A counter that has seen i bits moves by RATE[i] / 65536 of its error: 1 / (i + 1.6)."""


@inlined
def decide(
    encode: bool,
    bit: int,
    node: int,
    level: int,
    quarter: int,
    sets: int,
    counters: npt.NDArray[np.uint32],
    mixers: npt.NDArray[np.int32],
    final: npt.NDArray[np.int32],
    coder: Integers,
    buffer: Bytes,
    room: Any,
) -> int:
    """Code one decision; ``room`` (of any coder that mixes) says which counters and weight sets have a say.

    Returns the bit, or -1 where the buffer is full.
    """
    count, lanes = room.base.shape[0], mixers.shape[1]
    words, stretched, products, chosen, opinion = (
        room.words, room.stretched, room.products, room.chosen, room.opinion
    )  # fmt: skip
    for i in range(count):
        words[i] = counters[room.base[i] + (node & 7)]
        stretched[i] = STRETCH[words[i] >> 20]
    total = 0
    for k in range(sets):
        weighted = np.int64(0)
        mixer = mixers[chosen[k]]
        for i in range(lanes):
            weighted += np.int64(mixer[i]) * np.int64(stretched[i])
        dot = max(-STRETCH_LIMIT, min(STRETCH_LIMIT, int(weighted >> 16)))
        opinion[k] = SQUASH[dot + STRETCH_LIMIT]
        total += dot
    mean = total // sets
    map_row = (node * LEVELS + level) * 4 + quarter
    at = (max(-2047, min(2047, mean)) + 2048) << 5
    cell, between = at >> 12, at & 4095
    refined = (final[map_row, cell] * (4096 - between) + final[map_row, cell + 1] * between) >> 12
    p = max(4, min(65532, (SQUASH[mean + STRETCH_LIMIT] + refined) >> 1))
    bit = code_bit(encode, bit, p, coder, buffer)
    if bit < 0:
        return -1
    target = 65535 if bit else 0
    final[map_row, cell] += ((target - final[map_row, cell]) * (4096 - between)) >> 18
    final[map_row, cell + 1] += ((target - final[map_row, cell + 1]) * between) >> 18
    for k in range(sets):
        error = ((bit << 16) - opinion[k]) * 3
        mixer = mixers[chosen[k]]
        for i in range(lanes):
            products[i] = stretched[i] * error
        for i in range(lanes):
            mixer[i] += ((products[i] >> 15) + 1) >> 1
    goal = 0x3FFFFF if bit else 0
    for i in range(count):
        seen, chance = words[i] & 1023, words[i] >> 10
        chance += ((goal - chance) * RATE[seen]) >> 16
        counters[room.base[i] + (node & 7)] = (chance << 10) | min(COUNT_LIMIT, seen + 1)
    return bit
