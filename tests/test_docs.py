"""The documentation can be built, and has what is public."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sofc
from sofc.codebook.builtin import builtin_codebook

ROOT = Path(__file__).parent.parent


def test_tools_run_as_the_pages_say() -> None:
    """A page that does not name Python before a tool takes the tool for a program."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "spec").glob("*.md")]
    words = re.compile(r"(?:`|^ {4}|^)(tools/[\w/.]+\w)", re.MULTILINE)
    shown = {tool for page in pages for tool in words.findall(page.read_text(encoding="utf-8"))}
    assert {"tools/test", "tools/demo", "tools/bench.py", "tools/fuzz/run.py"} <= shown
    for tool in shown:
        assert (ROOT / tool).is_dir() or os.access(ROOT / tool, os.X_OK), tool
        assert (ROOT / tool).is_dir() or (ROOT / tool).read_bytes().startswith(b"#!"), tool


def test_modules_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = {
        f"{folder}{name}.py"
        for folder, several, one in re.findall(r"`((?:\w+/)+)(?:\{([\w,]+)\}|(\w+))\.py`", text)
        for name in (several or one).split(",")
        if "/X/" not in folder
    }
    assert {"band/overlay.py", "training/judging.py"} <= named
    found = {path.relative_to(base).as_posix() for base in (ROOT, ROOT / "sofc") for path in base.glob("**/*.py")}
    assert named <= found


def test_pages(tmp_path: Path) -> None:
    for module in ("pdoc", "zarr", "numcodecs"):
        pytest.importorskip(module, reason='needs the extra "docs": pip install "sofc[docs]"')
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_docs.py", "--no-source", tmp_path / "docs"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "docs" / sofc.__version__
    assert f'href="{sofc.__version__}/guide.html"' in (tmp_path / "docs" / "index.html").read_text()
    page = (folder / "sofc.html").read_text()
    for name in sofc.__all__:
        assert f'id="{name}"' in page
    pages = {path.relative_to(folder).as_posix() for path in folder.rglob("*.html")}
    wanted = {"imageio", "numcodecs", "zarr", "pillow", "napari"}
    assert {f"sofc/plugins/{name}.html" for name in wanted} | {"index.html", "sofc/imagefiles.html"} <= pages
    assert "salvage" in (folder / "search.js").read_text()
    for page_of_guide in (folder / "guide.html", *(folder / "guide").glob("*.html")):
        for link in re.findall(r'(?:href|src)="([^":#$]+)["#]', page_of_guide.read_text()):
            assert (page_of_guide.parent / link).exists(), f"{page_of_guide}: {link}"


@pytest.mark.skipif(shutil.which("file") is None, reason="there is no file(1) here")
def test_magic_of_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(sofc.encode(np.zeros((4, 4), np.uint8)))
    (tmp_path / "b").write_bytes(builtin_codebook(sofc.PixelFormat(1, 1, 1)).to_bytes())
    asked = ["file", "--brief", "-m", ROOT / "packaging" / "sofc.magic", "a", "b"]
    said = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["sofc image file, version 0.7", "sofc codebook, version 0.4"]
