"""What planes take without a trained model, guessed from counts."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sofc.band.mapping import Mapped, Mapping
from sofc.band.pieces import BAND_WIDTH, SMALL_PIECE, cut_rows
from sofc.band.plain import neutral_size
from sofc.coders.registry import NEUTRAL_MODELS
from sofc.image import PixelFormat
from sofc.prediction.plain import ACTIVITIES, TOKENS, count_residuals
from sofc.transforms.components import NONE


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(1, 17))
def test_residuals_are_counted_as_they_are_defined(seed: int, rows: int, width: int, images: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    plane = rng.integers(-(1 << bits), 1 << bits, (rows * images, width)).astype(np.int32)
    counts = np.zeros((ACTIVITIES, TOKENS), np.int32)
    plain = count_residuals(plane.reshape(-1), width, rows, counts)
    found = {(int(activity), int(token)): int(counts[activity, token]) for activity, token in np.argwhere(counts)}
    assert (found, plain) == naive.count_residuals(plane.tolist(), rows)


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("noise", [2, 40])
def test_what_a_neutral_model_takes_is_known_without_it(components: int, noise: float) -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:96, :110]
    waves = 128 + 50 * np.sin(y / 9) * np.cos(x / 15)
    planes = [np.clip(waves + rng.normal(0, noise, y.shape), 0, 255).astype(np.int32) for _ in range(components)]
    pixel_format = PixelFormat(components, 8, 8)
    transform, coder = NEUTRAL_MODELS[2 if components == 3 else 1]
    size = sum(map(len, coder.encode(transform.forward(planes), transform.ranges(components, 8), 96)))
    assert 0.85 * size < neutral_size(Mapped(Mapping.NONE, pixel_format, planes, ()), transform, 96) < 1.15 * size


def test_there_may_be_nothing_to_count() -> None:
    planes = [np.zeros((1, 2), np.int32)]
    assert neutral_size(Mapped(Mapping.NONE, PixelFormat(1, 8, 8), planes, (b"abc",)), NONE, 1) == 3


@given(st.integers(1, 200), st.integers(1, 2 * BAND_WIDTH), st.integers(1, 9))
def test_rows_are_cut_from_all_over(image_rows: int, width: int, images: int) -> None:
    """From within images, at multiples of eight, in the order of the plane; those of low images may overlap."""
    plane = np.arange(image_rows * images * width, dtype=np.int32).reshape(-1, width)
    (cut,), height = cut_rows([plane], image_rows)
    assert len(cut) % height == 0
    if plane.size <= SMALL_PIECE:
        assert cut.shape == plane.shape
    before = 0
    for band in cut.reshape(-1, height, cut.shape[1]):
        top, left = divmod(int(band[0, 0]), width)
        assert np.array_equal(band, plane[top : top + height, left : left + cut.shape[1]])
        assert top // image_rows == (top + height - 1) // image_rows
        assert left % 8 == 0 and (top % image_rows % 8 == 0 or height == image_rows)
        assert top >= before
        before = top
