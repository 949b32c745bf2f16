"""DICOM files through pydicom: the samples as stored, before any rescaling, windowing or palette."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sofc.errors import FormatError, SofcError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles import dataset
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
    """Whether the file has the preamble of DICOM files, or begins as their data sets do, whatever its name."""
    with path.open("rb") as file:
        head = file.read(dataset.HEAD_BYTES)
    return head[PREAMBLE:].startswith(MAGIC) or dataset.is_data_set(head, path.stat().st_size)


def holds_image(path: Path) -> bool:
    """Whether the DICOM file has an image: reports, directories and the like have none."""
    return "Rows" in _read(path)


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

    bits = int(data_set.BitsStored)
    frames = int(data_set.get("NumberOfFrames") or 1)
    syntax = data_set.file_meta.get("TransferSyntaxUID")
    source: Any = path if syntax is not None else _with_syntax(path)
    try:
        # pydicom finds single frames neither in deflated files nor where they begin within a byte.
        if syntax is not None and syntax.is_deflated:
            array: Any = _of_deflated(path)
        elif bits == 1 and frames > 1:
            array = pixel_array(source, raw=True)
        else:
            array, frames = pixel_array(source, index=index, raw=True), 1
    except RuntimeError as error:
        raise _undecoded(path, error) from error
    if frames > 1:
        array = array[index]
    if bits == 1:
        array = array.astype(np.bool_)
    meaning = _MEANINGS.get(str(data_set.PhotometricInterpretation), Meaning.UNSPECIFIED)
    return Samples(array, bits if bits <= 16 else None, meaning)


def _of_deflated(path: Path) -> Any:
    import pydicom
    from pydicom.pixels import pixel_array

    return pixel_array(pydicom.dcmread(path), raw=True)


def _read(path: Path) -> Any:
    """What the file says of its image."""
    try:
        import pydicom
    except ImportError as error:
        raise UnsupportedError(
            f"{path}: DICOM files need pydicom; install it with: pip install 'sofc[dicom]'"
        ) from error
    return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS), force=True)


def _with_syntax(path: Path) -> Any:
    """The data set of a file that does not name its transfer syntax, with the one that pydicom found it to have."""
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    data_set = pydicom.dcmread(path, force=True)
    is_implicit = data_set.original_encoding[0]
    data_set.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian
    return data_set


def _undecoded(path: Path, error: RuntimeError) -> SofcError:
    """Why compressed samples cannot be had: pydicom lists what each of its decoders said, or lacks."""
    import pydicom
    from pydicom.pixels import get_decoder

    syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        return UnsupportedError(f"{path}: pydicom cannot decode {syntax.name}: convert the file, or use --keep-file")
    if not decoder.is_available:
        lacking = "; ".join(decoder.missing_dependencies)
        return UnsupportedError(
            f"{path}: its samples are compressed with {syntax.name}, for which pydicom has no decoder here; "
            f"install those it knows with: pip install 'sofc[dicom-decoders]' ({lacking})"
        )
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    return FormatError(f"{path}: its samples, compressed with {syntax.name}, are damaged: {said[-1]}")
