"""Every kernel against its plain-Python twin."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sofc.coders.shape import kernel_arithmetic as arithmetic
from sofc.coders.shape import kernel_bits as bits
from sofc.coders.shape import kernel_predict as predict
from sofc.coders.shape import kernel_windows as windows
from sofc.coders.shape.huffman import HuffmanCode, code_lengths
from sofc.coders.shape.parameters import ContextModel, DetailModel, ShapeSet, shape_model
from sofc.coders.shape.plane import _cover, _find, _golomb, _place, fold, shape_pairs, single_pairs, tuples_of, unfold
from sofc.errors import FormatError
from sofc.planes import PlaneRange

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

MODES = st.tuples(st.sampled_from([predict.MED, predict.GAP, predict.NONE]), st.integers(0, 3))


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


@given(st.data(), ranges(), MODES, st.integers(1, 9))
def test_fold(data, span, mode, image_rows):
    plane = data.draw(planes(low=span.low, high=span.high))
    folded = fold(plane, span, *mode, image_rows)
    assert folded.tolist() == naive.fold_plane(plane.tolist(), *span, image_rows, *mode)
    assert (unfold(folded, span, *mode, image_rows) == plane).all()
    assert folded.min() >= 0 and folded.max() <= 2 * (span.high - span.low)


@given(planes(high=520), ranges(), MODES, st.integers(1, 9))
def test_unfold_anything(folded, span, mode, image_rows):
    expected = naive.unfold_plane(folded.tolist(), *span, image_rows, *mode)
    if expected is None:
        with pytest.raises(FormatError):
            unfold(folded, span, *mode, image_rows)
    else:
        assert unfold(folded, span, *mode, image_rows).tolist() == expected


def test_gap_meets_every_level():
    """Steep, deep planes: all bands of the slope and all levels of the energy."""
    rng = np.random.default_rng(1)
    for scale in (2, 10, 40, 200):
        plane = (rng.integers(0, scale, (24, 24)) + 20 * np.arange(24)[:, None]).astype(np.int32)
        for turned in (plane, np.ascontiguousarray(plane.T), np.ascontiguousarray(plane[::-1])):
            folded = fold(turned, PlaneRange(0, 1000), predict.GAP, 0, 24)
            assert folded.tolist() == naive.fold_plane(turned.tolist(), 0, 1000, 24, predict.GAP, 0)


HIGH = planes(8, 8, 0, 2)
WINDOW_LIMITS = st.tuples(st.integers(1, 5), st.integers(1, 5))


@given(HIGH, st.integers(1, 8), WINDOW_LIMITS, st.booleans())
def test_count_windows(plane, image_rows, limits, outline):
    rows, width = plane.shape
    across, down = np.zeros((2, rows, width), np.int64)
    windows.fill_masks(plane, image_rows, *limits, np.zeros(width, np.int64), across, down)
    keys = np.full(1024, windows.EMPTY, np.int64)
    counts, images, last_image, sizes = np.zeros((4, 1024), np.int64)
    used, room = np.zeros(1, np.int64), windows.window_room()
    status = windows.count_windows(
        plane, image_rows, 0, *limits, outline, across, down, keys, counts, images, last_image, sizes, used, room
    )
    expected: dict[naive.Window, list[int]] = {}
    first: dict[naive.Window, tuple[int, int]] = {}
    for y, x, window in naive.windows(plane.tolist(), image_rows, *limits):
        if not outline or not naive.is_inside(plane.tolist(), image_rows, y, x):
            expected.setdefault(window, []).append(y // image_rows)
            first.setdefault(window, (y, x))
    if 2 * len(expected) > keys.size:
        assert status == windows.FULL
        return
    assert status == windows.OK
    assert used[0] == len(expected) == (keys != windows.EMPTY).sum()
    shapes = ShapeSet.of([np.array(window, np.int32) for window in expected])
    for key, (window, found) in zip(shapes.keys, expected.items(), strict=True):
        (slot,) = np.flatnonzero(keys == key)
        assert counts[slot] == len(found)
        assert images[slot] == len(set(found))
        assert sizes[slot] == 256 * len(window) + len(window[0])
    fresh = np.ones(len(expected), np.uint8)
    fresh[::3] = 0
    wanted = np.flatnonzero(fresh).tolist()
    columns = np.zeros((3, len(expected)), np.int64)
    found = (*shapes.table, fresh, *columns, room)
    met = windows.find_fresh(plane, image_rows, *limits, outline, across, down, *found)
    assert met == len(wanted) and not fresh.any()
    for number, place, size in columns[:, :met].T:
        window = tuple(map(tuple, shapes[number].tolist()))
        assert first[window] == divmod(place, width)
        assert size == 256 * len(window) + len(window[0])
    assert sorted(columns[0, :met].tolist()) == wanted


def test_count_windows_full():
    plane = np.random.default_rng(2).integers(1, 1000, (8, 8)).astype(np.int32)
    across, down = np.zeros((2, 8, 8), np.int64)
    windows.fill_masks(plane, 8, 4, 4, np.zeros(8, np.int64), across, down)
    keys = np.full(16, windows.EMPTY, np.int64)
    columns = np.zeros((4, 16), np.int64)
    used, room = np.zeros(1, np.int64), windows.window_room()
    for _ in range(2):
        assert windows.count_windows(plane, 8, 0, 4, 4, 0, across, down, keys, *columns, used, room) == windows.FULL
        assert used[0] == 8
    assert columns[0][keys != windows.EMPTY].tolist() == [2] * 8


def _model_for(plane, image_rows, limits, chosen):
    """A codebook of some of the plane's windows, with lengths that differ."""
    found = sorted({window for _, _, window in naive.windows(plane.tolist(), image_rows, *limits)})
    kept = [window for index, window in enumerate(found) if (chosen >> (index % 61)) & 1]
    shapes = ShapeSet.of([np.array(window, np.int32) for window in kept])
    lengths = code_lengths(np.arange(1, 4 + len(kept)) % 7 + 1)
    return kept, shape_model(shapes, code_lengths(np.array([1, 5, 2])), lengths, 40)


