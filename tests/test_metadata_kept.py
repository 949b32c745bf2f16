"""All that a file holds besides its samples is kept and put back, or named when it is encoded."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import sofc
from sofc.cli.__main__ import main
from sofc.container.records import MetadataKind
from sofc.metadata import is_needed_to_view, read, unkept
from sofc.metadata.texts import text_of

GRAY = np.arange(12 * 17, dtype=np.uint8).reshape(12, 17)
COLOURS = np.stack([GRAY, GRAY[::-1], 255 - GRAY], axis=-1)
XMP = b"<x:xmpmeta/>"
EXIF = b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"


def as_pillow_writes(file_format: str, array: np.ndarray[Any, Any] = COLOURS, **settings: Any) -> bytes:
    """A file of the format."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, file_format, **settings)
    return file.getvalue()


def tiff_with(*fields: tuple[int, int, int, Any, bool]) -> bytes:
    """A TIFF file of one page with further fields."""
    file = io.BytesIO()
    tifffile.imwrite(file, GRAY, metadata=None, software=False, extratags=fields)
    return file.getvalue()


def png_with(kind: bytes, body: bytes = b"body") -> bytes:
    """A PNG file with a chunk before its samples."""
    data, content = as_pillow_writes("PNG"), kind + body
    return data[:33] + struct.pack(">I", len(body)) + content + struct.pack(">I", zlib.crc32(content)) + data[33:]


def box(kind: bytes, body: bytes) -> bytes:
    """A box of JPEG 2000 and JPEG XL files."""
    return struct.pack(">I", 8 + len(body)) + kind + body


def named(path: Path, data: bytes) -> str:
    """What is said of a file of these bytes."""
    path.write_bytes(data)
    return unkept(path)


def backwards(path: Path, data: bytes, file_format: str) -> Path:
    """What decoding writes of a file of these bytes."""
    path.write_bytes(data)
    coded, back = path.with_suffix(".sofc"), path.with_name(f"back.{file_format}")
    assert main(["encode", "-f", "--coder", "raw", str(path), "-o", str(coded)]) == 0
    assert main(["decode", "-f", str(coded), "-o", str(back)]) == 0
    return back


KEPT_FIELDS = (
    (281, 3, 1, 500),
    (340, 3, 1, 5),
    (341, 3, 1, 500),
    (321, 3, 2, (1, 2)),
    (18246, 3, 1, 5),
    (40091, 1, 8, "abc\0".encode("utf-16le")),
    (50708, 2, 4, "Cam"),
    (50844, 12, 2, (1.0, 2.0)),
)


@pytest.mark.parametrize("field", KEPT_FIELDS, ids=lambda field: str(field[0]))
def test_fields_of_tiff_files_come_back(tmp_path: Path, field: tuple[int, int, int, Any]) -> None:
    data = tiff_with((*field, True))
    assert not named(tmp_path / "a.tif", data)
    with tifffile.TiffFile(backwards(tmp_path / "a.tif", data, "tif")) as file:
        assert file.pages.first.tags[field[0]].value == field[3]


@pytest.mark.parametrize(
    "field", [(65000, 2, 4, "abc"), (33628, 4, 1, 8), (50706, 1, 4, b"\1\4\0\0"), (37500, 7, 3, b"xyz")]
)
def test_other_fields_of_tiff_files_are_named(tmp_path: Path, field: tuple[int, int, int, Any]) -> None:
    said = named(tmp_path / "a.tif", tiff_with((*field, True), (65009, 3, 1, 3, True)))
    assert f"field {field[0]}" in said and "field 65009" in said


