"""Context mixing: one plane of residuals through adaptive counters, a mixer, a final map and a binary range coder.

All arithmetic is in integers. Probabilities are of a 1 bit, in 1/65536. A counter is a 32-bit word: 22 bits
of probability above 10 bits that count what it has seen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.context.kernel_match import (
    COUNTS,
    DISTANCES,
    FIRST_ENERGY,
    NOTHING,
    Memory,
    empty_memory,
    key_of,
    recall,
    remember,
    slot_of,
)
from sofc.entropy.binary import (
    BROKEN,
    INTEGER,
    LONGEST,
    OK,
    TOO_LONG,
    WORD,
    Bytes,
    Probabilities,
    code_direct,
    code_integer,
)
from sofc.entropy.mixing import BLOCK, GOLDEN, LEVELS, MIX_A, MIX_B, MIXER_SETS, decide
from sofc.jit.decorators import kernel
from sofc.prediction.bank import (
    FRACTION_BITS,
    GRID,
    PAD,
    Integers,
    Marks,
    Padded,
    classify,
    close_row,
    energy,
    gather,
    mark,
    open_first_row_sample,
    open_row,
    predict,
    taps_room,
)
from sofc.prediction.online import Stripes, correct, note, stripes_of

STEPS = 24
"""Steps of the magnitude in unary; what is beyond is coded in Elias-gamma."""
TERMS = 64
NO_TERM = TERMS - 1
"""A term that is always 0."""
CLAMP = 20
DIRECT_PLACES = LEVELS * 8 * 2 * 8
"""Adaptive probabilities of the low bits: by energy, step, sign and the bits above."""
GAMMA_PLACES = LONGEST + 1
"""Adaptive probabilities of the Elias-gamma lengths."""
RECALL_PLACES = LEVELS * DISTANCES * COUNTS
"""Adaptive probabilities of recalled samples to be right."""
FIRST_RECALL = DIRECT_PLACES + GAMMA_PLACES


class Room(NamedTuple):
    """What coding a plane needs to work in and keeps of it: terms, what each of n contexts and weight sets says, errors
    of the row above, the correction's state and the recalled samples."""

    values: Padded
    term: Padded
    hashes: Integers
    base: Integers
    words: Integers
    stretched: Padded
    products: Padded
    chosen: Integers
    opinion: Integers
    north_errors: Integers
    stripes: Stripes
    memory: Memory


def room_for(rows: int, width: int, contexts: int, lanes: int, *, adapts: bool, recalls: bool) -> Room:
    """The room for a plane (rows, width) coded in so many contexts by mixers of so many lanes."""
    return Room(
        values=taps_room(),
        term=np.zeros(TERMS, np.int32),
        hashes=np.zeros(contexts, np.int64),
        base=np.zeros(contexts, np.int64),
        words=np.zeros(contexts, np.int64),
        stretched=np.zeros(lanes, np.int32),
        products=np.zeros(lanes, np.int32),
        chosen=np.zeros(3, np.int64),
        opinion=np.zeros(3, np.int64),
        north_errors=np.zeros(width, np.int64),
        stripes=stripes_of(width if adapts else 0),
        memory=empty_memory(rows * width if recalls else 0),
    )


@kernel
def _fill_terms(term: Padded, values: Padded, references: int, mu: int, shift: int) -> None:
    """The quantities that contexts are made of and that are read off the samples around; numbered as specified."""
    w, n, nw, ne, ww, nn, nww, nne = (
        int(values[0]), int(values[1]), int(values[2]), int(values[3]),
        int(values[4]), int(values[5]), int(values[6]), int(values[9]),
    )  # fmt: skip
    low, high = min(w, n), max(w, n)
    median = low if nw >= high else (high if nw <= low else w + n - nw)
    term[0], term[1], term[2], term[3], term[4], term[5], term[6] = w, n, nw, ne, ww, nn, median
    term[7], term[8] = median, w
    term[9], term[10], term[11], term[12] = w + n - nw, w + ne - n, 2 * n - nn, 2 * w - ww
    term[13], term[14], term[15], term[16] = n + ne - nne, nww, (w + ne) >> 1, n + ((w - nw + ne - n) >> 1)
    term[17] = (w + n) >> 1
    term[32], term[33], term[34] = mu, w, n
    nears, shifted = 18, 35
    if references > 0:
        nears, shifted = 26, 47
        p, pw, pn, pe, ps, pnw, pne = (
            int(values[20]), int(values[21]), int(values[22]), int(values[23]),
            int(values[24]), int(values[25]), int(values[26]),
        )  # fmt: skip
        q = qw = qn = 0
        if references > 1:
            q, qw, qn = int(values[29]), int(values[30]), int(values[31])
        term[7], term[8] = w + p - pw, n + p - pn
        term[17] = p + ((w - pw + n - pn) >> 1)
        term[18], term[19], term[20], term[21] = w + q - qw, n + q - qn, p, q
        term[22], term[23], term[24] = ne + p - pne, nw + p - pnw, w + n - nw + p - (pw + pn - pnw)
        term[25] = q + ((w - qw + n - qn) >> 1)
        term[35], term[36], term[37], term[38], term[39], term[40] = p, q, p - pw, p - pn, q - qw, q - qn
        term[41], term[42], term[43], term[44] = p - pe, p - ps, pw, pn
        term[45], term[46] = 2 * p - pw - pe, 2 * p - pn - ps
    for i in range(nears):
        term[i] = max(-CLAMP, min(CLAMP, (term[i] - mu) >> shift)) & 0xFFFF
    for i in range(32, shifted):
        term[i] = (term[i] >> shift) & 0xFFFF
    term[55] = max(-8, min(8, (2 * (median - mu)) >> shift)) & 0xFFFF
    same = (1 if w == n else 0) + (2 if n == ne else 0) + (4 if w == nw else 0)
    term[60] = same + (8 if n == nw else 0) + (16 if w == ww else 0) + (32 if n == nn else 0)


