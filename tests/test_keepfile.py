"""Original files: kept with their images, given back byte for byte."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import os
import struct
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from helpers import raw_codebook
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from PIL import Image, features
from test_imagefiles_medical import write_dicom

import sofc
from sofc.cli.__main__ import main
from sofc.container import original
from sofc.container.chunks import pack_reference
from sofc.container.original import (
    OF_IMAGECODECS,
    Chunked,
    Deflated,
    Facsimile,
    GifLzw,
    Literal,
    Lzw,
    Original,
    Runs,
    Stored,
    SubBlocks,
    Window,
)
from sofc.container.records import Metadata, MetadataKind
from sofc.container.walker import frame_chunk
from sofc.errors import ChecksumError, FormatError, LimitError, SofcError, UnsupportedError
from sofc.imagefiles import ImageSource, load, sources
from sofc.keepfile import deflate, facsimile, keep, keep_whole, lzw, restore_items, runs

RANDOM = np.random.default_rng(6)
GRAY = (np.add.outer(np.arange(37), np.arange(53)) * 2 + RANDOM.integers(0, 3, (37, 53))).astype(np.uint8)
COLOUR = np.stack([GRAY, GRAY // 2, 255 - GRAY], axis=-1)
DEEP = GRAY.astype(np.uint16) * 257
MASK = GRAY > 90


def png(array: np.ndarray, kind: int, bits: int, *, interlaced: bool = False, cut: int = 1000) -> bytes:
    """A PNG file with all filters in turn, of samples that have one byte each (two for 16 bits)."""
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    data = b""
    for row, rows, column, columns in passes if interlaced else [(0, 1, 0, 1)]:
        part = array[row::rows, column::columns]
        values = part.reshape(len(part), -1)
        if bits == 16:
            lines = np.ascontiguousarray(values, ">u2").view(np.uint8)
        else:
            places = np.unpackbits(values.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :]
            lines = np.packbits(places.reshape(len(part), -1), axis=1)
        # Filter 1 on every other row: bytes minus those of the pixel before.
        distance = max(1, bits * (array.shape[2] if array.ndim == 3 else 1) // 8)
        for number, line in enumerate(lines):
            before = np.concatenate([np.zeros(distance, np.uint8), line])[: len(line)]
            data += bytes([number % 2]) + (line - before * (number % 2)).astype(np.uint8).tobytes()
    packed = zlib.compress(data, 9)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], bits, kind, 0, 0, interlaced)
    pieces = [packed[start : start + cut] for start in range(0, len(packed), cut)]
    palette = chunk(b"PLTE", bytes(range(48))) if kind == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + palette
        + b"".join(chunk(b"IDAT", piece) for piece in pieces)
        + chunk(b"tEXt", b"Comment\0behind the samples")
        + chunk(b"IEND", b"")
    )


def tiff(array: np.ndarray, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **settings)
    return buffer.getvalue()


def pillow(array: np.ndarray, file_format: str, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, file_format, **settings)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def idx(images: np.ndarray) -> bytes:
    return b"\0\0\x08\x03" + struct.pack(">III", *images.shape) + images.tobytes()


def flushed(data: bytes) -> bytes:
    """A gzip file that no settings of zlib make."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(
        deflater.compress(data[start : start + 900]) + deflater.flush(zlib.Z_SYNC_FLUSH)
        for start in range(0, len(data), 900)
    )
    head, tail = b"\x1f\x8b\x08" + bytes(7), struct.pack("<II", zlib.crc32(data), len(data))
    return head + packed + deflater.flush() + tail


def sgi_in_runs(array: np.ndarray, by_rows: bool) -> bytes:
    """An SGI file with the rows of each plane one after the other, or the planes of each row."""
    rows, columns, planes = array.shape
    places = [(plane, row) for plane in range(planes) for row in range(rows)]
    starts, sizes = {}, {}
    body, first = b"", 512 + 8 * len(places)
    for plane, row in sorted(places, key=(lambda place: place[::-1]) if by_rows else None):
        values, packed = array[rows - 1 - row, :, plane].tolist(), b""
        for value, group in itertools.groupby(values):
            count = len(list(group))
            packed += bytes([count, value]) if count > 2 else bytes([128 + count]) + bytes([value] * count)
        starts[plane, row], sizes[plane, row] = first + len(body), len(packed) + 1
        body += packed + b"\0"
    head = struct.pack(">HBBHHHHII", 474, 1, 1, 3, columns, rows, planes, 0, 255).ljust(512, b"\0")
    table = [starts[place] for place in places] + [sizes[place] for place in places]
    return head + struct.pack(f">{len(table)}I", *table) + body


