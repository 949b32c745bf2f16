"""Spec dct/references: what the coefficients of one component say of those of another that has other samples.

The samples of the one are added up over what a sample of the other stands for, and transformed back into coefficients:
edges stay where they are, at any ratio of the sampling factors.
"""

from __future__ import annotations

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
WORK = 2 * SIZE


@kernel
def sample(values: Cube[np.int32], samples: Table[np.int32], work: Vector[np.int64]) -> int:
    """Spec dct/references. Fill ``samples`` (8 * rows of blocks, 8 * blocks in a row), in 1/16, from ``values`` (rows
    of blocks + 1, blocks in a row + 2, 64) with their border. ``work`` (WORK,):
    scratch. Returns 0.
    """
    block = work[:SIZE]
    for row in range(samples.shape[0] // SIDE):
        for column in range(samples.shape[1] // SIDE):
            for i in range(SIZE):
                block[i] = values[row + 1, column + 1, i]
            invert(block)
            for i in range(SIZE):
                shifted = (block[i] - SAMPLE_HALF) >> SAMPLE_SHIFT
                samples[SIDE * row + (i >> 3), SIDE * column + (i & 7)] = max(-SAMPLE_LIMIT, min(SAMPLE_LIMIT, shifted))
    return 0


@inlined
def _add_up(
    samples: Table[np.int32], source: Grid, target: Grid, row: int, places: Vector[np.int64], sums: Vector[np.int64]
) -> None:
    """For each sample of a block in ``row`` of ``target``, the sum of the samples of ``source`` that it stands for;
    ``places``: their columns."""
    for i in range(SIZE):
        sums[i] = 0
    for i in range(SIDE * target.down):
        y = (source.top - target.top + SIDE * target.down * row + i) // source.down
        y = max(0, min(samples.shape[0] - 1, y))
        first = SIDE * (i // target.down)
        for j in range(SIDE):
            for b in range(target.across):
                sums[first + j] += samples[y, places[target.across * j + b]]


@kernel
def refer(
    samples: Table[np.int32],
    source: Grid,
    target: Grid,
    numbers: Cube[np.int32],
    work: Vector[np.int64],
    places: Vector[np.int64],
) -> int:
    """Spec dct/references. Fill ``numbers`` (rows of blocks + 1, blocks in a row + 2, 64), but for its border, with
    what ``samples`` of a component on the grid ``source`` say of one on ``target``. ``work`` (WORK,) and ``places``
    (8 * ``across`` * blocks in a row,): scratch. Returns 0.
    """
    area = 16 * target.down * target.across
    half, whole = np.int64(area) << (2 * BASIS_BITS - 1), np.int64(area) << (2 * BASIS_BITS)
    # Most areas are powers of two, and 64 divisions a block take as long as all the rest.
    shift = 0
    while whole >> shift > 1:
        shift += 1
    is_power = whole == np.int64(1) << shift
    sums, lines = work[:SIZE], work[SIZE:]
    for i in range(places.shape[0]):
        places[i] = max(0, min(samples.shape[1] - 1, (source.left - target.left + i) // source.across))
    for row in range(numbers.shape[0] - 1):
        for column in range(numbers.shape[1] - 2):
            _add_up(samples, source, target, row, places[SIDE * target.across * column :], sums)
            for u in range(SIDE):
                for x in range(SIDE):
                    total = np.int64(0)
                    for y in range(SIDE):
                        total += BASIS[u, y] * sums[SIDE * y + x]
                    lines[SIDE * u + x] = total
            for u in range(SIDE):
                for v in range(SIDE):
                    total = half
                    for x in range(SIDE):
                        total += BASIS[v, x] * lines[SIDE * u + x]
                    numbers[row + 1, column + 1, SIDE * u + v] = total >> shift if is_power else total // whole
    return 0
