"""Training the static coder: banks, levels, contexts, distributions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sofc.coders.bank_training import SAMPLES, BankTraining
from sofc.coders.distributions import frequencies_of, split
from sofc.coders.plane_training import PlaneTraining
from sofc.coders.static import kernel
from sofc.coders.static.model import MAX_ESCAPE, SYMBOLS, Levels, PlaneModel, Prediction, taps
from sofc.coders.static.passes import SIZES, WIDEST, Count, StaticBank, Survey
from sofc.coders.static.section import PLAN, pack_plan
from sofc.coders.training import DEFAULT, Passes, TrainingSettings, added, sampled
from sofc.entropy.rans import MOST_BITS, SCALE_BITS
from sofc.planes import PlaneRange
from sofc.prediction import bank, expected_error

CODER = 3
EFFORT = 2
LEVELS = 20
CONTEXTS = 120
ROUNDS = 12

SMOOTHING = 4.0
"""How many samples of the plane's distribution are added to each context's."""
SAMPLES_FOR_CONTEXT = 1000
"""A plane has at most one context for this many samples."""

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

GRID_HANDICAP = 1 / 0.998
GRID_HANDICAP_FOLLOWING = 1 / 1.1
"""How much costlier the grid map counts: in the first plane; where that one has the grid map.

The estimate is rough. Once the grid is known the grid map is the faster one, and on DRIVE's training images gives
smaller files also for planes where it looks 6 % costlier. Where the first plane has no grid the others have none: on
Kodak's, where weights under the grid map need not add up to one, it looks 3 % cheaper and makes files 1.4 % larger.
"""


class StaticTraining(PlaneTraining[PlaneModel], BankTraining[Prediction]):
    """Trains one model for each plane of the given ranges."""

    section = CODER, PLAN
    effort = EFFORT
    coder = StaticBank()

    def __init__(self, ranges: Sequence[PlaneRange], settings: TrainingSettings = DEFAULT) -> None:
        super().__init__(ranges)

    def run(self) -> Passes[None]:
        """The banks' five passes, survey, count: each over a sample."""
        predictions = tuple((yield from self.fit_banks()))
        histograms = added((yield sampled(Survey(self._ranges, predictions), SAMPLES)))
        edges, low_bits = zip(*map(choose_levels, histograms), strict=True)
        counts = added((yield sampled(Count(self._ranges, predictions, edges, low_bits), SAMPLES)))
        for prediction, *each in zip(predictions, edges, low_bits, counts, strict=True):
            model, cost = choose_distributions(prediction, *choose_contexts(*each))
            self._models.append(model)
            self._costs.append(cost)

    def blank(
        self, references: tuple[int, ...], class_map: int, thresholds: Integers, activities: Integers
    ) -> Prediction:
        """Of an unknown bank."""
        classes = bank.CLASSES[class_map]
        weights, offsets = np.zeros((classes, taps(len(references))), np.int64), np.zeros(classes, np.int64)
        errors = np.zeros(expected_error.WEIGHTS, np.int64)
        return Prediction(references, class_map, thresholds, weights, offsets, errors)

    def kinds(self, maps: Sequence[Sequence[Prediction]]) -> list[Sequence[Prediction]]:
        """The two class maps."""
        return list(maps)

    def handicaps(self, number: int, before: Sequence[Prediction]) -> Sequence[float]:
        """See GRID_HANDICAP."""
        if number == 0:
            return 1, GRID_HANDICAP
        return 1, GRID_HANDICAP_FOLLOWING if before[0].class_map == bank.GRID else np.inf

    def pack(self, model: PlaneModel) -> bytes:
        """The plan of a plane."""
        return pack_plan(model)

    def report(self) -> list[str]:
        """Class maps, contexts and bytes of the training images."""
        grids = [model.prediction.class_map == bank.GRID for model in self._models]
        maps = ", ".join("grid" if grid else "texture" for grid in grids)
        contexts = ", ".join(str(len(model.escapes)) for model in self._models)
        return [f"class maps: {maps}; contexts: {contexts}", self.bytes_of_planes()]


SIZE_BITS = np.array([0, *([0] * 7), *range(3, 23)], np.float64)[:SIZES]
"""Low bits of the residuals of a column."""
SIZE_MEAN = np.array([*range(8), *(0.75 * (1 << bits) for bits in range(4, 24))])[:SIZES]
"""Mean residual of a column."""


