"""Training a predictor bank, for the coders that have one: static and context.

Five passes: scale, equations and errors with all samples alike, under every kind of bank; then, of the kind that is
chosen, equations in which a sample counts the less the larger its error is expected to be, and errors once more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from sofc.coders.training import CoroutineTraining, Pass, Passes, Task, added, sampled
from sofc.planes import Plane, PlaneRange
from sofc.prediction import bank
from sofc.prediction.expected_error import ErrorSums, fit_expected, map_cost

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Found = tuple[bank.Neighbourhood, bank.Traced]
"""A plane that was predicted, with its log errors, and what was predicted."""

SAMPLES = 1 << 24
"""Samples of one plane that each pass goes through at most."""
ACTIVITIES = 4096
ACTIVITY_SHARES = ((0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875), (0.6, 0.88, 0.975))
"""Shares of samples below each activity threshold, by class map."""
RIDGE = 0.0005
SOLVED_BITS = 16
"""Weights are rounded to 1 / 2**SOLVED_BITS, then half up to what the bank keeps."""
LIMIT = 16 << SOLVED_BITS
"""Of a fitted weight's absolute value. At 4 in place of 16, files of DRIVE took 0.8 % more at effort 1, 2 % at 3."""
MOST_WEIGHT = 256
"""What a sample may count for, one where errors are large counting for 1."""

P = TypeVar("P", bound=bank.Prediction)


class BankCoder(ABC, Generic[P]):
    """What a coder knows of its bank. Picklable: tasks take it to other processes."""

    prior: ClassVar[float]
    """How much of all classes' equations is added to each class."""
    first_row: ClassVar[bool]
    """Whether the bank predicts the first row."""

    @abstractmethod
    def taps(self, references: int) -> Integers:
        """The taps of a predictor, as numbers in the bank of ``prediction.bank``; the constant is the last."""

    @abstractmethod
    def tied(self, references: int) -> list[tuple[int, int]]:
        """Where groups of taps begin and end whose weights add up to a constant under the texture map, own first.

        Own weights add up to one, those of a reference to zero: only differences count, however bright the image.
        """

    @abstractmethod
    def activities(self, plane: Plane) -> Integers:
        """Activities of the samples of a plane without references, but for borders."""

    @abstractmethod
    def trace(
        self, planes: Sequence[Plane], predictions: Sequence[P], ranges: Sequence[PlaneRange], grid: int
    ) -> list[Found]:
        """Predict all samples of an image's planes, which start at zero."""


def shifted(images: Iterator[list[Plane]], ranges: Sequence[PlaneRange]) -> Iterator[list[Plane]]:
    """The modelled planes of each image, from 0 up."""
    for planes in images:
        yield [plane - np.int32(span.low) for plane, span in zip(planes, ranges, strict=False)]


def detect_grid(plane: Plane) -> int:
    """Place of the first sample in an 8 x 8 grid of blocks, from the steps at block borders (row * 8 + column)."""

    def offset(samples: Plane) -> int:
        if len(samples) < 24:
            return 0
        change = np.abs(np.diff(samples.astype(np.int64), axis=0)).sum(axis=1)
        excess = change[1:-1] - (change[:-2] + change[2:]) / 2
        # excess[i] belongs to the border between samples i + 1 and i + 2.
        sums = [excess[k::8].mean() if len(excess[k::8]) else -np.inf for k in range(8)]
        return (8 - (int(np.argmax(sums)) + 2)) % 8

    return offset(plane) * 8 + offset(np.ascontiguousarray(plane.T))


