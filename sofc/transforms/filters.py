"""Spec wide-samples/filtered: filters along axes, each operation rounded to binary64 as [IEEE754] says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

REFLECT, MIRROR, NEAREST, CUT, RECURSIVE = range(5)
"""What lies beyond a border: all samples in reverse; all but the last in reverse; the last; nothing, so that sums are
divided by what weights they have; the last, of recursions."""
BORDERS = (REFLECT, MIRROR, NEAREST)
TAPS = 4
"""Of the samples that a recursion weighs, of results before, and of samples on the way back: weights of each."""
FEW_LINES = 5
"""So many lines take less time one by one, sample by sample, than a sample of all at a time."""

Reals = npt.NDArray[np.float64]


def with_border(length: int, reach: int, border: int) -> npt.NDArray[np.int64]:
    """The places of the samples -reach .. length + reach - 1 of a line; -1 of those that are nothing."""
    places = np.arange(-reach, length + reach)
    if border == CUT:
        return np.where(places < length, np.maximum(places, -1), -1)
    if border in (NEAREST, RECURSIVE):
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
    of the sample itself, those beside it, those next to these and so on, or with those of a recursion; none leave an
    axis as it is. Recursions along images are followed by those along columns, then rows.

    Sums are rounded to ``between`` after each axis, and at the end they, or their square roots, to ``result``. What is
    not finite becomes 0.
    """
    values = _finite(values)
    axes = [axis for axis in (1, 2, 3) if weights[axis - 1].size]
    if border == RECURSIVE and axes == [1, 2, 3]:
        axes = [1, 3, 2]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for axis in axes:
            values = _finite(_along(values, weights[axis - 1], axis, border).astype(between))
        if is_rooted:
            values = np.sqrt(values.astype(np.float64))
        return _finite(values.astype(result))


def _along(values: npt.NDArray[Any], weights: Reals, axis: int, border: int) -> Reals:
    lines = np.ascontiguousarray(np.moveaxis(values, axis, 0), np.float64)
    if border == RECURSIVE:
        samples, results, back = weights.reshape(3, TAPS)
        made = _recursion(lines, samples, results, 0) + _recursion(lines[::-1], back, results, 1)[::-1]
    else:
        made = _sums(lines, weights, border)
    if border == CUT:
        made /= _sums(np.ones((len(lines), *(1,) * (lines.ndim - 1))), weights, border)
    return np.moveaxis(made, 0, axis)


def _sums(lines: Reals, weights: Reals, border: int) -> Reals:
    length, reach = len(lines), weights.size - 1
    # Line by line: of axes shorter than the filter a copy with borders would be many times as large.
    places = with_border(length, reach, border)
    total: Reals = lines * weights[0]
    for k in range(reach, 0, -1):
        pair = _taken(lines, places[reach - k : reach - k + length])
        pair += _taken(lines, places[reach + k : reach + k + length])
        pair *= weights[k]
        total += pair
    return total


def _taken(lines: Reals, places: npt.NDArray[np.int64]) -> Reals:
    taken: Reals = lines[places]
    taken[places < 0] = 0.0
    return taken


def _recursion(lines: Reals, samples: Reals, results: Reals, delay: int) -> Reals:
    """Weighted samples, from the one ``delay`` before on, less weighted results of those before; first there was the
    first sample for ever."""
    total, rest = np.add.accumulate(samples)[-1], np.add.accumulate(np.append(1.0, results))[-1]
    weights = _Recursion(samples.tolist(), results.tolist(), (results * total / rest).tolist(), delay)
    made = np.empty_like(lines)
    if lines[0].size > FEW_LINES:
        _recur(lines, made, weights)
    else:
        for place in np.ndindex(lines.shape[1:]):
            _recur(lines[:, *place].data, made[:, *place].data, weights)
    return made


class _Recursion(NamedTuple):
    """Weights of samples, of results and of the first sample in place of these."""

    samples: list[float]
    results: list[float]
    still: list[float]
    delay: int


def _recur(line: Any, made: Any, weights: _Recursion) -> None:
    """Fill in what a recursion makes of one line, or of many at once."""
    samples, results, still, delay = weights
    for i in range(len(line)):
        of_samples = line[max(i - delay, 0)] * samples[0]
        for k in range(1, TAPS):
            of_samples += line[max(i - delay - k, 0)] * samples[k]
        before = [made[i - k] * results[k - 1] if k <= i else line[0] * still[k - 1] for k in range(1, TAPS + 1)]
        made[i] = of_samples - (((before[0] + before[1]) + before[2]) + before[3])


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.where(np.isfinite(values), values, values.dtype.type(0))
