"""Spec interleaved/stream: residuals as tokens of range asymmetric numeral systems with 62-bit states, 32-bit words.

A token is a residual of -DIRECT .. DIRECT, or a range of larger ones, of which plain bits follow, or an escape, after
which any residual follows in plain bits. Three states share one sequence of words.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.arithmetic import high_product
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector

LANES = 3
"""Stripes that are decoded side by side, each with a state."""
SCALE_BITS = 10
"""The frequencies of a context add up to 2**SCALE_BITS."""
TOKEN_BITS = 6
DIRECT = 15
LAST_DIRECT = 2 * DIRECT
ESCAPE = 63
ESCAPE_BITS = 16
"""Plain bits of each half of an escaped residual."""
FIRST_BITS = 2
"""Plain bits of the first ranges, those next to +-DIRECT; each has one more than the one before."""
LOW_BITS = 30
LOW = 1 << LOW_BITS
"""States are LOW .. 2**62 - 1."""
WORD_BITS = 32
NO_SIGN = (1 << 63) - 1
"""An index with this is seen not to be negative: nothing is to be done for those that count from the end."""

CELLS = 128
STRIPED_ROWS = 96
"""Images of fewer rows are one stripe."""

Words = Vector[np.uint32]
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


class Position(NamedTuple):
    """A state, and how many words were taken."""

    state: int
    place: int


class Taken(NamedTuple):
    """What was decoded, and the position after it."""

    value: int
    position: Position


class Distributions(NamedTuple):
    """``tokens``: the context of each of the CELLS cells; then by context the token of each of the 2**SCALE_BITS slots.
    ``codes``: by context, of each of the 64 tokens its frequency and its first slot."""

    tokens: Vector[np.uint8]
    codes: Vector[np.uint16]


@inlined
def step_of(rows: int) -> int:
    """Spec interleaved/neighbours. Rows of each stripe of an image, 0 where there is but one."""
    return rows // LANES if rows >= STRIPED_ROWS else 0


@inlined
def _refilled(words: Words, position: Position) -> Position:
    """Spec interleaved/stream. Take a word into a state that is low."""
    state, place = position.state, position.place
    if state < LOW:
        state = (state << WORD_BITS) | (int(words[place]) if place < words.shape[0] else 0)
        place += 1
    return Position(state, place)


@inlined
def _take_rest(token: int, words: Words, position: Position) -> Taken:
    """Spec interleaved/stream. The residual of a token that plain bits follow."""
    state, mask = position.state, (1 << ESCAPE_BITS) - 1
    if token == ESCAPE:
        half = _refilled(words, Position(state >> ESCAPE_BITS, position.place))
        folded = (state & mask) | ((half.state & mask) << ESCAPE_BITS)
        return Taken((folded >> 1) ^ -(folded & 1), Position(half.state >> ESCAPE_BITS, half.place))
    number = (token - LAST_DIRECT - 1) >> 1
    bits = number + FIRST_BITS
    size = DIRECT + 1 + (1 << bits) - (1 << FIRST_BITS) + (state & ((1 << bits) - 1))
    return Taken(-size if (token & 1) == 0 else size, Position(state >> bits, position.place))


@inlined
def take_residual(cell: int, farthest: int, words: Words, position: Position, distributions: Distributions) -> Taken:
    """Spec interleaved/stream. The next residual of a cell, more by DIRECT; those beyond ``farthest`` are cut there, as
    they lead out of any range."""
    state, place = position.state, position.place
    context = int(distributions.tokens[cell])
    slot = state & ((1 << SCALE_BITS) - 1)
    token = int(distributions.tokens[(context << SCALE_BITS) + slot + CELLS])
    code = ((context << TOKEN_BITS) + token) * 2
    frequency, first = int(distributions.codes[code]), int(distributions.codes[code + 1])
    state = frequency * (state >> SCALE_BITS) + slot - first
    value = token
    if token > LAST_DIRECT:
        rest = _take_rest(token, words, Position(state, place))
        state, place = rest.position.state, rest.position.place
        value = max(-farthest, min(farthest, rest.value)) + DIRECT
    return Taken(value, _refilled(words, Position(state, place)))


class Codes(NamedTuple):
    """What tokens are coded by, at context << TOKEN_BITS | token. ``quick``: frequency << FREQUENCY_AT | first slot <<
    FIRST_AT | width, where frequency - 1 has so many bits; 0 where plain bits follow a token, or an escape stands for
    it. ``every``: the same of all tokens. ``reciprocals``: as ``reciprocal_of`` gives them."""

    quick: Vector[np.int64]
    every: Vector[np.int64]
    reciprocals: Vector[np.int64]


FREQUENCY_AT, FIRST_AT = LOW_BITS + WORD_BITS - SCALE_BITS, 6
"""As high as that frequencies without what is below them bound the states to which a token can be added."""
BOUND_MASK, FIRST_MASK, WIDTH_MASK = -1 << FREQUENCY_AT, (1 << SCALE_BITS) - 1, (1 << FIRST_AT) - 1


def reciprocal_of(frequency: int) -> int:
    """2^(62 + width) / frequency, rounded up, where frequency - 1 has ``width`` bits: by it a division of numbers below
    frequency << 52 is a product (Granlund and Montgomery, PLDI 1994, theorem 4.2). Frequencies are 1 to 1024."""
    return -(-(1 << (62 + (frequency - 1).bit_length())) // frequency)


@inlined
def _put_token(state: int, code: int, reciprocal: int) -> int:
    """Spec interleaved/stream. The state from which a token is decoded that leaves ``state``."""
    quotient = high_product(4 * state, reciprocal) >> (code & WIDTH_MASK)
    first = (code >> FIRST_AT) & FIRST_MASK
    return int(state + first + quotient * ((1 << SCALE_BITS) - (code >> FREQUENCY_AT)))


@inlined
def _emptied(words: Words, position: Position, bound: int) -> Position:
    """Spec interleaved/stream. Put a word of a state that is not below a bound: processors cannot tell which is, so
    that it is put in any case and kept in some."""
    state, place = position.state, position.place
    words[(place - 1) & NO_SIGN] = state & 0xFFFFFFFF
    is_high = 1 if state >= bound else 0
    return Position(state >> (WORD_BITS * is_high), place - is_high)


@kernel
def _put_rest(residual: int, symbol: int, codes: Codes, words: Words, position: Position) -> Position:
    """Spec interleaved/stream. Code a residual whose token plain bits follow; ``symbol``: any of its context."""
    size, first = abs(residual), symbol & -(1 << TOKEN_BITS)
    token, bits, plain = residual + DIRECT, 0, 0
    if size > DIRECT:
        bits = FIRST_BITS
        while size >= DIRECT + 1 + (2 << bits) - (1 << FIRST_BITS):
            bits += 1
        plain = size - (DIRECT + 1 + (1 << bits) - (1 << FIRST_BITS))
        token = min(ESCAPE, LAST_DIRECT + 1 + 2 * (bits - FIRST_BITS) + (1 if residual < 0 else 0))
    if token == ESCAPE or codes.every[first + token] == 0:
        token, bits = ESCAPE, ESCAPE_BITS
        plain = 2 * residual if residual >= 0 else -2 * residual - 1
        position = _emptied(words, position, LOW << (WORD_BITS - ESCAPE_BITS))
        position = Position((position.state << ESCAPE_BITS) | (plain >> ESCAPE_BITS), position.place)
        plain &= (1 << ESCAPE_BITS) - 1
    code = int(codes.every[first + token])
    position = _emptied(words, position, (code & BOUND_MASK) >> bits)
    state = _put_token((position.state << bits) | plain, code, int(codes.reciprocals[first + token]))
    return Position(state, position.place)


@inlined
def _put(residual: int, symbol: int, codes: Codes, words: Words, position: Position) -> Position:
    """Spec interleaved/stream. Code a residual before what was coded; words are filled from their end."""
    code = int(codes.quick[symbol])
    if code == 0:
        return _put_rest(residual, symbol, codes, words, position)
    position = _emptied(words, position, code & BOUND_MASK)
    return Position(_put_token(position.state, code, int(codes.reciprocals[symbol])), position.place)


class Coded(NamedTuple):
    """What samples of a plane of images are coded as, in the order of rows (rows * width,): ``residuals``, and
    ``symbols``, context << TOKEN_BITS | token, where ESCAPE stands for all tokens that plain bits follow. ``margins``
    (2 * rows,)."""

    residuals: Vector[np.int32]
    symbols: Vector[np.uint16]
    margins: Margins
    width: int


@inlined
def _write_columns(
    coded: Coded, y: int, columns: Columns, lane: int, codes: Codes, words: Words, states: Vector[np.int64]
) -> None:
    """Spec interleaved/stream. Code columns of a row, the last first."""
    start, position = y * coded.width + columns.start, Position(int(states[lane]), int(states[LANES]))
    residuals, symbols = coded.residuals[start:], coded.symbols[start:]
    for i in range(columns.end - columns.start - 1, -1, -1):
        position = _put(int(residuals[i]), int(symbols[i]), codes, words, position)
    states[lane], states[LANES] = position.state, position.place


@inlined
def _write_three(
    coded: Coded, y: int, step: int, columns: Columns, codes: Codes, words: Words, states: Vector[np.int64]
) -> None:
    """Spec interleaved/stream. The same of rows y, y + step and y + 2 * step in turn."""
    start, size = y * coded.width + columns.start, step * coded.width
    residuals, symbols = coded.residuals[start:], coded.symbols[start:]
    residuals_2, symbols_2 = residuals[size:], symbols[size:]
    residuals_3, symbols_3 = residuals_2[size:], symbols_2[size:]
    a, b, c, place = int(states[0]), int(states[1]), int(states[2]), int(states[LANES])
    for i in range(columns.end - columns.start - 1, -1, -1):
        put = _put(int(residuals_3[i]), int(symbols_3[i]), codes, words, Position(c, place))
        c, place = put.state, put.place
        put = _put(int(residuals_2[i]), int(symbols_2[i]), codes, words, Position(b, place))
        b, place = put.state, put.place
        put = _put(int(residuals[i]), int(symbols[i]), codes, words, Position(a, place))
        a, place = put.state, put.place
    states[0], states[1], states[2], states[LANES] = a, b, c, place


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

    ``words`` has room for one more than are put; ``states`` (4,): of the lanes, and the first word in use. Returns 0.
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
