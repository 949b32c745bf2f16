"""Spec coding-tools/changes: what a section differs by from the one that it is made from: tables that are nearly all
zeros, and trained bit models of which few start otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import BROKEN, OK, Reader, Stream, Writer, code_bypass
from sofc.entropy.bit_models import (
    EVIDENCE_BITS,
    EVIDENCES,
    NEUTRAL,
    PROBABILITIES,
    PROBABILITY_BITS,
    USUAL,
    Symbols,
    code_by_model,
    code_digits,
    code_size,
)
from sofc.errors import FormatError
from sofc.jit.decorators import kernel
from sofc.jit.types import Table, Vector

Integers = npt.NDArray[np.int64]

_SHIFT_BITS = 4
"""Changes of a table are multiples of a power of two up to 2**15."""
FAR = 8
"""Rows are like the one above and, in tables that serve so many predictors in turn, like that so many rows above."""
LONGEST = 16
"""Bits of the largest change, in multiples."""
_ROW, _SIGN = 0, 4
_SIZE = _SIGN + 1
_ENTRY = _SIZE + 2 * LONGEST
_CONTEXTS = 8
"""Models: whether a row has any change; of a change its sign and its size; then for each column whether an entry
changes."""


@kernel
def code_table_change(encode: bool, change: Table[np.int32], models: Vector[np.uint32], stream: Stream) -> int:
    """Spec coding-tools/changes. Code a table (rows, columns) that is nearly all zeros; when decoding ``change``, which
    holds zeros, is filled.

    ``models`` (_ENTRY + columns * _CONTEXTS,). Returns OK, TOO_LONG or BROKEN.
    """
    rows, columns = change.shape
    above = far = 0
    for row in range(rows):
        far = 0
        if row >= FAR:
            for column in range(columns):
                if change[row - FAR, column] != 0:
                    far = 1
        changed = 0
        for column in range(columns if encode else 0):
            if change[row, column] != 0:
                changed = 1
        changed = code_by_model(encode, changed, _ROW + 2 * far + above, models, stream)
        if changed < 0:
            return changed
        above = changed
        for column in range(columns if changed else 0):
            around = 1 if column > 0 and change[row, column - 1] != 0 else 0
            around += 2 if row > 0 and change[row - 1, column] != 0 else 0
            around += 4 if row >= FAR and change[row - FAR, column] != 0 else 0
            value = int(change[row, column])
            slot = _ENTRY + column * _CONTEXTS + around
            bit = code_by_model(encode, 1 if value != 0 else 0, slot, models, stream)
            if bit < 0:
                return bit
            if bit == 0:
                continue
            sign = code_by_model(encode, 1 if value < 0 else 0, _SIGN, models, stream)
            if sign < 0:
                return sign
            size = code_size(encode, abs(value), _SIZE, _SIZE + LONGEST, LONGEST, USUAL, models, stream)
            if size < 0:
                return size
            change[row, column] = -size if sign else size
    return OK


def neutral_table_models(columns: int) -> npt.NDArray[np.uint32]:
    """The bit models that ``code_table_change`` takes for a table of so many columns, before any row."""
    return np.full(_ENTRY + columns * _CONTEXTS, NEUTRAL, np.uint32)


def pack_table_changes(changes: Sequence[tuple[Integers, int]]) -> bytes:
    """The stream of changes of tables: each (rows, columns), in multiples of 2 to the power of its shift. No bytes
    where nothing changes."""
    if not any(change.any() for change, _ in changes):
        return b""
    writer = Writer(8 * sum(change.size for change, _ in changes) + 64)
    for change, shift in changes:
        code_bypass(True, shift, _SHIFT_BITS, writer.stream)
        status = code_table_change(True, change.astype(np.int32), neutral_table_models(change.shape[1]), writer.stream)
        assert status == OK, "changes are within what can be coded"
    return writer.written()


def unpack_table_changes(data: bytes, shapes: Sequence[tuple[int, int]]) -> list[Integers]:
    """By how much tables of these shapes change, int64; of no bytes, by nothing. Raises FormatError."""
    stream = Reader(data).stream
    result = []
    for shape in shapes:
        change, shift = np.zeros(shape, np.int32), 0
        if data:
            shift = code_bypass(False, 0, _SHIFT_BITS, stream)
            status = code_table_change(False, change, neutral_table_models(shape[1]), stream)
            if shift < 0 or status != OK:
                raise FormatError("the change of a section is damaged")
        result.append(change.astype(np.int64) << shift)
    return result


_MODEL_FLAG = 8
_FLAGS = 4


@kernel
def _code_probability(encode: bool, p: int, base: int, slot: int, models: Vector[np.uint32], stream: Stream) -> int:
    """The number of a probability: by its zigzag distance from that of the base, or, where that is negative, bit by
    bit. The number, or TOO_LONG or BROKEN."""
    if base < 0:
        return code_digits(encode, p, PROBABILITY_BITS, slot, models, stream)
    slot += PROBABILITIES
    zigzag = 2 * (p - base) - 1 if p > base else 2 * (base - p)
    count = 0
    while True:
        more = code_by_model(encode, 1 if zigzag > count else 0, slot + count, models, stream)
        if more < 0:
            return more
        if more == 0:
            break
        count += 1
        if count == 2 * PROBABILITIES:
            return BROKEN
    p = base - (count >> 1) if count & 1 == 0 else base + ((count + 1) >> 1)
    return p if 0 <= p < PROBABILITIES else BROKEN


class ModelChange(NamedTuple):
    """What trained models start with, in blocks of ``block``: those of ``symbols`` that change become ``goals``, which
    are 0 where nothing changes."""

    symbols: Vector[np.uint8]
    goals: Vector[np.uint8]
    block: int


@kernel
def code_model_changes(encode: bool, change: ModelChange, models: Vector[np.uint32], stream: Stream) -> int:
    """Spec coding-tools/changes. Code which symbols change, and to what; when decoding, ``goals`` are not read.

    ``models`` (neutral_symbol_models(block),) go on from call to call. Returns OK, TOO_LONG or BROKEN.
    """
    symbols, goals, block = change
    probability = _MODEL_FLAG + _FLAGS * block
    evidence = probability + 3 * PROBABILITIES
    before = 0
    for start in range(0, symbols.shape[0], block):
        end = min(start + block, symbols.shape[0])
        trained = changed = 0
        for i in range(start, end):
            trained += 1 if symbols[i] > 0 else 0
            changed = 1 if encode and goals[i] > 0 else changed
        changed = code_by_model(encode, changed, 2 * min(trained, 3) + before, models, stream)
        if changed < 0:
            return changed
        before = changed
        any_yet = 0
        for i in range(start, end if changed else start):
            base = int(symbols[i])
            slot = _MODEL_FLAG + ((i - start) * 2 + (1 if base > 0 else 0)) * 2 + any_yet
            goal = int(goals[i]) if encode else 0
            bit = code_by_model(encode, 1 if goal > 0 else 0, slot, models, stream)
            if bit < 0:
                return bit
            if bit == 0:
                continue
            any_yet = 1
            own = (base - 1) >> EVIDENCE_BITS if base > 0 else -1
            p = _code_probability(encode, (goal - 1) >> EVIDENCE_BITS, own, probability, models, stream)
            if p < 0:
                return p
            known = 1 + (base - 1) % EVIDENCES if base > 0 else 0
            seen = (goal - 1) % EVIDENCES
            seen = code_digits(encode, seen, EVIDENCE_BITS, evidence + known * EVIDENCES, models, stream)
            if seen < 0:
                return seen
            symbols[i] = 1 + (p << EVIDENCE_BITS | seen)
    return OK


def neutral_symbol_models(block: int) -> npt.NDArray[np.uint32]:
    """The bit models that ``code_model_changes`` takes, before any symbol."""
    return np.full(_MODEL_FLAG + _FLAGS * block + 3 * PROBABILITIES + (EVIDENCES + 1) * EVIDENCES, NEUTRAL, np.uint32)


def pack_model_changes(symbols: Sequence[Symbols], goals: Sequence[Symbols], block: int) -> bytes:
    """The stream of what the models of each context start with instead, 0 where nothing changes; no bytes where nothing
    does. ``symbols``: what they start with."""
    if not any(goal.any() for goal in goals):
        return b""
    writer = Writer(2 * sum(goal.size for goal in goals) + 64)
    models = neutral_symbol_models(block)
    for base, goal in zip(symbols, goals, strict=True):
        code_model_changes(True, ModelChange(base.copy(), goal, block), models, writer.stream)
    return writer.written()


def unpack_model_changes(data: bytes, symbols: Sequence[Symbols], block: int) -> None:
    """Change what the models of each context start with in place; of no bytes, nothing. Raises FormatError."""
    stream, models = Reader(data).stream, neutral_symbol_models(block)
    for one in symbols if data else ():
        if code_model_changes(False, ModelChange(one, np.zeros_like(one), block), models, stream) != OK:
            raise FormatError("the change of a section is damaged")
