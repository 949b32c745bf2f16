"""Where the parts of a TIFF file end that its directories lead to."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sofc.errors import FormatError
from sofc.imagefiles.tiff_stacks import SIZES, entry_head, open_file

if TYPE_CHECKING:
    import tifffile

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


def end(path: Path) -> int:
    """Behind the last of the parts: directories, values of fields, strips and tiles.

    Raises FormatError where it is not known: where private fields may lead to further parts, as in LSM files and those
    of cameras, and where the directories cannot be read.
    """
    with open_file(path) as file:
        if file.is_micromanager or file.is_ndpi:
            raise FormatError(f"{path}: what this TIFF file has beside its pages is not known")
        found = max(_ends(file, path))
        for series in file.series:
            if series.dataoffset is not None:  # a run of samples behind one page
                found = max(found, series.dataoffset + series.nbytes)
            found = max(found, *map(_plain_end, series.pages))
    return found


def _plain_end(page: Any) -> int:
    """Where the samples of a page end that stand as they are: some programs say that strips have fewer bytes."""
    is_run = page is not None and page.is_contiguous and page.dataoffsets
    return int(page.dataoffsets[0] + page.nbytes) if is_run else 0


def _ends(file: tifffile.TiffFile, path: Path) -> Iterator[int]:
    tiff, data, head, most = file.tiff, file.filehandle, entry_head(file), path.stat().st_size
    ahead, seen = [file.pages.first.offset], set[int]()
    while ahead:
        if (place := ahead.pop()) in seen or not place:
            continue
        seen.add(place)
        if len(seen) > _MOST_DIRECTORIES:
            raise FormatError(f"{path}: the TIFF file has too many directories")
        data.seek(place)
        (count,) = struct.unpack(tiff.tagnoformat, data.read(tiff.tagnosize))
        if count * tiff.tagsize > most:
            raise FormatError(f"{path}: a directory of the TIFF file is cut off")
        entries = data.read(count * tiff.tagsize)
        ahead += struct.unpack(tiff.offsetformat, data.read(tiff.offsetsize))
        yield data.tell()
        numbers: dict[int, tuple[int, ...]] = {}
        for start in range(0, len(entries), tiff.tagsize):
            tag, kind, values = head.unpack_from(entries, start)
            value = entries[start + head.size : start + tiff.tagsize]
            size = SIZES.get(kind, 0) * values
            if size > tiff.offsetsize:
                (at,) = struct.unpack(tiff.offsetformat, value)
                yield at + size
                if at + size > most:
                    raise FormatError(f"{path}: field {tag} of the TIFF file is cut off")
                data.seek(at)
                value = data.read(size)
            if tag == _MAKER_NOTE or _may_lead_further(tag, kind):
                raise FormatError(f"{path}: field {tag} of the TIFF file may lead to further parts")
            if kind in _NUMBERS and (tag in _DIRECTORIES or tag in _PLACES or tag in _PLACES.values()):
                numbers[tag] = struct.unpack(f"{file.byteorder}{values}{_NUMBERS[kind]}", value[:size])
        for tag in _DIRECTORIES:
            ahead += numbers.get(tag, ())
        for tag, of_bytes in _PLACES.items():
            places = numbers.get(tag, ())
            yield from (at + size for at, size in zip(places, numbers.get(of_bytes, ()), strict=False))


def _may_lead_further(tag: int, kind: int) -> bool:
    """Whether a field of a program's own may be the place of more, so that it is not known where all ends."""
    return tag >= _PRIVATE and tag not in _KNOWN and kind in _NUMBERS and kind != 3
