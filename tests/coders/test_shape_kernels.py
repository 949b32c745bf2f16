"""Every kernel against its plain-Python twin."""

from __future__ import annotations

import itertools

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sofc.coders.shape import kernel_codes, kernel_windows
from sofc.coders.shape.details import (
    ContextModel,
    DetailModel,
    decode_details,
    encode_details,
    magnitude_scale,
    tables_of,
)
from sofc.coders.shape.huffman import MAX_CODE_BITS, HuffmanCode, code_lengths
from sofc.coders.shape.kernel_codes import Bits, Canvas
from sofc.coders.shape.kernel_details import BOTTOM, SIDE, TOP, Classes, Layer, Neighbourhood, code_details
from sofc.coders.shape.kernel_predict import GAP, MED, NONE, Prediction, from_residuals, to_residuals
from sofc.coders.shape.kernel_range import (
    MAX_TOTAL,
    Adaptation,
    Tables,
    build_trees,
    decode_numbers,
    encode_numbers,
    finish_encoding,
    start_encoding,
)
from sofc.coders.shape.kernel_windows import EMPTY, Counts, Matches, Placed
from sofc.coders.shape.parameters import ShapeModel, ShapeSet
from sofc.coders.shape.placement import (
    _choose,
    _list_matches,
    best_divisor,
    golomb_bits,
    search_in,
    shape_pairs,
    single_pairs,
)
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
    """A codebook of some of the plane's windows, with lengths that differ."""
    found = sorted({window for _, _, window in naive.windows(plane.tolist(), image_rows, *limits)})
    kept = [window for index, window in enumerate(found) if (chosen >> (index % 61)) & 1]
    shapes = ShapeSet.of([np.array(window, np.int32) for window in kept])
    lengths = code_lengths(np.arange(1, 4 + len(kept)) % 7 + 1)
    return kept, ShapeModel.of(shapes, code_lengths(np.array([1, 5, 2])), lengths, 40)


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
    _check_bits(plane, pairs, model, image_rows, expected, numbers)
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
    pairs = single_pairs(plane, model)
    assert pairs.distances.tolist() == [distance for distance, _ in expected]
    assert (-pairs.shapes).tolist() == [value for _, value in expected]
    _check_bits(plane, pairs, model, image_rows, expected, {})


def _check_bits(plane, pairs, model, image_rows, expected, numbers):
    """The bits written are those of the twin, and reading gives the plane again."""
    code = pairs.code
    assert code.code is (model.code if pairs.with_shapes else model.single_code)
    words = naive.canonical(code.code.lengths.tolist())
    digits = ""
    for distance, one in expected:
        digits += naive.golomb(distance, code.divisor)
        if not isinstance(one, int):
            digits += words[model.singles + 1 + numbers[one]]
        elif one <= model.singles:
            digits += words[one]
        else:
            digits += words[0] + naive.elias_gamma(one - model.singles)
    assert len(digits) == pairs.bits
    written = Bits(np.zeros((len(digits) + 7) // 8, np.uint8), np.zeros(1, np.int64))
    kernel_codes.write_pairs(written, pairs.distances, pairs.shapes, code)
    assert written.position[0] == len(digits) and written.content.tobytes() == naive.to_bytes(digits)
    canvas = Canvas(np.zeros(plane.shape, np.int32), np.zeros(plane.shape, np.uint8), image_rows, 9)
    read = Bits(written.content, np.zeros(1, np.int64))
    assert kernel_codes.read_pairs(read, len(expected), code, canvas) == kernel_codes.OK
    assert read.position[0] == 8 * written.content.size and (canvas.samples == plane).all()
    if len(digits) % 8:
        written.content[-1] |= 1
        canvas = Canvas(np.zeros(plane.shape, np.int32), np.zeros(plane.shape, np.uint8), image_rows, 9)
        read.position[0] = 0
        assert kernel_codes.read_pairs(read, len(expected), code, canvas) == kernel_codes.BROKEN


@given(st.lists(st.integers(0, 200), max_size=20), st.integers(1, 70))
def test_golomb_bits(distances, divisor):
    cost = golomb_bits(np.array(distances, np.int64), divisor)
    assert cost == sum(len(naive.golomb(distance, divisor)) for distance in distances)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60))
def test_golomb_search_beats_theory(distances):
    divisor, cost = best_divisor(np.array(distances, np.int64))
    mean = sum(distances) / len(distances)
    assert cost == sum(len(naive.golomb(distance, divisor)) for distance in distances)
    assert cost <= sum(len(naive.golomb(distance, max(1, round(0.69 * mean + 0.5)))) for distance in distances)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=80))
