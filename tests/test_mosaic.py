"""Pictures that programs made of the mosaic of a sensor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from math import floor
from typing import Any

import numpy as np
import pytest
from helpers import chunks_of
from hypothesis import given
from hypothesis import strategies as st

import sofc
from sofc.band import arranging
from sofc.band.arrangement import Part, Stepped, pack_arrangement, unpack_arrangement
from sofc.band.arranging import View, find_arrangement
from sofc.band.demosaic import Demosaic
from sofc.band.mapping import Mapping
from sofc.band.mosaics import find_mosaic
from sofc.band.placing_steps import Tile
from sofc.band.steps import Form
from sofc.codebook.builtin import builtin_codebook
from sofc.container.chunks import unpack_band, unpack_group
from sofc.transforms.mosaic import METHODS, Edges, border_repeated, demosaiced, kept
from sofc.transforms.mosaic_border import find_border

Image = np.ndarray[Any, Any]
encode = partial(sofc.encode, codebook=builtin_codebook)
PART = Part(0, 2, 0, 3)
CV, EDGE_AWARE, FFMPEG, GSTREAMER, LIBRAW, EVEN = range(1, 7)


# A second reading of the rules, with fractions, one place at a time.


def half_up(mean: Fraction) -> int:
    return floor(mean + Fraction(1, 2))


ROUNDINGS: dict[int, Callable[[Fraction], int]] = {
    CV: half_up, EDGE_AWARE: half_up, FFMPEG: floor, GSTREAMER: half_up, LIBRAW: floor, EVEN: round
}  # fmt: skip


class Picture:
    """A mosaic (rows, width) that ended at some of its sides."""

    def __init__(self, mosaic: Image, method: int, phase: int, edges: Edges) -> None:
        self.mosaic, self.method, self.edges = mosaic, method, edges
        self.red = divmod(phase, 2)
        self.rows, self.width = mosaic.shape

    def letter(self, y: int, x: int) -> int:
        same = (y % 2 == self.red[0]) + (x % 2 == self.red[1])
        return 2 - same

    def at(self, y: int, x: int) -> Fraction:
        y, x = abs(y), abs(x)
        y = 2 * self.rows - 2 - y if y >= self.rows else y
        x = 2 * self.width - 2 - x if x >= self.width else x
        return Fraction(int(self.mosaic[y, x]))

    def mean(self, places: list[tuple[int, int]]) -> int:
        return ROUNDINGS[self.method](sum(self.at(*place) for place in places) / Fraction(len(places)))

    def colour(self, c: int, y: int, x: int) -> int:
        """Of a place to which no rule for edges applies."""
        if self.letter(y, x) == c:
            return int(self.mosaic[y, x])
        near = [(y + j, x + i) for j in (-1, 0, 1) for i in (-1, 0, 1) if self.letter(y + j, x + i) == c]
        if len(near) == 4 and self.method == EDGE_AWARE and c == 1:
            up, left, right, down = near
            vertical = abs(self.at(*left) - self.at(*right)) > abs(self.at(*up) - self.at(*down))
            return self.mean([up, down] if vertical else [left, right])
        if len(near) == 4 and self.method == GSTREAMER:
            first, second = ([near[0], near[3]], near[1:3]) if c == 1 else (near[:2], near[2:])
            return half_up(Fraction(self.mean(first) + self.mean(second), 2))
        return self.mean(near)

    def colours(self) -> Image:
        plain = [[[self.colour(c, y, x) for x in range(self.width)] for y in range(self.rows)] for c in range(3)]
        result = np.array(plain, np.int32)
        for y, x in np.ndindex(self.rows, self.width):
            result[:, y, x] = [self.at_edge(c, y, x, result) for c in range(3)]
        return result

    def near_edge(self, y: int, x: int, within: int, rows: int, width: int) -> bool:
        sides = (y < within, rows - within <= y < rows, x < within, width - within <= x < width)
        return any(near and self.edges >> k & 1 for k, near in enumerate(sides))

    def at_edge(self, c: int, y: int, x: int, plain: Image) -> int:
        found = int(plain[c, y, x])
        if self.method == FFMPEG:
            rows, width = self.rows & ~1, self.width & ~1
            if y < rows and x < width and self.letter(y, x) != c and self.near_edge(y, x, 2, rows, width):
                block = [(y & ~1, x & ~1), (y & ~1, x | 1), (y | 1, x & ~1), (y | 1, x | 1)]
                return self.mean([place for place in block if self.letter(*place) == c])
        elif self.method == LIBRAW and self.near_edge(y, x, 1, self.rows, self.width) and self.letter(y, x) != c:
            near = [(y + j, x + i) for j in (-1, 0, 1) for i in (-1, 0, 1) if self.letter(y + j, x + i) == c]
            return self.mean([(j, i) for j, i in near if 0 <= j < self.rows and 0 <= i < self.width])
        elif self.method == GSTREAMER:
            right, below = bool(self.edges & Edges.RIGHT), bool(self.edges & Edges.BOTTOM)
            grown = np.pad(self.mosaic, ((0, 2), (0, 2)), mode="reflect")
            if below:
                grown[self.rows] = grown[self.rows - 4]
            if right and x == self.width - 2:
                grown[:, x + 1] = grown[:, x - 1]
            return Picture(grown, self.method, 2 * self.red[0] + self.red[1], Edges.NONE).colour(c, y, x)
        return found


def mosaics(rows: int, width: int, seed: int, images: int = 1, top: int = 255) -> Image:
    result: Image = np.random.default_rng(seed).integers(0, top + 1, (images, rows, width)).astype(np.int32)
    return result


@pytest.mark.parametrize("method", METHODS)
@given(st.integers(4, 9), st.integers(4, 9), st.integers(0, 3), st.integers(0, 15).map(Edges), st.integers(0, 99))
def test_colours_are_those_of_a_second_reading(
    method: int, rows: int, width: int, phase: int, edges: Edges, seed: int
) -> None:
    mosaic = mosaics(rows, width, seed)
    made = demosaiced(mosaic, method, phase, edges)
    assert np.array_equal(made[:, 0], Picture(mosaic[0], method, phase, edges).colours())
    assert np.array_equal(kept(made, phase), mosaic)


@given(st.sampled_from([FFMPEG, GSTREAMER, LIBRAW]), st.integers(0, 3), st.integers(0, 15).map(Edges))
def test_parts_are_pictures(method: int, phase: int, edges: Edges) -> None:
    mosaic = mosaics(15, 8, 1, images=2)
    made = demosaiced(mosaic, method, phase, edges, (5, 6))
    for first, last, more in ((0, 5, Edges.BOTTOM), (5, 11, Edges.TOP | Edges.BOTTOM), (11, 15, Edges.TOP)):
        own = phase ^ 2 * (first % 2)
        for image in range(2):
            part = Picture(mosaic[image, first:last], method, own, edges | more)
            assert np.array_equal(made[:, image, first:last], part.colours())


@given(
    st.sampled_from([number for number, method in METHODS.items() if method.hides_border]),
    st.integers(0, 3),
    st.sampled_from([Edges.ALL, Edges.TOP, Edges.LEFT | Edges.BOTTOM]),
    st.tuples(st.integers(4, 12), st.integers(4, 12)),
    st.sampled_from([1, 3, 255, 65535]),
    st.integers(0, 999),
)
def test_hidden_borders_are_found(
    method: int, phase: int, edges: Edges, size: tuple[int, int], top: int, seed: int
) -> None:
    """Those of a mosaic of noise, which is as hard as any. At other sides colours follow from what was cut off."""
    colours = border_repeated(demosaiced(mosaics(*size, seed, 2, top), method, phase, edges), edges)
    mosaic = kept(colours, phase)
    find_border(mosaic, colours, phase, METHODS[method].means, edges, top)
    assert mosaic.min() >= 0
    assert mosaic.max() <= top
    wrong = border_repeated(demosaiced(mosaic, method, phase, edges), edges) != colours
    if edges == Edges.ALL:
        # A corner has one mean for two or three samples, which may need one that is out of range.
        assert not wrong[..., 2:-2, :].any()
        assert not wrong[..., 2:-2].any()
        assert np.count_nonzero(wrong) <= 0.05 * wrong.size or top < 255 or min(size) < 9


# What is found.


def sensor(height: int = 96, width: int = 120, seed: int = 5, top: int = 255) -> Image:
    """A mosaic, as of a photograph with noise; its values do not depend on the filter's phase."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = 0.45 + 0.25 * np.sin(y / 23 + 0.3) * np.cos(x / 17) + 0.12 * np.sin((x + y) / 31)
    colours = 1 - 0.3 * (y % 2) * (x % 2) - 0.2 * ((y + x) % 2)
    noisy = base * colours + random.normal(0, 0.017, base.shape)
    result: Image = np.clip(np.rint(noisy * top), 0, top).astype(np.int32)
    return result


