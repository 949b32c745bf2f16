"""What a JPEG decoder made a plane of samples from: coefficients, their steps, and how blocks lie over the plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.container.typical import LUMINANCE as LUMINANCE
from sofc.container.typical import STANDARD_TABLES as STANDARD_TABLES
from sofc.container.typical import scaled, standard_steps
from sofc.jpeg import dct, fine, inverses
from sofc.jpeg.dct import FINE, REPLICATED, SCALED, SIDE, SIZE, TRIANGLE, USUAL, Coefficients, Decoder, Grid
from sofc.jpeg.scaled import SCRATCH, draw_scaled
from sofc.planes import Plane

Steps = npt.NDArray[np.int64]
"""Steps of the coefficients, (64,): 8 * vertical + horizontal frequency."""
Fractions = npt.NDArray[np.uint8]

VALUE_LIMIT = 1 << 23
"""Values, coefficients times their steps, lie within this; what is beyond counts as this."""
CHROMINANCE_TABLES = 100
"""Standard tables 1 to 100 are for luminance at that quality, those after CHROMINANCE_TABLES for chrominance."""


@cache
def standard_tables() -> npt.NDArray[np.int64]:
    """The tables of T.81 scaled as the JPEG reference encoder does for a quality, (STANDARD_TABLES, 64)."""
    tables: npt.NDArray[np.int64] = np.array([standard_steps(k + 1) for k in range(STANDARD_TABLES)], np.int64)
    return tables


def scaled_steps(base: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """A table scaled for each quality as the standard ones are, (100, 64)."""
    return np.array([scaled(base, quality + 1) for quality in range(CHROMINANCE_TABLES)], np.int64)


def standard_table(number: int) -> Steps:
    """The table of a number."""
    table: Steps = standard_tables()[number - 1].copy()
    return table


@cache
def _numbers() -> dict[bytes, int]:
    """The least number of each table."""
    return {table.tobytes(): len(standard_tables()) - place for place, table in enumerate(standard_tables()[::-1])}


def number_of(table: npt.NDArray[np.integer]) -> int:
    """The number of a table, 0 where it is not a standard one."""
    return _numbers().get(table.astype(np.int64).tobytes(), 0)


def values_of(coefficients: Coefficients, table: Steps) -> Coefficients:
    """Spec dct/blocks. The values of coefficients, with a row of zeros above and a block of zeros on either side."""
    rows, columns, _ = coefficients.shape
    result = np.zeros((rows + 1, columns + 2, SIZE), np.int32)
    result[1:, 1:-1] = np.clip(coefficients * table, -VALUE_LIMIT, VALUE_LIMIT)
    return result


class Drawing(NamedTuple):
    """A plane that was drawn, the ``fractions`` as ``Origin.draw`` has them, and what it was drawn of."""

    plane: Plane
    fractions: Fractions
    coefficients: Coefficients
    table: Steps


@dataclass(frozen=True, eq=False)
class Origin:
    """The component that a decoder made a plane from: ``coefficients`` in steps, (rows of blocks, blocks in a row, 64),
    their steps, ``table`` (64,), and how the blocks lie over the plane; top and left are at most 8 * down and 8 *
    across. ``decoder``: how the samples are made of them. ``references``: what its values tell other components of
    the same plane, by their grids, as their coder keeps both.
    """

    grid: Grid
    table: Steps
    coefficients: Coefficients
    decoder: Decoder = USUAL
    references: dict[Grid, tuple[Coefficients, Coefficients]] = field(default_factory=dict, init=False, repr=False)
    _drawn: dict[tuple[int, ...], Drawing] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def empty(cls, grid: Grid, table: Steps, shape: tuple[int, int], decoder: Decoder = USUAL) -> Origin:
        """That of a plane of this shape, its coefficients zeros."""
        (row, column), (rows, width) = grid.corner, grid.samples(shape)
        blocks = (row + rows - 1) // SIDE + 1, (column + width - 1) // SIDE + 1
        return cls(grid, table, np.zeros((*blocks, SIZE), np.int32), decoder)

    def values(self) -> Coefficients:
        """The values of the coefficients."""
        return values_of(self.coefficients, self.table)

    def draw(self, shape: tuple[int, ...]) -> tuple[Plane, Fractions]:
        """The plane of this shape that a decoder makes, and where between two samples it came to before rounding (of a
        component that is enlarged: 0)."""
        return self._drawn[shape][:2] if shape in self._drawn else self._draw(shape)

    def draw_and_keep(self, shape: tuple[int, ...]) -> Plane:
        """That plane, kept for the next time: coefficients must not change any more."""
        if shape not in self._drawn:
            self._drawn[shape] = Drawing(*self._draw(shape), self.coefficients.copy(), self.table.copy())
        return self._drawn[shape].plane

    def was_drawn_as(self, other: Origin, shape: tuple[int, ...]) -> bool:
        """Whether the plane of this shape that is kept was drawn of the same as ``other`` would be."""
        kept = self._drawn.get(shape)
        return (
            kept is not None
            and (self.grid, self.decoder) == (other.grid, other.decoder)
            and np.array_equal(kept.table, other.table)
            and np.array_equal(kept.coefficients, other.coefficients)
        )

    def _draw(self, shape: tuple[int, ...]) -> tuple[Plane, Fractions]:
        height, breadth, _ = self.coefficients.shape
        if self.grid.is_enlarged and self.decoder.upsampling == SCALED:
            return self._draw_scaled(shape), np.zeros(shape, np.uint8)
        component = np.empty((SIDE * height, SIDE * breadth), np.int32)
        if self.grid.is_enlarged and self.decoder.upsampling == FINE:
            fine.draw_fine(self.coefficients, self.table, component, np.zeros(SIZE, np.int64))
            return enlarged(component, self.grid, shape, FINE), np.zeros(shape, np.uint8)
        fractions = np.empty(component.shape, np.uint8)
        inverse = self.decoder.inverse
        factors = inverses.multipliers(inverse, self.table)
        inverses.draw(self.coefficients, factors, inverse, component, fractions, np.zeros(SIZE, np.int64))
        if self.grid.is_enlarged:
            return enlarged(component, self.grid, shape, self.decoder.upsampling), np.zeros(shape, np.uint8)
        inside = tuple(slice(first, first + size) for first, size in zip(self.grid.corner, shape, strict=True))
        return np.ascontiguousarray(component[inside]), np.ascontiguousarray(fractions[inside])

    def _draw_scaled(self, shape: tuple[int, ...]) -> Plane:
        rows, columns, _ = self.coefficients.shape
        down, across, top, left = self.grid[:4]
        plane = np.empty((SIDE * down * rows, SIDE * across * columns), np.int32)
        draw_scaled(self.coefficients, self.table, plane, np.zeros(SCRATCH, np.int64))
        return np.ascontiguousarray(plane[top : top + shape[0], left : left + shape[1]])


def enlarged(component: Plane, grid: Grid, shape: tuple[int, ...], upsampling: int = TRIANGLE) -> Plane:
    """A plane of this shape made from a component, by a kind of upsampling other than SCALED; for FINE, in 1 / 16 of
    samples."""
    if upsampling == REPLICATED:
        rows, columns = (
            (first + np.arange(size)) // factor for first, size, factor in zip(grid[2:4], shape, grid[:2], strict=True)
        )
        return np.ascontiguousarray(component[np.ix_(rows, columns)])
    plane = np.empty(shape, np.int32)
    if upsampling == FINE:
        fine.enlarge_fine(component, grid, plane)
    else:
        dct.enlarge(component, grid, upsampling, plane)
    return plane
