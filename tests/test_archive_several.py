"""Archives of files that hold several images: kinds, efforts and codebooks look at the images in them."""

from __future__ import annotations

import base64
import gzip
import io
import os
import re
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sofc
from sofc.archive import codebooks, kinds, plan, unit
from sofc.archive.coding import stored_codebook
from sofc.archive.kinds import ALONE, Facts, Kind, kinds_of
from sofc.archive.making import Settings, archive
from sofc.archive.plan import Stored, effort_of
from sofc.archive.reading import UnitReader
from sofc.archive.restoring import restore
from sofc.cli.__main__ import main
from sofc.container import schema
from sofc.container.chunks import FILE_HEAD_SIZE
from sofc.container.records import CHANGE
from sofc.container.walker import bytes_of, walk
from sofc.imagefiles import load, sources
from sofc.training.report import TrainingReport

SIDE = 20


def put_idx(path: Path, images: int, seed: int) -> bytes:
    """A packed IDX file of smooth images."""
    steps = np.random.default_rng(seed).integers(0, 3, (images, SIDE, SIDE), np.uint8)
    data = struct.pack(">4B3I", 0, 0, 8, 3, *steps.shape) + np.cumsum(steps, 2, np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0))
    return path.read_bytes()


def facts(images: int, digest: str = "") -> Facts:
    return Facts(digest, "gz", images, SIDE, SIDE, 1, 8)


def test_images_of_one_size_are_counted_not_files() -> None:
    files = [(b"many", facts(kinds.MANY - 1)), (b"one more", facts(2)), (b"few", Facts("", "gz", 3, 9, 9, 1, 8))]
    many, more, few = kinds_of(files, [])
    assert many is more and more != few  # one object: there may be millions of files
    assert f"{SIDE} x {SIDE}" in many.name and "various" in few.name


def test_only_many_files_are_coded_fast() -> None:
    kind = Kind("x", ALONE)
    assert effort_of(kind, [Stored(b"x", 1, facts(10 * plan.MANY_FILES))], None) == plan.DEFAULT_EFFORT
    assert effort_of(kind, [Stored(b"x", 1, facts(1))] * plan.MANY_FILES, None) == plan.FAST_EFFORT


def test_what_came_of_jpeg_data_is_a_kind_of_its_own_and_coded_with_more_effort() -> None:
    once = replace(facts(1), format="PNG", width=1000, height=1000, jpeg=True)
    files = [once, replace(once, jpeg=False), replace(once, format="JPEG", jpeg=False)]
    found = kinds_of([(b"%d" % number, one) for number, one in enumerate(files)], [])
    assert len({kind.name for kind in found}) == 3 and ", once JPEG, large" in found[0].name
    stored = [Stored(b"x", 1, one) for one in files]
    efforts = [effort_of(kind, [one], None) for kind, one in zip(found, stored, strict=True)]
    assert efforts == [plan.JPEG_EFFORT, plan.DEFAULT_EFFORT, plan.JPEG_EFFORT]
    assert effort_of(found[0], [stored[0]], 3) == 3
    assert effort_of(found[0], stored, None) == plan.DEFAULT_EFFORT
    large = replace(stored[0], size=plan.JPEG_BYTES)
    assert effort_of(found[0], [large], None) == plan.JPEG_EFFORT
    assert effort_of(found[0], [large, stored[0]], None) == plan.DEFAULT_EFFORT
    assert effort_of(found[0], stored[:1] * plan.MANY_FILES, None) == plan.FAST_EFFORT


