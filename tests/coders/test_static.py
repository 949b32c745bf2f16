"""The static coder: round trips, damage, training, and its kernels against plain twins."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache

import naive_static
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import assert_same, random_planes, related_images, train

from sofc.coders.bank_training import EquationSums, bases, solve
from sofc.coders.static import StaticCoder, kernel
from sofc.coders.static.coder import known, trace_image
from sofc.coders.static.model import Levels, Prediction, taps
from sofc.coders.static.passes import StaticBank
from sofc.coders.static.section import pack_plan, unpack_plan
from sofc.coders.static.training import StaticTraining, choose_distributions, choose_levels
from sofc.entropy.sparse import decode_sparse, encode_sparse
from sofc.errors import FormatError
from sofc.planes import PlaneRange
from sofc.prediction import bank
from sofc.prediction.expected_error import WEIGHTS, errors

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
STRIDE = 23 if INTERPRETED else 1
"""Interpreted kernels are slow: then only every 23rd damage is tried."""

COLOUR = [PlaneRange(0, 255), PlaneRange(-255, 255), PlaneRange(-255, 255)]


def random_model(rng, plane, class_map=None):
    """A plan that no training would give, but that is valid."""
    references = tuple(int(number) for number in rng.permutation(plane)[: rng.integers(0, min(plane, 2) + 1)])
    class_map = int(rng.integers(0, 2)) if class_map is None else class_map
    classes = bank.CLASSES[class_map]
    error_weights = np.zeros(WEIGHTS, np.int64)
    error_weights[: errors(len(references))] = rng.integers(-40, 90, errors(len(references)))
    prediction = Prediction(
        references,
        class_map,
        np.sort(rng.choice(300, bank.THRESHOLDS[class_map], replace=False)).astype(np.int64),
        rng.integers(-4000, 8000, (classes, taps(len(references)))),
        rng.integers(-9000, 9000, classes),
        error_weights,
    )
    edges = np.sort(rng.choice(np.arange(1, 250), int(rng.integers(0, 12)), replace=False)).astype(np.int64)
    depth = len(edges) + 1
    contexts = int(rng.integers(1, 9))
    levels = Levels(edges, rng.integers(0, contexts, (depth, 36)), rng.choice([0, 0, 1, 5, 12], contexts))
    histogram = np.zeros((contexts, 601), np.int64)
    spread = int(rng.integers(1, 300))
    histogram[:, 300 - spread : 301 + spread] = rng.integers(0, 9, (contexts, 2 * spread + 1))
    return choose_distributions(prediction, levels, histogram)[0]


@cache
def trained():
    """Sections trained on a few small colour images, and images of the kind."""
    images = related_images(1, 6, (24, 32), COLOUR)
    return tuple(section.data for section in train(StaticTraining(COLOUR), images[:4]).sections()), images[4:]


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 17), min_size=1, max_size=3),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.integers(1, 3),
)
def test_round_trip(seed, bits, shape, images):
    """Any plan codes any planes: ranges of 1 to 17 bits, lines and columns, groups."""
    rng = np.random.default_rng(seed)
    ranges = [PlaneRange(low := int(rng.integers(-(1 << 16), 1)), low + (1 << size) - 1) for size in bits]
    coder = StaticCoder([random_model(rng, plane) for plane in range(len(bits))])
    rows = shape[0] * images
    planes = random_planes(rng, ranges, (rows, shape[1]))
    streams = coder.encode(planes, ranges, shape[0])
    assert_same(planes, coder.decode(streams, ranges, rows, shape[1], shape[0]))


@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(1, 6), st.integers(1, 9)), st.integers(1, 17))
def test_twin(seed, shape, bits):
    """A plain decoder reads the same samples, and both predict alike."""
    rng = np.random.default_rng(seed)
    ranges = [PlaneRange(0, (1 << bits) - 1)] * 3
    coder = StaticCoder([random_model(rng, plane) for plane in range(3)])
    planes = random_planes(rng, ranges, shape)
    streams = coder.encode(planes, ranges, shape[0])
    if any(model.prediction.class_map == bank.GRID for model in coder.models):
        streams[0] = streams[0][1:]
    traced = trace_image(planes, [model.prediction for model in coder.models], ranges, 0)
    references = []
    for model, plane, stream, found in zip(coder.models, planes, streams, traced, strict=True):
        own = naive_static.decode_plane(stream, model, references, 0, ranges[0].high, *shape)
        assert own.samples == plane.tolist()
        assert own.errors == bank.inside(found[0].errors).tolist()
        assert_predicted_alike(own, references, model.prediction, 0, ranges[0].high, found[1])
        references.append(own)


def assert_predicted_alike(own, references, prediction, grid, maximum, traced):
    """The twin predicts every sample as the kernels did."""
    for y in range(own.rows):
        for x in range(own.width):
            found = traced.predictors[y, x], traced.fine[y, x], traced.expected[y, x]
            assert naive_static.predict(own, references, prediction, grid, maximum, y, x) == found


@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(1, 4), st.integers(1, 40)), st.integers(0, 63))
def test_grid_twin(seed, shape, grid):
    """Predictions are those of the place in the grid, whatever blocks of columns they are made in."""
    rng = np.random.default_rng(seed)
    ranges = [PlaneRange(0, 255)] * 3
    predictions = [random_model(rng, plane, bank.GRID).prediction for plane in range(3)]
    planes = random_planes(rng, ranges, shape)
    references = []
    traced = trace_image(planes, predictions, ranges, grid)
    for plane, prediction, (around, found) in zip(planes, predictions, traced, strict=True):
        own = naive_static.Plane(*shape, 128, plane.tolist(), bank.inside(around.errors).tolist())
        assert_predicted_alike(own, references, prediction, grid, 255, found)
        references.append(own)


@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(1, 3), st.integers(1, 20)))
@settings(max_examples=5)
def test_find_grid_twin(seed, shape):
    rng = np.random.default_rng(seed)
    (plane,) = random_planes(rng, [PlaneRange(0, 255)], shape)
    prediction = random_model(rng, 0, bank.GRID).prediction
    around = known(prediction, plane, PlaneRange(0, 255), ())
    scratch = kernel.scratch_for(around, wide=False)
    found = kernel.find_grid(around, prediction.bank(0, 255), prediction.table(False), scratch)
    own = naive_static.Plane(*shape, 128, plane.tolist(), [[0] * shape[1]] * shape[0])
    assert found == naive_static.find_grid(own, prediction, 255)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2), st.integers(0, 1), st.integers(0, 63))
def test_equations_twin(seed, references, class_map, grid):
    """Normal equations are the sums of products of taps, class by class, those of a group relative to its first."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 6)), int(rng.integers(1, 8)))
    planes = random_planes(rng, [PlaneRange(0, 65535)] * 3, shape)
    # The last plane is predicted, from those before it.
    prediction = replace(random_model(rng, references, class_map).prediction, references=tuple(range(references)))
    prediction = replace(prediction, weights=np.zeros((bank.CLASSES[class_map], taps(references)), np.int64))
    blank = random_model(rng, 0, class_map).prediction
    chosen = [*planes[:references], planes[2]]
    predictions = [*[blank] * references, prediction]
    around, traced = trace_image(chosen, predictions, [PlaneRange(0, 65535)] * len(chosen), grid)[-1]
    weights = rng.integers(1, 300, shape)
    sums = EquationSums(StaticBank(), prediction)
    sums.add(around, traced.predictors, weights.copy())
    naive = [naive_static.Plane(*shape, 32768, plane.tolist(), [[0] * shape[1]] * shape[0]) for plane in chosen]
    own = naive.pop()
    expected = np.zeros(sums.total().shape, object)
    for y in range(1, shape[0]):
        for x in range(shape[1]):
            number = naive_static.class_of(own, naive[0] if references else None, prediction, grid, y, x)
            values = np.array([*naive_static.taps_of(own, naive, y, x), own.own(y, 0, x)], object)
            if class_map == bank.TEXTURE:
                values[-1] -= values[0]
                for start, stop in ((0, 16), (16, 25), (25, 30))[: references + 1]:
                    values[start:stop] -= values[start]
            expected[number] += int(weights[y, x]) * np.tril(np.outer(values, values))
    assert sums.total().tolist() == expected.tolist()


