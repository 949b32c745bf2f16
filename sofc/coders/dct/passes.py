"""What training the dct coder counts, pass by pass; each task runs in a worker on images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.dct.coder import best_predictor, code_component, components_of
from sofc.coders.dct.kernel_network import Questions
from sofc.coders.dct.kernel_prediction import MEANS, ROWS, SIZES, Component, Equations, accumulate
from sofc.coders.dct.model import NETWORK_SHAPE, ComponentModel, ComponentPlan, state_of
from sofc.coders.dct.terms import CONTEXTS
from sofc.coders.network_section import Mixers
from sofc.coders.training import Decoded
from sofc.coders.warm_up import learn
from sofc.entropy.binary import Writer
from sofc.entropy.bit_models import Symbols
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixture import TRAINED, MixingState, neutral_weights
from sofc.entropy.priors import FOLDS, History, Starts
from sofc.jpeg.known import prove, read_known
from sofc.jpeg.origin import Origin
from sofc.jpeg.recover import recover_planes
from sofc.prediction.network import NO_NETWORK, Network

LEAST_SHARE = 0.5
"""An image counts as a JPEG decoder's where so many samples come out of coefficients."""
COARSE = (2, 5, 12)
FILLED = ((0.4, 0.4, 0.15, 0.14), (0.12, 0.07, 0.04, 0.026))
"""First steps, and shares of coefficients that are not zero, of luminance and of others, by which components are told
apart at first."""
PART_ROWS = 512
"""Of each image no more is looked at."""
ALL_LOOKED_AT, LOOKED_AT = 64, 64
"""Where none of so many images came from a JPEG decoder, only each LOOKED_AT-th further one is looked at, until one
did: small images are many, and to look for coefficients that are not there takes longer than all the rest."""


def recovered(images: Iterator[Decoded], planes: int) -> Iterator[list[Origin] | None]:
    """The origins of each image; None where no JPEG decoder made it, or too few samples come out of them, or it was not
    looked at."""
    any_found = False
    for number, image in enumerate(images):
        found = None
        if image.jpeg or any_found or number < ALL_LOOKED_AT or number % LOOKED_AT == 0:
            found = _recovered(image, planes)
        any_found |= found is not None
        yield found


def _recovered(image: Decoded, planes: int) -> list[Origin] | None:
    """The origins of an image: what its JPEG data says is only to be read."""
    part = [plane[:PART_ROWS] for plane in image.planes]
    known = read_known(image.jpeg) if image.jpeg else None
    found = prove(part, known.part(0, len(part[0]))) if known is not None else None
    found = found or recover_planes(part, planes)
    return None if found is None or found.share < LEAST_SHARE else found.origins


@dataclass(frozen=True)
class Equate:
    """First passes: normal equations of what coefficients and the sizes of errors are predicted from.

    ``plans``: those of the pass before, which say what errors there are and which count less.
    """

    plans: tuple[ComponentPlan, ...]

    def collect_decoded(self, images: Iterator[Decoded]) -> tuple[int, int, list[Equations]]:
        """Images that have coefficients, all images, and the equations of each component."""
        sums = [
            Equations(*(np.zeros((len(plan.mean_weights), count + 1, count + 1), np.int64) for count in (MEANS, SIZES)))
            for plan in self.plans
        ]
        seen = count = 0
        for origins in recovered(images, len(self.plans)):
            count += 1
            if origins is None:
                continue
            seen += 1
            for plan, equations, component in zip(self.plans, sums, components_of(origins), strict=True):
                scratch = (np.zeros(count, np.int32) for count in (MEANS, SIZES))
                accumulate(component, plan.predictor, _predictor_for(component, plan), equations, *scratch)
        return seen, count, sums


def _predictor_for(component: Component, plan: ComponentPlan) -> int:
    """Which predictor is trained on a component: the one that serves it best; at first one by how coarse its steps are,
    and by how much of its blocks is not zero."""
    predictor = plan.predictor
    if predictor.means.any():
        return best_predictor(component, predictor)
    coarse = int(np.searchsorted(COARSE, component.table[0]))
    typical = FILLED[1 if component.first.any() else 0][coarse]
    filled = bool(np.count_nonzero(component.coefficients) > typical * component.coefficients.size)
    return (2 * coarse + filled) % (len(predictor.means) // ROWS)


@dataclass(frozen=True)
class EstimatePriors:
    """Next pass: what the bit models of each component see in each image, and how far images agree."""

    plans: tuple[ComponentPlan, ...]

    def collect_decoded(self, images: Iterator[Decoded]) -> list[Starts]:
        """What the bit models of each component should start with."""
        contexts = len(CONTEXTS)
        histories = [History(plan.starts(contexts) * BLOCK, TRAINED) for plan in self.plans]
        neutral = [ComponentModel(plan, 1, plan.neutral(contexts)) for plan in self.plans]
        for origins in filter(None, recovered(images, len(self.plans))):
            for model, history, component in zip(neutral, histories, components_of(origins), strict=True):
                state = model.start.copy()
                warm_up(model, state, component)
                history.add([state.mixture.models])
        return [history.starts() for history in histories]


@dataclass(frozen=True)
class WarmUp:
    """Last pass: code the images in a fixed order, each as an encoder would, so that weights learn.

    ``starts``: for each component what the bit models of each fold start with.
    """

    plans: tuple[ComponentPlan, ...]
    contexts: int
    sets: int
    starts: tuple[tuple[Symbols, ...], ...]
    networks: tuple[Network, ...] = ()

    def collect_decoded(self, images: Iterator[Decoded]) -> tuple[list[Mixers], int]:
        """What each component has: of weights means over the second half of the warm-up; and the bytes of the
        streams."""
        images_found = filter(None, recovered(images, len(self.plans)))
        found = [(turn % FOLDS, origins) for turn, origins in enumerate(images_found)]
        networks = self.networks or (NO_NETWORK,) * len(self.plans)
        shapes = [NETWORK_SHAPE if network.is_asked else (self.contexts, self.sets) for network in networks]
        ends = [int(plan.starts(used)[-1]) * BLOCK for plan, (used, _) in zip(self.plans, shapes, strict=True)]

        def code(weights: Sequence[npt.NDArray[np.int32]], practised: tuple[int, list[Origin]]) -> int:
            fold, origins = practised
            total = 0
            for number, component in enumerate(components_of(origins)):
                models = TRAINED.states[self.starts[number][fold][: ends[number]]]
                used, sets = shapes[number]
                state = state_of(used, models, weights[number])
                total += warm_up(ComponentModel(self.plans[number], sets, state, networks[number]), state, component)
            return total

        start = [neutral_weights(used, each.is_asked) for (used, _), each in zip(shapes, networks, strict=True)]
        weights, sizes = learn(start, lambda: found, code)
        mixers = [Mixers(*shape, own, each) for shape, own, each in zip(shapes, weights, networks, strict=True)]
        return mixers, sum(sizes)


def warm_up(model: ComponentModel, state: MixingState, component: Component, questions: Questions | None = None) -> int:
    """Code a component; the state goes on learning. Returns the bytes of its stream; ``questions``: as for
    ``code_component``."""
    # Longer than any stream: learning cannot be taken back and begun anew.
    writer = Writer(64 * component.coefficients.size + 1024)
    code_component(writer, model, state, component, questions)
    return len(writer.written())
