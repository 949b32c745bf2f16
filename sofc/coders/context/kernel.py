"""The context coder's kernels: predict, correct, look up, mix, code and learn, sample by sample.

predict -> correct -> expect an error -> contexts -> (match?) -> residual in bins -> mix -> range coder
bank       online LS  level              terms       memory      zero, sign, unary   PAQ     binary
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.context import kernel_match as match
from sofc.coders.context.kernel_network import (
    Expected,
    Forecast,
    Spread,
    chance,
    code_forecast_bits,
    fill_inputs,
    forecast_of,
    forecast_sample,
    mass_beyond,
    mass_but_for_mu,
    mass_of_all,
    stretched,
)
from sofc.coders.context.terms import CLAMP, COUNT, LAST_NEAR, LAST_NEAR_ALONE, LAST_VALUE, LAST_VALUE_ALONE, Term
from sofc.entropy.binary import BROKEN, OK, Stream, code_bypass
from sofc.entropy.bit_models import INTEGER_MODELS, code_by_model, code_digits, code_integer
from sofc.entropy.contexts import BLOCK, Contexts, select_further_models, select_models
from sofc.entropy.mixing import LEVELS, QUARTERS, Mixture, Votes, decide, select_weights, votes_for
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector
from sofc.prediction.bank import (
    FIRST,
    FRACTION_BITS,
    GRID,
    PAD,
    SECOND,
    Bank,
    Neighbourhood,
    Traced,
    classify,
    close_row,
    expected_error,
    gather,
    log_error,
    open_sample,
    predict,
    tap_scratch,
)
from sofc.prediction.median_edge import median_edge
from sofc.prediction.network import NO_NETWORK, Network, is_there
from sofc.prediction.online import Stripes, correct, note, stripes_of

UNARY_STEPS = 24
"""Steps of the magnitude in unary; what is beyond is coded in Elias-gamma."""
ZERO, SIGN, MAGNITUDE = 0, 1, 2
"""Bins: whether the residual is 0, its sign, and from here on seven steps of its magnitude by sign."""
MAGNITUDE_BINS = 7
NETWORK_LOW_BITS = 2
"""Low bits more where the network is asked: Fashion-MNIST takes 0.6 % less than with none and 0.2 % less than with
all, and time. (2,000 training images, 334 others.)"""
LEARNED_LOW = 3
"""So many of the low bits of a magnitude, the highest, are coded by bit models."""
LOW_MODELS = LEVELS * 8 * 2 << LEARNED_LOW
"""Bit models of the low bits: by level, step, sign and the bits above."""
FIRST_INTEGER = LOW_MODELS
FIRST_MATCH = FIRST_INTEGER + INTEGER_MODELS
PLAIN_MODELS = FIRST_MATCH + LEVELS * match.MODELS
"""Bit models of a plane that are not mixed."""
HALF = 1 << (FRACTION_BITS - 1)


class Settings(NamedTuple):
    """How one plane is coded beyond its bank.

    ``adapts``, ``matches``: whether predictions are corrected, and the match model asked. ``shift``: scale of the
    plane's differences. ``level_of`` (EXPECTED,): level of each expected error. ``low_bits`` (LEVELS,): bits of the
    magnitude below the unary part.
    """

    adapts: int
    matches: int
    shift: int
    level_of: Vector[np.int64]
    low_bits: Vector[np.int64]


class Scratch(NamedTuple):
    """What coding a plane works in: taps, terms, votes, the last error in each column, the correction's state, the
    memory, and the network with what it says."""

    values: Vector[np.int32]
    term: Vector[np.int64]
    last_errors: Vector[np.int64]
    votes: Votes
    stripes: Stripes
    memory: Vector[np.int64]
    forecast: Forecast


def scratch_for(
    shape: tuple[int, ...], votes: tuple[int, int, int], settings: Settings, network: Network = NO_NETWORK
) -> Scratch:
    """Scratch for a plane of a shape; ``votes``: contexts, lanes and weight sets."""
    rows, width = shape
    return Scratch(
        values=tap_scratch(),
        term=np.zeros(COUNT, np.int64),
        last_errors=np.zeros(width, np.int64),
        votes=votes_for(*votes),
        stripes=stripes_of(width if settings.adapts else 0),
        memory=match.empty_memory(rows * width if settings.matches else 0),
        forecast=forecast_of(network),
    )


class Coding(NamedTuple):
    """What a plane is coded by and to: the contexts, the state that learns, and the stream."""

    contexts: Contexts
    mixture: Mixture
    plain: Vector[np.uint32]
    stream: Stream


@inlined
def _clamped(value: int, limit: int) -> int:
    """A term of two's complement 16 bits."""
    return max(-limit, min(limit, value)) & 0xFFFF


