"""What training the context coder counts, pass by pass; each task runs in a worker on a shard of images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sofc.coders.context import kernel
from sofc.coders.context.coder import InTurn, learn_plane
from sofc.coders.context.model import PlaneModel, PlanePlan, Prediction
from sofc.coders.context.tracing import shifted, trace_image
from sofc.coders.network_section import Mixers
from sofc.coders.warm_up import by_fold, cut_rows, grouped, learn_in_rounds
from sofc.entropy.bit_models import SEEN_MASK, Symbols
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixture import TRAINED, MixingState, neutral_weights
from sofc.entropy.priors import History, Starts
from sofc.planes import Plane, PlaneRange
from sofc.prediction import bank
from sofc.prediction.grid import find_grid
from sofc.prediction.network import NO_NETWORK, Network

Integers = npt.NDArray[np.int64]

SIZES = 28
"""Columns of the survey: residuals 0 to 7, from there on 4 + their bits."""


@dataclass(frozen=True)
class Survey:
    """Sixth pass: how large residuals are by expected error."""

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[Prediction, ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane a histogram (EXPECTED, SIZES)."""
        result = [np.zeros((bank.EXPECTED, SIZES), np.int64) for _ in self.ranges]
        for planes in shifted(images, self.ranges):
            traced = trace_image(planes, self.predictions, self.ranges, find_grid(planes))
            for plane, (_, found), histogram in zip(planes, traced, result, strict=False):
                rounded = (found.fine + (1 << (bank.FRACTION_BITS - 1))) >> bank.FRACTION_BITS
                residuals = np.abs(plane - rounded)
                sizes = np.minimum(residuals, 7)
                large = residuals >= 8
                sizes[large] = 4 + np.floor(np.log2(residuals[large])).astype(np.int64) + 1
                cells = found.expected.astype(np.int64) * SIZES + sizes
                histogram += np.bincount(cells.ravel(), minlength=histogram.size).reshape(histogram.shape)
        return result


SIZING_SAMPLES = 1 << 18
SIZING_BITS = 16
SELECTION_BITS = 14
"""Blocks of bit models of each context before it is known how many it needs."""


@dataclass(frozen=True)
class PassOfPlane:
    """A pass over the samples of plane number ``plane`` as plans code it."""

    ranges: tuple[PlaneRange, ...]
    plans: tuple[PlanePlan, ...]
    plane: int

    @property
    def plan(self) -> PlanePlan:
        """That of the plane."""
        return self.plans[self.plane]

    def code(self, part: Iterable[list[Plane]], sets: int, state: MixingState, network: Network = NO_NETWORK) -> int:
        """Code the plane in a part; the state goes on learning. Returns the bytes of the streams."""
        model = PlaneModel(self.plan, sets, state, network)
        return sum(warm_up(self.plans, self.plane, planes, self.ranges, model) for planes in part)

    def learned_models(self, part: Part, start: MixingState) -> npt.NDArray[np.uint32]:
        """The bit models after a part that was coded from this start."""
        state = start.copy()
        self.code(part, 1, state)
        return state.mixture.models


@dataclass(frozen=True)
class SelectContexts(PassOfPlane):
    """Seventh pass: how the plan of a plane codes it, in the first ``contexts`` of its list."""

    contexts: int
    sets: int

    def collect(self, images: Iterator[list[Plane]]) -> int:
        """Bytes of the streams."""
        return self.code(shifted(images, self.ranges), self.sets, self.plan.neutral(self.contexts))


