"""Where the parts of a TIFF file end that its directories lead to."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from sofc.errors import FormatError
from sofc.imagefiles.tiff_stacks import SIZES, open_file

_CLASSIC, _BIG = 42, 43
_DIRECTORIES = (330, 34665, 34853, 40965)
"""Fields that lead to further directories: SubIFDs, EXIF, GPS, interoperability."""
_PLACES = {273: 279, 324: 325, 513: 514, 519: 0, 520: 0, 521: 0}
"""Fields of places, and those of how many bytes stand there; 0: tables of old JPEG data, before the strips."""
_PRIVATE, _MAKER_NOTE = 32768, 37500
_KNOWN = (*_DIRECTORIES, *range(34865, 34870), 37393, 40962, 40963, 50674, 50838)
"""Fields of programs, and of EXIF, that are numbers and no places."""
_NUMBERS = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""Types that may be places, but for the first, which may be lengths."""
SPARE_BYTES = 64
"""Behind the last part that are of it: padding, what GDAL says twice (BLOCK_TRAILER), entries that are empty."""
_MOST_DIRECTORIES = 1 << 20


class _Layout(NamedTuple):
    """How numbers stand in the file: ``fields`` of a directory, an ``entry`` without its value, a ``place``."""

    fields: struct.Struct
    entry: struct.Struct
    place: struct.Struct
    order: str


def end(path: Path) -> int:
    """Behind the last of the parts: directories, values of fields, strips and tiles.

    Raises FormatError where it is not known: where private fields may lead to further parts, as in LSM files and those
    of cameras, and where the directories cannot be read.
    """
    with path.open("rb") as file:
        found = max(_ends(file, path))
    with open_file(path) as read:
        if read.is_micromanager or read.is_ndpi:
            raise FormatError(f"{path}: what this TIFF file has beside its pages is not known")
        for series in read.series:
            if series.dataoffset is not None:  # a run of samples behind one page
                found = max(found, series.dataoffset + series.nbytes)
            found = max(found, *map(_plain_end, series.pages))
    return found


def _plain_end(page: Any) -> int:
    """Where the samples of a page end that stand as they are: some programs say that strips have fewer bytes."""
    is_run = page is not None and page.is_contiguous and page.dataoffsets
    return int(page.dataoffsets[0] + page.nbytes) if is_run else 0


def _ends(file: BinaryIO, path: Path) -> Iterator[int]:
    layout, first = _layout(file, path)
    most = path.stat().st_size
    ahead, seen = [first], set[int]()
    while ahead:
        if (place := ahead.pop()) in seen or not place:
            continue
        seen.add(place)
        if len(seen) > _MOST_DIRECTORIES:
            raise FormatError(f"{path}: the TIFF file has too many directories")
        file.seek(place)
        (count,) = layout.fields.unpack(file.read(layout.fields.size))
        width = layout.entry.size + layout.place.size
        if count * width > most:
            raise FormatError(f"{path}: a directory of the TIFF file is cut off")
        entries = file.read(count * width)
        (following,) = layout.place.unpack(file.read(layout.place.size))
        ahead.append(following)
        yield file.tell()
        numbers: dict[int, tuple[int, ...]] = {}
        for start in range(0, count * width, width):
            tag, kind, values = layout.entry.unpack_from(entries, start)
            value = entries[start + layout.entry.size : start + width]
            size = SIZES.get(kind, 0) * values
            if size > layout.place.size:
                (at,) = layout.place.unpack(value)
                yield at + size
                if at + size > most:
                    raise FormatError(f"{path}: field {tag} of the TIFF file is cut off")
                file.seek(at)
                value = file.read(size)
            if tag == _MAKER_NOTE or _may_lead_further(tag, kind):
                raise FormatError(f"{path}: field {tag} of the TIFF file may lead to further parts")
            if kind in _NUMBERS and (tag in _DIRECTORIES or tag in _PLACES or tag in _PLACES.values()):
                numbers[tag] = struct.unpack(f"{layout.order}{values}{_NUMBERS[kind]}", value[:size])
        for tag in _DIRECTORIES:
            ahead += numbers.get(tag, ())
        for tag, of_bytes in _PLACES.items():
            places = numbers.get(tag, ())
            yield from (at + size for at, size in zip(places, numbers.get(of_bytes, ()), strict=False))


def _may_lead_further(tag: int, kind: int) -> bool:
    """Whether a field of a program's own may be the place of more, so that it is not known where all ends."""
    return tag >= _PRIVATE and tag not in _KNOWN and kind in _NUMBERS and kind != 3


def _layout(file: BinaryIO, path: Path) -> tuple[_Layout, int]:
    """The layout, and where the first directory is."""
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    version = struct.unpack(f"{order}H", head[2:4])[0]
    if version == _CLASSIC:
        layout = _layout_of(order, "H", "HHI", "I")
        return layout, layout.place.unpack_from(head, 4)[0]
    if version == _BIG:
        layout = _layout_of(order, "Q", "HHQ", "Q")
        return layout, layout.place.unpack_from(head, 8)[0]
    raise FormatError(f"{path}: the head of the TIFF file cannot be read")


def _layout_of(order: str, fields: str, entry: str, place: str) -> _Layout:
    return _Layout(struct.Struct(order + fields), struct.Struct(order + entry), struct.Struct(order + place), order)
