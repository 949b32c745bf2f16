"""Spec wide-samples/mirrored: images that are their own point reflection, as the magnitudes of a Fourier transform are.

The rows from the first to the centre are one image, what the others differ from their reflection is another.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.image import SampleType
from sofc.transforms.numbers import Keys

DIFFERENCES = {32: SampleType.INT32, 64: SampleType.INT64}
"""By the bits of keys, the type of numbers that their differences are coded as."""
_SHARE = 4
"""Differences have at most a quarter of the bits that those of neighbours have, or the reflection is none."""
_FEWEST_ROWS = 8


class Mirror(NamedTuple):
    """Sample (y, x) reflects ((down - y) mod rows, (across - x) mod width)."""

    down: int
    across: int

    def kept(self, rows: int) -> int:
        """Rows of an image of so many that are coded as they are: those that come before their reflections."""
        return self.down // 2 + 1 if self.down else rows // 2 + 1


def found_mirror(keys: Keys, image_rows: int) -> Mirror | None:
    """The reflection that the first image of keys, shape (planes, rows, width), shows."""
    rows, width = image_rows, keys.shape[2]
    if rows < _FEWEST_ROWS or width < 2:
        return None
    first = keys[:, :rows]
    nearness = _size(np.diff(first, axis=2))
    for down in (0, rows - 1):
        for across in (0, width - 1):
            mirror = Mirror(down, across)
            if _SHARE * _size(fold(first, mirror, rows)[1]) < nearness:
                return mirror
    return None


def fold(keys: Keys, mirror: Mirror, image_rows: int) -> tuple[Keys, Keys]:
    """The keys of the kept rows of all images, and the differences, modulo 2**64, of the others."""
    images = keys.reshape(len(keys), -1, image_rows, keys.shape[2])
    kept = mirror.kept(image_rows)
    reflected = images[:, :, _rows(mirror, image_rows)][..., _columns(mirror, keys.shape[2])]
    shape = len(keys), -1, keys.shape[2]
    return images[:, :, :kept].reshape(shape), (images[:, :, kept:] - reflected).reshape(shape)


def unfold(first: Keys, others: Keys, mirror: Mirror, image_rows: int) -> Keys:
    """Inverse of fold, modulo 2**64."""
    planes, _, width = first.shape
    kept = mirror.kept(image_rows)
    upper = first.reshape(planes, -1, kept, width)
    reflected = upper[:, :, _rows(mirror, image_rows)][..., _columns(mirror, width)]
    lower = others.reshape(planes, -1, image_rows - kept, width) + reflected
    return np.concatenate([upper, lower], axis=2).reshape(planes, -1, width)


def _rows(mirror: Mirror, rows: int) -> npt.NDArray[np.int64]:
    """Of each row that is not kept, the one that it reflects."""
    return (mirror.down - np.arange(mirror.kept(rows), rows)) % rows


def _columns(mirror: Mirror, width: int) -> npt.NDArray[np.int64]:
    return (mirror.across - np.arange(width)) % width


def _size(differences: Keys) -> float:
    """Bits of differences modulo 2**64, on average."""
    return float(np.log2(1.0 + np.abs(differences.astype(np.int64).astype(np.float64))).mean())
