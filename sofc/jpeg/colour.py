"""Spec coding-tools/component-transforms: luminance and chrominances of colours, and the colours that a JPEG decoder
makes of them (ITU-T T.871).

Both conversions are those of the JPEG reference software, in 16-bit fixed point. Not every colour is made of whole Y,
Cb and Cr; which are is what shows that an image went through JPEG.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.jpeg.dct import LARGEST, MIDDLE
from sofc.planes import Plane

BITS = 16
HALF = 1 << (BITS - 1)
# round(65536 x 1.402, 1.772, 0.34414, 0.71414)
RED_FROM_CR = 91881
BLUE_FROM_CB = 116130
GREEN_FROM_CB = 22554
GREEN_FROM_CR = 46802
WEIGHTS = np.array([[19595, 38470, 7471], [-11059, -21709, 32768], [32768, -27439, -5329]], np.int32)
"""Luminance and the two chrominances of red, green and blue, in 1 / 2**BITS."""
NEAR, FAR = 2, 48
"""How far from the rounded conversion a triple is looked for: everywhere, and where a channel is 0 or 255."""


class Channels(NamedTuple):
    """Three planes of one shape: red, green and blue, or Y, Cb and Cr."""

    first: Table[np.int32]
    second: Table[np.int32]
    third: Table[np.int32]


class Triple(NamedTuple):
    """Y, and Cb and Cr less MIDDLE; ``fits``: whether it converts to the colour in question."""

    y: int
    cb: int
    cr: int
    fits: bool


@inlined
def _channel(y: int, change: int) -> int:
    """A channel of Y and what the chrominances change of it, in 1 / 2**BITS."""
    return max(0, min(LARGEST, y + ((change + HALF) >> BITS)))


@inlined
def _green(cb: int, cr: int) -> int:
    return -GREEN_FROM_CB * cb - GREEN_FROM_CR * cr


@kernel
def fits(y: int, cb: int, cr: int, red: int, green: int, blue: int) -> bool:
    """Whether Y, and Cb and Cr less MIDDLE, convert to a colour."""
    inside = 0 <= y <= LARGEST and -MIDDLE <= cb < MIDDLE and -MIDDLE <= cr < MIDDLE
    return (
        inside
        and _channel(y, RED_FROM_CR * cr) == red
        and _channel(y, BLUE_FROM_CB * cb) == blue
        and _channel(y, _green(cb, cr)) == green
    )


@kernel
def to_rgb(converted: Channels, samples: Channels) -> int:
    """Spec coding-tools/component-transforms. Convert Y, Cb and Cr, all 0-255, into red, green and blue. Returns 0."""
    rows, width = converted.first.shape
    for i in range(rows):
        for j in range(width):
            y = int(converted.first[i, j])
            cb, cr = int(converted.second[i, j]) - MIDDLE, int(converted.third[i, j]) - MIDDLE
            samples.first[i, j] = _channel(y, RED_FROM_CR * cr)
            samples.second[i, j] = _channel(y, _green(cb, cr))
            samples.third[i, j] = _channel(y, BLUE_FROM_CB * cb)
    return 0


class NarrowChannels(NamedTuple):
    """Y, Cb and Cr, all 0-255, laid flat."""

    first: Vector[np.int16]
    second: Vector[np.int16]
    third: Vector[np.int16]


class Strip(NamedTuple):
    """Room for STRIP samples of each of red, green and blue."""

    red: Vector[np.uint8]
    green: Vector[np.uint8]
    blue: Vector[np.uint8]


STRIP = 512
"""Samples that are converted before they are put side by side: compilers make vectors of one or the other."""


@kernel
def to_samples(converted: NarrowChannels, strip: Strip, samples: Vector[np.uint8]) -> int:
    """Spec coding-tools/component-transforms. The same as ``to_rgb``, into one array of red, green, blue, red and so
    on. Returns 0."""
    red, green, blue, size = strip.red, strip.green, strip.blue, converted.first.shape[0]
    for start in range(0, size, STRIP):
        y, cb, cr = converted.first[start:], converted.second[start:], converted.third[start:]
        out, count = samples[3 * start :], min(STRIP, size - start)
        for i in range(count):
            red[i] = _channel(int(y[i]), RED_FROM_CR * (int(cr[i]) - MIDDLE))
        for i in range(count):
            green[i] = _channel(int(y[i]), _green(int(cb[i]) - MIDDLE, int(cr[i]) - MIDDLE))
        for i in range(count):
            blue[i] = _channel(int(y[i]), BLUE_FROM_CB * (int(cb[i]) - MIDDLE))
        for i in range(count):
            out[3 * i], out[3 * i + 1], out[3 * i + 2] = red[i], green[i], blue[i]
    return 0


@inlined
def _weighted(row: int, red: int, green: int, blue: int) -> int:
    """Y, or a chrominance less MIDDLE."""
    return int((WEIGHTS[row, 0] * red + WEIGHTS[row, 1] * green + WEIGHTS[row, 2] * blue + HALF) >> BITS)


@kernel
def _search_near(start: Triple, red: int, green: int, blue: int) -> Triple:
    """What fits at the smallest distance from ``start``, at most NEAR."""
    for distance in range(1, NEAR + 1):
        for dy in range(-distance, distance + 1):
            for du in range(-distance, distance + 1):
                for dv in range(-distance, distance + 1):
                    if max(abs(dy), abs(du), abs(dv)) == distance:
                        y, cb, cr = start.y + dy, start.cb + du, start.cr + dv
                        if fits(y, cb, cr, red, green, blue):
                            return Triple(y, cb, cr, True)
    return start


@kernel
def _search_clipped(start: Triple, red: int, green: int, blue: int) -> Triple:
    """What fits, where a channel is 0 or 255 and so says only "beyond": the two others are followed along Y."""
    for step in range(2 * FAR + 1):
        y = start.y + ((step + 1) >> 1) * (1 if step & 1 else -1)
        cb = ((blue - y) * (1 << BITS) + BLUE_FROM_CB // 2) // BLUE_FROM_CB
        cr = ((red - y) * (1 << BITS) + RED_FROM_CR // 2) // RED_FROM_CR
        if red == 0 or red == LARGEST:
            cr = ((y - green) * (1 << BITS) - GREEN_FROM_CB * cb + GREEN_FROM_CR // 2) // GREEN_FROM_CR
        elif blue == 0 or blue == LARGEST:
            cb = ((y - green) * (1 << BITS) - GREEN_FROM_CR * cr + GREEN_FROM_CB // 2) // GREEN_FROM_CB
        for beside in range(9):
            u, v = cb + beside // 3 - 1, cr + beside % 3 - 1
            if fits(y, u, v, red, green, blue):
                return Triple(y, u, v, True)
    return start


@kernel
def from_rgb(samples: Channels, converted: Channels) -> int:
    """Find for each colour a Y, Cb, Cr that converts to it, else the rounded conversion. Returns how many have none."""
    rows, width = samples.first.shape
    missed = 0
    for i in range(rows):
        for j in range(width):
            red, green, blue = int(samples.first[i, j]), int(samples.second[i, j]), int(samples.third[i, j])
            y = _weighted(0, red, green, blue)
            cb, cr = _weighted(1, red, green, blue), _weighted(2, red, green, blue)
            found = Triple(y, cb, cr, fits(y, cb, cr, red, green, blue))
            if not found.fits:
                found = _search_near(found, red, green, blue)
            if not found.fits and (min(red, green, blue) == 0 or max(red, green, blue) == LARGEST):
                found = _search_clipped(found, red, green, blue)
            missed += 0 if found.fits else 1
            converted.first[i, j] = found.y
            converted.second[i, j] = max(-MIDDLE, min(MIDDLE - 1, found.cb)) + MIDDLE
            converted.third[i, j] = max(-MIDDLE, min(MIDDLE - 1, found.cr)) + MIDDLE
    return missed


def reached(converted: Sequence[Plane]) -> list[Plane]:
    """The red, green and blue that Y, Cb and Cr, 0-255, convert to."""
    samples = Channels(*(np.empty_like(converted[0]) for _ in range(3)))
    to_rgb(Channels(*converted), samples)
    return list(samples)


def colours(converted: Sequence[npt.NDArray[np.int16]]) -> npt.NDArray[np.uint8]:
    """The same as samples (rows, width, 3)."""
    samples = np.empty((*converted[0].shape, 3), np.uint8)
    strip = Strip(*(np.empty(STRIP, np.uint8) for _ in range(3)))
    to_samples(NarrowChannels(*(plane.reshape(-1) for plane in converted)), strip, samples.reshape(-1))
    return samples


def component_of(samples: npt.NDArray[Any], number: int) -> Plane:
    """Y or a chrominance of samples (rows, width, 3), rounded, less MIDDLE: what a JPEG encoder starts from."""
    total = np.full(samples.shape[:2], HALF, np.int32)
    for weight, channel in zip(WEIGHTS[number], np.moveaxis(samples, 2, 0), strict=True):
        total += weight * channel
    total >>= BITS
    return total if number else total - MIDDLE
