"""Metadata in the fields of TIFF files."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sofc.container.records import Metadata, MetadataKind
from sofc.errors import FormatError
from sofc.metadata import ifd
from sofc.metadata.ifd import Directory, Field
from sofc.metadata.palette import Palette, in_16_bits, narrowed, palette_item, palette_of
from sofc.metadata.texts import resolution_item, resolution_of, text_item, text_of

ICC, XMP = 34675, 700
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
BITS_PER_SAMPLE, PHOTOMETRIC, COLOUR_MAP = 258, 262, 320
WIDTH, HEIGHT, DESCRIPTION, COMPONENTS = 256, 257, 270, 277
MIN_IS_BLACK, INDEXED = 1, 3
UNITS = {1: "none", 2: "inch", 3: "cm"}
TEXTS = {
    269: "DocumentName",
    DESCRIPTION: "ImageDescription",
    271: "Make",
    272: "Model",
    285: "PageName",
    305: "Software",
    306: "DateTime",
    315: "Artist",
    316: "HostComputer",
    33432: "Copyright",
}
# What PNG calls some of them.
_OTHER_NAMES = {"Title": 269, "Description": 270, "Author": 315}
WORTH_KEEPING = frozenset(
    (
        *(274, 286, 287, 297),  # orientation, place on the page, page number
        *(301, 318, 319),  # transfer function, white point, primaries
        *(33723, 34377),  # IPTC, Photoshop
        *(33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113),  # GeoTIFF, GDAL
    )
)
"""Other fields that are kept, as a directory of their own."""
_UPRIGHT = {274: Field(ifd.SHORT, 1, b"\1\0")}
"""What holds without saying."""
# Descriptions that say how the pages of one certain file are to be read.
_IMAGEJ, _OME, _SHAPES = "ImageJ=", "<OME ", '{"shape"'


def read(path: Path, images: int) -> list[list[Metadata]]:
    """The items of each page. Where images share pages, all have those of the first."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        pages = [page for series in file.series for page in series.pages]
        offsets = [page.offset if page is not None else None for page in pages]
    with path.open("rb") as stream:
        if len(offsets) != images or None in offsets:
            return [_items(stream, offsets[0])] * images
        return [_items(stream, offset) for offset in offsets]


def _items(stream: BinaryIO, offset: int | None) -> list[Metadata]:
    directory = ifd.read(stream, offset)
    fields = directory.fields
    items = []
    for tag, kind in ((ICC, MetadataKind.ICC), (XMP, MetadataKind.XMP)):
        if tag in fields:
            items.append(Metadata(kind, "", fields[tag].value))
    if exif := {tag: inner for tag, inner in directory.inner.items() if tag in (ifd.EXIF, ifd.GPS) and inner}:
        items.append(Metadata(MetadataKind.EXIF, "", ifd.write(Directory(inner=exif))))
    for tag, name in TEXTS.items():
        if tag in fields and fields[tag].type == ifd.ASCII:
            items.append(text_item(name, _decoded(fields[tag].value.rstrip(b"\0"))))
    if all(tag in fields and len(fields[tag].value) == 8 for tag in (X_RESOLUTION, Y_RESOLUTION)):
        x, y = (struct.unpack("<II", fields[tag].value) for tag in (X_RESOLUTION, Y_RESOLUTION))
        number = int.from_bytes(fields[RESOLUTION_UNIT].value, "little") if RESOLUTION_UNIT in fields else 2
        items += resolution_item(x, y, UNITS.get(number, "none"))
    if (palette := _palette(fields)) is not None:
        items.append(palette_item(palette))
    others = {tag: one for tag, one in fields.items() if tag in WORTH_KEEPING and one != _UPRIGHT.get(tag)}
    if others:
        items.append(Metadata(MetadataKind.TIFF, "", ifd.write(Directory(others))))
    return items


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def describes_axes(item: Metadata) -> bool:
    """Whether the item is a description of ImageJ's or of OME: what axes the pages of the file run along."""
    text = _description(item)
    return text.startswith(_IMAGEJ) or _OME in text


def is_of_several_files(item: Metadata) -> bool:
    """Whether the item is a description of pages that stand in other files, too."""
    return "FileName=" in _description(item)


def _description(item: Metadata) -> str:
    return text_of(item) if item.kind == MetadataKind.TEXT and item.key == TEXTS[DESCRIPTION] else ""


