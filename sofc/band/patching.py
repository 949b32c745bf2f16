"""Which rectangles of planes stand in them before: an encoder's affair.

Squares that are found elsewhere, too, are where patches begin, those first in which most changes; they grow while they
are what stands at their source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.patches import FIELD_BITS, Patch, Patches, listed
from sofc.band.steps import Form
from sofc.planes import Plane

Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

SIDE, LEAST_CHANGES = 6, 10
"""The side of the squares, and how many samples in them differ from that above or on the left, at least. Of a page of
text the patches by squares of 6 take 3,090 bytes, of 8 3,465 and of 10 5,168."""
RUN, RUN_CHANGES, ONE_IN, LEAST_KNOWN = 12, 3, 64, 0.03
"""Runs of so many samples of a row, with so many changes, of which one in so many is chosen by what it holds, tell
whether squares are looked for: as many of them stand elsewhere, too, at least."""
PATCH_CHANGES, PATCH_BYTES = 24, 5
"""Samples that change in a patch, at least, and about the bytes to say it."""
WORTHWHILE = 0.02
"""What changes in patches, beyond PATCH_CHANGES in each, of all that does, at least."""
TRIES = 4
"""So many of the last places where a square stands are compared."""
CHOSEN_AT_ONCE = 1 << 12
COMPARED_OF = 3
"""One comparison for so many samples, at most: as squares that stand elsewhere may all be too small for patches, the
search would else take 16 times as long as the rest. Pages of small text take as many, of others one for 4 to 6."""
LONG_BITS = 10
"""Comparisons of 2**LONG_BITS samples count twice, and so on."""


class Patched(NamedTuple):
    """Patches, the plane that lists them, the planes with the commonest colour of each patch in its place, how many
    samples change, and which part of them lies in patches, beyond what these must have."""

    patches: Patches
    listed: Plane
    core: list[Plane]
    changes: int
    share: float


def find_patches(planes: Sequence[Plane], form: Form) -> Patched | None:
    """The patches of planes, None where there are too few."""
    if min(form.rows, form.width) < SIDE or form.width < RUN or max(form.rows, form.width) >> FIELD_BITS:
        return None
    colours = _colours(planes)
    changes = np.zeros(colours.shape, bool)
    changes[:, 1:] = colours[:, 1:] != colours[:, :-1]
    few = (colours == colours.min()) | (colours == colours.max())
    if few.all() or not _may_repeat(colours, changes):
        return None  # two colours have a coder of their own
    changes[1:] |= colours[1:] != colours[:-1]
    patches = _Search(colours, changes).patches()
    total, gain = int(np.count_nonzero(changes)), 0
    core = [plane.copy() for plane in planes]
    for top, left, rows, width, *_ in patches:
        place = slice(top, top + rows), slice(left, left + width)
        gain += int(np.count_nonzero(changes[place])) - PATCH_CHANGES
        _, first, counts = np.unique(colours[place], return_index=True, return_counts=True)
        commonest = first[np.argmax(counts)]
        for plane in core:
            plane[place] = plane[place].flat[commonest]
    if gain <= WORTHWHILE * total:
        return None
    found = Patched(Patches(len(patches)), listed(sorted(patches)), core, total, gain / total)
    undone = found.patches.undo(([found.listed], core), form)
    # Words of unlike colours may be the same, and those of patches as well.
    return found if all(map(np.array_equal, undone, planes)) else None


def _mixed(words: Words) -> Words:
    """Words whose low bits depend on all."""
    words = words * np.uint64(0x9E3779B97F4A7C15)
    words ^= words >> np.uint64(29)
    return words


def _colours(planes: Sequence[Plane]) -> Words:
    """A word for each place, which tells samples of different colours apart."""
    colours = np.zeros(planes[0].shape, np.uint64)
    for plane in planes:
        colours = _mixed(colours + plane.view(np.uint32) + np.uint64(1))
    return colours


def _windows(words: Words, length: int, axis: int) -> Words:
    """A word for each run of so many along an axis."""
    words = np.moveaxis(words, axis, 0)
    count = len(words) - length + 1
    found = words[:count].copy()
    for k in range(1, length):
        found *= np.uint64(0x100000001B3)
        found += words[k : k + count]
    return np.moveaxis(_mixed(found), 0, axis)


def _may_repeat(colours: Words, changes: Mask) -> bool:
    """Whether runs of rows stand elsewhere, too. ``changes``: along rows."""
    runs = _windows(colours, RUN, 1)
    chosen = runs % np.uint64(ONE_IN) == 0
    rows, columns = np.nonzero(chosen)
    sums = np.cumsum(changes, axis=1, dtype=np.int32)
    tell = sums[rows, columns + RUN - 1] - sums[rows, columns] >= RUN_CHANGES
    some = np.sort(runs[rows[tell], columns[tell]])
    return bool(np.count_nonzero(some[1:] == some[:-1]) > LEAST_KNOWN * len(some))


class _Search:
    """Looks for patches of which none covers another."""

    def __init__(self, colours: Words, changes: Mask) -> None:
        self._colours = colours
        self._changes = changes
        self._covered = np.zeros(colours.shape, bool)
        self._open = colours.copy()  # with others in their place where there are patches
        self._left = colours.size // COMPARED_OF
        self._squares = colours.shape[1] - SIDE + 1  # of a row
        sums = np.pad(changes.astype(np.int32).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        inside = (sums[SIDE:, SIDE:] - sums[:-SIDE, SIDE:] - sums[SIDE:, :-SIDE] + sums[:-SIDE, :-SIDE]).reshape(-1)
        places = np.flatnonzero(inside >= LEAST_CHANGES)
        words = _windows(_windows(colours, SIDE, 1), SIDE, 0).reshape(-1)[places]
        order = np.argsort(words, kind="stable")
        again = np.flatnonzero(words[order[1:]] == words[order[:-1]])
        self._before = np.full(len(inside), -1)
        self._begin = places[order[again + 1]]
        self._before[self._begin] = places[order[again]]
        self._begin = self._begin[np.argsort(-inside[self._begin], kind="stable")]

    def patches(self) -> list[Patch]:
        """Those found, in no order."""
        found: list[Patch] = []
        for first in range(0, len(self._begin), CHOSEN_AT_ONCE):
            squares = self._begin[first : first + CHOSEN_AT_ONCE]
            tops, lefts = squares // self._squares, squares % self._squares
            free = ~self._covered[tops, lefts] & ~self._covered[tops + SIDE - 1, lefts + SIDE - 1]
            for square in squares[free].tolist():
                if self._left <= 0:
                    return found
                self._left -= 1
                top, left = divmod(square, self._squares)
                if self._covered[top : top + SIDE, left : left + SIDE].any():
                    continue
                patch = max(self._grown(square), key=self._worth, default=None)
                if patch is not None and self._worth(patch) >= PATCH_CHANGES:
                    place = slice(patch.top, patch.top + patch.rows), slice(patch.left, patch.left + patch.width)
                    self._covered[place] = True
                    self._open[place] = ~self._colours[place]
                    found.append(patch)
        return found

    def _worth(self, patch: Patch) -> int:
        place = self._changes[patch.top : patch.top + patch.rows, patch.left : patch.left + patch.width]
        return int(np.count_nonzero(place))

    def _grown(self, square: int) -> list[Patch]:
        """Patches around a square, one for each place before at which it is compared."""
        top, left = divmod(square, self._squares)
        found = []
        for _ in range(TRIES):
            square = int(self._before[square])
            if square < 0:
                break
            above, right = top - square // self._squares, left - square % self._squares
            patch = self._around(top, left, above, right)
            if patch is not None:
                found.append(patch)
        return found

    def _around(self, top: int, left: int, above: int, right: int) -> Patch | None:
        """What stands so many rows above and columns to the left, too, around a square; None where that does not."""
        if above >> FIELD_BITS or not self._is_free_and_same(top, top + SIDE, left, left + SIDE, above, right):
            return None
        sides = [top, top + SIDE, left, left + SIDE]
        grows = [True] * len(sides)  # by turns, as a long strip would end with its first odd row
        while any(grows):
            for side, by in enumerate((-1, 1, -1, 1)):
                if not grows[side]:
                    continue
                line, outer = list(sides), sides[side] if by > 0 else sides[side] - 1
                line[side & ~1], line[side | 1] = outer, outer + 1
                grows[side] = self._is_free_and_same(line[0], line[1], line[2], line[3], above, right)
                if grows[side]:
                    sides[side] += by
        return Patch(sides[0], sides[2], sides[1] - sides[0], sides[3] - sides[2], above, sides[2] - right)

    def _is_free_and_same(self, top: int, bottom: int, left: int, end: int, above: int, right: int) -> bool:
        rows, columns = self._colours.shape
        if top < above or left < max(0, right) or bottom > rows or end > columns + min(0, right):
            return False
        self._left -= 1 + ((bottom - top) * (end - left) >> LONG_BITS)
        there = self._colours[top - above : bottom - above, left - right : end - right]
        return bool((self._open[top:bottom, left:end] == there).all())
