"""Context mixing of the coefficients of blocks, and of what the samples they make still lack.

Coefficients are coded from the highest frequency to the lowest, as differences from what a trained linear predictor
foretells. Counters, mixing and the final map are those of ``kernels.mixing``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.adaptive import Probabilities, code_integer
from sofc.entropy.binary import BROKEN, EVEN, OK, TOO_LONG, Stream, code_bit
from sofc.entropy.bit_models import code_by_model
from sofc.entropy.contexts import BLOCK, Contexts, select_further_models, select_models
from sofc.entropy.mixing import COLUMN_ROWS, LEVELS, PLACE_ROWS, QUARTERS, Mixture, Votes, decide, votes_for
from sofc.jit.decorators import inlined, kernel
from sofc.jpeg.dct import FRACTIONS, SIDE, SIZE, Coefficients, Integers

Words = npt.NDArray[np.int32]
Models = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]

MEANS = 4 * SIDE + 4
"""Numbers a coefficient is foretold from: the column above, the row to the left, its own column and row as far as they
are known, the same coefficient in the two blocks diagonally above, and in two references."""
SIZES = 18
"""Numbers the size of its difference is foretold from."""
MEAN_BITS, SIZE_BITS = 12, 12
TERMS = 32
NO_TERM = 0
CLAMP = 20
STEPS = 20
"""Steps of the magnitude in unary; what is beyond is coded in Elias-gamma."""
LARGEST = 1 << 14
"""Coefficients lie within this."""
GROUP = 14
"""The node of whether a diagonal of coefficients has any."""


def _order() -> npt.NDArray[np.int64]:
    """Coefficients from the highest frequency to the lowest: the zigzag of T.81, backwards."""
    places = [(row, column) for row in range(SIDE) for column in range(SIDE)]
    zigzag = sorted(places, key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]))
    return np.array([SIDE * row + column for row, column in reversed(zigzag)], np.int64)


ORDER = _order()


class Room(NamedTuple):
    """What coding needs to work in: numbers to foretell from, terms, and what each of n contexts and sets says."""

    inverses: Integers
    steps_of: Integers
    means: Words
    sizes: Words
    term: Integers
    votes: Votes


def room_for(contexts: int, lanes: int, sets: int) -> Room:
    """The room for so many contexts and mixers of so many lanes."""
    return Room(
        inverses=np.zeros(SIZE + 2 * SIDE, np.int64),
        steps_of=np.zeros(2 * SIDE, np.int64),
        means=np.zeros(MEANS, np.int32),
        sizes=np.zeros(SIZES, np.int32),
        term=np.zeros(TERMS, np.int64),
        votes=votes_for(contexts, lanes, sets),
    )


def _logs() -> npt.NDArray[np.uint8]:
    """About three times the logarithm to base 2 of each number plus 1."""
    number = np.arange(LOG_LIMIT + 1, dtype=np.int64) + 1
    bits = np.floor(np.log2(number)).astype(np.int64)
    part = (number << 2 >> bits) & 3
    return np.minimum(47, 3 * bits + np.where(bits > 0, part * 3 >> 2, 0)).astype(np.uint8)


LOG_LIMIT = 65535
LOGS = _logs()


@inlined
def _log(value: int) -> int:
    return int(np.int64(LOGS[min(value, LOG_LIMIT)]))


@inlined
def _over(value: int, inverse: int) -> int:
    """``value`` // step, where value >= 0 and ``inverse`` is 2**34 / step, rounded up; what is 2**26 or more is cut."""
    return (min(value, (1 << 26) - 1) * inverse) >> 34


@kernel
def _inverse_of(step: int) -> int:
    return ((1 << 34) + step - 1) // step


@kernel
def _clamped(value: int) -> int:
    return max(-CLAMP, min(CLAMP, value)) + CLAMP


@kernel
def _ratio(value: int, inverse: int) -> int:
    """A reference in steps, towards zero, clamped."""
    return _clamped(_over(value, inverse) if value >= 0 else -_over(-value, inverse))


