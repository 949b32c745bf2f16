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
    scaled = plane.astype(np.int64) << (16 - bits)
    near, middle, far = (_means(scaled, reach) for reach in (NEAR, MIDDLE, FAR))
    found = np.empty((FEATURES, *plane.shape), np.uint8)
    found[0] = _levels(near - middle)
    found[1] = _levels(near - far)
    found[2] = np.minimum(near >> (16 - FEATURE_BITS), 2 * HALF - 1)
    return found


def _means(plane: npt.NDArray[np.int64], reach: int) -> npt.NDArray[np.int64]:
    """Of each sample the mean of the square around it, its border repeated."""
    side = 2 * reach + 1
    wide = np.pad(plane, reach, mode="edge")
    for axis in (0, 1):
        sums = np.cumsum(np.insert(wide, 0, 0, axis=axis), axis=axis)
        wide = np.take(sums, range(side, sums.shape[axis]), axis) - np.take(sums, range(sums.shape[axis] - side), axis)
    return wide // (side * side)


def _levels(differences: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Differences in halves of their mean size, as numbers from 0 to 2 * HALF - 1."""
    size = max(1, int(np.abs(differences).sum()) // differences.size)
    return (2 * differences // size + HALF).clip(0, 2 * HALF - 1)
