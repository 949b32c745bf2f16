"""The head of JPEG XL data (ISO/IEC 18181-1, annex D): what decoders do not tell, or act on without being asked."""

from __future__ import annotations

from typing import NamedTuple

CODESTREAM = b"\xff\x0a"
LONGEST = 64
"""Bytes in which a head ends that has none of what is called ``more``."""
_UPRIGHT = 1


class Head(NamedTuple):
    """What the head says of the samples. ``orientation`` is that of EXIF; ``more`` is a preview, an animation or so."""

    bits: int
    floating: bool
    orientation: int
    more: bool
    extra_components: int


class _Bits:
    """Numbers in bytes, the lowest bit first. Bits behind the end are 0."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._number & ((1 << count) - 1)
        self._number >>= count
        return value

    def choose(self, *ways: tuple[int, int]) -> int:
        """A number coded in one of four ways: a constant, and how many bits are added to it."""
        constant, count = ways[self.take(2)]
        return constant + self.take(count)


def read_head(data: bytes) -> Head:
    """The head of a codestream, which begins with its signature."""
    bits = _Bits(data[len(CODESTREAM) : LONGEST])
    small = bits.take(1)
    _skip_size(bits, small)
    if bits.take(3) == 0:  # the width does not follow from the height
        _skip_size(bits, small)
    if bits.take(1):  # all as usual
        return Head(8, False, _UPRIGHT, False, 0)
    orientation, more = _UPRIGHT, False
    if bits.take(1):
        orientation, more = 1 + bits.take(3), bits.take(3) != 0
    if more:
        return Head(0, False, orientation, True, 0)
    floating = bool(bits.take(1))
    depth = (
        bits.choose((32, 0), (16, 0), (24, 0), (1, 6)) if floating else bits.choose((8, 0), (10, 0), (12, 0), (1, 6))
    )
    bits.take(4 + 1 if floating else 1)  # bits of the exponent, and whether a decoder may reckon with 16 bits
    return Head(depth, floating, orientation, False, bits.choose((0, 0), (1, 0), (2, 4), (1, 12)))


def _skip_size(bits: _Bits, small: int) -> None:
    if small:
        bits.take(5)
    else:
        bits.choose((1, 9), (1, 13), (1, 18), (1, 30))
