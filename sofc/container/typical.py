"""What the heads of most JPEG files are made of: the tables of ITU-T T.81, annex K, as libjpeg writes them."""

from __future__ import annotations

from functools import cache

from sofc.container.huffman import TYPICAL_TABLES

STANDARD_TABLES = 200
"""Tables 1 to 100 are for luminance at that quality, 101 to 200 for chrominance."""
LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    *[99] * 32,
)  # fmt: skip
"""ITU-T T.81, tables K.1 and K.2."""
_OTHERS = bytes.fromhex("ffc0000b080000000001011100ffda0008010100003f00ffc20011080000000003011100021101031101")
_RECIPE = bytes.fromhex("02050000 01ef0400000000 01 00ef04 0002")
_START = bytes.fromhex("ffd8ffe000104a4649460001")
_BY_INCH, _BY_NOTHING = bytes.fromhex("0101004800480000"), bytes.fromhex("0100000100010000")
_FRAME = bytes.fromhex("ffc00011080000000003012200021101031101")
_SCAN = bytes.fromhex("ffda000c03010002110311003f00ffd9")
"""As they follow each other in most files, so that one match goes through several: the recipe of a file of one scan,
its start, its frame, tables, scan and end. What gray and progressive files have stands before."""


def standard_steps(number: int) -> tuple[int, ...]:
    """Spec dct/heads. The table of a number, scaled as the JPEG reference encoder does for a quality."""
    return scaled(LUMINANCE, number) if number <= 100 else scaled(CHROMINANCE, number - 100)


def scaled(base: tuple[int, ...], quality: int) -> tuple[int, ...]:
    """Steps for a quality, 1 to 100, made of those of quality 50."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(max(1, min(255, (step * scale + 50) // 100)) for step in base)


@cache
def typical_heads() -> bytes:
    """Spec appendix-kept-files/the-item. The preset dictionary of deflate data with coding 3."""
    places = sorted(
        ((row, column) for row in range(8) for column in range(8)),
        key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
    )
    segments = bytearray()
    for quality in range(1, 101):
        for kind in range(2):
            steps = standard_steps(100 * kind + quality)
            segments += b"\xff\xdb\0\x43" + bytes([kind]) + bytes(steps[8 * row + column] for row, column in places)
    begins = _RECIPE + _START
    return bytes(segments) + _OTHERS + begins + _BY_INCH + _FRAME + TYPICAL_TABLES + _SCAN + begins + _BY_NOTHING
