"""Windows of a plane: which may be shapes, counting them, finding codebook shapes and placing them.

A window of h x w samples counts only if at least half of every row and of every column is nonzero. Its key is a rolling
hash of its samples, with its height and width below that: those of one size may coincide, once in 2**42, which does no
harm, as a shape is compared sample by sample before it is placed. Nothing here is part of the format: an encoder may
place what it likes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

MAX_SIDE = 28

SIDE_BITS = 5
HASH, ROW, COLUMN = (1 << 42) - 1, 0x9E375, 0x85EBD
"""Bits of hashes, and the odd numbers that those of a row and of rows above each other are multiplied by: no product
leaves 63 bits."""

EMPTY = -1
"""In place of a key or a number: none."""


class Shapes(NamedTuple):
    """Patterns of samples."""

    heights: Vector[np.int64]
    widths: Vector[np.int64]
    offsets: Vector[np.int64]
    """Where in ``pool`` the samples of each begin, row by row: those of shapes of all sizes stand one behind the
    other."""
    pool: Vector[np.int32]


class KeyTable(NamedTuple):
    """An open hash table whose size is a power of two."""

    keys: Vector[np.int64]
    """A key or EMPTY, of each slot."""
    numbers: Vector[np.int64]
    """The number that each key has."""


class Windows(NamedTuple):
    """The windows that one sample begins, and what listing them works in."""

    keys: Vector[np.int64]
    widths: Vector[np.int64]
    """For each height the widths that all rows so far allow, one bit each."""
    rows: Vector[np.int64]
    """The hash of each row."""


class Search(NamedTuple):
    """A plane and the windows to look for in it.

    Bit w of ``across[y, x]``: at least half of the w samples from (y, x) to the right is nonzero; bit h of ``down``:
    the same downwards within the image. With ``outline`` none begins inside a nonzero area, away from its upper left
    border.
    """

    plane: Table[np.int32]
    image_rows: int
    windows: Windows
    across: Table[np.int64]
    down: Table[np.int64]
    max_rows: int
    max_columns: int
    outline: bool


@kernel
def fill_masks(nonzero: Table[np.uint8], period: int, longest: int, masks: Table[np.int64]) -> int:
    """Bit n of each mask: at least half of the n samples from there on is nonzero. None crosses a multiple of
    ``period`` columns. ``nonzero`` holds 0 and 1."""
    rows, width = nonzero.shape
    for y in range(rows):
        run = 0
        for x in range(width - 1, -1, -1):
            room = min(longest, width - x, period - x % period)
            # How many equal samples come next decides most masks at once: far from any nonzero sample there are no
            # windows, and far from any zero there are all of them.
            run = run + 1 if x + 1 < width and nonzero[y, x] == nonzero[y, x + 1] else 1
            mask = 0
            if nonzero[y, x] != 0 and run >= room:
                mask = (2 << room) - 2
            elif nonzero[y, x] != 0 or 2 * run <= room:
                count = 0
                for n in range(1, room + 1):
                    count += int(nonzero[y, x + n - 1])
                    if 2 * count >= n:
                        mask |= 1 << n
            masks[y, x] = mask
    return 0


@inlined
def _may_begin(search: Search, y: int, x: int) -> bool:
    if search.across[y, x] == 0:
        return False
    if not search.outline or x == 0 or y % search.image_rows == 0:
        return True
    plane = search.plane
    return bool(plane[y, x] == 0 or plane[y, x - 1] == 0 or plane[y - 1, x] == 0 or plane[y - 1, x - 1] == 0)


@inlined
def _with_sample(row: int, sample: int) -> int:
    """The hash of a row that has one more sample at its right."""
    return (row * ROW + sample + 1) & HASH


@inlined
def _with_row(rows: int, row: int) -> int:
    """The hash of rows that have one more below them."""
    return (rows * COLUMN + row) & HASH


@inlined
def _key(rows: int, height: int, width: int) -> int:
    return (rows << SIDE_BITS | height) << SIDE_BITS | width


@inlined
def _list_windows(search: Search, y: int, x: int, columns: int) -> int:
    """List the windows of two samples or more that (y, x) begins, at most so many columns wide; returns how many."""
    if not _may_begin(search, y, x):
        return 0
    keys, widths, row_hashes = search.windows
    height = 0
    allowed = int(search.across[y, x])
    while height < search.max_rows and y + height < search.plane.shape[0]:
        allowed &= int(search.across[y + height, x])
        if allowed == 0:
            break
        widths[height] = allowed
        row_hashes[height] = 0
        height += 1
    count = 0
    heights = -1
    for w in range(1, min(columns, search.max_columns, search.plane.shape[1] - x) + 1):
        heights &= int(search.down[y, x + w - 1])
        if heights == 0:
            break
        rows = 0
        for i in range(height):
            row_hashes[i] = _with_sample(int(row_hashes[i]), int(search.plane[y + i, x + w - 1]))
            rows, h = _with_row(rows, int(row_hashes[i])), i + 1
            if h * w > 1 and (heights >> h) & (widths[i] >> w) & 1 != 0:
                keys[count] = _key(rows, h, w)
                count += 1
    return count


@kernel
def hash_shapes(shapes: Shapes, keys: Vector[np.int64]) -> int:
    """The key of each shape, which is that of a window with the same samples."""
    for index in range(keys.size):
        height, width = int(shapes.heights[index]), int(shapes.widths[index])
        place = int(shapes.offsets[index])
        rows = 0
        for _ in range(height):
            row = 0
            for _ in range(width):
                row = _with_sample(row, int(shapes.pool[place]))
                place += 1
            rows = _with_row(rows, row)
        keys[index] = _key(rows, height, width)
    return 0


@inlined
def _slot(keys: Vector[np.int64], key: int) -> int:
    """Where ``key`` is or would go."""
    mask = keys.size - 1
    slot = (key ^ (key >> 29)) & mask
    while keys[slot] != EMPTY and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@kernel
def insert_keys(table: KeyTable, keys: Vector[np.int64]) -> int:
    """Put distinct keys into an empty table; their numbers are their places."""
    for number in range(keys.size):
        slot = _slot(table.keys, int(keys[number]))
        table.keys[slot] = keys[number]
        table.numbers[slot] = number
    return 0


def sides_of(keys: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The heights and the widths of windows, by their keys."""
    most = (1 << SIDE_BITS) - 1
    return keys >> SIDE_BITS & most, keys & most


