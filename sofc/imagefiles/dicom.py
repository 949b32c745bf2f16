"""DICOM files through pydicom: the samples as stored, before any rescaling, windowing or palette."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sofc.errors import FormatError, SofcError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles import dataset, exact
from sofc.imagefiles.samples import Samples

PREAMBLE = 128
MAGIC = b"DICM"
_MEANINGS = {
    "MONOCHROME1": Meaning.GRAY,
    "MONOCHROME2": Meaning.GRAY,
    "PALETTE COLOR": Meaning.PALETTE,
    "RGB": Meaning.RGB,
    # Of JPEG 2000, whose decoders undo the transform.
    "YBR_ICT": Meaning.RGB,
    "YBR_RCT": Meaning.RGB,
}
_NEEDED = (
    *("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation"),
)
"""Without these there are no integer samples."""
_TAGS = (*_NEEDED, "NumberOfFrames", "HighBit", "Modality", "SOPClassUID")
_JPEG, _SCAN, _ADOBE = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xee\x00\x0eAdobe"
_LOOKED_AT = 1 << 16
_OVERLAYS = range(0x6000, 0x6020, 2)
_OVERLAY_BIT, _OVERLAY_DATA = 0x0102, 0x3000
_FLOATS = ("FloatPixelData", "DoubleFloatPixelData")


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
        kind = getattr(data_set.get("SOPClassUID"), "name", "") or data_set.get("Modality") or "of unknown kind"
        raise FormatError(f"{path}: the DICOM file holds no image ({kind})")
    if _floats(path) is None:
        _check(path, data_set)
    return int(data_set.get("NumberOfFrames") or 1)


def _check(path: Path, data_set: Any) -> None:
    """Raise FormatError or UnsupportedError where these are no integer samples that pydicom reads as they are."""
    lacking = [name for name in _NEEDED if data_set.get(name) is None]
    if lacking:
        raise FormatError(f"{path}: the DICOM file does not say what its samples are: it lacks {', '.join(lacking)}")
    stored, high = int(data_set.BitsStored), data_set.get("HighBit")
    if not 1 <= stored <= int(data_set.BitsAllocated):
        raise FormatError(
            f"{path}: the DICOM file says {stored} bits of {data_set.BitsAllocated} are stored, which cannot be"
        )
    if high is not None and int(high) != stored - 1:
        raise UnsupportedError(
            f"{path}: the samples of this DICOM file do not stand in the lowest bits (HighBit {high}, BitsStored "
            f"{stored}), where pydicom takes them to be; {exact.KEEP}"
        )


def remarks(path: Path) -> Iterator[str]:
    """What is not stored of this file, in words: what stands in the bits above those of the samples."""
    data_set = _read(path)
    if all(data_set.get(name) is not None for name in _NEEDED) and _has_more_bits(path, data_set):
        what = "an overlay" if _has_overlay(path) else "other data"
        bits = f"the bits above the {data_set.BitsStored} of each sample"
        yield f"the DICOM file has {what} in {bits}, not stored; {exact.ALL}"


def _has_more_bits(path: Path, data_set: Any) -> bool:
    """Whether bits above those of the samples are neither zero nor copies of the sign."""
    stored, allocated = int(data_set.BitsStored), int(data_set.BitsAllocated)
    syntax = data_set.file_meta.get("TransferSyntaxUID")
    if not 1 < stored < allocated or (syntax is not None and (syntax.is_compressed or syntax.is_deflated)):
        return False
    from pydicom.pixels import iter_pixels

    source: Any = path if syntax is not None else _with_syntax(path)
    try:
        for array in iter_pixels(source, raw=True, correct_unused_bits=False):
            bits = array.view(f"u{array.itemsize}")
            above = bits >> stored
            signs = (bits >> (stored - 1)) & 1 if int(data_set.PixelRepresentation) else np.zeros_like(bits)
            if np.any((above != 0) & (above != signs * ((1 << (allocated - stored)) - 1))):
                return True
    except (AttributeError, ValueError):  # as loading will say
        pass
    return False


def _has_overlay(path: Path) -> bool:
    """Whether the file says that a bit of its samples belongs to an overlay."""
    import pydicom

    data_set = pydicom.dcmread(path, stop_before_pixels=True)
    return any(data_set.get((group, _OVERLAY_BIT)) and (group, _OVERLAY_DATA) not in data_set for group in _OVERLAYS)


def _refuse_converted(path: Path, data_set: Any) -> None:
    """Raise UnsupportedError for JPEG data in YBR that bear Adobe's mark, for which the decoder gives RGB."""
    if not str(data_set.PhotometricInterpretation).startswith("YBR_FULL"):
        return
    import pydicom

    with path.open("rb") as file:
        pydicom.dcmread(file, stop_before_pixels=True, specific_tags=[])
        begin = file.read(_LOOKED_AT)
    # The head of the first frame: what stands before the start of its scan.
    head = begin[begin.find(_JPEG) :].partition(_SCAN)[0] if _JPEG in begin else b""
    if _ADOBE in head:
        raise UnsupportedError(
            f"{path}: the JPEG data of this DICOM file are in {data_set.PhotometricInterpretation} and bear Adobe's "
            f"mark, for which pydicom's decoder converts them to RGB; {exact.KEEP}"
        )


def _floats(path: Path) -> str | None:
    """The name of the element with samples that are no integers, where there is one."""
    import pydicom

    data_set = pydicom.dcmread(path, specific_tags=list(_FLOATS), defer_size=1024, force=True)
    return next((name for name in _FLOATS if name in data_set), None)


def _load_floats(path: Path, name: str, index: int) -> Samples:
    """Frame ``index`` of floating-point samples. Raises FormatError where there are not as many as the file says."""
    import pydicom

    data_set = pydicom.dcmread(path, force=True)
    _, is_little_endian = data_set.original_encoding
    kind = ("<" if is_little_endian else ">") + ("f4" if name == _FLOATS[0] else "f8")
    components = int(data_set.get("SamplesPerPixel") or 1)
    shape = (int(data_set.Rows), int(data_set.Columns), *([components] if components > 1 else []))
    frames = int(data_set.get("NumberOfFrames") or 1)
    values = np.frombuffer(data_set[name].value, kind)
    if values.size != frames * int(np.prod(shape)):
        raise FormatError(f"{path}: the DICOM file has {values.size} samples, not {frames} frames of {shape}")
    return Samples(values.reshape(frames, *shape)[index], None, _MEANINGS["MONOCHROME2"])


def load(path: Path, index: int) -> Samples:
    """Frame ``index``: signed where its PixelRepresentation says so, and with its BitsStored as declared bits.

    1-bit frames become bool. Colours are left in the colour space of the file; palettes are not applied.
    """
    if (floats := _floats(path)) is not None:
        return _load_floats(path, floats, index)
    data_set = _read(path)
    _check(path, data_set)
    _refuse_converted(path, data_set)
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
    except AttributeError as error:
        if "Pixel Data" not in str(error):
            raise
        raise FormatError(f"{path}: the DICOM file describes an image, but has no samples (Pixel Data)") from error
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
    """The data set of a file that does not name its transfer syntax, with the one that pydicom found it to have.

    Raises FormatError for compressed samples, which nothing then says how to decode.
    """
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    data_set = pydicom.dcmread(path, force=True)
    is_implicit, is_little_endian = data_set.original_encoding
    if ("PixelData" in data_set and data_set["PixelData"].is_undefined_length) or not is_little_endian:
        raise FormatError(
            f"{path}: the DICOM file does not say how its samples are coded: it lacks TransferSyntaxUID, and they are "
            f"not plain; {exact.KEEP}"
        )
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
