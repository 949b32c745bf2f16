"""Spec likeness/guide: the features of an image that a binary one is coded with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.bilevel.kernel_guide import FEATURE_BITS, FEATURES
from sofc.planes import Plane

HALF = 1 << (FEATURE_BITS - 1)
NEAR, MIDDLE, FAR = 1, 4, 12
"""How far to each side the squares reach whose means are compared."""


def features_of(plane: Plane, bits: int) -> npt.NDArray[np.uint8]:
    """Features (FEATURES, rows, width) of samples from 0 to 2**bits - 1."""
    scaled = plane.astype(np.uint32) << np.uint32(16 - bits)
    near = _means(scaled, NEAR)
    found = np.empty((FEATURES, *plane.shape), np.uint8)
    for k, reach in enumerate((MIDDLE, FAR)):
        found[k] = _levels(near - _means(scaled, reach))
    found[2] = np.minimum(near >> (16 - FEATURE_BITS), 2 * HALF - 1)
    return found


def _means(plane: npt.NDArray[np.uint32], reach: int) -> npt.NDArray[np.int32]:
    """Of each sample the mean of the square around it, its border repeated."""
    side = 2 * reach + 1
    wide = np.pad(plane, reach, mode="edge")
    for axis in (0, 1):
        # Sums wrap around, their differences do not: 625 samples of 16 bits take less than 32.
        sums = np.cumsum(wide, axis=axis, dtype=np.uint32)
        wide = np.take(sums, range(side - 1, sums.shape[axis]), axis)
        rest = tuple(slice(1, None) if one == axis else slice(None) for one in (0, 1))
        wide[rest] -= np.take(sums, range(sums.shape[axis] - side), axis)
    return (wide // np.uint32(side * side)).astype(np.int32)


def _levels(differences: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Differences in halves of their mean size, as numbers from 0 to 2 * HALF - 1."""
    size = max(1, int(np.abs(differences).sum(dtype=np.int64)) // differences.size)
    return (2 * differences // size + HALF).clip(0, 2 * HALF - 1)
