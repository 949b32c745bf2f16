"""What samples say of the Y, Cb and Cr that a JPEG decoder converted, also where colours were cut: for encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.colour import (
    BITS,
    BLUE_FROM_CB,
    GREEN_FROM_CB,
    GREEN_FROM_CR,
    RED_FROM_CR,
    WEIGHTS,
    Channels,
    Colour,
    Conversion,
    convert,
    fits,
)
from sofc.jpeg.dct import LARGEST, MIDDLE
from sofc.jpeg.solve import FREE
from sofc.planes import Plane

Mask = npt.NDArray[np.bool_]

NARROW = 4
"""Bounds no farther apart than this are better guessed between than by what was found first."""
PAINTED_CONTRAST = 48
"""What lies beside black is at least so light where the black was painted."""
CLIP_REACH = 48
"""Colours that clipped ones may come from are looked for so far around those that were found."""
DRAWN_REACH = 3
"""How far from what was drawn other planes are looked for that convert to the same colour."""
COLOUR_REACH = 10
"""Channels change by no more where Y, Cb and Cr change by DRAWN_REACH: 1.772 and 1 times that at most, rounded."""


class Bounded(NamedTuple):
    """A plane of samples that are guesses within bounds; where both bounds are one, they are known.

    ``shown``: the samples as they stand.
    """

    samples: Table[np.int32]
    lowest: Table[np.int32]
    highest: Table[np.int32]
    shown: Table[np.int32]

    @property
    def known(self) -> Mask:
        """Where there is only one value."""
        same: Mask = self.lowest == self.highest
        return same

    def part(self, rows: slice | npt.NDArray[np.intp]) -> Bounded:
        """Some of the rows."""
        return Bounded(*(np.ascontiguousarray(plane[rows]) for plane in self))


def bounded(planes: Sequence[Plane], samples: Sequence[Plane]) -> list[Bounded]:
    """Y, Cb and Cr that convert to samples: a channel of 0 or 255 was cut there and says little."""
    covered = painted(samples)
    lowest, highest = (Channels(*(np.empty_like(planes[0]) for _ in range(3))) for _ in range(2))
    bound_planes(Channels(*samples), Channels(*planes), covered.view(np.uint8), lowest, highest)
    guesses = _filled(planes, covered) if covered.any() else planes
    return [
        Bounded(*(np.ascontiguousarray(plane, np.int32) for plane in each))
        for each in zip(guesses, lowest, highest, planes, strict=True)
    ]


@kernel
def bound_planes(
    samples: Channels, planes: Channels, covered: Table[np.uint8], lowest: Channels, highest: Channels
) -> int:
    """Fill the bounds of Y, Cb and Cr that convert to samples: themselves, but for where channels of 0 or 255 were cut,
    which were less or more, and so was Y, and where an image is ``covered`` (1). Returns 0."""
    rows, width = covered.shape
    for i in range(rows):
        for j in range(width):
            red, green, blue = int(samples.first[i, j]), int(samples.second[i, j]), int(samples.third[i, j])
            is_dark, is_bright = min(red, green, blue) == 0, max(red, green, blue) == LARGEST
            if not is_dark and not is_bright:
                lowest.first[i, j] = highest.first[i, j] = planes.first[i, j]
                lowest.second[i, j] = highest.second[i, j] = planes.second[i, j]
                lowest.third[i, j] = highest.third[i, j] = planes.third[i, j]
                continue
            low, high = -FREE, FREE
            if is_dark != is_bright and covered[i, j] == 0:
                about = (int(WEIGHTS[0, 0]) * red + int(WEIGHTS[0, 1]) * green + int(WEIGHTS[0, 2]) * blue) >> BITS
                low, high = (0, about + 1) if is_dark else (about - 1, LARGEST)
            lowest.first[i, j], highest.first[i, j] = low, high
            lowest.second[i, j], highest.second[i, j] = -FREE, FREE
            lowest.third[i, j], highest.third[i, j] = -FREE, FREE
    return 0


def informed(
    planes: Sequence[Bounded], samples: Sequence[Plane], luminance: Plane, sure: Mask, conversion: Conversion
) -> list[Bounded]:
    """Cb and Cr of these planes, where Y is known by now and ``sure``; bounds are made better in place."""
    clipped = _clipped(samples) & sure & ~painted(samples)
    if not clipped.any():
        return list(planes[1:])
    keys = np.stack([luminance[clipped], *(sample[clipped] for sample in samples)], axis=1)
    keys = keys.astype(np.int64) @ (1 << np.array([24, 16, 8, 0]))
    colours, first, place = np.unique(keys, return_index=True, return_inverse=True)
    about = (luminance, *(plane.samples for plane in planes[1:]))
    found = np.stack([plane[clipped][first] for plane in about], axis=1).astype(np.int64)
    split = np.stack([colours >> 16 & 255, colours >> 8 & 255, colours & 255], axis=1)
    least, greatest = np.empty_like(found), np.empty_like(found)
    bound_clipped(conversion, split, found, least, greatest)
    result = []
    for k, plane in enumerate(planes[1:], 1):
        low, high = least[place, k], greatest[place, k]
        better = plane._replace(samples=plane.samples.copy())
        better.lowest[clipped], better.highest[clipped] = low, high
        # Of two samples that it may be, gray: of flat blocks, steps would make it another one that is neither.
        middle = (low + high + (low + high < 2 * MIDDLE)) >> 1
        better.samples[clipped] = np.where(high - low <= NARROW, middle, plane.samples[clipped])
        result.append(better)
    return result


def _clipped(samples: Sequence[Plane]) -> Mask:
    clipped: Mask = np.logical_or.reduce([(sample == 0) | (sample == LARGEST) for sample in samples])
    return clipped


def painted(samples: Sequence[Plane]) -> Mask:
    """Where an image was painted over in black after it was decoded: there is no way from black to its surroundings."""
    black, beside = np.empty(samples[0].shape, np.uint8), np.zeros(LARGEST + 1, np.int64)
    find_black(Channels(*samples), black, beside)
    # The median of what lies beside black: that of the two in the middle, if they are even.
    count = int(beside.sum())
    middle = np.searchsorted(np.cumsum(beside), [(count - 1) // 2, count // 2], side="right")
    if count == 0 or middle.sum() < 2 * PAINTED_CONTRAST:
        black[:] = 0
    return black.view(np.bool_)


@kernel
def find_black(samples: Channels, black: Table[np.uint8], beside: Vector[np.int64]) -> int:
    """Fill ``black`` (1 where all channels are 0), and count in ``beside`` (256,) how light, in its lightest channel,
    what stands in a row beside black is. Returns 0."""
    rows, width = black.shape
    for i in range(rows):
        before = np.int64(0)
        for j in range(width):
            light = np.int64(max(samples.first[i, j], samples.second[i, j], samples.third[i, j]))
            black[i, j] = 1 if light == 0 else 0
            if j > 0 and (light == 0) != (before == 0):
                beside[max(light, before)] += 1
            before = light
    return 0


def _filled(planes: Sequence[Plane], unknown: Mask) -> list[Plane]:
    """The planes with the nearest known samples of the row in the place of unknown ones."""
    width = unknown.shape[1]
    columns = np.broadcast_to(np.arange(width), unknown.shape)
    before = np.maximum.accumulate(np.where(unknown, -width, columns), axis=1)
    after = np.minimum.accumulate(np.where(unknown, 2 * width, columns)[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(columns - before <= after - columns, before, after)
    # Of rows without any known sample, samples stay as they are.
    places = np.where((nearest >= 0) & (nearest < width), nearest, columns)
    return [np.take_along_axis(plane, places, axis=1) for plane in planes]


@kernel
def bound_clipped(
    conversion: Conversion,
    colours: Table[np.int64],
    found: Table[np.int64],
    lowest: Table[np.int64],
    highest: Table[np.int64],
) -> int:
    """For colours (n, 3) with a channel of 0 or 255: the least and the greatest Cb, Cr that convert to them with a Y.

    ``found`` (n, 3): that Y, and about where Cb and Cr are looked for. Bounds (n, 3), the first of them Y, that may lie
    farther than CLIP_REACH are -FREE and FREE, as all are where nothing converts to a colour. Returns 0.
    """
    for n in range(colours.shape[0]):
        red, green, blue = int(colours[n, 0]), int(colours[n, 1]), int(colours[n, 2])
        colour = Colour(red, green, blue)
        y, u0, v0 = int(found[n, 0]), int(found[n, 1]) - MIDDLE, int(found[n, 2]) - MIDDLE
        low, high = lowest[n], highest[n]
        low[:], high[:] = FREE, -FREE
        first, last = v0 - CLIP_REACH, v0 + CLIP_REACH
        if 0 < red < LARGEST:
            middle = ((red - y) << BITS) // RED_FROM_CR
            first, last = middle - 1, middle + 2
        for v in range(max(-MIDDLE, first), min(MIDDLE - 1, last) + 1):
            first_u, last_u = u0 - CLIP_REACH, u0 + CLIP_REACH
            if 0 < blue < LARGEST:
                middle = ((blue - y) << BITS) // BLUE_FROM_CB
                first_u, last_u = middle - 1, middle + 2
            elif 0 < green < LARGEST:
                middle = (((y - green) << BITS) - GREEN_FROM_CR * v) // GREEN_FROM_CB
                first_u, last_u = middle - 2, middle + 3
            for u in range(max(-MIDDLE, first_u), min(MIDDLE - 1, last_u) + 1):
                if fits(conversion, y, u, v, colour):
                    low[0], high[0] = y, y
                    low[1], high[1] = min(low[1], u + MIDDLE), max(high[1], u + MIDDLE)
                    low[2], high[2] = min(low[2], v + MIDDLE), max(high[2], v + MIDDLE)
        if low[0] > high[0]:
            low[:], high[:] = -FREE, FREE
        for k in range(1, 3):
            if low[k] <= found[n, k] - CLIP_REACH:
                low[k] = -FREE
            if high[k] >= found[n, k] + CLIP_REACH:
                high[k] = FREE
    return 0


DIFFERENCE_BITS, SIZE_BITS = 8, 4
"""About what it takes to say that a plane differs, and for each step that it differs by."""


def _beside() -> npt.NDArray[np.int64]:
    """Differences of three planes of at most DRAWN_REACH, and about the bits that each takes, the least first."""
    each = [slice(-DRAWN_REACH, DRAWN_REACH + 1)] * 3
    differences = np.mgrid[each].reshape(3, -1).T.astype(np.int64)
    bits = np.where(differences != 0, DIFFERENCE_BITS + SIZE_BITS * np.abs(differences), 0).sum(axis=1)
    order = np.argsort(bits, kind="stable")
    result: npt.NDArray[np.int64] = np.concatenate([differences, bits[:, None]], axis=1)[order]
    return result


BESIDE = _beside()


@kernel
def match_drawn(conversion: Conversion, samples: Channels, drawn: Cube[np.int32], planes: Cube[np.int32]) -> int:
    """Change ``planes`` (3, rows, width), which convert to ``samples``, to what is as good and nearer to ``drawn``.

    That is ``drawn`` itself where it converts to the colour, else what differs from it in the fewest planes and by the
    least, by at most DRAWN_REACH. Returns how many samples are those drawn.
    """
    _, rows, width = drawn.shape
    same = 0
    for y in range(rows):
        for x in range(width):
            r, g, b = int(samples.first[y, x]), int(samples.second[y, x]), int(samples.third[y, x])
            colour = Colour(r, g, b)
            a, u, v = int(drawn[0, y, x]), int(drawn[1, y, x]), int(drawn[2, y, x])
            if fits(conversion, a, u - MIDDLE, v - MIDDLE, colour):
                same += 1
                planes[0, y, x], planes[1, y, x], planes[2, y, x] = a, u, v
                continue
            if 0 < r < LARGEST and 0 < g < LARGEST and 0 < b < LARGEST:
                continue
            made = convert(conversion, a, u - MIDDLE, v - MIDDLE)
            if max(abs(made.red - r), abs(made.green - g), abs(made.blue - b)) > COLOUR_REACH:
                continue
            most = _distance(int(planes[0, y, x]) - a, int(planes[1, y, x]) - u, int(planes[2, y, x]) - v)
            for n in range(BESIDE.shape[0]):
                if BESIDE[n, 3] >= most:
                    break
                da, du, dv = a + BESIDE[n, 0], u + BESIDE[n, 1], v + BESIDE[n, 2]
                if fits(conversion, da, du - MIDDLE, dv - MIDDLE, colour):
                    planes[0, y, x], planes[1, y, x], planes[2, y, x] = da, du, dv
                    break
    return same


@kernel
def _distance(first: int, second: int, third: int) -> int:
    """About the bits that differences of three planes take."""
    total = 0
    for difference in (first, second, third):
        if difference != 0:
            total += DIFFERENCE_BITS + SIZE_BITS * min(16, abs(difference))
    return total
