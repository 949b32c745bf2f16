"""What a trained static model knows of one plane."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sofc.kernels import static

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
    """

    prediction: Prediction
    levels: Levels
    reaches: Integers
    frequencies: Integers
    contexts: npt.NDArray[np.uint8] = field(init=False)
    starts: Integers = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "contexts", self.levels.by_energy())
        object.__setattr__(self, "starts", np.cumsum(self.frequencies, axis=1) - self.frequencies)

    def symbols(self) -> npt.NDArray[np.uint8]:
        """Symbol of each slot of each context, shape (contexts << SCALE_BITS,)."""
        numbers = np.tile(np.arange(SYMBOLS, dtype=np.uint8), len(self.frequencies))
        return np.repeat(numbers, self.frequencies.ravel())

    def cells(self) -> npt.NDArray[np.int32]:
        """Frequency + (start << 16) of each symbol of each context, shape (contexts * SYMBOLS,)."""
        return (self.frequencies + ((self.starts & 4095) << 16)).ravel().astype(np.int32)
