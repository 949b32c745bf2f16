"""Training the DCT coder: what coefficients are foretold from, what counters start with, then practice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.coders.dct import kernel
from sofc.coders.dct.coder import DctCoder
from sofc.coders.dct.plan import CONTEXTS, EFFORTS, ComponentPlan
from sofc.coders.dct.section import COUNTERS, MIXERS, PLAN, pack_plan, places
from sofc.coders.dct.statistics import Equate, Practice, Recollect
from sofc.coders.training import CoderTraining, Pass
from sofc.container.records import Section
from sofc.entropy.mixture import TRAINED, pack_weights
from sofc.entropy.priors import Starts, least_gain
from sofc.jpeg.dct import Integers
from sofc.planes import PlaneRange

CODER = DctCoder.id
SAMPLES = 1 << 23
"""Samples of one plane that training goes through at most."""
LEAST_SHARE = 8
"""There are no models where fewer than one in so many images came from a JPEG decoder."""
BUDGET = 200_000
"""Bytes of a codebook that the trained counters take at most."""
BLOCK_BITS = 14
PRIOR = 1e-4
RIDGE = 256.0


class DctTraining(CoderTraining):
    """Trains plans, then the state of every effort in EFFORTS; no models where images are not a JPEG decoder's.

    ``budget``: bytes that the trained counters of all components may take in the codebook.
    """

    def __init__(self, ranges: Sequence[PlaneRange], *, budget: int = BUDGET) -> None:
        self._budget = min(budget, BUDGET)
        self._passes = self._all_passes()
        self._merge: Callable[[Iterator[Any]], None] = self._merge_means
        self._plans = [ComponentPlan.blank(BLOCK_BITS) for _ in ranges]
        self._starts: list[Starts] = []
        self._counters: list[bytes] = []
        self._mixers: dict[int, list[npt.NDArray[np.int32]]] = {}
        self._bytes: dict[int, int] = dict.fromkeys(EFFORTS, 0)
        self._traced = self._images = 0

    def next_pass(self) -> Pass | None:
        """Equations of coefficients, of errors, of coefficients again, counters, practice, all over one sample."""
        return next(self._passes, None)

    def merge(self, statistics: Iterator[Any]) -> None:
        """Take in one pass's statistics."""
        self._merge(statistics)

    def _all_passes(self) -> Iterator[Pass]:
        yield Pass((Equate(tuple(self._plans)),), SAMPLES)
        if not self._traced or LEAST_SHARE * self._traced < self._images:
            self._plans = []
            return
        self._merge = self._merge_sizes
        yield Pass((Equate(tuple(self._plans)),), SAMPLES)
        # Once more, as errors count the less the larger they are to be expected. Further rounds would make it worse.
        self._merge = self._merge_means
        yield Pass((Equate(tuple(self._plans)),), SAMPLES)
        self._merge = self._merge_starts
        plans = tuple(self._plans)
        yield Pass((Recollect(plans),), SAMPLES)
        self._merge = self._merge_practice
        starts = tuple(start.folds for start in self._starts)
        yield Pass(tuple(Practice(plans, *EFFORTS[effort], starts) for effort in reversed(EFFORTS)), SAMPLES)

    def _merge_means(self, statistics: Iterator[Any]) -> None:
        ((self._traced, self._images, sums),) = statistics
        self._plans = [
            replace(plan, mean_weights=solve(means, kernel.MEAN_BITS))
            for plan, (means, _) in zip(self._plans, sums, strict=True)
        ]

    def _merge_sizes(self, statistics: Iterator[Any]) -> None:
        ((_, _, sums),) = statistics
        self._plans = [
            replace(plan, size_weights=solve(sizes, kernel.SIZE_BITS))
            for plan, (_, sizes) in zip(self._plans, sums, strict=True)
        ]

    def _merge_starts(self, statistics: Iterator[list[Starts]]) -> None:
        (everything,) = statistics
        ends = [places(plan.blocks(len(CONTEXTS))) for plan in self._plans]
        least, self._counters = least_gain(
            everything, lambda number, symbols: TRAINED.pack(symbols, ends[number]), self._budget
        )
        self._starts = [starts.worth(least) for starts in everything]

    def _merge_practice(self, statistics: Iterator[tuple[list[npt.NDArray[np.int32]], int]]) -> None:
        for effort, (mixers, size) in zip(reversed(EFFORTS), statistics, strict=True):
            self._bytes[effort] = size
            self._mixers[effort] = mixers

    def sections(self) -> list[Section]:
        """Plans, counters, then the mixers of each effort, rising."""
        mixers = [
            Section(CODER, MIXERS, pack_weights(*EFFORTS[effort], weights))
            for effort in (EFFORTS if self._plans else ())
            for weights in self._mixers[effort]
        ]
        return [
            *(Section(CODER, PLAN, pack_plan(plan)) for plan in self._plans),
            *(Section(CODER, COUNTERS, data) for data in self._counters),
            *mixers,
        ]

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        """Effort and section numbers of each model."""
        planes = len(self._plans)
        if not planes:
            return []
        shared = tuple(range(2 * planes))
        return [
            (effort, (*shared, *range((2 + row) * planes, (3 + row) * planes))) for row, effort in enumerate(EFFORTS)
        ]

    @property
    def serves_most(self) -> bool:
        """Whether most images came from a JPEG decoder."""
        return bool(self._plans) and 2 * self._traced > self._images

    def report(self) -> list[str]:
        """How many images JPEG decoders made, and bytes of the coefficients practised at each effort."""
        found = f"{self._traced} of {self._images} images came from a JPEG decoder"
        if not self._plans:
            return [found]
        return [found] + [f"effort {effort}: {self._bytes[effort]} bytes while learning" for effort in EFFORTS]


def solve(equations: npt.NDArray[np.int64], bits: int) -> Integers:
    """Least-squares weights (64, n) in 1 / 2**bits from normal equations (64, n + 1, n + 1)."""
    count, size, _ = equations.shape
    taps = size - 1
    weights = np.zeros((count, taps), np.float64)
    for k in range(count):
        lower = equations[k].astype(np.float64)
        full = lower + np.tril(lower, -1).T
        matrix = full[:taps, :taps]
        eased = matrix + np.eye(taps) * (RIDGE + PRIOR * np.trace(matrix) / taps)
        weights[k] = np.linalg.solve(eased, full[taps, :taps])
    limit = 1 << 15
    rounded: Integers = np.clip(np.rint(weights * (1 << bits)), -limit, limit).astype(np.int64)
    return rounded
