"""Files that are not what they seem, or cannot be read: one clear error each, and nothing written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

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
