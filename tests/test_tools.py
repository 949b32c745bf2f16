"""The tools, on small made-up images, and the examples of the README."""

from __future__ import annotations

import json
import math
import re
import shlex
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bench
import bench_kept
import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
import papers
import pytest
from conftest import DEFAULTS
from peers import PEERS, Codec, components

from sofc.cli.__main__ import main
from sofc.image import Meaning
from sofc.imagefiles import Samples
from sofc.stream.encoder import Encoder

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

Array = npt.NDArray[Any]


def picture(seed: int, shape: tuple[int, ...], top: int = 255) -> Array:
    """A smooth image with a little noise, int64, values 0 .. top."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    smooth = 0.5 + 0.3 * np.sin(x / 9 + seed) + 0.15 * np.cos(y / 7)
    image = np.round(top * smooth)
    if len(shape) == 3:
        image = np.stack([np.roll(image, component, axis=0) for component in range(shape[2])], axis=-1)
    return np.clip(image + random.integers(-2, 3, shape), 0, top).astype(np.int64)


def write_folder(folder: Path, count: int, shape: tuple[int, ...]) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        iio.imwrite(folder / f"{number:02}.png", picture(number, shape).astype(np.uint8))


def write_labelled(folder: Path, per_class: int) -> None:
    """IDX files of small figures, ten classes in turn."""
    folder.mkdir(parents=True)
    labels = np.arange(10 * per_class, dtype=np.uint8) % 10
    images = np.zeros((len(labels), 12, 12), np.uint8)
    for number, label in enumerate(labels):
        corner = 1 + number // 10 % 3
        images[number, corner : corner + 3 + label // 2, corner : corner + 6 - label // 3] = 250 - number % 5
    (folder / "images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, *images.shape) + images.tobytes())
    (folder / "labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, len(labels)) + labels.tobytes())


KINDS: dict[str, Array] = {
    "binary": picture(1, (20, 30)) > 120,
    "gray": picture(2, (20, 30)).astype(np.uint8),
    "gray, alpha": picture(3, (20, 30, 2)).astype(np.uint8),
    "RGB": picture(4, (20, 30, 3)).astype(np.uint8),
    "RGBA, opaque": np.dstack([picture(5, (20, 30, 3)), np.full((20, 30), 255)]).astype(np.uint8),
    "five components": picture(6, (20, 30, 5)).astype(np.uint8),
    "16 bits": picture(7, (20, 30), 4095).astype(np.uint16),
    "16 bits, signed": (picture(8, (20, 30), 4095) - 1000).astype(np.int16),
    "8 bits, signed": (picture(9, (20, 30)) - 128).astype(np.int8),
    "int32": picture(10, (20, 30)).astype(np.int32) * 70001,
    "float32": (picture(11, (20, 30, 3)) * 0.37).astype(np.float32),
    "float64, not numbers": np.where(picture(12, (20, 30)) > 99, np.nan, 0.1),
    "complex": picture(13, (20, 30)) * (1 + 2j),
}


NUMBERS = ("zstd", "blosc2", "pcodec", "zfp", "tiff")
"""Codecs of numbers, which need no image."""
WIDE = {"int32", "float32", "float64, not numbers", "complex"}
BYTES = {"binary", "gray", "gray, alpha", "RGB", "RGBA, opaque", "five components", "8 bits, signed"}


@pytest.mark.parametrize("peer", ["png", "jpegls", "jpeg2000", "webp", "jxl1", "jxl7", *NUMBERS])
@pytest.mark.parametrize("kind", KINDS)
def test_peers_return_what_they_accept(peer: str, kind: str) -> None:
    codec, image = PEERS[peer](), KINDS[kind]
    refuses = {
        "png": {"five components", *WIDE},
        "jpegls": {"gray, alpha", "five components", *WIDE},
        "jpeg2000": WIDE,
        "webp": {"gray, alpha", "five components", "16 bits", "16 bits, signed", *WIDE},
        "jxl1": {"five components", *WIDE} - {"float32"},
        "jxl7": {"five components", *WIDE} - {"float32"},
        "pcodec": {*BYTES, "complex"},
        "zfp": {*KINDS} - {"int32", "float32", "float64, not numbers"},
        "tiff": {"binary", "complex"},
    }
    assert codec.accepts(image) == (kind not in refuses.get(peer, set()))
    if codec.accepts(image):
        converted = codec.convert(image)
        decoded = codec.decode(codec.encode(converted, None), components(converted))
        assert decoded.dtype == converted.dtype
        np.testing.assert_array_equal(decoded, converted)


def test_raw_size_counts_bits_only_for_binary_images() -> None:
    assert bench.raw_size(Samples(np.zeros((3, 3), np.bool_), 1, Meaning.GRAY)) == 2
    assert bench.raw_size(Samples(np.zeros((3, 3), np.uint8), 4, Meaning.GRAY)) == 9
    assert bench.raw_size(Samples(np.zeros((3, 3, 3), np.uint16), 12, Meaning.RGB)) == 54
    assert bench.raw_size(Samples(np.zeros((3, 3), np.int16), None, Meaning.GRAY)) == 18


def identity(image: Array) -> Array:
    return image


def codec_with(decode: Callable[[bytes, int], Array]) -> Codec:
    return Codec("storing", lambda image: image.dtype == np.uint8, identity, lambda image, _: image.tobytes(), decode)


def test_measure_counts_and_compares() -> None:
    images = [Samples(KINDS["gray"], 8, Meaning.GRAY)] * 3
    good = codec_with(lambda data, _: np.frombuffer(data, np.uint8).reshape(20, 30))
    result = bench.measure(good, images)
    assert result is not None
    result.codebook_size = 600
    assert (result.total_ratio, result.mean_ratio, result.bits_per_sample) == (1.0, 1.0, 8.0)
    assert result.charged_ratio == 0.75
    assert bench.measure(good, [*images, Samples(KINDS["16 bits"], 12, Meaning.GRAY)]) is None

    wrong = codec_with(lambda data, _: np.frombuffer(data, np.uint8).reshape(20, 30) ^ 1)
    with pytest.raises(bench.RoundTripError, match="storing: image 0"):
        bench.measure(wrong, images)


def test_bench_prints_a_table_and_writes_json_and_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(tmp_path / "train", 6, (32, 40))
    write_folder(tmp_path / "test", 3, (32, 40))
    arguments = [f"--{name}={tmp_path / name}" for name in ("train", "test")]
    arguments += ["--coders=shape,raw", "--untrained", "--peers=png,webp", "--workers=1", "--limit=2"]
    assert bench.main([*arguments, f"--json={tmp_path / 'out.json'}", f"--plot={tmp_path / 'out.png'}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 images, 0.00 MB raw"
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert table[0] == list(bench.TITLES)
    assert [row[0] for row in table[2:]] == [
        "sofc, shape",
        "sofc, raw",
        "sofc, no codebook",
        "PNG, level 9",
        "WebP, method 6",
    ]
    # What is checked by decoding takes longer; others have no such check.
    speeds = [dict(zip(table[0], row, strict=True)) for row in table[2:]]
    assert [each["encode, checked MB/s"] == "-" for each in speeds] == [False, False, False, True, True]
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["results"]["PNG, level 9"]["checked_speed"] is None
    shape = figures["results"]["sofc, shape"]
    assert shape["raw_sizes"] == [1280, 1280]
    assert shape["codebook_size"] > 0
    assert shape["training_seconds"] > 0
    assert shape["charged_ratio"] < shape["total_ratio"]
    assert figures["results"]["sofc, raw"]["codebook_size"] == 0
    assert iio.imread(tmp_path / "out.png").shape[2] in (3, 4)


def test_names_of_a_plot_hide_nothing() -> None:
    """Neither each other nor a point or the line, where points are as close as those of DRIVE."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    points = {"effort 9": (5.8, 8.31), "effort 5": (17.0, 8.21), "built-in codebook": (17.1, 8.03)}
    points |= {"effort 1": (159.0, 4.64), "WebP, method 6": (171.0, 3.28), "PNG, level 9": (160.0, 2.46)}
    figure, panel = pyplot.subplots(figsize=(5.5, 5), layout="constrained")
    (line,) = panel.plot(*zip(*list(points.values())[:5], strict=True), "--")
    panel.plot(*zip(*points.values(), strict=True), "o")
    panel.set_xscale("log")
    panel.margins(x=0.3, y=0.12)
    figure.canvas.draw()
    path = panel.transData.transform_path(line.get_path())
    bench.label(panel, points, path)
    boxes = {text.get_text(): text.get_window_extent() for text in panel.texts}
    assert set(boxes) == set(points)
    for name, box in boxes.items():
        assert not any(box.overlaps(other) for one, other in boxes.items() if one != name), name
        assert not any(box.contains(*place) for place in panel.transData.transform(list(points.values()))), name
        assert not path.intersects_bbox(box, filled=False), name
    pyplot.close(figure)


