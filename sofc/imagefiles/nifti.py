"""NIfTI and MGH volumes through nibabel: their slices, with the values as stored, before any scaling."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.errors import UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles.samples import Samples

# With nibabel's own output suppressed Python would write what it logs to standard error.
logging.getLogger("nibabel").addHandler(logging.NullHandler())
SUFFIXES = (".nii", ".nii.gz", ".nii.bz2", ".mgh", ".mgz")
HEAD_SUFFIX = ".hdr"
_HEAD_SIZES = (348, 540)


def is_volume(path: Path) -> bool:
    """Whether the file has the name of a volume, or is the head of one whose samples are in an .img file beside it."""
    name = path.name.lower()
    if not name.endswith(HEAD_SUFFIX):
        return name.endswith(SUFFIXES)
    with path.open("rb") as file:
        size = file.read(4)
    return {int.from_bytes(size, "little"), int.from_bytes(size, "big")} & set(_HEAD_SIZES) != set()


def count(path: Path) -> int:
    """Slices of the file. Raises UnsupportedError without nibabel."""
    shape: tuple[int, ...] = opened(path).shape
    return int(np.prod(shape[2:], dtype=np.int64))


def load(path: Path, index: int) -> Samples:
    """Slice ``index``, shape (y, x) or, for colours, (y, x, 3). Slices run along z, then along what comes after it."""
    stat = path.stat()
    volume = _volume(os.fspath(path), stat.st_mtime_ns, stat.st_size)
    place: tuple[Any, ...] = np.unravel_index(index, volume.shape[2:], order="F") if volume.ndim > 2 else ()
    array = volume[(..., *place)].T
    if array.dtype.fields is None:
        return Samples(array, None, Meaning.GRAY)
    # Colours are records of bytes called R, G, B and perhaps A.
    names = array.dtype.names or ()
    meaning = Meaning.RGB if len(names) == 3 else Meaning.RGBA
    return Samples(np.stack([array[name] for name in names], axis=-1), None, meaning)


@lru_cache(maxsize=1)
def _volume(path: str, mtime_ns: int, size: int) -> npt.NDArray[Any]:
    """The whole volume; of a file that is not packed, mapped. Kept for the next slice."""
    return np.asanyarray(opened(path).dataobj.get_unscaled())


def opened(path: str | Path) -> Any:
    """nibabel's image. Raises UnsupportedError without nibabel."""
    try:
        import nibabel
    except ImportError as error:
        raise UnsupportedError(f"{path}: volumes need nibabel; install it with: pip install 'sofc[nifti]'") from error
    with nibabel.imageglobals.LoggingOutputSuppressor():  # what it logs, it raises as well
        return nibabel.load(path)
