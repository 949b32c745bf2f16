"""Spec dct/heads: what the streams of a group tell of how its images came about, ahead of their coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from sofc.errors import FormatError
from sofc.jpeg.dct import MOST_REPEATED, REPLICATED, SIDE, SIZE, Decoder, Grid
from sofc.jpeg.origin import STANDARD_TABLES, Origin, number_of, standard_table

MOST_FURTHER, MOVED, ABOVE, BELOW, LEFT, RIGHT = 7, 8, 16, 32, 64, 128
"""The first byte of an image: how many further ones have its heads, at most; flags of what is as before but for its
place, and of the sides beyond which components go on."""
ALIKE = 255
"""Stands for a head that is that of the plane before."""
WIDE = 6
"""In the place of a kind of upsampling: samples are repeated more than twice in a row or column."""
CORNERS = 2 * SIDE
"""Rows and columns that a corner of blocks is told in."""


class Head(NamedTuple):
    """How a component lies over its plane, its steps (64 bytes), and what made samples of it."""

    grid: Grid
    table: bytes
    decoder: Decoder

    @classmethod
    def of(cls, origin: Origin) -> Head:
        """That of a component."""
        return cls(origin.grid, bytes(origin.table.tolist()), origin.decoder)

    def origin(self, shape: tuple[int, int]) -> Origin:
        """The component of a plane of this shape, its coefficients zeros."""
        table = np.frombuffer(self.table, np.uint8).astype(np.int64)
        return Origin.empty(self.grid, table, shape, self.decoder)

    def at(self, row: int, column: int, flags: int) -> Head:
        """The same where the plane begins there in the grid of blocks, and components go on as flags say."""
        down, across = self.grid[:2]
        (top, below), (left, right) = (
            _along(factor, place, flags & before != 0, flags & behind != 0)
            for factor, place, before, behind in ((down, row, ABOVE, BELOW), (across, column, LEFT, RIGHT))
        )
        return self._replace(grid=Grid(down, across, top, left, below, right))


def _along(factor: int, place: int, before: bool, behind: bool) -> tuple[int, int]:
    """Place of a plane in its first block along one side, and whether its component goes on behind it: only what is
    enlarged by 2 shows that."""
    place %= SIDE * factor
    if factor != 2:
        return place, 0
    return SIDE * factor if before and place == 0 else place, int(behind)


def pack_heads(images: Sequence[Sequence[Origin]], before: tuple[Head, ...] = ()) -> bytes:
    """Spec dct/heads. How the components of each image of a group came about; ``before``: the heads of the image before
    the first, if the group goes on from another."""
    packed = b""
    for heads, same in groupby(tuple(map(Head.of, origins)) for origins in images):
        count, flags, (row, column) = len(list(same)), _flags(heads), _corner(heads)
        while count:
            further = min(MOST_FURTHER, count - 1)
            if _are_movable(before) and _moved(before, row, column, flags) == heads:
                packed += bytes([further | MOVED | flags, row | column << 4])
            else:
                packed += bytes([further | flags]) + _pack_planes(heads)
            count, before = count - further - 1, heads
    return packed


def read_heads(
    stream: bytes, images: int, planes: int, before: tuple[Head, ...] = ()
) -> tuple[list[tuple[Head, ...]], int]:
    """The heads of each image of a group, and their size; past its end a stream goes on with zeros. ``before``: as for
    ``pack_heads``. Raises FormatError."""
    result: list[tuple[Head, ...]] = []
    place = 0
    while len(result) < images:
        first, corner = stream[place : place + 2].ljust(2, b"\0")
        count, flags = (first & MOST_FURTHER) + 1, first & (ABOVE | BELOW | LEFT | RIGHT)
        if count > images - len(result):
            raise FormatError("the heads of a DCT stream are for more images than there are")
        if first & MOVED:
            if not _are_movable(before):
                raise FormatError("there are no heads in a DCT stream that could be moved")
            heads, place = _moved(before, corner & 15, corner >> 4, flags), place + 2
        else:
            heads, place = _read_planes(stream, place + 1, planes, flags)
        result += [heads] * count
        before = heads
    return result, place


def _flags(heads: Sequence[Head]) -> int:
    """Beyond which sides the components go on."""
    grids = [head.grid for head in heads]
    return (
        ABOVE * any(grid.top == SIDE * grid.down for grid in grids)
        | BELOW * any(grid.below for grid in grids)
        | LEFT * any(grid.left == SIDE * grid.across for grid in grids)
        | RIGHT * any(grid.right for grid in grids)
    )


def _corner(heads: Sequence[Head]) -> tuple[int, int]:
    """Where planes begin in blocks of CORNERS rows and columns, as far as any component tells."""
    row = max((head.grid.down, head.grid.top % CORNERS) for head in heads)[1]
    column = max((head.grid.across, head.grid.left % CORNERS) for head in heads)[1]
    return row, column


def _are_movable(heads: Sequence[Head]) -> bool:
    """Whether those of the next image may be these but for their place: there are any, and none is a wide one."""
    return len(heads) > 0 and all(max(head.grid[:2]) <= 2 for head in heads)


def _moved(heads: Sequence[Head], row: int, column: int, flags: int) -> tuple[Head, ...]:
    return tuple(head.at(row, column, flags) for head in heads)


def _pack_planes(heads: Sequence[Head]) -> bytes:
    """The heads of the planes of an image."""
    packed = b""
    before = None
    for head in heads:
        packed += bytes([ALIKE]) if head == before else _pack_head(head)
        before = head
    return packed


def _read_planes(stream: bytes, place: int, planes: int, flags: int) -> tuple[tuple[Head, ...], int]:
    heads: list[Head] = []
    while len(heads) < planes:
        if heads and stream[place : place + 1] == bytes([ALIKE]):
            heads.append(heads[-1])
            place += 1
        else:
            head, size = _read_head(stream[place : place + 5 + SIZE], flags)
            heads.append(head)
            place += size
    return tuple(heads), place


def _pack_head(head: Head) -> bytes:
    """How a component was transformed and enlarged, its place in the grid, and its table: a number, or 0 and the
    steps."""
    down, across, top, left = head.grid[:4]
    top, left = top % (SIDE * down), left % (SIDE * across)
    number = number_of(np.frombuffer(head.table, np.uint8))
    steps = b"" if number else head.table
    if max(down, across) > 2:
        wide = head.decoder._replace(upsampling=WIDE)
        return bytes([wide.number << 2, (down - 1) | (across - 1) << 4, top, left, number]) + steps
    kinds = (down - 1) | (across - 1) << 1 | head.decoder.number << 2
    return bytes([kinds, top | left << 4, number]) + steps


def _read_head(stream: bytes, flags: int) -> tuple[Head, int]:
    """A head, of a component that goes on as flags say, and its size. Raises FormatError."""
    kinds, place, *_ = head = stream[:5].ljust(5, b"\0")
    down, across, top, left = (kinds & 1) + 1, (kinds >> 1 & 1) + 1, place & 15, place >> 4
    decoder, size = Decoder.numbered(kinds >> 2), 3
    if decoder.upsampling == WIDE:
        # What is not for wide heads alone has one way to be said.
        is_known = down == across == 1
        down, across, top, left = (place & 15) + 1, (place >> 4) + 1, head[2], head[3]
        is_known = is_known and 2 < max(down, across) <= MOST_REPEATED
        decoder, size = decoder._replace(upsampling=REPLICATED if is_known else WIDE), 5
    number = head[size - 1]
    if not decoder.is_known or top >= SIDE * down or left >= SIDE * across or number > STANDARD_TABLES:
        raise FormatError("the head of a DCT stream is out of range")
    if number:
        table = bytes(standard_table(number).tolist())
    else:
        size += SIZE
        table = stream[size - SIZE : size].ljust(SIZE, b"\0")
        if 0 in table:
            raise FormatError("a step of a DCT stream is 0")
    return Head(Grid(down, across, 0, 0), table, decoder).at(top, left, flags), size
