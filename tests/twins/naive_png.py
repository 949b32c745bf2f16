"""Plain-Python twins of PNG's filters, from the text of its specification: rows are lists of bytes."""

from __future__ import annotations

Row = list[int]


def predicted(number: int, left: int, above: int, corner: int) -> int:
    if number == 4:
        estimate = left + above - corner
        # Of those as near as each other the first counts.
        return min((left, above, corner), key=lambda byte: abs(estimate - byte))
    return (0, left, above, (left + above) // 2)[number]


def unfilter(filtered: list[Row], distance: int) -> list[Row]:
    rows: list[Row] = []
    for number, *row in filtered:
        above = rows[-1] if rows else [0] * len(row)
        made: Row = []
        for place, byte in enumerate(row):
            left = made[place - distance] if place >= distance else 0
            corner = above[place - distance] if place >= distance else 0
            made.append((byte + predicted(number, left, above[place], corner)) % 256)
        rows.append(made)
    return rows
