"""Spec interleaved/prediction and Spec interleaved/stream: the interleaved coder's kernels.

Three stripes of rows of a plane are decoded side by side, a row of each at a time::

    rows above and references, a row at a time, in vectors         the samples of three rows, in turn
    activity -> class -> sums of taps; errors above -> level   |   + W, WW -> context -> rANS token -> sample

so that a processor works at two stripes while it waits for the third. Sums wrap around at 16 bits where samples have
few bits: as only the total must fit, vectors can be of 16-bit numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.interleaved.kernel_tokens import (
    DIRECT,
    LANES,
    Distributions,
    Position,
    Words,
    take_residual,
)
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Vector

LEFT, RIGHT = 4, 4
"""Columns beside the rows of a frame."""
W, WW, N, NW, NE, NN, NWW, NEE, NNW, NNE, NNWW, NNEE, NEEE = range(13)
P, P_W, P_N, P_E, P_S = range(13, 18)
Q, Q_W, Q_N = range(18, 21)
CONSTANT = 21
TAPS = 22
"""Taps, in the order of a predictor's weights."""
CONSTANT_VALUE = 8
"""Value of the last tap while weights are fitted; in sums its weight stands for itself."""
OWN_TAPS, FIRST_TAPS, SECOND_TAPS = 13, 5, 3
ONE, TEXTURE, GRID = range(3)
CLASSES = (1, 6, 64)
"""Class maps, and their classes: one; 2 activities x 3 directions; the 64 places of an 8 x 8 grid."""
PERIOD = 8
OWN_ERRORS, FIRST_ERRORS = 7, 5
"""Terms of the energy: N, NW, NE, NN, NWW, NEE and the activity; P, P_W, P_E, P_N, P_S."""
ERRORS = OWN_ERRORS + FIRST_ERRORS
LARGEST_ERROR = 255
ERROR_BITS = 3
"""Errors are in eighths of a sample, or in 2**error_shift of them."""
USUAL_FRACTION = 7
"""That of samples of 8 bits."""
EDGES_AT_ONCE = 4
FRACTIONS = 4
"""Parts of a sample that cells tell apart."""
STRIPED_ROWS = 96
"""Images of fewer rows are one stripe."""
OK, BROKEN = 0, -2

Lane = Vector[np.int16] | Vector[np.int32]
"""Of a type that holds samples, and in which sums wrap around."""


class Frame(NamedTuple):
    """A plane laid flat, rows of LEFT + width + RIGHT, less the middle of its range, with its errors; and those of its
    references, itself where there are none."""

    samples: Lane
    errors: Vector[np.uint8]
    first: Lane
    first_errors: Vector[np.uint8]
    second: Lane
    rows: int
    width: int


class Predictor(NamedTuple):
    """How a plane is predicted, from ``references`` planes.

    ``weights``, of each class and tap those of a row: (classes, TAPS) times 1, or under the grid (rows of the grid,
    TAPS) times stride. ``fraction``: their bits after the point. ``threshold``: the activity above which it is high.
    ``energy`` (ERRORS,): weights of errors. ``edges``: energies above which the next level starts. ``start``: the level
    of a stripe's first row. ``low``, ``high``: the samples' range.
    """

    class_map: int
    grid_row: int
    references: int
    fraction: int
    error_shift: int
    start: int
    low: int
    high: int
    weights: Lane
    energy: Lane
    edges: Lane
    threshold: Lane


class Span(NamedTuple):
    """Columns ``column`` .. ``column + columns - 1``, at most CHUNK, of row y of the stripe that begins at
    row ``top``, and its ``lane``."""

    y: int
    top: int
    lane: int
    column: int
    columns: int


CHUNK = 512
"""Columns of a row that are worked at together."""
AHEAD, WEST, FAR_WEST, SUMS = (k * 3 * CHUNK for k in range(4))
"""Where in ``Scratch.known`` there are, lane after lane: sums of the taps of rows above and references; weights of W
and WW; sums of all taps. With places that are known ahead a processor needs few registers to find them."""


class Scratch(NamedTuple):
    """What is known of a span. ``known`` (4 * LANES * CHUNK,): see AHEAD; ``levels`` (LANES * CHUNK,): FRACTIONS times
    the level. The others (CHUNK + RIGHT,), of one lane at a time."""

    known: Lane
    levels: Vector[np.uint8]
    across: Lane
    down: Lane
    activity: Lane
    turn: Lane
    classes: Lane
    energy: Lane


