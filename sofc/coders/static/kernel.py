"""Static coding of one plane: a lean predictor bank, trained tables, and interleaved range asymmetric numeral systems.

A padded plane has PAD rows above, PAD below, PAD columns on each side: row y, column x of the plane stand at
[y + PAD, x + PAD]. A reference plane is padded by repeating its edge. The plane being coded has the middle of its
range above and left of its first row; left of any other row stands the sample above that row's first one, right of
a row its last sample. *Marks* are logarithms of absolute prediction errors, padded alike with START_MARK above.

The taps of a predictor: W, WW, WWW; N, NW, NE, NWW, NEE, NEEE; NN, NNW, NNE, NNWW, NNEE; NNN, NNNE; in the first
reference P, P_W, P_E, P_N, P_NW, P_NE, P_S, P_SW, P_SE; in the second P, P_W, P_E, P_N, P_S; the constant CONSTANT.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel

Integers = npt.NDArray[np.int64]
Weights = npt.NDArray[np.int32] | npt.NDArray[np.int64]
Padded = npt.NDArray[np.int32]
Marks = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint16]

PAD = 3
OWN_TAPS = 16
FIRST_TAPS = 9
SECOND_TAPS = 5
CONSTANT = 8
WEIGHT_BITS = 14
FRACTION_BITS = 4
"""A prediction carries this many bits after the point."""

TEXTURE = 0
"""Class map for planes without a grid: 3 comparisons x 8 activities."""
GRID = 1
"""Class map for planes with an 8 x 8 grid: 64 places in the grid x 4 activities."""
CLASSES = (64, 256)
THRESHOLDS = (7, 3)

START_MARK = 24
MARK_STEP = 9
MARK_TABLE = 1 << 12
OWN_MARKS = 6
FIRST_MARKS = 5
SECOND_MARKS = 3
MARK_WEIGHTS = OWN_MARKS + FIRST_MARKS + SECOND_MARKS
ENERGIES = 256
FOLDS = 4
AGREEMENTS = 9
CELLS = FOLDS * AGREEMENTS
"""Cells of one energy: how far the prediction is from a whole number, and on which sides of it W and N stand."""

PERIOD = 8
LEVELS = 4
"""Activities of one place under the grid class map."""
BLOCK = 16
"""Samples of a row that are predicted together under the grid class map: whole periods."""
SPAN = LEVELS * BLOCK
TAPS = 31
MARGIN = PERIOD + BLOCK

SCALE_BITS = 12
STATE_LOW = 1 << 15
WORD_BITS = 16
MOST_BITS = 12
"""Bits of the longest run that one operation codes plainly."""
LENGTH_BITS = 5

OK = 0
TOO_LONG = 1
"""Encoding: the operations or the output do not fit."""
BROKEN = 2
"""Decoding: the stream leads outside the plane's range or does not end where it began."""


def _mark_table() -> Marks:
    """Mark of an error of e < MARK_TABLE: eight times log2(e + 4), piecewise linear, from 0 up."""
    table = np.zeros(MARK_TABLE + 2, np.uint8)
    for error in range(len(table)):
        size = (error + 4).bit_length() - 1
        table[error] = 8 * size + ((((error + 4) << 3) >> size) & 7) - 16
    return table


MARKS = _mark_table()


@kernel
def _mark(error: int) -> int:
    """Mark of an absolute error in units of the prediction."""
    if error <= MARK_TABLE:
        return int(MARKS[error])
    return int(MARKS[min(error >> MARK_STEP, MARK_TABLE)]) + 8 * MARK_STEP


