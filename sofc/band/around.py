"""What samples that are not known are likely to be, from those around."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.band.drawn import Mask
from sofc.planes import Plane

Reals = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

RADII = 2, 5, 12, 40
"""An image is guessed from what is known so far around, the nearest first."""


def from_around(plane: Plane, known: Mask) -> Reals:
    """A plane, where it is not known what is known around it is about."""
    result = np.where(known, plane, plane[known].mean() if known.any() else 0.0)
    is_open = ~known
    for radius in RADII:
        count = sums_around(known, radius)
        here = is_open & (count > radius)
        result[here] = sums_around(np.where(known, plane, 0), radius)[here] / count[here]
        is_open &= ~here
    return result


def sums_around(plane: npt.NDArray[np.generic], radius: int) -> Numbers:
    """The sum of samples so far around each."""
    result = plane.astype(np.int64)
    for axis, size in enumerate(plane.shape):
        total = np.insert(np.cumsum(result, axis=axis), 0, 0, axis=axis)
        places = np.arange(size)
        last, first = np.minimum(places + radius + 1, size), np.maximum(places - radius, 0)
        result = total.take(last, axis) - total.take(first, axis)
    return result
