"""Linear predictors changed as little as pays: least squares in which each weight that changes has its price in bits.

What a change of weights saves is about quadratic in it, so that each weight in turn can be put at the multiple of a
step that is best while the others stay (coordinate descent).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FINEST, STEPS = 9, 6
"""So many steps are tried, each twice the one before; the first is 2**-FINEST, or two units of the weights."""
SWEEPS = 8
CHANGED, DOUBLED, ROW = 5.0, 2.0, 6.0
"""About the bits that a weight's change takes, those for each doubling of it, and those of a row that has any."""
MOST = 2.0
"""No weight changes by more."""
STIFFNESS = 5e-5
"""Of the mean of the diagonal is added to it: taps may depend on each other."""


class SparseChange(NamedTuple):
    """``change`` (rows, taps), in multiples of 2**``shift`` units; ``saved``: bits, those of the change taken off."""

    change: Integers
    shift: int
    saved: float


def fit_change(
    equations: Integers | Floats, weights: Integers, bits: int, worth: Floats, bases: Integers | None = None
) -> SparseChange:
    """The change of linear predictors that saves most.

    ``equations`` (rows, taps + 1, taps + 1): lower halves of normal equations, the last row of the number to predict;
    ``weights`` (rows, taps), in 1 / 2**bits; ``worth`` (rows,): bits that one less in the sum of squared errors saves.
    ``bases`` (taps,): for each tap the number of that which stands for its group, itself or another one, or -1: the
    weights of a group keep their sum, so that only differences between its taps count.
    """
    rows, taps = weights.shape
    served = np.flatnonzero(equations[:, taps].any(axis=1))
    own = equations[served].astype(np.float64)
    own += np.tril(own, -1).swapaxes(-1, -2)
    matrix = own[:, :taps, :taps]
    left = own[:, taps, :taps] - (matrix @ (weights[served] / (1 << bits))[..., None])[..., 0]
    numbers, bases = np.arange(taps), np.full(taps, -1) if bases is None else bases
    relative = np.eye(taps)
    relative[numbers[bases >= 0], bases[bases >= 0]] -= 1  # those that stand for a group become 0
    matrix, left = relative @ matrix @ relative.T, left @ relative.T
    shifts = [max(1, bits - FINEST) + number for number in range(STEPS)]
    found = [_descend(matrix, left, bits - shift, worth[served]) for shift in shifts]
    best = int(np.argmax([saved for _, saved in found]))
    change = np.zeros((rows, taps), np.int64)
    change[served] = found[best][0]
    for base in np.unique(bases[bases >= 0]):
        change[:, base] = -change[:, (bases == base) & (numbers != base)].sum(axis=1)
    return SparseChange(change, shifts[best], found[best][1])


def _descend(matrix: Floats, left: Floats, bits: int, worth: Floats) -> tuple[Integers, float]:
    """Changes in 1 / 2**bits, and the bits that they save."""
    rows, taps = left.shape
    curved = matrix * (worth / 4.0**bits)[:, None, None]
    diagonal = np.trace(curved, axis1=1, axis2=2) / taps
    curved += (STIFFNESS * diagonal + 1e-9)[:, None, None] * np.eye(taps)
    slope = left * (worth / 2.0**bits)[:, None]
    change = np.zeros((rows, taps))
    most = np.floor(MOST * 2.0**bits)
    for _ in range(SWEEPS):
        for tap in range(taps):
            curve = curved[:, tap, tap]
            pull = slope[:, tap] + curve * change[:, tap]
            nearest = np.clip(np.rint(pull / curve), -most, most)
            best, cost = np.zeros(rows), np.zeros(rows)
            for candidate in (nearest, nearest - np.sign(nearest)):
                total = curve * candidate**2 - 2 * pull * candidate + _bits(candidate)
                best, cost = np.where(total < cost, candidate, best), np.minimum(total, cost)
            step = best - change[:, tap]
            slope -= curved[:, :, tap] * step[:, None]
            change[:, tap] = best
    start = slope + (curved @ change[..., None])[..., 0]
    saved = ((start + slope) * change).sum(axis=1) - _bits(change).sum(axis=1) - ROW
    change[saved <= 0] = 0
    return change.astype(np.int64), float(saved[saved > 0].sum())


def _bits(change: Floats) -> Floats:
    sizes = np.abs(change)
    return np.where(sizes > 0, CHANGED + DOUBLED * np.log2(np.maximum(sizes, 1)), 0)
