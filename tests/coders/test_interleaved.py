"""The interleaved coder: round trips, damage, training, and its kernels against plain twins."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from functools import cache, partial
from unittest.mock import patch

import naive_interleaved
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scenes import assert_same, enlarged, random_planes, related_images, train

import sofc
from sofc.band.mapping import Mapped, Mapping
from sofc.band.pieces import Pieces
from sofc.band.ways import Way
from sofc.coders.interleaved import InterleavedCoder, kernel
from sofc.coders.interleaved import coder as interleaved_coder
from sofc.coders.interleaved.coder import stream_of
from sofc.coders.interleaved.frames import Frames, trace_plane
from sofc.coders.interleaved.kernel_tokens import ESCAPE, STEP_AT, code_of
from sofc.coders.interleaved.margins import Margins, find_margins, no_margins, pack_margins
from sofc.coders.interleaved.model import SCALE, TOKENS, PlaneModel, Prediction, errors, taps
from sofc.coders.interleaved.passes import (
    PIECE,
    activities,
    blank_prediction,
    equations_of,
    known_frame,
    piece_of,
    tokens_of,
)
from sofc.coders.interleaved.section import (
    EDGE_LIMIT,
    ERROR_WEIGHT_LIMIT,
    THRESHOLD_LIMIT,
    WEIGHT_LIMIT,
    pack_plan,
    unpack_plan,
)
from sofc.coders.interleaved.training import InterleavedTraining, fit_error_weights, fit_placed_error_weights
from sofc.container.records import FIRST_CODEBOOK_MODEL
from sofc.errors import FormatError, SofcError
from sofc.image import PixelFormat
from sofc.planes import PlaneRange
from sofc.transforms.components import NONE

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
STRIDE = 23 if INTERPRETED else 1
"""Interpreted kernels are slow: then only every 23rd damage is tried."""
COLOUR = [PlaneRange(0, 255), PlaneRange(-255, 255), PlaneRange(-255, 255)]


def random_model(rng, plane, fraction=None):
    """A plan that no training would give, but that is valid."""
    references = tuple(int(number) for number in rng.permutation(plane)[: rng.integers(0, min(plane, 2) + 1)])
    class_map = int(rng.integers(0, 3))
    count = len(references)
    places = 64 if class_map == kernel.GRID and rng.integers(0, 2) else 1
    weights = rng.integers(-90, 90, (kernel.CLASSES[class_map], len(taps(count))))
    if class_map == kernel.TEXTURE:
        weights[1 : 1 + rng.integers(0, 4)] = weights[0]
    prediction = Prediction(
        references,
        class_map,
        int(rng.integers(5, 11)) if fraction is None else fraction,
        int(rng.integers(0, 300)),
        int(rng.choice([0, 0, 1, 6])),
        weights,
        rng.integers(0, 11, (places, errors(count))),
    )
    edges = np.sort(rng.choice(np.arange(-20, 3000), int(rng.integers(0, 12)), replace=False)).astype(np.int64)
    contexts = int(rng.integers(1, 9))
    frequencies = rng.integers(0, 9, (contexts, TOKENS)) * rng.integers(0, 2, (contexts, TOKENS))
    frequencies[:, ESCAPE] = 1
    frequencies[:, 15] += SCALE - frequencies.sum(axis=1)
    cells = rng.integers(0, contexts, (len(edges) + 1, kernel.FRACTIONS))
    return PlaneModel(prediction, edges, int(rng.integers(0, len(edges) + 1)), cells, frequencies)


@cache
def trained():
    """Sections trained on a few small colour images, and images of the kind."""
    images = related_images(1, 6, (24, 32), COLOUR)
    return tuple(section.data for section in train(InterleavedTraining(COLOUR), images[:4]).sections()), images[4:]


SHAPES = st.one_of(
    st.tuples(st.integers(1, 12), st.integers(1, 12)), st.tuples(st.integers(94, 101), st.integers(1, 5))
)
"""One stripe, or three; with up to two rows left over."""


def painted(rng, planes):
    """Planes with margins of one colour, some of whole rows."""
    rows, width = planes[0].shape
    ends = np.sort(rng.integers(0, width + 1, (rows, 2)), axis=1)
    ends[0, 0] = max(1, ends[0, 0])
    for y, (left, end) in enumerate(ends):
        for plane in planes:
            plane[y, :left] = plane[y, max(left, end) :] = plane[0, 0]
    return planes


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 17), min_size=1, max_size=3),
    SHAPES,
    st.integers(1, 3),
    st.booleans(),
)
@settings(max_examples=20 if INTERPRETED else 100)
def test_round_trip(seed, bits, shape, images, has_margins):
    """Any plan codes any planes: ranges of 1 to 17 bits, lines and columns, groups."""
    rng = np.random.default_rng(seed)
    ranges = [PlaneRange(low := int(rng.integers(-(1 << 16), 1)), low + (1 << size) - 1) for size in bits]
    coder = InterleavedCoder([random_model(rng, plane) for plane in range(len(bits))])
    rows = shape[0] * images
    planes = random_planes(rng, ranges, (rows, shape[1]))
    if has_margins:
        planes = painted(rng, planes)
    streams = coder.encode(planes, ranges, shape[0])
    assert_same(planes, coder.decode(streams, ranges, rows, shape[1], shape[0]))


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("width", [kernel.BLOCK, kernel.BLOCK + 1, kernel.CHUNK, kernel.CHUNK + kernel.BLOCK - 1])
def test_rows_in_pieces(width, bits):
    """Rows of whole blocks and of other widths, of one piece and of two."""
    rng = np.random.default_rng(width)
    ranges = [PlaneRange(-5, (1 << bits) - 6)] * 2
    for rows in (4,) if INTERPRETED else (4, 97):
        for _ in range(3 if INTERPRETED else 5):
            coder = InterleavedCoder([random_model(rng, plane) for plane in range(2)])
            planes = random_planes(rng, ranges, (rows, width))
            assert_same(planes, coder.decode(coder.encode(planes, ranges, rows), ranges, rows, width, rows))


@given(st.integers(0, 2**32 - 1), SHAPES, st.sampled_from([1, 8, 12, 17]), st.integers(1, 2), st.booleans())
@example(1, (3, kernel.CHUNK + 9), 8, 1, False)
@example(2, (3, kernel.CHUNK + 9), 12, 1, True)
@example(3, (98, 9), 8, 1, True)
@settings(max_examples=10 if INTERPRETED else 40)
def test_twin(seed, shape, bits, images, has_margins):
    """A plain encoder writes the same bytes."""
    rng = np.random.default_rng(seed)
    ranges = [PlaneRange(0, (1 << size) - 1) for size in (bits, (bits + 7) // 2, bits)]
    coder = InterleavedCoder([random_model(rng, plane) for plane in range(3)])
    planes = random_planes(rng, ranges, (shape[0] * images, shape[1]))
    if has_margins:
        planes = painted(rng, planes)
    margins = naive_interleaved.margins_of([plane.tolist() for plane in planes], shape[0])
    said, found = bytes(2), None
    if margins is not None:
        # A row that has no inside may end its left margin anywhere.
        cuts = rng.integers(0, shape[1] + 1, len(margins)).tolist()
        margins = [
            (cut, shape[1] - cut) if sum(one) == shape[1] else one for one, cut in zip(margins, cuts, strict=True)
        ]
        found = Margins(tuple(int(plane[0, 0]) for plane in planes), np.array(margins, np.int32))
        said = pack_margins(found, ranges)
    with patch.object(interleaved_coder, "find_margins", lambda *_: found):
        streams = coder.encode(planes, ranges, shape[0])
    assert_same(planes, coder.decode(streams, ranges, shape[0] * images, shape[1], shape[0]))
    grid = 0
    if any(model.prediction.class_map == kernel.GRID for model in coder.models):
        grid, streams[0] = streams[0][0], streams[0][1:]
    known = [[] for _ in planes]
    for number, (model, plane, stream) in enumerate(zip(coder.models, planes, streams, strict=True)):
        largest = max(ranges[plane].high for plane in (number, *model.prediction.references))
        wrap = 16 if largest < 1 << (15 - model.prediction.fraction) else 32
        for image in range(images):
            samples = plane[image * shape[0] : (image + 1) * shape[0]] - (ranges[number].high + 1) // 2
            ours = (margins or [])[image * shape[0] : (image + 1) * shape[0]]
            own = naive_interleaved.Plane(samples.tolist(), margins=ours)
            references = [known[reference][image][0] for reference in model.prediction.references]
            known[number].append((own, naive_interleaved.trace(own, references, model, grid, wrap)))
        assert stream == naive_interleaved.stream_of(known[number], model, b"" if number else said)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2), st.integers(0, 2), st.integers(0, 63), SHAPES)
@settings(max_examples=10 if INTERPRETED else 40)
def test_equations_twin(seed, count, class_map, grid, shape):
    """Normal equations are the sums of products of taps, class by class, less N, P or Q."""
    rng = np.random.default_rng(seed)
    span = PlaneRange(0, 65535)
    planes = random_planes(rng, [span] * (count + 1), shape)
    frames = Frames(no_margins(len(planes), shape[0]), shape[1], shape[0])
    for number, plane in enumerate(planes):
        references = tuple(range(count)) if number == count else ()
        prediction = blank_prediction(span, class_map, references, 3000)
        frame = known_frame(plane, span, span.size, prediction, frames)
    weights = rng.integers(1, 300, shape)
    found = equations_of(frame, prediction, span, span.size, grid, weights.ravel())
    own, *naive = (naive_interleaved.Plane((plane - 32768).tolist()) for plane in (planes[-1], *planes[:-1]))
    size = kernel.TAPS + 1
    used = [*taps(count), kernel.TAPS]
    expected = np.zeros((len(found), size, size), object)
    for y in range(shape[0]):
        for x in range(shape[1]):
            if y in own.tops:
                continue
            values = naive_interleaved.taps_of(own, naive, y, x)
            n, sample = values[kernel.N], own.s(y, x)
            for start, stop, base in ((0, 13, 2), (13, 18, 13), (18, 21, 18)):
                first = values[base] if base < len(values) else 0
                values[start:stop] = [value - first for value in values[start:stop]]
                if start:  # P and Q are what the others are less, and stay
                    values[start : start + 1] = [first] * (start < len(values))
            texture = naive_interleaved.texture_of(own, naive, 3000, y, x)[1]
            number = (0, texture, 8 * ((y + grid // 8) % 8) + (x + grid) % 8)[class_map]
            row = np.array([*values, 8, sample - n], object)
            expected[np.ix_([number], used, used)] += (int(weights[y, x]) * np.tril(np.outer(row, row)))[None]
    assert found[:, used][:, :, used].tolist() == expected[:, used][:, :, used].tolist()


def test_surround_takes_little(monkeypatch):
    """A disc in a surround takes clearly less than where samples of the surround are coded one by one."""
    (planes, *_), (sections, _) = trained()[1], trained()
    coder = InterleavedCoder.from_sections(sections)
    rows, width = planes[0].shape
    y, x = np.ogrid[:rows, :width]
    outside = ((y - rows / 2) / rows) ** 2 + ((x - width / 2) / width) ** 2 > 0.2
    within = [np.where(outside, span.low, plane).astype(np.int32) for plane, span in zip(planes, COLOUR, strict=True)]
    after = coder.encode(within, COLOUR, rows)
    assert_same(within, coder.decode(after, COLOUR, rows, width, rows))
    monkeypatch.setattr(interleaved_coder, "find_margins", lambda *_: None)
    assert sum(map(len, after)) < 0.75 * sum(map(len, coder.encode(within, COLOUR, rows)))


def test_margins_that_do_not_fit():
    """Of more columns than the image has, with a colour that it cannot have, and of too wide an image: refused."""
    rng = np.random.default_rng(12)
    coder = InterleavedCoder([random_model(rng, 0, fraction=7)])
    span = PlaneRange(-3, 252)
    (plane,) = painted(rng, random_planes(rng, [span], (6, 20)))
    stream = coder.encode([plane], [span], 6)[0]
    grid = stream[:1] if coder.uses_grid else b""
    own = find_margins([plane], 6)
    said = pack_margins(own, [span])
    assert stream.startswith(said, len(grid))
    for bad in (
        own._replace(columns=own.columns + np.array([0, 21], np.int32)),
        own._replace(columns=np.full((6, 2), 11, np.int32)),
        own._replace(blank=(253,)),
    ):
        changed = grid + pack_margins(bad, [span]) + stream[len(grid) + len(said) :]
        with pytest.raises(FormatError, match=r"margins|has entries that are not"):
            coder.decode([changed], [span], 6, 20, 6)
    with pytest.raises(FormatError, match="at most 1024"):
        coder.decode([stream], [span], 6, 1025, 6)


def test_streams_that_begin_or_end_elsewhere():
    """A bit has to say where samples' bits begin, and these end with the last byte and in the first states."""
    rng = np.random.default_rng(13)
    ranges = [PlaneRange(0, 255)] * 2
    coder = InterleavedCoder([random_model(rng, plane, fraction=7) for plane in range(2)])
    first, second = coder.encode(random_planes(rng, ranges, (6, 20)), ranges, 6)
    for bad in (b"", b"\0", b"\0" + second):
        with pytest.raises(FormatError, match="does not say where it begins"):
            coder.decode([first, bad], ranges, 6, 20, 6)
    for bad in (second + b"\0", second + b"\1", second[:-1]):
        with pytest.raises(FormatError, match=r"does not end where it should|outside the plane's range"):
            coder.decode([first, bad], ranges, 6, 20, 6)


