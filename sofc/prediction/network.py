"""Spec context/network: a small neural network of integers: three layers, rectified in between.

Activities and inputs are of 12 bits, weights of 13, both with their signs: no sum of at most MOST_UNITS products, and a
bias, leaves 32 bits; where there are more inputs they must be smaller (spec appendix-widths). Products of 16 bits added
up in 32 are what processors do most of at a time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined
from sofc.jit.types import Table, Vector

Numbers = npt.NDArray[np.integer] | npt.NDArray[np.floating]

MOST_UNITS = 128
"""Units of a layer."""
ACTIVITY_LIMIT = (1 << 11) - 1
"""Of inputs, in 1/256, and of what units say."""
WEIGHT_BITS = 10
"""Weights are in 1 / 2**WEIGHT_BITS."""
WEIGHT_LIMIT = (1 << 12) - 1
BIAS_LIMIT = 1 << 24
"""Of biases, in 1 / 2**WEIGHT_BITS of an activity's step."""


class Layer(NamedTuple):
    """``weights`` (units, inputs) and ``biases`` (kinds, units): what is asked is of one of so many kinds, which the
    first layer of a network alone tells apart."""

    weights: Table[np.int16]
    biases: Table[np.int32]


class Network(NamedTuple):
    """Three layers; of none where ``last`` has no units."""

    first: Layer
    second: Layer
    last: Layer

    @property
    def is_asked(self) -> bool:
        """Whether it has units."""
        return len(self.last.weights) > 0


class Activities(NamedTuple):
    """Scratch: what goes into each layer of a network, and what the last one says."""

    inputs: Vector[np.int16]
    first: Vector[np.int16]
    second: Vector[np.int16]
    outputs: Vector[np.int32]


class Samples(NamedTuple):
    """Samples that a network is fitted to: ``inputs`` (n, inputs), predictions ``fine`` in eighths and ``values``
    (n,)."""

    inputs: Table[np.int16]
    fine: Vector[np.int32]
    values: Vector[np.int32]

    def chosen(self, which: npt.NDArray[np.intp] | slice) -> Samples:
        """Some of them."""
        return Samples(self.inputs[which], self.fine[which], self.values[which])


class Scale(NamedTuple):
    """Of a plane: the scale of its differences, and its largest sample."""

    shift: int
    maximum: int


def layer_of(weights: Numbers, biases: Numbers) -> Layer:
    """A layer as kernels take it."""
    return Layer(np.ascontiguousarray(weights, np.int16), np.ascontiguousarray(biases, np.int32))


NO_NETWORK = Network(*[layer_of(np.zeros((0, 0)), np.zeros((1, 0)))] * 3)


def activities_of(network: Network) -> Activities:
    """Scratch for a network."""
    inputs, first, second = (np.zeros(layer.weights.shape[1], np.int16) for layer in network)
    return Activities(inputs, first, second, np.zeros(len(network.last.weights), np.int32))


@inlined
def is_there(network: Network) -> bool:
    """What ``Network.is_asked`` says, in kernels."""
    return int(network.last.weights.shape[0]) > 0


@inlined
def _weighted(inputs: Vector[np.int16], weights: Vector[np.int16]) -> np.int32:
    """The sum of products."""
    total = np.int32(0)
    for i in range(weights.shape[0]):
        total = np.int32(total + np.int32(np.int32(inputs[i]) * np.int32(weights[i])))
    return total


@inlined
def _say(layer: Layer, kind: int, inputs: Vector[np.int16], unit: int) -> int:
    """What a unit of a layer says of a question of this ``kind``."""
    return int(np.int64(_weighted(inputs, layer.weights[unit])) + layer.biases[kind, unit]) >> WEIGHT_BITS


@inlined
def _rectified(layer: Layer, kind: int, inputs: Vector[np.int16], outputs: Vector[np.int16]) -> None:
    """What all its units say, not less than 0."""
    for unit in range(outputs.shape[0]):
        outputs[unit] = max(0, min(ACTIVITY_LIMIT, _say(layer, kind, inputs, unit)))


@inlined
def ask(network: Network, activities: Activities, kind: int) -> None:
    """Spec context/network. Fill all activities from the inputs, which are within ACTIVITY_LIMIT, for a question of
    this ``kind``."""
    _rectified(network.first, kind, activities.inputs, activities.first)
    _rectified(network.second, 0, activities.first, activities.second)
    for unit in range(activities.outputs.shape[0]):
        activities.outputs[unit] = _say(network.last, 0, activities.second, unit)
