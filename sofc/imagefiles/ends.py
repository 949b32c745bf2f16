"""Where image files of some formats end, by how they are framed: readers pass over what stands behind, which may be
another picture."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from sofc.imagefiles import signatures

_PNG_SIGNATURE_BYTES, _PNG_HEAD = 8, struct.Struct(">I4s")
_PNG_CHECK_BYTES, _PNG_END = 4, b"IEND"
_GIF_HEAD, _GIF_PLACE = struct.Struct("10xB2x"), struct.Struct("8xB")  # whether a table of colours follows
_GIF_TABLE, _GIF_TABLE_SIZE = 0x80, 0x07
_GIF_EXTENSION, _GIF_PICTURE = b"\x21", b"\x2c"
# Of BMP: the size of the file, the place of the samples; the size of this head, columns, rows, planes, bits, packing.
_BMP_HEAD = struct.Struct("<2xI4xIIiiHHI")
_BMP_HEAD_BYTES, _BMP_RUNS = 40, (1, 2)
_BOX_HEAD, _LONG_BOX, _FIRST_BOX = struct.Struct(">I4s"), struct.Struct(">Q"), b"ftyp"


def behind(path: Path) -> int:
    """Bytes behind the end of an image file, from the first to the last that is not 0; 0 for those of other formats,
    and for those whose framing does not lead to an end."""
    find = _ENDS.get(signatures.name_of(path) or "")
    if find is None:
        return 0
    with path.open("rb") as file:
        try:
            end = find(file)
        except struct.error:
            return 0
        file.seek(end)
        rest = 0
        while piece := file.read(1 << 20):
            if used := len(piece.rstrip(b"\0")):
                rest = file.tell() - len(piece) + used - end
    return rest


def _png(file: BinaryIO) -> int:
    """Behind the last chunk (PNG, 5.3)."""
    file.seek(_PNG_SIGNATURE_BYTES)
    kind = b""
    while kind != _PNG_END:
        length, kind = _PNG_HEAD.unpack(file.read(_PNG_HEAD.size))
        file.seek(length + _PNG_CHECK_BYTES, os.SEEK_CUR)
    return file.tell()


def _webp(file: BinaryIO) -> int:
    """Behind the one chunk of RIFF, which has an even length."""
    size: int
    _, size = struct.unpack("<4sI", file.read(8))
    return 8 + size + size % 2


def _gif(file: BinaryIO) -> int:
    """Behind the trailer (GIF89a, 27)."""
    _pass_table(file, *_GIF_HEAD.unpack(file.read(_GIF_HEAD.size)))
    while (kind := file.read(1)) in (_GIF_EXTENSION, _GIF_PICTURE):
        if kind == _GIF_PICTURE:
            _pass_table(file, *_GIF_PLACE.unpack(file.read(_GIF_PLACE.size)))
        file.seek(1, os.SEEK_CUR)  # what kind of extension, or the size of codes
        while (length := file.read(1)) > b"\0":
            file.seek(length[0], os.SEEK_CUR)
    return file.tell()


def _pass_table(file: BinaryIO, flags: int) -> None:
    if flags & _GIF_TABLE:
        file.seek(3 << (flags & _GIF_TABLE_SIZE) + 1, os.SEEK_CUR)


def _bmp(file: BinaryIO) -> int:
    """Behind the samples, and behind what the head says is the file: programs write that wrong, or put colours there.
    The end of the file where neither is known."""
    said, place, head_bytes, width, height, _, bits, packing = _BMP_HEAD.unpack(file.read(_BMP_HEAD.size))
    if head_bytes < _BMP_HEAD_BYTES or (packing in _BMP_RUNS and said <= place):
        return _size(file)
    samples = 0 if packing in _BMP_RUNS else (width * bits + 31) // 32 * 4 * abs(height)
    return int(max(said, place + samples))


def _boxes(file: BinaryIO) -> int:
    """Before the box with which another file begins (ISO/IEC 14496-12, 4.2), else the end of the file: boxes may be
    of any kind."""
    end, place = _size(file), 0
    while place < end:
        file.seek(place)
        size, kind = _BOX_HEAD.unpack(file.read(_BOX_HEAD.size))
        if kind == _FIRST_BOX and place:
            return place
        if size == 1:
            (size,) = _LONG_BOX.unpack(file.read(_LONG_BOX.size))
        if size < _BOX_HEAD.size:  # 0: up to the end of the file
            break
        place += size
    return end


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


_ENDS: dict[str, Callable[[BinaryIO], int]] = {"PNG": _png, "WebP": _webp, "GIF": _gif, "BMP": _bmp, "AVIF": _boxes}
"""By what files call themselves."""
