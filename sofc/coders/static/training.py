"""Training the static coder: scale, bank and energy twice, levels, distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.coders.static import kernel
from sofc.coders.static.model import MAX_ESCAPE, SYMBOLS, Levels, PlaneModel, Prediction
from sofc.coders.static.passes import (
    ACTIVITIES,
    SIZES,
    WIDEST,
    Count,
    Equations,
    Errors,
    Refine,
    Scale,
    Survey,
)
from sofc.coders.static.section import OFFSET_LIMIT, PLAN, pack_plan
from sofc.coders.training import CoderTraining, Pass, added
from sofc.container.records import Section
from sofc.entropy.rans import MOST_BITS, SCALE_BITS
from sofc.planes import PlaneRange
from sofc.prediction import bank
from sofc.prediction.expected_error import ErrorSums, fit_expected, map_cost

CODER = 3
EFFORT = 1
LEVELS = 20
CONTEXTS = 120
ROUNDS = 12

ACTIVITY_SHARES = ((0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875), (0.6, 0.88, 0.975))
"""Shares of samples below each activity threshold, by class map."""
PRIOR = 1e-5
"""How much of all classes' equations is added to each class."""
RIDGE = 0.0005
SMOOTHING = 4.0
"""How many samples of the plane's distribution are added to each context's."""
SAMPLES_FOR_CONTEXT = 1000
"""A plane has at most one context for this many samples."""

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

GRID_COST = 0.998
GRID_COST_FOLLOWING = 1.1
"""How costly, against the texture map, the grid map may look: in the first plane; where that one has the grid map.

The estimate is rough. Once the grid is known the grid map is the faster one, and on DRIVE's training images gives
smaller files also for planes where it looks 6 % costlier.
"""


