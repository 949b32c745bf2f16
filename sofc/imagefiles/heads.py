"""The first bytes of files, by which their kinds are told: read once for all that ask of one file."""

from __future__ import annotations

import zlib
from pathlib import Path

from sofc.imagefiles.lasting import Lasting
from sofc.imagefiles.pillow import FEW_PIXELS

HEAD_BYTES = 1024
"""Enough for all that is asked."""
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits of a sample that each colour type may have."""


def head_of(path: Path) -> bytes:
    """The first HEAD_BYTES of a file, or all that it has. Raises OSError."""
    return _lasting.of(path)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


_lasting = Lasting(_read, is_cheap=True)


def is_still_png(head: bytes) -> bool:
    """Whether a file that begins so is a PNG file of one image: what stands before its samples is sound, says nothing
    of an animation, and is all there. Of what is not, this tells nothing."""
    position = len(_PNG)
    if not head.startswith(_PNG) or head[position + 4 : position + 8] != b"IHDR":
        return False
    while len(head) >= position + 8:
        kind, end = (
            head[position + 4 : position + 8],
            position + 8 + int.from_bytes(head[position : position + 4], "big"),
        )
        if kind == b"IDAT":
            return True
        body, check = head[position + 8 : end], head[end : end + 4]
        if kind == b"acTL" or len(check) < 4 or zlib.crc32(kind + body) != int.from_bytes(check, "big"):
            return False
        if kind == b"IHDR" and not _is_usual(body):
            return False
        position = end + 4
    return False


def _is_usual(body: bytes) -> bool:
    """Whether the first chunk of a PNG file says what it may, and no more pixels than any file may have."""
    if len(body) != 13:
        return False
    width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    bits, colours, packing, filters, interlaced = body[8:]
    is_known = bits in _PNG_BITS.get(colours, ()) and packing == filters == 0 and interlaced <= 1
    return is_known and 0 < width * height <= FEW_PIXELS
