"""Images in which several pictures stand: where these are found, and that they cost what each would alone."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageFilter
import pytest
from helpers import chunks_of

import sofc
from sofc.band import arranged, covered, regions, shown
from sofc.band.arrangement import Arrangement, Divided, Part, unpack_arrangement
from sofc.band.arranging import View
from sofc.band.borders import LEAST_AWAY, LEAST_LENGTH, MARGIN, find_border, find_inset
from sofc.band.division import Division
from sofc.band.inset import Inset
from sofc.band.mapping import Mapping
from sofc.band.placing_steps import Orient
from sofc.band.shown import Shown, show_origin
from sofc.band.steps import Form
from sofc.codebook.builtin import builtin_codebook
from sofc.container.chunks import unpack_band, unpack_group
from sofc.jpeg.orientation import most_enlarged
from sofc.transforms.components import LATTICE

Image = npt.NDArray[np.uint8]


def photograph(rows: int, width: int, seed: int) -> Image:
    """Waves and noise in three colours, which fade from one corner to the other."""
    y, x = np.mgrid[:rows, :width]
    random = np.random.default_rng(seed)
    base = 90 + 15 * seed
    waves = [base + 30 * np.sin(x / (7 + c + seed) + y / 23) + 25 * np.cos(y / (11 - c)) for c in range(3)]
    image = np.stack(waves, axis=2) + 40 * x[..., None] / width + random.normal(0, 4, (rows, width, 3))
    return image.clip(0, 255).astype(np.uint8)


def decoded(image: Image, quality: int = 75, subsampling: str = "4:2:0") -> Image:
    """What Pillow makes of it as a JPEG file."""
    data = io.BytesIO()
    PIL.Image.fromarray(image).save(data, "jpeg", quality=quality, subsampling=subsampling)
    return np.asarray(PIL.Image.open(data))


def encode(image: Image) -> bytes:
    data = sofc.encode(np.ascontiguousarray(image), codebook=builtin_codebook)
    assert np.array_equal(sofc.decode(data), image)
    return data


def arrangement_of(data: bytes, image: Image) -> Arrangement:
    """How the only band or group of a file is arranged."""
    unpack: dict[bytes, Any] = {b"B": unpack_band, b"G": unpack_group}
    (band,) = [unpack[kind](body) for kind, body in chunks_of(data) if kind in unpack]
    if band.mapping != Mapping.ARRANGED:
        return Part(0, band.model, band.mapping, len(band.streams))
    rows, width, components = image.shape
    return unpack_arrangement(band.streams[0], Form(components, 8, rows, width, rows))


FIRST = decoded(photograph(120, 149, 1))
SECOND = decoded(photograph(120, 139, 3), 90, "4:4:4")


def planes(image: Image) -> list[npt.NDArray[np.int32]]:
    return [image[..., k].astype(np.int32) for k in range(3)]


# Borders.


@pytest.mark.parametrize("axis", [0, 1])
def test_the_border_of_two_pictures_is_found(axis: int) -> None:
    both = np.concatenate([FIRST, SECOND], axis=1)
    image = both if axis else both.transpose(1, 0, 2)
    assert find_border(planes(image)) == Division(axis, 149)


def test_the_border_of_noise_is_found() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (120, 70, 3)).astype(np.uint8)
    assert find_border(planes(np.concatenate([noise, FIRST], axis=1))) == Division(1, 70)


def test_there_is_no_border_in_a_picture_nor_next_to_its_own() -> None:
    assert find_border(planes(FIRST)) is None
    assert find_border(planes(photograph(120, 149, 1))) is None
    edged = FIRST.copy()
    edged[:, : MARGIN - 1] = 0
    assert find_border(planes(edged)) is None
    edged[:, :MARGIN] = 0
    assert find_border(planes(edged)) == Division(1, MARGIN)
    assert find_border(planes(edged[: LEAST_LENGTH - 1])) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (40, 3)])
def test_small_planes_have_none(shape: tuple[int, int]) -> None:
    assert find_border([np.zeros(shape, np.int32)]) is None


# Pictures.

GUTTER = np.full((120, 9, 3), 255, np.uint8)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("between", [(), (GUTTER,)])
def test_two_pictures_cost_what_both_do(axis: int, between: tuple[Image, ...]) -> None:
    image = np.concatenate([FIRST, *between, SECOND], axis=1)
    alone = sum(len(encode(np.ascontiguousarray(one))) for one in (FIRST, SECOND))
    if axis == 0:
        # Turned, pictures would be others: they are put one above the other instead.
        image = np.concatenate([FIRST[:, :139], *(np.full((9, 139, 3), 255, np.uint8) for _ in between), SECOND])
    data = encode(image)
    assert len(data) < 1.05 * alone
    arrangement = arrangement_of(data, image)
    assert isinstance(arrangement, Divided) and arrangement.division.axis == axis


def test_a_picture_whose_origin_is_sure_is_not_divided() -> None:
    """Rows that have nothing in common look like borders, but a picture of such rows is one picture."""
    random = np.random.default_rng(0)
    rows = (np.cumsum(random.integers(-4, 5, (128, 160, 3)), axis=1) + 120).clip(0, 255).astype(np.uint8)
    first, second = decoded(rows, 80), decoded(rows[:, ::-1], 60)
    data = encode(np.concatenate([first, second], axis=1))
    assert len(data) < 1.05 * (len(encode(first)) + len(encode(second)))


def test_a_collage_costs_what_its_pictures_do() -> None:
    above = np.concatenate([FIRST[:, :139], GUTTER, SECOND], axis=1)
    below = np.concatenate([SECOND, GUTTER, FIRST[:, 10:]], axis=1)
    image = np.concatenate([above, np.full((7, above.shape[1], 3), 255, np.uint8), below])
    alone = 2 * sum(len(encode(np.ascontiguousarray(one))) for one in (FIRST, SECOND))
    # A row of blocks of colours that are half of a gutter takes 1.1 kB more: 1.102 times.
    assert len(encode(image)) < 1.12 * alone


@pytest.mark.parametrize("kind", ["noise", "photograph", "drawing"])
def test_what_was_no_jpeg_file_costs_what_it_does_alone(kind: str) -> None:
    random = np.random.default_rng(5)
    other = {
        "noise": random.integers(0, 256, (120, 80, 3)).astype(np.uint8),
        "photograph": photograph(120, 80, 5),
        "drawing": np.repeat(np.repeat(random.choice([0, 90, 255], (12, 8, 3)), 10, 0), 10, 1).astype(np.uint8),
    }[kind]
    image = np.concatenate([FIRST, other], axis=1)
    assert len(encode(image)) < 1.05 * (len(encode(FIRST)) + len(encode(other)))


def test_pictures_beside_an_opaque_alpha_component() -> None:
    image = np.concatenate([FIRST, SECOND], axis=1)
    opaque = np.concatenate([image, np.full((*image.shape[:2], 1), 255, np.uint8)], axis=2)
    assert len(encode(opaque)) < len(encode(image)) + 40


def test_one_picture_is_not_divided() -> None:
    for image in (FIRST, SECOND, photograph(120, 149, 1)):
        assert isinstance(arrangement_of(encode(image), image), Part)


def test_pictures_of_a_large_image_are_found_in_each_band() -> None:
    image = np.concatenate([FIRST, SECOND], axis=1)
    data = sofc.encode(image, band_rows=60, codebook=builtin_codebook)
    assert np.array_equal(sofc.decode(data), image)
    with sofc.open_reader(data) as reader:
        assert np.array_equal(reader.read_rows(40, 70), image[40:70])
    assert sofc.encode(image, band_rows=60, threads=3, codebook=builtin_codebook) == data
    assert len(data) < 1.3 * len(encode(image))


# Letters.


def lettered(image: Image, softness: float) -> Image:
    """With two white rings over it, whose edges are so many samples wide."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    distance = np.minimum(*(np.abs(np.hypot(y - 40, x - left) - 14) for left in (40, 95)))
    cover = np.clip((3 - distance) / softness + 0.5, 0, 1)[..., None]
    return np.asarray(np.rint(image * (1 - cover) + 255 * cover), np.uint8)


