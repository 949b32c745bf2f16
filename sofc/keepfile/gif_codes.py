"""The codes of LZW in GIF files: of 3 to 12 bits, the lowest bit first, one of which clears the table.

Spec appendix-kept-files/gif-lzw-data
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import OK
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector
from sofc.keepfile.lzw_codes import CODES, MOST_WIDTH, Sequences, learn, longer
from sofc.keepfile.tokens.bits import TOO_LONG, Bits, put, take

UNREADABLE, TOO_SHORT, BEHIND_END, NOT_CHOSEN = -3, -4, -5, -6
_NONE = -1
_NUMBER_BITS = 35
MOST_RUN = 1 << 16
"""Runs of codes from this length on are not counted."""


class Known(NamedTuple):
    """Strings that a decoder knows: ``starts`` (CODES,): where in its data each stands; ``lengths`` (CODES,)."""

    starts: Vector[np.int64]
    lengths: Vector[np.int32]


class Expanded(NamedTuple):
    """What LZW data stands for. ``data``: bytes; ``codes``: of these, with those that clear the table; ``runs``
    (MOST_RUN,): how often so many codes stand between two that clear; ``sizes`` (2,): of data and of codes."""

    data: Vector[np.uint8]
    codes: Vector[np.uint16]
    runs: Vector[np.int32]
    sizes: Vector[np.int64]


@inlined
def _width(bits: int, since: int) -> int:
    """Bits of the code that ``since`` others stand before, back to the clear: those of the number of the next string
    of a decoder, which is one behind."""
    following = (1 << bits) + 2 + max(0, since - 1)
    width = bits + 1
    while width < MOST_WIDTH and following >> width > 0:
        width += 1
    return width


@inlined
def _take_number(changes: Bits) -> int:
    """A number of bytes of 7 bits, the lowest first, in its shortest form; UNREADABLE for what is none."""
    value, shift, byte = 0, 0, 128
    while byte >= 128 and shift < _NUMBER_BITS:
        byte = take(8, changes)
        if byte >= 0:
            value |= (byte & 127) << shift
            shift += 7
    return value if 0 < byte < 128 or (byte == 0 and shift == 7) else UNREADABLE


@inlined
def _take_until(changes: Bits) -> int:
    """Codes up to the next change; _NONE where there is none."""
    return _take_number(changes) if changes.position[0] < 8 * changes.buffer.shape[0] else _NONE


@inlined
def _put_number(value: int, changes: Bits) -> int:
    """Write a number as ``_take_number`` reads it. OK, or TOO_LONG."""
    while value >= 128:
        put(value & 127 | 128, 8, changes)
        value >>= 7
    return put(value, 8, changes)


@inlined
def _clear(bits: int, since: int, table: Sequences) -> None:
    """Forget the strings of ``since`` codes."""
    for number in range(min(CODES, (1 << bits) + 2 + since)):
        table.longer[number] = 0


@inlined
def _following(string: int, place: int, data: Vector[np.uint8], table: Sequences) -> int:
    """The number of a string and the byte at ``place``, or 0."""
    return longer(string, int(data[place]), table) if place < data.shape[0] else 0


@inlined
def _learn(code: int, place: int, number: int, is_known: bool, data: Vector[np.uint8], table: Sequences) -> None:
    """A code was written; the string and the byte behind it, if any, become a new one where there is room. One
    of an older number, if it ``is_known``, is forgotten: it would not be found, but be passed by."""
    if place < data.shape[0] and number < CODES:
        learn(code, int(data[place]), number, table)
        if is_known:
            before = number
            while table.others[before] > 0 and table.ends[table.others[before]] != data[place]:
                before = int(table.others[before])
            if table.others[before] > 0:
                table.others[before] = table.others[table.others[before]]


@kernel
def read_codes(packed: Bits, bits: int, known: Known, expanded: Expanded) -> None:
    """The codes of LZW data, from its beginning, and their bytes, as many as there is room for; fewer where it is not
    sound. ``bits``: of the bytes, 2 to 8."""
    data, codes, clear = expanded.data, expanded.codes, 1 << bits
    following, since, length, place, count, has_cleared = clear + 2, 0, 0, 0, 0, False
    while place < data.shape[0] and count < codes.shape[0]:
        code = take(_width(bits, since), packed)
        if code < 0 or code == clear + 1 or code > following or (code == following and length == 0):
            break
        if code == clear:
            if has_cleared and since < MOST_RUN:
                expanded.runs[since] += 1
            following, since, length, has_cleared = clear + 2, 0, 0, True
        else:
            start, size = place - length, length + 1
            if code < clear:
                size = 1
            elif code < following:
                start, size = int(known.starts[code]), int(known.lengths[code])
            if place + size > data.shape[0]:
                break
            if length > 0 and following < CODES:
                known.starts[following], known.lengths[following] = place - length, length + 1
                following += 1
            data[place] = np.uint8(code) if code < clear else data[start]
            for i in range(1, size):
                data[place + i] = data[start + i]
            place, length, since = place + size, size, since + 1
        codes[count] = np.uint16(code)
        count += 1
    expanded.sizes[0], expanded.sizes[1] = place, count


@kernel
def find_changes(
    codes: Vector[np.uint16], data: Vector[np.uint8], bits: int, run: int, table: Sequences, changes: Bits
) -> int:
    """Write where the codes of ``data`` depart from the rules. OK; NOT_CHOSEN where they are not chosen as here, also
    where their changes have no room."""
    place, since, step, left, is_due, clears = 0, 0, 0, data.shape[0], True, False
    for number in range(codes.shape[0]):
        code = int(codes[number])
        if code == 1 << bits:
            if clears:
                return NOT_CHOSEN
            clears = True
            continue
        if place >= data.shape[0]:
            return NOT_CHOSEN
        if clears != is_due:
            if _put_number(step, changes) != OK or _put_number(0, changes) != OK:
                return NOT_CHOSEN
            step = 0
        if clears:
            _clear(bits, since, table)
            since = 0
        end = place + 1
        found = end if data[place] == code else _NONE
        string = _following(int(data[place]), end, data, table)
        while string > 0:
            end += 1
            if string == code:
                found = end
            string = _following(string, end, data, table)
        shorter = end - found
        if found < 0 or shorter > left:
            return NOT_CHOSEN
        if shorter > 0:
            if _put_number(step, changes) != OK or _put_number(shorter, changes) != OK:
                return NOT_CHOSEN
            left, step = left - shorter, 0
        _learn(code, found, (1 << bits) + 2 + since, shorter > 0, data, table)
        since += 1
        place, clears, is_due, step = found, False, since == run, step + 1
    return OK if place == data.shape[0] else NOT_CHOSEN


@kernel
def write_codes(data: Vector[np.uint8], bits: int, run: int, changes: Bits, table: Sequences, packed: Bits) -> int:
    """Write the codes of ``data``. OK; UNREADABLE, TOO_SHORT or BEHIND_END for changes that cannot be; TOO_LONG.

    ``bits``: 2 to 8, which hold each byte of ``data``. ``run``: codes after which the table is cleared, or 0.
    """
    until, place, since, left, clears = _take_until(changes), 0, 0, data.shape[0], True
    while place < data.shape[0]:
        shorter = 0
        while until == 0:
            change = _take_number(changes)
            if change < 0:
                return UNREADABLE
            clears = clears != (change == 0)
            shorter += change
            left -= change
            if left < 0:
                return TOO_SHORT
            until = _take_until(changes)
        if until == UNREADABLE:
            return UNREADABLE
        if until > 0:
            until -= 1
        if clears:
            if put(1 << bits, _width(bits, since), packed) != OK:
                return TOO_LONG
            _clear(bits, since, table)
            since = 0
        string, end = int(data[place]), place + 1
        following = _following(string, end, data, table)
        while following > 0:
            string, end = following, end + 1
            following = _following(string, end, data, table)
        if shorter > 0:
            end -= shorter
            if end <= place:
                return TOO_SHORT
            string = int(data[place])
            for i in range(place + 1, end):
                string = longer(string, int(data[i]), table)
        if put(string, _width(bits, since), packed) != OK:
            return TOO_LONG
        _learn(string, end, (1 << bits) + 2 + since, shorter > 0, data, table)
        since += 1
        place, clears = end, since == run
    return OK if until == _NONE else BEHIND_END
