"""What samples say of the Y, Cb and Cr that a JPEG decoder converted, also where colours were cut: for encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel
from sofc.jit.types import Table
from sofc.jpeg.colour import BITS, CORRECTIONS, WEIGHTS, Channels, Conversion, conversion_of, reached
from sofc.jpeg.dct import LARGEST
from sofc.jpeg.solve import FREE
from sofc.planes import Plane

Mask = npt.NDArray[np.bool_]

PAINTED_CONTRAST, LEAST_PAINTED, MOST_PAINTS = 48, 32, 8
"""By how much what lies beside a colour differs from it, at least, where it was painted; how many places of it have
the same below or to the right; how many colours are looked at, those with most such places beside such a change."""


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


class Seen(NamedTuple):
    """Red, green and blue as they are seen, where they are ``covered`` by what was painted later, and how they were
    made of Y, Cb and Cr; ``unreached``: colours to which nothing converts, so that no decoder made them."""

    samples: Sequence[Plane]
    covered: Mask
    conversion: Conversion
    unreached: Mask

    @classmethod
    def of(cls, planes: Sequence[Plane]) -> Seen:
        """What is seen of Y, Cb, Cr and, if it is there, their correction plane."""
        conversion = conversion_of(planes)
        samples = reached(planes[:3], conversion)
        unreached: Mask = planes[3] % CORRECTIONS != 0 if len(planes) > 3 else np.zeros(planes[0].shape, np.bool_)
        return cls(samples, painted(samples), conversion, unreached)

    def with_black_alone(self) -> Seen:
        """The same where nothing but black is said to be painted; this itself where nothing else is."""
        light: Mask = np.logical_or.reduce([sample != 0 for sample in self.samples])
        return self._replace(covered=self.covered & ~light) if (self.covered & light).any() else self

    def without_edges(self) -> Seen:
        """The same, what lies around painted samples covered, too, and what is unreached: letters have soft edges."""
        return self.covering(around(self.covered) | self.unreached)

    def covering(self, covered: Mask) -> Seen:
        """The same, more of it covered."""
        return self._replace(covered=covered)


def around(mask: Mask) -> Mask:
    """The mask and all that touches it."""
    wide = np.pad(mask, 1)
    wide = wide[:-2] | wide[1:-1] | wide[2:]
    return wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:]


def bounded(planes: Sequence[Plane], seen: Seen) -> list[Bounded]:
    """Y, Cb and Cr that convert to samples: a channel of 0 or 255 was cut there and says little."""
    lowest, highest = (Channels(*(np.empty_like(planes[0]) for _ in range(3))) for _ in range(2))
    shown, covered = Channels(*planes), seen.covered.view(np.uint8)
    bound_planes(Channels(*seen.samples), shown, covered, lowest, highest)
    guesses = shown
    if covered.any():
        guesses = Channels(*(plane.copy() for plane in planes))
        fill(guesses, covered)
    return [Bounded(*each) for each in zip(guesses, lowest, highest, shown, strict=True)]


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
            if covered[i, j] == 0 and not is_dark and not is_bright:
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


def clipped(samples: Sequence[Plane]) -> Mask:
    """Where a channel is 0 or 255, at which it was cut."""
    found: Mask = np.logical_or.reduce([(sample == 0) | (sample == LARGEST) for sample in samples])
    return found


def painted(samples: Sequence[Plane]) -> Mask:
    """Where an image was painted over after it was decoded, or a frame was put around it: one colour goes on, and
    there is no way from it to its surroundings. Three channels, or gray."""
    rows, width = samples[0].shape
    covered, colours = np.zeros((rows, width), np.uint8), np.empty_like(samples[0])
    change = np.zeros_like(colours)
    compare_colours(Channels(samples[0], samples[len(samples) // 2], samples[-1]), colours, change)
    # Few places have such a change beside them: colours are counted there, and looked at in all of the image later.
    row, column = np.nonzero(change >= PAINTED_CONTRAST)
    row, column = np.tile(row, 2), np.concatenate([column, column + 1])
    down, right = np.minimum(row + 1, rows - 1), np.minimum(column + 1, width - 1)
    here = colours[row, column]
    is_flat = ((here == colours[down, column]) & (down > row)) | ((here == colours[row, right]) & (right > column))
    found, counts = np.unique(here[is_flat], return_counts=True)
    for colour in found[np.argsort(-counts, kind="stable")[:MOST_PAINTS]].tolist():
        cover_painted(colours, change, colour, covered)
    return covered.view(np.bool_)


@kernel
def compare_colours(samples: Channels, colours: Table[np.int32], change: Table[np.int32]) -> int:
    """Fill in the ``colours`` of samples, and by how much each differs at most from that on its right. Returns 0."""
    rows, width = colours.shape
    for y in range(rows):
        red, green, blue = samples.first[y], samples.second[y], samples.third[y]
        for x in range(width):
            colours[y, x] = (red[x] << 16) | (green[x] << 8) | blue[x]
        for x in range(width - 1):
            apart = max(abs(red[x + 1] - red[x]), abs(green[x + 1] - green[x]))
            change[y, x] = max(apart, abs(blue[x + 1] - blue[x]))
    return 0


@kernel
def cover_painted(colours: Table[np.int32], change: Table[np.int32], colour: int, covered: Table[np.uint8]) -> int:
    """Set ``covered`` where there is a colour, if it goes on in enough places and most of what lies beside it in rows
    is of clearly another. ``change``: as ``compare_colours`` has it. Returns at how many places it goes on, 0 where it
    covers nothing."""
    rows, width = colours.shape
    beside = clear = count = 0
    wanted = np.int32(colour)
    for y in range(rows):
        here, below, steps = colours[y], colours[min(y + 1, rows - 1)], change[y]
        borders = sharp = places = np.int32(0)
        for x in range(width - 1):
            is_here, is_next, is_below = here[x] == wanted, here[x + 1] == wanted, below[x] == wanted
            # Truth values are added without a branch, so that processors take several samples at once.
            borders += np.int32(is_here != is_next)
            sharp += np.int32((is_here != is_next) & (steps[x] >= PAINTED_CONTRAST))
            places += np.int32(is_here & (is_next | is_below))
        beside, clear = beside + int(borders), clear + int(sharp)
        count += int(places) if y + 1 < rows else 0
    if 2 * clear < beside or count < LEAST_PAINTED:
        return 0
    for y in range(rows):
        for x in range(width):
            covered[y, x] |= np.uint8(colours[y, x] == wanted)
    return count


@kernel
def fill(planes: Channels, covered: Table[np.uint8]) -> int:
    """Put the nearest sample of the row that is not ``covered`` (1) in the place of each that is, of two as near the
    first; rows without any stay as they are. Returns 0."""
    rows, width = covered.shape
    for y in range(rows):
        before, after = -width, -1
        for x in range(width):
            if covered[y, x] == 0:
                before = x
                continue
            if after < x:
                after = x
                while after < width and covered[y, after] != 0:
                    after += 1
            place = before if after == width or x - before <= after - x else after
            if place >= 0:
                planes.first[y, x] = planes.first[y, place]
                planes.second[y, x] = planes.second[y, place]
                planes.third[y, x] = planes.third[y, place]
    return 0
