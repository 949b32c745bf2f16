"""Archives: trees come back byte for byte, whatever ends a run, and of a damaged one nothing wrong is given back."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import json
import lzma
import os
import pickle
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import bench_archive
import make_archive
import numpy as np
import pytest
import tifffile
from helpers import raw_codebook
from minidec import archive as small_archive
from PIL import Image

import sofc
from sofc.archive import coding, kinds, making, manifest, restoring, survey, unit
from sofc.archive.coding import codebook_paths, stored_codebook
from sofc.archive.making import Settings, archive
from sofc.archive.restoring import remove_originals, restore, verify
from sofc.archive.tree import is_escaped, path_of, place, shown
from sofc.cli.__main__ import main
from sofc.codebook.builtin import FOLDER
from sofc.errors import FormatError, UsageError
from sofc.training.report import TrainingReport

FAST = Settings(effort=1, train=False)


def picture(number: int, *, rows: int = 24, columns: int = 32, components: int = 1) -> Any:
    """A smooth image with a little noise."""
    noise = np.random.default_rng(number)
    y, x = np.mgrid[:rows, :columns]
    smooth = 120 + 60 * np.sin(x / 5 + number) * np.cos(y / 7)
    image = (smooth[..., None] + noise.integers(0, 6, (rows, columns, components))).astype(np.uint8)
    return image[..., 0] if components == 1 else image


def encoded(image: Any, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, file_format, **options)
    return buffer.getvalue()


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of several kinds, other files, copies, links, odd names, and what is no file."""
    root = tmp_path_factory.mktemp("made") / "tree"
    for number in range(40):
        put(root / "gray" / f"{number}.png", encoded(picture(number), "PNG"))
    for number in range(3):
        colour = picture(number, rows=48, columns=48, components=3)
        put(root / "photos" / f"{number}.jpg", encoded(colour, "JPEG", quality=80))
    pages = [Image.fromarray(picture(number)) for number in range(3)]
    pages[0].save(root / "pages.tif", save_all=True, append_images=pages[1:])
    put(root / "damaged.png", encoded(picture(1), "PNG")[:200])
    for number in range(30):
        put(root / "notes" / f"{number}.txt", f"note {number}: nothing to see\n".encode() * (number + 1))
    put(root / "random.bin", random.Random(1).randbytes(5000))
    put(root / "copy of 3.png", (root / "gray" / "3.png").read_bytes())
    put(root / "nothing", b"")
    put(root / "new\nline", b"1")
    put(root / "\u00fc \\xff", b"2")
    (root / "empty" / "inner").mkdir(parents=True)
    (root / "link").symlink_to("gray/3.png")
    (root / "link to nowhere").symlink_to("/nowhere")
    if sys.platform == "linux":
        for name in (b"\xff\\x", b"back\\slash/\xfe", b"back\\slash/plain", b"\xfd/\xc3\xbc"):
            put(root / os.fsdecode(name), name)
        os.mkfifo(root / "pipe")
    (root / "notes" / "3.txt").chmod(0o440)
    (root / "notes").chmod(0o750)
    os.utime(root / "gray" / "5.png", ns=(1, 1_600_000_000_123_456_789))
    os.utime(root / "empty", ns=(1, 1_500_000_000_000_000_001))
    return root


@pytest.fixture(scope="module")
def made(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the tree."""
    folder = tmp_path_factory.mktemp("made") / "archive"
    archive(tree, folder, FAST)
    return folder


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    """A copy of the archive, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "archive"))


