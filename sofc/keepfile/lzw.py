"""LZW as libtiff and imagecodecs write it into TIFF files: codes of 9 to 12 bits, the highest bit first."""

from __future__ import annotations

from sofc.container.original import OF_IMAGECODECS, OF_LIBTIFF, Literal, Lzw, Part, Window

CLEAR, END, FIRST = 256, 257, 258
FULL = {OF_LIBTIFF: 4094, OF_IMAGECODECS: 4096}
"""The next free number at which the table counts as full and is cleared."""
CHECK_GAP = 10000
LARGEST_SHIFTED = 0x007FFFFF
_PROBE = 1 << 14
"""Bytes after which the rules have parted."""
_TAIL = 4
"""Bytes of LZW data that the end of the data has a part in."""


def find_samples(packed: bytes, window: Window, made: bytes) -> tuple[Part, ...] | None:
    """Parts that make ``packed``, a strip or a tile, of the window whose bytes are ``made``; None where no rule does.

    imagecodecs writes one byte more than it needs where the last is full.
    """
    for rule in (OF_LIBTIFF, OF_IMAGECODECS):
        if packed.startswith(compress(made[:_PROBE], rule)[:-_TAIL]):
            again = compress(made, rule)
            if packed.startswith(again):
                rest = packed[len(again) :]
                return (Lzw(rule, (window,)), Literal(rest)) if rest else (Lzw(rule, (window,)),)
    return None


def compress(data: bytes, rule: int) -> bytes:
    """The LZW data that ``data`` becomes by a rule of ``FULL``. Empty data has no codes but the end."""
    codes: list[tuple[int, int]] = []
    table: dict[tuple[int, int], int] = {}
    width, following = 9, FIRST
    # Bytes taken and bits given since the table was cleared.
    checkpoint, ratio, taken, given = CHECK_GAP, 0, 0, 0
    full = FULL[rule]

    def put(code: int) -> None:
        nonlocal given
        codes.append((code, width))
        given += width

    put(CLEAR)
    prefix = -1
    for byte in data:
        taken += 1
        if prefix < 0:
            prefix = byte
            continue
        known = table.get((prefix, byte))
        if known is not None:
            prefix = known
            continue
        put(prefix)
        table[prefix, byte] = following
        prefix = byte
        following += 1
        clear = following == full
        if not clear and following > (1 << width) - 1:
            width += 1
        elif not clear and taken >= checkpoint and rule == OF_LIBTIFF:
            # libtiff clears the table when compression gets worse.
            checkpoint = taken + CHECK_GAP
            now = (taken << 8) // given if taken <= LARGEST_SHIFTED else taken // (given >> 8)
            clear = now <= ratio
            ratio = now
        if clear:
            taken = given = ratio = 0
            put(CLEAR)
            table.clear()
            width, following = 9, FIRST
    if prefix >= 0:
        put(prefix)
        following += 1
        if following == full:
            if rule == OF_LIBTIFF:
                put(CLEAR)
                width = 9
        elif following > (1 << width) - 1:
            width += 1
    put(END)
    return _packed(codes)


def _packed(codes: list[tuple[int, int]]) -> bytes:
    result = bytearray()
    bits, count = 0, 0
    for code, width in codes:
        bits = bits << width | code
        count += width
        while count >= 8:
            count -= 8
            result.append(bits >> count)
            bits &= (1 << count) - 1
    if count:
        result.append(bits << 8 - count & 0xFF)
    return bytes(result)
