"""Spec wide-samples/predicted: arithmetic of keys, counted from that of zero, modulo 2**bits, which is 32 or 64."""

from __future__ import annotations

from typing import NamedTuple

from sofc.jit.decorators import inlined


class Numbers(NamedTuple):
    """Floating-point numbers of ``bits`` bits, ``mantissa`` of them of their mantissa."""

    bits: int
    mantissa: int


@inlined
def magnitude_of(key: int) -> int:
    return key if key >= 0 else -1 - key


@inlined
def wrapped(key: int, bits: int) -> int:
    """Modulo 2**bits, from -2**(bits - 1) up."""
    if bits == 32:
        return (key + (1 << 31) & (1 << 32) - 1) - (1 << 31)
    # By halves: sums of 64 bits wrap by themselves in machine code only.
    return ((key >> 32) + (1 << 31) & (1 << 32) - 1) - (1 << 31) << 32 | key & (1 << 32) - 1


@inlined
def to_zigzag(difference: int, bits: int) -> int:
    """0, -1, 1, -2 ... as 0, 1, 2, 3 ..., modulo 2**bits."""
    return wrapped(2 * difference if difference >= 0 else -2 * difference - 1, bits)


@inlined
def from_zigzag(value: int, bits: int) -> int:
    """Inverse of to_zigzag."""
    half = value >> 1 & (1 << bits - 1) - 1
    return -1 - half if value & 1 else half