def contents(root: Path) -> dict[str, tuple[Any, ...]]:
    """All that stands in a tree, counted by other means than ``tree.walk``."""
    found: dict[str, tuple[Any, ...]] = {}
    for base, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(base) / name
            state = path.lstat()
            kind = stat.S_IFMT(state.st_mode)
            inside: Any = None
            if stat.S_ISLNK(state.st_mode):
                inside = str(path.readlink())
            elif stat.S_ISREG(state.st_mode):
                inside = path.read_bytes()
            found[str(path.relative_to(root))] = kind, state.st_mode & 0o777, state.st_mtime_ns, inside
    return {path: value for path, value in found.items() if value[0] != stat.S_IFIFO}


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_tree_comes_back(tree: Path, made: Path, tmp_path: Path) -> None:
    done = restore(made, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(tree)
    count = sum(value[0] == stat.S_IFREG for value in contents(tree).values())
    assert (done.files, done.lost) == (count, [])
    assert [path for path, _ in done.skipped] == ["pipe"] * (sys.platform == "linux")
    assert not (made / making.DRAFT).exists()


def test_images_are_stored_as_images(made: Path) -> None:
    with closing(sqlite3.connect(made / manifest.NAME)) as table:
        rows = dict(table.execute("SELECT path, coder FROM files WHERE type = 'file'"))
        assert rows["gray/7.png"] == "collection"
        assert rows["photos/1.jpg"] == "sofc"
        assert rows["damaged.png"] == rows["notes/1.txt"] == "packed"
        total = sum(row[0] for row in table.execute("SELECT bytes FROM contents"))
        assert total == sum(path.stat().st_size for path in (made / "units").iterdir())


def test_the_manifest_says_what_there_is(tree: Path, made: Path) -> None:
    query = "SELECT path, type, size, time, mode, sha256, kind, unit, width, height, bits FROM files WHERE path = ?"
    with closing(sqlite3.connect(made / manifest.NAME)) as table:
        path, kind, size, when, mode, sha256, *rest = table.execute(query, ("gray/5.png",)).fetchone()
    data = (tree / "gray/5.png").read_bytes()
    assert (path, kind, size, when) == ("gray/5.png", "file", len(data), 1_600_000_000_123_456_789)
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert mode == stat.S_IMODE((tree / "gray/5.png").stat().st_mode)
    assert rest == ["PNG 32 x 24, 1 component of 8 bits", rest[1], 32, 24, 8]
    assert (made / "units" / f"{rest[1]}.sofu").is_file()


def test_a_copy_is_stored_once(made: Path) -> None:
    with closing(sqlite3.connect(made / manifest.NAME)) as table:
        query = "SELECT unit, item FROM files WHERE path IN ('copy of 3.png', 'gray/3.png')"
        first, second = table.execute(query)
        assert first == second


def test_bytes_do_not_depend_on_workers(tree: Path, made: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as executor:
        archive(tree, tmp_path / "archive", FAST, executor=executor)
    assert files_of(tmp_path / "archive") == files_of(made)


def test_patterns(tree: Path, made: Path, tmp_path: Path) -> None:
    restore(made, tmp_path / "a", ["gray/1?.png"])
    assert sorted(contents(tmp_path / "a")) == ["gray", *(f"gray/1{digit}.png" for digit in range(10))]
    restore(made, tmp_path / "b", ["notes/"])
    assert set(contents(tmp_path / "b")) == {p for p in contents(tree) if p.split("/")[0] == "notes"}


def test_files_that_are_there_are_replaced_only_by_force(made: Path, tmp_path: Path) -> None:
    put(tmp_path / "back" / "gray" / "3.png", b"mine")
    with pytest.raises(FileExistsError):
        restore(made, tmp_path / "back", ["gray/3.png"])
    assert (tmp_path / "back" / "gray" / "3.png").read_bytes() == b"mine"
    restore(made, tmp_path / "back", ["gray/3.png"], force=True)
    assert (tmp_path / "back" / "gray" / "3.png").read_bytes() != b"mine"


# Ended runs.


def test_a_copy_that_cannot_be_made_does_not_hide_the_others(made: Path, tmp_path: Path) -> None:
    copies = {"gray/3.png", "copy of 3.png"}
    for missing in copies:
        root = tmp_path / missing.replace("/", "-")
        put(root / missing, b"in the way")
        lost = restore(made, root, sorted(copies), salvage=True).lost
        assert [path for path, _ in lost] == [missing]
        assert all((root / path).stat().st_size > 10 for path in copies - {missing})


def test_what_was_stored_is_not_stored_again(tree: Path, made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    shutil.copytree(made / "units", folder / "units")
    (folder / making.DRAFT).mkdir()
    (folder / making.DRAFT / making.FIRST).touch()
    gone = sorted((folder / "units").iterdir())[0]
    gone.write_bytes(gone.read_bytes()[:-1])
    assert archive(tree, folder, FAST).fresh == 1
    assert files_of(folder) == files_of(made)


@pytest.mark.parametrize("files", [[], [making.FIRST], [making.FIRST, f"{survey.NOTES}.jsonl"]])
def test_runs_that_were_ended_at_their_first_and_last_steps(
    tree: Path, made: Path, copied: Path, tmp_path: Path, files: list[str]
) -> None:
    for folder in [tmp_path / "begun", *([copied] if files else [])]:
        (folder / making.DRAFT).mkdir(parents=True)
        for name in files:
            (folder / making.DRAFT / name).touch()
        archive(tree, folder, FAST)
        assert files_of(folder) == files_of(made)
        assert not (folder / making.DRAFT).exists()


def test_killed_runs_end_with_the_same_bytes(tree: Path, made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    command = [sys.executable, "-m", "sofc", "archive", tree, "-o", folder, "-q", "-e1", "--no-train", "-j"]
    chance = random.Random(5)
    for jobs in (1, 2, 1):
        process = subprocess.Popen([*command, str(jobs)], start_new_session=True)
        deadline = time.monotonic() + 20
        while not (folder / making.DRAFT).exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.random() * 3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert subprocess.run([*command, "1"], check=False).returncode in (0, 2)  # 2: a run came to its end
    assert files_of(folder) == files_of(made)


def test_one_run_at_a_time(tree: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with pytest.raises(UsageError, match="by another run"):
        folder = tmp_path / "archive"
        archive(tree, folder, FAST, progress=lambda *_: archive(tree, folder, FAST) and None)


def test_a_file_that_changes_meanwhile_ends_the_run(tmp_path: Path) -> None:
    put(tmp_path / "tree" / "a.txt", b"before")

    def change(stage: str, done: int, total: int) -> None:
        if stage == making.LOOKING and done == total:
            put(tmp_path / "tree" / "a.txt", b"behind")

    with pytest.raises(OSError, match="changed while it was archived"):
        archive(tmp_path / "tree", tmp_path / "archive", FAST, progress=change)
    archive(tmp_path / "tree", tmp_path / "archive", FAST)
    with sofc.open_archive(tmp_path / "archive") as found:
        assert found.read_bytes("a.txt") == b"behind"


def test_a_file_that_grows_before_it_is_looked_at_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is noted before its digest: an archive of both would be right in neither."""
    put(tmp_path / "tree" / "a.png", encoded(picture(1), "PNG"))

    def later(*args: Any) -> list[kinds.Facts]:
        put(tmp_path / "tree" / "a.png", encoded(picture(2, rows=40), "PNG"))
        return survey.survey(*args)

    with monkeypatch.context() as patched, pytest.raises(OSError, match="changed while it was archived"):
        patched.setattr(making, "survey", later)
        archive(tmp_path / "tree", tmp_path / "archive", FAST)
    archive(tmp_path / "tree", tmp_path / "archive", FAST)
    assert verify(tmp_path / "archive").lost == []


def test_a_file_whose_recipe_asks_for_too_much_is_packed(tmp_path: Path) -> None:
    """A small image in a large tile: no reader follows such a recipe."""
    (tmp_path / "tree").mkdir()
    tifffile.imwrite(tmp_path / "tree" / "a.tif", picture(1), tile=(1280, 1280), compression="zlib")
    put(tmp_path / "tree" / "b.png", encoded(picture(2), "PNG"))
    archive(tmp_path / "tree", tmp_path / "archive", FAST)
    assert verify(tmp_path / "archive").lost == []


@pytest.mark.parametrize("where", ["inside", "other"])
def test_folders_that_are_no_place_for_an_archive(tree: Path, tmp_path: Path, where: str) -> None:
    put(tmp_path / "other" / "thing", b"")
    folder = {"inside": tree / "archive", "other": tmp_path / "other"}[where]
    with pytest.raises(UsageError):
        archive(tree, folder, FAST)
    assert not (folder / "units").exists()


# Updates, and originals that are removed.


def test_update(tree: Path, copied: Path, tmp_path: Path) -> None:
    changed = tmp_path / "tree"
    restore(copied, changed)
    put(changed / "notes" / "1.txt", b"another")
    put(changed / "gray" / "new.png", encoded(picture(99), "PNG"))
    put(changed / "gray" / "again.png", (changed / "gray" / "4.png").read_bytes())
    (changed / "photos" / "2.jpg").unlink()
    expected = contents(changed)
    with pytest.raises(UsageError, match="--update"):
        archive(changed, copied, FAST)
    done = archive(changed, copied, Settings(effort=1, train=False, update=True))
    assert (done.changed, done.gone) == (["notes/1.txt"], ["photos/2.jpg", "pipe"])
    assert done.added == ["gray/again.png", "gray/new.png"]
    restore(copied, tmp_path / "kept")
    assert contents(tmp_path / "kept").keys() == expected.keys() | {"photos/2.jpg"}
    archive(changed, copied, Settings(effort=1, train=False, update=True, forget=True))
    restore(copied, tmp_path / "back")
    assert {path: value[3] for path, value in contents(tmp_path / "back").items()} == {
        path: value[3] for path, value in expected.items()
    }
    assert verify(copied).lost == []
    named = {f"{row.name}.sofu" for row in manifest.read(copied, []).units}
    assert {path.name for path in (copied / "units").iterdir()} == named


def test_what_was_moved_or_has_another_time_is_not_coded_again(tmp_path: Path) -> None:
    root, folder = tmp_path / "tree", tmp_path / "archive"
    for number in range(4):
        put(root / f"{number}.png", encoded(picture(number), "PNG"))
    put(root / "note.txt", b"read me")
    archive(root, folder, FAST)
    before = files_of(folder / "units")
    (root / "inner").mkdir()
    (root / "1.png").rename(root / "inner" / "one.png")
    os.utime(root / "2.png", ns=(5, 5))
    done = archive(root, folder, replace(FAST, update=True, forget=True))
    assert (done.fresh, done.added, done.changed, done.dropped) == (0, ["inner/one.png"], ["2.png"], ["1.png"])
    assert files_of(folder / "units") == before
    restore(folder, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(root)


def test_originals_are_removed_once_they_were_read_back(copied: Path, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    restore(copied, root)
    state = (root / "gray" / "8.png").stat()
    put(root / "gray" / "8.png", b"x" * state.st_size)
    os.utime(root / "gray" / "8.png", ns=(state.st_mtime_ns, state.st_mtime_ns))
    put(root / "notes" / "8.txt", b"changed")
    damaged = copied / "units" / f"{unit_of(copied, 'photos/1.jpg')}.sofu"
    flip(damaged, damaged.stat().st_size // 3)
    kept = remove_originals(copied, root).lost
    left = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and not path.is_symlink()}
    assert left == {path for path, _ in kept}
    assert {"gray/8.png", "notes/8.txt"} <= left
    assert any(path.startswith("photos/") for path in left)
    assert len(left) < 10


# Damage.


def flip(path: Path, position: int, mask: int = 0x20) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= mask
    path.write_bytes(data)


def unit_of(folder: Path, path: str) -> str:
    with closing(sqlite3.connect(folder / manifest.NAME)) as table:
        name: str = table.execute("SELECT unit FROM files WHERE path = ?", (path,)).fetchone()[0]
        return name


@pytest.mark.parametrize("seed", range(24))
def test_of_a_damaged_archive_nothing_wrong_is_given_back(
    tree: Path, made: Path, copied: Path, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    path = chance.choice(sorted(path for path in copied.rglob("*") if path.is_file()))
    position = chance.randrange(path.stat().st_size)
    if seed % 2:
        flip(path, position, 1 << chance.randrange(8))
    else:
        data = bytearray(path.read_bytes())
        block = data[position : position + 512]
        data[position : position + 512] = bytes(len(block))
        path.write_bytes(data)
    done = restore(copied, tmp_path / "back", salvage=True)
    expected, found = contents(tree), contents(tmp_path / "back")
    lost = {name for name, _ in done.lost}
    for name, value in found.items():
        assert value[3] == expected[name][3], name
    assert {shown(os.fsencode(name)) for name in expected.keys() - found.keys()} == lost
    with closing(sqlite3.connect(made / manifest.NAME)) as table:
        in_unit = {row[0] for row in table.execute("SELECT path FROM files WHERE unit = ?", (path.stem,))}
    assert lost <= in_unit
    if lost:
        with pytest.raises(FormatError, match="--salvage"):
            restore(copied, tmp_path / "again")
    is_changed = path.read_bytes() != (made / path.relative_to(copied)).read_bytes()
    assert bool(verify(copied).damage) == is_changed


def test_without_manifest_the_copy_serves(tree: Path, copied: Path, tmp_path: Path) -> None:
    (copied / manifest.NAME).unlink()
    with pytest.raises(FormatError, match="--salvage"):
        restore(copied, tmp_path / "back")
    assert restore(copied, tmp_path / "back", salvage=True).lost == []
    assert contents(tmp_path / "back") == contents(tree)
    with sofc.open_archive(copied) as found:
        assert found.damage
        assert np.array_equal(found["gray/3.png"], picture(3))


def test_a_unit_that_is_missing(copied: Path, tmp_path: Path) -> None:
    (copied / "units" / f"{unit_of(copied, 'gray/3.png')}.sofu").unlink()
    lost = {path for path, _ in restore(copied, tmp_path / "back", salvage=True).lost}
    assert {"gray/3.png", "copy of 3.png"} <= lost
    assert (tmp_path / "back" / "notes" / "1.txt").exists()


@pytest.mark.parametrize("harm", ["missing", "cut off", "changed"])
def test_an_update_stores_anew_what_damaged_units_had(tree: Path, copied: Path, tmp_path: Path, harm: str) -> None:
    damaged = copied / "units" / f"{unit_of(copied, 'gray/3.png')}.sofu"
    with closing(sqlite3.connect(copied / manifest.NAME)) as table:
        inside = {row[0] for row in table.execute("SELECT path FROM files WHERE unit = ?", (damaged.stem,))}
    root = tmp_path / "tree"
    restore(copied, root)
    expected = contents(root)
    (root / "gray" / "4.png").unlink()
    if harm == "missing":
        damaged.unlink()
    elif harm == "cut off":
        damaged.write_bytes(damaged.read_bytes()[:-1])
    else:
        flip(damaged, damaged.stat().st_size // 2)
        unseen = archive(root, copied, Settings(effort=1, train=False, update=True))
        assert (unseen.damaged, unseen.fresh) == ([], 0)
    done = archive(root, copied, Settings(effort=1, train=False, update=True, verify=True))
    assert (done.added, done.changed) == ([], [])
    assert {path for path, _ in done.damaged} == inside
    assert {path for path, how in done.damaged if "gone from the tree" in how} == {"gray/4.png"}
    back = restore(copied, tmp_path / "back", salvage=True)
    assert {path for path, _ in back.lost} <= {"gray/4.png"}
    found = contents(tmp_path / "back")
    assert all(found[path][3] == value[3] for path, value in expected.items() if path in found)
    assert found.keys() >= expected.keys() - {"gray/4.png"}
    archive(root, copied, Settings(effort=1, train=False, update=True, forget=True))
    assert (verify(copied).lost, verify(copied).damage) == ([], [])


def test_an_update_stores_anew_what_another_version_made(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its units are sound, and called as those of this one, but give back something else."""
    made_now, folder = coding._recipe, tmp_path / "archive"

    def made_then(member: coding.Member, known: Any) -> Any:
        found = made_now(member, known)
        return found and (found[0]._replace(array=found[0].array[::-1].copy()), found[1])

    with monkeypatch.context() as then:
        then.setattr(coding, "_recipe", made_then)
        then.setattr(coding, "not_given_back", lambda *_: [])
        archive(tree, folder, FAST)
    found = verify(folder)
    assert "gray/3.png" in dict(found.lost) and found.damage == []
    assert len(found.lost) > 1 and found.lost == sorted(found.lost)  # not in the order of units, the largest first
    assert archive(tree, folder, Settings(effort=1, train=False, update=True)).damaged == []
    done = archive(tree, folder, Settings(effort=1, train=False, update=True, verify=True))
    assert dict(done.damaged).keys() >= dict(found.lost).keys() and done.fresh
    assert verify(folder).lost == []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((("format", "1"),), "it is of version 0.1 of the format, and this sofc reads 0.7 only: read it with the sofc"),
        ((("format", "0.9"), ("sofc", "7.8")), "reads 0.7 only: read it with sofc 7.8, which made it"),
    ],
)
def test_an_archive_of_another_draft_is_left_alone(
    tree: Path, copied: Path, tmp_path: Path, rows: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(copied / manifest.NAME)) as table:
        table.execute("DELETE FROM archive")
        table.executemany("INSERT INTO archive VALUES (?, ?)", rows)
        table.commit()
    (copied / manifest.CHECK).write_text(manifest._check_of(copied / manifest.NAME))
    before, back = contents(copied), tmp_path / "back"
    put(tmp_path / "new" / "file", b"new")
    for arguments in (
        ["restore", copied, "-o", back],
        ["restore", copied, "-o", back, "--salvage"],
        ["archive", "--verify", copied],
        ["archive", tmp_path / "new", "-o", copied, "--update", "--forget"],
        ["archive", tmp_path / "new", "-o", copied, "--update", "--verify"],
    ):
        assert main([*map(str, arguments)]) == 4
        assert said in capsys.readouterr().err.splitlines()[-1]
        assert contents(copied) == before and not back.exists()
    with pytest.raises(sofc.UnsupportedError, match="this sofc reads"):
        sofc.open_archive(copied)


def test_units_of_another_draft_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = coding.UnitPlan("a", "pack", 5, ())
    before = plan.key
    monkeypatch.setattr(coding, "FORMAT", "0.1")
    assert plan.key != before


def test_a_damaged_codebook(tmp_path: Path) -> None:
    """A copy serves; where there is none either, that is said."""
    folder = tmp_path / "codebooks"
    folder.mkdir()
    book = raw_codebook("of a kind")
    first, second = codebook_paths(folder, book.reference.id.hex())
    second.write_bytes(book.to_bytes())
    assert stored_codebook(folder, book.reference.id.hex()).id == book.id
    first.write_bytes(book.to_bytes()[:-1])
    assert stored_codebook(folder, book.reference.id.hex()).id == book.id
    second.write_bytes(b"")
    with pytest.raises(FormatError, match="and its copy are missing or damaged"):
        stored_codebook(folder, book.reference.id.hex())


def test_a_manifest_that_was_written_in_part(tree: Path, copied: Path, made: Path) -> None:
    """The check is that of the new manifest, and the old one is still there."""
    (copied / manifest.NAME).rename(copied / manifest.NEW)
    (copied / manifest.NAME).write_bytes(b"the one before")
    done = archive(tree, copied, Settings(effort=1, train=False, update=True))
    assert (done.added, done.changed, done.gone, done.fresh) == ([], [], [], 0)
    assert files_of(copied) == files_of(made)


# Hostile archives.


def forge(folder: Path, statement: str, values: tuple[Any, ...] = ()) -> None:
    """Change the manifest, and its check with it."""
    with closing(sqlite3.connect(folder / manifest.NAME)) as table:
        table.execute(statement, values)
        table.commit()
    digest = kinds.digest_of(folder / manifest.NAME)
    (folder / manifest.CHECK).write_text(f"{digest}  {manifest.NAME}\n")


@pytest.mark.parametrize("path", ["../out", "/out", "a/../../out", "gray/./x", "gray//x", "", ".", "nul\0"])
@pytest.mark.parametrize("type", ["file", "folder", "link"])
def test_paths_that_lead_out_of_the_tree(copied: Path, tmp_path: Path, path: str, type: str) -> None:
    values = (path, type, "/tmp" if type == "link" else None)
    forge(copied, "UPDATE entries SET path = ?, type = ?, target = ? WHERE path = 'notes/3.txt'", values)
    before = {found for found in tmp_path.rglob("*") if copied not in found.parents}
    done = restore(copied, tmp_path / "inner" / "back", salvage=True)
    assert [name for name, _ in done.lost] == [path]
    made = {found for found in tmp_path.rglob("*") if copied not in found.parents} - before
    inside = tmp_path / "inner" / "back"
    assert all(found in (inside, inside.parent) or inside in found.parents for found in made)


def test_why_something_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for name, why in (("file", "it is a file"), ("folder", "it has no manifest"), ("none", "there is no such folder")):
        with pytest.raises(UsageError, match=f"{name} is no archive: {why}"):
            sofc.open_archive(tmp_path / name)


def test_nothing_is_restored_through_links(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "notes").symlink_to(tmp_path / "outside")
    forge(copied, "DELETE FROM entries WHERE path = 'notes'")
    done = restore(copied, tmp_path / "back", salvage=True)
    assert {path for path, _ in done.lost} == {f"notes/{number}.txt" for number in range(30)}
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE units SET name = '../units/x'",
        "DROP TABLE entries",
        "UPDATE contents SET item = 1000000",
        "UPDATE contents SET size = size + 1",
        "UPDATE contents SET item = -1",
        "UPDATE contents SET size = 'large'",
        "UPDATE entries SET time = 'yesterday'",
        "UPDATE entries SET mode = NULL WHERE type = 'folder'",
        "UPDATE entries SET path = CAST(path AS BLOB)",
    ],
)
def test_manifests_that_make_no_sense(copied: Path, tmp_path: Path, statement: str) -> None:
    forge(copied, statement)
    with pytest.raises(FormatError):
        restore(copied, tmp_path / "back")


def test_a_link_is_not_made_where_something_stands(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to("notes")
    archive(tmp_path / "tree", tmp_path / "packed", Settings())
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "link").write_text("mine")
    with pytest.raises(UsageError, match="link: something stands there already"):
        restore(tmp_path / "packed", tmp_path / "back")
    assert (tmp_path / "back" / "link").read_text() == "mine"


def unit_with(table: dict[str, Any], body: bytes = b"") -> bytes:
    """A unit with this table, and a check that matches."""
    data = unit.SIGNATURE + body
    data += zlib.compress(json.dumps(table).encode()) + len(data).to_bytes(8, "little")
    return data + hashlib.sha256(data).digest()


EMPTY = [[0, "stored"]] * 3


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"ways": "p", "sizes": [-1], "lengths": [0], "sections": [*EMPTY, [0, "stored"]]},
        {"ways": "p", "sizes": [1, 2], "lengths": [0], "sections": [*EMPTY, [0, "stored"]]},
        {"ways": "?", "sizes": [1], "lengths": [0], "sections": [*EMPTY, [0, "stored"]]},
        {"ways": "p", "sizes": [1], "lengths": [0], "sections": [*EMPTY, [99, "stored"]]},
        {"ways": "p", "sizes": ["1"], "lengths": [0], "sections": [*EMPTY, [0, "stored"]]},
        {"ways": "p", "sizes": [1 << 40], "lengths": [0], "sections": [*EMPTY, [0, "lzma"]]},
        {"ways": "i", "sizes": [1], "lengths": [5], "sections": [*EMPTY, [0, "stored"]]},
        {"ways": "f", "sizes": [1], "lengths": [1 << 50], "sections": [*EMPTY, [0, "stored"]]},
        {"ways": "p", "sizes": [3], "lengths": [0], "sections": [*EMPTY, [0, "zip"]]},
    ],
)
def test_units_that_make_no_sense(tmp_path: Path, table: dict[str, Any]) -> None:
    path = tmp_path / "unit.sofu"
    path.write_bytes(unit_with(table))
    with pytest.raises(sofc.SofcError):
        coding.UnitReader(path, lambda reference: None).read(0)