@inlined
def gather(
    values: Coefficients,
    tails: Coefficients,
    first: Coefficients,
    second: Coefficients,
    row: int,
    column: int,
    index: int,
    step: int,
    means: Words,
    sizes: Words,
) -> None:
    """The numbers that a coefficient and its size are foretold from.

    ``values``: coefficients times their steps, with a row of zero blocks above and a zero block on either side;
    ``tails``: of each block the sum of sizes up to each coefficient in ORDER; ``first`` and ``second``: two references,
    like ``values``. ``row`` and ``column`` as in ``values``.
    """
    u, v = index >> 3, index & 7
    own, above, left = values[row, column], values[row - 1, column], values[row, column - 1]
    for k in range(SIDE):
        means[k] = above[SIDE * k + v]
        means[SIDE + k] = left[SIDE * u + k]
        means[2 * SIDE + k] = own[SIDE * k + v] if k > u else 0
        means[3 * SIDE + k] = own[SIDE * u + k] if k > v else 0
    diagonal, beyond = int(values[row - 1, column - 1, index]), int(values[row - 1, column + 1, index])
    reference, other = int(first[row, column, index]), int(second[row, column, index])
    means[4 * SIDE] = diagonal
    means[4 * SIDE + 1] = beyond
    means[4 * SIDE + 2] = reference
    means[4 * SIDE + 3] = other
    lower, right = index + SIDE, index + 1
    has_lower, has_right = u < SIDE - 1, v < SIDE - 1
    sizes[0] = step
    sizes[1] = abs(int(above[index]))
    sizes[2] = abs(int(left[index]))
    sizes[3] = abs(diagonal)
    sizes[4] = abs(beyond)
    sizes[5] = (abs(int(above[lower])) if has_lower else 0) + (abs(int(above[right])) if has_right else 0)
    sizes[6] = (abs(int(left[lower])) if has_lower else 0) + (abs(int(left[right])) if has_right else 0)
    sizes[7] = abs(int(own[lower])) if has_lower else 0
    sizes[8] = abs(int(own[right])) if has_right else 0
    sizes[9] = abs(int(own[lower + 1])) if has_lower and has_right else 0
    sizes[10] = (abs(int(own[lower + SIDE])) if u < SIDE - 2 else 0) + (abs(int(own[right + 1])) if v < SIDE - 2 else 0)
    sizes[11] = (abs(int(above[index - SIDE])) if u > 0 else 0) + (abs(int(above[index - 1])) if v > 0 else 0)
    sizes[12] = (abs(int(left[index - SIDE])) if u > 0 else 0) + (abs(int(left[index - 1])) if v > 0 else 0)
    sizes[13] = tails[row, column, index]
    sizes[14] = tails[row - 1, column, index]
    sizes[15] = tails[row, column - 1, index]
    sizes[16] = abs(reference)
    sizes[17] = abs(other)


