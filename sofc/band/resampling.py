"""What fewer numbers floating-point numbers were interpolated between: the encoder's search. Nothing here is normative.

Where an axis has more samples than those between which they were interpolated, some follow from others, with weights
that tell how far apart they lie. With these, the fewer follow as well, along one axis after the other. Where their
values lie on a grid, they are coded, and interpolated again: what keys are more is coded, too.

Samples at equal distances are looked for, with linear interpolation and splines of third degree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.core import Area
from sofc.band.filtering import (
    WORTH,
    Filtered,
    finite_values,
    likeliest_scaling,
    lively_piece,
    on_grid,
    scaled,
)
from sofc.band.products import bits_of_plane
from sofc.band.resampled import Resampling
from sofc.band.scaling import MAX_ENTRIES, Candidate, cost_of, is_measurable
from sofc.image import SampleType
from sofc.transforms.numbers import Keys, from_keys, to_keys
from sofc.transforms.resampling import CHANGES, CUBIC, SHARES, Grid, resampled

Reals = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_WINDOWS = (24, 72, 216)
"""Samples of an axis that distances are found in, and better and better known by."""
_FEWEST = 8
"""Samples of the first window, at least."""
_EDGE, _EDGE_SHARE = 8, 8
"""So many samples on each side, of one in so many, may have to do with what lies beyond borders."""
_LINES, _LIVELIEST = 4096, 200
"""Lines along an axis that are looked at, and those of them that are reckoned with."""
_FOLLOWS = 2e-6
"""Of the greatest singular value: what is less, is rounding."""
_NEAR = 1e-3
"""Of the weights by which samples follow from others, what may be left of them at the distances that were seen."""
_EXACT = 1e-6
"""Of the samples' magnitude, what may be left of them in interpolation."""
_SEEN = 1e-5
"""In samples: places are known as well as that."""
_ROUNDS, _SHIFT = 8, 1e-6
_IMAGES, _ROWS = 4, 24
"""Of those scalings and places are tried on."""
_DENOMINATOR = 4096
_TURNS = 2
"""Scalings are found by likely places, places by the scaling, and this by the places again."""
_DECIMALS = {SampleType.FLOAT32: (10, 8), SampleType.FLOAT64: (14, 12)}
"""Of distances and first places as they are found: so many are known, and many people's choices have no more. The last
bits of what LAPACK gives differ by machine, and those of what is written must not."""
_MOST = 1024
"""Numbers that equations of an axis are solved for, as these take the third power of that: 12 s for 3000, and the
memory of 12 planes of 60 rows."""


class _Fit(NamedTuple):
    """The numbers that an axis is interpolated between, from the first on: ``samples``, sample i of which is at i *
    ``step`` + ``offset``, those before ``first`` and from ``end`` on being 0."""

    kind: int
    samples: int
    first: int
    end: int
    step: float
    offset: float

    @property
    def grid(self) -> Grid:
        return Grid(self.samples, self.first, self.end, False, 0.0, 1.0, self.step, self.offset)

    def undone(self, lines: Reals) -> Reals:
        """The numbers that lines along the first axis of (length, lines) are interpolated between."""
        weights = self.made(np.eye(self.samples), len(lines))
        found: Reals = np.linalg.solve(weights.T @ weights, weights.T) @ lines
        return found

    def made(self, numbers: Reals, length: int) -> Reals:
        """What is interpolated between ``numbers`` (samples, lines)."""
        places = None, None, self.grid.places(np.arange(length))
        result: Reals = resampled(numbers.T[None, None], places, self.kind, np.float64, np.float64)[0, 0].T
        return result

    def left(self, lines: Reals) -> float:
        """The most that is left of lines."""
        try:
            found = self.undone(lines)
        except np.linalg.LinAlgError:
            return float("inf")
        return float(np.abs(lines - self.made(found, len(lines))).max())


def found_resampling(keys: Keys, number: SampleType, image_rows: int) -> Filtered | None:
    """The numbers that keys, shape (planes, rows, width), are interpolated between, if these take less."""
    values = finite_values(keys, number, image_rows)
    if values is None or not is_measurable(float(np.abs(values).max())):
        return None
    try:
        return _found(values, keys, number, image_rows)
    except np.linalg.LinAlgError:  # values for which LAPACK gives up
        return None


