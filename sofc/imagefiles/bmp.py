"""BMP files of 16 bits a pixel, or with masks for the bits of each component: Pillow scales those to 8 bits."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from sofc.errors import FormatError, UnsupportedError
from sofc.imagefiles.exact import KEEP
from sofc.imagefiles.samples import Samples, meaning_of

_MAGIC = b"BM"
_HEAD = struct.Struct("<10xIIiiHHI")  # place of the samples; size of this head, columns, rows, planes, bits, packing
_HEAD_BYTES = 70
_PLAIN, _MASKS, _MASKS_AND_ALPHA = 0, 3, 6
_USUAL_MASKS = (0x7C00, 0x3E0, 0x1F, 0)
_MASKS_AT = 54


def is_masked(path: Path) -> bool:
    """Whether this is such a file."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head.startswith(_MAGIC) or len(head) < _HEAD_BYTES or _HEAD.unpack_from(head)[1] < 40:
        return False
    *_, bits, packing = _HEAD.unpack_from(head)
    return bits in (16, 32) and (packing in (_MASKS, _MASKS_AND_ALPHA) or (bits == 16 and packing == _PLAIN))


def load(path: Path) -> Samples:
    """The image: red, green, blue, and alpha where the file has a mask for it, with the bits that they have there.

    Raises UnsupportedError where the components have unequal bits, or other bits are not zero.
    """
    data = path.read_bytes()
    place, head_bytes, width, height, _, bits, packing = _HEAD.unpack_from(data)
    masks = list(struct.unpack_from("<4I", data, _MASKS_AT)) if packing != _PLAIN else list(_USUAL_MASKS)
    if head_bytes < 56 and packing == _MASKS:
        masks[3] = 0
    masks = masks if masks[3] else masks[:3]
    widths = [mask.bit_count() for mask in masks]
    if len(set(widths)) > 1:
        raise UnsupportedError(
            f"{path}: the components of this BMP file have {', '.join(map(str, widths))} bits; sofc stores only "
            f"components of equal depth; {KEEP}"
        )
    row_bytes = (width * bits + 31) // 32 * 4
    if width < 1 or height == 0 or len(data) < place + row_bytes * abs(height):
        raise FormatError(f"{path}: {width}x{abs(height)} samples are announced but not all there")
    rows = np.frombuffer(data, f"<u{bits // 8}", row_bytes * abs(height) * 8 // bits, place)
    pixels = rows.reshape(abs(height), -1)[:: -1 if height > 0 else 1, :width]
    lows = [(mask & -mask).bit_length() - 1 for mask in masks]
    if not all(mask and mask >> low == (1 << widths[0]) - 1 for mask, low in zip(masks, lows, strict=True)) or (
        sum(masks) != np.bitwise_or.reduce(masks)
    ):
        raise FormatError(f"{path}: the masks of this BMP file are not sound")
    if np.any(pixels & ((1 << bits) - 1 & ~sum(masks))):
        raise UnsupportedError(f"{path}: this BMP file has samples in the bits that BMP leaves unused; {KEEP}")
    components = [pixels >> low & (1 << widths[0]) - 1 for low in lows]
    image = np.stack(components, axis=-1).astype(np.uint8 if widths[0] <= 8 else np.uint16)
    return Samples(image, widths[0], meaning_of(len(masks)))
