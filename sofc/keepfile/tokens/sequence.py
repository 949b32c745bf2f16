"""The tokens of a block, coded in the context of what usual encoders would choose.

Spec appendix-kept-files/tokens
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import BROKEN, EVEN, code_bit
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector
from sofc.keepfile.tokens.alphabet import LONGEST, SHORTEST, WINDOW
from sofc.keepfile.tokens.costs import MOST_REGRET, Costs, distance_code
from sofc.keepfile.tokens.matches import RING, SPAN, Matches, match_length
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
_WALK = 4096


@inlined
def _size_class(length: int) -> int:
    """Roughly how long a match is, 0 to 11."""
    if length < 11:
        return length - SHORTEST
    if length < 32:
        return 8 if length < 18 else 9
    return 10 if length < LONGEST else 11


@inlined
def _regret(row: int, costs: Costs) -> int:
    return int(costs.regret[row]) + MOST_REGRET


class Run(NamedTuple):
    """What tokens are coded with. ``tokens`` (SPAN + 1,): those of the span."""

    matches: Matches
    costs: Costs
    models: Models
    tokens: Vector[np.int32]


@kernel
def code_tokens(encode: bool, start: int, stop: int, end: int, after: int, run: Run) -> int:
    """Code the tokens from ``start`` on that begin before ``stop``, in a block that ends at ``end``.

    ``after``: what stands before them. Returns ``4 * (where the next begins) + after``, or TOO_LONG or BROKEN; the
    number of tokens stands in the last place of ``run.tokens``.
    """
    tokens = run.tokens
    place, number = start, 0
    while place < stop:
        row = place - start
        token = int(tokens[number]) if encode else 0
        is_match = _code_kind(encode, 1 if token > 0 else 0, row, after, run)
        if is_match < 0:
            return is_match
        if is_match:
            token = _code_match(encode, token, place, row, run)
            if token < 0:
                return token
            length = min(LONGEST, token >> 15)
            if length < SHORTEST or length > end - place or (token & 0x7FFF) >= place:
                return BROKEN
            after = AFTER_MATCH
            place += length
        else:
            after = AFTER_CHOICE if run.matches.counts[row] > 0 else AFTER_LITERAL
            place += 1
        tokens[number] = token
        number += 1
    tokens[SPAN] = number
    return 4 * place + after


@inlined
def _longest(row: int, matches: Matches) -> int:
    """The longest match that was found, as a token; 0 for none."""
    count = matches.counts[row]
    return int(matches.stairs[row, count - 1]) if count > 0 else 0


@kernel
def _code_kind(encode: bool, bit: int, row: int, after: int, run: Run) -> int:
    """Code whether a token is a match. The bit, or TOO_LONG."""
    here = _longest(row, run.matches)
    if here == 0:
        set_contexts(after, 3, 3, 3, run.models)
        return code_decision(encode, bit, MATCHES, 15, run.models)
    following = _longest(row + 1, run.matches)
    length = here >> 15
    longer = (following >> 15) - length
    near, near_following = distance_code(here & 0x7FFF) >> 1, distance_code(following & 0x7FFF) >> 1
    size = _size_class(length)
    score = 4 * longer + near - near_following
    score_class = 0 if score <= 0 else 1 if score <= 2 else 2 if score <= 6 else 3
    longer_class = max(-2, min(2, longer)) + 2
    regret = _regret(row, run.costs)
    set_contexts(
        4 + (3 * size + after) * 16 + near,
        4 + ((longer_class * 4 + score_class) * _SIZES + size) * 3 + after,
        4 + (regret * 4 + min(size, 3)) * 3 + after,
        4 + (regret * 5 + longer_class) * 16 + near,
        run.models,
    )
    return code_decision(encode, bit, MATCHES, after, run.models)


@kernel
def _code_match(encode: bool, token: int, place: int, row: int, run: Run) -> int:
    """Code length and distance of a match. The token, or a status."""
    length = _code_length(encode, token >> 15, row, run)
    if length < 0:
        return length
    if length >= LONGEST:
        set_contexts(0, 0, 0, 0, run.models)
        bit = code_decision(encode, length - LONGEST, BEST, 1, run.models)
        if bit < 0:
            return bit
        length = LONGEST + bit
    distance = _code_distance(encode, token & 0x7FFF, place, row, min(LONGEST, length), run)
    return distance if distance < 0 else length << 15 | distance


@kernel
def _code_length(encode: bool, length: int, row: int, run: Run) -> int:
    """Code a length: from which match on it is, then by how much it is shorter. LONGEST may stand for LONG_WAY."""
    models, stairs = run.models, run.matches.stairs[row]
    count = int(run.matches.counts[row])
    best = int(run.costs.best[row])
    wanted = min(LONGEST, length)
    for stair in range(count - 1, -1, -1):
        most = int(stairs[stair]) >> 15
        least = (int(stairs[stair - 1]) >> 15) + 1 if stair > 0 else SHORTEST
        relation = 0 if best < least else 1 if best < most else 2 if best == most else 3
        near = distance_code(int(stairs[stair]) & 0x7FFF) >> 1
        nearer = distance_code(int(stairs[stair - 1]) & 0x7FFF) >> 1 if stair > 0 else 0
        size = _size_class(most)
        top = 1 if stair == count - 1 else 0
        set_contexts(
            (relation * 2 + top) * 4 + min(stair, 3),
            (size * 4 + relation) * 4 + min(most - least, 3),
            (near - nearer) * 4 + relation,
            (near * 4 + relation) * 2 + top,
            models,
        )
        found = code_decision(encode, 1 if least <= wanted <= most else 0, STAIRS, relation, models)
        if found < 0:
            return found
        if found:
            return _code_shortfall(encode, length, least, most, best, models)
    set_contexts(0, 0, 0, 0, models)
    found = code_number(encode, wanted - SHORTEST, 8, BEST, 2, models)
    return found if found < 0 else max(length, found + SHORTEST)


@kernel
def _code_shortfall(encode: bool, length: int, least: int, most: int, best: int, models: Models) -> int:
    """Code a length between that of two matches. The length, or a status."""
    wanted = min(LONGEST, length)
    if most == least:
        return max(length, most)
    relation = 0 if best < least else 1 if best < most else 2 if best == most else 3
    size = _size_class(most)
    set_contexts(relation, 4 * size + relation, 4 * min(most - least, 63) + relation, 4 * size + relation, models)
    full = code_decision(encode, 1 if wanted == most else 0, FULL, relation, models)
    if full < 0 or full:
        return full if full < 0 else max(length, most)
    if relation == 1:
        set_contexts(2 + size, 2 + size, 2 + size, 2 + size, models)
        chosen = code_decision(encode, 1 if wanted == best else 0, BEST, 0, models)
        if chosen < 0 or chosen:
            return chosen if chosen < 0 else best
    shortfall = code_size(encode, most - wanted - 1, SHORTFALLS, models)
    return shortfall if shortfall < 0 else most - 1 - shortfall


@kernel
def _code_distance(encode: bool, distance: int, place: int, row: int, length: int, run: Run) -> int:
    """Code a distance less one: the nearest with such a match, one further away, or any. The distance, or a status."""
    models, matches = run.models, run.matches
    nearest = -1
    for stair in range(int(matches.counts[row]) - 1, -1, -1):
        token = int(matches.stairs[row, stair])
        if token >> 15 >= length:
            nearest = token & 0x7FFF
    if nearest >= 0:
        size, near = _size_class(length), distance_code(nearest) >> 1
        set_contexts(size, 16 * size + near, near, size, models)
        found = code_decision(encode, 1 if distance == nearest else 0, DISTANCES, 0, models)
        if found < 0 or found:
            return found if found < 0 else nearest
        rank = _walk(True, distance, place, place - nearest - 1, length, matches) if encode else 0
        rank = code_size(encode, rank, RANKS, models)
        if rank < 0:
            return rank
        if rank > 0:
            return _walk(False, rank, place, place - nearest - 1, length, matches)
    found = 0
    for shift in range(14, -1, -1):
        bit = code_bit(encode, (distance >> shift) & 1, EVEN, models.stream)
        if bit < 0:
            return bit
        found = 2 * found + bit
    return found


@kernel
def _walk(ranks: bool, wanted: int, place: int, earlier: int, length: int, matches: Matches) -> int:
    """Go on from a match to those further away. ``ranks``: the number of the one of distance ``wanted``, from 1 on, or
    0 where it is not come to; otherwise the distance of number ``wanted``, or BROKEN."""
    rank = 0
    for _ in range(_WALK):
        earlier = int(matches.older[earlier & (RING - 1)])
        if earlier < 0 or place - earlier > WINDOW or rank >= _RANKS:
            break
        if match_length(matches.data, place, earlier, length) == length:
            rank += 1
            distance = place - earlier - 1
            if ranks and distance == wanted:
                return rank
            if not ranks and rank == wanted:
                return distance
    return 0 if ranks else BROKEN
