"""What a trained dct model knows of one component."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sofc.coders.dct.kernel import BothContexts
from sofc.coders.dct.kernel_plain import SLOTS
from sofc.coders.dct.kernel_prediction import MEANS, ROWS, SIZES, Predictor
from sofc.coders.dct.terms import BLOCK_CONTEXTS, CONTEXTS
from sofc.entropy.bit_models import INTEGER_MODELS
from sofc.entropy.contexts import BLOCK, Contexts, block_starts
from sofc.entropy.mixture import MixingState
from sofc.jpeg.dct import Integers
from sofc.prediction.network import NO_NETWORK, Network

EFFORTS = {2: (3, 1), 3: (4, 1), 4: (5, 1), 5: (6, 2), 6: (7, 2), 7: (8, 2), 8: (10, 3), 9: (12, 3)}
"""Contexts and weight sets that each effort uses."""
NETWORK_EFFORT = 9
"""The effort at which components may have networks."""
NETWORK_SHAPE = (6, 3)
"""Contexts and weight sets where there is one: with all twelve BCCD takes 0.06 % less, DRIVE no less."""


@dataclass(frozen=True, eq=False)
class ComponentPlan:
    """How the coefficients of a component, and the sizes of errors, are predicted.

    ``mean_weights`` (predictors * ROWS, MEANS) and ``size_weights`` (predictors * ROWS, SIZES), in 1/1024
    and 1/256; ``block_bits`` (contexts,): each context
    has 2**block_bits blocks of bit models. All int64.
    """

    mean_weights: Integers
    size_weights: Integers
    block_bits: Integers

    @classmethod
    def blank(cls, predictors: int, block_bits: int) -> ComponentPlan:
        """One of so many predictors of zeros, whose contexts all have 2**block_bits blocks."""
        means, sizes = (np.zeros((predictors * ROWS, numbers), np.int64) for numbers in (MEANS, SIZES))
        return cls(means, sizes, np.full(len(CONTEXTS), block_bits, np.int64))

    @cached_property
    def predictor(self) -> Predictor:
        """The weights as kernels take them."""
        return Predictor(self.mean_weights.astype(np.int32), self.size_weights.astype(np.int32))

    def starts(self, contexts: int) -> Integers:
        """Where blocks of plain bit models, then those of the first contexts, start, and where the last one's end."""
        return np.concatenate([[0], SLOTS + block_starts(self.block_bits[:contexts])])

    def neutral(self, contexts: int, forecast: bool = False) -> MixingState:
        """The state before anything was seen, in the first contexts; ``forecast``: with a network."""
        blocks = int(self.starts(contexts)[-1])
        return MixingState.neutral(contexts, blocks, INTEGER_MODELS, map_rows=0, forecast=forecast)


def state_of(contexts: int, models: npt.NDArray[np.uint32], weights: npt.NDArray[np.int32]) -> MixingState:
    """Spec dct/streams-and-state. What a component starts from in so many contexts: these bit models and weights."""
    return MixingState.trained(contexts, models, weights, INTEGER_MODELS, map_rows=0)


@dataclass(frozen=True, eq=False)
class ComponentModel:
    """One component at one effort: its plan, the weight sets averaged, the state that a band starts from, and its
    network, if it has one."""

    plan: ComponentPlan
    sets: int
    start: MixingState
    network: Network = NO_NETWORK

    def lent(self) -> AbstractContextManager[MixingState]:
        """The state to start with, lent to a kernel that marks what it changes, but for the plain bit models."""
        return self.start.lent(marked=SLOTS * BLOCK)

    @cached_property
    def contexts(self) -> BothContexts:
        """The contexts used, as kernels take them."""
        used = self.start.contexts
        starts = self.plan.starts(used)[1:]
        return BothContexts(Contexts(CONTEXTS[:used], starts), Contexts(BLOCK_CONTEXTS[:used], starts))
