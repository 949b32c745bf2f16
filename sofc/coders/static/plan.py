"""What a trained static model knows of one plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sofc.coders.static import kernel as static

Integers = npt.NDArray[np.int64]

SYMBOLS = 256
"""Room for the symbols of one context."""
MAX_REACH = 127


def taps(references: int) -> int:
    """Weights of a predictor: own samples, reference samples and the constant."""
    return static.OWN_TAPS + (0, static.FIRST_TAPS, static.FIRST_TAPS + static.SECOND_TAPS)[references] + 1


def marks(references: int) -> int:
    """Marks that the local energy is made of."""
    return static.OWN_MARKS + (0, static.FIRST_MARKS, static.FIRST_MARKS + static.SECOND_MARKS)[references]


@dataclass(frozen=True, eq=False)
class Prediction:
    """How one plane is predicted. All arrays int64.

    ``references``: numbers of the planes it is predicted from, nearest first, at most two. ``thresholds``:
    activities that split classes, rising. ``weights`` (classes, taps): the bank, in 1 / 2**WEIGHT_BITS.
    ``offsets`` (classes,) and ``mark_weights`` (MARK_WEIGHTS,): the local energy, in 1/256 mark.
    """

    references: tuple[int, ...]
    class_map: int
    thresholds: Integers
    weights: Integers
    offsets: Integers
    mark_weights: Integers

    def tables(self, largest: int) -> tuple[static.Weights, static.Weights]:
        """``weights``, and as a grid table, of a type that holds any sum over samples of -largest .. largest."""
        return self._narrow if largest * self._gain < (1 << 31) - self._constant else self._wide

    @cached_property
    def _gain(self) -> int:
        return max(int(np.abs(self.weights).sum(axis=1).max()), 2 << static.WEIGHT_BITS)

    @cached_property
    def _constant(self) -> int:
        return static.CONSTANT * int(np.abs(self.weights[:, -1]).max())

    @cached_property
    def _narrow(self) -> tuple[static.Weights, static.Weights]:
        weights, table = self._wide
        return weights.astype(np.int32), table.astype(np.int32)

    @cached_property
    def _wide(self) -> tuple[static.Weights, static.Weights]:
        """The grid table, shape (PERIOD, TAPS * SPAN), has a row for each row of the grid.

        In it stand tap after tap, for each level a block, periodic; last the weighted constant.
        """
        if self.class_map != static.GRID:
            return self.weights, np.zeros((static.PERIOD, 0), np.int64)
        bank = self.weights.reshape(static.PERIOD, static.PERIOD, static.LEVELS, -1).transpose(0, 3, 2, 1)
        blocks = np.tile(bank, static.BLOCK // static.PERIOD)
        table = np.zeros((static.PERIOD, static.TAPS, static.LEVELS, static.BLOCK), np.int64)
        table[:, : blocks.shape[1] - 1] = blocks[:, :-1]
        table[:, -1] = static.CONSTANT * blocks[:, -1]
        return self.weights, table.reshape(static.PERIOD, -1)


@dataclass(frozen=True, eq=False)
class Levels:
    """Which context codes a sample. All arrays int64.

    ``edges`` (levels - 1,): energies, rising, at which the next level starts. ``cells`` (levels, CELLS): the context of
    each cell. ``plain`` (contexts,): low bits coded plainly.
    """

    edges: Integers
    cells: Integers
    plain: Integers

    def by_energy(self) -> npt.NDArray[np.uint8]:
        """Context of each cell of each energy, shape (ENERGIES * CELLS,)."""
        return self.cells[levels_of(self.edges)].ravel().astype(np.uint8)


def levels_of(edges: Integers) -> Integers:
    """Level of each energy, shape (ENERGIES,)."""
    levels: Integers = np.searchsorted(edges, np.arange(static.ENERGIES), side="right").astype(np.int64)
    return levels


@dataclass(frozen=True, eq=False)
class PlanePlan:
    """Prediction, contexts and the symbols' distributions of one plane.

    ``reaches`` (contexts,): symbol s of context c stands for the magnitude s - reaches[c], the first and the last for
    those beyond too. ``frequencies`` (contexts, SYMBOLS): in 1 / 2**SCALE_BITS, at least 1 for each of 2 * reach + 1.
    ``codes`` (contexts * SYMBOLS,): the operations that code them.
    """

    prediction: Prediction
    levels: Levels
    reaches: Integers
    frequencies: Integers
    contexts: npt.NDArray[np.uint8] = field(init=False)
    starts: Integers = field(init=False)
    codes: npt.NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "contexts", self.levels.by_energy())
        starts = np.cumsum(self.frequencies, axis=1) - self.frequencies
        codes = starts + (self.frequencies << static.SCALE_BITS) + (static.SCALE_BITS << 25)
        object.__setattr__(self, "starts", starts)
        object.__setattr__(self, "codes", codes.ravel().astype(np.int32))

    def symbols(self) -> npt.NDArray[np.uint8]:
        """Symbol of each slot of each context, shape (contexts << SCALE_BITS,)."""
        numbers = np.tile(np.arange(SYMBOLS, dtype=np.uint8), len(self.frequencies))
        return np.repeat(numbers, self.frequencies.ravel())

    def cells(self) -> npt.NDArray[np.int32]:
        """Frequency + (start << 16) of each symbol of each context, shape (contexts * SYMBOLS,)."""
        return (self.frequencies + ((self.starts & 4095) << 16)).ravel().astype(np.int32)
