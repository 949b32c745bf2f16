"""How a JPEG decoder made luminance, or the only plane: its steps show; an encoder's affair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sofc.jpeg.bounds import Bounded
from sofc.jpeg.clipping import find_by_trial
from sofc.jpeg.dct import ACCURATE, INVERSES, LARGEST, Decoder, Grid
from sofc.jpeg.origin import Origin, Steps
from sofc.jpeg.solve import loss_of
from sofc.jpeg.steps import GUESS_BITS, LEAST_EVIDENCE, Sight, find_places
from sofc.jpeg.tables import fine_tables, is_known
from sofc.jpeg.trial import CONVINCING, Candidate, Look, Trial, bands_of, best_of, exact_of, likely_of

EXACT_LUMINANCE, SURELY_EXACT, CLEARLY_MORE = 0.3, 0.9, 0.1
"""Share of blocks that come out whole, of those that are not flat, from which on steps are right, and from which on the
inverse transform is, too; by how much it is larger by the right one, or at least by half of what is left."""
SURELY_EXACT_COARSE, COARSE_STEP = 0.97, 16
"""The same as SURELY_EXACT where half of the steps are as coarse: what jpeg-decoder made at qualities 32 and 41 comes
out by the accurate one, too, but for 0.04 to 0.09 of blocks."""
LEAST_TRIED = 0.1
"""The same of all that is looked at, of steps that were found by trial. Of drawings and text with colours 0.13 to 0.38
by the right ones, of such that were no JPEG data 0 to 0.08: where black and white may be anything, few blocks are
enough to come out by chance."""
EXACT_TWICE = 0.6
"""The same from which on fine steps are right that do not show. Of an image of PH2, which was JPEG data before, coded
at quality 98, 0.93 come out by that, 0.68 and 0.63 by qualities 99 and 100."""


def find_luminance(plane: Bounded) -> Origin | None:
    """How luminance came about; None where no steps show."""
    guess = plane.samples << GUESS_BITS
    unknown = ~plane.known | (plane.samples == 0) | (plane.samples == LARGEST)
    sight = Sight.of(guess, unknown)
    grids = [Grid(1, 1, *place) for place in find_places(sight)]
    look = Look.at(list(bands_of([plane])), Grid(1, 1, 0, 0), Decoder())
    candidates = [
        Candidate(one.evidence, True, grid, one.table, look) for grid in grids for one in likely_of([sight], grid)
    ]
    best = best_of([one for one in candidates if one.evidence >= LEAST_EVIDENCE])
    if (
        best is None
        or best.exact < EXACT_LUMINANCE
        or (best.exact < EXACT_TWICE and not is_known(best.origins[0].table))
    ):
        laid = find_by_trial(plane, unknown)
        tried = None if laid is None else look.trial(*laid, best)
        if laid is not None and tried is not None and tried.exact >= LEAST_TRIED:
            best = tried
            candidates.append(Candidate(0, True, *laid, look))
    if best is None:
        return None
    best = _of_twice_coded(look, best)
    tables = [one.table for one in candidates if one.grid == best.origins[0].grid]
    return _by_another(look, best, tables).origins_of([plane])[0]


def _of_twice_coded(look: Look, best: Trial) -> Trial:
    """What comes of luminance by fine steps, where hardly anything does by those that show: of an image that was JPEG
    data twice, those of the first time do."""
    if best.exact >= EXACT_LUMINANCE:
        return best
    sample = look.telling(best)
    table = max(fine_tables(), key=lambda table: exact_of(sample, [table]))
    if exact_of(sample, [table]) < EXACT_TWICE:
        return best
    finer = look.trial(best.origins[0].grid, table)
    # Anything comes out by steps of 1: what that takes decides, too.
    return finer if finer is not None and finer.exact >= EXACT_TWICE and finer.bits < best.bits else best


def _by_another(look: Look, best: Trial, tables: Sequence[Steps]) -> Trial:
    """What comes of luminance by the inverse transform that suits best, where the accurate one leaves a doubt."""
    if _is_sure(best):
        return best
    if best.share >= CONVINCING or best.exact >= EXACT_LUMINANCE:
        tables = [best.origins[0].table]
    grid = best.origins[0].grid
    least = _above(best.exact, CLEARLY_MORE)
    sample = look.telling(best)
    few = exact_of(sample, tables)
    least_few = _above(few, CLEARLY_MORE / 2)
    for inverse in range(ACCURATE + 1, INVERSES if few < 1 else 0):
        if exact_of(sample._replace(decoder=Decoder(inverse)), tables) < least_few:
            continue
        other = look._replace(decoder=Decoder(inverse))
        trials = [other.trial(grid, table, best) for table in tables]
        clear = [trial for trial in trials if trial is not None and trial.exact >= least]
        best = min((best, *clear), key=lambda trial: trial.bits)
        if _is_sure(best):
            break
    origin = best.origins[0]
    if origin.decoder.inverse == ACCURATE or is_known(origin.table):
        return best
    # What an inverse transform takes off means hides their steps from a look that expects the accurate one.
    other = look._replace(decoder=origin.decoder)
    likely = likely_of(other.sights(), grid, loss=loss_of(origin.decoder.inverse))
    trials = [other.trial(grid, one.table, best) for one in likely]
    return min((best, *filter(None, trials)), key=lambda trial: trial.bits)


def _is_sure(trial: Trial) -> bool:
    """Whether so many blocks come out whole as only by the right inverse transform."""
    is_coarse = np.median(trial.origins[0].table) >= COARSE_STEP
    return trial.exact >= (SURELY_EXACT_COARSE if is_coarse else SURELY_EXACT)


def _above(exact: float, more: float) -> float:
    """The least share of blocks that come out whole by the right inverse transform, where so many do by another."""
    return min(exact + more, (1 + exact) / 2)