@inlined
def _fill_near_terms(term: Vector[np.int64], values: Vector[np.int32], references: int, median: int) -> None:
    """Spec context/terms. Terms that are near the prediction, and plain values, before they are scaled."""
    w, n, nw, ne = int(values[0]), int(values[1]), int(values[2]), int(values[3])
    ww, nn, nne = int(values[4]), int(values[5]), int(values[9])
    term[Term.W], term[Term.N], term[Term.NW], term[Term.NE] = w, n, nw, ne
    term[Term.WW], term[Term.NN], term[Term.MED] = ww, nn, median
    term[Term.PLANE], term[Term.W_BY_NE], term[Term.N_BY_NN] = w + n - nw, w + ne - n, 2 * n - nn
    term[Term.W_BY_WW], term[Term.N_BY_NE] = 2 * w - ww, n + ne - nne
    term[Term.MEAN_W_NE], term[Term.MEAN_TURN] = (w + ne) >> 1, n + ((w - nw + ne - n) >> 1)
    term[Term.VALUE_W], term[Term.VALUE_N] = w, n
    if references == 0:
        term[Term.W_BY_P], term[Term.N_BY_P], term[Term.MEAN_BY_P] = median, w, (w + n) >> 1
        return
    p, pw, pn = int(values[FIRST]), int(values[FIRST + 1]), int(values[FIRST + 2])
    pnw, pne = int(values[FIRST + 5]), int(values[FIRST + 6])
    q = qw = qn = 0
    if references > 1:
        q, qw, qn = int(values[SECOND]), int(values[SECOND + 1]), int(values[SECOND + 2])
    # How the references change between a neighbour and here says how the plane does.
    term[Term.W_BY_P], term[Term.N_BY_P] = w + p - pw, n + p - pn
    term[Term.W_BY_Q], term[Term.N_BY_Q], term[Term.P], term[Term.Q] = w + q - qw, n + q - qn, p, q
    term[Term.MEAN_BY_P] = p + ((w - pw + n - pn) >> 1)
    term[Term.NE_BY_P], term[Term.NW_BY_P] = ne + p - pne, nw + p - pnw
    term[Term.PLANE_BY_P] = w + n - nw + p - (pw + pn - pnw)
    term[Term.VALUE_P], term[Term.VALUE_Q] = p, q
    term[Term.P_FROM_W], term[Term.P_FROM_N] = p - pw, p - pn
    term[Term.Q_FROM_W], term[Term.Q_FROM_N] = q - qw, q - qn


@inlined
def _fill_terms(term: Vector[np.int64], values: Vector[np.int32], references: int, mu: int, shift: int) -> None:
    """Spec context/terms. The terms that are read off the samples around."""
    median = median_edge(int(values[0]), int(values[1]), int(values[2]))
    _fill_near_terms(term, values, references, median)
    term[Term.MU] = mu
    for i in range((LAST_NEAR if references > 0 else LAST_NEAR_ALONE) + 1):
        term[i] = _clamped((term[i] - mu) >> shift, CLAMP)
    for i in range(Term.MU, (LAST_VALUE if references > 0 else LAST_VALUE_ALONE) + 1):
        term[i] = (term[i] >> shift) & 0xFFFF
    term[Term.MED_OFFSET] = _clamped((2 * (median - mu)) >> shift, 8)


