"""Spec interleaved/prediction and Spec interleaved/stream: the interleaved coder's kernels.

Three stripes of rows of a plane are decoded side by side, a row of each at a time::

    rows above and references, a row at a time, in vectors         the samples of three rows, in turn
    activity -> class -> sums of taps; errors above -> expected |   + W, WW -> context -> tANS token -> sample

so that a processor works at two stripes while it waits for the third. Sums wrap around at 16 bits where samples have
few bits: as only the total must fit, vectors can be of 16-bit numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.interleaved.kernel_tokens import (
    DIRECT,
    ESCAPE,
    LANES,
    LAST_DIRECT,
    MOST_BITS,
    REST_BITS,
    SCALE_BITS,
    TOKEN_BITS,
    Columns,
    Pairs,
    bits_from,
    columns_inside,
    entry_of,
    shared_columns,
    step_of,
    take_direct,
    take_residual,
)
from sofc.entropy.binary import BROKEN, OK
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
"""Terms of the expected error: N, NW, NE, NN, NWW, NEE and the activity; P, P_W, P_E, P_N, P_S."""
ERRORS = OWN_ERRORS + FIRST_ERRORS
LARGEST_ERROR = 255
ERROR_BITS = 3
"""Errors are in eighths of a sample, or in 2**error_shift of them."""
USUAL_FRACTION = 7
"""That of samples of 8 bits."""
EXPECTED_ERRORS = 1 << 15
FIRST_ROW = EXPECTED_ERRORS - 1
"""The expected error that stands for a stripe's first row; it is above any other."""
FRACTIONS = 4
"""Parts of a sample that cells tell apart."""

Lane = Vector[np.int16] | Vector[np.int32]
"""Of a type that holds samples, and in which sums wrap around."""


class Frame(NamedTuple):
    """A plane of images one below the other, laid flat, less the middle of its range, with its errors; and those of its
    references, itself where there are none. Images have ``image_rows``, the last one maybe fewer. Rows have ``stride``
    columns; those right of LEFT + width + RIGHT hold anything. ``margins`` (2 * rows,): columns at the left and at the
    right of each row that are not coded, all zero where a plane has more than CHUNK columns. In planes these are
    ``blank``, in frames like what is beside them.
    """

    samples: Lane
    errors: Vector[np.uint8]
    first: Lane
    first_errors: Vector[np.uint8]
    second: Lane
    rows: int
    image_rows: int
    width: int
    stride: int
    margins: Vector[np.int32]
    blank: int


class Predictor(NamedTuple):
    """How a plane is predicted, from ``references`` planes.

    ``weights``, of each class and tap those of a row: (classes, TAPS), all but the first less those of the first, or
    under the grid (rows of the grid, TAPS, GRID_COLUMNS). ``others``: bit k is set where class k of the texture map has
    other weights than class 0. ``fraction``: the weights' bits after the point. ``threshold``: the activity above which
    it is high. ``error_weights`` (ERRORS,); with ``errors_by_place`` (rows of the grid, ERRORS, GRID_COLUMNS).
    ``levels`` (EXPECTED_ERRORS,): the first cell of the level of each, << SCALE_BITS. ``low``,
    ``high``: the range of samples less the middle of the plane's. ``middle``: what decoded samples get back of it.
    """

    class_map: int
    grid_row: int
    grid_column: int
    references: int
    fraction: int
    error_shift: int
    low: int
    high: int
    middle: int
    others: int
    weights: Lane
    errors_by_place: int
    error_weights: Lane
    levels: Vector[np.uint16]
    threshold: Lane


class Span(NamedTuple):
    """Columns ``column`` .. ``column + columns - 1``, at most CHUNK, of row y of the stripe that begins at
    row ``top``, and its ``lane``; the image has rows ``first`` .. ``last``."""

    y: int
    top: int
    lane: int
    column: int
    columns: int
    first: int
    last: int


@inlined
def _in_stripe(span: Span, further: int, step: int) -> Span:
    """A span of the first stripe as it is so many stripes of ``step`` rows further down."""
    down = further * step
    return Span(span.y + down, span.top + down, span.lane + further, span.column, span.columns, span.first, span.last)


