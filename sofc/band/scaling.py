"""What wide numbers were made from: the encoder's search for tables that hold all of them. Nothing here is normative.

Floating-point values that lie on a grid, as integers do that were scaled, are numbered by their places on it; of the
ways to compute them that a grid allows, the one is taken that gives most of them to the last bit. What is wrong by a
little is corrected, what lies beside the grid is listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.tables import (
    ADD_MULTIPLY,
    DIVIDE_ADD,
    FORMS,
    IN_FLOAT32,
    INTEGERS,
    MULTIPLY_ADD,
    computed,
    entries,
    pieces,
)
from sofc.container.wide import PER_COMPONENT, PER_IMAGE, Scaling, Table, Tables, bits_of
from sofc.entropy.logarithms import log2
from sofc.errors import FormatError
from sofc.image import SampleType
from sofc.planes import Plane
from sofc.transforms.numbers import LAYOUTS, Keys, from_order

MAX_ENTRIES = 1 << 16
_BYTES, _WORDS = 1 << 8, ((-(1 << 15), 1 << 16), (0, 1 << 16))
"""Counts, and first numbers, of the types of integers that values may have been: so a core image is what that is."""
_BLACK = (0.0, -1.0, -0.5, -128.0)
"""What the first number of bytes usually stands for: of these some may not occur, though a decoder made them."""
_LEAST_VALUES = 4
_STRAY_SHARE = 32
"""Of so many values one may lie beside the grid."""
_TRIED_ON, _FINALISTS = 400, 4
_ROUND = (1000.0, 100.0, 10.0, 1.0, 0.5, 0.1)
_NEAR = 1e-3
"""A part of a step that is nothing."""
_LARGEST = float(1 << 31)
_SIZES = (2.0**-400, 2.0**400)
"""Greatest absolute values of which squares and quotients of steps are numbers of float64."""

Reals = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Found(NamedTuple):
    """``planes``: numbers of table entries. ``is_sure``: whether nothing else can be as small."""

    tables: Tables
    planes: list[Plane]
    is_sure: bool


class _Numbered(NamedTuple):
    """A table, and the number of the entry of each of some rising keys."""

    table: Table
    numbers: npt.NDArray[np.int32]


def found_tables(keys: Keys, number: SampleType, image_rows: int) -> Found | None:
    """Tables of the keys, shape (planes, rows, width), that occur; None where they are too many to be worth it."""
    known, places = np.unique(keys, return_inverse=True)
    if len(known) <= MAX_ENTRIES and (one := _computed_table(known, number)) is not None:
        return Found(Tables(0, [one.table]), list(one.numbers[places.reshape(keys.shape)]), True)
    sharing = PER_COMPONENT * (len(keys) > 1) + PER_IMAGE * (keys.shape[1] > image_rows)
    if sharing and (found := _separate(keys, number, image_rows, sharing)) is not None:
        return found
    planes = list(places.reshape(keys.shape).astype(np.int32))
    # So many are coded as labels: how well that goes shows where they are.
    if len(known) > MAX_ENTRIES and 8 * len(known) >= keys.size:
        return None
    return Found(Tables(0, [Table([], known.tolist())]), planes, 64 * len(known) < keys.size)


def _separate(keys: Keys, number: SampleType, image_rows: int, sharing: int) -> Found | None:
    """A computed table for each component and image, or None where not all have one."""
    planes = np.empty(keys.shape, np.int32)
    tables = []
    for piece in pieces(keys.shape, sharing, image_rows):
        known, places = np.unique(keys[piece], return_inverse=True)
        if len(known) > MAX_ENTRIES or 2 * len(known) > places.size + 64:
            return None
        one = _computed_table(known, number)
        if one is None:
            return None
        planes[piece] = one.numbers[places.reshape(keys[piece].shape)]
        tables.append(one.table)
    return Found(Tables(sharing, tables), list(planes), True)


def _computed_table(known: Keys, number: SampleType) -> _Numbered | None:
    """A table with computed entries that give every one of the keys, if there is one."""
    if number is SampleType.BFLOAT16:
        return None
    found = _of_floats(known, number) if number in LAYOUTS else _of_integers(known, number)
    return found if found and np.array_equal(entries(found.table, number)[found.numbers], known) else None


def _of_integers(known: Keys, number: SampleType) -> _Numbered | None:
    """Multiples of a step from the least value on."""
    words = from_order(known, number)
    inside = known - known[0]
    step = int(np.gcd.reduce(inside)) or 1
    if int(inside[-1]) // step >= MAX_ENTRIES:
        return None
    least = int(words[0])
    if number in (SampleType.INT32, SampleType.INT64) and least >> (number.bits - 1):
        least -= 1 << number.bits
    values = np.array((inside // np.uint64(step)).astype(np.int64))
    if step == 1 and abs(least) < _LARGEST:
        first, count = _window(least, int(values[-1]) + 1, 0, [int(black) for black in _BLACK])
        return _Numbered(
            Table([Scaling(INTEGERS, 1, 0, first, count)], []), (values + (least - first)).astype(np.int32)
        )
    scaling = Scaling(INTEGERS, step, least % (1 << 64), 0, int(values[-1]) + 1)
    return _Numbered(Table([scaling], []), values.astype(np.int32))


class Grid(NamedTuple):
    """Of values on a grid ``offset`` + ``step`` x ``numbers``, how far they may be off it."""

    numbers: Integers
    step: float
    offset: float
    tolerance: float


class Candidate(NamedTuple):
    """A form with its a and b, for numbers that are those of the grid and ``shift``."""

    form: int
    a: float
    b: float
    shift: int

    def blacks(self) -> Iterator[int]:
        """The numbers of what black usually stands for."""
        form = self.form & ~IN_FLOAT32
        step = self.a if form in (MULTIPLY_ADD, ADD_MULTIPLY) else 1 / self.a
        return _blacks(step, self.b if form in (MULTIPLY_ADD, DIVIDE_ADD) else self.b * step)


def _blacks(step: float, zero: float) -> Iterator[int]:
    """The numbers of bytes, or negative ones, that stand for what black usually is, where 0 stands for ``zero``."""
    for black in _BLACK:
        place = (black - zero) / step
        if abs(place) < _BYTES and abs(place - round(place)) < _NEAR:
            yield round(place)


def _of_floats(known: Keys, number: SampleType) -> _Numbered | None:
    """Values on a grid and a few beside it; None where there is no grid, or hardly more values than a list has."""
    with np.errstate(invalid="ignore"):  # numbers that are none
        values = from_order(known, number).astype(f"u{number.bits // 8}").view(number.dtype_name).astype(np.float64)
    usual = np.isfinite(values) & ~((values == 0) & np.signbit(values))
    if np.count_nonzero(usual) < (1 if _whole(values[usual]) else _LEAST_VALUES):
        return None
    found = _whole_grid(values, usual) or _grid(values, usual, number)
    if found is None:
        return None
    on_grid, grid = found
    if 2 * len(on_grid) < max(2, len(values)):
        return None
    if (len(values) - len(on_grid)) * _STRAY_SHARE > len(values) > 64:
        return None
    candidate, errors = _best(known[on_grid], grid, number)
    fits = np.flatnonzero(np.abs(errors) < 1 << 30)
    numbers, places = np.unique(grid.numbers[fits] + candidate.shift, return_index=True)
    on_grid, errors = on_grid[fits[places]], errors[fits[places]]
    if 2 * len(on_grid) < len(values) or int(numbers.max() - numbers.min()) >= MAX_ENTRIES - len(known) + len(on_grid):
        return None
    return _numbered(known, on_grid, numbers, errors, candidate, number)


def _numbered(
    known: Keys, on_grid: Integers, numbers: Integers, errors: Integers, candidate: Candidate, number: SampleType
) -> _Numbered:
    """The table of a scaling, and of the keys that are not on its grid."""
    stray = np.setdiff1d(np.arange(len(known)), on_grid)
    first, count = int(numbers.min()), int(numbers.max() - numbers.min()) + 1
    corrections = None
    if errors.any():
        column = np.zeros(count, np.int64)
        column[numbers - first] = errors
        corrections = column.tolist()
    else:
        window = _window(first, count, len(stray), candidate.blacks())
        if _is_finite(candidate, window, number):
            first, count = window
    result = np.empty(len(known), np.int32)
    result[on_grid] = numbers - first
    result[stray] = count + np.arange(len(stray))
    scaling = Scaling(candidate.form, bits_of(candidate.a), bits_of(candidate.b), first, count, corrections)
    return _Numbered(Table([scaling], known[stray].tolist()), result)


def _window(first: int, count: int, listed: int, blacks: Iterable[int]) -> tuple[int, int]:
    """The first number and the count of the type that numbers fit, ``count`` of them from ``first`` on. ``blacks``: the
    numbers that may be the first of bytes; where none can, the least that occurs is."""
    for start, size in (*((black, _BYTES) for black in (*blacks, first)), *_WORDS):
        if start <= first and first + count <= start + size and size + listed <= MAX_ENTRIES:
            return start, size
    return first, count


def _whole(values: Reals) -> bool:
    return bool(np.all((np.abs(values) < _LARGEST) & (values == np.rint(values))))


def _whole_grid(values: Reals, usual: npt.NDArray[np.bool_]) -> tuple[Integers, Grid] | None:
    """The grid of whole numbers."""
    places = np.flatnonzero(usual)
    if not _whole(values[places]) or values[places[-1]] - values[places[0]] >= MAX_ENTRIES:
        return None
    return places, Grid(values[places].astype(np.int64), 1.0, 0.0, 0.0)


def is_measurable(top: float) -> bool:
    """Whether a grid can be sought of values up to ``top`` in size."""
    return _SIZES[0] < top < _SIZES[1]


def _grid(values: Reals, usual: npt.NDArray[np.bool_], number: SampleType) -> tuple[Integers, Grid] | None:
    """The grid of most values, and which those are."""
    places = np.flatnonzero(usual)
    found = values[places]
    top = float(np.abs(found).max())
    if not is_measurable(top):
        return None
    epsilon = 2.0 ** -LAYOUTS[number].mantissa
    tolerance = 2 * epsilon * top
    gaps = np.diff(found)
    steps = {float(np.median(gaps)), float(np.percentile(gaps, 5)), _common_step(gaps, 4 * tolerance)}
    best: tuple[Integers, Grid] | None = None
    for step in sorted(steps, reverse=True):
        if step > 8 * tolerance and (found[-1] - found[0]) / step < 4 * MAX_ENTRIES:
            one = _fitted(found, step, tolerance)
            # A finer grid may pass through what lies beside a coarse one by chance.
            if best is None or (len(one[0]) - len(best[0])) * _STRAY_SHARE > len(found):
                best = one
    if best is None:
        return None
    inside, grid = best
    return places[inside], grid


def _common_step(gaps: Reals, tolerance: float) -> float:
    """The greatest step of which all gaps are multiples within a tolerance, by Euclid's algorithm; 0 for none."""
    step = float(gaps.min())
    for _ in range(40):
        if step <= 2 * tolerance:
            return 0.0
        multiples = np.rint(gaps / step)
        rest = np.abs(gaps - multiples * step)
        # What rounding leaves grows with the multiple: the smallest says most.
        beyond = np.flatnonzero(rest > tolerance + multiples * tolerance / 4)
        if not len(beyond):
            return _refined(gaps, step)
        step = float(rest[beyond[np.argmin(multiples[beyond])]])
    return 0.0


