"""Fitting a network: stochastic gradient descent (Adam, Kingma and Ba 2015) on a code length.

In floating point, but the same on every machine: each sum has one order, and nothing is called whose last bit libraries
round as they like. Units stand side by side in memory, so that as many as fit are done at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.prediction.network import (
    ACTIVITY_LIMIT,
    BIAS_LIMIT,
    WEIGHT_BITS,
    WEIGHT_LIMIT,
    Network,
    layer_of,
)

Reals = npt.NDArray[np.float32]

UNIT = 256
"""Steps of inputs and activities in 1."""
SLOWLY, SLOWER = 0.9, 0.998
"""By what the means of gradients, and of their squares, fade from batch to batch."""
LEAST = 1e-8
RATE, LAST_RATE = 3e-3, 2e-5
"""Steps of the descent at the start and at the end."""


class Affine(NamedTuple):
    """What a layer adds up: ``weights`` (inputs, units) and, for each kind of questions, ``biases`` (kinds, units); or
    the gradients of these."""

    weights: Table[np.float32]
    biases: Table[np.float32]


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
def go_forward(inputs: Table[np.float32], kinds: Vector[np.uint8], layer: Passed, rectified: bool) -> int:
    """What a layer says to ``inputs`` (samples, inputs), of ``kinds`` (samples,) that it tells apart. Returns 0."""
    limit = np.float32(ACTIVITY_LIMIT / UNIT)
    for row in range(inputs.shape[0]):
        outputs, biases = layer.outputs[row], layer.parameters.biases[kinds[row]]
        for j in range(outputs.shape[0]):
            outputs[j] = biases[j]
        for i in range(inputs.shape[1]):
            if inputs[row, i] != 0:
                _add_product(inputs[row, i], layer.parameters.weights[i], outputs)
        if rectified:
            for j in range(outputs.shape[0]):
                outputs[j] = max(np.float32(0), min(limit, outputs[j]))
    return 0


@kernel
def go_back(inputs: Table[np.float32], kinds: Vector[np.uint8], layer: Passed) -> int:
    """The gradients of a layer's weights and biases, from those of what it says. Returns 0."""
    weights = layer.gradients.weights
    weights[:] = 0
    layer.gradients.biases[:] = 0
    for row in range(inputs.shape[0]):
        back, biases = layer.back[row], layer.gradients.biases[kinds[row]]
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
    """A network of ``units`` (inputs, units of each layer), with biases of its first layer for so many ``kinds`` of
    questions, fitted to batches of ``batch`` samples. ``last``: its last layer, while it is fitted."""

    def __init__(
        self, units: tuple[int, int, int, int], batch: int, random: np.random.RandomState, kinds: int = 1
    ) -> None:
        shapes = [(*pair, count) for pair, count in zip(pairwise(units), (kinds, 1, 1), strict=True)]
        self._descent = Descent(sum((before + count) * after for before, after, count in shapes))
        self._inputs = np.zeros((batch, units[0]), np.float32)
        self._one_kind = np.zeros(batch, np.uint8)
        self._layers: list[Passed] = []
        start = 0
        for before, after, count in shapes:
            place = slice(start, start + (before + count) * after)
            parameters, gradients, limits = (
                each[place] for each in (self._descent.parameters, self._descent.gradients, self._descent.limits)
            )
            start, end = place.stop, before * after
            parameters[:end] = (random.random_sample(end) * 2 - 1) * math.sqrt(6 / before)
            limits[:end], limits[end:] = WEIGHT_LIMIT / (1 << WEIGHT_BITS), BIAS_LIMIT / (UNIT << WEIGHT_BITS)
            own, found = (
                Affine(each[:end].reshape(before, after), each[end:].reshape(count, after))
                for each in (parameters, gradients)
            )
            outputs, back = np.zeros((2, batch, after), np.float32)
            self._layers.append(Passed(own, found, outputs, back))
        self.last = self._layers[-1]
        self.last.parameters.weights[:] *= np.float32(0.25)

    def step(
        self,
        inputs: npt.NDArray[np.int16],
        kinds: npt.NDArray[np.uint8] | None,
        find: Callable[[Passed], object],
        rate: float,
    ) -> None:
        """Take one step of the descent, for a batch of ``inputs``, of ``kinds`` where there are several; ``find`` fills
        the gradients of what the last layer says."""
        layers = self._layers
        to_reals(inputs, self._inputs)
        says = [self._inputs, *(layer.outputs for layer in layers)]
        all_kinds = [self._one_kind if kinds is None else kinds, self._one_kind, self._one_kind]
        for number, layer in enumerate(layers):
            go_forward(says[number], all_kinds[number], layer, layer is not self.last)
        find(self.last)
        for number in reversed(range(len(layers))):
            go_back(says[number], all_kinds[number], layers[number])
            if number:
                pass_back(np.ascontiguousarray(layers[number].parameters.weights.T), layers[number], layers[number - 1])
        self._descent.step(rate)

    def network(self) -> Network:
        """The network, rounded to integers."""
        one = 1 << WEIGHT_BITS
        layers = (layer.parameters for layer in self._layers)
        return Network(*(layer_of(np.rint(own.weights.T * one), np.rint(own.biases * one) * UNIT) for own in layers))


Piece = TypeVar("Piece")


def in_random_order(
    pieces: Sequence[tuple[int, Piece]], epochs: int, chunk: int, random: np.random.RandomState
) -> Iterator[tuple[float, list[Piece]]]:
    """Pieces, each with its number of samples, in random order, about ``chunk`` samples at a time, so often as there
    are ``epochs``; and the rate at which to learn from them."""
    every = epochs * sum(size for size, _ in pieces)
    done = samples = 0
    some: list[Piece] = []
    for _ in range(epochs):
        for number in random.permutation(len(pieces)):
            size, piece = pieces[number]
            some.append(piece)
            samples += size
            if samples >= chunk:
                yield _rate(done / every), some
                done, samples, some = done + samples, 0, []
        if some:
            yield _rate(done / every), some
            done, samples, some = done + samples, 0, []


def _rate(done: float) -> float:
    left = 1 - done
    return LAST_RATE + RATE * left * left * (3 - 2 * left)
