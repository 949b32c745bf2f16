"""Pages of what an archive lists: each reads a bounded part of the manifest, however large it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from sofc.errors import FormatError

SCANNED = 1 << 19
"""Entries that are looked at for one page of a search or of a kind: what is further on is on the pages after it."""
_COLUMNS = (
    "path, escaped, type, time, mode, size, contents.bytes, way, kind, "
    "format, images, width, height, components, bits, units.name, item"
)
_JOINED = "LEFT JOIN contents USING (content) LEFT JOIN units USING (unit)"
Cursor = tuple[str, int]
"""Of an entry in the order of the manifest: its path as text, and whether that is escaped."""
START: Cursor = "", -1
_END: Cursor = "\U0010ffff", 2
_BEHIND = "(path, escaped) > (?, ?) ORDER BY path, escaped"
_FEW, _MANY = 4, 256
"""Entries that are read at once: behind a folder, and at most."""


class Item(NamedTuple):
    """An entry, and what is known of its content: as the columns of the manifest, None where it has none."""

    path: str
    escaped: int
    type: str
    time: int
    mode: int
    size: int | None
    bytes: int | None
    way: str | None
    kind: int | None
    format: str | None
    images: int | None
    width: int | None
    height: int | None
    components: int | None
    bits: int | None
    unit: str | None
    item: int | None

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Item:
        """A row as an item. Raises FormatError: SQLite keeps values of any type in any column."""
        if not all(isinstance(value, kind) for value, kind in zip(row, _TYPES, strict=True)):
            raise FormatError(f"the manifest cannot be read: it has a row of other types, {row!r}")
        return cls(*row)

    @property
    def cursor(self) -> Cursor:
        """Where it stands in the manifest, for a page that goes on behind it."""
        return self.path, self.escaped

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


_TYPES = (
    *(str, int, str, int, int, int | None, int | None, str | None, int | None),
    *(str | None, *[int | None] * 5, str | None, int | None),
)


class KindCount(NamedTuple):
    """A kind: its number and name, its distinct contents, their bytes, and what they take."""

    number: int
    name: str
    contents: int
    size: int
    stored: int


class Page(NamedTuple):
    """Items, and the cursor after which the next page begins; None where there is none."""

    items: list[Item]
    after: Cursor | None


def kinds(table: sqlite3.Connection) -> list[KindCount]:
    """All kinds. It goes through all contents: ask once."""
    query = (
        "SELECT kinds.kind, kinds.name, count(content), total(size), total(bytes) FROM kinds "
        "LEFT JOIN contents USING (kind) GROUP BY kinds.kind ORDER BY kinds.kind"
    )
    try:
        rows = table.execute(query).fetchall()
    except sqlite3.Error as error:
        raise FormatError(f"the manifest cannot be read: {error}") from None
    return [KindCount(number, str(name), count, int(size), int(stored)) for number, name, count, size, stored in rows]


def entry(table: sqlite3.Connection, path: str, escaped: bool) -> Item | None:
    """What is known of a path; None where there is no such."""
    query = f"SELECT {_COLUMNS} FROM entries {_JOINED} WHERE path = ? AND escaped = ?"
    row = table.execute(query, (path, escaped)).fetchone()
    return None if row is None else Item.of(row)


def inside(table: sqlite3.Connection, path: str, escaped: bool, after: Cursor | None = None) -> Iterator[Item]:
    """What stands in a folder, "" for the tree's own, from behind ``after`` on.

    Names that need an escape stand in a folder whose own does not, too: in their paths its backslashes are doubled.
    """
    starts: dict[str, set[int]] = {path: {int(escaped)}}
    starts.setdefault(path if escaped else path.replace("\\", "\\\\"), set()).add(1)
    prefixes = [(f"{start}/" if start else "", kinds) for start, kinds in starts.items()]
    for number, (prefix, kinds) in enumerate(prefixes):
        begins_here = after is not None and after[0].startswith(prefix)
        if after is None or begins_here or any(after[0].startswith(other) for other, _ in prefixes[:number]):
            yield from _below(table, prefix, kinds, after if after is not None and begins_here else (prefix, -1))


def _below(table: sqlite3.Connection, prefix: str, kinds: set[int], last: Cursor) -> Iterator[Item]:
    """What stands in the folder whose paths begin so, escaped or not, behind ``last``.

    Of what is deeper little is read: after the first of a folder the search goes on behind it.
    """
    query = f"SELECT {_COLUMNS} FROM entries {_JOINED} WHERE {_BEHIND} LIMIT ?"
    count = _FEW
    while rows := table.execute(query, (*last, count)).fetchall():
        count = min(2 * count, _MANY)
        for row in rows:
            found = Item.of(row)
            if not found.path.startswith(prefix):
                return
            last = found.cursor
            name, _, deeper = found.path[len(prefix) :].partition("/")
            if deeper:
                last, count = (f"{prefix}{name}0", -1), _FEW  # "0" follows "/"
                break
            if found.escaped in kinds:
                yield found


def folder(table: sqlite3.Connection, path: str, escaped: bool, after: Cursor | None, count: int) -> Page:
    """A page of what stands in a folder, "" for the tree's own."""
    items = list(islice(inside(table, path, escaped, after), count + 1))
    return Page(items[:count], items[count - 1].cursor if len(items) > count else None)


def of_kind(table: sqlite3.Connection, kind: int, after: Cursor | None, count: int) -> Page:
    """A page of the files of a kind."""
    return _scan(table, "kind = ?", kind, after, count)


def named(table: sqlite3.Connection, text: str, after: Cursor | None, count: int) -> Page:
    """A page of what has ``text`` in its path, small or large, where ``*`` stands for any characters and ``?`` for
    one."""
    literal = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    pattern = f"%{literal.replace('*', '%').replace('?', '_')}%"
    return _scan(table, "path LIKE ? ESCAPE '\\'", pattern, after, count)


def _scan(table: sqlite3.Connection, condition: str, value: Any, after: Cursor | None, count: int) -> Page:
    """A page of what fulfils a condition among SCANNED entries: it may be short, or empty, and not be the last."""
    bounds = f"SELECT path, escaped FROM entries WHERE {_BEHIND} LIMIT 1 OFFSET ?"
    found = f"{condition} AND (path, escaped) <= (?, ?) AND {_BEHIND}"
    query = f"SELECT {_COLUMNS} FROM entries {_JOINED} WHERE {found} LIMIT ?"
    last, scanned, window = after or START, 0, _MANY
    items: list[Item] = []
    while scanned < SCANNED:
        end = table.execute(bounds, (*last, window - 1)).fetchone()
        rows = table.execute(query, (value, *(end or _END), *last, count + 1 - len(items)))
        items += [Item.of(row) for row in rows]
        if len(items) > count:
            return Page(items[:count], items[count - 1].cursor)
        if end is None:
            return Page(items, None)
        last, scanned = end, scanned + window
        window = min(4 * window, SCANNED - scanned)
    return Page(items, last)
