"""How a JPEG decoder came to a plane of samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from sofc.jpeg import dct
from sofc.jpeg.dct import SIDE, SIZE, Coefficients
from sofc.planes import Plane

Table = npt.NDArray[np.int64]
"""Steps of the coefficients, (64,): 8 * vertical + horizontal frequency."""
Fractions = npt.NDArray[np.uint8]

STANDARD_TABLES = 200
"""Tables 1 to 100 are for luminance at that quality, 101 to 200 for chrominance."""
LUMINANCE = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
], np.int64)  # fmt: skip
CHROMINANCE = np.array([
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    *[99] * 32,
], np.int64)  # fmt: skip
"""ITU-T T.81, tables K.1 and K.2."""


@cache
def standard_tables() -> npt.NDArray[np.int64]:
    """The tables of T.81 scaled as the JPEG reference encoder does for a quality, (STANDARD_TABLES, 64)."""
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)[:, None]
    scaled = [np.clip((base * scale + 50) // 100, 1, 255) for base in (LUMINANCE, CHROMINANCE)]
    tables: npt.NDArray[np.int64] = np.concatenate(scaled)
    return tables


def standard_table(number: int) -> Table:
    """The table of a number."""
    table: Table = standard_tables()[number - 1].copy()
    return table


def number_of(table: Table) -> int:
    """The number of a table, 0 where it is not a standard one."""
    same = np.flatnonzero((standard_tables() == table).all(axis=1))
    return int(same[0]) + 1 if same.size else 0


@dataclass(frozen=True, eq=False)
class Origin:
    """A plane's component in blocks of coefficients.

    A sample of the component stands for ``down`` rows and ``across`` columns (1 or 2) of the plane. ``top`` and
    ``left``: place of the plane's first sample in the grid of the blocks so enlarged, below 8 * down and 8 * across.
    """

    down: int
    across: int
    top: int
    left: int
    table: Table
    coefficients: Coefficients

    @property
    def is_enlarged(self) -> bool:
        """Whether the component has fewer samples than the plane."""
        return self.down * self.across > 1

    @property
    def grid(self) -> tuple[int, int, int, int]:
        """What says where blocks lie."""
        return self.down, self.across, self.top, self.left

    def emptied(self, rows: int, width: int) -> Origin:
        """The same for a plane of this size, without its coefficients."""
        height = (self.top + rows - 1) // self.down // SIDE + 1
        breadth = (self.left + width - 1) // self.across // SIDE + 1
        return replace(self, coefficients=np.zeros((height, breadth, SIZE), np.int32))

    def values(self) -> Coefficients:
        """The coefficients times their steps, with a row of zeros above and a block of zeros on either side."""
        rows, columns, _ = self.coefficients.shape
        result = np.zeros((rows + 1, columns + 2, SIZE), np.int32)
        result[1:, 1:-1] = self.coefficients * self.table
        return result

    def draw(self, rows: int, width: int) -> tuple[Plane, Fractions]:
        """The plane that a decoder makes, and where between two samples it came to before rounding (of a component that
        is enlarged: 0)."""
        height, breadth = self.coefficients.shape[:2]
        component = np.empty((SIDE * height, SIDE * breadth), np.int32)
        fractions = np.empty(component.shape, np.uint8)
        dct.draw(self.coefficients, self.table, component, fractions, np.zeros(SIZE, np.int64))
        if not self.is_enlarged:
            inside = (slice(self.top, self.top + rows), slice(self.left, self.left + width))
            return np.ascontiguousarray(component[inside]), np.ascontiguousarray(fractions[inside])
        plane = self.enlarged(component, self.top, self.left, self.down, self.across, (rows, width))
        return plane, np.zeros((rows, width), np.uint8)

    @staticmethod
    def enlarged(component: Plane, top: int, left: int, down: int, across: int, shape: tuple[int, int]) -> Plane:
        """A plane of this shape made from a component."""
        plane = np.empty(shape, np.int32)
        dct.enlarge(component, top, left, down, across, plane)
        return plane
