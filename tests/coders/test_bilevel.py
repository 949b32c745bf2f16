"""The bilevel coder: round trips, its kernel against a plain twin, damaged streams and sections, training."""

from __future__ import annotations

import itertools
import os
import pickle
from functools import cache
from itertools import pairwise, starmap
from pathlib import Path
from unittest import mock

import naive_bilevel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sofc.coders.bilevel import BilevelCoder, kernel, kernel_network, network_training, terms
from sofc.coders.bilevel import training as bilevel_training
from sofc.coders.bilevel.coder import INVERTED, encode_images, mostly_ink
from sofc.coders.bilevel.kernel import SETS, STARTS, Plan, PlaneModel, State
from sofc.coders.bilevel.kernel_fit import fill_samples, find_bit_gradients, list_places
from sofc.coders.bilevel.kernel_network import INPUTS
from sofc.coders.bilevel.kernel_network import NEIGHBOURS as SEEN
from sofc.coders.bilevel.model import EFFORTS, context_table, copied, neutral_state, starts
from sofc.coders.bilevel.network_training import FitNetwork
from sofc.coders.bilevel.passes import GROUP, PART, EstimatePriors, WarmUp, learn_part, parts
from sofc.coders.bilevel.section import (
    TRAINED,
    pack_plan,
    pack_state,
    unpack_plan,
    unpack_state,
)
from sofc.coders.bilevel.terms import LARGE, SMALL, Term
from sofc.coders.bilevel.training import BilevelTraining, variants
from sofc.coders.bilevel.window import NEIGHBOURS, masks
from sofc.entropy.binary import Writer, code_bit
from sofc.entropy.priors import FOLDS, Starts
from sofc.errors import FormatError, UsageError
from sofc.planes import PlaneRange
from sofc.prediction.network import BIAS_LIMIT, NO_NETWORK, WEIGHT_LIMIT, Network, layer_of
from sofc.prediction.network_fit import Affine, Passed

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
FEW = 5 if INTERPRETED else settings.default.max_examples

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
    little = {"SLOT_BITS_SMALL": 8, "SLOT_BITS_LARGE": (8, 8), "UNITS": {True: (3, 2), False: (3, 2)}}
    with mock.patch.multiple(bilevel_training, **little):
        return _train(images, planes, shard, chosen)


def _train(images, planes, shard, chosen):
    training = BilevelTraining(BINARY * planes, **chosen)
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
    count, rows = (1, 5) if INTERPRETED else (3, 12)
    with pytest.MonkeyPatch.context() as patch:
        if INTERPRETED:
            patch.setattr(network_training, "EPOCHS_SMALL", 1)
            patch.setattr(network_training, "EPOCHS_LARGE", 1)
        if kind == "small":
            return train(rings(count + 1))
        if kind == "large":
            return train([[np.tile(rings(1, seed=k)[0][0], (1, 6))[-rows:]] for k in range(count)])
        pairs = zip(rings(count), rings(count, seed=9), strict=True)
        return train([[first, 1 - second] for (first,), (second,) in pairs], 2)


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
    state = neutral_state(contexts, slot_bits, network)
    state.models[:] = rng.integers(0, 1 << 22, state.models.size).astype(np.uint32) << np.uint32(10)
    state.models[:] |= rng.integers(0, 128, state.models.size).astype(np.uint32)
    state.weights[:] += rng.integers(-20000, 20000, state.weights.shape).astype(np.int32)
    state.blend[:] += rng.integers(-9000, 9000, state.blend.shape).astype(np.int32)
    state.blank[:] = rng.integers(0, 1 << 28, state.blank.shape)
    return state


