"""Means of 3 x 3 or 3 x 3 x 3 scaled integers: the encoder's search. Nothing here is normative.

Filters that lose a frequency, as means may, are not undone as `filtering.py` does it. But sums of integers are exact
integers, too: s[i] - s[i - 1] = v[i + 1] - v[i - 2] gives all integers v of a line from its first two. These follow
from what lies beyond its borders, or one of them is to be chosen, where a line has the frequency that is lost. Where
nothing lies beyond and means are of fewer, as those of ITK's `BoxMean` are, these are sums first.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.filtered import Filter
from sofc.band.filtering import (
    FEWEST,
    LARGEST,
    OFF,
    Filtered,
    bits_of_numbers,
    finite_values,
    fitted_origin,
    grid_of,
    lively_piece,
    refined,
)
from sofc.band.scaling import is_measurable
from sofc.image import SampleType
from sofc.transforms.filters import CUT, MIRROR, REFLECT, with_border
from sofc.transforms.numbers import Keys

_WEIGHTS, _NONE = np.full(2, 1 / 3), np.zeros(0)
_AXES = (2, 3), (1, 2, 3)
_BORDERS = REFLECT, MIRROR, CUT
"""The sample next to the last one is the last, or that before the last, or there is none."""
_DIVISORS = 1.0, 9.0, 27.0
_SOME = 40
"""Columns that are looked at first."""

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


class Undone(NamedTuple):
    """``numbers`` (length, lines), and what may be added to any line of them without a change of sums, (length,)."""

    numbers: Integers
    lost: Integers | None


def found_means(keys: Keys, number: SampleType, image_rows: int) -> Filtered | None:
    """The integers of which keys, shape (planes, rows, width), are means, if they take less."""
    middle = max(0, keys.shape[2] - _SOME) // 2
    some = finite_values(np.ascontiguousarray(keys[:1, :, middle : middle + _SOME]), number, image_rows)
    if some is None or min(some.shape[2:]) < 3 or (step := _step_of(some)) is None:
        return None
    inner = 3 if keys.shape[2] > _SOME else 4  # of columns in the middle none is at a border
    likely = []
    for axes, border in product(_AXES, _BORDERS):
        means = _full(some, [axis for axis in axes if axis < inner], border)
        near = _step_of(means) if border == CUT else step
        if near and means.shape[axes[0]] > 2 and undone(_lines(_on_grid(means, near), axes[0]), border):
            likely.append((axes, border, near))
    values = finite_values(keys, number, image_rows) if likely else None
    if values is None or _too_many(values, step):
        return None
    best, least = None, bits_of_numbers(_on_grid(values, step))
    for axes, border, near in likely:
        numbers = summed(_on_grid(_full(values, axes, border), near), axes, border)
        if numbers is not None and (bits := bits_of_numbers(numbers)) < least:
            weights = tuple(_WEIGHTS if axis in axes else _NONE for axis in (1, 2, 3))
            best, least = (numbers, Filter(weights, border, number)), bits
    return None if best is None else fitted_origin(keys, values, best[0], number, best[1], image_rows)


def _step_of(values: Reals) -> float | None:
    """The step of the grid that means lie on: the greatest likely one that serves, or else one that is seen."""
    if not is_measurable(float(np.abs(values).max())):
        return None
    piece = lively_piece(values)
    step = next((1 / divisor for divisor in _DIVISORS if _are_whole(divisor * piece)), None) or grid_of(piece)
    return None if step is None or _too_many(values, step) else step


def _are_whole(values: Reals) -> bool:
    return bool(np.ptp(values) > FEWEST) and float(np.abs(values - np.rint(values)).mean()) < OFF


def _full(values: Reals, axes: Iterable[int], border: int) -> Reals:
    """Thirds of sums along axes of what are means of two at borders beyond which nothing lies."""
    if border == CUT:
        values = values.copy()
        for axis in axes:
            np.moveaxis(values, axis, 0)[[0, -1]] *= 2 / 3
    return values


def _too_many(values: Reals, step: float) -> bool:
    """Whether numbers of steps are more than there can be."""
    return not float(np.abs(values).max()) < LARGEST * step


def _on_grid(values: Reals, step: float) -> Integers:
    """Numbers of steps from 0 on, if 0 is on the grid; from near there if it is not."""
    numbers = np.rint(refined(values, step))
    x, y = numbers - numbers.mean(), values - values.mean()
    step = float((x * y).sum() / (x * x).sum())
    least = np.unravel_index(np.argmin(values), values.shape)
    result: Integers = (numbers - numbers[least] + np.rint(values[least] / step)).astype(np.int64)
    return result


def summed(sums: Integers, axes: tuple[int, ...], border: int) -> Integers | None:
    """Integers, but for an offset, whose sums of three along each of the axes are these; None where there are none."""
    lost = []
    for axis in axes:
        shape = np.moveaxis(sums, axis, 0).shape
        found = undone(_lines(sums, axis), border)
        if found is None:
            return None
        sums = np.moveaxis(found.numbers.reshape(shape), 0, axis)
        if found.lost is not None:
            lost.append((axis, found.lost))
    # What was chosen of one line must not depend on others before all axes are undone.
    for axis, change in lost:
        shape = np.moveaxis(sums, axis, 0).shape
        sums = np.moveaxis(_smoothest(_lines(sums, axis), change).reshape(shape), 0, axis)
    return sums


def _lines(values: Integers, axis: int) -> Integers:
    lines = np.moveaxis(values, axis, 0)
    return lines.reshape(len(lines), -1)


def undone(sums: Integers, border: int) -> Undone | None:
    """Integers whose sums of three are these, shape (length, lines), or all of these and 1, or 2, more."""
    length = len(sums)
    places = with_border(length, 1, border)[[0, -1]]
    # A number is one of the first two and what is known; behind the last stands what is nothing.
    known, of_first = np.zeros((length + 1, sums.shape[1]), np.int64), np.zeros((length + 1, 2), np.int64)
    of_first[:2] = np.eye(2)
    changes = np.diff(sums, axis=0)
    for i in range(2, length):
        before = i - 3 if i > 2 else places[0]
        known[i] = known[before] + changes[i - 2]
        of_first[i] = of_first[before]
    # The last sum, and the first, by what lies beyond the borders, are equations of the first two numbers.
    last = of_first[places[1]] - of_first[length - 3]
    rest = changes[-1] - known[places[1]] + known[length - 3]
    first = of_first[places[0]] + of_first[0] + of_first[1]
    determinant = int(first[0] * last[1] - first[1] * last[0])
    if determinant == 0:
        if rest.any():
            return None
        single = int(np.argmin(first))  # one of which there is one in the first sum
        lost = of_first[:, 1 - single] - first[1 - single] * of_first[:, single]
        return Undone((known + sums[0] * of_first[:, single, None])[:length], lost[:length])
    for more in range(3):
        near = sums[0] + more
        both = np.stack([near * last[1] - first[1] * rest, first[0] * rest - near * last[0]])
        if not (both % determinant).any():
            return Undone((known + of_first @ (both // determinant))[:length], None)
    return None


def _smoothest(lines: Integers, change: Integers) -> Integers:
    """Lines and as many times ``change`` as make them smoothest."""
    slope = np.diff(change)[:, None]
    times = np.rint((np.diff(lines, axis=0) * slope).sum(axis=0) / (slope * slope).sum()).astype(np.int64)
    result: Integers = lines - change[:, None] * times
    return result
