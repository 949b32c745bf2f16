"""The dct coder's kernel: predict, contexts, mix, code and learn, coefficient by coefficient.

coded diagonals -> predict -> expect an error -> contexts -> category, sign -> mix -> range coder
from high down     linear     level              terms       in bins           PAQ     binary
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.dct.kernel_network import Forecast, Known, consult, fill_inputs, said
from sofc.coders.dct.kernel_plain import MOST_PLAIN, code_low_bits, code_plain_category
from sofc.coders.dct.kernel_prediction import (
    DIAGONALS,
    ENDS,
    LARGEST,
    ORDER,
    ROWS,
    SIZE_BITS,
    Component,
    Predicted,
    Predictor,
    begin,
    enter,
    enter_error,
    extent_of,
    inverse_of,
    log,
    over,
    predicted,
    referred,
    row_of,
    start_of,
    weighted_around,
    within,
)
from sofc.coders.dct.kernel_sizes import Ahead, expected_size, look_ahead, size_around, size_beside, turn_weights
from sofc.coders.dct.terms import CLAMP, COUNT, FURTHER, BlockTerm, Term
from sofc.entropy.binary import BROKEN, OK, Stream, code_bypass
from sofc.entropy.bit_models import code_integer
from sofc.entropy.contexts import BLOCK, Contexts, select_further_models, select_models
from sofc.entropy.digits import bit_length
from sofc.entropy.mixing import (
    COLUMN_ROWS,
    COLUMNS,
    LEVELS,
    PLACE_ROWS,
    PLACES,
    QUARTERS,
    Mixture,
    Votes,
    decide_unrefined,
    select_weights,
    votes_for,
)
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector
from sofc.jpeg.dct import SIDE, SIZE
from sofc.prediction.network import is_there

MOST_MIXED = 5
"""The last category of mixed coefficients: an integer says how far beyond it begins they are."""
ZERO, SIGN, CATEGORY, BLOCK_BIN = 0, 1, 2, 15
"""Bins: whether the residual is 0, its sign, from here on whether its category is beyond 1, 2 (by sign), 3 and 4, and
how many diagonals of a block are coded."""
SIGNED = 3
"""Categories from here on are told by bins of both signs."""
END_BITS = 4
"""Bits of the number of coded diagonals."""
ENDS_TOLD = 16
"""Rows of weights for each bit of that number."""
NUMBER_BITS, DIAGONAL_BITS, LEVEL_BITS = 3, 4, 4
"""Bits of the number of a predictor, of that of the diagonals it serves, and of the level from which coefficients are
plain."""
BEYOND = 1 << 40
"""A residual that is none: it leads beyond all coefficients."""
STEP_LIMIT = 31
"""Steps of quantisation from here on are one to contexts."""
LOWEST_AC, MIDDLE = 1, 17
"""Coefficients up to which sizes are added up for the terms of a block."""


class BothContexts(NamedTuple):
    """Those of coefficients and those of blocks, which share bit models."""

    coefficients: Contexts
    blocks: Contexts


class Coding(NamedTuple):
    """What a component is coded by and to: the state that learns, and the stream; ``changed``: marks of the blocks of
    contexts that learn."""

    mixture: Mixture
    plain: Vector[np.uint32]
    stream: Stream
    changed: Vector[np.uint8]


class Choices(NamedTuple):
    """What an encoder chooses for a component: the ``number`` of the predictor that serves it, how many ``diagonals``
    it serves, and the ``level`` from which coefficients are plain."""

    number: int
    diagonals: int
    level: int


class Scratch(NamedTuple):
    """What coding a component works in: ``inverses`` of its steps (64), sums to predict sizes from, terms, and
    votes."""

    inverses: Vector[np.int64]
    ahead: Ahead
    term: Vector[np.int64]
    votes: Votes
    forecast: Forecast


def scratch_for(votes: tuple[int, int, int], forecast: Forecast) -> Scratch:
    """Scratch for so many contexts, lanes of weights and weight sets, and what a network works in."""
    return Scratch(np.zeros(SIZE, np.int64), Ahead.of_block(), np.zeros(COUNT, np.int64), votes_for(*votes), forecast)


@inlined
def _mark(models: Vector[np.uint32], changed: Vector[np.uint8]) -> None:
    """Mark the blocks that begin with these models."""
    for i in range(models.shape[0]):
        changed[models[i] // BLOCK] = 1


@inlined
def _clamped(value: int) -> int:
    """The function C."""
    return max(-CLAMP, min(CLAMP, value)) + CLAMP


@inlined
def _ratio(value: int, inverse: int) -> int:
    """The function R: what a reference gives in steps, towards zero, clamped."""
    sign = value >> 63
    return _clamped((over((value ^ sign) - sign, inverse) ^ sign) - sign)


@kernel
def _reached(block: Vector[np.int32], table: Vector[np.int64]) -> int:
    """Spec dct/coded-diagonals. Diagonals up to the highest on which a reference gives half a step or more."""
    most = np.int64(-1)
    for k in range(SIZE):
        most = max(most, 2 * abs(np.int64(block[k])) - table[k])
    if most < 0:
        return 0
    for s in range(DIAGONALS - 1, -1, -1):
        for place in range(ENDS[s + 1], ENDS[s]):
            if 2 * abs(int(block[ORDER[place]])) >= table[ORDER[place]]:
                return s + 1
    return 0


@inlined
def _fill_block_terms(component: Component, row: int, column: int, scratch: Scratch) -> None:
    """Spec dct/coded-diagonals. The terms of a block."""
    tails, ends, term = component.around.tails, component.around.ends, scratch.term
    first, second = component.first, component.second
    of_first = first[within(row, first.shape[0]), within(column, first.shape[1])]
    of_second = second[within(row, second.shape[0]), within(column, second.shape[1])]
    here, inverse = row & 1, scratch.inverses[LOWEST_AC]
    above = here ^ 1
    north, west, north_west, north_east = (
        ends[above, column],
        ends[here, column - 1],
        ends[above, column - 1],
        ends[above, column + 1],
    )
    references = 0
    for k in range(1, SIZE):
        references += abs(int(of_first[k])) + abs(int(of_second[k]))
    north_tail, west_tail = int(tails[above, column, LOWEST_AC]), int(tails[here, column - 1, LOWEST_AC])
    around = int(tails[above, column - 1, LOWEST_AC]) + int(tails[above, column + 1, LOWEST_AC])
    high = int(tails[above, column, MIDDLE]) + int(tails[here, column - 1, MIDDLE])
    term[BlockTerm.BLOCK], term[BlockTerm.STEP] = SIZE, min(component.table[0], STEP_LIMIT)
    term[BlockTerm.N], term[BlockTerm.W] = north, west
    term[BlockTerm.NW], term[BlockTerm.NE] = north_west, north_east
    term[BlockTerm.P], term[BlockTerm.Q] = _reached(of_first, component.table), _reached(of_second, component.table)
    term[BlockTerm.MEAN] = 2 * (north + west) + north_west + north_east
    term[BlockTerm.TAIL_N], term[BlockTerm.TAIL_W] = log(over(north_tail, inverse)), log(over(west_tail, inverse))
    term[BlockTerm.SUM], term[BlockTerm.AROUND] = log(over(north_tail + west_tail, inverse)), log(over(around, inverse))
    term[BlockTerm.HIGH] = log(over(high, scratch.inverses[MIDDLE]))
    term[BlockTerm.REFERENCES] = log(over(references, inverse))


@inlined
def _code_end(
    encode: bool, component: Component, row: int, column: int, contexts: Contexts, coding: Coding, scratch: Scratch
) -> int:
    """Spec dct/coded-diagonals. Code how many diagonals of a block are coded, the highest bit first.

    Returns that number.
    """
    block, votes, term = component.coefficients[row - 1, column - 1], scratch.votes, scratch.term
    _fill_block_terms(component, row, column, scratch)
    select_models(contexts, term, votes.hashes, votes.first)
    _mark(votes.first, coding.changed)
    around, reached = (term[BlockTerm.N] + term[BlockTerm.W] + 1) >> 1, term[BlockTerm.P]
    end = 0
    if encode:
        start = start_of(block)
        for s in range(DIAGONALS):
            end += 1 if ENDS[s] > start else 0
    node = 1
    for depth in range(END_BITS):
        if depth == END_BITS - 1:
            select_further_models(contexts, votes.hashes, votes.first)
            _mark(votes.first, coding.changed)
        votes.rows[0] = BLOCK_BIN * LEVELS + node
        votes.rows[1] = PLACE_ROWS + BLOCK_BIN * PLACES + depth * ENDS_TOLD + around
        votes.rows[2] = COLUMN_ROWS + BLOCK_BIN * COLUMNS + depth * ENDS_TOLD + reached
        bit = (end >> (END_BITS - 1 - depth)) & 1
        node = 2 * node + decide_unrefined(encode, bit, node, coding.mixture, votes, coding.stream)
    end = node - (1 << END_BITS)
    component.around.ends[row & 1, column] = end
    if not encode:
        for index in range(SIZE):
            block[index] = 0
    return end


@inlined
def _expect(fine: int, total: int, inverse: int) -> Predicted:
    """Spec dct/prediction. What is expected of a coefficient of which ``fine`` is the prediction and ``total`` the sum
    of sizes."""
    expected = log(over(max(0, total >> (SIZE_BITS - 4)), inverse))
    return Predicted(fine, (fine + 2) >> 2, (fine + 2) & 3, expected, min(LEVELS - 1, expected >> 1))


@inlined
def _fill_terms(
    component: Component, row: int, column: int, index: int, found: Predicted, known: Known, scratch: Scratch
) -> None:
    """Spec dct/terms-of-coefficients. The terms of a coefficient."""
    term, inverse = scratch.term, scratch.inverses[index]
    coefficients = component.coefficients
    first, second = referred(component.first, row, column, index), referred(component.second, row, column, index)
    term[Term.INDEX], term[Term.DIAGONAL] = index, (index >> 3) + (index & 7)
    term[Term.STEP] = min(component.table[index], STEP_LIMIT)
    term[Term.MU], term[Term.EXPECTED] = _clamped(found.mu), found.expected
    term[Term.FINE] = max(-2 * CLAMP, min(2 * CLAMP, found.fine)) + 2 * CLAMP
    term[Term.N] = _clamped(int(coefficients[row - 2, column - 1, index]) if row > 1 else 0)
    term[Term.W] = _clamped(int(coefficients[row - 1, column - 2, index]) if column > 1 else 0)
    term[Term.P], term[Term.Q] = _ratio(first, inverse), _ratio(second, inverse)
    term[Term.NONZERO], term[Term.TAIL] = known.nonzero, log(over(known.tail, inverse))
    term[Term.REFERENCES] = log(over(abs(first) + abs(second), inverse))
    if scratch.votes.first.shape[0] > FURTHER:
        term[Term.LAST], term[Term.BEFORE_LAST] = _clamped(known.last), _clamped(known.before_last)
        term[Term.AROUND] = log(over(size_around(component.around, row, column, index), inverse))
        term[Term.BESIDE] = log(over(size_beside(component.around, row, column, index), inverse))


@inlined
def _code_mixed_category(
    encode: bool, residual: int, index: int, found: Predicted, nonzero: int, coding: Coding, scratch: Scratch
) -> int:
    """Spec dct/coefficients. The category of a residual, with its sign, by mixed decisions."""
    votes, forecast = scratch.votes, scratch.forecast
    forecasts = is_there(forecast.network)
    wanted = bit_length(abs(residual))
    column = min(COLUMNS // QUARTERS - 1, nonzero) * QUARTERS + found.quarter
    decision, positive, category = ZERO, 0, 0
    while True:
        select_weights(votes, decision, found.level, index, column)
        if forecasts:
            votes.stretched[votes.first.shape[0]] = said(forecast, decision)
        bit = 1 if (residual > 0 if decision == SIGN else wanted > category) else 0
        bit = decide_unrefined(encode, bit, decision, coding.mixture, votes, coding.stream)
        if decision == ZERO:
            if bit == 0:
                return 0
            decision = SIGN
            continue
        if decision == SIGN:
            positive = bit
        elif bit == 0:
            break
        category += 1
        if category == MOST_MIXED:
            break
        decision = CATEGORY * category + positive if category < SIGNED else SIGNED + category
    return category if positive else -category


@inlined
def _code_residual(encode: bool, residual: int, coded: int, plain: bool, mu: int, coding: Coding) -> int:
    """Spec dct/coefficients. Code the rest of a residual of which the category, with the sign, was ``coded``. Returns
    the residual, of size BEYOND where the stream says none."""
    if coded == 0:
        return 0
    category, size = abs(coded), abs(residual)
    if category == 1:
        size = 1
    most = MOST_PLAIN if plain else MOST_MIXED
    if category == most:
        least = 1 << (most - 1)
        size = code_integer(encode, size - least, 0, coding.plain, coding.stream)
        size = size + least if size >= 0 else BEYOND
    elif category > 1:
        towards = -mu if coded > 0 else mu
        size = code_low_bits(encode, size, category, towards, coding.mixture.models, coding.stream)
    return size if coded > 0 else -size


@kernel
def code_blocks(
    encode: bool,
    component: Component,
    predictor: Predictor,
    choices: Choices,
    contexts: BothContexts,
    coding: Coding,
    scratch: Scratch,
) -> int:
    """Spec dct/coefficients. Code what an encoder chose for a component, and its coefficients; when decoding they are
    filled.

    ``values`` and ``around`` of ``component`` are zeros and are filled, too. Returns OK or BROKEN.
    """
    predictors = predictor.means.shape[0] // ROWS
    number = code_bypass(encode, choices.number, NUMBER_BITS, coding.stream)
    diagonals = code_bypass(encode, choices.diagonals, DIAGONAL_BITS, coding.stream)
    level = code_bypass(encode, choices.level, LEVEL_BITS, coding.stream)
    if number >= predictors:
        return BROKEN
    for index in range(SIZE):
        scratch.inverses[index] = inverse_of(component.table[index])
    votes, ahead, first_predicted = scratch.votes, scratch.ahead, ENDS[diagonals]
    forecasts = is_there(scratch.forecast.network)
    turn_weights(predictor, number, ahead)
    for row in range(1, component.coefficients.shape[0] + 1):
        for column in range(1, component.coefficients.shape[1] + 1):
            block = component.coefficients[row - 1, column - 1]
            begin(component.around, row, column)
            if forecasts:
                votes.stretched[votes.first.shape[0]] = 0
            end = _code_end(encode, component, row, column, contexts.blocks, coding, scratch)
            extent = extent_of(ENDS[end])
            of_sizes = ahead.weights[extent]
            look_ahead(component, row, column, min(SIDE, end), of_sizes, ahead)
            known = Known(0, 0, 0, 0)
            for place in range(ENDS[end], SIZE):
                index = int(ORDER[place])
                inverse = scratch.inverses[index]
                fine = 0
                if place >= first_predicted:
                    means = predictor.means[row_of(index, extent, number, predictors)]
                    total = weighted_around(component, row, column, index, means)
                    fine = predicted(total, component.table[index], inverse)
                size = expected_size(component, row, column, index, known.tail, of_sizes, ahead)
                found = _expect(fine, size, inverse)
                residual = int(block[index]) - found.mu if encode else 0
                plain = found.level >= level
                if plain:
                    models, stream = coding.mixture.models, coding.stream
                    coded = code_plain_category(encode, residual, index, found, models, stream)
                else:
                    _fill_terms(component, row, column, index, found, known, scratch)
                    select_models(contexts.coefficients, scratch.term, votes.hashes, votes.first)
                    _mark(votes.first, coding.changed)
                    if forecasts:
                        fill_inputs(scratch.forecast, component, row, column, index, found, known, inverse)
                        consult(scratch.forecast, index, residual)
                    coded = _code_mixed_category(encode, residual, index, found, known.nonzero, coding, scratch)
                value = found.mu + _code_residual(encode, residual, coded, plain, found.mu, coding)
                if abs(value) > LARGEST:
                    return BROKEN
                block[index] = value
                tail = enter(component, row, column, index, known.tail)
                enter_error(component, row, column, index, found.fine)
                known = Known(known.nonzero + (1 if value != 0 else 0), tail, value, known.last)
    return OK
