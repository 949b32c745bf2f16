"""Adaptive bit models, and the trained ones of sections: at what probability each starts, as if it had seen how much.

A model is a 32-bit word: 22 bits of the probability of a 1 bit above 10 bits that count what it has seen. It moves by
1 / (seen + 1.6) of its error, which makes it nearly the share of ones seen (Krichevsky-Trofimov with 0.6 bits of
prior evidence) until it has seen so much that it follows what changes.
"""

from __future__ import annotations

import itertools
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sofc.entropy.adaptive import Probabilities, code_adaptive, code_adaptive_digits
from sofc.entropy.binary import BROKEN, EVEN, OK, Coding, Reader, Stream, Writer, code_bit, code_bypass
from sofc.errors import FormatError
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

Integers = npt.NDArray[np.int64]

NEUTRAL = (1 << 21) << 10
"""A model that has seen nothing."""
SEEN_BITS = 10
SEEN_MASK = (1 << SEEN_BITS) - 1
ONE = (1 << 22) - 1
"""The greatest probability of a model."""
MOST_SEEN = 255
"""Bits that a model counts at most: from then on it forgets what was long ago."""
RATE = np.array([(2 * 65536 * 5) // (10 * i + 16) for i in range(MOST_SEEN + 1)], dtype=np.int64)
"""A model that has seen i bits moves by RATE[i] / 65536 of its error: 1 / (i + 1.6)."""


@inlined
def learned(word: int, bit: int, most_seen: int) -> int:
    """A model that has seen one more bit."""
    seen, p = word & SEEN_MASK, word >> SEEN_BITS
    p += (((ONE if bit else 0) - p) * RATE[seen]) >> 16
    return int((p << SEEN_BITS) | min(most_seen, seen + 1))


@inlined
def code_within(encode: bool, bit: int, slot: int, least: int, models: Vector[np.uint32], stream: Stream) -> int:
    """Code a decision by the one bit model ``models[slot]``, which learns, as if neither bit were rarer than ``least``
    in 65536. The bit, or TOO_LONG."""
    word = np.int64(models[slot])
    bit = code_bit(encode, bit, max(least, min(65536 - least, int(word >> (SEEN_BITS + 6)))), stream)
    if bit >= 0:
        models[slot] = learned(int(word), bit, MOST_SEEN)
    return bit


USUAL, RARE = 32, 2
"""What models usually leave the rarer bit, and those of decisions that may be all but certain, in 1/65536."""


@inlined
def code_by_model(encode: bool, bit: int, slot: int, models: Vector[np.uint32], stream: Stream) -> int:
    """The same with the usual bound. The bit, or TOO_LONG."""
    return int(code_within(encode, bit, slot, USUAL, models, stream))


@kernel
def code_digits(encode: bool, value: int, bits: int, slot: int, models: Vector[np.uint32], stream: Stream) -> int:
    """A number of so many bits, the highest first, each in the context of those before it, by ``models[slot + 1]`` ..
    ``models[slot + 2**bits - 1]``. The number, or TOO_LONG."""
    number = 1
    for shift in range(bits - 1, -1, -1):
        bit = code_by_model(encode, (value >> shift) & 1, slot + number, models, stream)
        if bit < 0:
            return bit
        number = 2 * number + bit
    return number - (1 << bits)


@inlined
def code_graded(encode: bool, value: int, bits: int, slot: int, models: Vector[np.uint32], stream: Stream) -> int:
    """Spec coding-tools/graded-numbers. A number of at most so many bits: how many it has, then those behind the
    highest, each in the context of all before; by ``models[slot]`` .. ``models[slot + 2**bits - 1]``. The number, or
    TOO_LONG."""
    length = 0
    while length < bits:
        more = code_by_model(encode, 1 if value >> length > 0 else 0, slot + (1 << length >> 1), models, stream)
        if more <= 0:
            length = more if more < 0 else length
            break
        length += 1
    if length < 2:
        return length
    highest = 1 << (length - 1)
    low = code_digits(encode, value, length - 1, slot + highest, models, stream)
    return highest + low if low >= 0 else low


@kernel
def code_size(
    encode: bool,
    size: int,
    slot: int,
    highest: int,
    longest: int,
    least: int,
    models: Vector[np.uint32],
    stream: Stream,
) -> int:
    """Spec coding-tools/sizes. A number from 1 up, of at most ``longest`` bits: how many bits it has by ``longest``
    models from ``slot`` on, then the one behind the highest by as many from ``highest`` on, then the others in bypass.

    ``least``: as for ``code_within``. Returns the number, or TOO_LONG or BROKEN.
    """
    length = 0
    while True:
        more = code_within(encode, 1 if size >> (length + 1) > 0 else 0, slot + length, least, models, stream)
        if more < 0:
            return more
        if more == 0:
            break
        length += 1
        if length == longest:
            return BROKEN
    if length == 0:
        return 1
    length -= 1
    bit = code_within(encode, size >> length & 1, highest + length + 1, least, models, stream)
    low = code_bypass(encode, size, length, stream) if bit >= 0 else bit
    return ((2 + bit) << length) + low if low >= 0 else low


PROBABILITY_BITS, EVIDENCE_BITS = 5, 2
PROBABILITIES, EVIDENCES = 1 << PROBABILITY_BITS, 1 << EVIDENCE_BITS
"""So many probabilities, and numbers of bits seen, a trained model may start with."""
SEEN: Integers = np.array([2, 6, 20, 60], np.int64)
"""How many bits a trained model may start as if it had seen, where a coder does not say otherwise."""
_TRAINED, _PROBABILITY = 0, 2
_EVIDENCE = _PROBABILITY + PROBABILITIES
_SLOTS = _EVIDENCE + PROBABILITIES * EVIDENCES
"""Slots: whether a model is trained, by whether the one before it is; its probability; its evidence by probability."""

Symbols = npt.NDArray[np.uint8]
"""What models start with: 0 for a neutral one, else 1 + EVIDENCES * the number of its probability + that of what it
has seen."""


@kernel
def _code_symbol(encode: bool, symbol: int, before: int, slots: Probabilities, stream: Stream) -> int:
    """One model's symbol, in the context of whether the one before it is trained. The symbol, or TOO_LONG."""
    bit = code_adaptive(encode, 1 if symbol > 0 else 0, _TRAINED + before, slots, stream)
    if bit <= 0:
        return bit
    p = (symbol - 1) >> EVIDENCE_BITS
    p = code_adaptive_digits(encode, p, PROBABILITY_BITS, _PROBABILITY - 1, PROBABILITIES, slots, stream)
    if p < 0:
        return p
    evidence = symbol - 1 & EVIDENCES - 1
    first = _EVIDENCE + p * EVIDENCES
    evidence = code_adaptive_digits(encode, evidence, EVIDENCE_BITS, first, EVIDENCES, slots, stream)
    return evidence if evidence < 0 else 1 + (p << EVIDENCE_BITS | evidence)


@kernel
def code_symbols(
    encode: bool, symbols: Vector[np.uint8], block: int, probabilities: Table[np.int32], stream: Stream
) -> int:
    """Spec coding-tools/trained-bit-models. Code what trained models start with; when decoding ``symbols``, which are
    zeros, are filled.

    Models come in blocks of ``block``, one for each bin; a block of more than one begins with whether any of it is
    trained, in the context of whether any of the block before was. ``probabilities`` (block + 1, slots): by bin, and
    for blocks. Returns OK or TOO_LONG.
    """
    before = 0
    trained = 1
    for i in range(symbols.shape[0]):
        if block > 1 and i % block == 0:
            bit = 0
            for j in range(i, min(i + block, symbols.shape[0]) if encode else i):
                if symbols[j] > 0:
                    bit = 1
            trained = code_adaptive(encode, bit, trained, probabilities[block], stream)
            if trained < 0:
                return trained
        if trained == 0:
            before = 0
            continue
        symbol = _code_symbol(encode, int(symbols[i]), before, probabilities[i % block], stream)
        if symbol < 0:
            return symbol
        symbols[i] = symbol
        before = 1 if symbol > 0 else 0
    return OK


class TrainedModels:
    """What the models of a coder may start with.

    ``probabilities`` (PROBABILITIES,): rising, in 1/65536. ``block``: models come in blocks of so many, each for
    another kind of decision. ``seen`` (EVIDENCES,): rising numbers of bits seen.
    """

    def __init__(self, probabilities: Integers, block: int, seen: Integers = SEEN) -> None:
        self.probabilities = probabilities
        self.block = block
        self.seen = seen

    @cached_property
    def states(self) -> npt.NDArray[np.uint32]:
        """The model that each symbol stands for."""
        trained = [int(p) << 6 << SEEN_BITS | int(seen) for p in self.probabilities for seen in self.seen]
        return np.array([NEUTRAL, *trained], np.uint32)

    def nearest(self, shares: npt.NDArray[np.floating]) -> Integers:
        """Numbers of the probabilities nearest to these shares of ones, when both are stretched."""
        return np.searchsorted(self._borders, shares)

    @cached_property
    def _borders(self) -> npt.NDArray[np.float64]:
        odds = np.log(self.probabilities / (65536 - self.probabilities))
        borders: npt.NDArray[np.float64] = 1 / (1 + np.exp(-(odds[:-1] + odds[1:]) / 2))
        return borders

    def pack(self, symbols: Symbols, starts: Integers) -> bytes:
        """For each context the length of its table (4 bytes), then the tables.

        ``symbols`` (models,); ``starts`` (contexts + 1,): where each context's begin.
        """
        tables = [self._packed(symbols[start:end]) for start, end in itertools.pairwise(starts)]
        return b"".join(len(table).to_bytes(4, "little") for table in tables) + b"".join(tables)

    def unpack(self, data: bytes, starts: Integers, used: int) -> npt.NDArray[np.uint32]:
        """The models of the first ``used`` contexts. Raises FormatError."""
        return self.states[self.symbols(data, starts, used)]

    def symbols(self, data: bytes, starts: Integers, used: int) -> Symbols:
        """What the models of the first ``used`` contexts start with. Raises FormatError."""
        contexts = len(starts) - 1
        sizes = [int.from_bytes(data[4 * k : 4 * k + 4], "little") for k in range(contexts)]
        if len(data) != 4 * contexts + sum(sizes):
            raise FormatError("the bit models of a model have another length than they say")
        result = np.zeros(int(starts[used]), np.uint8)
        start = 4 * contexts
        for k in range(used):
            self.code(Reader(data[start : start + sizes[k]]), result[starts[k] : starts[k + 1]])
            start += sizes[k]
        return result

    def code(self, coding: Coding, symbols: Symbols) -> None:
        """Write the symbols of a context, or fill them with what is read."""
        slots = np.full((self.block + 1, _SLOTS), EVEN, np.int32)
        code_symbols(coding.encodes, symbols, self.block, slots, coding.stream)

    def _packed(self, symbols: Symbols) -> bytes:
        writer = Writer(2 * symbols.size + 64)
        self.code(writer, symbols)
        return writer.written()
