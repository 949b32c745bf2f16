"""The command: outputs, exit statuses, pipes, collections, damage."""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import imageio.v3 as iio
import numpy as np
import pytest

import sofc
from sofc.cli import analyze
from sofc.cli.__main__ import main
from sofc.cli.console import Console, size
from sofc.cli.names import OutputNames, safe_name
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.shape.measure import PlaneMeasure
from sofc.collection import names_metadata
from sofc.imagefiles import ImageSource, RawLayout, load, save
from sofc.stream.encoder import Encoder
from sofc.training import ModelReport, TrainingReport, TrainingResult

RANDOM = np.random.default_rng(5)


class Outcome(NamedTuple):
    """What a run of the command gave."""

    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs the command in an empty folder, with no codebook installed."""

    def call(*arguments: str | Path, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(stdin), close=lambda: None))
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:
            assert isinstance(end.code, int)
            status = end.code
        return Outcome(status, *capsys.readouterr())

    yield call
    # What -v shows is not to be shown by the commands of other tests.
    logger = logging.getLogger("sofc")
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


def command(*arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a process of its own."""
    line = [sys.executable, "-m", "sofc.cli", *map(str, arguments)]
    return subprocess.run(line, input=stdin, capture_output=True, cwd=cwd, check=False)


def smooth(height: int, width: int, components: int = 1, dtype: str = "uint8") -> np.ndarray:
    """An image that compresses."""
    rows, columns = np.mgrid[:height, :width]
    gray = (60 + rows + 2 * columns + RANDOM.integers(0, 4, (height, width))) % 251
    image = gray if components == 1 else np.stack([gray + 2 * k for k in range(components)], axis=-1)
    return image.astype(dtype)


def patches(count: int) -> list[np.ndarray]:
    """Small gray images with a common texture."""
    texture = RANDOM.integers(0, 60, (24, 24))
    return [(100 + texture + RANDOM.integers(0, 2, (24, 24)) + k).astype(np.uint8) for k in range(count)]


def test_round_trip_of_one_file(run: Run) -> None:
    image = smooth(40, 50)
    save(Path("photo.png"), image)
    encoded = run("encode", "photo.png")
    coded = Path("photo.sofc").stat().st_size
    before = Path("photo.png").stat().st_size
    figures = f"{size(before)} -> {size(coded)}  ratio {before / coded:.2f}  2.00 kB of samples"
    assert encoded == (0, f"photo.png: {figures}  built-in codebook common\n", "")
    assert run("decode", "photo.sofc", "-o", "again.pgm") == (0, "photo.sofc -> again.pgm\n", "")
    assert np.array_equal(load(ImageSource(Path("again.pgm"))).array, image)
    assert run("test", "photo.sofc") == (0, "photo.sofc: ok  1 image, 2.00 kB of samples\n", "")
    assert run("encode", "-f", "-D", "none", "photo.png").out.endswith("  no codebook\n")


@pytest.mark.parametrize(
    ("name", "image", "suffix"),
    [
        ("gray.png", smooth(9, 7), ".png"),
        ("gray16.png", smooth(9, 7, dtype="uint16") * 200, ".png"),
        ("mask.png", smooth(9, 7) > 80, ".png"),
        ("colour.ppm", smooth(9, 7, 3), ".png"),
        ("colour16.tif", smooth(9, 7, 3, "uint16") * 100, ".tif"),
        ("ct.tif", smooth(9, 7, dtype="int16") - 100, ".tif"),
        ("five.npy", smooth(9, 7, 5), ".tif"),
    ],
)
def test_default_output_keeps_every_sample(run: Run, name: str, image: np.ndarray, suffix: str) -> None:
    save(Path(name), image)
    assert run("encode", name, "-o", "x.sofc").status == 0
    assert run("decode", "x.sofc", "--out-dir", "out").out == f"x.sofc -> out/x{suffix}\n"
    again = load(ImageSource(Path("out") / f"x{suffix}")).array
    assert again.dtype == image.dtype
    assert np.array_equal(again, image)


def test_declared_bits_survive(run: Run) -> None:
    Path("a.pgm").write_bytes(b"P5\n2 1\n4095\n" + bytes([0, 1, 2, 3]))
    run("encode", "a.pgm")
    run("decode", "a.sofc", "-o", "b.pgm")
    assert Path("b.pgm").read_bytes() == Path("a.pgm").read_bytes()


def test_folders_and_totals(run: Run) -> None:
    (Path("in") / "deep").mkdir(parents=True)
    for name in ("in/a.png", "in/deep/b.png"):
        save(Path(name), smooth(16, 16))
    outcome = run("encode", "-r", "in", "--out-dir", "out")
    assert outcome.status == 0
    assert [line.split(":")[0] for line in outcome.out.splitlines()] == ["in/a.png", "in/deep/b.png", "2 files"]
    assert sorted(str(path) for path in Path("out").rglob("*.sofc")) == ["out/a.sofc", "out/deep/b.sofc"]
    assert run("decode", "-r", "out", "--out-dir", "back").status == 0
    assert np.array_equal(
        load(ImageSource(Path("back/deep/b.png"))).array, load(ImageSource(Path("in/deep/b.png"))).array
    )


def test_overwriting_is_refused(run: Run) -> None:
    save(Path("a.png"), smooth(8, 8))
    assert run("encode", "a.png").status == 0
    before = Path("a.sofc").read_bytes()
    assert run("encode", "a.png") == (1, "", "sofc: a.png: a.sofc: exists already; -f overwrites it\n")
    assert run("decode", "a.sofc") == (1, "", "sofc: a.sofc: a.png: exists already; -f overwrites it\n")
    assert run("decode", "a.sofc", "-o", "a.png").status == 1
    assert run("encode", "-f", "a.png").status == 0
    assert Path("a.sofc").read_bytes() == before
    assert run("decode", "-f", "a.sofc").status == 0


