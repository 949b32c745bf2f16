"""The predictor bank: neighbourhoods, their classes, and the normal equations that its weights are fitted from.

A padded plane has PAD columns on each side, PAD rows above and one below. Row y, column x of the plane
stand at [y + PAD, x + PAD]. Borders of the plane being coded are filled as coding goes on: left of a row
stands the sample above its first one, right of it its last one, above the first row the sample to the
left. A reference plane is padded by repeating its edge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.prediction.online import Stripes, correct, note

Integers = npt.NDArray[np.int64]
Padded = npt.NDArray[np.int32]
Marks = npt.NDArray[np.uint8]

PAD = 4
OWN = np.array(
    [
        (0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, -2), (-1, 2), (-2, -1), (-2, 1),
        (0, -3), (-3, 0), (-2, -2), (-2, 2), (0, -4), (-1, -3), (-1, 3), (-3, -1), (-3, 1), (-4, 0),
    ],
    dtype=np.int64,
)  # fmt: skip
"""(row, column) offsets of the causal samples in the plane being coded: W, N, NW, NE, WW, NN, ..."""
REFERENCE = np.array([(0, 0), (0, -1), (-1, 0), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, 1), (1, -1)], dtype=np.int64)
"""Offsets in a reference plane: P, P_W, P_N, P_E, P_S, P_NW, P_NE, P_SE, P_SW."""
MAX_TAPS = len(OWN) + 2 * len(REFERENCE)
CONSTANT = 8
"""Value of the last tap, which stands for a constant."""

TEXTURE = 0
"""Class map for images without a grid: 8 activities x 8 textures, or disagreements with the reference."""
GRID = 1
"""Class map for images with an 8 x 8 grid: 64 places in the grid x 4 activities."""
CLASSES = (64, 256)
WEIGHT_BITS = 16
FRACTION_BITS = 3
"""A prediction carries this many bits after the point."""

ENERGIES = 256
START_MARK = 24
MARK_TABLE = 1 << 12
MARK_STEP = 9
MARK_WEIGHTS = 14
"""Weights of the marks W, WW, N, NW, NE, NN; P, P_W, P_E, P_N, P_S of the first reference; P, P_W, P_E of the other."""


def taps(references: int) -> int:
    """Number of weights of a predictor: own samples, reference samples and the constant."""
    return len(OWN) + references * len(REFERENCE) + 1


def padded(plane: npt.NDArray[Any], middle: int, *, edges: bool) -> npt.NDArray[Any]:
    """A padded copy. ``edges`` repeats the edges, as for a reference plane; else the corner is set to ``middle``."""
    if edges:
        return np.pad(plane, ((PAD, 1), (PAD, PAD)), mode="edge")
    result = np.zeros((plane.shape[0] + PAD + 1, plane.shape[1] + 2 * PAD), plane.dtype)
    result[PAD:-1, PAD:-PAD] = plane
    result[: PAD + 1, :PAD] = middle
    return result


def _mark_table() -> Marks:
    """Mark of an error of e < MARK_TABLE eighths: eight times log2(e + 2), piecewise linear, from 0 up."""
    table = np.zeros(MARK_TABLE + 2, np.uint8)
    for error in range(len(table)):
        size = (error + 2).bit_length() - 1
        table[error] = 8 * size + ((((error + 2) << 3) >> size) & 7) - 8
    return table


MARKS = _mark_table()


def taps_room() -> Padded:
    """Room for the taps of a sample, and one more number."""
    return np.zeros(MAX_TAPS + 2, np.int32)


@inlined
def mark(error: int) -> int:
    """Mark of an absolute prediction error in eighths."""
    if error <= MARK_TABLE:
        return int(MARKS[error])
    return int(MARKS[min(error >> MARK_STEP, MARK_TABLE)]) + 8 * MARK_STEP


@kernel
def open_row(plane: Padded | Marks, y: int) -> None:
    """Fill what stands left of row y (padded index), from the row above."""
    if y > PAD:
        for i in range(PAD):
            plane[y, i] = plane[y - 1, PAD]


@kernel
def open_first_row_sample(plane: Padded | Marks, x: int) -> None:
    """Before sample x of the first row: everything above is the sample to its left."""
    left = plane[PAD, x - 1]
    for i in range(1, PAD + 1):
        for j in range(-PAD, PAD + 1):
            plane[PAD - i, x + j] = left


@kernel
def close_row(plane: Padded | Marks, y: int, width: int) -> None:
    """Fill what stands right of row y with its last sample, and what stands above the first row with that row."""
    for i in range(PAD):
        plane[y, PAD + width + i] = plane[y, PAD + width - 1]
    if y == PAD:
        for i in range(PAD):
            for x in range(plane.shape[1]):
                plane[i, x] = plane[PAD, x]


@inlined
def gather(values: Padded, plane: Padded, first: Padded, second: Padded, references: int, y: int, x: int) -> int:
    """Write the taps of sample (y, x) (padded indices) to ``values``; returns their number, the constant included."""
    values[0], values[1], values[2] = plane[y, x - 1], plane[y - 1, x], plane[y - 1, x - 1]
    values[3], values[4], values[5] = plane[y - 1, x + 1], plane[y, x - 2], plane[y - 2, x]
    values[6], values[7], values[8] = plane[y - 1, x - 2], plane[y - 1, x + 2], plane[y - 2, x - 1]
    values[9], values[10], values[11] = plane[y - 2, x + 1], plane[y, x - 3], plane[y - 3, x]
    values[12], values[13], values[14] = plane[y - 2, x - 2], plane[y - 2, x + 2], plane[y, x - 4]
    values[15], values[16], values[17] = plane[y - 1, x - 3], plane[y - 1, x + 3], plane[y - 3, x - 1]
    values[18], values[19] = plane[y - 3, x + 1], plane[y - 4, x]
    count = 20
    if references > 0:
        values[20], values[21], values[22] = first[y, x], first[y, x - 1], first[y - 1, x]
        values[23], values[24], values[25] = first[y, x + 1], first[y + 1, x], first[y - 1, x - 1]
        values[26], values[27], values[28] = first[y - 1, x + 1], first[y + 1, x + 1], first[y + 1, x - 1]
        count = 29
    if references > 1:
        values[29], values[30], values[31] = second[y, x], second[y, x - 1], second[y - 1, x]
        values[32], values[33], values[34] = second[y, x + 1], second[y + 1, x], second[y - 1, x - 1]
        values[35], values[36], values[37] = second[y - 1, x + 1], second[y + 1, x + 1], second[y + 1, x - 1]
        count = 38
    values[count] = CONSTANT
    return count + 1


@inlined
def activity(values: Padded, references: int) -> int:
    """How much the samples around change: around P in the first reference, else among W, N, NW, NE."""
    if references > 0:
        p = values[20]
        return int(abs(p - values[21]) + abs(p - values[22]) + abs(p - values[23]) + abs(p - values[24]))
    return int(abs(values[0] - values[1]) + abs(values[1] - values[3]) + abs(values[0] - values[2]))


@inlined
def disagreement(values: Padded) -> int:
    """How much W, N and NW differ from the first reference in different ways."""
    west, north, northwest = values[0] - values[21], values[1] - values[22], values[2] - values[25]
    return int(abs(west - north) + abs(northwest - north) + abs(northwest - west))


@inlined
def classify(
    values: Padded, references: int, class_map: int, grid_row: int, grid_column: int, thresholds: Integers
) -> int:
    """The predictor's number in the bank. ``thresholds``: 3 activities for GRID, 7 for TEXTURE, rising.

    Textures of a plane without references are the orders of W, N and NE against their mean with NW.
    """
    level = 0
    amount = activity(values, references)
    for i in range(3 if class_map == GRID else 7):
        if amount > thresholds[i]:
            level += 1
    if class_map == GRID:
        return ((grid_row & 7) * 8 + (grid_column & 7)) * 4 + level
    texture = 0
    if references > 0:
        amount = disagreement(values)
        for i in range(7):
            if 2 * amount > thresholds[i]:
                texture += 1
        return texture * 8 + level
    total = values[0] + values[1] + values[2] + values[3]
    for i in range(2):
        if 4 * values[i] > total:
            texture += 1 << i
    if 4 * values[3] > total:
        texture += 4
    return texture * 8 + level


@inlined
def predict(values: Padded, count: int, weights: Padded, maximum: int) -> int:
    """Prediction with FRACTION_BITS bits after the point, within 0 .. maximum."""
    total = np.int64(0)
    for i in range(count):
        total += np.int64(values[i]) * np.int64(weights[i])
    value = int(total >> (WEIGHT_BITS - FRACTION_BITS))
    return max(0, min(maximum << FRACTION_BITS, value))


@kernel
def accumulate(
    plane: Padded,
    first: Padded,
    second: Padded,
    references: int,
    class_map: int,
    grid_row: int,
    grid_column: int,
    thresholds: Integers,
    shares: Integers,
    values: Padded,
    equations: Integers,
) -> int:
    """Add the samples of a plane to the normal equations of their classes, exact integers.

    ``shares`` (rows, width): how much each sample counts. ``equations`` (classes, taps + 1, taps + 1): lower triangle
    of the products of taps and, last, the sample. In the TEXTURE map all but the constant are taken relative to W.
    ``values``: room for a sample's taps. Returns 0.
    """
    rows, width = plane.shape[0] - PAD - 1, plane.shape[1] - 2 * PAD
    for y in range(PAD, PAD + rows):
        open_row(plane, y)
        for x in range(PAD, PAD + width):
            if y == PAD:
                open_first_row_sample(plane, x)
            count = gather(values, plane, first, second, references, y, x)
            k = classify(values, references, class_map, grid_row + y - PAD, grid_column + x - PAD, thresholds)
            values[count] = plane[y, x]
            if class_map == TEXTURE:
                west = values[0]
                for i in range(OWN.shape[0]):
                    values[i] -= west
                values[count] -= west
            share = shares[y - PAD, x - PAD]
            for i in range(count + 1):
                value = share * np.int64(values[i])
                for j in range(i + 1):
                    equations[k, i, j] += value * values[j]
        close_row(plane, y, width)
    return 0


@kernel
def trace(
    plane: Padded,
    first: Padded,
    second: Padded,
    marks: Marks,
    first_marks: Marks,
    second_marks: Marks,
    references: int,
    class_map: int,
    grid_row: int,
    grid_column: int,
    thresholds: Integers,
    weights: Padded,
    offsets: Integers,
    mark_weights: Integers,
    adapts: int,
    maximum: int,
    shift: int,
    values: Padded,
    stripes: Stripes,
    fine: Padded,
    numbers: Padded,
    energies: Padded,
) -> int:
    """Predict all samples of a known plane: ``fine`` predictions, predictors' ``numbers``, ``energies``, and ``marks``.

    The first three results have shape (rows, width); ``marks`` is padded like the plane. ``values``: room for a
    sample's taps. Returns 0.
    """
    rows, width = plane.shape[0] - PAD - 1, plane.shape[1] - 2 * PAD
    for y in range(PAD, PAD + rows):
        open_row(plane, y)
        open_row(marks, y)
        for x in range(PAD, PAD + width):
            if y == PAD:
                open_first_row_sample(plane, x)
                open_first_row_sample(marks, x)
            count = gather(values, plane, first, second, references, y, x)
            k = classify(values, references, class_map, grid_row + y - PAD, grid_column + x - PAD, thresholds)
            predicted = predict(values, count, weights[k], maximum)
            sample = int(plane[y, x]) << FRACTION_BITS
            expected = energy(marks, first_marks, second_marks, references, y, x, offsets[k], mark_weights)
            target = sample - predicted
            if adapts:
                mu = (predicted + 4) >> FRACTION_BITS
                predicted += correct(stripes, x - PAD, values, references, mu)
                predicted = max(0, min(maximum << FRACTION_BITS, predicted))
            fine[y - PAD, x - PAD] = predicted
            numbers[y - PAD, x - PAD] = k
            energies[y - PAD, x - PAD] = expected
            marks[y, x] = mark(abs(predicted - sample))
            if adapts:
                note(stripes, x - PAD, x == PAD + width - 1, expected + int(marks[y, x]) - 16 * shift, target)
        close_row(plane, y, width)
        close_row(marks, y, width)
    return 0


@inlined
def energy(
    marks: Marks, first: Marks, second: Marks, references: int, y: int, x: int, offset: int, weights: Integers
) -> int:
    """The mark to be expected at (y, x), 0 .. ENERGIES - 1, from marks around it; ``weights`` in 1/256."""
    total = offset
    total += int(marks[y, x - 1]) * weights[0] + int(marks[y, x - 2]) * weights[1]
    total += int(marks[y - 1, x]) * weights[2] + int(marks[y - 1, x - 1]) * weights[3]
    total += int(marks[y - 1, x + 1]) * weights[4] + int(marks[y - 2, x]) * weights[5]
    if references > 0:
        total += int(first[y, x]) * weights[6] + int(first[y, x - 1]) * weights[7]
        total += int(first[y, x + 1]) * weights[8] + int(first[y - 1, x]) * weights[9]
        total += int(first[y + 1, x]) * weights[10]
    if references > 1:
        total += int(second[y, x]) * weights[11] + int(second[y, x - 1]) * weights[12]
        total += int(second[y, x + 1]) * weights[13]
    return int(max(0, min(ENERGIES - 1, total >> 8)))


@kernel
def grid_errors(
    plane: Padded,
    thresholds: Integers,
    weights: Padded,
    maximum: int,
    stride: int,
    values: Padded,
    totals: Integers,
) -> int:
    """Sum of absolute prediction errors for each of the 64 places of the grid, over every ``stride``-th sample.

    For a plane without references under the GRID map; its borders must be filled (``accumulate`` does that).
    ``totals`` (64,): index grid_row * 8 + grid_column. ``values``: room for a sample's taps. Returns 0.
    """
    rows, width = plane.shape[0] - PAD - 1, plane.shape[1] - 2 * PAD
    turn = 0
    for y in range(PAD + 1, PAD + rows):
        for x in range(PAD, PAD + width):
            turn += 1
            if turn < stride:
                continue
            turn = 0
            count = gather(values, plane, plane, plane, 0, y, x)
            for place in range(64):
                k = classify(values, 0, GRID, (place >> 3) + y - PAD, (place & 7) + x - PAD, thresholds)
                predicted = predict(values, count, weights[k], maximum)
                totals[place] += abs(predicted - (int(plane[y, x]) << FRACTION_BITS))
    return 0
