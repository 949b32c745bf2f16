"""Training the context coder: scale, bank, levels, then practice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sofc.coders.context import terms
from sofc.coders.context.banks import MEDIAN_OF_MEAN, SAMPLES, Banks
from sofc.coders.context.coder import ContextCoder
from sofc.coders.context.model import EFFORTS, NETWORK_SHAPES, PlanePlan, Prediction, network_efforts, shapes
from sofc.coders.context.network_training import SAMPLES as NETWORK_SAMPLES
from sofc.coders.context.network_training import FitNetwork
from sofc.coders.context.passes import (
    SELECTION_BITS,
    SIZING_SAMPLES,
    EstimatePriors,
    SelectContexts,
    SizeTables,
    Survey,
    WarmUp,
)
from sofc.coders.context.section import BLOCK_BITS, NETWORKS, pack_plan
from sofc.coders.mixing_training import MixingTraining
from sofc.coders.partition import ideal_bits, partitions
from sofc.coders.training import DEFAULT, Pass, Passes, TrainingSettings, added, sampled
from sofc.entropy.contexts import BLOCK, context_table
from sofc.entropy.mixing import LEVELS
from sofc.entropy.priors import Starts
from sofc.planes import PlaneRange
from sofc.prediction import bank
from sofc.prediction.network import NO_NETWORK, Network

WARM_UP_SAMPLES = 1 << 23
"""Samples of one plane that warm-up goes through at most."""

BUDGET = 800_000
"""Bytes of a codebook that the trained bit models of one kind of image take at most."""
ROOM = 2
"""Blocks of bit models for each that one image needs."""

QUARTILE_OF_MEAN = 0.29
"""Of Laplacian spread."""

Integers = npt.NDArray[np.int64]

MATCH_HANDICAP = 1.005
"""The match model takes time."""


class ContextTraining(MixingTraining[PlanePlan]):
    """Trains plans, then the state of each effort, for planes of the given ranges.

    The trained bit models of all planes take at most ``settings.counter_bytes``, or BUDGET, in the codebook.
    """

    coder, architecture = ContextCoder.id, NETWORKS

    def __init__(self, ranges: Sequence[PlaneRange], settings: TrainingSettings = DEFAULT) -> None:
        self._ranges = tuple(ranges)
        self._banks = Banks(ranges)
        self._networks: dict[tuple[int, int], Network] = {}
        self._may_have_networks, self._times = settings.networks, settings.times
        every = shapes(len(ranges))
        budget = BUDGET if settings.counter_bytes is None else settings.counter_bytes
        super().__init__({effort: every[effort] for effort in settings.of(EFFORTS)}, budget)

    def pack(self, plan: PlanePlan) -> bytes:
        """The bytes of a plan's section."""
        return pack_plan(plan)

    def run(self) -> Passes[None]:
        """Scale, equations, errors, refined equations and errors, survey; then over a sample, to warm-up."""
        predictions = yield from self._banks.fit()
        histograms = added((yield sampled(Survey(self._ranges, tuple(predictions)), SAMPLES)))
        for prediction, histogram in zip(predictions, histograms, strict=True):
            levels = _levels(histogram)
            contexts = _candidates(prediction)[0]
            bits = np.full(len(contexts), SELECTION_BITS, np.int64)
            low_bits = _low_bits(histogram, levels)
            self._plans.append(PlanePlan(prediction, levels, low_bits, contexts, bits, matches=False))
        yield from self._select_contexts()
        yield from self._size_tables()
        yield from self._fit_networks()
        starts = yield from self._estimate_priors()
        yield from self._warm_up(starts)

    def _select_contexts(self) -> Passes[None]:
        """Of each plane its list of contexts, and whether it asks the match model, by coding a sample."""
        variants = [_variants(plan) for plan in self._plans]
        tasks = [
            SelectContexts(self._ranges, (*self._plans[:plane], variant), plane, *EFFORTS[5])
            for plane, plans in enumerate(variants)
            for variant in plans
        ]
        sizes = yield Pass(tuple(tasks), SIZING_SAMPLES)
        for number, plans in enumerate(variants):
            costs = [(MATCH_HANDICAP if variant.matches else 1) * next(sizes) for variant in plans]
            self._plans[number] = plans[int(np.argmin(costs))]

    def _size_tables(self) -> Passes[None]:
        """How many blocks of bit models each context has."""
        plans = tuple(self._plans)
        sizes = yield Pass(tuple(SizeTables(self._ranges, plans, plane) for plane in range(len(plans))), SIZING_SAMPLES)
        for number, needed in enumerate(sizes):
            bits = np.ceil(np.log2(np.maximum(1, ROOM * needed))).astype(np.int64)
            bits = np.clip(bits, BLOCK_BITS.start, BLOCK_BITS.stop - 1)
            self._plans[number] = replace(self._plans[number], block_bits=bits)

    def _fit_networks(self) -> Passes[None]:
        """The networks of planes without references, where they save more than they take."""
        plans = tuple(self._plans)
        planes = [number for number, plan in enumerate(plans) if not plan.prediction.references]
        efforts = [effort for effort in network_efforts(len(plans)) if effort in self._shapes]
        jobs = [(effort, plane) for effort in reversed(efforts) for plane in planes]
        if not jobs or not self._may_have_networks:
            return
        fits = tuple(
            FitNetwork(self._ranges, plans, plane, NETWORK_SHAPES[effort], self._shapes[effort], self._times)
            for effort, plane in jobs
        )
        found = yield Pass(fits, NETWORK_SAMPLES)
        self._networks = {job: network for job, network in zip(jobs, found, strict=True) if network.is_asked}

    def _estimate_priors(self) -> Passes[list[Starts]]:
        """What bit models start with, as far as it pays for its bytes."""
        plans = tuple(self._plans)
        tasks = tuple(EstimatePriors(self._ranges, plans, plane) for plane in range(len(plans)))
        everything = list((yield Pass(tasks, WARM_UP_SAMPLES)))
        return self._worth(everything, [plan.starts(len(plan.contexts)) * BLOCK for plan in plans])

    def _warm_up(self, starts: list[Starts]) -> Passes[None]:
        """The weights of each effort."""
        plans = tuple(self._plans)

        def task(effort: int, plane: int) -> WarmUp:
            network = self._networks.get((effort, plane), NO_NETWORK)
            contexts, sets = NETWORK_SHAPES[effort][:2] if network.is_asked else self._shapes[effort]
            return WarmUp(self._ranges, plans, plane, contexts, sets, starts[plane].folds, network)

        yield from self._warm_up_each(task, WARM_UP_SAMPLES)

    def cost(self) -> float | None:
        """Bits of the errors of the banks, about, once these are chosen."""
        return self._banks.cost

    @property
    def has_networks(self) -> bool:
        """Whether a plane has one, after the last pass."""
        return bool(self._networks)

    def report(self) -> list[str]:
        """Bytes of the images of the warm-up at each effort."""
        maps = ", ".join("grid" if plan.prediction.class_map == bank.GRID else "texture" for plan in self._plans)
        networks = [f"effort {effort}: a network for component {plane + 1}" for effort, plane in sorted(self._networks)]
        return [f"class maps: {maps}", *networks, *super().report()]


