"""Numbers that a filter made of others: the filter against a twin, what is found of it, and hostile plans."""

from __future__ import annotations

import math
import os
import struct
import time
import tracemalloc
from dataclasses import replace
from typing import Any

import minidec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minidec import wide as small

import sofc
from sofc.band.coding import decode_band, encode_band
from sofc.band.core import Area
from sofc.band.filtered import Filter
from sofc.band.filtering import found_filter, grid_of, unfiltered
from sofc.band.gaussians import discrete, recursive, sampled
from sofc.band.means import found_means, undone
from sofc.band.roots import found_roots
from sofc.band.scaling import Grid, found_tables, likely_candidates
from sofc.band.selection import Selection
from sofc.container import wide as plans
from sofc.errors import FormatError
from sofc.image import SampleType, wide_format
from sofc.transforms.filters import (
    BORDERS,
    CUT,
    FEW_LINES,
    MIRROR,
    NEAREST,
    RECURSIVE,
    REFLECT,
    filtered,
    with_border,
)
from sofc.transforms.numbers import to_keys

Image = npt.NDArray[Any]
NONE = np.zeros(0)
COMPILED = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="codes whole images: slow")


def rounded(value: float, dtype: type) -> float:
    """The nearest number of a type; 0 where that is not finite."""
    if dtype is np.float32 and math.isfinite(value):
        try:
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            return 0.0
    return value if math.isfinite(value) else 0.0


def naive_line(line: list[float], weights: list[float], border: int) -> list[float]:
    """A line filtered, what lies beyond its borders written out."""
    reach, inner = len(weights) - 1, line[1:-1]
    # What follows the line, and what stands before it in reverse, again and again.
    if border == RECURSIVE:
        return naive_recursion(line, weights)
    turned = {REFLECT: line[::-1] + line, MIRROR: inner[::-1] + line, NEAREST: line[-1:], CUT: []}[border]
    reversed_first = {REFLECT: line + line[::-1], MIRROR: line[1:] + line[-2::-1], NEAREST: line[:1], CUT: []}[border]
    after, before = (turned or line) * (reach + 1), (reversed_first or line) * (reach + 1)
    long = before[:reach][::-1] + line + after[:reach]
    if border == CUT:
        long = [0.0] * reach + line + [0.0] * reach
    result = []
    for i in range(len(line)):
        total = long[i + reach] * weights[0]
        for k in range(reach, 0, -1):
            total += (long[i + reach - k] + long[i + reach + k]) * weights[k]
        if border == CUT:
            inside = [1.0 if 0 <= i + k < len(line) else 0.0 for k in range(-reach, reach + 1)]
            there = inside[reach] * weights[0]
            for k in range(reach, 0, -1):
                there += (inside[reach - k] + inside[reach + k]) * weights[k]
            total = total / there if there else math.nan
        result.append(total)
    return result