class _Predicted(NamedTuple):
    """A sample before it is coded: the bank's prediction and the corrected one in eighths, that rounded and the quarter
    in which it lies; the ``predictor``; the ``expected`` error and its ``level``; the ``place`` in the grid, or the
    predictor's number."""

    first: int
    fine: int
    mu: int
    quarter: int
    predictor: int
    expected: int
    level: int
    place: int


@inlined
def _predict(around: Neighbourhood, bank: Bank, settings: Settings, scratch: Scratch, y: int, x: int) -> _Predicted:
    """Spec context/prediction and Spec context/online-least-squares. Predict sample (y, x) (padded indices), and how
    wrong that will be."""
    values, references = scratch.values, around.references
    open_sample(around, y, x)
    count = gather(values, around, y, x)
    row, column = y - PAD, x - PAD
    predictor = classify(values, references, bank, row, column)
    first = predict(values, count, bank.weights[predictor], bank.maximum)
    fine = first
    if settings.adapts:
        fine += correct(scratch.stripes, column, values, references, (first + HALF) >> FRACTION_BITS)
        fine = max(0, min(bank.maximum << FRACTION_BITS, fine))
    expected = expected_error(around, y, x, bank.offsets[predictor], bank.error_weights)
    place = predictor & 63
    if bank.class_map == GRID:
        place = ((bank.grid_row + row) & 7) * 8 + ((bank.grid_column + column) & 7)
    mu, quarter = (fine + HALF) >> FRACTION_BITS, ((fine + HALF) & 7) >> 1
    return _Predicted(first, fine, mu, quarter, predictor, expected, int(settings.level_of[expected]), place)


@inlined
def _note(around: Neighbourhood, found: _Predicted, settings: Settings, scratch: Scratch, y: int, x: int) -> int:
    """Spec context/online-least-squares. Take in the sample at (y, x): its log error, and what the correction learns.
    Returns its error."""
    sample = int(around.plane[y, x]) << FRACTION_BITS
    error = sample - found.fine
    around.errors[y, x] = log_error(abs(error))
    if settings.adapts:
        last = x == around.plane.shape[1] - PAD - 1
        log_errors = found.expected + int(around.errors[y, x]) - 16 * settings.shift
        note(scratch.stripes, x - PAD, last, log_errors, sample - found.first)
    return error


@inlined
def _fill_all_terms(found: _Predicted, references: int, shift: int, scratch: Scratch, y: int, x: int) -> None:
    """Spec context/terms. All terms of sample (y, x)."""
    term, column = scratch.term, x - PAD
    west_error = scratch.last_errors[column - 1] if column > 0 else 0
    term[Term.LEVEL], term[Term.LEVEL_PAIR] = found.level, found.level >> 1
    # The fraction of the prediction says on which side of mu the sample rather is.
    term[Term.QUARTER] = found.quarter
    term[Term.PLACE], term[Term.EXPECTED_4] = found.place, found.expected >> 2
    term[Term.ROW], term[Term.COLUMN] = min(y - PAD, 63), min(column, 63)
    term[Term.ERROR_W] = _clamped(west_error >> (shift + 2), CLAMP)
    term[Term.ERROR_N] = _clamped(scratch.last_errors[column] >> (shift + 2), CLAMP)
    term[Term.CORRECTION] = _clamped((found.first - found.fine) >> (shift + 2), CLAMP)
    _fill_terms(term, scratch.values, references, found.mu, shift)


class _Bins(NamedTuple):
    """What mixed decisions say of a residual: whether it ``is_zero``, its sign, the steps of its magnitude, and how
    many it could have."""

    is_zero: bool
    sign: int
    step: int
    most: int


@inlined
def _wanted(residual: int, high: int, decision: int, step: int) -> int:
    """The bit that an encoder wants to say; ``high``: the magnitude's unary part."""
    if decision == ZERO:
        return 1 if residual != 0 else 0
    if decision == SIGN:
        return 1 if residual > 0 else 0
    return 1 if high > step else 0


