"""Large files that are kept: neither their bytes nor their samples are held, and what comes of it is the same."""

from __future__ import annotations

import importlib
import io
import signal
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from sofc.cli.__main__ import main
from sofc.container.original import (
    BIG_ENDIAN,
    BOTTOM_UP,
    PNG_FILTERS,
    REPEATED_EDGE,
    REVERSED_COMPONENTS,
    Original,
    Window,
    packs_within,
    to_metadata,
)
from sofc.errors import FormatError
from sofc.imagefiles import each, each_again, png_rows, rows, source, sources, tiff
from sofc.keepfile import data as data_module
from sofc.keepfile import keep, restore_items
from sofc.keepfile.data import FileData, pieces_of
from sofc.keepfile.deflate import Settings, compress, compress_pieces
from sofc.keepfile.jpeg import MOST_STARTS, may_hold_stream
from sofc.keepfile.keep import keep_whole, keep_within, read_file
from sofc.keepfile.windows import window_bytes, window_pieces
from sofc.rows import FileRows
from sofc.stream.encoder import Encoder

try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]

RANDOM = np.random.default_rng(29)
GRADIENT = np.add.outer(np.arange(150) * 7, np.arange(211) * 3)
NOISE = RANDOM.integers(0, 9, GRADIENT.shape)


def in_file(array: np.ndarray) -> FileRows:
    return FileRows(array.shape, array.dtype, lambda first, end: array[first:end])


@pytest.mark.parametrize(
    "flags", [0, BIG_ENDIAN | BOTTOM_UP, REPEATED_EDGE, REPEATED_EDGE | BOTTOM_UP | REVERSED_COMPONENTS]
)
@pytest.mark.parametrize("steps", [(1, 1), (3, 2)])
@pytest.mark.parametrize("first", [(0, 0), (5, 4)])
def test_windows_of_rows_in_a_file(flags: int, steps: tuple[int, int], first: tuple[int, int]) -> None:
    image = RANDOM.integers(0, 1 << 16, (23, 17, 3)).astype(np.uint16)
    window = Window(
        *(0, 27, 19, 2, 16),
        **{"first_row": first[0], "row_step": steps[0], "first_column": first[1], "column_step": steps[1]},
        first_component=1,
        flags=flags,
        alignment=4,
    )
    taken = image[first[0] :: steps[0], first[1] :: steps[1], 1:][:27, :19]
    padding = ((0, 27 - taken.shape[0]), (0, 19 - taken.shape[1]), (0, 0))
    expected = np.pad(taken, padding, mode="edge" if flags & REPEATED_EDGE else "constant")
    expected = expected[::-1] if flags & BOTTOM_UP else expected
    expected = expected[:, :, ::-1] if flags & REVERSED_COMPONENTS else expected
    octets = expected.astype(">u2" if flags & BIG_ENDIAN else "<u2").tobytes()
    assert window_bytes(image, window) == window_bytes(in_file(image), window) == octets


def test_windows_in_pieces_of_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    image = RANDOM.integers(0, 256, (40, 9)).astype(np.uint8)
    filters = bytes(RANDOM.integers(0, 5, 40).astype(np.uint8))
    window = Window(0, 40, 9, 1, 8, prediction=PNG_FILTERS, filters=filters)
    whole = window_bytes(image, window)
    monkeypatch.setattr("sofc.keepfile.windows._PIECE", 30)
    pieces = list(window_pieces(in_file(image), window))
    assert len(pieces) > 10
    assert b"".join(pieces) == whole


def test_bytes_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(RANDOM.integers(0, 3, 5000).astype(np.uint8))
    path = tmp_path / "a"
    path.write_bytes(content)
    monkeypatch.setattr(data_module, "PIECE_BYTES", 64)
    data = FileData(path)
    assert (len(data), data[:], data[4990:6000], data[-3:]) == (5000, content, content[4990:], content[-3:])
    assert b"".join(pieces_of(data)) == content
    for start in range(0, 4900, 61):
        wanted = content[start : start + 90]
        assert data.find(wanted) == content.find(wanted)
        assert data.find(wanted, start) == start
    assert data.find(b"\7") == -1
    path.write_bytes(content[:100])
    with pytest.raises(FormatError, match="became shorter"):
        data[:]