class SizeTables(PassOfPlane):
    """Eighth pass: how many blocks of bit models each context of a plane needs in one image, about."""

    def collect(self, images: Iterator[list[Plane]]) -> Integers:
        """The largest number found in an image, or in small ones that make one together, for each context."""
        contexts = len(self.plan.contexts)
        wide = replace(self.plan, block_bits=np.full(contexts, SIZING_BITS, np.int64))
        plans = (*self.plans[: self.plane], wide)
        result = np.zeros(contexts, np.int64)
        state = wide.neutral(contexts)
        samples = 0
        for planes in shifted(images, self.ranges):
            if samples + planes[0].size > SIZING_SAMPLES:
                result = np.maximum(result, _used_blocks(state))
                state = wide.neutral(contexts)
                samples = 0
            rows = max(1, SIZING_SAMPLES // planes[0].shape[1])
            warm_up(plans, self.plane, [plane[:rows] for plane in planes], self.ranges, PlaneModel(wide, 1, state))
            samples += planes[0].size
        return np.maximum(result, _used_blocks(state))


def _used_blocks(state: MixingState) -> Integers:
    """Blocks of bit models that were needed, for each context; what hashing to the same block hides is made up for."""
    size = 1 << SIZING_BITS
    touched = (state.mixture.models & SEEN_MASK).reshape(-1, size, BLOCK).any(axis=2)
    free = np.maximum(0.5, size - touched.sum(axis=1)) / size
    needed: Integers = np.rint(-np.log(free) * size).astype(np.int64)  # linear counting
    return needed


PART = 1 << 18
SMALL = 1 << 12
"""Images of fewer samples are taken together, as if coded in groups; those of more than a PART are cut into equal ones,
as they are into bands."""
MOST_PARTS = 8
"""Of a larger image only so many parts are looked at, evenly spread: it is one image all the same. Small images make at
least so many parts together."""

Part = list[list[Plane]]
"""Planes of images, or of pieces of an image, that are coded from one start."""


def parts(images: Iterable[list[Plane]]) -> Iterator[list[Part]]:
    """The parts of each image; in the end, parts of several small images."""
    small: Part = []
    for planes in images:
        rows, size = len(planes[0]), planes[0].size
        if size < SMALL:
            small.append(planes)
            continue
        cuts = cut_rows(rows, size, PART)
        yield [[[plane[rows] for plane in planes]] for rows in cuts[:: -(-len(cuts) // MOST_PARTS)]]
    yield from ([group] for group in grouped(small, [planes[0].size for planes in small], PART, MOST_PARTS))


class EstimatePriors(PassOfPlane):
    """Ninth pass: what the bit models of a plane see in each image, and how far images agree."""

    def collect(self, images: Iterator[list[Plane]]) -> Starts:
        """What bit models should start with."""
        contexts = len(self.plan.contexts)
        neutral = self.plan.neutral(contexts)
        history = History(self.plan.starts(contexts) * BLOCK, TRAINED)
        for image in parts(shifted(images, self.ranges)):
            history.add([self.learned_models(part, neutral) for part in image])
        return history.starts()


@dataclass(frozen=True)
class WarmUp(PassOfPlane):
    """Last pass: code a sample of the images in a fixed order, each as an encoder would, so that weights learn.

    ``starts``: what the bit models of each fold start with; ``network``: one without units is not asked.
    """

    contexts: int
    sets: int
    starts: tuple[Symbols, ...]
    network: Network = NO_NETWORK

    def collect(self, images: Iterator[list[Plane]]) -> tuple[Mixers, int]:
        """What the plane has at an effort, and the bytes of the streams."""
        blocks = int(self.plan.starts(self.contexts)[-1])
        found = by_fold(parts(shifted(images, self.ranges)))
        samples = sum(planes[0].size for _, part in found for planes in part)
        models = [TRAINED.states[start[: blocks * BLOCK]] for start in self.starts]

        def code(tables: Sequence[npt.NDArray[np.int32]], practised: tuple[int, Part]) -> int:
            fold, part = practised
            state = MixingState.trained(self.contexts, models[fold].copy(), tables[0], kernel.PLAIN_MODELS)
            return self.code(part, self.sets, state, self.network)

        start = neutral_weights(self.contexts, self.network.is_asked)
        (weights,), size = learn_in_rounds([start], found, samples, code)
        return Mixers(self.contexts, self.sets, weights, self.network), size


def warm_up(
    plans: Sequence[PlanePlan],
    number: int,
    planes: Sequence[Plane],
    ranges: Sequence[PlaneRange],
    model: PlaneModel,
) -> int:
    """Code plane ``number`` of an image by a model whose start learns. Returns the bytes of its stream."""
    grid = find_grid(planes)
    errors = [np.zeros(plane.shape, np.uint8) for plane in planes[: number + 1]]
    if plans[number].prediction.references:
        traced = trace_image(planes, [plan.prediction for plan in plans[:number]], ranges, grid)
        for filled, (around, _) in zip(errors, traced, strict=False):
            filled[:] = bank.inside(around.errors)
    return learn_plane(model, InTurn(planes[: number + 1], errors, ranges[number].size, grid))
