"""One plane to one stream and back (Spec shape/stream).

A stream is a head of one or two varints, the bits of all (distance, shape) pairs, and the range coder's bytes.
A distance counts the samples passed since the last pair that no earlier shape covers, so a shape begins where the
next free sample is after passing that many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sofc.coders.shape import kernel_codes as kernel
from sofc.coders.shape.details import decode_details, encode_details
from sofc.coders.shape.kernel_codes import Bits, Canvas
from sofc.coders.shape.kernel_predict import from_residuals, largest_residual, to_residuals
from sofc.coders.shape.parameters import PlaneParameters
from sofc.coders.shape.placement import MAX_DIVISOR, Pairs, choose_pairs, pair_code
from sofc.coders.shape.varints import pack_varints, read_varint
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange


@dataclass(frozen=True, eq=False)
class EncodedPlane:
    """A stream with what it is made of; padding counts nowhere."""

    stream: bytes
    zigzag: Plane
    pairs: Pairs
    header_bits: int
    detail_bits: int


def encode_plane(
    plane: Plane,
    span: PlaneRange,
    parameters: PlaneParameters,
    references: Sequence[Plane],
    image_rows: int,
    use_shapes: bool | None = None,
) -> EncodedPlane:
    """Code one plane; ``references`` are residuals in zigzag order of planes coded before, the nearest first.

    Shapes of several samples take part where they make the stream smaller, or as ``use_shapes`` says.
    """
    return encode_zigzag(
        to_residuals(plane, span, parameters.prediction, image_rows), parameters, references, image_rows, use_shapes
    )


def encode_zigzag(
    zigzag: Plane,
    parameters: PlaneParameters,
    references: Sequence[Plane],
    image_rows: int,
    use_shapes: bool | None = None,
) -> EncodedPlane:
    """The same of a plane's residuals in zigzag order."""
    pairs = choose_pairs(zigzag >> parameters.split, parameters.shapes, image_rows, use_shapes)
    head = pack_varints(pairs.shapes.size)
    if pairs.shapes.size:
        head += pack_varints(2 * (pairs.code.divisor - 1) + pairs.with_shapes)
    bits = Bits(np.zeros((pairs.bits + 7) // 8, np.uint8), np.zeros(1, np.int64))
    kernel.write_pairs(bits, pairs.distances, pairs.shapes, pairs.code)
    details = encode_details(zigzag, parameters.detail, references) if parameters.detail else b""
    stream = (head + bits.content.tobytes() + details).rstrip(b"\0")
    return EncodedPlane(stream, zigzag, pairs, 8 * len(head), 8 * len(details))


def decode_plane(
    stream: bytes,
    span: PlaneRange,
    parameters: PlaneParameters,
    references: Sequence[Plane],
    shape: tuple[int, int],
    image_rows: int,
) -> tuple[Plane, Plane]:
    """A plane of ``shape`` and its residuals in zigzag order. Raises FormatError where the stream breaks the rules."""
    count, start = read_varint(stream, 0)
    number, start = read_varint(stream, start) if count else (0, start)
    divisor, with_shapes = (number >> 1) + 1, bool(number & 1)
    if count > shape[0] * shape[1] or divisor > MAX_DIVISOR:
        raise FormatError("the head of a shape stream claims more than the plane can hold")
    data = np.frombuffer(bytearray(stream), np.uint8)[start:]
    zigzag, covered = np.zeros(shape, np.int32), np.zeros(shape, np.uint8)
    largest = largest_residual(span, parameters.prediction) >> parameters.split
    bits = Bits(data, np.zeros(1, np.int64))
    code = pair_code(parameters.shapes, divisor, with_shapes)
    if kernel.read_pairs(bits, count, code, Canvas(zigzag, covered, image_rows, largest)) != kernel.OK:
        raise FormatError("a shape stream is damaged: a codeword, shape or value does not fit the plane")
    used = int(bits.position[0]) // 8
    if parameters.detail:
        zigzag <<= parameters.split
        used += decode_details(data[used:], zigzag, parameters.detail, references)
    if data.size > used:
        raise FormatError(f"a shape stream has {data.size - used} bytes too many")
    return from_residuals(zigzag, span, parameters.prediction, image_rows), zigzag
