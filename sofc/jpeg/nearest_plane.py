"""Coefficients of blocks of which some samples are not known, one after the other: an encoder's affair.

What is known of the samples makes each coefficient likely to lie about somewhere. The one that leaves least doubt which
multiple of its step is meant is taken to be that, and tells more of the others: Babai's nearest plane algorithm, by
covariances. Samples that would leave their bounds are taken to lie there meanwhile.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.dct import SIZE
from sofc.jpeg.solve import (
    BASIS_BITS,
    HALF,
    HOPELESS,
    MOST,
    PATTERNS,
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
PATTERNS_OF_COEFFICIENTS = np.ascontiguousarray(PATTERNS * UNIT)
PATTERNS_OF_SAMPLES = np.ascontiguousarray(PATTERNS_OF_COEFFICIENTS.T)
"""[coefficient, sample] and [sample, coefficient]: what a coefficient adds to a sample."""
NARROW = 24
"""Bounds that are farther apart say only what a sample is not."""
AT_BOUND, SLACK = 100.0, 0.25
"""How surely, as a variance, a sample lies at a bound that it would leave by more than SLACK: what was cut off may lie
far beyond. Of 40 blocks of a blown-out photograph that came out in no other way 4 did by 1, 20 by 9, 31 by 100."""
LEAST_VARIANCE = 1 / 64
"""Coefficients are expected to vary by so much of the square of a step, where they are 0 all over an image ..."""
WIDEST = 1e6
"""... and the mean of a block by this."""
SPREADS = (8.0, 1.0)
"""How many times as much as in the mean of an image coefficients vary in a block, as it is tried."""
LEAST_LEFT = 1e-9
"""A variance of less is none."""
PATIENCE, FEW = 64, 8
"""It is given up where, of so many blocks or more, one in so many or less came out in the end."""


class Belief(NamedTuple):
    """What is believed of the coefficients of a block: ``mean`` (64,) and ``covariance`` (64, 64). Scratch: ``gain``,
    how all change with what is told or what samples are expected to be, and the ``best`` block so far (64,)."""

    mean: Vector[np.float64]
    covariance: Table[np.float64]
    gain: Vector[np.float64]
    best: Vector[np.int32]


def belief() -> Belief:
    """One to be filled."""
    mean, gain = np.zeros((2, SIZE))
    return Belief(mean, np.zeros((SIZE, SIZE)), gain, np.zeros(SIZE, np.int32))


@inlined
def _learn(miss: float, variance: float, held: Belief) -> None:
    """Change what is believed by what something was found to differ by from what was expected of it, with the
    ``variance`` of that: ``held.gain`` says how all vary with it."""
    part = 1.0 / variance
    for i in range(SIZE):
        share = held.gain[i] * part
        held.mean[i] += share * miss
        row = held.covariance[i]
        for j in range(SIZE):
            row[j] -= share * held.gain[j]


@kernel
def _tell_sample(p: int, value: float, variance: float, held: Belief) -> None:
    """Sample ``p`` was seen to be about ``value``."""
    pattern = PATTERNS_OF_SAMPLES[p]
    total, expected = variance, 0.0
    for i in range(SIZE):
        held.gain[i] = 0.0
        expected += pattern[i] * held.mean[i]
    for j in range(SIZE):
        row, size = held.covariance[j], pattern[j]
        for i in range(SIZE):
            held.gain[i] += size * row[i]
    for i in range(SIZE):
        total += pattern[i] * held.gain[i]
    _learn(value - expected, total, held)


@kernel
def _tell_bounds(room: Scratch, held: Belief) -> bool:
    """Take the sample that would leave its bounds by most to lie there. Returns whether there is one."""
    expected = held.gain
    for p in range(SIZE):
        expected[p] = 0.0
    for i in range(SIZE):
        pattern, mean = PATTERNS_OF_COEFFICIENTS[i], held.mean[i]
        for p in range(SIZE):
            expected[p] += pattern[p] * mean
    worst, at, value = SLACK, -1, 0.0
    for p in range(SIZE):
        low, high = room.low[p] * UNIT, room.high[p] * UNIT
        beyond = max(low - expected[p], expected[p] - high)
        if beyond > worst:
            worst, at, value = beyond, p, low if expected[p] < low else high
    if at >= 0:
        _tell_sample(at, value, AT_BOUND, held)
    return at >= 0


@kernel
def _surest(table: Vector[np.int64], held: Belief, fixed: Vector[np.int64]) -> int:
    """The coefficient not fixed that leaves least doubt; of those equally sure, the first."""
    best, at = -1.0, -1
    for i in range(SIZE):
        if fixed[i] != 0:
            continue
        steps = held.mean[i] / table[i]
        rest = abs(steps - np.floor(steps + 0.5))
        sure = ((0.5 - rest) * table[i]) ** 2 / max(LEAST_LEFT, held.covariance[i, i])
        if sure > best:
            best, at = sure, i
    return at


@kernel
def _believe(room: Scratch, variances: Vector[np.float64], spread: float, held: Belief) -> None:
    """Begin with what coefficients vary by, and what samples say of them that are known or nearly so."""
    for i in range(SIZE):
        held.mean[i] = 0.0
        for j in range(SIZE):
            held.covariance[i, j] = 0.0
        held.covariance[i, i] = WIDEST if i == 0 else spread * variances[i]
    for p in range(SIZE):
        width = (int(room.high[p]) - int(room.low[p])) * UNIT
        if width <= NARROW:
            value = int(room.target[p]) << SHIFT
            value = max(int(room.low[p]) + HALF, min(int(room.high[p]) - HALF, value))
            _tell_sample(p, value * UNIT, width * width / 12, held)


@kernel
def _round_one_by_one(block: Vector[np.int32], table: Vector[np.int64], room: Scratch, held: Belief) -> None:
    """Fill a block with rounded coefficients, the surest first."""
    fixed = room.work
    for i in range(SIZE):
        fixed[i] = 0
    for _ in range(SIZE):
        if not _tell_bounds(room, held):
            break
    for _ in range(SIZE):
        i = _surest(table, held, fixed)
        block[i] = max(-MOST, min(MOST, int(np.floor(held.mean[i] / table[i] + 0.5))))
        fixed[i] = 1
        value, variance = float(block[i] * table[i]), held.covariance[i, i]
        if variance > LEAST_LEFT:
            for j in range(SIZE):
                held.gain[j] = held.covariance[i, j]
            _learn(value - held.mean[i], variance, held)
        held.mean[i] = value
        for j in range(SIZE):
            held.covariance[i, j] = held.covariance[j, i] = 0.0
        _tell_bounds(room, held)


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
    for spread in SPREADS:
        _copy(block, held.best)
        _believe(room, variances, spread, held)
        _round_one_by_one(block, inversion.table, room, held)
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
    coefficients: Cube[np.int32],
    variances: Vector[np.float64],
    room: Scratch,
    held: Belief,
) -> int:
    """Change ``coefficients`` (rows of blocks, blocks in a row, 64) of blocks whose samples do not lie in their bounds,
    where fewer do not then. ``variances`` (64,): what coefficients vary by. Returns how many blocks come out that did
    not before."""
    tried, helped = 0, 0
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            if tried >= PATIENCE and FEW * helped < tried:
                return helped
            block = coefficients[row, column]
            is_free = load(guessed, row, column, room)
            least = draw_block(block, inversion, room)
            if least == 0:
                continue
            _copy(block, held.best)
            wrong = solve_block(guessed, row, column, inversion, HOPELESS, block, room)
            if wrong >= least:
                _copy(held.best, block)
            if min(wrong, least) > 0 and is_free:
                load(guessed, row, column, room)
                _round_block(block, inversion, variances, room, held)
            tried += 1
            helped += 1 if draw_block(block, inversion, room) == 0 else 0
    return helped


def round_surest(guessed: Guessed, inversion: Inversion, coefficients: Cube[np.int32]) -> None:
    """Change coefficients of blocks that do not come out, so that more samples come to lie in their bounds."""
    values = (coefficients * inversion.table).reshape(-1, SIZE).astype(np.float64)
    variances = (values**2).mean(axis=0) + LEAST_VARIANCE * inversion.table.astype(np.float64) ** 2
    round_blocks(guessed, inversion, coefficients, variances, scratch(), belief())
