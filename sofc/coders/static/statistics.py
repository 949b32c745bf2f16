"""What training the static coder counts, pass by pass; each task runs in a worker on a shard of images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.context.passes import detect_grid, shifted
from sofc.coders.static import kernel as static
from sofc.coders.static.coder import Padded, Traced, padded, repeat_edges, trace_image
from sofc.coders.static.plan import Prediction, levels_of, taps
from sofc.planes import Plane, PlaneRange
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
            prepared = [repeat_edges(padded(plane, 0)[0]) for plane in planes]
            for number, histogram in enumerate(histograms):
                own = prepared[number]
                first = prepared[self.references[number][0]] if self.references[number] else own
                width = planes[number].shape[1]
                classes, amounts = np.zeros(width, np.int32), np.zeros(width, np.int32)
                for y in range(static.PAD + 1, len(own) - static.PAD):
                    static.classify_row(
                        own, first, len(self.references[number]), static.GRID, 0, 0, y, width, _ZEROS, classes, amounts
                    )
                    histogram += np.bincount(np.minimum(amounts, ACTIVITIES - 1), minlength=ACTIVITIES)
        return histograms


_ZEROS = np.zeros(8, np.int64)


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
            result.append([np.zeros((classes, size, size), np.int64) for classes in static.CLASSES])
        for planes in shifted(images, self.ranges):
            grid = detect_grid(planes[0])
            prepared = [repeat_edges(padded(plane, 0)[0]) for plane in planes]
            for number, span in enumerate(self.ranges):
                own = padded(planes[number], span.high - span.low)[0]
                first, second = [*(prepared[reference] for reference in self.references[number]), own, own][:2]
                shares = np.ones(planes[number].shape, np.int64)
                for class_map, equations in enumerate(result[number]):
                    static.accumulate(
                        own,
                        first,
                        second,
                        len(self.references[number]),
                        class_map,
                        grid >> 3,
                        grid & 7,
                        self.thresholds[number][class_map],
                        shares,
                        *accumulation_room(own, equations),
                        equations,
                    )
        return result


def accumulation_room(own: Padded, equations: Integers) -> tuple[static.Room, static.Marks, Integers]:
    """What ``static.accumulate`` works in."""
    room = static.room_for(own, own, own, np.int64)
    return room, np.zeros(own.shape, np.uint8), np.zeros(equations.shape[1], np.int64)


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
        steps = np.arange(-static.ENERGIES, static.ENERGIES)
        table = np.clip(np.rint(16 * 2.0 ** (-steps / 4)), 1, MOST_SHARE).astype(np.int64)
        for planes in shifted(images, self.ranges):
            grid = detect_grid(planes[0])
            traced = trace_image(planes, self.predictions, self.ranges, grid)
            prepared = [repeat_edges(padded(plane, 0)[0]) for plane in planes]
            for prediction, found, mean, equations in zip(self.predictions, traced, self.energies, result, strict=True):
                own = found[0]
                first, second = [*(prepared[number] for number in prediction.references), own, own][:2]
                static.accumulate(
                    own,
                    first,
                    second,
                    len(prediction.references),
                    prediction.class_map,
                    grid >> 3,
                    grid & 7,
                    prediction.thresholds,
                    table[found[3] - mean + static.ENERGIES],
                    *accumulation_room(own, equations),
                    equations,
                )
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
                for prediction, found, total in zip(predictions, traced, sums, strict=True):
                    total.add(found[2], found[4], [traced[number][4] for number in prediction.references])
        return result


@dataclass(frozen=True)
class Survey:
    """Sixth pass: how large residuals are by local energy and fold."""

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[Prediction, ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane a histogram (ENERGIES, FOLDS, SIZES)."""
        result = [np.zeros((static.ENERGIES, static.FOLDS, SIZES), np.int64) for _ in self.ranges]
        for planes in shifted(images, self.ranges):
            traced = trace_image(planes, self.predictions, self.ranges, detect_grid(planes[0]))
            for histogram, found in zip(result, traced, strict=True):
                cells, residuals = residuals_of(found)
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
        result = [np.zeros((len(plain) * static.CELLS, 2 * WIDEST + 1), np.int64) for plain in self.plain]
        for planes in shifted(images, self.ranges):
            traced = trace_image(planes, self.predictions, self.ranges, detect_grid(planes[0]))
            for histogram, edges, plain, found in zip(result, self.edges, self.plain, traced, strict=True):
                cells, residuals = residuals_of(found)
                levels = levels_of(edges)[cells // static.FOLDS]
                high = np.clip(residuals >> plain[levels], -WIDEST, WIDEST) + WIDEST
                cells = (levels * static.FOLDS + cells % static.FOLDS) * static.AGREEMENTS + agreements(found)
                cells = cells * histogram.shape[1] + high
                histogram += np.bincount(cells, minlength=histogram.size).reshape(histogram.shape)
        return result


WIDEST = 300


def residuals_of(traced: Traced) -> tuple[Integers, Integers]:
    """Energy * FOLDS + fold, and the mirrored residual, of each sample."""
    own: Padded = traced[0]
    plane = own[static.PAD : -static.PAD, static.PAD : -static.PAD].astype(np.int64)
    fine = traced[1].astype(np.int64)
    rounded = (fine + (1 << (static.FRACTION_BITS - 1))) >> static.FRACTION_BITS
    offset = fine - (rounded << static.FRACTION_BITS)
    residuals = np.where(offset < 0, rounded - plane, plane - rounded)
    cells = traced[3] * np.int64(static.FOLDS) + np.minimum(np.abs(offset) >> 1, static.FOLDS - 1)
    return cells.ravel(), residuals.ravel()


def agreements(traced: Traced) -> Integers:
    """On which sides of the rounded prediction W and N stand, as the kernels see it."""
    own, fine = traced[0].astype(np.int64), traced[1].astype(np.int64)
    pad = static.PAD
    rounded = (fine + (1 << (static.FRACTION_BITS - 1))) >> static.FRACTION_BITS
    across = np.sign(own[pad:-pad, pad - 1 : -pad - 1] - rounded)
    down = np.sign(own[pad - 1 : -pad - 1, pad:-pad] - rounded)
    side = 3 * across + down
    return np.where(fine < rounded << static.FRACTION_BITS, 4 - side, 4 + side).ravel()
