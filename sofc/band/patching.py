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
from sofc.prediction.repeated import (
    ONE_IN,
    RUN,
    Limits,
    Search,
    add_component,
    choose_runs,
    find_rectangles,
    hash_squares,
)

Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

SIDE, LEAST_CHANGES = 6, 10
"""The side of the squares, and how many samples in them differ from that above or on the left, at least. Of a page of
text the patches by squares of 6 take 3,090 bytes, of 8 3,465 and of 10 5,168."""
LEAST_KNOWN = 0.03
"""Squares are looked for where as many of the chosen runs stand elsewhere, too, at least."""
STRIP = 1 << 15
"""Runs are chosen of so many places at a time, which stay in a cache."""
ROOM = 2
"""So many times as many chosen runs as are to be expected are kept; only where runs repeat are there more."""
PATCH_CHANGES, PATCH_BYTES = 24, 5
"""Samples that change in a patch, at least, and about the bytes to say it."""
WORTHWHILE = 0.02
"""What changes in patches, beyond PATCH_CHANGES in each, of all that does, at least."""
TRIES, MOST_COMPARED = 64, 32
"""So many of the last places where a square stands are compared, until so many samples were for each place of the
planes: pages of text take 8 to 30."""


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
    if not _may_repeat(planes):
        return None
    colours = _colours(planes)
    few = (colours == colours.min()) | (colours == colours.max())
    if few.all():
        return None  # two colours have a coder of their own
    changes = np.zeros(colours.shape, bool)
    changes[:, 1:] = colours[:, 1:] != colours[:, :-1]
    changes[1:] |= colours[1:] != colours[:-1]
    patches = _patches(colours, changes)
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


def _may_repeat(planes: Sequence[Plane]) -> bool:
    """Whether runs of rows stand elsewhere, too."""
    rows, width = planes[0].shape
    chosen, count = np.empty(ROOM * rows * width // ONE_IN + ONE_IN, np.int64), 0
    at_once = max(1, STRIP // width)
    for top in range(0, rows, at_once):
        words = np.zeros(min(at_once, rows - top) * width, np.int32)
        for plane in planes:
            add_component(np.require(plane[top : top + at_once], np.int32, ["C", "W"]).reshape(-1), words)
        count += choose_runs(words, width, chosen[count:])
    some = np.sort(chosen[:count])
    return bool(np.count_nonzero(some[1:] == some[:-1]) > LEAST_KNOWN * count)


def _patches(colours: Words, changes: Mask) -> list[Patch]:
    """Patches of which none covers another, in no order."""
    sums = np.zeros((colours.shape[0] + 1, colours.shape[1] + 1), np.int32)
    np.cumsum(changes, axis=0, dtype=np.int32, out=sums[1:, 1:])
    np.cumsum(sums, axis=1, out=sums)
    inside = (sums[SIDE:, SIDE:] - sums[:-SIDE, SIDE:] - sums[SIDE:, :-SIDE] + sums[:-SIDE, :-SIDE]).reshape(-1)
    places = np.flatnonzero(inside >= LEAST_CHANGES)
    words = np.empty(len(places), np.int64)
    hash_squares(colours.view(np.int64), SIDE, places, words)
    order = np.argsort(words, kind="stable")
    again = np.flatnonzero(words[order[1:]] == words[order[:-1]])
    before = np.full(len(inside), -1)
    begin = places[order[again + 1]]
    before[begin] = places[order[again]]
    begin = begin[np.lexsort((begin, -inside[begin]))]
    search = Search(colours.view(np.int64), sums, np.zeros(colours.shape, np.uint8), before)
    limits = Limits(SIDE, TRIES, PATCH_CHANGES, (1 << FIELD_BITS) - 1, MOST_COMPARED * colours.size)
    found = np.empty((int(sums[-1, -1]) // PATCH_CHANGES, len(Patch._fields)), np.int32)
    count = find_rectangles(search, begin, limits, np.empty((3, 4), np.int64), found)
    return [Patch(*fields) for fields in found[:count].tolist()]
