"""Pools of processes: where one fails, the others end at once and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sofc.cli.pool import processes
from sofc.files import drafted

SCRIPT = """
import sys
from pathlib import Path

sys.path.insert(0, {tests!r})
from test_pool import fail_beside_one_that_writes

if __name__ == "__main__":
    fail_beside_one_that_writes(Path({folder!r}))
"""
PATIENCE = 30


def write(folder: Path) -> None:
    """Begin a file, and not come to its end."""
    with drafted(folder / "written") as (file, _):
        file.write(b"the beginning")
        (folder / "begun").touch()
        time.sleep(PATIENCE)


def fail(folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not (folder / "begun").exists() and time.monotonic() < end:
        time.sleep(0.01)
    raise OSError("the disk is full")


def fail_beside_one_that_writes(folder: Path) -> None:
    """Of the work that waits behind these two some is cancelled first, as by ``in_order``."""
    with processes(2) as pool:
        assert pool is not None
        pool.submit(write, folder)
        failing = pool.submit(fail, folder)
        waiting = [pool.submit(write, folder) for _ in range(9)]
        try:
            failing.result()
        finally:
            for future in waiting:
                future.cancel()


def test_what_others_write_is_removed_where_one_fails(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent), folder=str(tmp_path)))
    begin = time.monotonic()
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.rstrip().endswith("OSError: the disk is full")
    assert "InvalidStateError" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "run.py"]
    assert time.monotonic() - begin < PATIENCE


def die(folder: Path) -> None:
    with pytest.raises(OSError, match="full"):
        fail(folder)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signal that kills")
def test_where_one_is_killed_the_others_end(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(OSError, match="was ended"), processes(2) as pool:
        assert pool is not None
        # Python 3.11 sees the end of processes that were there when work came last.
        for future in [pool.submit(time.sleep, 1) for _ in range(2)]:
            future.result()
        pool.submit(write, tmp_path)
        pool.submit(die, tmp_path).result()
    while list(tmp_path.glob(".*")) and time.monotonic() - begin < PATIENCE:
        time.sleep(0.01)
    assert [path.name for path in tmp_path.iterdir()] == ["begun"] and time.monotonic() - begin < PATIENCE


def test_without_failures_all_is_done() -> None:
    with processes(2) as pool:
        assert pool is not None
        assert [pool.submit(abs, -number).result() for number in range(3)] == [0, 1, 2]
    with processes(1) as pool:
        assert pool is None


def test_errors_are_raised_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk is full"):
        fail_beside_one_that_writes(tmp_path)
