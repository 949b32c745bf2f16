"""Images whose rows stay in their file until they are asked for, so that what is held is a part of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError
from sofc.image import Meaning

Array = npt.NDArray[Any]
LARGE_BYTES = 1 << 24
"""Images of fewer bytes are read whole."""
_PIECE_BYTES = 1 << 22


@dataclass(frozen=True)
class FileRows:
    """What an encoder needs of an array, shape (height, width[, components]).

    ``read``: rows ``first`` to ``end`` as an array of that type, in any byte order. It raises SofcError or OSError.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[int, int], Array]

    @property
    def ndim(self) -> int:
        """2, or 3 with components."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Samples."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of the samples."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> Array:
        """Rows that follow each other, read now."""
        first, end, step = part.indices(len(self))
        if step != 1:
            raise IndexError("rows are read one after the other")
        return np.ascontiguousarray(self.read(first, end), self.dtype)

    def pieces(self) -> Iterator[Array]:
        """All rows, some megabytes at a time."""
        step = max(1, _PIECE_BYTES * len(self) // self.nbytes)
        for first in range(0, len(self), step):
            yield self[first : first + step]

    def min(self) -> Any:
        """The smallest sample: all are read."""
        return min(piece.min() for piece in self.pieces())

    def max(self) -> Any:
        """The largest sample: all are read."""
        return max(piece.max() for piece in self.pieces())


class InFile(NamedTuple):
    """As ``Samples``, of an image that is not in memory."""

    array: FileRows
    declared_bits: int | None = None
    meaning: Meaning = Meaning.UNSPECIFIED
    jpeg: None = None


def stored_rows(path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> FileRows | None:
    """The rows of an image that stands in a file as an array does; None where that is small, or not all there."""
    row = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
    if shape[0] * row < LARGE_BYTES or path.stat().st_size < offset + shape[0] * row:
        return None

    def read(first: int, end: int) -> Array:
        count = (end - first) * row
        with path.open("rb") as file:
            file.seek(offset + first * row)
            data = file.read(count)
        if len(data) < count:
            raise FormatError(f"{path}: became shorter while it was read")
        return np.frombuffer(data, dtype).reshape(end - first, *shape[1:])

    return FileRows(shape, dtype.newbyteorder("="), read)
