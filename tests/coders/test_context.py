"""The context coder: kernels against plain twins, round trips, damage, sections, training."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace

import naive_context as naive
import numpy as np
import pytest
from helpers import chunks_of, outcome
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scenes import (
    Scene,
    assert_same,
    chosen_by_two,
    inside,
    packed_weights,
    random_network,
    random_plan,
    random_planes,
    random_prediction,
    related_images,
    train,
)

import sofc
from sofc.codebook import Codebook
from sofc.coders.context import kernel, kernel_network, network_training, terms
from sofc.coders.context import kernel_match as match
from sofc.coders.context.coder import ContextCoder, InTurn, learn_plane
from sofc.coders.context.model import EFFORTS, NETWORK_SHAPES, PlaneModel, network_efforts
from sofc.coders.context.passes import parts
from sofc.coders.context.section import BLOCK_BITS, NETWORKS, pack_plan, unpack_plan
from sofc.coders.context.tracing import UNMIXED
from sofc.coders.context.training import ContextTraining
from sofc.coders.dct.section import NETWORKS as DCT_NETWORKS
from sofc.coders.network_section import FLAG, Mixers, network_tables, pack_mixers, unpack_mixers
from sofc.coders.registry import FIRST_CODEBOOK_MODEL
from sofc.coders.training import TrainingSettings
from sofc.container.chunks import unpack_group
from sofc.container.records import Model
from sofc.entropy import mixing
from sofc.entropy.binary import OK, Reader, Writer
from sofc.entropy.bit_models import STEADY
from sofc.entropy.changes import pack_table_changes
from sofc.entropy.contexts import BLOCK, context_table
from sofc.entropy.mixture import (
    MOST_CONTEXTS,
    WEIGHT_STEP,
    MixingState,
    neutral_weights,
)
from sofc.errors import FormatError, LimitError, SofcError
from sofc.planes import PlaneRange
from sofc.prediction import bank, expected_error
from sofc.prediction.network import BIAS_LIMIT, NO_NETWORK, WEIGHT_LIMIT, Samples, Scale
from sofc.transforms.components import NONE

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
"""Interpreted kernels are slow: then images are small and damages few."""

TABLES = (mixing.STRETCH.tolist(), mixing.SQUASH.tolist())
COLOUR = [PlaneRange(0, 255), PlaneRange(-255, 255), PlaneRange(-255, 255)]
SIDE = 8 if INTERPRETED else 32
FEW = 3 if INTERPRETED else settings.default.max_examples
"""Examples of tests that interpreted kernels take long for."""

ARCHITECTURES = [NETWORKS, DCT_NETWORKS]
"""Of networks of coders 2 and 5."""
SEEDS = st.integers(0, 2**32 - 1)


def random_state(rng, contexts, blocks):
    """A state as training might leave it."""
    state = MixingState.neutral(contexts, blocks, kernel.PLAIN_MODELS)
    size = blocks * BLOCK
    models = (rng.integers(0, 1 << 22, size) << 10 | rng.integers(0, 256, size)).astype(np.uint32)
    state.mixture.models[:] = models
    used = state.mixture.weights[:, : contexts + 1]
    used += rng.integers(-(1 << 14), 1 << 14, used.shape).astype(np.int32)
    return state


SMALL = st.tuples(st.integers(1, 6), st.integers(1, 9))
WIDE = st.tuples(st.integers(1, 6), st.integers(1, 18))
"""Up to three stripes of the local corrections."""
MAPS = st.sampled_from([bank.TEXTURE, bank.GRID])


@given(SEEDS, WIDE, st.integers(0, 17), MAPS, st.integers(0, 63), st.integers(1, 3), st.booleans())
def test_code_plane(seed, shape, bits, class_map, grid, sets, asks):
    """The twin writes the same bytes, reads the same samples, and ends in the same state."""
    rng = np.random.default_rng(seed)
    maximum = (1 << bits) - 1
    planes = random_planes(rng, [PlaneRange(0, maximum)] * 3, shape)
    plan = random_plan(rng, 2, class_map, maximum)
    prediction = plan.prediction
    scene = Scene.of(rng, planes, prediction.references, maximum)
    contexts = len(plan.contexts)
    starts = plan.starts(contexts)
    state = random_state(rng, contexts, int(starts[-1]))
    model = PlaneModel(plan, sets, state, random_network(rng) if asks else NO_NETWORK)
    settings_of_plane = model.settings_for(shape[1])

    def run(around, state, coding):
        votes = contexts, state.mixture.weights.shape[1], sets
        scratch = kernel.scratch_for(shape, votes, settings_of_plane, model.network)
        learning = kernel.Coding(model.contexts, state.mixture, state.plain, coding.stream)
        return kernel.code_plane(
            coding.encodes, around, prediction.bank(grid, maximum), settings_of_plane, learning, scratch
        )

    network = model.network if asks else None

    def twin(coder, plane):
        image, errors = scene.images(known=False)
        models, weights, apm = model.start.mixture
        words = models.reshape(-1, BLOCK).tolist()
        models = [words[first:last] for first, last in itertools.pairwise(starts)]
        lists = [models, weights[:, : contexts + 1].tolist(), apm.tolist()]
        mixing_twin = naive.Mixing(plan, sets, TABLES, *lists, naive.Counting(coder, 60), network)
        return mixing_twin, outcome(mixing_twin.code, image, errors, plane, grid, maximum), errors

    state, around = model.start.copy(), scene.around()
    writer = Writer(64 * around.plane.size)
    assert run(around, state, writer) == OK
    stream = writer.written()
    written = naive.Writer()
    found, _, errors = twin(written, planes[-1].tolist())
    assert stream == written.finish()
    models, weights, apm = state.mixture
    assert [word for context in found.counters for block in context for word in block] == models.tolist()
    assert found.mixers == weights[:, : contexts + 1].tolist()
    assert not weights[:, contexts + 1 :].any()
    assert found.final == apm.tolist()
    learnt = sorted(chance << 10 | seen for chance, seen in found.adaptive.models.values())
    assert learnt == sorted(state.plain[state.plain != STEADY].tolist())
    assert inside(around.errors) == [[errors.samples[y, x] for x in range(shape[1])] for y in range(shape[0])]

    garbage = rng.bytes(len(stream) + 3)
    damaged = bytes([*stream[: len(stream) // 2], *garbage[len(stream) // 2 :]])
    for data in (stream, garbage, damaged):
        again = scene.around(known=False)
        status = run(again, model.start.copy(), Reader(data))
        found = inside(again.plane) if status == OK else None
        assert found == twin(naive.Reader(data), None)[1]
        assert found == planes[-1].tolist() or data != stream


def trace_scene(scene, prediction, grid):
    """The neighbourhood once it was traced, and what the kernel finds."""
    around = scene.around()
    shape = scene.planes[-1].shape
    results = kernel.Traced(*(np.zeros(shape, np.int32) for _ in range(3)))
    settings_of_plane = UNMIXED._replace(adapts=int(prediction.adapts), shift=prediction.shift)
    scratch = kernel.scratch_for(shape, (0, 1, 0), settings_of_plane)
    kernel.trace(around, prediction.bank(grid, scene.maximum), settings_of_plane, scratch, results)
    return around, results


def traced(scene, prediction, grid):
    """What the kernel finds: (fine prediction, predictor, expected error, log error) of each sample."""
    around, results = trace_scene(scene, prediction, grid)
    errors = np.array(inside(around.errors))
    return [tuple(int(result[place]) for result in (*results, errors)) for place in np.ndindex(errors.shape)]


@given(SEEDS, WIDE, st.integers(1, 17), MAPS, st.integers(0, 63))
def test_trace(seed, shape, bits, class_map, grid):
    rng = np.random.default_rng(seed)
    maximum = (1 << bits) - 1
    planes = random_planes(rng, [PlaneRange(0, maximum)] * 3, shape)
    prediction = random_prediction(rng, 2, class_map, maximum)
    scene = Scene.of(rng, planes, prediction.references, maximum)
    assert traced(scene, prediction, grid) == naive.trace(prediction, *scene.images(), grid, maximum)


@given(SEEDS, WIDE, st.integers(1, 17), MAPS)
def test_list_inputs(seed, shape, bits, class_map):
    """Of pieces of a plane what the twin lists of the whole, which is what it codes by; flat places are left out."""
    rng = np.random.default_rng(seed)
    maximum = (1 << bits) - 1
    planes = random_planes(rng, [PlaneRange(0, maximum)], shape)
    planes[0][: shape[0] // 2] = maximum
    prediction = random_prediction(rng, 0, class_map, maximum)
    scene = Scene.of(rng, planes, (), maximum)
    expected = naive.list_inputs(prediction, *scene.images(), 0, maximum)
    around, results = trace_scene(scene, prediction, 0)
    for first, end in itertools.pairwise([0, *sorted({int(rng.integers(1, shape[0] + 1)), shape[0]})]):
        count = (end - first) * shape[1]
        room = Samples(np.zeros((count, kernel_network.INPUTS), np.int16), *np.zeros((2, count), np.int32))
        listed = kernel_network.list_inputs(around, results, first, Scale(prediction.shift, maximum), room)
        found = [(inputs.tolist(), int(fine), int(value)) for inputs, fine, value in zip(*room, strict=True)]
        assert found[:listed] == [sample for (y, _), sample in expected.items() if first <= y < end]


def test_corrections_follow():
    """Where a bank predicts badly but regularly, corrections soon predict better: rows all alike, predicted from W."""
    rng = np.random.default_rng(3)
    plane = np.tile(rng.integers(0, 256, 16), (24, 1)).astype(np.int32)
    prediction = random_prediction(rng, 0, bank.TEXTURE, adapts=True)
    weights = np.zeros_like(prediction.weights)
    weights[:, 0] = 1 << bank.WEIGHT_BITS
    errors = {}
    for adapts in (True, False):
        found = traced(Scene.of(rng, [plane], (), 255), replace(prediction, weights=weights, adapts=adapts), 0)
        fine = np.array([line[0] for line in found]).reshape(plane.shape)
        errors[adapts] = int(np.abs(fine - 8 * plane)[12:].sum())
    assert 8 * errors[True] < errors[False]


# Local least squares.


PATTERNS = {
    "alternating": lambda rng, top, shape: np.indices(shape).sum(axis=0) % 2 * top,
    "columns": lambda rng, top, shape: np.indices(shape)[1] % 2 * top,
    "noise": lambda rng, top, shape: rng.integers(0, top + 1, shape),
    "dark": lambda rng, top, shape: np.zeros(shape),
    "light": lambda rng, top, shape: np.full(shape, top),
    "flat, then extremes": lambda rng, top, shape: (np.indices(shape)[0] > 3) * rng.integers(0, 2, shape) * top,
}


@pytest.mark.parametrize("kind", PATTERNS)
@pytest.mark.parametrize("bits", [16, 17])
def test_limits_of_corrections(kind, bits):
    """Planes of extremes are traced as by the twin, with scales that make every share the largest."""
    rng = np.random.default_rng(bits)
    top = (1 << bits) - 1
    shape = (6, 10) if INTERPRETED else (12, 18)
    planes = [PATTERNS[kind](rng, top, shape).astype(np.int32) for _ in range(3)]
    for shift in (0, 16):
        for plane in (0, 2):
            prediction = random_prediction(rng, plane, bank.TEXTURE, top, adapts=True)
            prediction = replace(prediction, shift=shift)
            scene = Scene.of(rng, planes[: plane + 1], prediction.references, top)
            assert traced(scene, prediction, 0) == naive.trace(prediction, *scene.images(), 0, top)


# The coder.


def coder_of(training, effort):
    sections = training.sections()
    return ContextCoder.from_sections([sections[k].data for k in dict(training.models())[effort]])


@pytest.fixture(scope="session")
def trained():
    """Training on a few small colour images, and an image of the kind."""
    images = related_images(1, 3, (SIDE, SIDE), COLOUR)
    return train(ContextTraining(COLOUR), images[:2]), images[2]


@pytest.fixture(scope="session")
def coders(trained):
    return {effort: coder_of(trained[0], effort) for effort in (2, 5, 9)}


def check_round_trip(coder, planes, ranges, image_rows):
    kept = [plane.copy() for plane in planes]
    streams = coder.encode(planes, ranges, image_rows)
    assert len(streams) == len(planes)
    assert all(not stream.endswith(b"\0") for stream in streams)
    assert_same(kept, coder.decode(streams, ranges, *planes[0].shape, image_rows))
    assert_same(kept, planes)
    return streams


@pytest.mark.parametrize("effort", [2, 5, 9])
def test_trained_kind(coders, trained, effort):
    """Images of the kind trained on are coded in less than their samples take."""
    streams = check_round_trip(coders[effort], trained[1], COLOUR, SIDE)
    if not INTERPRETED:
        assert sum(map(len, streams)) < 0.8 * 3 * SIDE * SIDE


@pytest.mark.parametrize("effort", [2, 5, 9])
@settings(max_examples=FEW)
@given(SEEDS, st.sampled_from([(1, 1), (1, 7), (7, 1), (2, 2), (5, 6)]), st.integers(1, 17), st.integers(1, 3))
def test_round_trip(coders, effort, seed, shape, bits, images):
    """A model trained on one kind codes any planes: other ranges, lines and columns, groups."""
    rng = np.random.default_rng(seed)
    low = int(rng.integers(-(1 << 16), 1))
    ranges = [PlaneRange(low, low + (1 << bits) - 1)] * 3
    planes = random_planes(rng, ranges, (shape[0] * images, shape[1]))
    check_round_trip(coders[effort], planes, ranges, shape[0])


def random_model(rng, plane):
    plan = random_plan(rng, plane)
    contexts = int(rng.integers(1, len(plan.contexts) + 1))
    start = random_state(rng, contexts, int(plan.starts(contexts)[-1]))
    return PlaneModel(plan, int(rng.integers(1, 4)), start, random_network(rng) if rng.integers(2) else NO_NETWORK)


@given(SEEDS, st.lists(st.integers(1, 17), min_size=1, max_size=4), st.tuples(st.integers(1, 6), st.integers(1, 6)))
def test_any_plan(seed, bits, shape):
    """Models of one to four planes that no training would give, each plane with a range of its own."""
    rng = np.random.default_rng(seed)
    coder = ContextCoder([random_model(rng, plane) for plane in range(len(bits))])
    ranges = [PlaneRange(low := int(rng.integers(-9, 1)), low + (1 << size) - 1) for size in bits]
    check_round_trip(coder, random_planes(rng, ranges, shape), ranges, shape[0])


EXTREMES = {
    "nothing": lambda rng, top, shape: np.zeros(shape),
    "top": lambda rng, top, shape: np.full(shape, top),
    "noise": lambda rng, top, shape: rng.integers(0, top + 1, shape),
    "alternating": lambda rng, top, shape: np.indices(shape).sum(axis=0) % 2 * top,
    "columns": lambda rng, top, shape: np.indices(shape)[1] % 2 * top,
    "lonely": lambda rng, top, shape: np.where(np.indices(shape).sum(axis=0) == 7, top, 0),
}


@pytest.mark.parametrize("bits", [0, 1, 16, 17])
@pytest.mark.parametrize("kind", EXTREMES)
def test_extremes(coders, kind, bits):
    """Constant planes, noise of all bits, steps between extremes; ranges of a single value take no bytes."""
    shape = (SIDE, SIDE + 1)
    top = (1 << bits) - 1
    rng = np.random.default_rng(9)
    planes = [EXTREMES[kind](rng, top, shape).astype(np.int32) for _ in range(3)]
    streams = check_round_trip(coders[2], planes, [PlaneRange(0, top)] * 3, shape[0])
    if bits == 0:
        assert streams == [b"", b"", b""]
    # What a model was not trained for does not grow without bounds.
    if not INTERPRETED:
        assert max(map(len, streams)) < 1.6 * (bits or 1) * shape[0] * shape[1] / 8


@pytest.mark.parametrize("effort", [2, 9])
def test_images_of_a_group_do_not_see_each_other(coders, effort):
    """The second image of a group is predicted from nothing of the first."""
    ranges = [PlaneRange(0, 255)] * 3
    coder = coders[effort]
    dark, light = np.zeros((4, 5), np.int32), np.full((4, 5), 255, np.int32)
    for image_rows in (1, 2, 4, 8):
        check_round_trip(coder, [np.concatenate([dark, light])] * 3, ranges, image_rows)
    own = bank.padded(light, 128, edges=False)
    assert 255 not in own[: bank.PAD + 1, : bank.PAD]


def test_no_rows_left_over(coders):
    """A last image that is cut short is still coded: as many rows as there are."""
    planes = random_planes(np.random.default_rng(2), COLOUR, (7, 5))
    check_round_trip(coders[2], planes, COLOUR, 3)


def test_correction_planes(coders, trained):
    """Planes beyond the models are coded as nearly all zeros."""
    planes = [plane[:6, :7] for plane in trained[1]]
    ranges = [*COLOUR, PlaneRange(0, 511**3)]
    for correction in (np.zeros((6, 7), np.int32), np.eye(6, 7, dtype=np.int32) * 511**3):
        streams = check_round_trip(coders[5], [*planes, correction], ranges, 6)
        assert bool(streams[3]) == correction.any()
    with pytest.raises(FormatError, match="correction"):
        coders[5].decode(streams, [*COLOUR, PlaneRange(0, 511**3 - 1)], 6, 7, 6)


def test_too_few_planes(coders):
    with pytest.raises(FormatError, match="planes"):
        coders[2].decode([b""], COLOUR[:1], 2, 2, 2)


def test_encoding_leaves_the_model_alone(coders, trained):
    """A coder is stateless: the same planes give the same streams again."""
    planes = [plane[:6, :7] for plane in trained[1]]
    assert coders[5].encode(planes, COLOUR, 6) == coders[5].encode(planes, COLOUR, 6)


# Damage.


def decode_or_refuse(coder, streams, ranges, rows, width):
    """FormatError, or planes in their ranges."""
    try:
        planes = coder.decode(streams, ranges, rows, width, rows)
    except FormatError:
        return
    for plane, span in zip(planes, ranges, strict=True):
        assert plane.shape == (rows, width)
        assert span.low <= plane.min() and plane.max() <= span.high


@pytest.mark.parametrize("effort", [2, 9])
@given(st.lists(st.binary(max_size=60), min_size=4, max_size=4), st.tuples(st.integers(1, 5), st.integers(1, 5)))
def test_garbage_streams(coders, effort, streams, shape):
    decode_or_refuse(coders[effort], streams, [*COLOUR, PlaneRange(0, 511**3)], *shape)


@settings(max_examples=FEW)
@given(st.integers(0, 2), st.integers(0, 1 << 20))
def test_turned_bits(coders, trained, number, place):
    planes = [np.ascontiguousarray(plane[:6, :7]) for plane in trained[1]]
    streams = [bytearray(stream) for stream in coders[5].encode(planes, COLOUR, 6)]
    place %= 8 * len(streams[number])
    streams[number][place // 8] ^= 1 << place % 8
    decode_or_refuse(coders[5], [bytes(stream) for stream in streams], COLOUR, 6, 7)


@given(SEEDS, st.lists(st.binary(max_size=40), min_size=3, max_size=3), st.integers(1, 17))
def test_garbage_streams_of_any_plan(seed, streams, bits):
    rng = np.random.default_rng(seed)
    coder = ContextCoder([random_model(rng, plane) for plane in range(3)])
    decode_or_refuse(coder, streams, [PlaneRange(-5, (1 << bits) - 6)] * 3, 3, 4)


# The match model.


@given(SEEDS, st.integers(1, 1 << 20), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=60))
def test_memory(seed, samples, steps):
    """The memory against its twin, with keys that meet at the same places."""
    rng = np.random.default_rng(seed)
    memory = match.empty_memory(samples)
    twin = naive.Followed.of(samples)
    assert twin.size == len(memory)
    keys = [0x40005, 0x80005, 0xC0005 | 1 << 31, int(rng.integers(0, 1 << 32))]
    for number, sample in steps:
        key = keys[number]
        found = match.look_up(memory, key)
        assert twin.ask(key) == (None if found == match.NOTHING else (found, int(memory[key % len(memory)]) & 3))
        match.remember(memory, key, sample)
        twin.learn(key, sample)


def test_recalling_repeats():
    """A made image that repeats itself takes far less where samples are recalled."""
    rng = np.random.default_rng(1)
    pattern = rng.integers(0, 65536, (8, 12) if INTERPRETED else (16, 24)).astype(np.int32)
    plane = np.tile(pattern, (4, 4))
    sizes = {}
    for matches in (False, True):
        plan = replace(random_plan(np.random.default_rng(2), 0, bank.TEXTURE, 65535), matches=matches)
        state = plan.neutral(len(plan.contexts))
        coder = ContextCoder([PlaneModel(plan, 1, state)])
        streams = coder.encode([plane], [PlaneRange(0, 65535)], len(plane))
        (again,) = coder.decode(streams, [PlaneRange(0, 65535)], *plane.shape, len(plane))
        np.testing.assert_array_equal(again, plane)
        sizes[matches] = len(streams[0])
    assert sizes[True] < sizes[False] / 2


# Sections.


@settings(max_examples=FEW)
@given(SEEDS, st.integers(0, 3))
def test_plans_come_back(seed, plane):
    plan = random_plan(np.random.default_rng(seed), plane)
    data = pack_plan(plan)
    again = unpack_plan(data, plane)
    for name in ("references", "class_map", "adapts", "shift"):
        assert getattr(again.prediction, name) == getattr(plan.prediction, name)
    for name in ("thresholds", "weights", "offsets", "error_weights"):
        np.testing.assert_array_equal(getattr(again.prediction, name), getattr(plan.prediction, name))
    for name in ("levels", "low_bits", "contexts", "block_bits", "matches"):
        np.testing.assert_array_equal(getattr(again, name), getattr(plan, name))
    assert pack_plan(again) == data


def test_images_are_cut_and_taken_together_as_for_coding():
    """Small images make common parts, large ones several of about equal height, which keep their place in the grid."""

    def shapes_of(sizes):
        images = [[np.zeros(size, np.int32), np.ones(size, np.int32)] for size in sizes]
        return [[[planes[0].shape for planes in part] for part in image] for image in parts(iter(images))]

    assert shapes_of([(700, 1000), (3, 3), (65, 64), (100, 64000)]) == [
        [[(240, 1000)], [(240, 1000)], [(220, 1000)]],
        [[(65, 64)]],
        [*[[(8, 64000)]] * 6, [(4, 64000)]],
        [[(3, 3)]],
    ]
    assert shapes_of([(20, 30)] * 17) == [[[(20, 30)] * 3]] * 5 + [[[(20, 30)] * 2]]
    assert shapes_of([(60, 60)] * 1000) == [[[(60, 60)] * 73]] * 13 + [[[(60, 60)] * 51]]
    assert shapes_of([(1, 2)] * 3) == [[[(1, 2)]]] * 3
    assert shapes_of([]) == []


@pytest.mark.parametrize("contexts", [1, 6, 7, 8, 15, 16])
def test_rows_of_weights_are_filled_up_with_zeros(contexts):
    """What fills rows up to whole vectors is zero at first, in sections, and after learning."""
    rng = np.random.default_rng(contexts)
    plan = random_plan(rng, 0)
    table = context_table([[int(term)] for term in rng.integers(0, terms.COUNT, contexts)], terms.NO_TERM)
    plan = replace(plan, contexts=table, block_bits=np.full(contexts, 4))
    start = random_state(rng, contexts, int(plan.starts(contexts)[-1]))
    weights = start.mixture.weights
    weights[:] = unpack_mixers(packed_weights(contexts, 1, weights), NETWORKS).weights
    before = weights.copy()
    plane = rng.integers(0, 256, (3, 4)).astype(np.int32)
    length = learn_plane(PlaneModel(plan, 3, start), InTurn([plane], [np.zeros((3, 4), np.uint8)], 255))
    assert length > 0 and (weights != before).any()
    assert weights.shape[1] % mixing.LANES == 0
    for one in (neutral_weights(contexts), before, weights):
        assert one.shape[1] - mixing.LANES < contexts + 1 <= one.shape[1]
        assert not one[:, contexts + 1 :].any()


def sections_of(trained, effort):
    sections = trained[0].sections()
    return [sections[k].data for k in dict(trained[0].models())[effort]]


@pytest.mark.parametrize("section", ["plan", "bit models", "weights"])
@settings(max_examples=FEW)
@given(st.data())
def test_damaged_sections(trained, section, data):
    """A section with a bit turned, cut, or longer is refused, or codes planes as well as it can."""
    sections = sections_of(trained, 2)
    number = 3 * ["plan", "bit models", "weights"].index(section) + data.draw(st.integers(0, 2))
    damaged = bytearray(sections[number])
    kind = data.draw(st.sampled_from(["bit", "bit", "cut", "longer", "head", "garbage"]))
    place = data.draw(st.integers(0, 8 * len(damaged) - 1))
    if kind == "bit":
        damaged[place // 8] ^= 1 << place % 8
    elif kind == "cut":
        del damaged[place // 8 :]
    elif kind == "longer":
        damaged += b"\xff"
    elif kind == "head":
        damaged[data.draw(st.integers(0, min(5, len(damaged) - 1)))] = data.draw(st.integers(0, 255))
    else:
        damaged[6:] = data.draw(st.binary(max_size=80))
    sections[number] = bytes(damaged)
    try:
        if INTERPRETED and section == "plan":
            # Interpreted kernels take minutes for a million counters.
            assume(unpack_plan(sections[number], number).block_bits.max() < 9)
        coder = ContextCoder.from_sections(sections)
    except (FormatError, LimitError):
        return
    rng = np.random.default_rng(place)
    check_round_trip(coder, random_planes(rng, COLOUR, (3, 4)), COLOUR, 3)
    decode_or_refuse(coder, [rng.bytes(20) for _ in COLOUR], COLOUR, 3, 4)


@given(st.lists(st.binary(max_size=60), max_size=7))
def test_garbage_sections(sections):
    with pytest.raises(FormatError):
        ContextCoder.from_sections(sections)


def test_heads_out_of_range():
    """Every number of a plan's head is checked."""
    good = pack_plan(random_plan(np.random.default_rng(0), 0, bank.TEXTURE))
    for place, value in [(0, 1), (0, 3), (3, 17), (3, 31), (4, 0), (4, 33)]:
        head = bytearray(good)
        head[place] = value
        with pytest.raises(FormatError, match="out of range"):
            unpack_plan(bytes(head), 0)
    with pytest.raises(FormatError, match="cut off"):
        unpack_plan(good[:4], 0)


