"""Steps that few coefficients tell of, settled by which of them samples come out of: an encoder's affair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel
from sofc.jit.types import Table, Vector
from sofc.jpeg.dct import SIDE, SIZE, Coefficients
from sofc.jpeg.origin import Steps
from sofc.jpeg.solve import HOPELESS, Guessed, Inversion, Scratch, scratch, solve_block
from sofc.jpeg.steps import LARGEST_STEP

FARTHEST, MOST_BLOCKS = 2, 48
"""Steps are tried so far off on at most so many blocks of a component."""
TOO_FINE = 4
"""Where coefficients are 0 or so many steps and more, steps are tried that are so many times as large and more."""
MISSED_BITS, STEP_BITS = 5, 2
"""About what it takes that a sample does not come out, and, for each coefficient, that a step is half as large: by
steps of 1 anything comes out, also of blocks that were painted over in part."""
FEW = 0.1
"""Share of coefficients that may be smaller: some blocks are never right."""


def settled(components: Sequence[Guessed], coefficients: Sequence[Coefficients], table: Steps, inverse: int) -> Steps:
    """The table by which components take least, of those that are nearly ``table``, by which they have these
    coefficients."""
    table, room, block = table.copy(), scratch(), np.zeros(SIZE, np.int32)
    counts = sum(np.count_nonzero(each, axis=(0, 1)) for each in coefficients)
    for frequency in np.argsort(-np.asarray(counts), kind="stable").tolist():
        blocks = _blocks_with(components, coefficients, frequency)
        if not blocks.guess.size:
            break
        steps = np.array(_near(int(table[frequency]), coefficients, frequency))
        costs = STEP_BITS * (blocks.guess.shape[1] // SIDE) * np.maximum(0, np.log2(table[frequency] / steps))
        tried = np.tile(table, (len(steps), 1))
        tried[:, frequency] = steps
        table = tried[best_table(blocks, Tried.of(tried, inverse, costs), block, room)]
    return table.copy()


class Tried(NamedTuple):
    """Tables that are tried, (tables, 64), each with the rest of its ``Inversion``, and what it costs, in bits."""

    tables: Table[np.int64]
    multipliers: Table[np.int64]
    inverse: int
    loss: int
    parts: Table[np.int64]
    costs: Vector[np.float64]

    @classmethod
    def of(cls, tables: npt.NDArray[np.int64], inverse: int, costs: npt.NDArray[np.float64]) -> Tried:
        """Those of a kind of inverse transform."""
        return cls(*Inversion.of(tables, inverse), costs)


@kernel
def best_table(blocks: Guessed, tried: Tried, block: Vector[np.int32], room: Scratch) -> int:
    """The number of the first table by which ``blocks``, side by side, take least: samples that do not come out, and
    what it costs. ``block``: scratch (64,)."""
    best, least = 0, 0.0
    for number in range(tried.tables.shape[0]):
        table, multipliers, parts = tried.tables[number], tried.multipliers[number], tried.parts[number]
        inversion = Inversion(table, multipliers, tried.inverse, tried.loss, parts)
        bits = tried.costs[number]
        for column in range(blocks.guess.shape[1] // SIDE):
            if number > 0 and bits >= least:
                break
            for i in range(SIZE):
                block[i] = 0
            bits += MISSED_BITS * solve_block(blocks, 0, column, inversion, HOPELESS, block, room)
        if number == 0 or bits < least:
            best, least = number, bits
    return best


def _near(now: int, coefficients: Sequence[Coefficients], frequency: int) -> list[int]:
    """Steps that may be meant by ``now``, those that are to be preferred first."""
    sizes = np.abs(np.concatenate([each[:, :, frequency].reshape(-1) for each in coefficients]))
    least = int(np.quantile(sizes[sizes > 0], FEW, method="lower"))
    centres = [least * now // parts for parts in range(1, TOO_FINE + 1)] if least >= TOO_FINE else []
    away = sorted(range(-FARTHEST, FARTHEST + 1), key=abs)
    return [centre + off for centre in (*centres, now) for off in away if 1 <= centre + off <= LARGEST_STEP]


def _blocks_with(components: Sequence[Guessed], coefficients: Sequence[Coefficients], frequency: int) -> Guessed:
    """Blocks that have a coefficient, side by side."""
    found = []
    for guessed, each in zip(components, coefficients, strict=True):
        rows, columns = np.nonzero(each[:, :, frequency])
        chosen = np.arange(min(MOST_BLOCKS, len(rows))) * len(rows) // max(1, min(MOST_BLOCKS, len(rows)))
        down = SIDE * rows[chosen] + np.arange(SIDE)[:, None]
        across = SIDE * columns[chosen] + np.arange(SIDE)[:, None]
        # (rows of a block, blocks, columns of a block)
        inside = down[:, :, None], across.T[None]
        found.append([plane[inside].reshape(SIDE, -1) for plane in guessed])
    return Guessed(*(np.concatenate(each, axis=1) for each in zip(*found, strict=True)))
