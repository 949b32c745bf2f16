"""The documentation can be built, and has what is public."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sofc

ROOT = Path(__file__).parent.parent


def test_pages(tmp_path: Path) -> None:
    for module in ("pdoc", "zarr", "numcodecs"):
        pytest.importorskip(module, reason='needs the extra "docs": pip install "sofc[docs]"')
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_docs.py", tmp_path / "docs"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "docs" / "sofc.html").read_text()
    for name in sofc.__all__:
        assert f'id="{name}"' in page
    pages = {path.relative_to(tmp_path / "docs").as_posix() for path in tmp_path.rglob("*.html")}
    wanted = {"imageio", "numcodecs", "zarr", "pillow", "napari"}
    assert {f"sofc/plugins/{name}.html" for name in wanted} | {"index.html", "sofc/imagefiles.html"} <= pages