def test_a_unit_read_by_the_specification(made: Path, tree: Path) -> None:
    """A second reader, of packs, with nothing of sofc in it."""
    with closing(sqlite3.connect(made / manifest.NAME)) as table:
        name, item = table.execute("SELECT unit, item FROM files WHERE path = 'notes/7.txt'").fetchone()
    data = (made / "units" / f"{name}.sofu").read_bytes()
    assert data[:8] == b"\xabSOFU\r\n\n"
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]
    start = int.from_bytes(data[-40:-32], "little")
    found = json.loads(zlib.decompress(data[start:-40]))
    before = 8 + sum(length for length, _ in found["sections"][:3])
    length, packing = found["sections"][3]
    assert packing == "lzma"
    pack = lzma.decompress(data[before : before + length])
    sizes = [size if way == "p" else 0 for way, size in zip(found["ways"], found["sizes"], strict=True)]
    place = sum(sizes[:item])
    assert pack[place : place + sizes[item]] == (tree / "notes" / "7.txt").read_bytes()


def test_the_small_decoder_reads_archives(tree: Path, tmp_path: Path) -> None:
    some = ["gray/1.png", "gray/2.png", "gray/3.png", "photos/1.jpg", "notes/1.txt", "notes/2.txt", "nothing"]
    for path in some:
        put(tmp_path / "tree" / path, (tree / path).read_bytes())
    archive(tmp_path / "tree", tmp_path / "archive", FAST)
    expected = {path.encode(): (tree / path).read_bytes() for path in some}
    registered = [path.read_bytes() for path in sorted(FOLDER.glob("*.sofcb"))]
    assert dict(small_archive.files_of(tmp_path / "archive", registered)) == expected


