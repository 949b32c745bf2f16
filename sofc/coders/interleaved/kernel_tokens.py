"""Spec interleaved/stream: residuals as tokens of tabled asymmetric numeral systems (tANS) with 512 states.

A token is a residual of -DIRECT .. DIRECT, or a range of larger ones, of which plain bits follow, or an escape, after
which any residual follows in plain bits. Three states share one sequence of bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.arithmetic import leading_zeros
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector

LANES = 3
"""Stripes that are decoded side by side, each with a state."""
SCALE_BITS = 9
"""The frequencies of a context add up to 2**SCALE_BITS, and there are as many states."""
TOKEN_BITS = 6
DIRECT = 15
LAST_DIRECT = 2 * DIRECT
ESCAPE = 63
ESCAPE_BITS = 32
"""Plain bits of an escaped residual."""
FIRST_BITS = 2
"""Plain bits of the first ranges, those next to +-DIRECT; each has one more than the one before."""
FIRST_STATE = 1 << SCALE_BITS
"""States are FIRST_STATE .. 2 * FIRST_STATE - 1; encoders begin, and decoders end, with the first."""
REST_BITS = SCALE_BITS + 1
"""Of what a token leaves of a state: frequency .. 2 * frequency - 1."""
WORD_BITS = 32
MOST_BITS = SCALE_BITS + ESCAPE_BITS
"""Of a sample."""
NO_SIGN = (1 << 63) - 1
"""An index with this is seen not to be negative: nothing is to be done for those that count from the end."""

STRIPED_ROWS = 96
"""Images of fewer rows are one stripe."""

Words = Vector[np.uint32]
Pairs = Vector[np.int64]
"""Of a sequence of bits, the first one lowest, at each 32nd the 64 from there on, zeros behind the end."""
Margins = Vector[np.int32]
"""Of each row the columns at its left and at its right that are not coded."""


class Columns(NamedTuple):
    """Columns ``start`` .. ``end - 1`` of a row."""

    start: int
    end: int


@inlined
def columns_inside(margins: Margins, y: int, columns: int) -> Columns:
    """Spec interleaved/margins. Those of a row that are coded."""
    start = int(margins[2 * y])
    return Columns(start, max(start, columns - int(margins[2 * y + 1])))


@inlined
def shared_columns(margins: Margins, y: int, step: int, columns: int) -> Columns:
    """Spec interleaved/margins. Those that rows y, y + step and y + 2 * step all have."""
    a, b, c = y, y + step, y + 2 * step
    start = max(margins[2 * a], margins[2 * b], margins[2 * c])
    beyond = max(margins[2 * a + 1], margins[2 * b + 1], margins[2 * c + 1])
    return Columns(int(start), int(max(start, columns - beyond)))


class Bits(NamedTuple):
    """Bits of a sequence that are at hand, the next one lowest, and the place of that in the sequence."""

    ahead: int
    place: int


class Taken(NamedTuple):
    """What was decoded, the state of its lane after it, and the bits."""

    value: int
    state: int
    bits: Bits


@inlined
def step_of(rows: int) -> int:
    """Spec interleaved/neighbours. Rows of each stripe of an image, 0 where there is but one."""
    return rows // LANES if rows >= STRIPED_ROWS else 0


@inlined
def bits_from(pairs: Pairs, place: int) -> Bits:
    """Spec interleaved/stream. At least 33 bits from a place on."""
    return Bits(int(pairs[np.uintp(place >> 5)]) >> (place & 31), place)


@inlined
def entry_of(cell_start: int, state: int, tables: Vector[np.uint16]) -> int:
    """Spec interleaved/stream. What a state of a cell stands for: token << REST_BITS | what the token leaves of it.

    ``cell_start``: the cell << SCALE_BITS. ``tables``: those of all states of one cell after the other, FIRST_STATE
    places behind their start.
    """
    # An index without sign is not asked whether it counts from the end. Of a number without sign, shifted, and one with
    # a sign compilers would make a float.
    return 0 + int(tables[np.uintp(cell_start + state)])


@inlined
def take_direct(entry: int, bits: Bits) -> Taken:
    """Spec interleaved/stream. A token as it is, of at most SCALE_BITS bits."""
    rest = entry & ((1 << REST_BITS) - 1)
    count = leading_zeros(rest) - (WORD_BITS - REST_BITS)
    state = (rest << count) | (bits.ahead & ((1 << count) - 1))
    return Taken(entry >> REST_BITS, state, Bits(bits.ahead >> count, bits.place + count))


@inlined
def _rest_of(token: int, ahead: int) -> int:
    """Spec interleaved/stream. The residual of a token that plain bits follow."""
    if token == ESCAPE:
        folded = ahead & ((1 << ESCAPE_BITS) - 1)
        return (folded >> 1) ^ -(folded & 1)
    count = rest_bits(token)
    size = DIRECT + 1 + (1 << count) - (1 << FIRST_BITS) + (ahead & ((1 << count) - 1))
    return -size if (token & 1) == 0 else size


@inlined
def rest_bits(token: int) -> int:
    """Spec interleaved/stream. How many plain bits follow a token above LAST_DIRECT."""
    return ESCAPE_BITS if token == ESCAPE else ((token - LAST_DIRECT - 1) >> 1) + FIRST_BITS


@inlined
def take_residual(entry: int, place: int, farthest: int, pairs: Pairs) -> Taken:
    """Spec interleaved/stream. The residual that an entry stands for, more by DIRECT; those beyond ``farthest`` are cut
    there, as they lead out of any range."""
    taken = take_direct(entry, bits_from(pairs, place))
    if taken.value <= LAST_DIRECT:
        return taken
    bits = bits_from(pairs, taken.bits.place)
    residual = max(-farthest, min(farthest, _rest_of(taken.value, bits.ahead)))
    return Taken(residual + DIRECT, taken.state, Bits(0, bits.place + rest_bits(taken.value)))


class Codes(NamedTuple):
    """What tokens are coded by, two numbers for each cell << TOKEN_BITS | token. ``quick``: as ``code_of`` gives them;
    ABSENT as a place where plain bits follow a token, or an escape stands for it. ``every``: the same of all tokens
    that have a frequency. ``states``: those from which the tokens of a context are decoded, FIRST_STATE places behind
    its number << SCALE_BITS."""

    quick: Vector[np.uint32]
    every: Vector[np.uint32]
    states: Vector[np.uint16]


STEP_AT = 16
ABSENT = 1 << 31


def code_of(frequency: int, start: int, context: int) -> tuple[int, int]:
    """How a token is coded whose frequency, and the sum of those before it in its context, are known: a step, such that
    a state gives up (state + step) >> STEP_AT bits, and a place in ``states``, to which what is left of it is added
    (Duda, 2013; as in FSE). Frequencies are 1 to 2**SCALE_BITS."""
    most = REST_BITS - (frequency - 1).bit_length()
    return (most << STEP_AT) - (frequency << most), (context << SCALE_BITS) + start - frequency + FIRST_STATE


class Put(NamedTuple):
    """The state of a lane; bits that are not put into words yet, the one to be read first lowest; how many these are;
    and the first word in use."""

    state: int
    bits: int
    waiting: int
    place: int


@inlined
def _emptied(words: Words, put: Put) -> Put:
    """Spec interleaved/stream. Put a word of 32 bits or more: processors cannot tell which it will be, so that it is
    put in any case and kept in some."""
    words[(put.place - 1) & NO_SIGN] = (put.bits >> ((put.waiting - WORD_BITS) & 31)) & 0xFFFFFFFF
    is_full, count = put.waiting >> 5, put.waiting & 31
    return Put(put.state, put.bits & ((1 << count) - 1), count, put.place - is_full)


class _Given(NamedTuple):
    """The bits that a state gives up for a token, how many these are, and the state from which it is decoded."""

    bits: int
    size: int
    state: int


@inlined
def _give(table: Vector[np.uint32], symbol: int, states: Vector[np.uint16], state: int) -> _Given:
    """Spec interleaved/stream. What a state does for a token that is in a table of codes."""
    count = (state + int(table[2 * symbol])) >> STEP_AT
    left = int(table[2 * symbol + 1]) + (state >> count)
    return _Given(state & ((1 << count) - 1), count, 0 + int(states[left]))


@inlined
def _put_token(table: Vector[np.uint32], symbol: int, states: Vector[np.uint16], put: Put) -> Put:
    """Spec interleaved/stream. Code a token that is in a table of codes."""
    given = _give(table, symbol, states, put.state)
    return Put(given.state, (put.bits << given.size) | given.bits, put.waiting + given.size, put.place)


@kernel
def _put_rest(residual: int, symbol: int, codes: Codes, words: Words, put: Put) -> Put:
    """Spec interleaved/stream. Code a residual whose token plain bits follow; ``symbol``: any of its context."""
    size, first = abs(residual), symbol & -(1 << TOKEN_BITS)
    token, count, plain = residual + DIRECT, 0, 0
    if size > DIRECT:
        count = FIRST_BITS
        while size >= DIRECT + 1 + (2 << count) - (1 << FIRST_BITS):
            count += 1
        plain = size - (DIRECT + 1 + (1 << count) - (1 << FIRST_BITS))
        token = min(ESCAPE, LAST_DIRECT + 1 + 2 * (count - FIRST_BITS) + (1 if residual < 0 else 0))
    if token == ESCAPE or codes.every[2 * (first + token) + 1] == ABSENT:
        token, count = ESCAPE, ESCAPE_BITS
        plain = 2 * residual if residual >= 0 else -2 * residual - 1
    put = _emptied(words, put)
    put = _emptied(words, Put(put.state, (put.bits << count) | plain, put.waiting + count, put.place))
    return _put_token(codes.every, first + token, codes.states, put)


@inlined
def _put(residual: int, symbol: int, codes: Codes, words: Words, put: Put) -> Put:
    """Spec interleaved/stream. Code a residual before what was coded; words are filled from their end. At most
    SCALE_BITS more bits than before are left over."""
    if codes.quick[2 * symbol + 1] == ABSENT:
        return _put_rest(residual, symbol, codes, words, put)
    return _put_token(codes.quick, symbol, codes.states, put)


@kernel
def _put_apart(residual: int, symbol: int, codes: Codes, words: Words, put: Put) -> Put:
    """Spec interleaved/stream. The same, out of the way of what is more usual."""
    return _put(residual, symbol, codes, words, put)


class Coded(NamedTuple):
    """What samples of a plane of images are coded as, in the order of rows (rows * width,): ``residuals``, and
    ``symbols``, cell << TOKEN_BITS | token, where ESCAPE stands for all tokens that plain bits follow. ``margins``
    (2 * rows,)."""

    residuals: Vector[np.int16] | Vector[np.int32]
    symbols: Vector[np.uint16]
    margins: Margins
    width: int


@inlined
def _write_columns(
    coded: Coded, y: int, columns: Columns, lane: int, codes: Codes, words: Words, states: Vector[np.int64]
) -> None:
    """Spec interleaved/stream. Code columns of a row, the last first."""
    start = y * coded.width + columns.start
    put = Put(int(states[lane]), int(states[LANES]), int(states[LANES + 1]), int(states[LANES + 2]))
    residuals, symbols = coded.residuals[start:], coded.symbols[start:]
    for i in range(columns.end - columns.start - 1, -1, -1):
        put = _emptied(words, _put(int(residuals[i]), int(symbols[i]), codes, words, put))
    states[lane], states[LANES], states[LANES + 1], states[LANES + 2] = put.state, put.bits, put.waiting, put.place


@inlined
def _write_three(
    coded: Coded, y: int, step: int, columns: Columns, codes: Codes, words: Words, states: Vector[np.int64]
) -> None:
    """Spec interleaved/stream. The same of rows y, y + step and y + 2 * step in turn."""
    start, size = y * coded.width + columns.start, step * coded.width
    residuals, symbols = coded.residuals[start:], coded.symbols[start:]
    residuals_2, symbols_2 = residuals[size:], symbols[size:]
    residuals_3, symbols_3 = residuals_2[size:], symbols_2[size:]
    quick, order, usual = codes.quick, codes.states, 2 * FIRST_STATE - 1
    # States are seen not to be negative by what they cannot be else.
    a, b, c = int(states[0]) & usual, int(states[1]) & usual, int(states[2]) & usual
    bits, count, place = int(states[LANES]), int(states[LANES + 1]), int(states[LANES + 2])
    for i in range(columns.end - columns.start - 1, -1, -1):
        one, two, three = int(symbols[i]), int(symbols_2[i]), int(symbols_3[i])
        if (quick[2 * one + 1] | quick[2 * two + 1] | quick[2 * three + 1]) < ABSENT:
            third, second, first = (
                _give(quick, three, order, c), _give(quick, two, order, b), _give(quick, one, order, a)
            )  # fmt: skip
            # Put together first, so that bits of the samples behind are waited for once.
            given = ((third.bits << second.size | second.bits) << first.size) | first.bits
            more = third.size + second.size + first.size
            a, b, c = first.state, second.state, third.state
            put = Put(0, bits << more | given, count + more, place)
        else:
            put = _put_apart(int(residuals_3[i]), three, codes, words, Put(c, bits, count, place))
            c = put.state & usual
            put = _put_apart(int(residuals_2[i]), two, codes, words, Put(b, put.bits, put.waiting, put.place))
            b = put.state & usual
            put = _put_apart(int(residuals[i]), one, codes, words, Put(a, put.bits, put.waiting, put.place))
            a = put.state & usual
        put = _emptied(words, put)
        bits, count, place = put.bits, put.waiting, put.place
    states[0], states[1], states[2] = a, b, c
    states[LANES], states[LANES + 1], states[LANES + 2] = bits, count, place


@inlined
def _write_rows(coded: Coded, y: int, step: int, codes: Codes, words: Words, states: Vector[np.int64]) -> None:
    """Spec interleaved/margins. Rows y, y + step and y + 2 * step, from the last that is read to the first."""
    shared = shared_columns(coded.margins, y, step, coded.width)
    for lane in range(LANES - 1, -1, -1):
        own = columns_inside(coded.margins, y + lane * step, coded.width)
        behind = Columns(max(own.start, shared.end), own.end)
        _write_columns(coded, y + lane * step, behind, lane, codes, words, states)
    _write_three(coded, y, step, shared, codes, words, states)
    for lane in range(LANES - 1, -1, -1):
        own = columns_inside(coded.margins, y + lane * step, coded.width)
        before = Columns(own.start, min(own.end, shared.start))
        _write_columns(coded, y + lane * step, before, lane, codes, words, states)


@kernel
def write_images(coded: Coded, image_rows: int, codes: Codes, words: Words, states: Vector[np.int64]) -> int:
    """Spec interleaved/stream. Code a plane of images from its last residual to the first.

    ``words`` has room for one more than are put; ``states`` (6,): of the lanes; bits that are not in words, how many
    they are, less than 32, and the first word in use. Returns 0.
    """
    rows = coded.margins.shape[0] // 2
    for image in range((rows - 1) // image_rows, -1, -1):
        first, end = image * image_rows, min((image + 1) * image_rows, rows)
        step = step_of(end - first)
        lane = 0 if step == 0 else LANES - 1
        for y in range(end - 1, first + LANES * step - 1, -1):
            columns = columns_inside(coded.margins, y, coded.width)
            _write_columns(coded, y, columns, lane, codes, words, states)
        for y in range(first + step - 1, first - 1, -1):
            _write_rows(coded, y, step, codes, words, states)
    return 0
