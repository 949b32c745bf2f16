"""Spec wide-samples/repeats: numbers that are the same to the last bit as an earlier one in the same step.

A background that is flat, masked or clipped gives the same numbers again and again, also through a filter: those of an
earlier place with the same steps around it, or the last ones in the step. What repeats has no remainder of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import OK, Reader, Stream, Writer
from sofc.entropy.bit_models import NEUTRAL, RARE, code_within
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

LEAST_BITS = 8
"""Shorter remainders are the same by chance too often to be asked for."""
PLACES, STEPS = 1 << 16, 1 << 16
"""Places with other steps around them that are told apart, and steps."""
_FACTOR, _WORD = 40503, 0xFFFFFFFF
_KEPT = 4
"""Numbers that each place and each step keeps."""
_ASKED = 2 * _KEPT
_NEW, _REPEATED = 1, 2
"""What was coded of a number; 0 of those that are not asked for."""
MODELS = _ASKED * 2 * 3 * 3
_WORTH = 128
"""Of the bits of all remainders, one in so many must be saved."""

Integers = npt.NDArray[np.int64]


class Numbers(NamedTuple):
    """Of each number, flat: its step below STEPS, its remainder, of so many ``bits``, and its origin, the place of the
    number that it repeats, or its own. ``remainders`` are only read when encoding."""

    steps: Vector[np.int32]
    remainders: Vector[np.int64]
    bits: Vector[np.uint8]
    origins: Vector[np.int64]


class Seen(NamedTuple):
    """``recent`` (PLACES + STEPS, _KEPT): the last origins, the latest first, of each place and of each step, or -1.
    ``states`` and ``is_repeated``, flat: what was coded of each number, and whether any repeats it."""

    recent: Table[np.int64]
    states: Vector[np.uint8]
    is_repeated: Vector[np.uint8]


@inlined
def _place(steps: Vector[np.int32], width: int, i: int) -> int:
    """Which of PLACES a number's step and those beside it stand for."""
    x = i % width
    found = np.int64(steps[i]) * _FACTOR & _WORD
    found = (found + (np.int64(steps[i - 1]) if x > 0 else 0)) * _FACTOR & _WORD
    found = (found + (np.int64(steps[i + 1]) if x + 1 < width else 0)) * _FACTOR & _WORD
    found = (found + (np.int64(steps[i - width]) if i >= width else 0)) * _FACTOR & _WORD
    found = (found + (np.int64(steps[i + width]) if i + width < steps.shape[0] else 0)) * _FACTOR & _WORD
    return int(found >> 16)


@kernel
def code_repeats(
    encode: bool, width: int, numbers: Numbers, seen: Seen, models: Vector[np.uint32], stream: Stream
) -> int:
    """Spec wide-samples/repeats. Code which number each one repeats: read, or fill, the origins. Returns OK."""
    steps, remainders, bits, origins = numbers
    recent, states, is_repeated = seen
    for i in range(steps.shape[0]):
        origins[i] = i
        if bits[i] < LEAST_BITS:
            continue
        place = _place(steps, width, i)
        step = PLACES + int(steps[i])
        west = int(states[i - 1]) if i % width > 0 else 0
        around = 3 * west + (int(states[i - width]) if i >= width else 0)
        states[i] = _NEW
        for asked in range(_ASKED):
            origin = recent[place if asked < _KEPT else step, asked % _KEPT]
            if origin < 0 or steps[origin] != steps[i]:
                continue
            was_asked = False
            for k in range(_KEPT if asked >= _KEPT else 0):
                was_asked |= origin == recent[place, k]
            if was_asked:
                continue
            is_same = 1 if encode and remainders[origin] == remainders[i] else 0
            slot = (2 * asked + int(is_repeated[origin])) * 9 + around
            if code_within(encode, is_same, slot, RARE, models, stream) > 0:
                origins[i] = origin
                states[i] = _REPEATED
                is_repeated[origin] = 1
                break
        for row in (place, step):
            latest = np.int64(origins[i])
            for k in range(_KEPT):
                latest, recent[row, k] = recent[row, k], latest
                if latest == origins[i]:
                    break
    return OK


def encode_repeats(
    steps: npt.NDArray[np.int32], width: int, remainders: Integers, bits: npt.NDArray[np.uint8]
) -> tuple[Integers, bytes]:
    """The origin of each number, in rows so wide, and the stream that says so, all flat; empty where it does not pay,
    and each is its own."""
    own = np.arange(bits.size)
    numbers = Numbers(steps, remainders, bits, own.copy())
    writer = Writer(2 * _ASKED * int(np.count_nonzero(bits >= LEAST_BITS)) + 16)
    code_repeats(True, width, numbers, *_state(bits.size), writer.stream)
    stream = writer.written()
    total, saved = int(bits.sum(dtype=np.int64)), int(bits[numbers.origins != own].sum(dtype=np.int64))
    pays = stream and saved - 8 * len(stream) > total // _WORTH
    return (numbers.origins, stream) if pays else (own, b"")


def decode_repeats(steps: npt.NDArray[np.int32], width: int, bits: npt.NDArray[np.uint8], stream: bytes) -> Integers:
    """The origins again."""
    numbers = Numbers(steps, np.zeros(0, np.int64), bits, np.arange(bits.size))
    if stream:
        code_repeats(False, width, numbers, *_state(bits.size), Reader(stream).stream)
    return numbers.origins


def _state(size: int) -> tuple[Seen, Vector[np.uint32]]:
    recent = np.full((PLACES + STEPS, _KEPT), -1, np.int64)
    return Seen(recent, np.zeros(size, np.uint8), np.zeros(size, np.uint8)), np.full(MODELS, NEUTRAL, np.uint32)
