"""The samples of a mosaic next to its edges where they are not among the colours that were made of it.

Any will do of which those colours come out that stand one further in: an encoder's affair, nothing normative.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.transforms.mosaic import Edges, Four, Means, Samples, component_at

CHOICES = 3
"""Samples that a mean of two leaves open, at most."""


class _Side(NamedTuple):
    """A mosaic turned so that one of its edges is above: (images, rows, width), the colours of it, and which
    component stands where. ``means`` are those of what is turned."""

    mosaic: Samples
    colours: Samples
    standing: npt.NDArray[np.int8]
    means: Means


def find_border(mosaic: Samples, colours: Samples, phase: int, means: Means, edges: Edges, top: int) -> None:
    """Sets the samples next to edges so that ``colours``, shape (3, images, rows, width), come out again of a mosaic.

    Samples are at most ``top``. Where there are none of which colours come out, what is set is one of the values that
    samples may have.
    """
    standing = np.empty(mosaic.shape[1:], np.int8)
    for y, x in np.ndindex(2, 2):
        standing[y::2, x::2] = component_at(y, x, phase)
    whole = _Side(mosaic, colours, standing, means)
    corners = [_turned(whole, flip) for flip, both in _CORNERS.items() if both in edges]
    for corner in corners:
        _find_beside_corner(corner, top)
    for edge, side in _sides(whole):
        if edges & edge:
            _find_greens(side, top)
            _find_others(side, top)
    for corner in corners:
        _find_corner(corner, top)


_CORNERS = {
    (1, 1): Edges.TOP | Edges.LEFT,
    (1, -1): Edges.TOP | Edges.RIGHT,
    (-1, 1): Edges.BOTTOM | Edges.LEFT,
    (-1, -1): Edges.BOTTOM | Edges.RIGHT,
}
"""How a corner is turned to be above on the left, and its edges."""


def _turned(side: _Side, flip: tuple[int, int]) -> _Side:
    turn = np.s_[..., :: flip[0], :: flip[1]]
    return side._replace(mosaic=side.mosaic[turn], colours=side.colours[turn], standing=side.standing[turn])


def _sides(whole: _Side) -> Iterator[tuple[Edges, _Side]]:
    def lying(above: Samples, below: Samples, left: Samples, right: Samples) -> Samples:
        return whole.means.cross(left, right, above, below)

    upright = _Side(
        whole.mosaic.swapaxes(-1, -2),
        whole.colours.swapaxes(-1, -2),
        whole.standing.swapaxes(-1, -2),
        whole.means._replace(cross=lying),
    )
    yield Edges.TOP, whole
    yield Edges.BOTTOM, _turned(whole, (-1, 1))
    yield Edges.LEFT, upright
    yield Edges.RIGHT, _turned(upright, (-1, 1))


def _find_greens(side: _Side, top: int) -> None:
    """Component 1 of the row above, each from the mean that stands below it."""
    mosaic, places = side.mosaic, np.flatnonzero(side.standing[1, 1:-1] != 1) + 1
    wanted = side.colours[1, :, 1, places].T
    below, left, right = mosaic[:, 2, places], mosaic[:, 1, places - 1], mosaic[:, 1, places + 1]
    mosaic[:, 0, places] = _above(side.means.cross, wanted, below, left, right, top)[0]


def _above(
    mean: Four, wanted: Samples, below: Samples, left: Samples, right: Samples, top: int
) -> tuple[Samples, npt.NDArray[np.bool_]]:
    """A sample of whose mean with three others is the one wanted, like those beside, and whether it is."""
    # The mean may be of two samples, of four, or of two others: then these differ less, or no more.
    slope, likely = np.abs(left - right), (left + right) >> 1
    tried = np.stack(
        [
            likely,
            *(2 * wanted - below + k for k in (0, -1, 1)),
            *(4 * wanted - below - left - right + k for k in (0, -1, -2, 1, 2)),
            *(below + slope + k for k in (0, 1)),
            *(below - slope - k for k in (0, 1)),
        ]
    )
    fits = (tried >= 0) & (tried <= top) & (mean(tried, *np.broadcast_arrays(below, left, right, tried)[:3]) == wanted)
    best = np.where(fits, np.abs(tried - likely), 1 << 20).argmin(axis=0)[None]
    return np.take_along_axis(tried, best, 0)[0].clip(0, top), np.take_along_axis(fits, best, 0)[0]


def _find_beside_corner(side: _Side, top: int) -> None:
    """Component 1 on the left of a mean that has two samples next to edges, so that there is one for above."""
    if side.standing[1, 1] == 1:
        return
    mosaic, wanted = side.mosaic, side.colours[1, :, 1, 1]
    below, right = mosaic[:, 2, 1], mosaic[:, 1, 2]
    found, done = mosaic[:, 1, 0].copy(), np.zeros(wanted.shape, bool)
    for guess in (right, 2 * wanted - right, 4 * wanted - 2 * below - right, 2 * wanted - right - 1, below, wanted):
        left = np.clip(guess, 0, top)
        fits = _above(side.means.cross, wanted, below, left, right, top)[1] & ~done
        found, done = np.where(fits, left, found), done | fits
    mosaic[:, 1, 0] = found


def _find_others(side: _Side, top: int) -> None:
    """The other component of the row above. What a mean of two leaves open is decided by those of four, along it."""
    mosaic, places = side.mosaic, np.flatnonzero(side.standing[1, 1:-1] == 1) + 1
    if not len(places):
        return
    component = int(side.standing[0, places[0]])
    wanted, below = side.colours[component, :, 1, places].T, mosaic[:, 2, places]
    choices = np.stack([2 * wanted - below + k for k in range(-1, CHOICES - 1)])
    outside = (choices < 0) | (choices > top)
    wrong = np.where(outside, 1 << 16, side.means.two(choices, below) != wanted)
    corners = side.colours[component, :, 1, places[:-1] + 1].T
    # total[k]: the least number of colours that do not come out up to a place where its sample is choice k.
    total, before = wrong[..., 0], []
    for place in range(len(places) - 1):
        pairs = _corners_of(
            side.means.corners, choices[..., place], choices[..., place + 1], below[:, place : place + 2]
        )
        costs = total[:, None] + (pairs != corners[:, place])
        before.append(costs.argmin(axis=0))
        total = costs.min(axis=0) + wrong[..., place + 1]
    chosen = total.argmin(axis=0)
    images = np.arange(len(chosen))
    for place in reversed(range(len(places))):
        mosaic[:, 0, places[place]] = np.clip(choices[chosen, images, place], 0, top)
        if place:
            chosen = before[place - 1][chosen, images]


def _corners_of(mean: Four, left: Samples, right: Samples, below: Samples) -> Samples:
    """The mean for each choice on the left (first axis) and on the right (second)."""
    lefts, rights = np.broadcast_arrays(left[:, None], right[None])
    return mean(lefts, np.broadcast_to(below[:, 0], lefts.shape), rights, np.broadcast_to(below[:, 1], lefts.shape))


def _find_corner(side: _Side, top: int) -> None:
    """The sample above on the left, from the mean that stands beside it."""
    if side.standing[1, 1] == 1:
        return
    mosaic, wanted = side.mosaic, side.colours[side.standing[0, 0], :, 1, 1]
    three: tuple[Any, ...] = (mosaic[:, 2, 0], mosaic[:, 0, 2], mosaic[:, 2, 2])
    for k in (2, 1, -1, -2, 0):
        sample = 4 * wanted - sum(three) + k
        fits = (sample >= 0) & (sample <= top) & (side.means.corners(sample, *three) == wanted)
        mosaic[:, 0, 0] = np.where(fits, sample, mosaic[:, 0, 0])
