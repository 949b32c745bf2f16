"""Static coding of one plane: a lean predictor bank, trained tables, and interleaved range asymmetric numeral systems.

A padded plane has PAD rows above, PAD below, PAD columns on each side: row y, column x of the plane stand at
[y + PAD, x + PAD]. A reference plane is padded by repeating its edge. The plane being coded has the middle of its
range above and left of its first row; left of any other row stands the sample above that row's first one, right of
a row its last sample. *Marks* are logarithms of absolute prediction errors, padded alike with START_MARK above.

The taps of a predictor: W, WW, WWW; N, NW, NE, NWW, NEE, NEEE; NN, NNW, NNE, NNWW, NNEE; NNN, NNNE; in the first
reference P, P_W, P_E, P_N, P_NW, P_NE, P_S, P_SW, P_SE; in the second P, P_W, P_E, P_N, P_S; the constant CONSTANT.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.kernels._jit import kernel

Integers = npt.NDArray[np.int64]
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
    classes: Integers,
    amounts: Integers,
) -> None:
    """``classes`` (predictor numbers) and ``amounts`` (activities) of row y (padded), from what is known before it."""
    if references > 0:
        above, here, below = first[y - 1], first[y], first[y + 1]
        for i in range(width):
            x = i + PAD
            p = int(here[x])
            west, north = abs(p - int(here[x - 1])), abs(p - int(above[x]))
            amounts[i] = west + north + abs(p - int(here[x + 1])) + abs(p - int(below[x]))
            if class_map == TEXTURE:
                texture = 32 if west > north else 0
                texture += 16 if west > abs(p - int(above[x + 1])) else 0
                classes[i] = texture + (8 if north > abs(p - int(above[x - 1])) else 0)
    else:
        above, higher = plane[y - 1], plane[y - 2]
        for i in range(width):
            x = i + PAD
            north, west, east = int(above[x]), int(above[x - 1]), int(above[x + 1])
            across = abs(north - west) + abs(north - east)
            amounts[i] = across + abs(north - int(higher[x])) + abs(west - int(higher[x - 1]))
            if class_map == TEXTURE:
                down = abs(west - int(higher[x - 1])) + abs(east - int(higher[x + 1]))
                texture = 32 if across > down else 0
                texture += 16 if north > west else 0
                classes[i] = texture + (8 if north > east else 0)
    if class_map == GRID:
        row = ((grid_row + y - PAD) & 7) * 8
        low, middle, high = thresholds[0], thresholds[1], thresholds[2]
        for i in range(width):
            amount = amounts[i]
            level = (1 if amount > low else 0) + (1 if amount > middle else 0) + (1 if amount > high else 0)
            classes[i] = (row + ((grid_column + i) & 7)) * 4 + level
    else:
        for k in range(7):
            threshold = thresholds[k]
            for i in range(width):
                classes[i] += 1 if amounts[i] > threshold else 0


@kernel
def _sum_known(
    plane: Padded,
    first: Padded,
    second: Padded,
    references: int,
    y: int,
    width: int,
    classes: Integers,
    weights: Integers,
    sums: Integers,
) -> None:
    """Weighted sums of all taps of row y but W, WW and WWW."""
    above, higher, highest = plane[y - 1], plane[y - 2], plane[y - 3]
    constant = weights.shape[1] - 1
    for i in range(width):
        x = i + PAD
        w = weights[classes[i]]
        sums[i] = (
            int(above[x]) * w[3]
            + int(above[x - 1]) * w[4]
            + int(above[x + 1]) * w[5]
            + int(above[x - 2]) * w[6]
            + int(above[x + 2]) * w[7]
            + int(above[x + 3]) * w[8]
            + int(higher[x]) * w[9]
            + int(higher[x - 1]) * w[10]
            + int(higher[x + 1]) * w[11]
            + int(higher[x - 2]) * w[12]
            + int(higher[x + 2]) * w[13]
            + int(highest[x]) * w[14]
            + int(highest[x + 1]) * w[15]
            + CONSTANT * w[constant]
        )
    if references > 0:
        north, here, south = first[y - 1], first[y], first[y + 1]
        for i in range(width):
            x = i + PAD
            w = weights[classes[i]]
            sums[i] += (
                int(here[x]) * w[16]
                + int(here[x - 1]) * w[17]
                + int(here[x + 1]) * w[18]
                + int(north[x]) * w[19]
                + int(north[x - 1]) * w[20]
                + int(north[x + 1]) * w[21]
                + int(south[x]) * w[22]
                + int(south[x - 1]) * w[23]
                + int(south[x + 1]) * w[24]
            )
    if references > 1:
        north, here, south = second[y - 1], second[y], second[y + 1]
        for i in range(width):
            x = i + PAD
            w = weights[classes[i]]
            sums[i] += (
                int(here[x]) * w[25]
                + int(here[x - 1]) * w[26]
                + int(here[x + 1]) * w[27]
                + int(north[x]) * w[28]
                + int(south[x]) * w[29]
            )


@kernel
def _replace_first_row(first: Padded, references: int, width: int, sums: Integers) -> None:
    """The first row is predicted as W + P - P_W; ``sums`` takes what is known of it."""
    for i in range(width):
        sums[i] = 0
        if references > 0:
            sums[i] = (int(first[PAD, i + PAD]) - int(first[PAD, i + PAD - 1])) << WEIGHT_BITS


@kernel
def _sum_marks(
    marks: Marks,
    first: Marks,
    second: Marks,
    references: int,
    y: int,
    width: int,
    classes: Integers,
    offsets: Integers,
    weights: Integers,
    sums: Integers,
) -> None:
    """Weighted sums of the marks around row y but those of W and WW."""
    above, higher = marks[y - 1], marks[y - 2]
    for i in range(width):
        x = i + PAD
        sums[i] = (
            offsets[classes[i]]
            + int(above[x]) * weights[2]
            + int(above[x - 1]) * weights[3]
            + int(above[x + 1]) * weights[4]
            + int(higher[x]) * weights[5]
        )
    if references > 0:
        north, here, south = first[y - 1], first[y], first[y + 1]
        for i in range(width):
            x = i + PAD
            sums[i] += (
                int(here[x]) * weights[6]
                + int(here[x - 1]) * weights[7]
                + int(here[x + 1]) * weights[8]
                + int(north[x]) * weights[9]
                + int(south[x]) * weights[10]
            )
    if references > 1:
        here = second[y]
        for i in range(width):
            x = i + PAD
            sums[i] += int(here[x]) * weights[11] + int(here[x - 1]) * weights[12] + int(here[x + 1]) * weights[13]


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
    marks[y + 1] = marks[y]


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
    equations: Integers,
) -> int:
    """Add the samples of a plane, but for its first row, to the normal equations of their classes.

    ``shares`` (rows, width): how much each sample counts. ``equations`` (classes, taps + 1, taps + 1): lower triangle
    of the products of the taps and, last, the sample.
    Exact integers. Returns 0.
    """
    rows, width = plane.shape[0] - 2 * PAD, plane.shape[1] - 2 * PAD
    classes, amounts = np.zeros(width, np.int64), np.zeros(width, np.int64)
    marks = np.zeros(plane.shape, np.uint8)
    size = equations.shape[1]
    values = np.zeros(size, np.int64)
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
    weights: Integers,
    offsets: Integers,
    mark_weights: Integers,
    maximum: int,
    fine: Padded,
    numbers: Padded,
    energies: Padded,
) -> int:
    """Predict all samples of a known plane: ``fine`` predictions, class ``numbers``, ``energies``, and ``marks``.

    The first three results have shape (rows, width); ``marks`` is padded like the plane. Returns 0.
    """
    rows, width = plane.shape[0] - 2 * PAD, plane.shape[1] - 2 * PAD
    classes, sums = np.zeros(width, np.int64), np.zeros(width, np.int64)
    limit = maximum << FRACTION_BITS
    for y in range(PAD, PAD + rows):
        _open(plane, marks, y)
        classify_row(plane, first, references, class_map, grid_row, grid_column, y, width, thresholds, classes, sums)
        row, out, number, mark = plane[y], fine[y - PAD], numbers[y - PAD], marks[y]
        if y == PAD:
            _replace_first_row(first, references, width, sums)
            for i in range(width):
                sums[i] += int(row[i + PAD - 1]) << WEIGHT_BITS
        else:
            _sum_known(plane, first, second, references, y, width, classes, weights, sums)
            for i in range(width):
                w = weights[classes[i]]
                x = i + PAD
                sums[i] += int(row[x - 1]) * w[0] + int(row[x - 2]) * w[1] + int(row[x - 3]) * w[2]
        for i in range(width):
            value = max(0, min(limit, sums[i] >> (WEIGHT_BITS - FRACTION_BITS)))
            out[i] = value
            number[i] = classes[i]
            mark[i + PAD] = _mark(abs(value - (int(row[i + PAD]) << FRACTION_BITS)))
        _sum_marks(marks, first_marks, second_marks, references, y, width, classes, offsets, mark_weights, sums)
        energy = energies[y - PAD]
        for i in range(width):
            total = sums[i] + int(mark[i + PAD - 1]) * mark_weights[0] + int(mark[i + PAD - 2]) * mark_weights[1]
            energy[i] = max(0, min(ENERGIES - 1, total >> 8))
        _close(plane, marks, y, width)
    return 0


@kernel
def _agreement(west: int, north: int, rounded: int, mirrored: bool) -> int:
    """On which sides of the rounded prediction W and N stand, seen from where the prediction is rounded to."""
    across = (1 if west > rounded else 0) - (1 if west < rounded else 0)
    down = (1 if north > rounded else 0) - (1 if north < rounded else 0)
    return 4 - 3 * across - down if mirrored else 4 + 3 * across + down


@kernel
def list_operations(
    plane: Padded,
    fine: Padded,
    energies: Padded,
    contexts: npt.NDArray[np.uint8],
    reaches: Integers,
    plain: Integers,
    frequencies: Integers,
    starts: Integers,
    operations: Padded,
) -> int:
    """Write what codes a plane: each operation is start + (frequency << 12) + (bits << 25). Returns their number or -1.

    ``contexts`` (ENERGIES * CELLS,): context of each cell of each energy. By context: ``reaches``, the magnitude from
    which on escapes are coded; ``plain``, low bits coded plainly; ``frequencies`` and ``starts`` (contexts * 256,).
    """
    rows, width = fine.shape
    half = 1 << (FRACTION_BITS - 1)
    count = 0
    for y in range(rows):
        row, above, predicted, energy = plane[y + PAD], plane[y + PAD - 1], fine[y], energies[y]
        if count + 6 * width > operations.shape[0]:
            return -1
        for i in range(width):
            value = int(predicted[i])
            rounded = (value + half) >> FRACTION_BITS
            offset = value - (rounded << FRACTION_BITS)
            error = int(row[i + PAD]) - rounded
            agreement = _agreement(int(row[i + PAD - 1]), int(above[i + PAD]), rounded, offset < 0)
            if offset < 0:
                offset, error = -offset, -error
            context = int(contexts[int(energy[i]) * CELLS + min(offset >> 1, FOLDS - 1) * AGREEMENTS + agreement])
            bits, reach = plain[context], reaches[context]
            high = error >> bits
            symbol = max(-reach, min(reach, high))
            cell = context * 256 + symbol + reach
            operations[count] = starts[cell] + (frequencies[cell] << 12) + (SCALE_BITS << 25)
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
    weights: Integers,
    offsets: Integers,
    mark_weights: Integers,
    maximum: int,
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
    classes, sums, energies = np.zeros(width, np.int64), np.zeros(width, np.int64), np.zeros(width, np.int64)
    limit = maximum << FRACTION_BITS
    half = 1 << (FRACTION_BITS - 1)
    near, far = mark_weights[0], mark_weights[1]
    state, other, position = coder[0], coder[1], coder[2]
    end = words.shape[0]
    for y in range(PAD, PAD + rows):
        _open(plane, marks, y)
        classify_row(plane, first, references, class_map, grid_row, grid_column, y, width, thresholds, classes, sums)
        _sum_marks(marks, first_marks, second_marks, references, y, width, classes, offsets, mark_weights, energies)
        if y == PAD:
            _replace_first_row(first, references, width, sums)
        else:
            _sum_known(plane, first, second, references, y, width, classes, weights, sums)
        row, above, mark = plane[y], plane[y - 1], marks[y]
        west, farther, farthest = int(row[PAD - 1]), int(row[PAD - 2]), int(row[PAD - 3])
        west_mark, farther_mark = int(mark[PAD - 1]), int(mark[PAD - 2])
        for i in range(width):
            if y == PAD:
                total = sums[i] + (west << WEIGHT_BITS)
            else:
                k = classes[i]
                total = sums[i] + west * weights[k, 0] + farther * weights[k, 1] + farthest * weights[k, 2]
            value = max(0, min(limit, total >> (WEIGHT_BITS - FRACTION_BITS)))
            rounded = (value + half) >> FRACTION_BITS
            offset = value - (rounded << FRACTION_BITS)
            mirrored = offset < 0
            energy = max(0, min(ENERGIES - 1, (energies[i] + west_mark * near + farther_mark * far) >> 8))
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
