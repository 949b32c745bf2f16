"""The entropy-coded data of a baseline JPEG scan (ITU-T T.81, F.1.2 and F.2.2) and the coefficients that it holds.

Blocks stand in the order of the scan, in units (MCUs) of as many blocks as there are ``members``: the component of
each. Coefficients stand in zigzag order. Tables 0-3 are Huffman tables of first coefficients, 4-7 those of the others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Blocks = npt.NDArray[np.int32]

TABLES, SYMBOLS = 8, 256
OTHERS = TABLES // 2
"""The first table of other than first coefficients."""
LONGEST = 16
"""Bits of the longest code."""
LENGTH_SHIFT = 8
"""An entry of ``lookup`` is the length of the code above the symbol; 0 where no code begins so."""
RUN_SHIFT, SIZE_MASK, ZEROS = 4, 15, 0xF0
MARKER, RESTARTS = 0xFF, 0xD0
HELD, COUNT, PLACE = range(3)
"""Of the state of a bit stream: bits that are held, how many, and the place in the bytes."""
TOO_LONG, BROKEN = -1, -2


@inlined
def _fill(data: Bytes, state: Integers) -> None:
    """Hold LONGEST bits at least. Before a marker and behind the end, bits are 0."""
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
def _take(data: Bytes, state: Integers, bits: int) -> int:
    """The next bits as a number, 0 to LONGEST of them."""
    _fill(data, state)
    state[COUNT] -= bits
    return int((state[HELD] >> state[COUNT]) & ((1 << bits) - 1))


@inlined
def _symbol(data: Bytes, state: Integers, lookup: npt.NDArray[np.uint16]) -> int:
    """The symbol of the next code, -1 where no code begins so."""
    _fill(data, state)
    entry = int(lookup[(state[HELD] >> (state[COUNT] - LONGEST)) & ((1 << LONGEST) - 1)])
    length = entry >> LENGTH_SHIFT
    state[COUNT] -= length
    return entry & (SYMBOLS - 1) if length > 0 else -1


@inlined
def _number(data: Bytes, state: Integers, size: int) -> int:
    """A number of so many magnitude bits (T.81, F.2.2.1, EXTEND)."""
    bits = _take(data, state, size)
    return bits if size == 0 or bits >> (size - 1) else bits - (1 << size) + 1


@kernel
def decode_scan(
    data: Bytes,
    start: int,
    members: Integers,
    tables: Integers,
    restart: int,
    lookup: npt.NDArray[np.uint16],
    blocks: Blocks,
    state: Integers,
    last: Integers,
) -> int:
    """Fill ``blocks`` (units * members, 64), zeros at first, from the bytes from ``start`` on.

    ``tables`` (components, 2): the table of first and of other coefficients of each component. ``restart``: units
    between two markers, 0 where there are none. ``lookup`` (TABLES, 2**LONGEST). ``state`` (3,) and ``last``
    (components,): room to work in. Returns the place behind the data, or BROKEN.
    """
    state[HELD], state[COUNT], state[PLACE] = 0, 0, start
    last[:] = 0
    count = members.shape[0]
    markers = 0
    for number in range(blocks.shape[0]):
        if restart > 0 and number > 0 and number % (restart * count) == 0:
            place = state[PLACE]
            if place + 1 >= data.shape[0] or data[place] != MARKER or data[place + 1] != RESTARTS + (markers & 7):
                return BROKEN
            markers += 1
            state[HELD], state[COUNT], state[PLACE] = 0, 0, place + 2
            last[:] = 0
        member = members[number % count]
        block = blocks[number]
        size = _symbol(data, state, lookup[tables[member, 0]])
        if size < 0 or size > SIZE_MASK:
            return BROKEN
        last[member] += _number(data, state, size)
        block[0] = last[member]
        place = 1
        while place < 64:
            symbol = _symbol(data, state, lookup[tables[member, 1]])
            if symbol < 0:
                return BROKEN
            size = symbol & SIZE_MASK
            if size == 0 and symbol != ZEROS:
                break
            place += symbol >> RUN_SHIFT
            if place >= 64:
                return BROKEN
            block[place] = _number(data, state, size)
            place += 1
    return int(state[PLACE])


@inlined
def _put(code: int, bits: int, buffer: Bytes, state: Integers) -> None:
    """Write bits, LONGEST at most. The buffer has room for four bytes."""
    state[HELD] = (state[HELD] << bits | code) & 0xFFFFFFFF
    state[COUNT] += bits
    while state[COUNT] >= 8:
        state[COUNT] -= 8
        byte = (state[HELD] >> state[COUNT]) & 0xFF
        buffer[state[PLACE]] = byte
        state[PLACE] += 1
        if byte == MARKER:
            buffer[state[PLACE]] = 0
            state[PLACE] += 1


@inlined
def _put_number(run: int, value: int, codes: Integers, lengths: Integers, buffer: Bytes, state: Integers) -> bool:
    """Write a coefficient behind ``run`` zeros; whether there is a code for it."""
    size = 0
    while abs(value) >> size:
        size += 1
    if size > SIZE_MASK:
        return False
    symbol = run << RUN_SHIFT | size
    if lengths[symbol] == 0:
        return False
    _put(codes[symbol], lengths[symbol], buffer, state)
    _put(value if value > 0 else value + (1 << size) - 1, size, buffer, state)
    return True


@inlined
def _finish_byte(padding: int, buffer: Bytes, state: Integers) -> None:
    """Fill the last byte up with ``padding``, 0 or 1."""
    while state[COUNT] > 0:
        _put(padding, 1, buffer, state)


@kernel
def encode_scan(
    blocks: Blocks,
    members: Integers,
    tables: Integers,
    restart: int,
    padding: int,
    codes: Integers,
    lengths: Integers,
    buffer: Bytes,
    state: Integers,
    last: Integers,
) -> int:
    """Write the data of a scan to ``buffer``, as ``decode_scan`` reads it.

    ``codes`` and ``lengths`` (TABLES, SYMBOLS): lengths are 0 where a symbol has no code. ``padding``: the bit that
    bytes are filled up with before a marker and at the end. Returns the number of bytes, TOO_LONG, or BROKEN where a
    symbol has no code.
    """
    state[HELD], state[COUNT], state[PLACE] = 0, 0, 0
    last[:] = 0
    count = members.shape[0]
    markers = 0
    for number in range(blocks.shape[0]):
        # A block has 64 numbers of at most 32 bits, each byte of which may be stuffed.
        if buffer.shape[0] - state[PLACE] < 64 * 8 + 16:
            return TOO_LONG
        if restart > 0 and number > 0 and number % (restart * count) == 0:
            _finish_byte(padding, buffer, state)
            buffer[state[PLACE]] = MARKER
            buffer[state[PLACE] + 1] = RESTARTS + (markers & 7)
            state[PLACE] += 2
            markers += 1
            last[:] = 0
        member = members[number % count]
        block = blocks[number]
        first, other = tables[member, 0], tables[member, 1]
        if not _put_number(0, int(block[0]) - last[member], codes[first], lengths[first], buffer, state):
            return BROKEN
        last[member] = block[0]
        end = 63
        while end > 0 and block[end] == 0:
            end -= 1
        run = 0
        for place in range(1, end + 1):
            if block[place] == 0:
                run += 1
                continue
            while run > SIZE_MASK:
                if lengths[other, ZEROS] == 0:
                    return BROKEN
                _put(codes[other, ZEROS], lengths[other, ZEROS], buffer, state)
                run -= SIZE_MASK + 1
            if not _put_number(run, int(block[place]), codes[other], lengths[other], buffer, state):
                return BROKEN
            run = 0
        if end < 63:
            if lengths[other, 0] == 0:
                return BROKEN
            _put(codes[other, 0], lengths[other, 0], buffer, state)
    _finish_byte(padding, buffer, state)
    return int(state[PLACE])
