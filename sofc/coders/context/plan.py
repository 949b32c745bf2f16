"""What a trained context model knows of one plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.context import kernel
from sofc.entropy import mixing
from sofc.entropy.binary import EVEN, Integers
from sofc.entropy.mixers import identity_map, neutral_mixers
from sofc.entropy.trained import NEUTRAL_COUNTER
from sofc.prediction import bank
from sofc.prediction.online import WIDEST

WITH_REFERENCES = (
    (
        (7, 8, 18), (35, 36, 32), (20, 21, 50), (18, 19, 8), (22, 7, 8), (7, 18, 48), (59, 8), (61, 48),
        (39, 40, 18, 19), (22, 23), (24, 48), (37, 39, 8, 55), (48, 50), (52, 48), (32, 50), (9, 10),
        (38, 40, 7, 55), (0, 2, 1, 49), (52, 50, 55), (7, 8), (35, 7), (37, 38, 0, 1), (1, 3),
    ),
    (
        (7, 8, 18), (52, 50, 55), (9, 0, 1), (35, 36, 32), (10, 11, 48), (37, 39, 8, 55), (4, 0), (61, 48),
        (13, 3), (58, 59, 50), (38, 40, 7, 55), (48, 50), (52, 48), (32, 50), (9, 10), (24, 48),
        (0, 2, 1, 49), (22, 23), (20, 21, 50), (7, 8), (35, 7), (37, 38, 0, 1), (1, 3),
    ),
)  # fmt: skip
"""Contexts of a plane that has references, best first, as numbers of terms: candidates that training chooses from.

The first suits samples as they were taken, the second planes that went through JPEG. All were chosen greedily."""

WITHOUT_REFERENCES = (
    (
        (6, 48), (5, 1), (4, 0), (0, 1, 50), (12, 13), (17, 9), (32, 49), (61, 48),
        (58, 0), (52, 0, 1), (16, 15, 50), (48, 50), (9, 10), (0, 2, 1, 49), (1, 3, 49), (52, 48),
        (32, 50), (11, 12), (13, 3), (33, 34), (56, 57, 49), (9, 0, 1), (10, 11, 48),
    ),
    (
        (58, 59, 53), (12, 13), (32, 49), (59, 1), (52, 53), (58, 0), (10, 11, 48), (61, 48),
        (32, 50), (17, 9), (32, 53), (48, 50), (0, 1, 50), (9, 10), (0, 2, 1, 49), (1, 3, 49),
        (52, 48), (6, 48), (11, 12), (4, 0), (5, 1), (33, 34), (9, 0, 1),
    ),
)  # fmt: skip
"""The same for a plane without references: the first suits 8 bits, the second more."""

EFFORTS = {2: (3, 1), 3: (4, 1), 4: (5, 1), 5: (5, 2), 6: (7, 2), 7: (15, 2), 8: (15, 3), 9: (23, 3)}
"""Contexts and weight sets that each effort uses."""


OF_ONE = {5: (9, 3), 6: (11, 3), 7: (15, 3), 8: (19, 3)}
"""The same where there is only one plane: then there is time for more."""


def shapes(planes: int) -> dict[int, tuple[int, int]]:
    """Contexts and weight sets of each effort, for so many planes."""
    return {effort: OF_ONE.get(effort, shape) if planes == 1 else shape for effort, shape in EFFORTS.items()}


@dataclass(frozen=True, eq=False)
class Prediction:
    """How the samples of one plane, and the sizes of their errors, are foretold.

    ``references``: numbers of the planes it is predicted from, nearest first, at most two. ``thresholds``: activities
    that split predictor classes. ``weights`` (classes, taps): the bank. ``offsets`` (classes,) and ``mark_weights``
    (bank.MARK_WEIGHTS,): the energy. All int64. ``adapts``: whether predictions are corrected by local least squares.
    ``shift``: scale of the plane's differences.
    """

    references: tuple[int, ...]
    class_map: int
    thresholds: Integers
    weights: Integers
    offsets: Integers
    mark_weights: Integers
    adapts: bool
    shift: int

    def adapts_to(self, width: int) -> bool:
        """Whether the predictions of planes of this width are corrected."""
        return self.adapts and width <= WIDEST


@dataclass(frozen=True, eq=False)
class PlanePlan:
    """How one plane is predicted and which contexts its decisions have.

    ``levels`` (15,): energies that split the levels. ``low_bits`` (16,): plain
    bits of the magnitude by level. ``contexts`` (n, 4): terms. ``block_bits`` (n,): each context has 2**block_bits
    blocks of counters. All int64. ``recalls``: whether it is first asked what followed the same neighbours before.
    """

    prediction: Prediction
    levels: Integers
    low_bits: Integers
    contexts: Integers
    block_bits: Integers
    recalls: bool

    def level_of(self) -> Integers:
        """Level of each energy, shape (bank.ENERGIES,)."""
        return np.searchsorted(self.levels, np.arange(bank.ENERGIES), side="left").astype(np.int64)

    def blocks(self, contexts: int) -> Integers:
        """Where the blocks of the first contexts start, and where the last one's end."""
        return np.concatenate([[0], np.cumsum(1 << self.block_bits[:contexts])]).astype(np.int64)


def context_table(contexts: tuple[tuple[int, ...], ...]) -> Integers:
    """Terms of each context, -1 past the last."""
    table = np.full((len(contexts), 4), -1, np.int64)
    for row, terms in zip(table, contexts, strict=True):
        row[: len(terms)] = terms
    return table


@dataclass(eq=False)
class PlaneState:
    """What coding a plane in so many contexts learns; the arrays of ``kernel.code_plane``."""

    contexts: int
    counters: npt.NDArray[np.uint32]
    mixers: npt.NDArray[np.int32]
    final: npt.NDArray[np.int32]
    direct: npt.NDArray[np.int32]

    @classmethod
    def neutral(cls, contexts: int, blocks: int) -> PlaneState:
        """The state before anything was seen; ``blocks`` of all contexts."""
        counters = np.full(blocks * mixing.BLOCK, NEUTRAL_COUNTER, np.uint32)
        return cls(contexts, counters, neutral_mixers(contexts), identity_map(), np.full(_DIRECT, EVEN, np.int32))

    def copy(self) -> PlaneState:
        """A state of its own to start from this one."""
        return PlaneState(
            self.contexts, self.counters.copy(), self.mixers.copy(), self.final.copy(), self.direct.copy()
        )


_DIRECT = kernel.DIRECT_PLACES + kernel.GAMMA_PLACES + kernel.RECALL_PLACES
