"""Image file directories, of TIFF files and of EXIF: fields out of them, and fields into new ones.

Values are kept as bytes in little-endian order, whatever the order of the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

import numpy as np

from sofc.errors import FormatError
from sofc.rows import FileRows

EXIF, GPS, INTEROPERABILITY = 34665, 34853, 40965
DIRECTORIES = (EXIF, GPS, INTEROPERABILITY)
"""Fields whose value is the place of another directory."""
ASCII, SHORT, LONG, RATIONAL, LONG8 = 2, 3, 4, 5, 16
IMAGE_LENGTH, STRIP_OFFSETS, ROWS_PER_STRIP, STRIP_BYTES = 257, 273, 278, 279
# Bytes of one value, and of what is turned round in a file of the other byte order.
_TYPES = {1: (1, 1), 2: (1, 1), 3: (2, 2), 4: (4, 4), 5: (8, 4), 6: (1, 1), 7: (1, 1), 8: (2, 2), 9: (4, 4)}
_TYPES |= {10: (8, 4), 11: (4, 4), 12: (8, 8), 13: (4, 4), 16: (8, 8), 17: (8, 8), 18: (8, 8)}
_LARGEST = 1 << 26
_DEPTH = 3
_HEAD_ROOM = 16
"""Bytes of the longer head."""


@dataclass(frozen=True)
class Field:
    """``count`` values of a type, and their bytes."""

    type: int
    count: int
    value: bytes


@dataclass
class Directory:
    """The fields of a directory by their tags, and the directories that fields of it lead to."""

    fields: dict[int, Field] = field(default_factory=dict)
    inner: dict[int, Directory] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.fields or self.inner)


@dataclass(frozen=True)
class _Layout:
    """How numbers stand in a file: struct formats of a directory's count, an entry, and an offset."""

    order: str
    count: str
    entry: str
    offset: str
    inline: int

    @property
    def pointer(self) -> int:
        """The type of an offset."""
        return LONG if self.inline == 4 else LONG8

    @property
    def head(self) -> bytes:
        """What a file begins with, up to the offset of its first directory."""
        return b"II*\0" if self.inline == 4 else struct.pack("<2sHHH", b"II", 43, 8, 0)

    def read(self, file: BinaryIO, layout: str) -> tuple[int, ...]:
        size = struct.calcsize(self.order + layout)
        data = file.read(size)
        if len(data) < size:
            raise FormatError("a directory of the TIFF data is cut off")
        return struct.unpack(self.order + layout, data)


def _layout(head: bytes) -> _Layout:
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    version = 0 if order is None else struct.unpack(order + "H", head[2:4])[0]
    if order is not None and version == 42:
        return _Layout(order, "H", "HHI", "I", 4)
    if order is not None and version == 43:
        return _Layout(order, "Q", "HHQ", "Q", 8)
    raise FormatError("there is no TIFF data where it should begin")


def read(file: BinaryIO, offset: int | None = None) -> Directory:
    """The directory at ``offset`` of TIFF data, by default the first. Fields of unknown types are left out.

    Raises FormatError where it is cut off or too large.
    """
    file.seek(0)
    head = file.read(8)
    if len(head) < 8:
        raise FormatError("there is no TIFF data where it should begin")
    layout = _layout(head)
    if offset is None:
        file.seek(4 if layout.inline == 4 else 8)
        (offset,) = layout.read(file, layout.offset)
    return _read(file, layout, offset, 1)


def _read(file: BinaryIO, layout: _Layout, offset: int, depth: int) -> Directory:
    if depth > _DEPTH:
        raise FormatError("directories of the TIFF data are nested too deeply")
    _seek(file, offset)
    directory = Directory()
    (count,) = layout.read(file, layout.count)
    start = file.tell()
    width = struct.calcsize(layout.order + layout.entry) + layout.inline
    for number in range(min(count, 1 << 16)):
        file.seek(start + number * width)
        tag, kind, values = layout.read(file, layout.entry)
        size, unit = _TYPES.get(kind, (0, 1))
        if size * values > layout.inline:
            _seek(file, *layout.read(file, layout.offset))
        if size * values > _LARGEST:
            raise FormatError(f"field {tag} of the TIFF data claims {size * values} bytes")
        value = file.read(size * values)
        if len(value) < size * values:
            raise FormatError(f"field {tag} of the TIFF data is cut off")
        if tag in DIRECTORIES:
            place = int.from_bytes(value, "little" if layout.order == "<" else "big")
            directory.inner[tag] = _read(file, layout, place, depth + 1)
        elif size:
            directory.fields[tag] = Field(kind, values, value if layout.order == "<" else _turned(value, unit))
    return directory


def _seek(file: BinaryIO, offset: int) -> None:
    if offset >= 1 << 62:
        raise FormatError("the TIFF data leads beyond its end")
    file.seek(offset)


def _turned(value: bytes, unit: int) -> bytes:
    """Each ``unit`` bytes in reverse order."""
    return b"".join(value[start : start + unit][::-1] for start in range(0, len(value), unit))


