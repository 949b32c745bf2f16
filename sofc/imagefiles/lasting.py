"""Files that stay open from one of their images to the next: opening them anew for each takes square time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class Lasting(threading.local, Generic[T]):
    """What a thread has of the file that it read last.

    ``make`` makes it of a path, ``close`` lets go of it, which is done where another file, or the same one changed, is
    asked for.
    """

    def __init__(self, make: Callable[[Path], T], close: Callable[[T], object] = lambda made: None) -> None:
        self._make = make
        self._close = close
        self._made: tuple[tuple[str, int, int], T] | None = None

    def of(self, path: Path) -> T:
        """What ``make`` made of the file, or makes."""
        stat = path.stat()
        key = os.fspath(path), stat.st_mtime_ns, stat.st_size
        if self._made is None or self._made[0] != key:
            self.drop()
            self._made = key, self._make(path)
        return self._made[1]

    def drop(self) -> None:
        """Let go of the file, as after its last image."""
        made, self._made = self._made, None
        if made is not None:
            self._close(made[1])
