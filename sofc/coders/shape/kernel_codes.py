"""The bit part of a stream: Golomb distances, and shapes and single values in canonical Huffman code.

Bits fill bytes from the most significant one. A reader sees zero bits past the end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.shape.huffman import MAX_CODE_BITS, HuffmanCode
from sofc.coders.shape.kernel_windows import Shapes
from sofc.entropy.digits import bit_length
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

OK = 0
BROKEN = 1

MAX_VALUE_BITS = 20
NO_SYMBOL = -1


class Bits(NamedTuple):
    """Bytes, zero at first where they are written, and the place of the next bit in them: (1,)."""

    content: Vector[np.uint8]
    position: Vector[np.int64]


class PairCode(NamedTuple):
    """How (distance, shape) pairs are coded: distances by Golomb's code with ``divisor``.

    Symbol 0 of ``code`` is the escape, 1 .. ``singles`` are single values, then come the shapes.
    """

    divisor: int
    code: HuffmanCode
    singles: int
    shapes: Shapes


class Canvas(NamedTuple):
    """What shapes are drawn into, zero at first: samples of at most ``largest``, and 1 where one is drawn."""

    samples: Table[np.int32]
    covered: Table[np.uint8]
    image_rows: int
    largest: int


@inlined
def _write(bits: Bits, value: int, count: int) -> None:
    """The low ``count`` bits of ``value``, the highest first."""
    position = int(bits.position[0])
    for place in range(count - 1, -1, -1):
        if (value >> place) & 1:
            bits.content[position >> 3] |= np.uint8(128 >> (position & 7))
        position += 1
    bits.position[0] = position


@inlined
def _read(bits: Bits, count: int) -> int:
    position = int(bits.position[0])
    value = 0
    for _ in range(count):
        byte = int(bits.content[position >> 3]) if position >> 3 < bits.content.size else 0
        value = 2 * value + (byte >> (7 - (position & 7)) & 1)
        position += 1
    bits.position[0] = position
    return value


@inlined
def _read_symbol(bits: Bits, code: HuffmanCode) -> int:
    """Spec shape/codes. A codeword's symbol, or NO_SYMBOL."""
    word = 0
    for length in range(1, MAX_CODE_BITS + 1):
        word = 2 * word + _read(bits, 1)
        rank = word - int(code.first_codes[length]) + int(code.first_ranks[length])
        if word >= code.first_codes[length] and rank < code.first_ranks[length + 1]:
            return int(code.symbols[rank])
    return NO_SYMBOL


@inlined
def _read_distance(bits: Bits, divisor: int, limit: int) -> int:
    """A number in Golomb's code; one above ``limit`` where that is exceeded."""
    distance = 0
    while _read(bits, 1) == 1:
        distance += divisor
        if distance > limit:
            return limit + 1
    digits = bit_length(divisor - 1)
    if digits > 0:
        rest = _read(bits, digits - 1)
        short = (1 << digits) - divisor
        if rest >= short:
            rest = 2 * rest + _read(bits, 1) - short
        distance += rest
    return distance


@kernel
def write_pairs(bits: Bits, distances: Vector[np.int64], shapes: Vector[np.int64], pair_code: PairCode) -> int:
    """Spec shape/shape-layer. Write all pairs: a shape's number plus 1, or minus a single value.

    An escaped value v follows as v - ``singles`` in Elias gamma code.
    """
    divisor, code, singles = pair_code.divisor, pair_code.code, pair_code.singles
    digits = bit_length(divisor - 1)
    short = (1 << digits) - divisor
    for index in range(shapes.size):
        distance = int(distances[index])
        for _ in range(distance // divisor):
            _write(bits, 1, 1)
        _write(bits, 0, 1)
        rest = distance % divisor
        if rest < short:
            _write(bits, rest, digits - 1)
        else:
            _write(bits, rest + short, digits)
        shape = int(shapes[index])
        symbol = singles + shape
        if shape < 0:
            symbol = -shape if -shape <= singles else 0
        _write(bits, int(code.codes[symbol]), int(code.lengths[symbol]))
        if symbol == 0:
            beyond = -shape - singles
            _write(bits, beyond, 2 * bit_length(beyond) - 1)
    return OK


@inlined
def _read_value(bits: Bits, symbol: int, singles: int) -> int:
    """The single value of ``symbol``; an escaped one of too many bits is 0, which no value is."""
    if symbol > 0:
        return symbol
    length = 1
    while _read(bits, 1) == 0:
        length += 1
        if length > MAX_VALUE_BITS:
            return 0
    return singles + ((1 << (length - 1)) | _read(bits, length - 1))


@inlined
def _draw(canvas: Canvas, y: int, x: int, shapes: Shapes, shape: int) -> int:
    """BROKEN where the shape leaves the plane or the image, covers a sample again or has one that is too large."""
    samples, covered, image_rows, largest = canvas
    height = int(shapes.heights[shape])
    width = int(shapes.widths[shape])
    if x + width > samples.shape[1] or y % image_rows + height > image_rows or y + height > samples.shape[0]:
        return BROKEN
    place = int(shapes.offsets[shape])
    for i in range(y, y + height):
        for j in range(x, x + width):
            if covered[i, j] != 0 or shapes.pool[place] > largest:
                return BROKEN
            samples[i, j] = shapes.pool[place]
            covered[i, j] = 1
            place += 1
    return OK


@kernel
def read_pairs(bits: Bits, count: int, pair_code: PairCode, canvas: Canvas) -> int:
    """Spec shape/shape-layer. Read ``count`` pairs and draw them. BROKEN where a code or what it says breaks the rules.

    The next bit is then the first one of a byte.
    """
    width = canvas.samples.shape[1]
    end = canvas.samples.size
    place = 0
    for _ in range(count):
        distance = _read_distance(bits, pair_code.divisor, end)
        while place < end and (distance > 0 or canvas.covered[place // width, place % width] != 0):
            if canvas.covered[place // width, place % width] == 0:
                distance -= 1
            place += 1
        if place >= end:
            return BROKEN
        y = place // width
        x = place % width
        symbol = _read_symbol(bits, pair_code.code)
        if symbol > pair_code.singles:
            if _draw(canvas, y, x, pair_code.shapes, symbol - pair_code.singles - 1) != OK:
                return BROKEN
        else:
            value = _read_value(bits, symbol, pair_code.singles) if symbol >= 0 else 0
            if value == 0 or value > canvas.largest:
                return BROKEN
            canvas.samples[y, x] = value
            canvas.covered[y, x] = 1
    # What fills the last byte is zero.
    return OK if _read(bits, -int(bits.position[0]) & 7) == 0 else BROKEN