# Names.


@pytest.mark.parametrize("path", [b"a/b", b"\xff", b"\\xff", b"\xff\\xff\\", b"\xc3\xbc", b"\xc3\xbc\xff\n"])
def test_names_as_text(path: bytes) -> None:
    assert path_of(shown(path), is_escaped(path)) == path
    assert os.fsencode(place(Path(), path)) == path
    assert small_archive.path_of(shown(path), is_escaped(path)) == path


# By name.


def test_samples_and_bytes_by_name(tree: Path, made: Path) -> None:
    with sofc.open_archive(made) as found:
        assert np.array_equal(found["gray/3.png"], picture(3))
        assert found["pages.tif"].shape == (3, 24, 32)
        assert np.array_equal(found["photos/1.jpg"], np.asarray(Image.open(tree / "photos" / "1.jpg")))
        expected = {path: value[3] for path, value in contents(tree).items() if value[0] == stat.S_IFREG}
        assert {path: found.read_bytes(path) for path in found} == expected
        assert len(found) == len(expected)
        assert "gray/3.png" in found
        assert "gray/300.png" not in found
        with pytest.raises(KeyError):
            found["gray/300.png"]
        with pytest.raises(UsageError, match="a folder"):
            found.read_bytes("gray")
        with pytest.raises(FormatError):
            found["notes/1.txt"]


