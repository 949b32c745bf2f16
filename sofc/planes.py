"""What every coding stage works on: planes of one component."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.int32]
"""Samples of one coded component, shape (rows, width)."""


NarrowPlane = npt.NDArray[np.int16] | Plane
"""The same of decoders, which may give samples of few bits in fewer bits."""


def zeros(rows: int, width: int) -> Plane:
    """A plane of zeros, for reading only, that takes no memory: all samples are one."""
    return np.ndarray((rows, width), np.int32, bytes(4), strides=(0, 0))


def has_any(plane: NarrowPlane) -> bool:
    """Whether any sample is not zero, at once of a plane of ``zeros``."""
    return bool(plane.any() if any(plane.strides) else plane.flat[0])


class PlaneRange(NamedTuple):
    """The values that a plane may hold, both ends included."""

    low: int
    high: int

    @property
    def size(self) -> int:
        """The largest value once the lowest is taken off."""
        return self.high - self.low
