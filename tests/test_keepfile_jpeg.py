"""JPEG files kept as their coefficients: byte for byte, whatever wrote them and whatever befell them."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import sofc
from sofc.cli.__main__ import main
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.dct.kernel import DIAGONAL_BITS, LEVEL_BITS, NUMBER_BITS
from sofc.container.huffman import TYPICAL_TABLES
from sofc.container.original import Fragments, Jpeg, Literal, Original, from_metadata, to_metadata
from sofc.container.typical import typical_heads
from sofc.entropy.binary import Reader, code_bypass
from sofc.errors import CodebookError, FormatError, SofcError
from sofc.image import PixelFormat
from sofc.jpeg.freedom import Said
from sofc.jpeg.headers import Heads
from sofc.jpeg.stream import Coded, Picture, heads_of, read_picture, write_picture
from sofc.keepfile import jpeg, keep_coefficients, original_in, restore, restore_items

RANDOM = np.random.default_rng(8)
ROWS, COLUMNS = 45, 70
WAVES = 120 + 60 * np.sin(np.add.outer(np.arange(ROWS) / 7, np.arange(COLUMNS) / 9))
PHOTO = np.stack([WAVES, WAVES * 0.7 + 30, 230 - WAVES], axis=-1) + RANDOM.normal(0, 3, (ROWS, COLUMNS, 3))
COLOUR = np.clip(np.rint(PHOTO), 0, 255).astype(np.uint8)
GRAY = np.ascontiguousarray(COLOUR[..., 0])
BOOK = builtin_codebook(PixelFormat(3, 8, 8))


def written(array: np.ndarray, mode: str | None = None, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(buffer, "JPEG", **settings)
    return buffer.getvalue()


def read(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)))


def kept(data: bytes) -> Original:
    """How a file is kept, which restores it: ``keep_coefficients`` has tried it, and so does this."""
    found = keep_coefficients("a.jpg", data, None, 5)
    assert found is not None
    assert restore_items(found.items, (), lambda number: found.codebook if number == 1 else None) == data
    original = from_metadata(found.items)
    assert original is not None
    return original


def streams(original: Original) -> list[Jpeg]:
    return [part for part in original.parts if isinstance(part, Jpeg)]


def is_whole(part: Jpeg) -> bool:
    """Whether all of a stream is coded, and nothing about it is unusual."""
    return all((one.units, one.flags, one.ends, one.notes) == (0, 0, b"", b"") for one in part.scans)


@pytest.mark.parametrize(
    "settings",
    [
        {"quality": 75},
        {"quality": 100},
        {"quality": 60, "optimize": True},
        {"quality": 80, "subsampling": 0},
        {"quality": 80, "subsampling": 1, "progressive": True},
        {"quality": 95, "subsampling": 2, "progressive": True},
        {"quality": 30, "progressive": True, "restart_marker_blocks": 4},
        {"quality": 80, "restart_marker_blocks": 3},
        {"quality": 80, "restart_marker_rows": 1, "icc_profile": b"profile" * 9, "comment": "of no matter"},
        {"qtables": [[1 + place // 3 for place in range(64)]]},
    ],
)
@pytest.mark.parametrize("array", [GRAY, COLOUR, GRAY[:1, :9], COLOUR[:17, :33]])
def test_ways_to_write(array: np.ndarray, settings: dict[str, Any]) -> None:
    data = written(array, **settings)
    content = np.frombuffer(bytearray(data), np.uint8)
    found = read_picture(data, content, 0)
    assert found is not None
    picture, end = found
    assert picture.is_whole and all(one.said == (0, b"", b"") for one in picture.scans)
    assert b"".join(write_picture(picture, len(data))) == data[:end] and data[end:] == b"\xff\xd9"
    if len(data) > 1000:
        (part,) = streams(kept(data))
        assert is_whole(part)


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="codes whole images: slow")
def test_lower_efforts_mix_less() -> None:
    """The level from which two bit models alone decide falls, and what mixing gains is lost."""
    data = written(np.tile(COLOUR, (6, 5, 1)), quality=85, subsampling=0)
    levels, sizes = [], []
    for effort in range(1, 6):
        found = keep_coefficients("a.jpg", data, None, effort)
        assert found is not None
        original = from_metadata(found.items)
        assert original is not None and original.coefficients is not None
        stream = Reader(original.coefficients.data).stream
        levels.append([code_bypass(False, 0, bits, stream) for bits in (NUMBER_BITS, DIAGONAL_BITS, LEVEL_BITS)][-1])
        sizes.append(len(original.coefficients.data))
    assert levels == [0, 0, 4, 6, 8]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > sizes[-1]


@pytest.mark.parametrize("mode", ["CMYK", "RGB"])
@pytest.mark.parametrize("progressive", [False, True])
def test_other_components(mode: str, progressive: bool) -> None:
    """Four components, and three that are no luminance and chrominances."""
    data = written(COLOUR, mode, quality=80, progressive=progressive, **({"keep_rgb": True} if mode == "RGB" else {}))
    (part,) = streams(kept(data))
    assert is_whole(part)


def segments(head: bytes) -> Iterator[bytes]:
    """The marker segments of heads."""
    place = 0
    while place < len(head):
        size = 2 if head[place + 1] == 0xD8 else 2 + int.from_bytes(head[place + 2 : place + 4], "big")
        yield head[place : place + size]
        place += size


def arithmetic(data: bytes, conditions: bytes = b"") -> bytes:
    """A file with the same coefficients in arithmetic codes."""
    found = read_picture(data, np.frombuffer(bytearray(data), np.uint8), 0)
    assert found is not None
    picture, _ = found
    frames = {0xC0: 0xC9, 0xC1: 0xC9, 0xC2: 0xCA}
    heads = []
    for one in picture.scans:
        kept_segments = [each for each in segments(one.head) if each[1] != 0xC4]
        heads.append(b"".join(each[:1] + bytes([frames.get(each[1], each[1])]) + each[2:] for each in kept_segments))
    if conditions:
        heads[0] = heads[0][:2] + b"\xff\xcc" + (2 + len(conditions)).to_bytes(2, "big") + conditions + heads[0][2:]
    scans = [
        Coded(head, each, one.units, Said(0, b"", b""))
        for head, each, one in zip(heads, heads_of(heads), picture.scans, strict=True)
    ]
    made = Picture(scans[0].scan.frame, scans, picture.components)
    return b"".join(write_picture(made, 2 * len(data))) + b"\xff\xd9"


ARITHMETIC = [
    {"quality": 75},
    {"quality": 100, "restart_marker_blocks": 3},
    {"quality": 85, "progressive": True},
    {"quality": 98, "progressive": True, "restart_marker_blocks": 5},
]


@pytest.mark.parametrize("settings", ARITHMETIC)
@pytest.mark.parametrize("array", [GRAY, COLOUR])
@pytest.mark.parametrize("conditions", [b"", b"\0\x53\x01\x11\x10\x01\x11\x3f"])
def test_arithmetic_codes(array: np.ndarray, settings: dict[str, Any], conditions: bytes) -> None:
    """What a second writer makes of them: tests/test_minidec_kept_files.py."""
    data = written(array, **settings)
    (plain,) = streams(kept(data))
    coded = arithmetic(data, conditions)
    original = kept(coded)
    (part,) = streams(original)
    assert is_whole(part) and len(part.scans) == len(plain.scans)
    start = coded.index(b"\xff\xda")
    for size in range(start + 300, len(coded), 211):
        cut = kept(coded[:size])
        assert sum(len(each.data) for each in cut.parts if isinstance(each, Literal)) < 60


def with_factors(factors: list[int], shape: tuple[int, int], bits: int = 8) -> bytes:
    """A sequential file of three components with such sampling factors, whose units have random coefficients."""
    picture_units = (
        -(-shape[0] // (8 * max(one & 15 for one in factors))),
        -(-shape[1] // (8 * max(one >> 4 for one in factors))),
    )
    head = b"\xff\xd8\xff\xdb\0\x43\0" + bytes([4] * 64)
    head += b"\xff\xc1\0\x11" + bytes([bits]) + shape[0].to_bytes(2, "big") + shape[1].to_bytes(2, "big")
    head += b"\x03" + b"".join(bytes([k + 1, one, 0]) for k, one in enumerate(factors))
    head += TYPICAL_TABLES + b"\xff\xda\0\x0c\x03\x01\0\x02\0\x03\0\0\x3f\0"
    count = picture_units[0] * picture_units[1]
    members = [k for k, one in enumerate(factors) for _ in range((one >> 4) * (one & 15))]
    blocks = np.zeros((count * len(members), 64), np.int64)
    blocks[:, 0] = RANDOM.integers(-100, 100, len(blocks))
    blocks[:, 0] *= 1 if bits == 8 else 9
    blocks[:, 1:9] = RANDOM.integers(-3, 4, (len(blocks), 8))
    book = {0: {}, 4: {}}
    for table, start in ((0, 5), (4, 38)):
        counts = list(TYPICAL_TABLES[start : start + 16])
        book[table] = naive.huffman_codes(counts, list(TYPICAL_TABLES[start + 16 : start + 16 + sum(counts)]))
    return head + naive.jpeg_scan(blocks.tolist(), members, [(0, 4)] * 3, 0, 1, book) + b"\xff\xd9"


@pytest.mark.parametrize(
    "factors",
    [
        [0x41, 0x11, 0x11],
        [0x42, 0x11, 0x11],
        [0x12, 0x11, 0x11],
        [0x21, 0x12, 0x11],
        [0x31, 0x21, 0x11],
        [0x22, 0x21, 0x22],
    ],
    ids=["4:1:1", "4:1:0", "4:4:0", "mixed", "thirds", "wide"],
)
@pytest.mark.parametrize("shape", [(64, 100), (17, 41)])
def test_any_sampling(factors: list[int], shape: tuple[int, int]) -> None:
    (part,) = streams(kept(with_factors(factors, shape)))
    assert is_whole(part)


def test_twelve_bits_and_wide_steps() -> None:
    data = with_factors([0x22, 0x11, 0x11], (50, 60), 12)
    (part,) = streams(kept(data))
    assert is_whole(part)
    steps = b"".join((16 * step).to_bytes(2, "big") for step in range(1, 65))
    start = data.index(b"\xff\xdb")
    (part,) = streams(kept(data[:start] + b"\xff\xdb\0\x83\x10" + steps + data[start + 69 :]))
    assert is_whole(part)


def test_one_component_a_scan() -> None:
    """Not interleaved: the grids of scans of one component are smaller than that of the frame (T.81, A.2.2)."""
    gray = written(GRAY, quality=80)
    small = written(GRAY[: -(-ROWS // 2), : -(-COLUMNS // 2)], quality=80)
    start, frame, scan_start = gray.index(b"\xff\xdb"), gray.index(b"\xff\xc0"), gray.index(b"\xff\xda")
    head = (
        gray[start:frame] + b"\xff\xc0\0\x11\x08" + gray[frame + 5 : frame + 9] + b"\x03\x01\x22\0\x02\x11\0\x03\x11\0"
    )
    tables = gray[gray.index(b"\xff\xc4") : scan_start]
    coded = [gray[scan_start:-2], *[small[small.index(b"\xff\xda") : -2]] * 2]
    scans = [each[:5] + bytes([number + 1]) + each[6:] for number, each in enumerate(coded)]
    (part,) = streams(kept(b"\xff\xd8" + head + tables + b"".join(scans) + b"\xff\xd9"))
    assert is_whole(part) and len(part.scans) == 3


def test_factors_of_a_single_component_say_nothing() -> None:
    data = bytearray(written(GRAY))
    place = data.index(b"\xff\xc0") + 11
    assert data[place] == 0x11
    data[place] = 0x22
    (part,) = streams(kept(bytes(data)))
    assert is_whole(part)


def test_bytes_filled_up_otherwise() -> None:
    """With zeros, or with bits of both kinds: how many bits fill a byte up is known when its data is read."""
    found = set()
    for size in range(24, 44):
        data = written(GRAY[:size, :size])
        for mask in (0xFE, 0xFC, 0xF8):
            (part,) = streams(kept(data[:-3] + bytes([data[-3] & mask]) + data[-2:]))
            found |= {(one.flags, len(one.ends)) for one in part.scans if not one.units}
    assert {(1, 0), (2, 1)} <= found


def test_fill_bytes() -> None:
    """Before markers, those of restarts among them."""
    data = written(COLOUR, quality=80, restart_marker_blocks=3)
    start = data.index(b"\xff\xda")
    filled = data[:start].replace(b"\xff\xdb", b"\xff\xff\xff\xdb") + data[start:].replace(
        b"\xff\xd1", b"\xff\xff\xff\xd1"
    )
    (part,) = streams(kept(filled[:-2] + b"\xff" + filled[-2:]))
    assert [one.units for one in part.scans] == [0]


@pytest.mark.parametrize("progressive", [False, True])
def test_cut_off(progressive: bool) -> None:
    data = written(COLOUR, quality=90, progressive=progressive)
    start = data.index(b"\xff\xda")
    for size in range(start + 200, len(data), 97):
        original = kept(data[:size])
        left = sum(len(part.data) for part in original.parts if isinstance(part, Literal))
        assert left < 60 + (50 if progressive else 20)


def test_tables_that_stand_elsewhere() -> None:
    """Of many abbreviated streams, as in TIFF files: before them or behind."""
    data = written(GRAY, quality=80)
    first, second = data.index(b"\xff\xc0"), data.index(b"\xff\xc4")
    scan_start = data.index(b"\xff\xda")
    tables = b"\xff\xd8" + data[data.index(b"\xff\xdb") : first] + data[second:scan_start] + b"\xff\xd9"
    tile = b"\xff\xd8" + data[first:second] + data[scan_start:]
    for whole in (b"II*\0" + tables + tile * 3, b"II*\0" + tile * 3 + tables):
        original = kept(whole)
        assert [part.tables for part in streams(original)] == [tables] * 3
        # The second and the third are what the coder has just seen.
        alone = kept(b"II*\0" + tables + tile)
        assert original.coefficients is not None and alone.coefficients is not None
        assert len(original.coefficients.data) < 0.92 * 3 * len(alone.coefficients.data)


@pytest.mark.parametrize("progressive", [False, True])
def test_rows_that_are_told_behind_the_first_scan(progressive: bool) -> None:
    data = written(COLOUR, quality=85, progressive=progressive)
    frame, first = data.index(b"\xff\xc2" if progressive else b"\xff\xc0"), data.index(b"\xff\xda")
    end = data.index(b"\xff\xc4", first) if progressive else len(data) - 2
    lines = b"\xff\xdc\0\x04" + data[frame + 5 : frame + 7]
    (part,) = streams(kept(data[: frame + 5] + bytes(2) + data[frame + 7 : end] + lines + data[end:]))
    (usual,) = streams(kept(data))
    assert len(part.scans) == len(usual.scans) and all(one.units > 1 for one in part.scans)


def test_streams_in_the_heads_of_others() -> None:
    thumbnail = written(COLOUR[::2, ::2], quality=90)
    data = written(COLOUR, quality=80, exif=b"Exif\0\0" + thumbnail + b"more")
    (part,) = streams(kept(data))
    assert any(isinstance(inner, Jpeg) for inner in part.parts)


def test_jpeg_data_among_other_bytes() -> None:
    data = b"head\xff\xd8\xff\xe0" + written(COLOUR, quality=60) + b"between" + written(GRAY, quality=60) + b"tail"
    assert [type(part) for part in kept(data).parts] == [Literal, Jpeg] * 2 + [Literal]


def test_streams_in_dicom_fragments() -> None:
    """Of three frames the first stands in one fragment, the others in several."""
    frames = [written(np.roll(COLOUR, 5 * k, axis=1), quality=80) for k in range(3)]
    pieces = [frames[0], frames[1][:700], frames[1][700:], frames[2][:300], frames[2][300:900], frames[2][900:] + b"\0"]
    items = b"".join(b"\xfe\xff\0\xe0" + len(each).to_bytes(4, "little") + each for each in [b"", *pieces])
    original = kept(b"DICM" + items + b"\xfe\xff\xdd\xe0" + bytes(4))
    assert [type(part) for part in original.parts] == [Literal, Jpeg, Literal, Fragments, Literal, Fragments, Literal]
    inner = [each for part in original.parts if isinstance(part, Fragments) for each in part.parts]
    assert [type(part) for part in inner] == [Jpeg, Literal] * 2
    assert all(is_whole(each) for each in inner if isinstance(each, Jpeg))


def test_what_is_no_jpeg_stream() -> None:
    for data in (b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xd9" * 9, written(COLOUR)[:300]):
        assert keep_coefficients("a", data, None, 5) is None


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    data = written(np.tile(COLOUR, (3, 3, 1)), quality=85, progressive=True)
    Path("photo.jpg").write_bytes(data)
    assert main(["encode", "--keep-file", "photo.jpg"]) == 0
    assert "coefficients of 1 picture of JPEG data, built-in codebook common" in capsys.readouterr().out
    assert len(Path("photo.sofc").read_bytes()) < 0.9 * len(data)
    Path("photo.jpg").unlink()
    assert main(["info", "-v", "photo.sofc"]) == 0
    assert "kept as the coefficients of its JPEG data" in capsys.readouterr().out
    assert main(["test", "photo.sofc"]) == 0
    assert main(["decode", "photo.sofc"]) == 0
    assert Path("photo.jpg").read_bytes() == data
    assert main(["decode", "--images", "photo.sofc", "-o", "photo.png"]) == 0
    assert (read(Path("photo.png").read_bytes()) == read(data)).all()
    assert (sofc.decode("photo.sofc") == read(data)).all()


def test_codebooks_of_the_collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One without a model for coefficients, and one that would have to be embedded, leave them to the built-in one."""
    monkeypatch.chdir(tmp_path)
    data = written(COLOUR, quality=85)
    Path("a.jpg").write_bytes(data)
    images = [read(written(np.roll(COLOUR, k, axis=0), quality=85)) for k in range(4)]
    for coder in ("dct", "context"):
        book = sofc.train(images, name=coder, coder=coder, held_out=0).codebook
        Path("own.sofcb").write_bytes(book.to_bytes())
        for embed in ([], ["--embed"]):
            assert main(["encode", "--keep-file", "-f", "-D", "own.sofcb", *embed, "a.jpg"]) == 0
            with sofc.open_reader("a.sofc", codebooks={book.id: book}) as reader:
                ((reference, embedded),) = reader.codebooks
                assert not embedded
                assert (reference == book.reference) == (coder == "dct" and not embed)
                assert restore_items(reader.metadata, (), reader.codebook) == data


