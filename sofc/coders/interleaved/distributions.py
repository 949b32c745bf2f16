"""Fixed distributions: what counts cost, where to split them, and their frequencies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

CONTEXT_BITS = 60.0
"""What one more distribution costs, about."""


def entropy(counts: Floats) -> Floats:
    """Bits of ideal codes for counts (..., symbols)."""
    total = counts.sum(axis=-1)
    result: Floats = total * np.log2(np.maximum(total, 1)) - (counts * np.log2(np.maximum(counts, 1))).sum(axis=-1)
    return result


def split(counts: Floats, most: int) -> list[int]:
    """Split cells (cells, ..., symbols) into at most ``most`` runs, each coded by its joint distributions, such that
    ideal codes take the fewest bits: the first cell of each run."""
    cells = len(counts)
    sums = np.concatenate([np.zeros((1, *counts.shape[1:])), np.cumsum(counts, axis=0)])
    cost = np.full((cells + 1, cells + 1), np.inf)
    for start in range(cells):
        # cost[start, end] of one run of the cells start .. end - 1
        bits = entropy(sums[start + 1 :] - sums[start])
        cost[start, start + 1 :] = bits.reshape(cells - start, -1).sum(axis=1)
    best = cost[0].copy()
    choices = []
    for _ in range(most - 1):
        paths = best[:, None] + cost + CONTEXT_BITS
        before = paths.argmin(axis=0)
        reached = paths[before, np.arange(cells + 1)]
        better = reached < best
        choices.append(np.where(better, before, -1))
        best = np.where(better, reached, best)
    starts: list[int] = []
    end = cells
    for choice in reversed(choices):
        if choice[end] > 0:
            end = int(choice[end])
            starts.append(end)
    return [0, *reversed(starts)]


def frequencies_of(shares: Floats, total: int) -> Integers:
    """Frequencies that add up to ``total`` like shares that do: at least one where a share is positive, else 0."""
    kept = shares > 0
    result = np.where(kept, np.maximum(1, np.rint(shares)), 0).astype(np.int64)
    while (excess := int(result.sum()) - total) != 0:
        step = -1 if excess > 0 else 1
        # Change the one whose code length suffers least, or gains most.
        gain = shares * np.log2(np.maximum(result + step, 1) / np.maximum(result, 1))
        result[int(np.where(kept & (result + step >= 1), gain, -np.inf).argmax())] += step
    return result
