"""What some of Y, Cb and Cr tell of the others where a channel was cut, and of what was drawn: for encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.bounds import Bounded, Mask, Seen
from sofc.jpeg.colour import (
    BITS,
    BLUE_FROM_CB,
    GREEN_FROM_CB,
    GREEN_FROM_CR,
    RED_FROM_CR,
    Channels,
    Colour,
    Conversion,
    convert,
    fits,
)
from sofc.jpeg.dct import LARGEST, MIDDLE
from sofc.jpeg.solve import FREE
from sofc.planes import Plane

NARROW = 4
"""Bounds no farther apart than this are better guessed between than by what was found first."""
CLIP_REACH = 48
"""Colours that clipped ones may come from are looked for so far around those that were found."""
DRAWN_REACH = 3
"""How far from what was drawn other planes are looked for that convert to the same colour."""
COLOUR_REACH = 10
"""Channels change by no more where Y, Cb and Cr change by DRAWN_REACH: 1.772 and 1 times that at most, rounded."""


class Hints(NamedTuple):
    """Of colours, about which Y, Cb and Cr they may come from, ``found`` (n, 3), and which of these are ``sure``."""

    found: Table[np.int64]
    sure: Table[np.uint8]


@inlined
def _around(middle: int, before: int, behind: int) -> tuple[int, int]:
    return middle - before, middle + behind


@kernel
def _bound_colours(
    conversion: Conversion, y: int, colour: Colour, hints: Hints, n: int, low: Vector[np.int64], high: Vector[np.int64]
) -> int:
    """Widen bounds (3,) to all Cb, Cr that convert to a colour with ``y``. Returns 0."""
    red, green, blue = colour
    u0, v0 = int(hints.found[n, 1]) - MIDDLE, int(hints.found[n, 2]) - MIDDLE
    is_cb_sure, is_cr_sure = hints.sure[n, 1] != 0, hints.sure[n, 2] != 0
    first, last = v0 - CLIP_REACH, v0 + CLIP_REACH
    if is_cr_sure:
        first = last = v0
    elif 0 < red < LARGEST:
        first, last = _around(((red - y) << BITS) // RED_FROM_CR, 1, 2)
    for v in range(max(-MIDDLE, first), min(MIDDLE - 1, last) + 1):
        first_u, last_u = u0 - CLIP_REACH, u0 + CLIP_REACH
        if is_cb_sure:
            first_u = last_u = u0
        elif 0 < blue < LARGEST:
            first_u, last_u = _around(((blue - y) << BITS) // BLUE_FROM_CB, 1, 2)
        elif 0 < green < LARGEST:
            first_u, last_u = _around((((y - green) << BITS) - GREEN_FROM_CR * v) // GREEN_FROM_CB, 2, 3)
        for u in range(max(-MIDDLE, first_u), min(MIDDLE - 1, last_u) + 1):
            if fits(conversion, y, u, v, colour):
                low[0], high[0] = min(low[0], y), max(high[0], y)
                low[1], high[1] = min(low[1], u + MIDDLE), max(high[1], u + MIDDLE)
                low[2], high[2] = min(low[2], v + MIDDLE), max(high[2], v + MIDDLE)
    return 0


class Memory(NamedTuple):
    """What was found of colours (MEMORY, 3) with certain hints: the least and the greatest Y, Cb, Cr (MEMORY, 3)."""

    colours: Table[np.int64]
    hints: Hints
    lowest: Table[np.int64]
    highest: Table[np.int64]


MEMORY, NO_COLOUR = 1 << 13, -1
"""So many colours are kept at most, each at a place of its own, where another may take it; what is at a free one."""


def memory() -> Memory:
    """An empty one."""
    colours, found, lowest, highest = np.empty((4, MEMORY, 3), np.int64)
    colours[:] = NO_COLOUR
    return Memory(colours, Hints(found, np.zeros((MEMORY, 3), np.uint8)), lowest, highest)


@kernel
def bound_clipped(conversion: Conversion, n: int, known: Memory) -> int:
    """The least and the greatest Y, Cb, Cr that convert to the colour at place ``n``, which has a channel of 0 or 255.

    Y is sure, or Cb and Cr are: what is not sure is looked for about where ``hints`` say. Bounds of Cb and Cr that may
    lie farther than CLIP_REACH are -FREE and FREE, as all are where nothing converts to the colour. Returns 0.
    """
    colours, hints = known.colours, known.hints
    colour = Colour(int(colours[n, 0]), int(colours[n, 1]), int(colours[n, 2]))
    low, high = known.lowest[n], known.highest[n]
    low[:], high[:] = FREE, -FREE
    y = int(hints.found[n, 0])
    first, last = (y, y) if hints.sure[n, 0] != 0 else (0, LARGEST)
    for y in range(first, last + 1):
        _bound_colours(conversion, y, colour, hints, n, low, high)
    if low[0] > high[0]:
        low[:], high[:] = -FREE, FREE
    for k in range(1, 3):
        if hints.sure[n, k] == 0 and low[k] <= hints.found[n, k] - CLIP_REACH:
            low[k] = -FREE
        if hints.sure[n, k] == 0 and high[k] >= hints.found[n, k] + CLIP_REACH:
            high[k] = FREE
    return 0


class Told(NamedTuple):
    """Y, Cb and Cr as they are guessed, and as they are drawn, which tells something where these are ``sure`` (1; (3,
    rows, width))."""

    guessed: Channels
    drawn: Channels
    sure: Cube[np.uint8]


class Better(NamedTuple):
    """The ``samples`` of some components and their bounds, (planes, rows, width) each."""

    samples: Cube[np.int32]
    lowest: Cube[np.int32]
    highest: Cube[np.int32]


@inlined
def _place_of(conversion: Conversion, colour: Colour, told: Told, i: int, j: int, known: Memory) -> int:
    """Where the bounds stand of a colour at a place of which Y is sure, or Cb and Cr are."""
    guessed, drawn = told.guessed, told.drawn
    y_sure, u_sure, v_sure = told.sure[0, i, j], told.sure[1, i, j], told.sure[2, i, j]
    y = int(drawn.first[i, j]) if y_sure != 0 else -1
    u = int(drawn.second[i, j]) if u_sure != 0 else -1
    v = int(drawn.third[i, j]) if v_sure != 0 else -1
    mixed = (colour.red << 40) ^ (colour.green << 32) ^ (colour.blue << 24) ^ (y << 16) ^ (u << 8) ^ v
    n = ((mixed * 0x9E3779B97F4A7C1) >> 32) & (MEMORY - 1)
    colours, found, sure = known.colours[n], known.hints.found[n], known.hints.sure[n]
    is_known = colours[0] == colour.red and colours[1] == colour.green and colours[2] == colour.blue
    is_known = is_known and sure[0] == y_sure and sure[1] == u_sure and sure[2] == v_sure
    if is_known and found[0] | -(y < 0) == y and found[1] | -(u < 0) == u and found[2] | -(v < 0) == v:
        return n
    colours[0], colours[1], colours[2] = colour.red, colour.green, colour.blue
    sure[0], sure[1], sure[2] = y_sure, u_sure, v_sure
    found[0] = y if y >= 0 else guessed.first[i, j]
    found[1] = u if u >= 0 else guessed.second[i, j]
    found[2] = v if v >= 0 else guessed.third[i, j]
    bound_clipped(conversion, n, known)
    return n


@kernel
def inform(
    conversion: Conversion, samples: Channels, told: Told, known: Memory, numbers: Vector[np.int64], better: Better
) -> int:
    """Change ``better``, components of these ``numbers`` (planes,), where a channel was cut, to what ``told`` says of
    it; a colour is looked at about the samples that it is first met with. Returns 0."""
    are_sure = told.sure
    _, rows, width = are_sure.shape
    for i in range(rows):
        for j in range(width):
            is_told = are_sure[0, i, j] != 0 or (are_sure[1, i, j] != 0 and are_sure[2, i, j] != 0)
            colour = Colour(int(samples.first[i, j]), int(samples.second[i, j]), int(samples.third[i, j]))
            is_cut = min(colour.red, colour.green, colour.blue) == 0 or max(colour) == LARGEST
            if not is_told or not is_cut:
                continue
            n = _place_of(conversion, colour, told, i, j, known)
            for k in range(numbers.shape[0]):
                low, high = int(known.lowest[n, numbers[k]]), int(known.highest[n, numbers[k]])
                least, greatest = max(low, int(better.lowest[k, i, j])), min(high, int(better.highest[k, i, j]))
                if least <= greatest:
                    low, high = least, greatest
                better.lowest[k, i, j], better.highest[k, i, j] = low, high
                if high - low <= NARROW:
                    # Of two samples that it may be, gray: of flat blocks, steps would make it another that is neither.
                    better.samples[k, i, j] = (low + high + (1 if low + high < 2 * MIDDLE else 0)) >> 1
    return 0


DIFFERENCE_BITS, SIZE_BITS = 8, 4
"""About what it takes to say that a plane differs, and for each step that it differs by."""


def _beside() -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Differences of three planes of at most DRAWN_REACH, (3, differences), and about the bits that each takes, the
    least first."""
    each = [slice(-DRAWN_REACH, DRAWN_REACH + 1)] * 3
    differences = np.mgrid[each].reshape(3, -1).astype(np.int32)
    bits = np.where(differences != 0, DIFFERENCE_BITS + SIZE_BITS * np.abs(differences), 0).sum(axis=0)
    order = np.argsort(bits, kind="stable")
    return np.ascontiguousarray(differences[:, order]), bits[order].astype(np.int32)


