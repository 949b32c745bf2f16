"""Spec context/network: a mixture of few logistic distributions, as a network says it, and its cumulative
distribution; in integers.

As in PixelCNN++ (Salimans et al. 2017): each component has a weight, a mean and a scale. Of samples 0 .. maximum the
first has all that lies below it, and the last all above.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined
from sofc.jit.types import Vector

UNIT = 256
"""Outputs of the network stand for 1 / UNIT, their logarithms are of base 2."""
LEAST_WEIGHT = 10 * UNIT
"""Components of a smaller share than 2**-10 of the largest have that."""
WEIGHT_BITS = 12
SCALE_LIMIT = 6 * UNIT
"""Scales are 2**-6 to 2**6 steps of the plane."""
MEAN_LIMIT = 1 << 13
"""Means lie so many eighths of a step around the prediction, at most."""
POWER_BITS = 15
SIGMOID_BITS = 24
SIGMOID_STEPS, SIGMOID_RANGE = 32, 16
"""The table of 1 / (1 + e^-t) has so many entries for 1, from -SIGMOID_RANGE to SIGMOID_RANGE."""
SLOPE_BITS = 18
ARGUMENT_BITS = 12
STEP_BITS = ARGUMENT_BITS - 5
ARGUMENT_LIMIT = (SIGMOID_RANGE << ARGUMENT_BITS) - 1
FLOOR = 1 << 12
"""Of the mass of each sample, where all is about 2**(WEIGHT_BITS + SIGMOID_BITS): none is impossible."""


def _power_table() -> npt.NDArray[np.int32]:
    """2**(i / UNIT), i = 0 .. UNIT - 1, in 1 / 2**POWER_BITS. The table is normative, not the formula."""
    return np.rint(2.0 ** (POWER_BITS + np.arange(UNIT) / UNIT)).astype(np.int32)


def _sigmoid_table() -> npt.NDArray[np.int32]:
    """1 / (1 + e^-t) in 1 / 2**SIGMOID_BITS, for every SIGMOID_STEPS-th of t from -SIGMOID_RANGE on. The table is
    normative, not the formula."""
    t = np.arange(-SIGMOID_RANGE * SIGMOID_STEPS, SIGMOID_RANGE * SIGMOID_STEPS + 1) / SIGMOID_STEPS
    return np.rint((1 << SIGMOID_BITS) / (1 + np.exp(-t))).astype(np.int32)


POWERS = _power_table()
SIGMOID = _sigmoid_table()


class Logistics(NamedTuple):
    """A mixture of k components, each (k,): ``weights`` in 1 / 2**WEIGHT_BITS of the largest; ``means`` in eighths of a
    sample; ``slopes``, the inverse scales in steps of the plane, in 1 / 2**SLOPE_BITS."""

    weights: Vector[np.int64]
    means: Vector[np.int64]
    slopes: Vector[np.int64]


def logistics_of(components: int) -> Logistics:
    """Scratch for a mixture."""
    return Logistics(*(np.zeros(components, np.int64) for _ in range(3)))


@inlined
def fill_logistics(outputs: Vector[np.int32], fine: int, shift: int, logistics: Logistics) -> None:
    """Spec context/network. The mixture of 3 k ``outputs``: logarithms of weights, means relative to a prediction of
    ``fine`` eighths, logarithms of scales, both in steps of 1 << ``shift``."""
    count = logistics.weights.shape[0]
    largest = int(outputs[0])
    for k in range(1, count):
        largest = max(largest, int(outputs[k]))
    for k in range(count):
        rest = min(LEAST_WEIGHT, largest - int(outputs[k]))
        # 2**(-rest / UNIT) = 2**((whole * UNIT - rest) / UNIT) >> whole
        whole = (rest + UNIT - 1) >> 8
        logistics.weights[k] = int(POWERS[(-rest) & (UNIT - 1)]) >> (POWER_BITS - WEIGHT_BITS + whole)
        mean = max(-MEAN_LIMIT, min(MEAN_LIMIT, int(outputs[count + k])))
        logistics.means[k] = fine + (mean << shift)
        scale = SCALE_LIMIT - max(-SCALE_LIMIT, min(SCALE_LIMIT, int(outputs[2 * count + k])))
        # From 2**-6 up, so that exponents are no less than 0.
        logistics.slopes[k] = (int(POWERS[scale & (UNIT - 1)]) << (scale >> 8)) >> (POWER_BITS + 6 - SLOPE_BITS)


@inlined
def sigmoid(argument: int) -> int:
    """1 / (1 + e^-t) in 1 / 2**SIGMOID_BITS, of t in 1 / 2**ARGUMENT_BITS."""
    at = max(-ARGUMENT_LIMIT, min(ARGUMENT_LIMIT, argument)) + ARGUMENT_LIMIT + 1
    cell, between = at >> STEP_BITS, at & ((1 << STEP_BITS) - 1)
    low, high = int(SIGMOID[cell]), int(SIGMOID[cell + 1])
    return low + (((high - low) * between) >> STEP_BITS)


@inlined
def argument_of(half: int, k: int, shift: int, logistics: Logistics) -> int:
    """The argument of component ``k`` at ``half`` eighths of a sample."""
    return int((half - logistics.means[k]) * logistics.slopes[k]) >> (3 + SLOPE_BITS - ARGUMENT_BITS + shift)


@inlined
def mass_below(end: int, maximum: int, shift: int, logistics: Logistics) -> int:
    """Spec context/network. The mass of all samples below ``end``, 0 .. maximum + 1."""
    if end <= 0:
        return 0
    total = np.int64(end) * FLOOR
    for k in range(logistics.weights.shape[0]):
        part = 1 << SIGMOID_BITS
        if end <= maximum:
            part = sigmoid(argument_of(8 * end - 4, k, shift, logistics))
        total += logistics.weights[k] * part
    return int(total)
