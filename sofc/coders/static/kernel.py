"""Spec static/prediction and Spec static/stream: the static coder's kernels: nothing is learned while coding.

A row at a time, in vectors, all that can be told before its samples are known; then sample by sample the rest::

    rows above and references                              samples to the left
    classify -> weigh taps -> weigh log errors     |       weigh W, WW, WWW -> round -> context -> rANS symbol

That is why classes never come from W, and why the first row, with nothing above it, has a rule of its own. The taps
are those of the bank that context shares (``prediction.bank``), but for four of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.rans import MOST_BITS, Codes, States, Taken, Words, code_of_bits, take_bits, take_symbol
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector
from sofc.prediction.bank import (
    EXPECTED,
    FRACTION_BITS,
    GRID,
    PAD,
    WEIGHT_BITS,
    Bank,
    Neighbourhood,
    Traced,
    close_row,
    log_error,
    open_row,
)
from sofc.prediction.bank import FIRST as FIRST_TAP
from sofc.prediction.bank import SECOND as SECOND_TAP

W, N, NW, NE, WW, NN, NWW, NEE, NNW, NNE, WWW, NNN, NNWW, NNEE, NEEE, NNNE = range(16)
P, P_W, P_N, P_E, P_S, P_NW, P_NE, P_SE, P_SW = range(16, 25)
Q, Q_W, Q_N, Q_E, Q_S = range(25, 30)
"""Taps, in the order of the bank."""
TAPS_OF_BANK = np.array([*range(14), 16, 18, *range(FIRST_TAP, FIRST_TAP + 9), *range(SECOND_TAP, SECOND_TAP + 5)])
"""Their numbers there."""
OWN_TAPS, FIRST_TAPS, SECOND_TAPS = 16, 9, 5
REACH = 3
"""Taps reach so many columns to either side."""

FRACTIONS = 4
SIDES = 9
CELLS = FRACTIONS * SIDES
"""Cells of one expected error: how far the prediction is from a whole number, and on which sides of it W and N are."""

PERIOD = 8
LEVELS = 4
"""Activities of one place under the grid class map."""
BLOCK = 16
"""Samples of a row that are predicted together under the grid class map: whole periods."""
SPAN = LEVELS * BLOCK
TAPS = OWN_TAPS + FIRST_TAPS + SECOND_TAPS + 1
MARGIN = PERIOD + BLOCK

LENGTH_BITS = 5
MOST_LENGTH = 2 * MOST_BITS
"""Bits of the longest escape."""
NOWHERE = 1 << 40
"""A residual that leads out of every range: what a stream that is broken seems to say."""
OK, BROKEN = 0, -2


class Distributions(NamedTuple):
    """What residuals are coded by. ``contexts`` (EXPECTED * CELLS,): the context of each cell of each expected error.

    By context: ``escapes``, the magnitude from which on escapes are coded; ``low_bits``, coded plainly; ``codes``
    (contexts * 256,), of each symbol; ``slots`` (contexts << SCALE_BITS,), the symbol of each slot.
    """

    contexts: Vector[np.uint8]
    escapes: Vector[np.int64]
    low_bits: Vector[np.int64]
    codes: Codes
    slots: Vector[np.uint8]


Sums = Vector[np.int32] | Vector[np.int64]
Weights = Table[np.int32] | Table[np.int64]
"""Of a type that holds any sum."""


class Scratch(NamedTuple):
    """What coding a plane works in: the plane and its references laid flat, and what is known of a row.

    That is ``predictors`` and ``sums`` of taps, both of sample i at grid_column + i, ``activities``, the sums of one
    block at all levels, ``fine`` predictions and ``expected`` errors.
    """

    own: Vector[np.int32]
    first: Vector[np.int32]
    second: Vector[np.int32]
    predictors: Vector[np.int32]
    sums: Sums
    activities: Vector[np.int32]
    partial: Sums
    fine: Vector[np.int32]
    expected: Vector[np.int32]


def scratch_for(around: Neighbourhood, wide: bool) -> Scratch:
    """Scratch for a plane; ``wide``: whether sums need more than 32 bits."""
    width = around.plane.shape[1] - 2 * PAD
    dtype = np.dtype(np.int64 if wide else np.int32)
    return Scratch(
        own=around.plane.reshape(-1),
        first=around.first.reshape(-1),
        second=around.second.reshape(-1),
        predictors=np.zeros(width + MARGIN, np.int32),
        sums=np.zeros(width + MARGIN, dtype),
        activities=np.zeros(width, np.int32),
        partial=np.zeros(SPAN, dtype),
        fine=np.zeros(width, np.int32),
        expected=np.zeros(width, np.int32),
    )


@inlined
def _fill_activities(around: Neighbourhood, y: int, activities: Vector[np.int32]) -> None:
    """How much the samples around P change, or, without a reference, those in the rows above."""
    if around.references > 0:
        first = around.first
        above, here, below = first[y - 1, PAD:], first[y, PAD - 1 :], first[y + 1, PAD:]
        for i in range(activities.shape[0]):
            p = int(here[i + 1])
            across = abs(p - int(here[i])) + abs(p - int(here[i + 2]))
            activities[i] = across + abs(p - int(above[i])) + abs(p - int(below[i]))
    else:
        above, higher = around.plane[y - 1, PAD - 1 :], around.plane[y - 2, PAD - 1 :]
        for i in range(activities.shape[0]):
            n, nw = int(above[i + 1]), int(above[i])
            across = abs(n - nw) + abs(n - int(above[i + 2]))
            activities[i] = across + abs(n - int(higher[i + 1])) + abs(nw - int(higher[i]))


@inlined
def _fill_textures(around: Neighbourhood, y: int, textures: Vector[np.int32], width: int) -> None:
    """In which directions they change most, times 8."""
    if around.references > 0:
        above, here = around.first[y - 1, PAD - 1 :], around.first[y, PAD - 1 :]
        for i in range(width):
            p = int(here[i + 1])
            west, north = abs(p - int(here[i])), abs(p - int(above[i + 1]))
            number = 32 if west > north else 0
            number += 16 if west > abs(p - int(above[i + 2])) else 0
            textures[i] = number + (8 if north > abs(p - int(above[i])) else 0)
    else:
        above, higher = around.plane[y - 1, PAD - 1 :], around.plane[y - 2, PAD - 1 :]
        for i in range(width):
            n, nw, ne = int(above[i + 1]), int(above[i]), int(above[i + 2])
            down = abs(nw - int(higher[i])) + abs(ne - int(higher[i + 2]))
            number = 32 if abs(n - nw) + abs(n - ne) > down else 0
            number += 16 if n > nw else 0
            textures[i] = number + (8 if n > ne else 0)


@kernel
def classify_row(
    around: Neighbourhood, bank: Bank, y: int, activities: Vector[np.int32], predictors: Vector[np.int32]
) -> None:
    """Spec static/prediction. ``predictors`` and ``activities`` of row y (padded index), from what is known before
    it."""
    width = activities.shape[0]
    _fill_activities(around, y, activities)
    if bank.class_map == GRID:
        row = ((bank.grid_row + y - PAD) & 7) * PERIOD * LEVELS
        for i in range(width):
            predictors[i] = row + ((bank.grid_column + i) & 7) * LEVELS
    else:
        _fill_textures(around, y, predictors, width)
    for k in range(bank.thresholds.shape[0]):
        threshold = np.int32(bank.thresholds[k])
        for i in range(width):
            predictors[i] += 1 if activities[i] > threshold else 0


class _Rows(NamedTuple):
    """Three rows of a padded plane, from REACH columns left of a sample on."""

    top: Vector[np.int32]
    middle: Vector[np.int32]
    bottom: Vector[np.int32]


@inlined
def _rows(flat: Vector[np.int32], start: int, stride: int) -> _Rows:
    """The row of the sample at ``start`` in a plane laid flat, and the ones above and below."""
    left = start - REACH
    return _Rows(flat[left - stride :], flat[left:], flat[left + stride :])


@inlined
def _dot_above(rows: _Rows, weights: Sums, j: int, k: int, step: int) -> int:
    """Sum of the taps in the rows above for sample j; its weights stand ``step`` apart from ``weights[k]`` on."""
    third, second, first = rows.top, rows.middle, rows.bottom
    return int(
        first[j + 3] * weights[k + N * step]
        + first[j + 2] * weights[k + NW * step]
        + first[j + 4] * weights[k + NE * step]
        + first[j + 1] * weights[k + NWW * step]
        + first[j + 5] * weights[k + NEE * step]
        + first[j + 6] * weights[k + NEEE * step]
        + second[j + 3] * weights[k + NN * step]
        + second[j + 2] * weights[k + NNW * step]
        + second[j + 4] * weights[k + NNE * step]
        + second[j + 1] * weights[k + NNWW * step]
        + second[j + 5] * weights[k + NNEE * step]
        + third[j + 3] * weights[k + NNN * step]
        + third[j + 4] * weights[k + NNNE * step]
    )


@inlined
def _dot_first(rows: _Rows, weights: Sums, j: int, k: int, step: int) -> int:
    """The same in the first reference."""
    above, here, below = rows.top, rows.middle, rows.bottom
    return int(
        here[j + 3] * weights[k + P * step]
        + here[j + 2] * weights[k + P_W * step]
        + here[j + 4] * weights[k + P_E * step]
        + above[j + 3] * weights[k + P_N * step]
        + above[j + 2] * weights[k + P_NW * step]
        + above[j + 4] * weights[k + P_NE * step]
        + below[j + 3] * weights[k + P_S * step]
        + below[j + 2] * weights[k + P_SW * step]
        + below[j + 4] * weights[k + P_SE * step]
    )


ABOVE, WEST, FIRST, SECOND = range(4)
"""Groups of taps: of the rows above, W to WWW, of the references."""


@inlined
def _dot(group: int, rows: _Rows, weights: Sums, j: int, k: int, step: int) -> int:
    """Sum of a group of taps for sample j; its weights stand ``step`` apart from ``weights[k]`` on."""
    if group == ABOVE:
        return _dot_above(rows, weights, j, k, step)
    if group == FIRST:
        return _dot_first(rows, weights, j, k, step)
    above, here, below = rows.top, rows.middle, rows.bottom
    if group == WEST:
        return int(
            here[j + 2] * weights[k + W * step]
            + here[j + 1] * weights[k + WW * step]
            + here[j] * weights[k + WWW * step]
        )
    return int(
        here[j + 3] * weights[k + Q * step]
        + here[j + 2] * weights[k + Q_W * step]
        + here[j + 4] * weights[k + Q_E * step]
        + above[j + 3] * weights[k + Q_N * step]
        + below[j + 3] * weights[k + Q_S * step]
    )


@inlined
def _add_block(group: int, rows: _Rows, weights: Sums, sums: Sums) -> None:
    """Add a group of taps to the sums of a block at all levels."""
    for j in range(BLOCK):
        # All of them before any is stored, so that each sample is loaded once.
        one = sums[j] + _dot(group, rows, weights, j, j, SPAN)
        two = sums[j + BLOCK] + _dot(group, rows, weights, j, j + BLOCK, SPAN)
        three = sums[j + 2 * BLOCK] + _dot(group, rows, weights, j, j + 2 * BLOCK, SPAN)
        four = sums[j + 3 * BLOCK] + _dot(group, rows, weights, j, j + 3 * BLOCK, SPAN)
        sums[j], sums[j + BLOCK], sums[j + 2 * BLOCK], sums[j + 3 * BLOCK] = one, two, three, four


@kernel
def _sum_blocks(
    scratch: Scratch, references: int, west: bool, start: int, stride: int, blocks: int, weights: Sums
) -> None:
    """Weighted sums of the taps of a row under the grid class map; those of W, WW and WWW if ``west``.

    Blocks of the row begin where the grid does, so that ``weights`` (TAPS * SPAN,), a row of a grid table, has the
    weights of a block side by side for each tap and level: processors weigh many samples at a time, at all levels,
    and the level of each sample picks its sum. A block may reach beyond its row, into what stands next in the plane.
    ``start``: the first block's first sample in a plane laid flat.
    """
    own, sums = scratch.own, scratch.partial
    for b in range(0, blocks * BLOCK, BLOCK):
        at = start + b
        for k in range(SPAN):
            sums[k] = weights[(TAPS - 1) * SPAN + k]
        _add_block(ABOVE, _rows(own, at - 2 * stride, stride), weights, sums)
        if west:
            _add_block(WEST, _rows(own, at, stride), weights, sums)
        if references > 0:
            _add_block(FIRST, _rows(scratch.first, at, stride), weights, sums)
        if references > 1:
            _add_block(SECOND, _rows(scratch.second, at, stride), weights, sums)
        levels, out = scratch.predictors[b:], scratch.sums[b:]
        for j in range(BLOCK):
            level = levels[j] & (LEVELS - 1)
            one, two, three, four = sums[j], sums[j + BLOCK], sums[j + 2 * BLOCK], sums[j + 3 * BLOCK]
            low, high = (one if level == 0 else two), (three if level == 2 else four)
            out[j] = low if level < 2 else high


@inlined
def _add_samples(group: int, rows: _Rows, weights: Sums, predictors: Vector[np.int32], sums: Sums) -> None:
    """Add a group of taps to the sums of a row."""
    for i in range(predictors.shape[0] - MARGIN):
        sums[i] += _dot(group, rows, weights, i, predictors[i] * TAPS, 1)


@kernel
def _sum_samples(scratch: Scratch, references: int, west: bool, start: int, stride: int, weights: Sums) -> None:
    """The same under the texture class map: each sample has weights of its own in ``weights`` (classes * TAPS,)."""
    own, predictors, sums = scratch.own, scratch.predictors, scratch.sums
    for i in range(predictors.shape[0] - MARGIN):
        sums[i] = weights[predictors[i] * TAPS + TAPS - 1]
    _add_samples(ABOVE, _rows(own, start - 2 * stride, stride), weights, predictors, sums)
    if west:
        _add_samples(WEST, _rows(own, start, stride), weights, predictors, sums)
    if references > 0:
        _add_samples(FIRST, _rows(scratch.first, start, stride), weights, predictors, sums)
    if references > 1:
        _add_samples(SECOND, _rows(scratch.second, start, stride), weights, predictors, sums)


@inlined
def _sum_first_row(around: Neighbourhood, west: bool, sums: Sums) -> None:
    """The first row is predicted as W + P - P_W; that of W if ``west``."""
    plane, first = around.plane, around.first
    for x in range(PAD, plane.shape[1] - PAD):
        total = 0
        if around.references > 0:
            total = int(first[PAD, x]) - int(first[PAD, x - 1])
        if west:
            total += int(plane[PAD, x - 1])
        sums[x - PAD] = total << WEIGHT_BITS


@kernel
def _predict_row(around: Neighbourhood, bank: Bank, table: Weights, west: bool, y: int, scratch: Scratch) -> None:
    """Spec static/prediction. ``predictors`` and ``sums`` of row y (padded index), those of W, WW and WWW if ``west``.

    ``table``: the weights as ``Prediction.table`` lays them out.
    """
    stride, column = around.plane.shape[1], bank.grid_column
    width, start = stride - 2 * PAD, y * stride + PAD
    classify_row(around, bank, y, scratch.activities, scratch.predictors[column:])
    if y == PAD:
        _sum_first_row(around, west, scratch.sums[column:])
    elif bank.class_map == GRID:
        row, blocks = table[(bank.grid_row + y - PAD) & 7], (column + width + BLOCK - 1) // BLOCK
        _sum_blocks(scratch, around.references, west, start - column, stride, blocks, row)
    else:
        _sum_samples(scratch, around.references, west, start, stride, table[0])


@kernel
def _sum_errors(
    around: Neighbourhood, bank: Bank, y: int, predictors: Vector[np.int32], sums: Vector[np.int32]
) -> None:
    """Spec static/prediction. Weighted sums of the log errors around row y but those of W and WW, and the predictors'
    offsets."""
    offsets, weights, references, width = bank.offsets, bank.error_weights, around.references, sums.shape[0]
    above, higher = around.errors[y - 1, PAD - 1 :], around.errors[y - 2, PAD:]
    for i in range(width):
        sums[i] = offsets[predictors[i]]
    for i in range(width):
        sums[i] += (
            int(above[i + 1]) * weights[2]
            + int(above[i]) * weights[3]
            + int(above[i + 2]) * weights[4]
            + int(higher[i]) * weights[5]
        )
    if references > 0:
        first = around.first_errors
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
        here = around.second_errors[y, PAD - 1 :]
        for i in range(width):
            sums[i] += int(here[i + 1]) * weights[11] + int(here[i]) * weights[12] + int(here[i + 2]) * weights[13]


@inlined
def _fine(total: int, maximum: int) -> int:
    """A prediction from the weighted sum of its taps."""
    return int(max(0, min(maximum << FRACTION_BITS, total >> (WEIGHT_BITS - FRACTION_BITS))))


@kernel
def _trace_row(around: Neighbourhood, bank: Bank, table: Weights, y: int, scratch: Scratch) -> None:
    """``fine`` predictions, ``predictors``, ``expected`` and log errors of row y (padded index) of a known plane.

    The caller closes the row.
    """
    open_row(around, y)
    _predict_row(around, bank, table, True, y, scratch)
    row, errors, known = around.plane[y, PAD:], around.errors[y, PAD:], scratch.sums[bank.grid_column :]
    fine, expected, maximum = scratch.fine, scratch.expected, bank.maximum
    width = fine.shape[0]
    for i in range(width):
        fine[i] = _fine(known[i], maximum)
    for i in range(width):
        errors[i] = log_error(abs(int(fine[i]) - (int(row[i]) << FRACTION_BITS)))
    _sum_errors(around, bank, y, scratch.predictors[bank.grid_column :], expected)
    near, far = bank.error_weights[0], bank.error_weights[1]
    west = around.errors[y, PAD - 2 :]
    for i in range(width):
        total = expected[i] + int(west[i + 1]) * near + int(west[i]) * far
        expected[i] = max(0, min(EXPECTED - 1, total >> 8))


@kernel
def trace(around: Neighbourhood, bank: Bank, table: Weights, scratch: Scratch, traced: Traced) -> int:
    """Spec static/prediction. Predict all samples of a known plane into ``traced``; fills its log errors. Returns 0."""
    rows, width = traced.fine.shape
    predictors = scratch.predictors[bank.grid_column :]
    for y in range(rows):
        _trace_row(around, bank, table, y + PAD, scratch)
        for i in range(width):
            traced.fine[y, i], traced.expected[y, i] = scratch.fine[i], scratch.expected[i]
            traced.predictors[y, i] = predictors[i]
        close_row(around, y + PAD)
    return 0


@inlined
def _grid_cost(around: Neighbourhood, bank: Bank, table: Weights, scratch: Scratch) -> int:
    """Sum of the log errors of a known plane, but for its first row."""
    plane, known, cost = around.plane, scratch.sums[bank.grid_column :], 0
    for y in range(PAD + 1, plane.shape[0] - PAD):
        _predict_row(around, bank, table, True, y, scratch)
        for x in range(PAD, plane.shape[1] - PAD):
            cost += log_error(abs(_fine(known[x - PAD], bank.maximum) - (int(plane[y, x]) << FRACTION_BITS)))
    return cost


@kernel
def find_grid(around: Neighbourhood, bank: Bank, table: Weights, scratch: Scratch) -> int:
    """Place of the first sample in the grid (row * 8 + column) under which a plane without references has least errors.

    Looks for the column, then for the row, then for the column again; its first row does not count. ``bank`` is for
    the grid's first place.
    """
    for y in range(PAD, around.plane.shape[0] - PAD):
        open_row(around, y)
        close_row(around, y)
    row, column = 0, 0
    for turn in range(3):
        least, best = -1, 0
        for place in range(PERIOD):
            grid_row, grid_column = (place, column) if turn == 1 else (row, place)
            moved = Bank(
                bank.class_map, grid_row, grid_column, bank.thresholds, bank.weights, bank.offsets,
                bank.error_weights, bank.maximum,
            )  # fmt: skip
            cost = _grid_cost(around, moved, table, scratch)
            if least < 0 or cost < least:
                least, best = cost, place
        if turn == 1:
            row = best
        else:
            column = best
    return row * PERIOD + column


class _Rounded(NamedTuple):
    """A prediction to whole samples: ``mu``; whether it was rounded up, and so residuals are ``mirrored``; its cell."""

    mu: int
    mirrored: bool
    cell: int


@inlined
def _round(fine: int, west: int, north: int) -> _Rounded:
    """Spec static/prediction. Round a prediction; W and N say by the side of it on which they are where the sample
    rather is."""
    mu = (fine + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS
    offset = fine - (mu << FRACTION_BITS)
    across = (1 if west > mu else 0) - (1 if west < mu else 0)
    down = (1 if north > mu else 0) - (1 if north < mu else 0)
    sides = 4 - 3 * across - down if offset < 0 else 4 + 3 * across + down
    # An eighth is cut off: an offset of -1 is as near to mu as 0 is.
    return _Rounded(mu, offset < 0, (-1 - offset if offset < 0 else offset) * SIDES + sides)


@inlined
def _list_residual(residual: int, context: int, distributions: Distributions, codes: Codes, count: int) -> int:
    """Spec static/stream. Append the codes of a residual to the first ``count``. Returns their number then."""
    low_bits, escape = distributions.low_bits[context], distributions.escapes[context]
    high = residual >> low_bits
    symbol = max(-escape, min(escape, high))
    codes[count] = distributions.codes[context * 256 + symbol + escape]
    count += 1
    if symbol == escape or symbol == -escape:
        rest = abs(high) - escape + 1
        length = 0
        while rest >> (length + 1):
            length += 1
        codes[count] = code_of_bits(length, LENGTH_BITS)
        count += 1
        if length > MOST_BITS:
            more = length - MOST_BITS
            codes[count] = code_of_bits((rest >> MOST_BITS) & ((1 << more) - 1), more)
            count += 1
            length = MOST_BITS
        codes[count] = code_of_bits(rest & ((1 << length) - 1), length)
        count += 1
    if low_bits > 0:
        codes[count] = code_of_bits(residual & ((1 << low_bits) - 1), low_bits)
        count += 1
    return count


MOST_CODES = 5
"""Codes of one residual."""


@kernel
def list_symbols(
    around: Neighbourhood,
    bank: Bank,
    table: Weights,
    scratch: Scratch,
    distributions: Distributions,
    codes: Codes,
) -> int:
    """Spec static/stream. Write the codes of the symbols of a plane. Returns their number, or -1 where ``codes`` is
    too short."""
    plane, residuals, cells = around.plane, scratch.fine, scratch.expected
    width, count = residuals.shape[0], 0
    for y in range(PAD, plane.shape[0] - PAD):
        if count + MOST_CODES * width > codes.shape[0]:
            return -1
        _trace_row(around, bank, table, y, scratch)
        row, above = plane[y, PAD - 1 :], plane[y - 1, PAD:]
        # Predictions become residuals, expected errors become cells.
        for i in range(width):
            rounded = _round(int(residuals[i]), int(row[i]), int(above[i]))
            residual = int(row[i + 1]) - rounded.mu
            residuals[i] = -residual if rounded.mirrored else residual
            cells[i] = int(cells[i]) * CELLS + rounded.cell
        for i in range(width):
            context = int(distributions.contexts[cells[i]])
            count = _list_residual(int(residuals[i]), context, distributions, codes, count)
        close_row(around, y)
    return count


@inlined
def _take_escape(words: Words, states: States) -> Taken:
    """Spec static/stream. By how much a magnitude exceeds its escape threshold; NOWHERE where no encoder would say
    so."""
    taken = take_bits(words, states, LENGTH_BITS)
    length, rest = taken.value, 1
    if length > MOST_LENGTH:
        return Taken(NOWHERE, taken.states)
    if length > MOST_BITS:
        taken = take_bits(words, taken.states, length - MOST_BITS)
        rest = (rest << (length - MOST_BITS)) + taken.value
        length = MOST_BITS
    taken = take_bits(words, taken.states, length)
    return Taken((rest << length) + taken.value - 1, taken.states)


@inlined
def _take_residual(words: Words, states: States, context: int, distributions: Distributions) -> Taken:
    """Spec static/stream. The next residual."""
    escape, low_bits = distributions.escapes[context], distributions.low_bits[context]
    taken = take_symbol(words, states, distributions.slots, distributions.codes, context)
    high, states = taken.value - escape, taken.states
    if high == escape or high == -escape:
        taken = _take_escape(words, states)
        high += taken.value if high > 0 else -taken.value
        states = taken.states
    if low_bits > 0:
        taken = take_bits(words, states, low_bits)
        high, states = (high << low_bits) + taken.value, taken.states
    return Taken(high, states)


@inlined
def _decode_row(
    around: Neighbourhood, bank: Bank, y: int, scratch: Scratch, distributions: Distributions, words: Words,
    states: States,
) -> Taken:  # fmt: skip
    """Spec static/prediction and Spec static/stream. Decode row y (padded index), of which all but the taps to the
    left is summed. OK or BROKEN."""
    known, predictors = scratch.sums[bank.grid_column :], scratch.predictors[bank.grid_column :]
    row, above, errors = around.plane[y], around.plane[y - 1], around.errors[y]
    near, far = bank.error_weights[0], bank.error_weights[1]
    w, ww, www = int(row[PAD - 1]), int(row[PAD - 2]), int(row[PAD - 3])
    w_error, ww_error = int(errors[PAD - 1]), int(errors[PAD - 2])
    for i in range(scratch.expected.shape[0]):
        if y == PAD:
            total = int(known[i]) + (w << WEIGHT_BITS)
        else:
            weights = bank.weights[predictors[i]]
            total = int(known[i]) + w * int(weights[W]) + ww * int(weights[WW]) + www * int(weights[WWW])
        fine = _fine(total, bank.maximum)
        expected = max(0, min(EXPECTED - 1, (int(scratch.expected[i]) + w_error * near + ww_error * far) >> 8))
        rounded = _round(fine, w, int(above[i + PAD]))
        context = int(distributions.contexts[expected * CELLS + rounded.cell])
        taken = _take_residual(words, states, context, distributions)
        states = taken.states
        sample = rounded.mu - taken.value if rounded.mirrored else rounded.mu + taken.value
        if sample < 0 or sample > bank.maximum:
            return Taken(BROKEN, states)
        www, ww, w = ww, w, sample
        row[i + PAD] = sample
        ww_error, w_error = w_error, log_error(abs(fine - (sample << FRACTION_BITS)))
        errors[i + PAD] = w_error
    return Taken(OK, states)


@kernel
def decode(
    around: Neighbourhood,
    bank: Bank,
    table: Weights,
    scratch: Scratch,
    distributions: Distributions,
    words: Words,
    states: Vector[np.int64],
) -> int:
    """Spec static/prediction and Spec static/stream. Decode a plane, and its log errors. ``states``: those of a
    SymbolReader. OK or BROKEN."""
    now = States(states[0], states[1], states[2])
    for y in range(PAD, around.plane.shape[0] - PAD):
        open_row(around, y)
        _predict_row(around, bank, table, False, y, scratch)
        _sum_errors(around, bank, y, scratch.predictors[bank.grid_column :], scratch.expected)
        taken = _decode_row(around, bank, y, scratch, distributions, words, now)
        if taken.value != OK:
            return BROKEN
        now = taken.states
        close_row(around, y)
    states[0], states[1], states[2] = now.state, now.other, now.position
    return OK
