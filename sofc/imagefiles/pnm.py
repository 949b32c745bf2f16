"""Portable anymaps: PBM, PGM and PPM with raw or plain samples. Pillow rescales them to 8 bits; this does not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UsageError
from sofc.imagefiles.samples import Samples, meaning_of

MAGICS = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6")
_GAP = rb"(?:\s|#[^\n]*\n)+"
_BITMAP_HEAD = re.compile(rb"P[14]" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")
_GRAY_HEAD = re.compile(rb"P[2356]" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")


def load(path: Path) -> Samples:
    """The first image of the file. Bitmaps become bool with True for white, as Pillow has them."""
    data = path.read_bytes()
    bitmap = data[:2] in (b"P1", b"P4")
    head = (_BITMAP_HEAD if bitmap else _GRAY_HEAD).match(data)
    if head is None:
        raise FormatError(f"{path}: the head of this {data[:2].decode()} file cannot be read")
    numbers = [int(group) for group in head.groups()]
    width, height = numbers[:2]
    maximum = 1 if bitmap else numbers[2]
    if not (width and height and 1 <= maximum <= 65535):
        raise FormatError(f"{path}: width, height or largest value is out of range ({numbers})")
    components = 3 if data[:2] in (b"P3", b"P6") else 1
    body = memoryview(data)[head.end() :]
    shape = (height, width, components) if components > 1 else (height, width)
    array: npt.NDArray[np.unsignedinteger]
    try:
        if data[:2] in (b"P1", b"P2", b"P3"):
            array = _plain(bytes(body), bitmap, height * width * components).reshape(shape)
        elif bitmap:
            packed = np.frombuffer(body, np.uint8, height * ((width + 7) // 8)).reshape(height, -1)
            array = np.unpackbits(packed, axis=1, count=width)
        else:
            array = np.frombuffer(body, np.uint8 if maximum < 256 else ">u2", height * width * components)
            array = array.reshape(shape)
    except ValueError as error:
        raise FormatError(f"{path}: {width}x{height} samples are announced but not all there") from error
    if int(array.max()) > maximum:
        raise FormatError(f"{path}: a sample is larger than the announced maximum {maximum}")
    if bitmap:
        return Samples(array == 0, 1, meaning_of(1))
    return Samples(array.astype(np.uint8 if maximum < 256 else np.uint16), maximum.bit_length(), meaning_of(components))


def _plain(text: bytes, bitmap: bool, count: int) -> npt.NDArray[np.uint16]:
    text = re.sub(rb"#[^\n]*", b" ", text)
    words = re.findall(rb"[01]", text) if bitmap else text.split()
    return np.array(words[:count], dtype="S5").astype(np.uint16)


def pack(array: npt.NDArray[np.generic], declared_bits: int | None) -> bytes:
    """The bytes of a PBM (bool), PGM or PPM (uint8, uint16) file. Raises UsageError for any other array."""
    height, width = array.shape[:2]
    components = array.shape[2] if array.ndim == 3 else 1
    if array.dtype == np.bool_ and components == 1:
        return b"P4\n%d %d\n" % (width, height) + np.packbits(~array.astype(np.bool_), axis=1).tobytes()
    if array.dtype not in (np.uint8, np.uint16) or components not in (1, 3):
        raise UsageError(
            f"PNM holds one or three components of unsigned samples, not {components} of {array.dtype}; "
            "use .tif or .npy"
        )
    maximum = _maximum(array, declared_bits)
    samples = array.astype("u1" if maximum < 256 else ">u2")
    return b"P%d\n%d %d\n%d\n" % (5 if components == 1 else 6, width, height, maximum) + samples.tobytes()


def _maximum(array: npt.NDArray[np.generic], declared_bits: int | None) -> int:
    bits = declared_bits or 8 * array.dtype.itemsize
    largest = (1 << bits) - 1
    return largest if int(array.max()) <= largest else (1 << 8 * array.dtype.itemsize) - 1