def _found(values: Reals, keys: Keys, number: SampleType, image_rows: int) -> Filtered | None:
    """The same of the finite values that they stand for. Raises LinAlgError."""
    found, fits = values, dict[int, _Fit]()
    kinds: tuple[int, ...] = SHARES, CUBIC
    for axis in (3, 2, 1):
        lines = np.moveaxis(found, axis, 0)
        flat = np.ascontiguousarray(lines).reshape(len(lines), -1)
        if (fit := _fitted(flat, kinds)) is not None:
            fits[axis], kinds = fit, (fit.kind,)
            found = np.moveaxis(fit.undone(flat).reshape(-1, *lines.shape[1:]), 0, axis)
    numbers = on_grid(found, lively_piece(found)) if fits else None
    if numbers is None:
        return None
    numbers -= numbers.min()
    return _verified(keys, number, numbers, fits, image_rows) if numbers.max() < MAX_ENTRIES else None


def _fitted(lines: Reals, kinds: tuple[int, ...]) -> _Fit | None:
    """How lines along the first axis of (length, lines) were interpolated, if they were."""
    lines = np.ascontiguousarray(lines[:, :: max(1, lines.shape[1] // _LINES)])
    there = np.flatnonzero(lines.any(axis=1))
    changes = np.cumsum(np.count_nonzero(np.diff(lines, axis=0), axis=1))
    if not there.size or there[-1] + 1 - there[0] < _FEWEST or not changes[-1]:
        return None
    first, end = int(there[0]), int(there[-1]) + 1
    middle = int(np.searchsorted(changes, changes[-1] / 2))
    rows = _window(middle, _WINDOWS[0], first, end)
    piece = _liveliest(lines[rows])
    vectors, sizes, _ = np.linalg.svd(piece)
    rank = int(np.count_nonzero(sizes > _FOLLOWS * sizes[0]))
    if not 2 < rank < min(len(rows), piece.shape[1]):
        return None
    for kind in kinds:
        found = _scanned(vectors[:, max(rank, len(rows) - 6) :], rank, kind)
        if found is None:
            continue
        step, offset, left = found[0], found[1] - found[0] * rows[0], 1.0
        for length in _WINDOWS:
            rows = _window(middle, length, first, end)
            step, offset, left = _improved(_liveliest(lines[rows]), rows, kind, step, offset)
        if left < _EXACT:
            return _bounded(lines, kind, first, end, step, offset)
    return None


def _window(middle: int, length: int, first: int, end: int) -> Integers:
    """The numbers of at most so many samples around one, without those at the edges."""
    edge = min(_EDGE, (end - first) // _EDGE_SHARE)
    length = min(length, end - first - 2 * edge)
    start = min(max(middle - length // 2, first + edge), end - edge - length)
    return np.arange(start, start + length)


def _liveliest(lines: Reals) -> Reals:
    """The lines in which most samples are unlike those before."""
    changes = np.count_nonzero(np.diff(lines, axis=0), axis=0)
    return np.ascontiguousarray(lines[:, np.argsort(-changes, kind="stable")[:_LIVELIEST]])


def _basis(places: Reals, kind: int, numbers: npt.NDArray[np.int64]) -> Reals:
    """The weights (..., places, numbers) of samples, or coefficients of splines, in what is interpolated at places."""
    apart = np.abs(places[..., None] - numbers)
    if kind != CUBIC:
        return np.maximum(0.0, 1.0 - apart)
    near, rest = (4.0 + apart * apart * (3.0 * apart - 6.0)) / 6.0, np.maximum(0.0, 2.0 - apart)
    result: Reals = np.where(apart < 1.0, near, rest * rest * rest / 6.0)
    return result


def _scanned(nothing: Reals, rank: int, kind: int) -> tuple[float, float] | None:
    """The distance and the first place of samples of which ``nothing`` (samples, sums) adds up to 0; None where there
    is no such distance. ``rank``: of how many others they are sums."""
    count = len(nothing)
    others = rank - 2 * (kind == CUBIC)
    steps = np.arange(max(0.1, (others - 3.5) / (count - 1)), min(0.99, (others - 0.5) / (count - 1)), 0.004)
    if not steps.size:
        return None
    tried = np.stack(np.meshgrid(steps, np.arange(0.0, 1.0, 0.04), indexing="ij"), -1).reshape(-1, 2)
    around = np.stack(np.meshgrid(*[np.linspace(-1.0, 1.0, 7)] * 2, indexing="ij"), -1).reshape(-1, 2)
    numbers, reach = np.arange(-3, count + 5), np.array([0.004, 0.04])
    while True:
        places = tried[:, :1] * np.arange(count) + tried[:, 1:]
        sums = np.tensordot(_basis(places, kind, numbers), nothing, ([1], [0]))
        left = np.sqrt((sums * sums).sum(axis=(1, 2)))
        best = tried[np.argmin(left)]
        if reach[0] < 1e-6:
            return (float(best[0]), float(best[1])) if left.min() < _NEAR else None
        tried = best + around * reach
        reach = reach / 2


def _improved(lines: Reals, rows: Integers, kind: int, step: float, offset: float) -> tuple[float, float, float]:
    """The distance and the first place by which most of the lines (rows, lines) follows, from nearly those, and the
    share that does not [Golub and Pereyra, Separable nonlinear least squares, 2003]."""
    middle = float(rows.mean())
    apart = (rows - middle)[:, None]
    here = np.array([step, offset + step * middle])
    numbers = np.arange(np.floor(step * rows[0] + offset) - 3, np.ceil(step * rows[-1] + offset) + 4)
    least, change = np.inf, np.zeros(2)
    for _ in range(_ROUNDS):
        there = here + change
        places = there[0] * apart[:, 0] + there[1]
        weights = _basis(places, kind, numbers)
        inverse = np.linalg.pinv(weights, rcond=1e-6)
        found = inverse @ lines
        left = lines - weights @ found
        if (square := float((left * left).sum())) >= least:
            change /= 4
            continue
        here, least = there, square
        slope = (_basis(places + _SHIFT, kind, numbers) - _basis(places - _SHIFT, kind, numbers)) @ found / (2 * _SHIFT)
        slopes = [one - weights @ (inverse @ one) for one in (slope * apart, slope)]
        both = np.array([[float((a * b).sum()) for b in slopes] for a in slopes])
        if not np.linalg.det(both) > 0.0:
            break
        change = np.linalg.solve(both, [float((one * left).sum()) for one in slopes])
    total = float((lines * lines).sum())
    return float(here[0]), float(here[1] - here[0] * middle), float(np.sqrt(least / total)) if total else np.inf


def _bounded(lines: Reals, kind: int, first: int, end: int, step: float, offset: float) -> _Fit | None:
    """With the numbers there are: those at places beyond the borders are the last ones, where these serve."""
    low, high = (step * row + offset for row in (first, end - 1))
    lows = [k for k in (int(np.floor(low + _SEEN)) + 1, int(np.floor(low + _SEEN))) if k - low < 0.5 + _SEEN]
    highs = [k for k in (int(np.ceil(high - _SEEN)) - 1, int(np.ceil(high - _SEEN))) if high - k < 0.5 + _SEEN]
    some, most = _liveliest(lines), float(np.abs(lines).max())
    for least, greatest in product(lows, highs):
        fit = _Fit(kind, greatest - least + 1, first, end, step, offset - least)
        if 1 < fit.samples <= min(len(lines), _MOST) and fit.left(some) < _EXACT * most:
            return fit
    return None


def _verified(
    keys: Keys, number: SampleType, numbers: Integers, fits: dict[int, _Fit], image_rows: int
) -> Filtered | None:
    """Scaled ``numbers`` and the places between them that make keys, where that takes less."""
    part = _Part(keys, number, image_rows)
    area = Area(keys.shape[1], keys.shape[2], image_rows)
    kind = next(iter(fits.values())).kind
    likely = [
        list(_likely(fits[axis], part.lengths[axis - 1], number)) if axis in fits else [None] for axis in (1, 2, 3)
    ]
    best: Filtered | None = None
    least = WORTH * float(bits_of_plane(keys, number, image_rows).sum(dtype=np.float64))
    for between in dict.fromkeys((SampleType.FLOAT64, number)):
        one, origin = Resampling(tuple(grids[0] for grids in likely), kind, between), None
        for _ in range(_TURNS):
            scaling = part.scaling(one, numbers)
            if scaling is None or (again := scaled(scaling, numbers, between)) is None:
                break
            origin = again
            kinds = (CUBIC,) if kind == CUBIC else (SHARES, CHANGES)
            tried = [part.settled(one._replace(kind=each), likely, origin) for each in kinds]
            one = min(tried, key=lambda one: part.cost(one, origin))
        if origin is None:
            continue
        found = Filtered(one, origin, keys - one.made_of(origin, number, area))
        if (bits := found.bits(numbers, number)) < least:
            best, least = found, bits
    return best


def _likely(fit: _Fit, length: int, number: SampleType) -> Iterator[Grid]:
    """Places as programs compute them, and those that were found, of so many digits as are known."""
    rows = np.arange(length)
    about = fit.step * rows + fit.offset
    simple = float(Fraction(fit.step).limit_denominator(_DENOMINATOR))
    corners = round(fit.step * (length - 1)) / max(1, length - 1)
    whole = round(fit.step * length) / length
    start = float(Fraction(fit.offset).limit_denominator(_DENOMINATOR))
    base = float(round(fit.offset + 0.5 - fit.step / 2))
    forms = (0.0, 1.0, start), (0.5, 1.0, base - 0.5), (0.0, float(length), start)
    for step, (shift, divisor, offset) in product(dict.fromkeys((corners, whole, simple)), forms):
        if np.abs((rows + shift) * step + offset - about).max() < _SEEN:
            grid = fit.grid._replace(shift=shift, divisor=divisor, step=step * divisor, offset=offset)
            yield from (grid, grid._replace(is_single=True))
    of_step, of_offset = _DECIMALS[number]
    for fewer in range(of_offset, -1, -2):
        step, offset = round(fit.step, of_step - fewer), round(fit.offset, of_offset - fewer)
        if not fewer or np.abs(rows * step + offset - about).max() < _SEEN:
            yield fit.grid._replace(step=step, offset=offset)


class _Part:
    """Some images and rows of the first plane, on which scalings and places are tried."""

    def __init__(self, keys: Keys, number: SampleType, image_rows: int) -> None:
        self.lengths = keys.shape[1] // image_rows, image_rows, keys.shape[2]
        most = _IMAGES, _ROWS, self.lengths[2]
        self._number = number
        self._taken = [
            np.unique(np.linspace(0, length - 1, min(length, count)).astype(np.int64))
            for length, count in zip(self.lengths, most, strict=True)
        ]
        self._keys = keys[0].reshape(self.lengths)[np.ix_(*self._taken)]

    def made_of(self, one: Resampling, values: Reals, result: str) -> Reals:
        """What there is of numbers interpolated between ``values`` (images, rows, width)."""
        axes = list(zip(one.grids, self._taken, strict=True))
        taken = [rows if grid is None else np.arange(grid.samples) for grid, rows in axes]
        places = [None if grid is None else grid.places(rows) for grid, rows in axes]
        made: Reals = resampled(values[np.ix_(*taken)][None], places, one.kind, one.between.dtype_name, result)[0]
        return made

    def scaling(self, one: Resampling, numbers: Integers) -> Candidate | None:
        """That of ``numbers`` (planes, images, rows, width) from which what comes nearest to the keys is made."""
        exact = one._replace(between=SampleType.FLOAT64)
        made = self.made_of(exact, numbers[0].astype(np.float64), "float64")
        values = from_keys(self._keys.reshape(1, 1, -1), self._number, 1).reshape(made.shape).astype(np.float64)
        # Beyond the borders 0 is no number that is scaled.
        there = self.made_of(exact, np.ones(numbers.shape[1:]), "float64") != 0.0

        def cost(scaling: Candidate) -> float:
            origin = scaled(scaling, numbers[:1], one.between)
            return float("inf") if origin is None else self.cost(one, origin)

        return likeliest_scaling(made[there], values[there], int(numbers.max()), one.between, cost)

    def settled(self, one: Resampling, likely: Sequence[Sequence[Grid | None]], origin: Keys) -> Resampling:
        """With the likely places along each axis that leave least."""
        for axis, grids in enumerate(likely):
            tried = [one._replace(grids=(*one.grids[:axis], grid, *one.grids[axis + 1 :])) for grid in grids]
            one = min(tried, key=lambda one: self.cost(one, origin))
        return one

    def cost(self, one: Resampling, origin: Keys) -> float:
        """Bits of what keys are more than is made of the ``origin``."""
        lengths = tuple(k if grid is None else grid.samples for k, grid in zip(self.lengths, one.grids, strict=True))
        values = from_keys(origin[:1], one.between, 1).reshape(lengths)
        made = self.made_of(one, values, self._number.dtype_name)
        made_keys = to_keys(made.reshape(-1, made.shape[2]), self._number)
        return cost_of((self._keys.reshape(made_keys.shape) - made_keys).astype(np.int64))