def test_margins_are_no_part_of_large_images():
    """What an encoder does not look for there: their border is a small part of them."""
    plane = np.zeros((200, 200), np.int32)
    plane[50:150, 50:150] = np.random.default_rng(1).integers(0, 255, (100, 100))
    assert find_margins([plane], 200) is None
    assert find_margins([plane[:100]], 100) is not None
    # Nor where tiles of them tell what they would take.
    coder, span = InterleavedCoder([random_model(np.random.default_rng(2), 0)]), PlaneRange(0, 255)
    tile = plane[40:72, 40:72]
    of_small, of_large = (coder.for_tiles_of(*shape).encode([tile], [span], 32) for shape in ((100, 200), (200, 200)))
    assert of_small == coder.encode([tile], [span], 32) != of_large
    with patch.object(interleaved_coder, "find_margins", lambda *_: None):
        assert coder.encode([tile], [span], 32) == of_large


def test_tiles_stand_in_the_grid_where_their_image_does():
    """A few rows do not tell it, and by another place those models seem large that know most of it."""
    rng = np.random.default_rng(4)
    models = (random_model(rng, 0) for _ in itertools.count())
    coder = InterleavedCoder([next(one for one in models if one.prediction.class_map == kernel.GRID)])
    blocks = np.kron(rng.integers(0, 200, (12, 12)), np.ones((8, 8), int)) + rng.integers(0, 5, (96, 96))
    plane, span = blocks[3:, 6:].astype(np.int32), PlaneRange(0, 255)
    (whole,) = coder.encode([plane], [span], 93)
    (tile,) = coder.placed(partial(Pieces([plane], NONE).place, 93)).encode([plane[40:56]], [span], 16)
    assert (whole[0], tile[0], coder.encode([plane[40:56]], [span], 16)[0][0] // 8) == (3 * 8 + 6, 3 * 8 + 6, 0)
    assert (coder.decode([tile], [span], 16, 90, 16)[0] == plane[40:56]).all()
    # So are those by which ways to code an image are judged, and the image itself then.
    view = Mapped(Mapping.NONE, PixelFormat(1, 8, 8), [plane], ())
    way = Way(view, FIRST_CODEBOOK_MODEL, NONE, coder, pieces=Pieces([plane], NONE))
    with patch.object(InterleavedCoder, "encode_planes", return_value=[b""]) as encode_planes:
        for judge in (way.glimpsed_size, way.size, way.streams):
            judge(93)
    assert [(call.args[0][0].shape, call.args[3]) for call in encode_planes.mock_calls] == [
        ((48, 90), 3 * 8 + 6),
        ((4 * 32, 32), 3 * 8 + 6),
        ((93, 90), 3 * 8 + 6),
    ]


@given(st.lists(st.integers(-(1 << 17), 1 << 17), min_size=1, max_size=30))
def test_tokens(residuals):
    found = tokens_of(np.array(residuals, np.int32)).tolist()
    assert found == [naive_interleaved.token_of(residual, [1] * TOKENS)[0] for residual in residuals]


def test_activities():
    plane = np.random.default_rng(3).integers(0, 255, (4, 6))
    own = naive_interleaved.Plane(plane.tolist())
    found = activities(plane)
    for y in range(1, 4):
        for x in range(1, 5):
            assert found[y - 1, x - 1] == naive_interleaved.texture_of(own, [own], 0, y, x)[0]


def test_error_weights_are_not_negative():
    rng = np.random.default_rng(5)
    terms = rng.integers(0, 255, (13, 400))
    terms[12] = np.clip(3 * terms[0] + terms[2] - 2 * terms[1], 0, 255)
    weights = fit_error_weights(terms @ terms.T)
    assert weights.min() >= 0
    assert weights[1] == 0
    assert weights[0] > weights[2]
    assert fit_error_weights(np.zeros((13, 13), np.int64)).sum() > 0


def test_error_weights_by_place():
    """They are on one scale: where errors are twice as large as those around, weights are twice those elsewhere."""
    rng = np.random.default_rng(6)
    terms = np.zeros((2, 13, 400), np.int64)
    terms[:, 0] = rng.integers(0, 100, (2, 400))
    terms[:, 12] = terms[:, 0] * np.array([[1], [2]])
    weights = fit_placed_error_weights(np.stack([one @ one.T for one in terms]))
    assert 1.9 < weights[1, 0] / weights[0, 0] < 2.1
    assert weights[:, 1:].sum() == 0
    far = terms[0].copy()
    far[12] *= 9
    assert fit_placed_error_weights(np.stack([one @ one.T for one in (*[terms[0]] * 20, far)])).sum(axis=1).max() == 128
    assert fit_placed_error_weights(np.zeros((64, 13, 13), np.int64)).sum() == 0


def test_pieces_keep_the_grid():
    """They begin at a multiple of eight rows, have about as many samples as wanted, or are all of a small image."""
    rng = np.random.default_rng(9)
    small, tops = rng.integers(0, 255, (90, 50)), set()
    assert small[piece_of(small)].shape == small.shape
    for _ in range(5):
        plane = rng.integers(0, 255, (3000, 1000))
        piece = piece_of(plane)
        assert piece.start % 8 == 0
        assert PIECE <= plane[piece].size < PIECE + 1000
        tops.add(piece.start)
    assert len(tops) > 1


@pytest.mark.skipif(INTERPRETED, reason="trains on larger images: slow with interpreted kernels")
def test_training_finds_what_places_tell():
    """Of planes made larger by two, whose places differ, models of the grid take less than others."""
    rng, span = np.random.default_rng(10), [PlaneRange(-512, 511)]
    planes = [[np.clip(enlarged(rng, 128, 128), -512, 511)] for _ in range(5)]
    training = train(InterleavedTraining(span), planes[:4])
    (model,) = (unpack_plan(section.data, 0) for section in training.sections())
    assert model.prediction.class_map == kernel.GRID
    one = replace(model.prediction, class_map=kernel.ONE, weights=model.prediction.weights[:1])
    one = replace(one, error_weights=one.error_weights[:1])
    coder, without = InterleavedCoder([model]), InterleavedCoder([replace(model, prediction=one)])
    moved = [planes[4][0][1:, 1:]]
    sizes = [len(each.encode(moved, span, 127)[0]) for each in (coder, without)]
    assert sizes[0] < 0.8 * sizes[1]


def test_correction_planes():
    """Planes beyond the plans are coded as nearly all zeros."""
    sections, (planes, _) = trained()
    coder = InterleavedCoder.from_sections(sections)
    ranges = [*COLOUR, PlaneRange(0, 511**3)]
    for correction in (np.zeros_like(planes[0]), np.eye(24, 32, dtype=np.int32) * 511**3):
        streams = coder.encode([*planes, correction], ranges, 24)
        assert_same([*planes, correction], coder.decode(streams, ranges, 24, 32, 24))


def test_training_does_not_depend_on_shards():
    images = related_images(2, 2 if INTERPRETED else 5, (100, 12), COLOUR)
    sections = train(InterleavedTraining(COLOUR), images, 1).sections()
    assert sections == train(InterleavedTraining(COLOUR), images, len(images)).sections()
    coder = InterleavedCoder.from_sections([section.data for section in sections])
    streams = coder.encode(images[0], COLOUR, 100)
    assert_same(images[0], coder.decode(streams, COLOUR, 100, 12, 100))
    assert sum(map(len, streams)) < 0.7 * sum(plane.size for plane in images[0])


def test_training_without_samples():
    """Images of one row, and of one sample: nothing to fit, and yet models that code anything."""
    for shape in ((1, 1), (1, 9), (2, 1)):
        images = related_images(3, 2, shape, COLOUR)
        training = train(InterleavedTraining(COLOUR), images)
        coder = InterleavedCoder.from_sections([section.data for section in training.sections()])
        planes = random_planes(np.random.default_rng(1), COLOUR, (7, 5))
        assert_same(planes, coder.decode(coder.encode(planes, COLOUR, 7), COLOUR, 7, 5, 7))


@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_section_round_trip(seed, plane):
    plan = random_model(np.random.default_rng(seed), plane)
    data = pack_plan(plan)
    again = unpack_plan(data, plane)
    assert pack_plan(again) == data
    for name in ("edges", "cells", "frequencies"):
        np.testing.assert_array_equal(getattr(again, name), getattr(plan, name))
    np.testing.assert_array_equal(again.prediction.weights, plan.prediction.weights)
    assert again.prediction.references == plan.prediction.references


def with_one(array, value, place=-1):
    """A copy with one number replaced, the last unless a place is given."""
    result = array.copy()
    result.flat[place] = value
    return result


def refusal(model, **changes):
    """Why a model with changes is refused, "" where it is not."""
    own = {name: changes.pop(name) for name in list(changes) if hasattr(model.prediction, name)}
    try:
        unpack_plan(pack_plan(replace(model, prediction=replace(model.prediction, **own), **changes)), 1)
    except FormatError as error:
        return str(error)
    return ""


def grid_model():
    """A valid model of all tables, with weights of errors by place that are as great as they may be."""
    shape = 64, errors(1)
    error_weights = np.eye(*shape, dtype=np.int64) * ERROR_WEIGHT_LIMIT
    weights = np.full((64, len(taps(1))), WEIGHT_LIMIT)
    edges, frequencies = np.array([1 - EDGE_LIMIT, EDGE_LIMIT - 1]), np.zeros((2, TOKENS), np.int64)
    frequencies[:, [0, ESCAPE]] = SCALE - 1, 1
    prediction = Prediction((0,), kernel.GRID, 5, THRESHOLD_LIMIT, 16, weights, error_weights)
    return PlaneModel(prediction, edges, 2, np.ones((3, kernel.FRACTIONS), np.int64), frequencies)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("threshold", [-1, THRESHOLD_LIMIT + 1]),
        ("error_weights", [-1, ERROR_WEIGHT_LIMIT + 1]),
        ("edges", [EDGE_LIMIT]),
        ("cells", [-1, 2]),
        ("frequencies", [-1, SCALE + 1]),
        ("weights", [-WEIGHT_LIMIT - 1, WEIGHT_LIMIT + 1]),
    ],
)
def test_entries_out_of_range(name, bad):
    """They are refused; those that are just within it are not."""
    model = grid_model()
    assert refusal(model) == ""
    for value in bad:
        before = getattr(model.prediction if hasattr(model.prediction, name) else model, name)
        changed = {name: value if name == "threshold" else with_one(before, value)}
        assert "has entries that are not" in refusal(model, **changed)
    assert "has entries that are not" in refusal(model, edges=with_one(model.edges, -EDGE_LIMIT, 0))


