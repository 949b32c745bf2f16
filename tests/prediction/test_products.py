"""Products against their twin in exact fractions, and prediction against its inverse."""

from __future__ import annotations

import itertools
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sofc.band.core import Area
from sofc.band.products import SIDE, TYPES, Tiles, flags_shape, found_tiles, left_of, restored
from sofc.image import SampleType
from sofc.prediction.keys import Numbers
from sofc.prediction.products import product
from sofc.transforms.numbers import from_keys, to_keys

NUMBERS = {32: Numbers(32, 23), 64: Numbers(64, 52)}
CODES = {32: ("<f", "<I"), 64: ("<d", "<Q")}


def value_of(key: int, bits: int) -> float:
    pattern = key if key >= 0 else (1 << bits - 1) + (-1 - key)
    number, word = CODES[bits]
    return float(struct.unpack(number, struct.pack(word, pattern))[0])


def key_of(value: float, bits: int) -> int:
    number, word = CODES[bits]
    pattern = int(struct.unpack(word, struct.pack(number, value))[0])
    return pattern if pattern < 1 << bits - 1 else -1 - (pattern - (1 << bits - 1))


def expected_product(west: int, north: int, corner: int, bits: int) -> int:
    """With fractions: the quotient is cut to two bits more than it needs, and then rounded half up."""
    values = [value_of(key, bits) for key in (west, north, corner)]
    mantissa = NUMBERS[bits].mantissa
    least = Fraction(2) ** (2 - (1 << bits - 2 - mantissa))
    if not np.isfinite(values).all() or abs(values[2]) < least:
        return west
    a, b, c = (abs(Fraction(value)) for value in values)
    if a * b == 0:
        return 0
    exact = a * b / c
    # The unit of the quotient's last two bits, from the exponents that the three numbers have.
    unit = Fraction(1, 4)
    for value, sign in ((a, 1), (b, 1), (c, -1)):
        exponent = max(exponent_of(value), exponent_of(least))
        unit *= Fraction(2) ** (sign * (exponent - mantissa))
    quotient = exact // unit
    if quotient == 0:
        return 0
    cut = quotient * unit
    grid = Fraction(2) ** (max(exponent_of(cut), exponent_of(least)) - mantissa)
    rounded = (cut / grid + Fraction(1, 2)).__floor__() * grid
    if rounded >= Fraction(2) ** (1 << bits - 2 - mantissa):
        return west
    sign = (west < 0) ^ (north < 0) ^ (corner < 0)
    key = key_of(float(rounded), bits)
    return -1 - key if sign and rounded else key


def exponent_of(value: Fraction) -> int:
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    return exponent if Fraction(2) ** exponent <= value else exponent - 1


def keys(bits: int) -> st.SearchStrategy[int]:
    any_key = st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)
    ordinary = st.floats(0.125, 8, width=bits).map(lambda value: key_of(value, bits))
    tiny = st.integers(-(1 << NUMBERS[bits].mantissa + 2), 1 << NUMBERS[bits].mantissa + 2)
    return st.one_of(any_key, ordinary, tiny)


@pytest.mark.parametrize("bits", [32, 64])
@given(st.data())
def test_product(bits: int, data: st.DataObject) -> None:
    west, north, corner = (data.draw(keys(bits)) for _ in range(3))
    assert product(west, north, corner, NUMBERS[bits]) == expected_product(west, north, corner, bits)


@pytest.mark.parametrize("bits", [32, 64])
def test_products_beyond_all_numbers_are_none(bits: int) -> None:
    """Keys of what would come of the greatest numbers over the least have more bits than an integer."""
    mantissa = NUMBERS[bits].mantissa
    highest = (1 << bits - 1 - mantissa) - 2
    extremes = [exponent << mantissa | rest for exponent in (1, 2, highest >> 1, highest) for rest in (0, 1)]
    for west, north, corner in itertools.product([*extremes, *(-1 - key for key in extremes)], repeat=3):
        assert product(west, north, corner, NUMBERS[bits]) == expected_product(west, north, corner, bits)


def test_products_of_ordinary_numbers_are_near() -> None:
    rng = np.random.default_rng(1)
    for west, north, corner in rng.normal(0, 1, (200, 3)):
        found = product(*(key_of(value, 64) for value in (west, north, corner)), NUMBERS[64])
        assert abs(found - key_of(west * north / corner, 64)) <= 2


@given(st.integers(0, 2**32 - 1), st.sampled_from(TYPES), st.tuples(st.integers(1, 40), st.integers(1, 40)))
@example(0, SampleType.FLOAT64, (40, 3))
def test_prediction_is_undone(seed: int, number: SampleType, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    rows, images, planes = shape[0], int(rng.integers(1, 3)), int(rng.integers(1, 3))
    top = 2**number.bits - 1
    words = rng.integers(0, top, (planes, images * rows, shape[1]), dtype=np.uint64, endpoint=True)
    near = np.uint64(1 << number.bits - 1) + words % np.uint64(9) - np.uint64(4)
    given_keys = np.where(rng.integers(0, 2, words.shape) == 1, words, near)
    side = int(rng.integers(2, 5))
    flags = rng.integers(0, 2, flags_shape(side, planes, Area(images * rows, shape[1], rows))).astype(np.uint8)
    left = left_of(given_keys, Tiles(side, flags), number, rows)
    assert left.max() <= top
    np.testing.assert_array_equal(restored(left, Tiles(side, flags), number, rows), given_keys)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_rings_out_is_predicted(dtype: type) -> None:
    """A field of rank one down to the smallest numbers, beside one that is none."""
    image = np.outer(0.27 ** np.arange(40) * 3, (-0.3) ** np.arange(50.0)).astype(dtype)
    image[:, 32:] = np.random.default_rng(2).normal(100, 9, (40, 18))
    number = SampleType[image.dtype.name.upper()]
    found = to_keys(image, number)
    found_here = found_tiles(found, number, len(image))
    assert found_here is not None
    tiles = found_here[1]
    assert tiles.side == SIDE
    assert tiles.flags[0, 0, :2, :2].all() and not tiles.flags[0, 0, :, 3].any()
    left = left_of(found, tiles, number, len(image))
    assert np.median(left[0, 1:16, 1:32] - np.uint64(1 << number.bits - 1)) < 8
    np.testing.assert_array_equal(from_keys(restored(left, tiles, number, len(image)), number, 1), image)


def test_noise_is_not() -> None:
    noise = np.random.default_rng(3).normal(100, 9, (64, 64)).astype(np.float32)
    assert found_tiles(to_keys(noise, SampleType.FLOAT32), SampleType.FLOAT32, 64) is None
