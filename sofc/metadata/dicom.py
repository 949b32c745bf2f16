"""The data set of a DICOM file without its pixel data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sofc.container.records import Metadata, MetadataKind
from sofc.errors import UnsupportedError
from sofc.imagefiles import dicom
from sofc.metadata.palette import Palette, narrowed, palette_item
from sofc.metadata.photometric import photometric_item

_PIXEL_DATA = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_UNDEFINED = 0xFFFFFFFF
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
    if (colours := dicom.palette_of(path)) is not None:
        colours = narrowed(colours.astype(np.uint16)) if colours.dtype == np.uint16 else colours
        palette.append(palette_item(Palette(colours)))
    return [*photometric, *palette, *_data_set(path)]


def _data_set(path: Path) -> list[Metadata]:
    """The bytes of the file before its pixel data and after it. They are a DICOM file themselves."""
    from pydicom.filereader import read_partial
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    with path.open("rb") as file:
        found: list[tuple[bool, int]] = []

        def stop(tag: Any, vr: str | None, length: int) -> bool:
            if int(tag) not in _PIXEL_DATA:
                return False
            found.append((vr is not None, length))
            return True

        data_set = read_partial(file, stop_when=stop, force=True)
        if not found or data_set.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            return []
        start = file.tell()
        explicit, length = found[0]
        file.seek(start + (_LONG_HEAD if explicit else _SHORT_HEAD))
        if length == _UNDEFINED:
            _pass_items(file)
        else:
            file.seek(length, 1)
        after = file.read()
        file.seek(0)
        return [Metadata(MetadataKind.DICOM, "", file.read(start) + after)]


def _pass_items(file: BinaryIO) -> None:
    """To the end of encapsulated pixel data, which is always little-endian."""
    while len(head := file.read(_ITEM_HEAD)) == _ITEM_HEAD and not head.startswith(_END_OF_SEQUENCE):
        file.seek(int.from_bytes(head[4:], "little"), 1)
