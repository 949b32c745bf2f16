"""Archives of numpy arrays (NPZ): each array an image, in the order of the file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from sofc.errors import FormatError, UsageError
from sofc.imagefiles.lasting import Lasting
from sofc.imagefiles.samples import Samples, meaning_of

MAGIC = b"PK\x03\x04"
SUFFIX = ".npz"


def is_archive(path: Path) -> bool:
    """Whether a ZIP file holds numpy arrays alone."""
    try:
        return bool(_names(path))
    except (FormatError, zipfile.BadZipFile):
        return False


def count(path: Path) -> int:
    """Arrays in the file. Raises FormatError for an archive of anything else."""
    return len(_names(path))


def load(path: Path, index: int) -> Samples:
    """Array ``index``."""
    names, arrays = _lasting.of(path)
    name = names[index]
    try:
        array = arrays[name]
    except BaseException:
        _lasting.drop()
        raise
    if index + 1 == len(names):
        _lasting.drop()
    if array.ndim not in (2, 3):
        raise UsageError(
            f"{path}: array {name!r} has {array.ndim} dimensions, and an image 2, or 3 with components last: save the "
            "images in a file of their own, or keep the file: sofc encode --keep-file"
        )
    return Samples(array, None, meaning_of(array.shape[2] if array.ndim == 3 else 1))


def _opened(path: Path) -> tuple[list[str], Any]:
    return _names(path), np.load(path, allow_pickle=False)


_lasting = Lasting(_opened, lambda opened: opened[1].close())
"""The archive that a thread read last, whose directory names all arrays."""


def _names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not names or not all(name.endswith(".npy") for name in names):
        raise FormatError(f"{path}: the ZIP file is no archive of numpy arrays (.npz)")
    return [name.removesuffix(".npy") for name in names]
