"""Spec archive/manifest: the table of what an archive holds, its copy, and which of both is sound."""

from __future__ import annotations

import contextlib
import hashlib
import json
import lzma
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from importlib import metadata
from operator import attrgetter
from pathlib import Path
from typing import Any

from sofc.archive.kinds import digest_of
from sofc.container import schema
from sofc.container.chunks import other_version
from sofc.errors import FormatError, UnsupportedError, UsageError
from sofc.places import Place, as_of, deliver, here, move, replacing_at

NAME, COPY, CHECK = "manifest.sqlite", "manifest.copy.xz", "manifest.sha256"
NEW = ".manifest.new.sqlite"
"""A whole manifest that is to be the one, while the copy and the check are still written."""
FORMAT = f"{schema.VERSION_MAJOR}.{schema.VERSION_MINOR[schema.SIGNATURE]}"
"""That of the sofc files in the units, which no other draft decodes."""
_FIRST_DRAFT = "0.1"
"""Called 1 in manifests of its time."""
MOST_COPY_BYTES = 1 << 32
"""Of a copy, unpacked: a reader takes no larger ones."""
_DICTIONARY = 1 << 21
"""Of the copy: packing takes some eleven times as much memory, and like stands beside like."""
_SCHEMA = """
CREATE TABLE archive (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE kinds (kind INTEGER PRIMARY KEY, name TEXT, store TEXT, effort INTEGER, codebook TEXT);
CREATE TABLE units (unit INTEGER PRIMARY KEY, name TEXT, bytes INTEGER, sha256 BLOB);
CREATE TABLE contents (content INTEGER PRIMARY KEY, sha256 BLOB, size INTEGER, kind INTEGER, unit INTEGER,
  item INTEGER, bytes INTEGER, way TEXT, format TEXT, images INTEGER, width INTEGER, height INTEGER,
  components INTEGER, bits INTEGER);
CREATE TABLE entries (path TEXT, escaped INTEGER, type TEXT, time INTEGER, mode INTEGER, content INTEGER,
  target BLOB, PRIMARY KEY (path, escaped)) WITHOUT ROWID;
CREATE VIEW files AS SELECT path, escaped, type, size, time, mode, lower(hex(contents.sha256)) AS sha256,
  kinds.name AS kind, units.name AS unit, item, contents.bytes AS bytes,
  CASE way WHEN 'i' THEN 'collection' WHEN 'f' THEN 'sofc' WHEN 'c' THEN 'crop' WHEN 'p' THEN 'packed' END AS coder,
  format, images, width, height, components, contents.bits AS bits, target
  FROM entries LEFT JOIN contents USING (content) LEFT JOIN kinds USING (kind) LEFT JOIN units USING (unit);
"""
TABLES = {
    "archive": ("key", "value"),
    "kinds": ("kind", "name", "store", "effort", "codebook"),
    "units": ("unit", "name", "bytes", "sha256"),
    "contents": (
        *("content", "sha256", "size", "kind", "unit", "item", "bytes", "way"),
        *("format", "images", "width", "height", "components", "bits"),
    ),
    "entries": ("path", "escaped", "type", "time", "mode", "content", "target"),
}
_NOT_COPIED = {("contents", "sha256")}
_HEXADECIMAL = {("units", "sha256"), ("entries", "target")}


@dataclass(frozen=True, slots=True)
class KindRow:
    """A kind. ``codebook``: the id of the one trained for it, in hexadecimal."""

    name: str
    store: str
    effort: int
    codebook: str | None = None


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit: the name of its file without suffix, its size in bytes and their SHA-256."""

    name: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class ContentRow:
    """The bytes that one or more files have. ``sha256`` is empty where a copy has been read. ``kind`` and ``unit`` are
    numbers of their rows, ``item`` that of the content in its unit, which takes ``bytes`` of it; ``way`` as in units.
    """

    sha256: bytes
    size: int
    kind: int
    unit: int
    item: int
    bytes: int
    way: str
    format: str
    images: int
    width: int
    height: int
    components: int
    bits: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """What stands in the tree, as ``tree.Entry`` has it; ``content``: the number of a file's."""

    path: str
    escaped: bool
    type: str
    time: int
    mode: int
    content: int | None
    target: bytes | None


_ROWS = {"kinds": KindRow, "units": UnitRow, "contents": ContentRow}


