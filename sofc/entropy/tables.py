"""Spec coding-tools/tables: tables of numbers in sections of models: one stream, each entry predicted from the one
above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import BROKEN, OK, Reader, Stream, Writer
from sofc.entropy.bit_models import INTEGER_MODELS, NEUTRAL, code_by_model, code_integer
from sofc.entropy.changes import unpack_table_changes
from sofc.errors import FormatError
from sofc.jit.decorators import kernel
from sofc.jit.types import Table

Integers = npt.NDArray[np.int64]

LARGEST = 1 << 29
"""Entries lie within this."""
_CHANGED, _SIGN, _SIZE = 0, 1, 2
"""Bit models of a column."""


@kernel
def code_table(encode: bool, table: Table[np.int32], models: Table[np.uint32], stream: Stream) -> int:
    """Spec coding-tools/tables. Code a table (rows, columns), each entry as its difference from the one above.

    ``models`` (columns, 2 + INTEGER_MODELS): per column whether there is a difference, its sign, its size.
    Returns OK or BROKEN.
    """
    for row in range(table.shape[0]):
        for column in range(table.shape[1]):
            above = int(table[row - 1, column]) if row > 0 else 0
            difference = int(table[row, column]) - above if encode else 0
            own = models[column]
            if code_by_model(encode, 1 if difference != 0 else 0, _CHANGED, own, stream):
                sign = code_by_model(encode, 1 if difference < 0 else 0, _SIGN, own, stream)
                size = code_integer(encode, abs(difference) - 1, _SIZE, own, stream)
                if size < 0:
                    return BROKEN
                difference = -(size + 1) if sign else size + 1
            if not encode:
                if abs(above + difference) > LARGEST:
                    return BROKEN
                table[row, column] = above + difference
    return OK


class Field(NamedTuple):
    """A table, or a single column, of a section: its shape, and the least and the greatest entry, None for any."""

    shape: tuple[int, ...]
    low: int | None = None
    high: int | None = None

    @classmethod
    def within(cls, limit: int, *shape: int) -> Field:
        """One of entries of at most ``limit``, and as far below zero."""
        return cls(shape, -limit, limit)

    @property
    def rows_and_columns(self) -> tuple[int, int]:
        """The shape, of a single column, too."""
        rows, columns = (*self.shape, 1)[:2]
        return rows, columns


def code_tables(tables: Sequence[Integers]) -> bytes:
    """The stream of the tables, each (rows, columns), or (rows,) of one column."""
    writer = Writer(10 * sum(table.size for table in tables) + 64)
    for table in tables:
        wide = table.reshape(len(table), -1 if table.size else 1).astype(np.int32)
        code_table(True, wide, _models(wide.shape[1]), writer.stream)
    return writer.written()


def decode_tables(data: bytes, fields: Sequence[Field], change: bytes = b"") -> list[Integers]:
    """The tables (int64) of these fields; ``change``: what they differ by from those in ``data``. Raises FormatError,
    also where an entry is out of its range."""
    stream, shapes = Reader(data).stream, [field.rows_and_columns for field in fields]
    changes = unpack_table_changes(change, shapes) if change else None
    tables = []
    for number, (shape, low, high) in enumerate(fields):
        table = np.zeros(shapes[number], np.int32)
        if code_table(False, table, _models(shapes[number][1]), stream) != OK:
            raise FormatError("a table of a model is damaged")
        result = table.astype(np.int64).reshape(shape)
        if changes is not None:
            result += changes[number].reshape(shape)
        if result.size and ((low is not None and result.min() < low) or (high is not None and result.max() > high)):
            raise FormatError(f"a table of a model has entries that are not {low} to {high}")
        tables.append(result)
    return tables


def _models(columns: int) -> npt.NDArray[np.uint32]:
    return np.full((columns, 2 + INTEGER_MODELS), NEUTRAL, np.uint32)
