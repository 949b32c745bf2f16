"""What a trained bilevel model knows of one plane: contexts, counters, mixers, and perhaps a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.bilevel import kernel as bilevel
from sofc.entropy import mixing
from sofc.entropy.bit_models import NEUTRAL, Integers

NEIGHBOURS = sorted(
    (
        (-up, across)
        for up in range(bilevel.REACH + 1)
        for across in range(-bilevel.REACH, bilevel.REACH + 1)
        if up > 0 or across < 0
    ),
    key=lambda place: (place[0] ** 2 + place[1] ** 2, place),
)
"""Coded neighbours (row, column) relative to the sample: nearest first, then from the top, then from the left."""


class Context(NamedTuple):
    """The nearest ``neighbours``, and numbers of up to three terms of ``bilevel.code_plane``."""

    neighbours: int
    terms: tuple[int, ...] = ()


LARGE = (
    Context(12), Context(24), Context(10, (4, 6)), Context(36), Context(16), Context(6, (4, 6, 11)), Context(44),
    Context(20), Context(30, (6, 5)), Context(12, (4, 5)), Context(60), Context(12, (6, 11)), Context(28),
    Context(8), Context(20, (6,)), Context(4),
)  # fmt: skip
"""Contexts of images of any size, best first."""

SMALL = (
    Context(12, (7, 8)), Context(36), Context(8, (1,)), Context(16), Context(6, (4, 6, 11)), Context(25),
    Context(12, (4, 5)), Context(20, (2, 3)), Context(8), Context(44), Context(30, (2,)), Context(12, (6, 11)),
    Context(6, (8, 9, 7)), Context(6, (7, 9)), Context(12, (2,)), Context(12, (3,)), Context(4, (1,)), Context(20),
    Context(30), Context(12),
)  # fmt: skip
"""Contexts of images with terms of position, best first."""


class Effort(NamedTuple):
    """How many contexts an effort uses, and whether it asks the network."""

    contexts: int
    network: bool


EFFORTS = {
    2: Effort(2, False),
    3: Effort(4, False),
    4: Effort(5, False),
    5: Effort(7, False),
    6: Effort(10, False),
    7: Effort(13, False),
    8: Effort(13, True),
    9: Effort(20, True),
}


@dataclass(frozen=True)
class PlanePlan:
    """What all efforts share but for counters and network.

    ``slot_bits``: each context has 2**slot_bits counters. ``skip_quiet`` and ``rate`` as ``code_plane`` has them.
    """

    contexts: tuple[Context, ...]
    slot_bits: int
    skip_quiet: bool
    rate: int

    def places(self, contexts: int) -> Integers:
        """Where the counters of the first contexts begin, and where the last one's end."""
        return np.arange(contexts + 1, dtype=np.int64) << self.slot_bits

    def table(self, used: int) -> Integers:
        """The first ``used`` contexts as the kernel takes them, shape (used, CONTEXT_COLUMNS)."""
        rows = [[*masks(size), *terms, 0, 0, 0][: bilevel.CONTEXT_COLUMNS] for size, terms in self.contexts[:used]]
        return np.array(rows, np.int64)


def masks(neighbours: int) -> list[int]:
    """Which bits of the window's three words hold the nearest ``neighbours``.

    Word 0: six samples of the own row (bit k is column -1-k), then two rows of 13 (bit k is column 6-k) from bits
    6 and 19 on: rows -1 and -2. Word 1: rows -3 and -4 from bits 0 and 13 on. Word 2: rows -5 and -6.
    """
    words = [0, 0, 0]
    for row, column in NEIGHBOURS[:neighbours]:
        if row == 0:
            words[0] |= 1 << (-1 - column)
        else:
            word, start = ((0, 6), (0, 19), (1, 0), (1, 13), (2, 0), (2, 13))[-row - 1]
            words[word] |= 1 << (start + bilevel.REACH - column)
    return words


@dataclass(frozen=True, eq=False)
class Network:
    """Weights of ``bilevel.opinion``, int32: (INPUTS + 1, n), (m, n + 1) and (1, m + 1)."""

    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]
    third: npt.NDArray[np.int32]


NO_NETWORK = Network(
    np.zeros((bilevel.INPUTS + 1, 1), np.int32), np.zeros((1, 2), np.int32), np.zeros((1, 2), np.int32)
)
"""What the kernel is given where the network is not asked."""


@dataclass(eq=False)
class PlaneState:
    """What coding a plane learns; the arrays of ``bilevel.code_plane``."""

    counters: npt.NDArray[np.uint32]
    trust: npt.NDArray[np.int32]
    mixers: npt.NDArray[np.int32]
    blend: npt.NDArray[np.int32]
    final: npt.NDArray[np.int32]
    quiet: npt.NDArray[np.int32]

    @classmethod
    def neutral(cls, contexts: int, slot_bits: int, network: bool) -> PlaneState:
        """The state before anything was seen."""
        return cls(
            np.full(contexts << slot_bits, NEUTRAL, np.uint32),
            np.tile(squash(TRUST_NEUTRAL), (contexts, bilevel.TRUST_ROWS)),
            neutral_mixers(contexts, network),
            np.full((bilevel.FINAL_SETS, len(bilevel.MIXER_SETS)), 65536 // len(bilevel.MIXER_SETS), np.int32),
            np.tile(squash(FINAL_NEUTRAL), (bilevel.MAP_ROWS, 1)),
            np.full((1, bilevel.QUIET_PLACES), 1 << (bilevel.QUIET_BITS - 10), np.int32),
        )

    def tables(self) -> tuple[npt.NDArray[np.int32], ...]:
        """All but the counters, in the order of the fields."""
        return self.trust, self.mixers, self.blend, self.final, self.quiet

    def copy(self) -> PlaneState:
        """A state of its own to start from this one."""
        return PlaneState(self.counters.copy(), *(table.copy() for table in self.tables()))


TRUST_NEUTRAL: Integers = np.clip(np.arange(bilevel.TRUST_COLUMNS) * 128 - 2496, -2048, 2048)
"""Stretched probability in a cell of a trust map before training: that of the counters that lead there."""
FINAL_NEUTRAL: Integers = np.arange(bilevel.MAP_COLUMNS) * 128 - 2048
"""Stretched probability at each column of the final map before training: the map then changes nothing."""


def squash(stretched: Integers) -> npt.NDArray[np.int32]:
    """Probabilities in 1/65536 of stretched ones."""
    inside = np.clip(stretched, -mixing.STRETCH_LIMIT, mixing.STRETCH_LIMIT)
    return mixing.SQUASH[inside + mixing.STRETCH_LIMIT].astype(np.int32)


def neutral_mixers(contexts: int, network: bool) -> npt.NDArray[np.int32]:
    """Weights before training: 1.3 / n for each of n contexts, or 0.6 / n and 0.6 for the network; constant 0."""
    mixers = np.zeros((sum(bilevel.MIXER_SETS), contexts + 1 + network), np.int32)
    mixers[:, :contexts] = (6 if network else 13) * 65536 // (10 * contexts)
    if network:
        mixers[:, contexts] = 6 * 65536 // 10
    return mixers