@inlined
def _low_bits(found: _Predicted, asks: bool, settings: Settings) -> int:
    """Bits of the magnitude below the unary part: more of them where the network knows how they are distributed."""
    return int(settings.low_bits[found.level]) + (NETWORK_LOW_BITS if asks else 0)


@inlined
def _code_bins(
    encode: bool, residual: int, low_bits: int, found: _Predicted, spread: Spread, coding: Coding, scratch: Scratch
) -> _Bins:
    """Spec context/residual. The mixed decisions of a residual: zero or not, sign, steps. One loop asks them all, so
    that mixing is inlined once.

    Where a network says how samples are distributed, ``left`` is the mass of those that the decisions until now leave,
    and ``ones`` of those among them for which the next one is 1.
    """
    votes, mu, maximum = scratch.votes, spread.mu, spread.maximum
    high = (abs(residual) - 1) >> low_bits
    ones = left = 0
    column = scratch.term[Term.W_BY_P]
    if column > CLAMP:
        column -= 0x10000
    decision, sign, step, most = ZERO, 0, 0, 0
    while True:
        select_weights(votes, decision, found.level, found.place, column + CLAMP)
        bit = _wanted(residual, high, decision, step) if encode else 0
        if spread.is_known:
            if decision == ZERO:
                ones, left = mass_but_for_mu(spread), mass_of_all(spread)
            elif decision == SIGN:
                ones = mass_beyond(spread, 1, 0)
            else:
                ones = mass_beyond(spread, sign, (step + 1) << low_bits)
            votes.stretched[votes.first.shape[0]] = stretched(chance(ones, left))
        apm_row = (decision * LEVELS + found.level) * QUARTERS + found.quarter
        bit = decide(encode, bit, decision, apm_row, coding.mixture, votes, coding.stream)
        if decision == ZERO:
            if bit == 0:
                return _Bins(True, 0, 0, 0)
            if 0 < mu < maximum:
                decision, left = SIGN, ones
                continue
            # At an end of the range there is only one way to go.
            sign = 1 if mu == 0 else 0
        elif decision == SIGN:
            sign = bit
            ones = ones if bit else left - ones
        elif bit:
            step += 1
        else:
            break
        left = ones
        if decision < MAGNITUDE:
            most = ((maximum - mu if sign else mu) - 1) >> low_bits
        if step >= min(most, UNARY_STEPS):
            break
        before = decision
        decision = MAGNITUDE + sign + 2 * min(step, MAGNITUDE_BINS - 1)
        if before < BLOCK <= decision:
            select_further_models(coding.contexts, votes.hashes, votes.first)
    return _Bins(False, sign, step, most)


@inlined
def _code_residual(
    encode: bool, sample: int, low_bits: int, found: _Predicted, spread: Spread, coding: Coding, scratch: Scratch
) -> int:
    """Spec context/residual. Code a sample by what it differs from mu. Returns the sample, or BROKEN."""
    mu = found.mu
    residual = sample - mu if encode else 0
    bins = _code_bins(encode, residual, low_bits, found, spread, coding, scratch)
    if bins.is_zero:
        return mu
    magnitude, step = abs(residual) - 1, bins.step
    if step == UNARY_STEPS and step < bins.most:
        rest = (magnitude >> low_bits) - UNARY_STEPS
        rest = code_integer(encode, rest, FIRST_INTEGER, coding.plain, coding.stream)
        if rest < 0:
            return BROKEN
        step = min(UNARY_STEPS + rest, bins.most + 1)
    if spread.is_known:
        low = code_forecast_bits(encode, magnitude, low_bits, step << low_bits, bins.sign, spread, coding.stream)
    else:
        slot = ((found.level * 8 + min(step, 7)) * 2 + bins.sign) << LEARNED_LOW
        low = _code_low_bits(encode, magnitude, low_bits, slot, coding)
    size = ((step << low_bits) | low) + 1
    sample = mu + size if bins.sign else mu - size
    return sample if 0 <= sample <= spread.maximum else BROKEN


