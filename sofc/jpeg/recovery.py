"""Finding the coefficients that a JPEG decoder made samples from: for encoders alone.

Rounding the forward transform gives coefficients up to the noise that rounding samples left behind. Where steps of the
table are small that is not enough: then single, pairs and threes of coefficients are moved by a step until all samples
come out.

What is in floating point is added, multiplied and divided only, which gives the same on any machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel
from sofc.jpeg.dct import LARGEST, MIDDLE, ROW_SHIFT, SIDE, SIZE, Coefficients, Integers, Samples, invert
from sofc.transforms.jfif import BLUE_FROM_CB, GREEN_FROM_CB, GREEN_FROM_CR, RED_FROM_CR, fits

Words = npt.NDArray[np.int32]
Reals = npt.NDArray[np.float64]
Planes = npt.NDArray[np.int32]
"""Shape (planes, rows, width)."""

BASIS_BITS = 16
HALF = 1 << (BASIS_BITS - 1)
GUESS_BITS = 4
"""Guessed samples are in 1/2**GUESS_BITS."""
FINE_BITS = 10
"""Coefficients before they are rounded are in 1/2**FINE_BITS."""
FREE = 1 << 13
"""Bounds of samples that may take any value are this far apart, or more."""
PAIRS, TRIPLES, ROUNDS = 14, 10, 6
"""Coefficients that are moved two and three at a time, and how often moving is gone on with."""
REACH = 1331
"""A coefficient is moved no farther than this from what the transform gives, in 1/2**FINE_BITS."""
HOPELESS = 12
"""A block of which more samples are wrong is not worth moving coefficients."""
TURNS = 24
"""How often samples that are not known are taken from what coefficients make of them."""
RELAX = 8
COARSE, EXTENSIONS = 3, 16
"""Steps from which on coefficients tell something of samples that may be anything, and how often that is asked."""
LOOSE = FREE << (BASIS_BITS - 1)
MOST = 1 << 13
"""Coefficients lie within this before they are moved: none of a real JPEG decoder is larger."""
UNKNOWN = 0
FLAT = 3


def _waves() -> npt.NDArray[np.float64]:
    """[frequency, place]: the orthonormal cosine transform of eight samples."""
    frequency, place = np.mgrid[:SIDE, :SIDE]
    waves: npt.NDArray[np.float64] = np.cos((2 * place + 1) * frequency * np.pi / 16)
    waves *= np.where(frequency == 0, np.sqrt(0.125), 0.5)
    return waves


WAVES = np.rint(_waves() * (1 << 13)).astype(np.int64)
BASIS = np.rint(np.einsum("uy,vx->uvyx", _waves(), _waves()).reshape(SIZE, SIZE) * (1 << BASIS_BITS)).astype(np.int32)
"""[coefficient, sample]: what a coefficient adds to the samples of its block."""


class Bench(NamedTuple):
    """What solving a block needs to work in: blocks of samples, then lists of moves, (2 * SIZE,)."""

    work: Integers
    fine: Integers
    target: Integers
    error: Words
    first: Words
    second: Words
    low: Words
    high: Words
    moved: Integers
    penalty: Integers
    step: Integers


def bench() -> Bench:
    """Room to solve blocks in."""
    error, first, second, low, high = (np.zeros(SIZE, np.int32) for _ in range(5))
    work, fine, target = (np.zeros(SIZE, np.int64) for _ in range(3))
    moved, penalty, step = (np.zeros(2 * SIZE, np.int64) for _ in range(3))
    return Bench(work, fine, target, error, first, second, low, high, moved, penalty, step)


@kernel
def forward(work: Integers, fine: Integers) -> None:
    """The cosine transform of 64 samples less MIDDLE, in 1/2**GUESS_BITS, to coefficients in 1/2**FINE_BITS."""
    for row in range(SIDE):
        for frequency in range(SIDE):
            total = 0
            for x in range(SIDE):
                total += WAVES[frequency, x] * work[SIDE * row + x]
            fine[SIDE * row + frequency] = (total + 64) >> 7
    for column in range(SIDE):
        for frequency in range(SIDE):
            total = 0
            for y in range(SIDE):
                total += WAVES[frequency, y] * fine[SIDE * y + column]
            work[SIDE * frequency + column] = (total + (1 << 12)) >> 13
    for i in range(SIZE):
        fine[i] = work[i]


@kernel
def transform(guess: Samples, top: int, left: int, stride: int, found: Words, work: Integers, fine: Integers) -> int:
    """Transform every ``stride``-th whole block of a plane (samples in 1/2**GUESS_BITS) from row ``top`` on.

    Blocks with a negative sample, which stands for one that is not known, are passed over, and those that are nearly
    flat: rounding leaves patterns there. ``found`` (blocks, 64), in
    1/2**FINE_BITS. Returns the number of blocks.
    """
    rows, width = max(0, guess.shape[0] - top) // SIDE, max(0, guess.shape[1] - left) // SIDE
    count = 0
    block = 0
    while block < rows * width and count < found.shape[0]:
        y, x = top + block // width * SIDE, left + block % width * SIDE
        darkest, brightest = LARGEST << GUESS_BITS, 0
        for i in range(SIZE):
            sample = int(guess[y + (i >> 3), x + (i & 7)])
            darkest, brightest = min(darkest, sample), max(brightest, sample)
            work[i] = sample - (MIDDLE << GUESS_BITS)
        if darkest >= 0 and brightest - darkest > FLAT << GUESS_BITS:
            forward(work, fine)
            for i in range(SIZE):
                found[count, i] = fine[i]
            count += 1
        block += stride
    return count


@kernel
def _misfit(found: Words, count: int, coefficient: int, step: int) -> int:
    """How far a coefficient is from multiples of a step, mean square in 1/2**16; -1 where it is not one of them."""
    unit = step << FINE_BITS
    near = min(3 * unit // 10, 5 << (FINE_BITS - 2))
    # What is smaller is noise; samples without steps would lie in the gap below the first, too.
    least = min(7 * unit // 20, 9 << (FINE_BITS - 2)) if step > 2 else 5 << (FINE_BITS - 2)
    large = missed = squares = 0
    allowed = count
    for block in range(count):
        size = abs(int(found[block, coefficient]))
        if size > least:
            large += 1
            rest = size % unit
            rest = min(rest, unit - rest)
            squares += (rest * rest) >> 4
            if rest > near:
                missed += 1
                # Given up early where most are off.
                if missed > 8 and 4 * missed > large:
                    return -1
    allowed = large // 8 if step < 4 else large // 16
    if large == 0 or missed > allowed or (step < 4 and 64 // step * large < count):
        return -1
    return int(squares // large)


@kernel
def find_steps(found: Words, count: int, most: int, table: Integers) -> int:
    """The step that each coefficient of ``count`` blocks is a multiple of, but for noise; UNKNOWN where none shows.

    Returns how much the steps explain: about bits saved.
    """
    total = 0
    for i in range(SIZE):
        table[i] = UNKNOWN
        largest = 0
        for block in range(count):
            largest = max(largest, abs(int(found[block, i])))
        step = min(most, (largest >> FINE_BITS) + 1)
        while step > 1 and table[i] == UNKNOWN:
            least = _misfit(found, count, i, step)
            if least >= 0:
                table[i] = step
                # Of steps that are nearly the same, the one that is met best.
                for lower in range(step - 1, max(2 * step // 3, step - 3), -1):
                    misfit = _misfit(found, count, i, lower)
                    if 0 <= misfit < least:
                        least, table[i] = misfit, lower
            step -= 1
        if table[i] > 2:
            bits = 0
            while table[i] >> bits > 1:
                bits += 1
            for block in range(count):
                if 2 * abs(int(found[block, i])) > table[i] << FINE_BITS:
                    total += bits
    return total


@kernel
def _violation(error: Words, low: Words, high: Words) -> int:
    """By how much values that samples come to leave their bounds: squares, in 1/2**16."""
    total = np.int32(0)
    for i in range(SIZE):
        beyond = max(low[i] - error[i], error[i] - high[i]) >> 8
        beyond = max(np.int32(0), min(np.int32(2047), beyond))
        total += np.int32(beyond * beyond)
    return int(total)


@kernel
def _moved_violation(error: Words, coefficient: int, step: int, low: Words, high: Words, most: int) -> int:
    """The same after a coefficient is moved; no more is found out where it is not less than ``most``."""
    total = np.int32(0)
    wave = BASIS[coefficient]
    for part in range(0, SIZE, SIZE // 4):
        for i in range(part, part + SIZE // 4):
            value = error[i] + np.int32(step) * wave[i]
            beyond = max(low[i] - value, value - high[i]) >> 8
            beyond = max(np.int32(0), min(np.int32(2047), beyond))
            total += np.int32(beyond * beyond)
        if total >= most:
            break
    return int(total)


@kernel
def _move(source: Words, coefficient: int, step: int, target: Words) -> None:
    wave = BASIS[coefficient]
    for i in range(SIZE):
        target[i] = source[i] + np.int32(step) * wave[i]


@kernel
def _draw_block(block: Words, table: Integers, room: Bench) -> int:
    """What the decoder makes of a block before rounding goes to ``room.error``; returns how many samples are wrong."""
    work = room.work
    for i in range(SIZE):
        work[i] = block[i] * table[i]
    invert(work)
    wrong = 0
    for i in range(SIZE):
        # The bounds lie half a step beyond the samples; a decoder rounds half a step up.
        value = (work[i] - (1 << (ROW_SHIFT - 1))) >> (ROW_SHIFT - BASIS_BITS)
        room.error[i] = value
        if value < room.low[i] or value >= room.high[i]:
            wrong += 1
    return wrong


@kernel
def _list_moves(block: Words, table: Integers, room: Bench) -> int:
    """The moves of one coefficient by one step that leave it near what the transform gave, likeliest first."""
    moved, penalty, step = room.moved, room.penalty, room.step
    count = 0
    for i in range(SIZE):
        unit = table[i] << FINE_BITS
        rest = room.fine[i] - block[i] * unit
        for sign in range(-1, 2, 2):
            after = abs(rest - sign * unit)
            if after < REACH:
                cost = after * after - rest * rest
                place = count
                while place > 0 and penalty[place - 1] > cost:
                    moved[place], penalty[place], step[place] = moved[place - 1], penalty[place - 1], step[place - 1]
                    place -= 1
                moved[place], penalty[place], step[place] = i, cost, sign * table[i]
                count += 1
    return count


@kernel
def _solve_block(block: Words, table: Integers, most: int, room: Bench) -> int:
    """Move coefficients until the block's samples come out, if at most so many are wrong. Returns how many remain."""
    wrong = _draw_block(block, table, room)
    if wrong > most:
        return wrong
    moved, step = room.moved, room.step
    error, first, second, low, high = room.error, room.first, room.second, room.low, room.high
    rounds = 0
    while wrong > 0 and rounds < ROUNDS:
        rounds += 1
        count = min(PAIRS, _list_moves(block, table, room))
        best = _violation(error, low, high)
        a = b = c = -1
        for i in range(count):
            _move(error, moved[i], step[i], first)
            size = _violation(first, low, high)
            if size < best:
                best, a, b = size, i, -1
            for j in range(i + 1, count):
                size = _moved_violation(first, moved[j], step[j], low, high, best)
                if size < best:
                    best, a, b = size, i, j
        if a < 0:
            count = min(TRIPLES, count)
            for i in range(count):
                _move(error, moved[i], step[i], first)
                for j in range(i + 1, count):
                    _move(first, moved[j], step[j], second)
                    for k in range(j + 1, count):
                        size = _moved_violation(second, moved[k], step[k], low, high, best)
                        if size < best:
                            best, a, b, c = size, i, j, k
        if a < 0:
            break
        block[moved[a]] += 1 if step[a] > 0 else -1
        if b >= 0:
            block[moved[b]] += 1 if step[b] > 0 else -1
        if c >= 0:
            block[moved[c]] += 1 if step[c] > 0 else -1
        wrong = _draw_block(block, table, room)
    return wrong


