"""The bilevel coder: round trips, its kernel against a plain twin, damaged streams and sections, training."""

from __future__ import annotations

import os
import pickle
from functools import cache

import naive_bilevel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sofc.coders.bilevel import BilevelCoder
from sofc.coders.bilevel import kernel as bilevel
from sofc.coders.bilevel.coder import INVERTED_CHANCE, PlaneModel, encode_plane, mostly_ink
from sofc.coders.bilevel.plan import EFFORTS, LARGE, NEIGHBOURS, SMALL, Network, PlanePlan, PlaneState, masks
from sofc.coders.bilevel.section import (
    TRAINED,
    pack_mixers,
    pack_network,
    pack_plan,
    unpack_mixers,
    unpack_network,
    unpack_plan,
)
from sofc.coders.bilevel.statistics import GROUP, PART, Mean, Practice, Recollect, parts
from sofc.coders.bilevel.training import BilevelTraining, Known, variants
from sofc.entropy import binary
from sofc.entropy.priors import FOLDS, Starts
from sofc.errors import FormatError, UsageError
from sofc.planes import PlaneRange

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

BINARY = [PlaneRange(0, 1)]


def rings(count, rows=12, columns=11, seed=3):
    """Small binary images with strokes that repeat."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        image = np.zeros((rows, columns), np.int32)
        y, x = rng.integers(1, 4, 2)
        image[y : y + 7, x : x + 6] = 1
        image[y + 2 : y + 5, x + 2 : x + 4] = 0
        image[rng.integers(0, rows), rng.integers(0, columns)] ^= 1
        images.append([image])
    return images


def train(images, planes=1, shard=2, **chosen):
    """Run all passes; tasks and statistics pass through pickle."""
    training = BilevelTraining(BINARY * planes, slot_bits=8, units=(3, 2), **chosen)
    while (step := training.next_pass()) is not None:
        shards = [images[start : start + shard] for start in range(0, len(images), shard)]
        jobs = [(task, images) for task in step.tasks] if step.samples else [(step.tasks[0], part) for part in shards]
        training.merge(pickle.loads(pickle.dumps(task.collect(iter(part)))) for task, part in jobs)
    return training


def sections_of(training, effort):
    """The sections of the model of an effort, in order."""
    sections = training.sections()
    return [sections[number].data for number in dict(training.models())[effort]]


@cache
def trained(kind):
    """A codebook of small images, of images of any size, or of two planes."""
    if kind == "small":
        return train(rings(4))
    if kind == "large":
        return train([[np.tile(rings(1, seed=k)[0][0], (1, 6))] for k in range(3)])
    return train([[first, 1 - second] for (first,), (second,) in zip(rings(3), rings(3, seed=9), strict=True)], 2)


def planes_of(max_rows=9, max_columns=9):
    """Binary planes: noise, mostly of one value, or with strokes."""
    shapes = st.tuples(st.integers(1, max_rows), st.integers(1, max_columns))
    return shapes.flatmap(
        lambda shape: st.one_of(
            npst.arrays(np.int32, shape, elements=st.integers(0, 1)),
            npst.arrays(np.int32, shape, elements=st.integers(0, 1), fill=st.just(0)),
            npst.arrays(np.int32, shape, elements=st.integers(0, 1), fill=st.just(1)),
        )
    )


def random_state(rng, contexts, slot_bits, network):
    """A state that is not neutral in any part."""
    state = PlaneState.neutral(contexts, slot_bits, network)
    state.counters[:] = rng.integers(0, 1 << 22, state.counters.size).astype(np.uint32) << np.uint32(10)
    state.counters |= rng.integers(0, 128, state.counters.size).astype(np.uint32)
    state.mixers += rng.integers(-20000, 20000, state.mixers.shape).astype(np.int32)
    state.blend += rng.integers(-9000, 9000, state.blend.shape).astype(np.int32)
    state.trust[:] = rng.integers(0, 65536, state.trust.shape)
    state.final[:] = rng.integers(0, 65536, state.final.shape)
    state.quiet[:] = rng.integers(0, 1 << 28, state.quiet.shape)
    return state


def random_network(rng, units=3, deeper=2):
    """Weights large enough that units come to their limits."""
    shapes = ((bilevel.INPUTS + 1, units), (deeper, units + 1), (1, deeper + 1))
    return Network(*(rng.integers(-30000, 30000, shape).astype(np.int32) for shape in shapes))


@given(planes_of(), st.integers(1, 3), st.sampled_from([2, 5, 9]), st.sampled_from(["small", "large"]))
def test_round_trip(image, copies, effort, kind):
    coder = BilevelCoder.from_sections(sections_of(trained(kind), effort))
    plane = np.concatenate([np.roll(image, k, 1) for k in range(copies)])
    streams = coder.encode([plane], BINARY, len(image))
    (decoded,) = coder.decode(streams, BINARY, *plane.shape, len(image))
    assert decoded.dtype == np.int32
    assert np.array_equal(decoded, plane)


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (3, 66), (66, 3)])
@pytest.mark.parametrize("effort", [2, 9])
def test_round_trip_of_long_thin_images(shape, effort):
    plane = (np.random.default_rng(2).random(shape) < 0.3).astype(np.int32)
    for kind in ("small", "large"):
        coder = BilevelCoder.from_sections(sections_of(trained(kind), effort))
        (decoded,) = coder.decode(coder.encode([plane], BINARY, shape[0]), BINARY, *shape, shape[0])
        assert np.array_equal(decoded, plane)


@pytest.mark.parametrize("effort", [5, 9])
def test_each_plane_has_its_own_model(effort):
    coder = BilevelCoder.from_sections(sections_of(trained("pair"), effort))
    planes = [rings(1, seed=20)[0][0], 1 - rings(1, seed=21)[0][0]]
    streams = coder.encode(planes, BINARY * 2, 12)
    decoded = coder.decode(streams, BINARY * 2, 12, 11, 12)
    assert all(map(np.array_equal, decoded, planes))


def test_state_goes_on_from_image_to_image_but_contexts_do_not():
    coder = BilevelCoder.from_sections(sections_of(trained("small"), 5))
    image = (np.random.default_rng(4).random((12, 11)) < 0.4).astype(np.int32)
    single = len(coder.encode([image], BINARY, 12)[0])
    six = np.concatenate([image] * 6)
    grouped, as_one = (len(coder.encode([six], BINARY, rows)[0]) for rows in (12, 72))
    assert grouped < 5 * single
    assert grouped != as_one


def test_inverted_planes_cost_the_same():
    coder = BilevelCoder.from_sections(sections_of(trained("small"), 5))
    plane = rings(1, seed=8)[0][0]
    sizes = [len(coder.encode([samples], BINARY, 12)[0]) for samples in (plane, 1 - plane)]
    assert abs(sizes[0] - sizes[1]) <= 1


@settings(max_examples=12)
@given(planes_of(8, 9), st.integers(0, 999), st.booleans(), st.booleans(), st.integers(1, 2), st.integers(1, 16))
def test_kernel_does_as_its_plain_twin(image, seed, skip_quiet, asks, images, rate):
    rng = np.random.default_rng(seed)
    contexts = [(LARGE + SMALL)[k] for k in rng.permutation(len(LARGE + SMALL))[:3]]
    plan = PlanePlan(tuple(contexts), 8, skip_quiet, rate)
    network = random_network(rng) if asks else None
    start = random_state(rng, 3, 8, asks)
    plane = np.concatenate([np.roll(image, k, 0) for k in range(images)]).astype(np.uint8)
    plane ^= np.uint8(mostly_ink(plane))
    state = start.copy()
    stream = encode_plane(PlaneModel(plan, network, start), plane, len(image), state)

    twin = naive_bilevel.NaiveState(start, 8)
    coder, buffer = binary.start_encoding(), np.zeros(2 * plane.size + 16, np.uint8)
    binary.code_bit(True, 0, INVERTED_CHANCE, coder, buffer)
    for top in range(0, len(plane), len(image)):
        samples = plane[top : top + len(image)].tolist()
        for bit, chance in naive_bilevel.decisions(samples, True, plan, network, twin):
            binary.code_bit(True, bit, chance, coder, buffer)
    assert buffer[: binary.finish_encoding(coder, buffer)].tobytes() == stream
    assert state.mixers.tolist() == twin.mixers
    assert state.blend.tolist() == twin.blend
    assert state.trust.tolist() == twin.trust
    assert state.final.tolist() == twin.final
    assert state.quiet.tolist() == [twin.quiet]


def test_twin_of_images_too_wide_for_position():
    rng = np.random.default_rng(6)
    plane = (rng.random((4, 66)) < 0.2).astype(np.uint8)
    plan = PlanePlan((SMALL[2], LARGE[4], LARGE[11]), 8, True, 2)
    start = random_state(rng, 3, 8, True)
    network = random_network(rng)
    stream = encode_plane(PlaneModel(plan, network, start), plane, 4, start.copy())
    coder, buffer = binary.start_encoding(), np.zeros(1000, np.uint8)
    binary.code_bit(True, 0, INVERTED_CHANCE, coder, buffer)
    for bit, chance in naive_bilevel.decisions(
        plane.tolist(), False, plan, network, naive_bilevel.NaiveState(start, 8)
    ):
        binary.code_bit(True, bit, chance, coder, buffer)
    assert buffer[: binary.finish_encoding(coder, buffer)].tobytes() == stream


def test_templates_grow_by_one_neighbour():
    assert naive_bilevel.neighbours() == NEIGHBOURS
    for size in range(len(NEIGHBOURS)):
        smaller, larger = masks(size), masks(size + 1)
        assert all(a & b == a for a, b in zip(smaller, larger, strict=True))
        assert sum(word.bit_count() for word in larger) == size + 1


@given(st.binary(max_size=60), st.integers(1, 8), st.integers(1, 8), st.sampled_from([2, 9]))
def test_any_stream_gives_planes_in_range(stream, rows, width, effort):
    coder = BilevelCoder.from_sections(sections_of(trained("small"), effort))
    (plane,) = coder.decode([stream], BINARY, rows, width, rows)
    assert plane.shape == (rows, width)
    assert set(np.unique(plane)) <= {0, 1}


@given(st.data(), st.sampled_from([3, 8]))
def test_damaged_sections_are_refused_or_decode(data, effort):
    sections = list(sections_of(trained("large"), effort))
    number = data.draw(st.integers(0, len(sections) - 1))
    damaged = bytearray(sections[number])
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
        damaged[place] ^= data.draw(st.integers(1, 255))
    sections[number] = bytes(
        damaged[: data.draw(st.integers(0, len(damaged)))] if data.draw(st.booleans()) else damaged
    )
    try:
        coder = BilevelCoder.from_sections(sections)
    except FormatError:
        return
    plane = rings(1)[0][0]
    (decoded,) = coder.decode(coder.encode([plane], BINARY, 12), BINARY, *plane.shape, 12)
    assert np.array_equal(decoded, plane)


def test_models_with_sections_missing_are_refused():
    sections = sections_of(trained("small"), 9)
    for count in (0, 1, 2, 3):
        with pytest.raises(FormatError):
            BilevelCoder.from_sections(sections[:count])
    with pytest.raises(FormatError):
        BilevelCoder.from_sections([pack_plan(PlanePlan(SMALL[:1], 8, False, 2)), *sections[1:]])


def test_other_planes_are_refused():
    coder = BilevelCoder.from_sections(sections_of(trained("small"), 2))
    with pytest.raises(FormatError):
        coder.decode([b""], [PlaneRange(0, 255)], 2, 2, 2)
    with pytest.raises(FormatError):
        coder.decode([b"", b""], BINARY * 2, 2, 2, 2)
    with pytest.raises(UsageError):
        BilevelTraining([PlaneRange(0, 3)])


def test_sections_round_trip():
    rng = np.random.default_rng(12)
    plan = PlanePlan(LARGE, 9, True, 3)
    unpacked = unpack_plan(pack_plan(plan))
    assert np.array_equal(unpacked.table(len(LARGE)), plan.table(len(LARGE)))
    assert (unpacked.slot_bits, unpacked.skip_quiet, unpacked.rate) == (9, True, 3)

    state = random_state(rng, 3, 9, True)
    symbols = rng.integers(0, 129, 3 << 9).astype(np.uint8)
    counters = TRAINED.unpack(TRAINED.pack(symbols, plan.places(3)), plan.places(3), 2)
    assert np.array_equal(counters, TRAINED.states[symbols[: 2 << 9]])

    contexts, asks, mixed = unpack_mixers(pack_mixers(state, 3, True))
    assert (contexts, asks) == (3, True)
    assert int(np.abs(mixed.mixers - state.mixers).max()) <= 512
    assert int(np.abs(mixed.blend - state.blend).max()) <= 256
    assert int(np.abs(mixed.quiet - state.quiet).max()) <= 256
    packed = pack_mixers(mixed, 3, True)
    assert unpack_mixers(packed)[2].trust.tolist() == mixed.trust.tolist()

    network = random_network(rng)
    rounded = unpack_network(pack_network(network))
    assert int(np.abs(rounded.first - network.first).max()) <= 16
    assert pack_network(rounded) == pack_network(network)


def test_training_is_the_same_every_time_and_helps():
    images = rings(5, seed=7)
    first, second = (train(images, shard=shard) for shard in (2, 5))
    assert [section.data for section in first.sections()] == [section.data for section in second.sections()]
    assert [effort for effort, _ in first.models()] == list(EFFORTS)
    assert len(first.report()) == len(EFFORTS)
    plane = rings(1, seed=30)[0][0]
    plan = PlanePlan(SMALL, 8, False, 2)
    untrained = PlaneModel(plan, None, PlaneState.neutral(7, 8, False))
    before = len(encode_plane(untrained, plane.astype(np.uint8), 12, untrained.start.copy()))
    (after,) = BilevelCoder.from_sections(sections_of(first, 5)).encode([plane], BINARY, 12)
    assert len(after) < before


def test_fitting_a_network_lowers_its_cost():
    rng = np.random.default_rng(1)
    tables = [(rng.normal(size=shape) * 0.1).astype(np.float32) for shape in ((bilevel.INPUTS + 1, 3), (2, 4), (1, 3))]
    plane = np.concatenate([image for (image,) in rings(4)]).astype(np.uint8)
    lottery = np.array([1], np.int64)
    room = bilevel.fit_room(3, 2)
    costs = [bilevel.fit_network(plane, 12, 256, 0.05, *tables, lottery, room) for _ in range(4)]
    assert costs[-1] < costs[0]


# What counters start with.

PLAN = PlanePlan(SMALL, 10, False, 2)
COMPILED = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="takes more samples than interpreted kernels can code"
)


def test_images_are_cut_and_taken_together_as_for_coding():
    """Small images make common parts, large ones parts of about equal height; of many some are left out."""

    def shapes_of(sizes, stride=1):
        images = ([np.zeros(size, np.int32), np.ones(size, np.int32)] for size in sizes)
        return [[[pixels.shape for pixels in part] for part in image] for image in parts(images, 1, stride)]

    wide = PART // 600
    assert shapes_of([(700, wide), (3, 3), (256, 256), (255, 257)]) == [
        [[(352, wide)], [(348, wide)]],
        [[(256, 256)]],
        [[(3, 3), (255, 257)]],
    ]
    assert shapes_of([(700, wide), (700, wide), (256, 256)], 3) == [[[(352, wide)]], [[(348, wide)]]]
    assert shapes_of([(20, 30)] * 17) == [[[(20, 30)] * 3]] * 5 + [[[(20, 30)] * 2]]
    assert shapes_of([(20, 30)] * 17, 2) == [[[(20, 30)] * 2]] * 4 + [[[(20, 30)]]]
    assert max(len(part) for (part,) in shapes_of([(64, 64)] * 3000)) == GROUP // 64**2
    assert shapes_of([]) == []


@COMPILED
def test_what_is_known_apart_from_a_fold_is_what_the_others_say():
    images = [[np.pad(image, ((0, 250), (0, 250)))] for (image,) in rings(6)]
    for fold in range(FOLDS):
        apart = Recollect(0, 1, PLAN, fold).collect(iter(images))
        others = [image for number, image in enumerate(images) if number % FOLDS != fold]
        alone = Recollect(0, 1, PLAN, FOLDS).collect(iter(others))
        assert np.array_equal(apart.symbols, alone.symbols) and np.array_equal(apart.gains, alone.gains)
        assert apart.symbols.any() and not apart.folds


@COMPILED
def test_each_image_is_practised_with_what_the_others_say():
    """Images of one fold cost less where the counters of that fold are trained, and others are coded as before."""
    images = [[np.pad(image, ((0, 250), (0, 250)))] for (image,) in rings(4)]
    known = Recollect(0, 1, PLAN, FOLDS).collect(iter(images)).symbols
    none = np.zeros_like(known)
    sizes = {
        starts: Practice(0, 1, PLAN, len(SMALL), None, tuple((none, known)[k] for k in starts)).collect(iter(images))[1]
        for starts in ((0, 0), (0, 1), (1, 0), (1, 1))
    }
    assert sizes[1, 1] < min(sizes[0, 1], sizes[1, 0]) <= max(sizes[0, 1], sizes[1, 0]) < sizes[0, 0]


def test_variants_are_ever_surer():
    rng = np.random.default_rng(2)
    starts = Starts(rng.integers(0, 129, 500).astype(np.uint8), rng.random(500).astype(np.float32), ())
    tried = variants(Known(starts, (starts,) * FOLDS))
    assert not tried[0].everything.symbols.any()
    seen = [TRAINED.states[known.everything.symbols] & 1023 for known in tried]
    for age, (known, bits) in enumerate(zip(tried[1:], seen[1:], strict=True)):
        assert (bits == np.minimum(seen[-1], TRAINED.seen[age])).all()
        chances = TRAINED.states[known.everything.symbols] >> 10
        assert np.array_equal(chances, TRAINED.states[starts.symbols] >> 10)
    assert np.array_equal(tried[-1].everything.symbols, starts.symbols)
    assert all(np.array_equal(fold.symbols, known.everything.symbols) for known in tried for fold in known.folds)


@COMPILED
def test_counters_start_neutral_where_images_say_the_opposite():
    """Patterns that repeat, each of its own kind in one collection, alike in the other."""
    rng = np.random.default_rng(5)
    kept = []
    for tiles in ([(rng.random((7, 9)) < 0.5).astype(np.int32) for _ in range(4)], [rings(1)[0][0]] * 4):
        _, counters, _ = sections_of(train([[np.tile(tile, (14, 14))] for tile in tiles]), 5)
        places = PlanePlan(LARGE, 8, True, 2).places(len(LARGE))
        kept.append(np.count_nonzero(TRAINED.unpack(counters, places, len(LARGE)) != TRAINED.states[0]))
    assert kept[0] < 0.1 * kept[1]


def test_mean_of_states():
    rng = np.random.default_rng(8)
    states = [random_state(rng, 2, 8, True) for _ in range(3)]
    mean = Mean(states[0])
    for state in states:
        mean.add(state)
    for name in ("trust", "mixers", "blend", "final", "quiet"):
        expected = sum(getattr(state, name).astype(np.int64) for state in states) // 3
        assert np.array_equal(getattr(mean.state(), name), expected)
