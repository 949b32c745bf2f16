"""Every kernel against its plain-Python twin."""

from __future__ import annotations

import naive
import naive_context
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sofc.coders.shape import kernel_windows
from sofc.coders.shape.details import (
    DetailModel,
    code_details,
    levels_of,
    magnitudes_of,
    sizes_of,
    split_for,
    starts_of,
)
from sofc.coders.shape.kernel_adaptive import LEFT, RIGHT, ROWS, TAPS, Filter, code_adaptively
from sofc.coders.shape.kernel_numbers import MODELS, coded
from sofc.coders.shape.kernel_pairs import BROKEN, OK, Canvas, draw_pairs
from sofc.coders.shape.kernel_predict import Coded, from_residuals, largest_residual, to_residuals
from sofc.coders.shape.kernel_windows import EMPTY, Counts, sides_of
from sofc.coders.shape.parameters import ShapeModel, ShapeSet
from sofc.coders.shape.placement import search_in, shape_pairs, single_pairs
from sofc.entropy.binary import Reader, Writer
from sofc.errors import FormatError
from sofc.planes import PlaneRange

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


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


@given(st.data(), ranges(), st.integers(1, 9))
def test_zigzag(data, span, image_rows):
    plane = data.draw(planes(low=span.low, high=span.high))
    zigzag = to_residuals(plane, span, image_rows)
    assert zigzag.tolist() == naive.to_zigzag(plane.tolist(), *span, image_rows)
    assert (from_residuals(zigzag, span, image_rows) == plane).all()
    assert zigzag.min() >= 0 and zigzag.max() <= largest_residual(span)


@given(planes(high=520), ranges(), st.integers(1, 9))
def test_from_any_zigzag(zigzag, span, image_rows):
    expected = naive.from_zigzag(zigzag.tolist(), *span, image_rows)
    if expected is None:
        with pytest.raises(FormatError):
            from_residuals(zigzag, span, image_rows)
    else:
        assert from_residuals(zigzag, span, image_rows).tolist() == expected


@st.composite
def filtered(draw, low, high):
    """A plane of samples or zigzag values, and errors of planes before."""
    plane = draw(planes(low=low, high=high))
    count = draw(st.integers(0, 2))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return plane, rng.integers(-300, 300, (count, *plane.shape)).astype(np.int32)


def filter_for(before):
    near = np.zeros((ROWS, LEFT + before.shape[2] + RIGHT), np.int32)
    return Filter(before, near, *np.zeros((2, TAPS), np.int32))


@given(st.data(), ranges(), st.integers(1, 9))
def test_adaptive_zigzag(data, span, image_rows):
    plane, before = data.draw(filtered(span.low, span.high))
    zigzag, back = np.zeros((2, *plane.shape), np.int32)
    assert code_adaptively(True, Coded(plane, zigzag, span), image_rows, filter_for(before)) == 0
    assert zigzag.tolist() == naive.adaptive(plane.tolist(), None, *span, image_rows, before.tolist())
    assert code_adaptively(False, Coded(back, zigzag, span), image_rows, filter_for(before)) == 0
    assert (back == plane).all()
    assert zigzag.min() >= 0 and zigzag.max() <= 2 * (span.high - span.low)


@given(st.data(), ranges(), st.integers(1, 9))
def test_from_any_adaptive_zigzag(data, span, image_rows):
    zigzag, before = data.draw(filtered(0, 520))
    plane = np.zeros(zigzag.shape, np.int32)
    expected = naive.adaptive(plane.tolist(), zigzag.tolist(), *span, image_rows, before.tolist())
    status = code_adaptively(False, Coded(plane, zigzag, span), image_rows, filter_for(before))
    assert (status == 0) == (expected is not None)
    assert expected is None or plane.tolist() == expected


HIGH = planes(8, 8, 0, 2)
WINDOW_LIMITS = st.tuples(st.integers(1, 5), st.integers(1, 5))


