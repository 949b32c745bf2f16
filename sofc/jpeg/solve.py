"""The coefficients that samples come out of, once their steps are known: an encoder's affair.

Rounding the forward transform gives them up to the noise that rounding samples left behind. Where steps are small that
is not enough: then single, pairs and threes of coefficients are moved by a step until all samples come out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.dct import (
    ACCURATE,
    COSINES,
    FAST,
    LARGEST,
    MIDDLE,
    ROW_SHIFT,
    SIDE,
    SIZE,
    Integers,
    invert,
    patterns,
)
from sofc.jpeg.inverses import invert_by, multipliers
from sofc.jpeg.steps import FINE_BITS, GUESS_BITS, forward

BASIS_BITS = 16
PATTERNS = np.rint(patterns(COSINES) * (1 << BASIS_BITS)).astype(np.int32)
"""[coefficient, sample]: what a coefficient adds to the samples of its block."""
HALF = 1 << (BASIS_BITS - 1)
SHIFT = BASIS_BITS - GUESS_BITS
FREE = 1 << 13
"""Bounds of samples that may take any value are this far apart, or more."""
LOOSE = FREE << (BASIS_BITS - 1)
PAIRS, TRIPLES, ROUNDS = 14, 10, 6
"""Coefficients that are moved two and three at a time, and how often moving is gone on with."""
REACH = 1331
"""A coefficient is moved no farther than this from what the transform gives, in 1/2**FINE_BITS."""
HOPELESS = 12
"""A block of which more samples are wrong is not worth moving coefficients."""
TURNS = 8
"""How often samples that are not known are taken from what coefficients make of them."""
COARSE, EXTENSIONS = 3, 4
"""Steps from which on coefficients tell something of samples that may be anything, and how often that is asked."""
MOST = 1 << 13
"""Coefficients lie within this before they are moved: none of a real JPEG decoder is larger."""
LEAST_FREE = 2 << BASIS_BITS
"""Samples whose bounds are farther apart may be anything between."""
PART_BITS = 34
"""Products of numbers below 2**26 with steps' inverses have less than 63 bits."""
NONE = -1
NO_CHANGE = PAIRS
MOST_PENALTY = 1 << 62
MOST_VIOLATION = 1 << 30


class Guessed(NamedTuple):
    """Samples in whole blocks: ``guess`` in 1/2**GUESS_BITS, and bounds, which are as far apart as FREE where anything
    will do."""

    guess: Table[np.int32]
    lowest: Table[np.int32]
    highest: Table[np.int32]