@pytest.mark.parametrize("most", [1, 2, 3, 7, 1000])
def test_a_sample_is_spread_over_images_wherever_files_end(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(codebooks, "SAMPLE_IMAGES", most)
    counts = [1, 1, 5, 1, 9, 2, 1, 30]
    contents = [Stored(b"%d" % number, 1, facts(count)) for number, count in enumerate(counts)]
    total = sum(counts)
    images = [(str(number), image) for number, count in enumerate(counts) for image in range(count)]
    expected = images[:: max(1, -(-total // most))]
    found = codebooks.sample(Path(), contents)
    assert [(str(one.path), image) for one in found for image in one.images] == expected


def test_small_images_of_packed_files_are_held(tmp_path: Path) -> None:
    """That they have eight bits of eight is told by their type, and the file need not be unpacked for each."""
    put_idx(tmp_path / "a.gz", 3, 1)
    held = codebooks._held(sources([tmp_path / "a.gz"])[2])
    assert held.path is None and held.array is not None
    assert np.array_equal(held.array, load(sources([tmp_path / "a.gz"])[2]).array)


def test_images_of_which_a_file_says_more_are_not_held(tmp_path: Path) -> None:
    """An array of 16 bits does not tell that they are 12."""
    (tmp_path / "a.pgm").write_bytes(b"P5 4 4 4095\n" + bytes(range(0, 16)) * 2)
    (source,) = sources([tmp_path / "a.pgm"])
    assert codebooks._held(source) is source


def test_the_report_shows_the_middle_one_of_several_images(tmp_path: Path) -> None:
    """The first slice of a volume is dark."""
    pages = [Image.new("L", (SIDE, SIDE), shade) for shade in (0, 255, 0)]
    (tmp_path / "tree").mkdir()
    pages[0].save(tmp_path / "tree" / "a.tif", save_all=True, append_images=pages[1:])
    page = tmp_path / "report.html"
    command = ["archive", tmp_path / "tree", "-o", tmp_path / "archive", "-e1", "-j1", "-q", "--report", page]
    assert main([*map(str, command)]) == 0
    (drawn,) = re.findall(r'<img alt="" title="a.tif" src="data:image/png;base64,([^"]*)"', page.read_text())
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn)))).min() == 255


def test_a_codebook_is_mined_of_the_images_of_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codebooks, "LEAST_BYTES", 1)
    monkeypatch.setattr(TrainingReport, "is_worthwhile", property(lambda self: True))
    files = {name: put_idx(tmp_path / "tree" / name, 25, seed) for seed, name in enumerate(("a.gz", "b.gz"))}
    done = archive(tmp_path / "tree", tmp_path / "archive", Settings(effort=1))
    assert [kind.codebook is not None for kind in done.manifest.kinds] == [True]
    restore(tmp_path / "archive", tmp_path / "back")
    assert {name: (tmp_path / "back" / name).read_bytes() for name in files} == files
    with sofc.open_archive(tmp_path / "archive") as opened:
        assert len(opened.images("b.gz")) == 25


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="codes whole images")
def test_a_codebook_for_few_files_that_came_of_jpeg_data_changes_the_built_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codebooks, "LEAST_BYTES", 1)
    monkeypatch.setattr(TrainingReport, "is_worthwhile", property(lambda self: True))
    tree, folder = tmp_path / "tree", tmp_path / "archive"
    tree.mkdir()
    steps = np.random.default_rng(7).integers(-4, 5, (9, 96, 128, 3))
    for number, image in enumerate(np.cumsum(np.cumsum(steps, 1), 2) // 3 + 128):
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(tree / f"{number}.jpg", quality=80)
    (kind,) = archive(tree, folder).manifest.kinds
    assert kind.effort == plan.JPEG_EFFORT and kind.codebook is not None
    own = stored_codebook(folder / codebooks.FOLDER, kind.codebook).own_sections
    assert {section.kind for section in own} == {CHANGE}
    restore(folder, tmp_path / "back")
    for path in tree.iterdir():
        assert (tmp_path / "back" / path.name).read_bytes() == path.read_bytes()


def test_all_small_images_of_a_file_are_coded_together(tmp_path: Path) -> None:
    put_idx(tmp_path / "tree" / "a.gz", 60, 1)
    archive(tmp_path / "tree", tmp_path / "archive", Settings(effort=5, train=False))
    (path,) = (tmp_path / "archive" / "units").iterdir()
    reader = UnitReader(path, lambda reference: None)
    assert reader.table.contents[0].way == unit.FROM_FILE
    data = reader.own_file(0)
    chunks = [kind for kind, *_ in walk(bytes_of(data), FILE_HEAD_SIZE, len(data))]
    assert chunks.count(schema.GROUP) == 1
