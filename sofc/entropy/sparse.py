"""Spec coding-tools/correction-planes: planes that are nearly all zeros, such as the corrections of a component
transform, or changes of tables."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import BROKEN, OK, Reader, Stream, Writer
from sofc.entropy.bit_models import INTEGER_MODELS, NEUTRAL, RARE, code_integer, code_within
from sofc.entropy.digits import from_zigzag, to_zigzag
from sofc.errors import FormatError
from sofc.jit.decorators import kernel
from sofc.jit.types import Table, Vector
from sofc.planes import Plane, has_any, zeros

CHANNELS = 3
BASE = 511
"""Values but zero are 1 + CHANNELS differences of -255 .. 255 as digits of this base."""
_AROUND = 16
"""Whether a sample is zero depends on which of W, N, NW and NE are."""
_MODELS = _AROUND + CHANNELS * INTEGER_MODELS
_QUIET = 64 << 16 | 60
"""The bit model of samples with zeros around: as if 1 in 1024 of 60 had been another."""
VALUES = BASE**CHANNELS + 1
MOST_KINDS = 16
"""All samples of a plane may be VALUES more, for each kind of plane, of which there are at most so many."""


@kernel
def _code_value(encode: bool, value: int, models: Vector[np.uint32], stream: Stream) -> int:
    """The digits of a value but zero, each zigzag-coded. The value, or BROKEN."""
    total = 0
    place = BASE * BASE
    for channel in range(CHANNELS):
        difference = ((value - 1) // place) % BASE - BASE // 2
        zigzag = code_integer(encode, to_zigzag(difference), _AROUND + channel * INTEGER_MODELS, models, stream)
        if not 0 <= zigzag < BASE:
            return BROKEN
        total += (from_zigzag(zigzag) + BASE // 2) * place
        place //= BASE
    return total + 1


@kernel
def code_sparse(encode: bool, plane: Table[np.int32], models: Vector[np.uint32], stream: Stream) -> int:
    """Spec coding-tools/correction-planes. Code a plane of 0 .. BASE**CHANNELS; when decoding it is filled. Returns
    OK or BROKEN."""
    rows, width = plane.shape
    for y in range(rows):
        for x in range(width):
            around = 0
            if x > 0 and plane[y, x - 1] != 0:
                around += 1
            if y > 0 and plane[y - 1, x] != 0:
                around += 2
            if x > 0 and y > 0 and plane[y - 1, x - 1] != 0:
                around += 4
            if y > 0 and x + 1 < width and plane[y - 1, x + 1] != 0:
                around += 8
            value = int(plane[y, x]) if encode else 0
            if code_within(encode, 1 if value > 0 else 0, around, RARE, models, stream):
                value = _code_value(encode, value, models, stream)
                if value < 0:
                    return value
                plane[y, x] = value
    return OK


def fresh_models() -> npt.NDArray[np.uint32]:
    """The bit models that ``code_sparse`` takes, before any plane."""
    models = np.full(_MODELS, NEUTRAL, np.uint32)
    models[0] = _QUIET
    return models


def encode_sparse(plane: Plane) -> bytes:
    """The stream of a plane of 0 .. BASE**CHANNELS, kind * VALUES more; nothing at all for a plane of zeros."""
    if not has_any(plane):
        return b""
    kind = int(plane.flat[0]) // VALUES
    writer = Writer(16 * plane.size + 64)
    code_sparse(True, plane - np.int32(kind * VALUES), fresh_models(), writer.stream)
    return bytes([1 + kind]) + writer.written()


def decode_sparse(stream: bytes, rows: int, width: int) -> Plane:
    """The plane again, for reading only. Raises FormatError."""
    if not stream:
        return zeros(rows, width)
    plane = np.zeros((rows, width), np.int32)
    if not 1 <= stream[0] <= MOST_KINDS:
        raise FormatError(f"a correction stream begins with 1 to {MOST_KINDS}, not {stream[0]}")
    if code_sparse(False, plane, fresh_models(), Reader(stream[1:]).stream) != OK:
        raise FormatError("a correction stream is damaged")
    plane += np.int32((stream[0] - 1) * VALUES)
    return plane


def decode_corrections(streams: list[bytes], most: list[int], rows: int, width: int) -> list[Plane]:
    """Planes of corrections, none above its bound in ``most``. Raises FormatError."""
    planes = [decode_sparse(stream, rows, width) for stream in streams]
    for stream, plane, bound in zip(streams, planes, most, strict=True):
        if stream and int(plane.max()) > bound:
            raise FormatError("a correction lies outside its range")
    return planes
