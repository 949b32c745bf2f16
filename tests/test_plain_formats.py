"""Formats that sofc reads itself, since Pillow changes their samples: SGI, Sun raster, BMP with masks, icons, FITS.

The files are written here by hand, as the formats' descriptions say; where Pillow keeps the samples it is asked, too.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import IcoImagePlugin, Image, ImageOps

import sofc
from sofc.cli.__main__ import main
from sofc.errors import FormatError, SofcError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles import ImageSource, Samples, load, remarks, sources
from sofc.metadata import read as read_metadata
from sofc.metadata.palette import palette_of

RANDOM = np.random.default_rng(15)
HEIGHT, WIDTH = 9, 21


def some(bits: int, components: int = 1) -> np.ndarray:
    """Samples with runs, of all values."""
    shape = (HEIGHT, WIDTH) if components == 1 else (HEIGHT, WIDTH, components)
    array = RANDOM.integers(0, 1 << bits, shape).astype(np.uint8 if bits <= 8 else np.uint16)
    array[2:4, 3:17] = array[0, 0]
    return array


def stored(folder: Path, data: bytes) -> Samples:
    path = folder / "file.image"
    path.write_bytes(data)
    (source,) = sources([path])
    return load(source)


def padded(rows: np.ndarray, multiple: int) -> bytes:
    rows = rows.reshape(HEIGHT, -1)
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % multiple))).tobytes()


# SGI


def sgi(array: np.ndarray, *, runs: bool = False, colours: int = 0) -> bytes:
    components = array.shape[2] if array.ndim == 3 else 1
    octets = array.dtype.itemsize
    planes = np.atleast_3d(array)[::-1].transpose(2, 0, 1).astype(f">u{octets}")
    head = struct.pack(
        ">hBBHHHHll", 474, int(runs), octets, 2 if array.ndim == 2 else 3, WIDTH, HEIGHT, components, 0, 255
    )
    head = head.ljust(104, b"\0") + struct.pack(">I", colours)
    if not runs:
        return head.ljust(512, b"\0") + planes.tobytes()
    rows = [sgi_row(row.tolist(), octets) for row in planes.reshape(-1, WIDTH)]
    starts = np.cumsum([512 + 8 * len(rows), *map(len, rows[:-1])])
    tables = b"".join(np.array(table, ">u4").tobytes() for table in (starts, [*map(len, rows)]))
    return head.ljust(512, b"\0") + tables + b"".join(rows)


def sgi_row(row: Sequence[int], octets: int) -> bytes:
    units: list[int] = []
    place = 0
    while place < len(row):
        count = 1
        while place + count < len(row) and row[place + count] == row[place]:
            count += 1
        units += [count, row[place]] if count > 1 else [0x81, row[place]]
        place += count
    return np.array([*units, 0], f">u{octets}").tobytes()


@pytest.mark.parametrize("runs", (False, True))
@pytest.mark.parametrize("components", (1, 2, 3, 4, 5))
@pytest.mark.parametrize("bits", (8, 16))
def test_sgi(tmp_path: Path, bits: int, components: int, runs: bool) -> None:
    array = some(bits, components)
    data = sgi(array, runs=runs)
    got = stored(tmp_path, data)
    assert np.array_equal(got.array, array)
    assert got.declared_bits == bits
    if bits == 8 and components in (1, 3, 4):
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(image), got.array)


def test_sgi_that_is_damaged(tmp_path: Path) -> None:
    for runs in (False, True):
        data = sgi(some(16, 3), runs=runs)
        for end in (20, 500, 520, len(data) - 40):
            with pytest.raises(FormatError):
                stored(tmp_path, data[:end])
    with pytest.raises(UnsupportedError, match=r"numbers of colours.*--keep-file"):
        stored(tmp_path, sgi(some(8), colours=3))


# Sun raster


def sun(rows: bytes, bits: int, kind: int = 1, palette: bytes = b"") -> bytes:
    if kind == 2:
        packed = bytearray()
        place = 0
        while place < len(rows):
            count = 1
            while place + count < len(rows) and rows[place + count] == rows[place] and count < 256:
                count += 1
            value = rows[place]
            if count == 1:
                packed += bytes([0x80, 0]) if value == 0x80 else bytes([value])
            else:
                packed += bytes([0x80, count - 1, value])
            place += count
        rows = bytes(packed)
    head = struct.pack(">8I", 0x59A66A95, WIDTH, HEIGHT, bits, len(rows), kind, 1 if palette else 0, len(palette))
    return head + palette + rows


@pytest.mark.parametrize("kind", (0, 1, 2, 3))
def test_sun_raster(tmp_path: Path, kind: int) -> None:
    gray, colour = some(8), some(8, 3)
    stored_colour = colour if kind == 3 else colour[..., ::-1]
    assert np.array_equal(stored(tmp_path, sun(padded(gray, 2), 8, kind)).array, gray)
    assert np.array_equal(stored(tmp_path, sun(padded(stored_colour, 2), 24, kind)).array, colour)
    with_gap = np.pad(stored_colour, ((0, 0), (0, 0), (1, 0)))
    got = stored(tmp_path, sun(padded(with_gap, 2), 32, kind))
    assert np.array_equal(got.array, colour)
    assert got.meaning == Meaning.RGB
    bits = some(1)
    data = sun(padded(np.packbits(bits, axis=1), 2), 1, kind)
    assert np.array_equal(stored(tmp_path, data).array, bits == 0)
    if kind != 2:  # rows of runs that are filled up are beyond Pillow
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(image), bits == 0)
        with Image.open(io.BytesIO(sun(padded(stored_colour, 2), 24, kind))) as image:
            assert np.array_equal(np.asarray(image), colour)


@pytest.mark.parametrize("bits", (1, 8))
def test_sun_raster_with_a_palette(tmp_path: Path, bits: int) -> None:
    colours = RANDOM.integers(0, 256, (1 << bits, 3)).astype(np.uint8)
    array = some(bits)
    rows = padded(array if bits == 8 else np.packbits(array, axis=1), 2)
    got = stored(tmp_path, sun(rows, bits, palette=colours.T.tobytes()))
    assert (got.meaning, got.declared_bits) == (Meaning.PALETTE, bits)
    assert np.array_equal(got.array, array)
    ((item, *_),) = read_metadata(tmp_path / "file.image", 1)
    palette = palette_of(item)
    assert palette is not None
    assert np.array_equal(palette.colours[: 1 << bits], colours)


@pytest.mark.parametrize(
    "data",
    (
        sun(padded(some(8), 2), 8)[:-30],
        sun(padded(some(8), 2), 8, 2)[:-30],
        sun(padded(some(8), 2), 8)[:20],
        sun(b"", 4),
        sun(b"", 8, 5),
        sun(padded(np.full((HEIGHT, WIDTH, 4), 7, np.uint8), 2), 32),
    ),
)
def test_sun_raster_that_is_not_read(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SofcError, match=r"Sun raster|announced"):
        stored(tmp_path, data)


# BMP with masks


def bmp(pixels: np.ndarray, masks: Sequence[int], *, upward: bool = True, head_bytes: int = 56) -> bytes:
    bits = 8 * pixels.dtype.itemsize
    rows = padded(np.ascontiguousarray(pixels[:: -1 if upward else 1]).view(np.uint8), 4)
    packed = 0 if not masks else 3
    head = struct.pack("<IiiHHIIiiII", head_bytes, WIDTH, HEIGHT if upward else -HEIGHT, 1, bits, packed, *[0] * 5)
    head += struct.pack("<4I", *masks, *[0] * (4 - len(masks))) if masks else b""
    offset = 14 + max(len(head), head_bytes)
    return struct.pack("<2sIII", b"BM", offset + len(rows), 0, offset) + head.ljust(offset - 14, b"\0") + rows


@pytest.mark.parametrize("upward", (True, False))
@pytest.mark.parametrize(
    ("dtype", "places", "bits"),
    (
        ("<u2", (10, 5, 0), 5),
        ("<u2", (8, 4, 0, 12), 4),
        ("<u2", (0, 5, 10), 5),
        ("<u4", (16, 8, 0, 24), 8),
        ("<u4", (0, 8, 16), 8),
        ("<u4", (20, 10, 0), 10),
    ),
)
def test_bmp_with_masks(tmp_path: Path, dtype: str, places: tuple[int, ...], bits: int, upward: bool) -> None:
    array = some(bits, len(places))
    pixels = sum(array[..., number].astype(dtype) << place for number, place in enumerate(places))
    masks = [(1 << bits) - 1 << place for place in places]
    data = bmp(np.asarray(pixels, dtype), masks, upward=upward, head_bytes=56 if len(places) == 4 else 40)
    got = stored(tmp_path, data)
    assert np.array_equal(got.array, array)
    assert (got.declared_bits, got.meaning) == (bits, Meaning.RGBA if len(places) == 4 else Meaning.RGB)
    if bits == 8 and len(places) == 4 and upward:
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(image), array)


def test_bmp_whose_metadata_nobody_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pillow opens no file with such masks, and no runs that end before their image does."""
    array = some(5, 3)
    pixels = array[..., 0].astype("<u2") | array[..., 1].astype("<u2") << 5 | array[..., 2].astype("<u2") << 10
    path = tmp_path / "a.bmp"
    path.write_bytes(bmp(pixels, (0x1F, 0x3E0, 0x7C00)))
    assert main(["encode", str(path)]) == 0
    assert np.array_equal(sofc.read(tmp_path / "a.sofc"), array)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"sofc: {path}: its metadata cannot be read") and line.endswith("it is left out")
    runs = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, 4, 0, 0, 2, 0) + bytes(8) + b"\2\1\0\1"
    path.write_bytes(struct.pack("<2sIII", b"BM", 14 + len(runs), 0, 62) + runs)
    assert main(["encode", "-f", str(path)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be read as an image: the BMP file is damaged" in line


def test_bmp_of_16_bits_without_masks(tmp_path: Path) -> None:
    array = some(5, 3)
    pixels = array[..., 0].astype("<u2") << 10 | array[..., 1].astype("<u2") << 5 | array[..., 2]
    data = bmp(pixels, (), head_bytes=40)
    assert np.array_equal(stored(tmp_path, data).array, array)
    with Image.open(io.BytesIO(data)) as image:  # which spreads 5 bits over 8
        assert np.array_equal(np.asarray(image) >> 3, array)
    with pytest.raises(UnsupportedError, match="unused"):
        stored(tmp_path, bmp(pixels | 0x8000, (), head_bytes=40))
    with pytest.raises(FormatError, match="not all there"):
        stored(tmp_path, data[:-5])
    with pytest.raises(FormatError, match="masks"):
        stored(tmp_path, bmp(pixels, (0b1011, 0b111 << 5, 0b111 << 10)))
    with pytest.raises(UnsupportedError, match="5, 6, 5 bits"):
        stored(tmp_path, bmp(pixels, (0xF800, 0x7E0, 0x1F)))


# PCX


def pcx(
    bits: int, planes: int, *, palette: bytes = b"", row_bytes: int = 0, packed: bool = True
) -> tuple[bytes, np.ndarray]:
    """Rows of each plane, in runs, filled up to ``row_bytes`` or an even number."""
    array = some(bits * planes) if planes != 3 or bits == 1 else some(8, 3)
    if bits == 8:
        parts = np.atleast_3d(array).transpose(0, 2, 1)
    else:
        depth = np.unpackbits(array[..., None], axis=2)[..., 8 - bits * planes :]
        split = depth.reshape(HEIGHT, 1, -1) if planes == 1 else depth[..., ::-1].transpose(0, 2, 1)
        parts = np.packbits(split, axis=2)
    row_bytes = row_bytes or parts.shape[2] + parts.shape[2] % 2
    rows = np.pad(parts, ((0, 0), (0, 0), (0, row_bytes - parts.shape[2])))
    body = rows.tobytes() if not packed else b"".join(map(pcx_row, rows.reshape(HEIGHT, -1).tolist()))
    short = palette if len(palette) <= 48 else b""
    head = struct.pack("<4B4H4x48sxBH", 10, 5, packed, bits, 3, 4, WIDTH + 2, HEIGHT + 3, short, planes, row_bytes)
    return head.ljust(128, b"\0") + body + (b"" if short or not palette else b"\x0c" + palette), array


def pcx_row(row: list[int]) -> bytes:
    packed = bytearray()
    place = 0
    while place < len(row):
        count = 1
        while place + count < len(row) and row[place + count] == row[place] and count < 63:
            count += 1
        packed += bytes([0xC0 | count, row[place]]) if count > 1 or row[place] >= 0xC0 else bytes([row[place]])
        place += count
    return bytes(packed)


@pytest.mark.parametrize("packed", (True, False))
@pytest.mark.parametrize("row_bytes", (0, 40))
@pytest.mark.parametrize(("bits", "planes"), ((1, 1), (1, 2), (1, 3), (1, 4), (4, 1), (8, 1), (8, 3)))
@pytest.mark.parametrize("coloured", (True, False))
def test_pcx(tmp_path: Path, bits: int, planes: int, row_bytes: int, packed: bool, coloured: bool) -> None:
    depth = bits * planes
    colours = RANDOM.bytes(3 << min(depth, 8)) if coloured and depth <= 8 else b""
    data, array = pcx(bits, planes, palette=colours, row_bytes=row_bytes, packed=packed)
    got = stored(tmp_path, data)
    assert np.array_equal(got.array, array)
    assert got.declared_bits == min(depth, 8)
    has_palette = depth in (2, 3, 4) or (coloured and depth in (1, 8))
    assert got.meaning == (Meaning.RGB if depth == 24 else Meaning.PALETTE if has_palette else Meaning.GRAY)
    items = read_metadata(tmp_path / "file.image", 1)[0]
    assert bool(items) == has_palette
    if colours:
        palette = palette_of(items[0])
        assert palette is not None
        assert palette.colours.tobytes() == colours
    if not row_bytes and packed and (bits, planes) in ((1, 4), (8, 3)):
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(image), array)


@pytest.mark.parametrize("mode", ("1", "L", "P", "RGB"))
def test_pcx_of_pillow(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(np.tile(some(8, 3), (7, 9, 1))).convert(mode)
    image.save(tmp_path / "a.pcx")
    (source,) = sources([tmp_path / "a.pcx"])
    assert np.array_equal(load(source).array, np.asarray(image))


def test_pcx_that_is_not_read(tmp_path: Path) -> None:
    data, _ = pcx(8, 1)
    for end in (50, 128, len(data) - 20):
        with pytest.raises(FormatError, match="cut off"):
            stored(tmp_path, data[:end])
    with pytest.raises(FormatError, match="too short"):
        stored(tmp_path, data.replace(bytes([1, WIDTH + 1, 0]), bytes([1, WIDTH - 1, 0]), 1))
    with pytest.raises(UnsupportedError, match="1 planes of 2 bits"):
        stored(tmp_path, data[:3] + b"\2" + data[4:])


# Icons


def ico(*images: bytes) -> bytes:
    place = 6 + 16 * len(images)
    entries = b""
    for number, image in enumerate(images):
        bits = 32 if image.startswith(b"\x89PNG") else int.from_bytes(image[14:16], "little")
        entries += struct.pack("<BBBBHHII", WIDTH + number, HEIGHT, 0, 0, 1, bits, len(image), place)
        place += len(image)
    return struct.pack("<HHH", 0, 1, len(images)) + entries + b"".join(images)


def icon_bitmap(bits: int) -> tuple[bytes, np.ndarray]:
    """An image, and what it shows."""
    head = struct.pack("<IiiHHI12xI4x", 40, WIDTH, 2 * HEIGHT, 1, bits, 0, 0)
    hidden = some(1)
    mask = padded(np.packbits(hidden[::-1], axis=1), 4)
    if bits == 32:
        array = some(8, 4)
        return head + array[::-1, :, [2, 1, 0, 3]].tobytes() + mask, array
    alpha = (1 - hidden) * 255
    if bits == 24:
        array = some(8, 3)
        return head + padded(array[::-1, :, ::-1], 4) + mask, np.dstack((array, alpha))
    palette = RANDOM.integers(0, 256, (1 << bits, 4)).astype(np.uint8)
    numbers = some(bits)
    planes = np.unpackbits(numbers[::-1, :, None], axis=2)[..., 8 - bits :].reshape(HEIGHT, -1)
    rows = padded(np.packbits(planes, axis=1), 4)
    return head + palette.tobytes() + rows + mask, np.dstack((palette[numbers][..., 2::-1], alpha))


def test_icons(tmp_path: Path) -> None:
    bitmaps, shown = zip(*map(icon_bitmap, (1, 4, 8, 24, 32)), strict=True)
    picture = some(8, 3)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    data = ico(*bitmaps, file.getvalue())
    path = tmp_path / "file.ico"
    path.write_bytes(data)
    found = [load(source) for source in sources([path])]
    for samples, wanted in zip(found, (*shown, picture), strict=True):
        assert np.array_equal(samples.array, wanted)
    second = IcoImagePlugin.IcoFile(io.BytesIO(data))
    for number, wanted in enumerate(shown):
        assert np.array_equal(np.asarray(second.getimage((WIDTH + number, HEIGHT))), wanted)
    assert main(["encode", "-q", str(path), "-o", str(tmp_path / "all.sofc")]) == 0
    assert main(["decode", "-q", str(tmp_path / "all.sofc"), "--out-dir", str(tmp_path / "out")]) == 0
    assert sum(path.is_file() for path in (tmp_path / "out").rglob("*")) == len(found)


def test_icons_of_pillow(tmp_path: Path) -> None:
    image = Image.fromarray(some(8, 4))
    for kind in ("png", "bmp"):
        path = tmp_path / f"{kind}.ico"
        image.save(path, "ICO", sizes=[(WIDTH, HEIGHT)], bitmap_format=kind)
        (source,) = sources([path])
        assert np.array_equal(load(source).array, np.asarray(image))


def test_icons_that_are_damaged(tmp_path: Path) -> None:
    data = ico(icon_bitmap(8)[0])
    for end in (4, 6, 15, 50, len(data) - 1):
        with pytest.raises(SofcError):
            stored(tmp_path, data[:end])
    with pytest.raises(UnsupportedError, match="16 bits"):
        stored(tmp_path, ico(icon_bitmap(8)[0].replace(b"\1\0\x08\0", b"\1\0\x10\0", 1)))


# FITS


def fits_unit(array: np.ndarray | None, *cards: str, first: bool = True, kind: str = "IMAGE") -> bytes:
    bits = 8 if array is None else array.dtype.itemsize * (-8 if array.dtype.kind == "f" else 8)
    lengths = () if array is None else array.shape[::-1]
    head = [
        f"SIMPLE  = {'T':>20}" if first else f"XTENSION= '{kind:<8}'           / what it is",
        f"BITPIX  = {bits:20} / bits",
        f"NAXIS   = {len(lengths):20}",
        *(f"NAXIS{number + 1:<3}= {length:20}" for number, length in enumerate(lengths)),
        *cards,
        "COMMENT   BSCALE  = 99",
        "END",
    ]
    data = b"" if array is None else array.astype(array.dtype.newbyteorder(">")).tobytes()
    text = "".join(card.ljust(80) for card in head).encode()
    return text.ljust(-(-len(text) // 2880) * 2880) + data.ljust(-(-len(data) // 2880) * 2880, b"\0")


def numbers(dtype: str, *shape: int) -> np.ndarray:
    return np.frombuffer(RANDOM.bytes(np.dtype(dtype).itemsize * int(np.prod(shape))), dtype).reshape(shape)


@pytest.mark.parametrize("dtype", ("u1", "i2", "i4", "i8", "f4", "f8"))
def test_fits(tmp_path: Path, dtype: str) -> None:
    array = numbers(dtype, 3, HEIGHT, WIDTH)
    second = numbers("i2", HEIGHT, 4)
    path = tmp_path / "file.fits"
    path.write_bytes(fits_unit(array) + fits_unit(second, first=False) + b"anything")
    found = [load(source).array for source in sources([path])]
    assert [image.dtype for image in found] == [*[array.dtype] * 3, second.dtype]
    for image, wanted in zip(found, (*array, second), strict=True):
        assert image.tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("dtype", "wanted", "zero"), (("i2", "u2", 1 << 15), ("i4", "u4", 1 << 31), ("u1", "i1", -128))
)
def test_fits_of_the_other_sign(tmp_path: Path, dtype: str, wanted: str, zero: int) -> None:
    array = numbers(dtype, HEIGHT, WIDTH)
    got = stored(tmp_path, fits_unit(array, f"BZERO   = {zero:20}", "BSCALE  =                  1.0")).array
    assert got.dtype == wanted
    assert np.array_equal(got, array.astype(np.int64) + zero)
    assert not any("scale" in said for said in remarks(tmp_path / "file.image"))


@pytest.mark.parametrize(("one", "other"), (("1.", "1.0"), ("2.5D-1", "0.25"), ("-4", "-4.0")))
def test_fits_that_says_a_number_twice_in_other_letters(tmp_path: Path, one: str, other: str) -> None:
    array = numbers("i2", HEIGHT, WIDTH)
    cards = f"BSCALE  = {one:>20}", f"BSCALE  = {other:>20}"
    assert np.array_equal(stored(tmp_path, fits_unit(array, *cards)).array, array)
    with pytest.raises(FormatError, match="BSCALE twice, and not the same"):
        stored(tmp_path, fits_unit(array, *cards, "BSCALE  = 0.2500001"))


def test_fits_is_shown_from_the_bottom_up(tmp_path: Path) -> None:
    array, path = numbers("u1", HEIGHT, WIDTH), tmp_path / "a.fits"
    path.write_bytes(fits_unit(array))
    assert main(["encode", "-e", "1", str(path)]) == 0
    for name in ("a.tif", "a.png"):
        assert main(["decode", str(path.with_suffix(".sofc")), "-o", str(tmp_path / name)]) == 0
        with Image.open(tmp_path / name) as image:
            assert np.array_equal(np.asarray(ImageOps.exif_transpose(image)), array[::-1])
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), array)


def test_what_of_fits_is_not_stored_is_said(tmp_path: Path) -> None:
    array = numbers("i2", HEIGHT, WIDTH)
    table = fits_unit(numbers("u1", 4, 8), "PCOUNT  = 0", "GCOUNT  = 1", first=False, kind="BINTABLE")
    data = fits_unit(None) + table + fits_unit(array, "BSCALE  = 2.5D-1", first=False)
    assert np.array_equal(stored(tmp_path, data).array, array)
    said = " ".join(remarks(tmp_path / "file.image"))
    assert "head of the FITS file" in said
    assert "BSCALE" in said
    assert "1 unit of" in said


@pytest.mark.parametrize(
    ("data", "words"),
    (
        (fits_unit(numbers("i2", HEIGHT, WIDTH))[:3000], "not all there|more samples than it holds"),
        (fits_unit(numbers("i2", HEIGHT, WIDTH))[:1000], "cut off"),
        (fits_unit(None), "holds no image"),
        (
            fits_unit(numbers("i2", 9, 9)).replace(
                b"BITPIX  =                   16", b"BITPIX  =                   17"
            ),
            "read",
        ),
        (fits_unit(numbers("i2", 9, 9)).replace(b"NAXIS2  ", b"NAXISX  "), "NAXIS2"),
        (fits_unit(numbers("i2", 9, 9), "NAXIS1  =                    8"), "NAXIS1 twice"),
        (
            fits_unit(None)
            + fits_unit(numbers("u1", 4, 8), "ZIMAGE  =                    T", first=False, kind="BINTABLE"),
            "funpack.*--keep-file",
        ),
    ),
)
def test_fits_that_is_not_read(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(SofcError, match=words):
        stored(tmp_path, data)


@pytest.mark.parametrize("name", ("sgi", "sun", "pcx", "bmp", "ico", "fits"))
def test_damage_of_any_kind_ends_well(tmp_path: Path, name: str) -> None:
    made = {
        "sgi": sgi(some(16), runs=True),
        "sun": sun(padded(some(8), 2), 8, 2),
        "pcx": pcx(8, 1)[0],
        "bmp": bmp(some(16), (0x7C00, 0x3E0, 0x1F)),
        "ico": ico(icon_bitmap(4)[0]),
        "fits": fits_unit(numbers("i2", HEIGHT, WIDTH)),
    }
    for _ in range(200):
        data = bytearray(made[name])
        for _ in range(RANDOM.integers(1, 4)):
            data[RANDOM.integers(4, min(len(data), 600))] = RANDOM.integers(256)
        path = tmp_path / "damaged"
        path.write_bytes(bytes(data))
        try:
            for source in sources([path])[:3]:
                load(ImageSource(source.path, source.index))
        except SofcError as error:
            assert "damaged: " in str(error)
            assert len(str(error).splitlines()) == 1
