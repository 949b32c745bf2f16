"""What stands behind the end of an image file is named, and nothing where nothing does."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, features

from sofc.errors import SofcError
from sofc.imagefiles import kind_of, load, remarks, sources
from sofc.imagefiles.ends import behind

COLOURS = np.arange(9 * 7 * 3, dtype=np.uint8).reshape(9, 7, 3)
FILES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("PNG", {}),
    ("PNG", {"save_all": True, "append_images": [Image.fromarray(255 - COLOURS)]}),
    ("GIF", {}),
    ("GIF", {"save_all": True, "append_images": [Image.fromarray(255 - COLOURS)], "comment": b"x" * 300}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"save_all": True, "append_images": [Image.fromarray(255 - COLOURS)]}),
    ("BMP", {}),
    ("TGA", {}),
    ("TGA", {"compression": "tga_rle"}),
    ("SGI", {}),
    ("PCX", {}),
    ("QOI", {}),
)
TGA_BYTES = 18 + COLOURS.nbytes
"""Of head and samples, before the footer."""


def bytes_behind(path: Path) -> int:
    """As the remarks of a file name them."""
    return behind(path, kind_of(path))


def made(file_format: str, settings: dict[str, Any], mode: str = "RGB") -> bytes:
    """A file of that format."""
    file = io.BytesIO()
    Image.fromarray(COLOURS).convert(mode).save(file, file_format, **settings)
    return file.getvalue()


@pytest.mark.parametrize(("file_format", "settings"), FILES)
def test_what_stands_behind(tmp_path: Path, file_format: str, settings: dict[str, Any]) -> None:
    path, data = tmp_path / "a", made(file_format, settings)
    for rest in (b"", bytes(5), b"\0\0more\0", data):
        path.write_bytes(data + rest)
        expected = len(rest.rstrip(b"\0"))
        assert bytes_behind(path) == expected
        said = [one for one in remarks(path) if "behind its end" in one]
        assert said == ([] if not expected else [said[0]]) and all(f" {expected} bytes" in one for one in said)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA"])
@pytest.mark.parametrize("file_format", ["PNG", "GIF", "BMP"])
def test_other_kinds_of_pixels(tmp_path: Path, file_format: str, mode: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(made(file_format, {}, mode))
    assert bytes_behind(path) == 0
    path.write_bytes(made(file_format, {}, mode) + b"more")
    assert bytes_behind(path) == 4


def test_size_in_the_head_of_a_bmp_file_may_be_wrong(tmp_path: Path) -> None:
    path, data = tmp_path / "a", made("BMP", {})
    for size in (0, 54, len(data) + 3):  # the last covers what a program put there
        path.write_bytes(data[:2] + size.to_bytes(4, "little") + data[6:] + b"end")
        assert bytes_behind(path) == (0 if size > len(data) else 3)


@pytest.mark.parametrize(("file_format", "settings"), FILES)
def test_files_that_are_cut_off_or_damaged(tmp_path: Path, file_format: str, settings: dict[str, Any]) -> None:
    path, data = tmp_path / "a", made(file_format, settings)
    for end in range(len(data) if file_format != "TGA" else len(data) - 26):  # the footer may be missing
        path.write_bytes(data[:end])
        assert bytes_behind(path) == 0


@pytest.mark.skipif(not features.check("avif"), reason="Pillow is without AVIF here")
def test_avif_file_behind_another(tmp_path: Path) -> None:
    path, data = tmp_path / "a", made("AVIF", {})
    for rest, expected in ((b"", 0), (data, len(data)), (data[:30], 30)):
        path.write_bytes(data + rest)
        assert bytes_behind(path) == expected
    for end in range(len(data)):
        path.write_bytes(data[:end])
        assert bytes_behind(path) == 0


def test_chunks_of_webp_have_an_even_length(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"RIFF\5\0\0\0WEBPx\0more")
    assert bytes_behind(path) == 4


def test_a_bmp_file_with_runs_ends_where_its_head_says(tmp_path: Path) -> None:
    path, data = tmp_path / "a", made("BMP", {}, "L")
    data = data[:30] + b"\1" + data[31:]
    for size, expected in ((len(data) - 9, 12), (0, 0)):  # 0: where it ends is not known
        path.write_bytes(data[:2] + size.to_bytes(4, "little") + data[6:] + b"end")
        assert bytes_behind(path) == expected


@pytest.mark.skipif(not features.check("avif"), reason="Pillow is without AVIF here")
def test_boxes_may_have_long_sizes(tmp_path: Path) -> None:
    path, data = tmp_path / "a", made("AVIF", {})
    path.write_bytes(data + b"\0\0\0\1free" + (18).to_bytes(8, "big") + b"ab" + data)
    assert bytes_behind(path) == len(data)


def archive_of(**arrays: Any) -> bytes:
    """An NPZ file."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def ways() -> dict[str, bytes]:
    """Files of formats that Pillow does not write, or not in all these ways."""
    gray = COLOURS[..., 0]
    plain = made("TGA", {})[:TGA_BYTES]
    runs = np.repeat(gray, 3, axis=1)
    sun = b"\x59\xa6\x6a\x95" + np.array([7, 9, 8, 72, 1, 0, 0], ">u4").tobytes()
    rows = np.pad(gray, ((0, 0), (0, 1))).tobytes()
    packed = b"".join(b"\x80\x01" + bytes([value]) for value in rows[::2])
    head = b"SIMPLE  =                    T".ljust(80)
    cards = (("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", 7), ("NAXIS2", 9))
    fits = head + b"".join(b"%-8s= %20d".ljust(0) % (name.encode(), value) + b" " * 50 for name, value in cards)
    sgi = b"\x01\xda\x01\x01" + np.array([2, 21, 9, 1], ">u2").tobytes() + np.array([0, 255], ">u4").tobytes()
    starts = 512 + 72 + 43 * np.arange(9)
    body = b"".join(bytes(np.stack([np.full(21, 0x81, np.uint8), row], 1)) + b"\0" for row in runs)
    table = np.array([*starts, *[43] * 9], ">u4").tobytes()
    return {
        "TGA of a new kind": plain + bytes(8) + b"TRUEVISION-XFILE.\0",
        "TGA with an area": plain + b"area" + bytes([TGA_BYTES, 0, 0, 0]) + bytes(4) + b"TRUEVISION-XFILE.\0",
        "TGA with colours": made("TGA", {}, "P"),
        "SGI runs": sgi.ljust(512, b"\0") + table + body,
        "PCX with colours": made("PCX", {}, "P"),
        "PCX of bits": made("PCX", {}, "1"),
        "QOI with alpha": made("QOI", {}, "RGBA"),
        "Sun": sun + rows,
        "Sun in runs": sun[:23] + b"\2" + sun[24:] + packed,
        "FITS": (fits + b"END").ljust(2880) + gray.tobytes().ljust(2880, b"\0"),
        "icon": made("ICO", {"sizes": [(7, 7), (5, 5)]}),
        "PBM": b"P4 9 2\n\1\x80\1\x80",
        "PGM": b"P5\n2 2\n300\n\0\1\0\2\0\3\1\1\n# not more\n",
        "plain PGM": b"P2 # here 3 4\n2 2 9\n1 2\n # 4\n3 4\n# no more\n\n",
        "plain PBM": b"P1 4 2\n1010\n0 1 0 # 1\n1\n",
        "PAM": b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\nab",
    }