@kernel
def classify_row(
    plane: Padded,
    first: Padded,
    references: int,
    class_map: int,
    grid_row: int,
    grid_column: int,
    y: int,
    width: int,
    thresholds: Integers,
    classes: Padded,
    amounts: Padded,
) -> None:
    """``classes`` (predictor numbers) and ``amounts`` (activities) of row y (padded), from what is known before it."""
    texture = class_map == TEXTURE
    if references > 0:
        above, here, below = first[y - 1, PAD - 1 :], first[y, PAD - 1 :], first[y + 1, PAD:]
        for i in range(width):
            p = int(here[i + 1])
            west, north = abs(p - int(here[i])), abs(p - int(above[i + 1]))
            amounts[i] = west + north + abs(p - int(here[i + 2])) + abs(p - int(below[i]))
            if texture:
                number = 32 if west > north else 0
                number += 16 if west > abs(p - int(above[i + 2])) else 0
                classes[i] = number + (8 if north > abs(p - int(above[i])) else 0)
    else:
        above, higher = plane[y - 1, PAD - 1 :], plane[y - 2, PAD - 1 :]
        for i in range(width):
            north, west, east = int(above[i + 1]), int(above[i]), int(above[i + 2])
            across = abs(north - west) + abs(north - east)
            amounts[i] = across + abs(north - int(higher[i + 1])) + abs(west - int(higher[i]))
            if texture:
                down = abs(west - int(higher[i])) + abs(east - int(higher[i + 2]))
                number = 32 if across > down else 0
                number += 16 if north > west else 0
                classes[i] = number + (8 if north > east else 0)
    if class_map == GRID:
        row = ((grid_row + y - PAD) & 7) * PERIOD * LEVELS
        low, middle, high = np.int32(thresholds[0]), np.int32(thresholds[1]), np.int32(thresholds[2])
        for i in range(width):
            amount = amounts[i]
            level = (1 if amount > low else 0) + (1 if amount > middle else 0) + (1 if amount > high else 0)
            classes[i] = row + ((grid_column + i) & 7) * LEVELS + level
    else:
        for k in range(7):
            threshold = np.int32(thresholds[k])
            for i in range(width):
                classes[i] += 1 if amounts[i] > threshold else 0


class Room(NamedTuple):
    """What coding a plane works in: the plane and its references laid flat, and what is known of a row.

    That is predictors' numbers and sums of the taps, both of sample i at ``grid_column`` + i, activities, the sums of
    one block, prediction errors (or energies), and cells.
    """

    own: Padded
    nearest: Padded
    other: Padded
    classes: Padded
    sums: Weights
    amounts: Padded
    partial: Weights
    errors: Padded
    cells: Padded


def room_for(plane: Padded, first: Padded, second: Padded, dtype: npt.DTypeLike) -> Room:
    """The room for a plane and its references; ``dtype``: that of the weights, which holds any sum."""
    width = plane.shape[1] - 2 * PAD
    return Room(
        own=plane.reshape(-1),
        nearest=first.reshape(-1),
        other=second.reshape(-1),
        classes=np.zeros(width + MARGIN, np.int32),
        sums=np.zeros(width + MARGIN, dtype),
        amounts=np.zeros(width, np.int32),
        partial=np.zeros(SPAN, dtype),
        errors=np.zeros(width, np.int32),
        cells=np.zeros(width, np.int32),
    )


@kernel
def _dot_own(above: Padded, higher: Padded, highest: Padded, table: Weights, j: int, k: int) -> int:
    """Sum of the taps of the rows above for sample j of a block; its weights begin at place k of ``table``."""
    return int(
        above[j + 3] * table[k + 3 * SPAN]
        + above[j + 2] * table[k + 4 * SPAN]
        + above[j + 4] * table[k + 5 * SPAN]
        + above[j + 1] * table[k + 6 * SPAN]
        + above[j + 5] * table[k + 7 * SPAN]
        + above[j + 6] * table[k + 8 * SPAN]
        + higher[j + 3] * table[k + 9 * SPAN]
        + higher[j + 2] * table[k + 10 * SPAN]
        + higher[j + 4] * table[k + 11 * SPAN]
        + higher[j + 1] * table[k + 12 * SPAN]
        + higher[j + 5] * table[k + 13 * SPAN]
        + highest[j + 3] * table[k + 14 * SPAN]
        + highest[j + 4] * table[k + 15 * SPAN]
        + table[k + (TAPS - 1) * SPAN]
    )


@kernel
def _dot_first(above: Padded, here: Padded, below: Padded, table: Weights, j: int, k: int) -> int:
    """The same in the first reference."""
    return int(
        here[j + 3] * table[k + 16 * SPAN]
        + here[j + 2] * table[k + 17 * SPAN]
        + here[j + 4] * table[k + 18 * SPAN]
        + above[j + 3] * table[k + 19 * SPAN]
        + above[j + 2] * table[k + 20 * SPAN]
        + above[j + 4] * table[k + 21 * SPAN]
        + below[j + 3] * table[k + 22 * SPAN]
        + below[j + 2] * table[k + 23 * SPAN]
        + below[j + 4] * table[k + 24 * SPAN]
    )