def test_folders_by_name(tree: Path, made: Path) -> None:
    with sofc.open_archive(made) as found:
        for folder in (tree, *(path for path in tree.rglob("*") if path.is_dir() and not path.is_symlink())):
            name = "" if folder == tree else str(folder.relative_to(tree))
            expected = sorted(str(path.relative_to(tree)) for path in folder.iterdir())
            assert sorted(status.path for status in found.listdir(name)) == expected
        with pytest.raises(KeyError):
            found.listdir("nowhere")


def _read_in_process(found: Any, path: str, answers: Any) -> None:
    answers.put(int(found[path].sum()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_share_an_archive(made: Path, method: str) -> None:
    if method == "fork" and sys.platform != "linux":
        pytest.skip("no fork here")
    context = get_context(method)
    with sofc.open_archive(made) as found:
        found["gray/1.png"]
        answers = context.Queue()
        process = context.Process(target=_read_in_process, args=(found, "gray/2.png", answers))
        process.start()
        assert answers.get(timeout=60) == int(picture(2).sum())
        process.join()
        assert pickle.loads(pickle.dumps(found)).read_bytes("notes/1.txt") == found.read_bytes("notes/1.txt")


def test_threads_share_an_archive(made: Path) -> None:
    with sofc.open_archive(made) as found, ThreadPoolExecutor(4) as pool:
        paths = [f"gray/{number % 40}.png" for number in range(200)]
        images = pool.map(found.__getitem__, paths)
        assert all(np.array_equal(image, picture(number % 40)) for number, image in enumerate(images))


# Kinds and codebooks.


def test_rules(tmp_path: Path, tree: Path) -> None:
    put(tmp_path / "kinds.toml", b'[[kind]]\npattern = "gray/1*"\nname = "ones"\nstore = "alone"\neffort = 2\n')
    rules = tuple(kinds.read_rules(tmp_path / "kinds.toml"))
    done = archive(tree, tmp_path / "archive", Settings(effort=1, train=False, rules=rules))
    assert manifest.KindRow("ones", "alone", 2) in done.manifest.kinds
    restore(tmp_path / "archive", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(tree)


@pytest.mark.parametrize(
    "text",
    [
        "[[kind]",
        "kind = 3",
        "[[kind]]\nname = 'x'",
        "[[kind]]\nname='x'\npattern='y'\nstore='z'",
        "[[kind]]\nname='x'\npattern=3",
    ],
)
def test_rules_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    put(tmp_path / "kinds.toml", text.encode())
    with pytest.raises(UsageError, match=r"kinds\.toml"):
        kinds.read_rules(tmp_path / "kinds.toml")


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path]]:
    """A tree, and its archive with a codebook."""
    monkeypatch.setattr(making.codebooks, "LEAST_BYTES", 1)
    monkeypatch.setattr(TrainingReport, "is_worthwhile", property(lambda self: True))
    root = tmp_path / "tree"
    noise = np.random.default_rng(3)
    for number in range(40):
        image = np.cumsum(noise.integers(0, 3, (40, 40), np.uint8), 1, np.uint8)
        put(root / f"{number:03}.png", encoded(image, "PNG"))
    archive(root, tmp_path / "archive", Settings(effort=1))
    yield root, tmp_path / "archive"


def test_a_codebook_is_kept_twice_and_found(trained: tuple[Path, Path], tmp_path: Path) -> None:
    root, folder = trained
    paths = sorted((folder / "codebooks").iterdir())
    assert len(paths) == 2
    for path in paths:
        sound = path.read_bytes()
        flip(path, len(sound) // 2)
        restore(folder, tmp_path / "back", force=True)
        assert contents(tmp_path / "back") == contents(root)
        assert verify(folder).damage
        path.write_bytes(sound)


# The command.


Said = pytest.CaptureFixture[str]


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_an_update_makes_up_for_a_codebook_that_is_lost(trained: tuple[Path, Path], harm: Any) -> None:
    root, folder = trained
    expected = contents(folder / "codebooks").keys()
    for path in (folder / "codebooks").iterdir():
        harm(path)
    assert verify(folder).lost
    done = archive(root, folder, Settings(effort=1, update=True, verify=True))
    assert len(done.damaged) == 40
    assert (verify(folder).lost, verify(folder).damage) == ([], [])
    assert contents(folder / "codebooks").keys() == expected


def test_the_command(tree: Path, made: Path, tmp_path: Path, capsys: Said) -> None:
    folder, back = str(tmp_path / "archive"), str(tmp_path / "back")
    assert main(["archive", str(tree), "-o", folder, "-e1", "--no-train", "-j1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["files"] == sum(value[0] == stat.S_IFREG for value in contents(tree).values())
    assert report["stored"] == sum(map(len, files_of(tmp_path / "archive").values()))
    assert files_of(tmp_path / "archive") == files_of(made)
    assert main(["archive", "--verify", folder, "--share", "0.5", "-j1"]) == 0
    assert main(["restore", folder, "-o", back, "-j1"]) == 0
    assert contents(tmp_path / "back") == contents(tree)
    assert main(["archive", str(tree), "-o", folder, "-j1"]) == 2
    assert "--update" in capsys.readouterr().err
    flip(Path(folder) / "units" / f"{unit_of(Path(folder), 'notes/1.txt')}.sofu", 40)
    assert main(["archive", "--verify", folder, "-j1"]) == 3
    assert f"-o {folder} --update --verify" in capsys.readouterr().err
    assert main(["restore", folder, "-o", str(tmp_path / "again"), "-j1", "--salvage"]) == 3
    assert "notes/1.txt: lost" in capsys.readouterr().err


class _Outside(HTMLParser):
    """Collects what a page asks for, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_is_one_page_without_outside_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sofc.archive.page.LEAST_SHARE", 0.1)
    evil = "<script>alert(1)<&script>.png"
    for number in range(20):
        put(tmp_path / "tree" / f"{number}.png", encoded(picture(number), "PNG"))
    put(tmp_path / "tree" / evil, encoded(picture(99, rows=80, columns=80), "PNG"))
    put(tmp_path / "tree" / "cut.png", encoded(picture(100), "PNG")[:99])
    page = tmp_path / "report.html"
    command = ["archive", str(tmp_path / "tree"), "-o", str(tmp_path / "archive"), "-e1", "-j1", "-q", "--report"]
    assert main([*command, str(page)]) == 0
    found = _Outside()
    found.feed(page.read_text(encoding="utf-8"))
    assert "script" not in found.tags
    assert evil in found.text
    assert "22 files" in found.text
    assert "Packed, as images in them cannot be readcut.png" in found.text
    assert found.text.index("PNG of various sizes") < found.text.index("1 kind of less than 10%other files: 1 file,")
    assert len(found.sources) >= 6
    for source in found.sources:
        kind, _, data = source.partition(",")
        assert kind == "data:image/png;base64"
        assert max(Image.open(io.BytesIO(base64.b64decode(data))).size) <= 96


def test_the_report_draws_what_was_mined(trained: tuple[Path, Path], tmp_path: Path) -> None:
    root, folder = trained
    page = tmp_path / "report.html"
    assert main(["archive", str(root), "-o", str(folder), "--update", "-e1", "-q", "--report", str(page)]) == 0
    found = _Outside()
    found.feed(page.read_text(encoding="utf-8"))
    assert "What was mined" in found.text
    assert Image.open(io.BytesIO(base64.b64decode(found.sources[-1].partition(",")[2]))).width > 200


def test_an_estimate_writes_nothing(tree: Path, tmp_path: Path, capsys: Said) -> None:
    folder = tmp_path / "archive"
    assert main(["archive", str(tree), "-o", str(folder), "-e1", "-j1", "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert not folder.exists()
    distinct = {value[3] for value in contents(tree).values() if value[0] == stat.S_IFREG}
    assert sum(kind["bytes"] for kind in found) == sum(map(len, distinct))
    assert all(0 < kind["expected"] < 2 * kind["bytes"] + 1000 for kind in found)


@pytest.mark.parametrize(
    "arguments",
    [["x"], ["x", "--verify", "-o", "y"], ["x", "-o", "y", "--forget"], ["x", "--verify", "--share", "0"]],
)
def test_arguments_that_contradict_each_other(arguments: list[str]) -> None:
    assert main(["archive", *arguments]) == 2


def test_empty_names_are_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    """As of a variable of a shell that is not set: nothing is made of, or in, the folder at hand."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.txt", b"a")
    for arguments in (["archive", "", "-o", "../b"], ["archive", ".", "-o", ""], ["restore", "", "-o", "c"]):
        assert main(arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["archive", ".", "-o", "../made", "-q"]) == 0
    assert main(["restore", "../made", "-o", ""]) == 2


def test_nothing_is_restored_into_the_archive(copied: Path, capsys: Said) -> None:
    before = contents(copied)
    for where in (copied, copied / "units" / "back"):
        with pytest.raises(UsageError, match="is in the archive"):
            restore(copied, where, force=True)
    assert contents(copied) == before


def test_files_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "tree" / "a", b"1")
    put(tmp_path / "tree" / "b", b"2")
    real = kinds._read_through

    def refuse(path: Path) -> tuple[str, int, bytes]:
        if path.name == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(kinds, "_read_through", refuse)
    done = archive(tmp_path / "tree", tmp_path / "archive", FAST)
    assert done.refused == [("b", "Permission denied")]
    with sofc.open_archive(tmp_path / "archive") as found:
        assert list(found) == ["a"]


def test_images_that_cannot_be_read_are_packed_and_named(tmp_path: Path, capsys: Said) -> None:
    put(tmp_path / "tree" / "whole.png", encoded(picture(1), "PNG"))
    put(tmp_path / "tree" / "cut.png", encoded(picture(2), "PNG")[:300])
    put(tmp_path / "tree" / "none.png", b"no image at all")
    put(tmp_path / "tree" / "note.txt", b"a note")
    assert main(["archive", str(tmp_path / "tree"), "-o", str(tmp_path / "archive"), "-e1", "--no-train", "-j1"]) == 0
    said = capsys.readouterr().err
    assert "2 files with images that cannot be read: packed as they are" in said
    assert "cut.png: packed: " in said
    assert "none.png: packed: " in said and "note.txt" not in said


def test_names_may_stand_before_and_behind_options(made: Path, tmp_path: Path) -> None:
    for number, order in enumerate(("D o P", "o D P", "D P o", "o -- D P")):
        words = {"D": [str(made)], "P": ["notes/7.txt"], "o": ["-o", str(tmp_path / str(number))], "--": ["--"]}
        assert main(["restore", "-j1", *(word for one in order.split() for word in words[one])]) == 0
        assert list(files_of(tmp_path / str(number))) == ["notes/7.txt"]


def test_a_file_larger_than_what_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed and read in pieces."""
    monkeypatch.setattr(unit, "DICTIONARY", 1 << 12)
    monkeypatch.setattr(coding, "_PIECE_BYTES", 1 << 10)
    monkeypatch.setattr("sofc.archive.reading.HELD_PACK_BYTES", 1 << 12)
    put(tmp_path / "tree" / "large.txt", b"".join(b"%d\n" % number for number in range(20_000)))
    put(tmp_path / "tree" / "larger.bin", random.Random(2).randbytes(100_000))
    archive(tmp_path / "tree", tmp_path / "archive", FAST)
    restore(tmp_path / "archive", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(tmp_path / "tree")
    assert restoring.verify(tmp_path / "archive", 0.5, seed=3).lost == []


# The tools.


def test_the_tree_that_is_made_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    for name, count in (("SMALL_IMAGES", 12), ("TEXTS", 6), ("ODD_FILES", 12), ("COPIES", 4)):
        monkeypatch.setattr(make_archive, name, count)
    for number in range(4):
        large = picture(number, rows=150, columns=150, components=3)
        put(tmp_path / "data" / "set" / f"{number}.png", encoded(large, "PNG"))
        put(tmp_path / "data" / "other" / f"{number}.jpg", encoded(large, "JPEG"))
    for name in ("a", "b"):
        monkeypatch.setattr(sys, "argv", ["", str(tmp_path / name), "--data", str(tmp_path / "data"), "--share", "0.5"])
        assert make_archive.main() == 0
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    archive(tmp_path / "a", tmp_path / "archive", FAST)
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path / "a"), str(tmp_path / "archive")])
    assert bench_archive.main() == 0
    lines = capsys.readouterr().out.splitlines()
    files = [path for path in (tmp_path / "a").rglob("*") if path.is_file() and not path.is_symlink()]
    assert lines[-1] == f"restored: {len(files)} files, {len(files)} the same byte for byte"


def test_what_became_a_file_or_a_link_can_be_restored(tmp_path: Path) -> None:
    root, folder = tmp_path / "tree", tmp_path / "archive"
    for name in ("a/1", "a/b/2", "c/3", "d/4"):
        put(root / name, name.encode())
    archive(root, folder, FAST)
    shutil.rmtree(root / "a")
    put(root / "a", b"a file now")
    (root / "c").rename(tmp_path / "elsewhere")
    (root / "c").symlink_to(tmp_path / "elsewhere")
    (root / "d" / "4").unlink()
    done = archive(root, folder, Settings(effort=1, train=False, update=True))
    assert set(done.gone) == {"a/1", "a/b/2", "c/3", "d/4"}
    assert set(done.dropped) == {"a/1", "a/b/2", "c/3"}
    restore(folder, tmp_path / "back")
    assert (tmp_path / "back" / "a").read_bytes() == b"a file now"
    assert (tmp_path / "back" / "c").is_symlink()
    assert (tmp_path / "back" / "d" / "4").read_bytes() == b"d/4"


def test_of_copies_those_that_cannot_be_removed_stay(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, unlink = tmp_path / "tree", Path.unlink
    restore(made, root)

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.name == "3.png":
            raise PermissionError(errno.EACCES, "permission denied", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    lost = dict(remove_originals(made, root).lost)
    assert "gray/3.png" in lost and "copy of 3.png" not in lost
    assert (root / "gray" / "3.png").exists() and not (root / "copy of 3.png").exists()


def test_originals_are_not_removed_through_links(tmp_path: Path) -> None:
    root, folder = tmp_path / "tree", tmp_path / "archive"
    put(root / "c" / "3", b"three")
    archive(root, folder, FAST)
    (root / "c").rename(tmp_path / "elsewhere")
    (root / "c").symlink_to(tmp_path / "elsewhere")
    removed = remove_originals(folder, root)
    assert (tmp_path / "elsewhere" / "3").exists()
    assert [path for path, _ in removed.lost] == ["c/3"]


@pytest.mark.parametrize("forget", [False, True])
def test_what_cannot_be_read_at_an_update_stays_in_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget: bool
) -> None:
    root, folder = tmp_path / "tree", tmp_path / "archive"
    for name in ("a", "d/1", "d/e/2", "f"):
        put(root / name, name.encode())
    archive(root, folder, FAST)
    put(root / "a", b"another")
    look, inside = survey.look, Path.iterdir
    monkeypatch.setattr(survey, "look", lambda path: kinds.Facts("", error="no") if path.name == "a" else look(path))

    def listed(path: Path) -> Iterator[Path]:
        if path.name == refused:
            raise PermissionError(13, "Permission denied", str(path))
        return inside(path)

    refused = "d"
    monkeypatch.setattr(Path, "iterdir", listed)
    done = archive(root, folder, Settings(effort=1, train=False, update=True, forget=forget))
    assert {path for path, _ in done.refused} == {"a", "d"}
    assert done.gone == []
    refused = "tree"
    with pytest.raises(PermissionError):
        archive(root, folder, Settings(effort=1, train=False, update=True, forget=forget))
    refused = ""
    restore(folder, tmp_path / "back")
    assert {name: (tmp_path / "back" / name).read_bytes() for name in ("a", "d/1", "d/e/2", "f")} == {
        name: name.encode() for name in ("a", "d/1", "d/e/2", "f")
    }


def test_patterns_that_nothing_matches_are_told(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="typo"):
        restore(made, tmp_path / "back", ["typo*"])


def test_files_without_a_content_are_lost(copied: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(copied / manifest.NAME)) as table:
        table.execute("UPDATE entries SET content = NULL WHERE path = 'notes/1.txt'")
        table.commit()
    (copied / manifest.CHECK).write_text(manifest._check_of(copied / manifest.NAME))
    assert [path for path, _ in verify(copied).lost] == ["notes/1.txt"]
    assert [path for path, _ in restore(copied, tmp_path / "back").lost] == ["notes/1.txt"]