def test_command_without_the_codebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ".data"))
    monkeypatch.delenv("SOFC_CODEBOOK_PATH", raising=False)
    vector = Path(__file__).parents[1] / "spec" / "vectors" / "kept-jpeg.sofc"
    Path("a.sofc").write_bytes(vector.read_bytes())
    for verb in (["test"], ["decode"], ["decode", "--images"]):
        assert main([*verb, "a.sofc"]) == 4
        assert "is missing; searched" in capsys.readouterr().err


def test_codebook_that_is_missing() -> None:
    original = kept(written(COLOUR, quality=85))
    with pytest.raises(CodebookError, match="does not name"):
        restore(original, ())
    other = builtin_codebook(PixelFormat(1, 16, 16))
    with pytest.raises(CodebookError, match="no model"):
        restore(original, (), lambda _: other)


@given(st.data())
def test_damaged_parts_end_well(data: st.DataObject) -> None:
    stream = written(COLOUR[:20, :24], quality=85, progressive=data.draw(st.booleans()))
    original = kept(stream)
    part, tail = original.parts
    assert isinstance(part, Jpeg) and isinstance(part.parts[0], Literal) and original.coefficients is not None
    heads, coded = bytearray(part.parts[0].data), bytearray(original.coefficients.data)
    for changed in (heads, coded):
        for _ in range(data.draw(st.integers(0, 3))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    number = data.draw(st.integers(0, len(part.scans) - 1))
    values = {name: data.draw(st.integers(0, 300)) for name in ("head", "units") if data.draw(st.booleans())}
    values |= {name: data.draw(st.binary(max_size=6)) for name in ("ends", "notes") if data.draw(st.booleans())}
    scans = list(part.scans)
    scans[number] = replace(scans[number], flags=data.draw(st.integers(0, 15)), **values)
    damaged = Jpeg(b"", tuple(scans), (Literal(bytes(heads)),))
    coefficients = replace(original.coefficients, data=bytes(coded))
    items = to_metadata(replace(original, parts=(damaged, tail), coefficients=coefficients))
    with contextlib.suppress(SofcError):
        assert restore_items(items, (), lambda _: BOOK) == stream


def test_pictures_are_no_larger_than_their_file_can_have() -> None:
    original = kept(written(GRAY[:40, :40]))
    part, tail = original.parts
    assert isinstance(part, Jpeg) and isinstance(part.parts[0], Literal)
    head = bytearray(part.parts[0].data)
    place = head.index(b"\xff\xc0") + 5
    head[place : place + 4] = b"\xff\xff\xff\xff"
    huge = replace(original, parts=(replace(part, parts=(Literal(bytes(head)),)), tail))
    with pytest.raises(SofcError, match="more blocks than the file can have"):
        restore(huge, (), lambda _: BOOK)


@given(st.binary(max_size=60), st.integers(0, 1 << 30), st.booleans())
def test_any_bytes_end_well(tail: bytes, place: int, progressive: bool) -> None:
    stream = bytearray(written(COLOUR[:24, :40], progressive=progressive))
    place %= len(stream)
    stream[place : place + len(tail)] = tail
    found = keep_coefficients("a", bytes(stream), None, 5)
    assert found is None or restore_items(found.items, (), lambda _: BOOK) == bytes(stream)


def test_typical_heads_are_those_that_libjpeg_writes() -> None:
    for data in (written(COLOUR), written(GRAY), written(COLOUR, quality=93)):
        for marker in (b"\xff\xdb", b"\xff\xc4", b"\xff\xda"):
            place = data.index(marker)
            size = 2 + int.from_bytes(data[place + 2 : place + 4], "big")
            assert data[place : place + size] in typical_heads()


def test_recipes_of_usual_files_take_few_bytes() -> None:
    for data, most in ((written(COLOUR), 24), (written(COLOUR, dpi=(72, 72)), 24), (written(GRAY), 40)):
        found = keep_coefficients("", data, None, 5)
        assert found is not None
        coded = original_in(found.items).coefficients
        assert coded is not None
        framing = 1 + 2 + 32 + 1 + 3
        assert sum(len(item.value) for item in found.items) - len(coded.data) <= framing + most


def test_tables_are_bounded() -> None:
    original = kept(written(COLOUR, quality=85))
    part, tail = original.parts
    assert isinstance(part, Jpeg)
    filler = Literal(bytes(5000))
    for size, ends in ((4096, False), (4097, True)):
        parts = (filler, replace(part, tables=bytes(size)), tail)
        items = to_metadata(replace(original, parts=parts))
        with pytest.raises(FormatError if ends else SofcError, match="bytes of tables" if ends else "SHA-256"):
            restore_items(items, (), lambda _: BOOK)


def test_reader_of_a_kept_jpeg_file(tmp_path: Path) -> None:
    """It is a sequence of the images in the file, as one of samples is."""
    data = written(COLOUR)
    found = keep_coefficients("a.jpg", data, None, 5)
    assert found is not None
    coded = sofc.Encoder(codebook=found.codebook, metadata=found.items).finish()
    with sofc.open_reader(coded) as reader:
        assert (len(reader), reader.header.format.meaning) == (1, sofc.Meaning.RGB)
        assert np.array_equal(reader[0], read(data)) and np.array_equal(reader.read_rows(3, 9), read(data)[3:9])
        assert [band.rows.shape for band in reader.bands()] == [COLOUR.shape]
        assert reader.metadata_of(0) == [] and reader.metadata[0].kind == sofc.MetadataKind.ORIGINAL
        assert np.array_equal(pickle.loads(pickle.dumps(reader))[-1], read(data))
        with pytest.raises(sofc.UsageError, match="there is no image 1"):
            reader.read_image(1)


@pytest.mark.parametrize("piece", [b"\xff\xd8\xff", b"\xff\xe0\0\4\xff\xd8", b"\xff\xd8\xff\xda\0\x08\1\1\0\0\x3f\0"])
def test_starts_that_all_lead_through_the_file_take_no_square_time(piece: bytes, monkeypatch: Any) -> None:
    passed = []

    class Counted(Heads):
        def next_scan(self, data: bytes, start: int) -> Any:
            before = self.passed
            found = super().next_scan(data, start)
            passed.append(self.passed - before)
            return found

    monkeypatch.setattr(jpeg, "Heads", Counted)
    data = b"\xff\xd8" + piece * 1500
    search = jpeg.Search(data, lambda picture: None)
    assert search.parts() == (Literal(data),)
    assert sum(passed) <= jpeg.FEW_MARKS + 2 * len(data)
