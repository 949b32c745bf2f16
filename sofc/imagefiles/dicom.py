"""DICOM files through pydicom: the samples as stored, before any rescaling, windowing or palette."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sofc.errors import FormatError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles.samples import Samples

PREAMBLE = 128
MAGIC = b"DICM"
_MEANINGS = {
    "MONOCHROME1": Meaning.GRAY,
    "MONOCHROME2": Meaning.GRAY,
    "PALETTE COLOR": Meaning.PALETTE,
    "RGB": Meaning.RGB,
}
_TAGS = ("Rows", "NumberOfFrames", "BitsStored", "PhotometricInterpretation")


def is_dicom(path: Path) -> bool:
    """Whether the file has the preamble of DICOM files, whatever its name."""
    with path.open("rb") as file:
        return file.read(PREAMBLE + len(MAGIC))[PREAMBLE:] == MAGIC


def count(path: Path) -> int:
    """Frames of the file. Raises FormatError where it holds no image, UnsupportedError without pydicom."""
    data_set = _read(path)
    if "Rows" not in data_set:
        raise FormatError(f"{path}: the DICOM file holds no image")
    return int(data_set.get("NumberOfFrames") or 1)


def load(path: Path, index: int) -> Samples:
    """Frame ``index``: signed where its PixelRepresentation says so, and with its BitsStored as declared bits.

    1-bit frames become bool. Colours are left in the colour space of the file; palettes are not applied.
    """
    data_set = _read(path)
    from pydicom.pixels import pixel_array

    array: Any = pixel_array(path, index=index, raw=True)
    bits = int(data_set.BitsStored)
    if bits == 1:
        array = array.astype(np.bool_)
    meaning = _MEANINGS.get(str(data_set.PhotometricInterpretation), Meaning.UNSPECIFIED)
    return Samples(array, bits if bits <= 16 else None, meaning)


def _read(path: Path) -> Any:
    """What the file says of its image."""
    try:
        import pydicom
    except ImportError as error:
        raise UnsupportedError(
            f"{path}: DICOM files need pydicom; install it with: pip install 'sofc[dicom]'"
        ) from error
    return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
