"""Spec wide-samples/remainders: the low bits of wide numbers, each with as many bits as its step leaves.

Bits that look like noise are stored as they are; others are coded with adaptive bit models.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import Reader, Stream, Writer
from sofc.entropy.bit_models import NEUTRAL, code_by_model
from sofc.errors import FormatError
from sofc.jit.decorators import kernel
from sofc.jit.types import Vector

MAX_BITS = 52
"""Bits of the longest remainder."""
HISTORY = 8
MODELS = (MAX_BITS + 1) * MAX_BITS * HISTORY
_NOISE = 0.995
"""Bits of so much entropy, or more, are stored as they are."""

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


class Remainders(NamedTuple):
    """``values`` below 2**bits, and their ``bits`` (0 to MAX_BITS); ``masks`` (MAX_BITS + 1,): the modelled bits of
    values of so many."""

    values: Vector[np.int64]
    bits: Vector[np.uint8]
    masks: Vector[np.int64]


@kernel
def code_modelled(encode: bool, remainders: Remainders, models: Vector[np.uint32], stream: Stream) -> int:
    """Spec wide-samples/remainders. Code the modelled bits of each value, the highest first; when decoding, they are
    added to the values. Returns 0."""
    values, bits, masks = remainders
    for i in range(values.shape[0]):
        size = int(bits[i])
        mask = int(masks[size])
        value = int(values[i])
        history = 1
        for position in range(size - 1 if mask else -1, -1, -1):
            if (mask >> position) & 1 == 0:
                continue
            slot = (size * MAX_BITS + position) * HISTORY + history
            bit = code_by_model(encode, (value >> position) & 1, slot, models, stream)
            if not encode:
                value |= bit << position
            history = 2 * history + bit if history < 4 else (2 * history + bit) & 3 | 4
        values[i] = value
    return 0


@kernel
def pack_plain(encode: bool, remainders: Remainders, buffer: Vector[np.uint8]) -> int:
    """Spec wide-samples/remainders. Write, or read and add, the bits that are not modelled, the highest first.
    Returns their number; ``buffer`` holds that many."""
    values, bits, masks = remainders
    place = 0
    for i in range(values.shape[0]):
        value = int(values[i])
        mask = int(masks[bits[i]])
        for position in range(int(bits[i]) - 1, -1, -1):
            if (mask >> position) & 1:
                continue
            if encode:
                buffer[place >> 3] |= ((value >> position) & 1) << (7 - (place & 7))
            else:
                value |= ((int(buffer[place >> 3]) >> (7 - (place & 7))) & 1) << position
            place += 1
        values[i] = value
    return place


def encode_remainders(values: Integers, bits: npt.NDArray[np.uint8]) -> tuple[list[int], bytes, bytes]:
    """The masks of modelled bits, their stream, and the plain bits, of flat arrays of equal length."""
    masks = _structured(values, bits)
    remainders = Remainders(np.ascontiguousarray(values), np.ascontiguousarray(bits), _filled(masks))
    plain_bits = _plain_bits(bits, masks)
    plain = np.zeros((plain_bits + 7) // 8, np.uint8)
    pack_plain(True, remainders, plain)
    writer = Writer(2 * (int(bits.sum(dtype=np.int64)) - plain_bits) + 16)
    code_modelled(True, remainders, np.full(MODELS, NEUTRAL, np.uint32), writer.stream)
    return masks, writer.written(), plain.tobytes()


def decode_remainders(masks: list[int], modelled: bytes, plain: bytes, bits: npt.NDArray[np.uint8]) -> Integers:
    """The values again. Raises FormatError where the plain bits are too few or too many."""
    remainders = Remainders(np.zeros(bits.shape, np.int64), np.ascontiguousarray(bits), _filled(masks))
    if len(plain) != (_plain_bits(bits, masks) + 7) // 8:
        raise FormatError(f"the plain bits of remainders take {len(plain)} bytes, which is not what they need")
    pack_plain(False, remainders, np.frombuffer(bytearray(plain), np.uint8))
    if any(masks):
        code_modelled(False, remainders, np.full(MODELS, NEUTRAL, np.uint32), Reader(modelled).stream)
    elif modelled:
        raise FormatError("remainders without modelled bits have a stream of them")
    return remainders.values


def estimate(values: Integers, bits: npt.NDArray[np.uint8]) -> float:
    """About how many bytes the remainders take."""
    entropies, counts = _entropies(values, bits)
    return float(np.minimum(entropies, counts).sum()) / 8


def _filled(masks: list[int]) -> Integers:
    return np.array(masks + [0] * (MAX_BITS + 1 - len(masks)), np.int64)


def _plain_bits(bits: npt.NDArray[np.uint8], masks: list[int]) -> int:
    plain = np.arange(MAX_BITS + 1) - np.array([mask.bit_count() for mask in _filled(masks).tolist()])
    return int((np.bincount(bits, minlength=MAX_BITS + 1) * plain).sum())


def _structured(values: Integers, bits: npt.NDArray[np.uint8]) -> list[int]:
    """For remainders of each number of bits the mask of bits that models make shorter."""
    entropies, counts = _entropies(values, bits)
    worth = entropies < _NOISE * counts
    masks = [sum(1 << int(position) for position in np.flatnonzero(worth[size])) for size in range(MAX_BITS + 1)]
    while masks and not masks[-1]:
        masks.pop()
    return masks


def _entropies(values: Integers, bits: npt.NDArray[np.uint8]) -> tuple[Reals, Reals]:
    """By how many bits a value has, and position, the entropy of the bits there, given the one above, and how many
    there are."""
    entropies, counts = np.zeros((2, MAX_BITS + 1, MAX_BITS))
    sizes = bits.astype(np.int64) * 4
    for position in range(int(bits.max(initial=0))):
        chosen = bits > position
        which = sizes[chosen] + ((values[chosen] >> position) & 3)
        seen = np.bincount(which, minlength=4 * MAX_BITS + 4).reshape(-1, 2, 2)
        total = seen.sum(axis=2)
        cost = (seen * -np.log2((seen + 0.4) / (total + 0.8)[:, :, None])).sum(axis=(1, 2))
        # The first bits of models are spent on learning.
        entropies[:, position] = cost + 8 * (total.sum(axis=1) > 0)
        counts[:, position] = total.sum(axis=1)
    return entropies, counts
