"""Training the network of a binary plane: what samples are, given what is around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from sofc.coders.bilevel.coder import Images
from sofc.coders.bilevel.kernel_fit import fill_samples, find_bit_gradients, list_places
from sofc.coders.bilevel.kernel_network import INPUTS
from sofc.coders.bilevel.passes import pieces, stacks
from sofc.entropy.bit_models import Integers
from sofc.planes import Plane
from sofc.prediction.network import Network
from sofc.prediction.network_fit import Fit, in_random_order

BATCH = 256
EPOCHS_SMALL, EPOCHS_LARGE = 10, 3
"""Rounds over all samples, by whether images are small."""
EVERY_SMALL, EVERY_LARGE = 4, 32
"""Of samples without ink nearby every so many are fitted to."""


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
        fit = Fit((INPUTS, *self.units, 1), BATCH, random)
        listed, bits = np.zeros((BATCH, INPUTS), np.int16), np.zeros(BATCH, np.uint8)
        parts = [(part.size, part) for part in stacks(islice(pieces(images, self.plane), 0, None, self.stride))]
        epochs, every = (EPOCHS_SMALL, EVERY_SMALL) if self.small else (EPOCHS_LARGE, EVERY_LARGE)
        for rate, (part,) in in_random_order(parts, epochs, 1, random):
            for places in _batches(part, every, random):
                fill_samples(part, places, listed, bits)
                fit.step(listed, None, partial(find_bit_gradients, bits), rate)
        return fit.network()


def _batches(part: Images, every: int, random: np.random.RandomState) -> Iterator[Integers]:
    """The places of the samples to fit to, in random order; the first once more where a batch is not full."""
    places = np.zeros(part.size, np.int64)
    places = random.permutation(places[: list_places(part, every, places)])
    batches = -(-len(places) // BATCH)
    yield from np.resize(places, (batches, BATCH))
