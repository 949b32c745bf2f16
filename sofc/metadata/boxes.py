"""Metadata in the boxes of JPEG 2000 (ISO/IEC 15444-1, annex I) and JPEG XL (ISO/IEC 18181-2) files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from sofc.container.records import Metadata, MetadataKind
from sofc.imagefiles import codecs
from sofc.metadata.texts import resolution_item

_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF = b"JpgTiffExif->JP2"
"""What boxes of the kind ``uuid`` begin with that hold XMP and EXIF data."""
_UUID_BYTES, _OFFSET_BYTES = 16, 4
_HEAD, _RESOLUTION = b"jp2h", b"res "
_RESOLUTIONS = (b"resd", b"resc")
"""As it is to be shown, and as it was taken."""
_POINTS = struct.Struct(">HHHHbb")  # down and across: numerators, denominators, powers of ten; for each metre
_PROFILES = (2, 3)
"""Ways to say what colours are, by a profile."""
_STRUCTURE = (
    *(b"jP  ", b"ftyp", b"jp2c", b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef"),
    *(b"JXL ", b"jxlc", b"jxlp", b"jxll", b"jxli", b"free", b"skip"),
)
"""Boxes of samples and what these are, of places in the file, and of nothing."""


def read(path: Path) -> list[Metadata]:
    """The items of a file of boxes; of others none."""
    return [item for _, items in _boxes(path) for item in items]


def unkept(path: Path) -> list[str]:
    """The boxes of which ``read`` makes no item, by their types."""
    found = dict.fromkeys(kind for kind, items in _boxes(path) if not items and kind not in _STRUCTURE)
    return [f"box {kind.decode('latin-1').strip()}" for kind in found]


def _boxes(path: Path) -> Iterator[tuple[bytes, list[Metadata]]]:
    """The kind of each box, those inside of others among them, and its items."""
    data = path.read_bytes()
    if not data.startswith((codecs.JP2, codecs.JXL)):
        return
    for kind, begin, end in codecs.boxes(data, 0, len(data)):
        if kind != _HEAD:
            yield kind, _items(kind, data[begin:end])
            continue
        for inner, start, after in codecs.boxes(data, begin, end):
            if inner != _RESOLUTION:
                yield inner, _items(inner, data[start:after])
                continue
            found = {name: data[first:last] for name, first, last in codecs.boxes(data, start, after)}
            yield inner, next((_resolution(found[name]) for name in _RESOLUTIONS if name in found), [])


def _items(kind: bytes, body: bytes) -> list[Metadata]:
    if kind == b"uuid" and body.startswith(_XMP):
        return [Metadata(MetadataKind.XMP, "", body[_UUID_BYTES:])]
    if kind == b"uuid" and body.startswith(_EXIF):
        return [Metadata(MetadataKind.EXIF, "", body[_UUID_BYTES:].removeprefix(b"Exif\0\0"))]
    if kind == b"Exif":
        start = _OFFSET_BYTES + int.from_bytes(body[:_OFFSET_BYTES], "big")
        return [Metadata(MetadataKind.EXIF, "", body[start:])] if start < len(body) else []
    if kind == b"xml ":
        return [Metadata(MetadataKind.XMP, "", body)] if b"xmpmeta" in body or b"rdf:RDF" in body else []
    if kind == b"colr" and body[:1] and body[0] in _PROFILES:
        return [Metadata(MetadataKind.ICC, "", body[3:])]
    return []


def _resolution(body: bytes) -> list[Metadata]:
    if len(body) != _POINTS.size:
        return []
    top_y, bottom_y, top_x, bottom_x, power_y, power_x = _POINTS.unpack(body)
    pairs = []
    for top, bottom, power in ((top_x, bottom_x, power_x - 2), (top_y, bottom_y, power_y - 2)):  # for each centimetre
        pairs.append((top * 10 ** max(power, 0), bottom * 10 ** max(-power, 0)))
    if max(number for pair in pairs for number in pair) >= 1 << 32:
        return []
    return resolution_item(pairs[0], pairs[1], "cm")
