"""Component transforms: reversible integer maps between the components of an image and the planes coded.

Samples of signed images are shifted to 0 .. 2**bits - 1 before the transform.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sofc.coders.base import Plane, PlaneRange


@dataclass(frozen=True)
class Transform:
    """``components`` is None where any number will do. ``ranges(components, bits)`` bounds the planes."""

    id: int
    name: str
    components: int | None
    ranges: Callable[[int, int], list[PlaneRange]]
    forward: Callable[[Sequence[Plane]], list[Plane]]
    inverse: Callable[[Sequence[Plane]], list[Plane]]


def _same_ranges(components: int, bits: int) -> list[PlaneRange]:
    return [PlaneRange(0, (1 << bits) - 1)] * components


def _difference_ranges(components: int, bits: int) -> list[PlaneRange]:
    top = (1 << bits) - 1
    return [PlaneRange(0, top), PlaneRange(-top, top), PlaneRange(-top, top)]


def _papers_forward(planes: Sequence[Plane]) -> list[Plane]:
    """Y = floor((R + 2G + B) / 4), U = R - G, V = B - G (Xin and Fan, Sci. Rep. 11, 12372, as in JPEG 2000's RCT)."""
    red, green, blue = planes
    return [(red + 2 * green + blue) >> 2, red - green, blue - green]


def _papers_inverse(planes: Sequence[Plane]) -> list[Plane]:
    y, u, v = planes
    green = y - ((u + v) >> 2)
    return [u + green, green, v + green]


NONE = Transform(0, "none", None, _same_ranges, list, list)
PAPERS = Transform(1, "papers", 3, _difference_ranges, _papers_forward, _papers_inverse)
TRANSFORMS = {transform.id: transform for transform in (NONE, PAPERS)}
