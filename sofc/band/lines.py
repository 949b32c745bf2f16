"""Floating-point keys that are predicted along lines, and the weights with which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.core import Area
from sofc.band.products import bits_left, bits_of_plane
from sofc.container.wide import LineHead, pack_lines, unpack_lines
from sofc.image import SampleType
from sofc.prediction.keys import Numbers
from sofc.prediction.line_fit import Equations, fit_lines
from sofc.prediction.lines import FRACTION, REACH, WEIGHT_LIMB, Left, Weights, predict_lines
from sofc.transforms.numbers import LAYOUTS, Keys

_FITTED = 4096
"""Samples of a line that its weights are fitted to, at most about."""
_FRACTIONS = {SampleType.FLOAT32: (12, 18), SampleType.FLOAT64: (22, 40)}
_TAPS = (4, 8)
"""What is tried: weights of so many bits behind the point, and so many of a line."""
_QUICK = ((4, False), (4, True), (8, True))
"""Of a piece: so many of a line, the same of all lines or not."""
_DEPTHS = (0, 11)
"""Of a piece: how far below the highest exponent products are tried. There are few others that serve as well."""
_GAIN = 0.6
"""Bits that a sample must gain, since coders predict better than the samples beside do that it is compared with."""
_THROUGH = 2
_PIECE = (2, 3, 64, 256)
"""Planes, images, rows and columns of a piece of the middle, of which to fit costs little: where nothing is gained of
it, the rest is not tried."""

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


class Lines(NamedTuple):
    """Weights in 1 / 2**``fraction``, (images, taps), (rows, taps) and (columns, taps), or (1, taps) where all have the
    same, and the highest exponent. ``depth``: numbers more than that below it are predicted as products; 0: none."""

    weights: tuple[Integers, ...]
    fraction: int
    exponent: int
    depth: int = 0

    @property
    def weight_count(self) -> int:
        """How many weights it has."""
        return sum(table.size for table in self.weights)

    def packed(self) -> tuple[bytes, bytes]:
        """The body of the plan, and the stream of weights."""
        shared = sum((len(table) == 1) << axis for axis, table in enumerate(self.weights)) | self.depth << 3
        head = LineHead(self.exponent, shared, self.fraction, *(one.shape[1] for one in self.weights))
        return pack_lines(head, [value for table in self.weights for value in table.ravel().tolist()])

    @classmethod
    def unpacked(cls, body: bytes, stream: bytes, number: SampleType, planes: int, area: Area) -> Lines:
        """Raises FormatError."""
        samples = planes * area.rows * area.width
        lengths = (area.rows // area.image_rows, area.image_rows, area.width)
        head, tables = unpack_lines(body, stream, lengths, samples, (1 << LAYOUTS[number].exponent) - 2, REACH)
        weights = tuple(np.array(table, np.int64).reshape(len(table), -1) for table in tables)
        return cls(weights, head.fraction, head.exponent, head.shared >> 3)

    def for_kernel(self) -> Weights:
        """In two parts."""
        through, down, across = (_in_parts(table << FRACTION - self.fraction) for table in self.weights)
        return Weights(through, down, across, self.exponent, self.depth)


def _in_parts(weights: Integers) -> Integers:
    return np.stack([weights >> WEIGHT_LIMB, weights & (1 << WEIGHT_LIMB) - 1])


def found_lines(keys: Keys, number: SampleType, image_rows: int) -> tuple[float, Lines] | None:
    """The weights that predict keys, shape (planes, rows, width), so much better that it pays, and the bits that they
    gain."""
    piece, rows = _piece(keys, image_rows)
    quick = [(taps, _FRACTIONS[number][1], is_shared) for taps, is_shared in _QUICK]
    some = [one._replace(depth=depth) for one in _tried(piece, number, rows, quick) for depth in _DEPTHS]
    left = [_bits_left(piece, one, number, rows) for one in some]
    if _beside(piece, number, rows) - min(left) <= _GAIN * piece.size:
        return None
    # Weights of each line fit a piece better than they do all: where the same serve it as well, none else are tried.
    best, depth = divmod(left.index(min(left)), len(_DEPTHS))
    sharing = (True,) if quick[best][2] else (True, False)
    found = [
        (_bits_left(keys, one, number, image_rows) + 8 * len(one.packed()[1]), one)
        for lines in _tried(keys, number, image_rows, product(_TAPS, _FRACTIONS[number], sharing))
        if (one := lines._replace(depth=_DEPTHS[depth])).weight_count <= keys.size
    ]
    if not found:
        return None
    bits, lines = min(found, key=lambda pair: pair[0])
    if _beside(keys, number, image_rows) - bits <= _GAIN * keys.size:
        return None
    return _total(bits_of_plane(keys, number, image_rows)) - bits, lines


def _piece(keys: Keys, image_rows: int) -> tuple[Keys, int]:
    """A piece of keys, and the rows of its images."""
    images = keys.reshape(len(keys), -1, image_rows, keys.shape[2])
    middle = (
        slice((size - most) // 2 if size > most else 0, None) for size, most in zip(images.shape, _PIECE, strict=True)
    )
    piece = images[tuple(middle)][tuple(map(slice, _PIECE))]
    return np.ascontiguousarray(piece).reshape(len(piece), -1, piece.shape[3]), piece.shape[2]


def _tried(keys: Keys, number: SampleType, image_rows: int, ways: Iterable[tuple[int, int, bool]]) -> Iterator[Lines]:
    """Weights fitted in several ways: so many of a line, of so many bits behind the point, the same of all or not."""
    values, exponent = _values(keys, number)
    stacked = values.reshape(len(keys), -1, image_rows, keys.shape[2])
    for taps, fraction, is_shared in ways:
        yield Lines(_fitted(stacked, taps, fraction, is_shared), fraction, exponent)


def _bits_left(keys: Keys, lines: Lines, number: SampleType, image_rows: int) -> float:
    return _total(bits_left(left_of(keys, lines, number, image_rows), number))


def _beside(keys: Keys, number: SampleType, image_rows: int) -> float:
    """The fewest bits that samples beside leave, of N, W and W + N - NW."""
    return min(_total(bits_of_plane(keys, number, image_rows, axes)) for axes in ((2,), (3,), (2, 3)))


def _total(bits: npt.NDArray[np.float32]) -> float:
    return float(bits.sum(dtype=np.float64))


def _values(keys: Keys, number: SampleType) -> tuple[Reals, int]:
    """The numbers that are finite, others being 0, over 2**exponent, and that exponent, the highest."""
    mantissa, half = LAYOUTS[number].mantissa, np.uint64(1 << number.bits - 1)
    magnitudes = np.where(keys >= half, keys - half, half - np.uint64(1) - keys)
    exponents = (magnitudes >> np.uint64(mantissa)).astype(np.int64)
    finite = exponents < (1 << LAYOUTS[number].exponent) - 1
    highest = max(1, int(exponents[finite].max(initial=1)))
    significands = (magnitudes & np.uint64((1 << mantissa) - 1)).astype(np.float64) + (exponents > 0) * 2.0**mantissa
    scales = np.clip(np.maximum(exponents, 1) - highest - mantissa, -1000, 0).astype(np.int32)
    return np.where(finite, np.ldexp(np.where(keys >= half, significands, -significands), scales), 0.0), highest


def _fitted(values: Reals, taps: int, fraction: int, is_shared: bool) -> tuple[Integers, ...]:
    """Weights for values of shape (planes, images, rows, width), along the last three axes in turn."""
    tables = []
    for axis, most in ((1, _THROUGH), (2, taps), (3, taps)):
        lines = np.moveaxis(values, axis, 0)
        flat = np.ascontiguousarray(lines.reshape(len(lines), -1))
        weights = _fitted_to(flat, min(most, len(flat) - 1), fraction, is_shared)
        left = flat.copy()
        for k in range(weights.shape[1]):
            left[k + 1 :] -= weights[k + 1 :, k, None] * 2.0**-fraction * flat[: -k - 1]
        tables.append(weights[-1:] if is_shared else weights)
        values = np.moveaxis(left.reshape(lines.shape), 0, axis)
    return tuple(tables)


def _fitted_to(lines: Reals, taps: int, fraction: int, is_shared: bool) -> Integers:
    """Weights of each line."""
    given = lines
    if is_shared:
        # The samples of all that have so many before them, and those, as lines of their own.
        given = np.stack([lines[k : len(lines) - taps + k].ravel() for k in range(taps + 1)])
    some = np.ascontiguousarray(given[:, :: max(1, given.shape[1] // _FITTED)])
    weights = np.zeros((len(some), taps))
    if taps:
        size = some.shape[1]
        of_taps, of_samples = np.zeros((taps + 1, taps + 1)), np.empty((2, size))
        scratch = Equations(np.empty((taps + 1, size)), np.empty(taps + 1), of_taps, *of_samples)
        fit_lines(some, taps if is_shared else 0, (1 << REACH) - 1.0, weights, scratch)
    if is_shared:
        weights = np.repeat(weights[-1:], len(lines), axis=0)
    scaled = weights * 2.0**fraction
    rounded = np.rint(scaled).astype(np.int64)
    # What is even stays so: the error of the sum goes to the first.
    total = sum(scaled.T, np.zeros(len(scaled)))
    rounded[:, :1] += (np.rint(total).astype(np.int64) - rounded.sum(axis=1))[:, None]
    return rounded


def left_of(keys: Keys, lines: Lines, number: SampleType, image_rows: int) -> Keys:
    """What prediction leaves of keys, as keys."""
    return _predicted(False, keys, lines, number, image_rows)


def restored(left: Keys, lines: Lines, number: SampleType, image_rows: int) -> Keys:
    """Inverse of left_of."""
    return _predicted(True, left, lines, number, image_rows)


def _predicted(restore: bool, keys: Keys, lines: Lines, number: SampleType, image_rows: int) -> Keys:
    half = np.uint64(1 << number.bits - 1)
    given = (keys - half).view(np.int64)
    result = np.empty_like(given)
    numbers, weights = Numbers(number.bits, LAYOUTS[number].mantissa), lines.for_kernel()
    rows, width = keys.shape[1:]
    scratch = Left(np.empty(rows * width, np.int64), np.empty(rows * width, np.int64), np.empty(width, np.int64))
    for one, other in zip(given, result, strict=True):
        known, left = (other, one) if restore else (one, other)
        predict_lines(restore, known, left, image_rows, weights, scratch, numbers)
    return (result.view(np.uint64) + half) & np.uint64((1 << number.bits) - 1)
