"""JPEG streams in a file, wherever they stand: as their heads and their coefficients (ITU-T T.81)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sofc.codebook import Codebook
from sofc.container.original import CodedScan, Coefficients, Jpeg, Literal, Part
from sofc.entropy.binary import OK, Reader, Writer
from sofc.errors import FormatError, LimitError
from sofc.imagefiles.source import JPEG
from sofc.jpeg.freedom import FLAGS, Said
from sofc.jpeg.stream import Coded, Picture, blocks_of, empty_picture, heads_of, read_picture, write_picture
from sofc.keepfile.coefficients import CoefficientCoder

MOST_BLOCKS = 1 << 24
"""Blocks of all JPEG streams of a file."""
MOST_DEPTH = 4
"""Streams in the heads of others, such as the small picture in that of a camera's."""
LEAST_BYTES = 64
"""Coded data of a stream that is worth to be taken apart."""


@dataclass
class Search:
    """Looks for JPEG streams in a file. ``pictures``: those found, in the order in which their coefficients are coded;
    ``found``: bytes of their coded data."""

    pictures: list[Picture] = field(default_factory=list)
    found: int = 0
    _blocks: int = 0

    def parts_of(self, data: bytes, tables: bytes = b"", start: int = 0, depth: int = 0) -> tuple[Part, ...]:
        """Parts that make ``data``; streams are looked for from ``start`` on."""
        parts: list[Part] = []
        content = np.frombuffer(bytearray(data), np.uint8)
        position = 0
        place = start
        while (place := data.find(JPEG, place)) >= 0:
            end = self._take(data, content, place, position, parts, tables, depth)
            if end is None:
                place += 1
            else:
                position = place = end
        if position < len(data):
            parts.append(Literal(data[position:]))
        return tuple(parts)

    def _take(
        self, data: bytes, content: npt.NDArray[np.uint8], place: int, position: int, parts: list[Part], tables: bytes,
        depth: int,
    ) -> int | None:  # fmt: skip
        """Take the stream at a place apart, where there is one, and say where it ends."""
        read = read_picture(data, content, place, tables)
        if read is None or depth == MOST_DEPTH:
            return None
        picture, end = read
        blocks = sum(len(part) * part.shape[1] for part in picture.components)
        heads = b"".join(one.head for one in picture.scans)
        if end - place - len(heads) < LEAST_BYTES or self._blocks + blocks > min(MOST_BLOCKS, blocks_of(len(data))):
            return None
        self._blocks += blocks
        self.found += end - place - len(heads)
        if place > position:
            parts.append(Literal(data[position:place]))
        inner = self.parts_of(heads, tables, len(JPEG), depth + 1)
        parts.append(Jpeg(tables, tuple(map(_record, picture.scans)), inner))
        self.pictures.append(picture)
        return end


def _record(one: Coded) -> CodedScan:
    units = 0 if one.units == one.scan.units else one.units
    return CodedScan(len(one.head), one.said.flags, units, one.said.ends, one.said.notes)


def code_pictures(pictures: list[Picture], codebook: Codebook, number: int, most: int) -> bytes | None:
    """The coefficients of all pictures as one stream; None where it has more than ``most`` bytes."""
    writer = Writer(most)
    coder = CoefficientCoder(writer, codebook, number)
    if any(coder.code(picture) != OK for picture in pictures):
        return None
    return writer.finish()


class Streams:
    """Makes the JPEG streams of a file again, in order. ``size``: bytes of the file."""

    def __init__(self, coefficients: Coefficients, codebook: Codebook, size: int) -> None:
        self._coder = CoefficientCoder(Reader(coefficients.data), codebook, coefficients.model)
        self._size = size
        self._blocks = min(MOST_BLOCKS, blocks_of(size))

    def bytes_of(self, part: Jpeg, heads: bytes) -> bytes:
        """The bytes of a part. Raises FormatError or LimitError."""
        if sum(one.head for one in part.scans) != len(heads) or not part.scans:
            raise FormatError("the heads of JPEG data in the original file are not as long as its scans say")
        pieces = list(_pieces(heads, part))
        scans = [
            Coded(piece, scan, one.units or scan.units, Said(one.flags, one.ends, one.notes))
            for piece, scan, one in zip(pieces, heads_of(pieces, part.tables), part.scans, strict=True)
        ]
        if any(one.said.flags > FLAGS for one in scans):
            raise FormatError("a flag of JPEG data in the original file is not known")
        picture = empty_picture(scans, self._blocks)
        self._blocks -= sum(len(each) * each.shape[1] for each in picture.components)
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
