"""Pages of text that were JPEG files: nearly all blocks have samples that were cut off at black or white."""

from __future__ import annotations

import io
import os

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

import sofc
from sofc.codebook.builtin import builtin_codebook
from sofc.jpeg import clipping, luminance
from sofc.jpeg.bounds import Bounded
from sofc.jpeg.clipping import find_by_trial
from sofc.jpeg.dct import Grid
from sofc.jpeg.origin import standard_table
from sofc.jpeg.recover import recover_planes

Page = npt.NDArray[np.uint8]
pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="solves whole images: slow")


def page(rows: int = 200, width: int = 240) -> Page:
    """Black strokes on white, in lines."""
    random = np.random.default_rng(7)
    image = np.full((rows, width), 255, np.uint8)
    for top in range(6, rows - 16, 18):
        for left in range(5, width - 12, 9):
            for _ in range(3):
                y, x = top + random.integers(0, 9), left + random.integers(0, 5)
                high, wide = (10, 2) if random.random() < 0.5 else (2, 6)
                image[y : min(y + high, top + 13), x : x + wide] = 0
    return image


def decoded(image: Page, quality: int) -> tuple[Page, int]:
    """What Pillow makes of it as a JPEG file, and the bytes of that."""
    data = io.BytesIO()
    PIL.Image.fromarray(image).save(data, "jpeg", quality=quality)
    return np.asarray(PIL.Image.open(data)), len(data.getvalue())


def plane_of(image: Page) -> Bounded:
    return Bounded(*[np.ascontiguousarray(image, np.int32)] * 4)


@pytest.mark.parametrize("quality", [40, 75])
@pytest.mark.parametrize("place", [(0, 0), (3, 6)])
def test_place_and_table_are_found(quality: int, place: tuple[int, int]) -> None:
    image = decoded(page(), quality)[0][place[0] :, place[1] :]
    found = find_by_trial(plane_of(image), (image == 0) | (image == 255))
    assert found is not None and found.grid == Grid(1, 1, *place)
    np.testing.assert_array_equal(found.table, standard_table(quality))
    recovered = recover_planes([image.astype(np.int32)], 1)
    assert recovered is not None and recovered.share > 0.95


def test_nothing_is_found_where_no_jpeg_file_was() -> None:
    image = page()
    blurred = np.asarray((image[1:].astype(int) + image[:-1]) // 2, np.uint8)
    for each in (image, blurred):
        assert find_by_trial(plane_of(each), (each == 0) | (each == 255)) is None


def test_nothing_is_tried_where_many_blocks_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it would be found: the usual way finds it faster."""
    paper = page()
    paper[:, 120:] = paper[:, 120:] // 2 + 60
    image, _ = decoded(paper, 75)
    unknown = (image == 0) | (image == 255)
    assert find_by_trial(plane_of(image), unknown) is None
    assert find_by_trial(plane_of(image), np.zeros(image.shape, np.bool_)) is None
    monkeypatch.setattr(clipping, "MOST_KNOWN", 1)
    assert find_by_trial(plane_of(image), unknown) is not None


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (16, 16)])
def test_small_planes(size: tuple[int, int]) -> None:
    image = page()[: size[0], : size[1]]
    assert find_by_trial(plane_of(image), image == 255) is None


@pytest.mark.parametrize("colours", [False, True])
def test_pages_take_less_than_their_files(colours: bool) -> None:
    paper = page()
    if colours:
        paper = np.stack([paper, np.maximum(paper, 40), np.maximum(paper, 90)], axis=2)
    image, size = decoded(paper, 60)
    data = sofc.encode(image, codebook=builtin_codebook)
    assert np.array_equal(sofc.decode(data), image)
    assert len(data) < 0.95 * size


@pytest.mark.parametrize("inverted", [False, True])
def test_tables_are_tried_only_where_black_or_white_rings(monkeypatch: pytest.MonkeyPatch, inverted: bool) -> None:
    """Smooth edges and noise on ink are no ringing; most unknown samples may be neither black nor white."""
    tried: list[object] = []
    monkeypatch.setattr(clipping, "_places", lambda samples: tried.append(samples) or [])
    smooth = np.asarray(PIL.Image.fromarray(page()).resize((120, 100), PIL.Image.Resampling.BOX))
    noisy = np.where(smooth < 128, np.random.default_rng(1).integers(60, 200, smooth.shape), smooth)
    for image in (page(), smooth, noisy):
        each = 255 - image if inverted else image
        assert find_by_trial(plane_of(each), (each == 0) | (each == 255)) is None
        assert not tried
    find_by_trial(plane_of(smooth), (smooth > 0) & (smooth < 255))
    assert len(tried) == 1
    each, _ = decoded(255 - smooth if inverted else smooth, 95)
    find_by_trial(plane_of(each), (each == 0) | (each == 255))
    assert len(tried) == 2


def test_steps_found_by_trial_are_taken_only_where_blocks_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is tried few blocks come out by chance, where black and white may have been painted."""
    laid = clipping.Laid(Grid(1, 1, 0, 0), standard_table(75))
    monkeypatch.setattr(luminance, "find_by_trial", lambda plane, unknown: laid)
    assert luminance.find_luminance(plane_of(page())) is None
    found = luminance.find_luminance(plane_of(decoded(page(), 75)[0]))
    assert found is not None and (found.table == laid.table).all()