DIFFERENCES, BITS_OF_DIFFERENCES = _beside()
NONE_BESIDE = len(BITS_OF_DIFFERENCES)
TRIED = 32
"""So many differences are tried at once, in vectors."""


@kernel
def match_drawn(
    conversion: Conversion, samples: Channels, drawn: Channels, planes: Cube[np.int32], differs: Vector[np.int32]
) -> int:
    """Change ``planes`` (3, rows, width), which convert to ``samples``, to what is as good and nearer to ``drawn``.

    That is ``drawn`` itself where it converts to the colour, else what differs from it in the fewest planes and by the
    least, by at most DRAWN_REACH. ``differs``: scratch (width,). Returns how many samples are those drawn.
    """
    _, rows, width = planes.shape
    first, second, third = drawn
    same = 0
    for y in range(rows):
        for x in range(width):
            colour = Colour(int(samples.first[y, x]), int(samples.second[y, x]), int(samples.third[y, x]))
            differs[x] = _differs(conversion, int(first[y, x]), int(second[y, x]), int(third[y, x]), colour)
        for x in range(width):
            if differs[x] == 0:
                same += 1
                planes[0, y, x], planes[1, y, x], planes[2, y, x] = first[y, x], second[y, x], third[y, x]
                continue
            colour = Colour(int(samples.first[y, x]), int(samples.second[y, x]), int(samples.third[y, x]))
            a, u, v = int(first[y, x]), int(second[y, x]), int(third[y, x])
            most = _distance(int(planes[0, y, x]) - a, int(planes[1, y, x]) - u, int(planes[2, y, x]) - v)
            n = _nearest_to(conversion, colour, (a, u, v), most)
            if n != NONE_BESIDE:
                planes[0, y, x] = a + DIFFERENCES[0, n]
                planes[1, y, x], planes[2, y, x] = u + DIFFERENCES[1, n], v + DIFFERENCES[2, n]
    return same


