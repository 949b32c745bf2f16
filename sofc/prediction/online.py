"""Adaptive correction of predictions: least squares over the finished samples around, in integers.

The image is cut into stripes of STRIPE columns. Each keeps the normal equations of the samples coded in it so far, the
older the less; before each row of a stripe its weights take SWEEPS steps of Gauss-Seidel towards the least-squares
solution of its own and its two neighbours' equations. Targets are the errors of the bank, taps are differences.

The lower triangle of the equations is kept row by row, each row filled up to a multiple of TILE numbers so that it is
summed in whole vectors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.prediction.bank import OWN, REFERENCE

Integers = Vector[np.int64]
Words = Vector[np.int32]

STRIPE = 8
WIDEST = 1 << 18
"""Planes with longer rows are not corrected: their stripes would take far more memory than their samples."""
OWN_VALUES, REFERENCE_VALUES = len(OWN), len(REFERENCE)
"""Samples that the bank takes of the plane itself and of each reference; corrections take the first of them."""
TAPS = 14
REFERENCE_TAPS = 4
"""Taps of each reference; the rest of TAPS are the plane's own."""
TILE = 4
LANES = 16
"""Places for the taps and the target, filled up with zeros."""
SWEEPS = 2
DECAY = 3
"""Before each row the equations lose 1 / 2**DECAY of themselves."""
RIDGE = 1 << 18
"""Added to the diagonal: without evidence weights are zero."""
SCALE_BITS = 13
"""A weight of one eighth of a sample, the unit of predictions, for each unit of a tap is 2**SCALE_BITS."""
WEIGHT_LIMIT = 1 << 18
DIAGONAL_BITS = 28
INVERSE_BITS = 40
MOVE_BITS = 19
SHARE_BITS = 13
SHARE_START = 24


def _weight_table() -> Integers:
    """How much a sample counts, by the sum of its log error and the one expected: the inverse of their product."""
    sums = np.arange(512)
    return np.clip(np.rint(2.0 ** (SHARE_BITS - np.maximum(0, sums - SHARE_START) / 8)), 1, None).astype(np.int64)


SAMPLE_WEIGHTS = _weight_table()


class Stripes(NamedTuple):
    """The state of the correction of one plane: equations and weights of its stripes, and room to work in.

    ``sums`` (stripes + 2, LANES * LANES) and ``weights`` (stripes + 2, LANES): one stripe before the first and one
    after the last stay zero. ``taps`` and ``weighted`` (STRIPE * LANES,), ``targets`` (STRIPE,): the samples of a row
    of the stripe, for its sums. ``matrix`` (LANES * LANES,), ``rest`` and ``inverse`` (LANES,): for ``solve``, which
    moves the weights; zeros beyond the taps. Matrices lie flat, so that compiled code knows how far apart their rows
    are.
    """

    sums: Table[np.int64]
    taps: Words
    weighted: Words
    targets: Integers
    weights: Table[np.int32]
    matrix: Words
    rest: Integers
    inverse: Integers


