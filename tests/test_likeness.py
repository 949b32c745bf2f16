"""Images that are like earlier ones of the file cost little more than saying so, wherever they are read from."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import minidec
import numpy as np
import numpy.typing as npt
import pytest
from helpers import chunks_of, file_of

import sofc
from sofc.codebook.builtin import builtin_codebook
from sofc.collection import encode_collection
from sofc.container import schema
from sofc.container.chunks import pack_band, pack_file_end, pack_group, unpack_band, unpack_group
from sofc.container.likeness import Plan, pack_plan, unpack_plan
from sofc.container.records import LIKENESS_MODEL
from sofc.imagefiles import Samples
from sofc.stream import copies, kept_images

Array = npt.NDArray[Any]
Change = Callable[[Array], Array]


def photograph(number: int, height: int, width: int, components: int = 1) -> Array:
    """An image that has little in common with those of other numbers."""
    random = np.random.default_rng(number)
    rows, columns = np.mgrid[:height, :width]
    image = np.full((height, width, components), 110.0)
    for component in range(components):
        for _ in range(8):
            y, x, size = random.uniform(0, height), random.uniform(0, width), random.uniform(4, 15)
            image[..., component] += random.uniform(-60, 60) * np.exp(
                -((rows - y) ** 2 + (columns - x) ** 2) / (2 * size**2)
            )
    image += random.normal(0, 3, image.shape)
    return image.clip(0, 255).astype(np.uint8).squeeze()


def brighter(image: Array) -> Array:
    return np.clip(np.rint(image * 1.1 + 5), 0, 255).astype(image.dtype)


def padded(mode: str) -> Change:
    def pad(image: Array) -> Array:
        wide = np.pad(image, [(2, 0), (3, 0), (0, 0)][: image.ndim], mode=mode)  # type: ignore[call-overload]
        return np.ascontiguousarray(wide[:-2, :-3])

    return pad


def labelled(image: Array) -> Array:
    changed = image.copy()
    changed[10:16, 8:24] = 255
    changed[11:15, 9:23:2] = 0
    return changed


def halved(image: Array) -> Array:
    rows, width = image.shape[0] // 2, image.shape[1] // 2
    squares = image[: 2 * rows, : 2 * width].reshape(rows, 2, width, 2, -1).astype(int)
    return ((squares.sum(axis=(1, 3)) + 2) // 4).astype(image.dtype).reshape(rows, width, *image.shape[2:])


CHANGES: dict[str, Change] = {
    "same": np.copy,
    "mirrored": lambda image: image[:, ::-1].copy(),
    "turned": lambda image: np.rot90(image).copy(),
    "transposed": lambda image: np.swapaxes(image, 0, 1).copy(),
    "rolled": lambda image: np.roll(image, 3, axis=1),
    "rolled down": lambda image: np.roll(image, (-3, 2), axis=(0, 1)),
    "cropped": lambda image: image[2:, 3:].copy(),
    "black": padded("constant"),
    "edge": padded("edge"),
    "reflected": padded("reflect"),
    "brighter": brighter,
    "darker": lambda image: (image * 0.7).astype(image.dtype),
    "negative": lambda image: (255 - image).astype(image.dtype),
    "mirrored and brighter": lambda image: brighter(image[::-1]),
    "labelled": labelled,
    "halved": halved,
}


def collected(images: Sequence[Array], **settings: Any) -> bytes:
    return b"".join(encode_collection([Samples(image, None) for image in images], codebook=None, **settings))


def check(data: bytes, images: Sequence[Array]) -> None:
    """All decoders agree, in any order."""
    for image, again in zip(images, sofc.decode_images(data, threads=2), strict=True):
        np.testing.assert_array_equal(image, again)
        assert image.dtype == again.dtype
    with sofc.open_reader(io.BytesIO(data)) as reader:
        for number in reversed(range(len(images))):
            np.testing.assert_array_equal(reader.read_image(number), images[number])
            rows = reader.read_rows(3, 9, number)
            np.testing.assert_array_equal(rows, images[number][3:9])
    for image, found in zip(images, minidec.decode_file(data).images, strict=True):
        assert found.samples == image.ravel().tolist()


def models(data: bytes) -> list[int]:
    found = []
    for kind, body in chunks_of(data):
        if kind in (schema.BAND, schema.GROUP):
            found.append((unpack_band if kind == schema.BAND else unpack_group)(body).model)
    return found


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("components", [1, 3])
def test_likeness_costs_little(name: str, components: int) -> None:
    image = photograph(1, 130, 140, components)
    images = [image, CHANGES[name](image)]
    once, both = collected(images[:1]), collected(images)
    assert LIKENESS_MODEL in models(both)
    room = {"labelled": 190 * components, "halved": 200, "darker": 220}.get(name, 130)
    assert len(both) < len(once) + room
    check(both, images)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_likeness_of_deep_samples(dtype: Any) -> None:
    image = photograph(2, 80, 90).astype(dtype) * 9 - (1000 if dtype == np.int16 else 0)
    window = np.clip((image - image.min()).astype(int) // 5, 0, 255).astype(np.uint8)
    images = [image, image[::-1].copy(), image + dtype(7), window]
    data = collected(images)
    assert models(data).count(LIKENESS_MODEL) >= 2
    assert len(data) < len(collected(images[:1])) + 900
    check(data, images)


def test_bands() -> None:
    """Each band of an image in several bands names the same reference; what departs is coded band by band."""
    image = photograph(3, 300, 130)
    changed = np.roll(image, 5, axis=0)
    random = np.random.default_rng(1)
    changed[40:70, 20:60] = random.integers(0, 255, (30, 40))
    data = collected([image, changed], band_rows=96, digest=False)
    assert models(data) == [*models(data)[:3], LIKENESS_MODEL, LIKENESS_MODEL, LIKENESS_MODEL]
    assert len(data) < len(collected([image], band_rows=96)) + 1500
    check(data, [image, changed])


def test_groups() -> None:
    """Images that are like others stand in the group of those that are not, which are coded as if they stood alone."""
    originals = [photograph(k, 70, 80) for k in range(4)]
    images = [version for one in originals for version in (one, one[:, ::-1].copy(), brighter(one), one.copy())]
    plain, data = collected(originals), collected(images)
    assert models(data) == [LIKENESS_MODEL]
    assert len(data) < len(plain) + 12 * 40
    check(data, images)
    check(collected(images, key_interval=3), images)


@pytest.mark.parametrize("shape", [(70, 80), (150, 140)])
def test_same_bytes_however_cut(shape: tuple[int, int]) -> None:
    originals = [photograph(k, *shape) for k in range(3)]
    images = [version for one in originals for version in (one, brighter(one), labelled(one))]
    data = collected(images, band_rows=64)
    assert collected(images, band_rows=64, threads=3) == data
    encoder = sofc.Encoder(codebook=None, band_rows=64)
    pieces = []
    for image in images:
        pieces.append(encoder.begin_image(sofc.ImageHeader(shape[1], shape[0], sofc.PixelFormat(1, 8, 8))))
        pieces += [encoder.write(image[start : start + 7]) for start in range(0, shape[0], 7)]
    assert b"".join([*pieces, encoder.finish()]) == data
    check(data, images)


def test_nothing_is_predicted_from_far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference that a decoder no longer has is not named, though the encoder still has its samples."""
    images = [photograph(k, 100, 120) for k in range(3)]
    images.append(images[0][::-1].copy())
    assert LIKENESS_MODEL in models(collected(images, key_interval=1))
    for limit, value in (("WINDOW", len(collected(images[:1]))), ("NEAREST", 2)):
        with monkeypatch.context() as patch:
            patch.setattr(copies, limit, value)
            data = collected(images, key_interval=1)
            assert LIKENESS_MODEL not in models(data)
            check(data, images)
    monkeypatch.setattr(kept_images, "KEPT_BYTES", 2 * images[0].nbytes)
    assert LIKENESS_MODEL not in models(collected(images, key_interval=1))