@kernel
def _dot_second(above: Padded, here: Padded, below: Padded, table: Weights, j: int, k: int) -> int:
    """The same in the second reference."""
    return int(
        here[j + 3] * table[k + 25 * SPAN]
        + here[j + 2] * table[k + 26 * SPAN]
        + here[j + 4] * table[k + 27 * SPAN]
        + above[j + 3] * table[k + 28 * SPAN]
        + below[j + 3] * table[k + 29 * SPAN]
    )


@kernel
def _dot_west(here: Padded, table: Weights, j: int, k: int) -> int:
    """The same of W, WW and WWW."""
    return int(here[j + 2] * table[k] + here[j + 1] * table[k + SPAN] + here[j] * table[k + 2 * SPAN])


@kernel
def _sum_blocks(room: Room, references: int, west: bool, y: int, width: int, grid_column: int, table: Weights) -> None:
    """Weighted sums of the taps of row y under the grid class map; those of W, WW and WWW if ``west``.

    Blocks of the row begin where the grid does, so that ``table`` (TAPS * SPAN,), a row of a grid table, has the
    weights of a block side by side for each tap and level: processors weigh many samples at a time, at all levels,
    and the level of each sample picks its sum. A block may reach beyond its row, into what stands next in the plane.
    """
    own, nearest, other, partial, stride = room.own, room.nearest, room.other, room.partial, width + 2 * PAD
    for b in range(0, grid_column + width, BLOCK):
        start = y * stride + b - grid_column
        above, here, below = own[start - stride :], own[start - 2 * stride :], own[start - 3 * stride :]
        for j in range(BLOCK):
            one, two = _dot_own(above, here, below, table, j, j), _dot_own(above, here, below, table, j, j + BLOCK)
            three = _dot_own(above, here, below, table, j, j + 2 * BLOCK)
            four = _dot_own(above, here, below, table, j, j + 3 * BLOCK)
            partial[j], partial[j + BLOCK], partial[j + 2 * BLOCK], partial[j + 3 * BLOCK] = one, two, three, four
        if west:
            here = own[start:]
            for j in range(BLOCK):
                one = partial[j] + _dot_west(here, table, j, j)
                two = partial[j + BLOCK] + _dot_west(here, table, j, j + BLOCK)
                three = partial[j + 2 * BLOCK] + _dot_west(here, table, j, j + 2 * BLOCK)
                four = partial[j + 3 * BLOCK] + _dot_west(here, table, j, j + 3 * BLOCK)
                partial[j], partial[j + BLOCK], partial[j + 2 * BLOCK], partial[j + 3 * BLOCK] = one, two, three, four
        if references > 0:
            above, here, below = nearest[start - stride :], nearest[start:], nearest[start + stride :]
            for j in range(BLOCK):
                one = partial[j] + _dot_first(above, here, below, table, j, j)
                two = partial[j + BLOCK] + _dot_first(above, here, below, table, j, j + BLOCK)
                three = partial[j + 2 * BLOCK] + _dot_first(above, here, below, table, j, j + 2 * BLOCK)
                four = partial[j + 3 * BLOCK] + _dot_first(above, here, below, table, j, j + 3 * BLOCK)
                partial[j], partial[j + BLOCK], partial[j + 2 * BLOCK], partial[j + 3 * BLOCK] = one, two, three, four
        if references > 1:
            above, here, below = other[start - stride :], other[start:], other[start + stride :]
            for j in range(BLOCK):
                one = partial[j] + _dot_second(above, here, below, table, j, j)
                two = partial[j + BLOCK] + _dot_second(above, here, below, table, j, j + BLOCK)
                three = partial[j + 2 * BLOCK] + _dot_second(above, here, below, table, j, j + 2 * BLOCK)
                four = partial[j + 3 * BLOCK] + _dot_second(above, here, below, table, j, j + 3 * BLOCK)
                partial[j], partial[j + BLOCK], partial[j + 2 * BLOCK], partial[j + 3 * BLOCK] = one, two, three, four
        levels, out = room.classes[b:], room.sums[b:]
        for j in range(BLOCK):
            one, two = partial[j], partial[j + BLOCK]
            three, four = partial[j + 2 * BLOCK], partial[j + 3 * BLOCK]
            level = levels[j] & (LEVELS - 1)
            low, high = (one if level == 0 else two), (three if level == 2 else four)
            out[j] = low if level < 2 else high


