"""Training the network of a component: what coefficients are, given what is around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.dct.coder import components_of
from sofc.coders.dct.kernel_network import DECISIONS, INPUTS, Questions
from sofc.coders.dct.kernel_network_fit import find_decision_gradients
from sofc.coders.dct.model import EFFORTS, NETWORK_EFFORT, NETWORK_SHAPE, ComponentModel, ComponentPlan
from sofc.coders.dct.passes import recovered, warm_up
from sofc.coders.dct.section import NETWORKS
from sofc.coders.network_section import pack_network
from sofc.coders.training import Decoded
from sofc.jpeg.dct import SIZE
from sofc.jpeg.origin import Origin
from sofc.prediction.network import NO_NETWORK, Network, first_layer_of, layer_of
from sofc.prediction.network_fit import Fit, in_random_order

LEAST_COEFFICIENTS = 1 << 16
"""Where fewer are not zero no network is fitted: it takes 8 kB."""
UNITS = (INPUTS, 64, 32, DECISIONS)
HELD_OUT = 8
"""Every so many images one is held out, by which it is seen what the network saves."""
BATCH = 1 << 10
CHUNK = 1 << 18
"""Coefficients, zeros counted, of images of which the network learns in random order."""
ROOM = 1 << 17
"""Of an image no more is learned from at a time."""
LEAST_EPOCHS, MOST_EPOCHS, COEFFICIENTS = 2, 8, 1 << 22
"""Rounds over all images, the more the fewer coefficients are not zero."""


class _Listed(NamedTuple):
    """What a network is asked, and by how much coefficients differ from what is predicted; as ``Questions``."""

    inputs: npt.NDArray[np.int16]
    kinds: npt.NDArray[np.uint8]
    residuals: npt.NDArray[np.int16]


@dataclass(frozen=True)
class FitNetwork:
    """After the plans: the network of component ``number``."""

    plans: tuple[ComponentPlan, ...]
    number: int

    def collect_decoded(self, images: Iterator[Decoded]) -> Network:
        """The network, rounded to integers; one without units where it saves less than its bytes."""
        everything = [origins[: self.number + 1] for origins in recovered(images, len(self.plans)) if origins]
        held_out = everything[HELD_OUT - 1 :: HELD_OUT]
        others = [origins for turn, origins in enumerate(everything) if turn % HELD_OUT != HELD_OUT - 1]
        count = sum(int(np.count_nonzero(origins[-1].coefficients)) for origins in others)
        if not held_out or count < LEAST_COEFFICIENTS:
            return NO_NETWORK
        network = self._fitted(others, max(LEAST_EPOCHS, min(MOST_EPOCHS, COEFFICIENTS // count)))
        saved = self._coded(held_out, NO_NETWORK) - self._coded(held_out, network)
        pays = saved * len(everything) > len(pack_network(network, NETWORKS)) * len(held_out)
        return network if pays else NO_NETWORK

    def _model(self, network: Network) -> ComponentModel:
        """A model that has learned nothing, at the effort at which there may be networks."""
        plan, asks = self.plans[self.number], network.is_asked
        contexts, sets = NETWORK_SHAPE if asks else EFFORTS[NETWORK_EFFORT]
        return ComponentModel(plan, sets, plan.neutral(contexts, forecast=asks), network)

    def _coded(self, images: Sequence[list[Origin]], network: Network) -> int:
        """Bytes of images that are coded with a network, or at the same effort without one."""
        model = self._model(network)
        state = model.start.copy()
        return sum(warm_up(model, state, list(components_of(origins))[-1]) for origins in images)

    def _fitted(self, images: Sequence[list[Origin]], epochs: int) -> Network:
        """A network, fitted to these."""
        random = np.random.RandomState(1)  # whose numbers are the same for ever
        fit = Fit(UNITS, BATCH, random, kinds=SIZE)
        sized = [(origins[-1].coefficients.size, origins) for origins in images]
        for rate, some in in_random_order(sized, epochs, CHUNK, random):
            inputs, kinds, residuals = (np.concatenate(parts) for parts in zip(*map(self._listed, some), strict=True))
            order = random.permutation(len(residuals))
            for start in range(0, len(order) - BATCH + 1, BATCH):
                one = order[start : start + BATCH]
                fit.step(inputs[one], kinds[one], partial(find_decision_gradients, residuals[one]), rate)
        return fit.network()

    def _listed(self, origins: list[Origin]) -> _Listed:
        """What a network is asked of an image."""
        component = list(components_of(origins))[-1]
        asked = int(np.count_nonzero(component.coefficients))
        # About twice as many are coded as are not zero.
        questions = Questions.of(ROOM, max(1, 4 * asked // ROOM))
        model = self._model(ASKING)
        warm_up(model, model.start, component, questions)
        count = min(ROOM, -(-int(questions.asked[0]) // questions.every))
        return _Listed(questions.inputs[:count], questions.kinds[:count], questions.residuals[:count])


def _silent() -> Network:
    """The smallest network: what it says is not heeded."""
    first = first_layer_of(np.zeros((1, INPUTS), np.int16), np.zeros((SIZE, 1), np.int32))
    return Network(first, *(layer_of(np.zeros((after, 1)), np.zeros(after)) for after in (1, DECISIONS)))


ASKING = _silent()
