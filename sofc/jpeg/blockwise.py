"""What is known of the blocks of a component, and how well what was found of them suits: an encoder's affair."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.bounds import Bounded
from sofc.jpeg.dct import LARGEST, SIDE, SIZE, Grid
from sofc.jpeg.solve import FREE, Guessed
from sofc.jpeg.steps import GUESS_BITS
from sofc.jpeg.subsampling import Shrunk
from sofc.planes import Plane

DOUBTFUL = 0.3
"""A sample of a component of which less is known may be anything that the plane's samples may be."""
PLACE_BITS = 3
"""About what it takes to say where a coefficient is not zero, or a sample does not come out."""
BIT_PARTS, MOST_SIZE = 1 << 10, 1 << 13
SIZE_BITS = np.rint((PLACE_BITS + 2 * np.log2(1 + np.arange(MOST_SIZE + 1))) * BIT_PARTS).astype(np.int64)
"""[size]: about what a number that is not zero takes, in 1/BIT_PARTS bits; larger ones count as MOST_SIZE."""
BITS, MISSED, EXACT, BUSY, KNOWN_EXACT, KNOWN_BUSY, COUNTS = range(7)
"""What ``judge`` counts."""
ENOUGH_KNOWN = 32
"""So many blocks without unknown samples tell more than all do: where samples may be anything, they always come out or
never do."""


@inlined
def _bounds(plane: Bounded, component: Shrunk, grid: Grid, i: int, j: int) -> tuple[int, int]:
    """The bounds of sample (i, j) of a component that a plane was enlarged from."""
    down, across, top, left = grid.down, grid.across, grid.top, grid.left
    value, sure = int(component.guess[i, j]), component.sure[i, j]
    part, quarter = value & ((1 << GUESS_BITS) - 1), 1 << (GUESS_BITS - 2)
    lowest = highest = max(0, min(LARGEST, (value + (1 << (GUESS_BITS - 1))) >> GUESS_BITS))
    if quarter < part < 3 * quarter:
        lowest = value >> GUESS_BITS
        highest = lowest + 1
    # What bounds of the plane leave open, the component's leave open, too.
    slack = 0
    if sure < 1:
        first, start = i * down - top % down, j * across - left % across
        for y in range(max(0, first), min(plane.lowest.shape[0], first + down)):
            for x in range(max(0, start), min(plane.lowest.shape[1], start + across)):
                slack = max(slack, int(plane.highest[y, x]) - int(plane.lowest[y, x]))
        slack = slack if sure < DOUBTFUL else min(slack, 1)
    return (-FREE, FREE) if slack >= FREE else (lowest - slack, highest + slack)


