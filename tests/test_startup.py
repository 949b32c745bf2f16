"""What must start fast imports little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sofc

HEAVY = ("numpy", "numba", "imageio", "PIL", "tifffile", "tqdm")
PROGRAM = """
import sys
from sofc.cli.__main__ import main
try:
    status = main(sys.argv[1:])
except SystemExit as end:
    status = end.code or 0
print(status, *[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sofc file that refers to a codebook, and the codebook."""
    from sofc.training import train

    folder = tmp_path_factory.mktemp("files")
    images = [np.random.default_rng(k).integers(0, 256, (20, 20), np.uint8) for k in range(3)]
    codebook = train(images, name="noise", iterations=0).codebook
    (folder / "noise.sofcb").write_bytes(codebook.to_bytes())
    (folder / "a.sofc").write_bytes(sofc.encode(images[0], codebook=codebook))
    (folder / "b.sofc").write_bytes(sofc.encode(images[0], codebook=codebook, embed_codebook=True))
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        *([verb, "--help"] for verb in ("train", "encode", "decode", "info", "test", "codebook", "analyze", "demo")),
        ["info", "a.sofc"],
        ["info", "b.sofc"],
        ["info", "--json", "-v", "a.sofc", "b.sofc"],
        ["codebook", "list"],
    ],
    ids=" ".join,
)
def test_light_verbs(arguments: list[str], files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFC_CODEBOOK_PATH", str(files))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(heavy=HEAVY), *arguments], cwd=files, capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == "0", done.stderr  # above it is what -v shows of the log
    assert done.stdout


def test_import_of_the_package() -> None:
    code = f"import sys, sofc; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_version_tells_how_kernels_are_run() -> None:
    """Only where that is asked for; anything else behind --version is a mistake."""
    from sofc.jit.decorators import described

    for behind, lines in (([], 1), (["-v"], 2), (["--verbose"], 2)):
        command = [sys.executable, "-m", "sofc", "--version", *behind]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert len(done.stdout.splitlines()) == lines
    assert done.stdout.splitlines()[1] == f"kernels: {described()}"
    done = subprocess.run([sys.executable, "-m", "sofc", "--version", "encode"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--version takes -v, not encode" in done.stderr
