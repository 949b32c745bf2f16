"""The detail layer (Spec shape/detail-layer): the context of each low part, and coding sample after sample."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.shape.kernel_range import RangeCoder, Tables, code_symbol
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

OK = 0

TOP = 2
SIDE = 2
BOTTOM = 1
"""Rows and columns of zeros around magnitudes."""


class Neighbourhood(NamedTuple):
    """What the level of a sample follows from: padded magnitudes of its plane, the weights of its own neighbours, the
    planes before's part of the activity, and rising thresholds."""

    magnitudes: Table[np.int32]
    weights: Vector[np.int32]
    activity: Table[np.int32]
    thresholds: Vector[np.int32]


class Cells(NamedTuple):
    """Tables of one level: how many, and which one by class and phase each sample takes."""

    tables: int
    numbers: Table[np.int32]


@kernel
def fill_magnitudes(zigzag: Table[np.int32], scale: Vector[np.int32], magnitudes: Table[np.int32]) -> int:
    """The magnitude of each residual, which ``scale`` has, into a padded table."""
    for y in range(zigzag.shape[0]):
        for x in range(zigzag.shape[1]):
            magnitudes[y + TOP, x + SIDE] = scale[zigzag[y, x]]
    return OK


@kernel
def fill_cells(reference: Table[np.int32], near: int, far: int, phases: int, cells: Table[np.int32]) -> int:
    """Spec shape/detail-layer. The cell of each sample: its class by the nearest reference, then its column's phase."""
    for y in range(cells.shape[0]):
        for x in range(cells.shape[1]):
            residual = int(reference[y, x])
            number = 0
            if far > 0 and residual > 0:
                number = 1 + (residual & 1) + 2 * int(residual > near) + 2 * int(residual > far)
            cells[y, x] = number * phases + x % phases
    return OK


@inlined
def _level(neighbourhood: Neighbourhood, y: int, x: int) -> int:
    """How many thresholds are at or below the activity: west, north, northwest, northeast, the second sample to the
    west, the second to the north, and the planes before."""
    magnitudes, weights, before, thresholds = neighbourhood
    row = y + TOP
    column = x + SIDE
    activity = (
        int(weights[0]) * int(magnitudes[row, column - 1])
        + int(weights[1]) * int(magnitudes[row - 1, column])
        + int(weights[2]) * int(magnitudes[row - 1, column - 1])
        + int(weights[3]) * int(magnitudes[row - 1, column + 1])
        + int(weights[4]) * int(magnitudes[row, column - 2])
        + int(weights[5]) * int(magnitudes[row - 2, column])
        + int(before[y, x])
    )
    first = 0
    last = thresholds.size
    while first < last:
        middle = (first + last) >> 1
        if thresholds[middle] <= activity:
            first = middle + 1
        else:
            last = middle
    return first


@kernel
def fill_levels(neighbourhood: Neighbourhood, levels: Table[np.uint8]) -> int:
    """The level of every sample."""
    for y in range(levels.shape[0]):
        for x in range(levels.shape[1]):
            levels[y, x] = _level(neighbourhood, y, x)
    return OK


@kernel
def code_details(
    encode: bool,
    zigzag: Table[np.int32],
    neighbourhood: Neighbourhood,
    scale: Vector[np.int32],
    cells: Cells,
    tables: Tables,
    coder: RangeCoder,
) -> int:
    """Spec shape/detail-layer. Code the low parts of ``zigzag``; when decoding, they are added to it, which holds high
    parts in place, and magnitudes are filled.

    ``scale`` is the magnitude of each residual. The last table is for samples whose high part is not zero.
    """
    largest = tables.trees.shape[1] - 1
    for y in range(zigzag.shape[0]):
        for x in range(zigzag.shape[1]):
            residual = int(zigzag[y, x])
            table = tables.trees.shape[0] - 1
            if residual <= largest:
                table = _level(neighbourhood, y, x) * cells.tables + int(cells.numbers[y, x])
            low = code_symbol(encode, residual & largest, tables.trees[table], tables.adaptation, coder)
            zigzag[y, x] = residual | low
            neighbourhood.magnitudes[y + TOP, x + SIDE] = scale[zigzag[y, x]]
    return OK
