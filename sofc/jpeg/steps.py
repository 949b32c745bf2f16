"""Where blocks lie and which steps their coefficients are multiples of, from samples alone: an encoder's affair.

Cosine transforms of the right blocks lie near multiples of the steps, with the noise that rounding samples left behind;
those of other blocks lie anywhere. How much likelier steps make what is seen, in bits, is added up for each coefficient
and each step: of places, tables and samplings alike, the one that explains the most is the likeliest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.jpeg.dct import BASIS, MIDDLE, SIDE, SIZE
from sofc.jpeg.origin import Steps, standard_tables
from sofc.jpeg.tables import known_tables, with_equal_mean
from sofc.planes import Plane

GUESS_BITS = 4
"""Guessed samples are in 1/2**GUESS_BITS."""
FINE_BITS = 10
"""Coefficients before they are rounded are in 1/2**FINE_BITS."""
REST_BITS = 4
"""Distances to multiples of a step are told apart in 1/2**REST_BITS ..."""
FARTHEST = 31
"""... and no more beyond this."""
NOISE, GUESS_NOISE = 0.31, 0.55
"""Standard deviation of coefficients whose samples were rounded, the square root of 1/12 and some more, and of those
whose samples are guessed, too."""
NEAR = 20
"""What is seen near 0 is as likely with any step up to where the bell has fallen to one in so many."""
TRUSTED = 0.75
"""Share of coefficients that are where they belong: others are of blocks that were painted over, clipped, cut."""
UNIT = 16
"""Likelihood is counted in 1/UNIT bits."""
FLAT = 3
"""Where the samples of a block differ no more, rounding leaves patterns."""
SAMPLE_BLOCKS, ALL_BLOCKS = 64, 2048
"""Blocks that are looked at for each place of the grid, and then for the table of steps."""
MORE_BLOCKS = 8 * SAMPLE_BLOCKS
"""Blocks that are looked at where those show steps, but not clearly at one place."""
MOST_UNKNOWN = 12
"""Samples of a block that may be unknown where blocks without any are few."""
MOST_STEP, LARGEST_STEP = 48, 255
STAGES = ((SAMPLE_BLOCKS, 0), (SAMPLE_BLOCKS, MOST_UNKNOWN), (MORE_BLOCKS, MOST_UNKNOWN), (MORE_BLOCKS, 3 * SIZE // 4))
"""How many blocks are looked at for each place of the grid, with how many unknown samples, until one is clear."""
LIKELY_PLACES = 16
"""Of so many places, those for which most speaks so far, more blocks are looked at."""
LARGEST_SIZE = 128
"""Of larger coefficients, it is only their distance to multiples that tells."""
LEAST_EVIDENCE = 14 * UNIT
"""What steps explain less than this is chance."""
HINT = 8 * UNIT
"""What is less than this where so many blocks are looked at is not worth looking at more."""
CLEAR = 2
"""The right place of the grid explains so many times as much as the others."""
OBVIOUS, HALF_A_BLOCK = 4 * LEAST_EVIDENCE, (4, 4 * SIDE, 4 * SIDE + 4)
"""A place that explains so much is the right one, if it is clearer than those half a block off, whose numbers differ by
such bits. Of images of DRIVE, BCCD, ISIC and malaria cells the right ones explain 2300 to 23000, others a tenth."""
EDGES = 256
"""Rows and columns in the middle of a plane whose edges tell which places of the grid to look at first."""
MOST_PLACES = 3
"""Places of the grid that are looked at closely where it is not clear."""
FEW = 4
"""One in so many blocks or less are few; so many steps are not."""
MOST_TABLES, CLOSE = 4, 10
"""So many known tables are likely, of those that explain not so many bits less than the best."""
STEP_BITS, TABLE_BITS = 8, 12
"""What the choice of one step takes, and that of a table."""
SPREAD, MOST_WEIGHT = 4, 32
"""What it takes more for a step to be twice as large or small as in tables that are alike; a step counts for so many
bits when such are sought."""

C1, C2, C3, C4, C5, C6, C7 = (int(size) for size in BASIS[1:, 0])
"""What BASIS consists of, but for signs."""
HASH = np.array([3**k for k in range(SIDE)], np.int64).repeat(SIDE) * np.tile([5**k for k in range(SIDE)], SIDE)
Gains = npt.NDArray[np.int32]
"""[coefficient, step]: by how much a step explains what is seen of a coefficient, in 1/UNIT bits; step 0 is none."""
Mask = npt.NDArray[np.bool_]


class Likelihoods(NamedTuple):
    """In 1/UNIT bits, step 0 stands for none: ``near`` [size in 1/2**REST_BITS, step] of coefficients below
    LARGEST_SIZE; ``far`` [distance to a multiple in 1/2**REST_BITS, step] of others."""

    near: Table[np.int16]
    far: Table[np.int16]


@cache
def _likelihoods(most: int, noise: float) -> Likelihoods:
    """How much likelier coefficients are multiples of a step, up to ``most``, with ``noise``, than anywhere."""
    step = np.arange(1, most + 1) << REST_BITS
    size = np.arange(LARGEST_SIZE << REST_BITS)[:, None]
    multiple = (2 * size + step) // (2 * step)
    rest = np.minimum(np.abs(size - multiple * step), FARTHEST)
    places = np.arange(FARTHEST + 1)[:, None] + (np.arange(-3, 4) << REST_BITS) * np.arange(1, most + 1)[:, None, None]
    bells = np.exp(-((places / (noise * (1 << REST_BITS))) ** 2) / 2)
    match = bells.sum(axis=2) * np.arange(1, most + 1)[:, None] / (noise * np.sqrt(2 * np.pi))
    # Near the multiple 0 coefficients lie anyway.
    zero = np.minimum(1, NEAR * np.sqrt(bells[0, :, 3]))
    density = np.where(multiple > 0, match[np.arange(most), rest], zero[rest])
    gains, far = np.zeros((len(size), most + 1), np.int16), np.zeros((FARTHEST + 1, most + 1), np.int16)
    gains[:, 1:] = np.rint(UNIT * np.log2(TRUSTED * density + 1 - TRUSTED))
    far[:, 1:] = np.rint(UNIT * np.log2(TRUSTED * match.T + 1 - TRUSTED))
    return Likelihoods(gains, far)


@inlined
def _forward_line(values: Vector[np.int64], start: int, step: int) -> None:
    """Multiply eight numbers by BASIS in place: what is alike in its halves, and in theirs, once."""
    s0, d0 = values[start] + values[start + 7 * step], values[start] - values[start + 7 * step]
    s1, d1 = values[start + step] + values[start + 6 * step], values[start + step] - values[start + 6 * step]
    s2, d2 = values[start + 2 * step] + values[start + 5 * step], values[start + 2 * step] - values[start + 5 * step]
    s3, d3 = values[start + 3 * step] + values[start + 4 * step], values[start + 3 * step] - values[start + 4 * step]
    even, odd, outer, inner = s0 + s3, s1 + s2, s0 - s3, s1 - s2
    values[start] = C4 * (even + odd)
    values[start + 4 * step] = C4 * (even - odd)
    values[start + 2 * step] = C2 * outer + C6 * inner
    values[start + 6 * step] = C6 * outer - C2 * inner
    values[start + step] = C1 * d0 + C3 * d1 + C5 * d2 + C7 * d3
    values[start + 3 * step] = C3 * d0 - C7 * d1 - C1 * d2 - C5 * d3
    values[start + 5 * step] = C5 * d0 - C1 * d1 + C7 * d2 + C3 * d3
    values[start + 7 * step] = C7 * d0 - C5 * d1 + C3 * d2 - C1 * d3


@kernel
def forward(work: Vector[np.int64], fine: Vector[np.int64]) -> None:
    """The cosine transform of 64 samples less MIDDLE, in 1/2**GUESS_BITS, to coefficients in 1/2**FINE_BITS."""
    for row in range(SIDE):
        _forward_line(work, SIDE * row, 1)
    for i in range(SIZE):
        work[i] = (work[i] + 64) >> 7
    for column in range(SIDE):
        _forward_line(work, column, SIDE)
    for i in range(SIZE):
        fine[i] = (work[i] + (1 << 12)) >> 13


@kernel
def list_blocks(
    unknown: Table[np.int32],
    contrast: Table[np.int32],
    top: int,
    left: int,
    most_unknown: int,
    places: Table[np.int64],
) -> int:
    """List the blocks of a plane from ``top``, ``left`` on that have at most so many unknown samples and are not nearly
    flat, by the sums that ``Sight`` has: their rows and columns, in ``places`` (blocks, 2). Returns of how many."""
    count = 0
    for row in range(top, unknown.shape[0] - SIDE, SIDE):
        for column in range(left, unknown.shape[1] - SIDE, SIDE):
            few = _block_sum(unknown, row, column) <= most_unknown
            if few and _block_sum(contrast, row, column) > FLAT * SIDE:
                places[count, 0], places[count, 1] = row, column
                count += 1
    return count


@inlined
def _block_sum(sums: Table[np.int32], row: int, column: int) -> int:
    """What the sums over all above and to the left come to in a block."""
    whole = int(sums[row + SIDE, column + SIDE]) + int(sums[row, column])
    return whole - int(sums[row, column + SIDE]) - int(sums[row + SIDE, column])


class Looked(NamedTuple):
    """Blocks that are looked at: their ``places`` (blocks, row and column), and the coefficients ``found`` of some,
    (blocks, 64), in 1/2**FINE_BITS; scratch: ``hashes`` of as many, ``work`` (2, 64)."""

    places: Table[np.int64]
    found: Table[np.int32]
    hashes: Vector[np.int64]
    work: Table[np.int64]


@kernel
def transform(guess: Table[np.int32], blocks: int, room: Looked) -> int:
    """Fill ``room.found`` with the coefficients of the first ``blocks`` of ``room.places``. Returns of how many.

    Nearly flat blocks are passed over, and of blocks that are alike but for their brightness all but the first: the
    others, of drawings, say nothing more.
    """
    places, found, hashes = room.places, room.found, room.hashes
    samples, fine = room.work[0], room.work[1]
    count = 0
    for block in range(blocks):
        top, left = places[block, 0], places[block, 1]
        first = np.int64(guess[top, left])
        least, greatest, own = first, first, np.int64(0)
        for i in range(SIZE):
            sample = np.int64(guess[top + (i >> 3), left + (i & 7)])
            samples[i] = sample - (MIDDLE << GUESS_BITS)
            least, greatest = min(least, sample), max(greatest, sample)
            own += (sample - first) * HASH[i]
        is_known = greatest - least <= FLAT << GUESS_BITS
        for other in range(count):
            is_known = is_known or hashes[other] == own
        if is_known:
            continue
        forward(samples, fine)
        for i in range(SIZE):
            found[count, i] = fine[i]
        hashes[count] = own
        count += 1
    return count


@kernel
def weigh(
    found: Table[np.int32], blocks: int, likelihoods: Likelihoods, gains: Table[np.int32], tails: Table[np.int32]
) -> int:
    """Fill ``gains`` (64, steps) with what ``likelihoods`` say of the coefficients of the first ``blocks``.

    The coefficients are in 1/2**FINE_BITS. ``tails`` (64, steps) is filled with by how much gains differ from there on:
    to steps more than twice as large, of which it is nearest to 0, a coefficient says the same. Returns 0.
    """
    sizes, steps = likelihoods.near.shape
    farthest = likelihoods.far.shape[0] - 1
    for i in range(SIZE):
        for step in range(steps):
            gains[i, step] = tails[i, step] = 0
    for block in range(blocks):
        for i in range(SIZE):
            size = abs(int(found[block, i])) >> (FINE_BITS - REST_BITS)
            gained = gains[i]
            if size < sizes:
                line = likelihoods.near[size]
                last = min(steps, (2 * size >> REST_BITS) + 1)
                for step in range(last):
                    gained[step] += line[step]
                if last < steps:
                    tails[i, last] += line[last]
                continue
            for step in range(1, steps):
                unit = step << REST_BITS
                rest = size % unit
                gained[step] += likelihoods.far[min(min(rest, unit - rest), farthest), step]
    for i in range(SIZE):
        total = 0
        for step in range(steps):
            total += tails[i, step]
            gains[i, step] += total
    return 0


class Sight(NamedTuple):
    """What is seen of a plane: ``guess``, its samples in 1/2**GUESS_BITS, and sums over all above and to the left,
    (rows + 1, width + 1): of those that are ``unknown``, and of how much neighbours differ, ``contrast``."""

    guess: Table[np.int32]
    unknown: Table[np.int32]
    contrast: Table[np.int32]

    @classmethod
    def of(cls, guess: Plane, unknown: Mask) -> Sight:
        """That of guessed samples, some of which are not known."""
        own, contrast = np.zeros((2, guess.shape[0] + 1, guess.shape[1] + 1), np.int32)
        sight = cls(np.ascontiguousarray(guess), own, contrast)
        add_up(sight, np.ascontiguousarray(unknown).view(np.uint8))
        return sight

    def blocks(self, top: int, left: int, most: int, most_unknown: int = 0) -> npt.NDArray[np.int32]:
        """Coefficients of at most so many blocks spread over the plane from ``top``, ``left`` on, in 1/2**FINE_BITS.

        Blocks with more unknown samples are passed over, nearly flat ones, and of those that are alike all but
        one. Shape (blocks, 64).
        """
        room = self.room(top, left, most)
        return room.found[: look(self, top, left, most_unknown, room)]

    def room(self, top: int, left: int, most: int) -> Looked:
        """Where these are looked at."""
        rows, width = self.guess.shape
        count = max(0, rows - top) // SIDE * (max(0, width - left) // SIDE)
        places, found = np.empty((count, 2), np.int64), np.empty((min(count, most), SIZE), np.int32)
        return Looked(places, found, np.empty(len(found), np.int64), np.empty((2, SIZE), np.int64))


@kernel
def look(sight: Sight, top: int, left: int, most_unknown: int, room: Looked) -> int:
    """Fill ``room.found`` with coefficients as ``Sight.blocks`` says. Returns of how many blocks."""
    places, most = room.places, room.found.shape[0]
    count = list_blocks(sight.unknown, sight.contrast, top, left, most_unknown, places)
    for chosen in range(most if count > most else 0):
        place = chosen * count // most
        places[chosen, 0], places[chosen, 1] = places[place, 0], places[place, 1]
    return transform(sight.guess, min(count, most), room)


@kernel
def add_up(sight: Sight, unknown: Table[np.uint8]) -> int:
    """Fill the sums of a sight, zeros, of a plane of which samples are ``unknown`` (1). Returns 0."""
    guess, (rows, width) = sight.guess, sight.guess.shape
    for y in range(rows):
        own = contrast = np.int32(0)
        for x in range(width):
            own += unknown[y, x]
            change = abs(guess[y, x] - guess[y, x - 1]) if x > 0 else np.int32(0)
            change += abs(guess[y, x] - guess[y - 1, x]) if y > 0 else np.int32(0)
            contrast += change >> GUESS_BITS
            sight.unknown[y + 1, x + 1] = sight.unknown[y, x + 1] + own
            sight.contrast[y + 1, x + 1] = sight.contrast[y, x + 1] + contrast
    return 0


def gains_of(found: npt.NDArray[np.int32], most: int = LARGEST_STEP, noise: float = NOISE) -> Gains:
    """How much each step up to ``most`` explains of coefficients of blocks, but for ``noise``."""
    gains, tails = np.empty((2, SIZE, most + 1), np.int32)
    weigh(found, len(found), _likelihoods(most, noise), gains, tails)
    return gains


@kernel
def explain(gains: Table[np.int32], tables: Table[np.int64], explained: Vector[np.int64]) -> int:
    """Fill in what each of ``tables`` (tables, 64) explains by ``gains`` (64, steps): steps beyond those nothing.
    Returns the most that one does, 0 at least."""
    steps, most = gains.shape[1], 0
    for number in range(tables.shape[0]):
        total = 0
        for i in range(SIZE):
            step = tables[number, i]
            total += gains[i, step if step < steps else 0]
        explained[number] = total
        most = max(most, total)
    return most


class Weighing(NamedTuple):
    """How places of the grid are weighed: by ``likelihoods`` and the standard ``tables`` (tables, 64). Scratch: the
    ``room`` where their blocks are looked at, ``blocks`` (1,), how many these are, ``gains`` and ``tails`` (64, steps),
    and what each table has ``explained``."""

    likelihoods: Likelihoods
    tables: Table[np.int64]
    room: Looked
    blocks: Vector[np.int64]
    gains: Table[np.int32]
    tails: Table[np.int32]
    explained: Vector[np.int64]

    @classmethod
    def of(cls, sight: Sight, most: int) -> Weighing:
        """That of a plane, of so many blocks at most."""
        tables = standard_tables()
        gains, tails = np.empty((2, SIZE, MOST_STEP + 1), np.int32)
        scratch = sight.room(0, 0, most), np.zeros(1, np.int64), gains, tails, np.empty(len(tables), np.int64)
        return cls(_likelihoods(MOST_STEP, NOISE), tables, *scratch)


@kernel
def weigh_place(sight: Sight, place: int, most_unknown: int, weighing: Weighing) -> int:
    """How much a table explains at best of blocks that lie as the number of a place says, with so many unknown samples
    each at most."""
    room, gains = weighing.room, weighing.gains
    blocks = look(sight, -(place // SIDE) % SIDE, -place % SIDE, most_unknown, room)
    weighing.blocks[0] = blocks
    weigh(room.found, blocks, weighing.likelihoods, gains, weighing.tails)
    return evidence(gains, weighing.tables, weighing.explained)


@kernel
def evidence(gains: Table[np.int32], tables: Table[np.int64], explained: Vector[np.int64]) -> int:
    """How much one of the tables explains at best, or steps each by itself. ``explained``: as ``explain`` has it."""
    free = 0
    for i in range(SIZE):
        most = STEP_BITS * UNIT
        for step in range(1, gains.shape[1]):
            most = max(most, int(gains[i, step]))
        free += most - STEP_BITS * UNIT
    return max(free, explain(gains, tables, explained) - TABLE_BITS * UNIT)


@cache
def _logs_of_similar() -> npt.NDArray[np.float64]:
    """Logarithms of the same and of others that are about like those of encoders, (tables, 64)."""
    logs: npt.NDArray[np.float64] = np.log2(known_tables()[0])
    return logs


class Likely(NamedTuple):
    """A table and how much it explains, in 1/UNIT bits."""

    evidence: int
    table: Steps


def likely_tables(found: npt.NDArray[np.int32], noise: float, hint: Steps | None = None) -> list[Likely]:
    """Tables of blocks: ``hint``, where there is one to be expected; the known tables that explain the most; and the
    first of these with other steps where such explain clearly more of the blocks that it fits."""
    gains = gains_of(found, noise=noise)
    known, is_for_chrominance = known_tables()
    explained = _explained(gains, known) - TABLE_BITS * UNIT
    if hint is None:
        # Luminance hardly ever has a table that is meant for chrominance.
        explained[is_for_chrominance] -= TABLE_BITS * UNIT
    order = np.argsort(-explained, kind="stable")[:MOST_TABLES]
    likely = [Likely(int(explained[k]), known[k]) for k in order if explained[k] > explained[order[0]] - CLOSE * UNIT]
    first = likely[0].table
    if hint is not None:
        hints = with_equal_mean(hint)
        likely = [one for one in likely if all((one.table != table).any() for table in hints)]
        likely[:0] = [Likely(*each) for each in zip(_explained(gains, np.stack(hints)).tolist(), hints, strict=True)]
    fitting = _fitting(found, first, noise)
    if len(fitting) < len(found):
        gains = gains_of(fitting, noise=noise)
    own = _explained_each(gains, first)
    # Blocks that none fits speak against neither this nor what is compared with it.
    of_fitting = int(own.sum()) - TABLE_BITS * UNIT
    likely = [one._replace(evidence=max(one.evidence, of_fitting)) if one.table is first else one for one in likely]
    free = gains[:, 1:] - STEP_BITS * UNIT
    if (free.max(axis=1) > own).any():
        likely.append(Likely(int(np.maximum(free.max(axis=1), own).sum()), _mixed(gains, first)))
    return _each_once(likely)


def _each_once(likely: Sequence[Likely]) -> list[Likely]:
    """Without tables that stand before, too."""
    found: dict[bytes, Likely] = {}
    for one in likely:
        found.setdefault(one.table.tobytes(), one)
    return list(found.values())


def _mixed(gains: Gains, first: Steps) -> Steps:
    """A table with steps of its own: near those of some table, of which most are not seen for themselves."""
    own = _explained_each(gains, first)
    free = gains[:, 1:] - STEP_BITS * UNIT
    is_other = free.max(axis=1) > np.maximum(own, 0)
    seen: Steps = np.where(is_other, free.argmax(axis=1) + 1, first)
    weights = np.clip(np.maximum(own, free.max(axis=1)), 0, MOST_WEIGHT * UNIT)
    logs = _logs_of_similar()
    away = np.abs(logs - np.log2(seen)) @ weights
    centre = logs[int(away.argmin())]
    each = np.log2(np.arange(1, gains.shape[1]))
    costs = np.minimum(each + SPREAD * np.abs(each - centre[:, None]), 2 * STEP_BITS)
    chosen: Steps = (gains[:, 1:] - np.rint(UNIT * costs)).argmax(axis=1) + 1
    return chosen if np.count_nonzero(is_other) >= FEW else np.where((own > 0) & ~is_other, first, chosen)


def _fitting(found: npt.NDArray[np.int32], table: Steps, noise: float) -> npt.NDArray[np.int32]:
    """The blocks that a table does not speak against, where they are not few; all where they are."""
    fitting = found[_fits(found, table, noise) > -STEP_BITS * UNIT]
    return fitting if FEW * len(fitting) >= len(found) else found


def _fits(found: npt.NDArray[np.int32], table: Steps, noise: float) -> npt.NDArray[np.int64]:
    """How much a table explains of each block, where coefficients are not large."""
    likelihoods = _likelihoods(LARGEST_STEP, noise).near
    sizes = np.minimum(np.abs(found) >> (FINE_BITS - REST_BITS), len(likelihoods) - 1)
    fits: npt.NDArray[np.int64] = likelihoods.take(sizes * likelihoods.shape[1] + table).sum(axis=1, dtype=np.int64)
    return fits


def fit(found: npt.NDArray[np.int32], table: Steps, noise: float) -> int:
    """How much a table explains of blocks, where coefficients are not large."""
    return int(_fits(found, table, noise).sum())


def _explained_each(gains: Gains, table: Steps) -> Gains:
    most = gains.shape[1] - 1
    result: Gains = gains[np.arange(SIZE), np.minimum(table, most)]
    return result


def _explained(gains: Gains, tables: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What each of the tables explains."""
    explained = np.empty(len(tables), np.int64)
    explain(gains, tables, explained)
    return explained