def picture(mosaic: Image, method: int, phase: int, edges: Edges = Edges.ALL, parts: tuple[int, ...] = ()) -> Image:
    """What a program makes of it, (rows, width, 3)."""
    made = demosaiced(mosaic[None], method, phase, edges, parts)
    made = border_repeated(made, edges) if METHODS[method].hides_border else made
    dtype = np.uint8 if mosaic.max() < 256 else np.uint16
    return np.ascontiguousarray(np.moveaxis(made[:, 0], 0, -1).astype(dtype))


def steps_of(data: bytes, form: Form) -> Iterator[Demosaic]:
    """The steps from a mosaic in the bands and groups of a file of one image."""
    for kind, body in chunks_of(data):
        if kind in (b"B", b"G"):
            coded = unpack_band(body) if kind == b"B" else unpack_group(body)
            inner: Any = unpack_arrangement(coded.streams[0], form) if coded.mapping == Mapping.ARRANGED else None
            while isinstance(inner, Stepped):
                if isinstance(inner.step, Demosaic):
                    yield inner.step
                inner = inner.core


def form_of(image: Image) -> Form:
    bits = 8 * image.dtype.itemsize
    return Form(image.shape[2], bits, len(image), image.shape[1], len(image))


@pytest.mark.parametrize("top", [255, 65535])
@pytest.mark.parametrize("phase", range(4))
@pytest.mark.parametrize("method", METHODS)
def test_methods_are_told_apart(method: int, phase: int, top: int) -> None:
    image = picture(sensor(61, 70, top=top), method, phase)
    planes = list(np.moveaxis(image.astype(np.int32), -1, 0))
    step = find_mosaic(planes, form_of(image))
    assert step == Demosaic(method, phase, Edges.ALL)
    core = step.apply(planes, form_of(image))
    assert all(int(plane.min()) == int(plane.max()) == (top + 1) // 2 for plane in core[1:])
    assert all(map(np.array_equal, step.undo(core, form_of(image)), planes))


@pytest.mark.parametrize(("method", "top"), [*((method, 255) for method in METHODS), (LIBRAW, 65535)])
def test_pictures_take_what_their_mosaics_do(method: int, top: int) -> None:
    mosaic = sensor(64, 80, top=top)
    image = picture(mosaic, method, method % 4)
    data = encode(image)
    assert np.array_equal(sofc.decode(data), image)
    assert list(steps_of(data, form_of(image))) == [Demosaic(method, method % 4, Edges.ALL)]
    assert len(data) <= 1.01 * len(encode(mosaic.astype(image.dtype))) + 80


def check(image: Image, mosaic: Image, allowed: float = 1.02) -> bytes:
    data = encode(image)
    assert np.array_equal(sofc.decode(data), image)
    assert len(data) <= allowed * len(encode(mosaic)) + 100
    return data


@pytest.mark.parametrize("method", [CV])
def test_pictures_in_other_arrangements_are_found(method: int) -> None:
    mosaic = sensor()
    image, plain = picture(mosaic, method, 1), mosaic.astype(np.uint8)
    check(image[..., ::-1].copy(), plain)
    check(np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]), plain)
    check(image.astype(np.uint16) * 257, plain)


