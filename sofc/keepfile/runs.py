"""Run lengths as TIFF's PackBits (and DICOM's RLE Lossless), TGA, SGI and PCX files have them. Encoders choose
differently what they put into a packet: a simple rule says what most would do, and how the file differs is kept.

Spec appendix-kept-files/run-lengths
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sofc.container.original import Literal, Part, Runs, Window
from sofc.errors import FormatError

PACKBITS, TGA, SGI, PCX = range(4)
"""Forms of packets."""
MOST_UNIT = 4
_ALL_COUNT, _JOINED, _TRIPLES = range(3)
"""Which runs the rule gives packets of their own: those of two values and more; of these those of two only that do not
stand before a run of one; those of three and more."""
_BOUNDARY = 0x80
_PCX_RUN = 0xC0
_MOST = {PACKBITS: (128, 128), TGA: (128, 128), SGI: (127, 127), PCX: (63, 1)}
"""Values of a packet of equal ones, and of others, at most."""
_STRETCH, _AHEAD = 1 << 16, 256
"""Values whose runs are known at once, and those behind them that are looked at: a packet, and two runs of two, at
least."""


def head_of(form: int, equal: bool, count: int, value: int) -> int:
    """The first byte of a packet of ``count`` values, the first byte of which is ``value``."""
    if form == PCX:
        return _PCX_RUN | count if equal or value >= _PCX_RUN else value
    if form == SGI:
        return count if equal else _BOUNDARY | count
    if equal:
        return 257 - count if form == PACKBITS else 127 + count
    return count - 1


def meaning_of(form: int, head: int) -> tuple[bool, int]:
    """Whether a packet that begins so holds equal values, and how many."""
    if form == PCX:
        return head >= _PCX_RUN, head & 63 if head >= _PCX_RUN else 1
    if form == SGI:
        return head < _BOUNDARY, head & 127
    if head < _BOUNDARY:
        return False, head + 1
    if form == TGA:
        return True, head - 127
    return True, 0 if head == _BOUNDARY else 257 - head


class _Rule:
    """What a packet holds that begins at some value of ``data``. Fields as in ORIGINAL_RUNS.

    Places mostly rise: what is known of runs is of a stretch of the data, as noise has as many of them as values."""

    def __init__(self, data: bytes, form: int, unit: int, row: int, pairs: int) -> None:
        self._data, self.form, self._unit, self._pairs = data, form, unit, pairs
        self._values = np.frombuffer(data, np.uint8).reshape(-1, unit)
        self.count = len(self._values)
        self._row = row if row < self.count else 0
        self._known = range(0)

    def _look(self, first: int) -> None:
        """Know the runs from a place on; what they are behind the stretch tells how those in it end."""
        last = min(first + _STRETCH, self.count)
        values = self._values[first : last + _AHEAD]
        differ = (values[1:] != values[:-1]).any(axis=1)
        row = self._row
        if row:
            differ[(row - 1 - first) % row :: row] = True
        starts = np.concatenate(([0], np.flatnonzero(differ) + 1, [len(values)])) + first
        lengths = np.diff(starts)
        long = lengths > (2 if self._pairs == _TRIPLES else 1)
        if self._pairs == _JOINED:
            following = np.append(lengths[1:], 0) == 1
            if row:
                following &= starts[1:] % row != 0
            long &= (lengths > 2) | ~following
        self._starts = starts.data
        self._long = starts[:-1][long].data
        self._known = range(first, last)

    def head(self, place: int) -> int:
        """The first byte of a packet that begins at the value ``place``."""
        if place not in self._known:
            self._look(place)
        most_equal, most_others = _MOST[self.form]
        end = self._starts[bisect_right(self._starts, place)]
        equal = end - place
        value = self._data[place * self._unit]
        if equal > (2 if self._pairs == _TRIPLES else 1):
            return head_of(self.form, True, min(equal, most_equal), value)
        next_long = bisect_right(self._long, place)
        stop = self._long[next_long] if next_long < len(self._long) else self.count
        if self._row:
            stop = min(stop, (place // self._row + 1) * self._row)
        return head_of(self.form, False, min(stop - place, most_others), value)


def compress(data: bytes, settings: Sequence[int], heads: bytes) -> bytes:
    """The packets of ``data`` whose first bytes differ by ``heads``, modulo 256, from the rule.

    ``settings``: ``form``, ``unit``, ``row`` and ``pairs``, as in ORIGINAL_RUNS. Raises FormatError where these are not
    known, packets do not end with the data, or equal values are not equal.
    """
    form, unit, row, pairs = settings
    if form not in _MOST or pairs not in (_ALL_COUNT, _JOINED, _TRIPLES) or not 1 <= unit <= MOST_UNIT:
        raise FormatError("run lengths of the original file are of a form that is not known")
    if len(data) % unit or (form == PCX and unit > 1):
        raise FormatError("run lengths of the original file have values of another size")
    rule = _Rule(data, form, unit, row, pairs)
    packed = bytearray()
    place = 0
    for difference in heads:
        if place >= rule.count:
            raise FormatError("run lengths of the original file have packets behind its end")
        head = rule.head(place) + difference & 0xFF
        equal, count = meaning_of(form, head)
        body = data[place * unit : (place + count) * unit]
        if len(body) < count * unit or (equal and body != body[:unit] * count):
            raise FormatError("run lengths of the original file do not fit what is packed")
        if form == PCX and not equal:
            if body[0] != head:
                raise FormatError("run lengths of the original file do not fit what is packed")
            body = b""
        packed.append(head)
        packed += body[:unit] if equal else body
        place += count
        if form == SGI and row and count and place % row == 0:
            packed.append(0)
    if place < rule.count:
        raise FormatError("run lengths of the original file end too early")
    return bytes(packed)


class _Packets(NamedTuple):
    """``heads``: the first byte of each packet; ``size``: of all packets."""

    heads: bytearray
    size: int


def find_samples(
    packed: bytes, windows: tuple[Window, ...], made: bytes, form: int = PACKBITS, unit: int = 1
) -> tuple[Part, ...] | None:
    """Parts that make ``packed`` of the windows whose bytes are ``made``; None where it is something else."""
    rows = sum(window.rows for window in windows)
    if not made or len(made) % (unit * rows):
        return None
    row = len(made) // unit // rows
    packets = _packets(packed, made, form, unit, row)
    if packets is None:
        return None
    found: list[Runs] = []
    for length in (row,) if form == SGI else (row, 0):
        for pairs in (_JOINED, _ALL_COUNT, _TRIPLES):
            differences = _differences(packets.heads, _Rule(made, form, unit, length, pairs))
            found.append(Runs(form, unit, length, pairs, differences, windows))
            if not any(differences):
                break
    best = max(found, key=lambda part: part.heads.count(0))
    rest = packed[packets.size :]
    return (best, Literal(rest)) if rest else (best,)


def _differences(heads: bytearray, rule: _Rule) -> bytes:
    """What the first bytes of packets are more than the rule says, modulo 256."""
    found = bytearray()
    place = 0
    for head in heads:
        found.append((head - rule.head(place)) & 0xFF)
        place += meaning_of(rule.form, head)[1]
    return bytes(found)


def _packets(packed: bytes, data: bytes, form: int, unit: int, row: int) -> _Packets | None:
    """The packets that stand for ``data``; None where they stand for something else."""
    heads = bytearray()
    at = place = 0
    while place * unit < len(data):
        if at >= len(packed):
            return None
        head = packed[at]
        heads.append(head)
        equal, count = meaning_of(form, head)
        inside = form == PCX and not equal
        taken = unit * (min(count, 1) if equal else count)
        body = packed[at : at + 1] if inside else packed[at + 1 : at + 1 + taken]
        if (form != PACKBITS and not count) or data[place * unit : (place + count) * unit] != (
            body * count if equal else body
        ):
            return None
        place += count
        at += 1 if inside else 1 + taken
        if form == SGI and place % row == 0:
            if packed[at : at + 1] != b"\0":
                return None
            at += 1
    return _Packets(heads, at)
