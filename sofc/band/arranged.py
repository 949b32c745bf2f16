"""Coding the parts of an arrangement, as their samples and their origin show it: the encoder's policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Mapped
from functools import partial

from sofc.band.arrangement import (
    MAX_COMPONENTS,
    MAX_ENTRIES,
    Arrangement,
    Divided,
    Part,
    Split,
    Stepped,
    pack_arrangement,
    unpack_arrangement,
)
from sofc.band.arranging import (
    MOST_STEPS,
    Arranged,
    Found,
    Patched,
    Taken,
    View,
    find_arrangement,
    is_by_chance,
    is_following,
    is_merged,
    is_narrowed,
    wholes_of,
    with_patches,
)
from sofc.band.mapping import Mapping
from sofc.band.overlays import find_overlay
from sofc.band.patching import PATCH_BYTES, PATCH_CHANGES
from sofc.band.pieces import variety
from sofc.band.regions import LEAST_VARIETY, Region, Regions, find_regions
from sofc.band.rivals import is_little
from sofc.band.selection import Selection
from sofc.band.shown import Shown, show_origin
from sofc.band.steps import Form
from sofc.band.tints import Tinted, find_tints
from sofc.band.ways import Way
from sofc.coders.raw import RawCoder
from sofc.container.chunks import pack_numbers
from sofc.container.records import FIRST_CODEBOOK_MODEL, RAW_MODEL
from sofc.errors import FormatError
from sofc.transforms.components import NONE

Coded = tuple[Arrangement, tuple[bytes, ...]]
"""An arrangement and the streams of its parts."""
LEAST_SAMPLES = 256
"""To say the arrangement of fewer takes too many bytes."""
PART_BYTES = 6
"""What an arrangement takes to say of each part more, about."""
MOST_AROUND = MOST_STEPS + 2
"""Of what stands around a view, so many entries at most are counted as its."""
LEAST_ROOM = 16
"""What was laid over an image is looked for where so many entries are left: overlays are as many as components at most,
as their opacities take no more samples than the image has."""
UNSURE = 1.5
"""Where with a trained codebook a piece says that samples take so many times as much one way at most, both are coded:
models that learn more as they go take less than it says."""
FOLLOWING_LESS = 0.93
"""By what they differ, images that follow each other are coded where a piece says that it takes so much less: models
learn more of images than a piece shows. Of seven volumes of MR, four of which it says .955 to .993, three would take
1.01 to 1.03 times as much."""
LAID_ENTRIES = MOST_STEPS + 2
"""An overlay, steps of its opacity and their part."""
SURELY_PATCHED = 0.5
"""Where pieces say that without patches planes take so much less, and no origin shows, the whole is not coded."""
SURELY_LESS = 0.9
"""Where regions take so much less than a piece of the whole says, that is not coded."""


def code_arranged(
    view: View,
    selection: Selection,
    numbers: Mapped[bytes, int],
    found: Arranged | Tinted,
    *,
    were_asked: bool = False,
    entries: int | None = None,
) -> Coded:
    """Code planes as their samples are arranged, which ``find`` said, or as they are where that is smaller.

    ``numbers``: the number in the file of each codebook that may be used, by its id. ``were_asked``: the images were
    asked for their origin, and have none as they stand. ``entries``: those that the arrangement may have, if not all.
    """
    entries = MAX_ENTRIES if entries is None else entries
    if isinstance(found, Tinted):
        return _code_tinted(view, selection, numbers, found, were_asked)
    if isinstance(found, Patched):
        return _code_patched(view, selection, numbers, found, were_asked, entries)
    return _code_judged(view, selection, numbers, found, _Judged(view if were_asked else None, found, entries))


def _code_judged(view: View, selection: Selection, numbers: Mapped[bytes, int], found: Found, judged: _Judged) -> Coded:
    """The same without patches, by what is judged of them."""
    if isinstance(found, View):
        return _code_whole(view, selection, numbers, judged)
    is_doubtful = selection.is_trained or is_narrowed(found) or is_by_chance(found)
    is_doubtful |= is_merged(found) and bool(judged.of(view, selection)[0][0].traced)
    if is_doubtful:
        whole, parts = judged.size(view, selection), _estimate_parts(found, selection, numbers, judged)
        is_unsure = selection.is_trained and max(whole, parts) < UNSURE * min(whole, parts)
        if is_unsure or (is_by_chance(found) and is_little(max(whole, parts), view.planes[0].size)):
            both = _code(found, selection, numbers, judged), _code_whole(view, selection, numbers, judged)
            return min(both, key=_size)
        if whole * (FOLLOWING_LESS if is_following(found) else 1) <= parts:
            return _code_whole(view, selection, numbers, judged)
    return _code(found, selection, numbers, judged)


def code_traced(view: View, traced: Sequence[Way], selection: Selection, numbers: Mapped[bytes, int]) -> Coded:
    """Code planes whose origin is known as they stand; raw where that is smaller. ``traced``: the ways by that."""
    shown = [Shown([], view, list(traced))]
    regions = find_regions(view, shown, selection, MAX_ENTRIES)
    whole = _code_shown(shown, None, view, selection, numbers)
    if regions is not None:
        whole = min(whole, _code_regions(regions, selection, numbers), key=_size)
    return _code_overlaid(view, shown[0], whole, selection, numbers, view.form.components)


def find(view: View, selection: Selection, *, signed: bool) -> Arranged | Tinted:
    """The arrangement that is looked for in planes."""
    count = len(view.planes)
    if not selection.arranges or count * view.planes[0].size < LEAST_SAMPLES or count > MAX_COMPONENTS:
        return view
    finder = with_patches if selection.seeks_patches else find_arrangement
    tints = find_tints(view)
    if tints is None:
        return finder(view, signed)
    laid, below = tints
    return Tinted(laid, below, finder(below, signed), finder(view, signed))


class _Judged:
    """What views show and may be coded by, kept for those that are judged first and coded then."""

    def __init__(self, without: View | None, found: Found, entries: int) -> None:
        self._without = without  # a view that has no origin
        around = 0 if isinstance(found, View) else MOST_AROUND
        self.entries = entries // len(list(wholes_of(found))) - around  # of the arrangement of each view
        self._found: dict[int, tuple[list[Shown], list[Way]]] = {}

    def of(self, view: View, selection: Selection) -> tuple[list[Shown], list[Way]]:
        """What the planes of a view show, and the ways to code the first of that."""
        if id(view) not in self._found:
            shown = show_origin(view, selection, were_asked=view is self._without)
            (planes, form), traced = shown[0].view, shown[0].traced
            self._found[id(view)] = shown, selection.ways(list(planes), form.format, form.image_rows, traced)
        return self._found[id(view)]

    @property
    def has_origin(self) -> bool:
        """Whether any of the views that were judged shows its origin."""
        return any(shown[0].traced for shown, _ in self._found.values())

    def size(self, view: View, selection: Selection) -> float:
        """About the bytes of planes, judged by a piece."""
        _, ways = self.of(view, selection)
        return min(way.size(view.form.image_rows) for way in ways)


def _code_patched(
    view: View, selection: Selection, numbers: Mapped[bytes, int], found: Patched, were_asked: bool, entries: int
) -> Coded:
    """Code planes without what stands in them before, or whole where that is smaller, as far as it is not clear."""
    judged = _Judged(view if were_asked else None, found.whole, entries)
    of_core = _Judged(None, found.core, entries - 2)
    estimate = _estimate_parts(found.whole, selection, numbers, judged)
    patched = _estimate_parts(found.core, selection, numbers, of_core) + PATCH_BYTES * found.patches.count
    has_origin = judged.has_origin
    whole: Coded | None = None
    if has_origin or patched > SURELY_PATCHED * estimate:
        whole = _code_judged(view, selection, numbers, found.whole, judged)
        as_of_blocks = _size(whole) * PATCH_CHANGES < found.changes * PATCH_BYTES  # of a JPEG decoder
        if as_of_blocks or (patched > estimate and not has_origin):
            return whole
    of_list = selection.for_format(found.listed.form.format, numbers)
    first, first_streams = _code_shown([Shown([], found.listed, [])], None, found.listed, of_list, numbers)
    rest, rest_streams = _code_judged(found.view, selection, numbers, found.core, of_core)
    coded = Divided(found.patches, first, rest), first_streams + rest_streams
    return _either(coded, whole, view.form, lambda: _code_judged(view, selection, numbers, found.whole, judged))


def _code_tinted(
    view: View, selection: Selection, numbers: Mapped[bytes, int], found: Tinted, were_asked: bool
) -> Coded:
    """Code a gray image and what was laid over it apart, or both as they are where that is smaller: of drawings, which
    have few colours, and where an origin shows."""
    best: Coded | None = None
    is_drawn = variety(found.below.planes[0]) < LEAST_VARIETY
    if is_drawn or (not were_asked and show_origin(view, selection, were_asked=False)[0].traced):
        best = code_arranged(view, selection, numbers, found.whole, were_asked=were_asked)
    left = MAX_ENTRIES - LAID_ENTRIES * len(found.laid)
    tinted = code_arranged(found.below, selection, numbers, found.core, entries=left)
    for overlay, opacity, shape in reversed(found.laid):
        of_opacity = selection.for_format(opacity.form.format, numbers)
        first, streams = code_arranged(opacity, of_opacity, numbers, shape)
        tinted = Divided(overlay, first, tinted[0]), streams + tinted[1]
    code = partial(code_arranged, view, selection, numbers, found.whole, were_asked=were_asked)
    return _either(tinted, best, view.form, code)


def _either(parted: Coded, whole: Coded | None, form: Form, code_whole: Callable[[], Coded]) -> Coded:
    """What takes less of both, where both were coded; the whole where the other cannot be read."""
    if not _is_readable(parted, form):
        return code_whole() if whole is None else whole
    return parted if whole is None else min(whole, parted, key=_size)


def _is_readable(coded: Coded, form: Form) -> bool:
    """Whether an arrangement is within the limits of readers: others that are may not be within them together."""
    try:
        unpack_arrangement(pack_arrangement(coded[0]), form)
    except FormatError:
        return False
    return True


def _estimate_parts(found: Found, selection: Selection, numbers: Mapped[bytes, int], judged: _Judged) -> float:
    sizes = [judged.size(part, selection.for_format(part.form.format, numbers)) for part in wholes_of(found)]
    return sum(sizes) + PART_BYTES * (len(sizes) - 1)


def _code(found: Found, selection: Selection, numbers: Mapped[bytes, int], judged: _Judged) -> Coded:
    if isinstance(found, View):
        return _code_whole(found, selection.for_format(found.form.format, numbers), numbers, judged)
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


def _code_whole(view: View, selection: Selection, numbers: Mapped[bytes, int], judged: _Judged) -> Coded:
    """Code planes that show no arrangement, but for the steps that their origin shows; raw where that is smaller."""
    shown, ways = judged.of(view, selection)
    regions = find_regions(view, shown, selection, judged.entries)
    if regions is not None:
        divided = _code_regions(regions, selection, numbers)
        if _size(divided) < SURELY_LESS * judged.size(view, selection):
            return divided
    whole = _code_shown(shown, ways, view, selection, numbers)
    if regions is not None:
        whole = min(whole, divided, key=_size)
    if judged.entries < LEAST_ROOM:
        return whole
    return _code_overlaid(view, shown[0], whole, selection, numbers, view.form.components)


def _code_overlaid(
    view: View, shown: Shown, coded: Coded, selection: Selection, numbers: Mapped[bytes, int], most: int
) -> Coded:
    """Planes as they are ``coded``, or, where that is smaller, as what was laid over an image whose origin shows, and
    that image, of which the same may be said: of so many colours at ``most``."""
    if not most or view.form.images > 1 or not selection.arranges:
        return coded
    found = find_overlay(view, shown, selection)
    if found is None:
        return coded
    opacity = found.opacity
    of_opacity = selection.for_format(opacity.form.format, numbers)
    first, first_streams = _code_shown([Shown([], opacity, [])], None, opacity, of_opacity, numbers)
    below = _code_shown([found.shown], None, found.below, selection, numbers)
    rest, rest_streams = _code_overlaid(found.below, found.shown, below, selection, numbers, most - 1)
    return min(coded, (Divided(found.overlay, first, rest), first_streams + rest_streams), key=_size)


def _code_regions(regions: Regions, selection: Selection, numbers: Mapped[bytes, int]) -> Coded:
    """Code regions of an image, each as it shows."""
    if isinstance(regions, Region):
        return _code_shown(regions.shown, None, regions.view, selection, numbers)
    first, first_streams = _code_regions(regions.first, selection, numbers)
    rest, rest_streams = _code_regions(regions.rest, selection, numbers)
    return Divided(regions.division, first, rest), first_streams + rest_streams


def _code_shown(
    shown: Sequence[Shown], ways: list[Way] | None, view: View, selection: Selection, numbers: Mapped[bytes, int]
) -> Coded:
    """``ways``: those to code the first of what is shown, where they are known."""
    best: Coded | None = None
    for steps, (planes, form), traced in shown:
        if best is not None or ways is None:
            ways = traced if best is not None else selection.ways(list(planes), form.format, form.image_rows, traced)
        for way in ways:
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
    raw_size = (form.rows * form.width * form.bits + 7) // 8
    if _size(best) <= form.components * (raw_size + len(pack_numbers([raw_size]))):
        return best
    raw = tuple(RawCoder().encode(list(view.planes), NONE.ranges(form.components, form.bits), form.image_rows))
    return Part(0, RAW_MODEL, Mapping.NONE, len(raw)), raw


def packed(arrangement: Arrangement, streams: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The streams of samples that are arranged so, behind what says so, where anything has to."""
    return streams if isinstance(arrangement, Part) else (pack_arrangement(arrangement), *streams)


def _size(coded: Coded) -> int:
    """Bytes of streams, and of what a chunk says of them: tables of values are streams more."""
    return sum(map(len, packed(*coded))) + len(pack_numbers(map(len, coded[1])))
