"""Spec context/sections, context/network: mixers with a network, and what its layers say, for coders 2, 4 and 5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..coding_tools import FULL_WEIGHT, Decisions, read_mixers, read_weights
from ..notation import clamp, require


@dataclass
class Layer:
    """Weights, a row for each output, and of each output a bias, or one for each kind of questions."""

    weights: list[list[int]]
    biases: list[list[int]]

    @classmethod
    def read(cls, tables: Decisions, outputs: int, inputs: int, kinds: int) -> Layer:
        return cls(tables.table(outputs, inputs, 4095), tables.table(outputs, kinds, 65536))

    def outputs(self, inputs: Sequence[int], kind: int = 0) -> list[int]:
        """What it says, before it is clamped."""
        return [
            sum(weight * value for weight, value in zip(row, inputs, strict=True)) + 256 * biases[kind] >> 10
            for row, biases in zip(self.weights, self.biases, strict=True)
        ]


@dataclass
class Network:
    """Three layers."""

    layers: list[Layer]

    @classmethod
    def read(cls, tables: Decisions, shape: Shape, first: int, second: int, components: int = 1) -> Network:
        in_range = 1 <= first <= 128 and 1 <= second <= 128 and 1 <= components <= shape.components
        require(in_range, "network out of range")
        sizes = pairwise([shape.inputs, first, second, shape.outputs * components])
        return cls(
            [
                Layer.read(tables, after, before, kinds)
                for (before, after), kinds in zip(sizes, (shape.kinds, 1, 1), strict=True)
            ]
        )

    def outputs(self, inputs: Sequence[int], kind: int = 0) -> list[int]:
        first, second, last = self.layers
        one = [clamp(value, 0, 2047) for value in first.outputs(inputs, kind)]
        two = [clamp(value, 0, 2047) for value in second.outputs(one)]
        return last.outputs(two)


@dataclass
class Shape:
    """Inputs, biases of the first layer for so many kinds of questions, and outputs for each of so many components."""

    inputs: int
    kinds: int
    outputs: int
    components: int


def read_network_mixers(
    data: bytes, contexts: int, change: bytes, shape: Shape
) -> tuple[int, int, list[list[int]], Network | None]:
    """A section of kind 2: how many contexts are used, how many weight sets, the weights, and a network, if there is
    one."""
    if len(data) < 5 or data[1] < 128:
        return *read_mixers(data, contexts, change), None
    used, sets, first, second, components = data[0], data[1] - 128, *data[2:5]
    require(1 <= used <= contexts and 1 <= sets <= 3, "mixers out of range")
    tables = Decisions(data, 5, change)
    network = Network.read(tables, shape, first, second, components)
    return used, sets, read_weights(tables, used, 4 * FULL_WEIGHT // 10, 52428), network