@dataclass(frozen=True)
class Scale:
    """First pass: how much each plane changes from sample to sample."""

    coder: BankCoder[Any]
    ranges: tuple[PlaneRange, ...]
    references: tuple[tuple[int, ...], ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane a histogram of activities (ACTIVITIES,)."""
        histograms = [np.zeros(ACTIVITIES, np.int64) for _ in self.ranges]
        for planes in shifted(images, self.ranges):
            for plane, references, histogram in zip(planes, self.references, histograms, strict=True):
                if min(plane.shape) < 3:
                    continue
                near = _activities_around(planes[references[0]]) if references else self.coder.activities(plane)
                histogram += np.bincount(np.minimum(near, ACTIVITIES - 1).ravel(), minlength=ACTIVITIES)
        return histograms


def _activities_around(plane: Plane) -> Integers:
    """Activities of the samples of a plane whose first reference this one is, but for borders."""
    plane = plane.astype(np.int64)
    p = plane[1:-1, 1:-1]
    around = [plane[1:-1, :-2], plane[:-2, 1:-1], plane[1:-1, 2:], plane[2:, 1:-1]]
    return sum((np.abs(p - other) for other in around), np.zeros_like(p))


class EquationSums:
    """Sums of normal equations: in integers, which before they could overflow are added to numbers that cannot."""

    MOST_SAMPLES = 1 << 22

    def __init__(self, coder: BankCoder[Any], prediction: bank.Prediction) -> None:
        taps = coder.taps(len(prediction.references))
        self._regressors = bank.Regressors.of(taps, bases(coder, prediction))
        self._first = 0 if coder.first_row else 1
        size = len(taps) + 1
        self._recent = np.zeros((bank.CLASSES[prediction.class_map], size, size), np.int64)
        self._samples = 0
        self._total = np.zeros(self._recent.shape, np.float64)

    def add(self, around: bank.Neighbourhood, predictors: npt.NDArray[np.int32], sample_weights: Integers) -> None:
        """Add a plane's samples, each of which counts as ``sample_weights`` (rows, width) say."""
        sample_weights[: self._first] = 0
        bank.accumulate(around, predictors, sample_weights, self._regressors, self._recent)
        self._samples += sample_weights.size
        if self._samples >= self.MOST_SAMPLES:
            self.total()

    def total(self) -> Floats:
        """All sums until now; exact where they stay below 2**53."""
        self._total += self._recent
        self._recent[:] = 0
        self._samples = 0
        return self._total


def bases(coder: BankCoder[Any], prediction: bank.Prediction) -> Integers:
    """For each tap, and last the sample, the one that it is taken relative to: the first of its group; -1 if none."""
    count = len(prediction.references)
    result = np.full(len(coder.taps(count)) + 1, -1, np.int64)
    if prediction.class_map == bank.TEXTURE:
        for start, stop in coder.tied(count):
            result[start:stop] = start
        result[-1] = 0
    return result


@dataclass(frozen=True)
class _PassOfBanks:
    """A pass over the samples as several kinds of bank predict them: ``predictions`` of all planes, by kind."""

    coder: BankCoder[Any]
    ranges: tuple[PlaneRange, ...]
    predictions: tuple[tuple[bank.Prediction, ...], ...]

    def traced(self, images: Iterator[list[Plane]]) -> Iterator[Iterator[list[Found]]]:
        """What was found of the planes of each image, kind by kind."""
        for planes in shifted(images, self.ranges):
            grid = detect_grid(planes[0])
            yield (self.coder.trace(planes, predictions, self.ranges, grid) for predictions in self.predictions)


class Equations(_PassOfBanks):
    """Second pass: normal equations of every predictor under both class maps, all samples alike."""

    def collect(self, images: Iterator[list[Plane]]) -> list[list[Floats]]:
        """[class map][plane] -> (classes, taps + 1, taps + 1); of ``predictions`` all but the weights is known."""
        result = [[EquationSums(self.coder, one) for one in predictions] for predictions in self.predictions]
        for kinds in self.traced(images):
            for traced, sums in zip(kinds, result, strict=True):
                for (around, found), total in zip(traced, sums, strict=True):
                    total.add(around, found.predictors, np.ones(found.predictors.shape, np.int64))
        return [[total.total() for total in sums] for sums in result]


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


@dataclass(frozen=True)
class Refine:
    """Fourth pass: normal equations where a sample counts the less the larger an error is to be expected there.

    ``expected``: the plane's mean expected error.
    """

    coder: BankCoder[Any]
    ranges: tuple[PlaneRange, ...]
    predictions: tuple[bank.Prediction, ...]
    expected: tuple[int, ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Floats]:
        """For each plane (classes, taps + 1, taps + 1)."""
        result = [EquationSums(self.coder, prediction) for prediction in self.predictions]
        # Log errors are eighths of powers of two of the error: the weight goes with the error's inverse square.
        steps = np.arange(-bank.EXPECTED, bank.EXPECTED)
        table = np.clip(np.rint(16 * 2.0 ** (-steps / 4)), 1, MOST_WEIGHT).astype(np.int64)
        for planes in shifted(images, self.ranges):
            traced = self.coder.trace(planes, self.predictions, self.ranges, detect_grid(planes[0]))
            for (around, found), mean, sums in zip(traced, self.expected, result, strict=True):
                sums.add(around, found.predictors, table[found.expected - mean + bank.EXPECTED])
        return [sums.total() for sums in result]


class BankTraining(CoroutineTraining, Generic[P]):
    """Training that begins with the banks of planes of the given ranges, each predicted from the two before it."""

    coder: BankCoder[P]
    bank_cost: float | None = None
    """Bits of the errors of the banks chosen, about, handicaps included; once they are."""

    def __init__(self, ranges: Sequence[PlaneRange]) -> None:
        self._ranges = tuple(ranges)
        self._references = tuple((number - 1, number - 2)[: min(number, 2)] for number in range(len(ranges)))
        super().__init__()

    @abstractmethod
    def blank(self, references: tuple[int, ...], class_map: int, thresholds: Integers, activities: Integers) -> P:
        """A prediction of which only the classes are known; ``activities``: their histogram (ACTIVITIES,)."""

    @abstractmethod
    def kinds(self, maps: Sequence[Sequence[P]]) -> list[Sequence[P]]:
        """The kinds of bank to choose from, each the predictions of all planes, from those of both class maps."""

    @abstractmethod
    def handicaps(self, number: int, before: Sequence[P]) -> Sequence[float]:
        """How many times costlier than it is each kind counts for a plane, after the choices made for those before."""

    def fit_banks(self) -> Passes[list[P]]:
        """The predictions of all planes."""
        coder, ranges = self.coder, self._ranges
        activities = added((yield _over(Scale(coder, ranges, self._references))))
        blank = [
            [
                self.blank(references, class_map, _thresholds(histogram, shares), histogram)
                for references, histogram in zip(self._references, activities, strict=True)
            ]
            for class_map, shares in enumerate(ACTIVITY_SHARES)
        ]
        equations = added((yield _over(Equations(coder, ranges, tuple(map(tuple, blank))))))
        maps = [
            [self._fitted(*each) for each in zip(predictions, tables, strict=True)]
            for predictions, tables in zip(blank, equations, strict=True)
        ]
        kinds = self.kinds(maps)
        predictions, sums = self._choose(kinds, added((yield _over(Errors(coder, ranges, tuple(map(tuple, kinds)))))))
        means = tuple(int(found.sums[:, -1].sum()) // max(1, int(found.counts.sum())) for found in sums)
        refined = added((yield _over(Refine(coder, ranges, tuple(predictions), means))))
        predictions = [self._fitted(*each) for each in zip(predictions, refined, strict=True)]
        (sums,) = added((yield _over(Errors(coder, ranges, (tuple(predictions),)))))
        return [_with_expected(*each) for each in zip(predictions, sums, strict=True)]

    def _fitted(self, prediction: P, equations: Floats) -> P:
        return replace(prediction, weights=solve(equations, bases(self.coder, prediction), self.coder.prior))

    def _choose(self, kinds: list[Sequence[P]], sums: list[list[ErrorSums]]) -> tuple[list[P], list[ErrorSums]]:
        """Of each plane the kind of bank under which its errors cost least, and their sums."""
        predictions: list[P] = []
        chosen = []
        self.bank_cost = 0.0
        for number in range(len(self._ranges)):
            costs = [
                handicap * map_cost(found[number], predicted[number].weights)
                for predicted, handicap, found in zip(kinds, self.handicaps(number, predictions), sums, strict=True)
            ]
            # One that has more weights than it saw samples fits these as well as any.
            seen = int(sums[0][number].counts.sum())
            fitting = [k for k, predicted in enumerate(kinds) if k == 0 or predicted[number].weights.size < seen]
            best = min(fitting, key=costs.__getitem__)
            predictions.append(_with_expected(kinds[best][number], sums[best][number]))
            chosen.append(sums[best][number])
            self.bank_cost += costs[best]
        return predictions, chosen


def _over(task: Task) -> Pass:
    return sampled(task, SAMPLES)


def _thresholds(histogram: Integers, shares: Sequence[float]) -> Integers:
    """Activities below which those shares of the samples are, strictly rising."""
    total = np.cumsum(histogram) / max(1, histogram.sum())
    result: Integers = np.searchsorted(total, shares).astype(np.int64)
    for i in range(1, len(result)):
        result[i] = max(result[i], result[i - 1] + 1)
    return result


def _with_expected(prediction: P, found: ErrorSums) -> P:
    offsets, error_weights = fit_expected(found)
    return replace(prediction, offsets=offsets, error_weights=error_weights)


def solve(equations: Floats, bases: Integers, prior: float, bits: int = bank.WEIGHT_BITS) -> Integers:
    """Least-squares weights (classes, taps) in 1 / 2**bits from normal equations.

    ``bases`` as for ``bank.accumulate``: the weights of a group add up to one if the sample is relative to it, else to
    zero, exactly, after rounding: samples far from zero must not shift the prediction.
    """
    classes, size, _ = equations.shape
    taps = size - 1
    everything = equations.sum(axis=0)
    result = np.zeros((classes, taps), np.int64)
    groups = [base for base in np.unique(bases) if base >= 0]
    free = np.setdiff1d(np.arange(taps), groups)
    half = 1 << (SOLVED_BITS - bits - 1)
    for k in range(classes):
        lower = equations[k] + prior * everything
        full = lower + np.tril(lower, -1).T
        samples = full[taps - 1, taps - 1] / bank.CONSTANT**2
        matrix = full[np.ix_(free, free)] + np.eye(len(free)) * (1 + RIDGE * samples)
        weights = np.linalg.solve(matrix, full[taps, free])
        exact = np.clip(np.rint(weights * (1 << SOLVED_BITS)), -LIMIT, LIMIT).astype(np.int64)
        result[k, free] = (exact + half) >> (SOLVED_BITS - bits)
    for base in groups:
        total = 1 << bits if base == bases[-1] else 0
        rest = result[:, bases[:-1] == base].sum(axis=1)
        result[:, base] = np.clip(total - rest, -bank.WEIGHT_LIMIT, bank.WEIGHT_LIMIT)
    return result
