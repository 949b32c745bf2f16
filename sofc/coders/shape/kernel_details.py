"""The detail layer (Spec shape/detail-layer): the table of each low part, and coding sample after sample."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import Stream
from sofc.entropy.bit_models import code_graded
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

TOP = 2
SIDE = 2
BOTTOM = 1
"""Rows and columns of zeros around magnitudes."""


class Neighbourhood(NamedTuple):
    """What the level of a sample follows from: padded magnitudes of its plane, filled as these become known, the
    weights of its own neighbours, the planes before's part of the activity; levels are 2**``level_bits`` of that each,
    and there are ``levels`` above the first."""

    magnitudes: Table[np.int32]
    weights: Vector[np.int32]
    activity: Table[np.int32]
    level_bits: int
    levels: int


class Layer(NamedTuple):
    """How the ``split`` low bits are coded. ``scale``: the magnitude of each residual; ``models``: 2**split
    of each table."""

    neighbourhood: Neighbourhood
    scale: Vector[np.int32]
    split: int
    models: Vector[np.uint32]


@inlined
def _level(neighbourhood: Neighbourhood, y: int, x: int) -> int:
    """The level of the activity: west, north, northwest, northeast, the second sample to the west, the second to the
    north, and the planes before."""
    magnitudes, weights, before, level_bits, levels = neighbourhood
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
    return max(0, min(levels, (activity + (1 << (level_bits - 1))) >> level_bits))


@kernel
def code_details(encode: bool, zigzag: Table[np.int32], layer: Layer, stream: Stream) -> int:
    """Spec shape/detail-layer. Code the low parts of ``zigzag``; when decoding, they are added to it, which holds high
    parts in place. The last table is for samples whose high part is not zero. Returns 0."""
    split, models, magnitudes = layer.split, layer.models, layer.neighbourhood.magnitudes
    largest, last = (1 << split) - 1, layer.neighbourhood.levels + 1
    for y in range(zigzag.shape[0]):
        for x in range(zigzag.shape[1]):
            residual = int(zigzag[y, x])
            table = _level(layer.neighbourhood, y, x) if residual <= largest else last
            zigzag[y, x] = residual | code_graded(encode, residual & largest, split, table << split, models, stream)
            magnitudes[y + TOP, x + SIDE] = layer.scale[zigzag[y, x]]
    return 0
