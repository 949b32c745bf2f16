"""The chunks of a file that is being written, in their order, while some of them are still being coded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sofc.container import schema
from sofc.container.chunks import INDEXED_TYPES, IndexBuilder, pack_file_end, pack_file_head
from sofc.container.records import IndexEntry
from sofc.container.walker import frame_chunk
from sofc.errors import LimitError
from sofc.limits import Limits


class _Unit(NamedTuple):
    """A chunk to come: ``body`` gives its bytes, told where it begins, and waits where they are still being coded."""

    type: bytes
    image: int
    place: int
    body: Callable[[int], bytes]

    @property
    def is_coded(self) -> bool:
        return self.type in (schema.BAND, schema.GROUP)


class ChunkQueue:
    """Puts chunks one behind the other, and knows where in the file each begins. Raises LimitError."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._units: deque[_Unit] = deque()
        self._coding = 0  # units that workers code
        self._offset = 0  # bytes of the file so far
        self._index = IndexBuilder()

    def put(self, chunk_type: bytes, body: bytes, image: int = 0) -> None:
        """Put a chunk whose bytes are known."""
        if len(body) > self._limits.max_chunk_bytes:
            raise LimitError(f"{len(body)} bytes for one chunk are over the limit of {self._limits.max_chunk_bytes}")
        self._units.append(_Unit(chunk_type, image, 0, lambda _: body))

    def put_coded(self, chunk_type: bytes, image: int, place: int, body: Callable[[int], bytes]) -> None:
        """Put a band or group; ``place``: the first row of a band, how many images a group has."""
        self._limits.check_images(image + (place if chunk_type == schema.GROUP else 1))
        self._units.append(_Unit(chunk_type, image, place, body))
        self._coding += 1

    def drain(self, keep: int) -> bytes:
        """The bytes of the chunks that are due, all but the last ``keep`` that workers code."""
        output = bytearray()
        if self._offset == 0:
            output += pack_file_head()
        while self._units:
            if self._units[0].is_coded and self._coding <= keep:
                break
            unit = self._units.popleft()
            self._coding -= unit.is_coded
            offset = self._offset + len(output)
            if unit.type in INDEXED_TYPES:
                self._index.add(IndexEntry(unit.type, offset, unit.image, unit.place))
            output += frame_chunk(unit.type, unit.body(offset))
        self._offset += len(output)
        return bytes(output)

    def end(self) -> bytes:
        """The bytes of all chunks that are left, and the file's end."""
        output = self.drain(0)
        index = frame_chunk(schema.INDEX, self._index.body()) if self._index.bands > 1 else b""
        return output + index + frame_chunk(schema.FILE_END, pack_file_end(len(index)))
