"""Expected errors: the quantised log error of a sample, predicted from those around it.

The expected error of a sample is a weighted sum of the quantised log errors (bytes) of its neighbours, those at the
same place in reference planes included, and an offset for its predictor. The weights are fitted by least squares from
exact sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Errors = npt.NDArray[np.uint8]

OWN = ((0, -1), (0, -2), (-1, 0), (-1, -1), (-1, 1), (-2, 0))
FIRST = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))
SECOND = ((0, 0), (0, -1), (0, 1))
"""(row, column) offsets of the errors that count, in the plane itself and in its references."""
WEIGHTS = len(OWN) + len(FIRST) + len(SECOND)

WEIGHT_LIMIT = 1 << 12
OFFSET_LIMIT = 1 << 17


def errors(references: int) -> int:
    """How many errors around a sample of a plane with that many references count."""
    return len(OWN) + (len(FIRST) if references > 0 else 0) + (len(SECOND) if references > 1 else 0)


class ErrorSums(NamedTuple):
    """Exact sums for one plane: the errors around each sample and, last, its own.

    ``products`` (errors + 1, errors + 1); ``sums`` (classes, errors + 1); ``counts`` (classes,).
    """

    products: Integers
    sums: Integers
    counts: Integers

    @classmethod
    def empty(cls, classes: int, references: int) -> ErrorSums:
        """Sums of nothing."""
        size = errors(references) + 1
        return cls(np.zeros((size, size), np.int64), np.zeros((classes, size), np.int64), np.zeros(classes, np.int64))

    def add(self, numbers: npt.NDArray[np.int32], own: Errors, references: Sequence[Errors]) -> None:
        """Add an image. ``numbers`` (rows, width): predictors; errors are padded by 3 or more all around."""
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


def _shift(padded: Errors, shape: tuple[int, ...], rows: int, columns: int) -> Errors:
    pad = (padded.shape[1] - shape[1]) // 2
    return padded[pad + rows : pad + rows + shape[0], pad + columns : pad + columns + shape[1]].ravel()


def map_cost(found: ErrorSums, weights: npt.NDArray[np.int64]) -> float:
    """Bits of the errors, about, and of the weights: twice half a natural unit for each that was fitted."""
    return float(found.sums[:, -1].sum()) / 8 + 1.44 * weights.size


def fit_expected(found: ErrorSums) -> tuple[Integers, Integers]:
    """Offsets (classes,) and weights (WEIGHTS,) that predict a sample's, in 1/256."""
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
    return np.clip(offsets, -OFFSET_LIMIT, OFFSET_LIMIT).astype(np.int64), result
