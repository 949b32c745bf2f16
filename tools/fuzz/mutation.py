"""Changed files whose framing still fits: chunks are taken apart, one or more are changed, lost, doubled or moved, and
their lengths and CRCs are made right again, so that what stands behind the checks is reached."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable

from sofc.container import schema
from sofc.container.walker import Chunk, bytes_of, frame_chunk, walk
from sofc.errors import SofcError

HEAD = 10
"""Bytes of a file's head."""
MOST_BODY = 1 << 24
INTERESTING = (0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255)
BIG = (b"\xff\xff\xff\xff\x0f", b"\xff" * 9, b"\x80\x80\x80\x80\x10", b"\x00")
"""VarInts of large, overlong and small values."""


def chunks_in(data: bytes) -> list[Chunk]:
    """The chunks of a file, as far as they can be read."""
    found: list[Chunk] = []
    with contextlib.suppress(SofcError):
        found.extend(walk(bytes_of(data), HEAD, MOST_BODY))
    return found


def mutated(data: bytes, chance: random.Random, change: Callable[[bytes], bytes] | None = None) -> bytes:
    """One file made of another, a codebook or not. ``change`` changes bytes, by default ``changed``."""
    alter = change or (lambda body: changed(body, chance))
    chunks = chunks_in(data)
    if not chunks or chance.random() < 0.05:
        return alter(data)
    parts = [(chunk.type, chunk.body) for chunk in chunks]
    for _ in range(1 if chance.random() < 0.7 else 3):
        place = chance.randrange(len(parts))
        kind, body = parts[place]
        way = chance.random()
        if way < 0.8:
            parts[place] = kind, alter(body)
        elif way < 0.85 and len(parts) > 1:
            del parts[place]
        elif way < 0.9:
            parts.insert(chance.randrange(len(parts) + 1), (kind, body))
        elif way < 0.95:
            other = chance.randrange(len(parts))
            parts[place], parts[other] = parts[other], parts[place]
        else:
            parts[place] = bytes([chance.choice(b"CRKmHBGEiZNpSMQq")]), body
        # A codebook within the file is a file itself.
        for number, (inner, content) in enumerate(parts):
            if inner == schema.EMBEDDED_CODEBOOK and chance.random() < 0.3:
                parts[number] = inner, mutated(content, chance, change)
    return data[:HEAD] + b"".join(frame_chunk(kind, body) for kind, body in parts)


def changed(body: bytes, chance: random.Random) -> bytes:
    """Bytes changed in a few places."""
    result = bytearray(body)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        # What stands in front says most.
        place = min(chance.randrange(len(result) + 1), chance.choice((4, 16, 64, 1 << 30)))
        way = chance.randrange(7)
        if way == 0 and place < len(result):
            result[place] ^= 1 << chance.randrange(8)
        elif way == 1 and place < len(result):
            result[place] = chance.choice(INTERESTING)
        elif way == 2:
            result[place:place] = chance.randbytes(chance.choice((1, 2, 8)))
        elif way == 3:
            del result[place : place + chance.choice((1, 2, 8, 64))]
        elif way == 4:
            result[place : place + 1] = chance.choice(BIG)
        elif way == 5:
            result[place : place + 16] = chance.randbytes(16)
        else:
            length = chance.choice((1, 4, 32))
            start = chance.randrange(len(result) + 1)
            result[place : place + length] = result[start : start + length]
    return bytes(result)
