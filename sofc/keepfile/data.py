"""The bytes of a file that is to be kept: in memory, or where they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sofc.errors import FormatError

PIECE_BYTES = 1 << 20


class FileData:
    """What is needed of ``bytes``, of a file that stays on disk. Raises OSError, FormatError for one that shrank."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = path.stat().st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        """Bytes that follow each other, read now."""
        first, end, step = part.indices(self._size)
        if step != 1:
            raise IndexError("bytes of a file are read one after the other")
        count = max(0, end - first)
        with self.path.open("rb") as file:
            file.seek(first)
            data = file.read(count)
        if len(data) < count:
            raise FormatError(f"{self.path}: became shorter while it was read")
        return data

    def find(self, wanted: bytes, start: int = 0) -> int:
        """Where these bytes stand first, from ``start`` on; -1 for nowhere."""
        for first in range(start, self._size - len(wanted) + 1, PIECE_BYTES):
            at = self[first : first + PIECE_BYTES + len(wanted) - 1].find(wanted)
            if at >= 0:
                return first + at
        return -1


Data = bytes | FileData


def pieces_of(data: Data) -> Iterator[bytes]:
    """All bytes, some at a time."""
    for first in range(0, len(data), PIECE_BYTES):
        yield data[first : first + PIECE_BYTES]
