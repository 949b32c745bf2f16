"""Where the samples of a DICOM file stand (DICOM PS3.5, 7.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

PIXEL_DATA = 0x7FE00010
_LONG_HEAD, _SHORT_HEAD = 12, 8
"""Bytes before the samples, with and without a value representation."""
_UNKNOWN_LENGTH = 0xFFFFFFFF


class Place(NamedTuple):
    """An element with samples: ``tag``; ``kind``: its value representation, b"" where the file names none; ``start`` of
    its bytes in the file; ``length`` in bytes as the file says, None where the samples are compressed and that is left
    open; ``order`` of the bytes."""

    tag: int
    kind: bytes
    start: int
    length: int | None
    order: Literal["little", "big"]


def find(path: Path) -> Place:
    """The place of the element that follows all that describes the image. ``tag`` is 0 where the file ends there.

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
    return Place(
        group << 16 | element,
        b"" if is_implicit else head[4:6],
        start + (_SHORT_HEAD if is_implicit else _LONG_HEAD),
        None if length == _UNKNOWN_LENGTH else length,
        order,
    )
