"""Chunks, records and codebook files: what is written is read, and what breaks a rule is refused."""

from __future__ import annotations

import contextlib
import hashlib
import io
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from helpers import chunks_of, file_of, raw_codebook
from hypothesis import given
from hypothesis import strategies as st
from strategies import pixel_formats

from sofc.api.positions import positioned
from sofc.codebook import Codebook
from sofc.container import chunks, codebook_file, schema, walker
from sofc.container.records import (
    CodebookReference,
    CodedBand,
    CodedGroup,
    ImageEnd,
    ImageHead,
    IndexEntry,
    Metadata,
    Model,
    Section,
)
from sofc.errors import (
    ChecksumError,
    FormatError,
    LimitError,
    NotSofcError,
    SofcError,
    TruncatedError,
    UnsupportedError,
    UsageError,
)
from sofc.image import MAX_DIMENSION, ImageHeader, Meaning
from sofc.limits import Limits

INTEGERS = st.one_of(st.integers(0, 300), st.integers(0, schema.MAX_INTEGER))
TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20)
SHORT_TEXT = TEXT.filter(lambda text: len(text.encode()) <= 64)
STREAMS = st.lists(st.binary(max_size=40), max_size=5).map(tuple)
CHECKS = st.integers(0, 2**32 - 1)


