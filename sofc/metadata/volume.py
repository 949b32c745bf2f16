"""The head of a volume (NIfTI, Analyze, MGH) as a metadata item: affine, spacing, units, scaling, extensions.

The value of the item is the head as it stands in the file, its key "NIfTI", "Analyze" or "MGH".
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import NamedTuple

from sofc.container.records import Metadata, MetadataKind
from sofc.errors import FormatError
from sofc.imagefiles import nifti

NIFTI, ANALYZE, MGH = "NIfTI", "Analyze", "MGH"
FORMATS = {"nifti": NIFTI, "mgh": MGH, "analyze": ANALYZE}
"""Formats that are written, with the key of heads that are of it."""
SUFFIXES = {
    **{".nii": "nifti", ".nii.gz": "nifti", ".mgh": "mgh", ".mgz": "mgh"},
    **{".img": "analyze", ".hdr": "analyze"},
}
"""Of files of these formats."""
PACKED = (".nii.gz", ".mgz")
"""Those of files that are packed with gzip."""
_NIFTI_1, _NIFTI_2, _MGH_BYTES = 348, 540, 284
_MOST_BEFORE = 1 << 16
"""Bytes before the samples in a file of their own."""
_PAIR = {_NIFTI_1: b"ni1\0", _NIFTI_2: b"ni2\0"}
_SINGLE = {_NIFTI_1: b"n+1\0", _NIFTI_2: b"n+2\0"}
_MAGIC_AT = {_NIFTI_1: 344, _NIFTI_2: 4}
_MGH_SIZES = {0: 1, 1: 4, 3: 4, 4: 2, 10: 2}
"""Bytes of a sample by its type."""
_MGH_TYPES = {0: ("uint8", 1), 1: ("int32", 1), 3: ("float32", 1), 4: ("int16", 1), 10: ("uint16", 1)}
_TYPES = {
    **{2: ("uint8", 1), 4: ("int16", 1), 8: ("int32", 1), 16: ("float32", 1), 64: ("float64", 1), 128: ("uint8", 3)},
    **{256: ("int8", 1), 512: ("uint16", 1), 768: ("uint32", 1), 1024: ("int64", 1), 1280: ("uint64", 1)},
    **{2304: ("uint8", 4), 32: ("complex64", 1), 1792: ("complex128", 1)},
}
"""NumPy's names of the types of samples, and components, by the numbers that heads have for them."""


class Volume(NamedTuple):
    """A file of a volume: what it has ``before`` and ``after`` ``size`` bytes of samples, in order ``<`` or ``>``.

    ``kind``: NumPy's name of the type of the samples and the number of their components; ``shape``: width and height of
    a slice. ``head``: a second file, with the suffix ``.hdr``.
    """

    before: bytes
    after: bytes
    size: int
    order: str
    suffix: str
    kind: tuple[str, int]
    shape: tuple[int, int]
    head: bytes = b""


def format_of(name: str) -> str | None:
    """The format that the name of a file asks for."""
    return next((found for suffix, found in SUFFIXES.items() if name.lower().endswith(suffix)), None)


def read(path: Path) -> list[Metadata]:
    """The item of a volume's file: all that is not samples; of NIfTI and Analyze files only what is before them."""
    volume = nifti.opened(path)
    files = volume.file_map
    with files.get("header", files["image"]).get_prepare_fileobj("rb") as file:
        if "header" in files:
            head = file.read()
            is_nifti = head[_MAGIC_AT.get(_size(head)[0], 0) :][:4] in _PAIR.values()
            return [Metadata(MetadataKind.VOLUME, NIFTI if is_nifti else ANALYZE, head)]
        head = file.read(volume.dataobj.offset)
        if volume.files_types[0][1] != ".mgh":
            return [Metadata(MetadataKind.VOLUME, NIFTI, head)]
        file.seek(len(head) + _mgh_size(head))
        return [Metadata(MetadataKind.VOLUME, MGH, head + file.read())]


def volume_of(item: Metadata) -> Volume:
    """The file around the samples that an item of one of ``FORMATS``, which is untrusted, is the head of.

    A pair of NIfTI files becomes one. Raises FormatError where the head cannot be read.
    """
    head = item.value
    try:
        if item.key == MGH:
            _, width, height, *_, number = struct.unpack_from(">6i", head)
            size = _mgh_size(head)
            kind = _MGH_TYPES[number]
            return Volume(head[:_MGH_BYTES], head[_MGH_BYTES:], size, ">", ".mgh", kind, (width, height))
        size, order = _size(head)
        if size == _NIFTI_1:
            rank, *lengths, number, bits = struct.unpack_from(order + "8h14x 2h", head, 40)
            offset, place = "f", 108
        else:
            number, bits, rank, *lengths = struct.unpack_from(order + "2h8q", head, 12)
            offset, place = "q", 168
        samples = math.prod(lengths[: max(0, rank)]) * bits // 8
        kind, shape = _TYPES[number], (lengths[0], lengths[1] if rank > 1 else 1)
        if item.key == ANALYZE:
            (before,) = struct.unpack_from(order + "f", head, place)
            if not 0 <= before <= _MOST_BEFORE:
                raise FormatError(f"the head of the volume says that its samples begin at {before}")
            return Volume(bytes(int(before)), b"", samples, order, ".img", kind, shape, head)
        if head[_MAGIC_AT[size] :][:4] == _PAIR[size]:
            head = head.ljust(size + 4, b"\0")  # with the mark that no extension follows
            joined = bytearray(head)
            joined[_MAGIC_AT[size] : _MAGIC_AT[size] + 4] = _SINGLE[size]
            struct.pack_into(order + offset, joined, place, len(head))
            head = bytes(joined)
    except (struct.error, KeyError, IndexError) as error:
        raise FormatError(f"the head of the volume cannot be read ({error})") from error
    return Volume(head, b"", samples, order, ".nii", kind, shape)


def _size(head: bytes) -> tuple[int, str]:
    """Bytes of a NIfTI head, as it says itself, and its byte order."""
    little = int.from_bytes(head[:4], "little")
    return (little, "<") if little in _PAIR else (int.from_bytes(head[:4], "big"), ">")


def _mgh_size(head: bytes) -> int:
    """Bytes of the samples."""
    _, *lengths, kind = struct.unpack_from(">6i", head)
    return int(math.prod(lengths)) * _MGH_SIZES[kind]
