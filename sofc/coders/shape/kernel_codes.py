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
def _code_bits(encode: bool, value: int, count: int, bits: Bits) -> int:
    """The low ``count`` bits of a number, the highest first. Returns them."""
    position = int(bits.position[0])
    number = 0
    for place in range(count - 1, -1, -1):
        bit, shift = value >> place & 1, 7 - (position & 7)
        if encode:
            bits.content[position >> 3] |= np.uint8(bit << shift)
        else:
            bit = int(bits.content[position >> 3]) >> shift & 1 if position >> 3 < bits.content.size else 0
        number = 2 * number + bit
        position += 1
    bits.position[0] = position
    return number


@inlined
def _code_symbol(encode: bool, symbol: int, bits: Bits, code: HuffmanCode) -> int:
    """Spec shape/codes. The codeword of a symbol. Returns the symbol, or NO_SYMBOL."""
    if encode:
        _code_bits(encode, int(code.codes[symbol]), int(code.lengths[symbol]), bits)
        return symbol
    word = 0
    for length in range(1, MAX_CODE_BITS + 1):
        word = 2 * word + _code_bits(encode, 0, 1, bits)
        rank = word - int(code.first_codes[length]) + int(code.first_ranks[length])
        if word >= code.first_codes[length] and rank < code.first_ranks[length + 1]:
            return int(code.symbols[rank])
    return NO_SYMBOL


@inlined
def _code_distance(encode: bool, distance: int, divisor: int, limit: int, bits: Bits) -> int:
    """A number in Golomb's code. Returns it, or one above ``limit`` where that is exceeded."""
    passed = 0
    while _code_bits(encode, 1 if passed + divisor <= distance else 0, 1, bits) == 1:
        passed += divisor
        if passed > limit:
            return limit + 1
    digits, rest = bit_length(divisor - 1), distance - passed
    if digits > 0:
        # The first ``short`` rests have one bit less than the others.
        short = (1 << digits) - divisor
        first = _code_bits(encode, rest if rest < short else (rest + short) >> 1, digits - 1, bits)
        if first >= short:
            first = 2 * first + _code_bits(encode, rest + short & 1, 1, bits) - short
        passed += first
    return passed


@inlined
def _code_value(encode: bool, value: int, symbol: int, singles: int, bits: Bits) -> int:
    """The single value of ``symbol``, an escaped one as v - ``singles`` in Elias gamma code. Returns it; 0, which no
    value is, for one of too many bits."""
    if symbol > 0:
        return symbol
    beyond, length = value - singles, 1
    while _code_bits(encode, 1 if beyond >> length == 0 else 0, 1, bits) == 0:
        length += 1
        if length > MAX_VALUE_BITS:
            return 0
    return singles + ((1 << (length - 1)) | _code_bits(encode, beyond, length - 1, bits))


@kernel
def write_pairs(bits: Bits, distances: Vector[np.int64], shapes: Vector[np.int64], pair_code: PairCode) -> int:
    """Spec shape/shape-layer. Write all pairs: a shape's number plus 1, or minus a single value."""
    code, singles = pair_code.code, pair_code.singles
    for index in range(shapes.size):
        distance, shape = int(distances[index]), int(shapes[index])
        _code_distance(True, distance, pair_code.divisor, distance, bits)
        if shape > 0:
            _code_symbol(True, singles + shape, bits, code)
        else:
            symbol = _code_symbol(True, -shape if -shape <= singles else 0, bits, code)
            _code_value(True, -shape, symbol, singles, bits)
    return OK


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
        distance = _code_distance(False, 0, pair_code.divisor, end, bits)
        while place < end and (distance > 0 or canvas.covered[place // width, place % width] != 0):
            if canvas.covered[place // width, place % width] == 0:
                distance -= 1
            place += 1
        if place >= end:
            return BROKEN
        y = place // width
        x = place % width
        symbol = _code_symbol(False, 0, bits, pair_code.code)
        if symbol > pair_code.singles:
            if _draw(canvas, y, x, pair_code.shapes, symbol - pair_code.singles - 1) != OK:
                return BROKEN
        else:
            value = _code_value(False, 0, symbol, pair_code.singles, bits) if symbol >= 0 else 0
            if value == 0 or value > canvas.largest:
                return BROKEN
            canvas.samples[y, x] = value
            canvas.covered[y, x] = 1
    # What fills the last byte is zero.
    return OK if _code_bits(False, 0, -int(bits.position[0]) & 7, bits) == 0 else BROKEN
