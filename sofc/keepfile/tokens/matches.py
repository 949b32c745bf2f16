"""What stood before: the matches that a token may be made of.

Spec appendix-kept-files/matches
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import kernel
from sofc.jit.types import Table, Vector
from sofc.keepfile.tokens.alphabet import LONGEST, SHORTEST, WINDOW

HASHES = 1 << 16
RING = 1 << 17
SPAN = 1 << 16
"""Positions that are searched at a time; with the window before them, and AHEAD, fewer than RING."""
AHEAD = 1 << 10
"""Further positions, so that the last of a span are judged by what follows."""
ROWS = SPAN + AHEAD + 1
STAIRS = 8
"""Matches that are remembered of a position."""
STEPS = 8
"""A search ends after so many times its depth, whatever was found."""


class Effort(NamedTuple):
    """How long is searched, as zlib has it: ``depth`` matches are looked at, those count that agree in byte ``least`` - 1
    (3 or 4); one of ``nice`` bytes is enough."""

    depth: int
    least: int
    nice: int


class Matches(NamedTuple):
    """``data``: all bytes. ``newest`` (HASHES,): the last place of each hash, or -1; ``older`` (RING,): of each place
    the one before with its hash; ``linked`` (1,): places that are in these lists.

    ``stairs`` (ROWS, STAIRS) and ``counts`` (ROWS,): of each position of the span matches of rising length and
    distance, as tokens.
    """

    data: Vector[np.uint8]
    newest: Vector[np.int32]
    older: Vector[np.int32]
    linked: Vector[np.int64]
    stairs: Table[np.int32]
    counts: Vector[np.uint8]


@kernel
def match_length(data: Vector[np.uint8], place: int, earlier: int, most: int) -> int:
    """How many bytes from two places on are alike, at most ``most``, which must be inside."""
    length = 0
    while length < most and data[earlier + length] == data[place + length]:
        length += 1
    return length


@kernel
def find_matches(start: int, stop: int, end: int, effort: Effort, matches: Matches) -> None:
    """Find the matches of positions ``start`` to ``stop``, which reach to ``end`` at most."""
    data = matches.data
    size = data.shape[0]
    for place in range(start, stop):
        if place >= matches.linked[0]:
            earlier = -1
            if place + SHORTEST <= size:
                word = (np.int64(data[place]) << 16) | (np.int64(data[place + 1]) << 8) | np.int64(data[place + 2])
                code = ((word * 0x9E3779B1) >> 16) & (HASHES - 1)
                earlier = int(matches.newest[code])
                matches.newest[code] = place
            matches.older[place & (RING - 1)] = earlier
            matches.linked[0] = place + 1
        _search(place, place - start, min(LONGEST, end - place), effort, matches)
    matches.counts[stop - start] = 0


@kernel
def _search(place: int, row: int, most: int, effort: Effort, matches: Matches) -> None:
    """The matches of one place, of at most so many bytes."""
    data = matches.data
    count, longest = 0, SHORTEST - 1
    enough = min(most, effort.nice)
    looked_at, steps = 0, 0
    earlier = int(matches.older[place & (RING - 1)])
    while most >= SHORTEST and earlier >= 0 and place - earlier <= WINDOW:
        if data[earlier + longest] == data[place + longest]:
            length = match_length(data, place, earlier, most)
            if length > longest:
                count = min(count + 1, STAIRS)
                matches.stairs[row, count - 1] = (length << 15) | (place - earlier - 1)
                longest = length
                if length >= enough:
                    break
        last = min(effort.least, most) - 1
        if data[earlier + last] == data[place + last]:
            looked_at += 1
        steps += 1
        if looked_at >= effort.depth or steps >= STEPS * effort.depth:
            break
        earlier = int(matches.older[earlier & (RING - 1)])
    matches.counts[row] = count
