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
from sofc.coders.bilevel.section import TRAINED, pack_plan, pack_state
from sofc.coders.bilevel.terms import LARGE, SMALL, SMALL_SIDE
from sofc.coders.mixing_training import MixingTraining
from sofc.coders.training import DEFAULT, Pass, Passes, TrainingSettings
from sofc.entropy.bit_models import EVIDENCES
from sofc.entropy.priors import Starts
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
"""Bytes of a codebook that the trained bit models take at most."""

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


class BilevelTraining(MixingTraining[Plan]):
    """Trains the state of each effort for each plane by itself; all ranges must be 0 to 1.

    The trained bit models of all planes take at most ``settings.counter_bytes``, or BUDGET, in the codebook.
    """

    coder = BilevelCoder.id

    def __init__(self, ranges: Sequence[PlaneRange], settings: TrainingSettings = DEFAULT) -> None:
        if any(span != (0, 1) for span in ranges):
            raise UsageError("the bilevel coder is for planes of samples 0 and 1")
        self._planes = range(len(ranges))
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
        asked = self._planes if any(asks for _, asks in self._shapes.values()) else ()
        fits = tuple(FitNetwork(plane, -(-loaded // FIT_SAMPLES), small, UNITS[small]) for plane in asked)
        priors = tuple(EstimatePriors(plane, stride, self._plan) for plane in self._planes)
        found = yield Pass((*fits, *priors), LOADED_SAMPLES)
        networks = [next(found) for _ in fits]
        ends = starts(self._plan, len(self._plan.contexts))
        known = self._worth(list(found), [ends for _ in priors], TRAINED)

        def task(effort: int, plane: int, start: Starts) -> WarmUp:
            contexts, asks = EFFORTS[effort]
            used = min(contexts, len(self._plan.contexts))
            symbols = tuple(fold[: ends[used]] for fold in start.folds)
            return WarmUp(plane, stride, self._plan, used, networks[plane] if asks else NO_NETWORK, symbols)

        tried = [variants(each) for each in known]
        trials = tuple(task(TRIAL_EFFORT, plane, each) for plane, every in enumerate(tried) for each in every)
        outcomes = yield Pass(trials, LOADED_SAMPLES)
        known = [every[int(np.argmin([next(outcomes)[1] for _ in every]))] for every in tried]
        self._bit_models = [TRAINED.pack(each.symbols, ends) for each in known]
        yield from self._warm_up_each(lambda effort, plane: task(effort, plane, known[plane]), LOADED_SAMPLES)

    def _planned(self, small: bool, largest: int) -> Plan:
        """The plan for images that are all small, or of any size, the largest of so many samples."""
        if small:
            return Plan(context_table(SMALL), SLOT_BITS_SMALL, False, RATE_SMALL)
        needed = (min(largest, PART) - 1).bit_length() - 2
        affordable = (MAX_COUNTERS // (len(self._planes) * len(LARGE))).bit_length() - 1
        slot_bits = min(max(needed, SLOT_BITS_LARGE[0]), affordable, SLOT_BITS_LARGE[1])
        return Plan(context_table(LARGE), slot_bits, True, RATE_LARGE)

    def pack(self, plan: Plan) -> bytes:
        """The bytes of a plan's section."""
        return pack_plan(plan)

    def pack_weights(self, weights: tuple[State, Network]) -> bytes:
        """The bytes of what a plane learned but for its bit models."""
        return pack_state(*weights)


def variants(known: Starts) -> list[Starts]:
    """What to choose from: neutral bit models, ones that soon forget, and surer ones, up to what images agree on.

    What predicts well by itself may do so less in a mixture, where others say the same.
    """
    return [known.worth(np.inf), *map(known.at_most, range(EVIDENCES))]
