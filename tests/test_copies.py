"""Samples that stood in the file before cost a few bytes, wherever they are read from."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import minidec
import numpy as np
import numpy.typing as npt
import pytest
from helpers import chunks_of, file_of

import sofc
from sofc.band import alike
from sofc.codebook.builtin import builtin_codebook
from sofc.collection import encode_collection
from sofc.container import schema
from sofc.container.chunks import pack_band, pack_file_end, unpack_band
from sofc.container.records import COPY_MODEL
from sofc.imagefiles import Samples
from sofc.stream import copies

Array = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def _nothing_is_like() -> Iterator[None]:
    """What is equal is like, too, and then no copy, but for small and large images and wide samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alike, "LEAST_SAMPLES", 1 << 40)
        yield


def photographs(count: int, height: int, width: int) -> list[Array]:
    """Images that have little in common."""
    random = np.random.default_rng(4)
    rows, columns = np.mgrid[:height, :width]
    return [
        (90 + 50 * np.sin(rows / (5 + k) + k) + 40 * np.cos(columns / (9 - k)) + random.normal(0, 3, (height, width)))
        .clip(0, 255)
        .astype(np.uint8)
        for k in range(count)
    ]


def collected(images: Sequence[Array], **settings: Any) -> bytes:
    return b"".join(encode_collection([Samples(image, None) for image in images], codebook=None, **settings))


BANDED, GROUPED = (600, 520), (90, 80)


@pytest.mark.parametrize("shape", [BANDED, GROUPED], ids=["bands", "groups"])
@pytest.mark.parametrize("threads", [1, 3])
def test_copies_cost_nothing(shape: tuple[int, int], threads: int) -> None:
    """All of a collection once more: little more than its heads and ends; all decoders agree, in any order."""
    images = photographs(3, *shape)
    settings: dict[str, Any] = {"key_interval": 3} if shape == GROUPED else {}
    once = collected(images, **settings)
    twice = collected([*images, *images], threads=threads, **settings)
    assert twice == collected([*images, *images], **settings)
    assert len(twice) < 1.01 * len(once) + 6 * 80
    for image, again in zip([*images, *images], sofc.decode_images(twice), strict=True):
        np.testing.assert_array_equal(image, again)
    with sofc.open_reader(io.BytesIO(twice)) as reader:
        for number in (5, 0, 3):
            np.testing.assert_array_equal(reader.read_image(number), images[number % 3])
    if shape == GROUPED:
        decoded = minidec.decode_file(twice).images
        assert [image.samples for image in decoded] == [image.ravel().tolist() for image in [*images, *images]]