@kernel
def _extend(table: Integers, room: Bench) -> None:
    """Let samples that may be anything (``room.target``) follow from the others: coarse steps are to be kept to."""
    samples, rest = room.target, room.first
    for _ in range(EXTENSIONS):
        for i in range(SIZE):
            room.work[i] = samples[i]
        forward(room.work, room.fine)
        for i in range(SIZE):
            unit = table[i] << FINE_BITS
            size = abs(room.fine[i])
            nearest = (4 * size + unit) // (4 * unit) * unit if table[i] >= COARSE else size
            rest[i] = size - nearest if room.fine[i] > 0 else nearest - size
        for p in range(SIZE):
            if room.low[p] < -LOOSE and room.high[p] > LOOSE:
                total = np.int64(0)
                for i in range(SIZE):
                    total += np.int64(rest[i]) * np.int64(BASIS[i, p])
                value = samples[p] - ((3 * total) >> (1 + BASIS_BITS + FINE_BITS - GUESS_BITS))
                value = max(-2048, min(2048, value))
                shift = BASIS_BITS - GUESS_BITS
                samples[p] = max((room.low[p] + HALF) >> shift, min((room.high[p] - HALF) >> shift, value))
    for i in range(SIZE):
        room.work[i] = samples[i]


@kernel
def solve(
    guess: Samples,
    lowest: Samples,
    highest: Samples,
    table: Integers,
    most: int,
    coefficients: Coefficients,
    room: Bench,
) -> int:
    """Fill ``coefficients`` (rows of blocks, blocks in a row, 64) so that samples come to lie within their bounds.

    ``guess``: in 1/2**GUESS_BITS; ``lowest`` and ``highest``: bounds of samples, as far apart as FREE where anything
    will do. All have whole blocks. ``most``: samples of a block that may be wrong before it is given up. Returns how
    many samples do not lie within their bounds.
    """
    missed = 0
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            block = coefficients[row, column]
            free = 0
            for i in range(SIZE):
                y, x = SIDE * row + (i >> 3), SIDE * column + (i & 7)
                below, above = int(lowest[y, x]), int(highest[y, x])
                room.work[i] = guess[y, x] - (MIDDLE << GUESS_BITS)
                room.target[i] = room.work[i]
                if above - below > 1:
                    free += 1
                # A decoder cuts what lies beyond the range.
                if below <= 0:
                    below = -FREE
                    free += 1
                if above >= LARGEST:
                    above = FREE
                    free += 1
                room.low[i] = ((below - MIDDLE) << BASIS_BITS) - HALF
                room.high[i] = ((above - MIDDLE) << BASIS_BITS) + HALF
            if free > 0:
                _extend(table, room)
            forward(room.work, room.fine)
            turns = TURNS if free > 0 else 1
            while turns > 0:
                turns -= 1
                changed = False
                for i in range(SIZE):
                    unit = table[i] << FINE_BITS
                    rounded = (2 * room.fine[i] + unit) // (2 * unit)
                    rounded = max(-MOST, min(MOST, rounded))
                    changed = changed or rounded != block[i]
                    block[i] = rounded
                if free > 0:
                    if not changed or _draw_block(block, table, room) == 0:
                        break
                    if turns > 0:
                        # What bounds do not tell, the coefficients as they are now do.
                        for i in range(SIZE):
                            value = int(room.error[i]) >> (BASIS_BITS - GUESS_BITS)
                            value += (value - room.target[i]) * RELAX // 8
                            value = max(
                                room.low[i] + HALF, min(room.high[i] - HALF, value << (BASIS_BITS - GUESS_BITS))
                            )
                            room.work[i] = (value + (1 << (BASIS_BITS - GUESS_BITS - 1))) >> (BASIS_BITS - GUESS_BITS)
                            room.target[i] = room.work[i]
                        forward(room.work, room.fine)
            missed += _solve_block(block, table, most, room)
    return missed


