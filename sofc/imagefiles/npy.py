"""Large arrays in NPY files, row by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format

from sofc.imagefiles.rows import InFile, stored_rows
from sofc.imagefiles.samples import SAMPLE_TYPES, meaning_of

_COLOURS = (2, 3, 4)
"""Components of pictures; what has another number of them at its end may be a stack."""
_HEADS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


def in_file(path: Path) -> InFile | None:
    """The array where it is one large picture that stands in the file row by row, else None."""
    with path.open("rb") as file:
        version = npy_format.read_magic(file)
        if version not in _HEADS:
            return None
        shape, is_by_columns, dtype = _HEADS[version](file)
        offset = file.tell()
    if is_by_columns or dtype.newbyteorder("=").name not in SAMPLE_TYPES or dtype == np.bool_:
        return None
    if len(shape) != 2 and not (len(shape) == 3 and shape[2] in _COLOURS):
        return None
    rows = stored_rows(path, offset, shape, dtype)
    return None if rows is None else InFile(rows, None, meaning_of(shape[2] if len(shape) == 3 else 1))
