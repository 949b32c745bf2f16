"""``archive``: makes an archive of a tree, goes on where a run ended, and brings an archive up to date."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path

from sofc.archive import codebooks, unit
from sofc.archive.coding import MadeUnit, UnitPlan, codebook_paths, make_unit, stored_codebook
from sofc.archive.kinds import CROP, CROPS, Kind, Rule, digest_of, kinds_of
from sofc.archive.manifest import (
    ContentRow,
    EntryRow,
    KindRow,
    Manifest,
    UnitRow,
    digest_bytes,
    finish,
    is_archive,
    opened,
    read,
)
from sofc.archive.plan import Stored, effort_of, in_units, with_crops, work_of
from sofc.archive.survey import survey
from sofc.archive.tree import FILE, FOLDER, LINK, SPECIAL, Entry, is_escaped, path_of, shown, walk
from sofc.errors import FormatError, SofcError, UsageError
from sofc.places import Place, claimed, is_within, make_folder, names_in, remove_folder, replacing_at, sizes_below
from sofc.training.shards import in_order, in_shards

UNITS, DRAFT, LOCK, FIRST = "units", "draft", "lock", "first"
CROP_ROW = KindRow(CROPS, CROP, 0)
"""The kind of files that are stored as crops, whichever kind they would be of: no effort codes them."""
Progress = Callable[[str, int, int], None]
"""Called with the stage, how much of it is done, and how much there is: files or bytes."""
AHEAD = 256
"""Units that may be made before an earlier one is: some take long."""
SORTED_FILES = 1 << 14
"""About how many files those units have of which the one that takes longest is made first."""
LOOKING, TRAINING, STORING = "looking at files", "training", "storing"


@dataclass(frozen=True)
class Settings:
    """``effort``: None for what serves each kind. ``train``: whether codebooks may be made. ``update``: bring an
    archive that is there up to date. ``forget``: drop from it what is gone from the tree. ``verify``: decode all
    units first, and compare what stands in them, not their sizes alone."""

    effort: int | None = None
    train: bool = True
    rules: tuple[Rule, ...] = ()
    update: bool = False
    forget: bool = False
    verify: bool = False


DEFAULTS = Settings()


@dataclass
class Archived:
    """What came of a run. ``refused``: what is not in the archive, and why. ``special``: pipes, sockets and devices,
    which are named in it only. ``unread``: files, of those looked at in this run, that say to hold images of which none
    could be read, and why: they are packed. Of an update: paths ``added``, ``changed``, and ``gone`` from the tree, of
    which some were ``dropped``; and of units that were ``damaged`` each file, and what became of it."""

    manifest: Manifest
    refused: list[tuple[str, str]] = field(default_factory=list)
    special: list[str] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    damaged: list[tuple[str, str]] = field(default_factory=list)
    fresh: int = 0


def archive(
    root: Place,
    folder: Place,
    settings: Settings = DEFAULTS,
    *,
    executor: Executor | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Archived:
    """Make an archive of all that stands in ``root``, or go on with one that was begun.

    The bytes in ``folder`` depend on the tree and the settings alone. Raises UsageError where ``folder`` holds
    something else, or an archive that is not to be updated; OSError for files that change meanwhile.
    """
    if is_within(folder, root):
        raise UsageError(f"{folder} is in the tree that is to be archived: name a folder outside of {root}")
    if not root.is_dir():
        number = errno.ENOTDIR if root.exists() else errno.ENOENT
        raise OSError(number, os.strerror(number), str(root))
    _check_target(folder, settings)
    make_folder(folder / DRAFT)
    if not is_archive(folder):
        with replacing_at(folder / DRAFT / FIRST):
            pass
    for name in (UNITS, codebooks.FOLDER):
        make_folder(folder / name)
    with claimed(folder / DRAFT / LOCK) as check_claim:
        _remove_drafts(folder)
        finish(folder)
        making = _Making(root, folder, settings, executor, progress)
        made = making.run()
        check_claim()
        expected = {row.name for row in made.manifest.units} - making.damaged
        if gone := expected - {Path(name).stem for name in names_in(folder / UNITS)}:
            raise UsageError(f"{folder}: another run removed {len(gone)} units meanwhile: run it again")
        made.manifest.write(folder)
        _remove_stale(folder, made.manifest)
        for path in sizes_below(folder / DRAFT):
            if path.name != FIRST:  # which is the last to go: a run that is ended here can be finished
                path.unlink()
        remove_folder(folder / DRAFT)
    return made


def _check_target(folder: Place, settings: Settings) -> None:
    """Raise UsageError where no archive is to be made, UnsupportedError for one of another version of the format."""
    is_begun = (folder / DRAFT / FIRST).exists()  # by a run that made it anew and did not come to its end
    if is_archive(folder):
        if not (settings.update or is_begun):
            reason = "is an archive already: bring it up to date with --update, or name another folder"
            raise UsageError(f"{folder} {reason}")
        if settings.update:
            with opened(folder, []):
                pass
    elif not is_begun and not set(names_in(folder)) <= {DRAFT}:
        raise UsageError(f"{folder} holds other things: name an empty folder, or one that is not there")


class _Making:
    """One run."""

    def __init__(
        self, root: Place, folder: Place, settings: Settings, executor: Executor | None, progress: Progress
    ) -> None:
        self._root, self._folder = root, folder
        self._settings, self._executor, self._progress = settings, executor, progress
        damage: list[str] = []
        self._old = read(folder, damage) if settings.update and is_archive(folder) else Manifest()
        if damage:
            raise FormatError(f"{folder}: {damage[0]}: restore with --salvage, and make the archive anew")
        damaged = {number for number, row in enumerate(self._old.units) if not self._is_sound(row)}
        if settings.verify:
            damaged |= self._undecodable()
        self.damaged = frozenset(self._old.units[number].name for number in damaged)
        """Names of units that are missing, not as they were, or not to be decoded."""
        self._damaged = {row.sha256 for row in self._old.contents if row.unit in damaged}
        self._stored_before = {row.sha256 for row in self._old.contents} - self._damaged
        self._result = Archived(Manifest())
        self._unread: set[bytes] = set()
        """Paths of files and folders that could not be read: what the archive has of them stays."""

    def _is_sound(self, row: UnitRow) -> bool:
        """Whether a unit that was stored before is there as it was."""
        path = self._folder / UNITS / (row.name + unit.SUFFIX)
        try:
            is_there = path.stat().st_size == row.size
            return is_there and (not self._settings.verify or digest_bytes(digest_of(path)) == row.sha256)
        except OSError:
            return False

    def _undecodable(self) -> set[int]:
        """Numbers of units that do not give all back: also sound ones, which another version of sofc has made."""
        from sofc.archive.restoring import UnitTask, Wanted, verify_unit

        wanted: dict[int, list[Wanted]] = defaultdict(list)
        for row in self._old.contents:
            wanted[row.unit].append(Wanted(row.item, row.size, row.sha256, ((b"", 0, 0),)))
        tasks = [UnitTask(self._old.units[number].name, tuple(ones)) for number, ones in wanted.items()]
        found = in_order(self._executor, partial(verify_unit, folder=self._folder), tasks)
        return {number for number, lost in zip(wanted, found, strict=True) if lost}

    def run(self) -> Archived:
        """Survey, train, store; the manifest is not written yet."""
        errors: list[tuple[bytes, OSError]] = []
        entries = list(walk(self._root, errors))
        for path, error in errors:
            if path in (b"", b"."):
                raise error
            self._refuse(path, error.strerror or str(error))
        digests, new = self._digests(entries)
        stored = self._stored(digests, new)
        self._assemble(entries, digests, stored)
        return self._result

    def _refuse(self, path: bytes, reason: str) -> None:
        self._unread.add(path)
        self._result.refused.append((shown(path), reason))

    def _digests(self, entries: Sequence[Entry]) -> tuple[dict[bytes, bytes], list[Stored]]:
        """The SHA-256 of each file by its path, and those that are new, with facts."""
        before = {path_of(row.path, row.escaped): row for row in self._old.entries}
        digests: dict[bytes, bytes] = {}
        unknown: list[Entry] = []
        for entry in entries:
            if entry.type != FILE:
                continue
            row = before.get(entry.path)
            if row is not None and row.type == FILE and row.content is not None and row.time == entry.time:
                content = self._old.contents[row.content]
                if content.size == entry.size and content.sha256 and content.sha256 not in self._damaged:
                    digests[entry.path] = content.sha256
                    continue
            unknown.append(entry)
        done = 0

        def advance(files: int) -> None:
            nonlocal done
            done += files
            self._progress(LOOKING, done, len(unknown))

        found = survey(self._root, unknown, self._folder / DRAFT, self._executor, advance)
        new: list[Stored] = []
        for entry, facts in zip(unknown, found, strict=True):
            if facts.error:
                self._refuse(entry.path, facts.error)
                continue
            if facts.unread:
                self._result.unread.append((shown(entry.path), facts.unread))
            digests[entry.path] = digest_bytes(facts.digest)
            new.append(Stored(entry.path, entry.size, facts))
            if self._settings.update and digests[entry.path] not in self._damaged:
                (self._result.changed if entry.path in before else self._result.added).append(shown(entry.path))
        return digests, new

    def _stored(
        self, digests: Mapping[bytes, bytes], new: Sequence[Stored]
    ) -> list[tuple[KindRow, MadeUnit, list[Stored]]]:
        """Store all contents that are new, each once."""
        fresh: dict[str, Stored] = {}
        for one in new:
            if digests[one.path] not in self._stored_before:
                fresh.setdefault(one.facts.digest, one)
        contents = list(fresh.values())
        kinds = kinds_of([(one.path, one.facts) for one in contents], self._settings.rules)
        crops = with_crops(self._root, contents, kinds, self._settings.rules, self._executor)
        parts = {one.path for found in crops.values() for one, _ in found}
        of_kind: dict[Kind, list[Stored]] = defaultdict(list)
        for kind, one in zip(kinds, contents, strict=True):
            if one.path not in parts:
                of_kind[kind].append(one)
        ordered = sorted(of_kind.items(), key=lambda pair: (pair[0].store, pair[0].name, pair[0].effort or 0))
        rows = [self._kind_row(number, len(ordered), *pair) for number, pair in enumerate(ordered)]
        place = self._folder / codebooks.FOLDER
        plans: Iterator[tuple[KindRow, UnitPlan, list[Stored]]] = chain.from_iterable(
            ((row, *planned) for planned in in_units(self._root, kind, row.effort, ones, row.codebook, crops))
            for row, (kind, ones) in zip(rows, ordered, strict=True)
        )
        waiting: list[tuple[KindRow, list[Stored]]] = []

        def handed_out() -> Iterator[UnitPlan]:
            # What takes longest first, of those that may be under way at once: it is not what all wait for in the end.
            for some in in_shards(plans, lambda planned: len(planned[2]), AHEAD, SORTED_FILES):
                for row, plan, ones in sorted(some, key=lambda planned: -work_of(planned[2])):
                    waiting.append((row, ones))
                    yield plan

        make = partial(make_unit, folder=self._folder / UNITS, codebooks=place, damaged=self.damaged)
        total, done = sum(one.size for one in contents), 0
        made: list[tuple[KindRow, MadeUnit, list[Stored]]] = []
        for number, result in enumerate(in_order(self._executor, make, handed_out(), AHEAD)):
            row, ones = waiting[number]
            made.append((row, result, ones))
            self._result.fresh += result.fresh
            done += sum(one.size for one in ones)
            self._progress(STORING, done, total)
        return made

    def _kind_row(self, number: int, count: int, kind: Kind, contents: list[Stored]) -> KindRow:
        effort = effort_of(kind, contents, self._settings.effort)
        row = KindRow(kind.name, kind.store, effort)
        alike = (old for old in self._old.kinds if replace(old, codebook=None) == row)
        trained = next((old for old in alike if old.codebook and self._has_codebook(old.codebook)), None)
        if trained is not None or not (kind.train and self._settings.train):
            return trained or row
        place = self._folder / codebooks.FOLDER
        draft = self._folder / DRAFT
        ordered = sorted(contents, key=lambda one: one.path)
        found = codebooks.train_codebook(kind, effort, self._root, ordered, place, draft, self._executor)
        self._progress(TRAINING, number + 1, count)
        return replace(row, codebook=found)

    def _has_codebook(self, codebook: str) -> bool:
        """Whether one of both files of a codebook that was trained before is sound."""
        try:
            stored_codebook(self._folder / codebooks.FOLDER, codebook)
        except FormatError:
            return False
        return True

    def _entries(
        self, entries: Sequence[Entry], digests: Mapping[bytes, bytes], numbers: Mapping[bytes, int]
    ) -> Iterator[EntryRow]:
        """What stands in the tree; ``numbers``: those of contents by their SHA-256."""
        for entry in entries:
            if entry.type == FILE and entry.path not in digests:
                continue
            if entry.type == SPECIAL:
                self._result.special.append(shown(entry.path))
            target = entry.target if entry.type == LINK else None
            content = numbers[digests[entry.path]] if entry.type == FILE else None
            yield EntryRow(
                shown(entry.path), is_escaped(entry.path), entry.type, entry.time, entry.mode, content, target
            )

    def _gone(self, entries: Sequence[Entry]) -> Iterator[tuple[EntryRow, bytes | None]]:
        """What stands in the archive and no more in the tree; given where it is to stay. Nothing stays in a folder that
        is a file or a link now: no tree has both."""
        there = {entry.path for entry in entries} - self._unread
        no_folders = {entry.path for entry in entries if entry.type != FOLDER} - self._unread
        for row in self._old.entries:
            path = path_of(row.path, row.escaped)
            if path in there:
                continue
            folders = [path[:end] for end, byte in enumerate(path) if byte == ord("/")]
            if not self._unread.isdisjoint((path, *folders)):
                yield row, None if row.content is None else self._old.contents[row.content].sha256
                continue
            if row.type != FOLDER:
                self._result.gone.append(row.path)
            if not self._settings.forget and no_folders.isdisjoint(folders):
                yield row, None if row.content is None else self._old.contents[row.content].sha256
            elif row.type != FOLDER:
                self._result.dropped.append(row.path)

    def _assemble(
        self,
        entries: Sequence[Entry],
        digests: Mapping[bytes, bytes],
        stored: Sequence[tuple[KindRow, MadeUnit, list[Stored]]],
    ) -> None:
        """The manifest: of what was there, what is still wanted, and what is new. Of what there may be millions of
        nothing is held twice."""
        manifest = self._result.manifest
        gone = list(self._gone(entries))
        self._tell_damaged(entries, digests, gone, stored)
        contents: dict[bytes, tuple[ContentRow, KindRow, UnitRow]] = {}
        for row in self._old.contents:
            contents[row.sha256] = row, self._old.kinds[row.kind], self._old.units[row.unit]
        for kind, made, ones in stored:
            unit_row = UnitRow(made.key, made.size, digest_bytes(made.digest))
            for item, (one, share, way) in enumerate(zip(ones, made.stored, made.ways, strict=True)):
                facts, digest = one.facts, digests[one.path]
                described = (facts.format, facts.images, facts.width, facts.height, facts.components, facts.bits)
                of_kind = CROP_ROW if way == unit.FROM_CROP else kind
                contents[digest] = ContentRow(digest, one.size, 0, 0, item, share, way, *described), of_kind, unit_row
        wanted = {*digests.values(), *(digest for _, digest in gone if digest is not None)}
        live = sorted(
            (found for digest, found in contents.items() if digest in wanted),
            key=lambda found: (found[1].store, found[1].name, found[2].name, found[0].item),
        )
        del contents, wanted
        kinds = {kind: number for number, kind in enumerate(dict.fromkeys(kind for _, kind, _ in live))}
        units = {row: number for number, row in enumerate(dict.fromkeys(row for _, _, row in live))}
        manifest.kinds, manifest.units = list(kinds), list(units)
        live.reverse()
        while live:
            row, kind, one_unit = live.pop()
            manifest.contents.append(replace(row, kind=kinds[kind], unit=units[one_unit]))
        numbers = {row.sha256: number for number, row in enumerate(manifest.contents)}
        manifest.entries = list(self._entries(entries, digests, numbers))
        manifest.entries += [row if digest is None else replace(row, content=numbers[digest]) for row, digest in gone]

    def _tell_damaged(
        self,
        entries: Sequence[Entry],
        digests: Mapping[bytes, bytes],
        gone: Sequence[tuple[EntryRow, bytes | None]],
        stored: Sequence[tuple[KindRow, MadeUnit, list[Stored]]],
    ) -> None:
        """Say of each file that stood in a damaged unit what became of it."""
        if not self._damaged:
            return
        again = {digests[one.path] for _, _, ones in stored for one in ones}
        harmed = [(shown(entry.path), digest) for entry in entries if (digest := digests.get(entry.path))]
        harmed += [(row.path, digest) for row, digest in gone if digest is not None]
        for path, digest in harmed:
            if digest in self._damaged:
                what = "stored anew" if digest in again else "gone from the tree, so that it may be lost"
                self._result.damaged.append((path, f"its unit was damaged; {what}"))


def _remove_drafts(folder: Place) -> None:
    """What a run that was killed has left."""
    for path in sizes_below(folder):
        if path.name.startswith(".") and path.name.endswith(".part"):
            path.unlink()
    if isinstance(folder, Path):
        for path in folder.glob(".manifest.*/"):
            shutil.rmtree(path)


def _remove_stale(folder: Place, manifest: Manifest) -> None:
    """Units and codebooks that the manifest does not name."""
    named = {f"{row.name}{unit.SUFFIX}" for row in manifest.units}
    named |= {path.name for row in manifest.kinds if row.codebook for path in codebook_paths(folder, row.codebook)}
    for name in (UNITS, codebooks.FOLDER):
        for path in sizes_below(folder / name):
            if path.name not in named:
                with contextlib.suppress(OSError, SofcError):
                    path.unlink()