class StaticTraining(CoderTraining):
    """Trains one plan for each plane of the given ranges."""

    def __init__(self, ranges: Sequence[PlaneRange]) -> None:
        self._ranges = tuple(ranges)
        self._references = tuple((number - 1, number - 2)[: min(number, 2)] for number in range(len(ranges)))
        self._stage = 0
        self._thresholds: list[tuple[Integers, Integers]] = []
        self._weights: list[tuple[Integers, Integers]] = []
        self._predictions: list[Prediction] = []
        self._energies: list[int] = []
        self._edges: list[Integers] = []
        self._plain: list[Integers] = []
        self._plans: list[PlaneModel] = []
        self._cost: float | None = None
        self._costs: list[float] = []

    def next_pass(self) -> Pass | None:
        """Scale, equations, errors, then refined equations and errors, survey, count: each over all images."""
        stage = self._stage
        self._stage += 1
        if stage == 0:
            return Pass((Scale(self._ranges, self._references),))
        if stage == 1:
            return Pass((Equations(self._ranges, self._references, tuple(self._thresholds)),))
        if stage == 2:
            maps = tuple(
                tuple(self._prediction(number, class_map) for number in range(len(self._ranges)))
                for class_map in (bank.TEXTURE, bank.GRID)
            )
            return Pass((Errors(self._ranges, maps),))
        if stage == 3:
            return Pass((Refine(self._ranges, tuple(self._predictions), tuple(self._energies)),))
        if stage == 4:
            return Pass((Errors(self._ranges, (tuple(self._predictions),)),))
        if stage == 5:
            return Pass((Survey(self._ranges, tuple(self._predictions)),))
        if stage == 6:
            return Pass((Count(self._ranges, tuple(self._predictions), tuple(self._edges), tuple(self._plain)),))
        return None

    def merge(self, statistics: Iterator[Any]) -> None:
        """Take in one pass's statistics."""
        merges: tuple[Callable[[Any], None], ...] = (
            self._merge_scale,
            self._merge_equations,
            self._merge_errors,
            self._merge_refined,
            self._merge_refined_errors,
            self._merge_survey,
            self._merge_count,
        )
        merges[self._stage - 1](statistics)

    def _prediction(self, number: int, class_map: int) -> Prediction:
        weights = self._weights[number][class_map]
        return Prediction(
            self._references[number],
            class_map,
            self._thresholds[number][class_map],
            weights,
            np.zeros(len(weights), np.int64),
            np.zeros(14, np.int64),
        )

    def _merge_scale(self, statistics: Iterator[list[Integers]]) -> None:
        for histogram in _added(statistics):
            share = np.cumsum(histogram) / max(1, histogram.sum())
            self._thresholds.append(
                tuple(_rising(np.searchsorted(share, shares)) for shares in ACTIVITY_SHARES)  # type: ignore[arg-type]
            )

    def _merge_equations(self, statistics: Iterator[list[list[Integers]]]) -> None:
        # Each shard's sums are exact; all shards' might not fit.
        totals = [[table.astype(np.float64) for table in tables] for tables in next(statistics)]
        for shard in statistics:
            for mine, theirs in zip(totals, shard, strict=True):
                for target, addition in zip(mine, theirs, strict=True):
                    target += addition
        for number, equations in enumerate(totals):
            references = len(self._references[number])
            self._weights.append(
                tuple(  # type: ignore[arg-type]
                    solve(table, references, relative=class_map == bank.TEXTURE)
                    for class_map, table in enumerate(equations)
                )
            )

    def _merge_errors(self, statistics: Iterator[list[list[ErrorSums]]]) -> None:
        totals = added(statistics)
        for number in range(len(self._ranges)):
            sums = [totals[class_map][number] for class_map in (bank.TEXTURE, bank.GRID)]
            costs = [map_cost(found, self._weights[number][class_map]) for class_map, found in enumerate(sums)]
            on_grid = number > 0 and self._predictions[0].class_map == bank.GRID
            most = (GRID_COST_FOLLOWING if on_grid else GRID_COST) * costs[bank.TEXTURE]
            class_map = bank.GRID if costs[bank.GRID] < most else bank.TEXTURE
            self._predictions.append(_with_energy(self._prediction(number, class_map), sums[class_map]))
            counts = sums[class_map].counts
            self._energies.append(int(sums[class_map].sums[:, -1].sum()) // max(1, int(counts.sum())))

    def _merge_refined(self, statistics: Iterator[list[Integers]]) -> None:
        totals = [table.astype(np.float64) for table in next(statistics)]
        for shard in statistics:
            for target, addition in zip(totals, shard, strict=True):
                target += addition
        for number, equations in enumerate(totals):
            old = self._predictions[number]
            weights = solve(equations, len(old.references), relative=old.class_map == bank.TEXTURE)
            self._predictions[number] = replace(old, weights=weights)

    def _merge_refined_errors(self, statistics: Iterator[list[list[ErrorSums]]]) -> None:
        (totals,) = added(statistics)
        for number, sums in enumerate(totals):
            self._predictions[number] = _with_energy(self._predictions[number], sums)

    def _merge_survey(self, statistics: Iterator[list[Integers]]) -> None:
        for histogram in _added(statistics):
            edges, plain = choose_levels(histogram)
            self._edges.append(edges)
            self._plain.append(plain)

    def _merge_count(self, statistics: Iterator[list[Integers]]) -> None:
        self._cost = 0.0
        totals = _added(statistics)
        for prediction, edges, plain, histogram in zip(
            self._predictions, self._edges, self._plain, totals, strict=True
        ):
            levels, joined = choose_contexts(edges, plain, histogram)
            plan, cost = choose_distributions(prediction, levels, joined)
            self._plans.append(plan)
            self._costs.append(cost)
            self._cost += cost

    def sections(self) -> list[Section]:
        """One for each plane."""
        return [Section(CODER, PLAN, pack_plan(plan)) for plan in self._plans]

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        """One model, for effort 1."""
        return [(EFFORT, tuple(range(len(self._plans))))]

    def cost(self) -> float | None:
        """Bits of the training images, after the last pass."""
        return self._cost

    def report(self) -> list[str]:
        """Class maps, contexts and bytes of the training images."""
        maps = ", ".join("grid" if plan.prediction.class_map == bank.GRID else "texture" for plan in self._plans)
        contexts = ", ".join(str(len(plan.escapes)) for plan in self._plans)
        sizes = ", ".join(str(int(cost / 8)) for cost in self._costs)
        return [f"class maps: {maps}; contexts: {contexts}", f"bytes of the planes of the training images: {sizes}"]


def _added(statistics: Iterator[list[Integers]]) -> list[Integers]:
    totals = next(statistics)
    for shard in statistics:
        for target, addition in zip(totals, shard, strict=True):
            target += addition
    return totals


def _with_energy(prediction: Prediction, found: ErrorSums) -> Prediction:
    offsets, error_weights = fit_expected(found, OFFSET_LIMIT)
    return replace(prediction, offsets=offsets, error_weights=error_weights)


def solve(equations: Floats, references: int, *, relative: bool) -> Integers:
    """Least-squares weights (classes, taps) in 1 / 2**WEIGHT_BITS.

    ``relative``: own weights sum to one and those of each reference to zero, exactly, so that only differences count.
    """
    classes, size, _ = equations.shape
    taps = size - 1
    # Columns of ``basis`` are the free weights; ``fixed`` is what stands without them.
    basis = np.eye(taps)
    fixed = np.zeros(taps)
    groups = [(0, kernel.OWN_TAPS), (kernel.OWN_TAPS, kernel.FIRST_TAPS)][: 1 + (references > 0)]
    if references > 1:
        groups.append((kernel.OWN_TAPS + kernel.FIRST_TAPS, kernel.SECOND_TAPS))
    if relative:
        for start, count in groups:
            basis[start, start + 1 : start + count] = -1
        basis = np.delete(basis, [start for start, _ in groups], axis=1)
        fixed[0] = 1
    everything = _symmetric(equations.sum(axis=0))
    weights = np.zeros((classes, taps))
    for k in range(classes):
        full = _symmetric(equations[k]) + PRIOR * everything
        samples = full[taps - 1, taps - 1] / kernel.CONSTANT**2
        products, right = full[:taps, :taps], full[:taps, taps]
        matrix = basis.T @ products @ basis + np.eye(basis.shape[1]) * (1 + RIDGE * samples)
        weights[k] = fixed + basis @ np.linalg.solve(matrix, basis.T @ (right - products @ fixed))
    limit = kernel.WEIGHT_LIMIT // 4
    scaled = np.clip(np.rint(weights * (1 << kernel.WEIGHT_BITS)), -limit, limit).astype(np.int64)
    if relative:
        for (start, count), total in zip(groups, (1 << kernel.WEIGHT_BITS, 0, 0), strict=False):
            scaled[:, start] += total - scaled[:, start : start + count].sum(axis=1)
    result: Integers = scaled
    return result


def _symmetric(lower: Floats) -> Floats:
    return lower + np.tril(lower, -1).T


SIZE_BITS = np.array([0, *([0] * 7), *range(3, 23)], np.float64)[:SIZES]
"""Low bits of the residuals of a column."""
SIZE_MEAN = np.array([*range(8), *(0.75 * (1 << bits) for bits in range(4, 24))])[:SIZES]
"""Mean residual of a column."""
CONTEXT_BITS = 60.0
"""What one more context costs, about."""


def _entropy(counts: Floats) -> Floats:
    """Bits of ideal codes for counts (..., symbols)."""
    total = counts.sum(axis=-1)
    bits = total * np.log2(np.maximum(total, 1)) - (counts * np.log2(np.maximum(counts, 1))).sum(axis=-1)
    result: Floats = bits
    return result


def choose_levels(histogram: Integers) -> tuple[Integers, Integers]:
    """Split energies into at most LEVELS levels such that an ideal code of the histogram takes the fewest bits.

    The edges and the plain bits of each level.
    """
    counts = histogram.astype(np.float64)
    sums = np.concatenate([np.zeros((1, *counts.shape[1:])), np.cumsum(counts, axis=0)])
    cells = kernel.EXPECTED
    cost = np.full((cells + 1, cells + 1), np.inf)
    for start in range(cells):
        # cost[start, end] of one level of the energies start .. end - 1
        cost[start, start + 1 :] = _entropy(sums[start + 1 :] - sums[start]).sum(axis=1)
    best = cost[0].copy()
    choices = []
    for _ in range(LEVELS - 1):
        paths = best[:, None] + cost + CONTEXT_BITS
        before = paths.argmin(axis=0)
        reached = paths[before, np.arange(cells + 1)]
        better = reached < best
        choices.append(np.where(better, before, -1))
        best = np.where(better, reached, best)
    edges: list[int] = []
    end = cells
    for choice in reversed(choices):
        if choice[end] > 0:
            end = int(choice[end])
            edges.append(end)
    edges.reverse()
    by_level = np.add.reduceat(counts, [0, *edges], axis=0)
    joined = by_level.sum(axis=1)
    mean = (joined * SIZE_MEAN).sum(axis=1) / np.maximum(1, joined.sum(axis=1))
    plain = np.clip(np.floor(np.log2(np.maximum(mean, 1))) - 4, 0, MOST_BITS)
    return np.array(edges, np.int64), plain.astype(np.int64)


def choose_contexts(edges: Integers, plain: Integers, histogram: Integers) -> tuple[Levels, Integers]:
    """Join cells of like distributions to at most CONTEXTS contexts; the levels, and the contexts' histograms.

    ``histogram`` (levels * CELLS, 2 * WIDEST + 1). Only cells of equally many plain bits are joined.
    """
    depth = len(plain)
    bits = np.repeat(plain, kernel.CELLS)
    by_level = histogram.reshape(depth, kernel.CELLS, -1).sum(axis=1) + 0.01
    shape = by_level / by_level.sum(axis=1, keepdims=True)
    counts = histogram + 2.0 * np.repeat(shape, kernel.CELLS, axis=0)
    # Seeds: every number of plain bits has one, then the cells seen most.
    totals = histogram.sum(axis=1)
    order = np.argsort(-totals, kind="stable")
    first = [int(order[bits[order] == value][0]) for value in np.unique(bits)]
    room = int(min(CONTEXTS, 1 + totals.sum() // SAMPLES_FOR_CONTEXT))
    seeds = [*first, *(int(cell) for cell in order if cell not in first)][: max(len(first), room)]
    centres, centre_bits = counts[seeds], bits[seeds]
    forbidden = bits[:, None] != centre_bits
    for _ in range(ROUNDS):
        logarithms = np.log2((centres + 1e-3) / (centres + 1e-3).sum(axis=1, keepdims=True))
        cost = np.where(forbidden, np.inf, -counts @ logarithms.T)
        chosen = cost.argmin(axis=1)
        centres = np.zeros_like(centres)
        np.add.at(centres, chosen, counts)
    used, cells = np.unique(chosen, return_inverse=True)
    joined = np.zeros((len(used), histogram.shape[1]), np.int64)
    np.add.at(joined, cells.ravel(), histogram)
    return Levels(edges, cells.reshape(depth, kernel.CELLS).astype(np.int64), centre_bits[used]), joined


def choose_distributions(prediction: Prediction, levels: Levels, histogram: Integers) -> tuple[PlaneModel, float]:
    """The plan, and the bits that it takes to code what was counted: (contexts, 2 * WIDEST + 1)."""
    every = histogram.sum(axis=0) + 0.01
    smooth = histogram + SMOOTHING * every / every.sum()
    contexts = len(histogram)
    reaches = np.zeros(contexts, np.int64)
    frequencies = np.zeros((contexts, SYMBOLS), np.int64)
    total = 0.0
    for k in range(contexts):
        costs = np.array([_cost(smooth[k], reach) for reach in range(1, MAX_ESCAPE + 1)])
        reach = int(costs.argmin()) + 1
        reaches[k] = reach
        frequencies[k, : 2 * reach + 1] = _frequencies(_symbols(smooth[k], reach))
        total += float(costs[reach - 1]) + float(levels.low_bits[k]) * float(histogram[k].sum())
    return PlaneModel(prediction, levels, reaches, frequencies), total


def _symbols(counts: Floats, reach: int) -> Floats:
    """Counts of the symbols under a reach."""
    result: Floats = counts[WIDEST - reach : WIDEST + reach + 1].copy()
    result[0] += counts[: WIDEST - reach].sum()
    result[-1] += counts[WIDEST + reach + 1 :].sum()
    return result


ESCAPE_BITS = kernel.LENGTH_BITS + np.floor(np.log2(np.arange(WIDEST + 1) + 1))


def _cost(counts: Floats, reach: int) -> float:
    """Bits of the counted magnitudes and of the distribution under a reach."""
    symbols = _symbols(counts, reach)
    scale = 1 << SCALE_BITS
    chance = np.maximum(symbols / symbols.sum(), 1 / scale)
    bits = -(symbols * np.log2(chance / chance.sum())).sum()
    beyond = counts[WIDEST + reach :] + counts[: WIDEST - reach + 1][::-1]
    return float(bits + (beyond * ESCAPE_BITS[: len(beyond)]).sum() + 8 * reach)


def _frequencies(counts: Floats) -> Integers:
    """Frequencies that add up to 2**SCALE_BITS, each at least one."""
    scale = 1 << SCALE_BITS
    share = counts / counts.sum() * scale
    result: Integers = np.maximum(1, np.rint(share)).astype(np.int64)
    while (excess := int(result.sum()) - scale) != 0:
        step = -1 if excess > 0 else 1
        # Change the one whose code length suffers least, or gains most.
        changed = np.where(result + step >= 1, share * np.log2(np.maximum(result + step, 1) / result), -np.inf)
        result[int(changed.argmax())] += step
    return result


def _rising(cells: npt.NDArray[Any]) -> Integers:
    """Make thresholds rise strictly."""
    result: Integers = np.minimum(cells, ACTIVITIES).astype(np.int64)
    for i in range(1, len(result)):
        result[i] = max(result[i], result[i - 1] + 1)
    return result
