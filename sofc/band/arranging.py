"""Which arrangement a band has, found from its samples: the encoder's policy. Nothing here is normative.

Each finder looks at planes and gives the step that they show, or None. Most look at a few samples first, so that planes
which show nothing cost little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.arrangement import MAX_COMPONENTS
from sofc.band.demosaic import Demosaic
from sofc.band.follow import Follow
from sofc.band.following import find_following
from sofc.band.mapping import Mapping, mapped
from sofc.band.mosaics import find_mosaic
from sofc.band.patches import Patches
from sofc.band.patching import find_patches
from sofc.band.placing_steps import Choose, MoveAxis, Repeat, Tile
from sofc.band.ramps import find_ramps
from sofc.band.steps import Form, Step
from sofc.band.value_steps import MAX_BITS, ReverseBits, Scale, Stretch, SwapBytes, Turn
from sofc.planes import Plane

MOST_STEPS = 6
MOST_REPEATS = 8
PROBE_ROWS, PROBE_WIDTH = 64, 256
"""Roughness is judged by so many samples from the middle."""
REVERSED_ROWS = 16
"""Of these the first, to see whether bits stand in the other order: it shows in any row."""
CLEARLY = 0.6
"""An order of bytes, bits or samples is another's if neighbours differ by so much less."""
HALF_A_BYTE = 128
"""What is often taken off signed samples."""
LEAST_TILED, LEAST_SIDE = 24, 8
"""Rows or columns of three components in one, and both of such an image."""
ALIKE = 0.3
"""Components that correlate more may be worth coding together."""
FEW_COMPONENTS = 4
"""Rows or columns become components where an image has so few of them."""


class View(NamedTuple):
    """Planes (samples from 0) and their form."""

    planes: Sequence[Plane]
    form: Form

    def after(self, step: Step) -> View:
        """What a step leads to."""
        planes = step.apply(self.planes, self.form)
        return View([np.ascontiguousarray(plane, np.int32) for plane in planes], step.core(self.form))


class Taken(NamedTuple):
    """A step that was taken."""

    step: Step
    core: Found


