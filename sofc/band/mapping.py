"""Samples that take few of the values they could take: their numbers in a table of those that occur are coded instead.

The table is an image of one row, coded by a neutral model; its streams stand before those of the numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.coders.shape import NeutralShapeCoder
from sofc.container.records import ARRANGED
from sofc.errors import FormatError
from sofc.image import PixelFormat
from sofc.planes import Plane
from sofc.transforms.components import NONE, PAPERS
from sofc.transforms.samples import look_up

MAX_TABLE = 1 << 20
"""Flags of a table of values, all components together."""
MAX_COLOURS = 1024
"""Colours for which an encoder takes the trouble of a palette; a file may have 65536."""
SOME_ROWS = 8
"""Of so many rows one tells whether nearly all values occur, before all are looked at."""
NUMBER_SIZE = 2
"""Bytes of a count, and of each bound, little-endian."""


class Mapping(IntEnum):
    """What the numbers count."""

    NONE = 0
    VALUES = 1  # the values of each component that occur, rising
    PALETTE = 2  # the colours that occur
    ARRANGED = ARRANGED  # no numbers: the first stream is an arrangement, whose parts have mappings of their own


@dataclass(frozen=True, eq=False)
class Mapped:
    """Planes of numbers, the format that they have, and the streams of the table."""

    mapping: Mapping
    format: PixelFormat
    planes: list[Plane]
    table: tuple[bytes, ...]


def mapped(planes: Sequence[Plane], pixel_format: PixelFormat, *, narrower: bool = False) -> Iterator[Mapped]:
    """The planes (samples from 0) as they are, and mapped in the ways that promise something.

    ``narrower``: only where the numbers of values take fewer bits than these, and those of colours no more.
    """
    bits = pixel_format.coded_bits
    yield Mapped(Mapping.NONE, pixel_format, list(planes), ())
    if (found := _by_value(planes, pixel_format, bits - 1 if narrower else bits)) is not None:
        yield found
    if (
        found := _by_colour(planes, pixel_format, min(MAX_COLOURS, 1 << bits) if narrower else MAX_COLOURS)
    ) is not None:
        yield found


def by_value(planes: list[Plane], pixel_format: PixelFormat) -> list[Plane]:
    """The numbers of one component's values where that promises something, else the planes as they are."""
    found = _by_value(planes, pixel_format, pixel_format.coded_bits) if len(planes) == 1 else None
    return planes if found is None else found.planes


def _by_value(planes: Sequence[Plane], pixel_format: PixelFormat, most_bits: int) -> Mapped | None:
    """None unless an eighth of the values between the least and the greatest is missing, or for more bits."""
    size = 1 << pixel_format.coded_bits
    if size * len(planes) > MAX_TABLE:
        return None
    spread = sum(int(plane.max() - plane.min()) + 1 for plane in planes)
    flags = np.zeros((len(planes), 1, size), np.int32)
    for rows in (slice(None, None, SOME_ROWS), slice(None)):
        for flag, plane in zip(flags, planes, strict=True):
            flag[0, plane[rows]] = 1
        if 8 * int(np.count_nonzero(flags)) > 7 * spread:
            return None
    values = [np.flatnonzero(flag) for flag in flags]
    first, last = min(int(found[0]) for found in values), max(int(found[-1]) for found in values)
    numbers_format = _format(len(planes), max(map(len, values)))
    if numbers_format.coded_bits > most_bits:
        return None
    numbers = [(np.cumsum(flag[0]) - 1).astype(np.int32)[plane] for flag, plane in zip(flags, planes, strict=True)]
    bounds = b"".join(bound.to_bytes(NUMBER_SIZE, "little") for bound in (first, last))
    occurring = [np.ascontiguousarray(flag[:, first : last + 1]) for flag in flags]
    table = NeutralShapeCoder().encode(occurring, NONE.ranges(len(planes), 1), 1)
    return Mapped(Mapping.VALUES, numbers_format, numbers, (bounds, *table))


