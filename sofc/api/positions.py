"""Bytes of a file by their place, for several threads and forked processes at once."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
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
        return Positioned(lambda offset, size: _pread(file.fileno(), offset, size), os.fstat(file.fileno()).st_size)
    lock = threading.Lock()

    def read(offset: int, size: int) -> bytes:
        with lock:
            file.seek(offset)
            return file.read(size)

    return Positioned(read, file.seek(0, os.SEEK_END))


def _pread(handle: int, offset: int, size: int) -> bytes:
    """Like os.pread, which may give less than there is."""
    found = b""
    while len(found) < size and (piece := os.pread(handle, size - len(found), offset + len(found))):
        found = found + piece if found else piece
    return found
