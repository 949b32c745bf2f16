#!/usr/bin/env python3
"""Writers under fire: sofc is killed, starved and disturbed while it writes; nothing may be lost or half there.

    python tools/fault.py                        a minute: every kind of fault in turn
    python tools/fault.py --tries 200            so many of each kind; --only kill for some kinds
    python tools/fault.py --seed 7               other points in time

Each try starts the command in a folder with outputs of an earlier run and looks at what is there afterwards: under
each name what was there before or a whole new file, which is known from a run that nobody disturbed; no hidden file,
unless the process was killed and could do nothing about it; no process that goes on; a status that tells, and, where
it failed, one line that says why. Prints a table of tries and findings; the exit status is 1 where there is a finding.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np

PASSED_OVER = 5
"""The status where files were passed over and nothing worse came."""
PATIENCE = 120
"""Seconds after which a process goes on for too long."""
IMAGES = 6
SIDE = 64
Tree = dict[str, bytes]


class FindingError(Exception):
    """Something is not as it must be."""


def must(holds: bool, what: str) -> None:
    """Raise FindingError with what was found, unless ``holds``."""
    if not holds:
        raise FindingError(what)


@dataclass
class Run:
    """What a run of the command left behind."""

    status: int
    error: str


def start(folder: Path, *arguments: str, limit: int | None = None, **more: str) -> subprocess.Popen[bytes]:
    """Start the command in a folder, as the first process of a session of its own. ``limit``: bytes of its files."""

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-m", "sofc.cli", *arguments],
        cwd=folder,
        env=os.environ | {"XDG_DATA_HOME": str(folder / "data")} | more,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=limited,
    )


def finish(process: subprocess.Popen[bytes]) -> Run:
    """Wait for a process and for all that it started."""
    try:
        _, error = process.communicate(timeout=PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.02)
    except ProcessLookupError:
        return Run(process.returncode, error.decode(errors="replace"))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise FindingError(f"it goes on for more than {PATIENCE} seconds") from None
    os.killpg(process.pid, signal.SIGKILL)
    raise FindingError("it ended, but not the processes that it had started")


def call(folder: Path, *arguments: str, limit: int | None = None, **more: str) -> Run:
    """Run the command to its end."""
    return finish(start(folder, *arguments, limit=limit, **more))


def must_tell(run: Run, status: int, *words: str) -> None:
    """The status is right, and what is said are lines of sofc and no traceback."""
    must(run.status == status, f"status {run.status}, not {status}: {run.error.strip()}")
    lines = run.error.splitlines()
    must("Traceback" not in run.error and all(line.startswith("sofc: ") for line in lines), f"it says {run.error!r}")
    must(all(any(word in line for line in lines) for word in words), f"it does not say {words} but {run.error!r}")


def tree(folder: Path) -> Tree:
    """All files below a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class Case:
    """A command that writes below the folder ``out``: what is there before it, and what a run that ends well leaves and
    says with its status."""

    name: str
    arguments: tuple[str, ...]
    before: Tree
    after: Tree
    seconds: float
    status: int


@dataclass
class Bench:
    """A folder with inputs, and the cases that were tried on it undisturbed."""

    folder: Path
    random: random.Random
    cases: dict[str, Case] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    """How often each command was killed before it had ended."""

    def add(self, name: str, *arguments: str, status: int = 0) -> None:
        """Run a command undisturbed, twice: the first run gives the old files, made older, the second the new ones."""
        call(self.folder, *arguments)
        before = {path: b"old " + data for path, data in tree(self.folder / "out").items()}
        must(bool(before), f"{name} writes nothing")
        self.lay(before)
        begun = time.monotonic()
        must_tell(call(self.folder, *arguments), status)
        self.cases[name] = Case(name, arguments, before, tree(self.folder / "out"), time.monotonic() - begun, status)

    def lay(self, files: Tree) -> None:
        """Put files into the folder ``out``, and nothing else."""
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        (self.folder / "out").mkdir()
        for name, data in files.items():
            path = self.folder / "out" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def look(self, case: Case, *, hidden: bool = False) -> None:
        """No file is missing, and each is the old one or the new one; ``hidden``: but for hidden ones."""
        found = tree(self.folder / "out")
        for name in case.before:
            must(name in found, f"{name} is lost")
        for name, data in found.items():
            if not (hidden and Path(name).name.startswith(".")):
                right = (case.before.get(name), case.after.get(name))
                must(data in right, f"{name} is neither the old file nor the new one")


