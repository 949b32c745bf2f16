"""The bit part of a stream: Golomb distances, shapes and left-over samples in canonical Huffman code.

Bits fill bytes from the most significant one. A reader sees zero bits past the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sofc.jit.decorators import kernel

Array = Any
Integer = Any  # int, or numpy.int64 where kernels run interpreted

OK = 0
BROKEN = 1
FULL = -1

MAX_CODE_BITS = 24
MAX_VALUE_BITS = 20


@kernel
def _put(output: Array, position: Integer, value: Integer, count: Integer) -> Integer:
    """Write the low ``count`` bits of ``value`` at bit ``position``; returns the position after them."""
    for place in range(count - 1, -1, -1):
        if (value >> place) & 1:
            output[position >> 3] |= np.uint8(128 >> (position & 7))
        position += 1
    return position


@kernel
def _bit(data: Array, position: Integer) -> Integer:
    byte = position >> 3
    if byte >= data.size:
        return 0
    return (np.int64(data[byte]) >> (7 - (position & 7))) & 1


@kernel
def _remainder_bits(divisor: Integer) -> Integer:
    bits = 0
    while (1 << bits) < divisor:
        bits += 1
    return bits


@kernel
def _bit_length(value: Integer) -> Integer:
    length = 0
    while value > 0:
        value >>= 1
        length += 1
    return length


@kernel
def golomb_cost(distances: Array, divisor: Integer) -> Integer:
    """Bits of all ``distances`` (int64) in Golomb code."""
    bits = _remainder_bits(divisor)
    short = (1 << bits) - divisor
    total = np.int64(0)
    for index in range(distances.size):
        distance = np.int64(distances[index])
        total += distance // divisor + 1 + bits
        if distance % divisor < short:
            total -= 1
    return total


@kernel
def write_shapes(
    distances: Array,
    shapes: Array,
    divisor: Integer,
    codes: Array,
    lengths: Array,
    singles: Integer,
    output: Array,
    position: Integer,
) -> Integer:
    """Write the pairs of ``list_shapes`` from bit ``position``; ``output`` (uint8) is zero and long enough.

    Symbol 0 of the code is the escape, 1 .. ``singles`` are single values, then come the shapes. An escaped value v
    follows as v - ``singles`` in Elias gamma code.
    """
    bits = _remainder_bits(divisor)
    short = (1 << bits) - divisor
    for index in range(shapes.size):
        distance = np.int64(distances[index])
        for _ in range(distance // divisor):
            position = _put(output, position, 1, 1)
        position = _put(output, position, 0, 1)
        rest = distance % divisor
        if rest < short:
            position = _put(output, position, rest, bits - 1)
        else:
            position = _put(output, position, rest + short, bits)
        shape = np.int64(shapes[index])
        symbol = singles + shape
        if shape < 0:
            symbol = -shape if -shape <= singles else 0
        position = _put(output, position, codes[symbol], lengths[symbol])
        if symbol == 0:
            beyond = -shape - singles
            length = _bit_length(beyond)
            position = _put(output, position, 0, length - 1)
            position = _put(output, position, beyond, length)
    return position


@kernel
def _read_symbol(
    data: Array, position: Integer, first_codes: Array, first_ranks: Array, symbols: Array, result: Array
) -> Integer:
    """Read one canonical codeword: symbol into ``result[0]`` (-1 if there is none), returns the position after it.

    ``first_codes[n]`` is the first codeword of n bits, ``first_ranks[n]`` its rank among all, entry n + 1 its end.
    """
    code = np.int64(0)
    for length in range(1, MAX_CODE_BITS + 1):
        code = 2 * code + _bit(data, position)
        position += 1
        rank = code - first_codes[length] + first_ranks[length]
        if code >= first_codes[length] and rank < first_ranks[length + 1]:
            result[0] = symbols[rank]
            return position
    result[0] = -1
    return position


@kernel
def read_shapes(
    data: Array,
    count: Integer,
    divisor: Integer,
    image_rows: Integer,
    largest: Integer,
    first_codes: Array,
    first_ranks: Array,
    symbols: Array,
    singles: Integer,
    heights: Array,
    widths: Array,
    offsets: Array,
    pool: Array,
    plane: Array,
    covered: Array,
    result: Array,
) -> Integer:
    """Read ``count`` pairs from bit 0 into ``plane`` (int32) and ``covered`` (uint8), both zero; the bits read into
    ``result[0]``. BROKEN where something lies outside the plane or image, overlaps or exceeds ``largest``."""
    rows, width = plane.shape
    bits = _remainder_bits(divisor)
    short = (1 << bits) - divisor
    position = 0
    place = 0
    end = rows * width
    for _ in range(count):
        distance = np.int64(0)
        while _bit(data, position) == 1:
            position += 1
            distance += divisor
            if distance > end:
                return BROKEN
        position += 1
        rest = np.int64(0)
        for _ in range(bits - 1):
            rest = 2 * rest + _bit(data, position)
            position += 1
        if bits > 0 and rest >= short:
            rest = 2 * rest + _bit(data, position) - short
            position += 1
        distance += rest
        while place < end and (distance > 0 or covered[place // width, place % width] != 0):
            if covered[place // width, place % width] == 0:
                distance -= 1
            place += 1
        if place >= end:
            return BROKEN
        position = _read_symbol(data, position, first_codes, first_ranks, symbols, result)
        symbol = np.int64(result[0])
        if symbol < 0:
            return BROKEN
        y = place // width
        x = place % width
        if symbol <= singles:
            value = symbol
            if symbol == 0:
                length = 1
                while _bit(data, position) == 0:
                    position += 1
                    length += 1
                    if length > MAX_VALUE_BITS:
                        return BROKEN
                value = np.int64(0)
                for _ in range(length):
                    value = 2 * value + _bit(data, position)
                    position += 1
                value += singles
            if value > largest:
                return BROKEN
            plane[y, x] = value
            covered[y, x] = 1
            continue
        shape = symbol - singles - 1
        h = np.int64(heights[shape])
        w = np.int64(widths[shape])
        offset = np.int64(offsets[shape])
        if x + w > width or y % image_rows + h > image_rows or y + h > rows:
            return BROKEN
        for i in range(h):
            for j in range(w):
                value = np.int64(pool[offset + i * w + j])
                if covered[y + i, x + j] != 0 or value > largest:
                    return BROKEN
                plane[y + i, x + j] = value
                covered[y + i, x + j] = 1
    result[0] = position
    return OK


@kernel
def write_leftovers(
    folded: Array,
    split: Integer,
    tile_rows: Integer,
    tile_columns: Integer,
    codes: Array,
    lengths: Array,
    output: Array,
    position: Integer,
) -> Integer:
    """Write the low parts of the samples that no whole tuple holds, in raster order."""
    rows, width = folded.shape
    whole_rows = rows - rows % tile_rows
    whole_width = width - width % tile_columns
    for y in range(rows):
        for x in range(whole_width if y < whole_rows else 0, width):
            symbol = np.int64(folded[y, x]) & ((1 << split) - 1)
            position = _put(output, position, codes[symbol], lengths[symbol])
    return position


@kernel
def read_leftovers(
    data: Array,
    position: Integer,
    split: Integer,
    tile_rows: Integer,
    tile_columns: Integer,
    first_codes: Array,
    first_ranks: Array,
    symbols: Array,
    folded: Array,
    result: Array,
) -> Integer:
    """Add the left-over low parts to ``folded``, which holds high parts shifted left; position into ``result[0]``."""
    rows, width = folded.shape
    whole_rows = rows - rows % tile_rows
    whole_width = width - width % tile_columns
    for y in range(rows):
        for x in range(whole_width if y < whole_rows else 0, width):
            position = _read_symbol(data, position, first_codes, first_ranks, symbols, result)
            if result[0] < 0:
                return BROKEN
            folded[y, x] |= result[0]
    result[0] = position
    return OK
