"""JPEG streams in a file, wherever they stand: as their heads and their coefficients (ITU-T T.81)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from sofc.codebook import Codebook
from sofc.container.original import ITEM, MAX_TABLES, CodedScan, Coefficients, Fragments, Jpeg, Literal, Part
from sofc.entropy.binary import OK, Reader, Writer
from sofc.entropy.mixing import LEVELS
from sofc.errors import FormatError, LimitError
from sofc.imagefiles.source import JPEG
from sofc.jpeg.freedom import FLAGS, Said
from sofc.jpeg.headers import Heads
from sofc.jpeg.stream import Coded, Picture, blocks_of, empty_picture, heads_of, read_picture, write_picture
from sofc.keepfile.coefficients import FAST_LEVELS, CoefficientCoder
from sofc.keepfile.data import Data

MOST_BLOCKS = 1 << 24
"""Blocks of all JPEG streams of a file."""
MOST_DEPTH = 4
"""Streams in the heads of others, such as the small picture in that of a camera's."""
ITEM_BYTES = 8
"""Of the head of an item."""
_WITHOUT_LENGTH = {bytes([code]) for code in (0x01, *range(0xD0, 0xDA), 0xFF)}
"""Second bytes of what may stand in front of the first segment, filling bytes among them."""
LEAST_BYTES = 64
"""Coded data of a stream that is worth to be taken apart."""
MOST_STARTS = 1 << 10
"""Places in a file where a stream could begin and none does, after which it is no use to read around each."""

FEW_MARKS, BYTES_A_MARK = 1 << 16, 16
"""Marks that are gone over in vain in a file, and bytes for each further one: streams may seem to begin everywhere, of
which each leads through all of the file."""


@dataclass(frozen=True)
class Found:
    """Parts of a file with ``pictures`` JPEG streams; ``share``: how much of the file their coded data is."""

    parts: tuple[Part, ...]
    coefficients: Coefficients
    pictures: int
    share: float


class Search:
    """Looks for JPEG streams in a file and codes their coefficients as it goes. ``pictures``: how many were found;
    ``found``: bytes of their coded data."""

    def __init__(self, data: bytes, code: Callable[[Picture], None]) -> None:
        self.pictures = self.found = 0
        self._data = data
        self._code = code
        self._tables = list(dict.fromkeys(_tables_in(data)))
        self._room = min(MOST_BLOCKS, blocks_of(len(data)))
        self._patience = FEW_MARKS + len(data) // BYTES_A_MARK

    def parts(self) -> tuple[Part, ...]:
        """Parts that make the file."""
        return self._parts_of(self._data, 0, 0)

    def _parts_of(self, data: bytes, place: int, depth: int) -> tuple[Part, ...]:
        """Parts that make bytes, of which streams may begin at ``place`` and behind."""
        parts: list[Part] = []
        content = np.frombuffer(bytearray(data), np.uint8)
        position = 0
        while depth < MOST_DEPTH and self._patience > 0 and (place := data.find(JPEG, place)) >= 0:
            if lengths := _fragments(data, place):
                end = place + sum(lengths) + ITEM_BYTES * (len(lengths) - 1)
                before = self.pictures
                inner = self._parts_of(_joined(data, place, lengths), 0, depth + 1)
                if self.pictures > before:
                    if place > position:
                        parts.append(Literal(data[position:place]))
                    parts.append(Fragments(tuple(lengths), inner))
                    position = place = end
                    continue
            found = self._read(data, content, place)
            if found is None:
                place += 1
                continue
            tables, picture, end = found
            heads = b"".join(one.head for one in picture.scans)
            self._room -= picture.blocks
            self.pictures += 1
            self.found += end - place - len(heads)
            if place > position:
                parts.append(Literal(data[position:place]))
            inner = self._parts_of(heads, len(JPEG), depth + 1)
            parts.append(Jpeg(tables, tuple(map(_record, picture.scans)), inner))
            self._code(picture)
            position = place = end
        if position < len(data):
            parts.append(Literal(data[position:]))
        return tuple(parts)

    def _read(self, data: bytes, content: npt.NDArray[np.uint8], place: int) -> tuple[bytes, Picture, int] | None:
        """The stream at a place, the tables that it needs, and where it ends; None where that is too short or large."""
        best: tuple[bytes, Picture, int] | None = None
        patience = self._patience
        for tables in (b"", *self._tables):
            heads = Heads(tables)
            found = read_picture(data, content, place, heads)
            self._patience -= heads.passed
            if found is not None and (best is None or found[0].units > best[1].units):
                best = tables, *found
            if best is not None and best[1].is_whole:
                break
        if best is None:
            return None
        tables, picture, end = best
        if end - place - sum(len(one.head) for one in picture.scans) < LEAST_BYTES or picture.blocks > self._room:
            return None
        if tables:
            # Streams that follow most often go by the same.
            self._tables.remove(tables)
            self._tables.insert(0, tables)
        self._patience = patience
        return best


