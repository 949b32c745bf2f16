"""What passes of training have in common: residuals of images, small ones stacked; and the first, of predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.shape.kernel_predict import GAP, MED, NONE, Prediction, to_residuals
from sofc.coders.training import Pass, Passes, added
from sofc.coders.warm_up import alike
from sofc.planes import Plane, PlaneRange

STACK_SAMPLES = 1 << 16
"""Samples of a plane up to which small images are stacked."""


def stacked(images: Iterator[list[Plane]]) -> Iterator[tuple[list[Plane], int]]:
    """Planes and rows of an image; small images of one size that follow each other are stacked, as in a group."""
    for stack in alike(images, lambda planes: planes[0].shape, STACK_SAMPLES):
        yield [np.concatenate(planes) for planes in zip(*stack, strict=True)], len(stack[0][0])


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
                    to_residuals(plane, span, prediction, image_rows)
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

    def collect(self, images: Iterator[list[Plane]]) -> list[npt.NDArray[np.float64]]:
        """[plane][candidate] sum of log2(1 + residual), which is close to the bits that contexts leave."""
        sums = [np.zeros(len(candidate_predictions(span))) for span in self.ranges]
        for planes, image_rows in stacked(images):
            for plane, span, found in zip(planes, self.ranges, sums, strict=True):
                for index, prediction in enumerate(candidate_predictions(span)):
                    counts = np.bincount(to_residuals(plane, span, prediction, image_rows).ravel())
                    found[index] += float(counts @ np.log2(1 + np.arange(counts.size)))
        return sums


def choose_predictions(ranges: list[PlaneRange]) -> Passes[list[Prediction]]:
    """The prediction of each plane: the one with the smallest residuals."""
    candidates = [candidate_predictions(span) for span in ranges]
    if all(len(one) == 1 for one in candidates):
        return [only for (only,) in candidates]
    sums = added((yield Pass((PredictionTask(ranges),))))
    return [one[int(np.argmin(found))] for one, found in zip(candidates, sums, strict=True)]
