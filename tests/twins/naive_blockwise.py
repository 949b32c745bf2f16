"""What is known of blocks of a component and how well coefficients suit, sample by sample: twin of jpeg/blockwise."""

from __future__ import annotations

from math import log2

ANY = 1 << 13
"""Bounds of a sample that may be anything are -ANY and ANY."""


def covered(grid, rows, width, i, j):
    """The samples of a plane that belong to sample (i, j) of its component, the first of which its first belongs to."""
    down, across, top, left = grid[:4]
    return [
        (y, x)
        for y in range(rows)
        for x in range(width)
        if (y + top % down) // down == i and (x + left % across) // across == j
    ]


def bounds(plane, component, grid, i, j):
    """The least and the greatest that a sample of a component may be."""
    samples, lowest, highest, _ = plane
    guess, sure = component
    if grid[0] * grid[1] == 1:
        return lowest[i][j], highest[i][j]
    value, certainty = guess[i][j], sure[i][j]
    low = value // 16
    high = low + 1
    if not 4 < value % 16 < 12:
        low = high = max(0, min(255, (value + 8) // 16))
    slack = max(highest[y][x] - lowest[y][x] for y, x in covered(grid, len(samples), len(samples[0]), i, j))
    if certainty >= 1:
        slack = 0
    elif certainty >= 0.3:
        slack = min(slack, 1)
    return (-ANY, ANY) if slack >= ANY else (low - slack, high + slack)


def bounded_blocks(plane, component, grid):
    """Guesses, least and greatest samples of whole blocks, as three dictionaries of places."""
    guess, _ = component
    down, across, top, left = grid[:4]
    rows, width = len(guess), len(guess[0])
    height, breadth = -(-(top // down + rows) // 8) * 8, -(-(left // across + width) // 8) * 8
    guesses, least, greatest = {}, {}, {}
    for row in range(0, height, 8):
        for column in range(0, breadth, 8):
            places = [(y, x) for y in range(row, row + 8) for x in range(column, column + 8)]
            near = {}
            for y, x in places:
                i, j = y - top // down, x - left // across
                inside = 0 <= i < rows and 0 <= j < width
                near[y, x] = max(0, min(rows - 1, i)), max(0, min(width - 1, j))
                guesses[y, x] = guess[near[y, x][0]][near[y, x][1]]
                least[y, x], greatest[y, x] = bounds(plane, component, grid, i, j) if inside else (-ANY, ANY)
            if all(greatest[place] - least[place] >= ANY for place in places):
                for place in places:
                    y, x = covered(grid, len(plane[0]), len(plane[0][0]), *near[place])[0]
                    shown = plane[3][y][x]
                    guesses[place], least[place], greatest[place] = 16 * shown, shown, shown
    return guesses, least, greatest


def judged(plane, drawn, coefficients, grid):
    """Bits, samples that do not come out, blocks that do and busy blocks, and both of blocks that are known."""
    _, lowest, highest, _ = plane
    down, across, top, left = grid[:4]
    bits, missed = 0, 0
    wrong, unknown = set(), set()
    for y, line in enumerate(drawn):
        for x, sample in enumerate(line):
            block = (top + y) // (8 * down), (left + x) // (8 * across)
            low, high = lowest[y][x], highest[y][x]
            if low != high:
                unknown.add(block)
            if not low <= sample <= high:
                bits += 3 + 2 * log2(1 + max(low - sample, sample - high))
                missed += 1
                wrong.add(block)
    busy = set()
    for row, blocks in enumerate(coefficients):
        for column, block in enumerate(blocks):
            bits += sum(3 + 2 * log2(1 + abs(number)) for number in block if number)
            if any(block[1:]):
                busy.add((row, column))
    return bits, missed, len(busy - wrong), len(busy), len(busy - wrong - unknown), len(busy - unknown)


def whole(plane, drawn, grid):
    """1 for each sample in whose block all come out, else 0."""
    _, lowest, highest, _ = plane
    down, across, top, left = grid[:4]
    places = {
        (y, x): ((top + y) // (8 * down), (left + x) // (8 * across))
        for y, line in enumerate(drawn)
        for x in range(len(line))
    }
    wrong = {block for (y, x), block in places.items() if not lowest[y][x] <= drawn[y][x] <= highest[y][x]}
    return [[0 if places[y, x] in wrong else 1 for x in range(len(line))] for y, line in enumerate(drawn)]