def stripes_of(width: int) -> Stripes:
    """The state before the first row of a plane so wide; 0 where nothing is corrected."""
    count = -(-width // STRIPE) + 2 if width else 1
    return Stripes(
        sums=np.zeros((count, LANES * LANES), np.int64),
        taps=np.zeros(STRIPE * LANES, np.int32),
        weighted=np.zeros(STRIPE * LANES, np.int32),
        targets=np.zeros(STRIPE, np.int64),
        weights=np.zeros((count, LANES), np.int32),
        matrix=np.zeros(LANES * LANES, np.int32),
        rest=np.zeros(LANES, np.int64),
        inverse=np.zeros(LANES, np.int64),
    )


@inlined
def correct(stripes: Stripes, x: int, values: Words, references: int, mu: int) -> int:
    """What to add to the prediction of the sample in column x, in eighths."""
    stripe, within = x // STRIPE + 1, x & (STRIPE - 1)
    if within == 0:
        solve(stripes, stripe)
    return correction(stripes, stripe, within, values, references, mu)


@inlined
def correction(stripes: Stripes, stripe: int, within: int, values: Words, references: int, mu: int) -> int:
    """The same by the stripe's weights as they are.

    Sets the sample's taps: samples of its own plane less ``mu``, those of a reference less the one in place.
    """
    taps, weights, first = stripes.taps, stripes.weights[stripe], within * LANES
    total = np.int64(0)
    own = TAPS - REFERENCE_TAPS * references
    for i in range(own):
        taps[first + i] = values[i] - mu
        total += np.int64(taps[first + i]) * np.int64(weights[i])
    for reference in range(references):
        place = REFERENCE_VALUES * reference + OWN_VALUES
        at = own + REFERENCE_TAPS * reference
        middle = values[place]
        for i in range(REFERENCE_TAPS):
            taps[first + at + i] = values[place + 1 + i] - middle
            total += np.int64(taps[first + at + i]) * np.int64(weights[at + i])
    return int(total >> SCALE_BITS)


@inlined
def note(stripes: Stripes, x: int, last: bool, log_errors: int, target: int) -> None:
    """Take in the sample in column x, its row's last or not, once ``correct`` was asked for it.

    ``log_errors``: the sum of its log error and the one expected, less the plane's scale. ``target``: the bank's error.
    """
    stripe, within = x // STRIPE + 1, x & (STRIPE - 1)
    weight, first = SAMPLE_WEIGHTS[max(0, log_errors)], within * LANES
    for i in range(LANES):
        stripes.weighted[first + i] = stripes.taps[first + i] * weight
    stripes.targets[within] = target
    if last or within == STRIPE - 1:
        learn(stripes, stripe, within + 1)


@kernel
def learn(stripes: Stripes, stripe: int, samples: int) -> None:
    """Add the first samples of a row of the stripe to its equations.

    These are a lower triangle; the products with the target are in row TAPS.
    """
    sums, taps, weighted = stripes.sums[stripe], stripes.taps, stripes.weighted
    for j in range(samples * LANES, STRIPE * LANES):
        weighted[j] = 0
    for i in range(TAPS):
        t0, t1 = np.int64(taps[i]), np.int64(taps[LANES + i])
        t2, t3 = np.int64(taps[2 * LANES + i]), np.int64(taps[3 * LANES + i])
        t4, t5 = np.int64(taps[4 * LANES + i]), np.int64(taps[5 * LANES + i])
        t6, t7 = np.int64(taps[6 * LANES + i]), np.int64(taps[7 * LANES + i])
        for j in range(i // TILE * TILE + TILE):
            sums[i * LANES + j] += (
                t0 * np.int64(weighted[j]) + t1 * np.int64(weighted[LANES + j])
                + t2 * np.int64(weighted[2 * LANES + j]) + t3 * np.int64(weighted[3 * LANES + j])
                + t4 * np.int64(weighted[4 * LANES + j]) + t5 * np.int64(weighted[5 * LANES + j])
                + t6 * np.int64(weighted[6 * LANES + j]) + t7 * np.int64(weighted[7 * LANES + j])
            )  # fmt: skip
    for k in range(samples):
        target = stripes.targets[k]
        for j in range(TAPS):
            sums[TAPS * LANES + j] += target * np.int64(weighted[k * LANES + j])


@kernel
def solve(stripes: Stripes, stripe: int) -> None:
    """Move a stripe's weights towards the solution of its own and its neighbours' equations, then let its own fade."""
    west, own, east = stripes.sums[stripe - 1], stripes.sums[stripe], stripes.sums[stripe + 1]
    weights, matrix, rest, inverse = stripes.weights[stripe], stripes.matrix, stripes.rest, stripes.inverse
    largest = np.int64(1)
    for i in range(TAPS):
        at = i * LANES + i
        largest = max(largest, west[at] + own[at] + east[at])
    shift = 0
    while largest >> shift >= 1 << DIAGONAL_BITS:
        shift += 1
    for i in range(TAPS):
        for j in range(i * LANES, i * LANES + i // TILE * TILE + TILE):
            matrix[j] = (west[j] + own[j] + east[j]) >> shift
    for i in range(TAPS):
        for j in range(i):
            matrix[j * LANES + i] = matrix[i * LANES + j]
    ridge = max(1, RIDGE >> shift)
    for i in range(TAPS):
        at = TAPS * LANES + i
        rest[i] = ((west[at] + own[at] + east[at]) >> shift) << SCALE_BITS
        matrix[i * LANES + i] += ridge
        inverse[i] = (1 << INVERSE_BITS) // np.int64(matrix[i * LANES + i])
    for i in range(TAPS):
        weight = np.int64(weights[i])
        for j in range(LANES):
            rest[j] -= weight * np.int64(matrix[i * LANES + j])
    for _ in range(SWEEPS):
        for i in range(TAPS):
            bound = np.int64(matrix[i * LANES + i]) << MOVE_BITS
            step = (max(-bound, min(bound, rest[i])) * inverse[i]) >> INVERSE_BITS
            weight = np.int64(weights[i])
            moved = max(-WEIGHT_LIMIT, min(WEIGHT_LIMIT, weight + step))
            step = moved - weight
            weights[i] = moved
            for j in range(LANES):
                rest[j] -= step * np.int64(matrix[i * LANES + j])
    for i in range((TAPS + 1) * LANES):
        own[i] -= own[i] >> DECAY