def test_goes_on_after_an_error_and_the_worst_status_wins(run: Run) -> None:
    Path("a.png").write_bytes(b"no image")
    np.save("b.npy", np.zeros((3, 3), "datetime64[s]"))
    save(Path("c.png"), smooth(8, 8))
    outcome = run("encode", "a.png", "b.npy", "c.png")
    assert outcome.status == 3
    assert "a.png: cannot be read as an image" in outcome.err
    assert "b.npy: samples of type datetime64[s] cannot be stored" in outcome.err
    assert len(outcome.err.splitlines()) == 2
    assert Path("c.sofc").exists()
    assert not list(Path().glob(".*.part"))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["encode", "nowhere.png"], 1, "sofc: nowhere.png: no such file or folder\n"),
        (["decode", "nowhere.sofc"], 1, "sofc: nowhere.sofc: no such file or directory\n"),
        (["encode", "a.png", "-o", "x", "--out-dir", "y"], 2, "exclude each other"),
        (["encode", "a.png", "b.png", "-o", "x.sofc"], 2, "--collection for one file"),
        (["encode", "a.png", "--embed"], 2, "--embed needs a codebook"),
        (["encode", "a.png", "--collection"], 2, "--collection needs -o"),
        (["encode", "-", "a.png"], 2, "only input"),
        (["encode", "a.png", "--raw", "4x4"], 2, "--raw wants"),
        (["encode", "a.png", "--raw", "4x4:uint8", "--collection", "-o", "x"], 2, "--raw takes samples"),
        (["encode", "a.png", "--coder", "none-such"], 2, "no coder 'none-such'"),
        (["encode", "a.png", "--band-rows", "0"], 2, "invalid positive value"),
        (["encode", "a.png", "-D", "none-such"], 4, "there is no codebook 'none-such'"),
        (["encode", "empty"], 2, "hold no image files"),
        (["decode", "empty"], 2, "hold no .sofc files"),
        (["decode", "a.png"], 3, "a.png is not a sofc file but a PNG file"),
        (["decode", "a.tif"], 3, "a.tif is not a sofc file but a TIFF file"),
        (["archive", "none-such", "-o", "x"], 1, "none-such: no such file or directory"),
        (["decode", "--raw", "--format", "png", "a.sofc"], 2, "exclude each other"),
        (["decode", "a.sofc", "b.sofc", "-o", "x.png"], 2, "use --out-dir"),
        (["info", "a.png", "fake.sofc"], 3, "fake.sofc is a TIFF file: imageio writes one"),
        (["test", "fake.sofc"], 3, "fake.sofc is a TIFF file"),
        (["codebook", "install", "a.png"], 3, "a.png"),
        (["codebook", "show", "none-such"], 4, "no codebook 'none-such'"),
        (["train", "empty", "-o", "x.sofcb"], 2, "no images to train on"),
        (["train", "a.png"], 2, "required: -o"),
        (["no-such-verb"], 2, "invalid choice"),
        ([], 2, "VERB"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_usage(run: Run, arguments: list[str], status: int, message: str) -> None:
    for name in ("a.png", "b.png", "a.tif"):
        save(Path(name), smooth(6, 6))
    Path("empty").mkdir()
    Path("fake.sofc").write_bytes(b"II*\0" + bytes(20))
    outcome = run(*arguments)
    assert outcome.status == status
    assert message in outcome.err
    assert outcome.out == ""
    assert "Traceback" not in outcome.err


def test_traceback_only_when_asked_for(run: Run) -> None:
    assert "Traceback" in run("encode", "-vv", "nowhere.png").err


def test_jpeg_is_warned_about_once(run: Run) -> None:
    from PIL import Image

    for name in ("a.jpg", "b.jpg"):
        Image.fromarray(smooth(16, 16, 3)).save(name)
    outcome = run("encode", "--samples", "a.jpg", "b.jpg")
    assert outcome.err == "sofc: the input is a JPEG file: what is kept is its samples, not the file\n"
    assert run("encode", "-f", "-q", "--samples", "a.jpg") == (0, "", "")


def jpeg(name: str, height: int = 80, width: int = 96, **options: Any) -> bytes:
    """A JPEG file, and its bytes."""
    from PIL import Image

    Image.fromarray(smooth(height, width, 3)).save(name, "JPEG", **options)
    return Path(name).read_bytes()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 20, "subsampling": "4:2:0"}])
def test_jpeg_comes_back_as_the_file(run: Run, options: dict[str, Any]) -> None:
    data = jpeg("a.jpg", **options)
    outcome = run("encode", "a.jpg")
    assert outcome.err == "" and outcome.out.startswith(f"a.jpg: {size(len(data))} -> ")
    assert "coefficients of 1 picture of JPEG data" in outcome.out and "samples" not in outcome.out
    assert run("decode", "a.sofc", "--out-dir", "back").status == 0
    assert run("decode", "a.sofc", "-o", "named.jpeg").status == 0
    assert Path("back/a.jpg").read_bytes() == Path("named.jpeg").read_bytes() == data
    # The name of the output asks for samples; they are those of the other way.
    assert run("decode", "a.sofc", "-o", "a.png").status == 0
    assert run("encode", "--samples", "a.jpg", "-o", "samples.sofc").status == 0
    assert run("decode", "samples.sofc", "-o", "samples.png").status == 0
    assert np.array_equal(iio.imread("a.png"), iio.imread("samples.png"))
    assert np.array_equal(sofc.read("a.sofc"), sofc.read("samples.sofc"))


