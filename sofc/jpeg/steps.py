"""Where blocks lie and which steps their coefficients are multiples of, from samples alone: an encoder's affair.

Cosine transforms of the right blocks lie near multiples of the steps, with the noise that rounding samples left behind;
those of other blocks lie anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel
from sofc.jit.types import Table, Vector
from sofc.jpeg.dct import BASIS, LARGEST, MIDDLE, SIDE, SIZE, Integers
from sofc.jpeg.origin import Steps, standard_tables
from sofc.planes import Plane

GUESS_BITS = 4
"""Guessed samples are in 1/2**GUESS_BITS."""
FINE_BITS = 10
"""Coefficients before they are rounded are in 1/2**FINE_BITS."""
UNKNOWN = 0
FLAT = 3
"""Where the samples of a block differ no more, rounding leaves patterns."""
SAMPLE_BLOCKS, ALL_BLOCKS = 96, 2048
"""Blocks that are looked at for each place of the grid, and then for the table of steps."""
MORE_BLOCKS = 4 * SAMPLE_BLOCKS
"""Blocks that are looked at where those show steps, but not clearly at one place."""
MOST_STEP, LARGEST_STEP = 48, 255
LEAST_EVIDENCE = 24
"""What steps explain less than this is chance."""
CLEAR = 2
"""The right place of the grid explains so many times as much as the others."""
BUSY = 8
"""Where no step shows, it is 1 if one in so many blocks has the coefficient."""

FORWARD = BASIS.astype(np.float64)


@kernel
def forward(work: Vector[np.int64], fine: Vector[np.int64]) -> None:
    """The cosine transform of 64 samples less MIDDLE, in 1/2**GUESS_BITS, to coefficients in 1/2**FINE_BITS."""
    for row in range(SIDE):
        for frequency in range(SIDE):
            total = 0
            for x in range(SIDE):
                total += BASIS[frequency, x] * work[SIDE * row + x]
            fine[SIDE * row + frequency] = (total + 64) >> 7
    for column in range(SIDE):
        for frequency in range(SIDE):
            total = 0
            for y in range(SIDE):
                total += BASIS[frequency, y] * fine[SIDE * y + column]
            work[SIDE * frequency + column] = (total + (1 << 12)) >> 13
    for i in range(SIZE):
        fine[i] = work[i]


@kernel
def _misfit(found: Table[np.int32], coefficient: int, step: int) -> int:
    """How far a coefficient is from multiples of a step, mean square in 1/2**16; -1 where it is not one of them."""
    count = found.shape[0]
    unit = step << FINE_BITS
    near = min(3 * unit // 10, 5 << (FINE_BITS - 2))
    # What is smaller is noise; samples without steps would lie in the gap below the first, too.
    least = min(7 * unit // 20, 9 << (FINE_BITS - 2)) if step > 2 else 5 << (FINE_BITS - 2)
    large = missed = squares = 0
    for block in range(count):
        size = abs(int(found[block, coefficient]))
        if size > least:
            large += 1
            rest = size % unit
            rest = min(rest, unit - rest)
            squares += (rest * rest) >> 4
            if rest > near:
                missed += 1
                # Given up early where most are off.
                if missed > 8 and 4 * missed > large:
                    return -1
    allowed = large // 8 if step < 4 else large // 16
    if large == 0 or missed > allowed or (step < 4 and 64 // step * large < count):
        return -1
    return squares // large


@kernel
def _find_step(found: Table[np.int32], coefficient: int, most: int) -> int:
    """The step that a coefficient is a multiple of, UNKNOWN where none shows."""
    largest = 0
    for block in range(found.shape[0]):
        largest = max(largest, abs(int(found[block, coefficient])))
    for step in range(min(most, (largest >> FINE_BITS) + 1), 1, -1):
        least = _misfit(found, coefficient, step)
        if least >= 0:
            best = step
            # Of steps that are nearly the same, the one that is met best.
            for lower in range(step - 1, max(2 * step // 3, step - 3), -1):
                misfit = _misfit(found, coefficient, lower)
                if 0 <= misfit < least:
                    least, best = misfit, lower
            return best
    return UNKNOWN


@kernel
def find_steps(found: Table[np.int32], most: int, table: Vector[np.int64]) -> int:
    """The step that each coefficient of blocks is a multiple of, but for noise; UNKNOWN where none shows.

    Returns how much the steps explain: about bits saved.
    """
    total = 0
    for i in range(SIZE):
        table[i] = _find_step(found, i, most)
        if table[i] > 2:
            bits = 0
            while table[i] >> bits > 1:
                bits += 1
            for block in range(found.shape[0]):
                if 2 * abs(int(found[block, i])) > table[i] << FINE_BITS:
                    total += bits
    return total


def blocks_of(guess: Plane, top: int, left: int, most: int) -> npt.NDArray[np.int32]:
    """Coefficients of at most so many blocks spread over a plane from ``top``, ``left`` on, in 1/2**FINE_BITS.

    Blocks with a negative sample, which stands for one that is not known, are passed over, and those that are nearly
    flat. Shape (blocks, 64).
    """
    rows, columns = (max(0, size - first) // SIDE for size, first in zip(guess.shape, (top, left), strict=True))
    stride = max(1, -(-rows * columns // most))
    stride += stride > 1 and stride % 2 == 0
    row, column = np.divmod(np.arange(0, rows * columns, stride), max(1, columns))
    samples = np.arange(SIDE)
    blocks = guess[
        (top + SIDE * row)[:, None, None] + samples[:, None], (left + SIDE * column)[:, None, None] + samples
    ]
    darkest, brightest = blocks.min(axis=(1, 2), initial=LARGEST << GUESS_BITS), blocks.max(axis=(1, 2), initial=0)
    blocks = blocks[(darkest >= 0) & (brightest - darkest > FLAT << GUESS_BITS)] - (MIDDLE << GUESS_BITS)
    # As ``forward`` does; floating point holds such integers exactly, and multiplies matrices fast.
    lines = np.floor((blocks @ FORWARD.T + 64) / 128)
    found: npt.NDArray[np.int32] = np.floor((FORWARD @ lines + 4096) / 8192).reshape(-1, SIZE).astype(np.int32)
    return found


def evidence(found: npt.NDArray[np.int32]) -> int:
    """How much steps explain of blocks that may lie right."""
    return find_steps(found, MOST_STEP, np.zeros(SIZE, np.int64))


def find_corner(guess: Plane) -> tuple[int, int] | None:
    """Place of a plane's first sample in the grid of 8 x 8, where steps show one."""
    for most in (SAMPLE_BLOCKS, MORE_BLOCKS):
        explained = np.zeros((SIDE, SIDE), np.int64)
        for top, left in np.ndindex(SIDE, SIDE):
            explained[top, left] = evidence(blocks_of(guess, -top % SIDE, -left % SIDE, most))
        largest, next_largest = np.sort(explained.ravel())[[-1, -2]]
        if largest < LEAST_EVIDENCE:
            return None
        if largest >= CLEAR * next_largest:
            best = int(explained.argmax())
            return best // SIDE, best % SIDE
    return None


def find_table(found: npt.NDArray[np.int32], missed: Callable[[Steps], int]) -> Steps:
    """The steps of blocks: a standard table where one agrees with what shows.

    ``missed``: how many samples do not come out of coefficients rounded to steps.
    """
    steps: Integers = np.zeros(SIZE, np.int64)
    find_steps(found, LARGEST_STEP, steps)
    sizes = np.abs(found)
    busy = BUSY * (sizes > 5 << (FINE_BITS - 2)).sum(axis=0) > len(found)
    shown = (2 * sizes > steps << FINE_BITS).sum(axis=0) * (steps > 2)
    tables = standard_tables()
    # In whole numbers, which are the same on any machine.
    fits = np.rint(16 * np.log2(tables)).astype(np.int64) - 128 * (steps % tables != 0)
    unlike = (busy & (steps == UNKNOWN) & (tables > 2)).sum(axis=1)
    scores = (shown * fits).sum(axis=1) - 16 * len(found) // BUSY * unlike
    standard: Steps = tables[scores.argmax()]
    mixed: Steps = np.where(steps > UNKNOWN, steps, np.where(busy, 1, standard))
    candidates: Sequence[Steps] = (standard, mixed)
    return min(candidates, key=missed)
