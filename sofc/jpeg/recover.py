"""Finding out how a JPEG decoder made the planes of a band: an encoder's affair alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jpeg import recovery
from sofc.jpeg.bounds import Bounded, Mask, bounded, informed
from sofc.jpeg.dct import LARGEST, SIDE, SIZE, Coefficients, Integers
from sofc.jpeg.origin import Origin, Table, standard_tables
from sofc.planes import Plane
from sofc.transforms.components import reached

Reals = npt.NDArray[np.float64]

SAMPLE_BLOCKS, ALL_BLOCKS = 96, 2048
"""Blocks that are looked at for each place of the grid, and then for the table of steps."""
MORE_BLOCKS = 4 * SAMPLE_BLOCKS
"""Blocks that are looked at where those show steps, but not clearly at one place."""
MOST_STEP, LARGEST_STEP = 48, 255
LEAST_EVIDENCE = 24
"""What steps explain less than this is chance."""
CLEAR = 2
"""The right place of the grid explains so many times as much as the others."""
LEAST_BITS = 24
"""What coefficients of a block are rounded off, in all: with steps of 1 samples of any kind come out."""
BUSY = 8
"""Where no step shows, it is 1 if one in so many blocks has the coefficient."""
ENLARGED = ((2, 2), (1, 2), (2, 1))
"""Rows and columns that a sample of a component stands for, where more than one, tried in this order."""
MATCHING = 0.85
"""Share of samples that come out again of a component they were enlarged from, at least."""
MARGIN = 0.03
"""Fewer samples are preferred where they match nearly as well."""
TRIAL_ROWS = 64
DOUBTFUL = 0.3
"""A sample of a component of which less is known may be anything that the plane's samples may be."""


def recover_planes(planes: Sequence[Plane], modelled: int) -> tuple[list[Origin], list[Plane], float] | None:
    """How the first ``modelled`` planes came about, those planes as they come out of that as far as they can, and the
    share of samples that do; None where JPEG left no trace.

    Three planes are those of the colour lattice: what converts to the same samples is as good.
    """
    if modelled == 1:
        origins = recover([Bounded(planes[0], planes[0], planes[0], planes[0])], None)
        if origins is None:
            return None
        drawn, _ = origins[0].draw(*planes[0].shape)
        return origins, [planes[0].copy()], float(np.mean(drawn == planes[0]))
    samples = reached(planes[:3])
    guessed = bounded(planes[:3], samples)
    origins = recover(guessed, lambda luminance, sure: informed(guessed, samples, luminance, sure))
    if origins is None:
        return None
    drawn = np.stack([origin.draw(*planes[0].shape)[0] for origin in origins])
    chosen = np.stack(planes[:3])
    same = recovery.settle(samples[0], samples[1], samples[2], drawn, chosen, recovery.SETTLE_REACH)
    return origins, list(chosen), same / chosen[0].size


Informed = Callable[[Plane, Mask], list[Bounded]]
"""What is known of all planes once the first is, and where that is sure."""


def recover(planes: Sequence[Bounded], informed: Informed | None) -> list[Origin] | None:
    """How the planes (samples 0-255) came about, as far as can be found; None where JPEG left no trace."""
    grid = _find_grid(planes[0])
    if grid is None:
        return None
    luminance = planes[0]
    component = _component(luminance, _shrunk(luminance, *grid, 1, 1), 1, 1, *grid)
    table = _find_table([component])
    if np.log2(table).sum() < LEAST_BITS:
        return None
    origins = [component.solved(table)]
    if informed is not None:
        rows, width = luminance.samples.shape
        drawn, _ = origins[0].draw(rows, width)
        right = (drawn >= luminance.lowest) & (drawn <= luminance.highest)
        border = ((grid[0], -(grid[0] + rows) % SIDE), (grid[1], -(grid[1] + width) % SIDE))
        sure = _blockwise(np.pad(right, border, constant_values=True))
        inside = (slice(grid[0], grid[0] + rows), slice(grid[1], grid[1] + width))
        components = _subsampled(informed(drawn, sure[inside])[1:], grid)
        table = _find_table(components)
        origins += [component.solved(table) for component in components]
    return origins


