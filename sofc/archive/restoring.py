"""``restore`` and ``verify``: files out of an archive, unit by unit; nothing that is not proven by a check is given."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import os
import random
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from typing import Any, NamedTuple

from sofc.archive import codebooks, leaving, manifest, unit
from sofc.archive.clashes import refuse_clashes
from sofc.archive.coding import finder
from sofc.archive.making import UNITS
from sofc.archive.reading import UnitReader
from sofc.archive.tree import FOLDER, LINK, path_of, place, shown
from sofc.container.original import MAX_FILE_BYTES
from sofc.errors import FormatError, SofcError, UsageError
from sofc.files import drafted, publish
from sofc.places import Place, StorePath, here, is_within, make_folder, replacing_at, sizes_below
from sofc.training.shards import in_order

RESTORED_MODES = 0o777
"""Of the modes that are kept: a program that acts as its owner is not made out of an archive."""
AHEAD = 64
"""Units under way or waiting at once: there may be many workers, and some take long."""
Advance = Callable[[int], object]


class Wanted(NamedTuple):
    """A content of a unit: its number there, its size and SHA-256 (nothing where that is not known), and where it is to
    go: paths, with times and modes."""

    item: int
    size: int
    sha256: bytes
    places: tuple[tuple[bytes, int, int], ...]

    def pieces(self, reader: UnitReader) -> Iterator[bytes]:
        """Its bytes; the check is behind the last."""
        return reader.checked_pieces(self.item, self.size, self.sha256)


class UnitTask(NamedTuple):
    """What is wanted of a unit, by the name of its file."""

    name: str
    wanted: tuple[Wanted, ...]

    @property
    def size(self) -> int:
        """Bytes that are wanted of it."""
        return sum(one.size for one in self.wanted)


@dataclass
class Restored:
    """What came of it. ``lost``: paths that did not come back, in their order, and why; ``skipped``: what was not to be
    made."""

    files: int = 0
    bytes: int = 0
    lost: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)


def restore(
    folder: Place,
    root: Place,
    patterns: Iterable[str] = (),
    *,
    force: bool = False,
    salvage: bool = False,
    as_sofc: bool = False,
    executor: Executor | None = None,
    advance: Advance = lambda size: None,
) -> Restored:
    """Make a tree of what stands in an archive; of that whose path matches a pattern where there are some.

    ``as_sofc``: each file as a sofc file that needs nothing of the archive, called as it was with .sofc behind; links,
    and files that are too large for that, are ``skipped``.

    Without ``salvage`` the first damage ends it: FormatError. With it everything is given back that can be, and the
    rest is ``lost``. Files that are there are replaced with ``force`` alone. Raises OSError, UsageError, too: where
    ``root`` takes two paths for one nothing is made.
    """
    if is_within(root, folder):
        raise UsageError(f"{root} is in the archive, which a tree would damage: name a folder outside of {folder}")
    result = Restored()
    chosen = tuple(patterns)
    with manifest.opened(folder, result.damage) as table:
        if result.damage and not salvage:
            raise FormatError(f"{result.damage[0]}: restore with --salvage")
        tasks = list(_tasks(table, chosen, result.lost))
        folders, links = _others(table, chosen, result)
    if chosen and not (tasks or folders or links or result.lost or result.skipped):
        raise UsageError(f"nothing in {folder} matches {', '.join(map(repr, chosen))}")
    if as_sofc:
        tasks = list(_as_sofc(tasks, result.skipped))
        result.skipped += [(shown(path), "a link, to a name that its file does not have here") for path, _, _ in links]
        links = []
    make_folder(root)
    if isinstance(root, Path):
        files = (path for task in tasks for one in task.wanted for path, _, _ in one.places)
        refuse_clashes(root, chain(files, (path for path, *_ in (*folders, *links))))
        for path, _, _ in folders:
            _make_folder(root, path)
    else:
        result.skipped += _not_of_stores(tasks, folders, links)
    work = partial(restore_unit, folder=folder, root=root, force=force, salvage=salvage, as_sofc=as_sofc)
    for task, lost in _each_done(tasks, work, executor):
        _count(task, lost, result, salvage)
        advance(task.size)
    if isinstance(root, Path):
        for path, time, target in links:
            with _noting(path, result.lost, salvage):
                _make_link(root, path, target, time, force)
        for path, time, mode in reversed(folders):
            with _noting(path, result.lost, salvage):
                _settle(place(root, path), time, mode)
    result.lost.sort()
    return result


def verify(
    folder: Place,
    share: float = 1.0,
    *,
    executor: Executor | None = None,
    advance: Advance = lambda size: None,
    seed: int | None = None,
) -> Restored:
    """Decode all files of an archive, or a random share of its contents, and compare them with their SHA-256."""
    result = Restored()
    with manifest.opened(folder, result.damage) as table:
        tasks = list(_tasks(table, (), result.lost))
    if share < 1:
        chance = random.Random(seed)
        taken = [UnitTask(task.name, tuple(one for one in task.wanted if chance.random() < share)) for task in tasks]
        tasks = [task for task in taken if task.wanted]
    result.damage += _damaged(folder, executor)
    for task, lost in _each_done(tasks, partial(verify_unit, folder=folder), executor):
        _count(task, lost, result, salvage=True)
        advance(task.size)
    result.lost.sort()
    return result


def remove_originals(folder: Place, root: Place, *, executor: Executor | None = None) -> Restored:
    """Remove each file of a tree whose stored form, read back from disk, is the file. ``lost``: those that stay."""
    result = Restored()
    with manifest.opened(folder, result.damage) as table:
        if result.damage:
            raise FormatError(f"{result.damage[0]}: nothing is removed")
        tasks = list(_tasks(table, (), result.lost))
    for task, kept in _each_done(tasks, partial(remove_unit, folder=folder, root=root), executor):
        _count(task, kept, result, salvage=True)
    result.lost.sort()
    return result


def _each_done(
    tasks: Iterable[UnitTask], work: Callable[[UnitTask], list[tuple[str, str]]], executor: Executor | None
) -> Iterator[tuple[UnitTask, list[tuple[str, str]]]]:
    """Each task and what came of it: the largest first, so that in the end all do not wait for one."""
    ordered = sorted(tasks, key=lambda task: (-task.size, task.name))
    return zip(ordered, in_order(executor, work, ordered, AHEAD), strict=True)


def restore_unit(
    task: UnitTask, *, folder: Place, root: Place, force: bool, salvage: bool = False, as_sofc: bool = False
) -> list[tuple[str, str]]:
    """Make the files that are wanted of a unit. Gives the paths that were lost, and why; raises OSError for files that
    cannot be written, unless all else is to be salvaged."""
    task = _copies_apart(task) if salvage else task
    return list(_each_of_unit(task, folder, partial(_make_files, root=root, force=force, as_sofc=as_sofc), salvage))


def verify_unit(task: UnitTask, *, folder: Place) -> list[tuple[str, str]]:
    """Decode what is wanted of a unit. Gives the paths that are lost, and why."""
    return list(_each_of_unit(task, folder, _decode, salvage=True))


def remove_unit(task: UnitTask, *, folder: Place, root: Place) -> list[tuple[str, str]]:
    """Remove the files of a tree that are in a unit as they are, compared byte for byte with what is read from it.

    Gives the paths that stay, and why."""
    kept: list[tuple[str, str]] = []
    kept += _each_of_unit(_copies_apart(task), folder, partial(_remove_files, root=root, kept=kept), salvage=True)
    return kept


def _copies_apart(task: UnitTask) -> UnitTask:
    """The same task, in which what is wrong with one of several copies is not said of the others."""
    alone = (one._replace(places=(where,)) for one in task.wanted for where in one.places)
    return task._replace(wanted=tuple(alone))


def _each_of_unit(
    task: UnitTask, folder: Place, use: Callable[[UnitReader, Wanted], None], salvage: bool
) -> Iterator[tuple[str, str]]:
    place = folder / UNITS / (task.name + unit.SUFFIX)
    with contextlib.ExitStack() as resources:
        try:
            path = resources.enter_context(here(place))
            if any(not one.sha256 for one in task.wanted):
                with path.open("rb") as file:
                    unit.check(file)  # nothing else tells whether what comes out is right
            reader = UnitReader(path, finder(folder / codebooks.FOLDER))
        except ConnectionError:
            raise
        except (SofcError, OSError) as error:
            for one in task.wanted:
                yield from ((shown(where), f"{place.name}: {error}") for where, _, _ in one.places)
            return
        for one in task.wanted:
            try:
                use(reader, one)
            except SofcError as error:
                yield from ((shown(where), f"{place.name}: {error}") for where, _, _ in one.places)
            except OSError as error:
                if not salvage or isinstance(error, ConnectionError):
                    raise
                yield from ((shown(where), f"{error.filename}: {error.strerror}") for where, _, _ in one.places)


def _decode(reader: UnitReader, one: Wanted) -> None:
    for _ in one.pieces(reader):
        pass


def _as_sofc(tasks: Iterable[UnitTask], skipped: list[tuple[str, str]]) -> Iterator[UnitTask]:
    """What of each unit can be made as sofc files."""
    for task in tasks:
        large = [one for one in task.wanted if one.size > MAX_FILE_BYTES]
        skipped += [
            (shown(path), f"{one.size} bytes are too many for a sofc file")
            for one in large
            for path, _, _ in one.places
        ]
        if fitting := tuple(one for one in task.wanted if one not in large):
            yield UnitTask(task.name, fitting)


def _make_files(reader: UnitReader, one: Wanted, *, root: Place, force: bool, as_sofc: bool = False) -> None:
    coded = leaving.sofc_file(reader, one.item, b"".join(one.pieces(reader))) if as_sofc else None
    for path, time, mode in one.places:
        where = place(root, path if coded is None else path + leaving.SUFFIX)
        pieces = one.pieces(reader) if coded is None else (coded,)
        if isinstance(where, StorePath):
            if not force and where.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(where))
            with replacing_at(where) as file:
                file.writelines(pieces)
            continue
        _check_folders(root, where)
        where.parent.mkdir(parents=True, exist_ok=True)
        with drafted(where, mode=mode & RESTORED_MODES, durable=False) as (file, draft):
            file.writelines(pieces)
        if draft is None:
            raise FormatError("a device or a pipe stands where it is to be restored")
        os.utime(draft, ns=(time, time))
        publish(draft, where, replace=force)


def _not_of_stores(
    tasks: Sequence[UnitTask], folders: Sequence[tuple[bytes, int, int]], links: Sequence[tuple[bytes, int, bytes]]
) -> Iterator[tuple[str, str]]:
    """What a tree in a store cannot have: links, and folders without files."""
    used: set[bytes] = set()
    for path in (path for task in tasks for one in task.wanted for path, _, _ in one.places):
        used.update(path[:end] for end, byte in enumerate(path) if byte == ord("/"))
    yield from ((shown(path), "a link, and stores have none") for path, _, _ in links)
    yield from ((shown(path), "an empty folder, and stores have none") for path, _, _ in folders if path not in used)


def _remove_files(reader: UnitReader, one: Wanted, *, root: Place, kept: list[tuple[str, str]]) -> None:
    for path, time, _ in one.places:
        where = place(root, path)
        if not where.exists():
            continue
        _check_folders(root, where)
        state = where.stat()
        same = (state.st_size, state.st_mtime_ns) == (one.size, time)
        if same:
            with where.open("rb") as file:
                same = all(file.read(len(piece)) == piece for piece in one.pieces(reader))
        if same:
            where.unlink()
        else:
            kept.append((shown(path), "it is not what was stored: it was changed meanwhile"))


def _check_folders(root: Place, where: Place) -> None:
    """Raise FormatError where a path leads through a link, or is one: the file would be made elsewhere."""
    if isinstance(where, StorePath):
        return
    for parent in (where, *where.parents):
        if parent == root:
            return
        if parent.is_symlink():
            raise FormatError(f"{parent} is a link: nothing is restored through it")


def _make_folder(root: Path, path: bytes) -> None:
    where = place(root, path)
    _check_folders(root, where)
    where.mkdir(parents=True, exist_ok=True)


def _make_link(root: Path, path: bytes, target: bytes, time: int, force: bool) -> None:
    where = place(root, path)
    _check_folders(root, where.parent / "_")
    where.parent.mkdir(parents=True, exist_ok=True)
    if force and where.is_symlink():
        where.unlink()
    if os.path.lexists(where):
        raise UsageError(f"{where}: something stands there already")
    where.symlink_to(os.fsdecode(target))
    os.utime(where, ns=(time, time), follow_symlinks=False)


def _settle(where: Path, time: int, mode: int) -> None:
    """Time and mode of a folder."""
    if stat.S_ISDIR(os.lstat(where).st_mode):
        where.chmod(mode & RESTORED_MODES)
        os.utime(where, ns=(time, time))


@contextlib.contextmanager
def _noting(path: bytes, lost: list[tuple[str, str]], salvage: bool) -> Iterator[None]:
    try:
        yield
    except (SofcError, OSError) as error:
        if not salvage:
            raise
        lost.append((shown(path), str(error)))


def _count(task: UnitTask, lost: list[tuple[str, str]], result: Restored, salvage: bool) -> None:
    if lost and not salvage:
        raise FormatError(f"{lost[0][0]}: {lost[0][1]}: --salvage gives back all that is sound")
    result.lost += lost
    result.files += sum(len(one.places) for one in task.wanted) - len(lost)
    missing = {path for path, _ in lost}
    result.bytes += sum(one.size for one in task.wanted for path, _, _ in one.places if shown(path) not in missing)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a path, or a folder that it is in, matches a pattern."""
    if not patterns:
        return True
    names = path.split("/")
    heads = ["/".join(names[:count]) for count in range(1, len(names) + 1)]
    return any(fnmatch.fnmatchcase(head, pattern.rstrip("/")) for pattern in patterns for head in heads)


