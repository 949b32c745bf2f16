"""Rows of an image that stay where they are until they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
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
