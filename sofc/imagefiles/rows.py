"""Images whose rows stay in their file until they are asked for, so that what is held is a part of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError
from sofc.image import Meaning
from sofc.rows import FileRows

Array = npt.NDArray[Any]
LARGE_BYTES = 1 << 24
"""Images of fewer bytes are read whole."""


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
