"""The raw coder: every sample in the fewest whole bits that its plane's range needs. It never needs a codebook."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sofc.coders.base import Descriptor, NamedCoder
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange


def _bits(span: PlaneRange) -> int:
    return (span.high - span.low).bit_length()


class RawCoder(NamedCoder):
    """Samples minus the range's low end, most significant bit first, rows one after the other, zero bits at the end."""

    id = 0
    name = "raw"

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream of ceil(samples * bits / 8) bytes for each plane."""
        return [_pack(plane, span) for plane, span in zip(planes, ranges, strict=True)]

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """Raises FormatError where a stream has another length or a sample leaves its range."""
        return [_unpack(stream, span, rows, width) for stream, span in zip(streams, ranges, strict=True)]


def _pack(plane: Plane, span: PlaneRange) -> bytes:
    bits = _bits(span)
    values = (plane - span.low).ravel()
    if bits in (8, 16):
        return values.astype(f">u{bits // 8}").tobytes()
    columns = (values[:, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(columns.astype(np.uint8)).tobytes()


def _unpack(stream: bytes, span: PlaneRange, rows: int, width: int) -> Plane:
    bits = _bits(span)
    samples = rows * width
    if len(stream) != (samples * bits + 7) // 8:
        raise FormatError(f"a raw stream of {samples} samples of {bits} bits has {len(stream)} bytes")
    if bits in (8, 16):
        values = np.frombuffer(stream, f">u{bits // 8}").astype(np.int32)
    else:
        columns = np.unpackbits(np.frombuffer(stream, np.uint8), count=samples * bits).reshape(samples, bits)
        values = columns.astype(np.int32) @ (1 << np.arange(bits - 1, -1, -1, dtype=np.int32))
    values = values + np.int32(span.low)
    if samples and int(values.max()) > span.high:
        raise FormatError("a raw sample lies outside its range")
    return values.reshape(rows, width)


CODER = Descriptor(RawCoder)
