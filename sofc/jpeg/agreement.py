"""Y, Cb and Cr of colours that were cut, found by turns: what is sure of some tells of the others, an encoder's affair.

Where a channel is 0 or 255, colours say little of each component, but much of one when the others are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sofc.jpeg.blockwise import BIT_PARTS, MOST_SIZE, SIZE_BITS, blocks_of, whole_blocks
from sofc.jpeg.bounds import Bounded, Mask, Seen, bounded, informed
from sofc.jpeg.colour import reached
from sofc.jpeg.dct import SCALED, SIDE, Grid
from sofc.jpeg.descent import improve
from sofc.jpeg.nearest_plane import round_surest
from sofc.jpeg.origin import Origin
from sofc.jpeg.solve import Inversion
from sofc.jpeg.subsampling import shrunk
from sofc.planes import Plane

TURNS = 3
"""How often what is known of all components is told each of them, while that takes less."""
MISSED_BITS = 16
"""About what it takes to correct a colour."""


def agreed(planes: Sequence[Plane], seen: Seen, origins: Sequence[Origin]) -> list[Origin]:
    """How Y, Cb and Cr, ``planes``, came about, from what was found of each of them and of what is seen of them."""
    made = reached([origin.draw(planes[0].shape)[0] for origin in origins], seen.conversion)
    if all(map(np.array_equal, made, seen.samples)):
        return list(origins)
    found = _by_turns(bounded(planes, seen), seen, origins)
    if not seen.covered.any():
        return found
    wider = seen.without_edges()
    other = _by_turns(bounded(planes, wider), wider, found)
    return min((found, other), key=lambda each: _cost(seen, [origin.draw(planes[0].shape)[0] for origin in each], each))


def _by_turns(planes: Sequence[Bounded], seen: Seen, origins: Sequence[Origin]) -> list[Origin]:
    """The same for planes bounded by what is seen."""
    best = list(origins)
    drawn = [_drawn(*each) for each in zip(planes, best, strict=True)]
    least = _cost(seen, drawn, best)
    for _ in range(TURNS):
        found, made = list(best), list(drawn)
        for parts in ((0,), (1, 2)):
            three = zip(planes, made, found, strict=True)
            sure = [sure_of(plane, drawn_so, one.grid) for plane, drawn_so, one in three]
            sure = [mask & (number not in parts) for number, mask in enumerate(sure)]
            told = informed(planes, seen, made, sure)
            for number in parts:
                found[number] = mended(told[number], found[number])
                made[number] = _drawn(told[number], found[number])
        cost = _cost(seen, made, found)
        if cost >= least:
            break
        best, drawn, least = found, made, cost
    return best


def sure_of(plane: Bounded, drawn: Plane, grid: Grid) -> Mask:
    """Where all samples of a block come out of its coefficients."""
    down, across, top, left = grid[:4]
    rows, width = drawn.shape
    whole = whole_blocks((drawn >= plane.lowest) & (drawn <= plane.highest), grid)
    blocks = np.repeat(np.repeat(whole, SIDE * down, axis=0), SIDE * across, axis=1)
    return blocks[top : top + rows, left : left + width]


def mended(plane: Bounded, origin: Origin) -> Origin:
    """How a plane came about, blocks sought again that do not come out."""
    if origin.grid.is_enlarged and origin.decoder.upsampling == SCALED:
        return origin
    component = blocks_of(plane, shrunk(plane, origin.grid, origin.decoder.upsampling), origin.grid)
    rows, width = component.guess.shape
    if origin.coefficients.shape[:2] != (rows // SIDE, width // SIDE):
        # It was cut out of a larger one, and goes on beyond a border in blocks of which the plane shows nothing.
        return origin
    inversion = Inversion.of(origin.table, origin.decoder.inverse)
    coefficients = origin.coefficients.copy()
    round_surest(component, inversion, coefficients)
    improve(component, inversion, coefficients)
    return replace(origin, coefficients=coefficients)


def _drawn(plane: Bounded, origin: Origin) -> Plane:
    return origin.draw(plane.samples.shape)[0]


def _cost(seen: Seen, drawn: Sequence[Plane], origins: Sequence[Origin]) -> float:
    """About how many bits coefficients take, and colours that do not come out of them; what is painted takes little."""
    made = reached(list(drawn), seen.conversion)
    missed = np.logical_or.reduce([a != b for a, b in zip(made, seen.samples, strict=True)])
    cost = float(MISSED_BITS * np.count_nonzero(missed & ~seen.covered))
    for origin in origins:
        sizes = np.minimum(np.abs(origin.coefficients[origin.coefficients != 0]), MOST_SIZE)
        cost += float(SIZE_BITS[sizes].sum()) / BIT_PARTS
    return cost
