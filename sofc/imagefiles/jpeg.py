"""What a JPEG file holds behind its first picture: further pictures, and data of other kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sofc.imagefiles.exact import ALL

START = b"\xff\xd8\xff"
_END = 0xD9
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
"""A marker behind entropy-coded data, which has stuffed bytes and restart markers of its own."""
_MPF = b"MPF\0"
_GAIN_MAPS = (b"hdrgm:", b"urn:iso:std:iso:ts:21496:-1\0")
"""What an XMP packet or a segment of the picture has where another is its gain map."""


def remarks(path: Path) -> Iterator[str]:
    """What is not stored of this JPEG file, in words."""
    data = path.read_bytes()
    end = first = _end(data, 0)
    pictures = 1
    while (begin := data.find(START, end)) >= 0:
        pictures += 1
        end = _end(data, begin)
    if pictures > 1:
        head = data[:first]
        kinds = [name for name, found in _kinds(head) if found]
        also = f" ({', '.join(kinds)})" if kinds else ""
        yield f"the JPEG file holds {pictures} pictures{also}, of which the first is stored; {ALL}"
    if rest := data[end:].strip(b"\0"):
        yield f"the JPEG file has {len(rest)} bytes behind its pictures, such as a video, which are not stored; {ALL}"


def _kinds(head: bytes) -> tuple[tuple[str, bool], ...]:
    return ("MPF", _MPF in head), ("gain map", any(mark in head for mark in _GAIN_MAPS))


def _end(data: bytes, begin: int) -> int:
    """Where the picture that begins there ends: behind its end marker, or with the data, where that is missing."""
    place = begin + 2
    while (found := _MARKER.search(data, place)) is not None:
        marker = found[1][0]
        place = found.end()
        if marker == _END:
            return place
        # Segments are passed over whole: there may be pictures in them. What follows a scan's is searched.
        place += int.from_bytes(data[place : place + 2], "big")
    return len(data)
