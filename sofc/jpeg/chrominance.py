"""How a JPEG decoder made Cb and Cr, if luminance is known: what they may have been enlarged from shows.

An encoder's affair alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sofc.jpeg.blockwise import COUNTS, Judged, columns_of, judge
from sofc.jpeg.bounds import Bounded
from sofc.jpeg.cut import Sides, may_go_on
from sofc.jpeg.dct import (
    ACCURATE,
    FAST,
    FINE,
    HALVES,
    NARROW,
    REPLICATED,
    SCALED,
    SHORT,
    SHORTER,
    SIDE,
    STEPWISE,
    TRIANGLE,
    Decoder,
    Grid,
)
from sofc.jpeg.origin import Origin, Steps
from sofc.jpeg.steps import GUESS_NOISE, LEAST_EVIDENCE, fit
from sofc.jpeg.subsampling import FACTORS, REPEATED_FACTORS, match
from sofc.jpeg.tables import table_beside, with_equal_mean
from sofc.jpeg.trial import (
    CONVINCING,
    OBVIOUS,
    OBVIOUS_BLOCKS,
    Candidate,
    Look,
    Trial,
    bands_of,
    best_of,
    blocks_in,
    middle_of,
)

LEAST_MATCH, REPEATED = 0.5, 0.97
"""Share of samples that come out again of a component they were enlarged from, for that to be tried; the same of one
whose samples were repeated more than twice."""
OBVIOUS_MATCH, OBVIOUS_AT_ALL, COARSE_STEP = 0.9, 0.2, 4
"""An enlargement that so much comes out of is tried first by itself, and gone on with if such a share of blocks that
are not flat come out whole; it is the one if OBVIOUS of them do, and half of the steps are as coarse."""
APART = 0.04
"""Planes may have been sampled differently where so much less comes out of one than of the other. Of files with such
sampling it is 0.06 and more, of others mostly 0.03 and less."""
CUT_GAIN = 0.99
"""Planes were cut out of larger ones if they take so much less by that at least: what lies beyond a border may be
anything, and brings some blocks there out by chance."""
MOST_CUT_GAIN = 1 / 3
"""No more is gained of what blocks at these borders take. Of 40 crops of BCCD, ISIC and DRIVE of 64 x 64 to 343 x 299
it was 0.33 at most, and 0.2 of all but one."""
UPSAMPLINGS_OF = {
    ACCURATE: (TRIANGLE, REPLICATED, SCALED),
    FAST: (TRIANGLE, REPLICATED),
    SHORT: (HALVES, REPLICATED),
    SHORTER: (STEPWISE, REPLICATED),
    NARROW: (FINE, REPLICATED),
}
"""Kinds of upsampling that go with an inverse transform, the likeliest first; with others samples are repeated."""


def find_chrominance(planes: Sequence[Bounded], first: Origin) -> list[Origin]:
    """How the planes of chrominance came about, if luminance came about like that: hardly ever by different sampling,
    so that they tell of it together."""
    together, may_differ = _find_alike(planes, first)
    # So many blocks together may be those of one of them alone.
    if not may_differ or all(
        _is_obvious(*each, OBVIOUS_BLOCKS // len(planes)) for each in zip(planes, together, strict=True)
    ):
        return together
    apart = [origin for plane in planes for origin in _find_alike([plane], first)[0]]
    if len({_sides(origin.grid) for origin in apart}) > 1:
        return together
    return min(together, apart, key=lambda origins: _judged(planes, origins).bits)


def _is_obvious(plane: Bounded, origin: Origin, blocks: int) -> bool:
    """Whether so many blocks of a plane come out whole, and such a share, that it was enlarged like that."""
    judged = _judged([plane], [origin])
    return judged.exact >= max(blocks, OBVIOUS.get(origin.grid[:2], 2) * judged.busy)


def _sides(grid: Grid) -> tuple[int, ...]:
    """Where blocks begin, and beyond which sides a component goes on: a stream says it of all together."""
    return *grid[2:], grid.top == SIDE * grid.down, grid.left == SIDE * grid.across


def _find_alike(planes: Sequence[Bounded], first: Origin) -> tuple[list[Origin], bool]:
    """How planes came about that were sampled alike, and whether they may have been sampled otherwise."""
    hint = table_beside(first.table)
    bands = list(bands_of(planes))
    middle = middle_of(planes, bands)
    grids = [Grid(*factors, *first.grid.corner) for factors in FACTORS]
    inverse = first.decoder.inverse
    kind, *others = UPSAMPLINGS_OF.get(inverse, (REPLICATED, TRIANGLE))
    usual = [Look.at(middle, grid, Decoder(inverse, kind)) for grid in grids]
    each = {look.grid: _matched_each(look) for look in usual if look.grid.is_enlarged}
    may_differ = any(min(found) < max(found) - APART and max(found) >= OBVIOUS_MATCH for found in each.values())
    matches = {grid: min(found) for grid, found in each.items()}
    obvious = _obvious(bands, usual, matches, hint)
    if obvious is not None:
        return _cut_out(planes, obvious), may_differ
    usual = [look for look in usual if matches.get(look.grid, 1) >= LEAST_MATCH]
    for factors in REPEATED_FACTORS:
        look = Look.at(middle, Grid(*factors, *first.grid.corner), Decoder(inverse, REPLICATED))
        usual += [look] if _matched(look) >= REPEATED else []
    best = best_of(_candidates(bands, usual, hint))
    is_sure = best is not None and (best.share >= CONVINCING and (best.origins[0].table == hint).all())
    if best is None or not (is_sure or best.is_exactly_enlarged):
        enlarged = [grid for grid in grids if grid.is_enlarged]
        looks = [Look.at(middle, grid, Decoder(inverse, kind)) for kind in others for grid in enlarged]
        possible = list(filter(_is_possible, looks))
        found = [one for one in (best, best_of(_candidates(bands, possible, hint), best)) if one is not None]
        best = min(found, key=lambda trial: trial.bits)
    return _cut_out(planes, best), may_differ


def _obvious(
    bands: Sequence[Bounded], looks: Sequence[Look], matches: Mapping[Grid, float], hint: Steps
) -> Trial | None:
    """What bands were made from, where the enlargement that most comes out of leaves no doubt; fine steps leave some,
    for anything comes out of these. ``matches``: the share of samples that come out of each of the ``looks``."""
    likeliest = max(matches, key=lambda grid: matches[grid])
    if np.median(hint) < COARSE_STEP or matches[likeliest] < OBVIOUS_MATCH:
        return None
    look = next(look for look in looks if look.grid == likeliest).over(bands)
    sights = look.sights()
    best: Trial | None = None
    for grid in sorted(look.places(), key=lambda grid: -fit(blocks_in(sights, grid)[0], hint, GUESS_NOISE)):
        trial = look.trial(grid, hint, best)
        best = trial if best is None or (trial is not None and trial.bits < best.bits) else best
        if best is not None and best.is_obviously_enlarged:
            break
    if best is None or best.exact < OBVIOUS_AT_ALL:
        return None
    place = best.origins[0].grid
    if best.share >= CONVINCING:
        others = [Candidate(LEAST_EVIDENCE, False, place, table, look) for table in with_equal_mean(hint)[1:]]
    else:
        others = look.candidates(hint, [place], sights)[1:]
    best = min((best, *filter(None, [best_of(others, best)])), key=lambda trial: trial.bits)
    return best if best.is_obviously_enlarged else None


def _candidates(bands: Sequence[Bounded], looks: Sequence[Look], hint: Steps) -> list[Candidate]:
    """What bands may have been made from in ways that may be so in one of them."""
    return [one for look in looks for one in look.over(bands).candidates(hint)]


def _is_possible(look: Look) -> bool:
    return not look.grid.is_enlarged or look.decoder.upsampling == SCALED or _matched(look) >= LEAST_MATCH


def _matched(look: Look) -> float:
    """Share of samples that come out again of the components of a look, where that is least."""
    return min(_matched_each(look))


def _matched_each(look: Look) -> list[float]:
    """Share of samples that come out again of each component of a look."""
    return [match(*piece, look.grid, look.decoder.upsampling) for piece in look.pieces]


def _cut_out(planes: Sequence[Bounded], best: Trial) -> list[Origin]:
    """How planes came about in the way of a trial, and whether they were cut out of larger ones."""
    origins = best.origins_of(planes)
    if not may_go_on(origins[0]):
        return origins
    shape, grid = planes[0].samples.shape, origins[0].grid
    sides = Sides.of(grid, planes, [origin.draw_and_keep(shape) for origin in origins])
    if MOST_CUT_GAIN * sides.share_of(origins) <= 1 - CUT_GAIN:
        return origins
    widened = [sides.widened(plane) for plane in planes]
    cut = [sides.of_plane(origin) for origin in best.at(sides.widened_grid(grid)).origins_of(widened)]
    return cut if _judged(planes, cut).bits < CUT_GAIN * _judged(planes, origins).bits else origins


def _judged(planes: Sequence[Bounded], origins: Sequence[Origin]) -> Judged:
    """What planes take, about, that came about so, and how many of their blocks come out whole."""
    counts = np.zeros(COUNTS, np.int64)
    for plane, origin in zip(planes, origins, strict=True):
        drawn = origin.draw_and_keep(plane.samples.shape)
        judge(plane, drawn, origin.coefficients, origin.grid, columns_of(drawn), counts)
    return Judged.of(counts)