@inlined
def _at(frame: Frame, y: int) -> int:
    """Where row y begins, with the columns beside the image."""
    return y * (frame.width + LEFT + RIGHT)


@inlined
def _difference(left: Lane, right: Lane, out: Lane) -> None:
    """Absolute differences of two rows."""
    for i in range(out.shape[0]):
        a, b = left[i], right[i]
        out[i] = (a - b) if a > b else (b - a)


@inlined
def _fill_activity(around: Lane, above: Lane, scratch: Scratch, width: int) -> None:
    """Spec interleaved/prediction. How much the samples of a row ``around`` and those ``above`` it change.

    ``activity``: at each sample. ``turn``: four times how much more they change along the row than across it.
    """
    across, down, activity = scratch.across, scratch.down, scratch.activity
    _difference(around[LEFT - 1 :], around[LEFT - 2 :], across[: width + 3])
    _difference(around[LEFT - 1 :], above[LEFT - 1 :], down[: width + 2])
    for i in range(width):
        # across[i + 1] is |x - (x-1)|, down[i + 1] the step from above to x.
        along = across[i + 1] + across[i + 2]
        activity[i] = along + down[i] + down[i + 1]


@inlined
def _fill_classes(predictor: Predictor, scratch: Scratch, width: int) -> None:
    """Spec interleaved/prediction. The classes of the texture map."""
    across, down, activity, turn = scratch.across, scratch.down, scratch.activity, scratch.turn
    classes, threshold = scratch.classes, predictor.threshold[0]
    for i in range(width):
        turn[i] = 4 * (across[i + 1] + across[i + 2] - down[i] - down[i + 2])
    for i in range(width):
        classes[i] = 3 if activity[i] > threshold else 0
    for i in range(width):
        classes[i] += 1 if turn[i] > activity[i] else 0
    for i in range(width):
        classes[i] += 2 if turn[i] + activity[i] < 0 else 0


@inlined
def _fill_texture(frame: Frame, predictor: Predictor, span: Span, scratch: Scratch) -> None:
    """Spec interleaved/prediction. Activities, and classes of the texture map: around P, or in the two rows above."""
    y, column = span.y, span.column
    if predictor.references > 0:
        around, above = frame.first[_at(frame, y) + column :], frame.first[_at(frame, y - 1) + column :]
        _fill_activity(around, above, scratch, span.columns)
    else:
        higher = max(y - 2, span.top)
        around, above = frame.samples[_at(frame, y - 1) + column :], frame.samples[_at(frame, higher) + column :]
        _fill_activity(around, above, scratch, span.columns)
    if predictor.class_map == TEXTURE:
        _fill_classes(predictor, scratch, span.columns)


class _Near(NamedTuple):
    """Rows that taps are in."""

    above: Lane
    higher: Lane
    first_above: Lane
    first: Lane
    first_below: Lane
    second_above: Lane
    second: Lane


@inlined
def _dot_own(near: _Near, weights: Lane, k: int, i: int) -> int:
    n, nn = near.above, near.higher
    return int(
        n[i + 4] * weights[k + N]
        + n[i + 3] * weights[k + NW]
        + n[i + 5] * weights[k + NE]
        + n[i + 2] * weights[k + NWW]
        + n[i + 6] * weights[k + NEE]
        + n[i + 7] * weights[k + NEEE]
        + nn[i + 4] * weights[k + NN]
        + nn[i + 3] * weights[k + NNW]
        + nn[i + 5] * weights[k + NNE]
        + nn[i + 2] * weights[k + NNWW]
        + nn[i + 6] * weights[k + NNEE]
        + weights[k + CONSTANT]
    )


@inlined
def _dot_first(near: _Near, weights: Lane, k: int, i: int) -> int:
    p = near.first
    return int(
        p[i + 4] * weights[k + P]
        + p[i + 3] * weights[k + P_W]
        + p[i + 5] * weights[k + P_E]
        + near.first_above[i + 4] * weights[k + P_N]
        + near.first_below[i + 4] * weights[k + P_S]
    )


@inlined
def _dot_second(near: _Near, weights: Lane, k: int, i: int) -> int:
    q = near.second
    return int(q[i + 4] * weights[k + Q] + q[i + 3] * weights[k + Q_W] + near.second_above[i + 4] * weights[k + Q_N])


