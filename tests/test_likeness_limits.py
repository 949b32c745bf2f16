"""Likeness where chunks are far apart, images only partly binary, and files hostile."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import hypothesis
import minidec
import numpy as np
import numpy.typing as npt
import pytest
from helpers import chunks_of, file_of
from hypothesis import strategies as st
from minidec.likeness import Account as SmallAccount
from PIL import Image
from test_likeness import masked

import sofc
import sofc.stream.references
from sofc.band.likeness import Likeness, Reference, Tables, placed
from sofc.band.predicted import Extent, departures_of, pack_predicted
from sofc.codebook.builtin import builtin_codebook
from sofc.container import schema
from sofc.container.chunks import pack_file_end, pack_group, pack_image_head, unpack_group
from sofc.container.likeness import GUIDE, Placing
from sofc.container.records import LIKENESS_MODEL, CodedGroup, CodedSamples, ImageHead
from sofc.stream import copies, costs, kept_images

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
    monkeypatch.setattr(copies, "WINDOW", 100_000)
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
    monkeypatch.setattr(copies, "WINDOW", 20_000)
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


def hostile(side: int, references: list[int], small: sofc.ImageHeader) -> bytes:
    """A file of images of one value, and a group of ``small`` ones that are each predicted from one of these."""
    large = sofc.ImageHeader(side, side, sofc.PixelFormat(1, 8, 8, signed=False))
    first, count = max(references) + 1, len(references)
    encoder = sofc.Encoder(large, codebook=None, effort=1)
    plain = encoder.write_group(np.zeros((1, side, side), np.uint8)) + encoder.finish()
    group = next(unpack_group(body) for kind, body in chunks_of(plain) if kind == schema.GROUP)
    coded = CodedSamples(group.model, group.check, group.streams, group.mapping)
    chunks = [(schema.IMAGE_HEAD, pack_image_head(ImageHead(large, 0)))]
    chunks += [(schema.GROUP, pack_group(CodedGroup(**vars(coded), image=k, images=1))) for k in range(first)]
    chunks.append((schema.IMAGE_HEAD, pack_image_head(ImageHead(small, 0))))
    tables = [Tables(None, 0)] * small.format.components
    likenesses = {place: Likeness(Placing(k), tables) for place, k in enumerate(references)}
    known = {k: Reference([np.zeros((1, 1), np.int32)], 8) for k in references}
    rows = small.height or 1
    shape = (count * rows, small.width, small.format.components)
    samples = np.zeros(shape if small.format.components > 1 else shape[:2], np.uint8)
    stream = departures_of(samples, Extent(small, first, count, range(rows)), likenesses, known)
    assert stream is not None
    placings = {place: one.placing for place, one in likenesses.items()}
    predicted = pack_predicted(placings, stream, None, zlib.crc32(samples.tobytes()))
    chunks.append((schema.GROUP, pack_group(CodedGroup(**vars(predicted), image=first, images=count))))
    return file_of([*chunks, (schema.FILE_END, pack_file_end(0))], plain)


def test_what_was_asked_for_last_is_not_decoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once more it is not paid for, though other threads may have asked for so much that it is kept no more."""
    tiles = [shown(texture(k, 64, 64)) for k in range(2)]
    encoder = sofc.Encoder(sofc.header_for(tiles[0]), codebook=builtin_codebook)
    data = encoder.write_group(np.stack(tiles)) + encoder.flush()
    likes = [tiles[k % 2][::-1].copy() for k in range(4)]
    for k, image in enumerate(likes):
        image[k, k : k + 3] ^= 255
    data += encoder.write_group(np.stack(likes)) + encoder.finish()
    decoded = []

    def at(_: object, offset: int, decode: Callable[[], Array]) -> Array:
        decoded.append(offset)
        return decode()

    monkeypatch.setattr(sofc.stream.references.Decoded, "at", at)
    assert all(map(np.array_equal, sofc.decode_images(data), [*tiles, *likes]))
    assert len(decoded) == 1


def small_image(side: int, components: int = 1) -> sofc.ImageHeader:
    return sofc.ImageHeader(side, side, sofc.PixelFormat(components, 8, 8, signed=False))


def test_references_of_a_group_are_not_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sofc.stream.references, "KEPT_SAMPLES", 1)
    data = hostile(512, list(range(24)), small_image(48))
    decoder = sofc.Decoder()
    decoder.feed(data)
    for event in decoder.events():
        if isinstance(event, sofc.HeaderReady) and event.header.width == 48:
            break
        del event
    tracemalloc.start()
    assert any(isinstance(event, sofc.GroupReady) for event in decoder.events())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20  # 24 references take 5 bytes a sample


