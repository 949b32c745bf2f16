"""What tokens cost with the codes of a block, and which tokens would make it shortest.

Spec appendix-kept-files/costs
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector
from sofc.keepfile.tokens.alphabet import (
    DISTANCE_CODE,
    DISTANCE_CODES,
    DISTANCE_EXTRA,
    LENGTH_CODE,
    LENGTH_CODES,
    LENGTH_EXTRA,
    LITERALS,
    LONGEST,
    NEAR,
    SHORTEST,
)
from sofc.keepfile.tokens.matches import Matches, slot

BIT = 16
"""Costs are in 1/16 bits."""
UNUSED = 24 * BIT
"""What a symbol without a code counts for."""
ALL_LENGTHS = 64
"""Matches of so many bytes are not judged at all their lengths."""
DEAR = 1 << 30
"""What cannot be."""


class Costs(NamedTuple):
    """Costs in 1 / BIT bits, extra bits included."""

    literals: Vector[np.int32]
    """(256,)."""
    lengths: Vector[np.int32]
    """(LONGEST + 1,): of matches of each length, without their distance."""
    distances: Vector[np.int32]
    """(DISTANCE_CODES,): of matches by the code of their distance, which come on top of those by their length: a match
    takes both."""
    uses: Vector[np.int64]
    """Scratch (LENGTH_CODES + DISTANCE_CODES,): how often each code is used."""
    rest: Vector[np.int32]
    best: Vector[np.int32]
    least: Vector[np.int32]
    """(RING,) each, of a place: the cost from there to the end of the span; the length of the best match, or 0; the
    cost with that match first, or DEAR."""


@inlined
def distance_code(distance: int) -> int:
    """The code of a distance less one."""
    return int(DISTANCE_CODE[distance] if distance < NEAR else DISTANCE_CODE[NEAR + (distance >> 7)])


@inlined
def ratio_cost(count: int, total: int) -> int:
    """log2(total / count) in 1/16, rounded down; UNUSED where count is 0."""
    if count == 0:
        return UNUSED
    ratio, cost = (total << 16) // count, 0
    while ratio >= 1 << 17:
        ratio >>= 1
        cost += BIT
    for shift in range(3, -1, -1):
        ratio = (ratio * ratio) >> 16
        if ratio >= 1 << 17:
            ratio >>= 1
            cost += 1 << shift
    return cost


@kernel
def set_costs(literals: Vector[np.uint8], distances: Vector[np.uint8], costs: Costs) -> None:
    """The costs of codes whose lengths are given."""
    for value in range(LITERALS):
        costs.literals[value] = BIT * literals[value] if literals[value] > 0 else UNUSED
    for length in range(SHORTEST, LONGEST + 1):
        code = LENGTH_CODE[length - SHORTEST]
        bits = literals[LITERALS + 1 + code]
        costs.lengths[length] = (BIT * bits if bits > 0 else UNUSED) + BIT * LENGTH_EXTRA[code]
    for code in range(DISTANCE_CODES):
        bits = distances[code]
        costs.distances[code] = (BIT * bits if bits > 0 else UNUSED) + BIT * DISTANCE_EXTRA[code]


@kernel
def refine_costs(start: int, stop: int, matches: Matches, costs: Costs) -> None:
    """The costs that the shortest way from ``start`` to ``stop`` would have with codes made for it."""
    uses = costs.uses
    uses[:] = 0
    place, tokens, pairs = start, 1, 0
    while place < stop:
        tokens += 1
        if literal_cost(place, matches, costs) <= costs.least[slot(place)]:
            uses[matches.data[place]] += 1
            place += 1
            continue
        length = int(costs.best[slot(place)])
        uses[LITERALS + 1 + LENGTH_CODE[length - SHORTEST]] += 1
        uses[LENGTH_CODES + distance_code(nearest_distance(length, place, matches))] += 1
        pairs += 1
        place += length
    for value in range(LITERALS):
        costs.literals[value] = ratio_cost(int(uses[value]), tokens)
    for length in range(SHORTEST, LONGEST + 1):
        code = LENGTH_CODE[length - SHORTEST]
        costs.lengths[length] = ratio_cost(int(uses[LITERALS + 1 + code]), tokens) + BIT * LENGTH_EXTRA[code]
    for code in range(DISTANCE_CODES):
        costs.distances[code] = ratio_cost(int(uses[LENGTH_CODES + code]), pairs) + BIT * DISTANCE_EXTRA[code]


@inlined
def literal_cost(place: int, matches: Matches, costs: Costs) -> int:
    """The cost from a place on with a literal first."""
    return int(costs.literals[matches.data[place]] + costs.rest[slot(place + 1)])


@inlined
def match_cost(place: int, length: int, distance: int, costs: Costs) -> int:
    """The cost from a place on with a match first, of such a distance less one."""
    return int(costs.lengths[length] + costs.distances[distance_code(distance)] + costs.rest[slot(place + length)])


@kernel
def nearest_distance(length: int, place: int, matches: Matches) -> int:
    """The least distance, less one, of a match that was found of so many bytes; -1 for none."""
    nearest = -1
    for stair in range(int(matches.counts[slot(place)]) - 1, -1, -1):
        token = int(matches.stairs[slot(place), stair])
        if token >> 15 >= length:
            nearest = token & 0x7FFF
    return nearest


@kernel
def best_of_stair(stair: int, place: int, stop: int, matches: Matches, costs: Costs) -> int:
    """The best length of a match that is longer than the one before and ends by ``stop``, the shortest of equal ones;
    0 for none."""
    token = int(matches.stairs[slot(place), stair])
    longest, distance = min(token >> 15, stop - place), token & 0x7FFF
    first = (int(matches.stairs[slot(place), stair - 1]) >> 15) + 1 if stair > 0 else SHORTEST
    if longest >= ALL_LENGTHS:
        first = max(first, longest)
    least, best = DEAR, 0
    for length in range(first, longest + 1):
        cost = match_cost(place, length, distance, costs)
        if cost < least:
            least, best = cost, length
    return best


@kernel
def find_shortest(start: int, stop: int, matches: Matches, costs: Costs) -> None:
    """The shortest way to write places ``start`` to ``stop``, from each of them."""
    costs.rest[slot(stop)] = 0
    for place in range(stop - 1, start - 1, -1):
        least, best = DEAR, 0
        for stair in range(matches.counts[slot(place)]):
            length = best_of_stair(stair, place, stop, matches, costs)
            if length > 0:
                cost = match_cost(place, length, int(matches.stairs[slot(place), stair]) & 0x7FFF, costs)
                if cost < least:
                    least, best = cost, length
        costs.best[slot(place)], costs.least[slot(place)] = best, least
        costs.rest[slot(place)] = min(literal_cost(place, matches, costs), least)
