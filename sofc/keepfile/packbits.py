"""PackBits data, as TIFF has it and DICOM's RLE Lossless. Encoders choose differently what they put into a packet: a
simple rule says what most would do, and how the file differs from that is kept.

Spec appendix-kept-files/packbits-data
"""

from __future__ import annotations

import re
from array import array
from typing import NamedTuple

from sofc.container.original import Literal, PackBits, Part, Window
from sofc.errors import FormatError

MOST = 128
"""Bytes that a packet stands for, at most."""
_NOTHING = 128
"""A packet without bytes."""
_OF_RUN = 257
"""A packet of so many equal bytes less begins with this number less their count."""


_RUN, _PAIR = re.compile(rb"(.)\1*", re.DOTALL), re.compile(rb"(.)\1", re.DOTALL)


class _Rule(NamedTuple):
    """What a packet holds that begins at some place of ``data``: equal bytes where there are two or more, otherwise
    all up to the next that are. ``row``, ``joins``: as in ORIGINAL_PACKBITS."""

    data: bytes
    row: int
    joins: int

    def head(self, place: int) -> int:
        """The first byte of a packet."""
        data, row = self.data, self.row
        end = min(len(data), (place // row + 1) * row) if row else len(data)
        last = min(end, place + MOST)
        run = _RUN.match(data, place, last)
        assert run is not None, "the place is in the data"
        if run.end() - place > 1:
            return _OF_RUN - (run.end() - place)
        start = place + 1
        while (pair := _PAIR.search(data, start, min(end, last + 1))) is not None:
            if not (self.joins and self._is_joined(pair.start(), end)):
                return pair.start() - place - 1
            start = pair.end()
        return last - place - 1

    def _is_joined(self, pair: int, end: int) -> bool:
        """Whether a run of two begins here behind which stands a run of one."""
        data, after = self.data, pair + 2
        if after >= end or data[after] == data[pair]:
            return False
        return after + 1 == end or data[after + 1] != data[after]


def compress(data: bytes, row: int, joins: int, heads: bytes) -> bytes:
    """The packets of ``data`` whose first bytes differ by ``heads``, modulo 256, from the rule.

    Raises FormatError where packets do not end with the data, or equal bytes are not equal.
    """
    rule = _Rule(data, row, joins)
    packed = bytearray()
    place = 0
    for difference in heads:
        if place >= len(data):
            raise FormatError("PackBits data of the original file has packets behind its end")
        head = rule.head(place) + difference & 0xFF
        count = 0 if head == _NOTHING else head + 1 if head < _NOTHING else _OF_RUN - head
        body = data[place : place + count]
        if len(body) < count or (head > _NOTHING and body != body[:1] * count):
            raise FormatError("PackBits data of the original file does not fit what is packed")
        packed.append(head)
        packed += body[:1] if head > _NOTHING else body
        place += count
    if place < len(data):
        raise FormatError("PackBits data of the original file ends too early")
    return bytes(packed)


class _Packets(NamedTuple):
    """``heads``: the first byte of each packet; ``places``: where in the data it begins; ``size``: of all packets."""

    heads: bytearray
    places: array[int]
    size: int


def find_samples(packed: bytes, window: Window, made: bytes) -> tuple[Part, ...] | None:
    """Parts that make ``packed``, a strip, a tile or a segment, of the window whose bytes are ``made``; None where it
    is something else."""
    packets = _packets(packed, made)
    if packets is None or not made:
        return None
    found: list[PackBits] = []
    for row in (len(made) // window.rows, 0):
        for joins in (1, 0):
            rule = _Rule(made, row, joins)
            heads = zip(packets.heads, packets.places, strict=True)
            differences = bytes((head - rule.head(place)) & 0xFF for head, place in heads)
            found.append(PackBits(row, joins, differences, (window,)))
            if not any(differences):
                break
    best = max(found, key=lambda part: part.heads.count(0))
    rest = packed[packets.size :]
    return (best, Literal(rest)) if rest else (best,)


def _packets(packed: bytes, data: bytes) -> _Packets | None:
    """The packets that stand for ``data``; None where they stand for something else."""
    heads, places = bytearray(), array("q")
    at = place = 0
    while place < len(data):
        if at >= len(packed):
            return None
        head = packed[at]
        heads.append(head)
        places.append(place)
        count = 0 if head == _NOTHING else head + 1 if head < _NOTHING else _OF_RUN - head
        taken = count if head < _NOTHING else min(count, 1)
        body = packed[at + 1 : at + 1 + taken]
        if data[place : place + count] != (body if head < _NOTHING else body * count):
            return None
        place += count
        at += 1 + taken
    return _Packets(heads, places, at)
