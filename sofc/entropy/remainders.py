"""Spec wide-samples/remainders: the low bits of wide numbers, each with as many bits as its step leaves.

Bits that look like noise are stored as they are; others are coded with adaptive bit models.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.binary import OK, TOO_LONG, Reader, Stream, Writer
from sofc.entropy.bit_models import NEUTRAL, code_by_model
from sofc.errors import FormatError
from sofc.jit.decorators import kernel
from sofc.jit.types import Vector

MAX_BITS = 60
"""Bits of the longest remainder."""
HISTORY = 8
MODELS = (MAX_BITS + 1) * MAX_BITS * HISTORY
_NOISE = 0.997
"""Bits of so much entropy, or more, are stored as they are."""


class Remainders(NamedTuple):
    """``values`` below 2**bits, and their ``bits`` (0 to MAX_BITS)."""

    values: Vector[np.int64]
    bits: Vector[np.uint8]


@kernel
def code_modelled(encode: bool, remainders: Remainders, mask: int, models: Vector[np.uint32], stream: Stream) -> int:
    """Spec wide-samples/remainders. Code the bits of ``mask`` of each value, the highest first; when decoding, they are
    added to the values. Returns OK or TOO_LONG."""
    values, bits = remainders
    for i in range(values.shape[0]):
        size = int(bits[i])
        value = int(values[i])
        history = 1
        for position in range(size - 1, -1, -1):
            if (mask >> position) & 1 == 0:
                continue
            slot = (size * MAX_BITS + position) * HISTORY + history
            bit = code_by_model(encode, (value >> position) & 1, slot, models, stream)
            if bit < 0:
                return TOO_LONG
            if not encode:
                value |= bit << position
            history = 2 * history + bit if history < 4 else (2 * history + bit) & 3 | 4
        values[i] = value
    return OK


@kernel
def pack_plain(encode: bool, remainders: Remainders, mask: int, buffer: Vector[np.uint8]) -> int:
    """Spec wide-samples/remainders. Write, or read and add, the bits that are not of ``mask``, the highest first.
    Returns their number; ``buffer`` holds that many."""
    values, bits = remainders
    place = 0
    for i in range(values.shape[0]):
        value = int(values[i])
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


def encode_remainders(values: npt.NDArray[np.int64], bits: npt.NDArray[np.uint8]) -> tuple[int, bytes, bytes]:
    """The mask of modelled bits, their stream, and the plain bits, of flat arrays of equal length."""
    remainders = Remainders(np.ascontiguousarray(values), np.ascontiguousarray(bits))
    mask = _structured(remainders)
    plain = np.zeros((_plain_bits(remainders.bits, mask) + 7) // 8, np.uint8)
    pack_plain(True, remainders, mask, plain)
    modelled = int(remainders.bits.sum(dtype=np.int64)) - _plain_bits(remainders.bits, mask)
    writer = Writer(2 * modelled + 16)
    code_modelled(True, remainders, mask, np.full(MODELS, NEUTRAL, np.uint32), writer.stream)
    return mask, writer.written(), plain.tobytes()


def decode_remainders(mask: int, modelled: bytes, plain: bytes, bits: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The values again. Raises FormatError where the plain bits are too few or too many."""
    remainders = Remainders(np.zeros(bits.shape, np.int64), np.ascontiguousarray(bits))
    if len(plain) != (_plain_bits(remainders.bits, mask) + 7) // 8:
        raise FormatError(f"the plain bits of remainders take {len(plain)} bytes, which is not what they need")
    pack_plain(False, remainders, mask, np.frombuffer(bytearray(plain), np.uint8))
    if mask:
        models = np.full(MODELS, NEUTRAL, np.uint32)
        code_modelled(False, remainders, mask, models, Reader(modelled).stream)
    elif modelled:
        raise FormatError("remainders without modelled bits have a stream of them")
    return remainders.values


def estimate(values: npt.NDArray[np.int64], bits: npt.NDArray[np.uint8]) -> float:
    """About how many bytes the remainders take."""
    entropies, counts = _entropies(Remainders(values, bits))
    return float(np.minimum(entropies, counts).sum()) / 8


def _plain_bits(bits: npt.NDArray[np.uint8], mask: int) -> int:
    below = np.array([(~mask & ((1 << size) - 1)).bit_count() for size in range(MAX_BITS + 1)], np.int64)
    return int((np.bincount(bits, minlength=MAX_BITS + 1) * below).sum())


def _structured(remainders: Remainders) -> int:
    """The mask of bits that models make shorter."""
    entropies, counts = _entropies(remainders)
    return sum(1 << position for position in range(MAX_BITS) if entropies[position] < _NOISE * counts[position])


def _entropies(remainders: Remainders) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """For each position the entropy of its bit, given how many bits the value has and the bit above, and how many there
    are."""
    values, bits = remainders
    entropies, counts = np.zeros(MAX_BITS), np.zeros(MAX_BITS)
    for position in range(int(bits.max(initial=0))):
        chosen = bits > position
        pair = (values[chosen] >> position) & 3
        which = bits[chosen].astype(np.int64) * 2 + (pair >> 1)
        seen = np.bincount(which, minlength=2 * MAX_BITS + 2).astype(np.float64)
        ones = np.bincount(which, weights=pair & 1, minlength=2 * MAX_BITS + 2)
        share = (ones + 0.4) / (seen + 0.8)
        entropies[position] = -(ones * np.log2(share) + (seen - ones) * np.log2(1 - share)).sum()
        counts[position] = len(pair)
    return entropies, counts
