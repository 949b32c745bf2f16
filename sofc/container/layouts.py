"""Between the layouts of the schema and plain Python values: what is wrong with a body becomes a FormatError."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import Any

from construct import Construct, ConstructError, GreedyBytes, Renamed, Struct

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
    with BytesIO(body) as stream:
        try:
            fields = layout.parse_stream(stream)
        except ConstructError as error:
            raise FormatError(f"the body cannot be read: {error}", chunk=text_of(chunk)) from None
        used = stream.tell()
    if last:
        fields[last] = body[used:]
    elif whole and used != len(body):
        raise FormatError(f"{len(body) - used} bytes are left over", chunk=text_of(chunk))
    return fields


def parse_next(layout: Construct, stream: BytesIO) -> Any:
    """What stands next in a stream. Raises FormatError."""
    try:
        return layout.parse_stream(stream)
    except ConstructError as error:
        raise FormatError(f"a number cannot be read: {error}") from None


def build(layout: Construct, **fields: Any) -> bytes:
    """The bytes of a layout with these fields."""
    layout, last = _parts(layout)
    rest: bytes = fields.pop(last, b"")
    return bytes(layout.build(fields)) + rest


def require(rule: bool, message: str, chunk: bytes) -> None:
    """Raises FormatError where a rule of a chunk is broken."""
    if not rule:
        raise FormatError(message, chunk=text_of(chunk))


def text_of(chunk: bytes) -> str:
    """A chunk's type as text."""
    return chunk.decode("latin-1")
