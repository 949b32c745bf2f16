"""Metadata in the fields of TIFF files."""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sofc.container.records import Metadata, MetadataKind
from sofc.errors import FormatError
from sofc.imagefiles.photometric import EXTRAS, Photometric, of_tiff
from sofc.imagefiles.tiff_stacks import open_file
from sofc.metadata import ifd
from sofc.metadata.ifd import Directory, Field
from sofc.metadata.palette import Palette, in_16_bits, narrowed, palette_item, palette_of
from sofc.metadata.photometric import photometric_item, photometric_of
from sofc.metadata.texts import resolution_item, resolution_of, text_item, text_of
from sofc.rows import FileRows

ICC, XMP = 34675, 700
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, COLOUR_MAP = 258, 259, 262, 320
WIDTH, HEIGHT, DESCRIPTION, COMPONENTS, PLANAR = 256, 257, 270, 277, 284
INK_SET, INK_NAMES, INKS, EXTRA_SAMPLES = 332, 333, 334, 338
COEFFICIENTS, SUBSAMPLING, POSITIONING, REFERENCES = 529, 530, 531, 532
ORIENTATION = 274
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
_FIELDS_OF_TEXTS = {"Title": 269, "Description": 270, "Author": 315, **{name: tag for tag, name in TEXTS.items()}}
WORTH_KEEPING = frozenset(
    (
        *(ORIENTATION, 286, 287, 297),  # orientation, place on the page, page number
        *(301, 318, 319),  # transfer function, white point, primaries
        *(263, 321, 336, 337),  # of print: threshholding, halftones, range of dots, printer
        *(280, 281, 340, 341),  # smallest and largest samples
        *(290, 291),  # of gray: what the optical density is
        *(18246, 18249, *range(40091, 40096)),  # Windows: ratings, title, comment, author, keywords, subject
        *(33723, 34377),  # IPTC, Photoshop
        *(33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113, 50844),  # GeoTIFF, GDAL
    )
)
"""Other fields that are kept, as a directory of their own."""
_PROGRAMS = range(32768, 65000)
"""Fields that are registered for programs. Of these texts are kept: others may be places in the file."""
_MARKS = frozenset((33471, 33560, *range(33628, 33632), 34361, 34362, 34412, 37706, 43314, 51123))
"""But for those by which readers know files of a kind of their own, whose pages they read in other ways."""
_STRUCTURE = frozenset(
    (
        *(254, 255, WIDTH, HEIGHT, BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, 264, 265, 266, 273, COMPONENTS, 278, 279),
        *(PLANAR, 288, 289, 292, 293, 317, COLOUR_MAP, *range(322, 328), 330, INK_SET, INKS, EXTRA_SAMPLES, 339, 347),
        *(*range(512, 516), *range(517, 522), COEFFICIENTS, SUBSAMPLING, POSITIONING, REFERENCES),
        *range(32995, 32999),
    )
)
"""Fields that say where samples are, how they are coded and what they are: these are kept as samples are."""
_OF_COLOURS = {
    **{"cielab": (), "inks": (INK_NAMES, INKS), "cmyk": (INK_NAMES, INKS), "cfa": (33421, 33422)},
    **{"ycbcr": (COEFFICIENTS, REFERENCES), "ycbcr-narrow": (COEFFICIENTS, REFERENCES)},
}
"""Fields that are kept where they say how these colours are to be taken: inks, arrangement of filters, YCbCr."""
_NARROW = (16, 235, 128, 240, 128, 240)
"""Black and white of YCbCr as video has it, where the samples of 8 bits do not use their range."""
_UPRIGHT = {ORIENTATION: Field(ifd.SHORT, 1, b"\1\0")}
"""What holds without saying."""
_OF_TEXT = (ifd.ASCII, 1, 7)
"""Types in which programs write texts: that of texts, and bytes."""
# Descriptions that say how the pages of one certain file are to be read.
_IMAGEJ, _OME, _SHAPES = "ImageJ=", "<OME ", '{"shape"'


