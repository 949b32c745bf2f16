"""Which regions of an image are pictures of their own, and what each shows of its origin: an encoder's affair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sofc.band.arranging import View
from sofc.band.borders import find_border, find_gap, find_inset
from sofc.band.covered import changed_part, covered_part, left_beside, uncovered
from sofc.band.division import Division
from sofc.band.drawn import missed_of
from sofc.band.inset import Inset
from sofc.band.pieces import STEP, telling_place, variety
from sofc.band.selection import Selection
from sofc.band.shown import Shown, show_after, show_origin
from sofc.band.steps import Step
from sofc.jpeg.recover import busy_samples

MOST_DIVISIONS = 6
"""How often a region of an image may be divided, one in another: a picture in a frame takes four."""
LEAST_DIVIDED = 1 << 13
"""Samples of a plane of an image that is divided: of smaller ones it is not worth the time."""
WHOLE_SHARE, LESS, ORDINARY = 0.9, 0.9, 0.6
"""An image of which so much follows from its origin is one picture. Regions leave less than so much of what the whole
leaves; what no origin is known of takes so much of what samples take that do not follow from one."""


INSET_SHARE = 0.98
"""The same where insets are looked for: they may be small."""
MORE_FOLLOWS = 0.75
"""Without an inset that was no picture so much or less does not follow of what does not with it: without a legend over
one 0.6."""
PIECE, SMALL_PIECE, MOST_PIECES, LEAST_VARIETY = 128, 32, 4, 0.45
"""Of views of more than so many pieces with such sides, pieces tell whether an origin is looked for, and of those with
less variety none is; of smaller ones such small pieces tell."""


class Room(NamedTuple):
    """How many entries an arrangement has, and how many samples its insets, or may have."""

    entries: int
    samples: int

    def without(self, taken: Room) -> Room:
        """What is left of it."""
        return Room(self.entries - taken.entries, self.samples - taken.samples)

    def holds(self, *taken: Room) -> bool:
        """Whether there is so much."""
        return all(sum(each) <= limit for each, limit in zip(zip(*taken, strict=True), self, strict=True))


@dataclass(frozen=True)
class Region:
    """A region that is not divided, and what its planes show of their origin."""

    view: View
    shown: list[Shown]

    @cached_property
    def room(self) -> Room:
        """What it takes, in whichever way of those that it shows it is coded."""
        return Room(1 + max(len(shown.steps) for shown in self.shown), 0)

    @property
    def best(self) -> Shown:
        """That from which most follows."""
        return max(self.shown, key=lambda one: one.share)

    @property
    def is_sure(self) -> bool:
        """Whether nothing else is as small as what is found of its origin."""
        return bool(self.best.traced) and self.best.traced[0].is_sure

    @property
    def missing(self) -> float:
        """The share of its samples that does not follow from it."""
        return 1 - self.best.share

    @cached_property
    def left(self) -> float:
        """About what samples take that do not follow from it, in such samples."""
        return _left(self.view, self.best)


@dataclass(frozen=True)
class Divided:
    """A region that is two."""

    division: Division | Inset
    first: Regions
    rest: Regions
    own: Room

    @property
    def room(self) -> Room:
        """What it takes: its ``own``, and that of both."""
        rooms = self.own, self.first.room, self.rest.room
        return Room(sum(room.entries for room in rooms), sum(room.samples for room in rooms))


Regions = Region | Divided


def find_regions(view: View, shown: list[Shown], selection: Selection, entries: int) -> Divided | None:
    """The regions of an image, of an arrangement of so many ``entries`` at most, where these leave clearly less that
    does not follow from an origin than the whole does, of which ``shown`` is found; else None."""
    transform = selection.origins.transform(view.form.format, 1)
    whole = Region(view, shown)
    if transform is None or not selection.arranges or view.form.images > 1 or whole.best.share >= INSET_SHARE:
        return None
    regions = _regions_of(whole, selection, MOST_DIVISIONS, Room(entries, view.form.samples))
    if isinstance(regions, Region):
        return None
    left = sum(region.left for region in _leaves(regions))
    # Of insets, it only shows when they are coded what they save: they may be small, and drawings.
    return regions if _has_insets(regions) or left < LESS * whole.left else None


def _divisions(region: Region, most: int, taken: Sequence[Inset]) -> Iterator[Division | Inset]:
    """Where a region is likely two, the likeliest first; ``taken``: where insets were."""
    view, shown = region.view, region.best
    if view.planes[0].size < LEAST_DIVIDED:
        return
    # Within a picture whose origin is sure what looks like a border is none, but it may be all that is left of two.
    if shown.share < WHOLE_SHARE and (most == MOST_DIVISIONS or not region.is_sure):
        border = find_border(view.planes)
        if border is None and shown.traced and most == MOST_DIVISIONS:
            border = find_gap(view.planes)
        if border is not None:
            yield border
    if shown.share < INSET_SHARE:
        missed = missed_of(shown)
        part, changed = (None, None) if missed is None else (covered_part(missed), changed_part(missed))
        inset = find_inset(view.planes, part)
        if changed is not None and (inset is None or not inset.covers_most_of(changed)):
            inset = changed
        if inset is not None and not any(other.covers_most_of(inset) for other in taken):
            yield inset


def _left(view: View, shown: Shown) -> float:
    left = 1 - shown.share if shown.traced else ORDINARY
    return left * busy_samples(view.planes[len(view.planes) // 2])


def _may_show(view: View, selection: Selection) -> bool:
    """Whether an origin is worth looking for: not in drawings, and of a large view only where pieces of its halves show
    one, where these are most a picture."""
    rows, width = view.planes[0].shape
    if rows * width <= MOST_PIECES * PIECE**2:
        return variety(_telling(view, SMALL_PIECE).planes[0]) >= LEAST_VARIETY
    axis = int(width >= rows)
    half = Division(axis, (rows, width)[axis] // 2 & -STEP)
    pieces = (_telling(View(*one), PIECE) for one in zip(half.apply(*view), half.forms(view.form), strict=True))
    return any(
        variety(piece.planes[0]) >= LEAST_VARIETY and bool(show_origin(piece, selection, were_asked=False)[0].traced)
        for piece in pieces
    )


def _telling(view: View, side: int) -> View:
    """The piece of a view with such sides that is most a picture, its place in the grid of JPEG's blocks kept."""
    top, left = telling_place(view.planes[len(view.planes) // 2], side)
    piece = [np.ascontiguousarray(plane[top : top + side, left : left + side]) for plane in view.planes]
    rows, width = piece[0].shape
    return View(piece, replace(view.form, rows=rows, width=width, image_rows=rows))


def _regions_of(region: Region, selection: Selection, most: int, room: Room, taken: tuple[Inset, ...] = ()) -> Regions:
    """The regions of one that is divided where it is likeliest two and an origin of one of them is sure. ``room``: what
    they may take."""
    found: Regions = region
    for division in _divisions(region, most, taken) if most else ():
        found = _divided(region, division, selection, most, room, taken)
        if found is not region:
            break
    return found


def _divided(
    region: Region, division: Division | Inset, selection: Selection, most: int, room: Room, taken: tuple[Inset, ...]
) -> Regions:
    """The regions of one that is divided like that; those beside each other whose origin is not sure are one, and those
    of drawings, of which no piece shows one, are not divided further."""
    view = region.view
    first, rest = map(View, division.apply(view.planes, view.form), division.forms(view.form))
    is_inset, is_first = isinstance(division, Inset), _may_show(first, selection)
    # What an inset stands in has the origin of the whole, where that is sure: so its steps, which take long to find.
    is_below = is_inset and region.is_sure
    known = [[], region.best.steps if is_below else []]
    if isinstance(division, Inset) and is_below and not is_first and left_beside(region.best, division) > MORE_FOLLOWS:
        return region
    # Where the whole shows none, what an inset stands in has none unless the inset is such a picture.
    is_drawn = is_inset and not region.best.traced and not is_first
    may_show = [is_first, is_below or (not is_drawn and _may_show(rest, selection))]
    if not any(may_show):
        return region
    if isinstance(division, Inset):
        division, rest = uncovered(view, division, region.best.steps, selection)
        first = View(division.apply(view.planes, view.form)[0], division.forms(view.form)[0])
    insets = ((), (*taken, division)) if isinstance(division, Inset) else ((), ())
    both = [
        Region(one, _shown(one, steps, selection) if is_likely else [Shown([], one, [])])
        for one, steps, is_likely in zip((first, rest), known, may_show, strict=True)
    ]
    if is_below and not both[0].is_sure and both[1].missing > MORE_FOLLOWS * region.missing:
        return region
    own = Room(1, first.form.samples if isinstance(division, Inset) else 0)
    if not room.holds(own, *(part.room for part in both)):
        return region
    found: list[Regions] = []
    for part, is_likely, inner, other in zip(both, may_show, insets, reversed(both), strict=True):
        left = room.without(own).without((found[0] if found else other).room)
        found.append(_regions_of(part, selection, most - 1 if is_likely else 0, left, inner))
    if any(not isinstance(one, Region) or one.is_sure for one in found):
        return Divided(division, found[0], found[1], own)
    return region


def _shown(view: View, steps: Sequence[Step], selection: Selection) -> list[Shown]:
    """What planes show of their origin: after steps, where any are known."""
    return [show_after(view, steps, selection)] if steps else show_origin(view, selection, were_asked=False)


def _has_insets(regions: Regions) -> bool:
    if isinstance(regions, Region):
        return False
    return isinstance(regions.division, Inset) or _has_insets(regions.first) or _has_insets(regions.rest)


def _leaves(regions: Regions) -> Iterator[Region]:
    if isinstance(regions, Region):
        yield regions
    else:
        yield from _leaves(regions.first)
        yield from _leaves(regions.rest)