def with_one(array, value):
    """A copy with the last number replaced."""
    result = array.copy()
    result.flat[-1] = value
    return result


def test_tables_out_of_range():
    """Tables that would lead kernels outside their arrays, or their sums out of range, are refused."""
    plan = random_plan(np.random.default_rng(0), 2, bank.TEXTURE)
    tables = {
        "low_bits": [-1, 17],
        "contexts": [-2, terms.COUNT],
        "block_bits": [BLOCK_BITS.start - 1, BLOCK_BITS.stop],
    }
    tables_of_prediction = {
        "offsets": [-expected_error.OFFSET_LIMIT - 1, expected_error.OFFSET_LIMIT + 1],
        "error_weights": [-expected_error.WEIGHT_LIMIT - 1, expected_error.WEIGHT_LIMIT + 1],
        "weights": [-(1 << 21) - 8, (1 << 21) + 8],
    }
    prediction = replace(plan.prediction, references=(0, 1), weights=np.zeros((64, bank.taps(2)), np.int64))
    plan = replace(plan, prediction=prediction)
    unpack_plan(pack_plan(plan), 2)
    bad = [replace(plan, **{name: with_one(getattr(plan, name), v)}) for name, both in tables.items() for v in both]
    for name, both in tables_of_prediction.items():
        for value in both:
            changed = replace(prediction, **{name: with_one(getattr(prediction, name), value)})
            bad.append(replace(plan, prediction=changed))
    for one in bad:
        with pytest.raises(FormatError, match="a table of a model has entries that are not"):
            unpack_plan(pack_plan(one), 2)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(max_examples=FEW)