@given(st.integers(0, 2**32 - 1), st.integers(0, 2), st.integers(0, 1))
@settings(max_examples=10)
def test_solve(seed, references, class_map):
    """Weights of a group add up exactly, and near enough they are those that made the samples."""
    rng = np.random.default_rng(seed)
    prediction = random_model(rng, 0, class_map).prediction
    found = bases(StaticBank(), replace(prediction, references=tuple(range(references))))
    count = taps(references)
    wanted = rng.normal(0, 0.3, count)
    values = rng.integers(-200, 200, (500, count)).astype(np.float64)
    values[:, -1] = bank.CONSTANT
    firsts = np.unique(found[found >= 0])
    values[:, firsts] = 0
    table = np.column_stack([values, values @ wanted])
    equations = np.zeros((bank.CLASSES[class_map], count + 1, count + 1))
    equations[3] = np.tril(table.T @ table)
    weights = solve(equations, found, 1e-5)
    free = np.setdiff1d(np.arange(count), firsts)
    np.testing.assert_allclose(weights[3, free] / (1 << bank.WEIGHT_BITS), wanted[free], atol=0.01)
    for start in firsts:
        total = weights[:, found[:-1] == start].sum(axis=1)
        assert (total == (1 << bank.WEIGHT_BITS if start == 0 else 0)).all()


