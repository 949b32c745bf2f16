"""Finding out how a JPEG decoder made the planes of a band: an encoder's affair alone.

corner of the grid -> steps of luminance -> its coefficients -> bounds of colours -> subsampling -> steps, coefficients
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sofc.jpeg.bounds import DRAWN_REACH, Bounded, Mask, bounded, informed, match_drawn
from sofc.jpeg.colour import Channels, reached
from sofc.jpeg.dct import LARGEST, SIDE, SIZE, Coefficients, Grid
from sofc.jpeg.origin import Origin, Steps
from sofc.jpeg.solve import FREE, HOPELESS, Guessed, scratch, solve
from sofc.jpeg.steps import ALL_BLOCKS, GUESS_BITS, blocks_of, find_corner, find_table
from sofc.jpeg.subsampling import TRIAL_ROWS, Shrunk, find_subsampling, rounded, shrunk
from sofc.planes import Plane

LEAST_BITS = 24
"""What coefficients of a block are rounded off, in all: with steps of 1 samples of any kind come out."""
DOUBTFUL = 0.3
"""A sample of a component of which less is known may be anything that the plane's samples may be."""


class Recovered(NamedTuple):
    """How planes came about, those planes as they come out of that as far as they can, and the ``share`` of samples
    that do."""

    origins: list[Origin]
    planes: list[Plane]
    share: float


def recover_planes(planes: Sequence[Plane], modelled: int) -> Recovered | None:
    """How the first ``modelled`` planes (samples 0-255) came about, 1 or 3; None where JPEG left no trace.

    Three planes are Y, Cb and Cr: what converts to the same samples is as good.
    """
    if modelled == 1:
        plane = planes[0]
        origin = _recover_first(Bounded(plane, plane, plane, plane))
        if origin is None:
            return None
        return Recovered([origin], [plane.copy()], float(np.mean(origin.draw(plane.shape)[0] == plane)))
    samples = reached(planes[:3])
    guessed = bounded(planes[:3], samples)
    first = _recover_first(guessed[0])
    if first is None:
        return None
    luminance, _ = first.draw(planes[0].shape)
    known = informed(guessed, samples, luminance, _sure(guessed[0], luminance, first.grid))[1:]
    grid, components = find_subsampling(known, first.grid.corner)
    colours = [_component(*each, grid) for each in zip(known, components, strict=True)]
    origins = [first, *_solved(colours, _find_table(colours))]
    drawn = np.stack([origin.draw(planes[0].shape)[0] for origin in origins])
    chosen = np.stack(planes[:3])
    same = match_drawn(Channels(*samples), drawn, chosen, DRAWN_REACH)
    return Recovered(origins, list(chosen), same / chosen[0].size)


def _recover_first(plane: Bounded) -> Origin | None:
    """How luminance came about; None where no steps show."""
    guess = plane.samples << GUESS_BITS
    guess[~plane.known | (plane.samples == 0) | (plane.samples == LARGEST)] = -1
    corner = find_corner(guess)
    if corner is None:
        return None
    grid = Grid(1, 1, *corner)
    component = _component(plane, shrunk(plane, grid), grid)
    table = _find_table([component])
    return None if np.log2(table).sum() < LEAST_BITS else _solved([component], table)[0]


