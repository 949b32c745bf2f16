"""Training of the detail layer: what each pass collects, and what is chosen from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.partition import ideal_bits, partitions
from sofc.coders.shape import details
from sofc.coders.shape.details import ContextModel, DetailModel
from sofc.coders.shape.kernel_predict import NONE, Prediction
from sofc.coders.shape.passes import ResidualTask
from sofc.coders.shape.section import MAX_MODELS
from sofc.coders.training import Pass, Passes, added
from sofc.entropy.bit_models import EVIDENCES
from sofc.planes import Plane, PlaneRange

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PHASES = 2
"""Classes of columns tried: images that were enlarged from half their width have two kinds."""

MAX_LEVELS, MAX_SPLIT = 16, 11
"""Of the contexts the levels, and of residuals the low bits that are coded with them, at most."""

WEIGHT_ONE, WEIGHT_SCALE = 128, 1 << 20
"""Weights of neighbours are in 1/128; samples whose neighbours are 0 count WEIGHT_SCALE when they are sought."""

EQUATION_SAMPLES = 1 << 16
"""Samples of a plane that the equations of weights are taken from."""

CELL_BITS = 8.0
"""What a used frequency is held to cost, so that few images do not get many contexts."""

LOG_CUTS = np.concatenate([np.arange(0, 10240, 256), np.arange(10240, 32768, 1024)]).astype(np.int32)
LINEAR_CUTS = np.unique((16 * 2 ** (np.arange(60) / 4)).astype(np.int32))
"""The fine thresholds of the activity that final ones are chosen from."""

WIDTHS = np.concatenate([np.ones(256, np.int64), np.repeat(np.int64(1) << np.arange(3, 13), 32)])
"""Residuals that each coarse value stands for: one below 256, then 32 coarse values an octave."""
STARTS = np.cumsum(WIDTHS) - WIDTHS
COARSE = np.repeat(np.arange(WIDTHS.size), WIDTHS)
"""The coarse value of each residual."""

LEAST_SEEN = 20
"""Decisions that a bit model saw if it is to start with what it learned from them."""


def _bits_with_cells(counts: npt.NDArray[np.generic]) -> Floats:
    """Bits of codes of counts (..., symbols), and of their frequencies."""
    bits: Floats = ideal_bits(counts) + CELL_BITS * np.count_nonzero(counts, axis=-1)
    return bits


def references_of(residuals: Sequence[Plane], plane: int) -> list[Plane]:
    """The planes that plane number ``plane`` may refer to, the nearest first."""
    return list(residuals[max(0, plane - 2) : plane][::-1])


@dataclass(frozen=True)
class EquationTask(ResidualTask):
    """Normal equations of the activity's weights, and how often each residual comes, for each plane."""

    def collect(self, images: Iterator[list[Plane]]) -> list[tuple[Floats, Floats, Integers]]:
        """[plane] (matrices with linear and with logarithmic magnitudes, counts of residuals up to 255)."""
        found = []
        for number in range(len(self.ranges)):
            size = len(details.OWN_PLACES) + len(details.REFERENCE_PLACES) * min(2, number) + 1
            found.append((np.zeros((size, size + 1)), np.zeros((size, size + 1)), np.zeros(256, np.int64)))
        for residuals, _ in self.residuals(images):
            for number, zigzag in enumerate(residuals):
                if self.predictions[number].mode != NONE:
                    for logarithmic in (False, True):
                        found[number][logarithmic][:] += _equations(
                            zigzag, references_of(residuals, number), logarithmic
                        )
                    found[number][2][:] += np.bincount(np.minimum(zigzag, 255).ravel(), minlength=256)
        return found