@given(st.integers(0, 1 << 21))
def test_log_errors(error):
    small = min(error, 4096)
    assert int(bank.LOG_ERRORS[small]) == naive_static.log_error_of(small)
    assert naive_static.log_error_of(error) <= 255


def test_correction_planes():
    """Planes beyond the plans are coded as nearly all zeros."""
    sections, (planes, _) = trained()
    coder = StaticCoder.from_sections(sections)
    ranges = [*COLOUR, PlaneRange(0, 511**3)]
    for correction in (np.zeros_like(planes[0]), np.eye(24, 32, dtype=np.int32) * 511**3):
        streams = coder.encode([*planes, correction], ranges, 24)
        assert_same([*planes, correction], coder.decode(streams, ranges, 24, 32, 24))


def test_correction_out_of_range():
    sections, (planes, _) = trained()
    coder = StaticCoder.from_sections(sections)
    streams = coder.encode([*planes, np.full_like(planes[0], 9)], [*COLOUR, PlaneRange(0, 9)], 24)
    with pytest.raises(FormatError, match="correction"):
        coder.decode(streams, [*COLOUR, PlaneRange(0, 8)], 24, 32, 24)


def test_sparse_streams():
    plane = np.zeros((5, 7), np.int32)
    assert encode_sparse(plane) == b""
    plane[2, 3] = 1234567
    np.testing.assert_array_equal(decode_sparse(encode_sparse(plane), 5, 7), plane)


@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_section_round_trip(seed, plane):
    plan = random_model(np.random.default_rng(seed), plane)
    data = pack_plan(plan)
    again = unpack_plan(data, plane)
    assert pack_plan(again) == data
    for name in ("escapes", "frequencies"):
        np.testing.assert_array_equal(getattr(again, name), getattr(plan, name))
    np.testing.assert_array_equal(again.prediction.weights, plan.prediction.weights)
    assert again.prediction.references == plan.prediction.references


@given(st.binary(max_size=400))
def test_garbage_section(data):
    with pytest.raises(FormatError):
        StaticCoder.from_sections([bytes([0, 0, 0, 0, 1, 0]) + b"\xff" + data])


