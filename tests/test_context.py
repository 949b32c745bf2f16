"""The context coder: kernels against plain twins, round trips, damage, sections, training."""

from __future__ import annotations

import itertools
import math
import os
import pickle
from dataclasses import dataclass, replace

import naive_context as naive
import numpy as np
import pytest
from helpers import chunks_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import sofc
from sofc.codebook import Codebook
from sofc.coders.context import kernel
from sofc.coders.context import kernel_match as recall
from sofc.coders.context.coder import ContextCoder, PlaneModel, Surroundings, find_grid, learn_plane, surroundings
from sofc.coders.context.plan import EFFORTS, PlanePlan, PlaneState, Prediction, context_table
from sofc.coders.context.section import (
    BLOCK_BITS,
    pack_plan,
    quantise_weights,
    unpack_plan,
)
from sofc.coders.context.statistics import detect_grid, parts
from sofc.coders.context.training import ContextTraining
from sofc.container.chunks import unpack_group
from sofc.container.records import FIRST_CODEBOOK_MODEL, Model
from sofc.entropy import binary, mixing
from sofc.entropy import priors as history
from sofc.entropy.binary import EVEN
from sofc.entropy.mixers import MAX_CONTEXTS, TRAINED, neutral_mixers, pack_mixers, unpack_mixers
from sofc.entropy.sparse import decode_sparse, encode_sparse
from sofc.errors import FormatError, LimitError, SofcError
from sofc.planes import PlaneRange
from sofc.prediction import bank
from sofc.prediction import expected_error as energy
from sofc.prediction import online as adaptive
from sofc.prediction.online import stripes_of
from sofc.transforms.components import NONE

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
"""Interpreted kernels are slow: then images are small and damages few."""

TABLES = (mixing.STRETCH.tolist(), mixing.SQUASH.tolist())
COLOUR = [PlaneRange(0, 255), PlaneRange(-255, 255), PlaneRange(-255, 255)]
SIDE = 8 if INTERPRETED else 32
FEW = 3 if INTERPRETED else settings.default.max_examples
"""Examples of tests that interpreted kernels take long for."""

SEEDS = st.integers(0, 2**32 - 1)
CHANCES = st.integers(4, 65532)
BITS = st.integers(0, 1)


# The binary coder and what is coded with it.


def encoder(size):
    return binary.start_encoding(), np.zeros(size, np.uint8)


def decoder(stream):
    buffer = np.frombuffer(bytearray(stream), np.uint8)
    coder = binary.start_decoding(buffer)
    return coder, buffer


def written(coder, buffer):
    end = binary.finish_encoding(coder, buffer)
    assert end >= 0
    return buffer[:end].tobytes()


@given(st.lists(st.tuples(BITS, CHANCES), max_size=200))
def test_bits(decisions):
    """The same bytes as the twin, the same decisions back, and none of the bytes can be left out."""
    coder, buffer = encoder(1024)
    twin = naive.Writer()
    for bit, chance in decisions:
        assert binary.code_bit(True, bit, chance, coder, buffer) == bit
        twin.decide(bit, chance)
    stream = written(coder, buffer)
    assert stream == twin.finish()
    bits = [bit for bit, _ in decisions]
    coder, buffer = decoder(stream)
    assert [binary.code_bit(False, 0, chance, coder, buffer) for _, chance in decisions] == bits
    reader = naive.Reader(stream)
    assert [reader.decide(0, chance) for _, chance in decisions] == bits
    if stream:
        reader = naive.Reader(stream[:-1])
        assert [reader.decide(0, chance) for _, chance in decisions] != bits


@given(st.binary(max_size=40), st.lists(CHANCES, max_size=200))
def test_bits_of_anything(stream, chances):
    coder, buffer = decoder(stream)
    reader = naive.Reader(stream)
    for chance in chances:
        assert binary.code_bit(False, 0, chance, coder, buffer) == reader.decide(0, chance)


def test_full_buffer():
    """Every kernel says so where the buffer is too short, and does not write past it."""
    long = np.zeros(64, np.uint8)
    table = np.arange(64, dtype=np.int32).reshape(8, 8) ** 3
    calls = [
        lambda c, b: binary.code_integer(True, 1 << 29, 0, np.full(31, EVEN, np.int32), c, b),
        lambda c, b: binary.code_table(True, table, np.full((8, 33), EVEN, np.int32), c, b),
        lambda c, b: binary.code_sparse(True, table, np.full(109, EVEN, np.int32), c, b),
        lambda c, b: binary.code_counters(
            True, np.arange(64).astype(np.uint8), 8, np.full((9, 162), EVEN, np.int32), c, b
        ),
    ]
    for call in calls:
        for size in range(3):
            coder = binary.start_encoding()
            assert call(coder, long[:size]) == binary.TOO_LONG
    assert not long[2:].any()
    coder, buffer = encoder(2)
    for bit in (1, 0, 1, 0, 0):
        binary.code_bit(True, bit, EVEN, coder, buffer)
    assert binary.finish_encoding(coder, buffer) == -1


@given(st.lists(st.one_of(st.integers(0, 9), st.integers(0, 1 << 30)), min_size=1, max_size=30))
def test_integers(values):
    coder, buffer = encoder(4096)
    direct = np.full(40, EVEN, np.int32)
    twin = naive.Adaptive(naive.Writer())
    for value in values:
        assert binary.code_integer(True, value, 9, direct, coder, buffer) == binary.OK
        assert coder[binary.INTEGER] == value == twin.integer(value, "size")
    stream = written(coder, buffer)
    assert stream == twin.coder.finish()
    assert (direct[:9] == EVEN).all()
    coder, buffer = decoder(stream)
    direct[:] = EVEN
    for value in values:
        assert binary.code_integer(False, 0, 9, direct, coder, buffer) == binary.OK
        assert coder[binary.INTEGER] == value


def outcome(code, *arguments):
    """What a twin finds, or None where it finds the stream broken."""
    try:
        return code(*arguments)
    except naive.BrokenError:
        return None


