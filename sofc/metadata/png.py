"""Metadata in the chunks of PNG files."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from sofc.container.records import Metadata, MetadataKind, is_plain_text
from sofc.errors import FormatError
from sofc.metadata.palette import OPAQUE, Palette, in_8_bits, palette_item, palette_of
from sofc.metadata.texts import per_metre, resolution_item, resolution_of, text_item, text_of

SIGNATURE_BYTES = 8
HEAD_END = SIGNATURE_BYTES + 12 + 13
"""Where the first chunk ends, IHDR, behind which all that is put back may stand."""
XMP = b"XML:com.adobe.xmp"
DEFAULT_KEYWORD = b"Comment"
DEFAULT_PROFILE = b"ICC profile"
# Chunks that are kept as they are, with the length that they must have (None: any).
_LENGTHS: dict[bytes, int | None] = {
    **{b"cHRM": 32, b"cICP": 4, b"cLLI": 8, b"gAMA": 4, b"mDCV": 24, b"oFFs": 9, b"sRGB": 1, b"sTER": 1, b"tIME": 7},
    **{b"pCAL": None, b"sCAL": None, b"sPLT": None},
}
# Bytes for an image of so many components, which PNG writes as its colour types 0, 4, 2 and 6; 5 is a palette image.
_FOR_SAMPLES = {b"bKGD": (2, 2, 6, 6, 1), b"sBIT": (1, 2, 3, 4, 3), b"tRNS": (2, 0, 6, 0, 0)}
_COMPONENTS = {0: 1, 4: 2, 2: 3, 6: 4, 3: 5}
_GRAY, _INDEXED = 0, 3
_PROPERTY = 0x20
"""The bit of the letters of a chunk's type that says that it is ancillary (first), private (second), and may be copied
with samples that have changed (last)."""
_SAMPLES = (b"IDAT", b"fdAT")
_STRUCTURE = (b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"iCCP", b"eXIf", b"pHYs", b"tEXt", b"zTXt", b"iTXt")
"""Chunks that are read as samples or as items of a kind of their own."""
_BEFORE_PALETTE = frozenset((b"cHRM", b"cICP", b"cLLI", b"gAMA", b"iCCP", b"mDCV", b"sBIT", b"sRGB"))
_LARGEST = 1 << 26
_LARGEST_TEXT = 1 << 20
"""What readers inflate of a text."""


def read(path: Path) -> list[Metadata]:
    """The items of a PNG file."""
    items: list[Metadata] = []
    components = 0
    palette: dict[bytes, bytes] = {}
    for kind, body in _chunks(path):
        if kind == b"IHDR":
            components = _COMPONENTS.get(body[9], 0)
        elif components == _COMPONENTS[_INDEXED] and kind in (b"PLTE", b"tRNS"):
            palette[kind] = body
        elif kind == b"iCCP":
            name, _, packed = body.partition(b"\0")
            items.append(Metadata(MetadataKind.ICC, name.decode("latin-1"), _inflated(packed[1:])))
        elif kind == b"eXIf":
            items.append(Metadata(MetadataKind.EXIF, "", body))
        elif kind == b"pHYs" and len(body) == 9:
            per = 100 if body[8] else 1
            x, y = (Fraction(int.from_bytes(body[at : at + 4], "big"), per).as_integer_ratio() for at in (0, 4))
            items += resolution_item(x, y, "cm" if body[8] else "none")
        elif kind in (b"tEXt", b"zTXt"):
            keyword, _, text = body.partition(b"\0")
            text = _inflated(text[1:]) if kind == b"zTXt" else text
            items.append(text_item(keyword.decode("latin-1"), text.decode("latin-1")))
        elif kind == b"iTXt":
            items.append(_international(body))
        elif _is_kept(kind, body, components):
            items.append(Metadata(MetadataKind.PNG, kind.decode("ascii"), body))
    return [*items, *_palette(palette.get(b"PLTE", b""), palette.get(b"tRNS", b""))]


def unkept(path: Path) -> list[str]:
    """The chunks that ``read`` does not keep, by their types."""
    components, found = 0, dict[bytes, None]()
    for kind, body in _chunks(path):
        if kind == b"IHDR":
            components = _COMPONENTS.get(body[9], 0)
        elif kind not in _STRUCTURE and not _is_kept(kind, body, components):
            found[kind] = None
    return [f"chunk {kind.decode('latin-1')}" for kind in found]


def put_back(data: bytes, items: Sequence[Metadata]) -> bytes:
    """The PNG file with the chunks of the items. A gray image becomes a palette image where they hold a palette."""
    head, bits, kind = data[:HEAD_END], data[HEAD_END - 9], data[HEAD_END - 8]
    palette = next((found for found in map(palette_of, items) if found is not None), None)
    if palette is None or kind != _GRAY or bits > 8:
        chunks = [chunk for item in items for chunk in _written(item, _COMPONENTS.get(kind, 0))]
        return b"".join((head, *chunks, data[HEAD_END:]))
    head = data[:SIGNATURE_BYTES] + _chunk(
        b"IHDR", data[SIGNATURE_BYTES + 8 : HEAD_END - 8] + bytes([_INDEXED, 0, 0, 0])
    )
    chunks = [chunk for item in items for chunk in _written(item, _COMPONENTS[_INDEXED])]
    first = [chunk for chunk in chunks if chunk[4:8] in _BEFORE_PALETTE]
    others = [chunk for chunk in chunks if chunk[4:8] not in _BEFORE_PALETTE]
    colours = _chunk(b"PLTE", in_8_bits(palette)[: 1 << bits].tobytes())
    alpha = [] if palette.alpha is None else [_chunk(b"tRNS", palette.alpha[: 1 << bits].tobytes())]
    return b"".join((head, *first, colours, *alpha, *others, data[HEAD_END:]))


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Type and body of each chunk but those of the samples."""
    with path.open("rb") as file:
        file.seek(SIGNATURE_BYTES)
        while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
            length = int.from_bytes(head[:4], "big")
            if head[4:] in _SAMPLES:
                file.seek(length + 4, 1)
                continue
            body, check = file.read(length), file.read(4)
            if zlib.crc32(head[4:] + body) != int.from_bytes(check, "big"):
                raise FormatError(f"chunk {head[4:].decode('latin-1')!r} is damaged")
            yield head[4:], body