FILES: dict[str, Callable[[], bytes]] = {
    "gray.png": lambda: png(GRAY, 0, 8),
    "interlaced.png": lambda: png(COLOUR, 2, 8, interlaced=True),
    "deep.png": lambda: png(np.stack([DEEP] * 3, axis=-1), 2, 16, interlaced=True),
    "bits.png": lambda: png(MASK, 0, 1, cut=9),
    "four-bits.png": lambda: png(GRAY % 16, 0, 4),
    "palette.png": lambda: png(GRAY % 16, 3, 4, interlaced=True),
    "pillow.png": lambda: pillow(COLOUR, "PNG", optimize=True),
    "plain.tif": lambda: tiff(DEEP, photometric="minisblack"),
    "big-endian.tif": lambda: tiff(DEEP, byteorder=">"),
    "planar.tif": lambda: tiff(np.moveaxis(COLOUR, 2, 0), photometric="rgb", planarconfig="separate"),
    "strips.tif": lambda: pillow(COLOUR, "TIFF", compression="tiff_adobe_deflate"),
    "lzw.tif": lambda: pillow(np.tile(GRAY, (3, 3)), "TIFF", compression="tiff_lzw"),
    "stored.png": lambda: pillow(COLOUR, "PNG", compress_level=0),
    "packbits.tif": lambda: pillow(COLOUR, "TIFF", compression="packbits"),
    "packbits-mask.tif": lambda: pillow(MASK, "TIFF", compression="packbits"),
    "packbits-tiles.tif": lambda: tiff(DEEP, tile=(16, 16), compression="packbits"),
    "lzw-tiles.tif": lambda: tiff(DEEP, tile=(16, 16), compression="lzw", predictor=2),
    "stored.tif": lambda: tiff(DEEP, compression="deflate", compressionargs={"level": 0}),
    "mask.tif": lambda: pillow(MASK, "TIFF"),
    "tiles.tif": lambda: tiff(COLOUR, photometric="rgb", tile=(32, 32)),
    "pages.tif": lambda: tiff(np.stack([GRAY, GRAY + 1, GRAY + 2]), photometric="minisblack"),
    "wide.tif": lambda: tiff(DEEP.astype(np.uint32) << 9, photometric="minisblack"),
    "wide-colour.tif": lambda: tiff(COLOUR.astype(np.float32), photometric="rgb", byteorder=">"),
    "array.npy": lambda: npy(DEEP.astype(np.int16)),
    "grid.pgm": lambda: b"P5\n# remark\n53 37\n255\n" + GRAY.tobytes(),
    "gray.gif": lambda: pillow(np.tile(GRAY, (3, 3)), "GIF"),
    "plain.gif": lambda: pillow(GRAY % 16, "GIF", interlace=0),
    "fax.tif": lambda: pillow(np.tile(GRAY % 7 > 3, (2, 3)), "TIFF", compression="group4"),
    "fax-strips.tif": lambda: pillow(np.tile(GRAY % 5 < 2, (3, 3)), "TIFF", compression="group4", tiffinfo={278: 40}),
    "gray.tga": lambda: pillow(GRAY // 9, "TGA", compression="tga_rle"),
    "colours.tga": lambda: pillow(COLOUR // 40, "TGA", compression="tga_rle"),
    "alpha.tga": lambda: pillow(np.dstack([COLOUR // 40, GRAY // 60]), "TGA", compression="tga_rle"),
    "plain.tga": lambda: pillow(np.dstack([COLOUR, GRAY]), "TGA"),
    "plain.sgi": lambda: pillow(COLOUR, "SGI"),
    "runs.sgi": lambda: sgi_in_runs(COLOUR // 40, by_rows=False),
    "rows.sgi": lambda: sgi_in_runs(COLOUR // 40, by_rows=True),
    "gray.pcx": lambda: pillow(GRAY, "PCX"),
    "mask.pcx": lambda: pillow(MASK, "PCX"),
    "colours.pcx": lambda: pillow(COLOUR[:20], "PCX"),
    "mask.bmp": lambda: pillow(MASK, "BMP"),
    "windows.bmp": lambda: pillow(COLOUR, "BMP"),
    "flushed.idx.gz": lambda: flushed(idx(np.stack([GRAY, GRAY // 3]))),
    "libdeflate.tif": lambda: tiff(
        np.tile(COLOUR, (2, 3, 1)),
        photometric="rgb",
        tile=(64, 64),
        compression="deflate",
        compressionargs={"level": 7},
    ),
    "images.idx.gz": lambda: gzip.compress(idx(np.stack([GRAY, GRAY // 3])), mtime=7),
}


def images_of(path: Path) -> list[np.ndarray]:
    return [load(source).array for source in sources([path])]


@pytest.mark.parametrize("name", FILES)
def test_samples_are_left_out(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = FILES[name]()
    Path(name).write_bytes(data)
    assert main(["encode", "--keep-file", name, "-o", "kept.sofc"]) == 0
    assert ("cut into words of 16 bits" in capsys.readouterr().err) == name.startswith("wide")
    with sofc.open_reader("kept.sofc") as reader:
        items = reader.metadata
    found = original.from_metadata(items)
    assert found is not None
    assert found.from_samples
    assert sum(len(item.value) for item in items) < 650
    assert main(["test", "kept.sofc"]) == 0
    assert main(["decode", "kept.sofc", "--out-dir", "out"]) == 0
    assert (Path("out") / name).read_bytes() == data
    assert capsys.readouterr().out.endswith(f"kept.sofc -> {Path('out') / name}  the original file\n")


def test_dicom(folder: Path) -> None:
    frames = RANDOM.integers(-900, 900, (3, 16, 24)).astype(np.int16)
    write_dicom(Path("x.dcm"), frames, bits=12)
    kept = keep("x.dcm", Path("x.dcm").read_bytes(), images_of(Path("x.dcm")))
    assert kept.why_whole == ""
    assert sum(len(item.value) for item in kept.items) < 700
    assert restore_items(kept.items, list(frames)) == Path("x.dcm").read_bytes()


@pytest.mark.parametrize(("dtype", "components"), (("uint8", 1), ("uint8", 3), ("int16", 1), ("uint16", 3)))
def test_dicom_in_runs(folder: Path, dtype: str, components: int) -> None:
    """RLE Lossless as pydicom writes it, frames one after the other."""
    pydicom = pytest.importorskip("pydicom", minversion="3")
    frames = np.stack([DEEP if components == 1 else np.stack([DEEP, DEEP // 2, DEEP], axis=-1)] * 2).astype(dtype)
    colours = {"photometric": "RGB"} if components == 3 else {}
    write_dicom(Path("plain.dcm"), frames, bits=8 * frames.itemsize, **colours)
    data_set = pydicom.dcmread("plain.dcm")
    data_set.compress(pydicom.uid.RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    data_set.save_as("x.dcm")
    data = Path("x.dcm").read_bytes()
    images = images_of(Path("x.dcm"))
    assert np.array_equal(np.stack(images), frames)
    kept = keep("x.dcm", data, images)
    assert not kept.why_whole
    assert sum(len(item.value) for item in kept.items) < len(data) // 3
    assert restore_items(kept.items, images) == data
    images[1] = images[1].copy()
    images[1][3, 3] += 1
    assert keep("x.dcm", data, images).why_whole


def test_what_cannot_be_made_again_is_kept_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = pillow(COLOUR, "WEBP", lossless=True)
    Path("photo.webp").write_bytes(data)
    assert main(["encode", "--keep-file", "--coder", "raw", "photo.webp"]) == 0
    said, errors = capsys.readouterr()
    assert "  kept whole: its samples are compressed, or arranged, in a way that cannot be made again\n" in said
    assert errors == ""
    assert np.array_equal(sofc.read("photo.sofc"), images_of(Path("photo.webp"))[0])
    Path("photo.webp").unlink()
    assert main(["decode", "photo.sofc"]) == 0
    assert Path("photo.webp").read_bytes() == data


def test_animation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Image.fromarray(GRAY + number) for number in range(3)]
    frames[0].save("a.png", save_all=True, append_images=frames[1:])
    data = Path("a.png").read_bytes()
    assert main(["encode", "--keep-file", "--coder", "raw", "a.png"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["decode", "a.sofc", "-o", "b.png"]) == 0
    assert Path("b.png").read_bytes() == data


NO_IMAGES: dict[str, Callable[[], bytes]] = {
    "broken.png": lambda: png(GRAY, 0, 8)[:80],
    "cut.jpg": lambda: pillow(COLOUR, "JPEG")[:400],
    "notes.txt": lambda: b"The quick brown fox jumps over the lazy dog. " * 9,
    "empty": lambda: b"",
    "zero": lambda: b"\0",
    "random.bin": lambda: RANDOM.bytes(5000),
    "labels-idx1-ubyte": lambda: b"\0\0\x08\x01\0\0\0\x02ab",
    "cube.npz": lambda: npz(a=np.zeros((2, 2, 2, 2), np.uint8)),
    "long.npy": lambda: npy(GRAY.astype(np.longdouble)),
    "stored.sofc": lambda: sofc.encode(GRAY, coder="raw"),
    "ellipsis.gz": lambda: gzip.compress(b"text")[:-3],
}


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize("name", NO_IMAGES)
def test_what_is_no_image_is_kept_whole(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = NO_IMAGES[name]()
    Path(name).write_bytes(data)
    assert main(["encode", "--keep-file", name, "-o", "kept.sofc"]) == 0
    said, errors = capsys.readouterr()
    assert "  kept whole: " in said and len(said.splitlines()) == 1 and errors == ""
    assert Path("kept.sofc").stat().st_size <= 1.01 * len(data) + 200
    assert main(["info", "kept.sofc"]) == 0
    assert "\n  no images of its own: it keeps another file\n" in capsys.readouterr().out
    assert main(["test", "kept.sofc"]) == 0
    assert capsys.readouterr().out.startswith("kept.sofc: ok  a file of ")
    assert main(["decode", "kept.sofc", "--out-dir", "out"]) == 0
    assert (Path("out") / name).read_bytes() == data
    assert main(["decode", "--salvage", "kept.sofc", "-o", "saved"]) == 0
    assert Path("saved").read_bytes() == data
    capsys.readouterr()
    with pytest.raises(SofcError, match=f"the kept file '{name}'"):
        sofc.read("kept.sofc")
    assert main(["decode", "--images", "kept.sofc", "-o", "images.png"]) in (2, 3)
    assert f"the kept file '{name}'" in capsys.readouterr().err
    assert not Path("images.png").exists()
    with sofc.open_reader("kept.sofc") as reader:
        assert (len(reader), reader.headers, reader.complete) == (0, [], True)
        with pytest.raises(SofcError, match="the file has no images of its own"):
            reader.read_image(0)


SMALLER_ALONE: dict[str, Callable[[], bytes]] = {
    # How to make it from the samples is short, but the samples of noise repeat each other far away.
    "repeating.npy": lambda: npy(np.tile(RANDOM.integers(0, 256, (1, 700), np.uint8), (90, 1))),
    "tiny.pgm": lambda: b"P5 2 1 255\n\1\2",
    "noise.bmp": lambda: pillow(RANDOM.integers(0, 256, (9, 9, 3), np.uint8), "BMP"),
}


@pytest.mark.parametrize("name", [*SMALLER_ALONE, *FILES])
@pytest.mark.parametrize("coder", ["raw", None])
def test_no_kept_file_grows(folder: Path, name: str, coder: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    data = SMALLER_ALONE[name]() if name in SMALLER_ALONE else FILES[name]()
    Path(name).write_bytes(data)
    assert main(["encode", "--keep-file", *(["--coder", coder] if coder else []), name, "-o", "kept.sofc"]) == 0
    said = capsys.readouterr().out
    alone = sofc.Encoder(codebook=None, metadata=keep_whole(name, data)).finish()
    size = Path("kept.sofc").stat().st_size
    assert size <= len(alone) + 20 and size <= 1.01 * len(data) + 200
    assert ("kept whole" in said) == (Path("kept.sofc").read_bytes() == alone)
    assert main(["decode", "kept.sofc", "-o", "back"]) == 0
    assert Path("back").read_bytes() == data
    # Wide samples may come as words, whose bytes are theirs.
    assert sofc.read("kept.sofc", image=0).tobytes() == load(sources([Path(name)])[0]).array.tobytes()


@examples(max_examples=20, deadline=None)
@given(st.lists(st.binary(max_size=40) | st.binary(max_size=4).map(lambda piece: piece * 50), max_size=20))
def test_no_file_of_any_bytes_grows(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    with tempfile.TemporaryDirectory() as folder:
        path, kept = Path(folder) / "name", Path(folder) / "kept.sofc"
        path.write_bytes(data)
        assert main(["encode", "-q", "-e", "1", "--keep-file", "-f", str(path), "-o", str(kept)]) == 0
        assert kept.stat().st_size <= 1.01 * len(data) + 200
        assert main(["decode", "-q", str(kept), "-o", str(path) + ".back"]) == 0
        assert Path(str(path) + ".back").read_bytes() == data


@examples(max_examples=20, deadline=None)
@given(
    hypothesis_numpy.arrays(
        st.sampled_from([np.uint8, np.uint16]), st.tuples(*[st.integers(1, 40)] * 2), fill=st.integers(0, 3)
    ),
    st.sampled_from(["png", "packbits", "lzw", "deflate", "zstd", "none"]),
)
def test_no_image_file_grows(array: np.ndarray, way: str) -> None:
    pytest.importorskip("imagecodecs")
    with tempfile.TemporaryDirectory() as folder:
        path, kept = Path(folder) / "name", Path(folder) / "kept.sofc"
        path.write_bytes(pillow(array, "PNG") if way == "png" else tiff(array, compression=way, photometric=1))
        size = path.stat().st_size
        assert main(["encode", "-q", "-e", "1", "--keep-file", "-f", str(path), "-o", str(kept)]) == 0
        assert kept.stat().st_size <= 1.01 * size + 200
        assert main(["decode", "-q", str(kept), "-o", str(path) + ".back"]) == 0
        assert Path(str(path) + ".back").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "name", ["n" * 120, "n" * 246 + ".png", "\u00e9" * 60, "n" * 251 + ".png", "\n" + "\u00e9" * 127]
)
def test_long_names_cost_little(folder: Path, name: str) -> None:
    Path("in").mkdir()
    (Path("in") / name).write_bytes(b"text")
    assert main(["encode", "--keep-file", "in", "--out-dir", "out"]) == 0
    assert sum(path.stat().st_size for path in Path("out").iterdir()) <= 204
    assert main(["decode", "out", "--out-dir", "back"]) == 0
    assert [path.name for path in Path("back").iterdir()] == [name]


def test_images_of_a_file_that_is_kept_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Image.fromarray(GRAY + number) for number in range(3)]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    Path("kept.sofc").write_bytes(
        sofc.Encoder(codebook=None, metadata=keep("a.gif", Path("a.gif").read_bytes(), []).items).finish()
    )
    images = images_of(Path("a.gif"))
    assert len(images) == 3
    for number, image in enumerate(images):
        assert np.array_equal(sofc.read("kept.sofc", image=number), image)
    assert np.array_equal(sofc.read("kept.sofc"), np.stack(images))
    with pytest.raises(SofcError, match="there is no image 3: the file has 3"):
        sofc.read("kept.sofc", image=3)
    assert main(["decode", "--images", "kept.sofc", "--out-dir", "out"]) == 0
    assert np.array_equal(images_of(Path("out/kept.tif"))[2], images[2])
    assert main(["decode", "--raw", "kept.sofc", "-o", "samples"]) == 0
    assert Path("samples").read_bytes() == b"".join(image.tobytes() for image in images)
    damaged = bytearray(Path("kept.sofc").read_bytes())
    with pytest.raises(SofcError):
        sofc.decode(bytes(damaged[:-12]))


def test_only_a_file_that_keeps_another_whole_may_lack_images() -> None:
    whole, window = keep("a", b"text", []).items, Window(0, 1, 4, 1, 8)
    parts = original.to_metadata(Original("a", 4, bytes(32), (window,)))
    assert sofc.Encoder(codebook=None, metadata=whole).finish()
    for items, settings in ((parts, {"codebook": None}), ([], {}), (whole, {"codebook": raw_codebook()})):
        with pytest.raises(sofc.UsageError, match="no image"):
            sofc.Encoder(metadata=items, **settings).finish()
    good = sofc.Encoder(codebook=None, metadata=whole).finish()
    reference = frame_chunk(*pack_reference(raw_codebook().reference))
    for data in (good[:10] + good[-10:], good[:10] + reference + good[10:]):
        with pytest.raises(FormatError, match="where an image must"):
            sofc.decode_images(data)


def test_images_of_a_kept_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.tif").write_bytes(FILES["plain.tif"]())
    assert main(["encode", "--keep-file", "a.tif"]) == 0
    assert np.array_equal(sofc.read("a.sofc"), DEEP)
    assert main(["decode", "--images", "a.sofc", "-o", "images.png"]) == 0
    assert np.array_equal(load(ImageSource(Path("images.png"))).array, DEEP)
    assert main(["decode", "a.sofc", "-o", "other.png"]) == 0
    assert Path("other.png").read_bytes() == Path("images.png").read_bytes()
    assert main(["decode", "a.sofc", "-o", "other.webp"]) == 2
    assert "the original file is a.tif: name the output so, or .png" in capsys.readouterr().err
    assert main(["decode", "a.sofc"]) == 1  # a.tif is there already
    assert main(["decode", "a.sofc", "-o", "b.tif"]) == 0
    assert Path("b.tif").read_bytes() == Path("a.tif").read_bytes()
    assert main(["info", "a.sofc"]) == 0
    assert (
        "metadata ORIGINAL 'a.tif': 178 B  original file of 4.18 kB, made from the samples" in capsys.readouterr().out
    )


@pytest.mark.parametrize("name", ["1.2.840.99.5.1", "x.dcm", "scan"])
@pytest.mark.parametrize("preamble", [True, False])
def test_kept_file_gets_any_name_that_its_format_has(
    folder: Path, name: str, preamble: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dicom(Path("whole"), RANDOM.integers(-900, 900, (1, 16, 24)).astype(np.int16), bits=12)
    data = Path("whole").read_bytes()[0 if preamble else 132 :]
    Path(name).write_bytes(data)
    assert main(["encode", "--keep-file", name, "-o", "kept.sofc"]) == 0
    for output in (name, "y.dcm", "y.dicom"):
        assert main(["decode", "-f", "kept.sofc", "-o", output]) == 0
        assert Path(output).read_bytes() == data
    # Nothing tells of what format a file without mark and suffix is.
    is_refused = preamble or name == "x.dcm"
    assert main(["decode", "kept.sofc", "-o", "y.webp"]) == (2 if is_refused else 0)
    assert ("name the output so" in capsys.readouterr().err) == is_refused


@pytest.mark.parametrize("options", [["--collection", "-o", "x.sofc"], ["--raw", "5x5:uint8"], ["--threshold", "3"]])
def test_contradictions_are_refused(folder: Path, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.pgm").write_bytes(FILES["grid.pgm"]())
    assert main(["encode", "--keep-file", "--coder", "raw", "a.pgm", *options]) == 2
    assert "--keep-file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../up.pgm", "a/b.pgm", "", "con"])
def test_kept_names_are_not_trusted(folder: Path, name: str) -> None:
    data = FILES["grid.pgm"]()
    Path("kept.sofc").write_bytes(sofc.encode(GRAY, coder="raw", metadata=keep(name, data, [GRAY]).items))
    assert main(["decode", "kept.sofc"]) == 0
    assert Path("kept").read_bytes() == data
    assert {path.name for path in folder.iterdir()} == {"kept", "kept.sofc"}


def _by_single_bytes(data: bytes) -> bytes:
    """LZW data of another encoder: no sequence is taken from the table, which is cleared in time."""
    codes = []
    for place in range(0, len(data), 200):
        codes += [256, *data[place : place + 200]]
    text = "".join(format(code, "09b") for code in [*codes, 257])
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")


@pytest.mark.parametrize("others, kept", [(1, True), (9, False)])
def test_single_strips_of_another_encoder_are_kept_as_they_are(others: int, kept: bool) -> None:
    image = np.random.default_rng(1).integers(0, 9, (96, 40), np.uint8)
    strips = [image[row : row + 4].tobytes() for row in range(0, 96, 4)]
    coded = [
        _by_single_bytes(strip) if number < others else lzw.compress(strip, original.OF_LIBTIFF)
        for number, strip in enumerate(strips)
    ]
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, iter(coded), shape=image.shape, dtype=image.dtype, rowsperstrip=4, compression="lzw", predictor=None
    )
    data = buffer.getvalue()
    assert np.array_equal(tifffile.imread(io.BytesIO(data)), image)
    found = keep("", data, [image])
    assert (not found.why_whole) == kept
    assert restore_items(found.items, [image] if kept else []) == data


def test_other_samples_do_not_make_the_file() -> None:
    items = keep("a.pgm", FILES["grid.pgm"](), [GRAY]).items
    with pytest.raises(ChecksumError, match="decode --images"):
        restore_items(items, [GRAY + 1])
    with pytest.raises(FormatError, match="image 0 of 0"):
        restore_items(items, [])


def test_samples_whose_beginning_stands_there_twice() -> None:
    image = np.zeros((700, 400), np.uint8)
    image[-1] = 7
    data = b"head" + bytes(300000) + image.tobytes() + b"tail"
    kept = keep("a.bin", data, [image])
    assert not kept.why_whole
    assert restore_items(kept.items, [image]) == data


def test_large_values_go_on_in_further_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(original, "ITEM_BYTES", 50)
    data = RANDOM.bytes(400)
    items = keep("a", data, [GRAY]).items
    assert len(items) > 8
    assert restore_items(items, [GRAY]) == data


@pytest.mark.parametrize("lengths", [(3, 4), (3, 6), (), (9,), (0, 0)])
def test_chunks_hold_all_that_is_cut(lengths: tuple[int, ...]) -> None:
    parts = (Chunked(lengths, (Literal(b"eight"), Literal(b"mor"))),)
    with pytest.raises(FormatError, match=f"IDAT chunks .* hold {sum(lengths)} bytes; there are 8"):
        restore_items(original.to_metadata(Original("", 100, bytes(32), parts)), [GRAY])


def test_layouts_that_are_known_end_where_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where longer ones are known and the stream ends."""
    monkeypatch.setattr(original, "_layouts", {})
    monkeypatch.setattr(original, "_layout_sizes", {})
    windows = [Window(0, 1 << 20, 1, 1, 8), Window(0, 5, 1, 1, 8), Window(0, 5, 1, 1, 8)]
    for window in windows:
        packed = original.pack_recipe((window,))
        assert original.unpack_recipe(packed, 9) == (window,)
        with pytest.raises(FormatError):
            original.unpack_recipe(packed[:-1], 9)


def test_sizes_are_bounded() -> None:
    digest = bytes(32)
    for window in (
        Window(0, 1 << 40, 1 << 40, 1, 8),
        Window(0, 37, 1 << 26, 1, 1),
        Window(0, 1, 1, 1, 8, alignment=1 << 50),
    ):
        for parts in ((window,), (Deflated(9, 15, 8, 0, (window,)),)):
            with pytest.raises(LimitError):
                restore_items(original.to_metadata(Original("", 1000, digest, parts)), [GRAY])
    many = (Window(0, 37, 53, 1, 8),) * 4000
    with pytest.raises(LimitError):
        restore_items(original.to_metadata(Original("", 1000, digest, many)), [GRAY])
    with pytest.raises(LimitError):
        restore_items(original.to_metadata(Original("", 1 << 40, digest, data=b"")), [GRAY])
    with pytest.raises(FormatError, match="larger than it says"):
        restore_items(original.to_metadata(Original("", 10, digest, data=bytes(1 << 24))), [GRAY])


windows = st.builds(
    Window,
    image=st.integers(0, 1),
    rows=st.integers(0, 40),
    columns=st.integers(0, 60),
    components=st.integers(0, 5),
    bits=st.integers(0, 40),
    shift=st.integers(0, 40),
    first_row=st.integers(0, 40),
    row_step=st.integers(0, 9),
    first_column=st.integers(0, 60),
    column_step=st.integers(0, 9),
    first_component=st.integers(0, 3),
    flags=st.integers(0, 127),
    alignment=st.integers(0, 9),
    prediction=st.integers(0, 1),
    table=st.lists(st.integers(0, 70000), max_size=7).map(tuple),
)
anything = st.recursive(
    st.builds(Literal, st.binary(max_size=9)) | windows,
    lambda parts: (
        st.builds(Lzw, st.integers(0, 3), st.lists(parts, max_size=3).map(tuple))
        | st.builds(
            Runs,
            st.integers(0, 4),
            st.integers(0, 5),
            st.integers(0, 9),
            st.integers(0, 3),
            st.binary(max_size=9),
            st.lists(parts, max_size=3).map(tuple),
        )
        | st.builds(Stored, st.lists(st.integers(0, 50), max_size=3).map(tuple), st.lists(parts, max_size=3).map(tuple))
        | st.builds(
            Chunked, st.lists(st.integers(0, 50), max_size=3).map(tuple), st.lists(parts, max_size=3).map(tuple)
        )
        | st.builds(Facsimile, st.integers(0, 9), st.lists(parts, max_size=3).map(tuple))
        | st.builds(
            GifLzw,
            st.integers(0, 9),
            st.integers(0, 9),
            st.lists(st.integers(0, 9)).map(bytes),
            st.lists(parts, max_size=3).map(tuple),
        )
        | st.builds(
            SubBlocks, st.lists(st.integers(0, 50), max_size=3).map(tuple), st.lists(parts, max_size=3).map(tuple)
        )
        | st.builds(Deflated, *[st.integers(0, 20)] * 4, st.lists(parts, max_size=3).map(tuple))
    ),
    max_leaves=6,
)


@given(st.lists(anything, min_size=1, max_size=3).map(tuple))
def test_recipes_of_any_kind_are_kept_and_end_well(parts: Any) -> None:
    whole = Original("a", 100, bytes(32), parts)
    items = original.to_metadata(whole)
    assert original.from_metadata(items) == whole
    with pytest.raises(SofcError):
        restore_items(items, [COLOUR, DEEP])


def _kept(name: str) -> Original:
    image = np.tile(GRAY, (3, 3)) if name == "lzw.tif" else COLOUR
    found = original.from_metadata(keep(name, FILES[name](), [image]).items)
    assert found is not None
    return found


KEPT = {name: _kept(name) for name in ("interlaced.png", "lzw.tif", "strips.tif", "windows.bmp")}


@given(st.data())
def test_damaged_items_end_well(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(KEPT)))
    parts = KEPT[name].parts
    stream = bytearray(original.pack_recipe(parts))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, min(300, len(stream) - 1)))] = data.draw(st.integers(0, 255))
    del stream[data.draw(st.integers(0, len(stream))) :]
    head = original.schema.ORIGINAL_FILE.build(
        {"way": 1, "size": KEPT[name].size, "digest": KEPT[name].digest, "coding": 0, "stream": bytes(stream)}
    )
    item = Metadata(MetadataKind.ORIGINAL, "", head)
    try:
        restored = restore_items([item], [np.tile(GRAY, (3, 3)) if name == "lzw.tif" else COLOUR])
    except SofcError:
        return
    assert restored == FILES[name]()  # bytes that were drawn as they were


@given(st.binary(max_size=60))
def test_any_bytes_end_well(value: bytes) -> None:
    with pytest.raises(SofcError):
        restore_items([Metadata(MetadataKind.ORIGINAL, "", value)], [GRAY])


@given(st.lists(st.sampled_from([b"a", b"ab", b"\0" * 300, bytes(range(256))]), max_size=40).map(b"".join))
def test_lzw_is_read_by_others(data: bytes) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    for rule in lzw.FULL:
        assert imagecodecs.lzw_decode(lzw.compress(data, rule), out=len(data)) == data
    ours = lzw.compress(data, OF_IMAGECODECS)
    assert imagecodecs.lzw_encode(data) in (ours, ours + b"\0")


octets = st.lists(st.sampled_from([b"a", b"ab", b"b", b"\0" * 3, b"\0" * 200, bytes(range(150))]), max_size=12).map(
    b"".join
)


def whole(data: bytes) -> Window:
    """All bytes as one row of samples."""
    return Window(0, 1, len(data), 1, 8)


def settings_of(part: Runs) -> tuple[int, int, int, int]:
    return part.form, part.unit, part.row, part.pairs


@given(octets)
def test_packbits_is_read_by_others(data: bytes) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    if data:
        packed = imagecodecs.packbits_encode(data)
        (part, *rest) = runs.find_samples(packed, (whole(data),), data) or ()
        assert isinstance(part, Runs) and not rest
        assert runs.compress(data, settings_of(part), part.heads) == packed
        assert imagecodecs.packbits_decode(packed) == data


@pytest.mark.parametrize("unit", [1, 3])
@pytest.mark.parametrize("form", [runs.PACKBITS, runs.TGA, runs.SGI, runs.PCX])
def test_runs_of_any_choice(form: int, unit: int) -> None:
    """Packets cut by chance, with some that hold nothing."""
    unit = 1 if form == runs.PCX else unit
    random = np.random.default_rng(8)
    numbers = random.integers(0, 3, 5000) * random.integers(0, 2, 5000) * 90
    data = numbers.astype(np.uint8).repeat(unit).tobytes()
    packed, place, most = bytearray(), 0, 63 if form == runs.PCX else 127
    while place < len(numbers):
        left = min(most, len(numbers) - place)
        if form == runs.SGI:
            left = min(left, 100 - place % 100)
        equal = 1
        while equal < left and numbers[place + equal] == numbers[place]:
            equal += 1
        count = int(random.integers(1, equal + 1))
        if form == runs.PACKBITS and random.random() < 0.2:
            packed.append(128)
        value = data[place * unit : (place + 1) * unit]
        if count > 1 or (form != runs.PACKBITS and random.random() < 0.1):
            packed.append({runs.PACKBITS: 257 - count, runs.TGA: 127 + count, runs.SGI: count}.get(form, 192 + count))
            packed += value
        else:
            count = min(int(random.integers(1, 1 if form == runs.PCX else left, endpoint=True)), left)
            if form != runs.PCX:
                packed.append(128 + count if form == runs.SGI else count - 1)
            packed += data[place * unit : (place + count) * unit]
        place += count
        if form == runs.SGI and place % 100 == 0:
            packed.append(0)
    window = Window(0, 50, 100, unit, 8)
    (part, *rest) = runs.find_samples(bytes(packed) + b"\7", (window,), data, form, unit) or ()
    assert isinstance(part, Runs) and rest == [Literal(b"\7")] and any(part.heads)
    assert runs.compress(data, settings_of(part), part.heads) == packed
    assert runs.find_samples(bytes(packed[:-1]), (window,), data, form, unit) is None
    assert runs.find_samples(bytes(packed), (window,), data[::-1], form, unit) is None
    for wrong in (part.heads[:-1], part.heads + b"\0"):
        with pytest.raises(FormatError, match="run lengths"):
            runs.compress(data, settings_of(part), wrong)


@pytest.mark.parametrize("form", [runs.PACKBITS, runs.TGA, runs.SGI, runs.PCX])
@pytest.mark.parametrize("pairs", range(3))
def test_runs_are_the_same_by_any_stretch(monkeypatch: pytest.MonkeyPatch, form: int, pairs: int) -> None:
    random = np.random.default_rng(pairs)
    data = random.integers(0, 3, 400).repeat(random.choice([1, 1, 1, 2, 3, 127, 128, 129], 400)).astype(np.uint8)

    def heads(row: int) -> list[int]:
        rule = runs._Rule(data.tobytes(), form, 1, row, pairs)
        return [rule.head(place) for place in range(data.size)]

    expected = [heads(row) for row in (0, 7, 1000)]
    for stretch in (1, 129):
        monkeypatch.setattr(runs, "_STRETCH", stretch)
        assert [heads(row) for row in (0, 7, 1000)] == expected


def test_runs_of_noise_take_little_memory() -> None:
    """Each value is a run there."""
    values = np.arange(1 << 20, dtype=np.uint8).tobytes()
    heads = bytes(len(values) // 128)
    tracemalloc.start()
    packed = runs.compress(values, (runs.TGA, 1, 0, 0), heads)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(packed) == len(values) + len(heads)
    assert most < 6 * len(values)


def test_rows_of_runs_may_be_longer_than_any_number() -> None:
    assert runs.compress(b"aab", (runs.TGA, 1, 1 << 63, 1), bytes(2)) == b"\x81a\0b"


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        (b"abc", (4, 1, 0, 0)),
        (b"abc", (0, 0, 0, 0)),
        (b"abc", (0, 5, 0, 0)),
        (b"abc", (0, 1, 0, 3)),
        (b"abc", (0, 2, 0, 0)),
        (b"abcd", (3, 2, 0, 0)),
    ],
)
def test_runs_that_cannot_be(data: bytes, settings: tuple[int, int, int, int]) -> None:
    with pytest.raises(FormatError, match="run lengths"):
        runs.compress(data, settings, b"\0")


@pytest.mark.parametrize("memory", (1, 4, 8, 9))
@pytest.mark.parametrize("level", (1, 9))
def test_every_setting_of_zlib_is_found(level: int, memory: int) -> None:
    data = np.tile(GRAY, (8, 3)).tobytes()
    for strategy in (0, 1, 3):
        for window in (9, 15):
            deflater = zlib.compressobj(level, zlib.DEFLATED, -window, memory, strategy)
            packed = deflater.compress(data) + deflater.flush()
            found = deflate.find_settings(packed, data, window)
            assert found is not None
            assert deflate.compress(data, found) == packed
    deflater = zlib.compressobj(0, zlib.DEFLATED, -15, memory)
    packed = deflater.compress(data) + deflater.flush()
    lengths = deflate.stored_lengths(packed)
    assert lengths is not None
    assert deflate.stored(data, lengths) == packed


def test_stored_blocks() -> None:
    data = RANDOM.bytes(70000)
    packed = deflate.stored(data, [5, 65535, 0, 4460])
    assert zlib.decompress(packed, -15) == data
    assert deflate.stored_lengths(packed) == [5, 65535, 0, 4460]
    for wrong in (packed[:-1], packed + b"\0", packed[:3] + b"\0" + packed[4:], zlib.compress(bytes(9))[2:-4]):
        assert deflate.stored_lengths(wrong) is None
    with pytest.raises(FormatError, match="70000"):
        deflate.stored(data, [70000])


@pytest.mark.skipif("SOFC_TEST_DATA" not in os.environ, reason="needs real images")
@pytest.mark.parametrize("folder", ["dicom", "pngsuite"])
def test_real_files(folder: str) -> None:
    pytest.importorskip("pydicom", minversion="3")
    whole = []
    for path in sorted((Path(os.environ["SOFC_TEST_DATA"]) / folder).iterdir()):
        if path.name.startswith("x"):
            continue
        data = path.read_bytes()
        images = [load(ImageSource(source.path, source.index, words=True)).array for source in sources([path])]
        kept = keep(path.name, data, images)
        assert restore_items(kept.items, images) == data
        # A file of few bytes may be smaller than how to make it.
        assert "smaller" not in kept.why_whole or len(data) < 200
        whole += [path.name] if "made again" in kept.why_whole else []
    # The first is compressed; the second, where its palette is applied, has entries that are alike.
    assert set(whole) <= {"J2K_pixelrep_mismatch.dcm", "tm3n3p02.png"}


def test_images_of_a_kept_file_keep_to_limits() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((300, 300), np.uint8)).save(buffer, "png")
    data = sofc.Encoder(codebook=None, metadata=keep_whole("a.png", buffer.getvalue())).finish()
    assert len(sofc.decode_images(data)) == 1
    small = sofc.Limits(max_pixels=10_000)
    with pytest.raises(sofc.LimitError):
        sofc.decode_images(data, limits=small)
    with sofc.open_reader(data, limits=small) as reader, pytest.raises(sofc.LimitError):
        len(reader)


@pytest.mark.parametrize("count", [4096, 4097])
def test_parts_are_bounded_by_the_size_of_the_file(count: int) -> None:
    """A recipe packs well: without a bound some hundred bytes made a decoder build a million parts."""
    content = bytes(3)
    digest = hashlib.sha256(content).digest()
    parts = (Literal(content), *(Literal(b"") for _ in range(count - 1)))
    items = original.to_metadata(Original("a", len(content), digest, parts))
    if count <= 4096:
        assert restore_items(items, ()) == content
    else:
        with pytest.raises(LimitError, match="made of more than 4096 parts"):
            restore_items(items, ())


def test_parts_are_bounded_by_what_is_kept() -> None:
    """Of a file that claims to be large as well."""
    parts = tuple(Literal(b"") for _ in range(1 << 16))
    items = original.to_metadata(Original("a", 1 << 30, bytes(32), parts))
    assert sum(len(item.value) for item in items) < 200
    with pytest.raises(LimitError, match=r"more than .* parts"):
        restore_items(items, ())


def test_thousands_of_short_strips_are_made_of_their_samples(tmp_path: Path) -> None:
    image = np.random.default_rng(3).integers(0, 4, (3000, 7)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, rowsperstrip=1, compression="zlib")
    data = (tmp_path / "a.tif").read_bytes()
    kept = keep("a.tif", data, [image])
    assert not kept.why_whole
    assert restore_items(kept.items, [image]) == data


def test_rows_of_facsimile_data_that_are_too_long() -> None:
    columns = facsimile.MOST_COLUMNS + 8
    row = bytes(columns // 8)
    with pytest.raises(LimitError, match=f"rows of {columns} pixels"):
        facsimile.compress(row, columns)
    assert facsimile.find_samples(b"\x80", Window(0, 1, columns, 1, 1), row) is None
    assert facsimile.compress(row[1:], columns - 8) == b""
    assert facsimile.compress(8 * row[1:], columns - 8) == b"\xff"
    assert facsimile.compress(b"", columns - 8) == b""


def test_facsimile_data_without_libtiff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check_codec", lambda name: name != "libtiff")
    with pytest.raises(UnsupportedError, match="Pillow with libtiff"):
        facsimile.compress(b"a", 8)
    # Files are kept all the same, in another way.
    assert facsimile.find_samples(b"&\xa0", Window(0, 1, 8, 1, 1), b"a") is None


@pytest.mark.parametrize("inverted", [False, True])
def test_facsimile_codes_of_all_runs(folder: Path, inverted: bool) -> None:
    """As libtiff writes them: of both colours, also of more pixels than any one code has."""
    lengths = [*range(1, 70), *range(100, 2700, 63), 2559, 2560, 2561, 2623, 2624, 2625, 5119, 5120, 5184, 5200]
    image = np.zeros((2 * len(lengths), 5300), bool)
    for number, length in enumerate(lengths):
        image[2 * number, 40 : 40 + length] = True
    Path("a.tif").write_bytes(pillow(image ^ inverted, "TIFF", compression="group4"))
    data, images = Path("a.tif").read_bytes(), images_of(Path("a.tif"))
    kept = keep("a.tif", data, images)
    assert not kept.why_whole and sum(len(item.value) for item in kept.items) < 400
    assert restore_items(kept.items, images) == data
