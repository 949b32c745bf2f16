"""The first pass over a tree: facts of each file, noted on disk so that a run that goes on need not look again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import astuple
from operator import attrgetter
from pathlib import Path

from sofc.archive.kinds import Facts, look
from sofc.archive.tree import Entry
from sofc.training.shards import in_order, in_shards

NOTES = "survey.jsonl"
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
    root: Path,
    files: Sequence[Entry],
    draft: Path,
    executor: Executor | None,
    advance: Callable[[int], object] = lambda files: None,
) -> list[Facts]:
    """Facts of each file of a tree."""
    notes = draft / NOTES
    known = _noted(notes)
    unknown = [entry for entry in files if key_of(entry) not in known]
    shards = list(in_shards(unknown, attrgetter("size"), SHARD_FILES, SHARD_BYTES))
    advance(len(files) - sum(map(len, shards)))
    paths = [[root / os.fsdecode(entry.path) for entry in shard] for shard in shards]
    with notes.open("a", encoding="ascii") as file:
        for shard, found in zip(shards, in_order(executor, look_at, paths, AHEAD), strict=True):
            for entry, facts in zip(shard, found, strict=True):
                known[key_of(entry)] = facts
                line = [os.fsdecode(entry.path), entry.size, entry.time, *astuple(facts)]
                file.write(json.dumps(line) + "\n")
            file.flush()
            advance(len(shard))
    return [known[key_of(entry)] for entry in files]


def look_at(paths: Sequence[Path]) -> list[Facts]:
    """Facts of some files."""
    return [look(path) for path in paths]


def _noted(notes: Path) -> dict[Key, Facts]:
    known: dict[Key, Facts] = {}
    if notes.exists():
        for line in notes.read_text(encoding="ascii", errors="replace").splitlines():
            try:
                path, size, time, *facts = json.loads(line)
                known[os.fsencode(path), size, time] = Facts(*facts)
            except (ValueError, TypeError):
                continue  # cut off where the run was killed
    return {key: facts for key, facts in known.items() if not facts.error}
