"""What was laid over colours that came of blocks, as letters, lines, arrows and watermarks: an encoder's affair.

Samples that do not come out of the blocks may be a mixture of those that do and of one colour. What is known of the
mixture tells of the image below, which tells of the mixture: both are sought by turns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.arranging import View
from sofc.band.drawn import Mask, drawn_in
from sofc.band.mixtures import NEAR, Mixture, Numbers, Reals, by_steps, fitted, guess_mixture, with_kept
from sofc.band.overlay import Overlay, blended
from sofc.band.selection import Selection
from sofc.band.shown import Shown, show_after
from sofc.jpeg.dct import SIDE, SIZE
from sofc.planes import Plane

LEAST_SHARE, LEAST_FAR, FAR = 0.8, 64, 12
"""An overlay is looked for where so much of an image, at least, follows from its origin, and so many samples are so far
from what follows."""
LEAST_MIXED = 0.2
"""Share of these that are mixtures of one colour and of what follows, at least."""
MOST_OPAQUE = 0.1
"""Share of samples that have the colour, at most: more are a frame, or what was left out around what is shown, and
nothing but its border would be told better."""
LEAST_USUAL = 0.15
"""Share of these mixtures that have the usual opacity, at least: by chance they have any."""
LEAST_TOLD, TOGETHER = 0.1, 4
"""Share of samples far from what is around them that are about a mixture of that, at least, where it is not known what
is below; so many of the nine around each, itself included, are on average: letters and boxes stand together, noise does
not."""
LEAST_KEPT = 0.1
"""A mixture that keeps less of what is below is opaque, and seen as it is."""
HARDLY, ENOUGH_BLOCKS = 0.9, 32
"""Share of the samples of a block that do not follow where all was covered; how many blocks tell an opacity."""
WEIGHTS = 0.299, 0.587, 0.114
"""Of red, green and blue in luminance."""
COSINES: Reals = np.sqrt(np.where(np.arange(SIDE) == 0, 1, 2) / SIDE)[:, None] * np.cos(
    np.outer(np.arange(SIDE), 2 * np.arange(SIDE) + 1) * np.pi / (2 * SIDE)
)
"""The transform of a column, (frequencies, places)."""
TURNS = 4
"""How often the image below is sought anew, at most."""
COLOURS, MOST_TINTED = 3, 0.2
"""Components that tell a mixture; share of samples, at most, that have a colour where others are gray."""
EVEN, MOSTLY, CLOSE = 2, 4, 4
"""Where so many samples so far around have the usual opacity others have it, too, if what is below them then differs by
no more than this from what follows."""
UNSETTLED = 4
"""So far around what is missing and no mixture nothing is sure."""
RADII, NEARBY = (2, 5, 12, 40), 12
"""An image is guessed from what is known so far around, the nearest first; what is guessed from so near is as good as
known for what lies further."""
SPREADS, FEW_SPREAD = 8, 0.01
"""How often, at most, and for how many of what is not known, at least."""
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

    def covers_more(self, other: _Mixed) -> bool:
        """Whether more of an image is explained by this mixture."""
        return bool(np.count_nonzero(self.left) < np.count_nonzero(other.left))


def find_overlay(view: View, shown: Shown, selection: Selection) -> Overlaid | None:
    """What was laid over an image of which ``shown`` is known; None where no origin is, where it does not explain what
    is missing, or where there are not three components: one tells opacities from what is below too poorly."""
    if view.form.components != COLOURS or not shown.traced:
        return None
    best: _Mixed | None = None
    mixture: Mixture | None = None
    after = _gray_shown(view, shown, selection)
    for turn in range(TURNS):
        if not after.traced or after.share < LEAST_SHARE:
            break
        drawn = drawn_in(view.form, after)
        mixed = _mixed(view, drawn, mixture)
        if (
            turn == 0
            and (told := _told(view, drawn, after)) is not None
            and (mixed is None or told[1].covers_more(mixed))
        ):
            mixture, guess = told
            after = show_after(_guessed(view, guess), after.steps, selection)
            continue
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


def _mixed(view: View, drawn: list[Plane], mixture: Mixture | None) -> _Mixed | None:
    """An image as a mixture of what follows from its origin and of the colour that explains most: of some, or that of
    about a mixture."""
    most = (1 << view.form.bits) - 1
    distance = np.max([np.abs(one - two) for one, two in zip(view.planes, drawn, strict=True)], axis=0)
    missed = distance > 0
    is_far = distance[missed] >= FAR
    if np.count_nonzero(is_far) < LEAST_FAR:
        return None
    seen, follows = (np.stack([plane[missed] for plane in planes]).astype(np.int64) for planes in (view.planes, drawn))
    places = view.form.bits * np.arange(len(seen))
    colours, counts = np.unique((seen[:, is_far] << places[:, None]).sum(axis=0), return_counts=True)
    commonest = tuple((colours[counts.argmax()] >> places & most).tolist())
    tried = [commonest, (0,) * len(seen), (most,) * len(seen)]
    if mixture is not None and (better := fitted(mixture, seen, follows)) is not None:
        tried.insert(0, better.colour(most))
    far_seen, far_follows = seen[:, is_far], follows[:, is_far]

    def mixed(colour: tuple[int, ...]) -> int:
        return int(np.count_nonzero(np.less_equal(*opacities(far_seen, far_follows, colour, most))))

    best = max(dict.fromkeys(tried), key=mixed)
    if mixed(best) < LEAST_MIXED * np.count_nonzero(is_far):
        return None
    is_opaque: Mask = np.logical_and.reduce([plane == value for plane, value in zip(view.planes, best, strict=True)])
    if is_opaque.mean() > MOST_OPAQUE:
        return None
    chosen = _chosen(*opacities(seen, follows, best, most), most)
    counts = np.bincount(chosen[is_far & (chosen > 0)])
    usual = int(counts.argmax())
    if counts[usual] < LEAST_USUAL * counts.sum():
        return None
    opacity = np.zeros(missed.shape, np.int32)
    opacity[missed] = chosen
    below = [np.where(opacity > 0, own, plane) for own, plane in zip(drawn, view.planes, strict=True)]
    if mixture is not None and mixture.is_of_blocks and usual < most:
        covered = _uncovered(view, best, usual, missed)
        off = np.max([np.abs(one - two) for one, two in zip(covered, drawn, strict=True)], axis=0)
        shut = np.full(missed.shape, usual, np.int32)
        is_exact = [
            blended(value, under, shut, view.form.bits) == plane
            for value, under, plane in zip(best, covered, view.planes, strict=True)
        ]
        is_usual: Mask = np.logical_and.reduce([missed, opacity != usual, off <= CLOSE, *is_exact])
        is_usual &= _sums(opacity == usual, EVEN) > MOSTLY
        opacity[is_usual] = usual
        below = _instead(is_usual, covered, below)
    return _Mixed(Overlay(best), opacity, usual, below, missed, missed & (opacity == 0))


def _told(view: View, drawn: list[Plane], shown: Shown) -> tuple[Mixture, _Mixed] | None:
    """The mixture that most is which does not follow, and is far from what is around, and the image as that: of one
    opacity, as nothing is known yet of what is below."""
    missed: Mask = np.logical_or.reduce([one != two for one, two in zip(view.planes, drawn, strict=True)])
    known = _sums(missed, 1) == 0
    around = np.stack([_from_around(plane, known) for plane in view.planes])
    seen = np.stack(view.planes)
    is_far = missed & (_sums(known, NEARBY) > NEARBY) & (np.abs(seen - around).max(axis=0) >= FAR)
    if np.count_nonzero(is_far) < LEAST_FAR:
        return None
    pairs = seen[:, is_far].astype(np.float64), around[:, is_far]
    mixture = guess_mixture(*pairs)
    if mixture is None or mixture.share < LEAST_TOLD or mixture.kept < LEAST_KEPT:
        return None
    coefficients, table = _covered_blocks(view, missed, shown)
    if len(coefficients) >= ENOUGH_BLOCKS:
        mixture = with_kept(by_steps(mixture, coefficients, table), *pairs)
    is_mixed = is_far.copy()
    is_mixed[is_far] = mixture.away(*pairs) <= NEAR
    if _sums(is_mixed, 1)[is_mixed].mean() < TOGETHER:
        return None
    most = (1 << view.form.bits) - 1
    colour, usual = mixture.colour(most), round(mixture.opacity * most)
    opacity = np.where(is_mixed, usual, 0).astype(np.int32)
    below = _uncovered(view, colour, usual, is_mixed)
    return mixture, _Mixed(Overlay(colour), opacity, usual, below, missed, missed & ~is_mixed)


def _covered_blocks(view: View, missed: Mask, shown: Shown) -> tuple[Reals, Numbers]:
    """The coefficients of luminance (blocks, 64) of blocks hardly a sample of which follows from an image's origin, and
    the table of that; none where it shows after steps alone."""
    assert shown.traced[0].found is not None, "it was traced"
    luminance = shown.traced[0].found.origins[0].origins[0]
    if shown.steps or len(shown.traced[0].found.origins[0].origins) != len(view.planes):
        return np.empty((0, SIZE)), luminance.table
    samples = np.tensordot(WEIGHTS, np.stack(view.planes), axes=1)
    top, left = (-size % SIDE for size in luminance.grid.corner)
    rows, columns = ((size - begin) // SIDE for size, begin in zip(missed.shape, (top, left), strict=True))

    def blocks(plane: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        inside = plane[top : top + SIDE * rows, left : left + SIDE * columns]
        return inside.reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)

    chosen = blocks(samples)[blocks(missed).mean(axis=(1, 2)) >= HARDLY]
    return (COSINES @ chosen @ COSINES.T).reshape(-1, SIZE), luminance.table


def _uncovered(view: View, colour: tuple[int, ...], opacity: int, covered: Mask) -> list[Plane]:
    """The planes below a colour of such opacity where it ``covered`` them; as they are where it is opaque."""
    most = (1 << view.form.bits) - 1
    room = most - opacity
    if not room:
        return list(view.planes)
    own = [most * plane - opacity * value for value, plane in zip(colour, view.planes, strict=True)]
    below = [np.clip((plane + room // 2) // room, 0, most) for plane in own]
    return _instead(covered, below, list(view.planes))


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
    most, usual = (1 << view.form.bits) - 1, mixed.usual
    sure = (_sums(mixed.missed, 1) == 0) | (_sums(mixed.left, UNSETTLED) == 0)
    if usual < most:
        sure |= mixed.opacity == usual
    below = mixed.below
    covered = _uncovered(view, mixed.overlay.colour, usual, np.ones_like(sure))
    for _ in range(SPREADS):
        is_usual, is_free = _told_by_around(view, mixed, below, sure)
        if usual == most:
            is_usual[:] = False
        is_told = ~sure & (is_usual | is_free)
        below = _instead(is_told & is_usual, covered, _instead(is_told & is_free, list(view.planes), below))
        is_next = is_told & (_sums(sure, NEARBY) > NEARBY)
        if np.count_nonzero(is_next) <= FEW_SPREAD * np.count_nonzero(~sure):
            break
        sure |= is_next
    hidden = [np.full(plane.shape, _hiding(view), np.int32) for plane in below]
    return View(_instead(~(sure | is_told), hidden, below), view.form)


def _instead(where: Mask, planes: list[Plane], others: list[Plane]) -> list[Plane]:
    return [np.where(where, one, other).astype(np.int32) for one, other in zip(planes, others, strict=True)]


def _told_by_around(view: View, mixed: _Mixed, below: list[Plane], sure: Mask) -> tuple[Mask, Mask]:
    """Where samples have about the usual opacity, and none, if they are as what is sure around them."""
    most = (1 << view.form.bits) - 1
    around = [_from_around(plane, sure) for plane in below]
    ways = [value - plane for value, plane in zip(mixed.overlay.colour, around, strict=True)]
    gone = [plane - other for plane, other in zip(view.planes, around, strict=True)]
    projected = sum(one * way for one, way in zip(gone, ways, strict=True))
    share = projected / np.maximum(1, sum(way * way for way in ways)) * most / mixed.usual
    return np.abs(share - 1) < NEARLY, share < NEARLY


def _from_around(plane: Plane, known: Mask) -> Reals:
    """A plane, where it is not known what is known around it is about."""
    result = np.where(known, plane, plane[known].mean() if known.any() else 0.0)
    is_open = ~known
    for radius in RADII:
        count = _sums(known, radius)
        here = is_open & (count > radius)
        result[here] = _sums(np.where(known, plane, 0), radius)[here] / count[here]
        is_open &= ~here
    return result


def _sums(plane: npt.NDArray[np.generic], radius: int) -> Numbers:
    """The sum of samples so far around each."""
    result = plane.astype(np.int64)
    for axis, size in enumerate(plane.shape):
        total = np.insert(np.cumsum(result, axis=axis), 0, 0, axis=axis)
        places = np.arange(size)
        last, first = np.minimum(places + radius + 1, size), np.maximum(places - radius, 0)
        result = total.take(last, axis) - total.take(first, axis)
    return result
