"""Deflate data (RFC 1951) as bits: its heads and tokens, read and written."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import BROKEN, OK
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector
from sofc.keepfile.tokens.alphabet import (
    COPY,
    DISTANCE_BASE,
    DISTANCE_CODES,
    DISTANCE_EXTRA,
    DYNAMIC,
    END,
    LENGTH_BASE,
    LENGTH_CODE,
    LENGTH_CODES,
    LENGTH_EXTRA,
    LONG_WAY,
    LONGEST,
    MOST_BITS,
    RUN_EXTRA,
    RUN_LEAST,
    RUN_ORDER,
    SHORTEST,
    STORED,
)
from sofc.keepfile.tokens.costs import distance_code
from sofc.keepfile.tokens.heads import (
    DISTANCE_LENGTHS,
    LAST,
    LITERAL_LENGTHS,
    PADDING,
    RUN_COUNT,
    RUN_LENGTHS,
    SIZE,
    TYPE,
    Head,
)

TOO_LONG = -1
"""What is written does not fit into the buffer."""
DECODING = 1 << MOST_BITS


class Bits(NamedTuple):
    """``buffer``: deflate data; ``position`` (1,): the next bit, each byte's lowest first."""

    buffer: Vector[np.uint8]
    position: Vector[np.int64]


class Code(NamedTuple):
    """A Huffman code: ``lengths`` and ``words`` of each symbol, the first bit lowest. ``decoding`` (DECODING,): by the
    bits that come next, ``symbol << 4 | length``, or 0."""

    lengths: Vector[np.uint8]
    words: Vector[np.int32]
    decoding: Vector[np.int32]


@inlined
def put(value: int, count: int, bits: Bits) -> int:
    """Write up to 24 bits. OK, or TOO_LONG."""
    position = bits.position[0]
    byte, shift = position >> 3, position & 7
    if position + count > 8 * bits.buffer.shape[0]:
        return TOO_LONG
    word = (value & ((1 << count) - 1)) << shift
    while word > 0:
        bits.buffer[byte] |= word & 255
        word >>= 8
        byte += 1
    bits.position[0] = position + count
    return OK


@inlined
def peek(count: int, bits: Bits) -> int:
    """The next bits, up to 24; behind the end stand zeros."""
    position = bits.position[0]
    byte, word = position >> 3, np.int64(0)
    for i in range(4):
        if byte + i < bits.buffer.shape[0]:
            word |= np.int64(bits.buffer[byte + i]) << (8 * i)
    return int((word >> (position & 7)) & ((1 << count) - 1))


@inlined
def take(count: int, bits: Bits) -> int:
    """Read up to 24 bits, or BROKEN."""
    value = peek(count, bits)
    bits.position[0] += count
    return value if bits.position[0] <= 8 * bits.buffer.shape[0] else BROKEN


@kernel
def set_words(code: Code) -> None:
    """The words of the canonical code of the lengths."""
    following = 0
    for length in range(1, MOST_BITS + 1):
        following <<= 1
        for symbol in range(code.lengths.shape[0]):
            if code.lengths[symbol] == length:
                word = 0
                for i in range(length):
                    word |= ((following >> i) & 1) << (length - 1 - i)
                code.words[symbol] = word
                following += 1


@kernel
def set_decoding(code: Code) -> int:
    """What bits stand for, once words are set. OK, or BROKEN where there are more words than fit."""
    code.decoding[:] = 0
    used = 0
    for symbol in range(code.lengths.shape[0]):
        length = int(code.lengths[symbol])
        if length > 0:
            used += DECODING >> length
            if used > DECODING:
                return BROKEN
            for entry in range(code.words[symbol], DECODING, 1 << length):
                code.decoding[entry] = symbol << 4 | length
    return OK


@inlined
def _symbol(code: Code, bits: Bits) -> int:
    entry = int(code.decoding[peek(MOST_BITS, bits)])
    if entry == 0 or take(entry & 15, bits) < 0:
        return BROKEN
    return entry >> 4


@kernel
def read_head(head: Head, runs: Code, bits: Bits) -> int:
    """Read what stands before the tokens, but for SIZE: stored blocks have theirs read, others -1. OK or BROKEN."""
    fields = head.fields
    fields[LAST], fields[TYPE] = take(1, bits), take(2, bits)
    fields[SIZE], fields[PADDING] = -1, 0
    if fields[LAST] < 0 or fields[TYPE] < 0 or fields[TYPE] > DYNAMIC:
        return BROKEN
    if fields[TYPE] == STORED:
        fields[PADDING] = take(-bits.position[0] & 7, bits)
        fields[SIZE] = take(16, bits)
        return OK if take(16, bits) == fields[SIZE] ^ 0xFFFF else BROKEN
    if fields[TYPE] != DYNAMIC:
        return OK
    literals, distances, count = take(5, bits) + 257, take(5, bits) + 1, take(4, bits) + 4
    if literals < 257 or distances < 1 or count < 4 or literals > LENGTH_CODES or distances > DISTANCE_CODES:
        return BROKEN
    fields[LITERAL_LENGTHS], fields[DISTANCE_LENGTHS], fields[RUN_LENGTHS] = literals, distances, count
    head.run_lengths[:] = 0
    for place in range(count):
        head.run_lengths[RUN_ORDER[place]] = max(0, take(3, bits))
    set_words(runs)
    if set_decoding(runs) < 0:
        return BROKEN
    return _read_runs(literals + distances, head, runs, bits)


