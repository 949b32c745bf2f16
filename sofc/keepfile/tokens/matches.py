"""What stood before: the matches that a token may be made of.

Spec appendix-kept-files/matches
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.keepfile.tokens.alphabet import LONGEST, SHORTEST, WINDOW

HASH_BITS = 16
RING = 1 << 17
"""Places of which anything is remembered: those of a window, a span and what is ahead of it."""
SPAN = 1 << 16
"""Places whose tokens are judged at a time."""
AHEAD = 1 << 10
"""Further places, so that the last of a span are judged by what follows."""
MOST_COMPARED = 1 << 14
"""Bytes that a search compares before it ends."""
STAIRS = 8
"""Matches that are remembered of a place; the longest is always among them."""
CHAIN_OF_3, CHAIN_OF_4, TREE = range(3)
"""Ways to search: lists of places with a hash of three or four bytes; binary trees of those with one of four."""
BY_THREE, BY_WAY, SMALLER, GREATER = range(4)
"""Rows of the lists: by three bytes, by the way; of trees the branches."""


class Effort(NamedTuple):
    """How an encoder may have searched; ORIGINAL_TOKENS says how far each number goes."""

    way: int
    """CHAIN_OF_3, CHAIN_OF_4 or TREE."""
    depth: int
    """Places that it looks at, at most."""
    nice: int
    """Bytes of a match that are enough to end a search."""
    haste: int
    """By what power of two it looks at fewer places in haste: where it holds a match and looks whether the next byte
    begins a longer one."""
    probes: int
    """Places that it looks at for a match of three bytes, first."""
    rounds: int
    """How often it refines costs."""


class Matches(NamedTuple):
    """What is found in ``data``, all bytes, and the lists by which it is found."""

    data: Vector[np.uint8]
    newest: Table[np.int32]
    """(2, 1 << HASH_BITS): the last place of each hash, or -1."""
    older: Table[np.int32]
    """(4, RING), rows BY_THREE to GREATER: of each place the last one before it with the same hash of three bytes, and
    of as many as the way takes; in trees the places that are its branches."""
    searched: Vector[np.int64]
    steps: Vector[np.int64]
    """(1,) each: places that are in these lists; places that were looked at and bytes that were compared."""
    stairs: Table[np.int32]
    counts: Vector[np.uint8]
    """(RING, STAIRS) and (RING,): of each place matches of rising length and distance, and how many. A match is its
    length above 15 bits of its distance less one."""
    hasty: Vector[np.int32]
    """(RING,): the longest match that is found in haste, or 0."""


@inlined
def slot(place: int) -> int:
    """Where in the rings something stands."""
    return place & (RING - 1)


@kernel
def match_length(data: Vector[np.uint8], place: int, earlier: int, most: int) -> int:
    """How many bytes from two places on are alike, at most ``most``, which must be inside."""
    length = 0
    while length < most and data[earlier + length] == data[place + length]:
        length += 1
    return length


@inlined
def _hash(data: Vector[np.uint8], place: int, count: int, bits: int) -> int:
    """That of libdeflate."""
    word = np.int64(0)
    for i in range(count):
        word |= np.int64(data[place + i]) << (8 * i)
    return int(((word * 0x1E35A7BD) & 0xFFFFFFFF) >> (32 - bits))


@kernel
def find_matches(stop: int, effort: Effort, matches: Matches) -> None:
    """Find the matches of all places before ``stop``."""
    data, newest, older = matches.data, matches.newest, matches.older
    for place in range(matches.searched[0], stop):
        most = min(LONGEST, data.shape[0] - place)
        first = following = -1
        if most >= SHORTEST:
            code = _hash(data, place, SHORTEST, 16 if effort.way == TREE else 15)
            first, newest[BY_THREE, code] = newest[BY_THREE, code], place
        count = 3 if effort.way == CHAIN_OF_3 else 4
        if most >= count:
            code = _hash(data, place, count, 16)
            following, newest[BY_WAY, code] = newest[BY_WAY, code], place
        older[BY_THREE, slot(place)] = first
        older[BY_WAY, slot(place)] = following
        matches.counts[slot(place)] = matches.hasty[slot(place)] = 0
        longest = _probe(place, most, effort, matches)
        if effort.way == TREE:
            _climb(place, most, longest, following, effort, matches)
            if matches.counts[slot(place)] > 0:
                matches.hasty[slot(place)] = matches.stairs[slot(place), matches.counts[slot(place)] - 1]
        elif most >= SHORTEST:
            _follow(place, most, longest, following, effort, matches)
    matches.searched[0] = max(matches.searched[0], stop)


@inlined
def _add(place: int, earlier: int, length: int, matches: Matches) -> None:
    count = min(matches.counts[slot(place)] + 1, STAIRS)
    matches.counts[slot(place)] = count
    matches.stairs[slot(place), count - 1] = (length << 15) | (place - earlier - 1)


@inlined
def _is_near(place: int, earlier: int) -> bool:
    """Whether an earlier place is one, and in the window."""
    return earlier >= 0 and place - earlier <= WINDOW


@kernel
def _probe(place: int, most: int, effort: Effort, matches: Matches) -> int:
    """Look for the nearest match of three bytes. Returns its length, or SHORTEST - 1."""
    earlier = int(matches.older[BY_THREE, slot(place)])
    for _ in range(effort.probes):
        if not _is_near(place, earlier):
            break
        matches.steps[0] += 1
        length = match_length(matches.data, place, earlier, most)
        if length >= SHORTEST:
            _add(place, earlier, length, matches)
            return length
        earlier = int(matches.older[BY_THREE, slot(earlier)])
    return SHORTEST - 1


@kernel
def _follow(place: int, most: int, longest: int, earlier: int, effort: Effort, matches: Matches) -> None:
    """Look for longer matches along a list."""
    data = matches.data
    matches.hasty[slot(place)] = matches.stairs[slot(place), 0] if longest >= SHORTEST else 0
    compared = 0
    for step in range(effort.depth):
        if longest >= min(most, effort.nice) or compared > MOST_COMPARED or not _is_near(place, earlier):
            break
        matches.steps[0] += 1
        if data[earlier + longest] == data[place + longest]:
            length = match_length(data, place, earlier, most)
            compared += length
            matches.steps[0] += length
            if length > longest:
                _add(place, earlier, length, matches)
                longest = length
                if step < effort.depth >> effort.haste:
                    matches.hasty[slot(place)] = (length << 15) | (place - earlier - 1)
        earlier = int(matches.older[BY_WAY, slot(earlier)])


@kernel
def _climb(place: int, most: int, longest: int, earlier: int, effort: Effort, matches: Matches) -> None:
    """Look for longer matches in a tree, of which this place becomes the root: the smaller strings on one side."""
    data, older = matches.data, matches.older
    smaller, greater = SMALLER, GREATER
    smaller_of = greater_of = slot(place)
    like_smaller = like_greater = length = 0
    compared = 0
    for _ in range(effort.depth):
        if compared > MOST_COMPARED or not _is_near(place, earlier):
            break
        compared -= length
        matches.steps[0] += 1 - length
        length += match_length(data, place + length, earlier + length, most - length)
        compared += length
        matches.steps[0] += length
        if length > longest:
            _add(place, earlier, length, matches)
            longest = length
        if length >= min(most, effort.nice):
            older[smaller, smaller_of] = older[SMALLER, slot(earlier)]
            older[greater, greater_of] = older[GREATER, slot(earlier)]
            return
        if data[earlier + length] < data[place + length]:
            older[smaller, smaller_of] = earlier
            smaller, smaller_of = GREATER, slot(earlier)
            like_smaller, length = length, min(length, like_greater)
            earlier = int(older[GREATER, slot(earlier)])
        else:
            older[greater, greater_of] = earlier
            greater, greater_of = SMALLER, slot(earlier)
            like_greater, length = length, min(length, like_smaller)
            earlier = int(older[SMALLER, slot(earlier)])
    older[smaller, smaller_of] = -1
    older[greater, greater_of] = -1
