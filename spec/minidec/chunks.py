"""Spec container/file and Spec container/chunks: the file head, and what stands between it and the end."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from .notation import Reader, require

IMAGE_SIGNATURE = bytes.fromhex("AB534F46430D0A0A")
CODEBOOK_SIGNATURE = bytes.fromhex("AB534F46420D0A0A")
VERSIONS = {IMAGE_SIGNATURE: bytes([0, 7]), CODEBOOK_SIGNATURE: bytes([0, 4])}


@dataclass(frozen=True)
class Chunk:
    """A chunk, and where it begins and ends in its file."""

    type: str
    body: bytes
    start: int
    end: int

    @property
    def ancillary(self) -> bool:
        return self.type.islower()


def read_file_head(data: bytes, signature: bytes) -> int:
    """Check the file head; gives its size."""
    require(data[:8] == signature, "another signature")
    require(len(data) >= 10, "data ends too early")
    require(data[8:10] == VERSIONS[signature], "a version that is not known")
    return 10


def read_chunks(data: bytes, at: int) -> Iterator[Chunk]:
    """The chunks from a place on, up to FILE_END."""
    while True:
        reader = Reader(data)
        reader.at = at
        letter = chr(reader.u8())
        require(letter.isascii() and letter.isalpha(), "chunk type is not a letter")
        body = reader.take(reader.varint())
        crc = zlib.crc32(data[at : reader.at])
        require(crc == reader.u32(), "chunk does not match its CRC")
        yield Chunk(letter, body, at, reader.at)
        if letter == "Z":
            return
        at = reader.at
