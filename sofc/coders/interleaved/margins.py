"""Spec interleaved/margins: columns at both ends of rows that all have one colour, and are not coded.

Cells cut out of a microscope's pictures and turned photographs stand in a surround that someone painted. Where samples
are coded one by one its border takes half of what all the others do: 3.5 of 8.2 kB of a malaria cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.interleaved.kernel import CHUNK
from sofc.entropy.tables import Field, code_tables, decode_tables
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange

SIZE_BYTES = 2
"""In front of the tables, little-endian."""
MOST_SAMPLES = 1 << 15
"""Samples of a plane of images that an encoder looks for margins in: of larger ones a border is a small part."""
LEAST_SHARE = 16
"""One in so many samples stands in them at least."""


class Margins(NamedTuple):
    """``blank``: the sample of each plane that stands in margins; ``columns`` (rows, 2), int32: how many of them each
    row has at its left and at its right."""

    blank: tuple[int, ...]
    columns: npt.NDArray[np.int32]

    def inside(self, width: int, ahead: int = 0) -> npt.NDArray[np.bool_]:
        """Which samples of a plane (rows, width) are coded, but for the first ``ahead`` of rows with a left margin."""
        place = np.arange(width)
        left, right = self.columns[:, :1], self.columns[:, 1:]
        return (place >= left + ahead * (left > 0)) & (place < width - right)

    def predicted(self, width: int) -> npt.NDArray[np.bool_]:
        """Those of which a plane that is known has W and WW as they are when the sample is decoded."""
        return self.inside(width, ahead=2)


def no_margins(planes: int, rows: int) -> Margins:
    """Of planes of which all samples are coded."""
    return Margins((0,) * planes, np.zeros((rows, 2), np.int32))


def may_have_margins(image_rows: int, width: int) -> bool:
    """Whether an encoder looks for margins in images of so many rows and columns."""
    return image_rows * width <= MOST_SAMPLES and width <= CHUNK


def find_margins(planes: Sequence[Plane], image_rows: int) -> Margins | None:
    """The margins of planes of images, None where it is not worth having any. Their colour is that of the first
    sample."""
    width = planes[0].shape[1]
    if not may_have_margins(image_rows, width):
        return None
    blank = tuple(int(plane[0, 0]) for plane in planes)
    is_blank = planes[0] == blank[0]
    if LEAST_SHARE * int(np.count_nonzero(is_blank)) < is_blank.size:
        return None
    for plane, value in zip(planes[1:], blank[1:], strict=True):
        is_blank &= plane == value
    left = np.where(is_blank.all(axis=1), width, np.argmin(is_blank, axis=1))
    right = np.where(left == width, 0, np.argmin(is_blank[:, ::-1], axis=1))
    if LEAST_SHARE * int(left.sum() + right.sum()) < is_blank.size:
        return None
    return Margins(blank, np.stack([left, right], axis=1).astype(np.int32))


def pack_margins(margins: Margins, ranges: Sequence[PlaneRange]) -> bytes | None:
    """The bytes that say them; None where these are too many."""
    values = np.array([value - span.low for value, span in zip(margins.blank, ranges, strict=True)], np.int64)
    tables = code_tables([values, margins.columns.astype(np.int64)])
    return len(tables).to_bytes(SIZE_BYTES, "little") + tables if len(tables) >> 8 * SIZE_BYTES == 0 else None


def unpack_margins(tables: bytes, ranges: Sequence[PlaneRange], rows: int, width: int) -> Margins:
    """Inverse of pack_margins, without the size. Raises FormatError."""
    if width > CHUNK:
        raise FormatError(f"rows of {width} columns have no margins: those of at most {CHUNK} may")
    table, columns = decode_tables(tables, [Field((len(ranges),), 0), Field((rows, 2), 0)])
    values = table.tolist()
    is_within = all(value <= span.size for value, span in zip(values, ranges, strict=True))
    if not is_within or (columns[:, 0] + columns[:, 1]).max() > width:
        raise FormatError("margins of the interleaved coder are out of range")
    blank = tuple(value + span.low for value, span in zip(values, ranges, strict=True))
    return Margins(blank, columns.astype(np.int32))