@given(SEEDS)
def test_networks_come_back(architecture, seed):
    """With their weights, and with what these are changed by."""
    rng = np.random.default_rng(seed)
    contexts = int(rng.integers(1, 9))
    weights = neutral_weights(contexts, forecast=True)
    weights[:, : contexts + 1] += rng.integers(-3, 4, (len(weights), contexts + 1), dtype=np.int32) << WEIGHT_STEP
    mixers = Mixers(contexts, 2, weights, random_network(rng, architecture))
    packed = pack_mixers(mixers, architecture)
    found = unpack_mixers(packed, architecture)
    assert found[:2] == mixers[:2]
    assert np.array_equal(found.weights, weights)
    for layer, expected in zip(found.network, mixers.network, strict=True):
        assert layer.weights.dtype == np.int16
        assert all(map(np.array_equal, layer, expected))
    change = np.zeros((len(weights), contexts + 1), np.int64)
    change[0, 0] = 1
    changes = [*((np.zeros_like(table), 0) for table in network_tables(mixers.network)), (change, 0)]
    changed = unpack_mixers(packed, architecture, pack_table_changes(changes))
    assert changed.weights[0, 0] - weights[0, 0] == 1 << WEIGHT_STEP
    assert all(map(np.array_equal, changed.network.last, mixers.network.last))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_networks_out_of_range(architecture):
    """Sums of products must stay within 32 bits, and sizes within what a decoder has room for."""
    network = random_network(np.random.default_rng(0), architecture)
    mixers = Mixers(1, 1, neutral_weights(1, forecast=True), network)
    good = pack_mixers(mixers, architecture)
    for place, value in [
        (0, 0),
        (0, 33),
        (1, FLAG),
        (1, FLAG + 4),
        (2, 0),
        (2, 129),
        (3, 0),
        (3, 129),
        (4, 0),
        (4, architecture.most + 1),
    ]:
        head = bytearray(good)
        head[place] = value
        with pytest.raises(FormatError, match=r"out of range|a network has"):
            unpack_mixers(bytes(head), architecture)
    for one in (WEIGHT_LIMIT + 1, -WEIGHT_LIMIT - 1):
        last = network.last._replace(weights=with_one(network.last.weights, one))
        with pytest.raises(FormatError, match="a table of a model has entries that are not"):
            unpack_mixers(pack_mixers(mixers._replace(network=network._replace(last=last)), architecture), architecture)
    for one in (BIAS_LIMIT + 256, -BIAS_LIMIT - 256):
        first = network.first._replace(biases=with_one(network.first.biases, one))
        with pytest.raises(FormatError, match="a table of a model has entries that are not"):
            unpack_mixers(
                pack_mixers(mixers._replace(network=network._replace(first=first)), architecture), architecture
            )


