"""What stands in planes more than once: an encoder's search, of which nothing is normative.

First a look, which costs little where nothing repeats: a hash of each run of a row, rolled from place to place (by
rotations, as of Cohen, *Recursive hashing functions for n-grams*, 1997), of which few are chosen by what they hold, so
that equal runs are chosen wherever they stand. Then rectangles around squares that are found elsewhere, too, which grow
while they are what stands at their source.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

RUN, RUN_CHANGES, ONE_IN = 12, 3, 8
"""Samples of a run, how many differ from the one before, at least, and one in how many of such is chosen."""
_WORD, _FACTOR = (1 << 31) - 1, 0x5851F42D
_HASH_BITS = 48
_HASH = (1 << _HASH_BITS) - 1
_STEP = 7
"""Bits by which hashes are rotated for each sample of a square: no two of 48 come to lie alike."""
_CHANGED = (1 << RUN - 1) - 1


@kernel
def add_component(plane: Vector[np.int32], words: Vector[np.int32]) -> int:
    """Make of ``words`` (places,), each of 31 bits, others that depend on a sample each, too. ``plane`` (places,):
    samples of at most 16 bits. Returns 0."""
    for i in range(words.shape[0]):
        word = (int(words[i]) + int(plane[i]) + 1) * _FACTOR & _WORD
        words[i] = word ^ (word >> 16)
    return 0


@inlined
def _hash_of(word: int) -> int:
    """The upper 48 bits of a word of 31 by the factor."""
    return (word * _FACTOR >> 14) & _HASH


@inlined
def _rotated(value: int, by: int) -> int:
    """A hash, its bits moved up in a ring."""
    return ((value << by) | (value >> (_HASH_BITS - by))) & _HASH


@kernel
def choose_runs(words: Vector[np.int32], width: int, chosen: Vector[np.int64]) -> int:
    """The hashes of chosen runs of rows of ``words`` (rows * width,), in order, as far as there is room.

    Returns how many there are.
    """
    count = 0
    for y in range(words.shape[0] // width):
        row, run, changed = words[y * width :], 0, 0
        for x in range(width):
            here = int(row[x])
            changed = (changed << 1) & _CHANGED
            if x > 0 and here != int(row[x - 1]):
                changed |= 1
            run = _rotated(run, 1) ^ _hash_of(here)
            if x >= RUN:
                run ^= _rotated(_hash_of(int(row[x - RUN])), RUN)
            if run % ONE_IN == 0 and x >= RUN - 1:
                left = changed
                for _ in range(RUN_CHANGES - 1):
                    left &= left - 1
                if left != 0:
                    if count == chosen.shape[0]:
                        return count
                    chosen[count] = run
                    count += 1
    return count


@kernel
def hash_squares(colours: Table[np.int64], side: int, places: Vector[np.int64], hashes: Vector[np.int64]) -> int:
    """Set ``hashes`` (squares,) to those of squares of ``colours`` (rows, width), whose ``places`` (squares,) count the
    squares of each row. Returns 0."""
    squares = colours.shape[1] - side + 1
    for k in range(places.shape[0]):
        top, left, total = places[k] // squares, places[k] % squares, 0
        for y in range(top, top + side):
            for x in range(left, left + side):
                colour = int(colours[y, x])
                total = _rotated(total, _STEP) ^ _hash_of((colour ^ (colour >> 31)) & _WORD)
        hashes[k] = total
    return 0


class Search(NamedTuple):
    """What is searched, and what of it is taken."""

    colours: Table[np.int64]
    """(rows, width), equal where samples are."""
    changes: Table[np.int32]
    """(rows + 1, width + 1), how many places above and on the left change."""
    covered: Table[np.uint8]
    """(rows, width), 1 where a rectangle lies, else 0."""
    before: Vector[np.int64]
    """Of each square, by row * squares of a row + column, the last before that is equal, or -1."""


class Limits(NamedTuple):
    """What is searched for, and for how long."""

    side: int
    """Of the squares."""
    tries: int
    """Squares before with which each is compared."""
    changes: int
    """Places that change in a rectangle, at least."""
    above: int
    """By how many rows a source lies above, at most."""
    compared: int
    """Places that are compared before the search ends."""


@inlined
def _is_free_and_same(search: Search, top: int, bottom: int, left: int, end: int, above: int, right: int) -> bool:
    """Whether no rectangle lies in these rows and columns, and they are what stands so far above and to the left."""
    rows, width = search.colours.shape
    if top < above or left < max(0, right) or bottom > rows or end > width + min(0, right):
        return False
    for y in range(top, bottom):
        for x in range(left, end):
            if search.covered[y, x] != 0 or search.colours[y, x] != search.colours[y - above, x - right]:
                return False
    return True


@kernel
def _grow(search: Search, square: Vector[np.int64], above: int, right: int, sides: Vector[np.int64]) -> int:
    """Set ``sides`` (4,) to the first row, that behind the last, the first column and that behind the last of the
    rectangle around those of a ``square`` (4,) that stands so far above and to the left. Returns places compared."""
    for k in range(4):
        sides[k] = square[k]
    top, bottom, left, end = int(sides[0]), int(sides[1]), int(sides[2]), int(sides[3])
    compared = (bottom - top) * (end - left)
    if not _is_free_and_same(search, top, bottom, left, end, above, right):
        sides[1] = top
        return compared
    grows = 15
    while grows != 0:  # by turns, as a long strip would end with its first odd row
        for side in range(4):
            if (grows >> side) & 1 == 0:
                continue
            top, bottom, left, end = int(sides[0]), int(sides[1]), int(sides[2]), int(sides[3])
            outer = int(sides[side]) - (1 - (side & 1))
            if side < 2:
                top, bottom = outer, outer + 1
            else:
                left, end = outer, outer + 1
            compared += (bottom - top) * (end - left)
            if _is_free_and_same(search, top, bottom, left, end, above, right):
                sides[side] += 1 if side & 1 else -1
            else:
                grows &= ~(1 << side)
    return compared


@inlined
def _changes_in(search: Search, sides: Vector[np.int64]) -> int:
    """How many places change in a rectangle."""
    top, bottom, left, end = sides[0], sides[1], sides[2], sides[3]
    below = int(search.changes[bottom, end]) - int(search.changes[bottom, left])
    return below - int(search.changes[top, end]) + int(search.changes[top, left])


@kernel
def find_rectangles(
    search: Search, begin: Vector[np.int64], limits: Limits, work: Table[np.int64], found: Table[np.int32]
) -> int:
    """Rectangles that stand before, of which none covers another, around squares, those of ``begin`` in that order.

    ``work`` (3, 4): anything. ``found`` (most, 6): row and column, rows and columns, by how many rows the source is
    above, and its column. Returns how many there are.
    """
    squares = search.colours.shape[1] - limits.side + 1
    count, compared = 0, 0
    square, sides, best = work[0], work[1], work[2]
    for k in range(begin.shape[0]):
        if count == found.shape[0] or compared > limits.compared:
            break
        place, most = int(begin[k]), limits.changes - 1
        top, left = place // squares, place % squares
        square[0], square[1], square[2], square[3] = top, top + limits.side, left, left + limits.side
        if not _is_free_and_same(search, top, top + limits.side, left, left + limits.side, 0, 0):
            continue
        above, right = 0, 0
        for _ in range(limits.tries):
            place = int(search.before[place])
            if place < 0 or top - place // squares > limits.above:
                break
            compared += _grow(search, square, top - place // squares, left - place % squares, sides)
            changes = _changes_in(search, sides)
            if changes > most:
                most, above, right = changes, top - place // squares, left - place % squares
                for i in range(4):
                    best[i] = sides[i]
        if most < limits.changes:
            continue
        found[count, 0], found[count, 1] = best[0], best[2]
        found[count, 2], found[count, 3] = best[1] - best[0], best[3] - best[2]
        found[count, 4], found[count, 5] = above, best[2] - right
        count += 1
        search.covered[best[0] : best[1], best[2] : best[3]] = 1
    return count