@kernel
def _sum_class(near: _Near, predictor: Predictor, number: int, scratch: Scratch, lane: int, width: int) -> None:
    """Sums and weights of the samples of one class, of those of all if it is the first."""
    start, known = lane * CHUNK, scratch.known
    ahead, west, far = known[AHEAD + start :], known[WEST + start :], known[FAR_WEST + start :]
    classes, weights, references = scratch.classes, predictor.weights, predictor.references
    k = number * TAPS
    sums, w, ww = scratch.energy, weights[k + W], weights[k + WW]
    for i in range(width):
        sums[i] = _dot_own(near, weights, k, i)
    if references > 0:
        for i in range(width):
            sums[i] += _dot_first(near, weights, k, i)
    if references > 1:
        for i in range(width):
            sums[i] += _dot_second(near, weights, k, i)
    if number == 0:
        for i in range(width):
            ahead[i], west[i], far[i] = sums[i], w, ww
    else:
        chosen = scratch.turn
        for i in range(width):
            chosen[i] = classes[i] - number
        for i in range(width):
            chosen[i] = 1 if chosen[i] == 0 else 0
        # Products, not choices: compilers make vectors of them.
        for i in range(width):
            ahead[i] += (sums[i] - ahead[i]) * chosen[i]
        for i in range(width):
            west[i] += (w - west[i]) * chosen[i]
        for i in range(width):
            far[i] += (ww - far[i]) * chosen[i]


@inlined
def _add_four(sums: Lane, rows: tuple[Lane, Lane, Lane, Lane], weights: tuple[Lane, Lane, Lane, Lane]) -> None:
    """Add four taps, each with a row of weights."""
    a, b, c, d = rows
    wa, wb, wc, wd = weights
    for i in range(sums.shape[0]):
        sums[i] += a[i] * wa[i] + b[i] * wb[i] + c[i] * wc[i] + d[i] * wd[i]


@inlined
def _sum_grid(frame: Frame, near: _Near, predictor: Predictor, span: Span, scratch: Scratch) -> None:
    """Sums and weights under the grid map: each sample has those of its place."""
    width, start, size, known = span.columns, span.lane * CHUNK, frame.width + RIGHT, scratch.known
    t = predictor.weights[((predictor.grid_row + span.y) & (PERIOD - 1)) * TAPS * size + span.column :]
    sums = known[AHEAD + start : AHEAD + start + width]
    west, far = known[WEST + start :], known[FAR_WEST + start :]
    w, ww, constant = t[W * size :], t[WW * size :], t[CONSTANT * size :]
    for i in range(width):
        sums[i], west[i], far[i] = constant[i], w[i], ww[i]
    n, nn, p, q = near.above, near.higher, near.first, near.second
    _add_four(
        sums, (n[4:], n[3:], n[5:], n[2:]), (t[N * size :], t[NW * size :], t[NE * size :], t[NWW * size :])
    )  # fmt: skip
    _add_four(
        sums, (n[6:], n[7:], nn[4:], nn[3:]), (t[NEE * size :], t[NEEE * size :], t[NN * size :], t[NNW * size :])
    )  # fmt: skip
    tail = t[CONSTANT * size :]
    nothing = scratch.turn
    for i in range(width):
        nothing[i] = 0
    _add_four(
        sums, (nn[5:], nn[2:], nn[6:], nothing), (t[NNE * size :], t[NNWW * size :], t[NNEE * size :], tail)
    )  # fmt: skip
    if predictor.references > 0:
        _add_four(
            sums, (p[4:], p[3:], p[5:], near.first_above[4:]),
            (t[P * size :], t[P_W * size :], t[P_E * size :], t[P_N * size :]),
        )  # fmt: skip
        _add_four(
            sums, (near.first_below[4:], nothing, nothing, nothing), (t[P_S * size :], tail, tail, tail)
        )  # fmt: skip
    if predictor.references > 1:
        _add_four(
            sums, (q[4:], q[3:], near.second_above[4:], nothing),
            (t[Q * size :], t[Q_W * size :], t[Q_N * size :], tail),
        )  # fmt: skip


