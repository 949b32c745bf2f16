"""Folders: each file has an output of its own, and what is not stored is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sofc
from sofc.cli import destinations
from sofc.cli.__main__ import main
from sofc.imagefiles import ImageSource, load, save

GRAY = (np.add.outer(np.arange(9), np.arange(11)) * 3).astype(np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, with no codebook installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ".data"))
    monkeypatch.delenv("SOFC_CODEBOOK_PATH", raising=False)
    return tmp_path


def tree(folder: str) -> dict[str, bytes]:
    """The files below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }


def outputs(*names: str, whole: tuple[str, ...] = ()) -> list[str]:
    """Names of the sofc files of files in one folder."""
    inputs = [(Path("in") / name, Path(name)) for name in names]
    found = destinations.encoded(inputs, Path("out"), whole=[Path("in") / name for name in whole])
    return [path.relative_to("out").as_posix() for path in found]


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("photo.png", "photo.sofc"),
        ("PHOTO.PNG", "PHOTO.sofc"),
        ("deep/a.b.tif", "deep/a.b.sofc"),
        ("volume.nii.gz", "volume.sofc"),
        ("x-images-idx3-ubyte.gz", "x-images-idx3-ubyte.sofc"),
        ("1.2.840.99.5.1", "1.2.840.99.5.1.sofc"),
        ("notes.txt", "notes.txt.sofc"),
        ("all.tar.gz", "all.tar.gz.sofc"),
        (".png", ".png.sofc"),
        ("a.sofc", "a.sofc"),
        ("name", "name.sofc"),
    ],
)
def test_one_name(name: str, output: str) -> None:
    assert outputs(name) == [output]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["x.jpg", "x.png", "y.png"], ["x.jpg.sofc", "x.png.sofc", "y.sofc"]),
        (["x.jpg", "X.png"], ["x.jpg.sofc", "X.png.sofc"]),
        # A stripped name hits a whole one.
        (["x", "x.png"], ["x.sofc", "x.png.sofc"]),
        (["x.png", "x.jpg", "x.png.tif"], ["x.png.sofc", "x.jpg.sofc", "x.png.tif.sofc"]),
        (["x.png", "X.PNG"], ["x.png.sofc", "X.PNG-2.sofc"]),
        # A folder is in the way.
        (["x.png", "x.sofc/y.png"], ["x.png.sofc", "x.sofc/y.sofc"]),
        (["e\u0301.png", "\u00e9.jpg"], ["e\u0301.png.sofc", "\u00e9.jpg.sofc"]),
    ],
)
def test_names_that_would_agree(names: list[str], expected: list[str]) -> None:
    assert outputs(*names) == expected


def test_long_names_are_cut() -> None:
    (name,) = outputs("n" * 251 + ".png")
    assert len(name) == 255 and name.endswith(".sofc") and name.startswith("n" * 200)
    first, second = outputs("\u00e9" * 127 + "a", "\u00e9" * 127 + "b")
    assert first != second and max(len(first.encode()), len(second.encode())) <= 255


def test_beside_the_inputs_none_is_an_output() -> None:
    inputs = [(Path("x.png"), Path("x.png")), (Path("x.sofc"), Path("x.sofc"))]
    assert destinations.encoded(inputs, None) == [Path("x.png.sofc"), Path("x.sofc.sofc")]


PARTS = st.text(st.sampled_from("aA.\u00e9e\u0301 "), min_size=1, max_size=3).filter(
    lambda text: text not in (".", "..")
)
NAMES = st.builds(str.__add__, PARTS, st.sampled_from(["", ".png", ".PNG", ".tif", ".sofc", ".png.sofc", "-2", ".gz"]))


@given(st.lists(st.builds(lambda *parts: "/".join(filter(None, parts)), PARTS | st.just(""), NAMES), unique=True))
def test_no_two_outputs_agree(names: list[str]) -> None:
    found = outputs(*names)
    assert len({destinations._folded(Path(name)) for name in found}) == len(names)
    assert all(name.endswith(".sofc") for name in found)


