"""Y, Cb and Cr of colours that were cut, found by turns: what is sure of some tells of the others, an encoder's affair.

Where a channel is 0 or 255, colours say little of each component, but much of one when the others are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sofc.jpeg.blockwise import BIT_PARTS, blocks_of, coefficient_bits, columns_of, mark_whole
from sofc.jpeg.bounds import Bounded, Mask, Seen, around, bounded, clipped
from sofc.jpeg.colour import reached
from sofc.jpeg.cross_component import informed
from sofc.jpeg.dct import SCALED, SIDE, SIZE, Grid
from sofc.jpeg.descent import improve
from sofc.jpeg.origin import Origin
from sofc.jpeg.solve import HOPELESS, Inversion, Solved, scratch, solve_again
from sofc.jpeg.subsampling import shrunk
from sofc.planes import Plane

TURNS, LEAST_GAIN = 3, 0.02
"""How often what is known of all components is told each of them, at most, while that saves such a share."""
MISSED_BITS = 16
"""About what it takes to correct a colour."""
LEAST_TOLD = 1 / 100
"""Of what images take, about, the share at least of colours that were cut and do not come out though Cb and Cr are
sure: where they are fewer nothing is told. Of five images each of DRIVE and ISIC, 1/400 saves 0.5 and 0.2 % more and
takes 1.4 and 1.1 times as long to encode; of blown-out photographs it saves 0.1 to 0.4 %."""
SOFT = 0.5
"""Share of what lies around painted samples that does not come out, at least, where edges are soft: of cells that were
cut out along hard edges up to 0.17."""
WIDENINGS, FEW_FURTHER = 3, 0.01
"""How often edges are taken to reach farther, and the share of what is covered that has to be added for that."""


class Drawn(NamedTuple):
    """How Y, Cb and Cr came about, what comes of that, where colours do not come out of it that are not painted, and
    about the bits that it takes."""

    origins: list[Origin]
    planes: list[Plane]
    missed: Mask
    bits: float

    @classmethod
    def of(cls, seen: Seen, origins: Sequence[Origin]) -> Drawn:
        """What comes of these origins."""
        planes = [origin.draw_and_keep(seen.covered.shape) for origin in origins]
        made = reached(planes, seen.conversion)
        missed: Mask = np.logical_or.reduce([a != b for a, b in zip(made, seen.samples, strict=True)]) & ~seen.covered
        bits = float(MISSED_BITS * np.count_nonzero(missed))
        for origin in origins:
            bits += coefficient_bits(origin.coefficients) / BIT_PARTS
        return cls(list(origins), planes, missed, bits)


def agreed(planes: Sequence[Bounded], shown: Sequence[Plane], seen: Seen, origins: Sequence[Origin]) -> Drawn:
    """How Y, Cb and Cr, ``shown``, came about, from what was found of each of them and of what is seen of them.

    ``planes``: the same as ``bounded`` has them.
    """
    found = Drawn.of(seen, origins)
    if not found.missed.any():
        return found
    found = _by_turns(planes, seen, found)
    wider = seen.without_edges()
    edges = wider.covered & ~seen.covered
    if np.count_nonzero(found.missed & edges) < max(1, SOFT * np.count_nonzero(edges)):
        return found
    other, best = found, found
    for _ in range(WIDENINGS):
        other = _by_turns(bounded(shown, wider), wider, Drawn.of(wider, other.origins), is_new=True)
        best = min(best, Drawn.of(seen, other.origins), key=lambda each: each.bits)
        # Where edges reach farther, blocks do not come out, nor do the samples next to what is covered.
        further = around(wider.covered) & Drawn.of(wider, other.origins).missed
        if np.count_nonzero(further) < FEW_FURTHER * np.count_nonzero(wider.covered):
            break
        wider = wider.covering(wider.covered | further)
    return best


def _by_turns(planes: Sequence[Bounded], seen: Seen, best: Drawn, *, is_new: bool = False) -> Drawn:
    """The same for planes bounded by what is seen; ``is_new``: that says more than was known when they were found."""
    for _ in range(TURNS):
        if not is_new and not _is_told(planes, seen, best):
            break
        found = best
        for parts in ((0,), (1, 2)):
            sure = [mask & (number not in parts) for number, mask in enumerate(_sure(planes, found))]
            known = informed(planes, seen, found.planes, sure)
            mend = [mended(known[k], one) if k in parts else one for k, one in enumerate(found.origins)]
            found = Drawn.of(seen, mend)
        least, best = best.bits, min(best, found, key=lambda each: each.bits)
        if best.bits > (1 - LEAST_GAIN) * least:
            break
    return best


def _is_told(planes: Sequence[Bounded], seen: Seen, drawn: Drawn) -> bool:
    """Whether enough colours were cut and do not come out though Cb and Cr are sure."""
    told, least = drawn.missed & clipped(seen.samples), LEAST_TOLD * drawn.bits
    if MISSED_BITS * np.count_nonzero(told) < least:
        return False
    for number, is_told_by in ((1, True), (2, True), (0, False)):
        made, origin = drawn.planes[number], drawn.origins[number]
        told &= sure_of(planes[number], made, origin.grid) == is_told_by
        if MISSED_BITS * np.count_nonzero(told) < least:
            return False
    return True


def _sure(planes: Sequence[Bounded], drawn: Drawn) -> list[Mask]:
    three = zip(planes, drawn.planes, drawn.origins, strict=True)
    return [sure_of(plane, made, origin.grid) for plane, made, origin in three]


def sure_of(plane: Bounded, drawn: Plane, grid: Grid) -> Mask:
    """Where all samples of a block come out of its coefficients."""
    whole = np.empty(drawn.shape, np.uint8)
    mark_whole(plane, drawn, grid, columns_of(drawn), whole)
    return whole.view(np.bool_)


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
    found = Solved.unsolved(origin.coefficients.copy())
    solve_again(component, inversion, HOPELESS, found, scratch(), np.zeros(SIZE, np.int32))
    improve(component, inversion, found)
    return replace(origin, coefficients=found.coefficients)
