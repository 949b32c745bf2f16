"""What training the DCT coder counts, pass by pass; each task runs in a worker on images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.dct import kernel
from sofc.coders.dct.coder import all_references, code_component
from sofc.coders.dct.plan import CONTEXTS, ComponentModel, ComponentPlan
from sofc.coders.dct.section import places
from sofc.entropy import binary
from sofc.entropy.adaptive import INTEGER_SLOTS
from sofc.entropy.binary import Writer
from sofc.entropy.bit_models import Symbols
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixing import LANES
from sofc.entropy.mixture import TRAINED, MixingState, neutral_weights
from sofc.entropy.priors import FOLDS, History, Starts
from sofc.jpeg.dct import SIZE, Coefficients
from sofc.jpeg.origin import Origin
from sofc.jpeg.recover import recover_planes
from sofc.planes import Plane

Equations = npt.NDArray[np.int64]
TRACED_SHARE = 0.5
"""An image counts as a JPEG decoder's where so many samples come out of coefficients."""
PART_ROWS = 512


def traced(images: Iterator[list[Plane]], planes: int) -> Iterator[list[Origin] | None]:
    """The origins of each image; None where it has none, or too few samples come out of them."""
    for image in images:
        found = recover_planes([plane[:PART_ROWS] for plane in image], planes)
        yield found[0] if found is not None and found[2] >= TRACED_SHARE else None


@dataclass(frozen=True)
class Equate:
    """First passes: normal equations of what coefficients and the sizes of errors are foretold from.

    ``plans``: those of the pass before, which say what errors there are and which count less.
    """

    plans: tuple[ComponentPlan, ...]

    def collect(self, images: Iterator[list[Plane]]) -> tuple[int, int, list[tuple[Equations, Equations]]]:
        """Images that have an origin, all images, and for each component the equations of both kinds."""
        sums = [
            (
                np.zeros((SIZE, kernel.MEANS + 1, kernel.MEANS + 1), np.int64),
                np.zeros((SIZE, kernel.SIZES + 1, kernel.SIZES + 1), np.int64),
            )
            for _ in self.plans
        ]
        seen = count = 0
        room = kernel.room_for(1, LANES, 1)
        for origins in traced(images, len(self.plans)):
            count += 1
            if origins is None:
                continue
            seen += 1
            for plan, into, origin, references in zip(self.plans, sums, origins, all_references(origins), strict=True):
                values = origin.values()
                tails = np.zeros_like(values)
                kernel.fill_tails(values, tails)
                nothing = np.zeros_like(values)
                first, second = [*references, nothing, nothing][:2]
                mean_weights, size_weights = plan.mean_weights.astype(np.int32), plan.size_weights.astype(np.int32)
                kernel.accumulate(values, tails, first, second, origin.table, mean_weights, size_weights, *into, room)
        return seen, count, sums


@dataclass(frozen=True)
class Recollect:
    """Next pass: what the counters of each component see in each image, and how far images agree."""

    plans: tuple[ComponentPlan, ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Starts]:
        """What the counters of each component should start with."""
        contexts = len(CONTEXTS)
        blocks = [plan.blocks(contexts) for plan in self.plans]
        histories = [History(places(each), TRAINED) for each in blocks]
        neutral = [MixingState.neutral(contexts, int(each[-1]), INTEGER_SLOTS) for each in blocks]
        for components in _components(images, len(self.plans)):
            for plan, history, start, component in zip(self.plans, histories, neutral, components, strict=True):
                state = start.copy()
                _practise(plan, contexts, 1, state, *component)
                history.add([state.mixture.models])
        return [history.starts() for history in histories]


@dataclass(frozen=True)
class Practice:
    """Last pass: code the images in a fixed order, each as an encoder would, so that weights learn.

    ``starts``: for each component what the counters of each fold start with.
    """

    plans: tuple[ComponentPlan, ...]
    contexts: int
    sets: int
    starts: tuple[tuple[Symbols, ...], ...]

    def collect(self, images: Iterator[list[Plane]]) -> tuple[list[npt.NDArray[np.int32]], int]:
        """The mixers' weights of each component, means over the second half of the practice, and the bytes of the
        streams."""
        found = list(_components(images, len(self.plans)))
        half = len(found) // 2
        means = []
        total = 0
        for number, (plan, starts) in enumerate(zip(self.plans, self.starts, strict=True)):
            used = int(plan.blocks(self.contexts)[-1]) * BLOCK
            counters = [TRAINED.states[start[:used]] for start in starts]
            weights = neutral_weights(self.contexts)
            sums = np.zeros(weights.shape, np.int64)
            for turn, components in enumerate(found):
                state = MixingState.trained(self.contexts, counters[turn % FOLDS].copy(), weights, INTEGER_SLOTS)
                total += _practise(plan, self.contexts, self.sets, state, *components[number])
                sums += weights if turn >= half else 0
            means.append((sums // max(1, len(found) - half)).astype(np.int32))
        return means, total


_Component = tuple[Origin, list[Coefficients]]
"""A component and its references."""


def _components(images: Iterator[list[Plane]], planes: int) -> Iterator[list[_Component]]:
    """The components of each image that has an origin."""
    for origins in traced(images, planes):
        if origins is not None:
            yield list(zip(origins, all_references(origins), strict=True))


def _practise(
    plan: ComponentPlan,
    contexts: int,
    sets: int,
    state: MixingState,
    origin: Origin,
    references: Sequence[Coefficients],
) -> int:
    """Code a component; the state goes on learning. Returns the bytes of its stream."""
    writing = Writer(64 * origin.coefficients.size + 1024)
    model = ComponentModel(plan, contexts, sets, state)
    _, status = code_component(writing, model, state, origin, references)
    stream = writing.finish()
    assert status == binary.OK and stream is not None, "the buffer holds any stream"
    return len(stream)
