"""PCX files: 1 to 4 planes of 1 bit, 4 or 8 bits, and colours. Pillow guesses where rows end, and drops palettes."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles.exact import KEEP
from sofc.imagefiles.samples import Samples, palette_samples

_HEAD = struct.Struct("<4B4H4x48sxBH")  # the corners; the palette of up to 16 colours; planes, bytes of a row in each
_HEAD_BYTES = 128
_MAGIC, _VERSIONS = 10, (0, 2, 3, 4, 5)
_MARK = b"\x0c"
_PALETTE_BYTES = 769
"""Of the palette of 256 colours that stands at the end, behind its mark."""
_RUN = 0xC0
_BLACK_AND_WHITE = (bytes(6), bytes(3) + b"\xff\xff\xff")
_GRAYS = np.arange(256, dtype=np.uint8).repeat(3).reshape(256, 3)


def is_pcx(head: bytes) -> bool:
    """Whether a file whose first 12 bytes these are is of this format, which has no signature to speak of."""
    if len(head) < 12 or head[0] != _MAGIC or head[1] not in _VERSIONS or head[2] > 1 or head[3] not in (1, 2, 4, 8):
        return False
    left, top, right, bottom = struct.unpack("<4H", head[4:12])
    return bool(left <= right and top <= bottom)


def load(path: Path) -> Samples:
    """The image; of a palette image the numbers. Bilevel images become bool with True for white."""
    data = path.read_bytes()
    if len(data) < _HEAD_BYTES:
        raise FormatError(f"{path}: the head of the PCX file is cut off")
    _, _, packed, bits, left, top, right, bottom, _, planes, row_bytes = _HEAD.unpack_from(data)
    width, height = right - left + 1, bottom - top + 1
    if (bits, planes) not in ((1, 1), (1, 2), (1, 3), (1, 4), (4, 1), (8, 1), (8, 3)):
        raise UnsupportedError(f"{path}: this PCX file has {planes} planes of {bits} bits, which is not read; {KEEP}")
    if 8 * row_bytes < width * bits:
        raise FormatError(f"{path}: the rows of this PCX file are too short for {width} samples")
    body, _ = _rows(path, data, bool(packed), row_bytes * planes * height)
    rows = body.reshape(height, planes, row_bytes)
    if bits == 8 and planes == 3:
        return Samples(rows[:, :, :width].transpose(0, 2, 1), 8, Meaning.RGB)
    if bits == 8:
        image = rows[:, 0, :width]
    else:
        places = np.unpackbits(rows, axis=2, count=width * bits).reshape(height, planes, width, bits)
        weights = 1 << (np.arange(planes, dtype=np.uint8)[:, None] + np.arange(bits, dtype=np.uint8)[::-1])
        image = np.einsum("hpwb,pb->hw", places, weights.astype(np.uint8))
    depth = bits * planes
    if palette(path) is not None:
        return palette_samples(image, depth)
    return Samples(image != 0 if depth == 1 else image, depth, Meaning.GRAY)


def palette(path: Path) -> npt.NDArray[np.uint8] | None:
    """The colours of a palette image, shape (entries, 3); None where they are grays in their order."""
    data = path.read_bytes()
    if len(data) < _HEAD_BYTES:
        return None
    bits, short, planes = (_HEAD.unpack_from(data)[place] for place in (3, 8, 9))
    if bits * planes == 1:
        return None if short[:6] in _BLACK_AND_WHITE else np.frombuffer(short, np.uint8, 6).reshape(2, 3)
    if bits < 8:
        return np.frombuffer(short, np.uint8, 3 << bits * planes).reshape(-1, 3)
    tail = data[_HEAD_BYTES:][-_PALETTE_BYTES:]
    if planes > 1 or len(tail) < _PALETTE_BYTES or not tail.startswith(_MARK):
        return None
    colours = np.frombuffer(tail, np.uint8, offset=1).reshape(256, 3)
    return None if np.array_equal(colours, _GRAYS) else colours


def end(path: Path) -> int:
    """Where the samples end, or the palette of 256 colours that stands at the end of the file, where nothing but it
    is behind them. Raises FormatError where they are cut off."""
    data = path.read_bytes()
    _, _, packed, bits, _, top, _, bottom, _, planes, row_bytes = _HEAD.unpack_from(data)
    _, place = _rows(path, data, bool(packed), row_bytes * planes * (bottom - top + 1))
    with_palette = bits * planes == 8 and data[place:].lstrip(b"\0").startswith(_MARK)
    return data.find(_MARK, place) + _PALETTE_BYTES if with_palette else place


def _rows(path: Path, data: bytes, packed: bool, size: int) -> tuple[npt.NDArray[np.uint8], int]:
    """All rows: bytes, or a count of up to 63 with both high bits set and a byte. With them, where they end."""
    place = _HEAD_BYTES + size
    if not packed:
        body = data[_HEAD_BYTES:place]
    else:
        pieces: list[bytes] = []
        place, found = _HEAD_BYTES, 0
        while found < size and place < len(data):
            is_run = data[place] >= _RUN
            piece = data[place + 1 : place + 2] * (data[place] - _RUN) if is_run else data[place : place + 1]
            pieces.append(piece)
            found += len(piece)
            place += 2 if is_run else 1
        body = b"".join(pieces)[:size]
    if len(body) < size:
        raise FormatError(f"{path}: the PCX file is cut off")
    return np.frombuffer(body, np.uint8), place
