"""Training the context coder: scale, bank, levels, then practice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.coders.context.plan import (
    EFFORTS,
    WITH_REFERENCES,
    WITHOUT_REFERENCES,
    PlanePlan,
    Prediction,
    context_table,
    shapes,
)
from sofc.coders.context.section import (
    BLOCK_BITS,
    COUNTERS,
    MIXERS,
    PLAN,
    pack_plan,
    quantise_weights,
)
from sofc.coders.context.statistics import (
    ACTIVITIES,
    AUDITION_BITS,
    PROBE_SAMPLES,
    SIZES,
    Audition,
    Equations,
    Errors,
    Practice,
    Probe,
    Recollect,
    Refine,
    Scale,
    Survey,
)
from sofc.coders.training import CoderTraining, Pass
from sofc.container.records import Section
from sofc.entropy import mixing
from sofc.entropy.mixers import TRAINED, pack_mixers
from sofc.entropy.priors import Starts, least_gain
from sofc.entropy.trained import Symbols
from sofc.planes import PlaneRange
from sofc.prediction import bank
from sofc.prediction.expected_error import MarkSums, added, fit_energy, map_cost

CODER = 2
PRACTICE_SAMPLES = 1 << 23
"""Samples of one plane that practice goes through at most."""

BUDGET = 800_000
"""Bytes of a codebook that the trained counters of one kind of image take at most."""
ROOM = 2
"""Blocks of counters for each that one image needs."""

LEVEL_SHARES = (0.04, 0.1, 0.17, 0.25, 0.33, 0.42, 0.5, 0.58, 0.66, 0.74, 0.81, 0.87, 0.92, 0.96, 0.985)
ACTIVITY_SHARES = ((0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875), (0.6, 0.88, 0.975))
"""Shares of samples below each activity threshold, by class map."""

MEDIAN_OF_MEAN, QUARTILE_OF_MEAN = 0.69, 0.29
"""Of Laplacian spread."""

PRIOR = 1e-4
"""How much of all classes' equations is added to each class."""
RIDGE = 0.0005

Integers = npt.NDArray[np.int64]

KINDS = ((bank.TEXTURE, False), (bank.GRID, False), (bank.TEXTURE, True), (bank.GRID, True))
"""Class maps, and whether predictions adapt."""
HANDICAPS = ((1, 1.002, 1.005, 1.007), (1, 1.002, 1.02, 1.022))
"""Without and with references. The grid has four times as many predictors, and adapting takes time: they must earn it,
and planes that have references gain less by adapting."""
RECALL_HANDICAP = 1.005
"""Recalling takes time."""
FIRST_MARK_WEIGHTS = np.array([64, 0, 64, 64, 64] + [0] * (bank.MARK_WEIGHTS - 5), np.int64)
"""Energies before any were fitted: means of four marks."""


