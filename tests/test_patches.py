"""Rectangles that stand in an image before: letters, tiles, and images of a group."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import sofc
from sofc.band import patching
from sofc.band.patching import find_patches
from sofc.band.selection import Selection
from sofc.band.steps import Form
from sofc.codebook.builtin import builtin_codebook

COMPILED_ONLY = pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="codes whole images")
Image8 = npt.NDArray[np.uint8]


def encode(image: npt.NDArray[Any], effort: int = 5) -> bytes:
    coded = sofc.encode(image, codebook=builtin_codebook, effort=effort)
    assert np.array_equal(sofc.decode(coded), image)
    return coded


def letters(count: int = 12, side: int = 11, seed: int = 5) -> list[Image8]:
    """Soft-edged signs, dark on white."""
    random = np.random.default_rng(seed)
    signs = []
    for _ in range(count):
        coarse = Image.fromarray(random.integers(0, 2, (4, 4), dtype=np.uint8) * 255)
        signs.append(np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)))
    return signs


def page(rows: int = 240, width: int = 260, *, colours: bool = True, seed: int = 6) -> Image8:
    """A page on which letters stand where they may, one line below the other."""
    random, signs = np.random.default_rng(seed), letters()
    gray = np.full((rows, width), 255, np.uint8)
    for top in range(4, rows - 12, 16):
        left = 3
        while left < width - 12:
            gray[top : top + 11, left : left + 11] = signs[random.integers(len(signs))]
            left += int(random.integers(12, 16))
    if not colours:
        return gray
    shades = [dark + (gray.astype(int) * (255 - dark) + 127) // 255 for dark in (20, 20, 70)]
    return np.dstack(shades).astype(np.uint8)


def tiles() -> Image8:
    """Noise that stands side by side and below itself."""
    return np.tile(np.random.default_rng(7).integers(0, 256, (50, 60, 3), dtype=np.uint8), (4, 3, 1))


def planes_of(image: npt.NDArray[Any]) -> tuple[list[npt.NDArray[np.int32]], Form]:
    components = image.reshape(*image.shape[:2], -1)
    planes = [components[:, :, k].astype(np.int32, order="C") for k in range(components.shape[2])]
    return planes, Form(len(planes), 8, *image.shape[:2], len(image))


@pytest.mark.parametrize("image", [page(), page(colours=False), tiles()], ids=["colours", "gray", "tiles"])
def test_what_stands_before_is_found_and_given_back(image: npt.NDArray[Any]) -> None:
    planes, form = planes_of(image)
    found = find_patches(planes, form)
    assert found is not None and found.share > 0.6
    assert all(map(np.array_equal, found.patches.undo(([found.listed], found.core), form), planes))
    assert any((core != plane).any() for core, plane in zip(found.core, planes, strict=True))


def test_images_in_which_nothing_stands_before_have_no_patches() -> None:
    random = np.random.default_rng(8)
    noise = random.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    two = random.choice(np.array([0, 255], np.uint8), (200, 200))
    for image in (noise, two, np.tile(two, (1, 2)), page()[:5], page()[:, :11]):
        assert find_patches(*planes_of(image)) is None


def test_unlike_colours_are_not_taken_for_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patching, "_colours", lambda planes: planes[0].astype(np.uint64))
    image = page()
    image[..., 1] = np.random.default_rng(9).integers(0, 256, image.shape[:2])
    assert find_patches(*planes_of(image)) is None


def test_patches_are_not_looked_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    form = planes_of(page())
    assert find_patches(*form) is not None
    monkeypatch.setattr(patching, "MOST_COMPARED", 0)
    assert find_patches(*form) is None


@COMPILED_ONLY
@pytest.mark.parametrize("image", [page(), page(colours=False), tiles()], ids=["colours", "gray", "tiles"])
def test_they_are_coded_once(image: npt.NDArray[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    coded, quick = encode(image), encode(image, effort=2)
    monkeypatch.setattr(Selection, "seeks_patches", False)
    assert 1.4 * len(coded) < min(len(encode(image)), len(quick))


@COMPILED_ONLY
def test_images_of_a_group_have_patches_of_those_before() -> None:
    images = [page(48, 60, seed=seed) for seed in range(20)]
    together = sofc.encode_images(images, codebook=builtin_codebook)
    assert all(map(np.array_equal, sofc.decode_images(together), images))
    assert 2 * len(together) < sum(len(encode(image)) for image in images)


@COMPILED_ONLY
def test_what_a_jpeg_decoder_made_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of letters repeat there, too, but coefficients say more."""
    file = io.BytesIO()
    Image.fromarray(page()).save(file, "JPEG", quality=50)
    image = np.asarray(Image.open(file))
    coded = encode(image)
    monkeypatch.setattr(Selection, "seeks_patches", False)
    assert len(coded) <= len(encode(image))