class Parted(NamedTuple):
    """The first components, and the others, of a view; ``order``: in another order, if that is to be changed first."""

    view: View
    order: Step | None
    components: int
    first: Found
    rest: Found

    @property
    def is_doubtful(self) -> bool:
        """Whether the components may have much in common: where they change alike, or are few colours together."""
        planes, form = self.view
        slopes = [np.diff(_probe(plane), axis=1).ravel().astype(float) for plane in planes]
        odd = slopes[-1 if self.order is None else 0]
        middle = slopes[form.components // 2 - (form.components == 2)]
        scale = float(np.sqrt((odd @ odd) * (middle @ middle)))
        if scale and abs(float(odd @ middle)) > ALIKE * scale:
            return True
        return any(each.mapping == Mapping.PALETTE for each in mapped(planes, form.format))


Found = View | Taken | Parted
"""What planes show: they are coded as they are seen, or after a step, or part by part."""


class Patched(NamedTuple):
    """Planes with patches: the list, the ``core`` without them, and ``whole``, what the planes show all the same.

    ``changes``: samples that differ from a neighbour.
    """

    patches: Patches
    listed: View
    core: Found
    whole: Found
    view: View
    changes: int


Arranged = Found | Patched
"""The same, or without what stands before."""


def with_patches(view: View, signed: bool) -> Arranged:
    """The arrangement that planes show, in which rectangles that stand in them before are not coded again."""
    whole = find_arrangement(view, signed)
    is_told = isinstance(whole, Taken) and all(
        _is_constant(plane) for view in wholes_of(whole) for plane in view.planes
    )
    patched = None if is_told else find_patches(view.planes, view.form)
    if patched is None:
        return whole
    lists = View([patched.listed], patched.patches.forms(view.form)[0])
    core = View(patched.core, view.form)
    return Patched(patched.patches, lists, find_arrangement(core, signed), whole, core, patched.changes)


def find_arrangement(view: View, signed: bool = False, steps: int = MOST_STEPS) -> Found:
    """The arrangement that planes show. ``signed``: the samples are, and were raised by half their range."""
    if steps:
        for finder in _FINDERS:
            step = finder(view, signed)
            if isinstance(step, Demosaic):
                return Taken(step, _mosaic(view.after(step), signed, steps - 1))
            if step is not None:
                still = signed and isinstance(step, (Choose, Tile, MoveAxis, Repeat))
                return Taken(step, find_arrangement(view.after(step), still, steps - 1))
        if view.form.components in (2, 4):
            return _split_off(view, signed, steps - 1)
    return view


def wholes_of(found: Found) -> Iterator[View]:
    """What is to be coded, in order."""
    if isinstance(found, View):
        yield found
    elif isinstance(found, Taken):
        yield from wholes_of(found.core)
    else:
        yield from wholes_of(found.first)
        yield from wholes_of(found.rest)


def is_narrowed(found: Found) -> bool:
    """Whether all that was found is that samples fit in fewer bits: models of more bits may know such images."""
    return isinstance(found, Taken) and isinstance(found.step, Scale) and found.step.factor == 1


def is_merged(found: Found) -> bool:
    """Whether two components of three are equal: those that a colour was laid over may be so, and no less one image."""
    return isinstance(found, Taken) and isinstance(found.step, Choose) and isinstance(found.core, Parted)


def is_by_chance(found: Found) -> bool:
    """Whether a mosaic was found, components in one, or images that follow each other: samples may be means by chance,
    patterns repeat at thirds of an image, and noise of two images is more than that of one."""
    return isinstance(found, Taken) and (isinstance(found.step, Demosaic | Tile | Follow) or is_by_chance(found.core))


def is_following(found: Found) -> bool:
    """Whether images were found that follow each other."""
    return isinstance(found, Taken) and (isinstance(found.step, Follow) or is_following(found.core))


def forms_of(found: Arranged) -> Iterator[Form]:
    """The forms of what may be coded in the end."""
    if isinstance(found, View):
        yield found.form
    elif isinstance(found, Taken):
        yield from forms_of(found.core)
    elif isinstance(found, Patched):
        yield from forms_of(found.core)
        yield from forms_of(found.whole)
        yield found.listed.form  # last, as codebooks are named as far as they are used
    else:
        yield found.view.form
        yield from forms_of(found.first)
        yield from forms_of(found.rest)


def _split_off(view: View, signed: bool, steps: int) -> Found:
    """One component coded apart from the others: the last, or of four the first where that is the odd one."""
    order = None
    if view.form.components == 4 and _odd_one_is_first(view.planes):
        order = Choose((3, 0, 1, 2), (0, 0, 0, 0))
    planes, form = view if order is None else view.after(order)
    count = form.components - 1
    first = View(planes[:count], replace(form, components=count))
    rest = View(planes[count:], replace(form, components=1))
    return Parted(view, order, count, find_arrangement(first, signed, steps), find_arrangement(rest, signed, steps))


def _mosaic(view: View, signed: bool, steps: int) -> Found:
    """A mosaic, and its corrections apart from it unless there are none."""
    none = find_components(view, signed)
    if none is not None and none.core(view.form).components == 1:
        return Taken(none, find_arrangement(view.after(none), signed, steps - 1))
    mosaic = View(list(view.planes[:1]), replace(view.form, components=1))
    corrections = View(view.planes[1:], replace(view.form, components=2))
    return Parted(
        view, None, 1, find_arrangement(mosaic, signed, steps), find_arrangement(corrections, False, steps - 1)
    )


def _odd_one_is_first(planes: Sequence[Plane]) -> bool:
    """Whether the first of four components has less in common with the middle than the last."""
    slopes = [np.diff(_probe(plane), axis=1) for plane in planes]
    middle = slopes[1] + slopes[2]
    return bool(np.abs(2 * slopes[0] - middle).sum() > np.abs(2 * slopes[3] - middle).sum())


def _probe(plane: Plane) -> Plane:
    """Rows from the middle of a plane."""
    rows, width = plane.shape
    top, left = max(0, rows - PROBE_ROWS) // 2, max(0, width - PROBE_WIDTH) // 2
    return plane[top : top + PROBE_ROWS, left : left + PROBE_WIDTH]


def _roughness(plane: Plane) -> float:
    """By how much neighbours differ."""
    total = sum(float(np.abs(np.diff(plane, axis=axis)).mean()) for axis in (0, 1) if plane.shape[axis] > 1)
    return total


# Finders.


def find_axis(view: View, signed: bool) -> Step | None:
    """A first or middle axis that counts components."""
    form = view.form
    if form.components <= FEW_COMPONENTS or form.image_rows < 2 or form.width < 2:
        return None
    for kind, few in ((0, form.image_rows), (1, form.width)):
        if few <= FEW_COMPONENTS:
            step = MoveAxis(kind)
            core = step.core(form)
            if core.components <= MAX_COMPONENTS and core.image_rows > FEW_COMPONENTS and core.width > FEW_COMPONENTS:
                return step
    return None


def find_tiles(view: View, signed: bool) -> Step | None:
    """Three components in one: one above the other, side by side, row by row or sample by sample."""
    planes, form = view
    if form.components > 1 or form.bits < 8:
        return None
    best: tuple[float, Step | None] = (CLEARLY, None)
    for kind in range(4):
        divided = form.width if kind & 1 else form.image_rows
        if divided % 3 or divided < LEAST_TILED or min(form.width, form.image_rows) < LEAST_SIDE:
            continue
        step = Tile(kind, 3)
        ratio = _tiled_gain(planes[0], form, step)
        if ratio < best[0]:
            best = ratio, step
    return best[1]


def are_planes(samples: npt.NDArray[Any]) -> bool:
    """Whether three components stand one above the other in the samples of one, (rows, width)."""
    rows, width = samples.shape
    if rows % 3 or rows < LEAST_TILED or width < LEAST_SIDE:
        return False
    form = Form(1, MAX_BITS, rows, width, rows)
    return _tiled_gain(samples, form, Tile(0, 3)) < CLEARLY


def _tiled_gain(plane: npt.NDArray[Any], form: Form, step: Tile) -> float:
    """By how much components that stand in one differ from each other, over what neighbours in one do."""
    image = plane[: form.image_rows]
    height, width = image.shape
    if step.kind < 2:
        rows, columns = (height // 3, width) if step.kind == 0 else (height, width // 3)
        down, across = (height // 3, 0) if step.kind == 0 else (0, width // 3)
        top, left = max(0, rows - PROBE_ROWS) // 2, max(0, columns - PROBE_WIDTH) // 2
        parts = [
            image[k * down + top : k * down + min(rows, top + PROBE_ROWS), k * across + left :][
                :, : min(columns - left, PROBE_WIDTH)
            ]
            for k in range(3)
        ]
        slopes = [np.diff(part.astype(np.int32), axis=1) for part in parts]
        # A mosaic's neighbours differ everywhere alike: those two apart tell what it shows.
        wider = [part[:, 2:].astype(np.int32) - part[:, :-2] for part in parts]
        own = min(sum(float(np.abs(slope).mean()) for slope in each) for each in (slopes, wider))
        return max(float(np.abs(slopes[k] - slopes[k + 1]).mean()) * 3 / own for k in range(2)) if own else 1.0
    probe = _probe(image)
    top = max(0, height - PROBE_ROWS) // 2 // 3 * 3
    left = max(0, width - PROBE_WIDTH) // 2 // 3 * 3
    probe = image[top : top + PROBE_ROWS // 3 * 3, left : left + PROBE_WIDTH // 3 * 3]
    axis = 0 if step.kind == 2 else 1
    if probe.shape[axis] < 9:
        return 1.0
    probe = np.moveaxis(probe, axis, 0)
    near = float(np.abs(probe[1:] - probe[:-1]).mean())
    far = float(np.abs(probe[3:] - probe[:-3]).mean())
    return far / near if near else 1.0


def find_repeats(view: View, signed: bool) -> Step | None:
    """Rows and columns that repeat those before them."""
    planes, form = view
    top, down = _repeats([plane[: form.image_rows] for plane in planes], form.image_rows)
    left, across = _repeats([plane[: form.image_rows].T for plane in planes], form.width)
    if down == across == 1:
        return None
    step = Repeat(down, across, top, left)
    core = step.core(form)
    again = step.undo(step.apply(planes, form), form) if core.rows * core.width < form.rows * form.width else planes
    same = all(np.array_equal(plane, other) for plane, other in zip(planes, again, strict=True))
    return step if same and again is not planes else None


def _repeats(planes: Sequence[Plane], length: int) -> tuple[int, int]:
    """How many of the first run are cut off, and the length of runs along the first axis; 0, 1 where there are none."""
    if length < 4:
        return 0, 1
    changes = np.zeros(length - 1, bool)
    few = max(1, planes[0].shape[1] // 16)
    for probe in (slice(None, None, few), slice(None)):
        for plane in planes:
            part = plane[:, probe]
            changes |= (part[1:] != part[:-1]).any(axis=1)
            if 2 * np.count_nonzero(changes) > length:
                return 0, 1
    places = np.flatnonzero(changes) + 1
    if len(places) < 2:
        return 0, 1
    size = int(np.gcd.reduce(np.diff(places)))
    if not 2 <= size <= MOST_REPEATS:
        return 0, 1
    return -int(places[0]) % size, size


def _is_constant(plane: Plane) -> bool:
    """Whether all samples are equal."""
    value, middle = int(plane[0, 0]), len(plane) // 2  # where most that differ do
    return int(plane[-1, -1]) == value and bool((plane[middle] == value).all()) and bool((plane == value).all())


def find_components(view: View, signed: bool) -> Step | None:
    """Components that are constant, or equal to one before."""
    planes, form = view
    sources, values = [], []
    kept: list[Plane] = []
    for plane in planes:
        if _is_constant(plane):
            sources.append(-1)
            values.append(int(plane[0, 0]))
            continue
        values.append(0)
        same = next(
            (
                k
                for k, other in enumerate(kept)
                if np.array_equal(plane[len(plane) // 2], other[len(plane) // 2]) and np.array_equal(plane, other)
            ),
            None,
        )
        sources.append(len(kept) if same is None else same)
        if same is None:
            kept.append(plane)
    if len(kept) == form.components or not kept:
        return None
    return Choose(tuple(sources), tuple(values))


def find_swap(view: View, signed: bool) -> Step | None:
    """Words whose bytes are in the other order. Signed ones are lowered first, by half their range."""
    planes, form = view
    if form.bits != MAX_BITS:
        return None
    half = 1 << (MAX_BITS - 1)
    probes = [_probe(plane) for plane in planes]
    if signed:
        probes = [probe ^ half for probe in probes]
    swapped = SwapBytes().apply(probes, form)
    # Signed or not, the order of the bytes shows.
    now = min(sum(_roughness(probe ^ flip) for probe in probes) for flip in (0, half))
    then = min(sum(_roughness(probe ^ flip) for probe in swapped) for flip in (0, half))
    if then >= CLEARLY * now / 2:
        return None
    return Turn(half) if signed else SwapBytes()


def find_wrap(view: View, signed: bool) -> Step | None:
    """Samples that were signed once, and whose negative ones stand above the others."""
    planes, form = view
    if form.bits != MAX_BITS or signed:
        return None
    half = 1 << (MAX_BITS - 1)
    probes = [_probe(plane) for plane in planes]
    if not any(bool((probe >= half).any()) and bool((probe < half).any()) for probe in probes):
        return None
    now = sum(_roughness(probe) for probe in probes)
    then = sum(_roughness(probe ^ half) for probe in probes)
    return Turn(half) if then < CLEARLY * now / 2 else None


def find_reversal(view: View, signed: bool) -> Step | None:
    """Samples whose bits are in the other order."""
    planes, form = view
    if form.bits < 8 or signed:
        return None
    is_reversed = False
    for plane in planes:
        probe = _probe(plane)[:REVERSED_ROWS]
        now, then = _roughness(probe), _roughness(ReverseBits().apply([probe], form)[0])
        if now and then >= CLEARLY * now / 2:
            return None
        is_reversed |= now > 0
    return ReverseBits() if is_reversed else None


def find_scale(view: View, signed: bool) -> Step | None:
    """Samples that are multiples of a number, or that fit in eight bits where they have more, or in one."""
    planes, form = view
    if form.bits == 1:
        return None
    if form.bits <= 8 and any(_steps_of_one(plane) for plane in planes):
        return None
    low, high = min(int(plane.min()) for plane in planes), max(int(plane.max()) for plane in planes)
    if low == high:
        return None
    factor = 0
    for probe in (slice(None, None, 61), slice(None)):
        for plane in planes:
            if factor != 1:
                factor = int(np.gcd(factor, np.gcd.reduce(plane.ravel()[probe] - low)))
    zero = 1 << (form.bits - 1) if signed else 0
    offset = low
    for black in (zero, zero - HALF_A_BYTE * factor) if signed else (zero,):
        # That nothing is black does not make the samples others.
        if black <= low and (low - black) % factor == (high - black) % factor == 0:
            offset = black if (high - black) // factor < 256 or (factor > 1 and black == zero) else low
            break
    top = (high - offset) // factor
    bits = max(1, top.bit_length())
    if bits in range(2, 8) and form.bits > 8:
        bits = 8
    narrower = (form.bits > 8 and bits <= 8) or bits == 1
    if factor == 1 and not narrower:
        return None
    return Scale(min(bits, form.bits), factor, offset)


def _steps_of_one(plane: Plane) -> bool:
    """Whether some samples of a plane show that these are neither multiples of a number nor one or two numbers."""
    some = plane.ravel()[::61]
    return int(some.max() - some.min()) > 1 and int(np.gcd.reduce(some - some[0])) == 1


def find_demosaicing(view: View, signed: bool) -> Step | None:
    """Colours that a program made of a mosaic."""
    return find_mosaic(view.planes, view.form)


def find_images(view: View, signed: bool) -> Step | None:
    """Images of a group that follow each from the one before."""
    return find_following(view.planes, view.form)


def find_rise(view: View, signed: bool) -> Step | None:
    """Components that rise evenly along rows and columns."""
    return find_ramps(view.planes, view.form)


def find_stretch(view: View, signed: bool) -> Step | None:
    """Samples of fewer bits that were stretched to the whole range: rounded, cut off, or with their bits repeated."""
    planes, form = view
    if form.bits <= 8 or signed:
        return None
    taken = np.zeros(1 << form.bits, bool)
    for plane in planes:
        taken[_probe(plane)] = True
    if 2 * np.count_nonzero(taken[:-1] & taken[1:]) > np.count_nonzero(taken):
        return None
    for plane in planes:
        taken[plane] = True
    count, top = int(np.count_nonzero(taken)), len(taken) - 1
    for bits in range(max(8, (count - 1).bit_length()), form.bits):
        most = (1 << bits) - 1
        steps = [Stretch(bits, top, most // 2, most), Stretch(bits, top, 0, most)]
        if 2 * bits >= form.bits:
            steps.append(Stretch(bits, (1 << bits) + 1, 0, 1 << 2 * bits - form.bits))
        for step in steps:
            again = np.zeros_like(taken)
            again[step.undo([np.arange(1 << bits, dtype=np.int32)], form)[0]] = True
            if not (taken & ~again).any():
                return step
    return None


_FINDERS: tuple[Callable[[View, bool], Step | None], ...] = (
    find_axis,
    find_components,
    find_repeats,
    find_rise,
    find_swap,
    find_wrap,
    find_scale,
    find_stretch,
    find_reversal,
    find_demosaicing,
    find_tiles,
    find_images,
)