@pytest.mark.parametrize(("quality", "subsampling"), [(75, "4:2:0"), (90, "4:4:4"), (60, "4:2:2")])
def test_soft_edges_cost_little_more_than_hard_ones(quality: int, subsampling: str) -> None:
    plain = decoded(photograph(120, 149, 1), quality, subsampling)
    hard, soft = (lettered(plain, softness) for softness in (1e-6, 1.5))
    changed = np.count_nonzero((soft != plain).any(axis=2) & (soft != 255).any(axis=2))
    assert len(encode(soft)) < len(encode(hard)) + 4.5 * changed


def test_a_quarter_may_be_painted_over() -> None:
    """Though nothing converts to many of its colours."""
    cells = np.random.default_rng(2).choice([3, 100, 250], (6, 7, 3)).astype(np.uint8)
    drawing = np.repeat(np.repeat(cells, 10, axis=0), 10, axis=1)
    image = FIRST.copy()
    image[30:90, 40:110] = drawing
    by_samples = sofc.encode(image, codebook=builtin_codebook, coder="context")
    assert len(encode(image)) < 0.4 * len(by_samples)


# Insets.


def pasted(image: Image, *pictures: tuple[int, int, Image]) -> Image:
    """Pictures put into an image, each at a row and a column."""
    image = image.copy()
    for top, left, picture in pictures:
        image[top : top + len(picture), left : left + picture.shape[1]] = picture
    return image


