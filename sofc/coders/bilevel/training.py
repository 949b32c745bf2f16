"""Training the bilevel coder: what images there are, a network and counters, how sure these may be, then practice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sofc.coders.base import MAX_COUNTERS
from sofc.coders.bilevel import kernel as bilevel
from sofc.coders.bilevel.plan import EFFORTS, LARGE, SMALL, Network, PlanePlan, PlaneState
from sofc.coders.bilevel.section import (
    COUNTERS,
    MIXERS,
    NETWORK,
    PLAN,
    TRAINED,
    pack_mixers,
    pack_network,
    pack_plan,
)
from sofc.coders.bilevel.statistics import PART, Fit, Practice, Recollect, Scale
from sofc.coders.training import CoderTraining, Pass
from sofc.container.records import Section
from sofc.entropy.bit_models import EVIDENCES, Symbols
from sofc.entropy.priors import FOLDS, Starts, least_gain
from sofc.errors import UsageError
from sofc.planes import PlaneRange

CODER = 4
FIT_SAMPLES = 1 << 24
"""Samples of one plane that the network is fitted to at most."""
RECOLLECT_SAMPLES = 1 << 27
"""Samples of one plane that counters are found in at most; of larger collections it is every n-th part."""
LOADED_SAMPLES = 1 << 30
"""Samples that a pass has read at most."""
COUNTER_BYTES = 750_000
"""About the largest size of one plane's counters."""

SLOT_BITS_SMALL = 17
SLOT_BITS_LARGE = (18, 20)
"""Each context has 2**slot_bits counters; of images of any size about one for four samples of a band, within these."""
RATE_SMALL, RATE_LARGE = 2, 12
"""Of the mixers. Large images differ more among themselves: adapt faster."""
TRIAL_EFFORT = 5
"""The effort at which it is tried how sure counters should be."""

UNITS = {True: (64, 24), False: (32, 16)}
"""Units of the network's two layers, by whether images are small."""


class Known(NamedTuple):
    """What the counters of a plane start with, known from all images, and for each fold from those of the others."""

    everything: Starts
    folds: tuple[Starts, ...]

    def worth(self, least: float) -> Known:
        """Only those that save so many bits."""
        return Known(self.everything.worth(least), tuple(starts.worth(least) for starts in self.folds))

    def at_most(self, age: int) -> Known:
        """The same, but none surer than of that age."""
        return Known(self.everything.at_most(age), tuple(starts.at_most(age) for starts in self.folds))


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
        self._passes = self._all_passes()
        self._merge: Callable[[Iterator[Any]], None] = self._merge_scale
        self._samples = 0
        self._largest = 0
        self._small = False
        self._networks: list[Network] = []
        self._known: list[Known] = []
        self._counters: list[bytes] = []
        self._mixers: dict[tuple[int, int], PlaneState] = {}
        self._bytes: dict[int, int] = dict.fromkeys(EFFORTS, 0)

    @property
    def _plan(self) -> PlanePlan:
        if self._small:
            return PlanePlan(SMALL, self._slot_bits or SLOT_BITS_SMALL, False, RATE_SMALL)
        needed = (min(self._largest, PART) - 1).bit_length() - 2
        affordable = (MAX_COUNTERS // (len(self._planes) * len(LARGE))).bit_length() - 1
        slot_bits = min(max(needed, SLOT_BITS_LARGE[0]), affordable, SLOT_BITS_LARGE[1])
        return PlanePlan(LARGE, self._slot_bits or slot_bits, True, RATE_LARGE)

    def next_pass(self) -> Pass | None:
        """Scale over all images; over samples of them network and counters, trials, practice."""
        return next(self._passes, None)

    def merge(self, statistics: Iterator[Any]) -> None:
        """Take in one pass's statistics."""
        self._merge(statistics)

    def _all_passes(self) -> Iterator[Pass]:
        yield Pass((Scale(),))
        self._merge = self._merge_knowledge
        units = self._units or UNITS[self._small]
        loaded = min(self._samples, LOADED_SAMPLES)
        fits = tuple(Fit(plane, -(-loaded // FIT_SAMPLES), self._small, *units) for plane in self._planes)
        plan, stride = self._plan, -(-loaded // RECOLLECT_SAMPLES)
        recollections = tuple(
            Recollect(plane, stride, plan, apart) for plane in self._planes for apart in range(FOLDS + 1)
        )
        yield Pass((*fits, *recollections), LOADED_SAMPLES)
        self._merge = self._merge_trials
        trials = tuple(
            self._practice(plane, stride, TRIAL_EFFORT, known)
            for plane in self._planes
            for known in variants(self._known[plane])
        )
        yield Pass(trials, LOADED_SAMPLES)
        self._merge = self._merge_practice
        jobs = tuple(self._practice(plane, stride, effort, self._known[plane]) for effort, plane in self._jobs())
        yield Pass(jobs, LOADED_SAMPLES)

    def _jobs(self) -> list[tuple[int, int]]:
        """The slowest first."""
        return [(effort, plane) for effort in sorted(EFFORTS, reverse=True) for plane in self._planes]

    def _used(self, effort: int) -> int:
        return min(EFFORTS[effort].contexts, len(self._plan.contexts))

    def _practice(self, plane: int, stride: int, effort: int, known: Known) -> Practice:
        network = self._networks[plane] if EFFORTS[effort].network else None
        used = self._used(effort)
        end = int(self._plan.places(used)[-1])
        return Practice(plane, stride, self._plan, used, network, tuple(starts.symbols[:end] for starts in known.folds))

    def _merge_scale(self, statistics: Iterator[tuple[int, int, int]]) -> None:
        samples, largest, sides = zip(*statistics, strict=True)
        self._samples = sum(samples)
        self._largest = max(largest)
        self._small = max(sides) <= bilevel.SMALL

    def _merge_knowledge(self, statistics: Iterator[Any]) -> None:
        planes = len(self._planes)
        found = list(statistics)
        self._networks = [network for network, _ in found[:planes]]
        for first in range(planes, len(found), FOLDS + 1):
            *folds, everything = found[first : first + FOLDS + 1]
            least, _ = least_gain([everything], lambda _, symbols: self._pack(symbols), self._budget)
            self._known.append(Known(everything, tuple(folds)).worth(least))

    def _pack(self, symbols: Symbols) -> bytes:
        return TRAINED.pack(symbols, self._plan.places(len(self._plan.contexts)))

    def _merge_trials(self, statistics: Iterator[tuple[PlaneState, int]]) -> None:
        for plane in self._planes:
            tried = variants(self._known[plane])
            sizes = [next(statistics)[1] for _ in tried]
            self._known[plane] = tried[int(np.argmin(sizes))]
        self._counters = [self._pack(known.everything.symbols) for known in self._known]

    def _merge_practice(self, statistics: Iterator[tuple[PlaneState, int]]) -> None:
        for (effort, plane), (state, size) in zip(self._jobs(), statistics, strict=True):
            self._bytes[effort] += size
            self._mixers[effort, plane] = state

    def sections(self) -> list[Section]:
        """Plans, counters and networks of all planes, then the mixers of each effort, rising."""
        plan = self._plan
        return [
            *(Section(CODER, PLAN, pack_plan(plan)) for _ in self._planes),
            *(Section(CODER, COUNTERS, data) for data in self._counters),
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


def variants(known: Known) -> list[Known]:
    """What to choose from: neutral counters, counters that soon forget, and surer ones, up to what images agree on.

    What foretells well by itself may do so less in a mixture, where others say the same.
    """
    return [known.worth(np.inf), *map(known.at_most, range(EVIDENCES))]
