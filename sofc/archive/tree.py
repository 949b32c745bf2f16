"""What stands in a tree of files, and names that are safe to make files of."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sofc.errors import FormatError

FILE, FOLDER, LINK, SPECIAL = "file", "folder", "link", "special"
MODES = 0o7777
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})|\\\\")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a tree. ``path``: relative, with slashes, as the bytes that the system has. ``size``: bytes of a
    file, else 0. ``time``: when it was last changed, in nanoseconds since 1970. ``mode``: permission bits. ``target``:
    of a link."""

    path: bytes
    type: str
    size: int
    time: int
    mode: int
    target: bytes = b""


def walk(root: Path, errors: list[OSError]) -> Iterator[Entry]:
    """All that stands below ``root``, each folder before what is in it, sorted by bytes. Links are not followed.

    Folders that cannot be entered go to ``errors``.
    """
    waiting = [root]
    while waiting:
        path = waiting.pop()
        try:
            entry = _entry(root, path)
            inside = [*path.iterdir()] if entry.type == FOLDER or path == root else []
        except OSError as error:
            errors.append(error)
            continue
        if path != root:
            yield entry
        waiting += sorted(inside, key=os.fsencode, reverse=True)


def _entry(root: Path, path: Path) -> Entry:
    state = path.lstat()
    name = os.fsencode(path.relative_to(root).as_posix())
    mode, time = state.st_mode & MODES, state.st_mtime_ns
    if stat.S_ISREG(state.st_mode):
        return Entry(name, FILE, state.st_size, time, mode)
    if stat.S_ISLNK(state.st_mode):
        return Entry(name, LINK, 0, time, mode, os.fsencode(path.readlink()))
    return Entry(name, FOLDER if stat.S_ISDIR(state.st_mode) else SPECIAL, 0, time, mode)


def place(root: Path, path: bytes) -> Path:
    """Where a path of an archive is in a tree on disk. Raises FormatError for one that would lead out of the tree."""
    names = path.split(b"/")
    if b"\0" in path or any(name in (b"", b".", b"..") for name in names):
        raise FormatError(f"the path {shown(path)!r} leads out of the tree, or is none: it is not restored")
    found = root / os.fsdecode(path)
    if os.name == "nt" and (found.drive != root.drive or b"\\" in path or b":" in path):
        raise FormatError(f"the path {shown(path)!r} is none on this system: it is not restored")
    return found


def shown(path: bytes) -> str:
    """A path as text: Spec archive/paths. What is not UTF-8 is escaped, and backslashes beside it are doubled."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return path.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def is_escaped(path: bytes) -> bool:
    """Whether ``shown`` had to escape the path."""
    try:
        path.decode()
    except UnicodeDecodeError:
        return True
    return False


def path_of(text: str, escaped: bool) -> bytes:
    """The path that ``shown`` made text of."""
    data = text.encode()
    if not escaped:
        return data
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]) if found[1] else b"\\", data)