def test_tables_that_do_not_add_up():
    """At each place expected errors stay within 16 bits; edges rise; of each context the escape has a frequency."""
    model = grid_model()
    error_weights, frequencies = model.prediction.error_weights, model.frequencies
    one_place = error_weights.copy()
    one_place[40, :2] = ERROR_WEIGHT_LIMIT // 2, ERROR_WEIGHT_LIMIT // 2 + 1
    assert "a table" in refusal(model, error_weights=one_place)
    assert "a table" in refusal(model, edges=np.array([5, 5]))
    for changed in (with_one(frequencies, 0), with_one(frequencies, 2), with_one(frequencies, 5, 1)):
        assert "does not add up" in refusal(model, frequencies=changed)
    without_escape = with_one(frequencies, 0)
    without_escape[1, 0] = SCALE
    assert "does not add up" in refusal(model, frequencies=without_escape)


@pytest.mark.parametrize(("place", "values"), [(3, [4]), (4, [4, 11]), (5, [17]), (6, [0, 33]), (7, [3]), (8, [0])])
def test_heads_out_of_range(place, values):
    for value in values:
        head = bytearray(pack_plan(grid_model()))
        head[place] = value
        with pytest.raises(FormatError, match="the plan of an interleaved model is out of range"):
            unpack_plan(bytes(head), 1)


