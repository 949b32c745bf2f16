"""Drawing what (distance, shape) pairs say (Spec shape/shape-layer)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.shape.kernel_windows import Shapes
from sofc.entropy.binary import BROKEN, OK
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector


class Canvas(NamedTuple):
    """What shapes are drawn into, zero at first: samples of at most ``largest``, and 1 where one is drawn."""

    samples: Table[np.int32]
    covered: Table[np.uint8]
    image_rows: int
    largest: int


@inlined
def _draw(canvas: Canvas, y: int, x: int, shapes: Shapes, shape: int) -> int:
    """BROKEN where the shape leaves the plane or the image, covers a sample again or has one that is too large."""
    samples, covered, image_rows, largest = canvas
    height = int(shapes.heights[shape])
    width = int(shapes.widths[shape])
    if x + width > samples.shape[1] or y % image_rows + height > image_rows or y + height > samples.shape[0]:
        return BROKEN
    place = int(shapes.offsets[shape])
    for i in range(y, y + height):
        for j in range(x, x + width):
            if covered[i, j] != 0 or shapes.pool[place] > largest:
                return BROKEN
            samples[i, j] = shapes.pool[place]
            covered[i, j] = 1
            place += 1
    return OK


@kernel
def draw_pairs(distances: Vector[np.int64], numbers: Vector[np.int64], shapes: Shapes, canvas: Canvas) -> int:
    """Spec shape/shape-layer. Draw all pairs; ``numbers``: of a shape, and 1, or minus a single value. BROKEN where
    one does not fit."""
    width = canvas.samples.shape[1]
    end = canvas.samples.size
    place = 0
    for index in range(numbers.size):
        distance, number = int(distances[index]), int(numbers[index])
        while place < end and (distance > 0 or canvas.covered[place // width, place % width] != 0):
            if canvas.covered[place // width, place % width] == 0:
                distance -= 1
            place += 1
        if place >= end:
            return BROKEN
        y = place // width
        x = place % width
        if number > shapes.heights.size or -number > canvas.largest:
            return BROKEN
        if number > 0:
            if _draw(canvas, y, x, shapes, number - 1) != OK:
                return BROKEN
        else:
            canvas.samples[y, x] = -number
            canvas.covered[y, x] = 1
    return OK
