"""Spec wide-samples/mirrored: images that are their own point reflection, as the magnitudes of a Fourier transform are,
or some of whose planes are that with the other sign, as imaginary parts of one are.

The rows from the first to the centre are one image, what the others differ from their reflection is another.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.logarithms import LOG_ONE, log2
from sofc.image import SampleType
from sofc.transforms.numbers import LAYOUTS, Keys

DIFFERENCES = {32: SampleType.INT32, 64: SampleType.INT64}
"""By the bits of keys, the type of numbers that their differences are coded as."""
_SHARE = 4
"""Differences have at most a quarter of the bits that those of neighbours have, or the reflection is none."""
_FEWEST_ROWS = 8


class Mirror(NamedTuple):
    """Sample (y, x) reflects ((down - y) mod rows, (across - x) mod width). ``negated``: of which planes with the other
    sign, bit 0 of those of even number, bit 1 of the others."""

    down: int
    across: int
    negated: int = 0

    def kept(self, rows: int) -> int:
        """Rows of an image of so many that are coded as they are: those that come before their reflections."""
        return self.down // 2 + 1 if self.down else rows // 2 + 1


def found_mirror(keys: Keys, number: SampleType, image_rows: int) -> Mirror | None:
    """The reflection that the first image of keys, shape (planes, rows, width), shows."""
    rows, width = image_rows, keys.shape[2]
    if rows < _FEWEST_ROWS or width < 2:
        return None
    first = keys[:, :rows]
    nearness = _size(np.diff(first, axis=2))
    for down in (0, rows - 1):
        for across in (0, width - 1):
            for negated in range(1 << min(2, len(keys)) if number in LAYOUTS else 1):
                mirror = Mirror(down, across, negated)
                if _SHARE * _size(fold(first, mirror, number, rows)[1]) < nearness:
                    return mirror
    return None


def fold(keys: Keys, mirror: Mirror, number: SampleType, image_rows: int) -> tuple[Keys, Keys]:
    """The keys of the kept rows of all images, and the differences, modulo 2**64, of the others."""
    images = keys.reshape(len(keys), -1, image_rows, keys.shape[2])
    kept = mirror.kept(image_rows)
    shape = len(keys), -1, keys.shape[2]
    others = images[:, :, kept:] - _reflected(images, mirror, number, image_rows)
    return images[:, :, :kept].reshape(shape), others.reshape(shape)


def unfold(first: Keys, others: Keys, mirror: Mirror, number: SampleType, image_rows: int) -> Keys:
    """Inverse of fold, modulo 2**64."""
    planes, _, width = first.shape
    kept = mirror.kept(image_rows)
    upper = first.reshape(planes, -1, kept, width)
    below = others.reshape(planes, -1, image_rows - kept, width) + _reflected(upper, mirror, number, image_rows)
    return np.concatenate([upper, below], axis=2).reshape(planes, -1, width)


def _reflected(images: Keys, mirror: Mirror, number: SampleType, image_rows: int) -> Keys:
    """What each of the rows that are not kept, of (planes, images, rows, width), reflects."""
    reflected = images[:, :, _rows(mirror, image_rows)][..., _columns(mirror, images.shape[3])]
    for parity in range(2):
        if mirror.negated >> parity & 1:
            reflected[parity::2] = np.uint64((1 << number.bits) - 1) - reflected[parity::2]
    return reflected


def _rows(mirror: Mirror, rows: int) -> npt.NDArray[np.int64]:
    """Of each row that is not kept, the one that it reflects."""
    return (mirror.down - np.arange(mirror.kept(rows), rows)) % rows


def _columns(mirror: Mirror, width: int) -> npt.NDArray[np.int64]:
    return (mirror.across - np.arange(width)) % width


def _size(differences: Keys) -> float:
    """Bits of differences modulo 2**64, on average."""
    sizes = np.abs(differences.astype(np.int64).astype(np.float64))
    return int(log2(1.0 + sizes).sum()) / (LOG_ONE * sizes.size)