@inlined
def _fill_energy(frame: Frame, predictor: Predictor, span: Span, scratch: Scratch) -> None:
    """Spec interleaved/contexts. The energies: weighted errors in the rows above and in the first reference, and the
    activity."""
    energy, activity, width, w = scratch.energy, scratch.activity, span.columns, predictor.energy
    shift, y, column = predictor.error_shift, span.y, span.column
    n, nn = frame.errors[_at(frame, y - 1) + column :], frame.errors[_at(frame, max(y - 2, span.top)) + column :]
    cap = LARGEST_ERROR
    for i in range(width):
        activity[i] = activity[i] << 1
    if shift > 0:
        for i in range(width):
            activity[i] = activity[i] >> shift
    for i in range(width):
        activity[i] = activity[i] if activity[i] < cap else cap
    for i in range(width):
        energy[i] = n[i + 4] * w[0] + n[i + 3] * w[1] + n[i + 5] * w[2] + nn[i + 4] * w[3] + n[i + 2] * w[4]
    for i in range(width):
        energy[i] += n[i + 6] * w[5] + activity[i] * w[6]
    if predictor.references > 0:
        p, above = frame.first_errors[_at(frame, y) + column :], frame.first_errors[_at(frame, y - 1) + column :]
        below = frame.first_errors[_at(frame, min(y + 1, frame.rows - 1)) + column :]
        for i in range(width):
            energy[i] += p[i + 4] * w[7] + p[i + 3] * w[8] + p[i + 5] * w[9] + above[i + 4] * w[10]
        for i in range(width):
            energy[i] += below[i + 4] * w[11]


@inlined
def _fill_levels(predictor: Predictor, scratch: Scratch, lane: int, width: int) -> None:
    """Spec interleaved/contexts. FRACTIONS times how many edges an energy lies above."""
    energy, number, levels = scratch.energy, scratch.turn, scratch.levels[lane * CHUNK :]
    for i in range(width):
        number[i] = 0
    for k in range(0, predictor.edges.shape[0], EDGES_AT_ONCE):
        # Edges are as narrow as the energies; those that fill up are above any.
        a, b, c, d = predictor.edges[k], predictor.edges[k + 1], predictor.edges[k + 2], predictor.edges[k + 3]
        for i in range(width):
            low = (FRACTIONS if energy[i] > a else 0) + (FRACTIONS if energy[i] > b else 0)
            high = (FRACTIONS if energy[i] > c else 0) + (FRACTIONS if energy[i] > d else 0)
            number[i] += low + high
    for i in range(width):
        levels[i] = number[i]


@kernel
def _open_first(frame: Frame, predictor: Predictor, span: Span, scratch: Scratch) -> None:
    """Spec interleaved/prediction. What is known ahead of a stripe's first row: it is predicted as W + P - P_W."""
    width, fraction, start, known = span.columns, predictor.fraction, span.lane * CHUNK, scratch.known
    if span.column == 0:
        for i in range(LEFT):
            frame.samples[_at(frame, span.y) + i] = 0
    ahead, west, far = known[AHEAD + start :], known[WEST + start :], known[FAR_WEST + start :]
    levels, energy, p = scratch.levels[start:], scratch.energy, frame.first[_at(frame, span.y) + span.column :]
    one = 1 << fraction
    for i in range(width):
        ahead[i], west[i], far[i], energy[i] = 0, one, 0, -1
        levels[i] = FRACTIONS * predictor.start
    if predictor.references > 0:
        for i in range(width):
            ahead[i] = (p[i + LEFT] - p[i + LEFT - 1]) * one


@kernel
def _open_row(frame: Frame, predictor: Predictor, span: Span, scratch: Scratch) -> None:
    """Spec interleaved/prediction and Spec interleaved/contexts. What is known ahead of a span of another row: sums of
    taps, weights of W and WW, levels."""
    y, column = span.y, span.column
    here, above = _at(frame, y), _at(frame, y - 1)
    if column == 0:
        for i in range(LEFT):
            frame.samples[here + i] = frame.samples[above + LEFT]
    near = _Near(
        frame.samples[above + column :],
        frame.samples[_at(frame, max(y - 2, span.top)) + column :],
        frame.first[above + column :],
        frame.first[here + column :],
        frame.first[_at(frame, min(y + 1, frame.rows - 1)) + column :],
        frame.second[above + column :],
        frame.second[here + column :],
    )
    _fill_texture(frame, predictor, span, scratch)
    if predictor.class_map == GRID:
        _sum_grid(frame, near, predictor, span, scratch)
    else:
        _sum_class(near, predictor, 0, scratch, span.lane, span.columns)
        if predictor.class_map == TEXTURE:
            for number in range(1, 6):
                _sum_class(near, predictor, number, scratch, span.lane, span.columns)
    _fill_energy(frame, predictor, span, scratch)
    _fill_levels(predictor, scratch, span.lane, span.columns)


