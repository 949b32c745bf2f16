"""Training the predictor bank of each plane.

Five passes: scale, equations and errors with all samples alike, under every kind of bank; then, of the kind that is
chosen, equations in which a sample counts the less the larger its error is expected to be, and errors once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sofc.coders.context.model import Prediction
from sofc.coders.context.tracing import Found, shifted, trace_image
from sofc.coders.training import Pass, Passes, Task, added, sampled
from sofc.planes import Plane, PlaneRange
from sofc.prediction import bank, expected_error
from sofc.prediction.expected_error import ErrorSums, fit_expected, map_cost
from sofc.prediction.grid import find_grid
from sofc.prediction.least_squares import solve

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SAMPLES = 1 << 24
"""Samples of one plane that each pass goes through at most."""
ACTIVITIES = 4096
ACTIVITY_SHARES = ((0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875), (0.6, 0.88, 0.975))
"""Shares of samples below each activity threshold, by class map."""
PRIOR = 1e-4
"""How much of all classes' equations is added to each class."""
USUAL_WEIGHT, MOST_WEIGHT = 16, 256
"""What a sample counts for where errors are as large as on average, and at most; where they are large it is 1."""
MEDIAN_OF_MEAN = 0.69
"""Of Laplacian spread."""

KINDS = ((bank.TEXTURE, False), (bank.GRID, False), (bank.TEXTURE, True), (bank.GRID, True))
"""Class maps, and whether predictions adapt."""
HANDICAPS = ((1, 1.002, 1.005, 1.007), (1, 1.002, 1.02, 1.022))
"""How many times costlier than it is each kind counts, without and with references. The grid has four times as many
predictors, and adapting takes time: they must earn it, and planes that have references gain less by adapting."""
FIRST_ERROR_WEIGHTS = np.array([64, 0, 64, 64, 64] + [0] * (expected_error.WEIGHTS - 5), np.int64)
"""Expected errors before any were fitted: means of four log errors."""