def test_what_is_unlike_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    images = [photograph(k, 90, 90 + k % 2) for k in range(4)]
    images += [np.zeros((90, 90), np.uint8), random.integers(0, 255, (90, 90)).astype(np.uint8), images[0][:20, :20]]
    data = collected(images)
    monkeypatch.setattr("sofc.band.alike.LEAST_SAMPLES", 1 << 40)
    assert collected(images) == data


def changed_plan(**fields: Any) -> Callable[[Any], Any]:
    def change(coded: Any) -> Any:
        plan = unpack_plan(coded.streams[0], coded.images)
        placings = {place: one._replace(**fields) for place, one in plan.placings.items()}
        return replace(coded, streams=(pack_plan(plan._replace(placings=placings)), *coded.streams[1:]))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed_plan(reference=2), "no earlier image|comes after"),
        (changed_plan(reference=1 << 40), "no earlier image|comes after"),
        (changed_plan(reference=1), "itself predicted"),
        (changed_plan(component=1), "component 1 of one that has 1"),
        (changed_plan(down=1 << 30), "damaged|check"),
        (changed_plan(reduction=3), "check|damaged"),
        (lambda coded: replace(coded, streams=coded.streams[:1]), "too few streams"),
        (lambda coded: replace(coded, streams=(*coded.streams, b"")), "codes other images and has none"),
        (lambda coded: replace(coded, mapping=1), "has a mapping"),
        (lambda coded: replace(coded, streams=(b"\0\0\0\0", b"")), "predicts none"),
        (lambda coded: replace(coded, streams=(pack_plan(Plan(5, 0, 0, {})), b"")), "predicts none|cannot be read"),
        (lambda coded: replace(coded, streams=(coded.streams[0], b"\xff" * 40)), "damaged|check"),
        (lambda coded: replace(coded, streams=(coded.streams[0][:-1], coded.streams[1])), "cannot be read"),
    ],
)
def test_broken_plans(change: Callable[[Any], Any], message: str) -> None:
    """All ways to read a file say what is wrong, and salvage goes on behind it."""
    image = photograph(6, 70, 90)
    images = [image, image[::-1].copy(), np.roll(image, 3, axis=0)]
    data = collected(images, key_interval=1)
    found = chunks_of(data)
    place = max(number for number, (kind, _) in enumerate(found) if kind == schema.GROUP)
    group = unpack_group(found[place][1])
    assert group.model == LIKENESS_MODEL
    found[place] = schema.GROUP, pack_group(change(group))
    kept = [chunk for chunk in found if chunk[0] not in (schema.INDEX, schema.FILE_END)]
    broken = file_of([*kept, (schema.FILE_END, pack_file_end(0))], data)
    with pytest.raises(sofc.SofcError, match=message):
        sofc.decode_images(broken)
    with sofc.open_reader(io.BytesIO(broken)) as reader, pytest.raises(sofc.SofcError, match=message):
        reader.read_image(2)
    with pytest.raises(minidec.FormatError):
        minidec.decode_file(broken)
    decoder = sofc.Decoder(salvage=True)
    decoder.feed(broken)
    assert sum(isinstance(event, sofc.DamagedBand) for event in decoder.events()) == 1


