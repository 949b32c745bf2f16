"""The data set of a DICOM file without its pixel data."""

from __future__ import annotations

import contextlib
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sofc.container.records import Metadata, MetadataKind
from sofc.errors import FormatError, UnsupportedError
from sofc.imagefiles import dicom
from sofc.metadata.dicom_file import FLOATS
from sofc.metadata.palette import Palette, narrowed, palette_item
from sofc.metadata.photometric import photometric_item

_PIXEL_DATA = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_UNDEFINED = 0xFFFFFFFF
_META = 144
"""Where the elements of the meta information begin whose length its first one tells."""
_ITEM_HEAD = 8
_LONG_HEAD, _SHORT_HEAD = 12, 8
_END_OF_SEQUENCE = b"\xfe\xff\xdd\xe0"


def read(path: Path) -> list[Metadata]:
    """What the components stand for, where that is something else than usual, the palette, and the data set."""
    try:
        photometric = photometric_item(dicom.photometric_of(path))
    except UnsupportedError:  # as loading will say
        photometric = []
    palette = []
    with contextlib.suppress(FormatError):  # as the reader's remarks say
        if (colours := dicom.palette_of(path)) is not None:
            colours = narrowed(colours.astype(np.uint16)) if colours.dtype == np.uint16 else colours
            palette.append(palette_item(Palette(colours)))
    try:
        return [*photometric, *palette, *_data_set(path)]
    except (zlib.error, AttributeError) as error:
        raise ValueError(f"its data set is deflated, and damaged: {error}") from error


def _data_set(path: Path) -> list[Metadata]:
    """The bytes of the file before its pixel data and after it. They are a DICOM file themselves."""
    import pydicom
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    meta = pydicom.dcmread(path, specific_tags=[], stop_before_pixels=True, force=True).file_meta
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        with path.open("rb") as file:
            return _without_samples(file)
    data = path.read_bytes()
    start = _META + int(meta.FileMetaInformationGroupLength)
    found = _without_samples(BytesIO(zlib.decompress(data[start:], -zlib.MAX_WBITS)))
    return [Metadata(item.kind, item.key, data[:start] + _stored(item.value)) for item in found]


def _stored(data: bytes) -> bytes:
    """Deflated data without compression, which any zlib makes the same."""
    packed = zlib.compressobj(0, wbits=-zlib.MAX_WBITS)
    return packed.compress(data) + packed.flush()


def _without_samples(file: BinaryIO) -> list[Metadata]:
    from pydicom.filereader import read_partial

    found: list[tuple[int, str | None, int]] = []

    def stop(tag: Any, vr: str | None, length: int) -> bool:
        if int(tag) not in _PIXEL_DATA:
            return False
        found.append((int(tag), vr, length))
        return True

    read_partial(file, stop_when=stop, force=True)
    if not found:
        return []
    start = file.tell()
    tag, vr, length = found[0]
    file.seek(start + (_SHORT_HEAD if vr is None else _LONG_HEAD))
    if length == _UNDEFINED:
        _pass_items(file)
    else:
        file.seek(length, 1)
    after = file.read()
    file.seek(0)
    floats = next((kept for kept, (known, _) in FLOATS.items() if known == tag), None)
    return [Metadata(MetadataKind.DICOM, floats or vr or "", file.read(start) + after)]


def _pass_items(file: BinaryIO) -> None:
    """To the end of encapsulated pixel data, which is always little-endian."""
    while len(head := file.read(_ITEM_HEAD)) == _ITEM_HEAD and not head.startswith(_END_OF_SEQUENCE):
        file.seek(int.from_bytes(head[4:], "little"), 1)
