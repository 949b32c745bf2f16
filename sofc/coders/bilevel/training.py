"""Training the bilevel coder: how large images are, a network and bit models, how sure these may be, then warm-up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sofc.coders.base import MAX_COUNTERS
from sofc.coders.bilevel.coder import BilevelCoder
from sofc.coders.bilevel.kernel import Plan, State
from sofc.coders.bilevel.model import EFFORTS, context_table, starts
from sofc.coders.bilevel.network_training import FitNetwork
from sofc.coders.bilevel.passes import PART, EstimatePriors, Shapes, WarmUp
from sofc.coders.bilevel.section import NETWORK, TRAINED, pack_network, pack_plan, pack_state
from sofc.coders.bilevel.terms import LARGE, SMALL, SMALL_SIDE
from sofc.coders.mixing_training import MixingTraining
from sofc.coders.training import DEFAULT, Pass, Passes, TrainingSettings
from sofc.entropy.bit_models import EVIDENCES, Symbols
from sofc.entropy.priors import FOLDS, Starts, least_gain
from sofc.errors import UsageError
from sofc.planes import PlaneRange
from sofc.prediction.network import NO_NETWORK, Network

FIT_SAMPLES = 1 << 24
"""Samples of one plane that the network is fitted to at most."""
PRIOR_SAMPLES = 1 << 27
"""Samples of one plane that priors are estimated from at most; of larger collections it is every n-th part."""
LOADED_SAMPLES = 1 << 30
"""Samples that a pass has read at most."""
BUDGET = 750_000
"""Bytes of a codebook that the trained bit models of one plane take at most, about."""

SLOT_BITS_SMALL = 17
SLOT_BITS_LARGE = (18, 20)
"""Each context has 2**slot_bits bit models; for images of any size about one for four samples of a band, within these.
"""
RATE_SMALL, RATE_LARGE = 2, 12
"""Of learning weights. Large images differ more among themselves: adapt faster."""
TRIAL_EFFORT = 5
"""The effort at which it is tried how sure bit models should be."""

UNITS = {True: (48, 32), False: (32, 16)}
"""Units of the network's two layers, by whether images are small."""

Known = tuple[Starts, ...]
"""What the bit models of a plane start with: of each fold known from the images of the others, last from all."""