@given(INTEGERS)
def test_integers_take_the_shortest_form(value: int) -> None:
    coded = schema.VarInt.build(value)
    assert schema.VarInt.parse(coded) == value
    assert len(coded) == max(1, -(-value.bit_length() // 7))


@pytest.mark.parametrize("coded", [b"\x80\x00", b"\xff\x80\x00", b"\xff" * 7 + b"\x10", b"\xff" * 8 + b"\x01", b"\x80"])
def test_other_integers_are_refused(coded: bytes) -> None:
    with pytest.raises(FormatError):
        chunks.unpack_image_end(coded)


@given(st.sampled_from([b"B", b"m"]), st.binary(max_size=300), st.binary(max_size=5))
def test_framing(chunk_type: bytes, body: bytes, later: bytes) -> None:
    framed = walker.frame_chunk(chunk_type, body)
    declared = schema.CHUNK.parse(framed)
    assert (declared.type, declared.body, declared.crc) == (chunk_type, body, zlib.crc32(framed[:-4]))
    head = walker.parse_chunk_head(framed + later, 0, 300)
    assert head is not None
    assert (head.type, head.end) == (chunk_type, len(framed))
    assert walker.is_ancillary(chunk_type) == (chunk_type == b"m")
    assert walker.chunk_body(framed + later, head) == body
    for cut in range(head.body):
        assert walker.parse_chunk_head(framed[:cut], 0, 300) is None


@given(st.lists(st.tuples(st.sampled_from([b"B", b"m"]), st.binary(max_size=40)), max_size=5), st.data())
def test_walking(wanted: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    """All chunks that are there in full, of bytes and of a file, each with its place; in part, nothing is checked."""
    framed = [walker.frame_chunk(*chunk) for chunk in wanted]
    stream = b"12" + b"".join(framed)
    cut = stream[: data.draw(st.integers(2, len(stream)))]
    found = list(walker.walk(walker.bytes_of(cut), 2, 300))
    assert found == list(walker.walk(positioned(io.BytesIO(cut)).read, 2, 300))
    ends = [2 + len(b"".join(framed[: number + 1])) for number in range(len(framed))]
    assert [(chunk.type, chunk.body) for chunk in found] == wanted[: sum(end <= len(cut) for end in ends)]
    assert [chunk.offset + chunk.size for chunk in found] == ends[: len(found)]
    damaged = bytes(byte ^ (place == len(cut) - 1) for place, byte in enumerate(cut))
    parts = list(walker.walk(walker.bytes_of(damaged), 2, 300, part=lambda kind: 3 if kind == b"B" else 0))
    assert [chunk.body for chunk in parts] == [body[:3] if kind == b"B" else b"" for kind, body in wanted[: len(found)]]
    if found and ends[len(found) - 1] == len(cut):
        with pytest.raises(ChecksumError):
            list(walker.walk(walker.bytes_of(damaged), 2, 300))


def test_framing_is_checked_as_soon_as_it_is_there() -> None:
    with pytest.raises(LimitError):
        walker.parse_chunk_head(b"B\xff\xff\x7f", 0, 1 << 20)
    with pytest.raises(FormatError, match="letter"):
        walker.parse_chunk_head(b"\x00", 0, 1 << 20)
    with pytest.raises(FormatError, match="more than 8 bytes"):
        walker.parse_chunk_head(b"B" + b"\xff" * 8, 0, 1 << 20)
    damaged = bytearray(walker.frame_chunk(b"E", b"abc"))
    damaged[3] ^= 1
    head = walker.parse_chunk_head(damaged, 0, 100)
    assert head is not None
    with pytest.raises(ChecksumError):
        walker.chunk_body(damaged, head)


@given(st.builds(CodebookReference, st.binary(min_size=16, max_size=16), SHORT_TEXT))
def test_reference(reference: CodebookReference) -> None:
    assert chunks.unpack_codebook_reference(chunks.pack_codebook_reference(reference)) == reference


@given(
    st.builds(
        Metadata, st.integers(0, 127), TEXT, st.binary(max_size=50) | st.binary(max_size=9).map(lambda part: part * 30)
    )
)
def test_metadata(metadata: Metadata) -> None:
    assert chunks.unpack_metadata(chunks.pack_metadata(metadata)) == metadata


def test_metadata_is_packed_where_that_saves() -> None:
    long = Metadata(3, "", b"<x:xmpmeta>" * 100)
    assert chunks.pack_metadata(long)[0] == 3 | 0x80
    assert len(chunks.pack_metadata(long)) < 60
    for value in (b"", b"x" * 40, bytes(range(256)), bytes((1 << 24) + 1)):
        assert chunks.pack_metadata(Metadata(3, "", value))[0] == 3


@given(
    st.builds(
        ImageHead,
        st.builds(
            ImageHeader,
            st.integers(1, MAX_DIMENSION),
            st.one_of(st.none(), st.integers(1, MAX_DIMENSION)),
            pixel_formats(st.integers(1, 5000)),
        ),
        INTEGERS,
    )
)
def test_image_head(head: ImageHead) -> None:
    assert chunks.unpack_image_head(chunks.pack_image_head(head)) == head


CODED = {"model": INTEGERS, "check": CHECKS, "streams": STREAMS}


@given(st.builds(CodedBand, **CODED, image=INTEGERS, first_row=st.integers(0, 10**9), rows=st.integers(1, 10**9)))
def test_band(band: CodedBand) -> None:
    body = chunks.pack_band(band)
    assert chunks.unpack_band(body) == band
    assert chunks.unpack_place(body[: schema.PLACE_PREFIX_MAX_SIZE]) == (band.image, band.first_row)


@given(st.builds(CodedGroup, **CODED, image=INTEGERS, images=st.integers(1, schema.MAX_INTEGER)))
def test_group(group: CodedGroup) -> None:
    body = chunks.pack_group(group)
    assert chunks.unpack_group(body) == group
    assert chunks.unpack_place(body[: schema.PLACE_PREFIX_MAX_SIZE]) == (group.image, group.images)


@given(st.builds(ImageEnd, st.integers(1, MAX_DIMENSION), st.sampled_from([b"", bytes(range(32))])))
def test_image_end(end: ImageEnd) -> None:
    assert chunks.unpack_image_end(chunks.pack_image_end(end)) == end


@given(st.lists(st.tuples(st.sampled_from(chunks.INDEXED_TYPES), st.integers(1, 10**6), INTEGERS, INTEGERS)))
def test_index(steps: list[tuple[bytes, int, int, int]]) -> None:
    builder, entries, offset = chunks.IndexBuilder(), [], 0
    for chunk_type, distance, image, place in steps:
        offset += distance
        entries.append(IndexEntry(chunk_type, offset, image, place))
        builder.add(entries[-1])
    assert chunks.unpack_index(builder.body()) == entries
    assert builder.bands == sum(entry.type in (b"B", b"G") for entry in entries)


BAND = chunks.pack_band(CodedBand(0, 7, (b"ab", b"c"), image=0, first_row=0, rows=4))
HEAD = bytes([5, 6, 1, 7, 8, 0, 0, 0])


@pytest.mark.parametrize(
    ("unpack", "body", "error"),
    [
        (chunks.unpack_band, BAND + b"x", FormatError),
        (chunks.unpack_band, BAND[:-1], FormatError),
        (chunks.unpack_band, b"\x08" + BAND[1:], FormatError),
        (chunks.unpack_band, b"\x01" + BAND[1:], UnsupportedError),
        (chunks.unpack_band, BAND[:3] + b"\x00" + BAND[4:], FormatError),
        (chunks.unpack_group, BAND[:2] + b"\x00" + BAND[4:], FormatError),
        (chunks.unpack_image_head, b"\x00" + HEAD[1:], FormatError),
        (chunks.unpack_image_head, HEAD[:2] + b"\x00" + HEAD[3:], FormatError),
        (chunks.unpack_image_head, HEAD[:3] + b"\x20" + HEAD[4:], FormatError),
        (chunks.unpack_image_head, HEAD[:4] + b"\x00" + HEAD[5:], FormatError),
        (chunks.unpack_image_head, HEAD[:4] + b"\x11" + HEAD[5:], FormatError),
        (chunks.unpack_image_head, HEAD[:6] + b"\x01" + HEAD[7:], UnsupportedError),
        (chunks.unpack_image_head, HEAD + b"\x00", FormatError),
        (chunks.unpack_image_head, b"\x80\x80\x80\x80\x08" + HEAD[1:], FormatError),
        (chunks.unpack_image_end, b"\x00", FormatError),
        (chunks.unpack_image_end, b"\x01" + bytes(31), FormatError),
        (chunks.unpack_codebook_reference, bytes(16) + b"\x01\n", FormatError),
        (chunks.unpack_codebook_reference, bytes(16) + b"\x01\xff", FormatError),
        (chunks.unpack_codebook_reference, bytes(16) + b"\x41" + b"a" * 65, FormatError),
        (chunks.unpack_metadata, b"\x00\x01\x1b", FormatError),
        (chunks.unpack_metadata, b"\x80\x00no zlib data", FormatError),
        (chunks.unpack_metadata, b"\x80\x00" + zlib.compress(b"cut")[:-1], FormatError),
        (chunks.unpack_metadata, b"\x80\x00" + zlib.compress(b"more") + b"?", FormatError),
        (chunks.unpack_metadata, b"\x80\x00" + zlib.compress(bytes((1 << 24) + 1)), FormatError),
        (chunks.unpack_index, b"\x01Z\x05\x00\x00", FormatError),
        (chunks.unpack_index, b"\x01B\x00\x00\x00", FormatError),
        (chunks.unpack_index, b"\x02B\x05\x00\x00", FormatError),
    ],
)
def test_broken_bodies_are_refused(unpack: Callable[[bytes], Any], body: bytes, error: type[SofcError]) -> None:
    with pytest.raises(error) as caught:
        unpack(body)
    assert type(caught.value) is error


def test_unknown_meaning_is_unspecified() -> None:
    assert chunks.unpack_image_head(HEAD).header.format.meaning is Meaning.UNSPECIFIED
    unknown = chunks.unpack_image_head(HEAD[:5] + b"\xff" + HEAD[6:])
    assert unknown == chunks.unpack_image_head(HEAD)


def no_sections(reference: CodebookReference) -> int:
    """Of a built-in codebook as a base."""
    return 0


UNPACKERS = [
    chunks.unpack_band,
    chunks.unpack_group,
    chunks.unpack_image_head,
    chunks.unpack_image_end,
    chunks.unpack_codebook_reference,
    chunks.unpack_builtin_codebook,
    chunks.unpack_metadata,
    chunks.unpack_index,
    chunks.unpack_file_end,
    chunks.unpack_file_head,
    lambda data: codebook_file.unpack_codebook(data, Limits(), no_sections),
    lambda data: codebook_file.unpack_codebook(
        chunks.pack_file_head(schema.CODEBOOK_SIGNATURE) + data, Limits(), no_sections
    ),
    lambda data: codebook_file.unpack_codebook(
        chunks.pack_file_head(schema.CODEBOOK_SIGNATURE) + walker.frame_chunk(b"N", data), Limits(), no_sections
    ),
]


@given(st.sampled_from(UNPACKERS), st.binary(max_size=60))
def test_any_bytes_unpack_or_raise_our_errors(unpack: Callable[[bytes], Any], data: bytes) -> None:
    with contextlib.suppress(SofcError):
        unpack(data)


def test_a_count_that_the_body_cannot_hold_is_refused_at_once() -> None:
    huge = schema.VarInt.build(schema.MAX_INTEGER)
    for unpack in (chunks.unpack_band, chunks.unpack_index):
        with pytest.raises(FormatError):
            unpack(b"\x00\x00\x00\x01\x00\x00\x00\x00\x00" + huge if unpack is chunks.unpack_band else huge)


# Codebook files.

MODELS = st.builds(
    Model,
    st.integers(1, 5000),
    st.integers(1, 16),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 9),
    st.just(()),
)
SECTIONS = st.builds(Section, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=50))


@given(SHORT_TEXT, st.lists(MODELS, max_size=4), st.lists(SECTIONS, max_size=4), st.text("abc\n ", max_size=20))
def test_codebook_round_trip(name: str, models: list[Model], sections: list[Section], provenance: str) -> None:
    codebook = Codebook(name, tuple(models), tuple(sections), provenance)
    data = codebook.to_bytes()
    again = Codebook.from_bytes(data)
    assert (again.name, again.models, again.sections, again.provenance) == (
        name,
        tuple(models),
        tuple(sections),
        provenance,
    )
    assert again == codebook
    assert again.to_bytes() == data
    assert again.id == hashlib.sha256(data).digest()
    assert again.reference == CodebookReference(again.id[:16], name)
    assert Codebook(name, again.models, again.sections, provenance).to_bytes() == data


def test_codebook_cut_anywhere() -> None:
    data = raw_codebook().to_bytes()
    for cut in range(len(data)):
        with pytest.raises(TruncatedError):
            Codebook.from_bytes(data[:cut])


def test_codebook_with_any_bit_flipped() -> None:
    data = raw_codebook().to_bytes()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SofcError):
            Codebook.from_bytes(bytes(flipped))