def read(path: Path, images: int) -> list[list[Metadata]]:
    """The items of each page. Where images share pages, all have those of the first."""
    with open_file(path) as file:
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
        if tag in fields and fields[tag].type in _OF_TEXT:
            items.append(text_item(name, _decoded(fields[tag].value.rstrip(b"\0"))))
    if all(tag in fields and len(fields[tag].value) == 8 for tag in (X_RESOLUTION, Y_RESOLUTION)):
        x, y = (struct.unpack("<II", fields[tag].value) for tag in (X_RESOLUTION, Y_RESOLUTION))
        number = int.from_bytes(fields[RESOLUTION_UNIT].value, "little") if RESOLUTION_UNIT in fields else 2
        items += resolution_item(x, y, UNITS.get(number, "none"))
    if (palette := _palette(fields)) is not None:
        items.append(palette_item(palette))
    photometric = _photometric(fields)
    items += photometric_item(photometric)
    kept = _kept_fields(photometric)
    others = {tag: one for tag, one in fields.items() if _is_kept(tag, one, kept) and one != _UPRIGHT.get(tag)}
    if others:
        items.append(Metadata(MetadataKind.TIFF, "", ifd.write(Directory(others))))
    return items


def unkept(path: Path) -> list[str]:
    """The fields of the pages that ``read`` does not keep, by their numbers."""
    with open_file(path) as file:
        offsets = {page.offset for series in file.series for page in series.pages if page is not None}
    found: set[int] = set()
    with path.open("rb") as stream:
        for offset in offsets:
            fields = ifd.read(stream, offset).fields
            kept = {*_kept_fields(_photometric(fields)), ICC, XMP, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT}
            texts = {tag for tag in TEXTS if tag in fields and fields[tag].type in _OF_TEXT}
            found.update(tag for tag, one in fields.items() if not (_is_kept(tag, one, kept) or tag in texts))
    return [_name_of(tag) for tag in sorted(found - _STRUCTURE)]


def _name_of(tag: int) -> str:
    """A field's number, and its name where tifffile knows that."""
    import tifffile

    name = tifffile.TIFF.TAGS.get(tag)
    return f"field {tag}" if name is None else f"field {tag} ({name})"


def _kept_fields(photometric: Photometric) -> frozenset[int]:
    """Further fields that are kept where the samples stand for this."""
    return WORTH_KEEPING.union(_OF_COLOURS.get(photometric.colours, ()))


def _is_kept(tag: int, one: Field, kept: Collection[int]) -> bool:
    """Whether a field is one of ``kept`` or a text of a program's own."""
    is_free = tag in _PROGRAMS and tag not in _MARKS and tag not in TEXTS
    return tag in kept or (is_free and one.type == ifd.ASCII)


def _photometric(fields: Mapping[int, Field]) -> Photometric:
    """What the samples stand for, as ``imagefiles.tiff`` reads them."""
    if PHOTOMETRIC not in fields:
        return Photometric("")
    numbers = {
        tag: _first(fields, tag, default)
        for tag, default in ((BITS_PER_SAMPLE, 1), (COMPONENTS, 1), (COMPRESSION, 1), (PLANAR, 1), (INK_SET, 1))
    }
    extras = np.frombuffer(fields[EXTRA_SAMPLES].value, "<u2").tolist() if EXTRA_SAMPLES in fields else None
    return of_tiff(
        _first(fields, PHOTOMETRIC, 0),
        numbers[COMPONENTS],
        extras=extras,
        bits=numbers[BITS_PER_SAMPLE],
        compression=numbers[COMPRESSION],
        planar=numbers[PLANAR],
        inks=numbers[INK_SET],
    )


def _first(fields: Mapping[int, Field], tag: int, default: int) -> int:
    """The first number of a field."""
    if tag not in fields or fields[tag].type not in (ifd.SHORT, ifd.LONG):
        return default
    return int.from_bytes(fields[tag].value[: 2 if fields[tag].type == ifd.SHORT else 4], "little")


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