_QUERY = """
SELECT units.name, item, contents.size, contents.sha256, path, escaped, time, mode
FROM entries LEFT JOIN contents USING (content) LEFT JOIN units USING (unit)
WHERE type = 'file' ORDER BY contents.unit, item, path, escaped
"""
_TYPES = (str | None, int | None, int | None, bytes | None, str, int, int, int)


def _tasks(table: sqlite3.Connection, patterns: tuple[str, ...], lost: list[tuple[str, str]]) -> Iterator[UnitTask]:
    """What is wanted of each unit. Of a manifest that is hostile or made by a bug paths are ``lost``."""
    rows = (row for row in _rows(table, _QUERY, _TYPES) if _matches(row[4], patterns))
    for name, of_unit in groupby(rows, key=lambda row: row[0]):
        if name is None:
            lost += [(row[4], "the manifest does not say where its content is") for row in of_unit]
            continue
        if not isinstance(name, str) or not name.isalnum():
            raise FormatError(f"the manifest names a unit {name!r}, which no unit is called")
        wanted: list[Wanted] = []
        for (item, size, sha256), places in groupby(of_unit, key=lambda row: row[1:4]):
            where = []
            for row in places:
                try:
                    place(Path(), path := path_of(row[4], bool(row[5])))
                except FormatError as error:
                    lost.append((row[4], str(error)))
                    continue
                where.append((path, row[6], row[7]))
            if where:
                wanted.append(Wanted(item, size, sha256, tuple(where)))
        if wanted:
            yield UnitTask(name, tuple(wanted))


