"""Prediction of samples and zigzag order of the residuals, both ways (Spec shape/prediction).

A plane holds ``rows x width`` samples; every ``image_rows`` rows a new image starts, and prediction starts afresh.
MED is the median edge detector of JPEG-LS, GAP the gradient adjusted prediction of CALIC with the mean error of each
context added. The residual e is kept as 2e where e > 0, else as -2e - 1; 0 stays 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.digits import from_zigzag, to_zigzag
from sofc.errors import FormatError
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.planes import Plane, PlaneRange
from sofc.prediction.median_edge import median_edge

MED = 0
GAP = 1
NONE = 2

TEXTURES = 256
ENERGIES = (5, 15, 25, 42, 60, 85, 140)
"""Bounds of the eight levels of energy; like those of the slope, CALIC's."""
CONTEXTS = (len(ENERGIES) + 1) * TEXTURES

MAX_COUNT = 128
"""Errors of a context from which on both their sum and their number are halved."""

OK, OUT_OF_RANGE = range(2)


class Coded(NamedTuple):
    """Samples of a ``plane``, within ``span``, and their residuals in zigzag order: either gives the other."""

    plane: Table[np.int32]
    zigzag: Table[np.int32]
    span: PlaneRange


class Prediction(NamedTuple):
    """MED, GAP or NONE, and by how many bits GAP shifts what it compares with the bounds, which suit 8-bit samples."""

    mode: int
    shift: int


class Feedback(NamedTuple):
    """Sum and number of the errors in each context of GAP: both (CONTEXTS,)."""

    sums: Vector[np.int64]
    counts: Vector[np.int64]


@inlined
def _med(plane: Table[np.int32], y: int, x: int, top: int) -> int:
    """In the first row of an image the sample to the left, in its first column the one above."""
    if y == top:
        return int(plane[y, x - 1]) if x > 0 else 0
    north = int(plane[y - 1, x])
    if x == 0:
        return north
    west = int(plane[y, x - 1])
    return median_edge(west, north, int(plane[y - 1, x - 1]))


@inlined
def _gap(plane: Table[np.int32], y: int, x: int, top: int, shift: int, last_error: int) -> tuple[int, int]:
    """16 times the gradient adjusted prediction, and the number of its context."""
    width = plane.shape[1]
    if y == top:
        west = int(plane[y, x - 1]) if x > 0 else 0
        west2 = int(plane[y, x - 2]) if x > 1 else west
        north = northwest = northeast = north2 = north2east = west
    else:
        north = int(plane[y - 1, x])
        west = int(plane[y, x - 1]) if x > 0 else north
        west2 = int(plane[y, x - 2]) if x > 1 else west
        northwest = int(plane[y - 1, x - 1]) if x > 0 else north
        northeast = int(plane[y - 1, x + 1]) if x + 1 < width else north
        north2 = int(plane[y - 2, x]) if y > top + 1 else north
        north2east = int(plane[y - 2, x + 1]) if y > top + 1 and x + 1 < width else northeast
    across = abs(west - west2) + abs(north - northwest) + abs(north - northeast)
    down = abs(west - northwest) + abs(north - north2) + abs(northeast - north2east)
    slope = (down - across) >> shift
    predicted = 8 * (west + north) + 4 * (northeast - northwest)
    # Of a steep slope the neighbour along the edge knows more than the other one.
    along = 16 * west if slope > 0 else 16 * north
    if abs(slope) > 80:
        predicted = along
    elif abs(slope) > 32:
        predicted = (predicted + along) >> 1
    elif abs(slope) > 8:
        predicted = (3 * predicted + along) >> 2
    texture = (
        int(16 * north < predicted)
        | int(16 * west < predicted) << 1
        | int(16 * northwest < predicted) << 2
        | int(16 * northeast < predicted) << 3
        | int(16 * north2 < predicted) << 4
        | int(16 * west2 < predicted) << 5
        | int(16 * (2 * north - north2) < predicted) << 6
        | int(16 * (2 * west - west2) < predicted) << 7
    )
    energy = (across + down + 2 * abs(last_error)) >> shift
    level = 0
    for bound in ENERGIES:
        level += int(energy > bound)
    return predicted, level * TEXTURES + texture


@kernel
def code_plane(encode: bool, coded: Coded, image_rows: int, prediction: Prediction, feedback: Feedback) -> int:
    """Spec shape/prediction. From samples to ``zigzag`` residuals, or back. OUT_OF_RANGE for one outside ``span``."""
    plane, zigzag, span = coded
    rows, width = plane.shape
    sums, counts = feedback
    for y in range(rows):
        top = y - y % image_rows
        if y == top:
            sums[:] = 0
            counts[:] = 0
        last_error = 0
        for x in range(width):
            context = plain = 0
            if prediction.mode == MED:
                predicted = _med(plane, y, x, top)
            else:
                wide, context = _gap(plane, y, x, top, prediction.shift, last_error)
                plain = (wide + 8) >> 4
                if counts[context] > 0:
                    wide += (16 * int(sums[context])) // int(counts[context])
                predicted = (wide + 8) >> 4
            predicted = min(max(predicted, span.low), span.high)
            if encode:
                zigzag[y, x] = to_zigzag(int(plane[y, x]) - predicted)
            else:
                sample = predicted + from_zigzag(int(zigzag[y, x]))
                if sample < span.low or sample > span.high:
                    return OUT_OF_RANGE
                plane[y, x] = sample
            if prediction.mode == GAP:
                last_error = int(plane[y, x]) - plain
                sums[context] += last_error
                counts[context] += 1
                if counts[context] >= MAX_COUNT:
                    counts[context] >>= 1
                    sums[context] >>= 1
    return OK


def largest_residual(span: PlaneRange, prediction: Prediction) -> int:
    """The largest residual in zigzag order of samples in ``span``."""
    return (span.high - span.low) * (1 if prediction.mode == NONE else 2)


def to_residuals(plane: Plane, span: PlaneRange, prediction: Prediction, image_rows: int) -> Plane:
    """The residuals of a plane, 0 or more; without prediction the samples less the lowest one."""
    if prediction.mode == NONE:
        return plane - np.int32(span.low)
    zigzag = np.empty(plane.shape, np.int32)
    code_plane(True, Coded(np.ascontiguousarray(plane), zigzag, span), image_rows, prediction, _feedback())
    return zigzag


def from_residuals(zigzag: Plane, span: PlaneRange, prediction: Prediction, image_rows: int) -> Plane:
    """The samples. Raises FormatError where one leaves ``span``."""
    if prediction.mode == NONE:
        plane = zigzag + np.int32(span.low)
        status = OK if int(zigzag.max()) <= span.high - span.low else not OK
    else:
        plane = np.empty(zigzag.shape, np.int32)
        status = code_plane(False, Coded(plane, zigzag, span), image_rows, prediction, _feedback())
    if status != OK:
        raise FormatError("a sample of a shape stream lies outside its range")
    return plane


def _feedback() -> Feedback:
    return Feedback(*np.zeros((2, CONTEXTS), np.int64))
