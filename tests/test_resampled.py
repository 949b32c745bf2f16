"""Numbers interpolated between fewer others: against the small decoder, what is found of them, and hostile plans."""

from __future__ import annotations

import math
import os
import tracemalloc
from typing import Any

import minidec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minidec import wide as small

import sofc
from sofc.band import resampling
from sofc.band.core import Area
from sofc.band.resampled import Resampling
from sofc.band.resampling import found_resampling
from sofc.container import schema
from sofc.container import wide as plans
from sofc.errors import FormatError
from sofc.image import SampleType
from sofc.transforms.numbers import to_keys
from sofc.transforms.resampling import CHANGES, CUBIC, SHARES, Grid, coefficients, mirrored, resampled

Image = npt.NDArray[Any]
COMPILED = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="codes whole images: slow")
TYPES = np.float32, np.float64
NUMBERS = st.one_of(st.floats(-100, 100, width=32), st.sampled_from([math.inf, math.nan, 3e38, -0.0, 1e-45]))
PLACES = st.one_of(st.floats(-4, 4), st.sampled_from([0.0, 1e300, -1e300, 5e-324]))


def scene(shape: tuple[int, int, int]) -> Image:
    """Smooth images with some noise, of integers."""
    z, y, x = np.meshgrid(*map(np.arange, shape), indexing="ij")
    noise = np.random.default_rng(4).integers(-3, 4, shape)
    return np.rint(300 + 90 * np.sin(x / 5 + z / 3) + 80 * np.cos(y / 4 - x / 9)) + noise


def grid(samples: int, length: int, step: float, offset: float = 0.0) -> Grid:
    return Grid(samples, 0, length, False, 0.0, 1.0, step, offset)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_the_small_decoder_interpolates_as_well(data: st.DataObject) -> None:
    kind, between = data.draw(st.sampled_from((SHARES, CHANGES, CUBIC))), data.draw(st.sampled_from(TYPES))
    lengths = [data.draw(st.integers(1, 6)) for _ in range(3)]
    grids: list[Grid | None] = []
    for length in lengths:
        ends = data.draw(st.integers(0, length)), data.draw(st.integers(0, length + 1))
        floats = data.draw(PLACES), data.draw(PLACES.filter(bool)), data.draw(PLACES), data.draw(PLACES)
        one = Grid(data.draw(st.integers(1, length)), *ends, data.draw(st.booleans()), *floats)
        grids.append(data.draw(st.sampled_from((None, one))))
    shape = [length if one is None else one.samples for one, length in zip(grids, lengths, strict=True)]
    count = math.prod(shape)
    with np.errstate(over="ignore"):
        values = np.array(data.draw(st.lists(NUMBERS, min_size=count, max_size=count))).astype(between)
    axes = zip(grids, lengths, strict=True)
    places = [None if one is None else one.places(np.arange(length)) for one, length in axes]
    found = resampled(values.reshape(1, *shape), places, kind, between, np.float64)
    number = small.FLOAT32 if between is np.float32 else small.FLOAT64
    others = [one and small.Grid(*one[:4], one[4:]) for one in grids]
    finite = np.where(np.isfinite(values), values, 0).astype(np.float64).tolist()
    made = [small.finite(small.FLOAT64, one) for one in small.resampled(number, finite, shape, lengths, others, kind)]
    assert np.array(made).tobytes() == found.astype(np.float64).tobytes()


def test_splines_go_through_their_numbers() -> None:
    lines = np.random.default_rng(2).normal(0, 9, (12, 5))
    found = coefficients(lines)
    near = found[mirrored(np.arange(-1, 13), 12)]
    assert np.abs((near[:-2] + 4 * near[1:-1] + near[2:]) / 6 - lines).max() < 1e-12


@COMPILED
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", [SHARES, CHANGES, CUBIC])
@pytest.mark.parametrize("is_deep", [False, True])
def test_enlarged_images_are_coded_as_they_were(kind: int, is_deep: bool, dtype: type) -> None:
    images = scene((20, 40, 36) if is_deep else (2, 40, 36))
    axes = (
        grid(20, 30, 19 / 29) if is_deep else None,
        Grid(40, 0, 64, False, 0.5, 1.0, 40 / 64, -0.5),
        grid(36, 55, 35 / 54),
    )
    lengths = 30 if is_deep else 2, 64, 55
    places = [one and one.places(np.arange(length)) for one, length in zip(axes, lengths, strict=True)]
    made = resampled(images[None], places, kind, "f8", dtype)[0]
    data = sofc.encode(made, batch=True, codebook=None)
    assert sofc.decode(data).tobytes() == made.tobytes()
    assert len(data) < 1.1 * len(sofc.encode(images.astype(np.uint16), batch=True, codebook=None)) + 300
    if not is_deep:
        assert b"".join(one.data for one in minidec.decode_file(data, []).images) == made.tobytes()


def test_the_places_are_found_and_what_lies_beyond_them() -> None:
    """As of a volume with new distances: the last rows lie beyond what there was, and are 0."""
    images = scene((1, 30, 33)) * 0.5 - 7
    places = [None, Grid(30, 0, 44, False, 0.0, 1.0, 1 / 1.5, 0.0), Grid(33, 0, 60, False, 0.5, 1.0, 0.55, -0.5)]
    lengths = 1, 47, 60
    axes = [one and one.places(np.arange(length)) for one, length in zip(places, lengths, strict=True)]
    made = resampled(images[None], axes, SHARES, "f8", "f4")[0, 0]
    keys = to_keys(made, SampleType.FLOAT32)
    found = found_resampling(keys, SampleType.FLOAT32, 47)
    assert found is not None and not found.left.any()
    assert isinstance(found.filter, Resampling) and found.filter.grids[0] is None
    assert [(one.samples, one.end) for one in found.filter.grids[1:] if one] == [(30, 44), (33, 60)]
    assert np.array_equal(found.filter.made_of(found.origin, SampleType.FLOAT32, Area(47, 60, 47)), keys)


