"""The encoder's weights of lines: least squares made to count small errors as much as great ones. Nothing here is
normative, but the same on every machine: each step is one of IEEE arithmetic, in one order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

_ROUNDS = 4
"""Of fits: in each, samples count the less the worse the one before predicted them."""
_SMALLEST = 0.05
"""Of the mean error: no smaller one counts more."""
_DEPENDENT = 1e-24
"""A tap of which no greater share of its square is its own has no weight."""


class Equations(NamedTuple):
    """Scratch for the equations of a line: its taps and, last, what they should give."""

    turned: Table[np.float64]
    """(taps + 1, samples): made orthogonal."""
    squares: Vector[np.float64]
    """(taps + 1,): their squares before that."""
    factors: Table[np.float64]
    """(taps + 1, taps + 1): how many times each tap was taken from those behind it to make them orthogonal, from which
    weights follow from the last tap to the first."""
    counts: Vector[np.float64]
    left: Vector[np.float64]
    """(samples,) each: how much a sample counts, and what is left of it."""


@inlined
def _make_orthogonal(equations: Equations, taps: int) -> None:
    """Modified Gram-Schmidt, the numbers to predict as one more tap: it loses nothing where taps nearly agree."""
    turned, squares, factors, counts, _ = equations
    samples = counts.shape[0]
    for k in range(taps):
        own = 0.0
        for s in range(samples):
            own += counts[s] * turned[k, s] * turned[k, s]
        for other in range(k + 1, taps + 1):
            share = 0.0
            if own > _DEPENDENT * squares[k] and own > 0.0:
                for s in range(samples):
                    share += counts[s] * turned[k, s] * turned[other, s]
                share /= own
                for s in range(samples):
                    turned[other, s] -= share * turned[k, s]
            factors[k, other] = share


@inlined
def _set_up(values: Table[np.float64], line: int, equations: Equations, taps: int) -> None:
    for k in range(taps + 1):
        square = 0.0
        for s in range(values.shape[1]):
            value = values[line if k == taps else line - k - 1, s]
            equations.turned[k, s] = value
            square += equations.counts[s] * value * value
        equations.squares[k] = square


@inlined
def _weigh(left: Vector[np.float64], counts: Vector[np.float64]) -> bool:
    """Let samples count the less the more is left of them; whether anything is."""
    mean = 0.0
    for s in range(left.shape[0]):
        mean += abs(left[s])
    least = _SMALLEST * mean / left.shape[0]
    for s in range(left.shape[0] if least > 0.0 else 0):
        counts[s] = 1.0 / (abs(left[s]) + least)
    return bool(least > 0.0)


@inlined
def _fit_line(
    values: Table[np.float64], line: int, taps: int, weights: Vector[np.float64], scratch: Equations
) -> float:
    """The weights of one line; the sum of their magnitudes."""
    left = scratch.left
    for s in range(values.shape[1]):
        scratch.counts[s] = 1.0
    total = 0.0
    for _ in range(_ROUNDS):
        _set_up(values, line, scratch, taps)
        _make_orthogonal(scratch, taps)
        total = 0.0
        for k in range(taps - 1, -1, -1):
            weight = scratch.factors[k, taps]
            for other in range(k + 1, taps):
                weight -= scratch.factors[k, other] * weights[other]
            weights[k] = weight
            total += abs(weight)
        for s in range(values.shape[1]):
            error = values[line, s]
            for k in range(taps):
                error -= weights[k] * values[line - k - 1, s]
            left[s] = error
        if not _weigh(left, scratch.counts):
            break
    return total


@kernel
def fit_lines(
    values: Table[np.float64], first: int, most: float, weights: Table[np.float64], scratch: Equations
) -> None:
    """The ``weights`` (lines, taps) that predict each line of ``values`` (lines, samples), from line ``first`` on, best
    from those before it. Where those of a line are together not below ``most`` in magnitude, it has fewer."""
    for line in range(first, values.shape[0]):
        for k in range(weights.shape[1]):
            weights[line, k] = 0.0
        taps = min(line, weights.shape[1])
        while taps > 0:
            if _fit_line(values, line, taps, weights[line], scratch) < most:
                break
            for k in range(taps):
                weights[line, k] = 0.0
            taps >>= 1
