"""Fixed distributions: what counts cost, where to split them, and their frequencies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.partition import ideal_bits, partitions

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

CONTEXT_BITS = 60.0
"""What one more distribution costs, about."""


def split(counts: Floats, most: int) -> list[int]:
    """Split cells (cells, ..., symbols) into at most ``most`` runs, each coded by its joint distributions, such that
    ideal codes take the fewest bits: the first cell of each run."""

    def bits(runs: Floats) -> Floats:
        result: Floats = ideal_bits(runs).reshape(len(runs), -1).sum(axis=1) + CONTEXT_BITS
        return result

    return min(partitions(counts, bits, most))[1]


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
