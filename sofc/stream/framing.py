"""Bytes to chunks, however the bytes are cut; with ``salvage`` also past damage."""

from __future__ import annotations

import re
from typing import NamedTuple

from sofc.container import schema
from sofc.container.walker import HEAD_MAX_SIZE, Chunk, ChunkHead, is_intact, parse_chunk_head, walk
from sofc.errors import ChecksumError, SofcError, TruncatedError, locate

# A chunk found by searching must be of one of these types and of a body length that such a chunk can have.
_SEARCHED = re.compile(b"[BGHEZ]")
_PLAUSIBLE_LENGTHS = {
    schema.IMAGE_HEAD: range(8, 64),
    schema.IMAGE_END: range(1, 41),
    schema.FILE_END: range(4, 5),
}


class Damage(NamedTuple):
    """Bytes that are no intact chunk, and were skipped."""

    error: SofcError


class ChunkReader:
    """Takes the bytes of a file and gives its chunks; ``peek`` and ``skip`` are for the file's head.

    Without ``salvage`` a damaged chunk is an error. With it the damaged part is skipped: by the chunk's length
    if a chunk follows there, else up to the next place where an image's chunk stands whose CRC fits.
    """

    def __init__(self, max_body: int, *, salvage: bool = False) -> None:
        self.offset = 0  # of the first byte in the buffer
        self._max_body = max_body
        self._salvage = salvage
        self._buffer = bytearray()
        self._closed = False
        self._error: SofcError | None = None  # why the buffer's start is being skipped
        self._after: int | None = None  # where the next chunk stands if the damaged one's length is right
        self._search = 0  # where the search goes on

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Store bytes."""
        self._buffer += data

    def close(self) -> None:
        """No more bytes will come."""
        self._closed = True

    @property
    def rest(self) -> bytes:
        """The bytes that no chunk has taken yet."""
        return bytes(self._buffer)

    def peek(self, size: int) -> bytes:
        """The next bytes, ``size`` or as many as there are."""
        return bytes(self._buffer[:size])

    def skip(self, size: int) -> None:
        """Drop bytes."""
        del self._buffer[:size]
        self.offset += size

    def next_head(self) -> ChunkHead | None:
        """The head of the next chunk as it stands, not yet compared with a CRC; None where none can be read."""
        try:
            return parse_chunk_head(self.peek(HEAD_MAX_SIZE), 0, self._max_body)
        except SofcError:
            return None

    def next_chunk(self) -> Chunk | Damage | None:
        """The next chunk or, with ``salvage``, a damaged part; None while more bytes are needed.

        Raises FormatError, ChecksumError or LimitError.
        """
        if self._error is None:
            try:
                return self._intact_chunk()
            except SofcError as error:
                self._error = locate(error, self.offset)
                if not self._salvage:
                    raise self._error from None
                if isinstance(error, ChecksumError):
                    head = parse_chunk_head(self._buffer, 0, self._max_body)
                    self._after = head.end if head else None
        size = self._damaged_size()
        if size is None:
            return None
        damage = Damage(self._error)
        self._error, self._after, self._search = None, None, 0
        self.skip(size)
        return damage

    def _intact_chunk(self) -> Chunk | None:
        chunk = next(walk(self._read, self.offset, self._max_body), None)
        if chunk is not None:
            self.skip(chunk.size)
        elif self._salvage and self._closed and self._buffer:
            raise TruncatedError("the file ends inside a chunk")
        return chunk

    def _read(self, offset: int, size: int) -> bytes:
        start = offset - self.offset
        return bytes(self._buffer[start : start + size])

    def _damaged_size(self) -> int | None:
        """Bytes up to the next chunk, or to the end where there is none. None while that is not certain."""
        if self._after is not None:
            stands = self._stands_at(self._after, searched=False)
            if stands:
                return self._after
            if stands is None and not self._closed:
                return None
            self._after = None
        while (match := _SEARCHED.search(self._buffer, max(1, self._search))) is not None:
            self._search = match.start()
            stands = self._stands_at(self._search, searched=True)
            if stands:
                return self._search
            if stands is None and not self._closed:
                return None
            self._search += 1
        self._search = len(self._buffer)
        return len(self._buffer) if self._closed else None

    def _stands_at(self, start: int, *, searched: bool) -> bool | None:
        """Whether an intact chunk stands there, None where more bytes are needed to tell."""
        try:
            head = parse_chunk_head(self._buffer, start, self._max_body)
        except SofcError:
            return False
        if head is None:
            return None
        if searched:
            lengths = _PLAUSIBLE_LENGTHS.get(head.type)
            if lengths is not None and head.crc - head.body not in lengths:
                return False
            if lengths is None and head.body < len(self._buffer) and self._buffer[head.body] != 0:
                return False  # the mode of a band or group
        return is_intact(self._buffer, head) if head.end <= len(self._buffer) else None