def test_references_count_against_the_limits() -> None:
    image = photograph(7, 200, 100)
    data = collected([image, image[::-1].copy()], band_rows=64)
    limits = sofc.Limits(max_band_samples=64 * 100 + 6500)
    with pytest.raises(sofc.LimitError):
        sofc.decode_images(data, limits=limits)


def masked(seed: int, size: tuple[int, int] = (180, 380)) -> tuple[Array, Array]:
    """An image with dark curves in it, and where they are."""
    image = photograph(seed, *size).astype(float)
    rows, columns = np.mgrid[: size[0], : size[1]]
    random = np.random.default_rng(seed)
    mask = np.zeros(size, bool)
    for _ in range(9):
        bend, place, width = random.uniform(8, 30), random.uniform(0, size[0]), random.uniform(1, 4)
        mask |= np.abs(rows - place - bend * np.sin(columns / random.uniform(5, 40))) < width
    return (image - 40 * mask).clip(0, 255).astype(np.uint8), mask


@pytest.mark.parametrize("scale", [1, 255])
@pytest.mark.parametrize("size", [(180, 380), (330, 260)])
def test_masks_are_guided_by_their_images(scale: int, size: tuple[int, int]) -> None:
    """Be they in turn with these, or behind all of them; as the mask of a guided one they serve as references."""
    pairs = [masked(seed, size) for seed in (1, 2)]
    images = [image for image, _ in pairs]
    masks = [mask if scale == 1 else mask.astype(np.uint8) * np.uint8(scale) for _, mask in pairs]
    settings: dict[str, Any] = {"codebook": builtin_codebook, "effort": 1, "key_interval": 1}
    alone = len(sofc.encode_images(images, **settings)) + len(sofc.encode_images(masks, **settings))
    in_turn = [images[0], masks[0], images[1], masks[1]]
    for order in (in_turn, [*images, *masks]):
        data = sofc.encode_images(order, **settings)
        assert sofc.encode_images(order, **settings, threads=3) == data
        assert models(data).count(LIKENESS_MODEL) == 2
        assert len(data) < alone - 0.1 * len(sofc.encode_images(masks, **settings))
        for image, again in zip(order, sofc.decode_images(data), strict=True):
            np.testing.assert_array_equal(image, again)
        with sofc.open_reader(io.BytesIO(data)) as reader:
            np.testing.assert_array_equal(reader.read_image(3), order[3])
    turned = [*in_turn, masks[1][::-1].copy()]
    data = sofc.encode_images(turned, **settings)
    assert models(data).count(LIKENESS_MODEL) == 3
    np.testing.assert_array_equal(sofc.decode(data, image=4), turned[4])


