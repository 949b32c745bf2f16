"""The table of LZW, and its codes in TIFF files: of 9 to 12 bits, the highest bit first.

Spec appendix-kept-files/lzw-data
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector

CLEAR, END, FIRST = 256, 257, 258
CODES = 1 << 12
LEAST_WIDTH, MOST_WIDTH = 9, 12
CHECK_GAP = 10000
LARGEST_SHIFTED = 0x007FFFFF
TOO_LONG = -1


class Sequences(NamedTuple):
    """The table of sequences as a tree: ``longer`` (CODES,): the last number that goes on from one, or 0; ``others``
    (CODES,): the one before it that goes on from the same; ``ends`` (CODES,): the last byte of each."""

    longer: Vector[np.int32]
    others: Vector[np.int32]
    ends: Vector[np.uint8]


def sequences() -> Sequences:
    """An empty table."""
    return Sequences(np.zeros(CODES, np.int32), np.zeros(CODES, np.int32), np.zeros(CODES, np.uint8))


@inlined
def _put(code: int, width: int, position: int, packed: Vector[np.uint8]) -> int:
    """Write a code of at most 12 bits, for which there is room; where it ends."""
    byte = position >> 3
    word = code << (24 - width - (position & 7))
    packed[byte] |= np.uint8(word >> 16)
    packed[byte + 1] |= np.uint8(word >> 8 & 255)
    packed[byte + 2] |= np.uint8(word & 255)
    return position + width


@inlined
def longer(code: int, byte: int, table: Sequences) -> int:
    """The number of a sequence and one more byte, or 0."""
    found = int(table.longer[code])
    while found > 0 and table.ends[found] != byte:
        found = int(table.others[found])
    return found


@inlined
def learn(code: int, byte: int, number: int, table: Sequences) -> None:
    """Give the next free number to a sequence and one more byte."""
    table.ends[number], table.longer[number] = np.uint8(byte), 0
    table.others[number], table.longer[code] = table.longer[code], number


@kernel
def write_codes(data: Vector[np.uint8], full: int, checks: bool, table: Sequences, packed: Vector[np.uint8]) -> int:
    """Write the codes of ``data`` into ``packed``, which holds zeros. The bits that they take, or TOO_LONG.

    ``full``: at most CODES. ``checks``: whether the table is cleared, too, where data compress worse than before.
    """
    room = 8 * packed.shape[0] - 4 * MOST_WIDTH
    if room < 0 or not FIRST < full <= CODES:
        return TOO_LONG
    width, following, prefix = LEAST_WIDTH, FIRST, -1
    check_at, ratio = CHECK_GAP, 0
    # Where the table was cleared, in bytes taken and bits given.
    taken_before, given_before = 0, 0
    position = _put(CLEAR, width, 0, packed)
    table.longer[:] = 0
    for place in range(data.shape[0]):
        byte = int(data[place])
        found = byte if prefix < 0 else longer(prefix, byte, table)
        if prefix < 0 or found > 0:
            prefix = found
            continue
        if position > room:
            return TOO_LONG
        position = _put(prefix, width, position, packed)
        learn(prefix, byte, following, table)
        prefix = byte
        following += 1
        clears = following == full
        if not clears and following > (1 << width) - 1:
            width += 1
        elif not clears and checks and place + 1 - taken_before >= check_at:
            taken, given = place + 1 - taken_before, position - given_before
            check_at = taken + CHECK_GAP
            now = (taken << 8) // given if taken <= LARGEST_SHIFTED else taken // (given >> 8)
            clears = now <= ratio
            ratio = now
        if clears:
            taken_before, given_before, ratio = place + 1, position, 0
            position = _put(CLEAR, width, position, packed)
            table.longer[:] = 0
            width, following = LEAST_WIDTH, FIRST
    if position > room:
        return TOO_LONG
    if prefix >= 0:
        position = _put(prefix, width, position, packed)
        if following + 1 < full and following + 1 > (1 << width) - 1:
            width += 1
        elif following + 1 == full and checks:
            position = _put(CLEAR, width, position, packed)
            width = LEAST_WIDTH
    return _put(END, width, position, packed)
