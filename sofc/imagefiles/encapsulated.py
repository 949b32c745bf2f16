"""Compressed frames of DICOM files for which pydicom needs further packages, through imagecodecs: JPEG-LS, JPEG 2000 of
high throughput, lossless JPEG and JPEG of 12 bits, and colours of more than 8 bits in JPEG 2000."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy.typing as npt

from sofc.errors import FormatError, UnsupportedError
from sofc.imagefiles import exact, pixel_data

Array = npt.NDArray[Any]
_DECODERS = {
    "1.2.840.10008.1.2.4.51": "jpeg",
    **dict.fromkeys(("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"), "jpegsof3"),
    **dict.fromkeys(("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"), "jpegls"),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.20{number}" for number in (1, 2, 3)), "jpeg2k"),
}
"""Of transfer syntaxes, the decoder of imagecodecs."""
_DECODERS_OF_DEEP_COLOURS = dict.fromkeys(("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"), "jpeg2k")
_JPEG, _OCTET, _TWELVE = "jpeg", 8, 12
_PADDING = b"\0\xff"
"""Bytes that make a frame even: zeros by the standard, of JPEG data also those that fill places between markers."""
_END = b"\xff\xd9"
"""The last bytes of JPEG and JPEG 2000 data; without them decoders give what they have, and fill the rest."""


def is_read(syntax: str, bits: int, components: int) -> bool:
    """Whether frames in a transfer syntax, of so many components of so many bits, are read here. JPEG data of 8 bits
    are left to pydicom, and of JPEG 2000 all but colours of more."""
    decoder = _DECODERS.get(syntax)
    if components > 1 and bits > _OCTET:
        decoder = decoder or _DECODERS_OF_DEEP_COLOURS.get(syntax)
    return (
        decoder is not None and (decoder != _JPEG or bits == _TWELVE) and bool(importlib.util.find_spec("imagecodecs"))
    )


class Frames:
    """The frames of a file, found one after the other where they are wanted in their order.

    ``shape``: that of a frame; ``count``: how many the file says there are.
    """

    def __init__(self, path: Path, syntax: Any, shape: tuple[int, ...], count: int) -> None:
        self._path, self._shape, self._count = path, shape, count
        self._named, self._decoder = syntax.name, (_DECODERS | _DECODERS_OF_DEEP_COLOURS)[str(syntax)]
        self._is_colour_jpeg = self._decoder == _JPEG and len(shape) > 2
        self._start = pixel_data.find(path).start
        self._file: BinaryIO = path.open("rb")
        self._following: Iterator[bytes] | None = None
        self._next = 0

    def frame(self, index: int) -> Array:
        """A frame as its data have it: unsigned, or signed in JPEG 2000 data that say so.

        Raises FormatError for data that are damaged or not there, UnsupportedError for frames of another shape.
        """
        import imagecodecs

        data = self._data(index).rstrip(_PADDING)
        try:
            if not data.endswith(_END):
                raise ValueError(f"frame {index} is cut off, or has more behind its end")
            # To give colours of JPEG data as they are stored is to convert them to what they are in.
            colours = {"colorspace": "YCBCR", "outcolorspace": "YCBCR"} if self._is_colour_jpeg else {}
            array: Array = getattr(imagecodecs, f"{self._decoder}_decode")(data, **colours)
        except (RuntimeError, ValueError) as error:
            raise FormatError(
                f"{self._path}: its samples, compressed with {self._named}, are damaged: {error}"
            ) from error
        if array.shape != self._shape:
            raise UnsupportedError(
                f"{self._path}: frame {index} of the DICOM file is of shape {array.shape} and not, as the file says, "
                f"{self._shape}; {exact.KEEP}"
            )
        return array

    def _data(self, index: int) -> bytes:
        from pydicom.encaps import generate_frames

        if self._following is None or index < self._next:
            self._file.seek(self._start)
            self._following, self._next = generate_frames(self._file, number_of_frames=self._count), 0
        for _ in range(self._next, index):
            next(self._following, None)
        self._next = index + 1
        data: bytes | None = next(self._following, None)
        if data is None:
            raise FormatError(f"{self._path}: the DICOM file has fewer frames than it says ({self._count})")
        return data

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
