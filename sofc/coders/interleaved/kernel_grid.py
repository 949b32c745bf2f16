"""How much rows and columns of a piece of a plane differ from those beside them: what tells an encoder of the grid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.jit.decorators import kernel
from sofc.jit.types import Vector


class Changes(NamedTuple):
    """Sums over each row (``down``, (rows,)) and column (``across``, (columns,)), all zero before: of the absolute
    ``steps`` to the next one, and of how far the middle of it and the one after the next lies from the next, twice
    that (``bends``). Those that lead out of the piece stay zero."""

    steps_down: Vector[np.int32]
    steps_across: Vector[np.int32]
    bends_down: Vector[np.int32]
    bends_across: Vector[np.int32]


@kernel
def measure_changes(piece: Vector[np.int32], changes: Changes) -> int:
    """Fill in the changes of a piece (rows * columns,), whose samples have 18 bits at most and rows and columns 2^11.
    Returns 0."""
    rows, columns = changes.steps_down.shape[0], changes.steps_across.shape[0]
    for y in range(rows):
        here = piece[y * columns :]
        for i in range(columns - 1):
            changes.steps_across[i] += abs(here[i + 1] - here[i])
        for i in range(columns - 2):
            changes.bends_across[i] += abs(here[i] - 2 * here[i + 1] + here[i + 2])
        if y + 1 < rows:
            below, total = here[columns:], 0
            for i in range(columns):
                total += abs(below[i] - here[i])
            changes.steps_down[y] = total
        if y + 2 < rows:
            below, after, total = here[columns:], here[2 * columns :], 0
            for i in range(columns):
                total += abs(here[i] - 2 * below[i] + after[i])
            changes.bends_down[y] = total
    return 0
