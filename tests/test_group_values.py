"""Groups are ended before images that leave out values which the others have."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
import pytest

from sofc import encode
from sofc.codebook.builtin import builtin_codebook
from sofc.image import PixelFormat
from sofc.stream.values import LEAST_SAMPLES, Values

GRAY = PixelFormat(1, 8, 8)
SIDE = 192


def photograph(seed: int, step: int = 1) -> npt.NDArray[np.uint8]:
    """Noise about a slope; with a ``step`` of 2 of even values alone."""
    noise = np.random.default_rng(seed).normal(0, 6, (SIDE, SIDE))
    slope = np.add.outer(np.arange(SIDE), np.arange(SIDE)) / 2
    return (np.clip(slope + noise + 20, 0, 255).astype(np.uint8) // step * step).astype(np.uint8)


def values_of(image: npt.NDArray[np.uint8]) -> Values:
    found = Values.of(image, GRAY)
    assert found is not None
    return found


def test_images_that_leave_out_values_lose_with_those_that_do_not() -> None:
    dense, even = values_of(photograph(1)), values_of(photograph(2, 2))
    assert dense.lose_with(even)
    assert even.lose_with(dense)
    assert even.with_others(values_of(photograph(3, 2))).lose_with(dense)


def test_images_of_the_same_values_lose_nothing() -> None:
    assert not values_of(photograph(1)).lose_with(values_of(photograph(2)))
    assert not values_of(photograph(1, 2)).lose_with(values_of(photograph(2, 2)))


def test_a_background_says_nothing_of_its_neighbours() -> None:
    image = np.maximum(photograph(1), 40)
    image[: SIDE // 2] = 20
    assert not values_of(image).lose_with(values_of(np.maximum(photograph(2), 21)))


def test_small_flat_and_wide_images_tell_nothing() -> None:
    small = photograph(1)[: LEAST_SAMPLES // SIDE - 1]
    assert Values.of(small, GRAY) is None
    assert Values.of(np.zeros((SIDE, SIDE), np.uint8), GRAY) is None


def test_signed_samples_are_counted_from_the_least() -> None:
    image = photograph(1).astype(np.int16) - 128
    found = Values.of(image, PixelFormat(1, 8, 8, signed=True))
    assert found is not None
    assert (found.counts == values_of(photograph(1)).counts).all()


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="codes whole images")
@pytest.mark.parametrize("order", [(1, 2, 1, 2), (2, 2, 1, 1)])
def test_a_collection_takes_about_what_its_images_do(order: tuple[int, ...]) -> None:
    images = np.stack([photograph(seed, step) for seed, step in enumerate(order)])
    alone = sum(len(encode(image, codebook=builtin_codebook)) for image in images)
    assert len(encode(images, batch=True, codebook=builtin_codebook)) < 1.005 * alone
