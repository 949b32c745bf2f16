"""Borders between pictures that stand in one image: an encoder's affair.

Where one picture ends and another begins, nearly each row changes in the same column more than it does on one of its
sides. What is in pictures has no such borders: the straightest edges of buildings reach LEAST_SHARE in part.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.division import Division
from sofc.band.inset import Inset
from sofc.planes import Plane

LEAST_SHARE = 0.75
"""Share of rows that change so at a border. At those of 14 pictures put together, at least 0.82; at any other place of
these and of 30 photographs at most 0.64, but for the outermost MARGIN; between lines of text 0.71."""
MARGIN, LEAST_LENGTH = 16, 32
"""Rows or columns that a picture has at least, and those along its border."""
NEAR, CLEARLY = 3, 2
"""A change is compared with so many beside it, and is greater if it is by more than that."""
GAP_SHARE, LEAST_GAP = 0.25, 8
"""In a gap samples change by so much of what they do at the median, or less, in so many rows or columns or more."""
NARROWEST = 6
"""Of an image with a gap, a picture takes one part in so many at least."""
MOST_LINES = 256
"""So many rows or columns are looked at, from all over."""
MOST_EDGES, RUN_SHARE, LEAST_AWAY = 8, 0.6, 8
"""Of the borders of insets so many of each direction are looked at: those along which the longest runs are, in which
more than such a share changes, and so far from the border of the image at least."""
PARTS = 5
"""RUN_SHARE is a whole number of such parts."""
MOST_LEFT = 20
"""Rows or columns beside an inset in which an image that came of blocks does not come out, at most: the usual ones
have up to 16, and what is enlarged reaches farther."""
NARROW = 1 << 14
"""Samples below this fit 16 bits, and so does what is added to what they differ by."""
Changing = npt.NDArray[np.bool_]
"""Where samples change more than on one side and on the other: (2, lines, places)."""


def find_border(planes: Sequence[Plane]) -> Division | None:
    """Where an image is most likely two, or None: planes have shape (rows, width) each, of any range."""
    rows, width = planes[0].shape
    found: list[tuple[float, Division]] = []
    for axis, (length, across) in enumerate(((rows, width), (width, rows))):
        if length < 2 * MARGIN or across < LEAST_LENGTH:
            continue
        shares = _changing(_lines(planes, axis)).mean(axis=1).max(axis=0)[MARGIN - 1 : length - MARGIN]
        place = int(shares.argmax())
        found.append((float(shares[place]), Division(axis, MARGIN + place)))
    share, division = max(found, key=lambda one: one[0], default=(0.0, None))
    return division if share >= LEAST_SHARE else None


def find_gap(planes: Sequence[Plane]) -> Division | None:
    """The middle of the widest gap between pictures, or None: rows or columns in which samples hardly change, as where
    pictures with black surrounds stand side by side. Planes as for ``find_border``."""
    found: list[tuple[int, Division]] = []
    for axis in range(2):
        if min(planes[0].shape) < LEAST_LENGTH or planes[0].shape[axis] < 2 * MARGIN:
            continue
        lines = _lines(planes, axis)
        changes = [np.abs(np.diff(line, axis=0)).mean(axis=0) for line in lines]
        change = np.max(changes, axis=0)[MARGIN:-MARGIN]
        is_flat = np.pad(change <= GAP_SHARE * np.median(change), 1).astype(np.int8)
        begins, ends = (np.flatnonzero(np.diff(is_flat) == sign) for sign in (1, -1))
        # Beside its own surround a picture may have a line of text, but no other picture.
        inner = (begins >= len(change) / NARROWEST) & (ends <= len(change) * (1 - 1 / NARROWEST))
        sizes = np.where(inner, ends - begins, 0)
        if sizes.size and sizes.max() >= LEAST_GAP:
            widest = int(sizes.argmax())
            found.append((int(sizes[widest]), Division(axis, MARGIN + int(begins[widest] + ends[widest]) // 2)))
    return max(found, key=lambda one: one[0], default=(0, None))[1]


def find_inset(planes: Sequence[Plane], within: Inset | None = None) -> Inset | None:
    """The rectangle within an image, or in a corner of it, that has the clearest borders all around, or None; first
    ``within`` what it is likely to lie, of which it leaves no more than what blocks at its border have."""
    rows, width = planes[0].shape
    if min(rows, width) < 2 * LEAST_LENGTH:
        return None
    upright, level = _Edges.of(planes, 1), _Edges.of(planes, 0)
    found = None if within is None else _clearest(upright, level, within)
    return found or _clearest(upright, level, None)


def _clearest(upright: _Edges, level: _Edges, within: Inset | None) -> Inset | None:
    """The rectangle with the clearest borders between edges, or None; ``within`` as for ``find_inset``."""
    rows, width = level.size, upright.size
    tops, bottoms = _pairs(level.places, rows, None if within is None else (within.top, within.rows))
    lefts, rights = _pairs(upright.places, width, None if within is None else (within.left, within.width))
    sides = [upright.shares(each, tops, bottoms) for each in (lefts, rights)]
    sides += [level.shares(each, lefts, rights).T for each in (tops, bottoms)]
    if not (tops.size and lefts.size):
        return None
    heights, widths = bottoms - tops, (rights - lefts)[:, None]
    gains = [
        np.where(np.isnan(share), 0, share - RUN_SHARE) * length
        for share, length in zip(sides, (heights, heights, widths, widths), strict=True)
    ]
    # What reaches from side to side is not an inset but one of two images.
    is_inset = (
        (heights < rows) & (widths < width) & (np.nanmin([*sides, np.ones_like(sides[0])], axis=0) >= LEAST_SHARE)
    )
    total = np.where(is_inset, sum(gains), 0)
    if not total.any():
        return None
    column, row = np.unravel_index(int(total.argmax()), total.shape)
    return Inset(int(tops[row]), int(lefts[column]), int(heights[row]), int(widths[column, 0]))


def _pairs(
    places: npt.NDArray[np.intp], size: int, within: tuple[int, int] | None
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """All pairs of places and of the ends of an image that an inset may lie between, which the first end; ``within``:
    the first place and the number of those that it may take."""
    every = np.concatenate([[0], np.sort(places), [size]])
    first, last = (every[each] for each in np.triu_indices(len(every), 1))
    possible = last - first >= LEAST_LENGTH
    if within is not None:
        before, behind = first - within[0], sum(within) - last
        possible &= (before >= 0) & (before <= MOST_LEFT) & (behind >= 0) & (behind <= MOST_LEFT)
    return first[possible], last[possible]


class _Edges(NamedTuple):
    """The ``places`` of an image of ``size`` rows or columns where a border is likely; ``changes`` (2, lines + 1,
    places), how many lines before change there more than on either side; of every ``step``-th line."""

    places: npt.NDArray[np.intp]
    changes: npt.NDArray[np.int64]
    size: int
    step: int

    @classmethod
    def of(cls, planes: Sequence[Plane], axis: int) -> _Edges:
        """Those across an axis."""
        size, length = planes[0].shape[axis], planes[0].shape[1 - axis]
        changing = _changing(_lines(planes, axis))
        # Of what is more or less than RUN_SHARE, in parts of 1 / PARTS: few enough to add up many at a time.
        run, best = np.zeros((2, *changing.shape[::2]), np.int16)
        for change in (PARTS * changing.astype(np.int16) - round(RUN_SHARE * PARTS)).swapaxes(0, 1):
            np.maximum(0, np.add(run, change, out=run), out=run)
            np.maximum(best, run, out=best)
        step = -(-length // MOST_LINES)
        longest = best.max(axis=0)
        longest[: LEAST_AWAY - 1] = longest[size - LEAST_AWAY :] = 0
        order = np.argsort(-longest, kind="stable")[:MOST_EDGES]
        order = order[longest[order] >= PARTS * (LEAST_SHARE - RUN_SHARE) * LEAST_LENGTH / step]
        counts = np.pad(changing[:, :, order].cumsum(axis=1, dtype=np.int64), ((0, 0), (1, 0), (0, 0)))
        return cls(order + 1, counts, size, step)

    def shares(
        self, sides: npt.NDArray[np.intp], first: npt.NDArray[np.intp], last: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.float64]:
        """Of each side the share of lines between each first and last that change there, (sides, lines): of the ends of
        the image NaN."""
        begins, ends = -(-first // self.step), -(-last // self.step)
        counts = (self.changes[:, ends] - self.changes[:, begins]).max(axis=0) / (ends - begins)[:, None]
        found = {int(place): counts[:, number] for number, place in enumerate(self.places)}
        unknown = np.full(len(first), np.nan)
        return np.stack([unknown, *(found.get(int(side), unknown) for side in sides)])[1:]


def _lines(planes: Sequence[Plane], axis: int) -> list[npt.NDArray[Any]]:
    """Lines across the borders of that axis."""
    step = -(-planes[0].shape[1 - axis] // MOST_LINES)
    lines = [plane[::step] if axis else plane[:, ::step].T for plane in planes]
    # Of 16 bits, processors compare twice as many at once. Numbers below 0 are large ones without a sign.
    is_narrow = all(line.view(np.uint32).max() < NARROW for line in lines)
    return [np.ascontiguousarray(line, np.int16 if is_narrow else None) for line in lines]


def _changing(planes: Sequence[npt.NDArray[Any]]) -> Changing:
    """For each column but the first which rows change there more than in all columns on one side."""
    change = greatest([np.abs(np.diff(plane, axis=1)) for plane in planes])
    count = change.shape[1]
    wide = np.pad(change, ((0, 0), (NEAR, NEAR)))
    beside = greatest([wide[:, k : k + count + NEAR + 1] for k in range(NEAR)]) + CLEARLY
    return np.stack([change > beside[:, :count], change > beside[:, NEAR + 1 :]])


def greatest(planes: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """The greatest of each sample of planes."""
    return reduce(np.maximum, planes)
