"""Taking deflate data apart, and making it again.

Spec appendix-kept-files/deflate-data-of-any-encoder
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import Coding, Reader, Writer
from sofc.errors import FormatError
from sofc.keepfile.tokens import bits as bit_kernels
from sofc.keepfile.tokens.alphabet import (
    DISTANCE_CODES,
    DYNAMIC,
    FIXED_CODES,
    FIXED_LENGTHS,
    LENGTH_CODES,
    LITERALS,
    LONGEST,
    RUN_CODES,
    SHORTEST,
    STORED,
)
from sofc.keepfile.tokens.bits import DECODING, Bits, Code, read_head, read_tokens, write_end, write_head, write_tokens
from sofc.keepfile.tokens.costs import Costs, find_shortest, refine_costs, set_costs
from sofc.keepfile.tokens.heads import (
    FIELDS,
    LAST,
    LITERAL_LENGTHS,
    DISTANCE_LENGTHS,
    MOST_LENGTHS,
    PADDING,
    SIZE,
    TYPE,
    Head,
    code_head,
    code_lengths,
)
from sofc.keepfile.tokens.matches import AHEAD, HASH_BITS, RING, SPAN, STAIRS, Effort, Matches, find_matches, CHAIN_OF_3, CHAIN_OF_4, TREE
from sofc.keepfile.tokens.models import models_for
from sofc.keepfile.tokens.sequence import AFTER_MATCH, Run, code_tokens

MOST_DEPTH = 256
MOST_ROUNDS = 2
Bytes = npt.NDArray[np.uint8]


def _checked(status: int) -> int:
    """What a kernel returns. Raises FormatError for a status that is none of its results."""
    if status < 0:
        raise FormatError("deflate data of the original file does not fit what is kept of it")
    return status


def _code(symbols: int) -> Code:
    return Code(np.zeros(symbols, np.uint8), np.zeros(symbols, np.int32), np.zeros(DECODING, np.int32))


class _Coding:
    """What both directions have in common: everything that is known of a block, and the models."""

    def __init__(self, data: Bytes, effort: Effort, coding: Coding) -> None:
        self.encodes, self.data, self.effort = coding.encodes, data, effort
        self.matches = Matches(
            data,
            np.full((2, 1 << HASH_BITS), -1, np.int32),
            np.full((4, RING), -1, np.int32),
            np.zeros(1, np.int64),
            np.zeros((RING, STAIRS), np.int32),
            np.zeros(RING, np.uint8),
        )
        self.costs = Costs(
            np.zeros(LITERALS, np.int32),
            np.zeros(LONGEST + 1, np.int32),
            np.zeros(DISTANCE_CODES, np.int32),
            np.zeros(LENGTH_CODES + DISTANCE_CODES, np.int64),
            *(np.zeros(RING, np.int32) for _ in range(3)),
        )
        self.models = models_for(coding)
        self.tokens = np.zeros(SPAN + 1, np.int32)
        self.run = Run(self.matches, self.costs, self.models, self.tokens, np.zeros(1, np.int64))
        self.runs = _code(RUN_CODES)
        self.literals, self.distances = _code(FIXED_CODES), _code(32)
        self.head = Head(
            np.zeros(FIELDS, np.int64),
            np.zeros(MOST_LENGTHS, np.uint8),
            np.zeros(MOST_LENGTHS, np.uint8),
            self.runs.lengths,
            np.zeros(MOST_LENGTHS, np.uint8),
            np.zeros(MOST_LENGTHS, np.uint8),
            np.zeros(LITERALS, np.int64),
        )
        self.place = 0

    def code_head(self) -> int:
        """Code the head of the block at ``place``; where it ends. Its codes are set."""
        fields = self.head.fields
        _checked(code_head(self.encodes, self.head, self.models))
        end = self.place + int(fields[SIZE])
        if end > len(self.data):
            raise FormatError("a block of deflate data of the original file is longer than what is compressed")
        if fields[TYPE] == DYNAMIC:
            self.head.counts[:] = np.bincount(self.data[self.place : end], minlength=LITERALS)
            _checked(code_lengths(self.encodes, self.head, self.models))
        self.set_codes()
        self.head.before[:LENGTH_CODES] = self.literals.lengths[:LENGTH_CODES]
        self.head.before[LENGTH_CODES : LENGTH_CODES + len(self.distances.lengths)] = self.distances.lengths
        return end

    def set_codes(self) -> None:
        """The codes that the head says."""
        fields, lengths = self.head.fields, self.head.lengths
        if fields[TYPE] == STORED:
            return
        literals, distances = FIXED_LENGTHS, np.full(DISTANCE_CODES, 5, np.uint8)
        if fields[TYPE] == DYNAMIC:
            border = int(fields[LITERAL_LENGTHS])
            literals, distances = lengths[:border], lengths[border : border + int(fields[DISTANCE_LENGTHS])]
        for code, known in ((self.literals, literals), (self.distances, distances)):
            code.lengths[:] = 0
            code.lengths[: len(known)] = known
            bit_kernels.set_words(code)

    def prepare(self, end: int) -> int:
        """Find matches from ``place`` on, in a block that ends at ``end``; up to where its tokens may now begin."""
        stop = min(end, self.place + SPAN + AHEAD)
        find_matches(stop, self.effort, self.matches)
        set_costs(self.literals.lengths, self.distances.lengths, self.costs)
        find_shortest(self.place, stop, self.matches, self.costs)
        for _ in range(self.effort.rounds):
            refine_costs(self.place, stop, self.matches, self.costs)
            find_shortest(self.place, stop, self.matches, self.costs)
        self.run.judged[0] = stop
        return min(end, self.place + SPAN)


    def code_span(self, stop: int, end: int, after: int) -> int:
        """Code the tokens up to ``stop``; what stands behind them."""
        result = _checked(code_tokens(self.encodes, self.place, stop, end, after, self.run))
        self.place = result >> 2
        return result & 3


class _Encoder(_Coding):
    """Takes deflate data apart."""

    def __init__(self, compressed: bytes, data: Bytes, effort: Effort) -> None:
        self.writer = Writer(2 * len(compressed) + 1024)
        super().__init__(data, effort, self.writer)
        self.bits = Bits(np.frombuffer(bytearray(compressed), np.uint8), np.zeros(1, np.int64))

    def encode(self, most: int) -> bytes:
        """Code all blocks, or those that begin before place ``most``."""
        after, fields = AFTER_MATCH, self.head.fields
        while True:
            _checked(read_head(self.head, self.runs, self.bits))
            self.set_codes()
            if fields[TYPE] != STORED:
                fields[SIZE], fields[PADDING] = self._measure()
            end = self.code_head()
            if fields[TYPE] == STORED:
                self.bits.position[0] += 8 * int(fields[SIZE])
                self.place, after = end, AFTER_MATCH
            while self.place < end:
                stop = self.prepare(end)
                _checked(self._read(stop - self.place))
                after = self.code_span(stop, end, after)
            if fields[TYPE] != STORED:
                _checked(self._read(1))  # the end of the block
            if fields[LAST] or self.place >= most > 0:
                return self.writer.written()

    def _read(self, most: int) -> int:
        return read_tokens(most, self.tokens, self.literals, self.distances, self.bits)

    def _measure(self) -> tuple[int, int]:
        """How many bytes the block at hand stands for, and the bits behind it up to a whole byte."""
        for code in (self.literals, self.distances):
            _checked(bit_kernels.set_decoding(code))
        start = int(self.bits.position[0])
        size, ended = 0, 0
        while not ended:
            result = _checked(self._read(SPAN))
            size, ended = size + (result >> 1), result & 1
        padding = _checked(bit_kernels.take(-int(self.bits.position[0]) & 7, self.bits))
        self.bits.position[0] = start
        return size, padding if self.head.fields[LAST] else 0


class _Decoder(_Coding):
    """Makes deflate data again."""

    def __init__(self, size: int, data: Bytes, effort: Effort, remainder: bytes) -> None:
        super().__init__(data, effort, Reader(remainder))
        self.bits = Bits(np.zeros(size, np.uint8), np.zeros(1, np.int64))

    def decode(self) -> bytes:
        """The data. Raises FormatError where it has another size than it should."""
        after, fields, bits = AFTER_MATCH, self.head.fields, self.bits
        fields[LAST] = 0
        while not fields[LAST]:
            end = self.code_head()
            _checked(write_head(self.head, self.runs, bits))
            if fields[TYPE] == STORED:
                first, size = int(bits.position[0]) // 8, int(fields[SIZE])
                if first + size > len(bits.buffer):
                    raise FormatError("a stored block of deflate data of the original file is longer than the data")
                bits.buffer[first : first + size] = self.data[self.place : end]
                bits.position[0] += 8 * size
                self.place, after = end, AFTER_MATCH
                continue
            while self.place < end:
                start = self.place
                after = self.code_span(self.prepare(end), end, after)
                _checked(write_tokens(self.data, start, self.tokens, self.literals, self.distances, bits))
            _checked(write_end(int(fields[LAST]), int(fields[PADDING]), self.literals, bits))
        if self.place != len(self.data) or bits.position[0] != 8 * len(bits.buffer):
            raise FormatError("deflate data of the original file has another size than what is kept says")
        return bits.buffer.tobytes()


@dataclass(frozen=True)
class Apart:
    """Deflate data that was taken apart: ``size`` bytes of it, made again by ``effort`` and ``remainder``."""

    size: int
    effort: Effort
    remainder: bytes


EFFORTS = tuple(
    Effort(way, depth, LONGEST, probes, rounds)
    for way, probes, rounds in ((CHAIN_OF_3, 0, 0), (CHAIN_OF_4, 1, 0), (CHAIN_OF_4, 0, 0), (TREE, 2, 0), (TREE, 64, 1), (TREE, 64, 2))
    for depth in ((64, 256) if way == TREE else (8, 32, 128, 256))
)
_SAMPLE = 1 << 17
"""Bytes that efforts are tried on."""


def take_apart(compressed: bytes, inflated: bytes) -> Apart:
    """How to make ``compressed``, raw deflate data, of ``inflated`` again. Raises FormatError where it is other data."""
    data = np.frombuffer(bytearray(inflated), np.uint8)

    def encoded(effort: Effort, most: int) -> bytes:
        return _Encoder(compressed, data, effort).encode(most)

    best = min(EFFORTS, key=lambda effort: len(encoded(effort, _SAMPLE)))
    return Apart(len(compressed), best, encoded(best, 0))


def make_again(apart: Apart, inflated: bytes) -> bytes:
    """The deflate data. Raises FormatError where what is kept of it does not fit."""
    effort = apart.effort
    known = effort.way <= TREE and effort.probes <= MOST_DEPTH and effort.rounds <= MOST_ROUNDS
    if not (known and 1 <= effort.depth <= MOST_DEPTH and SHORTEST <= effort.nice <= LONGEST):
        raise FormatError("deflate data of the original file asks for a search that is not known")
    data = np.frombuffer(bytearray(inflated), np.uint8)
    return _Decoder(apart.size, data, effort, apart.remainder).decode()
