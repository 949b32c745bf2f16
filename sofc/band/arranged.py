"""Coding the parts of an arrangement, and finding those steps that only show in what coders know of planes.

The origin of planes that were a JPEG file shows in one orientation and order of components alone: a decoder's
roundings and the way in which it makes components larger are not symmetric.
"""

from __future__ import annotations

from collections.abc import Mapping as Mapped
from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from sofc.band.arrangement import MAX_COMPONENTS, Arrangement, Part, Split, Stepped, pack_arrangement
from sofc.band.arranging import Found, Taken, View, Whole, find_arrangement, is_demosaiced, is_narrowed, wholes_of
from sofc.band.mapping import Mapping
from sofc.band.placing_steps import Choose, Orient
from sofc.band.selection import Selection
from sofc.band.steps import Form, Step
from sofc.band.value_steps import Scale
from sofc.band.ways import Way
from sofc.coders.raw import RawCoder
from sofc.container.records import FIRST_CODEBOOK_MODEL, RAW_MODEL
from sofc.jpeg.orientation import is_sideways, most_enlarged
from sofc.jpeg.subsampling import FACTORS
from sofc.transforms.components import NONE, Transform

Coded = tuple[Arrangement, tuple[bytes, ...]]
"""An arrangement and the streams of its parts."""
SURE_SHARE, SURE_PIECE, CLEAR_GAIN, SURE_GAIN = 0.99, 0.95, 0.01, 0.1
"""Where more follows from an origin nothing better is sought, of a piece where so much does; of a piece so much more
must follow to look further, and of all samples so much more to look no further."""
ORDER_PROBE, PIECE = 32, 128
"""Sides of the pieces in the middle by which orders and orientations are judged."""
LEAST_ENLARGED = 0.75
"""Share of the samples of a piece that come out again of smaller components if these were enlarged."""
SIDEWAYS_LEAST, UPRIGHT = 0.05, 0.6
"""Of images on their side, 0.15 to 0.45 of blocks come out whole, of upright ones 0.78 and more."""
FALLS = Scale(8, 1, 255, falls=True)
SIDEWAYS: tuple[list[tuple[Step, ...]], ...] = (
    [(Orient(4),), (Orient(5),), (Orient(1),)],
    [(FALLS, Orient(4)), (FALLS, Orient(5))],
)
LEAST_SAMPLES = 256
"""To say the arrangement of fewer takes too many bytes."""


def code_arranged(
    view: View, selection: Selection, numbers: Mapped[bytes, int], found: Found, *, were_asked: bool = False
) -> Coded:
    """Code planes as their samples are arranged, which ``find`` said, or as they are where that is smaller.

    ``numbers``: the number in the file of each codebook that may be used, by its id. ``were_asked``: the images were
    asked for their origin, and have none as they stand.
    """
    judged = _Judged(view if were_asked else None)
    if isinstance(found, Whole):
        return _code_whole(view, selection, numbers, judged)
    is_doubtful = selection.is_trained or is_narrowed(found) or is_demosaiced(found)
    if is_doubtful and judged.size(view, selection) <= _estimate_parts(found, selection, numbers, judged):
        return _code_whole(view, selection, numbers, judged)
    return _code(found, selection, numbers, judged)


def code_traced(view: View, traced: Sequence[Way], selection: Selection, numbers: Mapped[bytes, int]) -> Coded:
    """Code planes whose origin is known as they stand; raw where that is smaller. ``traced``: the ways by that."""
    return _code_shown([Shown([], view, list(traced))], None, view, selection, numbers)


def find(view: View, selection: Selection, *, signed: bool) -> Found:
    """The arrangement that is looked for in planes."""
    count = len(view.planes)
    if not selection.arranges or count * view.planes[0].size < LEAST_SAMPLES or count > MAX_COMPONENTS:
        return Whole(view)
    return find_arrangement(view, signed)


class _Judged:
    """What views show and may be coded by, kept for those that are judged first and coded then."""

    def __init__(self, without: View | None) -> None:
        self._without = without  # a view that has no origin
        self._found: dict[int, tuple[list[Shown], list[Way]]] = {}

    def of(self, view: View, selection: Selection) -> tuple[list[Shown], list[Way]]:
        """What the planes of a view show, and the ways to code the first of that."""
        if id(view) not in self._found:
            shown = show_origin(view, selection, were_asked=view is self._without)
            (planes, form), traced = shown[0].view, shown[0].traced
            self._found[id(view)] = shown, selection.ways(list(planes), form.format, form.image_rows, traced)
        return self._found[id(view)]

    def size(self, view: View, selection: Selection) -> float:
        """About the bytes of planes, judged by a piece."""
        _, ways = self.of(view, selection)
        return min(way.size(view.form.image_rows) for way in ways)


def _estimate_parts(found: Found, selection: Selection, numbers: Mapped[bytes, int], judged: _Judged) -> float:
    return sum(judged.size(part, selection.for_format(part.form.format, numbers)) for part in wholes_of(found))