@given(HIGH, st.integers(1, 8), WINDOW_LIMITS, st.integers(0, (1 << 61) - 1))
def test_shapes_found_placed_written_and_read(plane, image_rows, limits, chosen):
    kept, model = _model_for(plane, image_rows, limits, chosen)
    numbers = {window: number for number, window in enumerate(kept)}
    matches = [match for match in naive.windows(plane.tolist(), image_rows, *limits) if match[2] in numbers]
    # Windows of one place are met by width first; the order of the codebook then decides, raster order within a shape.
    matches.sort(key=lambda match: (int(model.order[numbers[match[2]]]), match[0], match[1]))
    expected = naive.pairs(plane.tolist(), naive.place(plane.tolist(), matches))
    found, places = _find(plane, model, image_rows)
    pairs = _place(plane, found, places, model)
    assert pairs.distances.tolist() == [distance for distance, _ in expected]
    assert pairs.shapes.tolist() == [-one if isinstance(one, int) else numbers[one] + 1 for _, one in expected]
    _check_bits(plane, pairs, model, image_rows, expected, numbers)
    order = {window: int(model.order[number]) for window, number in numbers.items()}
    expected = naive.pairs(plane.tolist(), naive.cover(matches, order))
    swept = _cover(plane, model, image_rows)
    assert swept.distances.tolist() == [distance for distance, _ in expected]
    assert swept.shapes.tolist() == [-one if isinstance(one, int) else numbers[one] + 1 for _, one in expected]
    best = shape_pairs(plane, model, image_rows)
    assert best.location_bits + best.code_bits <= pairs.location_bits + pairs.code_bits


@given(st.lists(planes(7, 7, 0, 1), min_size=1, max_size=3), st.integers(0, 2), st.integers(0, 2**32))
def test_improve_placement(images, sweeps, seed):
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
    columns = np.array(
        [(y, len(window), ((1 << len(window[0])) - 1) << x) for y, x, window in matches], np.int64
    ).reshape(len(matches), 3)
    result = np.zeros(len(matches), np.uint8)
    prices = np.array(costs, np.int64)
    rows, heights, masks = (np.ascontiguousarray(column) for column in columns.T)
    savings, room = np.full(len(costs), 7), windows.placement_room()
    windows.improve_placement(np.array(bounds), rows, heights, masks, prices + 7, savings, sweeps, room, result)
    assert (result != 0).tolist() == banned


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
    code = model.code if pairs.with_shapes else model.single_code
    words = naive.canonical(code.lengths.tolist())
    digits = ""
    for distance, one in expected:
        digits += naive.golomb(distance, pairs.divisor)
        if not isinstance(one, int):
            digits += words[model.singles + 1 + numbers[one]]
        elif one <= model.singles:
            digits += words[one]
        else:
            digits += words[0] + naive.elias_gamma(one - model.singles)
    assert len(digits) == pairs.location_bits + pairs.code_bits
    output = np.zeros((len(digits) + 7) // 8, np.uint8)
    end = bits.write_shapes(
        pairs.distances, pairs.shapes, pairs.divisor, code.codes, code.lengths, model.singles, output, 0
    )
    assert end == len(digits) and output.tobytes() == naive.to_bytes(digits)
    read, covered = np.zeros(plane.shape, np.int32), np.zeros(plane.shape, np.uint8)
    result = np.zeros(1, np.int64)
    shapes = model.shapes
    arguments = (
        code.first_codes,
        code.first_ranks,
        code.symbols,
        model.singles,
        shapes.heights,
        shapes.widths,
        shapes.offsets,
        shapes.pool,
        read,
        covered,
        result,
    )
    assert bits.read_shapes(output, len(expected), pairs.divisor, image_rows, 9, *arguments) == bits.OK
    assert result[0] == len(digits) and (read == plane).all()


@given(st.lists(st.integers(0, 200), max_size=20), st.integers(1, 70))
def test_golomb_cost(distances, divisor):
    cost = bits.golomb_cost(np.array(distances, np.int64), divisor)
    assert cost == sum(len(naive.golomb(distance, divisor)) for distance in distances)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60))