@kernel
def code_blocks(
    encode: bool,
    coefficients: Coefficients,
    values: Coefficients,
    tails: Coefficients,
    first: Coefficients,
    second: Coefficients,
    table: Integers,
    mean_weights: Words,
    size_weights: Words,
    contexts: Contexts,
    groups: Contexts,
    mixture: Mixture,
    probabilities: Probabilities,
    stream: Stream,
    room: Room,
) -> int:
    """Code a component's coefficients; when decoding they are filled.

    ``coefficients`` (rows, columns, 64); ``values`` and ``tails`` (rows + 1, columns + 2, 64), zero: to be filled, as
    ``gather`` takes them; ``first`` and ``second`` of the same shape. ``table`` (64,): steps. ``mean_weights`` (64,
    MEANS) and ``size_weights`` (64, SIZES). ``contexts`` and ``groups`` (n, 4): terms, of
    coefficients and of diagonals. ``blocks``, ``sets`` and the state are those of
    ``mixing.code_plane``; ``direct`` (GAMMA_PLACES,). Returns OK, TOO_LONG or BROKEN.
    """
    term, votes = room.term, room.votes
    chosen = votes.rows
    inverses, steps_of = room.inverses, room.steps_of
    for index in range(SIZE):
        inverses[index] = _inverse_of(table[index])
    start = 0
    for diagonal in range(2 * SIDE - 2, -1, -1):
        end = start + min(diagonal, 2 * SIDE - 2 - diagonal) + 1
        steps_of[diagonal] = 0
        for place in range(start, end):
            steps_of[diagonal] += table[ORDER[place]]
        steps_of[diagonal] //= end - start
        inverses[SIZE + diagonal] = _inverse_of(steps_of[diagonal])
        start = end
    for row in range(1, coefficients.shape[0] + 1):
        for column in range(1, coefficients.shape[1] + 1):
            own, block = values[row, column], coefficients[row - 1, column - 1]
            for place in range(SIZE):
                tails[row, column, place] = 0
            # From the highest frequencies down, diagonals that are zero altogether.
            term[0] = 0
            term[26] = _log(_over(int(tails[row - 1, column, 0]), inverses[0]))
            term[27] = _log(_over(int(tails[row, column - 1, 0]), inverses[0]))
            start = 0
            diagonal = 2 * SIDE - 2
            while start < SIZE:
                end = start + min(diagonal, 2 * SIDE - 2 - diagonal) + 1
                step = steps_of[diagonal]
                inverse = inverses[SIZE + diagonal]
                around = north = west = here = 0
                for place in range(start, end):
                    index = ORDER[place]
                    north += abs(int(values[row - 1, column, index]))
                    west += abs(int(values[row, column - 1, index]))
                    around += abs(int(values[row - 1, column - 1, index])) + abs(
                        int(values[row - 1, column + 1, index])
                    )
                    here += abs(int(first[row, column, index])) + abs(int(second[row, column, index]))
                north_tail = int(tails[row - 1, column, ORDER[end - 1]])
                west_tail = int(tails[row, column - 1, ORDER[end - 1]])
                loudness = _log(_over((4 * (north_tail + west_tail) + 2 * (north + west) + around), inverse))
                level = min(LEVELS - 1, loudness >> 1)
                term[25] = diagonal + 1
                term[28] = _log(_over(north, inverse))
                term[29] = _log(_over(west, inverse))
                term[30] = _log(_over(here, inverse))
                term[31] = loudness
                term[14] = _log(_over(north_tail, inverse))
                term[15] = _log(_over(west_tail, inverse))
                term[16] = _log(_over(around, inverse))
                term[18] = min(step, 31)
                select_models(groups, term, votes.hashes, votes.first)
                chosen[0] = GROUP * LEVELS + level
                chosen[1] = PLACE_ROWS + GROUP * 64 + diagonal
                chosen[2] = COLUMN_ROWS + GROUP * 64 + min(63, term[30])
                bit = 0
                if encode:
                    for place in range(start, end):
                        if block[ORDER[place]] != 0:
                            bit = 1
                bit = decide(encode, bit, GROUP, (GROUP * LEVELS + level) * QUARTERS, mixture, votes, stream)
                if bit < 0:
                    return TOO_LONG
                if bit:
                    break
                if not encode:
                    for place in range(start, end):
                        block[ORDER[place]] = 0
                start = end
                diagonal -= 1
            nonzero = 0
            tail = 0
            last = before_last = 0
            for place in range(start, SIZE):
                index = ORDER[place]
                step = table[index]
                tails[row, column, index] = tail
                gather(values, tails, first, second, row, column, index, step, room.means, room.sizes)
                total = np.int64(0)
                for i in range(MEANS):
                    total += np.int64(room.means[i]) * np.int64(mean_weights[index, i])
                inverse = inverses[index]
                quarters = (4 * total + (step << (MEAN_BITS - 1))) >> MEAN_BITS
                fine = _over(quarters, inverse) if quarters >= 0 else -_over(step - 1 - quarters, inverse)
                fine = max(-4 * LARGEST, min(4 * LARGEST, fine))
                mu = (fine + 2) >> 2
                quarter = (fine + 2) & 3
                total = np.int64(0)
                for i in range(SIZES):
                    total += np.int64(room.sizes[i]) * np.int64(size_weights[index, i])
                loudness = _log(_over(max(0, int(total >> (SIZE_BITS - 4))), inverse))
                level = min(LEVELS - 1, loudness >> 1)
                u, v = index >> 3, index & 7
                sizes = room.sizes
                around = 2 * (int(sizes[1]) + int(sizes[2])) + int(sizes[3]) + int(sizes[4])
                beside = int(sizes[7]) + int(sizes[8]) + int(sizes[9])
                elsewhere = int(sizes[16]) + int(sizes[17])
                term[1] = index
                term[2] = _clamped(mu)
                term[3] = quarter
                term[4] = level
                term[5] = loudness
                term[6] = _clamped(int(coefficients[row - 2, column - 1, index]) if row > 1 else 0)
                term[7] = _clamped(int(coefficients[row - 1, column - 2, index]) if column > 1 else 0)
                term[8] = _clamped(int(block[index + SIDE]) if u < SIDE - 1 else 0)
                term[9] = _clamped(int(block[index + 1]) if v < SIDE - 1 else 0)
                term[10] = _clamped(int(block[index + SIDE + 1]) if u < SIDE - 1 and v < SIDE - 1 else 0)
                term[11] = _ratio(int(first[row, column, index]), inverse)
                term[12] = _ratio(int(second[row, column, index]), inverse)
                term[13] = nonzero
                term[14] = _log(_over(tail, inverse))
                term[15] = _log(_over(int(room.sizes[14]), inverse))
                term[16] = _log(_over(int(room.sizes[15]), inverse))
                term[17] = u + v
                term[18] = min(step, 31)
                term[19] = _clamped(last)
                term[20] = _clamped(before_last)
                term[21] = _log(_over(around, inverse))
                term[22] = max(-2 * CLAMP, min(2 * CLAMP, fine)) + 2 * CLAMP
                term[23] = _log(_over(beside, inverse))
                term[24] = _log(_over(elsewhere, inverse))
                select_models(contexts, term, votes.hashes, votes.first)

                residual = int(block[index]) - mu if encode else 0
                magnitude = abs(residual) - 1
                node = sign = steps = 0
                while True:
                    chosen[0] = node * LEVELS + level
                    chosen[1] = PLACE_ROWS + node * 64 + index
                    chosen[2] = COLUMN_ROWS + node * 64 + min(15, nonzero) * 4 + quarter
                    bit = 0
                    if encode:
                        if node == 0:
                            bit = 1 if residual != 0 else 0
                        elif node == 1:
                            bit = 1 if residual > 0 else 0
                        else:
                            bit = 1 if magnitude > steps else 0
                    apm_row = (node * LEVELS + level) * QUARTERS + quarter
                    bit = decide(encode, bit, node, apm_row, mixture, votes, stream)
                    if bit < 0:
                        return TOO_LONG
                    if node == 0:
                        if bit == 0:
                            break
                        node = 1
                        continue
                    if node == 1:
                        sign = bit
                    elif bit:
                        steps += 1
                    else:
                        break
                    if steps >= STEPS:
                        break
                    before = node
                    node = 2 + sign + 2 * min(steps, 5)
                    if before < BLOCK <= node:
                        select_further_models(contexts, votes.hashes, votes.first)
                if node > 0:
                    if steps >= STEPS:
                        rest = code_integer(encode, magnitude - STEPS, 0, probabilities, stream)
                        if rest < 0:
                            return rest
                        steps = STEPS + rest
                    residual = steps + 1 if sign else -(steps + 1)
                else:
                    residual = 0
                value = mu + residual
                if abs(value) > LARGEST:
                    return BROKEN
                block[index] = value
                own[index] = value * step
                tail += abs(value) * step
                tails[row, column, index] = tail
                if value != 0:
                    nonzero += 1
                before_last = last
                last = value
    return OK


