"""Binary planes: counters under templates of neighbours, a small network, a mixer, a final map, a range coder.

All coding is in integers. Probabilities are of a 1 bit. A counter is a 32-bit word: 22 bits of probability
above 10 bits that count what it has seen. A stretched probability is ln(p / (1 - p)) x 256.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import OK, TOO_LONG, WORD, Stream, code_bit
from sofc.entropy.mixing import SQUASH, STRETCH, STRETCH_LIMIT
from sofc.jit.decorators import kernel

REACH = 6
"""Rows above and columns to either side that templates reach."""
TERMS = 12
CONTEXT_COLUMNS = 6
"""A context: masks of the three words of the window, then the numbers of three terms, 0 for none."""
SMALL = 64
"""Only images of at most so many rows and columns have terms of position."""

COUNT_LIMIT = 127
TRUST_ROWS = 8
TRUST_COLUMNS = 40
"""Cells of a trust map: by how much a counter has seen and by its stretched probability in steps of 128."""
MIXER_SETS = (66, 256, 1024, 64)
MIXER_LIMIT = 1 << 22
FINAL_SETS = 32
MAP_ROWS = 256
MAP_COLUMNS = 33
QUIET_PLACES = 256
QUIET_BITS = 28
RATE_LIMIT = 16

UP = 12
SIDE = 12
"""Rows above and columns to either side that the network sees."""
ROW_INPUTS = 2 * SIDE + 1
PIXEL_INPUTS = UP * ROW_INPUTS + SIDE
INPUTS = PIXEL_INPUTS + 2 * SMALL
"""The network's inputs: neighbours (rows from the nearest, then the own row), then row and column of the sample."""
NETWORK_BITS = 12
ACTIVITY_LIMIT = 1 << 17
OPINION_LIMIT = 2303