def test_tiny_and_cut_jpeg_files_come_back(run: Run) -> None:
    """Whatever their coefficients are worth."""
    tiny, whole = jpeg("tiny.jpg", 1, 1), jpeg("whole.jpg")
    Path("cut.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    assert run("encode", "tiny.jpg", "cut.jpg").status == 0
    assert run("decode", "tiny.sofc", "cut.sofc", "--out-dir", "back").status == 0
    assert Path("back/tiny.jpg").read_bytes() == tiny
    assert Path("back/cut.jpg").read_bytes() == Path("cut.jpg").read_bytes()


@pytest.mark.parametrize(
    "options", ["--samples", "--strip", "--coder=raw", "--band-rows=16", "--key-interval=1", "--collection"]
)
def test_what_concerns_samples_takes_those_of_jpeg_files(run: Run, options: str) -> None:
    jpeg("a.jpg")
    outcome = run("encode", options, "a.jpg", "-o", "a.sofc")
    assert outcome.status == 0 and "its samples, not the file" in outcome.err and "of samples" in outcome.out
    with sofc.open_reader("a.sofc") as reader:
        assert len(reader) == 1 and not any(item.kind == sofc.MetadataKind.ORIGINAL for item in reader.metadata)


def test_jpeg_from_standard_input(run: Run) -> None:
    data = jpeg("a.jpg")
    assert run("encode", "-", "-o", "a.sofc", stdin=data).status == 0
    assert run("decode", "a.sofc", "-o", "b.jpg").status == 0
    assert Path("b.jpg").read_bytes() == data
    assert run("decode", "a.sofc", "-o", "b.png").status == 0
    assert np.array_equal(iio.imread("b.png"), iio.imread("a.jpg"))


@pytest.mark.parametrize(
    "output, back", [("new.sofc", "new.jpg"), ("new.jpg.sofc", "new.jpg"), ("new.2019.sofc", "new.2019")]
)
def test_what_came_from_standard_input_gets_the_suffix_of_its_format(run: Run, output: str, back: str) -> None:
    data = jpeg("a.jpg")
    assert run("encode", "-", "-o", output, stdin=data).status == 0
    assert run("decode", output).status == 0
    assert Path(back).read_bytes() == data


def test_an_image_file_from_standard_input_counts_by_its_bytes(run: Run) -> None:
    """Not by those of its samples, and not as nothing."""
    data = b"P5 40 30 255\n" + bytes(range(40)) * 30
    outcome = run("encode", "-", "-o", "a.sofc", stdin=data)
    assert outcome.status == 0 and outcome.out.startswith(f"standard input: {size(len(data))} -> ")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "standard input: this is an empty file: there is no image to encode"),
        (b"hi\n", "standard input: cannot be read as an image: it is of no known kind, or damaged at its beginning"),
    ],
)
def test_what_is_wrong_with_standard_input(data: bytes, said: str, run: Run) -> None:
    """Its copy, which has a name of no meaning, is not spoken of."""
    outcome = run("encode", "-", "-o", "a.sofc", stdin=data)
    assert (outcome.status, outcome.err) == (3, f"sofc: {said}\n")


def test_what_only_begins_as_jpeg_is_refused(run: Run) -> None:
    Path("a.jpg").write_bytes(b"\xff\xd8\xff" + bytes(range(256)))
    assert run("encode", "a.jpg").status == 3 and not Path("a.sofc").exists()
    assert run("encode", "--keep-file", "a.jpg").status == 0
    assert run("encode", "-f", "--keep-file", "--samples", "a.jpg").status == 2


def test_rm_of_a_jpeg_file_that_comes_back(run: Run) -> None:
    data = jpeg("a.jpg")
    assert run("encode", "--rm", "a.jpg").status == 0 and not Path("a.jpg").exists()
    outcome = run("decode", "--rm", "a.sofc", "-o", "a.png")
    assert "not removed: the output is without the file that is kept" in outcome.err and Path("a.sofc").exists()
    assert run("decode", "--rm", "a.sofc").status == 0
    assert Path("a.jpg").read_bytes() == data and not Path("a.sofc").exists()


def test_info_of_a_kept_jpeg_file(run: Run) -> None:
    data = jpeg("a.jpg")
    assert run("encode", "a.jpg").status == 0
    ratio = len(data) / Path("a.sofc").stat().st_size
    said = run("info", "a.sofc").out
    assert f"original file {size(len(data))}  ratio {ratio:.2f}\n" in said and "it keeps another file" in said
    told = json.loads(run("info", "--json", "a.sofc").out)[0]
    assert (told["original_bytes"], told["ratio"]) == (len(data), round(ratio, 4))


@pytest.mark.parametrize("scale", [1, 0.1])
def test_codebook_of_wide_samples_is_told(run: Run, scale: float) -> None:
    """Their plans name a built-in codebook, which no chunk does."""
    np.save("a.npy", smooth(64, 64).astype(np.float32) * np.float32(scale))
    assert "  built-in codebook common\n" in run("encode", "a.npy").out
    assert "of the built-in codebook 'common'\n" in run("info", "-v", "a.sofc").out
    assert "no codebook" in run("encode", "-f", "--coder", "raw", "a.npy").out