def _others(
    table: sqlite3.Connection, patterns: tuple[str, ...], result: Restored
) -> tuple[list[tuple[bytes, int, int]], list[tuple[bytes, int, bytes]]]:
    """Folders, each before what is in it, and links."""
    folders: list[tuple[bytes, int, int]] = []
    links: list[tuple[bytes, int, bytes]] = []
    query = "SELECT path, escaped, type, time, mode, target FROM entries WHERE type != 'file' ORDER BY path, escaped"
    types = str, int, str, int, int, object
    for text, escaped, kind, time, mode, target in _rows(table, query, types):
        if not _matches(text, patterns):
            continue
        path = path_of(text, bool(escaped))
        try:
            place(Path(), path)
        except FormatError as error:
            result.lost.append((text, str(error)))
            continue
        if kind == FOLDER:
            folders.append((path, time, mode))
        elif kind == LINK and isinstance(target, bytes) and target and b"\0" not in target:
            links.append((path, time, target))
        else:
            result.skipped.append((text, "a pipe, socket or device, which is only named"))
    return sorted(folders), links


def _rows(table: sqlite3.Connection, query: str, types: tuple[Any, ...]) -> Iterator[Any]:
    """Rows of values of these types. Raises FormatError: SQLite keeps values of any type in any column."""
    try:
        for row in table.execute(query):
            if not all(isinstance(value, kind) for value, kind in zip(row, types, strict=True)):
                raise FormatError(f"the manifest cannot be read: it has a row of other types, {row!r}")
            yield row
    except sqlite3.Error as error:
        raise FormatError(f"the manifest cannot be read: {error}") from None


def check_unit(place: Place) -> str:
    """What is wrong with the file of a unit; nothing where it is as it was written."""
    try:
        with here(place) as path, path.open("rb") as file:
            unit.check(file)
    except (SofcError, OSError) as error:
        return f"{place}: {error}"
    return ""


def _damaged(folder: Place, executor: Executor | None) -> Iterator[str]:
    """Units that are not as they were written, whether or not files of them are lost, and what is kept twice and
    damaged in one place."""
    from sofc.codebook.store import read_codebook

    units = sorted(sizes_below(folder / UNITS), key=str)
    yield from filter(None, in_order(executor, check_unit, units, AHEAD))
    for path in sorted(sizes_below(folder / codebooks.FOLDER), key=str):
        try:
            read_codebook(path)
        except (SofcError, OSError) as error:
            yield f"{path}: {error}"
    try:
        manifest.check_copy(folder)
    except FormatError as error:
        yield str(error)
