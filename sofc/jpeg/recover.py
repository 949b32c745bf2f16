"""Finding out how a JPEG decoder made the planes of a band: an encoder's affair alone.

Steps show where blocks lie, what tables are likely and how a plane may have been enlarged; what comes out again of the
coefficients so found, and what these take, decides.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jpeg.agreement import agreed, sure_of
from sofc.jpeg.blockwise import BUSY, COUNTS, EXACT, Judged, blocks_of, judge
from sofc.jpeg.bounds import Bounded, Mask, Seen, around, bounded, informed, match_drawn, painted
from sofc.jpeg.colour import USUAL_CONVERSION, Channels, Conversion, reached
from sofc.jpeg.cut import Sides, may_go_on
from sofc.jpeg.dct import (
    ACCURATE,
    FAST,
    FINE,
    HALVES,
    INVERSES,
    LARGEST,
    MOST_REPEATED,
    NARROW,
    REPLICATED,
    SCALED,
    SHORT,
    SHORTER,
    SIDE,
    SIZE,
    STEPWISE,
    TRIANGLE,
    Coefficients,
    Decoder,
    Grid,
)
from sofc.jpeg.descent import improve
from sofc.jpeg.nearest_plane import round_surest
from sofc.jpeg.origin import CHROMINANCE_TABLES, Origin, Steps, number_of, standard_table
from sofc.jpeg.reduce import scaled_blocks, solve_scaled
from sofc.jpeg.settle import settled
from sofc.jpeg.solve import HOPELESS, Guessed, Inversion, loss_of, scratch, solve
from sofc.jpeg.steps import (
    ALL_BLOCKS,
    GUESS_BITS,
    GUESS_NOISE,
    LEAST_EVIDENCE,
    MOST_UNKNOWN,
    NOISE,
    Likely,
    Sight,
    find_places,
    fine_tables,
    fit,
    is_known,
    likely_tables,
)
from sofc.jpeg.subsampling import FACTORS, REPEATED_FACTORS, Shrunk, match, rounded, shrunk
from sofc.planes import Plane

TRIAL_SAMPLES, BANDS, LEAST_BAND = 1 << 15, 4, 48
"""Candidates are tried on about so many samples of a plane, in bands of rows from all over it."""
LEAST_BREADTH, WIDEST = 128, 8 * MOST_REPEATED
"""Of a band so many columns are tried at least; they begin where the widest blocks may."""
LEAST_MATCH, REPEATED = 0.5, 0.97
"""Share of samples that come out again of a component they were enlarged from, for that to be tried; the same of one
whose samples were repeated more than twice."""
CONVINCING, CLEAR = 0.985, 3
"""Nothing else is tried where so many samples come out and steps explain so many times as much as of other ways."""
MOST_TRIALS, FAINT = 9, 20
"""Candidates of a kind that are tried, likeliest first, if not for the evidence for the best, which is so many times as
much."""
WORSE, WORSE_BITS = 1.25, 2000
"""A trial is given up where the first pieces take so many times as much as those of the best so far, and so many bits
more."""
EXACT_LUMINANCE, SURELY_EXACT, CLEARLY_MORE = 0.3, 0.9, 0.1
"""Share of blocks that come out whole, of those that are not flat, from which on steps are right, and from which on the
inverse transform is, too; by how much it is larger by the right one."""
EXACT_TWICE = 0.6
"""The same from which on fine steps are right that do not show. Of an image of PH2, which was JPEG data before, coded
at quality 98, 0.93 come out by that, 0.68 and 0.63 by qualities 99 and 100."""
TELLING_BLOCKS = 64
"""Rows of blocks with so many that are not flat show which inverse transforms are worth trying."""
UPSAMPLINGS_OF = {
    ACCURATE: (TRIANGLE, REPLICATED, SCALED),
    FAST: (TRIANGLE, REPLICATED),
    SHORT: (HALVES, REPLICATED),
    SHORTER: (STEPWISE, REPLICATED),
    NARROW: (FINE, REPLICATED),
}
"""Kinds of upsampling that go with an inverse transform, the likeliest first; with others samples are repeated."""
EXACT_COLOURS, EXACT_REPEATED = {(2, 2): 0.1, (1, 2): 0.6, (2, 1): 0.6}, 0.6
"""The same for the upsampling of components by such factors: where it is another, far fewer do."""
OBVIOUS_MATCH, OBVIOUS_AT_ALL, OBVIOUS_BLOCKS, COARSE_STEP = 0.9, 0.2, 32, 4
"""An enlargement that so much comes out of is tried first by itself, and gone on with if such a share of blocks that
are not flat come out whole; it is the one if so many do, and OBVIOUS of them, and half of the steps are as coarse."""
OBVIOUS = {(2, 2): 0.3, (1, 2): 0.6, (2, 1): 0.6}
PAINTED = 0.5
"""What may be painted was where fewer samples of it, or beside it, are in blocks of luminance that come out."""
ENOUGH_BLOCKS = 24
"""Where there are fewer, blocks are looked at, too, of which some samples are unknown."""


class Recovered(NamedTuple):
    """How planes came about, those planes as they come out of that as far as they can, and the ``share`` of samples
    that do, of those in blocks that are not flat; what was painted over takes little though it does not.

    ``exact``: of each plane the share of blocks that come out whole, of those that are not flat.
    """

    origins: list[Origin]
    planes: list[Plane]
    share: float
    exact: tuple[float, ...] = ()

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
        origin = _recover_first(plane)
        alone = None if origin is None else come_out(planes[:1], [origin])
        if beside is None or beside.share < CONVINCING or (alone is not None and alone.share >= CONVINCING):
            return alone
        enlarged = come_out(planes[:1], _find_colours([plane], beside.origins[0]))
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
    origins = agreed(guessed, planes[:3], seen, [first, *_find_colours(known, first)])
    return come_out(planes[:3], origins, seen.conversion, seen.covered)


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
    first = _recover_first(guessed[0])
    if first is None:
        return None
    drawn, _ = first.draw(planes[0].shape)
    return _Luminance(guessed, first, drawn, sure_of(guessed[0], drawn, first.grid))


def come_out(
    planes: Sequence[Plane],
    origins: list[Origin],
    conversion: Conversion = USUAL_CONVERSION,
    covered: Mask | None = None,
) -> Recovered:
    """How planes, one or Y, Cb and Cr, came about, as it is known by now; ``covered``: where colours were painted, if
    that is known."""
    drawn = np.stack([origin.draw(planes[0].shape)[0] for origin in origins])
    chosen = np.stack(planes)
    if len(planes) == 1:
        missed = int(np.count_nonzero(drawn != chosen))
    else:
        samples = reached(planes, conversion)
        missed = chosen[0].size - match_drawn(conversion, Channels(*samples), drawn, chosen)
        if missed:
            covered = painted(samples) if covered is None else covered
            missed -= int(np.count_nonzero((chosen[:, covered] != drawn[:, covered]).any(axis=0)))
    exact = [_exact_share(*each) for each in zip(chosen, drawn, origins, strict=True)]
    return Recovered(origins, list(chosen), _share(missed, planes[0]), tuple(exact))


def _exact_share(plane: Plane, drawn: Plane, origin: Origin) -> float:
    """Share of blocks that come out whole, of those that are not flat."""
    counts = np.zeros(COUNTS, np.int64)
    judge(Bounded(plane, plane, plane, plane), drawn, origin.coefficients, origin.grid, counts)
    return int(counts[EXACT]) / max(1, int(counts[BUSY]))


def is_sideways(planes: Sequence[Plane], origin: Origin) -> bool:
    """Whether clearly more blocks of luminance come out whole of planes that are turned on their side, the origin being
    that as they stand: columns and rows were transformed in the other order then.

    ``planes``: one, or Y, Cb, Cr and their correction plane.
    """
    plane = Bounded(*[planes[0]] * 4)
    if len(planes) > 1:
        plane = bounded(planes[:3], Seen.of(planes))[0]
    turned = Bounded(*(np.ascontiguousarray(each.T) for each in plane))
    down, across, top, left = origin.grid[:4]
    table = np.ascontiguousarray(origin.table.reshape(SIDE, SIDE).T).reshape(-1)
    upright = _exact(_Look.at([plane], origin.grid, origin.decoder), [origin.table])
    return _exact(_Look.at([turned], Grid(across, down, left, top), origin.decoder), [table]) > upright + CLEARLY_MORE


class Enlarged(NamedTuple):
    """The share of samples of Cb and Cr that come out again if they were enlarged smoothly, and by which factors."""

    share: float
    factors: tuple[int, int]


def most_enlarged(planes: Sequence[Plane], factors: Iterable[tuple[int, int]]) -> Enlarged:
    """How Cb and Cr come out again if they were enlarged smoothly by the factors that suit best, of some.

    ``planes``: Y, Cb, Cr and their correction plane. It tells orientations apart: how samples are rounded then is not
    symmetric.
    """
    colours = bounded(planes[:3], Seen.of(planes))[1:]
    grids = [Grid(*each, *place) for each in factors if each != (1, 1) for place in np.ndindex(each)]
    return max(Enlarged(min(match(plane, shrunk(plane, grid), grid) for plane in colours), grid[:2]) for grid in grids)


def _share(missed: int, plane: Plane) -> float:
    """Share of the samples in blocks that are not flat that do not belong to the missed: others say nothing."""
    rows, width = (size // SIDE for size in plane.shape)
    lines = plane[: SIDE * rows, : SIDE * width].reshape(rows, SIDE, width * SIDE)
    least, greatest = lines.min(axis=1).reshape(rows, width, SIDE), lines.max(axis=1).reshape(rows, width, SIDE)
    busy = SIZE * int(np.count_nonzero(least.min(axis=2) != greatest.max(axis=2)))
    return max(0.0, 1 - missed / max(1, busy))


def _recover_first(plane: Bounded) -> Origin | None:
    """How luminance came about; None where no steps show."""
    guess = plane.samples << GUESS_BITS
    sight = Sight.of(guess, ~plane.known | (plane.samples == 0) | (plane.samples == LARGEST))
    grids = [Grid(1, 1, *place) for place in find_places(sight)]
    if not grids:
        return None
    bands = list(_bands([plane]))
    look = _Look.at(bands, grids[0], Decoder())
    candidates = [
        _Candidate(one.evidence, True, grid, one.table, look) for grid in grids for one in _likely([sight], grid)
    ]
    best = _best([one for one in candidates if one.evidence >= LEAST_EVIDENCE])
    if best is None:
        return None
    best = _of_twice_coded(look, best)
    tables = [one.table for one in candidates if one.grid == best.origins[0].grid]
    return _by_another(look, best, tables).origins_of([plane])[0]


def _of_twice_coded(look: _Look, best: _Trial) -> _Trial:
    """What comes of luminance by fine steps, where hardly anything does by those that show: of an image that was JPEG
    data twice, those of the first time do."""
    if best.exact >= EXACT_LUMINANCE:
        return best
    sample = look.telling(best)
    table = max(fine_tables(), key=lambda table: _exact(sample, [table]))
    if _exact(sample, [table]) < EXACT_TWICE:
        return best
    finer = look.trial(best.origins[0].grid, table)
    # Anything comes out by steps of 1: what that takes decides, too.
    return finer if finer is not None and finer.exact >= EXACT_TWICE and finer.bits < best.bits else best


def _by_another(look: _Look, best: _Trial, tables: Sequence[Steps]) -> _Trial:
    """What comes of luminance by the inverse transform that suits best, where the accurate one leaves a doubt."""
    if best.exact >= SURELY_EXACT:
        return best
    if best.share >= CONVINCING or best.exact >= EXACT_LUMINANCE:
        tables = [best.origins[0].table]
    least = best.exact + CLEARLY_MORE
    sample = look.telling(best)
    few = _exact(sample, tables)
    for inverse in range(ACCURATE + 1, INVERSES):
        if _exact(sample._replace(decoder=Decoder(inverse)), tables) < few + CLEARLY_MORE / 2:
            continue
        other = look._replace(decoder=Decoder(inverse))
        trials = [other.trial(best.origins[0].grid, table, best) for table in tables]
        clear = [trial for trial in trials if trial is not None and trial.exact >= least]
        best = min((best, *clear), key=lambda trial: trial.bits)
        if best.exact >= SURELY_EXACT:
            break
    return best


def _exact(look: _Look, tables: Sequence[Steps]) -> float:
    """Share of blocks that come out whole with the best of some tables."""
    trials = [look.trial(look.grid, table) for table in tables]
    return max(trial.exact for trial in trials if trial is not None)


class _Look(NamedTuple):
    """Planes, or bands of them, and the components that they were enlarged from, if ``decoder`` made them and ``grid``
    is right: but for the block that their first sample lies in."""

    decoder: Decoder
    grid: Grid
    pieces: list[tuple[Bounded, Shrunk]]

    @classmethod
    def at(cls, planes: Sequence[Bounded], grid: Grid, decoder: Decoder) -> _Look:
        """Planes, all looked at in one way."""
        return cls(decoder, grid, [(plane, shrunk(plane, grid, decoder.upsampling)) for plane in planes])

    def sights(self) -> list[Sight]:
        """The components as evidence is sought in them."""
        return [_sight(plane, component) for plane, component in self.pieces]

    def candidates(self, hint: Steps, grids: Iterable[Grid] = (), sights: Sequence[Sight] = ()) -> list[_Candidate]:
        """Where blocks may begin, anywhere or as ``grids`` say, and the tables that are likely then: at each place
        first those to be expected, which are no guesses. ``sights``: what ``sights`` gave, if it was asked."""
        is_scaled = self.decoder.upsampling == SCALED
        sights = [] if is_scaled else sights or self.sights()
        found = []
        for grid in grids or self.places():
            if is_scaled:
                likely = likely_tables(
                    scaled_blocks([plane for plane, _ in self.pieces], grid, ALL_BLOCKS), NOISE, hint
                )
            else:
                likely = _likely(sights, grid, hint, loss_of(self.decoder.inverse))
            for one in likely:
                is_guess = bool((one.table[1:] != hint[1:]).any())
                found.append(_Candidate(one.evidence, is_guess, grid, one.table, self))
        return found

    def telling(self, best: _Trial) -> _Look:
        """Of a plane that is not enlarged, the rows of blocks that are the least flat, of the piece where most are not,
        as they came out in a trial."""
        busy = [origin.coefficients[..., 1:].any(axis=2) for origin in best.origins]
        piece = max(range(len(busy)), key=lambda number: int(np.count_nonzero(busy[number])))
        counts = np.count_nonzero(busy[piece], axis=1)
        order = np.argsort(-counts, kind="stable")
        enough = int(np.searchsorted(np.cumsum(counts[order]), TELLING_BLOCKS)) + 1
        grid = best.origins[piece].grid
        plane, _ = _busiest(*self.pieces[piece], grid)
        rows = (SIDE * np.sort(order[:enough])[:, None] + np.arange(SIDE)).reshape(-1) - grid.top
        chosen = plane.part(rows[(rows >= 0) & (rows < len(plane.samples))])
        return _Look.at([chosen], grid._replace(top=max(0, -int(rows[0]))), self.decoder)

    def places(self) -> Iterator[Grid]:
        """Where blocks may begin, if those of luminance are where ``grid`` has them."""
        down, across, top, left = self.grid[:4]
        for row, column in np.ndindex(down, across):
            yield self.grid._replace(top=top % SIDE + SIDE * row, left=left % SIDE + SIDE * column)

    def trial(self, grid: Grid, table: Steps, best: _Trial | None = None) -> _Trial | None:
        """What comes of it; None where it soon shows that this takes clearly more than the best did."""
        counts = np.zeros(COUNTS, np.int64)
        components: list[Guessed] = []
        origins: list[Origin] = []
        sizes: list[float] = []
        pieces = [_busiest(*piece, grid) for piece in self.pieces]
        for plane, component in pieces:
            if self.decoder.upsampling == SCALED and grid.is_enlarged:
                origin = solve_scaled(plane, grid, table, self.decoder)
            else:
                components.append(blocks_of(plane, component, grid))
                origin = Origin(grid, table, _solved(components[-1], table, self.decoder), self.decoder)
            drawn, _ = origin.draw(plane.samples.shape)
            judge(plane, drawn, origin.coefficients, origin.grid, counts)
            origins.append(origin)
            sizes.append(Judged.of(counts).bits)
            if best is not None and sizes[-1] > WORSE * best.sizes[len(sizes) - 1] + WORSE_BITS:
                return None
        found, total = Judged.of(counts), sum(plane.samples.size for plane, _ in pieces)
        planes = [plane for plane, _ in pieces]
        return _Trial(found.bits, 1 - found.missed / total, found.exact, found.busy, origins, sizes, planes, components)


class _Candidate(NamedTuple):
    """A place of blocks and a table, and the evidence for both; ``is_guess``: nothing else speaks for the table."""

    evidence: int
    is_guess: bool
    grid: Grid
    table: Steps
    look: _Look


class _Trial(NamedTuple):
    """What planes take, about, in bits, that were made in some way, and the share of samples that come out; how many
    blocks come out whole, of those ``busy_blocks`` that are not flat and tell, as ``Judged`` has it; ``sizes``: what
    those up to each take; ``components``: the samples in blocks that the ``planes`` were solved from."""

    bits: float
    share: float
    exact_blocks: int
    busy_blocks: int
    origins: list[Origin]
    sizes: list[float]
    planes: list[Bounded]
    components: list[Guessed]

    @property
    def exact(self) -> float:
        """Share of blocks that come out whole, of those that are not flat."""
        return self.exact_blocks / max(1, self.busy_blocks)

    @property
    def is_exactly_enlarged(self) -> bool:
        """Whether so many blocks come out whole as only of the right kind of upsampling."""
        factors = self.origins[0].grid[:2]
        return self.exact >= (EXACT_REPEATED if max(factors) > 2 else EXACT_COLOURS.get(factors, 2))

    @property
    def is_obviously_enlarged(self) -> bool:
        """Whether so many blocks come out whole as leave no doubt of their place, either."""
        return self.exact_blocks >= OBVIOUS_BLOCKS and self.exact >= OBVIOUS[self.origins[0].grid[:2]]

    def at(self, grid: Grid) -> _Trial:
        """The same where blocks lie otherwise, not tried."""
        return self._replace(origins=[replace(origin, grid=grid) for origin in self.origins])

    def origins_of(self, planes: Sequence[Bounded]) -> list[Origin]:
        """Those of planes in whole, of which these may be bands."""
        grid, table, decoder = self.origins[0].grid, self.origins[0].table, self.origins[0].decoder
        is_whole = len(planes) == len(self.planes) and all(map(operator.is_, planes, self.planes))
        if decoder.upsampling == SCALED and grid.is_enlarged:
            return self.origins if is_whole else [solve_scaled(plane, grid, table, decoder) for plane in planes]
        if is_whole:
            components, found = self.components, [origin.coefficients for origin in self.origins]
        else:
            components = [blocks_of(plane, shrunk(plane, grid, decoder.upsampling), grid) for plane in planes]
            found = [_solved(component, table, decoder) for component in components]
        if not is_known(table):
            better = settled(components, found, table, decoder.inverse)
            if (better != table).any():
                table, found = better, [_solved(component, better, decoder) for component in components]
        for component, coefficients in zip(components, found, strict=True):
            inversion = Inversion.of(table, decoder.inverse)
            round_surest(component, inversion, coefficients, is_solved=True)
            improve(component, inversion, coefficients)
        return [Origin(grid, table, coefficients, decoder) for coefficients in found]


def _best(candidates: Sequence[_Candidate], rival: _Trial | None = None) -> _Trial | None:
    """The candidate whose planes take the least; of those that take the same, the likelier.

    Those that clearly take more than a ``rival`` are passed over.
    """
    best: _Trial | None = None
    share = 0.0
    strongest = max((one.evidence for one in candidates), default=0)
    for is_guess in (False, True):
        ranked = sorted((one for one in candidates if one.is_guess is is_guess), key=lambda one: -one.evidence)
        for number, candidate in enumerate(ranked):
            if number >= MOST_TRIALS or (best and strongest > FAINT * max(candidate.evidence, LEAST_EVIDENCE)):
                break
            trial = candidate.look.trial(candidate.grid, candidate.table, best or rival)
            if trial is None:
                continue
            best = trial if best is None or trial.bits < best.bits else best
            share = max(share, trial.share)
            others = max((one.evidence for one in ranked[number + 1 :]), default=0)
            is_clear = candidate.evidence > CLEAR * max(others, LEAST_EVIDENCE)
            if trial.share >= CONVINCING and is_clear:
                break
        if best and (share >= CONVINCING or ranked[0].evidence == strongest):
            break
    return best


def _find_colours(planes: Sequence[Bounded], first: Origin) -> list[Origin]:
    """How the planes of chrominance came about, if luminance came about like that."""
    hint = _table_beside(first.table)
    bands = list(_bands(planes))
    middle = bands[len(bands) // 2]
    grids = [Grid(*factors, *first.grid.corner) for factors in FACTORS]
    inverse = first.decoder.inverse
    kind, *others = UPSAMPLINGS_OF.get(inverse, (REPLICATED, TRIANGLE))
    usual = [look for grid in grids if _is_possible(look := _Look.at([middle], grid, Decoder(inverse, kind)))]
    obvious = _obvious(bands, usual, hint)
    if obvious is not None:
        return _cut_out(planes, obvious)
    for factors in REPEATED_FACTORS:
        look = _Look.at([middle], Grid(*factors, *first.grid.corner), Decoder(inverse, REPLICATED))
        usual += [look] if _matched(look) >= REPEATED else []
    best = _best(_candidates(bands, usual, hint))
    is_sure = best is not None and (best.share >= CONVINCING and (best.origins[0].table == hint).all())
    if best is None or not (is_sure or best.is_exactly_enlarged):
        enlarged = [grid for grid in grids if grid.is_enlarged]
        looks = [_Look.at([middle], grid, Decoder(inverse, kind)) for kind in others for grid in enlarged]
        possible = list(filter(_is_possible, looks))
        found = [one for one in (best, _best(_candidates(bands, possible, hint), best)) if one is not None]
        best = min(found, key=lambda trial: trial.bits)
    return _cut_out(planes, best)


def _cut_out(planes: Sequence[Bounded], best: _Trial) -> list[Origin]:
    """How planes came about in the way of a trial, and whether they were cut out of larger ones."""
    origins = best.origins_of(planes)
    if not may_go_on(origins[0]):
        return origins
    shape, grid = planes[0].samples.shape, origins[0].grid
    sides = Sides.of(grid, planes, [origin.draw(shape)[0] for origin in origins])
    if not any(sides):
        return origins
    widened = [sides.widened(plane) for plane in planes]
    cut = [sides.of_plane(origin) for origin in best.at(sides.widened_grid(grid)).origins_of(widened)]
    return min(origins, cut, key=lambda each: _bits(planes, each))


def _bits(planes: Sequence[Bounded], origins: Sequence[Origin]) -> float:
    """About what planes take that came about so."""
    counts = np.zeros(COUNTS, np.int64)
    for plane, origin in zip(planes, origins, strict=True):
        judge(plane, origin.draw(plane.samples.shape)[0], origin.coefficients, origin.grid, counts)
    return Judged.of(counts).bits


def _table_beside(luminance: Steps) -> Steps:
    """The table of chrominance to be expected beside one of luminance."""
    number = number_of(luminance)
    return standard_table(number + CHROMINANCE_TABLES) if 0 < number <= CHROMINANCE_TABLES else luminance


def _obvious(bands: Sequence[Bounded], possible: Sequence[_Look], hint: Steps) -> _Trial | None:
    """What bands were made from, where the enlargement that most comes out of leaves no doubt; fine steps leave some,
    for anything comes out of these."""
    enlarged = [look for look in possible if look.grid.is_enlarged]
    one = max(enlarged, key=_matched, default=None)
    if one is None or np.median(hint) < COARSE_STEP or _matched(one) < OBVIOUS_MATCH:
        return None
    look = _Look.at(bands, one.grid, one.decoder)
    sights = look.sights()
    best: _Trial | None = None
    for grid in sorted(look.places(), key=lambda grid: -fit(_blocks_in(sights, grid)[0], hint, GUESS_NOISE)):
        trial = look.trial(grid, hint, best)
        best = trial if best is None or (trial is not None and trial.bits < best.bits) else best
        if best is not None and best.is_obviously_enlarged:
            break
    if best is None or best.exact < OBVIOUS_AT_ALL:
        return None
    others = look.candidates(hint, [best.origins[0].grid], sights)[1:]
    if best.share >= CONVINCING:
        others = [one for one in others if not one.is_guess]
    best = min((best, *filter(None, [_best(others, best)])), key=lambda trial: trial.bits)
    return best if best.is_obviously_enlarged else None


def _candidates(bands: Sequence[Bounded], looks: Sequence[_Look], hint: Steps) -> list[_Candidate]:
    """What bands may have been made from in ways that may be so in one of them."""
    return [one for look in looks for one in _Look.at(bands, look.grid, look.decoder).candidates(hint)]


def _is_possible(look: _Look) -> bool:
    return not look.grid.is_enlarged or look.decoder.upsampling == SCALED or _matched(look) >= LEAST_MATCH


def _matched(look: _Look) -> float:
    """Share of samples that come out again of the components of a look, where that is least."""
    return min(match(*piece, look.grid, look.decoder.upsampling) for piece in look.pieces)


def _bands(planes: Sequence[Bounded]) -> Iterator[Bounded]:
    """Bands of rows from all over planes, where these are large; they begin where blocks of 16 rows do."""
    rows, width = planes[0].samples.shape
    height = max(LEAST_BAND, TRIAL_SAMPLES // (BANDS * width)) & ~15
    if rows <= BANDS * height:
        yield from planes
        return
    for band in range(BANDS):
        top = (rows - height) * band // (BANDS - 1) & ~15
        yield from (plane.part(slice(top, top + height)) for plane in planes)


def _busiest(plane: Bounded, component: Shrunk, grid: Grid) -> tuple[Bounded, Shrunk]:
    """Of a wide band and its component, the columns where known samples differ most from those beside them: blocks
    there tell most. They begin where blocks of four times as many columns do."""
    rows, width = plane.samples.shape
    breadth = max(LEAST_BREADTH, TRIAL_SAMPLES // (BANDS * rows)) & -WIDEST
    if width < 2 * breadth or (grid.is_enlarged and component.guess.shape[1] * grid.across < width):
        return plane, component
    known = plane.known
    change = np.abs(np.diff(plane.samples, axis=1)) * (known[:, 1:] & known[:, :-1])
    sums = np.concatenate([[0], np.cumsum(change.sum(axis=0))])
    starts = np.arange(0, width - breadth, WIDEST)
    start = int(starts[(sums[starts + breadth - 1] - sums[starts]).argmax()])
    first, last = ((grid.left % grid.across + x) // grid.across for x in (start, start + breadth - 1))
    own = slice(first, last + 1)
    return (
        Bounded(*(np.ascontiguousarray(each[:, start : start + breadth]) for each in plane)),
        Shrunk(np.ascontiguousarray(component.guess[:, own]), np.ascontiguousarray(component.sure[:, own])),
    )


def _sight(plane: Bounded, component: Shrunk) -> Sight:
    """A component as evidence is sought in it: what is nearly whole is taken to be."""
    guess, sure = component
    near = rounded(guess)
    guess = np.where(np.abs(guess - (near << GUESS_BITS)) <= 1 << (GUESS_BITS - 2), near << GUESS_BITS, guess)
    return Sight.of(guess, (sure < 1) | (near == 0) | (near == LARGEST))


def _likely(sights: Sequence[Sight], grid: Grid, hint: Steps | None = None, loss: int = 0) -> list[Likely]:
    """The likely tables of components whose blocks lie like that, and whose means lost so much."""
    found, are_known = _blocks_in(sights, grid)
    found[:, 0] += loss
    return likely_tables(found, NOISE if are_known and not grid.is_enlarged else GUESS_NOISE, hint)


def _blocks_in(sights: Sequence[Sight], grid: Grid) -> tuple[npt.NDArray[np.int32], bool]:
    """Coefficients of blocks that lie like that, with unknown samples only where others are few; whether all samples
    are known."""
    row, column = grid.corner
    for most_unknown in (0, MOST_UNKNOWN, 3 * SIZE // 4):
        found = np.concatenate(
            [sight.blocks(-row % SIDE, -column % SIDE, ALL_BLOCKS // len(sights), most_unknown) for sight in sights]
        )
        if len(found) >= ENOUGH_BLOCKS:
            break
    return found, most_unknown == 0


def _solved(component: Guessed, table: Steps, decoder: Decoder) -> Coefficients:
    """The coefficients of a component in whole blocks, with these steps and by that decoder."""
    rows, width = component.guess.shape
    coefficients: Coefficients = np.zeros((rows // SIDE, width // SIDE, SIZE), np.int32)
    solve(component, Inversion.of(table, decoder.inverse), HOPELESS, coefficients, scratch())
    return coefficients