def test_bench_of_kept_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    iio.imwrite(tmp_path / "a.jpg", picture(1, (120, 160, 3)).astype(np.uint8), quality=80)
    iio.imwrite(tmp_path / "b.png", picture(2, (40, 50)).astype(np.uint8))
    (tmp_path / "c.png").write_bytes(b"no image")
    assert bench_kept.main([str(tmp_path)]) == 0
    output = capsys.readouterr()
    assert "c.png: left out: " in output.err
    size = sum((tmp_path / name).stat().st_size for name in ("a.jpg", "b.png"))
    head, *rows, largest, speed = output.out.splitlines()
    assert head == f"2 files of {size} bytes"
    words = speed.split()
    assert words[:3] == ["given", "back", "at"]
    assert math.isclose(float(words[3]) / float(words[9].rstrip(":")), float(words[10]), abs_tol=0.2)
    assert largest.startswith("by sofc, no file takes more than ")
    assert [row.split()[0] for row in rows] == ["sofc", "jpegxl", "lzma"]
    assert all(math.isclose(int(row.split()[1]) / size, float(row.split()[3]), abs_tol=1e-3) for row in rows)
    with pytest.raises(SystemExit, match="no files"):
        bench_kept.main([str(tmp_path / "c.png")])


def test_bench_refuses_what_makes_no_sense(tmp_path: Path) -> None:
    for arguments in ([], [f"--test={tmp_path}"], [f"--test={tmp_path}", "--coders=nothing"]):
        with pytest.raises(SystemExit) as error:
            bench.main(arguments)
        assert error.value.code == 2


