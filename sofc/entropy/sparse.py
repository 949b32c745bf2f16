"""Planes that are nearly all zeros, such as the corrections of a component transform."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.entropy import binary
from sofc.errors import FormatError
from sofc.planes import Plane

_CHANCES = 16 + 3 * (binary.LONGEST + 1)


def _start() -> npt.NDArray[np.int32]:
    chances = np.full(_CHANCES, binary.EVEN, np.int32)
    chances[0] = 64
    return chances


def encode_sparse(plane: Plane) -> bytes:
    """The stream of a plane of 0 .. 511**3; nothing at all for a plane of zeros."""
    if not plane.any():
        return b""
    buffer = np.zeros(16 * plane.size + 64, np.uint8)
    coder = binary.start_encoding()
    binary.code_sparse(True, plane, _start(), coder, buffer)
    return b"\1" + buffer[: binary.finish_encoding(coder, buffer)].tobytes()


def decode_sparse(stream: bytes, rows: int, width: int) -> Plane:
    """The plane again. Raises FormatError."""
    plane = np.zeros((rows, width), np.int32)
    if stream:
        if stream[0] != 1:
            raise FormatError(f"a correction stream begins with 1, not {stream[0]}")
        buffer = np.frombuffer(bytearray(stream[1:]), np.uint8)
        coder = binary.start_decoding(buffer)
        if binary.code_sparse(False, plane, _start(), coder, buffer) != binary.OK:
            raise FormatError("a correction stream is damaged")
    return plane
