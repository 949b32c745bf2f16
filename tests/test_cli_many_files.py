"""Many files at once, and what is done with inputs and outputs besides: passed by, removed, kept private."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import fault
import numpy as np
import pytest

from sofc.cli import crew, removal
from sofc.cli.__main__ import main
from sofc.cli.console import Console
from sofc.cli.outputs import OutputFiles
from sofc.errors import FormatError
from sofc.files import drafted, publish, replacing
from sofc.imagefiles import load, save, sources

RANDOM = np.random.default_rng(8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, without installed codebooks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ".data"))
    return tmp_path


def images(count: int, folder: str = "in") -> list[Path]:
    """Small gray PNG files."""
    Path(folder).mkdir()
    paths = [Path(folder) / f"{number}.png" for number in range(count)]
    for path in paths:
        save(path, (90 + RANDOM.integers(0, 40, (20, 30))).astype(np.uint8))
    return paths


def tree(folder: str) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def names() -> set[str]:
    """Everything in this folder, hidden things too."""
    return {str(path) for path in Path().rglob("*")}


Said = pytest.CaptureFixture[str]


def test_lines_errors_and_bytes_do_not_depend_on_the_number_of_processes(capsys: Said) -> None:
    images(7)
    Path("in/3.png").write_bytes(b"no image at all")
    Path("in/5.png").write_bytes(Path("in/5.png").read_bytes()[:70])
    found = {}
    for jobs in ("1", "2", "5"):
        steps = [["encode", "-j", jobs, "in/5.png", "in/3.png", "in", "--out-dir", "out"]]
        steps += [["decode", "-j", jobs, "out", "--out-dir", "back"], ["test", "-j", jobs, "out"]]
        steps += [["encode", "-j", jobs, "in", "--out-dir", "out"]]  # all are there already
        told = []
        for step in steps:
            if step[0] == "decode":
                Path("out/1.sofc").write_bytes(Path("out/1.sofc").read_bytes()[:-30])
            told.append((main(step), *capsys.readouterr()))
        found[jobs] = (told, tree("out"), tree("back"))
        for part in ("out", "back"):
            Path(part).rename(f"{part}{jobs}")
    assert found["1"] == found["2"] == found["5"]
    statuses = [told[0] for told in found["1"][0]]
    assert statuses == [3, 3, 3, 3] and len(found["1"][1]) == 5 and len(found["1"][2]) == 4


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_files_of_one_name_get_numbers(jobs: str, capsys: Said) -> None:
    """Two files keep one name: which of them decode gives it to is told by their order alone."""
    for part, data in (("a", b"first"), ("b", b"second"), ("c", b"third")):
        Path(part).mkdir()
        Path(part, "note.bin").write_bytes(data)
        assert main(["encode", "-q", "--keep-file", f"{part}/note.bin", "-o", f"{part}.sofc"]) == 0
    capsys.readouterr()
    assert main(["decode", "-j", jobs, "a.sofc", "b.sofc", "c.sofc"]) == 0
    assert "b.sofc -> note-2.bin" in capsys.readouterr().out
    assert [Path(name).read_bytes() for name in ("note.bin", "note-2.bin", "note-3.bin")] == [
        b"first", b"second", b"third",
    ]  # fmt: skip


def task_that_dies(task: int, console: Console, files: OutputFiles) -> int:
    """Work for ``each_done``: ends its process at task 1, fails at task 2."""
    if task == 1:
        os._exit(7)
    if task == 2:
        raise FormatError("bad")
    console.result(f"line {task}")
    with files.create(Path(f"made{task}")) as (file, _):
        file.write(b"%d" % task)
    return task


def test_a_process_that_dies_costs_one_job(capsys: Said) -> None:
    console = Console()
    with closing(crew.each_done(range(5), task_that_dies, 2, console, OutputFiles(force=False))) as each:
        done = list(each)
    assert [one.result for one in done] == [0, None, None, 3, 4]
    assert isinstance(done[1].error, OSError) and "ended with status 7" in str(done[1].error)
    assert isinstance(done[2].error, FormatError)
    assert capsys.readouterr().out == "line 0\nline 3\nline 4\n"
    assert names() == {"made0", "made3", "made4"}


def task_with_a_bug(task: int, console: Console, files: OutputFiles) -> None:
    """Work for ``each_done`` that raises what no work should."""
    raise ZeroDivisionError(task)


def test_a_bug_is_not_swallowed() -> None:
    with (
        pytest.raises(RuntimeError, match="ZeroDivisionError"),
        closing(crew.each_done([1, 2], task_with_a_bug, 2, Console(), OutputFiles(force=False))) as each,
    ):
        list(each)


def test_what_was_made_but_not_told_is_removed() -> None:
    with closing(crew.each_done(range(3, 9), task_that_dies, 3, Console(), OutputFiles(force=False))) as each:
        next(each)
    assert names() == {"made3"}


def test_new_processes_where_forking_is_not_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    images(3)
    assert main(["encode", "-j", "1", "in", "--out-dir", "one"]) == 0
    monkeypatch.setattr(crew.threading, "active_count", lambda: 2)
    assert main(["encode", "-j", "2", "in", "--out-dir", "two"]) == 0
    assert tree("one") == tree("two")


def test_skip_existing(capsys: Said) -> None:
    images(3)
    assert main(["encode", "in/1.png", "--out-dir", "out"]) == 0
    Path("out/1.sofc").write_bytes(b"mine")
    capsys.readouterr()
    assert main(["encode", "--skip-existing", "in", "--out-dir", "out"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1] == "in/1.png: skipped: out/1.sofc: is there already"
    assert "2 stored, 0 kept whole, 1 skipped" in told[-1]
    assert Path("out/1.sofc").read_bytes() == b"mine"
    assert main(["encode", "-f", "in/1.png", "--out-dir", "out"]) == 0
    save(Path("back0.png"), np.zeros((3, 3), np.uint8))
    assert main(["decode", "out/0.sofc", "-o", "back0.png", "--skip-existing", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.split("\n", 1)[1])["skipped"] == 1
    assert load(sources([Path("back0.png")])[0]).array.shape == (3, 3)
    assert main(["encode", "--skip-existing", "-f", "in/0.png"]) == 2


def test_skip_existing_images_of_a_folder(capsys: Said) -> None:
    images(3)
    assert main(["encode", "--collection", "in", "-o", "all.sofc"]) == 0
    assert main(["decode", "all.sofc", "-o", "out"]) == 0
    Path("out/1.png").unlink()
    capsys.readouterr()
    assert main(["decode", "all.sofc", "-o", "out", "--skip-existing"]) == 0
    assert capsys.readouterr().out == "all.sofc -> out/  1 image\n"
    assert main(["decode", "all.sofc", "-o", "out", "--skip-existing"]) == 0
    assert "skipped" in capsys.readouterr().out


def test_dry_run_writes_nothing_and_says_the_same(capsys: Said) -> None:
    images(3)
    before = names()
    assert main(["encode", "--dry-run", "--rm", "in", "--out-dir", "out"]) == 0
    dry = capsys.readouterr().out
    assert names() == before
    assert main(["encode", "in", "--out-dir", "out"]) == 0
    assert capsys.readouterr().out == dry
    before = names()
    assert main(["decode", "--dry-run", "out", "--out-dir", "back"]) == 0
    assert "out/0.sofc -> back/0.png" in capsys.readouterr().out and names() == before
    assert main(["encode", "--dry-run", "in", "--out-dir", "out"]) == 1


def test_rm_removes_what_came_back(capsys: Said) -> None:
    paths = images(3)
    arrays = [load(sources([path])[0]).array for path in paths]
    assert main(["encode", "--rm", "in"]) == 0
    assert names() - {"in"} == {f"in/{k}.sofc" for k in range(3)}
    assert main(["decode", "--rm", "in"]) == 0
    assert names() - {"in"} == set(map(str, paths))
    for path, array in zip(paths, arrays, strict=True):
        assert np.array_equal(load(sources([path])[0]).array, array)
    Path("note").write_bytes(b"what is no image")
    assert main(["encode", "--rm", "--keep-file", "note"]) == 0
    assert not Path("note").exists()
    assert main(["decode", "--rm", "note.sofc"]) == 0
    assert Path("note").read_bytes() == b"what is no image" and not Path("note.sofc").exists()


def test_rm_keeps_what_does_not_come_back(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    save_jpeg = np.zeros((16, 16, 3), np.uint8)
    import imageio.v3 as iio

    iio.imwrite("a.jpg", save_jpeg)
    assert main(["encode", "--rm", "--samples", "a.jpg"]) == 0
    assert Path("a.jpg").exists() and "a.jpg: not removed: " in capsys.readouterr().err
    images(1)
    monkeypatch.setattr(removal, "why_different", lambda *_, **__: removal.DIFFERENT)
    assert main(["encode", "--rm", "in"]) == 0
    assert Path("in/0.png").exists() and removal.DIFFERENT in capsys.readouterr().err


def test_reading_back_sees_other_samples() -> None:
    paths = images(2)
    assert main(["encode", "-q", "in", "--out-dir", "out"]) == 0
    given = [partial(sources, [path]) for path in paths]
    assert not removal.why_different(Path("out/0.sofc"), None, images=[load(given[0]()[0])])
    assert removal.why_different(Path("out/0.sofc"), None, images=[load(given[1]()[0])])
    assert removal.why_different(Path("out/0.sofc"), None, images=[])
    assert removal.why_different(Path("out/0.sofc"), None, images=[load(given[0]()[0])] * 2)


@pytest.mark.parametrize("options", [["--threshold", "9"], ["--strip"]])
def test_rm_does_not_go_with_what_loses_something(options: list[str]) -> None:
    images(1)
    assert main(["encode", "--rm", *options, "in"]) == 2


def test_times_and_permissions_are_kept() -> None:
    (path,) = images(1)
    path.chmod(0o600)
    os.utime(path, ns=(10**18, 10**18 + 7))
    assert main(["encode", "in", "--out-dir", "out"]) == 0
    assert main(["decode", "out", "--out-dir", "back"]) == 0
    for made in (Path("out/0.sofc"), Path("back/0.png")):
        assert made.stat().st_mode & 0o777 == 0o600 and made.stat().st_mtime_ns == 10**18 + 7
    images(1, "more")
    assert main(["encode", "--collection", "in", "more", "-o", "all.sofc"]) == 0
    assert Path("all.sofc").stat().st_mode & 0o777 == 0o600


def test_the_ratio_is_that_of_the_files(capsys: Said) -> None:
    (path,) = images(1)
    assert main(["encode", "--json", "in"]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert (file["bytes"], file["sample_bytes"]) == (path.stat().st_size, 600)


def test_an_input_that_changes_is_refused(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = images(1)
    from sofc.cli.encoding import Encoding

    images_of = Encoding._images

    def touch(*args: object) -> object:
        yield from images_of(*args)  # type: ignore[arg-type]
        path.write_bytes(path.read_bytes() + b"more")

    monkeypatch.setattr(Encoding, "_images", touch)
    assert main(["encode", "in"]) == 1
    assert "in/0.png: changed while it was read" in capsys.readouterr().err
    assert names() == {"in", "in/0.png"}


def test_a_name_is_not_taken_from_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at a name and its use, another process may take it."""
    for links in (True, False):
        if not links:
            monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no links")))
        with drafted(Path("x")) as (file, draft):
            file.write(b"late")
        assert draft is not None
        Path("x").write_bytes(b"early")
        with pytest.raises(FileExistsError):
            publish(draft, Path("x"), replace=False)
        assert names() == {"x"} and Path("x").read_bytes() == b"early"
        Path("x").unlink()
        with drafted(Path("x")) as (file, draft):
            file.write(b"alone")
        assert draft is not None
        publish(draft, Path("x"), replace=False)
        assert names() == {"x"} and Path("x").read_bytes() == b"alone"