@given(st.binary(max_size=400))
def test_garbage_section(data):
    with pytest.raises(FormatError):
        InterleavedCoder.from_sections([bytes([0, 0, 0, 0, 7, 0, 1, 0, 0]) + data])


def test_damaged_section():
    """A section with one bit turned is refused, or codes planes as well as it can."""
    sections, (planes, _) = trained()
    small = [plane[:3, :4] for plane in planes]
    for place in range(0, 8 * len(sections[1]), 37 * STRIDE):
        damaged = bytearray(sections[1])
        damaged[place // 8] ^= 1 << (place % 8)
        try:
            coder = InterleavedCoder.from_sections([sections[0], bytes(damaged), sections[2]])
        except FormatError:
            continue
        try:
            streams = coder.encode(small, COLOUR, 3)
        except FormatError as error:
            assert "smaller range" in str(error)
            continue
        assert_same(small, coder.decode(streams, COLOUR, 3, 4, 3))


def test_references_must_come_before():
    head = bytearray(pack_plan(random_model(np.random.default_rng(4), 0)))
    head[0] = 1
    with pytest.raises(FormatError, match="out of range"):
        unpack_plan(bytes(head), 0)


def test_no_section():
    with pytest.raises(FormatError, match="at least one"):
        InterleavedCoder.from_sections([])


def test_codes():
    """Under each frequency a state gives up as many bits as leave frequency .. 2 * frequency - 1 of it."""
    states = np.arange(SCALE, 2 * SCALE)
    for frequency in range(1, SCALE + 1):
        step, place = code_of(frequency, 5, 3)
        bits = (states + step) >> STEP_AT
        left = states >> bits
        assert frequency <= left.min() <= left.max() < 2 * frequency
        assert place + left.min() == SCALE + 3 * SCALE + 5


@pytest.mark.parametrize(("shape", "high"), [((3, 5), 255), ((2, 64), 255), ((4, 130), (1 << 16) - 1)])
def test_frames_hold_samples_less_the_middle(shape, high):
    """Behind each row, and in what completes its last block, stand zeros."""
    span = PlaneRange(0, high)
    (plane,) = random_planes(np.random.default_rng(3), [span], shape)
    frames = Frames(no_margins(1, shape[0]), shape[1], shape[0])
    frame = frames.known(plane, span, high, blank_prediction(span, kernel.ONE, (), 0))
    rows = frame.samples.reshape(shape[0], frame.stride)[:, kernel.LEFT :]
    assert (rows[:, : shape[1]] == plane - (high + 1) // 2).all()
    assert rows.shape[1] >= shape[1] + kernel.RIGHT
    assert (rows[:, shape[1] :] == 0).all()


def test_range_too_large():
    coder = InterleavedCoder([random_model(np.random.default_rng(6), 0, fraction=10)])
    with pytest.raises(FormatError, match="smaller range"):
        coder.encode([np.zeros((1, 1), np.int32)], [PlaneRange(0, 1 << 21)], 1)


@pytest.mark.parametrize("rows", [5, 97])
@pytest.mark.parametrize(("bits", "distances"), [(8, (1 << 15, 1 << 16)), (16, ((1 << 31) - (1 << 18),))])
def test_residuals_out_of_what_samples_are_held_in(bits, distances, rows):
    """They are refused, also where samples would wrap around back into the range."""
    rng = np.random.default_rng(bits)
    model = random_model(rng, 0, fraction=7)
    prediction = replace(model.prediction, class_map=kernel.ONE, weights=model.prediction.weights[:1])
    coder = InterleavedCoder([replace(model, prediction=prediction)])
    (model,), span = coder.models, PlaneRange(0, (1 << bits) - 1)
    (plane,) = random_planes(rng, [span], (rows, 9))
    frame = Frames(no_margins(1, rows), 9, rows).known(plane, span, span.size, prediction)
    traced = trace_plane(frame, model.predictor(0, span, span.size))
    assert_same([plane], coder.decode([bytes(2) + stream_of(model, traced, frame)], [span], rows, 9, rows))
    for distance in (*distances, *(-distance for distance in distances)):
        residuals, symbols = traced.residuals.astype(np.int32), traced.symbols.copy()
        residuals[rows * 9 // 2] += distance
        symbols[rows * 9 // 2] |= ESCAPE
        stream = bytes(2) + stream_of(model, traced._replace(residuals=residuals, symbols=symbols), frame)
        with pytest.raises(FormatError, match="outside the plane's range"):
            coder.decode([stream], [span], rows, 9, rows)


def test_greatest_threshold():
    """A section may name an activity that sums of 16 bits do not reach."""
    rng = np.random.default_rng(11)
    model = random_model(rng, 0, fraction=7)
    data = pack_plan(replace(model, prediction=replace(model.prediction, threshold=1 << 19)))
    coder, span = InterleavedCoder([unpack_plan(data, 0)]), PlaneRange(0, 255)
    planes = random_planes(rng, [span], (5, 9))
    assert_same(planes, coder.decode(coder.encode(planes, [span], 5), [span], 5, 9, 5))


@pytest.mark.parametrize("shape", [(5, 7), (97, 3)])
def test_damaged_streams(shape):
    """Turned bits, cut and longer streams: FormatError, or planes in their ranges."""
    rng = np.random.default_rng(8)
    coder = InterleavedCoder([random_model(rng, plane) for plane in range(3)])
    planes = random_planes(rng, COLOUR, shape)
    streams = coder.encode(planes, COLOUR, shape[0])
    refused = 0
    damages = [
        streams[0][: place // 8] + bytes([streams[0][place // 8] ^ 1 << place % 8]) + streams[0][place // 8 + 1 :]
        for place in range(0, 8 * len(streams[0]), 7 * STRIDE)
    ]
    damages += [streams[0][:size] for size in range(0, len(streams[0]), 3 * STRIDE)] + [streams[0] + b"\1\0\0\0\1"]
    for damaged in damages:
        try:
            decoded = coder.decode([damaged, *streams[1:]], COLOUR, *shape, shape[0])
        except FormatError:
            refused += 1
            continue
        for plane, span in zip(decoded, COLOUR, strict=True):
            assert span.low <= plane.min() <= plane.max() <= span.high
    assert refused > len(damages) // 2


@pytest.mark.skipif(INTERPRETED, reason="trains on whole images, as tests above do: slow with interpreted kernels")
def test_is_what_effort_1_takes():
    """A trained codebook's effort 1 is this coder, and its files come back."""
    rng = np.random.default_rng(9)
    images = []
    for _ in range(4):
        field = np.cumsum(np.cumsum(rng.normal(0, 1, (100, 40)), axis=0), axis=1)
        images.append(np.clip(128 + field / 3, 0, 255).astype(np.uint8))
    codebook = sofc.train(images, name="x", coder="interleaved", held_out=0).codebook
    assert [(model.coder, model.effort) for model in codebook.models] == [(InterleavedCoder.id, 1)]
    data = sofc.encode(images[0], codebook=codebook, effort=1)
    np.testing.assert_array_equal(sofc.decode(data, codebooks={codebook.id: codebook}), images[0])
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 16
    with pytest.raises(SofcError):
        sofc.decode(bytes(damaged), codebooks={codebook.id: codebook})
