"""SGI files (.sgi, .rgb, .bw): samples of 8 and 16 bits, plain or in runs; Pillow cuts those of 16 to 8."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UnsupportedError
from sofc.imagefiles.exact import KEEP
from sofc.imagefiles.pillow import FEW_PIXELS
from sofc.imagefiles.samples import Samples, meaning_of

MAGIC = b"\x01\xda"
_HEAD = struct.Struct(">HBBHHHH92xI")
_HEAD_BYTES = 512
_LITERAL = 0x80
_MOST_TO_BYTE = 64
"""Samples to a byte of a large file: a count and a sample, of one byte each, stand for 127."""


def load(path: Path) -> Samples:
    """The image; the last row of the file is the first."""
    data = path.read_bytes()
    if len(data) < _HEAD_BYTES:
        raise FormatError(f"{path}: the head of the SGI file is cut off")
    _, runs, octets, dimensions, width, height, components, colours = _HEAD.unpack_from(data)
    if runs not in (0, 1) or octets not in (1, 2) or not 1 <= dimensions <= 3:
        raise FormatError(f"{path}: the head of the SGI file cannot be read")
    if colours:
        raise UnsupportedError(f"{path}: this SGI file holds numbers of colours, or colours in 8 bits; {KEEP}")
    height = height if dimensions > 1 else 1
    components = components if dimensions > 2 else 1
    if not (width and height and components):
        raise FormatError(f"{path}: the SGI file holds no samples")
    dtype = np.dtype(">u2" if octets == 2 else "u1")
    if runs:
        planes = _runs(path, data, width, height * components, dtype).reshape(components, height, width)
    else:
        size = width * height * components
        if len(data) < _HEAD_BYTES + size * octets:
            raise FormatError(f"{path}: {width}x{height} samples are announced but not all there")
        planes = np.frombuffer(data, dtype, size, _HEAD_BYTES).reshape(components, height, width)
    image = planes[:, ::-1].transpose(1, 2, 0)
    return Samples(image if components > 1 else image[:, :, 0], 8 * octets, meaning_of(components))


def end(path: Path) -> int:
    """Where the samples end."""
    data = path.read_bytes()
    _, runs, octets, dimensions, width, height, components, _ = _HEAD.unpack_from(data)
    rows = (height if dimensions > 1 else 1) * (components if dimensions > 2 else 1)
    if not runs:
        return int(_HEAD_BYTES + rows * width * octets)
    starts, sizes = np.frombuffer(data, ">u4", 2 * rows, _HEAD_BYTES).reshape(2, rows).astype(np.int64)
    return int((starts + sizes).max())


def _runs(path: Path, data: bytes, width: int, rows: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """All rows of all planes: where each begins, and how many bytes it has, stands behind the head."""
    if len(data) < _HEAD_BYTES + 8 * rows:
        raise FormatError(f"{path}: the SGI file ends before its samples begin")
    if rows * width > max(FEW_PIXELS, _MOST_TO_BYTE * len(data)):
        raise FormatError(f"{path}: {width}x{rows} samples are more than a file of {len(data)} bytes can hold")
    starts, sizes = np.frombuffer(data, ">u4", 2 * rows, _HEAD_BYTES).reshape(2, rows).tolist()
    image = np.empty((rows, width), dtype)
    known: dict[tuple[int, int], int] = {}  # rows may share their bytes
    for number, place in enumerate(zip(starts, sizes, strict=True)):
        if place in known:
            image[number] = image[known[place]]
            continue
        start, size = place
        there = max(0, min(size, len(data) - start))
        image[number] = _row(path, np.frombuffer(data, dtype, there // dtype.itemsize, start if there else 0), width)
        known[place] = number
    return image


def _row(path: Path, units: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    """A row of counts and samples. A count of 0 ends it."""
    pieces: list[npt.NDArray[Any]] = []
    counts = (units & 0xFF).tolist()
    place = found = 0
    while place < len(units) and (count := counts[place] & ~_LITERAL):
        literal = bool(counts[place] & _LITERAL)
        piece = units[place + 1 : place + 1 + (count if literal else 1)]
        pieces.append(piece if literal else np.repeat(piece, count))
        place += 1 + (count if literal else 1)
        found += len(pieces[-1])
    if found != width:
        raise FormatError(f"{path}: a row of the SGI file has {found} samples and not {width}")
    return np.concatenate(pieces)
