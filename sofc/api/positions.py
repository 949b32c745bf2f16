"""Bytes of a file by their place, for several threads and forked processes at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BufferedReader, BytesIO, FileIO
from typing import BinaryIO

from sofc.container.walker import ReadAt


@dataclass(frozen=True)
class Positioned:
    """``read(offset, size)`` gives so many bytes, or as many as there are; ``size`` is that of the file."""

    read: ReadAt
    size: int


def positioned(file: BinaryIO) -> Positioned:
    """The bytes of a file that can seek.

    Files on disk are read by their place, without moving the position that threads and forked processes share, and
    bytes in memory are cut out. Any other file is read behind a lock, which serves threads alone.
    """
    if isinstance(file, BytesIO):
        data = file.getvalue()
        return Positioned(lambda offset, size: data[offset : offset + size], len(data))
    if isinstance(file, BufferedReader) and isinstance(file.raw, FileIO) and hasattr(os, "pread"):
        # The handle is asked for each time: that of a file which was closed may be another's by then.
        read = partial(_gathered, lambda left, place: os.pread(file.fileno(), left, place))
        return Positioned(read, os.fstat(file.fileno()).st_size)
    lock = threading.Lock()

    def read_alone(offset: int, size: int) -> bytes:
        with lock:
            file.seek(offset)
            return _gathered(lambda left, _: file.read(left), offset, size)

    return Positioned(read_alone, file.seek(0, os.SEEK_END))


def _gathered(piece: Callable[[int, int], bytes], offset: int, size: int) -> bytes:
    """So many bytes, or as many as there are, of ``piece(size, offset)``, which may give less."""
    found = b""
    while len(found) < size and (more := piece(size - len(found), offset + len(found))):
        found = found + more if found else more
    return found
