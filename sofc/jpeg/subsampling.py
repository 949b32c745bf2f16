"""The components that enlarged planes were made from, and how much they were enlarged: an encoder's affair."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel
from sofc.jit.types import Table
from sofc.jpeg.bounds import Bounded
from sofc.jpeg.dct import FINE, HALVES, LARGEST, REPLICATED, SCALED, STEPWISE, TRIANGLE, Grid
from sofc.jpeg.origin import enlarged
from sofc.jpeg.steps import GUESS_BITS
from sofc.planes import Plane

Reals = npt.NDArray[np.float64]

FACTORS = ((2, 2), (1, 2), (2, 1), (1, 1))
"""Rows and columns that a sample of a component stands for."""
UNSURE = 1 / 64
"""How much samples that are not known count."""


@kernel
def shrink(
    lines: Table[np.float64],
    weights: Table[np.float64],
    first: int,
    guess: Table[np.float64],
    sure: Table[np.float64],
    room: Table[np.float64],
) -> int:
    """What lines were enlarged from to twice the length, by least squares: inverse of ``dct.enlarge`` along one side.

    ``lines`` (rows, length): each row by itself; ``weights``: how much each sample counts, 0 to 1. ``first``: whether
    the first sample is the second of a pair. ``guess`` (rows, samples that the lines cover) is filled, and ``sure``
    with how much is known of each, 0 to 1; ``room`` (3, as many). Returns 0. Floating point is added, multiplied and
    divided only, which gives the same on any machine.
    """
    rows, length = lines.shape
    count = guess.shape[1]
    diagonal, beside, right = room[0], room[1], room[2]
    for y in range(rows):
        for i in range(count):
            diagonal[i] = beside[i] = right[i] = sure[y, i] = 0
        for x in range(length):
            place = first + x
            i = place >> 1
            j = max(0, min(count - 1, i + (1 if place & 1 else -1)))
            weight = max(UNSURE, weights[y, x])
            sure[y, i] += weights[y, x] / 2
            value = 4 * weight * lines[y, x]
            if i == j:
                diagonal[i] += 16 * weight
                right[i] += 4 * value
            else:
                diagonal[i] += 9 * weight
                diagonal[j] += weight
                beside[min(i, j)] += 3 * weight
                right[i] += 3 * value
                right[j] += value
        for i in range(1, count):
            ratio = beside[i - 1] / diagonal[i - 1]
            diagonal[i] -= ratio * beside[i - 1]
            right[i] -= ratio * right[i - 1]
        for i in range(count - 1, -1, -1):
            if i < count - 1:
                right[i] -= beside[i] * guess[y, i + 1]
            guess[y, i] = right[i] / diagonal[i]
    return 0


class Shrunk(NamedTuple):
    """A component that a plane was enlarged from: its samples in 1/2**GUESS_BITS, and how sure each is, 0 to 1."""

    guess: Plane
    sure: npt.NDArray[np.floating]


def shrunk(plane: Bounded, grid: Grid, upsampling: int = TRIANGLE) -> Shrunk:
    """The component of a plane, from the sample on that the plane's first belongs to."""
    down, across, top, left = grid
    if upsampling == REPLICATED and grid.is_enlarged:
        return _averaged(plane, grid)
    if not grid.is_enlarged or upsampling == SCALED:
        return Shrunk(plane.samples << GUESS_BITS, plane.known.astype(np.float64))
    samples, sure = plane.samples.astype(np.float64), plane.known.astype(np.float64)
    if upsampling in (HALVES, STEPWISE) and (upsampling == STEPWISE or down * across == 2):
        # Rounding by a half moves samples up by an eighth.
        samples = samples - 0.125 * (down * across // 2)
    elif down * across == 2 and upsampling != FINE:
        # Of two samples, rounding moves the first down and the second up by an eighth.
        place = np.arange(len(samples))[:, None] + top if down == 2 else np.arange(samples.shape[1]) + left
        samples = samples + np.where(place & 1, -0.125, 0.125)
    if across == 2:
        samples, sure = _halved(samples, sure, left & 1)
    if down == 2:
        samples, sure = _halved(samples.T, sure.T, top & 1)
        samples, sure = samples.T, sure.T
    guess = np.floor(samples * (1 << GUESS_BITS) + 0.5).astype(np.int32)
    return Shrunk(np.ascontiguousarray(guess), sure)


def _averaged(plane: Bounded, grid: Grid) -> Shrunk:
    """The component whose samples were repeated: means of those that are known, of all where none is."""
    own = grid._replace(top=grid.top % grid.down, left=grid.left % grid.across)
    rows, columns = (
        (first + np.arange(size)) // factor
        for first, size, factor in zip(own[2:], plane.samples.shape, own[:2], strict=True)
    )
    weights = np.where(plane.known, 1.0, UNSURE)
    total, count, known = np.zeros((3, int(rows[-1]) + 1, int(columns[-1]) + 1))
    at = np.broadcast_arrays(rows[:, None], columns)
    np.add.at(total, tuple(at), weights * plane.samples)
    np.add.at(count, tuple(at), weights)
    np.maximum.at(known, tuple(at), plane.known.astype(np.float64))
    return Shrunk(np.floor(total / count * (1 << GUESS_BITS) + 0.5).astype(np.int32), known)


def _halved(lines: Reals, weights: Reals, first: int) -> tuple[Reals, Reals]:
    count = (first + lines.shape[1] - 1) // 2 + 1
    guess, sure = np.empty((len(lines), count)), np.empty((len(lines), count))
    shrink(np.ascontiguousarray(lines), np.ascontiguousarray(weights), first, guess, sure, np.empty((3, count)))
    return guess, sure


def rounded(guess: Plane) -> Plane:
    """Guessed samples as whole ones."""
    half = 1 << (GUESS_BITS - 1)
    result: Plane = np.clip((guess + half) >> GUESS_BITS, 0, LARGEST).astype(np.int32)
    return result


def match(plane: Bounded, component: Shrunk, grid: Grid, upsampling: int = TRIANGLE) -> float:
    """Share of the known samples that come out again of the component they were enlarged from."""
    own = grid._replace(top=grid.top % grid.down, left=grid.left % grid.across)
    guess = component.guess if upsampling == FINE else rounded(component.guess)
    same = (enlarged(guess, own, plane.samples.shape, upsampling) == plane.samples)[plane.known]
    return float(same.mean()) if same.size else 0
