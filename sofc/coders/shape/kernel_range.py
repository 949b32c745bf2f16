"""The range coder, and symbols of adaptive tables coded with it (Spec shape/range-coder), both ways.

``word`` and ``range`` have 32 bits and move on by bytes while range < 2**24; a carry runs back into the bytes already
written. The frequencies of one table of 2**n symbols lie in a tree: node 1 is the root, node n has the children 2n and
2n + 1, each holds the sum of the frequencies below its left child, and entry 0 holds the total: half of what sums of
both children would take, so that more tables stay in the cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.digits import bit_length
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

OK = 0

MAX_TOTAL, MAX_SYMBOLS = 1 << 16, 1 << 12
"""Of a table: the sum of its frequencies, and its symbols."""

LENGTHS = 32
"""Bit lengths of the numbers in blocks."""

WORD, RANGE, POSITION = range(3)
"""Registers. WORD is, when encoding, the low end of the range; when decoding, how far the code lies above it."""

TOP, LIMIT = 1 << 24, 1 << 32
"""A range below TOP moves on by a byte; all ranges and words are below LIMIT."""


class RangeCoder(NamedTuple):
    """WORD, RANGE and POSITION; the stream: zeros to be written, or bytes to be read with zeros after them; and what
    halving a table works in."""

    registers: Vector[np.int64]
    stream: Vector[np.uint8]
    sums: Vector[np.int32]


class Adaptation(NamedTuple):
    """What a symbol adds to its frequency, and the total above which a table's frequencies are halved."""

    increment: int
    limit: int


class Tables(NamedTuple):
    """Adaptive tables: their ``trees`` (tables, symbols), and how these learn."""

    trees: Table[np.int32]
    adaptation: Adaptation


NUMBERS = Adaptation(24, 1 << 13)


def start_encoding(size: int) -> RangeCoder:
    """A coder at the start of a stream of at most ``size`` bytes."""
    return _coder(0, 0, np.zeros(size + 64, np.uint8))


def start_decoding(data: npt.NDArray[np.uint8]) -> RangeCoder:
    """A coder that reads ``data``."""
    word = int.from_bytes(data[:4].tobytes().ljust(4, b"\0"), "big")
    return _coder(word, 4, data)


def _coder(word: int, position: int, stream: npt.NDArray[np.uint8]) -> RangeCoder:
    return RangeCoder(np.array([word, LIMIT - 1, position], np.int64), stream, np.empty(2 * MAX_SYMBOLS, np.int32))


def finish_encoding(coder: RangeCoder) -> bytes:
    """The stream: the fewest bytes that decode, without zeros at the end."""
    low, span, position = coder.registers.tolist()
    for drop in (32, 24, 16, 8, 0):
        value = -(-low >> drop) << drop
        if value < low + span:
            break
    before = int.from_bytes(coder.stream[:position].tobytes(), "big")
    stream: bytes = ((before << 32) + value).to_bytes(position + 4, "big")
    return stream.rstrip(b"\0")


