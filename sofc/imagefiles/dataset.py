"""DICOM data sets without the preamble that marks files of DICOM, known by their first elements."""

from __future__ import annotations

HEAD_BYTES = 1024
"""Bytes of a file that show whether it is a data set."""
_ELEMENTS = 3
"""So many that follow each other by the rules are not there by chance."""
_FIRST_GROUPS = (0x0002, 0x0008)
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_SHORT = {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL"}
_SHORT |= {b"SS", b"ST", b"TM", b"UI", b"UL", b"US"}
_UNDEFINED = 0xFFFFFFFF
_HEAD_SIZE = 8


def is_data_set(head: bytes, size: int) -> bool:
    """Whether a file of ``size`` bytes that begins with ``head`` begins as a little-endian data set does.

    That is with elements of group 0002 or 0008 whose tags rise, whose lengths are even and lead on to another element,
    all with value representations (VR) that there are or all without.
    """
    return any(_follow(head, size, explicit) for explicit in (True, False))


def _follow(head: bytes, size: int, explicit: bool) -> bool:
    start, before, seen = 0, (0, -1), 0
    while seen < _ELEMENTS and start + _HEAD_SIZE <= len(head):
        tag = _number(head, start, 2), _number(head, start + 2, 2)
        vr = head[start + 4 : start + 6]
        if explicit and vr not in _LONG | _SHORT:
            # Only the meta information of files is explicit where the rest is not.
            return seen > 0 and before[0] == 0x0002 and _follow(head[start:], size - start, explicit=False)
        value, length = start + _HEAD_SIZE, _number(head, start + 4, 4)
        if explicit and vr in _LONG:
            value, length = start + 12, _number(head, start + 8, 4)
        elif explicit:
            length = _number(head, start + 6, 2)
        if tag <= before or (seen == 0 and tag[0] not in _FIRST_GROUPS):
            return False
        if length == _UNDEFINED:
            return seen > 0  # a sequence, whose items end somewhere
        if length % 2 or value + length > size:
            return False
        before, start = tag, value + length
        seen += 1
    # A long value may end behind what is there of the file.
    return seen == _ELEMENTS or (seen == _ELEMENTS - 1 and start + _HEAD_SIZE > len(head) and size > len(head))


def _number(data: bytes, start: int, count: int) -> int:
    return int.from_bytes(data[start : start + count], "little")