@kernel
def _scaled(error: int, shift: int) -> int:
    """A signed error in eighths, in units of half the plane's scale, clamped."""
    return max(-CLAMP, min(CLAMP, error >> (shift + 2))) & 0xFFFF


@kernel
def _hash(term: Padded, a: int, b: int, c: int, d: int) -> int:
    """32 bits that stand for four terms."""
    first = int(term[a]) | int(term[b]) << 16
    second = int(term[c]) | int(term[d]) << 16
    h = (first * MIX_A + second * MIX_B) & WORD
    h = ((h ^ h >> 15) * GOLDEN) & WORD
    return h ^ h >> 13


@kernel
def code_plane(
    encode: bool,
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
    recalls: int,
    maximum: int,
    shift: int,
    level_of: Integers,
    low_bits: Integers,
    contexts: Integers,
    blocks: Integers,
    sets: int,
    counters: npt.NDArray[np.uint32],
    mixers: npt.NDArray[np.int32],
    final: npt.NDArray[np.int32],
    direct: Probabilities,
    coder: Integers,
    buffer: Bytes,
    room: Room,
) -> int:
    """Code one plane, or one image of a group; the state arrays and ``coder`` go on from call to call.

    ``plane``: padded; when decoding it is filled, as are the ``marks`` either way. ``recalls``: whether samples may be
    recalled, ``room`` is fresh. ``level_of`` (256,): level of each energy. ``low_bits`` (16,): bits of the magnitude
    below the unary part, by level. ``contexts`` (n, 4): numbers of the terms of each context, NO_TERM past the last.
    ``blocks`` (n + 1,): where the blocks of each context start; the number of each is a power of two. ``sets`` (1-3):
    weight sets averaged. ``counters`` (BLOCK * all blocks,), ``mixers`` (sum of MIXER_SETS, n + 1 filled up to
    MIXER_LANES), ``final`` (MAP_ROWS, MAP_COLUMNS), ``direct`` (DIRECT_PLACES + GAMMA_PLACES + RECALL_PLACES): adaptive
    state. ``coder``: low end, high end, code word, position in ``buffer``; decoding reads zeros past the buffer's end.
    Returns OK, TOO_LONG or BROKEN.
    """
    rows, width = plane.shape[0] - PAD - 1, plane.shape[1] - 2 * PAD
    count = contexts.shape[0]
    values, term, north_errors = room.values, room.term, room.north_errors
    hashes, base, chosen = room.hashes, room.base, room.chosen
    stripes, memory = room.stripes, room.memory
    room.stretched[count] = 256
    for y in range(PAD, PAD + rows):
        open_row(plane, y)
        open_row(marks, y)
        west_error = 0
        for x in range(PAD, PAD + width):
            if y == PAD:
                open_first_row_sample(plane, x)
                open_first_row_sample(marks, x)
            taps = gather(values, plane, first, second, references, y, x)
            row, column = grid_row + y - PAD, grid_column + x - PAD
            predictor = classify(values, references, class_map, row, column, thresholds)
            foretold = predict(values, taps, weights[predictor], maximum)
            fine = foretold
            if adapts:
                mu = (foretold + 4) >> FRACTION_BITS
                fine += correct(stripes, x - PAD, values, references, mu)
                fine = max(0, min(maximum << FRACTION_BITS, fine))
            mu = (fine + 4) >> FRACTION_BITS
            quarter = ((fine + 4) & 7) >> 1
            expected = energy(marks, first_marks, second_marks, references, y, x, offsets[predictor], mark_weights)
            level = level_of[expected]
            place = (row & 7) * 8 + (column & 7) if class_map == GRID else predictor & 63
            term[48], term[49], term[50], term[51], term[52] = level, level >> 1, quarter, predictor, place
            term[53], term[54] = expected >> 2, expected >> 1
            term[56], term[57] = min(y - PAD, 63), min(x - PAD, 63)
            term[58] = _scaled(west_error, shift)
            term[59] = _scaled(north_errors[x - PAD], shift)
            term[61] = _scaled(foretold - fine, shift)
            _fill_terms(term, values, references, mu, shift)
            known = False
            key = 0
            if recalls:
                key = key_of(int(values[0]), int(values[1]), int(values[20]) if references > 0 else 0)
                recalled = recall(memory, key)
                if recalled != NOTHING and expected >= FIRST_ENERGY:
                    slot = FIRST_RECALL + slot_of(memory, key, level, abs(recalled - mu))
                    right = code_direct(encode, 1 if plane[y, x] == recalled else 0, slot, direct, coder, buffer)
                    if right < 0:
                        return TOO_LONG
                    if right:
                        known = True
                        plane[y, x] = recalled
            column_set = term[7] if term[7] <= CLAMP else term[7] - 0x10000
            for i in range(count):
                h = _hash(term, contexts[i, 0], contexts[i, 1], contexts[i, 2], contexts[i, 3])
                hashes[i] = h
                base[i] = (blocks[i] + (h & (blocks[i + 1] - blocks[i] - 1))) * BLOCK

            low_count = low_bits[level]
            residual = int(plane[y, x]) - mu if encode else 0
            magnitude = abs(residual) - 1
            node = 0
            sign = 0
            step = 0
            most = 0
            moved = False
            while maximum > 0 and not known:
                chosen[0] = node * LEVELS + level
                chosen[1] = MIXER_SETS[0] + node * 64 + place
                chosen[2] = MIXER_SETS[0] + MIXER_SETS[1] + node * 64 + column_set + CLAMP
                bit = 0
                if encode:
                    if node == 0:
                        bit = 1 if residual != 0 else 0
                    elif node == 1:
                        bit = 1 if residual > 0 else 0
                    else:
                        bit = 1 if (magnitude >> low_count) > step else 0
                bit = decide(encode, bit, node, level, quarter, sets, counters, mixers, final, coder, buffer, room)
                if bit < 0:
                    return TOO_LONG
                if node == 0:
                    if bit == 0:
                        break
                    moved = True
                    if 0 < mu < maximum:
                        node = 1
                        continue
                    sign = 1 if mu == 0 else 0
                elif node == 1:
                    sign = bit
                elif bit:
                    step += 1
                else:
                    break
                if node < 2:
                    most = ((maximum - mu if sign else mu) - 1) >> low_count
                if step >= min(most, STEPS):
                    break
                before = node
                node = 2 + sign + 2 * min(step, 6)
                if before < BLOCK <= node:
                    for i in range(count):
                        h = hashes[i] >> 15
                        base[i] = (blocks[i] + (h & (blocks[i + 1] - blocks[i] - 1))) * BLOCK

            if moved:
                if step == STEPS and step < most:
                    status = code_integer(
                        encode, (magnitude >> low_count) - STEPS, DIRECT_PLACES, direct, coder, buffer
                    )
                    if status != OK:
                        return status
                    step = min(STEPS + coder[INTEGER], most + 1)
                low = 1
                for i in range(low_count - 1, -1, -1):
                    slot = ((level * 8 + min(step, 7)) * 2 + sign) * 8 + low if low < 8 else -1
                    bit = code_direct(encode, (magnitude >> i) & 1, slot, direct, coder, buffer)
                    if bit < 0:
                        return TOO_LONG
                    low = 2 * low + bit
                if not encode:
                    size = ((step << low_count) | (low - (1 << low_count))) + 1
                    residual = size if sign else -size
            if not encode and not known:
                if mu + residual < 0 or mu + residual > maximum:
                    return BROKEN
                plane[y, x] = mu + residual
            if recalls:
                remember(memory, key, int(plane[y, x]))
            west_error = (int(plane[y, x]) << FRACTION_BITS) - fine
            north_errors[x - PAD] = west_error
            marks[y, x] = mark(abs(west_error))
            if adapts:
                target = (int(plane[y, x]) << FRACTION_BITS) - foretold
                note(stripes, x - PAD, x == PAD + width - 1, expected + int(marks[y, x]) - 16 * shift, target)
        close_row(plane, y, width)
        close_row(marks, y, width)
    return OK