class Counts(NamedTuple):
    """A hash table of windows, by slot."""

    keys: Vector[np.int64]
    counts: Vector[np.int64]
    images: Vector[np.int64]
    """How many images hold the window."""
    last_image: Vector[np.int64]
    """The number of the last of them and 1, 0 before any: an image counts once, however often the window stands in it,
    and images are gone through in order."""
    used: Vector[np.int64]
    """(1,): slots taken."""


@kernel
def count_windows(search: Search, first_image: int, table: Counts) -> int:
    """Count all windows. Once half of the slots are taken, those not met before are passed."""
    windows = search.windows
    for y in range(search.plane.shape[0]):
        image = 1 + first_image + y // search.image_rows
        for x in range(search.plane.shape[1]):
            for index in range(_list_windows(search, y, x, MAX_SIDE)):
                slot = _slot(table.keys, int(windows.keys[index]))
                if table.keys[slot] == EMPTY:
                    if 2 * table.used[0] >= table.keys.size:
                        continue
                    table.used[0] += 1
                    table.keys[slot] = windows.keys[index]
                table.counts[slot] += 1
                if table.last_image[slot] != image:
                    table.last_image[slot] = image
                    table.images[slot] += 1
    return 0


@kernel
def find_first(search: Search, table: KeyTable, places: Vector[np.int64]) -> int:
    """Where the window of each key comes first, as y * width + x; only for numbers whose place is EMPTY."""
    for y in range(search.plane.shape[0]):
        for x in range(search.plane.shape[1]):
            for index in range(_list_windows(search, y, x, MAX_SIDE)):
                key = int(search.windows.keys[index])
                slot = _slot(table.keys, key)
                if table.keys[slot] == key and places[table.numbers[slot]] == EMPTY:
                    places[table.numbers[slot]] = y * search.plane.shape[1] + x
    return 0


@inlined
def _fits(search: Search, covered: Table[np.uint8], y: int, x: int, shapes: Shapes, shape: int) -> bool:
    """Whether a shape's samples stand at (y, x), all in one image, and not covered yet: keys may coincide."""
    plane = search.plane
    height = int(shapes.heights[shape])
    width = int(shapes.widths[shape])
    if y + height > plane.shape[0] or y % search.image_rows + height > search.image_rows or x + width > plane.shape[1]:
        return False
    place = int(shapes.offsets[shape])
    for i in range(y, y + height):
        for j in range(x, x + width):
            if plane[i, j] != shapes.pool[place] or covered[i, j] != 0:
                return False
            place += 1
    return True


@inlined
def _cover(covered: Table[np.uint8], y: int, x: int, shapes: Shapes, shape: int) -> None:
    for i in range(y, y + int(shapes.heights[shape])):
        for j in range(x, x + int(shapes.widths[shape])):
            covered[i, j] = 1


@kernel
def cover_plane(
    search: Search, shapes: Shapes, table: KeyTable, order: Vector[np.int64], anchors: Table[np.int32],
    covered: Table[np.uint8],
) -> int:  # fmt: skip
    """From sample to sample that is not covered yet, place the shape that comes first of those that fit.

    ``table`` has the numbers of the shapes' windows, ``order`` (shapes,) says which come first. ``anchors`` gets 1 +
    the shape's number at its top left sample, ``covered`` 1 at all its samples; both are zero at first. Nothing is
    looked for inside what is covered, so solid areas take little time.
    """
    windows = search.windows
    for y in range(search.plane.shape[0]):
        for x in range(search.plane.shape[1]):
            if covered[y, x] != 0 or not _may_begin(search, y, x):
                continue
            columns = 0
            while columns < search.max_columns and x + columns < covered.shape[1] and covered[y, x + columns] == 0:
                columns += 1
            best = -1
            for index in range(_list_windows(search, y, x, columns)):
                key = int(windows.keys[index])
                slot = _slot(table.keys, key)
                if table.keys[slot] != key:
                    continue
                shape = int(table.numbers[slot])
                if best >= 0 and order[shape] > order[best]:
                    continue
                if _fits(search, covered, y, x, shapes, shape):
                    best = shape
            if best >= 0:
                anchors[y, x] = best + 1
                _cover(covered, y, x, shapes, best)
    return 0
