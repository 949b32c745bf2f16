"""Spec appendix-kept-files/jpeg-scans: the data of a scan with Huffman codes (ITU-T T.81, annexes F and G) and the
coefficients that it holds.

Blocks stand in units (MCUs) of as many blocks as there are ``members``. Blocks have their 64 coefficients by number,
8 * vertical + horizontal frequency. Tables 0-3 are Huffman tables of first coefficients, 4-7 those of the others. One
function writes and reads, so that the two cannot drift apart. Reading stops before the first unit that is not whole,
or that no encoder would have written so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import BROKEN, OK
from sofc.entropy.digits import bit_length
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.jpeg.dct import SIZE, ZIGZAG

TOO_LONG = -1
"""What is written does not fit into the buffer."""
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
HELD, COUNT, PLACE, LACKING, RUN = range(5)
"""Of the state of a bit stream: bits that are held, how many, the place in the bytes, how many of the bits held lie
behind the data, and blocks of an end-of-band run that are to come."""
STATE = 5
LONGEST_BLOCK = SIZE * 8 + 16
"""A block has 64 numbers of at most 32 bits, each byte of which may be stuffed; a marker may come before."""
LARGEST = 1 << 14
"""Coefficients lie within this, as coder dct wants them."""
LONGEST_RUN, MOST_CORRECTIONS = 0x7FFF, 1000 - SIZE + 1
"""The longest end-of-band run, and correction bits that libjpeg keeps back before it ends one."""

SEQUENTIAL, DC_FIRST, DC_REFINED, AC_FIRST, AC_REFINED = range(5)
MEMBER, FIRST, ACROSS, DOWN = range(4)
"""Columns of ``members``."""
RUN_BITS = 16
"""Of a note: the length of an end-of-band run below, runs of zeros before the end above."""
FILL_SHIFT, PAD_BITS_SHIFT = 8, 24
"""Of an end: the padding bits below, then the fill bytes; when reading, how many padding bits there are above."""


class Layout(NamedTuple):
    """How a scan is made up.

    ``members`` (blocks of a unit, 4): of each its component in the scan, its number in the first unit, and by how much
    that grows with a unit to the right and a unit down. ``tables`` (components, 2): those of the first and of the other
    coefficients of each component. ``columns``: units in a row; ``restart``: units between two markers, or 0. ``kind``
    of scan, ``first`` and ``last`` coefficient in zigzag order, ``low``: the bit from which on they are told.
    ``most_corrections``: an end-of-band run ends with more; ``longest_run`` of blocks.
    """

    members: Table[np.int64]
    tables: Table[np.int64]
    columns: int
    restart: int
    kind: int
    first: int
    last: int
    low: int
    most_corrections: int
    longest_run: int


class Codes(NamedTuple):
    """The ``code`` of each symbol and its ``length``, (TABLES, SYMBOLS) each: 0 where a symbol has none. ``lookup``
    (TABLES, 2**LONGEST): the symbol whose code begins so many bits, below its length."""

    code: Table[np.int64]
    length: Table[np.int64]
    lookup: Table[np.uint16]


class Freedom(NamedTuple):
    """What encoders may do one way or another. ``notes``, one for each block: the length of the end-of-band run that
    begins there, or 0 for the usual one, and needless runs of zeros. ``ends``, one for each interval: padding bits, and
    fill bytes before the marker."""

    notes: Vector[np.int32]
    ends: Vector[np.int32]


class Bits(NamedTuple):
    """A bit stream in bytes."""

    data: Vector[np.uint8]
    state: Vector[np.int64]
    """(STATE,): the bits that are held and how many, where in ``data`` the next byte is, bits that were read beyond the
    end, and blocks of an end-of-band run that are still to come."""
    last: Vector[np.int64]
    """(components,): the first coefficient of the last block."""


def bits_in(data: Vector[np.uint8], components: int, start: int = 0) -> Bits:
    """The bits from a byte on."""
    state = np.zeros(STATE, np.int64)
    state[PLACE] = start
    return Bits(data, state, np.zeros(components, np.int64))


@inlined
def _fill(bits: Bits) -> None:
    """Hold LONGEST bits at least. Before a marker and behind the end, bits are 0."""
    data, state = bits.data, bits.state
    while state[COUNT] < LONGEST:
        byte = 0
        place = state[PLACE]
        if place < data.shape[0] and data[place] != MARKER:
            byte = int(data[place])
            state[PLACE] = place + 1
        elif place + 1 < data.shape[0] and data[place + 1] == 0:
            byte = MARKER
            state[PLACE] = place + 2
        else:
            state[LACKING] += 8
        state[HELD] = (state[HELD] << 8 | byte) & 0xFFFFFFFF
        state[COUNT] += 8


@inlined
def put_byte(byte: int, data: Vector[np.uint8], place: int) -> int:
    """Write a byte of a scan's data, with a 0 behind one that could begin a marker (T.81, B.1.1.5). Returns where the
    next one goes."""
    data[place] = byte
    if byte == MARKER:
        place += 1
        data[place] = 0
    return place + 1


@inlined
def _put(code: int, count: int, bits: Bits) -> None:
    """Write bits, LONGEST at most. The buffer has room for four bytes."""
    state = bits.state
    state[HELD] = (state[HELD] << count | code) & 0xFFFFFFFF
    state[COUNT] += count
    while state[COUNT] >= 8:
        state[COUNT] -= 8
        state[PLACE] = put_byte((state[HELD] >> state[COUNT]) & 0xFF, bits.data, state[PLACE])


@inlined
def _code_bits(encode: bool, number: int, count: int, bits: Bits) -> int:
    """Code a number of so many bits, LONGEST at most."""
    if encode:
        _put(number, count, bits)
        return number
    _fill(bits)
    bits.state[COUNT] -= count
    return int((bits.state[HELD] >> bits.state[COUNT]) & ((1 << count) - 1))


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
    found = _code_bits(encode, number if number > 0 else number + (1 << size) - 1, size, bits)
    return found if size == 0 or found >> (size - 1) else found - (1 << size) + 1


@inlined
def _lowered(number: int, low: int) -> int:
    """A number without its lowest bits, towards zero."""
    return number >> low if number >= 0 else -(-number >> low)


@inlined
def enter_first(encode: bool, block: Vector[np.int32], value: int) -> int:
    """Take in the first coefficient of a block, as it is known. Returns OK or BROKEN."""
    if abs(value) > LARGEST:
        return BROKEN
    if not encode:
        block[0] = value
    return OK


@inlined
def _code_first(encode: bool, block: Vector[np.int32], member: int, layout: Layout, codes: Codes, bits: Bits) -> int:
    """Code the first coefficient by its difference to that of the block before. Returns OK or BROKEN."""
    number = (int(block[0]) >> layout.low) - bits.last[member] if encode else 0
    size = bit_length(abs(number))
    if size <= SIZE_MASK:
        size = _code_symbol(encode, size, layout.tables[member, 0], codes, bits)
    if size < 0 or size > SIZE_MASK:
        return BROKEN
    bits.last[member] += _code_number(encode, number, size, bits)
    return enter_first(encode, block, int(bits.last[member]) << layout.low)


@inlined
def _next_symbol(block: Vector[np.int32], place: int, layout: Layout) -> int:
    """What an encoder says at a place: how many zeros follow and how large the next number is; BROKEN if too large."""
    end = place
    while end <= layout.last and _lowered(int(block[ZIGZAG[end]]), layout.low) == 0:
        end += 1
    if end > layout.last:
        return END
    if end - place > SIZE_MASK:
        return ZEROS
    size = bit_length(abs(_lowered(int(block[ZIGZAG[end]]), layout.low)))
    return (end - place) << RUN_SHIFT | size if size <= SIZE_MASK else BROKEN


@inlined
def _nonzero(block: Vector[np.int32]) -> int:
    """How many coefficients but the first are not zero."""
    count = 0
    for k in range(1, SIZE):
        count += 1 if block[k] != 0 else 0
    return count


@inlined
def _code_end(encode: bool, symbol: int, run: int, table: int, codes: Codes, bits: Bits) -> int:
    """Code the end of a block, as a run of so many blocks. ``symbol``: what was read. The run, or BROKEN."""
    size = 0
    if encode:
        while run >> (size + 1):
            size += 1
        if _code_symbol(True, size << RUN_SHIFT, table, codes, bits) < 0:
            return BROKEN
    else:
        size = symbol >> RUN_SHIFT
    return (1 << size) + _code_bits(encode, run - (1 << size), size, bits)


@inlined
def _has_news(block: Vector[np.int32], layout: Layout) -> bool:
    """Whether a scan tells of a coefficient for the first time."""
    for place in range(layout.first, layout.last + 1):
        size = abs(int(block[ZIGZAG[place]])) >> layout.low
        if size == 1 or (size > 1 and layout.kind == AC_FIRST):
            return True
    return False


@inlined
def _corrections(block: Vector[np.int32], place: int, layout: Layout) -> int:
    """Coefficients from a place on that were told of before."""
    count = 0
    for k in range(place, layout.last + 1):
        if abs(int(block[ZIGZAG[k]])) >> (layout.low + 1) != 0:
            count += 1
    return count


@inlined
def block_at(unit: int, member: int, layout: Layout) -> int:
    """The number of a block of a unit."""
    row, column = unit // layout.columns, unit % layout.columns
    place = layout.members[member]
    return int(place[FIRST] + column * place[ACROSS] + row * place[DOWN])


class _Units(NamedTuple):
    """The ``total`` units of a scan: ``blocks`` of the frame (all, 64), ``notes`` of those in the scan."""

    blocks: Table[np.int32]
    notes: Vector[np.int32]
    total: int


@inlined
def _usual_run(units: _Units, unit: int, place: int, layout: Layout) -> int:
    """The end-of-band run that libjpeg makes of the block of a unit, from a place in it on, and those that follow."""
    blocks, refined, end = units.blocks, layout.kind == AC_REFINED, units.total
    if layout.restart > 0:
        end = min(end, (unit // layout.restart + 1) * layout.restart)
    kept = _corrections(blocks[block_at(unit, 0, layout)], place, layout) if refined else 0
    run = 1
    while unit + run < end and run < layout.longest_run and kept <= layout.most_corrections:
        block = blocks[block_at(unit + run, 0, layout)]
        if _has_news(block, layout):
            break
        if refined:
            kept += _corrections(block, layout.first, layout)
        run += 1
    return run


class _Ends(NamedTuple):
    """What an encoder says of the end of a block: runs of zeros that it need not say, and the run of blocks, or 0."""

    zeros: int
    run: int


@inlined
def _code_others(
    encode: bool, block: Vector[np.int32], table: int, ends: _Ends, layout: Layout, codes: Codes, bits: Bits
) -> _Ends:
    """Code other than first coefficients that were zero before. What was said of the end; a run of BROKEN where that is
    no such block."""
    place, zeros, left = max(1, layout.first), 0, ends.zeros
    # Counting takes processors much less than to look for the next one where there is none: most of a block is zero.
    to_come = _nonzero(block) if encode and layout.kind == SEQUENTIAL else SIZE
    while place <= layout.last:
        symbol = _next_symbol(block, place, layout) if encode and to_come > 0 else END
        if encode and symbol == END and left > 0:
            symbol, left = ZEROS, left - 1
        if encode and symbol == END:
            run = _code_end(True, END, ends.run, table, codes, bits)
            return _Ends(zeros, run)
        if symbol >= 0:
            symbol = _code_symbol(encode, symbol, table, codes, bits)
        if symbol < 0:
            return _Ends(0, BROKEN)
        size = symbol & SIZE_MASK
        if size == 0 and symbol != ZEROS:
            if layout.kind == SEQUENTIAL and symbol != END:
                return _Ends(0, BROKEN)
            return _Ends(zeros, _code_end(False, symbol, 0, table, codes, bits))
        place += symbol >> RUN_SHIFT
        if place > layout.last:
            return _Ends(0, BROKEN)
        if size == 0:
            zeros += 1
        else:
            index = ZIGZAG[place]
            number = _lowered(int(block[index]), layout.low)
            value = _code_number(encode, number, size, bits) * (1 << layout.low)
            if abs(value) > LARGEST:
                return _Ends(0, BROKEN)
            if not encode:
                block[index] = value
            zeros = 0
            to_come -= 1
        place += 1
    return _Ends(zeros, 0)


@inlined
def _walk(encode: bool, block: Vector[np.int32], place: int, zeros: int, layout: Layout, bits: Bits) -> int:
    """Pass over so many coefficients that are zero still, and correct by a bit those that are not. The place of the
    zero behind them, or that behind the last."""
    step = 1 << layout.low
    while place <= layout.last:
        index = ZIGZAG[place]
        value = int(block[index])
        if abs(value) >> (layout.low + 1) == 0:
            if zeros == 0:
                break
            zeros -= 1
        else:
            bit = _code_bits(encode, (abs(value) >> layout.low) & 1, 1, bits)
            if not encode and bit:
                block[index] = value + step if value > 0 else value - step
        place += 1
    return place


@inlined
def _next_refining(block: Vector[np.int32], place: int, layout: Layout) -> int:
    """What an encoder says at a place in a scan that refines."""
    zeros = 0
    for k in range(place, layout.last + 1):
        size = abs(int(block[ZIGZAG[k]])) >> layout.low
        if size == 1:
            return ZEROS if zeros > SIZE_MASK else zeros << RUN_SHIFT | 1
        if size == 0:
            zeros += 1
    return END


@inlined
def _refine(
    encode: bool, block: Vector[np.int32], table: int, ends: _Ends, layout: Layout, codes: Codes, bits: Bits
) -> _Ends:
    """As ``_code_others``, where bits of coefficients were told before; correction bits behind an end included."""
    place, zeros, left = layout.first, 0, ends.zeros
    while place <= layout.last:
        symbol = _next_refining(block, place, layout) if encode else 0
        if encode and symbol == END and left > 0:
            symbol, left = ZEROS, left - 1
        if not encode or symbol != END:
            symbol = _code_symbol(encode, symbol, table, codes, bits)
            if symbol < 0 or symbol & SIZE_MASK > 1:
                return _Ends(0, BROKEN)
        size = symbol & SIZE_MASK
        if size == 0 and symbol != ZEROS:
            run = _code_end(encode, symbol, ends.run, table, codes, bits)
            _walk(encode, block, place, SIZE, layout, bits)
            return _Ends(zeros, run)
        sign = 0
        if size == 1:
            at = place
            if encode:
                while abs(int(block[ZIGZAG[at]])) >> layout.low != 1:
                    at += 1
            sign = _code_bits(encode, 1 if block[ZIGZAG[at]] > 0 else 0, 1, bits)
        place = _walk(encode, block, place, symbol >> RUN_SHIFT, layout, bits)
        if place > layout.last:
            return _Ends(0, BROKEN)
        if size == 1 and not encode:
            block[ZIGZAG[place]] = (1 << layout.low) if sign else -(1 << layout.low)
        zeros = 0 if size == 1 else zeros + 1
        place += 1
    return _Ends(zeros, 0)


@inlined
def _place_of_end(block: Vector[np.int32], zeros: int, layout: Layout) -> int:
    """Where the end of a block is told in a scan that refines: behind the last coefficient that is new, and so many
    runs of zeros."""
    place = layout.first
    for k in range(layout.first, layout.last + 1):
        if abs(int(block[ZIGZAG[k]])) >> layout.low == 1:
            place = k + 1
    left = 16 * zeros
    while left > 0 and place <= layout.last:
        if abs(int(block[ZIGZAG[place]])) >> layout.low == 0:
            left -= 1
        place += 1
    return place


@inlined
def _code_band(encode: bool, units: _Units, unit: int, layout: Layout, codes: Codes, bits: Bits) -> int:
    """Code the coefficients of a block that a progressive scan has, but for the first. Returns OK or BROKEN."""
    block, notes = units.blocks[block_at(unit, 0, layout)], units.notes
    if bits.state[RUN] > 0:
        if encode and _has_news(block, layout):
            return BROKEN
        bits.state[RUN] -= 1
        if layout.kind == AC_REFINED:
            _walk(encode, block, layout.first, SIZE, layout, bits)
        return OK
    zeros, run = 0, 0
    if encode:
        zeros, run = int(notes[unit]) >> RUN_BITS, int(notes[unit]) & LONGEST_RUN
        place = _place_of_end(block, zeros, layout) if layout.kind == AC_REFINED else 0
        usual = _usual_run(units, unit, place, layout)
        if run == 0 or run == usual:
            # The usual one need not be kept.
            notes[unit] = zeros << RUN_BITS
            run = usual
    table = layout.tables[0, 1]
    if layout.kind == AC_REFINED:
        coded = _refine(encode, block, table, _Ends(zeros, run), layout, codes, bits)
    else:
        coded = _code_others(encode, block, table, _Ends(zeros, run), layout, codes, bits)
    if coded.run < 0 or (encode and coded.zeros != zeros):
        return BROKEN
    bits.state[RUN] = max(0, coded.run - 1)
    if not encode:
        notes[unit] = coded.zeros << RUN_BITS | coded.run
    return OK


@inlined
def _code_unit(encode: bool, units: _Units, unit: int, layout: Layout, codes: Codes, bits: Bits) -> int:
    """Code all blocks of a unit. Returns OK or BROKEN."""
    if layout.kind >= AC_FIRST:
        return _code_band(encode, units, unit, layout, codes, bits)
    blocks, notes, count = units.blocks, units.notes, layout.members.shape[0]
    for j in range(count):
        block, member = blocks[block_at(unit, j, layout)], layout.members[j, MEMBER]
        if layout.kind == DC_REFINED:
            bit = _code_bits(encode, (int(block[0]) >> layout.low) & 1, 1, bits)
            if not encode:
                block[0] += bit << layout.low
            continue
        if _code_first(encode, block, member, layout, codes, bits) != OK:
            return BROKEN
        if layout.kind == SEQUENTIAL:
            ends = _Ends(int(notes[unit * count + j]) >> RUN_BITS if encode else 0, 1)
            coded = _code_others(encode, block, layout.tables[member, 1], ends, layout, codes, bits)
            if coded.run < 0 or (encode and coded.zeros != ends.zeros):
                return BROKEN
            if not encode:
                notes[unit * count + j] = coded.zeros << RUN_BITS
    return OK


@inlined
def _code_pad(encode: bool, number: int, ends: Vector[np.int32], bits: Bits) -> int:
    """The bits that fill up a byte at the end of an interval. Returns OK, or BROKEN where more is left."""
    state = bits.state
    if encode:
        count = -state[COUNT] & 7
        _put(int(ends[number]) & ((1 << count) - 1), count, bits)
        return OK
    count = (state[COUNT] - state[LACKING]) & 7
    pad = (state[HELD] >> (state[COUNT] - count)) & ((1 << count) - 1)
    ends[number] = count << PAD_BITS_SHIFT | pad
    return OK if state[COUNT] - state[LACKING] == count else BROKEN


@inlined
def _code_restart(encode: bool, number: int, ends: Vector[np.int32], bits: Bits) -> int:
    """The marker between two intervals, and fill bytes. Returns OK, BROKEN where it is another, or TOO_LONG."""
    data, state = bits.data, bits.state
    if _code_pad(encode, number, ends, bits) != OK:
        return BROKEN
    place = state[PLACE]
    if encode:
        fill = (int(ends[number]) >> FILL_SHIFT) & 0xFFFF
        if place + fill + LONGEST_BLOCK * 10 > data.shape[0]:
            return TOO_LONG
        for _ in range(fill + 1):
            data[place] = MARKER
            place += 1
        data[place] = RESTARTS + (number & 7)
    else:
        start = place
        while place < data.shape[0] and data[place] == MARKER:
            place += 1
        fill = place - start - 1
        if fill < 0 or fill > 0xFFFF or place >= data.shape[0] or data[place] != RESTARTS + (number & 7):
            return BROKEN
        ends[number] |= fill << FILL_SHIFT
    state[HELD], state[COUNT], state[LACKING], state[RUN] = 0, 0, 0, 0
    state[PLACE] = place + 1
    bits.last[:] = 0
    return OK


@kernel
def code_scan(
    encode: bool, blocks: Table[np.int32], units: int, layout: Layout, codes: Codes, freedom: Freedom, bits: Bits
) -> int:
    """Code ``units`` units of a scan; when decoding, ``blocks`` (all of the frame, 64) and ``freedom`` are filled.

    Encoding returns the place behind the data, TOO_LONG, or BROKEN where a symbol has no code; notes of usual runs are
    cleared. Decoding returns how many units were whole; of the one behind them blocks may have been changed.
    """
    state, count = bits.state, layout.members.shape[0]
    all_units, number = _Units(blocks, freedom.notes, units), 0
    for unit in range(units):
        if encode and bits.data.shape[0] - state[PLACE] < LONGEST_BLOCK * (count + 1):
            return TOO_LONG
        held, holds, lacking = state[HELD], state[COUNT], state[LACKING]
        status = OK
        if layout.restart > 0 and unit > 0 and unit % layout.restart == 0:
            status = _code_restart(encode, number, freedom.ends, bits)
            number += 1
        if status == OK:
            status = _code_unit(encode, all_units, unit, layout, codes, bits)
        if encode and status != OK:
            return status
        if status != OK or (not encode and state[COUNT] < state[LACKING]):
            if layout.restart > 0 and unit > 0 and unit % layout.restart == 0:
                number -= 1
            state[HELD], state[COUNT], state[LACKING] = held, holds, lacking
            units = unit
            break
    _code_pad(encode, number, freedom.ends, bits)
    return int(state[PLACE]) if encode else units


@kernel
def take_back(blocks: Table[np.int32], start: int, units: int, layout: Layout) -> int:
    """Undo what a scan changed in units ``start`` to ``units`` - 1. Returns 0."""
    refined = layout.kind in (DC_REFINED, AC_REFINED)
    for unit in range(start, units):
        for j in range(layout.members.shape[0]):
            block = blocks[block_at(unit, j, layout)]
            for place in range(layout.first, layout.last + 1):
                index = ZIGZAG[place]
                value = int(block[index])
                if layout.kind == DC_REFINED:
                    block[index] = (value >> (layout.low + 1)) << (layout.low + 1)
                else:
                    block[index] = _lowered(value, layout.low + 1) * (1 << (layout.low + 1)) if refined else 0
    return 0
