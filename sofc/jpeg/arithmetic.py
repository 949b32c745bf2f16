"""Spec appendix-kept-files/jpeg-scans: the data of a scan with arithmetic codes (ITU-T T.81, annex D, F.1.4 and G.1.3).

One function writes and reads, so that the two cannot drift apart. What is written has no zero bytes before a marker.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import BROKEN, OK
from sofc.entropy.digits import bit_length
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.jpeg.dct import SIZE, ZIGZAG
from sofc.jpeg.scan import (
    AC_FIRST,
    AC_REFINED,
    DC_REFINED,
    LARGEST,
    MARKER,
    MEMBER,
    RESTARTS,
    SEQUENTIAL,
    TABLES,
    TOO_LONG,
    Layout,
    block_at,
    enter_first,
    put_byte,
)

# Qe, the next state after the less and the more probable decision, and whether the former changes which that is.
_STATES = (
    (0x5A1D, 1, 1, 1), (0x2586, 14, 2, 0), (0x1114, 16, 3, 0), (0x080B, 18, 4, 0), (0x03D8, 20, 5, 0),
    (0x01DA, 23, 6, 0), (0x00E5, 25, 7, 0), (0x006F, 28, 8, 0), (0x0036, 30, 9, 0), (0x001A, 33, 10, 0),
    (0x000D, 35, 11, 0), (0x0006, 9, 12, 0), (0x0003, 10, 13, 0), (0x0001, 12, 13, 0), (0x5A7F, 15, 15, 1),
    (0x3F25, 36, 16, 0), (0x2CF2, 38, 17, 0), (0x207C, 39, 18, 0), (0x17B9, 40, 19, 0), (0x1182, 42, 20, 0),
    (0x0CEF, 43, 21, 0), (0x09A1, 45, 22, 0), (0x072F, 46, 23, 0), (0x055C, 48, 24, 0), (0x0406, 49, 25, 0),
    (0x0303, 51, 26, 0), (0x0240, 52, 27, 0), (0x01B1, 54, 28, 0), (0x0144, 56, 29, 0), (0x00F5, 57, 30, 0),
    (0x00B7, 59, 31, 0), (0x008A, 60, 32, 0), (0x0068, 62, 33, 0), (0x004E, 63, 34, 0), (0x003B, 32, 35, 0),
    (0x002C, 33, 9, 0), (0x5AE1, 37, 37, 1), (0x484C, 64, 38, 0), (0x3A0D, 65, 39, 0), (0x2EF1, 67, 40, 0),
    (0x261F, 68, 41, 0), (0x1F33, 69, 42, 0), (0x19A8, 70, 43, 0), (0x1518, 72, 44, 0), (0x1177, 73, 45, 0),
    (0x0E74, 74, 46, 0), (0x0BFB, 75, 47, 0), (0x09F8, 77, 48, 0), (0x0861, 78, 49, 0), (0x0706, 79, 50, 0),
    (0x05CD, 48, 51, 0), (0x04DE, 50, 52, 0), (0x040F, 50, 53, 0), (0x0363, 51, 54, 0), (0x02D4, 52, 55, 0),
    (0x025C, 53, 56, 0), (0x01F8, 54, 57, 0), (0x01A4, 55, 58, 0), (0x0160, 56, 59, 0), (0x0125, 57, 60, 0),
    (0x00F6, 58, 61, 0), (0x00CB, 59, 62, 0), (0x00AB, 61, 63, 0), (0x008F, 61, 32, 0), (0x5B12, 65, 65, 1),
    (0x4D04, 80, 66, 0), (0x412C, 81, 67, 0), (0x37D8, 82, 68, 0), (0x2FE8, 83, 69, 0), (0x293C, 84, 70, 0),
    (0x2379, 86, 71, 0), (0x1EDF, 87, 72, 0), (0x1AA9, 87, 73, 0), (0x174E, 72, 74, 0), (0x1424, 72, 75, 0),
    (0x119C, 74, 76, 0), (0x0F6B, 74, 77, 0), (0x0D51, 75, 78, 0), (0x0BB6, 77, 79, 0), (0x0A40, 77, 48, 0),
    (0x5832, 80, 81, 1), (0x4D1C, 88, 82, 0), (0x438E, 89, 83, 0), (0x3BDD, 90, 84, 0), (0x34EE, 91, 85, 0),
    (0x2EAE, 92, 86, 0), (0x299A, 93, 87, 0), (0x2516, 86, 71, 0), (0x5570, 88, 89, 1), (0x4CA9, 95, 90, 0),
    (0x44D9, 96, 91, 0), (0x3E22, 97, 92, 0), (0x3824, 99, 93, 0), (0x32B4, 99, 94, 0), (0x2E17, 93, 86, 0),
    (0x56A8, 95, 96, 1), (0x4F46, 101, 97, 0), (0x47E5, 102, 98, 0), (0x41CF, 103, 99, 0), (0x3C3D, 104, 100, 0),
    (0x375E, 99, 93, 0), (0x5231, 105, 102, 0), (0x4C0F, 106, 103, 0), (0x4639, 107, 104, 0), (0x415E, 103, 99, 0),
    (0x5627, 105, 106, 1), (0x50E7, 108, 107, 0), (0x4B85, 109, 103, 0), (0x5597, 110, 109, 0), (0x504F, 111, 107, 0),
    (0x5A10, 110, 111, 1), (0x5522, 112, 109, 0), (0x59EB, 112, 111, 1), (0x5A1D, 113, 113, 0),
)  # fmt: skip
"""T.81, table D.3, and a last state that stays."""
STATES = np.array(_STATES, np.int64)
QE, AFTER_LESS, AFTER_MORE, SWITCHES = range(4)
HALF = 113
"""The state of decisions that are as probable as not."""
MORE_SHIFT = 7
"""A statistics bin is the state, and above it the more probable decision."""
BINS = 256
FIXED = TABLES
"""The row of bins that stay as they are; those before are of the tables."""
CODE, WIDTH, SHIFT, STACKED, ZEROS, HELD, PLACE = range(7)
REGISTERS = 7
WHOLE = 1 << 15
LONGEST_BLOCK = SIZE * 80
"""Bytes that a block takes at most: a coefficient has 33 decisions of 16 bits."""
SMALL, POSITIVE, NEGATIVE, SIZES, LOW_FREQUENCIES, HIGH_FREQUENCIES, PATTERN = 0, 4, 8, 20, 189, 217, 14
"""Statistics bins: conditions of a first coefficient, sizes of it and of others; how far behind lie those of bits."""
LONGEST_SIZE = 1 << 14


class Statistics(NamedTuple):
    """``bins`` (TABLES + 1, BINS); ``conditions`` (TABLES, 2): bounds L and U of small and large differences, or Kx of
    low frequencies."""

    bins: Table[np.uint8]
    conditions: Table[np.int64]


class Coder(NamedTuple):
    """A stream of decisions in bytes: its registers (REGISTERS,); of each component the ``last`` first coefficient and
    the ``context`` of its difference; the statistics that decisions are coded by."""

    data: Vector[np.uint8]
    state: Vector[np.int64]
    last: Vector[np.int64]
    context: Vector[np.int64]
    statistics: Statistics


def coder_in(data: Vector[np.uint8], components: int, conditions: Table[np.int64], start: int) -> Coder:
    """The decisions from a byte on."""
    state = np.zeros(REGISTERS, np.int64)
    state[PLACE] = start
    last, context = np.zeros((2, components), np.int64)
    return Coder(data, state, last, context, Statistics(np.zeros((TABLES + 1, BINS), np.uint8), conditions))


@inlined
def _next_byte(coder: Coder) -> int:
    """The next byte of data; 0 before a marker and behind the end."""
    data, state = coder.data, coder.state
    place = state[PLACE]
    if place >= data.shape[0]:
        return 0
    if data[place] != MARKER:
        state[PLACE] = place + 1
        return int(np.int64(data[place]))
    if place + 1 < data.shape[0] and data[place + 1] == 0:
        state[PLACE] = place + 2
        return MARKER
    return 0


@inlined
def _begin(encode: bool, layout: Layout, coder: Coder) -> None:
    """Begin an interval (T.81, D.1.7 and D.2.7)."""
    state = coder.state
    coder.statistics.bins[:] = 0
    coder.statistics.bins[FIXED, 0] = HALF
    coder.last[:] = 0
    coder.context[:] = 0
    state[CODE], state[WIDTH], state[STACKED], state[ZEROS] = 0, 1 << 16, 0, 0
    if encode:
        state[SHIFT], state[HELD] = 11, -1
    else:
        state[CODE] = _next_byte(coder) << 16
        state[CODE] |= _next_byte(coder) << 8
        state[SHIFT] = 0


@inlined
def _put_zeros(coder: Coder) -> None:
    """Write zero bytes that were kept back: they may have been the last ones."""
    data, state = coder.data, coder.state
    while state[ZEROS] > 0:
        data[state[PLACE]] = 0
        state[PLACE] += 1
        state[ZEROS] -= 1


@inlined
def _put(byte: int, coder: Coder) -> None:
    coder.state[PLACE] = put_byte(byte, coder.data, coder.state[PLACE])


@inlined
def _settle(carry: bool, coder: Coder) -> None:
    """Write what is held, with or without a carry into it."""
    state = coder.state
    if carry:
        if state[HELD] >= 0:
            _put_zeros(coder)
            _put(state[HELD] + 1, coder)
        state[ZEROS] += state[STACKED]
        state[STACKED] = 0
        return
    if state[HELD] == 0:
        state[ZEROS] += 1
    elif state[HELD] > 0:
        _put_zeros(coder)
        _put(state[HELD], coder)
    if state[STACKED] > 0:
        _put_zeros(coder)
        while state[STACKED] > 0:
            _put(MARKER, coder)
            state[STACKED] -= 1


@inlined
def _byte_out(coder: Coder) -> None:
    """Take eight bits out of the code register (T.81, D.1.6)."""
    state = coder.state
    byte = state[CODE] >> 19
    if byte == MARKER:
        state[STACKED] += 1
    else:
        _settle(byte > MARKER, coder)
        state[HELD] = byte & 0xFF
    state[CODE] &= 0x7FFFF
    state[SHIFT] = 8


@inlined
def _finish(coder: Coder) -> None:
    """End an interval with as few bytes as can be (T.81, D.1.8)."""
    state = coder.state
    last = (state[WIDTH] - 1 + state[CODE]) & ~0xFFFF
    state[CODE] = (last + WHOLE if last < state[CODE] else last) << state[SHIFT]
    _settle(state[CODE] >> 27 != 0, coder)
    if state[CODE] & 0x7FFF800:
        _put_zeros(coder)
        _put((state[CODE] >> 19) & 0xFF, coder)
        if state[CODE] & 0x7F800:
            _put((state[CODE] >> 11) & 0xFF, coder)


@inlined
def _renormalise(encode: bool, coder: Coder) -> None:
    state = coder.state
    while state[WIDTH] < WHOLE:
        if not encode and state[SHIFT] == 0:
            state[CODE] |= _next_byte(coder)
            state[SHIFT] = 8
        state[WIDTH] <<= 1
        state[CODE] <<= 1
        state[SHIFT] -= 1
        if encode and state[SHIFT] == 0:
            _byte_out(coder)


@inlined
def _decide(encode: bool, bit: int, table: int, index: int, coder: Coder) -> int:
    """Code a decision by a statistics bin, which learns it (T.81, D.1.4 and D.2.4)."""
    state, bins = coder.state, coder.statistics.bins
    number = int(np.int64(bins[table, index]))
    more, now = number >> MORE_SHIFT, number & ((1 << MORE_SHIFT) - 1)
    qe = STATES[now, QE]
    state[WIDTH] -= qe
    upper = state[CODE] >> 8 >= state[WIDTH]
    if encode:
        # The part above is that of the less probable decision, unless it is the larger one.
        upper = (bit != more) == (state[WIDTH] >= qe)
    is_less = upper == (state[WIDTH] >= qe)
    if not upper and state[WIDTH] >= WHOLE:
        return more
    if upper:
        if encode:
            state[CODE] += state[WIDTH]
        else:
            state[CODE] -= state[WIDTH] << 8
        state[WIDTH] = qe
    following = STATES[now, AFTER_LESS] if is_less else STATES[now, AFTER_MORE]
    switched = more ^ STATES[now, SWITCHES] if is_less else more
    bins[table, index] = switched << MORE_SHIFT | following
    _renormalise(encode, coder)
    return 1 - more if is_less else more


@inlined
def _code_size(encode: bool, size: int, index: int, further: int, table: int, coder: Coder) -> int:
    """Code a size less 1 (T.81, F.1.4.3.2 and F.1.4.3.3); it, or BROKEN. ``further``: the bin of the decision behind
    those of bin ``index``: one of first coefficients, and two of others."""
    highest, at = 0, index
    own = 1 if further == SIZES else 2
    while highest <= LONGEST_SIZE:
        bit = 1 if (highest == 0 and size > 0) or (highest > 0 and size >= 2 * highest) else 0
        if _decide(encode, bit, table, at, coder) == 0:
            break
        highest = 2 * highest if highest > 0 else 1
        if highest == own:
            at = further
        elif highest > own:
            at += 1
    if highest > LONGEST_SIZE:
        return BROKEN
    found, bit = highest, highest >> 1
    while bit > 0:
        if _decide(encode, 1 if size & bit else 0, table, at + PATTERN, coder):
            found |= bit
        bit >>= 1
    return found


@inlined
def _code_first(encode: bool, block: Vector[np.int32], member: int, layout: Layout, coder: Coder) -> int:
    """Code the first coefficient by its difference to the one before (T.81, F.1.4.1). Returns OK or BROKEN."""
    table, start = int(layout.tables[member, 0]), int(coder.context[member])
    change = (int(block[0]) >> layout.low) - coder.last[member] if encode else 0
    if _decide(encode, 1 if change != 0 else 0, table, start, coder) == 0:
        coder.context[member] = SMALL
    else:
        sign = _decide(encode, 1 if change < 0 else 0, table, start + 1, coder)
        size = _code_size(encode, abs(change) - 1, start + 2 + sign, SIZES, table, coder)
        if size < 0:
            return BROKEN
        lower, upper = coder.statistics.conditions[table, 0], coder.statistics.conditions[table, 1]
        highest = (1 << bit_length(size)) >> 1
        context = NEGATIVE if sign else POSITIVE
        if highest < (1 << lower) >> 1:
            context = SMALL
        elif highest > (1 << upper) >> 1:
            context += 8
        coder.context[member] = context
        coder.last[member] += -(size + 1) if sign else size + 1
    return enter_first(encode, block, int(coder.last[member]) << layout.low)


@inlined
def _end_of(block: Vector[np.int32], low: int, layout: Layout) -> int:
    """The place behind the last coefficient that has bits from ``low`` on."""
    end = layout.last + 1
    while end > layout.first and abs(int(block[ZIGZAG[end - 1]])) >> low == 0:
        end -= 1
    return end


@inlined
def _code_sign(encode: bool, value: int, coder: Coder) -> int:
    return -1 if _decide(encode, 1 if value < 0 else 0, FIXED, 0, coder) else 1


@inlined
def _code_others(encode: bool, block: Vector[np.int32], table: int, layout: Layout, coder: Coder) -> int:
    """Code other than first coefficients that were zero before (T.81, F.1.4.2). Returns OK or BROKEN."""
    place = max(1, layout.first)
    end = max(place, _end_of(block, layout.low, layout)) if encode else 0
    while place <= layout.last:
        if _decide(encode, 1 if place >= end else 0, table, 3 * (place - 1), coder):
            return OK
        index, value, size = ZIGZAG[place], 0, 0
        while True:
            index = ZIGZAG[place]
            value = int(block[index]) if encode else 0
            size = abs(value) >> layout.low
            if _decide(encode, 1 if size != 0 else 0, table, 3 * (place - 1) + 1, coder):
                break
            place += 1
            if place > layout.last:
                return BROKEN
        sign = _code_sign(encode, value, coder)
        further = LOW_FREQUENCIES if place <= coder.statistics.conditions[table, 0] else HIGH_FREQUENCIES
        size = _code_size(encode, size - 1, 3 * (place - 1) + 2, further, table, coder)
        if size < 0 or size + 1 > LARGEST >> layout.low:
            return BROKEN
        if not encode:
            block[index] = sign * ((size + 1) << layout.low)
        place += 1
    return OK


@inlined
def _refine(encode: bool, block: Vector[np.int32], table: int, layout: Layout, coder: Coder) -> int:
    """As ``_code_others``, where bits of coefficients were told before (T.81, G.1.3.3). Returns OK or BROKEN."""
    place = layout.first
    before = _end_of(block, layout.low + 1, layout)
    end = _end_of(block, layout.low, layout) if encode else 0
    step = 1 << layout.low
    while place <= layout.last:
        if place >= before:
            bit = 1 if place >= end else 0
            if _decide(encode, bit, table, 3 * (place - 1), coder):
                return OK
        while True:
            index, bins = ZIGZAG[place], 3 * (place - 1)
            value = int(block[index])
            size = abs(value) >> layout.low
            if size > 1:
                if _decide(encode, size & 1, table, bins + 2, coder) and not encode:
                    block[index] = value + step if value > 0 else value - step
                break
            if _decide(encode, size, table, bins + 1, coder):
                sign = _code_sign(encode, value, coder)
                if not encode:
                    block[index] = sign * step
                break
            place += 1
            if place > layout.last:
                return BROKEN
        place += 1
    return OK


@inlined
def _code_unit(encode: bool, blocks: Table[np.int32], unit: int, layout: Layout, coder: Coder) -> int:
    """Code all blocks of a unit. Returns OK or BROKEN."""
    for j in range(layout.members.shape[0]):
        block, member = blocks[block_at(unit, j, layout)], int(layout.members[j, MEMBER])
        table = int(layout.tables[member, 1])
        status = OK
        if layout.kind == DC_REFINED:
            bit = _decide(encode, (int(block[0]) >> layout.low) & 1, FIXED, 0, coder)
            if not encode:
                block[0] += bit << layout.low
        elif layout.kind < AC_FIRST:
            status = _code_first(encode, block, member, layout, coder)
        if status == OK and (layout.kind == SEQUENTIAL or layout.kind == AC_FIRST):
            status = _code_others(encode, block, table, layout, coder)
        elif layout.kind == AC_REFINED:
            status = _refine(encode, block, table, layout, coder)
        if status != OK:
            return BROKEN
    return OK


@inlined
def _code_restart(encode: bool, number: int, coder: Coder) -> int:
    """The marker between two intervals. Returns OK, or BROKEN where it is another."""
    data, state = coder.data, coder.state
    place = state[PLACE]
    if encode:
        data[place], data[place + 1] = MARKER, RESTARTS + (number & 7)
    elif place + 1 >= data.shape[0] or data[place] != MARKER or data[place + 1] != RESTARTS + (number & 7):
        return BROKEN
    state[PLACE] = place + 2
    return OK


@kernel
def code_arithmetic_scan(encode: bool, blocks: Table[np.int32], units: int, layout: Layout, coder: Coder) -> int:
    """As ``scan.code_scan``: encoding returns the place behind the data, TOO_LONG, or BROKEN; decoding how many units
    were whole. Where data ends too early, zeros follow, from which units may be read that are none."""
    state, room = coder.state, LONGEST_BLOCK * (layout.members.shape[0] + 1)
    _begin(encode, layout, coder)
    for unit in range(units):
        if encode and coder.data.shape[0] - state[PLACE] < room + 2 * state[STACKED] + state[ZEROS]:
            return TOO_LONG
        if layout.restart > 0 and unit > 0 and unit % layout.restart == 0:
            if encode:
                _finish(coder)
            if _code_restart(encode, unit // layout.restart - 1, coder) != OK:
                return BROKEN if encode else unit
            _begin(encode, layout, coder)
        if _code_unit(encode, blocks, unit, layout, coder) != OK:
            return BROKEN if encode else unit
    if encode and units > 0:
        _finish(coder)
    return int(state[PLACE]) if encode else units
