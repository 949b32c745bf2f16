"""The components that enlarged planes were made from, and how much they were enlarged: an encoder's affair."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.jpeg.bounds import Bounded
from sofc.jpeg.dct import FINE, HALVES, LARGEST, REPLICATED, SCALED, STEPWISE, TRIANGLE, Grid
from sofc.jpeg.origin import enlarged
from sofc.jpeg.steps import GUESS_BITS
from sofc.planes import Plane

Reals = npt.NDArray[np.float64]

FACTORS = ((2, 2), (1, 2), (2, 1), (1, 1))
"""Rows and columns that a sample of a component stands for."""
REPEATED_FACTORS = ((1, 4), (2, 4), (4, 1), (4, 2), (4, 4))
"""The same where samples are only ever repeated."""
LANES = 32
"""Columns that are solved side by side."""
UNSURE, MOST_OPEN = 1 / 64, 7
"""How much samples count that may be anything, and those whose bounds are so far apart."""
COUNTED = 1 / np.arange(1.0, MOST_OPEN + 2) ** 2
"""[apart]: how much a sample counts whose bounds are so far apart, as the square of what they leave open."""


class Equations(NamedTuple):
    """Those of a system for each of LANES columns, (samples, LANES): its diagonal, what stands ``beside`` it, and the
    ``right`` side."""

    diagonal: Table[np.float64]
    beside: Table[np.float64]
    right: Table[np.float64]


@inlined
def _add_row(source: Vector[np.float64], part: float, lanes: int, target: Vector[np.float64]) -> None:
    for k in range(lanes):
        target[k] += part * source[k]


@inlined
def _add(strip: Strip, y: int, i: int, j: int, lanes: int) -> None:
    """What samples say of those that they were made of, ``i`` and the ones beside them, ``j``. Row by row, so that
    processors add up several at once."""
    diagonal, beside, right = strip.equations
    values, weights = strip.values[y], strip.weights[y]
    for k in range(lanes):
        weights[k] = max(UNSURE, weights[k])
        values[k] *= weights[k]
    if i == j:
        _add_row(weights, 16.0, lanes, diagonal[i])
        _add_row(values, 16.0, lanes, right[i])
    else:
        _add_row(weights, 9.0, lanes, diagonal[i])
        _add_row(weights, 1.0, lanes, diagonal[j])
        _add_row(weights, 3.0, lanes, beside[min(i, j)])
        _add_row(values, 12.0, lanes, right[i])
        _add_row(values, 4.0, lanes, right[j])


@inlined
def _solve(count: int, lanes: int, equations: Equations) -> None:
    """Leave the solutions of the first ``lanes`` systems on their right sides."""
    diagonal, beside, right = equations
    for i in range(1, count):
        for k in range(lanes):
            ratio = beside[i - 1, k] / diagonal[i - 1, k]
            diagonal[i, k] -= ratio * beside[i - 1, k]
            right[i, k] -= ratio * right[i - 1, k]
    for k in range(lanes):
        right[count - 1, k] /= diagonal[count - 1, k]
    for i in range(count - 2, -1, -1):
        for k in range(lanes):
            right[i, k] = (right[i, k] - beside[i, k] * right[i + 1, k]) / diagonal[i, k]


@inlined
def _solve_alike(count: int, lanes: int, equations: Equations) -> None:
    """The same where all systems but for their right sides are that of the first lane."""
    diagonal, beside, right = equations
    for i in range(1, count):
        ratio = beside[i - 1, 0] / diagonal[i - 1, 0]
        diagonal[i, 0] -= ratio * beside[i - 1, 0]
        for k in range(lanes):
            right[i, k] -= ratio * right[i - 1, k]
    for k in range(lanes):
        right[count - 1, k] /= diagonal[count - 1, 0]
    for i in range(count - 2, -1, -1):
        for k in range(lanes):
            right[i, k] = (right[i, k] - beside[i, 0] * right[i + 1, k]) / diagonal[i, 0]


class Strip(NamedTuple):
    """Scratch for LANES columns: samples, how much each counts, and how much is known of those they were made from,
    (length, LANES) each; and the equations of these."""

    values: Table[np.float64]
    weights: Table[np.float64]
    sure: Table[np.float64]
    equations: Equations


@inlined
def _shrink_strip(strip: Strip, first: int, length: int, count: int, lanes: int, are_known: bool) -> None:
    """Solve the first ``lanes`` columns of a strip: solutions are left on the right sides of its equations.
    ``are_known``: whether all samples count in full, so that their weights are not needed."""
    values, weights, sure, equations = strip
    diagonal, beside, right = equations
    for i in range(count):
        for k in range(lanes):
            diagonal[i, k] = beside[i, k] = right[i, k] = sure[i, k] = 0
    for y in range(length):
        i = (first + y) >> 1
        j = max(0, min(count - 1, i + (1 if (first + y) & 1 else -1)))
        if not are_known:
            _add_row(weights[y], 0.5, lanes, sure[i])
            _add(strip, y, i, j, lanes)
            continue
        # The usual case: nothing but the right sides differs from column to column.
        for k in range(lanes):
            sure[i, k] += 0.5
        diagonal[i, 0] += 16 if i == j else 9
        _add_row(values[y], 16.0 if i == j else 12.0, lanes, right[i])
        if i != j:
            diagonal[j, 0] += 1
            beside[min(i, j), 0] += 3
            _add_row(values[y], 4.0, lanes, right[j])
    if are_known:
        _solve_alike(count, lanes, equations)
    else:
        _solve(count, lanes, equations)


class Halved(NamedTuple):
    """What pairs of samples were enlarged from, as real numbers, and how much is known of each, 0 to 1."""

    guess: Table[np.float64]
    sure: Table[np.float64]


@kernel
def shrink(plane: Table[np.float64], weights: Table[np.float64], first: int, halved: Halved, strip: Strip) -> int:
    """What columns were enlarged from to twice the length, by least squares: inverse of ``dct.enlarge`` along one side.

    ``plane`` (length, columns): each column by itself; ``weights``: how much each sample counts, 0 to 1. ``first``:
    whether the first sample is the second of a pair. ``halved`` (samples that the columns cover, columns) is filled;
    ``strip``: scratch for as many samples. Returns 0. Floating point is added, multiplied and divided only, which gives
    the same on any machine. Columns are taken LANES at a time, so that what one waits for is done for others meanwhile.
    """
    guess, sure = halved
    length, columns = plane.shape
    count = guess.shape[0]
    for left in range(0, columns, LANES):
        lanes, are_known = min(LANES, columns - left), True
        for y in range(length):
            for k in range(lanes):
                strip.values[y, k], strip.weights[y, k] = plane[y, left + k], weights[y, left + k]
                are_known &= weights[y, left + k] == 1
        _shrink_strip(strip, first, length, count, lanes, are_known)
        for i in range(count):
            for k in range(lanes):
                guess[i, left + k], sure[i, left + k] = strip.equations.right[i, k], strip.sure[i, k]
    return 0


@kernel
def shrink_rows(plane: Bounded, first: int, offset: float, halved: Halved, strip: Strip) -> int:
    """The same of the rows of a plane, where samples count the less the more their bounds leave open.

    The first sample of a pair was moved by ``offset`` less, the second by as much more. ``halved`` (rows, samples that
    a row covers) is filled. Returns 0.
    """
    guess, sure = halved
    rows, length = plane.samples.shape
    count = guess.shape[1]
    for top in range(0, rows, LANES):
        lanes, apart = min(LANES, rows - top), np.int32(0)
        for k in range(lanes):
            for y in range(length):
                strip.values[y, k] = plane.samples[top + k, y] - (offset if (first + y) & 1 else -offset)
                apart |= plane.highest[top + k, y] ^ plane.lowest[top + k, y]
        for k in range(lanes if apart != 0 else 0):
            for y in range(length):
                strip.weights[y, k] = COUNTED[min(plane.highest[top + k, y] - plane.lowest[top + k, y], MOST_OPEN)]
        _shrink_strip(strip, first, length, count, lanes, apart == 0)
        for k in range(lanes):
            for i in range(count):
                guess[top + k, i], sure[top + k, i] = strip.equations.right[i, k], strip.sure[i, k]
    return 0


class Shrunk(NamedTuple):
    """A component that a plane was enlarged from: its samples in 1/2**GUESS_BITS, and how sure each is, 0 to 1."""

    guess: Table[np.int32]
    sure: Table[np.float64]


def shrunk(plane: Bounded, grid: Grid, upsampling: int = TRIANGLE) -> Shrunk:
    """The component of a plane, from the sample on that the plane's first belongs to."""
    down, across, top, left = grid[:4]
    if upsampling == REPLICATED and grid.is_enlarged:
        return _averaged(plane, grid)
    if not grid.is_enlarged or upsampling == SCALED:
        return Shrunk(plane.samples << GUESS_BITS, plane.known.astype(np.float64))
    # Rounding by a half moves samples up by an eighth; of two, libjpeg's moves the first down and the second up.
    is_moved = upsampling in (HALVES, STEPWISE) and (upsampling == STEPWISE or down * across == 2)
    moved = 0.125 * (down * across // 2) if is_moved else 0.0
    offset = 0.125 if down * across == 2 and not is_moved and upsampling != FINE else 0.0
    samples: Reals
    if across == 2:
        samples, sure = _halved_rows(plane, left & 1, offset)
        samples = samples - moved if moved else samples
    else:
        places = np.arange(top, top + len(plane.samples))[:, None]
        samples, sure = plane.samples + (np.where(places & 1, -offset, offset) - moved), _sureness(plane)
    if down == 2:
        samples, sure = _halved(samples, sure, top & 1)
    guess = np.floor(samples * (1 << GUESS_BITS) + 0.5).astype(np.int32)
    return Shrunk(np.ascontiguousarray(guess), np.ascontiguousarray(sure))


def _sureness(plane: Bounded) -> Reals:
    """How much each sample counts, as ``COUNTED`` has it."""
    result: Reals = COUNTED[np.minimum(plane.highest - plane.lowest, MOST_OPEN)]
    return result


def _averaged(plane: Bounded, grid: Grid) -> Shrunk:
    """The component whose samples were repeated: means of those that are known, of all where none is."""
    own = grid._replace(top=grid.top % grid.down, left=grid.left % grid.across)
    rows, columns = (
        (first + np.arange(size)) // factor
        for first, size, factor in zip(own[2:4], plane.samples.shape, own[:2], strict=True)
    )
    places = (int(columns[-1]) + 1) * rows[:, None] + columns
    weights, shape = _sureness(plane), (int(rows[-1]) + 1, int(columns[-1]) + 1)
    total, count, known = (
        np.bincount(places.reshape(-1), each.reshape(-1), shape[0] * shape[1]).reshape(shape)
        for each in (weights * plane.samples, weights, plane.known)
    )
    sure: Reals = np.minimum(known, 1.0)
    return Shrunk(np.floor(total / count * (1 << GUESS_BITS) + 0.5).astype(np.int32), sure)


def _halved(plane: Reals, weights: Reals, first: int) -> Halved:
    """What columns were enlarged from, and how sure that is."""
    length, columns = plane.shape
    halved = Halved(*np.empty((2, (first + length - 1) // 2 + 1, columns)))
    shrink(np.ascontiguousarray(plane), weights, first, halved, _strip(length))
    return halved


def _halved_rows(plane: Bounded, first: int, offset: float) -> Halved:
    """The same of rows."""
    rows, length = plane.samples.shape
    halved = Halved(*np.empty((2, rows, (first + length - 1) // 2 + 1)))
    shrink_rows(plane, first, offset, halved, _strip(length))
    return halved


def _strip(length: int) -> Strip:
    """Scratch for columns of a length."""
    values, weights, sure = np.empty((3, length + 1, LANES))
    return Strip(values, weights, sure, Equations(*np.empty((3, length // 2 + 2, LANES))))


def rounded(guess: Plane) -> Plane:
    """Guessed samples as whole ones."""
    half = 1 << (GUESS_BITS - 1)
    result: Plane = (guess + half) >> GUESS_BITS
    return np.minimum(np.maximum(result, 0, out=result), LARGEST, out=result)


def match(plane: Bounded, component: Shrunk, grid: Grid, upsampling: int = TRIANGLE) -> float:
    """Share of the known samples that come out again of the component they were enlarged from."""
    own = grid._replace(top=grid.top % grid.down, left=grid.left % grid.across)
    guess = component.guess if upsampling == FINE else rounded(component.guess)
    known = plane.known
    same = known & (enlarged(guess, own, plane.samples.shape, upsampling) == plane.samples)
    return int(np.count_nonzero(same)) / max(1, int(np.count_nonzero(known)))
