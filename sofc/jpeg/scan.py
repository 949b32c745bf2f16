"""The entropy-coded data of a baseline JPEG scan (ITU-T T.81, F.1.2 and F.2.2) and the coefficients that it holds.

Blocks stand in the order of the scan, in units (MCUs) of as many blocks as there are ``members``: the component of
each. Coefficients stand in zigzag order. Tables 0-3 are Huffman tables of first coefficients, 4-7 those of the others.
One function writes and reads, so that the two cannot drift apart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import BROKEN, OK, TOO_LONG
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.jpeg.dct import SIZE

TABLES, SYMBOLS = 8, 256
OTHERS = TABLES // 2
"""The first table of other than first coefficients."""
LONGEST = 16
"""Bits of the longest code."""
LENGTH_SHIFT = 8
"""An entry of ``lookup`` is the length of the code above the symbol; 0 where no code begins so."""
RUN_SHIFT, SIZE_MASK = 4, 15
END, ZEROS = 0, 0xF0
"""Symbols of a block's end, and of a run of sixteen zeros."""
MARKER, RESTARTS = 0xFF, 0xD0
HELD, COUNT, PLACE = range(3)
"""Of the state of a bit stream: bits that are held, how many, and the place in the bytes."""
LONGEST_BLOCK = SIZE * 8 + 16
"""A block has 64 numbers of at most 32 bits, each byte of which may be stuffed; a marker may come before."""


class Layout(NamedTuple):
    """How a scan is made up: ``members``, the component of each block of a unit; ``tables`` (components, 2): those of
    the first and of the other coefficients of each component; ``restart``: units between two markers, or 0."""

    members: Vector[np.int64]
    tables: Table[np.int64]
    restart: int


class Codes(NamedTuple):
    """The ``code`` of each symbol and its ``length``, (TABLES, SYMBOLS) each: 0 where a symbol has none. ``lookup``
    (TABLES, 2**LONGEST): the symbol whose code begins so many bits, below its length."""

    code: Table[np.int64]
    length: Table[np.int64]
    lookup: Table[np.uint16]


class Bits(NamedTuple):
    """A bit stream in bytes: its state (3,), and the ``last`` first coefficient of each component."""

    data: Vector[np.uint8]
    state: Vector[np.int64]
    last: Vector[np.int64]


def bits_in(data: Vector[np.uint8], components: int, start: int = 0) -> Bits:
    """The bits from a byte on."""
    return Bits(data, np.array([0, 0, start], np.int64), np.zeros(components, np.int64))


@inlined
def _fill(bits: Bits) -> None:
    """Hold LONGEST bits at least. Before a marker and behind the end, bits are 0."""
    data, state = bits.data, bits.state
    while state[COUNT] < LONGEST:
        byte = 0
        place = state[PLACE]
        if place < data.shape[0]:
            byte = int(data[place])
            if byte != MARKER:
                state[PLACE] = place + 1
            elif place + 1 < data.shape[0] and data[place + 1] == 0:
                state[PLACE] = place + 2
            else:
                byte = 0
        state[HELD] = (state[HELD] << 8 | byte) & 0xFFFFFFFF
        state[COUNT] += 8


@inlined
def _put(code: int, count: int, bits: Bits) -> None:
    """Write bits, LONGEST at most. The buffer has room for four bytes."""
    buffer, state = bits.data, bits.state
    state[HELD] = (state[HELD] << count | code) & 0xFFFFFFFF
    state[COUNT] += count
    while state[COUNT] >= 8:
        state[COUNT] -= 8
        byte = (state[HELD] >> state[COUNT]) & 0xFF
        buffer[state[PLACE]] = byte
        state[PLACE] += 1
        if byte == MARKER:
            buffer[state[PLACE]] = 0
            state[PLACE] += 1


@inlined
def _code_symbol(encode: bool, symbol: int, table: int, codes: Codes, bits: Bits) -> int:
    """Code a symbol. It, or BROKEN where it has no code, or no code begins so."""
    state = bits.state
    if encode:
        length = int(codes.length[table, symbol])
        _put(codes.code[table, symbol], length, bits)
    else:
        _fill(bits)
        entry = int(codes.lookup[table, (state[HELD] >> (state[COUNT] - LONGEST)) & ((1 << LONGEST) - 1)])
        symbol, length = entry & (SYMBOLS - 1), entry >> LENGTH_SHIFT
        state[COUNT] -= length
    return symbol if length > 0 else BROKEN


