"""Steps that few coefficients tell of, settled by which of them samples come out of: an encoder's affair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sofc.jpeg.dct import SIDE, Coefficients
from sofc.jpeg.origin import Steps
from sofc.jpeg.solve import Guessed, Inversion, Solved, scratch
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
    table = table.copy()
    room = scratch()

    def bits(parts: Sequence[Guessed], frequency: int, step: int) -> float:
        tried = table.copy()
        tried[frequency] = step
        inversion = Inversion.of(tried, inverse)
        found = 0.0
        for part in parts:
            blocks = part.guess.shape[1] // SIDE
            found += MISSED_BITS * Solved.of(part, inversion, room).missed
            found += STEP_BITS * blocks * max(0.0, float(np.log2(table[frequency] / step)))
        return found

    counts = sum(np.count_nonzero(each, axis=(0, 1)) for each in coefficients)
    for frequency in np.argsort(-np.asarray(counts), kind="stable").tolist():
        parts = [_blocks_with(*pair, frequency) for pair in zip(components, coefficients, strict=True)]
        parts = [part for part in parts if part.guess.size]
        if not parts:
            break
        steps = _near(int(table[frequency]), coefficients, frequency)
        table[frequency] = min(steps, key=lambda step: bits(parts, frequency, step))
    return table


def _near(now: int, coefficients: Sequence[Coefficients], frequency: int) -> list[int]:
    """Steps that may be meant by ``now``, those that are to be preferred first."""
    sizes = np.abs(np.concatenate([each[:, :, frequency].reshape(-1) for each in coefficients]))
    least = int(np.quantile(sizes[sizes > 0], FEW, method="lower"))
    centres = [least * now // parts for parts in range(1, TOO_FINE + 1)] if least >= TOO_FINE else []
    away = sorted(range(-FARTHEST, FARTHEST + 1), key=abs)
    return [centre + off for centre in (*centres, now) for off in away if 1 <= centre + off <= LARGEST_STEP]


def _blocks_with(guessed: Guessed, coefficients: Coefficients, frequency: int) -> Guessed:
    """Blocks that have a coefficient, side by side."""
    rows, columns = np.nonzero(coefficients[:, :, frequency])
    chosen = np.arange(min(MOST_BLOCKS, len(rows))) * len(rows) // max(1, min(MOST_BLOCKS, len(rows)))
    rows, columns = rows[chosen], columns[chosen]
    down = SIDE * rows + np.arange(SIDE)[:, None]
    across = SIDE * columns + np.arange(SIDE)[:, None]
    # (rows of a block, blocks, columns of a block)
    inside = down[:, :, None], across.T[None]
    return Guessed(*(np.ascontiguousarray(plane[inside].reshape(SIDE, -1)) for plane in guessed))