LACK_BITS = 24
"""Bits of the longest difference of a sample, as its Elias-gamma length."""
TILE_PLACE, FLAG_PLACE, SAME_PLACE, SIGN_PLACE, SIZE_PLACE = 0, 8, 136, 139, 157
LACK_PLACES = SIZE_PLACE + 2 * LACK_BITS
"""Counters of what drawn samples lack."""


@kernel
def _code_size(encode: bool, size: int, slot: int, models: Models, stream: Stream) -> int:
    """Code a number of at least 1 in Elias-gamma, its length by counters. The number, or -1 where that cannot be."""
    length = 0
    while True:
        bit = code_by_model(encode, 1 if size >> (length + 1) > 0 else 0, slot + length, models, stream)
        if bit < 0:
            return -1
        if bit == 0:
            break
        length += 1
        if length >= LACK_BITS:
            return -1
    result = 1
    for i in range(length - 1, -1, -1):
        bit = code_bit(encode, (size >> i) & 1, EVEN, stream)
        if bit < 0:
            return -1
        result = 2 * result + bit
    return result


@kernel
def _third(value: int) -> int:
    """0 for 0, 1 below, 2 above."""
    return 0 if value == 0 else (1 if value < 0 else 2)


@kernel
def _code_lack(
    encode: bool,
    plane: Words,
    drawn: Words,
    fraction: int,
    lacks: Words,
    other: int,
    y: int,
    x: int,
    maximum: int,
    models: Models,
    stream: Stream,
) -> int:
    """Code what the sample at y, x lacks; ``other``: whether that of the plane before lacks something."""
    like = int(drawn[y, x])
    lack = int(plane[y, x]) - like if encode else 0
    west, north = int(lacks[y + 1, x]), int(lacks[y, x + 1])
    around = (1 if west != 0 else 0) + (2 if north != 0 else 0)
    around += (4 if lacks[y, x] != 0 else 0) + (8 if lacks[y, x + 2] != 0 else 0)
    slot = FLAG_PLACE + (around * 4 + min(fraction, FRACTIONS - 1 - fraction)) * 2 + other
    bit = code_by_model(encode, 1 if lack != 0 else 0, slot, models, stream)
    if bit < 0:
        return TOO_LONG
    same = 0
    if bit and (around & 3) > 0:
        # What was painted over is often of one value.
        value = int(plane[y, x - 1]) if west != 0 else int(plane[y - 1, x])
        if value != like:
            kind = 0 if (around & 3) < 3 else (2 if plane[y - 1, x] == value else 1)
            same = code_by_model(encode, 1 if lack == value - like else 0, SAME_PLACE + kind, models, stream)
            if same < 0:
                return TOO_LONG
            if same:
                lack = value - like
    if bit and not same:
        slot = SIGN_PLACE + (1 if 2 * fraction >= FRACTIONS else 0) + 2 * (3 * _third(west) + _third(north))
        sign = code_by_model(encode, 1 if lack < 0 else 0, slot, models, stream)
        if sign < 0:
            return TOO_LONG
        slot = SIZE_PLACE + (LACK_BITS if max(abs(west), abs(north)) > 1 else 0)
        lack = _code_size(encode, abs(lack), slot, models, stream)
        if lack < 0:
            return TOO_LONG if encode else BROKEN
        if sign:
            lack = -lack
    if not 0 <= like + lack <= maximum:
        return BROKEN
    plane[y, x] = like + lack
    lacks[y + 1, x + 1] = lack
    return OK


