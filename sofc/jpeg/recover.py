"""Finding out how a JPEG decoder made the planes of a band: an encoder's affair alone.

Steps show where blocks lie, what tables are likely and how a plane may have been enlarged; what comes out again of the
coefficients so found, and what these take, decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sofc.jpeg.agreement import Drawn, agreed, sure_of
from sofc.jpeg.blockwise import COUNTS, Judged, columns_of, judge
from sofc.jpeg.bounds import Bounded, Mask, Seen, around, bounded, painted
from sofc.jpeg.chrominance import find_chrominance
from sofc.jpeg.colour import USUAL_CONVERSION, Channels, Conversion, reached
from sofc.jpeg.cross_component import informed, match_drawn
from sofc.jpeg.dct import SIDE, SIZE
from sofc.jpeg.luminance import find_luminance
from sofc.jpeg.origin import Origin
from sofc.jpeg.trial import CONVINCING, OBVIOUS
from sofc.planes import Plane

WHOLE = 0.95
"""Share of blocks that come out whole of a plane that was not enlarged."""
PAINTED = 0.5
"""What may be painted was where fewer samples of it, or beside it, are in blocks of luminance that come out."""


class Recovered(NamedTuple):
    """How planes came about, those planes as they come out of that as far as they can, and the ``share`` of samples
    that do, of those in blocks that are not flat; what was painted over takes little though it does not.

    ``exact``: of each plane the share of blocks that come out whole, of those that are not flat, and, where they are
    enough, of which all samples are known.
    """

    origins: list[Origin]
    planes: list[Plane]
    share: float
    exact: tuple[float, ...] = ()

    def is_whole_on(self, beside: Recovered) -> bool:
        """Whether a plane was not enlarged: nearly all comes out, in whole blocks, of blocks that lie as its
        neighbour's. Of one that was, samples do by fine steps."""
        lies_alike = self.origins[0].grid == beside.origins[0].grid
        return lies_alike and self.share >= CONVINCING and self.exact[0] >= WHOLE

    @property
    def is_exactly_enlarged(self) -> bool:
        """Whether components have fewer samples than luminance, and so many of their blocks come out whole as only
        where they were enlarged like that: samples were not mirrored or inverted then."""
        grids = [origin.grid for origin in self.origins[1:]]
        return all(
            exact >= OBVIOUS.get(grid[:2], 2) for exact, grid in zip(self.exact[1:], grids, strict=True)
        ) and bool(grids)


def recover_planes(planes: Sequence[Plane], modelled: int, beside: Recovered | None = None) -> Recovered | None:
    """How the first ``modelled`` planes (samples 0-255) came about, 1 or 3; None where JPEG left no trace.

    Three planes are Y, Cb and Cr, with a correction plane behind them or not: what converts to the same samples is as
    good. ``beside``: how one plane's neighbour came about, of which it may be a chrominance as it was decoded.
    """
    if modelled == 1:
        plane = Bounded(*[np.ascontiguousarray(planes[0])] * 4)
        origin = find_luminance(plane)
        alone = None if origin is None else come_out(planes[:1], [origin])
        if beside is None or beside.share < CONVINCING or (alone is not None and alone.is_whole_on(beside)):
            return alone
        enlarged = come_out(planes[:1], find_chrominance([plane], beside.origins[0]))
        return enlarged if alone is None or enlarged.share > alone.share else alone
    covering = Seen.of(planes)
    # What is not black may have been decoded like that, as white paper next to ink: if so, blocks come out at its edge.
    seen = covering.with_black_alone()
    luminance = _of_luminance(planes, seen)
    if seen is not covering and (luminance is None or luminance.shows_paint(covering.covered & ~seen.covered)):
        seen = covering
        luminance = _of_luminance(planes, seen)
    if luminance is None:
        return None
    guessed, first, made, sure = luminance
    drawn, unsure = [made, *(plane.samples for plane in guessed[1:])], np.zeros_like(sure)
    known = informed(guessed, seen, drawn, [sure, unsure, unsure])[1:]
    found = agreed(guessed, planes[:3], seen, [first, *find_chrominance(known, first)])
    return _come_out_as(planes[:3], guessed, found, seen)


