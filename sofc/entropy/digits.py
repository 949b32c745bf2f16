"""Spec README/notation: bits(v), by which sizes are coded, and zigzag order, in which signs are."""

from __future__ import annotations

from sofc.jit.arithmetic import leading_zeros
from sofc.jit.decorators import inlined


@inlined
def bit_length(value: int) -> int:
    """Binary digits of ``value``, 0 to 2^32 - 1; none for 0."""
    return 0 if value == 0 else 32 - leading_zeros(value)


@inlined
def to_zigzag(difference: int) -> int:
    """0, -1, 1, -2 ... as 0, 1, 2, 3 ...."""
    return 2 * difference if difference >= 0 else -2 * difference - 1


@inlined
def from_zigzag(value: int) -> int:
    """Inverse of to_zigzag."""
    return -((value + 1) >> 1) if value & 1 else value >> 1