def test_small_networks_are_for_one_plane():
    """Decoders of several have less time for each."""
    assert [network_efforts(planes) for planes in (1, 2, 3)] == [[5, 9], [9], [9]]


def test_weights_of_more_contexts_than_the_plan_has(trained):
    sections = sections_of(trained, 2)
    sections[6] = packed_weights(27, 1, neutral_weights(27))
    with pytest.raises(FormatError, match="more contexts"):
        ContextCoder.from_sections(sections)


def test_too_many_bit_models(trained):
    """Sections of a few bytes cannot ask for memory without end."""
    plans, counters, mixers = sections_of(trained, 2)[:7:3]
    most = np.full(MOST_CONTEXTS, BLOCK_BITS.stop - 1)
    greedy = replace(unpack_plan(plans, 0), contexts=np.zeros((MOST_CONTEXTS, 4), np.int64), block_bits=most)
    many = packed_weights(MOST_CONTEXTS, 1, neutral_weights(MOST_CONTEXTS))
    with pytest.raises(LimitError, match="bit models"):
        ContextCoder.from_sections([plans, pack_plan(greedy), counters, counters, mixers, many])


def test_damaged_codebooks_in_files(trained):
    """A codebook that names damaged sections decodes a file with our errors or the right samples, nothing else."""
    training, (plane, _, _) = trained
    # Quiet samples: small enough against raw ones even where little could be learnt, but too many colours for a table.
    samples = (100 + np.random.default_rng(3).integers(0, 8, (*plane.shape, 3))).astype(np.uint8)
    models = (Model(3, 8, NONE.id, ContextCoder.id, 2, dict(training.models())[2]),)
    sections = tuple(training.sections())
    codebook = Codebook("test", models, sections, "")
    data = sofc.encode(samples, codebook=codebook, effort=2)
    (body,) = [body for kind, body in chunks_of(data) if kind == b"G"]
    assert unpack_group(body).model == FIRST_CODEBOOK_MODEL
    np.testing.assert_array_equal(sofc.decode(data, codebooks=lambda _: codebook), samples)
    rng = np.random.default_rng(4)
    refused = 0
    for number in models[0].sections:
        for _ in range(1 if INTERPRETED else 8):
            damaged = bytearray(sections[number].data)
            damaged[rng.integers(len(damaged))] ^= 1 << int(rng.integers(8))
            changed = type(sections[number])(sections[number].coder, sections[number].kind, bytes(damaged))
            other = Codebook("test", models, (*sections[:number], changed, *sections[number + 1 :]), "")
            try:
                found = sofc.decode(data, codebooks=lambda _, other=other: other)
            except SofcError:
                refused += 1
            else:
                np.testing.assert_array_equal(found, samples)
    assert refused