@kernel
def _sum_taps(
    plane: Padded,
    first: Padded,
    second: Padded,
    references: int,
    west: bool,
    y: int,
    width: int,
    classes: Padded,
    weights: Weights,
    sums: Weights,
) -> None:
    """Weighted sums of the taps of row y; those of W, WW and WWW if ``west``."""
    here, above, higher, highest = plane[y], plane[y - 1], plane[y - 2], plane[y - 3]
    for i in range(width):
        w = weights[classes[i]]
        sums[i] = (
            above[i + 3] * w[3]
            + above[i + 2] * w[4]
            + above[i + 4] * w[5]
            + above[i + 1] * w[6]
            + above[i + 5] * w[7]
            + above[i + 6] * w[8]
            + higher[i + 3] * w[9]
            + higher[i + 2] * w[10]
            + higher[i + 4] * w[11]
            + higher[i + 1] * w[12]
            + higher[i + 5] * w[13]
            + highest[i + 3] * w[14]
            + highest[i + 4] * w[15]
            + CONSTANT * w[w.shape[0] - 1]
        )
    if west:
        for i in range(width):
            w = weights[classes[i]]
            sums[i] += here[i + 2] * w[0] + here[i + 1] * w[1] + here[i] * w[2]
    if references > 0:
        north, here, south = first[y - 1], first[y], first[y + 1]
        for i in range(width):
            w = weights[classes[i]]
            sums[i] += (
                here[i + 3] * w[16]
                + here[i + 2] * w[17]
                + here[i + 4] * w[18]
                + north[i + 3] * w[19]
                + north[i + 2] * w[20]
                + north[i + 4] * w[21]
                + south[i + 3] * w[22]
                + south[i + 2] * w[23]
                + south[i + 4] * w[24]
            )
    if references > 1:
        north, here, south = second[y - 1], second[y], second[y + 1]
        for i in range(width):
            w = weights[classes[i]]
            sums[i] += (
                here[i + 3] * w[25]
                + here[i + 2] * w[26]
                + here[i + 4] * w[27]
                + north[i + 3] * w[28]
                + south[i + 3] * w[29]
            )


@kernel
def _sum_first_row(plane: Padded, first: Padded, references: int, west: bool, width: int, sums: Weights) -> None:
    """The first row is predicted as W + P - P_W; that of W if ``west``."""
    for i in range(width):
        total = 0
        if references > 0:
            total = int(first[PAD, i + PAD]) - int(first[PAD, i + PAD - 1])
        if west:
            total += int(plane[PAD, i + PAD - 1])
        sums[i] = total << WEIGHT_BITS


@kernel
def _sum_marks(
    marks: Marks,
    first: Marks,
    second: Marks,
    references: int,
    y: int,
    width: int,
    classes: Padded,
    offsets: Integers,
    weights: Integers,
    sums: Padded,
) -> None:
    """Weighted sums of the marks around row y but those of W and WW, and the offsets of classes."""
    above, higher = marks[y - 1, PAD - 1 :], marks[y - 2, PAD:]
    for i in range(width):
        sums[i] = offsets[classes[i]]
    for i in range(width):
        sums[i] += (
            int(above[i + 1]) * weights[2]
            + int(above[i]) * weights[3]
            + int(above[i + 2]) * weights[4]
            + int(higher[i]) * weights[5]
        )
    if references > 0:
        north, here, south = first[y - 1, PAD:], first[y, PAD - 1 :], first[y + 1, PAD:]
        for i in range(width):
            sums[i] += (
                int(here[i + 1]) * weights[6]
                + int(here[i]) * weights[7]
                + int(here[i + 2]) * weights[8]
                + int(north[i]) * weights[9]
                + int(south[i]) * weights[10]
            )
    if references > 1:
        here = second[y, PAD - 1 :]
        for i in range(width):
            sums[i] += int(here[i + 1]) * weights[11] + int(here[i]) * weights[12] + int(here[i + 2]) * weights[13]


@kernel
def _open(plane: Padded, marks: Marks, y: int) -> None:
    """Fill what stands left of row y (padded index)."""
    if y > PAD:
        for i in range(PAD):
            plane[y, i] = plane[y - 1, PAD]
            marks[y, i] = marks[y - 1, PAD]


