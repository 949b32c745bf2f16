"""Spec dct/references: what the coefficients of one component say of those of another that has other samples.

The samples of the one are added up over what a sample of the other stands for, and transformed back into coefficients:
edges stay where they are, at any ratio of the sampling factors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.dct import BASIS, BASIS_BITS, ROW_SHIFT, SIDE, SIZE, Grid, invert

SAMPLE_SHIFT = 14
"""What the inverse transform gives, shifted by so many bits, are samples in 1/16."""
SAMPLE_HALF = (1 << (ROW_SHIFT - 1)) - (1 << (SAMPLE_SHIFT - 1))
"""What the inverse transform adds for rounding to samples, less what rounding to 1/16 wants."""
SAMPLE_LIMIT = 1 << 20
"""Such samples lie within this."""


@kernel
def sample(values: Cube[np.int32], samples: Table[np.int32], work: Vector[np.int64]) -> int:
    """Spec dct/references. Fill ``samples`` (8 * rows of blocks, 8 * blocks in a row), in 1/16, from ``values`` (rows
    of blocks + 1, blocks in a row + 2, 64) with their border. ``work`` (64,): scratch. Returns 0.
    """
    for row in range(samples.shape[0] // SIDE):
        for column in range(samples.shape[1] // SIDE):
            for i in range(SIZE):
                work[i] = values[row + 1, column + 1, i]
            invert(work)
            for i in range(SIZE):
                shifted = (work[i] - SAMPLE_HALF) >> SAMPLE_SHIFT
                samples[SIDE * row + (i >> 3), SIDE * column + (i & 7)] = max(-SAMPLE_LIMIT, min(SAMPLE_LIMIT, shifted))
    return 0


class Lines(NamedTuple):
    """What ``refer`` works in, for a row of blocks of the target.

    ``sums`` (8, samples in a row): of the source's samples that each sample stands for; ``transformed``, of that shape:
    the same, their columns transformed; ``tall`` (samples in a row of the source,): sums of some of its rows;
    ``places`` (samples in a row times ``across``,): the source's columns that the target's samples stand for.
    """

    sums: Table[np.int32]
    transformed: Table[np.int64]
    tall: Vector[np.int32]
    places: Vector[np.int64]

    @classmethod
    def of(cls, source_width: int, width: int, across: int) -> Lines:
        """Room for lines of so many samples."""
        sums, transformed = np.zeros((SIDE, width), np.int32), np.zeros((SIDE, width), np.int64)
        return cls(sums, transformed, np.zeros(source_width, np.int32), np.zeros(across * width, np.int64))


@inlined
def _add_up(samples: Table[np.int32], source: Grid, target: Grid, row: int, lines: Lines) -> None:
    """For each sample of a ``row`` of blocks of ``target``, the sum of the samples of ``source`` that it stands for."""
    tall, last = lines.tall, samples.shape[0] - 1
    for i in range(SIDE):
        tall[:] = 0
        for a in range(target.down):
            y = (source.top - target.top + target.down * (SIDE * row + i) + a) // source.down
            of_source = samples[max(0, min(last, y))]
            for x in range(tall.shape[0]):
                tall[x] += of_source[x]
        for j in range(lines.sums.shape[1]):
            total = np.int64(0)
            for b in range(target.across):
                total += tall[lines.places[target.across * j + b]]
            lines.sums[i, j] = total


@inlined
def _transform_columns(lines: Lines) -> None:
    """The forward transform of all columns of a row of blocks, many at a time."""
    for u in range(SIDE):
        line = lines.transformed[u]
        line[:] = 0
        for y in range(SIDE):
            factor, sums = np.int64(BASIS[u, y]), lines.sums[y]
            for j in range(line.shape[0]):
                line[j] += factor * np.int64(sums[j])


@kernel
def refer(samples: Table[np.int32], source: Grid, target: Grid, numbers: Cube[np.int32], lines: Lines) -> int:
    """Spec dct/references. Fill ``numbers`` (rows of blocks + 1, blocks in a row + 2, 64), but for its border, with
    what ``samples`` of a component on the grid ``source`` say of one on ``target``. ``lines``: scratch. Returns 0.
    """
    area = 16 * target.down * target.across
    half, whole = np.int64(area) << (2 * BASIS_BITS - 1), np.int64(area) << (2 * BASIS_BITS)
    # Most areas are powers of two, and 64 divisions a block take as long as all the rest.
    shift = 0
    while whole >> shift > 1:
        shift += 1
    is_power = whole == np.int64(1) << shift
    for i in range(lines.places.shape[0]):
        lines.places[i] = max(0, min(samples.shape[1] - 1, (source.left - target.left + i) // source.across))
    for row in range(numbers.shape[0] - 1):
        _add_up(samples, source, target, row, lines)
        _transform_columns(lines)
        for column in range(numbers.shape[1] - 2):
            for u in range(SIDE):
                for v in range(SIDE):
                    total = half
                    for x in range(SIDE):
                        total += BASIS[v, x] * lines.transformed[u, SIDE * column + x]
                    numbers[row + 1, column + 1, SIDE * u + v] = total >> shift if is_power else total // whole
    return 0
