"""Spec likeness/departures: samples that are mostly what an earlier image makes expect, and the tables that say what
its values become.

Kernels code either way, as those of ``binary`` do. Bit models start anew for each stream and learn through all of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import BROKEN, OK, Stream
from sofc.entropy.bit_models import NEUTRAL, RARE, code_size, code_within
from sofc.entropy.digits import bit_length, from_zigzag, to_zigzag
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Vector
from sofc.prediction.median_edge import median_edge

NEIGHBOURS = 1 << 7
"""Ways in which the neighbours of a sample may depart from what was expected of them."""
RATES = np.array([512, 2048, 6144, 16384, 32768, 49152, 60000], dtype=np.int64)
"""Where the levels of departure rates begin, in 1/65536; below the first is level 0."""
LEVELS = 8
RATE_BITS = 12
"""Departure rates are kept for the highest bits of what is expected, and for the first RATE_PLANES planes."""
RATE_PLANES = 3
SIZES = 8
"""Levels of the error expected of a departing sample, for each of two predictions."""
LONGEST = 18
"""Bits of the greatest number that is coded."""
STEPS = 5
"""Classes of the steps of a table: 0, 1, -1, 2 and others; those of the last two are the context of the next."""

ROW = 0
DEPARTS = ROW + 4
SIZE = DEPARTS + NEIGHBOURS * LEVELS
HIGHEST = SIZE + 2 * SIZES * LONGEST
STEP = HIGHEST + LONGEST
IS_KEPT = STEP + STEPS * STEPS * LONGEST
IS_SAME = IS_KEPT + 1
MODELS = IS_SAME + 1
"""Bit models: whether any sample of a row departs; whether a sample does; lengths of errors and the bit behind their
highest; lengths of steps of tables; whether a table keeps all values; whether it is the one before."""


class State(NamedTuple):
    """What coding learns. ``models`` (MODELS,); ``rates`` (RATE_PLANES << RATE_BITS,): how many samples depart of which
    a value was expected, in 1/65536."""

    models: Vector[np.uint32]
    rates: Vector[np.int64]


class Field(NamedTuple):
    """What is coded: ``samples`` (planes, rows, width) from 0 to ``top``, filled when decoding, and what is
    ``expected`` of them, of the same shape. ``shift``: low bits of what is expected that do not count for rates."""

    samples: Cube[np.int32]
    expected: Cube[np.int32]
    top: int
    shift: int


def fresh_state() -> State:
    """The state at the start of a stream."""
    return State(np.full(MODELS, NEUTRAL, np.uint32), np.zeros(RATE_PLANES << RATE_BITS, np.int64))


@kernel
def code_flag(encode: bool, bit: int, slot: int, state: State, stream: Stream) -> int:
    """Code one decision. Returns the bit."""
    return code_within(encode, bit, slot, RARE, state.models, stream)


@inlined
def _code_number(encode: bool, value: int, slot: int, models: Vector[np.uint32], stream: Stream) -> int:
    """A number from 0 up, as the size of the next one. The number, or BROKEN."""
    size = code_size(encode, value + 1, slot, HIGHEST, LONGEST, RARE, models, stream)
    return size - 1 if size > 0 else size


@kernel
def code_table(
    encode: bool, table: Vector[np.int32], used: Vector[np.uint8], top: int, state: State, stream: Stream
) -> int:
    """Spec likeness/value-tables. Code what the values that are ``used`` (1, else 0) become, 0 to ``top``.

    ``table`` and ``used`` (values,); entries that are not used are left alone. Returns OK or BROKEN.
    """
    value = 0
    context = 0
    for entry in range(table.shape[0]):
        if used[entry] == 0:
            continue
        zigzag = to_zigzag(int(table[entry]) - value)
        zigzag = _code_number(encode, zigzag, STEP + context * LONGEST, state.models, stream)
        if zigzag < 0:
            return BROKEN
        value += from_zigzag(zigzag)
        if not 0 <= value <= top:
            return BROKEN
        table[entry] = value
        kind = 0 if zigzag == 0 else 1 if zigzag == 2 else 2 if zigzag == 1 else 3 if zigzag == 4 else 4
        context = context % STEPS * STEPS + kind
    return OK


@inlined
def _departs(field: Field, plane: int, y: int, x: int) -> int:
    """1 where a sample is there and is not what was expected."""
    if y < 0 or x < 0 or x >= field.samples.shape[2]:
        return 0
    return 1 if field.samples[plane, y, x] != field.expected[plane, y, x] else 0


@kernel
def _code_departing(encode: bool, field: Field, plane: int, y: int, x: int, state: State, stream: Stream) -> int:
    """The value of a sample that departs. The value, or BROKEN."""
    samples, expected = field.samples, field.expected
    own = int(expected[plane, y, x])
    west = int(samples[plane, y, x - 1]) if x > 0 else int(samples[plane, y - 1, x]) if y > 0 else own
    north = int(samples[plane, y - 1, x]) if y > 0 else west
    corner = int(samples[plane, y - 1, x - 1]) if y > 0 and x > 0 else north
    beyond = int(samples[plane, y - 1, x + 1]) if y > 0 and x + 1 < samples.shape[2] else north
    far = abs(west - int(expected[plane, y, x - 1])) if x > 0 else 0
    far += abs(north - int(expected[plane, y - 1, x])) if y > 0 else 0
    far += abs(beyond - int(expected[plane, y - 1, x + 1])) if y > 0 and x + 1 < samples.shape[2] else 0
    rough = abs(west - corner) + abs(north - corner) + abs(beyond - north)
    trusts = 1 if far <= rough else 0
    prediction = own if trusts else median_edge(west, north, corner)
    zigzag = to_zigzag(int(samples[plane, y, x]) - prediction) - trusts
    slot = SIZE + (trusts * SIZES + min(SIZES - 1, bit_length(min(far, rough)))) * LONGEST
    zigzag = _code_number(encode, zigzag, slot, state.models, stream)
    if zigzag < 0:
        return BROKEN
    value = prediction + from_zigzag(zigzag + trusts)
    return value if 0 <= value <= field.top else BROKEN


@inlined
def _code_row(encode: bool, field: Field, y: int, state: State, stream: Stream) -> int:
    """A row of which at least one sample is said to depart. Returns OK or BROKEN."""
    planes, _, width = field.samples.shape
    for x in range(width):
        before = 0
        for plane in range(planes):
            expected = int(field.expected[plane, y, x])
            rate = (min(plane, RATE_PLANES - 1) << RATE_BITS) + (expected >> field.shift)
            level = 0
            while level < LEVELS - 1 and state.rates[rate] >= RATES[level]:
                level += 1
            around = _departs(field, plane, y, x - 1) + 2 * _departs(field, plane, y - 1, x)
            around += 4 * _departs(field, plane, y - 1, x + 1) + 8 * _departs(field, plane, y - 1, x - 1)
            around += 16 * _departs(field, plane, y, x - 2) + 32 * before + (64 if plane > 0 else 0)
            bit = _departs(field, plane, y, x) if encode else 0
            bit = code_within(encode, bit, DEPARTS + around * LEVELS + level, RARE, state.models, stream)
            state.rates[rate] += (65535 * bit - state.rates[rate]) >> 5
            before = bit
            value = expected
            if bit:
                value = _code_departing(encode, field, plane, y, x, state, stream)
                if value < 0:
                    return BROKEN
            field.samples[plane, y, x] = value
    return OK


@kernel
def code_departures(encode: bool, field: Field, state: State, stream: Stream) -> int:
    """Spec likeness/departures. Code the samples of one image of a group, or of a band. Returns OK or BROKEN."""
    planes, rows, width = field.samples.shape
    above = 0
    for y in range(rows):
        some = 0
        if encode:
            for plane in range(planes):
                for x in range(width):
                    if field.samples[plane, y, x] != field.expected[plane, y, x]:
                        some = 1
                        break
        some = code_within(encode, some, ROW + above, RARE, state.models, stream)
        above = (2 * above + some) & 3
        if some == 0:
            for plane in range(planes):
                for x in range(width):
                    field.samples[plane, y, x] = field.expected[plane, y, x]
            continue
        if _code_row(encode, field, y, state, stream) != OK:
            return BROKEN
    return OK
