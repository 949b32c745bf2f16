"""OpenEXR files through the package OpenEXR: the channels of the first part, of one type and size."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from sofc.errors import FormatError, UnsupportedError
from sofc.imagefiles.exact import KEEP
from sofc.imagefiles.samples import Samples, meaning_of

MAGIC = b"v/1\x01"
_VERSION_END, _TILES, _PARTS = 8, 0x200, 0x1000
"""Of version and flags: where they end, and those of one part in tiles, and of several parts."""
_ORDERS = (("R", "G", "B", "A"), ("R", "G", "B"), ("Y", "A"), ("Y",), ("Z",))
"""Channels of pictures, in the order of components; others come in the order of their names."""


def end(path: Path) -> int:
    """Where the last chunk ends (OpenEXR File Layout). Raises FormatError where places of chunks are missing."""
    data = path.read_bytes()
    (flags,) = struct.unpack_from("<I", data, len(MAGIC))
    place, in_tiles = _VERSION_END, bool(flags & _TILES)
    while True:  # over the heads of all parts
        while data[place]:
            name, kind = place, data.index(b"\0", place) + 1
            value = data.index(b"\0", kind) + 1
            (size,) = struct.unpack_from("<I", data, value)
            is_type = data.startswith(b"type\0", name)
            in_tiles |= is_type and data.startswith(b"tiledimage", value + 4)
            place = value + 4 + size
        place += 1
        if not flags & _PARTS or not data[place]:
            break
    place += bool(flags & _PARTS)
    head = struct.Struct("<" + "i" * bool(flags & _PARTS) + ("4i" if in_tiles else "i") + "i")
    first, last = len(data), 0
    while place < first:  # the table of places, behind which the first chunk stands
        (start,) = struct.unpack_from("<Q", data, place)
        if not start:
            raise FormatError(f"{path}: the EXR file is not complete")
        *_, size = head.unpack_from(data, start)
        place, first, last = place + 8, min(first, start), max(last, start + head.size + size)
    if last < place:
        raise FormatError(f"{path}: the EXR file is cut off")
    return last


def load(path: Path) -> Samples:
    """The image, of float16, float32 or uint32. Raises UnsupportedError where channels differ, or without OpenEXR."""
    try:
        import OpenEXR
    except ImportError as error:
        raise UnsupportedError(f"{path}: EXR files need OpenEXR; install it with: pip install 'sofc[exr]'") from error
    with OpenEXR.File(str(path), separate_channels=True) as file:
        if not file.parts:  # OpenEXR (3.5.3) leaves out parts that it cannot decode
            raise FormatError(f"{path}: the EXR file is damaged: its samples cannot be decoded")
        if len(file.parts) != 1:
            raise UnsupportedError(f"{path}: the EXR file has {len(file.parts)} parts, of which one is read; {KEEP}")
        channels: dict[str, Any] = {name: channel.pixels for name, channel in file.channels().items()}
    names = next((order for order in _ORDERS if set(order) == set(channels)), tuple(sorted(channels)))
    arrays = [channels[name] for name in names]
    kinds = {(array.dtype, array.shape) for array in arrays}
    if len(kinds) != 1 or arrays[0].ndim != 2:
        raise UnsupportedError(f"{path}: the channels of the EXR file differ in type or size; {KEEP}")
    if len(arrays) == 1:
        return Samples(arrays[0], None, meaning_of(1))
    return Samples(np.stack(arrays, axis=-1), None, meaning_of(len(arrays) if names in _ORDERS else 0))
