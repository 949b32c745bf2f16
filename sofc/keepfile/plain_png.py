"""PNG files of plain form, taken apart at once: samples and recipe of one inflation, without a trial of any window.

Of thousands of small files opening, reading and trying takes most of the time. What is plain: samples of 8 or 16 bits,
no palette, not interlaced, one frame, exactly as many as the head says, all checks right.
"""

from __future__ import annotations

import io
import zlib
from typing import NamedTuple

import numpy as np

from sofc.container.original import BIG_ENDIAN, PNG_FILTERS, Part, Window
from sofc.image import Meaning
from sofc.imagefiles.png import check_chunks
from sofc.imagefiles.samples import Samples
from sofc.keepfile import png, png_filters
from sofc.keepfile.deflate import Known

MOST_BYTES = 1 << 24
"""Of samples, and of a file: larger images are read in pieces."""
_MEANINGS = {0: Meaning.GRAY, 2: Meaning.RGB, 4: Meaning.GRAY_ALPHA, 6: Meaning.RGBA}
_ANIMATION = b"acTL"


class PlainPng(NamedTuple):
    """A file taken apart: its bytes, the image, where its data stand, and these, packed and inflated."""

    samples: Samples
    data: bytes
    file: png.Taken
    packed: bytes
    inflated: bytes

    def parts(self, known: Known | None = None) -> tuple[Part, ...] | None:
        """What makes the file of its image; None where nothing does. ``known``: as for ``Deflater``."""
        array = self.samples.array
        height, width, components = (*array.shape, 1)[:3]
        bits = 8 * array.dtype.itemsize
        filters = self.inflated[:: len(self.inflated) // height]
        window = Window(0, height, width, components, bits, flags=BIG_ENDIAN, prediction=PNG_FILTERS, filters=filters)
        return png.parts_of(self.data, self.file, self.packed, self.inflated, (window,), known)


def read_plain(data: bytes, name: str) -> PlainPng | None:
    """A PNG file taken apart; None for one that is not plain, and for what is none. ``name``: for messages.

    Raises FormatError where a check is wrong, UnsupportedError for Apple's form.
    """
    if not data.startswith(png.SIGNATURE) or len(data) > MOST_BYTES:
        return None
    file = png.taken_apart(data)
    if file is None or _ANIMATION in data[: file.start]:
        return None
    width, height = int.from_bytes(file.head[:4], "big"), int.from_bytes(file.head[4:8], "big")
    bits, kind, packing, filtering, interlaced = file.head[8:]
    if kind not in _MEANINGS or bits not in (8, 16) or packing or filtering or interlaced:
        return None
    pixel = png.COMPONENTS[kind] * bits // 8
    size = height * (width * pixel + 1)
    if not (width and height and size <= MOST_BYTES):
        return None
    check_chunks(io.BytesIO(data), name)
    packed = b"".join(png.bodies(data, file))
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(packed, size + 1)
    except zlib.error:
        return None
    if len(inflated) != size or not inflater.eof or inflater.unused_data:
        return None
    rows = np.empty((height, width * pixel), np.uint8)
    filtered = np.frombuffer(bytearray(inflated), np.uint8).reshape(height, -1)
    if png_filters.unfilter(filtered, pixel, rows) != png_filters.OK:
        return None
    array = rows if bits == 8 else rows.view(">u2").astype(np.uint16)
    components = png.COMPONENTS[kind]
    shaped = array.reshape(height, width) if components == 1 else array.reshape(height, width, components)
    return PlainPng(Samples(shaped, bits, _MEANINGS[kind]), data, file, packed, inflated)
