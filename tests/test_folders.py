"""Folders: each file has an output of its own, and what is not stored is named."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import zipfile
from pathlib import Path

import make_tree
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_imagefiles_medical import write_dicom

import sofc
from sofc.cli import destinations
from sofc.cli.__main__ import main
from sofc.imagefiles import ImageSource, dataset, load, save, sources, walk, why_no_image

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
        (["x.png", "X.PNG"], ["x.png.sofc", "X.PNG.sofc"]),
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
    assert len(set(found)) == len(names)
    # Where two differ only in case, so did the files.
    folded: dict[str, list[str]] = {}
    for name, output in zip(names, found, strict=True):
        folded.setdefault(destinations._folded(Path(output)), []).append(destinations._folded(Path(name)))
    assert all(len(set(group)) == 1 for group in folded.values())
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
     "n" * 251 + ".png", "\u00e9" * 127 + "a", "e\u0301.png", "dot.", "?" * 251 + "\u200d.", " " + "b" * 254],
)  # fmt: skip
def test_kept_names_come_back(name: str) -> None:
    Path("in").mkdir()
    save(Path("x.png"), GRAY)
    Path("x.png").rename(Path("in") / name)
    assert main(["encode", "--keep-file", str(Path("in") / name), "--out-dir", "out"]) == 0
    assert main(["decode", "out", "--out-dir", "back"]) == 0
    assert tree("back") == tree("in")
    assert np.array_equal(sofc.read(next(Path("out").iterdir())), GRAY)


# Files of folders, known by their contents.


def tiff() -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, GRAY)
    return buffer.getvalue()


def pillow(file_format: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(GRAY).save(buffer, file_format)
    return buffer.getvalue()


def packed() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.png", pillow("PNG"))
    return buffer.getvalue()


def arrays() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, GRAY)
    return buffer.getvalue()


def dicom(*, implicit: bool = False, meta: bool = False, preamble: bool = False) -> bytes:
    pydicom = pytest.importorskip("pydicom")
    write_dicom(Path("written"), GRAY[None], bits=8)
    data = Path("written").read_bytes()
    if not meta and not preamble:
        data_set = pydicom.Dataset()
        data_set.update({element.tag: element for element in pydicom.dcmread("written")})
        data_set.save_as("written", implicit_vr=implicit, little_endian=True)
        data = Path("written").read_bytes()
    Path("written").unlink()
    return data[0 if preamble or not meta else 132 :]


IMAGES = {
    "slide.svs": tiff,
    "stack.lsm": tiff,
    "noname": lambda: pillow("PNG"),
    ".hidden": lambda: pillow("JPEG"),
    "notes.txt": lambda: pillow("BMP"),
    "deep/a.b.c": lambda: pillow("GIF"),
    "a.jp2": lambda: pillow("JPEG2000"),
    "1.2.840.99.5.1": lambda: dicom(),
    "1.2.840.99.5.2": lambda: dicom(implicit=True),
    "1.2.840.99.5.3": lambda: dicom(meta=True),
    "1.2.840.99.5.4": lambda: dicom(preamble=True),
    "digits": lambda: b"\0\0\x08\x03" + bytes([0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 11]) + GRAY.tobytes(),
    "arrays": arrays,
    "anymap": lambda: b"P5\n# of a camera\n11 9\n255\n" + GRAY.tobytes(),
}
OTHERS = {
    "empty.png": (lambda: b"", "an empty file"),
    "text": (lambda: b"P5 is what this text begins with\n", "no image of a known kind"),
    "pages.zip": (packed, "a ZIP file, in which sofc looks for no images"),
    "all.tar.gz": (lambda: gzip.compress(b"text"), "no image of a known kind"),
    "labels": (lambda: b"\0\0\x08\x01\0\0\0\x02ab", "an IDX file of labels, not of images"),
    "a.sofc": (lambda: sofc.encode(GRAY, coder="raw"), "a sofc file already"),
    "._a.png": (lambda: b"\0\x05\x16\x07" + bytes(60), "no image of a known kind"),
    "cut.gz": (lambda: gzip.compress(bytes(900))[:12], "no image of a known kind"),
    "random": (lambda: np.random.default_rng(1).bytes(3000), "no image of a known kind"),
}


def fill(names: list[str]) -> None:
    for name in names:
        (Path("in") / name).parent.mkdir(parents=True, exist_ok=True)
        (Path("in") / name).write_bytes(IMAGES[name]() if name in IMAGES else OTHERS[name][0]())


def test_files_are_known_by_their_contents(capsys: pytest.CaptureFixture[str]) -> None:
    fill([*IMAGES, *OTHERS])
    assert main(["encode", "-r", "--coder", "raw", "in", "--out-dir", "out"]) == 5
    said, errors = capsys.readouterr()
    told = [line for line in errors.splitlines() if "passed over" in line]
    assert sorted(told) == sorted(f"sofc: in/{name}: passed over: {reason}" for name, (_, reason) in OTHERS.items())
    assert len(tree("out")) == len(IMAGES)
    for path in Path("out").rglob("*.sofc"):
        if path.name not in (".hidden.sofc", "a.b.c.sofc"):
            assert np.array_equal(sofc.read(path).reshape(GRAY.shape), GRAY), path
    assert said.splitlines()[-1].startswith(f"{len(IMAGES)} files: ")
    assert said.endswith(f"  {len(IMAGES)} stored, 0 kept whole, {len(OTHERS)} passed over, 0 refused\n")
    # The Python functions see the same files.
    assert [path.relative_to("in").as_posix() for path in walk(["in"], recursive=True)] == sorted(
        IMAGES, key=lambda name: Path(name).parts
    )
    heard: dict[str, str] = {}
    assert len(sources(["in"], passed_over=lambda path, reason: heard.update({path.name: reason}))) == len(IMAGES) - 1
    assert heard == {name: reason for name, (_, reason) in OTHERS.items()} | {
        "deep": "a subfolder, entered only with -r"
    }


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    fill(["noname", "text"])
    Path("in/cut.png").write_bytes(pillow("PNG")[:60])
    assert main(["encode", "--json", "in", "--out-dir", "out"]) == 3
    said = json.loads(capsys.readouterr().out)
    counts = {"stored": 1, "kept_whole": 0, "skipped": 0, "passed_over": 1, "refused": 1, "status": 3}
    assert {key: value for key, value in said.items() if key != "files"} == counts
    files = {Path(one["name"]).name: one for one in said["files"]}
    assert {name: one["result"] for name, one in files.items()} == {
        "noname": "stored", "text": "passed over", "cut.png": "refused",
    }  # fmt: skip
    size = Path("out/noname.sofc").stat().st_size
    assert files["noname"] == {
        "name": str(Path("in/noname")), "result": "stored", "output": str(Path("out/noname.sofc")), "reason": None,
        "images": 1, "bytes": Path("in/noname").stat().st_size, "sample_bytes": GRAY.size, "output_bytes": size,
            "link": None,
    }  # fmt: skip
    assert "is damaged" in files["cut.png"]["reason"] and files["text"]["output"] is None
    assert main(["encode", "--json", "in/noname", "-o", "-"]) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
def test_links_and_what_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    fill(["noname"])
    Path("elsewhere").mkdir()
    Path("in/link").symlink_to("noname")
    Path("in/gone").symlink_to("nowhere")
    Path("in/loop").symlink_to("loop")
    Path("in/folder").symlink_to("../elsewhere")
    os.mkfifo("in/pipe")
    assert main(["encode", "-r", "in", "--out-dir", "out", "--keep-file"]) == 5
    assert set(tree("out")) == {"noname.sofc", "link.sofc"}
    assert {line.split(": ", 1)[1] for line in capsys.readouterr().err.splitlines() if "passed over" in line} == {
        "in/gone: passed over: a link that leads nowhere",
        "in/loop: passed over: a link that leads to itself",
        "in/folder: passed over: a link to a folder, which is not entered",
        "in/pipe: passed over: a pipe",
    }
    Path("in/up").symlink_to("..")
    Path("outside").write_bytes(b"outside")
    Path("in/out").symlink_to("../outside")
    Path("in/zero").symlink_to("/dev/zero")
    assert main(["encode", "-r", "in", "--out-dir", "out", "--keep-file", "--json", "-f"]) == 5
    found = {Path(file["name"]).name: file for file in json.loads(capsys.readouterr().out)["files"]}
    assert {name: file["link"] for name, file in found.items() if file["result"] != "passed over"} == {
        "noname": None,
        "link": "noname",
        "out": "../outside",
    }
    assert found["up"]["reason"] == "a link to a folder, which is not entered"
    assert found["zero"]["reason"] == "a device"
    for verb in ("encode", "train", "info"):
        assert main([verb, "/dev/zero", *(["-o", "x"] if verb != "info" else [])]) != 0
        assert "/dev/zero" in capsys.readouterr().err
    assert main(["encode", "-r", "in", "--out-dir", "again", "--keep-file"]) == 5
    assert "2 links followed: the files that come back are no links" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="everything can be read")
def test_what_cannot_be_read_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    fill(["noname", "deep/a.b.c", "text"])
    Path("in/text").chmod(0)
    Path("in/deep").chmod(0)
    try:
        assert main(["encode", "-r", "in", "--out-dir", "out"]) == 1
    finally:
        Path("in/deep").chmod(0o700)
    errors = capsys.readouterr().err
    assert "in/text: permission denied" in errors and "in/deep: permission denied" in errors


def test_each_file_has_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in").mkdir()
    try:
        Path("in/line\nbreak").write_text("text")
    except OSError:
        pytest.skip("the file system has no such names")
    assert main(["encode", "in"]) == 5
    said, errors = capsys.readouterr()
    assert errors == "sofc: in/line\\nbreak: passed over: no image of a known kind\n"
    assert said == "0 files: 0 stored, 0 kept whole, 1 passed over, 0 refused\n"


def test_training_names_what_it_passes_over(capsys: pytest.CaptureFixture[str]) -> None:
    fill(["text"])
    for number in range(6):
        Path(f"in/{number}").write_bytes(pillow("PNG"))
    assert main(["train", "--coder", "shape", "--iterations", "1", "-j", "1", "in", "-o", "a.sofcb"]) == 0
    passed_over, *stages = capsys.readouterr().err.splitlines()
    assert passed_over == "sofc: in/text: passed over: no image of a known kind"
    assert len(stages) > 1
    assert stages[0] == "sofc: looking at the images"


@given(st.binary(min_size=8, max_size=400), st.sampled_from([b"", b"\x08\0\x05\0", b"\x02\0\0\0UL", b"\x08\0\x08\0CS"]))
def test_random_bytes_are_no_data_set(data: bytes, begin: bytes) -> None:
    assert not dataset.is_data_set(begin + data, len(begin + data))


def test_data_sets_without_image() -> None:
    pydicom = pytest.importorskip("pydicom")
    write_dicom(Path("a"), GRAY[None], bits=8)
    data_set = pydicom.dcmread("a")
    for name in ("Rows", "Columns", "PixelData"):
        del data_set[name]
    data_set.save_as("a")
    assert why_no_image(Path("a")) == "a DICOM file without an image"


def test_volume_in_two_files() -> None:
    nibabel = pytest.importorskip("nibabel")
    Path("in").mkdir()
    nibabel.Nifti1Pair(np.zeros((3, 4, 2), np.int16), np.eye(4)).to_filename("in/a.hdr")
    assert why_no_image(Path("in/a.img")) == "its samples are read together with the .hdr file beside it"
    assert len(sources(["in"])) == 2


def test_names_that_cannot_come_back_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in").mkdir()
    Path("in", "n" * 253 + "\n.").write_bytes(b"text")
    Path("in", "n\n").write_bytes(b"text")
    assert main(["encode", "--keep-file", "in", "--out-dir", "out"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    (cut,) = (path.stem for path in Path("out").iterdir() if len(path.name) == 255)
    assert "its name has characters that cannot be kept in the file" in line and line.endswith(cut)
    assert main(["decode", "out", "--out-dir", "back"]) == 0
    assert set(tree("back")) == {"n\n", cut}


@pytest.mark.filterwarnings("ignore")
def test_tree_of_many_kinds_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pydicom")
    pytest.importorskip("nibabel")
    assert make_tree.make_tree(Path("in"), 80, seed=3) == 80
    Path("in/folder").symlink_to("deep")
    capsys.readouterr()
    assert main(["encode", "-r", "--keep-file", "--effort", "1", "in", "--out-dir", "out"]) == 5
    said, errors = capsys.readouterr()
    assert len(said.splitlines()) == 81
    assert said.endswith(" kept whole, 1 passed over, 0 refused\n")
    assert [line for line in errors.splitlines() if "cut into words" not in line] == [
        "sofc: in/folder: passed over: a link to a folder, which is not entered",
        "sofc: 2 links followed: the files that come back are no links",
    ]
    Path("in/folder").unlink()
    assert main(["decode", "-r", "out", "--out-dir", "back"]) == 0
    assert tree("back") == tree("in")
    # Without --keep-file each file is stored or named.
    capsys.readouterr()
    status = main(["encode", "-r", "--json", "--effort", "1", "in", "--out-dir", "images"])
    said, errors = capsys.readouterr()
    report = json.loads(said)
    assert status == report["status"] != 0
    assert len(report["files"]) == 80
    assert (
        len(tree("images")) == report["stored"] + report["kept_whole"] == 80 - report["passed_over"] - report["refused"]
    )
    for one in report["files"]:
        shown = one["name"].encode("unicode_escape").decode() if "\n" in one["name"] else one["name"]
        lines = [line for line in errors.splitlines() if line.startswith(f"sofc: {shown}: ")]
        assert one["result"] == "stored" or len(lines) == 1, one


def test_trees_are_the_same_each_time() -> None:
    for folder in ("a", "b"):
        make_tree.make_tree(Path(folder), len(make_tree.KINDS), seed=5)
    assert tree("a") == tree("b")