class _Component(NamedTuple):
    """A component in whole blocks: guessed samples and their bounds, and how it lies over its plane."""

    grid: Grid
    guessed: Guessed

    def solve(self, table: Steps, most: int) -> tuple[Coefficients, int]:
        """Its coefficients, as multiples of steps, and how many samples do not come out of them."""
        rows, width = self.guessed.guess.shape
        coefficients = np.zeros((rows // SIDE, width // SIDE, SIZE), np.int32)
        return coefficients, solve(self.guessed, table, most, coefficients, scratch())

    def middle(self) -> _Component:
        """Some rows out of the middle."""
        first = max(0, (len(self.guessed.guess) - TRIAL_ROWS) // 2 // SIDE * SIDE)
        return self._replace(guessed=Guessed(*(plane[first : first + TRIAL_ROWS] for plane in self.guessed)))


def _solved(components: Sequence[_Component], table: Steps) -> list[Origin]:
    return [Origin(component.grid, table, component.solve(table, HOPELESS)[0]) for component in components]


def _find_table(components: Sequence[_Component]) -> Steps:
    """The steps of all components of a kind."""
    found = []
    for _, (guess, lowest, highest) in components:
        known = guess.copy()
        known[(highest - lowest > 1) | (lowest <= 0) | (highest >= LARGEST)] = -1
        found.append(blocks_of(known, 0, 0, ALL_BLOCKS))
    trials = [component.middle() for component in components]
    return find_table(np.concatenate(found), lambda table: sum(trial.solve(table, 0)[1] for trial in trials))


def _sure(luminance: Bounded, drawn: Plane, grid: Grid) -> Mask:
    """Where all samples of a block come out of its coefficients."""
    right = (drawn >= luminance.lowest) & (drawn <= luminance.highest)
    whole = _blockwise(np.pad(right, grid.border(right.shape), constant_values=True))
    inside = tuple(slice(first, first + size) for first, size in zip(grid.corner, right.shape, strict=True))
    return whole[inside]


def _component(plane: Bounded, shrunk: Shrunk, grid: Grid) -> _Component:
    """The component of a plane, filled up to whole blocks."""
    guess, lowest, highest = shrunk.guess, plane.lowest, plane.highest
    if grid.is_enlarged:
        lowest, highest = _bounds(plane, shrunk, grid)
    border = grid.border(guess.shape)
    guess = np.pad(guess, border, mode="edge")
    lowest = np.pad(lowest, border, constant_values=-FREE)
    highest = np.pad(highest, border, constant_values=FREE)
    # Where nothing of a block is known, what stands there is as good as anything.
    free = _blockwise(highest - lowest >= FREE)
    if free.any():
        rows, columns = (
            np.maximum(0, factor * np.arange(count) - first % factor)
            for factor, count, first in zip(grid[:2], shrunk.guess.shape, grid[2:], strict=True)
        )
        shown = np.pad(plane.shown[np.ix_(rows, columns)], border, mode="edge")
        guess = np.where(free, shown << GUESS_BITS, guess)
        lowest, highest = np.where(free, shown, lowest), np.where(free, shown, highest)
    return _Component(grid, Guessed(*(np.ascontiguousarray(each, np.int32) for each in (guess, lowest, highest))))


def _bounds(plane: Bounded, shrunk: Shrunk, grid: Grid) -> tuple[Plane, Plane]:
    """Bounds of the samples of a component that its plane was enlarged from."""
    guess, sure = shrunk
    part = guess & ((1 << GUESS_BITS) - 1)
    quarter = 1 << (GUESS_BITS - 2)
    clear = (part <= quarter) | (part >= 3 * quarter)
    lowest = np.where(clear, rounded(guess), guess >> GUESS_BITS)
    highest = lowest + ~clear
    # What bounds of the plane leave open, the component's leave open, too.
    rows, columns = np.nonzero(~plane.known)
    if len(rows):
        slack = np.zeros(guess.shape, np.int32)
        down, across, top, left = grid
        at = (top % down + rows) // down, (left % across + columns) // across
        np.maximum.at(slack, at, (plane.highest - plane.lowest)[rows, columns])
        slack = np.where(sure < DOUBTFUL, slack, np.where(sure < 1, np.minimum(slack, 1), 0))
        wide = slack >= FREE
        lowest = np.where(wide, -FREE, lowest - slack)
        highest = np.where(wide, FREE, highest + slack)
    return lowest, highest


def _blockwise(mask: Mask) -> Mask:
    """Where the mask covers whole blocks."""
    rows, columns = mask.shape[0] // SIDE, mask.shape[1] // SIDE
    whole = mask.reshape(rows, SIDE, columns, SIDE).all(axis=(1, 3))
    result: Mask = np.repeat(np.repeat(whole, SIDE, axis=0), SIDE, axis=1)
    return result
