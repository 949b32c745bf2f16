"""Fitting a network: stochastic gradient descent (Adam, Kingma and Ba 2015) on the code length of samples.

In floating point, but the same on every machine: each sum has one order, and nothing is called whose last bit libraries
round as they like. Units stand side by side in memory, so that as many as fit are done at a time.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
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
from sofc.prediction.network import (
    ACTIVITY_LIMIT,
    BIAS_LIMIT,
    WEIGHT_BITS,
    WEIGHT_LIMIT,
    Network,
    Samples,
    Scale,
    layer_of,
)

Reals = npt.NDArray[np.float32]

UNIT = 256
"""Steps of inputs and activities in 1."""
LN_2 = 0.6931471805599453
SLOWLY, SLOWER = 0.9, 0.998
"""By what the means of gradients, and of their squares, fade from batch to batch."""
LEAST = 1e-8
SIGMOID_ONE, ARGUMENT_ONE, SLOPE_ONE = (float(1 << bits) for bits in (SIGMOID_BITS, ARGUMENT_BITS, SLOPE_BITS))


class Affine(NamedTuple):
    """What a layer adds up: ``weights`` (inputs, units) and ``biases`` (units,); or the gradients of these."""

    weights: Table[np.float32]
    biases: Vector[np.float32]


class Passed(NamedTuple):
    """One layer while it is fitted: its ``parameters``, their ``gradients``, and of a batch what it says, ``outputs``,
    and the gradients of that, ``back`` (samples, units)."""

    parameters: Affine
    gradients: Affine
    outputs: Table[np.float32]
    back: Table[np.float32]


@kernel
def to_reals(inputs: Table[np.int16], outputs: Table[np.float32]) -> int:
    """Inputs as real numbers. Returns 0."""
    for row in range(outputs.shape[0]):
        for i in range(outputs.shape[1]):
            outputs[row, i] = np.float32(inputs[row, i]) * np.float32(1 / UNIT)
    return 0


@inlined
def _add_product(factor: float, values: Vector[np.float32], totals: Vector[np.float32]) -> None:
    """Add ``factor`` times ``values`` to as many ``totals``."""
    for i in range(totals.shape[0]):
        totals[i] += factor * values[i]


@kernel
def go_forward(inputs: Table[np.float32], layer: Passed, rectified: bool) -> int:
    """What a layer says to ``inputs`` (samples, inputs). Returns 0."""
    limit = np.float32(ACTIVITY_LIMIT / UNIT)
    for row in range(inputs.shape[0]):
        outputs = layer.outputs[row]
        for j in range(outputs.shape[0]):
            outputs[j] = layer.parameters.biases[j]
        for i in range(inputs.shape[1]):
            if inputs[row, i] != 0:
                _add_product(inputs[row, i], layer.parameters.weights[i], outputs)
        if rectified:
            for j in range(outputs.shape[0]):
                outputs[j] = max(np.float32(0), min(limit, outputs[j]))
    return 0


@kernel
def go_back(inputs: Table[np.float32], layer: Passed) -> int:
    """The gradients of a layer's weights and biases, from those of what it says. Returns 0."""
    weights, biases = layer.gradients
    weights[:] = 0
    biases[:] = 0
    for row in range(inputs.shape[0]):
        back = layer.back[row]
        for j in range(back.shape[0]):
            biases[j] += back[j]
        for i in range(inputs.shape[1]):
            if inputs[row, i] != 0:
                _add_product(inputs[row, i], back, weights[i])
    return 0


@kernel
def pass_back(transposed: Table[np.float32], layer: Passed, before: Passed) -> int:
    """The gradients of what the layer ``before`` says; ``transposed`` (units, inputs): this one's weights. Returns
    0."""
    limit = np.float32(ACTIVITY_LIMIT / UNIT)
    for row in range(layer.back.shape[0]):
        back = before.back[row]
        back[:] = 0
        for j in range(transposed.shape[0]):
            _add_product(layer.back[row, j], transposed[j], back)
        outputs = before.outputs[row]
        for i in range(back.shape[0]):
            if outputs[i] <= 0 or outputs[i] >= limit:
                back[i] = 0
    return 0


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


