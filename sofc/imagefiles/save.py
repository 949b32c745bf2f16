"""Writing image files of other formats: whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy_format

from sofc.errors import UsageError
from sofc.files import replacing
from sofc.image import Meaning
from sofc.imagefiles import png, pnm
from sofc.imagefiles.signatures import name_in
from sofc.rows import FileRows

Array = npt.NDArray[np.generic]

FORMATS = {"png": ".png", "tiff": ".tif", "pnm": ".pnm", "npy": ".npy"}
"""Formats that can be written, with the suffix of each."""
FEW_BITS = (2, 4)
"""Of a gray sample, for which PNG and TIFF have layouts: those of PNG Pillow does not write."""
_WITH_ALPHA = (Meaning.GRAY_ALPHA, Meaning.RGBA)
_NAMES = {"png": ("PNG",), "tiff": ("TIFF", "BigTIFF"), "pnm": ("PNM",), "npy": ("NPY",)}
"""What files of these formats call themselves."""
_SUFFIXES = {
    ".png": "png",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".pnm": "pnm",
    ".pbm": "pnm",
    ".pgm": "pnm",
    ".ppm": "pnm",
    ".npy": "npy",
}


def format_for(path: Path) -> str:
    """The format that a file name asks for. Raises UsageError where none fits."""
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError:
        raise UsageError(f"{path}: cannot tell the format; use one of {', '.join(_SUFFIXES)}, or --format") from None


def is_format_of(path: Path, head: bytes) -> bool | None:
    """Whether a file that begins so has the format that its name asks for; None where neither says it."""
    file_format, name = _SUFFIXES.get(path.suffix.lower()), name_in(head)
    return None if file_format is None or name is None else name in _NAMES[file_format]


def fits_png(array: Array | FileRows, meaning: Meaning = Meaning.UNSPECIFIED) -> bool:
    """Whether PNG, as Pillow writes it, holds this array without loss, and shows it as what it is."""
    components = array.shape[2] if array.ndim == 3 else 1
    if meaning == Meaning.CMYK or (meaning == Meaning.PALETTE and array.dtype == np.uint16):
        return False
    if array.dtype == np.uint8:
        return components in (1, 2, 3, 4)
    return components == 1 and array.dtype in (np.bool_, np.uint16)


def fits_tiff(array: Array | FileRows) -> bool:
    """Whether TIFF, as tifffile writes it, holds this array: of 1-bit samples not more than one component."""
    return array.dtype != np.bool_ or array.ndim == 2


def usual_format(array: Array | FileRows, meaning: Meaning = Meaning.UNSPECIFIED) -> str:
    """The format for an array where none was asked for: PNG would show a last component as alpha, which it must be."""
    shown = array.ndim == 2 or array.shape[2] not in (2, 4) or meaning in _WITH_ALPHA
    return "png" if shown and fits_png(array, meaning) else "tiff" if fits_tiff(array) else "npy"


def save(
    path: Path,
    array: npt.NDArray[np.generic],
    file_format: str | None = None,
    *,
    declared_bits: int | None = None,
    meaning: Meaning = Meaning.UNSPECIFIED,
) -> None:
    """Write one image, shape (height, width[, components]), as ``file_format`` or as the name's suffix says.

    An existing file is replaced. Raises UsageError where the format cannot hold the samples, OSError where the
    disk cannot.
    """
    file_format = file_format or format_for(path)
    if file_format not in FORMATS:
        raise UsageError(f"unknown format {file_format!r}; known are {', '.join(FORMATS)}")
    with replacing(path) as file:
        write(file, array, file_format, declared_bits=declared_bits, meaning=meaning)


def write(
    file: BinaryIO,
    array: npt.NDArray[np.generic],
    file_format: str,
    *,
    declared_bits: int | None = None,
    meaning: Meaning = Meaning.UNSPECIFIED,
) -> None:
    """Write one image to an open file; see ``save``."""
    if file_format == "npy":
        np.save(file, array, allow_pickle=False)
    elif file_format == "pnm":
        file.write(pnm.pack(array, declared_bits))
    elif file_format == "png":
        _write_png(file, array, declared_bits if meaning != Meaning.PALETTE else None)
    else:
        _write_tiff(file, array, declared_bits, meaning)


def write_rows(file: BinaryIO, rows: FileRows, file_format: str, *, declared_bits: int | None = None) -> None:
    """Write an image that is not in memory to an NPY or PNM file, as ``write`` does."""
    if file_format == "npy":
        npy_format.write_array_header_1_0(file, {"descr": rows.dtype.str, "fortran_order": False, "shape": rows.shape})
        for piece in rows.pieces():
            file.write(piece.data)
    else:
        for part in pnm.packed(rows, declared_bits):
            file.write(part)


def _write_png(file: BinaryIO, array: npt.NDArray[np.generic], declared_bits: int | None) -> None:
    from PIL import Image

    if not fits_png(array):
        components = array.shape[2] if array.ndim == 3 else 1
        raise UsageError(
            f"PNG cannot hold {components} component(s) of {array.dtype} here; use .tif or .npy (-o, or --format tiff)"
        )
    bits = _few_bits(array, declared_bits)
    if bits is not None:
        file.write(png.pack(array, bits))
    else:
        Image.fromarray(array).save(file, "PNG")


def _few_bits(array: npt.NDArray[np.generic], declared_bits: int | None) -> int | None:
    """The bits of gray samples that are to be packed, as viewers take them by the bits that they have in the file."""
    fits = array.dtype == np.uint8 and array.ndim == 2 and declared_bits in FEW_BITS
    return declared_bits if fits and int(array.max()) < 1 << (declared_bits or 8) else None


def _write_tiff(file: BinaryIO, array: npt.NDArray[np.generic], declared_bits: int | None, meaning: Meaning) -> None:
    import tifffile

    components = array.shape[2] if array.ndim == 3 else 1
    if not fits_tiff(array):
        raise UsageError(f"TIFF cannot hold {components} components of 1 bit here; use .npy (-o, or --format npy)")
    photometric = {3: "rgb", 4: "rgb"}.get(components, "minisblack")
    if meaning == Meaning.CMYK and components == 4:
        photometric = "separated"
    extra = components == 4 and photometric == "rgb"
    extras = ["unassalpha" if meaning in _WITH_ALPHA else "unspecified"] if extra or components == 2 else None
    # tifffile wants to seek and to know the file's name; a pipe or a temporary file offers neither.
    buffer = file if isinstance(file, io.BytesIO) else io.BytesIO()
    tifffile.imwrite(
        buffer,
        array,
        photometric=photometric,
        planarconfig="contig" if components > 1 else None,
        extrasamples=extras,
        bitspersample=_few_bits(array, declared_bits),
        metadata=None,
        software=False,
    )
    if buffer is not file:
        file.write(buffer.getbuffer())
