"""Luminance of which most blocks have samples at black or white, as those of text on paper have: an encoder's affair.

What was cut off there hides the steps, but blocks come out whole by the right ones alone: tables are tried.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jpeg.blockwise import blocks_of
from sofc.jpeg.bounds import Bounded, Mask
from sofc.jpeg.dct import ACCURATE, LARGEST, SIDE, SIZE, Decoder, Grid
from sofc.jpeg.origin import Steps
from sofc.jpeg.solve import Inversion, Solved, scratch
from sofc.jpeg.tables import known_tables
from sofc.jpeg.trial import Look, exact_of

MOST_KNOWN = 0.25
"""Share of blocks that are not flat of which all samples are known, at most, where tables are tried."""
FIRST_BLOCKS, BLOCKS, LEAST_BLOCKS, MOST_TABLES = 8, 48, 64, 4
"""Tables are tried on so many blocks, those with the fewest unknown samples; on more so many, by which most samples of
these come out. Where there are fewer blocks, it is not worth the time."""
LEAST_EXACT = 0.2
"""Share of these that come out whole with the right table. Of three pages of text and a drawing at qualities 50 and 75
0.36 to 0.91 of all do, and none with another table or at another place."""
QUIET = 5
"""So many samples that are equal lie beside where a block may begin that is flat, or follows one that is."""
NEARLY, LEAST_RINGING = 16, 0.01
"""Share of samples that were not cut off which, with all around them, are less than so far from black or white, though
not all that: JPEG rings there. Of drawn text and binary scans it is 0, also smoothed, with JPEG at qualities 20 to 95
0.04 to 0.6."""
MOST_PLACES = 2
"""Places of the grid that are tried beside that of images which nothing was cut off."""


class Laid(NamedTuple):
    """Where blocks lie, and the table of their steps."""

    grid: Grid
    table: Steps


def find_by_trial(plane: Bounded, unknown: Mask) -> Laid | None:
    """Where blocks of a plane lie and what their steps are; None where most blocks are known, or none comes out."""
    if not unknown.any() or not _may_ring(plane.samples, unknown):
        return None
    for place in list(dict.fromkeys([0, *_places(plane.samples)]))[: 1 + MOST_PLACES]:
        top, left = divmod(place, SIDE)
        order = _most_known(plane, unknown, top, left)
        if len(order) < LEAST_BLOCKS:
            return None
        first, more = (_looked_at(plane, order[:count], top, left) for count in (FIRST_BLOCKS, BLOCKS))
        missed = _missed(first)
        possible = [_tables()[number] for number in np.argsort(missed, kind="stable")[:MOST_TABLES]]
        exact = [exact_of(more, [table]) for table in possible]
        if max(exact) >= LEAST_EXACT:
            return Laid(Grid(1, 1, top, left), possible[int(np.argmax(exact))])
    return None


def _may_ring(samples: npt.NDArray[np.int32], unknown: Mask) -> bool:
    """Whether black or white rings, as JPEG makes it next to letters, or most unknown samples are neither."""
    at_ends = (samples == 0) | (samples == LARGEST)
    if 2 * np.count_nonzero(unknown & at_ends) < np.count_nonzero(unknown):
        return True
    inner = ~at_ends
    ringing = sum(
        int(np.count_nonzero(inner[1:-1, 1:-1] & (_greatest_around(from_end) < NEARLY)))
        for from_end in (samples, LARGEST - samples)
    )
    return ringing > LEAST_RINGING * int(np.count_nonzero(inner))


def _greatest_around(samples: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """The greatest of the nine samples around each one that is not at the border."""
    rows = np.maximum(np.maximum(samples[:-2], samples[1:-1]), samples[2:])
    greatest: npt.NDArray[np.int32] = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return greatest


def _places(samples: npt.NDArray[np.int32]) -> list[int]:
    """The numbers of all places of the grid: first those where most of what is flat ends and begins, as paper beside
    blocks with letters does."""
    counts = []
    for lines in (samples, samples.T):
        change = lines[1:] != lines[:-1]
        total = np.cumsum(np.pad(change, ((QUIET + 1, QUIET), (0, 0))), axis=0, dtype=np.int32)
        size = len(change)
        before = total[QUIET : QUIET + size] == total[:size]
        behind = total[2 * QUIET + 1 : 2 * QUIET + 1 + size] == total[QUIET + 1 : QUIET + 1 + size]
        begins = np.count_nonzero(change & (before | behind), axis=1)
        counts.append(np.bincount(-np.arange(1, size + 1) % SIDE, begins, SIDE))
    return [int(place) for place in np.argsort(-np.add.outer(*counts).ravel(), kind="stable")]


@cache
def _tables() -> list[Steps]:
    """Those of luminance that are not so fine that anything comes out of them."""
    tables, is_for_chrominance = known_tables()
    return [table for table in tables[~is_for_chrominance] if table.min() > 1]


def _most_known(plane: Bounded, unknown: Mask, top: int, left: int) -> npt.NDArray[np.intp]:
    """The numbers of blocks that are not flat and of which something is known, those with the fewest unknown samples
    first; none where many have no such."""
    samples, missing = (_blocks(each, top, left) for each in (plane.samples, unknown))
    count = missing.sum(axis=1)
    busy = np.flatnonzero(samples.max(axis=1) > samples.min(axis=1))
    if np.count_nonzero(count[busy] == 0) > MOST_KNOWN * len(busy):
        return busy[:0]
    telling = np.flatnonzero((samples.max(axis=1) > samples.min(axis=1)) & (count < SIZE))
    return telling[np.argsort(count[telling], kind="stable")]


def _missed(look: Look) -> list[int]:
    """Of each table, the samples that do not come out by it."""
    (piece,), room = look.pieces, scratch()
    component = blocks_of(*piece, look.grid)
    return [Solved.of(component, inversion, room).missed for inversion in _inversions()]


@cache
def _inversions() -> list[Inversion]:
    return [Inversion.of(table, ACCURATE) for table in _tables()]


def _looked_at(plane: Bounded, numbers: npt.NDArray[np.intp], top: int, left: int) -> Look:
    """Some blocks, one beside the other."""
    beside = (_blocks(each, top, left)[numbers].reshape(-1, SIDE, SIDE).swapaxes(0, 1) for each in plane)
    piece = Bounded(*(np.ascontiguousarray(each.reshape(SIDE, -1)) for each in beside))
    return Look.at([piece], Grid(1, 1, 0, 0), Decoder())


def _blocks(plane: npt.NDArray[np.generic], top: int, left: int) -> npt.NDArray[np.generic]:
    """Whole blocks (blocks, 64) of a plane whose first sample is in such a row and column of one."""
    inner = plane[-top % SIDE :, -left % SIDE :]
    rows, columns = (size // SIDE for size in inner.shape)
    cut = inner[: SIDE * rows, : SIDE * columns].reshape(rows, SIDE, columns, SIDE)
    return cut.swapaxes(1, 2).reshape(-1, SIZE)