@pytest.mark.parametrize(
    ("side", "references", "components", "is_allowed"),
    [
        (256, [0] * 14, 1, True),  # 14 x (65536 + 1056) + 65536 of 2^20 + 14 x 256
        (256, [0] * 15, 1, False),
        (256, [0, 1] * 3 + [0], 1, True),  # 7 x (65536 + 1056 + 65536)
        (256, [0, 1] * 4, 1, False),
        (1, [0], 1309, True),  # 1 + 1309 x 1056 + 1024 of 2^20 + 1309 x 256
        (1, [0], 1310, False),
    ],
)
def test_how_much_few_samples_ask_for_is_bounded(
    side: int, references: list[int], components: int, *, is_allowed: bool
) -> None:
    data = hostile(side, references, small_image(1, components))
    if is_allowed:
        assert not np.any(sofc.decode_images(data)[-1])
        assert len(minidec.decode_file(data).images) == max(references) + 1 + len(references)
        return
    with pytest.raises(sofc.FormatError, match=r"more of earlier images than so few may.*byte"):
        sofc.decode_images(data)
    with sofc.open_reader(data) as reader, pytest.raises(sofc.FormatError, match="more of earlier images"):
        reader.read_image(len(reader) - 1)
    with pytest.raises(minidec.FormatError, match="too much is asked for"):
        minidec.decode_file(data)


@pytest.mark.parametrize(
    ("samples", "most"),
    [(1, 1_048_832), (4096, 2_097_152), (62415, 17_026_816), (62416, 17_026_880), (1 << 26, 285_212_672)],
)
def test_what_a_band_may_cost(samples: int, most: int) -> None:
    """The smaller of 2^20 + 256 s and 2^24 + 4 s, to the sample."""
    assert costs.Account(most).fits(samples)
    assert not costs.Account(most + 1).fits(samples)
    SmallAccount(samples).ask(most)
    with pytest.raises(minidec.FormatError, match="too much"):
        SmallAccount(samples).ask(most + 1)


ASKED = st.builds(
    costs.Asked,
    st.integers(1, 99999),
    st.integers(1, 16),
    st.one_of(st.none(), st.integers(1, 3)),
    st.integers(1024, 99999),
)


@hypothesis.given(st.lists(ASKED, max_size=12), st.integers(0, 3))
def test_costs_add_up_as_the_text_says(every: list[costs.Asked], tables: int) -> None:
    account, small = costs.Account(), SmallAccount(1 << 40)
    for asked in every:
        account = account.after(asked, tables)
        small.ask(asked.samples, asked.begins, asked.decoding, tables * ((1 << asked.bits) + 8192))
        assert account.cost == small.cost


def test_encoders_ask_for_no_more_than_decoders_let_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """In groups, in bands and for guides; of what was let pass before, decoders refuse what is too much."""
    image, mask = masked(3, (96, 96))
    tiles = [shown(texture(k, 96, 96)) for k in range(6)]
    tiles += [tiles[k][::-1].copy() for k in (0, 4, 1, 5, 2)]
    groups = encoded_group(tiles)
    large = shown(texture(7, 128, 96))
    bands = encoded([large, large[:, ::-1].copy()], band_rows=16)
    guided = encoded([image, mask])
    before = [len(groups), len(bands), len(guided)]
    monkeypatch.setattr(costs, "FEW", 1)
    monkeypatch.setattr(costs, "FEW_TIMES", 1)
    for data in (groups, bands, guided):
        with pytest.raises(sofc.FormatError, match="more of earlier images"):
            sofc.decode_images(data)
    after = [encoded_group(tiles), encoded([large, large[:, ::-1].copy()], band_rows=16), encoded([image, mask])]
    for data, images in zip(after, (tiles, [large, large[:, ::-1]], [image, mask]), strict=True):
        check(data, images)
    assert [len(data) > size for data, size in zip(after, before, strict=True)] == [True] * 3
    # So much that a group is put before one more image is taken into it.
    monkeypatch.setattr(costs, "FEW_TIMES", 5)
    data = encoded_group(tiles)
    assert before[0] < len(data) < len(after[0])
    check(data, tiles)


@pytest.mark.parametrize("is_guide", [False, True])
def test_what_a_group_put_by_itself_after_all_costs_is_known(
    monkeypatch: pytest.MonkeyPatch, *, is_guide: bool
) -> None:
    """Of its images all but one were to be predicted from one that is then too far away: who asks for the one pays for
    all."""
    monkeypatch.setattr(copies, "WINDOW", 15_000)
    image, mask = masked(3, (64, 64))
    tiles = [shown(texture(1, 64, 64)), image]
    last = mask if is_guide else image[::-1].copy()
    likes = [(tiles[0][::-1] if k % 2 else tiles[0][:, ::-1]).copy() for k in range(12)]
    for k, image in enumerate(likes):
        image[k, k : k + 3] ^= 255  # so that none is a copy
    noise = np.random.default_rng(0).integers(0, 256, (4, 64, 64), np.uint8)
    runs = [tiles[:1], list(noise), [tiles[1], *likes], [last]]

    def groups() -> list[int]:
        encoder, data = sofc.Encoder(codebook=builtin_codebook), b""
        for images in runs:
            data += encoder.begin_image(sofc.header_for(images[0]))
            data += encoder.write_group(np.stack(images)) + encoder.flush()
        data += encoder.finish()
        check(data, [image for images in runs for image in images])
        return [unpack_group(body).model for kind, body in chunks_of(data) if kind == schema.GROUP]

    # What such a group guides may itself be asked for: that is not reckoned anew.
    assert [model == LIKENESS_MODEL for model in groups()] == [False, False, False, not is_guide]
    monkeypatch.setattr(costs, "FEW", 1 << 14)
    monkeypatch.setattr(costs, "FEW_TIMES", 1)
    assert LIKENESS_MODEL not in groups()


