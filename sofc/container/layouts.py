"""Between the layouts of the schema and plain Python values: what is wrong with a body becomes a FormatError."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from construct import Construct, ConstructError, GreedyBytes, Renamed, Struct

from sofc.container.plain import read_plain, read_variable, write_plain, write_variable
from sofc.container.schema import VarInt
from sofc.errors import FormatError

# construct keeps what it parses and builds in cycles of references, which only the garbage collector frees.
# So large fields, which always stand last, never go through it.


@cache
def _parts(layout: Construct) -> tuple[Construct, str]:
    """A layout without its last field where that takes all bytes to the end, and that field's name or ""."""
    if not isinstance(layout, Struct):
        return layout, ""
    last = layout.subcons[-1]
    inner = last
    while isinstance(inner, Renamed):
        inner = inner.subcon
    return (Struct(*layout.subcons[:-1]), last.name) if inner is GreedyBytes else (layout, "")


def parse(layout: Construct, body: bytes, chunk: bytes, *, whole: bool = True) -> Any:
    """The only place where construct's errors become ours. ``whole``: all of ``body`` must be used."""
    layout, last = _parts(layout)
    if (plain := read_plain(layout, body)) is not None:
        fields, used = SimpleNamespace(**plain[0]), plain[1]
    else:
        with BytesIO(body) as stream:
            try:
                fields = layout.parse_stream(stream)
            except ConstructError as error:
                raise FormatError(f"the body cannot be read: {error}", chunk=text_of(chunk)) from None
            used = stream.tell()
    if last:
        setattr(fields, last, body[used:])
    elif whole and used != len(body):
        raise FormatError(f"{len(body) - used} bytes are left over", chunk=text_of(chunk))
    return fields


def parse_next(layout: Construct, stream: BytesIO) -> Any:
    """What stands next in a stream. Raises FormatError."""
    try:
        return layout.parse_stream(stream)
    except ConstructError as error:
        raise FormatError(f"a number cannot be read: {error}") from None


def parse_integer(body: bytes, chunk: bytes) -> int:
    """The variable integer that a body is. Raises FormatError."""
    found = read_variable(body, 0) if body and body[-1] < 0x80 else None
    return found[0] if found is not None and found[1] == len(body) else int(parse(VarInt, body, chunk))


def build_integer(value: int) -> bytes:
    """A variable integer."""
    plain = write_variable(value)
    return bytes(VarInt.build(value)) if plain is None else plain


def build(layout: Construct, **fields: Any) -> bytes:
    """The bytes of a layout with these fields."""
    layout, last = _parts(layout)
    rest: bytes = fields.pop(last, b"")
    plain = write_plain(layout, fields)
    return (bytes(layout.build(fields)) if plain is None else plain) + rest


def require(rule: bool, message: str, chunk: bytes) -> None:
    """Raises FormatError where a rule of a chunk is broken."""
    if not rule:
        raise FormatError(message, chunk=text_of(chunk))


def text_of(chunk: bytes) -> str:
    """A chunk's type as text."""
    return chunk.decode("latin-1")