def test_images_of_one_stem(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in").mkdir()
    save(Path("in/x.png"), GRAY)
    save(Path("in/x.tif"), GRAY + 1)
    save(Path("in/x.pgm"), GRAY + 2)
    assert main(["encode", "in", "--out-dir", "out"]) == 0
    assert set(tree("out")) == {"x.png.sofc", "x.tif.sofc", "x.pgm.sofc"}
    assert main(["decode", "out", "--out-dir", "back"]) == 0
    assert set(tree("back")) == {"x.png.png", "x.tif.png", "x.pgm.png"}
    assert np.array_equal(load(ImageSource(Path("back/x.pgm.png"))).array, GRAY + 2)


def test_equal_names_of_other_folders() -> None:
    for name in ("a/x.png", "b/x.png", "b/y.png"):
        Path(name).parent.mkdir(exist_ok=True)
        save(Path(name), GRAY + (name[0] == "b"))
    assert main(["encode", "a/x.png", "b/x.png", "b/y.png", "--out-dir", "out"]) == 0
    assert set(tree("out")) == {"a/x.sofc", "b/x.sofc", "y.sofc"}
    assert main(["decode", "out/a/x.sofc", "out/b/x.sofc", "--out-dir", "back"]) == 0
    assert set(tree("back")) == {"a/x.png", "b/x.png"}
    assert np.array_equal(load(ImageSource(Path("back/b/x.png"))).array, GRAY + 1)
    assert main(["encode", "a", "b", "--out-dir", "again"]) == 0
    assert set(tree("again")) == {"a/x.sofc", "b/x.sofc", "y.sofc"}


def test_outputs_of_decode_do_not_replace_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        Path(name).mkdir()
        save(Path(name) / "x.png", GRAY + (name == "b"))
        assert main(["encode", "--keep-file", f"{name}/x.png", "-o", f"{name}.sofc"]) == 0
    # An image file of the name that a kept file has, and images in a folder that another file has.
    assert main(["encode", "a/x.png", "-o", "x.sofc"]) == 0
    assert main(["encode", "--collection", "a/x.png", "b/x.png", "-o", "all.sofc"]) == 0
    assert main(["encode", "-r", "a", "--out-dir", "all/a"]) == 0
    before = tree(".")
    for more in ([], ["-f"]):
        assert main(["decode", "-r", *more, "a.sofc", "b.sofc", "x.sofc", "all.sofc", "all", "--out-dir", "out"]) == 0
        names = {"x.png", "x-2.png", "x-3.png", "all/a/x.png", "all/b/x.png", "a/x.png"}
        assert set(tree("out")) == names
    assert tree("out")["x.png"] == before["a/x.png"] and tree("out")["x-2.png"] == before["b/x.png"]
    assert main(["decode", "-r", ".", "--out-dir", "many"]) == 0
    assert set(tree("many")) == {"x.png", "x-2.png", "x-3.png", "all/a/x.png", "all/b/x.png", "all/a/x-2.png"}


@pytest.mark.parametrize(
    "name",
    ["-leading.png", ".hidden.png", " spaces .png ", "a:b?.png", "line\nbreak.png", "\u200d\u00e9\u202e.png", "nul",
     "n" * 251 + ".png", "\u00e9" * 127 + "a", "e\u0301.png", "dot."],
)  # fmt: skip
def test_kept_names_come_back(name: str) -> None:
    Path("in").mkdir()
    save(Path("x.png"), GRAY)
    Path("x.png").rename(Path("in") / name)
    assert main(["encode", "--keep-file", str(Path("in") / name), "--out-dir", "out"]) == 0
    assert main(["decode", "out", "--out-dir", "back"]) == 0
    assert tree("back") == tree("in")
    assert np.array_equal(sofc.read(next(Path("out").iterdir())), GRAY)
