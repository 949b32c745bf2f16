"""What an inset covers of the image that it stands in: where that is, and what may be there instead, for encoders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sofc.band.arranging import View
from sofc.band.borders import MARGIN, MOST_LEFT
from sofc.band.drawn import Mask, drawn_in, missed_of
from sofc.band.inset import Inset
from sofc.band.selection import Selection
from sofc.band.shown import Shown, show_origin
from sofc.band.steps import Step
from sofc.planes import Plane

FEW_MISSED = 8
"""Samples of a row or column that do not come out of an image's origin: fewer say nothing of an inset."""

PLAIN = 0.9
"""Where so much of what is beside an inset has one colour, it stands on that."""
MANY, MOSTLY, MOST_CHANGED, CALM = 0.25, 0.5, 0.5, 0.03
"""Rows and columns of a rectangle that was changed have so many samples that do not come out, at least, of those of the
worst; the rectangle has such a share of them, an image at most such a share of rectangles, and what is around at most
so much of the rectangle's share: otherwise blocks are as uncertain everywhere."""
SURE_SHARE = 0.85
"""Share of the samples beside an inset that follow from an origin, at least, where it is sure what is below."""


def covered_part(missed: Mask) -> Inset | None:
    """The rectangle outside of which an image comes out of its origin, but for few samples, which are ``missed``."""
    return _around(missed, FEW_MISSED)


def changed_part(missed: Mask) -> Inset | None:
    """The rectangle in which most samples are ``missed``, as they do not come out of the image's origin, with whatever
    borders, as where faces were blurred: all of it was changed. None where there is none such, or it is most of the
    image."""
    ranges = []
    for axis in (1, 0):
        counts = np.count_nonzero(missed, axis=axis)
        changed = np.flatnonzero(counts >= max(FEW_MISSED, MANY * counts.max()))
        runs = np.split(changed, np.flatnonzero(np.diff(changed) > 1) + 1)
        longest = max(runs, key=len)
        ranges.append((int(longest[0]) if longest.size else 0, len(longest)))
    (top, rows), (left, width) = ranges
    if min(rows, width) < MARGIN or rows * width > MOST_CHANGED * missed.size:
        return None
    inside = np.count_nonzero(missed[top : top + rows, left : left + width])
    share, around = inside / (rows * width), (np.count_nonzero(missed) - inside) / (missed.size - rows * width)
    return Inset(top, left, rows, width) if share >= MOSTLY and around <= CALM * share else None


def left_beside(shown: Shown, inset: Inset) -> float:
    """How many times as many samples do not come out of an image's origin where an inset has nothing to do with that as
    do in all of it, of as many: 0 where no origin is known, or it was found after turning the image."""
    missed = missed_of(shown)
    if missed is None or not missed.any():
        return 0.0
    top, left = max(0, inset.top - MOST_LEFT), max(0, inset.left - MOST_LEFT)
    beside = np.ones_like(missed)
    beside[top : inset.top + inset.rows + MOST_LEFT, left : inset.left + inset.width + MOST_LEFT] = False
    return float(missed[beside].mean() / missed.mean()) if beside.any() else 0.0


def uncovered(view: View, inset: Inset, steps: Sequence[Step], selection: Selection) -> tuple[Inset, View]:
    """The image that an inset covers, its place filled with what follows from its origin, or else with the colour that
    is most often around it: a decoder puts the inset there. Before that the inset, without what follows, too.

    ``steps``: those after which the origin of the image shows, as far as that is known.
    """
    colour, contrast, share = _colours_around(view, inset)
    plain = View(_filled(view, inset, colour), view.form)
    if share >= PLAIN:
        return inset, plain
    # Where one colour that is far from those around it was painted, it is known that anything may have been.
    drawn = _drawn_in(View(_filled(view, inset, contrast), view.form), inset, steps, selection)
    if drawn is None:
        return inset, plain
    # Blocks of which all was painted came out of that: they are to be as plain.
    inner = _inner(inset)
    if inner is not None:
        drawn = _drawn_in(View(_filled(drawn, inner, colour), view.form), inset, steps, selection)
    return (inset, plain) if drawn is None else (_smallest(view, drawn) or inset, drawn)


def _drawn_in(view: View, inset: Inset, steps: Sequence[Step], selection: Selection) -> View | None:
    """The image, in the place of an inset what follows from its origin; None where it has none that is sure."""
    stepped = view
    for step in steps:
        stepped = stepped.after(step)
    shown = show_origin(stepped, selection, were_asked=False)[0]
    if shown.share < SURE_SHARE:
        return None
    planes = drawn_in(view.form, shown._replace(steps=[*steps, *shown.steps]))
    inside, _ = inset.apply(planes, view.form)
    return View(inset.undo((inside, view.planes), view.form), view.form)


def _inner(inset: Inset) -> Inset | None:
    """What of an inset no block reaches that goes beyond it, if there is anything."""
    rows, width = inset.rows - 2 * MOST_LEFT, inset.width - 2 * MOST_LEFT
    return Inset(inset.top + MOST_LEFT, inset.left + MOST_LEFT, rows, width) if min(rows, width) > 0 else None


def _smallest(view: View, other: View) -> Inset | None:
    """The smallest inset by which one image differs from another."""
    differs = np.logical_or.reduce([one != two for one, two in zip(view.planes, other.planes, strict=True)])
    return _around(differs, 1)


def _around(mask: Mask, least: int) -> Inset | None:
    """The rectangle between the first and the last rows and columns that have so many places of a mask, or None."""
    rows, columns = (np.flatnonzero(np.count_nonzero(mask, axis=axis) >= least) for axis in (1, 0))
    if not (rows.size and columns.size):
        return None
    top, left = int(rows[0]), int(columns[0])
    return Inset(top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left)


def _colours_around(view: View, inset: Inset) -> tuple[list[int], list[int], float]:
    """The colour that is most often right beside an inset; black or white, whichever is farther from what is there; and
    the share that the first has."""
    rows, width = view.planes[0].shape
    bottom, right = min(rows, inset.top + inset.rows + 1), min(width, inset.left + inset.width + 1)
    top, left = max(0, inset.top - 1), max(0, inset.left - 1)
    beside = np.ones((bottom - top, right - left), np.bool_)
    beside[inset.top - top :, inset.left - left :][: inset.rows, : inset.width] = False
    samples = np.stack([plane[top:bottom, left:right][beside] for plane in view.planes])
    colours, counts = np.unique(samples, axis=1, return_counts=True)
    most = (1 << view.form.bits) - 1
    contrast = most if 2 * samples.mean() < most else 0
    commonest = [int(value) for value in colours[:, counts.argmax()]]
    return commonest, [contrast] * len(samples), counts.max() / counts.sum()


def _filled(view: View, inset: Inset, colour: Sequence[int]) -> list[Plane]:
    own, _ = inset.forms(view.form)
    flat = [np.full((own.rows, own.width), value, np.int32) for value in colour]
    return inset.undo((flat, view.planes), view.form)
