"""Training the dct coder: what coefficients are predicted from, what bit models start with, then warm-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sofc.coders.dct.coder import DctCoder
from sofc.coders.dct.kernel_prediction import PREDICTORS, ROWS, SIZE_BITS, WEIGHT_BITS
from sofc.coders.dct.model import EFFORTS, NETWORK_EFFORT, ComponentPlan
from sofc.coders.dct.network_training import FitNetwork
from sofc.coders.dct.passes import Equate, EstimatePriors, WarmUp
from sofc.coders.dct.section import NETWORKS, pack_plan
from sofc.coders.dct.terms import CONTEXTS
from sofc.coders.mixing_training import MixingTraining
from sofc.coders.training import DEFAULT, Pass, Passes, TrainingSettings
from sofc.entropy.contexts import BLOCK
from sofc.entropy.priors import Starts
from sofc.jpeg.dct import Integers
from sofc.planes import PlaneRange
from sofc.prediction.network import Network

SAMPLES, NETWORK_SAMPLES = 1 << 23, 1 << 25
"""Samples of one plane that training goes through at most, and fitting networks, which take more to pay."""
LEAST_SHARE = 8
"""There are no models where fewer than one in so many images came from a JPEG decoder."""
BUDGET = 200_000
"""Bytes of a codebook that the trained bit models take at most."""
BLOCK_BITS = 14
ROUNDS = 3
"""How often predictors are found."""
PRIOR = 1e-4
RIDGE = 256.0
"""Added to the diagonals of normal equations: a share of their mean, and a number."""
WEIGHT_BOUND = 8
"""Weights lie within this."""


class DctTraining(MixingTraining[ComponentPlan]):
    """Trains plans, then the state of each effort; no models where images are not a JPEG decoder's.

    The trained bit models of all components take at most ``settings.counter_bytes`` in the codebook, and BUDGET.
    """

    coder, architecture = DctCoder.id, NETWORKS

    def __init__(self, ranges: Sequence[PlaneRange], settings: TrainingSettings = DEFAULT) -> None:
        self._ranges = tuple(ranges)
        self._recovered = self._images = 0
        self._times = settings.times
        self._networks: tuple[Network, ...] = ()
        shapes = {effort: EFFORTS[effort] for effort in settings.of(EFFORTS)}
        super().__init__(shapes, min(settings.counter_bytes or BUDGET, BUDGET))

    def pack(self, plan: ComponentPlan) -> bytes:
        """The bytes of a plan's section."""
        return pack_plan(plan)

    def run(self) -> Passes[None]:
        """Equations of coefficients and errors, round by round, networks over a larger sample, priors, warm-up."""
        self._plans = [ComponentPlan.blank(PREDICTORS, BLOCK_BITS) for _ in self._ranges]
        for _ in range(ROUNDS):
            yield from self._predict()
            if not self._recovered or LEAST_SHARE * self._recovered < self._images:
                self._plans = []
                return
        self._networks = yield from self._fit_networks()
        starts = yield from self._estimate_priors()
        yield from self._warm_up(starts)

    def _predict(self) -> Passes[None]:
        """Predictors anew, by those of the round before: these say which one serves a component, what errors there are,
        and which coefficients count less because larger errors are to be expected."""
        ((self._recovered, self._images, sums),) = yield Pass((Equate(tuple(self._plans)),), SAMPLES)
        for number, (plan, equations) in enumerate(zip(self._plans, sums, strict=True)):
            used = used_predictors(equations.means)
            if used.any():
                kept = np.tile(used, ROWS)
                # Nothing was predicted in the first round: what was found to be wrong are no errors.
                sizes = solve(equations.sizes, SIZE_BITS) if plan.mean_weights.any() else plan.size_weights
                means = solve(equations.means, WEIGHT_BITS)
                self._plans[number] = replace(plan, mean_weights=means[kept], size_weights=sizes[kept])

    def _estimate_priors(self) -> Passes[list[Starts]]:
        """What bit models start with, as far as it pays for its bytes."""
        (everything,) = yield Pass((EstimatePriors(tuple(self._plans)),), SAMPLES)
        return self._worth(everything, [plan.starts(len(CONTEXTS)) * BLOCK for plan in self._plans])

    def _fit_networks(self) -> Passes[tuple[Network, ...]]:
        """The networks of components, where they save more than they take."""
        if NETWORK_EFFORT not in self._shapes:
            return ()
        plans = tuple(self._plans)
        fits = tuple(FitNetwork(plans, number, self._times) for number in range(len(plans)))
        return tuple((yield Pass(fits, NETWORK_SAMPLES)))

    def _warm_up(self, starts: list[Starts]) -> Passes[None]:
        """The weights of each effort. The slowest come first, so that workers end together."""
        efforts = tuple(reversed(self._shapes))
        folds = tuple(each.folds for each in starts)
        of_efforts = [self._networks if effort == NETWORK_EFFORT else () for effort in efforts]
        tasks = tuple(
            WarmUp(tuple(self._plans), *self._shapes[effort], folds, own)
            for effort, own in zip(efforts, of_efforts, strict=True)
        )
        statistics = yield Pass(tasks, SAMPLES)
        for effort, (weights, size) in zip(efforts, statistics, strict=True):
            self._weights[effort], self._bytes[effort] = weights, size

    @property
    def serves_most(self) -> bool:
        """Whether most images came from a JPEG decoder."""
        return bool(self._plans) and 2 * self._recovered > self._images

    def report(self) -> list[str]:
        """How many images JPEG decoders made, networks, and bytes of the coefficients of the warm-up at each effort."""
        asked = sum(network.is_asked for network in self._networks)
        networks = [f"networks at effort {NETWORK_EFFORT}: {asked}"] if asked else []
        return [f"{self._recovered} of {self._images} images came from a JPEG decoder", *networks, *super().report()]


def solve(equations: npt.NDArray[np.int64], bits: int) -> Integers:
    """Least-squares weights (predictors * ROWS, n) in 1 / 2**bits from normal equations (predictors * ROWS, n + 1,
    n + 1); where a predictor has little to go by, those of all predictors together."""
    rows, size, _ = equations.shape
    taps = size - 1
    each = equations.astype(np.float64).reshape(ROWS, rows // ROWS, size, size)
    each += np.tril(each, -1).swapaxes(-1, -2)
    together = each.sum(axis=1, keepdims=True)
    matrix, goal = together[..., :taps, :taps], together[..., taps, :taps, None]
    trace = np.trace(matrix, axis1=-2, axis2=-1)[..., None, None]
    ridge = (RIDGE + PRIOR * trace / taps) * np.eye(taps)
    common = np.linalg.solve(matrix + ridge, goal)
    weights = np.linalg.solve(each[..., :taps, :taps] + ridge, each[..., taps, :taps, None] + ridge @ common)
    bound = WEIGHT_BOUND << bits
    rounded: Integers = np.clip(np.rint(weights * (1 << bits)), -bound, bound).astype(np.int64).reshape(rows, taps)
    return rounded


def used_predictors(equations: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which predictors serve any component, by their equations (predictors * ROWS, n + 1, n + 1)."""
    rows = len(equations)
    return np.asarray(equations.reshape(ROWS, rows // ROWS, -1).any(axis=(0, 2)))
