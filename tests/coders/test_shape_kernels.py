"""Every kernel against its plain-Python twin."""

from __future__ import annotations

import itertools
from collections import Counter

import naive
import naive_context
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sofc.coders.shape import kernel_windows
from sofc.coders.shape.detail_training import decisions
from sofc.coders.shape.details import TRAINED, ContextModel, DetailModel, code_details, tables_of
from sofc.coders.shape.kernel_numbers import MODELS, coded
from sofc.coders.shape.kernel_pairs import BROKEN, OK, Canvas, draw_pairs
from sofc.coders.shape.kernel_predict import GAP, MED, NONE, Prediction, from_residuals, to_residuals
from sofc.coders.shape.kernel_windows import EMPTY, Counts, Matches, Placed
from sofc.coders.shape.parameters import ShapeModel, ShapeSet
from sofc.coders.shape.placement import _choose, _list_matches, search_in, shape_pairs, single_pairs
from sofc.entropy.binary import Reader, Writer
from sofc.errors import FormatError
from sofc.planes import PlaneRange

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

PREDICTIONS = st.builds(Prediction, st.sampled_from([MED, GAP, NONE]), st.integers(0, 3))


@st.composite
def planes(draw, max_rows=9, max_columns=9, low=0, high=255):
    """Samples that often repeat, so that all branches of predictors are met."""
    shape = draw(st.tuples(st.integers(1, max_rows), st.integers(1, max_columns)))
    base = draw(st.integers(low, high))
    near = st.integers(max(low, base - 3), min(high, base + 3))
    values = st.one_of(near, st.integers(low, high)) if draw(st.booleans()) else near
    return draw(npst.arrays(np.int32, shape, elements=values))


@st.composite
def ranges(draw):
    low = draw(st.integers(-70000, 1000))
    return PlaneRange(low, low + draw(st.sampled_from([1, 2, 255, 510, 4095, 65535, 131070])))


@given(st.data(), ranges(), PREDICTIONS, st.integers(1, 9))
def test_zigzag(data, span, prediction, image_rows):
    plane = data.draw(planes(low=span.low, high=span.high))
    zigzag = to_residuals(plane, span, prediction, image_rows)
    assert zigzag.tolist() == naive.to_zigzag(plane.tolist(), *span, image_rows, *prediction)
    assert (from_residuals(zigzag, span, prediction, image_rows) == plane).all()
    assert zigzag.min() >= 0 and zigzag.max() <= 2 * (span.high - span.low)


@given(planes(high=520), ranges(), PREDICTIONS, st.integers(1, 9))
def test_from_any_zigzag(zigzag, span, prediction, image_rows):
    expected = naive.from_zigzag(zigzag.tolist(), *span, image_rows, *prediction)
    if expected is None:
        with pytest.raises(FormatError):
            from_residuals(zigzag, span, prediction, image_rows)
    else:
        assert from_residuals(zigzag, span, prediction, image_rows).tolist() == expected


def test_gap_meets_every_level():
    """Steep, deep planes: all bands of the slope and all levels of the energy."""
    rng = np.random.default_rng(1)
    for scale in (2, 10, 40, 200):
        plane = (rng.integers(0, scale, (24, 24)) + 20 * np.arange(24)[:, None]).astype(np.int32)
        for turned in (plane, np.ascontiguousarray(plane.T), np.ascontiguousarray(plane[::-1])):
            zigzag = to_residuals(turned, PlaneRange(0, 1000), Prediction(GAP, 0), 24)
            assert zigzag.tolist() == naive.to_zigzag(turned.tolist(), 0, 1000, 24, GAP, 0)


HIGH = planes(8, 8, 0, 2)
WINDOW_LIMITS = st.tuples(st.integers(1, 5), st.integers(1, 5))


def count_table(slots):
    counts, images, last_image, sizes = np.zeros((4, slots), np.int64)
    return Counts(np.full(slots, EMPTY, np.int64), counts, images, last_image, sizes, np.zeros(1, np.int64))


