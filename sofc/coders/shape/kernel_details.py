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
    weights of its own neighbours, the planes before's part of the activity, and rising thresholds."""

    magnitudes: Table[np.int32]
    weights: Vector[np.int32]
    activity: Table[np.int32]
    thresholds: Vector[np.int32]


class Layer(NamedTuple):
    """How the ``split`` low bits are coded. ``scale``: the magnitude of each residual; ``models``: 2**split
    of each table."""

    neighbourhood: Neighbourhood
    scale: Vector[np.int32]
    split: int
    models: Vector[np.uint32]


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
def code_details(encode: bool, zigzag: Table[np.int32], layer: Layer, stream: Stream) -> int:
    """Spec shape/detail-layer. Code the low parts of ``zigzag``; when decoding, they are added to it, which holds high
    parts in place. The last table is for samples whose high part is not zero. Returns 0."""
    split, models, magnitudes = layer.split, layer.models, layer.neighbourhood.magnitudes
    largest, last = (1 << split) - 1, layer.neighbourhood.thresholds.size + 1
    for y in range(zigzag.shape[0]):
        for x in range(zigzag.shape[1]):
            residual = int(zigzag[y, x])
            table = _level(layer.neighbourhood, y, x) if residual <= largest else last
            zigzag[y, x] = residual | code_graded(encode, residual & largest, split, table << split, models, stream)
            magnitudes[y + TOP, x + SIDE] = layer.scale[zigzag[y, x]]
    return 0
