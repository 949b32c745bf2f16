"""Plain layouts of the schema, read and written without construct, which takes a hundred times as long.

A layout is plain where all its fields are integers, bytes of a fixed size, or lists of variable integers. What is
wrong with a body that breaks the rules is construct's to say.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from construct import Bytes, Construct, FocusedSeq, FormatField, Renamed, Struct

from sofc.container.schema import MAX_STREAMS, VARINT_BYTES, Count, VarInt

Fields = dict[str, Any]
UNSIGNED = ("<B", "<H", "<L", "<Q")
LARGEST_SHIFT = 7 * (VARINT_BYTES - 1)


class _Field(NamedTuple):
    """``read`` takes a body and an offset, and gives the value and where the next field starts; None or IndexError
    where the rules are broken. ``write`` gives a value's bytes, None where there are none."""

    name: str
    read: Callable[[bytes, int], tuple[Any, int] | None]
    write: Callable[[Any], bytes | None]


def read_plain(layout: Construct, body: bytes) -> tuple[Fields, int] | None:
    """The fields at the start of a body, and where they end; None where construct is to look at it."""
    fields: Fields = {}
    offset = 0
    for field in _fields_of(layout) or ():
        try:
            found = field.read(body, offset)
        except IndexError:
            return None
        if found is None:
            return None
        fields[field.name], offset = found
    return (fields, offset) if fields else None


def write_plain(layout: Construct, fields: Fields) -> bytes | None:
    """The bytes of a layout with these fields; None where construct is to make them."""
    parts = []
    for field in _fields_of(layout) or ():
        part = field.write(fields[field.name]) if field.name in fields else None
        if part is None:
            return None
        parts.append(part)
    return b"".join(parts) if parts else None


@cache
def _fields_of(layout: Construct) -> tuple[_Field, ...] | None:
    """The fields of a plain layout."""
    fields = [_plain(part) for part in layout.subcons] if isinstance(layout, Struct) else [None]
    return None if None in fields else tuple(field for field in fields if field is not None)


def _plain(part: Construct) -> _Field | None:
    name = part.name
    while isinstance(part, Renamed):
        part = part.subcon
    if isinstance(part, FormatField) and part.fmtstr in UNSIGNED:
        return _integer(name, part.length)
    if isinstance(part, Bytes) and isinstance(part.length, int):
        return _bytes(name, part.length)
    if part is VarInt:
        return _Field(name, read_variable, write_variable)
    if isinstance(part, FocusedSeq) and part.subcons[0].subcon.subcon is Count:
        items = part.subcons[1].subcon.subcon
        return _Field(name, _read_list, _write_list) if items is VarInt else None
    return None


def _integer(name: str, size: int) -> _Field:
    """Unsigned, little-endian."""

    def read(body: bytes, offset: int) -> tuple[int, int] | None:
        part = body[offset : offset + size]
        return (int.from_bytes(part, "little"), offset + size) if len(part) == size else None

    def write(value: int) -> bytes | None:
        return value.to_bytes(size, "little") if 0 <= value < 1 << (8 * size) else None

    return _Field(name, read, write)


def _bytes(name: str, size: int) -> _Field:
    def read(body: bytes, offset: int) -> tuple[bytes, int] | None:
        part = body[offset : offset + size]
        return (part, offset + size) if len(part) == size else None

    return _Field(name, read, lambda value: value if len(value) == size else None)


def read_variable(body: bytes, offset: int) -> tuple[int, int] | None:
    """A ``VarInt`` and where it ends, None where there is none. Raises IndexError where the body ends before."""
    value = shift = 0
    while (byte := body[offset]) >= 0x80:
        value |= (byte & 0x7F) << shift
        shift += 7
        offset += 1
        if shift > LARGEST_SHIFT:
            return None
    value |= byte << shift
    if (byte == 0 and shift) or value > VarInt.maximum:
        return None
    return value, offset + 1


def write_variable(value: int) -> bytes | None:
    """A ``VarInt``, None for what is none."""
    if not 0 <= value <= VarInt.maximum:
        return None
    coded = bytearray()
    while value >= 0x80:
        coded.append(value & 0x7F | 0x80)
        value >>= 7
    coded.append(value)
    return bytes(coded)


def _read_list(body: bytes, offset: int) -> tuple[list[int], int] | None:
    found = read_variable(body, offset)
    if found is None or found[0] > MAX_STREAMS:
        return None
    values: list[int] = []
    count, offset = found
    for _ in range(count):
        found = read_variable(body, offset)
        if found is None:
            return None
        value, offset = found
        values.append(value)
    return values, offset


def _write_list(values: list[int]) -> bytes | None:
    parts = [write_variable(value) for value in (len(values), *values)]
    if len(values) > MAX_STREAMS or None in parts:
        return None
    return b"".join(part for part in parts if part is not None)
