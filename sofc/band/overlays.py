"""What was laid over colours that came of blocks, as letters, lines, arrows and watermarks: an encoder's affair.

Samples that do not come out of the blocks may be a mixture of those that do and of one colour. What is known of the
mixture tells of the image below, which tells of the mixture: both are sought by turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.around import from_around, sums_around
from sofc.band.arranging import View
from sofc.band.borders import greatest
from sofc.band.drawn import Mask, drawn_in
from sofc.band.overlay import Overlay
from sofc.band.selection import Selection
from sofc.band.shown import Shown, show_after
from sofc.planes import Plane

Reals = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

LEAST_SHARE, LEAST_FAR, FAR = 0.4, 64, 12
"""An overlay is looked for where so much of an image, at least, follows from its origin (lines that cross most blocks
of chrominance leave 0.7), and so many samples are so far from what follows."""
LEAST_MIXED = 0.2
"""Share of these that are mixtures of one colour and of what follows, at least."""
MOST_OPAQUE = 0.1
"""Share of samples that have the colour, at most: more are a frame, or what was left out around what is shown, and
nothing but its border would be told better."""
TURNS = 4
"""How often the image below is sought anew, at most."""
COLOURS, MOST_TINTED = 3, 0.2
"""Components that tell a mixture; share of samples, at most, that have a colour where others are gray."""
UNSETTLED = 4
"""So far around what is missing and no mixture nothing is sure."""
NEARLY = 0.25
"""An opacity is told from the usual one and from none if it differs by more than this of the usual one."""


class Overlaid(NamedTuple):
    """An overlay, its opacity, and the image below, as it is ``shown``."""

    overlay: Overlay
    opacity: View
    below: View
    shown: Shown


class _Mixed(NamedTuple):
    """An image as a mixture: an overlay, its opacity and the planes ``below``, which are the image's where it is none.

    ``missed``: where samples do not follow from the origin; ``left``: where they are no mixture, either. ``usual``: the
    commonest opacity of those that are far from what follows. Others that are one off are mixtures by chance.
    """

    overlay: Overlay
    opacity: Plane
    usual: int
    below: list[Plane]
    missed: Mask
    left: Mask


def find_overlay(view: View, shown: Shown, selection: Selection) -> Overlaid | None:
    """What was laid over an image of which ``shown`` is known; None where no origin is, where it does not explain what
    is missing, or where there are not three components: one tells opacities from what is below too poorly."""
    if view.form.components != COLOURS or not shown.traced:
        return None
    best: _Mixed | None = None
    after = _gray_shown(view, shown, selection)
    for _ in range(TURNS):
        mixed = _mixed(view, drawn_in(view.form, after)) if after.traced and after.share >= LEAST_SHARE else None
        if mixed is None or (best is not None and np.count_nonzero(mixed.left) >= np.count_nonzero(best.left)):
            break
        best = mixed
        after = show_after(_guessed(view, best), after.steps, selection)
    if best is None:
        return None
    below = View(best.below, view.form)
    opacity = View([best.opacity], best.overlay.forms(view.form)[0])
    return Overlaid(best.overlay, opacity, below, show_after(below, after.steps, selection))


def _gray_shown(view: View, shown: Shown, selection: Selection) -> Shown:
    """What is shown of an image that is gray but for what was laid over it: what the others tell of colour is wrong."""
    is_tinted: Mask = np.logical_or.reduce([plane != view.planes[0] for plane in view.planes])
    if not 0 < is_tinted.mean() < MOST_TINTED:
        return shown
    hidden = [np.where(is_tinted, _hiding(view), plane).astype(np.int32) for plane in view.planes]
    return show_after(View(hidden, view.form), [], selection)


def _hiding(view: View) -> int:
    """A sample of the one colour that says, far from others, to those who look for an origin that it was laid over."""
    most = (1 << view.form.bits) - 1
    return most if 2 * np.mean(view.planes) < most else 0


def _mixed(view: View, drawn: list[Plane]) -> _Mixed | None:
    """An image as a mixture of what follows from its origin and of the colour that explains most."""
    most = (1 << view.form.bits) - 1
    distance = greatest([np.abs(one - two) for one, two in zip(view.planes, drawn, strict=True)])
    is_far = distance >= FAR
    if np.count_nonzero(is_far) < LEAST_FAR:
        return None
    seen, follows = _at(is_far, view.planes), _at(is_far, drawn)
    places = view.form.bits * np.arange(len(seen))
    colours, counts = np.unique((seen << places[:, None]).sum(axis=0), return_counts=True)
    commonest = tuple((colours[counts.argmax()] >> places & most).tolist())

    def mixed(colour: tuple[int, ...]) -> int:
        return int(np.count_nonzero(np.less_equal(*opacities(seen, follows, colour, most))))

    # What is opaque in most of these is a mixture of no other colour.
    others = () if 2 * counts.max() > counts.sum() else ((0,) * len(seen), (most,) * len(seen))
    best = max(dict.fromkeys((commonest, *others)), key=mixed) if others else commonest
    is_opaque: Mask = np.logical_and.reduce([plane == value for plane, value in zip(view.planes, best, strict=True)])
    if is_opaque.mean() > MOST_OPAQUE or mixed(best) < LEAST_MIXED * counts.sum():
        return None
    missed = distance > 0
    chosen = _chosen(*opacities(_at(missed, view.planes), _at(missed, drawn), best, most), most)
    usual = int(np.bincount(chosen[is_far[missed] & (chosen > 0)]).argmax())
    opacity = np.zeros(missed.shape, np.int32)
    opacity[missed] = chosen
    below = [np.where(opacity > 0, own, plane) for own, plane in zip(drawn, view.planes, strict=True)]
    return _Mixed(Overlay(best), opacity, usual, below, missed, missed & (opacity == 0))


def _at(mask: Mask, planes: Sequence[Plane]) -> Numbers:
    """The samples of planes that a mask covers, (planes, places)."""
    places = np.flatnonzero(mask)
    return np.stack([plane.reshape(-1)[places] for plane in planes]).astype(np.int64)


def opacities(seen: Numbers, below: Numbers, colour: tuple[int, ...], most: int) -> tuple[Numbers, Numbers]:
    """From which opacity, at least 1, to which a colour makes of what is ``below`` what is ``seen``, (components,
    places) both, of samples up to ``most``: where none does, the first is greater than the last."""
    lowest, highest = np.ones(seen.shape[1], np.int64), np.full(seen.shape[1], most, np.int64)
    for value, here, under in zip(colour, seen, below, strict=True):
        way = 2 * np.abs(value - under)
        gone = np.where(value >= under, here - under, under - here)
        # Rounding to the nearest: most * (2 * gone - 1) < way * opacity < most * (2 * gone + 1), both of which are odd.
        low, high = (most * (2 * gone + off) // np.maximum(1, way) for off in (-1, 1))
        lowest = np.maximum(lowest, np.where(way > 0, low + 1, np.where(gone == 0, 1, most + 1)))
        highest = np.minimum(highest, np.where(way > 0, high, most))
    return lowest, highest


def _chosen(lowest: Numbers, highest: Numbers, most: int) -> Numbers:
    """Opacities within bounds, as few different ones as may be; 0 where no opacity is."""
    chosen = np.zeros(len(lowest), np.int64)
    is_open = lowest <= highest
    while is_open.any():
        begins, ends = (np.bincount(each[is_open], minlength=most + 2) for each in (lowest, highest + 1))
        value = int(np.cumsum(begins - ends).argmax())
        here = is_open & (lowest <= value) & (value <= highest)
        chosen[here] = value
        is_open &= ~here
    return chosen


def _guessed(view: View, mixed: _Mixed) -> View:
    """The image below a mixture, as far as it can be guessed: where all around comes out, or is as translucent as most
    of it is, that is known. Elsewhere what is around tells whether it is that, too, or not covered, or hidden."""
    most = (1 << view.form.bits) - 1
    usual = mixed.usual
    is_settled = sums_around(mixed.left, UNSETTLED) == 0
    sure = (sums_around(mixed.missed, 1) == 0) | is_settled
    if usual < most:
        sure |= mixed.opacity == usual
    around = [from_around(plane, sure) for plane in mixed.below]
    ways = [value - plane for value, plane in zip(mixed.overlay.colour, around, strict=True)]
    gone = [plane - other for plane, other in zip(view.planes, around, strict=True)]
    projected = sum(one * way for one, way in zip(gone, ways, strict=True))
    share = projected / np.maximum(1, sum(way * way for way in ways)) * most / usual
    is_usual, is_free = np.abs(share - 1) < NEARLY, share < NEARLY
    hidden = _hiding(view)
    guessed = []
    for value, plane, own in zip(mixed.overlay.colour, view.planes, mixed.below, strict=True):
        guess = np.where(is_free, plane, hidden)
        if usual < most:
            uncovered = (most * plane - usual * value + (most - usual) // 2) // (most - usual)
            guess = np.where(is_usual, np.clip(uncovered, 0, most), guess)
        guessed.append(np.where(sure, own, guess).astype(np.int32))
    return View(guessed, view.form)