PAGE = np.full((310, 330, 3), 255, np.uint8)


def pale(rows: int, width: int, seed: int) -> Image:
    """The same, its colours nearer to gray, as those of photographs are."""
    image = photograph(rows, width, seed)
    return (image // 4 + image.mean(axis=2, keepdims=True) * 3 / 4).astype(np.uint8)


LARGE = decoded(pale(230, 260, 2), 80)
DETAIL = decoded(pale(80, 96, 6), 90, "4:4:4")


@pytest.mark.parametrize("place", [(40, 30), (LEAST_AWAY, 0), (0, 0), (150, 164), (110, LEAST_AWAY)])
def test_the_borders_of_an_inset_are_found(place: tuple[int, int]) -> None:
    assert find_inset(planes(pasted(LARGE, (*place, DETAIL)))) == Inset(*place, 80, 96)


def test_an_inset_is_found_where_it_is_not_likely_to_lie() -> None:
    image = planes(pasted(LARGE, (40, 30, DETAIL)))
    assert find_inset(image, Inset(150, 150, 60, 80)) == find_inset(image, Inset(30, 20, 100, 110)) == find_inset(image)
    assert find_inset([plane + (1 << 15) for plane in image]) == find_inset(image)


def test_there_is_no_inset_in_a_picture_nor_at_its_border() -> None:
    for image in (FIRST, LARGE, photograph(120, 149, 1), LARGE[: 2 * LEAST_LENGTH - 1]):
        assert find_inset(planes(image)) is None
    assert find_inset(planes(pasted(LARGE, (LEAST_AWAY - 1, 0, DETAIL)))) != Inset(LEAST_AWAY - 1, 0, 80, 96)
    # From side to side it is not one.
    assert find_inset(planes(np.concatenate([LARGE[:, :149], FIRST]))) is None


def divisions_in(arrangement: Arrangement) -> list[Division | Inset]:
    if not isinstance(arrangement, Divided):
        return []
    return [arrangement.division, *divisions_in(arrangement.first), *divisions_in(arrangement.rest)]


@pytest.mark.parametrize("place", [(9, 150), (0, 164), (70, 80)])
def test_an_inset_over_a_picture_costs_what_both_do(place: tuple[int, int]) -> None:
    """What it covers costs nothing; blocks that it covers in part, where not all is known, take some more."""
    image = pasted(LARGE, (*place, DETAIL))
    data = encode(image)
    assert len(data) < 1.08 * (len(encode(LARGE)) + len(encode(DETAIL)))
    assert divisions_in(arrangement_of(data, image)) == [Inset(*place, 80, 96)]


@pytest.mark.parametrize("change", [lambda image: image[..., ::-1], lambda image: image[..., 1]], ids=["BGR", "gray"])
def test_an_inset_over_a_picture_whose_components_are_others(change: Any) -> None:
    gray = decoded(pale(230, 260, 2)[..., 1], 80, "4:4:4")[..., None].repeat(3, axis=2)
    small = decoded(pale(80, 96, 6)[..., 1], 90, "4:4:4")[..., None].repeat(3, axis=2)
    large, detail = (gray, small) if change(LARGE).ndim == 2 else (LARGE, DETAIL)
    image, alone = np.ascontiguousarray(change(pasted(large, (70, 80, detail)))), (change(large), change(detail))
    assert len(encode(image)) < 1.12 * sum(len(encode(np.ascontiguousarray(one))) for one in alone)


LEGEND = np.random.default_rng(4).choice(np.uint8([0, 90, 255]), (12, 16, 3)).repeat(6, axis=0).repeat(6, axis=1)


def test_a_legend_over_a_picture_costs_little() -> None:
    assert len(encode(pasted(LARGE, (120, 40, LEGEND)))) < 1.12 * (len(encode(LARGE)) + len(encode(LEGEND)))


def test_mirrored_colours_are_told_by_all_factors_they_may_have() -> None:
    """Mirrored, colours of 4:2:0 look most like 4:2:2, and no more so the right way round."""
    y, x = np.mgrid[:128, :160]
    light = 110 + 40 * np.sin(x / 9 + y / 17) + np.random.default_rng(0).normal(0, 5, (128, 160))
    one, two = 30 * np.sin(x / 5 + y / 30), 25 * np.cos(x / 8 - y / 23)
    image = np.stack([light + one, light - 0.3 * (one + two), light + two], axis=2).clip(0, 255).astype(np.uint8)
    mirrored = View(planes(decoded(image, 85)[:, ::-1].copy()), Form(3, 8, 128, 160, 128))
    transformed = LATTICE.forward(mirrored.planes)
    assert most_enlarged(transformed, [(1, 2)]) > most_enlarged(transformed, [(2, 2)])
    untold: Any = SimpleNamespace(factors=(1, 1), traced=[SimpleNamespace(found=None)])
    assert (Orient(2),) in shown._unlike(mirrored, untold, LATTICE)


def test_what_was_blurred_is_an_inset_without_borders() -> None:
    """Blurred more and more from its border on."""
    y, x = np.mgrid[:80, :90]
    strength = np.minimum(np.minimum(y, 79 - y), np.minimum(x, 89 - x)).clip(0, 8)[..., None] / 8
    soft = np.asarray(PIL.Image.fromarray(LARGE[90:170, 70:160]).filter(PIL.ImageFilter.GaussianBlur(6)))
    mixed = np.rint(LARGE[90:170, 70:160] * (1 - strength) + soft * strength).astype(np.uint8)
    image = pasted(LARGE, (90, 70, mixed))
    data = encode(image)
    assert any(isinstance(one, Inset) for one in divisions_in(arrangement_of(data, image)))
    assert len(data) < 1.1 * (len(encode(LARGE)) + len(encode(mixed)))


@pytest.mark.parametrize(("around", "is_found"), [(0.02, True), (0.2, False)])
def test_what_was_changed_is_as_uncertain_nowhere_else(around: float, is_found: bool) -> None:
    """Of pictures of the best quality samples that do not come out are everywhere, and more where there is detail."""
    missed = np.random.default_rng(1).random((200, 240)) < around
    missed[50:120, 60:160] = np.random.default_rng(2).random((70, 100)) < 0.8
    assert covered.changed_part(missed) == (Inset(50, 60, 70, 100) if is_found else None)


def test_how_a_picture_is_turned_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a legend covers is turned as the picture is."""
    sought: list[tuple[int, ...]] = []

    def counted(view: View, *arguments: Any, **settings: Any) -> list[Shown]:
        sought.append(view.planes[0].shape)
        return show_origin(view, *arguments, **settings)

    noise = np.random.default_rng(4).integers(0, 256, (20, 24, 3), np.uint8).repeat(3, axis=0).repeat(3, axis=1)
    image = np.rot90(pasted(decoded(photograph(208, 240, 3)), (8, 8, noise)))
    monkeypatch.setattr(regions, "show_origin", counted)
    encode(image)
    assert image.shape[:2] not in sought


def test_pictures_on_a_page_cost_what_they_do_alone() -> None:
    image = pasted(PAGE, (21, 17, FIRST), (150, 101, SECOND), (40, 200, DETAIL))
    assert len(encode(image)) < 1.05 * sum(len(encode(one)) for one in (FIRST, SECOND, DETAIL)) + 100


def test_a_picture_in_a_photograph_that_was_no_jpeg_file() -> None:
    around = photograph(230, 260, 4)
    data = encode(pasted(around, (70, 80, DETAIL)))
    assert len(data) < len(encode(around)) + len(encode(DETAIL))


def test_insets_one_in_another_are_together_no_larger_than_the_image() -> None:
    """A format's limit: of these the inner one is none, though it would be by itself."""
    inner, middle, outer = decoded(pale(170, 176, 4), 75), decoded(pale(212, 220, 6), 90, "4:4:4"), LARGE[:, :250]
    assert inner.size + middle.size > outer.size
    data = encode(image := pasted(outer, (10, 13, pasted(middle, (19, 22, inner)))))
    insets = [one for one in divisions_in(arrangement_of(data, image)) if isinstance(one, Inset)]
    assert insets == [Inset(10, 13, 212, 220)]


@pytest.mark.parametrize(("entries", "is_divided"), [(3, True), (2, False)])
def test_no_more_regions_than_an_arrangement_may_have(
    monkeypatch: pytest.MonkeyPatch, entries: int, *, is_divided: bool
) -> None:
    monkeypatch.setattr(arranged, "MAX_ENTRIES", entries)
    image = np.concatenate([FIRST, SECOND], axis=1)
    assert (divisions_in(arrangement_of(encode(image), image)) == [Division(1, 149)]) == is_divided
