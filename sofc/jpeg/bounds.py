"""What samples say of the Y, Cb and Cr that a JPEG decoder converted, also where colours were cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jpeg import recovery
from sofc.jpeg.dct import LARGEST
from sofc.planes import Plane

Mask = npt.NDArray[np.bool_]

NARROW = 4
"""Bounds no farther apart than this are better guessed between than by what was found first."""
PAINTED_CONTRAST = 48
"""What lies beside black is at least so light where the black was painted."""


class Bounded(NamedTuple):
    """A plane of samples that are guesses within bounds; where both bounds are one, they are known.

    ``shown``: the samples as they stand.
    """

    samples: Plane
    lowest: Plane
    highest: Plane
    shown: Plane

    @property
    def known(self) -> Mask:
        same: Mask = self.lowest == self.highest
        return same

    def part(self, rows: slice) -> Bounded:
        """Some of the rows."""
        return Bounded(*(np.ascontiguousarray(plane[rows]) for plane in self))


def bounded(planes: Sequence[Plane], samples: Sequence[Plane]) -> list[Bounded]:
    """Planes of the colour lattice: a channel of 0 or 255 was cut there and says little."""
    clipped = _clipped(samples)
    lowest = [np.where(clipped, -recovery.FREE, plane) for plane in planes]
    highest = [np.where(clipped, recovery.FREE, plane) for plane in planes]
    # Channels cut at 0 were less, those at 255 more, and so was Y.
    about = (19595 * samples[0] + 38470 * samples[1] + 7471 * samples[2]) >> 16
    dark = np.logical_or.reduce([sample == 0 for sample in samples])
    bright = np.logical_or.reduce([sample == LARGEST for sample in samples])
    lowest[0] = np.where(dark & ~bright, 0, np.where(bright & ~dark, about - 1, lowest[0]))
    highest[0] = np.where(dark & ~bright, about + 1, np.where(bright & ~dark, LARGEST, highest[0]))
    guesses = list(planes)
    painted = _painted(samples)
    if painted.any():
        lowest = [np.where(painted, -recovery.FREE, plane) for plane in lowest]
        highest = [np.where(painted, recovery.FREE, plane) for plane in highest]
        guesses = [_filled(plane, painted) for plane in planes]
    return [
        Bounded(*(np.ascontiguousarray(plane, np.int32) for plane in each))
        for each in zip(guesses, lowest, highest, planes, strict=True)
    ]


def informed(planes: Sequence[Bounded], samples: Sequence[Plane], luminance: Plane, sure: Mask) -> list[Bounded]:
    """The same planes, where Y is known by now and ``sure``."""
    clipped = _clipped(samples) & sure & ~_painted(samples)
    if not clipped.any():
        return list(planes)
    keys = np.stack([luminance[clipped], *(sample[clipped] for sample in samples)], axis=1)
    keys = keys.astype(np.int64) @ (1 << np.array([24, 16, 8, 0]))
    colours, first, place = np.unique(keys, return_index=True, return_inverse=True)
    about = (luminance, *(plane.samples for plane in planes[1:]))
    found = np.stack([plane[clipped][first] for plane in about], axis=1).astype(np.int64)
    split = np.stack([colours >> 16 & 255, colours >> 8 & 255, colours & 255], axis=1)
    least, greatest = np.empty_like(found), np.empty_like(found)
    recovery.bound_clipped(split, found, least, greatest)
    result = []
    for k, plane in enumerate(planes):
        low, high = least[place, k], greatest[place, k]
        better = Bounded(*(values.copy() for values in plane))
        better.lowest[clipped], better.highest[clipped] = low, high
        better.samples[clipped] = np.where(high - low <= NARROW, (low + high) >> 1, plane.samples[clipped])
        result.append(better)
    return result


def _clipped(samples: Sequence[Plane]) -> Mask:
    clipped: Mask = np.logical_or.reduce([(sample == 0) | (sample == LARGEST) for sample in samples])
    return clipped


def _painted(samples: Sequence[Plane]) -> Mask:
    """Where an image was painted over in black after it was decoded: there is no way from black to its surroundings."""
    black: Mask = np.logical_and.reduce([sample == 0 for sample in samples])
    borders = black[:, 1:] != black[:, :-1]
    light = np.max(samples, axis=0)
    beside = np.maximum(light[:, 1:], light[:, :-1])[borders]
    if beside.size == 0 or np.median(beside) < PAINTED_CONTRAST:
        black[:] = False
    return black


def _filled(plane: Plane, unknown: Mask) -> Plane:
    """The plane with the nearest known sample of the row in the place of unknown ones."""
    width = plane.shape[1]
    columns = np.broadcast_to(np.arange(width), plane.shape)
    before = np.maximum.accumulate(np.where(unknown, -width, columns), axis=1)
    after = np.minimum.accumulate(np.where(unknown, 2 * width, columns)[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(columns - before <= after - columns, before, after)
    inside = (nearest >= 0) & (nearest < width)
    filled: Plane = np.where(inside, np.take_along_axis(plane, np.where(inside, nearest, 0), axis=1), plane)
    return filled
