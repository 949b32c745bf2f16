"""Gaussian filters as programs make them: the encoder's guesses. Nothing here is normative, but the same on every
machine: exponentials, sines and cosines are those of the nearest floating-point number.

* Sampled and cut off after four standard deviations, as `scipy.ndimage.gaussian_filter` has them.
* Of modified Bessel functions [Lindeberg, Scale-space for discrete signals, 1990] in the approximations of [Numerical
  Recipes in C, 6.6], cut off where 0.99 of them are there: `DiscreteGaussian` of ITK.
* Recursions of fourth order [Deriche, Recursively implementing the Gaussian and its derivatives, 1993], as
  `SmoothingRecursiveGaussian` of ITK has them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Context, Decimal
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.image import SampleType
from sofc.transforms.filters import BORDERS, NEAREST, RECURSIVE, filtered

Reals = npt.NDArray[np.float64]

_WIDTHS = (1.0, 0.5, 1.5, 0.75, 0.8, 0.7, 0.6, 0.4, 0.9, 1.2, 1.25, 1.1, 1.3, 1.4, 0.85, 0.65, 0.45, 0.55, 1.6, 1.7)
"""Standard deviations, in samples, the likeliest first."""
_VARIANCES = (1.0, 2.0, 0.5, 0.25, 1.5)
"""Those of ITK's discrete Gaussians."""
_RECURSIVE_WIDTHS = (1.0, 0.5, 0.75, 0.8, 0.7, 0.6, 1.2)
_TRUNCATED = 4.0
"""Standard deviations after which weights are cut off."""
_THERE = 0.99
_WIDE = {SampleType.FLOAT32: 1.25, SampleType.FLOAT64: 1.75}
"""Standard deviations beyond which too little is left of what changes from sample to sample."""
_REACH = 26
"""Samples on each side beyond which a recursion's weights, below 2**-50, do not matter to undo it."""
_CONTEXT = Context(40)


class Gaussian(NamedTuple):
    """A filter along one axis: its ``weights``, the ``borders`` it may have, and the symmetric weights ``like`` it by
    which it is undone. ``is_wide``: whether each sample has to do with those far from it, then."""

    weights: Reals
    borders: tuple[int, ...]
    like: Reals
    is_wide: bool


@lru_cache
def gaussians(number: SampleType) -> list[Gaussian]:
    """Those that may have made numbers of a type, the likeliest of each kind first."""
    return list(_likely(number))


def _likely(number: SampleType) -> Iterator[Gaussian]:
    for width in _WIDTHS:
        if width <= _WIDE[number]:
            yield Gaussian(weights := sampled(width), BORDERS, weights, width > 1.0)
    for variance in _VARIANCES:
        yield Gaussian(weights := discrete(variance), (NEAREST,), weights, variance > 1.0)
    # Those of ITK round to float32 whatever they filter.
    for width in _RECURSIVE_WIDTHS if number is SampleType.FLOAT32 else ():
        yield Gaussian(weights := recursive(width), (RECURSIVE,), _response(weights), width > 1.0)


def sampled(width: float) -> Reals:
    """Weights of the sample itself, those beside it and so on."""
    reach = int(_TRUNCATED * width + 0.5)
    scale = -0.5 / (width * width)
    half = [_exp(scale * (k * k)) for k in range(reach + 1)]
    both = np.array([*half[:0:-1], *half])
    weights: Reals = both[reach:] / both.sum()
    return weights


def discrete(variance: float) -> Reals:
    """Weights of the sample itself, those beside it and so on, of variances below 3.75."""
    decay = _exp(-variance)
    weights = [decay * _bessel_0(variance), decay * _bessel_1(variance)]
    total = weights[0] + 2 * weights[1]
    while total < _THERE:
        weights.append(decay * _bessel(len(weights), variance))
        total += 2 * weights[-1]
    return np.array(weights) / total


def _bessel_0(x: float) -> float:
    m = (x / 3.75) * (x / 3.75)
    terms = 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.360768e-1, 0.45813e-2
    return 1.0 + m * _polynomial(m, terms)


