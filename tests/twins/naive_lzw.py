"""A plain-Python twin of LZW data as libraries write it, with a dictionary of sequences."""

from __future__ import annotations

CLEAR, END = 256, 257


def codes(data: bytes, full: int, checks: bool) -> list[tuple[int, int]]:
    """Each code with its width."""
    made: list[tuple[int, int]] = []
    table: dict[bytes, int] = {}
    width, check_at, ratio, start = 9, 10000, 0, 0
    cleared = 0

    def begin(place: int) -> None:
        nonlocal width, ratio, start, cleared
        table.clear()
        table.update({bytes([byte]): byte for byte in range(256)})
        cleared = len(made)
        made.append((CLEAR, width))
        width, ratio, start = 9, 0, place

    def number() -> int:
        """That of the next sequence."""
        return len(table) + 2

    begin(0)
    known = b""
    for place, byte in enumerate(data):
        longer = known + bytes([byte])
        if longer in table:
            known = longer
            continue
        made.append((table[known], width))
        table[longer] = number()
        known = longer[-1:]
        if number() == full:
            begin(place + 1)
        elif number() == 1 << width:
            width += 1
        elif checks and place + 1 - start >= check_at:
            taken, given = place + 1 - start, sum(width for _, width in made[cleared:])
            check_at = taken + 10000
            now = 256 * taken // given if taken < 1 << 23 else taken // (given // 256)
            if now <= ratio:
                begin(place + 1)
            else:
                ratio = now
    if known:
        made.append((table[known], width))
        if number() + 1 == full:
            if checks:
                made.append((CLEAR, width))
                width = 9
        elif number() + 1 == 1 << width:
            width += 1
    return [*made, (END, width)]


def compress(data: bytes, full: int, checks: bool) -> bytes:
    bits = "".join(f"{code:0{width}b}" for code, width in codes(data, full, checks))
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")