@kernel
def _show(plane: Bounded, component: Shrunk, grid: Grid, row: int, column: int, guessed: Guessed) -> None:
    """Fill a block with what stands there: where nothing is known that is as good as anything."""
    down, across, top, left = grid.down, grid.across, grid.top, grid.left
    for y in range(SIDE * row, SIDE * row + SIDE):
        i = max(0, min(component.guess.shape[0] - 1, y - top // down))
        for x in range(SIDE * column, SIDE * column + SIDE):
            j = max(0, min(component.guess.shape[1] - 1, x - left // across))
            shown = plane.shown[max(0, i * down - top % down), max(0, j * across - left % across)]
            guessed.guess[y, x] = shown << GUESS_BITS
            guessed.lowest[y, x] = guessed.highest[y, x] = shown


@inlined
def _copy(
    plane: Bounded, component: Shrunk, source: tuple[int, int], target: tuple[int, int], guessed: Guessed
) -> bool:
    """Fill a block with samples from a place of a plane that is not enlarged, and their bounds. Returns whether all of
    them may be anything."""
    (first, start), (row, column) = source, target
    narrowest = np.int32(FREE)
    for i in range(SIDE):
        y = SIDE * row + i
        guess, lowest, highest = guessed.guess[y], guessed.lowest[y], guessed.highest[y]
        known, low, high = component.guess[first + i], plane.lowest[first + i], plane.highest[first + i]
        for j in range(SIDE):
            guess[SIDE * column + j] = known[start + j]
            lowest[SIDE * column + j], highest[SIDE * column + j] = low[start + j], high[start + j]
            narrowest = min(narrowest, np.int32(high[start + j] - low[start + j]))
    return bool(narrowest >= FREE)


@inlined
def _bound_block(plane: Bounded, component: Shrunk, grid: Grid, row: int, column: int, guessed: Guessed) -> bool:
    """Fill any block with samples of a component and their bounds. Returns whether all of them may be anything."""
    down, across, top, left = grid[:4]
    rows, width = component.guess.shape
    is_free = True
    for y in range(SIDE * row, SIDE * row + SIDE):
        i = max(0, min(rows - 1, y - top // down))
        for x in range(SIDE * column, SIDE * column + SIDE):
            j = max(0, min(width - 1, x - left // across))
            lowest, highest = -FREE, FREE
            if i == y - top // down and j == x - left // across:
                if down * across > 1:
                    lowest, highest = _bounds(plane, component, grid, i, j)
                else:
                    lowest, highest = int(plane.lowest[i, j]), int(plane.highest[i, j])
            is_free = is_free and highest - lowest >= FREE
            guessed.guess[y, x] = component.guess[i, j]
            guessed.lowest[y, x], guessed.highest[y, x] = lowest, highest
    return is_free


@kernel
def bound_blocks(plane: Bounded, component: Shrunk, grid: Grid, guessed: Guessed) -> int:
    """Fill ``guessed``, whole blocks, with the samples of a component and their bounds; beyond its borders anything may
    be, and its samples are repeated. ``component``: what ``shrunk`` gives for the plane. Returns 0."""
    down, across, top, left = grid.down, grid.across, grid.top, grid.left
    rows, width = component.guess.shape
    for row in range(guessed.guess.shape[0] // SIDE):
        for column in range(guessed.guess.shape[1] // SIDE):
            first, start = SIDE * row - top, SIDE * column - left
            if down * across == 1 and 0 <= first <= rows - SIDE and 0 <= start <= width - SIDE:
                is_free = _copy(plane, component, (first, start), (row, column), guessed)
            else:
                is_free = _bound_block(plane, component, grid, row, column, guessed)
            if is_free:
                _show(plane, component, grid, row, column, guessed)
    return 0


def blocks_of(plane: Bounded, component: Shrunk, grid: Grid) -> Guessed:
    """The component of a plane, filled up to whole blocks."""
    (above, below), (before, behind) = grid.border(component.guess.shape)
    rows, width = component.guess.shape
    guessed = Guessed(*(np.empty((above + rows + below, before + width + behind), np.int32) for _ in Guessed._fields))
    bound_blocks(plane, component, grid, guessed)
    return guessed


@inlined
def _find_wrong(plane: Bounded, drawn: Table[np.int32], first_row: int, end_row: int, columns: Table[np.int32]) -> None:
    """Fill ``columns`` (2, width) with what is negative where a sample of one lies outside its bounds, and with what is
    not 0 where the bounds of one differ. Whole rows are gone through much faster than blocks."""
    wrong, differ = columns[0], columns[1]
    for x in range(drawn.shape[1]):
        wrong[x] = differ[x] = 0
    for y in range(first_row, end_row):
        for x in range(drawn.shape[1]):
            lowest, highest, sample = plane.lowest[y, x], plane.highest[y, x], drawn[y, x]
            differ[x] |= lowest ^ highest
            # Negative where one of the differences is: nearly all samples have none such.
            wrong[x] |= np.int32(sample - lowest) | np.int32(highest - sample)


def columns_of(drawn: Plane) -> Table[np.int32]:
    """Scratch for what is found of the columns of a plane."""
    return np.empty((2, drawn.shape[1]), np.int32)


@kernel
def judge(
    plane: Bounded,
    drawn: Table[np.int32],
    coefficients: Cube[np.int32],
    grid: Grid,
    columns: Table[np.int32],
    counts: Vector[np.int64],
) -> int:
    """Add to ``counts`` (COUNTS,) what a plane takes, about, that is ``drawn`` from coefficients, in 1/BIT_PARTS bits;
    the samples outside their bounds; blocks without such that are not flat, and all that are not; and both of blocks
    without unknown samples. ``columns``: scratch. Returns 0."""
    down, across, top, left = grid.down, grid.across, grid.top, grid.left
    height, breadth = SIDE * down, SIDE * across
    rows, width = drawn.shape
    for row in range(coefficients.shape[0]):
        first_row, end_row = max(0, row * height - top), min(rows, (row + 1) * height - top)
        _find_wrong(plane, drawn, first_row, end_row, columns)
        for column in range(coefficients.shape[1]):
            missed = bits = 0
            first, end = max(0, column * breadth - left), min(width, (column + 1) * breadth - left)
            unknown = wrong = np.int32(0)
            for x in range(first, end):
                wrong |= columns[0, x]
                unknown |= columns[1, x]
            known = 1 if unknown == 0 else 0
            for y in range(first_row, end_row if wrong < 0 else first_row):
                for x in range(first, end):
                    sample = drawn[y, x]
                    miss = max(int(plane.lowest[y, x]) - int(sample), int(sample) - int(plane.highest[y, x]))
                    if miss > 0:
                        missed += 1
                        bits += SIZE_BITS[min(miss, MOST_SIZE)]
            busy = 0
            for i in range(SIZE):
                size = abs(int(coefficients[row, column, i]))
                if size != 0:
                    bits += SIZE_BITS[min(size, MOST_SIZE)]
                    busy = busy if i == 0 else 1
            exact = busy if missed == 0 else 0
            counts[BITS] += bits
            counts[MISSED] += missed
            counts[EXACT] += exact
            counts[BUSY] += busy
            counts[KNOWN_EXACT] += known & exact
            counts[KNOWN_BUSY] += known & busy
    return 0


class Judged(NamedTuple):
    """What coefficients and samples outside their bounds take, about, in bits, how many of these there are, and of the
    blocks that are not flat how many come out whole: of all, or, where they are enough, of those of which all samples
    are known."""

    bits: float
    missed: int
    exact: int
    busy: int

    @classmethod
    def of(cls, counts: npt.NDArray[np.int64]) -> Judged:
        """What ``judge`` counted of some planes."""
        bits, missed, exact, busy, known_exact, known_busy = counts.tolist()
        if known_busy >= ENOUGH_KNOWN:
            exact, busy = known_exact, known_busy
        return cls(bits / BIT_PARTS, missed, exact, busy)


@kernel
def mark_whole(
    plane: Bounded, drawn: Table[np.int32], grid: Grid, columns: Table[np.int32], whole: Table[np.uint8]
) -> int:
    """Set ``whole`` to 1 where all samples of the block of a component that a sample of the plane lies in are within
    their bounds as they are ``drawn``, else to 0. ``columns``: scratch. Returns 0."""
    wrong = columns[0]
    top, left = grid.top, grid.left
    height, breadth = SIDE * grid.down, SIDE * grid.across
    rows, width = drawn.shape
    for row in range((top + rows - 1) // height + 1):
        first_row, end_row = max(0, row * height - top), min(rows, (row + 1) * height - top)
        _find_wrong(plane, drawn, first_row, end_row, columns)
        for column in range((left + width - 1) // breadth + 1):
            first, end = max(0, column * breadth - left), min(width, (column + 1) * breadth - left)
            any_wrong = np.int32(0)
            for x in range(first, end):
                any_wrong |= wrong[x]
            for x in range(first, end):
                wrong[x] = any_wrong
        for y in range(first_row, end_row):
            for x in range(width):
                whole[y, x] = 0 if wrong[x] < 0 else 1
    return 0


@kernel
def coefficient_bits(coefficients: Cube[np.int32]) -> int:
    """About what coefficients take, in 1/BIT_PARTS bits."""
    bits = 0
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            for i in range(SIZE):
                size = abs(int(coefficients[row, column, i]))
                bits += SIZE_BITS[min(size, MOST_SIZE)] if size != 0 else 0
    return bits
