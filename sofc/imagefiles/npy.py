"""Arrays in NPY files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format

from sofc.imagefiles.rows import InFile, stored_rows
from sofc.imagefiles.samples import SAMPLE_TYPES, Samples, meaning_of

MAGIC = b"\x93NUMPY"
_HEADS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


def load(path: Path) -> Samples:
    """The array."""
    array = np.load(path, allow_pickle=False)
    return Samples(array, None, meaning_of(array.shape[2] if array.ndim == 3 else 1))


def in_file(path: Path) -> InFile | None:
    """The array where it is large and stands in the file row by row, else None."""
    with path.open("rb") as file:
        version = npy_format.read_magic(file)
        if version not in _HEADS:
            return None
        shape, is_by_columns, dtype = _HEADS[version](file)
        offset = file.tell()
    if is_by_columns or dtype.newbyteorder("=").name not in SAMPLE_TYPES or dtype == np.bool_:
        return None
    if len(shape) not in (2, 3) or shape[2:] == (1,):
        return None
    rows = stored_rows(path, offset, shape, dtype)
    return None if rows is None else InFile(rows, None, meaning_of(shape[2] if len(shape) == 3 else 1))
