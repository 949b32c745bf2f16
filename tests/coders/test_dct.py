"""The DCT coder: kernels against plain twins and an independent JPEG decoder, round trips, damage, sections."""

from __future__ import annotations

import io
import itertools
import math
import os
from dataclasses import replace

import naive_context
import naive_dct as naive
import numpy as np
import pytest
from helpers import chunks_of, encode_rows, models_of, run_decoder, with_streams
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scenes import clouds, collected, packed_weights, random_network, train

import sofc
from sofc.band.coding import decode_band
from sofc.band.pieces import plain_size
from sofc.band.rivals import Rivals
from sofc.band.selection import Selection
from sofc.band.ways import Way
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.dct import DctCoder, heads, kernel, kernel_network, network_training, passes
from sofc.coders.dct import kernel_pixels as pixels
from sofc.coders.dct.coder import (
    MANY_BLOCKS,
    RANGE,
    best_prediction,
    component_of,
    find_coefficients,
    plain_level,
    referred,
)
from sofc.coders.dct.kernel_network_fit import find_decision_gradients
from sofc.coders.dct.kernel_plain import SLOTS
from sofc.coders.dct.kernel_prediction import (
    DIAGONALS,
    LOG_STEPS,
    MEANS,
    ROWS,
    SIZES,
    WEIGHT_BITS,
    Around,
    Component,
    Equations,
    accumulate,
    place_of,
    weigh_predictors,
)
from sofc.coders.dct.model import EFFORTS, ComponentModel, ComponentPlan
from sofc.coders.dct.passes import Equate, EstimatePriors
from sofc.coders.dct.section import BLOCK_BITS, NETWORKS, WEIGHT_LIMIT, pack_plan, unpack_plan
from sofc.coders.dct.terms import BLOCK_CONTEXTS, CONTEXTS, FURTHER, NO_TERM, BlockTerm, Term
from sofc.coders.dct.training import DctTraining
from sofc.coders.dct.weighing import WEIGHED, weigh_models
from sofc.coders.network_section import Mixers, pack_mixers
from sofc.coders.training import Decoded, TrainingSettings
from sofc.container.chunks import unpack_band, unpack_group
from sofc.container.records import FIRST_CODEBOOK_MODEL
from sofc.entropy import mixing
from sofc.entropy.binary import OK, Reader, Writer
from sofc.entropy.bit_models import INTEGER_MODELS, NEUTRAL, STEADY
from sofc.entropy.contexts import BLOCK, Contexts
from sofc.entropy.mixture import MOST_SETS, MixingState
from sofc.errors import FormatError, LimitError, SofcError
from sofc.image import ImageHeader, PixelFormat
from sofc.jpeg import bounds, cross_component, dct, fine, inverses, scaled, solve, steps, subsampling
from sofc.jpeg.colour import CONVERSIONS, CORRECTIONS, USUAL_CONVERSION, Channels, reached
from sofc.jpeg.dct import SIDE, SIZE, Decoder, Grid
from sofc.jpeg.origin import STANDARD_TABLES, VALUE_LIMIT, Origin, standard_table
from sofc.jpeg.recover import Recovered, recover_planes
from sofc.planes import PlaneRange
from sofc.prediction.network import ACTIVITY_LIMIT, NO_NETWORK
from sofc.prediction.network_fit import Affine, Passed
from sofc.transforms.components import LATTICE, NONE

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
"""Interpreted kernels are slow: then only small things are coded, and coefficients are not looked for."""
COMPILED = pytest.mark.skipif(INTERPRETED, reason="slow with interpreted kernels, whose sums other tests look at")
FEW = 3 if INTERPRETED else settings.default.max_examples
"""Examples of tests that interpreted kernels take long for."""

TABLES = (mixing.STRETCH.tolist(), mixing.SQUASH.tolist())
ONE = [PlaneRange(0, 255)]
COLOUR = [*ONE * 3, PlaneRange(0, len(CONVERSIONS) * CORRECTIONS - 1)]
KINDS = [kinds for kinds in np.ndindex(dct.INVERSES, dct.UPSAMPLINGS) if Decoder(*kinds).is_known]
"""Kinds of inverse transform and of upsampling that go together."""
DECODERS = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 3), (7, 4), (8, 5)]
"""Those of real decoders."""
SEEDS = st.integers(0, 2**32 - 1)
FACTORS = st.integers(1, 2)


# What a decoder makes of coefficients.


def random_blocks(rng, rows, columns, limit=2**15):
    """Coefficients: few and small, many, or as large as there are."""
    shape = (rows, columns, SIZE)
    kind = rng.integers(0, 4)
    if kind == 0:
        blocks = rng.integers(-3, 4, shape) * (rng.random(shape) < 0.15)
    elif kind == 1:
        blocks = np.rint(rng.normal(size=shape) * 60 / (1 + np.arange(SIZE)))
    elif kind == 2:
        blocks = rng.integers(-60, 61, shape) * (rng.random(shape) < 0.3)
    else:
        blocks = rng.choice([-limit, 0, 1, limit], shape, p=[0.05, 0.85, 0.05, 0.05])
    blocks[rng.random(shape[:2]) < 0.2] = 0
    return blocks.astype(np.int32)


def random_table(rng):
    """Steps: a standard table, small ones, or any."""
    kind = rng.integers(0, 3)
    if kind == 0:
        return standard_table(int(rng.integers(1, STANDARD_TABLES + 1)))
    return rng.integers(1, 4 if kind == 1 else 256, SIZE)


def drawn(blocks, table, inverse=dct.ACCURATE):
    rows, columns, _ = blocks.shape
    component = np.zeros((SIDE * rows, SIDE * columns), np.int32)
    fractions = np.zeros(component.shape, np.uint8)
    inverses.draw(blocks, inverses.multipliers(inverse, table), inverse, component, fractions, np.zeros(SIZE, np.int64))
    return component, fractions


INVERSES = st.integers(0, dct.INVERSES - 1)


@given(SEEDS, st.integers(1, 2), st.integers(1, 2), INVERSES)
def test_draw(seed, rows, columns, inverse):
    rng = np.random.default_rng(seed)
    blocks, table = random_blocks(rng, rows, columns), random_table(rng)
    component, fractions = drawn(blocks, table, inverse)
    twin = naive.draw(blocks.tolist(), table.tolist(), inverse)
    assert (component.tolist(), fractions.tolist()) == twin


@given(SEEDS, FACTORS, FACTORS)
def test_draw_scaled(seed, down, across):
    rng = np.random.default_rng(seed)
    blocks, table = random_blocks(rng, 2, 2), random_table(rng)
    plane = np.zeros((2 * SIDE * down, 2 * SIDE * across), np.int32)
    scaled.draw_scaled(blocks, table, plane, np.zeros(scaled.SCRATCH, np.int64))
    assert plane.tolist() == naive.draw_scaled(blocks.tolist(), table.tolist(), down, across)


def test_scaled_transform_is_a_cosine_transform():
    """The weights are those of sixteen samples, but for what libjpeg's rotations round."""
    frequency, sample = np.mgrid[:SIDE, :SIDE]
    cosines = np.cos((2 * sample + 1) * frequency * np.pi / 32) * np.where(frequency == 0, 1, np.sqrt(2))
    np.testing.assert_allclose(scaled.WEIGHTS.T, cosines * (1 << 13), atol=2)


@given(SEEDS)
def test_inverse_is_a_cosine_transform(seed):
    """Within what 13 bits of constants leave; fractions say where between two samples it came to."""
    rng = np.random.default_rng(seed)
    block = np.rint(rng.normal(size=SIZE) * 30).astype(np.int32)
    work = block.astype(np.int64)
    dct.invert(work)
    back = naive.forward(((work - (1 << 17)) / (1 << 18)).tolist())
    np.testing.assert_allclose(back, block, atol=0.4)


@given(SEEDS, FACTORS, FACTORS, st.tuples(st.integers(0, 15), st.integers(0, 15)), st.integers(1, 9), st.integers(1, 9))
def test_enlarge(seed, down, across, place, rows, width):
    """From any place in the grid, however little of it there is, by every kind of rounding; whether it goes on behind
    that or not."""
    rng = np.random.default_rng(seed)
    grid = Grid(down, across, place[0] % (SIDE * down + 1), place[1] % (SIDE * across + 1), *rng.integers(0, 2, 2))
    component = np.random.default_rng(seed).integers(0, 256, (24, 24)).astype(np.int32)
    plane = np.full((rows, width), -1, np.int32)
    for kind in (dct.TRIANGLE, dct.HALVES, dct.STEPWISE):
        dct.enlarge(component, grid, kind, plane)
        assert plane.tolist() == naive.enlarge(component.tolist(), grid[:4], rows, width, kind, grid[4:])
    component = component * 20 - 500
    fine.enlarge_fine(component, grid, plane)
    assert plane.tolist() == naive.enlarge_finely(component.tolist(), grid[:4], rows, width, grid[4:])


@given(SEEDS)
def test_draw_fine(seed):
    rng = np.random.default_rng(seed)
    blocks, table = random_blocks(rng, 2, 1), random_table(rng)
    component = np.zeros((2 * SIDE, SIDE), np.int32)
    fine.draw_fine(blocks, table, component, np.zeros(SIZE, np.int64))
    assert component.tolist() == naive.fine_component(blocks.tolist(), table.tolist())


# Coding blocks.


CODED_TERMS = [NO_TERM, *Term]
BLOCK_TERMS = [NO_TERM, *BlockTerm]


def random_plan(rng):
    """A plan that no training would give, but that is valid; its bit models are few."""
    rows = int(rng.integers(1, 4)) * ROWS
    reach = 400 if rng.random() < 0.7 else WEIGHT_LIMIT  # predictions that lie outside the range of coefficients
    return ComponentPlan(
        rng.integers(-reach, reach, (rows, MEANS)) * (rng.random((rows, MEANS)) < 0.3),
        rng.integers(-20, 90, (rows, SIZES)),
        rng.integers(BLOCK_BITS.start, BLOCK_BITS.start + 3, len(CONTEXTS)),
    )


def random_state(rng, contexts, blocks):
    """A state as training might leave it."""
    state = MixingState.neutral(contexts, blocks, INTEGER_MODELS, map_rows=0)
    shape = blocks * BLOCK
    state.mixture.models[:] = (rng.integers(0, 1 << 22, shape) << 10 | rng.integers(0, 256, shape)).astype(np.uint32)
    used = state.mixture.weights[:, : contexts + 1]
    used += rng.integers(-(1 << 14), 1 << 14, used.shape).astype(np.int32)
    return state


def random_model(rng):
    plan = random_plan(rng)
    contexts = int(rng.integers(1, 5))
    start = random_state(rng, contexts, int(plan.starts(contexts)[-1]))
    return ComponentModel(plan, int(rng.integers(1, 4)), start, random_network(rng, NETWORKS))


def bordered(blocks):
    """With a row of zeros above and a block of zeros on either side."""
    return np.pad(blocks, ((1, 0), (1, 1), (0, 0))).astype(np.int32)


def by_place(blocks):
    """A twin's coefficients."""
    return {
        (*place[:2], *divmod(place[2], SIDE)): int(blocks[place]) for place in zip(*np.nonzero(blocks), strict=True)
    }


def outcome(code, *arguments):
    """What a twin finds, or None where it finds the stream broken."""
    try:
        return code(*arguments)
    except naive_context.BrokenError:
        return None


def lists_of(state, starts):
    """Plain bit models by block, then those by context and block, weights and the map, as twins take them."""
    words = state.mixture.models.reshape(-1, BLOCK).tolist()
    models = [words[begin:end] for begin, end in itertools.pairwise(starts)]
    weights = state.mixture.weights[:, : state.contexts + 1].tolist()
    return [models[0], models[1:], weights, state.mixture.apm.tolist()]


def component(blocks, table, first, second):
    """A component as kernels take it."""
    values = bordered(np.zeros(blocks.shape))
    return Component(blocks, values, bordered(first), bordered(second), table, Around.of(blocks.shape[1]))


FIRST_CHOICES = kernel.Choices(0, DIAGONALS, 0)
NO_FORECAST = kernel_network.forecast_of(NO_NETWORK)


def code_blocks(stream, coded, plan, contexts, sets, state, choices=FIRST_CHOICES, forecast=NO_FORECAST):
    coding = kernel.Coding(state.mixture, state.plain, stream.stream, state.changed)
    scratch = kernel.scratch_for((state.contexts, state.mixture.weights.shape[1], sets), forecast)
    return kernel.code_blocks(stream.encodes, coded, plan.predictor, choices, contexts, coding, scratch)


