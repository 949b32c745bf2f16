"""Wide numbers as steps of at most 16 bits, which are coded as an image, and remainders within the steps.

The segments of equal steps are the encoder's choice: of floating-point numbers, each octave has as many steps as a
linear scale would give it, but at least so many; so small values keep some precision and great ones are spread evenly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.container.wide import Segment
from sofc.errors import FormatError
from sofc.image import SampleType
from sofc.planes import Plane
from sofc.transforms.numbers import LAYOUTS, Keys

MAX_STEPS = 1 << 16
_OCTAVES = ((9, 3), (15, 3), (15, 0))
"""Bits of the steps that the greatest octave has at most, and the smallest at least: what is tried. Of what is noise
all the same, few steps are the better image."""


class Split(NamedTuple):
    """``steps``: planes of step numbers. ``values`` and ``bits``: remainders and how many bits they have, flat."""

    steps: list[Plane]
    values: npt.NDArray[np.int64]
    bits: npt.NDArray[np.uint8]


class _Arrays(NamedTuple):
    """Of each segment its first key, its shift and the number of its first step."""

    starts: Keys
    shifts: npt.NDArray[np.uint64]
    bases: npt.NDArray[np.int64]


def _arrays(segments: list[Segment]) -> _Arrays:
    starts = np.array([one.start for one in segments], np.uint64)
    shifts = np.array([one.shift for one in segments], np.uint64)
    steps = np.array([one.steps for one in segments], np.int64)
    return _Arrays(starts, shifts, np.cumsum(steps) - steps)


def split(keys: Keys, segments: list[Segment]) -> Split:
    """Steps and remainders of keys, shape (planes, rows, width), which lie in the segments."""
    starts, shifts, bases = _arrays(segments)
    number = np.searchsorted(starts, keys, side="right") - 1
    shift = shifts[number]
    inside = keys - starts[number]
    steps = (bases[number] + (inside >> shift).astype(np.int64)).astype(np.int32)
    values = (inside & ((np.uint64(1) << shift) - np.uint64(1))).astype(np.int64)
    return Split(list(steps), values.ravel(), shift.astype(np.uint8).ravel())


def step_bits(steps: list[Plane], segments: list[Segment]) -> npt.NDArray[np.uint8]:
    """How many bits the remainder of each sample has, flat. Raises FormatError for a step that no segment has."""
    bases, shifts = _arrays(segments).bases, _arrays(segments).shifts
    total = sum(one.steps for one in segments)
    if any(int(plane.max()) >= total for plane in steps):
        raise FormatError(f"a step is not in segments of {total}")
    numbers = np.searchsorted(bases, np.stack(steps), side="right") - 1
    return shifts[numbers].astype(np.uint8).ravel()


def join(steps: list[Plane], values: npt.NDArray[np.int64], segments: list[Segment]) -> Keys:
    """Inverse of split."""
    starts, shifts, bases = _arrays(segments)
    stacked = np.stack(steps).astype(np.int64)
    number = np.searchsorted(bases, stacked, side="right") - 1
    inside = (stacked - bases[number]).astype(np.uint64) << shifts[number]
    return starts[number] + inside + values.reshape(stacked.shape).astype(np.uint64)


def choices(keys: Keys, number: SampleType) -> Iterator[list[Segment]]:
    """Segments that keys may be split by, each another way."""
    low, high = int(keys.min()), int(keys.max())
    if number not in LAYOUTS or number.bits == 16:
        shift = max(0, (high - low).bit_length() - 16)
        shift += (high >> shift) - (low >> shift) >= MAX_STEPS
        yield [Segment(low >> shift << shift, shift, (high >> shift) - (low >> shift) + 1)]
        if number not in LAYOUTS:
            return
    seen: list[list[Segment]] = []
    octaves = _octaves(keys, number)
    for most, least in _OCTAVES:
        found = _by_octave(octaves, number, most, least)
        if found and found not in seen:
            seen.append(found)
            yield found


class _Octave(NamedTuple):
    """2**bits keys with one sign and exponent, from ``start`` on. ``exponent``: None of specials."""

    start: int
    bits: int
    exponent: int | None


def _octaves(keys: Keys, number: SampleType) -> list[_Octave]:
    layout = LAYOUTS[number]
    half = 1 << layout.exponent
    octaves: list[_Octave] = []
    for place in np.unique(keys >> np.uint64(layout.mantissa)).tolist():
        exponent = place - half if place >= half else half - 1 - place
        if exponent == 0:
            if octaves and place - (octaves[-1].start >> layout.mantissa) > 1:
                # Short steps far from others would need a gap that no VarInt holds: one step takes it.
                octaves.append(_Octave(place - 1 << layout.mantissa, layout.mantissa, None))
            octaves += _subnormal_octaves(keys, place << layout.mantissa, place < half, layout.mantissa)
        else:
            special = exponent == half - 1
            octaves.append(_Octave(place << layout.mantissa, layout.mantissa, None if special else exponent))
    return octaves


def _subnormal_octaves(keys: Keys, start: int, negative: bool, mantissa: int) -> list[_Octave]:
    """Zero, and subnormal magnitudes of each number of bits, of one sign, the lowest keys first: those that occur."""
    places = keys[keys >> np.uint64(mantissa) == start >> mantissa] - np.uint64(start)
    magnitudes = np.uint64((1 << mantissa) - 1) - places if negative else places
    octaves = []
    for length in np.unique(np.frexp(magnitudes.astype(np.float64))[1]).tolist():
        bits = max(0, length - 1)
        first = (1 << mantissa) - (1 << length) if negative else 1 << bits if length else 0
        octaves.append(_Octave(start + first, bits, 1 - mantissa + bits))
    return octaves[::-1] if negative else octaves


def _by_octave(octaves: list[_Octave], number: SampleType, top: int, least: int) -> list[Segment]:
    """Segments with 2**top steps in the greatest octave, or as many as there can be; none where the octaves are too
    many for ``least``."""
    mantissa = LAYOUTS[number].mantissa
    highest = max((one.exponent for one in octaves if one.exponent is not None), default=0)
    for most in range(min(mantissa, top), least - 1, -1):
        sizes = [
            0 if one.exponent is None else min(one.bits, max(least, most - (highest - one.exponent))) for one in octaves
        ]
        if sum(1 << size for size in sizes) <= MAX_STEPS:
            return [Segment(one.start, one.bits - size, 1 << size) for one, size in zip(octaves, sizes, strict=True)]
    return []
