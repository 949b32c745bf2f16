"""Files that are not what they seem, or cannot be read: one clear error each, and nothing written."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

import sofc
from sofc.cli.__main__ import main

RANDOM = np.random.default_rng(8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], status: int, *arguments: str) -> str:
    """The one line that the command says, where it writes nothing and ends with this status."""
    before = sorted(Path().rglob("*"))
    assert main(arguments) == status
    assert sorted(Path().rglob("*")) == before
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("sofc: ")
    return line


def test_tiff_that_imageio_wrote_without_the_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    image = RANDOM.integers(0, 4096, (9, 7), np.uint16)
    iio.imwrite("x.sofc", image, plugin="tifffile")
    for verb in ("info", "decode", "test"):
        line = refused(capsys, 3, verb, "x.sofc")
        assert "x.sofc is a TIFF file: imageio writes one under the name .sofc" in line
    with pytest.raises(sofc.NotSofcError, match="this is a TIFF file"):
        sofc.read("x.sofc")
    # What the message says is to be done.
    assert line.endswith("sofc encode -f x.sofc")
    assert main(line.rpartition("sofc ")[2].split()) == 0
    assert np.array_equal(sofc.read("x.sofc"), image)


def test_the_package_is_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "sofc", "info", "none.sofc"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "sofc: none.sofc: no such file or directory\n")


IMAGE = (np.add.outer(np.arange(80), np.arange(90)) % 251).astype(np.uint8)


def samples_of(name: str) -> bytes:
    """A file of that kind."""
    if name.endswith(".npy"):
        np.save("x.npy", IMAGE)
        return Path("x.npy").read_bytes()
    if name.endswith(".idx.gz"):
        return gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 2, 80, 90) + IMAGE.tobytes() * 2)
    if name.endswith(".pgm"):
        return b"P5\n90 80\n255\n" + IMAGE.tobytes()
    image = Image.fromarray(IMAGE)
    file = io.BytesIO()
    image.convert("P").save(file, Path(name).suffix[1:].replace("tif", "tiff"))
    return file.getvalue()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.gif", "a.bmp", "a.npy", "a.idx.gz", "a.pgm"])
def test_files_that_are_cut(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = samples_of(name)
    for length in (0, 5, 40, len(data) // 2, len(data) - 20):
        Path(name).write_bytes(data[:length])
        for option in ((), ("--strip",)):
            line = refused(capsys, 3, "encode", "--coder", "raw", *option, name, "-o", "out.sofc")
            assert line.startswith(f"sofc: {name}: ")


def test_damaged_gzip_data(capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(samples_of("a.idx.gz"))
    data[12:30] = bytes(18)
    Path("a.idx.gz").write_bytes(data)
    assert "damaged gzip data" in refused(capsys, 3, "encode", "a.idx.gz")


def test_tiff_whose_second_page_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    tifffile.imwrite("whole.tif", IMAGE, metadata=None)
    data = Path("whole.tif").read_bytes()
    tags = int.from_bytes(data[8:10], "little")
    after = 10 + 12 * tags
    Path("a.tif").write_bytes(data[:after] + (1 << 20).to_bytes(4, "little") + data[after + 4 :])
    assert main(["encode", "--coder", "raw", "a.tif"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("sofc: a.tif: the TIFF file is not quite sound, and may have had more pages or fields: ")
    assert len(said.splitlines()) == 1
    assert np.array_equal(sofc.read("a.sofc"), IMAGE)


def test_folders_and_links(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.png").mkdir()
    Path("b.png").symlink_to("gone.png")
    assert "hold no image files" in refused(capsys, 2, "encode", "a.png")
    assert "no such file" in refused(capsys, 1, "encode", "b.png")
    Path("c.png").write_bytes(samples_of("c.png"))
    line = refused(capsys, 1, "encode", "--coder", "raw", "c.png", "-o", "no/such/c.sofc")
    assert line.endswith("no/such: there is no such folder: make it first")
    for verb in ("info", "codebook install"):
        assert "a.png: is a directory" in refused(capsys, 1, *verb.split(), "a.png")


@pytest.mark.skipif(os.name == "nt", reason="there names are text")
def test_names_that_are_not_text(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"f\xff\xfe.png")
    try:
        Path(name).write_bytes(samples_of("a.png"))
    except OSError:
        pytest.skip("the file system has none")
    Path("b.png").write_bytes(samples_of("a.png"))

    def run(*arguments: str) -> bytes:
        done = subprocess.run(
            [sys.executable, "-m", "sofc", *arguments],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        )
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    assert b"f\xff\xfe.png" in run("encode", "--coder", "raw", name, "b.png", "--out-dir", "out")
    assert sofc.read(os.fsdecode(b"out/f\xff\xfe.sofc")).shape == IMAGE.shape
    assert main(["encode", "--coder", "raw", "--collection", "-o", "all.sofc", name, "b.png"]) == 0
    assert main(["decode", "-q", "all.sofc"]) == 0
    assert len(list(Path("all").iterdir())) == 2
    assert main(["encode", "--keep-file", name, "-o", "kept.sofc"]) == 0
    assert main(["decode", "-q", "kept.sofc", "-o", "back.png"]) == 0
    assert Path("back.png").read_bytes() == Path(name).read_bytes()
    capfd.readouterr()  # what is printed cannot pass between pytest-xdist's processes