def naive_recursion(line: list[float], weights: list[float]) -> list[float]:
    """Forth and back, each value by itself from those that it follows from, which are there for ever."""
    n, d, m = weights[:4], weights[4:8], weights[8:]
    total, beyond, rest = n[0] + n[1] + n[2] + n[3], m[0] + m[1] + m[2] + m[3], 1 + d[0] + d[1] + d[2] + d[3]
    last = len(line) - 1
    forth: dict[int, float] = {}
    back: dict[int, float] = {}

    def x(j: int) -> float:
        return line[min(max(j, 0), last)]

    def share(known: dict[int, float], j: int, k: int, gain: float) -> float:
        still = d[k] * gain / rest if rest else math.nan
        return known[j] * d[k] if 0 <= j <= last else x(j) * still

    for i in range(len(line)):
        a, b = [x(i - k) * n[k] for k in range(4)], [share(forth, i - k - 1, k, total) for k in range(4)]
        forth[i] = (a[0] + a[1] + a[2] + a[3]) - (b[0] + b[1] + b[2] + b[3])
    for i in range(last, -1, -1):
        a, b = [x(i + k + 1) * m[k] for k in range(4)], [share(back, i + k + 1, k, beyond) for k in range(4)]
        back[i] = (a[0] + a[1] + a[2] + a[3]) - (b[0] + b[1] + b[2] + b[3])
    return [forth[i] + back[i] for i in range(len(line))]


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_filters_are_those_of_the_twin(data: st.DataObject) -> None:
    images, rows, width = (data.draw(st.integers(1, 5)) for _ in range(3))
    border, between, result = (data.draw(st.sampled_from(some)) for some in (range(5), TYPES, TYPES))
    sizes = [0, 12] if border == RECURSIVE else list(range(7))
    is_rooted = data.draw(st.booleans())
    number = st.one_of(st.floats(-100, 100, width=32), st.sampled_from([math.inf, math.nan, 3e38, -0.0, 1e-45]))
    values = np.array(data.draw(st.lists(number, min_size=images * rows * width, max_size=images * rows * width)))
    counts = [data.draw(st.sampled_from(sizes)) for _ in range(3)]
    weights = [np.array(data.draw(st.lists(st.floats(-3, 3), min_size=k, max_size=k))) for k in counts]
    values = values.astype(between).reshape(1, images, rows, width)
    found = filtered(values, weights, border, between, result, is_rooted=is_rooted)
    expected = {place: rounded(float(value), between) for place, value in np.ndenumerate(values[0])}
    for axis in (0, 2, 1) if border == RECURSIVE and counts[0] else range(3):
        if not len(weights[axis]):
            continue
        for start in [place for place in expected if place[axis] == 0]:
            places = [(*start[:axis], k, *start[axis + 1 :]) for k in range(values.shape[axis + 1])]
            line = naive_line([expected[place] for place in places], weights[axis].tolist(), border)
            expected |= {place: rounded(value, between) for place, value in zip(places, line, strict=True)}
    for place, value in expected.items():
        if is_rooted:
            value = math.sqrt(value) if value >= 0 else 0.0
        one = np.array(rounded(value, result), result)
        assert one.tobytes() == found[0][place].tobytes(), place


TYPES = (np.float32, np.float64)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_the_small_decoder_filters_as_well(data: st.DataObject) -> None:
    """Lines shorter than the filter, too."""
    border, between, length = (data.draw(st.sampled_from(some)) for some in (range(5), TYPES, range(1, 9)))
    count = 12 if border == RECURSIVE else data.draw(st.integers(1, 7))
    line, weights = (data.draw(st.lists(st.floats(-9, 9), min_size=size, max_size=size)) for size in (length, count))
    values = np.array(line, between).reshape(1, 1, 1, length)
    found = filtered(values, [NONE, NONE, np.array(weights)], border, between, between)
    kind = small.FLOAT32 if between is np.float32 else small.FLOAT64
    made = small.filtered(kind, values.ravel().tolist(), length, 1, weights, border)
    assert np.array(made, between).tobytes() == found.tobytes()


