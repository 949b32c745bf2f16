"""Spec wide-samples/resampled: interpolation along axes, each operation rounded to binary64 as [IEEE754] says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.container.wide import GridHead

SHARES, CHANGES, CUBIC = range(3)
"""Shares of the two samples beside a place along each axis, all at once; one and a share of the change, along one axis
after the other; splines of third degree."""
POLE = -0.2679491924311227
GAIN = (1.0 - POLE) * (1.0 - 1.0 / POLE)
"""Of the recursion that makes coefficients of splines [Unser, Splines: a perfect fit for signal and image processing,
1999]."""

Reals = npt.NDArray[np.float64]


class Grid(GridHead):
    """Where along an axis of ``samples`` samples others lie: sample i at (i + ``shift``) / ``divisor`` * ``step`` +
    ``offset``, ``is_single`` where that is rounded to binary32. Those before ``first`` and from ``end`` on are 0."""

    __slots__ = ()

    def places(self, numbers: npt.NDArray[np.int64]) -> Places:
        """Those of samples of these numbers."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            at = (numbers + self.shift) / self.divisor * self.step + self.offset
            at = at.astype(np.float32).astype(np.float64) if self.is_single else at
        at = np.clip(np.nan_to_num(at, nan=0.0), -1.0, float(self.samples))
        below = np.floor(at).astype(np.int64)
        return Places(below, at - below, (numbers >= self.first) & (numbers < self.end))


class Places(NamedTuple):
    """The sample ``below`` each place, -1 before the first, how far beyond it that is, in 0 .. 1, and whether anything
    ``is_there``."""

    below: npt.NDArray[np.int64]
    beyond: Reals
    is_there: npt.NDArray[np.bool_]


def resampled(
    values: npt.NDArray[Any], axes: Sequence[Places | None], kind: int, between: npt.DTypeLike, result: npt.DTypeLike
) -> npt.NDArray[Any]:
    """Values of shape (planes, images, rows, width), interpolated at the places of each of the last three axes; those
    without are left as they are. Where an axis comes after the other, sums are rounded to ``between`` after each.

    At the end they are rounded to ``result``. What is not finite becomes 0.
    """
    found = _finite(values).astype(np.float64)
    places = [(axis, one) for axis, one in enumerate(axes, 1) if one is not None]
    with np.errstate(over="ignore", invalid="ignore"):
        if kind == CHANGES:
            for axis, one in places[::-1]:
                found = _finite(_changed(found, axis, one).astype(between)).astype(np.float64)
        else:
            if kind == CUBIC:
                for axis, _ in places:
                    found = np.moveaxis(coefficients(np.moveaxis(found, axis, 0)), 0, axis)
            taps = [_taps(one, found.shape[axis], axis, kind == CUBIC) for axis, one in places]
            found = _summed(found, taps) if taps else found
        for axis, one in places:
            np.moveaxis(found, axis, 0)[~one.is_there] = 0.0
        return _finite(found.astype(result))


def _changed(values: Reals, axis: int, places: Places) -> Reals:
    one, other = (values.take(np.clip(places.below + k, 0, values.shape[axis] - 1), axis) for k in (0, 1))
    other -= one
    other *= _along(places.beyond, axis)
    other += one
    return other


class _Tap(NamedTuple):
    """Samples along an axis, and the weights that they have."""

    axis: int
    places: npt.NDArray[np.int64]
    weights: Reals


def _taps(places: Places, length: int, axis: int, is_cubic: bool) -> list[_Tap]:
    """From the first sample that counts in what is interpolated to the last."""
    beyond, rest = places.beyond, 1.0 - places.beyond
    if not is_cubic:
        near = [np.clip(places.below + k, 0, length - 1) for k in (0, 1)]
        return [_Tap(axis, near[0], _along(rest, axis)), _Tap(axis, near[1], _along(1.0 - rest, axis))]
    second = (beyond * beyond * (beyond - 2.0) * 3.0 + 4.0) / 6.0
    third = (rest * rest * (rest - 2.0) * 3.0 + 4.0) / 6.0
    first = rest * rest * rest / 6.0
    weights = first, second, third, 1.0 - first - second - third
    return [_Tap(axis, mirrored(places.below - 1 + k, length), _along(weights[k], axis)) for k in range(len(weights))]


def _summed(values: Reals, taps: Sequence[list[_Tap]]) -> Reals:
    """Products of values and weights along each axis, added up as those of the last axis follow each other."""
    products = _products(values, taps)
    total = next(products)
    for product in products:
        total += product
    return total


def _products(values: Reals, taps: Sequence[list[_Tap]]) -> Iterator[Reals]:
    """Each when it is asked for, as each is as large as what is made of them."""
    if not taps:
        yield values
        return
    for tap in taps[0]:
        product = values.take(tap.places, tap.axis)
        product *= tap.weights
        yield from _products(product, taps[1:])


def _along(line: Reals, axis: int) -> Reals:
    shaped: Reals = line.reshape([-1 if k == axis else 1 for k in range(4)])
    return shaped


def mirrored(places: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
    """Where samples beyond the borders of a line stand, which has all but the last in reverse there."""
    if length == 1:
        return np.zeros_like(places)
    places = np.abs(places) % (2 * length - 2)
    return np.where(places < length, places, 2 * length - 2 - places)


def coefficients(lines: Reals) -> Reals:
    """Those of splines through lines along the first axis: a recursion forth and one back."""
    last = len(lines) - 1
    found = lines * (GAIN if last else 1.0)
    if last == 0:
        return found
    powers = np.multiply.accumulate(np.full(last, POLE))
    far = powers[-1]
    found[0] += far * found[last]
    for k in range(1, last):
        found[0] += powers[k - 1] * (found[k] + far * found[last - k])
    found[0] /= 1.0 - far * far
    for k in range(1, last + 1):
        found[k] += POLE * found[k - 1]
    found[last] = (POLE * found[last - 1] + found[last]) * POLE / (POLE * POLE - 1.0)
    for k in range(last - 1, -1, -1):
        found[k] = POLE * (found[k + 1] - found[k])
    return found


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.where(np.isfinite(values), values, values.dtype.type(0))
