"""Component transforms: reversible, within the ranges they promise, and the colour lattice against plain Python."""

from __future__ import annotations

import os

import naive_context
import naive_inverses
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sofc.jpeg.colour import (
    CONVERSIONS,
    CORRECTIONS,
    USUAL_CONVERSION,
    Channels,
    blank_memo,
    colours,
    from_rgb,
    reached,
    to_rgb,
)
from sofc.transforms.components import CORRECTION_BASE, LATTICE, NONE, TRANSFORMS
from sofc.transforms.samples import apart, side_by_side

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 6))
BYTES = st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 254, 255]))


def planes_of(samples):
    """Three planes of an array (3, rows, width)."""
    return [np.ascontiguousarray(plane) for plane in samples.astype(np.int32)]


def triples_of(planes):
    return [tuple(int(plane[place]) for plane in planes) for place in np.ndindex(planes[0].shape)]


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=lambda transform: transform.name)
@given(st.data(), SHAPES, st.integers(1, 16))
def test_inverse_and_ranges(transform, data, shape, bits):
    """Any samples come back, and planes stay in their ranges: arbitrary samples and extremes."""
    bits = transform.bits or bits
    components = transform.components or data.draw(st.integers(1, 5))
    top = (1 << bits) - 1
    elements = st.one_of(st.integers(0, top), st.sampled_from([0, top]))
    planes = list(data.draw(npst.arrays(np.int32, (components, *shape), elements=elements)))
    kept = [plane.copy() for plane in planes]
    assert transform.accepts(components, bits)
    transformed = transform.forward(planes)
    ranges = transform.ranges(components, bits)
    assert len(transformed) == len(ranges) == components + transform.corrections
    for plane, span in zip(transformed, ranges, strict=True):
        assert plane.dtype == np.int32 and plane.shape == shape
        assert span.low <= plane.min() and plane.max() <= span.high
    for plane, copy, found in zip(planes, kept, transform.inverse(transformed), strict=True):
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, copy)
        np.testing.assert_array_equal(plane, copy)


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=lambda transform: transform.name)
def test_ranges_are_reached(transform):
    """No range is wider than need be: its ends occur."""
    bits = transform.bits or 3
    top = (1 << bits) - 1
    corners = planes_of(np.array(np.meshgrid(*[[0, top // 2, top]] * 3)).reshape(3, 3, 9))
    transformed = transform.forward(corners)
    for plane, span in list(zip(transformed, transform.ranges(3, bits), strict=True))[: 1 if transform.bits else 3]:
        assert (plane.min(), plane.max()) == span


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=lambda transform: transform.name)
def test_inverse_of_anything_in_range(transform):
    """A damaged stream may give any planes in their ranges: the inverse takes them without a warning."""
    rng = np.random.default_rng(3)
    ranges = transform.ranges(3, transform.bits or 16)
    for kind in range(3):
        planes = []
        for span in ranges:
            values = [[span.low], [span.high], [*span, 0, 1]][kind]
            planes.append(rng.choice(np.array(values, np.int32), (3, 4)))
        for plane in transform.inverse(planes):
            assert plane.dtype == np.int32 and plane.shape == (3, 4)


def test_what_is_accepted():
    assert NONE.accepts(7, 16)
    assert LATTICE.accepts(3, 8)
    assert not LATTICE.accepts(3, 7) and not LATTICE.accepts(4, 8)
    assert sorted(TRANSFORMS) == [transform.id for transform in TRANSFORMS.values()]


TWINS = [0, 1, 3, 4, 5, 6, 8]
"""Conversions that have a twin of their own; 2 and 7 are of floating point."""


@given(npst.arrays(np.int32, st.tuples(st.just(3), st.integers(1, 5), st.integers(1, 6)), elements=BYTES))
def test_to_rgb(samples):
    planes = planes_of(samples)
    found = [np.empty_like(planes[0]) for _ in range(3)]
    for number in TWINS:
        to_rgb(CONVERSIONS[number], Channels(*planes), Channels(*found))
        assert triples_of(found) == [naive_inverses.convert(number, *triple) for triple in triples_of(planes)]
    to_rgb(USUAL_CONVERSION, Channels(*planes), Channels(*found))
    assert triples_of(found) == [naive_context.to_rgb(*triple) for triple in triples_of(planes)]


def test_conversions_in_floating_point():
    """All colours with some values of Y: hardly any that the integers do not give."""
    cb, cr = (plane.astype(np.int32) for plane in np.mgrid[:256, :256])
    matrix = np.array([[1, 1, 1], [0, -0.114 * 1.772 / 0.587, 1.772], [1.402, -0.299 * 1.402 / 0.587, 0]], np.float32)
    for y in (np.full_like(cb, level) for level in (16, 90, 128, 201, 240)):
        pydicom = np.stack([y, cb - 128, cr - 128], -1).astype(np.float32) @ matrix
        red, blue = y - 179.456 + 1.402 * cr, y - 226.816 + 1.772 * cb
        pdf_js = np.stack([red, y + 135.459 - 0.344 * cb - 0.714 * cr, blue], -1)
        for number, made in ((2, np.floor(pydicom + np.float32(0.5))), (7, np.rint(pdf_js))):
            integers = np.stack(reached([y, cb, cr], CONVERSIONS[number]), -1)
            assert np.count_nonzero(integers != np.clip(made, 0, 255)) <= 256


@pytest.mark.parametrize("number", range(len(CONVERSIONS)))
def test_the_conversion_is_found(number):
    """By the colours that others do not make; hardly any is not found to come of it."""
    rng = np.random.default_rng(number)
    side = 24 if INTERPRETED else 90
    planes = list(rng.integers(60, 190, (3, side, side)).astype(np.int32))
    samples = reached(planes, CONVERSIONS[number])
    transformed = LATTICE.forward(samples)
    kinds, corrections = np.divmod(transformed[3], CORRECTIONS)
    if not INTERPRETED:  # of fewer colours several conversions make all
        assert (kinds == number).all()
    assert 1000 * np.count_nonzero(corrections) <= corrections.size
    np.testing.assert_array_equal(LATTICE.inverse(transformed), samples)


WIDE = npst.arrays(np.int32, st.tuples(st.just(3), st.integers(1, 3), st.sampled_from([1, 511, 513])), elements=BYTES)


@settings(max_examples=10 if INTERPRETED else 50)
@given(WIDE)
def test_colours_as_samples(samples):
    """Strip by strip the same as plane by plane."""
    planes = [plane.astype(np.int16) for plane in planes_of(samples)]
    found = colours(planes)
    assert found.dtype == np.uint8 and found.shape == (*planes[0].shape, 3)
    assert [tuple(pixel) for pixel in found.reshape(-1, 3).tolist()] == [
        naive_context.to_rgb(*triple) for triple in triples_of(planes)
    ]


@given(npst.arrays(np.int32, st.tuples(st.just(3), st.integers(1, 5), st.integers(1, 6)), elements=BYTES))
def test_lattice_samples(samples):
    """The short way gives what the inverse does, and there is none where anything is to be corrected."""
    planes = [*planes_of(samples), np.zeros(samples.shape[1:], np.int32)]
    np.testing.assert_array_equal(LATTICE.samples(planes), np.stack(LATTICE.inverse(planes), axis=2))
    planes[3][0, 0] = 1
    assert LATTICE.samples(planes) is None and NONE.samples(planes) is None


@given(npst.arrays(np.int16, st.tuples(st.just(3), st.integers(1, 5), st.integers(1, 6)), elements=BYTES))
def test_side_by_side(samples):
    found = side_by_side(list(samples))
    assert [tuple(pixel) for pixel in found.reshape(-1, 3).tolist()] == triples_of(samples)
    found.flags.writeable = False
    np.testing.assert_array_equal(np.stack(apart(found)), samples)
    np.testing.assert_array_equal(np.stack(apart(found[::-1, ::2])), samples[:, ::-1, ::2])


def convert(planes):
    """Y, Cb, Cr of RGB planes, and how many triples have none."""
    found = [np.empty_like(planes[0]) for _ in range(3)]
    return found, from_rgb(USUAL_CONVERSION, Channels(*planes), Channels(*found), blank_memo())


@given(npst.arrays(np.int32, st.tuples(st.just(3), st.integers(1, 4), st.integers(1, 5)), elements=BYTES))
def test_from_rgb_of_reached(samples):
    """What a JPEG decoder makes of any Y, Cb, Cr is always found."""
    reached = [np.empty_like(samples[0]) for _ in range(3)]
    to_rgb(USUAL_CONVERSION, Channels(*planes_of(samples)), Channels(*reached))
    found, missed = convert(reached)
    assert missed == 0
    assert [naive_context.to_rgb(*triple) for triple in triples_of(found)] == triples_of(reached)
    assert min(plane.min() for plane in found) >= 0 and max(plane.max() for plane in found) <= 255


CORNERS = [(0, 0, 0), (249, 250, 251), (0, 120, 250), (100, 90, 110), (250, 3, 77), (60, 0, 9)]


@pytest.mark.parametrize("corner", CORNERS)
def test_missed(corner):
    """In a small cube of triples exactly those count as missed that no Y, Cb, Cr converts to."""
    side = 2 if INTERPRETED else 5
    planes = planes_of(np.array([np.add(corner, step) for step in np.ndindex(side, side, side)]).T[:, None, :])
    found, missed = convert(planes)
    wanted = triples_of(planes)
    right = [naive_context.to_rgb(*triple) == want for triple, want in zip(triples_of(found), wanted, strict=True)]
    assert right == [naive_context.is_reached(*want) for want in wanted]
    assert missed == right.count(False)
    assert min(plane.min() for plane in found) >= 0 and max(plane.max() for plane in found) <= 255


@pytest.mark.skipif(INTERPRETED, reason="searches thousands of colours: slow with interpreted kernels")
@pytest.mark.parametrize("cut", [0, 255])
def test_colours_that_recur_are_found_alike(cut):
    """Of more colours than are remembered, many in the same place, and of what each channel can change alone, each is
    found as if it stood alone."""
    values = np.random.default_rng(cut).integers(0, 256, (3, 1, 12000))
    values[np.arange(12000) % 3, 0, np.arange(12000)] = cut
    planes = planes_of(values)
    found, missed = convert(planes)
    pairs = zip(triples_of(found), triples_of(planes), strict=True)
    assert missed == sum(naive_context.to_rgb(*triple) != colour for triple, colour in pairs) > 0
    some = np.arange(0, 12000, 37)
    for k in some.tolist():
        alone, _ = convert([np.ascontiguousarray(plane[:, k : k + 1]) for plane in planes])
        assert [plane[0, 0] for plane in alone] == [plane[0, k] for plane in found]


def test_corrections():
    """Triples off the lattice get a correction, those on it none; few corrections suit the transform, many do not."""
    planes = planes_of(np.tile(np.arange(100) + 60, (3, 3, 1)))
    grays = LATTICE.forward(planes)
    assert not grays[3].any() and LATTICE.suits(grays)
    off = next(
        triple
        for triple in (tuple(np.add((90, 120, 60), step)) for step in np.ndindex(3, 3, 3))
        if not naive_context.is_reached(*map(int, triple))
    )
    for plane, value in zip(planes, off, strict=True):
        plane[1, 5] = value
    few = LATTICE.forward(planes)
    assert np.argwhere(few[3]).tolist() == [[1, 5]] and LATTICE.suits(few)
    reached = naive_context.to_rgb(*(int(plane[1, 5]) for plane in few[:3]))
    code = 0
    for value, got in zip(off, reached, strict=True):
        code = code * CORRECTION_BASE + int(value) - got + 255
    assert few[3][1, 5] == code + 1
    for plane, value in zip(planes, off, strict=True):
        plane[1, :20] = value
    many = LATTICE.forward(planes)
    assert np.count_nonzero(many[3]) == 20 and not LATTICE.suits(many)
    for transformed, want in zip(LATTICE.inverse(many), planes, strict=True):
        np.testing.assert_array_equal(transformed, want)