class Descent:
    """Adam for parameters that stand in a row, as do their gradients, each (n,); ``limits``: by how much each may
    differ from 0. Elementwise, without a kernel: a square root needs the C library."""

    def __init__(self, size: int) -> None:
        self.parameters, self.gradients, self.limits, self._means, self._squares = np.zeros((5, size), np.float32)
        self._faded, self._faded_squares = 1.0, 1.0

    def step(self, rate: float) -> None:
        """Take a step down the gradients."""
        self._faded *= SLOWLY
        self._faded_squares *= SLOWER
        self._means += np.float32(1 - SLOWLY) * (self.gradients - self._means)
        self._squares += np.float32(1 - SLOWER) * (self.gradients * self.gradients - self._squares)
        spread = np.sqrt(self._squares / np.float32(1 - self._faded_squares)) + np.float32(LEAST)
        self.parameters -= np.float32(rate / (1 - self._faded)) * self._means / spread
        np.clip(self.parameters, -self.limits, self.limits, out=self.parameters)


class Fit:
    """A network of ``units`` (inputs, first and second layer) and so many ``components``, fitted to batches of
    ``batch`` samples."""

    def __init__(self, units: tuple[int, int, int], components: int, batch: int, random: np.random.RandomState) -> None:
        sizes = [*units, 3 * components]
        shapes = list(pairwise(sizes))
        total = sum(before * after + after for before, after in shapes)
        self._descent = Descent(total)
        self._inputs = np.zeros((batch, units[0]), np.float32)
        self._layers: list[Passed] = []
        self._says, self._integers = logistics_of(components), np.zeros(3 * components, np.int32)
        start = 0
        for before, after in shapes:
            place = slice(start, start + (before + 1) * after)
            parameters, gradients, limits = (
                each[place] for each in (self._descent.parameters, self._descent.gradients, self._descent.limits)
            )
            start = place.stop
            count = before * after
            parameters[:count] = (random.random_sample(count) * 2 - 1) * math.sqrt(6 / before)
            limits[:count], limits[count:] = WEIGHT_LIMIT / (1 << WEIGHT_BITS), BIAS_LIMIT / (UNIT << WEIGHT_BITS)
            weights, weight_gradients = (each[:count].reshape(before, after) for each in (parameters, gradients))
            outputs, back = np.zeros((2, batch, after), np.float32)
            own, found = Affine(weights, parameters[count:]), Affine(weight_gradients, gradients[count:])
            self._layers.append(Passed(own, found, outputs, back))
        last = self._layers[-1].parameters
        last.weights[:] *= np.float32(0.25)
        last.biases[components : 2 * components] = np.linspace(-1, 1, components)
        last.biases[2 * components :] = np.linspace(-1.5, 3, components)

    def step(self, samples: Samples, scale: Scale, rate: float) -> None:
        """Take one step of the descent, for a batch."""
        layers = self._layers
        to_reals(samples.inputs, self._inputs)
        says = [self._inputs, *(layer.outputs for layer in layers)]
        for number, layer in enumerate(layers):
            go_forward(says[number], layer, layer is not layers[-1])
        find_gradients(samples, scale, self._says, self._integers, layers[-1])
        for number in reversed(range(len(layers))):
            go_back(says[number], layers[number])
            if number:
                pass_back(np.ascontiguousarray(layers[number].parameters.weights.T), layers[number], layers[number - 1])
        self._descent.step(rate)

    def network(self) -> Network:
        """The network, rounded to integers."""
        one = 1 << WEIGHT_BITS
        layers = (layer.parameters for layer in self._layers)
        return Network(*(layer_of(np.rint(own.weights.T * one), np.rint(own.biases * one) * UNIT) for own in layers))
