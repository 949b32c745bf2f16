"""Group 4 facsimile data of TIFF files (ITU-T T.6): each row by what changes against the one above. Encoders have no
choice but what follows the last row.

Spec appendix-kept-files/facsimile-data
"""

from __future__ import annotations

import numpy as np

from sofc.container.original import Facsimile, Literal, Part, Window
from sofc.errors import FormatError, LimitError

_WHITE = """
00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101 101010 101011 0100111
0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 00000011 00011010 00011011
00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 00101011 00101100 00101101 00000100
00000101 00001010 00001011 01010010 01010011 01010100 01010101 00100100 00100101 01011000 01011001 01011010 01011011
01001010 01001011 00110010 00110011 00110100 11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000
01100111 011001100 011001101 011010010 011010011 011010100 011010101 011010110 011010111 011011000 011011001 011011010
011011011 010011000 010011001 010011010 011000 010011011
"""
_BLACK = """
0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 000011000 0000010111
0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111 00000011000 000011001010
000011001011 000011001100 000011001101 000001101000 000001101001 000001101010 000001101011 000011010010 000011010011
000011010100 000011010101 000011010110 000011010111 000001101100 000001101101 000011011010 000011011011 000001010100
000001010101 000001010110 000001010111 000001100100 000001100101 000001010010 000001010011 000000100100 000000110111
000000111000 000000100111 000000101000 000001011000 000001011001 000000101011 000000101100 000001011010 000001100110
000001100111 0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101 0000001101100
0000001101101 0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011 0000001110100
0000001110101 0000001110110 0000001110111 0000001010010 0000001010011 0000001010100 0000001010101 0000001011010
0000001011011 0000001100100 0000001100101
"""
_EITHER = """
00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 000000010111
000000011100 000000011101 000000011110 000000011111
"""
RUN_CODES = tuple(tuple((own + _EITHER).split()) for own in (_WHITE, _BLACK))
"""Of white and of black runs, as digits: of 0 to 63 pixels, then of 64, 128 and so on up to 2560."""
_SHORT, _LONGEST = 64, 2560
MOST_COLUMNS = 1 << 20
"""Pixels of a row: its changes are held, some 100 bytes each, and any pixel may be one."""
_PASS, _HORIZONTAL = "0001", "001"
_VERTICAL = ("0000010", "000010", "010", "1", "011", "000011", "0000011")
"""Of changes 3 pixels to the left of that above up to 3 to the right."""
_FARTHEST = 3


def _run(length: int, colour: int) -> str:
    """The codes of a run."""
    codes = RUN_CODES[colour]
    longest = codes[-1] * max(0, (length - _SHORT) // _LONGEST) if length >= _LONGEST + _SHORT else ""
    length -= _LONGEST * (len(longest) // len(codes[-1]))
    return longest + (codes[_SHORT - 1 + length // _SHORT] if length >= _SHORT else "") + codes[length % _SHORT]


def _row(changes: list[int], above: list[int], columns: int) -> str:
    """The codes of a row: both lists end with ``columns`` several times."""
    found: list[str] = []
    place, number, other = -1, 0, 0
    while place < columns:
        change = changes[number]
        while above[other] <= place:
            other += 2
        if above[other + 1] < change:
            found.append(_PASS)
            place = above[other + 1]
            continue
        right = change - above[other]
        if -_FARTHEST <= right <= _FARTHEST:
            found.append(_VERTICAL[right + _FARTHEST])
            place, number = change, number + 1
            other += -1 if other else 1
        else:
            second = changes[number + 1]
            found += (_HORIZONTAL, _run(change - max(place, 0), number & 1), _run(second - change, ~number & 1))
            place, number = second, number + 2
    return "".join(found)


def compress(data: bytes, columns: int) -> bytes:
    """The whole bytes that the codes of rows of ``columns`` pixels fill, which begin at bytes and have 1 for black, the
    first pixel in the highest bit. Raises FormatError, LimitError for rows of more than MOST_COLUMNS."""
    if columns > MOST_COLUMNS:
        raise LimitError(f"facsimile data of the original file has rows of {columns} pixels, over {MOST_COLUMNS}")
    size = -(-columns // 8)
    if not columns or len(data) % size:
        raise FormatError("facsimile data of the original file has no whole rows")
    lines = np.frombuffer(data, np.uint8).reshape(-1, size)
    ends = [columns] * 4
    above, packed, left = ends, bytearray(), ""
    for line in lines:
        row = np.unpackbits(line, count=columns)
        changes = np.flatnonzero(np.diff(row, prepend=np.uint8(0))).tolist() + ends
        left += _row(changes, above, columns)
        above = changes
        whole = len(left) // 8
        packed += int("1" + left[: 8 * whole], 2).to_bytes(whole + 1, "big")[1:]
        left = left[8 * whole :]
    return bytes(packed)


def find_samples(packed: bytes, window: Window, made: bytes) -> tuple[Part, ...] | None:
    """Parts that make ``packed``, a strip or a tile, of the window whose bytes are ``made``; None where none do."""
    again = compress(made, window.columns) if window.columns <= MOST_COLUMNS else b""
    if not again or not packed.startswith(again):
        return None
    made_again, rest = Facsimile(window.columns, (window,)), packed[len(again) :]
    return (made_again, Literal(rest)) if rest else (made_again,)
