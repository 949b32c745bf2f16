"""Training of prediction and detail layer: what each pass collects, and what is chosen from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.shape import kernel_arithmetic as arithmetic
from sofc.coders.shape.huffman import HuffmanCode, code_lengths
from sofc.coders.shape.kernel_predict import GAP, MED, NONE
from sofc.coders.shape.parameters import MAX_DETAIL_BITS, ContextModel, DetailModel
from sofc.coders.shape.plane import fold, location_bits, loudness_of, reference_context, tuples_of
from sofc.coders.shape.section import round_frequencies
from sofc.planes import Plane, PlaneRange

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

COARSE_VALUES = 256 + 32 * 10
PHASES = 2
MAX_LEVELS = 16
MAX_SPLIT = 11
WEIGHT_ONE = 128
TRIED_SPLITS = 4

STACK_SAMPLES = 1 << 16
"""Samples of a plane up to which small images are stacked."""

CELL_BITS = 8.0
"""What a used frequency is held to cost, so that few images do not get many contexts."""

LOG_CUTS = np.concatenate([np.arange(0, 10240, 256), np.arange(10240, 32768, 1024)])
LINEAR_CUTS = np.unique((16 * 2 ** (np.arange(60) / 4)).astype(np.int64))


class Prediction(NamedTuple):
    """Mode and shift of one plane."""

    mode: int
    shift: int


def cuts_of(logarithmic: bool) -> npt.NDArray[np.int32]:
    """The fine thresholds of the activity that final ones are chosen from."""
    return (LOG_CUTS if logarithmic else LINEAR_CUTS).astype(np.int32)


def entropy(counts: npt.NDArray[np.generic]) -> float:
    """Bits of all rows of ``counts`` (..., symbols), each coded at its own entropy."""
    values = counts.astype(np.float64)
    totals = values.sum(axis=-1)
    return _sum_log(totals) - _sum_log(values)


def _sum_log(values: Floats) -> float:
    positive = values[values > 0]
    return float((positive * np.log2(positive)).sum())


def candidate_predictions(span: PlaneRange) -> list[Prediction]:
    """What may suit a plane: none for binary ones, else MED and GAP with a shift for each two bits beyond 8."""
    bits = (span.high - span.low).bit_length()
    if bits == 1:
        return [Prediction(NONE, 0)]
    return [Prediction(MED, 0)] + [Prediction(GAP, shift) for shift in range(0, max(1, bits - 8), 2)]


PLAIN_CONTEXTS = ContextModel(
    True, np.array([48, 48, 16, 16, 0, 0], np.int32), np.arange(512, 512 + 15 * 1024, 1024).astype(np.int32)
)


def _levels(folded: Plane, contexts: ContextModel, references: Sequence[Plane]) -> npt.NDArray[np.uint8]:
    activity, _ = reference_context(contexts, references, (folded.shape[0], folded.shape[1]))
    levels = np.empty(folded.shape, np.uint8)
    loudness = loudness_of(folded, contexts.logarithmic)
    arithmetic.fine_contexts(loudness, contexts.weights, contexts.thresholds, activity, levels)
    return levels


@dataclass(frozen=True)
class PredictionTask:
    """Counts of coarse values by plain contexts, for each plane and prediction."""

    ranges: list[PlaneRange]

    def collect(self, images: Iterator[list[Plane]]) -> list[list[Integers]]:
        """[plane][candidate] (levels, coarse values)."""
        shape = (1, 1, PLAIN_CONTEXTS.thresholds.size + 1, COARSE_VALUES)
        counts = [[np.zeros(shape, np.int64) for _ in candidate_predictions(span)] for span in self.ranges]
        for planes, image_rows in stacked(images):
            for plane, span, found in zip(planes, self.ranges, counts, strict=True):
                for prediction, count in zip(candidate_predictions(span), found, strict=True):
                    folded = fold(plane, span, *prediction, image_rows)
                    classes = np.zeros(plane.shape, np.uint8)
                    arithmetic.count_levels(folded, _levels(folded, PLAIN_CONTEXTS, []), classes, 1, count)
        return [[count[0, 0] for count in found] for found in counts]


def choose_prediction(span: PlaneRange, counts: Sequence[Integers]) -> Prediction:
    """The candidate whose residuals cost least in plain contexts."""
    costs = [entropy(count) + _raw_bits(count.sum(axis=0)) for count in counts]
    return candidate_predictions(span)[int(np.argmin(costs))]


def _raw_bits(coarse: Integers) -> float:
    """Bits below the coarse value of large residuals."""
    octaves = np.arange(8, 18)
    return float((coarse[256:].reshape(10, 32).sum(axis=1) * (octaves - 5)).sum())


def stacked(images: Iterator[list[Plane]]) -> Iterator[tuple[list[Plane], int]]:
    """Planes and rows of an image; small images of one size that follow each other are stacked, as in a group."""
    stack: list[list[Plane]] = []
    for planes in images:
        limit = STACK_SAMPLES // max(1, planes[0].size)
        if stack and (stack[0][0].shape != planes[0].shape or len(stack) >= limit):
            yield _stack(stack)
            stack = []
        stack.append(planes)
    if stack:
        yield _stack(stack)


def _stack(stack: list[list[Plane]]) -> tuple[list[Plane], int]:
    rows = stack[0][0].shape[0]
    return [np.concatenate(planes) for planes in zip(*stack, strict=True)], rows


def fold_all(
    planes: Sequence[Plane], ranges: Sequence[PlaneRange], predictions: Sequence[Prediction], image_rows: int
) -> list[Plane]:
    """Folded planes of one image or stack."""
    return [
        fold(plane, span, *prediction, image_rows)
        for plane, span, prediction in zip(planes, ranges, predictions, strict=True)
    ]


def references_of(folded: Sequence[Plane], plane: int) -> list[Plane]:
    """The planes that plane number ``plane`` may refer to, the nearest first."""
    return list(folded[max(0, plane - 2) : plane][::-1])


@dataclass(frozen=True)
class EquationTask:
    """Normal equations of the activity weights, and counts of coarse values, for each plane."""

    ranges: list[PlaneRange]
    predictions: list[Prediction]

    def collect(self, images: Iterator[list[Plane]]) -> list[tuple[list[Floats], Integers]]:
        """[plane] (matrix with linear and with logarithmic loudness, coarse counts)."""
        sizes = [arithmetic.OWN_NEIGHBOURS + 5 * min(2, plane) for plane in range(len(self.ranges))]
        found = [
            ([np.zeros((size + 1, size + 2)) for _ in range(2)], np.zeros((1, 1, 1, COARSE_VALUES), np.int64))
            for size in sizes
        ]
        for planes, image_rows in stacked(images):
            folded = fold_all(planes, self.ranges, self.predictions, image_rows)
            step = 1 + planes[0].size // 65536
            for number, residuals in enumerate(folded):
                if self.predictions[number].mode == NONE:
                    continue
                zeros = np.zeros(residuals.shape, np.uint8)
                arithmetic.count_levels(residuals, zeros, zeros, 1, found[number][1])
                for logarithmic in (False, True):
                    loudness = loudness_of(residuals, logarithmic)
                    references = [loudness_of(one, logarithmic) for one in references_of(folded, number)]
                    stack = np.stack(references) if references else np.zeros((0, 1, 1), np.int32)
                    matrix = found[number][0][logarithmic]
                    arithmetic.add_equations(loudness, stack, step, np.zeros(matrix.shape[1]), matrix)
        return found


def solve_weights(matrix: Floats) -> npt.NDArray[np.int32]:
    """Weights in units of 1 / WEIGHT_ONE; the constant is left to the thresholds."""
    square = matrix[:, :-1]
    damped = square + np.eye(square.shape[0]) * (1e-9 + 1e-6 * np.trace(square))
    weights = np.linalg.solve(damped, matrix[:, -1])[:-1]
    return np.clip(np.round(WEIGHT_ONE * weights), -1024, 1024).astype(np.int32)


def class_bounds(coarse: Integers) -> tuple[int, int]:
    """Thirds of the nonzero residuals of a reference plane."""
    cumulative = np.cumsum(coarse[1:])
    near, far = (int(np.searchsorted(cumulative, cumulative[-1] * third / 3)) + 1 for third in (1, 2))
    return min(near, 254), min(max(far, near + 1), 255)


@dataclass(frozen=True)
class LevelTask:
    """Counts of coarse values by fine activity, class and phase, for each plane and kind of loudness."""

    ranges: list[PlaneRange]
    predictions: list[Prediction]
    contexts: list[list[ContextModel]]

    def collect(self, images: Iterator[list[Plane]]) -> list[list[Integers]]:
        """[plane][loudness] (phases, classes, levels, coarse values); nothing for planes without prediction."""
        counts = [
            [
                np.zeros((PHASES, contexts.class_count, contexts.thresholds.size + 1, COARSE_VALUES), np.int64)
                for contexts in candidates
            ]
            for candidates in self.contexts
        ]
        for planes, image_rows in stacked(images):
            folded = fold_all(planes, self.ranges, self.predictions, image_rows)
            for number, candidates in enumerate(self.contexts):
                references = references_of(folded, number)
                for contexts, count in zip(candidates, counts[number], strict=True):
                    _, classes = reference_context(contexts, references, (planes[0].shape[0], planes[0].shape[1]))
                    levels = _levels(folded[number], contexts, references)
                    arithmetic.count_levels(folded[number], levels, classes, PHASES, count)
        return counts


class ContextChoice(NamedTuple):
    """Contexts and split of the detail layer, with the bits expected."""

    cost: float
    contexts: ContextModel
    split: int


def choose_contexts(
    fine: ContextModel, counts: Integers, split_wanted: int | None, use_contexts: bool
) -> ContextChoice:
    """Levels, classes, phases and split that cost least; the split where none is given, contexts if wanted."""
    levels = _merge_levels(counts.sum(axis=(0, 1))) if use_contexts else np.zeros(1, np.int64)
    merged = np.add.reduceat(counts, levels, axis=2)
    splits = range(1, MAX_SPLIT + 1) if split_wanted is None else [split_wanted]
    best = None
    for phases in (1, PHASES) if use_contexts else (1,):
        for classes in sorted({1, fine.class_count}) if use_contexts else (1,):
            kept = merged if phases > 1 else merged.sum(axis=0, keepdims=True)
            kept = kept if classes > 1 else kept.sum(axis=1, keepdims=True)
            for split in splits:
                cost = _split_cost(kept, split)
                if best is None or cost < best[0]:
                    best = (cost, phases, classes, split)
    assert best is not None
    cost, phases, classes, split = best
    thresholds = fine.thresholds[levels[1:] - 1]
    near, far = (fine.near, fine.far) if classes > 1 else (0, 0)
    return ContextChoice(cost, ContextModel(fine.logarithmic, fine.weights, thresholds, near, far, phases), split)


def _merge_levels(counts: Integers) -> Integers:
    """First fine levels of at most MAX_LEVELS runs that together cost least (dynamic programming)."""
    used = np.flatnonzero(counts.sum(axis=1))
    if used.size == 0:
        return np.zeros(1, np.int64)
    rows = counts[used]
    total = np.concatenate([np.zeros((1, rows.shape[1]), np.int64), np.cumsum(rows, axis=0)])
    size = used.size
    costs = np.full((size + 1, size + 1), np.inf)
    for first in range(size):
        for end in range(first + 1, size + 1):
            run = total[end] - total[first]
            costs[first, end] = entropy(run) + CELL_BITS * np.count_nonzero(run)
    best = costs[0].copy()
    choices = [np.zeros(size + 1, np.int64)]
    finals = [best[size]]
    for _ in range(1, MAX_LEVELS):
        through = best[:, None] + costs
        choices.append(np.argmin(through, axis=0))
        best = np.min(through, axis=0)
        finals.append(best[size])
    runs = int(np.argmin(finals)) + 1
    starts = []
    end = size
    for step in range(runs - 1, -1, -1):
        end = int(choices[step][end]) if step else 0
        starts.append(int(used[end]) if end else 0)
    return np.array(starts[::-1], np.int64)


def _split_cost(counts: Integers, split: int) -> float:
    """Bits of detail layer and shape layer, the latter as single values at their entropy and random places."""
    values = _coarse_starts()
    inside = values < (1 << split)
    low = counts[..., inside]
    cost = entropy(low) + CELL_BITS * np.count_nonzero(low)
    outside = counts[..., ~inside].sum(axis=(0, 1, 2))
    cost += _raw_bits(counts.sum(axis=(0, 1, 2)))
    loud = int(outside.sum())
    if loud:
        cost += loud * split
        total = int(counts.sum())
        cost += entropy(np.array([loud, total - loud]))
        highs = np.bincount(values[~inside] >> split, weights=outside.astype(np.float64))
        cost += entropy(highs) + CELL_BITS * np.count_nonzero(highs)
        cost -= _raw_bits(np.where(inside, 0, counts.sum(axis=(0, 1, 2))))
        beyond = values[~inside] >> split
        cost += float((outside * np.maximum(0, np.log2(np.maximum(beyond, 1)) - 6)).sum())
    return cost


def _coarse_starts() -> Integers:
    """The smallest value of each coarse value."""
    octaves = np.arange(8, 18)
    large = ((32 + np.arange(32))[None, :] << (octaves - 5)[:, None]).ravel()
    return np.concatenate([np.arange(256), large]).astype(np.int64)


def candidate_details(choice: ContextChoice, split_wanted: int | None) -> list[DetailModel]:
    """One sample at a time in all contexts, and tuples in fewer; their frequencies are still to be counted."""
    contexts = choice.contexts
    every = max(1, contexts.thresholds.size // 8 + 1)
    few = ContextModel(contexts.logarithmic, contexts.weights, contexts.thresholds[every - 1 :: every][:8].copy())
    splits = range(choice.split, max(0, choice.split - TRIED_SPLITS), -1) if split_wanted is None else [split_wanted]
    candidates = [_untrained(split, 1, 1, contexts) for split in splits]
    for rows, columns in ((1, 2), (2, 1), (2, 2), (1, 4)):
        most = min(choice.split, MAX_DETAIL_BITS // (rows * columns))
        for split in (most, most - 1):
            if split >= 1 and split_wanted in (None, split):
                candidates.append(_untrained(split, rows, columns, few))
    return candidates


def _untrained(split: int, rows: int, columns: int, contexts: ContextModel) -> DetailModel:
    symbols = 1 << (split * rows * columns)
    frequencies = np.ones((contexts.tables, symbols), np.int32)
    return DetailModel(split, rows, columns, contexts, 1, arithmetic.MAX_TOTAL - 1, frequencies, None)


@dataclass(frozen=True)
class TupleTask:
    """Counts of every tuple in its table, for each plane and candidate of the detail layer."""

    ranges: list[PlaneRange]
    predictions: list[Prediction]
    details: list[list[DetailModel]]

    def collect(self, images: Iterator[list[Plane]]) -> list[list[tuple[Integers, Integers]]]:
        """[plane][candidate] (counts (tables, symbols), counts of high parts (1 << 18 >> split, 1))."""
        found = [
            [(np.zeros(detail.frequencies.shape, np.int64), np.zeros(COARSE_VALUES, np.int64)) for detail in candidates]
            for candidates in self.details
        ]
        for planes, image_rows in stacked(images):
            folded = fold_all(planes, self.ranges, self.predictions, image_rows)
            for number, candidates in enumerate(self.details):
                for detail, (counts, highs) in zip(candidates, found[number], strict=True):
                    tables, symbols = tuples_of(folded[number], detail, references_of(folded, number))
                    arithmetic.count_symbols(tables, symbols, counts)
                    high = np.minimum(folded[number] >> detail.split, COARSE_VALUES - 1)
                    highs += np.bincount(high.ravel(), minlength=COARSE_VALUES)
        return found


def promising_details(candidates: Sequence[DetailModel], counts: Sequence[tuple[Integers, Integers]]) -> list[int]:
    """The candidates that code single samples, and the best of the others."""
    costs = [detail_estimate(count) + high_estimate(highs) for count, highs in counts]
    sizes = [detail.tile_rows * detail.tile_columns for detail in candidates]
    single = [index for index, size in enumerate(sizes) if size == 1]
    several = [index for index, size in enumerate(sizes) if size > 1]
    return single + sorted(several, key=lambda index: costs[index])[:1]


def detail_estimate(counts: Integers) -> float:
    """Bits of tuples, each in its table."""
    return entropy(counts) + CELL_BITS * np.count_nonzero(counts)


def value_estimate(highs: Integers) -> float:
    """Bits of the nonzero values of a shape layer."""
    return entropy(highs[1:])


def high_estimate(highs: Integers) -> float:
    """Bits of a shape layer of single values at random places."""
    loud = int(highs[1:].sum())
    return entropy(np.array([loud, int(highs[0])])) + value_estimate(highs)


MOST = arithmetic.MAX_TOTAL - 1024
"""The largest limit tried: room for any increment below the largest total."""


class Adaptation(NamedTuple):
    """How tables start and follow: the total that trained frequencies are scaled to, the increment, the limit."""

    start: int
    increment: int
    limit: int


ADAPTATIONS = (
    (1 << 11, 8, 1 << 13),
    (1 << 12, 8, 1 << 13),
    (1 << 12, 24, 1 << 15),
    (1 << 13, 16, 1 << 15),
    (1 << 14, 32, 1 << 15),
    (1 << 14, 48, MOST),
    (1 << 15, 48, MOST),
    (1 << 15, 96, MOST),
)


def candidate_adaptations(symbols: int) -> list[Adaptation]:
    """Adaptations to try for tables of this many symbols."""
    return [
        Adaptation(start, increment, limit)
        for start, increment, limit in ADAPTATIONS
        if 4 * (symbols + increment) <= limit and 2 * symbols <= start
    ]


def trained_detail(detail: DetailModel, counts: Integers, adaptation: Adaptation) -> DetailModel:
    """The detail layer with trained frequencies, scaled to the adaptation's start."""
    symbols = counts.shape[1]
    # A table seen seldom leans on the average of all: as if that had been seen ``symbols`` / 4 times more.
    average = counts.sum(axis=0) / max(1, int(counts.sum()))
    smooth = counts + average * (symbols / 4) + 1e-3
    share = smooth / smooth.sum(axis=1, keepdims=True)
    frequencies = 1 + np.floor(share * (adaptation.start - symbols)).astype(np.int64)
    leftover = None
    if detail.tile_rows * detail.tile_columns > 1:
        leftover = HuffmanCode.from_lengths(code_lengths(_low_counts(counts, detail)))
    return DetailModel(
        detail.split,
        detail.tile_rows,
        detail.tile_columns,
        detail.contexts,
        adaptation.increment,
        adaptation.limit,
        round_frequencies(frequencies),
        leftover,
    )