class ContextTraining(CoderTraining):
    """Trains plans, then the state of every effort in EFFORTS, for planes of the given ranges.

    ``budget``: bytes that the trained counters of all planes may take in the codebook.
    """

    def __init__(self, ranges: Sequence[PlaneRange], *, budget: int = BUDGET) -> None:
        self._ranges = tuple(ranges)
        self._references = tuple((number - 1, number - 2)[: min(number, 2)] for number in range(len(ranges)))
        self._budget = budget
        self._passes = self._all_passes()
        self._merge: Callable[[Iterator[Any]], None] = self._merge_scale
        self._thresholds: list[tuple[Integers, Integers]] = []
        self._shifts: list[int] = []
        self._weights: list[tuple[Integers, Integers]] = []
        self._predictions: list[Prediction] = []
        self._energies: list[int] = []
        self._plans: list[PlanePlan] = []
        self._starts: list[Starts] = []
        self._counters: list[bytes] = []
        self._mixers: dict[tuple[int, int], npt.NDArray[np.int32]] = {}
        self._shapes = shapes(len(ranges))
        self._bytes: dict[int, int] = dict.fromkeys(EFFORTS, 0)
        self._cost: float | None = None

    def next_pass(self) -> Pass | None:
        """Scale, equations, errors, refined equations and errors, survey; then over a sample, to practice."""
        return next(self._passes, None)

    def merge(self, statistics: Iterator[Any]) -> None:
        """Take in one pass's statistics."""
        self._merge(statistics)

    def _all_passes(self) -> Iterator[Pass]:
        ranges, references = self._ranges, self._references
        planes = range(len(ranges))
        yield Pass((Scale(ranges, references),))
        self._merge = self._merge_equations
        yield Pass((Equations(ranges, references, tuple(self._thresholds)),))
        self._merge = self._merge_errors
        maps = tuple(tuple(self._prediction(number, *kind) for number in planes) for kind in KINDS)
        yield Pass((Errors(ranges, maps),))
        self._merge = self._merge_refined
        yield Pass((Refine(ranges, tuple(self._predictions), tuple(self._energies)),))
        self._merge = self._merge_refined_errors
        yield Pass((Errors(ranges, (tuple(self._predictions),)),))
        self._merge = self._merge_survey
        yield Pass((Survey(ranges, tuple(self._predictions)),))
        self._merge = self._merge_audition
        yield Pass(
            tuple(
                Audition(ranges, (*self._plans[:plane], variant), *EFFORTS[5])
                for plane in planes
                for variant in _variants(self._plans[plane])
            ),
            PROBE_SAMPLES,
        )
        self._merge = self._merge_probe
        yield Pass(tuple(Probe(ranges, tuple(self._plans), plane) for plane in planes), PROBE_SAMPLES)
        self._merge = self._merge_starts
        plans = tuple(self._plans)
        yield Pass(tuple(Recollect(ranges, plans, plane) for plane in planes), PRACTICE_SAMPLES)
        self._merge = self._merge_practice
        yield Pass(
            tuple(
                Practice(ranges, plans, plane, *self._shapes[effort], self._starts[plane].folds)
                for effort in sorted(EFFORTS, reverse=True)
                for plane in planes
            ),
            PRACTICE_SAMPLES,
        )

    def _prediction(self, number: int, class_map: int, adapts: bool) -> Prediction:
        weights = self._weights[number][class_map]
        return Prediction(
            self._references[number],
            class_map,
            self._thresholds[number][class_map],
            weights,
            np.zeros(len(weights), np.int64),
            FIRST_MARK_WEIGHTS,
            adapts,
            self._shifts[number],
        )

    def _merge_scale(self, statistics: Iterator[list[Integers]]) -> None:
        for histograms in zip(*statistics, strict=True):
            total = np.sum(histograms, axis=0)
            share = np.cumsum(total) / max(1, total.sum())
            self._thresholds.append(
                tuple(_rising(np.searchsorted(share, shares)) for shares in ACTIVITY_SHARES)  # type: ignore[arg-type]
            )
            # Differences of some 20 steps should span the usual change between neighbours.
            # Of differences with Laplacian spread the median is 0.69 of the mean; a few edges must not count for more.
            mean = float((total * np.arange(ACTIVITIES)).sum()) / max(1, int(total.sum()))
            usual = min(mean, float(np.searchsorted(share, 0.5)) / MEDIAN_OF_MEAN) / 3
            self._shifts.append(max(0, int(np.log2(max(1.0, usual / 6)))))

    def _merge_equations(self, statistics: Iterator[list[list[npt.NDArray[np.float64]]]]) -> None:
        totals = next(statistics)
        for shard in statistics:
            for mine, theirs in zip(totals, shard, strict=True):
                for target, addition in zip(mine, theirs, strict=True):
                    target += addition
        for equations in totals:
            self._weights.append(
                tuple(solve(table, class_map) for class_map, table in enumerate(equations))  # type: ignore[arg-type]
            )

    def _merge_errors(self, statistics: Iterator[list[list[MarkSums]]]) -> None:
        totals = added(statistics)
        self._cost = 0.0
        for number in range(len(self._ranges)):
            handicaps = HANDICAPS[1 if self._references[number] else 0]
            costs = [
                handicap * map_cost(found[number], self._weights[number][class_map])
                for (class_map, _), handicap, found in zip(KINDS, handicaps, totals, strict=True)
            ]
            best = int(np.argmin(costs))
            self._cost += costs[best]
            sums = totals[best][number]
            self._predictions.append(_with_energy(self._prediction(number, *KINDS[best]), sums))
            self._energies.append(int(sums.sums[:, -1].sum()) // max(1, int(sums.counts.sum())))

    def _merge_refined(self, statistics: Iterator[list[npt.NDArray[np.float64]]]) -> None:
        totals = next(statistics)
        for shard in statistics:
            for target, addition in zip(totals, shard, strict=True):
                target += addition
        for number, equations in enumerate(totals):
            old = self._predictions[number]
            self._predictions[number] = replace(old, weights=solve(equations, old.class_map))

    def _merge_refined_errors(self, statistics: Iterator[list[list[MarkSums]]]) -> None:
        (totals,) = added(statistics)
        for number, sums in enumerate(totals):
            self._predictions[number] = _with_energy(self._predictions[number], sums)

    def _merge_survey(self, statistics: Iterator[list[Integers]]) -> None:
        self._cost = 0.0
        for number, histograms in enumerate(zip(*statistics, strict=True)):
            histogram: Integers = np.sum(histograms, axis=0)
            levels = _levels(histogram)
            self._cost += _cost(histogram, levels)
            prediction = self._predictions[number]
            contexts = _candidates(prediction)[0]
            bits = np.full(len(contexts), AUDITION_BITS, np.int64)
            self._plans.append(
                PlanePlan(prediction, levels, _low_bits(histogram, levels), contexts, bits, recalls=False)
            )

    def _merge_audition(self, statistics: Iterator[int]) -> None:
        for number, plan in enumerate(self._plans):
            variants = _variants(plan)
            costs = [(RECALL_HANDICAP if variant.recalls else 1) * next(statistics) for variant in variants]
            self._plans[number] = variants[int(np.argmin(costs))]

    def _merge_probe(self, statistics: Iterator[Integers]) -> None:
        for number, needed in enumerate(statistics):
            bits = np.ceil(np.log2(np.maximum(1, ROOM * needed))).astype(np.int64)
            bits = np.clip(bits, BLOCK_BITS.start, BLOCK_BITS.stop - 1)
            self._plans[number] = replace(self._plans[number], block_bits=bits)

    def _merge_starts(self, statistics: Iterator[Starts]) -> None:
        def pack(plane: int, symbols: Symbols) -> bytes:
            plan = self._plans[plane]
            return TRAINED.pack(symbols, plan.blocks(len(plan.contexts)) * mixing.BLOCK)

        everything = list(statistics)
        least, self._counters = least_gain(everything, pack, self._budget)
        self._starts = [starts.worth(least) for starts in everything]

    def _merge_practice(self, statistics: Iterator[tuple[npt.NDArray[np.int32], int]]) -> None:
        jobs = [(effort, plane) for effort in sorted(EFFORTS, reverse=True) for plane in range(len(self._plans))]
        for (effort, plane), (mixers, size) in zip(jobs, statistics, strict=True):
            self._bytes[effort] += size
            self._mixers[effort, plane] = mixers

    def sections(self) -> list[Section]:
        """Plans, counters, then the mixers of each effort, rising."""
        planes = range(len(self._plans))
        plans = [Section(CODER, PLAN, pack_plan(plan)) for plan in self._plans]
        counters = [Section(CODER, COUNTERS, data) for data in self._counters]
        mixers = [
            Section(CODER, MIXERS, pack_mixers(*self._shapes[effort], self._mixers[effort, k]))
            for effort in EFFORTS
            for k in planes
        ]
        return plans + counters + mixers

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        """Effort and section numbers of each model."""
        planes = len(self._plans)
        shared = tuple(range(2 * planes))
        return [
            (effort, (*shared, *range((2 + row) * planes, (3 + row) * planes))) for row, effort in enumerate(EFFORTS)
        ]

    def cost(self) -> float | None:
        """Bits of an ideal static code of the residuals, after the survey."""
        return self._cost

    def report(self) -> list[str]:
        """Bytes of the practised images at each effort."""
        maps = ", ".join("grid" if plan.prediction.class_map == bank.GRID else "texture" for plan in self._plans)
        return [f"class maps: {maps}"] + [
            f"effort {effort}: {self._bytes[effort]} bytes while learning" for effort in EFFORTS
        ]


def solve(equations: npt.NDArray[Any], class_map: int) -> Integers:
    """Least-squares weights (classes, taps) in 1 / 2**WEIGHT_BITS from normal equations, as sections keep them."""
    classes, size, _ = equations.shape
    taps = size - 1
    everything = equations.astype(np.float64).sum(axis=0)
    weights = np.zeros((classes, taps), np.float64)
    first = 1 if class_map == bank.TEXTURE else 0
    for k in range(classes):
        lower = equations[k].astype(np.float64) + PRIOR * everything
        full = lower + np.tril(lower, -1).T
        samples = full[taps - 1, taps - 1] / bank.CONSTANT**2
        matrix = full[first:taps, first:taps] + np.eye(taps - first) * (1 + RIDGE * samples)
        weights[k, first:] = np.linalg.solve(matrix, full[taps, first:taps])
    limit = 1 << 20
    scaled = np.clip(np.rint(weights * (1 << bank.WEIGHT_BITS)), -limit, limit).astype(np.int64)
    result = quantise_weights(scaled)
    if class_map == bank.TEXTURE:
        # Exactly one in all, after rounding: samples far from zero must not shift the prediction.
        rest = result[:, 1 : len(bank.OWN)].sum(axis=1)
        result[:, 0] = np.clip((1 << bank.WEIGHT_BITS) - rest, -limit, limit)
    return result


def _candidates(prediction: Prediction) -> list[Integers]:
    """Lists of contexts to choose from, as long as any effort needs them."""
    lists = WITH_REFERENCES if prediction.references else WITHOUT_REFERENCES
    longest, _ = max(EFFORTS.values())
    return [context_table(one[:longest]) for one in lists]


def _variants(plan: PlanePlan) -> list[PlanePlan]:
    """What to choose from: lists of contexts, without and with recalling."""
    return [
        replace(plan, contexts=contexts, recalls=recalls)
        for recalls in (False, True)
        for contexts in _candidates(plan.prediction)
    ]


def _rising(cells: npt.NDArray[Any]) -> Integers:
    """Make thresholds rise strictly."""
    result = cells.astype(np.int64)
    for i in range(1, len(result)):
        result[i] = max(result[i], result[i - 1] + 1)
    return result


def _with_energy(prediction: Prediction, found: MarkSums) -> Prediction:
    offsets, mark_weights = fit_energy(found)
    return replace(prediction, offsets=offsets, mark_weights=mark_weights)


def _levels(histogram: Integers) -> Integers:
    """Energies that split the samples into LEVELS levels, each with residuals as alike as can be.

    Of all ways to split, the one whose ideal static code by level is shortest.
    """
    energies = len(histogram)
    sums = np.concatenate([np.zeros((1, SIZES)), np.cumsum(histogram, axis=0)])
    shortest = np.full(energies + 1, np.inf)
    shortest[0] = 0
    lasts = []
    lengths = np.full((energies, energies + 1), np.inf)
    for first in range(energies):
        counts = sums[first + 1 :] - sums[first]
        totals = counts.sum(axis=1)
        lengths[first, first + 1 :] = _times_log(totals) - _times_log(counts).sum(axis=1)
    for _ in range(mixing.LEVELS):
        ways = shortest[:-1, np.newaxis] + lengths
        lasts.append(ways.argmin(axis=0))
        shortest = ways.min(axis=0)
    ends = [energies]
    for last in reversed(lasts):
        ends.append(int(last[ends[-1]]))
    return np.array(ends[-2:0:-1], np.int64) - 1


def _times_log(counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    result: npt.NDArray[Any] = counts * np.log2(np.maximum(counts, 1))
    return result


def _by_level(histogram: Integers, levels: Integers) -> Integers:
    """Residuals by level, shape (mixing.LEVELS, SIZES)."""
    edges = [0, *(min(int(level) + 1, bank.ENERGIES - 1) for level in levels)]
    counts: Integers = np.add.reduceat(histogram, edges, axis=0)
    return counts


RESIDUAL_BITS = np.array([0, *([1] * 7), *range(4, 24)], np.int64)
"""Sign and low bits of the residuals of a column."""
RESIDUAL_SIZE = np.array([*range(8), *(0.75 * (1 << bits) for bits in range(4, 24))])
"""Mean residual of a column."""


def _cost(histogram: Integers, levels: Integers) -> float:
    """Bits that an ideal static code by level would take."""
    counts = _by_level(histogram, levels).astype(np.float64)
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    bits = -np.log2(np.where(share > 0, share, 1)) + RESIDUAL_BITS
    return float((counts * bits).sum())


def _low_bits(histogram: Integers, levels: Integers) -> Integers:
    """Bits of the magnitude that are left to plain coding, by level: about the mean residual over 2."""
    counts = _by_level(histogram, levels)
    total = np.maximum(1, counts.sum(axis=1, keepdims=True))
    share = np.cumsum(counts, axis=1)[:, :-1] / total
    mean = (counts * RESIDUAL_SIZE).sum(axis=1) / total[:, 0]
    # Few large residuals must not cost the many small ones plain bits.
    median = RESIDUAL_SIZE[(share < 0.5).sum(axis=1)] / MEDIAN_OF_MEAN
    quartile = np.maximum(1, RESIDUAL_SIZE[(share < 0.25).sum(axis=1)] / QUARTILE_OF_MEAN)
    usual = np.minimum(mean, np.minimum(median, quartile))
    bits: Integers = np.maximum(0, np.floor(np.log2(np.maximum(usual, 0.5))).astype(np.int64) - 1)
    return bits