def _fragments(data: bytes, place: int) -> list[int]:
    """The lengths of the fragments of a DICOM frame that begins at a place, where there are several."""
    lengths: list[int] = []
    while data[place - ITEM_BYTES : place - 4] == ITEM and not (lengths and data.startswith(JPEG, place)):
        length = int.from_bytes(data[place - 4 : place], "little")
        if length < 1 or place + length > len(data):
            break
        lengths.append(length)
        place += length + ITEM_BYTES
    return lengths if len(lengths) > 1 else []


def _joined(data: bytes, place: int, lengths: list[int]) -> bytes:
    pieces = []
    for length in lengths:
        pieces.append(data[place : place + length])
        place += length + ITEM_BYTES
    return b"".join(pieces)


def _tables_in(data: bytes) -> Iterator[bytes]:
    """Abbreviated streams of tables (T.81, B.5), as TIFF files have them for all their tiles."""
    ends: dict[int, int] = {}  # where the segments behind a place end: one chain may be that of many starts
    for begin in (b"\xff\xd8\xff\xdb", b"\xff\xd8\xff\xc4"):
        start = -1
        while (start := data.find(begin, start + 1)) >= 0:
            place, passed = start + 2, []
            while place not in ends and data[place : place + 2] in (b"\xff\xdb", b"\xff\xc4", b"\xff\xdd"):
                passed.append(place)
                place += 2 + max(2, int.from_bytes(data[place + 2 : place + 4], "big"))
            end = ends.get(place, place)
            ends.update(dict.fromkeys(passed, end))
            if data[end : end + 2] == b"\xff\xd9" and end + 2 - start <= MAX_TABLES:
                yield data[start : end + 2]


def _record(one: Coded) -> CodedScan:
    units = 0 if one.units == one.scan.units else 1 + one.units
    return CodedScan(len(one.head), one.said.flags, units, one.said.ends, one.said.notes)


class _UnlikelyError(Exception):
    """Coefficients are larger than the coder takes them."""


def may_hold_stream(data: Data) -> bool:
    """Whether a JPEG stream may begin somewhere: there is a segment, and behind it a marker, as in few other data; or
    more seem to begin than can be looked at."""
    place = -1
    for _ in range(MOST_STARTS):
        if (place := data.find(JPEG, place + 1)) < 0:
            return False
        marker, length = data[place + 3 : place + 4], data[place + 4 : place + 6]
        behind = place + 4 + int.from_bytes(length, "big")
        if marker in _WITHOUT_LENGTH or data[behind : behind + 1] == b"\xff":
            return True
    return True


def take_apart(data: bytes, codebook: Codebook, number: int, effort: int) -> Found | None:
    """Parts that make a file, with the coefficients of its JPEG streams, coded faster at an ``effort`` below the
    default; None where it has none, or those take more bytes than the file."""
    writer = Writer(len(data))
    with CoefficientCoder(writer, codebook, number, FAST_LEVELS.get(effort, LEVELS)) as coder:

        def code(picture: Picture) -> None:
            if coder.code(picture) != OK:
                raise _UnlikelyError

        search = Search(data, code)
        try:
            parts = search.parts()
        except _UnlikelyError:
            return None
    coded = writer.finish()
    if not search.pictures or coded is None:
        return None
    return Found(parts, Coefficients(1, number, coded), search.pictures, search.found / len(data))


class Streams:
    """Makes the JPEG streams of a file again, in order. ``size``: bytes of the file. A context manager."""

    def __init__(self, coefficients: Coefficients, codebook: Codebook, size: int) -> None:
        self._coder = CoefficientCoder(Reader(coefficients.data), codebook, coefficients.model)
        self._size = size
        self._blocks = min(MOST_BLOCKS, blocks_of(size))

    def __enter__(self) -> Self:
        self._coder.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._coder.__exit__()

    def bytes_of(self, part: Jpeg, heads: bytes) -> bytes:
        """The bytes of a part. Raises FormatError or LimitError."""
        if sum(one.head for one in part.scans) != len(heads) or not part.scans:
            raise FormatError("the heads of JPEG data in the original file are not as long as its scans say")
        pieces = list(_pieces(heads, part))
        scans = [
            Coded(piece, scan, one.units - 1 if one.units else scan.units, Said(one.flags, one.ends, one.notes))
            for piece, scan, one in zip(pieces, heads_of(pieces, part.tables), part.scans, strict=True)
        ]
        if any(one.said.flags > FLAGS for one in scans):
            raise FormatError("a flag of JPEG data in the original file is not known")
        picture = empty_picture(scans, self._blocks)
        self._blocks -= picture.blocks
        if self._coder.code(picture) != OK:
            raise FormatError("the coefficients of JPEG data in the original file lead outside what they may be")
        data = bytearray()
        for piece in write_picture(picture, self._size):
            data += piece
            if len(data) > self._size:
                raise LimitError("JPEG data of the original file is longer than the file")
        return bytes(data)


def _pieces(heads: bytes, part: Jpeg) -> Iterator[bytes]:
    start = 0
    for one in part.scans:
        yield heads[start : start + one.head]
        start += one.head