@dataclass(frozen=True)
class Scale:
    """First pass: how much each plane changes from sample to sample."""

    ranges: tuple[PlaneRange, ...]
    references: tuple[tuple[int, ...], ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane a histogram of activities (ACTIVITIES,)."""
        histograms = [np.zeros(ACTIVITIES, np.int64) for _ in self.ranges]
        for planes in shifted(images, self.ranges):
            for plane, references, histogram in zip(planes, self.references, histograms, strict=True):
                if min(plane.shape) < 3:
                    continue
                near = _activities_around(planes[references[0]]) if references else _activities_before(plane)
                histogram += np.bincount(np.minimum(near, ACTIVITIES - 1).ravel(), minlength=ACTIVITIES)
        return histograms


def _activities_before(plane: Plane) -> Integers:
    """Activities among W, N, NW and NE of the samples of a plane without references, but for borders."""
    plane = plane.astype(np.int64)
    w, n, nw, ne = plane[1:, :-2], plane[:-1, 1:-1], plane[:-1, :-2], plane[:-1, 2:]
    result: Integers = np.abs(w - n) + np.abs(n - ne) + np.abs(w - nw)
    return result


def _activities_around(plane: Plane) -> Integers:
    """Activities of the samples of a plane whose first reference this one is, but for borders."""
    plane = plane.astype(np.int64)
    p = plane[1:-1, 1:-1]
    around = [plane[1:-1, :-2], plane[:-2, 1:-1], plane[1:-1, 2:], plane[2:, 1:-1]]
    return sum((np.abs(p - other) for other in around), np.zeros_like(p))


class EquationSums:
    """Sums of normal equations: in integers, which before they could overflow are added to numbers that cannot."""

    MOST_SAMPLES = 1 << 22

    def __init__(self, class_map: int, bases: Integers) -> None:
        self._bases = bases
        size = len(bases)
        self._recent = np.zeros((bank.CLASSES[class_map], size, size), np.int64)
        self._samples = 0
        self._total = np.zeros(self._recent.shape, np.float64)

    def add(self, around: bank.Neighbourhood, predictors: npt.NDArray[np.int32], sample_weights: Integers) -> None:
        """Add a plane's samples, each of which counts as ``sample_weights`` (rows, width) say."""
        bank.accumulate(around, predictors, sample_weights, self._bases, bank.tap_scratch(), self._recent)
        self._samples += sample_weights.size
        if self._samples >= self.MOST_SAMPLES:
            self.total()

    def total(self) -> Floats:
        """All sums until now; exact where they stay below 2**53."""
        self._total += self._recent
        self._recent[:] = 0
        self._samples = 0
        return self._total


def sample_weights(expected: npt.NDArray[np.int32], mean: int) -> Integers:
    """How much samples count by their expected errors, those of which are ``mean`` for USUAL_WEIGHT."""
    # Log errors are eighths of powers of two of the error: the weight goes with the error's inverse square.
    steps = np.arange(-bank.EXPECTED, bank.EXPECTED)
    table = np.clip(np.rint(USUAL_WEIGHT * 2.0 ** (-steps / 4)), 1, MOST_WEIGHT).astype(np.int64)
    weights: Integers = table[expected - mean + bank.EXPECTED]
    return weights


def bases(prediction: Prediction) -> Integers:
    """For each tap, and last the sample, the one that it is taken relative to, -1 if none.

    Under the texture map own taps are relative to W, so that their weights add up to one: only differences count,
    however bright the image. References may be brighter or darker.
    """
    result = np.full(bank.taps(len(prediction.references)) + 1, -1, np.int64)
    if prediction.class_map == bank.TEXTURE:
        result[: len(bank.OWN)] = 0
        result[-1] = 0
    return result


@dataclass(frozen=True)
class _PassOfBanks:
    """A pass over the samples as several kinds of bank predict them: ``predictions`` of all planes, by kind."""

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[tuple[Prediction, ...], ...]

    def traced(self, images: Iterator[list[Plane]]) -> Iterator[Iterator[list[Found]]]:
        """What was found of the planes of each image, kind by kind."""
        for planes in shifted(images, self.ranges):
            grid = find_grid(planes)
            yield (trace_image(planes, predictions, self.ranges, grid) for predictions in self.predictions)


@dataclass(frozen=True)
class Equations(_PassOfBanks):
    """Second and fourth pass: normal equations of every predictor; of ``predictions`` all but the weights is known.

    ``expected``: the mean expected error of each plane, if samples count the less the larger an error is to be
    expected; else they count all alike.
    """

    expected: tuple[int, ...] | None = None

    def collect(self, images: Iterator[list[Plane]]) -> list[list[Floats]]:
        """[kind][plane] -> (classes, taps + 1, taps + 1)."""
        result = [[EquationSums(one.class_map, bases(one)) for one in predictions] for predictions in self.predictions]
        for kinds in self.traced(images):
            for traced, sums in zip(kinds, result, strict=True):
                for plane, ((around, found), total) in enumerate(zip(traced, sums, strict=True)):
                    total.add(around, found.predictors, self._sample_weights(plane, found))
        return [[total.total() for total in sums] for sums in result]

    def _sample_weights(self, plane: int, found: bank.Traced) -> Integers:
        if self.expected is None:
            return np.ones(found.predictors.shape, np.int64)
        return sample_weights(found.expected, self.expected[plane])


class Errors(_PassOfBanks):
    """Third pass, under every kind of bank, and fifth: how the errors around a sample predict its own."""

    def collect(self, images: Iterator[list[Plane]]) -> list[list[ErrorSums]]:
        """[kind][plane]."""
        result = [
            [ErrorSums.empty(len(prediction.weights), len(prediction.references)) for prediction in predictions]
            for predictions in self.predictions
        ]
        for kinds in self.traced(images):
            for traced, sums in zip(kinds, result, strict=True):
                for (around, found), total in zip(traced, sums, strict=True):
                    others = [around.first_errors, around.second_errors][: around.references]
                    total.add(found.predictors, around.errors, others)
        return result


class Banks:
    """The banks of planes of the given ranges, each predicted from the two before it.

    ``cost``: bits of the errors of those chosen, about, handicaps included; None until they are.
    """

    def __init__(self, ranges: Sequence[PlaneRange]) -> None:
        self._ranges = tuple(ranges)
        self._references = tuple((number - 1, number - 2)[: min(number, 2)] for number in range(len(ranges)))
        self.cost: float | None = None

    def fit(self) -> Passes[list[Prediction]]:
        """The predictions of all planes."""
        ranges = self._ranges
        activities = added((yield _over(Scale(ranges, self._references))))
        blank = tuple(
            tuple(_blank(*each, class_map) for each in zip(self._references, activities, strict=True))
            for class_map in (bank.TEXTURE, bank.GRID)
        )
        equations = added((yield _over(Equations(ranges, blank))))
        maps = [list(map(_fitted, *each)) for each in zip(blank, equations, strict=True)]
        kinds = tuple(tuple(replace(one, adapts=adapts) for one in maps[class_map]) for class_map, adapts in KINDS)
        predictions, sums = self._choose(kinds, added((yield _over(Errors(ranges, kinds)))))
        means = tuple(int(found.sums[:, -1].sum()) // max(1, int(found.counts.sum())) for found in sums)
        (refined,) = added((yield _over(Equations(ranges, (tuple(predictions),), means))))
        predictions = list(map(_fitted, predictions, refined))
        (sums,) = added((yield _over(Errors(ranges, (tuple(predictions),)))))
        return list(map(_with_expected, predictions, sums))

    def _choose(
        self, kinds: Sequence[Sequence[Prediction]], sums: list[list[ErrorSums]]
    ) -> tuple[list[Prediction], list[ErrorSums]]:
        """Of each plane the kind of bank under which its errors cost least, and their sums."""
        predictions: list[Prediction] = []
        chosen = []
        self.cost = 0.0
        for number, references in enumerate(self._references):
            costs = [
                handicap * map_cost(found[number], predicted[number].weights)
                for predicted, handicap, found in zip(kinds, HANDICAPS[bool(references)], sums, strict=True)
            ]
            # One that has more weights than it saw samples fits these as well as any.
            seen = int(sums[0][number].counts.sum())
            fitting = [k for k, predicted in enumerate(kinds) if k == 0 or predicted[number].weights.size < seen]
            best = min(fitting, key=costs.__getitem__)
            predictions.append(_with_expected(kinds[best][number], sums[best][number]))
            chosen.append(sums[best][number])
            self.cost += costs[best]
        return predictions, chosen


def _over(task: Task) -> Pass:
    return sampled(task, SAMPLES)


def _blank(references: tuple[int, ...], activities: Integers, class_map: int) -> Prediction:
    """Of which only the classes are known, from a histogram of activities (ACTIVITIES,), and the scale of the plane's
    differences."""
    # Differences of some 20 steps should span the usual change between neighbours.
    # Of differences with Laplacian spread the median is 0.69 of the mean; a few edges must not count for more.
    total = max(1, int(activities.sum()))
    mean = float((activities * np.arange(ACTIVITIES)).sum()) / total
    usual = min(mean, float(np.searchsorted(np.cumsum(activities) / total, 0.5)) / MEDIAN_OF_MEAN) / 3
    shift = max(0, int(np.log2(max(1.0, usual / 6))))
    classes = bank.CLASSES[class_map]
    weights, offsets = np.zeros((classes, bank.taps(len(references))), np.int64), np.zeros(classes, np.int64)
    tables = _thresholds(activities, ACTIVITY_SHARES[class_map]), weights, offsets, FIRST_ERROR_WEIGHTS
    return Prediction(references, class_map, *tables, adapts=False, shift=shift)


def _thresholds(histogram: Integers, shares: Sequence[float]) -> Integers:
    """Activities below which those shares of the samples are, strictly rising."""
    total = np.cumsum(histogram) / max(1, histogram.sum())
    result: Integers = np.searchsorted(total, shares).astype(np.int64)
    for i in range(1, len(result)):
        result[i] = max(result[i], result[i - 1] + 1)
    return result


def _fitted(prediction: Prediction, equations: Floats) -> Prediction:
    return replace(prediction, weights=solve(equations, bases(prediction), PRIOR))


def _with_expected(prediction: Prediction, found: ErrorSums) -> Prediction:
    offsets, error_weights = fit_expected(found)
    return replace(prediction, offsets=offsets, error_weights=error_weights)