def test_only_what_is_decoded_of_a_group_is_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one whose other images are predicted, its one image: to the sample."""
    image = shown(texture(1, 64, 64))
    likes = [(image[::-1] if k % 2 else image[:, ::-1]).copy() for k in range(6)]
    for k, like in enumerate(likes):
        like[k, k : k + 3] ^= 255
    runs = [[image, *likes], [image.T.copy()]]
    encoder, data = sofc.Encoder(sofc.header_for(image), codebook=builtin_codebook), b""
    monkeypatch.setattr(costs, "FEW_TIMES", 2)
    monkeypatch.setattr(costs, "FEW", 1056)  # and 2 * 4096: an image, its table, and the image again
    for images in runs:
        data += encoder.write_group(np.stack(images)) + encoder.flush()
    data += encoder.finish()
    models = [unpack_group(body).model for kind, body in chunks_of(data) if kind == schema.GROUP]
    assert models == [LIKENESS_MODEL] * 2
    check(data, [image for images in runs for image in images])
    monkeypatch.setattr(costs, "FEW", 1055)
    with pytest.raises(sofc.FormatError, match="4096 samples ask for more"):
        sofc.decode_images(data)


def test_images_of_a_group_pay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group is put before they ask for too much: each two images and a table; there is room for three tables."""
    tiles = [shown(texture(k, 64, 64)) for k in range(2)]
    likes = [tiles[k % 2][::-1].copy() for k in range(7)]
    for k, image in enumerate(likes):
        image[k, k : k + 3] ^= 255
    monkeypatch.setattr(costs, "FEW", 3 * 1056)
    monkeypatch.setattr(costs, "FEW_TIMES", 2)
    encoder = sofc.Encoder(sofc.header_for(tiles[0]), codebook=builtin_codebook)
    data = encoder.write_group(tiles[0][None]) + encoder.flush() + encoder.write_group(tiles[1][None]) + encoder.flush()
    data += encoder.write_group(np.stack(likes)) + encoder.finish()
    assert [unpack_group(body).images for kind, body in chunks_of(data) if kind == schema.GROUP] == [1, 1, 3, 3, 1]
    check(data, [*tiles, *likes])


def test_a_guide_is_paid_for_without_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    images = list(masked(3, (96, 96)))
    monkeypatch.setattr(costs, "FEW_TIMES", 1)
    monkeypatch.setattr(costs, "FEW", 96 * 96)  # and as many: the guide, which is decoded
    data = encoded(images)
    groups = [unpack_group(body) for kind, body in chunks_of(data) if kind == schema.GROUP]
    assert groups[1].model == LIKENESS_MODEL and groups[1].streams[0][0] == GUIDE
    check(data, images)
    monkeypatch.setattr(costs, "FEW", 96 * 96 - 1)
    with pytest.raises(sofc.FormatError, match="more of earlier images"):
        sofc.decode_images(data)


def encoded_group(images: list[Array]) -> bytes:
    """A group of six images, which the others follow."""
    encoder = sofc.Encoder(sofc.header_for(images[0]), codebook=builtin_codebook)
    pieces = [encoder.write_group(np.stack(images[:6])), encoder.flush(), encoder.write_group(np.stack(images[6:]))]
    return b"".join([*pieces, encoder.finish()])


def test_a_reference_is_kept_until_its_group_is_put(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_images, "MOST_KEPT", 3)
    images = [shown(texture(k, 64, 64)) for k in range(3)]
    images += [images[0][::-1].copy(), *(shown(texture(k, 64, 64)) for k in (8, 9))]
    check(sofc.encode_images(images), images)


def test_readers_refuse_what_is_too_far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """As decoders do that read the file from its start, and no longer have it."""
    image = shown(texture(1, 64, 64))
    images = [image, shown(texture(2, 64, 64)), image[::-1].copy()]
    data = encoded(images, key_interval=1)
    check(data, images)
    for limit, value in (("WINDOW", 1000), ("NEAREST", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(copies, limit, value)
            with pytest.raises(sofc.FormatError):
                sofc.decode_images(data)
            with sofc.open_reader(data) as reader:
                np.testing.assert_array_equal(reader.read_image(1), images[1])
                with pytest.raises(sofc.FormatError, match="too far"):
                    reader.read_image(2)


def test_a_reference_is_looked_at_once_for_all_components() -> None:
    reference = Reference([np.zeros((9, 9), np.int32)], 8)
    assert len(placed(reference, Placing(0), 4096, range(1), 1).whole) == 1
    (_, image) = sofc.decode_images(hostile(64, [0], small_image(1, 1000)))
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
