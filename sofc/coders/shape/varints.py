"""Integers of up to five bytes, seven bits a byte, the lowest first; the top bit is set in all but the last."""

from __future__ import annotations

from sofc.errors import FormatError


def pack_varints(*values: int) -> bytes:
    """The integers in their shortest form."""
    output = bytearray()
    for value in values:
        while value > 127:
            output.append(value & 127 | 128)
            value >>= 7
        output.append(value)
    return bytes(output)


def read_varint(data: bytes, start: int) -> tuple[int, int]:
    """An integer in any form and where it ends; bytes past the end are zeros. Raises FormatError for one too long."""
    value = 0
    for index in range(5):
        byte = data[start + index] if start + index < len(data) else 0
        value |= (byte & 127) << (7 * index)
        if byte < 128:
            return value, start + index + 1
    raise FormatError("a number of the shape coder has more than five bytes")
