"""Context mixing: one plane of residuals through adaptive counters, a mixer, a final map and a binary range coder.

All arithmetic is in integers. Probabilities are of a 1 bit, in 1/65536. A counter is a 32-bit word: 22 bits
of probability above 10 bits that count what it has seen.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.kernels._jit import kernel
from sofc.kernels.bank import (
    FRACTION_BITS,
    GRID,
    MAX_TAPS,
    PAD,
    Integers,
    Padded,
    classify,
    close_row,
    energy,
    gather,
    open_first_row_sample,
    open_row,
    predict,
)
from sofc.kernels.binary import (
    BROKEN,
    LONGEST,
    OK,
    TOO_LONG,
    WORD,
    Bytes,
    Probabilities,
    code_bit,
    code_direct,
    code_integer,
)

NODES = 16
"""Binary decisions that have counters of their own: zero?, sign, then seven steps of the magnitude, by sign."""
STEPS = 24
"""Steps of the magnitude in unary; what is beyond is coded in Elias-gamma."""
ENERGIES = 16
TERMS = 48
CLAMP = 20
COUNT_LIMIT = 255
STRETCH_LIMIT = 2815
MIXER_SETS = (NODES * ENERGIES, NODES * 64, NODES * 64)
MAP_ROWS = NODES * ENERGIES * 4
MAP_COLUMNS = 33
DIRECT_PLACES = ENERGIES * 8 * 2 * 8
"""Adaptive probabilities of the low bits: by energy, step, sign and the bits above."""
GAMMA_PLACES = LONGEST + 1
"""Adaptive probabilities of the Elias-gamma lengths."""

GOLDEN = 0x9E3779B1
MIX_A = 0x2C1B3C6D
MIX_B = 0x85EBCA77


def _stretch_table() -> npt.NDArray[np.int32]:
    """ln(p / (1 - p)) x 256 for p = (i + 1/2) / 4096. The table itself is normative, not the formula."""
    p = (np.arange(4096) + 0.5) / 4096
    return np.clip(np.round(np.log(p / (1 - p)) * 256), -STRETCH_LIMIT, STRETCH_LIMIT).astype(np.int32)


def _squash_table() -> npt.NDArray[np.int32]:
    """65536 / (1 + exp(-x / 256)) for x = -STRETCH_LIMIT .. STRETCH_LIMIT, within 4 .. 65532."""
    x = np.arange(-STRETCH_LIMIT, STRETCH_LIMIT + 1) / 256
    return np.clip(np.round(65536 / (1 + np.exp(-x))), 4, 65532).astype(np.int32)


STRETCH = _stretch_table()
SQUASH = _squash_table()
RATE = np.array([(2 * 65536 * 5) // (10 * i + 16) for i in range(COUNT_LIMIT + 1)], dtype=np.int64)
"""A counter that has seen i bits moves by RATE[i] / 65536 of its error: 1 / (i + 1.6)."""


@kernel
def _near(difference: int, shift: int) -> int:
    """A difference in units of the plane's scale, clamped."""
    return max(-CLAMP, min(CLAMP, difference >> shift))


