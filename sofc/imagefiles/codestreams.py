"""Where JPEG 2000 and JPEG XL data end, whose decoders do not tell how much of it they read."""

from __future__ import annotations

JPEG_2000 = b"\xff\x4f\xff\x51"
_TILE, _END = 0x90, 0xD9
"""Markers of JPEG 2000 (ISO/IEC 15444-1, annex A): start of a tile-part, and the end."""
_SEGMENT_BYTES = 2
_LENGTH_PLACE = 8
"""Where behind its marker a tile-part says how long it is."""


def jpeg2000_end(data: bytes) -> int | None:
    """Behind the end marker of the codestream that begins ``data``; None where its segments do not lead there."""
    place = _SEGMENT_BYTES
    while data[place : place + 1] == b"\xff" and len(data) >= place + _SEGMENT_BYTES:
        marker = data[place + 1]
        if marker == _END:
            return place + _SEGMENT_BYTES
        size = _SEGMENT_BYTES + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == _TILE:
            size = int.from_bytes(data[place + _LENGTH_PLACE - 2 : place + _LENGTH_PLACE + 2], "big")
            if size == 0:  # up to the end, whose marker is not in the data of packets (B.10.1)
                end = data.find(bytes((0xFF, _END)), place)
                return end + _SEGMENT_BYTES if end >= 0 else None
        place += size
    return None


def jpegxl_end(data: bytes) -> int:
    """Behind the bare JPEG XL codestream that begins ``data``: the fewest bytes that libjxl does not find too few.

    Raises ImportError without imagecodecs; whole data where less is not enough.
    """
    import imagecodecs

    def is_enough(size: int) -> bool:
        try:
            imagecodecs.jpegxl_decode(data[:size])
        except RuntimeError:  # as all errors of imagecodecs are, with and without names of their own
            return False
        return True

    low, high = 0, len(data)  # the first is too few
    if not is_enough(high - 1):  # as of nearly all files
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