def test_train_and_analyze_pass_over_what_they_cannot_use(run: Run) -> None:
    Path("good").mkdir()
    for number in range(3):
        iio.imwrite(f"good/{number}.png", smooth(40, 48))
    shutil.copytree("good", "mixed")
    np.save("mixed/a.npy", smooth(40, 48).astype(np.float32))
    Path("mixed/b.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    Path("mixed/c.txt").write_text("text")
    options = ["--coder", "shape", "--iterations", "0", "--name", "x", "--held-out", "0", "-j", "1"]
    assert run("train", "good", "-o", "good.sofcb", *options).status == 0
    outcome = run("train", "mixed", "-o", "mixed.sofcb", *options)
    assert outcome.status == 5
    for name in ("mixed/a.npy", "mixed/b.png", "mixed/c.txt"):
        assert outcome.err.count(f"sofc: {name}: passed over: ") == 1
    assert Path("mixed.sofcb").read_bytes() == Path("good.sofcb").read_bytes()
    outcome = run("analyze", "mixed")
    assert outcome.status == 3 and "3 images" in outcome.out
    assert "mixed/a.npy: codebooks are for samples" in outcome.err and "mixed/b.png: cannot be read" in outcome.err
    outcome = run("train", "mixed/a.npy", "-o", "none.sofcb", "-j", "1")
    assert outcome.status == 2 and "none can be read" in outcome.err
    with pytest.raises(sofc.UsageError, match="codebooks are for samples of at most 16 bits"):
        sofc.train(["mixed/a.npy"], name="x")


def test_stack_of_images_in_an_array(run: Run) -> None:
    stack = np.stack([smooth(28, 28) for _ in range(5)])
    np.save("a.npy", stack)
    outcome = run("encode", "a.npy")
    assert "a.npy: the array of shape (5, 28, 28) is taken as 5 images of 28 x 28 (--axes nyx, not yxc)" in outcome.err
    assert np.array_equal(sofc.read("a.sofc"), stack)
    assert run("decode", "a.sofc", "-o", "b.npy").status == 0
    assert Path("b.npy").read_bytes() == Path("a.npy").read_bytes()
    assert run("encode", "--rm", "-f", "a.npy").status == 0 and not Path("a.npy").exists()
    outcome = run("encode", "--axes", "yxc", "b.npy")
    assert outcome.err == "" and sofc.read("b.sofc").shape == (5, 28, 28)
    assert sofc.open_reader("b.sofc").header.format.components == 28
    assert run("encode", "-f", "--axes", "yy", "b.npy").status == 2


def test_slips_are_told(run: Run) -> None:
    """What a newcomer does, and is told."""
    iio.imwrite("a.png", smooth(9, 9))
    Path("empty.png").touch()
    Path("folder").mkdir()
    assert run("encode", "a.png").status == 0
    for arguments, status, said in (
        (["encode", "empty.png"], 3, "empty.png: this is an empty file: there is no image to encode"),
        (["encode", "a.sofc"], 3, "a.sofc: this is a sofc file already"),
        (["encode", "a.png", "-o", "folder"], 2, "folder is a folder: name a file with -o, or use --out-dir folder"),
        (["encode", "a.png", "-o", "b.png"], 2, "b.png is to be a sofc file: name it b.sofc, or use -f"),
        (["decode", "a.png"], 3, "a.png is not a sofc file but a PNG file: sofc encode makes one of it"),
    ):
        outcome = run(*arguments)
        assert outcome.status == status and outcome.out == "" and outcome.err.startswith(f"sofc: {said}"), outcome
    assert Path("a.sofc").exists() and not Path("b.png").exists()
    assert run("encode", "--keep-file", "empty.png").status == 0


def test_info_numbers_models_one_way(run: Run) -> None:
    iio.imwrite("a.png", smooth(64, 64))
    assert run("encode", "a.png").status == 0
    brief, long = run("info", "a.sofc").out, run("info", "-v", "a.sofc").out
    assert "model" not in brief  # what a model is only those know who ask for more
    named = re.search(r"model \d+ of the codebook", long)
    assert named is not None and re.findall(r"model \d+", long) == [named[0].split(" of ")[0]] * 2


# Pipes and raw samples.


def test_raw_pipe(run: Run) -> None:
    image = smooth(130, 10, 3, "uint16")
    coded = command("encode", "--raw", "10x0x3:uint16", "--band-rows", "64", "-", stdin=image.tobytes())
    assert coded.returncode == 0, coded.stderr
    assert coded.stderr.decode().startswith("standard input: 7.80 kB -> ")
    decoded = command("decode", "--raw", "-", stdin=coded.stdout)
    assert (decoded.returncode, decoded.stdout) == (0, image.tobytes())
    tested = command("test", "-", stdin=coded.stdout)
    assert tested.stdout.decode() == "standard input: ok  1 image, 7.80 kB of samples\n"
    described = command("info", "--json", "-", stdin=coded.stdout)
    assert json.loads(described.stdout)[0]["headers"][0]["height"] == 130


def test_image_pipe(tmp_path: Path) -> None:
    image = smooth(30, 31)
    save(tmp_path / "a.png", image)
    coded = command("encode", "-", stdin=(tmp_path / "a.png").read_bytes())
    decoded = command("decode", "-", "--format", "npy", stdin=coded.stdout)
    assert np.array_equal(np.load(io.BytesIO(decoded.stdout)), image)


@pytest.mark.parametrize("layout", ["8x6:bool", "8x6x2:int8", "8x6x4:int16", "8x6:uint10", "8x0x3:uint8"])
def test_raw_files(run: Run, layout: str) -> None:
    from sofc.imagefiles import RawLayout

    parsed = RawLayout.parse(layout)
    samples = parsed.header.format
    data = RANDOM.integers(samples.low, samples.high, (6, *parsed.row_shape), endpoint=True).astype(parsed.dtype)
    Path("a.raw").write_bytes(data.tobytes())
    assert run("encode", "--raw", layout, "a.raw").status == 0
    assert run("decode", "--raw", "a.sofc", "-o", "b.raw").status == 0
    assert Path("b.raw").read_bytes() == data.tobytes()


@pytest.mark.parametrize(
    ("layout", "data", "status", "message"),
    [
        ("4x0:uint8", b"", 3, "holds no samples"),
        ("4x0:uint8", bytes(10), 3, "end inside row 2: 2 of 4 bytes"),
        ("4x3:uint8", bytes(8), 3, "ends after 2 of 3 rows"),
        ("4x3:uint8", bytes(16), 3, "ends after 1 of 3 rows of image 1"),
        ("4x2:bool", bytes([0, 1, 0, 1, 0, 1, 2, 0]), 2, "row 1 of image 0 has a sample outside 0 to 1"),
        ("2x2:uint10", bytes([0, 0, 0, 0, 0, 0, 0, 4]), 2, "row 1 of image 0 has a sample outside 0 to 1023"),
    ],
)
def test_wrong_raw_samples(run: Run, layout: str, data: bytes, status: int, message: str) -> None:
    Path("a.raw").write_bytes(data)
    outcome = run("encode", "--raw", layout, "a.raw")
    assert outcome.status == status
    assert message in outcome.err
    assert not Path("a.sofc").exists()


@pytest.mark.parametrize("shape", [(7, 30, 40, 3), (1, 30, 40, 3), (3, 600, 500), (1, 600, 500)])
def test_raw_frames(run: Run, shape: tuple[int, ...]) -> None:
    """As of ``ffmpeg -f rawvideo``: one image after the other, as long as samples come."""
    images, height, width = shape[:3]
    array = np.stack([smooth(*shape[1:]) for _ in range(images)])
    layout = f"{width}x{height}x{shape[3] if len(shape) == 4 else 1}:uint8"
    outcome = run("encode", "--raw", layout, "-", "-o", "a.sofc", stdin=array.tobytes())
    assert outcome.status == 0 and outcome.out.startswith(f"standard input: {size(array.nbytes)} -> ")
    assert (f"{images} images, " in outcome.out) == (images > 1)
    with sofc.open_reader("a.sofc") as reader:
        assert np.array_equal(np.stack(reader[:]), array)
    if images == 1:  # the same bytes as those of the image by itself
        Path("a.raw").write_bytes(array.tobytes())
        whole = sofc.Encoder(RawLayout.parse(layout).header, codebook=builtin_codebook)
        assert Path("a.sofc").read_bytes() == whole.write(array[0]) + whole.finish()


def test_closed_pipe_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(RANDOM.bytes(3_000_000))
    line = [sys.executable, "-m", "sofc.cli", "encode", "--raw", "1000x0:uint8", "--no-verify", "a.raw", "-o", "-"]
    process = subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait() == 1


# Many images in one file.


def write_idx(path: Path, images: np.ndarray) -> None:
    head = b"\0\0\x08\x03" + b"".join(length.to_bytes(4, "big") for length in images.shape)
    path.write_bytes(gzip.compress(head + images.tobytes()))


def test_idx_file_becomes_one_file(run: Run) -> None:
    images = np.stack(patches(7))
    write_idx(Path("x-images-idx3-ubyte.gz"), images)
    outcome = run("encode", "x-images-idx3-ubyte.gz")
    assert "  7 images, 4.03 kB of samples  built-in codebook common\n" in outcome.out
    assert np.array_equal(sofc.decode(Path("x-images-idx3-ubyte.sofc").read_bytes()), images)
    assert (
        run("decode", "x-images-idx3-ubyte.sofc").out == "x-images-idx3-ubyte.sofc -> x-images-idx3-ubyte/  7 images\n"
    )
    assert np.array_equal(load(ImageSource(Path("x-images-idx3-ubyte/00006.png"))).array, images[6])
    assert run("encode", "--threshold", "120", "-f", "x-images-idx3-ubyte.gz").status == 0
    assert np.array_equal(sofc.decode(Path("x-images-idx3-ubyte.sofc").read_bytes()), images > 120)


def test_collection_keeps_names_and_kinds(run: Run) -> None:
    (Path("in") / "deep").mkdir(parents=True)
    images = {
        "a.png": smooth(20, 20),
        "b.png": smooth(20, 20),
        "c.tif": smooth(20, 20, 3, "uint16"),
        "deep/d.png": smooth(600, 500),
        "deep/e.png": smooth(20, 20) > 90,
    }
    for name, image in images.items():
        save(Path("in") / name, image)
    assert run("encode", "--collection", "-r", "in", "-o", "all.sofc").status == 0
    assert len(sofc.decode_images(Path("all.sofc").read_bytes())) == 5
    assert run("decode", "all.sofc", "-o", "out").out == "all.sofc -> out/  5 images\n"
    for name, image in images.items():
        again = load(ImageSource(Path("out") / name)).array
        assert again.dtype == image.dtype
        assert np.array_equal(again, image)
    assert run("decode", "all.sofc", "-o", "out").status == 1
    assert run("decode", "-f", "all.sofc", "-o", "out").status == 0
    assert "several images cannot go to standard output" in run("decode", "all.sofc", "-o", "-", "-f").err
    raw = b"".join(image.tobytes() for image in images.values())
    assert command("decode", "--raw", "all.sofc", "-o", "-").stdout == raw


def test_names_in_a_file_cannot_lead_out(run: Run) -> None:
    images = patches(5)
    names = ["../evil.png", "/tmp/evil.png", "ok/fine.png", "ok/FINE.png", "a\\b.png"]
    encoder = sofc.Encoder(metadata=[names_metadata(names)])
    data = encoder.begin_image(sofc.header_for(images[0])) + encoder.write_group(np.stack(images)) + encoder.finish()
    (Path("box")).mkdir()
    Path("box/x.sofc").write_bytes(data)
    assert run("decode", "box/x.sofc", "--out-dir", "box/out").status == 0
    written = sorted(str(path) for path in Path().rglob("*.png"))
    assert written == [f"box/out/x/{name}.png" for name in ("00000", "00001", "00004", "ok/FINE.png", "ok/fine")]


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/../b",
        "/a",
        "a//b",
        "a/",
        "C:x",
        "a\\b",
        "nul",
        "NUL.png",
        "a\0b",
        "a\nb",
        "a ",
        "a.",
        "x" * 256,
        "\u202egnp.exe",
        "/".join("a" * 40),
    ],
)
def test_unsafe_names(name: str) -> None:
    assert safe_name(name) is None


