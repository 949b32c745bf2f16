"""Arithmetic of processors that Python's operators do not name."""

from __future__ import annotations


def high_product(a: int, b: int) -> int:
    """floor(a * b / 2**64) of numbers 0 to 2**64 - 1, which in kernels wrap around from 2**63 on; the result has to be
    below that. Compiled it is one instruction."""
    return (a * b) >> 64
