"""Archives of numpy arrays (NPZ): each array an image, in the order of the file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from sofc.errors import FormatError, UsageError
from sofc.imagefiles.lasting import Lasting
from sofc.imagefiles.samples import Samples, meaning_of

MAGIC = b"PK\x03\x04"
SUFFIX = ".npz"
ARRAY_SUFFIX = ".npy"
"""Of each array in the archive."""


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
    archive, entries = _lasting.of(path)
    name = entries[index].filename.removesuffix(ARRAY_SUFFIX)
    try:
        with archive.open(entries[index]) as file:  # by its place: two may have one name
            array = np.lib.format.read_array(file, allow_pickle=False)
    except BaseException:
        _lasting.drop()
        raise
    if index + 1 == len(entries):
        _lasting.drop()
    if array.ndim not in (2, 3):
        raise UsageError(
            f"{path}: array {name!r} has {array.ndim} dimensions, and an image 2, or 3 with components last: save the "
            "images in a file of their own, or keep the file: sofc encode --keep-file"
        )
    return Samples(array, None, meaning_of(array.shape[2] if array.ndim == 3 else 1))


def _opened(path: Path) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    archive = zipfile.ZipFile(path)
    return archive, archive.infolist()


_lasting = Lasting(_opened, lambda opened: opened[0].close())
"""The archive that a thread read last, whose directory names all arrays."""


def _names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not names or not all(name.endswith(ARRAY_SUFFIX) for name in names):
        raise FormatError(f"{path}: the ZIP file is no archive of numpy arrays (.npz)")
    return names