@dataclass
class Manifest:
    """All rows; the number of each is its place, from 0."""

    kinds: list[KindRow] = field(default_factory=list)
    units: list[UnitRow] = field(default_factory=list)
    contents: list[ContentRow] = field(default_factory=list)
    entries: list[EntryRow] = field(default_factory=list)

    def write(self, folder: Place) -> None:
        """Write the manifest, its check and its copy, so that at any moment one of both is sound."""
        beside = folder if isinstance(folder, Path) else None
        with tempfile.TemporaryDirectory(prefix=".manifest.", dir=beside) as drafts:
            draft = Path(drafts) / NAME
            with contextlib.closing(sqlite3.connect(draft)) as table:
                self._fill(table)
            with draft.open("rb") as written:
                os.fsync(written.fileno())
            check = _check_of(draft)
            deliver(draft, folder / NEW)
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": _DICTIONARY}]
        with (
            replacing_at(folder / COPY) as file,
            lzma.open(file, "wb", check=lzma.CHECK_SHA256, filters=filters) as packer,
        ):
            for piece in self._as_json():
                packer.write(piece)
        with replacing_at(folder / CHECK) as file:
            file.write(check.encode())
        move(folder / NEW, folder / NAME)

    def _fill(self, table: sqlite3.Connection) -> None:
        # The file is a draft: no journal is needed.
        table.execute("PRAGMA journal_mode = OFF")
        table.execute("PRAGMA synchronous = OFF")
        table.executescript(_SCHEMA)
        for name, columns in TABLES.items():
            marks = ", ".join("?" * len(columns))
            table.executemany(f"INSERT INTO {name} VALUES ({marks})", self._rows(name))
        table.commit()
        table.execute("VACUUM")  # paths that are put in one by one leave an eighth of their pages empty

    def _rows(self, name: str) -> Iterator[tuple[Any, ...]]:
        if name == "archive":
            yield from (("format", FORMAT), ("sofc", metadata.version("sofc")))
        elif name == "entries":
            ordered = sorted(self.entries, key=lambda row: (row.path.encode(), row.escaped))
            yield from map(_values_of(EntryRow), ordered)
        else:
            rows = map(_values_of(_ROWS[name]), getattr(self, name))
            yield from ((number, *values) for number, values in enumerate(rows))

    def _as_json(self) -> Iterator[bytes]:
        """Columns of each table, so that like stands beside like; in pieces, as there may be millions of rows."""
        for number, (name, columns) in enumerate(TABLES.items()):
            yield f'{"," if number else "{"}"{name}":'.encode()
            rows, before = list(self._rows(name)), "{"
            for place, column in enumerate(columns):
                if (name, column) in _NOT_COPIED:
                    continue
                values = [row[place] for row in rows]
                if (name, column) in _HEXADECIMAL:
                    values = [None if value is None else value.hex() for value in values]
                yield f'{before}"{column}":{json.dumps(values, separators=(",", ":"))}'.encode()
                before = ","
            yield b"}"
        yield b"}"


