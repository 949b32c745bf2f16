"""Coefficients of blocks of which some samples are not known, one after the other: an encoder's affair.

What is known of the samples makes each coefficient likely to lie about somewhere. The one that leaves least doubt which
multiple of its step is meant is taken to be that, and tells more of the others: Babai's nearest plane algorithm, by
covariances. Samples that would leave their bounds are taken to lie there meanwhile.

Coefficients that are 0 all over an image that is not small are taken to be that here, too. What is believed is held in
a matrix as large as there are others that are not fixed yet.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.dct import COSINES, SIZE, patterns
from sofc.jpeg.solve import (
    BASIS_BITS,
    HALF,
    HOPELESS,
    MOST,
    SHIFT,
    Guessed,
    Inversion,
    Scratch,
    draw_block,
    load,
    scratch,
    solve_block,
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
FEW_BLOCKS, DOUBT = 256, 8.0
"""So few blocks tell little of what coefficients vary by: those that are 0 in all of them may vary, too, and what does
not come out is tried again as if they varied by so many times as much. 100 crops of pictures of 8 to 260 rows and
columns take 0.9 % less, cells of malaria-cells/train 0.2 %."""
PATIENCE, FEW = 64, 8
"""It is given up where, of so many blocks or more, one in so many or less came out in the end."""


LANES = 16
"""Coefficients and open samples are filled up to multiples of this with zeros, so that processors take several at once
of all."""


class Belief(NamedTuple):
    """What is believed of coefficients of a block that are not fixed, and of the samples that are not known, the open
    ones.

    Of these coefficients, in the first of 64 places: their ``frequencies``, ``mean``, ``variance`` and ``covariance``
    (64, 64); their ``steps``, and ``parts``, the inverses of these. Of open samples, in the first of 64 places: their
    ``numbers`` in the block, and ``expected`` values. ``patterns`` [place of a coefficient, place of a sample]: what
    coefficients add to open samples. Scratch (64,): what a sample consists of, ``weights``, and how coefficients vary
    with it, ``gain``; the ``best`` block.
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


def belief() -> Belief:
    """One to be filled."""
    mean, variance, steps, parts, expected, weights, gain = np.zeros((7, SIZE))
    covariance, patterns = np.zeros((2, SIZE, SIZE))
    frequencies, numbers = np.zeros((2, SIZE), np.int64)
    of_coefficients = frequencies, mean, variance, covariance, steps, parts
    return Belief(*of_coefficients, numbers, expected, patterns, weights, gain, np.zeros(SIZE, np.int32))


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
def _learn(left: int, count: int, miss: float, total: float, held: Belief) -> None:
    """Change what is believed by what something was found to differ by from what was expected of it, with the variance
    ``total`` of that: ``held.gain`` says how the ``left`` coefficients vary with it."""
    part, lanes = 1.0 / total, _lanes(left)
    for i in range(left):
        share, row = held.gain[i] * part, held.covariance[i]
        for j in range(lanes):
            row[j] -= share * held.gain[j]
    for i in range(lanes):
        share = held.gain[i] * part
        held.variance[i] -= share * held.gain[i]
        held.weights[i] = share * miss
        held.mean[i] += share * miss
    _add_rows(held.patterns, held.weights, left, _lanes(count), held.expected)


@kernel
def _tell_sample(left: int, count: int, value: float, expected: float, variance: float, held: Belief) -> None:
    """A sample that was ``expected``, and consists of coefficients as ``held.weights`` say, was seen to be about
    ``value``; with a negative variance: that it was told so is taken back."""
    lanes = _lanes(left)
    for i in range(lanes):
        held.gain[i] = 0.0
    _add_rows(held.covariance, held.weights, left, lanes, held.gain)
    total = variance
    for i in range(left):
        total += held.gain[i] * held.weights[i]
    _learn(left, count, value - expected, total, held)


