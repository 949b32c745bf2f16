"""The residuals of a plane to one stream and back (Spec shape/stream).

A stream says how many (distance, shape) pairs there are, all distances, which shapes, the values of single samples,
then all low parts. A distance counts the samples passed since the last pair that no earlier shape covers, so a shape
begins where the next free sample is after passing that many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sofc.coders.shape.details import code_details, magnitudes_of
from sofc.coders.shape.kernel_numbers import Integers, coded
from sofc.coders.shape.kernel_pairs import Canvas, draw_pairs
from sofc.coders.shape.kernel_predict import largest_residual
from sofc.coders.shape.parameters import PlaneParameters
from sofc.coders.shape.placement import Pairs, choose_pairs
from sofc.entropy.binary import OK, Reader, Writer
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange


@dataclass(frozen=True, eq=False)
class EncodedPlane:
    """A stream with what it is made of; ``magnitudes``: of the residuals, with zeros around."""

    stream: bytes
    zigzag: Plane
    pairs: Pairs
    magnitudes: Plane

    @property
    def detail_bits(self) -> int:
        """Bits of low parts, about."""
        return max(0, 8 * len(self.stream) - self.pairs.bits)


def encode_zigzag(
    zigzag: Plane,
    parameters: PlaneParameters,
    references: Sequence[Plane],
    image_rows: int,
    use_shapes: bool | None = None,
) -> EncodedPlane:
    """Code the residuals of a plane, in zigzag order; ``references``: magnitudes of planes coded before, the nearest
    first.

    Shapes of several samples take part where they make the stream smaller, or as ``use_shapes`` says.
    """
    pairs = choose_pairs(zigzag >> parameters.split, parameters.shapes, image_rows, use_shapes)
    if not zigzag.any():
        return EncodedPlane(b"", zigzag, pairs, magnitudes_of(zigzag))
    # Models that follow what comes make decisions little more than a bit long on average, whatever comes: a sample
    # takes at most two for each of its low bits, a pair fewer than 200.
    writer = Writer(64 * pairs.shapes.size + (2 + 2 * parameters.split) * zigzag.size + 64)
    coded(writer, np.array([pairs.shapes.size]))
    for numbers in (pairs.distances, pairs.symbols, pairs.values):
        coded(writer, numbers)
    detail = parameters.detail
    magnitudes = code_details(writer, zigzag, detail, references) if detail else magnitudes_of(zigzag)
    return EncodedPlane(writer.written(), zigzag, pairs, magnitudes)


def decode_zigzag(
    stream: bytes,
    span: PlaneRange,
    parameters: PlaneParameters,
    references: Sequence[Plane],
    shape: tuple[int, int],
    image_rows: int,
) -> tuple[Plane, Plane]:
    """The residuals of a plane of ``shape`` in zigzag order, and their magnitudes. Raises FormatError where the stream
    breaks the rules."""
    zigzag, magnitudes = np.zeros(shape, np.int32), None
    if stream:
        reader = Reader(stream)
        distances, numbers = _decode_pairs(reader, zigzag.size)
        largest = largest_residual(span) >> parameters.split
        canvas = Canvas(zigzag, np.zeros(shape, np.uint8), image_rows, largest)
        if draw_pairs(distances, numbers, parameters.shapes.shapes.arrays, canvas) != OK:
            raise FormatError("a shape stream is damaged: a shape or value does not fit the plane")
        if parameters.detail:
            zigzag <<= parameters.split
            magnitudes = code_details(reader, zigzag, parameters.detail, references)
    return zigzag, magnitudes_of(zigzag) if magnitudes is None else magnitudes


def _decode_pairs(reader: Reader, most: int) -> tuple[Integers, Integers]:
    """Distances, and of each pair the number of its shape and 1, or minus the value of a single sample."""
    count = int(coded(reader, np.zeros(1, np.int64))[0])
    if count > most:
        raise FormatError("the head of a shape stream claims more than the plane can hold")
    distances, numbers = (coded(reader, np.zeros(count, np.int64)) for _ in range(2))
    singles = np.flatnonzero(numbers == 0)
    numbers[singles] = -1 - coded(reader, np.zeros(singles.size, np.int64))
    return distances, numbers