def test_adaptive_bits_is_the_sum_over_the_symbols() -> None:
    symbols = np.random.default_rng(1).integers(0, 5, (7, 9)) ** 2
    counters, bits = [1] * 20, 0.0
    for symbol in symbols.ravel():
        bits -= math.log2(counters[symbol] / sum(counters))
        counters[symbol] += 1
    assert papers.adaptive_bits(symbols, 20) == pytest.approx(bits)


def test_order0_prefers_smooth_images() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    smooth = picture(3, (40, 40, 3)).astype(np.uint8)
    assert papers.order0_bits(smooth) < 0.8 * papers.order0_bits(noise)


def test_columns_are_summarised() -> None:
    matrix = [[3.0, 1.0, 1.0], [2.0, 4.0, 1.0], [1.0, 2.0, 0.5]]
    assert papers.column_summary(matrix) == [(3.0, 1.5), (4.0, 1.5), (0.5, 1.0)]
    table = papers.matrix_table(matrix)
    assert "| own is better | yes | yes | **no** |" in table


def test_papers_makes_all_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_labelled(tmp_path / "mnist" / "train", 4)
    write_labelled(tmp_path / "mnist" / "test", 2)
    write_folder(tmp_path / "drive" / "train", 5, (32, 40, 3))
    write_folder(tmp_path / "drive" / "test", 7, (32, 40, 3))
    assert papers.main([str(tmp_path), "--sets=drive,mnist,ph2", "--workers=1", f"--json={tmp_path / 'out.json'}"]) == 0
    captured = capsys.readouterr()
    assert "ph2" in captured.err
    assert "ph2" not in captured.out
    assert "| drive, first 6 | 6 |" in captured.out
    results = json.loads((tmp_path / "out.json").read_text())["results"]
    rows = [result for result in results if result["kind"] == "Row"]
    assert sorted(row["trained_class"] for row in rows) == list(range(10))
    for row in rows:
        assert row["raw"] == [2 * 144 / 8] * 10
        assert len(row["papers"]) == len(row["files"]) == 10
    (drive,) = (result for result in results if result["kind"] == "Photographs")
    assert drive["raw"] == [32 * 40 * 3] * 7
    assert all(streams < whole for streams, whole in zip(drive["streams"], drive["files_whole"], strict=True))
    assert set(drive["peers"]) == {"PNG, level 9", "JPEG-LS", "JPEG 2000"}


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def scans(folder: Path) -> Path:
    """A working folder with the files that the README's examples name."""
    write_folder(folder / "scans" / "train", 6, (32, 40))
    write_folder(folder / "scans" / "test", 2, (32, 40))
    iio.imwrite(folder / "scan.png", picture(20, (32, 40)).astype(np.uint8))
    iio.imwrite(folder / "photo.jpg", picture(21, (32, 40)).astype(np.uint8))
    return folder


def test_python_examples_of_the_readme(scans: Path) -> None:
    names: dict[str, Any] = {}
    for example in blocks("python"):
        exec(compile(example, "README.md", "exec"), names)
    np.testing.assert_array_equal(names["top"], iio.imread("scan.png")[:16])


def test_command_line_examples_of_the_readme(
    scans: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(Encoder.__init__.__kwdefaults__, "codebook", DEFAULTS["codebook"])
    commands = [line for block in blocks("console") for line in block.splitlines() if line.startswith("$ sofc ")]
    assert len(commands) > 5
    for command in commands:
        words = shlex.split(command, comments=True)[2:]
        if words[0] == "train":
            words += ["--always", "-j", "1"]  # for so few and small images no codebook pays, nor do processes
        assert main(words) == 0, f"{command}\n{capsys.readouterr().err}"
    np.testing.assert_array_equal(iio.imread("back/scan.png"), iio.imread("scan.png"))


def test_readme_names_files_that_exist() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link