def random_network(rng, units=3, deeper=2):
    """Weights large enough that units come to their limits."""
    reach = int(rng.choice([40, 1000, WEIGHT_LIMIT]))
    layers = []
    for before, after in pairwise((INPUTS, units, deeper, 1)):
        weights = rng.integers(-reach, reach + 1, (after, before))
        layers.append((weights, rng.integers(-BIAS_LIMIT // 256, BIAS_LIMIT // 256 + 1, (1, after)) * 256 // 64))
    return Network(*starmap(layer_of, layers))


def plan_of(contexts, slot_bits=8, skips_blank=True, rate=2):
    """A plan of contexts."""
    return Plan(context_table(contexts), slot_bits, skips_blank, rate)


@settings(max_examples=FEW)
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


def stream_of_twin(images, small, contexts, plan, network, twin):
    """What the plain twin codes images to; it learns."""
    writer = Writer(2 * images.size + 16)
    code_bit(True, 0, INVERTED, writer.stream)
    for image in images.tolist():
        for bit, probability in naive_bilevel.decisions(image, small, contexts, plan, network, twin):
            code_bit(True, bit, probability, writer.stream)
    return writer.written()


@settings(max_examples=12)
@given(planes_of(8, 9), st.integers(0, 999), st.booleans(), st.booleans(), st.integers(1, 2), st.integers(1, 16))
def test_kernel_does_as_its_plain_twin(image, seed, skips_blank, asks, count, rate):
    rng = np.random.default_rng(seed)
    contexts = [(LARGE + SMALL)[k] for k in rng.permutation(len(LARGE + SMALL))[:3]]
    plan = plan_of(contexts, 8, skips_blank, rate)
    network = random_network(rng) if asks else NO_NETWORK
    start = random_state(rng, 3, 8, asks)
    images = np.stack([np.roll(image, k, 0) for k in range(count)]).astype(np.uint8)
    images ^= np.uint8(mostly_ink(images))
    state, twin = copied(start), naive_bilevel.NaiveState(start, 8)
    stream = encode_images(PlaneModel(plan, network, start), images, state)
    assert stream == stream_of_twin(images, True, contexts, plan, network, twin)
    for name in ("weights", "blend", "blank"):
        assert getattr(state, name).tolist() == getattr(twin, name)


def test_twin_of_images_too_wide_for_position():
    rng = np.random.default_rng(6)
    images = (rng.random((1, 4, 66)) < 0.2).astype(np.uint8)
    contexts = (SMALL[2], LARGE[4], LARGE[11])
    plan, start, network = plan_of(contexts), random_state(rng, 3, 8, True), random_network(rng)
    stream = encode_images(PlaneModel(plan, network, start), images, copied(start))
    twin = naive_bilevel.NaiveState(start, 8)
    assert stream == stream_of_twin(images, False, contexts, plan, network, twin)


def test_specification_prints_what_is_declared():
    """Numbers of terms, offsets of weight sets and sizes of tables, wherever in the specification they stand."""
    files = (Path(__file__).parents[2] / "spec").rglob("*.md")
    text = " ".join(" ".join(path.read_text(encoding="utf-8").split()) for path in files)
    positions = Term.PLACE, Term.ROW, Term.COLUMN
    numbers, formulas = (
        ", ".join(map(str, each)) for each in zip(*((t.value, t.formula) for t in positions), strict=True)
    )
    lines = [f"| {numbers} | {formulas}; 0 if the image is not small |"]
    lines += [f"| {term.value} | {term.formula} |" for term in Term if term not in positions]
    lines += [f"three terms (0-{terms.COUNT - 1})", f"image_rows <= {terms.SMALL_SIDE} and width <= {terms.SMALL_SIDE}"]
    lines += [f"holds {len(NEIGHBOURS)} neighbours", f"`neighbours` (0-{len(NEIGHBOURS)})"]
    lines += [f"| {kernel.WEIGHT_ROWS} x inputs |", f"| {kernel.BLENDS} x {len(SETS)} |"]
    lines += [f"| {kernel.BLANK_CELLS} x 1 |", "learn(model of context i, bit)"]
    lines += ["row[0] = 2 * ("] + [f"row[{k}] = {start} + " for k, start in enumerate(STARTS) if k > 0]
    lines += [f"A, U x {INPUTS}", f"has {INPUTS} inputs", f"| {SEEN}, {SEEN + 1} |", f"looks at {SEEN} neighbours"]
    assert [line for line in lines if line not in text] == []


def test_sets_of_weights_stand_one_behind_the_other():
    assert STARTS.known == 0
    assert [start + size for start, size in zip(STARTS, SETS, strict=True)] == [*STARTS[1:], kernel.WEIGHT_ROWS]


def test_templates_grow_by_one_neighbour():
    assert naive_bilevel.neighbours() == NEIGHBOURS
    for size in range(len(NEIGHBOURS)):
        smaller, larger = masks(size), masks(size + 1)
        assert all(a & b == a for a, b in zip(smaller, larger, strict=True))
        assert sum(word.bit_count() for word in larger) == size + 1


@settings(max_examples=FEW)
@given(st.binary(max_size=60), st.integers(1, 8), st.integers(1, 8), st.sampled_from([2, 9]))
def test_any_stream_gives_planes_in_range(stream, rows, width, effort):
    coder = BilevelCoder.from_sections(sections_of(trained("small"), effort))
    (plane,) = coder.decode([stream], BINARY, rows, width, rows)
    assert plane.shape == (rows, width)
    assert set(np.unique(plane)) <= {0, 1}


@settings(max_examples=FEW)
@given(st.data(), st.sampled_from([3, 9]))
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
    for count in (0, 1, 2):
        with pytest.raises(FormatError):
            BilevelCoder.from_sections(sections[:count])
    with pytest.raises(FormatError, match="more contexts than it has"):
        BilevelCoder.from_sections([pack_plan(plan_of(SMALL[:1], 8, False)), *sections[1:]])


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
    plan = plan_of(LARGE, 9, True, 3)
    unpacked = unpack_plan(pack_plan(plan))
    assert np.array_equal(unpacked.contexts, plan.contexts)
    assert unpacked[1:] == plan[1:] == (9, True, 3)

    symbols = rng.integers(0, 129, 3 << 9).astype(np.uint8)
    models = TRAINED.states[TRAINED.symbols(TRAINED.pack(symbols, starts(plan, 3)), starts(plan, 3), 2)]
    assert np.array_equal(models, TRAINED.states[symbols[: 2 << 9]])

    state = random_state(rng, 3, 9, True)
    network = random_network(rng)
    kept, contexts, rounded = unpack_state(pack_state(state, network))
    assert contexts == 3
    assert int(np.abs(kept.weights - state.weights).max()) <= 512
    assert int(np.abs(kept.blend - state.blend).max()) <= 256
    assert int(np.abs(kept.blank - state.blank).max()) <= 256
    assert unpack_state(pack_state(kept, rounded))[0].weights.tolist() == kept.weights.tolist()
    for layer, own in zip(network, rounded, strict=True):
        assert np.array_equal(layer.weights, own.weights)
        assert np.array_equal(layer.biases >> 8 << 8, own.biases)


@pytest.mark.skipif(INTERPRETED, reason="trains twice: slow with interpreted kernels")
def test_training_is_the_same_every_time_and_helps():
    images = rings(5, seed=7)
    first, second = (train(images, shard=shard) for shard in (2, 5))
    assert [section.data for section in first.sections()] == [section.data for section in second.sections()]
    assert [effort for effort, _ in first.models()] == list(EFFORTS)
    assert len(first.report()) == len(EFFORTS)
    plane = rings(1, seed=30)[0][0]
    untrained = neutral_state(7, 8, False)
    model = PlaneModel(plan_of(SMALL, 8, False), NO_NETWORK, untrained)
    before = len(encode_images(model, plane.astype(np.uint8)[np.newaxis], copied(untrained)))
    (after,) = BilevelCoder.from_sections(sections_of(first, 5)).encode([plane], BINARY, 12)
    assert len(after) < before


@settings(max_examples=FEW)
@given(planes_of(15, 40), st.integers(1, 2), st.integers(1, 5))
def test_samples_that_a_network_is_fitted_to(image, count, every):
    images = np.stack([np.roll(image, k, 1) for k in range(count)]).astype(np.uint8)
    places = np.zeros(images.size, np.int64)
    places = places[: list_places(images, every, places)]
    inputs, bits = np.zeros((len(places), INPUTS), np.int16), np.zeros(len(places), np.uint8)
    fill_samples(images, places, inputs, bits)
    expected, others = [], 0
    for number, y, x in np.ndindex(*images.shape):
        around = naive_bilevel.Surroundings(images[number].tolist(), y, x, False)
        near = [around.at(y, x - left) for left in range(1, 7)]
        near += [around.at(y - up, x + across) for up in (1, 2) for across in range(-6, 7)]
        others += not any(near)
        if any(near) or others % every == 0:
            expected.append((around.network_inputs(), images[number, y, x]))
    assert [(row.tolist(), bit) for row, bit in zip(inputs, bits, strict=True)] == expected


def test_sums_of_the_first_layer_fit():
    """There are more inputs than a layer has units: no sum leaves 32 bits, as most of them are small."""
    inputs, most = np.zeros(INPUTS, np.int16), np.zeros(INPUTS, np.int64)
    fill = getattr(kernel_network.fill_inputs, "function", kernel_network.fill_inputs)
    for place in itertools.product((0, 40, 69), repeat=2):
        fill(np.ones((70, 90), np.uint8), *place, inputs)
        most = np.maximum(most, np.abs(inputs))
    assert most.min() > 0
    assert most.sum() * WEIGHT_LIMIT + BIAS_LIMIT < 2**31


def test_gradients_of_bits():
    """As the logistic function has them, as far as its table goes."""
    rng = np.random.default_rng(4)
    outputs, bits = rng.normal(0, 4, (50, 3)).astype(np.float32), rng.integers(0, 2, 50).astype(np.uint8)
    blank = Affine(np.zeros((1, 3), np.float32), np.zeros(3, np.float32))
    last = Passed(blank, blank, outputs, np.zeros((50, 3), np.float32))
    find_bit_gradients(bits, last)
    expected = (1 / (1 + np.exp(-outputs[:, 0])) - bits) / 50
    assert np.allclose(last.back[:, 0], expected, atol=1e-5)
    assert not last.back[:, 1:].any()


@pytest.mark.skipif(INTERPRETED, reason="fits a network: slow with interpreted kernels")
def test_a_fitted_network_knows_what_comes():
    """Rings, of which the mean is known, take less than half the bits of samples that are as often 1."""
    images = rings(400)
    network = FitNetwork(0, 1, True, (8, 4)).collect(iter(images))
    bits = []
    for (image,) in rings(5, seed=8):
        for (y, x), bit in np.ndenumerate(image):
            says = naive_bilevel.Surroundings(image.tolist(), y, x, True).asked(network)
            p = naive_bilevel.squash(says) / 65536
            bits.append(-np.log2(p if bit else 1 - p))
    share = np.mean(np.stack(rings(5, seed=8)))
    assert np.mean(bits) < -(share * np.log2(share) + (1 - share) * np.log2(1 - share)) / 2


# What bit models start with, and warm-up.

PLAN = plan_of(SMALL, 10, False)
COMPILED = pytest.mark.skipif(INTERPRETED, reason="takes more samples than interpreted kernels can code")


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
def test_each_image_is_warmed_up_with_what_the_others_say():
    """Images of one fold cost less where the bit models of that fold are trained, and others are coded as before."""
    images = [[np.pad(image, ((0, 250), (0, 250)))] for (image,) in rings(4)]
    known = EstimatePriors(0, 1, PLAN).collect(iter(images)).symbols
    none = np.zeros_like(known)
    sizes = {
        trained: WarmUp(0, 1, PLAN, len(SMALL), NO_NETWORK, tuple((none, known)[k] for k in trained)).collect(
            iter(images)
        )[1]
        for trained in ((0, 0), (0, 1), (1, 0), (1, 1))
    }
    assert sizes[1, 1] < min(sizes[0, 1], sizes[1, 0]) <= max(sizes[0, 1], sizes[1, 0]) < sizes[0, 0]


def test_warm_up_ends_with_the_mean_of_its_second_half():
    """Two images make a part each, which are coded twice: the mean is that of the third and the fourth turn."""
    images = [[image] for (image,) in rings(2)]
    plan = plan_of(SMALL[:2], 8, False)
    neutral = np.zeros(2 << 8, np.uint8)
    (found, _), size = WarmUp(0, 1, plan, 2, NO_NETWORK, (neutral,) * FOLDS).collect(iter(images))
    state, seen = neutral_state(2, 8, False), []
    for (image,) in images * 2:
        start = state._replace(models=neutral_state(2, 8, False).models)
        size -= learn_part(PlaneModel(plan, NO_NETWORK, start), [image.astype(np.uint8)], start) * (len(seen) < 2)
        seen.append(copied(start))
    assert size == 0
    for name in State._fields[1:]:
        third, fourth = (getattr(each, name).astype(np.int64) for each in seen[2:])
        assert np.array_equal(getattr(found, name), (third + fourth) // 2), name


def test_variants_are_ever_surer():
    rng = np.random.default_rng(2)
    symbols = rng.integers(0, 129, 500).astype(np.uint8)
    start = Starts(symbols, rng.random(500).astype(np.float32), (symbols,) * FOLDS)
    tried = variants(start)
    assert not tried[0].symbols.any()
    seen = [TRAINED.states[known.symbols] & 1023 for known in tried]
    for age, (known, bits) in enumerate(zip(tried[1:], seen[1:], strict=True)):
        assert (bits == np.minimum(seen[-1], TRAINED.seen[age])).all()
        probabilities = TRAINED.states[known.symbols] >> 10
        assert np.array_equal(probabilities, TRAINED.states[start.symbols] >> 10)
    assert np.array_equal(tried[-1].symbols, start.symbols)
    assert all(np.array_equal(fold, known.symbols) for known in tried for fold in known.folds)


@COMPILED
def test_bit_models_start_neutral_where_images_say_the_opposite():
    """Patterns that repeat, each of its own kind in one collection, alike in the other."""
    rng = np.random.default_rng(5)
    kept = []
    for tiles in ([(rng.random((7, 9)) < 0.5).astype(np.int32) for _ in range(4)], [rings(1)[0][0]] * 4):
        _, packed, _ = sections_of(train([[np.tile(tile, (14, 14))] for tile in tiles]), 5)
        kept.append(np.count_nonzero(TRAINED.symbols(packed, starts(plan_of(LARGE), len(LARGE)), len(LARGE))))
    assert kept[0] < 0.1 * kept[1]