def _by_colour(planes: Sequence[Plane], pixel_format: PixelFormat, most: int) -> Mapped | None:
    """None where there are more than ``most`` colours. Shades of gray come first, both parts from dark to light."""
    bits = pixel_format.coded_bits
    if len(planes) == 1 or len(planes) * bits > 62:
        return None
    step = max(1, planes[0].size >> 13)
    probe = np.sort(_keys([plane.reshape(-1)[::step] for plane in planes], bits))
    if np.count_nonzero(probe[1:] != probe[:-1]) >= most:  # np.unique alone would load numpy.ma
        return None
    keys = _keys(planes, bits)
    found, numbers = np.unique(keys, return_inverse=True)
    if len(found) > min(most, keys.size // 8):
        return None
    colours = [(found >> bits * k & ((1 << bits) - 1)).astype(np.int32) for k in reversed(range(len(planes)))]
    gray = np.logical_and.reduce([component == colours[0] for component in colours])
    order = np.lexsort((np.sum(colours, axis=0), ~gray))
    place = np.empty(len(found), np.int32)
    place[order] = np.arange(len(found), dtype=np.int32)
    ordered = [component[order][None, :] for component in colours]
    transform = PAPERS if len(planes) == PAPERS.components else NONE
    streams = NeutralShapeCoder().encode(transform.forward(ordered), transform.ranges(len(planes), bits), 1)
    table = ((len(found) - 1).to_bytes(NUMBER_SIZE, "little"), *streams)
    return Mapped(Mapping.PALETTE, _format(1, len(found)), [place[numbers].reshape(keys.shape)], table)


def _keys(planes: Sequence[Plane], bits: int) -> npt.NDArray[np.int64]:
    """The components of each colour in one number, the first one highest."""
    keys = np.zeros(planes[0].shape, np.int64)
    for plane in planes:
        keys = keys << bits | plane
    return keys


def _format(components: int, count: int) -> PixelFormat:
    bits = max(1, (count - 1).bit_length())
    return PixelFormat(components, bits, bits)


@dataclass(frozen=True, eq=False)
class Table:
    """A table read from a band: the format of the numbers, the streams after it, and what each number stands for.

    ``entries`` (components, n) of a palette, or an array of values for each component.
    """

    format: PixelFormat
    rest: Sequence[bytes]
    entries: Sequence[npt.NDArray[Any]]

    def restore(self, planes: Sequence[Plane]) -> list[Plane]:
        """The samples from 0. Raises FormatError for a number that the table does not have."""
        numbers = planes if len(planes) == len(self.entries) else [planes[0]] * len(self.entries)
        result = []
        for plane, values in zip(numbers, self.entries, strict=True):
            samples = np.empty(plane.shape, np.int32)
            numbered = np.require(plane, np.int32, ["C", "W"]).reshape(-1)
            if not look_up(numbered, values.astype(np.int32), samples.reshape(-1)):
                raise FormatError(f"number {int(plane.max())} is not in a table of {len(values)}")
            result.append(samples)
        return result


def _numbers(stream: bytes, count: int) -> list[int]:
    """So many numbers that a table's first stream is made of. Raises FormatError."""
    if len(stream) != count * NUMBER_SIZE:
        raise FormatError(f"the first stream of a table takes {count * NUMBER_SIZE} bytes, not {len(stream)}")
    return [int.from_bytes(stream[at : at + NUMBER_SIZE], "little") for at in range(0, len(stream), NUMBER_SIZE)]


def read_table(mapping: int, streams: Sequence[bytes], pixel_format: PixelFormat) -> Table:
    """The table that the first streams hold. Raises FormatError."""
    components, bits = pixel_format.components, pixel_format.coded_bits
    if mapping == Mapping.NONE:
        return Table(pixel_format, streams, ())
    own = 1 + components
    if len(streams) < own:
        raise FormatError(f"a mapped band of {components} components has {len(streams)} streams")
    if mapping == Mapping.VALUES:
        if components << bits > MAX_TABLE:
            raise FormatError(f"a table of {components} times {1 << bits} values is over {MAX_TABLE}")
        first, last = _numbers(streams[0], 2)
        if first > last or last >> bits:
            raise FormatError(f"a table of values {first} .. {last} of {bits} bits")
        flags = NeutralShapeCoder().decode(streams[1:own], NONE.ranges(components, 1), 1, last - first + 1, 1)
        entries = [np.flatnonzero(flag) + first for flag in flags]
        if not all(map(len, entries)):
            raise FormatError("a table of values is empty")
        return Table(_format(components, max(map(len, entries))), streams[own:], entries)
    count = _numbers(streams[0], 1)[0] + 1
    transform = PAPERS if components == PAPERS.components else NONE
    planes = NeutralShapeCoder().decode(streams[1:own], transform.ranges(components, bits), 1, count, 1)
    entries = [plane[0] for plane in transform.inverse(planes)]
    if any(int(entry.min()) < 0 or int(entry.max()) >> bits for entry in entries):
        raise FormatError("a colour of a palette lies outside the image's range")
    return Table(_format(1, count), streams[own:], entries)
