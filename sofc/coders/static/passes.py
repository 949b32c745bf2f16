"""What training the static coder counts, pass by pass; each task runs in a worker on a shard of images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.context.passes import detect_grid, shifted
from sofc.coders.static import kernel
from sofc.coders.static.coder import Coded, known, trace_image
from sofc.coders.static.model import Prediction, levels_of, taps
from sofc.planes import Plane, PlaneRange
from sofc.prediction import bank
from sofc.prediction.expected_error import ErrorSums

Integers = npt.NDArray[np.int64]

ACTIVITIES = 4096
SIZES = 28
"""Columns of the survey: magnitudes 0 to 7, then 4 + their bits."""


@dataclass(frozen=True)
class Scale:
    """First pass: how much the samples around change."""

    ranges: tuple[PlaneRange, ...]
    references: tuple[tuple[int, ...], ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane a histogram of activities (ACTIVITIES,)."""
        histograms = [np.zeros(ACTIVITIES, np.int64) for _ in self.ranges]
        for planes in shifted(images, self.ranges):
            edges = [bank.padded(plane, 0, edges=True) for plane in planes]
            for number, histogram in enumerate(histograms):
                own, count = edges[number], len(self.references[number])
                first = edges[self.references[number][0]] if count else own
                errors = np.zeros(own.shape, np.uint8)
                around = bank.Neighbourhood(own, first, first, errors, errors, errors, count)
                width = planes[number].shape[1]
                predictors, activities = np.zeros(width, np.int32), np.zeros(width, np.int32)
                for y in range(bank.PAD + 1, len(own) - bank.PAD):
                    kernel.classify_row(around, _blank(count).bank(0, 0), y, activities, predictors)
                    histogram += np.bincount(np.minimum(activities, ACTIVITIES - 1), minlength=ACTIVITIES)
        return histograms


def _blank(count: int, class_map: int = bank.GRID, thresholds: Integers | None = None) -> Prediction:
    """Classes alone."""
    thresholds = np.zeros(bank.THRESHOLDS[class_map], np.int64) if thresholds is None else thresholds
    classes, zeros = bank.CLASSES[class_map], np.zeros(14, np.int64)
    return Prediction(
        tuple(range(count)), class_map, thresholds, np.zeros((classes, taps(count)), np.int64), zeros, zeros
    )


