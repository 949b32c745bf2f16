"""Large images are read and written some rows at a time, to the same effect as whole."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import sofc
import sofc.rows
from sofc.cli import spool
from sofc.cli.__main__ import main
from sofc.cli.console import INVALID_DATA
from sofc.errors import FormatError
from sofc.imagefiles import ImageSource, load, png, png_rows, rows, save, tiff
from sofc.imagefiles.source import load_in_file
from sofc.rows import FileRows

CHANCE = np.random.default_rng(5)
GRAY = (np.add.outer(np.arange(90) * 3, np.arange(70)) % 251).astype(np.uint8)
DEEP = CHANCE.integers(0, 4000, (90, 70)).astype(np.uint16)
COLOUR = np.stack([GRAY, GRAY[::-1], GRAY[:, ::-1]], axis=-1)


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (rows, tiff, png_rows, spool):
        monkeypatch.setattr(module, "LARGE_BYTES", 4096)
    monkeypatch.setattr(sofc.rows, "_PIECE_BYTES", 1000)


def agrees(path: Path, *, stays: bool = True) -> None:
    """Whether what stays in the file is what is read whole, in whatever pieces."""
    found, whole = load_in_file(ImageSource(path)), load(ImageSource(path))
    assert isinstance(found.array, FileRows) == stays
    assert (found.array.shape, found.array.dtype) == (whole.array.shape, whole.array.dtype)
    assert (found.declared_bits, found.meaning) == (whole.declared_bits, whole.meaning)
    assert np.array_equal(found.array[:], whole.array)
    if isinstance(found.array, FileRows):
        assert np.array_equal(np.concatenate(list(found.array.pieces())), whole.array)
        assert np.array_equal(found.array[37:53], whole.array[37:53])
        assert (found.array.min(), found.array.max()) == (whole.array.min(), whole.array.max())


@pytest.mark.parametrize("array", [GRAY, DEEP, COLOUR, DEEP.astype(">i4"), DEEP.astype(np.float32)], ids=str)
def test_arrays(tmp_path: Path, array: np.ndarray[Any, Any]) -> None:
    np.save(tmp_path / "a.npy", array)
    agrees(tmp_path / "a.npy")


def test_arrays_that_do_not_stand_row_by_row(tmp_path: Path) -> None:
    np.save(tmp_path / "columns.npy", np.asfortranarray(DEEP))
    np.save(tmp_path / "bits.npy", DEEP > 2000)
    agrees(tmp_path / "columns.npy", stays=False)
    agrees(tmp_path / "bits.npy", stays=False)


@pytest.mark.parametrize(("array", "bits"), [(GRAY, 8), (DEEP, 12), (DEEP, 16), (COLOUR, 8)])
def test_anymaps(tmp_path: Path, array: np.ndarray[Any, Any], bits: int) -> None:
    save(tmp_path / "a.pnm", array, declared_bits=bits)
    agrees(tmp_path / "a.pnm")


def test_a_sample_above_the_maximum_is_found_where_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5\n70 90\n100\n" + GRAY.tobytes())
    with pytest.raises(FormatError, match="larger than the announced maximum 100"):
        load_in_file(ImageSource(tmp_path / "a.pgm")).array.max()


def png_file(array: np.ndarray[Any, Any], kind: int, filters: list[int], cut: int = 300) -> bytes:
    """A PNG file of samples as they are, its rows filtered in turn by ``filters``, in several IDAT chunks."""
    octets = png.octets_of(array).astype(int)
    pixel = octets.shape[1] // array.shape[1]
    left = np.pad(octets, ((0, 0), (pixel, 0)))[:, :-pixel]
    above = np.pad(octets, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(left, ((1, 0), (0, 0)))[:-1]
    from_left, from_above, from_corner = (abs(left + above - corner - one) for one in (left, above, corner))
    nearer = np.where(from_above <= from_corner, above, corner)
    paeth = np.where((from_left <= from_above) & (from_left <= from_corner), left, nearer)
    filtered = bytearray()
    for number in range(len(octets)):
        chosen = filters[number % len(filters)]
        predicted = (0 * left, left, above, (left + above) // 2, paeth)[chosen][number]
        filtered += bytes([chosen]) + (octets[number] - predicted).astype(np.uint8).tobytes()
    packed = zlib.compress(bytes(filtered))
    head = png.Head(array.shape[1], len(array), 8 * array.dtype.itemsize, kind, 0, 0, 0)
    whole = png.file_of(head, png.chunk(b"PLTE", bytes(range(255))) if kind == 3 else b"", b"")
    place = whole.index(b"IDAT") - 4
    pieces = [png.chunk(b"IDAT", packed[first : first + cut]) for first in range(0, len(packed), cut)]
    return whole[:place] + b"".join([pieces[0], png.chunk(b"IDAT", b""), *pieces[1:]]) + whole[place + 12 :]


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("kind", [0, 2, 3, 4, 6])
def test_png(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: int, deep: bool) -> None:
    components = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    array = CHANCE.integers(0, 85 if kind == 3 else 256, (90, 70, components)).astype(np.uint8)
    if deep and kind == 3:
        return
    if deep:
        array = array.astype(np.uint16) * 251
    array = array[..., 0] if components == 1 else array
    monkeypatch.setattr(png_rows, "_BLOCK_BYTES", 2000)
    monkeypatch.setattr(png_rows, "_READ_BYTES", 70)
    for filters in ([0], [4], [1, 2, 3, 4, 0], [2]):
        data = png_file(array, kind, filters)
        (tmp_path / "a.png").write_bytes(data)
        agrees(tmp_path / "a.png")
        found = load_in_file(ImageSource(tmp_path / "a.png")).array
        np.testing.assert_array_equal(found[:], array)
        for first, end in ((3, 4), (2, 90), (89, 90), (0, 1)):
            np.testing.assert_array_equal(found[first:end], array[first:end])


def test_png_files_that_are_damaged_or_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    data = png_file(COLOUR, 2, [1])
    path.write_bytes(data[:600] + bytes([data[600] ^ 1]) + data[601:])
    with pytest.raises(FormatError, match="is damaged"):
        load_in_file(ImageSource(path))
    fewer = png_file(COLOUR[:60], 2, [1])
    head = png.chunk(b"IHDR", fewer[16:20] + (90).to_bytes(4, "big") + fewer[24:29])
    path.write_bytes(fewer[:8] + head + fewer[33:])
    with pytest.raises(FormatError, match="fewer rows"):
        load_in_file(ImageSource(path)).array[:]


def test_png_files_that_are_read_whole(tmp_path: Path) -> None:
    Image.fromarray(GRAY).convert("1").save(tmp_path / "bits.png")
    Image.fromarray(GRAY).save(tmp_path / "frames.png", save_all=True, append_images=[Image.fromarray(GRAY[::-1])])
    for name in ("bits.png", "frames.png"):
        agrees(tmp_path / name, stays=False)


@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize("array", [GRAY, DEEP, COLOUR, DEEP.astype(np.int32), DEEP.astype(np.float64)], ids=str)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"rowsperstrip": 16},
        {"tile": (32, 16)},
        {"rowsperstrip": 7, "compression": "zlib"},
        {"tile": (16, 64), "compression": "zlib", "predictor": True},
        {"rowsperstrip": 16, "compression": "lzw"},
        {"rowsperstrip": 16, "compression": "packbits"},
        {"bigtiff": True, "rowsperstrip": 100},
    ],
    ids=str,
)
def test_tiff_pages(tmp_path: Path, array: np.ndarray[Any, Any], settings: dict[str, Any], byteorder: Any) -> None:
    big = settings.pop("bigtiff", False)
    with tifffile.TiffWriter(tmp_path / "a.tif", byteorder=byteorder, bigtiff=big) as file:
        file.write(array, photometric="rgb" if array.ndim == 3 else "minisblack", **settings)
    settings |= {"bigtiff": True} if big else {}
    agrees(tmp_path / "a.tif")


def test_tiff_pages_that_are_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "_LINE_BYTES", 4096)
    tifffile.imwrite(tmp_path / "planes.tif", np.moveaxis(COLOUR, 2, 0), photometric="rgb", planarconfig="separate")
    tifffile.imwrite(tmp_path / "jpeg.tif", COLOUR, photometric="ycbcr", compression="jpeg")
    tifffile.imwrite(tmp_path / "one.tif", COLOUR, photometric="rgb", compression="zlib", rowsperstrip=90)
    for name in ("planes", "jpeg", "one"):
        agrees(tmp_path / f"{name}.tif", stays=False)


def test_several_large_pages_in_one_file(tmp_path: Path) -> None:
    pages = [DEEP, DEEP[::-1], DEEP + 1]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in pages:
            file.write(page, rowsperstrip=16)
    assert main(["encode", "-q", str(tmp_path / "a.tif")]) == 0
    assert np.array_equal(sofc.decode(tmp_path / "a.sofc"), np.stack(pages))
    assert main(["decode", "-q", str(tmp_path / "a.sofc"), "-o", str(tmp_path / "b.tif")]) == 0
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif"), np.stack(pages))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.sofc", "a.tif", "b.tif"]


def test_damage_in_a_strip_is_one_clear_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, DEEP, rowsperstrip=16, compression="zlib")
    with tifffile.TiffFile(path) as file:
        place = file.pages[0].dataoffsets[3]
    data = bytearray(path.read_bytes())
    data[place : place + 8] = b"\xff" * 8
    path.write_bytes(data)
    assert main(["encode", "-q", str(path)]) == INVALID_DATA
    assert f"{path}: cannot be read as an image" in capfd.readouterr().err
    assert not (tmp_path / "a.sofc").exists()


@pytest.mark.parametrize("bits", [1, 8, 12, 16])
@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.pnm", "a.png"])
def test_decode_writes_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, bits: int) -> None:
    array = {1: np.tile(GRAY > 99, (4, 1)), 8: COLOUR, 12: DEEP, 16: DEEP * 16}[bits]
    if bits == 8 and name == "a.png":
        array = np.dstack([array, GRAY])
    (tmp_path / "a.sofc").write_bytes(sofc.encode(array, declared_bits=bits, band_rows=16))
    assert main(["decode", "-q", str(tmp_path / "a.sofc"), "-o", str(tmp_path / name)]) == 0
    spooled = tmp_path / name
    monkeypatch.setattr(spool, "LARGE_BYTES", 1 << 30)
    whole = tmp_path / f"whole-{name}"
    assert main(["decode", "-q", str(tmp_path / "a.sofc"), "-o", str(whole)]) == 0
    if name == "a.png":  # filters and the cut into chunks are the writer's own
        with Image.open(spooled) as one, Image.open(whole) as other:
            assert (one.mode, one.info) == (other.mode, other.info)
            assert np.array_equal(np.asarray(one), np.asarray(other))
    else:
        assert spooled.read_bytes() == whole.read_bytes()
    assert np.array_equal(load(ImageSource(spooled)).array, array)


def test_metadata_is_put_back_with_spooled_rows(tmp_path: Path) -> None:
    palette = Image.fromarray(GRAY).convert("P")
    palette.save(tmp_path / "a.png", dpi=(300, 300))
    assert main(["encode", "-q", "--band-rows", "16", str(tmp_path / "a.png")]) == 0
    for name in ("b.png", "b.tif"):
        assert main(["decode", "-q", str(tmp_path / "a.sofc"), "-o", str(tmp_path / name)]) == 0
        with Image.open(tmp_path / name) as back, Image.open(tmp_path / "a.png") as image:
            assert back.mode == "P"
            assert np.array_equal(np.asarray(back.convert("RGB")), np.asarray(image.convert("RGB")))
            assert round(back.info["dpi"][0]) == 300


@pytest.mark.skipif(sys.platform != "linux", reason="needs a bound for files")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    import resource

    (tmp_path / "a.sofc").write_bytes(sofc.encode(np.zeros((5000, 4000), np.uint8)))  # 20 MB
    done = subprocess.run(
        [sys.executable, "-m", "sofc", "decode", "a.sofc", "-o", "a.tif"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 22, 1 << 22)),
    )
    assert (done.returncode, done.stderr) == (1, "sofc: a.sofc: a.tif: file too large\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.sofc"]


def test_slices_of_packed_volumes_in_any_order(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    volume = CHANCE.integers(-50, 3000, (17, 13, 6, 2)).astype(np.int16)
    for name in ("a.nii", "a.nii.gz"):
        path = tmp_path / name
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), path)
        for order in (range(12), (7, 3, 3, 11, 0)):
            for index in order:
                want = volume[..., index % 6, index // 6].T
                assert np.array_equal(load(ImageSource(path, index)).array, want)
    packed = gzip.compress((tmp_path / "a.nii").read_bytes()[:-100])
    (tmp_path / "cut.nii.gz").write_bytes(packed)
    for index in range(11):
        load(ImageSource(tmp_path / "cut.nii.gz", index))
    with pytest.raises(FormatError, match="cut off"):
        load(ImageSource(tmp_path / "cut.nii.gz", 11))


PEAK = """
import resource, sys
from sofc.cli.__main__ import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
sys.exit(status)
"""


def peak(*args: str) -> int:
    """Megabytes that the command takes."""
    done = subprocess.run([sys.executable, "-c", PEAK, *args], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


@pytest.mark.skipif(sys.platform == "win32", reason="there is no resource module")
def test_memory_does_not_grow_with_the_image(tmp_path: Path) -> None:
    large = np.zeros((12000, 6000), np.uint16)  # 144 MB
    large[::7] = 9
    np.save(tmp_path / "small.npy", large[:1000])
    np.save(tmp_path / "large.npy", large)
    sizes = {}
    for name in ("small", "large"):
        path = str(tmp_path / name)
        sizes[name] = (
            peak("encode", "-q", "--coder", "raw", f"{path}.npy"),
            peak("decode", "-q", f"{path}.sofc", "-o", f"{path}.tif"),
        )
    assert sizes["large"][0] < sizes["small"][0] + 40
    assert sizes["large"][1] < sizes["small"][1] + 40


def test_a_buffer_is_written_as_a_file_is() -> None:
    array = FileRows(DEEP.shape, DEEP.dtype, lambda first, end: DEEP[first:end])
    file = io.BytesIO()
    rows_of_npy = io.BytesIO()
    np.save(rows_of_npy, DEEP)
    from sofc.imagefiles.save import write_rows

    write_rows(file, array, "npy")
    assert file.getvalue() == rows_of_npy.getvalue()


@pytest.mark.parametrize(
    ("bits", "name", "told"),
    [(12, "b.png", True), (12, "b.tif", True), (12, "b.pgm", False), (16, "b.png", False), (4, "b.png", False)],
)
def test_that_few_bits_look_darker_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bits: int, name: str, told: bool
) -> None:
    dtype = np.uint8 if bits <= 8 else np.uint16
    (tmp_path / "a.sofc").write_bytes(
        sofc.encode((DEEP.astype(np.int64) % (1 << bits)).astype(dtype), declared_bits=bits)
    )
    assert main(["decode", str(tmp_path / "a.sofc"), "-o", str(tmp_path / name)]) == 0
    assert (f"{bits} bits a sample in 16: viewers may show it darker" in capsys.readouterr().out) == told


def test_a_large_tiff_file_is_read_without_imagecodecs(tmp_path: Path) -> None:
    """As where sofc was installed without its codecs: Pillow unpacks LZW then."""
    image = np.random.default_rng(0).integers(0, 40, (300, 200), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, compression="lzw", rowsperstrip=30)
    program = """
import sys
sys.modules["imagecodecs"] = None
from pathlib import Path
from sofc.imagefiles import ImageSource, tiff
from sofc.imagefiles.source import load_in_file
tiff.LARGE_BYTES = 1
sys.stdout.buffer.write(load_in_file(ImageSource(Path(sys.argv[1]))).array[:].tobytes())
"""
    run = subprocess.run([sys.executable, "-c", program, tmp_path / "a.tif"], capture_output=True, check=False)
    assert run.stdout == image.tobytes(), run.stderr
