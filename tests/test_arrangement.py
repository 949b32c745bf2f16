"""Bands that hold the image that their samples were made from."""

from __future__ import annotations

import io
import math
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import minidec
import numpy as np
import PIL.Image
import pytest
from helpers import chunks_of, file_of
from hypothesis import given, settings
from hypothesis import strategies as st
from minidec.arrangement import Arrangement as SmallDecoder
from minidec.arrangement import Form as SmallForm
from minidec.coding_tools import Area
from minidec.notation import FormatError as SmallFormatError
from scenes import clouds

import sofc
from sofc.band.arrangement import (
    MAX_ENTRIES,
    Divided,
    Part,
    Split,
    Stepped,
    describe,
    pack_arrangement,
    parts_of,
    unpack_arrangement,
)
from sofc.band.arranging import Taken, View, are_planes, find_arrangement
from sofc.band.demosaic import Demosaic
from sofc.band.division import Division
from sofc.band.follow import Follow
from sofc.band.inset import Inset
from sofc.band.mapping import Mapping
from sofc.band.overlay import Overlay
from sofc.band.patches import Patch, Patches, listed
from sofc.band.placing_steps import Choose, MoveAxis, Orient, Repeat, Tile
from sofc.band.ramp import Ramp
from sofc.band.steps import Form, Step
from sofc.band.value_steps import ReverseBits, Scale, Stretch, SwapBytes, Turn
from sofc.codebook.builtin import builtin_codebook
from sofc.container.chunks import pack_group, pack_numbers, unpack_band, unpack_group
from sofc.container.records import FIRST_CODEBOOK_MODEL
from sofc.planes import Plane
from sofc.transforms.mosaic import METHODS, Edges

Image = np.ndarray[Any, Any]
PART = Part(0, 1, 0, 1)


@st.composite
def forms(draw: st.DrawFn) -> Form:
    height, images = draw(st.integers(1, 11)), draw(st.integers(1, 3))
    bits = draw(st.sampled_from([1, 3, 8, 16]))
    return Form(draw(st.integers(1, 4)), bits, height * images, draw(st.integers(1, 7)), height)


