"""Cutting counted cells into runs that ideal codes take few bits for: how trainings find levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def ideal_bits(counts: npt.NDArray[Any]) -> Floats:
    """Bits of ideal codes of counts (..., symbols), each row by a code of its own: shape (...)."""
    bits: Floats = _times_log(counts.sum(axis=-1)) - _times_log(counts).sum(axis=-1)
    return bits


def _times_log(values: npt.NDArray[Any]) -> Floats:
    return np.asarray(values * np.log2(np.where(values > 0, values, 1)), np.float64)


def partitions(
    counts: npt.NDArray[Any], bits: Callable[[npt.NDArray[Any]], Floats], most: int
) -> list[tuple[float, list[int]]]:
    """The best way to cut cells into one run, into two, and so on to ``most``: its bits, and the first cell of each.

    ``counts`` (cells, ...); ``bits``: what runs take whose counts are these sums (runs, ...). By dynamic programming;
    with fewer cells than runs the bits are infinite.
    """
    cells = len(counts)
    sums = np.concatenate([np.zeros((1, *counts.shape[1:]), counts.dtype), np.cumsum(counts, axis=0)])
    costs = np.full((cells + 1, cells + 1), np.inf)
    for first in range(cells):
        # costs[first, end] of one run of the cells first .. end - 1
        costs[first, first + 1 :] = bits(sums[first + 1 :] - sums[first])
    best = costs[0]
    lasts: list[npt.NDArray[np.intp]] = []
    found = [(float(best[cells]), [0])]
    for _ in range(1, most):
        paths = best[:, np.newaxis] + costs
        lasts.append(paths.argmin(axis=0))
        best = paths.min(axis=0)
        starts = [cells]
        for last in reversed(lasts):
            starts.append(int(last[starts[-1]]))
        found.append((float(best[cells]), [0, *starts[:0:-1]]))
    return found