def test_values_of_sixteen_bits_that_were_eight_are_found() -> None:
    mosaic = sensor()
    check(picture(257 * mosaic, LIBRAW, 2), mosaic.astype(np.uint8))


@pytest.mark.parametrize("method", METHODS)
def test_pieces_of_pictures_are_found(method: int) -> None:
    """Their mosaic goes on beyond what is left of it."""
    mosaic = sensor(110, 140)
    image = picture(mosaic, method, 0)[7:103, 9:129].copy()
    found = find_mosaic(list(np.moveaxis(image.astype(np.int32), -1, 0)), form_of(image))
    assert found is not None
    assert METHODS[found.method].means == METHODS[method].means
    assert found.phase == 3
    assert found.edges == Edges.NONE or METHODS[method].make is not METHODS[CV].make
    if method == CV:
        check(image, mosaic[7:103, 9:129].astype(np.uint8), 1.12)


@pytest.mark.parametrize("method", [EDGE_AWARE, GSTREAMER])
def test_painted_pictures_are_found(method: int) -> None:
    mosaic = sensor()
    image = picture(mosaic, method, 3)
    image[20:32, 30:70] = (255, 200, 0)
    image[:3, :9] = 0
    image[50, 50] += 1
    check(image, mosaic.astype(np.uint8), 1.1)


def test_parts_are_found() -> None:
    mosaic = sensor()
    image = picture(mosaic, FFMPEG, 0, parts=(34, 32))
    data = check(image, mosaic.astype(np.uint8))
    assert [step.parts for step in steps_of(data, form_of(image))] == [(34, 32)]


def test_bands_of_a_picture_are_decoded_by_themselves() -> None:
    mosaic = sensor(192)
    image = picture(mosaic, CV, 0)
    data = encode(image, band_rows=64)
    with sofc.open_reader(data) as reader:
        assert np.array_equal(reader.read_rows(70, 130), image[70:130])
    header = sofc.ImageHeader(120, 192, sofc.PixelFormat(3, 8, 8))
    encoder = sofc.Encoder(header, band_rows=64, codebook=builtin_codebook)
    pieces = [encoder.write(image[k : k + 7]) for k in range(0, 192, 7)]
    assert b"".join([*pieces, encoder.finish()]) == data
    assert len(data) < 0.85 * len(encode(image ^ (np.arange(192) % 2).astype(np.uint8)[:, None, None], band_rows=64))