@kernel
def _fill_terms(
    term: Integers,
    values: Integers,
    references: int,
    mu: int,
    quarter: int,
    level: int,
    shift: int,
    predictor: int,
    place: int,
    y: int,
    x: int,
) -> None:
    """The quantities that contexts are made of, for one sample; numbered as in the specification."""
    w, n, nw, ne, ww, nn, nww, nne = (
        values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[9],
    )  # fmt: skip
    low, high = min(w, n), max(w, n)
    med = low if nw >= high else (high if nw <= low else w + n - nw)
    a, b = med, w
    p = pw = pn = pe = ps = pnw = pne = q = qw = qn = 0
    if references > 0:
        p, pw, pn, pe, ps, pnw, pne = (
            values[20], values[21], values[22], values[23], values[24], values[25], values[26],
        )  # fmt: skip
        a, b = w + p - pw, n + p - pn
    if references > 1:
        q, qw, qn = values[29], values[30], values[31]
    term[0] = level
    term[1] = level >> 1
    term[2] = quarter
    term[3] = mu >> shift
    term[4] = predictor
    term[5] = place
    term[6] = _near(w - mu, shift)
    term[7] = _near(n - mu, shift)
    term[8] = _near(nw - mu, shift)
    term[9] = _near(ne - mu, shift)
    term[10] = _near(ww - mu, shift)
    term[11] = _near(nn - mu, shift)
    term[12] = _near(med - mu, shift)
    term[13] = _near(a - mu, shift)
    term[14] = _near(b - mu, shift)
    term[15] = _near(w + n - nw - mu, shift)
    term[16] = _near(w + ne - n - mu, shift)
    term[17] = _near(2 * n - nn - mu, shift)
    term[18] = _near(2 * w - ww - mu, shift)
    term[19] = _near(n + ne - nne - mu, shift)
    term[20] = max(-8, min(8, (2 * (med - mu)) >> shift))
    term[21] = w >> shift
    term[22] = n >> shift
    term[23] = min(y, 63)
    term[24] = min(x, 63)
    term[25] = _near(nww - mu, shift)
    term[26] = p >> shift
    term[27] = q >> shift
    term[28] = (p - pw) >> shift
    term[29] = (p - pn) >> shift
    term[30] = (q - qw) >> shift
    term[31] = (q - qn) >> shift
    term[32] = _near(w + q - qw - mu, shift)
    term[33] = _near(n + q - qn - mu, shift)
    term[34] = _near(p - mu, shift)
    term[35] = _near(q - mu, shift)
    term[36] = _near(ne + p - pne - mu, shift)
    term[37] = _near(nw + p - pnw - mu, shift)
    term[38] = (p - pe) >> shift
    term[39] = (p - ps) >> shift
    term[40] = _near(w + n - nw + p - (pw + pn - pnw) - mu, shift)
    term[41] = pw >> shift
    term[42] = pn >> shift