@st.composite
def steps(draw: st.DrawFn, form: Form) -> Step:
    """Any step that a form allows."""
    top = (1 << form.bits) - 1
    height, width = form.image_rows, form.width
    core = draw(st.integers(1, form.components))
    sources = draw(st.permutations([*range(core), *([-1] * (form.components - core))]))
    bits = draw(st.integers(1, form.bits))
    down, across = draw(st.integers(1, height)), draw(st.integers(1, width))
    kinds = [
        st.just(Choose(tuple(sources), tuple(0 if source >= 0 else top for source in sources))),
        st.builds(Orient, st.integers(1, 7)),
        st.builds(MoveAxis, st.integers(0, 1)),
        st.builds(Repeat, st.just(down), st.just(across), st.integers(0, down - 1), st.integers(0, across - 1)),
        st.builds(Turn, st.integers(1, top)),
        st.just(ReverseBits()),
        st.just(Scale(bits, max(1, top >> bits), 0)),
        st.just(Scale(bits, max(1, top >> bits), top, falls=True)),
        st.just(Stretch(bits, top, (1 << bits) // 2 - (bits == 1), (1 << bits) - 1)),
    ]
    slopes = st.integers(0, (1 << 24 + form.bits) - 1)
    kinds.append(st.builds(Ramp, st.tuples(*[st.tuples(slopes, slopes, slopes)] * form.components)))
    if form.bits == 16:
        kinds.append(st.just(SwapBytes()))
    if form.images > 1:
        following = st.lists(st.integers(0, top), min_size=form.images - 1, max_size=form.images - 1).map(tuple)
        factors = st.lists(st.integers(0, (1 << 16) - 1), min_size=form.images - 1, max_size=form.images - 1).map(tuple)
        kinds.append(st.builds(Follow, factors, following))
    if form.components == 1:
        kinds += [
            st.just(Tile(kind, count))
            for kind in range(4)
            for count in range(2, 7)
            if (width if kind & 1 else height) % count == 0
        ]
    if form.components == 3 and min(height, width) >= 4:
        method = draw(st.sampled_from(sorted(METHODS)))
        parts = [first for first in range(4, height - 3) if not METHODS[method].hides_border]
        part = st.sampled_from([(), *((first,) for first in parts)])
        kinds.append(st.builds(Demosaic, st.just(method), st.integers(0, 3), st.integers(0, 15).map(Edges), part))
    return draw(st.one_of(kinds))


def random_planes(form: Form, seed: int) -> list[Plane]:
    random = np.random.default_rng(seed)
    shape = (form.components, form.rows, form.width)
    return list(random.integers(0, 1 << form.bits, shape).astype(np.int32))


def decoded_small(stream: bytes, planes: Sequence[Plane], form: Form) -> list[list[int]]:
    """What the small decoder makes of a single part."""
    decoder = SmallDecoder([stream, b""], lambda *_: [plane.ravel().tolist() for plane in planes])
    return decoder.decode(SmallForm(form.components, form.bits, Area(form.rows, form.width, form.image_rows)))


@settings(max_examples=80)
@given(st.data(), forms(), st.integers(0, 99))
def test_steps_do_what_the_text_says(data: st.DataObject, form: Form, seed: int) -> None:
    taken = []
    core = form
    for _ in range(data.draw(st.integers(1, 4))):
        taken.append((data.draw(steps(core)), core))
        core = taken[-1][0].core(core)
        assert core.components * core.rows * core.width <= form.components * form.rows * form.width
    planes = inner = random_planes(core, seed)
    arrangement: Any = PART
    for step, outer in reversed(taken):
        planes = step.undo(planes, outer)
        arrangement = Stepped(step, arrangement)
        assert {plane.shape for plane in planes} == {(outer.rows, outer.width)}
        # Where the core follows from the samples, the encoder finds it again.
        again = step.undo(step.apply(planes, outer), outer)
        assert all(map(np.array_equal, again, planes))
    stream = pack_arrangement(arrangement)
    assert unpack_arrangement(stream, form) == arrangement
    assert describe(arrangement)
    assert decoded_small(stream, inner, form) == [plane.ravel().tolist() for plane in planes]


@given(st.data(), forms(), st.integers(0, 99))
def test_divisions_do_what_the_text_says(data: st.DataObject, form: Form, seed: int) -> None:
    axes = [axis for axis, size in enumerate((form.image_rows, form.width)) if size > 1]
    if not axes:
        return
    axis = data.draw(st.sampled_from(axes))
    division = Division(axis, data.draw(st.integers(1, (form.image_rows, form.width)[axis] - 1)))
    planes = random_planes(form, seed)
    first, rest = division.apply(planes, form)
    assert [plane.shape for plane in (first[0], rest[0])] == [(own.rows, own.width) for own in division.forms(form)]
    assert all(map(np.array_equal, division.undo((first, rest), form), planes))
    turned = division.forms(form)[1]
    arrangement = Divided(division, PART, Stepped(Orient(2), PART))
    stream = pack_arrangement(arrangement)
    assert unpack_arrangement(stream, form) == arrangement
    assert "others apart" in describe(arrangement)
    parts = iter([first, Orient(2).apply(rest, turned)])
    decoder = SmallDecoder([stream, b"", b""], lambda *_: [plane.ravel().tolist() for plane in next(parts)])
    decoded = decoder.decode(SmallForm(form.components, form.bits, Area(form.rows, form.width, form.image_rows)))
    assert decoded == [plane.ravel().tolist() for plane in planes]


@given(st.data(), forms(), st.integers(0, 99))
def test_insets_do_what_the_text_says(data: st.DataObject, form: Form, seed: int) -> None:
    rows, width = (data.draw(st.integers(1, size)) for size in (form.image_rows, form.width))
    top, left = data.draw(st.integers(0, form.image_rows - rows)), data.draw(st.integers(0, form.width - width))
    inset = Inset(top, left, rows, width)
    planes, below = random_planes(form, seed), random_planes(form, seed + 1)
    first, rest = inset.apply(planes, form)
    assert [plane.shape for plane in (first[0], rest[0])] == [(own.rows, own.width) for own in inset.forms(form)]
    joined = inset.undo((first, below), form)
    assert inset.apply(joined, form)[0][0].tolist() == first[0].tolist()
    assert all(map(np.array_equal, inset.undo((first, rest), form), planes))
    arrangement = Divided(inset, PART, PART)
    stream = pack_arrangement(arrangement)
    assert unpack_arrangement(stream, form) == arrangement
    assert f"{rows} rows x {width} columns" in describe(arrangement)
    parts = iter([first, below])
    decoder = SmallDecoder([stream, b"", b""], lambda *_: [plane.ravel().tolist() for plane in next(parts)])
    decoded = decoder.decode(SmallForm(form.components, form.bits, Area(form.rows, form.width, form.image_rows)))
    assert decoded == [plane.ravel().tolist() for plane in joined]


@given(st.data(), forms(), st.integers(0, 99))
def test_overlays_do_what_the_text_says(data: st.DataObject, form: Form, seed: int) -> None:
    most = (1 << form.bits) - 1
    colour = tuple(data.draw(st.integers(0, most)) for _ in range(form.components))
    overlay = Overlay(colour)
    of_opacity, of_below = overlay.forms(form)
    (opacity,), below = random_planes(of_opacity, seed), random_planes(of_below, seed + 1)
    mixed = overlay.undo(([opacity], below), form)
    for value, plane, under in zip(colour, mixed, below, strict=True):
        both = zip(under.ravel().tolist(), opacity.ravel().tolist(), strict=True)
        exact = [Fraction(t * (most - o) + value * o, most) for t, o in both]
        assert plane.ravel().tolist() == [math.floor(one + Fraction(1, 2)) for one in exact]
    arrangement = Divided(overlay, PART, PART)
    stream = pack_arrangement(arrangement)
    assert unpack_arrangement(stream, form) == arrangement
    assert f"opacity of the colour {colour[0]}" in describe(arrangement)
    parts = iter([[opacity], below])
    decoder = SmallDecoder([stream, b"", b""], lambda *_: [plane.ravel().tolist() for plane in next(parts)])
    decoded = decoder.decode(SmallForm(form.components, form.bits, Area(form.rows, form.width, form.image_rows)))
    assert decoded == [plane.ravel().tolist() for plane in mixed]


@st.composite
def patches(draw: st.DrawFn, form: Form) -> list[Patch]:
    """Patches of a form, which may lie in each other and in their own sources."""
    found: list[Patch] = []
    for _ in range(draw(st.integers(1, 4))):
        top, left = draw(st.integers(0, form.rows - 1)), draw(st.integers(0, form.width - 1))
        above = draw(st.integers(0 if left else min(1, top), top))
        width = draw(st.integers(1, form.width - left))
        column = draw(st.integers(0, form.width - width if above else max(0, left - 1)))
        patch = Patch(top, left, draw(st.integers(1, form.rows - top)), width, above, column)
        found += [patch] if above or column < left else []
    while sum(patch.rows * patch.width for patch in found) > form.rows * form.width:
        found.pop()
    return sorted(found)


@given(st.data(), forms(), st.integers(0, 99))
def test_patches_do_what_the_text_says(data: st.DataObject, form: Form, seed: int) -> None:
    given_patches = data.draw(patches(form))
    if not given_patches or form.samples < 6 * len(given_patches):
        return
    step, plane, below = Patches(len(given_patches)), listed(given_patches), random_planes(form, seed)
    wanted = [image.copy() for image in below]
    for y, x in np.ndindex(form.rows, form.width):
        for patch in given_patches:
            if 0 <= y - patch.top < patch.rows and 0 <= x - patch.left < patch.width:
                for image in wanted:
                    image[y, x] = image[y - patch.above, x - patch.left + patch.column]
    assert plane.shape == (step.forms(form)[0].rows, step.forms(form)[0].width)
    assert all(map(np.array_equal, step.undo(([plane], below), form), wanted))
    arrangement = Divided(step, PART, PART)
    stream = pack_arrangement(arrangement)
    assert unpack_arrangement(stream, form) == arrangement
    assert f"{len(given_patches)} patches" in describe(arrangement)
    parts = iter([[plane], below])
    decoder = SmallDecoder([stream, b"", b""], lambda *_: [plane.ravel().tolist() for plane in next(parts)])
    decoded = decoder.decode(SmallForm(form.components, form.bits, Area(form.rows, form.width, form.image_rows)))
    assert decoded == [plane.ravel().tolist() for plane in wanted]


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ((1, 0, 8, 1, 1, 0), "beyond the border"),
        ((1, 4, 1, 2, 1, 0), "beyond the border"),
        ((1, 0, 1, 2, 1, 4), "beyond the border"),
        ((1, 0, 1, 1, 2, 0), "beyond the border"),
        ((1, 0, 0, 1, 1, 0), "beyond the border"),
        ((1, 0, 1, 0, 1, 0), "beyond the border"),
        ((1, 2, 1, 1, 0, 2), "does not stand before"),
    ],
)
def test_no_patch_lies_beyond_a_border_or_before_its_source(patch: tuple[int, ...], message: str) -> None:
    form = Form(1, 8, 8, 5, 4)
    zeros, plane = [np.zeros((8, 5), np.int32)], np.array([patch], np.int32)
    with pytest.raises(sofc.FormatError, match=message):
        Patches(1).undo(([plane], zeros), form)
    stream = pack_arrangement(Divided(Patches(1), PART, PART))
    parts = iter([[list(patch)], [[0] * 40]])
    small = SmallDecoder([stream, b"", b""], lambda *_: next(parts))
    with pytest.raises(SmallFormatError, match="patch"):
        small.decode(SmallForm(1, 8, Area(8, 5, 4)))