def test_what_lies_beyond_a_border() -> None:
    assert with_border(3, 4, REFLECT).tolist() == [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]
    assert with_border(3, 4, MIRROR).tolist() == [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
    assert with_border(3, 2, NEAREST).tolist() == [0, 0, 0, 1, 2, 2, 2]
    assert with_border(1, 2, MIRROR).tolist() == [0] * 5
    assert with_border(2, 2, CUT).tolist() == [-1, -1, 0, 1, -1, -1]
    assert with_border(2, 2, RECURSIVE).tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("axis", range(3))
def test_filters_longer_than_an_axis_take_no_more_memory(axis: int) -> None:
    shape = [200, 200, 200]
    shape[axis] = 1
    values, weights = np.ones((1, *shape)), [NONE] * 3
    weights[axis] = np.ones(plans.MAX_REACH + 1)
    tracemalloc.start()
    try:
        filtered(values, weights, MIRROR, "f8", "f8")
        assert tracemalloc.get_traced_memory()[1] < 10 * values.nbytes
    finally:
        tracemalloc.stop()


def test_a_recursion_along_one_long_line_takes_no_longer_than_its_samples() -> None:
    """Few bytes could ask for minutes: of one line as much was done for each sample as of many at once."""
    taken = []
    for lines in (FEW_LINES + 1, 1):
        began = time.process_time()
        filtered(np.ones((1, 1, lines, 9000)), [NONE, NONE, recursive(1.0)], RECURSIVE, "f8", "f8")
        taken.append(time.process_time() - began)
    assert taken[1] < taken[0] / 2


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("length", [3, 30])
def test_filters_are_undone(border: int, length: int) -> None:
    values = np.random.default_rng(1).integers(0, 200, (2, length, 9, 11)).astype(np.float64)
    weights = sampled(0.8), sampled(0.5), sampled(1.0)
    assert np.abs(unfiltered(filtered(values, weights, border, "f8", "f8"), weights, border) - values).max() < 1e-6


def test_a_gaussian_adds_up_to_one() -> None:
    weights = sampled(1.0)
    assert len(weights) == 5 and weights[0] == 0.39894346935609776 and weights[1] == 0.24197144565660073
    assert 2 * weights[1:].sum() + weights[0] == pytest.approx(1)


def test_gaussians_are_those_of_other_programs() -> None:
    """As `scipy.ndimage.gaussian_filter` and SimpleITK's `DiscreteGaussian` have them; what its
    `SmoothingRecursiveGaussian` makes of an image in float32."""
    for variance, first in ((2.0, 0.3094868756472484), (0.25, 0.7914329130735152), (1.5, 0.37027702293224324)):
        weights = discrete(variance)
        assert weights[0] == pytest.approx(first, rel=1e-15)
        assert weights[0] + 2 * weights[1:].sum() == pytest.approx(1)
    image = np.zeros((1, 1, 10, 10), np.float32)
    image[0, 0, [4, 0, 9], [3, 0, 6]] = 9, 5, 7
    made = filtered(image, (NONE, recursive(0.8), recursive(0.8)), RECURSIVE, "f4", "f4")
    row = (-0.0027940296567976475, 0.09668324887752533, 1.030536413192749, 2.2517242431640625, 1.030605673789978)
    assert made[0, 0, 4, :5].tolist() == list(row)


def test_grids_are_seen() -> None:
    random = np.random.default_rng(2)
    numbers = random.integers(0, 300, (40, 40)).astype(np.float64)
    assert grid_of(3.7 * numbers + 2.2) == pytest.approx(3.7)
    assert grid_of(3.7 * numbers + random.normal(0, 0.02, (40, 40))) == pytest.approx(3.7, rel=0.01)
    assert grid_of(random.integers(0, 9000, (40, 40)) + random.normal(0, 0.05, (40, 40))) == pytest.approx(1, rel=0.01)
    for noise in (random.normal(0, 9, (40, 40)), random.random((40, 40)), np.zeros((40, 40)), np.full((1, 1), 5.0)):
        assert grid_of(noise) is None


def scene(scale: float, images: int = 1) -> Image:
    """Texture without noise nor order, scaled."""
    random = np.random.default_rng(3)
    smooth = random.normal(0, 1, (1, images, 48, 52)).cumsum(axis=2).cumsum(axis=3)
    return np.rint(smooth * 5 + random.normal(0, 9, smooth.shape)) * scale


@COMPILED
@pytest.mark.parametrize(
    ("border", "between", "result", "scale", "images"),
    [
        (REFLECT, np.float32, np.float32, 1.0, 1),
        (MIRROR, np.float64, np.float64, 1 / 255, 1),
        (NEAREST, np.float64, np.float32, 6.4823527336120605, 1),
        (REFLECT, np.float64, np.float64, 1.0, 6),
        (NEAREST, np.float32, np.float32, 0.25, 6),
        (NEAREST, np.float64, np.float64, 1.0, 6),
        (RECURSIVE, np.float32, np.float32, 1.0, 6),
        (RECURSIVE, np.float32, np.float32, 2.5, 1),
    ],
)
def test_smoothed_integers_take_little_more_than_they_do(
    border: int, between: type, result: type, scale: float, images: int
) -> None:
    weights = recursive(0.8) if border == RECURSIVE else discrete(0.5) if result is np.float64 else sampled(0.8)
    if border not in (NEAREST, RECURSIVE):
        weights = sampled(0.8)
    numbers = scene(scale, images)
    along = (weights if images > 1 else NONE, weights, weights)
    image = filtered(numbers.astype(between), along, border, between, result)[0]
    data = sofc.encode(image, batch=True, codebook=None)
    assert sofc.decode(data).tobytes() == image.tobytes()
    assert [one.data for one in minidec.decode_file(data, []).images] == [one.tobytes() for one in image]
    origin = sofc.encode(np.rint(numbers[0] / scale).astype(np.int16), batch=True, codebook=None)
    assert len(data) < len(origin) + 600


def mean_of_three(values: Image, axis: int, mode: str) -> Image:
    """Means of each sample and those beside it along an axis, rounded to the type of the samples; of two at borders
    where ``mode`` is "cut"."""
    if mode == "cut":
        there = mean_of_three(np.ones(values.shape), axis, "constant")
        return (mean_of_three(values.astype(np.float64), axis, "constant") / there).astype(values.dtype)
    before = np.pad(values, [(int(one == axis),) * 2 for one in range(values.ndim)], mode)
    three = (np.take(before, np.arange(values.shape[axis]) + k, axis) for k in range(3))
    result: Image = (sum(one.astype(np.float64) for one in three) / 3.0).astype(values.dtype)
    return result


@COMPILED
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mode", ["symmetric", "reflect", "cut"])
@pytest.mark.parametrize(("images", "scale"), [(1, 1.0), (5, 0.37), (6, 1.0)])
def test_means_of_integers_take_little_more_than_they_do(dtype: type, mode: Any, images: int, scale: float) -> None:
    """Also of lines of 48 and 6 samples, of which a frequency is lost, and chosen."""
    numbers = scene(1.0, images)[0]
    image = (numbers * scale).astype(dtype)
    for axis in range(3)[images == 1 :]:
        image = mean_of_three(image, axis, mode)
    data = sofc.encode(image, batch=True, codebook=None)
    assert sofc.decode(data).tobytes() == image.tobytes()
    origin = sofc.encode(numbers.astype(np.int16), batch=True, codebook=None)
    # Running sums of binary64 are off in their last bits, of which there is no rule.
    assert len(data) < 1.3 * len(origin) + 600 + (image.size / 2 if dtype is np.float64 else 0)


@given(st.integers(3, 12), st.sampled_from([REFLECT, MIRROR, CUT]), st.integers(0, 2), st.integers(0, 1 << 30))
def test_integers_are_found_of_their_sums(length: int, border: int, more: int, seed: int) -> None:
    numbers = np.random.default_rng(seed).integers(-99, 99, (length, 5))
    sums = np.append(numbers, np.zeros((1, 5), np.int64), axis=0)[with_border(length, 1, border)]
    sums = sums[:-2] + sums[1:-1] + sums[2:]
    found = undone(sums, border)
    assert found is not None
    if found.lost is None:
        # Only an offset is lost.
        again = undone(sums - more * (border != CUT), border)
        assert again is not None and len(np.unique(again.numbers - numbers)) == 1
        assert np.array_equal(found.numbers, numbers)
        sums[0, 0] += 1
        # Where nothing lies beyond the borders, any sums are those of some integers.
        assert (undone(sums, border) is None) == (border != CUT)
    else:
        change = (numbers - found.numbers)[:1] // found.lost[0]
        assert np.array_equal(found.numbers + found.lost[:, None] * change, numbers)


def test_other_numbers_are_no_means() -> None:
    random = np.random.default_rng(9)
    whole = random.integers(0, 900, (30, 40))
    for image in (whole, whole / 9, whole * 0.37, random.normal(0, 1, (30, 40)), np.full((30, 40), np.inf)):
        for number in (SampleType.FLOAT32, SampleType.FLOAT64):
            assert found_means(to_keys(image.astype(number.dtype_name), number), number, 30) is None


@COMPILED
def test_what_a_processor_rounds_otherwise_costs_little() -> None:
    """As those do that multiply and add in one step."""
    numbers = scene(1.0)
    image = filtered(numbers, (NONE, sampled(1.0), sampled(1.0)), REFLECT, "f8", "f8")[0, 0]
    exact = len(sofc.encode(image, codebook=None))
    image = np.nextafter(image, np.random.default_rng(4).choice([-9e9, 9e9], image.shape))
    data = sofc.encode(image, codebook=None)
    assert sofc.decode(data).tobytes() == image.tobytes()
    assert exact < len(data) < exact + image.size / 4


@COMPILED
def test_errors_in_the_last_bits_of_many_numbers_cost_little() -> None:
    random = np.random.default_rng(8)
    numbers = random.integers(-2000, 2000, (1, 1, 90, 100)).cumsum(axis=3) % 997 * 7.0
    image = numbers[0, 0] / 49
    data = sofc.encode(image, codebook=None)
    image = np.nextafter(image, random.choice([-9e9, 9e9], image.shape))
    again = sofc.encode(image, codebook=None)
    assert sofc.decode(again).tobytes() == image.tobytes()
    assert len(again) < len(data) + image.size / 4


@COMPILED
@pytest.mark.parametrize(("magnitude", "dtype"), [(0, np.float32), (0, np.float64), (1, np.float32), (1, np.float64)])
def test_magnitudes_of_gradients_are_roots(magnitude: int, dtype: type) -> None:
    numbers = np.abs(scene(30.0)[0, 0])
    down, across = np.gradient(numbers.astype(dtype))
    image = (np.sqrt(down * down + across * across), np.hypot(down, across))[magnitude]
    data = sofc.encode(image, codebook=None)
    assert sofc.decode(data).tobytes() == image.tobytes()
    assert minidec.decode_file(data, []).images[0].data == image.tobytes()
    squares = np.rint(down * down + across * across).astype(np.int64)
    assert len(data) < 1.2 * len(sofc.encode(squares, codebook=None)) + 200


def test_the_square_is_found_in_the_type_that_holds_it() -> None:
    quarters = np.random.default_rng(6).integers(0, 1 << 20, (30, 40))
    for number in (SampleType.FLOAT32, SampleType.FLOAT64):
        keys = to_keys(np.sqrt(quarters / 4).astype(number.dtype_name), number)
        found = found_roots(keys, number, 30)
        assert found is not None and not found.left.any() and found.filter.is_rooted
        assert found.filter.between is SampleType.FLOAT32
        assert np.array_equal(found.filter.made_of(found.origin, number, Area(*keys.shape[1:], 30)), keys)
    for other in (-np.sqrt(quarters / 4), np.random.default_rng(7).normal(9, 1, (30, 40)), np.full((3, 3), np.nan)):
        assert found_roots(to_keys(other, SampleType.FLOAT64), SampleType.FLOAT64, len(other)) is None


def test_other_numbers_have_no_filter() -> None:
    random = np.random.default_rng(5)
    for image in (
        random.normal(0, 1, (50, 60)),
        random.normal(0, 1, (50, 60)).cumsum(0).cumsum(1),
        np.where(random.random((50, 60)) < 0.1, np.nan, 1.0),
        random.random((9, 60)),
    ):
        for number in (SampleType.FLOAT32, SampleType.FLOAT64):
            assert found_filter(to_keys(image.astype(number.dtype_name), number), number, len(image)) is None


@pytest.mark.parametrize(
    "numbers",
    [
        np.arange(2500) * 1e300 % 7e303,
        np.resize([1.7e308, -1.7e308, 1.0], 2500),
        np.resize(np.arange(1, 40) * 5e-324, 2500),
        np.resize(np.float32([3.4028235e38, -3.4028235e38, 1, 2]), 2500),
        np.full(2500, 0x7F800001, np.uint32).view(np.float32),
        2.0**52 + np.arange(576) % 9,
    ],
    ids=["huge", "greatest", "least", "greatest32", "signalling", "last bits"],
)
def test_numbers_at_the_ends_of_their_type_are_searched_in_silence(numbers: Image) -> None:
    image = numbers.reshape(-1, math.isqrt(numbers.size))
    number = SampleType[image.dtype.name.upper()]
    keys = to_keys(image, number)
    with np.errstate(all="raise", under="ignore"):
        found_tables(keys, number, len(image))
        assert found_filter(keys, number, len(image)) is None
        found_roots(keys, number, len(image))
        assert found_means(keys, number, len(image)) is None


def test_no_filter_makes_of_integers_what_is_beyond_all_numbers() -> None:
    """As of integers with the greatest number among them."""
    image = np.random.default_rng(3).integers(0, 256, (30, 40)).astype(np.float32)
    image[4, 5] = np.finfo(np.float32).max
    assert sofc.decode(sofc.encode(image)).tobytes() == image.tobytes()


def test_few_filters_are_tried_of_what_is_of_many_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).normal(0, 1, (90, 104)).astype(np.float32)
    image[::7, ::5] = 1e30
    tried = []
    monkeypatch.setattr("sofc.band.filtering._verified", lambda *guess: tried.append(guess))
    assert found_filter(to_keys(image, SampleType.FLOAT32), SampleType.FLOAT32, 90) is None
    assert 0 < len(tried) <= 9


