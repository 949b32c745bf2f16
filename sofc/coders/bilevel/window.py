"""Spec bilevel/neighbours: the window of coded neighbours around a sample, kept as the bits of three words.

Six samples to the left and six rows of 13 samples above. A word is moved on by one column with a shift; a context sees
as much of the window as its masks leave.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined
from sofc.jit.types import Table

Image = Table[np.uint8]
"""Binary samples, 0 or 1."""

REACH = 6
"""Rows above, and columns to either side."""
ROW_BITS = 2 * REACH + 1
FIRST, SECOND = REACH, REACH + ROW_BITS
"""Where the bits of the two rows above begin in ``near``, behind those of the sample's own row."""
WORDS = 3
ROWS = ((0, 0), (0, FIRST), (0, SECOND), (1, 0), (1, ROW_BITS), (2, 0), (2, ROW_BITS))
"""Word and lowest bit of each row, the sample's own first. The samples of a row rise from right to left."""

NEAR_KEPT = 0xFFFFFFFF & ~(1 | 1 << FIRST | 1 << SECOND)
FAR_KEPT = ((1 << 2 * ROW_BITS) - 1) & ~(1 | 1 << ROW_BITS)
"""What a shift leaves: the lowest bit of a row is for the sample that enters, not for one that leaves another row."""

NEIGHBOURS = sorted(
    [(-up, across) for up in range(REACH + 1) for across in range(-REACH, REACH + 1) if up > 0 or across < 0],
    key=lambda place: (place[0] ** 2 + place[1] ** 2, place),
)
"""Neighbours (row, column) relative to the sample: nearest first, then from the top, then from the left."""


class Window(NamedTuple):
    """The neighbours of a sample, 0 outside the image: its own row and two above, two further ones, the last two."""

    near: int
    middle: int
    distant: int


def masks(neighbours: int) -> list[int]:
    """Which bits of the three words hold the nearest ``neighbours``."""
    words = [0] * WORDS
    for row, column in NEIGHBOURS[:neighbours]:
        word, lowest = ROWS[-row]
        words[word] |= 1 << (lowest + (REACH if row else -1) - column)
    return words


@inlined
def _entering(image: Image, y: int, up: int, column: int) -> int:
    """The sample of a column ``up`` rows above row y, 0 above the image."""
    return int(np.int64(image[y - up, column])) if up <= y else 0


@inlined
def slide(window: Window, west: int, image: Image, y: int, x: int) -> Window:
    """The window of sample (y, x) from that of the sample before, which was ``west``."""
    column = x + REACH
    near = (window.near << 1) & NEAR_KEPT | west
    middle, distant = (window.middle << 1) & FAR_KEPT, (window.distant << 1) & FAR_KEPT
    if column < image.shape[1]:
        near |= _entering(image, y, 1, column) << FIRST | _entering(image, y, 2, column) << SECOND
        middle |= _entering(image, y, 3, column) | _entering(image, y, 4, column) << ROW_BITS
        distant |= _entering(image, y, 5, column) | _entering(image, y, 6, column) << ROW_BITS
    return Window(near, middle, distant)


@inlined
def open_row(image: Image, y: int) -> Window:
    """What slides to the window of the first sample of row y."""
    window = Window(0, 0, 0)
    for x in range(-REACH, 0):
        window = slide(window, 0, image, y, x)
    return window


@inlined
def adjacent(near: int) -> int:
    """The eight nearest bits but one: two to the left, then of each row above those at x + 1, x and x - 1."""
    first, second = (near >> (FIRST + REACH - 1)) & 7, (near >> (SECOND + REACH - 1)) & 7
    return near & 3 | first << 2 | second << 5
