"""Files cut off, with bits flipped, with parts lost, and bytes that never were a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import Decoded, chunks_of, file_of, places_of, raw_codebook, run_decoder, saved_rows, trace, with_streams
from hypothesis import given
from hypothesis import strategies as st
from strategies import CODERS, images

import sofc
from sofc.api.reader import open_reader
from sofc.container.chunks import FILE_HEAD_SIZE, pack_band, pack_file_head, unpack_band
from sofc.container.records import FIRST_CODEBOOK_MODEL
from sofc.errors import ChecksumError, FormatError, SofcError, TruncatedError
from sofc.image import ImageHeader, PixelFormat
from sofc.stream.encoder import Encoder
from sofc.stream.events import BandReady, DamagedBand, FileEnded, GroupReady, HeaderReady, ImageEnded

RANDOM = np.random.default_rng(5)
GRAY = PixelFormat(1, 8, 8)
HEIGHT, WIDTH, BAND = 9, 5, 3

Image = np.ndarray[Any, Any]


def gray_image(scale: int = 1) -> Image:
    ramp = np.add.outer(np.arange(HEIGHT * scale), np.arange(WIDTH * scale))
    return (10 * ramp // scale + RANDOM.integers(0, 4, ramp.shape)).astype(np.uint8)


def bands_file(coder: str = "raw", **settings: Any) -> tuple[bytes, list[Image]]:
    """One image in three bands."""
    image = gray_image()
    encoder = Encoder(ImageHeader(WIDTH, HEIGHT, GRAY), band_rows=BAND, coder=coder, **settings)
    return encoder.write(image) + encoder.finish(), [image]


def mixed_file(coder: str | None = "raw", scale: int = 1, **settings: Any) -> tuple[bytes, list[Image]]:
    """An image in bands, two groups, an image of unknown height."""
    first, last = gray_image(scale), gray_image(scale)
    group = np.stack([gray_image(scale) for _ in range(5)])
    height, width = first.shape
    encoder = Encoder(ImageHeader(width, height, GRAY), band_rows=BAND * scale, coder=coder, **settings)
    data = encoder.write(first) + encoder.begin_image(ImageHeader(width, height, GRAY))
    data += encoder.write_group(group[:3]) + encoder.flush() + encoder.write_group(group[3:])
    data += encoder.begin_image(ImageHeader(width, None, GRAY)) + encoder.write(last) + encoder.finish()
    return data, [first, *group, last]


FILES = {
    "bands": bands_file,
    "bands, shape": lambda: bands_file("shape"),
    "codebook": lambda: bands_file(None, codebook=raw_codebook(), embed_codebook=True),
    "mixed": mixed_file,
    "mixed, shape": lambda: mixed_file("shape"),
}


def assert_only_right_samples(decoded: Decoded, expected: list[Image]) -> None:
    for event in decoded.of(BandReady):
        band = event.band
        assert np.array_equal(band.rows, expected[band.image][band.y : band.y + len(band.rows)])
    for event in decoded.of(GroupReady):
        for number, image in enumerate(event.images, event.image):
            assert np.array_equal(image, expected[number])


@pytest.mark.parametrize("name", FILES)
def test_cut_anywhere(name: str) -> None:
    data, expected = FILES[name]()
    ends = [end for kind in (b"B", b"G") for _, end in places_of(data, kind)]
    for cut in range(len(data)):
        decoded = run_decoder([data[:cut]])
        assert isinstance(decoded.error, TruncatedError)
        assert len(decoded.of(BandReady)) + len(decoded.of(GroupReady)) == sum(end <= cut for end in ends)
        assert_only_right_samples(decoded, expected)
        salvaged = run_decoder([data[:cut]], salvage=True)
        assert len(salvaged.of(BandReady)) + len(salvaged.of(GroupReady)) == sum(end <= cut for end in ends)


def test_a_reader_of_a_cut_file_gives_every_whole_band() -> None:
    data, expected = mixed_file()
    bands = [end for _, end in places_of(data, b"B")]
    groups = [end for _, end in places_of(data, b"G")]
    for cut in range(FILE_HEAD_SIZE, len(data)):
        with open_reader(data[:cut]) as reader:
            assert not reader.complete and not reader.indexed
            found = list(reader.bands())
        for band in found:
            assert np.array_equal(band.rows, expected[band.image][band.y : band.y + len(band.rows)])
        images_in_groups = 3 * (cut >= groups[0]) + 2 * (cut >= groups[1])
        assert len(found) == sum(end <= cut for end in bands) + images_in_groups


def test_rows_that_a_cut_file_does_not_have() -> None:
    data, (image,) = bands_file()
    _, end = places_of(data, b"B")[1]
    with open_reader(data[:end]) as reader:
        assert np.array_equal(reader.read_rows(1, 2 * BAND), image[1 : 2 * BAND])
        for rows in ((0, 2 * BAND + 1), (HEIGHT - 1, HEIGHT), (0, None)):
            with pytest.raises(TruncatedError):
                reader.read_rows(*rows)


@pytest.mark.parametrize("name", FILES)
def test_any_flipped_bit_is_found(name: str) -> None:
    data, expected = FILES[name]()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        decoded = run_decoder([bytes(flipped)])
        assert_only_right_samples(decoded, expected)
        assert decoded.error is not None
    for bit in range(0, 8 * len(data), 7):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            with open_reader(bytes(flipped)) as reader:
                for band in reader.bands():
                    assert np.array_equal(band.rows, expected[band.image][band.y : band.y + len(band.rows)])
        except SofcError:
            pass


@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_any_bytes_give_events_or_our_errors(data: bytes, with_head: bool, salvage: bool) -> None:
    run_decoder([pack_file_head() + data if with_head else data], salvage=salvage)
    try:
        with open_reader(pack_file_head() + data) as reader:
            list(reader.bands())
    except SofcError:
        pass


MIXED, MIXED_IMAGES = mixed_file()


@given(st.data(), st.booleans())
def test_any_damage_gives_right_samples_or_our_errors(data: st.DataObject, salvage: bool) -> None:
    damaged = bytearray(MIXED)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(FILE_HEAD_SIZE, len(damaged)))
        size = data.draw(st.integers(0, 40))
        damaged[start : start + size] = data.draw(st.binary(max_size=40))
    decoded = run_decoder([bytes(damaged)], salvage=salvage)
    again = run_decoder([bytes(damaged[i : i + 9]) for i in range(0, len(damaged), 9)], salvage=salvage, threads=2)
    assert trace(again) == trace(decoded)
    for event in decoded.of(BandReady):
        # Numbers may shift where a whole image is replaced, samples never: each band has its check.
        assert any(
            np.array_equal(event.band.rows, image[event.band.y : event.band.y + len(event.band.rows)])
            for image in MIXED_IMAGES
        )
    if salvage:
        assert decoded.error is None or isinstance(decoded.error, TruncatedError)


CHUNKS = chunks_of(MIXED)


@given(st.lists(st.sampled_from(CHUNKS), max_size=12), st.booleans())
def test_any_order_of_intact_chunks_gives_our_errors(parts: list[tuple[bytes, bytes]], salvage: bool) -> None:
    decoded = run_decoder([file_of(parts, MIXED)], salvage=salvage)
    assert not (salvage and decoded.error) or isinstance(decoded.error, TruncatedError)


# Salvage.


def damage(data: bytes, place: tuple[int, int], how: str) -> bytes:
    """Damage the chunk at a place."""
    start, end = place
    if how == "body":
        return data[: end - 5] + bytes([data[end - 5] ^ 4]) + data[end - 4 :]
    if how == "length shorter":
        return data[: start + 1] + bytes([data[start + 1] - 3]) + data[start + 2 :]
    if how == "length longer":
        return data[: start + 1] + bytes([data[start + 1] + 3]) + data[start + 2 :]
    if how == "length huge":
        return data[: start + 1] + bytes([data[start + 1] ^ 0x80]) + data[start + 2 :]
    if how == "type":
        return data[:start] + b"\x00" + data[start + 1 :]
    if how == "missing":
        return data[:start] + data[end:]
    assert how == "half missing"
    return data[: (start + end) // 2] + data[end:]


HOW = ["body", "length shorter", "length longer", "length huge", "type", "half missing", "missing"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("coder", ["raw", "shape"])
@pytest.mark.parametrize("band", range(3))
def test_salvage_loses_only_the_damaged_band(how: str, coder: str, band: int) -> None:
    data, (image,) = bands_file(coder)
    place = places_of(data, b"B")[band]
    damaged = damage(data, place, how)
    assert run_decoder([damaged]).error is not None
    decoded = run_decoder([damaged], salvage=True)
    assert decoded.error is None
    lost = set(range(BAND * band, BAND * band + BAND))
    assert saved_rows(decoded, image) == set(range(HEIGHT)) - lost
    (report,) = decoded.of(DamagedBand)
    assert (report.image, report.y, report.rows, report.images) == (0, BAND * band, BAND, 1)
    assert decoded.decoder.damage
    assert decoded.of(ImageEnded) == [ImageEnded(0, HEIGHT, b"")]
    assert decoded.decoder.eof
    for parts in ([damaged[i : i + 1] for i in range(len(damaged))], [damaged[:50], damaged[50:]]):
        assert trace(run_decoder(parts, salvage=True, threads=2)) == trace(decoded)


def test_salvage_of_an_undamaged_file_is_decoding() -> None:
    for make in FILES.values():
        data, expected = make()
        plain, salvaged = run_decoder([data]), run_decoder([data], salvage=True)
        assert trace(plain) == trace(salvaged)
        assert salvaged.error is None and not salvaged.decoder.damage
        assert len(salvaged.images) == len(expected)


def test_salvage_of_bands_that_are_intact_but_wrong() -> None:
    data, (image,) = bands_file()
    parts = chunks_of(data)
    body = bytearray(parts[2][1])
    body[-1] ^= 1
    parts[2] = (b"B", bytes(body))
    decoded = run_decoder([file_of(parts, data)], salvage=True)
    assert decoded.error is None
    (report,) = decoded.of(DamagedBand)
    assert (report.y, report.rows) == (BAND, BAND)
    assert isinstance(report.error, ChecksumError)
    assert len(saved_rows(decoded, image)) == HEIGHT - BAND


def salvaged_images(data: bytes, expected: list[Image]) -> Decoded:
    decoded = run_decoder([data], salvage=True)
    assert_only_right_samples(decoded, expected)
    for number, bands in decoded.images.items():
        assert expected[number].shape[1:] == bands[0].shape[1:]
    return decoded


@pytest.mark.parametrize("how", HOW)
def test_salvage_after_a_lost_head(how: str) -> None:
    data, expected = mixed_file()
    first, _, last = places_of(data, b"H")
    decoded = salvaged_images(damage(data, last, how), expected)
    assert sorted(decoded.images) == [0, 1, 2, 3, 4, 5]
    reports = decoded.of(DamagedBand)
    assert [(report.image, report.y, report.rows) for report in reports] == [(6, y, 3) for y in range(0, HEIGHT, 3)]
    assert decoded.decoder.eof
    decoded = salvaged_images(damage(data, first, how), expected)
    assert sorted(decoded.images) == [1, 2, 3, 4, 5, 6]
    assert decoded.decoder.eof


@pytest.mark.parametrize("how", HOW)
def test_salvage_of_groups(how: str) -> None:
    data, expected = mixed_file()
    first, second = places_of(data, b"G")
    decoded = salvaged_images(damage(data, first, how), expected)
    assert sorted(decoded.images) == [0, 4, 5, 6]
    (report,) = decoded.of(DamagedBand)
    assert (report.image, report.images) == (1, 3)
    decoded = salvaged_images(damage(data, second, how), expected)
    (report,) = decoded.of(DamagedBand)
    assert report.image == 4
    assert sorted(set(decoded.images)) == [0, 1, 2, 3, 6]
    assert decoded.of(HeaderReady)[-1].image == 6


@pytest.mark.parametrize("how", HOW)
def test_salvage_after_a_lost_end(how: str) -> None:
    data, expected = mixed_file()
    first, last = places_of(data, b"E")
    for place in (first, last):
        decoded = salvaged_images(damage(data, place, how), expected)
        assert sorted(decoded.images) == list(range(7))
        assert all(sum(map(len, bands)) == HEIGHT for bands in decoded.images.values())


@pytest.mark.parametrize("chunk_type", [b"i", b"Z"])
@pytest.mark.parametrize("how", HOW)
def test_salvage_after_a_lost_index_or_end(how: str, chunk_type: bytes) -> None:
    data, expected = mixed_file()
    decoded = salvaged_images(damage(data, places_of(data, chunk_type)[0], how), expected)
    assert sorted(decoded.images) == list(range(7))
    assert not decoded.of(DamagedBand)
    assert decoded.decoder.damage or isinstance(decoded.error, TruncatedError)
    assert bool(decoded.of(FileEnded)) == (chunk_type == b"i")


def test_salvage_after_a_whole_image_is_lost() -> None:
    image, other = gray_image(), gray_image()
    encoder = Encoder(band_rows=BAND, coder="raw")
    data = b""
    for array in (image, other, image):
        data += encoder.begin_image(ImageHeader(WIDTH, HEIGHT, GRAY)) + encoder.write(array)
    data += encoder.finish()
    heads = places_of(data, b"H")
    damaged = data[: heads[1][0]] + bytes(heads[2][0] - heads[1][0]) + data[heads[2][0] :]
    decoded = salvaged_images(damaged, [image, other, image])
    assert sorted(decoded.images) == [0, 2]
    assert [event.image for event in decoded.of(HeaderReady)] == [0, 2]
    assert [(event.image, event.rows) for event in decoded.of(DamagedBand)] == [(1, None)]
    assert decoded.error is None


def test_salvage_without_the_embedded_codebook() -> None:
    data, (image,) = bands_file(None, codebook=raw_codebook(), embed_codebook=True)
    (place,) = places_of(data, b"C")
    for how in HOW:
        decoded = run_decoder([damage(data, place, how)], salvage=True)
        assert decoded.error is None
        assert len(decoded.of(DamagedBand)) == 3
        assert saved_rows(decoded, image) == set()


@given(images(), CODERS, st.integers(1, 4), st.data())
def test_salvage_gives_right_rows_of_any_image(
    image: tuple[ImageHeader, Image], coder: str, band_rows: int, data: st.DataObject
) -> None:
    header, array = image
    encoder = Encoder(ImageHeader(header.width, None, header.format), band_rows=band_rows, coder=coder)
    coded = encoder.write(array) + encoder.finish()
    place = data.draw(st.sampled_from(places_of(coded, b"B")))
    decoded = run_decoder([damage(coded, place, "body")], salvage=True)
    rows = saved_rows(decoded, array)
    first, *others = decoded.of(DamagedBand)
    lost = set(range(first.y, first.y + (first.rows or 0)))
    for other in others:  # copies of the damaged one
        lost_rows, lost_first = (array[one.y : one.y + (one.rows or 0)] for one in (other, first))
        assert np.array_equal(lost_rows, lost_first)
        lost |= set(range(other.y, other.y + (other.rows or 0)))
    assert rows | lost == set(range(len(array)))


@pytest.mark.parametrize("kind", [b"G", b"B"])
def test_a_damaged_type_hides_no_samples(kind: bytes) -> None:
    """A letter that became small is that of a chunk that a decoder may skip."""
    array = np.arange(48 * 16, dtype=np.uint16).reshape(48, 16)
    encoder = Encoder(ImageHeader(16, None, PixelFormat(1, 16, 16)), band_rows=48, coder="raw")
    data = encoder.write(array) + encoder.finish() if kind == b"B" else sofc.encode(array[None], coder="raw")
    (place,) = places_of(data, kind)
    damaged = data[: place[0]] + bytes([data[place[0]] | 0x20]) + data[place[0] + 1 :]
    with pytest.raises(FormatError, match="no samples follow an image head"):
        sofc.open_reader(damaged)
    with pytest.raises(SofcError):
        sofc.decode(damaged)


# Chunks whose CRC is right and whose streams are not: nothing but the coders and the check of samples stands there.


@pytest.fixture(scope="module", params=["neutral", "shape", "context"])
def coded_file(request: pytest.FixtureRequest) -> tuple[bytes, list[Image]]:
    if request.param == "neutral":
        return mixed_file("shape")
    # Large enough that learning pays.
    scale = 4 if request.param == "context" else 1
    training = [gray_image(scale) for _ in range(8)]
    codebook = sofc.train(training, name="test", coder=request.param, held_out=0).codebook
    data, images = mixed_file(None, scale, codebook=codebook, embed_codebook=True)
    assert any(unpack_band(body).model >= FIRST_CODEBOOK_MODEL for kind, body in chunks_of(data) if kind == b"B")
    return data, images


def test_wrong_streams_give_right_samples_or_our_errors(coded_file: tuple[bytes, list[Image]]) -> None:
    data, expected = coded_file

    def flipped(stream: bytes) -> bytes:
        changed = bytearray(stream or b"\0")
        for _ in range(RANDOM.integers(1, 4)):
            changed[RANDOM.integers(len(changed))] ^= 1 << RANDOM.integers(8)
        return bytes(changed)

    changes: list[Callable[[bytes], bytes]] = [
        lambda stream: b"",
        lambda stream: stream[:-1],
        lambda stream: stream + b"\xff",
        lambda stream: bytes(len(stream)),
        lambda stream: b"\xff" * len(stream),
        lambda stream: RANDOM.bytes(len(stream)),
        lambda stream: RANDOM.bytes(3 * len(stream) + 20),
        *[flipped] * 15,
    ]
    errors = 0
    for change in changes:
        for changed in with_streams(data, change):
            decoded = run_decoder([changed])
            assert_only_right_samples(decoded, expected)
            errors += decoded.error is not None
    assert errors > 100


def test_wrong_models_give_our_errors(coded_file: tuple[bytes, list[Image]]) -> None:
    data, expected = coded_file
    parts = chunks_of(data)
    place = next(place for place, (kind, _) in enumerate(parts) if kind == b"B")
    band = unpack_band(parts[place][1])
    for model in (*range(70), 1 << 40):
        if model != band.model:
            body = pack_band(replace(band, model=model))
            decoded = run_decoder([file_of([*parts[:place], (b"B", body), *parts[place + 1 :]], data)])
            assert_only_right_samples(decoded, expected)
            assert decoded.error is not None
