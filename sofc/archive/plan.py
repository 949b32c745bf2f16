"""Which contents go into which units: decided by the survey alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sofc.archive.coding import Member, UnitPlan, codebook_paths
from sofc.archive.kinds import ALONE, COLLECTION, PACK, Facts, Kind, suffix_of

DEFAULT_EFFORT = 5
FAST_EFFORT = 1
MANY_IMAGES = 10_000
"""Where a kind has so many images each is coded fast, unless an effort is asked for."""
MOST_FILES = {COLLECTION: 2048, ALONE: 64, PACK: 1 << 14}
MOST_BYTES = {COLLECTION: 1 << 23, ALONE: 1 << 23, PACK: 1 << 24}
"""Of the files of one unit: what is lost at most where it is damaged, and done again where a run was killed."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A content to store, under the first of its paths."""

    path: bytes
    size: int
    facts: Facts


def effort_of(kind: Kind, contents: Sequence[Stored], asked: int | None) -> int:
    """The effort for a kind of these contents."""
    usual = FAST_EFFORT if sum(one.facts.images for one in contents) >= MANY_IMAGES else DEFAULT_EFFORT
    return kind.effort or asked or usual


def members(root: Path, contents: Sequence[Stored]) -> list[Member]:
    """Contents as files on disk."""
    return [Member(root / os.fsdecode(one.path), one.size, one.facts.digest) for one in contents]


def in_units(
    root: Path, kind: Kind, effort: int, contents: Sequence[Stored], codebooks: Path, codebook: str | None
) -> Iterator[tuple[UnitPlan, list[Stored]]]:
    """The units of a kind, each with its contents: like beside like, as many as one may have."""
    path = None if codebook is None else codebook_paths(codebooks, codebook)[0]
    run: list[Stored] = []
    size = 0
    ordered = sorted(contents, key=lambda one: _order(kind, one))
    for number, one in enumerate(ordered):
        run.append(one)
        size += one.size
        following = ordered[number + 1].size if number + 1 < len(ordered) else MOST_BYTES[kind.store]
        if len(run) == MOST_FILES[kind.store] or size + following > MOST_BYTES[kind.store]:
            yield UnitPlan(kind.name, kind.store, effort, tuple(members(root, run)), path, codebook or ""), run
            run, size = [], 0
    if run:
        yield UnitPlan(kind.name, kind.store, effort, tuple(members(root, run)), path, codebook or ""), run


def _order(kind: Kind, one: Stored) -> tuple[object, ...]:
    if kind.store == PACK:
        return suffix_of(one.path), one.path
    return one.facts.width, one.facts.height, one.facts.components, one.facts.bits, one.path