UNSURE = 1 / 64
"""How much samples that are not known count."""


@kernel
def shrink(lines: Reals, weights: Reals, first: int, guess: Reals, sure: Reals, room: Reals) -> int:
    """What lines were enlarged from to twice the length, by least squares: inverse of ``dct.enlarge`` along one side.

    ``lines`` (rows, length): each row by itself; ``weights``: how much each sample counts, 0 to 1. ``first``: whether
    the first sample is the second of a pair. ``guess`` (rows, samples that the lines cover) is filled, and ``sure``
    with how much is known of each, 0 to 1; ``room`` (3, as many). Returns 0.
    """
    rows, length = lines.shape
    count = guess.shape[1]
    diagonal, beside, right = room[0], room[1], room[2]
    for y in range(rows):
        for i in range(count):
            diagonal[i] = beside[i] = right[i] = sure[y, i] = 0
        for x in range(length):
            place = first + x
            i = place >> 1
            j = max(0, min(count - 1, i + (1 if place & 1 else -1)))
            weight = max(UNSURE, weights[y, x])
            sure[y, i] += weights[y, x] / 2
            value = 4 * weight * lines[y, x]
            if i == j:
                diagonal[i] += 16 * weight
                right[i] += 4 * value
            else:
                diagonal[i] += 9 * weight
                diagonal[j] += weight
                beside[min(i, j)] += 3 * weight
                right[i] += 3 * value
                right[j] += value
        for i in range(1, count):
            ratio = beside[i - 1] / diagonal[i - 1]
            diagonal[i] -= ratio * beside[i - 1]
            right[i] -= ratio * right[i - 1]
        for i in range(count - 1, -1, -1):
            if i < count - 1:
                right[i] -= beside[i] * guess[y, i + 1]
            guess[y, i] = right[i] / diagonal[i]
    return 0


