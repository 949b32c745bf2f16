"""A binary range coder with 16-bit probabilities, and small things coded with it.

``coder`` is an int64 array of five: low end and high end of the range, the code word when decoding, the position in
the buffer, and the last integer that was coded. Decoding reads zeros past the buffer's end; encoding drops zeros at
the end.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel

Integers = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.int32]
"""Adaptive probabilities of a 1 bit, in 1/65536."""
Bytes = npt.NDArray[np.uint8]

OK = 0
TOO_LONG = 1
"""Encoding: the output does not fit into the buffer."""
BROKEN = 2
"""Decoding: the stream leads to a value outside its range."""

WORD = 0xFFFFFFFF
EVEN = 32768
LONGEST = 30
"""Bits of the longest integer that ``code_integer`` takes."""


INTEGER = 4
"""Place of the last integer in ``coder``."""


def start_encoding() -> Integers:
    """A coder at the start of a stream."""
    return np.array([0, WORD, 0, 0, 0], np.int64)


def start_decoding(buffer: Bytes) -> Integers:
    """A coder at the start of a stream: its first four bytes are the code word."""
    word = int.from_bytes(buffer[:4].tobytes().ljust(4, b"\0"), "big")
    return np.array([0, WORD, word, 4, 0], np.int64)


def finish_encoding(coder: Integers, buffer: Bytes) -> int:
    """Write the fewest bytes that decode, zeros after them implied; returns the stream's length or -1."""
    x1, x2, position = int(coder[0]), int(coder[1]), int(coder[3])
    if x1 > 0:
        kept = 24
        while kept > 0 and ((((x1 >> kept) + 1) << kept) > x2):
            kept -= 8
        value = ((x1 >> kept) + 1) << kept if kept > 0 or (x1 & WORD) == 0 else x1
        if position + 4 > buffer.shape[0]:
            return -1
        for i in range(4):
            buffer[position + i] = (value >> (24 - 8 * i)) & 255
        position += 4
    while position > 0 and buffer[position - 1] == 0:
        position -= 1
    return position


@kernel
def code_bit(encode: bool, bit: int, p: int, coder: Integers, buffer: Bytes) -> int:
    """Code one decision whose probability to be 1 is p / 65536. Returns the bit, or -1 where the buffer is full."""
    split = coder[0] + (((coder[1] - coder[0]) * p) >> 16)
    if not encode:
        bit = 1 if coder[2] <= split else 0
    if bit:
        coder[1] = split
    else:
        coder[0] = split + 1
    while ((coder[0] ^ coder[1]) & 0xFF000000) == 0:
        position = coder[3]
        if encode:
            if position >= buffer.shape[0]:
                return -1
            buffer[position] = coder[1] >> 24
        else:
            coder[2] = (coder[2] << 8) & WORD
            if position < buffer.shape[0]:
                coder[2] |= int(buffer[position])
        coder[3] = position + 1
        coder[0] = (coder[0] << 8) & WORD
        coder[1] = ((coder[1] << 8) & WORD) | 255
    return bit


@kernel
def code_direct(encode: bool, bit: int, slot: int, direct: Probabilities, coder: Integers, buffer: Bytes) -> int:
    """Code a decision by the adaptive probability ``slot`` of ``direct``, or evenly where slot is negative."""
    if slot < 0:
        return code_bit(encode, bit, 32768, coder, buffer)
    bit = code_bit(encode, bit, max(32, min(65504, int(direct[slot]))), coder, buffer)
    if bit >= 0:
        direct[slot] += ((65535 if bit else 0) - direct[slot]) >> 6
    return bit


@kernel
def code_integer(encode: bool, value: int, slot: int, direct: Probabilities, coder: Integers, buffer: Bytes) -> int:
    """Elias-gamma code of value >= 0 plus 1, its length adaptive from ``direct[slot]`` on (LONGEST + 1 slots).

    The value goes to ``coder[INTEGER]``. Returns OK, TOO_LONG or BROKEN.
    """
    number = value + 1
    length = 0
    while True:
        bit = code_direct(encode, 1 if (number >> (length + 1)) > 0 else 0, slot + length, direct, coder, buffer)
        if bit < 0:
            return TOO_LONG
        if bit == 0:
            break
        length += 1
        if length > LONGEST:
            return BROKEN
    decoded = 1
    for i in range(length - 1, -1, -1):
        bit = code_direct(encode, (number >> i) & 1, -1, direct, coder, buffer)
        if bit < 0:
            return TOO_LONG
        decoded = 2 * decoded + bit
    coder[INTEGER] = decoded - 1
    return OK