def _fits(item: Metadata, fields: Mapping[int, Field], pages: int) -> bool:
    """Whether the description, which is untrusted, speaks of so many pages of the size of the first, of ``fields``."""
    text = _description(item)
    if text.startswith(_IMAGEJ):
        found = re.search(r"^images=(\d{1,9})\s*$", text, re.MULTILINE)
        return pages == (int(found[1]) if found else 1)
    width, height, components = (_first(fields, tag, 1) for tag in (WIDTH, HEIGHT, COMPONENTS))
    count = 0
    for element in re.findall(r"<Pixels\s[^>]*>", text):
        x, y, z, c, t = (re.search(rf'\sSize{axis}="(\d{{1,9}})"', element) for axis in "XYZCT")
        if not (x and y and z and c and t) or (int(x[1]), int(y[1])) != (width, height):
            return False
        count += int(z[1]) * int(c[1]) * int(t[1])
    return count == pages * components and not is_of_several_files(item)


class Pages:
    """A TIFF file of pages, written page by page: what is in memory are their directories alone.

    Pages are TIFF files of one image, as ``imagefiles.save`` writes them; each gets the fields of its items. A file
    that would have ``limit`` bytes or more becomes a BigTIFF file.
    """

    def __init__(self, file: BinaryIO, limit: int = 1 << 32) -> None:
        self._pages = ifd.PageWriter(file, limit)
        self._items: list[Sequence[Metadata]] = []

    def add(self, page: BytesIO, items: Sequence[Metadata]) -> None:
        """A page, and its metadata."""
        self._pages.add(page)
        self._items.append(items)

    def add_rows(self, first: BytesIO, rows: FileRows, items: Sequence[Metadata]) -> None:
        """A page whose rows are not in memory; ``first``: a page of the first row."""
        self._pages.add_rows(first, rows)
        self._items.append(items)

    def finish(self, described: bool = True) -> list[str]:
        """All pages are there; in words, what of the items is not put back.

        ``described``: whether these are all the images, so that a description of them may stand on the first.
        """
        left_out = []
        for number, (directory, items) in enumerate(zip(self._pages.directories, self._items, strict=True)):
            pages = len(self._items) if described and number == 0 else 0
            _put_back(directory, items, pages)
            if any(describes_axes(item) and not (pages and _fits(item, directory.fields, pages)) for item in items):
                left_out.append("the description of pages by ImageJ or OME")
        self._pages.finish()
        return left_out


def put_back(data: bytes, items: Sequence[Metadata], *, pages: int = 0) -> bytes:
    """The TIFF file of one page with the fields of the items. ``pages``: 1 where it is to be a whole description's."""
    file = BytesIO()
    writer = Pages(file)
    writer.add(BytesIO(data), items)
    writer.finish(described=pages == 1)
    return file.getvalue()


def oriented(number: int) -> Metadata:
    """The item that says how an image is turned, by the number of EXIF."""
    return Metadata(MetadataKind.TIFF, "", ifd.write(Directory({ORIENTATION: Field(ifd.SHORT, 1, bytes([number, 0]))})))


def with_orientation(items: Sequence[Metadata]) -> list[Metadata]:
    """The items with the orientation of a TIFF page in their EXIF data, where other formats have it."""
    fields = (_untrusted(item).fields for item in items if item.kind == MetadataKind.TIFF)
    turned = next((found[ORIENTATION] for found in fields if ORIENTATION in found), None)
    if turned is None:
        return list(items)
    exif = next((item for item in items if item.kind == MetadataKind.EXIF), Metadata(MetadataKind.EXIF, "", b""))
    directory = _untrusted(exif)
    directory.fields.setdefault(ORIENTATION, turned)
    return [*(item for item in items if item != exif), Metadata(exif.kind, exif.key, ifd.write(directory))]


