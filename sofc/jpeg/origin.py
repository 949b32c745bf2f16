"""What a JPEG decoder made a plane of samples from: coefficients, their steps, and how blocks lie over the plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from sofc.jpeg import dct
from sofc.jpeg.dct import SIDE, SIZE, Coefficients, Grid
from sofc.planes import Plane

Steps = npt.NDArray[np.int64]
"""Steps of the coefficients, (64,): 8 * vertical + horizontal frequency."""
Fractions = npt.NDArray[np.uint8]

VALUE_LIMIT = 1 << 23
"""Values, coefficients times their steps, lie within this; what is beyond counts as this."""
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


def standard_table(number: int) -> Steps:
    """The table of a number."""
    table: Steps = standard_tables()[number - 1].copy()
    return table


def number_of(table: Steps) -> int:
    """The number of a table, 0 where it is not a standard one."""
    same = np.flatnonzero((standard_tables() == table).all(axis=1))
    return int(same[0]) + 1 if same.size else 0


def values_of(coefficients: Coefficients, table: Steps) -> Coefficients:
    """Spec dct/blocks. The values of coefficients, with a row of zeros above and a block of zeros on either side."""
    rows, columns, _ = coefficients.shape
    result = np.zeros((rows + 1, columns + 2, SIZE), np.int32)
    result[1:, 1:-1] = np.clip(coefficients * table, -VALUE_LIMIT, VALUE_LIMIT)
    return result


@dataclass(frozen=True, eq=False)
class Origin:
    """The component that a decoder made a plane from: ``coefficients`` in steps, (rows of blocks, blocks in a row, 64),
    their steps, ``table`` (64,), and how the blocks lie over the plane; top and left are below 8 * down and 8 * across.
    """

    grid: Grid
    table: Steps
    coefficients: Coefficients

    @classmethod
    def empty(cls, grid: Grid, table: Steps, shape: tuple[int, int]) -> Origin:
        """That of a plane of this shape, its coefficients zeros."""
        (row, column), (rows, width) = grid.corner, grid.samples(shape)
        blocks = (row + rows - 1) // SIDE + 1, (column + width - 1) // SIDE + 1
        return cls(grid, table, np.zeros((*blocks, SIZE), np.int32))

    def values(self) -> Coefficients:
        """The values of the coefficients."""
        return values_of(self.coefficients, self.table)

    def draw(self, shape: tuple[int, ...]) -> tuple[Plane, Fractions]:
        """The plane of this shape that a decoder makes, and where between two samples it came to before rounding (of a
        component that is enlarged: 0)."""
        height, breadth, _ = self.coefficients.shape
        component = np.empty((SIDE * height, SIDE * breadth), np.int32)
        fractions = np.empty(component.shape, np.uint8)
        dct.draw(self.coefficients, self.table, component, fractions, np.zeros(SIZE, np.int64))
        if self.grid.is_enlarged:
            return enlarged(component, self.grid, shape), np.zeros(shape, np.uint8)
        inside = tuple(slice(first, first + size) for first, size in zip(self.grid.corner, shape, strict=True))
        return np.ascontiguousarray(component[inside]), np.ascontiguousarray(fractions[inside])


def enlarged(component: Plane, grid: Grid, shape: tuple[int, ...]) -> Plane:
    """A plane of this shape made from a component."""
    plane = np.empty(shape, np.int32)
    dct.enlarge(component, grid, plane)
    return plane
