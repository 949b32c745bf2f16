"""Encoder and Decoder: round trips that do not depend on cuts or threads, and everything that they refuse."""

from __future__ import annotations

import gc
import hashlib
import io
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import (
    Decoded,
    chunks_of,
    comparable,
    encode_rows,
    file_of,
    pieces,
    raw_codebook,
    run_decoder,
    trace,
)
from hypothesis import given
from hypothesis import strategies as st
from strategies import CODERS, CUTS, ROW_COUNTS, images, pixel_formats, samples

import sofc
from sofc.band.coding import sample_bytes
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.dct import coder as dct_coder
from sofc.container import chunks, walker
from sofc.container.records import Metadata, Model
from sofc.errors import (
    ChecksumError,
    CodebookError,
    FormatError,
    LimitError,
    NotSofcError,
    SofcError,
    TruncatedError,
    UnsupportedError,
    UsageError,
)
from sofc.image import ImageHeader, PixelFormat
from sofc.limits import Limits
from sofc.stream.decoder import Decoder
from sofc.stream.encoder import Encoder
from sofc.stream.events import (
    NEED_DATA,
    BandReady,
    CodebookWanted,
    FileEnded,
    FileStart,
    GroupReady,
    HeaderReady,
    ImageEnded,
    MetadataRead,
)
from sofc.stream.layout import GROUP_SAMPLES, default_band_rows

GRAY = PixelFormat(1, 8, 8)
RANDOM = np.random.default_rng(11)


def gray(height: int, width: int) -> np.ndarray[Any, Any]:
    return RANDOM.integers(0, 256, (height, width), dtype=np.uint8)


def whole(decoded: Decoded) -> np.ndarray[Any, Any]:
    assert decoded.error is None
    (image,) = decoded.whole_images
    return image


# Round trips.


@given(images(), CODERS, st.one_of(st.none(), st.integers(1, 30)), ROW_COUNTS, CUTS, st.booleans())
def test_round_trip(
    image: tuple[ImageHeader, np.ndarray[Any, Any]],
    coder: str,
    band_rows: int | None,
    counts: list[int],
    cuts: list[int],
    known: bool,
) -> None:
    header, array = image
    if not known:
        header = ImageHeader(header.width, None, header.format)
    data = encode_rows(header, array, counts, coder=coder, band_rows=band_rows)
    assert data == encode_rows(header, array, [len(array)], coder=coder, band_rows=band_rows, verify=False)
    decoded = run_decoder(pieces(data, cuts))
    again = whole(decoded)
    assert again.dtype == array.dtype
    assert np.array_equal(again, array)
    assert decoded.of(HeaderReady) == [HeaderReady(0, header)]
    assert isinstance(decoded.events[0], FileStart)
    assert isinstance(decoded.events[-1], FileEnded)
    assert decoded.decoder.eof and not decoded.decoder.unused_data
    digest = hashlib.sha256(sample_bytes(array, header.format)).digest() if len(decoded.of(BandReady)) > 1 else b""
    for end in decoded.of(ImageEnded):
        assert end == ImageEnded(0, len(array), digest)


@given(images(), st.integers(1, 12), CUTS, st.binary(max_size=20))
def test_cuts_do_not_change_events(
    image: tuple[ImageHeader, np.ndarray[Any, Any]], band_rows: int, cuts: list[int], later: bytes
) -> None:
    header, array = image
    encoder = Encoder(header, band_rows=band_rows, coder="raw", metadata=[Metadata(0, "k", b"v")])
    data = encoder.write(array) + encoder.finish() + later
    expected = trace(run_decoder([data]))
    for parts in (pieces(data, cuts), pieces(data, range(len(data))), [b"", data, b""]):
        for threads in (1, 3):
            decoded = run_decoder(parts, threads=threads)
            assert trace(decoded) == expected
            assert decoded.decoder.unused_data == later


@given(images(), CODERS, st.integers(1, 12))
def test_threads_give_the_same_bytes(
    image: tuple[ImageHeader, np.ndarray[Any, Any]], coder: str, band_rows: int
) -> None:
    header, array = image
    single = encode_rows(header, array, [3], coder=coder, band_rows=band_rows)
    for threads in (2, 4):
        assert encode_rows(header, array, [5], coder=coder, band_rows=band_rows, threads=threads) == single


