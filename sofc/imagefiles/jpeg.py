"""What a JPEG file holds behind its first picture: further pictures, and data of other kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sofc.imagefiles.exact import ALL

START = b"\xff\xd8\xff"
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_FIRST_FRAME, _LAST_FRAME, _NO_FRAMES = 0xC0, 0xCF, (0xC4, 0xC8, 0xCC)
"""Markers of frames, and those of tables among them."""
_MARKER = re.compile(rb"\xff+([\xc0-\xcf\xd8-\xfe])", re.DOTALL)
"""A marker behind entropy-coded data, which has stuffed bytes and restart markers of its own, and in JPEG-LS bytes
below 0x80 behind those of 0xff."""
_MPF = b"MPF\0"
_GAIN_MAPS = (b"hdrgm:", b"urn:iso:std:iso:ts:21496:-1\0")
"""What an XMP packet or a segment of the picture has where another is its gain map."""


def remarks(path: Path) -> Iterator[str]:
    """What is not stored of this JPEG file, in words."""
    data = path.read_bytes()
    end = first = end_of(data)
    pictures = 1
    begin, chains = end, _Chains(data)
    while (begin := data.find(START, begin)) >= 0:
        if chains.is_picture(begin):
            pictures += 1
            begin = end = end_of(data, begin)
        else:  # three bytes that are there by chance
            begin += 1
    if pictures > 1:
        head = data[:first]
        kinds = [name for name, found in _kinds(head) if found]
        also = f" ({', '.join(kinds)})" if kinds else ""
        yield f"the JPEG file holds {pictures} pictures{also}, of which the first is stored; {ALL}"
    if rest := data[end:].strip(b"\0"):
        yield f"the JPEG file has {len(rest)} bytes behind its pictures, such as a video, which are not stored; {ALL}"


class _Chains:
    """Segments that follow each other. A file can have as many starts as bytes that lead into one chain, which is gone
    along once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._leads_to_scan: dict[int, bool] = {}

    def is_picture(self, begin: int) -> bool:
        """Whether segments follow each other from the start that is there on, and lead over a frame to a scan."""
        data, place, has_frame, passed, leads = self._data, begin + 2, False, [], False
        while place + 4 <= len(data) and data[place] == 0xFF:
            if place in self._leads_to_scan:
                leads = self._leads_to_scan[place]
                break
            passed.append(place)
            marker = data[place + 1]
            if marker == 0xFF:  # a fill byte
                place += 1
                continue
            if marker == _SCAN:
                leads = True
                break
            size = int.from_bytes(data[place + 2 : place + 4], "big")
            if marker < _FIRST_FRAME or _START <= marker <= _END or size < 2:
                break
            has_frame |= _FIRST_FRAME <= marker <= _LAST_FRAME and marker not in _NO_FRAMES
            place += 2 + size
        self._leads_to_scan |= dict.fromkeys(passed, leads)
        return leads and has_frame


def _kinds(head: bytes) -> tuple[tuple[str, bool], ...]:
    return ("MPF", _MPF in head), ("gain map", any(mark in head for mark in _GAIN_MAPS))


def end_of(data: bytes, begin: int = 0) -> int:
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
