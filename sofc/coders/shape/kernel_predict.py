"""Prediction of samples and zigzag order of the residuals, both ways (Spec shape/prediction).

A plane holds ``rows x width`` samples; every ``image_rows`` rows a new image starts, and prediction starts afresh. It
is the median edge detector of JPEG-LS; binary planes are not predicted. The residual e is kept as 2e where e > 0, else
as -2e - 1; 0 stays 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.digits import from_zigzag, to_zigzag
from sofc.errors import FormatError
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table
from sofc.planes import Plane, PlaneRange
from sofc.prediction.median_edge import median_edge

OK, OUT_OF_RANGE = range(2)


class Coded(NamedTuple):
    """Samples of a ``plane``, within ``span``, and their residuals in zigzag order: either gives the other."""

    plane: Table[np.int32]
    zigzag: Table[np.int32]
    span: PlaneRange


@inlined
def _predict(plane: Table[np.int32], y: int, x: int, top: int) -> int:
    """In the first row of an image the sample to the left, in its first column the one above."""
    if y == top:
        return int(plane[y, x - 1]) if x > 0 else 0
    north = int(plane[y - 1, x])
    if x == 0:
        return north
    west = int(plane[y, x - 1])
    return median_edge(west, north, int(plane[y - 1, x - 1]))


@inlined
def code_sample(encode: bool, coded: Coded, y: int, x: int, predicted: int) -> int:
    """A residual from its sample, or back. Returns OK, or OUT_OF_RANGE for a sample outside the span."""
    plane, zigzag, span = coded
    if encode:
        zigzag[y, x] = to_zigzag(int(plane[y, x]) - predicted)
        return OK
    sample = predicted + from_zigzag(int(zigzag[y, x]))
    if sample < span.low or sample > span.high:
        return OUT_OF_RANGE
    plane[y, x] = sample
    return OK


@kernel
def code_plane(encode: bool, coded: Coded, image_rows: int) -> int:
    """Spec shape/prediction. From samples to ``zigzag`` residuals, or back. OUT_OF_RANGE for one outside ``span``."""
    plane, span = coded.plane, coded.span
    rows, width = plane.shape
    for y in range(rows):
        top = y - y % image_rows
        for x in range(width):
            predicted = min(max(_predict(plane, y, x, top), span.low), span.high)
            if code_sample(encode, coded, y, x, predicted) != OK:
                return OUT_OF_RANGE
    return OK


def is_predicted(span: PlaneRange) -> bool:
    """Whether the samples of a plane of this range are predicted: those of binary ones are residuals themselves."""
    return span.high - span.low > 1


def largest_residual(span: PlaneRange) -> int:
    """The largest residual in zigzag order of samples in ``span``."""
    return (span.high - span.low) * (2 if is_predicted(span) else 1)


def to_residuals(plane: Plane, span: PlaneRange, image_rows: int, predicts: bool = True) -> Plane:
    """The residuals of a plane, 0 or more; without prediction the samples less the lowest one."""
    if not (predicts and is_predicted(span)):
        return plane - np.int32(span.low)
    zigzag = np.empty(plane.shape, np.int32)
    code_plane(True, Coded(np.ascontiguousarray(plane), zigzag, span), image_rows)
    return zigzag


def from_residuals(zigzag: Plane, span: PlaneRange, image_rows: int, predicts: bool = True) -> Plane:
    """The samples. Raises FormatError where one leaves ``span``."""
    if not (predicts and is_predicted(span)):
        plane = zigzag + np.int32(span.low)
        status = OK if int(zigzag.max()) <= span.high - span.low else OUT_OF_RANGE
    else:
        plane = np.empty(zigzag.shape, np.int32)
        status = code_plane(False, Coded(plane, zigzag, span), image_rows)
    if status != OK:
        raise FormatError("a sample of a shape stream lies outside its range")
    return plane
