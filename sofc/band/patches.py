"""Spec arrangement/patches: rectangles that stand in the planes before, as letters of a text and tiles do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.steps import Form, require
from sofc.planes import Plane

FIELD_BITS = 16
AT_ONCE = 1 << 14
"""Patches, and samples, that memory is taken for."""

Places = npt.NDArray[np.int32] | npt.NDArray[np.int64]


class Patch(NamedTuple):
    """A rectangle of rows (those of all images) and columns, and its source: so many rows ``above``, from ``column``
    on."""

    top: int
    left: int
    rows: int
    width: int
    above: int
    column: int


@dataclass(frozen=True)
class Patches:
    """So many patches, which a plane of 16 bits lists: a row for each, and a column for each field."""

    count: int

    @classmethod
    def read(cls, numbers: Iterator[int], _: Form) -> Patches:
        return cls(next(numbers))

    def arguments(self) -> Sequence[int]:
        return (self.count,)

    def forms(self, form: Form) -> tuple[Form, Form]:
        """That of the list, and that of the planes with anything in the patches. Raises FormatError for none."""
        require(self.count > 0, "an arrangement has no patches where it says that it has")
        return Form(1, FIELD_BITS, self.count, len(Patch._fields), self.count), form

    def undo(self, both: Sequence[Sequence[Plane]], form: Form) -> list[Plane]:
        """The planes of the form, given the list and the others. Raises FormatError where a patch is not inside, or no
        later than its source, or where patches are larger than the planes."""
        ((listed,), planes) = both
        sources = _sources(listed, form)
        return [_taken(plane, sources) for plane in planes]

    def __str__(self) -> str:
        return f"{self.count} patches that stand before"


def listed(patches: Sequence[Patch]) -> Plane:
    """The plane that lists patches, which are sorted: the first field is by how many rows one begins further down."""
    plane = np.array(patches, np.int32)
    plane[1:, 0] -= plane[:-1, 0].copy()
    return plane


def _sources(listed: Plane, form: Form) -> Places:
    """Where in a plane each of its samples stands that is none of a patch, or is that of one."""
    rows = listed.astype(np.int64)
    np.cumsum(rows[:, 0], out=rows[:, 0])
    top, left, height, width, above, column = rows.T
    is_inside = (top + height <= form.rows) & (left + width <= form.width) & (above <= top)
    is_inside &= (column + width <= form.width) & (height > 0) & (width > 0)
    require(bool(is_inside.all()), "an arrangement has a patch beyond the border, or from there")
    require(bool(((above > 0) | (column < left)).all()), "an arrangement has a patch that does not stand before")
    are_too_large = int((height * width).sum()) > form.rows * form.width
    require(not are_too_large, "the patches of an arrangement are larger than its planes")
    size = form.rows * form.width
    flat: Places = np.arange(size, dtype=np.int64) if size >> 31 else np.arange(size, dtype=np.int32)
    sources = flat.reshape(form.rows, form.width)
    for start in range(0, len(rows), AT_ONCE):  # as numbers of Python, all would take many times the planes
        for patch in map(Patch._make, rows[start : start + AT_ONCE].tolist()):
            first = (patch.top - patch.above) * form.width + patch.column
            place = slice(patch.top, patch.top + patch.rows), slice(patch.left, patch.left + patch.width)
            sources[place] = first + form.width * np.arange(patch.rows)[:, None] + np.arange(patch.width)
    for start in range(0, size, AT_ONCE):
        some = flat[start : start + AT_ONCE]
        while not np.array_equal(further := flat[some], some):  # a source may lie in a patch
            some[:] = further
    return flat


def _taken(plane: Plane, sources: Places) -> Plane:
    """The samples of a plane that stand at these places, in its shape."""
    taken, samples = np.empty_like(plane), plane.reshape(-1)
    for start in range(0, plane.size, AT_ONCE):  # as numpy makes words of all places at once
        taken.reshape(-1)[start : start + AT_ONCE] = samples[sources[start : start + AT_ONCE]]
    return taken
