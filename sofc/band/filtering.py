"""What filter made floating-point numbers of scaled integers: the encoder's search. Nothing here is normative.

A filter whose weights are known is undone along one axis after the other by solving the equations that it stands for.
Where the weights are those that were used, and their rounding is all that was lost, what comes out lies on a grid,
which is seen in a piece of an image. The numbers on the grid are then filtered again: what keys are more is coded.

Gaussian filters are looked for, with the widths that people choose (`gaussians.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.core import Area
from sofc.band.filtered import Filter, values_of
from sofc.band.gaussians import gaussians
from sofc.band.products import bits_left, bits_of_plane
from sofc.band.resampled import Resampling
from sofc.band.scaling import MAX_ENTRIES, Candidate, Grid, cost_of, is_measurable, likely_candidates
from sofc.band.tables import computed
from sofc.errors import FormatError
from sofc.image import SampleType
from sofc.transforms.filters import REFLECT, filtered, with_border
from sofc.transforms.numbers import Keys

Reals = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_CORE = 40
"""Rows and columns of the piece of an image that is looked at."""
_MARGIN = (40, 88)
"""Samples on each side of it that are needed for filters of at most 1 sample, and for wider ones: what borders make
wrong is lost within them."""
_TRIED = 3
"""Filters that a whole image is undone by, at most: where numbers are of many sizes, noise looks like grids."""
_LIKELY_STEPS = (1.0, 1 / 255, 1 / 65535)
FEWEST = 8
"""Numbers that a grid is seen of."""
_NOTHING = 2.0**-40
"""Of the greatest number, that neighbours may differ by."""
LARGEST = float(1 << 40)
"""Number on a grid: beyond it, there is none."""
OFF = 0.06
"""Of a step, that numbers may be off the grid on average."""
OFF_ALL = 0.2
"""The same of all numbers of an image; of any numbers it is a quarter."""
WORTH = 0.75
"""Of the bits of what neighbours predict, at most."""
_LEAST_SIDE = 24


class _Guess(NamedTuple):
    """A filter, and symmetric weights along images, rows and columns that are ``like`` its own, by which it is
    undone."""

    filter: Filter
    like: tuple[Reals, ...]


class Filtered(NamedTuple):
    """The filter or resampling, the keys of the numbers that it is for, and what keys are more than it makes of them,
    modulo 2**64."""

    filter: Filter | Resampling
    origin: Keys
    left: Keys

    def bits(self, numbers: Integers, number: SampleType) -> float:
        """About those of what is left of keys of the type ``number``, and of the integers (planes, images, rows, width)
        that the origin stands for, each predicted as the one before."""
        left = self.left + np.uint64(1 << number.bits - 1)
        return bits_of_numbers(numbers) + float(bits_left(left, number).sum(dtype=np.float64))


def bits_of_numbers(numbers: Integers) -> float:
    """About the bits of numbers, shape (planes, images, rows, width), each predicted as the one before."""
    # In whole bits: logarithms of numpy are not the same on every machine.
    return float(np.frexp(np.abs(np.diff(numbers, axis=3)).astype(np.float64))[1].sum()) + numbers.size


def found_filter(keys: Keys, number: SampleType, image_rows: int) -> Filtered | None:
    """The filter that made keys, shape (planes, rows, width), and what of, if there is one."""
    values = finite_values(keys, number, image_rows)
    if values is None or min(values.shape[2:]) < _LEAST_SIDE or not is_measurable(float(np.abs(values).max())):
        return None
    for filters in islice(_seen(values, number), _TRIED):
        found = [one for few in filters if (one := _verified(keys, values, number, few, image_rows))]
        if found:
            return min(found, key=lambda one: int(np.count_nonzero(one.left)))
    return None


def finite_values(keys: Keys, number: SampleType, image_rows: int) -> Reals | None:
    """The numbers of keys as (planes, images, rows, width), if all are finite."""
    values = values_of(keys, number, image_rows)
    return values.astype(np.float64) if np.isfinite(values).all() else None


def _seen(values: Reals, number: SampleType) -> Iterator[list[_Guess]]:
    """Filters, but for what is beyond borders, of which the most lively piece of an image looks as if they had made it
    of a grid."""
    none = np.zeros(0)
    image, row, column = _liveliest(values)
    if grid_of(lively_piece(values)) is not None:
        # The numbers of a grid, of which the last bits are errors: a mean's, or those of linear interpolation.
        yield [_Guess(Filter((none, none, none), REFLECT, number), (none, none, none))]
    for one in gaussians(number):
        margin = _MARGIN[one.is_wide]
        places = zip((row, column), values.shape[2:], strict=True)
        around = [_around(place, size, margin) for place, size in places]
        piece = values[0, max(0, image - margin) : image + margin + 1, around[0], around[1]]
        is_whole = piece.shape[1] == values.shape[2] or piece.shape[2] == values.shape[3]
        core = [slice(k - one.start, k - one.start + _CORE) for k, one in zip((row, column), around, strict=True)]
        # The image as it is, and undone along images.
        images = [values[0, image, around[0], around[1]]]
        if len(piece) > 1:
            images += [_image_of(piece, one.like, border, min(image, margin)) for border in one.borders]
        seen = set[bool]()
        for border in one.borders if is_whole else one.borders[:1]:
            flat = unfiltered(np.stack(images)[None], (none, one.like, one.like), border)[0, :, core[0], core[1]]
            seen |= {k > 0 for k in range(len(flat)) if grid_of(flat[k]) is not None}
        for is_deep in sorted(seen):
            weights, like = ((some if is_deep else none, some, some) for some in (one.weights, one.like))
            yield [_Guess(Filter(weights, border, number), like) for border in one.borders]


def _image_of(images: Reals, weights: Reals, border: int, place: int) -> Reals:
    """One of the ``images`` (images, rows, width) undone along them."""
    shares = _solved(np.eye(len(images)), weights, border)[place]
    found: Reals = (shares[:, None, None] * images).sum(axis=0)
    return found


def _around(place: int, size: int, margin: int) -> slice:
    """The piece that begins at a place, with a margin on each side; all where that is not much more."""
    whole = _CORE + 2 * margin
    return slice(0, size) if size <= whole else slice(max(0, place - margin), place + _CORE + margin)


def lively_piece(values: Reals) -> Reals:
    """The piece of the first plane most of whose samples are unlike those before."""
    image, row, column = _liveliest(values)
    return values[0, image, row : row + _CORE, column : column + _CORE]


def _liveliest(values: Reals) -> tuple[int, int, int]:
    """The image, row and column of that piece."""
    changes = np.zeros(values.shape[1:])
    # What sums leave of nothing in their last bits is no change.
    changes[:, :, 1:] = np.abs(np.diff(values[0], axis=2)) > _NOTHING * float(np.abs(values[0]).max())
    rows, columns = max(1, values.shape[2] // _CORE), max(1, values.shape[3] // _CORE)
    whole = changes[:, : rows * _CORE, : columns * _CORE]
    side = min(_CORE, whole.shape[1]), min(_CORE, whole.shape[2])
    tiles = whole.reshape(len(whole), rows, side[0], columns, side[1]).sum(axis=(2, 4))
    # Of equally lively ones the one in the middle: it has least to do with borders.
    order = np.argsort(np.abs(np.arange(tiles.size) - tiles.size // 2), kind="stable")
    best = order[np.argmax(tiles.ravel()[order])]
    image, row, column = np.unravel_index(best, tiles.shape)
    return int(image), int(row) * side[0], int(column) * side[1]


def grid_of(samples: Reals) -> float | None:
    """The step of the grid that samples lie on but for a little noise; None where there is none."""
    found = np.sort(samples.ravel())
    gaps = np.diff(found)
    # Gaps are those of noise between the samples of one number, and those between numbers.
    sizes = np.sort(gaps)
    places = np.flatnonzero(sizes[1:] > 4.0 * sizes[:-1])
    for most in (*sizes[places[::-1][:8]].tolist(), 0.0):
        starts = np.append(0, np.flatnonzero(gaps > most) + 1)
        numbers = np.add.reduceat(found, starts) / np.diff(starts, append=len(found))
        between = np.sort(np.diff(numbers))
        # Means of neighbours in the last bits may be equal, or change places.
        if len(between) < FEWEST or between[0] <= 0:
            continue
        step = float(np.median(between[between <= 1.5 * between[0]]))
        near = between[between < 3.5 * step]
        off = np.abs(near / step - np.rint(near / step))
        if 4 * len(near) >= len(between) and float(off.mean()) < OFF:
            return step
    # Where there is more noise, the likeliest steps still show in what neighbours differ by.
    changes = np.abs(np.diff(samples, axis=1))
    for step in _LIKELY_STEPS:
        lively = changes[changes > 0.5 * step]
        is_fine = found[-1] - found[0] < MAX_ENTRIES * step and 16 * len(lively) > samples.size
        if is_fine and float(np.cos(2 * np.pi / step * lively).mean()) > 0.5:
            return step
    return None


def unfiltered(values: Reals, weights: tuple[Reals, ...], border: int) -> Reals:
    """What, filtered along the last three axes of (planes, images, rows, width), is ``values``."""
    for axis in (3, 2, 1):
        if weights[axis - 1].size:
            lines = np.moveaxis(values, axis, 0)
            flat = np.ascontiguousarray(lines).reshape(len(lines), -1)
            values = np.moveaxis(_solved(flat, weights[axis - 1], border).reshape(lines.shape), 0, axis)
    return values


def _solved(lines: Reals, weights: Reals, border: int) -> Reals:
    """Solve the equations of a filter along the first axis of (length, lines)."""
    length, reach = len(lines), weights.size - 1
    factors = _factored(length, tuple(weights.tolist()), border)
    solved = np.concatenate([lines, np.zeros((reach, lines.shape[1]))])
    for k in range(length):
        solved[k + 1 : k + 1 + reach] -= factors.below[k, :, None] * solved[k]
    solved[length:] = 0.0
    for k in range(length - 1, -1, -1):
        solved[k] -= (factors.right[k, :, None] * solved[k + 1 : k + 1 + reach]).sum(axis=0)
        solved[k] *= factors.inverse[k]
    return solved[:length]


class _Factors(NamedTuple):
    """Of each line how many times it is taken from those ``below`` (length, reach), how many times those to the
    ``right`` (length, reach) are taken from it, and the ``inverse`` (length,) of its own weight."""

    below: Reals
    right: Reals
    inverse: Reals


@lru_cache(maxsize=64)
def _factored(length: int, weights: tuple[float, ...], border: int) -> _Factors:
    """Eliminate in banded equations. That needs no order of its own: no frequency is lost, or the filter is none that
    can be undone."""
    reach = len(weights) - 1
    # Row i of the equations begins at column i - reach: entry (i, j) stands at 2 reach i + j + reach.
    bands = np.zeros((length + reach) * (2 * reach + 1))
    places, rows = with_border(length, reach, border), np.arange(length)
    for k in range(-reach, reach + 1):
        bands[2 * reach * rows + places[reach + k : reach + k + length] + reach] += weights[abs(k)]
    block = 2 * reach * np.arange(1, reach + 1)[:, None] + np.arange(reach + 1) + reach
    factors = _Factors(np.zeros((length, reach)), np.zeros((length, reach)), np.zeros(length))
    for k in range(length):
        start = k * (2 * reach + 1)
        right = bands[start + reach : start + 2 * reach + 1]
        if right[0] != 0.0:
            factors.inverse[k] = 1.0 / right[0]
            factors.below[k] = bands[start + block[:, 0]] * factors.inverse[k]
            bands[start + block] -= factors.below[k, :, None] * right
        factors.right[k] = right[1:]
    return factors


def _verified(keys: Keys, values: Reals, number: SampleType, guess: _Guess, image_rows: int) -> Filtered | None:
    """What the guess, or one that sums in float64, is for, where that takes less."""
    found = unfiltered(values, guess.like, guess.filter.border)
    image, row, column = _liveliest(values)
    numbers = on_grid(found, found[0, image, row : row + _CORE, column : column + _CORE])
    return None if numbers is None else fitted_origin(keys, values, numbers, number, guess.filter, image_rows)


def on_grid(found: Reals, piece: Reals) -> Integers | None:
    """The numbers of steps of the grid on which a ``piece`` of what was found lies; None where there is none, or all of
    it does not."""
    step = grid_of(piece)
    if step is None:
        return None
    numbers = refined(found, step)
    whole = np.rint(numbers)
    if not float(np.abs(numbers).max()) < LARGEST or float(np.abs(numbers - whole).mean()) > OFF_ALL:
        return None
    return whole.astype(np.int64)


def fitted_origin(
    keys: Keys, values: Reals, numbers: Integers, number: SampleType, guess: Filter, image_rows: int
) -> Filtered | None:
    """Scaled ``numbers`` as that of which a filter, or one that sums in float64, makes keys, where that takes less."""
    best: Filtered | None = None
    area = Area(keys.shape[1], keys.shape[2], image_rows)
    least = WORTH * float(bits_of_plane(keys, number, image_rows).sum(dtype=np.float64))
    for between in dict.fromkeys((number, SampleType.FLOAT64)):
        filter = guess._replace(between=between)
        origin = _origin(keys, values, numbers, number, filter, image_rows)
        if origin is None:
            continue
        one = Filtered(filter, origin, keys - filter.made_of(origin, number, area))
        if (bits := one.bits(numbers, number)) < least:
            best, least = one, bits
    return best


def refined(found: Reals, step: float) -> Reals:
    """Numbers of steps from the least on, where the step is known to a part of one only: it is fitted to the values
    nearest to the middle, then to more and more of them."""
    flat = np.sort(found.ravel()[:: max(1, found.size >> 16)])
    offset = middle = float(flat[len(flat) // 2])
    reach = 8 * step
    while True:
        near = flat[np.abs(flat - middle) <= reach]
        numbers = np.rint((near - offset) / step)
        if len(near) > 2 and np.ptp(numbers) > 0:
            x_mean, y_mean = numbers.mean(), near.mean()
            step = float(((numbers - x_mean) * (near - y_mean)).sum() / ((numbers - x_mean) ** 2).sum())
            offset = float(y_mean - step * x_mean)
        if len(near) == len(flat):
            return (found - offset) / step
        reach *= 2


def _origin(
    keys: Keys, values: Reals, numbers: Integers, number: SampleType, filter: Filter, image_rows: int
) -> Keys | None:
    """The keys of the numbers of steps as the scaling gives them that comes nearest to ``keys``."""
    least = int(numbers.min())
    if int(numbers.max()) - least >= MAX_ENTRIES:
        return None
    numbers = numbers - least
    # What a filter makes of numbers is known better than they are.
    made = filtered(numbers, filter.weights, filter.border, np.float64, np.float64)
    some = _Part(keys, numbers, image_rows)
    best = likeliest_scaling(
        made, values, int(numbers.max()), filter.between, lambda one: some.cost(one, number, filter)
    )
    return None if best is None else scaled(best, numbers, filter.between)


def likeliest_scaling(
    made: Reals, values: Reals, most: int, between: SampleType, cost: Callable[[Candidate], float]
) -> Candidate | None:
    """Of the scalings of numbers 0 .. ``most`` as that of which ``values`` were made, the one that costs least.
    ``made``: what is made of the numbers themselves, which keeps a step and an offset."""
    x, y = made - made.mean(), values - values.mean()
    spread = float((x * x).sum())
    if spread == 0.0:
        return None
    if (step := float((x * y).sum()) / spread) == 0.0:
        return None
    offset = float(values.mean() - step * made.mean())
    error = float(np.sqrt(((y - step * x) ** 2).mean() / spread)) * max(1, most)
    rounding = 2.0**-50 * float(np.abs(values).max())
    grid = Grid(np.array([0, most]), step, offset, 4 * error + rounding)
    best, least = None, float("inf")
    for one in dict.fromkeys(likely_candidates(grid, between)):
        if (here := cost(one)) < least:
            best, least = one, here
        if not least:
            break
    return best


def scaled(one: Candidate, numbers: Integers, number: SampleType) -> Keys | None:
    """The keys of a scaling, None where they are not all finite."""
    try:
        made = computed(one.form, one.a, one.b, numbers.ravel() + one.shift, number)
    except FormatError:
        return None
    return made.reshape(len(numbers), -1, numbers.shape[3])


class _Part:
    """Some rows in the middle of an image, on which scalings are tried."""

    def __init__(self, keys: Keys, numbers: Integers, image_rows: int) -> None:
        self._keys, self._numbers, self._rows = keys, numbers, image_rows

    def cost(self, one: Candidate, number: SampleType, filter: Filter) -> float:
        """Bits of what is left; as many as there can be of a scaling that is none."""
        is_deep = filter.weights[0].size > 0
        middle = self._numbers.shape[1] // 2
        images = slice(None) if is_deep else slice(middle, middle + 1)
        first, reach = max(0, self._rows // 2 - 32), filter.weights[1].size
        rows = slice(first, first + 32 + 2 * reach)
        some = np.ascontiguousarray(self._numbers[:1, images, rows])
        if (origin := scaled(one, some, filter.between)) is None:
            return float("inf")
        made = filter.made_of(origin, number, Area(origin.shape[1], origin.shape[2], some.shape[2]))
        keys = self._keys.reshape(self._numbers.shape)[:1, images, rows]
        errors = (keys - made.reshape(keys.shape)).astype(np.int64)
        return cost_of(errors[:, :, reach : some.shape[2] - reach])