def test_texts_written_as_bytes_are_texts(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff_with((270, 1, 5, b"hello", True)))
    assert [text_of(item) for item in read(tmp_path / "a.tif", 1)[0] if item.key == "ImageDescription"] == ["hello"]
    assert not unkept(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_plain_tiff_files_have_nothing_to_name(tmp_path: Path, compression: str | None) -> None:
    for number, settings in enumerate(({}, {"tile": (16, 16)}, {"photometric": "minisblack", "bigtiff": True})):
        path = tmp_path / f"{number}.tif"
        tifffile.imwrite(path, np.stack([GRAY, GRAY]), compression=compression, resolution=(3, 3), **settings)
        assert not unkept(path)


@pytest.mark.parametrize(("kind", "is_kept"), [(b"prVt", True), (b"vpAg", True), (b"prVT", False), (b"gIFg", False)])
def test_chunks_of_png_files(tmp_path: Path, kind: bytes, is_kept: bool) -> None:
    data = png_with(kind)
    assert (kind.decode() in named(tmp_path / "a.png", data)) is not is_kept
    assert (kind + b"body" in backwards(tmp_path / "a.png", data, "png").read_bytes()) is is_kept


def test_blocks_of_gif_files_are_named(tmp_path: Path) -> None:
    data = as_pillow_writes("GIF", GRAY, comment=b"hello")
    assert not named(tmp_path / "a.gif", data)
    place = data.index(b"\x21\xfe")
    for block, what in (
        (b"\x21\xff\x0bXMP DataXMP" + bytes([len(XMP)]) + XMP + b"\0", "XMP DataXMP"),
        (b"\x21\x01\x0c" + bytes(12) + b"\3abc\0", "text"),
        (b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0\0", ""),
    ):
        said = named(tmp_path / "a.gif", data[:place] + block + data[place:])
        assert what in said and bool(said) is bool(what)
    assert "shape of pixels" in named(tmp_path / "a.gif", data[:12] + b"\x20" + data[13:])


def test_chunks_of_webp_files_are_named(tmp_path: Path) -> None:
    data = as_pillow_writes("WEBP", lossless=True, exif=EXIF, xmp=XMP)
    assert not named(tmp_path / "a.webp", data)
    longer = data[:4] + struct.pack("<I", len(data) + 4) + data[8:] + b"ABCD\3\0\0\0abc\0"
    assert "chunk ABCD" in named(tmp_path / "a.webp", longer)


def test_heads_of_bmp_and_tga_files(tmp_path: Path) -> None:
    data = as_pillow_writes("BMP")
    assert not named(tmp_path / "a.bmp", data)
    longer = data[:10] + struct.pack("<II", 138, 124) + data[18:54] + bytes(16) + b"DEBM" + bytes(64) + data[54:]
    assert "colour profile" in named(tmp_path / "a.bmp", longer)
    data = as_pillow_writes("TGA")
    assert not named(tmp_path / "a.tga", data)
    assert "text behind its head" in named(tmp_path / "a.tga", as_pillow_writes("TGA", id_section=b"mine"))
    assert "extension area" in named(tmp_path / "a.tga", data[:-26] + b"\1" + data[-25:])


def test_texts_in_simple_heads_come_back(tmp_path: Path) -> None:
    sgi = as_pillow_writes("SGI")
    archive = io.BytesIO()
    np.savez(archive, mask=GRAY)
    for name, data, text in (
        ("a.pgm", b"P5\n# made by hand \n17 12\n#\n255\n" + GRAY.tobytes(), "made by hand"),
        ("a.pbm", b"P4 # bits\n17 12\n" + bytes(36), "bits"),
        ("a.sgi", sgi[:24] + b"a scan" + sgi[30:], "a scan"),
        ("a.npz", archive.getvalue(), "mask"),
    ):
        assert not named(tmp_path / name, data)
        with Image.open(backwards(tmp_path / name, data, "png")) as image:
            assert text in image.info.values()


def test_what_simple_heads_say_besides_is_named(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.savez(file, GRAY)
    assert not named(tmp_path / "a.npz", file.getvalue()) and not read(tmp_path / "a.npz", 1)[0]
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"hello"
    assert "comment" in named(tmp_path / "a.npz", file.getvalue())
    pam = b"P7\nWIDTH 17\nHEIGHT 12\nDEPTH 1\nMAXVAL 255\nTUPLTYPE %s\nENDHDR\n" + GRAY.tobytes()
    assert not named(tmp_path / "a.pam", pam.replace(b"%s", b"GRAYSCALE"))
    assert "DEPTHMAP" in named(tmp_path / "a.pam", pam.replace(b"%s", b"DEPTHMAP"))
    for scale, said in ((b"-1.0", False), (b"1", False), (b"-2.5", True)):
        data = b"Pf\n17 12\n" + scale + b"\n" + GRAY.astype("<f4").tobytes()
        assert ("scale" in named(tmp_path / "a.pfm", data)) is said


def test_linear_samples_of_qoi_files_are_named(tmp_path: Path) -> None:
    data = as_pillow_writes("QOI")
    assert "linear" in named(tmp_path / "a.qoi", data[:13] + b"\1" + data[14:])
    assert not named(tmp_path / "a.qoi", data[:13] + b"\0" + data[14:])


def test_resolution_of_pcx_files(tmp_path: Path) -> None:
    data = as_pillow_writes("PCX", GRAY)
    for dots, expected in (((300, 300), 300), ((640, 480), None), ((72, 72), None)):
        changed = data[:12] + struct.pack("<HH", *dots) + data[16:]
        with Image.open(backwards(tmp_path / "a.pcx", changed, "png")) as image:
            assert image.info.get("dpi", (None,))[0] == (expected and pytest.approx(expected, abs=0.1))


def test_boxes_come_back_or_are_named(tmp_path: Path) -> None:
    codecs = pytest.importorskip("imagecodecs")
    of_exif = box(b"Exif", b"\0\0\0\0" + EXIF)
    profile = b"\0\0\2\0" + b"profile" * 18
    jp2 = codecs.jpeg2k_encode(COLOURS, level=0, codecformat="JP2")
    place = jp2.index(b"colr") - 4
    head = jp2.index(b"jp2h") - 4
    size = int.from_bytes(jp2[head : head + 4], "big")
    colours = box(b"colr", b"\2\0\0" + profile)
    dots = box(b"res ", box(b"resd", struct.pack(">HHHHbb", 11811, 1, 11811, 1, 0, 0)))
    with_profile = (
        (jp2[:head] + struct.pack(">I", size - 15 + len(colours) + len(dots)) + jp2[head + 4 : place] + colours)
        + dots
        + jp2[place + 15 :]
    )
    jxl = codecs.jpegxl_encode(COLOURS, lossless=True, usecontainer=True)
    uuid = box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + XMP)
    for name, data, kinds in (
        ("a.jp2", jp2 + uuid, {MetadataKind.XMP}),
        ("a.jp2", with_profile, {MetadataKind.ICC, MetadataKind.RESOLUTION}),
        ("a.jp2", jp2 + box(b"uuid", b"JpgTiffExif->JP2" + EXIF), {MetadataKind.EXIF}),
        ("a.jxl", jxl + of_exif + box(b"xml ", XMP), {MetadataKind.EXIF, MetadataKind.XMP}),
    ):
        assert not named(tmp_path / name, data)
        back = read(backwards(tmp_path / name, data, "png"), 1)[0]
        assert {item.kind for item in back} - {MetadataKind.TEXT} == kinds
        values = {item.kind: item.value for item in back}
        assert values.get(MetadataKind.EXIF, EXIF) == EXIF and values.get(MetadataKind.XMP, XMP) == XMP
        assert values.get(MetadataKind.ICC, profile) == profile
    assert "box brob" in named(tmp_path / "a.jxl", jxl + box(b"brob", b"Exif" + b"packed"))
    assert "box uuid" in named(tmp_path / "a.jp2", jp2 + box(b"uuid", bytes(16)))
    assert "box res" in named(tmp_path / "a.jp2", with_profile.replace(b"resd", b"resx"))


def test_it_is_said_once_and_not_where_nothing_is_to_be_kept(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_with(b"prVT"))
    assert main(["encode", "--coder", "raw", str(path)]) == 0
    assert capsys.readouterr().err.count("chunk prVT") == 1
    assert main(["encode", "--coder", "raw", "--strip", "--force", str(path)]) == 0
    assert "prVT" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "data", [as_pillow_writes("GIF", GRAY), as_pillow_writes("WEBP"), as_pillow_writes("TGA"), tiff_with()]
)
def test_looking_at_damaged_files_raises_nothing(tmp_path: Path, data: bytes) -> None:
    for end in range(0, len(data), 13):
        named(tmp_path / "a", data[:end])


def test_slices_and_frames_come_back_as_pages_of_one_file(tmp_path: Path) -> None:
    stack = np.stack([GRAY, GRAY + 1, GRAY + 2])
    cards = ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 3", "NAXIS1  = 17", "NAXIS2  = 12", "NAXIS3  = 3", "END")
    frames = [Image.fromarray(frame) for frame in stack]
    file, archive = io.BytesIO(), io.BytesIO()
    np.save(file, stack)
    np.savez(archive, *stack)
    fits = "".join(card.ljust(80) for card in cards).encode().ljust(2880) + stack.tobytes().ljust(2880, b"\0")
    for name, data, pages in (
        ("a.npy", file.getvalue(), 3),
        ("b.fits", fits, 3),
        ("c.png", as_pillow_writes("PNG", GRAY, save_all=True, append_images=frames[1:]), 3),
        ("d.webp", as_pillow_writes("WEBP", lossless=True, save_all=True, append_images=frames[:1]), 2),
        ("e.npz", archive.getvalue(), 0),  # arrays are images of their own
    ):
        (tmp_path / name).write_bytes(data)
        assert main(["encode", "--coder", "raw", str(tmp_path / name)]) == 0
        assert main(["decode", str((tmp_path / name).with_suffix(".sofc")), "--out-dir", str(tmp_path / "back")]) == 0
        back = (tmp_path / "back" / name).with_suffix(".tif")
        assert back.exists() is bool(pages)
        if pages:
            with tifffile.TiffFile(back) as written:
                assert len(written.pages) == pages
                assert pages == 2 or all(map(np.array_equal, (page.asarray() for page in written.pages), stack))


def test_texts_that_tiff_has_no_field_for_are_named(tmp_path: Path, capsys: Any) -> None:
    """An animation comes back as a TIFF file, which holds no comment as GIF and PNG do."""
    frames = [Image.fromarray(GRAY), Image.fromarray(GRAY + 1)]
    (tmp_path / "a.gif").write_bytes(as_pillow_writes("GIF", GRAY, save_all=True, append_images=frames, comment=b"Ann"))
    backwards(tmp_path / "a.gif", (tmp_path / "a.gif").read_bytes(), "tif")
    assert "without texts that have no field (Comment)" in capsys.readouterr().out
    texts = PngInfo()
    texts.add_text("Author", "Ann")
    back = backwards(tmp_path / "a.png", as_pillow_writes("PNG", pnginfo=texts), "tif")
    assert "without" not in capsys.readouterr().out
    with tifffile.TiffFile(back) as file:
        assert file.pages.first.tags["Artist"].value == "Ann"


NAME = b"Doe^Jane"
OF_WHOM: tuple[tuple[str, bytes], ...] = (
    ("a.pgm", b"P5\n#" + NAME + b"\n17 12\n255\n" + GRAY.tobytes()),
    ("a.y4m", b"YUV4MPEG2 W17 H12 F25:1 Cmono X" + NAME + b"\nFRAME\n" + GRAY.tobytes()),
    ("a.gif", as_pillow_writes("GIF", GRAY, comment=NAME)),
    ("a.webp", as_pillow_writes("WEBP", lossless=True, xmp=XMP + NAME)),
    ("a.png", png_with(b"prVt", NAME)),
    ("b.png", png_with(b"iTXt", b"Title\0\0\0de\0\0" + NAME)),
    ("a.tif", tiff_with((50708, 2, 9, NAME.decode(), True), (40093, 1, 8, NAME, True), (315, 2, 9, "Doe^Jane", True))),
)


@pytest.mark.parametrize(("name", "data"), OF_WHOM, ids=[name for name, _ in OF_WHOM])
def test_names_are_kept_unless_they_are_stripped(tmp_path: Path, name: str, data: bytes) -> None:
    path, coded = tmp_path / name, tmp_path / "a.sofc"
    path.write_bytes(data)
    for options, is_kept in (((), True), (("--strip",), False)):
        assert main(["encode", "-f", "--coder", "raw", *options, str(path), "-o", str(coded)]) == 0
        assert (NAME in coded.read_bytes()) is is_kept
        with sofc.open_reader(coded) as reader:
            assert all(map(is_needed_to_view, reader.metadata)) is not is_kept


def test_the_transparent_colour_is_needed_to_view(tmp_path: Path) -> None:
    path, coded, back = tmp_path / "a.png", tmp_path / "a.sofc", tmp_path / "b.png"
    Image.fromarray(COLOURS).save(path, transparency=(0, 187, 255))
    assert main(["encode", "--strip", "--coder", "raw", str(path), "-o", str(coded)]) == 0
    assert main(["decode", str(coded), "-o", str(back)]) == 0
    with Image.open(back) as image:
        assert image.info["transparency"] == (0, 187, 255)
