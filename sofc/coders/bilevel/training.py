"""Training the bilevel coder: what images there are, a network, then practice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.coders.base import PlaneRange
from sofc.coders.bilevel.plan import EFFORTS, LARGE, SMALL, Network, PlanePlan, PlaneState
from sofc.coders.bilevel.section import (
    COUNTERS,
    MIXERS,
    NETWORK,
    PLAN,
    pack_counters,
    pack_mixers,
    pack_network,
    pack_plan,
)
from sofc.coders.bilevel.statistics import Fit, Practice, Scale
from sofc.coders.training import CoderTraining, Pass
from sofc.container.records import Section
from sofc.errors import UsageError
from sofc.kernels import bilevel

CODER = 4
FIT_SAMPLES = 1 << 24
"""Samples of one plane that the network is fitted to at most."""
PRACTICE_SAMPLES = 1 << 25
"""Samples of one plane that practice goes through at most; of larger collections it takes every n-th piece."""
LOADED_SAMPLES = 1 << 30
"""Samples that practice has read at most."""
COUNTER_BYTES = 750_000
"""About the largest size of one plane's counters: so rare ones are left out until they fit."""
LEAST_SEEN = (*range(2, 17), 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768)
"""How often a counter must have been seen to be kept: the first of these that fits."""

UNITS = {True: (64, 24), False: (32, 16)}
"""Units of the network's two layers, by whether images are small."""


class BilevelTraining(CoderTraining):
    """Trains the state of every effort in EFFORTS for each plane by itself; all ranges must be 0 to 1.

    ``budget``: bytes that the trained counters of a plane may take in the codebook.
    """

    def __init__(
        self,
        ranges: Sequence[PlaneRange],
        *,
        slot_bits: int | None = None,
        units: tuple[int, int] | None = None,
        budget: int = COUNTER_BYTES,
    ) -> None:
        if any(span != (0, 1) for span in ranges):
            raise UsageError("the bilevel coder is for planes of samples 0 and 1")
        self._planes = range(len(ranges))
        self._slot_bits = slot_bits
        self._units = units
        self._budget = budget
        self._stage = 0
        self._samples = 0
        self._small = False
        self._networks: list[Network] = []
        self._mixers: dict[tuple[int, int], PlaneState] = {}
        self._counters: dict[int, npt.NDArray[np.uint32]] = {}
        self._bytes: dict[int, int] = dict.fromkeys(EFFORTS, 0)

    @property
    def _plan(self) -> PlanePlan:
        contexts = SMALL if self._small else LARGE
        slot_bits = self._slot_bits or (17 if self._small else 18)
        # Large images differ more among themselves: adapt faster.
        rate, memory = (2, 1) if self._small else (8, 0)
        return PlanePlan(contexts, slot_bits, not self._small, rate, memory)

    def next_pass(self) -> Pass | None:
        """Scale over all images; network and practice over samples of them."""
        stage = self._stage
        self._stage += 1
        if stage == 0:
            return Pass((Scale(),))
        loaded = min(self._samples, LOADED_SAMPLES)
        if stage == 1:
            units = self._units or UNITS[self._small]
            stride = -(-loaded // FIT_SAMPLES)
            return Pass(tuple(Fit(plane, stride, self._small, *units) for plane in self._planes), LOADED_SAMPLES)
        if stage == 2:
            stride = -(-loaded // PRACTICE_SAMPLES)
            return Pass(tuple(self._practice(plane, stride, effort) for effort, plane in self._jobs()), LOADED_SAMPLES)
        return None

    def _jobs(self) -> list[tuple[int, int]]:
        """The slowest first."""
        return [(effort, plane) for effort in sorted(EFFORTS, reverse=True) for plane in self._planes]

    def _used(self, effort: int) -> int:
        return min(EFFORTS[effort].contexts, len(self._plan.contexts))

    def _practice(self, plane: int, stride: int, effort: int) -> Practice:
        network = self._networks[plane] if EFFORTS[effort].network else None
        return Practice(plane, stride, self._plan, self._used(effort), network)

    def merge(self, statistics: Iterator[Any]) -> None:
        """Take in one pass's statistics."""
        if self._stage == 1:
            found = list(statistics)
            self._samples = sum(samples for samples, _ in found)
            self._small = max(side for _, side in found) <= bilevel.SMALL
        elif self._stage == 2:
            self._networks = [network for network, _ in statistics]
        else:
            for (effort, plane), (state, size) in zip(self._jobs(), statistics, strict=True):
                self._bytes[effort] += size
                self._mixers[effort, plane] = state
                # All efforts count alike: the highest has all contexts.
                if effort == max(EFFORTS):
                    self._counters[plane] = state.counters
                state.counters = state.counters[:0]

    def sections(self) -> list[Section]:
        """Plans, counters and networks of all planes, then the mixers of each effort, rising."""
        plan = self._plan
        return [
            *(Section(CODER, PLAN, pack_plan(plan)) for _ in self._planes),
            *(Section(CODER, COUNTERS, self._packed_counters(plane)) for plane in self._planes),
            *(Section(CODER, NETWORK, pack_network(network)) for network in self._networks),
            *(
                Section(
                    CODER,
                    MIXERS,
                    pack_mixers(self._mixers[effort, plane], self._used(effort), EFFORTS[effort].network),
                )
                for effort in EFFORTS
                for plane in self._planes
            ),
        ]

    def _packed_counters(self, plane: int) -> bytes:
        for least_seen in LEAST_SEEN:
            packed = pack_counters(self._counters[plane], len(self._plan.contexts), self._plan.memory, least_seen)
            if len(packed) <= self._budget:
                break
        return packed

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        """Effort and section numbers of each model."""
        planes = len(self._planes)
        result = []
        for row, effort in enumerate(EFFORTS):
            numbers: list[int] = []
            for plane in self._planes:
                numbers += [plane, planes + plane, (3 + row) * planes + plane]
                if EFFORTS[effort].network:
                    numbers.append(2 * planes + plane)
            result.append((effort, tuple(numbers)))
        return result

    def report(self) -> list[str]:
        """Bytes of the practised images at each effort."""
        return [f"effort {effort}: {self._bytes[effort]} bytes while learning" for effort in EFFORTS]