def test_as_many_patches_as_there_may_be_take_no_memory_each() -> None:
    """Each of one sample, left of which its source is: a short list, where it is coded."""
    rows, each = 200, 300
    place = np.arange(rows * each, dtype=np.int32) % each
    listing = np.stack([place * 0, place + 1, place * 0 + 1, place * 0 + 1, place * 0, place], 1)
    listing[each::each, 0] = 1
    form, plane = Form(1, 8, rows, 6 * each, rows), np.arange(rows * 6 * each, dtype=np.int32).reshape(rows, -1)
    tracemalloc.start()
    (undone,) = Patches(len(listing)).undo(([listing], [plane]), form)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (undone[:, : each + 1] == plane[:, :1]).all()
    assert np.array_equal(undone[:, each + 1 :], plane[:, each + 1 :])
    assert most < 7 * plane.nbytes


def test_patches_are_some_and_no_larger_than_the_planes() -> None:
    form = Form(1, 8, 8, 5, 4)
    for count, message in ((0, "no patches"), (7, "larger than its image")):
        stream = pack_arrangement(Divided(Patches(count), PART, PART))
        with pytest.raises(sofc.FormatError, match=message):
            unpack_arrangement(stream, form)
        small = SmallDecoder([stream, b"", b""], lambda *given: [[0] * given[-1].area.size])
        with pytest.raises(SmallFormatError, match=r"no patches|too large"):
            small.decode(SmallForm(1, 8, Area(8, 5, 4)))
    plane = np.array([(1, 0, 7, 5, 1, 0)] * 2, np.int32)
    plane[1, 0] = 0
    with pytest.raises(sofc.FormatError, match="larger than its planes"):
        Patches(2).undo(([plane], [np.zeros((8, 5), np.int32)]), form)
    parts = iter([[plane.ravel().tolist()], [[0] * 40]])
    small = SmallDecoder([pack_arrangement(Divided(Patches(2), PART, PART)), b"", b""], lambda *_: next(parts))
    with pytest.raises(SmallFormatError, match="patches are too large"):
        small.decode(SmallForm(1, 8, Area(8, 5, 4)))


@given(st.lists(st.integers(0, 20), max_size=20), forms())
def test_any_numbers_are_an_arrangement_or_an_error_to_both_decoders(numbers: list[int], form: Form) -> None:
    stream = bytes(numbers)
    wanted: list[Form] = []

    def decode_part(codebook: int, model: int, mapping: int, streams: list[bytes], small: SmallForm) -> list[list[int]]:
        wanted.append(Form(small.components, small.bits, small.area.rows, small.area.width, small.area.image_rows))
        return [[0] * small.area.size for _ in range(small.components)]

    small = SmallDecoder([stream, *[b""] * 1000], decode_part)
    try:
        arrangement = unpack_arrangement(stream, form)
    except sofc.FormatError:
        with pytest.raises(SmallFormatError):
            small.decode(SmallForm(form.components, form.bits, Area(form.rows, form.width, form.image_rows)))
        return
    found: list[Form] = []

    def walk(inner: Any, at: Form) -> list[Plane]:
        if isinstance(inner, Part):
            found.append(at)
            return [np.zeros((at.rows, at.width), np.int32) for _ in range(at.components)]
        if isinstance(inner, Split):
            first = walk(inner.first, replace(at, components=inner.components))
            return first + walk(inner.rest, replace(at, components=at.components - inner.components))
        if isinstance(inner, Divided):
            forms = inner.division.forms(at)
            return inner.division.undo([walk(inner.first, forms[0]), walk(inner.rest, forms[1])], at)
        planes: list[Plane] = inner.step.undo(walk(inner.core, inner.step.core(at)), at)
        return planes

    small.streams = [b""] * sum(part.streams for part in parts_of(arrangement))
    try:
        planes = walk(arrangement, form)
        assert all(part.mapping <= Mapping.PALETTE for part in parts_of(arrangement))
    except (sofc.FormatError, AssertionError):
        with pytest.raises(SmallFormatError):
            small.decode(SmallForm(form.components, form.bits, Area(form.rows, form.width, form.image_rows)))
        return
    same = small.decode(SmallForm(form.components, form.bits, Area(form.rows, form.width, form.image_rows)))
    assert same == [plane.ravel().tolist() for plane in planes]
    assert wanted == found


