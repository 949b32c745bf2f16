"""Training the network of a binary plane: what samples are, given what is around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from sofc.coders.bilevel.coder import Images
from sofc.coders.bilevel.kernel_fit import fill_samples, find_bit_gradients, list_places
from sofc.coders.bilevel.kernel_network import INPUTS
from sofc.coders.bilevel.passes import pieces, stacks
from sofc.entropy.bit_models import Integers
from sofc.planes import Plane
from sofc.prediction.network import Layer, Network
from sofc.prediction.network_fit import Fit, go_back, go_forward, pass_back, to_reals

BATCH = 256
EPOCHS_SMALL, EPOCHS_LARGE = 10, 3
"""Rounds over all samples, by whether images are small."""
EVERY_SMALL, EVERY_LARGE = 4, 32
"""Of samples without ink nearby every so many are fitted to."""
RATE, LAST_RATE = 3e-3, 2e-5
"""Steps of the descent at the start and at the end."""


class BitFit(Fit):
    """A network whose one output is the stretched probability of a bit."""

    def __init__(self, units: tuple[int, int], random: np.random.RandomState) -> None:
        super().__init__((INPUTS, *units), 1, BATCH, random)
        self._listed = np.zeros((BATCH, INPUTS), np.int16)
        self._bits = np.zeros(BATCH, np.uint8)

    def learn(self, images: Images, places: Integers, rate: float) -> None:
        """Take one step of the descent, for the samples at these ``places`` (BATCH,), as ``list_places`` has them."""
        fill_samples(images, places, self._listed, self._bits)
        to_reals(self._listed, self._inputs)
        first, second, last = self._layers
        steps = (self._inputs, first), (first.outputs, second), (second.outputs, last)
        for inputs, layer in steps:
            go_forward(inputs, layer, layer is not last)
        find_bit_gradients(self._bits, last)
        for (inputs, layer), before in zip(reversed(steps), (second, first, None), strict=True):
            go_back(inputs, layer)
            if before is not None:
                pass_back(np.ascontiguousarray(layer.parameters.weights.T), layer, before)
        self._descent.step(rate)

    def network(self) -> Network:
        """The network, rounded to integers, with the one output that is fitted."""
        first, second, (weights, biases) = super().network()
        return Network(first, second, Layer(weights[:1].copy(), biases[:1].copy()))


@dataclass(frozen=True)
class FitNetwork:
    """Second pass: fit the network of one plane to every ``stride``-th piece; ``units``: those of its two layers."""

    plane: int
    stride: int
    small: bool
    units: tuple[int, int]

    def collect(self, images: Iterator[list[Plane]]) -> Network:
        """The network, rounded to integers."""
        random = np.random.RandomState(1)  # whose numbers are the same for ever
        fit = BitFit(self.units, random)
        parts = list(stacks(islice(pieces(images, self.plane), 0, None, self.stride)))
        epochs, every = (EPOCHS_SMALL, EVERY_SMALL) if self.small else (EPOCHS_LARGE, EVERY_LARGE)
        order = np.concatenate([random.permutation(len(parts)) for _ in range(epochs)])
        for turn, number in enumerate(order):
            left = 1 - turn / len(order)
            rate = LAST_RATE + RATE * left * left * (3 - 2 * left)
            for places in _batches(parts[number], every, random):
                fit.learn(parts[number], places, rate)
        return fit.network()


def _batches(part: Images, every: int, random: np.random.RandomState) -> Iterator[Integers]:
    """The places of the samples to fit to, in random order; the first once more where a batch is not full."""
    places = np.zeros(part.size, np.int64)
    places = random.permutation(places[: list_places(part, every, places)])
    batches = -(-len(places) // BATCH)
    yield from np.resize(places, (batches, BATCH))