def test_each_small_image_twice() -> None:
    """What follows its like is not coded in a group with it."""
    images = photographs(4, *GROUPED)
    alone = sum(len(collected([image])) for image in images)
    twice = collected([image for image in images for _ in range(2)])
    assert len(twice) < 1.05 * alone
    for number, again in enumerate(sofc.decode_images(twice)):
        np.testing.assert_array_equal(again, images[number // 2])


def test_other_samples_or_heads_are_no_copies() -> None:
    (image,) = photographs(1, *BANDED)
    changed = image.copy()
    changed[-1, -1] ^= 1
    assert models(collected([image, changed])).count(COPY_MODEL) == 1  # the first of two bands
    assert COPY_MODEL not in models(collected([image, image.astype(np.int16)]))


def test_nothing_is_copied_from_far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    images = photographs(3, *BANDED)
    near = models(collected([images[0], *images]))
    monkeypatch.setattr(copies, "WINDOW", len(collected(images[:1])) // 2)
    far = collected([images[0], *images])
    assert near.count(COPY_MODEL) > models(far).count(COPY_MODEL)
    for image, again in zip([images[0], *images], sofc.decode_images(far), strict=True):
        np.testing.assert_array_equal(image, again)


def test_nothing_is_copied_from_behind_too_many_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    images = photographs(3, *BANDED)
    monkeypatch.setattr(copies, "NEAREST", len(models(collected(images[:1]))))
    data = collected([images[0], images[0], images[1], images[2], images[0]])
    assert models(data)[-2:] != [COPY_MODEL] * 2
    assert models(data).count(COPY_MODEL) == len(models(collected(images[:1])))
    for image, again in zip([images[0], *images[:3], images[0]], sofc.decode_images(data), strict=True):
        np.testing.assert_array_equal(image, again)
    # What goes further back is refused by who keeps no more.
    monkeypatch.undo()
    far = collected([images[0], images[1], images[0]])
    assert COPY_MODEL in models(far)
    monkeypatch.setattr(copies, "NEAREST", 1)
    with pytest.raises(sofc.FormatError, match="copy of what"):
        sofc.decode_images(far)


def models(data: bytes) -> list[int]:
    return [unpack_band(body).model for kind, body in chunks_of(data) if kind == schema.BAND]


def test_what_takes_little_is_coded_again() -> None:
    assert COPY_MODEL not in models(collected([np.zeros(BANDED, np.uint8)] * 3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda band: replace(band, streams=(b"\0",)), "begins 0 bytes before"),
        (lambda band: replace(band, streams=(schema.VarInt.build(copies.WINDOW + 1),)), "bytes before it"),
        (lambda band: replace(band, streams=(schema.VarInt.build(3),)), "copy of what"),
        (lambda band: replace(band, streams=(schema.VarInt.build(1 << 20),)), "copy of what|before the file"),
        (lambda band: replace(band, streams=(*band.streams, b"")), "one stream"),
        (lambda band: replace(band, mapping=1), "one stream and no mapping"),
        (lambda band: replace(band, streams=(band.streams[0] + b"\0",)), "left over"),
        (lambda band: replace(band, check=band.check ^ 1), "check"),
    ],
)
def test_broken_copies(change: Callable[[Any], Any], message: str) -> None:
    """Both ways to read a file say what is wrong, and salvage goes on behind it."""
    (image,) = photographs(1, *BANDED)
    data = collected([image, image], digest=False)
    found = chunks_of(data)
    place = max(number for number, (kind, _) in enumerate(found) if kind == schema.BAND)
    band = unpack_band(found[place][1])
    assert band.model == COPY_MODEL
    found[place] = schema.BAND, pack_band(change(band))
    whole = [chunk for chunk in found if chunk[0] not in (schema.INDEX, schema.FILE_END)]
    broken = file_of([*whole, (schema.FILE_END, pack_file_end(0))], data)
    with pytest.raises(sofc.SofcError, match=message):
        sofc.decode_images(broken)
    with sofc.open_reader(io.BytesIO(broken)) as reader, pytest.raises(sofc.SofcError):
        reader.read_image(1)
    decoder = sofc.Decoder(salvage=True)
    decoder.feed(broken)
    events = [event for event in decoder.events() if isinstance(event, (sofc.BandReady, sofc.DamagedBand))]
    assert sum(isinstance(event, sofc.DamagedBand) for event in events) == 1
    assert isinstance(events[-1], sofc.DamagedBand)


def test_a_group_copies_no_band() -> None:
    """A frame alone is a band, and the first of several is a group, of the very same samples."""
    first, other = photographs(2, 300, 300)
    images = [first, first[:200, :290], first, other]
    data = collected(images)
    for image, again in zip(images, sofc.decode_images(data), strict=True):
        np.testing.assert_array_equal(image, again)


def test_what_follows_a_copy_may_need_other_codebooks() -> None:
    """Scaled samples are coded by a built-in codebook for fewer bits, those behind their copy by one for all."""
    rng = np.random.default_rng(3)
    slope = np.add.outer(np.arange(100), np.arange(100))
    scaled = ((slope + rng.integers(0, 9, slope.shape)) * 256).astype(np.uint16)
    deep = (slope * 300 + rng.integers(0, 300, slope.shape)).astype(np.uint16)
    images = [scaled, photographs(1, 40, 50)[0], scaled, deep]
    data = sofc.encode_images(images, effort=5, codebook=builtin_codebook)
    for image, again in zip(images, sofc.decode_images(data), strict=True):
        np.testing.assert_array_equal(image, again)


def test_what_nothing_follows_needs_no_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The samples of an only group are not digested; those of two are."""
    one, other = photographs(2, 90, 80)
    taken: list[int] = []
    whole = copies.hashlib.sha256

    def counted(data: bytes | memoryview = b"") -> Any:
        taken.extend([len(data)] if len(data) == one.size else [])
        return whole(data)

    monkeypatch.setattr(copies.hashlib, "sha256", counted)
    collected([one])
    assert taken == []
    collected([one, other])
    assert taken == [one.size] * 2


@pytest.mark.parametrize("shape", [(40, 50), (300, 250), BANDED], ids=["small", "frames", "bands"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_caller_may_write_all_images_into_one_array(shape: tuple[int, int], threads: int) -> None:
    """What an encoder was given is its own: neither later images nor copies of earlier ones are mistaken."""
    images = photographs(3, *shape)
    images.append(images[0])
    expected = sofc.encode_images(images, threads=threads)

    def each() -> Iterator[Array]:
        array = np.empty((shape[1], shape[0]), np.uint8).T  # no rows of which are contiguous
        for image in images:
            array[:] = image
            yield array
        array[:] = 0

    assert sofc.encode_images(each(), threads=threads) == expected
    rows_at_once = [shape[0], 37]
    for count in rows_at_once:
        encoder, array, data = sofc.Encoder(threads=threads), np.empty((count, shape[1]), np.uint8), b""
        for image in images:
            data += encoder.begin_image(sofc.header_for(image))
            for first in range(0, shape[0], count):
                rows = array[: min(count, shape[0] - first)]
                rows[:] = image[first : first + count]
                data += encoder.write(rows)
                rows[:] = 0
        data += encoder.finish()
        for image, again in zip(images, sofc.decode_images(data), strict=True):
            np.testing.assert_array_equal(image, again)
