"""Training the context coder: scale, bank, levels, then practice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.coders.base import PlaneRange
from sofc.coders.context.plan import EFFORTS, WITH_REFERENCES, WITHOUT_REFERENCES, PlanePlan, PlaneState, context_table
from sofc.coders.context.section import COUNTERS, MIXERS, PLAN, pack_counters, pack_mixers, pack_plan, quantise_weights
from sofc.coders.context.statistics import ACTIVITIES, ENERGY_CELLS, Equations, Practice, Scale, Survey
from sofc.coders.training import CoderTraining, Pass
from sofc.container.records import Section
from sofc.kernels import bank

CODER = 2
PRACTICE_SAMPLES = 1 << 23
"""Samples of one plane that practice goes through at most."""

LEVEL_SHARES = (0.04, 0.1, 0.17, 0.25, 0.33, 0.42, 0.5, 0.58, 0.66, 0.74, 0.81, 0.87, 0.92, 0.96, 0.985)
ACTIVITY_SHARES = ((0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875), (0.6, 0.88, 0.975))
"""Shares of samples below each activity threshold, by class map."""

PRIOR = 1e-4
"""How much of all classes' equations is added to each class."""
RIDGE = 0.0005

Integers = npt.NDArray[np.int64]


class ContextTraining(CoderTraining):
    """Trains plans, then the state of every effort in EFFORTS, for planes of the given ranges."""

    def __init__(self, ranges: Sequence[PlaneRange], *, slot_bits: int = 16, least_seen: int = 12) -> None:
        self._ranges = tuple(ranges)
        self._references = tuple((number - 1, number - 2)[: min(number, 2)] for number in range(len(ranges)))
        self._slot_bits = slot_bits
        self._least_seen = least_seen
        self._stage = 0
        self._thresholds: list[tuple[Integers, Integers]] = []
        self._shifts: list[int] = []
        self._weights: list[tuple[Integers, Integers]] = []
        self._plans: list[PlanePlan] = []
        self._counters: dict[int, npt.NDArray[np.uint32]] = {}
        self._mixers: dict[tuple[int, int], npt.NDArray[np.int32]] = {}
        self._bytes: dict[int, int] = dict.fromkeys(EFFORTS, 0)
        self._cost: float | None = None

    def next_pass(self) -> Pass | None:
        """Scale, equations, survey over all images; practice of every plane and effort over a sample."""
        stage = self._stage
        self._stage += 1
        if stage == 0:
            return Pass((Scale(self._ranges, self._references),))
        if stage == 1:
            return Pass((Equations(self._ranges, self._references, tuple(self._thresholds), 1),))
        if stage == 2:
            thresholds, weights = tuple(self._thresholds), tuple(self._weights)
            return Pass((Survey(self._ranges, self._references, thresholds, weights, tuple(self._shifts)),))
        if stage == 3:
            plans = tuple(self._plans)
            return Pass(
                tuple(
                    Practice(self._ranges, plans, plane, *EFFORTS[effort])
                    for effort in sorted(EFFORTS, reverse=True)
                    for plane in range(len(plans))
                ),
                PRACTICE_SAMPLES,
            )
        return None

    def merge(self, statistics: Iterator[Any]) -> None:
        """Take in one pass's statistics."""
        merges = (self._merge_scale, self._merge_equations, self._merge_survey, self._merge_practice)
        merges[self._stage - 1](statistics)

    def _merge_scale(self, statistics: Iterator[list[Integers]]) -> None:
        for histograms in zip(*statistics, strict=True):
            total = np.sum(histograms, axis=0)
            share = np.cumsum(total) / max(1, total.sum())
            self._thresholds.append(
                tuple(_rising(np.searchsorted(share, shares)) for shares in ACTIVITY_SHARES)  # type: ignore[arg-type]
            )
            # Differences of some 20 steps should span the usual change between neighbours.
            usual = float((total * np.arange(ACTIVITIES)).sum()) / max(1, int(total.sum())) / 3
            self._shifts.append(max(0, int(np.log2(max(1.0, usual / 6)))))

    def _merge_equations(self, statistics: Iterator[list[list[Integers]]]) -> None:
        totals: list[list[Integers]] | None = None
        for shard in statistics:
            if totals is None:
                totals = shard
                continue
            for mine, theirs in zip(totals, shard, strict=True):
                for target, addition in zip(mine, theirs, strict=True):
                    target += addition
        assert totals is not None
        for equations in totals:
            self._weights.append(
                tuple(solve(table, class_map) for class_map, table in enumerate(equations))  # type: ignore[arg-type]
            )

    def _merge_survey(self, statistics: Iterator[list[list[Integers]]]) -> None:
        for number, maps in enumerate(zip(*statistics, strict=True)):
            histograms = [np.sum([shard[class_map] for shard in maps], axis=0) for class_map in range(2)]
            cells = [_level_cells(histogram) for histogram in histograms]
            costs = [_cost(histogram, levels) for histogram, levels in zip(histograms, cells, strict=True)]
            # The grid has four times as many predictors: it must earn them.
            self._cost = (self._cost or 0.0) + min(costs)
            class_map = bank.GRID if costs[bank.GRID] < 0.998 * costs[bank.TEXTURE] else bank.TEXTURE
            references = self._references[number]
            self._plans.append(
                PlanePlan(
                    references,
                    class_map,
                    self._shifts[number],
                    self._slot_bits,
                    self._thresholds[number][class_map],
                    (cells[class_map] << self._shifts[number]).astype(np.int64),
                    _low_bits(histograms[class_map], cells[class_map]),
                    context_table(WITH_REFERENCES if references else WITHOUT_REFERENCES),
                    self._weights[number][class_map],
                )
            )

    def _merge_practice(self, statistics: Iterator[tuple[PlaneState, int]]) -> None:
        jobs = [(effort, plane) for effort in sorted(EFFORTS, reverse=True) for plane in range(len(self._plans))]
        for (effort, plane), (state, size) in zip(jobs, statistics, strict=True):
            self._bytes[effort] += size
            self._mixers[effort, plane] = state.mixers
            if effort == max(EFFORTS):
                self._counters[plane] = state.counters

    def sections(self) -> list[Section]:
        """Plans, counters, then the mixers of each effort, rising."""
        planes = range(len(self._plans))
        plans = [Section(CODER, PLAN, pack_plan(plan)) for plan in self._plans]
        counters = [Section(CODER, COUNTERS, pack_counters(self._counters[k], self._least_seen)) for k in planes]
        mixers = [
            Section(CODER, MIXERS, pack_mixers(EFFORTS[effort][1], self._mixers[effort, k]))
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
        maps = ", ".join("grid" if plan.class_map == bank.GRID else "texture" for plan in self._plans)
        return [f"class maps: {maps}"] + [
            f"effort {effort}: {self._bytes[effort]} bytes while learning" for effort in EFFORTS
        ]


def solve(equations: Integers, class_map: int) -> Integers:
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


def _rising(cells: npt.NDArray[Any]) -> Integers:
    """Make thresholds rise strictly."""
    result = cells.astype(np.int64)
    for i in range(1, len(result)):
        result[i] = max(result[i], result[i - 1] + 1)
    return result


def _level_cells(histogram: Integers) -> Integers:
    """Energies that split the samples into levels of the shares LEVEL_SHARES."""
    share = np.cumsum(histogram.sum(axis=1)) / max(1, histogram.sum())
    return _rising(np.searchsorted(share, LEVEL_SHARES))


def _by_level(histogram: Integers, cells: Integers) -> Integers:
    """Residuals by level, shape (ENERGIES, RESIDUAL_COLUMNS)."""
    edges = [0, *(min(int(cell) + 1, ENERGY_CELLS - 1) for cell in cells)]
    counts: Integers = np.add.reduceat(histogram, edges, axis=0)
    return counts


RESIDUAL_BITS = np.array([0, *([1] * 7), *range(4, 20)], np.int64)
"""Sign and low bits of the residuals of a column."""
RESIDUAL_SIZE = np.array([*range(8), *(0.75 * (1 << bits) for bits in range(4, 20))])
"""Mean residual of a column."""


def _cost(histogram: Integers, cells: Integers) -> float:
    """Bits that an ideal static code by level would take."""
    counts = _by_level(histogram, cells).astype(np.float64)
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    bits = -np.log2(np.where(share > 0, share, 1)) + RESIDUAL_BITS
    return float((counts * bits).sum())


def _low_bits(histogram: Integers, cells: Integers) -> Integers:
    """Bits of the magnitude that are left to plain coding, by level: about the mean residual over 2."""
    counts = _by_level(histogram, cells)
    mean = (counts * RESIDUAL_SIZE).sum(axis=1) / np.maximum(1, counts.sum(axis=1))
    bits: Integers = np.maximum(0, np.floor(np.log2(np.maximum(mean, 0.5))).astype(np.int64) - 1)
    return bits
