"""LZW as libtiff writes it into TIFF files: codes of 9 to 12 bits, the highest bit first."""

from __future__ import annotations

CLEAR, END, FIRST = 256, 257, 258
LARGEST = 4093
"""Number of the entry with which the table counts as full and is cleared."""
CHECK_GAP = 10000
LARGEST_SHIFTED = 0x007FFFFF


def compress(data: bytes) -> bytes:
    """The LZW data that libtiff makes of ``data``. Empty data has no codes but the end."""
    codes: list[tuple[int, int]] = []
    table: dict[tuple[int, int], int] = {}
    width, following = 9, FIRST
    # Bytes taken and bits given since the table was cleared.
    checkpoint, ratio, taken, given = CHECK_GAP, 0, 0, 0

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
        clear = following == LARGEST + 1
        if not clear and following > (1 << width) - 1:
            width += 1
        elif not clear and taken >= checkpoint:
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
        if following == LARGEST + 1:
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
