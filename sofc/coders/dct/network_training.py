"""Training the network of a component: what coefficients are, given what is around them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.dct.kernel_network import DECISIONS, INPUTS, Questions
from sofc.coders.dct.kernel_network_fit import find_decision_gradients
from sofc.coders.dct.model import EFFORTS, NETWORK_EFFORT, NETWORK_SHAPE, ComponentModel, ComponentPlan
from sofc.coders.dct.packed import Packed, pack_origins, unpack_component
from sofc.coders.dct.passes import recovered, warm_up
from sofc.coders.dct.section import NETWORKS
from sofc.coders.network_training import batches, epochs_for, fitted_where_it_pays
from sofc.coders.training import Decoded
from sofc.jpeg.dct import SIZE
from sofc.prediction.network import NO_NETWORK, Network, layer_of
from sofc.prediction.network_fit import Fit, in_random_order

LEAST_COEFFICIENTS = 1 << 16
"""Where fewer are not zero no network is fitted: it takes 8 kB."""
UNITS = (INPUTS, 64, 32, DECISIONS)
CHUNK = 1 << 18
"""Coefficients, zeros counted, of images of which the network learns in random order."""
ROOM = 1 << 17
"""Of an image no more is learned from at a time."""
BATCH = 1 << 8
"""Coefficients of a step of the descent."""
COEFFICIENTS, MOST_EPOCHS = 1 << 24, 8
"""About so many that are not zero are learned from, in at most so many rounds over all images."""


class _Listed(NamedTuple):
    """What a network is asked, and by how much coefficients differ from what is predicted; as ``Questions``."""

    inputs: npt.NDArray[np.int16]
    kinds: npt.NDArray[np.uint8]
    residuals: npt.NDArray[np.int16]


@dataclass(frozen=True)
class FitNetwork:
    """After the plans: the network of component ``number``; ``times``: images to be stored for each that is given."""

    plans: tuple[ComponentPlan, ...]
    number: int
    times: float = 1.0

    def collect_decoded(self, images: Iterator[Decoded]) -> Network:
        """The network, rounded to integers; one without units where it saves less than its bytes."""
        found = filter(None, recovered(images, len(self.plans)))
        packed = [pack_origins(origins[: self.number + 1]) for origins in found]
        return fitted_where_it_pays(packed, NETWORKS, self.times, self._fitted, self._coded)

    def _model(self, network: Network) -> ComponentModel:
        """A model that has learned nothing, at the effort at which there may be networks."""
        plan, asks = self.plans[self.number], network.is_asked
        contexts, sets = NETWORK_SHAPE if asks else EFFORTS[NETWORK_EFFORT]
        return ComponentModel(plan, sets, plan.neutral(contexts, forecast=asks), network)

    def _coded(self, images: Sequence[Packed], network: Network) -> int:
        """Bytes of images that are coded with a network, or at the same effort without one."""
        model = self._model(network)
        state = model.start.copy()
        return sum(warm_up(model, state, unpack_component(packed, self.number)) for packed in images)

    def _fitted(self, images: Sequence[Packed]) -> Network:
        """A network, fitted to these; one without units where they are too few."""
        count = sum(int(np.count_nonzero(packed[-1].unpack().coefficients)) for packed in images)
        if count < LEAST_COEFFICIENTS:
            return NO_NETWORK
        random = np.random.RandomState(1)  # whose numbers are the same for ever
        fit = Fit(UNITS, BATCH, random, kinds=SIZE)
        sized = [(math.prod(packed[-1].shape), packed) for packed in images]
        for rate, some in in_random_order(sized, epochs_for(count, COEFFICIENTS, MOST_EPOCHS), CHUNK, random):
            inputs, kinds, residuals = (np.concatenate(parts) for parts in zip(*map(self._listed, some), strict=True))
            for one in batches(len(residuals), BATCH, random):
                fit.step(inputs[one], kinds[one], partial(find_decision_gradients, residuals[one]), rate)
        return fit.network()

    def _listed(self, packed: Packed) -> _Listed:
        """What a network is asked of an image."""
        component = unpack_component(packed, self.number)
        asked = int(np.count_nonzero(component.coefficients))
        # About twice as many are coded as are not zero.
        questions = Questions.of(ROOM, max(1, 4 * asked // ROOM))
        model = self._model(ASKING)
        warm_up(model, model.start, component, questions)
        count = min(ROOM, -(-int(questions.asked[0]) // questions.every))
        return _Listed(questions.inputs[:count], questions.kinds[:count], questions.residuals[:count])


def _silent() -> Network:
    """The smallest network: what it says is not heeded."""
    shapes = ((1, INPUTS, SIZE), (1, 1, 1), (DECISIONS, 1, 1))
    return Network(*(layer_of(np.zeros((units, inputs)), np.zeros((kinds, units))) for units, inputs, kinds in shapes))


ASKING = _silent()