def test_codebook_structure_is_checked() -> None:
    data = raw_codebook().to_bytes()
    parts = chunks_of(data)
    name, provenance, section, first_model, _, end = parts

    def read(*chunks: tuple[bytes, bytes]) -> Codebook:
        return Codebook.from_bytes(file_of(chunks, data))

    read(name, end)
    extra = read(name, (b"q", b"?"), *parts[1:])
    assert extra.models == raw_codebook().models
    assert extra.id != raw_codebook().id
    wrong_orders = [
        (provenance, name, end),
        (name, name, end),
        (name, first_model, section, end),
        (name, section, provenance, end),
        (section, end),
        (end,),
    ]
    for order in wrong_orders:
        with pytest.raises(FormatError, match="wrong place"):
            read(*order)
    with pytest.raises(UnsupportedError):
        read(name, (b"Q", b"?"), end)
    with pytest.raises(FormatError, match="after the end"):
        Codebook.from_bytes(data + b"x")
    with pytest.raises(FormatError, match="sections"):
        Codebook.from_bytes(Codebook("x", (Model(1, 8, 0, 0, 5, (0,)),), ()).to_bytes())
    with pytest.raises(FormatError, match="index"):
        read(name, (b"Z", b"\x01\x00\x00\x00"))
    with pytest.raises(NotSofcError, match="image file"):
        Codebook.from_bytes(schema.SIGNATURE + b"\x00\x01")
    with pytest.raises(UnsupportedError):
        Codebook.from_bytes(data[:8] + b"\x09" + data[9:])
    with pytest.raises(LimitError):
        Codebook.from_bytes(data, limits=Limits(max_codebook_bytes=len(data) - 1))


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "x" * 65, "ä" * 33, "\ud800"])
def test_codebook_names_are_checked(name: str) -> None:
    with pytest.raises(UsageError):
        Codebook(name, (), ())
