"""What a trained static model knows of one plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sofc.coders.static import kernel
from sofc.entropy import rans
from sofc.prediction import bank

Integers = npt.NDArray[np.int64]

SYMBOLS = 256
"""Room for the symbols of one context."""
MAX_ESCAPE = 127


def taps(references: int) -> int:
    """Weights of a predictor: own samples, reference samples and the constant."""
    return kernel.OWN_TAPS + (0, kernel.FIRST_TAPS, kernel.FIRST_TAPS + kernel.SECOND_TAPS)[references] + 1


class Prediction(bank.Prediction):
    """How one plane is predicted, and its weights laid out for kernels."""

    def is_wide(self, largest: int) -> bool:
        """Whether sums over samples of -largest .. largest need more than 32 bits."""
        return largest * self._gain >= (1 << 31) - bank.CONSTANT * bank.WEIGHT_LIMIT

    @cached_property
    def _gain(self) -> int:
        return max(int(np.abs(self.weights).sum(axis=1).max()), 2 << bank.WEIGHT_BITS)

    def table(self, wide: bool) -> kernel.Weights:
        """The weights with those of missing references, zeros, and the weighted constant in place of its weight.

        Under the texture map of shape (1, classes * TAPS). Under the grid map (PERIOD, TAPS * SPAN), a row for each
        row of the grid; in it stand tap after tap, for each level a block, periodic.
        """
        return self._wide_table if wide else self._narrow_table

    @cached_property
    def _narrow_table(self) -> npt.NDArray[np.int32]:
        return self._wide_table.astype(np.int32)

    @cached_property
    def _wide_table(self) -> Integers:
        table = np.zeros((len(self.weights), kernel.TAPS), np.int64)
        table[:, : self.weights.shape[1] - 1] = self.weights[:, :-1]
        table[:, -1] = bank.CONSTANT * self.weights[:, -1]
        if self.class_map != bank.GRID:
            return table.reshape(1, -1)
        by_place = table.reshape(kernel.PERIOD, kernel.PERIOD, kernel.LEVELS, -1).transpose(0, 3, 2, 1)
        return np.tile(by_place, kernel.BLOCK // kernel.PERIOD).reshape(kernel.PERIOD, -1)


@dataclass(frozen=True, eq=False)
class Levels:
    """Which context codes a sample. All arrays int64.

    ``edges`` (levels - 1,): expected errors, rising, at which the next level starts. ``cells`` (levels, CELLS): the
    context of each cell. ``low_bits`` (contexts,): low bits coded plainly.
    """

    edges: Integers
    cells: Integers
    low_bits: Integers


def levels_of(edges: Integers) -> Integers:
    """Level of each expected error, shape (EXPECTED,)."""
    levels: Integers = np.searchsorted(edges, np.arange(bank.EXPECTED), side="right").astype(np.int64)
    return levels


@dataclass(frozen=True, eq=False)
class PlaneModel:
    """Prediction, contexts and the symbols' distributions of one plane.

    ``escapes`` (contexts,): symbol s of context c stands for the magnitude s - escapes[c], the first and the last for
    those beyond too. ``frequencies`` (contexts, SYMBOLS): in 1 / 2**SCALE_BITS, at least 1 for each of
    2 * escape + 1.
    """

    prediction: Prediction
    levels: Levels
    escapes: Integers
    frequencies: Integers

    @cached_property
    def distributions(self) -> kernel.Distributions:
        """As kernels take them."""
        contexts = self.levels.cells[levels_of(self.levels.edges)].ravel().astype(np.uint8)
        codes, slots = rans.codes_of(self.frequencies), rans.slots_of(self.frequencies)
        return kernel.Distributions(contexts, self.escapes, self.levels.low_bits, codes, slots)