@kernel
def code_table(
    encode: bool, table: npt.NDArray[np.int32], direct: Probabilities, coder: Integers, buffer: Bytes
) -> int:
    """Code a table of shape (rows, columns), each entry as its difference from the one above.

    ``direct`` (columns, LONGEST + 3): per column whether there is a difference, its sign, its size. Entries
    must stay within +-2**29. Returns OK, TOO_LONG or BROKEN.
    """
    for row in range(table.shape[0]):
        for column in range(table.shape[1]):
            above = int(table[row - 1, column]) if row > 0 else 0
            difference = int(table[row, column]) - above if encode else 0
            chances = direct[column]
            bit = code_direct(encode, 1 if difference != 0 else 0, 0, chances, coder, buffer)
            if bit == 1:
                sign = code_direct(encode, 1 if difference < 0 else 0, 1, chances, coder, buffer)
                if sign < 0:
                    return TOO_LONG
                status = code_integer(encode, abs(difference) - 1, 2, chances, coder, buffer)
                if status != OK:
                    return status
                difference = coder[INTEGER] + 1
                if sign:
                    difference = -difference
            elif bit < 0:
                return TOO_LONG
            if not encode:
                if abs(above + difference) > 1 << 29:
                    return BROKEN
                table[row, column] = above + difference
    return OK


@kernel
def code_sparse(
    encode: bool, plane: npt.NDArray[np.int32], direct: Probabilities, coder: Integers, buffer: Bytes
) -> int:
    """Code a plane that is nearly all zeros, values 0 .. 511**3.

    Whether a sample is zero depends on W, N, NW, NE (16 probabilities, the first of ``direct``); any other is
    1 + three differences plus 255 in base 511, each coded folded with LONGEST + 1 probabilities of its own.
    Returns OK, TOO_LONG or BROKEN.
    """
    rows, width = plane.shape
    for y in range(rows):
        for x in range(width):
            around = 0
            if x > 0 and plane[y, x - 1] != 0:
                around += 1
            if y > 0 and plane[y - 1, x] != 0:
                around += 2
            if x > 0 and y > 0 and plane[y - 1, x - 1] != 0:
                around += 4
            if y > 0 and x + 1 < width and plane[y - 1, x + 1] != 0:
                around += 8
            value = int(plane[y, x]) if encode else 0
            bit = code_direct(encode, 1 if value > 0 else 0, around, direct, coder, buffer)
            if bit < 0:
                return TOO_LONG
            if bit == 0:
                continue
            total = 0
            place = 511 * 511
            for channel in range(3):
                difference = ((value - 1) // place) % 511 - 255
                folded = 2 * difference if difference >= 0 else -2 * difference - 1
                slot = 16 + channel * (LONGEST + 1)
                status = code_integer(encode, folded, slot, direct, coder, buffer)
                if status != OK:
                    return status
                folded = coder[INTEGER]
                if folded > 510:
                    return BROKEN
                difference = folded >> 1 if folded & 1 == 0 else -((folded + 1) >> 1)
                total += (difference + 255) * place
                place //= 511
            if not encode:
                plane[y, x] = total + 1
    return OK


@kernel
def code_counters(
    encode: bool, symbols: npt.NDArray[np.uint8], nodes: int, direct: Probabilities, coder: Integers, buffer: Bytes
) -> int:
    """Code the trained states of counters: 0 = untouched, else 1 + 4 * chance (0-31) + how often seen (0-3).

    Counters come in blocks of ``nodes``; a block of more than one begins with whether any of it is touched, in the
    context of whether any of the block before was. ``direct`` (nodes + 1, 2 + 32 + 32 * 4): by node, and for blocks;
    whether a counter is touched depends on whether the one before it was. Returns OK or TOO_LONG.
    """
    before = 0
    block = 1
    for i in range(symbols.shape[0]):
        if nodes > 1 and i % nodes == 0:
            bit = 0
            for j in range(i, min(i + nodes, symbols.shape[0]) if encode else i):
                if symbols[j] > 0:
                    bit = 1
            block = code_direct(encode, bit, block, direct[nodes], coder, buffer)
            if block < 0:
                return TOO_LONG
        if block == 0:
            if not encode:
                symbols[i] = 0
            before = 0
            continue
        chances = direct[i % nodes]
        symbol = int(symbols[i]) if encode else 0
        bit = code_direct(encode, 1 if symbol > 0 else 0, before, chances, coder, buffer)
        if bit < 0:
            return TOO_LONG
        before = bit
        if bit == 0:
            continue
        chance = 1
        for shift in range(4, -1, -1):
            bit = code_direct(encode, ((symbol - 1) >> (2 + shift)) & 1, 1 + chance, chances, coder, buffer)
            if bit < 0:
                return TOO_LONG
            chance = 2 * chance + bit
        seen = 1
        for shift in range(1, -1, -1):
            slot = 34 + (chance - 32) * 4 + seen
            bit = code_direct(encode, ((symbol - 1) >> shift) & 1, slot, chances, coder, buffer)
            if bit < 0:
                return TOO_LONG
            seen = 2 * seen + bit
        if not encode:
            symbols[i] = 1 + 4 * (chance - 32) + seen - 4
    return OK
