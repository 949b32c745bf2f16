"""Spec static/stream: range asymmetric numeral systems (rANS, Duda 2013), two interleaved states over 16-bit words.

A state grows by what a symbol says and is renormalised by whole words, as in Giesen's rans_word. Two states take turns,
so that a processor works at both; an encoder goes from the last symbol to the first, and its end is where a decoder
starts. A symbol is coded by its *code*, start + (frequency << 12) + (scale << 25): it has ``frequency`` of 2**scale
slots, from ``start`` on. Plain bits are a symbol of frequency 1.

A stream: the states that decoding starts from (4 bytes each, little-endian, the first symbol's first), then the words
that they take in (2 bytes each, little-endian). Zero bytes at the end are left out and read again as zeros. After the
last symbol both states are LOW.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector

LOW = 1 << 15
"""States are LOW .. 2**31 - 1."""
WORD_BITS = 16
SCALE_BITS = 12
"""The frequencies of a distribution add up to 2**SCALE_BITS."""
FREQUENCY_AT, SCALE_AT = 12, 25
"""Where frequency and scale stand in a code."""
MOST_BITS = 12
"""Plain bits that one symbol may carry."""
HEAD = 8

Words = Vector[np.uint16]
Codes = Vector[np.int32]


class States(NamedTuple):
    """The next symbol's state, that of the one after it, and how many words were taken in."""

    state: int
    other: int
    position: int


class Taken(NamedTuple):
    """What was decoded, and the states after it."""

    value: int
    states: States


@inlined
def _refill(words: Words, state: int, other: int, position: int) -> States:
    """Spec static/stream. Take a word into the state that a symbol left, if it is low; then the other one has its
    turn."""
    if state < LOW:
        state <<= WORD_BITS
        if position < words.shape[0]:
            state += int(words[position])
        position += 1
    return States(other, state, position)


@inlined
def take_bits(words: Words, states: States, bits: int) -> Taken:
    """Spec static/stream. Decode so many plain bits."""
    value = states.state & ((1 << bits) - 1)
    return Taken(value, _refill(words, states.state >> bits, states.other, states.position))


@inlined
def take_symbol(words: Words, states: States, symbols: Vector[np.uint8], codes: Codes, number: int) -> Taken:
    """Spec static/stream. Decode a symbol of distribution ``number``.

    ``symbols`` has the symbol of each of its 2**SCALE_BITS slots, ``codes`` the codes of its 256 symbols, one
    distribution after the other.
    """
    slot = states.state & ((1 << SCALE_BITS) - 1)
    symbol = int(symbols[(number << SCALE_BITS) + slot])
    code = int(codes[number * 256 + symbol])
    frequency, start = (code >> FREQUENCY_AT) & 8191, code & 4095
    state = frequency * (states.state >> SCALE_BITS) + slot - start
    return Taken(symbol, _refill(words, state, states.other, states.position))


@inlined
def code_of_bits(value: int, bits: int) -> int:
    """The code of so many plain bits."""
    return value + (1 << FREQUENCY_AT) + (bits << SCALE_AT)


@kernel
def write_symbols(codes: Codes, words: Words, states: Vector[np.int64]) -> int:
    """Spec static/stream. Code symbols from last to first, the i-th with state i % 2. Returns the stream's start in
    ``words``.

    ``words`` has room for one word a symbol. ``states`` (2,) ends as what decoding starts from.
    """
    count, position = codes.shape[0], words.shape[0]
    even, odd = states[0], states[1]
    if count & 1:
        even, odd = odd, even
    # ``odd`` takes the symbol at hand; the two change places each time.
    for i in range(count - 1, -1, -1):
        code = int(codes[i])
        start, frequency, scale = code & 4095, (code >> FREQUENCY_AT) & 8191, code >> SCALE_AT
        if odd >= frequency << (31 - scale):
            position -= 1
            words[position] = odd & 0xFFFF
            odd >>= WORD_BITS
        quotient = odd // frequency
        odd = (quotient << scale) + (odd - quotient * frequency) + start
        even, odd = odd, even
    states[0], states[1] = even, odd
    return int(position)


def codes_of(frequencies: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Codes of the symbols of distributions (distributions, symbols), laid flat."""
    starts = np.cumsum(frequencies, axis=1) - frequencies
    # Behind the last symbol start is 2**SCALE_BITS, which would be read as frequency.
    codes = (starts & 4095) + (frequencies << FREQUENCY_AT) + (SCALE_BITS << SCALE_AT)
    return codes.ravel().astype(np.int32)


def slots_of(frequencies: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Symbol of each slot of distributions (distributions, 256), shape (distributions << SCALE_BITS,)."""
    return np.repeat(np.tile(np.arange(256, dtype=np.uint8), len(frequencies)), frequencies.ravel())


def pack_symbols(codes: npt.NDArray[np.int32]) -> bytes:
    """The stream of symbols, given by their codes in the order of decoding."""
    words = np.empty(codes.size, np.uint16)
    states = np.full(2, LOW, np.int64)
    start = write_symbols(codes, words, states)
    return (states.astype("<u4").tobytes() + words[start:].astype("<u2").tobytes()).rstrip(b"\0")


class SymbolReader:
    """A stream that is read. ``states`` (3,), in the order of States, goes on from kernel to kernel."""

    def __init__(self, data: bytes) -> None:
        """Raises FormatError."""
        complete = data + bytes(max(HEAD - len(data), len(data) % 2))
        states = np.frombuffer(complete[:HEAD], "<u4").astype(np.int64)
        if not ((states >= LOW) & (states < 1 << 31)).all():
            raise FormatError("a stream of rANS symbols begins with a state out of range")
        self.states = np.array([*states, 0], np.int64)
        self.words = np.frombuffer(complete[HEAD:], "<u2").astype(np.uint16)

    def finish(self) -> None:
        """Both states must be back where encoding began. Raises FormatError."""
        if (self.states[:2] != LOW).any() or self.states[2] < self.words.size:
            raise FormatError("a stream of rANS symbols does not end where it should")
