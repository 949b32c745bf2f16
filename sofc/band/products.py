"""Floating-point keys of which some tiles are better predicted as products, and which tiles these are.

What is left of a key in such a tile is kept as if it were a key near that of zero, where other numbers are few: the
steps that keys are cut into give it what precision it needs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.core import Area
from sofc.container.wide import pack_predicted, unpack_predicted
from sofc.errors import FormatError
from sofc.image import SampleType
from sofc.prediction.keys import Numbers
from sofc.prediction.products import predict_products
from sofc.transforms.numbers import LAYOUTS, Keys

TYPES = (SampleType.FLOAT32, SampleType.FLOAT64)
SIDE = 4
"""Tiles have 2**SIDE rows and columns."""
_GAIN = 2.0
"""Bits that a sample of a tile must gain, since coders predict better than the plane that it is compared with."""
_SHARE = 0.02
"""Of all bits, that all tiles together must gain."""


class Tiles(NamedTuple):
    """``flags`` (planes, images, rows, columns), 0 or 1: the tiles of 2**side rows and columns that are predicted."""

    side: int
    flags: npt.NDArray[np.uint8]

    def packed(self) -> bytes:
        """The body of the plan."""
        return pack_predicted(self.side, np.packbits(self.flags).tobytes())

    @classmethod
    def unpacked(cls, body: bytes, planes: int, area: Area) -> Tiles:
        """Raises FormatError."""
        side, packed = unpack_predicted(body)
        shape = flags_shape(side, planes, area)
        count = math.prod(shape)
        bits = np.unpackbits(np.frombuffer(packed, np.uint8))
        if len(packed) != (count + 7) // 8 or bits[count:].any():
            raise FormatError(f"{len(packed)} bytes say which of {count} tiles are predicted")
        return cls(side, bits[:count].reshape(shape))


def flags_shape(side: int, planes: int, area: Area) -> tuple[int, int, int, int]:
    """The shape of the flags of tiles."""
    return planes, area.rows // area.image_rows, (area.image_rows - 1 >> side) + 1, (area.width - 1 >> side) + 1


def found_tiles(keys: Keys, number: SampleType, image_rows: int) -> tuple[float, Tiles] | None:
    """The tiles of keys, shape (planes, rows, width), in which products predict so much better that it pays, and the
    bits that they gain."""
    shape = flags_shape(SIDE, len(keys), Area(keys.shape[1], keys.shape[2], image_rows))
    every = Tiles(SIDE, np.ones(shape, np.uint8))
    by_product = bits_left(left_of(keys, every, number, image_rows), number)
    gain = bits_of_plane(keys, number, image_rows) - by_product
    starts = (np.arange(0, size, 1 << SIDE) for size in (image_rows, keys.shape[2]))
    gains = gain.reshape(len(keys), -1, image_rows, keys.shape[2])
    for axis, start in zip((2, 3), starts, strict=True):
        gains = np.add.reduceat(gains, start, axis=axis)
    area = np.minimum(1 << SIDE, image_rows) * (1 << SIDE)
    flags = gains > _GAIN * area
    total = float(gains[flags].sum())
    if total < _SHARE * number.bits * keys.size:
        return None
    return total, Tiles(SIDE, flags.astype(np.uint8))


def bits_left(left: Keys, number: SampleType) -> npt.NDArray[np.float32]:
    """About the bits of each of what a prediction leaves of keys."""
    return _bits(_from_zero(left, number))


def bits_of_plane(
    keys: Keys, number: SampleType, image_rows: int, axes: tuple[int, ...] = (2, 3)
) -> npt.NDArray[np.float32]:
    """The same of each key where it is predicted from those beside it as W + N - NW; as N or W along one of the
    ``axes`` of (planes, images, rows, width)."""
    left = _from_zero(keys, number).reshape(len(keys), -1, image_rows, keys.shape[2])
    with np.errstate(over="ignore"):
        for axis in axes:
            left = np.diff(left, axis=axis, prepend=0)
        return _bits(left).reshape(keys.shape)


def left_of(keys: Keys, tiles: Tiles, number: SampleType, image_rows: int) -> Keys:
    """What prediction leaves of keys, as keys."""
    return _predicted(False, keys, tiles, number, image_rows)


def restored(left: Keys, tiles: Tiles, number: SampleType, image_rows: int) -> Keys:
    """Inverse of left_of."""
    return _predicted(True, left, tiles, number, image_rows)


def _predicted(restore: bool, keys: Keys, tiles: Tiles, number: SampleType, image_rows: int) -> Keys:
    given = _from_zero(keys, number)
    result = np.empty_like(given)
    numbers = Numbers(number.bits, LAYOUTS[number].mantissa)
    with np.errstate(over="ignore"):  # 64 bits wrap around on purpose
        for plane in range(len(keys)):
            for image in range(keys.shape[1] // image_rows):
                rows = slice(image * image_rows, (image + 1) * image_rows)
                known, left = given[plane, rows], result[plane, rows]
                if restore:
                    known, left = left, known
                predict_products(restore, known, left, tiles.flags[plane, image], tiles.side, numbers)
    return _from_zero(result.view(np.uint64), number).view(np.uint64) & np.uint64((1 << number.bits) - 1)


def _from_zero(keys: Keys, number: SampleType) -> npt.NDArray[np.int64]:
    """Keys less that of zero, or, given those, the keys: half of all is in both cases what makes the difference."""
    return (keys - np.uint64(1 << number.bits - 1)).view(np.int64)


def _bits(left: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """The logarithm of 1 + the size, by straight lines between powers of two: those of numpy differ from machine to
    machine."""
    significand, exponent = np.frexp(np.abs(left.astype(np.float32)) + 1)
    result: npt.NDArray[np.float32] = 2 * significand + (exponent - 2).astype(np.float32)
    return result
