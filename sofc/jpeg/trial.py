"""Trials of lattices: what comes out again of planes, or bands of them, if their blocks lie so and have such steps: an
encoder's affair.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jpeg.blockwise import COUNTS, Judged, blocks_of, columns_of, judge
from sofc.jpeg.bounds import Bounded
from sofc.jpeg.dct import LARGEST, MOST_REPEATED, SCALED, SIDE, SIZE, Decoder, Grid
from sofc.jpeg.descent import improve
from sofc.jpeg.origin import Origin, Steps
from sofc.jpeg.reduce import scaled_blocks, solve_scaled
from sofc.jpeg.settle import settled
from sofc.jpeg.solve import Guessed, Inversion, Solved, loss_of
from sofc.jpeg.steps import (
    ALL_BLOCKS,
    GUESS_BITS,
    GUESS_NOISE,
    LEAST_EVIDENCE,
    MOST_UNKNOWN,
    NOISE,
    Likely,
    Sight,
    likely_tables,
)
from sofc.jpeg.subsampling import Shrunk, rounded, shrunk
from sofc.jpeg.tables import completed, is_known

TRIAL_SAMPLES, BANDS, LEAST_BAND = 1 << 15, 4, 48
"""Candidates are tried on about so many samples of a plane, in bands of rows from all over it."""
LEAST_BREADTH, WIDEST = 128, 8 * MOST_REPEATED
"""Of a band so many columns are tried at least; they begin where the widest blocks may."""
CONVINCING, CLEAR = 0.985, 3
"""Nothing else is tried where so many samples come out and steps explain so many times as much as of other ways."""
MOST_TRIALS, FAINT = 9, 20
"""Candidates of a kind that are tried, likeliest first, if not for the evidence for the best, which is so many times as
much."""
WORSE, WORSE_BITS = 1.25, 2000
"""A trial is given up where the first pieces take so many times as much as those of the best so far, and so many bits
more."""
TELLING_BLOCKS = 64
"""Rows of blocks with so many that are not flat show which inverse transforms are worth trying."""
EXACT_COLOURS, EXACT_REPEATED = {(2, 2): 0.1, (1, 2): 0.6, (2, 1): 0.6}, 0.6
"""Share of blocks of components enlarged by such factors that come out whole, of those that are not flat, from which on
the upsampling is right: where it is another, far fewer do."""
OBVIOUS, OBVIOUS_BLOCKS = {(2, 2): 0.3, (1, 2): 0.6, (2, 1): 0.6}, 12
"""The same from which on it is beyond doubt, if they are so many blocks. Of 210 crops of BCCD, ISIC and DRIVE of 40 to
140 rows and columns and 60 cells of malaria-cells, 24 come out smaller than with 32, none larger: of few blocks what
they take tells less."""
ENOUGH_BLOCKS = 24
"""Where there are fewer, blocks are looked at, too, of which some samples are unknown."""


class Look(NamedTuple):
    """Planes, or bands of them, and the components that they were enlarged from, if ``decoder`` made them and ``grid``
    is right: but for the block that their first sample lies in."""

    decoder: Decoder
    grid: Grid
    pieces: list[tuple[Bounded, Shrunk]]

    @classmethod
    def at(cls, planes: Sequence[Bounded], grid: Grid, decoder: Decoder) -> Look:
        """Planes, all looked at in one way."""
        return cls(decoder, grid, [(plane, shrunk(plane, grid, decoder.upsampling)) for plane in planes])

    def over(self, planes: Sequence[Bounded]) -> Look:
        """The same of planes some of which were looked at already."""
        seen = {id(plane): (plane, component) for plane, component in self.pieces}
        rest = [plane for plane in planes if id(plane) not in seen]
        seen |= {id(piece[0]): piece for piece in Look.at(rest, self.grid, self.decoder).pieces}
        return self._replace(pieces=[seen[id(plane)] for plane in planes])

    def sights(self) -> list[Sight]:
        """The components as evidence is sought in them."""
        return [_sight(plane, component) for plane, component in self.pieces]

    def candidates(self, hint: Steps, grids: Iterable[Grid] = (), sights: Sequence[Sight] = ()) -> list[Candidate]:
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
                likely = likely_of(sights, grid, hint, loss_of(self.decoder.inverse))
            for one in likely:
                is_guess = bool((one.table[1:] != hint[1:]).any())
                found.append(Candidate(one.evidence, is_guess, grid, one.table, self))
        return found

    def telling(self, best: Trial) -> Look:
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
        return Look.at([chosen], grid._replace(top=max(0, -int(rows[0]))), self.decoder)

    def places(self) -> Iterator[Grid]:
        """Where blocks may begin, if those of luminance are where ``grid`` has them."""
        down, across, top, left = self.grid[:4]
        for row, column in np.ndindex(down, across):
            yield self.grid._replace(top=top % SIDE + SIDE * row, left=left % SIDE + SIDE * column)

    def trial(self, grid: Grid, table: Steps, best: Trial | None = None) -> Trial | None:
        """What comes of it; None where it soon shows that this takes clearly more than the best did."""
        counts = np.zeros(COUNTS, np.int64)
        components: list[Guessed] = []
        solved: list[Solved] = []
        origins: list[Origin] = []
        sizes: list[float] = []
        pieces = [_busiest(*piece, grid) for piece in self.pieces]
        inversion = Inversion.of(table, self.decoder.inverse)
        for plane, component in pieces:
            if self.decoder.upsampling == SCALED and grid.is_enlarged:
                origin = solve_scaled(plane, grid, table, self.decoder)
            else:
                components.append(blocks_of(plane, component, grid))
                solved.append(Solved.of(components[-1], inversion))
                origin = Origin(grid, table, solved[-1].coefficients, self.decoder)
            drawn, _ = origin.draw(plane.samples.shape)
            judge(plane, drawn, origin.coefficients, origin.grid, columns_of(drawn), counts)
            origins.append(origin)
            sizes.append(Judged.of(counts).bits)
            if best is not None and sizes[-1] > WORSE * best.sizes[len(sizes) - 1] + WORSE_BITS:
                return None
        found, total = Judged.of(counts), sum(plane.samples.size for plane, _ in pieces)
        planes, share = [plane for plane, _ in pieces], 1 - found.missed / total
        return Trial(found.bits, share, found.exact, found.busy, origins, sizes, planes, components, solved)


class Candidate(NamedTuple):
    """A place of blocks and a table, and the evidence for both; ``is_guess``: nothing else speaks for the table."""

    evidence: int
    is_guess: bool
    grid: Grid
    table: Steps
    look: Look


class Trial(NamedTuple):
    """What planes take, about, in bits, that were made in some way, and the share of samples that come out; how many
    blocks come out whole, of those ``busy_blocks`` that are not flat and tell, as ``Judged`` has it; ``sizes``: what
    those up to each take; ``components``: the samples in blocks that the ``planes`` were ``solved`` from."""

    bits: float
    share: float
    exact_blocks: int
    busy_blocks: int
    origins: list[Origin]
    sizes: list[float]
    planes: list[Bounded]
    components: list[Guessed]
    solved: list[Solved]

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

    def at(self, grid: Grid) -> Trial:
        """The same where blocks lie otherwise, not tried."""
        return self._replace(origins=[replace(origin, grid=grid) for origin in self.origins])

    def origins_of(self, planes: Sequence[Bounded]) -> list[Origin]:
        """Those of planes in whole, of which these may be bands."""
        grid, table, decoder = self.origins[0].grid, self.origins[0].table, self.origins[0].decoder
        is_whole = len(planes) == len(self.planes) and all(map(operator.is_, planes, self.planes))
        if decoder.upsampling == SCALED and grid.is_enlarged:
            return self.origins if is_whole else [solve_scaled(plane, grid, table, decoder) for plane in planes]
        inversion = Inversion.of(table, decoder.inverse)
        if is_whole:
            components, found = self.components, self.solved
        else:
            components = [blocks_of(plane, shrunk(plane, grid, decoder.upsampling), grid) for plane in planes]
            found = [Solved.of(component, inversion) for component in components]
        if not is_known(table):
            better = settled(components, [one.coefficients for one in found], table, decoder.inverse)
            if (better != table).any():
                table, inversion = better, Inversion.of(better, decoder.inverse)
                found = [Solved.of(component, inversion) for component in components]
        for component, one in zip(components, found, strict=True):
            improve(component, inversion, one)
        table = completed(table, [one.coefficients for one in found])
        return [Origin(grid, table, one.coefficients, decoder) for one in found]


def best_of(candidates: Sequence[Candidate], rival: Trial | None = None) -> Trial | None:
    """The candidate whose planes take the least; of those that take the same, the likelier.

    Those that clearly take more than a ``rival`` are passed over.
    """
    best: Trial | None = None
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


def exact_of(look: Look, tables: Sequence[Steps]) -> float:
    """Share of blocks that come out whole with the best of some tables."""
    trials = [look.trial(look.grid, table) for table in tables]
    return max(trial.exact for trial in trials if trial is not None)


def bands_of(planes: Sequence[Bounded]) -> Iterator[Bounded]:
    """Bands of rows from all over planes, where these are large; they begin where blocks of 16 rows do."""
    rows, height = len(planes[0].samples), _band_height(planes)
    if rows <= BANDS * height:
        yield from planes
        return
    for band in range(BANDS):
        top = (rows - height) * band // (BANDS - 1) & ~15
        yield from (plane.part(slice(top, top + height)) for plane in planes)


def middle_of(planes: Sequence[Bounded], bands: Sequence[Bounded]) -> Sequence[Bounded]:
    """Of each plane a band from its middle: one of ``bands`` where ``bands_of`` gave such, else cut out."""
    if len(bands) > len(planes):
        first = len(bands) // 2 // len(planes) * len(planes)
        return bands[first : first + len(planes)]
    rows, height = len(planes[0].samples), _band_height(planes)
    top = max(0, rows - height) // 2 & ~15
    return [plane.part(slice(top, top + height)) for plane in planes] if rows > height else planes


def _band_height(planes: Sequence[Bounded]) -> int:
    width = planes[0].samples.shape[1]
    return int(max(LEAST_BAND, TRIAL_SAMPLES // (BANDS * width))) & ~15


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


def likely_of(sights: Sequence[Sight], grid: Grid, hint: Steps | None = None, loss: int = 0) -> list[Likely]:
    """The likely tables of components whose blocks lie like that, and whose means lost so much."""
    found, are_known = blocks_in(sights, grid)
    found[:, 0] += loss
    return likely_tables(found, NOISE if are_known and not grid.is_enlarged else GUESS_NOISE, hint)


def blocks_in(sights: Sequence[Sight], grid: Grid) -> tuple[npt.NDArray[np.int32], bool]:
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