@pytest.mark.parametrize(("axis", "place"), [(0, 0), (0, 4), (0, 1 << 52), (1, 0), (1, 5), (2, 1)])
def test_no_division_leaves_an_image_empty(axis: int, place: int) -> None:
    form = Form(1, 8, 8, 5, 4)
    stream = pack_arrangement(Divided(Division(axis, place), PART, PART))
    with pytest.raises(sofc.FormatError, match="an arrangement divides images"):
        unpack_arrangement(stream, form)
    small = SmallDecoder([stream, b"", b""], lambda *_: pytest.fail("parts are read"))
    with pytest.raises(SmallFormatError, match="axis or place"):
        small.decode(SmallForm(1, 8, Area(8, 5, 4)))


@pytest.mark.parametrize("inset", [(0, 0, 0, 1), (0, 0, 1, 0), (1, 0, 4, 1), (0, 3, 1, 3), (1 << 52, 0, 1, 1)])
def test_no_inset_is_empty_or_lies_beyond_a_border(inset: tuple[int, int, int, int]) -> None:
    form = Form(1, 8, 8, 5, 4)
    stream = pack_arrangement(Divided(Inset(*inset), PART, PART))
    with pytest.raises(sofc.FormatError, match="inset beyond the border"):
        unpack_arrangement(stream, form)
    small = SmallDecoder([stream, b"", b""], lambda *_: pytest.fail("parts are read"))
    with pytest.raises(SmallFormatError, match="inset out of range"):
        small.decode(SmallForm(1, 8, Area(8, 5, 4)))


@pytest.mark.parametrize("is_first", [True, False])
def test_insets_together_are_no_larger_than_the_image(is_first: bool) -> None:
    """Whether one stands in another or both in the rest: two of half of the image each are all of it."""
    form = Form(1, 8, 4, 6, 4)

    def nested(rows: int) -> bytes:
        inner = Divided(Inset(0, 0, rows, 6), PART, PART)
        both = (inner, PART) if is_first else (PART, inner)
        return pack_arrangement(Divided(Inset(1, 0, 2, 6), *both))

    assert len(parts_of(unpack_arrangement(nested(2), form))) == 3
    small = SmallDecoder([nested(2), *[b""] * 3], lambda *given: [[0] * given[-1].area.size])
    small.decode(SmallForm(1, 8, Area(4, 6, 4)))
    if is_first:
        return  # a larger one would not stand in the other
    with pytest.raises(sofc.FormatError, match="larger than its image"):
        unpack_arrangement(nested(3), form)
    small = SmallDecoder([nested(3), *[b""] * 3], lambda *given: [[0] * given[-1].area.size])
    with pytest.raises(SmallFormatError, match="too large"):
        small.decode(SmallForm(1, 8, Area(4, 6, 4)))


def test_no_overlay_has_a_colour_that_images_cannot_have() -> None:
    form = Form(2, 4, 8, 5, 4)
    stream = pack_arrangement(Divided(Overlay((15, 16)), PART, PART))
    with pytest.raises(sofc.FormatError, match="overlay of a colour"):
        unpack_arrangement(stream, form)
    small = SmallDecoder([stream, b"", b""], lambda *_: pytest.fail("parts are read"))
    with pytest.raises(SmallFormatError, match="colour out of range"):
        small.decode(SmallForm(2, 4, Area(8, 5, 4)))


def test_opacities_and_insets_together_are_no_larger_than_the_image() -> None:
    form = Form(2, 8, 4, 6, 4)

    def nested(overlays: int, rows: int) -> bytes:
        found: Divided = Divided(Inset(0, 0, rows, 6), PART, PART)
        for _ in range(overlays):
            found = Divided(Overlay((1, 2)), PART, found)
        return pack_arrangement(found)

    for overlays, rows, is_right in ((1, 2, True), (1, 3, False), (2, 1, False)):
        streams = [nested(overlays, rows), *[b""] * (2 + overlays)]
        small = SmallDecoder(streams, lambda *given: [[0] * given[-1].area.size] * given[-1].components)
        if is_right:
            assert len(parts_of(unpack_arrangement(nested(overlays, rows), form))) == 2 + overlays
            small.decode(SmallForm(2, 8, Area(4, 6, 4)))
            continue
        with pytest.raises(sofc.FormatError, match="larger than its image"):
            unpack_arrangement(nested(overlays, rows), form)
        with pytest.raises(SmallFormatError, match="too large"):
            small.decode(SmallForm(2, 8, Area(4, 6, 4)))


@pytest.mark.parametrize("is_first", [True, False])
def test_divisions_in_divisions_end_somewhere(is_first: bool) -> None:
    """Whichever of both is divided again: a division and a part more are two entries."""
    form = Form(1, 8, 1, 100, 1)

    def nested(divisions: int) -> bytes:
        found: Divided | Part = PART
        for k in range(divisions):
            place = k + 1 if is_first else 1
            found = Divided(Division(1, place), *((found, PART) if is_first else (PART, found)))
        return pack_arrangement(found)

    most = (MAX_ENTRIES - 1) // 2
    assert len(parts_of(unpack_arrangement(nested(most), form))) == most + 1
    with pytest.raises(sofc.FormatError, match="more than"):
        unpack_arrangement(nested(most + 1), form)
    small = SmallDecoder([nested(most + 1), *[b""] * 100], lambda *given: [[0] * given[-1].area.size])
    with pytest.raises(SmallFormatError):
        small.decode(SmallForm(1, 8, Area(1, 100, 1)))