@inlined
def _code_low_bits(encode: bool, value: int, bits: int, slot: int, coding: Coding) -> int:
    """The lowest bits of a magnitude, the highest of them by bit models, further ones as they are."""
    further = max(0, bits - LEARNED_LOW)
    high = code_digits(encode, value >> further, bits - further, slot, coding.plain, coding.stream)
    return (high << further) | code_bypass(encode, value, further, coding.stream)


@inlined
def _code_match(
    encode: bool, sample: int, key: int, found: _Predicted, memory: Vector[np.int64], coding: Coding
) -> int:
    """Spec context/match-model. Say whether the sample is what followed the same neighbours before. It, or NOTHING."""
    known = match.look_up(memory, key)
    if known == match.NOTHING or found.expected < match.FIRST_EXPECTED:
        return match.NOTHING
    slot = FIRST_MATCH + match.slot_of(memory, key, found.level, abs(known - found.mu))
    right = code_by_model(encode, 1 if sample == known else 0, slot, coding.plain, coding.stream)
    return known if right else match.NOTHING


@kernel
def code_plane(
    encode: bool, around: Neighbourhood, bank: Bank, settings: Settings, coding: Coding, scratch: Scratch
) -> int:
    """Spec context/streams-and-state. Code one plane, or one image of a group; the state and the stream go on from
    call to call.

    When decoding, the plane of ``around`` is filled, as are its log errors either way. ``scratch`` is fresh. Returns
    OK or BROKEN.
    """
    plane, values, votes, forecast = around.plane, scratch.values, scratch.votes, scratch.forecast
    rows, width = plane.shape[0] - 2 * PAD, plane.shape[1] - 2 * PAD
    for y in range(PAD, PAD + rows):
        for x in range(PAD, PAD + width):
            found = _predict(around, bank, settings, scratch, y, x)
            _fill_all_terms(found, around.references, settings.shift, scratch, y, x)
            select_models(coding.contexts, scratch.term, votes.hashes, votes.first)
            asks = False
            if is_there(forecast.network):
                expected = Expected(found.fine, found.mu, found.expected, y - PAD, x - PAD)
                asks = fill_inputs(forecast.activities.inputs, around, y, x, expected, settings.shift, bank.maximum)
                votes.stretched[votes.first.shape[0]] = 0
            if asks:
                forecast_sample(forecast, found.fine, settings.shift)
            sample = int(plane[y, x])
            known = match.NOTHING
            key = 0
            if settings.matches:
                reference = int(values[FIRST]) if around.references > 0 else 0
                key = match.key_of(int(values[0]), int(values[1]), reference)
                known = _code_match(encode, sample, key, found, scratch.memory, coding)
            if known != match.NOTHING:
                sample = known
            elif bank.maximum > 0:
                low_bits = _low_bits(found, asks, settings)
                spread = Spread(found.mu, bank.maximum, settings.shift, forecast.logistics, asks)
                sample = _code_residual(encode, sample, low_bits, found, spread, coding, scratch)
                if sample < 0:
                    return BROKEN
            else:
                sample = found.mu
            plane[y, x] = sample
            if settings.matches:
                match.remember(scratch.memory, key, sample)
            scratch.last_errors[x - PAD] = _note(around, found, settings, scratch, y, x)
        close_row(around, y)
    return OK


@kernel
def trace(around: Neighbourhood, bank: Bank, settings: Settings, scratch: Scratch, traced: Traced) -> int:
    """Predict all samples of a known plane, as ``code_plane`` does, into ``traced``; fills log errors. Returns 0."""
    rows, width = traced.fine.shape
    for y in range(rows):
        for x in range(width):
            found = _predict(around, bank, settings, scratch, y + PAD, x + PAD)
            traced.fine[y, x] = found.fine
            traced.predictors[y, x] = found.predictor
            traced.expected[y, x] = found.expected
            _note(around, found, settings, scratch, y + PAD, x + PAD)
        close_row(around, y + PAD)
    return 0