def choose_levels(histogram: Integers) -> tuple[Integers, Integers]:
    """Split expected errors into at most LEVELS levels such that an ideal code of the histogram takes the fewest bits.

    The edges and the low_bits bits of each level.
    """
    counts = histogram.astype(np.float64)
    starts = split(counts, LEVELS)
    by_level = np.add.reduceat(counts, starts, axis=0)
    joined = by_level.sum(axis=1)
    mean = (joined * SIZE_MEAN).sum(axis=1) / np.maximum(1, joined.sum(axis=1))
    low_bits = np.clip(np.floor(np.log2(np.maximum(mean, 1))) - 4, 0, MOST_BITS)
    return np.array(starts[1:], np.int64), low_bits.astype(np.int64)


def choose_contexts(edges: Integers, low_bits: Integers, histogram: Integers) -> tuple[Levels, Integers]:
    """Join cells of like distributions to at most CONTEXTS contexts; the levels, and the contexts' histograms.

    ``histogram`` (levels * CELLS, 2 * WIDEST + 1). Only cells of equally many low_bits bits are joined.
    """
    depth = len(low_bits)
    bits = np.repeat(low_bits, kernel.CELLS)
    by_level = histogram.reshape(depth, kernel.CELLS, -1).sum(axis=1) + 0.01
    shape = by_level / by_level.sum(axis=1, keepdims=True)
    counts = histogram + 2.0 * np.repeat(shape, kernel.CELLS, axis=0)
    # Seeds: every number of low_bits bits has one, then the cells seen most.
    totals = histogram.sum(axis=1)
    order = np.argsort(-totals, kind="stable")
    first = [int(order[bits[order] == value][0]) for value in np.unique(bits)]
    room = int(min(CONTEXTS, 1 + totals.sum() // SAMPLES_FOR_CONTEXT))
    seeds = [*first, *(int(cell) for cell in order if cell not in first)][: max(len(first), room)]
    centres, centre_bits = counts[seeds], bits[seeds]
    forbidden = bits[:, None] != centre_bits
    for _ in range(ROUNDS):
        logarithms = np.log2((centres + 1e-3) / (centres + 1e-3).sum(axis=1, keepdims=True))
        cost = np.where(forbidden, np.inf, -counts @ logarithms.T)
        chosen = cost.argmin(axis=1)
        centres = np.zeros_like(centres)
        np.add.at(centres, chosen, counts)
    used, cells = np.unique(chosen, return_inverse=True)
    joined = np.zeros((len(used), histogram.shape[1]), np.int64)
    np.add.at(joined, cells.ravel(), histogram)
    return Levels(edges, cells.reshape(depth, kernel.CELLS).astype(np.int64), centre_bits[used]), joined


def choose_distributions(prediction: Prediction, levels: Levels, histogram: Integers) -> tuple[PlaneModel, float]:
    """The plan, and the bits that it takes to code what was counted: (contexts, 2 * WIDEST + 1)."""
    every = histogram.sum(axis=0) + 0.01
    smooth = histogram + SMOOTHING * every / every.sum()
    contexts = len(histogram)
    escapes = np.zeros(contexts, np.int64)
    frequencies = np.zeros((contexts, SYMBOLS), np.int64)
    total = 0.0
    for k in range(contexts):
        costs = np.array([_cost(smooth[k], escape) for escape in range(1, MAX_ESCAPE + 1)])
        escape = int(costs.argmin()) + 1
        escapes[k] = escape
        symbols = _symbols(smooth[k], escape)
        scale = 1 << SCALE_BITS
        frequencies[k, : 2 * escape + 1] = frequencies_of(symbols / symbols.sum() * scale, scale)
        total += float(costs[escape - 1]) + float(levels.low_bits[k]) * float(histogram[k].sum())
    return PlaneModel(prediction, levels, escapes, frequencies), total


def _symbols(counts: Floats, escape: int) -> Floats:
    """Counts of the symbols under an escape threshold."""
    result: Floats = counts[WIDEST - escape : WIDEST + escape + 1].copy()
    result[0] += counts[: WIDEST - escape].sum()
    result[-1] += counts[WIDEST + escape + 1 :].sum()
    return result


ESCAPE_BITS = kernel.LENGTH_BITS + np.floor(np.log2(np.arange(WIDEST + 1) + 1))


def _cost(counts: Floats, escape: int) -> float:
    """Bits of the counted magnitudes and of the distribution under an escape threshold."""
    symbols = _symbols(counts, escape)
    scale = 1 << SCALE_BITS
    share = np.maximum(symbols / symbols.sum(), 1 / scale)
    bits = -(symbols * np.log2(share / share.sum())).sum()
    beyond = counts[WIDEST + escape :] + counts[: WIDEST - escape + 1][::-1]
    return float(bits + (beyond * ESCAPE_BITS[: len(beyond)]).sum() + 8 * escape)