@inlined
def _open(frame: Frame, predictor: Predictor, span: Span, scratch: Scratch) -> None:
    """What is known ahead of a span."""
    if span.y == span.top:
        _open_first(frame, predictor, span, scratch)
    else:
        _open_row(frame, predictor, span, scratch)


@kernel
def _close(frame: Frame, predictor: Predictor, span: Span, scratch: Scratch) -> int:
    """Spec interleaved/contexts. Check the samples of a span, note their errors, and fill what stands beside the row.
    OK or BROKEN."""
    width, fraction, shift = span.columns, predictor.fraction - ERROR_BITS, predictor.error_shift
    start = _at(frame, span.y)
    samples, errors = frame.samples[start + span.column :], frame.errors[start + span.column :]
    sums, scaled, size = scratch.known[SUMS + span.lane * CHUNK :], scratch.across, scratch.down
    low = high = samples[LEFT]
    for i in range(width):
        value = samples[i + LEFT]
        low, high = (value if value < low else low), (value if value > high else high)
    if low < predictor.low or high > predictor.high:
        return BROKEN
    if fraction == USUAL_FRACTION - ERROR_BITS:  # a constant: by others vectors of 64 bits are shifted
        for i in range(width):
            scaled[i] = (samples[i + LEFT] << ERROR_BITS) - (sums[i] >> (USUAL_FRACTION - ERROR_BITS))
    else:
        for i in range(width):
            scaled[i] = (samples[i + LEFT] << ERROR_BITS) - (sums[i] >> fraction)
    for i in range(width):
        size[i] = scaled[i] if scaled[i] > 0 else -scaled[i]
    if shift > 0:
        for i in range(width):
            size[i] = size[i] >> shift
    for i in range(width):
        errors[i + LEFT] = size[i] if size[i] < LARGEST_ERROR else LARGEST_ERROR
    if span.column == 0:
        for i in range(LEFT):
            errors[i] = errors[LEFT]
    if span.column + width == frame.width:
        for i in range(RIGHT):
            samples[LEFT + width + i], errors[LEFT + width + i] = samples[LEFT + width - 1], errors[LEFT + width - 1]
    return OK


@kernel
def _decode_three(
    frame: Frame, fraction: int, span: Span, step: int, scratch: Scratch, distributions: Distributions, words: Words,
    states: Vector[np.int64],
) -> None:  # fmt: skip
    """Spec interleaved/stream. Spans of rows y, y + step and y + 2 * step, sample by sample in turn."""
    known, levels, quarters, column = scratch.known, scratch.levels, fraction - 2, span.column + LEFT
    one = frame.samples[_at(frame, span.y) + column - 2 :]
    two = frame.samples[_at(frame, span.y + step) + column - 2 :]
    three = frame.samples[_at(frame, span.y + 2 * step) + column - 2 :]
    a, b, c, place = states[0], states[1], states[2], states[3]
    w, w_2, w_3 = int(one[1]), int(two[1]), int(three[1])
    ww, ww_2, ww_3 = int(one[0]), int(two[0]), int(three[0])
    for i in range(span.columns):
        known[SUMS + i] = known[AHEAD + i] + known[WEST + i] * w + known[FAR_WEST + i] * ww
        total, ww = int(known[SUMS + i]), w
        taken = take_residual(levels[i] + ((total >> quarters) & 3), words, Position(a, place), distributions)
        a, place = taken.position.state, taken.position.place
        w = (total >> fraction) + taken.value - DIRECT
        one[i + 2] = w

        k = i + CHUNK
        known[SUMS + k] = known[AHEAD + k] + known[WEST + k] * w_2 + known[FAR_WEST + k] * ww_2
        total, ww_2 = int(known[SUMS + k]), w_2
        taken = take_residual(levels[k] + ((total >> quarters) & 3), words, Position(b, place), distributions)
        b, place = taken.position.state, taken.position.place
        w_2 = (total >> fraction) + taken.value - DIRECT
        two[i + 2] = w_2

        k = i + 2 * CHUNK
        known[SUMS + k] = known[AHEAD + k] + known[WEST + k] * w_3 + known[FAR_WEST + k] * ww_3
        total, ww_3 = int(known[SUMS + k]), w_3
        taken = take_residual(levels[k] + ((total >> quarters) & 3), words, Position(c, place), distributions)
        c, place = taken.position.state, taken.position.place
        w_3 = (total >> fraction) + taken.value - DIRECT
        three[i + 2] = w_3
    states[0], states[1], states[2], states[3] = a, b, c, place