@kernel
def code_lacks(
    encode: bool,
    plane: Words,
    drawn: Words,
    fractions: Bytes,
    lacks: Words,
    others: Words,
    top: int,
    left: int,
    maximum: int,
    models: Models,
    stream: Stream,
) -> int:
    """Code what ``drawn`` lacks of ``plane`` (which is filled when decoding), tile by tile of the grid of 8 x 8.

    ``lacks`` (rows + 1, width + 2), zero: filled with the differences, below a row and between columns of zeros;
    ``others``: those of the plane before, or zeros. ``top`` and ``left``: place of the first sample in the grid.
    ``counters`` (LACK_PLACES,). Returns OK, TOO_LONG or BROKEN.
    """
    rows, width = plane.shape
    for tile_row in range((top + rows - 1) // SIDE + 1):
        first_row, last_row = max(0, SIDE * tile_row - top), min(rows, SIDE * (tile_row + 1) - top)
        before = 0
        for tile in range((left + width - 1) // SIDE + 1):
            first, last = max(0, SIDE * tile - left), min(width, SIDE * (tile + 1) - left)
            lacking = other = above = 0
            for x in range(first, last):
                if lacks[first_row, x + 1] != 0:
                    above = 1
                for y in range(first_row, last_row):
                    if encode and plane[y, x] != drawn[y, x]:
                        lacking = 1
                    if others[y + 1, x + 1] != 0:
                        other = 1
            slot = TILE_PLACE + above + 2 * before + 4 * other
            lacking = code_by_model(encode, lacking, slot, models, stream)
            if lacking < 0:
                return TOO_LONG
            before = lacking
            for y in range(first_row, last_row):
                for x in range(first, last):
                    if lacking:
                        other = 1 if others[y + 1, x + 1] != 0 else 0
                        fraction = int(fractions[y, x])
                        status = _code_lack(encode, plane, drawn, fraction, lacks, other, y, x, maximum, models, stream)
                        if status != OK:
                            return status
                    else:
                        plane[y, x] = drawn[y, x]
    return OK


@kernel
def fill_tails(values: Coefficients, tails: Coefficients) -> int:
    """The sums of sizes of whole components, as ``gather`` takes them of blocks that are coded. Returns 0."""
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            tail = 0
            for place in range(SIZE):
                tail += abs(int(values[row, column, ORDER[place]]))
                tails[row, column, ORDER[place]] = tail
    return 0


WIDEST = 1 << 12
EMPHASIS = 24
"""In training a coefficient counts 2**EMPHASIS times the square of its step over what is expected, in 1/16."""


@kernel
def accumulate(
    values: Coefficients,
    tails: Coefficients,
    first: Coefficients,
    second: Coefficients,
    table: Integers,
    mean_weights: Words,
    size_weights: Words,
    means: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    room: Room,
) -> int:
    """Add to the normal equations of training: lower halves of (64, MEANS + 1, MEANS + 1) and of (64, SIZES + 1,
    SIZES + 1).

    The last row is the number to foretell: the coefficient, and the size of what ``mean_weights`` foretell wrong. The
    larger that is to be expected the less it counts: by ``size_weights`` for the coefficient, by the coefficients
    around for its size. Returns 0.
    """
    for row in range(1, values.shape[0]):
        for column in range(1, values.shape[1] - 1):
            own = values[row, column]
            for place in range(SIZE):
                index = ORDER[place]
                step = table[index]
                whole = int(tails[row, column, index])
                tails[row, column, index] = whole - abs(int(own[index]))
                gather(values, tails, first, second, row, column, index, step, room.means, room.sizes)
                tails[row, column, index] = whole
                value = int(own[index])
                for i in range(MEANS):
                    room.means[i] = max(-WIDEST, min(WIDEST, int(room.means[i])))
                for i in range(SIZES):
                    room.sizes[i] = min(WIDEST, int(room.sizes[i]))
                target = max(-WIDEST, min(WIDEST, value))
                total = np.int64(0)
                for i in range(SIZES):
                    total += np.int64(room.sizes[i]) * np.int64(size_weights[index, i])
                # In 1/16. Less than about two steps makes little difference to the bits that are coded.
                expected = 32 * step + max(0, int(total >> (SIZE_BITS - 4)))
                share = max(1, (step * step << EMPHASIS) // (expected * expected))
                for i in range(MEANS):
                    if room.means[i] != 0:
                        weighted = share * np.int64(room.means[i])
                        for j in range(i + 1):
                            means[index, i, j] += weighted * np.int64(room.means[j])
                        means[index, MEANS, i] += weighted * target
                total = np.int64(0)
                for i in range(MEANS):
                    total += np.int64(room.means[i]) * np.int64(mean_weights[index, i])
                mu = (total + (step << (MEAN_BITS - 1))) // (step << MEAN_BITS)
                error = min(20 * step, abs(value - mu * step))
                around = int(room.sizes[1]) + int(room.sizes[2]) + int(room.sizes[7]) + int(room.sizes[8])
                share = 1024 // (step + (around >> 2))
                for i in range(SIZES):
                    if room.sizes[i] != 0:
                        weighted = share * np.int64(room.sizes[i])
                        for j in range(i + 1):
                            sizes[index, i, j] += weighted * np.int64(room.sizes[j])
                        sizes[index, SIZES, i] += weighted * error
    return 0