def _palette(colours: bytes, transparency: bytes) -> list[Metadata]:
    """The item of a palette image's colours; those that ``transparency`` ends before are opaque."""
    if not colours or len(colours) % 3:
        return []
    entries = np.frombuffer(colours, np.uint8).reshape(-1, 3)
    if not transparency:
        return [palette_item(Palette(entries))]
    alpha = np.frombuffer(transparency.ljust(len(entries), bytes([OPAQUE]))[: len(entries)], np.uint8)
    return [palette_item(Palette(entries, alpha))]


def _inflated(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(packed, _LARGEST)
    except zlib.error as error:
        raise FormatError(f"a compressed chunk is damaged: {error}") from error
    if not inflater.eof:
        raise FormatError("a compressed chunk is cut off, or larger than 64 MB")
    return data


def _international(body: bytes) -> Metadata:
    keyword, _, rest = body.partition(b"\0")
    packed, rest = rest[:1] == b"\1", rest[2:]
    language, _, rest = rest.partition(b"\0")
    translated, _, text = rest.partition(b"\0")
    if language or (translated and keyword != XMP):
        return Metadata(MetadataKind.PNG, "iTXt", body)
    text = _inflated(text) if packed else text
    if keyword == XMP:
        return Metadata(MetadataKind.XMP, "", text)
    return text_item(keyword.decode("latin-1"), text.decode("utf-8", "replace"))


def _is_international(body: bytes) -> bool:
    """Whether an untrusted body can stand in an iTXt chunk."""
    keyword, _, rest = body.partition(b"\0")
    if not 1 <= len(keyword) <= 79 or rest.count(b"\0") < 3 or rest[:2] not in (b"\0\0", b"\1\0"):
        return False
    try:
        return not rest[0] or len(_inflated(rest[2:].split(b"\0", 2)[2])) <= _LARGEST_TEXT
    except FormatError:
        return False


def _is_kept(kind: bytes, body: bytes, components: int) -> bool:
    if kind in _FOR_SAMPLES:
        return components > 0 and len(body) == _FOR_SAMPLES[kind][components - 1] > 0
    return _LENGTHS[kind] in (None, len(body)) if kind in _LENGTHS else _is_free(kind)


def _is_free(kind: bytes) -> bool:
    """Whether a chunk is a program's own, and whoever does not know it may copy it (PNG, 5.4)."""
    is_name = len(kind) == 4 and kind.isalpha()
    return is_name and all(kind[place] & _PROPERTY for place in (0, 1, 3)) and kind not in _STRUCTURE


def _written(item: Metadata, components: int) -> Iterator[bytes]:
    if item.kind == MetadataKind.ICC:
        yield _chunk(b"iCCP", _keyword(item.key, DEFAULT_PROFILE) + b"\0\0" + zlib.compress(item.value, 9))
    elif item.kind == MetadataKind.EXIF:
        yield _chunk(b"eXIf", item.value.removeprefix(b"Exif\0\0"))
    elif item.kind == MetadataKind.XMP:
        yield _chunk(b"iTXt", XMP + b"\0\0\0\0\0" + item.value)
    elif item.kind == MetadataKind.TEXT and b"\0" not in item.value:
        yield _text(_keyword(item.key, DEFAULT_KEYWORD), text_of(item))
    elif item.kind == MetadataKind.RESOLUTION and (resolution := resolution_of(item)) is not None:
        x, y, unit = resolution
        known = unit != "none"
        numbers = [per_metre(value, unit) if known else value[0] // value[1] for value in (x, y)]
        if all(0 < number < 1 << 31 for number in numbers):
            yield _chunk(b"pHYs", b"".join(number.to_bytes(4, "big") for number in numbers) + bytes([known]))
    elif item.kind == MetadataKind.PNG:
        kind = item.key.encode("ascii", "replace")
        if _is_kept(kind, item.value, components) or (kind == b"iTXt" and _is_international(item.value)):
            yield _chunk(kind, item.value)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def _keyword(key: str, default: bytes) -> bytes:
    """1 to 79 Latin-1 characters, as keywords must have."""
    if not is_plain_text(key):
        return default
    try:
        return key.encode("latin-1")[:79].strip() or default
    except UnicodeEncodeError:
        return default


def _text(keyword: bytes, text: str) -> bytes:
    try:
        return _chunk(b"tEXt", keyword + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        return _chunk(b"iTXt", keyword + b"\0\0\0\0\0" + text.encode("utf-8"))