def _refined(gaps: Reals, step: float) -> float:
    """The step of which gaps are multiples, fitted to the smallest, then to more and more of them: of few values on a
    fine grid, the smallest gap alone is too rough to say how many steps lie between values far from each other."""
    for reach in 2 ** np.arange(1, MAX_ENTRIES.bit_length()):
        near = gaps[gaps <= reach * step]
        multiples = float(np.rint(near / step).sum())
        step = float(near.sum()) / multiples if multiples else step
    return step


def _fitted(found: Reals, step: float, tolerance: float) -> tuple[Integers, Grid]:
    """Places of the values on a grid of about this step, fitted to more and more of them."""
    middle = found[len(found) // 2]
    offset, reach = middle, 32 * step
    while True:
        near = np.abs(found - middle) <= reach
        numbers = np.rint((found[near] - offset) / step)
        close = np.abs(found[near] - offset - numbers * step) < max(0.1 * step, tolerance)
        if np.count_nonzero(close) > 2 and np.ptp(numbers[close]) > 0:
            x, y = numbers[close], found[near][close]
            x_mean, y_mean = x.mean(), y.mean()
            step = float(((x - x_mean) * (y - y_mean)).sum() / ((x - x_mean) ** 2).sum())
            offset = float(y_mean - step * x_mean)
        if near.all():
            break
        reach *= 4
    numbers = np.rint((found - offset) / step)
    inside = np.flatnonzero(np.abs(found - offset - numbers * step) <= 4 * tolerance)
    if len(inside) == 0:
        return inside, Grid(np.zeros(0, np.int64), step, offset, tolerance)
    least = numbers[inside[0]]
    return inside, Grid((numbers[inside] - least).astype(np.int64), step, offset + least * step, tolerance)


def _best(keys: Keys, grid: Grid, number: SampleType) -> tuple[Candidate, Integers]:
    """The candidate that needs the smallest corrections, and those."""
    candidates = list(dict.fromkeys(likely_candidates(grid, number)))
    some = np.unique(np.linspace(0, len(keys) - 1, _TRIED_ON).astype(np.int64))
    if len(candidates) > 1:
        costs = [cost_of(_errors(one, keys[some], grid.numbers[some], number)) for one in candidates]
        order = np.argsort(np.array(costs), kind="stable")[:_FINALISTS]
        candidates = [candidates[k] for k in order]
    tried = [(one, _errors(one, keys, grid.numbers, number)) for one in candidates]
    return min(tried, key=lambda pair: cost_of(pair[1]))


def _is_finite(one: Candidate, window: tuple[int, int], number: SampleType) -> bool:
    """Whether entries of a first number and so many are finite, as they are where the first and the last are."""
    first, count = window
    try:
        computed(one.form, one.a, one.b, np.array([first, first + count - 1]), number)
    except FormatError:
        return False
    return True


def _errors(one: Candidate, keys: Keys, numbers: Integers, number: SampleType) -> Integers:
    """What the keys are more than those computed; where these are not finite, far too much."""
    try:
        made = computed(one.form, one.a, one.b, numbers + one.shift, number)
    except FormatError:
        return np.full(len(keys), 1 << 40, np.int64)
    return (keys - made).astype(np.int64)


def cost_of(errors: Integers) -> int:
    """About what corrections take, in 1 / LOG_ONE bits."""
    return int(log2(1 + np.abs(errors.astype(np.float64))).sum())


def likely_candidates(grid: Grid, number: SampleType) -> Iterator[Candidate]:
    """Forms with likely numbers, simple ones before others."""
    if grid.tolerance == 0:
        yield Candidate(MULTIPLY_ADD, 1.0, 0.0, 0)
        return
    step, offset = grid.step, grid.offset
    slack = 2 * grid.tolerance / max(1, int(grid.numbers.max()))
    multipliers = [a for a in _likely(step, slack) if a != 0]
    divisors = [a for a in _likely(1 / step, slack / step / step) if a != 0]
    in_float32 = IN_FLOAT32 if number is not SampleType.FLOAT64 else None
    for shift in _shifts(grid, slack):
        for form in FORMS:
            is_quotient, adds_last = form > 2, form % 2 == 1
            for a in divisors if is_quotient else multipliers:
                rest = offset - (shift / a if is_quotient else shift * a)
                exact = rest if adds_last else rest * a if is_quotient else rest / a
                spread = grid.tolerance + abs(shift) * slack
                tolerance = spread if adds_last else spread / abs(step)
                for b in _likely(exact, tolerance):
                    yield Candidate(form, a, b, shift)
                    if in_float32:
                        yield Candidate(form + IN_FLOAT32, float(_single(a)), float(_single(b)), shift)


def _shifts(grid: Grid, slack: float) -> Iterator[int]:
    """Numbers that the first value may have: as near to a / b as can be, what it has if those of black are 0, 0, and
    those that make b a round number."""
    step, offset = grid.step, grid.offset
    ratio = offset / step
    if abs(ratio) < _LARGEST / 2:
        yield round(ratio)
    yield from (-black for black in _blacks(step, offset))
    yield 0
    places = np.arange(-int(grid.numbers.max()) - 1, MAX_ENTRIES)
    values = offset - places * step
    for unit in _ROUND:
        off = np.abs(values - np.rint(values / unit) * unit)
        close = np.flatnonzero(off <= grid.tolerance + np.abs(places) * slack)
        if 0 < len(close) <= 64:
            yield int(places[close[np.argmin(np.abs(places[close]))]])


def _likely(value: float, tolerance: float) -> Iterator[float]:
    """Numbers near a value that people and formats choose: few digits, float32; then the value itself."""
    if abs(value) <= tolerance:
        yield 0.0
        return
    for digits in range(1, 17):
        short = float(f"{value:.{digits - 1}e}")
        if abs(short - value) <= tolerance:
            yield short
            break
    single = _single(value)
    if abs(float(single) - value) <= tolerance + abs(value) * 2.0**-23:
        with np.errstate(over="ignore"):
            near = single, np.nextafter(single, np.float32(np.inf)), np.nextafter(single, np.float32(-np.inf))
        yield from (float(one) for one in near if np.isfinite(one))
    yield value


def _single(value: float) -> np.float32:
    with np.errstate(over="ignore"):
        return np.float32(value)
