"""Adaptive correction of predictions: least squares over the finished samples around, in integers.

The image is cut into stripes of STRIPE columns. Each keeps the normal equations of the samples coded in it so far, the
older the less; before each row of a stripe its weights take SWEEPS steps of Gauss-Seidel towards the least-squares
solution of its own and its two neighbours' equations. Targets are the errors of the bank, taps are differences.

The lower triangle of the equations is kept row by row, each row filled up to a multiple of TILE numbers so that it is
summed in whole vectors.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.kernels._jit import kernel

Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.int32]

STRIPE = 8
OWN_VALUES = 20
REFERENCE_VALUES = 9
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


def _share_table() -> Integers:
    """How much a sample counts, by the sum of its mark and its energy: the inverse of both errors' product."""
    sums = np.arange(512)
    return np.clip(np.rint(2.0 ** (SHARE_BITS - np.maximum(0, sums - SHARE_START) / 8)), 1, None).astype(np.int64)


SHARES = _share_table()


@kernel
def correction(taps: Words, values: Words, references: int, mu: int, weights: Words) -> int:
    """What to add to a prediction, in eighths.

    ``taps`` (LANES,) is set to what that is made of: own samples less ``mu``, those of a reference less the one in
    place.
    """
    total = np.int64(0)
    own = TAPS - REFERENCE_TAPS * references
    for i in range(own):
        taps[i] = values[i] - mu
        total += np.int64(taps[i]) * np.int64(weights[i])
    for reference in range(references):
        place = REFERENCE_VALUES * reference + OWN_VALUES
        at = own + REFERENCE_TAPS * reference
        middle = values[place]
        for i in range(REFERENCE_TAPS):
            taps[at + i] = values[place + 1 + i] - middle
            total += np.int64(taps[at + i]) * np.int64(weights[at + i])
    return int(total >> SCALE_BITS)


@kernel
def weigh(taps: Words, shared: Words, share: int) -> None:
    """Multiply the taps of a sample by its share."""
    for i in range(taps.shape[0]):
        shared[i] = taps[i] * share


@kernel
def learn(sums: Integers, taps: Words, shared: Words, targets: Integers, samples: int) -> None:
    """Add the samples of one row to their stripe's equations.

    ``sums`` (LANES, LANES): lower triangle, the products with the target in row TAPS. ``taps`` and ``shared``
    (STRIPE, LANES): the taps of each sample, and those multiplied by its share; rows past ``samples`` are zero.
    """
    for i in range(TAPS):
        t0, t1, t2, t3 = np.int64(taps[0, i]), np.int64(taps[1, i]), np.int64(taps[2, i]), np.int64(taps[3, i])
        t4, t5, t6, t7 = np.int64(taps[4, i]), np.int64(taps[5, i]), np.int64(taps[6, i]), np.int64(taps[7, i])
        row = sums[i]
        for j in range(i // TILE * TILE + TILE):
            row[j] += (
                t0 * np.int64(shared[0, j]) + t1 * np.int64(shared[1, j])
                + t2 * np.int64(shared[2, j]) + t3 * np.int64(shared[3, j])
                + t4 * np.int64(shared[4, j]) + t5 * np.int64(shared[5, j])
                + t6 * np.int64(shared[6, j]) + t7 * np.int64(shared[7, j])
            )  # fmt: skip
    row = sums[TAPS]
    for k in range(samples):
        target = targets[k]
        for j in range(TAPS):
            row[j] += target * np.int64(shared[k, j])


@kernel
def solve(
    west: Integers,
    own: Integers,
    east: Integers,
    weights: Words,
    matrix: Words,
    rest: Integers,
    inverse: Integers,
) -> None:
    """Move a stripe's weights towards the solution of its equations, then let these fade.

    ``west``, ``own``, ``east`` (LANES, LANES): the equations of the stripe and its neighbours. ``matrix``
    (LANES, LANES), ``rest`` and ``inverse`` (LANES,): room to work in, zeros beyond the taps.
    """
    largest = np.int64(1)
    for i in range(TAPS):
        largest = max(largest, west[i, i] + own[i, i] + east[i, i])
    shift = 0
    while largest >> shift >= 1 << DIAGONAL_BITS:
        shift += 1
    lanes = rest.shape[0]
    for i in range(TAPS):
        target, left, middle, right = matrix[i], west[i], own[i], east[i]
        for j in range(i // TILE * TILE + TILE):
            target[j] = (left[j] + middle[j] + right[j]) >> shift
    for i in range(TAPS):
        for j in range(i):
            matrix[j, i] = matrix[i, j]
    ridge = max(1, RIDGE >> shift)
    for i in range(TAPS):
        rest[i] = ((west[TAPS, i] + own[TAPS, i] + east[TAPS, i]) >> shift) << SCALE_BITS
        matrix[i, i] += ridge
        inverse[i] = (1 << INVERSE_BITS) // np.int64(matrix[i, i])
    for i in range(TAPS):
        weight, row = np.int64(weights[i]), matrix[i]
        for j in range(lanes):
            rest[j] -= weight * np.int64(row[j])
    for _ in range(SWEEPS):
        for i in range(TAPS):
            row = matrix[i]
            bound = np.int64(row[i]) << MOVE_BITS
            step = (max(-bound, min(bound, rest[i])) * inverse[i]) >> INVERSE_BITS
            weight = np.int64(weights[i])
            moved = max(-WEIGHT_LIMIT, min(WEIGHT_LIMIT, weight + step))
            step = moved - weight
            weights[i] = moved
            for j in range(lanes):
                rest[j] -= step * np.int64(row[j])
    for i in range(TAPS + 1):
        row = own[i]
        for j in range(lanes):
            row[j] -= row[j] >> DECAY
