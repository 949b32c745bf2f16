"""Taking deflate data apart, and making it again.

Spec appendix-kept-files/deflate-data-of-any-encoder
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import Coding, Reader, Writer
from sofc.errors import FormatError, LimitError
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
    WINDOW,
)
from sofc.keepfile.tokens.bits import DECODING, Bits, Code, read_head, read_tokens, write_end, write_head, write_tokens
from sofc.keepfile.tokens.costs import Costs, find_shortest, refine_costs, set_costs
from sofc.keepfile.tokens.heads import (
    DISTANCE_LENGTHS,
    FIELDS,
    LAST,
    LITERAL_LENGTHS,
    MOST_LENGTHS,
    PADDING,
    SIZE,
    TYPE,
    Head,
    code_head,
    code_lengths,
)
from sofc.keepfile.tokens.matches import (
    AHEAD,
    CHAIN_OF_3,
    CHAIN_OF_4,
    HASH_BITS,
    RING,
    SPAN,
    STAIRS,
    TREE,
    Effort,
    Matches,
    find_matches,
)
from sofc.keepfile.tokens.models import Learned, nothing_learned
from sofc.keepfile.tokens.sequence import AFTER_MATCH, Run, code_tokens

STEPS_A_BYTE, MOST_STEPS = 1 << 12, 1 << 24
"""Steps of searching for each byte that deflate data stands for, and those that any data may take."""
MOST_DEPTH = 1 << 10
MOST_PROBES, MOST_HASTE, MOST_ROUNDS = 64, 8, 2
LEAST_BLOCKS = 1024
"""So many blocks, and one for each 64 bytes, may be."""
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Apart:
    """Deflate data that was taken apart: ``size`` bytes of it, made again by ``effort`` and ``remainder``."""

    size: int
    effort: Effort
    remainder: bytes


def _checked(status: int) -> int:
    """What a kernel returns. Raises FormatError for a status that is none of its results."""
    if status < 0:
        raise FormatError("deflate data of the original file does not fit what is kept of it")
    return status


def _code(symbols: int) -> Code:
    return Code(np.zeros(symbols, np.uint8), np.zeros(symbols, np.int32), np.zeros(DECODING, np.int32))


class _Coding:
    """What both directions have in common: everything that is known of a block, and the models."""

    def __init__(self, data: Bytes, effort: Effort, learned: Learned, coding: Coding) -> None:
        if len(data) >= 1 << 31:
            raise FormatError("deflate data of the original file stands for more bytes than places are counted")
        self.encodes, self.data, self.effort = coding.encodes, data, effort
        self.matches = Matches(
            data,
            np.full((2, 1 << HASH_BITS), -1, np.int32),
            np.full((4, RING), -1, np.int32),
            np.zeros(1, np.int64),
            np.zeros(1, np.int64),
            np.zeros((RING, STAIRS), np.int32),
            np.zeros(RING, np.uint8),
            np.zeros(RING, np.int32),
        )
        self.costs = Costs(
            np.zeros(LITERALS, np.int32),
            np.zeros(LONGEST + 1, np.int32),
            np.zeros(DISTANCE_CODES, np.int32),
            np.zeros(LENGTH_CODES + DISTANCE_CODES, np.int64),
            *(np.zeros(RING, np.int32) for _ in range(3)),
        )
        self.models = learned.models(coding)
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
        self.place = self.blocks = 0

    def code_head(self) -> int:
        """Code the head of the block at ``place``; where it ends. Its codes are set."""
        fields = self.head.fields
        self.blocks += 1
        if self.blocks > LEAST_BLOCKS + len(self.data) // 64:
            raise FormatError("deflate data of the original file has more blocks than can be")
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
        if self.matches.steps[0] > MOST_STEPS + STEPS_A_BYTE * stop:
            raise LimitError("deflate data of the original file asks for a longer search than its bytes are worth")
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

    def __init__(self, compressed: bytes, data: Bytes, effort: Effort, learned: Learned) -> None:
        self.writer = Writer(2 * len(compressed) + 1024)
        super().__init__(data, effort, learned, self.writer)
        self.bits = Bits(np.frombuffer(bytearray(compressed), np.uint8), np.zeros(1, np.int64))

    def encode(self) -> bytes:
        """Code all blocks."""
        self._encode(0, len(self.data) + 1)
        if self.place != len(self.data) or self.bits.position[0] != 8 * len(self.bits.buffer):
            raise FormatError("deflate data does not end where it should")
        return self._written()

    def sample(self, size: int) -> int:
        """Bytes that the tokens of so many bytes of the data take, with the heads up to there: in its middle, but of
        long data not far from its beginning, as all tokens before them have to be read."""
        first = min(_FURTHEST, max(0, len(self.data) - size) // 2)
        self._encode(first, first + size)
        return len(self._written())

    def _written(self) -> bytes:
        """The stream. Raises FormatError where it is much longer than what was to become less."""
        data = self.writer.finish()
        if data is None:
            raise FormatError("deflate data takes more than twice as much by what encoders usually choose")
        return data

    def _encode(self, first: int, end_of_sample: int) -> None:
        """Code all heads up to a place, and tokens from another one on."""
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
            while self.place < min(end, first):
                self.place += _checked(self._read(min(SPAN, min(end, first) - self.place))) >> 1
                self.matches.searched[0] = max(0, self.place - WINDOW)
            while self.place < end:
                stop = self.prepare(end)
                _checked(self._read(stop - self.place))
                after = self.code_span(stop, end, after)
                if self.place >= end_of_sample:
                    return
            if fields[TYPE] != STORED:
                _checked(self._read(1))  # the end of the block
                self.bits.position[0] += -self.bits.position[0] % 8 * fields[LAST]
            if fields[LAST] or self.place >= end_of_sample:
                return

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

    def __init__(self, apart: Apart, data: Bytes, learned: Learned) -> None:
        super().__init__(data, apart.effort, learned, Reader(apart.remainder))
        self.bits = Bits(np.zeros(apart.size, np.uint8), np.zeros(1, np.int64))

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


_STARTS = (
    Effort(CHAIN_OF_3, 8, LONGEST, 0, 0, 0),
    *(Effort(CHAIN_OF_4, depth, LONGEST, 1, probes, 0) for depth in (12, 35) for probes in (0, 1)),
    Effort(TREE, 64, LONGEST, 0, 2, 0),
    Effort(TREE, 64, LONGEST, 0, 64, 2),
    Effort(CHAIN_OF_3, 128, LONGEST, 0, 0, 0),
)
"""Efforts of zlib, libdeflate and zopfli, more or less: the search begins with the best of them."""
_DEEP_STARTS = tuple(Effort(CHAIN_OF_4, 300, LONGEST, 1, probes, 0) for probes in (0, 1))
"""Those that take most steps, for where the best is of their way."""
_CHOICES = {
    "depth": (1, 2, 4, 6, 8, 12, 16, 24, 32, 35, 48, 64, 100, 128, 200, 256, 300, 512, 600, 1024),
    "nice": (8, 10, 16, 30, 32, 65, 75, 96, 128, 130, 150, 192, 258),
    "haste": (0, 1, 2),
    "probes": (0, 1, 2, 64),
    "rounds": (0, 1, 2),
}
"""What is tried of each field of an effort: what libraries have."""
_SAMPLE = 1 << 17
"""Bytes that efforts are tried on."""
_FURTHEST = 1 << 20
"""Where those begin at the latest."""
_ENOUGH = 1 << 14
"""Bytes after which the effort is known."""
_MOST_KNOWN = 2
"""Efforts that are tried first."""
_STEPS, _STEPS_A_BYTE = 1 << 29, 1 << 14
"""Steps of all trials after which no other effort is tried, and further ones for each byte of deflate data: of an image
of few colours one effort may ask for 400 million, and 1,000 bytes is all there is to save."""
_LITTLE = 128
"""Where the decisions take less than one in so many bytes of deflate data, a better effort can save next to nothing."""


def _best_effort(cost: Callable[[Effort], int], little: int) -> Effort:
    """The effort of least cost that is found by changing one field at a time, until it costs ``little``."""
    shallow = min(_STARTS, key=cost)
    best = min((shallow, *(deep for deep in _DEEP_STARTS if deep.way == shallow.way)), key=cost)
    least = cost(best)
    changed = least > little
    while changed:
        changed = False
        for name, values in _CHOICES.items():
            at = bisect_left(values, getattr(best, name))
            for step in (-1, 1):
                here = at + step
                misses = 0
                while 0 <= here < len(values) and misses < 2:
                    tried = best._replace(**{name: values[here]})
                    found = cost(tried)
                    misses += 1
                    if found < least:
                        best, least, changed, misses = tried, found, True, 0
                    here += step
    return best


class Fitting(NamedTuple):
    """An effort that was the best for deflate data, of which so many bytes were looked at, and what it cost there."""

    effort: Effort
    cost: int
    size: int

    def serves(self, cost: int, size: int) -> bool:
        """Whether it costs hardly more of other data: then these are of the same encoder."""
        return 8 * cost * self.size <= 9 * self.cost * size


class Session:
    """The deflate data of one file, stream after stream: what is learned of its encoder serves the next.

    ``known``: what fitted files like it, the last first, to be tried before all else and brought up to date.
    """

    def __init__(self, known: list[Fitting] | None = None) -> None:
        self._known = [] if known is None else known
        self._learned = nothing_learned()
        self._effort: Effort | None = None
        self._tried = 0

    def take_apart(self, compressed: bytes, inflated: bytes) -> Apart:
        """How to make ``compressed``, raw deflate data, of ``inflated`` again. Raises FormatError where it is no such
        data, LimitError where that takes too many steps."""
        data = np.frombuffer(bytearray(inflated), np.uint8)

        left = _STEPS + _STEPS_A_BYTE * len(compressed)

        @cache
        def cost(effort: Effort) -> int:
            nonlocal left
            if left <= 0:
                return sys.maxsize
            encoder = _Encoder(compressed, data, effort, self._learned.copy())
            try:
                return encoder.sample(_SAMPLE)
            except LimitError:
                return sys.maxsize
            finally:
                left -= int(encoder.matches.steps[0])

        if self._effort is None or self._tried < _ENOUGH:
            self._effort = self._fitting(cost, len(compressed) * min(len(inflated), _SAMPLE) // max(1, len(inflated)))
            self._tried += len(inflated)
        remainder = _Encoder(compressed, data, self._effort, self._learned).encode()
        return Apart(len(compressed), self._effort, remainder)

    def _fitting(self, cost: Callable[[Effort], int], size: int) -> Effort:
        """The effort for deflate data of which a sample has ``size`` bytes."""
        found = next((one for one in self._known if one.serves(cost(one.effort), size)), None)
        if found is None:
            effort = _best_effort(cost, size // _LITTLE)
            found = Fitting(effort, cost(effort), size)
        if found.cost < found.size:  # else it fits nothing, and other data would not cost more
            self._known[:] = [found, *(one for one in self._known if one.effort != found.effort)][:_MOST_KNOWN]
        return found.effort

    def make_again(self, apart: Apart, inflated: bytes) -> bytes:
        """The deflate data. Raises FormatError where what is kept of it does not fit, LimitError for too many steps."""
        effort = apart.effort
        known = effort.way <= TREE and effort.haste <= MOST_HASTE and effort.rounds <= MOST_ROUNDS
        if not (
            known
            and 1 <= effort.depth <= MOST_DEPTH
            and effort.probes <= MOST_PROBES
            and SHORTEST <= effort.nice <= LONGEST
        ):
            raise FormatError("deflate data of the original file asks for a search that is not known")
        return _Decoder(apart, np.frombuffer(bytearray(inflated), np.uint8), self._learned).decode()