def count_table(slots):
    return Counts(np.full(slots, EMPTY, np.int64), *np.zeros((3, slots), np.int64), np.zeros(1, np.int64))


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
        assert tuple(sides_of(key)) == (len(window), len(window[0]))
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
def test_shapes_placed_from_sample_to_sample(plane, image_rows, limits, chosen):
    kept, model = _model_for(plane, image_rows, limits, chosen)
    numbers = {window: number for number, window in enumerate(kept)}
    matches = [match for match in naive.windows(plane.tolist(), image_rows, *limits) if match[2] in numbers]
    order = {window: int(model.order[number]) for window, number in numbers.items()}
    expected = naive.pairs(plane.tolist(), naive.cover(matches, order))
    pairs = shape_pairs(plane, model, image_rows)
    assert pairs.distances.tolist() == [distance for distance, _ in expected]
    assert pairs.shapes.tolist() == [-one if isinstance(one, int) else numbers[one] + 1 for _, one in expected]
    _check_drawn(plane, pairs, model, image_rows)


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


@given(planes(7, 7, 0, 300), st.integers(0, 2), st.integers(1, 11), st.integers(0, 2**32))
def test_details(zigzag, reference_count, split, seed):
    rng = np.random.default_rng(seed)
    references = [rng.integers(0, 100, zigzag.shape).astype(np.int32) for _ in range(reference_count)]
    weights = rng.integers(-20, 90, 6 + 5 * reference_count).astype(np.int32)
    detail = DetailModel(split, weights)
    others = [reference.tolist() for reference in references]
    twin = naive_context.Writer()
    coding = naive_context.Counting(twin)
    last = levels_of(split) + 1
    for slot, model in enumerate(starts_of(split).tolist()):
        coding.models[divmod(slot, 1 << split)] = model >> 10, model % 1024
    for y, x in np.ndindex(zigzag.shape):
        table = last
        if zigzag[y, x] < 1 << split:
            table = naive.table_of(zigzag.tolist(), others, y, x, weights.tolist(), split)
        naive.code_graded(coding, int(zigzag[y, x]) % (1 << split), split, table)
    writer = Writer((2 + 2 * split) * zigzag.size + 64)
    known = [magnitudes_of(one) for one in references]
    magnitudes = code_details(writer, zigzag.copy(), detail, known)
    assert (magnitudes == magnitudes_of(zigzag)).all()
    data = writer.written()
    assert data == twin.finish()
    decoded = zigzag >> split << split
    assert (code_details(Reader(data), decoded, detail, known) == magnitudes).all()
    assert (decoded == zigzag).all()
    if writer.stream.coder[3] > 0:
        full = Writer(0)
        code_details(full, zigzag.copy(), detail, known)
        assert full.finish() is None


def test_split():
    """A thousandth of the residuals may have more bits."""
    zigzag = np.array([[0] * 500 + [5] * 499 + [1 << 17]], np.int32)
    sizes = sizes_of(np.bincount(zigzag.ravel()))
    assert sizes[[0, 3, 18]].tolist() == [500, 499, 1] and sizes.sum() == 1000
    assert split_for(sizes) == 3
    assert split_for(sizes_of(np.bincount(zigzag[0, 1:]))) == 11
    assert split_for(sizes_of(np.array([4]))) == 1


def test_sizes():
    """Each residual has as many bits as its binary number has digits."""
    counts = np.arange(1, 40)
    expected = [sum(int(counts[value]) for value in range(39) if value.bit_length() == bits) for bits in range(32)]
    assert sizes_of(counts).tolist() == expected


@pytest.mark.parametrize("split", range(1, 12))
def test_starts(split):
    """As a geometric distribution with the mean of each level has it, but for the least probability."""
    step = 1 if split < 8 else 2
    halves = range(step, 2 * split + 2 + step, step)
    means = [1 / 8, *((1 + half % 2 / 2) * 2 ** (half // 2) - 1 for half in halves), 2**split]
    tables = starts_of(split).reshape(len(means), -1)
    assert len(tables) == levels_of(split) + 2 and (tables & 1023 == 6).all()
    for mean, table in zip(means, tables.tolist(), strict=True):
        fall = mean / (mean + 1)
        for length in range(split):
            least = 2**length // 2
            expected = max(20000 / 65536, fall ** max(1, least))
            assert abs((table[least] >> 16) / 65536 - expected) < 0.002