def _low_counts(counts: Integers, detail: DetailModel) -> Integers:
    """Counts of single low parts from those of tuples."""
    low: Integers = counts.sum(axis=0).reshape(-1, 1 << detail.split).sum(axis=0)
    return low


@dataclass(frozen=True)
class AdaptationTask:
    """Bits of each plane with each candidate of its detail layer and each way to adapt it."""

    ranges: list[PlaneRange]
    predictions: list[Prediction]
    details: list[list[list[DetailModel]]]

    def collect(self, images: Iterator[list[Plane]]) -> list[list[tuple[Floats, int]]]:
        """[plane][detail] (bits of the tuples by adaptation, bits of the locations of single values)."""
        bits = [[np.zeros(len(variants)) for variants in details] for details in self.details]
        locations = [[0] * len(details) for details in self.details]
        for planes, image_rows in stacked(images):
            folded = fold_all(planes, self.ranges, self.predictions, image_rows)
            for number, details in enumerate(self.details):
                references = references_of(folded, number)
                for index, variants in enumerate(details):
                    bits[number][index] += _adaptive_bits(folded[number], variants, references)
                    locations[number][index] += location_bits(folded[number] >> variants[0].split)
        return [
            list(zip(plane_bits, plane_locations, strict=True))
            for plane_bits, plane_locations in zip(bits, locations, strict=True)
        ]


def _adaptive_bits(folded: Plane, variants: Sequence[DetailModel], references: Sequence[Plane]) -> Floats:
    """Bits of the tuples of one plane with each variant, which differ in adaptation alone."""
    tables, symbols = tuples_of(folded, variants[0], references)
    bits = np.zeros(len(variants))
    for index, detail in enumerate(variants):
        frequencies = detail.frequencies.astype(np.int64)
        totals = frequencies.sum(axis=1)
        bits[index] = arithmetic.adaptive_cost(tables, symbols, frequencies, totals, detail.increment, detail.limit)
    return bits
