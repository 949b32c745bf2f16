"""``open_archive``: files of an archive by name, without making them again on disk."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sofc.api.closing import Closing
from sofc.archive import catalogue, codebooks, manifest, unit
from sofc.archive.coding import finder
from sofc.archive.making import UNITS
from sofc.archive.reading import UnitReader
from sofc.archive.restoring import Wanted
from sofc.archive.tree import FILE, FOLDER, is_escaped, path_of, shown
from sofc.container.original import MAX_FILE_BYTES
from sofc.errors import FormatError, LimitError, UsageError
from sofc.limits import Limits
from sofc.places import Place, StorePath, place_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
HELD_UNITS = 32
"""Units that are kept open, with what was read of them: at most about 16 MB each, besides images of crops."""
HELD_SOURCE_BYTES = 1 << 28
"""Of images that others are crops of, in all units: beyond that, only the one that is read holds its own."""


Folder: TypeAlias = "str | os.PathLike[str] | StorePath"


class Status(NamedTuple):
    """What an archive knows of a path. ``time`` in nanoseconds since 1970."""

    path: str
    type: str
    size: int
    time: int
    mode: int


class Archive(Closing):
    """Files of an archive by name; made by ``open_archive``. A context manager.

    ``archive[path]`` gives the samples of an image, ``archive.read_bytes(path)`` the file as it was, iteration the
    paths of all files. Threads may share it, and so may forked processes; pickled, as for processes that are spawned,
    it opens its folder again.
    """

    def __init__(self, folder: Folder, limits: Limits | None = None) -> None:
        self._folder = place_of(folder)
        self._limits = limits
        super().__init__(ExitStack())
        self.damage: list[str] = []
        self._path = self._resources.enter_context(manifest.sound(self._folder, self.damage))
        manifest.connect(self._path).close()
        self._tables = threading.local()
        self._find = finder(self._folder / codebooks.FOLDER)
        self._units: OrderedDict[str, UnitReader] = OrderedDict()

    def close(self) -> None:
        """Forget what was read."""
        self._units.clear()
        self._resources.close()

    def __reduce__(self) -> tuple[type[Archive], tuple[Place, Limits | None]]:
        return Archive, (self._folder, self._limits)

    def __len__(self) -> int:
        """Files in the archive."""
        found: int = self.table.execute("SELECT count(*) FROM entries WHERE type = 'file'").fetchone()[0]
        return found

    def __iter__(self) -> Iterator[str]:
        """The paths of all files, as text; those that are not UTF-8 as the system's functions have them."""
        query = "SELECT path, escaped FROM entries WHERE type = 'file' ORDER BY path, escaped"
        for path, escaped in self.table.execute(query).fetchall():
            yield _name(path, escaped)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, (str, os.PathLike)) and self.status(path, missing_ok=True) is not None

    def __getitem__(self, path: str | os.PathLike[str]) -> npt.NDArray[np.generic]:
        """The image of a file, shape (height, width[, components]); several of one shape come stacked.

        Raises KeyError for a path that is not there, UsageError or FormatError for a file of no images, or of several
        that do not stack: ``images`` gives these.
        """
        found = self.images(path)
        if len(found) == 1:
            return found[0]
        import numpy as np

        if len({(one.shape, one.dtype) for one in found}) != 1:
            raise UsageError(f"{path} has {len(found)} images of different kinds: images() gives them one by one")
        return np.stack(found)

    def images(self, path: str | os.PathLike[str]) -> list[npt.NDArray[np.generic]]:
        """All images of a file. Raises KeyError, UsageError, FormatError."""
        reader, wanted, name = self._wanted(path)
        if reader.table.contents[wanted.item].way == unit.FROM_PACK:
            from sofc.imagefiles import images_in

            return [samples.array for samples in images_in(name, self.read_bytes(path))]
        return reader.images(wanted.item)

    def read_bytes(self, path: str | os.PathLike[str]) -> bytes:
        """The file as it was, compared with its SHA-256. Raises KeyError, FormatError, LimitError."""
        _, wanted, _ = self._wanted(path)
        if wanted.size > MAX_FILE_BYTES:
            raise LimitError(f"{path}: {wanted.size} bytes are too many to read at once: restore it")
        return b"".join(self.pieces(path))

    def pieces(self, path: str | os.PathLike[str]) -> Iterator[bytes]:
        """As ``read_bytes``, in pieces, for a file of any size: what is wrong with it is found behind the last one."""
        reader, wanted, _ = self._wanted(path)
        yield from wanted.pieces(reader)

    def status(self, path: str | os.PathLike[str], *, missing_ok: bool = False) -> Status | None:
        """What is known of a path. Raises KeyError, unless it may be missing: None then."""
        found = self._row(path, "type, contents.size, time, mode")
        if found is None:
            if missing_ok:
                return None
            raise KeyError(os.fspath(path))
        kind, size, time, mode = found
        return Status(os.fspath(path), kind, size or 0, time, mode)

    def listdir(self, path: str = "") -> list[Status]:
        """What stands in a folder, "" for the tree's own. Raises KeyError where there is no such folder."""
        path = path.strip("/")
        if path and ((status := self.status(path)) is None or status.type != FOLDER):
            raise KeyError(path)
        text, escaped = _key(path)
        found = [
            Status(_name(item.path, bool(item.escaped)), item.type, item.size or 0, item.time, item.mode)
            for item in catalogue.inside(self.table, text, escaped)
        ]
        return sorted(found, key=lambda status: os.fsencode(status.path))

    @property
    def table(self) -> sqlite3.Connection:
        """The manifest, open to read: this thread's and this process' connection."""
        if getattr(self._tables, "process", None) != os.getpid():
            self._tables.process = os.getpid()
            self._tables.table = manifest.connect(self._path)
        table: sqlite3.Connection = self._tables.table
        return table

    def _row(self, path: str | os.PathLike[str], columns: str) -> Any:
        """Columns of what is known of a path; None where there is no such path."""
        tables = "entries LEFT JOIN contents USING (content) LEFT JOIN units USING (unit)"
        query = f"SELECT {columns} FROM {tables} WHERE path = ? AND escaped = ?"
        return self.table.execute(query, _key(path)).fetchone()

    def _wanted(self, path: str | os.PathLike[str]) -> tuple[UnitReader, Wanted, str]:
        found = self._row(path, "units.name, item, contents.size, contents.sha256, type")
        if found is None:
            raise KeyError(os.fspath(path))
        name, item, size, sha256, kind = found
        if kind != FILE:
            raise UsageError(f"{os.fspath(path)} is no file but a {kind}")
        return self._unit(name), Wanted(item, size, sha256, ()), os.fspath(path)

    def _unit(self, name: str) -> UnitReader:
        reader = self._units.get(name)
        if reader is None:
            if not isinstance(name, str) or not name.isalnum():
                raise FormatError(f"the manifest names a unit {name!r}, which no unit is called")
            path = self._folder / UNITS / (name + unit.SUFFIX)
            if self.damage:
                with path.open("rb") as file:
                    unit.check(file)  # the copy of the manifest has no SHA-256 of files
            reader = self._units[name] = UnitReader(path, self._find, self._limits)
            while len(self._units) > HELD_UNITS:
                self._units.popitem(last=False)
        others = [(other, held.source_bytes) for other, held in list(self._units.items()) if held is not reader]
        room = HELD_SOURCE_BYTES - reader.source_bytes
        for other, size in reversed(others):
            room -= size
            if size and room < 0:
                self._units.pop(other, None)
        return reader


def open_archive(
    folder: Folder, *, limits: Limits | None = None, storage_options: Mapping[str, Any] | None = None
) -> Archive:
    """Open an archive that ``sofc archive`` made, in a folder or at a URL that fsspec knows, with ``storage_options``
    for its store. Raises UsageError where there is none, FormatError for a damaged one, OSError.

    Samples of ``archive[path]`` are compared with the checks of their bands, bytes with the SHA-256 of the file.
    """
    return Archive(place_of(folder, storage_options), limits)


def _key(path: str | os.PathLike[str]) -> tuple[str, bool]:
    data = os.fsencode(path).strip(b"/")
    return shown(data), is_escaped(data)


def _name(text: str, escaped: bool) -> str:
    return os.fsdecode(path_of(text, bool(escaped)))