def _candidates(prediction: Prediction) -> list[Integers]:
    """Lists of contexts to choose from, as long as any effort needs them."""
    lists = terms.WITH_REFERENCES if prediction.references else terms.WITHOUT_REFERENCES
    longest, _ = max(EFFORTS.values())
    return [context_table(one[:longest], terms.NO_TERM) for one in lists]


def _variants(plan: PlanePlan) -> list[PlanePlan]:
    """What to choose from: lists of contexts, without and with the match model."""
    return [
        replace(plan, contexts=contexts, matches=matches)
        for matches in (False, True)
        for contexts in _candidates(plan.prediction)
    ]


def _levels(histogram: Integers) -> Integers:
    """Expected errors that split the samples into LEVELS levels, each with residuals as alike as can be."""
    *_, (_, starts) = partitions(histogram, ideal_bits, LEVELS)
    return np.array(starts[1:], np.int64) - 1


RESIDUAL_SIZE = np.array([*range(8), *(0.75 * (1 << bits) for bits in range(4, 24))])
"""Mean residual of a column."""


def _low_bits(histogram: Integers, levels: Integers) -> Integers:
    """Bits of the magnitude that are left to plain coding, by level: about the mean residual over 2."""
    edges = [0, *(min(int(level) + 1, bank.EXPECTED - 1) for level in levels)]
    counts = np.add.reduceat(histogram, edges, axis=0)
    total = np.maximum(1, counts.sum(axis=1, keepdims=True))
    share = np.cumsum(counts, axis=1)[:, :-1] / total
    mean = (counts * RESIDUAL_SIZE).sum(axis=1) / total[:, 0]
    # Few large residuals must not cost the many small ones plain bits.
    median = RESIDUAL_SIZE[(share < 0.5).sum(axis=1)] / MEDIAN_OF_MEAN
    quartile = np.maximum(1, RESIDUAL_SIZE[(share < 0.25).sum(axis=1)] / QUARTILE_OF_MEAN)
    usual = np.minimum(mean, np.minimum(median, quartile))
    bits: Integers = np.maximum(0, np.floor(np.log2(np.maximum(usual, 0.5))).astype(np.int64) - 1)
    return bits
