"""Likeness where chunks are far apart, images only partly binary, and files hostile."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers import chunks_of, file_of
from PIL import Image

import sofc
import sofc.stream.references
from sofc.band.likeness import Likeness, Reference, Tables, placed
from sofc.band.predicted import Extent, departures_of, pack_predicted
from sofc.codebook.builtin import builtin_codebook
from sofc.container import schema
from sofc.container.chunks import pack_file_end, pack_group, pack_image_head, unpack_group
from sofc.container.likeness import Placing
from sofc.container.records import CodedGroup, CodedSamples, ImageHead
from sofc.stream import copies, kept_images

Array = npt.NDArray[np.uint8]


def texture(seed: int, height: int, width: int) -> npt.NDArray[np.float64]:
    noise = np.random.default_rng(seed).normal(size=(height + 8, width + 8))
    sums = noise.cumsum(0).cumsum(1)
    means = sums[8:, 8:] - sums[:-8, 8:] - sums[8:, :-8] + sums[:-8, :-8]
    return means / means.std()


def shown(field: npt.NDArray[np.float64]) -> Array:
    noise = np.random.default_rng(9).normal(size=field.shape)
    return (128 + 40 * field + 2 * noise).clip(0, 255).astype(np.uint8)


def encoded(images: list[Array], **settings: Any) -> bytes:
    encoder, data = sofc.Encoder(**{"codebook": builtin_codebook, **settings}), b""
    for image in images:
        data += encoder.begin_image(sofc.header_for(image)) + encoder.write(image)
    return data + encoder.finish()


def check(data: bytes, images: list[Array]) -> None:
    for found, image in zip(sofc.decode_images(data), images, strict=True):
        np.testing.assert_array_equal(found, image)
    with sofc.open_reader(data) as reader:
        for found, image in zip(reader, images, strict=True):
            np.testing.assert_array_equal(found, image)


def test_no_image_with_a_guided_band_guides_another() -> None:
    first, second = texture(1, 256, 256), texture(2, 256, 256)
    partly = np.where(first > 0, 255, 0).astype(np.uint8)
    partly[128:] = shown(second)[128:]
    mask = np.where(np.vstack([first[:128] > 0.4, second[128:] > 0]), 255, 0).astype(np.uint8)
    images = [shown(first), partly, mask]
    check(encoded(images, band_rows=128), images)


def test_a_guide_is_near_where_what_it_guides_is_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (copies, kept_images):
        monkeypatch.setattr(module, "WINDOW", 100_000)
    field = texture(1, 256, 256)
    mask = np.where(field > 0, 255, 0).astype(np.uint8)
    mask[:, ::16] ^= 255  # so that it is not predicted
    labelled = mask.copy()
    labelled[10:30, 10:30] = 0
    random = np.random.default_rng(0)
    images = [shown(field), random.integers(0, 256, (100, 256), np.uint8), mask]
    images += [random.integers(0, 256, (150, 256), np.uint8), labelled]
    check(encoded(images, band_rows=128), images)


@pytest.mark.parametrize("verify", [False, True])
def test_a_copy_that_is_too_far_away_and_partly_predicted(monkeypatch: pytest.MonkeyPatch, *, verify: bool) -> None:
    for module in (copies, kept_images):
        monkeypatch.setattr(module, "WINDOW", 20_000)
    images, jpegs = [], []
    for samples in (np.tile(shown(texture(1, 8, 8)), (32, 32)), shown(texture(2, 256, 256))):
        Image.fromarray(samples).save(file := io.BytesIO(), "JPEG", quality=80)
        jpegs.append(file.getvalue())
        images.append(np.array(Image.open(file)))
    noise = np.random.default_rng(1).integers(0, 256, (160, 256), np.uint8)
    encoder, data = sofc.Encoder(codebook=builtin_codebook, verify=verify), b""
    for run, given in ((images, jpegs), ([noise], [None]), (images, jpegs)):
        data += encoder.begin_image(sofc.header_for(run[0])) + encoder.write_group(np.stack(run), jpegs=given)
    check(data + encoder.finish(), [*images, noise, *images])


def hostile(references: int, side: int, components: int) -> bytes:
    """A file of images of one value, and a group of images of one pixel that are each predicted from one of these."""
    large = sofc.ImageHeader(side, side, sofc.PixelFormat(1, 8, 8, signed=False))
    small = sofc.ImageHeader(1, 1, sofc.PixelFormat(components, 8, 8, signed=False))
    encoder = sofc.Encoder(large, codebook=None, effort=1)
    plain = encoder.write_group(np.zeros((1, side, side), np.uint8)) + encoder.finish()
    group = next(unpack_group(body) for kind, body in chunks_of(plain) if kind == schema.GROUP)
    coded = CodedSamples(group.model, group.check, group.streams, group.mapping)
    chunks = [(schema.IMAGE_HEAD, pack_image_head(ImageHead(large, 0)))]
    chunks += [(schema.GROUP, pack_group(CodedGroup(**vars(coded), image=k, images=1))) for k in range(references)]
    chunks.append((schema.IMAGE_HEAD, pack_image_head(ImageHead(small, 0))))
    likenesses = {k: Likeness(Placing(k), [Tables(None, 0)] * components) for k in range(references)}
    known = {k: Reference([np.zeros((1, 1), np.int32)], 8) for k in likenesses}
    samples = np.zeros((references, 1, components) if components > 1 else (references, 1), np.uint8)
    stream = departures_of(samples, Extent(small, references, references, range(1)), likenesses, known)
    assert stream is not None
    placings = {place: one.placing for place, one in likenesses.items()}
    predicted = pack_predicted(placings, stream, None, zlib.crc32(samples.tobytes()))
    chunks.append((schema.GROUP, pack_group(CodedGroup(**vars(predicted), image=references, images=references))))
    return file_of([*chunks, (schema.FILE_END, pack_file_end(0))], plain)


def test_references_of_a_group_are_not_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sofc.stream.references, "KEPT_SAMPLES", 1)
    data = hostile(12, 1024, 1)
    decoder = sofc.Decoder()
    decoder.feed(data)
    for event in decoder.events():
        if isinstance(event, sofc.HeaderReady) and event.header.width == 1:
            break
        del event
    tracemalloc.start()
    assert any(isinstance(event, sofc.GroupReady) for event in decoder.events())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 << 20  # 12 references take 5 bytes a sample


def test_a_reference_is_looked_at_once_for_all_components() -> None:
    reference = Reference([np.zeros((9, 9), np.int32)], 8)
    assert len(placed(reference, Placing(0), 4096, range(1), 1).whole) == 1
    (_, image) = sofc.decode_images(hostile(1, 64, 4096))
    assert not image.any()


def test_what_is_written_for_decoders_with_limits_they_read() -> None:
    limits = sofc.Limits(max_band_samples=320 * 60)
    image = shown(texture(1, 320, 320))
    images = [image, image[:, ::-1].copy()]
    data = encoded(images, band_rows=40, limits=limits)
    for found, given in zip(sofc.decode_images(data, limits=limits), images, strict=True):
        np.testing.assert_array_equal(found, given)


def test_salvage_goes_on_after_a_reference_that_is_too_large() -> None:
    image = shown(texture(1, 320, 320))
    other = image[:, ::-1].copy()
    other[:200, :100] = np.random.default_rng(0).integers(0, 256, (200, 100))
    data = encoded([image, other, image[:64, :64].copy()], band_rows=40)
    decoder = sofc.Decoder(limits=sofc.Limits(max_band_samples=320 * 60), salvage=True)
    decoder.feed(data)
    events = list(decoder.events())
    assert {event.image for event in events if isinstance(event, sofc.DamagedBand)} == {1}
    assert isinstance(events[-1], sofc.FileEnded)


def test_codebooks_of_predicted_wide_samples_are_told() -> None:
    rows, columns = np.mgrid[:160, :160]
    field = np.exp(-0.3 * rows - 0.4 * columns).astype(np.float32)
    field[:60, :60] = np.random.default_rng(0).normal(size=(60, 60)).cumsum(0).cumsum(1)
    told: list[str] = []
    header = sofc.header_for(field)
    encoder = sofc.Encoder(header, codebook=builtin_codebook, on_codebook=lambda one: told.append(one.name))
    np.testing.assert_array_equal(sofc.decode(encoder.write(field) + encoder.finish()), field)
    assert told == ["deep"]