@inlined
def _differs(conversion: Conversion, y: int, cb: int, cr: int, colour: Colour) -> np.int32:
    """0 where Y, Cb and Cr, 0 to 255, convert to a colour."""
    made = convert(conversion, y, cb - MIDDLE, cr - MIDDLE)
    beyond = (y | cb | cr) >> 8
    return np.int32((made.red ^ colour.red) | (made.green ^ colour.green) | (made.blue ^ colour.blue) | beyond)


@kernel
def _nearest_to(conversion: Conversion, colour: Colour, drawn: tuple[int, int, int], most: int) -> int:
    """Which of the DIFFERENCES leads from what is drawn to the nearest that converts to a colour of which a channel was
    cut; NONE_BESIDE where none does that takes less than ``most`` bits."""
    y, cb, cr = drawn
    if min(colour.red, colour.green, colour.blue) > 0 and max(colour.red, colour.green, colour.blue) < LARGEST:
        return NONE_BESIDE
    made = convert(conversion, y, cb - MIDDLE, cr - MIDDLE)
    apart = max(abs(made.red - colour.red), abs(made.green - colour.green))
    if max(apart, abs(made.blue - colour.blue)) > COLOUR_REACH:
        return NONE_BESIDE
    for start in range(0, NONE_BESIDE, TRIED):
        nearest = np.int32(NONE_BESIDE)
        for n in range(start, min(start + TRIED, NONE_BESIDE)):
            first, second, third = DIFFERENCES[0, n], DIFFERENCES[1, n], DIFFERENCES[2, n]
            differs = _differs(conversion, y + first, cb + second, cr + third, colour)
            nearest = min(nearest, np.int32(n) if differs == 0 else np.int32(NONE_BESIDE))
        if nearest < NONE_BESIDE:
            return int(nearest) if BITS_OF_DIFFERENCES[nearest] < most else NONE_BESIDE
        if BITS_OF_DIFFERENCES[start] >= most:
            break
    return NONE_BESIDE


@kernel
def _distance(first: int, second: int, third: int) -> int:
    """About the bits that differences of three planes take."""
    total = 0
    for difference in (first, second, third):
        if difference != 0:
            total += DIFFERENCE_BITS + SIZE_BITS * min(16, abs(difference))
    return total


def informed(planes: Sequence[Bounded], seen: Seen, drawn: Sequence[Plane], sure: Sequence[Mask]) -> list[Bounded]:
    """The same planes, where Y, or both Cb and Cr, are ``drawn`` by now and ``sure``: it tells of those of which
    nothing is sure."""
    told = [number for number, mask in enumerate(sure) if not mask.any()]
    if not told:
        return list(planes)
    guesses = Channels(*(plane.samples for plane in planes))
    samples, lowest, highest = (np.stack(each) for each in zip(*(planes[k][:3] for k in told), strict=True))
    better = Better(samples, lowest, highest)
    tells = Told(guesses, Channels(*drawn), (np.stack(sure) & ~seen.covered).view(np.uint8))
    inform(seen.conversion, Channels(*seen.samples), tells, memory(), np.array(told, np.int64), better)
    result = list(planes)
    for number, k in enumerate(told):
        result[k] = Bounded(samples[number], lowest[number], highest[number], planes[k].shown)
    return result