class _Luminance(NamedTuple):
    """Y, Cb and Cr as they are bounded by what is seen, how Y came about, what comes of that, and where whole blocks
    come out."""

    planes: list[Bounded]
    origin: Origin
    drawn: Plane
    sure: Mask

    def shows_paint(self, covered: Mask) -> bool:
        """Whether what may be painted was: fewer than half of its samples are in blocks that come out, or of those
        beside it."""
        beside = around(covered) & ~covered
        return any(mask.any() and self.sure[mask].mean() < PAINTED for mask in (covered, beside))


def _of_luminance(planes: Sequence[Plane], seen: Seen) -> _Luminance | None:
    """What is found of Y first; None where no steps show."""
    guessed = bounded(planes[:3], seen)
    first = find_luminance(guessed[0])
    if first is None:
        return None
    drawn = first.draw_and_keep(planes[0].shape)
    return _Luminance(guessed, first, drawn, sure_of(guessed[0], drawn, first.grid))


def come_out(
    planes: Sequence[Plane],
    origins: list[Origin],
    conversion: Conversion = USUAL_CONVERSION,
) -> Recovered:
    """How planes, one or Y, Cb and Cr, came about, as it is known by now."""
    drawn = [origin.draw_and_keep(planes[0].shape) for origin in origins]
    if len(planes) == 1:
        return _recovered(planes, _known(planes), origins, drawn, int(np.count_nonzero(drawn[0] != planes[0])))
    samples = reached(planes, conversion)
    nothing: Mask = np.zeros(planes[0].shape, np.bool_)
    seen = Seen(samples, painted(samples), conversion, nothing)
    return _come_out_as(planes, _known(planes), Drawn(origins, drawn, nothing, 0), seen)


def _known(planes: Sequence[Plane]) -> list[Bounded]:
    return [Bounded(*[np.ascontiguousarray(plane)] * 4) for plane in planes]


def _come_out_as(planes: Sequence[Plane], within: Sequence[Bounded], found: Drawn, seen: Seen) -> Recovered:
    """The same of Y, Cb and Cr of which it is known within which bounds they lie, what comes of their origins, and what
    is seen of them."""
    drawn, chosen = Channels(*found.planes), np.stack(planes)
    room = np.empty(chosen.shape[2], np.int32)
    missed = chosen[0].size - match_drawn(seen.conversion, Channels(*seen.samples), drawn, chosen, room)
    if missed:
        differs = np.logical_or.reduce([own != made for own, made in zip(chosen, drawn, strict=True)])
        missed -= int(np.count_nonzero(differs & seen.covered))
    return _recovered(list(chosen), within, found.origins, found.planes, missed)


def _recovered(
    planes: Sequence[Plane],
    within: Sequence[Bounded],
    origins: list[Origin],
    drawn: Sequence[Plane],
    missed: int,
) -> Recovered:
    exact = tuple(_exact_share(*each) for each in zip(within, drawn, origins, strict=True))
    return Recovered(origins, list(planes), _share(missed, planes[0]), exact)


def _exact_share(plane: Bounded, drawn: Plane, origin: Origin) -> float:
    """Share of blocks that come out whole, as ``Recovered.exact`` has it."""
    counts = np.zeros(COUNTS, np.int64)
    judge(plane, drawn, origin.coefficients, origin.grid, columns_of(drawn), counts)
    found = Judged.of(counts)
    return found.exact / max(1, found.busy)


def _share(missed: int, plane: Plane) -> float:
    """Share of the samples in blocks that are not flat that do not belong to the missed: others say nothing."""
    return max(0.0, 1 - missed / max(1, busy_samples(plane)))


def busy_samples(plane: Plane) -> int:
    """How many samples of a plane are in blocks that are not flat."""
    rows, width = (size // SIDE for size in plane.shape)
    lines = plane[: SIDE * rows, : SIDE * width].reshape(rows, SIDE, width * SIDE)
    least, greatest = lines.min(axis=1).reshape(rows, width, SIDE), lines.max(axis=1).reshape(rows, width, SIDE)
    return SIZE * int(np.count_nonzero(least.min(axis=2) != greatest.max(axis=2)))