def test_damaged_section():
    """A section with one bit turned is refused, or codes planes as well as it can."""
    sections, (planes, _) = trained()
    small = [plane[:3, :4] for plane in planes]
    for place in range(0, 8 * len(sections[1]), 97 * STRIDE):
        damaged = bytearray(sections[1])
        damaged[place // 8] ^= 1 << (place % 8)
        try:
            coder = StaticCoder.from_sections([sections[0], bytes(damaged), sections[2]])
        except FormatError:
            continue
        assert_same(small, coder.decode(coder.encode(small, COLOUR, 3), COLOUR, 3, 4, 3))


def test_references_must_come_before():
    plan = random_model(np.random.default_rng(4), 0)
    head = bytearray(pack_plan(plan))
    head[0] = 1
    with pytest.raises(FormatError, match="out of range"):
        unpack_plan(bytes(head), 0)


def test_no_section():
    with pytest.raises(FormatError, match="at least one"):
        StaticCoder.from_sections([])


def decode_or_refuse(coder, streams, ranges, shape):
    """FormatError, or planes in their ranges."""
    try:
        planes = coder.decode(streams, ranges, *shape, shape[0])
    except FormatError:
        return False
    for plane, span in zip(planes, ranges, strict=True):
        assert plane.shape == shape
        assert span.low <= int(plane.min()) and int(plane.max()) <= span.high
    return True


def test_bit_flips():
    sections, (planes, _) = trained()
    coder = StaticCoder.from_sections(sections)
    planes = [plane[:8, :10] for plane in planes]
    streams = coder.encode(planes, COLOUR, 8)
    accepted = 0
    tried = 0
    for number, stream in enumerate(streams):
        for place in range(0, 8 * len(stream), STRIDE):
            damaged = bytearray(stream)
            damaged[place // 8] ^= 1 << (place % 8)
            tried += 1
            parts = [*streams[:number], bytes(damaged), *streams[number + 1 :]]
            accepted += decode_or_refuse(coder, parts, COLOUR, (8, 10))
    assert tried > 20
    assert accepted < tried / 4


@given(st.lists(st.binary(max_size=60), min_size=3, max_size=3), st.integers(1, 5), st.integers(1, 5))
def test_garbage_streams(streams, rows, width):
    coder = StaticCoder.from_sections(trained()[0])
    decode_or_refuse(coder, streams, COLOUR, (rows, width))


@given(st.integers(0, 2**32 - 1), st.binary(max_size=40))
def test_garbage_behind_valid_states(seed, tail):
    """States in range lead into the coded samples, whatever follows."""
    rng = np.random.default_rng(seed)
    coder = StaticCoder([random_model(rng, 0, bank.TEXTURE)])
    head = rng.integers(1 << 15, 1 << 31, 2).astype("<u4").tobytes()
    decode_or_refuse(coder, [head + tail], [PlaneRange(0, (1 << int(rng.integers(1, 18))) - 1)], (4, 5))


def test_words_left_over():
    sections, (planes, _) = trained()
    coder = StaticCoder.from_sections(sections)
    streams = coder.encode(planes, COLOUR, 24)
    with pytest.raises(FormatError, match="end"):
        coder.decode([streams[0], streams[1], streams[2] + bytes(2) + b"\1\1"], COLOUR, 24, 32, 24)


def test_grid_place_is_checked():
    coder = StaticCoder([random_model(np.random.default_rng(2), 0, bank.GRID)])
    with pytest.raises(FormatError, match="place in the grid"):
        coder.decode([b"\x40" + bytes(8)], [PlaneRange(0, 9)], 2, 2, 2)


def test_too_few_planes():
    coder = StaticCoder.from_sections(trained()[0])
    with pytest.raises(FormatError, match="cannot code"):
        coder.decode([b""], [PlaneRange(0, 255)], 2, 2, 2)


def test_training_gains():
    """What is trained codes images of the kind in far less than raw, and a group as well."""
    sections, images = trained()
    coder = StaticCoder.from_sections(sections)
    for planes in images:
        streams = coder.encode(planes, COLOUR, 24)
        assert sum(map(len, streams)) < 0.9 * sum(plane.size for plane in planes)
    stacked = [np.vstack(group) for group in zip(*images, strict=True)]
    assert_same(stacked, coder.decode(coder.encode(stacked, COLOUR, 24), COLOUR, 48, 32, 24))


def test_training_is_the_same_for_any_shards():
    images = related_images(3, 4, (12, 16), COLOUR[:2])
    first, second = (train(StaticTraining(COLOUR[:2]), images, shard) for shard in (1, 4))
    assert first.sections() == second.sections()
    assert first.models() == [(2, (0, 1))]
    assert first.cost() == second.cost() > 0
    assert len(first.report()) == 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_training_on_tiny_images(shape):
    """However little there is to learn, any image can be coded afterwards."""
    ranges = [PlaneRange(0, 65535)]
    training = train(StaticTraining(ranges), related_images(5, 1, shape, ranges))
    coder = StaticCoder.from_sections([section.data for section in training.sections()])
    planes = random_planes(np.random.default_rng(6), ranges, (5, 6))
    assert_same(planes, coder.decode(coder.encode(planes, ranges, 5), ranges, 5, 6, 5))


def test_grid_is_found():
    """Images with steps every eight samples train the grid's class map, and a crop says where it starts."""
    rng = np.random.default_rng(8)
    size = 16 if INTERPRETED else 96
    images = []
    for _ in range(3):
        blocks = rng.integers(40, 200, (size // 8, size // 8))
        slope = rng.integers(-3, 4, (size // 8, size // 8))
        place = np.arange(size) % 8
        plane = np.kron(blocks, np.ones((8, 8))) + np.kron(slope, np.ones((8, 8))) * (place[:, None] + place)
        images.append([np.clip(plane, 0, 255).astype(np.int32)])
    ranges = [PlaneRange(0, 255)]
    (model,) = StaticCoder.from_sections([s.data for s in train(StaticTraining(ranges), images[:2]).sections()]).models
    if INTERPRETED:
        return
    assert model.prediction.class_map == bank.GRID
    coder = StaticCoder([model])
    crop = np.ascontiguousarray(images[2][0][3:, 5:])
    (stream,) = coder.encode([crop], ranges, len(crop))
    assert stream[0] == 3 * 8 + 5
    assert_same([crop], coder.decode([stream], ranges, *crop.shape, len(crop)))


def test_levels_split_where_residuals_differ():
    histogram = np.zeros((bank.EXPECTED, kernel.FRACTIONS, 28), np.int64)
    histogram[:100, :, 0] = 1000
    histogram[100:, :, 4:7] = 1000
    edges, plain = choose_levels(histogram)
    assert edges.tolist() == [100]
    assert plain.tolist() == [0, 0]
