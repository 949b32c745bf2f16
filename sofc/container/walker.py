"""Chunks among the bytes of a file: their framing, and the one loop that goes from each to the next."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sofc.container import schema
from sofc.container.layouts import build_integer, parse_integer, require, text_of
from sofc.errors import ChecksumError, LimitError

Buffer = bytes | bytearray
ReadAt = Callable[[int, int], bytes]
"""Gives so many bytes from an offset on, or as many as there are."""

CRC_SIZE = 4
HEAD_MAX_SIZE = 1 + schema.VARINT_BYTES
AHEAD = 1 << 14
"""Bytes that are read at once of a chunk whose size is not known: most chunks of small images are no larger."""


class Chunk(NamedTuple):
    """A chunk that is there in full: ``offset`` from the start of the file, ``size`` with its framing."""

    type: bytes
    body: bytes
    offset: int
    size: int


class ChunkHead(NamedTuple):
    """Where a chunk stands in a buffer: its body is ``buffer[body:crc]``, the next chunk starts at ``end``."""

    type: bytes
    start: int
    body: int
    crc: int

    @property
    def end(self) -> int:
        return self.crc + CRC_SIZE


def is_ancillary(chunk_type: bytes) -> bool:
    """Whether a reader may skip chunks of a type that it does not know."""
    return bool(chunk_type[0] & schema.ANCILLARY)


def frame_chunk(chunk_type: bytes, body: bytes) -> bytes:
    """The whole chunk."""
    framed = chunk_type + build_integer(len(body)) + body
    return framed + zlib.crc32(framed).to_bytes(CRC_SIZE, "little")


def parse_chunk_head(buffer: Buffer, start: int, max_body: int) -> ChunkHead | None:
    """The head of the chunk at ``start``, None while more bytes are needed to tell.

    Raises FormatError where none can stand there, LimitError where its body is longer than ``max_body``.
    """
    if start >= len(buffer):
        return None
    chunk_type = bytes(buffer[start : start + 1])
    require(chunk_type.isalpha(), "a chunk's type must be a letter", chunk_type)
    length = bytes(buffer[start + 1 : start + 1 + schema.VARINT_BYTES])
    size = next((at for at, byte in enumerate(length, 1) if byte < 0x80), None)
    if size is None and len(length) < schema.VARINT_BYTES:
        return None
    value = parse_integer(length[:size], chunk_type)
    if value > max_body:
        raise LimitError(
            f"a body of {value} bytes is over the limit of {max_body}: raise the limits to read it",
            chunk=text_of(chunk_type),
        )
    body = start + 1 + (size or 0)
    return ChunkHead(chunk_type, start, body, body + value)


def is_intact(buffer: Buffer, head: ChunkHead) -> bool:
    """Whether a chunk that is there in full matches its CRC."""
    with memoryview(buffer) as view:
        return zlib.crc32(view[head.start : head.crc]) == int.from_bytes(view[head.crc : head.end], "little")


def chunk_body(buffer: Buffer, head: ChunkHead) -> bytes:
    """The body of a chunk that is there in full. Raises ChecksumError."""
    if not is_intact(buffer, head):
        raise ChecksumError("the chunk is damaged: its CRC does not match", chunk=text_of(head.type))
    return bytes(buffer[head.body : head.crc])


def walk(read: ReadAt, offset: int, max_body: int, *, part: Callable[[bytes], int] | None = None) -> Iterator[Chunk]:
    """The chunks from ``offset`` on, up to the first that is not there in full.

    Bodies match their CRC. With ``part``, which says of a type how many bytes of a body are wanted, no more is read and
    nothing is checked. Raises FormatError, LimitError (a body longer than ``max_body``) or ChecksumError.
    """
    while True:
        begin = read(offset, HEAD_MAX_SIZE if part else AHEAD)
        head = parse_chunk_head(begin, 0, max_body)
        # A size may be wrong: no memory for so many bytes before the last of them is seen.
        if head is None or not (head.end <= len(begin) or read(offset + head.end - 1, 1)):
            return
        if part is None:
            body = chunk_body(begin if head.end <= len(begin) else read(offset, head.end), head)
        else:
            body = read(offset + head.body, min(part(head.type), head.crc - head.body))
        yield Chunk(head.type, body, offset, head.end)
        offset += head.end


def bytes_of(buffer: Buffer) -> ReadAt:
    """What ``walk`` reads a buffer with."""
    return lambda offset, size: bytes(buffer[offset : offset + size])
