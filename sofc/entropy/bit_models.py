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

from sofc.entropy.binary import BROKEN, Coding, Reader, Stream, Writer, code_bit, code_bypass
from sofc.errors import FormatError
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

Integers = npt.NDArray[np.int64]

NEUTRAL = (1 << 21) << 10
"""A model that has seen nothing."""
STEADY = NEUTRAL | 60
"""One that has seen 60 bits, half of them 1: for decisions that are mostly even, in contexts that come seldom."""
SEEN_BITS = 10
SEEN_MASK = (1 << SEEN_BITS) - 1
ONE = (1 << 22) - 1
"""The greatest probability of a model."""
MOST_SEEN = 255
"""Bits that a model counts at most: from then on it forgets what was long ago."""
RATE = np.array([(2 * 65536 * 5) // (10 * i + 16) for i in range(MOST_SEEN + 1)], dtype=np.int64)
"""A model that has seen i bits moves by RATE[i] / 65536 of its error: 1 / (i + 1.6)."""


@inlined
def learned(word: int, bit: int) -> int:
    """A model that has seen one more bit."""
    seen, p = word & SEEN_MASK, word >> SEEN_BITS
    p += (((ONE if bit else 0) - p) * RATE[seen]) >> 16
    return int((p << SEEN_BITS) | min(MOST_SEEN, seen + 1))


@inlined
def code_within(encode: bool, bit: int, slot: int, least: int, models: Vector[np.uint32], stream: Stream) -> int:
    """Code a decision by the one bit model ``models[slot]``, which learns, as if neither bit were rarer than ``least``
    in 65536. Returns the bit."""
    word = np.int64(models[slot])
    bit = code_bit(encode, bit, max(least, min(65536 - least, int(word >> (SEEN_BITS + 6)))), stream)
    models[slot] = learned(int(word), bit)
    return bit


USUAL, RARE = 32, 2
"""What models usually leave the rarer bit, and those of decisions that may be all but certain, in 1/65536."""


@inlined
def code_by_model(encode: bool, bit: int, slot: int, models: Vector[np.uint32], stream: Stream) -> int:
    """The same with the usual bound."""
    return int(code_within(encode, bit, slot, USUAL, models, stream))


@kernel
def code_digits(encode: bool, value: int, bits: int, slot: int, models: Vector[np.uint32], stream: Stream) -> int:
    """A number of so many bits, the highest first, each in the context of those before it, by ``models[slot + 1]`` ..
    ``models[slot + 2**bits - 1]``. Returns the number."""
    number = 1
    for shift in range(bits - 1, -1, -1):
        number = 2 * number + code_by_model(encode, (value >> shift) & 1, slot + number, models, stream)
    return number - (1 << bits)


@inlined
def code_graded(encode: bool, value: int, bits: int, slot: int, models: Vector[np.uint32], stream: Stream) -> int:
    """Spec coding-tools/graded-numbers. A number of at most so many bits: how many it has, then those behind the
    highest, each in the context of all before; by ``models[slot]`` .. ``models[slot + 2**bits - 1]``. Returns the
    number."""
    length = 0
    while length < bits:
        if code_by_model(encode, 1 if value >> length > 0 else 0, slot + (1 << length >> 1), models, stream) == 0:
            break
        length += 1
    if length < 2:
        return length
    highest = 1 << (length - 1)
    return highest + code_digits(encode, value, length - 1, slot + highest, models, stream)


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

    ``least``: as for ``code_within``. Returns the number, or BROKEN.
    """
    length = 0
    while code_within(encode, 1 if size >> (length + 1) > 0 else 0, slot + length, least, models, stream):
        length += 1
        if length == longest:
            return BROKEN
    if length == 0:
        return 1
    length -= 1
    bit = code_within(encode, size >> length & 1, highest + length + 1, least, models, stream)
    return ((2 + bit) << length) + code_bypass(encode, size, length, stream)


INTEGER_BITS = 31
"""Bits of the largest integer and 1."""
INTEGER_MODELS = 2 * INTEGER_BITS


@inlined
def code_integer(encode: bool, value: int, slot: int, models: Vector[np.uint32], stream: Stream) -> int:
    """Spec coding-tools/integers. A number from 0 up, by INTEGER_MODELS models from ``slot`` on. Returns it, or
    BROKEN."""
    size = code_size(encode, value + 1, slot, slot + INTEGER_BITS, INTEGER_BITS, USUAL, models, stream)
    return size - 1 if size > 0 else size


PROBABILITY_BITS, EVIDENCE_BITS = 5, 2
PROBABILITIES, EVIDENCES = 1 << PROBABILITY_BITS, 1 << EVIDENCE_BITS
"""So many probabilities, and numbers of bits seen, a trained model may start with."""
SEEN: Integers = np.array([2, 6, 20, 60], np.int64)
"""How many bits a trained model may start as if it had seen, where a coder does not say otherwise."""
_TREE = 1
_TRAINED_MODELS = _TREE + PROBABILITIES * EVIDENCES
"""Models that symbols are coded with: whether one is trained, by whether the one before it is, and the digits of what
it starts with."""

Symbols = npt.NDArray[np.uint8]
"""What models start with: 0 for a neutral one, else 1 + EVIDENCES * the number of its probability + that of what it
has seen."""


@kernel
def _code_symbol(encode: bool, symbol: int, before: int, models: Vector[np.uint32], stream: Stream) -> int:
    """One model's symbol, in the context of whether the one before it is trained. Returns it."""
    if code_by_model(encode, 1 if symbol > 0 else 0, before, models, stream) == 0:
        return 0
    return 1 + code_digits(encode, symbol - 1, PROBABILITY_BITS + EVIDENCE_BITS, _TREE, models, stream)


@kernel
def code_symbols(encode: bool, symbols: Vector[np.uint8], block: int, models: Table[np.uint32], stream: Stream) -> int:
    """Spec coding-tools/trained-bit-models. Code what trained models start with; when decoding ``symbols``, which are
    zeros, are filled.

    Models come in blocks of ``block``, one for each bin; a block of more than one begins with whether any of it is
    trained, in the context of whether any of the block before was. ``models`` (block + 1, _TRAINED_MODELS): by bin,
    and for blocks. Returns 0.
    """
    before = 0
    trained = 1
    for i in range(symbols.shape[0]):
        if block > 1 and i % block == 0:
            bit = 0
            for j in range(i, min(i + block, symbols.shape[0]) if encode else i):
                if symbols[j] > 0:
                    bit = 1
            trained = code_by_model(encode, bit, trained, models[block], stream)
        if trained == 0:
            before = 0
            continue
        symbols[i] = _code_symbol(encode, int(symbols[i]), before, models[i % block], stream)
        before = 1 if symbols[i] > 0 else 0
    return 0


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
        models = np.full((self.block + 1, _TRAINED_MODELS), NEUTRAL, np.uint32)
        code_symbols(coding.encodes, symbols, self.block, models, coding.stream)

    def _packed(self, symbols: Symbols) -> bytes:
        writer = Writer(2 * symbols.size + 64)
        self.code(writer, symbols)
        return writer.written()
