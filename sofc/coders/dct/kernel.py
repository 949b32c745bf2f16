"""The dct coder's kernel: predict, contexts, mix, code and learn, coefficient by coefficient.

zero diagonals -> predict -> expect an error -> contexts -> residual in bins -> mix -> range coder
from high down    linear     level              terms       zero, sign, unary   PAQ     binary
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.dct.kernel_prediction import (
    DIAGONALS,
    ENDS,
    LARGEST,
    MEANS,
    ORDER,
    ROWS,
    SIZE_BITS,
    SIZES,
    Component,
    Predictor,
    enter,
    enter_error,
    extent_of,
    gather,
    inverse_of,
    log,
    over,
    predicted,
    row_of,
    weighted,
)
from sofc.coders.dct.terms import CLAMP, COUNT, DiagonalTerm, Term
from sofc.entropy.adaptive import Probabilities, code_integer
from sofc.entropy.binary import BROKEN, EVEN, OK, TOO_LONG, Stream, code_bit
from sofc.entropy.contexts import BLOCK, Contexts, select_further_models, select_models
from sofc.entropy.mixing import COLUMNS, LEVELS, QUARTERS, Mixture, Votes, decide, select_weights, votes_for
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector
from sofc.jpeg.dct import SIDE, SIZE

UNARY_STEPS = 20
"""Steps of the magnitude in unary; what is beyond is coded in Elias-gamma."""
ZERO, SIGN, MAGNITUDE, DIAGONAL = 0, 1, 2, 14
"""Bins: whether the residual is 0, its sign, from here on six steps of its magnitude by sign, and whether a diagonal of
coefficients has any that is not 0."""
MAGNITUDE_BINS = 6
NUMBER_BITS = 3
"""Bits of the number of a predictor."""
STEP_LIMIT = 31
"""Steps of quantisation from here on are one to contexts."""


class BothContexts(NamedTuple):
    """Those of coefficients and those of diagonals, which share bit models."""

    coefficients: Contexts
    diagonals: Contexts


class Coding(NamedTuple):
    """What a component is coded by and to: the state that learns, and the stream."""

    mixture: Mixture
    probabilities: Probabilities
    stream: Stream


class Scratch(NamedTuple):
    """What coding a component works in: ``steps`` of coefficients (64) and mean ones of diagonals behind them, their
    ``inverses``, numbers to predict from, terms, and votes."""

    steps: Vector[np.int64]
    inverses: Vector[np.int64]
    means: Vector[np.int32]
    sizes: Vector[np.int32]
    term: Vector[np.int64]
    votes: Votes


def scratch_for(contexts: int, lanes: int, sets: int) -> Scratch:
    """Scratch for so many contexts, lanes of weights and weight sets."""
    steps, inverses = (np.zeros(SIZE + DIAGONALS, np.int64) for _ in range(2))
    means, sizes = np.zeros(MEANS, np.int32), np.zeros(SIZES, np.int32)
    return Scratch(steps, inverses, means, sizes, np.zeros(COUNT, np.int64), votes_for(contexts, lanes, sets))


@kernel
def _clamped(value: int) -> int:
    """The function C."""
    return max(-CLAMP, min(CLAMP, value)) + CLAMP


@kernel
def _ratio(value: int, inverse: int) -> int:
    """The function R: what a reference gives in steps, towards zero, clamped."""
    return _clamped(over(value, inverse) if value >= 0 else -over(-value, inverse))


@inlined
def _fill_steps(table: Vector[np.int64], scratch: Scratch) -> None:
    """Spec dct/diagonals. The steps of coefficients, the mean steps of diagonals, and their inverses."""
    for index in range(SIZE):
        scratch.steps[index] = table[index]
    for s in range(DIAGONALS):
        total = 0
        for place in range(ENDS[s + 1], ENDS[s]):
            total += table[ORDER[place]]
        scratch.steps[SIZE + s] = total // (ENDS[s] - ENDS[s + 1])
    for i in range(SIZE + DIAGONALS):
        scratch.inverses[i] = inverse_of(scratch.steps[i])


@inlined
def _fill_diagonal_terms(component: Component, row: int, column: int, s: int, scratch: Scratch) -> int:
    """Spec dct/diagonals. The terms of a diagonal of a block. Returns the loudness of what lies around it."""
    values, tails, first, second = component.values, component.tails, component.first, component.second
    term, inverse = scratch.term, scratch.inverses[SIZE + s]
    around = north = west = here = 0
    for place in range(ENDS[s + 1], ENDS[s]):
        index = ORDER[place]
        north += abs(int(values[row - 1, column, index]))
        west += abs(int(values[row, column - 1, index]))
        around += abs(int(values[row - 1, column - 1, index])) + abs(int(values[row - 1, column + 1, index]))
        here += abs(int(first[row, column, index])) + abs(int(second[row, column, index]))
    last = ORDER[ENDS[s] - 1]
    north_tail, west_tail = int(tails[row - 1, column, last]), int(tails[row, column - 1, last])
    loudness = log(over(4 * (north_tail + west_tail) + 2 * (north + west) + around, inverse))
    term[DiagonalTerm.TAIL_N], term[DiagonalTerm.TAIL_W] = log(over(north_tail, inverse)), log(over(west_tail, inverse))
    term[DiagonalTerm.AROUND] = log(over(around, inverse))
    term[DiagonalTerm.STEP] = min(scratch.steps[SIZE + s], STEP_LIMIT)
    term[DiagonalTerm.DIAGONAL] = s + 1
    term[DiagonalTerm.N], term[DiagonalTerm.W] = log(over(north, inverse)), log(over(west, inverse))
    term[DiagonalTerm.REFERENCES], term[DiagonalTerm.LOUDNESS] = log(over(here, inverse)), loudness
    return loudness


@inlined
def _code_diagonals(
    encode: bool, component: Component, row: int, column: int, contexts: Contexts, coding: Coding, scratch: Scratch
) -> int:
    """Spec dct/coefficients. From the highest frequencies down, code which diagonals of a block are zero altogether.

    Returns the place in ORDER where others begin, or TOO_LONG.
    """
    block, tails = component.coefficients[row - 1, column - 1], component.tails
    term, votes = scratch.term, scratch.votes
    term[DiagonalTerm.BLOCK_N] = log(over(int(tails[row - 1, column, 0]), scratch.inverses[0]))
    term[DiagonalTerm.BLOCK_W] = log(over(int(tails[row, column - 1, 0]), scratch.inverses[0]))
    for s in range(DIAGONALS - 1, -1, -1):
        level = min(LEVELS - 1, _fill_diagonal_terms(component, row, column, s, scratch) >> 1)
        select_models(contexts, term, votes.hashes, votes.first)
        select_weights(votes, DIAGONAL, level, s, min(COLUMNS - 1, term[DiagonalTerm.REFERENCES]))
        bit = 0
        if encode:
            for place in range(ENDS[s + 1], ENDS[s]):
                if block[ORDER[place]] != 0:
                    bit = 1
        bit = decide(encode, bit, DIAGONAL, votes.rows[0] * QUARTERS, coding.mixture, votes, coding.stream)
        if bit != 0:
            return bit if bit < 0 else ENDS[s + 1]
        if not encode:
            for place in range(ENDS[s + 1], ENDS[s]):
                block[ORDER[place]] = 0
    return SIZE


class _Predicted(NamedTuple):
    """A coefficient before it is coded: the prediction in quarters of a step (``fine``), rounded (``mu``), and which
    ``quarter``; how large an error is to be expected (``loudness``), and its ``level``."""

    fine: int
    mu: int
    quarter: int
    loudness: int
    level: int


@inlined
def _predict(index: int, row: int, predictor: Predictor, scratch: Scratch) -> _Predicted:
    """Spec dct/prediction. Predict a coefficient from the numbers that were gathered by a ``row`` of weights."""
    step, inverse = scratch.steps[index], scratch.inverses[index]
    fine = predicted(scratch.means, predictor.means[row], step, inverse)
    size = max(0, weighted(scratch.sizes, predictor.sizes[row]) >> (SIZE_BITS - 4))
    loudness = log(over(size, inverse))
    return _Predicted(fine, (fine + 2) >> 2, (fine + 2) & 3, loudness, min(LEVELS - 1, loudness >> 1))


class _Known(NamedTuple):
    """Of a block, what is known of the coefficients before this one in the order: how many are ``nonzero``, the sum of
    the sizes of their values (``tail``), the ``last`` of them and the one before it."""

    nonzero: int
    tail: int
    last: int
    before_last: int


@inlined
def _fill_terms(
    component: Component, row: int, column: int, index: int, found: _Predicted, known: _Known, scratch: Scratch
) -> None:
    """Spec dct/terms-of-coefficients. The terms of a coefficient."""
    term, z, inverse = scratch.term, scratch.sizes, scratch.inverses[index]
    coefficients = component.coefficients
    block = coefficients[row - 1, column - 1]
    u, v = index >> 3, index & 7
    has_lower, has_right = u < SIDE - 1, v < SIDE - 1
    term[Term.INDEX], term[Term.DIAGONAL], term[Term.STEP] = index, u + v, min(scratch.steps[index], STEP_LIMIT)
    term[Term.MU], term[Term.QUARTER] = _clamped(found.mu), found.quarter
    term[Term.FINE] = max(-2 * CLAMP, min(2 * CLAMP, found.fine)) + 2 * CLAMP
    term[Term.LEVEL], term[Term.LOUDNESS] = found.level, found.loudness
    term[Term.N] = _clamped(int(coefficients[row - 2, column - 1, index]) if row > 1 else 0)
    term[Term.W] = _clamped(int(coefficients[row - 1, column - 2, index]) if column > 1 else 0)
    term[Term.LOWER] = _clamped(int(block[index + SIDE]) if has_lower else 0)
    term[Term.RIGHT] = _clamped(int(block[index + 1]) if has_right else 0)
    term[Term.LOWER_RIGHT] = _clamped(int(block[index + SIDE + 1]) if has_lower and has_right else 0)
    term[Term.P] = _ratio(int(component.first[row, column, index]), inverse)
    term[Term.Q] = _ratio(int(component.second[row, column, index]), inverse)
    term[Term.NONZERO], term[Term.TAIL] = known.nonzero, log(over(known.tail, inverse))
    term[Term.TAIL_N], term[Term.TAIL_W] = log(over(int(z[14]), inverse)), log(over(int(z[15]), inverse))
    term[Term.LAST], term[Term.BEFORE_LAST] = _clamped(known.last), _clamped(known.before_last)
    term[Term.AROUND] = log(over(2 * (int(z[1]) + int(z[2])) + int(z[3]) + int(z[4]), inverse))
    term[Term.BESIDE] = log(over(int(z[7]) + int(z[8]) + int(z[9]), inverse))
    term[Term.REFERENCES] = log(over(int(z[16]) + int(z[17]), inverse))


class _Residual(NamedTuple):
    """A residual, or a ``status`` that is not OK."""

    status: int
    residual: int


@inlined
def _wanted(residual: int, decision: int, step: int) -> int:
    """The bit that an encoder wants to say."""
    if decision == ZERO:
        return 1 if residual != 0 else 0
    if decision == SIGN:
        return 1 if residual > 0 else 0
    return 1 if abs(residual) - 1 > step else 0


@inlined
def _code_residual(
    encode: bool, residual: int, column: int, found: _Predicted, contexts: Contexts, coding: Coding, scratch: Scratch
) -> _Residual:
    """Spec dct/coefficients. Code what a coefficient differs from mu; ``column``: which rows of the third weight set
    have a say."""
    votes, index = scratch.votes, scratch.term[Term.INDEX]
    decision, sign, step = ZERO, 0, 0
    while True:
        refined = found.quarter
        if step >= MAGNITUDE_BINS - 1:
            # The last bins serve many steps, which these tell apart.
            beyond = step - MAGNITUDE_BINS + 1
            column, refined = QUARTERS * beyond + found.quarter, beyond >> 2
        select_weights(votes, decision, found.level, index, column)
        bit = _wanted(residual, decision, step) if encode else 0
        bit = decide(encode, bit, decision, votes.rows[0] * QUARTERS + refined, coding.mixture, votes, coding.stream)
        if bit < 0:
            return _Residual(bit, 0)
        if decision == ZERO:
            if bit == 0:
                return _Residual(OK, 0)
            decision = SIGN
            continue
        if decision == SIGN:
            sign = bit
        elif bit:
            step += 1
        else:
            break
        if step >= UNARY_STEPS:
            rest = code_integer(encode, abs(residual) - 1 - UNARY_STEPS, 0, coding.probabilities, coding.stream)
            if rest < 0:
                return _Residual(rest, 0)
            step += rest
            break
        before = decision
        decision = MAGNITUDE + sign + 2 * min(step, MAGNITUDE_BINS - 1)
        if before < BLOCK <= decision:
            select_further_models(contexts, votes.hashes, votes.first)
    return _Residual(OK, step + 1 if sign else -(step + 1))


@inlined
def _code_number(encode: bool, number: int, stream: Stream) -> int:
    """Spec dct/coefficients. The number of a predictor, the highest of its bits first. It, or TOO_LONG."""
    found = 0
    for shift in range(NUMBER_BITS - 1, -1, -1):
        bit = code_bit(encode, (number >> shift) & 1, EVEN, stream)
        if bit < 0:
            return bit
        found = 2 * found + bit
    return found


@kernel
def code_blocks(
    encode: bool,
    component: Component,
    predictor: Predictor,
    number: int,
    contexts: BothContexts,
    coding: Coding,
    scratch: Scratch,
) -> int:
    """Spec dct/coefficients. Code which predictor serves a component, and its coefficients; when decoding they are
    filled.

    ``number``: the predictor, which an encoder chooses. ``values``, ``tails`` and ``errors`` of ``component`` are zeros
    and are filled, too. Returns OK, TOO_LONG or BROKEN.
    """
    predictors = predictor.means.shape[0] // ROWS
    number = _code_number(encode, number, coding.stream)
    if number >= predictors:
        return BROKEN
    if number < 0:
        return TOO_LONG
    _fill_steps(component.table, scratch)
    for row in range(1, component.coefficients.shape[0] + 1):
        for column in range(1, component.coefficients.shape[1] + 1):
            block = component.coefficients[row - 1, column - 1]
            start = _code_diagonals(encode, component, row, column, contexts.diagonals, coding, scratch)
            if start < 0:
                return TOO_LONG
            extent = extent_of(start)
            known = _Known(0, 0, 0, 0)
            for place in range(start, SIZE):
                index = ORDER[place]
                component.tails[row, column, index] = known.tail
                gather(component, row, column, index, scratch.means, scratch.sizes)
                found = _predict(index, row_of(index, extent, number, predictors), predictor, scratch)
                _fill_terms(component, row, column, index, found, known, scratch)
                select_models(contexts.coefficients, scratch.term, scratch.votes.hashes, scratch.votes.first)
                residual = int(block[index]) - found.mu if encode else 0
                across = min(COLUMNS // QUARTERS - 1, known.nonzero) * QUARTERS + found.quarter
                coded = _code_residual(encode, residual, across, found, contexts.coefficients, coding, scratch)
                if coded.status != OK:
                    return coded.status
                value = found.mu + coded.residual
                if abs(value) > LARGEST:
                    return BROKEN
                block[index] = value
                tail = enter(component, row, column, index, known.tail)
                enter_error(component, row, column, index, found.fine)
                known = _Known(known.nonzero + (1 if value != 0 else 0), tail, value, known.last)
    return OK
