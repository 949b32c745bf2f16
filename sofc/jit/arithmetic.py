"""Arithmetic of processors that Python's operators do not name."""

from __future__ import annotations


def leading_zeros(a: int) -> int:
    """How many zeros a number of 1 to 2**32 - 1 has in front of it in 32 bits. Compiled it is one instruction."""
    return 32 - int(a).bit_length()