def test_huffman(counts):
    lengths = code_lengths(np.array(counts, np.int64))
    code = HuffmanCode.from_lengths(lengths)
    words = naive.canonical(lengths.tolist())
    assert [format(c, f"0{n}b") for c, n in zip(code.codes, lengths, strict=True)] == words
    assert len(words) == 1 or sum(2.0 ** -len(word) for word in words) == 1


def test_huffman_depth_is_limited():
    fibonacci = [1, 1]
    while len(fibonacci) < 60:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    assert code_lengths(np.array(fibonacci)).max() <= MAX_CODE_BITS


@pytest.mark.parametrize("lengths", [[1, 1, 1], [2, 1, 2, 2], [0, 1], [25], []])
def test_huffman_refuses(lengths):
    with pytest.raises(FormatError):
        HuffmanCode.from_lengths(np.array(lengths, np.int64))


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 15)), max_size=200),
    st.integers(1, 400),
    st.integers(0, 60000),
    st.integers(0, 2**32),
)
def test_symbols(bit_count, coded, increment, room, seed):
    size = 1 << bit_count
    limit = min(4 * (size * 40 + increment) + room, MAX_TOTAL - increment)
    frequencies = np.random.default_rng(seed).integers(1, 40, (2, size)).astype(np.int32)
    tables = np.array([table for table, _ in coded], np.int32)
    symbols = np.array([symbol % size for _, symbol in coded], np.int32)
    check_symbols(tables, symbols, frequencies, Adaptation(increment, limit))


def check_symbols(tables, symbols, frequencies, adaptation):
    """Each symbol as the low part of a sample whose level says the table."""
    coder = start_encoding(3 * symbols.size)
    zigzag, activity = np.array([[symbols], [tables]], np.int32)
    magnitudes = np.zeros((1 + TOP + BOTTOM, symbols.size + 2 * SIDE), np.int32)
    around = Neighbourhood(magnitudes, np.zeros(6, np.int32), activity, np.arange(1, len(frequencies), dtype=np.int32))
    # The last table is for samples with a high part.
    trees = Tables(build_trees(np.concatenate([frequencies, frequencies[:1]])), adaptation)
    classes = Classes(np.zeros((0, 0), np.int32), 0, 0, 1, 1)
    code_details(True, zigzag, Layer(around, magnitude_scale(False), classes, trees), coder)
    expected = naive.encode_symbols(tables.tolist(), symbols.tolist(), frequencies.tolist(), *adaptation)
    assert finish_encoding(coder) == expected


def test_carry_runs_through_ones():
    """Very likely last symbols push ``low`` to just below a carry; the twin carries by big integers."""
    for seed in range(20):
        symbols = (np.random.default_rng(seed).random(3000) < 0.9995).astype(np.int32)
        check_symbols(np.zeros(3000, np.int32), symbols, np.array([[1, 60000]], np.int32), Adaptation(1, 64000))


@given(st.lists(st.one_of(st.integers(0, 3), st.integers(0, 2**31 - 1)), max_size=60), st.integers(1, 5))
def test_numbers(values, distance):
    above = np.maximum(np.arange(len(values)) - distance, -1)
    stream = encode_numbers(np.array(values, np.int64), above)
    assert stream == naive.encode_numbers(values, above.tolist())
    assert decode_numbers(stream, above).tolist() == values


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
    frequencies = rng.integers(1, 9, (contexts.tables, 1 << split)).astype(np.int32)
    detail = DetailModel(split, contexts, Adaptation(8, 1 << 15), frequencies)
    others = [reference.tolist() for reference in references]
    common = (logarithmic, weights.tolist(), thresholds, near, far, phases)
    tables, quiet = [], tables_of(zigzag, contexts, references)
    for y, x in np.ndindex(zigzag.shape):
        table = naive.table_of(zigzag.tolist(), others, y, x, *common)
        assert quiet[y, x] == table
        tables.append(table if zigzag[y, x] < 1 << split else contexts.tables - 1)
    data = encode_details(zigzag, detail, references)
    symbols = (zigzag % (1 << split)).ravel().tolist()
    assert data == naive.encode_symbols(tables, symbols, frequencies.tolist(), 8, 1 << 15)
    decoded = zigzag >> split << split
    used = decode_details(np.frombuffer(bytearray(data), np.uint8), decoded, detail, references)
    assert (decoded == zigzag).all() and used >= len(data)
