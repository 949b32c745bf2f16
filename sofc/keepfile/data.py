"""The bytes of a file that is to be kept: in memory, or where they are."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sofc.errors import FormatError
from sofc.files import naming
from sofc.imagefiles.rows import LARGE_BYTES

PIECE_BYTES = 1 << 20


class FileData:
    """What is needed of ``bytes``, of a file that stays on disk, or a part of it. Raises OSError, FormatError where it
    shrank."""

    def __init__(self, path: Path, start: int = 0, end: int | None = None) -> None:
        self.path = path
        self._start = start
        self._size = (path.stat().st_size if end is None else end) - start

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        """Bytes, read now: with a step, those in between are read as well, some at a time."""
        first, end, step = part.indices(self._size)
        if step < 1:
            raise IndexError("bytes of a file are read from the front")
        if step > 1:
            size = max(1, PIECE_BYTES // step) * step
            return b"".join(self[at : min(at + size, end)][::step] for at in range(first, end, size))
        count = max(0, end - first)
        with self.path.open("rb") as file:
            file.seek(self._start + first)
            data = file.read(count)
        if len(data) < count:
            raise FormatError(f"{self.path}: became shorter while it was read")
        return data

    def part(self, first: int, end: int) -> FileData:
        """Bytes that follow each other, not read yet."""
        return FileData(self.path, self._start + first, self._start + end)

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


def part_of(data: Data, first: int, end: int) -> Data:
    """Bytes that follow each other, where they are."""
    return data[first:end] if isinstance(data, bytes) else data.part(first, end)


@contextmanager
def held(pieces: Iterable[bytes]) -> Iterator[Data]:
    """All pieces, one behind the other: in memory where they are few, else on disk during the block. Raises OSError."""
    left = iter(pieces)
    begin = bytearray()
    for piece in left:
        begin += piece
        if len(begin) >= LARGE_BYTES:
            break
    else:
        yield bytes(begin)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data")
        with path.open("wb") as file:
            with naming(path):
                file.write(begin)
            del begin
            for piece in left:
                with naming(path):
                    file.write(piece)
        yield FileData(path)
