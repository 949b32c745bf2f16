"""Whether the pages of a TIFF file are what the description of a stack says that they are.

Where a description says so, tifffile (2026.3.3) takes all pages to be as the first one, or their samples to follow
those of the first, and looks at them no further. Programs that copy, pack or drop pages leave the description as it is.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sofc.errors import FormatError

if TYPE_CHECKING:
    import tifffile

_WHOLE = ("shaped", "imagej", "ome")
"""Kinds of series that have all pages of the file."""
_TELLING = frozenset(
    (256, 257, 258, 259, 262, 266, 274, 277, 278, 284, 317, 320, 322, 323, 338, 339, 347, 530, 531, 532, 32997)
)
"""Fields that say what samples are, and how they are coded."""
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value, by its type."""
_MOST_BYTES = 1 << 20
"""Of a field that is looked at."""


def open_file(source: Path | BinaryIO) -> tifffile.TiffFile:
    """The file by itself: planes that OME-TIFF has in other files are none of its images, and zeros without those.

    Its series are those that its description speaks of, or, where its pages do not bear that out, what they are.
    """
    import tifffile

    file = tifffile.TiffFile(source, _multifile=False)
    kinds: set[str] = set()
    try:
        _refuse_circle(file)
        kinds = {series.kind for series in file.series}
        if _is_borne_out(file):
            return file
    except (RuntimeError, IndexError):  # pages of other sizes, or that are not there
        pass
    except BaseException:
        file.close()
        raise
    file.close()
    if not isinstance(source, Path):
        source.seek(0)
    flags = {f"is_{kind}": False for kind in (*_WHOLE, "uniform", *kinds)}
    return tifffile.TiffFile(source, _multifile=False, **flags)


def _refuse_circle(file: tifffile.TiffFile) -> None:
    """Raise FormatError where pages lead back to an earlier one: tifffile goes round for very long."""
    tiff, data, start = file.tiff, file.filehandle, file.pages.first.offset if file.pages else 0
    seen: set[int] = set()
    while start and not file.is_ndpi:
        if start in seen:
            raise FormatError(f"{file.filename}: the pages of the TIFF file lead back to an earlier one")
        seen.add(start)
        data.seek(start)
        if len(count := data.read(tiff.tagnosize)) < tiff.tagnosize:
            return
        data.seek(start + tiff.tagnosize + struct.unpack(tiff.tagnoformat, count)[0] * tiff.tagsize)
        if len(behind := data.read(tiff.offsetsize)) < tiff.offsetsize:
            return
        (start,) = struct.unpack(tiff.offsetformat, behind)


def _is_borne_out(file: tifffile.TiffFile) -> bool:
    known: set[int] = set()
    for series in file.series:
        pages: list[Any] = list(series.pages)
        if None in pages:  # planes that are nowhere
            return True
        first, keyframe = pages[0], series.keyframe
        if any((page.shaped, page.dtype) != (keyframe.shaped, keyframe.dtype) for page in pages):
            return False
        images = series.size // max(1, series.keyframe.size)
        is_run = series.kind in _WHOLE and len(pages) != images
        if not is_run and 1 < len(pages) < images:
            return False  # as of LSM files without the smaller copies of which every second page is taken to be one
        if is_run:
            pages = list(file.pages[series.keyframe.index : series.keyframe.index + images])
            if not all(_follows(page, series, number) for number, page in enumerate(pages)):
                return False
        taken = [page for page in pages[1:] if is_run or type(page) is not type(first)]
        if not _are_alike(file, first.offset, [page.offset for page in taken]):
            return False
        known.update(page.offset for level in series.levels for page in level.pages if page is not None)
        known.update(page.offset for page in pages)
    if not any(series.kind in _WHOLE for series in file.series):
        return True
    return all(page.offset in known for page in file.pages)


def _follows(page: Any, series: tifffile.TiffPageSeries, number: int) -> bool:
    """Whether the samples of a page stand where they are taken to be."""
    if series.dataoffset is None:
        return False
    size = math.prod(series.keyframe.shape) * series.keyframe.bitspersample // 8
    return bool(page.dataoffsets and page.dataoffsets[0] == series.dataoffset + number * size)


def _are_alike(file: tifffile.TiffFile, first: int, others: list[int]) -> bool:
    """Whether pages, by where they begin, have the telling fields of the first one."""
    wanted = _fields(file, first) if others else {}
    return all(_fields(file, other) == wanted for other in others)


def entry_head(file: tifffile.TiffFile) -> struct.Struct:
    """How number, type and count of a field stand in a directory."""
    return struct.Struct(f"{file.byteorder}HH{'Q' if file.tiff.offsetsize == 8 else 'I'}")


def _fields(file: tifffile.TiffFile, start: int) -> dict[int, bytes]:
    """Type, count and values of the telling fields of the page that begins here."""
    tiff, data, head = file.tiff, file.filehandle, entry_head(file)
    data.seek(start)
    (count,) = struct.unpack(tiff.tagnoformat, data.read(tiff.tagnosize))
    entries = data.read(count * tiff.tagsize)
    found = {}
    for place in range(0, len(entries) - tiff.tagsize + 1, tiff.tagsize):
        code, kind, values = head.unpack_from(entries, place)
        if code in _TELLING:
            value = entries[place + head.size : place + tiff.tagsize]
            size = SIZES.get(kind, 0) * values
            if tiff.offsetsize < size <= _MOST_BYTES:
                data.seek(int.from_bytes(value, "little" if file.byteorder == "<" else "big"))
                value = data.read(size)
            found[code] = entries[place + 2 : place + head.size] + value[: size or None]
    return found