@kernel
def _close(plane: Padded, marks: Marks, y: int, width: int) -> None:
    """Fill what stands right of row y, and below it for now."""
    for i in range(PAD):
        plane[y, PAD + width + i] = plane[y, PAD + width - 1]
        marks[y, PAD + width + i] = marks[y, PAD + width - 1]
    for i in range(marks.shape[1]):
        marks[y + 1, i] = marks[y, i]


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
    room: Room,
    marks: Marks,
    values: Integers,
    equations: Integers,
) -> int:
    """Add the samples of a plane, but for its first row, to the normal equations of their classes.

    ``shares`` (rows, width): how much each sample counts. ``equations`` (classes, taps + 1, taps + 1): lower triangle
    of the products of the taps and, last, the sample. ``marks`` (as the plane) and ``values`` (taps + 1,): room.
    Exact integers. Returns 0.
    """
    rows, width = plane.shape[0] - 2 * PAD, plane.shape[1] - 2 * PAD
    classes, amounts, size = room.classes, room.amounts, equations.shape[1]
    for y in range(PAD, PAD + rows):
        _open(plane, marks, y)
        _close(plane, marks, y, width)
        if y == PAD:
            continue
        classify_row(plane, first, references, class_map, grid_row, grid_column, y, width, thresholds, classes, amounts)
        for i in range(width):
            x = i + PAD
            values[0], values[1], values[2] = plane[y, x - 1], plane[y, x - 2], plane[y, x - 3]
            values[3], values[4], values[5] = plane[y - 1, x], plane[y - 1, x - 1], plane[y - 1, x + 1]
            values[6], values[7], values[8] = plane[y - 1, x - 2], plane[y - 1, x + 2], plane[y - 1, x + 3]
            values[9], values[10], values[11] = plane[y - 2, x], plane[y - 2, x - 1], plane[y - 2, x + 1]
            values[12], values[13] = plane[y - 2, x - 2], plane[y - 2, x + 2]
            values[14], values[15] = plane[y - 3, x], plane[y - 3, x + 1]
            if references > 0:
                values[16], values[17], values[18] = first[y, x], first[y, x - 1], first[y, x + 1]
                values[19], values[20], values[21] = first[y - 1, x], first[y - 1, x - 1], first[y - 1, x + 1]
                values[22], values[23], values[24] = first[y + 1, x], first[y + 1, x - 1], first[y + 1, x + 1]
            if references > 1:
                values[25], values[26], values[27] = second[y, x], second[y, x - 1], second[y, x + 1]
                values[28], values[29] = second[y - 1, x], second[y + 1, x]
            values[size - 2] = CONSTANT
            values[size - 1] = plane[y, x]
            share = shares[y - PAD, i]
            table = equations[classes[i]]
            for j in range(size):
                value = share * values[j]
                for k in range(j + 1):
                    table[j, k] += value * values[k]
    return 0


@kernel
def _predict_row(
    plane: Padded,
    first: Padded,
    second: Padded,
    references: int,
    class_map: int,
    grid_row: int,
    grid_column: int,
    west: bool,
    y: int,
    width: int,
    thresholds: Integers,
    weights: Weights,
    table: Weights,
    room: Room,
) -> None:
    """``classes`` and ``sums`` of row y, sample i at place ``grid_column`` + i; see ``trace``."""
    classes, sums = room.classes, room.sums
    numbers, totals = classes[grid_column:], sums[grid_column:]
    classify_row(
        plane, first, references, class_map, grid_row, grid_column, y, width, thresholds, numbers, room.amounts
    )
    if y == PAD:
        _sum_first_row(plane, first, references, west, width, totals)
    elif class_map == GRID:
        row = table[(grid_row + y - PAD) & 7]
        _sum_blocks(room, references, west, y, width, grid_column, row)
    else:
        _sum_taps(plane, first, second, references, west, y, width, numbers, weights, totals)


