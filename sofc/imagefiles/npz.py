"""Archives of numpy arrays (NPZ): each array an image, in the order of the file."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sofc.errors import FormatError, UsageError
from sofc.imagefiles.exact import ALL
from sofc.imagefiles.lasting import Lasting
from sofc.imagefiles.samples import Samples, meaning_of
from sofc.imagefiles.stacks import OBJECTS

MAGIC = b"PK\x03\x04"
SUFFIX = ".npz"
ARRAY_SUFFIX = ".npy"
"""Of each array in the archive."""


def is_archive(path: Path) -> bool:
    """Whether a ZIP file holds numpy arrays alone."""
    try:
        return bool(_names(path))
    except (FormatError, zipfile.BadZipFile):
        return False


def count(path: Path) -> int:
    """Arrays in the file. Raises FormatError for an archive of anything else."""
    return len(_names(path))


def load(path: Path, index: int) -> Samples:
    """Array ``index``."""
    archive, entries = _lasting.of(path)
    name = entries[index].filename.removesuffix(ARRAY_SUFFIX)
    try:
        with archive.open(entries[index]) as file:  # by its place: two may have one name
            array = np.lib.format.read_array(file, allow_pickle=False)
    except BaseException as error:
        _lasting.drop()
        if isinstance(error, ValueError) and "pickle" in str(error):
            raise FormatError(f"{path}: array {name!r} holds {OBJECTS}") from None
        raise
    if index + 1 == len(entries):
        _lasting.drop()
    if array.ndim not in (2, 3):
        raise UsageError(
            f"{path}: array {name!r} has {array.ndim} dimensions, and an image 2, or 3 with components last: save the "
            "images in a file of their own, or keep the file: sofc encode --keep-file"
        )
    return Samples(array, None, meaning_of(array.shape[2] if array.ndim == 3 else 1))


_ENTRY, _LAST = (b"PK\1\2", struct.Struct("<28xHHH12x")), (b"PK\5\6", struct.Struct("<20xH"))
"""Of the directory: an entry, with the lengths of what is behind it, and the end, with that of the comment."""
_LARGE_LAST, _LARGE_PLACE_BYTES = (b"PK\6\6", struct.Struct("<4xQ")), 20
"""The end of a directory of more than 4 GB, with its length from there on, and the place of that."""
_MEMBER = struct.Struct("<26xHH")
_DESCRIPTOR_BYTES, _HAS_DESCRIPTOR = 24, 0x08


def end(path: Path) -> int:
    """Where the archive ends (APPNOTE.TXT 4.3), with its comment."""
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        file.seek(archive.start_dir)
        data = file.read()
        place = 0
        while data.startswith(_ENTRY[0], place):
            place += _ENTRY[1].size + sum(_ENTRY[1].unpack_from(data, place))
        if data.startswith(_LARGE_LAST[0], place):
            place += _LARGE_LAST[1].size + _LARGE_LAST[1].unpack_from(data, place)[0] + _LARGE_PLACE_BYTES
        if not data.startswith(_LAST[0], place):
            raise FormatError(f"{path}: the directory of the archive cannot be read")
        return archive.start_dir + place + _LAST[1].size + int(_LAST[1].unpack_from(data, place)[0])


def remarks(path: Path) -> Iterator[str]:
    """What is not stored of the file: bytes before its arrays and between them, such as another archive, of which the
    last one counts."""
    place = found = 0
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
            found += max(0, entry.header_offset - place)
            file.seek(entry.header_offset)
            head = file.read(_MEMBER.size)
            place = entry.header_offset + len(head) + sum(_MEMBER.unpack(head)) + entry.compress_size
            place += _DESCRIPTOR_BYTES if entry.flag_bits & _HAS_DESCRIPTOR else 0
        found += max(0, archive.start_dir - place)
    if found:
        yield f"the archive has {found} bytes before or between its arrays, not stored; {ALL}"


def _opened(path: Path) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    archive = zipfile.ZipFile(path)
    return archive, archive.infolist()


_lasting = Lasting(_opened, lambda opened: opened[0].close())
"""The archive that a thread read last, whose directory names all arrays."""


def _names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not names or not all(name.endswith(ARRAY_SUFFIX) for name in names):
        raise FormatError(f"{path}: the ZIP file is no archive of numpy arrays (.npz)")
    return names