def _equations(zigzag: Plane, references: Sequence[Plane], logarithmic: bool) -> Floats:
    """Equations (n + 1, n + 2) of magnitudes from those of n neighbours and a constant; the last column is their right
    side. Samples count the less the louder their surroundings are.

    All sums are whole numbers below 2**53: they do not depend on the order of adding.
    """
    step = 1 + zigzag.size // EQUATION_SAMPLES
    taps = [
        details.moved(magnitudes, *place).ravel()[step - 1 :: step]
        for plane, places in [(zigzag, details.OWN_PLACES), *((one, details.REFERENCE_PLACES) for one in references)]
        for magnitudes in [details.magnitudes_of(plane, logarithmic)]
        for place in places
    ]
    target = details.magnitude_scale(logarithmic)[zigzag].ravel()[step - 1 :: step]
    mean = sum(tap.astype(np.float64) for tap in taps) / len(taps)
    weights = np.rint(WEIGHT_SCALE / (1 + 2 * mean) ** 2)
    columns = np.stack([*taps, np.ones_like(target), target]).astype(np.float64)
    equations: Floats = (columns[:-1] * weights) @ columns.T
    return equations


def solve_weights(matrix: Floats) -> npt.NDArray[np.int32]:
    """Weights in units of 1 / WEIGHT_ONE; the constant is left to the thresholds."""
    square = matrix[:, :-1]
    damped = square + np.eye(square.shape[0]) * (1e-9 + 1e-6 * np.trace(square))
    weights = np.linalg.solve(damped, matrix[:, -1])[:-1]
    return np.clip(np.round(WEIGHT_ONE * weights), -1024, 1024).astype(np.int32)


def class_bounds(counts: Integers) -> tuple[int, int]:
    """Thirds of the nonzero residuals of a reference plane."""
    cumulative = np.cumsum(counts[1:])
    near, far = (int(np.searchsorted(cumulative, cumulative[-1] * third / 3)) + 1 for third in (1, 2))
    return min(near, 254), min(max(far, near + 1), 255)


@dataclass(frozen=True)
class LevelTask(ResidualTask):
    """Counts of coarse values in each fine context, for each plane and kind of magnitude."""

    contexts: list[list[ContextModel]]

    def collect(self, images: Iterator[list[Plane]]) -> list[list[Integers]]:
        """[plane][kind] (levels, classes, phases, coarse values); nothing for planes without prediction."""
        found = [
            [np.zeros((one.levels, one.classes, one.phases, WIDTHS.size), np.int64) for one in kinds]
            for kinds in self.contexts
        ]
        for residuals, _ in self.residuals(images):
            for number, (zigzag, kinds) in enumerate(zip(residuals, self.contexts, strict=True)):
                references = references_of(residuals, number)
                for contexts, counts in zip(kinds, found[number], strict=True):
                    tables = details.tables_of(zigzag, contexts, references).astype(np.int64)
                    flat = tables * WIDTHS.size + COARSE[zigzag]
                    counts += np.bincount(flat.ravel(), minlength=counts.size).reshape(counts.shape)
        return found


class ContextChoice(NamedTuple):
    """Contexts and split of the detail layer with the bits expected, and counts of coarse values in each table."""

    cost: float
    contexts: ContextModel
    split: int
    counts: Integers


def choose_contexts(fine: ContextModel, counts: Integers) -> ContextChoice:
    """Levels, classes, phases and split that cost least."""
    starts = _merge_levels(counts.sum(axis=(1, 2)))
    merged = np.add.reduceat(counts, starts, axis=0)
    choices = []
    for phases in (1, fine.phases):
        for classes in sorted({1, fine.classes}):
            kept = merged if phases > 1 else merged.sum(axis=2, keepdims=True)
            kept = kept if classes > 1 else kept.sum(axis=1, keepdims=True)
            near, far = (fine.near, fine.far) if classes > 1 else (0, 0)
            contexts = replace(fine, thresholds=fine.thresholds[starts[1:] - 1], near=near, far=far, phases=phases)
            flat = kept.reshape(-1, WIDTHS.size)
            for split in range(1, MAX_SPLIT + 1):
                if contexts.tables << split <= MAX_MODELS:
                    choices.append(ContextChoice(_split_cost(flat, split), contexts, split, flat))
    return min(choices, key=lambda choice: choice.cost)


