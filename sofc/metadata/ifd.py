"""Image file directories, of TIFF files and of EXIF: fields out of them, and fields into new ones.

Values are kept as bytes in little-endian order, whatever the order of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

from sofc.errors import FormatError, LimitError

EXIF, GPS, INTEROPERABILITY = 34665, 34853, 40965
DIRECTORIES = (EXIF, GPS, INTEROPERABILITY)
"""Fields whose value is the place of another directory."""
ASCII, SHORT, LONG, RATIONAL = 2, 3, 4, 5
STRIP_OFFSETS, STRIP_BYTES = 273, 279
# Bytes of one value, and of what is turned round in a file of the other byte order.
_TYPES = {1: (1, 1), 2: (1, 1), 3: (2, 2), 4: (4, 4), 5: (8, 4), 6: (1, 1), 7: (1, 1), 8: (2, 2), 9: (4, 4)}
_TYPES |= {10: (8, 4), 11: (4, 4), 12: (8, 8), 13: (4, 4), 16: (8, 8), 17: (8, 8), 18: (8, 8)}
_LARGEST = 1 << 26
_DEPTH = 3


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


def write(directory: Directory) -> bytes:
    """TIFF data, little-endian, that holds the directory and what it leads to, and no image."""
    return b"II*\0\x08\0\0\0" + write_at(directory, 8)


def write_at(directory: Directory, offset: int) -> bytes:
    """The directory, what it leads to and its values, for this offset in a file."""
    tags = sorted({*directory.fields, *directory.inner})
    place = offset + 2 + 12 * len(tags) + 4
    entries, behind = [struct.pack("<H", len(tags))], b""
    for tag in tags:
        if tag in directory.inner:
            entries.append(struct.pack("<HHII", tag, LONG, 1, place + len(behind)))
            behind += write_at(directory.inner[tag], place + len(behind))
            continue
        one = directory.fields[tag]
        entries.append(struct.pack("<HHI", tag, one.type, one.count))
        if len(one.value) <= 4:
            entries.append(one.value.ljust(4, b"\0"))
        else:
            entries.append(struct.pack("<I", place + len(behind)))
            behind += one.value
        behind += bytes(len(behind) % 2)
    return b"".join((*entries, bytes(4), behind))


def with_fields(data: bytes, fields: Mapping[int, Field], inner: Mapping[int, Directory]) -> bytes:
    """A little-endian TIFF file of less than 4 GB and one page, whose directory has these too, or in place of its own.

    The new directory stands at the end.
    """
    file = BytesIO(data)
    directory = read(file)
    directory.fields.update(fields)
    directory.inner.update(inner)
    offset = len(data) + len(data) % 2
    return b"".join(
        (data[:4], struct.pack("<I", offset), data[8:], bytes(offset - len(data)), write_at(directory, offset))
    )


def joined(files: Iterable[bytes]) -> bytes:
    """One TIFF file with the pages of several: little-endian ones of one page in strips.

    The samples of all pages stand together, as ImageJ and others expect them. Raises LimitError where the file would
    have 2 GB or more.
    """
    data, link = bytearray(b"II*\0\0\0\0\0"), 4
    directories = []
    for file in files:
        directory = read(BytesIO(file))
        moved = []
        for start, size in zip(*(_numbers(directory.fields[tag]) for tag in (STRIP_OFFSETS, STRIP_BYTES)), strict=True):
            moved.append(len(data))
            data += memoryview(file)[start : start + size]
        directory.fields[STRIP_OFFSETS] = Field(LONG, len(moved), struct.pack(f"<{len(moved)}I", *moved))
        directories.append(directory)
    for directory in directories:
        data += bytes(len(data) % 2)
        struct.pack_into("<I", data, link, len(data))
        link = len(data) + 2 + 12 * len({*directory.fields, *directory.inner})
        data += write_at(directory, len(data))
        if len(data) >= 1 << 31:
            raise LimitError("the pages do not fit into one TIFF file of 2 GB; --format tiff writes a file for each")
    return bytes(data)


def _numbers(one: Field) -> tuple[int, ...]:
    return struct.unpack(f"<{one.count}{'H' if one.type == SHORT else 'I'}", one.value)
