"""Paths of an archive that a file system takes for one: names that differ in case, or in how letters are composed."""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from os import fsdecode
from pathlib import Path

from sofc.archive.tree import shown
from sofc.errors import UsageError


def refuse_clashes(root: Path, paths: Iterable[bytes]) -> None:
    """Raise UsageError where the folder ``root`` takes two of these paths for one: one file would replace another."""
    pairs = list(_alike(paths))
    if not pairs:
        return
    with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=root) as empty:
        taken = [pair for pair in pairs if not _tells_apart(Path(empty), *_first_difference(*pair))]
    if taken:
        (one, other), more = map(shown, taken[0]), f", and {len(taken) - 1} more such pairs" if taken[1:] else ""
        raise UsageError(
            f"{root} takes {one!r} and {other!r} for one name{more}: restore to a file system that tells them apart, "
            "or one of them by its path"
        )


def _alike(paths: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Pairs that some file system may take for one: the first of such paths, and each further one."""
    first: dict[str, bytes] = {}
    for path in paths:
        one = first.setdefault(unicodedata.normalize("NFC", shown(path).casefold()), path)
        if one != path:
            yield one, path


def _first_difference(one: bytes, other: bytes) -> tuple[str, str]:
    """The first names in which two paths differ: these are in the same folder."""
    names = zip(one.split(b"/"), other.split(b"/"), strict=True)
    return next((fsdecode(a), fsdecode(b)) for a, b in names if a != b)


def _tells_apart(folder: Path, one: str, other: str) -> bool:
    """Whether a file system tells two names apart, tried in an empty folder of it."""
    place = folder / one
    try:
        place.touch()
    except OSError:
        return True  # it has no such name, which is said once the file is to be made
    try:
        return not (folder / other).exists()
    finally:
        place.unlink()
