"""Tables of numbers in sections of models: one stream of a range coder, each entry predicted from the one above."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sofc.entropy import binary
from sofc.entropy.binary import EVEN, Integers
from sofc.errors import FormatError


def code_tables(tables: Sequence[Integers]) -> bytes:
    """The stream of the tables, each (rows, columns)."""
    buffer = np.zeros(10 * sum(table.size for table in tables) + 64, np.uint8)
    coder = binary.start_encoding()
    for table in tables:
        binary.code_table(True, table.astype(np.int32), _chances(table.shape[1]), coder, buffer)
    return buffer[: binary.finish_encoding(coder, buffer)].tobytes()


def decode_tables(data: bytes, shapes: Sequence[tuple[int, int]]) -> list[Integers]:
    """The tables of these shapes. Raises FormatError."""
    reader = TableReader(data)
    return [reader.table(*shape) for shape in shapes]


class TableReader:
    """Reads tables one after the other."""

    def __init__(self, data: bytes) -> None:
        self._buffer = np.frombuffer(bytearray(data), np.uint8)
        self._coder = binary.start_decoding(self._buffer)

    def table(self, rows: int, columns: int) -> Integers:
        """The next table, int64. Raises FormatError."""
        result = np.zeros((rows, columns), np.int32)
        if binary.code_table(False, result, _chances(columns), self._coder, self._buffer) != binary.OK:
            raise FormatError("a table of a model is damaged")
        return result.astype(np.int64)

    def column(self, rows: int) -> Integers:
        """The next table of one column, shape (rows,)."""
        return self.table(rows, 1)[:, 0]


def _chances(columns: int) -> npt.NDArray[np.int32]:
    return np.full((columns, binary.LONGEST + 3), EVEN, np.int32)
