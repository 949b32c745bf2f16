"""What a trained context model knows of one plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.context.kernel import PLAIN_MODELS, Settings
from sofc.entropy.contexts import Contexts, block_starts
from sofc.entropy.mixture import MixingState
from sofc.prediction import bank
from sofc.prediction.network import NO_NETWORK, Network
from sofc.prediction.online import WIDEST

Integers = npt.NDArray[np.int64]

EFFORTS = {2: (3, 1), 3: (4, 1), 4: (5, 1), 5: (5, 2), 6: (7, 2), 7: (15, 2), 8: (15, 3), 9: (23, 3)}
"""Contexts and weight sets that each effort uses."""

OF_ONE = {5: (9, 3), 6: (11, 3), 7: (15, 3), 8: (19, 3)}
"""The same where there is only one plane: then there is time for more."""


class NetworkShape(NamedTuple):
    """Contexts and weight sets beside a network, and its units, of the first and the second layer."""

    contexts: int
    sets: int
    units: tuple[int, int]


NETWORK_SHAPES = {5: NetworkShape(3, 1, (32, 16)), 9: NetworkShape(7, 2, (64, 32))}
"""Those of the efforts at which planes may have networks, below 9 only where there is one plane: at 5 a small one, for
the time that decoding takes. With all contexts of effort 9 Fashion-MNIST takes no less."""


def shapes(planes: int) -> dict[int, tuple[int, int]]:
    """Contexts and weight sets of each effort, for so many planes."""
    return {effort: OF_ONE.get(effort, shape) if planes == 1 else shape for effort, shape in EFFORTS.items()}


def network_efforts(planes: int) -> list[int]:
    """The efforts at which any of so many planes may have a network, rising."""
    return [effort for effort in NETWORK_SHAPES if planes == 1 or effort == max(NETWORK_SHAPES)]


@dataclass(frozen=True, eq=False)
class Prediction:
    """How the samples of one plane, and the sizes of their errors, are predicted.

    ``references``: numbers of the planes it is predicted from, nearest first, at most two. ``thresholds``: activities
    that split classes, rising. ``weights`` (classes, taps): the bank, in 1 / 2**WEIGHT_BITS. ``offsets`` (classes,)
    and ``error_weights`` (14,): the expected error, in 1/256. All int64. ``adapts``: whether predictions are corrected
    by local least squares. ``shift``: scale of the plane's differences.
    """

    references: tuple[int, ...]
    class_map: int
    thresholds: Integers
    weights: Integers
    offsets: Integers
    error_weights: Integers
    adapts: bool
    shift: int

    @cached_property
    def _narrow_weights(self) -> npt.NDArray[np.int32]:
        return self.weights.astype(np.int32)

    def bank(self, grid: int, maximum: int) -> bank.Bank:
        """The predictors as kernels take them; ``grid``: place of the first sample, row * 8 + column."""
        grid = grid if self.class_map == bank.GRID else 0
        tables = self.thresholds, self._narrow_weights, self.offsets, self.error_weights
        return bank.Bank(self.class_map, grid >> 3, grid & 7, *tables, maximum)

    def adapts_to(self, width: int) -> bool:
        """Whether the predictions of planes of this width are corrected."""
        return self.adapts and width <= WIDEST


@dataclass(frozen=True, eq=False)
class PlanePlan:
    """How one plane is predicted and which contexts its decisions have.

    ``levels`` (15,): expected errors that split the levels. ``low_bits`` (16,): plain bits of the magnitude by level.
    ``contexts`` (n, 4): terms. ``block_bits`` (n,): each context has 2**block_bits blocks of bit models. All int64.
    ``matches``: whether the match model is asked first.
    """

    prediction: Prediction
    levels: Integers
    low_bits: Integers
    contexts: Integers
    block_bits: Integers
    matches: bool

    def starts(self, contexts: int) -> Integers:
        """Where the blocks of the first contexts start, and where the last one's end."""
        return block_starts(self.block_bits[:contexts])

    def neutral(self, contexts: int, forecast: bool = False) -> MixingState:
        """The state before anything was seen, in the first contexts; ``forecast``: with a network."""
        return MixingState.neutral(contexts, int(self.starts(contexts)[-1]), PLAIN_MODELS, forecast=forecast)


@dataclass(frozen=True, eq=False)
class PlaneModel:
    """One plane at one effort: its plan, the weight sets averaged, the state that a band starts from, and its network,
    if it has one."""

    plan: PlanePlan
    sets: int
    start: MixingState
    network: Network = NO_NETWORK

    @cached_property
    def settings(self) -> Settings:
        """What the kernels take of the plan, for planes that are not too wide to be corrected."""
        plan = self.plan
        level_of = np.searchsorted(plan.levels, np.arange(bank.EXPECTED), side="left").astype(np.int64)
        prediction = plan.prediction
        flags = int(prediction.adapts), int(plan.matches and not self.network.is_asked)
        return Settings(*flags, prediction.shift, level_of, plan.low_bits)

    @cached_property
    def contexts(self) -> Contexts:
        """Those that are used, as kernels take them."""
        used = self.start.contexts
        return Contexts(np.ascontiguousarray(self.plan.contexts[:used]), self.plan.starts(used))

    def settings_for(self, width: int) -> Settings:
        """The same for planes of this width."""
        return self.settings._replace(adapts=int(self.plan.prediction.adapts_to(width)))