class BilevelTraining(MixingTraining[Plan]):
    """Trains the state of each effort for each plane by itself; all ranges must be 0 to 1.

    ``slot_bits``, ``units``: in place of those that the images' size says. The trained bit models of a plane take at
    most ``settings.counter_bytes``, or BUDGET, in the codebook.
    """

    coder = BilevelCoder.id

    def __init__(
        self,
        ranges: Sequence[PlaneRange],
        settings: TrainingSettings = DEFAULT,
        *,
        slot_bits: int | None = None,
        units: tuple[int, int] | None = None,
    ) -> None:
        if any(span != (0, 1) for span in ranges):
            raise UsageError("the bilevel coder is for planes of samples 0 and 1")
        self._planes = range(len(ranges))
        self._slot_bits = slot_bits
        self._units = units
        self._networks: list[Network] = []
        budget = BUDGET if settings.counter_bytes is None else settings.counter_bytes
        super().__init__({effort: EFFORTS[effort] for effort in settings.of(EFFORTS)}, budget)

    @property
    def _plan(self) -> Plan:
        """That of all planes."""
        return self._plans[0]

    def run(self) -> Passes[None]:
        """Shapes of all images; over samples of them network and priors, trials, warm-up."""
        shapes = [shape for shard in (yield Pass((Shapes(),))) for shape in shard]
        sizes = [rows * width for rows, width in shapes]
        small = max(map(max, shapes)) <= SMALL_SIDE
        self._plans = [self._planned(small, max(sizes)) for _ in self._planes]
        loaded = min(sum(sizes), LOADED_SAMPLES)
        stride = -(-loaded // PRIOR_SAMPLES)
        units = self._units or UNITS[small]
        fits = tuple(FitNetwork(plane, -(-loaded // FIT_SAMPLES), small, units) for plane in self._planes)
        priors = tuple(
            EstimatePriors(plane, stride, self._plan, apart) for plane in self._planes for apart in range(FOLDS + 1)
        )
        found = yield Pass((*fits, *priors), LOADED_SAMPLES)
        self._networks = [next(found) for _ in fits]
        self._shared[NETWORK] = list(map(pack_network, self._networks))
        known = [self._affordable(tuple(next(found) for _ in range(FOLDS + 1))) for _ in self._planes]
        known = yield from self._try(known, stride)
        self._bit_models = [self._pack_models(each[-1].symbols) for each in known]
        yield from self._warm_up_each(
            lambda effort, plane: self._warm_up(plane, stride, effort, known[plane]), LOADED_SAMPLES
        )

    def _planned(self, small: bool, largest: int) -> Plan:
        """The plan for images that are all small, or of any size, the largest of so many samples."""
        if small:
            return Plan(context_table(SMALL), self._slot_bits or SLOT_BITS_SMALL, False, RATE_SMALL)
        needed = (min(largest, PART) - 1).bit_length() - 2
        affordable = (MAX_COUNTERS // (len(self._planes) * len(LARGE))).bit_length() - 1
        slot_bits = min(max(needed, SLOT_BITS_LARGE[0]), affordable, SLOT_BITS_LARGE[1])
        return Plan(context_table(LARGE), self._slot_bits or slot_bits, True, RATE_LARGE)

    def _affordable(self, known: Known) -> Known:
        """Only those bit models that save so much that the budget holds them."""
        least, _ = least_gain(known[-1:], lambda _, symbols: self._pack_models(symbols), self._budget)
        return tuple(fold.worth(least) for fold in known)

    def _pack_models(self, symbols: Symbols) -> bytes:
        return TRAINED.pack(symbols, starts(self._plan, len(self._plan.contexts)))

    def _try(self, known: list[Known], stride: int) -> Passes[list[Known]]:
        """Of each plane the variant by which images take the fewest bytes."""
        tried = [variants(each) for each in known]
        tasks = tuple(
            self._warm_up(plane, stride, TRIAL_EFFORT, variant) for plane in self._planes for variant in tried[plane]
        )
        statistics = yield Pass(tasks, LOADED_SAMPLES)
        return [each[int(np.argmin([next(statistics)[1] for _ in each]))] for each in tried]

    def _warm_up(self, plane: int, stride: int, effort: int, known: Known) -> WarmUp:
        contexts, asks = EFFORTS[effort]
        used = min(contexts, len(self._plan.contexts))
        symbols = tuple(fold.symbols[: int(starts(self._plan, used)[-1])] for fold in known[:-1])
        return WarmUp(plane, stride, self._plan, used, self._networks[plane] if asks else NO_NETWORK, symbols)

    def pack(self, plan: Plan) -> bytes:
        """The bytes of a plan's section."""
        return pack_plan(plan)

    def pack_weights(self, effort: int, weights: State) -> bytes:
        """The bytes of what a plane learned but for its bit models, whose weights say how many contexts there are."""
        return pack_state(weights, EFFORTS[effort][1])

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        """Effort and section numbers of each model."""
        planes = len(self._planes)
        models = []
        for row, effort in enumerate(sorted(self._weights)):
            _, asks = EFFORTS[effort]
            kinds = [0, 1, 3 + row, 2] if asks else [0, 1, 3 + row]
            models.append((effort, tuple(kind * planes + plane for plane in self._planes for kind in kinds)))
        return models


def variants(known: Known) -> list[Known]:
    """What to choose from: neutral bit models, ones that soon forget, and surer ones, up to what images agree on.

    What predicts well by itself may do so less in a mixture, where others say the same.
    """
    neutral = tuple(fold.worth(np.inf) for fold in known)
    return [neutral, *(tuple(fold.at_most(age) for fold in known) for age in range(EVIDENCES))]
