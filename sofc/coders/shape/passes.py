"""What passes of training have in common: residuals of images, small ones stacked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sofc.coders.shape.kernel_predict import to_residuals
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
    """A task on the residuals of planes with these ranges."""

    ranges: list[PlaneRange]

    def residuals(self, images: Iterator[list[Plane]]) -> Iterator[tuple[list[Plane], int]]:
        """Residuals in zigzag order of each image or stack, and the rows of an image in it."""
        for planes, image_rows in stacked(images):
            pairs = zip(planes, self.ranges, strict=True)
            yield [to_residuals(plane, span, image_rows) for plane, span in pairs], image_rows
