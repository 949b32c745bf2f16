"""Archives as a file system of fsspec's."""

from __future__ import annotations

import io
import pickle
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sofc.archive.making import Settings, archive
from sofc.errors import UsageError

fsspec = pytest.importorskip("fsspec", reason='needs the extra "archive": pip install "sofc[archive]"')

from sofc.plugins.fsspec import ArchiveFileSystem  # noqa: E402

IMAGE = np.arange(600, dtype=np.uint8).reshape(20, 30)


@pytest.fixture(scope="module", autouse=True)
def registered() -> None:
    """As the entry point does where the package is installed."""
    fsspec.register_implementation("sofc", ArchiveFileSystem, clobber=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive."""
    root = tmp_path_factory.mktemp("made")
    (root / "tree" / "a" / "b").mkdir(parents=True)
    Image.fromarray(IMAGE).save(root / "tree" / "a" / "x.png")
    (root / "tree" / "a" / "b" / "t.csv").write_text("n,m\n1,2\n3,4\n")
    (root / "tree" / "top.txt").write_text("top")
    archive(root / "tree", root / "archive", Settings(effort=1, train=False))
    return root / "archive"


def test_files_are_found_and_read(folder: Path) -> None:
    files = fsspec.filesystem("sofc", archive=str(folder))
    assert sorted(files.ls("", detail=False)) == ["a", "top.txt"]
    assert sorted(files.find("")) == ["a/b/t.csv", "a/x.png", "top.txt"]
    assert files.glob("a/**/*.csv") == ["a/b/t.csv"]
    assert files.isdir("a/b") and files.isfile("a/x.png") and not files.exists("a/y.png")
    assert files.size("top.txt") == 3
    assert files.cat("top.txt") == b"top"
    assert files.cat_file("top.txt", 1, 2) == b"o"
    assert files.cat(["top.txt", "a/b/t.csv"])["a/b/t.csv"][:3] == b"n,m"
    with pytest.raises(FileNotFoundError):
        files.open("a/y.png")
    with pytest.raises(IsADirectoryError):
        files.open("a")
    with pytest.raises(UsageError):
        files.open("a/new", "wb")


@pytest.mark.parametrize("form", ["option", "url"])
def test_readers_read_through_it(folder: Path, form: str) -> None:
    options: dict[str, Any] = {"archive": str(folder)} if form == "option" else {}
    start = "sofc://" if form == "option" else f"sofc://{folder}!"
    with fsspec.open(f"{start}a/x.png", **options) as file:
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(file.read()))), IMAGE)
    with fsspec.open(f"{start}a/b/t.csv", "rt", **options) as file:
        assert file.read() == "n,m\n1,2\n3,4\n"


def test_it_can_be_pickled(folder: Path) -> None:
    files = pickle.loads(pickle.dumps(fsspec.filesystem("sofc", archive=str(folder))))
    assert files.cat("top.txt") == b"top"


def test_an_archive_must_be_named() -> None:
    with pytest.raises(UsageError, match="name the archive"):
        ArchiveFileSystem()


def test_the_entry_point_leads_to_it() -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["fsspec.specs"] == {"sofc": "sofc.plugins.fsspec:ArchiveFileSystem"}
    found = [one for one in entry_points(group="fsspec.specs") if one.name == "sofc"]
    assert all(one.load() is ArchiveFileSystem for one in found)
