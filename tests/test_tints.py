"""Lines and marks of a colour over gray images."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np
import pytest

import sofc
from sofc.band import arranged
from sofc.band.arrangement import Arrangement, Divided, Part
from sofc.band.arranging import View
from sofc.band.overlay import Overlay
from sofc.band.patches import Patches
from sofc.band.steps import Form
from sofc.band.tints import find_tints
from sofc.codebook.builtin import builtin_codebook

Image = np.ndarray[Any, Any]
encode = partial(sofc.encode, codebook=builtin_codebook)
COMPILED = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="solves whole images: slow")
ROWS, WIDTH = 120, 160
YELLOW, RED, CYAN = (255, 255, 0), (255, 0, 0), (0, 255, 255)


def gray() -> Image:
    """Waves with noise, (rows, width)."""
    y, x = np.mgrid[:ROWS, :WIDTH]
    waves = 110 + 60 * np.sin(x / 17) * np.cos(y / 23)
    return np.rint(waves + np.random.default_rng(3).normal(0, 3, waves.shape)).astype(np.uint8)


def with_lines(image: Image, *colours: tuple[int, int, int]) -> Image:
    """A gray image in three components, below a circle and a line of each colour."""
    drawn = np.dstack([image] * 3)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    for number, colour in enumerate(colours):
        drawn[np.abs(np.hypot(y - 60, x - 50 - 15 * number) - 30) < 1] = colour
        drawn[np.abs(y - x // 2 - 9 * number) < 1] = colour
    return drawn


def view_of(image: Image) -> View:
    rows, width, count = image.shape
    planes = [np.ascontiguousarray(image[..., k], np.int32) for k in range(count)]
    return View(planes, Form(count, 8, rows, width, rows))


@pytest.mark.parametrize("colours", [(YELLOW,), (RED, CYAN)])
def test_colours_are_found_and_what_is_below_is_gray(colours: tuple[tuple[int, int, int], ...]) -> None:
    image = with_lines(gray(), *colours)
    found = find_tints(view_of(image))
    assert found is not None
    laid, below = found
    assert {one.overlay.colour for one in laid} == {*colours}
    assert all(np.array_equal(below.planes[0], plane) for plane in below.planes)
    planes = list(below.planes)
    for one in reversed(laid):
        planes = one.overlay.undo([list(one.opacity.planes), planes], below.form)
    assert np.array_equal(np.dstack(planes), image)
    hidden = np.abs(below.planes[0] - gray().astype(int)).max()
    assert hidden < 40, "under a line it is as around it"


def test_pictures_and_gray_images_have_none() -> None:
    colour = np.dstack([gray(), np.roll(gray(), 3, axis=0), gray()])
    for image in (np.dstack([gray()] * 3), colour, with_lines(gray(), YELLOW, RED, CYAN)):
        assert find_tints(view_of(image)) is None
    few = np.dstack([gray()] * 3)
    few[50, 40:60] = RED
    assert find_tints(view_of(few)) is None


@COMPILED
@pytest.mark.parametrize("effort", [1, 5])
@pytest.mark.parametrize("colours", [(YELLOW,), (RED, CYAN)])
def test_lines_take_little_more_than_they_are(effort: int, colours: tuple[tuple[int, int, int], ...]) -> None:
    image = with_lines(gray(), *colours)
    data = encode(image, effort=effort)
    assert np.array_equal(sofc.decode(data), image)
    lines = sum(len(encode((image == colour).all(axis=2), effort=effort)) for colour in colours)
    assert len(data) < len(encode(gray(), effort=effort)) + lines


@COMPILED
def test_drawings_take_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    page = np.full((ROWS, WIDTH), 255, np.uint8)
    page[20:100:8, 10:150] = 0
    image = with_lines(page, RED)
    data = encode(image)
    assert np.array_equal(sofc.decode(data), image)
    monkeypatch.setattr(arranged, "find_tints", lambda _: None)
    assert len(data) <= len(encode(image))


def test_limits_are_of_all_that_is_laid_over_an_image_together() -> None:
    """Three overlays have as many samples as an image of three components: a list of patches has more."""
    form, part = Form(3, 8, ROWS, WIDTH, ROWS), Part(0, 1, 0, 1)
    three: Arrangement = part
    for colour in (YELLOW, RED, CYAN):
        three = Divided(Overlay(colour), part, three)
    assert arranged._is_readable((three, ()), form)
    assert not arranged._is_readable((Divided(Patches(1), part, three), ()), form)


@COMPILED
def test_what_could_not_be_read_is_coded_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    image = with_lines(gray(), YELLOW)
    monkeypatch.setattr(arranged, "find_tints", lambda *_: None)
    whole = encode(image)
    monkeypatch.undo()
    assert len(encode(image)) < len(whole)
    monkeypatch.setattr(arranged, "_is_readable", lambda *_: False)
    assert encode(image) == whole
