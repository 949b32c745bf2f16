"""Prediction along lines against its twin in whole numbers and fractions, and the fit of its weights."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_products import expected_product, key_of, value_of

from sofc.band.core import Area
from sofc.band.lines import Lines, found_lines, left_of, restored
from sofc.band.products import TYPES, bits_left
from sofc.errors import FormatError
from sofc.image import SampleType
from sofc.prediction.line_fit import Equations, fit_lines
from sofc.prediction.lines import REACH
from sofc.transforms.numbers import LAYOUTS, from_keys, to_keys

MOST = 1 << 53
COMPILED = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits whole images: slow")


def naive_left(keys: npt.NDArray[np.uint64], lines: Lines, number: SampleType, rows: int) -> npt.NDArray[np.uint64]:
    """What is left of keys, by dictionaries of exact numbers."""
    bits, half = number.bits, 1 << number.bits - 1
    result = np.zeros_like(keys)
    planes, height, width = keys.shape
    for plane in range(planes):
        point: dict[tuple[int, int, int], int] = {}
        first: dict[tuple[int, int, int], int] = {}
        second: dict[tuple[int, int, int], int] = {}
        for row in range(height):
            for x in range(width):
                i, y = divmod(row, rows)
                a = b = c = 0
                for k, weight in enumerate(lines.weights[0][min(i, len(lines.weights[0]) - 1)].tolist(), 1):
                    a += weight * point.get((i - k, y, x), 0)
                for k, weight in enumerate(lines.weights[1][min(y, len(lines.weights[1]) - 1)].tolist(), 1):
                    b += weight * first.get((i, y - k, x), 0)
                for k, weight in enumerate(lines.weights[2][min(x, len(lines.weights[2]) - 1)].tolist(), 1):
                    c += weight * second.get((i, y, x - k), 0)
                a, b, c = (Fraction(one, 1 << lines.fraction).__floor__() for one in (a, b, c))
                expected = nearest_key(limited(a + b + c), lines.exponent, number)
                own = int(keys[plane, row, x]) - half
                stored = (expected if expected >= 0 else -1 - expected) >> LAYOUTS[number].mantissa
                if lines.depth and x and y and stored + lines.depth < lines.exponent:
                    beside = (int(keys[plane, row - k, x - j]) - half for j, k in ((1, 0), (0, 1), (1, 1)))
                    expected = expected_product(*beside, bits)
                code = zigzag_of(own - expected, bits)
                west = zigzag_of(int(keys[plane, row, x - 1]) - half - expected, bits) if x else 0
                if code and code <= west:
                    code = 1 if code == west else code + 1
                result[plane, row, x] = (code + half) % (2 * half)
                point[i, y, x] = fixed_point(own, lines.exponent, number)
                first[i, y, x] = limited(point[i, y, x] - a)
                second[i, y, x] = limited(first[i, y, x] - b)
    return result


def limited(value: int) -> int:
    return max(-MOST, min(value, MOST))


def zigzag_of(difference: int, bits: int) -> int:
    difference = (difference + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)
    return 2 * difference if difference >= 0 else -2 * difference - 1


def unit_of(exponent: int, number: SampleType) -> Fraction:
    """The value of one of numbers with a fixed point, by the exponent as it is stored."""
    bias = (1 << LAYOUTS[number].exponent - 1) - 1
    return Fraction(2) ** (exponent - bias - 52)


def fixed_point(key: int, exponent: int, number: SampleType) -> int:
    stored = (key if key >= 0 else -1 - key) >> LAYOUTS[number].mantissa
    if stored > exponent or stored == (1 << LAYOUTS[number].exponent) - 1:
        return 0
    return int(Fraction(value_of(key, number.bits)) / unit_of(exponent, number))


def nearest_key(value: int, exponent: int, number: SampleType) -> int:
    """By search: of two that are as near, the one further from zero."""
    exact = abs(value) * unit_of(exponent, number)
    low, high = 0, (((1 << LAYOUTS[number].exponent) - 1) << LAYOUTS[number].mantissa) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if Fraction(value_of(middle, number.bits)) <= exact else (low, middle - 1)
    above = min(low + 1, (((1 << LAYOUTS[number].exponent) - 1) << LAYOUTS[number].mantissa) - 1)
    here, there = (Fraction(value_of(one, number.bits)) for one in (low, above))
    found = above if there > here and exact - here >= there - exact else low
    return -1 - found if value < 0 and found else found


@st.composite
def cases(draw: st.DrawFn) -> tuple[SampleType, npt.NDArray[np.uint64], Lines, int]:
    number = draw(st.sampled_from(TYPES))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    images, rows, width, planes = (draw(st.integers(1, most)) for most in (3, 5, 6, 2))
    shape = (planes, images * rows, width)
    kind = draw(st.sampled_from(["bits", "smooth", "equal", "faded"]))
    if kind == "bits":
        words = random.integers(0, 1 << number.bits - 1, shape, dtype=np.uint64) * np.uint64(2)
        keys = words + random.integers(0, 2, shape).astype(np.uint64)
    else:
        values = random.integers(0, 3, shape) if kind == "equal" else random.normal(3, 1, shape)
        if kind == "faded":
            values = values * 2.0 ** -random.integers(0, 40, shape)
        keys = np.concatenate([to_keys(one.astype(number.dtype_name), number) for one in values])
    fraction = draw(st.integers(0, 44))
    most = (1 << fraction + REACH) - 1
    weights = []
    for every in (images, rows, width):
        lines = draw(st.sampled_from([1, every]))
        taps = draw(st.integers(0, 8))
        table = random.normal(0, draw(st.sampled_from([0.1, 1.0, 30.0])), (lines, taps)) * 2.0**fraction
        rounded = np.rint(table).astype(np.int64)
        rounded[np.abs(rounded).sum(axis=1) > most] = 0
        if taps and draw(st.booleans()):
            rounded[0] = 0
            rounded[0, 0] = draw(st.sampled_from([most, -most]))
        weights.append(rounded)
    highest = (1 << LAYOUTS[number].exponent) - 2
    exponent = draw(st.one_of(st.integers(1, highest), st.just(highest // 2 + 3)))
    depth = draw(st.one_of(st.just(0), st.integers(0, 31)))
    return number, keys, Lines(tuple(weights), fraction, exponent, depth), rows


@given(cases())
@settings(max_examples=80, deadline=None)
def test_prediction_is_that_of_the_twin_and_undone(
    case: tuple[SampleType, npt.NDArray[np.uint64], Lines, int],
) -> None:
    number, keys, lines, rows = case
    left = left_of(keys, lines, number, rows)
    np.testing.assert_array_equal(left, naive_left(keys, lines, number, rows))
    np.testing.assert_array_equal(restored(left, lines, number, rows), keys)


@given(cases())
@settings(max_examples=30, deadline=None)
def test_weights_are_packed(case: tuple[SampleType, npt.NDArray[np.uint64], Lines, int]) -> None:
    number, keys, lines, rows = case
    body, stream = lines.packed()
    planes, area = len(keys), Area(keys.shape[1], keys.shape[2], rows)
    if lines.weight_count > keys.size:
        with pytest.raises(FormatError, match="too many"):
            Lines.unpacked(body, stream, number, planes, area)
        return
    again = Lines.unpacked(body, stream, number, planes, area)
    assert again[1:] == lines[1:]
    for one, other in zip(again.weights, lines.weights, strict=True):
        np.testing.assert_array_equal(one, other)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(1, 254))
@example(5e-324, 1)
def test_points_of_numbers(value: float, exponent: int) -> None:
    """Of which those that are not small beside the exponent come back."""
    key = key_of(np.float32(value), 32)
    stored = (key if key >= 0 else -1 - key) >> 23
    if exponent - 29 <= max(stored, 1) and stored <= exponent and value:
        assert nearest_key(fixed_point(key, exponent, SampleType.FLOAT32), exponent, SampleType.FLOAT32) == key


def fit(values: npt.NDArray[np.float64], taps: int, most: float = 255.0) -> npt.NDArray[np.float64]:
    weights = np.full((len(values), taps), 7.0)
    size = values.shape[1]
    rest: Any = (np.empty(taps + 1), np.zeros((taps + 1, taps + 1)), np.empty(size), np.empty(size))
    fit_lines(values, 0, most, weights, Equations(np.empty((taps + 1, size)), *rest))
    return weights


def test_weights_are_found() -> None:
    random = np.random.default_rng(1)
    values = random.normal(0, 1, (6, 300))
    values[4] = 0.5 * values[3] - 2 * values[2]
    values[5] = values[4] + np.where(np.arange(300) % 10, 0, 40)  # some are far off, and count little
    weights = fit(values, 3)
    assert not weights[0].any() and not weights[1, 1:].any()
    np.testing.assert_allclose(weights[4], [0.5, -2, 0], atol=1e-9)
    np.testing.assert_allclose(weights[5, 0], 1, atol=0.05)


def test_weights_are_bounded_and_lines_may_depend_on_each_other() -> None:
    random = np.random.default_rng(2)
    values = np.repeat(random.normal(0, 1, (1, 50)), 4, axis=0)
    values[2] = 0
    weights = fit(values, 3)
    np.testing.assert_allclose((weights[3:] @ values[2::-1])[0], values[3], atol=1e-12)
    values[3] = 1000 * values[1]
    assert not fit(values, 2)[3].any()
    assert np.isfinite(fit(np.zeros((3, 4)), 2)).all()


@COMPILED
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_fades_out_is_predicted_as_products(dtype: type) -> None:
    random = np.random.default_rng(4)
    scene = random.integers(1, 200, (80, 120)) * (random.random((80, 120)) < 0.002)
    kernel = np.exp(-(np.arange(-12, 13) ** 2) / 8)
    for axis in (0, 1):
        scene = np.apply_along_axis(np.convolve, axis, scene, kernel, "same")
    number = SampleType[np.dtype(dtype).name.upper()]
    keys = to_keys(scene.astype(dtype), number)
    found = found_lines(keys, number, 80)
    assert found is not None and found[1].depth > 0
    bits = [bits_left(left_of(keys, one, number, 80), number).sum() for one in (found[1], found[1]._replace(depth=0))]
    assert bits[0] < 0.9 * bits[1]
    np.testing.assert_array_equal(restored(left_of(keys, found[1], number, 80), found[1], number, 80), keys)


@COMPILED
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_was_smoothed_or_resampled_is_predicted(dtype: type) -> None:
    random = np.random.default_rng(3)
    scene = random.integers(0, 200, (6, 99, 100)).astype(np.float64)
    kernel = np.exp(-(np.arange(-6, 7) ** 2) / 4)
    smooth = scene
    for axis in (1, 2):
        smooth = np.apply_along_axis(np.convolve, axis, smooth, kernel / kernel.sum(), "same")
    places = np.arange(140) / 1.43
    wider = np.apply_along_axis(lambda line: np.interp(places, np.arange(100), line), 2, scene)
    number = SampleType[np.dtype(dtype).name.upper()]
    for made, gained in ((smooth, 2.0), (wider, 2.0)):
        samples = np.ascontiguousarray(made.astype(dtype).reshape(-1, made.shape[2]))
        keys = to_keys(samples, number)
        found = found_lines(keys, number, 99)
        assert found is not None and found[0] > gained * keys.size
        left = left_of(keys, found[1], number, 99)
        np.testing.assert_array_equal(from_keys(restored(left, found[1], number, 99), number, 1), samples)


@COMPILED
def test_noise_is_not() -> None:
    noise = np.random.default_rng(3).normal(100, 9, (64, 64)).astype(np.float32)
    assert found_lines(to_keys(noise, SampleType.FLOAT32), SampleType.FLOAT32, 64) is None
    # That W + N - NW of it makes twice as much noise does not show that anything is gained.
    steps = (noise + np.random.default_rng(4).normal(0, 9, noise.shape).cumsum(0)).astype(np.float32)
    assert found_lines(to_keys(steps, SampleType.FLOAT32), SampleType.FLOAT32, 64) is None
