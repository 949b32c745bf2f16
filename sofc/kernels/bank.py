"""The predictor bank: neighbourhoods, their classes, and the normal equations that its weights are fitted from.

A padded plane has PAD columns on each side, PAD rows above and one below. Row y, column x of the plane
stand at [y + PAD, x + PAD]. Borders of the plane being coded are filled as coding goes on: left of a row
stands the sample above its first one, right of it its last one, above the first row the sample to the
left. A reference plane is padded by repeating its edge.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.kernels._jit import kernel

Integers = npt.NDArray[np.int64]
Padded = npt.NDArray[np.int32]

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
RESIDUAL_COLUMNS = 24
WEIGHT_BITS = 16
FRACTION_BITS = 3
"""A prediction carries this many bits after the point."""


def taps(references: int) -> int:
    """Number of weights of a predictor: own samples, reference samples and the constant."""
    return len(OWN) + references * len(REFERENCE) + 1


def padded(plane: npt.NDArray[np.int32], middle: int, *, edges: bool) -> Padded:
    """A padded copy. ``edges`` repeats the edges, as for a reference plane; else the corner is set to ``middle``."""
    if edges:
        return np.pad(plane, ((PAD, 1), (PAD, PAD)), mode="edge")
    result = np.zeros((plane.shape[0] + PAD + 1, plane.shape[1] + 2 * PAD), np.int32)
    result[PAD:-1, PAD:-PAD] = plane
    result[: PAD + 1, :PAD] = middle
    return result


@kernel
def open_row(plane: Padded, y: int) -> None:
    """Fill what stands left of row y (padded index), from the row above."""
    if y > PAD:
        for i in range(PAD):
            plane[y, i] = plane[y - 1, PAD]


@kernel
def open_first_row_sample(plane: Padded, x: int) -> None:
    """Before sample x of the first row: everything above is the sample to its left."""
    left = plane[PAD, x - 1]
    for i in range(1, PAD + 1):
        for j in range(-PAD, PAD + 1):
            plane[PAD - i, x + j] = left


@kernel
def close_row(plane: Padded, y: int, width: int) -> None:
    """Fill what stands right of row y with its last sample."""
    for i in range(PAD):
        plane[y, PAD + width + i] = plane[y, PAD + width - 1]


@kernel
def gather(values: Integers, plane: Padded, first: Padded, second: Padded, references: int, y: int, x: int) -> int:
    """Write the taps of sample (y, x) (padded indices) to ``values``; returns their number, the constant included."""
    count = 0
    for i in range(OWN.shape[0]):
        values[count] = plane[y + OWN[i, 0], x + OWN[i, 1]]
        count += 1
    if references > 0:
        for i in range(REFERENCE.shape[0]):
            values[count] = first[y + REFERENCE[i, 0], x + REFERENCE[i, 1]]
            count += 1
    if references > 1:
        for i in range(REFERENCE.shape[0]):
            values[count] = second[y + REFERENCE[i, 0], x + REFERENCE[i, 1]]
            count += 1
    values[count] = CONSTANT
    return count + 1


@kernel
def activity(values: Integers, references: int) -> int:
    """How much the samples around change: around P in the first reference, else among W, N, NW, NE."""
    if references > 0:
        p = values[20]
        return int(abs(p - values[21]) + abs(p - values[22]) + abs(p - values[23]) + abs(p - values[24]))
    return int(abs(values[0] - values[1]) + abs(values[1] - values[3]) + abs(values[0] - values[2]))


@kernel
def disagreement(values: Integers) -> int:
    """How much W, N and NW differ from the first reference in different ways."""
    west, north, northwest = values[0] - values[21], values[1] - values[22], values[2] - values[25]
    return int(abs(west - north) + abs(northwest - north) + abs(northwest - west))


@kernel
def classify(
    values: Integers, references: int, class_map: int, grid_row: int, grid_column: int, thresholds: Integers
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


@kernel
def predict(values: Integers, count: int, weights: Integers, maximum: int) -> int:
    """Prediction with FRACTION_BITS bits after the point, within 0 .. maximum."""
    total = 0
    for i in range(count):
        total += values[i] * weights[i]
    value = total >> (WEIGHT_BITS - FRACTION_BITS)
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
    stride: int,
    equations: Integers,
) -> int:
    """Add every ``stride``-th sample of a plane to its class's normal equations, exact integers.

    ``equations`` (classes, taps + 1, taps + 1): lower triangle of the products of taps and, last, the sample.
    In the TEXTURE map all but the constant are taken relative to W. Returns 0.
    """
    rows, width = plane.shape[0] - PAD - 1, plane.shape[1] - 2 * PAD
    values = np.zeros(MAX_TAPS + 2, np.int64)
    turn = 0
    for y in range(PAD, PAD + rows):
        open_row(plane, y)
        for x in range(PAD, PAD + width):
            if y == PAD:
                open_first_row_sample(plane, x)
            turn += 1
            if turn < stride:
                continue
            turn = 0
            count = gather(values, plane, first, second, references, y, x)
            k = classify(values, references, class_map, grid_row + y - PAD, grid_column + x - PAD, thresholds)
            values[count] = plane[y, x]
            if class_map == TEXTURE:
                west = values[0]
                for i in range(OWN.shape[0]):
                    values[i] -= west
                values[count] -= west
            for i in range(count + 1):
                value = values[i]
                for j in range(i + 1):
                    equations[k, i, j] += value * values[j]
        close_row(plane, y, width)
    return 0


@kernel
def survey(
    plane: Padded,
    first: Padded,
    second: Padded,
    references: int,
    class_map: int,
    grid_row: int,
    grid_column: int,
    thresholds: Integers,
    weights: Integers,
    maximum: int,
    shift: int,
    errors: Padded,
    histogram: Integers,
) -> int:
    """Histogram of local error energy >> shift (rows) against the absolute residual (columns).

    Columns 0-7 are residuals, from there on 4 + their bits. ``errors`` is scratch of the plane's padded shape,
    ``histogram`` (energies, RESIDUAL_COLUMNS); higher energies count as the last. Returns 0.
    """
    rows, width = plane.shape[0] - PAD - 1, plane.shape[1] - 2 * PAD
    values = np.zeros(MAX_TAPS + 2, np.int64)
    errors[:] = 0
    for y in range(PAD, PAD + rows):
        open_row(plane, y)
        for x in range(PAD, PAD + width):
            if y == PAD:
                open_first_row_sample(plane, x)
            count = gather(values, plane, first, second, references, y, x)
            k = classify(values, references, class_map, grid_row + y - PAD, grid_column + x - PAD, thresholds)
            fine = predict(values, count, weights[k], maximum)
            error = abs(fine - (int(plane[y, x]) << FRACTION_BITS))
            residual = abs(int(plane[y, x]) - ((fine + 4) >> FRACTION_BITS))
            size = residual
            if residual >= 8:
                size = 4
                while residual:
                    residual >>= 1
                    size += 1
            histogram[min(energy(errors, y, x) >> shift, histogram.shape[0] - 1), size] += 1
            errors[y, x] = error >> 1
        close_row(plane, y, width)
    return 0


@kernel
def energy(errors: Padded, y: int, x: int) -> int:
    """Local error energy: absolute prediction errors (in quarters) around, W and N counted twice."""
    near = int(errors[y, x - 1]) + int(errors[y - 1, x])
    far = int(errors[y - 1, x - 1]) + int(errors[y - 1, x + 1])
    return 2 * near + far + int(errors[y, x - 2]) + int(errors[y - 2, x])


@kernel
def grid_errors(
    plane: Padded,
    thresholds: Integers,
    weights: Integers,
    maximum: int,
    stride: int,
    totals: Integers,
) -> int:
    """Sum of absolute prediction errors for each of the 64 places of the grid, over every ``stride``-th sample.

    For a plane without references under the GRID map; its borders must be filled (``accumulate`` does that).
    ``totals`` (64,): index grid_row * 8 + grid_column. Returns 0.
    """
    rows, width = plane.shape[0] - PAD - 1, plane.shape[1] - 2 * PAD
    values = np.zeros(MAX_TAPS + 2, np.int64)
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