def _code(found: Found, selection: Selection, numbers: Mapped[bytes, int], judged: _Judged) -> Coded:
    if isinstance(found, Whole):
        return _code_whole(found.view, selection.for_format(found.view.form.format, numbers), numbers, judged)
    if isinstance(found, Taken):
        core, streams = _code(found.core, selection, numbers, judged)
        return Stepped(found.step, core), streams
    if found.is_doubtful:
        whole = selection.for_format(found.view.form.format, numbers)
        if judged.size(found.view, whole) < _estimate_parts(found, selection, numbers, judged):
            return _code_whole(found.view, whole, numbers, judged)
    first, first_streams = _code(found.first, selection, numbers, judged)
    rest, rest_streams = _code(found.rest, selection, numbers, judged)
    split = Split(found.components, first, rest)
    return split if found.order is None else Stepped(found.order, split), first_streams + rest_streams


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
    def factors(self) -> tuple[int, int]:
        """Rows and columns that a sample of the last component stands for, at least: mirrored, it may be more."""
        found = self.traced[0].found if self.traced else None
        down, across = (1, 1) if found is None else found.origins[0].origins[-1].grid[:2]
        return min(down, 2), min(across, 2)


def _code_whole(view: View, selection: Selection, numbers: Mapped[bytes, int], judged: _Judged) -> Coded:
    """Code planes that show no arrangement, but for the steps that their origin shows; raw where that is smaller."""
    shown, ways = judged.of(view, selection)
    return _code_shown(shown, ways, view, selection, numbers)


def _code_shown(
    shown: Sequence[Shown], ways: list[Way] | None, view: View, selection: Selection, numbers: Mapped[bytes, int]
) -> Coded:
    """``ways``: those to code the first of what is shown, where they are known."""
    best: Coded | None = None
    for steps, (planes, form), traced in shown:
        if best is not None or ways is None:
            ways = traced if best is not None else selection.ways(list(planes), form.format, form.image_rows, traced)
        for way in ways:
            is_rival = traced and traced[0].is_doubtful and way.found is None
            if best is not None and is_rival and way.size(form.image_rows) > _size(best):
                continue
            streams = way.streams(form.image_rows)
            trained = selection.codebook is not None and way.model >= FIRST_CODEBOOK_MODEL
            number = numbers.get(selection.codebook.id, 0) if trained and selection.codebook is not None else 0
            arrangement: Arrangement = Part(number, way.model, way.view.mapping, len(streams))
            for step in reversed(steps):
                arrangement = Stepped(step, arrangement)
            if best is None or _size((arrangement, streams)) < _size(best):
                best = arrangement, streams
    assert best is not None, "there is always a way"
    form = view.form
    raw_size = form.components * ((form.rows * form.width * form.bits + 7) // 8)
    if _size(best) <= raw_size:
        return best
    raw = tuple(RawCoder().encode(list(view.planes), NONE.ranges(form.components, form.bits), form.image_rows))
    return Part(0, RAW_MODEL, Mapping.NONE, len(raw)), raw


def _size(coded: Coded) -> int:
    arrangement, streams = coded
    said = 0 if isinstance(arrangement, Part) else len(pack_arrangement(arrangement))
    return said + sum(map(len, streams))


def show_origin(view: View, selection: Selection, *, were_asked: bool) -> list[Shown]:
    """The planes after the steps that show best that they were a JPEG file; as they are too where that is in doubt.

    ``were_asked``: they do not as they stand.
    """
    form = view.form
    transform = selection.origins.transform(form.format, form.images)
    if transform is None or not selection.arranges:
        return [Shown([], view, _traced(view, selection) if transform is not None else [])]
    steps: list[Step] = []
    if form.components == 3 and transform is not NONE:
        order = _order(view, transform)
        if order is not None:
            steps, view = [order], view.after(order)
    shown = Shown(steps, view, _traced(view, selection, were_asked=were_asked and not steps))
    if not shown.traced or shown.share >= SURE_SHARE:
        return [shown]
    turned = view
    further = _orientation(view, shown, selection, transform)
    for step in further:
        turned = turned.after(step)
    other = Shown([*steps, *further], turned, _traced(turned, selection)) if further else shown
    if other.share > shown.share + SURE_GAIN:
        return [other]
    return [shown, other] if other.share > shown.share else [shown]


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
        ways = _traced(_after(piece, steps), selection)
        return ways[0].share if ways else 0.0

    now = share([])
    if now == 0 or now >= 1 - CLEAR_GAIN:
        return []
    found: dict[tuple[Step, ...], float] = {(): now}
    for tried in (first, *(SIDEWAYS if sideways else ())):
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
    if origin is not None and all(one.is_exactly_enlarged for one in origin.origins):
        return []
    least = shown.factors
    possible = [factors for factors in FACTORS if factors[0] >= least[0] and factors[1] >= least[1]]
    now = most_enlarged(transform.forward(piece.planes), possible)

    def share(step: Step) -> float:
        planes = transform.forward(piece.after(step).planes)
        return most_enlarged(planes, [now.factors]).share if transform.suits(planes) else 0

    found = {(step,): share(step) for step in (Orient(2), FALLS)}
    return [steps for steps, one in found.items() if one >= LEAST_ENLARGED and one > now.share + CLEAR_GAIN]


def _is_sideways(piece: View, shown: Shown, transform: Transform) -> bool:
    """Whether as many blocks come out whole as where columns and rows were transformed in the other order, and more of
    a piece do when that is turned."""
    found = shown.traced[0].found
    if found is None or not any(SIDEWAYS_LEAST <= one.exact[0] < UPRIGHT for one in found.origins):
        return False
    return is_sideways(transform.forward(piece.planes), found.origins[0].origins[0])
