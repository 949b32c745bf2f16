"""Component transforms: reversible integer maps between the components of an image and the planes coded.

Samples of signed images are shifted to 0 .. 2**bits - 1 before the transform.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.jpeg.colour import (
    CONVERSIONS,
    CORRECTIONS,
    TELLING,
    Channels,
    blank_memo,
    colours,
    conversion_of,
    from_rgb,
    likely_conversion,
    reached,
)
from sofc.planes import NarrowPlane, Plane, PlaneRange, has_any, zeros

CORRECTION_BASE = 511
"""Corrections are three differences of -255 .. 255, written as digits."""
FEW_MISSED = 50
"""At most one sample in so many needs a correction, of images that a JPEG decoder converted."""
TILE = 16
"""Rows and columns of tiles of which most need none where such an image was painted over."""


def _anything(planes: Sequence[Plane]) -> bool:
    return True


def _no_shortcut(planes: Sequence[NarrowPlane]) -> None:
    return None


@dataclass(frozen=True)
class Transform:
    """``components`` and ``bits`` are None where any number will do. ``ranges(components, bits)`` bounds the planes.

    The last ``corrections`` planes are nearly all zeros; ``uncorrected`` gives these without any corrections. ``suits``
    says of transformed planes whether the transform is of use for them: an encoder's hint. ``samples``: what
    ``inverse`` gives, as samples (rows, width, components) of 8 bits, where there is a short way to it, else None.
    """

    id: int
    name: str
    components: int | None
    bits: int | None
    ranges: Callable[[int, int], list[PlaneRange]]
    forward: Callable[[Sequence[Plane]], list[Plane]]
    inverse: Callable[[Sequence[Plane]], list[Plane]]
    suits: Callable[[Sequence[Plane]], bool] = _anything
    corrections: int = 0
    uncorrected: Callable[[Sequence[Plane]], list[Plane]] = list
    samples: Callable[[Sequence[NarrowPlane]], npt.NDArray[np.uint8] | None] = _no_shortcut

    def accepts(self, components: int, bits: int) -> bool:
        """Whether images of this kind can be transformed."""
        return self.components in (None, components) and self.bits in (None, bits)


def _same_ranges(components: int, bits: int) -> list[PlaneRange]:
    return [PlaneRange(0, (1 << bits) - 1)] * components


def _difference_ranges(components: int, bits: int) -> list[PlaneRange]:
    top = (1 << bits) - 1
    return [PlaneRange(0, top), PlaneRange(-top, top), PlaneRange(-top, top)]


def _lattice_ranges(components: int, bits: int) -> list[PlaneRange]:
    return [PlaneRange(0, 255)] * 3 + [PlaneRange(0, len(CONVERSIONS) * CORRECTIONS - 1)]


def _papers_forward(planes: Sequence[Plane]) -> list[Plane]:
    """Y = floor((R + 2G + B) / 4), U = R - G, V = B - G (Xin and Fan, Sci. Rep. 11, 12372, as in JPEG 2000's RCT)."""
    red, green, blue = planes
    return [(red + 2 * green + blue) >> 2, red - green, blue - green]


def _papers_inverse(planes: Sequence[Plane]) -> list[Plane]:
    y, u, v = planes
    green = y - ((u + v) >> 2)
    return [u + green, green, v + green]


def _green_first(planes: Sequence[Plane]) -> list[Plane]:
    red, green, blue = planes
    return [green, red, blue]


def _subtract_green_forward(planes: Sequence[Plane]) -> list[Plane]:
    red, green, blue = planes
    return [green, red - green, blue - green]


def _subtract_green_inverse(planes: Sequence[Plane]) -> list[Plane]:
    green, red, blue = planes
    return [red + green, green, blue + green]


def _ycocg_forward(planes: Sequence[Plane]) -> list[Plane]:
    """YCoCg-R (Malvar and Sullivan, JVT-I014)."""
    red, green, blue = planes
    orange = red - blue
    middle = blue + (orange >> 1)
    cyan = green - middle
    return [middle + (cyan >> 1), orange, cyan]


def _ycocg_inverse(planes: Sequence[Plane]) -> list[Plane]:
    y, orange, cyan = planes
    middle = y - (cyan >> 1)
    blue = middle - (orange >> 1)
    return [blue + orange, cyan + middle, blue]


def _lattice_forward(planes: Sequence[Plane]) -> list[Plane]:
    """Y, Cb, Cr that convert to the samples by the likeliest conversion, and what is left to correct: 0, or 1 + the
    three differences as digits; CORRECTIONS more for each conversion before."""
    number = likely_conversion(planes)
    converted, correction = _converted_by(number, planes)
    telling = np.zeros(correction.shape, np.bool_)
    while has_any(correction) and np.count_nonzero(correction) <= correction.size // FEW_MISSED:
        # Conversions may differ in so few colours that the others do not tell.
        telling |= correction != 0
        other = likely_conversion([np.concatenate([_some(plane), _some(plane[telling])]) for plane in planes])
        if other == number:
            break
        more = _converted_by(other, planes)
        if np.count_nonzero(more[1]) >= np.count_nonzero(correction):
            break
        number, (converted, correction) = other, more
    return [*converted, correction + np.int32(number * CORRECTIONS) if number else correction]


def _some(samples: Plane) -> Plane:
    """Some samples from all over."""
    return samples.reshape(-1)[:: max(1, samples.size // TELLING)]


def _converted_by(number: int, planes: Sequence[Plane]) -> tuple[list[Plane], Plane]:
    """Y, Cb and Cr by a conversion, and what is left to correct."""
    converted = [np.empty_like(planes[0]) for _ in range(3)]
    correction = zeros(*planes[0].shape)
    if from_rgb(CONVERSIONS[number], Channels(*planes), Channels(*converted), blank_memo()):
        made = reached(converted, CONVERSIONS[number])
        missed = np.logical_or.reduce([plane != got for plane, got in zip(planes, made, strict=True)])
        digits = np.zeros(np.count_nonzero(missed), np.int32)
        for plane, got in zip(planes, made, strict=True):
            digits = digits * np.int32(CORRECTION_BASE) + (plane[missed] - got[missed] + np.int32(255))
        correction = np.zeros_like(planes[0])
        correction[missed] = digits + 1
    return converted, correction


def _lattice_inverse(planes: Sequence[Plane]) -> list[Plane]:
    *converted, correction = planes
    samples = reached([plane.astype(np.int32, copy=False) for plane in converted], conversion_of(planes))
    if has_any(correction) and (correction := correction % CORRECTIONS).any():
        digits = np.where(correction > 0, correction - 1, (CORRECTION_BASE**3 - 1) // 2)
        for plane in reversed(samples):
            plane += (digits % CORRECTION_BASE - 255).astype(np.int32)
            digits //= CORRECTION_BASE
    return samples


def _lattice_samples(planes: Sequence[NarrowPlane]) -> npt.NDArray[np.uint8] | None:
    *converted, correction = planes
    if has_any(correction):
        return None
    return colours([plane.astype(np.int16, copy=False) for plane in converted])


def _mostly_reached(planes: Sequence[Plane]) -> bool:
    """At most one sample in FEW_MISSED needs a correction, or hardly any does in most tiles: the others were painted
    over."""
    none = int(planes[3].flat[0]) // CORRECTIONS * CORRECTIONS  # of the conversion that all samples have
    missed: npt.NDArray[np.bool_] = planes[3] != none
    if FEW_MISSED * int(np.count_nonzero(missed)) <= missed.size:
        return True
    rows, width = (size // TILE for size in missed.shape)
    tiles = missed[: TILE * rows, : TILE * width].reshape(rows, TILE, width, TILE).any(axis=(1, 3))
    return bool(tiles.size) and 2 * int(np.count_nonzero(tiles)) < tiles.size


def _uncorrected(planes: Sequence[Plane]) -> list[Plane]:
    return [plane // CORRECTIONS * CORRECTIONS for plane in planes]


NONE = Transform(0, "none", None, None, _same_ranges, list, list)
PAPERS = Transform(1, "papers", 3, None, _difference_ranges, _papers_forward, _papers_inverse)
GREEN_FIRST = Transform(2, "green-first", 3, None, _same_ranges, _green_first, _green_first)
SUBTRACT_GREEN = Transform(
    3, "subtract-green", 3, None, _difference_ranges, _subtract_green_forward, _subtract_green_inverse
)
YCOCG = Transform(4, "ycocg", 3, None, _difference_ranges, _ycocg_forward, _ycocg_inverse)
LATTICE = Transform(
    5,
    "lattice",
    3,
    8,
    _lattice_ranges,
    _lattice_forward,
    _lattice_inverse,
    _mostly_reached,
    1,
    _uncorrected,
    _lattice_samples,
)
CHAIN = Transform(6, "chain", None, None, _same_ranges, list, list)
"""No transform; marks a model by which images that follow each other, or components, are predicted from each other."""
TRANSFORMS = {
    transform.id: transform for transform in (NONE, PAPERS, GREEN_FIRST, SUBTRACT_GREEN, YCOCG, LATTICE, CHAIN)
}
