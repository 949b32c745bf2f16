"""Nothing is read through Pillow but what a second reader proves exact; all else is read otherwise, or refused."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from sofc.cli.__main__ import main
from sofc.errors import FormatError, SofcError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles import ImageSource, Samples, exact, load, sources, tiff
from sofc.imagefiles.signatures import name_of

imagecodecs = pytest.importorskip("imagecodecs")
RANDOM = np.random.default_rng(11)
HEIGHT, WIDTH = 9, 21
Made = tuple[bytes, np.ndarray]
Key = tuple[str, str, str]


def some(bits: int, components: int = 1) -> np.ndarray:
    """Samples of so many bits, the least and the largest among them."""
    shape = (HEIGHT, WIDTH) if components == 1 else (HEIGHT, WIDTH, components)
    array = RANDOM.integers(0, 1 << bits, shape).astype(np.uint8 if bits <= 8 else np.uint16)
    array.flat[0], array.flat[-1] = 0, (1 << bits) - 1
    return array


def packed(array: np.ndarray, bits: int, pad: int = 1) -> bytes:
    """Rows of samples of 1, 2, 4, 8 or 16 bits, the highest first; each row ends on a multiple of ``pad`` bytes."""
    rows = array.reshape(len(array), -1)
    if bits > 8:
        return rows.astype(">u2").tobytes()
    bit_rows = np.unpackbits(rows[:, :, None], axis=2)[:, :, 8 - bits :].reshape(len(array), -1)
    octets = np.packbits(bit_rows, axis=1)
    return np.pad(octets, ((0, 0), (0, -octets.shape[1] % pad))).tobytes()


def unpacked(array: np.ndarray, bits: int, palette: bool = False) -> np.ndarray:
    return array.astype(np.bool_) if bits == 1 else array


def pillow(image: Image.Image, kind: str, **settings: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def jpeg(mode: str, kind: str) -> Made:
    """JPEG data, which the same library decodes without Pillow."""
    smooth = np.clip(np.add.outer(np.arange(40) * 3, np.arange(56) * 2)[..., None] + RANDOM.integers(0, 40, 4), 0, 255)
    array = smooth.astype(np.uint8)[..., : len(mode)]
    image = Image.frombytes(mode, (56, 40), array.tobytes())
    settings: dict[str, Any] = {"save_all": True, "append_images": [image]} if kind == "MPO" else {}
    data = pillow(image, kind, quality=83, **settings)
    decoded = imagecodecs.jpeg8_decode(data)
    return data, 255 - decoded if mode == "CMYK" else decoded


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(bits: int, kind: int) -> Made:
    components = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    array = some(bits, components)
    row = len(packed(array[:1], bits))
    rows = np.frombuffer(packed(array, bits), np.uint8).reshape(HEIGHT, row)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, kind, 0, 0, 0))]
    if kind == 3:
        chunks.append((b"PLTE", RANDOM.bytes(3 << bits)))
    chunks += [(b"IDAT", zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes())), (b"IEND", b"")]
    data = b"".join(png_chunk(*chunk) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + data, unpacked(array, bits)


def gif(mode: str) -> Made:
    image = Image.fromarray(some(8))
    if mode == "P":
        image = image.convert("P")
        image.putpalette(RANDOM.bytes(768))
    data = pillow(image, "GIF", optimize=False)
    return data, imagecodecs.gif_decode(data, asrgb=False)


def webp(components: int, **settings: Any) -> Made:
    data = pillow(Image.fromarray(some(8, components)), "WEBP", **settings)
    return data, imagecodecs.webp_decode(data, hasalpha=components == 4)


def qoi(components: int) -> Made:
    array = some(8, components)
    array[3:6, 2:15] = array[0, 0]  # runs
    return imagecodecs.qoi_encode(array), array


def bmp(bits: int, rows: bytes, palette: bytes = b"", compression: int = 0, masks: bytes = b"") -> bytes:
    colours = len(palette) // 4
    size = 40 if not masks else 56
    offset = 14 + size + len(palette)
    head = struct.pack("<IiiHHIIiiII", size, WIDTH, HEIGHT, 1, bits, compression, len(rows), 0, 0, colours, 0)
    return struct.pack("<2sIII", b"BM", offset + len(rows), 0, offset) + head + masks + palette + rows


GRAYS = b"".join(bytes([value] * 3 + [0]) for value in range(256))


def bmp_indices(bits: int, palette: bytes | None = None) -> Made:
    array = some(bits)
    palette = RANDOM.bytes(4 << bits) if palette is None else palette
    return bmp(bits, packed(array[::-1], bits, pad=4), palette), unpacked(array, bits)


def bmp_mask(bits: int, largest: int = 1) -> Made:
    """Whole samples, and a palette of black and white only."""
    array = some(1)
    array[0, 0] = largest
    return bmp(bits, packed(array[::-1], bits, pad=4), bytes(4) + b"\xff\xff\xff\0"), array.astype(np.bool_)


def bmp_runs(bits: int) -> Made:
    """Run lengths: runs, literal pixels and lines that end early."""
    array = np.zeros((HEIGHT, WIDTH), np.uint8)
    data = bytearray()
    for row in array[::-1]:
        value = int(RANDOM.integers(1, 1 << bits))
        row[:7] = value
        data += bytes([7, value if bits == 8 else value << 4 | value])
        literal = RANDOM.integers(0, 1 << bits, 5).astype(np.uint8)
        row[7:12] = literal
        body = packed(literal[None], bits)
        data += bytes([0, 5]) + body + bytes(len(body) % 2) + b"\0\0"
    return bmp(bits, bytes(data + b"\0\1"), RANDOM.bytes(4 << bits), compression=1 if bits == 8 else 2), array


def bmp_colours(bits: int, fourth: int | None = None, masks: bytes = b"") -> Made:
    array = some(8, 4 if masks else 3)
    stored = array[..., [2, 1, 0, 3]] if masks else array[..., ::-1]
    if bits == 32 and not masks:
        stored = np.pad(stored, ((0, 0), (0, 0), (0, 1)), constant_values=fourth or 0)
    return bmp(bits, packed(stored[::-1], 8, pad=4), compression=3 if masks else 0, masks=masks), array


def tga(kind: int, depth: int, runs: bool = False, upward: bool = True) -> Made:
    components = depth // 8
    array = some(8, components)
    if runs:
        array[:, 4:15] = array[:, 3:4]
    stored = np.atleast_3d(array[::-1] if upward else array)
    stored = stored[..., [2, 1, 0, 3][:components]] if components > 2 else stored
    colours = (1, 256, 24) if kind == 1 else (0, 0, 0)
    head = struct.pack(
        "<BBBHHBHHHHBB",
        *(0, int(kind == 1), kind + 8 * runs, 0, colours[1], colours[2]),
        *(0, 0, WIDTH, HEIGHT, depth, 0 if upward else 0x20),
    )
    body = stored.tobytes()
    if runs:
        body = b"".join(
            bytes([2]) + row[:3].tobytes() + bytes([0x80 | 11]) + row[3].tobytes() + bytes([5]) + row[15:].tobytes()
            for row in stored
        )
    return head + RANDOM.bytes(768 if kind == 1 else 0) + body, array


def tiff_file(
    bits: int,
    photometric: int,
    components: int = 1,
    deflate: bool = True,
    orientation: int = 1,
    extra: int | None = None,
) -> Made:
    """A little-endian TIFF file of one strip. The array is what tifffile gives, bits as True for white."""
    array = some(bits, components)
    strip = array.astype("<u2").tobytes() if bits == 16 else packed(array, bits)
    strip = zlib.compress(strip) if deflate else strip
    tags = {256: (3, [WIDTH]), 257: (3, [HEIGHT]), 258: (3, [bits] * components), 259: (3, [8 if deflate else 1])}
    tags |= {262: (3, [photometric]), 274: (3, [orientation]), 277: (3, [components]), 278: (3, [HEIGHT])}
    tags |= {273: (4, [8]), 279: (4, [len(strip)])}
    if photometric == 3:
        tags[320] = (3, RANDOM.integers(0, 65536, 3 << bits).tolist())
    if extra is not None:
        tags[338] = (3, [extra])
    blob = strip + bytes(len(strip) % 2)
    entries = b""
    for tag, (kind, values) in sorted(tags.items()):
        body = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(body) > 4:
            place, blob = 8 + len(blob), blob + body
            body = struct.pack("<I", place)
        entries += struct.pack("<HHI", tag, kind, len(values)) + body.ljust(4, b"\0")
    data = struct.pack("<2sHI", b"II", 42, 8 + len(blob)) + blob + struct.pack("<H", len(tags)) + entries + bytes(4)
    second = tifffile.imread(io.BytesIO(data))
    assert np.array_equal(second, array)
    array = unpacked(array, bits)
    return data, ~array if photometric == 0 and bits == 1 else array


MAKERS: dict[Key, Callable[[], Made]] = {
    ("JPEG", "L", "jpeg L"): lambda: jpeg("L", "JPEG"),
    ("JPEG", "RGB", "jpeg RGB"): lambda: jpeg("RGB", "JPEG"),
    ("JPEG", "CMYK", "jpeg CMYK;I adobe"): lambda: jpeg("CMYK", "JPEG"),
    ("MPO", "L", "jpeg L"): lambda: jpeg("L", "MPO"),
    ("MPO", "RGB", "jpeg RGB"): lambda: jpeg("RGB", "MPO"),
    ("PNG", "1", "zip 1"): lambda: png(1, 0),
    ("PNG", "L", "zip L;2"): lambda: png(2, 0),
    ("PNG", "L", "zip L;4"): lambda: png(4, 0),
    ("PNG", "L", "zip L"): lambda: png(8, 0),
    ("PNG", "I;16", "zip I;16B"): lambda: png(16, 0),
    ("PNG", "P", "zip P;1"): lambda: png(1, 3),
    ("PNG", "P", "zip P;2"): lambda: png(2, 3),
    ("PNG", "P", "zip P;4"): lambda: png(4, 3),
    ("PNG", "P", "zip P"): lambda: png(8, 3),
    ("PNG", "LA", "zip LA"): lambda: png(8, 4),
    ("PNG", "RGB", "zip RGB"): lambda: png(8, 2),
    ("PNG", "RGBA", "zip RGBA"): lambda: png(8, 6),
    ("PNG", "RGBA", "zip LA;16B"): lambda: png(16, 4),
    ("PNG", "RGB", "zip RGB;16B"): lambda: png(16, 2),
    ("PNG", "RGBA", "zip RGBA;16B"): lambda: png(16, 6),
    ("GIF", "P", "gif"): lambda: gif("P"),
    ("GIF", "L", "gif"): lambda: gif("L"),
    ("WEBP", "RGB", ""): lambda: webp(3, quality=70),
    ("WEBP", "RGBA", ""): lambda: webp(4, lossless=True, exact=True),
    ("QOI", "RGB", "qoi"): lambda: qoi(3),
    ("QOI", "RGBA", "qoi"): lambda: qoi(4),
    ("BMP", "1", "raw 1 1"): lambda: bmp_indices(1, bytes(4) + b"\xff\xff\xff\0"),
    ("BMP", "1", "raw 1 4"): lambda: bmp_mask(4),
    ("BMP", "1", "raw 1 8"): lambda: bmp_mask(8),
    ("BMP", "L", "raw L 8"): lambda: bmp_indices(8, GRAYS),
    ("BMP", "P", "raw P;1 1"): lambda: bmp_indices(1),
    ("BMP", "P", "raw P;4 4"): lambda: bmp_indices(4),
    ("BMP", "P", "raw P 8"): lambda: bmp_indices(8),
    ("BMP", "P", "bmp_rle P;4 4"): lambda: bmp_runs(4),
    ("BMP", "P", "bmp_rle P 8"): lambda: bmp_runs(8),
    ("BMP", "RGB", "raw BGR 24"): lambda: bmp_colours(24),
    ("BMP", "RGB", "raw BGRX 32"): lambda: bmp_colours(32),
    ("TGA", "L", "raw L"): lambda: tga(3, 8),
    ("TGA", "RGB", "raw BGR"): lambda: tga(2, 24, upward=False),
    ("TGA", "RGBA", "raw BGRA"): lambda: tga(2, 32),
    ("TGA", "RGBA", "tga_rle BGRA"): lambda: tga(2, 32, runs=True),
    ("TGA", "P", "raw P"): lambda: tga(1, 8),
    ("TGA", "L", "tga_rle L"): lambda: tga(3, 8, runs=True),
    ("TGA", "RGB", "tga_rle BGR"): lambda: tga(2, 24, runs=True),
    ("TGA", "P", "tga_rle P"): lambda: tga(1, 8, runs=True),
    ("TIFF", "1", "raw 1"): lambda: tiff_file(1, 1, deflate=False),
    ("TIFF", "1", "raw 1;I"): lambda: tiff_file(1, 0, deflate=False),
    ("TIFF", "1", "libtiff 1"): lambda: tiff_file(1, 1),
    ("TIFF", "1", "libtiff 1;I"): lambda: tiff_file(1, 0),
    ("TIFF", "P", "raw P;1"): lambda: tiff_file(1, 3, deflate=False),
    ("TIFF", "P", "libtiff P;1"): lambda: tiff_file(1, 3),
    ("TIFF", "P", "libtiff P;2"): lambda: tiff_file(2, 3),
    ("TIFF", "P", "libtiff P;4"): lambda: tiff_file(4, 3),
    ("TIFF", "P", "libtiff P"): lambda: tiff_file(8, 3),
    ("TIFF", "L", "libtiff L"): lambda: tiff_file(8, 1),
    ("TIFF", "I;16", "libtiff I;16N"): lambda: tiff_file(16, 1),
    ("TIFF", "LA", "libtiff LA"): lambda: tiff_file(8, 1, 2, extra=2),
    ("TIFF", "RGB", "libtiff RGB"): lambda: tiff_file(8, 2, 3),
    ("TIFF", "RGBA", "libtiff RGBA"): lambda: tiff_file(8, 2, 4, extra=2),
    ("TIFF", "CMYK", "libtiff CMYK"): lambda: tiff_file(8, 5, 4),
}


def stored(folder: Path, data: bytes) -> Samples:
    """What sofc reads of a file with this content, whatever its name."""
    path = folder / "file.image"
    path.write_bytes(data)
    return load(ImageSource(path))


def test_no_layout_without_a_proof() -> None:
    assert sorted(MAKERS) == sorted(one.key for one in exact.TABLE)


@pytest.mark.parametrize("layout", exact.TABLE, ids=lambda layout: " ".join(layout.key))
def test_layouts_are_read_exactly(tmp_path: Path, layout: exact.Layout) -> None:
    for _ in range(3):
        data, wanted = MAKERS[layout.key]()
        with Image.open(io.BytesIO(data)) as image:
            assert (image.format, image.mode, exact.layout_of(image)) == layout.key
        if layout.format == "TIFF":
            (tmp_path / "a.tif").write_bytes(data)
            got = tiff._Opened(tmp_path / "a.tif").through_pillow(0)
        else:
            got = stored(tmp_path, data)
        array = got.array.view(np.uint8) != 0 if got.array.dtype == np.bool_ else got.array
        assert array.dtype == wanted.dtype
        assert np.array_equal(array, wanted)
        assert (got.meaning, got.declared_bits) == (layout.meaning, layout.bits)


MODES = (
    "1",
    "L",
    "LA",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBX",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I",
    "F",
    "I;16",
    "I;16B",
    "La",
    "RGBa",
)
DECODERS = {
    "JPEG": imagecodecs.jpeg8_decode,
    "MPO": imagecodecs.jpeg8_decode,
    "WEBP": lambda data: imagecodecs.webp_decode(data, hasalpha=None),
    "AVIF": imagecodecs.avif_decode,
    "GIF": lambda data: imagecodecs.gif_decode(data, asrgb=False),  # palettes are made anew
}
SETTINGS: dict[str, dict[str, Any]] = {"JPEG2000": {"irreversible": False}, "ICO": {"sizes": [(WIDTH, HEIGHT)]}}


def image_of(mode: str) -> Image.Image:
    if mode in ("P", "PA"):
        image = Image.frombytes("P", (WIDTH, HEIGHT), some(8).tobytes())
        image.putpalette(RANDOM.bytes(768))
        return image if mode == "P" else image.convert("PA")
    if mode in ("I", "F"):
        return Image.fromarray(
            RANDOM.integers(0, 70000, (HEIGHT, WIDTH)).astype(np.int32 if mode == "I" else np.float32)
        )
    probe = Image.new(mode, (WIDTH, HEIGHT))
    return Image.frombytes(mode, (WIDTH, HEIGHT), RANDOM.bytes(len(probe.tobytes())))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", sorted((Image.init(), {*Image.SAVE} - {"PPM"})[1]))
def test_whatever_pillow_writes(tmp_path: Path, kind: str, mode: str) -> None:
    """The samples that were written, those that a decoder of a lossy format gives, or a refusal."""
    if (kind, mode) == ("JPEG2000", "I;16B"):
        pytest.skip("Pillow writes the bytes of each sample the wrong way round")
    image = image_of(mode)
    try:
        data = pillow(image, kind, **SETTINGS.get(kind, {}))
    except Exception:  # as each plugin says that it has no such mode
        return
    try:
        got = stored(tmp_path, data).array
    except SofcError as error:
        assert "file.image" in str(error)
        assert len(str(error).splitlines()) == 1
        return
    if kind in DECODERS:
        wanted = DECODERS[kind](data)
        wanted = 255 - wanted if mode == "CMYK" and kind in ("JPEG", "MPO") else wanted
    else:
        wanted = np.asarray(image.convert("RGBA") if (kind, mode) == ("ICO", "P") else image)
    assert np.array_equal(got, wanted)


def test_every_format_of_pillow_is_in_the_table_or_refused(tmp_path: Path) -> None:
    Image.init()
    known = {one.format for one in exact.TABLE}
    for kind, (factory, _) in Image.OPEN.items():
        image = Image.new("RGB", (4, 4))
        image.format, image.format_description = kind, kind
        image.tile, image.fp, image.tag_v2 = [], io.BytesIO(bytes(40)), {}
        if kind in known:
            continue
        with pytest.raises(UnsupportedError, match=r"is not read: .*--keep-file"):
            exact.described(image, "x")
        assert factory is not None


def oriented(orientation: int) -> bytes:
    return tiff_file(8, 1, orientation=orientation)[0]


REFUSED: dict[str, tuple[bytes, str]] = {
    "TGA of 16 bits": (tga(2, 16)[0], "TGA"),
    "TGA that says more of its alpha": (
        tga(2, 32)[0] + struct.pack("<II", 18, 0) + b"TRUEVISION-XFILE.\0",
        "RGBA from raw BGRA extended",
    ),
    "BMP of 5, 6 and 5 bits": (
        bmp(16, packed(some(8, 2), 8, pad=4), compression=3, masks=struct.pack("<4I", 0xF800, 0x7E0, 0x1F, 0)),
        "5, 6, 5 bits",
    ),
    "BMP with alpha in the unused byte": (bmp(32, packed(some(8, 4), 8)), "leaves unused"),
    "icons of Apple": (pillow(Image.new("RGBA", (16, 16)), "ICNS"), "several sizes"),
    "EPS": (pillow(Image.new("RGB", (16, 16)), "EPS"), "drawings"),
    "XPM": (b'/* XPM */\nstatic char *a[] = {\n"2 1 1 1",\n"a c #010203",\n"aa"\n};\n', "nothing proves"),
    "CMYK without Adobe's mark": (
        pillow(Image.new("CMYK", (16, 16)), "JPEG").replace(b"\xff\xee\x00\x0eAdobe", b"\xff\xee\x00\x0eOther"),
        "Pillow inverts its inks",
    ),
    "HEIF": (b"\0\0\0\x18ftypheic" + bytes(80), "HEIF file, which sofc does not read"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(80), "HDF5"),
    "JPEG of two components": (
        b"\xff\xd8\xff\xc0\0\x0e\x08\0\x10\0\x10\2\1\x11\0\2\x11\0\xff\xda\0\x0a\2\1\0\2\0\0\x3f\0\xff\xd9",
        "it begins as JPEG does",
    ),
    "an archive": (b"PK\3\4" + bytes(80), "ZIP"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(tmp_path: Path, name: str) -> None:
    data, words = REFUSED[name]
    with pytest.raises(SofcError, match=words) as caught:
        stored(tmp_path, data)
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    assert "file.image: " in said
    assert any(advice in said for advice in ("convert it", "write it as", "pydicom"))


def test_masks_beyond_their_palette(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="beyond its palette of two colours"):
        stored(tmp_path, bmp_mask(8, largest=2)[0])


def test_jpeg_2000_that_is_cut_off(tmp_path: Path) -> None:
    for container in ("jp2", "j2k"):
        data = imagecodecs.jpeg2k_encode(some(8, 3), level=0, reversible=True, codecformat=container)
        for length in (len(data) // 2, len(data) - 30, len(data) - 1):
            with pytest.raises(FormatError, match="cut off"):
                stored(tmp_path, data[:length])


def test_png_without_samples(tmp_path: Path) -> None:
    data, _ = png(8, 0)
    with pytest.raises(FormatError, match="the PNG file has no samples"):
        stored(tmp_path, data[: data.index(b"IDAT") - 4] + data[-12:])


def test_gray_of_few_bits_stays_as_it_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for bits in (2, 4):
        data, wanted = png(bits, 0)
        Path("a.png").write_bytes(data)
        assert main(["encode", "-f", "--coder", "raw", "a.png"]) == 0
        assert main(["decode", "-f", "a.sofc", "-o", "b.png"]) == 0
        with Image.open("a.png") as before, Image.open("b.png") as after:
            assert np.array_equal(np.asarray(before), np.asarray(after))
        again = load(ImageSource(Path("b.png")))
        assert np.array_equal(again.array, wanted)
        assert again.declared_bits == bits


def test_an_image_that_exif_turns_is_not_turned(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[274] = 6
    image = Image.fromarray(some(8, 3))
    for kind in ("JPEG", "WEBP", "PNG"):
        data = pillow(image, kind, exif=turned)
        plain = pillow(image, kind)
        assert np.array_equal(stored(tmp_path, data).array, stored(tmp_path, plain).array)


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
@pytest.mark.parametrize("bits", [1, 8])
def test_tiff_files_are_not_turned(tmp_path: Path, bits: int, orientation: int) -> None:
    data, wanted = tiff_file(bits, 1, orientation=orientation)
    assert np.array_equal(stored(tmp_path, data).array, wanted)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(UnsupportedError, match="turned"):
        tiff._Opened(tmp_path / "a.tif").through_pillow(0)


def without_imagecodecs(*_: object) -> None:
    raise ValueError("decoding needs the 'imagecodecs' package")


@pytest.mark.parametrize(
    "made",
    [
        lambda: tiff_file(2, 1),  # Pillow scales these
        lambda: tiff_file(8, 0),  # inverts
        lambda: tiff_file(8, 2, 4, extra=1),  # divides by alpha
        lambda: tiff_file(8, 2, 4, extra=0),  # drops the fourth
        lambda: tiff_file(16, 2, 3),  # cuts
        lambda: tiff_file(8, 1, orientation=6),  # turns
    ],
)
def test_tiff_that_pillow_would_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Callable[[], Made]
) -> None:
    data, wanted = made()
    assert np.array_equal(stored(tmp_path, data).array, wanted)
    monkeypatch.setattr(tiff, "_frame", without_imagecodecs)
    with pytest.raises(UnsupportedError, match=r"pip install 'sofc\[codecs\]'"):
        stored(tmp_path, data)


def test_signed_tiff_without_imagecodecs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", some(8).view(np.int8), photometric="minisblack", compression="lzw")
    monkeypatch.setattr(tiff, "_frame", without_imagecodecs)
    with pytest.raises(UnsupportedError, match=r"pip install 'sofc\[codecs\]'"):
        load(ImageSource(tmp_path / "a.tif"))


def test_components_of_unequal_bits_are_refused(tmp_path: Path) -> None:
    data, _ = tiff_file(8, 2, 3)
    bits = struct.pack("<3H", 8, 8, 8)
    with pytest.raises(UnsupportedError, match=r"\(5, 6, 5\) bits, which tifffile scales"):
        stored(tmp_path, data.replace(bits, struct.pack("<3H", 5, 6, 5), 1))


def test_jpeg_in_tiff_without_imagecodecs(tmp_path: Path) -> None:
    array = np.repeat(np.repeat(some(8, 3), 8, axis=0), 8, axis=1)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="ycbcr", compression="jpeg", subsampling=(2, 2))
    assert np.array_equal(tiff._Opened(tmp_path / "a.tif").through_pillow(0).array, tifffile.imread(tmp_path / "a.tif"))


def apng(tmp_path: Path, mode: str, alpha: int) -> list[ImageSource]:
    stills = []
    for level in (200, 90):
        still = Image.new("RGBA", (8, 6), (level, 10, 20, 255 if level == 200 else alpha))
        stills.append(still.quantize(16) if mode == "P" else still.convert(mode))
    stills[0].save(tmp_path / "a.png", save_all=True, append_images=stills[1:], blend=[0, 1])
    return sources([tmp_path / "a.png"])


def gif_frame(x: int, y: int, array: np.ndarray, palette: bytes) -> bytes:
    """A part of a picture with a palette of its own, its data never compressed."""
    codes = [code for n, index in enumerate(array.ravel()) for code in ([256] * (n % 100 == 0) + [int(index)])] + [257]
    number = sum(code << 9 * n for n, code in enumerate(codes))
    data = number.to_bytes((9 * len(codes) + 7) // 8, "little")
    blocks = b"".join(bytes([len(data[n : n + 255])]) + data[n : n + 255] for n in range(0, len(data), 255))
    head = b"!\xf9\4\4\5\0\0\0," + struct.pack("<4HB", x, y, array.shape[1], array.shape[0], 0x87)
    return head + palette + b"\x08" + blocks + b"\0"


def test_gif_frames_of_grays_and_of_colours(tmp_path: Path) -> None:
    gray, colours = bytes(np.repeat(np.arange(256), 3).astype(np.uint8)), RANDOM.bytes(768)
    whole, part = some(8), some(8)[:4, :5]
    for first, second in ((colours, gray), (colours, colours[::-1]), (gray, gray), (gray, colours)):
        data = b"GIF89a" + struct.pack("<HHBBB", WIDTH, HEIGHT, 0x70, 0, 0)
        data += gif_frame(0, 0, whole, first) + gif_frame(3, 2, part, second) + b";"
        (tmp_path / "a.gif").write_bytes(data)
        found = sources([tmp_path / "a.gif"])
        shown = np.frombuffer(first, np.uint8).reshape(-1, 3)[whole]
        assert np.array_equal(np.broadcast_to(np.atleast_3d(load(found[0]).array), shown.shape), shown)
        if (first, second) == (gray, colours):
            with pytest.raises(UnsupportedError, match="frame 1 has a palette"):
                load(found[1])
            continue
        shown[2:6, 3:8] = np.frombuffer(second, np.uint8).reshape(-1, 3)[part]
        assert np.array_equal(np.broadcast_to(np.atleast_3d(load(found[1]).array), shown.shape), shown)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_frames_that_are_mixed_are_refused(tmp_path: Path, mode: str) -> None:
    for alpha in (0, 255):
        found = apng(tmp_path, mode, alpha)
        first, second = (load(source).array for source in found)
        assert np.array_equal(second[0, 0], first[0, 0]) == (alpha == 0)
    found = apng(tmp_path, mode, 100)
    with pytest.raises(UnsupportedError, match="frame 1 is partly transparent"):
        load(found[1])


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_frames_of_few_bits(tmp_path: Path, bits: int) -> None:
    """An animation of gray samples: a still image with a second frame of its kind behind it."""
    one, first = png(bits, 0)
    two, second = png(bits, 0)
    body = two[two.index(b"IDAT") + 4 : -16]
    place, end = one.index(b"IDAT") - 4, one.index(b"IEND") - 4
    control = struct.pack(">IIIIHHBB", WIDTH, HEIGHT, 0, 0, 1, 10, 0, 0)
    data = one[:place] + png_chunk(b"acTL", struct.pack(">II", 2, 0)) + png_chunk(b"fcTL", bytes(4) + control)
    data += (
        one[place:end] + png_chunk(b"fcTL", b"\0\0\0\1" + control) + png_chunk(b"fdAT", b"\0\0\0\2" + body) + one[end:]
    )
    (tmp_path / "a.png").write_bytes(data)
    frames = [load(source) for source in sources([tmp_path / "a.png"])]
    assert [frame.declared_bits for frame in frames] == [bits, bits]
    for frame, wanted in zip(frames, (first, second), strict=True):
        assert np.array_equal(frame.array, wanted)


@pytest.mark.parametrize("container", ["jp2", "j2k"])
@pytest.mark.parametrize("components", [1, 3, 4, 5])
@pytest.mark.parametrize(
    ("bits", "signed"), [(8, False), (8, True), (10, False), (12, False), (12, True), (16, False), (16, True)]
)
def test_jpeg_2000(tmp_path: Path, container: str, components: int, bits: int, signed: bool) -> None:
    array = some(bits, components)
    if signed:
        array = (array.astype(np.int32) - (1 << bits - 1)).astype(np.int8 if bits == 8 else np.int16)
    data = imagecodecs.jpeg2k_encode(
        array, level=0, reversible=True, mct=False, codecformat=container, bitspersample=bits
    )
    got = stored(tmp_path, data)
    assert got.array.dtype == array.dtype
    assert np.array_equal(got.array, array)
    assert got.declared_bits == bits


def test_jpeg_2000_that_would_be_converted(tmp_path: Path) -> None:
    data = imagecodecs.jpeg2k_encode(some(8, 3), level=0, reversible=True, mct=False, codecformat="jp2")
    head = data.index(b"\xff\x4f\xff\x51") + 42
    for place, value in ((head, 5), (head, 0x87), (head + 4, 2), (head + 8, 4)):
        changed = bytearray(data)
        changed[place] = value
        with pytest.raises(UnsupportedError, match="differ in size, bits or sign"):
            stored(tmp_path, bytes(changed))
    place = data.index(b"colr") + 10
    with pytest.raises(UnsupportedError, match="number 18"):
        stored(tmp_path, data[:place] + bytes([18]) + data[place + 1 :])
    cmyk = imagecodecs.jpeg2k_encode(some(8, 4), level=0, reversible=True, mct=False, codecformat="jp2")
    place = cmyk.index(b"colr") + 10
    assert stored(tmp_path, cmyk[:place] + bytes([12]) + cmyk[place + 1 :]).meaning == Meaning.CMYK
    with pytest.raises(SofcError, match=r"file\.image"):
        stored(tmp_path, data[:60])


@pytest.mark.parametrize("components", [1, 3, 4])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_avif(tmp_path: Path, bits: int, components: int) -> None:
    array = some(bits, components)
    data = imagecodecs.avif_encode(
        array, level=100, bitspersample=bits, pixelformat="400" if components == 1 else "444"
    )
    got = stored(tmp_path, data)
    assert np.array_equal(got.array, array)
    assert got.declared_bits == bits
    assert got.array.dtype == array.dtype
    with pytest.raises(UnsupportedError, match="several images"):
        stored(tmp_path, data.replace(b"ftypavif", b"ftypavis"))


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize("components", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [8, 9, 10, 12, 13, 16])
def test_jpeg_xl(tmp_path: Path, bits: int, components: int, container: bool) -> None:
    array = some(bits, components)
    data = imagecodecs.jpegxl_encode(array, lossless=True, bitspersample=bits, usecontainer=container)
    got = stored(tmp_path, data)
    assert np.array_equal(got.array, array)
    assert got.declared_bits == bits
    assert got.array.dtype == array.dtype


def bits_of(*fields: tuple[int, int]) -> bytes:
    """Numbers, each with its count of bits, the lowest first."""
    number, place = 0, 0
    for value, count in fields:
        number |= value << place
        place += count
    return number.to_bytes(60, "little")


SIZE = ((0, 1), (0, 2), (8, 9), (0, 3), (0, 2), (20, 9))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (((0, 1), (1, 1), (5, 3), (0, 3), (0, 1), (0, 2), (1, 1), (0, 2)), "an orientation"),
        (((0, 1), (1, 1), (0, 3), (4, 3)), "several images"),
        (((0, 1), (0, 1), (1, 1), (1, 2), (4, 4), (1, 1), (0, 2)), "floating-point samples"),
        (((0, 1), (0, 1), (0, 1), (0, 2), (1, 1), (2, 2), (0, 4)), "more components"),
    ],
)
def test_jpeg_xl_that_would_be_changed(tmp_path: Path, fields: tuple[tuple[int, int], ...], words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        stored(tmp_path, b"\xff\x0a" + bits_of(*SIZE, *fields))


def test_jpeg_xl_of_several_images(tmp_path: Path) -> None:
    data = imagecodecs.jpegxl_encode(np.stack([some(8, 3)] * 3), lossless=True)
    with pytest.raises(UnsupportedError, match="several images"):
        stored(tmp_path, data)
    with pytest.raises(FormatError, match=r"file\.image"):
        stored(tmp_path, imagecodecs.jpegxl_encode(some(8), lossless=True)[:20])


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_jpeg(tmp_path: Path, bits: int, components: int) -> None:
    array = some(bits, components)
    written = [imagecodecs.jpegls_encode(array)]
    if components == 1:
        written.append(imagecodecs.ljpeg_encode(array, bitspersample=bits))
    elif bits != 12:
        written.append(imagecodecs.jpeg8_encode(array, lossless=True, bitspersample=bits))
    for data in written:
        got = stored(tmp_path, data)
        assert np.array_equal(got.array, array)
        assert got.array.dtype == array.dtype
        # JPEG-LS is written with 8 or 16 bits here.
        assert got.declared_bits in (bits, 8 * array.dtype.itemsize)
        if bits != 8 or data == written[0]:
            with pytest.raises(FormatError, match="cut off"):
                stored(tmp_path, data[: len(data) // 2])


def test_jpeg_of_12_bits(tmp_path: Path) -> None:
    data = imagecodecs.jpeg8_encode(some(12, 3), bitspersample=12)
    got = stored(tmp_path, b"\xff\xd8\xff\xfe\0\4ab\xff" + data[2:])  # a comment and a fill byte before all else
    assert np.array_equal(got.array, imagecodecs.jpeg_decode(data))
    assert (got.declared_bits, got.array.dtype) == (12, np.uint16)


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = imagecodecs.jpegls_encode(some(8))
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(UnsupportedError, match=r"JPEG-LS files need imagecodecs; .* 'sofc\[codecs\]'"):
        stored(tmp_path, data)


def test_names_by_signature(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for data, name in (
        (png(8, 0)[0], "PNG"),
        (bmp_indices(8)[0], "BMP"),
        (oriented(1), "TIFF"),
        (b"P5\n1 1\n255\n\0", "PNM"),
        (b"BM is no bitmap" + bytes(20), None),
        (b"hello", None),
        (b"", None),
        (bytes(128) + b"DICM", "DICOM"),
    ):
        path.write_bytes(data)
        assert name_of(path) == name
