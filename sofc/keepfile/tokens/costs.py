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
    LENGTH_EXTRA,
    LITERALS,
    LONGEST,
    NEAR,
    SHORTEST,
)
from sofc.keepfile.tokens.matches import Matches

UNUSED = 24
"""Bits that a symbol without a code counts for."""
ALL_LENGTHS = 64
"""Matches of so many bytes are not judged at all their lengths."""
MOST_REGRET = 12


class Costs(NamedTuple):
    """Bits of each literal (256,), length (LONGEST + 1,) and distance code (DISTANCE_CODES,), extra bits included.

    Of each position of a span: ``rest``, the bits from there to the end of the span; ``best``, the length of the best
    match, or 0; ``regret``, how many bits a literal costs more than that, within MOST_REGRET.
    """

    literals: Vector[np.int32]
    lengths: Vector[np.int32]
    distances: Vector[np.int32]
    rest: Vector[np.int32]
    best: Vector[np.int32]
    regret: Vector[np.int32]


@inlined
def distance_code(distance: int) -> int:
    """The code of a distance less one."""
    return int(DISTANCE_CODE[distance] if distance < NEAR else DISTANCE_CODE[NEAR + (distance >> 7)])


@kernel
def set_costs(literals: Vector[np.uint8], distances: Vector[np.uint8], costs: Costs) -> None:
    """The bits of codes whose lengths are given."""
    for value in range(LITERALS):
        costs.literals[value] = literals[value] if literals[value] > 0 else UNUSED
    for length in range(SHORTEST, LONGEST + 1):
        code = LENGTH_CODE[length - SHORTEST]
        bits = literals[LITERALS + 1 + code]
        costs.lengths[length] = (bits if bits > 0 else UNUSED) + LENGTH_EXTRA[code]
    for code in range(DISTANCE_CODES):
        bits = distances[code]
        costs.distances[code] = (bits if bits > 0 else UNUSED) + DISTANCE_EXTRA[code]


@kernel
def find_shortest(start: int, stop: int, matches: Matches, costs: Costs) -> None:
    """The shortest way to write positions ``start`` to ``stop``, from each of them."""
    size = stop - start
    costs.rest[size] = 0
    for row in range(size - 1, -1, -1):
        literal = costs.literals[matches.data[start + row]] + costs.rest[row + 1]
        least, best = 1 << 30, 0
        first = SHORTEST
        for stair in range(matches.counts[row]):
            token = matches.stairs[row, stair]
            longest = min(token >> 15, size - row)
            distance = costs.distances[distance_code(token & 0x7FFF)]
            if longest >= ALL_LENGTHS:
                first = longest
            for length in range(first, longest + 1):
                bits = costs.lengths[length] + distance + costs.rest[row + length]
                if bits <= least:
                    least, best = bits, length
            first = longest + 1
        costs.best[row] = best
        costs.regret[row] = max(-MOST_REGRET, min(MOST_REGRET, literal - least))
        costs.rest[row] = min(literal, least)
