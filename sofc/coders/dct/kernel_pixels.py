"""Spec dct/pixel-corrections: the pixel corrections, what a plane's samples lack of those that its coefficients make.

Nearly all are 0. Tiles of the grid of blocks that have none take one decision; in others each pixel takes one, since
what was painted over, or drawn by another decoder, lies together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import BROKEN, OK, Stream
from sofc.entropy.bit_models import USUAL, code_by_model, code_size
from sofc.entropy.contexts import set_starts
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.jpeg.dct import FRACTIONS, LARGEST, SIDE, Grid

LONGEST = 24
"""Bits of the largest correction."""
FIRST_TILE, FIRST_FLAG, FIRST_SAME, FIRST_SIGN, FIRST_SIZE, MODELS = set_starts(
    (2 * 2 * 2, 16 * FRACTIONS // 2 * 2, 3, 2 * 3 * 3, 2 * 2 * LONGEST)
)
"""Bit models: whether a tile has corrections, by whether the row above, the tile to the left and the plane before have;
whether a pixel has one, by which of four neighbours have, the fraction, and whether the plane before has; whether it
takes the value of a neighbour, by which agree; its sign, by the side of the fraction and the signs of two neighbours;
and its size, by whether a neighbour's is more than 1."""


class Pixels(NamedTuple):
    """A plane (rows, width), ``drawn`` from coefficients, with the ``fractions`` that were rounded away.

    ``corrections`` (rows + 1, width + 2): zeros, to be filled, below a row and between columns of zeros; ``others``:
    those of the plane before. ``grid``: the component's. ``columns`` (2, width): scratch.
    """

    plane: Table[np.int32]
    drawn: Table[np.int32]
    fractions: Table[np.uint8]
    corrections: Table[np.int32]
    others: Table[np.int32]
    grid: Grid
    columns: Table[np.int32]


@kernel
def _third(value: int) -> int:
    """0 for 0, 1 below, 2 above."""
    return 0 if value == 0 else (1 if value < 0 else 2)


@inlined
def _code_same(encode: bool, pixels: Pixels, y: int, x: int, models: Vector[np.uint32], stream: Stream) -> int:
    """Whether a corrected pixel has the value of one beside it that is corrected, too: what was painted over often has.

    Returns 1 and sets the pixel, or 0.
    """
    plane, corrections = pixels.plane, pixels.corrections
    west, north = corrections[y + 1, x] != 0, corrections[y, x + 1] != 0
    if not west and not north:
        return 0
    value = int(plane[y, x - 1]) if west else int(plane[y - 1, x])
    if value == pixels.drawn[y, x]:
        return 0
    agree = 0 if not (west and north) else (2 if plane[y - 1, x] == value else 1)
    same = code_by_model(encode, 1 if plane[y, x] == value else 0, FIRST_SAME + agree, models, stream)
    if same:
        plane[y, x] = value
    return same


@inlined
def _code_pixel(encode: bool, pixels: Pixels, y: int, x: int, models: Vector[np.uint32], stream: Stream) -> int:
    """Spec dct/pixel-corrections. Code the correction of one pixel. Returns OK or BROKEN."""
    plane, corrections = pixels.plane, pixels.corrections
    drawn, fraction = int(pixels.drawn[y, x]), int(pixels.fractions[y, x])
    west, north = int(corrections[y + 1, x]), int(corrections[y, x + 1])
    around = (1 if west != 0 else 0) + (2 if north != 0 else 0)
    around += (4 if corrections[y, x] != 0 else 0) + (8 if corrections[y, x + 2] != 0 else 0)
    other = 1 if pixels.others[y + 1, x + 1] != 0 else 0
    # What was nearly rounded the other way is where another decoder differs.
    slot = FIRST_FLAG + (around * (FRACTIONS // 2) + min(fraction, FRACTIONS - 1 - fraction)) * 2 + other
    if code_by_model(encode, 1 if plane[y, x] != drawn else 0, slot, models, stream) == 0:
        plane[y, x] = drawn
        return OK
    if _code_same(encode, pixels, y, x, models, stream) == 0:
        correction = int(plane[y, x]) - drawn if encode else 0
        slot = FIRST_SIGN + (1 if 2 * fraction >= FRACTIONS else 0) + 2 * (3 * _third(west) + _third(north))
        negative = code_by_model(encode, 1 if correction < 0 else 0, slot, models, stream)
        slot = FIRST_SIZE + (2 * LONGEST if max(abs(west), abs(north)) > 1 else 0)
        size = code_size(encode, abs(correction), slot, slot + LONGEST, LONGEST, USUAL, models, stream)
        if size < 0:
            return BROKEN
        plane[y, x] = drawn - size if negative else drawn + size
    corrections[y + 1, x + 1] = plane[y, x] - drawn
    return OK if 0 <= plane[y, x] <= LARGEST else BROKEN


@inlined
def _prepare(encode: bool, pixels: Pixels, first_row: int, end_row: int) -> None:
    """Find the columns of a row of tiles that have corrections to be coded (``columns[0]``, not 0), and those in which
    the plane before has some (``columns[1]``); when decoding, samples are for now as drawn. Whole rows are gone through
    much faster than tiles."""
    plane, drawn, differing, told = pixels.plane, pixels.drawn, pixels.columns[0], pixels.columns[1]
    for x in range(plane.shape[1]):
        differing[x] = told[x] = 0
    for y in range(first_row, end_row):
        if encode:
            for x in range(plane.shape[1]):
                differing[x] |= plane[y, x] ^ drawn[y, x]
        else:
            for x in range(plane.shape[1]):
                plane[y, x] = drawn[y, x]
        for x in range(plane.shape[1]):
            told[x] |= pixels.others[y + 1, x + 1]


@kernel
def code_pixels(encode: bool, pixels: Pixels, models: Vector[np.uint32], stream: Stream) -> int:
    """Spec dct/pixel-corrections. Code a plane by what was drawn, tile by tile; when decoding it is filled,
    ``corrections`` always.

    ``models`` (MODELS,). Returns OK or BROKEN.
    """
    plane, corrections = pixels.plane, pixels.corrections
    (rows, width), top, left = plane.shape, pixels.grid.top % SIDE, pixels.grid.left % SIDE
    for tile_row in range((top + rows - 1) // SIDE + 1):
        first_row, end_row = max(0, SIDE * tile_row - top), min(rows, SIDE * (tile_row + 1) - top)
        _prepare(encode, pixels, first_row, end_row)
        before = 0
        for tile in range((left + width - 1) // SIDE + 1):
            first, end = max(0, SIDE * tile - left), min(width, SIDE * (tile + 1) - left)
            corrected = other = above = np.int32(0)
            for x in range(first, end):
                corrected |= pixels.columns[0, x]
                other |= pixels.columns[1, x]
                above |= corrections[first_row, x + 1]
            slot = FIRST_TILE + (1 if above != 0 else 0) + 2 * before + (4 if other != 0 else 0)
            before = code_by_model(encode, 1 if corrected != 0 else 0, slot, models, stream)
            for y in range(first_row, end_row if before else first_row):
                for x in range(first, end):
                    if _code_pixel(encode, pixels, y, x, models, stream) != OK:
                        return BROKEN
    return OK