@kernel
def _fix(at: int, left: int, count: int, value: float, held: Belief) -> None:
    """The coefficient at a place is ``value``: the last takes its place."""
    for i in range(_lanes(left)):
        held.gain[i] = held.covariance[at, i]
    _learn(left, count, value - held.mean[at], held.variance[at], held)
    last = left - 1
    held.frequencies[at] = held.frequencies[last]
    held.mean[at], held.variance[at] = held.mean[last], held.variance[last]
    held.steps[at], held.parts[at] = held.steps[last], held.parts[last]
    for p in range(_lanes(count)):
        held.patterns[at, p] = held.patterns[last, p]
        held.patterns[last, p] = 0.0
    for i in range(_lanes(left)):
        held.covariance[at, i] = held.covariance[last, i]
        held.covariance[last, i] = 0.0
    for i in range(left):
        held.covariance[i, at] = held.covariance[i, last]
        held.covariance[i, last] = 0.0


@kernel
def _tell_bounds(room: Scratch, left: int, count: int, held: Belief) -> bool:
    """Take the open sample that would leave its bounds by most to lie there. Returns whether there is one."""
    worst, at, value = SLACK, -1, 0.0
    for p in range(count):
        low, high, expected = room.low[held.numbers[p]] * UNIT, room.high[held.numbers[p]] * UNIT, held.expected[p]
        beyond = max(low - expected, expected - high)
        if beyond > worst:
            worst, at, value = beyond, p, low if expected < low else high
    if at >= 0:
        for i in range(_lanes(left)):
            held.weights[i] = held.patterns[i, at]
        _tell_sample(left, count, value, held.expected[at], AT_BOUND, held)
    return at >= 0


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
def _list_open(room: Scratch, held: Belief) -> int:
    """List the open samples. Returns how many there are."""
    count = 0
    for p in range(SIZE):
        if _is_open(room, p):
            held.numbers[count] = p
            count += 1
    return count


@kernel
def _list_coefficients(inversion: Inversion, variances: Vector[np.float64], count: int, held: Belief) -> int:
    """List the coefficients that are not 0 all over an image, and what they add to open samples. Returns how many there
    are."""
    left = 0
    for i in range(SIZE):
        if variances[i] > 0:
            held.frequencies[left], held.steps[left] = i, inversion.table[i]
            held.parts[left] = 1.0 / held.steps[left]
            left += 1
    for i in range(_lanes(left)):
        for place in range(_lanes(count)):
            is_there = i < left and place < count
            held.patterns[i, place] = PATTERNS_OF_SAMPLES[held.numbers[place], held.frequencies[i]] if is_there else 0.0
    return left


@kernel
def _tell_known(p: int, left: int, value: float, variance: float, held: Belief) -> None:
    """Sample ``p`` was seen to be about ``value``, before anything is expected of open ones."""
    expected = 0.0
    for i in range(_lanes(left)):
        held.weights[i] = PATTERNS_OF_SAMPLES[p, held.frequencies[i]] if i < left else 0.0
        expected += held.weights[i] * held.mean[i]
    _tell_sample(left, 0, value, expected, variance, held)


@kernel
def _believe(room: Scratch, variances: Vector[np.float64], left: int, count: int, held: Belief) -> None:
    """Begin with what coefficients vary by, and what samples say of them that are known or nearly so."""
    # Were all samples known, each coefficient would vary by itself: where most are, the others are said to be 0, which
    # then is taken back.
    are_few = 2 * count <= SIZE
    for i in range(_lanes(left)):
        for j in range(_lanes(left)):
            held.covariance[i, j] = 0.0
        held.mean[i] = held.variance[i] = 0.0
    for i in range(left):
        own = held.frequencies[i]
        variance = WIDEST if own == 0 else variances[own]
        held.variance[i] = 1.0 / (1.0 / variance + 1.0 / ROUNDED) if are_few else variance
        held.covariance[i, i] = held.variance[i]
    for p in range(SIZE):
        if _is_open(room, p):
            continue
        value = max(int(room.low[p]) + HALF, min(int(room.high[p]) - HALF, int(room.target[p]) << SHIFT)) * UNIT
        if are_few:
            for i in range(left):
                held.mean[i] += held.variance[i] * (value / ROUNDED) * PATTERNS_OF_SAMPLES[p, held.frequencies[i]]
        else:
            _tell_known(p, left, value, ROUNDED, held)
    for place in range(count if are_few else 0):
        _tell_known(held.numbers[place], left, 0.0, -ROUNDED, held)
    for p in range(_lanes(count)):
        held.expected[p] = 0.0
    _add_rows(held.patterns, held.mean, left, _lanes(count), held.expected)