@inlined
def _code_number(encode: bool, number: int, size: int, bits: Bits) -> int:
    """Code a number of so many magnitude bits (T.81, F.2.2.1, EXTEND)."""
    if encode:
        _put(number if number > 0 else number + (1 << size) - 1, size, bits)
        return number
    _fill(bits)
    bits.state[COUNT] -= size
    found = int((bits.state[HELD] >> bits.state[COUNT]) & ((1 << size) - 1))
    return found if size == 0 or found >> (size - 1) else found - (1 << size) + 1


@inlined
def _size_of(number: int) -> int:
    """Magnitude bits of a number."""
    size = 0
    while abs(number) >> size:
        size += 1
    return size


@inlined
def _next_symbol(block: Vector[np.int32], place: int) -> int:
    """What an encoder says at a place: how many zeros follow and how large the next number is; BROKEN if too large."""
    end = place
    while end < SIZE and block[end] == 0:
        end += 1
    if end == SIZE:
        return END
    if end - place > SIZE_MASK:
        return ZEROS
    size = _size_of(int(block[end]))
    return (end - place) << RUN_SHIFT | size if size <= SIZE_MASK else BROKEN


@inlined
def _code_block(encode: bool, block: Vector[np.int32], member: int, layout: Layout, codes: Codes, bits: Bits) -> int:
    """Code a block; when decoding, one of zeros is filled. Returns OK or BROKEN."""
    number = int(block[0]) - bits.last[member] if encode else 0
    size = _size_of(number)
    if size <= SIZE_MASK:
        size = _code_symbol(encode, size, layout.tables[member, 0], codes, bits)
    if size < 0 or size > SIZE_MASK:
        return BROKEN
    bits.last[member] += _code_number(encode, number, size, bits)
    block[0] = bits.last[member]
    place = 1
    while place < SIZE:
        symbol = _next_symbol(block, place) if encode else 0
        if symbol >= 0:
            symbol = _code_symbol(encode, symbol, layout.tables[member, 1], codes, bits)
        if symbol < 0:
            return BROKEN
        size = symbol & SIZE_MASK
        if size == 0 and symbol != ZEROS:
            break
        place += symbol >> RUN_SHIFT
        if place >= SIZE:
            return BROKEN
        block[place] = _code_number(encode, int(block[place]), size, bits)
        place += 1
    return OK


@inlined
def _fill_byte(padding: int, bits: Bits) -> None:
    """Fill the last byte up with ``padding``, 0 or 1."""
    while bits.state[COUNT] > 0:
        _put(padding, 1, bits)


@inlined
def _code_restart(encode: bool, number: int, padding: int, bits: Bits) -> int:
    """The marker between two intervals. Returns OK, or BROKEN where it is another."""
    data, state = bits.data, bits.state
    if encode:
        _fill_byte(padding, bits)
        data[state[PLACE]], data[state[PLACE] + 1] = MARKER, RESTARTS + (number & 7)
    place = state[PLACE]
    if place + 1 >= data.shape[0] or data[place] != MARKER or data[place + 1] != RESTARTS + (number & 7):
        return BROKEN
    state[HELD], state[COUNT], state[PLACE] = 0, 0, place + 2
    bits.last[:] = 0
    return OK


@kernel
def code_scan(encode: bool, blocks: Table[np.int32], layout: Layout, codes: Codes, padding: int, bits: Bits) -> int:
    """Code the data of a scan; when decoding, ``blocks`` (units * members, 64), zeros, are filled.

    ``padding``: the bit that bytes are filled up with before a marker and at the end. Returns the place behind the
    data, TOO_LONG, or BROKEN: where a symbol has no code, or the data is not such.
    """
    count = layout.members.shape[0]
    interval = layout.restart * count
    for number in range(blocks.shape[0]):
        if encode and bits.data.shape[0] - bits.state[PLACE] < LONGEST_BLOCK:
            return TOO_LONG
        is_first = interval > 0 and number > 0 and number % interval == 0
        if is_first and _code_restart(encode, number // interval - 1, padding, bits) != OK:
            return BROKEN
        if _code_block(encode, blocks[number], layout.members[number % count], layout, codes, bits) != OK:
            return BROKEN
    if encode:
        _fill_byte(padding, bits)
    return int(bits.state[PLACE])
