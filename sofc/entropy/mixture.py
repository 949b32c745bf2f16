"""The state of mixing before a band: neutral, and as the sections of models keep it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from sofc.entropy.bit_models import NEUTRAL, STEADY, TrainedModels
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixing import APM_COLUMNS, APM_ROWS, LANES, SQUASH, STRETCH_LIMIT, WEIGHT_ROWS, Mixture
from sofc.jit.decorators import kernel
from sofc.jit.types import Vector

MOST_CONTEXTS = 32
WEIGHT_STEP = 9
"""Weights are kept in units of 2**WEIGHT_STEP."""
WEIGHT_LIMIT = 1 << 12
"""Kept weights differ no more from neutral ones."""
MOST_SETS = len(WEIGHT_ROWS)

PAIRS = BLOCK // 2
"""Bit models of a block, two by two."""

PROBABILITIES = np.array([SQUASH[s + STRETCH_LIMIT] for s in range(-1922, 1923, 124)], np.int64)
"""The 32 probabilities that a trained bit model may start with, in 1/65536: evenly spread when stretched."""
TRAINED = TrainedModels(PROBABILITIES, BLOCK)
"""Packs the sections of bit models."""


def neutral_weights(contexts: int, forecast: bool = False) -> npt.NDArray[np.int32]:
    """Weights before training: 1.3 / n for each of n contexts, none for the constant and what fills up the rows.

    ``forecast``: in place of the constant a network says what it expects: then 0.4 / n for contexts, 0.8 for that.
    """
    lanes = -(-(contexts + 1) // LANES) * LANES
    weights = np.zeros((sum(WEIGHT_ROWS), lanes), np.int32)
    weights[:, :contexts] = (4 if forecast else 13) * 65536 // (10 * contexts)
    weights[:, contexts] = 52428 if forecast else 0
    return weights


def identity_map(rows: int = APM_ROWS) -> npt.NDArray[np.int32]:
    """The adaptive probability map that changes nothing: column j stands for the stretched value 128 j - 2048."""
    stretched = np.arange(APM_COLUMNS) * 128 - 2048
    return np.tile(SQUASH[stretched + STRETCH_LIMIT].astype(np.int32), (rows, 1))


@dataclass(eq=False)
class MixingState:
    """What coding in so many mixed ``contexts`` learns: the ``mixture``, and the ``plain`` bit models of the rest."""

    contexts: int
    mixture: Mixture
    plain: npt.NDArray[np.uint32]

    @classmethod
    def neutral(
        cls, contexts: int, blocks: int, plain: int, map_rows: int = APM_ROWS, *, forecast: bool = False
    ) -> MixingState:
        """The state before anything was seen: so many contexts, blocks of bit models, plain ones, and rows of the map,
        which may be none; ``forecast``: as for ``neutral_weights``."""
        models = np.full(blocks * BLOCK, NEUTRAL, np.uint32)
        return cls.trained(contexts, models, neutral_weights(contexts, forecast), plain, map_rows)

    @classmethod
    def trained(
        cls,
        contexts: int,
        models: npt.NDArray[np.uint32],
        weights: npt.NDArray[np.int32],
        plain: int,
        map_rows: int = APM_ROWS,
    ) -> MixingState:
        """The state that sections say a band starts from."""
        return cls(contexts, Mixture(models, weights, identity_map(map_rows)), np.full(plain, STEADY, np.uint32))

    def copy(self) -> MixingState:
        """A state of its own to start from this one."""
        models, weights, apm = self.mixture
        mixture = Mixture(models.copy(), weights.copy(), apm.copy())
        return MixingState(self.contexts, mixture, self.plain.copy())

    @cached_property
    def changed(self) -> npt.NDArray[np.uint8]:
        """Where who works with it marks the blocks of bit models that change (1); filled up to words of 8."""
        return np.zeros(-(-self.mixture.models.size // (8 * BLOCK)) * 8, np.uint8)

    @contextmanager
    def lent(self, marked: int | None = None) -> Iterator[MixingState]:
        """A copy to work with for a while. Its memory serves again: to get new pages takes longer than to fill them,
        and for small images longer than to code them (malaria cells, decoding: 14 ms each, then 9).

        ``marked``: from which bit model on blocks that change will be ``changed``: only these are put back then, of
        3.2 MB for a component of coefficients a twentieth.
        """
        spares = _SPARES.setdefault(self, deque(maxlen=MOST_SPARES))
        try:
            state = spares.pop()
        except IndexError:
            state = self.copy()
        else:
            first = self.mixture.models.size if marked is None else marked
            pairs = (models.view(np.int64) for models in (self.mixture.models, state.mixture.models))
            put_back(first // 2, state.changed.view("<i8").astype(np.int64, copy=False), *pairs)
            state.changed.fill(0)
            for own, start in zip((*state.mixture[1:], state.plain), (*self.mixture[1:], self.plain), strict=True):
                np.copyto(own, start)
        try:
            yield state
        finally:
            spares.append(state)


@kernel
def put_back(first: int, marks: Vector[np.int64], start: Vector[np.int64], models: Vector[np.int64]) -> int:
    """Make bit models, two a number, what they were at the ``start`` again: the ``first`` so many pairs, and those of
    blocks with a mark (1): eight a number, that of the first block lowest. Returns 0."""
    for i in range(first):
        models[i] = start[i]
    for word in range(marks.shape[0]):
        left, pair = marks[word], word * 8 * PAIRS
        while left != 0:
            # Of eight marks hardly more than one is set: to pass over the others costs less than to ask for each.
            while left & 0xFF == 0:
                left, pair = left >> 8, pair + PAIRS
            for i in range(pair, pair + PAIRS):
                models[i] = start[i]
            left, pair = left >> 8, pair + PAIRS
    return 0


MOST_SPARES = 2
"""Copies of one state that are kept for later: as many as threads that code at once, usually."""
_SPARES: WeakKeyDictionary[MixingState, deque[MixingState]] = WeakKeyDictionary()
