"""A plain-Python twin of sofc/jpeg/nearest_plane.py: what is believed of coefficients, by the formulas of textbooks."""

from __future__ import annotations

import math
from collections.abc import Sequence

Numbers = list[float]
Matrix = list[list[float]]


def learn(mean: Numbers, covariance: Matrix, pattern: Sequence[float], value: float, variance: float) -> None:
    """Kalman's update: the sum of numbers times ``pattern`` was seen to be ``value``."""
    gain = [sum(map(float.__mul__, row, pattern)) for row in covariance]
    total = sum(map(float.__mul__, gain, pattern)) + variance
    miss = value - sum(map(float.__mul__, mean, pattern))
    for i in range(len(mean)):
        mean[i] += gain[i] * miss / total
        for j in range(len(mean)):
            covariance[i][j] -= gain[i] * gain[j] / total


def rounded(
    samples: Sequence[tuple[float, float, float]],
    table: Sequence[int],
    variances: Sequence[float],
    patterns: Sequence[Sequence[float]],
) -> list[int]:
    """The coefficients of a block; ``samples``: what each is guessed to be, and between what it lies.

    ``patterns``: what coefficients add to each sample; ``variances``: 0 of those that are 0.
    """
    mean = [0.0] * 64
    covariance = [[variances[i] if i == j else 0.0 for j in range(64)] for i in range(64)]
    covariance[0][0] = 1e6 if variances[0] else 0.0
    for (value, low, high), pattern in zip(samples, patterns, strict=True):
        if high - low <= 4:
            learn(mean, covariance, pattern, min(max(value, low + 0.5), high - 0.5), 1 / 12)
    unknown = [p for p, (_, low, high) in enumerate(samples) if high - low > 4]

    def keep_to_bounds() -> bool:
        expected = [sum(map(float.__mul__, mean, pattern)) for pattern in patterns]
        away = {p: max(samples[p][1] - expected[p], expected[p] - samples[p][2]) for p in unknown}
        worst = max(unknown, key=lambda p: (away[p], -p))
        if away[worst] <= 0.25:
            return False
        _, low, high = samples[worst]
        learn(mean, covariance, patterns[worst], low if expected[worst] < low else high, 100.0)
        return True

    for _ in range(64):
        if not keep_to_bounds():
            break
    block, left = [0] * 64, [i for i in range(64) if variances[i]]
    while left:

        def doubt(i: int) -> float:
            steps = mean[i] / table[i]
            rest = abs(steps - math.floor(steps + 0.5))
            return -(((0.5 - rest) * table[i]) ** 2) / covariance[i][i]

        i = min(left, key=lambda i: (doubt(i), i))
        left.remove(i)
        block[i] = math.floor(mean[i] / table[i] + 0.5)
        unit = [float(j == i) for j in range(64)]
        learn(mean, covariance, unit, block[i] * table[i], 0.0)
        mean[i] = float(block[i] * table[i])
        for j in range(64):
            covariance[i][j] = covariance[j][i] = 0.0
        keep_to_bounds()
    return block