CLIP_REACH = 48
"""Colours that clipped ones may come from are looked for so far around those that were found."""


@kernel
def bound_clipped(colours: Integers, found: Integers, lowest: Integers, highest: Integers) -> int:
    """For colours (n, 3) with a channel of 0 or 255: the least and the greatest Cb, Cr that convert to them with a Y.

    ``found`` (n, 3): that Y, and about where Cb and Cr are looked for. Bounds (n, 3), the first of them Y, that may lie
    farther than CLIP_REACH are -FREE and FREE, as all are where nothing converts to a colour. Returns 0.
    """
    for n in range(colours.shape[0]):
        red, green, blue = int(colours[n, 0]), int(colours[n, 1]), int(colours[n, 2])
        y, u0, v0 = int(found[n, 0]), int(found[n, 1]) - MIDDLE, int(found[n, 2]) - MIDDLE
        for k in range(3):
            lowest[n, k], highest[n, k] = FREE, -FREE
        first, last = v0 - CLIP_REACH, v0 + CLIP_REACH
        if 0 < red < LARGEST:
            middle = ((red - y) << 16) // RED_FROM_CR
            first, last = middle - 1, middle + 2
        for v in range(max(-MIDDLE, first), min(MIDDLE - 1, last) + 1):
            first_u, last_u = u0 - CLIP_REACH, u0 + CLIP_REACH
            if 0 < blue < LARGEST:
                middle = ((blue - y) << 16) // BLUE_FROM_CB
                first_u, last_u = middle - 1, middle + 2
            elif 0 < green < LARGEST:
                middle = (((y - green) << 16) - GREEN_FROM_CR * v) // GREEN_FROM_CB
                first_u, last_u = middle - 2, middle + 3
            for u in range(max(-MIDDLE, first_u), min(MIDDLE - 1, last_u) + 1):
                if fits(y, u, v, red, green, blue):
                    lowest[n, 0], highest[n, 0] = y, y
                    lowest[n, 1], highest[n, 1] = min(lowest[n, 1], u + MIDDLE), max(highest[n, 1], u + MIDDLE)
                    lowest[n, 2], highest[n, 2] = min(lowest[n, 2], v + MIDDLE), max(highest[n, 2], v + MIDDLE)
        if lowest[n, 0] > highest[n, 0]:
            for k in range(3):
                lowest[n, k], highest[n, k] = -FREE, FREE
        for k in range(1, 3):
            if lowest[n, k] <= found[n, k] - CLIP_REACH:
                lowest[n, k] = -FREE
            if highest[n, k] >= found[n, k] + CLIP_REACH:
                highest[n, k] = FREE
    return 0


