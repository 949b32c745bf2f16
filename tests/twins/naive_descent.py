"""A plain-Python twin of sofc/jpeg/descent.py: lists and numbers without bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

Numbers = list[int]


def excess(error: Sequence[int], low: Sequence[int], high: Sequence[int]) -> int:
    """By how much samples, in 1/65536, leave their bounds: squares of 1/32, of each sample at most 4095."""
    away = (max(below - value, value - above) >> 11 for value, below, above in zip(error, low, high, strict=True))
    return sum(min(4095, max(0, each)) ** 2 for each in away)


def descend(
    block: Numbers,
    table: Sequence[int],
    low: Sequence[int],
    high: Sequence[int],
    patterns: Sequence[Sequence[int]],
    draw: Callable[[Numbers], Numbers],
) -> Numbers:
    """The block after moves that bring samples nearer to their bounds, or as it is where no fewer are wrong then.

    ``patterns``: what each coefficient adds to samples; ``draw``: what a decoder makes of a block.
    """

    def wrong(values: Sequence[int]) -> int:
        return sum(not below <= value < above for value, below, above in zip(values, low, high, strict=True))

    error, best = draw(block), list(block)
    first_wrong = wrong(error)
    now = excess(error, low, high)
    for _ in range(60 if first_wrong else 0):
        pulls = [
            (max(0, below - value) - max(0, value - above)) >> 11
            for value, below, above in zip(error, low, high, strict=True)
        ]
        signs = [1 if sum(map(int.__mul__, pulls, pattern)) > 0 else -1 for pattern in patterns]
        moves = [[sign * step * part for part in line] for sign, step, line in zip(signs, table, patterns, strict=True)]

        def after(*chosen: int, error: Numbers = error, moves: list[Numbers] = moves) -> Numbers:
            return [value + sum(moves[k][i] for k in chosen) for i, value in enumerate(error)]

        sizes = [excess(after(k), low, high) for k in range(64)]
        likely = sorted(range(64), key=lambda k: (sizes[k], k))[:16]
        chosen: tuple[int, ...] = (likely[0],)
        left = sizes[likely[0]]
        if left >= now:
            pairs = {pair: excess(after(*pair), low, high) for pair in combinations(likely, 2)}
            chosen = min(pairs, key=lambda pair: pairs[pair])
            left = pairs[chosen]
        if left >= now:
            break
        error, now = after(*chosen), left
        for k in chosen:
            best[k] += signs[k]
        if now == 0:
            break
    return best if wrong(draw(best)) < first_wrong else list(block)
