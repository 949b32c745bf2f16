"""The first pass over a tree: facts of each file, noted on disk so that a run that goes on need not look again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import astuple
from operator import attrgetter
from pathlib import Path
from typing import Self

from sofc.archive.kinds import Facts, look, unreadable
from sofc.archive.tree import Entry
from sofc.places import Place, here_all, replacing_at, sizes_below
from sofc.training.shards import in_order, in_shards

NOTES = "survey"
SECONDS_OF_NOTES = 10
"""What is lost at most, on a store, of what was found out about files."""
SHARD_FILES = 128
SHARD_BYTES = 1 << 25
AHEAD = 64
"""Shards under way or waiting at once: there may be many workers."""
Key = tuple[bytes, int, int]
"""Path, size and time: while these are the same a file is not looked at again."""


def key_of(entry: Entry) -> Key:
    """What tells whether a file was changed."""
    return entry.path, entry.size, entry.time


def survey(
    root: Place,
    files: Sequence[Entry],
    draft: Place,
    executor: Executor | None,
    advance: Callable[[int], object] = lambda files: None,
) -> list[Facts]:
    """Facts of each file of a tree."""
    known = _noted(draft)
    unknown = [entry for entry in files if key_of(entry) not in known]
    shards = list(in_shards(unknown, attrgetter("size"), SHARD_FILES, SHARD_BYTES))
    advance(len(files) - sum(map(len, shards)))
    paths = [[root / os.fsdecode(entry.path) for entry in shard] for shard in shards]
    with _Notes(draft) as notes:
        for shard, found in zip(shards, in_order(executor, look_at, paths, AHEAD), strict=True):
            for entry, facts in zip(shard, found, strict=True):
                known[key_of(entry)] = facts
                notes.add(json.dumps([os.fsdecode(entry.path), entry.size, entry.time, *astuple(facts)]))
            notes.flush()
            advance(len(shard))
    return [known[key_of(entry)] for entry in files]


def look_at(places: Sequence[Place]) -> list[Facts]:
    """Facts of some files."""
    with here_all(places) as paths:
        return [unreadable(path) if isinstance(path, OSError) else look(path) for path in paths]


class _Notes:
    """Lines that stay, whatever ends the run: added to a file or, on a store, where none grows, in files of their own
    that are made from time to time."""

    def __init__(self, draft: Place) -> None:
        self._draft, self._lines = draft, list[str]()
        self._due = time.monotonic() + SECONDS_OF_NOTES

    def add(self, line: str) -> None:
        self._lines.append(line + "\n")

    def flush(self, *, at_once: bool = False) -> None:
        """Keep what was added, at once or when it is time."""
        if not self._lines:
            return
        data = "".join(self._lines).encode("ascii")
        if isinstance(self._draft, Path):
            with (self._draft / f"{NOTES}.jsonl").open("ab") as file:
                file.write(data)
        elif at_once or time.monotonic() >= self._due:
            name = hashlib.sha256(data).hexdigest()[:32]
            with replacing_at(self._draft / f"{NOTES}.{name}.jsonl") as file:
                file.write(data)
            self._due = time.monotonic() + SECONDS_OF_NOTES
        else:
            return
        self._lines.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # nothing is lost by it but time
            self.flush(at_once=True)


def _noted(draft: Place) -> dict[Key, Facts]:
    known: dict[Key, Facts] = {}
    with here_all([place for place in sizes_below(draft) if place.name.startswith(f"{NOTES}.")]) as found:
        for path in found:
            if isinstance(path, OSError):
                raise path
            for line in path.read_text(encoding="ascii", errors="replace").splitlines():
                try:
                    name, size, changed, *facts = json.loads(line)
                    known[os.fsencode(name), size, changed] = Facts(*facts)
                except (ValueError, TypeError):
                    continue  # cut off where the run was killed
    return {key: facts for key, facts in known.items() if not facts.error}
