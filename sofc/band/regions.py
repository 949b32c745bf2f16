"""Which regions of an image are pictures of their own, and what each shows of its origin: an encoder's affair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sofc.band.arranging import View
from sofc.band.borders import find_border, find_gap
from sofc.band.division import Division
from sofc.band.pieces import STEP, telling_place
from sofc.band.selection import Selection
from sofc.band.shown import Shown, show_origin
from sofc.jpeg.recover import busy_samples

MOST_DIVISIONS = 6
"""How often a region of an image may be divided, one in another: a picture in a frame takes four."""
LEAST_DIVIDED = 1 << 13
"""Samples of a plane of an image that is divided: of smaller ones it is not worth the time."""
WHOLE_SHARE, LESS, ORDINARY = 0.9, 0.9, 0.6
"""An image of which so much follows from its origin is one picture. Regions leave less than so much of what the whole
leaves; what no origin is known of takes so much of what samples take that do not follow from one."""


PIECE, MOST_PIECES = 128, 4
"""Of views of more than so many pieces with such sides, pieces tell whether an origin is looked for."""


@dataclass(frozen=True)
class Region:
    """A region that is not divided, and what its planes show of their origin."""

    view: View
    shown: list[Shown]

    @property
    def is_sure(self) -> bool:
        """Whether nothing else is as small as what is found of its origin."""
        return bool(self.shown[0].traced) and self.shown[0].traced[0].is_sure

    @cached_property
    def left(self) -> float:
        """About what samples take that do not follow from it, in such samples."""
        return _left(self.view, self.shown[0])


@dataclass(frozen=True)
class Divided:
    """A region that is two."""

    division: Division
    first: Regions
    rest: Regions


Regions = Region | Divided


def find_regions(view: View, shown: Shown, selection: Selection) -> Divided | None:
    """The regions of an image, where these leave clearly less that does not follow from an origin than the whole does,
    of which ``shown`` is found; else None."""
    transform = selection.origins.transform(view.form.format, 1)
    if transform is None or not selection.arranges or view.form.images > 1 or shown.share >= WHOLE_SHARE:
        return None
    if view.planes[0].size < LEAST_DIVIDED:
        return None
    division = find_border(view.planes)
    if division is None and shown.traced:
        division = find_gap(view.planes)
    if division is None:
        return None
    regions = _divided(Region(view, [shown]), division, selection, MOST_DIVISIONS)
    if isinstance(regions, Region):
        return None
    left = sum(region.left for region in _leaves(regions))
    return regions if left < LESS * _left(view, shown) else None


def _left(view: View, shown: Shown) -> float:
    left = 1 - shown.share if shown.traced else ORDINARY
    return left * busy_samples(view.planes[len(view.planes) // 2])


def _may_show(view: View, selection: Selection) -> bool:
    """Whether an origin is worth looking for: in pieces of both halves of a large view, where it is most a picture."""
    rows, width = view.planes[0].shape
    if rows * width <= MOST_PIECES * PIECE**2:
        return True
    axis = int(width >= rows)
    half = Division(axis, (rows, width)[axis] // 2 & -STEP)
    for planes in half.apply(view.planes, view.form):
        top, left = telling_place(planes[len(planes) // 2], PIECE)
        piece = [np.ascontiguousarray(plane[top : top + PIECE, left : left + PIECE]) for plane in planes]
        height, breadth = piece[0].shape
        form = replace(view.form, rows=height, width=breadth, image_rows=height)
        if show_origin(View(piece, form), selection, were_asked=False)[0].traced:
            return True
    return False


def _divided(region: Region, division: Division, selection: Selection, most: int) -> Regions:
    """The regions of one that is divided; those beside each other whose origin is not sure are one, and those of
    drawings, of which no piece shows one, are not divided further."""
    view = region.view
    views = map(View, division.apply(view.planes, view.form), division.forms(view.form))
    pieces = [(one, _may_show(one, selection)) for one in views]
    if not any(may_show for _, may_show in pieces):
        return region
    found: list[Regions] = []
    for one, may_show in pieces:
        shown = show_origin(one, selection, were_asked=False) if may_show else [Shown([], one, [])]
        part = Region(one, shown)
        # Within a picture whose origin is sure what looks like a border is none.
        inner = None if part.is_sure or most == 1 or not may_show else find_border(one.planes)
        found.append(part if inner is None else _divided(part, inner, selection, most - 1))
    first, rest = found
    if not (isinstance(first, Region) and isinstance(rest, Region)) or first.is_sure or rest.is_sure:
        return Divided(division, first, rest)
    return region


def _leaves(regions: Regions) -> Iterator[Region]:
    if isinstance(regions, Region):
        yield regions
    else:
        yield from _leaves(regions.first)
        yield from _leaves(regions.rest)