def test_equal_numbers_have_no_filter() -> None:
    for dtype in (np.float32, np.float64):
        image = np.full((99, 25), 39323, dtype)
        number = SampleType[image.dtype.name.upper()]
        assert found_filter(to_keys(image, number), number, 33) is None


def test_no_scaling_divides_by_zero() -> None:
    """Though a step may be as small as what numbers are off the grid."""
    grid = Grid(np.array([0, 8]), 1.0, 2.0**52, 4.0)
    assert all(one.a != 0 for one in likely_candidates(grid, SampleType.FLOAT64))


# Bad input.

WEIGHTS = [0.5, 0.25]
HEAD = plans.FilterHead(7, 0, 0, [[], WEIGHTS, WEIGHTS], 0, 0, 0)


def test_heads_come_back() -> None:
    assert plans.unpack_filtered(plans.pack_filtered(HEAD)) == HEAD
    for head in (HEAD._replace(between=8), HEAD._replace(weights=[[0.5] * 33] * 3)):
        assert plans.unpack_filtered(plans.pack_filtered(head)) == head
    body = Filter((NONE, np.array(WEIGHTS), np.array(WEIGHTS)), 0, SampleType.FLOAT32).packed(0, 0, 0)
    assert body == plans.pack_filtered(HEAD)