TABLE_SHAPES = st.tuples(st.integers(1, 8), st.integers(1, 4))
ENTRIES = st.one_of(st.integers(-3, 3), st.integers(-(1 << 29), 1 << 29))


@given(npst.arrays(np.int32, TABLE_SHAPES, elements=ENTRIES))
def test_tables(table):
    coder, buffer = encoder(64 * table.size + 64)
    assert binary.code_table(True, table, np.full((table.shape[1], 33), EVEN, np.int32), coder, buffer) == binary.OK
    stream = written(coder, buffer)
    twin = naive.Writer()
    naive.code_table(twin, table.shape, table.tolist())
    assert stream == twin.finish()
    check_table(stream, table.shape, table.tolist())


@given(st.binary(max_size=60), TABLE_SHAPES)
def test_tables_of_anything(stream, shape):
    check_table(stream, shape, outcome(naive.code_table, naive.Reader(stream), shape, None))


def check_table(stream, shape, expected):
    found = np.zeros(shape, np.int32)
    status = binary.code_table(False, found, np.full((shape[1], 33), EVEN, np.int32), *decoder(stream))
    assert (found.tolist() if status == binary.OK else None) == expected


CORRECTIONS = st.one_of(st.just(0), st.just(0), st.integers(1, 511**3), st.sampled_from([1, 511**3]))


def sparse_start():
    direct = np.full(16 + 3 * 31, EVEN, np.int32)
    direct[0] = 64
    return direct


@given(npst.arrays(np.int32, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=CORRECTIONS))
def test_sparse(plane):
    coder, buffer = encoder(16 * plane.size + 64)
    assert binary.code_sparse(True, plane, sparse_start(), coder, buffer) == binary.OK
    stream = written(coder, buffer)
    twin = naive.Writer()
    naive.code_sparse(twin, *plane.shape, plane.tolist())
    assert stream == twin.finish()
    check_sparse(stream, plane.shape, plane.tolist())


@given(st.binary(max_size=60), st.tuples(st.integers(1, 6), st.integers(1, 9)))
def test_sparse_of_anything(stream, shape):
    check_sparse(stream, shape, outcome(naive.code_sparse, naive.Reader(stream), *shape, None))


def test_sparse_streams_begin_with_1():
    plane = np.eye(5, dtype=np.int32)
    stream = encode_sparse(plane)
    assert stream[0] == 1 and (decode_sparse(stream, 5, 5) == plane).all()
    for first in (0, 2, 255):
        with pytest.raises(FormatError, match="begins with 1"):
            decode_sparse(bytes([first]) + stream[1:], 5, 5)


def check_sparse(stream, shape, expected):
    found = np.zeros(shape, np.int32)
    status = binary.code_sparse(False, found, sparse_start(), *decoder(stream))
    assert (found.tolist() if status == binary.OK else None) == expected


@given(
    st.lists(st.one_of(st.integers(0, 1), st.just(0), st.integers(0, 128)), max_size=150), st.sampled_from([1, 3, 8])
)
def test_counters(symbols, nodes):
    coder, buffer = encoder(16 * len(symbols) + 64)
    direct = np.full((nodes + 1, 162), EVEN, np.int32)
    given_symbols = np.array(symbols, np.uint8)
    assert binary.code_counters(True, given_symbols, nodes, direct, coder, buffer) == binary.OK
    stream = written(coder, buffer)
    twin = naive.Writer()
    assert naive.code_counters(twin, len(symbols), nodes, symbols) == symbols
    assert stream == twin.finish()
    assert counters_of(stream, len(symbols), nodes) == symbols


def test_counters_of_the_lowest_symbol():
    """A block is touched by any symbol but zero."""
    symbols = [0] * 8 + [1] + [0] * 15 + [0] * 7 + [1]
    coder, buffer = encoder(64)
    given_symbols = np.array(symbols, np.uint8)
    assert binary.code_counters(True, given_symbols, 8, np.full((9, 162), EVEN, np.int32), coder, buffer) == binary.OK
    assert counters_of(written(coder, buffer), len(symbols), 8) == symbols


@given(st.binary(max_size=60), st.integers(0, 150))
def test_counters_of_anything(stream, count):
    assert counters_of(stream, count, 8) == naive.code_counters(naive.Reader(stream), count, 8, None)


def counters_of(stream, count, nodes):
    found = np.zeros(count, np.uint8)
    direct = np.full((nodes + 1, 162), EVEN, np.int32)
    assert binary.code_counters(False, found, nodes, direct, *decoder(stream)) == binary.OK
    return found.tolist()


# Prediction and mixing.