def test_the_small_decoder_has_guides() -> None:
    image, mask = masked(3, (64, 72))
    data = sofc.encode_images([image, mask], codebook=builtin_codebook, effort=1, key_interval=1)
    assert models(data)[1] == LIKENESS_MODEL
    codebooks = [builtin_codebook(sofc.PixelFormat(1, bits, bits)).to_bytes() for bits in (1, 8)]
    assert minidec.decode_file(data, codebooks).images[1].samples == mask.ravel().tolist()


def test_broken_guides() -> None:
    """A guide must be there, and belong to a coder that has a use for it."""
    image, mask = masked(4)
    data = sofc.encode_images([image, mask], codebook=builtin_codebook, effort=1, digest=False)
    found = chunks_of(data)
    place = max(number for number, (kind, _) in enumerate(found) if kind == schema.BAND)
    band = unpack_band(found[place][1])
    assert band.model == LIKENESS_MODEL
    plan = unpack_plan(band.streams[0], 1)
    for change, message in (
        ({"model": 1}, "coder cannot be"),
        ({"placings": {0: plan.placings[0]._replace(reference=1)}}, "no earlier image"),
        ({"placings": {0: plan.placings[0]._replace(component=3)}}, "component 3 of one that has 1"),
        ({"way": 0}, "has none|damaged|check"),
    ):
        broken_band = replace(band, streams=(pack_plan(plan._replace(**change)), *band.streams[1:]))
        chunks = [*found[:place], (schema.BAND, pack_band(broken_band)), *found[place + 1 :]]
        broken = file_of([one for one in chunks if one[0] not in (schema.INDEX, schema.FILE_END)], data)
        with pytest.raises(sofc.SofcError, match=message):
            sofc.decode_images(broken)
