"""Sun raster files: 1, 8, 24 and 32 bits a pixel, plain or in runs, with a palette or without."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles.exact import KEEP
from sofc.imagefiles.samples import Samples, palette_samples

MAGIC = b"\x59\xa6\x6a\x95"
_HEAD = struct.Struct(">8I")
_OLD, _STANDARD, _RUNS, _RED_FIRST = range(4)
_NO_PALETTE, _PALETTE = 0, 1
_ESCAPE = 0x80
_MOST_OF_A_RUN = 86
"""Bytes that a byte of runs may stand for, at most: three for 256."""


def load(path: Path) -> Samples:
    """The image; of a palette image the numbers. Without a palette 1-bit images become bool with True for white."""
    data = path.read_bytes()
    if len(data) < _HEAD.size:
        raise FormatError(f"{path}: the head of the Sun raster file is cut off")
    _, width, height, bits, _, kind, colours, palette_bytes = _HEAD.unpack_from(data)
    mapped = colours == _PALETTE and palette_bytes > 0
    if (
        bits not in (1, 8, 24, 32)
        or kind not in (_OLD, _STANDARD, _RUNS, _RED_FIRST)
        or (colours != _NO_PALETTE and not mapped)
        or (mapped and bits > 8)
    ):
        raise UnsupportedError(
            f"{path}: this Sun raster file (type {kind}, {bits} bits a pixel, colours of type {colours}) is not read; "
            f"{KEEP}"
        )
    row_bytes = (width * bits + 15) // 16 * 2
    body = data[_HEAD.size + palette_bytes :]
    if row_bytes * height > len(body) * (_MOST_OF_A_RUN if kind == _RUNS else 1):
        raise FormatError(f"{path}: {width}x{height} samples are announced but not all there")
    if kind == _RUNS:
        body, _ = _unpacked(path, body, row_bytes * height)
    rows = np.frombuffer(body, np.uint8, row_bytes * height).reshape(height, row_bytes)
    if bits == 1:
        ones = np.unpackbits(rows, axis=1, count=width)
        return palette_samples(ones, 1) if mapped else Samples(ones == 0, 1, Meaning.GRAY)
    if bits == 8:
        gray = rows[:, :width]
        return palette_samples(gray, 8) if mapped else Samples(gray, 8, Meaning.GRAY)
    pixels = rows[:, : width * bits // 8].reshape(height, width, bits // 8)
    if bits == 32:
        if np.any(pixels[..., 0]):
            raise UnsupportedError(f"{path}: this Sun raster file has samples in the byte that is left unused; {KEEP}")
        pixels = pixels[..., 1:]
    return Samples(pixels if kind == _RED_FIRST else pixels[..., ::-1], 8, Meaning.RGB)


def palette(path: Path) -> npt.NDArray[np.uint8] | None:
    """The colours of a palette image, shape (entries, 3), which stand there one component after the other; or None."""
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or (kind := _HEAD.unpack(head)[6:])[0] != _PALETTE:
            return None
        data = file.read(kind[1])
    entries = len(data) // 3
    return np.frombuffer(data, np.uint8, 3 * entries).reshape(3, entries).T if entries else None


def end(path: Path) -> int:
    """Where the samples end. Raises FormatError where they are cut off."""
    data = path.read_bytes()
    _, width, height, bits, _, kind, _, palette_bytes = _HEAD.unpack_from(data)
    start, size = _HEAD.size + palette_bytes, (width * bits + 15) // 16 * 2 * height
    return int(start + (_unpacked(path, data[start:], size)[1] if kind == _RUNS else size))


def _unpacked(path: Path, data: bytes, size: int) -> tuple[bytes, int]:
    """Runs: an escape, how many more than one there are, and the byte; or an escape and 0 for one that is no escape.
    With them, how many bytes they took."""
    pieces: list[bytes] = []
    place = found = 0
    while found < size:
        escape = data.find(_ESCAPE, place)
        pieces.append(data[place : escape if escape >= 0 else None])
        found += len(pieces[-1])
        if escape < 0 or found >= size:
            place += len(pieces[-1]) - max(0, found - size)
            break
        more = data[escape + 1 : escape + 2]
        run = data[escape : escape + 1] if more == b"\0" else data[escape + 2 : escape + 3] * (1 + ord(more or b"\0"))
        place = escape + (2 if more == b"\0" else 3)
        pieces.append(run)
        found += len(run)
    if found < size:
        raise FormatError(f"{path}: the Sun raster file is cut off")
    return b"".join(pieces)[:size], place
