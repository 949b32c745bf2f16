"""Coefficients of blocks of which some samples are not known, one after the other: an encoder's affair.

What is known of the samples makes each coefficient likely to lie about somewhere. The one that leaves least doubt which
multiple of its step is meant is taken to be that, and tells more of the others: Babai's nearest plane algorithm, by
covariances. Samples that would leave their bounds are taken to lie there meanwhile.

The transform is orthonormal: were all samples known up to what rounding cut off, each coefficient would vary by itself.
So a matrix as large as there are unknown samples holds all else that is believed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.dct import COSINES, SIZE, Integers, patterns
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
"""Coefficients are expected to vary by so much of the square of a step, where they are 0 all over an image ..."""
WIDEST = 1e6
"""... and the mean of a block by this."""
SPREADS = (1.0, 8.0)
"""How many times as much as in the mean of an image coefficients vary in a block, as it is tried."""
PATIENCE, FEW = 64, 8
"""It is given up where, of so many blocks or more, one in so many or less came out in the end."""


LANES = 16
"""Open samples are filled up to multiples of this with zeros, so that processors take several at once of all."""


class Belief(NamedTuple):
    """What is believed of a block of which some samples, the open ones, are not known.

    Of its coefficients (64,): ``mean`` and ``variance``; ``noise``, their variance if all samples were known; their
    ``steps``, and ``parts``, the inverses of these. Of open samples, in the first of 64 places: their ``numbers`` in
    the block; ``expected`` values and ``covariance`` (64, 64); ``lacking``, by how much less is told of them than of
    known ones, as inverses of variances; ``patterns`` [coefficient, place], what coefficients add to them, and
    ``across``, the same [place, coefficient]. Scratch (64,): ``gain`` of open samples, ``weights`` that turn it into
    ``change``, that of coefficients; the ``best`` block.
    """

    mean: Vector[np.float64]
    variance: Vector[np.float64]
    noise: Vector[np.float64]
    steps: Vector[np.float64]
    parts: Vector[np.float64]
    numbers: Vector[np.int64]
    expected: Vector[np.float64]
    covariance: Table[np.float64]
    lacking: Vector[np.float64]
    patterns: Table[np.float64]
    across: Table[np.float64]
    gain: Vector[np.float64]
    weights: Vector[np.float64]
    change: Vector[np.float64]
    best: Vector[np.int32]


def belief(table: Integers) -> Belief:
    """One to be filled, of coefficients with these steps (64,)."""
    mean, variance, noise, expected, lacking, gain, weights, change = np.zeros((8, SIZE))
    covariance, patterns, across = np.zeros((3, SIZE, SIZE))
    numbers, best, steps = np.zeros(SIZE, np.int64), np.zeros(SIZE, np.int32), table.astype(np.float64)
    coefficients = mean, variance, noise, steps, 1 / steps
    return Belief(*coefficients, numbers, expected, covariance, lacking, patterns, across, gain, weights, change, best)


@inlined
def _add_rows(
    rows: Table[np.float64], weights: Vector[np.float64], lanes: int, length: int, total: Vector[np.float64]
) -> None:
    """Add rows times their weights, four at a time: ``total`` is then read and written a quarter as often."""
    for p in range(0, lanes, 4):
        a, b, c, d = weights[p], weights[p + 1], weights[p + 2], weights[p + 3]
        first, second, third, fourth = rows[p], rows[p + 1], rows[p + 2], rows[p + 3]
        for i in range(length):
            total[i] += (a * first[i] + b * second[i]) + (c * third[i] + d * fourth[i])


@inlined
def _learn(lanes: int, miss: float, total: float, held: Belief) -> None:
    """Change what is believed by what something was found to differ by from what was expected of it, with the variance
    ``total`` of that: ``held.gain`` says how open samples vary with it, ``held.weights`` how coefficients do."""
    part = 1.0 / total
    for i in range(SIZE):
        held.change[i] = 0.0
    _add_rows(held.across, held.weights, lanes, SIZE, held.change)
    for i in range(SIZE):
        change = held.noise[i] * held.change[i]
        held.mean[i] += change * part * miss
        held.variance[i] -= change * change * part
    for p in range(lanes):
        share, row = held.gain[p] * part, held.covariance[p]
        held.expected[p] += share * miss
        for q in range(lanes):
            row[q] -= share * held.gain[q]


@kernel
def _tell_sample(place: int, lanes: int, value: float, variance: float, held: Belief) -> None:
    """An open sample was seen to be about ``value``; with a negative variance: that it was told so is taken back."""
    row = held.covariance[place]
    for p in range(lanes):
        held.gain[p] = row[p]
        held.weights[p] = held.lacking[p] * row[p]
    held.weights[place] += 1.0
    held.lacking[place] -= 1.0 / variance
    _learn(lanes, value - held.expected[place], row[place] + variance, held)


@kernel
def _fix(i: int, lanes: int, value: float, held: Belief) -> None:
    """Coefficient ``i`` is ``value``."""
    pattern, noise = held.patterns[i], held.noise[i]
    for p in range(lanes):
        held.gain[p], held.weights[p] = pattern[p], held.lacking[p] * pattern[p]
    _add_rows(held.covariance, held.weights, lanes, lanes, held.gain)
    for p in range(lanes):
        held.gain[p] *= noise
        held.weights[p] = held.lacking[p] * held.gain[p]
    _learn(lanes, value - held.mean[i], held.variance[i], held)


@kernel
def _tell_bounds(room: Scratch, count: int, held: Belief) -> bool:
    """Take the open sample that would leave its bounds by most to lie there. Returns whether there is one."""
    worst, at, value = SLACK, -1, 0.0
    for p in range(count):
        low, high, expected = room.low[held.numbers[p]] * UNIT, room.high[held.numbers[p]] * UNIT, held.expected[p]
        beyond = max(low - expected, expected - high)
        if beyond > worst:
            worst, at, value = beyond, p, low if expected < low else high
    if at >= 0:
        _tell_sample(at, _lanes(count), value, AT_BOUND, held)
    return at >= 0


@inlined
def _lanes(count: int) -> int:
    return (count + LANES - 1) & -LANES


@kernel
def _surest(held: Belief, fixed: Vector[np.int64]) -> int:
    """The coefficient not fixed that leaves least doubt; of those equally sure, the first."""
    for i in range(SIZE):
        number = held.mean[i] * held.parts[i]
        rest = (0.5 - abs(number - np.floor(number + 0.5))) * held.steps[i]
        held.change[i] = rest * rest
    # Fractions are compared as products: numba asks of each division whether it is one by 0.
    best, part, at = -1.0, 1.0, -1
    for i in range(SIZE):
        if fixed[i] == 0 and held.change[i] * part > best * held.variance[i]:
            best, part, at = held.change[i], held.variance[i], i
    return at


@kernel
def _open(room: Scratch, held: Belief) -> int:
    """Note the open samples. Returns how many there are."""
    count = 0
    for p in range(SIZE):
        if (int(room.high[p]) - int(room.low[p])) * UNIT > NARROW:
            held.numbers[count] = p
            count += 1
    for place in range(_lanes(count)):
        pattern, number, size = held.across[place], held.numbers[min(place, count - 1)], 1.0 if place < count else 0.0
        for i in range(SIZE):
            pattern[i] = size * PATTERNS_OF_SAMPLES[number, i]
    for i in range(SIZE):
        for place in range(_lanes(count)):
            held.patterns[i, place] = held.across[place, i]
    return count


@kernel
def _foresee(lanes: int, held: Belief) -> None:
    """Fill in what coefficients make likely of open samples, if these were known."""
    for p in range(lanes):
        held.expected[p] = held.lacking[p] = 0.0
    _add_rows(held.patterns, held.mean, SIZE, lanes, held.expected)
    for p in range(lanes):
        row, pattern = held.covariance[p], held.across[p]
        for i in range(SIZE):
            held.change[i] = held.noise[i] * pattern[i]
        for q in range(lanes):
            row[q] = 0.0
        _add_rows(held.patterns, held.change, SIZE, lanes, row)


@kernel
def _believe(room: Scratch, variances: Vector[np.float64], spread: float, count: int, held: Belief) -> None:
    """Begin with what coefficients vary by, and what samples say of them that are known or nearly so."""
    for i in range(SIZE):
        held.mean[i] = 0.0
        held.variance[i] = held.noise[i] = 1.0 / (1.0 / (WIDEST if i == 0 else spread * variances[i]) + 1.0 / ROUNDED)
    for p in range(SIZE):
        pattern, size = PATTERNS_OF_SAMPLES[p], 0.0
        if (int(room.high[p]) - int(room.low[p])) * UNIT <= NARROW:
            value = int(room.target[p]) << SHIFT
            size = max(int(room.low[p]) + HALF, min(int(room.high[p]) - HALF, value)) * UNIT / ROUNDED
        for i in range(SIZE):
            held.mean[i] += size * pattern[i]
    for i in range(SIZE):
        held.mean[i] *= held.noise[i]
    # As if open samples were known to be 0, which then is taken back.
    _foresee(_lanes(count), held)
    for p in range(count):
        _tell_sample(p, _lanes(count), 0.0, -ROUNDED, held)


@kernel
def _round_one_by_one(block: Vector[np.int32], room: Scratch, count: int, held: Belief) -> None:
    """Fill a block with rounded coefficients, the surest first."""
    fixed = room.work
    for i in range(SIZE):
        fixed[i] = 0
    for _ in range(SIZE):
        if not _tell_bounds(room, count, held):
            break
    for _ in range(SIZE):
        i = _surest(held, fixed)
        block[i] = max(-MOST, min(MOST, int(np.floor(held.mean[i] * held.parts[i] + 0.5))))
        fixed[i] = 1
        _fix(i, _lanes(count), block[i] * held.steps[i], held)
        _tell_bounds(room, count, held)


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
    count = _open(room, held)
    for spread in SPREADS:
        if count == 0:
            break
        _copy(block, held.best)
        _believe(room, variances, spread, count, held)
        _round_one_by_one(block, room, count, held)
        wrong = draw_block(block, inversion, room)
        if wrong < least:
            least = wrong
        else:
            _copy(held.best, block)
        if least == 0:
            break
    return least


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
    coefficients vary by. Returns how many blocks come out that did not before."""
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
    variances = (values**2).mean(axis=0) + LEAST_VARIANCE * inversion.table.astype(np.float64) ** 2
    round_blocks(guessed, inversion, is_solved, coefficients, variances, scratch(), belief(inversion.table))
