"""Spec raw: samples as they are, each in the same number of bits."""

from __future__ import annotations

from ..notation import BitReader, require

# Spec raw/stream


def decode_raw(stream: bytes, low: int, high: int, size: int) -> list[int]:
    """A plane of samples in a fixed number of bits."""
    bits = (high - low).bit_length()
    require(len(stream) == (size * bits + 7) // 8, "raw stream of another length")
    reader = BitReader(stream)
    return [low + reader.bits(bits) for _ in range(size)]