def test_an_arrangement_ends_somewhere() -> None:
    form = Form(1, 8, 4, 4, 4)
    turn = bytes([Turn.id, 1])
    assert unpack_arrangement(turn * (MAX_ENTRIES - 1) + pack_arrangement(PART), form)
    with pytest.raises(sofc.FormatError, match="more than"):
        unpack_arrangement(turn * MAX_ENTRIES + pack_arrangement(PART), form)
    with pytest.raises(sofc.FormatError, match="components"):
        unpack_arrangement(bytes([MoveAxis.id, 1]) + pack_arrangement(PART), Form(1, 8, 1, 5000, 1))


# What is found.


def photograph(height: int = 96, width: int = 120) -> Image:
    """A smooth colour image with some noise, of which nothing but its order of rows and columns can be told."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[:height, :width]
    base = 110 + 60 * np.sin(y / 23 + 0.3) * np.cos(x / 17) + 30 * np.sin((x + y) / 31) + random.normal(0, 4, y.shape)
    planes = [base * share + shift + random.normal(0, 1, base.shape) for share, shift in ((1, 9), (0.9, 0), (0.7, -7))]
    result: Image = np.clip(np.stack(planes, -1), 3, 250).astype(np.uint8)
    return result


def disc(image: Image) -> Image:
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    inside: Image = (y - height / 2) ** 2 + (x - width / 2) ** 2 < (height / 2.2) ** 2
    return (inside * 255).astype(np.uint8)[..., None]


def stacked(*planes: Image) -> Image:
    return np.concatenate(planes, -1)


def opaque(image: Image, value: int = 255) -> Image:
    return np.full((*image.shape[:2], 1), value, image.dtype)


def wide(image: Image) -> Image:
    return image.astype(np.uint16)


ARRANGED: dict[str, Callable[[Image], Image]] = {
    "opaque alpha": lambda image: stacked(image, opaque(image)),
    "alpha first": lambda image: stacked(opaque(image), image),
    "another constant": lambda image: stacked(image, opaque(image, 77)),
    "alpha a disc": lambda image: stacked(image, disc(image)),
    "a disc first": lambda image: stacked(disc(image), image),
    "planes one above the other": lambda image: np.concatenate(list(np.moveaxis(image, -1, 0))),
    "planes side by side": lambda image: np.concatenate(list(np.moveaxis(image, -1, 0)), 1),
    "rows of components": lambda image: np.moveaxis(image, -1, 1).reshape(-1, image.shape[1]),
    "samples of components": lambda image: image.reshape(len(image), -1),
    "components first": lambda image: np.moveaxis(image, -1, 0),
    "components in the middle": lambda image: np.moveaxis(image, -1, 1),
    "times 257": lambda image: wide(image) * 257,
    "times 256": lambda image: wide(image) * 256,
    "times 16": lambda image: wide(image) * 16,
    "as 16 bits": wide,
    "signed": lambda image: image.astype(np.int16),
    "lowered": lambda image: image.astype(np.int16) - 1024,
    "raised": lambda image: wide(image) + 1000,
    "bytes exchanged": lambda image: wide(image).byteswap(),
    "bits reversed": lambda image: np.packbits(np.unpackbits(image[..., None], axis=-1)[..., ::-1], axis=-1)[..., 0],
    "doubled": lambda image: image.repeat(2, 0).repeat(2, 1),
    "three times across": lambda image: image.repeat(3, 1),
    "doubled and cut": lambda image: image.repeat(2, 0).repeat(2, 1)[1:, 1:],
    "doubled, 16 bits, opaque": lambda image: (wide(stacked(image, opaque(image))) * 257).repeat(2, 0).repeat(2, 1),
}


encode = partial(sofc.encode, codebook=builtin_codebook)


@pytest.mark.parametrize("name", ARRANGED)
def test_arranged_colours_cost_no_more(name: str) -> None:
    check_costs(name, {"codebook": builtin_codebook})


@pytest.mark.parametrize("name", ["alpha a disc", "times 257", "planes one above the other"])
@pytest.mark.parametrize("coder", ["context", "interleaved", "shape"])
def test_arranged_colours_cost_no_more_with_any_coder(name: str, coder: str) -> None:
    check_costs(name, {"codebook": builtin_codebook, "coder": coder})


@pytest.mark.parametrize("name", ["alpha first", "times 16", "planes one above the other"])
def test_arranged_colours_cost_no_more_without_a_codebook(name: str) -> None:
    check_costs(name, {"codebook": None})


def check_costs(name: str, options: dict[str, Any]) -> None:
    image = photograph()
    image = image[:48, :56] if name in ("components first", "components in the middle") else image
    arranged = np.ascontiguousarray(ARRANGED[name](image))
    plain = sofc.encode(image, **options)
    data = sofc.encode(arranged, **options)
    decoded = sofc.decode(data)
    assert np.array_equal(decoded, arranged)
    assert decoded.dtype == arranged.dtype
    allowed = 240 if "disc" in name else 70
    assert len(data) <= len(plain) + allowed


GRAY_ARRANGED: dict[str, Callable[[Image], Image]] = {
    "as RGB": lambda image: np.stack([image] * 3, -1),
    "as RGBA": lambda image: np.stack([image] * 3 + [np.full_like(image, 255)], -1),
    "as RGB of 16 bits": lambda image: np.stack([wide(image) * 257] * 3, -1),
    "with alpha": lambda image: np.stack([image, disc(image)[..., 0]], -1),
    "with opaque alpha": lambda image: np.stack([image, np.full_like(image, 255)], -1),
    "times 257": lambda image: wide(image) * 257,
    "raised": lambda image: wide(image) + 300,
    "bytes exchanged": lambda image: wide(image).byteswap(),
    "signed, bytes exchanged": lambda image: (image.astype(np.int16) - 100).byteswap(),
    "bits reversed": lambda image: ARRANGED["bits reversed"](image),
    "one of its signs lost": lambda image: (image.astype(np.int16) - 100).view(np.uint16),
}


@pytest.mark.parametrize("name", GRAY_ARRANGED)
def test_arranged_grays_cost_no_more(name: str) -> None:
    image = photograph()[..., 1]
    arranged = np.ascontiguousarray(GRAY_ARRANGED[name](image))
    data = encode(arranged)
    assert np.array_equal(sofc.decode(data), arranged)
    assert len(data) <= len(encode(image)) + (200 if name == "with alpha" else 50)


@pytest.mark.parametrize("bits", [9, 10, 12])
@pytest.mark.parametrize("how", ["rounded", "cut off", "repeated", "shifted"])
def test_stretched_samples_cost_no_more(bits: int, how: str) -> None:
    most = (1 << bits) - 1
    image = wide(photograph()[..., 0]) * (1 << bits - 8) + np.random.default_rng(2).integers(0, 3, (96, 120))
    image = image.astype(np.int64)
    stretched = {
        "rounded": (image * 65535 + most // 2) // most,
        "cut off": image * 65535 // most,
        "repeated": image << (16 - bits) | image >> (2 * bits - 16),
        "shifted": image << (16 - bits),
    }[how].astype(np.uint16)
    data = encode(stretched)
    assert np.array_equal(sofc.decode(data), stretched)
    assert len(data) <= len(encode(image.astype(np.uint16), declared_bits=bits)) + 40


def test_nothing_is_found_in_plain_images() -> None:
    random = np.random.default_rng(1)
    for image in (photograph(), random.integers(0, 256, (60, 60, 3)), random.integers(0, 4096, (60, 60, 1))):
        planes = [np.ascontiguousarray(plane, np.int32) for plane in np.moveaxis(image, -1, 0)]
        form = Form(len(planes), 8 if image.max() < 256 else 12, len(image), image.shape[1], len(image))
        found = find_arrangement(View(planes, form))
        assert isinstance(found, View) and found.planes is planes


# JPEG origin shows in one orientation and order only.


def from_jpeg(quality: int, subsampling: int) -> Image:
    random = np.random.default_rng(3)
    small = random.integers(20, 235, (13, 17, 3)).astype(np.uint8)
    image = PIL.Image.fromarray(small).resize((208, 160), PIL.Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling=subsampling)
    return np.array(PIL.Image.open(stream))


def smoothed_jpeg(quality: int, subsampling: int | None) -> Image:
    """With detail in one half alone: gray without ``subsampling``."""
    random = np.random.default_rng(4)
    rough = random.normal(128, 70, (192, 192, 3))
    rough[:, 96:] = 128
    waves = np.sin(np.mgrid[:192, :192] / 19).sum(axis=0)[..., None] * (20, 25, 30)
    pixels = np.clip(rough / 4 + 96 + waves, 0, 255).astype(np.uint8)
    image = PIL.Image.fromarray(pixels).convert("L" if subsampling is None else "RGB")
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, **({} if subsampling is None else {"subsampling": subsampling}))
    return np.array(PIL.Image.open(stream))


ORIENTED: dict[str, Callable[[Image], Image]] = {
    "blue first": lambda image: image[..., ::-1],
    "blue first, opaque": lambda image: stacked(image[..., ::-1], opaque(image)),
    "turned left": np.rot90,
    "turned right": lambda image: np.rot90(image, 3),
    "upside down": lambda image: image[::-1],
    "mirrored": lambda image: image[:, ::-1],
    "turned by 180": lambda image: np.rot90(image, 2),
    "inverted, turned by 180": lambda image: 255 - np.rot90(image, 2),
    "transposed": lambda image: image.swapaxes(0, 1),
    "inverted": lambda image: 255 - image,
    "inverted, turned, blue first, 16 bits": lambda image: 257 * wide(255 - np.rot90(image)[..., ::-1]),
}


@pytest.mark.parametrize("name", ORIENTED)
def test_the_origin_of_turned_images_is_found(name: str) -> None:
    image = from_jpeg(75, 2)
    arranged = np.ascontiguousarray(ORIENTED[name](image))
    data = encode(arranged)
    assert np.array_equal(sofc.decode(data), arranged)
    assert len(data) <= 1.02 * len(encode(image)) + 40


# What hardly shows of a plane on its side (its decoder, and the steps that few blocks have) and of one that falls
# where it should rise (a mean's step that does not divide 8) is told by other qualities, and where there is no colour.
@pytest.mark.parametrize("name", ["turned left", "inverted"])
@pytest.mark.parametrize(("quality", "subsampling"), [(60, None), (60, 0), (60, 2), (85, 1), (92, None)])
def test_so_it_is_at_other_qualities(name: str, quality: int, subsampling: int | None) -> None:
    image = smoothed_jpeg(quality, subsampling)
    arranged = np.ascontiguousarray(ORIENTED[name](image))
    data = encode(arranged)
    assert np.array_equal(sofc.decode(data), arranged)
    assert len(data) <= 1.02 * len(encode(image)) + 40


@pytest.mark.parametrize("name", ["mirrored", "turned by 180", "inverted, turned by 180"])
@pytest.mark.parametrize("quality", [60, 75])
def test_either_way_up_is_tried_of_mirrored_images(name: str, quality: int) -> None:
    """Nothing but what it takes tells above from below."""
    image = smoothed_jpeg(quality, 2)
    arranged = np.ascontiguousarray(ORIENTED[name](image))
    data = encode(arranged)
    assert np.array_equal(sofc.decode(data), arranged)
    assert len(data) <= len(encode(image)) + 16


def test_inverted_colours_that_were_not_made_larger_are_found() -> None:
    # The means of quality 75 come out of inverted luminance, too, and soft colours seem to have been made larger.
    random = np.random.default_rng(2)
    light, blue, red = clouds(random, 1.7, 45), clouds(random, 2, 8), clouds(random, 2, 8)
    pixels = 128 + np.stack([light + red, light - red / 2 - blue / 3, light + blue], axis=-1)
    stream = io.BytesIO()
    PIL.Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=75, subsampling=0)
    image = np.array(PIL.Image.open(stream))
    data = encode(255 - image)
    assert np.array_equal(sofc.decode(data), 255 - image)
    assert len(data) <= len(encode(image)) + 40


# Samples that JPEG data never has as black: what black stands for is known all the same.
WITHOUT_BLACK: dict[str, Callable[[Image], Image]] = {
    "128 taken off": lambda image: image.astype(np.int16) - 128,
    "128 taken off, times 3": lambda image: 3 * (image.astype(np.int16) - 128),
    "from 0 to 1": lambda image: np.asarray(image / 255),
    "from 0 to 1 in float32": lambda image: image.astype(np.float32) / np.float32(255),
    "from -1 to 1": lambda image: np.asarray(image / 127.5 - 1),
    "from -0.5 to 0.5": lambda image: np.asarray(image / 255 - 0.5),
    "128 taken off in float32": lambda image: image.astype(np.float32) - 128,
    "128 taken off in 32 bits": lambda image: image.astype(np.int32) - 128,
}


@pytest.mark.parametrize("name", WITHOUT_BLACK)
def test_the_origin_of_images_without_black_is_found(name: str) -> None:
    image = smoothed_jpeg(60, 2)  # where the mean's step does not divide 8, blocks come out of true samples alone
    assert image.min() > 0
    made = WITHOUT_BLACK[name](image)
    data = encode(made)
    assert np.array_equal(sofc.decode(data), made)
    assert len(data) <= 1.02 * len(encode(image)) + 60


# Files.


def test_the_rows_of_an_arranged_image_are_read_apart() -> None:
    image = 257 * wide(photograph())
    image = stacked(image, opaque(image, 65535))
    data = encode(image, band_rows=32)
    with sofc.open_reader(data) as reader:
        assert np.array_equal(reader.read_rows(40, 70), image[40:70])
        assert reader.header.format.components == 4
    header = sofc.ImageHeader(120, 96, sofc.PixelFormat(4, 16, 16))
    encoder = sofc.Encoder(header, band_rows=32, codebook=builtin_codebook)
    pieces = [encoder.write(image[k : k + 5]) for k in range(0, 96, 5)]
    assert b"".join([*pieces, encoder.finish()]) == data


def test_bands_of_one_image_are_arranged_each_by_itself() -> None:
    image = 257 * wide(photograph()[..., 0])
    image[64:] += np.random.default_rng(8).integers(0, 3, (32, 120)).astype(np.uint16)
    data = encode(image, band_rows=32)
    bands = [unpack_band(body) for kind, body in chunks_of(data) if kind == b"B"]
    assert [band.mapping == Mapping.ARRANGED for band in bands] == [True, True, False]
    assert bands[2].model > 0
    for threads in (1, 3):
        assert encode(image, band_rows=32, threads=threads) == data
    assert np.array_equal(sofc.decode(data, threads=2), image)


def test_groups_are_arranged() -> None:
    frames = np.stack([photograph(40, 44)[..., 0] + k for k in range(5)])
    arranged = np.stack([frames] * 3 + [np.full_like(frames, 255)], -1)
    data = encode(arranged, batch=True)
    assert np.array_equal(sofc.decode(data), arranged)
    assert len(data) < 1.02 * len(encode(frames, batch=True)) + 40
    with sofc.open_reader(data) as reader:
        assert np.array_equal(reader.read_image(3), arranged[3])


def spectrum(bands: int, bits: int, *, rows: int = 48, columns: int = 56) -> Image:
    """Bands of one scene, each brighter and with its own noise, as unsigned samples of 8 or 16 bits."""
    scene = np.random.default_rng(5).normal(size=(rows, columns)).cumsum(1)
    noise = np.random.default_rng(6).normal(scale=0.5, size=(bands, rows, columns))
    scale = (1 << bits) / 12 / np.ptp(scene)
    samples = (1 << bits) / 2 + scale * (4 + np.arange(bands)[:, None, None] / 4) * scene + noise
    return samples.clip(0, (1 << bits) - 1).astype(np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize("bits", [8, 16])
def test_bands_of_a_spectrum_follow_each_other(bits: int) -> None:
    bands = spectrum(6, bits)
    data = encode(bands, batch=True)
    apart = sum(len(encode(band)) for band in bands)
    assert len(data) < 0.8 * apart
    (group,) = [unpack_group(body) for kind, body in chunks_of(data) if kind == b"G"]
    form = Form(1, bits, len(bands) * bands.shape[1], bands.shape[2], bands.shape[1])
    assert "each image from the one before" in describe(unpack_arrangement(group.streams[0], form))
    assert np.array_equal(sofc.decode(data), bands)
    with sofc.open_reader(data) as reader:
        assert np.array_equal(reader.read_image(4), bands[4])


def test_images_with_little_in_common_are_coded_as_they_stand() -> None:
    """A piece says that what they differ by takes a little less, but models learn more of all of them."""
    noise = np.random.default_rng(7).integers(0, 5, (6, 48, 56))
    images = (spectrum(6, 8) + noise).astype(np.uint8)
    planes = [images.reshape(-1, images.shape[2]).astype(np.int32)]
    form = Form(1, 8, planes[0].shape[0], images.shape[2], images.shape[1])
    assert isinstance(find_arrangement(View(planes, form)), Taken)
    (group,) = [unpack_group(body) for kind, body in chunks_of(encode(images, batch=True)) if kind == b"G"]
    assert group.mapping != Mapping.ARRANGED


def test_an_image_with_nothing_in_common_stands_by_itself() -> None:
    """As at a cut between two scenes: it has the factor 0, those behind it follow again."""
    bands = np.concatenate([spectrum(3, 8), spectrum(3, 8)[:, ::-1, ::-1]])
    planes = [bands.reshape(-1, bands.shape[2]).astype(np.int32)]
    found = find_arrangement(View(planes, Form(1, 8, planes[0].shape[0], bands.shape[2], bands.shape[1])))
    assert isinstance(found, Taken)
    assert isinstance(found.step, Follow)
    assert [factor > 0 for factor in found.step.factors] == [True, True, False, True, True]
    assert found.step.offsets[2] == 0


@pytest.mark.parametrize("frames", [[photograph()[..., 0], photograph()[::-1, :, 1]], [photograph()[..., 0]]])
def test_images_with_nothing_in_common_follow_no_other(frames: list[Image]) -> None:
    planes = [np.concatenate(frames).astype(np.int32)]
    view = View(planes, Form(1, 8, planes[0].shape[0], planes[0].shape[1], len(frames[0])))
    assert find_arrangement(view) is view


@pytest.mark.parametrize(
    ("images", "numbers"), [(1, []), (2, [1 << 16, 0]), (2, [0, 256]), (2, [1]), (3, [1, 2, 3])], ids=str
)
def test_broken_followings_are_refused(images: int, numbers: list[int]) -> None:
    stream = pack_numbers([Follow.id, *numbers])
    form = Form(1, 8, 2 * images, 2, 2)
    with pytest.raises(sofc.FormatError):
        unpack_arrangement(stream, form)
    with pytest.raises(SmallFormatError):
        decoded_small(stream, random_planes(form, 1), form)


def test_raw_is_raw() -> None:
    image = np.stack([photograph()[..., 0]] * 3, -1)
    data = sofc.encode(image, coder="raw")
    assert [unpack_group(body).mapping for kind, body in chunks_of(data) if kind == b"G"] == [Mapping.NONE]
    assert len(data) > image.size


@pytest.mark.parametrize("effort", [1, 5])
def test_broken_arrangements_are_refused(effort: int) -> None:
    """Whether a codebook's model codes the part (at effort 1), which needs the codebook that it names, or a neutral
    one, for which that number does not count."""
    image = 257 * wide(photograph()[..., 0])
    data = encode(image, effort=effort)
    chunks = chunks_of(data)
    place = next(k for k, (kind, _) in enumerate(chunks) if kind == b"G")
    group = unpack_group(chunks[place][1])

    def changed(**changes: Any) -> bytes:
        body = pack_group(replace(group, **changes))
        return file_of([*chunks[:place], (b"G", body), *chunks[place + 1 :]], data)

    built_in = [path.read_bytes() for path in Path(sofc.__file__).parent.glob("builtin/*.sofcb")]
    assert np.array_equal(sofc.decode(changed()), image)
    assert minidec.decode_file(changed(), built_in).images[0].data == image.tobytes()
    first, *rest = group.streams
    said = unpack_arrangement(first, Form(1, 16, 96, 120, 96))
    assert isinstance(said, Stepped)
    part = parts_of(said)[0]
    broken: list[dict[str, Any]] = [
        {"model": 1},
        {"streams": ()},
        {"streams": (first,)},
        {"streams": (first, *rest, b"")},
        {"streams": (first + b"\0", *rest)},
        {"streams": (first[:-1], *rest)},
        {"streams": (b"\x63" + first, *rest)},
        *(
            {"streams": (pack_arrangement(Stepped(said.step, other)), *rest)}
            for other in (part._replace(mapping=3), part._replace(model=9), part._replace(streams=2))
        ),
    ]
    for wrong in broken:
        with pytest.raises(sofc.SofcError):
            sofc.decode(changed(**wrong))
        with pytest.raises(minidec.FormatError):
            minidec.decode_file(changed(**wrong), built_in)
    assert (part.model < FIRST_CODEBOOK_MODEL) == (effort == 5)
    for codebook in (0, 2, 99):
        other = changed(streams=(pack_arrangement(Stepped(said.step, part._replace(codebook=codebook))), *rest))
        if part.model < FIRST_CODEBOOK_MODEL:
            assert np.array_equal(sofc.decode(other), image)
            assert minidec.decode_file(other, built_in).images[0].data == image.tobytes()
        else:
            with pytest.raises(sofc.SofcError):
                sofc.decode(other)
            with pytest.raises(minidec.FormatError):
                minidec.decode_file(other, built_in)


@given(st.integers(0, 10**6), st.integers(0, 7))
def test_damaged_arrangements_end_with_an_error(seed: int, bit: int) -> None:
    """A bit of the arrangement changed, with a CRC of the chunk that fits."""
    image = stacked(photograph(24, 24), disc(photograph(24, 24)))
    data = sofc.encode(257 * wide(image), codebook=None)
    chunks = chunks_of(data)
    place = next(k for k, (kind, _) in enumerate(chunks) if kind == b"G")
    group = unpack_group(chunks[place][1])
    assert group.mapping == Mapping.ARRANGED
    first = bytearray(group.streams[0])
    first[seed % len(first)] ^= 1 << bit
    body = pack_group(replace(group, streams=(bytes(first), *group.streams[1:])))
    changed = file_of([*chunks[:place], (b"G", body), *chunks[place + 1 :]], data)
    try:
        assert np.array_equal(sofc.decode(changed), 257 * wide(image))
    except sofc.SofcError:
        with pytest.raises(minidec.FormatError):
            minidec.decode_file(changed)


def test_a_small_image_names_the_codebook_that_it_is_coded_with_where_no_arrangement_paid() -> None:
    """Of 16 bits with equal bytes: models of 8 bits are tried, and what is coded may be the samples as they stand."""
    y, x = np.mgrid[:32, :32]
    image = (np.stack([8 * x, 8 * y, 4 * (x + y)], axis=-1) * 257).astype(np.uint16)
    for effort in (1, 5):
        data = sofc.encode(image, codebook=builtin_codebook, effort=effort)
        assert np.array_equal(sofc.decode(data), image)


@pytest.mark.filterwarnings("error")
def test_narrow_images_are_no_planes() -> None:
    """Of one column, or two, there are no neighbours to go by, nor two apart: numpy warned of it."""
    plane = np.add.outer(np.arange(11) ** 2, np.arange(12)).astype(np.uint8)
    assert are_planes(np.concatenate([plane] * 3))
    for width in (1, 2, 7):
        assert not are_planes(np.concatenate([plane[:, :width]] * 3))