def test_golomb_search_beats_theory(distances):
    divisor, cost = _golomb(np.array(distances, np.int64))
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
    assert code_lengths(np.array(fibonacci)).max() <= bits.MAX_CODE_BITS


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
    limit = min(4 * (size * 40 + increment) + room, arithmetic.MAX_TOTAL - increment)
    frequencies = np.random.default_rng(seed).integers(1, 40, (2, size)).astype(np.int32)
    tables = np.array([table for table, _ in coded], np.int32)
    symbols = np.array([symbol % size for _, symbol in coded], np.int32)
    trees = np.zeros((2, size), np.int32)
    arithmetic.build_trees(frequencies, trees)
    output, state = np.zeros(64 + 3 * len(coded), np.uint8), arithmetic.fresh_state(size)
    count = arithmetic.encode_symbols(tables, symbols, trees, bit_count, increment, limit, state, output)
    expected = naive.encode_symbols(tables.tolist(), symbols.tolist(), frequencies.tolist(), increment, limit)
    assert output[:count].tobytes() == expected


def test_carry_runs_through_ones():
    """Very likely last symbols push ``low`` to just below a carry; the twin carries by big integers."""
    frequencies = np.array([[1, 60000]], np.int32)
    trees = np.zeros((1, 2), np.int32)
    for seed in range(20):
        symbols = (np.random.default_rng(seed).random(3000) < 0.9995).astype(np.int32)
        arithmetic.build_trees(frequencies, trees)
        output = np.zeros(9100, np.uint8)
        tables = np.zeros(3000, np.int32)
        count = arithmetic.encode_symbols(tables, symbols, trees, 1, 1, 64000, arithmetic.fresh_state(2), output)
        expected = naive.encode_symbols(tables.tolist(), symbols.tolist(), frequencies.tolist(), 1, 64000)
        assert output[:count].tobytes() == expected


@given(st.lists(st.one_of(st.integers(0, 3), st.integers(0, 2**31 - 1)), max_size=60), st.integers(1, 5))
def test_numbers(values, distance):
    above = np.maximum(np.arange(len(values)) - distance, -1)
    stream = arithmetic.encode_numbers(np.array(values, np.int64), above)
    assert stream == naive.encode_numbers(values, above.tolist())
    assert arithmetic.decode_numbers(stream, above).tolist() == values


@given(
    planes(7, 7, 0, 300),
    st.integers(0, 2),
    st.booleans(),
    st.lists(st.integers(-4000, 60000), max_size=5, unique=True),
    st.sampled_from([(0, 0), (1, 3), (4, 90)]),
    st.integers(1, 3),
    st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2), (1, 4)]),
    st.integers(0, 2**32),
)
def test_tuples(folded, reference_count, logarithmic, thresholds, bounds, phases, tile, seed):
    rng = np.random.default_rng(seed)
    references = [rng.integers(0, 100, folded.shape).astype(np.int32) for _ in range(reference_count)]
    near, far = bounds if reference_count else (0, 0)
    weights = rng.integers(-20, 90, 6 + 5 * reference_count).astype(np.int32)
    thresholds = sorted(thresholds)
    contexts = ContextModel(logarithmic, weights, np.array(thresholds, np.int32), near, far, phases)
    split = 12 // (tile[0] * tile[1]) if tile != (1, 1) else 5
    frequencies = np.ones((contexts.tables, 1 << (split * tile[0] * tile[1])), np.int32)
    detail = DetailModel(split, *tile, contexts, 8, 1 << 15, frequencies, None)
    tables, symbols = tuples_of(folded, detail, references)
    rows, width = folded.shape
    index = 0
    for y in range(0, rows - tile[0] + 1, tile[0]):
        for x in range(0, width - tile[1] + 1, tile[1]):
            samples = folded[y : y + tile[0], x : x + tile[1]].ravel().tolist()
            symbol = 0
            for sample in samples:
                symbol = (symbol << split) + sample % (1 << split)
            table = contexts.tables - 1
            if max(samples) < 1 << split:
                others = [reference.tolist() for reference in references]
                table = naive.table_of(
                    folded.tolist(), others, y, x, logarithmic, weights.tolist(), thresholds, near, far, phases
                )
            assert (tables[index], symbols[index]) == (table, symbol)
            index += 1
    assert index == tables.size == symbols.size
