"""Where the first sample of an image stands in the 8 x 8 grid: an encoder's guess, which the stream says.

Samples differ by their place for two reasons: JPEG codes blocks of 8 x 8, and components were made larger by two, or
samples of a mosaic filled in, so that every second one was worked out from those beside it, as the two colours of
PhotoCD were. Places of even number are those of samples that were there before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel
from sofc.jit.types import Vector
from sofc.planes import Plane

Sums = npt.NDArray[np.int32]

PERIOD = 8
PIECE = 256
"""The grid is looked for in so many rows and columns in the middle of an image."""
FEWEST = 24
"""In fewer rows or columns there is too little to go by."""
CLEAR = 1.1
"""Every second row is one worked out where the others bend so many times as much. With images of eight sets, that come
of JPEG files or scanners, the two differ by 1.02 at most, save drawings; with Kodak's photographs by 1.1 to 2.5."""


class Changes(NamedTuple):
    """Sums over each row (``down``, (rows,)) and column (``across``, (columns,)), all zero before: of the absolute
    ``steps`` to the next one, and of how far the middle of it and the one after the next lies from the next, twice
    that (``bends``). Those that lead out of the piece stay zero."""

    steps_down: Vector[np.int32]
    steps_across: Vector[np.int32]
    bends_down: Vector[np.int32]
    bends_across: Vector[np.int32]


@kernel
def measure_changes(piece: Vector[np.int32], changes: Changes) -> int:
    """Fill in the changes of a piece (rows * columns,), whose samples have 18 bits at most and rows and columns 2^11.
    Returns 0."""
    rows, columns = changes.steps_down.shape[0], changes.steps_across.shape[0]
    for y in range(rows):
        here = piece[y * columns :]
        for i in range(columns - 1):
            changes.steps_across[i] += abs(here[i + 1] - here[i])
        for i in range(columns - 2):
            changes.bends_across[i] += abs(here[i] - 2 * here[i + 1] + here[i + 2])
        if y + 1 < rows:
            below, total = here[columns:], 0
            for i in range(columns):
                total += abs(below[i] - here[i])
            changes.steps_down[y] = total
        if y + 2 < rows:
            below, after, total = here[columns:], here[2 * columns :], 0
            for i in range(columns):
                total += abs(here[i] - 2 * below[i] + after[i])
            changes.bends_down[y] = total
    return 0


def find_grid(planes: Sequence[Plane]) -> int:
    """Place of the first sample of an image's ``planes`` (row * 8 + column): blocks by the steps of the first plane at
    their borders, among the places that go with the samples worked out, if others are."""
    top, left = (max(0, (side - PIECE) // 2) // PERIOD * PERIOD for side in planes[0].shape)
    changes = [_changes_of(plane[top : top + PIECE, left : left + PIECE]) for plane in planes]
    down = _place(changes[0].steps_down, [each.bends_down for each in changes])
    return down * PERIOD + _place(changes[0].steps_across, [each.bends_across for each in changes])


def _changes_of(piece: Plane) -> Changes:
    """How much rows and columns of a piece change."""
    sizes = (*piece.shape, *piece.shape)
    changes = Changes(*(np.zeros(size, np.int32) for size in sizes))
    measure_changes(np.require(piece, np.int32, ["C", "W"]).reshape(-1), changes)
    return changes


def _place(steps: Sums, bends: Sequence[Sums]) -> int:
    """Place of the first row or column among eight, by the steps of the first plane and the bends of all."""
    if len(steps) < FEWEST:
        return 0
    change = steps[:-1].astype(np.int64)
    excess = 2 * change[1:-1] - change[:-2] - change[2:]
    # excess[i] belongs to the border between rows i + 1 and i + 2.
    periods = len(excess) // PERIOD
    borders = excess[: PERIOD * periods].reshape(periods, PERIOD).sum(axis=0)
    parity = _first_given(bends)
    order = np.argsort(-borders, kind="stable")
    border = next(int(number) for number in order if parity is None or (number + parity) % 2 == 0)
    return (-border - 2) % PERIOD


def _first_given(bends: Sequence[Sums]) -> int | None:
    """Whether the first (0) or the second (1) of two rows is one that was there before, None where both were: by the
    plane that tells most."""
    even, odd = max((_by_parity(each) for each in bends), key=lambda pair: max(pair) / max(1, min(pair)))
    if max(even, odd) <= CLEAR * min(even, odd):
        return None
    return int(odd > even)


def _by_parity(bends: Sums) -> tuple[int, int]:
    """How far rows of even number lie from the middle of the two beside them, and the others."""
    inner = bends[:-2]
    odd, even = inner[: len(inner) // 2 * 2].reshape(-1, 2).sum(axis=0, dtype=np.int64)
    return int(even), int(odd)