@kernel
def code_plane(
    encode: bool,
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
    levels: Integers,
    low_bits: Integers,
    contexts: Integers,
    sets: int,
    counters: npt.NDArray[np.uint32],
    mixers: npt.NDArray[np.int32],
    final: npt.NDArray[np.int32],
    direct: Probabilities,
    errors: Padded,
    coder: Integers,
    buffer: Bytes,
) -> int:
    """Code one plane, or one image of a group; the state arrays and ``coder`` go on from call to call.

    ``plane``: padded; when decoding it is filled. ``levels``: 15 rising energies that split the 16 levels.
    ``low_bits`` (16,): bits of the magnitude below the unary part, by level. ``contexts`` (n, 4): numbers of
    the terms of each context, -1 past the last. ``sets`` (1-3): weight sets averaged. ``counters`` (n, a power
    of two of slots), ``mixers`` (sum of MIXER_SETS, n + 1), ``final`` (MAP_ROWS, MAP_COLUMNS), ``direct``
    (DIRECT_PLACES + GAMMA_PLACES): adaptive state. ``errors``: zeroed scratch of the plane's shape. ``coder``:
    low end, high end, code word, position in ``buffer``; decoding reads zeros past the buffer's end.
    Returns OK, TOO_LONG or BROKEN.
    """
    rows, width = plane.shape[0] - PAD - 1, plane.shape[1] - 2 * PAD
    count = contexts.shape[0]
    blocks = counters.shape[1] // NODES
    values = np.zeros(MAX_TAPS + 2, np.int64)
    term = np.zeros(TERMS, np.int64)
    base = np.zeros(count, np.int64)
    stretched = np.zeros(count + 1, np.int64)
    stretched[count] = 256
    chosen = np.zeros(3, np.int64)
    opinion = np.zeros(3, np.int64)
    beyond = np.zeros(1, np.int64)
    for y in range(PAD, PAD + rows):
        open_row(plane, y)
        for x in range(PAD, PAD + width):
            if y == PAD:
                open_first_row_sample(plane, x)
            taps = gather(values, plane, first, second, references, y, x)
            row, column = grid_row + y - PAD, grid_column + x - PAD
            predictor = classify(values, references, class_map, row, column, thresholds)
            fine = predict(values, taps, weights[predictor], maximum)
            mu = (fine + 4) >> FRACTION_BITS
            quarter = ((fine + 4) & 7) >> 1
            around = energy(errors, y, x)
            level = 0
            for i in range(ENERGIES - 1):
                if around > levels[i]:
                    level += 1
            place = (row & 7) * 8 + (column & 7) if class_map == GRID else predictor & 63
            _fill_terms(term, values, references, mu, quarter, level, shift, predictor, place, y - PAD, x - PAD)
            for i in range(count):
                h = ((i + 1) * GOLDEN) & WORD
                for j in range(4):
                    t = contexts[i, j]
                    if t < 0:
                        break
                    h = ((h ^ (int(term[t]) & 0xFFFF)) * MIX_A) & WORD
                    h ^= h >> 15
                h = (h * MIX_B) & WORD
                h ^= h >> 13
                base[i] = (h & (blocks - 1)) * NODES

            low_count = low_bits[level]
            residual = int(plane[y, x]) - mu if encode else 0
            magnitude = abs(residual) - 1
            node = 0
            sign = 0
            step = 0
            most = 0
            moved = False
            while maximum > 0:
                chosen[0] = node * ENERGIES + level
                chosen[1] = MIXER_SETS[0] + node * 64 + place
                chosen[2] = MIXER_SETS[0] + MIXER_SETS[1] + node * 64 + term[13] + CLAMP
                for i in range(count):
                    stretched[i] = STRETCH[counters[i, base[i] + node] >> 20]
                total = 0
                for k in range(sets):
                    dot = 0
                    for i in range(count + 1):
                        dot += mixers[chosen[k], i] * stretched[i]
                    dot = max(-STRETCH_LIMIT, min(STRETCH_LIMIT, dot >> 16))
                    opinion[k] = SQUASH[dot + STRETCH_LIMIT]
                    total += dot
                mean = total // sets
                map_row = (node * ENERGIES + level) * 4 + quarter
                at = (max(-2047, min(2047, mean)) + 2048) << 5
                cell, between = at >> 12, at & 4095
                refined = (final[map_row, cell] * (4096 - between) + final[map_row, cell + 1] * between) >> 12
                p = max(4, min(65532, (SQUASH[mean + STRETCH_LIMIT] + refined) >> 1))

                bit = 0
                if encode:
                    if node == 0:
                        bit = 1 if residual != 0 else 0
                    elif node == 1:
                        bit = 1 if residual > 0 else 0
                    else:
                        bit = 1 if (magnitude >> low_count) > step else 0
                bit = code_bit(encode, bit, p, coder, buffer)
                if bit < 0:
                    return TOO_LONG

                target = 65535 if bit else 0
                final[map_row, cell] += ((target - final[map_row, cell]) * (4096 - between)) >> 18
                final[map_row, cell + 1] += ((target - final[map_row, cell + 1]) * between) >> 18
                for k in range(sets):
                    error = ((bit << 16) - opinion[k]) * 3
                    for i in range(count + 1):
                        mixers[chosen[k], i] += (stretched[i] * error + 0x8000) >> 16
                for i in range(count):
                    counter = int(counters[i, base[i] + node])
                    seen, chance = counter & 1023, counter >> 10
                    if bit:
                        chance += ((0x3FFFFF - chance) * RATE[seen]) >> 16
                    else:
                        chance -= (chance * RATE[seen]) >> 16
                    if seen < COUNT_LIMIT:
                        seen += 1
                    counters[i, base[i] + node] = (chance << 10) | seen

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
                node = 2 + sign + 2 * min(step, 6)

            if moved:
                if step == STEPS and step < most:
                    status = code_integer(
                        encode, (magnitude >> low_count) - STEPS, DIRECT_PLACES, direct, coder, buffer, beyond
                    )
                    if status != OK:
                        return status
                    step = min(STEPS + beyond[0], most + 1)
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
            if not encode:
                if mu + residual < 0 or mu + residual > maximum:
                    return BROKEN
                plane[y, x] = mu + residual
            errors[y, x] = abs(fine - (int(plane[y, x]) << FRACTION_BITS)) >> 1
        close_row(plane, y, width)
    return OK
