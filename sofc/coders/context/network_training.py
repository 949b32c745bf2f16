"""Training the network of a plane: what samples are, given what is around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sofc.coders.context.kernel_network import INPUTS, list_inputs
from sofc.coders.context.model import NetworkShape
from sofc.coders.context.passes import PassOfPlane
from sofc.coders.context.section import NETWORKS
from sofc.coders.context.tracing import shifted, trace_image
from sofc.coders.network_training import BATCH, batches, epochs_for, fitted_where_it_pays
from sofc.planes import Plane
from sofc.prediction import bank
from sofc.prediction.grid import find_grid
from sofc.prediction.mixture_fit import MixtureFit
from sofc.prediction.network import NO_NETWORK, Network, Samples, Scale
from sofc.prediction.network_fit import in_random_order

SAMPLES = 1 << 23
"""Samples of one plane that networks are fitted to at most."""
LEAST_SAMPLES = 1 << 18
"""Of fewer no network is fitted: it takes 7 kB."""
COMPONENTS = 4
CHUNK = 1 << 16
"""Samples that are put in random order at a time."""
PIECE = 1 << 12
"""About so many samples of an image go into one chunk."""
MOST_EPOCHS = 4
"""Rounds over all samples."""


class _Piece(NamedTuple):
    """Some rows of a plane that was traced."""

    around: bank.Neighbourhood
    traced: bank.Traced
    first_row: int
    samples: int


@dataclass(frozen=True)
class FitNetwork(PassOfPlane):
    """After the sizes of tables: the network of plane number ``plane`` at an effort.

    ``without``: contexts and weight sets of that effort where there is none; ``times``: images to be stored for each
    that is given.
    """

    shape: NetworkShape
    without: tuple[int, int]
    times: float

    def collect(self, images: Iterator[list[Plane]]) -> Network:
        """The network, rounded to integers; one without units where it saves less than its bytes."""
        found = list(shifted(images, self.ranges))
        return fitted_where_it_pays(found, NETWORKS, self.times, self._fitted, self._coded)

    def _coded(self, images: Sequence[list[Plane]], network: Network) -> int:
        """Bytes of images that are coded with a network, or at the same effort without one."""
        if network.is_asked:
            contexts, sets, _ = self.shape
        else:
            contexts, sets = self.without
        return self.code(images, sets, self.plan.neutral(contexts, forecast=network.is_asked), network)

    def _pieces(self, planes: Sequence[Plane]) -> Iterator[_Piece]:
        predictions = [plan.prediction for plan in self.plans[: self.plane + 1]]
        around, traced = trace_image(planes[: self.plane + 1], predictions, self.ranges, find_grid(planes))[-1]
        rows, width = traced.fine.shape
        height = max(1, PIECE // width)
        for first in range(0, rows, height):
            yield _Piece(around, traced, first, min(height, rows - first) * width)

    def _fitted(self, images: Sequence[list[Plane]]) -> Network:
        """A network, fitted to these; one without units where they are too few."""
        count = sum(planes[0].size for planes in images)
        if count < LEAST_SAMPLES:
            return NO_NETWORK
        random = np.random.RandomState(1)  # whose numbers are the same for ever
        fit = MixtureFit((INPUTS, *self.shape.units), COMPONENTS, BATCH, random)
        scale = Scale(self.plan.prediction.shift, self.ranges[self.plane].size)
        pieces = [(piece.samples, piece) for planes in images for piece in self._pieces(planes)]
        for rate, chunk in in_random_order(pieces, epochs_for(count, 2 * SAMPLES, MOST_EPOCHS), CHUNK, random):
            listed = _listed(chunk, scale)
            for one in batches(len(listed.values), BATCH, random):
                fit.learn(listed.chosen(one), scale, rate)
        return fit.network()


def _listed(pieces: Sequence[_Piece], scale: Scale) -> Samples:
    """The samples of some pieces of which a network is asked."""
    count = sum(piece.samples for piece in pieces)
    listed = Samples(np.zeros((count, INPUTS), np.int16), *np.zeros((2, count), np.int32))
    start = 0
    for piece in pieces:
        room = listed.chosen(slice(start, start + piece.samples))
        start += list_inputs(piece.around, piece.traced, piece.first_row, scale, room)
    return listed.chosen(slice(start))