@kernel
def _trace_row(
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
    y: int,
    width: int,
    thresholds: Integers,
    weights: Weights,
    table: Weights,
    offsets: Integers,
    mark_weights: Integers,
    maximum: int,
    room: Room,
    fine: Padded,
    energy: Padded,
) -> None:
    """``fine`` predictions, ``classes``, ``energy`` and ``marks`` of row y of a known plane; see ``trace``."""
    _open(plane, marks, y)
    _predict_row(
        plane,
        first,
        second,
        references,
        class_map,
        grid_row,
        grid_column,
        True,
        y,
        width,
        thresholds,
        weights,
        table,
        room,
    )
    row, mark, known = plane[y, PAD:], marks[y, PAD:], room.sums[grid_column:]
    limit = maximum << FRACTION_BITS
    for i in range(width):
        fine[i] = max(0, min(limit, known[i] >> (WEIGHT_BITS - FRACTION_BITS)))
    for i in range(width):
        mark[i] = _mark(abs(int(fine[i]) - (int(row[i]) << FRACTION_BITS)))
    numbers = room.classes[grid_column:]
    _sum_marks(marks, first_marks, second_marks, references, y, width, numbers, offsets, mark_weights, energy)
    near, far = mark_weights[0], mark_weights[1]
    west = marks[y, PAD - 2 :]
    for i in range(width):
        total = energy[i] + int(west[i + 1]) * near + int(west[i]) * far
        energy[i] = max(0, min(ENERGIES - 1, total >> 8))
    _close(plane, marks, y, width)


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
    weights: Weights,
    table: Weights,
    offsets: Integers,
    mark_weights: Integers,
    maximum: int,
    room: Room,
    fine: Padded,
    numbers: Padded,
    energies: Padded,
) -> int:
    """Predict all samples of a known plane: ``fine`` predictions, class ``numbers``, ``energies``, and ``marks``.

    The first three results have shape (rows, width); ``marks`` is padded like the plane. ``weights`` (classes, taps)
    and ``table`` (PERIOD, TAPS * SPAN; empty but under the grid class map) are of a type that holds any sum.
    ``grid_column`` is 0 but under the grid class map. Returns 0.
    """
    rows, width = fine.shape
    for y in range(rows):
        _trace_row(
            plane,
            first,
            second,
            marks,
            first_marks,
            second_marks,
            references,
            class_map,
            grid_row,
            grid_column,
            y + PAD,
            width,
            thresholds,
            weights,
            table,
            offsets,
            mark_weights,
            maximum,
            room,
            fine[y],
            energies[y],
        )
        for i in range(width):
            numbers[y, i] = room.classes[grid_column + i]
    return 0


@kernel
def find_grid(
    plane: Padded,
    marks: Marks,
    rows: int,
    width: int,
    thresholds: Integers,
    weights: Weights,
    table: Weights,
    maximum: int,
    room: Room,
) -> int:
    """Place of the first sample in the grid (row * 8 + column) under which a plane without references has least marks.

    Looks for the column, then for the row, then for the column again; its first row does not count.
    """
    limit = maximum << FRACTION_BITS
    for y in range(PAD, PAD + rows):
        _open(plane, marks, y)
        _close(plane, marks, y, width)
    row, column = 0, 0
    for turn in range(3):
        least, best = -1, 0
        for place in range(PERIOD):
            grid_row, grid_column = (place, column) if turn == 1 else (row, place)
            known, cost = room.sums[grid_column:], 0
            for y in range(PAD + 1, PAD + rows):
                _predict_row(
                    plane,
                    plane,
                    plane,
                    0,
                    GRID,
                    grid_row,
                    grid_column,
                    True,
                    y,
                    width,
                    thresholds,
                    weights,
                    table,
                    room,
                )
                samples = plane[y, PAD:]
                for i in range(width):
                    fine = max(0, min(limit, known[i] >> (WEIGHT_BITS - FRACTION_BITS)))
                    cost += _mark(abs(int(fine) - (int(samples[i]) << FRACTION_BITS)))
            if least < 0 or cost < least:
                least, best = cost, place
        if turn == 1:
            row = best
        else:
            column = best
    return row * PERIOD + column


@kernel
def _agreement(west: int, north: int, rounded: int, mirrored: bool) -> int:
    """On which sides of the rounded prediction W and N stand, seen from where the prediction is rounded to."""
    across = (1 if west > rounded else 0) - (1 if west < rounded else 0)
    down = (1 if north > rounded else 0) - (1 if north < rounded else 0)
    return 4 - 3 * across - down if mirrored else 4 + 3 * across + down