class _Component(NamedTuple):
    """A component in whole blocks: guessed samples in 1/2**GUESS_BITS, their bounds, and what it belongs to."""

    down: int
    across: int
    top: int
    left: int
    guess: Plane
    lowest: Plane
    highest: Plane

    def solved(self, table: Table) -> Origin:
        """Its coefficients, as multiples of these steps."""
        coefficients, _ = self._solve(table, recovery.HOPELESS)
        return Origin(self.down, self.across, self.top, self.left, table, coefficients)

    def missed(self, table: Table) -> int:
        """How many samples do not come out of coefficients rounded to these steps."""
        return self._solve(table, 0)[1]

    def _solve(self, table: Table, most: int) -> tuple[Coefficients, int]:
        rows, width = self.guess.shape
        coefficients = np.zeros((rows // SIDE, width // SIDE, SIZE), np.int32)
        bench = recovery.bench()
        return coefficients, recovery.solve(self.guess, self.lowest, self.highest, table, most, coefficients, bench)

    def middle(self, rows: int) -> _Component:
        """So many rows out of the middle."""
        first = max(0, (len(self.guess) - rows) // 2 // SIDE * SIDE)
        part = slice(first, first + rows)
        return self._replace(guess=self.guess[part], lowest=self.lowest[part], highest=self.highest[part])

    def blocks(self) -> npt.NDArray[np.int32]:
        """Coefficients of blocks all of whose samples are known, in 1/2**FINE_BITS."""
        guess = self.guess.copy()
        guess[(self.highest - self.lowest > 1) | (self.lowest <= 0) | (self.highest >= LARGEST)] = -1
        return _blocks(guess, 0, 0, ALL_BLOCKS)


def _blocks(guess: Plane, top: int, left: int, most: int) -> npt.NDArray[np.int32]:
    count = max(1, max(0, guess.shape[0] - top) // SIDE * (max(0, guess.shape[1] - left) // SIDE))
    found = np.zeros((min(most, count), SIZE), np.int32)
    stride = -(-count // most)
    stride += stride > 1 and stride % 2 == 0
    work = np.zeros(SIZE, np.int64)
    return found[: recovery.transform(guess, top, left, stride, found, work, np.zeros(SIZE, np.int64))]


def _find_grid(plane: Bounded) -> tuple[int, int] | None:
    """Place of the first sample in the grid of blocks."""
    guess = (plane.samples << recovery.GUESS_BITS).astype(np.int32)
    guess[~plane.known | (plane.samples == 0) | (plane.samples == LARGEST)] = -1
    for most in (SAMPLE_BLOCKS, MORE_BLOCKS):
        evidence = _evidence(guess, most)
        largest, next_largest = np.sort(evidence.ravel())[[-1, -2]]
        if largest < LEAST_EVIDENCE:
            return None
        if largest >= CLEAR * next_largest:
            best = int(evidence.argmax())
            return best // SIDE, best % SIDE
    return None


def _evidence(guess: Plane, most: int) -> Integers:
    """What steps explain at each place of the grid, shape (8, 8), in so many blocks spread over the plane."""
    table = np.zeros(SIZE, np.int64)
    evidence = np.zeros((SIDE, SIDE), np.int64)
    for top in range(SIDE):
        for left in range(SIDE):
            found = _blocks(guess, (-top) % SIDE, (-left) % SIDE, most)
            evidence[top, left] = recovery.find_steps(found, len(found), MOST_STEP, table)
    return evidence


def _find_table(components: Sequence[_Component]) -> Table:
    """The steps of all components of a kind: a standard table where one agrees with what shows."""
    found = np.concatenate([component.blocks() for component in components])
    steps = np.zeros(SIZE, np.int64)
    recovery.find_steps(found, len(found), LARGEST_STEP, steps)
    sizes = np.abs(found)
    busy = BUSY * (sizes > 5 << (recovery.FINE_BITS - 2)).sum(axis=0) > len(found)
    evidence = (2 * sizes > steps << recovery.FINE_BITS).sum(axis=0) * (steps > 2)
    tables = standard_tables()
    # In whole numbers, which are the same on any machine.
    fits = np.rint(16 * np.log2(tables)).astype(np.int64) - 128 * (steps % tables != 0)
    unlike = (busy & (steps == 0) & (tables > 2)).sum(axis=1)
    scores = (evidence * fits).sum(axis=1) - 16 * len(found) // BUSY * unlike
    standard: Table = tables[scores.argmax()]
    mixed = np.where(steps > 0, steps, np.where(busy, 1, standard))
    trials = [component.middle(TRIAL_ROWS) for component in components]
    return min((standard, mixed), key=lambda table: sum(trial.missed(table) for trial in trials))


def _subsampled(planes: Sequence[Bounded], grid: tuple[int, int]) -> list[_Component]:
    """Components of colour, which have fewer samples than the image or as many."""
    middle = max(0, (len(planes[0].samples) - TRIAL_ROWS) // 2 & ~1)
    trials = [plane.part(slice(middle, middle + TRIAL_ROWS)) for plane in planes]
    matches = [min(_match(trial, *grid, *shape) for trial in trials) for shape in ENLARGED]
    fine = [match >= max(MATCHING, max(matches) - MARGIN) for match in matches]
    down, across = ENLARGED[fine.index(True)] if any(fine) else (1, 1)
    shrunk = [_shrunk(plane, *grid, down, across) for plane in planes]
    places = [(top, left) for top in range(grid[0], SIDE * down, SIDE) for left in range(grid[1], SIDE * across, SIDE)]
    if len(places) > 1:
        table = np.zeros(SIZE, np.int64)
        evidence = []
        for top, left in places:
            place = (-(top // down) % SIDE, -(left // across) % SIDE)
            found = np.concatenate([_blocks(guess, *place, 6 * SAMPLE_BLOCKS) for guess, _ in shrunk])
            evidence.append(recovery.find_steps(found, len(found), MOST_STEP, table))
        places = [places[int(np.argmax(evidence))]]
    return [_component(plane, each, down, across, *places[0]) for plane, each in zip(planes, shrunk, strict=True)]


def _match(plane: Bounded, top: int, left: int, down: int, across: int) -> float:
    """Share of the known samples that come out again of a component they were enlarged from."""
    component = _rounded(_shrunk(plane, top, left, down, across).guess)
    again = Origin.enlarged(component, top % down, left % across, down, across, plane.samples.shape)
    same = (again == plane.samples)[plane.known]
    return float(same.mean()) if same.size else 0


def _rounded(guess: Plane) -> Plane:
    half = 1 << (recovery.GUESS_BITS - 1)
    rounded: Plane = np.clip((guess + half) >> recovery.GUESS_BITS, 0, LARGEST).astype(np.int32)
    return rounded


class _Shrunk(NamedTuple):
    """A component that a plane was enlarged from: its samples in 1/2**GUESS_BITS, and how sure each is, 0 to 1."""

    guess: Plane
    sure: npt.NDArray[Any]


def _shrunk(plane: Bounded, top: int, left: int, down: int, across: int) -> _Shrunk:
    """The component of an enlarged plane whose first sample is so far from its first."""
    if down * across == 1:
        return _Shrunk(plane.samples << recovery.GUESS_BITS, plane.known)
    samples, sure = plane.samples.astype(np.float64), plane.known.astype(np.float64)
    if down * across == 2:
        # Of two samples, rounding moves the first down and the second up by an eighth.
        place = np.arange(len(samples))[:, None] + top if down == 2 else np.arange(samples.shape[1]) + left
        samples = samples + np.where(place & 1, -0.125, 0.125)
    if across == 2:
        samples, sure = _halved(samples, sure, left & 1)
    if down == 2:
        samples, sure = _halved(samples.T, sure.T, top & 1)
        samples, sure = samples.T, sure.T
    guess = np.floor(samples * (1 << recovery.GUESS_BITS) + 0.5).astype(np.int32)
    return _Shrunk(np.ascontiguousarray(guess), sure)


def _halved(lines: Reals, weights: Reals, first: int) -> tuple[Reals, Reals]:
    count = (first + lines.shape[1] - 1) // 2 + 1
    guess, sure = np.empty((len(lines), count)), np.empty((len(lines), count))
    lines, weights = np.ascontiguousarray(lines), np.ascontiguousarray(weights)
    recovery.shrink(lines, weights, first, guess, sure, np.empty((3, count)))
    return guess, sure


def _component(plane: Bounded, shrunk: _Shrunk, down: int, across: int, top: int, left: int) -> _Component:
    """The component of a plane whose first sample is at ``top``, ``left`` in a grid of enlarged blocks."""
    guess, sure = shrunk
    if down * across == 1:
        lowest, highest = plane.lowest, plane.highest
    else:
        part = guess & ((1 << recovery.GUESS_BITS) - 1)
        quarter = 1 << (recovery.GUESS_BITS - 2)
        clear = (part <= quarter) | (part >= 3 * quarter)
        lowest = np.where(clear, _rounded(guess), guess >> recovery.GUESS_BITS)
        highest = lowest + ~clear
        # What bounds of the plane leave open, the component's leave open, too.
        rows, columns = np.nonzero(~plane.known)
        if len(rows):
            slack = np.zeros(guess.shape, np.int32)
            width = (plane.highest - plane.lowest)[rows, columns]
            np.maximum.at(slack, ((top % down + rows) // down, (left % across + columns) // across), width)
            slack = np.where(sure < DOUBTFUL, slack, np.where(sure < 1, np.minimum(slack, 1), 0))
            wide = slack >= recovery.FREE
            lowest = np.where(wide, -recovery.FREE, lowest - slack)
            highest = np.where(wide, recovery.FREE, highest + slack)
    first_row, first_column = top // down, left // across
    border = (
        (first_row, -(first_row + len(guess)) % SIDE),
        (first_column, -(first_column + guess.shape[1]) % SIDE),
    )
    guess = np.pad(guess, border, mode="edge")
    lowest = np.pad(lowest, border, constant_values=-recovery.FREE)
    highest = np.pad(highest, border, constant_values=recovery.FREE)
    # Where nothing of a block is known, what stands there is as good as anything.
    free = _blockwise(highest - lowest >= recovery.FREE)
    if free.any():
        at_rows = np.maximum(0, down * np.arange(shrunk.guess.shape[0]) - top % down)
        at_columns = np.maximum(0, across * np.arange(shrunk.guess.shape[1]) - left % across)
        shown = np.pad(plane.shown[np.ix_(at_rows, at_columns)], border, mode="edge")
        guess = np.where(free, shown << recovery.GUESS_BITS, guess)
        lowest, highest = np.where(free, shown, lowest), np.where(free, shown, highest)
    bounds = (np.ascontiguousarray(values, np.int32) for values in (guess, lowest, highest))
    return _Component(down, across, top, left, *bounds)


def _blockwise(mask: Mask) -> Mask:
    """Where the mask covers whole blocks."""
    rows, columns = mask.shape[0] // SIDE, mask.shape[1] // SIDE
    whole = mask.reshape(rows, SIDE, columns, SIDE).all(axis=(1, 3))
    result: Mask = np.repeat(np.repeat(whole, SIDE, axis=0), SIDE, axis=1)
    return result