@kernel
def _decode_one(
    frame: Frame, fraction: int, span: Span, scratch: Scratch, distributions: Distributions, words: Words,
    states: Vector[np.int64],
) -> None:  # fmt: skip
    """Spec interleaved/stream. A span alone, with the state of its lane."""
    quarters, start, levels = fraction - 2, span.lane * CHUNK, scratch.levels
    known, row = scratch.known[start:], frame.samples[_at(frame, span.y) + span.column + LEFT - 2 :]
    state, place = states[span.lane], states[3]
    ww, w = int(row[0]), int(row[1])
    for i in range(span.columns):
        known[SUMS + i] = known[AHEAD + i] + known[WEST + i] * w + known[FAR_WEST + i] * ww
        total, ww = int(known[SUMS + i]), w
        cell = levels[start + i] + ((total >> quarters) & 3)
        taken = take_residual(cell, words, Position(state, place), distributions)
        state, place = taken.position.state, taken.position.place
        w = (total >> fraction) + taken.value - DIRECT
        row[i + 2] = w
    states[span.lane], states[3] = state, place


@kernel
def decode(
    frame: Frame, predictor: Predictor, scratch: Scratch, distributions: Distributions, words: Words,
    states: Vector[np.int64],
) -> int:  # fmt: skip
    """Spec interleaved/stream. Decode a plane of one image, and its errors.

    ``states`` (4,): of the lanes, and how many words were taken. OK or BROKEN.
    """
    rows, width, fraction, status = frame.rows, frame.width, predictor.fraction, OK
    step = rows // LANES if rows >= STRIPED_ROWS else 0
    for y in range(step):
        for column in range(0, width, CHUNK):
            count = min(CHUNK, width - column)
            for lane in range(LANES):
                _open(frame, predictor, Span(y + lane * step, lane * step, lane, column, count), scratch)
            first = Span(y, 0, 0, column, count)
            _decode_three(frame, fraction, first, step, scratch, distributions, words, states)
            for lane in range(LANES):
                span = Span(y + lane * step, lane * step, lane, column, count)
                status += _close(frame, predictor, span, scratch)
            if status != OK:
                return BROKEN
    lane = 0 if step == 0 else LANES - 1
    for y in range(LANES * step, rows):
        for column in range(0, width, CHUNK):
            span = Span(y, lane * step, lane, column, min(CHUNK, width - column))
            _open(frame, predictor, span, scratch)
            _decode_one(frame, fraction, span, scratch, distributions, words, states)
            status += _close(frame, predictor, span, scratch)
            if status != OK:
                return BROKEN
    return OK


class Traced(NamedTuple):
    """What the samples of a plane are coded as, in the order of rows: ``residuals``, ``cells`` (FRACTIONS * level +
    fraction) and the ``energies`` that levels follow from (-1 in first rows)."""

    residuals: Vector[np.int32]
    cells: Vector[np.uint8]
    energies: Vector[np.int32]


@kernel
def _trace_span(frame: Frame, fraction: int, span: Span, scratch: Scratch, traced: Traced) -> None:
    """The same of a span of a known plane."""
    width, known, levels, energy = span.columns, scratch.known, scratch.levels, scratch.energy
    row, start = frame.samples[_at(frame, span.y) + span.column :], span.y * frame.width + span.column
    residuals, cells, energies = traced.residuals[start:], traced.cells[start:], traced.energies[start:]
    sums, turn = known[SUMS:], scratch.turn
    ahead, west, far = known[AHEAD:], known[WEST:], known[FAR_WEST:]
    for i in range(width):
        sums[i] = ahead[i] + west[i] * row[i + LEFT - 1] + far[i] * row[i + LEFT - 2]
    for i in range(width):
        turn[i] = sums[i] >> fraction
    for i in range(width):
        residuals[i] = row[i + LEFT] - turn[i]
    for i in range(width):
        turn[i] = sums[i] >> (fraction - 2)
    for i in range(width):
        cells[i] = levels[i] + (turn[i] & 3)
    for i in range(width):
        energies[i] = energy[i]


