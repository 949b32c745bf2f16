"""Images over which a colour was laid: that it is found, and what is below."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_regions import arrangement_of, decoded, encode, pale, photograph

from sofc.band import arranged, arranging, overlays
from sofc.band.arrangement import Divided, Part
from sofc.band.overlay import Overlay, blended
from sofc.band.overlays import opacities

COMPILED = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="solves whole images: slow")
Image = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
PLAIN = decoded(pale(150, 180, 1), 75)
DARK = decoded(photograph(150, 180, 0) // 2, 60, "4:2:2")


def rings(softness: float, opacity: float = 1.0) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """The opacity of two rings, whose edges are so many samples wide."""
    y, x = np.mgrid[:150, :180]
    distance = np.minimum(*(np.abs(np.hypot(y - 60, x - left) - 24) for left in (50, 120)))
    return np.rint(255 * opacity * np.clip((2 - distance) / softness + 0.5, 0, 1)).astype(np.int32)


def laid_over(image: Image, colour: tuple[int, ...], opacity: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> Image:
    planes = [blended(value, image[..., k].astype(np.int32), opacity, 8) for k, value in enumerate(colour)]
    return np.stack(planes, axis=2).astype(np.uint8)


def without_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, a ring that is the same as the one before takes nothing."""
    monkeypatch.setattr(arranging, "find_patches", lambda *_: None)


@given(st.data(), st.sampled_from([1, 2, 8]))
def test_opacities_are_those_that_make_what_is_seen(data: st.DataObject, bits: int) -> None:
    most = (1 << bits) - 1
    samples = st.lists(st.tuples(*[st.integers(0, most)] * 2), min_size=1, max_size=4)
    colour = tuple(data.draw(st.tuples(*[st.integers(0, most)] * 2)))
    below, seen = (np.array(data.draw(samples.filter(bool)))[:1].T.astype(np.int64) for _ in range(2))
    opaque = data.draw(st.integers(0, most))
    if data.draw(st.booleans()):
        opacity = np.full((1, 1), opaque)
        seen = np.stack([blended(v, b[None], opacity, bits)[0] for v, b in zip(colour, below, strict=True)]).astype(int)
    lowest, highest = opacities(seen, below, colour, most)
    right = [
        opacity
        for opacity in range(1, most + 1)
        if all(
            blended(value, under[None], np.full((1, 1), opacity), bits)[0, 0] == here[0]
            for value, under, here in zip(colour, below, seen, strict=True)
        )
    ]
    assert right == list(range(int(lowest[0]), int(highest[0]) + 1))


@COMPILED
@pytest.mark.parametrize(
    ("image", "colour", "opacity"),
    [
        (PLAIN, (255, 255, 255), rings(1.5)),
        (PLAIN, (255, 230, 0), rings(2)),
        (DARK, (255, 255, 255), rings(1.5, 0.6)),
        (PLAIN, (0, 0, 0), rings(1.5, 0.3)),
    ],
    ids=["white", "yellow", "white watermark", "black watermark"],
)
def test_what_was_laid_over_a_picture_is_found(
    monkeypatch: pytest.MonkeyPatch,
    image: Image,
    colour: tuple[int, ...],
    opacity: np.ndarray[tuple[int, ...], np.dtype[np.int32]],
) -> None:
    data = encode(mixed := laid_over(image, colour, opacity))
    arrangement = arrangement_of(data, mixed)
    assert isinstance(arrangement, Divided) and arrangement.division == Overlay(colour)
    monkeypatch.setattr(arranged, "find_overlay", lambda *_: None)
    assert len(data) < 0.75 * len(encode(mixed))


@COMPILED
@pytest.mark.parametrize(
    ("image", "value", "opacity"),
    [(DARK, 255, rings(1.5, 0.6)), (decoded(pale(150, 180, 2), 60, "4:2:2"), 0, rings(1, 0.3))],
    ids=["white", "black, as one that hardly shows makes of much what is one less"],
)
def test_a_watermark_costs_what_it_does_alone(
    monkeypatch: pytest.MonkeyPatch,
    image: Image,
    value: int,
    opacity: np.ndarray[tuple[int, ...], np.dtype[np.int32]],
) -> None:
    without_patches(monkeypatch)
    mixed = laid_over(image, (value,) * 3, opacity)
    assert len(encode(mixed)) < 1.1 * (len(encode(image)) + len(encode(opacity.astype(np.uint8))))


@COMPILED
@pytest.mark.parametrize("colour", [(255, 255, 0), (30, 200, 255)])
def test_a_gray_picture_under_a_colour_is_found(monkeypatch: pytest.MonkeyPatch, colour: tuple[int, ...]) -> None:
    """Also where two components are equal everywhere, and could be one."""
    without_patches(monkeypatch)
    gray = decoded(pale(150, 180, 1)[..., :1].repeat(3, axis=2), 60)
    data = encode(mixed := laid_over(gray, colour, rings(1.5)))
    arrangement = arrangement_of(data, mixed)
    assert isinstance(arrangement, Divided) and arrangement.division == Overlay(colour)
    assert len(data) < 1.1 * (len(encode(gray)) + len(encode(rings(1.5).astype(np.uint8))))


@COMPILED
def test_lines_across_most_blocks_of_chrominance_cost_no_more_than_themselves() -> None:
    image = decoded(pale(110, 130, 1), 75)
    mixed = image.copy()
    for top, left in ((10, 12), (30, 47), (52, 20)):
        mixed[top : top + 40, left : left + 60] = (0, 255, 0)
        mixed[top + 2 : top + 38, left + 2 : left + 58] = image[top + 2 : top + 38, left + 2 : left + 58]
    assert len(encode(mixed)) < len(encode(image)) + 250


@COMPILED
def test_two_colours_are_found() -> None:
    left, right = rings(1.5), rings(1.5)
    left[:, 85:], right[:, :85] = 0, 0
    mixed = laid_over(laid_over(PLAIN, (255, 0, 0), left), (255, 255, 255), right)
    arrangement = arrangement_of(encode(mixed), mixed)
    assert isinstance(arrangement, Divided) and isinstance(arrangement.rest, Divided)
    found = {arrangement.division, arrangement.rest.division}
    assert found == {Overlay((255, 0, 0)), Overlay((255, 255, 255))}


@COMPILED
def test_nothing_is_laid_over_what_comes_out_or_was_no_jpeg_file() -> None:
    for image in (PLAIN, DARK, photograph(150, 180, 1), laid_over(photograph(150, 180, 1), (255,) * 3, rings(1.5))):
        assert isinstance(arrangement_of(encode(image), image), Part)


@COMPILED
def test_under_a_frame_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is around cells was made black, which costs little: below are no blocks."""
    y, x = np.mgrid[:150, :180]
    outside = np.where(np.hypot((y - 75) / 75, (x - 90) / 90) > 0.9, 255, 0).astype(np.int32)
    asked: list[bool] = []
    mixed = overlays._mixed
    monkeypatch.setattr(overlays, "_mixed", lambda *given: asked.append(mixed(*given) is None))
    encode(laid_over(PLAIN, (0, 0, 0), outside))
    assert asked == [True]
