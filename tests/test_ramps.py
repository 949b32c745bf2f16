"""Components that rise evenly along rows and columns."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from math import floor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sofc
from sofc.band.arrangement import Part, Stepped, pack_arrangement, unpack_arrangement
from sofc.band.ramp import MOST_PLACES, Ramp
from sofc.band.ramps import find_ramps
from sofc.band.steps import Form
from sofc.codebook.builtin import builtin_codebook
from sofc.planes import Plane

encode = partial(sofc.encode, codebook=builtin_codebook)
ROWS, WIDTH = 32, 47


def plane_of(rows: int, width: int, first: Fraction, down: Fraction, across: Fraction) -> Plane:
    """Samples by fractions, one place at a time."""
    return np.array([[floor(first + down * y + across * x) for x in range(width)] for y in range(rows)], np.int32)


def form_of(planes: list[Plane], bits: int = 8, images: int = 1) -> Form:
    rows, width = planes[0].shape
    return Form(len(planes), bits, rows, width, rows // images)


def fractions(most: int) -> st.SearchStrategy[Fraction]:
    return st.builds(Fraction, st.integers(-most, most), st.integers(1, 700))


@given(st.integers(1, 40), st.integers(1, 40), fractions(70), fractions(900), fractions(900), st.integers(1, 3))
def test_linear_functions_are_found(
    rows: int, width: int, first: Fraction, down: Fraction, across: Fraction, images: int
) -> None:
    plane = plane_of(rows, width, first, down, across)
    planes = [np.concatenate([plane - plane.min()] * images)]
    form = form_of(planes, 16, images)
    step = find_ramps(planes, form)
    if planes[0].min() == planes[0].max():
        assert step is None
        return
    assert step is not None
    core = step.apply(planes, form)
    assert not core[0].any()
    assert np.array_equal(step.undo(core, form)[0], planes[0])


def test_components_that_are_none_stay_as_they_are() -> None:
    other = np.random.default_rng(1).integers(0, 256, (ROWS, WIDTH)).astype(np.int32)
    planes = [other, plane_of(ROWS, WIDTH, Fraction(200), Fraction(-3), Fraction(1, 7))]
    form = form_of(planes)
    step = find_ramps(planes, form)
    assert step is not None
    one, two = step.apply(planes, form)
    assert np.array_equal(one, other)
    assert not two.any()


@pytest.mark.parametrize("place", [(0, 0), (ROWS // 2, WIDTH // 2), (ROWS - 1, WIDTH - 1), (7, WIDTH - 1)])
def test_one_sample_that_is_off_is_enough(place: tuple[int, int]) -> None:
    plane = plane_of(ROWS, WIDTH, Fraction(9), Fraction(1, 3), Fraction(2, 5))
    plane[place] += 2
    assert find_ramps([plane], form_of([plane])) is None


def test_squares_and_noise_are_none() -> None:
    y, x = np.mgrid[:ROWS, :WIDTH].astype(np.int32)
    noise = np.random.default_rng(2).integers(0, 2, (ROWS, WIDTH)).astype(np.int32)
    for plane in (x * x // 16, x * y // 8, noise, np.full_like(x, 7)):
        assert find_ramps([plane], form_of([plane])) is None


@pytest.mark.parametrize("effort", [1, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
def test_ramps_take_a_few_bytes(effort: int, dtype: type[Any]) -> None:
    y, x = np.mgrid[:96, :128]
    image = np.dstack([x * 100 // 127, 100 - y * 100 // 95, (x + y) * 100 // 222]).astype(dtype)
    data = encode(image, effort=effort)
    again = sofc.decode(data)
    assert again.dtype == dtype
    assert np.array_equal(again, image)
    assert len(data) < 120


def test_ramps_that_break_the_rules_are_refused() -> None:
    form = Form(1, 8, 4, 4, 4)
    part = Part(0, 2, 0, 3)
    most = (1 << 32) - 1

    def packed(step: Ramp) -> bytes:
        return pack_arrangement(Stepped(step, part))

    assert unpack_arrangement(packed(Ramp(((most, most, most),))), form)
    for slopes in ((most + 1, 0, 0), (0, most + 1, 0), (0, 0, most + 1)):
        with pytest.raises(sofc.FormatError, match="out of range"):
            unpack_arrangement(packed(Ramp((slopes,))), form)
    with pytest.raises(sofc.FormatError, match="too many places"):
        unpack_arrangement(packed(Ramp(((0, 0, 1),))), Form(1, 8, 1, MOST_PLACES + 1, 1))
    with pytest.raises(sofc.FormatError, match="cut off"):
        unpack_arrangement(bytes([18, 1]), form)
