"""The detail layer (Spec shape/detail-layer): the context of each low part, and coding sample after sample."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import OK, Stream
from sofc.entropy.bit_models import code_graded
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

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


class Classes(NamedTuple):
    """The residuals of the nearest plane before, of so many ``classes``, which ``near`` and ``far`` bound, 1 for none;
    and the ``phases`` of columns."""

    reference: Table[np.int32]
    near: int
    far: int
    classes: int
    phases: int


class Layer(NamedTuple):
    """How the ``split`` low bits of residuals are coded; ``scale``: the magnitude of each residual. ``models``:
    2**split for each table, of which the last is for samples whose high part is not zero."""

    neighbourhood: Neighbourhood
    scale: Vector[np.int32]
    classes: Classes
    split: int
    models: Vector[np.uint32]


@kernel
def fill_magnitudes(zigzag: Table[np.int32], scale: Vector[np.int32], magnitudes: Table[np.int32]) -> int:
    """The magnitude of each residual, which ``scale`` has, into a padded table."""
    for y in range(zigzag.shape[0]):
        for x in range(zigzag.shape[1]):
            magnitudes[y + TOP, x + SIDE] = scale[zigzag[y, x]]
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


@inlined
def _table(neighbourhood: Neighbourhood, classes: Classes, y: int, x: int) -> int:
    """Spec shape/detail-layer. The table of a sample: by its level, then its class by the nearest reference, then its
    column's phase."""
    number = 0
    if classes.classes > 1:
        residual = int(classes.reference[y, x])
        if residual > 0:
            number = 1 + (residual & 1) + 2 * int(residual > classes.near) + 2 * int(residual > classes.far)
    # The next sample waits for this one: a division that is not needed would take a twentieth of the time.
    phase = x % classes.phases if classes.phases > 1 else 0
    return (_level(neighbourhood, y, x) * classes.classes + number) * classes.phases + phase


@kernel
def fill_tables(neighbourhood: Neighbourhood, classes: Classes, numbers: Table[np.int32]) -> int:
    """The table of every sample, as if all high parts were zero."""
    for y in range(numbers.shape[0]):
        for x in range(numbers.shape[1]):
            numbers[y, x] = _table(neighbourhood, classes, y, x)
    return OK


@kernel
def code_details(encode: bool, zigzag: Table[np.int32], layer: Layer, stream: Stream) -> int:
    """Spec shape/detail-layer. Code the low parts of ``zigzag``; when decoding, they are added to it, which holds high
    parts in place, and magnitudes are filled. Returns OK or TOO_LONG."""
    split, models, magnitudes = layer.split, layer.models, layer.neighbourhood.magnitudes
    largest, last = (1 << split) - 1, (models.size >> split) - 1
    for y in range(zigzag.shape[0]):
        for x in range(zigzag.shape[1]):
            residual = int(zigzag[y, x])
            table = last
            if residual <= largest:
                table = _table(layer.neighbourhood, layer.classes, y, x)
            low = code_graded(encode, residual & largest, split, table << split, models, stream)
            if low < 0:
                return low
            zigzag[y, x] = residual | low
            magnitudes[y + TOP, x + SIDE] = layer.scale[zigzag[y, x]]
    return OK
