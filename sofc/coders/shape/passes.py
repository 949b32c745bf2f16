"""What passes of training have in common: residuals of images, small ones stacked, and sums of what shards found."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeVar

import numpy as np

from sofc.coders.shape.kernel_predict import GAP, MED, NONE, Prediction, to_zigzag
from sofc.coders.training import Task
from sofc.planes import Plane, PlaneRange

Result = TypeVar("Result")

Steps = Generator[Task, Iterator[Any], Result]
"""Part of a training: it yields tasks, gets what all shards found, and returns what it made of that."""

STACK_SAMPLES = 1 << 16
"""Samples of a plane up to which small images are stacked."""


def sum_all(statistics: Iterator[Any]) -> Any:
    """Sums of the statistics of all shards: lists and tuples by their items."""
    return reduce(sum_two, statistics)


def sum_two(first: Any, second: Any) -> Any:
    """Sums of two such statistics."""
    if isinstance(first, list | tuple):
        return [sum_two(one, other) for one, other in zip(first, second, strict=True)]
    return first + second


def stacked(images: Iterator[list[Plane]]) -> Iterator[tuple[list[Plane], int]]:
    """Planes and rows of an image; small images of one size that follow each other are stacked, as in a group."""
    stack: list[list[Plane]] = []
    for planes in images:
        limit = STACK_SAMPLES // max(1, planes[0].size)
        if stack and (stack[0][0].shape != planes[0].shape or len(stack) >= limit):
            yield _joined(stack)
            stack = []
        stack.append(planes)
    if stack:
        yield _joined(stack)


def _joined(stack: list[list[Plane]]) -> tuple[list[Plane], int]:
    return [np.concatenate(planes) for planes in zip(*stack, strict=True)], stack[0][0].shape[0]


@dataclass(frozen=True)
class ResidualTask:
    """A task on the residuals of planes with these ranges and predictions."""

    ranges: list[PlaneRange]
    predictions: list[Prediction]

    def residuals(self, images: Iterator[list[Plane]]) -> Iterator[tuple[list[Plane], int]]:
        """Residuals in zigzag order of each image or stack, and the rows of an image in it."""
        for planes, image_rows in stacked(images):
            yield (
                [
                    to_zigzag(plane, span, prediction, image_rows)
                    for plane, span, prediction in zip(planes, self.ranges, self.predictions, strict=True)
                ],
                image_rows,
            )


def candidate_predictions(span: PlaneRange) -> list[Prediction]:
    """What may suit a plane: none for binary ones, else MED and GAP with a shift for each two bits beyond 8."""
    bits = (span.high - span.low).bit_length()
    if bits == 1:
        return [Prediction(NONE, 0)]
    return [Prediction(MED, 0)] + [Prediction(GAP, shift) for shift in range(0, max(1, bits - 8), 2)]


@dataclass(frozen=True)
class PredictionTask:
    """How large residuals are, for each plane and prediction."""

    ranges: list[PlaneRange]

    def collect(self, images: Iterator[list[Plane]]) -> list[list[float]]:
        """[plane][candidate] sum of log2(1 + residual), which is close to the bits that contexts leave."""
        sums = [[0.0] * len(candidate_predictions(span)) for span in self.ranges]
        for planes, image_rows in stacked(images):
            for plane, span, found in zip(planes, self.ranges, sums, strict=True):
                for index, prediction in enumerate(candidate_predictions(span)):
                    counts = np.bincount(to_zigzag(plane, span, prediction, image_rows).ravel())
                    found[index] += float(counts @ np.log2(1 + np.arange(counts.size)))
        return sums


def choose_predictions(ranges: list[PlaneRange]) -> Steps[list[Prediction]]:
    """The prediction of each plane: the one with the smallest residuals."""
    candidates = [candidate_predictions(span) for span in ranges]
    if all(len(one) == 1 for one in candidates):
        return [only for (only,) in candidates]
    sums = sum_all((yield PredictionTask(ranges)))
    return [one[int(np.argmin(found))] for one, found in zip(candidates, sums, strict=True)]