@given(images(components=st.integers(1, 3)), st.integers(1, 12))
def test_height_known_or_not_gives_the_same_bands(
    image: tuple[ImageHeader, np.ndarray[Any, Any]], band_rows: int
) -> None:
    header, array = image
    header = ImageHeader(header.width, len(array), header.format)
    # A lone band would become a group where the height is known.
    if len(array) < band_rows + -(-band_rows // 4):
        return
    known = chunks_of(encode_rows(header, array, [2], band_rows=band_rows, coder="raw"))
    header = ImageHeader(header.width, None, header.format)
    unknown = chunks_of(encode_rows(header, array, [7], band_rows=band_rows, coder="raw"))
    for of_known, of_unknown in zip(known, unknown, strict=True):
        assert of_known == of_unknown or of_known[0] in (b"H", b"i", b"Z")


@st.composite
def several(draw: st.DrawFn) -> list[tuple[str, ImageHeader, np.ndarray[Any, Any]]]:
    """Images as rows, and runs of equal images as groups."""
    steps = []
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            steps.append(("rows", *draw(images())))
        else:
            pixel_format = draw(pixel_formats(st.integers(1, 3)))
            header = ImageHeader(draw(st.integers(1, 9)), draw(st.integers(1, 9)), pixel_format)
            shape = (draw(st.integers(1, 7)), header.height or 0, header.width)
            steps.append(("groups", header, draw(samples(pixel_format, shape))))
    return steps


@given(several(), st.integers(1, 12), st.integers(1, 3), CUTS)
def test_files_of_several_images(
    steps: list[tuple[str, ImageHeader, np.ndarray[Any, Any]]], band_rows: int, threads: int, cuts: list[int]
) -> None:
    encoder = Encoder(band_rows=band_rows, threads=threads, coder="raw")
    data, expected = bytearray(), []
    for number, (kind, header, array) in enumerate(steps):
        note = Metadata(0, "", b"%d" % number)
        data += encoder.begin_image(header, metadata=[note])
        if kind == "rows":
            expected.append(array)
            data += encoder.write(array)
        else:
            expected.extend(array)
            for part in np.array_split(array, 3):
                data += encoder.write_group(part)
        assert encoder.images_written in (len(expected), len(expected) - 1)
    data += encoder.finish()
    decoded = run_decoder(pieces(bytes(data), cuts), threads=threads)
    assert decoded.error is None
    assert [comparable(image) for image in decoded.whole_images] == [comparable(image) for image in expected]
    assert [event.metadata.value for event in decoded.of(MetadataRead)] == [b"%d" % n for n in range(len(steps))]
    heads = decoded.of(HeaderReady)
    assert [event.image for event in decoded.of(MetadataRead)] == [event.image for event in heads]
    assert [event.header for event in heads] == [header for _, header, _ in steps]


@pytest.mark.parametrize(("effort", "images"), [(1, [1] * 4), (5, [4])])
def test_groups_are_small_where_models_learn_nothing(effort: int, images: list[int]) -> None:
    """So that one image is decoded by itself; flat images, of which heads are much, stay together."""
    noise = np.random.default_rng(1).integers(0, 256, (4, 200, 200)).astype(np.uint8)
    flat = np.repeat(np.arange(4, dtype=np.uint8), 200 * 200).reshape(4, 200, 200)
    for array, counts in ((noise, images), (flat, [4])):
        data = sofc.encode(array, batch=True, effort=effort, codebook=builtin_codebook)
        with sofc.open_reader(io.BytesIO(data)) as reader:
            found = walker.walk(walker.bytes_of(data), chunks.FILE_HEAD_SIZE, len(data))
            assert [chunks.unpack_group(body).images for kind, body, _, _ in found if kind == b"G"] == counts
            assert (reader.read_image(2) == array[2]).all()


def test_groups_do_not_depend_on_calls() -> None:
    header = ImageHeader(100, 100, GRAY)
    array = RANDOM.integers(0, 256, (250, 100, 100), dtype=np.uint8)

    def encode(*cuts: int) -> bytes:
        encoder = Encoder(header, coder="raw", verify=False)
        data = b"".join(encoder.write_group(part) for part in np.split(array, cuts))
        return data + encoder.finish()

    data = encode()
    assert encode(1, 2, 104, 105, 240) == data
    group_sizes = [len(event.images) for event in run_decoder([data]).of(GroupReady)]
    per_group = GROUP_SAMPLES // 10000
    assert group_sizes == [per_group, per_group, 250 - 2 * per_group]
    assert [kind for kind, _ in chunks_of(data)] == [b"H", b"G", b"G", b"G", b"i", b"Z"]


# The cutting into bands.


@pytest.mark.parametrize(
    ("height", "band_rows", "expected"),
    [
        (64, 16, [16, 16, 16, 16]),
        (67, 16, [16, 16, 16, 19]),
        (68, 16, [16, 16, 16, 16, 4]),
        (3, 16, [3]),
        (19, 16, [19]),
        (3, 1, [1, 1, 1]),
        (5, 2, [2, 2, 1]),
        (21, 17, [21]),
        (22, 17, [17, 5]),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_short_last_band_is_joined(height: int, band_rows: int, expected: list[int], known: bool) -> None:
    # Too wide to be a small image.
    header = ImageHeader(70000, height if known else None, PixelFormat(1, 1, 1))
    array = np.zeros((height, 70000), bool)
    decoded = run_decoder([encode_rows(header, array, [1], band_rows=band_rows, coder="raw", verify=False)])
    assert [len(event.band.rows) for event in decoded.of(BandReady)] == expected
    assert np.array_equal(whole(decoded), array)


@pytest.mark.parametrize(
    ("width", "components", "rows"),
    [(565, 3, 464), (4096, 1, 64), (20000, 1, 64), (1, 1, 1 << 18), (1 << 26, 1, 1), ((1 << 26) // 64, 3, 17)],
)
def test_default_band_height(width: int, components: int, rows: int) -> None:
    header = ImageHeader(width, None, PixelFormat(components, 8, 8))
    assert default_band_rows(header) == rows
    assert (rows + -(-rows // 4) - 1) * header.row_samples <= Limits().max_band_samples


def test_known_heights_hold_no_band_back() -> None:
    encoder = Encoder(ImageHeader(10, 100, GRAY), band_rows=10, coder="raw")
    assert [len(encoder.write(gray(1, 10))) > 100 for _ in range(20)] == [*9 * [False], True] * 2
    encoder = Encoder(ImageHeader(10, None, GRAY), band_rows=10, coder="raw")
    written = [len(encoder.write(gray(1, 10))) > 100 for _ in range(23)]
    assert [row for row, complete in enumerate(written, 1) if complete] == [13, 23]


def test_flush_makes_all_rows_decodable() -> None:
    array = gray(50, 300)
    encoder = Encoder(ImageHeader(300, None, GRAY), band_rows=20, coder="raw", threads=2)
    decoder = Decoder()
    assert encoder.flush() == b""
    for y in range(0, 50, 7):
        decoder.feed(encoder.write(array[y : y + 7]) + encoder.flush())
        bands = [event.band for event in decoder.events() if isinstance(event, BandReady)]
        assert np.array_equal(np.concatenate([band.rows for band in bands]), array[y : y + 7])
        assert decoder.rows_decoded == min(50, y + 7)
        assert encoder.flush() == b""
    decoder.feed(encoder.finish())
    assert [type(event) for event in decoder.events()] == [ImageEnded, FileEnded]


def test_flush_right_after_the_next_image_began() -> None:
    encoder = Encoder(ImageHeader(3, None, GRAY), coder="raw", threads=3)
    array = gray(2, 3)
    data = encoder.write(array) + encoder.begin_image(ImageHeader(3, 1, GRAY)) + encoder.flush()
    assert np.array_equal(np.concatenate(run_decoder([data]).images[0]), array)


def test_flush_ends_a_group() -> None:
    array = RANDOM.integers(0, 256, (5, 4, 4), dtype=np.uint8)
    encoder = Encoder(ImageHeader(4, 4, GRAY), coder="raw")
    data = encoder.write_group(array[:2]) + encoder.flush() + encoder.write_group(array[2:]) + encoder.finish()
    assert [len(event.images) for event in run_decoder([data]).of(GroupReady)] == [2, 3]


def test_nothing_leaves_before_the_first_row() -> None:
    encoder = Encoder(codebook=raw_codebook(), metadata=[Metadata(0, "", b"x")], band_rows=1)
    assert encoder.begin_image(ImageHeader(3, 2, GRAY)) == b""
    assert encoder.flush() == b""
    assert encoder.write(np.zeros((0, 3), np.uint8)) == b""
    assert encoder.write(np.zeros((1, 3), np.uint8)) != b""


def test_input_arrays_are_copied() -> None:
    array = gray(4, 300)
    expected = array.copy()
    encoder = Encoder(ImageHeader(300, None, GRAY), coder="raw")
    data = encoder.write(array)
    array[:] = 0
    assert np.array_equal(whole(run_decoder([data + encoder.finish()])), expected)


# What an encoder refuses.


def started(**settings: Any) -> Encoder:
    encoder = Encoder(ImageHeader(3, 4, PixelFormat(1, 4, 8)), coder="raw", **settings)
    encoder.write(np.zeros((1, 3), np.uint8))
    return encoder


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: e.write(np.full((2, 3), [[0], [16]], np.uint8)), r"row 2 of image 0 .* 0 to 15"),
        (lambda e: e.write(np.full((1, 3), -1, np.int8)), "row 1"),
        (lambda e: e.write(np.zeros((1, 4), np.uint8)), r"shape \(1, 4\), not \(n, 3\)"),
        (lambda e: e.write(np.zeros((1, 3, 1), np.uint8)), "shape"),
        (lambda e: e.write(np.zeros(3, np.uint8)), "shape"),
        (lambda e: e.write(np.zeros((1, 3))), "float64"),
        (lambda e: e.write(np.zeros((1, 3), np.int32)), "int32"),
        (lambda e: e.write([[1, 2, 3]]), "list"),
        (lambda e: e.write(np.zeros((4, 3), np.uint8)), "5 rows for an image of height 4"),
        (lambda e: e.write_group(np.zeros((1, 4, 3), np.uint8)), "written as rows"),
        (lambda e: e.begin_image(ImageHeader(3, 4, GRAY)), "has 1 rows, its header says 4"),
        (lambda e: e.finish(), "has 1 rows, its header says 4"),
    ],
)
def test_an_encoder_refuses_and_stays_in_error(call: Callable[[Any], bytes], message: str) -> None:
    encoder = started()
    with pytest.raises(UsageError, match=message):
        call(encoder)
    for later in (encoder.flush, encoder.finish, lambda: encoder.write(np.zeros((1, 3), np.uint8))):
        with pytest.raises(UsageError, match=message):
            later()


def test_order_of_calls() -> None:
    for state, calls in {
        Encoder(): ("write", "write_group", "finish"),
        Encoder(ImageHeader(3, 4, GRAY)): ("finish",),
    }.items():
        for call in calls:
            encoder = Encoder(state.header)
            arguments = () if call == "finish" else (np.zeros((1, 4, 3), np.uint8),)
            with pytest.raises(UsageError):
                getattr(encoder, call)(*arguments)
    encoder = Encoder(ImageHeader(3, 1, GRAY))
    encoder.write(np.zeros((1, 3), np.uint8))
    encoder.finish()
    assert encoder.finished
    for call in (encoder.flush, encoder.finish, lambda: encoder.begin_image(ImageHeader(3, 1, GRAY))):
        with pytest.raises(UsageError, match="finished"):
            call()
    encoder = Encoder(ImageHeader(3, None, GRAY))
    with pytest.raises(UsageError, match="height"):
        encoder.write_group(np.zeros((1, 4, 3), np.uint8))


@pytest.mark.parametrize(
    "settings",
    [
        {"effort": 0},
        {"effort": 10},
        {"band_rows": 0},
        {"threads": 0},
        {"embed_codebook": True},
        {"coder": "none such"},
        {"metadata": [Metadata(256, "", b"")]},
        {"metadata": [Metadata(0, "\n", b"")]},
    ],
)
def test_settings_are_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Encoder(ImageHeader(3, 1, GRAY), **settings)


@pytest.mark.parametrize(
    ("header", "limits", "band_rows"),
    [
        (ImageHeader(100, 101, GRAY), Limits(max_pixels=10000), None),
        (ImageHeader(1, 1, PixelFormat(5, 8, 8)), Limits(max_components=4), None),
        (ImageHeader(100, 100, GRAY), Limits(max_band_samples=5000), 60),
        (ImageHeader(1 << 27, None, GRAY), Limits(), None),
    ],
)
def test_an_encoder_keeps_the_limits_of_decoders(header: ImageHeader, limits: Limits, band_rows: int | None) -> None:
    with pytest.raises(LimitError):
        Encoder(header, limits=limits, band_rows=band_rows)


def test_limits_while_encoding() -> None:
    encoder = Encoder(ImageHeader(10, None, GRAY), limits=Limits(max_pixels=50), band_rows=2, coder="raw")
    with pytest.raises(LimitError):
        encoder.write(np.zeros((6, 10), np.uint8))
    encoder = Encoder(limits=Limits(max_images=1))
    encoder.begin_image(ImageHeader(1, 1, GRAY))
    encoder.write(np.zeros((1, 1), np.uint8))
    encoder.begin_image(ImageHeader(1, 1, GRAY))
    with pytest.raises(LimitError):
        encoder.write(np.zeros((1, 1), np.uint8))
    encoder = Encoder(ImageHeader(1, 1, GRAY), metadata=[Metadata(0, "", bytes(10))], limits=Limits())
    with pytest.raises(LimitError):
        Encoder(metadata=[Metadata(0, "", bytes(range(100)))], limits=Limits(max_chunk_bytes=50))


def test_samples_of_any_array_type_are_taken_if_they_fit() -> None:
    header = ImageHeader(2, None, PixelFormat(1, 7, 8, signed=True))
    encoder = Encoder(header, coder="raw")
    data = encoder.write(np.array([[1, 63]], ">u2")) + encoder.write(np.array([[-64, 5]], np.int16))
    data += encoder.write(np.array([[True, False]])) + encoder.finish()
    assert np.array_equal(whole(run_decoder([data])), np.array([[1, 63], [-64, 5], [1, 0]], np.int8))


# Codebooks.


def coded_with(codebook: Codebook, **settings: Any) -> tuple[bytes, np.ndarray[Any, Any]]:
    array = gray(6, 50)
    encoder = Encoder(ImageHeader(50, 6, GRAY), codebook=codebook, band_rows=3, **settings)
    return encoder.write(array) + encoder.finish(), array


def test_embedded_codebook() -> None:
    data, array = coded_with(raw_codebook(), embed_codebook=True)
    assert chunks_of(data)[0] == (b"C", raw_codebook().to_bytes())
    assert np.array_equal(whole(run_decoder([data])), array)
    with pytest.raises(LimitError):
        raise run_decoder([data], limits=Limits(max_codebook_bytes=10)).error or AssertionError


@pytest.mark.parametrize("threads", [1, 2])
def test_referenced_codebook(threads: int) -> None:
    codebook = raw_codebook()
    data, array = coded_with(codebook)
    for given_codebooks in ({codebook.id: codebook}, {codebook.id[:16]: codebook}, lambda reference: codebook):
        decoded = run_decoder([data], codebooks=given_codebooks, threads=threads)
        assert np.array_equal(whole(decoded), array)
        assert not decoded.of(CodebookWanted)
    for nothing in (None, {}, lambda reference: None):
        decoded = run_decoder([data], codebooks=nothing, threads=threads)
        assert decoded.of(CodebookWanted) == [CodebookWanted(codebook.reference)]
        assert decoded.of(HeaderReady) and not decoded.of(BandReady)
        assert isinstance(decoded.error, CodebookError)
        assert codebook.id[:16].hex() in str(decoded.error) and "'test'" in str(decoded.error)


@pytest.mark.parametrize("threads", [1, 2])
def test_supplied_codebook(threads: int) -> None:
    data, array = coded_with(raw_codebook())
    decoder = Decoder(threads=threads)
    decoder.feed(data)
    rows = []
    for event in decoder.events():
        if isinstance(event, CodebookWanted):
            decoder.supply(raw_codebook())
        if isinstance(event, BandReady):
            rows.append(event.band.rows)
    decoder.finish()
    assert np.array_equal(np.concatenate(rows), array)


def test_another_codebook_is_refused() -> None:
    data, _ = coded_with(raw_codebook())
    other = raw_codebook("other")
    decoder = Decoder()
    decoder.feed(data)
    assert isinstance(decoder.next_event(), FileStart)
    assert isinstance(decoder.next_event(), CodebookWanted)
    with pytest.raises(CodebookError, match=other.id[:16].hex()):
        decoder.supply(other)
    with pytest.raises(CodebookError):
        decoder.next_event()
    decoded = run_decoder([data], codebooks=lambda reference: other)
    assert isinstance(decoded.error, CodebookError)
    decoded = run_decoder([data], codebooks={raw_codebook().id: other})
    assert isinstance(decoded.error, CodebookError)


def test_the_reason_why_a_codebook_was_not_found_is_kept() -> None:
    data, _ = coded_with(raw_codebook())

    def find(reference: object) -> Codebook:
        raise CodebookError("searched in vain")

    decoded = run_decoder([data], codebooks=find)
    assert decoded.of(CodebookWanted)
    assert "searched in vain" in str(decoded.error)


def test_a_codebook_that_no_band_needs_is_not_missed() -> None:
    encoder = Encoder(ImageHeader(5, 5, PixelFormat(2, 8, 8)), codebook=raw_codebook())
    array = np.zeros((5, 5, 2), np.uint8)
    decoded = run_decoder([encoder.write(array) + encoder.finish()])
    assert decoded.of(CodebookWanted)
    assert np.array_equal(whole(decoded), array)


# What a decoder refuses.


def small_file() -> bytes:
    encoder = Encoder(ImageHeader(5, 12, GRAY), band_rows=4, coder="raw")
    return encoder.write(np.arange(60, dtype=np.uint8).reshape(12, 5)) + encoder.finish()


def error_of(data: bytes, **settings: Any) -> SofcError | None:
    return run_decoder([data], **settings).error


def test_signature() -> None:
    assert isinstance(error_of(b"\x89PNG\r\n\x1a\n" + bytes(30)), NotSofcError)
    assert isinstance(error_of(b"\xabSOX"), NotSofcError)
    assert "codebook" in str(error_of(raw_codebook().to_bytes()))
    assert isinstance(error_of(b""), TruncatedError)
    for line_ends in (lambda d: d.replace(b"\r\n", b"\n"), lambda d: d.replace(b"\n", b"\r\n")):
        assert isinstance(error_of(line_ends(small_file())), NotSofcError)


def test_versions() -> None:
    data = small_file()
    for place in (8, 9):  # major, and minor: drafts are formats of their own
        error = error_of(data[:place] + b"\xff" + data[place + 1 :])
        assert isinstance(error, UnsupportedError)
        assert "of the format, and this sofc reads 0." in str(error)


def test_unknown_chunks() -> None:
    data = small_file()
    parts = chunks_of(data)
    for place in range(len(parts) - 2):
        with_ancillary = [*parts[: place + 1], (b"x", b"later"), *parts[place + 1 :]]
        decoded = run_decoder([file_of([*with_ancillary[:-2], (b"Z", bytes(4))], data)])
        assert decoded.error is None and len(decoded.of(BandReady)) == 3
        critical = [*parts[: place + 1], (b"X", b"later"), *parts[place + 1 :]]
        assert isinstance(error_of(file_of(critical, data)), UnsupportedError)
    before_end = [*parts[:-1], (b"x", b""), parts[-1]]
    assert isinstance(error_of(file_of(before_end, data)), FormatError)


def test_order_of_chunks() -> None:
    data = small_file()
    head, first, second, third, end, index, last = chunks_of(data)
    assert [head[0], first[0], end[0], index[0], last[0]] == [b"H", b"B", b"E", b"i", b"Z"]
    no_index = (b"Z", bytes(4))
    assert error_of(file_of([head, first, second, third, end, no_index], data)) is None
    wrong = [
        [no_index],
        [head, no_index],
        [first],
        [head, second],
        [head, first, third],
        [head, first, first],
        [head, first, second, third, third],
        [head, first, head],
        [head, first, second, end],
        [head, first, second, third, no_index],
        [head, first, second, third, end, first],
        [head, first, second, third, end, (b"Z", b"\x01\0\0\0")],
        [head, first, second, third, end, (b"i", b"\x00"), last],
        [head, first, second, third, end, (b"i", index[1] + b"\x00"), last],
        [head, first, second, third, end, index, index, last],
        [head, first, second, third, end, index, no_index],
        [head, first, second, third, end, end],
    ]
    for order in wrong:
        error = error_of(file_of(order, data))
        assert isinstance(error, FormatError) and not isinstance(error, TruncatedError), order
    codebook_reference = (b"R", chunks.pack_codebook_reference(raw_codebook().reference))
    assert isinstance(error_of(file_of([head, codebook_reference, first], data)), FormatError)


def test_heads_that_do_not_fit() -> None:
    data = small_file()
    head, first, second, third, end, _, _ = chunks_of(data)
    no_index = (b"Z", bytes(4))

    def with_head(body: bytes) -> SofcError | None:
        return error_of(file_of([(b"H", body), first, second, third, end, no_index], data))

    assert with_head(head[1]) is None
    assert isinstance(with_head(head[1][:-1] + b"\x01"), FormatError)  # a codebook that the file does not have
    assert isinstance(with_head(b"\x05\x0b" + head[1][2:]), FormatError)
    assert isinstance(with_head(b"\x05\x0d" + head[1][2:]), FormatError)
    assert isinstance(with_head(b"\x04" + head[1][1:]), FormatError)
    assert isinstance(with_head(head[1][:2] + b"\x02" + head[1][3:]), FormatError)
    # A wrong sign keeps every stream readable: only the check tells.
    assert isinstance(with_head(head[1][:3] + b"\x16" + head[1][4:]), FormatError)


@given(st.sampled_from([None, False, True]), st.sampled_from([5, 13, 40]), CUTS, st.integers(1, 3))
def test_which_images_have_a_digest(wanted: bool | None, band_rows: int, cuts: list[int], threads: int) -> None:
    """Those of several bands unless it is said; decoders compare it whatever of the end chunk they saw when."""
    array = gray(13, 9)
    settings: dict[str, Any] = {"coder": "raw", "band_rows": band_rows, "digest": wanted}
    data = encode_rows(ImageHeader(9, None, GRAY), array, [13], **settings)  # of known height it would be a group
    own = hashlib.sha256(array.tobytes()).digest()
    has_digest = band_rows == 5 if wanted is None else wanted
    decoded = run_decoder(pieces(data, cuts), threads=threads)
    assert np.array_equal(whole(decoded), array)
    assert decoded.of(ImageEnded) == [ImageEnded(0, 13, own if has_digest else b"")]
    parts = [(kind, body[:1] + bytes(32) if kind == b"E" else body) for kind, body in chunks_of(data) if kind in b"HBE"]
    other = file_of([*parts, (b"Z", bytes(4))], data)
    decoded = run_decoder(pieces(other, cuts), threads=threads)
    assert isinstance(decoded.error, ChecksumError)
    assert not decoded.of(ImageEnded)


def test_a_digest_that_does_not_fit() -> None:
    data = small_file()
    *before, end, _, _ = chunks_of(data)
    body = bytearray(end[1])
    body[-1] ^= 1
    decoded = run_decoder([file_of([*before, (b"E", bytes(body)), (b"Z", bytes(4))], data)])
    assert isinstance(decoded.error, ChecksumError)
    assert len(decoded.of(BandReady)) == 3


@pytest.mark.parametrize(
    "limits",
    [
        Limits(max_pixels=59),
        Limits(max_band_samples=19),
        Limits(max_chunk_bytes=10),
        Limits(max_images=0),
        Limits(max_components=0),
    ],
)
def test_limits_of_a_decoder(limits: Limits) -> None:
    assert isinstance(error_of(small_file(), limits=limits), LimitError)


def test_limits_of_groups() -> None:
    encoder = Encoder(ImageHeader(5, 4, GRAY), coder="raw")
    images = np.arange(120, dtype=np.uint8).reshape(6, 4, 5)
    data = encoder.write_group(images) + encoder.finish()
    assert error_of(data, limits=Limits(max_band_samples=120, max_images=6)) is None
    assert isinstance(error_of(data, limits=Limits(max_band_samples=119)), LimitError)
    assert isinstance(error_of(data, limits=Limits(max_images=5)), LimitError)


def test_a_claimed_size_is_refused_before_memory_is_taken() -> None:
    head = chunks.pack_file_head()
    header = ImageHeader((1 << 31) - 1, 8, PixelFormat(1, 16, 16))
    image = walker.frame_chunk(b"H", chunks.pack_image_head(chunks.ImageHead(header, 0)))
    band = chunks.CodedBand(1, 0, (b"",), image=0, first_row=0, rows=8)
    limits = Limits(max_pixels=1 << 40)
    decoded = run_decoder([head + image + walker.frame_chunk(b"B", chunks.pack_band(band))], limits=limits)
    assert isinstance(decoded.error, LimitError)
    assert isinstance(error_of(head + b"B\xff\xff\xff\xff\x7f"), LimitError)


def test_decoder_protocol() -> None:
    data = small_file()
    decoder = Decoder()
    assert decoder.needs_input and not decoder.eof and decoder.header is None
    assert decoder.next_event() is NEED_DATA
    decoder.feed(b"")
    assert decoder.needs_input
    decoder.feed(data[:60])
    assert not decoder.needs_input
    seen = list(decoder.events())
    assert decoder.needs_input
    assert decoder.header == ImageHeader(5, 12, GRAY)
    decoder.feed(data[60:] + b"later")
    seen += list(decoder.events())
    assert decoder.eof and not decoder.needs_input
    decoder.feed(b" still")
    assert decoder.next_event() is NEED_DATA
    decoder.finish()
    decoder.finish()
    assert decoder.unused_data == b"later still"
    assert isinstance(seen[-1], FileEnded)


def test_finish_before_all_events_are_taken() -> None:
    decoder = Decoder()
    decoder.feed(small_file()[:-20])
    decoder.finish()
    assert isinstance(decoder.next_event(), FileStart)
    with pytest.raises(UsageError, match="after finish"):
        decoder.feed(b"x")
    decoder = Decoder()
    decoder.feed(small_file()[:-20])
    decoder.finish()
    with pytest.raises(TruncatedError):
        list(decoder.events())
    with pytest.raises(TruncatedError):
        decoder.feed(b"x")
    with pytest.raises(TruncatedError):
        decoder.finish()


# Memory.


@pytest.mark.parametrize("threads", [1, 2])
def test_memory_does_not_wait_for_the_garbage_collector(threads: int) -> None:
    rows = gray(64, 4096)
    encoder = Encoder(ImageHeader(4096, None, GRAY), coder="raw", threads=threads)
    decoder = Decoder(threads=threads)
    decoder.feed(encoder.write(rows) + encoder.flush())
    list(decoder.events())
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(150):
            decoder.feed(encoder.write(rows))
            list(decoder.events())
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    # Bands under way on a busy machine, each with planes of four bytes a sample, but not all of them.
    assert kept < 40 * rows.nbytes


# Sizes.


def test_a_lone_small_image_costs_few_bytes() -> None:
    array = RANDOM.random((28, 28)) < 0.3
    codebook = replace(raw_codebook("mnist-digits-0-2026"), models=(Model(1, 1, 0, 0, 5, ()),))
    encoder = Encoder(ImageHeader(28, 28, PixelFormat(1, 1, 8)), codebook=codebook)
    data = encoder.write(array) + encoder.finish()
    streams = chunks.unpack_group(next(body for kind, body in chunks_of(data) if kind == b"G")).streams
    assert len(data) - sum(map(len, streams)) <= 96


def test_an_image_in_a_group_costs_less_than_a_byte() -> None:
    array = RANDOM.random((2000, 28, 28)) < 0.3
    encoder = Encoder(ImageHeader(28, 28, PixelFormat(1, 1, 8)), codebook=raw_codebook())
    data = encoder.write_group(array) + encoder.finish()
    groups = [chunks.unpack_group(body) for kind, body in chunks_of(data) if kind == b"G"]
    streams = sum(len(stream) for group in groups for stream in group.streams)
    assert len(data) - streams <= 0.1 * len(array)


def test_images_of_a_group_are_asked_once_for_their_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images 1, 2, 4 ... and each 64th as they come, and none of the group that they make."""
    asked: list[int] = []
    monkeypatch.setattr(dct_coder, "recover_planes", lambda planes, *rest: asked.append(len(planes[0])))
    images = np.random.default_rng(1).integers(0, 200, (200, 24, 24), np.uint8)
    encoder = Encoder(ImageHeader(24, 24, PixelFormat(1, 8, 8)), codebook=builtin_codebook)
    data = encoder.write_group(images) + encoder.finish()
    assert np.array_equal(sofc.decode(data), images)
    assert asked == [24] * len([1, 2, 4, 8, 16, 32, 64, 128, 192])


def test_the_first_image_of_each_group_is_asked_for_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of images that learn nothing from each other are small: what comes in the middle of a run is found."""
    asked: list[int] = []
    monkeypatch.setattr(dct_coder, "recover_planes", lambda planes, *rest: asked.append(int(planes[0][0, 0])))
    images = np.random.default_rng(1).integers(0, 200, (12, 96, 96), np.uint8)
    images[:, 0, 0] = np.arange(12)
    encoder = Encoder(ImageHeader(96, 96, PixelFormat(1, 8, 8)), codebook=builtin_codebook, key_interval=3)
    data = encoder.write_group(images) + encoder.finish()
    assert np.array_equal(sofc.decode(data), images)
    assert asked == [0, 1, 3, 6, 7, 9]
