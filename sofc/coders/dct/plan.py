"""What a trained model of coefficients knows of one component."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sofc.coders.dct import kernel
from sofc.entropy.contexts import block_starts
from sofc.entropy.mixture import MixingState
from sofc.jpeg.dct import SIZE, Integers

CONTEXTS: Integers = np.array(
    [
        (1, 14, 13, 0),
        (1, 11, 12, 2),
        (2, 5, 17, 0),
        (1, 6, 7, 0),
        (22, 5, 18, 0),
        (1, 24, 5, 0),
        (1, 19, 20, 2),
        (17, 21, 23, 24),
        (1, 18, 14, 0),
        (1, 12, 22, 0),
        (1, 11, 14, 0),
        (1, 2, 14, 0),
    ],
    np.int64,
)
"""Terms of each context, best first; NO_TERM past the last."""

GROUPS: Integers = np.array(
    [
        (25, 31, 18, 0),
        (25, 28, 29, 16),
        (25, 14, 15, 0),
        (25, 26, 27, 0),
        (25, 30, 14, 15),
        (25, 30, 31, 0),
        (25, 14, 28, 0),
        (25, 15, 29, 0),
        (25, 16, 31, 0),
        (25, 18, 0, 0),
        (25, 28, 30, 0),
        (25, 29, 30, 0),
    ],
    np.int64,
)
"""The same for diagonals."""

EFFORTS = {2: (3, 1), 3: (4, 1), 4: (5, 1), 5: (6, 2), 6: (7, 2), 7: (8, 2), 8: (10, 3), 9: (12, 3)}
"""Contexts and weight sets that each effort uses."""


@dataclass(frozen=True, eq=False)
class ComponentPlan:
    """How coefficients of a component, and the sizes of what is foretold wrong, are foretold.

    ``mean_weights`` (64, MEANS) and ``size_weights`` (64, SIZES), in 1/4096; ``block_bits`` (contexts,): each context
    has 2**block_bits blocks of counters.
    """

    mean_weights: Integers
    size_weights: Integers
    block_bits: Integers

    @classmethod
    def blank(cls, block_bits: int) -> ComponentPlan:
        """One that foretells zeros, whose contexts all have 2**block_bits blocks."""
        weights = np.zeros((SIZE, kernel.MEANS), np.int64), np.zeros((SIZE, kernel.SIZES), np.int64)
        return cls(*weights, np.full(len(CONTEXTS), block_bits, np.int64))

    def blocks(self, contexts: int) -> Integers:
        """Where the blocks of the first contexts start, and where the last one's end."""
        return block_starts(self.block_bits[:contexts])


@dataclass(frozen=True, eq=False)
class ComponentModel:
    """One component at one effort: its plan, the weight sets averaged, and the state that a band starts from."""

    plan: ComponentPlan
    contexts: int
    sets: int
    start: MixingState

    @cached_property
    def blocks(self) -> Integers:
        """Where the blocks of those contexts start, and where the last one's end."""
        return self.plan.blocks(self.contexts)
