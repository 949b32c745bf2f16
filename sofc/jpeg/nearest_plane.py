"""Coefficients of blocks of which some samples are not known, one after the other: an encoder's affair.

What is known of the samples makes each coefficient likely to lie about somewhere. The one that leaves least doubt which
multiple of its step is meant is taken to be that, and tells more of the others: Babai's nearest plane algorithm, by
covariances. Samples that would leave their bounds are taken to lie there meanwhile.

Coefficients that are 0 all over an image are taken to be that here, too: of one that is small, those of higher
frequencies than any that is not. What is believed is held in a matrix as large as there are others that are not fixed
yet.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.dct import COSINES, SIDE, SIZE, patterns
from sofc.jpeg.solve import (
    BASIS_BITS,
    HALF,
    LOOSE,
    MOST,
    SHIFT,
    Guessed,
    Inversion,
    Scratch,
    Solved,
    draw_block,
    load,
    scratch,
)

UNIT = 1.0 / (1 << BASIS_BITS)
FINEST = 1 << 40
PATTERNS_OF_SAMPLES = np.ascontiguousarray(patterns(np.rint(COSINES * FINEST) / FINEST).T)
"""[sample, coefficient]: what a coefficient adds to a sample. Cosines are rounded so that any machine has the same, and
no more: rows are to be orthonormal."""
NARROW = 4
"""Bounds that are farther apart say only what a sample is not."""
ROUNDED = 1 / 12
"""The variance of what rounding cut off a sample."""
AT_BOUND, SLACK = 100.0, 0.25
"""How surely, as a variance, a sample lies at a bound that it would leave by more than SLACK: what was cut off may lie
far beyond. Of 40 blocks of a blown-out photograph that came out in no other way 4 did by 1, 20 by 9, 31 by 100."""
LEAST_VARIANCE = 1 / 64
"""Coefficients are expected to vary by so much of the square of a step more than they do all over an image ..."""
WIDEST = 1e6
"""... and the mean of a block by this."""
FEW_BLOCKS, DOUBT = 256, 4.0
"""So few blocks tell little of what coefficients vary by: those that are 0 in all of them may vary, too, up to the
highest frequency that is not, and what does not come out is tried again as if they varied by so many times as much.
Were all coefficients to vary, by 8 times as much the second time, it would take four times as long; 80 cells of
malaria-cells/train would take 0.15 %, and 120 crops of pictures of 8 to 260 rows and columns 0.04 % more."""
DIAGONAL_OF = np.add.outer(np.arange(SIDE), np.arange(SIDE)).reshape(-1)
"""The diagonal of a block that each coefficient stands in, 0 that of the mean."""
PATIENCE, FEW = 64, 8
"""It is given up where, of so many blocks or more, one in so many or less came out in the end."""


LANES = 16
"""Coefficients and listed samples are filled up to multiples of this with zeros, so that processors take several at
once of all."""


class Belief(NamedTuple):
    """What is believed of coefficients of a block that are not fixed, and of samples.

    Of these coefficients, in the first of 64 places: their ``frequencies``, ``mean``, ``variance`` and ``covariance``
    (64, 64), of which what lies above the diagonal is kept where samples have bounds alone; their ``steps``, and
    ``parts``, the inverses of these. Of listed samples, in the first of 64 places: their ``numbers`` in the block, and
    ``expected`` values. ``patterns`` [place of a coefficient, place of a sample]: what coefficients add to them.
    Scratch (64,): what a sample consists of, ``weights``, and how coefficients vary with it, ``gain``; the ``best``
    block; of samples that are told at once (64, 64), how they vary with each other, ``told``, and with coefficients,
    ``shares``.
    """

    frequencies: Vector[np.int64]
    mean: Vector[np.float64]
    variance: Vector[np.float64]
    covariance: Table[np.float64]
    steps: Vector[np.float64]
    parts: Vector[np.float64]
    numbers: Vector[np.int64]
    expected: Vector[np.float64]
    patterns: Table[np.float64]
    weights: Vector[np.float64]
    gain: Vector[np.float64]
    best: Vector[np.int32]
    told: Table[np.float64]
    shares: Table[np.float64]


def belief() -> Belief:
    """One to be filled."""
    mean, variance, steps, parts, expected, weights, gain = np.zeros((7, SIZE))
    covariance, patterns, told, shares = np.zeros((4, SIZE, SIZE))
    frequencies, numbers = np.zeros((2, SIZE), np.int64)
    of_coefficients = frequencies, mean, variance, covariance, steps, parts
    best = np.zeros(SIZE, np.int32)
    return Belief(*of_coefficients, numbers, expected, patterns, weights, gain, best, told, shares)


class Listed(NamedTuple):
    """How many coefficients are not fixed, ``left``; how many ``samples`` are listed; whether they have ``bounds``."""

    left: int
    samples: int
    bounds: bool


@inlined
def _lanes(count: int) -> int:
    return (count + LANES - 1) & -LANES


@inlined
def _add_rows(
    rows: Table[np.float64], weights: Vector[np.float64], count: int, length: int, total: Vector[np.float64]
) -> None:
    """Add rows times their weights, four at a time: ``total`` is then read and written a quarter as often."""
    for p in range(0, count, 4):
        a, b, c, d = weights[p], weights[p + 1], weights[p + 2], weights[p + 3]
        first, second, third, fourth = rows[p], rows[p + 1], rows[p + 2], rows[p + 3]
        for i in range(length):
            total[i] += (a * first[i] + b * second[i]) + (c * third[i] + d * fourth[i])


@inlined
def _learn(listed: Listed, miss: float, total: float, held: Belief) -> None:
    """Change what is believed by what something was found to differ by from what was expected of it, with the variance
    ``total`` of that: ``held.gain`` says how the coefficients vary with it, with zeros behind."""
    part, lanes, gain, covariance = 1.0 / total, _lanes(listed.left), held.gain, held.covariance
    for i in range(0, listed.left, 4):  # four rows at a time, as loops are short
        a, b, c, d = gain[i] * part, gain[i + 1] * part, gain[i + 2] * part, gain[i + 3] * part
        first, second, third, fourth = covariance[i], covariance[i + 1], covariance[i + 2], covariance[i + 3]
        for j in range(lanes if listed.bounds else _lanes(i + 4)):
            first[j] -= a * gain[j]
            second[j] -= b * gain[j]
            third[j] -= c * gain[j]
            fourth[j] -= d * gain[j]
    for i in range(lanes):
        share = held.gain[i] * part
        held.variance[i] -= share * held.gain[i]
        held.weights[i] = share * miss
        held.mean[i] += share * miss
    if listed.bounds:
        _add_rows(held.patterns, held.weights, listed.left, _lanes(listed.samples), held.expected)


@kernel
def _fix(at: int, listed: Listed, value: float, held: Belief) -> None:
    """The coefficient at a place is ``value``: the last takes its place."""
    left, covariance = listed.left, held.covariance
    for i in range(_lanes(left)):
        held.gain[i] = covariance[at, i] if i <= at else covariance[i, at] if i < left else 0.0
    _learn(listed, value - held.mean[at], held.variance[at], held)
    last = left - 1
    held.frequencies[at] = held.frequencies[last]
    held.mean[at], held.variance[at] = held.mean[last], held.variance[last]
    held.steps[at], held.parts[at] = held.steps[last], held.parts[last]
    for p in range(_lanes(listed.samples) if listed.bounds else 0):
        held.patterns[at, p] = held.patterns[last, p]
    for i in range(last):
        covariance[at, i] = covariance[i, at] = covariance[last, i]
    covariance[at, at] = covariance[last, last]


@kernel
def _tell_bounds(room: Scratch, listed: Listed, held: Belief) -> bool:
    """Take the open sample that would leave its bounds by most to lie there. Returns whether there is one."""
    worst, at, value = SLACK, -1, 0.0
    for p in range(listed.samples if listed.bounds else 0):
        low, high, expected = room.low[held.numbers[p]] * UNIT, room.high[held.numbers[p]] * UNIT, held.expected[p]
        beyond = max(low - expected, expected - high)
        if beyond > worst:
            worst, at, value = beyond, p, low if expected < low else high
    if at < 0:
        return False
    left, lanes = listed.left, _lanes(listed.left)
    for i in range(lanes):
        held.weights[i] = held.patterns[i, at] if i < left else 0.0
        held.gain[i] = 0.0
    _add_rows(held.covariance, held.weights, left, lanes, held.gain)
    total = AT_BOUND
    for i in range(left):
        total += held.gain[i] * held.weights[i]
    for i in range(left, lanes):
        held.gain[i] = 0.0
    _learn(listed, value - held.expected[at], total, held)
    return True


@kernel
def _surest(left: int, held: Belief) -> int:
    """The place of the coefficient not fixed that leaves least doubt; of those equally sure, the first."""
    for i in range(_lanes(left)):
        number = held.mean[i] * held.parts[i]
        rest = (0.5 - abs(number - np.floor(number + 0.5))) * held.steps[i]
        held.gain[i] = rest * rest
    # Fractions are compared as products: numba asks of each division whether it is one by 0.
    best, part, at = -1.0, 1.0, 0
    for i in range(left):
        if held.gain[i] * part > best * held.variance[i]:
            best, part, at = held.gain[i], held.variance[i], i
    return at


@inlined
def _is_open(room: Scratch, p: int) -> bool:
    return (int(room.high[p]) - int(room.low[p])) * UNIT > NARROW


@kernel
def _list_samples(room: Scratch, are_open: bool, left: int, held: Belief) -> int:
    """List the samples that are open, or that are not, and what coefficients add to them. Returns how many there
    are."""
    count = 0
    for p in range(SIZE):
        if _is_open(room, p) == are_open:
            held.numbers[count] = p
            count += 1
    for i in range(_lanes(left)):
        for place in range(_lanes(count)):
            is_there = i < left and place < count
            held.patterns[i, place] = PATTERNS_OF_SAMPLES[held.numbers[place], held.frequencies[i]] if is_there else 0.0
    return count


@kernel
def _list_coefficients(inversion: Inversion, variances: Vector[np.float64], held: Belief) -> int:
    """List the coefficients that are not 0 all over an image. Returns how many there are."""
    left = 0
    for i in range(SIZE):
        if variances[i] > 0:
            held.frequencies[left], held.steps[left] = i, inversion.table[i]
            held.parts[left] = 1.0 / held.steps[left]
            left += 1
    return left


@kernel
def _tell_samples(left: int, count: int, noise: float, held: Belief) -> None:
    """Samples that are listed, of which ``held.expected`` says how much greater they were seen to be than expected,
    tell what coefficients are that varied each by itself; with negative noise: that they told so is taken back.

    They are told one after the other, each without what those before it have told.
    """
    lanes, wide = _lanes(left), _lanes(count)
    for r in range(count):
        told, shares = held.told[r], held.shares[r]
        for i in range(lanes):
            held.gain[i] = held.patterns[i, r] * held.variance[i]
        for p in range(wide):
            told[p] = 0.0
        _add_rows(held.patterns, held.gain, left, wide, told)
        told[r] += noise
        for k in range(r):
            share, before = told[k] / held.told[k, k], held.told[k]
            for p in range(k & -LANES, wide):
                told[p] -= share * before[p]
            held.weights[k] = -share
            held.expected[r] -= share * held.expected[k]
        for k in range(r, _lanes(r)):
            held.weights[k] = 0.0
        _add_rows(held.shares, held.weights, r, lanes, held.gain)
        for i in range(lanes):
            shares[i] = held.gain[i]


@kernel
def _vary(listed: Listed, told: int, held: Belief) -> None:
    """Fill in how coefficients vary, and what they are, by what so many samples told."""
    for k in range(told):
        held.told[k, k] = 1.0 / held.told[k, k]
        held.weights[k] = held.expected[k] * held.told[k, k]
    for k in range(told, _lanes(told)):
        held.weights[k] = 0.0
    _add_rows(held.shares, held.weights, told, _lanes(listed.left), held.mean)
    for i in range(listed.left):
        row, length = held.covariance[i], _lanes(listed.left if listed.bounds else i + 1)
        for j in range(length):
            row[j] = 0.0
        for k in range(told):
            held.weights[k] = -held.shares[k, i] * held.told[k, k]
        _add_rows(held.shares, held.weights, told, length, row)
        row[i] += held.variance[i]
        held.gain[i] = row[i]
    for i in range(listed.left):
        held.variance[i] = held.gain[i]


@kernel
def _believe(room: Scratch, variances: Vector[np.float64], listed: Listed, held: Belief) -> None:
    """Begin with what coefficients vary by, and what samples say of them that are known or nearly so. Lists the open
    ones where they have bounds."""
    left, count = listed.left, listed.samples
    # Were all samples known, each coefficient would vary by itself: where most are, the others are said to be 0, which
    # then is taken back.
    are_few = 2 * count <= SIZE
    told = _list_samples(room, are_few, left, held)
    for i in range(_lanes(left)):
        held.mean[i] = held.variance[i] = 0.0
    for i in range(left):
        own = held.frequencies[i]
        variance = WIDEST if own == 0 else variances[own]
        held.variance[i] = 1.0 / (1.0 / variance + 1.0 / ROUNDED) if are_few else variance
    for p in range(SIZE):
        held.expected[p] = 0.0
    place = 0
    for p in range(SIZE):
        if _is_open(room, p):
            continue
        value = max(int(room.low[p]) + HALF, min(int(room.high[p]) - HALF, int(room.target[p]) << SHIFT)) * UNIT
        if are_few:
            for i in range(left):
                held.mean[i] += held.variance[i] * (value / ROUNDED) * PATTERNS_OF_SAMPLES[p, held.frequencies[i]]
        else:
            held.expected[place] = value
            place += 1
    if are_few:
        for i in range(_lanes(left)):
            held.weights[i] = -held.mean[i]
        _add_rows(held.patterns, held.weights, left, _lanes(told), held.expected)
    _tell_samples(left, told, -ROUNDED if are_few else ROUNDED, held)
    _vary(listed, told, held)
    if listed.bounds:
        _list_samples(room, True, left, held)
        for p in range(_lanes(count)):
            held.expected[p] = 0.0
        _add_rows(held.patterns, held.mean, left, _lanes(count), held.expected)


@kernel
def _round_one_by_one(block: Vector[np.int32], room: Scratch, listed: Listed, held: Belief) -> None:
    """Fill a block with rounded coefficients, the surest first."""
    for i in range(SIZE):
        block[i] = 0
    for _ in range(SIZE):
        if not _tell_bounds(room, listed, held):
            break
    while listed.left > 0:
        at = _surest(listed.left, held)
        number = max(-MOST, min(MOST, int(np.floor(held.mean[at] * held.parts[at] + 0.5))))
        block[held.frequencies[at]] = number
        _fix(at, listed, number * held.steps[at], held)
        listed = Listed(listed.left - 1, listed.samples, listed.bounds)
        _tell_bounds(room, listed, held)


@inlined
def _copy(source: Vector[np.int32], target: Vector[np.int32]) -> None:
    for i in range(SIZE):
        target[i] = source[i]


@kernel
def _round_block(
    block: Vector[np.int32], inversion: Inversion, variances: Vector[np.float64], room: Scratch, held: Belief
) -> int:
    """Round the coefficients of a block whose samples are in ``room``, if any are open. Returns how many of these are
    wrong then."""
    count, bounds = 0, False
    for p in range(SIZE):
        if _is_open(room, p):
            count += 1
            bounds = bounds or room.low[p] >= -LOOSE or room.high[p] <= LOOSE
    if count == 0:
        return SIZE
    listed = Listed(_list_coefficients(inversion, variances, held), count, bounds)
    _believe(room, variances, listed, held)
    _round_one_by_one(block, room, listed, held)
    return int(draw_block(block, inversion, room))


@kernel
def round_blocks(
    guessed: Guessed,
    inversion: Inversion,
    found: Solved,
    places: Table[np.int64],
    variances: Vector[np.float64],
    room: Scratch,
    held: Belief,
) -> int:
    """Change the coefficients ``found`` of blocks with wrong samples, at ``places`` (blocks, 2), where fewer are wrong
    then. ``variances`` (64,): what coefficients vary by, 0 of those that are 0 everywhere. Returns how many blocks come
    out that did not before."""
    helped = 0
    for tried in range(places.shape[0]):
        if tried >= PATIENCE and FEW * helped < tried:
            break
        row, column = int(places[tried, 0]), int(places[tried, 1])
        block = found.coefficients[row, column]
        _copy(block, held.best)
        load(guessed, row, column, room)
        left = _round_block(block, inversion, variances, room, held)
        if left < found.wrong[row, column]:
            found.wrong[row, column] = left
        else:
            _copy(held.best, block)
        helped += 1 if left == 0 else 0
    return helped


@kernel
def add_squares(coefficients: Cube[np.int32], squares: Vector[np.int64]) -> int:
    """Add the squares of all coefficients of each frequency to ``squares`` (64,). Returns 0."""
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            for i in range(SIZE):
                squares[i] += np.int64(coefficients[row, column, i]) * np.int64(coefficients[row, column, i])
    return 0


def round_surest(guessed: Guessed, inversion: Inversion, found: Solved) -> None:
    """Change coefficients of blocks of which samples are wrong, so that fewer are."""
    total, blocks = np.zeros(SIZE, np.int64), found.wrong.size
    add_squares(found.coefficients, total)
    squares, are_few = total / blocks, blocks <= FEW_BLOCKS
    is_zero = squares == 0
    if are_few:
        highest = DIAGONAL_OF[~is_zero].max(initial=0)
        is_zero = highest < DIAGONAL_OF
    variances: Vector[np.float64] = np.where(is_zero, 0, squares + LEAST_VARIANCE) * inversion.table**2
    room, held = scratch(), belief()
    round_blocks(guessed, inversion, found, found.unfinished, variances, room, held)
    if are_few:
        variances *= DOUBT
        round_blocks(guessed, inversion, found, found.unfinished, variances, room, held)