CHUNK = 1024
"""Columns of a row that are worked at together."""
BLOCK = 64
"""Rows of frames have whole blocks of columns, which vectors fill: what is left over would be worked at one by one."""
GRID_COLUMNS = BLOCK + PERIOD
"""Columns of tables by place of the grid: a block of them, from whichever of the first it begins at."""
ROOM = CHUNK + 48
"""Places of a lane's span in the scratch; lanes do not lie as far apart as pages do, which processors mix up."""
SUMS, WEST, FAR_WEST, EXPECTED, CODED, ALONE = (k * LANES * ROOM for k in range(6))
"""Where in the scratch there are, lane after lane: sums of the taps of rows above and references, once samples are
coded of all taps; weights of W and WW; expected errors; samples. Then what is of one lane at a time. With places that
are known ahead a processor needs few registers to find them, and a compiler sees that they are apart."""
ACROSS, DOWN, ACTIVITY, TURN, CLASS = (ALONE + k * ROOM for k in range(5))
SCRATCH = ALONE + 5 * ROOM
MASK = 15
"""More bits than numbers of classes have, and fewer than the narrowest samples."""


def stride_of(width: int) -> int:
    """Columns of a frame's rows: those beside the image, and whole blocks."""
    return LEFT + -(-width // BLOCK) * BLOCK + RIGHT


@inlined
def _in_blocks(columns: int) -> int:
    """So many columns or a few more, in whole blocks."""
    return (columns + BLOCK - 1) & -BLOCK


@inlined
def _at(frame: Frame, y: int) -> int:
    """Where row y begins, with the columns beside the image."""
    return y * frame.stride


@inlined
def _difference(left: Lane, right: Lane, out: Lane) -> None:
    """Absolute differences of two rows."""
    for i in range(out.shape[0]):
        a, b = left[i], right[i]
        out[i] = (a - b) if a > b else (b - a)


@inlined
def _fill_activity(around: Lane, above: Lane, scratch: Lane, width: int) -> None:
    """Spec interleaved/prediction. How much the samples of a row ``around`` and those ``above`` it change."""
    across, down, activity = scratch[ACROSS:], scratch[DOWN:], scratch[ACTIVITY:]
    _difference(around[LEFT - 1 :], around[LEFT - 2 :], across[: width + 3])
    _difference(around[LEFT - 1 :], above[LEFT - 1 :], down[: width + 2])
    for i in range(width):
        # across[i + 1] is |x - (x-1)|, down[i + 1] the step from above to x.
        along = across[i + 1] + across[i + 2]
        activity[i] = along + down[i] + down[i + 1]


@inlined
def _fill_classes(predictor: Predictor, scratch: Lane, width: int) -> None:
    """Spec interleaved/prediction. The classes of the texture map."""
    across, down, activity, turn = scratch[ACROSS:], scratch[DOWN:], scratch[ACTIVITY:], scratch[TURN:]
    classes, threshold = scratch[CLASS:], predictor.threshold[0]
    for i in range(width):
        turn[i] = 4 * (across[i + 1] + across[i + 2] - down[i] - down[i + 2])
    for i in range(width):
        classes[i] = 3 if activity[i] > threshold else 0
    for i in range(width):
        classes[i] += 1 if turn[i] > activity[i] else 0
    for i in range(width):
        classes[i] += 2 if turn[i] + activity[i] < 0 else 0


@inlined
def _fill_texture(frame: Frame, predictor: Predictor, span: Span, scratch: Lane) -> None:
    """Spec interleaved/prediction. Activities, and classes of the texture map: around P, or in the two rows above."""
    y, column = span.y, span.column
    if predictor.references > 0:
        around, above = frame.first[_at(frame, y) + column :], frame.first[_at(frame, y - 1) + column :]
        _fill_activity(around, above, scratch, _in_blocks(span.columns))
    else:
        higher = max(y - 2, span.top)
        around, above = frame.samples[_at(frame, y - 1) + column :], frame.samples[_at(frame, higher) + column :]
        _fill_activity(around, above, scratch, _in_blocks(span.columns))
    if predictor.class_map == TEXTURE:
        _fill_classes(predictor, scratch, _in_blocks(span.columns))


class _Rows(NamedTuple):
    """Rows of samples or of errors around one of a stripe, from some column on."""

    higher: Lane | Vector[np.uint8]
    above: Lane | Vector[np.uint8]
    here: Lane | Vector[np.uint8]
    below: Lane | Vector[np.uint8]


@inlined
def _rows_of(plane: Lane | Vector[np.uint8], frame: Frame, span: Span, column: int) -> _Rows:
    """Those around that of a span, but for the first one of a stripe."""
    y, last = span.y, span.last
    return _Rows(
        plane[_at(frame, max(y - 2, span.top)) + column :],
        plane[_at(frame, y - 1) + column :],
        plane[_at(frame, y) + column :],
        plane[_at(frame, min(y + 1, last)) + column :],
    )


class _Near(NamedTuple):
    """The rows that taps are in: of the plane itself and of its references."""

    own: _Rows
    first: _Rows
    second: _Rows


@inlined
def _near_from(frame: Frame, span: Span, column: int) -> _Near:
    """Those of a span from a column on."""
    own, first = _rows_of(frame.samples, frame, span, column), _rows_of(frame.first, frame, span, column)
    return _Near(own, first, _rows_of(frame.second, frame, span, column))


@inlined
def _dot_own(own: _Rows, weights: Lane, k: int, step: int, i: int) -> int:
    n, nn = own.above, own.higher
    return int(
        n[i + 4] * weights[k + N * step]
        + n[i + 3] * weights[k + NW * step]
        + n[i + 5] * weights[k + NE * step]
        + n[i + 2] * weights[k + NWW * step]
        + n[i + 6] * weights[k + NEE * step]
        + n[i + 7] * weights[k + NEEE * step]
        + nn[i + 4] * weights[k + NN * step]
        + nn[i + 3] * weights[k + NNW * step]
        + nn[i + 5] * weights[k + NNE * step]
        + nn[i + 2] * weights[k + NNWW * step]
        + nn[i + 6] * weights[k + NNEE * step]
        + weights[k + CONSTANT * step]
    )


@inlined
def _dot_first(first: _Rows, weights: Lane, k: int, step: int, i: int) -> int:
    p = first.here
    return int(
        p[i + 4] * weights[k + P * step]
        + p[i + 3] * weights[k + P_W * step]
        + p[i + 5] * weights[k + P_E * step]
        + first.above[i + 4] * weights[k + P_N * step]
        + first.below[i + 4] * weights[k + P_S * step]
    )


@inlined
def _dot_second(second: _Rows, weights: Lane, k: int, step: int, i: int) -> int:
    q = second.here
    return int(
        q[i + 4] * weights[k + Q * step]
        + q[i + 3] * weights[k + Q_W * step]
        + second.above[i + 4] * weights[k + Q_N * step]
    )


@kernel
def _sum_all(near: _Near, predictor: Predictor, scratch: Lane, lane: int, width: int) -> None:
    """Sums and weights of samples as if all were of the first class."""
    start, weights, references = lane * ROOM, predictor.weights, predictor.references
    own, first, second = near
    ahead, west, far = scratch[SUMS + start :], scratch[WEST + start :], scratch[FAR_WEST + start :]
    w, ww = weights[W], weights[WW]
    for i in range(width):
        ahead[i] = _dot_own(own, weights, 0, 1, i)
    if references > 0:
        for i in range(width):
            ahead[i] += _dot_first(first, weights, 0, 1, i)
    if references > 1:
        for i in range(width):
            ahead[i] += _dot_second(second, weights, 0, 1, i)
    for i in range(width):
        west[i], far[i] = w, ww


@kernel
def _sum_class(near: _Near, predictor: Predictor, number: int, scratch: Lane, lane: int, width: int) -> None:
    """Add what the samples of another class have more."""
    start, weights, references = lane * ROOM, predictor.weights, predictor.references
    ahead, west, far = scratch[SUMS + start :], scratch[WEST + start :], scratch[FAR_WEST + start :]
    classes, others, k = scratch[CLASS:], scratch[TURN:], number * TAPS
    own, first, second = near
    w, ww = weights[k + W], weights[k + WW]
    # Masks, not choices: compilers make vectors of them. Shifted by MASK, -1 alone is not 0.
    for i in range(width):
        others[i] = (classes[i] ^ number) - 1
    for i in range(width):
        ahead[i] += (others[i] >> MASK) & _dot_own(own, weights, k, 1, i)
    if references > 0:
        for i in range(width):
            ahead[i] += (others[i] >> MASK) & _dot_first(first, weights, k, 1, i)
    if references > 1:
        for i in range(width):
            ahead[i] += (others[i] >> MASK) & _dot_second(second, weights, k, 1, i)
    for i in range(width):
        west[i] += (others[i] >> MASK) & w
        far[i] += (others[i] >> MASK) & ww


@inlined
def _sum_grid(frame: Frame, predictor: Predictor, span: Span, scratch: Lane) -> None:
    """Sums and weights under the grid map: each sample has those of its place, which blocks have alike."""
    start, weights, references = span.lane * ROOM, predictor.weights, predictor.references
    row = ((predictor.grid_row + span.y - span.first) & (PERIOD - 1)) * TAPS * GRID_COLUMNS
    row += predictor.grid_column & (PERIOD - 1)  # by what it cannot be else, indices are seen not to be negative
    for block in range(0, span.columns, BLOCK):
        sums, west, far = (
            scratch[SUMS + start + block :], scratch[WEST + start + block :], scratch[FAR_WEST + start + block :]
        )  # fmt: skip
        own, first, second = _near_from(frame, span, span.column + block)
        for i in range(BLOCK):
            sums[i] = _dot_own(own, weights, row + i, GRID_COLUMNS, i)
        for i in range(BLOCK):
            west[i], far[i] = weights[row + W * GRID_COLUMNS + i], weights[row + WW * GRID_COLUMNS + i]
        if references > 0:
            for i in range(BLOCK):
                sums[i] += _dot_first(first, weights, row + i, GRID_COLUMNS, i)
        if references > 1:
            for i in range(BLOCK):
                sums[i] += _dot_second(second, weights, row + i, GRID_COLUMNS, i)


@inlined
def _weigh_own(own: _Rows, activity: Lane, w: Lane, k: int, step: int, i: int) -> int:
    n, nn = own.above, own.higher
    return int(
        n[i + 4] * w[k]
        + n[i + 3] * w[k + step]
        + n[i + 5] * w[k + 2 * step]
        + nn[i + 4] * w[k + 3 * step]
        + n[i + 2] * w[k + 4 * step]
        + n[i + 6] * w[k + 5 * step]
        + activity[i] * w[k + 6 * step]
    )


@inlined
def _weigh_first(first: _Rows, w: Lane, k: int, step: int, i: int) -> int:
    p = first.here
    return int(
        p[i + 4] * w[k + 7 * step]
        + p[i + 3] * w[k + 8 * step]
        + p[i + 5] * w[k + 9 * step]
        + first.above[i + 4] * w[k + 10 * step]
        + first.below[i + 4] * w[k + 11 * step]
    )


@inlined
def _fill_expected(frame: Frame, predictor: Predictor, span: Span, scratch: Lane) -> None:
    """Spec interleaved/contexts. The expected errors: of errors in the rows above and in the first reference, and of
    the activity."""
    expected, activity = scratch[EXPECTED + span.lane * ROOM :], scratch[ACTIVITY:]
    w = predictor.error_weights
    width = _in_blocks(span.columns)
    shift, column, cap = predictor.error_shift, span.column, LARGEST_ERROR
    for i in range(width):
        activity[i] = activity[i] << 1
    if shift > 0:
        for i in range(width):
            activity[i] = activity[i] >> shift
    for i in range(width):
        activity[i] = activity[i] if activity[i] < cap else cap
    if predictor.errors_by_place == 0:
        own, first = _rows_of(frame.errors, frame, span, column), _rows_of(frame.first_errors, frame, span, column)
        for i in range(width):
            expected[i] = _weigh_own(own, activity, w, 0, 1, i)
        if predictor.references > 0:
            for i in range(width):
                expected[i] += _weigh_first(first, w, 0, 1, i)
    else:
        row = ((predictor.grid_row + span.y - span.first) & (PERIOD - 1)) * ERRORS * GRID_COLUMNS
        row += predictor.grid_column & (PERIOD - 1)
        w = w[row:]
        for block in range(0, width, BLOCK):
            out, change = expected[block:], activity[block:]
            own = _rows_of(frame.errors, frame, span, column + block)
            first = _rows_of(frame.first_errors, frame, span, column + block)
            for i in range(BLOCK):
                out[i] = _weigh_own(own, change, w, i, GRID_COLUMNS, i)
            if predictor.references > 0:
                for i in range(BLOCK):
                    out[i] += _weigh_first(first, w, i, GRID_COLUMNS, i)


@kernel
def _open_first(frame: Frame, predictor: Predictor, span: Span, scratch: Lane) -> None:
    """Spec interleaved/prediction. What is known ahead of a stripe's first row: it is predicted as W + P - P_W."""
    width, fraction, start = _in_blocks(span.columns), predictor.fraction, span.lane * ROOM
    if span.column == 0:
        for i in range(LEFT + frame.margins[2 * span.y]):
            frame.samples[_at(frame, span.y) + i] = 0
    ahead, west, far = scratch[SUMS + start :], scratch[WEST + start :], scratch[FAR_WEST + start :]
    expected, p = scratch[EXPECTED + start :], frame.first[_at(frame, span.y) + span.column :]
    one = 1 << fraction
    for i in range(width):
        ahead[i], west[i], far[i], expected[i] = 0, one, 0, FIRST_ROW
    if predictor.references > 0:
        for i in range(width):
            ahead[i] = (p[i + LEFT] - p[i + LEFT - 1]) * one


@kernel
def _open_row(frame: Frame, predictor: Predictor, span: Span, scratch: Lane) -> None:
    """Spec interleaved/prediction and Spec interleaved/contexts. What is known ahead of a span of another row: sums of
    taps, weights of W and WW, expected errors."""
    y, column, width = span.y, span.column, _in_blocks(span.columns)
    here, above = _at(frame, y), _at(frame, y - 1)
    if column == 0:
        left = frame.margins[2 * y]
        beside = frame.samples[above + LEFT + left]
        for i in range(LEFT + left):
            frame.samples[here + i] = beside
    _fill_texture(frame, predictor, span, scratch)
    if predictor.class_map == GRID:
        _sum_grid(frame, predictor, span, scratch)
    else:
        near = _near_from(frame, span, column)
        _sum_all(near, predictor, scratch, span.lane, width)
        if predictor.class_map == TEXTURE:
            for number in range(1, 6):
                if (predictor.others >> number) & 1 == 0:
                    continue
                _sum_class(near, predictor, number, scratch, span.lane, width)
    _fill_expected(frame, predictor, span, scratch)


@inlined
def _open(frame: Frame, predictor: Predictor, span: Span, scratch: Lane) -> None:
    """What is known ahead of a span."""
    if span.y == span.top:
        _open_first(frame, predictor, span, scratch)
    else:
        _open_row(frame, predictor, span, scratch)


@inlined
def _fill_margins(frame: Frame, span: Span, plane: Lane | Vector[np.uint8]) -> None:
    """Spec interleaved/margins. Of a row of samples, or of errors, those that are not coded become like those beside
    them, or above."""
    left, end = frame.margins[2 * span.y], frame.width - frame.margins[2 * span.y + 1]
    row = plane[_at(frame, span.y) + LEFT :]
    if left < end:
        for i in range(left):
            row[i] = row[left]
        for i in range(end, frame.width):
            row[i] = row[end - 1]
    else:
        above = plane[_at(frame, span.y - 1) + LEFT :]
        for i in range(frame.width):
            row[i] = above[i] if span.y > span.top else 0


@kernel
def _close(frame: Frame, predictor: Predictor, span: Span, scratch: Lane) -> int:
    """Spec interleaved/contexts. Check the samples of a span, note their errors, and fill what stands beside the row.
    OK or BROKEN."""
    width, fraction, shift = _in_blocks(span.columns), predictor.fraction - ERROR_BITS, predictor.error_shift
    start = _at(frame, span.y)
    samples, errors = frame.samples[start + span.column :], frame.errors[start + span.column :]
    sums, scaled, size = scratch[SUMS + span.lane * ROOM :], scratch[ACROSS:], scratch[DOWN:]
    ends_row = span.column + span.columns == frame.width
    if ends_row:
        _fill_margins(frame, span, frame.samples)
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
    if ends_row:
        _fill_margins(frame, span, frame.errors)
        end, row = LEFT + span.columns, frame.errors[start:]
        for i in range(LEFT):
            row[i] = row[LEFT]
        for i in range(RIGHT):
            samples[end + i], errors[end + i] = samples[end - 1], errors[end - 1]
    return OK


@inlined
def _put_down(frame: Frame, plane: Lane, middle: int, span: Span, scratch: Lane) -> None:
    """Put the samples of a span into its frame, and with the middle added into the plane, whose margins are blank."""
    start = span.y * frame.width + span.column
    left, end = frame.margins[2 * span.y], frame.width - frame.margins[2 * span.y + 1]
    samples = frame.samples[_at(frame, span.y) + span.column + LEFT :]
    coded, row = scratch[CODED + span.lane * ROOM :], plane[start : start + span.columns]
    for i in range(_in_blocks(span.columns)):
        samples[i] = coded[i]
    for i in range(row.shape[0]):
        row[i] = coded[i] + middle
    for i in range(left):
        row[i] = frame.blank + middle
    for i in range(end, row.shape[0]):
        row[i] = frame.blank + middle


RANGES = (LAST_DIRECT + 1) << REST_BITS
"""The first entry of a token that plain bits follow."""
SPAN_PAIRS = LANES * CHUNK * MOST_BITS // 32 + 1
"""As many pairs are read of a span at most."""


class Source(NamedTuple):
    """What samples are decoded from: a predictor's ``levels``, tokens by cell and state, and the stream; ``farthest``:
    how far a sample may lie from its prediction without wrapping around back into the range."""

    levels: Vector[np.uint16]
    farthest: int
    tables: Vector[np.uint16]
    pairs: Pairs


class Looked(NamedTuple):
    """The sum of all taps of a sample, and the entry that its state stands for in its cell."""

    total: int
    entry: int


@inlined
def _look_up(scratch: Lane, i: int, fraction: int, w: int, ww: int, source: Source, state: int) -> Looked:
    """Spec interleaved/stream. Of the sample for which scratch[place + i] is what is known ahead; left of it w, ww."""
    scratch[SUMS + i] = scratch[SUMS + i] + scratch[WEST + i] * w + scratch[FAR_WEST + i] * ww
    total = int(scratch[SUMS + i])
    # An index that cannot be negative takes two instructions less.
    level_start = 0 + int(source.levels[scratch[EXPECTED + i] & FIRST_ROW])
    part_start = ((total >> (fraction - 2)) & (FRACTIONS - 1)) << SCALE_BITS
    return Looked(total, entry_of(level_start + part_start, state, source.tables))


class _Three(NamedTuple):
    """What was decoded of three lanes, their states, and the place of the next bit."""

    value: int
    value_2: int
    value_3: int
    a: int
    b: int
    c: int
    place: int


@inlined
def _take_directly(one: int, two: int, three: int, source: Source, place: int) -> _Three:
    """Spec interleaved/stream. What three entries stand for that no plain bits follow."""
    first = take_direct(one, bits_from(source.pairs, place))
    second = take_direct(two, first.bits)
    third = take_direct(three, second.bits)
    return _Three(first.value, second.value, third.value, first.state, second.state, third.state, third.bits.place)


@kernel
def _take_each(one: int, two: int, three: int, source: Source, place: int) -> _Three:
    """Spec interleaved/stream. What any three entries stand for."""
    first = take_residual(one, place, source.farthest, source.pairs)
    second = take_residual(two, first.bits.place, source.farthest, source.pairs)
    third = take_residual(three, second.bits.place, source.farthest, source.pairs)
    return _Three(first.value, second.value, third.value, first.state, second.state, third.state, third.bits.place)


@inlined
def _take_three(
    frame: Frame, fraction: int, span: Span, step: int, columns: Columns, scratch: Lane, source: Source,
    states: Vector[np.int64],
) -> None:  # fmt: skip
    """Spec interleaved/stream. Columns of spans of rows y, y + step and y + 2 * step, sample by sample in turn."""
    start = _at(frame, span.y) + span.column + columns.start + LEFT
    one, two, three = (
        frame.samples[start - 2 :],
        frame.samples[start - 2 + step * frame.stride :],
        frame.samples[start - 2 + 2 * step * frame.stride :],
    )
    a, b, c, place = int(states[0]), int(states[1]), int(states[2]), int(states[3])
    w, w_2, w_3 = int(one[1]), int(two[1]), int(three[1])
    ww, ww_2, ww_3 = int(one[0]), int(two[0]), int(three[0])
    # From a place on, so that compilers see that no index is negative.
    count, scratch = columns.end - columns.start, scratch[columns.start :]
    for i in range(count):
        first = _look_up(scratch, i, fraction, w, ww, source, a)
        second = _look_up(scratch, i + ROOM, fraction, w_2, ww_2, source, b)
        third = _look_up(scratch, i + 2 * ROOM, fraction, w_3, ww_3, source, c)
        if first.entry < RANGES and second.entry < RANGES and third.entry < RANGES:
            taken = _take_directly(first.entry, second.entry, third.entry, source, place)
        else:
            taken = _take_each(first.entry, second.entry, third.entry, source, place)
        a, b, c, place = taken.a, taken.b, taken.c, taken.place
        ww, w = w, (first.total >> fraction) + taken.value - DIRECT
        ww_2, w_2 = w_2, (second.total >> fraction) + taken.value_2 - DIRECT
        ww_3, w_3 = w_3, (third.total >> fraction) + taken.value_3 - DIRECT
        scratch[CODED + i], scratch[CODED + i + ROOM], scratch[CODED + i + 2 * ROOM] = w, w_2, w_3
    states[0], states[1], states[2], states[3] = a, b, c, place
    # What follows in a row begins with these.
    one[count], one[count + 1] = ww, w
    two[count], two[count + 1] = ww_2, w_2
    three[count], three[count + 1] = ww_3, w_3


@kernel
def _decode_three(
    frame: Frame, fraction: int, span: Span, step: int, columns: Columns, scratch: Lane, source: Source,
    states: Vector[np.int64],
) -> None:  # fmt: skip
    """Spec interleaved/stream. The same, with a usual fraction as a constant, which takes no register."""
    if fraction == USUAL_FRACTION:
        _take_three(frame, USUAL_FRACTION, span, step, columns, scratch, source, states)
    else:
        _take_three(frame, fraction, span, step, columns, scratch, source, states)


@kernel
def _decode_one(
    frame: Frame, fraction: int, span: Span, columns: Columns, scratch: Lane, source: Source, states: Vector[np.int64]
) -> None:
    """Spec interleaved/stream. Columns of a span alone, with the state of its lane."""
    row = frame.samples[_at(frame, span.y) + span.column + columns.start + LEFT - 2 :]
    state, place = int(states[span.lane]), int(states[3])
    ww, w = int(row[0]), int(row[1])
    scratch = scratch[span.lane * ROOM + columns.start :]
    for i in range(columns.end - columns.start):
        looked = _look_up(scratch, i, fraction, w, ww, source, state)
        taken = take_residual(looked.entry, place, source.farthest, source.pairs)
        ww, w, state, place = w, (looked.total >> fraction) + taken.value - DIRECT, taken.state, taken.bits.place
        row[i + 2], scratch[CODED + i] = w, w
    states[span.lane], states[3] = state, place


@inlined
def _decode_rows(
    frame: Frame, fraction: int, span: Span, step: int, scratch: Lane, source: Source, states: Vector[np.int64]
) -> None:
    """Spec interleaved/margins. Spans of rows y, y + step and y + 2 * step: columns that all three have in turn, those
    before and behind these stripe by stripe."""
    shared = shared_columns(frame.margins, span.y, step, span.columns)
    for lane in range(LANES):
        own = columns_inside(frame.margins, span.y + lane * step, span.columns)
        if own.start < shared.start:
            before = Columns(own.start, min(own.end, shared.start))
            _decode_one(frame, fraction, _in_stripe(span, lane, step), before, scratch, source, states)
    _decode_three(frame, fraction, span, step, shared, scratch, source, states)
    for lane in range(LANES):
        own = columns_inside(frame.margins, span.y + lane * step, span.columns)
        if own.end > shared.end:
            behind = Columns(max(own.start, shared.end), own.end)
            _decode_one(frame, fraction, _in_stripe(span, lane, step), behind, scratch, source, states)


@inlined
def _decode_image(
    frame: Frame, first: int, end: int, plane: Lane, predictor: Predictor, scratch: Lane, source: Source,
    states: Vector[np.int64],
) -> int:  # fmt: skip
    """Spec interleaved/stream. Decode the image of rows first .. end - 1 of a plane, and its errors. OK or BROKEN."""
    width, fraction, status, last = frame.width, predictor.fraction, OK, end - 1
    step = step_of(end - first)
    for turn in range(end - first - (LANES - 1) * step):
        # Rows of all stripes, then those that the last one has more, or the only one.
        lanes, lane = (LANES, 0) if turn < step else (1, 0 if step == 0 else LANES - 1)
        y, top = (first + turn, first) if turn < step else (first + turn + (LANES - 1) * step, first + lane * step)
        for column in range(0, width, CHUNK):
            span = Span(y, top, lane, column, min(CHUNK, width - column), first, last)
            for k in range(lanes):
                _open(frame, predictor, _in_stripe(span, k, step), scratch)
            if (states[LANES] >> 5) + SPAN_PAIRS > source.pairs.shape[0]:
                return BROKEN
            if turn < step:
                _decode_rows(frame, fraction, span, step, scratch, source, states)
            else:
                own = columns_inside(frame.margins, y, span.columns)
                _decode_one(frame, fraction, span, own, scratch, source, states)
            for k in range(lanes):
                one = _in_stripe(span, k, step)
                _put_down(frame, plane, predictor.middle, one, scratch)
                status += _close(frame, predictor, one, scratch)
            if status != OK:
                return BROKEN
    return OK


@kernel
def decode(
    frame: Frame, plane: Lane, predictor: Predictor, scratch: Lane, tables: Vector[np.uint16], pairs: Pairs,
    states: Vector[np.int64],
) -> int:  # fmt: skip
    """Spec interleaved/stream. Decode a plane of images, and its errors.

    ``plane`` (rows * width,): its samples. ``states`` (4,): of the lanes, and how many bits were taken. OK or BROKEN.
    """
    source = Source(predictor.levels, 1 << (8 * frame.samples.itemsize - 2), tables, pairs)
    for first in range(0, frame.rows, frame.image_rows):
        end = min(first + frame.image_rows, frame.rows)
        if _decode_image(frame, first, end, plane, predictor, scratch, source, states) != OK:
            return BROKEN
    return OK


@kernel
def lay_out(plane: Vector[np.int32], middle: int, frame: Frame) -> int:
    """Fill a frame with the samples of a plane (rows * width,) less ``middle``, and zeros to their right. Returns 0."""
    for y in range(frame.rows):
        row, samples = plane[y * frame.width :], frame.samples[_at(frame, y) + LEFT :]
        for i in range(frame.width):
            samples[i] = row[i] - middle
        for i in range(frame.width, frame.stride - LEFT):
            samples[i] = 0
    return 0


class Traced(NamedTuple):
    """What the samples of a plane are coded as, in the order of rows: ``residuals`` and ``symbols``, as ``Coded`` has
    them, and the ``expected`` errors that levels follow from, if there is room for them. Behind the last sample stands
    room for BLOCK others."""

    residuals: Lane
    symbols: Vector[np.uint16]
    expected: Vector[np.int16]


@inlined
def _trace_columns(
    frame: Frame, levels: Vector[np.uint16], fraction: int, span: Span, scratch: Lane, traced: Traced
) -> None:
    """The same of a span of a known plane, and of columns right of it, in whose place the next row is put."""
    width = _in_blocks(span.columns)
    row, start = frame.samples[_at(frame, span.y) + span.column :], span.y * frame.width + span.column
    residuals, symbols, noted = traced.residuals[start:], traced.symbols[start:], traced.expected[start:]
    sums, west, far = scratch[SUMS:], scratch[WEST:], scratch[FAR_WEST:]
    expected, turn = scratch[EXPECTED:], scratch[TURN:]
    for i in range(width):
        sums[i] += west[i] * row[i + LEFT - 1] + far[i] * row[i + LEFT - 2]
    for i in range(width):
        turn[i] = sums[i] >> (fraction - 2)
    for i in range(width):
        residuals[i] = row[i + LEFT] - (turn[i] >> 2)
    for i in range(width):
        token = residuals[i] + DIRECT if -DIRECT <= residuals[i] <= DIRECT else ESCAPE
        symbols[i] = token | (turn[i] & 3) << TOKEN_BITS
    for i in range(span.columns):
        symbols[i] += levels[expected[i] & FIRST_ROW] >> (SCALE_BITS - TOKEN_BITS)
    for i in range(min(span.columns, noted.shape[0])):
        noted[i] = expected[i]


@kernel
def _trace_span(frame: Frame, predictor: Predictor, span: Span, scratch: Lane, traced: Traced) -> None:
    """The same, with a usual fraction as a constant: by others vectors of 64 bits are shifted."""
    if predictor.fraction == USUAL_FRACTION:
        _trace_columns(frame, predictor.levels, USUAL_FRACTION, span, scratch, traced)
    else:
        _trace_columns(frame, predictor.levels, predictor.fraction, span, scratch, traced)


@kernel
def trace(frame: Frame, predictor: Predictor, scratch: Lane, traced: Traced) -> int:
    """Spec interleaved/prediction and Spec interleaved/contexts. Predict all samples of a known plane into ``traced``;
    fills its errors. Returns 0."""
    for first in range(0, frame.rows, frame.image_rows):
        end = min(first + frame.image_rows, frame.rows)
        step = step_of(end - first)
        for y in range(first, end):
            top = first if step == 0 else first + min((y - first) // step, LANES - 1) * step
            for column in range(0, frame.width, CHUNK):
                span = Span(y, top, 0, column, min(CHUNK, frame.width - column), first, end - 1)
                _open(frame, predictor, span, scratch)
                _trace_span(frame, predictor, span, scratch, traced)
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
    values: Vector[np.int64], scratch: Lane, equations: Cube[np.int64],
) -> int:  # fmt: skip
    """Add the samples of a known image, but for first rows, to the normal equations of their classes, exact integers.

    ``class_map`` and ``column``, the grid's, are those of the classes; ``predictor`` says the rest. ``sample_weights``
    (samples,): how much each counts; ``values`` (TAPS + 1,): scratch. ``equations`` (classes, TAPS + 1, TAPS + 1):
    lower triangle of the products of taps and sample, own samples taken less N, those of references less P or Q.
    Returns 0.
    """
    width, rows = frame.width, frame.rows
    step = step_of(rows)
    for y in range(rows):
        top = 0 if step == 0 else min(y // step, LANES - 1) * step
        if y == top:
            continue
        for x in range(width):
            if class_map == TEXTURE and x % CHUNK == 0:
                _fill_texture(frame, predictor, Span(y, top, 0, x, min(CHUNK, width - x), 0, rows - 1), scratch)
            _gather(frame, y, max(y - 2, top), x, values)
            n, p, q = values[N], values[P], values[Q]
            for i in range(P):
                values[i] -= n
            for i in range(P + 1, Q):
                values[i] -= p
            values[Q_W], values[Q_N], values[TAPS] = values[Q_W] - q, values[Q_N] - q, values[TAPS] - n
            number = 0
            if class_map == TEXTURE:
                number = int(scratch[CLASS + x % CHUNK])
            elif class_map == GRID:
                number = ((predictor.grid_row + y) & 7) * PERIOD + ((column + x) & 7)
            table, weight = equations[number], sample_weights[y * width + x]
            for i in range(TAPS + 1):
                value = weight * values[i]
                for j in range(i + 1):
                    table[i, j] += value * values[j]
    return 0
