"""The tokens of a block, coded in the context of what usual encoders would choose.

Spec appendix-kept-files/tokens
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import BROKEN, code_bypass
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector
from sofc.keepfile.tokens.alphabet import LONGEST, SHORTEST, WINDOW
from sofc.keepfile.tokens.costs import (
    BIT,
    DEAR,
    Costs,
    best_of_stair,
    distance_code,
    literal_cost,
    match_cost,
    nearest_distance,
)
from sofc.keepfile.tokens.matches import BY_THREE, MOST_COMPARED, SPAN, Matches, match_length, slot
from sofc.keepfile.tokens.models import (
    BEST,
    DISTANCES,
    FULL,
    MATCHES,
    RANKS,
    SHORTFALLS,
    STAIRS,
    Models,
    code_decision,
    code_number,
    code_size,
    set_contexts,
)

AFTER_MATCH, AFTER_LITERAL, AFTER_CHOICE = range(3)
"""What the token before was: a match; a literal, where no match was found; a literal in place of one."""
_SIZES = 12
_RANKS = 255
"""Matches that are gone through for one that is not the nearest."""


@inlined
def _size_class(length: int) -> int:
    """Roughly how long a match is, 0 to 11."""
    if length < 11:
        return length - SHORTEST
    if length < 32:
        return 8 if length < 18 else 9
    return 10 if length < LONGEST else 11


class Run(NamedTuple):
    """What tokens are coded with. ``tokens`` (SPAN + 1,): those of the span, and their number. ``judged`` (1,): where
    the places end that have costs."""

    matches: Matches
    costs: Costs
    models: Models
    tokens: Vector[np.int32]
    judged: Vector[np.int64]


MOST_EXCESS = 11


@inlined
def _excess_class(excess: int) -> int:
    """Roughly how much more something costs, 0 to MOST_EXCESS."""
    if excess < 2 * BIT:
        return 0 if excess <= 0 else 1 + (excess - 1) // (BIT // 2)
    if excess < 6 * BIT:
        return 5 + (excess - 2 * BIT) // BIT
    return 9 if excess < 9 * BIT else 10 if excess < 14 * BIT else MOST_EXCESS


@inlined
def _regret(place: int, run: Run) -> int:
    """How much more a literal costs than the best match, as a class 0 to 2 * MOST_EXCESS."""
    more = literal_cost(place, run.matches, run.costs) - int(run.costs.least[slot(place)])
    return MOST_EXCESS + (_excess_class(more) if more >= 0 else -_excess_class(-more))


@kernel
def code_tokens(encode: bool, start: int, stop: int, end: int, after: int, run: Run) -> int:
    """Code the tokens from ``start`` on that begin before ``stop``, in a block that ends at ``end``.

    ``after``: what stands before them. Returns ``4 * (where the next begins) + after``, or BROKEN; the number of
    tokens stands in the last place of ``run.tokens``.
    """
    tokens = run.tokens
    place, number = start, 0
    while place < stop:
        token = int(tokens[number]) if encode else 0
        if _code_kind(encode, 1 if token > 0 else 0, place, after, run):
            token = _code_match(encode, token, place, _expected(place, after, run), run)
            if token < 0:
                return BROKEN
            length = min(LONGEST, token >> 15)
            if length < SHORTEST or length > end - place or (token & 0x7FFF) >= place:
                return BROKEN
            after = AFTER_MATCH
            place += length
        else:
            after = AFTER_CHOICE if run.matches.counts[slot(place)] > 0 else AFTER_LITERAL
            place += 1
        tokens[number] = token
        number += 1
    tokens[SPAN] = number
    return 4 * place + after


@inlined
def _expected(place: int, after: int, run: Run) -> int:
    """The longest match that is looked for at a place, as a token; 0 for none."""
    count = run.matches.counts[slot(place)] if place < run.judged[0] else 0
    if count > 0 and after == AFTER_CHOICE:
        return int(run.matches.hasty[slot(place)])
    return int(run.matches.stairs[slot(place), count - 1]) if count > 0 else 0


@inlined
def _score(length: int, near: int, other: int) -> int:
    """How much better another match is than one of so many bytes: four for each byte, and one for each halving of the
    distance."""
    return 4 * ((other >> 15) - length) + near - (distance_code(other & 0x7FFF) >> 1)


@kernel
def _code_kind(encode: bool, bit: int, place: int, after: int, run: Run) -> int:
    """Code whether a token is a match. Returns the bit."""
    here = _expected(place, after, run)
    if here == 0:
        set_contexts(after, 3, 3, 3, run.models)
        return code_decision(encode, bit, MATCHES, 15, run.models)
    following = _expected(place + 1, AFTER_CHOICE, run)
    length, near = here >> 15, distance_code(here & 0x7FFF) >> 1
    longer = max(-2, min(2, (following >> 15) - length)) + 2
    score = _score(length, near, following)
    score_class = 0 if score <= 0 else 1 if score <= 2 else 2 if score <= 6 else 3
    further_class = 1 if _score(length, near, _expected(place + 2, AFTER_CHOICE, run)) > 6 else 0
    size, regret = _size_class(length), _regret(place, run)
    far = 0 if length > SHORTEST else max(0, min(3, near - 10))
    set_contexts(
        4 + ((3 * size + after) * 16 + near) * 2 + (1 if longer > 2 else 0),
        4
        + (((longer * 4 + score_class) * 15 + size + (_SIZES - 1 + far if far > 0 else 0)) * 3 + after) * 2
        + further_class,
        4 + (regret * 4 + min(size, 3)) * 3 + after,
        4 + (regret * 5 + longer) * 16 + near,
        run.models,
    )
    return code_decision(encode, bit, MATCHES, after, run.models)


@kernel
def _code_match(encode: bool, token: int, place: int, expected: int, run: Run) -> int:
    """Code length and distance of a match. The token, or BROKEN."""
    length = _code_length(encode, token >> 15, place, expected, run)
    if length < 0:
        return BROKEN
    if length >= LONGEST:
        set_contexts(0, 0, 0, 0, run.models)
        length = LONGEST + code_decision(encode, length - LONGEST, BEST, 1, run.models)
    distance = _code_distance(encode, token & 0x7FFF, place, min(LONGEST, length), run)
    return distance if distance < 0 else length << 15 | distance


@kernel
def _code_length(encode: bool, length: int, place: int, expected: int, run: Run) -> int:
    """Code a length: from which match on it is, then which of those. LONGEST may stand for LONG_WAY."""
    models, stairs, costs = run.models, run.matches.stairs[slot(place)], run.costs
    count = int(run.matches.counts[slot(place)])
    wanted = min(LONGEST, length)
    for stair in range(count - 1, -1, -1):
        most = int(stairs[stair]) >> 15
        first = (int(stairs[stair - 1]) >> 15) + 1 if stair > 0 else SHORTEST
        best = best_of_stair(stair, place, int(run.judged[0]), run.matches, costs)
        least = match_cost(place, best, int(stairs[stair]) & 0x7FFF, costs) if best > 0 else DEAR
        excess = _excess_class(least - int(costs.least[slot(place)]))
        relation = 0 if costs.best[slot(place)] < first else 1 if costs.best[slot(place)] <= most else 2
        near = distance_code(int(stairs[stair]) & 0x7FFF) >> 1
        nearer = distance_code(int(stairs[stair - 1]) & 0x7FFF) >> 1 if stair > 0 else 15
        size = _size_class(most)
        top = 0 if stairs[stair] == expected else 1 if most > expected >> 15 else 2
        set_contexts(
            ((excess * 3 + relation) * 3 + top) * 4 + min(stair, 3),
            ((size * 3 + relation) * 4 + min(most - first, 3)) * 3 + top,
            (near * 16 + nearer) * 3 + relation,
            ((near * 12 + excess) * 3 + top) * 4 + min(size, 3),
            models,
        )
        if code_decision(encode, 1 if first <= wanted <= most else 0, STAIRS, 3 * relation + top, models):
            return max(length, most) if most == first else _code_shortfall(encode, length, stair, best, place, run)
    set_contexts(0, 0, 0, 0, models)
    return max(length, code_number(encode, wanted - SHORTEST, 8, BEST, 2, models) + SHORTEST)


@kernel
def _code_shortfall(encode: bool, length: int, stair: int, best: int, place: int, run: Run) -> int:
    """Code a length up to that of a match, of which ``best`` is best. The length, or BROKEN."""
    models, costs, token = run.models, run.costs, int(run.matches.stairs[slot(place), stair])
    most, distance = token >> 15, token & 0x7FFF
    wanted, size, excess = min(LONGEST, length), _size_class(most), MOST_EXCESS
    if best > 0 and place + most <= run.judged[0]:
        full_cost = match_cost(place, most, distance, costs)
        excess = _excess_class(full_cost - match_cost(place, best, distance, costs))
    short = max(0, min(15, most - best))
    set_contexts(excess, 16 * size + excess, 64 * short + size, size, models)
    if code_decision(encode, 1 if wanted == most else 0, FULL, 0 if best == most else 1, models):
        return max(length, most)
    if 0 < best < most:
        set_contexts(2 + size, 16 + excess, 32 + short, 2 + size, models)
        if code_decision(encode, 1 if wanted == best else 0, BEST, 0, models):
            return best
    shortfall = code_size(encode, most - wanted - 1, SHORTFALLS, models)
    return BROKEN if shortfall < 0 else most - 1 - shortfall


@kernel
def _code_distance(encode: bool, distance: int, place: int, length: int, run: Run) -> int:
    """Code a distance less one: the nearest with such a match, one further away, or any. The distance, or BROKEN."""
    models, matches = run.models, run.matches
    nearest = nearest_distance(length, place, matches)
    if nearest >= 0:
        size, near = _size_class(length), distance_code(nearest) >> 1
        set_contexts(size, 16 * size + near, near, size, models)
        if code_decision(encode, 1 if distance == nearest else 0, DISTANCES, 0, models):
            return nearest
    earlier = place - nearest - 1
    rank = _walk(True, distance, place, earlier, length, matches) if encode else 0
    rank = code_size(encode, rank, RANKS, models)
    if rank < 0:
        return BROKEN
    if rank > 0:
        return _walk(False, rank, place, earlier, length, matches)
    return code_bypass(encode, distance, 15, models.stream)


@kernel
def _walk(ranks: bool, wanted: int, place: int, earlier: int, length: int, matches: Matches) -> int:
    """Go on from a place to those further away with three such bytes. ``ranks``: the number of the one of distance
    ``wanted`` where the match has so many bytes, from 1 on, or 0 where it is not come to; otherwise the distance of
    number ``wanted``, or BROKEN."""
    rank = compared = 0
    while compared <= MOST_COMPARED and rank < _RANKS:
        earlier = int(matches.older[BY_THREE, slot(earlier)])
        if earlier < 0 or place - earlier > WINDOW:
            break
        alike = match_length(matches.data, place, earlier, length)
        compared += alike + 1
        if alike == length:
            rank += 1
            distance = place - earlier - 1
            if ranks and distance == wanted:
                return rank
            if not ranks and rank == wanted:
                return distance
    return 0 if ranks else BROKEN
