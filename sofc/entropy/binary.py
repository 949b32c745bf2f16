"""Spec coding-tools/binary-range-coder: the binary range coder, for encoding and decoding alike.

A carry-less binary arithmetic coder with 32-bit ends and 16-bit probabilities, as in PAQ's lpaq (Mahoney): its ends'
equal leading bytes are shifted out. Every kernel that codes takes ``encode`` first; one function serves both
directions, so that they cannot drift apart. Kernels return what was coded, or BROKEN.

What is written goes on behind the end of a buffer that is too short, where it leaves no bytes: only their number grows,
by which who made the buffer sees in the end that it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import kernel
from sofc.jit.types import Vector

OK = 0
BROKEN = -2
"""The stream leads to a value outside its range."""

WORD = 0xFFFFFFFF
EVEN = 32768
"""The probability of one half."""


class Stream(NamedTuple):
    """A stream being coded. ``coder`` (4,): low end, high end, code word when decoding, position in ``buffer``, maybe
    past its end, where decoding reads zeros.
    """

    coder: Vector[np.int64]
    buffer: Vector[np.uint8]


@kernel
def code_bit(encode: bool, bit: int, p: int, stream: Stream) -> int:
    """Spec coding-tools/binary-range-coder. Code a decision whose probability to be 1 is p / 65536. Returns the bit."""
    coder, buffer = stream.coder, stream.buffer
    low, high = coder[0], coder[1]
    split = low + (((high - low) * p) >> 16)
    if not encode:
        bit = 1 if coder[2] <= split else 0
    # Both are stored, without a branch: no processor predicts what is coded.
    coder[0], coder[1] = low if bit else split + 1, split if bit else high
    while ((coder[0] ^ coder[1]) & 0xFF000000) == 0:
        position = coder[3]
        if encode:
            if position < buffer.shape[0]:
                buffer[position] = coder[1] >> 24
        else:
            coder[2] = (coder[2] << 8) & WORD
            if position < buffer.shape[0]:
                coder[2] |= int(buffer[position])
        coder[3] = position + 1
        coder[0] = (coder[0] << 8) & WORD
        coder[1] = ((coder[1] << 8) & WORD) | 255
    return bit


@kernel
def code_bypass(encode: bool, value: int, bits: int, stream: Stream) -> int:
    """Spec coding-tools/binary-range-coder. Code a number of so many bypass bits, the highest first. Returns it."""
    number = 0
    for shift in range(bits - 1, -1, -1):
        number = 2 * number + code_bit(encode, value >> shift & 1, EVEN, stream)
    return number


class Writer:
    """A stream that is written, of at most ``size`` bytes."""

    encodes = True

    def __init__(self, size: int) -> None:
        self.stream = Stream(np.array([0, WORD, 0, 0], np.int64), np.empty(size, np.uint8))

    def finish(self) -> bytes | None:
        """The fewest bytes that decode, zeros after them implied; None where they do not fit."""
        coder, buffer = self.stream
        low, high, position = int(coder[0]), int(coder[1]), int(coder[3])
        end = b""
        if low > 0:
            kept = 24
            while kept > 0 and ((((low >> kept) + 1) << kept) > high):
                kept -= 8
            value = ((low >> kept) + 1) << kept if kept > 0 else low
            end = value.to_bytes(4, "big")
        if position + len(end) > buffer.shape[0]:
            return None
        return (buffer[:position].tobytes() + end).rstrip(b"\0")

    def written(self) -> bytes:
        """As ``finish``, where the size was chosen to hold any stream."""
        data = self.finish()
        assert data is not None, "the buffer holds any stream"
        return data


class Reader:
    """A stream that is read: its first four bytes are the code word."""

    encodes = False

    def __init__(self, data: bytes) -> None:
        word = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self.stream = Stream(np.array([0, WORD, word, 4], np.int64), np.frombuffer(bytearray(data), np.uint8))


Coding = Writer | Reader
"""Either end of a stream, for code that serves both directions."""


def written(size: int, count: int, code: Callable[[list[Writer]], object]) -> list[bytes]:
    """So many streams that ``code`` writes, of ``size`` bytes each; begun anew with more where these are too few."""
    while True:
        writers = [Writer(size) for _ in range(count)]
        code(writers)
        streams = [stream for stream in (writer.finish() for writer in writers) if stream is not None]
        if len(streams) == count:
            return streams
        size *= 4
