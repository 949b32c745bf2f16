"""Spec coding-tools/changes: what a section of tables differs by from the one that it is made from: tables that are
nearly all zeros."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import OK, Reader, Stream, Writer, code_bypass
from sofc.entropy.bit_models import NEUTRAL, USUAL, code_by_model, code_size
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
