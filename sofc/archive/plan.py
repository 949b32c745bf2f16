"""Which contents go into which units: decided by the survey alone."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from sofc.archive.coding import Member, UnitPlan
from sofc.archive.crops import Crop
from sofc.archive.kinds import ALONE, COLLECTION, PACK, Facts, Kind, Rule, rule_for, suffix_of
from sofc.places import Place

DEFAULT_EFFORT = 5
JPEG_EFFORT, JPEG_BYTES = 9, 1 << 26
"""For images that came of JPEG data, in files of so many bytes: the built-in models take 1 to 3 % less than at the
default effort, in 1.8 to 2.6 times as long, which of so much is minutes."""
FAST_EFFORT = 1
MANY_FILES = 10_000
"""Where a kind has so many files each is coded fast, unless an effort is asked for."""
MOST_FILES = {COLLECTION: 2048, ALONE: 64, PACK: 1 << 14}
MOST_CROPS = MOST_FILES[COLLECTION] // 2
"""Of one image, which stand in its unit."""
MOST_BYTES = {COLLECTION: 1 << 23, ALONE: 1 << 23, PACK: 1 << 24}
"""Of the files of one unit: what is lost at most where it is damaged, and done again where a run was killed."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A content to store, under the first of its paths."""

    path: bytes
    size: int
    facts: Facts


Crops = Mapping[bytes, Sequence[tuple[Stored, Crop]]]
"""By the path of an image those that are crops of it; the source of these is not set yet."""
NO_CROPS: Crops = {}


def effort_of(kind: Kind, contents: Sequence[Stored], asked: int | None) -> int:
    """The effort for a kind of these contents."""
    usual = FAST_EFFORT if len(contents) >= MANY_FILES else DEFAULT_EFFORT
    if usual == DEFAULT_EFFORT and came_of_jpeg(contents) and sum(one.size for one in contents) <= JPEG_BYTES:
        usual = JPEG_EFFORT
    return kind.effort or asked or usual


def came_of_jpeg(contents: Sequence[Stored]) -> bool:
    """Whether all images of a kind of these contents came of JPEG data."""
    return all(one.facts.once_jpeg for one in contents)


def work_of(contents: Sequence[Stored]) -> int:
    """About how long it takes to store contents together: samples of images, bytes of what is packed."""
    facts = [(one.facts, one.size) for one in contents]
    return sum(max(size, fact.images * fact.width * fact.height * fact.components) for fact, size in facts)


def members(root: Place, contents: Sequence[Stored]) -> list[Member]:
    """Contents as files on disk."""
    return [Member(root / os.fsdecode(one.path), one.size, one.facts.digest) for one in contents]


def in_units(
    root: Place,
    kind: Kind,
    effort: int,
    contents: Sequence[Stored],
    codebook: str | None,
    crops: Crops = NO_CROPS,
) -> Iterator[tuple[UnitPlan, list[Stored]]]:
    """The units of a kind, each with its contents: like beside like, as many as one may have, and last the crops of
    their images."""
    for run in _runs(kind, sorted(contents, key=lambda one: _order(kind, one)), crops):
        places = {one.path: number for number, one in enumerate(run)}
        parts = [
            (one, replace(crop, source=places[whole.path])) for whole in run for one, crop in crops.get(whole.path, ())
        ]
        ones = [*run, *(one for one, _ in parts)]
        whole_members, part_members = members(root, run), members(root, [one for one, _ in parts])
        part_members = [replace(member, crop=crop) for member, (_, crop) in zip(part_members, parts, strict=True)]
        yield UnitPlan(kind.name, kind.store, effort, (*whole_members, *part_members), codebook or ""), ones


def _runs(kind: Kind, ordered: Sequence[Stored], crops: Crops) -> Iterator[list[Stored]]:
    """Contents of units, without the crops, whose bytes count."""
    run: list[Stored] = []
    size = files = 0
    for one in ordered:
        parts = crops.get(one.path, ())
        more = one.size + sum(part.size for part, _ in parts)
        if run and (files + 1 + len(parts) > MOST_FILES[kind.store] or size + more > MOST_BYTES[kind.store]):
            yield run
            run, size, files = [], 0, 0
        run.append(one)
        size += more
        files += 1 + len(parts)
    if run:
        yield run


def with_crops(
    root: Place,
    contents: Sequence[Stored],
    kinds: Sequence[Kind],
    rules: Sequence[Rule],
    executor: Executor | None,
) -> Crops:
    """Of the path of a content the crops that others are of its image, no more than a unit may have."""
    from sofc.archive.anchors import Candidate, find_crops

    images = [
        one
        for kind, one in zip(kinds, contents, strict=True)
        if kind.store in (COLLECTION, ALONE) and one.facts.images == 1 and one.facts.format != "JPEG"
    ]
    facts = [one.facts for one in images]
    if len({(one.format, one.width, one.height, one.components, one.bits) for one in facts}) < 2:
        return NO_CROPS  # copies of images have been found as copies of files
    candidates = [
        Candidate(member.path, one.height, one.width, one.components)
        for member, one in zip(members(root, images), facts, strict=True)
    ]
    found: dict[bytes, list[tuple[Stored, Crop]]] = defaultdict(list)
    room: dict[bytes, int] = {}
    for number, crop in sorted(find_crops(candidates, executor).items()):
        one, whole = images[number], images[crop.source]
        left = room.get(whole.path, MOST_BYTES[COLLECTION] - whole.size) - one.size
        if left >= 0 and len(found[whole.path]) < MOST_CROPS and rule_for(one.path, rules) is None:
            room[whole.path] = left
            found[whole.path].append((one, crop))
    return found


def _order(kind: Kind, one: Stored) -> tuple[object, ...]:
    if kind.store == PACK:
        return suffix_of(one.path), one.path
    return one.facts.width, one.facts.height, one.facts.components, one.facts.bits, one.path