def _fits(item: Metadata, data: bytes, pages: int) -> bool:
    """Whether the description, which is untrusted, speaks of so many pages of the size of the first, ``data``."""
    text = _description(item)
    if text.startswith(_IMAGEJ):
        found = re.search(r"^images=(\d{1,9})\s*$", text, re.MULTILINE)
        return pages == (int(found[1]) if found else 1)
    fields = ifd.read(BytesIO(data)).fields
    width, height, components = (
        int.from_bytes(fields[tag].value, "little") if tag in fields else 1 for tag in (WIDTH, HEIGHT, COMPONENTS)
    )
    count = 0
    for element in re.findall(r"<Pixels\s[^>]*>", text):
        x, y, z, c, t = (re.search(rf'\sSize{axis}="(\d{{1,9}})"', element) for axis in "XYZCT")
        if not (x and y and z and c and t) or (int(x[1]), int(y[1])) != (width, height):
            return False
        count += int(z[1]) * int(c[1]) * int(t[1])
    return count == pages * components and not is_of_several_files(item)


def put_back(data: bytes, items: Sequence[Metadata], *, pages: int = 0) -> bytes:
    """The TIFF file with the fields of the items. One of 4 GB or more, in the other layout, is left as it is.

    ``pages``: how many there are, where the file is to be the first of those that a description may speak of.
    """
    fields: dict[int, Field] = {}
    inner: dict[int, Directory] = {}
    for item in items:
        if (palette := palette_of(item)) is not None:
            fields |= _colour_map(data, palette)
        elif item.kind in (MetadataKind.EXIF, MetadataKind.TIFF):
            directory = _untrusted(item)
            for tag, one in directory.fields.items():
                if tag in WORTH_KEEPING or (tag in TEXTS and one.type == ifd.ASCII):
                    fields.setdefault(tag, one)
            if item.kind == MetadataKind.EXIF:
                inner |= {tag: directory.inner[tag] for tag in (ifd.EXIF, ifd.GPS) if tag in directory.inner}
        elif not describes_axes(item) or (pages and _fits(item, data, pages)):
            fields |= _fields(item)
    if not (fields or inner) or not data.startswith(b"II*\0") or len(data) >= 1 << 31:
        return data
    return ifd.with_fields(data, fields, inner)


def _palette(fields: Mapping[int, Field]) -> Palette | None:
    """The colours of a palette image: in the file all red ones come first, and so on."""
    kind = fields[PHOTOMETRIC].value if PHOTOMETRIC in fields else b""
    if int.from_bytes(kind, "little") != INDEXED or COLOUR_MAP not in fields:
        return None
    colours = np.frombuffer(fields[COLOUR_MAP].value, "<u2").astype(np.uint16)
    return None if len(colours) % 3 else Palette(narrowed(colours.reshape(3, -1).T))


def _colour_map(data: bytes, palette: Palette) -> dict[int, Field]:
    """The fields that make indices of gray samples; none where the file has samples of another kind."""
    if not data.startswith(b"II*\0"):
        return {}
    fields = ifd.read(BytesIO(data)).fields
    one = Field(ifd.SHORT, 1, b"\1\0")
    bits, kind = (int.from_bytes(fields.get(tag, one).value[:2], "little") for tag in (BITS_PER_SAMPLE, PHOTOMETRIC))
    if kind != MIN_IS_BLACK or not 1 <= bits <= 16:
        return {}
    colours = np.zeros((1 << bits, 3), "<u2")
    given = in_16_bits(palette)[: 1 << bits]
    colours[: len(given)] = given
    return {
        PHOTOMETRIC: Field(ifd.SHORT, 1, struct.pack("<H", INDEXED)),
        COLOUR_MAP: Field(ifd.SHORT, colours.size, colours.T.tobytes()),
    }


def _untrusted(item: Metadata) -> Directory:
    """The directory of an item; an empty one where it cannot be read."""
    try:
        return ifd.read(BytesIO(item.value.removeprefix(b"Exif\0\0")))
    except FormatError:
        return Directory()


def _fields(item: Metadata) -> dict[int, Field]:
    if item.kind == MetadataKind.ICC:
        return {ICC: Field(7, len(item.value), item.value)}
    if item.kind == MetadataKind.XMP:
        return {XMP: Field(1, len(item.value), item.value)}
    if item.kind == MetadataKind.TEXT:
        tag = next((tag for tag, name in TEXTS.items() if name == item.key), _OTHER_NAMES.get(item.key))
        text = text_of(item)
        if tag is None or text.startswith(_SHAPES):
            return {}
        value = text.encode() + b"\0"
        return {tag: Field(ifd.ASCII, len(value), value)}
    if item.kind == MetadataKind.RESOLUTION and (resolution := resolution_of(item)) is not None:
        x, y, unit = resolution
        if max(*x, *y) >= 1 << 32:
            return {}
        number = next(number for number, name in UNITS.items() if name == unit)
        return {
            X_RESOLUTION: Field(ifd.RATIONAL, 1, struct.pack("<II", *x)),
            Y_RESOLUTION: Field(ifd.RATIONAL, 1, struct.pack("<II", *y)),
            RESOLUTION_UNIT: Field(ifd.SHORT, 1, struct.pack("<H", number)),
        }
    return {}
