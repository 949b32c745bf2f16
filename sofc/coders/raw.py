"""The raw coder: every sample in the fewest whole bits that its plane's range needs. It never needs a codebook."""

from __future__ import annotations

import numpy as np

from sofc.coders.base import Descriptor, NamedCoder, PlaneCoder
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange

_WORD, _PIECE = 32, 1 << 16
"""Bits of a number as it is taken apart, and how many are at a time, a multiple of 8: each bit takes a byte then."""


def _bits(span: PlaneRange) -> int:
    return (span.high - span.low).bit_length()


class RawCoder(PlaneCoder, NamedCoder):
    """Samples minus the range's low end, most significant bit first, rows one after the other, zero bits at the end."""

    id = 0
    name = "raw"

    def encode_plane(self, plane: Plane, span: PlaneRange, image_rows: int) -> bytes:
        """A stream of ceil(samples * bits / 8) bytes."""
        bits = _bits(span)
        values = (plane - span.low).ravel()
        if bits in (8, 16):
            return values.astype(f">u{bits // 8}").tobytes()
        words = values.astype(">u4").view(np.uint8).reshape(-1, _WORD // 8)
        pieces = (words[first : first + _PIECE] for first in range(0, len(words), _PIECE))
        return b"".join(np.packbits(np.unpackbits(piece, axis=1)[:, _WORD - bits :]).tobytes() for piece in pieces)

    def decode_plane(self, stream: bytes, span: PlaneRange, shape: tuple[int, int], image_rows: int) -> Plane:
        """Raises FormatError where a stream has another length or a sample leaves its range."""
        bits = _bits(span)
        samples = shape[0] * shape[1]
        if len(stream) != (samples * bits + 7) // 8:
            raise FormatError(f"a raw stream of {samples} samples of {bits} bits has {len(stream)} bytes")
        if bits in (8, 16):
            values = np.frombuffer(stream, f">u{bits // 8}").astype(np.int32)
        else:
            octets = np.frombuffer(stream, np.uint8)
            values = np.empty(samples, np.int32)
            for first in range(0, samples, _PIECE):
                count = min(_PIECE, samples - first)
                columns = np.zeros((count, _WORD), np.uint8)
                taken = np.unpackbits(octets[first * bits // 8 :], count=count * bits)
                columns[:, _WORD - bits :] = taken.reshape(count, bits)
                values[first : first + count] = np.packbits(columns, axis=1).view(">u4")[:, 0]
        values = values + np.int32(span.low)
        if samples and int(values.max()) > span.high:
            raise FormatError("a raw sample lies outside its range")
        return values.reshape(shape)


CODER = Descriptor(RawCoder)