def test_output_names() -> None:
    names = OutputNames(["a/b.tif", "a/B.png", "", "x.y.z", "1.2.840.5.1", "1.2.840.5.2", "a/b.png"], ".png")
    assert [str(names(number)) for number in range(8)] == [
        *("a/b.png", "a/B.png.png", "00002.png", "x.y.z.png", "1.2.840.5.1.png", "1.2.840.5.2.png"),
        *("00006.png", "00007.png"),
    ]  # fmt: skip
    clash = OutputNames(["00001.png", "?"], ".png")
    assert [str(clash(0)), str(clash(1))] == ["00001.png", "00001-.png"]


# Codebooks.


@pytest.fixture(scope="module")
def mined() -> dict[Path, Outcome]:
    """The folder that was trained on, and what training said; nothing before the first test that asks for it."""
    return {}


@pytest.fixture
def trained(run: Run, mined: dict[Path, Outcome], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A codebook c.sofcb and the images in/*.png that it was mined from."""
    if not mined:
        Path("in").mkdir()
        for number, image in enumerate(patches(10)):
            save(Path("in") / f"{number}.png", image)
        outcome = run("train", "--coder", "shape", "in", "-o", "c.sofcb", "-j", "1", "--iterations", "1")
        mined[Path(shutil.copytree(".", tmp_path_factory.mktemp("mined") / "made"))] = outcome
    ((made, outcome),) = mined.items()
    shutil.copytree(made, ".", dirs_exist_ok=True)
    return outcome


def test_train_writes_no_codebook_that_does_not_pay(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in one serves a few small images better; asked to, it writes it all the same, and for more of them."""
    monkeypatch.setitem(Encoder.__init__.__kwdefaults__, "codebook", builtin_codebook)
    Path("in").mkdir()
    for number, image in enumerate(patches(5)):
        save(Path("in") / f"{number}.png", image)
    few = run("train", "in", "-o", "c.sofcb", "-j", "1")
    assert (few.status, Path("c.sofcb").exists()) == (5, False)
    assert few.out.splitlines()[-1].startswith("c.sofcb: not written, as the built-in codebook serves")
    report = json.loads(run("train", "in", "-o", "c.sofcb", "-j", "1", "--json").out)
    assert report["codebook"] is None and report["saved"] < 0 and report["images"] == 5
    always = run("train", "in", "-o", "c.sofcb", "-j", "1", "--always")
    assert (always.status, Path("c.sofcb").stat().st_size) == (0, report["size"])
    shown = run("codebook", "show", "c.sofcb")
    assert "sections of the built-in codebook 'common', which are not in this one: " in shown.out
    saved = report["models"][0]["saved_per_image"]
    if saved > 0:
        many = run("train", "in", "-o", "d.sofcb", "-j", "1", "--for", "1000000")
        assert many.status == 0 and Path("d.sofcb").exists()


@pytest.mark.parametrize(
    ("images", "why"),
    [(9, "the built-in codebook serves so few images better"), (15, "the images held out are too few to be sure of")],
)
def test_train_says_why_it_writes_no_codebook(run: Run, monkeypatch: pytest.MonkeyPatch, images: int, why: str) -> None:
    """None that saves less than it takes, nor one that saves hardly more."""
    model = ModelReport("binary images", 9, 1, (), codebook=1000, raw=9000, builtin=600, coded=500)
    report = TrainingReport((model,), 1000, False, images)
    found = TrainingResult(Codebook("c", (), ()), report)

    def train(*_: Any, progress: Callable[[str, int, int], None], **__: Any) -> TrainingResult:
        progress("looking at the images", 1, 1)
        return found

    monkeypatch.setattr("sofc.training.train", train)
    save(Path("a.png"), patches(1)[0])
    outcome = run("train", "a.png", "-o", "c.sofcb", "-j", "1")
    assert (outcome.status, Path("c.sofcb").exists()) == (5, False)
    assert outcome.out.splitlines()[-1].startswith(f"c.sofcb: not written, as {why}")


def test_train_says_what_it_found(run: Run, trained: Outcome) -> None:
    assert trained.status == 0
    lines = trained.out.splitlines()
    assert lines[0] == "8-bit images of 1 component: mined 9, held out 1"
    assert lines[-2] == "note: the codebook holds patches of its training images; pass it on only where they may go"
    assert lines[-1].startswith("c.sofcb: codebook 'c', ")
    assert "shape:" not in trained.out
    assert trained.err.splitlines()[0] == "sofc: looking at the images"
    *_, last_stage, seconds = trained.err.splitlines()
    assert last_stage.endswith(": held-out images")
    assert re.fullmatch("sofc: trained in [0-9]+ s, [0-9]+ s of it for .+", seconds)
    assert run("train", "-q", "--coder", "shape", "in", "-o", "q.sofcb", "-j", "1", "--iterations", "1").err == ""
    assert run("train", "in", "-o", "c.sofcb").status == 1
    missing = run("train", "in", "-o", "no/such/c.sofcb")
    assert missing.status == 1 and "no such file or directory" in missing.err and not Path("no").exists()
    Path("cut.sofcb").write_bytes(Path("c.sofcb").read_bytes()[:-100])
    cut = run("encode", "-D", "cut.sofcb", "in/0.png")
    assert cut.status == 3 and cut.err.startswith("sofc: codebook cut.sofcb: ")
    report = json.loads(run("train", "--coder", "shape", "in", "-o", "d.sofcb", "--json", "-j", "1").out)
    assert report["size"] == Path("d.sofcb").stat().st_size
    assert report["models"][0]["held_out"] == 1
    too_many = run("train", "in", "-o", "e.sofcb", "--min-images", "100")
    assert (too_many.status, Path("e.sofcb").exists()) == (2, False)
    assert "only 10" in too_many.err


def test_codebook_is_left_beside_the_outputs(run: Run, trained: Outcome) -> None:
    name = json.loads(run("codebook", "show", "--json", "c.sofcb").out)["id"][:32]
    outcome = run("encode", "-D", "c.sofcb", "in", "--out-dir", "out")
    assert outcome.status == 0
    assert outcome.out.count("  codebook c\n") == 10
    assert outcome.err == f"sofc: the files need codebook 'c' to be decoded: a copy is in out/{name}.sofcb\n"
    Path("c.sofcb").unlink()
    assert run("test", "out").status == 0
    (Path("out") / f"{name}.sofcb").rename("elsewhere.sofcb")
    missing = run("decode", "out/0.sofc")
    assert missing.status == 4
    assert f"codebook 'c' with id {name} is missing; searched: out, " in missing.err
    assert run("decode", "out/0.sofc", "-D", "elsewhere.sofcb").status == 0
    assert np.array_equal(load(ImageSource(Path("out/0.png"))).array, load(ImageSource(Path("in/0.png"))).array)


@pytest.mark.parametrize("more", [[], ["--embed"]])
def test_codebook_for_other_images(run: Run, trained: Outcome, more: list[str]) -> None:
    """An image that the codebook has no model for is coded with a built-in one: said, and decoded without the other."""
    image = np.random.default_rng(5).integers(0, 40, (20, 24, 5)).astype(np.uint16)
    np.save("five.npy", image)
    Path("out").mkdir()
    outcome = run("encode", "-D", "c.sofcb", *more, "five.npy", "-o", "out/five.sofc")
    assert (outcome.err, [*Path("out").iterdir()]) == ("", [Path("out/five.sofc")])
    assert outcome.out.endswith("  built-in codebook deep (codebook c has no model for such images)\n")
    np.testing.assert_array_equal(sofc.decode(Path("out/five.sofc").read_bytes()), image)


def test_embedded_codebook(run: Run, trained: Outcome) -> None:
    outcome = run("encode", "-D", "c.sofcb", "--embed", "in/0.png", "-o", "a.sofc")
    assert outcome.out.endswith("  codebook c embedded\n")
    assert outcome.err == ""
    Path("c.sofcb").unlink()
    assert run("test", "a.sofc").status == 0
    assert "codebook 'c', id " in run("info", "a.sofc").out
    assert "embedded" in run("info", "a.sofc").out


def test_installed_codebook(run: Run, trained: Outcome) -> None:
    built_in = run("codebook", "list")
    assert [line.split()[0] for line in built_in.out.splitlines()] == ["binary", "common", "deep"]
    assert all(line.endswith("  built in") for line in built_in.out.splitlines())
    assert run("codebook", "install", "c.sofcb").status == 0
    assert run("codebook", "list").out.startswith("c  ")
    assert json.loads(run("codebook", "list", "--json").out)[0]["name"] == "c"
    outcome = run("encode", "-D", "c", "in/0.png", "-o", "a.sofc")
    assert (outcome.status, outcome.err) == (0, "")
    assert not list(Path().glob("*.sofcb"))[1:]
    assert run("test", "a.sofc").status == 0


def test_codebook_show(run: Run, trained: Outcome) -> None:
    outcome = run("codebook", "show", "c.sofcb", "--render", "shapes.png")
    assert outcome.status == 0
    assert "  model 0: 1 component of up to 8 bits, transform none, coder shape, by name only\n" in outcome.out
    assert "section" not in outcome.out and "prediction" not in outcome.out
    assert "by name only, sections 0\n  section 0: " in run("codebook", "show", "-vv", "c.sofcb").out
    assert "  8-bit images of 1 component: mined 9, held out 1" in outcome.out
    assert load(ImageSource(Path("shapes.png"))).array.std() > 1
    assert run("codebook", "show", "c.sofcb", "--render", "shapes.png").status == 1


def test_codebook_without_shapes_is_drawn(run: Run) -> None:
    for number in range(6):
        save(Path(f"{number}.png"), np.full((40, 40, 3), 90 + number, np.uint8))
    inputs = [f"{number}.png" for number in range(6)]
    assert run("train", "--coder", "shape", "--always", "-j", "1", *inputs, "-o", "c.sofcb").status == 0
    outcome = run("codebook", "show", "c.sofcb", "--render", "shapes.png")
    assert (outcome.status, outcome.err) == (0, "") and outcome.out.endswith("shapes.png: 0 shapes drawn\n")


# Info.


def test_info(run: Run) -> None:
    save(Path("a.png"), smooth(20, 30, 3))
    run("encode", "a.png")
    coded = Path("a.sofc").stat().st_size
    outcome = run("info", "a.sofc")
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert lines[0] == f"a.sofc: sofc file, version 0.7, {size(coded)}"
    assert lines[1] == "  image 0: 30 x 20, 3 components (rgb), 8 bits, uint8"
    assert lines[-1] == f"  samples 1.80 kB  ratio {1800 / coded:.2f}"
    described = json.loads(run("info", "-v", "--json", "a.sofc").out)[0]
    assert (described["size"], described["images"], described["complete"]) == (coded, 1, True)
    assert sum(chunk["size"] for chunk in described["chunks"]) + 10 == coded
    Path("cut.sofc").write_bytes(Path("a.sofc").read_bytes()[:-4])
    assert run("info", "cut.sofc").out.endswith("  the end of the file is missing\n")


# Damage.


@pytest.fixture
def damaged(run: Run) -> np.ndarray:
    """A file d.sofc of ten bands with one bit wrong in the fourth; gives the image."""
    image = smooth(160, 64)
    save(Path("d.png"), image)
    run("encode", "--band-rows", "16", "d.png")
    chunks = json.loads(run("info", "-v", "--json", "d.sofc").out)[0]["chunks"]
    band = [chunk for chunk in chunks if chunk["type"] == "B"][3]
    data = bytearray(Path("d.sofc").read_bytes())
    data[band["offset"] + band["size"] // 2] ^= 4
    Path("d.sofc").write_bytes(data)
    return image


def test_damage_is_an_error(run: Run, damaged: np.ndarray) -> None:
    for verb in (["test"], ["decode", "-f"], ["decode", "--raw", "-o", "x.raw"]):
        outcome = run(*verb, "d.sofc")
        assert outcome.status == 3
        assert "the chunk is damaged" in outcome.err
    assert not Path("x.raw").exists()
    assert json.loads(run("test", "--json", "d.sofc").out)[0]["ok"] is False


def test_salvage_loses_only_the_damaged_band(run: Run, damaged: np.ndarray) -> None:
    expected = damaged.copy()
    expected[48:64] = 0
    outcome = run("decode", "--salvage", "d.sofc", "-o", "saved.png")
    assert outcome.status == 3
    assert "rows that were lost are zero" in outcome.err
    assert np.array_equal(load(ImageSource(Path("saved.png"))).array, expected)
    assert run("decode", "--salvage", "--raw", "d.sofc", "-o", "saved.raw").status == 3
    assert Path("saved.raw").read_bytes() == expected.tobytes()


def test_salvage_of_a_cut_file(run: Run, damaged: np.ndarray) -> None:
    image = damaged
    run("encode", "-f", "--band-rows", "16", "d.png")
    data = Path("d.sofc").read_bytes()
    Path("cut.sofc").write_bytes(data[: len(data) // 2])
    assert run("decode", "cut.sofc", "-o", "no.png").status == 3
    assert not Path("no.png").exists()
    assert run("decode", "--salvage", "cut.sofc", "-o", "saved.png").status == 3
    saved = load(ImageSource(Path("saved.png"))).array
    whole = next(row for row in range(160) if not saved[row].any())
    assert whole % 16 == 0
    assert whole >= 48
    assert np.array_equal(saved[:whole], image[:whole])
    assert not saved[whole:].any()


def test_salvage_of_a_whole_file(run: Run) -> None:
    save(Path("a.png"), smooth(30, 30))
    run("encode", "a.png")
    assert run("decode", "--salvage", "a.sofc", "-o", "b.png") == (0, "a.sofc -> b.png\n", "")


def test_bytes_after_the_end(run: Run) -> None:
    save(Path("a.png"), smooth(30, 30))
    run("encode", "a.png")
    Path("a.sofc").write_bytes(Path("a.sofc").read_bytes() + b"more")
    outcome = run("test", "a.sofc")
    assert outcome.status == 3
    assert "4 bytes stand after the end" in outcome.err


def test_threads_give_the_same_bytes(run: Run) -> None:
    save(Path("a.png"), smooth(200, 60, 3))
    for jobs in ("1", "3"):
        assert run("encode", "a.png", "--band-rows", "32", "-j", jobs, "-o", f"{jobs}.sofc").status == 0
    assert Path("1.sofc").read_bytes() == Path("3.sofc").read_bytes()
    assert run("test", "-j", "3", "3.sofc").status == 0


def test_quiet(run: Run) -> None:
    save(Path("a.png"), smooth(9, 9))
    assert run("encode", "-q", "a.png") == (0, "", "")
    assert run("decode", "-q", "-f", "a.sofc") == (0, "", "")


def test_every_verb_has_an_example(run: Run) -> None:
    from sofc.cli.__main__ import VERBS

    for name in VERBS:
        outcome = run(name, "--help")
        assert outcome.status == 0
        assert f"\n  sofc {name}" in outcome.out.partition("examples:")[2]


def test_demo_on_a_folder(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Encoder.__init__.__kwdefaults__, "codebook", builtin_codebook)
    Path("in").mkdir()
    for number, image in enumerate(patches(8)):
        save(Path("in") / f"{number}.png", image)
    before = sorted(Path().rglob("*"))
    outcome = run("demo", "in")
    assert outcome.status == 0
    assert outcome.out.splitlines()[1].startswith(f"{'in':<24}{6:>12}{2:>12}{'1.15 kB':>12}")
    assert outcome.out.endswith("every sample the same\n")
    assert sorted(Path().rglob("*")) == before
    (row,) = json.loads(run("demo", "in", "--json").out)
    assert (row["codebook"], row["with it"]) == (0, row["built-in"])  # so few do not pay for one


@pytest.mark.skipif("SOFC_TEST_DATA" not in os.environ, reason="needs real images")
def test_real_images(run: Run) -> None:
    data = Path(os.environ["SOFC_TEST_DATA"])
    names = [
        "drive/test/01_test.tif",
        "kodak/test/kodim09.png",
        "medical16/ct-head-ge/test",
        "medical16/mr-t1/test",
        "binary-docs/test/phototest.tif",
        "odd/tiff-depths/flower-rgb-contig-08.tif",
        "odd/misc/extra-channels.tif",
    ]
    for name in names:
        assert run("encode", data / name, "--out-dir", "out").status == 0
    assert run("test", "out").status == 0
    assert run("decode", "out", "--out-dir", "back").status == 0
    for path in Path("back").iterdir():
        original = next(data.rglob(path.stem + ".*"))
        assert np.array_equal(load(ImageSource(path)).array, load(ImageSource(original)).array)


def test_analyze_says_whether_shapes_pay(capsys: pytest.CaptureFixture[str]) -> None:
    for detail, large, verdict in (
        (30, 5, "pay: a location costs 3.00 bits on average, and may cost 5.00"),
        (51, 5, "do not pay: a location costs 3.00 bits on average, and may cost 2.90"),
        (90, 5, "do not pay: not even if locations cost nothing"),
        (30, 0, "do not pay: none of several samples is worth placing"),
    ):
        analyze._print(Console(), "title", [PlaneMeasure(100, 10, large, detail, 30, 20)])
        assert capsys.readouterr().out.splitlines()[-1] == f"  shapes {verdict}"


def test_analyze(run: Run, trained: Outcome) -> None:
    outcome = run("analyze", "-D", "c.sofcb", "in")
    assert (outcome.status, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0] == "8-bit images of 1 component: 10 images, codebook c"
    assert lines[1:] == ["  shapes do not pay: none of several samples is worth placing"]
    lines = run("analyze", "--threshold", "120", "in").out.splitlines()
    assert lines[0].startswith("binary images: 10 images, codebook ")
    assert lines[1].split() == ["component", "placed", "large", "location", "shape", "indicator", "pays"]
    assert lines[2].split()[0] == "0"
    pays = lines[2].split()[-1]
    assert lines[3].startswith(f"  shapes {'pay' if pays == 'yes' else 'do not pay'}: a location costs ")
    outcome = run("analyze", "--threshold", "120", "in", "--json")
    assert outcome.err.startswith("sofc: no codebook was named: these very images are mined")
    found = json.loads(outcome.out)[0]
    assert (found["kind"], found["images"]) == ("binary images", 10)
    plane = found["components"][0]
    assert plane["raw_bits"] == 10 * 24 * 24
    placed = plane["placed"]
    rest = plane["raw_bits"] - plane["detail_bits"] - plane["code_bits"]
    assert plane["indicator"] == rest / placed
    assert plane["pays"] == (plane["location_bits"] / placed <= plane["indicator"])
    save(Path("rgb.png"), smooth(8, 8, 3))
    wrong = run("analyze", "-D", "c.sofcb", "rgb.png")
    assert (wrong.status, wrong.out) == (4, "")
    assert "codebook 'c' has no shapes for 8-bit images of 3 components" in wrong.err


def test_an_array_of_unclear_axes_is_named(run: Run) -> None:
    np.save("a.npy", np.zeros(4, np.uint8))
    wrong = run("encode", "--collection", "a.npy", "-o", "c.sofc")
    assert wrong.status == 2
    assert "a.npy" in wrong.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["encode", "--effrt", "5", "a.png"], "sofc encode: unknown arguments: --effrt (did you mean --effort?)"),
        (["encode", "--format", "png", "a.png"], "sofc encode: unknown arguments: --format. See"),
        (["encod", "a.png"], "(did you mean encode?)"),
        (["--verson"], "sofc: unknown arguments: --verson before VERB (did you mean --version?)"),
        (["analyze", "--render", "b.jpg", "a.png"], "pictures are PNG files: name it b.png"),
        (["encode", "-D", "none", "--embed", "a.png"], "--embed needs a codebook: name one with -D"),
        (["decode", "--format", "jpg", "a.sofc"], "See sofc decode --help"),
        (["encode"], "the following arguments are required: INPUT"),
        (["encode", "-D", "a.png", "a.png"], "a.png is no codebook but a PNG file"),
        (["codebook", "install", "a.png"], "a.png is no codebook but a PNG file"),
        (["encode", "a.png", "-o", "no/such/a.sofc"], "no/such: there is no such folder: make it first"),
        (["encode", "--out-dir", "a.png/b", "a.png"], "a.png: is a file, and no folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments: list[str], said: str, run: Run) -> None:
    save(Path("a.png"), smooth(8, 8))
    outcome = run(*arguments)
    assert outcome.status > 0 and said in outcome.err and len(outcome.err.splitlines()) == 1
