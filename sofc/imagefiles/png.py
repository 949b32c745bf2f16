"""PNG files through Pillow, with all bits of 16-bit colour, which Pillow itself cuts to 8."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError
from sofc.image import Meaning
from sofc.imagefiles.pillow import opened
from sofc.imagefiles.samples import Samples, meaning_of, palette_samples

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Pillow's unpackers keep the first byte of each sample ("16B") or the second ("16L"); together they are the sample.
_HALVES = {"RGB;16B": ("RGB;16B", "RGB;16L"), "RGBA;16B": ("RGBA;16B", "RGBA;16L")}
_INDEX_BITS = {"P;1": 1, "P;2": 2, "P;4": 4}


def load(path: Path) -> Samples:
    """The (first) image of the file. Of a palette image the indices, with the bits that they have in the file."""
    _check_chunks(path)
    with opened(path, ("PNG",)) as image:
        layout = _layout(image)
        if image.mode == "P":
            return palette_samples(np.asarray(image), _INDEX_BITS.get(layout or "", 8))
        if layout in _HALVES:
            high, low = (_reread(path, half, None) for half in _HALVES[layout])
            array: npt.NDArray[Any] = high.astype(np.uint16) << 8 | low
        elif layout == "LA;16B":
            # Gray and alpha of 16 bits are four bytes a pixel, as 8-bit RGBA is.
            octets = _reread(path, "RGBA", "RGBA")
            array = octets[..., 0::2].astype(np.uint16) << 8 | octets[..., 1::2]
        else:
            array = np.asarray(image)
    components = array.shape[2] if array.ndim == 3 else 1
    bits = 1 if array.dtype == np.bool_ else 8 * array.dtype.itemsize
    return Samples(array, bits, meaning_of(components) if components != 1 else Meaning.GRAY)


def _check_chunks(path: Path) -> None:
    """Compare the CRC of every critical chunk: Pillow passes over that of the samples. Raises FormatError."""
    with path.open("rb") as file:
        file.seek(len(SIGNATURE))
        while len(head := file.read(8)) == 8:
            body = file.read(int.from_bytes(head[:4], "big"))
            chunk = head[4:]
            if chunk[:1].isupper() and zlib.crc32(chunk + body) != int.from_bytes(file.read(4), "big"):
                raise FormatError(f"{path}: chunk {chunk.decode('latin-1')!r} of this PNG file is damaged")
            if chunk[:1].islower():
                file.seek(4, os.SEEK_CUR)
            if chunk == b"IEND":
                return


def _layout(image: Any) -> str | None:
    tiles = getattr(image, "tile", None)
    return tiles[0].args if tiles and isinstance(tiles[0].args, str) else None


def _reread(path: Path, layout: str, mode: str | None) -> npt.NDArray[np.uint8]:
    with opened(path, ("PNG",)) as image:
        image.tile = [tile._replace(args=layout) for tile in image.tile]
        if mode is not None:
            image._mode = mode
        return np.asarray(image)