# Training.


def test_training_is_deterministic():
    """Sections depend on the images and the shards alone; a pass over pickled tasks is what workers run."""
    ranges = [PlaneRange(0, 255)] * 2
    images = related_images(3, 3, (SIDE // 2, SIDE // 2), ranges)
    first, second = (train(ContextTraining(ranges), images) for _ in range(2))
    assert first.sections() == second.sections() and first.models() == second.models()
    assert first.report() == second.report() and first.cost() == second.cost() > 0
    assert [effort for effort, _ in first.models()] == list(EFFORTS)


@pytest.mark.skipif(INTERPRETED, reason="takes long")
def test_networks_are_trained_where_they_pay(monkeypatch):
    """And only at efforts 5 and 9, of images of one component that are enough, with the same bytes every time."""
    rng = np.random.default_rng(1)
    images = [[chosen_by_two(rng, (32, 32)).astype(np.int32)] for _ in range(40)]
    noise = [[rng.integers(0, 256, (32, 32)).astype(np.int32)] for _ in range(40)]
    spans = [PlaneRange(0, 255)]

    def sections_of(images, spans=spans):
        training = train(ContextTraining(spans, TrainingSettings(efforts=(4, 5, 9))), images)
        models = training.models()
        return {effort: [training.sections()[number].data for number in numbers] for effort, numbers in models}

    def networks(sections):
        return [model.network for model in ContextCoder.from_sections(sections).models]

    assert networks(sections_of(images)[9]) == [NO_NETWORK]
    monkeypatch.setattr(network_training, "LEAST_SAMPLES", 1 << 13)
    monkeypatch.setattr(network_training, "BATCH", 1 << 6)
    for effort, units in ((5, (12, 6)), (9, (16, 8))):
        monkeypatch.setitem(NETWORK_SHAPES, effort, NETWORK_SHAPES[effort]._replace(units=units))
    every = sections_of(images)
    assert sections_of(images) == every
    for effort, units in ((5, 12), (9, 16)):
        (network,) = networks(every[effort])
        assert network.first.weights.shape == (units, kernel_network.INPUTS)
    assert networks(every[4]) == [NO_NETWORK]
    doubled = sections_of([planes * 2 for planes in images], spans * 2)
    assert networks(doubled[9])[0].is_asked and networks(doubled[5]) == [NO_NETWORK] * 2
    assert networks(sections_of(noise)[9]) == [NO_NETWORK]
    coder = ContextCoder.from_sections(every[9])
    (stream,) = coder.encode(images[0], spans, 32)
    assert 8 * len(stream) < 5 * images[0][0].size
    check_round_trip(coder, images[0], spans, 32)


@pytest.mark.skipif(INTERPRETED, reason="trains twice: slow with interpreted kernels")
def test_shards_do_not_matter():
    """Statistics are exact sums: cutting the images otherwise gives the same sections."""
    ranges = [PlaneRange(0, 255)] * 2
    images = related_images(4, 5, (16, 16), ranges)
    assert train(ContextTraining(ranges), images, 1).sections() == train(ContextTraining(ranges), images, 5).sections()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_training_on_tiny_images(shape):
    """However little there is to learn, any image can be coded afterwards."""
    ranges = [PlaneRange(0, 65535)]
    coder = coder_of(train(ContextTraining(ranges), related_images(5, 1, shape, ranges)), 2)
    check_round_trip(coder, random_planes(np.random.default_rng(6), ranges, (5, 6)), ranges, 5)


def blocky(rng, size):
    """Steps at the borders of 8 x 8 blocks, a slope inside each."""
    blocks, slopes = rng.integers(40, 200, (size // 8, size // 8)), rng.integers(-3, 4, (size // 8, size // 8))
    place = np.arange(size) % 8
    plane = np.kron(blocks, np.ones((8, 8))) + np.kron(slopes, np.ones((8, 8))) * (place[:, None] + place)
    return np.clip(plane, 0, 255).astype(np.int32)


@pytest.mark.skipif(INTERPRETED, reason="takes more samples than interpreted kernels can code")
def test_grid_is_found():
    """Images with steps every eight samples train the grid's class map, and a crop says where it starts."""
    rng = np.random.default_rng(8)
    ranges = [PlaneRange(0, 255)]
    coder = coder_of(train(ContextTraining(ranges), [[blocky(rng, 96)] for _ in range(3)]), 2)
    (model,) = coder.models
    assert model.plan.prediction.class_map == bank.GRID
    whole = blocky(rng, 96)
    for row, column in ((0, 0), (3, 5), (7, 1)):
        crop = np.ascontiguousarray(whole[row:, column:])
        (stream,) = check_round_trip(coder, [crop], ranges, len(crop))
        assert stream[0] == row * 8 + column
    with pytest.raises(FormatError, match="place in the grid"):
        coder.decode([b"\x40" + stream[1:]], ranges, *crop.shape, len(crop))


def test_lists_of_contexts_are_as_long_as_the_highest_effort_uses():
    """What stands behind the last one that an effort uses would never be tried."""
    longest, _ = max(EFFORTS.values())
    assert {len(one) for one in (*terms.WITH_REFERENCES, *terms.WITHOUT_REFERENCES)} == {longest}