@kernel
def list_operations(
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
    weights: Weights,
    table: Weights,
    offsets: Integers,
    mark_weights: Integers,
    maximum: int,
    room: Room,
    contexts: npt.NDArray[np.uint8],
    reaches: Integers,
    plain: Integers,
    codes: Padded,
    operations: Padded,
) -> int:
    """Write what codes a plane: each operation is start + (frequency << 12) + (bits << 25). Returns their number or -1.

    The first parameters are those of ``trace``. ``contexts`` (ENERGIES * CELLS,): context of each cell of each energy.
    By context: ``reaches``, the magnitude from which on escapes are coded; ``plain``, low bits coded plainly;
    ``codes`` (contexts * 256,), the operation of each symbol. Returns -1 where ``operations`` has too little room.
    """
    rows, width = plane.shape[0] - 2 * PAD, plane.shape[1] - 2 * PAD
    errors, cells = room.errors, room.cells
    half = 1 << (FRACTION_BITS - 1)
    count = 0
    for y in range(PAD, PAD + rows):
        if count + 6 * width > operations.shape[0]:
            return -1
        _trace_row(
            plane,
            first,
            second,
            marks,
            first_marks,
            second_marks,
            references,
            class_map,
            grid_row,
            grid_column,
            y,
            width,
            thresholds,
            weights,
            table,
            offsets,
            mark_weights,
            maximum,
            room,
            errors,
            cells,
        )
        row, above = plane[y, PAD - 1 :], plane[y - 1, PAD:]
        # Predictions become errors, energies become cells.
        for i in range(width):
            value = int(errors[i])
            rounded = (value + half) >> FRACTION_BITS
            offset = value - (rounded << FRACTION_BITS)
            error = int(row[i + 1]) - rounded
            mirrored = offset < 0
            agreement = _agreement(int(row[i]), int(above[i]), rounded, mirrored)
            cells[i] = int(cells[i]) * CELLS + min(abs(offset) >> 1, FOLDS - 1) * AGREEMENTS + agreement
            errors[i] = -error if mirrored else error
        for i in range(width):
            context = int(contexts[cells[i]])
            error = int(errors[i])
            bits, reach = plain[context], reaches[context]
            high = error >> bits
            symbol = max(-reach, min(reach, high))
            operations[count] = codes[context * 256 + symbol + reach]
            count += 1
            if symbol == reach or symbol == -reach:
                rest = abs(high) - reach + 1
                length = 0
                while rest >> (length + 1):
                    length += 1
                operations[count] = length + (1 << 12) + (LENGTH_BITS << 25)
                count += 1
                if length > MOST_BITS:
                    operations[count] = (
                        ((rest >> MOST_BITS) & ((1 << (length - MOST_BITS)) - 1))
                        + (1 << 12)
                        + ((length - MOST_BITS) << 25)
                    )
                    count += 1
                    length = MOST_BITS
                operations[count] = (rest & ((1 << length) - 1)) + (1 << 12) + (length << 25)
                count += 1
            if bits > 0:
                operations[count] = (error & ((1 << bits) - 1)) + (1 << 12) + (bits << 25)
                count += 1
    return count


@kernel
def write_operations(operations: Padded, count: int, states: Integers, words: Words) -> int:
    """Code operations from last to first, the i-th with state i % 2. Returns the stream's start in ``words``, or -1.

    ``states`` (2,) ends as what decoding starts from.
    """
    position = words.shape[0]
    even, odd = states[0], states[1]
    if count & 1:
        even, odd = odd, even
    # ``odd`` takes the operation at hand; the two change places each time.
    for i in range(count - 1, -1, -1):
        operation = int(operations[i])
        start, frequency, bits = operation & 4095, (operation >> 12) & 8191, operation >> 25
        if odd >= frequency << (31 - bits):
            position -= 1
            if position < 0:
                return -1
            words[position] = odd & 0xFFFF
            odd >>= WORD_BITS
        quotient = odd // frequency
        odd = (quotient << bits) + (odd - quotient * frequency) + start
        even, odd = odd, even
    states[0], states[1] = even, odd
    return int(position)


