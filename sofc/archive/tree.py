"""What stands in a tree of files, and names that are safe to make files of."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from sofc.errors import FormatError
from sofc.places import Place, StorePath, stat_of

FILE, FOLDER, LINK, SPECIAL = "file", "folder", "link", "special"
MODES = 0o7777
STORED_MODE, STORED_FOLDER_MODE = 0o644, 0o755
"""Of files and folders in stores that know of no modes."""
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


def walk(root: Place, errors: list[tuple[bytes, OSError]]) -> Iterator[Entry]:
    """All that stands below ``root``, each folder before what is in it, sorted by bytes. Links are not followed.

    Folders that cannot be entered, and what has no path that a tree can have, go to ``errors``.
    """
    if isinstance(root, StorePath):
        yield from _walk_store(root, errors)
        return
    waiting = [root]
    while waiting:
        path = waiting.pop()
        try:
            entry = entry_at(root, path)
            inside = [*path.iterdir()] if entry.type == FOLDER or path == root else []
        except OSError as error:
            errors.append((os.fsencode(path.relative_to(root)), error))
            continue
        if path != root:
            yield entry
        waiting += sorted(inside, key=os.fsencode, reverse=True)


def entry_at(root: Path, path: Path) -> Entry:
    """What stands at a path of a tree. Raises OSError."""
    state = path.lstat()
    name = os.fsencode(path.relative_to(root).as_posix())
    mode, time = state.st_mode & MODES, state.st_mtime_ns
    if stat.S_ISREG(state.st_mode):
        return Entry(name, FILE, state.st_size, time, mode)
    if stat.S_ISLNK(state.st_mode):
        return Entry(name, LINK, 0, time, mode, os.fsencode(path.readlink()))
    return Entry(name, FOLDER if stat.S_ISDIR(state.st_mode) else SPECIAL, 0, time, mode)


def _walk_store(root: StorePath, errors: list[tuple[bytes, OSError]]) -> Iterator[Entry]:
    """Stores have names alone: an object may be called as a folder of others, or as no file can be."""
    found: dict[bytes, Entry] = {}
    folders: dict[bytes, Entry] = {}
    for text, info in root.inside().items():
        is_folder = not info["size"] if text.endswith("/") else info["type"] == "directory"
        name = os.fsencode(text.rstrip("/") if is_folder else text)
        size, time = stat_of(info)
        mode = info.get("mode", STORED_FOLDER_MODE if is_folder else STORED_MODE) & MODES
        if not is_safe(name):
            errors.append((name, OSError(errno.EINVAL, "no file of a tree can have this name", str(root / text))))
        elif is_folder:
            folders[name] = Entry(name, FOLDER, 0, time, mode)
        else:
            found[name] = Entry(name, FILE if info["type"] == "file" else SPECIAL, size, time, mode)
        for end in (place for place, byte in enumerate(name) if byte == ord("/") and is_safe(name)):
            folders.setdefault(name[:end], Entry(name[:end], FOLDER, 0, 0, STORED_FOLDER_MODE))
    for name in found.keys() & folders.keys():
        errors.append((name, OSError(errno.EISDIR, "a folder has the same name", str(root / os.fsdecode(name)))))
    yield from sorted((found | folders).values(), key=lambda entry: entry.path.split(b"/"))


def is_safe(path: bytes) -> bool:
    """Whether a path leads to something in a tree: Spec archive/paths."""
    return b"\0" not in path and not any(name in (b"", b".", b"..") for name in path.split(b"/"))


@overload
def place(root: Path, path: bytes) -> Path: ...
@overload
def place(root: Place, path: bytes) -> Place: ...
def place(root: Place, path: bytes) -> Place:
    """Where a path of an archive is in a tree. Raises FormatError for one that would lead out of the tree."""
    if not is_safe(path):
        raise FormatError(f"the path {shown(path)!r} leads out of the tree, or is none: it is not restored")
    found = root / os.fsdecode(path)
    if isinstance(root, StorePath) or isinstance(found, StorePath):
        return found
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