@kernel
def _round_one_by_one(block: Vector[np.int32], room: Scratch, left: int, count: int, held: Belief) -> None:
    """Fill a block with rounded coefficients, the surest first."""
    for i in range(SIZE):
        block[i] = 0
    for _ in range(SIZE):
        if not _tell_bounds(room, left, count, held):
            break
    while left > 0:
        at = _surest(left, held)
        number = max(-MOST, min(MOST, int(np.floor(held.mean[at] * held.parts[at] + 0.5))))
        block[held.frequencies[at]] = number
        _fix(at, left, count, number * held.steps[at], held)
        left -= 1
        _tell_bounds(room, left, count, held)


@inlined
def _copy(source: Vector[np.int32], target: Vector[np.int32]) -> None:
    for i in range(SIZE):
        target[i] = source[i]


@kernel
def _round_block(
    block: Vector[np.int32], inversion: Inversion, variances: Vector[np.float64], room: Scratch, held: Belief
) -> int:
    """Round the coefficients of a block whose samples are in ``room``. Returns how many of these are wrong then."""
    least = draw_block(block, inversion, room)
    count = _list_open(room, held)
    if count == 0:
        return least
    _copy(block, held.best)
    left = _list_coefficients(inversion, variances, count, held)
    _believe(room, variances, left, count, held)
    _round_one_by_one(block, room, left, count, held)
    wrong = draw_block(block, inversion, room)
    if wrong >= least:
        _copy(held.best, block)
    return min(wrong, least)


@kernel
def round_blocks(
    guessed: Guessed,
    inversion: Inversion,
    is_solved: bool,
    coefficients: Cube[np.int32],
    variances: Vector[np.float64],
    room: Scratch,
    held: Belief,
) -> int:
    """Change ``coefficients`` (rows of blocks, blocks in a row, 64) of blocks whose samples do not lie in their bounds,
    where fewer do not then. ``is_solved``: they are what ``solve`` found of these samples; ``variances`` (64,): what
    coefficients vary by, 0 of those that are 0 everywhere. Returns how many blocks come out that did not before."""
    tried, helped = 0, 0
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            if tried >= PATIENCE and FEW * helped < tried:
                return helped
            block = coefficients[row, column]
            load(guessed, row, column, room)
            least = draw_block(block, inversion, room)
            if least == 0:
                continue
            if not is_solved:
                _copy(block, held.best)
                wrong = solve_block(guessed, row, column, inversion, HOPELESS, block, room)
                if wrong >= least:
                    _copy(held.best, block)
                load(guessed, row, column, room)
                least = min(wrong, least)
            if least > 0:
                least = _round_block(block, inversion, variances, room, held)
            tried += 1
            helped += 1 if least == 0 else 0
    return helped


def round_surest(
    guessed: Guessed, inversion: Inversion, coefficients: Cube[np.int32], *, is_solved: bool = False
) -> None:
    """Change coefficients of blocks that do not come out, so that more samples come to lie in their bounds;
    ``is_solved``: they are what ``solve`` found of these samples."""
    values = (coefficients * inversion.table).reshape(-1, SIZE).astype(np.float64)
    squares, are_few = (values**2).mean(axis=0), len(values) <= FEW_BLOCKS
    variances = squares + LEAST_VARIANCE * inversion.table.astype(np.float64) ** 2
    variances[(squares == 0) & (not are_few)] = 0
    room, held = scratch(), belief()
    round_blocks(guessed, inversion, is_solved, coefficients, variances, room, held)
    if are_few:
        round_blocks(guessed, inversion, True, coefficients, DOUBT * variances, room, held)
