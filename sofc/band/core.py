"""Planes of at most 16 bits to streams and back: mapping, transform and model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.mapping import Mapping, Table, read_table
from sofc.band.selection import Selection
from sofc.codebook import Codebook
from sofc.coders.base import Coder
from sofc.coders.raw import RawCoder
from sofc.coders.registry import coder_for
from sofc.container.records import RAW_MODEL
from sofc.errors import FormatError, LimitError
from sofc.image import PixelFormat
from sofc.planes import Plane, PlaneRange
from sofc.transforms.components import NONE, Transform


class CodedPlanes(NamedTuple):
    """The number of the model, the mapping, and the streams of the mapping's table and of the planes."""

    model: int
    mapping: int
    streams: tuple[bytes, ...]


class Area(NamedTuple):
    """The size of a band or group, and the rows of each of its images."""

    rows: int
    width: int
    image_rows: int


def encode_planes(planes: list[Plane], pixel_format: PixelFormat, selection: Selection, image_rows: int) -> CodedPlanes:
    """Code samples from 0, the smallest of the selected ways; raw where that is smaller."""
    rows, width = planes[0].shape
    coded = [(way, way.streams(image_rows)) for way in selection.ways(planes, pixel_format, image_rows)]
    way, streams = min(coded, key=lambda one: sum(map(len, one[1])))
    raw_size = len(planes) * ((rows * width * pixel_format.coded_bits + 7) // 8)
    if sum(map(len, streams)) > raw_size:
        streams = tuple(RawCoder().encode(planes, NONE.ranges(len(planes), pixel_format.coded_bits), image_rows))
        return CodedPlanes(RAW_MODEL, Mapping.NONE, streams)
    return CodedPlanes(way.model, way.view.mapping, streams)


class Decoded(NamedTuple):
    """Planes as they were coded: before the inverse of the transform, and before the table gives what numbers say."""

    mapping: int
    table: Table
    transform: Transform
    planes: list[Plane]

    def samples(self) -> npt.NDArray[np.uint8] | None:
        """All samples (rows, width, components) where they have 8 bits and there is a short way to them, else None."""
        return None if self.mapping != Mapping.NONE else self.transform.samples(self.planes)

    def components(self) -> list[Plane]:
        """Samples from 0, which lie in the format's range. Raises FormatError where they do not."""
        planes = self.transform.inverse(self.planes)
        if self.transform is not NONE:
            _check_range(planes, self.table.format)
        return planes if self.mapping == Mapping.NONE else self.table.restore(planes)


Before = Callable[[Coder, Sequence[PlaneRange]], Coder]
"""Makes of a coder of planes of these ranges the one that goes on where it left off with an earlier group."""


class Guide(NamedTuple):
    """A plane of an earlier image, (rows, width), samples from 0 to 2**``bits`` - 1, that samples go with."""

    plane: Plane
    bits: int


def decode_planes(
    coded: CodedPlanes, pixel_format: PixelFormat, codebook: Codebook | None, area: Area, guide: Guide | None = None
) -> list[Plane]:
    """The samples from 0, which lie in the format's range. Raises as ``decode_coded`` does."""
    planes = decode_coded(coded, pixel_format, codebook, area, guide).components()
    return [plane.astype(np.int32, copy=False) for plane in planes]


def decode_coded(
    coded: CodedPlanes,
    pixel_format: PixelFormat,
    codebook: Codebook | None,
    area: Area,
    guide: Guide | None = None,
    before: Before | None = None,
) -> Decoded:
    """What the streams say.

    Raises FormatError where a stream breaks the rules, CodebookError and UnsupportedError as ``coder_for`` does.
    """
    table = read_table(coded.mapping, coded.streams, pixel_format)
    transform, coder = coder_for(codebook, coded.model, table.format)
    if guide is not None:
        if guide.plane.shape != (area.rows, area.width):
            raise FormatError("a guide has another size than what it guides")
        coder = coder.guided_by(*guide)
    ranges = transform.ranges(table.format.components, table.format.coded_bits)
    if len(table.rest) != len(ranges):
        raise FormatError(f"a band of {len(ranges)} planes has {len(table.rest)} streams")
    if before is not None:
        coder = before(coder, ranges)
    try:
        return Decoded(coded.mapping, table, transform, coder.decode(table.rest, ranges, *area))
    except MemoryError:
        raise LimitError(
            f"a band of {area.rows} rows and {area.width} columns needs more memory than there is: decode it where "
            "there is more"
        ) from None


def guided(
    coded: CodedPlanes, pixel_format: PixelFormat, codebook: Codebook | None, area: Area, guide: Guide
) -> CodedPlanes | None:
    """The same, coded with a guide; None where the coder has no use for that."""
    table = read_table(coded.mapping, coded.streams, pixel_format)
    transform, coder = coder_for(codebook, coded.model, table.format)
    try:
        with_guide = coder.guided_by(*guide)
    except FormatError:
        return None
    ranges = transform.ranges(table.format.components, table.format.coded_bits)
    planes = [plane.astype(np.int32, copy=False) for plane in coder.decode(table.rest, ranges, *area)]
    streams = with_guide.encode(planes, ranges, area.image_rows)
    before = coded.streams[: len(coded.streams) - len(table.rest)]
    return coded._replace(streams=(*before, *streams))


def going_on(
    coded: CodedPlanes, pixel_format: PixelFormat, codebook: Codebook | None, area: Area, before: Before
) -> list[bytes] | None:
    """The streams of the same group, of no mapping, from the state before it; None where its coder cannot go on."""
    transform, coder = coder_for(codebook, coded.model, pixel_format)
    ranges = transform.ranges(pixel_format.components, pixel_format.coded_bits)
    try:
        return coder.recoded(coded.streams, ranges, *area, before(coder, ranges))
    except FormatError:
        return None


def _check_range(planes: Sequence[Plane], pixel_format: PixelFormat) -> None:
    """A damaged stream can combine planes, each in its range, to samples outside theirs."""
    top = (1 << pixel_format.coded_bits) - 1
    if any(int(plane.min()) < 0 or int(plane.max()) > top for plane in planes):
        raise FormatError("the component transform gives samples outside the image's range")