@kernel
def trace(frame: Frame, predictor: Predictor, scratch: Scratch, traced: Traced) -> int:
    """Spec interleaved/prediction and Spec interleaved/contexts. Predict all samples of a known plane into ``traced``;
    fills its errors. Returns 0."""
    step = frame.rows // LANES if frame.rows >= STRIPED_ROWS else 0
    for y in range(frame.rows):
        top = 0 if step == 0 else min(y // step, LANES - 1) * step
        for column in range(0, frame.width, CHUNK):
            span = Span(y, top, 0, column, min(CHUNK, frame.width - column))
            _open(frame, predictor, span, scratch)
            _trace_span(frame, predictor.fraction, span, scratch, traced)
            _close(frame, predictor, span, scratch)
    return 0


@inlined
def _gather(frame: Frame, y: int, higher: int, x: int, values: Vector[np.int64]) -> None:
    """The taps of a sample, without the constant, and last the sample itself."""
    here, n = frame.samples[_at(frame, y) + x :], frame.samples[_at(frame, y - 1) + x :]
    nn, p, q = (
        frame.samples[_at(frame, higher) + x :],
        frame.first[_at(frame, y) + x :],
        frame.second[_at(frame, y) + x :],
    )
    below = frame.first[_at(frame, min(y + 1, frame.rows - 1)) :]
    values[W], values[WW], values[N], values[NW], values[NE] = here[3], here[2], n[4], n[3], n[5]
    values[NN], values[NWW], values[NEE], values[NNW], values[NNE] = nn[4], n[2], n[6], nn[3], nn[5]
    values[NNWW], values[NNEE], values[NEEE] = nn[2], nn[6], n[7]
    values[P], values[P_W], values[P_E] = p[4], p[3], p[5]
    values[P_N], values[P_S] = frame.first[_at(frame, y - 1) :][x + LEFT], below[x + LEFT]
    values[Q], values[Q_W], values[Q_N] = q[4], q[3], frame.second[_at(frame, y - 1) :][x + LEFT]
    values[CONSTANT], values[TAPS] = CONSTANT_VALUE, here[4]


@kernel
def accumulate(
    frame: Frame, class_map: int, predictor: Predictor, column: int, sample_weights: Vector[np.int64],
    values: Vector[np.int64], scratch: Scratch, equations: Cube[np.int64],
) -> int:  # fmt: skip
    """Add the samples of a known plane, but for first rows, to the normal equations of their classes, exact integers.

    ``class_map`` and ``column``, the grid's, are those of the classes; ``predictor`` says the rest. ``sample_weights``
    (samples,): how much each counts; ``values`` (TAPS + 1,): scratch. ``equations`` (classes, TAPS + 1, TAPS + 1):
    lower triangle of the products of taps and sample, own samples taken less N, those of references less P or Q.
    Returns 0.
    """
    width, rows = frame.width, frame.rows
    step = rows // LANES if rows >= STRIPED_ROWS else 0
    for y in range(rows):
        top = 0 if step == 0 else min(y // step, LANES - 1) * step
        if y == top:
            continue
        for x in range(width):
            if class_map == TEXTURE and x % CHUNK == 0:
                _fill_texture(frame, predictor, Span(y, top, 0, x, min(CHUNK, width - x)), scratch)
            _gather(frame, y, max(y - 2, top), x, values)
            n, p, q = values[N], values[P], values[Q]
            for i in range(P):
                values[i] -= n
            for i in range(P + 1, Q):
                values[i] -= p
            values[Q_W], values[Q_N], values[TAPS] = values[Q_W] - q, values[Q_N] - q, values[TAPS] - n
            number = 0
            if class_map == TEXTURE:
                number = int(scratch.classes[x % CHUNK])
            elif class_map == GRID:
                number = ((predictor.grid_row + y) & 7) * PERIOD + ((column + x) & 7)
            table, weight = equations[number], sample_weights[y * width + x]
            for i in range(TAPS + 1):
                value = weight * values[i]
                for j in range(i + 1):
                    table[i, j] += value * values[j]
    return 0