def test_pictures_that_follow_each_other_are_found() -> None:
    frames = [sensor(48, 64, seed) for seed in range(4)]
    images = np.stack([picture(frame, GSTREAMER, 2) for frame in frames])
    data = encode(images, batch=True)
    assert np.array_equal(sofc.decode(data), images)
    assert len(data) <= 1.03 * len(encode(np.stack(frames).astype(np.uint8), batch=True)) + 100


def test_a_mosaic_is_no_row_of_planes() -> None:
    """Whose neighbours differ as much as those of planes that stand side by side, in the same way everywhere."""
    for mosaic in (sensor(), sensor(96, 96, 3), 257 * sensor(48, 240, 4)):
        planes = [mosaic]
        form = Form(1, 16 if mosaic.max() > 255 else 8, *mosaic.shape, len(mosaic))
        found = find_arrangement(View(planes, form))
        assert not isinstance(getattr(found, "step", None), Tile)


# What is not.


def others() -> dict[str, Image]:
    random = np.random.default_rng(1)
    y, x = np.mgrid[:64, :80]
    noise = random.normal(0, 3, (64, 80, 3))
    slopes = np.stack([x + y, 2 * x, 255 - x], -1)
    small = random.integers(0, 256, (16, 20, 3))
    return {
        "a photograph": np.clip(120 + 50 * np.sin(slopes / 40) + noise, 0, 255).astype(np.uint8),
        "slopes": slopes.astype(np.uint8),
        "slow slopes": (slopes // 4).astype(np.uint8),
        "flat areas": small.repeat(4, 0).repeat(4, 1).astype(np.uint8)[:63],
        "two colours": np.where((random.random((64, 80)) < 0.1)[..., None], (9, 0, 70), (200, 9, 3)).astype(np.uint8),
        "gray": np.stack([sensor(64, 80)] * 3, -1).astype(np.uint8),
        "nearly nothing": np.where((y == 40)[..., None], noise, 7).clip(0, 255).astype(np.uint8),
    }


@pytest.mark.parametrize("name", others())
def test_no_other_picture_grows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = others()[name]
    data = encode(image)
    assert np.array_equal(sofc.decode(data), image)
    monkeypatch.setattr(arranging, "find_mosaic", lambda *_: None)
    assert len(data) <= len(encode(image))


def test_small_pictures_are_left_alone() -> None:
    for shape in ((3, 3), (4, 9), (9, 4), (7, 7)):
        image = picture(sensor(9, 9), FFMPEG, 0)[: shape[0], : shape[1]]
        planes = list(np.moveaxis(image.astype(np.int32), -1, 0))
        assert find_mosaic(planes, form_of(image)) is None
        assert find_arrangement(View(planes, form_of(image))) is not None


@pytest.mark.parametrize(
    "numbers",
    [(0, 0, 0, 0), (7, 0, 0, 0), (1, 4, 0, 0), (1, 0, 16, 0), (3, 0, 0, 1, 3), (3, 0, 0, 1, 9), (3, 0, 0, 3, 4, 4, 4),
     (1, 0, 0, 1, 4), (3, 0, 0, 99), (3, 0, 0, 1)],
)  # fmt: skip
def test_steps_that_break_the_rules_are_refused(numbers: tuple[int, ...]) -> None:
    form = Form(3, 8, 12, 9, 12)
    rest = pack_arrangement(PART)
    assert unpack_arrangement(bytes([12, 3, 0, 15, 1, 4]) + rest, form)
    with pytest.raises(sofc.FormatError):
        unpack_arrangement(bytes([12, *numbers]) + rest, form)
    for other in (Form(1, 8, 12, 9, 12), Form(3, 8, 3, 9, 3), Form(3, 8, 12, 3, 12)):
        with pytest.raises(sofc.FormatError):
            unpack_arrangement(bytes([12, 3, 0, 15, 0]) + rest, other)


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="solves whole images: slow")
def test_ramps_that_end_take_no_more_at_higher_efforts() -> None:
    """They come out of a mosaic, too, but in more bytes than as they are, of which a piece says otherwise."""
    y, x = np.mgrid[:320, :320]
    ramps = np.minimum(255, np.dstack([x * 300 // 319, y * 300 // 319, (x + y) * 300 // 638])).astype(np.uint8)
    fastest, *others = (len(encode(ramps, effort=effort)) for effort in (1, 3, 5))
    assert max(others) <= fastest