def random_planes(rng, ranges, shape):
    """Noise, extremes, ramps or gentle slopes in the ranges."""
    kind = rng.integers(0, 4)
    planes = []
    for span in ranges:
        steps = span.high - span.low + 1
        if kind == 0:
            plane = rng.integers(span.low, span.high, shape, endpoint=True)
        elif kind == 1:
            plane = rng.choice([span.low, span.high], shape, p=[0.8, 0.2])
        elif kind == 2:
            plane = span.low + np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % steps
        else:
            plane = span.low + (steps // 2 + np.cumsum(rng.integers(-3, 4, shape), axis=1)) % steps
        planes.append(plane.astype(np.int32))
    return planes


def random_prediction(rng, plane, class_map=None, maximum=255, adapts=None):
    """A prediction that no training would give, but that is valid; its bank predicts near some neighbour."""
    references = tuple(int(number) for number in rng.permutation(plane)[: rng.integers(0, min(plane, 2) + 1)])
    class_map = int(rng.integers(0, 2)) if class_map is None else class_map
    classes, taps = bank.CLASSES[class_map], bank.taps(len(references))
    weights = rng.integers(-3000, 3000, (classes, taps))
    weights[np.arange(classes), rng.integers(0, taps - 1, classes)] += 1 << bank.WEIGHT_BITS
    mark_weights = rng.integers(-40, 120, energy.WEIGHTS)
    mark_weights[energy.marks(len(references)) :] = 0
    return Prediction(
        references,
        class_map,
        np.sort(rng.integers(0, 2 * maximum + 2, 3 if class_map == bank.GRID else 7)),
        quantise_weights(weights),
        rng.integers(-4000, 12000, classes),
        mark_weights,
        bool(rng.integers(0, 2)) if adapts is None else adapts,
        int(rng.integers(0, 4)),
    )


def random_plan(rng, plane, class_map=None, maximum=255):
    """The same for a whole plan."""
    contexts = tuple(tuple(rng.permutation(kernel.TERMS)[: rng.integers(1, 5)]) for _ in range(rng.integers(1, 6)))
    return PlanePlan(
        random_prediction(rng, plane, class_map, maximum),
        np.sort(rng.choice(bank.ENERGIES, mixing.LEVELS - 1, replace=False)),
        rng.integers(0, int(rng.integers(1, 8)), mixing.LEVELS),
        context_table(contexts),
        rng.integers(BLOCK_BITS.start, BLOCK_BITS.start + 4, len(contexts)),
        bool(rng.integers(0, 2)),
    )


def random_counters(rng, blocks):
    """Counters as training might leave them."""
    shape = blocks * mixing.BLOCK
    return (rng.integers(0, 1 << 22, shape) << 10 | rng.integers(0, 256, shape)).astype(np.uint32)


def random_state(rng, contexts, blocks):
    """A state as training might leave it."""
    state = PlaneState.neutral(contexts, blocks)
    state.counters = random_counters(rng, blocks)
    used = state.mixers[:, : contexts + 1]
    used += rng.integers(-(1 << 14), 1 << 14, used.shape).astype(np.int32)
    return state


@dataclass
class Scene:
    """The last of some planes, as kernels and twins take it, with random marks in the planes before."""

    planes: list
    references: tuple
    maximum: int
    marks: list

    @classmethod
    def of(cls, rng, planes, references, maximum):
        marks = [rng.integers(0, 200, plane.shape).astype(np.uint8) for plane in planes]
        return cls(planes, references, maximum, marks)

    def around(self, *, known=True) -> Surroundings:
        """The kernels' arrays, anew: they are written to."""
        planes = [*self.planes[:-1], self.planes[-1] if known else np.zeros_like(self.planes[-1])]
        return surroundings(self.references, planes, self.marks, self.maximum)

    def images(self, *, known=True):
        """The twins' images of samples and of marks."""
        samples = [self.planes[number].tolist() for number in self.references]
        marks = [self.marks[number].tolist() for number in self.references]
        plane, middle = self.planes[-1], (self.maximum + 1) // 2
        image = naive.Image.of(plane.tolist(), middle, samples) if known else None
        image = image or naive.Image(*plane.shape, middle, samples, {})
        return image, naive.Image(*plane.shape, naive.START_MARK, marks, {})


def inside(padded):
    return padded[bank.PAD : -1, bank.PAD : -bank.PAD].tolist()


SMALL = st.tuples(st.integers(1, 6), st.integers(1, 9))
WIDE = st.tuples(st.integers(1, 6), st.integers(1, 18))
"""Up to three stripes of the local corrections."""
MAPS = st.sampled_from([bank.TEXTURE, bank.GRID])


@given(SEEDS, WIDE, st.integers(0, 17), MAPS, st.integers(0, 63), st.integers(1, 3))
def test_code_plane(seed, shape, bits, class_map, grid, sets):
    """The twin writes the same bytes, reads the same samples, and ends in the same state."""
    rng = np.random.default_rng(seed)
    maximum = (1 << bits) - 1
    planes = random_planes(rng, [PlaneRange(0, maximum)] * 3, shape)
    plan = random_plan(rng, 2, class_map, maximum)
    prediction = plan.prediction
    scene = Scene.of(rng, planes, prediction.references, maximum)
    contexts = len(plan.contexts)
    blocks = plan.blocks(contexts)
    start = random_state(rng, contexts, int(blocks[-1]))

    used = np.where(plan.contexts < 0, kernel.NO_TERM, plan.contexts)

    def run(encode, around, state, coder, buffer):
        lanes = state.mixers.shape[1]
        room = kernel.room_for(*shape, contexts, lanes, adapts=prediction.adapts, recalls=plan.recalls)
        return kernel.code_plane(
            encode, *around.planes, *around.marks, len(prediction.references), class_map, grid >> 3, grid & 7,
            prediction.thresholds, prediction.weights.astype(np.int32), prediction.offsets, prediction.mark_weights,
            int(prediction.adapts), int(plan.recalls), maximum, prediction.shift, plan.level_of(), plan.low_bits,
            used, blocks, sets, state.counters, state.mixers, state.final, state.direct, coder, buffer, room,
        )  # fmt: skip

    def twin(coder, plane):
        image, marks = scene.images(known=False)
        words = start.counters.reshape(-1, mixing.BLOCK).tolist()
        counters = [words[first:last] for first, last in itertools.pairwise(blocks)]
        lists = [counters, start.mixers[:, : contexts + 1].tolist(), start.final.tolist()]
        model = naive.Mixing(plan, sets, TABLES, *lists, naive.Adaptive(coder))
        return model, outcome(model.code, image, marks, plane, grid, maximum), marks

    state, around = start.copy(), scene.around()
    coder, buffer = encoder(64 * around.planes[0].size)
    assert run(True, around, state, coder, buffer) == binary.OK
    stream = written(coder, buffer)
    writer = naive.Writer()
    model, _, marks = twin(writer, planes[-1].tolist())
    assert stream == writer.finish()
    assert [word for context in model.counters for block in context for word in block] == state.counters.tolist()
    assert model.mixers == state.mixers[:, : contexts + 1].tolist()
    assert not state.mixers[:, contexts + 1 :].any()
    assert model.final == state.final.tolist()
    learnt = sorted(chance for chance in model.adaptive.chances.values() if chance != EVEN)
    assert learnt == sorted(state.direct[state.direct != EVEN].tolist())
    assert inside(around.marks[0]) == [[marks.samples[y, x] for x in range(shape[1])] for y in range(shape[0])]

    garbage = rng.bytes(len(stream) + 3)
    damaged = bytes([*stream[: len(stream) // 2], *garbage[len(stream) // 2 :]])
    for data in (stream, garbage, damaged):
        again = scene.around(known=False)
        status = run(False, again, start.copy(), *decoder(data))
        found = inside(again.planes[0]) if status == binary.OK else None
        assert found == twin(naive.Reader(data), None)[1]
        assert found == planes[-1].tolist() or data != stream


@given(SEEDS, SMALL, MAPS, st.integers(0, 63))
def test_equations(seed, shape, class_map, grid):
    rng = np.random.default_rng(seed)
    planes = random_planes(rng, [PlaneRange(0, 65535)] * 3, shape)
    prediction = random_prediction(rng, 2, class_map, 65535)
    scene = Scene.of(rng, planes, prediction.references, 65535)
    size = bank.taps(len(prediction.references)) + 1
    equations = np.zeros((bank.CLASSES[class_map], size, size), np.int64)
    settings = (len(prediction.references), class_map, grid >> 3, grid & 7, prediction.thresholds)
    shares = rng.integers(0, 257, shape)
    bank.accumulate(*scene.around().planes, *settings, shares, bank.taps_room(), equations)
    place = grid if class_map == bank.GRID else None
    expected = naive.accumulate(scene.images()[0], place, prediction.thresholds.tolist(), shares.tolist())
    places = np.argwhere(equations)
    assert {tuple(place): int(equations[tuple(place)]) for place in places.tolist()} == expected


def traced(scene, prediction, grid):
    """What the kernel finds: (fine prediction, predictor, energy, mark) of each sample."""
    around = scene.around()
    results = [np.zeros(scene.planes[-1].shape, np.int32) for _ in range(3)]
    width = scene.planes[-1].shape[1]
    bank.trace(
        *around.planes, *around.marks, len(prediction.references), prediction.class_map, grid >> 3, grid & 7,
        prediction.thresholds, prediction.weights.astype(np.int32), prediction.offsets, prediction.mark_weights,
        int(prediction.adapts), scene.maximum, prediction.shift, bank.taps_room(),
        stripes_of(width if prediction.adapts else 0), *results,
    )  # fmt: skip
    marks = np.array(inside(around.marks[0]))
    return [tuple(int(result[place]) for result in (*results, marks)) for place in np.ndindex(marks.shape)]


@given(SEEDS, WIDE, st.integers(1, 17), MAPS, st.integers(0, 63))
def test_trace(seed, shape, bits, class_map, grid):
    rng = np.random.default_rng(seed)
    maximum = (1 << bits) - 1
    planes = random_planes(rng, [PlaneRange(0, maximum)] * 3, shape)
    prediction = random_prediction(rng, 2, class_map, maximum)
    scene = Scene.of(rng, planes, prediction.references, maximum)
    assert traced(scene, prediction, grid) == naive.trace(prediction, *scene.images(), grid, maximum)


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


def test_marks():
    """Every small error, and large ones up to the largest that 17 bits have."""
    for error in [*range(5000), *range(5000, 1 << 20, 997), (1 << 20) - 8, 1 << 21]:
        assert bank.mark(error) == naive.mark(error) < 256


@given(SEEDS, st.integers(0, 2))
def test_energy(seed, count):
    rng = np.random.default_rng(seed)
    planes = rng.integers(0, 256, (3, 5, 5)).astype(np.uint8)
    weights = rng.integers(-energy.WEIGHT_LIMIT, energy.WEIGHT_LIMIT + 1, energy.WEIGHTS) // int(rng.integers(1, 60))
    start = int(rng.integers(-energy.OFFSET_LIMIT, energy.OFFSET_LIMIT + 1))
    names = {}
    for name in naive.OWN[:6]:
        down, right = naive.offset(name)
        names[name] = int(planes[0][2 + down, 2 + right])
    for letter, plane in zip("pq"[:count], planes[1:], strict=False):
        for name in naive.AROUND:
            down, right = naive.offset(name)
            names[letter + name] = int(plane[2 + down, 2 + right])
    assert bank.energy(*planes, count, 2, 2, start, weights) == naive.energy(names, start, weights.tolist())


@given(SEEDS, SMALL, st.integers(0, 2))
def test_mark_sums(seed, shape, references):
    """Sums over two images are exact, and the fit stays within what sections keep."""
    rng = np.random.default_rng(seed)
    found = energy.MarkSums.empty(4, references)
    names = [*naive.MARKS[: energy.marks(references)], "own"]
    products, sums = np.zeros_like(found.products), np.zeros_like(found.sums)
    for _ in range(2):
        classes = rng.integers(0, 3, shape).astype(np.int32)
        planes = rng.integers(0, 256, (references + 1, *shape)).astype(np.uint8)
        own, *others = [bank.padded(plane, 0, edges=True) for plane in planes]
        found.add(classes, own, others)
        one, two = naive.mark_sums(classes.tolist(), planes.tolist())
        products += [[one[row, column] for column in names] for row in names]
        sums += [[two[row, column] for column in names] for row in range(4)]
    np.testing.assert_array_equal(found.products, products)
    np.testing.assert_array_equal(found.sums, sums)
    assert found.counts.sum() == 2 * shape[0] * shape[1] and found.counts[3] == 0
    offsets, weights = energy.fit_energy(found)
    assert abs(offsets).max() <= energy.OFFSET_LIMIT and abs(weights).max() <= energy.WEIGHT_LIMIT
    assert not weights[energy.marks(references) :].any()


# Local least squares.


class Stripes:
    """Three stripes of the kernels' arrays beside their twin; the middle one is solved."""

    def __init__(self, references):
        self.references = references
        self.twin = naive.Correction(references)
        self.state = adaptive.stripes_of(adaptive.STRIPE)

    @property
    def weights(self):
        """Those of the middle stripe."""
        return self.state.weights[1]

    def learn(self, stripe, values, mu, targets, loudness):
        """A row of samples: their ``values`` as the bank gathers them, (samples, bank.MAX_TAPS)."""
        names = [*naive.OWN, *("p" + side for side in naive.AROUND), *("q" + side for side in naive.AROUND)]
        for sample, line in enumerate(values):
            found = adaptive.correction(self.state, 1, sample, line, self.references, mu)
            expected = self.twin.taps(dict(zip(names, line.tolist(), strict=True)), mu)
            taps = self.state.taps.reshape(adaptive.STRIPE, adaptive.LANES)[sample]
            assert taps.tolist() == [*expected.values(), 0, 0]
            assert found == self.twin.correct(1, expected)
            target, share = int(targets[sample]), int(adaptive.SHARES[loudness[sample]])
            self.twin.learn(stripe, expected, target, share)
            column, last = adaptive.STRIPE * (stripe - 1) + sample, sample == len(values) - 1
            adaptive.note(self.state, column, last, int(loudness[sample]), target)

    def solve(self):
        adaptive.solve(self.state, 1)
        self.twin.solve(1)
        assert self.weights.tolist() == [*(self.twin.weights[1, name] for name in self.twin.names), 0, 0]
        for stripe, sums in enumerate(self.state.sums.reshape(3, adaptive.LANES, adaptive.LANES)):
            for i, row in enumerate(self.twin.names):
                assert sums[adaptive.TAPS, i] == self.twin.sums[stripe][row, "error"]
                for j, column in enumerate(self.twin.names[: i + 1]):
                    assert sums[i, j] == self.twin.sums[stripe][row, column]


HIGHEST = (1 << 17) - 1
VALUES = {
    "nothing": lambda rng, shape: np.zeros(shape),
    "noise": lambda rng, shape: rng.integers(0, HIGHEST + 1, shape),
    "extremes": lambda rng, shape: rng.integers(0, 2, shape) * HIGHEST,
    "top": lambda rng, shape: np.full(shape, HIGHEST),
    "alternating": lambda rng, shape: np.indices(shape).sum(axis=0) % 2 * HIGHEST,
    "lonely": lambda rng, shape: (np.indices(shape)[1] == 3) * rng.integers(0, 3, shape),
    "small": lambda rng, shape: rng.integers(0, 9, shape),
}


@pytest.mark.parametrize("references", [0, 1, 2])
@pytest.mark.parametrize("kind", VALUES)
def test_limits_of_the_solution(kind, references):
    """The largest differences, errors and shares there are, over and over: no sum leaves 64 bits, no weight 32."""
    rng = np.random.default_rng(references)
    stripes = Stripes(references)
    for row in range(3 if INTERPRETED else 30):
        for stripe in (0, 1, 2):
            values = VALUES[kind](rng, (adaptive.STRIPE, bank.MAX_TAPS)).astype(np.int32)
            mu = int(rng.choice([0, HIGHEST, HIGHEST // 2]))
            targets = rng.choice([-8 * HIGHEST, 8 * HIGHEST], adaptive.STRIPE)
            if row % 2:
                targets[:] = 8 * HIGHEST
            stripes.learn(stripe, values, mu, targets, np.zeros(adaptive.STRIPE, np.int64))
        stripes.solve()
    assert stripes.weights.any() or kind == "nothing"


@given(SEEDS, st.integers(0, 2), st.integers(0, 17))
def test_solution(seed, references, bits):
    """Samples of all sizes and shares, rows that are cut short, and stripes that learn unevenly."""
    rng = np.random.default_rng(seed)
    stripes = Stripes(references)
    for _ in range(3):
        for stripe in rng.permutation(3)[: rng.integers(1, 4)]:
            samples = int(rng.integers(1, adaptive.STRIPE + 1))
            values = rng.integers(0, 1 << bits, (samples, bank.MAX_TAPS)).astype(np.int32)
            targets = np.zeros(adaptive.STRIPE, np.int64)
            targets[:samples] = rng.integers(-8 << bits, 8 << bits, samples)
            mu = int(rng.integers(0, 1 << bits))
            stripes.learn(int(stripe), values, mu, targets, rng.integers(0, len(adaptive.SHARES), samples))
        stripes.solve()


def test_shares():
    """Less and less for more error, never nothing."""
    expected = [max(1, round(8192 / 2 ** (max(0, total - 24) / 8))) for total in range(512)]
    assert adaptive.SHARES.tolist() == expected


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


@given(SEEDS, st.tuples(st.integers(1, 3), st.integers(1, 5)), st.integers(1, 16), st.integers(1, 3))
def test_grid_errors(seed, shape, bits, stride):
    rng = np.random.default_rng(seed)
    maximum = (1 << bits) - 1
    (plane,) = random_planes(rng, [PlaneRange(0, maximum)], shape)
    prediction = random_prediction(rng, 0, bank.GRID, maximum)
    weights = prediction.weights.astype(np.int32)
    totals = np.zeros(64, np.int64)
    padded, room = bank.padded(plane, 0, edges=True), bank.taps_room()
    bank.grid_errors(padded, prediction.thresholds, weights, maximum, stride, room, totals)
    tables = (prediction.thresholds.tolist(), weights.tolist())
    assert totals.tolist() == naive.grid_errors(plane.tolist(), *tables, maximum, stride)


# The coder.


def related_images(seed, count, shape, ranges):
    """Smooth planes that follow each other, with noise."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        field = rng.normal(size=shape)
        for _ in range(3):
            field = (field + np.roll(field, 1, 0) + np.roll(field, 1, 1)) / 2
        planes = []
        for span in ranges:
            middle, scale = (span.low + span.high) / 2, (span.high - span.low) / 10
            noisy = middle + scale * (field + 0.05 * rng.normal(size=shape))
            planes.append(np.clip(np.rint(noisy), span.low, span.high).astype(np.int32))
        images.append(planes)
    return images


def train(images, ranges, shard=2):
    """Run all passes; tasks and statistics go through pickle as with workers."""
    training = ContextTraining(ranges)
    shards = [images[start : start + shard] for start in range(0, len(images), shard)]
    while (step := training.next_pass()) is not None:
        parts = [(task, part) for task in step.tasks for part in (shards if step.samples is None else [images])]
        results = (pickle.loads(pickle.dumps(task)).collect(iter(part)) for task, part in parts)
        training.merge(pickle.loads(pickle.dumps(result)) for result in results)
    return training


def coder_of(training, effort):
    sections = training.sections()
    return ContextCoder.from_sections([sections[k].data for k in dict(training.models())[effort]])


@pytest.fixture(scope="session")
def trained():
    """Training on a few small colour images, and an image of the kind."""
    images = related_images(1, 3, (SIDE, SIDE), COLOUR)
    return train(images[:2], COLOUR), images[2]


@pytest.fixture(scope="session")
def coders(trained):
    return {effort: coder_of(trained[0], effort) for effort in (2, 5, 9)}


def assert_same(planes, decoded):
    assert len(planes) == len(decoded)
    for plane, found in zip(planes, decoded, strict=True):
        assert found.dtype == np.int32
        np.testing.assert_array_equal(plane, found)


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
    start = random_state(rng, contexts, int(plan.blocks(contexts)[-1]))
    return PlaneModel(plan, int(rng.integers(1, 4)), start)


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


# Recalling.


@given(SEEDS, st.integers(1, 1 << 20), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=60))
def test_memory(seed, samples, steps):
    """The memory against its twin, with keys that meet at the same places."""
    rng = np.random.default_rng(seed)
    memory = recall.empty_memory(samples)
    twin = naive.Followed.of(samples)
    assert twin.size == len(memory)
    keys = [0x40005, 0x80005, 0xC0005 | 1 << 31, int(rng.integers(0, 1 << 32))]
    for number, sample in steps:
        key = keys[number]
        found = recall.recall(memory, key)
        assert twin.ask(key) == (None if found == recall.NOTHING else (found, int(memory[key % len(memory)]) & 3))
        recall.remember(memory, key, sample)
        twin.learn(key, sample)


def test_recalling_repeats():
    """A made image that repeats itself takes far less where samples are recalled."""
    rng = np.random.default_rng(1)
    pattern = rng.integers(0, 65536, (16, 24)).astype(np.int32)
    plane = np.tile(pattern, (4, 4))
    sizes = {}
    for recalls in (False, True):
        plan = replace(random_plan(np.random.default_rng(2), 0, bank.TEXTURE, 65535), recalls=recalls)
        state = PlaneState.neutral(len(plan.contexts), int(plan.blocks(len(plan.contexts))[-1]))
        coder = ContextCoder([PlaneModel(plan, 1, state)])
        streams = coder.encode([plane], [PlaneRange(0, 65535)], 64)
        (again,) = coder.decode(streams, [PlaneRange(0, 65535)], *plane.shape, 64)
        np.testing.assert_array_equal(again, plane)
        sizes[recalls] = len(streams[0])
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
    for name in ("thresholds", "weights", "offsets", "mark_weights"):
        np.testing.assert_array_equal(getattr(again.prediction, name), getattr(plan.prediction, name))
    for name in ("levels", "low_bits", "contexts", "block_bits", "recalls"):
        np.testing.assert_array_equal(getattr(again, name), getattr(plan, name))
    assert pack_plan(again) == data


@given(SEEDS, st.integers(1, 3), st.sampled_from([0, 0.1, 0.9]))
def test_counters_come_back(seed, contexts, density):
    """Symbols stand for their chance and for how much was seen, 0 for neutral; fewer contexts are the first."""
    rng = np.random.default_rng(seed)
    trained = TRAINED
    places = np.concatenate([[0], np.cumsum(1 << rng.integers(4, 7, contexts))]) * mixing.BLOCK
    size = int(places[-1])
    symbols = (rng.integers(1, 129, size) * (rng.random(size) < density)).astype(np.uint8)
    again = trained.unpack(trained.pack(symbols, places), places, contexts)
    for symbol, counter in zip(symbols.tolist(), again.tolist(), strict=True):
        chance = TABLES[1][124 * ((symbol - 1) >> 2) - 1922 + 2815]
        assert counter == ((chance << 16) + (2, 6, 20, 60)[(symbol - 1) & 3] if symbol else 1 << 31)
    for used in range(1, contexts + 1):
        first = trained.unpack(trained.pack(symbols, places), places, used)
        np.testing.assert_array_equal(first, again[: places[used]])


# What counters start with.


def evolved(chances, bits, rng):
    """Counters (len(chances),), from neutral, after so many bits each, 1 with the chance given."""
    counters = np.full(len(chances), 1 << 31, np.int64)
    for k, (chance, count) in enumerate(zip(chances, bits, strict=True)):
        for bit in rng.random(count) < chance:
            seen, value = counters[k] & 1023, counters[k] >> 10
            value += ((0x3FFFFF if bit else 0) - value) * mixing.RATE[seen] >> 16
            counters[k] = value << 10 | min(255, seen + 1)
    return counters.astype(np.uint32)


@given(st.integers(0, 4), st.integers(0, 31), st.integers(0, 255), st.integers(0, 255))
def test_lengths_are_those_of_a_beta_binomial_model(start, chance, ones, zeros):
    """Against the closed form; and what a counter that starts so takes bit by bit is about the same."""
    assume(ones + zeros <= 255)
    evidence = [0.6, 2.6, 6.6, 20.6, 60.6][start]
    share = TRAINED.chances[chance] / 65536 if start else 0.5
    first, second = evidence * share, evidence * (1 - share)

    def beta(x, y):
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    expected = (beta(first, second) - beta(first + ones, second + zeros)) / math.log(2)
    (found,) = history.CodeLengths(TRAINED)(*(np.array([k]) for k in (start, chance, ones, ones + zeros)))
    assert found == pytest.approx(expected, abs=1e-6)


def test_counters_are_kept_where_images_agree():
    """Sure where the chance is the same in all images, unsure where it varies, neutral where it is anything."""
    rng = np.random.default_rng(0)
    blocks = np.arange(0, 80, 16)
    past = history.History(blocks * mixing.BLOCK, TRAINED)
    size = 64 * mixing.BLOCK
    part = np.arange(size) // (16 * mixing.BLOCK)
    for _ in range(12):
        varied = np.clip(0.9 + 0.08 * rng.standard_normal(size), 0.01, 0.99)
        wild = rng.choice([0.01, 0.99], size)
        chances = np.select([part == 0, part == 1, part == 2], [0.9, varied, wild], 0.5)
        past.add([evolved(chances, np.where(part == 3, 0, 40), rng)])
    starts = past.starts()
    seen = (starts.symbols.astype(int) - 1) & 3
    kept = starts.symbols > 0
    assert kept[part < 2].all()
    assert seen[part == 0].mean() > seen[part == 1].mean() + 0.5
    assert kept[part == 2].mean() < 0.1
    assert not kept[part == 3].any()
    chance = TRAINED.chances[(starts.symbols[part == 0].astype(int) - 1) >> 2] / 65536
    assert abs(chance - 0.9).mean() < 0.03
    some = starts.worth(float(np.median(starts.gains[kept])))
    assert 0 < np.count_nonzero(some.symbols) < np.count_nonzero(starts.symbols)
    assert all(not fold[some.symbols == 0].any() for fold in some.folds)


def test_folds_know_nothing_of_their_own_images():
    """Two images that say the opposite: each fold starts as the other's image says."""
    blocks = np.array([0, 16])
    past = history.History(blocks * mixing.BLOCK, TRAINED)
    rng = np.random.default_rng(0)
    ones, zeros = np.full(128, 0.97), np.full(128, 0.03)
    half = np.arange(128) < 64
    for number in range(8):
        # The second half of the counters agrees in all images, so that starting them pays.
        past.add([evolved(np.where(half, ones if number % 2 else zeros, ones), np.full(128, 30), rng)])
    starts = past.starts()
    alike = (starts.symbols > 0) & ~half
    assert alike.any()
    chances = [TRAINED.chances[np.maximum(0, fold.astype(int) - 1) >> 2] / 65536 for fold in starts.folds]
    for chance in chances:
        assert chance[alike].min() > 0.8
    opposite = half & (starts.symbols > 0)
    assert (chances[0][opposite] > 0.8).all() and (chances[1][opposite] < 0.2).all()


def test_parts_of_an_image_do_not_vouch_for_each_other():
    """All parts of an image are alike here and images are not: nothing is known of further images."""
    rng = np.random.default_rng(1)
    past = history.History(np.array([0, 128]), TRAINED)
    for _ in range(6):
        chances = rng.choice([0.02, 0.98], 128)
        past.add([evolved(chances, np.full(128, 20), rng) for _ in range(4)])
    assert np.count_nonzero(past.starts().symbols) < 13


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


def test_a_seen_image_helps_once_others_agree():
    """Of counters alike that were seen in one image, those are kept whose kind proved right before."""
    rng = np.random.default_rng(3)
    places = np.array([0, 512])
    steady, erratic = (history.History(places, TRAINED) for _ in range(2))
    for number in range(6):
        shared = np.arange(512) < 384
        met = shared | (np.arange(512) // 8 % 6 == number)
        bits = np.where(met, 20, 0)
        steady.add([evolved(np.full(512, 0.95), bits, rng)])
        erratic.add([evolved(rng.choice([0.05, 0.95], 512), bits, rng)])
    once = np.arange(512) >= 384
    assert np.count_nonzero(steady.starts().symbols[once]) > 100
    assert np.count_nonzero(erratic.starts().symbols[once]) == 0


def test_counters_that_save_most_fill_the_budget():
    """Of several planes together; where the fewest are too many still, those are kept all the same."""
    gains = np.array([1.9, 2, 3.5, 11, 40, 1000], np.float32)
    planes = [history.Starts(np.full(6, 7, np.uint8), gains, ()) for _ in range(2)]

    def pack(number, symbols):
        return bytes([number]) * int(np.count_nonzero(symbols))

    assert history.least_gain(planes, pack, 10) == (2, [bytes(5), b"\x01" * 5])
    assert history.least_gain(planes, pack, 7)[0] == 4
    assert history.least_gain(planes, pack, 2) == (48, [b"\x00", b"\x01"])
    assert history.least_gain(planes, pack, 0)[0] == history.LEAST_GAINS[-1]


@settings(max_examples=FEW)
@given(SEEDS, st.integers(1, 8 if INTERPRETED else 32), st.integers(1, 3))
def test_mixers_come_back_about(seed, contexts, sets):
    mixers = neutral_mixers(contexts)
    used = mixers[:, : contexts + 1]
    used += np.random.default_rng(seed).integers(-(1 << 17), 1 << 17, used.shape).astype(np.int32)
    data = pack_mixers(contexts, sets, mixers)
    *found, again = unpack_mixers(data)
    assert found == [contexts, sets] and again.dtype == np.int32 and abs(again - mixers).max() <= 256
    assert pack_mixers(contexts, sets, again) == data


@pytest.mark.parametrize("contexts", [1, 6, 7, 8, 15, 16])
def test_rows_of_mixers_are_filled_up_with_zeros(contexts):
    """What fills rows up to whole vectors is zero at first, in sections, and after learning."""
    rng = np.random.default_rng(contexts)
    plan = random_plan(rng, 0)
    table = context_table(tuple((int(term),) for term in rng.integers(0, kernel.TERMS, contexts)))
    plan = replace(plan, contexts=table, block_bits=np.full(contexts, 4))
    start = random_state(rng, contexts, int(plan.blocks(contexts)[-1]))
    *_, start.mixers = unpack_mixers(pack_mixers(contexts, 1, start.mixers))
    before = start.mixers.copy()
    plane = rng.integers(0, 256, (3, 4)).astype(np.int32)
    length = learn_plane(PlaneModel(plan, 3, start), [plane], [np.zeros((3, 4), np.uint8)], 255, 0)
    assert length > 0 and (start.mixers != before).any()
    assert start.mixers.shape[1] % mixing.MIXER_LANES == 0
    for mixers in (neutral_mixers(contexts), before, start.mixers):
        assert mixers.shape[1] - mixing.MIXER_LANES < contexts + 1 <= mixers.shape[1]
        assert not mixers[:, contexts + 1 :].any()


def sections_of(trained, effort):
    sections = trained[0].sections()
    return [sections[k].data for k in dict(trained[0].models())[effort]]


@pytest.mark.parametrize("section", ["plan", "counters", "mixers"])
@settings(max_examples=FEW)
@given(st.data())
def test_damaged_sections(trained, section, data):
    """A section with a bit turned, cut, or longer is refused, or codes planes as well as it can."""
    sections = sections_of(trained, 2)
    number = 3 * ["plan", "counters", "mixers"].index(section) + data.draw(st.integers(0, 2))
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
    """Every number of a plan's and a mixer's head is checked."""
    good = pack_plan(random_plan(np.random.default_rng(0), 0, bank.TEXTURE))
    for place, value in [(0, 1), (0, 3), (3, 17), (3, 31), (4, 0), (4, 33)]:
        head = bytearray(good)
        head[place] = value
        with pytest.raises(FormatError, match="out of range"):
            unpack_plan(bytes(head), 0)
    with pytest.raises(FormatError, match="cut off"):
        unpack_plan(good[:4], 0)
    mixers = pack_mixers(2, 1, neutral_mixers(2))
    for head in (b"\0\1", b"\x21\1", b"\2\0", b"\2\4"):
        with pytest.raises(FormatError, match="out of range"):
            unpack_mixers(head + mixers[2:])


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
        "contexts": [-2, kernel.TERMS],
        "block_bits": [BLOCK_BITS.start - 1, BLOCK_BITS.stop],
    }
    tables_of_prediction = {
        "offsets": [-energy.OFFSET_LIMIT - 1, energy.OFFSET_LIMIT + 1],
        "mark_weights": [-energy.WEIGHT_LIMIT - 1, energy.WEIGHT_LIMIT + 1],
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
        with pytest.raises(FormatError, match="a table of a context model is out of range"):
            unpack_plan(pack_plan(one), 2)


def test_mixers_of_more_contexts_than_the_plan_has(trained):
    sections = sections_of(trained, 2)
    sections[6] = pack_mixers(27, 1, neutral_mixers(27))
    with pytest.raises(FormatError, match="more contexts"):
        ContextCoder.from_sections(sections)


def test_too_many_counters(trained):
    """Sections of a few bytes cannot ask for memory without end."""
    plans, counters, mixers = sections_of(trained, 2)[:7:3]
    most = np.full(MAX_CONTEXTS, BLOCK_BITS.stop - 1)
    greedy = replace(unpack_plan(plans, 0), contexts=np.zeros((MAX_CONTEXTS, 4), np.int64), block_bits=most)
    many = pack_mixers(MAX_CONTEXTS, 1, neutral_mixers(MAX_CONTEXTS))
    with pytest.raises(LimitError, match="counters"):
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
    first, second = train(images, ranges), train(images, ranges)
    assert first.sections() == second.sections() and first.models() == second.models()
    assert first.report() == second.report() and first.cost() == second.cost() > 0
    assert [effort for effort, _ in first.models()] == list(EFFORTS)


@pytest.mark.skipif(INTERPRETED, reason="trains twice: slow with interpreted kernels")
def test_shards_do_not_matter():
    """Statistics are exact sums: cutting the images otherwise gives the same sections."""
    ranges = [PlaneRange(0, 255)] * 2
    images = related_images(4, 5, (16, 16), ranges)
    assert train(images, ranges, 1).sections() == train(images, ranges, 5).sections()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_training_on_tiny_images(shape):
    """However little there is to learn, any image can be coded afterwards."""
    ranges = [PlaneRange(0, 65535)]
    coder = coder_of(train(related_images(5, 1, shape, ranges), ranges), 2)
    check_round_trip(coder, random_planes(np.random.default_rng(6), ranges, (5, 6)), ranges, 5)


def blocky(rng, size):
    """Steps at the borders of 8 x 8 blocks, a slope inside each."""
    blocks, slopes = rng.integers(40, 200, (size // 8, size // 8)), rng.integers(-3, 4, (size // 8, size // 8))
    place = np.arange(size) % 8
    plane = np.kron(blocks, np.ones((8, 8))) + np.kron(slopes, np.ones((8, 8))) * (place[:, None] + place)
    return np.clip(plane, 0, 255).astype(np.int32)


@pytest.mark.parametrize("place", [(0, 0), (3, 5), (7, 1)])
def test_grid_is_detected(place):
    plane = blocky(np.random.default_rng(7), 64)[place[0] :, place[1] :]
    assert detect_grid(plane) == place[0] * 8 + place[1]


@pytest.mark.skipif(INTERPRETED, reason="takes more samples than interpreted kernels can code")
def test_grid_is_found():
    """Images with steps every eight samples train the grid's class map, and a crop says where it starts."""
    rng = np.random.default_rng(8)
    ranges = [PlaneRange(0, 255)]
    coder = coder_of(train([[blocky(rng, 96)] for _ in range(3)], ranges), 2)
    (model,) = coder.models
    assert model.plan.prediction.class_map == bank.GRID
    whole = blocky(rng, 96)
    for row, column in ((0, 0), (3, 5), (7, 1)):
        crop = np.ascontiguousarray(whole[row:, column:])
        assert find_grid(crop, model, ranges[0], len(crop)) == row * 8 + column
        (stream,) = check_round_trip(coder, [crop], ranges, len(crop))
        assert stream[0] == row * 8 + column
    assert find_grid(whole[:8], model, ranges[0], 8) == 0
    with pytest.raises(FormatError, match="place in the grid"):
        coder.decode([b"\x40" + stream[1:]], ranges, *crop.shape, len(crop))