def _put_back(directory: Directory, items: Sequence[Metadata], pages: int) -> None:
    """Give a page's directory the fields of the items. ``pages``: of the file, where this is its first, else 0."""
    fields: dict[int, Field] = {}
    photometric = photometric_of(items)
    if photometric is None or not photometric.fits(_first(directory.fields, COMPONENTS, 1)):
        photometric = Photometric("")
    allowed = _kept_fields(photometric)
    for item in items:
        if (palette := palette_of(item)) is not None:
            fields |= _colour_map(directory.fields, palette)
        elif item.kind in (MetadataKind.EXIF, MetadataKind.TIFF):
            inside = _untrusted(item)
            for tag, one in inside.fields.items():
                if _is_kept(tag, one, allowed) or (tag in TEXTS and one.type == ifd.ASCII):
                    fields.setdefault(tag, one)
            if item.kind == MetadataKind.EXIF:
                directory.inner |= {tag: inside.inner[tag] for tag in (ifd.EXIF, ifd.GPS) if tag in inside.inner}
        elif not describes_axes(item) or (pages and _fits(item, directory.fields, pages)):
            fields |= _fields(item)
    if photometric.colours:
        directory.fields.pop(EXTRA_SAMPLES, None)
    directory.fields |= _fields_of_photometric(photometric) | fields


def _fields_of_photometric(photometric: Photometric) -> dict[int, Field]:
    """The fields that say what the components are; none where nothing is known."""
    if not photometric.colours:
        return {}
    extras = struct.pack(f"<{len(photometric.extras)}H", *(EXTRAS[extra] for extra in photometric.extras))
    fields = {EXTRA_SAMPLES: Field(ifd.SHORT, len(photometric.extras), extras)} if extras else {}
    if photometric.colours == "palette":  # which _colour_map makes it
        return fields
    fields[PHOTOMETRIC] = Field(ifd.SHORT, 1, struct.pack("<H", photometric.number))
    if photometric.colours == "inks":
        fields[INK_SET] = Field(ifd.SHORT, 1, b"\2\0")
    if photometric.colours.startswith("ycbcr"):
        fields[SUBSAMPLING] = Field(ifd.SHORT, 2, b"\1\0\1\0")
    if photometric.colours == "ycbcr-narrow":
        fields[REFERENCES] = Field(ifd.RATIONAL, 6, b"".join(struct.pack("<II", number, 1) for number in _NARROW))
    return fields


def _palette(fields: Mapping[int, Field]) -> Palette | None:
    """The colours of a palette image: in the file all red ones come first, and so on."""
    kind = fields[PHOTOMETRIC].value if PHOTOMETRIC in fields else b""
    if int.from_bytes(kind, "little") != INDEXED or COLOUR_MAP not in fields:
        return None
    colours = np.frombuffer(fields[COLOUR_MAP].value, "<u2").astype(np.uint16)
    if len(colours) % 3:
        return None
    entries = colours.reshape(3, -1).T
    # Old programs wrote 8 bits where the standard has 16: who shows such files, as libtiff does, takes them so.
    return Palette(entries.astype(np.uint8) if entries.size and entries.max() < 256 else narrowed(entries))


def _colour_map(fields: Mapping[int, Field], palette: Palette) -> dict[int, Field]:
    """The fields that make indices of gray samples; none where the page, of ``fields``, has samples of other kinds."""
    bits, kind = _first(fields, BITS_PER_SAMPLE, 1), _first(fields, PHOTOMETRIC, INDEXED)
    if kind != MIN_IS_BLACK or not 1 <= bits <= 16:
        return {}
    colours = np.zeros((1 << bits, 3), "<u2")
    given = in_16_bits(palette)[: 1 << bits]
    colours[: len(given)] = given
    return {
        PHOTOMETRIC: Field(ifd.SHORT, 1, struct.pack("<H", INDEXED)),
        BITS_PER_SAMPLE: Field(ifd.SHORT, 1, struct.pack("<H", bits)),  # libtiff asks for it, though 1 needs no field
        COLOUR_MAP: Field(ifd.SHORT, colours.size, colours.T.tobytes()),
    }


def has_field(item: Metadata) -> bool:
    """Whether the item is no text, or one that a field of TIFF is for."""
    return item.kind != MetadataKind.TEXT or item.key in _FIELDS_OF_TEXTS


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
        tag, text = _FIELDS_OF_TEXTS.get(item.key), text_of(item)
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
