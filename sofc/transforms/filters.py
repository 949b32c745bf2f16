"""Spec wide-samples/filtered: symmetric filters along axes, each operation rounded to binary64 as [IEEE754] says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

REFLECT, MIRROR, NEAREST = 0, 1, 2
"""What lies beyond a border: all samples in reverse; all but the last in reverse; the last."""
BORDERS = (REFLECT, MIRROR, NEAREST)

Reals = npt.NDArray[np.float64]


def with_border(length: int, reach: int, border: int) -> npt.NDArray[np.int64]:
    """The places of the samples -reach .. length + reach - 1 of a line."""
    places = np.arange(-reach, length + reach)
    if border == NEAREST:
        return np.clip(places, 0, length - 1)
    period = max(1, 2 * length - 2 * (border == MIRROR))
    places %= period
    return np.where(places < length, places, period - places - (border == REFLECT))


def filtered(
    values: npt.NDArray[Any],
    weights: Sequence[Reals],
    border: int,
    between: npt.DTypeLike,
    result: npt.DTypeLike,
    *,
    is_rooted: bool = False,
) -> npt.NDArray[Any]:
    """Values of shape (planes, images, rows, width), filtered along the last three axes in turn, each with the weights
    of the sample itself, those beside it, those next to these and so on; none leave an axis as it is.

    Sums are rounded to ``between`` after each axis, and at the end they, or their square roots, to ``result``. What is
    not finite becomes 0.
    """
    values = _finite(values)
    with np.errstate(over="ignore", invalid="ignore"):
        for axis, of_axis in enumerate(weights, 1):
            if of_axis.size:
                values = _finite(_along(values, of_axis, axis, border).astype(between))
        if is_rooted:
            values = np.sqrt(values.astype(np.float64))
        return _finite(values.astype(result))


def _along(values: npt.NDArray[Any], weights: Reals, axis: int, border: int) -> Reals:
    lines = np.ascontiguousarray(np.moveaxis(values, axis, 0), np.float64)
    length, reach = len(lines), weights.size - 1
    # Line by line: of axes shorter than the filter a copy with borders would be many times as large.
    places = with_border(length, reach, border)
    total = lines * weights[0]
    for k in range(reach, 0, -1):
        pair = lines[places[reach - k : reach - k + length]]
        pair += lines[places[reach + k : reach + k + length]]
        pair *= weights[k]
        total += pair
    return np.moveaxis(total, 0, axis)


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.where(np.isfinite(values), values, values.dtype.type(0))