def test_a_full_disk_names_the_file() -> None:
    def write() -> None:
        with replacing(Path("x")) as file:
            file.write(b"part")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left on device: 'x'"):
        write()
    assert names() == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_an_interrupted_run_began_is_undone(number: signal.Signals) -> None:
    """The command waits for the rest of its input, its output half written."""
    command = [
        sys.executable,
        "-m",
        "sofc.cli",
        "encode",
        "--coder",
        "raw",
        "--raw",
        "100x0:uint8",
        "-",
        "-o",
        "x.sofc",
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(bytes(5000))
    process.stdin.flush()
    for _ in range(600):
        if names():
            break
        time.sleep(0.05)
    assert len(names()) == 1
    process.send_signal(number)
    _, error = process.communicate()
    assert (process.returncode, error) == (128 + number, b"")
    assert names() == set()


@pytest.mark.parametrize("verb", ["encode", "decode"])
def test_nothing_is_said_of_what_did_not_arrive(verb: str) -> None:
    """A few bytes, which Python holds back, for a reader that has gone."""
    (path,) = images(1)
    assert main(["encode", "-q", str(path), "-o", "0.sofc"]) == 0
    name = {"encode": str(path), "decode": "0.sofc"}[verb]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "sofc.cli", verb, name, "-o", "-"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, error = process.communicate()
    assert (process.returncode, error) == (1, b"")


def test_a_signal_that_an_import_makes_an_error_of() -> None:
    code = """
import os, signal, sys, time
from sofc.cli import info
from sofc.cli.__main__ import main

def run(args):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    except BaseException:
        raise ImportError("numpy could not be imported") from None
    return 0

info.run = run
sys.exit(main())
"""
    ended = subprocess.run([sys.executable, "-c", code, "info", "a.sofc"], stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGTERM, b"")


def test_the_log_is_shown_when_asked_for(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    images(5)
    assert main(["train", "-q", "in", "-o", "mine.sofcb", "--coder", "shape", "-j", "1", "--held-out", "0"]) == 0
    assert main(["encode", "-q", "-D", "mine.sofcb", "in/0.png", "-o", "a.sofc"]) == 0
    monkeypatch.setenv("SOFC_CODEBOOK_PATH", "mine.sofcb")
    Path("elsewhere").mkdir()
    Path("a.sofc").rename("elsewhere/a.sofc")
    capsys.readouterr()
    assert main(["test", "elsewhere/a.sofc"]) == 0
    assert "found" not in capsys.readouterr().err
    assert main(["test", "-v", "elsewhere/a.sofc"]) == 0
    assert capsys.readouterr().err == "sofc: codebook 'mine' found: mine.sofcb\n"


def test_writers_under_fire(capsys: Said) -> None:
    """The tool tries some faults; tools/test gives it a minute."""
    assert fault.main(["--tries", "1", "--seed", "3", "--only", "interrupt", "full", "two_writers"]) == 0
    assert "| two_writers | 1 | 0 |" in capsys.readouterr().out