@settings(max_examples=FEW)
@given(SEEDS, st.tuples(st.integers(1, 2), st.integers(1, 2)), st.integers(1, 3))
def test_code_blocks(seed, shape, sets):
    """The twin writes the same bytes, reads the same coefficients, and ends in the same state."""
    rng = np.random.default_rng(seed)
    blocks, table, plan = random_blocks(rng, *shape), random_table(rng), random_plan(rng)
    if rng.random() < 0.2:
        # Steps of 16 bits, which other heads than those of streams may have.
        table, blocks = rng.integers(1, 2**16, SIZE), np.clip(blocks, -100, 100)
    first, second = (random_blocks(rng, *shape) * int(rng.integers(0, 20)) for _ in range(2))
    contexts = int(rng.integers(1, FURTHER + 3))
    # Terms that only further contexts use are not there for fewer.
    coded_terms = CODED_TERMS if contexts > FURTHER else CODED_TERMS[: Term.LAST]
    predictors = len(plan.mean_weights) // ROWS
    choices = kernel.Choices(*(int(rng.integers(0, count)) for count in (predictors, DIAGONALS + 1, 16)))
    coded, diagonals = (rng.choice(terms, (contexts, 4)) for terms in (coded_terms, BLOCK_TERMS))
    starts = plan.starts(contexts)
    both = kernel.BothContexts(Contexts(coded, starts[1:]), Contexts(diagonals, starts[1:]))
    start = random_state(rng, contexts, int(starts[-1]))
    network = random_network(rng, NETWORKS) if rng.random() < 0.6 else NO_NETWORK

    def run(stream, found, state):
        coding = component(found, table, first, second)
        status = code_blocks(stream, coding, plan, both, sets, state, choices, kernel_network.forecast_of(network))
        if status == OK:
            values = np.clip(found * table, -VALUE_LIMIT, VALUE_LIMIT)
            np.testing.assert_array_equal(coding.values, bordered(values))
        return status

    def twin(coder, known):
        no_hash, *lists = lists_of(start, starts)
        mixed = naive_context.Mixing(None, sets, TABLES, *lists, naive_context.Counting(coder, 60))
        plain = naive.Component(table.tolist(), {}, by_place(first), by_place(second))
        weights = (plan.mean_weights.tolist(), plan.size_weights.tolist())
        asked = network if network.is_asked else None
        twins = naive.Blocks(plain, *weights, coded.tolist(), diagonals.tolist(), mixed, no_hash, *choices, asked)
        return twins, outcome(twins.code, *shape, known)

    state = start.copy()
    writing = Writer(64 * blocks.size + 64)
    kept = blocks.copy()
    assert run(writing, blocks, state) == OK
    np.testing.assert_array_equal(blocks, kept)
    stream = writing.written()
    writer = naive_context.Writer()
    twins, _ = twin(writer, blocks.tolist())
    mixed = twins.mixing
    assert stream == writer.finish().rstrip(b"\0")
    for _ in range(2):
        # The second time it is what was changed alone that is put back.
        with start.lent(marked=SLOTS * BLOCK) as lent:
            for own, first_one in zip((*lent.mixture, lent.plain), (*start.mixture, start.plain), strict=True):
                np.testing.assert_array_equal(own, first_one)
            assert run(Writer(64 * blocks.size + 64), blocks, lent) == OK
            np.testing.assert_array_equal(lent.mixture.models, state.mixture.models)
    mixture = state.mixture
    counters = [twins.plain, *mixed.counters]
    assert [word for context in counters for block in context for word in block] == mixture.models.tolist()
    assert mixed.mixers == mixture.weights[:, : contexts + 1].tolist()
    assert not mixture.weights[:, contexts + 1 :].any()
    assert mixed.final == mixture.apm.tolist()
    learnt = sorted(chance << 10 | seen for chance, seen in mixed.adaptive.models.values())
    assert learnt == sorted(state.plain[state.plain != STEADY].tolist())

    garbage = rng.bytes(len(stream) + 3)
    damaged = stream[: len(stream) // 2] + garbage[len(stream) // 2 :]
    for data in (stream, garbage, damaged):
        again = np.full_like(blocks, 77)
        status = run(Reader(data), again, start.copy())
        found = again.tolist() if status == OK else None
        assert found == twin(naive_context.Reader(data), None)[1]
        assert found == blocks.tolist() or data != stream


def test_full_buffer():
    """Neither kernel writes past a buffer that is too short: its writer sees in the end that it was."""
    rng = np.random.default_rng(0)
    model = random_model(rng)
    blocks = rng.integers(-9, 9, (1, 1, SIZE)).astype(np.int32)
    plane = rng.integers(0, 256, (8, 8)).astype(np.int32)
    nothing = np.zeros_like(blocks)
    for size in range(3):
        long = np.zeros(64, np.uint8)
        streams = [Writer(0) for _ in range(2)]
        for stream in streams:
            stream.stream = stream.stream._replace(buffer=long[:size])
        coded = component(blocks, np.full(SIZE, 3), nothing, nothing)
        code_blocks(streams[0], coded, model.plan, model.contexts, 1, model.start.copy())
        code_pixels(streams[1], plane, np.zeros_like(plane), np.zeros_like(plane), 0, 0)
        assert [stream.finish() for stream in streams] == [None, None]
        assert not long[size:].any()


@settings(max_examples=FEW)
@given(SEEDS, st.tuples(st.integers(1, 2), st.integers(1, 3)))
def test_equations(seed, shape):
    """Training's sums, and the sums of sizes that they begin with."""
    rng = np.random.default_rng(seed)
    table = random_table(rng)
    blocks, first, second = (random_blocks(rng, *shape) for _ in range(3))
    plan = random_plan(rng)
    rows = len(plan.mean_weights)
    number = int(rng.integers(0, rows // ROWS))
    sums = Equations(*(np.zeros((rows, count + 1, count + 1), np.int64) for count in (MEANS, SIZES)))
    found = component(blocks, table, first, second)
    scratch = np.zeros(MEANS, np.int32), np.zeros(SIZES, np.int32)
    accumulate(found, plan.predictor, number, sums, *scratch)
    np.testing.assert_array_equal(found.values, bordered(blocks * table))
    plain = naive.Component(table.tolist(), {}, by_place(first), by_place(second))
    naive_sums = naive.accumulate(plain, blocks.tolist(), number, *(each.tolist() for each in plan.predictor))
    for place in np.ndindex(*shape, SIZE):
        at = (*place[:2], *divmod(place[2], SIDE))
        # In the places of zero diagonals there is nothing to add up.
        expected = plain.tail(*at)
        around = (place[0] + 1) % 2, place[1] + 1
        assert found.around.tails[(*around, place[2])] == expected
        assert found.around.errors[(*around, place_of(place[2]))] == plain.errors.get(at, 0)
    for got, expected in zip(sums, naive_sums, strict=True):
        assert {tuple(place): int(got[tuple(place)]) for place in np.argwhere(got).tolist()} == expected


@settings(max_examples=FEW)
@given(SEEDS, st.integers(1, 3), st.integers(0, 2))
def test_costs_of_predictors(seed, rows, charge):
    """What an encoder chooses a predictor by."""
    rng = np.random.default_rng(seed)
    blocks, table, plan = random_blocks(rng, rows, 2), random_table(rng), random_plan(rng)
    first, second = (random_blocks(rng, rows, 2) for _ in range(2))
    found = component(blocks, table, first, second)
    got = np.zeros((len(plan.mean_weights) // ROWS + 1, DIAGONALS), np.int64)
    weigh_predictors(found, plan.predictor, charge, np.zeros(MEANS, np.int32), got)
    plain = naive.Component(table.tolist(), by_place(blocks * table), by_place(first), by_place(second))
    assert got.tolist() == naive.costs(plain, blocks.tolist(), plan.mean_weights.tolist(), charge)


@settings(max_examples=FEW)
@given(SEEDS, st.integers(1, 9), st.integers(1, 3))
def test_models_are_weighed_by_luminance(seed, images, models):
    """By the best predictor of each for an image, in some images of a group; predictors that models share count in
    each."""
    rng = np.random.default_rng(seed)
    plans = [random_plan(rng) for _ in range(models)]
    plans.append(replace(plans[0], mean_weights=plans[0].mean_weights.copy()))
    plans[-1].mean_weights[:: len(plans[0].mean_weights) // ROWS] += 1  # another first predictor
    found = [Recovered([random_origin(rng, 9, 17) for _ in range(3)], [], 1.0) for _ in range(images)]
    expected = dict.fromkeys(range(len(plans)), 0)
    for image in found[:: -(-images // WEIGHED)]:
        for number, plan in enumerate(plans):
            costs = np.zeros((len(plan.mean_weights) // ROWS + 1, DIAGONALS), np.int64)
            weigh_predictors(component_of(image.origins[0], []), plan.predictor, 0, np.zeros(MEANS, np.int32), costs)
            expected[number] += int(costs[:-1].sum(axis=1).min())
    sections = [((pack_plan(plan), b"", b""), (b"", b"", b"")) for plan in plans]
    assert weigh_models(sections, found) == list(expected.values())


@COMPILED
@pytest.mark.parametrize("rows", [1, 2, 8])
@pytest.mark.parametrize("alike", [0, 3, DIAGONALS])
def test_predicted_diagonals(alike, rows):
    """As many are predicted as a predictor predicts: one that says what the block to the left has."""
    plan = ComponentPlan.blank(1, BLOCK_BITS.start)
    for index in range(SIZE):
        plan.mean_weights[ROWS // SIZE * index : ROWS // SIZE * (index + 1), SIDE + index % SIDE] = 1 << WEIGHT_BITS
    blocks = np.random.default_rng(0).integers(-20, 21, (rows, 480 // rows, SIZE)).astype(np.int32)
    same = np.add.outer(range(SIDE), range(SIDE)).ravel() < alike
    blocks[:, :, same] = blocks[:, :1, same]
    nothing = np.zeros_like(blocks)
    found = component(blocks, np.full(SIZE, 3), nothing, nothing)
    assert best_prediction(found, plan.predictor) == (0, alike)
    assert best_prediction(found, plan.predictor, charge=1 << 10) == (0, 0)


@pytest.mark.parametrize("sets", [1, MOST_SETS])
@pytest.mark.parametrize("step", [1, 2, 20])
@pytest.mark.parametrize("blocks", [4, MANY_BLOCKS])
def test_plain_level(blocks, step, sets):
    """Levels are lower where steps are fine, and lowest where little is predicted of what has no reference."""
    plan = ComponentPlan.blank(1, BLOCK_BITS.start)
    model = ComponentModel(plan, sets, plan.neutral(1))
    nothing = np.zeros((blocks, 1, SIZE), np.int32)
    found = component(nothing, np.full(SIZE, step), nothing, nothing)
    alone = found._replace(first=np.zeros((1, 1, SIZE), np.int32), second=np.zeros((1, 1, SIZE), np.int32))
    levels = [plain_level(one, model, diagonals) for one in (found, alone) for diagonals in (DIAGONALS, 1)]
    assert levels == {
        (1, 1, MANY_BLOCKS): [6, 5, 5, 4],
        (2, 1, MANY_BLOCKS): [7] * 4,
    }.get((step, sets, blocks), [8 if sets == 1 else 9] * 4)


# Pixel corrections.


def code_pixels(stream, plane, like, fractions, top, left, others=None):
    """The status, the bit models and the corrections, with their border."""
    rows, width = like.shape
    corrections = np.zeros((rows + 1, width + 2), np.int32)
    others = np.zeros_like(corrections) if others is None else others
    models = np.full(pixels.MODELS, NEUTRAL, np.uint32)
    given_pixels = pixels.Pixels(
        plane,
        like,
        fractions.astype(np.uint8),
        corrections,
        others,
        Grid(1, 1, top, left),
        np.empty((2, width), np.int32),
    )
    return pixels.code_pixels(stream.encodes, given_pixels, models, stream.stream), models, corrections


def changed(rng, like):
    """A plane that differs from what was drawn: nowhere, by little, in a painted part, or everywhere."""
    plane = like.copy()
    kind = rng.integers(0, 5)
    if kind == 1:
        plane += rng.choice([-1, 0, 0, 0, 0, 1], plane.shape).astype(np.int32)
    elif kind == 2:
        plane[rng.integers(0, len(plane)) :, : rng.integers(1, plane.shape[1] + 1)] = rng.integers(0, 256)
    elif kind == 3:
        plane[:] = rng.integers(0, 256, plane.shape)
    elif kind == 4:
        plane[rng.random(plane.shape) < 0.02] = 255
    return np.clip(plane, 0, 255).astype(np.int32)


@given(
    SEEDS,
    st.tuples(st.integers(1, 12), st.integers(1, 20)),
    st.tuples(st.integers(0, 7), st.integers(0, 7)),
)
def test_code_pixels(seed, shape, place):
    """The twin writes the same bytes, reads the same samples, and ends with the same bit models."""
    rng = np.random.default_rng(seed)
    like = rng.integers(0, 256, shape).astype(np.int32)
    plane, fractions = changed(rng, like), rng.integers(0, 8, shape)
    others = rng.integers(-1, 2, shape) * (rng.random(shape) < rng.choice([0, 0.1, 0.6]))
    others_there = {tuple(at): int(others[tuple(at)]) for at in np.argwhere(others).tolist()}
    others = np.pad(others, ((1, 0), (1, 1))).astype(np.int32)

    def twin(coder, known):
        twins = naive.Lacks(coder)
        lists = (like.tolist(), fractions.tolist(), others_there)
        return twins, outcome(twins.code, known, *lists, *place, 255)

    writing = Writer(16 * plane.size + 64)
    kept = plane.copy()
    status, models, corrections = code_pixels(writing, plane, like, fractions, *place, others)
    assert status == OK
    np.testing.assert_array_equal(plane, kept)
    np.testing.assert_array_equal(corrections, np.pad(plane - like, ((1, 0), (1, 1))))
    stream = writing.written()
    writer = naive_context.Writer()
    twins, _ = twin(writer, plane.tolist())
    assert stream == writer.finish().rstrip(b"\0")
    learnt = sorted(chance << 10 | seen for chance, seen in twins.models.values() if seen)
    assert learnt == sorted(models[models != NEUTRAL].tolist())

    garbage = rng.bytes(len(stream) + 3)
    damaged = stream[: len(stream) // 2] + garbage[len(stream) // 2 :]
    for data in (stream, garbage, damaged):
        again = np.full_like(plane, -9)
        status, *_ = code_pixels(Reader(data), again, like, fractions, *place, others)
        found = twin(naive_context.Reader(data), None)[1]
        assert (again.tolist() if status == OK else None) == (found and found[0])
        assert again.tolist() == plane.tolist() or data != stream


# Finding coefficients. How is an encoder's affair: only what comes of it is tested.


def guesses(samples):
    """Samples as they are guessed."""
    return (np.asarray(samples) * (1 << steps.GUESS_BITS)).astype(np.int32)


@given(SEEDS)
def test_forward(seed):
    samples = np.random.default_rng(seed).integers(0, 256, SIZE)
    work, fine = guesses(samples - dct.MIDDLE).astype(np.int64), np.zeros(SIZE, np.int64)
    steps.forward(work, fine)
    found = fine / (1 << steps.FINE_BITS)
    np.testing.assert_allclose(found, naive.forward((samples - dct.MIDDLE).tolist()), atol=0.15)


@given(SEEDS, st.integers(0, 7), st.integers(0, 7), st.sampled_from([1, 2, 9]), st.sampled_from([0, 1, 64]))
def test_blocks_of_a_plane(seed, top, left, most, most_unknown):
    """At most so many evenly spread: not those that are flat or not known."""
    rng = np.random.default_rng(seed)
    plane = rng.integers(0, 256, (23, 27)).astype(np.int32)
    unknown = np.zeros(plane.shape, bool)
    usable = []
    for y, x in itertools.product(range(top, 16, 8), range(left, 20, 8)):
        kind = rng.integers(0, 4)
        if kind == 0:
            plane[y : y + 8, x : x + 8] = 90
        unknown[y + rng.permutation(8)[: max(0, kind - 1)], x] = True
    for y, x in itertools.product(range(top, 16, 8), range(left, 20, 8)):
        block = plane[y : y + 8, x : x + 8]
        if np.ptp(block) and unknown[y : y + 8, x : x + 8].sum() <= most_unknown:
            usable.append(naive.forward((block.reshape(-1) - dct.MIDDLE).tolist()))
    sight = steps.Sight.of(guesses(plane), unknown)
    found = sight.blocks(top, left, SIZE, most_unknown)
    np.testing.assert_allclose(found / (1 << steps.FINE_BITS), np.reshape(usable, (-1, SIZE)), atol=0.15)
    few = sight.blocks(top, left, most, most_unknown)
    assert len(few) <= min(most, len(found))
    assert all((found == block).all(axis=1).any() for block in few)


SIDES, PLACES = st.tuples(*[st.integers(1, 30)] * 2), st.tuples(*[st.integers(0, 7)] * 2)


@given(SEEDS, SIDES, PLACES, st.integers(0, 20))
def test_list_blocks(seed, shape, corner, most_unknown):
    """Of whole blocks, those with few unknown samples that are not nearly flat."""
    rng = np.random.default_rng(seed)
    unknown, contrast = rng.random(shape) < 0.2, rng.integers(0, 2, shape)
    sums = [np.pad(each.cumsum(0).cumsum(1), ((1, 0), (1, 0))).astype(np.int32) for each in (unknown, contrast)]
    (top, left), places = corner, np.full((16, 2), -1, np.int64)
    count = steps.list_blocks(*sums, top, left, most_unknown, places)
    expected = [
        [y, x]
        for y in range(top, shape[0] - 7, 8)
        for x in range(left, shape[1] - 7, 8)
        if unknown[y : y + 8, x : x + 8].sum() <= most_unknown and contrast[y : y + 8, x : x + 8].sum() > steps.FLAT * 8
    ]
    assert places[:count].tolist() == expected
    assert (places[count:] == -1).all()


@given(SEEDS, SIDES)
def test_sums_of_a_sight(seed, shape):
    """Of unknown samples, and of how much neighbours before differ, over all above and to the left."""
    rng = np.random.default_rng(seed)
    guess = rng.integers(0, 256 << steps.GUESS_BITS, shape).astype(np.int32)
    unknown = rng.random(shape) < 0.2
    sight = steps.Sight.of(guess, unknown)
    change = np.zeros(shape, np.int64)
    for y, x in np.ndindex(shape):
        beside = [guess[place] for place in ((y - 1, x), (y, x - 1)) if min(place) >= 0]
        change[y, x] = sum(abs(int(guess[y, x]) - int(other)) for other in beside) >> steps.GUESS_BITS
    for y, x in np.ndindex(shape[0] + 1, shape[1] + 1):
        assert sight.unknown[y, x] == unknown[:y, :x].sum()
        assert sight.contrast[y, x] == change[:y, :x].sum()


def test_no_table_is_likely_twice():
    """That to be expected beside luminance of quality 75 stands among the known ones, too."""
    rng = np.random.default_rng(1)
    table = standard_table(175)
    found = ((rng.normal(size=(40, SIZE)) * 9).astype(np.int32) * table).astype(np.int32) << steps.FINE_BITS
    likely = steps.likely_tables(found, steps.GUESS_NOISE, table)
    assert (likely[0].table == table).all()
    assert len({one.table.tobytes() for one in likely}) == len(likely) > 1


def test_blocks_that_say_nothing_new_are_passed_over():
    """Flat ones, and those that are others but brighter."""
    rng = np.random.default_rng(1)
    block = rng.integers(60, 120, (8, 8))
    plane = np.concatenate([np.full((8, 8), 70), block, block + 20, block.T], axis=1)
    places = np.array([(0, left) for left in range(0, 32, 8)])
    found = np.zeros((4, SIZE), np.int32)
    room = steps.Looked(places, found, np.zeros(4, np.int64), np.zeros((2, SIZE), np.int64))
    assert steps.transform(guesses(plane), 4, room) == 2
    expected = [naive.forward((one - dct.MIDDLE).ravel().tolist()) for one in (block, block.T)]
    np.testing.assert_allclose(found[:2] / (1 << steps.FINE_BITS), expected, atol=0.15)


@COMPILED
@pytest.mark.parametrize(("top", "left", "most"), [(0, 0, 8), (0, 5, SIZE), (3, 2, SIZE)])
def test_the_grid_is_looked_for_until_it_is_obvious(monkeypatch, top, left, most):
    """Of an image cut off nowhere only the first place, those half a block off and those beside it are looked at."""
    looked, weigh = [], steps.weigh_place
    monkeypatch.setattr(steps, "weigh_place", lambda *given: looked.append(given[1]) or weigh(*given))
    contrasting = np.clip(128 + 3 * (picture(3, (160, 176), 1).astype(int) - 128), 1, 254).astype(np.uint8)
    plane = through_jpeg(contrasting, 50, "gray")[0][top:, left:]
    sight = steps.Sight.of(guesses(plane), (plane == 0) | (plane == dct.LARGEST))
    assert steps.find_places(sight) == [(top, left)]
    assert 8 <= len(looked) <= most


@given(SEEDS, st.integers(1, 60))
def test_weigh(seed, most):
    """What is gained is the sum over blocks of what each coefficient says of each step."""
    rng = np.random.default_rng(seed)
    found = (rng.normal(size=(5, SIZE)) * rng.choice([1, 9, 400]) * (1 << steps.FINE_BITS)).astype(np.int32)
    likelihoods = steps._likelihoods(most, steps.NOISE)
    gains = np.zeros((SIZE, most + 1), np.int32)
    steps.weigh(found, len(found), likelihoods, gains, np.zeros_like(gains))
    expected = np.zeros_like(gains)
    for block in np.abs(found) >> (steps.FINE_BITS - steps.REST_BITS):
        for k, size in enumerate(block):
            if size < len(likelihoods.near):
                expected[k] += likelihoods.near[size]
                continue
            for step in range(1, most + 1):
                unit = step << steps.REST_BITS
                away = min(int(size) % unit, -int(size) % unit, steps.FARTHEST)
                expected[k, step] += likelihoods.far[away, step]
    np.testing.assert_array_equal(gains, expected)


@settings(max_examples=FEW)
@given(SEEDS)
def test_weigh_place(seed):
    """What a place explains is the most that a standard table does of its blocks, or that steps do one by one."""
    rng = np.random.default_rng(seed)
    plane = np.repeat(rng.integers(0, 256, (40, 12)), 4, axis=1).astype(np.int32)
    sight = steps.Sight.of(plane << steps.GUESS_BITS, rng.random(plane.shape) < 0.03)
    place, most_unknown = int(rng.integers(SIZE)), int(rng.choice([0, 12]))
    weighing = steps.Weighing.of(sight, 9)
    found = sight.blocks(-(place // SIDE) % SIDE, -place % SIDE, 9, most_unknown)
    gains = steps.gains_of(found, steps.MOST_STEP).tolist()
    free = sum(max(0, max(line[1:]) - steps.STEP_BITS * steps.UNIT) for line in gains)
    explained = [
        sum(line[step] for line, step in zip(gains, table, strict=True) if step < len(line))
        for table in steps.standard_tables().tolist()
    ]
    expected = max(free, max(explained) - steps.TABLE_BITS * steps.UNIT)
    assert steps.weigh_place(sight, place, most_unknown, weighing) == expected
    assert weighing.blocks[0] == len(found)


@settings(max_examples=FEW)
@given(SEEDS)
def test_steps_show(seed):
    """Multiples of steps, but for the noise that rounding leaves, show the table; other coefficients show none."""
    rng = np.random.default_rng(seed)
    count = 60
    true = standard_table(int(rng.integers(20, 96)))
    multiples = rng.integers(-4, 5, (count, SIZE)) * true
    noise = np.clip(rng.normal(size=(count, SIZE)) * 0.29, -1, 1)
    found = np.rint((multiples + noise) * (1 << steps.FINE_BITS)).astype(np.int32)
    likely = steps.likely_tables(found, steps.NOISE)
    np.testing.assert_array_equal(likely[0].table, true)
    assert likely[0].evidence > steps.LEAST_EVIDENCE
    found = np.rint(rng.uniform(-200, 200, (count, SIZE)) * (1 << steps.FINE_BITS)).astype(np.int32)
    tables = steps.standard_tables()
    explained = np.empty(len(tables), np.int64)
    gains = steps.gains_of(found, steps.MOST_STEP)
    assert steps.evidence(gains, tables, explained) < steps.LEAST_EVIDENCE


def halved(plane, weights, first):
    """What columns were enlarged from, and how sure that is."""
    length, columns = plane.shape
    count = (first + length - 1) // 2 + 1
    found = subsampling.Halved(*np.zeros((2, count, columns)))
    subsampling.shrink(*map(np.ascontiguousarray, (plane, weights)), first, found, subsampling._strip(length))
    return found


@given(SEEDS, st.integers(1, 12), st.integers(0, 1), st.sampled_from([3, subsampling.LANES + 5]))
def test_shrink(seed, length, first, lines_there_are):
    """The exact solution, samples that are not known counting little."""
    rng = np.random.default_rng(seed)
    lines = rng.uniform(0, 256, (lines_there_are, length))
    weights = rng.choice([0.0, 0.5, 1.0], lines.shape) if rng.random() < 0.7 else np.ones(lines.shape)
    count = (first + length - 1) // 2 + 1
    guess, sure = (each.T for each in halved(lines.T, weights.T, first))
    expected = [naive.shrunk(*each, first) for each in zip(lines.tolist(), weights.tolist(), strict=True)]
    np.testing.assert_allclose(guess, expected, atol=1e-6)
    whole = np.zeros((len(lines), 2 * count))
    whole[:, first : first + length] = weights
    np.testing.assert_allclose(sure, whole.reshape(len(lines), count, 2).mean(axis=2))


@given(SEEDS, st.integers(1, 12), st.integers(0, 1), st.sampled_from([3, subsampling.LANES + 5]))
def test_shrinking_rows(seed, length, first, lines_there_are):
    """The same as of columns, moved up and down by turns; what is open counts less, by the square."""
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, 256, (lines_there_are, length)).astype(np.int32)
    lowest = samples - rng.choice([0, 0, 1, 300], samples.shape).astype(np.int32) * (rng.random() < 0.7)
    plane = bounds.Bounded(samples, lowest.astype(np.int32), samples, samples)
    guess, sure = subsampling._halved_rows(plane, first, 0.125)
    moved = samples + np.where((np.arange(length) + first) & 1, -0.125, 0.125)
    weights = (np.minimum(samples - lowest, 7) + 1.0) ** -2
    expected = [naive.shrunk(*each, first) for each in zip(moved.tolist(), weights.tolist(), strict=True)]
    np.testing.assert_allclose(guess, expected, atol=1e-6)
    np.testing.assert_array_equal(sure, halved(moved.T, weights.T, first)[1].T)


@settings(max_examples=FEW)
@given(SEEDS)
def test_bounds_of_planes(seed):
    """Samples are known where no channel was cut; Y is bounded on one side where channels were cut on one."""
    rng = np.random.default_rng(seed)
    shape = 4, 5
    planes = [rng.integers(0, 256, shape).astype(np.int32) for _ in range(3)]
    samples = [rng.choice([0, 1, 77, 254, 255], shape).astype(np.int32) for _ in range(3)]
    covered = (rng.random(shape) < 0.2).astype(np.uint8)
    lowest, highest = (Channels(*(np.zeros(shape, np.int32) for _ in range(3))) for _ in range(2))
    bounds.bound_planes(Channels(*samples), Channels(*planes), covered, lowest, highest)
    free = -solve.FREE, solve.FREE
    for place in np.ndindex(shape):
        colour = [int(sample[place]) for sample in samples]
        dark, bright = 0 in colour, 255 in colour
        about = sum(weight * channel for weight, channel in zip((19595, 38470, 7471), colour, strict=True)) >> 16
        first, *others = [(int(plane[place]),) * 2 for plane in planes]
        if dark or bright or covered[place]:
            others = [free, free]
            first = free if dark == bright or covered[place] else (0, about + 1) if dark else (about - 1, 255)
        found = [(int(low[place]), int(high[place])) for low, high in zip(lowest, highest, strict=True)]
        assert found == [first, *others]


@given(SEEDS, SIDES)
def test_covered_samples_are_filled(seed, shape):
    """With the nearest of the row that is not covered, the first of two; rows without any stay."""
    rng = np.random.default_rng(seed)
    planes = rng.integers(0, 256, (3, *shape)).astype(np.int32)
    covered = (rng.random(shape) < rng.choice([0.3, 0.8, 1])).astype(np.uint8)
    filled = planes.copy()
    bounds.fill(Channels(*filled), covered)
    for y, x in np.ndindex(shape):
        open_ones = np.flatnonzero(covered[y] == 0).tolist()
        place = min(open_ones, key=lambda other: (abs(other - x), other), default=x)
        assert (filled[:, y, x] == planes[:, y, place]).all()


@settings(max_examples=FEW)
@given(SEEDS)
def test_what_was_painted(seed):
    """A colour that goes on was painted if what lies beside it in a row is of clearly another, in the median."""
    rng = np.random.default_rng(seed)
    rows, width = 12, 14
    colours = rng.choice([0, 40, 56, 120, 255], (3, 3)).astype(np.int32)
    picked = np.repeat(np.repeat(rng.integers(0, 3, (3, 7)), 4, axis=0), 2, axis=1)
    samples = [np.ascontiguousarray(colours[picked, channel]) for channel in range(3)]
    seen = [[tuple(int(sample[y, x]) for sample in samples) for x in range(width)] for y in range(rows)]
    flat = [seen[y][x] for y, x in np.ndindex(rows - 1, width - 1) if seen[y][x] in (seen[y + 1][x], seen[y][x + 1])]
    painted = set()
    for colour in set(flat):
        change = [
            max(abs(a - b) for a, b in zip(line[x], line[x + 1], strict=True))
            for line in seen
            for x in range(width - 1)
            if (line[x] == colour) != (line[x + 1] == colour)
        ]
        if flat.count(colour) >= bounds.LEAST_PAINTED and change and np.median(change) >= bounds.PAINTED_CONTRAST:
            painted.add(colour)
    assert bounds.painted(samples).tolist() == [[colour in painted for colour in line] for line in seen]


@given(SEEDS, st.integers(0, 15), FACTORS)
def test_shrinking_inverts_enlarging(seed, left, down):
    """Smooth components come back about."""
    rng = np.random.default_rng(seed)
    ramp = 60 + 90 * np.sin(np.arange(24) / 5 + rng.random()) ** 2
    component = np.tile(np.rint(ramp), (24, 1)).astype(np.int32)
    rows, width = 6, 24
    plane = np.zeros((rows, width), np.int32)
    dct.enlarge(component, Grid(down, 2, 0, left), dct.TRIANGLE, plane)
    count = (left % 2 + width - 1) // 2 + 1
    inside = halved(plane.T.astype(float), np.ones(plane.T.shape), left % 2)[0].T[:, 1:-1]
    np.testing.assert_allclose(inside, np.tile(component[0, left // 2 :][1 : count - 1], (rows, 1)), atol=2)


def converted(y, cb, cr):
    return naive_context.to_rgb(int(y), int(cb), int(cr))


@settings(max_examples=FEW)
@given(
    st.tuples(*[st.integers(0, 255)] * 3),
    st.booleans(),
    st.integers(0, 20),
    st.sampled_from([(1, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1)]),
)
def test_bounds_of_clipped_colours(origin, light, away, sure):
    """Against all that converts to a colour with a clipped channel: bounds hold what is near, and are no wider."""
    y, cb, cr = origin
    # Go on until a channel is clipped.
    colour = converted(y, cb, cr)
    while min(colour) > 0 and max(colour) < 255:
        y, cr = (min(255, y + 3), min(255, cr + 2)) if light else (max(0, y - 3), max(0, cr - 2))
        colour = converted(y, cb, cr)
    found = np.array([[y, cb if sure[1] else max(0, cb - away), cr]])
    lowest, highest = np.zeros((2, 1, 3), np.int64)
    hints = cross_component.Hints(found, np.array([sure], np.uint8))
    memory = cross_component.Memory(np.array([colour]), hints, lowest, highest)
    cross_component.bound_clipped(USUAL_CONVERSION, 0, memory)
    everything = naive.origins(*colour)
    for k, is_sure in enumerate(sure):
        everything = everything[(everything[:, k] == (y, cb, cr)[k]) | (not is_sure)]
    assert [y, cb, cr] in everything.tolist()
    inside = everything[(abs(everything - found)[:, 1:] <= cross_component.CLIP_REACH).all(axis=1)]
    assert (lowest <= inside).all() and (inside <= highest).all()
    for k in range(3):
        low, high, values = lowest[0, k], highest[0, k], everything[:, k]
        assert low == -solve.FREE or low == values.min()
        assert high == solve.FREE or high == values.max()
        if (abs(everything - found)[:, 1:] < cross_component.CLIP_REACH).all():
            assert (low, high) == (values.min(), values.max())


def test_bounds_where_nothing_converts():
    """A colour that no Cb, Cr go to with this Y is not bounded."""
    colour = (250, 0, 120)
    every = naive.origins(*colour)
    y = next(y for y in range(256) if y not in every[:, 0])
    lowest, highest = np.zeros((2, 1, 3), np.int64)
    hints = cross_component.Hints(np.array([[y, 128, 128]]), np.array([[1, 0, 0]], np.uint8))
    memory = cross_component.Memory(np.array([colour]), hints, lowest, highest)
    cross_component.bound_clipped(USUAL_CONVERSION, 0, memory)
    assert (highest - lowest >= solve.FREE).all()


@settings(max_examples=FEW)
@given(SEEDS)
def test_match_drawn(seed):
    """Planes still convert to the same colours; what was drawn is taken where it does, else what is no farther."""
    rng = np.random.default_rng(seed)
    shape = (3, 3, 4)
    like = rng.choice([0, 3, 120, 128, 131, 250, 255], shape) + rng.integers(-9, 10, shape)
    like = np.clip(like, 0, 255).astype(np.int32)
    planes = np.clip(like + rng.integers(-3, 4, shape) * rng.integers(0, 2, shape), 0, 255).astype(np.int32)
    samples = reached(list(planes))
    before = planes.copy()
    room = np.empty(shape[2], np.int32)
    same = cross_component.match_drawn(USUAL_CONVERSION, Channels(*samples), Channels(*like), planes, room)
    np.testing.assert_array_equal(reached(list(planes)), samples)
    fitting = 0
    for y, x in np.ndindex(*shape[1:]):
        colour = tuple(int(sample[y, x]) for sample in samples)
        drawn_here, now, was = (array[:, y, x] for array in (like, planes, before))
        if converted(*drawn_here) == colour:
            fitting += 1
            assert now.tolist() == drawn_here.tolist()
            continue
        away, away_before = abs(now - drawn_here), abs(was - drawn_here)
        assert np.count_nonzero(away) <= np.count_nonzero(away_before) or away.sum() < away_before.sum()
        nearest = [converted(*(drawn_here + step * sign)) for step in np.eye(3, dtype=int) for sign in (-1, 1)]
        inside = [((drawn_here + step * sign) >= 0).all() and ((drawn_here + step * sign) <= 255).all()
                  for step in np.eye(3, dtype=int) for sign in (-1, 1)]  # fmt: skip
        if (min(colour) == 0 or max(colour) == 255) and any(
            one == colour and valid for one, valid in zip(nearest, inside, strict=True)
        ):
            assert away.sum() == 1
    assert same == fitting


def solved(samples, table, lowest=None, highest=None, inverse=dct.ACCURATE):
    """The coefficients found for one block, and whether it is reported solved."""
    samples = np.asarray(samples, np.int32).reshape(8, 8)
    blocks = np.zeros((1, 1, SIZE), np.int32)
    limits = [samples if bound is None else bound.astype(np.int32) for bound in (lowest, highest)]
    inversion = solve.Inversion.of(table, inverse)
    found = solve.Solved.unsolved(blocks)
    solve.solve(solve.Guessed(guesses(samples), *limits), inversion, SIZE, found, solve.scratch())
    return blocks, found.missed == 0


def quiet_block(rng, table, inverse=dct.ACCURATE):
    """Coefficients of samples within the range; what they are drawn as."""
    wished = rng.normal(size=SIZE) * 120 / (1 + np.arange(SIZE) // 8 + np.arange(SIZE) % 8) ** 1.5
    block = np.rint(wished / table).astype(np.int32).reshape(1, 1, SIZE)
    while True:
        samples = drawn(block, table, inverse)[0]
        if samples.min() > 0 and samples.max() < 255:
            return block, samples
        block //= 2


@settings(max_examples=FEW)
@given(SEEDS, INVERSES)
def test_drawn_blocks_are_solved(seed, inverse):
    """Coefficients of steps of at least 3 come back, of 8 where the transform is not as accurate."""
    rng = np.random.default_rng(seed)
    table = rng.integers(3 if inverse == dct.ACCURATE else 8, 60, SIZE)
    block, samples = quiet_block(rng, table, inverse)
    found, is_solved = solved(samples, table, inverse=inverse)
    assert is_solved
    np.testing.assert_array_equal(found, block)


@settings(max_examples=FEW)
@given(SEEDS, st.integers(1, 3), st.sampled_from(["drawn", "noise", "clipped", "bounds"]))
def test_what_is_reported_solved_lies_within_its_bounds(seed, least, kind):
    """Small steps, samples that nothing was drawn for, samples cut at black and white, and bounds."""
    rng = np.random.default_rng(seed)
    table = rng.integers(least, 4, SIZE)
    _, samples = quiet_block(rng, table)
    if kind == "noise":
        samples = rng.integers(0, 256, (8, 8))
    elif kind == "clipped":
        samples = np.clip(3 * samples - 256, 0, 255)
    slack = rng.integers(0, 3, (2, 8, 8)) if kind == "bounds" else np.zeros((2, 8, 8), int)
    lowest, highest = samples - slack[0], samples + slack[1]
    if kind == "bounds":
        free = rng.random((8, 8)) < 0.1
        lowest[free], highest[free] = -solve.FREE, solve.FREE
    found, is_solved = solved(samples, table, lowest, highest)
    if is_solved:
        again = np.array(naive.draw(found.tolist(), table.tolist())[0])
        assert (lowest <= again).all() and (again <= highest).all()
    assert is_solved or kind != "drawn" or least < 3  # smaller steps are not always solved


# Pillow as a JPEG decoder.


def picture(seed, shape, channels):
    """Smooth on a large scale, with some texture in each channel, nowhere black or white."""
    rng = np.random.default_rng(seed)

    def texture(times, count):
        field = rng.normal(size=(*shape, count))
        for _ in range(times):
            field = (field + np.roll(field, 1, 0) + np.roll(field, 1, 1) + np.roll(field, 1, (0, 1))) / 4
        return field / (field.std() or 1)

    field = 128 + 25 * texture(8, 1) + 10 * texture(6, channels) + 5 * texture(3, channels)
    return np.clip(np.rint(field), 1, 254).astype(np.uint8)


def through_jpeg(image, quality, subsampling):
    """What Pillow decodes, and the steps that the file has of its components."""
    data = io.BytesIO()
    if image.shape[2] == 1:
        Image.fromarray(image[:, :, 0]).save(data, "JPEG", quality=quality)
    else:
        Image.fromarray(image).save(data, "JPEG", quality=quality, subsampling=subsampling)
    with Image.open(data) as decoded:
        return np.array(decoded), [list(decoded.quantization[min(k, len(decoded.quantization) - 1)]) for k in range(3)]


def jpeg(seed, shape=(96, 112), channels=3, quality=75, subsampling="4:2:0"):
    return through_jpeg(picture(seed, shape, channels), quality, subsampling)[0]


def planes_of(image):
    if image.ndim == 2:
        return [image.astype(np.int32)]
    return LATTICE.forward([np.ascontiguousarray(image[:, :, k], np.int32) for k in range(3)])


def redrawn(origins, image):
    """Which samples come out of coefficients, by the twins' means where a component is enlarged."""
    planes = [origin.draw(image.shape[:2])[0] for origin in origins]
    if image.ndim == 2:
        return planes[0] == image
    return (np.stack(reached(planes), axis=2) == image).all(axis=2)


SUBSAMPLINGS = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2), "gray": (1, 1)}


@COMPILED
@pytest.mark.parametrize("place", [(0, 0), (3, 5), (16, 7), (9, 0)])
@pytest.mark.parametrize("quality", [50, 75, 90, 95, 98])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_coefficients_are_found(subsampling, quality, place):
    """The grid, the subsampling and the table of a JPEG file, and coefficients that nearly all samples come out of."""
    down, across = SUBSAMPLINGS[subsampling]
    source = picture(quality, (128, 144), 1 if subsampling == "gray" else 3)
    whole, steps = through_jpeg(source, quality, subsampling)
    image = np.ascontiguousarray(whole[place[0] :, place[1] :])
    found = recover_planes(planes_of(image), 1 if image.ndim == 2 else 3)
    assert found is not None
    origins, planes, share, _ = found
    assert len(origins) == len(planes) == (1 if image.ndim == 2 else 3)
    assert origins[0].grid == Grid(1, 1, place[0] % 8, place[1] % 8)
    for origin in origins[1:]:
        assert layout_of(origin) == (down, across, place[0] % (8 * down), place[1] % (8 * across))
    for origin, expected in zip(origins, steps, strict=False):
        # High frequencies that hardly any block has may seem to have other steps.
        assert np.mean(origin.table == expected) > 0.9
        assert origin.table.tolist()[:3] == expected[:3]
    same = redrawn(origins, image)
    # Flat blocks do not count.
    assert same.mean() - 0.02 <= share <= same.mean() + 0.001
    # Blocks that a crop cuts are not known as a whole, and they reach one further sample where they are enlarged.
    inside = same[16:-16, 16:-16] if any(place) else same
    least = 0.99 if quality <= 90 else 0.95
    if quality == 98 and subsampling == "4:2:0":
        least = 0.8
    assert inside.mean() >= least
    if image.ndim == 3:
        samples = np.stack(reached(planes), axis=2)
        np.testing.assert_array_equal(samples, image)


@COMPILED
@pytest.mark.parametrize(("inverse", "seed", "deviation"), [(dct.SHORT, 2, 45), (dct.FAST, 3, 20)])
def test_inverse_transforms_are_found_by_coarse_steps(inverse, seed, deviation):
    """Most blocks come out by the accurate one, too, or steps seem finer than they are by it."""
    soft = np.clip(128 + clouds(np.random.default_rng(seed), 1.7, deviation), 0, 255).astype(np.uint8)
    ((usual,), _, share, _) = recover_planes(planes_of(through_jpeg(soft[:, :, None], 32, None)[0]), 1)
    assert share == 1 and usual.decoder.inverse == dct.ACCURATE
    decoder = Decoder(inverse)
    plane = replace(usual, decoder=decoder).draw(soft.shape)[0]
    found = recover_planes([plane], 1)
    assert found.origins[0].decoder == decoder and found.share == 1
    np.testing.assert_array_equal(found.origins[0].coefficients, usual.coefficients)


@COMPILED
@pytest.mark.parametrize("place", [(0, 0), (9, 5)])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("decoder", [Decoder(*kinds) for kinds in DECODERS])
def test_decoders_are_found(decoder, subsampling, place):
    """What other decoders make of a file is found to be theirs, where it is not the same."""
    image = jpeg(3, (144, 160), 1 if subsampling == "gray" else 3, 80, subsampling)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    usual = recover_planes(planes_of(image), 1 if image.ndim == 2 else 3)
    assert usual is not None
    planes = [replace(origin, decoder=decoder).draw(image.shape[:2])[0] for origin in usual.origins]
    samples = reached(planes) if len(planes) == 3 else planes
    other = np.stack(samples, axis=2)[place[0] :, place[1] :].astype(np.uint8)
    found = recover_planes(planes_of(other[:, :, 0] if len(planes) == 1 else other), len(planes))
    assert found is not None
    # Of a crop, blocks at the borders are not known as a whole; flat blocks do not count.
    assert found.share > (0.85 if any(place) else 0.97)
    for number, origin in enumerate(found.origins):
        down, across = SUBSAMPLINGS[subsampling] if number else (1, 1)
        assert layout_of(origin) == (down, across, place[0] % (8 * down), place[1] % (8 * across))
        assert np.mean(origin.table == usual.origins[number].table) > 0.9
        assert origin.decoder.inverse == decoder.inverse
        if origin.grid.is_enlarged:
            assert origin.decoder == decoder


@COMPILED
@pytest.mark.parametrize("channels", [1, 3])
def test_images_that_were_never_jpeg_coded(channels):
    """Noise, smooth images, flat ones and ramps have no coefficients."""
    rng = np.random.default_rng(channels)
    shape = (96, 112, channels)
    ramp = np.broadcast_to((np.arange(96)[:, None, None] + np.arange(112)[:, None]) % 256, shape)
    for image in (
        rng.integers(0, 256, shape),
        picture(1, shape[:2], channels),
        np.clip(picture(2, shape[:2], channels) + rng.integers(-5, 6, shape), 0, 255),
        np.full(shape, 77),
        ramp,
        np.zeros(shape),
        rng.choice([0, 255], shape),
    ):
        samples = image.astype(np.uint8)
        assert recover_planes(planes_of(samples[:, :, 0] if channels == 1 else samples), channels) is None


@COMPILED
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (7, 7), (8, 8), (9, 15), (16, 17)])
def test_small_images(shape):
    """However few samples there are, looking for coefficients ends, with planes that are as good."""
    for channels in (1, 3):
        image = jpeg(5, shape, channels, 50)
        found = recover_planes(planes_of(image), channels)
        if found is not None and channels == 3:
            np.testing.assert_array_equal(np.stack(reached(found[1]), axis=2), image)


@given(SEEDS, st.integers(1, STANDARD_TABLES))
@settings(max_examples=5)
def test_pillow_draws_the_same(seed, number):
    """A gray JPEG file drawn by the kernel from what its own decoder says: one block of one coefficient."""
    rng = np.random.default_rng(seed)
    quality = (number - 1) % 100 + 1
    flat = np.full((8, 8, 1), int(rng.integers(60, 190)), np.uint8)
    image, (steps, *_) = through_jpeg(flat, quality, None)
    assert steps == standard_table(quality).tolist()
    block = np.zeros((1, 1, SIZE), np.int32)
    away = int(flat[0, 0, 0]) - 128
    # As libjpeg rounds: halves away from 0.
    block[0, 0, 0] = np.sign(away) * ((abs(away) * 8 + steps[0] // 2) // steps[0])
    np.testing.assert_array_equal(drawn(block, np.array(steps))[0], image)


# The coder.


def layout_of(origin):
    """The factors of a component, and where its plane begins in a block, be it cut out of a larger one or not."""
    down, across, top, left = origin.grid[:4]
    return down, across, top % (SIDE * down), left % (SIDE * across)


def cut_out(grid, above, below, before, behind):
    """The grid of a component that goes on beyond some sides of its plane, if it shows that."""
    down, across, top, left = grid[:4]
    top = SIDE * down if down == 2 and above and not top else top
    left = SIDE * across if across == 2 and before and not left else left
    return Grid(down, across, top, left, below if down == 2 else 0, behind if across == 2 else 0)


def random_origin(rng, rows, width, grid=None, sides=(0, 0, 0, 0)):
    """A plane's origin: any place in the grid, any table, any coefficients, any decoder."""
    if grid is None:
        down, across = (int(number) for number in rng.integers(1, 3, 2))
        top, left = (int(rng.integers(0, SIDE * factor)) * int(rng.integers(0, 2)) for factor in (down, across))
        grid = cut_out(Grid(down, across, top, left), *sides)
    decoder = Decoder(*KINDS[int(rng.integers(0, len(KINDS)))])
    origin = Origin.empty(grid, random_table(rng), (rows, width), decoder)
    return replace(origin, coefficients=random_blocks(rng, *origin.coefficients.shape[:2]))


def recovered(rng, models, rows, width):
    """A coder of planes that are all but drawn from random origins."""
    grid = None if rng.integers(0, 2) else Grid(1, 1, 3, 5)
    sides = rng.integers(0, 2, 4).tolist()
    origins = [random_origin(rng, rows, width, grid, sides) for _ in models]
    if rng.integers(0, 2):
        origins[1:2] = [replace(origin, decoder=origins[0].decoder) for origin in origins[:1] * len(origins[1:2])]
    planes = [changed(rng, origin.draw((rows, width))[0]) for origin in origins]
    return DctCoder(models, [Recovered(origins, planes, 0.5)])


@settings(max_examples=FEW)
@given(SEEDS, st.sampled_from([1, 3]), st.tuples(st.integers(1, 10), st.integers(1, 18)))
def test_any_plan_and_any_origin(seed, count, shape):
    """Planes come back whatever their origins are, and with them their corrections."""
    rng = np.random.default_rng(seed)
    coder = recovered(rng, tuple(random_model(rng) for _ in range(count)), *shape)
    ranges = ONE if count == 1 else COLOUR
    correction = (rng.integers(0, 511**3, shape) * (rng.random(shape) < 0.1)).astype(np.int32)
    planes = [*coder.recovered[0].planes, correction][: len(ranges)]
    kept = [plane.copy() for plane in planes]
    streams = coder.encode(planes, ranges, shape[0])
    assert len(streams) == len(planes)
    assert all(not stream.endswith(b"\0") for stream in streams)
    assert coder.encode(planes, ranges, shape[0]) == streams
    for coded in (coder, DctCoder(coder.models)):
        decoded = coded.decode(streams, ranges, *shape, shape[0])
        for plane, again, before in zip(planes, decoded, kept, strict=True):
            assert again.dtype == np.int32
            np.testing.assert_array_equal(again, before)
            np.testing.assert_array_equal(plane, before)


@settings(max_examples=FEW)
@given(SEEDS, st.sampled_from([1, 3]), st.tuples(st.integers(1, 10), st.integers(1, 18)), st.integers(2, 4))
def test_groups(seed, count, shape, images):
    """Images of a group come back, whether their heads are alike or not."""
    rng = np.random.default_rng(seed)
    models = tuple(random_model(rng) for _ in range(count))
    found = [recovered(rng, models, *shape).recovered[0] for _ in range(images)]
    found[1] = found[int(rng.integers(0, 2))]
    if images > 2:
        found[2] = moved(rng, found[1])
    ranges = [PlaneRange(0, 255)] * count
    planes = [np.concatenate(each) for each in zip(*(image.planes for image in found), strict=True)]
    streams = DctCoder(models, found).encode(planes, ranges, shape[0])
    decoded = DctCoder(models).decode(streams, ranges, images * shape[0], shape[1], shape[0])
    for plane, again in zip(planes, decoded, strict=True):
        np.testing.assert_array_equal(plane, again)


@COMPILED
@given(SEEDS, st.sampled_from([1, 3]), st.tuples(st.integers(1, 10), st.integers(1, 18)), st.integers(1, 3))
def test_groups_that_go_on(seed, count, shape, images):
    """A group and one that goes on from it leave the state that one of all their images does."""
    rng = np.random.default_rng(seed)
    models = tuple(random_model(rng) for _ in range(count))
    found = [recovered(rng, models, *shape).recovered[0] for _ in range(images)]
    found.append(moved(rng, found[-1]))
    ranges, coder = [PlaneRange(0, 255)] * count, DctCoder(models)

    def encoded(coder, some):
        planes = [np.concatenate(each) for each in zip(*(image.planes for image in some), strict=True)]
        area = len(some) * shape[0], shape[1], shape[0]
        return planes, (coder.of_origins(some).encode(planes, ranges, shape[0]), ranges, *area)

    _, before = encoded(coder, found[:images])
    left = coder.after(*before)
    assert left.left.heads == tuple(map(heads.Head.of, found[images - 1].origins))
    planes, behind = encoded(left, found[images:])
    for plane, again in zip(planes, left.decode(*behind), strict=True):
        np.testing.assert_array_equal(plane, again)
    ends = left.after(*behind), coder.after(*encoded(coder, found)[1])
    assert ends[0].left.heads == ends[1].left.heads
    for one, same in zip(*(each.left.models_of_pixels for each in ends), strict=True):
        np.testing.assert_array_equal(one, same)
    for one, same in zip(*(each.models for each in ends), strict=True):
        np.testing.assert_array_equal(one.start.mixture.models, same.start.mixture.models)
        np.testing.assert_array_equal(one.start.mixture.weights, same.start.mixture.weights)
        np.testing.assert_array_equal(one.start.plain, same.start.plain)


def moved(rng, found):
    """An image that differs by its coefficients and by where its blocks begin."""
    row, column = (int(place) for place in rng.integers(0, 2 * SIDE, 2))
    sides, shape = rng.integers(0, 2, 4).tolist(), found.planes[0].shape
    origins = []
    for origin in found.origins:
        down, across = origin.grid[:2]
        grid = cut_out(Grid(down, across, row % (SIDE * down), column % (SIDE * across)), *sides)
        blank = Origin.empty(grid, origin.table, shape, origin.decoder)
        origins.append(replace(blank, coefficients=random_blocks(rng, *blank.coefficients.shape[:2])))
    return Recovered(origins, [changed(rng, origin.draw(shape)[0]) for origin in origins], 0.5)


def test_what_heads_take():
    """Images of a group that lie otherwise over the same blocks take two bytes more each; alike, they take no more."""
    rng = np.random.default_rng(8)
    grids = [Grid(1, 1, 3, 5), Grid(2, 2, 11, 5, 1, 1), Grid(2, 2, 11, 5, 1, 1)]
    image = [random_origin(rng, 20, 20, grid) for grid in grids]
    table, decoder = standard_table(7), Decoder()
    image = [replace(origin, table=table, decoder=decoder) for origin in image]
    again = [replace(origin, grid=grid._replace(top=grid.top - 2)) for origin, grid in zip(image, grids, strict=True)]
    assert [len(heads.pack_heads(images)) for images in ([image], [image] * 8, [image, again], [image] * 9)] == [
        8,
        8,
        10,
        10,
    ]


@settings(max_examples=FEW)
@given(SEEDS, st.sampled_from([1, 3]))
def test_heads_are_read_again(seed, count):
    """Of images that differ in all or in their places only, of more than 8 that are alike, and of repeated samples,
    which cannot be moved."""
    rng = np.random.default_rng(seed)
    images = []
    while len(images) < 12:
        down, across = (int(factor) for factor in rng.integers(1, dct.MOST_REPEATED + 1, 2))
        corner = int(rng.integers(0, SIDE * down)), int(rng.integers(0, SIDE * across))
        is_wide = max(down, across) > 2
        usual = [random_origin(rng, 9, 9, cut_out(Grid(down, across, *corner), *rng.integers(0, 2, 4).tolist()))]
        found = [replace(one, decoder=Decoder(0, dct.REPLICATED)) if is_wide else one for one in usual] * count
        images += [found] * int(rng.integers(1, 12))
        row, column = (int(place) for place in rng.integers(0, SIDE, 2))
        images += [[replace(one, grid=Grid(down, across, row, column)) for one in found]]
    packed = heads.pack_heads(images)
    found, size = heads.read_heads(packed, len(images), count)
    assert size == len(packed)
    assert found == [tuple(map(heads.Head.of, image)) for image in images]


def test_more_alike_images_than_one_head_can_count():
    rng = np.random.default_rng(3)
    models = (random_model(rng),)
    one = recovered(rng, models, 1, 2).recovered[0]
    images = 2 * heads.MOST_FURTHER + 5
    planes = [np.concatenate([one.planes[0]] * images)]
    streams = DctCoder(models, [one] * images).encode(planes, ONE, 1)
    np.testing.assert_array_equal(DctCoder(models).decode(streams, ONE, images, 2, 1)[0], planes[0])


def test_heads_of_another_number_of_images():
    coder, streams, ranges = small_coder(1)
    for further in (2, 7):
        with pytest.raises(FormatError, match="more images than there are"):
            coder.decode([bytes([further]) + streams[0][1:]], ranges, 10, 7, 5)


def test_heads_that_cannot_be_moved():
    coder, streams, ranges = small_coder(1)
    wide = bytes([0, 4 * heads.WIDE, 3, 0, 0, 1])
    for stream, images in ((bytes([heads.MOVED]) + streams[0][1:], 1), (wide + bytes([heads.MOVED, 0]), 2)):
        with pytest.raises(FormatError, match="could be moved"):
            coder.decode([stream], ranges, 5 * images, 7, 5)


@COMPILED
def test_an_image_without_origin_among_others_that_have_one():
    """Tiles of a JPEG decoder and one that never was are coded together, and come back."""
    tiles = [jpeg(seed, (64, 64)) for seed in range(3)]
    noise = np.random.default_rng(5).integers(0, 256, tiles[0].shape).astype(np.uint8)
    stack = np.stack([tiles[0], noise, *tiles[1:]])
    data = sofc.encode(stack, batch=True, key_interval=4)
    np.testing.assert_array_equal(sofc.decode(data), stack)


@settings(max_examples=FEW)
@given(SEEDS, st.sampled_from([1, 3]), st.tuples(st.integers(1, 9), st.integers(1, 12)))
def test_twin(seed, count, shape):
    """A plain decoder reads the same planes: heads, references between components, and all that the streams hold."""
    rng = np.random.default_rng(seed)
    coder = recovered(rng, tuple(random_model(rng) for _ in range(count)), *shape)
    streams = coder.encode(coder.recovered[0].planes, ONE * count, shape[0])
    tables = [standard_table(number).tolist() for number in range(1, STANDARD_TABLES + 1)]
    before, others = [], {}
    for model, found, plane, origin in zip(
        coder.models,
        naive.Stream.all_of(streams, tables),
        coder.recovered[0].planes,
        coder.recovered[0].origins,
        strict=True,
    ):
        rows, columns = found.blocks(*shape)
        said = [
            by_place(np.array([[other.block(row, column) for column in range(columns)] for row in range(rows)]))
            for other in (naive.Reference(*each, found.grid) for each in reversed(before))
        ]
        plain = naive.Component(found.table, {}, *[*said, {}, {}][:2])
        no_hash, *lists = lists_of(model.start, model.plan.starts(model.start.contexts))
        reader = naive_context.Reader(found.rest)
        mixed = naive_context.Mixing(None, model.sets, TABLES, *lists, naive_context.Counting(reader, 60))
        weights = (model.plan.mean_weights.tolist(), model.plan.size_weights.tolist())
        terms = (each[: model.start.contexts].tolist() for each in (CONTEXTS, BLOCK_CONTEXTS))
        coefficients = naive.Blocks(plain, *weights, *terms, mixed, no_hash, network=model.network).code(
            rows, columns, None
        )
        assert coefficients == origin.coefficients.tolist()
        like, eighths = found.draw(coefficients, *shape)
        corner = (found.grid[2] % SIDE, found.grid[3] % SIDE)
        samples, others = naive.Lacks(reader).code(None, like, eighths, others, *corner, 255)
        assert samples == plane.tolist()
        before.append((plain.known, (rows, columns), found.grid))


@settings(max_examples=FEW)
@given(SEEDS, st.tuples(st.integers(1, 40), st.integers(1, 40)), st.tuples(*[st.integers(1, 4)] * 4))
def test_references(seed, shape, factors):
    """Coefficients of one component as another's, at any ratio of factors and from any place."""
    rng = np.random.default_rng(seed)

    def origin(down, across):
        grid = Grid(down, across, int(rng.integers(0, SIDE * down)), int(rng.integers(0, SIDE * across)))
        return random_origin(rng, *shape, grid)

    target, source = origin(*factors[:2]), origin(*factors[2:])
    if rng.random() < 0.2:
        source = random_origin(rng, *shape, target.grid)
    found = referred(source.values(), source, target)
    rows, columns, _ = target.coefficients.shape
    assert found.shape == (rows + 1, columns + 2, SIZE)
    blocks = source.coefficients.shape[:2]
    twin = naive.Reference(by_place(source.coefficients * source.table), blocks, source.grid, target.grid)
    for row, column in np.ndindex(rows, columns):
        assert found[row + 1, column + 1].tolist() == twin.block(row, column)
    assert not found[0].any() and not found[:, 0].any() and not found[:, -1].any()


def small_coder(seed=0, count=1, shape=(5, 7)):
    """A coder, streams of planes of its, and their ranges."""
    rng = np.random.default_rng(seed)
    coder = recovered(rng, tuple(random_model(rng) for _ in range(count)), *shape)
    ranges = ONE if count == 1 else COLOUR
    planes = [*coder.recovered[0].planes, np.zeros(shape, np.int32)][: len(ranges)]
    return DctCoder(coder.models), coder.encode(planes, ranges, shape[0]), ranges


@COMPILED
def test_heads():
    """What a head may say, and what it may not: the place in the grid goes with the enlargement."""
    coder, _, _ = small_coder()

    def refusal(head):
        """What the decoder has against a head; zeros that follow may be anything."""
        try:
            coder.decode([bytes([0, *head])], ONE, 5, 7, 5)
        except FormatError as error:
            return "" if "leads outside" in str(error) else str(error)
        return ""

    for flags, down, across in ((0, 1, 1), (1, 2, 1), (2, 1, 2), (3, 2, 2)):
        for top, left in itertools.product((0, 7, 8, 15), repeat=2):
            fine = top < 8 * down and left < 8 * across
            assert fine == (refusal([flags, top | left << 4, 1]) == "")
            for inverse, upsampling in KINDS:
                kinds = 4 * upsampling + 28 * inverse
                assert fine == (refusal([flags + kinds, top | left << 4, 1]) == "")
    known = {4 * upsampling + 28 * inverse for inverse, upsampling in KINDS}
    # A wide head with factors of 1 is wrong, too.
    wrong = ([flags, 0, 1] for flags in range(0, 256, 4) if flags not in known)
    for head in (*wrong, [0, 0, 201], [0, 0, 255], [0, 8, 1], [0, 128, 1]):
        assert "out of range" in refusal(head)
    wide = 4 * heads.WIDE
    for down, across in itertools.product((1, 2, 3, 4), repeat=2):
        for top, left in ((0, 0), (8 * down - 1, 8 * across - 1), (8 * down, 0), (0, 8 * across)):
            fine = max(down, across) > 2 and top < 8 * down and left < 8 * across
            assert fine == (refusal([wide, down - 1 | (across - 1) << 4, top, left, 1]) == "")
    for head in ([wide, 4, 0, 0, 1], [wide, 64, 0, 0, 1], [wide | 1, 3, 0, 0, 1], [wide, 3, 0, 0, 201]):
        assert "out of range" in refusal(head)
    assert refusal([wide, 3, 0, 0, 0, *[1] * SIZE]) == ""
    assert "step" in refusal([wide, 3, 0, 0, 0, *[1] * 63])
    for number in (1, 100, 101, STANDARD_TABLES):
        assert refusal([0, 0, number]) == ""
    assert refusal([0, 0, 0, *[1] * SIZE]) == ""
    for table in ([], [1] * 63, [0] * SIZE, [*[1] * 63, 0], [0, *[1] * 63]):
        assert "step" in refusal([0, 0, 0, *table])
    with pytest.raises(FormatError):
        coder.decode([b""], ONE, 5, 7, 5)


def test_tables_of_an_encoder():
    """Quality 50 has the tables of T.81 as they are; no step leaves one byte."""
    assert standard_table(50)[:4].tolist() == [16, 11, 10, 16]
    assert standard_table(150)[:4].tolist() == [17, 18, 24, 47]
    for number in range(1, STANDARD_TABLES + 1):
        table = standard_table(number)
        assert table.shape == (SIZE,) and table.min() >= 1 and table.max() <= 255
    assert (standard_table(100) == 1).all() and (standard_table(200) == 1).all()


@COMPILED
def test_only_images_of_8_bits():
    for count in (1, 3):
        coder, streams, ranges = small_coder(1, count)
        assert len(coder.decode(streams, ranges, 5, 7, 5)) == len(ranges)
        for wrong in ([PlaneRange(0, 254)], [PlaneRange(-1, 255)], [PlaneRange(0, 65535)], []):
            with pytest.raises(FormatError, match="8 bits"):
                coder.decode(streams, [*wrong, *ranges[1:]] if wrong else [], 5, 7, 5)
        planes = [np.zeros((6, 7), np.int32)] * len(ranges)
        assert find_coefficients(planes, ranges, 3, count) is None
        assert find_coefficients(planes, [PlaneRange(0, 65535)] * len(ranges), 6, count) is None


def test_thin_lines():
    """Whole blocks would take too much room for them."""
    coder, streams, _ = small_coder()
    line = np.full((1, 6000), 7, np.int32)
    for rows, width in ((1, 6000), (6000, 1)):
        with pytest.raises(FormatError, match="thin"):
            coder.decode(streams, ONE, rows, width, rows)
        assert find_coefficients([line.reshape(rows, width)], ONE, rows, 1) is None


def test_corrections_out_of_range():
    coder, streams, ranges = small_coder(2, 3)
    wide = recovered(np.random.default_rng(2), coder.models, 5, 7)
    correction = np.full((5, 7), 9, np.int32)
    streams = wide.encode([*wide.recovered[0].planes, correction], ranges, 5)
    with pytest.raises(FormatError, match="correction"):
        coder.decode(streams, [*ranges[:3], PlaneRange(0, 8)], 5, 7, 5)


# Damage.


def decode_or_refuse(coder, streams, ranges, rows, width):
    """FormatError, or planes in their ranges."""
    try:
        planes = coder.decode(streams, ranges, rows, width, rows)
    except FormatError:
        return False
    for plane, span in zip(planes, ranges, strict=True):
        assert plane.shape == (rows, width)
        assert span.low <= plane.min() and plane.max() <= span.high
    return True


@settings(max_examples=FEW)
@given(
    st.lists(st.binary(max_size=60), min_size=4, max_size=4),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 119), st.integers(1, 200)), min_size=3, max_size=3),
)
def test_garbage_streams(streams, shape, heads):
    """Bytes of any kind, and behind heads that are in range."""
    coder, _, ranges = small_coder(3, 3)
    decode_or_refuse(coder, streams, ranges, *shape)
    led = [bytes(head) + stream for head, stream in zip(heads, streams, strict=False)]
    decode_or_refuse(coder, [*led, streams[3]], ranges, *shape)


@settings(max_examples=FEW)
@given(SEEDS, st.integers(0, 3), st.integers(0, 1 << 20), st.sampled_from(["bit", "cut", "longer", "zeros"]))
def test_damaged_streams(seed, number, place, kind):
    coder, streams, ranges = small_coder(seed, 3)
    damaged = bytearray(streams[number] or b"\0")
    place %= 8 * len(damaged)
    if kind == "bit":
        damaged[place // 8] ^= 1 << place % 8
    elif kind == "cut":
        del damaged[place // 8 :]
    elif kind == "longer":
        damaged += b"\xff\1"
    else:
        damaged[place // 8 :] = bytes(len(damaged) - place // 8)
    streams[number] = bytes(damaged)
    decode_or_refuse(coder, streams, ranges, 5, 7)


# Sections.


@settings(max_examples=FEW)
@given(SEEDS, st.sampled_from([1, 9000, WEIGHT_LIMIT]))
def test_plans_come_back(seed, limit):
    rng = np.random.default_rng(seed)
    rows = ROWS * int(rng.integers(1, 2 if INTERPRETED else 9))
    plan = ComponentPlan(
        rng.integers(-limit, limit, (rows, MEANS), endpoint=True),
        rng.integers(-limit, limit, (rows, SIZES), endpoint=True),
        rng.integers(BLOCK_BITS.start, BLOCK_BITS.stop, len(CONTEXTS)),
    )
    data = pack_plan(plan)
    again = unpack_plan(data)
    for name in ("mean_weights", "size_weights", "block_bits"):
        np.testing.assert_array_equal(getattr(again, name), getattr(plan, name))
    assert pack_plan(again) == data


def with_one(array, value):
    """A copy with the last number replaced."""
    result = array.copy()
    result.flat[-1] = value
    return result


@COMPILED
def test_plans_out_of_range():
    plan = random_plan(np.random.default_rng(0))
    wrong = {
        "mean_weights": (-WEIGHT_LIMIT - 1, WEIGHT_LIMIT + 1),
        "size_weights": (-WEIGHT_LIMIT - 1, WEIGHT_LIMIT + 1),
        "block_bits": (-1, BLOCK_BITS.start - 1, BLOCK_BITS.stop),
    }
    for name, values in wrong.items():
        for value in values:
            data = pack_plan(replace(plan, **{name: with_one(getattr(plan, name), value)}))
            with pytest.raises(FormatError, match=r"entries that are not|out of range"):
                unpack_plan(data)


def packed(rng, contexts=1):
    """The sections of one component, as training makes them, without trained bit models."""
    plan = random_plan(rng)
    bit_models = bytes(4 * (len(CONTEXTS) + 1))
    network = random_network(rng, NETWORKS) if rng.random() < 0.5 else NO_NETWORK
    mixers = Mixers(contexts, 1, random_state(rng, contexts, 1).mixture.weights, network)
    return [pack_plan(plan), bit_models, pack_mixers(mixers, NETWORKS)]


def test_number_of_sections():
    plan, bit_models, weights = packed(np.random.default_rng(0))
    assert DctCoder.from_sections([plan, bit_models, weights]).planes == 1
    if not INTERPRETED:
        assert DctCoder.from_sections([plan] * 3 + [bit_models] * 3 + [weights] * 3).planes == 3
    for sections in ([], [plan], [plan] * 2 + [bit_models] * 2 + [weights] * 2, [plan, bit_models, weights] * 4):
        with pytest.raises(FormatError, match="sections"):
            DctCoder.from_sections(sections)


@COMPILED
def test_too_many_contexts_and_bit_models():
    """Sections of a few bytes cannot ask for memory without end."""
    rng = np.random.default_rng(1)
    plan, bit_models, weights = packed(rng)
    many = len(CONTEXTS) + 1
    with pytest.raises(FormatError, match="contexts"):
        DctCoder.from_sections([plan, bit_models, packed_weights(many, 1, random_state(rng, many, 1).mixture.weights)])
    greedy = pack_plan(replace(random_plan(rng), block_bits=np.full(len(CONTEXTS), BLOCK_BITS.stop - 1)))
    with pytest.raises(LimitError, match="bit models"):
        DctCoder.from_sections([greedy] * 3 + [bit_models] * 3 + [weights] * 3)


@settings(max_examples=FEW)
@given(SEEDS, st.integers(0, 2), st.sampled_from(["bit", "cut", "longer", "head", "garbage"]))
def test_damaged_sections(seed, number, kind):
    """A section with a bit turned, cut, or longer is refused, or codes planes as well as it can."""
    rng = np.random.default_rng(seed)
    sections = packed(rng, int(rng.integers(1, 3)))
    damaged = bytearray(sections[number])
    place = int(rng.integers(0, 8 * len(damaged)))
    if kind == "bit":
        damaged[place // 8] ^= 1 << place % 8
    elif kind == "cut":
        del damaged[place // 8 :]
    elif kind == "longer":
        damaged += b"\xff"
    elif kind == "head":
        damaged[place % min(6, len(damaged))] = int(rng.integers(0, 256))
    else:
        damaged[int(rng.integers(0, 6)) :] = rng.bytes(80)
    sections[number] = bytes(damaged)
    try:
        coder = DctCoder.from_sections(sections)
    except (FormatError, LimitError):
        return
    ready = recovered(rng, coder.models, 3, 4)
    streams = ready.encode(ready.recovered[0].planes, ONE, 3)
    np.testing.assert_array_equal(coder.decode(streams, ONE, 3, 4, 3)[0], ready.recovered[0].planes[0])
    decode_or_refuse(coder, [bytes([0, 0, 1]) + rng.bytes(20)], ONE, 3, 4)


@given(st.lists(st.binary(max_size=60), max_size=9))
def test_garbage_sections(sections):
    with pytest.raises(FormatError):
        DctCoder.from_sections(sections)


# Files.


def trained(channels, coder):
    images = [jpeg(100 + number, channels=channels) for number in range(6)]
    return sofc.train(images, name="test", coder=coder, held_out=0).codebook


@pytest.fixture(scope="module")
def codebooks():
    """By components and coder, all trained on the same images."""
    return {(channels, coder): trained(channels, coder) for channels in (1, 3) for coder in ("dct", "context")}


@pytest.fixture(scope="module")
def both():
    """One for gray and colour together."""
    images = [jpeg(100 + number, channels=channels) for number in range(3) for channels in (1, 3)]
    return sofc.train(images, name="both", coder="dct", held_out=0).codebook


def coders_of(data, codebook):
    """Names of the codebook's coders that bands and groups were coded with, None for neutral ones."""
    names = {2: "context", DctCoder.id: "dct"}
    return [
        names[codebook.models[model - FIRST_CODEBOOK_MODEL].coder] if model >= FIRST_CODEBOOK_MODEL else None
        for model in models_of(data)
    ]


def check_file(image, codebook, **settings):
    """Encode, decode, compare; the file."""
    data = sofc.encode(image, codebook=codebook, **settings)
    found = sofc.decode(data, codebooks=lambda _: codebook)
    assert found.dtype == image.dtype
    np.testing.assert_array_equal(found, image)
    return data


def whitened(image):
    """Brighter in a part, up to white: clipped when it is decoded."""
    bright = image.astype(int)
    bright[20:60, 30:80] += 110
    return np.clip(bright, 0, 255).astype(np.uint8)


def altered(rng):
    """Ways to alter an image after it was decoded: (what is still coded as coefficients, a function)."""

    def framed(image):
        image[:, :9] = image[:, -11:] = image[:6] = image[-7:] = 0

    def noisy(image):
        part = image[:10, :12]
        part[:] = np.clip(part.astype(int) + rng.integers(-20, 21, part.shape), 0, 255)

    def lettered(image):
        image[70:80, 40:60] = 255
        image[72:78:3, 42:58] = 0

    return {"frame": framed, "noise": noisy, "letters": lettered}


ALTERED = ["highlight", *altered(np.random.default_rng(0))]
EFFORT = pytest.mark.parametrize("effort", [2, 5, 9])
CHANNELS = pytest.mark.parametrize("channels", [1, 3])


@COMPILED
def test_of_several_models_the_smallest_is_used(codebooks):
    """Two for the same effort, whichever comes first."""
    own = codebooks[3, "dct"]
    coarse = sofc.train([jpeg(200 + number, quality=30) for number in range(6)], name="coarse", coder="dct").codebook
    used = set()
    for one, other in ((own, coarse), (coarse, own)):
        moved = [
            replace(model, sections=tuple(len(one.sections) + number for number in model.sections))
            for model in other.models
        ]
        two = sofc.Codebook("two", (*one.models, *moved), (*one.sections, *other.sections))
        for image in (jpeg(7), jpeg(207, quality=30)):
            alone = min(len(sofc.encode(image, codebook=book)) for book in (one, other))
            data = check_file(image, two)
            assert abs(len(data) - alone) <= len("coarse")  # the name of the codebook
            used |= {model >= FIRST_CODEBOOK_MODEL + len(one.models) for model in models_of(data)}
    assert used == {False, True}


@COMPILED
def test_few_images_adapt_the_built_in_models():
    """These stand before those as they were; at efforts 1 and 2 none is taken unless its coder is named."""
    book = sofc.train([jpeg(number) for number in range(3)], name="few", held_out=0).codebook
    pixel_format = PixelFormat(3, 8, 8)
    for effort, changed in ((2, []), (4, [True, False]), (5, [True, False]), (9, [True, False] * 2)):
        found = [one for one in Selection(book, None, effort).candidates(pixel_format) if one.trace is not None]
        models = [book.models[one.number - FIRST_CODEBOOK_MODEL] for one in found]
        assert [book.unchanged(model) != model.sections for model in models] == changed
    for effort in (5, 9):
        check_file(jpeg(9), book, effort=effort)


@COMPILED
def test_errors_that_are_expected_count_less():
    """Training predicts coefficients anew once it knows how far they go wrong."""
    training = DctTraining([RANGE])
    plans = []
    while (step := training.next_pass()) is not None:
        (task, *_) = step.tasks
        if isinstance(task, Equate | EstimatePriors):
            plans.append(task.plans[0])
        training.merge(
            iter([collected(task, [[jpeg(k, channels=1).astype(np.int32)] for k in range(4)])] * len(step.tasks))
        )
        if isinstance(task, EstimatePriors):
            break
    blank, first, sized, final = plans
    assert not blank.mean_weights.any() and not first.size_weights.any()
    assert (sized.mean_weights == first.mean_weights).all() and sized.size_weights.any()
    assert (final.size_weights == sized.size_weights).all()
    assert (final.mean_weights != sized.mean_weights)[sized.mean_weights != 0].mean() > 0.5


@COMPILED
@EFFORT
@CHANNELS
def test_smaller_than_samples(codebooks, channels, effort):
    """Images of a JPEG decoder take far less than with the context coder trained on the same images."""
    for sampling in ("4:2:0", "4:4:4"):
        image = jpeg(7, channels=channels, subsampling=sampling)
        book, other = codebooks[channels, "dct"], codebooks[channels, "context"]
        data = check_file(image, book, effort=effort, coder="dct")
        assert coders_of(data, book) == ["dct"]
        assert [book.models[model - FIRST_CODEBOOK_MODEL].effort for model in models_of(data)] == [effort]
        assert len(data) < 0.6 * len(check_file(image, other, effort=effort, coder="context"))
        assert (data == check_file(image, book, effort=effort)) is (effort > 2)


@COMPILED
@EFFORT
@CHANNELS
@pytest.mark.parametrize("change", ALTERED)
def test_altered_images(codebooks, change, channels, effort):
    """What was painted over, clipped or spoilt after decoding comes back, too, and still takes less."""
    source = picture(8, (96, 112), channels)
    if change == "highlight":
        image, _ = through_jpeg(whitened(source), 75, "4:2:0")
        assert (image == 255).any()
    else:
        image, _ = through_jpeg(source, 75, "4:2:0")
        altered(np.random.default_rng(1))[change](image)
    book = codebooks[channels, "dct"]
    data = check_file(image, book, effort=effort, coder="dct")
    # What was laid over an image has an opacity besides, by a model of the format.
    assert {*coders_of(data, book)} - {None} == {"dct"}
    other = codebooks[channels, "context"]
    assert len(data) < len(check_file(image, other, effort=effort, coder="context"))


@COMPILED
@EFFORT
@CHANNELS
@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (1, 6000), (5, 6), (8, 8), (7, 90), (9, 9)])
def test_small_images_in_files(codebooks, shape, channels, effort):
    check_file(jpeg(9, shape, channels), codebooks[channels, "dct"], effort=effort, coder="dct")


@COMPILED
@CHANNELS
def test_crops_and_other_qualities(codebooks, channels):
    """What a model was not trained on: places in the grid, qualities and subsamplings."""
    book = codebooks[channels, "dct"]
    for quality, sampling, (top, left) in itertools.product(
        (30, 90, 98), ("4:4:4", "4:2:2", "4:2:0"), ((0, 0), (3, 5), (8, 8))
    ):
        image = jpeg(10, (88, 100), channels, quality, sampling)
        check_file(np.ascontiguousarray(image[top:, left:]), book, effort=2, coder="dct")


@COMPILED
@pytest.mark.parametrize("seed", [7, 48, 54])
def test_all_blocks_of_small_smooth_images_are_looked_at(seed):
    """Where some of them do not tell the place of the grid."""
    terms = np.random.default_rng(seed).uniform(3, 9, 4)
    down, across = np.mgrid[:104, :96] / 96
    field = 60 * np.sin(terms[0] * across + terms[1] * down) + 30 * np.cos(terms[2] * down - terms[3] * across)
    image = np.stack([(128 + field) * share for share in (1, 0.9, 0.8)], axis=-1).astype(np.uint8)
    planes = planes_of(np.ascontiguousarray(through_jpeg(image, 90, "4:2:0")[0][3:, 5:]))
    assert recover_planes(planes, 3) is not None


@COMPILED
@CHANNELS
def test_other_images_are_coded_otherwise(codebooks, channels):
    """Images that no JPEG decoder made, or of 16 bits: exact, with another coder."""
    book = codebooks[channels, "dct"]
    never = picture(11, (48, 40), channels)
    wide = (never.astype(np.uint16) * 251) ^ 5
    for image in (never, wide):
        image = image[:, :, 0] if channels == 1 else image
        assert coders_of(check_file(image, book, effort=5, coder="dct"), book) == [None]
        check_file(image, book, effort=5)


@COMPILED
@CHANNELS
def test_groups_are_coded_by_coefficients(codebooks, channels):
    """Images of a group that a JPEG decoder made are coded together by their coefficients, in small groups."""
    book = codebooks[channels, "dct"]
    images = np.stack([jpeg(12 + number, (48, 40), channels) for number in range(3)])
    encoder = sofc.Encoder(ImageHeader(40, 48, PixelFormat(channels, 8, 8)), codebook=book, effort=5, coder="dct")
    data = encoder.write_group(images) + encoder.finish()
    assert coders_of(data, book) == ["dct"]
    decoded = run_decoder([data], codebooks=lambda _: book)
    assert decoded.error is None
    np.testing.assert_array_equal(np.stack([decoded.images[number][0] for number in range(3)]), images)


@COMPILED
@CHANNELS
def test_bands_and_cuts(codebooks, channels):
    """The same bytes however rows are cut into calls, in one band and in several; each has coefficients of its own."""
    book = codebooks[channels, "dct"]
    image = jpeg(15, channels=channels)
    header = ImageHeader(image.shape[1], len(image), PixelFormat(channels, 8, 8))
    for band_rows in (None, 43):
        made = {"codebook": book, "effort": 2, "coder": "dct", "band_rows": band_rows}
        whole = encode_rows(header, image, [len(image)], **made)
        assert set(coders_of(whole, book)) == {"dct"}
        for counts in ([1], [7, 0, 30], [43], [95]):
            assert encode_rows(header, image, counts, **made) == whole
        for cuts in (1, 1000):
            parts = [whole[start : start + cuts] for start in range(0, len(whole), cuts)]
            decoded = run_decoder(parts, codebooks=lambda _: book)
            assert decoded.error is None
            np.testing.assert_array_equal(decoded.whole_images[0], image)
    assert len(models_of(whole)) > 1


@COMPILED
@CHANNELS
def test_damaged_streams_of_files(codebooks, channels):
    """Streams flipped and cut, behind checks that are right: our errors or the right samples."""
    book = codebooks[channels, "dct"]
    image = jpeg(16, (40, 48), channels)
    data = check_file(image, book, effort=2, coder="dct")
    assert coders_of(data, book) == ["dct"]
    rng = np.random.default_rng(3)

    def flipped(stream):
        damaged = bytearray(stream or b"\0")
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(len(damaged))] ^= 1 << int(rng.integers(8))
        return bytes(damaged)

    def head_changed(stream):
        return rng.bytes(3) + stream[3:]

    changes = [
        lambda stream: b"",
        lambda stream: stream[:-1],
        lambda stream: stream[: len(stream) // 2],
        lambda stream: stream + b"\xff",
        lambda stream: bytes(len(stream)),
        lambda stream: b"\xff" * len(stream),
        lambda stream: rng.bytes(3 * len(stream) + 20),
        *[flipped] * 20,
        *[head_changed] * 20,
    ]
    errors = 0
    for change in changes:
        for damaged in with_streams(data, change):
            try:
                found = sofc.decode(damaged, codebooks=lambda _: book)
            except SofcError:
                errors += 1
            else:
                np.testing.assert_array_equal(found, image)
    assert errors > 20


@COMPILED
@CHANNELS
def test_damaged_files(codebooks, channels):
    """Bytes of a file flipped, and files cut: our errors or the right samples."""
    book = codebooks[channels, "dct"]
    image = jpeg(17, (24, 32), channels)
    data = check_file(image, book, effort=2, coder="dct")
    rng = np.random.default_rng(4)
    cut = [data[: int(end)] for end in rng.integers(0, len(data), 40)]
    flips = []
    for _ in range(100):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        flips.append(bytes(damaged))
    errors = 0
    for damaged in (*cut, *flips):
        try:
            found = sofc.decode(damaged, codebooks=lambda _: book)
        except SofcError:
            errors += 1
        else:
            np.testing.assert_array_equal(found, image)
    assert errors > 100


def decode_with(data, image, codebook):
    """The one band of an image's file, decoded with any codebook: files name theirs by what it holds."""
    ((kind, body),) = [chunk for chunk in chunks_of(data) if chunk[0] in (b"B", b"G")]
    band = unpack_group(body) if kind == b"G" else unpack_band(body)
    pixel_format = PixelFormat(1 if image.ndim == 2 else image.shape[2], 8, 8)
    size = {"rows": len(image), "width": image.shape[1], "image_rows": len(image)}
    return decode_band(band, pixel_format, codebook, **size)


@COMPILED
@CHANNELS
def test_damaged_codebooks(codebooks, channels):
    """A codebook with damaged sections decodes a band with our errors or the right samples, nothing else."""
    book = codebooks[channels, "dct"]
    image = jpeg(18, (40, 48), channels)
    data = check_file(image, book, effort=2, coder="dct")
    (model,) = models_of(data)
    assert coders_of(data, book) == ["dct"]
    np.testing.assert_array_equal(decode_with(data, image, book), image)
    rng = np.random.default_rng(5)
    refused = 0
    for number in book.models[model - FIRST_CODEBOOK_MODEL].sections:
        section = book.sections[number]
        for kind in (*["bit"] * 8, "cut", "empty", "longer"):
            damaged = bytearray(section.data)
            place = int(rng.integers(len(damaged)))
            if kind == "bit":
                damaged[place] ^= 1 << int(rng.integers(8))
            elif kind == "longer":
                damaged += b"\xff\xff"
            else:
                del damaged[place if kind == "cut" else 0 :]
            sections = (*book.sections[:number], replace(section, data=bytes(damaged)), *book.sections[number + 1 :])
            try:
                found = decode_with(data, image, Codebook("test", book.models, sections, ""))
            except SofcError:
                refused += 1
            else:
                np.testing.assert_array_equal(found, image)
    assert refused > 10


@COMPILED
@CHANNELS
def test_models_of_every_effort(codebooks, channels):
    """Training makes a model for each effort, deterministically; plans come back from their sections."""
    book = codebooks[channels, "dct"]
    assert [model.effort for model in book.models] == list(EFFORTS)
    assert {model.coder for model in book.models} == {DctCoder.id}
    assert trained(channels, "dct").to_bytes() == book.to_bytes()
    for model in book.models:
        sections = [book.sections[number].data for number in model.sections]
        coder = DctCoder.from_sections(sections)
        assert coder.planes == channels
        for component, section in zip(coder.models, sections, strict=False):
            assert (component.start.contexts, component.sets) == EFFORTS[model.effort]
            assert pack_plan(component.plan) == section


@COMPILED
def test_training_without_jpeg():
    """Images that no JPEG decoder made train no models of coefficients."""
    rng = np.random.default_rng(20)
    images = [picture(20 + number, (64, 64), 1)[:, :, 0] + rng.integers(-9, 9, (64, 64)) for number in range(4)]
    images = [np.clip(image, 0, 255).astype(np.uint8) for image in images]
    book = sofc.train(images, name="test", coder="dct", held_out=0).codebook
    assert not book.models


@COMPILED
@EFFORT
def test_a_codebook_for_gray_and_colour(both, effort):
    """Each image is coded with the model for its number of components."""
    for channels in (1, 3):
        data = check_file(jpeg(30, channels=channels), both, effort=effort, coder="dct")
        (model,) = models_of(data)
        assert both.models[model - FIRST_CODEBOOK_MODEL].components == channels


@COMPILED
@pytest.mark.parametrize("components", [2, 3, 4, 5])
def test_components_that_models_of_gray_images_do_not_serve(codebooks, components):
    """A codebook for gray images says nothing of others: they are coded all the same."""
    rng = np.random.default_rng(components)
    image = rng.integers(0, 256, (20, 24, components)).astype(np.uint8)
    check_file(image, codebooks[1, "dct"], effort=5, coder="dct")


@COMPILED
def test_models_of_another_transform(codebooks):
    """Only planes of the colour lattice may stand for others that convert to the same samples."""
    book = codebooks[3, "dct"]
    models = tuple(replace(model, transform=NONE.id) for model in book.models)
    image = jpeg(31)
    data = check_file(image, book, effort=5, coder="dct")
    with pytest.raises(FormatError, match="transform"):
        decode_with(data, image, Codebook("test", models, book.sections, ""))


@COMPILED
def test_groups_end_where_origins_change(codebooks):
    """Images of a JPEG decoder and others are not coded in one group."""
    book = codebooks[3, "dct"]
    rng = np.random.default_rng(4)
    never = [picture(30 + k, (64, 64), 3) for k in range(2)]
    once = [jpeg(40 + k, (64, 64)) for k in range(3)]
    stack = np.stack([once[0], once[1], never[0], never[1], once[2]])
    stack[3] ^= rng.integers(0, 2, stack[3].shape).astype(np.uint8)
    encoder = sofc.Encoder(ImageHeader(64, 64, PixelFormat(3, 8, 8)), codebook=book)
    data = encoder.write_group(stack) + encoder.finish()
    assert coders_of(data, book) == ["dct", None, "dct"]
    decoded = run_decoder([data], codebooks=lambda _: book)
    np.testing.assert_array_equal(np.stack([decoded.images[k][0] for k in range(5)]), stack)


@COMPILED
@pytest.mark.parametrize(("hopeless", "is_tried"), [(1.5, False), (1e9, True)])
def test_others_are_tried_only_where_the_first_is_near(monkeypatch, hopeless, is_tried):
    """Of planes of which most but not all follows from their origin; that is coded once."""
    image = jpeg(7, (160, 176), quality=60)
    planes = [np.ascontiguousarray(image[:, :, k], np.int32) for k in range(3)]
    monkeypatch.setattr(Way, "share", 0.7)
    monkeypatch.setattr("sofc.band.selection.HOPELESS", hopeless)
    asked, coded, best, encode = [], [], Rivals.best, DctCoder.encode
    monkeypatch.setattr(Rivals, "best", lambda *given: asked.append(given) or best(*given))
    monkeypatch.setattr(DctCoder, "encode", lambda *given: coded.append(given) or encode(*given))
    pixel_format = PixelFormat(3, 8, 8)
    first, *_ = Selection(builtin_codebook(pixel_format), None, 5).ways(planes, pixel_format, len(image))
    assert first.found is not None
    assert first.size(len(image)) == sum(map(len, first.streams(len(image))))
    assert len(coded) == 1
    assert bool(asked) == is_tried


@COMPILED
@pytest.mark.parametrize("kind", ["diagonals", "stripes", "colours"])
def test_synthetic_images_that_come_out_of_coefficients_take_less_by_samples(kind):
    """All of them follows from steps of 1, or from whichever suit."""
    y, x = np.mgrid[:200, :240]
    image = {
        "diagonals": (x + y) % 256,
        "stripes": x // 3 % 2 * 255,
        "colours": np.stack([(x + y) % 256, (2 * x + y) % 256, (x + 3 * y) % 256], axis=-1),
    }[kind].astype(np.uint8)
    fast, default = (len(sofc.encode(image, effort=effort)) for effort in (2, 5))
    assert default <= fast


def test_what_plain_prediction_takes():
    """It is the entropy of the residuals by the best of three neighbours, of a piece."""
    y, x = np.mgrid[:96, :128].astype(np.int32)
    noise = np.random.default_rng(0).integers(0, 256, (96, 128), dtype=np.int32)
    assert plain_size([x, y, 3 * x + 2 * y], 96) == 0
    assert plain_size([x // 4 * 5 + np.cumsum(noise, axis=0)], 48) > 0.9 * noise.size
    assert plain_size([x // 4 % 3 + 7 * y], 96) < noise.size / 4
    assert plain_size([np.zeros((1, 1), np.int32)], 1) == 0
    one = plain_size([noise], 96)
    assert plain_size([noise] * 3, 96) == plain_size([noise] * 3, 96, 2 * one) == 3 * one
    assert plain_size([noise] * 3, 96, 0.9 * one) == one


def jpeg_file(seed):
    data = io.BytesIO()
    Image.fromarray(picture(seed, (64, 80), 3)).save(data, "JPEG", quality=75, subsampling="4:4:4")
    return data.getvalue()


@COMPILED
def test_training_reads_what_jpeg_data_says(monkeypatch):
    """Coefficients are sought only where there is no data, or it says nothing of the samples."""
    data, other = (jpeg_file(seed) for seed in (3, 4))
    planes = planes_of(np.asarray(Image.open(io.BytesIO(data))))
    (sought,) = passes.recovered(iter([Decoded(planes, None)]), 3)
    calls = []

    def recover(planes, modelled):
        calls.append(modelled)
        return recover_planes(planes, modelled)

    monkeypatch.setattr(passes, "recover_planes", recover)
    (read,) = passes.recovered(iter([Decoded(planes, data)]), 3)
    assert not calls
    for one, same in zip(read, sought, strict=True):
        assert one.grid == same.grid
        assert (one.table == same.table).all() and (one.coefficients == same.coefficients).all()
    (again,) = passes.recovered(iter([Decoded(planes, other)]), 3)
    assert calls == [3]
    assert (again[0].coefficients == sought[0].coefficients).all()


def test_training_looks_at_few_of_many_images(monkeypatch):
    """Until one came from a JPEG decoder."""
    asked = []

    def recover(planes, _):
        asked.append(int(planes[0][0, 0]))
        return sought if asked[-1] == 128 else None

    image = jpeg(1, channels=1).astype(np.int32)
    sought = recover_planes([image], 1)
    monkeypatch.setattr(passes, "recover_planes", recover)
    images = [Decoded([np.full((8, 8), number)], None) for number in range(140)]
    found = list(passes.recovered(iter(images), 1))
    assert [number for number, origins in enumerate(found) if origins is not None] == [128]
    assert asked == [*range(65), *range(128, 140)]


@given(SEEDS, st.sampled_from([0, 1, -1, 2, -3, 5, 15, -16, 200]))
def test_gradients_of_decisions(seed, residual):
    """Those of the bits that the decisions about a residual take, one after the other."""
    rng = np.random.default_rng(seed)
    outputs = rng.normal(size=kernel_network.DECISIONS).astype(np.float32) * 2
    nothing = np.zeros((1, 1), np.float32)
    last = Passed(
        Affine(nothing, nothing), Affine(nothing, nothing), outputs[np.newaxis].copy(), outputs[np.newaxis].copy()
    )
    find_decision_gradients(np.array([residual], np.int16), last)
    bits = [(0, residual != 0)]
    if residual:
        sign, category = residual > 0, abs(residual).bit_length()
        bins = (2 + sign, 4 + sign, 6, 7)
        bits += [(1, sign), *((bins[k - 1], category > k) for k in range(1, min(category, 4) + 1))]
    expected = np.zeros(kernel_network.DECISIONS)
    for number, bit in bits:
        expected[number] = 1 / (1 + math.exp(-outputs[number])) - bit
    np.testing.assert_allclose(last.back[0], expected, atol=1e-3)


@pytest.mark.skipif(INTERPRETED, reason="trains: slow with interpreted kernels")
def test_networks_are_trained_where_they_pay(monkeypatch):
    """The same network every time, and not for few coefficients, other efforts or what it does not help."""
    images = [[jpeg(200 + number, (64, 64), channels=1).astype(np.int32)] for number in range(16)]

    def sections_of(images, times=1.0):
        training = train(DctTraining(ONE, TrainingSettings(efforts=(5, 9), times=times)), images, len(images))
        sections = training.sections()
        return {effort: [sections[number].data for number in own] for effort, own in training.models()}

    def asks(sections):
        return [model.network.is_asked for model in DctCoder.from_sections(sections).models]

    assert asks(sections_of(images)[9]) == [False]
    monkeypatch.setattr(network_training, "LEAST_COEFFICIENTS", 1 << 8)
    monkeypatch.setattr(network_training, "UNITS", (kernel_network.INPUTS, 8, 4, kernel_network.DECISIONS))
    monkeypatch.setattr(network_training, "BATCH", 1 << 6)
    monkeypatch.setattr(network_training, "MOST_EPOCHS", 3)
    assert asks(sections_of(images)[9]) == [False], "so few images save less than it takes"
    found = sections_of(images, times=1000.0)
    assert asks(found[9]) == [True] and asks(found[5]) == [False]
    assert sections_of(images, times=1000.0) == found
    coder = DctCoder.from_sections(found[9])
    streams = coder.encode(images[0], ONE, 64)
    np.testing.assert_array_equal(coder.decode(streams, ONE, 64, 64, 64)[0], images[0][0])


def test_questions_are_noted_evenly():
    """Every so many of what a network is asked, as far as there is room."""
    rng = np.random.default_rng(1)
    blocks, table, plan = random_blocks(rng, 3, 3, 60), standard_table(90), random_plan(rng)
    starts = plan.starts(2)
    terms = np.zeros((2, 4), np.int64)
    both = kernel.BothContexts(Contexts(terms, starts[1:]), Contexts(terms, starts[1:]))
    found = []
    for room, every in ((1000, 1), (1000, 3), (2, 3)):
        questions = kernel_network.Questions.of(room, every)
        forecast = kernel_network.forecast_of(random_network(np.random.default_rng(2), NETWORKS), questions)
        coded = component(blocks, table, *np.zeros((2, *blocks.shape), np.int32))
        state = plan.neutral(2, forecast=True)
        writing = Writer(64 * blocks.size + 64)
        choices = kernel.Choices(0, DIAGONALS, 15)
        assert code_blocks(writing, coded, plan, both, 1, state, choices, forecast) == OK
        count = min(room, -(-int(questions.asked[0]) // every))
        found.append([each[:count] for each in questions[:3]])
    everything, third, few = found
    assert len(everything[0]) > 6
    for whole, some, least in zip(everything, third, few, strict=True):
        np.testing.assert_array_equal(some, whole[::3])
        np.testing.assert_array_equal(least, whole[::3][:2])


def test_what_a_network_sees():
    """As the twin has it, with blocks and references on all sides."""
    rng = np.random.default_rng(4)
    blocks, first, second = rng.integers(-9, 10, (3, 3, 3, SIZE)).astype(np.int32)
    table, plan = standard_table(95), random_plan(rng)
    starts, terms = plan.starts(1), np.zeros((1, 4), np.int64)
    both = kernel.BothContexts(*[Contexts(terms, starts[1:])] * 2)
    state, network = plan.neutral(1, forecast=True), random_network(rng, NETWORKS)
    questions, choices = kernel_network.Questions.of(blocks.size), kernel.Choices(0, DIAGONALS, 15)
    no_hash, *lists = lists_of(state, starts)
    forecast = kernel_network.forecast_of(network, questions)
    coded = component(blocks, table, 5 * first, 5 * second)
    assert code_blocks(Writer(64 * blocks.size), coded, plan, both, 1, state, choices, forecast) == OK
    mixed = naive_context.Mixing(None, 1, TABLES, *lists, naive_context.Counting(naive_context.Writer(), 60))
    plain = naive.Component(table.tolist(), {}, by_place(5 * first), by_place(5 * second))
    weights = (plan.mean_weights.tolist(), plan.size_weights.tolist())
    twin = naive.Blocks(plain, *weights, terms.tolist(), terms.tolist(), mixed, no_hash, *choices, network)
    twin.code(3, 3, blocks.tolist())
    assert questions.asked[0] == len(twin.asked) > 100
    for number, (seen, index, residual) in enumerate(twin.asked):
        assert questions.inputs[number].tolist() == seen
        assert (questions.kinds[number], questions.residuals[number]) == (index, residual)


def test_what_a_network_sees_is_bounded():
    """Of the largest coefficients and steps, whatever is predicted: spec appendix-widths says so."""
    rng = np.random.default_rng(3)
    blocks = rng.choice([-(2**15), 2**15], (3, 3, SIZE)).astype(np.int32)
    plan = random_plan(rng)
    terms = np.zeros((2, 4), np.int64)
    both = kernel.BothContexts(*[Contexts(terms, plan.starts(2)[1:])] * 2)
    seen = []
    for step in (1, 255):
        questions = kernel_network.Questions.of(blocks.size)
        forecast = kernel_network.forecast_of(random_network(rng, NETWORKS), questions)
        coded = component(blocks, np.full(SIZE, step), *2**23 * np.sign(np.stack([blocks, -blocks])))
        writing, state = Writer(64 * blocks.size + 64), plan.neutral(2, forecast=True)
        assert code_blocks(writing, coded, plan, both, 1, state, kernel.Choices(0, DIAGONALS, 15), forecast) == OK
        seen.append(questions.inputs[: int(questions.asked[0])])
    found = np.concatenate(seen).astype(np.int64)
    assert found.max() == -found.min() == 32 * (LOG_STEPS - 1) == 1504 <= ACTIVITY_LIMIT