@kernel
def decode(
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
    weights: Weights,
    table: Weights,
    offsets: Integers,
    mark_weights: Integers,
    maximum: int,
    room: Room,
    contexts: npt.NDArray[np.uint8],
    reaches: Integers,
    plain: Integers,
    symbols: npt.NDArray[np.uint8],
    cells: npt.NDArray[np.int32],
    coder: Integers,
    words: Words,
) -> int:
    """Decode a plane into ``plane`` and its marks.

    ``symbols`` (contexts << SCALE_BITS,): symbol of each slot; ``cells`` (contexts * 256,): frequency + (start << 16).
    ``coder`` (3,): the state of the next operation, the other one, the position in ``words``. Reading past the end
    gives zeros. Returns OK or BROKEN.
    """
    rows, width = plane.shape[0] - 2 * PAD, plane.shape[1] - 2 * PAD
    known, found, energies = room.sums[grid_column:], room.classes[grid_column:], room.errors
    limit = maximum << FRACTION_BITS
    half = 1 << (FRACTION_BITS - 1)
    near, far = mark_weights[0], mark_weights[1]
    state, other, position = coder[0], coder[1], coder[2]
    end = words.shape[0]
    for y in range(PAD, PAD + rows):
        _open(plane, marks, y)
        _predict_row(
            plane,
            first,
            second,
            references,
            class_map,
            grid_row,
            grid_column,
            False,
            y,
            width,
            thresholds,
            weights,
            table,
            room,
        )
        _sum_marks(marks, first_marks, second_marks, references, y, width, found, offsets, mark_weights, energies)
        row, above, mark = plane[y], plane[y - 1], marks[y]
        west, farther, farthest = int(row[PAD - 1]), int(row[PAD - 2]), int(row[PAD - 3])
        west_mark, farther_mark = int(mark[PAD - 1]), int(mark[PAD - 2])
        for i in range(width):
            if y == PAD:
                total = int(known[i]) + (west << WEIGHT_BITS)
            else:
                w = weights[found[i]]
                total = int(known[i]) + west * int(w[0]) + farther * int(w[1]) + farthest * int(w[2])
            value = max(0, min(limit, total >> (WEIGHT_BITS - FRACTION_BITS)))
            rounded = (value + half) >> FRACTION_BITS
            offset = value - (rounded << FRACTION_BITS)
            mirrored = offset < 0
            energy = max(0, min(ENERGIES - 1, (int(energies[i]) + west_mark * near + farther_mark * far) >> 8))
            agreement = _agreement(west, int(above[i + PAD]), rounded, mirrored)
            context = int(contexts[energy * CELLS + min(abs(offset) >> 1, FOLDS - 1) * AGREEMENTS + agreement])
            slot = state & ((1 << SCALE_BITS) - 1)
            symbol = int(symbols[(context << SCALE_BITS) + slot])
            cell = int(cells[context * 256 + symbol])
            state = (cell & 0xFFFF) * (state >> SCALE_BITS) + slot - (cell >> 16)
            if state < STATE_LOW:
                state <<= WORD_BITS
                if position < end:
                    state += int(words[position])
                position += 1
            state, other = other, state
            reach = reaches[context]
            high = symbol - reach
            if high == reach or high == -reach:
                length = state & ((1 << LENGTH_BITS) - 1)
                state >>= LENGTH_BITS
                if state < STATE_LOW:
                    state <<= WORD_BITS
                    if position < end:
                        state += int(words[position])
                    position += 1
                state, other = other, state
                if length > 2 * MOST_BITS:
                    return BROKEN
                rest = 1
                if length > MOST_BITS:
                    bits = length - MOST_BITS
                    rest = (rest << bits) + (state & ((1 << bits) - 1))
                    state >>= bits
                    if state < STATE_LOW:
                        state <<= WORD_BITS
                        if position < end:
                            state += int(words[position])
                        position += 1
                    state, other = other, state
                    length = MOST_BITS
                rest = (rest << length) + (state & ((1 << length) - 1))
                state >>= length
                if state < STATE_LOW:
                    state <<= WORD_BITS
                    if position < end:
                        state += int(words[position])
                    position += 1
                state, other = other, state
                high += rest - 1 if high > 0 else 1 - rest
            bits = plain[context]
            if bits > 0:
                high = (high << bits) + (state & ((1 << bits) - 1))
                state >>= bits
                if state < STATE_LOW:
                    state <<= WORD_BITS
                    if position < end:
                        state += int(words[position])
                    position += 1
                state, other = other, state
            sample = rounded - high if mirrored else rounded + high
            if sample < 0 or sample > maximum:
                return BROKEN
            farthest, farther, west = farther, west, sample
            row[i + PAD] = sample
            farther_mark, west_mark = west_mark, _mark(abs(value - (sample << FRACTION_BITS)))
            mark[i + PAD] = west_mark
        _close(plane, marks, y, width)
    coder[0], coder[1], coder[2] = state, other, position
    return OK
