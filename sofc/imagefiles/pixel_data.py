"""Where the samples of a DICOM file stand (DICOM PS3.5, 7.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

PIXEL_DATA = 0x7FE00010
_LONG_HEAD, _SHORT_HEAD = 12, 8
"""Bytes before the samples, with and without a value representation."""
_UNKNOWN_LENGTH = 0xFFFFFFFF
_ITEM, _ITEM_HEAD = b"\xfe\xff\x00\xe0", 8
_END, _LAST = b"\xff\xd9", 10
"""The end of JPEG data, and in how many last bytes of an item it stands, as pydicom looks for it."""

_NUMBER = np.dtype("<u8")
"""Of Extended Offset Tables."""


class Element(NamedTuple):
    """An element with samples: ``tag``; ``kind``: its value representation, b"" where the file names none; ``start`` of
    its bytes in the file; ``length`` in bytes as the file says, None where the samples are compressed and that is left
    open; ``order`` of the bytes."""

    tag: int
    kind: bytes
    start: int
    length: int | None
    order: Literal["little", "big"]


def find(path: Path) -> Element:
    """The element that follows all that describes the image. ``tag`` is 0 where the file ends there.

    What is deflated has none. Raises what pydicom does for a file that it cannot read, and OSError.
    """
    import pydicom

    with path.open("rb") as file:
        found = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["PatientID"], force=True)
        start = file.tell()
        head = file.read(_LONG_HEAD)
    is_implicit, is_little_endian = found.original_encoding
    order: Literal["little", "big"] = "little" if is_little_endian else "big"
    group, element = (int.from_bytes(head[at : at + 2], order) for at in (0, 2))
    length = int.from_bytes(head[4:8] if is_implicit else head[8:12], order)
    return Element(
        group << 16 | element,
        b"" if is_implicit else head[4:6],
        start + (_SHORT_HEAD if is_implicit else _LONG_HEAD),
        None if length == _UNKNOWN_LENGTH else length,
        order,
    )


def frames_there(path: Path) -> int:
    """Frames of compressed samples, as far as the table of their offsets tells, or the ends of JPEG data; else 0."""
    place = find(path)
    if place.tag != PIXEL_DATA or place.length is not None:
        return 0
    ends = 0
    with path.open("rb") as file:
        file.seek(place.start)
        table = int.from_bytes(file.read(_ITEM_HEAD)[len(_ITEM) :], "little")
        if table:
            return table // 4
        while len(head := file.read(_ITEM_HEAD)) == _ITEM_HEAD and head.startswith(_ITEM):
            size = int.from_bytes(head[len(_ITEM) :], "little")
            file.seek(max(0, size - _LAST), 1)
            ends += _END in file.read(min(size, _LAST))
    return ends


def fit(offsets: bytes, lengths: bytes, frames: int) -> bool:
    """Whether a table of offsets and one of lengths, which may be empty, have the frames one behind the other, each an
    item (PS3.3, C.7.6.3.1.8)."""
    if not offsets:
        return True
    if not len(offsets) == len(lengths) == frames * _NUMBER.itemsize:
        return False
    starts, sizes = np.frombuffer(offsets, _NUMBER), np.frombuffer(lengths, _NUMBER)
    ends = np.cumsum(_ITEM_HEAD + sizes + sizes % 2)
    return starts[0] == 0 and bool((starts[1:] == ends[:-1]).all())
