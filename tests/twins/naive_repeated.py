"""What sofc.prediction.repeated finds, written with lists and sets from what its docstrings say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Rows = Sequence[Sequence[int]]
Sides = tuple[int, int, int, int]

FACTOR = 0x5851F42D


def mixed(word: int) -> int:
    """A word whose lower bits depend on the upper ones, too."""
    return word ^ word // 2**16


def words(planes: Sequence[Rows]) -> list[list[int]]:
    """A word of 31 bits for each place."""
    found = [[0] * len(row) for row in planes[0]]
    for plane in planes:
        found = [
            [mixed((word + sample + 1) * FACTOR % 2**31) for word, sample in zip(*rows, strict=True)]
            for rows in zip(found, plane, strict=True)
        ]
    return found


def hashed(run: Sequence[int], step: int) -> int:
    """The hashes of words, those before the last rotated by so many bits of 48 for each that follows."""
    total = 0
    for age, word in enumerate(reversed(run)):
        bits = f"{word * FACTOR // 2**14:048b}"
        by = step * age % 48
        total ^= int(bits[by:] + bits[:by], 2)
    return total


def chosen(rows: Rows, length: int, changes: int, one_in: int) -> list[int]:
    """The hashes of runs that are chosen."""
    runs = [row[x : x + length] for row in rows for x in range(len(row) - length + 1)]
    hashes = [hashed(run, 1) for run in runs if sum(a != b for a, b in pairwise(run)) >= changes]
    return [each for each in hashes if each % one_in == 0]


def rectangles(
    colours: Rows, changes: Rows, before: dict[int, int], begin: Sequence[int], side: int, tries: int, least: int
) -> list[list[int]]:
    """Those that are found; ``changes``: 1 where a place does, else 0; ``before``: of squares that have any."""
    covered: set[tuple[int, int]] = set()
    height, width = len(colours), len(colours[0])

    def is_same(sides: Sides, above: int, right: int) -> bool:
        return all(
            0 <= y - above < height
            and y < height
            and 0 <= x - right < width
            and 0 <= x < width
            and (y, x) not in covered
            and colours[y][x] == colours[y - above][x - right]
            for y in range(sides[0], sides[1])
            for x in range(sides[2], sides[3])
        )

    def grown(sides: Sides, above: int, right: int) -> Sides:
        growing = [0, 1, 2, 3]
        while growing:
            for k in list(growing):
                wider = list(sides)
                wider[k] += 1 if k % 2 else -1
                wide = (wider[0], wider[1], wider[2], wider[3])
                if is_same(wide, above, right):
                    sides = wide
                else:
                    growing.remove(k)
        return sides

    def worth(sides: Sides) -> int:
        return sum(map(sum, (row[sides[2] : sides[3]] for row in changes[sides[0] : sides[1]])))

    found = []
    for place in begin:
        top, left = divmod(place, width - side + 1)
        square, rivals = (top, top + side, left, left + side), []
        for _ in range(tries if is_same(square, 0, 0) else 0):
            if place not in before:
                break
            place = before[place]
            above, column = divmod(place, width - side + 1)
            above, right = top - above, left - column
            if is_same(square, above, right):
                sides = grown(square, above, right)
                rivals.append((worth(sides), sides, above, right))
        most, sides, above, right = max(rivals, key=lambda rival: rival[0], default=(0, square, 0, 0))
        if most >= least:
            covered |= {(y, x) for y in range(sides[0], sides[1]) for x in range(sides[2], sides[3])}
            found.append([sides[0], sides[2], sides[1] - sides[0], sides[3] - sides[2], above, sides[2] - right])
    return found
