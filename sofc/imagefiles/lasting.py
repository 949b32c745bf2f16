"""Files that stay open from one of their images to the next: opening them anew for each takes square time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
_TICK = 2 * 10**9
"""Nanoseconds in which a file may change twice and have one time: file systems count in steps of up to two seconds."""


class Lasting(threading.local, Generic[T]):
    """What a thread has of the file that it read last.

    ``make`` makes it of a path, ``close`` lets go of it, which is done where another file, or the same one changed, is
    asked for. ``is_cheap``: what is made of a file that changed just now is made anew each time, as that may change
    once more without its time telling.
    """

    def __init__(
        self, make: Callable[[Path], T], close: Callable[[T], object] = lambda made: None, *, is_cheap: bool = False
    ) -> None:
        self._make = make
        self._close = close
        self._is_cheap = is_cheap
        self._made: tuple[tuple[object, ...], T] | None = None
        self._lasts = True

    def of(self, path: Path) -> T:
        """What ``make`` made of the file, or makes."""
        stat = path.stat()
        key = os.fspath(path), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
        if self._made is None or self._made[0] != key or not self._lasts:
            self.drop()
            self._lasts = not self._is_cheap or time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) > _TICK
            self._made = key, self._make(path)
        return self._made[1]

    def drop(self) -> None:
        """Let go of the file, as after its last image."""
        made, self._made = self._made, None
        if made is not None:
            self._close(made[1])