class Inversion(NamedTuple):
    """The steps of coefficients, what a kind of inverse transform multiplies them with, the ``loss`` of the mean by it,
    as a part of the first coefficient in 1/2**FINE_BITS, and ``parts``: 2**PART_BITS over the steps, rounded up."""

    table: Vector[np.int64]
    multipliers: Vector[np.int64]
    inverse: int
    loss: int
    parts: Vector[np.int64]

    @classmethod
    def of(cls, table: Integers, inverse: int) -> Inversion:
        """That of a kind of inverse transform."""
        parts = -(-(1 << PART_BITS) // table)
        return cls(table, multipliers(inverse, table), inverse, loss_of(inverse), parts)


def loss_of(inverse: int) -> int:
    """What the mean of samples loses by a kind of inverse transform: the fast one cuts, half a sample in the mean."""
    return SIDE << (FINE_BITS - 1) if inverse == FAST else 0


class Scratch(NamedTuple):
    """What solving a block works in.

    Of each sample: ``work``; ``target``, what it should be; ``error``, what the decoder makes before rounding;
    ``first`` and ``second``, the same after moves; bounds ``low`` and ``high``. Of each coefficient ``fine``, before
    rounding. Of each move (PAIRS,): the coefficient ``moved``, its ``penalty``, the ``step`` up or down; ``changes`` of
    samples by each (PAIRS + 1, SIZE), by the last none.
    """

    work: Vector[np.int64]
    fine: Vector[np.int64]
    target: Vector[np.int64]
    error: Vector[np.int32]
    first: Vector[np.int32]
    second: Vector[np.int32]
    low: Vector[np.int32]
    high: Vector[np.int32]
    moved: Vector[np.int64]
    penalty: Vector[np.int64]
    step: Vector[np.int64]
    changes: Table[np.int32]


def scratch() -> Scratch:
    """Scratch to solve blocks in."""
    work, fine, target = (np.zeros(SIZE, np.int64) for _ in range(3))
    moved, penalty, step = (np.zeros(PAIRS, np.int64) for _ in range(3))
    changes = np.zeros((PAIRS + 1, SIZE), np.int32)
    error, first, second, low, high = (np.zeros(SIZE, np.int32) for _ in range(5))
    return Scratch(work, fine, target, error, first, second, low, high, moved, penalty, step, changes)


@inlined
def _violation(source: Vector[np.int32], change: Vector[np.int32], most: int, room: Scratch) -> int:
    """By how much samples leave their bounds after a change: squares, in 1/2**16.

    No more is found out where that is not less than ``most``. All is of 32 bits, of which processors add up many at a
    time.
    """
    low, high = room.low, room.high
    total = np.int32(0)
    for part in range(0, SIZE, SIZE // 2):
        for i in range(part, part + SIZE // 2):
            value = np.int32(source[i] + change[i])
            beyond = np.int32(max(np.int32(low[i] - value), np.int32(value - high[i])) >> 8)
            beyond = max(np.int32(0), min(np.int32(2047), beyond))
            total = np.int32(total + np.int32(beyond * beyond))
        if total >= most:
            break
    return int(total)


@inlined
def _move(source: Vector[np.int32], change: Vector[np.int32], target: Vector[np.int32]) -> None:
    for i in range(SIZE):
        target[i] = np.int32(source[i] + change[i])


@kernel
def draw_block(block: Vector[np.int32], inversion: Inversion, room: Scratch) -> int:
    """What the decoder makes of a block before rounding goes to ``room.error``; returns how many samples are wrong."""
    work = room.work
    for i in range(SIZE):
        work[i] = block[i] * inversion.multipliers[i]
    invert_by(inversion.inverse, work)
    wrong = 0
    for i in range(SIZE):
        # The bounds lie half a step beyond the samples; a decoder rounds half a step up.
        value = (work[i] - (1 << (ROW_SHIFT - 1))) >> (ROW_SHIFT - BASIS_BITS)
        room.error[i] = value
        if value < room.low[i] or value >= room.high[i]:
            wrong += 1
    return wrong


@kernel
def _list_moves(block: Vector[np.int32], table: Vector[np.int64], room: Scratch) -> int:
    """The moves of one coefficient by one step that leave it near what the transform gave: the likeliest PAIRS, in that
    order. Returns how many there are."""
    moved, penalty, step = room.moved, room.penalty, room.step
    count = 0
    penalty[PAIRS - 1] = MOST_PENALTY
    for i in range(SIZE):
        unit = table[i] << FINE_BITS
        rest = room.fine[i] - block[i] * unit
        for sign in range(-1, 2, 2):
            cost = unit * (unit - 2 * sign * rest)
            if cost < penalty[PAIRS - 1] and abs(rest - sign * unit) < REACH:
                place = min(count, PAIRS - 1)
                while place > 0 and penalty[place - 1] > cost:
                    moved[place], penalty[place], step[place] = moved[place - 1], penalty[place - 1], step[place - 1]
                    place -= 1
                moved[place], penalty[place], step[place] = i, cost, sign * table[i]
                count = min(count + 1, PAIRS)
    for move in range(count):
        change, size, pattern = room.changes[move], np.int32(step[move]), PATTERNS[moved[move]]
        for i in range(SIZE):
            change[i] = np.int32(size * pattern[i])
    return count


@kernel
def _best_moves(count: int, room: Scratch) -> tuple[int, int, int]:
    """Of the first ``count`` moves, one or two that leave bounds less than none do; else three; NONE past the last."""
    changes, first, second = room.changes, room.first, room.second
    best = _violation(room.error, changes[NO_CHANGE], MOST_VIOLATION, room)
    a = b = c = NONE
    for i in range(count):
        _move(room.error, changes[i], first)
        size = _violation(first, changes[NO_CHANGE], best, room)
        if size < best:
            best, a, b = size, i, NONE
        for j in range(i + 1, count):
            size = _violation(first, changes[j], best, room)
            if size < best:
                best, a, b = size, i, j
        if best == 0:
            break
    if a != NONE:
        return a, b, c
    for i in range(min(TRIPLES, count)):
        _move(room.error, changes[i], first)
        for j in range(i + 1, min(TRIPLES, count)):
            _move(first, changes[j], second)
            for k in range(j + 1, min(TRIPLES, count)):
                size = _violation(second, changes[k], best, room)
                if size < best:
                    best, a, b, c = size, i, j, k
        if best == 0:
            break
    return a, b, c


@kernel
def _solve_block(block: Vector[np.int32], inversion: Inversion, most: int, room: Scratch) -> int:
    """Move coefficients until the block's samples come out, if at most so many are wrong. Returns how many remain."""
    wrong = draw_block(block, inversion, room)
    if wrong > most:
        return wrong
    for _ in range(ROUNDS):
        if wrong == 0:
            break
        moves = _best_moves(_list_moves(block, inversion.table, room), room)
        if moves[0] == NONE:
            break
        for move in moves:
            if move != NONE:
                block[room.moved[move]] += 1 if room.step[move] > 0 else -1
        wrong = draw_block(block, inversion, room)
    return wrong


@kernel
def _settle(block: Vector[np.int32], inversion: Inversion, room: Scratch) -> None:
    """Change coefficients by what samples (``room.target``) differ by from those that they make, until that is less
    than a step: what a transform cuts instead of rounding leads astray."""
    for _ in range(ROUNDS):
        if draw_block(block, inversion, room) == 0:
            return
        for i in range(SIZE):
            made = ((room.error[i] + HALF) >> BASIS_BITS) << GUESS_BITS
            wanted = room.target[i]
            if room.high[i] - room.low[i] > LEAST_FREE:
                wanted = max((room.low[i] + HALF) >> SHIFT, min((room.high[i] - HALF) >> SHIFT, made))
            room.work[i] = wanted - made
        forward(room.work, room.fine)
        changed = False
        for i in range(SIZE):
            unit = inversion.table[i] << FINE_BITS
            step = _nearest(room.fine[i], inversion.table[i], inversion.parts[i])
            block[i] = max(-MOST, min(MOST, block[i] + step))
            room.fine[i] += (block[i] - step) * unit
            changed = changed or step != 0
        if not changed:
            return


@kernel
def _extend(inversion: Inversion, room: Scratch) -> None:
    """Let samples that may be anything (``room.target``) follow from the others: coarse steps are to be kept to."""
    samples, table = room.target, inversion.table
    loose = 0
    for p in range(SIZE):
        loose += 1 if room.low[p] < -LOOSE and room.high[p] > LOOSE else 0
        room.work[p] = samples[p]
    for _ in range(EXTENSIONS if loose > 0 else 0):
        forward(room.work, room.fine)
        room.fine[0] += inversion.loss
        for i in range(SIZE):
            size = abs(room.fine[i])
            # A quarter of a step more is needed: small numbers are nearer to 0 than they seem.
            number = (size + (table[i] << (FINE_BITS - 2))) >> FINE_BITS
            nearest = (number * inversion.parts[i] >> PART_BITS) * table[i] << FINE_BITS
            room.work[i] = 0 if table[i] < COARSE else size - nearest if room.fine[i] > 0 else nearest - size
        invert(room.work)
        for p in range(SIZE):
            if room.low[p] < -LOOSE and room.high[p] > LOOSE:
                value = samples[p] - ((3 * room.work[p]) >> (1 + ROW_SHIFT + FINE_BITS - GUESS_BITS))
                value = max(-2048, min(2048, value))
                samples[p] = max((room.low[p] + HALF) >> SHIFT, min((room.high[p] - HALF) >> SHIFT, value))
        for p in range(SIZE):
            room.work[p] = samples[p]


@kernel
def load(guessed: Guessed, row: int, column: int, room: Scratch) -> bool:
    """Take the samples of a block and their bounds. Returns whether any is not known."""
    unknown = np.int32(0)
    for y in range(SIDE):
        guess, lowest, highest = (
            guessed.guess[SIDE * row + y],
            guessed.lowest[SIDE * row + y],
            guessed.highest[SIDE * row + y],
        )
        for x in range(SIDE):
            i, at = SIDE * y + x, SIDE * column + x
            below, above = lowest[at], highest[at]
            room.work[i] = room.target[i] = guess[at] - (MIDDLE << GUESS_BITS)
            # A decoder cuts what lies beyond the range.
            is_lowest, is_highest = below <= 0, above >= LARGEST
            unknown |= np.int32(above - below > 1) | np.int32(is_lowest) | np.int32(is_highest)
            room.low[i] = ((-FREE if is_lowest else int(below)) - MIDDLE << BASIS_BITS) - HALF
            room.high[i] = ((FREE if is_highest else int(above)) - MIDDLE << BASIS_BITS) + HALF
    return bool(unknown != 0)


@inlined
def _nearest(fine: int, step: int, part: int) -> int:
    """The nearest multiple of a step, at most MOST: numbers are made positive first, and multiplied instead of divided,
    which is exact below 2**PART_BITS / step."""
    number = ((fine + (step << (FINE_BITS - 1))) >> FINE_BITS) + step * MOST
    return max(-MOST, min(MOST, (max(0, number) * part >> PART_BITS) - MOST))


@kernel
def _round(block: Vector[np.int32], inversion: Inversion, room: Scratch) -> bool:
    """Transform the samples in ``room.work`` and round to steps. Returns whether a coefficient changed."""
    forward(room.work, room.fine)
    room.fine[0] += inversion.loss
    changed = np.int64(0)
    for i in range(SIZE):
        rounded = _nearest(room.fine[i], inversion.table[i], inversion.parts[i])
        changed |= rounded ^ block[i]
        block[i] = rounded
    return bool(changed != 0)


@kernel
def _round_free(block: Vector[np.int32], inversion: Inversion, room: Scratch) -> None:
    """The same where samples are not known: what bounds do not tell, the coefficients as they are do, by turns."""
    _extend(inversion, room)
    for turn in range(TURNS):
        if not _round(block, inversion, room) or turn == TURNS - 1 or draw_block(block, inversion, room) == 0:
            return
        for i in range(SIZE):
            value = int(room.error[i]) >> SHIFT
            # As far again as it moved: this is overtaken less often.
            value = (2 * value - room.target[i]) << SHIFT
            value = max(room.low[i] + HALF, min(room.high[i] - HALF, value))
            room.work[i] = (value + (1 << (SHIFT - 1))) >> SHIFT
            room.target[i] = room.work[i]


@kernel
def solve_block(
    guessed: Guessed,
    row: int,
    column: int,
    inversion: Inversion,
    most: int,
    block: Vector[np.int32],
    room: Scratch,
) -> int:
    """Fill the block of a row and a column so that samples come to lie in their bounds, as ``solve`` does. Returns how
    many do not."""
    if load(guessed, row, column, room):
        _round_free(block, inversion, room)
    else:
        _round(block, inversion, room)
    if inversion.inverse != ACCURATE:
        _settle(block, inversion, room)
    return _solve_block(block, inversion, most, room)


class Solved(NamedTuple):
    """Coefficients (rows of blocks, blocks in a row, 64), and how many samples of each block (rows of blocks, blocks in
    a row) are ``wrong``: do not lie within their bounds."""

    coefficients: Cube[np.int32]
    wrong: Table[np.int32]

    @classmethod
    def of(cls, component: Guessed, inversion: Inversion, room: Scratch | None = None) -> Solved:
        """What ``solve`` finds of a component in whole blocks."""
        rows, width = component.guess.shape
        found = cls.unsolved(np.zeros((rows // SIDE, width // SIDE, SIZE), np.int32))
        solve(component, inversion, HOPELESS, found, scratch() if room is None else room)
        return found

    @classmethod
    def unsolved(cls, coefficients: Cube[np.int32]) -> Solved:
        """Coefficients of which it is not known yet what is wrong."""
        return cls(coefficients, np.zeros(coefficients.shape[:2], np.int32))

    @property
    def unfinished(self) -> Table[np.int64]:
        """Row and column of each block of which samples are wrong, (blocks, 2)."""
        return np.ascontiguousarray(np.argwhere(self.wrong).astype(np.int64, copy=False))

    @property
    def missed(self) -> int:
        """How many samples of all do not lie within their bounds."""
        return int(self.wrong.sum())


@kernel
def solve(guessed: Guessed, inversion: Inversion, most: int, found: Solved, room: Scratch) -> int:
    """Fill what is ``found``, coefficients of 0, so that samples come to lie in their bounds. ``most``: samples of a
    block that may be wrong before it is given up. Returns 0."""
    coefficients, wrong = found
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            wrong[row, column] = solve_block(guessed, row, column, inversion, most, coefficients[row, column], room)
    return 0


@kernel
def solve_again(
    guessed: Guessed, inversion: Inversion, most: int, found: Solved, room: Scratch, before: Vector[np.int32]
) -> int:
    """The same of coefficients that were found by other bounds: what does not come out is solved, and stays as it was
    where that leaves no fewer samples. ``before``: scratch (64,). Returns 0."""
    coefficients, wrong = found
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            block = coefficients[row, column]
            load(guessed, row, column, room)
            least = draw_block(block, inversion, room)
            if least > 0:
                for i in range(SIZE):
                    before[i] = block[i]
                left = solve_block(guessed, row, column, inversion, most, block, room)
                if left >= least:
                    for i in range(SIZE):
                        block[i] = before[i]
                least = min(left, least)
            wrong[row, column] = least
    return 0
