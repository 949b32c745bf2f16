#!/usr/bin/env python3
"""Archives under fire: killed while they are made, damaged once they are; nothing may be lost or wrong but for that.

    python tools/fault_archive.py                              30 runs that are killed, 1,000 archives that are damaged
    python tools/fault_archive.py --kills 2 --archives 20      a short one; --seed 7: other places

Killed: `sofc archive` is ended by SIGKILL, its whole group, at any moment, and started again, and so on, until one run
comes to its end. The archive must be, byte for byte, that of a run that nobody disturbed, and what had been finished
at a kill, units and notes of the survey, must not have been made again.

Damaged: in an archive of 100 files in several units one byte is changed or a block of 512 is zeroed, anywhere in its
folder. What `sofc restore --salvage` gives back must be right, and all of it but files of the unit that was hit.

Prints a table for each; the exit status is 1 where there is a finding.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import fault
import numpy as np
from fault import FindingError, must
from PIL import Image

from sofc.archive import manifest, plan
from sofc.archive.making import Settings, archive
from sofc.archive.restoring import restore

FILES = 100
DAMAGED_EACH = 50
"""Archives that are damaged of one that is made."""
SIDE = 28
BLOCK = 512
UNIT_FILES = 20
"""Files of a unit at most, so that small trees have several."""


def lay_tree(root: Path, files: int, noise: np.random.Generator) -> None:
    """Small images of three formats, crops of a larger one, tables and notes."""
    root.mkdir(parents=True)
    y, x = np.mgrid[: 8 * SIDE, : 8 * SIDE]
    whole = (110 + 60 * np.sin(x / 15) * np.cos(y / 17) + noise.integers(0, 20, x.shape)).astype(np.uint8)
    Image.fromarray(whole).save(root / "whole.png")
    for number in range(files - 1):
        row, column = noise.integers(0, 7 * SIDE, 2)
        image = whole[row : row + SIDE, column : column + SIDE]
        if number % 10 == 8:
            with (root / f"{number:04}.csv").open("w", newline="") as table:
                csv.writer(table).writerows(noise.integers(0, 100, (20, 4)).tolist())
        elif number % 10 == 9:
            (root / f"{number:04}.txt").write_text(f"image {number} of the study, unchanged since {row}\n" * 5)
        else:
            if number % 10:  # the others are crops
                image = image + noise.integers(0, 4, image.shape).astype(np.uint8)
            suffix = "jpg" if number % 10 == 7 else ("png", "tif", "bmp")[number % 3]
            Image.fromarray(image).save(root / f"{number:04}.{suffix}")


@contextlib.contextmanager
def small_units() -> Iterator[None]:
    """Units of few files."""
    with mock.patch.object(plan, "MOST_FILES", dict.fromkeys(plan.MOST_FILES, UNIT_FILES)):
        yield


def killed(tries: int, chance: random.Random, folder: Path) -> Counter[str]:
    """Kill runs and finish them. Raises FindingError."""
    lay_tree(folder / "tree", 6 * FILES, np.random.default_rng(chance.randrange(1 << 32)))
    arguments = "archive", "tree", "-e1", "--no-train", "-j2", "-o"
    begun = time.monotonic()
    fault.must_tell(fault.call(folder, *arguments, "undisturbed"), 0)
    seconds = time.monotonic() - begun
    wanted = fault.tree(folder / "undisturbed")
    counts: Counter[str] = Counter()
    while counts["kills"] < tries:
        counts["archives"] += 1
        shutil.rmtree(folder / "out", ignore_errors=True)
        finished: dict[str, tuple[int, int]] = {}
        ended = False
        while not ended:
            process = fault.start(folder, *arguments, "out")
            if counts["kills"] < tries:
                # A run ends as soon as it comes to it: of long ones that are killed late few would be left.
                time.sleep(chance.uniform(0.2, 1.05) * seconds)
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    counts["kills"] += 1
            run = fault.finish(process)
            # A process may be killed between the last step and its own end.
            ended = manifest.is_archive(folder / "out") and not (folder / "out" / "draft").exists()
            if run.status != -signal.SIGKILL:
                fault.must_tell(run, 0)
            else:
                counts["units in flight"] += len(list((folder / "out" / "units").glob(".*.part")))
                must(not (twice := _looked_at_twice(folder / "out")), f"looked at twice: {', '.join(twice)}")
            now = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in _finished(folder / "out")}
            again = [name for name, state in finished.items() if now.get(name, state) != state]
            must(not again, f"what was finished was made again: {', '.join(again)}")
            finished |= now
        must(fault.tree(folder / "out") == wanted, "the archive is another than that of a run that nobody disturbed")
        counts["units"] = len(finished)
    return counts


def _looked_at_twice(folder: Path) -> list[str]:
    """Files that the notes of the survey have more than once; the last line may be cut off."""
    with contextlib.suppress(FileNotFoundError):
        lines = (folder / "draft" / "survey.jsonl").read_text(encoding="ascii").splitlines(keepends=True)
        counts = Counter(json.loads(line)[0] for line in lines if line.endswith("\n"))
        return [path for path, count in counts.items() if count > 1]
    return []


def _finished(folder: Path) -> list[Path]:
    return list((folder / "units").glob("*.sofu"))


def damaged(archives: int, chance: random.Random, folder: Path) -> Counter[str]:
    """Damage archives and salvage them. Raises FindingError."""
    counts: Counter[str] = Counter()
    while counts["archives"] < archives:
        for name in ("tree", "sound"):
            shutil.rmtree(folder / name, ignore_errors=True)
        lay_tree(folder / "tree", FILES, np.random.default_rng(chance.randrange(1 << 32)))
        with small_units():
            archive(folder / "tree", folder / "sound", Settings(effort=1, train=False))
        wanted = fault.tree(folder / "tree")
        with contextlib.closing(sqlite3.connect(folder / "sound" / manifest.NAME)) as table:
            unit_of = dict(table.execute("SELECT path, unit FROM files WHERE type = 'file'"))
        places = sorted((path, path.stat().st_size) for path in (folder / "sound").rglob("*") if path.is_file())
        for _ in range(min(DAMAGED_EACH, archives - counts["archives"])):
            path = chance.choices([path for path, _ in places], [size for _, size in places])[0]
            what = _damage(path, chance)
            counts["archives"] += 1
            counts[f"{path.parent.name if path.suffix == '.sofu' else 'manifest'}: {what.split()[0]}"] += 1
            try:
                lost = _salvaged(folder, wanted)
            finally:
                path.write_bytes(_sound.pop())
            hit = {name for name, unit in unit_of.items() if unit == path.stem}
            must(lost <= hit, f"{what} in {path.name}: lost {sorted(lost - hit)}, which is not in it")
            counts["files lost"] += len(lost)
            counts["most lost at once"] = max(counts["most lost at once"], len(lost))
            counts["no file lost"] += not lost
    return counts


_sound: list[bytes] = []


def _damage(path: Path, chance: random.Random) -> str:
    data = path.read_bytes()
    _sound[:] = [data]
    place = chance.randrange(len(data))
    if chance.random() < 0.5:
        changed = data[:place] + bytes([data[place] ^ chance.randrange(1, 256)]) + data[place + 1 :]
        what = f"flipped byte {place}"
    else:
        start = place // BLOCK * BLOCK
        changed = data[:start] + bytes(len(data[start : start + BLOCK])) + data[start + BLOCK :]
        what = f"zeroed block at {start}"
    path.write_bytes(changed)
    return what


def _salvaged(folder: Path, wanted: fault.Tree) -> set[str]:
    """What did not come back. Raises FindingError for what came back wrong, or was not told."""
    shutil.rmtree(folder / "back", ignore_errors=True)
    done = restore(folder / "sound", folder / "back", salvage=True)
    found = fault.tree(folder / "back")
    wrong = [name for name, data in found.items() if wanted.get(name) != data]
    must(not wrong, f"given back wrong: {', '.join(wrong)}")
    lost = wanted.keys() - found.keys()
    must(lost == {name for name, _ in done.lost}, "what is lost is not what is named")
    return lost


def main(argv: Sequence[str] | None = None) -> int:
    """Disturb, look and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--archives", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    args = parser.parse_args(argv)
    print(f"seed {args.seed}")
    chance = random.Random(args.seed)
    status = 0
    for name, faults, count in (("killed", killed, args.kills), ("damaged", damaged, args.archives)):
        with tempfile.TemporaryDirectory() as folder:
            try:
                counts = faults(count, chance, Path(folder))
            except FindingError as finding:
                print(f"{name}: {finding}", file=sys.stderr)
                status = 1
                continue
        print(f"| {name} | count |\n| --- | --- |")
        for what, number in counts.items():
            print(f"| {what} | {number} |")
    return status


if __name__ == "__main__":
    sys.exit(main())