SETTLE_REACH = 3


@kernel
def settle(red: Samples, green: Samples, blue: Samples, drawn: Samples, planes: Samples, reach: int) -> int:
    """Change ``planes`` (3, rows, width), which convert to a colour, to what is as good and nearer to ``drawn``.

    That is ``drawn`` itself where it converts to the colour, else what differs from it in the fewest planes and by the
    least, by at most ``reach``. Returns how many samples are those drawn.
    """
    rows, width = red.shape
    same = 0
    for y in range(rows):
        for x in range(width):
            r, g, b = int(red[y, x]), int(green[y, x]), int(blue[y, x])
            a, u, v = int(drawn[0, y, x]), int(drawn[1, y, x]), int(drawn[2, y, x])
            if fits(a, u - MIDDLE, v - MIDDLE, r, g, b):
                same += 1
                planes[0, y, x], planes[1, y, x], planes[2, y, x] = a, u, v
                continue
            best = _distance(int(planes[0, y, x]) - a, int(planes[1, y, x]) - u, int(planes[2, y, x]) - v)
            if 0 < r < LARGEST and 0 < g < LARGEST and 0 < b < LARGEST:
                continue
            for da in range(-reach, reach + 1):
                for du in range(-reach, reach + 1):
                    for dv in range(-reach, reach + 1):
                        cost = _distance(da, du, dv)
                        if cost < best and fits(a + da, u + du - MIDDLE, v + dv - MIDDLE, r, g, b):
                            best = cost
                            planes[0, y, x], planes[1, y, x], planes[2, y, x] = a + da, u + du, v + dv
    return same


@kernel
def _distance(first: int, second: int, third: int) -> int:
    """About the bits that differences of three planes take."""
    total = 0
    for difference in (first, second, third):
        if difference != 0:
            total += 8 + 4 * min(16, abs(difference))
    return total
