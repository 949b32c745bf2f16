"""Work on a cluster of dask.distributed: the same bytes as in one process, whatever becomes of its workers."""

from __future__ import annotations

import logging
import operator
import os
import resource
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from sofc.archive import making
from sofc.archive.coding import UnitPlan
from sofc.archive.making import Settings, archive
from sofc.archive.restoring import UnitTask, restore, verify
from sofc.cli.__main__ import main
from sofc.training.shards import in_order

distributed = pytest.importorskip("distributed")
Said = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "tree"
    root.mkdir()
    y, x = np.mgrid[:40, :48]
    for number in range(60):
        noise = np.random.default_rng(number).integers(0, 9, (40, 48))
        Image.fromarray((90 + 50 * np.sin((x + number) / 7) + y / 2 + noise).astype(np.uint8)).save(
            root / f"{number:02}.png"
        )
        (root / f"{number:02}.txt").write_text(f"image {number}\n" * number)
    return root


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
    ) as cluster:
        yield cluster


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_worker_that_is_killed_costs_its_tasks_only(
    tree: Path, tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sofc.archive.plan.MOST_FILES", {"collection": 4, "alone": 4, "pack": 8})
    settings = Settings(effort=1, train=False)
    archive(tree, tmp_path / "alone", settings)
    pids: list[int] = []

    def kill(stage: str, done: int, total: int) -> None:
        if stage == making.STORING and not pids:
            pids.append(next(iter(cluster.workers.values())).pid)
            os.kill(pids[0], signal.SIGKILL)

    with distributed.Client(cluster, set_as_default=False) as client:
        executor = client.get_executor(pure=False, retries=3)
        made = archive(tree, tmp_path / "together", settings, executor=executor, progress=kill)
    assert pids and made.refused == []
    assert files_of(tmp_path / "together") == files_of(tmp_path / "alone")


class InOrderOfWork(Executor):
    """Does at once what is handed out, and notes the bytes of the files in units that are made or read."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def submit(self, call: Any, /, *args: Any, **options: Any) -> Any:
        if isinstance(call.item, UnitPlan | UnitTask):
            self.sizes.append(call.item.size)
        done: Future[Any] = Future()
        done.set_result(call(*args, **options))
        return done


def test_the_unit_that_takes_longest_is_not_the_last(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all other workers would wait for it."""
    (tmp_path / "tree").mkdir()
    for number in range(9):
        (tmp_path / "tree" / f"{number}.txt").write_bytes(np.random.default_rng(number).bytes(500 * (number + 1)))
    monkeypatch.setattr("sofc.archive.plan.MOST_FILES", {"collection": 4, "alone": 4, "pack": 1})
    executor = InOrderOfWork()
    archive(tmp_path / "tree", tmp_path / "a", executor=executor)
    assert executor.sizes == sorted(executor.sizes, reverse=True) and len(executor.sizes) == 9
    for use in (verify, lambda folder, **options: restore(folder, tmp_path / "back", **options)):
        executor.sizes.clear()
        assert use(tmp_path / "a", executor=executor).files == 9
        assert executor.sizes == sorted(executor.sizes, reverse=True) and len(executor.sizes) == 9
    archive(tmp_path / "tree", tmp_path / "b")
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_the_command_on_a_cluster(
    tree: Path, tmp_path: Path, cluster: Any, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative paths are those of who calls, not of the workers."""
    monkeypatch.chdir(tmp_path)
    Path("tree").symlink_to(tree)
    where = ["--cluster", cluster.scheduler_address]
    assert main(["archive", "tree/.", "-o", "a", "-e1", "--no-train", *where]) == 0
    assert main(["archive", "tree/.", "-o", "b", "-e1", "--no-train", "-j1"]) == 0
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert main(["archive", "--verify", "a", *where]) == 0
    assert main(["restore", "a", "-o", "back", *where]) == 0
    assert files_of(tmp_path / "back") == files_of(tree)
    options = ["--always", "--coder", "interleaved", "--held-out", "0"]
    for name, how in (("a", where), ("b", ["-j1"])):
        assert main(["train", "tree", "-o", f"{name}.sofcb", "--name", "c", *options, *how]) in (0, 5)
    assert Path("a.sofcb").read_bytes() == Path("b.sofcb").read_bytes()


@pytest.mark.parametrize(
    "where, word",
    [("local:0", "how many"), ("local:x", "how many")]
    + [
        (where, "neither local:N") for where in ("nonsense", "nonsense://1:2", "tcp://host", "tcp://host:x", "tcp://:1")
    ],
)
def test_clusters_that_are_not_to_be_had(tree: Path, tmp_path: Path, capsys: Said, where: str, word: str) -> None:
    assert main(["archive", str(tree), "-o", str(tmp_path / "a"), "--cluster", where]) == 2
    assert word in capsys.readouterr().err
    assert main(["archive", str(tree), "-o", str(tmp_path / "a"), "--cluster", where, "-j2"]) == 2
    assert "exclude each other" in capsys.readouterr().err


def _pages_made(arrays: int) -> int:
    """By a worker, of as many arrays of 1 MB, one after the other."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(arrays):
        np.ones(1 << 17)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what dask sets there is of glibc alone")
def test_workers_keep_the_memory_that_they_will_need_again(cluster: Any) -> None:
    with distributed.Client(cluster, set_as_default=False) as client:
        (made,) = in_order(client.get_executor(), _pages_made, [20])
        assert made < 2 * 300


class Unhashable(NamedTuple):
    """What goes with a call, of which no cluster should make a number first."""

    number: int

    def __dask_tokenize__(self) -> str:
        raise AssertionError("taken apart for a name of the call")


def test_calls_are_told_apart_without_a_look_at_what_they_are_of(cluster: Any) -> None:
    with distributed.Client(cluster, set_as_default=False) as client:
        assert [*in_order(client.get_executor(), operator.attrgetter("number"), [Unhashable(3), Unhashable(4)])] == [
            3,
            4,
        ]


def test_without_the_extra_it_is_said_what_is_needed(
    tree: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["archive", str(tree), "-o", str(tmp_path / "a"), "--cluster", "local:1"]) == 2
    assert "sofc[cluster]" in capsys.readouterr().err
