"""Fitting a network that says a mixture of logistics to samples: the gradients of what these take."""

from __future__ import annotations

from functools import partial

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector
from sofc.prediction.logistics import (
    ARGUMENT_BITS,
    ARGUMENT_LIMIT,
    FLOOR,
    SIGMOID_BITS,
    SLOPE_BITS,
    Logistics,
    argument_of,
    fill_logistics,
    logistics_of,
    sigmoid,
)
from sofc.prediction.network import Samples, Scale
from sofc.prediction.network_fit import UNIT, Fit, Passed

LN_2 = 0.6931471805599453
SIGMOID_ONE, ARGUMENT_ONE, SLOPE_ONE = (float(1 << bits) for bits in (SIGMOID_BITS, ARGUMENT_BITS, SLOPE_BITS))


@inlined
def _edge(half: int, k: int, shift: int, says: Logistics) -> tuple[float, float, float]:
    """Of component ``k`` below ``half`` eighths: its mass, its density, and the argument times the density."""
    argument = argument_of(half, k, shift, says)
    mass = sigmoid(argument) / SIGMOID_ONE
    density = mass * (1 - mass)
    limited = max(-ARGUMENT_LIMIT, min(ARGUMENT_LIMIT, argument))
    return mass, density, density * (limited / ARGUMENT_ONE)


@kernel
def find_gradients(samples: Samples, scale: Scale, says: Logistics, integers: Vector[np.int32], last: Passed) -> int:
    """The gradients of the code length of a batch of samples by what the last layer says: rounded, as a decoder has
    it. ``says`` and ``integers``: scratch. Returns 0."""
    count = says.weights.shape[0]
    share = 1.0 / samples.values.shape[0]
    for row in range(samples.values.shape[0]):
        outputs, back = last.outputs[row], last.back[row]
        for j in range(outputs.shape[0]):
            integers[j] = np.int32(np.floor(outputs[j] * np.float32(UNIT)))
        fill_logistics(integers, int(samples.fine[row]), scale.shift, says)
        value = int(samples.values[row])
        all_weights, mass = 0.0, FLOOR / SIGMOID_ONE
        for k in range(count):
            low, low_density, low_moment = 0.0, 0.0, 0.0
            high, high_density, high_moment = 1.0, 0.0, 0.0
            if value > 0:
                low, low_density, low_moment = _edge(8 * value - 4, k, scale.shift, says)
            if value < scale.maximum:
                high, high_density, high_moment = _edge(8 * value + 4, k, scale.shift, says)
            weight = float(says.weights[k])
            all_weights += weight
            mass += weight * (high - low)
            back[k] = weight * (high - low)
            back[count + k] = weight * (high_density - low_density)
            back[2 * count + k] = weight * (high_moment - low_moment)
        for k in range(count):
            weight, slope = float(says.weights[k]), says.slopes[k] / SLOPE_ONE
            back[k] = share * LN_2 * (weight / all_weights - back[k] / mass)
            back[count + k] = share * 32 * slope * (back[count + k] / mass)
            back[2 * count + k] = share * LN_2 * (back[2 * count + k] / mass)
    return 0


class MixtureFit(Fit):
    """A network of ``units`` (inputs, first and second layer) that says so many ``components``."""

    def __init__(self, units: tuple[int, int, int], components: int, batch: int, random: np.random.RandomState) -> None:
        super().__init__((*units, 3 * components), batch, random)
        self._says, self._integers = logistics_of(components), np.zeros(3 * components, np.int32)
        (biases,) = self.last.parameters.biases
        biases[components : 2 * components] = np.linspace(-1, 1, components)
        biases[2 * components :] = np.linspace(-1.5, 3, components)

    def learn(self, samples: Samples, scale: Scale, rate: float) -> None:
        """Take one step of the descent, for a batch."""
        find = partial(find_gradients, samples, scale, self._says, self._integers)
        self.step(samples.inputs, None, find, rate)