def _merge_levels(counts: Integers) -> Integers:
    """First fine levels of at most MAX_LEVELS runs that together cost least."""
    used = np.flatnonzero(counts.sum(axis=1))
    if used.size == 0:
        return np.zeros(1, np.int64)
    _, starts = min(partitions(counts[used], _bits_with_cells, MAX_LEVELS))
    return np.array([0, *used[starts[1:]]], np.int64)


def _split_cost(counts: Integers, split: int) -> float:
    """Bits of detail layer and shape layer, the latter as single values at their entropy and random places."""
    low, high = table_counts(counts, split), high_counts(counts, split)
    places = ideal_bits(np.array([high[0], high[1:].sum()]))
    return float(_bits_with_cells(low).sum() + _bits_with_cells(high[1:]) + places)


def table_counts(counts: Integers, split: int) -> Floats:
    """How often each low part comes in each table, last in that for residuals with a high part, from coarse counts.

    The residuals that a coarse value stands for are taken to come equally often.
    """
    even = counts / WIDTHS
    inside = (1 << split) > STARTS
    quiet = np.repeat(even[:, inside], WIDTHS[inside], axis=1)
    loud = np.repeat(even[:, ~inside].sum(axis=0), WIDTHS[~inside]).reshape(-1, 1 << split)
    return np.concatenate([quiet, loud.sum(axis=0)[None, :]])


def high_counts(counts: Integers, split: int) -> Floats:
    """How often each high part comes, in the same way."""
    even: Floats = np.repeat(counts.sum(axis=0) / WIDTHS, WIDTHS).reshape(-1, 1 << split)
    return np.asarray(even.sum(axis=1))


def decisions(counts: Floats) -> tuple[Floats, Floats]:
    """How often each bit model of ``code_graded`` sees a 0 and a 1, both (tables, symbols), from how often low parts
    come, (tables, symbols)."""
    zeros, ones = np.zeros((2, *counts.shape))
    first = 1
    while first < counts.shape[1]:
        zeros[:, first >> 1] += counts[:, first >> 1 : first].sum(axis=1)
        ones[:, first >> 1] += counts[:, first:].sum(axis=1)
        nodes = 1
        while nodes < first:
            halves = counts[:, first : 2 * first].reshape(len(counts), nodes, 2, -1).sum(axis=3)
            zeros[:, first + nodes : first + 2 * nodes] = halves[:, :, 0]
            ones[:, first + nodes : first + 2 * nodes] = halves[:, :, 1]
            nodes *= 2
        first *= 2
    return zeros, ones


def trained_details(choice: ContextChoice) -> DetailModel:
    """The detail layer with trained bit models."""
    zeros, ones = decisions(table_counts(choice.counts, choice.split))
    seen = zeros + ones
    evidence = np.searchsorted(details.TRAINED.seen, seen, side="right") - 1
    symbols = 1 + EVIDENCES * details.TRAINED.nearest((ones + 0.3) / (seen + 0.6)) + evidence
    return DetailModel(choice.split, choice.contexts, np.where(seen < LEAST_SEEN, 0, symbols).astype(np.uint8).ravel())


def train_details(ranges: list[PlaneRange], predictions: list[Prediction]) -> Passes[list[DetailModel | None]]:
    """The detail layer of each plane, None for planes without prediction."""
    chosen: list[DetailModel | None] = [None] * len(predictions)
    active = [number for number, prediction in enumerate(predictions) if prediction.mode != NONE]
    if not active:
        return chosen
    equations = added((yield Pass((EquationTask(ranges, predictions),))))
    fine: list[list[ContextModel]] = [[] for _ in predictions]
    for number in active:
        bounds = class_bounds(equations[number - 1][2]) if number else (0, 0)
        fine[number] = [
            ContextModel(logarithmic, solve_weights(equations[number][logarithmic]), cuts, *bounds, PHASES)
            for logarithmic, cuts in ((False, LINEAR_CUTS), (True, LOG_CUTS))
        ]
    counts = added((yield Pass((LevelTask(ranges, predictions, fine),))))
    for number in active:
        choices = map(choose_contexts, fine[number], counts[number])
        chosen[number] = trained_details(min(choices, key=lambda choice: choice.cost))
    return chosen