def _bessel_1(x: float) -> float:
    m = (x / 3.75) * (x / 3.75)
    return x * _polynomial(m, (0.5, 0.87890594, 0.51498869, 0.15084934, 0.2658733e-1, 0.301532e-2, 0.32411e-3))


def _bessel(order: int, x: float) -> float:
    """By recurrence from orders high enough on downwards."""
    after, here, found = 0.0, 1.0, 0.0
    for k in range(2 * (order + int(10 * math.sqrt(order))), 0, -1):
        after, here = here, after + k * (2.0 / x) * here
        if abs(here) > 1e10:
            after, here, found = after * 1e-10, here * 1e-10, found * 1e-10
        if k == order:
            found = after
    return found * (_bessel_0(x) / here)


def _polynomial(x: float, terms: tuple[float, ...]) -> float:
    total = terms[-1]
    for term in terms[-2::-1]:
        total = term + x * total
    return total


def recursive(width: float) -> Reals:
    """The weights n, d and m of a recursion, four each."""
    a1, b1, a2, b2 = 1.3530, 1.8151, -0.3531, 0.0902
    sin1, cos1, exp1 = _wave(0.6681 / width, -1.3932 / width)
    sin2, cos2, exp2 = _wave(2.0787 / width, -1.3732 / width)
    n = [
        a1 + a2,
        exp2 * (b2 * sin2 - (a2 + 2 * a1) * cos2) + exp1 * (b1 * sin1 - (a1 + 2 * a2) * cos1),
        ((a1 + a2) * cos2 * cos1 - (b1 * cos2 * sin1 + b2 * cos1 * sin2)) * 2 * exp1 * exp2
        + a2 * exp1 * exp1
        + a1 * exp2 * exp2,
        exp2 * exp1 * exp1 * (b2 * sin2 - a2 * cos2) + exp1 * exp2 * exp2 * (b1 * sin1 - a1 * cos1),
    ]
    d = [
        -2 * (exp2 * cos2 + exp1 * cos1),
        4 * cos2 * cos1 * exp1 * exp2 + exp1 * exp1 + exp2 * exp2,
        -2 * cos1 * exp1 * exp2 * exp2 - 2 * cos2 * exp2 * exp1 * exp1,
        exp1 * exp1 * exp2 * exp2,
    ]
    gain = 2 * (((n[0] + n[1]) + n[2]) + n[3]) / ((((1 + d[0]) + d[1]) + d[2]) + d[3]) - n[0]
    n = [one / gain for one in n]
    m = [*(n[k] - d[k - 1] * n[0] for k in range(1, 4)), -d[3] * n[0]]
    return np.array([*n, *d, *m])


def _response(weights: Reals) -> Reals:
    """What a recursion makes of 1 among zeros, from there on."""
    line = np.zeros((1, 1, 1, 2 * _REACH + 1))
    line[..., _REACH] = 1.0
    none = np.zeros(0)
    made = filtered(line, (none, none, weights), RECURSIVE, np.float64, np.float64)
    return np.ascontiguousarray(made[0, 0, 0, _REACH:])


def _exp(x: float) -> float:
    return float(_CONTEXT.exp(Decimal(x)))


def _wave(angle: float, exponent: float) -> tuple[float, float, float]:
    """The sine and cosine of an angle of at most some turns, and the exponential of an exponent."""
    terms, term = [Decimal(1)], Decimal(1)
    for k in range(1, 60):
        term = _CONTEXT.divide(_CONTEXT.multiply(term, Decimal(angle)), Decimal(k))
        terms.append(term if k % 4 < 2 else -term)
    sine, cosine = Decimal(0), Decimal(0)
    for even, odd in zip(terms[0::2], terms[1::2], strict=True):
        cosine, sine = _CONTEXT.add(cosine, even), _CONTEXT.add(sine, odd)
    return float(sine), float(cosine), _exp(exponent)