@pytest.mark.parametrize("name", ways())
def test_further_formats(tmp_path: Path, name: str) -> None:
    path, data = tmp_path / "a", ways()[name]
    for rest in (b"", b"more\0", b"!" + data):
        path.write_bytes(data + rest)
        if not rest:
            load(sources([path])[0])
        said = [one for one in remarks(path) if "behind its end" in one]
        expected = len(rest.rstrip(b"\0\n")) if rest.startswith(b"more") else len(rest.rstrip(b"\0"))
        assert bytes_behind(path) == expected
        assert said == ([] if not expected else [said[0]]) and all(f" {expected} bytes" in one for one in said)


@pytest.mark.parametrize("name", ways())
def test_further_formats_that_are_cut_off(tmp_path: Path, name: str) -> None:
    path, data = tmp_path / "a", ways()[name].rstrip(b"\0\n")
    for end in range(0, min(TGA_BYTES, len(data)), 3):
        path.write_bytes(data[:end])
        assert bytes_behind(path) == 0


def test_anymaps_of_several_kinds_are_several_images(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for first in ("PGM", "plain PGM", "plain PBM", "PAM"):
        for second in ("PGM", "plain PBM", "PAM"):
            path.write_bytes(ways()[first] + ways()[second])
            said = [*remarks(path)]
            assert "several images" in said[0] and not any("behind its end" in one for one in said)


def codestreams() -> dict[str, bytes]:
    """What imagecodecs makes of one image."""
    codecs = pytest.importorskip("imagecodecs")
    gray = np.ascontiguousarray(COLOURS[..., 0])
    made_by = {
        "JPEG 2000": codecs.jpeg2k_encode(COLOURS, level=0, codecformat="J2K"),
        "JP2": codecs.jpeg2k_encode(COLOURS, level=0, codecformat="JP2"),
        "JPEG XL": codecs.jpegxl_encode(COLOURS, lossless=True),
        "JPEG XL in boxes": codecs.jpegxl_encode(COLOURS, lossless=True, usecontainer=True),
        "JPEG-LS": codecs.jpegls_encode(gray),
        "lossless JPEG": codecs.ljpeg_encode(gray.astype(np.uint16), bitspersample=12),
    }
    place = made_by["JPEG 2000"].index(b"\xff\x90") + 6  # to the end, as programs say that do not know the length
    unsized = made_by["JPEG 2000"][:place] + bytes(4) + made_by["JPEG 2000"][place + 4 :]
    return {**made_by, "JPEG 2000 without a length": unsized}


def test_codestreams(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for name, data in codestreams().items():
        path.write_bytes(data)
        image = load(sources([path])[0])
        for rest in (b"", bytes(5), b"\0\0more\0", b"plenty of text behind", data):
            path.write_bytes(data + rest)
            said = [one for one in remarks(path) if " behind " in one or "pictures" in one]
            assert len(said) == bool(rest.strip(b"\0")), (name, rest)
            if name != "JP2" or rest != data:  # which is refused, as it holds two
                assert np.array_equal(load(sources([path])[0]).array, image.array)


@pytest.mark.parametrize(
    "data",
    [
        b"P2\n0 5\n255\n",  # a plain anymap of no samples
        b"P1 0 0",
        made("BMP", {})[:18] + b"\xff\xff\xff\x7f" * 2 + made("BMP", {})[26:],  # more samples than files can have
    ],
)
def test_what_is_damaged_has_no_end(tmp_path: Path, data: bytes) -> None:
    """Loading says what is wrong."""
    path = tmp_path / "a"
    path.write_bytes(data)
    assert bytes_behind(path) == 0
    with contextlib.suppress(SofcError):
        assert not list(remarks(path))
    with pytest.raises(SofcError):
        load(sources([path])[0])


def test_damaged_jpeg_xl_has_no_end(tmp_path: Path) -> None:
    """libjxl cannot count the frames of some, which is another error than that of data cut off."""
    codecs = pytest.importorskip("imagecodecs")
    data = bytearray(codecs.jpegxl_encode(COLOURS))
    path = tmp_path / "a"
    for place in range(2, 40):
        path.write_bytes(bytes([*data[:place], 0x80, *data[place + 1 :]]))
        list(remarks(path))


def test_archive_before_another_is_named(tmp_path: Path) -> None:
    """Of two the last one counts, by its directory at the end."""
    path, first, second = tmp_path / "a.npz", archive_of(a=COLOURS), archive_of(b=COLOURS[..., 0])
    path.write_bytes(first)
    assert not list(remarks(path))
    path.write_bytes(first + second)
    assert np.array_equal(load(sources([path])[0]).array, COLOURS[..., 0])
    assert f"{len(first)} bytes before or between its arrays" in next(iter(remarks(path)))
    with zipfile.ZipFile(path, "w") as archive, archive.open("a.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, COLOURS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"more"
    assert not list(remarks(path)) and bytes_behind(path) == 0
    path.write_bytes(path.read_bytes() + b"behind")
    assert bytes_behind(path) == 6


def exr_file(flags: int, parts: int = 1) -> bytes:
    """EXR data of two chunks a part, in tiles or rows, the places of which are known, with no more in its heads than is
    looked at."""
    kind = b"tiledimage" if flags & 0x200 else b"scanlineimage"
    attribute = b"type\0string\0" + struct.pack("<I", len(kind)) + kind + b"\0"
    data = b"v/1\1" + struct.pack("<I", 2 | flags) + attribute * parts + b"\0" * (flags >= 0x1000)
    head = struct.Struct("<" + "i" * (flags >= 0x1000) + ("4i" if flags & 0x200 else "i"))
    chunks = [head.pack(*[0] * (head.size // 4)) + struct.pack("<i", size) + b"x" * size for size in (5, 9) * parts]
    start = len(data) + 8 * len(chunks)
    places = [start + sum(map(len, chunks[:number])) for number in range(len(chunks))]
    return data + struct.pack(f"<{len(places)}Q", *reversed(places)) + b"".join(chunks)


@pytest.mark.parametrize(("flags", "parts"), [(0, 1), (0x200, 1), (0x1000, 1), (0x1200, 1), (0x1000, 2)])
def test_exr_files(tmp_path: Path, flags: int, parts: int) -> None:
    path, data = tmp_path / "a.exr", exr_file(flags, parts)
    for rest in (b"", bytes(3), b"more", data):
        path.write_bytes(data + rest)
        assert bytes_behind(path) == len(rest.rstrip(b"\0"))
    for end in range(len(data)):
        path.write_bytes(data[:end])
        assert bytes_behind(path) == 0


TIFF_LAYOUTS: tuple[dict[str, Any], ...] = (
    {},
    {"bigtiff": True, "byteorder": ">"},
    {"tile": (16, 16), "compression": "deflate"},
    {"rowsperstrip": 2, "compression": "deflate", "description": "a" * 999},
    {"imagej": True},
    {"extratags": [(42113, 2, 2, "1", True), (33550, 12, 3, (1.0, 1.0, 0.0), True)]},
)


@pytest.mark.parametrize("settings", TIFF_LAYOUTS)
def test_tiff_files(tmp_path: Path, settings: dict[str, Any]) -> None:
    path, stack = tmp_path / "a.tif", np.stack([COLOURS[..., 0]] * 3)
    tifffile.imwrite(path, stack, photometric="minisblack", **settings)
    data = path.read_bytes()
    for rest in (b"", bytes(99), b"repeated", b"more than what is spare, " * 3, made("PNG", {})):
        path.write_bytes(data + rest)
        expected = len(rest.rstrip(b"\0")) if len(rest) > 64 else 0
        found = bytes_behind(path)
        assert found == 0 if not expected else expected <= found <= expected + 64  # what tifffile left is among it
        assert any(f" {found} bytes behind its end" in one for one in remarks(path)) is bool(expected)
    for end in range(0, len(data), 7):
        path.write_bytes(data[:end])
        assert bytes_behind(path) == 0


def test_tiff_file_whose_parts_are_not_known_has_no_end(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for field in ((65000, 4, 1, 8, True), (37500, 7, 5, b"maker", True)):
        tifffile.imwrite(path, COLOURS[..., 0], extratags=[field])
        path.write_bytes(path.read_bytes() + b"that the field may lead to" * 3)
        assert bytes_behind(path) == 0


def test_parts_of_tiff_files_that_inner_directories_lead_to(tmp_path: Path) -> None:
    """EXIF data, and pages that only SubIFDs lead to, are none of what stands behind."""
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(COLOURS, subifds=2, photometric="rgb")
        for step in (2, 4):
            writer.write(COLOURS[::step, ::step], subfiletype=1, photometric="rgb")
    assert bytes_behind(path) == 0
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        entry = file.pages.first.tags[305].offset  # Software
    data[entry : entry + 12] = struct.pack("<HHII", 34665, 4, 1, len(data))
    comment = b"a comment of the user that stands far behind"
    data += struct.pack("<HHHII", 1, 37510, 7, len(comment), len(data) + 18) + bytes(4) + comment
    path.write_bytes(data)
    assert bytes_behind(path) == 0


def test_fields_that_claim_more_than_the_file_take_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for version, data in (
        (42, struct.pack("<HHHIII", 1, 700, 7, 1 << 31, 8, 0)),
        (43, struct.pack("<Q", 1 << 60)),
        (43, struct.pack("<QHHQQQ", 1, 700, 16, 1 << 58, 16, 0)),
    ):
        head = struct.pack("<2sHI", b"II", version, 8) if version == 42 else struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16)
        path.write_bytes(head + data + b"more" * 99)
        assert bytes_behind(path) == 0


def test_starts_of_pictures_that_lead_through_a_jpeg_file_are_gone_along_once(tmp_path: Path) -> None:
    """Each segment holds a start from which the segments behind it follow each other."""
    path = tmp_path / "a.jpg"
    data = made("JPEG", {})
    path.write_bytes(data + b"\xff\xe0\0\4\xff\xd8" * 50_000)  # took minutes
    assert [one for one in remarks(path) if "300000 bytes behind its pictures" in one]
    path.write_bytes(data + b"\xff\xd8" + b"\xff\xe0\0\4\xff\xd8" * 9 + data[2:])
    assert any("holds 2 pictures" in one for one in remarks(path))
