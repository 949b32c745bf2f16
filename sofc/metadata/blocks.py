"""Blocks of GIF, WebP, BMP, QOI and TGA files beside their samples, of which ``metadata.pillow`` makes no items."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from sofc.imagefiles import ends, signatures

_GIF_HEAD_BYTES, _SQUARE = 13, (0, 49)
_TEXT, _COMMENT, _APPLICATION, _CONTROL = 0x01, 0xFE, 0xFF, 0xF9
"""Extensions of GIF (GIF89a, 24 to 26)."""
_REPEATS = ("NETSCAPE2.0", "ANIMEXTS1.0")
"""Applications whose blocks say how often frames are shown."""
_WEBP_KNOWN = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ")
_BMP_HEAD = struct.Struct("<14xI")
_BMP_COLOURS = struct.Struct("<70xI")
_V4_BYTES = 108
_CALIBRATED = 0
_PROFILES = (b"LINK", b"MBED")
"""Colour spaces of BMP (written the other way round) of which more than a name stands in the file."""
_QOI_HEAD_BYTES, _LINEAR = 14, b"\1"
_TGA_HEAD_BYTES, _TGA_END_BYTES = 18, 26
_TGA_END = b"TRUEVISION-XFILE.\0"


def unkept(path: Path) -> list[str]:
    """What the file has besides samples of which no items are made, in words."""
    reader = _READERS.get(signatures.name_of(path) or "TGA")
    if reader is None:
        return []
    with path.open("rb") as file:
        return list(dict.fromkeys(reader(file)))


def _gif(file: BinaryIO) -> Iterator[str]:
    if (head := file.read(_GIF_HEAD_BYTES))[-1] not in _SQUARE:
        yield "shape of pixels"
    for label, data in ends.gif_extensions(file, head):
        name = data[:11].decode("latin-1")
        if label == _APPLICATION and name not in _REPEATS:
            yield f"data of {name}"
        elif label not in (_COMMENT, _APPLICATION, _CONTROL):
            yield "a text that is drawn" if label == _TEXT else f"extension {label}"


def _webp(file: BinaryIO) -> Iterator[str]:
    size = int.from_bytes(file.read(12)[4:8], "little")
    while file.tell() < size + 8 and len(head := file.read(8)) == 8:
        if head[:4] not in _WEBP_KNOWN:
            yield f"chunk {head[:4].decode('latin-1').strip()}"
        length = int.from_bytes(head[4:], "little")
        file.seek(length + length % 2, 1)


def _bmp(file: BinaryIO) -> Iterator[str]:
    head = file.read(_BMP_COLOURS.size).ljust(_BMP_COLOURS.size, b"\0")
    if _BMP_HEAD.unpack_from(head)[0] < _V4_BYTES:
        return
    (space,) = _BMP_COLOURS.unpack(head)
    if space == _CALIBRATED or space.to_bytes(4, "big") in _PROFILES:
        yield "what its colours are" if space == _CALIBRATED else "colour profile"


def _tga(file: BinaryIO) -> Iterator[str]:
    if (head := file.read(_TGA_HEAD_BYTES))[:1] > b"\0":
        yield "text behind its head"
    if head[8:12].strip(b"\0"):
        yield "place on the screen"
    size = file.seek(0, 2)
    file.seek(max(0, size - _TGA_END_BYTES))
    tail = file.read()
    if tail.endswith(_TGA_END):
        for start, what in ((0, "extension area"), (4, "developer area")):
            if tail[start : start + 4] != bytes(4):
                yield what


def _qoi(file: BinaryIO) -> Iterator[str]:
    """Decoders do not act on that, and some writers say it of all files: it is not to change what PNG files show."""
    if file.read(_QOI_HEAD_BYTES)[-1:] == _LINEAR:
        yield "that it is said to be linear"


_READERS: dict[str, Callable[[BinaryIO], Iterator[str]]] = {
    **{"GIF": _gif, "WebP": _webp, "BMP": _bmp, "QOI": _qoi, "TGA": _tga}
}
