"""Square roots of integers or quarters of them, as magnitudes of gradients are: the encoder's search. Nothing here is
normative."""

from __future__ import annotations

from itertools import product

import numpy as np

from sofc.band.core import Area
from sofc.band.filtered import Filter
from sofc.band.filtering import Filtered, finite_values
from sofc.band.products import bits_of_plane
from sofc.image import SampleType
from sofc.transforms.filters import REFLECT
from sofc.transforms.numbers import Keys, to_keys

_UNITS = (1.0, 0.25)
"""What squares are multiples of; those of central differences are of a quarter."""
_GAIN = 1.0
"""Bits that a sample must gain."""
_NEAR, _SHARE = 4, 0.9
"""So many keys at most are left of this share of samples."""
_NONE = np.zeros(0)


def found_roots(keys: Keys, number: SampleType, image_rows: int) -> Filtered | None:
    """The squares of keys, shape (planes, rows, width), where these are numbers that take less."""
    values = finite_values(keys, number, image_rows)
    if values is None or (values < 0).any() or float(values.max()) > 2.0**26:
        return None
    least = float(bits_of_plane(keys, number, image_rows, (3,)).sum(dtype=np.float64)) - _GAIN * keys.size
    best: Filtered | None = None
    area = Area(keys.shape[1], keys.shape[2], image_rows)
    for unit, between in product(_UNITS, (SampleType.FLOAT32, SampleType.FLOAT64)):
        numbers = np.rint(values * values / unit)
        squares = (numbers * unit).astype(between.dtype_name)
        origin = np.concatenate([to_keys(plane.reshape(-1, plane.shape[2]), between) for plane in squares])
        filter = Filter((_NONE,) * 3, REFLECT, between, is_rooted=True)
        found = Filtered(filter, origin, keys - filter.made_of(origin, number, area))
        if np.count_nonzero(found.left + np.uint64(_NEAR) <= 2 * _NEAR) < _SHARE * keys.size:
            continue
        if (bits := found.bits(numbers.astype(np.int64), number)) < least:
            best, least = found, bits
    return best