@pytest.mark.parametrize("level", [0, 1, 9])
def test_deflate_data_in_pieces(level: int) -> None:
    """Where nothing is packed zlib makes blocks of what it is given at once: that is all."""
    settings = Settings(level, 15, 8, 0)
    content = bytes(RANDOM.integers(0, 9, 100_000).astype(np.uint8))
    pieces = (content[first : first + 700] for first in range(0, len(content), 700))
    assert b"".join(compress_pieces(pieces, settings)) == compress(content, settings)


def test_a_file_that_is_not_given_back_goes_nowhere(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The check is behind the last piece, and nothing is written before it."""
    content = bytes(RANDOM.integers(0, 256, 5000).astype(np.uint8))
    kept = Original("a.bin", len(content), bytes(32), data=content)
    (tmp_path / "a.sofc").write_bytes(Encoder(codebook=None, metadata=to_metadata(kept)).finish())
    for output in ("-", str(tmp_path / "a.bin")):
        assert main(["decode", str(tmp_path / "a.sofc"), "-o", output]) == 3
        said = capfdbinary.readouterr()
        assert said.out == b"" and b"another SHA-256" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.sofc"]


def test_bytes_too_long_for_a_file_are_not_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(5000))
    monkeypatch.setattr(data_module, "PIECE_BYTES", 64)
    data = FileData(path)
    reads: list[slice] = []
    read = FileData.__getitem__
    monkeypatch.setattr(FileData, "__getitem__", lambda self, part: reads.append(part) or read(self, part))
    assert data.find(bytes(4900) + b"a") == -1
    assert len(reads) == 2  # not at each of 79 places
    assert data.find(bytes(5001)) == -1
    assert len(reads) == 2


def test_an_image_is_read_once_for_all_its_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pages.tif"
    _pages(path)
    monkeypatch.setattr(source, "LARGE_BYTES", 4 * GRADIENT.size)
    images = list(each_again(sources([path])))
    assert all(isinstance(image.array, FileRows) for image in images)
    loads: list[int] = []
    load = tiff.load
    monkeypatch.setattr(tiff, "load", lambda path, index: loads.append(index) or load(path, index))
    for number, image in enumerate(images):
        expected = (GRADIENT + NOISE + number).astype(np.uint16)
        assert all(np.array_equal(image.array[row : row + 1], expected[row : row + 1]) for row in range(150))
    assert loads == [0, 1, 2, 3]


@pytest.mark.skipif(resource is None, reason="no such limits")
@pytest.mark.parametrize("output", ["-", "back.tif", "back.npy"])
@pytest.mark.parametrize("most", [20_000, 63_299])
def test_a_full_disk_is_named(
    output: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.npy"
    _npy(path)
    assert main(["encode", *(["--keep-file"] if output == "-" else []), "-e", "2", str(path)]) == 0
    path.unlink()
    monkeypatch.setattr("sofc.cli.spool.LARGE_BYTES", 1000)
    monkeypatch.setattr("sofc.cli.kept_sinks.LARGE_BYTES", 1000)
    capsys.readouterr()
    place = "-" if output == "-" else str(tmp_path / output)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        assert main(["decode", str(tmp_path / "a.sofc"), "-o", place]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    named = tempfile.gettempdir() if output == "-" else place
    assert f"a.sofc: {named}: " in capsys.readouterr().err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.sofc"]


def test_what_packs_too_slowly_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sofc.container.original._LONG_ENOUGH", 60_000)
    noise = bytes(RANDOM.integers(0, 256, 200_000).astype(np.uint8))
    left = iter([noise[first : first + 10_000] for first in range(0, len(noise), 10_000)])
    assert not packs_within(left, len(noise), 150_000)
    assert len(list(left)) > 8  # of 20; packers hold back some
    mixed = bytes(20_000) + noise[:60_000] + bytes(20_000)  # at 60,000 a sixth over its pace
    left = iter([mixed[first : first + 10_000] for first in range(0, len(mixed), 10_000)])
    assert packs_within(left, len(mixed), 61_000)


def test_whether_a_file_packs_within_some_bytes() -> None:
    for content in (bytes(9000), bytes(RANDOM.integers(0, 256, 900).astype(np.uint8)) * 9, b""):
        size = sum(len(item.value) for item in keep_whole("a", content))
        assert keep_within("a", content, size) == keep_whole("a", content)
        assert keep_within("a", content, size - 1) is None
        assert not packs_within([content], len(content), -1)


def test_where_jpeg_streams_may_begin() -> None:
    buffer = io.BytesIO()
    Image.fromarray(GRADIENT.astype(np.uint8)).save(buffer, "JPEG")
    stream = buffer.getvalue()
    assert may_hold_stream(b"before" + stream)
    assert may_hold_stream(b"\xff\xd8\xff" + stream[2:])  # a filling byte
    assert may_hold_stream(b"\xff\xd8\xff" + b"\xff\xd8\xff\x01" + b"behind")
    assert not may_hold_stream(b"\xff\xd8\xff\xe0\0\x04....." * 3)
    assert not may_hold_stream(stream[2:])


def test_samples_that_all_look_like_the_beginning_of_a_stream(tmp_path: Path) -> None:
    """Looking is given up before each of a large image's samples has been read around."""
    path = tmp_path / "constant"
    for count in (MOST_STARTS - 1, MOST_STARTS, 1 << 20):
        path.write_bytes(b"\xff\xd8\xff\0\0\0" * count)  # 65496, 65280 and 0, in 16 bits
        assert may_hold_stream(FileData(path)) == (count >= MOST_STARTS)


def _npy(path: Path) -> None:
    np.save(path, (GRADIENT + NOISE).astype(np.uint16))


def _stack(path: Path) -> None:
    np.save(path, np.stack([GRADIENT + NOISE, GRADIENT[::-1] + NOISE]).astype(np.int16))


def _pgm(path: Path) -> None:
    path.write_bytes(b"P5\n211 150\n65535\n" + (GRADIENT + NOISE).astype(">u2").tobytes() + b"more")


def _tiff(path: Path, **settings: Any) -> None:
    tifffile.imwrite(path, (GRADIENT + NOISE).astype(np.uint16), **settings)


def _pages(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        for number in range(4):
            file.write((GRADIENT + NOISE + number).astype(np.uint16), metadata=None)


def _volume(path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    volume = np.stack([GRADIENT + NOISE, GRADIENT + 1, GRADIENT + 2], axis=2).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), path)


def _packed_volume(path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    volume = np.stack([GRADIENT + NOISE, GRADIENT + 1, GRADIENT + 2], axis=2).astype(np.int16)
    nibabel.save(nibabel.MGHImage(volume, np.eye(4)), path)


def _dicom(path: Path, syntax: str = "ExplicitVRLittleEndian") -> None:
    pydicom = pytest.importorskip("pydicom", minversion="3")
    data_set = pydicom.Dataset()
    data_set.file_meta = pydicom.dataset.FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data_set.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    data_set.SOPInstanceUID = "1.2.3"
    data_set.NumberOfFrames, (data_set.Rows, data_set.Columns) = 4, GRADIENT.shape
    data_set.SamplesPerPixel, data_set.PhotometricInterpretation = 1, "MONOCHROME2"
    data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit, data_set.PixelRepresentation = 16, 12, 11, 0
    frames = np.stack([GRADIENT + NOISE + number for number in range(4)]).astype(np.uint16)
    data_set.PixelData = frames.tobytes()
    data_set["PixelData"].VR = "OW"
    if syntax != "ExplicitVRLittleEndian":
        data_set.compress(getattr(pydicom.uid, syntax))
    data_set.save_as(path, enforce_file_format=True)


def _arrays(path: Path) -> None:
    np.savez(path, *((GRADIENT + NOISE + number).astype(np.uint16) for number in range(4)))


def _png(path: Path) -> None:
    Image.fromarray(np.stack([GRADIENT, NOISE, GRADIENT + NOISE], axis=2).astype(np.uint8)).save(path)


KINDS: dict[str, Callable[[Path], None]] = {
    "a.npy": _npy,
    "stack.npy": _stack,
    "a.pgm": _pgm,
    "strips.tif": lambda path: _tiff(path, rowsperstrip=9),
    "packed.tif": lambda path: _tiff(path, rowsperstrip=9, compression="zlib", predictor=True),
    "tiles.tif": lambda path: _tiff(path, tile=(32, 64), compression="lzw"),
    "pages.tif": _pages,
    "a.nii": _volume,
    "a.nii.gz": _volume,
    "a.mgz": _packed_volume,
    "a.png": _png,
    "a.dcm": _dicom,
    "runs.dcm": lambda path: _dicom(path, "RLELossless"),
    "a.npz": _arrays,
    "a.bin": lambda path: path.write_bytes(b"no image" * 5000),
}


@pytest.mark.parametrize("name", ["a.dcm", "runs.dcm", "a.npz", "pages.tif"])
def test_no_image_of_a_large_file_is_held(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    KINDS[name](path)
    assert all(isinstance(image.array, np.ndarray) for image in each_again(sources([path])))
    monkeypatch.setattr(source, "LARGE_BYTES", 1000)
    images = [image.array for image in each_again(sources([path]))]
    assert all(isinstance(image, FileRows) for image in images)
    expected = [(GRADIENT + NOISE + number).astype(np.uint16) for number in range(4)]
    for _ in range(2):
        assert all(np.array_equal(image[20:70], there[20:70]) for image, there in zip(images, expected, strict=True))
    assert np.array_equal(images[2][:9], expected[2][:9])
    kept = keep(name, FileData(path), images)
    assert kept.why_whole == ""
    assert restore_items(kept.items, images) == path.read_bytes()


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4", ">i4"])
def test_stacks_of_small_numbers_in_any_byte_order(dtype: str, tmp_path: Path) -> None:
    """One byte further they are the same numbers in the other order, but for the last."""
    path = tmp_path / "a.npy"
    np.save(path, np.stack([GRADIENT % 200 + NOISE, GRADIENT[::-1] % 200 + NOISE]).astype(dtype))
    images = [image.array for image in each([replace(source, words=dtype[1:] == "i4") for source in sources([path])])]
    for data in (path.read_bytes(), FileData(path)):
        kept = keep("a.npy", data, images)
        assert kept.why_whole == ""
        assert restore_items(kept.items, images) == path.read_bytes()


def arrays_in(folder: Path) -> list[np.ndarray]:
    """Those of all image files, if there are any."""
    return [image.array for image in each(sources([folder], recursive=True))] if folder.exists() else []


@pytest.mark.parametrize("name", KINDS)
def test_large_files_are_kept_as_small_ones_are(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    KINDS[name](path)
    held, whole, parts = str(tmp_path / "held.sofc"), tmp_path / "whole", tmp_path / "parts"
    assert main(["encode", "--keep-file", "-e", "2", str(path), "-o", held]) == 0
    status = main(["decode", "--images", held, "--out-dir", str(whole)])
    assert (status != 0) == (name == "a.bin")
    monkeypatch.setattr(importlib.import_module("sofc.keepfile.keep"), "LARGE_BYTES", 1000)
    for module in (rows, tiff, png_rows, data_module, source):
        monkeypatch.setattr(module, "LARGE_BYTES", 1000)
    monkeypatch.setattr("sofc.cli.spool.LARGE_BYTES", 1000)
    monkeypatch.setattr("sofc.imagefiles.png_rows._BLOCK_BYTES", 4000)
    monkeypatch.setattr("sofc.keepfile.deflate.PIECE_BYTES", 3000)
    for module_name in ("sofc.keepfile.data.PIECE_BYTES", "sofc.keepfile.windows._PIECE"):
        monkeypatch.setattr(module_name, 3000)
    monkeypatch.setattr("sofc.cli.encoding.HELD_BYTES", 100)
    assert isinstance(read_file(path), FileData)
    coded = tmp_path / "pieces.sofc"
    assert main(["encode", "--keep-file", "-e", "2", str(path), "-o", str(coded)]) == 0
    assert ("kept whole" in capsys.readouterr().out) == (name == "a.bin")
    assert coded.read_bytes() == Path(held).read_bytes()
    assert main(["decode", "--images", held, "--out-dir", str(parts)]) == status
    images = [arrays_in(folder) for folder in (whole, parts)]
    assert [len(images[0]), *(array.dtype for array in images[0])] == [
        len(images[1]),
        *(one.dtype for one in images[1]),
    ]
    assert all(map(np.array_equal, *images))
    back = tmp_path / "back"
    assert main(["decode", str(coded), "--out-dir", str(back)]) == 0
    assert (back / name).read_bytes() == path.read_bytes()
    assert main(["test", str(coded)]) == 0
    assert main(["encode", "--keep-file", "--rm", "-f", str(path), "-o", str(tmp_path / "c.sofc")]) == 0
    assert not path.exists()