_CLASSIC, _BIG = (
    _Layout("<", "H", "HHI", "I", 4),
    _Layout("<", "Q", "HHQ", "Q", 8),
)


def write(directory: Directory) -> bytes:
    """TIFF data, little-endian, that holds the directory and what it leads to, and no image."""
    return b"II*\0\x08\0\0\0" + _written(directory, 8, _CLASSIC)


def _written(directory: Directory, offset: int, layout: _Layout, following: int = 0) -> bytes:
    """The directory, what it leads to and its values, for this offset in a file. ``following``: the one after it."""
    tags = sorted({*directory.fields, *directory.inner})
    head = struct.pack(layout.order + layout.count, len(tags))
    width = struct.calcsize(layout.order + layout.entry)
    place = offset + len(head) + (width + layout.inline) * len(tags) + layout.inline
    entries, behind = [head], bytearray()
    for tag in tags:
        one = directory.fields.get(tag) if tag not in directory.inner else None
        kind, count = (layout.pointer, 1) if one is None else (one.type, one.count)
        entries.append(struct.pack(layout.order + layout.entry, tag, kind, count))
        if one is not None and len(one.value) <= layout.inline:
            entries.append(one.value.ljust(layout.inline, b"\0"))
        else:
            entries.append(struct.pack(layout.order + layout.offset, place + len(behind)))
            behind += _written(directory.inner[tag], place + len(behind), layout) if one is None else one.value
        behind += bytes(len(behind) % 2)
    return b"".join((*entries, struct.pack(layout.order + layout.offset, following), behind))


class PageWriter:
    """Makes one little-endian TIFF file of the pages of several.

    The samples of all pages stand together, as ImageJ and others expect them, and are written as they come; the
    ``directories`` of the pages, which may be changed until then, by ``finish``. A file that would have ``limit`` bytes
    or more becomes a BigTIFF file.
    """

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.directories: list[Directory] = []
        self._places: list[list[int]] = []
        self._file = file
        self._limit = limit
        self._end = file.write(bytes(_HEAD_ROOM))

    def add(self, page: BytesIO) -> None:
        """The page of a little-endian TIFF file of one page in strips."""
        directory = read(page)
        places = []
        starts, sizes = (_numbers(directory.fields[tag]) for tag in (STRIP_OFFSETS, STRIP_BYTES))
        with page.getbuffer() as data:
            for start, size in zip(starts, sizes, strict=True):
                places.append(self._end)
                self._end += self._file.write(data[start : start + size])
        del directory.fields[STRIP_OFFSETS]
        self.directories.append(directory)
        self._places.append(places)

    def add_rows(self, first: BytesIO, rows: FileRows) -> None:
        """A page of the rows of an image that is not in memory. ``first``: a file as for ``add``, of the first row."""
        directory = read(first)
        self._places.append([self._end])
        size = 0
        for piece in rows.pieces():
            size += self._file.write((np.packbits(piece, axis=1) if piece.dtype == np.bool_ else piece).data)
        self._end += size
        del directory.fields[STRIP_OFFSETS]
        for tag in (IMAGE_LENGTH, ROWS_PER_STRIP):
            directory.fields[tag] = Field(LONG, 1, struct.pack("<I", len(rows)))
        kind, letter = (LONG, "I") if size < 1 << 32 else (LONG8, "Q")
        directory.fields[STRIP_BYTES] = Field(kind, 1, struct.pack(f"<{letter}", size))
        self.directories.append(directory)

    def finish(self) -> None:
        """Write the directories, and the head of the file."""
        self._end += self._file.write(bytes(self._end % 2))
        layout, sizes = _CLASSIC, self._sizes(_CLASSIC)
        if self._end + sum(sizes) >= self._limit:
            layout, sizes = _BIG, self._sizes(_BIG)
        start = first = self._end
        for number, (directory, places, size) in enumerate(zip(self.directories, self._places, sizes, strict=True)):
            value = struct.pack(f"<{len(places)}{layout.offset}", *places)
            directory.fields[STRIP_OFFSETS] = Field(layout.pointer, len(places), value)
            following = start + size if number + 1 < len(sizes) else 0
            self._file.write(_written(directory, start, layout, following).ljust(size, b"\0"))
            start += size
        self._file.seek(0)
        self._file.write(layout.head + struct.pack(layout.order + layout.offset, first))

    def _sizes(self, layout: _Layout) -> list[int]:
        """Bytes of each directory and what it leads to, an even number."""
        sizes = []
        for directory, places in zip(self.directories, self._places, strict=True):
            room = bytes(layout.inline * len(places))
            directory.fields[STRIP_OFFSETS] = Field(layout.pointer, len(places), room)
            size = len(_written(directory, 0, layout))
            sizes.append(size + size % 2)
        return sizes


def _numbers(one: Field) -> tuple[int, ...]:
    letter = {SHORT: "H", LONG: "I", LONG8: "Q"}[one.type]
    return struct.unpack(f"<{one.count}{letter}", one.value)