def keys_of_enlarged(step: float, offset: float, dtype: str) -> npt.NDArray[Any]:
    """Those of an image of 30 rows, whose columns lie so."""
    image = scene((1, 30, 40))
    width = int((39 - offset) / step)
    places = [None, None, grid(40, width, step, offset).places(np.arange(width))]
    return to_keys(resampled(image[None], places, SHARES, "f8", dtype)[0, 0], SampleType[dtype.upper()])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("step", "offset"), [(0.7342123, 0.318177), (0.5123, 0.2)])
def test_places_have_no_more_digits_than_are_known(step: float, offset: float, dtype: str) -> None:
    """Beyond them, what LAPACK gives is noise, which is not the same on every machine."""
    found = found_resampling(keys_of_enlarged(step, offset, dtype), SampleType[dtype.upper()], 30)
    assert found is not None and isinstance(found.filter, Resampling) and not found.left.any()
    (one,) = filter(None, found.filter.grids)
    assert (one.step, one.offset) == (step, offset)


def test_equations_that_cannot_be_solved_or_are_too_many_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(_: Image) -> None:
        raise np.linalg.LinAlgError("SVD did not converge")

    keys = keys_of_enlarged(0.5, 0.0, "float32")
    assert found_resampling(keys, SampleType.FLOAT32, 30) is not None
    monkeypatch.setattr(resampling, "_MOST", 39)
    assert found_resampling(keys, SampleType.FLOAT32, 30) is None
    monkeypatch.setattr(np.linalg, "svd", raising)
    assert found_resampling(keys, SampleType.FLOAT32, 30) is None


def test_interpolation_takes_no_array_for_each_weight() -> None:
    values, places = np.ones((1, 1, 80, 90), np.float32), [None, *[grid(80, 160, 0.5).places(np.arange(160))] * 2]
    tracemalloc.start()
    size = resampled(values, places, CUBIC, "f8", "f4").size
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 40 * size


def test_other_numbers_are_not_taken_for_interpolated_ones() -> None:
    random = np.random.default_rng(5)
    for image in (
        random.normal(0, 1, (50, 60)),
        random.normal(0, 1, (50, 60)).cumsum(0).cumsum(1),
        np.where(random.random((50, 60)) < 0.1, np.nan, 1.0),
        np.outer(np.arange(50.0), np.arange(60.0)),
        np.zeros((50, 60)),
        random.random((9, 60)),
        np.full((1, 1), 0.5),
        np.resize([1.7e308, -1.7e308, 1.0], (50, 60)),
        np.resize(np.arange(1, 40) * 5e-324, (50, 60)),
    ):
        keys = to_keys(image, SampleType.FLOAT64)
        with np.errstate(all="raise", under="ignore"):
            assert found_resampling(keys, SampleType.FLOAT64, len(image)) is None


GOOD = Resampling((None, grid(3, 4, 0.7), grid(4, 5, 0.8)), CUBIC, SampleType.FLOAT32)


def test_plans_are_read_as_they_were_written() -> None:
    assert Resampling.of(plans.unpack_resampled(GOOD.packed(0, 3, 2), (1, 4, 5))) == GOOD
    assert GOOD.origin_area(Area(8, 5, 4)) == Area(6, 4, 3)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (GOOD._replace(kind=3), "kind 3"),
        (GOOD._replace(between=SampleType.FLOAT16), "type 5"),
        (GOOD._replace(grids=(None, None, grid(6, 5, 0.8))), "between 6"),
        (GOOD._replace(grids=(None, None, grid(0, 5, 0.8))), "between 0"),
        (GOOD._replace(grids=(None, None, grid(4, 5, math.nan))), "interpolated"),
        (GOOD._replace(grids=(grid(1, 2, 0.5, math.inf), None, None)), "interpolated"),
        (GOOD._replace(grids=(grid(1, 2, 0.5)._replace(divisor=0.0), None, None)), "interpolated"),
        (GOOD._replace(grids=(grid(1, 2, 0.5)._replace(is_single=2), None, None)), "interpolated"),
    ],
)
def test_hostile_plans_are_refused(bad: Resampling, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        plans.unpack_resampled(bad.packed(0, 3, 2), (2, 4, 5))


@pytest.mark.parametrize("mode", [1, 6])
def test_modes_that_numbers_to_interpolate_cannot_have_are_refused(mode: int) -> None:
    with pytest.raises(FormatError, match=f"mode {mode}"):
        plans.unpack_resampled(GOOD.packed(mode, 3, 2), (2, 4, 5))


def test_an_axis_has_one_grid() -> None:
    fields = schema.WIDE_RESAMPLED.parse(GOOD.packed(0, 3, 2))
    fields.down *= 2
    with pytest.raises(FormatError, match="2 grids of one axis"):
        plans.unpack_resampled(schema.WIDE_RESAMPLED.build(fields), (2, 4, 5))
