"""Prediction by a linear filter that learns from each sample, both ways (Spec shape/adaptive-prediction).

Normalised least mean squares (B. Widrow and M. E. Hoff, Adaptive Switching Circuits, 1960; S. Haykin, Adaptive Filter
Theory): after each sample the weights move along its taps, by a share of its error over the energy of these. The taps
are samples around, less a first guess, and errors of the planes before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.shape.kernel_predict import OK, OUT_OF_RANGE, Coded, code_sample
from sofc.jit.arithmetic import leading_zeros
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector

OWN_TAPS, REFERENCE_TAPS, MOST_REFERENCES = 12, 4, 2
TAPS = OWN_TAPS + REFERENCE_TAPS * MOST_REFERENCES
SCALE_BITS = 16
"""Weights are in 1 / 2**SCALE_BITS."""
RATE_BITS = 4
"""The share of the error that a step takes away, a 16th to a 32nd. Of noise on smooth pictures half of it takes as
much, twice of it 0.2 % more."""
LARGEST_STEP_BITS = 4
"""An error counts as at most about a 16th of the taps' norm: at an edge it is no noise to learn from."""
WEIGHT_LIMIT = 1 << 22


LEFT, RIGHT, ROWS = 3, 2, 4
"""Columns beside the rows of samples that taps are in, and how many rows these are."""


class Filter(NamedTuple):
    """What the filter takes beside samples, and what it has learned, which goes on from image to image.

    ``before`` (references, rows, width): errors of the predictions of up to MOST_REFERENCES planes before, the nearest
    first. ``near`` (ROWS, LEFT + width + RIGHT): the row of samples that is coded and those above, in turn. ``weights``
    and ``taps`` (TAPS,): those of the plane itself first, then those of each reference, zeros where there is none.
    """

    before: Cube[np.int32]
    near: Table[np.int32]
    weights: Vector[np.int32]
    taps: Vector[np.int32]


@inlined
def _open_row(near: Table[np.int32], y: int, top: int) -> None:
    """Columns beside row y, and beside the one above: what is nearest. Above an image there is nothing."""
    row, above, end = near[y & (ROWS - 1)], near[(y - 1) & (ROWS - 1)], near.shape[1] - RIGHT
    if y == top:
        near[:] = 0
    for i in range(LEFT):
        row[i] = above[LEFT]
    for i in range(RIGHT):
        above[end + i] = above[end - 1]


@inlined
def _close_sample(near: Table[np.int32], y: int, x: int, top: int, sample: int) -> None:
    """Put a sample where taps find it; one of an image's first row above those after it, too, and its first one in all
    that is before it."""
    column = LEFT + x
    near[y & (ROWS - 1), column] = sample
    if y == top:
        near[:, column + 1 if x > 0 else 0 : min(column + 2 + RIGHT, near.shape[1])] = sample


@inlined
def _fill_taps(filter: Filter, y: int, x: int, last: int) -> int:
    """The first guess, and the taps of a sample of an image that has the ``last`` row."""
    before, near, taps = filter.before, filter.near, filter.taps
    row, above, higher = near[y & (ROWS - 1)], near[(y - 1) & (ROWS - 1)], near[(y - 2) & (ROWS - 1)]
    c = x + LEFT
    w, n, nw, ne = int(row[c - 1]), int(above[c]), int(above[c - 1]), int(above[c + 1])
    guess = (2 * (w + n) + ne - nw + 2) >> 2
    taps[0], taps[1], taps[2], taps[3] = w, n, nw, ne
    taps[4], taps[5], taps[6], taps[7] = row[c - 2], higher[c], higher[c + 1], above[c + 2]
    taps[8], taps[9], taps[10] = above[c - 2], higher[c - 1], row[c - 3]
    taps[11] = near[(y - 3) & (ROWS - 1), c]
    for i in range(OWN_TAPS):
        taps[i] -= guess
    for k in range(before.shape[0]):
        at = OWN_TAPS + REFERENCE_TAPS * k
        taps[at] = before[k, y, x]
        taps[at + 1] = before[k, y, min(x + 1, before.shape[2] - 1)]
        taps[at + 2] = before[k, min(y + 1, last), x]
        taps[at + 3] = before[k, y, max(x - 1, 0)]
    return guess


@inlined
def _learn(filter: Filter, error: int) -> None:
    """Move the weights towards those by which the error, in 1 / 2**SCALE_BITS, would have been smaller."""
    taps, weights = filter.taps, filter.weights
    energy = 1
    for i in range(TAPS):
        energy += int(taps[i]) * int(taps[i])
    # Differences of samples of 17 bits and a sign: it has 42 bits.
    size = 32 - leading_zeros(energy) if energy >> 31 == 0 else 48 - leading_zeros(energy >> 16)
    largest = 1 << (SCALE_BITS - LARGEST_STEP_BITS + (size + 1) // 2)
    step, shift = min(max(error, -largest), largest), size + RATE_BITS
    for i in range(TAPS):
        moved = int(weights[i]) + ((step * int(taps[i])) >> shift)
        weights[i] = min(max(moved, -WEIGHT_LIMIT), WEIGHT_LIMIT)


@kernel
def code_adaptively(encode: bool, coded: Coded, image_rows: int, filter: Filter) -> int:
    """Spec shape/adaptive-prediction. From samples to ``zigzag`` residuals, or back. OUT_OF_RANGE for one outside
    ``span``."""
    plane, span = coded.plane, coded.span
    rows, width = plane.shape
    for y in range(rows):
        top = y - y % image_rows
        _open_row(filter.near, y, top)
        for x in range(width):
            wide = _fill_taps(filter, y, x, min(top + image_rows, rows) - 1) << SCALE_BITS
            for i in range(TAPS):
                wide += int(filter.weights[i]) * int(filter.taps[i])
            wide = min(max(wide, span.low << SCALE_BITS), span.high << SCALE_BITS)
            predicted = (wide + (1 << (SCALE_BITS - 1))) >> SCALE_BITS
            if code_sample(encode, coded, y, x, predicted) != OK:
                return OUT_OF_RANGE
            sample = int(plane[y, x])
            _close_sample(filter.near, y, x, top, sample)
            _learn(filter, (sample << SCALE_BITS) - wide)
    return OK