@kernel
def _read_runs(total: int, head: Head, runs: Code, bits: Bits) -> int:
    """Read the code lengths. OK or BROKEN."""
    i = number = 0
    while i < total:
        symbol, repeat, length = _symbol(runs, bits), 1, 0
        if symbol < 0:
            return BROKEN
        if symbol < COPY:
            length = symbol
        else:
            extra = take(RUN_EXTRA[symbol - COPY], bits)
            if extra < 0 or (symbol == COPY and i == 0):
                return BROKEN
            repeat = int(RUN_LEAST[symbol - COPY]) + extra
            length = int(head.lengths[i - 1]) if symbol == COPY else 0
        if i + repeat > total:
            return BROKEN
        head.symbols[number], head.repeats[number] = symbol, repeat
        number += 1
        for _ in range(repeat):
            head.lengths[i] = length
            i += 1
    head.fields[RUN_COUNT] = number
    return OK


@kernel
def read_tokens(most: int, tokens: Vector[np.int32], literals: Code, distances: Code, bits: Bits) -> int:
    """Read tokens, in all of at least ``most`` bytes, or up to the end of the block. Returns ``2 * (bytes they stand
    for) + (whether it ended)``, or BROKEN; how many stand in the last place of ``tokens``."""
    size = number = ended = 0
    while size < most:
        symbol = _symbol(literals, bits)
        if symbol < 0:
            return BROKEN
        if symbol == END:
            ended = 1
            break
        if symbol < END:
            tokens[number] = 0
            size += 1
        else:
            code = symbol - END - 1
            if code >= LENGTH_BASE.shape[0]:
                return BROKEN
            extra = take(LENGTH_EXTRA[code], bits)
            length = int(LENGTH_BASE[code]) + extra
            size += length
            if length == LONGEST and LENGTH_EXTRA[code] > 0:
                length = LONG_WAY
            away = _symbol(distances, bits)
            if extra < 0 or away < 0 or away >= DISTANCE_CODES:
                return BROKEN
            further = take(DISTANCE_EXTRA[away], bits)
            if further < 0:
                return BROKEN
            tokens[number] = length << 15 | (int(DISTANCE_BASE[away]) + further - 1)
        number += 1
    tokens[tokens.shape[0] - 1] = number
    return 2 * size + ended


@kernel
def write_head(head: Head, runs: Code, bits: Bits) -> int:
    """Write what stands before the tokens. OK or TOO_LONG."""
    fields = head.fields
    status = put(int(fields[LAST] | fields[TYPE] << 1), 3, bits)
    if fields[TYPE] == STORED:
        free = -bits.position[0] & 7
        size = int(fields[SIZE])
        status |= put(int(fields[PADDING]) & ((1 << free) - 1), free, bits)
        status |= put(size & 0xFFFF, 16, bits)
        return status | put(size & 0xFFFF ^ 0xFFFF, 16, bits)
    if fields[TYPE] != DYNAMIC:
        return status
    status |= put(int(fields[LITERAL_LENGTHS]) - 257, 5, bits) | put(int(fields[DISTANCE_LENGTHS]) - 1, 5, bits)
    status |= put(int(fields[RUN_LENGTHS]) - 4, 4, bits)
    for place in range(fields[RUN_LENGTHS]):
        status |= put(int(head.run_lengths[RUN_ORDER[place]]), 3, bits)
    set_words(runs)
    for number in range(fields[RUN_COUNT]):
        symbol = int(head.symbols[number])
        status |= put(int(runs.words[symbol]), int(runs.lengths[symbol]), bits)
        if symbol >= COPY:
            extra = int(head.repeats[number]) - int(RUN_LEAST[symbol - COPY])
            status |= put(extra, int(RUN_EXTRA[symbol - COPY]), bits)
    return status


@kernel
def write_tokens(
    data: Vector[np.uint8], start: int, tokens: Vector[np.int32], literals: Code, distances: Code, bits: Bits
) -> int:
    """Write the tokens from place ``start`` of the data on; their number stands last. OK or TOO_LONG."""
    place, status = start, OK
    for number in range(tokens[tokens.shape[0] - 1]):
        token = int(tokens[number])
        symbol, extra, extra_bits = int(data[place]), 0, 0
        length = token >> 15
        if length > 0:
            code = int(LENGTH_CODE[length - SHORTEST])
            symbol, extra_bits = END + 1 + code, int(LENGTH_EXTRA[code])
            length = min(LONGEST, length)
            extra = length - int(LENGTH_BASE[code])
        status |= put(
            int(literals.words[symbol]) | extra << int(literals.lengths[symbol]),
            int(literals.lengths[symbol]) + extra_bits,
            bits,
        )
        if length > 0:
            distance = token & 0x7FFF
            code = distance_code(distance)
            status |= put(int(distances.words[code]), int(distances.lengths[code]), bits)
            status |= put(distance + 1 - int(DISTANCE_BASE[code]), int(DISTANCE_EXTRA[code]), bits)
        if status < 0:
            return TOO_LONG
        place += max(1, length)
    return OK


@kernel
def write_end(last: int, padding: int, literals: Code, bits: Bits) -> int:
    """Write the end of a block, and behind the last one the bits that fill up its byte. OK or TOO_LONG."""
    status = put(int(literals.words[END]), int(literals.lengths[END]), bits)
    if last:
        free = -bits.position[0] & 7
        status |= put(padding & ((1 << free) - 1), free, bits)
    return status