def build_trees(frequencies: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Trees (tables, symbols) from positive frequencies of the same shape; there are 2**n symbols."""
    trees = np.empty_like(frequencies)
    sums = frequencies
    while (node := sums.shape[1] // 2) > 0:
        trees[:, node : 2 * node] = sums[:, ::2]
        sums = sums[:, ::2] + sums[:, 1::2]
    trees[:, 0] = sums[:, 0]
    return trees


@inlined
def _narrow(encode: bool, unit: int, below: int, frequency: int, coder: RangeCoder) -> None:
    """Keep ``frequency`` units of the range, from the one after ``below`` on, and move on by whole bytes."""
    registers, stream, _ = coder
    word = int(registers[WORD])
    position = int(registers[POSITION])
    if encode:
        word += unit * below
        if word >= LIMIT:
            word -= LIMIT
            place = position - 1
            while stream[place] == 255:
                stream[place] = 0
                place -= 1
            stream[place] += 1
    else:
        word -= unit * below
    span = unit * frequency
    while span < TOP:
        following = 0
        if encode:
            stream[position] = word >> 24
        elif position < stream.size:
            following = int(stream[position])
        word = ((word << 8) & (LIMIT - 1)) | following
        position += 1
        span <<= 8
    registers[WORD] = word
    registers[RANGE] = span
    registers[POSITION] = position


@inlined
def _halve(tree: Vector[np.int32], sums: Vector[np.int32]) -> None:
    """Every frequency f becomes (f + 1) >> 1. ``sums`` has room for the sums below all nodes and leaves."""
    sums[1] = tree[0]
    for node in range(1, tree.size):
        sums[2 * node] = tree[node]
        sums[2 * node + 1] = sums[node] - tree[node]
    for leaf in range(tree.size, 2 * tree.size):
        sums[leaf] = (sums[leaf] + 1) >> 1
    for node in range(tree.size - 1, 0, -1):
        sums[node] = sums[2 * node] + sums[2 * node + 1]
        tree[node] = sums[2 * node]
    tree[0] = sums[1]


@inlined
def code_symbol(encode: bool, symbol: int, tree: Vector[np.int32], adaptation: Adaptation, coder: RangeCoder) -> int:
    """Spec shape/range-coder. Code a symbol of a table, which learns it; returns the symbol."""
    total = frequency = int(tree[0])
    unit = int(coder.registers[RANGE]) // total
    target = 0 if encode else min(int(coder.registers[WORD]) // unit, total - 1)
    below = 0
    node = 1
    place = tree.size >> 1
    while place > 0:
        left = int(tree[node])
        right = (symbol & place) != 0 if encode else target - below >= left
        if right:
            below += left
            frequency -= left
            node = 2 * node + 1
        else:
            frequency = left
            tree[node] = left + adaptation.increment
            node = 2 * node
        place >>= 1
    _narrow(encode, unit, below, frequency, coder)
    tree[0] = total + adaptation.increment
    if tree[0] > adaptation.limit:
        _halve(tree, coder.sums)
    return node - tree.size


@kernel
def code_numbers(
    encode: bool, values: Vector[np.int64], above: Vector[np.int64], tables: Tables, coder: RangeCoder
) -> int:
    """Spec shape/numbers. Their lengths are symbols of tables, the bits below the leading one have even odds."""
    before = 0
    for index in range(values.size):
        value = int(values[index])
        upper = bit_length(int(values[above[index]])) if above[index] >= 0 else 0
        tree = tables.trees[upper * LENGTHS + before]
        length = code_symbol(encode, bit_length(value), tree, tables.adaptation, coder)
        coded = min(length, 1)
        for place in range(length - 2, -1, -1):
            unit = int(coder.registers[RANGE]) // 2
            bit = (value >> place) & 1 if encode else min(int(coder.registers[WORD]) // unit, 1)
            _narrow(encode, unit, bit, 1, coder)
            coded = 2 * coded + bit
        values[index] = coded
        before = length
    return OK


def encode_numbers(values: npt.NDArray[np.int64], above: npt.NDArray[np.int64]) -> bytes:
    """Code numbers 0 .. 2**31 - 1; ``above`` is the place of the number above each, -1 for none."""
    coder = start_encoding(6 * values.size)
    code_numbers(True, values.copy(), above, _number_tables(), coder)
    return finish_encoding(coder)


def decode_numbers(data: bytes, above: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The numbers again, as many as ``above`` has. What they are if ``data`` is damaged is not defined."""
    values = np.zeros(above.size, np.int64)
    coder = start_decoding(np.frombuffer(bytearray(data), np.uint8))
    code_numbers(False, values, above, _number_tables(), coder)
    return values


def _number_tables() -> Tables:
    return Tables(build_trees(np.ones((LENGTHS * LENGTHS, LENGTHS), np.int32)), NUMBERS)
