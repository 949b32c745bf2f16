"""Spec README/notation: bits(v), by which sizes are coded."""

from __future__ import annotations

from sofc.jit.decorators import inlined


@inlined
def bit_length(value: int) -> int:
    """Binary digits of ``value``, which is at least 0; 0 for 0."""
    length = 0
    while value > 0:
        value >>= 1
        length += 1
    return length
