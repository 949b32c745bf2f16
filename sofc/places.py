"""Where files are: on this machine, or in a store that fsspec reaches, as ``s3://bucket/scans`` is.

Whole files of a store are read and written by copies on this machine, ``here`` and ``written``; so what reads and makes
files knows of paths alone.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from sofc.errors import SofcError, UsageError
from sofc.files import discard, publish, replacing

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")
_LOCAL = ("file://", "local://")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")
_BLOCK_BYTES = 1 << 17
"""What is asked of a store at least where parts of a file are read."""
_AT_ONCE = 8
"""Files that are fetched at the same time, from stores that allow it."""
_NAME_LETTERS = 48
"""Of the end of a name, which copies keep: letters may have four bytes, and names 255."""
_PAIRS = {".img": ".hdr", ".hdr": ".img"}
_NUMBERS: dict[type[OSError], int] = {
    FileNotFoundError: errno.ENOENT,
    FileExistsError: errno.EEXIST,
    PermissionError: errno.EACCES,
    IsADirectoryError: errno.EISDIR,
    NotADirectoryError: errno.ENOTDIR,
}
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
"""What stores call the time when a file was last written; fsspec has no name for it."""


class Stat(NamedTuple):
    """Size in bytes and time of the last change in nanoseconds since 1970 (0: not known), named as by ``os.stat``."""

    st_size: int
    st_mtime_ns: int


@dataclass(frozen=True)
class StorePath:
    """A file or folder of a store: the ``url`` that a person gave and what is ``below`` it, with slashes.

    Small and picklable; it holds no connection. ``options`` are fsspec's for the store, beyond its own configuration.
    Methods are those of ``pathlib.Path`` of the same names. What a store refuses is an OSError that names the file:
    FileNotFoundError and the like, or ConnectionError for all else, be it credentials or the network.
    """

    url: str
    below: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __str__(self) -> str:
        return without_credentials(self.url.rstrip("/") + self.below)

    def __truediv__(self, names: str) -> StorePath:
        return StorePath(self.url, f"{self.below}/{names}", self.options)

    @property
    def name(self) -> str:
        return str(self).rpartition("/")[2]

    @property
    def suffix(self) -> str:
        return Path(self.name).suffix

    def absolute(self) -> StorePath:
        return self

    def beside(self, suffix: str) -> StorePath:
        """The file beside this one whose name has another suffix."""
        return StorePath(self.url, self.below.removesuffix(self.suffix) + suffix, self.options)

    def exists(self) -> bool:
        with self._asked() as (store, path):
            return bool(store.exists(path))

    def is_dir(self) -> bool:
        with self._asked() as (store, path):
            return bool(store.isdir(path))

    def stat(self) -> Stat:
        with self._asked() as (store, path):
            return stat_of(store.info(path))

    def unlink(self) -> None:
        with self._asked() as (store, path):
            store.rm_file(path)

    def read_bytes(self) -> bytes:
        with self._asked() as (store, path):
            return bytes(store.cat_file(path))

    def open(self, mode: str = "rb") -> BinaryIO:
        """The file, to be read in parts."""
        assert mode == "rb", "files of stores are written as a whole"
        return io.BufferedReader(_Parts(self), _BLOCK_BYTES)

    def read_first(self, most: int) -> bytes:
        """The first so many bytes, or all where there are fewer; the store need not know the size."""
        with self._asked() as (store, path), store.open(path, "rb") as file:
            return bytes(file.read(most))

    def read_part(self, start: int, end: int) -> bytes:
        """Bytes from ``start`` to before ``end``, which is at most the size."""
        with self._asked() as (store, path):
            return bytes(store.cat_file(path, start=start, end=end))

    def fetch(self, folder: Path) -> Path:
        """Copy the file into a folder of this machine."""
        copy = folder / self.name[-_NAME_LETTERS:]
        with self._asked() as (store, path):
            store.get_file(path, os.fspath(copy))
        return copy

    def put(self, draft: Path) -> None:
        """Make the file of one of this machine, which goes; it appears as a whole, replacing what was there.

        Where the store moves files itself it is written under a hidden name and moved; elsewhere in one piece, which
        object stores show once all of it is there.
        """
        from fsspec.spec import AbstractFileSystem

        with self._asked() as (store, path):
            if type(store).mv is AbstractFileSystem.mv:
                store.put_file(os.fspath(draft), path)
            else:
                folder, _, name = path.rpartition("/")
                store.makedirs(folder, exist_ok=True)
                hidden = f"{folder}/.{name[:_NAME_LETTERS]}.{os.urandom(4).hex()}.part"
                store.put_file(os.fspath(draft), hidden)
                store.mv(hidden, path)
        discard(draft)

    @property
    def serves_several(self) -> bool:
        """Whether threads may ask the store at the same time, by the same connection."""
        with self._asked() as (store, _):
            return bool(store.async_impl)

    def names(self) -> list[str]:
        """What stands in the folder; nothing where there is none."""
        try:
            with self._asked() as (store, path):
                found = store.ls(path, detail=False)
        except FileNotFoundError:
            return []
        return [name.rstrip("/").rpartition("/")[2] for name in found if name.rstrip("/") != path]

    def inside(self) -> dict[str, Mapping[str, Any]]:
        """What fsspec knows of all that stands below, by the names below this one. Raises where a folder cannot be
        listed."""
        with self._asked() as (store, path):
            if store.async_impl:
                # Of an object that is called as a folder of others only one would be found among folders.
                found = store.find(path, detail=True)
            else:
                levels = store.walk(path, detail=True, on_error="raise")
                found = {info["name"]: info for _, *kinds in levels for of_kind in kinds for info in of_kind.values()}
        start = path.rstrip("/") + "/"
        return {name.removeprefix(start): info for name, info in found.items() if name.startswith(start)}

    @contextlib.contextmanager
    def _asked(self) -> Iterator[tuple[Any, str]]:
        """The store, and what it calls this file. What it raises becomes an error of this file."""
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise UsageError(f'{self}: stores need fsspec: pip install "sofc[archive]"') from None
        path = self.below
        try:
            # fsspec has one for each process: connections do not outlive a fork.
            store, base = url_to_fs(self.url, **self.options)
            store.invalidate_cache()  # others may have written since
            path = base.rstrip("/") + self.below
            yield store, path
        except SofcError:
            raise
        except ImportError as error:
            raise UsageError(f"{self}: {_line(error)}") from None
        except tuple(_NUMBERS) as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and not isinstance(cause, type(error)):
                raise self._unanswered(cause) from error  # of HTTP, where what is not reached is called missing
            number = next(number for kind, number in _NUMBERS.items() if isinstance(error, kind))
            reason = error.strerror or str(error)
            raise OSError(number, os.strerror(number) if path in reason else reason, str(self)) from error
        except Exception as error:  # each store has its own
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise  # of this machine's disk
            raise self._unanswered(error) from error

    def _unanswered(self, error: Exception) -> ConnectionError:
        return ConnectionError(errno.EIO, f"the store does not answer as it should: {_line(error)}", str(self))


Place: TypeAlias = Path | StorePath


class _Parts(io.RawIOBase):
    """A file of a store, of which parts are asked for as they are read."""

    def __init__(self, place: StorePath) -> None:
        self._place, self._at, self._size = place, 0, place.stat().st_size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        data = self._place.read_part(self._at, end) if self._at < end else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def place_of(where: str | os.PathLike[str] | StorePath, options: Mapping[str, Any] | None = None) -> Place:
    """The place that a path or a URL names. Raises UsageError for URLs of which nothing here knows."""
    if isinstance(where, StorePath):
        return where
    text = os.fspath(where)
    if not text:  # of a variable of a shell that is not set: Path would take it for the folder at hand
        raise UsageError("an empty name of a folder or file was given")
    if isinstance(where, os.PathLike) or not is_url(text):
        return Path(text)
    if text.startswith(_LOCAL):
        return Path(text.partition("://")[2])
    place = StorePath(text, options=dict(options or {}))
    try:
        with place._asked():
            pass
    except ConnectionError as error:
        raise UsageError(f"{place}: {error.strerror}") from None
    return place


def is_url(text: str) -> bool:
    """Whether a text names a file or folder of a store."""
    return _URL.match(text) is not None


def without_credentials(text: str) -> str:
    """Text without the names and passwords that stand in its URLs: for messages."""
    return _CREDENTIALS.sub("", text)


def stat_of(info: Mapping[str, Any]) -> Stat:
    """Size and time of what fsspec knows of a file."""
    time = next((info[name] for name in _TIMES if info.get(name)), 0)
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    if isinstance(time, datetime):
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)) - datetime.fromtimestamp(0, UTC)
        return Stat(info["size"] or 0, time // timedelta(microseconds=1) * 1000)
    # Some give a date of one file, and of many seconds as a float, which is right to the microsecond.
    return Stat(info["size"] or 0, time * 10**9 if isinstance(time, int) else round(time * 1e6) * 1000)


@contextlib.contextmanager
def here(place: Place) -> Iterator[Path]:
    """The file on this machine: itself, or a copy that is there as long as the block."""
    with here_all([place]) as (found,):
        if isinstance(found, OSError):
            raise found
        yield found


@contextlib.contextmanager
def here_all(places: Sequence[Place]) -> Iterator[list[Path | OSError]]:
    """Files on this machine, as ``here``; in place of one that cannot be had, why."""
    if not any(isinstance(place, StorePath) for place in places):
        yield [place for place in places if isinstance(place, Path)]
        return
    with tempfile.TemporaryDirectory(prefix="sofc.") as folder:
        numbered = [(place, Path(folder) / str(number)) for number, place in enumerate(places)]
        at_once = len(places) > 1 and any(isinstance(place, StorePath) and place.serves_several for place in places)
        with ThreadPoolExecutor(_AT_ONCE) if at_once else contextlib.nullcontext() as pool:
            yield list((pool.map if pool else map)(_fetched, numbered))


def _fetched(numbered: tuple[Place, Path]) -> Path | OSError:
    place, folder = numbered
    if isinstance(place, Path):
        return place
    try:
        folder.mkdir()
        # The samples of a volume and their head: who reads one looks for the other beside it.
        beside = _PAIRS.get(place.suffix)
        if beside and (other := place.beside(beside)).exists():
            other.fetch(folder)
        return place.fetch(folder)
    except OSError as error:
        return error


@contextlib.contextmanager
def as_of(place: Place, copy: Path) -> Iterator[None]:
    """Errors of a copy on this machine name the file that it is of."""
    try:
        yield
    except SofcError as error:
        error.args = (str(error).replace(str(copy), str(place)),)
        raise


@contextlib.contextmanager
def replacing_at(place: Place) -> Iterator[BinaryIO]:
    """A file to write that appears once the block ends without an error, replacing what was there: ``files.replacing``
    for any place."""
    if isinstance(place, Path):
        with replacing(place) as file:
            yield file
        return
    with workshop(place) as folder:
        draft = folder / "draft"
        with draft.open("wb") as written:
            yield written
        place.put(draft)


@contextlib.contextmanager
def workshop(folder: Place) -> Iterator[Path]:
    """A folder of this machine where files for a folder are made: that one itself, or one that goes with the block."""
    if isinstance(folder, Path):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="sofc.") as name:
        yield Path(name)


def deliver(draft: Path, place: Place) -> None:
    """Give a file that was made in the workshop of its folder its name there, replacing what was there."""
    if isinstance(place, Path):
        publish(draft, place, replace=True)
    else:
        place.put(draft)


def move(place: Place, target: Place) -> None:
    """Give a file another name, replacing what was there: in a store it is written once more."""
    if isinstance(place, Path):
        assert isinstance(target, Path)
        place.replace(target)
    else:
        with here(place) as draft:
            deliver(draft, target)
        place.unlink()


def make_folder(place: Place) -> None:
    """Make a folder and those that it is in. Stores have none, or make them for the files in them."""
    if isinstance(place, Path):
        place.mkdir(parents=True, exist_ok=True)


def remove_folder(place: Place) -> None:
    """Remove a folder and all that is in it."""
    if isinstance(place, Path):
        shutil.rmtree(place)
        return
    for file in sizes_below(place):
        file.unlink()


@contextlib.contextmanager
def claimed(place: Place) -> Iterator[Callable[[], None]]:
    """While the block lasts the file ``place`` says that somebody is at work. Gives a function that raises UsageError
    once another has begun.

    Folders that the system can lock keep others out: UsageError. Stores have no locks: there the last who came goes on,
    and the one before notices. Where the system has no such locks nobody is kept out.
    """
    if isinstance(place, Path):
        with place.open("ab") as lock:
            try:
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:
                pass
            except BlockingIOError:
                raise UsageError(f"{place.parent.parent} is being made by another run: wait for it") from None
            yield lambda: None
        return
    name = os.urandom(16)
    with replacing_at(place) as file:
        file.write(name)

    def check() -> None:
        if not place.exists() or place.read_bytes() != name:
            raise UsageError(f"{place} is of another run by now, which goes on: wait for that one")

    yield check


def names_in(place: Place) -> list[str]:
    """What stands in a folder; nothing where there is none."""
    if isinstance(place, Path):
        return [path.name for path in place.iterdir()] if place.exists() else []
    return place.names()


def sizes_below(place: Place) -> dict[Place, int]:
    """All files below a folder, and their bytes; nothing where there is none."""
    if isinstance(place, Path):
        return {path: path.stat().st_size for path in place.rglob("*") if path.is_file()}
    found = place.inside().items() if place.is_dir() else ()
    return {place / name: stat_of(info).st_size for name, info in found if info["type"] != "directory"}


def is_within(place: Place, folder: Place) -> bool:
    """Whether a place is a folder, or in it."""
    if isinstance(place, Path) and isinstance(folder, Path):
        return place.resolve().is_relative_to(folder.resolve())
    return f"{place}/".startswith(f"{folder}/")


def _line(error: BaseException) -> str:
    """What an error says, in one line."""
    return without_credentials(f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": "))