@given(HIGH, st.integers(1, 8), WINDOW_LIMITS, st.booleans())
def test_count_windows(plane, image_rows, limits, outline):
    search = search_in(plane, image_rows, limits, outline)
    table = count_table(2048)
    kernel_windows.count_windows(search, 0, table)
    expected: dict[naive.Window, list[int]] = {}
    first: dict[naive.Window, tuple[int, int]] = {}
    for y, x, window in naive.windows(plane.tolist(), image_rows, *limits):
        if not outline or not naive.is_inside(plane.tolist(), image_rows, y, x):
            expected.setdefault(window, []).append(y // image_rows)
            first.setdefault(window, (y, x))
    if 2 * len(expected) > table.keys.size:
        assert 2 * table.used[0] == table.keys.size
        return
    assert table.used[0] == len(expected) == (table.keys != EMPTY).sum()
    shapes = ShapeSet.of([np.array(window, np.int32) for window in expected])
    keys = np.zeros(len(shapes), np.int64)
    kernel_windows.hash_shapes(shapes.arrays, keys)
    for key, (window, found) in zip(keys, expected.items(), strict=True):
        (slot,) = np.flatnonzero(table.keys == key)
        assert table.counts[slot] == len(found)
        assert table.images[slot] == len(set(found))
        assert table.sizes[slot] == 256 * len(window) + len(window[0])
    places = np.full(len(expected), EMPTY)
    places[::3] = 7
    kernel_windows.find_first(search, shapes.table, places)
    for number, (y, x) in enumerate(first.values()):
        assert places[number] == (y * plane.shape[1] + x if number % 3 else 7)


def test_count_windows_full():
    plane = np.random.default_rng(2).integers(1, 1000, (8, 8)).astype(np.int32)
    table = count_table(16)
    for _ in range(2):
        kernel_windows.count_windows(search_in(plane, 8, (4, 4)), 0, table)
        assert table.used[0] == 8
    assert table.counts[table.keys != EMPTY].tolist() == [2] * 8


def _model_for(plane, image_rows, limits, chosen):
    """A codebook of some of the plane's windows, with counts that differ."""
    found = sorted({window for _, _, window in naive.windows(plane.tolist(), image_rows, *limits)})
    kept = [window for index, window in enumerate(found) if (chosen >> (index % 61)) & 1]
    counts = np.array([5, *sorted((index % 7 + 1 for index in range(len(kept))), reverse=True)], np.int64)
    return kept, ShapeModel(ShapeSet.of([np.array(window, np.int32) for window in kept]), counts, 40)


@given(HIGH, st.integers(1, 8), WINDOW_LIMITS, st.integers(0, (1 << 61) - 1))
def test_shapes_found_placed_written_and_read(plane, image_rows, limits, chosen):
    kept, model = _model_for(plane, image_rows, limits, chosen)
    numbers = {window: number for number, window in enumerate(kept)}
    matches = [match for match in naive.windows(plane.tolist(), image_rows, *limits) if match[2] in numbers]
    # Windows of one place are met by width first; the order of the codebook then decides, raster order within a shape.
    matches.sort(key=lambda match: (int(model.order[numbers[match[2]]]), match[0], match[1]))
    expected = naive.pairs(plane.tolist(), naive.place(plane.tolist(), matches))
    search = search_in(plane, image_rows, (model.shapes.max_rows, model.shapes.max_columns))
    pairs = _choose(search, model, *_list_matches(search, model), 0, 0)
    assert pairs.distances.tolist() == [distance for distance, _ in expected]
    assert pairs.shapes.tolist() == [-one if isinstance(one, int) else numbers[one] + 1 for _, one in expected]
    _check_drawn(plane, pairs, model, image_rows)
    assert shape_pairs(plane, model, image_rows).bits <= pairs.bits


@given(HIGH, st.integers(1, 8), WINDOW_LIMITS, st.integers(0, (1 << 61) - 1))
def test_shapes_placed_from_sample_to_sample(plane, image_rows, limits, chosen):
    kept, model = _model_for(plane, image_rows, limits, chosen)
    numbers = {window: number for number, window in enumerate(kept)}
    matches = [match for match in naive.windows(plane.tolist(), image_rows, *limits) if match[2] in numbers]
    order = {window: int(model.order[number]) for window, number in numbers.items()}
    expected = naive.pairs(plane.tolist(), naive.cover(matches, order))
    # A plane too wide to be small, of which the right part is empty.
    wide = np.pad(plane, ((0, 0), (0, 70)))
    pairs = shape_pairs(wide, model, image_rows)
    assert pairs.shapes.tolist() == [-one if isinstance(one, int) else numbers[one] + 1 for _, one in expected]


@given(st.lists(planes(7, 7, 0, 1), min_size=1, max_size=3), st.integers(0, 2), st.integers(0, 2**32))
def test_choose_matches(images, sweeps, seed):
    rng = np.random.default_rng(seed)
    banned, bounds, matches, costs = [], [0], [], []
    for image in images:
        found = list(naive.windows(image.tolist(), 7, 3, 3))
        found = [found[index] for index in rng.permutation(len(found))[:12]]
        price = rng.integers(-9, 5, len(found)).tolist()
        banned += naive.cheapest(found, price, sweeps)
        matches += found
        costs += price
        bounds.append(len(matches))
    columns = [
        (image * 7 + y, len(window), ((1 << len(window[0])) - 1) << x)
        for image, (start, end) in enumerate(itertools.pairwise(bounds))
        for y, x, window in matches[start:end]
    ]
    rows, heights, masks = np.ascontiguousarray(np.array(columns, np.int64).reshape(-1, 3).T)
    found = Matches(np.array(bounds), 7, rows, heights, masks, -np.array(costs, np.int64))
    result, chosen = np.zeros((2, len(matches)), np.uint8)
    room = [Placed(np.zeros(50, np.int64), np.zeros(1, np.int64), np.zeros(7 * len(images), np.int64)) for _ in "ab"]
    kernel_windows.choose_matches(found, sweeps, result, *room, chosen)
    assert (result != 0).tolist() == banned
    expected, start = [], 0
    for end in bounds[1:]:
        allowed = [match for number, match in enumerate(matches[start:end], start) if not banned[number]]
        expected += naive.place([], allowed)
        start = end
    assert [match for match, taken in zip(matches, chosen, strict=True) if taken] == expected


@given(planes(8, 8, 0, 9), st.integers(1, 8))
def test_single_pairs(plane, image_rows):
    _, model = _model_for(np.zeros((1, 1), np.int32), 1, (1, 1), 0)
    expected = naive.pairs(plane.tolist(), [])
    pairs = single_pairs(plane)
    assert pairs.distances.tolist() == [distance for distance, _ in expected]
    assert (-pairs.shapes).tolist() == [value for _, value in expected]
    _check_drawn(plane, pairs, model, image_rows)


def _canvas(plane, image_rows, largest=9):
    return Canvas(np.zeros(plane.shape, np.int32), np.zeros(plane.shape, np.uint8), image_rows, largest)


def _check_drawn(plane, pairs, model, image_rows):
    """Drawing gives the plane again, and nothing where a sample is too large."""
    canvas = _canvas(plane, image_rows)
    assert draw_pairs(pairs.distances, pairs.shapes, model.shapes.arrays, canvas) == OK
    assert (canvas.samples == plane).all() and ((plane != 0) <= (canvas.covered != 0)).all()
    small = _canvas(plane, image_rows, max(0, int(plane.max()) - 1))
    assert draw_pairs(pairs.distances, pairs.shapes, model.shapes.arrays, small) == (BROKEN if plane.any() else OK)
    assert pairs.bits == pairs.location_bits + pairs.code_bits
    twin = [naive_context.Writer() for _ in range(2)]
    naive.code_numbers(naive_context.Counting(twin[0]), pairs.distances.tolist(), [-1] * pairs.distances.size)
    naive.code_numbers(naive_context.Counting(twin[1]), np.maximum(pairs.shapes, 0).tolist(), [-1] * pairs.shapes.size)
    values = [-one - 1 for one in pairs.shapes.tolist() if one < 0]
    naive.code_numbers(naive_context.Counting(twin[1]), values, [-1] * len(values))
    assert [pairs.location_bits, pairs.code_bits] == [_bits_of(one) for one in twin]


def _bits_of(twin):
    return 8 * len(twin.written) + 32 - (twin.high - twin.low).bit_length()


@pytest.mark.parametrize(
    ("distances", "numbers"),
    [([12], [1]), ([12], [-1]), ([0], [3]), ([3], [1]), ([4], [1]), ([8], [1]), ([1, 1], [1, 2]), ([0], [-10])],
)
def test_pairs_that_do_not_fit(distances, numbers):
    """Beyond the plane (a single value, too), no such shape, over its sides and the image's, over itself, too large: in
    3 x 4 samples."""
    shapes = ShapeSet.of([np.array([[1, 2], [0, 1]], np.int32), np.ones((1, 2), np.int32)])
    canvas = _canvas(np.zeros((3, 4), np.int32), 2)
    assert draw_pairs(np.array(distances), np.array(numbers), shapes.arrays, canvas) == BROKEN


@given(st.lists(st.one_of(st.integers(0, 3), st.integers(0, 2**32 - 2)), max_size=60), st.integers(1, 5))
def test_numbers(values, distance):
    above = np.maximum(np.arange(len(values)) - distance, -1)
    writer, twin = Writer(16 * len(values) + 64), naive_context.Writer()
    coded(writer, np.array(values, np.int64), above)
    naive.code_numbers(naive_context.Counting(twin), values, above.tolist())
    data = writer.written()
    assert data == twin.finish()
    assert coded(Reader(data), np.zeros(len(values), np.int64), above).tolist() == values


def test_numbers_too_long():
    with pytest.raises(FormatError):
        coded(Reader(b""), np.zeros(1, np.int64))
    assert MODELS == 12 * 64


@given(st.lists(st.integers(0, 30), min_size=8, max_size=8), st.sampled_from([1, 2, 3]))
def test_decisions_of_low_parts(counts, bits):
    """What bit models are counted to see is what they see."""
    counts = counts[: 1 << bits]
    zeros, ones = decisions(np.array([counts], np.float64))
    seen = Counter()

    class Noting(naive_context.Counting):
        def decide(self, bit, *name):
            seen[name, bit] += 1
            return super().decide(bit, *name)

    coding = Noting(naive_context.Writer())
    for low, count in enumerate(counts):
        for _ in range(count):
            naive.code_graded(coding, low, bits, 0)
    assert zeros[0].tolist() == [seen[(0, slot), 0] for slot in range(1 << bits)]
    assert ones[0].tolist() == [seen[(0, slot), 1] for slot in range(1 << bits)]


@given(
    planes(7, 7, 0, 300),
    st.integers(0, 2),
    st.booleans(),
    st.lists(st.integers(-4000, 60000), max_size=5, unique=True),
    st.sampled_from([(0, 0), (1, 3), (4, 90)]),
    st.integers(1, 3),
    st.integers(1, 9),
    st.integers(0, 2**32),
)
def test_details(zigzag, reference_count, logarithmic, thresholds, bounds, phases, split, seed):
    rng = np.random.default_rng(seed)
    references = [rng.integers(0, 100, zigzag.shape).astype(np.int32) for _ in range(reference_count)]
    near, far = bounds if reference_count else (0, 0)
    weights = rng.integers(-20, 90, 6 + 5 * reference_count).astype(np.int32)
    thresholds = sorted(thresholds)
    contexts = ContextModel(logarithmic, weights, np.array(thresholds, np.int32), near, far, phases)
    symbols = (rng.integers(0, 129, contexts.tables << split) * (rng.random(contexts.tables << split) < 0.5)).astype(
        np.uint8
    )
    detail = DetailModel(split, contexts, symbols)
    others = [reference.tolist() for reference in references]
    common = (logarithmic, weights.tolist(), thresholds, near, far, phases)
    twin = naive_context.Writer()
    coding = naive_context.Counting(twin)
    for slot, model in enumerate(TRAINED.states[symbols].tolist()):
        coding.models[divmod(slot, 1 << split)] = model >> 10, model % 1024
    quiet = tables_of(zigzag, contexts, references)
    for y, x in np.ndindex(zigzag.shape):
        table = naive.table_of(zigzag.tolist(), others, y, x, *common)
        assert quiet[y, x] == table
        table = table if zigzag[y, x] < 1 << split else contexts.tables - 1
        naive.code_graded(coding, int(zigzag[y, x]) % (1 << split), split, table)
    writer = Writer((2 + 2 * split) * zigzag.size + 64)
    code_details(writer, zigzag.copy(), detail, references)
    data = writer.written()
    assert data == twin.finish()
    decoded = zigzag >> split << split
    code_details(Reader(data), decoded, detail, references)
    assert (decoded == zigzag).all()
    if writer.stream.coder[3] > 0:
        with pytest.raises(FormatError):
            code_details(Writer(0), zigzag.copy(), detail, references)
