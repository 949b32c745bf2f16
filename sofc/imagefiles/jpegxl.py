"""The head of JPEG XL data (ISO/IEC 18181-1, annex D): what decoders do not tell, or act on without being asked."""

from __future__ import annotations

from typing import NamedTuple

CODESTREAM = b"\xff\x0a"
LONGEST = 1200
"""Bytes in which a head ends, with the longest name of a component, that has none of what is called ``more``."""
_UPRIGHT, _ALPHA = 1, 0


class Head(NamedTuple):
    """What the head says of the samples. ``orientation`` is that of EXIF; ``more`` is a preview, an animation or so;
    ``is_alpha``: the first component behind the colours is alpha, as ordinary images have it; ``is_associated``: they
    are multiplied by it."""

    bits: int
    floating: bool
    orientation: int
    more: bool
    extra_components: int
    is_alpha: bool = True
    is_associated: bool = False


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
    floating, depth = _depth(bits)
    bits.take(1)  # whether a decoder may reckon with 16 bits
    head = Head(depth, floating, orientation, False, bits.choose((0, 0), (1, 0), (2, 4), (1, 12)))
    if not head.extra_components or bits.take(1):  # alpha of 8 bits
        return head
    kind = bits.choose((0, 0), (1, 0), (2, 4), (18, 6))
    _depth(bits)
    bits.choose((0, 0), (3, 0), (4, 0), (1, 3))  # how much smaller it is
    bits.take(8 * bits.choose((0, 0), (0, 4), (16, 5), (48, 10)))  # its name
    return head._replace(is_alpha=kind == _ALPHA, is_associated=kind == _ALPHA and bool(bits.take(1)))


def _depth(bits: _Bits) -> tuple[bool, int]:
    """Whether samples are floating-point numbers, and their bits."""
    if not bits.take(1):
        return False, bits.choose((8, 0), (10, 0), (12, 0), (1, 6))
    depth = bits.choose((32, 0), (16, 0), (24, 0), (1, 6))
    bits.take(4)  # bits of the exponent
    return True, depth


def _skip_size(bits: _Bits, small: int) -> None:
    if small:
        bits.take(5)
    else:
        bits.choose((1, 9), (1, 13), (1, 18), (1, 30))
