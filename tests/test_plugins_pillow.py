"""Pillow opens and saves .sofc after one import."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sofc
import sofc.plugins.pillow

RANDOM = np.random.default_rng(2)
SIZE = 13, 29
ARRAYS = {
    "1": np.indices(SIZE).sum(axis=0) % 7 < 3,
    "L": RANDOM.integers(0, 256, SIZE, np.uint8),
    "LA": RANDOM.integers(0, 256, (*SIZE, 2), np.uint8),
    "RGB": RANDOM.integers(0, 256, (*SIZE, 3), np.uint8),
    "RGBA": RANDOM.integers(0, 256, (*SIZE, 4), np.uint8),
    "I;16": RANDOM.integers(0, 4096, SIZE, np.uint16),
    "I": RANDOM.integers(-2000, 4096, SIZE, np.int32),
}


def images() -> dict[str, Image.Image]:
    made = {mode: Image.fromarray(array) for mode, array in ARRAYS.items()}
    return made | {"CMYK": Image.frombytes("CMYK", SIZE[::-1], ARRAYS["RGBA"].tobytes())}


def test_a_fresh_process(tmp_path: Path) -> None:
    for mode, image in images().items():
        np.save(tmp_path / f"{mode.replace(';', '')}.npy", np.asarray(image))
    code = f"""
import numpy, sofc.plugins.pillow
from PIL import Image
for mode in {list(images())!r}:
    array = numpy.load(mode.replace(";", "") + ".npy")
    size = array.shape[1::-1]
    image = Image.frombytes("CMYK", size, array.tobytes()) if mode == "CMYK" else Image.fromarray(array)
    assert image.mode == mode, (image.mode, mode)
    image.save("x.sofc")
    with Image.open("x.sofc") as again:
        assert (again.format, again.mode, again.size) == ("SOFC", mode, size)
        assert numpy.array_equal(numpy.asarray(again), array), mode
print(Image.registered_extensions()[".sofc"], Image.MIME["SOFC"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["SOFC", "image/x-sofc"]


@pytest.mark.parametrize("mode", images())
def test_what_is_saved_is_what_sofc_reads(mode: str) -> None:
    file = io.BytesIO()
    images()[mode].save(file, "SOFC", effort=1)
    array = sofc.decode(file.getvalue())
    assert np.array_equal(array, np.asarray(images()[mode]))
    with sofc.open_reader(file.getvalue()) as reader:
        assert reader.header.format.meaning != sofc.Meaning.UNSPECIFIED


def test_several_images_and_metadata(tmp_path: Path) -> None:
    path = tmp_path / "x.sofc"
    several = images()
    first = several.pop("RGB")
    exif = Image.Exif()
    exif[0x010E] = "a picture"
    first.save(path, save_all=True, append_images=several.values(), icc_profile=b"profile", exif=exif)
    with Image.open(path) as image:
        assert image.n_frames == 8
        assert image.is_animated
        assert image.info["icc_profile"] == b"profile"
        assert image.getexif()[0x010E] == "a picture"
        for number in (7, 3, 0):
            image.seek(number)
            wanted = [first, *several.values()][number]
            assert (image.tell(), image.mode) == (number, wanted.mode)
            assert np.array_equal(np.asarray(image), np.asarray(wanted))
        with pytest.raises(EOFError):
            image.seek(8)
        image.convert("L").save(tmp_path / "y.sofc")  # takes the profile along, as other formats do
    with Image.open(tmp_path / "y.sofc") as again:
        assert again.info["icc_profile"] == b"profile"


def test_declared_bits_are_kept() -> None:
    file = io.BytesIO()
    Image.fromarray(ARRAYS["I;16"]).save(file, "SOFC", declared_bits=12)
    assert Image.open(file).info["declared_bits"] == 12


def test_the_file_is_closed_and_the_image_can_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "x.sofc"
    images()["L"].save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        image = Image.open(path)
        image.putpixel((0, 0), 7)
        del image
    assert sofc.read(path)[0, 0] == ARRAYS["L"][0, 0]


@pytest.mark.parametrize(
    "array", [np.zeros((3, 3, 3), np.uint16), np.zeros((3, 3, 5), np.uint8), np.zeros((3, 3, 3), np.int8)]
)
def test_images_without_a_mode(array: np.ndarray) -> None:
    with pytest.raises(sofc.UnsupportedError, match=r"Pillow has no mode .* use sofc\.read"):
        Image.open(io.BytesIO(sofc.encode(array)))


@pytest.mark.parametrize("mode", ["HSV", "YCbCr"])
def test_modes_that_are_refused(mode: str, tmp_path: Path) -> None:
    with pytest.raises(sofc.UsageError, match=f"mode {mode} cannot be saved"):
        Image.new(mode, (3, 3)).save(tmp_path / "x.sofc")
    assert not (tmp_path / "x.sofc").exists()


def test_a_codebook_for_one_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFC_CODEBOOK_PATH", str(tmp_path / "nowhere"))
    codebook = sofc.train([ARRAYS["1"], ARRAYS["1"]], name="lost", iterations=0).codebook
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "lost.sofcb").write_bytes(codebook.to_bytes())
    path = tmp_path / "x.sofc"
    images()["1"].save(path, codebook=tmp_path / "elsewhere" / "lost.sofcb")
    with Image.open(path) as image:
        with pytest.raises(sofc.CodebookError, match="'lost'"):
            image.load()
        image.codebook = codebook  # type: ignore[attr-defined]
        assert np.array_equal(np.asarray(image), ARRAYS["1"])


@pytest.mark.parametrize("alpha", [None, 3, bytes([0, 99, 255])])
@pytest.mark.parametrize("colours", [2, 100, 256])
def test_palette_images(tmp_path: Path, colours: int, alpha: int | bytes | None) -> None:
    frames = []
    for _ in range(2):
        image = Image.fromarray(RANDOM.integers(0, colours, SIZE).astype(np.uint8)).convert("P")
        image.putpalette(RANDOM.bytes(3 * colours))
        if alpha is not None:
            image.info["transparency"] = alpha
        frames.append(image)
    frames[0].save(tmp_path / "x.sofc", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "x.sofc") as again:
        assert again.n_frames == 2
        for number in (1, 0):
            again.seek(number)
            assert again.mode == "P"
            assert np.array_equal(np.asarray(again), np.asarray(frames[number]))
            mode = "RGB" if alpha is None else "RGBA"
            assert np.array_equal(np.asarray(again.convert(mode)), np.asarray(frames[number].convert(mode)))


def test_frames_may_be_one_image_that_changes(tmp_path: Path) -> None:
    frames = np.random.default_rng(3).integers(0, 256, (3, 30, 40), np.uint8)

    def others() -> Iterator[Image.Image]:
        one = Image.new("L", (40, 30))
        for frame in frames[1:]:
            one.paste(Image.fromarray(frame))
            yield one

    Image.fromarray(frames[0]).save(tmp_path / "x.sofc", save_all=True, append_images=others())
    assert np.array_equal(sofc.decode((tmp_path / "x.sofc").read_bytes()), frames)