def test_registered_codebooks_of_both_parts_are_found() -> None:
    body = plans.pack_filtered(HEAD._replace(streams=2))
    parts = [plans.pack_plan(plans.Plan(SampleType.FLOAT32, number, plans.STEPS, b"")) for number in (3, 5)]
    outer = plans.pack_plan(plans.Plan(SampleType.FLOAT32, 0, plans.FILTERED, body))
    assert plans.registered_codebooks([outer, parts[0], b"", parts[1], b""]) == {3, 5}


@pytest.mark.parametrize(
    "wrong",
    [
        {"between": 5},
        {"between": 99},
        {"border": 5},
        {"border": 4},
        {"border": 4, "weights": [[0.1] * 11, [], []]},
        {"function": 2},
        {"mode": 1},
        {"mode": 6},
        {"weights": [[], [math.inf], []]},
        {"weights": [[], [], [math.nan]]},
        {"weights": [[0.0] * 34, [], []]},
    ],
)
def test_hostile_filters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        plans.unpack_filtered(plans.pack_filtered(HEAD._replace(**wrong)))


@COMPILED
def test_streams_of_filtered_samples_are_counted_and_not_filtered_again() -> None:
    image = filtered(scene(1.0), (NONE, sampled(0.5), sampled(0.5)), REFLECT, "f4", "f4")[0, 0]
    form = wide_format(1, SampleType.FLOAT32)
    coded = encode_band(image, form, Selection(None, None, 5), image_rows=48, verify=False)
    plan = plans.unpack_plan(coded.streams[0])
    assert plan.way == plans.FILTERED
    head = plans.unpack_filtered(plan.body)
    for streams in (head.streams + 1, 0, 99):
        body = plans.pack_filtered(head._replace(streams=streams))
        bad = plans.pack_plan(plan._replace(body=body)), *coded.streams[1:]
        with pytest.raises(sofc.SofcError):
            decode_band(replace(coded, streams=bad), form, None, rows=48, width=52, image_rows=48)
    body = plans.pack_filtered(head._replace(streams=len(coded.streams), mode=2 * coded.mapping, model=coded.model))
    outer = plans.pack_plan(plan._replace(body=body))
    again = outer, *coded.streams, *coded.streams[1 + head.streams :]
    with pytest.raises(sofc.SofcError, match="way 5 of wide samples"):
        decode_band(replace(coded, streams=again), form, None, rows=48, width=52, image_rows=48)