Explain = Callable[[int, int, int], tuple[int, int]]
"""Of the number of a place, how many blocks to look at and how many unknown samples each may have: how much steps
explain, and how many blocks were looked at."""


def _by_edges(guess: Plane) -> list[int]:
    """The numbers of all places of the grid: first those where, in the middle of a plane, neighbours on either side of
    blocks most often differ more than those beside them do."""
    top, left = (max(0, size - EDGES) // 2 & -SIDE for size in guess.shape)
    counts = np.zeros((2, SIDE), np.int64)
    count_edges(guess, top, left, counts)
    return [int(place) for place in np.argsort(-np.add.outer(*counts).ravel(), kind="stable")]


@kernel
def count_edges(guess: Table[np.int32], top: int, left: int, counts: Table[np.int64]) -> int:
    """Add to ``counts`` (2, 8), in EDGES rows and columns from such on, the edges above rows and those before columns,
    each at the place of the grid where a block begins there. Returns 0."""
    end, last = min(top + EDGES, guess.shape[0]), min(left + EDGES, guess.shape[1])
    for y in range(top, end):
        for x in range(left, last):
            here = guess[y, x]
            if top + 2 <= y < end - 1:
                change = abs(here - guess[y - 1, x])
                if change > abs(guess[y - 1, x] - guess[y - 2, x]) and change > abs(guess[y + 1, x] - here):
                    counts[0, (top - y) % SIDE] += 1
            if left + 2 <= x < last - 1:
                change = abs(here - guess[y, x - 1])
                if change > abs(guess[y, x - 1] - guess[y, x - 2]) and change > abs(guess[y, x + 1] - here):
                    counts[1, (left - x) % SIDE] += 1
    return 0


def _obvious_place(guess: Plane, explain: Explain) -> int | None:
    """The first place that steps leave no doubt of: what lies half a block off shows the most of other places, but for
    smooth images, where what lies beside it does."""
    for place in dict.fromkeys([0, *_by_edges(guess)]):  # first that of images which nothing was cut off
        largest, _ = explain(place, SAMPLE_BLOCKS, 0)
        if largest >= OBVIOUS:
            others = max(explain(place ^ away, SAMPLE_BLOCKS, 0)[0] for away in HALF_A_BLOCK)
            if largest >= 2 * CLEAR * others:
                beside = max(explain(other, SAMPLE_BLOCKS, 0)[0] for other in _places_beside(place))
                if largest >= CLEAR * beside:
                    return place
    return None


def _places_beside(place: int) -> list[int]:
    """The four a row or column off."""
    row, column = divmod(place, SIDE)
    near = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    return [SIDE * (down % SIDE) + across % SIDE for down, across in near]


def find_places(sight: Sight) -> list[tuple[int, int]]:
    """Places of a plane's first sample in the grid of 8 x 8 that steps make likely, the likeliest first."""

    weighing = {most: Weighing.of(sight, most) for most in (SAMPLE_BLOCKS, MORE_BLOCKS)}

    @cache
    def weighed(place: int, most: int, most_unknown: int) -> tuple[int, int]:
        room = weighing[most]
        return weigh_place(sight, place, most_unknown, room), int(room.blocks[0])

    obvious = _obvious_place(sight.guess, weighed)
    if obvious is not None:
        return [divmod(obvious, SIDE)]
    explained = np.zeros(SIZE, np.int64)
    places = np.arange(SIZE)
    is_known = not sight.unknown[-1, -1]
    seen = MORE_BLOCKS
    for most, most_unknown in STAGES:
        if (is_known and (most, most_unknown) in STAGES[1::2]) or (
            (most, most_unknown) == STAGES[2] and seen < SAMPLE_BLOCKS
        ):
            continue  # the same blocks as before
        seen = 0
        if most > SAMPLE_BLOCKS:
            places = np.argsort(-explained, kind="stable")[:LIKELY_PLACES]
            explained[np.setdiff1d(np.arange(SIZE), places)] = 0
        for place in places:
            explained[place], count = weighed(int(place), most, most_unknown)
            seen = max(seen, count)
        order = np.argsort(-explained, kind="stable")[:MOST_PLACES]
        largest, next_largest = explained[order[:2]]
        if largest >= LEAST_EVIDENCE and largest >= CLEAR * next_largest:
            return [divmod(int(order[0]), SIDE)]
        if seen == most and largest < HINT:
            return []
    return [divmod(int(place), SIDE) for place in order if explained[place] >= max(LEAST_EVIDENCE, largest // CLEAR)]
