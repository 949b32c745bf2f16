"""Local error energy: the mark to be expected of a sample, foretold from the marks around it.

A mark is a logarithm of an absolute prediction error, a byte. The energy of a sample is a weighted sum of the marks
of its neighbours, those at the same place in reference planes included, and an offset for its predictor. The
weights are fitted by least squares from exact sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Marks = npt.NDArray[np.uint8]

OWN = ((0, -1), (0, -2), (-1, 0), (-1, -1), (-1, 1), (-2, 0))
FIRST = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))
SECOND = ((0, 0), (0, -1), (0, 1))
"""(row, column) offsets of the marks that count, in the plane itself and in its references."""
WEIGHTS = len(OWN) + len(FIRST) + len(SECOND)

WEIGHT_LIMIT = 1 << 12
OFFSET_LIMIT = 1 << 17


def marks(references: int) -> int:
    """How many marks around a sample of a plane with that many references count."""
    return len(OWN) + (len(FIRST) if references > 0 else 0) + (len(SECOND) if references > 1 else 0)


class MarkSums(NamedTuple):
    """Exact sums for one plane: the marks around each sample and, last, its own.

    ``products`` (marks + 1, marks + 1); ``sums`` (classes, marks + 1); ``counts`` (classes,).
    """

    products: Integers
    sums: Integers
    counts: Integers

    @classmethod
    def empty(cls, classes: int, references: int) -> MarkSums:
        """Sums of nothing."""
        size = marks(references) + 1
        return cls(np.zeros((size, size), np.int64), np.zeros((classes, size), np.int64), np.zeros(classes, np.int64))

    def add(self, numbers: npt.NDArray[np.int32], own: Marks, references: Sequence[Marks]) -> None:
        """Add an image. ``numbers`` (rows, width): predictors; marks are padded by 3 or more on top, left and right."""
        shape = numbers.shape
        columns = [_shift(own, shape, *offset) for offset in OWN]
        for plane, offsets in zip(references, (FIRST, SECOND), strict=False):
            columns += [_shift(plane, shape, *offset) for offset in offsets]
        columns.append(_shift(own, shape, 0, 0))
        matrix = np.stack(columns, axis=1).astype(np.float64)
        classes = numbers.ravel()
        # Sums of products of bytes stay exact in floating point.
        self.products[:] += (matrix.T @ matrix).astype(np.int64)
        for column in range(matrix.shape[1]):
            self.sums[:, column] += np.bincount(classes, matrix[:, column], len(self.counts)).astype(np.int64)
        self.counts[:] += np.bincount(classes, minlength=len(self.counts))


def _shift(padded: Marks, shape: tuple[int, ...], rows: int, columns: int) -> Marks:
    pad = (padded.shape[1] - shape[1]) // 2
    return padded[pad + rows : pad + rows + shape[0], pad + columns : pad + columns + shape[1]].ravel()


def added(statistics: Iterator[list[list[MarkSums]]]) -> list[list[MarkSums]]:
    """The sums of all shards, by predictions and plane."""
    totals = next(statistics)
    for shard in statistics:
        for mine, theirs in zip(totals, shard, strict=True):
            for target, addition in zip(mine, theirs, strict=True):
                for left, right in zip(target, addition, strict=True):
                    left += right
    return totals


def map_cost(found: MarkSums, weights: npt.NDArray[np.int64]) -> float:
    """Bits of the errors, about, and of the weights: twice half a natural unit for each that was fitted."""
    return float(found.sums[:, -1].sum()) / 8 + 1.44 * weights.size


def fit_energy(found: MarkSums, offset_limit: int = OFFSET_LIMIT) -> tuple[Integers, Integers]:
    """Offsets (classes,) and weights (WEIGHTS,) that foretell a sample's mark, in 1/256 mark."""
    size = len(found.products) - 1
    counts = np.maximum(1, found.counts)[:, None]
    means = (found.sums / counts).astype(np.float64)
    inside = found.products - means.T @ found.sums
    weights = np.linalg.solve(inside[:size, :size] + np.eye(size), inside[:size, size])
    scaled = np.clip(np.rint(256 * weights), -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int64)
    every = found.sums.sum(axis=0) / max(1, int(found.counts.sum()))
    level = np.where(found.counts[:, None] > 0, means, every)
    offsets = np.rint(256 * level[:, size] - level[:, :size] @ scaled)
    result = np.zeros(WEIGHTS, np.int64)
    result[:size] = scaled
    return np.clip(offsets, -offset_limit, offset_limit).astype(np.int64), result
