"""Steps of an arrangement that only show in what coders know of planes.

The origin of planes that were a JPEG file shows in one orientation and order of components alone: a decoder's
roundings and the way in which it makes components larger are not symmetric.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from sofc.band.arranging import View
from sofc.band.placing_steps import Choose, Orient
from sofc.band.selection import Selection
from sofc.band.steps import Form, Step
from sofc.band.value_steps import Scale
from sofc.band.ways import Way
from sofc.jpeg.orientation import is_inverted, is_sideways, most_enlarged
from sofc.jpeg.subsampling import FACTORS
from sofc.transforms.components import NONE, Transform

FALLS = Scale(8, 1, 255, falls=True)
MIRROR, TURN = Orient(2), Orient(3)
INVERTED: tuple[list[Step], ...] = ([FALLS], [FALLS, MIRROR])
"""Steps for what is inverted. Mirrored, too, its components come out as if it were neither."""
SURE_SHARE, SURE_PIECE, CLEAR_GAIN, SURE_GAIN = 0.99, 0.95, 0.01, 0.1
"""Where more follows from an origin nothing better is sought, of a piece where so much does; of a piece so much more
must follow to look further, and of all samples so much more to look no further."""
ORDER_PROBE, PIECE = 32, 128
"""Sides of the pieces in the middle by which orders and orientations are judged."""
LEAST_ENLARGED = 0.75
"""Share of the samples of a piece that come out again of smaller components if these were enlarged."""
SIDEWAYS_LEAST, UPRIGHT = 0.05, 0.7
"""Of images on their side, 0.15 to 0.65 of blocks come out whole, of upright ones 0.78 and more."""
SIDEWAYS: tuple[list[tuple[Step, ...]], ...] = (
    [(Orient(4),), (Orient(5),), (Orient(1),)],
    [(FALLS, Orient(4)), (FALLS, Orient(5))],
)


class Shown(NamedTuple):
    """Planes after some steps, and the ways to code them by what then shows of their origin."""

    steps: list[Step]
    view: View
    traced: list[Way]

    @property
    def share(self) -> float:
        """How much of the samples follows from that."""
        return self.traced[0].share if self.traced else 0.0

    @property
    def whole(self) -> float:
        """Of how many blocks of luminance all samples follow, a share."""
        found = self.traced[0].found if self.traced else None
        return 0.0 if found is None else min(one.exact[0] for one in found.origins)

    @property
    def factors(self) -> tuple[int, int]:
        """Rows and columns that a sample of the last component stands for, at least: mirrored, it may be more."""
        found = self.traced[0].found if self.traced else None
        down, across = (1, 1) if found is None else found.origins[0].origins[-1].grid[:2]
        return min(down, 2), min(across, 2)

    @property
    def is_inverted(self) -> bool:
        """Whether the steps of luminance are those of an image that falls where this one rises."""
        found = self.traced[0].found if self.traced and self.view.form.bits == FALLS.bits else None
        return found is not None and is_inverted(found.origins[0].origins[0].table)


def show_origin(view: View, selection: Selection, *, were_asked: bool) -> list[Shown]:
    """The planes after the steps that show best that they were a JPEG file; as they are too where that is in doubt, and
    turned by 180 degrees where they show to be mirrored or that.

    ``were_asked``: they do not as they stand.
    """
    form = view.form
    transform = selection.origins.transform(form.format, form.images)
    if transform is None or not selection.arranges:
        return [Shown([], view, _traced(view, selection) if transform is not None else [])]
    steps: list[Step] = []
    whole = view
    if form.components == 3 and transform is not NONE:
        order = _order(view, transform)
        if order is not None:
            steps, view = [order], view.after(order)
    shown = Shown(steps, view, _traced(view, selection, were_asked=were_asked and not steps))
    for further in INVERTED if shown.is_inverted else ():
        other = show_after(whole, [*steps, *further], selection)
        if other.share >= shown.share and not other.is_inverted:
            shown, view, steps = other, other.view, other.steps
            break
    if not shown.traced or (shown.share >= SURE_SHARE and shown.whole >= UPRIGHT):
        return _either_way_up(whole, shown, selection)
    further = _orientation(view, shown, selection, transform)
    other = show_after(whole, [*steps, *further], selection) if further else shown
    if other.share <= shown.share:
        return [shown]
    found = _either_way_up(whole, other, selection)
    return found if other.share > shown.share + SURE_GAIN else [shown, *found]


def _either_way_up(view: View, shown: Shown, selection: Selection) -> list[Shown]:
    """What shows, and where that is mirrored, the same turned by 180 degrees: how decoders make components larger does
    not tell above from below. Models do, which know pictures the right way up."""
    if shown.steps[-1:] != [MIRROR]:
        return [shown]
    return [shown, show_after(view, [*shown.steps[:-1], TURN], selection)]


def show_after(view: View, steps: Sequence[Step], selection: Selection) -> Shown:
    """The planes after steps after which their origin is known to show."""
    stepped = _after(view, steps)
    return Shown([*steps], stepped, _traced(stepped, selection))


def _traced(view: View, selection: Selection, *, were_asked: bool = False) -> list[Way]:
    form = view.form
    return selection.origins.ways(list(view.planes), form.format, form.image_rows, were_asked=were_asked)


def _middle(view: View, side: int) -> View:
    """A piece from the middle, its place in the grid of JPEG's blocks kept."""
    planes, form = view
    top, left = (max(0, size - side) // 2 & ~15 for size in planes[0].shape)
    piece = [np.ascontiguousarray(plane[top : top + side, left : left + side]) for plane in planes]
    rows, width = piece[0].shape
    return View(piece, Form(form.components, form.bits, rows, width, rows))


def _order(view: View, transform: Transform) -> Step | None:
    """The order of three components in which the transform suits them, where it does not as they stand."""
    piece = _middle(view, ORDER_PROBE)
    if transform.suits(transform.forward(piece.planes)):
        return None
    for order in permutations(range(3)):
        if order == (0, 1, 2):
            continue
        step = Choose(order, (0, 0, 0))
        if all(transform.suits(transform.forward(each.after(step).planes)) for each in (piece, _middle(view, PIECE))):
            return step
    return None


def _orientation(view: View, shown: Shown, selection: Selection, transform: Transform) -> list[Step]:
    """The steps among turning, mirroring and inverting after which a piece shows most of its origin.

    How decoders make components larger tells left from right, and inverting turns that round, but hardly above from
    below: so half of all orientations say nothing new. On their side, few blocks come out whole.
    """
    piece = _middle(view, PIECE)
    first, sideways = _unlike(piece, shown, transform), _is_sideways(piece, shown, transform)
    if not first and not sideways:
        return []

    def share(steps: Sequence[Step]) -> float:
        stepped = show_after(piece, steps, selection)
        return (stepped.share + stepped.whole) / 2

    now = share([])
    if now == 0 or now >= 1 - CLEAR_GAIN:
        return []
    found: dict[tuple[Step, ...], float] = {(): now}
    # Whatever else shows of planes on their side shows more clearly of them upright.
    for tried in SIDEWAYS if sideways else (first,):
        found |= {steps: share(steps) for steps in tried}
        if max(found.values()) > max(now + CLEAR_GAIN, SURE_PIECE):
            break
    best = max(found, key=lambda steps: found[steps])
    return list(best) if found[best] > now + CLEAR_GAIN else []


def _after(view: View, steps: Sequence[Step]) -> View:
    for step in steps:
        view = view.after(step)
    return view


def _unlike(piece: View, shown: Shown, transform: Transform) -> list[tuple[Step, ...]]:
    """Of mirroring and inverting what more of the components of a piece comes out after, if they were made larger."""
    if piece.form.components != 3 or transform is NONE:
        return []
    origin = shown.traced[0].found
    # Means of what was inverted are no multiples of a step that does not divide 8.
    means = [] if origin is None else [int(one.origins[0].table[0]) for one in origin.origins]
    tells_inverted = any(8 % mean for mean in means)
    if origin is not None and all(one.is_exactly_enlarged for one in origin.origins):
        # What was inverted and mirrored was made larger as if it were neither: all of luminance comes out, too, but
        # other blocks of the others do. Of steps of 1 it takes next to nothing more.
        may_be_both = not tells_inverted and max(means) > 1 and shown.whole >= SURE_PIECE
        return [(FALLS, MIRROR)] if may_be_both else []
    least = shown.factors
    possible = [factors for factors in FACTORS if factors[0] >= least[0] and factors[1] >= least[1]]
    now = most_enlarged(transform.forward(piece.planes), possible)

    def share(step: Step) -> float:
        planes = transform.forward(piece.after(step).planes)
        return most_enlarged(planes, possible) if transform.suits(planes) else 0

    tried = (MIRROR,) if tells_inverted else (MIRROR, FALLS)
    found: dict[tuple[Step, ...], float] = {(step,): share(step) for step in tried}
    clear = [steps for steps, one in found.items() if one >= LEAST_ENLARGED and one > now + CLEAR_GAIN]
    # Colours that were not made larger tell nothing here. Of finer steps, inverted ones take 0.7 % more at most.
    return clear or ([(FALLS,)] if set(means) == {8} and shown.whole >= UPRIGHT else [])


def _is_sideways(piece: View, shown: Shown, transform: Transform) -> bool:
    """Whether as many blocks come out whole as where columns and rows were transformed in the other order, and more of
    a piece do when that is turned."""
    found = shown.traced[0].found
    if found is None or not any(SIDEWAYS_LEAST <= one.exact[0] < UPRIGHT for one in found.origins):
        return False
    return is_sideways(transform.forward(piece.planes), found.origins[0].origins[0])