@contextlib.contextmanager
def bench(seed: int) -> Iterator[Bench]:
    """A folder with images and a codebook, and the commands that are disturbed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        noise = np.random.default_rng(seed)
        (folder / "in").mkdir()
        y, x = np.mgrid[:SIDE, :SIDE]
        for number in range(IMAGES):
            image = 100 + 50 * np.sin((y + number) / 9) + 30 * np.cos(x / 7) + noise.integers(0, 9, (SIDE, SIDE))
            iio.imwrite(folder / "in" / f"{number}.png", image.astype(np.uint8))
        iio.imwrite(folder / "tiny.png", image[:8, :8].astype(np.uint8))
        made = Bench(folder, random.Random(seed))
        made.add("encode", "encode", "-f", "-j", "2", "--out-dir", "out", "in")
        shutil.copytree(folder / "out", folder / "coded")
        made.add("decode", "decode", "-f", "-j", "2", "--out-dir", "out", "coded")
        made.lay({})
        made.add("train", "train", "-f", "-j", "1", "--coder", "shape", "--held-out", "0", "-o", "out/c.sofcb", "in")
        shutil.copy(folder / "out" / "c.sofcb", folder / "c.sofcb")
        made.lay({})
        (folder / "data").symlink_to("out")  # where codebooks are installed
        made.add("codebook install", "codebook", "install", "c.sofcb")
        (folder / "data").unlink()
        lay_tree(folder / "tree", folder / "in")
        (folder / "tree" / "b" / "notes").write_bytes(b"no image " * 40)
        made.add("encode -r", "encode", "-r", "-f", "-j", "2", "--out-dir", "out", "tree", status=PASSED_OVER)
        made.add("encode -r --keep-file", "encode", "-r", "--keep-file", "-f", "-j", "2", "--out-dir", "out", "tree")
        shutil.copytree(folder / "out", folder / "kept")
        made.add("decode -r", "decode", "-r", "-f", "-j", "2", "--out-dir", "out", "kept")
        np.save(folder / "large.npy", np.tile(image.astype(np.uint8), (1 << 6, 1 << 6)))
        made.lay({})
        call(folder, "encode", "--coder", "raw", "large.npy")
        made.add("decode large", "decode", "-f", "-o", "out/large.tif", "large.sofc")
        yield made


def lay_tree(tree: Path, images: Path) -> None:
    """A folder with folders in it: images of two formats, and a link to one."""
    for inner in ("a", "b", "b/c"):
        (tree / inner).mkdir(parents=True)
        shutil.copy(images / "0.png", tree / inner / "same.png")
        iio.imwrite(tree / inner / "photo.jpg", iio.imread(images / f"{len(inner)}.png"))
    (tree / "link.png").symlink_to("b/same.png")


def case_of(made: Bench) -> Case:
    """Any of the commands, with its old files in place."""
    case = made.cases[made.random.choice(sorted(made.cases))]
    made.lay(case.before)
    return case


def stop(made: Bench, number: int, *, whole: bool) -> tuple[Case, Run]:
    """Send a signal at any moment of any command, to its first process or to ``whole`` group."""
    case = case_of(made)
    process = start(made.folder, *case.arguments)
    time.sleep(made.random.uniform(0, 1.1 * case.seconds))
    if number == signal.SIGKILL and process.poll() is None:
        made.killed[case.name] += 1
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if whole else os.kill)(process.pid, number)
    run = finish(process)
    made.look(case, hidden=number == signal.SIGKILL)
    return case, run


def kill(made: Bench) -> None:
    """SIGKILL at any moment."""
    stop(made, signal.SIGKILL, whole=made.random.random() < 0.5)


def interrupt(made: Bench) -> None:
    """SIGINT, SIGTERM or SIGHUP at any moment: what was begun is undone."""
    number = made.random.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    case, run = stop(made, number, whole=number != signal.SIGTERM)
    # Before the command has begun, the signal ends Python as it ends any program.
    early = run.status == -number or ("Traceback" in run.error and "args.run(args)" not in run.error)
    must(early or run.status in (case.status, 128 + number), f"status {run.status} after signal {number}: {run.error}")


def full(made: Bench) -> None:
    """No room for a whole file: by a bound for files, or a file system of its own where one may be mounted."""
    case = case_of(made)
    largest = max(map(len, case.after.values()))
    run = call(made.folder, *case.arguments, limit=made.random.randrange(largest))
    must_tell(run, 1, "")
    made.look(case)


def full_disk(made: Bench) -> None:
    """A disk that gets full on the way."""
    case = made.cases["encode"]
    made.lay(case.before)
    target = made.folder / "out"
    room = sum(map(len, case.before.values())) + made.random.randrange(4096, 20000)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={room // 4096 * 4096}", "tmpfs", str(target)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        return
    try:
        for name, data in case.before.items():
            with contextlib.suppress(OSError):
                (target / name).write_bytes(data)
        before = tree(target)  # where there was no room for an old file, what there is of it is one
        run = call(made.folder, *case.arguments)
        must(run.status in (0, 1), f"status {run.status}: {run.error}")
        if run.status:
            must_tell(run, 1, "no space left")
        made.look(replace(case, before=before))
    finally:
        subprocess.run(["umount", str(target)], check=True)


def pipe(made: Bench) -> None:
    """Whoever reads the output goes away."""
    verb, name = made.random.choice((("encode", "in/0.png"), ("decode", "coded/0.sofc")))
    process = subprocess.Popen(
        [sys.executable, "-m", "sofc.cli", verb, name, "-o", "-"],
        cwd=made.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    must_tell(finish(process), 1)


def read_only(made: Bench) -> None:
    """A target that nothing can be written to: not even by root."""
    verb, name = made.random.choice((("encode", "in"), ("decode", "coded")))
    must_tell(call(made.folder, verb, name, "--out-dir", "/proc/none"), 1, "/proc/none")
    must_tell(call(made.folder, "train", "in", "-o", "/proc/c.sofcb", "--coder", "shape"), 1, "/proc/c.sofcb")


def no_cache(made: Bench) -> None:
    """Compiled kernels cannot be kept: what comes out is the same, be it slowly."""
    made.lay({})
    arguments = ("encode", "-f", "-D", "none", "tiny.png", "-o", "out/x.sofc")
    must_tell(call(made.folder, *arguments), 0)
    wanted = tree(made.folder / "out")
    run = call(made.folder, *arguments, SOFC_KERNEL_CACHE="/proc/none", NUMBA_DISABLE_JIT="1")
    must_tell(run, 0)
    must(tree(made.folder / "out") == wanted, "another file comes out")


def two_writers(made: Bench) -> None:
    """Two processes write one name: one gets it, or with -f the later one; no mixture."""
    made.lay({})
    force = made.random.random() < 0.5
    wanted = {made.cases["encode"].after[f"{number}.sofc"]: number for number in (0, 1)}
    running = [
        start(made.folder, "encode", f"in/{number}.png", "-o", "out/x.sofc", *(["-f"] if force else []))
        for number in wanted.values()
    ]
    runs = [finish(process) for process in running]
    found = tree(made.folder / "out")
    must(set(found) == {"x.sofc"}, f"there are {', '.join(found)}")
    must(found["x.sofc"] in wanted, "the file is that of neither")
    if force:
        for run in runs:
            must_tell(run, 0)
        return
    must(sorted(run.status for run in runs) == [0, 1], f"statuses {[run.status for run in runs]}")
    must(runs[wanted[found["x.sofc"]]].status == 0, "the file is that of the one that was refused")
    must_tell(runs[1 - wanted[found["x.sofc"]]], 1, "exists already")


def change(made: Bench) -> None:
    """The input changes while it is read: the output is that of one state, or there is none."""
    made.lay({})
    path = made.folder / "in" / "0.png"
    old, other = path.read_bytes(), (made.folder / "in" / "1.png").read_bytes()
    process = start(made.folder, "encode", "in/0.png", "-o", "out/x.sofc")
    ended = threading.Event()

    def disturb() -> None:
        while not ended.wait(made.random.uniform(0, 0.05)):
            path.write_bytes(made.random.choice((old, other)))

    disturber = threading.Thread(target=disturb)
    disturber.start()
    try:
        run = finish(process)
    finally:
        ended.set()
        disturber.join()
        path.write_bytes(old)
    found = tree(made.folder / "out")
    if run.status == 0:
        whole = [made.cases["encode"].after[f"{number}.sofc"] for number in (0, 1)]
        must(found.get("x.sofc") in whole, "the file is that of neither state")
    else:
        must(run.status in (1, 3), f"status {run.status}")
        must_tell(run, run.status, "in/0.png")
        must(not found, f"there are {', '.join(found)}")


FAULTS: tuple[Callable[[Bench], None], ...] = (
    kill, interrupt, full, full_disk, pipe, read_only, two_writers, change, no_cache,
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Try faults in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--tries", type=int, help="so many tries of each kind, however long they take")
    parser.add_argument("--only", nargs="+", default=[fault.__name__ for fault in FAULTS], help="kinds of faults")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    args = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the folder is removed
    faults = [fault for fault in FAULTS if fault.__name__ in args.only]
    tries = dict.fromkeys((fault.__name__ for fault in faults), 0)
    findings: dict[str, list[str]] = {name: [] for name in tries}
    end = time.monotonic() + args.seconds
    print(f"seed {args.seed}")
    with bench(args.seed) as made:
        turns = 0
        while (turns < args.tries) if args.tries is not None else time.monotonic() < end:
            turns += 1
            for fault in faults:
                if args.tries is None and time.monotonic() >= end and turns > 1:
                    break
                tries[fault.__name__] += 1
                try:
                    fault(made)
                except FindingError as finding:
                    findings[fault.__name__].append(str(finding))
                    print(f"{fault.__name__}: {finding}", file=sys.stderr, flush=True)
    print("| fault | tries | findings |\n| --- | --- | --- |")
    for name, count in tries.items():
        print(f"| {name} | {count} | {len(findings[name])} |")
    for name, count in made.killed.most_common():
        print(f"killed on the way: sofc {name}, {count} times")
    return 1 if any(findings.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