def _values_of(row: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Gives the values of a row of this type, without copies as ``dataclasses.astuple`` makes them."""
    return attrgetter(*(column.name for column in fields(row)))


def _check_of(path: Path) -> str:
    """What ``sha256sum`` says of a manifest, by whatever name it goes for now."""
    return f"{digest_of(path)}  {NAME}\n"


def is_archive(folder: Place) -> bool:
    """Whether there is a finished archive."""
    return any((folder / name).exists() for name in (NAME, COPY))


@contextlib.contextmanager
def opened(folder: Place, damage: list[str]) -> Iterator[sqlite3.Connection]:
    """The manifest of an archive, to read. Where it is not sound its copy is read, and ``damage`` is told so.

    Raises FormatError where neither is sound, UsageError where there is no archive.
    """
    with sound(folder, damage) as path, contextlib.closing(connect(path)) as table:
        yield table


def connect(path: Path) -> sqlite3.Connection:
    """Open a manifest that is sound, and that nobody changes meanwhile. Raises FormatError, UnsupportedError for one of
    another version of the format."""
    table = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    try:
        found = dict(table.execute("SELECT key, value FROM archive"))
    except sqlite3.DatabaseError as error:
        table.close()
        raise FormatError(f"{path} is no manifest of an archive: {error}") from None
    version = found.get("format")
    if version != FORMAT:
        table.close()
        version = _FIRST_DRAFT if version == "1" else version
        maker = f"sofc {found['sofc']}, which made it" if "sofc" in found else "the sofc that made it"
        raise UnsupportedError(f"{path}: {other_version(str(version), FORMAT, maker)}")
    return table


@contextlib.contextmanager
def sound(folder: Place, damage: list[str]) -> Iterator[Path]:
    """The path of the manifest on this machine, or of one that is made of its copy; the rest as for ``opened``."""
    if not is_archive(folder):
        there = "it is a file" if folder.exists() else "there is no such folder"
        raise UsageError(f"{folder} is no archive: {f'it has no {NAME}' if folder.is_dir() else there}")
    with contextlib.ExitStack() as resources:
        try:
            path = resources.enter_context(here(folder / NAME))
            is_sound = (folder / CHECK).read_bytes() == _check_of(path).encode()
        except ConnectionError:
            raise
        except OSError:
            is_sound = False
        if not is_sound:
            damage.append(f"{NAME} is damaged or does not match {CHECK}: its copy {COPY} is used")
            drafts = resources.enter_context(tempfile.TemporaryDirectory())
            path = _from_copy(folder / COPY, Path(drafts) / NAME)
        with as_of(folder / NAME, path):
            yield path


def _from_copy(copy: Place, path: Path) -> Path:
    try:
        with here(copy) as packed, lzma.open(packed) as file:
            text = file.read(MOST_COPY_BYTES + 1)
        if len(text) > MOST_COPY_BYTES:
            raise ValueError(f"larger than {MOST_COPY_BYTES} bytes")
        tables = json.loads(text)
        with contextlib.closing(sqlite3.connect(path)) as table:
            table.executescript(_SCHEMA)
            for name, columns in TABLES.items():
                rows = _rows_of(name, columns, tables[name])
                table.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows)
            table.commit()
    except ConnectionError:
        raise
    except (OSError, lzma.LZMAError, EOFError, ValueError, KeyError, TypeError, sqlite3.Error) as error:
        raise FormatError(f"{copy}, the copy of the manifest, is damaged: {error}") from None
    return path


def check_copy(folder: Place) -> None:
    """Raise FormatError where the copy of a manifest is damaged."""
    with tempfile.TemporaryDirectory() as drafts:
        _from_copy(folder / COPY, Path(drafts) / NAME)


def _rows_of(name: str, columns: tuple[str, ...], table: dict[str, list[Any]]) -> Iterator[tuple[Any, ...]]:
    count = len(table[columns[0]])
    values: list[list[Any]] = []
    for column in columns:
        if (name, column) in _NOT_COPIED:
            values.append([b""] * count)
        elif (name, column) in _HEXADECIMAL:
            values.append([None if value is None else bytes.fromhex(value) for value in table[column]])
        else:
            values.append(table[column])
    yield from zip(*values, strict=True)


def read(folder: Place, damage: list[str]) -> Manifest:
    """All rows of an archive's manifest; the rest as for ``opened``."""
    with opened(folder, damage) as table:
        return _read(table, folder)


def finish(folder: Place) -> None:
    """Do the rest of a ``write`` that was ended in its midst."""
    if (folder / NEW).exists():
        with here(folder / NEW) as path, contextlib.closing(connect(path)) as table:
            made = _read(table, folder)
        made.write(folder)


def _read(table: sqlite3.Connection, folder: Place) -> Manifest:
    kinds: tuple[tuple[str, type[Any], str], ...] = (
        ("kinds", KindRow, "kind"),
        ("units", UnitRow, "unit"),
        ("contents", ContentRow, "content"),
    )
    made = Manifest()
    try:
        for name, row, number in kinds:
            wanted = ", ".join(column for column in TABLES[name] if column != number)
            rows = table.execute(f"SELECT {wanted} FROM {name} ORDER BY {number}")
            getattr(made, name).extend(row(*values) for values in rows)
        for path, escaped, *rest in table.execute("SELECT * FROM entries ORDER BY path, escaped"):
            made.entries.append(EntryRow(path, bool(escaped), *rest))
    except (sqlite3.Error, TypeError) as error:
        raise FormatError(f"the manifest of {folder} cannot be read: {error}") from None
    return made


def digest_bytes(text: str) -> bytes:
    """A SHA-256 in hexadecimal as bytes."""
    digest = bytes.fromhex(text)
    assert len(digest) == hashlib.sha256().digest_size
    return digest
