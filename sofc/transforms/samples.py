"""Three components to samples side by side and back: what most images are made of, and slow for numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel
from sofc.jit.types import Vector
from sofc.planes import Plane

COMPONENTS = 3


class Components(NamedTuple):
    """Samples of three components, laid flat."""

    first: Vector[np.uint8]
    second: Vector[np.uint8]
    third: Vector[np.uint8]


@kernel
def put_side_by_side(components: Components, samples: Vector[np.uint8]) -> int:
    """Fill ``samples``, three times as many, with one of each component in turn. Returns 0."""
    first, second, third = components.first, components.second, components.third
    for i in range(first.shape[0]):
        samples[3 * i], samples[3 * i + 1], samples[3 * i + 2] = first[i], second[i], third[i]
    return 0


class ComponentPlanes(NamedTuple):
    """The same in planes."""

    first: Vector[np.int32]
    second: Vector[np.int32]
    third: Vector[np.int32]


@kernel
def take_apart(samples: Vector[np.uint8], planes: ComponentPlanes) -> int:
    """Inverse of put_side_by_side, into planes. Returns 0."""
    first, second, third = planes.first, planes.second, planes.third
    for i in range(first.shape[0]):
        first[i], second[i], third[i] = samples[3 * i], samples[3 * i + 1], samples[3 * i + 2]
    return 0


def apart(samples: npt.NDArray[np.uint8]) -> list[Plane]:
    """Three planes of samples (rows, width, 3)."""
    planes = [np.empty(samples.shape[:2], np.int32) for _ in range(COMPONENTS)]
    flat = np.require(samples, requirements=["C", "W"]).reshape(-1)
    take_apart(flat, ComponentPlanes(*(plane.reshape(-1) for plane in planes)))
    return planes


def side_by_side(planes: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.uint8]:
    """Samples (rows, width, 3) of three planes of 0 .. 255."""
    samples = np.empty((*planes[0].shape, COMPONENTS), np.uint8)
    flat = (np.ascontiguousarray(plane, np.uint8).reshape(-1) for plane in planes)
    put_side_by_side(Components(*flat), samples.reshape(-1))
    return samples


@kernel
def look_up(numbers: Vector[np.int32], values: Vector[np.int32], samples: Vector[np.int32]) -> bool:
    """Fill ``samples`` with the values that numbers stand for. Returns whether all numbers stand for one."""
    size, low, high = values.shape[0], 0, 0
    for i in range(numbers.shape[0]):
        low, high = min(low, int(numbers[i])), max(high, int(numbers[i]))
    if low < 0 or high >= size:
        return False
    for i in range(numbers.shape[0]):
        samples[i] = values[numbers[i] & 0x7FFFFFFF]  # an index that cannot be negative
    return True
