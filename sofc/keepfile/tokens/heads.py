"""The heads of blocks: what they say before their tokens, coded.

Spec appendix-kept-files/heads-of-blocks
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import BROKEN, OK
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector
from sofc.keepfile.tokens.alphabet import (
    COPY,
    DYNAMIC,
    END,
    LENGTH_CODES,
    LONG_ZEROS,
    RUN_CODES,
    RUN_EXTRA,
    RUN_LEAST,
    RUN_ORDER,
    SHORT_ZEROS,
    STORED,
)
from sofc.keepfile.tokens.models import (
    COUNTS,
    ENDS,
    LENGTHS,
    PADDINGS,
    RULES,
    RUN_CODE_LENGTHS,
    RUNS,
    SIZES,
    TYPES,
    Models,
    code_decision,
    code_number,
    code_size,
    set_contexts,
)

LAST, TYPE, SIZE, PADDING, LITERAL_LENGTHS, DISTANCE_LENGTHS, RUN_LENGTHS, RUN_COUNT = range(8)
FIELDS = 8
"""Of a block: whether it is the last; its type; bytes that it stands for; the bits that fill up a byte; how many code
lengths of literals and lengths, of distances and of code lengths it has; and how many runs these are written as."""
MOST_LENGTHS = 320
"""Code lengths that a block can have, and more."""
_IDEALS, _LEAST_RUN_LENGTHS = 32, 4
"""Ideal lengths, of which each is a context; code lengths of code lengths that any block has."""


class Head(NamedTuple):
    """The head of a block: its FIELDS, and the codes of one that has codes of its own."""

    fields: Vector[np.int64]
    lengths: Vector[np.uint8]
    before: Vector[np.uint8]
    """(MOST_LENGTHS,) each: code lengths of the literals and lengths, then of distances, of this block and of the last
    one that had any."""
    run_lengths: Vector[np.uint8]
    """(RUN_CODES,): lengths of the codes that runs are written with."""
    symbols: Vector[np.uint8]
    repeats: Vector[np.uint8]
    """(MOST_LENGTHS,) each: the runs."""
    counts: Vector[np.int64]
    """(256,): how often the block has each byte."""


@inlined
def ideal_length(count: int, total: int) -> int:
    """Half bits that a symbol would take which ``count`` of ``total`` are, 1 to 31; 0 for none."""
    if count == 0:
        return 0
    ratio, length = (total * total) // (count * count), 0
    while ratio > 1:
        ratio >>= 1
        length += 1
    return min(31, length + 1)


@kernel
def code_head(encode: bool, head: Head, models: Models) -> int:
    """Code the fields of a block but for its code lengths, and the padding. OK or BROKEN."""
    fields = head.fields
    set_contexts(0, 0, 0, 0, models)
    last = code_decision(encode, int(fields[LAST]), ENDS, 0, models)
    kind = code_number(encode, int(fields[TYPE]), 2, TYPES, 0, models)
    size = code_size(encode, int(fields[SIZE]), SIZES, models)
    fields[LAST], fields[TYPE], fields[SIZE] = last, kind, size
    if size < 0 or kind > DYNAMIC:
        return BROKEN
    padding = 0
    if last or kind == STORED:
        set_contexts(0, 0, 0, 0, models)
        padding = code_number(encode, int(fields[PADDING]), 7, PADDINGS, 0, models)
    fields[PADDING] = padding
    return OK


@kernel
def code_lengths(encode: bool, head: Head, models: Models) -> int:
    """Code the code lengths of a dynamic block, and how they are written. ``counts`` are set. OK or a status."""
    fields = head.fields
    set_contexts(0, 0, 0, 0, models)
    literals = code_number(encode, int(fields[LITERAL_LENGTHS]) - 257, 5, COUNTS, 0, models) + 257
    set_contexts(32, 32, 32, 32, models)
    distances = code_number(encode, int(fields[DISTANCE_LENGTHS]) - 1, 5, COUNTS, 1, models) + 1
    if literals > LENGTH_CODES:
        return BROKEN
    fields[LITERAL_LENGTHS], fields[DISTANCE_LENGTHS] = literals, distances
    total = 0
    for value in range(256):
        total += head.counts[value]
    for i in range(literals + distances):
        _set_length_contexts(i, total, head, models)
        group = 0 if i < END else 1 if i < literals else 2
        head.lengths[i] = code_number(encode, int(head.lengths[i]), 4, LENGTHS, group, models)
    if _code_runs(encode, head, models) != OK:
        return BROKEN
    return _code_run_lengths(encode, head, models)


@kernel
def _set_length_contexts(i: int, total: int, head: Head, models: Models) -> None:
    """In which contexts the code length of symbol ``i`` is coded."""
    literals = int(head.fields[LITERAL_LENGTHS])
    symbol = i if i < literals else i - literals + LENGTH_CODES
    before = int(head.before[symbol])
    last = int(head.lengths[i - 1]) if i > 0 else 0
    last_but_one = int(head.lengths[i - 2]) if i > 1 else 0
    if i < END:
        ideal = ideal_length(int(head.counts[i]), int(total))
        set_contexts(16 * ideal, 16 * before, 16 * (16 * last + last_but_one), 16 * (16 * ideal + before), models)
        return
    group = 1 if i < literals else 2
    set_contexts(
        16 * (_IDEALS + symbol - END),
        16 * (16 * group + before),
        16 * (16 * last + last_but_one),
        16 * (16 * (_IDEALS + 16 * (group - 1) + last) + before),
        models,
    )


@kernel
def _code_runs(encode: bool, head: Head, models: Models) -> int:
    """Code as which runs the code lengths are written: in most cases the longest. OK or a status."""
    total = int(head.fields[LITERAL_LENGTHS] + head.fields[DISTANCE_LENGTHS])
    literals = int(head.fields[LITERAL_LENGTHS])
    i = number = 0
    while i < total:
        length = int(head.lengths[i])
        run = 1
        while i + run < total and head.lengths[i + run] == length:
            run += 1
        symbol, repeat = length, 1
        if length == 0 and run >= RUN_LEAST[1]:
            symbol, repeat = (LONG_ZEROS, min(run, 138)) if run >= RUN_LEAST[2] else (SHORT_ZEROS, run)
        elif i > 0 and head.lengths[i - 1] == length and run >= RUN_LEAST[0]:
            symbol, repeat = COPY, min(run, 6)
        way = max(0, symbol - COPY + 1)
        crosses = 1 if i < literals < i + run else 0
        context = 8 * min(run, 31) + 2 * way + crosses
        set_contexts(way, context, 256 + length, 0, models)
        exact = symbol == head.symbols[number] and repeat == head.repeats[number]
        if not code_decision(encode, 1 if exact else 0, RULES, 0, models):
            chosen = max(0, int(head.symbols[number]) - COPY + 1)
            set_contexts(0, 4 + 4 * way, 20 + 4 * min(run, 31), 200, models)
            chosen = code_number(encode, chosen, 2, RUNS, 0, models)
            symbol, repeat = length, 1
            if chosen > 0:
                symbol = COPY - 1 + chosen
                least = int(RUN_LEAST[chosen - 1])
                bits = int(RUN_EXTRA[chosen - 1])
                start = 256 + 128 * chosen
                set_contexts(start, start, start, start, models)
                repeat = code_number(encode, int(head.repeats[number]) - least, bits, RUNS, 1, models) + least
            if repeat < 1 or repeat > run or (symbol == COPY and (i == 0 or head.lengths[i - 1] != length)):
                return BROKEN
            if symbol > COPY and length != 0:
                return BROKEN
        head.symbols[number], head.repeats[number] = symbol, repeat
        number += 1
        i += repeat
    head.fields[RUN_COUNT] = number
    return OK


@kernel
def _code_run_lengths(encode: bool, head: Head, models: Models) -> int:
    """Code the code lengths of the runs' symbols, and how many there are. OK or a status."""
    set_contexts(64, 64, 64, 64, models)
    least = _LEAST_RUN_LENGTHS
    count = code_number(encode, int(head.fields[RUN_LENGTHS]) - least, 4, COUNTS, 2, models) + least
    if count > RUN_CODES:
        return BROKEN
    head.fields[RUN_LENGTHS] = count
    number, last = int(head.fields[RUN_COUNT]), 0
    for place in range(RUN_CODES):
        symbol = int(RUN_ORDER[place])
        used = 0
        for run in range(number):
            used += 1 if head.symbols[run] == symbol else 0
        length = 0
        if place < count:
            ideal = ideal_length(used, number)
            set_contexts(8 * ideal, 8 * symbol, 8 * last, 8 * (8 * ideal + last), models)
            length = code_number(encode, int(head.run_lengths[symbol]), 3, RUN_CODE_LENGTHS, 0, models)
        head.run_lengths[symbol] = last = length
    return OK