@dataclass(frozen=True)
class Equations:
    """Second pass: exact normal equations of every predictor, under both class maps, all samples alike."""

    ranges: tuple[PlaneRange, ...]
    references: tuple[tuple[int, ...], ...]
    thresholds: tuple[tuple[Integers, Integers], ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[list[Integers]]:
        """[plane][class map] -> (classes, taps + 1, taps + 1)."""
        result = []
        for references in self.references:
            size = taps(len(references)) + 1
            result.append([np.zeros((classes, size, size), np.int64) for classes in bank.CLASSES])
        for planes in shifted(images, self.ranges):
            grid = detect_grid(planes[0])
            for number, span in enumerate(self.ranges):
                others = _references(planes, self.references[number])
                ones = np.ones(planes[number].shape, np.int64)
                for class_map, equations in enumerate(result[number]):
                    blank = _blank(len(others), class_map, self.thresholds[number][class_map])
                    around = known(blank, planes[number], PlaneRange(0, span.size), others)
                    accumulate(around, blank, grid, ones, equations)
        return result


def _references(planes: list[Plane], numbers: tuple[int, ...]) -> list[Coded]:
    """Reference planes, without log errors."""
    edges = [bank.padded(planes[number], 0, edges=True) for number in numbers]
    return [(plane, np.zeros(plane.shape, np.uint8)) for plane in edges]


def accumulate(
    around: bank.Neighbourhood, prediction: Prediction, grid: int, weights: Integers, equations: Integers
) -> None:
    """Add a plane to normal equations."""
    scratch, values = kernel.scratch_for(around, True), np.zeros(equations.shape[1], np.int64)
    kernel.accumulate(around, prediction.bank(grid, 0), weights, scratch, values, equations)


MOST_SHARE = 256
"""How much a sample may count, one where errors are large."""


@dataclass(frozen=True)
class Refine:
    """Fourth pass: normal equations where a sample counts the less the larger an error is to be expected there.

    ``energies``: the plane's mean energy.
    """

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[Prediction, ...]
    energies: tuple[int, ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane (classes, taps + 1, taps + 1)."""
        result = []
        for prediction in self.predictions:
            size = taps(len(prediction.references)) + 1
            result.append(np.zeros((len(prediction.weights), size, size), np.int64))
        # Energies are eighths of powers of two of the error: the share goes with the error's inverse square.
        steps = np.arange(-kernel.EXPECTED, kernel.EXPECTED)
        table = np.clip(np.rint(16 * 2.0 ** (-steps / 4)), 1, MOST_SHARE).astype(np.int64)
        for planes in shifted(images, self.ranges):
            grid = detect_grid(planes[0])
            traced = trace_image(planes, self.predictions, self.ranges, grid)
            for prediction, (around, found), mean, equations in zip(
                self.predictions, traced, self.energies, result, strict=True
            ):
                weights = table[found.expected - mean + kernel.EXPECTED]
                accumulate(around, prediction, grid, weights, equations)
        return result


@dataclass(frozen=True)
class Errors:
    """Third pass, under both class maps, and fifth: how the marks around a sample foretell its own."""

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[tuple[Prediction, ...], ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[list[ErrorSums]]:
        """[class map][plane]."""
        result = [
            [ErrorSums.empty(len(prediction.weights), len(prediction.references)) for prediction in predictions]
            for predictions in self.predictions
        ]
        for planes in shifted(images, self.ranges):
            grid = detect_grid(planes[0])
            for predictions, sums in zip(self.predictions, result, strict=True):
                traced = trace_image(planes, predictions, self.ranges, grid)
                for (around, found), total in zip(traced, sums, strict=True):
                    others = [around.first_errors, around.second_errors][: around.references]
                    total.add(found.predictors, around.errors, others)
        return result


@dataclass(frozen=True)
class Survey:
    """Sixth pass: how large residuals are by local energy and fold."""

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[Prediction, ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane a histogram (ENERGIES, FOLDS, SIZES)."""
        result = [np.zeros((kernel.EXPECTED, kernel.FRACTIONS, SIZES), np.int64) for _ in self.ranges]
        for planes in shifted(images, self.ranges):
            traced = trace_image(planes, self.predictions, self.ranges, detect_grid(planes[0]))
            for histogram, found in zip(result, traced, strict=True):
                cells, residuals = residuals_of(*found)
                sizes = np.minimum(np.abs(residuals), 7)
                large = np.abs(residuals) >= 8
                sizes[large] = 4 + np.floor(np.log2(np.abs(residuals[large]))).astype(np.int64) + 1
                cells = cells * SIZES + sizes
                histogram += np.bincount(cells, minlength=histogram.size).reshape(histogram.shape)
        return result


@dataclass(frozen=True)
class Count:
    """Last pass: magnitudes by cell, plain bits taken off; the largest and smallest column are for those beyond.

    ``edges`` and ``plain`` (levels,) say for each plane where levels start and their plain bits.
    """

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[Prediction, ...]
    edges: tuple[Integers, ...]
    plain: tuple[Integers, ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane a histogram (levels * CELLS, 2 * WIDEST + 1)."""
        result = [np.zeros((len(plain) * kernel.CELLS, 2 * WIDEST + 1), np.int64) for plain in self.plain]
        for planes in shifted(images, self.ranges):
            traced = trace_image(planes, self.predictions, self.ranges, detect_grid(planes[0]))
            for histogram, edges, plain, found in zip(result, self.edges, self.plain, traced, strict=True):
                cells, residuals = residuals_of(*found)
                levels = levels_of(edges)[cells // kernel.FRACTIONS]
                high = np.clip(residuals >> plain[levels], -WIDEST, WIDEST) + WIDEST
                cells = (levels * kernel.FRACTIONS + cells % kernel.FRACTIONS) * kernel.SIDES + sides_of(*found)
                cells = cells * histogram.shape[1] + high
                histogram += np.bincount(cells, minlength=histogram.size).reshape(histogram.shape)
        return result


WIDEST = 300


def residuals_of(around: bank.Neighbourhood, traced: kernel.Traced) -> tuple[Integers, Integers]:
    """Expected error * FRACTIONS + fraction, and the mirrored residual, of each sample."""
    plane, fine = bank.inside(around.plane).astype(np.int64), traced.fine.astype(np.int64)
    mu = (fine + (1 << (kernel.FRACTION_BITS - 1))) >> kernel.FRACTION_BITS
    offset = fine - (mu << kernel.FRACTION_BITS)
    residuals = np.where(offset < 0, mu - plane, plane - mu)
    cells = traced.expected * np.int64(kernel.FRACTIONS) + np.minimum(np.abs(offset) >> 1, kernel.FRACTIONS - 1)
    return cells.ravel(), residuals.ravel()


def sides_of(around: bank.Neighbourhood, traced: kernel.Traced) -> Integers:
    """On which sides of the rounded prediction W and N stand, as the kernels see it."""
    own, fine = around.plane.astype(np.int64), traced.fine.astype(np.int64)
    pad = bank.PAD
    mu = (fine + (1 << (kernel.FRACTION_BITS - 1))) >> kernel.FRACTION_BITS
    across = np.sign(own[pad:-pad, pad - 1 : -pad - 1] - mu)
    down = np.sign(own[pad - 1 : -pad - 1, pad:-pad] - mu)
    side = 3 * across + down
    return np.where(fine < mu << kernel.FRACTION_BITS, 4 - side, 4 + side).ravel()