HASH_A = 0x2C1B3C6D
HASH_B = 0x45EBCA77
HASH_STEP = 0x12345671
RATE = np.array([(2 * 65536 * 5) // (10 * i + 16) for i in range(COUNT_LIMIT + 1)], dtype=np.int64)
"""A counter that has seen i bits moves by RATE[i] / 65536 of its error: 1 / (i + 1.6)."""
TRUST = np.array([0, 1, 2, 3, *[4] * 3, *[5] * 9, *[6] * 48, *[7] * 960], dtype=np.int64)
"""Row of a trust map by how much a counter has seen."""

Pixels = npt.NDArray[Any]
"""Binary samples, 0 or 1, uint8, shape (rows, width)."""
Integers = npt.NDArray[Any]
"""An array of int64."""
Table = npt.NDArray[Any]
"""An array of int32."""
Floats = npt.NDArray[Any]
"""An array of float32."""


@kernel
def opinion(
    plane: Pixels,
    top: int,
    y: int,
    x: int,
    small: bool,
    first: Table,
    second: Table,
    third: Table,
    hidden: Integers,
) -> int:
    """The network's stretched probability for the sample at (y, x) of the image that starts at row ``top``.

    ``first`` (INPUTS + 1, n): weights of each input, last the constants; ``second`` (m, n + 1) and ``third`` (1,
    m + 1) likewise with constants in the last column; all in 1 / 2**NETWORK_BITS. ``hidden`` (n,): scratch.
    """
    width = plane.shape[1]
    units, deeper = second.shape[1] - 1, second.shape[0]
    for j in range(units):
        hidden[j] = first[INPUTS, j]
    low = max(0, x - SIDE)
    for up in range(min(UP, y - top) + 1):
        high = min(width, x + SIDE + 1) if up > 0 else x
        base = ((up - 1) * ROW_INPUTS if up > 0 else UP * ROW_INPUTS) + SIDE - x
        for column in range(low, high):
            if plane[y - up, column]:
                for j in range(units):
                    hidden[j] += first[base + column, j]
    if small:
        for j in range(units):
            hidden[j] += np.int64(first[PIXEL_INPUTS + y - top, j]) + first[PIXEL_INPUTS + SMALL + x, j]
    for j in range(units):
        hidden[j] = max(0, min(ACTIVITY_LIMIT, hidden[j]))
    out: Any = np.int64(third[0, deeper])
    for i in range(deeper):
        total: Any = np.int64(second[i, units]) << NETWORK_BITS
        for j in range(units):
            total += np.int64(second[i, j]) * hidden[j]
        activity = max(0, min(ACTIVITY_LIMIT, total >> NETWORK_BITS))
        out += (activity * np.int64(third[0, i])) >> NETWORK_BITS
    out = max(-OPINION_LIMIT, min(OPINION_LIMIT, out >> (NETWORK_BITS - 8)))
    return out  # type: ignore[no-any-return]


class Room(NamedTuple):
    """What coding a plane works in: what the contexts, the mixers and the network say, and runs of each column."""

    stretched: Integers
    slot: Integers
    cell: Integers
    term: Integers
    chosen: Integers
    voice: Integers
    hidden: Integers
    above: Integers
    change: Integers


def room_for(width: int, contexts: int, inputs: int, units: int) -> Room:
    """The room for a plane so wide and so many contexts, inputs of the mixers and units of the network."""
    sizes = inputs, contexts, contexts, TERMS, len(MIXER_SETS), len(MIXER_SETS), units, width, width
    return Room(*(np.zeros(size, np.int64) for size in sizes))


@kernel
def code_plane(
    encode: bool,
    plane: Pixels,
    image_rows: int,
    skip_quiet: bool,
    contexts: Integers,
    places: Integers,
    slot_bits: Integers,
    rate: int,
    use_network: bool,
    first: Table,
    second: Table,
    third: Table,
    counters: npt.NDArray[Any],
    trust: Table,
    mixers: Table,
    blend: Table,
    final: Table,
    quiet: Table,
    stream: Stream,
    room: Room,
) -> int:
    """Code one plane of one or more images of ``image_rows`` rows each; the state learns.

    ``plane``: when decoding it is filled. ``skip_quiet``: samples whose whole window is 0 are coded by ``quiet``
    alone. ``contexts`` (n, CONTEXT_COLUMNS); context i has 2**slot_bits[i] ``counters`` from ``places[i]`` on.
    ``rate``: of the mixers. State: ``trust`` (n, TRUST_ROWS x TRUST_COLUMNS), ``mixers`` (sum of MIXER_SETS,
    inputs; an input for each context, one for the network if used, one constant), ``blend`` (FINAL_SETS,
    len(MIXER_SETS)), ``final`` (MAP_ROWS, MAP_COLUMNS), ``quiet`` (1, QUIET_PLACES). ``room`` is fresh. Returns OK or
    TOO_LONG.
    """
    rows, width = plane.shape
    count = contexts.shape[0]
    inputs = mixers.shape[1]
    stretched, slot, cell, term = room.stretched, room.slot, room.cell, room.term
    chosen, voice, hidden, above, change = room.chosen, room.voice, room.hidden, room.above, room.change
    stretched[inputs - 1] = 256
    small = image_rows <= SMALL and width <= SMALL
    top = first_ink = left_ink = right_ink = 0
    for y in range(rows):
        if y % image_rows == 0:
            top = y
            first_ink, left_ink, right_ink = 1 << 20, 1 << 20, -(1 << 20)
            for x in range(width):
                above[x] = 0
                change[x] = 0
        row = y - top
        if row > 0:
            far = 0
            for x in range(width - 1, -1, -1):
                beyond: Any = np.int64(plane[y - 1, x + 1]) if x + 1 < width else 0
                far = 1 if plane[y - 1, x] != beyond else min(31, far + 1)
                change[x] = far
        r0 = r1 = r2 = r3 = r4 = r5 = r6 = np.int64(0)
        start = 0
        for x in range(-REACH, width):
            ahead = x + REACH
            r1, r2, r3 = 2 * r1 & 0x1FFF, 2 * r2 & 0x1FFF, 2 * r3 & 0x1FFF
            r4, r5, r6 = 2 * r4 & 0x1FFF, 2 * r5 & 0x1FFF, 2 * r6 & 0x1FFF
            if ahead < width and row > 0:
                r1 |= np.int64(plane[y - 1, ahead])
                if row > 1:
                    r2 |= np.int64(plane[y - 2, ahead])
                if row > 2:
                    r3 |= np.int64(plane[y - 3, ahead])
                if row > 3:
                    r4 |= np.int64(plane[y - 4, ahead])
                if row > 4:
                    r5 |= np.int64(plane[y - 5, ahead])
                if row > 5:
                    r6 |= np.int64(plane[y - 6, ahead])
            if x < 0:
                continue
            near = r0 | r1 << 6 | r2 << 19
            middle = r3 | r4 << 13
            distant = r5 | r6 << 13
            bit: Any = np.int64(plane[y, x]) if encode else 0
            if skip_quiet and (near | middle | distant) == 0:
                place = (min(x - start, 127) >> 3) << 4 | min(above[x], 127) >> 3
                chance: Any = np.int64(quiet[0, place])
                p = max(1, min(65535, chance >> (QUIET_BITS - 16)))
                bit = code_bit(encode, bit, p, stream)
                if bit < 0:
                    return TOO_LONG
                quiet[0, place] = chance + ((((1 << QUIET_BITS) - 1 if bit else 0) - chance) >> 9)
            else:
                w = r0 & 1
                run = min(x - start, 31)
                if small:
                    term[1], term[2], term[3] = row << 6 | x, row, x
                term[4] = run << 1 | w
                term[5] = min(above[x], 31)
                term[6] = change[x]
                term[7] = min(row - first_ink, 31) if row >= first_ink else 32
                term[8] = max(-31, min(31, x - left_ink)) + 31
                term[9] = max(-31, min(31, right_ink - x)) + 31
                term[10] = min(above[min(x + 1, width - 1)], 31)
                term[11] = change[min(x + change[x], width - 1)]
                known = 0
                for i in range(count):
                    h = ((near & contexts[i, 0]) * HASH_A + i * HASH_STEP) & WORD
                    h ^= h >> 15
                    h = ((h ^ (middle & contexts[i, 1])) * HASH_B) & WORD
                    h ^= h >> 14
                    h = ((h ^ (distant & contexts[i, 2])) * HASH_A) & WORD
                    h ^= h >> 15
                    for j in range(3, CONTEXT_COLUMNS):
                        t = contexts[i, j]
                        if t > 0:
                            h = ((h ^ (term[t] + 77 * j)) * HASH_B) & WORD
                            h ^= h >> 15
                    slot[i] = places[i] + (((h * HASH_A) & WORD) >> (32 - slot_bits[i]))
                    counter: Any = np.int64(counters[slot[i]])
                    trusted = TRUST[counter & 1023]
                    if trusted >= 3:
                        known += 1
                    cell[i] = trusted * TRUST_COLUMNS + ((np.int64(STRETCH[counter >> 20]) + 2560) >> 7)
                    stretched[i] = STRETCH[trust[i, cell[i]] >> 4]
                around = near & 3 | ((near >> 11) & 7) << 2 | ((near >> 24) & 7) << 5
                chosen[0] = known << 1 | w
                chosen[1] = 66 + around
                chosen[2] = 322 + ((row >> 1) << 5 | x >> 1 if small else run << 5 | term[5])
                chosen[3] = 1346 + change[x]
                if use_network:
                    stretched[count] = opinion(plane, top, y, x, small, first, second, third, hidden)
                    chosen[3] = 1346 + ((stretched[count] + 2560) >> 7)
                total = 0
                for k in range(4):
                    dot: Any = 0
                    for i in range(inputs):
                        dot += mixers[chosen[k], i] * stretched[i]
                    voice[k] = max(-STRETCH_LIMIT, min(STRETCH_LIMIT, dot >> 16))
                    total += voice[k] * blend[around & 31, k]
                mean = max(-STRETCH_LIMIT, min(STRETCH_LIMIT, total >> 16))
                mixed: Any = np.int64(SQUASH[mean + STRETCH_LIMIT])
                at = (max(-2047, min(2047, mean)) + 2048) << 5
                column, between = at >> 12, at & 4095
                left, right = np.int64(final[around, column]), np.int64(final[around, column + 1])
                p = max(1, min(65535, (mixed + ((left * (4096 - between) + right * between) >> 12)) >> 1))
                bit = code_bit(encode, bit, p, stream)
                if bit < 0:
                    return TOO_LONG

                target = 65535 if bit else 0
                final[around, column] = left + (((target - left) * (4096 - between)) >> 18)
                final[around, column + 1] = right + (((target - right) * between) >> 18)
                error = (bit << 16) - mixed
                for k in range(4):
                    weight = blend[around & 31, k] + ((voice[k] * error + 0x40000) >> 19)
                    blend[around & 31, k] = max(-MIXER_LIMIT, min(MIXER_LIMIT, weight))
                for k in range(4):
                    error = ((bit << 16) - SQUASH[voice[k] + STRETCH_LIMIT]) * rate
                    for i in range(inputs):
                        weight = mixers[chosen[k], i] + ((stretched[i] * error + 0x20000) >> 18)
                        mixers[chosen[k], i] = max(-MIXER_LIMIT, min(MIXER_LIMIT, weight))
                for i in range(count):
                    believed = np.int64(trust[i, cell[i]])
                    trust[i, cell[i]] = believed + ((target - believed) >> 7)
                    counter = np.int64(counters[slot[i]])
                    seen, chance = counter & 1023, counter >> 10
                    if bit:
                        chance += ((0x3FFFFF - chance) * RATE[seen]) >> 16
                    else:
                        chance -= (chance * RATE[seen]) >> 16
                    if seen < COUNT_LIMIT:
                        seen += 1
                    counters[slot[i]] = chance << 10 | seen
            if not encode:
                plane[y, x] = bit
            if bit != r0 & 1:
                start = x
            if row > 0 and bit == plane[y - 1, x]:
                above[x] += 1
            else:
                above[x] = 1
            if bit:
                first_ink, left_ink, right_ink = min(first_ink, row), min(left_ink, x), max(right_ink, x)
            r0 = 2 * r0 & 63 | bit
    return OK


class FitRoom(NamedTuple):
    """What a pass over a plane works in: both layers, what is passed back, and the inputs that are 1."""

    one: Floats
    two: Floats
    back: Floats
    active: Integers


def fit_room(units: int, deeper: int) -> FitRoom:
    """The room for a network of so many units in its two layers."""
    one, two, back = (np.zeros(size, np.float32) for size in (units, deeper, units))
    return FitRoom(one, two, back, np.zeros(INPUTS, np.int64))


@kernel
def fit_network(
    plane: Pixels,
    image_rows: int,
    kept: int,
    step: float,
    first: Floats,
    second: Floats,
    third: Floats,
    lottery: Integers,
    room: FitRoom,
) -> float:
    """One pass of stochastic gradient descent over a plane; weights are floats, laid out as in ``opinion``.

    Samples without ink nearby are drawn with chance ``kept`` / 256 and weigh more for it, at most four times.
    ``lottery`` (1,): the state of the drawing. Returns the bits that the samples would have taken, in all.
    """
    rows, width = plane.shape
    small = image_rows <= SMALL and width <= SMALL
    units, deeper = second.shape[1] - 1, second.shape[0]
    one, two, back, active = room.one, room.two, room.back, room.active
    bits = 0.0
    top = 0
    for y in range(rows):
        if y % image_rows == 0:
            top = y
        for x in range(width):
            count = 0
            near = False
            low = max(0, x - SIDE)
            for up in range(min(UP, y - top) + 1):
                high = min(width, x + SIDE + 1) if up > 0 else x
                base = ((up - 1) * ROW_INPUTS if up > 0 else UP * ROW_INPUTS) + SIDE - x
                for column in range(low, high):
                    if plane[y - up, column]:
                        active[count] = base + column
                        count += 1
                        if up <= 2 and abs(column - x) <= 3:
                            near = True
            share = 1.0
            if not near:
                lottery[0] = (lottery[0] * 1103515245 + 12345) & 0x7FFFFFFF
                if (lottery[0] >> 16) & 255 >= kept:
                    continue
                share = 256.0 / kept
            if small:
                active[count] = PIXEL_INPUTS + y - top
                active[count + 1] = PIXEL_INPUTS + SMALL + x
                count += 2
            for j in range(units):
                one[j] = first[INPUTS, j]
                back[j] = 0
            for k in range(count):
                source = active[k]
                for j in range(units):
                    one[j] += first[source, j]
            for j in range(units):
                one[j] = max(one[j], 0)
            out = third[0, deeper]
            for i in range(deeper):
                total = second[i, units]
                for j in range(units):
                    total += second[i, j] * one[j]
                two[i] = max(total, 0)
                out += two[i] * third[0, i]
            out = max(-20.0, min(20.0, out))
            p = 1 / (1 + np.exp(-out))
            bit = plane[y, x]
            bits -= share * np.log2(p if bit else 1 - p)
            if (bit and p > 0.999) or (not bit and p < 0.001):
                continue
            pull = np.float32((bit - p) * step * min(share, 4.0))
            third[0, deeper] += pull
            for i in range(deeper):
                if two[i] > 0:
                    deep = pull * third[0, i]
                    third[0, i] += pull * two[i]
                    second[i, units] += deep
                    for j in range(units):
                        back[j] += deep * second[i, j]
                        second[i, j] += deep * one[j]
            for j in range(units):
                if one[j] <= 0:
                    back[j] = 0
                first[INPUTS, j] += back[j]
            for k in range(count):
                source = active[k]
                for j in range(units):
                    first[source, j] += back[j]
    return bits
