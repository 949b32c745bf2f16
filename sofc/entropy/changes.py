"""Spec coding-tools/changes: what a section of tables differs by from the one that it is made from: planes that are
nearly all zeros."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import OK, Reader, Writer, code_bypass
from sofc.entropy.sparse import VALUES, code_sparse, fresh_models
from sofc.errors import FormatError

Integers = npt.NDArray[np.int64]

_SHIFT_BITS = 4
"""Changes of a table are multiples of a power of two up to 2**15."""
_MIDDLE = VALUES // 2
"""In planes, this and a change stand for it, and 0 for none."""
_LIMIT = 1 << 16
"""Changes, in multiples, lie within this."""


def pack_table_changes(changes: Sequence[tuple[Integers, int]]) -> bytes:
    """The stream of changes of tables: each (rows, columns), in multiples of 2 to the power of its shift. No bytes
    where nothing changes."""
    if not any(change.any() for change, _ in changes):
        return b""
    writer = Writer(16 * sum(change.size for change, _ in changes) + 64)
    for change, shift in changes:
        code_bypass(True, shift, _SHIFT_BITS, writer.stream)
        plane = np.where(change == 0, 0, _MIDDLE + change).astype(np.int32)
        status = code_sparse(True, plane, fresh_models(), writer.stream)
        assert status == OK, "changes are within what can be coded"
    return writer.written()


def unpack_table_changes(data: bytes, shapes: Sequence[tuple[int, int]]) -> list[Integers]:
    """By how much tables of these shapes change, int64; of no bytes, by nothing. Raises FormatError."""
    stream = Reader(data).stream
    result = []
    for shape in shapes:
        plane, shift = np.zeros(shape, np.int32), 0
        if data:
            shift = code_bypass(False, 0, _SHIFT_BITS, stream)
            if code_sparse(False, plane, fresh_models(), stream) != OK:
                raise FormatError("the change of a section is damaged")
        change = np.where(plane == 0, 0, plane - np.int64(_MIDDLE))
        if np.abs(change).max(initial=0) >= _LIMIT:
            raise FormatError("the change of a section is out of range")
        result.append(change << shift)
    return result
