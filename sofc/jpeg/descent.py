"""Coefficients of blocks that do not come out, sought by going downhill: an encoder's affair.

Where samples were cut off at black or white, rounding the transform of what is guessed of them leads astray. From there
single coefficients are moved by a step, or two of them where none by itself helps, so that samples leave their bounds
by less, until none does or nothing helps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.jpeg.dct import SIZE
from sofc.jpeg.nearest_plane import round_surest
from sofc.jpeg.solve import MOST, NONE, PATTERNS, Guessed, Inversion, Scratch, Solved, draw_block, load, scratch

DESCENTS, PAIRED = 60, 16
"""How often coefficients of a block are moved; of how many, those that help most by themselves, two are moved."""
PATIENCE, FEW = 64, 8
"""It is given up where, of so many blocks or more, one in so many or less came out in the end."""
EXCESS_SHIFT, MOST_EXCESS = 11, 4095
"""By how much samples leave their bounds is counted in 1/32 of samples, and no farther than so many."""


class Descent(NamedTuple):
    """Scratch: what each coefficient's move ``changes`` (SIZE + 1, SIZE), by the last nothing, with its ``signs`` and
    the ``excess`` it leaves (SIZE,); ``likely`` (PAIRED,): those that leave least; samples ``moved`` (SIZE,);
    ``before`` (SIZE,): the block as it was."""

    changes: Table[np.int32]
    signs: Vector[np.int64]
    excess: Vector[np.int64]
    likely: Vector[np.int64]
    moved: Vector[np.int32]
    before: Vector[np.int32]


@inlined
def _excess(source: Vector[np.int32], change: Vector[np.int32], room: Scratch) -> int:
    """By how much samples leave their bounds after a change: squares, of 32 bits as in ``solve``."""
    low, high = room.low, room.high
    total = np.int32(0)
    for i in range(SIZE):
        value = np.int32(source[i] + change[i])
        beyond = np.int32(max(np.int32(low[i] - value), np.int32(value - high[i])) >> EXCESS_SHIFT)
        beyond = max(np.int32(0), min(np.int32(MOST_EXCESS), beyond))
        total = np.int32(total + np.int32(beyond * beyond))
    return int(total)


@kernel
def _weigh_moves(table: Vector[np.int64], room: Scratch, descent: Descent) -> None:
    """Fill ``descent`` with the move of each coefficient that leads towards the bounds, and the likeliest of them."""
    error, excess, likely = room.error, descent.excess, descent.likely
    for i in range(SIZE):
        value = error[i]
        beyond = max(0, int(room.low[i]) - int(value)) - max(0, int(value) - int(room.high[i]))
        room.work[i] = beyond >> EXCESS_SHIFT
    for k in range(PAIRED):
        likely[k] = NONE
    for k in range(SIZE):
        slope = np.int64(0)
        for i in range(SIZE):
            slope += room.work[i] * PATTERNS[k, i]
        descent.signs[k] = 1 if slope > 0 else -1
        size, change = np.int32(descent.signs[k] * table[k]), descent.changes[k]
        for i in range(SIZE):
            change[i] = np.int32(size * PATTERNS[k, i])
        excess[k] = _excess(error, change, room)
        place = PAIRED
        while place > 0 and (likely[place - 1] == NONE or excess[likely[place - 1]] > excess[k]):
            if place < PAIRED:
                likely[place] = likely[place - 1]
            place -= 1
        if place < PAIRED:
            likely[place] = k


@kernel
def _best_move(now: int, room: Scratch, descent: Descent) -> tuple[int, int, int]:
    """The coefficient whose move leaves less than ``now``, or two, and what that leaves; NONE where there is none."""
    likely = descent.likely
    first, second, best = NONE, NONE, now
    if descent.excess[likely[0]] < now:
        return int(likely[0]), NONE, int(descent.excess[likely[0]])
    for a in range(PAIRED):
        change = descent.changes[likely[a]]
        for i in range(SIZE):
            descent.moved[i] = np.int32(room.error[i] + change[i])
        for b in range(a + 1, PAIRED):
            left = _excess(descent.moved, descent.changes[likely[b]], room)
            if left < best:
                first, second, best = int(likely[a]), int(likely[b]), left
    return first, second, best


@kernel
def _descend_block(block: Vector[np.int32], inversion: Inversion, room: Scratch, descent: Descent) -> int:
    """Move the coefficients of a block that does not come out. Returns how many samples are wrong then."""
    wrong = draw_block(block, inversion, room)
    for i in range(SIZE):
        descent.before[i] = block[i]
    now = _excess(room.error, descent.changes[SIZE], room)
    for _ in range(DESCENTS):
        _weigh_moves(inversion.table, room, descent)
        first, second, now = _best_move(now, room, descent)
        for k in (first, second):
            if k != NONE:
                block[k] = max(-MOST, min(MOST, block[k] + descent.signs[k]))
                for i in range(SIZE):
                    room.error[i] += descent.changes[k, i]
        if first == NONE or now == 0:
            break
    left = draw_block(block, inversion, room)
    if left < wrong:
        return left
    for i in range(SIZE):
        block[i] = descent.before[i]
    return wrong


@kernel
def descend(
    guessed: Guessed, inversion: Inversion, found: Solved, places: Table[np.int64], room: Scratch, descent: Descent
) -> int:
    """Change the coefficients ``found`` of blocks with wrong samples, at ``places`` (blocks, 2), where fewer are wrong
    then. Returns how many blocks come out that did not before."""
    helped = 0
    for tried in range(places.shape[0]):
        if tried >= PATIENCE and FEW * helped < tried:
            break
        row, column = int(places[tried, 0]), int(places[tried, 1])
        load(guessed, row, column, room)
        found.wrong[row, column] = _descend_block(found.coefficients[row, column], inversion, room, descent)
        helped += 1 if found.wrong[row, column] == 0 else 0
    return helped


def improve(guessed: Guessed, inversion: Inversion, found: Solved) -> None:
    """Change coefficients of blocks of which samples are wrong, so that fewer are."""
    if found.missed:
        round_surest(guessed, inversion, found)
    if found.missed:
        go_downhill(guessed, inversion, found)


def go_downhill(guessed: Guessed, inversion: Inversion, found: Solved) -> None:
    """The same, downhill alone."""
    changes, (signs, excess) = np.zeros((SIZE + 1, SIZE), np.int32), np.zeros((2, SIZE), np.int64)
    moved, before = np.zeros((2, SIZE), np.int32)
    descent = Descent(changes, signs, excess, np.zeros(PAIRED, np.int64), moved, before)
    descend(guessed, inversion, found, found.unfinished, scratch(), descent)
