"""What a trained context model knows of one plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.kernels import bank, mixing
from sofc.kernels.binary import EVEN, Integers

WITH_REFERENCES = (
    (13, 14, 32), (28, 30, 14, 20), (0, 2), (5, 0), (3, 2), (15, 16), (26, 27, 3), (29, 31, 13, 20),
    (40, 0), (6, 8, 7, 1), (36, 37), (34, 35, 2), (5, 2, 20), (13, 14), (26, 13), (28, 29, 6, 7),
    (13, 32, 14), (6, 7), (7, 9), (12, 0), (20, 0), (20, 2, 13), (17, 18), (21, 26, 41), (22, 26, 42), (21, 22),
)  # fmt: skip
"""Contexts of a plane that has references, best first, as numbers of terms."""

WITHOUT_REFERENCES = (
    (0, 2), (6, 7, 2), (15, 16), (6, 8, 7, 1), (7, 9, 1), (5, 0), (3, 2), (12, 0),
    (17, 18), (10, 6), (11, 7), (19, 9), (5, 2, 20), (21, 22), (3, 1), (23, 24, 1),
    (15, 6, 7), (20, 0), (25, 8), (16, 17, 0), (23, 3), (24, 3), (5, 6, 7), (18, 19), (9, 11, 1), (4, 2),
)  # fmt: skip

EFFORTS = {2: (4, 1), 3: (6, 2), 4: (7, 2), 5: (8, 2), 6: (11, 2), 7: (14, 3), 8: (20, 3), 9: (26, 3)}
"""Contexts and weight sets that each effort uses."""


@dataclass(frozen=True, eq=False)
class PlanePlan:
    """How one plane is predicted and which contexts its decisions have.

    ``references``: numbers of the planes it is predicted from, nearest first, at most two. ``shift``: scale of
    its differences. ``thresholds``: activities that split predictor classes. ``levels`` (15,): energies that
    split the levels. ``low_bits`` (16,): plain bits of the magnitude by level. ``contexts`` (n, 4): terms.
    ``weights`` (classes, taps): the bank. All int64.
    """

    references: tuple[int, ...]
    class_map: int
    shift: int
    slot_bits: int
    thresholds: Integers
    levels: Integers
    low_bits: Integers
    contexts: Integers
    weights: Integers


def context_table(contexts: tuple[tuple[int, ...], ...]) -> Integers:
    """Terms of each context, -1 past the last."""
    table = np.full((len(contexts), 4), -1, np.int64)
    for row, terms in zip(table, contexts, strict=True):
        row[: len(terms)] = terms
    return table


@dataclass(eq=False)
class PlaneState:
    """What coding a plane learns; the arrays of ``mixing.code_plane``."""

    counters: npt.NDArray[np.uint32]
    mixers: npt.NDArray[np.int32]
    final: npt.NDArray[np.int32]
    direct: npt.NDArray[np.int32]

    @classmethod
    def neutral(cls, contexts: int, slot_bits: int) -> PlaneState:
        """The state before anything was seen."""
        counters = np.full((contexts, 1 << slot_bits), (1 << 21) << 10, np.uint32)
        return cls(counters, neutral_mixers(contexts), _identity_map(), np.full(_DIRECT, EVEN, np.int32))

    def copy(self) -> PlaneState:
        """A state of its own to start from this one."""
        return PlaneState(self.counters.copy(), self.mixers.copy(), self.final.copy(), self.direct.copy())


_DIRECT = mixing.DIRECT_PLACES + mixing.GAMMA_PLACES


def neutral_mixers(contexts: int) -> npt.NDArray[np.int32]:
    """Weights before training: 1.3 / n for each of n contexts, none for the constant."""
    mixers = np.zeros((sum(mixing.MIXER_SETS), contexts + 1), np.int32)
    mixers[:, :contexts] = 13 * 65536 // (10 * contexts)
    return mixers


def _identity_map() -> npt.NDArray[np.int32]:
    """The final map that changes nothing: column j stands for the stretched value 128 j - 2048."""
    stretched = np.arange(mixing.MAP_COLUMNS) * 128 - 2048
    column = mixing.SQUASH[stretched + mixing.STRETCH_LIMIT].astype(np.int32)
    return np.tile(column, (mixing.MAP_ROWS, 1))


def classes(class_map: int) -> int:
    """Predictors in the bank."""
    return bank.CLASSES[class_map]
