"""The rows of large PNG files, some at a time: unpacked here, unfiltered by Pillow as files of few rows."""

from __future__ import annotations

import threading
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError
from sofc.imagefiles import png
from sofc.imagefiles.rows import LARGE_BYTES, InFile
from sofc.rows import FileRows

_BLOCK_BYTES = 1 << 22
"""What is unfiltered at a time, but for one row."""
_READ_BYTES = 1 << 16
_COMPONENTS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WHOLE_BYTES = (8, 16)
_PALETTE, _ANIMATION = b"PLTE", b"acTL"


def in_file(path: Path) -> InFile | None:
    """The image where it is large, of samples of whole bytes, one frame and not interlaced, else None.

    Raises FormatError where a chunk is damaged, UnsupportedError for samples that Pillow would change.
    """
    with path.open("rb") as file:
        head = png.head_of(file)
        if head is None or head.interlaced or head.bits not in _WHOLE_BYTES or head.kind not in _COMPONENTS:
            return None
        components = _COMPONENTS[head.kind]
        row = head.width * components * head.bits // 8
        if row * head.height < LARGE_BYTES:
            return None
        # What is between the head and the samples.
        before: dict[bytes, bytes] = {}
        while len(begin := file.read(8)) == 8 and begin[4:] != png.DATA:
            before[begin[4:]] = file.read(int.from_bytes(begin[:4], "big"))
            file.seek(4, 1)
        start = file.tell() - 8
        if begin[4:] != png.DATA or _ANIMATION in before:
            return None
        file.seek(0)
        png.check_chunks(file, str(path))
    palette = png.chunk(_PALETTE, before[_PALETTE]) if _PALETTE in before else b""
    rows = _Rows(path, head, palette, start, row)
    first = rows.samples(b"\0" + bytes(row), 1)
    shape = (head.height, *first.array.shape[1:])
    return InFile(FileRows(shape, first.array.dtype, rows.read), first.declared_bits, first.meaning)


class _Rows:
    """The rows of a file, which are unpacked one after the other: to go back is to begin anew."""

    def __init__(self, path: Path, head: png.Head, palette: bytes, start: int, row: int) -> None:
        self._path, self._head, self._palette, self._start, self._row = path, head, palette, start, row
        self._step = max(1, _BLOCK_BYTES // row)
        self._lock = threading.Lock()
        # Where a piece ends the next one begins, and filters look at the row above.
        self._block = lru_cache(maxsize=2)(self._unfiltered)
        self._begin()

    def samples(self, filtered: bytes, count: int) -> Any:
        """``Samples`` of so many rows, each behind the byte that names its filter."""
        head = self._head._replace(height=count)
        return png.load_bytes(png.file_of(head, self._palette, zlib.compress(filtered, 0)), str(self._path))

    def read(self, first: int, end: int) -> npt.NDArray[Any]:
        """Rows ``first`` to ``end``."""
        with self._lock:
            blocks = [self._block(number) for number in range(first // self._step, -(-end // self._step))]
        start = first // self._step * self._step
        return (blocks[0] if len(blocks) == 1 else np.concatenate(blocks))[first - start : end - start]

    def _begin(self) -> None:
        self._next = 0
        self._above = b""
        self._inflater = zlib.decompressobj()
        self._packed = b""
        self._place, self._left = self._start, 0

    def _unfiltered(self, number: int) -> npt.NDArray[Any]:
        """Block ``number`` of ``_step`` rows."""
        if number < self._next:
            self._begin()
        try:
            for block in range(self._next, number + 1):
                count = min(self._step, self._head.height - block * self._step)
                above = b"\0" + self._above if self._above else b""
                rows: npt.NDArray[Any] = self.samples(
                    above + self._inflated(count * (self._row + 1)), count + (above != b"")
                ).array
                self._above = png.octets_of(rows[-1:]).tobytes()
                self._next = block + 1
        except BaseException:
            self._begin()  # what was unpacked is lost
            raise
        return rows[len(rows) - count :]

    def _inflated(self, count: int) -> bytes:
        made = bytearray()
        while len(made) < count:
            part = self._inflater.decompress(self._packed, count - len(made))
            self._packed = self._inflater.unconsumed_tail
            made += part
            if not part and not self._packed:
                self._packed = self._more()
                if self._inflater.eof or not self._packed:
                    raise FormatError(f"{self._path}: the PNG file has fewer rows than it says ({self._head.height})")
        return bytes(made)

    def _more(self) -> bytes:
        """The next bytes of deflate data; none behind the last."""
        with self._path.open("rb") as file:
            file.seek(self._place)
            while not self._left:
                begin = file.read(8)
                if len(begin) < 8 or begin[4:] != png.DATA:
                    return b""
                self._left = int.from_bytes(begin[:4], "big")
                if not self._left:
                    file.seek(4, 1)
            data = file.read(min(_READ_BYTES, self._left))
            self._left -= len(data)
            self._place = file.tell() + (0 if self._left else 4)  # behind the check of the chunk
        return data
