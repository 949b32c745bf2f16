"""Y, Cb and Cr of colours that were cut, found by turns: what is sure of some tells of the others, an encoder's affair.

Where a channel is 0 or 255, colours say little of each component, but much of one when the others are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sofc.jpeg.blockwise import blocks_of, whole_blocks
from sofc.jpeg.bounds import Bounded, Mask, informed
from sofc.jpeg.colour import Conversion, reached
from sofc.jpeg.dct import SCALED, SIDE, Grid
from sofc.jpeg.descent import improve
from sofc.jpeg.nearest_plane import round_surest
from sofc.jpeg.origin import Origin
from sofc.jpeg.solve import Inversion
from sofc.jpeg.subsampling import shrunk
from sofc.planes import Plane

TURNS = 3
"""How often what is known of all components is told each of them, while more comes out."""


def agreed(
    planes: Sequence[Bounded], samples: Sequence[Plane], origins: Sequence[Origin], conversion: Conversion
) -> list[Origin]:
    """How Y, Cb and Cr came about, from what was found of each of them: ``planes`` as colours bound them, and the
    ``samples`` that they convert to."""
    best = list(origins)
    drawn = [_drawn(*each) for each in zip(planes, best, strict=True)]
    fewest = _missed(samples, drawn, conversion)
    for _ in range(TURNS):
        if not fewest:
            break
        found, made = list(best), list(drawn)
        for parts in ((0,), (1, 2)):
            sure = [sure_of(*each, one.grid) for *each, one in zip(planes, made, found, strict=True)]
            sure = [mask & (number not in parts) for number, mask in enumerate(sure)]
            told = informed(planes, samples, made, sure, conversion)
            for number in parts:
                found[number] = mended(told[number], found[number])
                made[number] = _drawn(told[number], found[number])
        missed = _missed(samples, made, conversion)
        if missed >= fewest:
            break
        best, drawn, fewest = found, made, missed
    return best


def sure_of(plane: Bounded, drawn: Plane, grid: Grid) -> Mask:
    """Where all samples of a block come out of its coefficients."""
    down, across, top, left = grid
    rows, width = drawn.shape
    whole = whole_blocks((drawn >= plane.lowest) & (drawn <= plane.highest), grid)
    blocks = np.repeat(np.repeat(whole, SIDE * down, axis=0), SIDE * across, axis=1)
    return blocks[top : top + rows, left : left + width]


def mended(plane: Bounded, origin: Origin) -> Origin:
    """How a plane came about, blocks sought again that do not come out."""
    if origin.grid.is_enlarged and origin.decoder.upsampling == SCALED:
        return origin
    component = blocks_of(plane, shrunk(plane, origin.grid, origin.decoder.upsampling), origin.grid)
    inversion = Inversion.of(origin.table, origin.decoder.inverse)
    coefficients = origin.coefficients.copy()
    round_surest(component, inversion, coefficients)
    improve(component, inversion, coefficients)
    return replace(origin, coefficients=coefficients)


def _drawn(plane: Bounded, origin: Origin) -> Plane:
    return origin.draw(plane.samples.shape)[0]


def _missed(samples: Sequence[Plane], drawn: Sequence[Plane], conversion: Conversion) -> int:
    """How many colours do not come out."""
    made = reached(list(drawn), conversion)
    return int(np.count_nonzero(np.logical_or.reduce([a != b for a, b in zip(made, samples, strict=True)])))
