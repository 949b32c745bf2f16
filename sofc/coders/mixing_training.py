"""What trainings have in common that give a plan, bit models and mixing weights for each plane."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from itertools import starmap
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from sofc.coders.network_section import Architecture, pack_mixers
from sofc.coders.plane_sections import BIT_MODELS, PLAN, WEIGHTS
from sofc.coders.training import CoroutineTraining, Pass, Passes, Task
from sofc.container.records import Section
from sofc.entropy.bit_models import TrainedModels
from sofc.entropy.mixture import TRAINED
from sofc.entropy.priors import Starts, least_gain

Plan = TypeVar("Plan")


class MixingTraining(CoroutineTraining, Generic[Plan]):
    """Gives plans and bit models, which all efforts share, and what each plane learns at each effort: its weights.

    ``shapes``: of each effort that models are for, rising, the number of contexts, and what else it has, such as that
    of weight sets; ``budget``: bytes of a codebook that bit models take at most.
    """

    coder: ClassVar[int]
    architecture: ClassVar[Architecture]
    """Of the networks that weights may have beside them."""

    def __init__(self, shapes: dict[int, tuple[int, int]], budget: int) -> None:
        self._shapes = shapes
        self._budget = budget
        self._plans: list[Plan] = []
        self._bit_models: list[bytes] = []
        self._weights: dict[int, list[Any]] = {}
        self._bytes = dict.fromkeys(shapes, 0)
        super().__init__()

    @abstractmethod
    def pack(self, plan: Plan) -> bytes:
        """The bytes of a plan's section."""

    def pack_weights(self, weights: Any) -> bytes:
        """The bytes of the section of what a plane learned at an effort."""
        return pack_mixers(weights, self.architecture)

    def _warm_up_each(self, task: Callable[[int, int], Task], samples: int) -> Passes[None]:
        """What each plane learns at each effort, by a task for effort and plane that gives it and the bytes of streams.
        The slowest come first, so that workers end together."""
        jobs = [(effort, plane) for effort in reversed(self._shapes) for plane in range(len(self._plans))]
        statistics = yield Pass(tuple(starmap(task, jobs)), samples)
        for (effort, _), (weights, size) in zip(jobs, statistics, strict=True):
            self._weights.setdefault(effort, []).append(weights)
            self._bytes[effort] += size

    def _worth(
        self, everything: Sequence[Starts], ends: Sequence[npt.NDArray[np.int64]], models: TrainedModels = TRAINED
    ) -> list[Starts]:
        """What the bit models of each plane start with, as far as it pays for its bytes; ``ends``: where those of each
        context end; ``models``: what they may start with."""
        least, self._bit_models = least_gain(
            everything, lambda number, symbols: models.pack(symbols, ends[number]), self._budget
        )
        return [starts.worth(least) for starts in everything]

    def sections(self) -> list[Section]:
        """Plans and bit models, then the weights of each effort, rising."""
        weights = [self.pack_weights(each) for _, every in sorted(self._weights.items()) for each in every]
        plans = list(map(self.pack, self._plans))
        kinds = {PLAN: plans, BIT_MODELS: self._bit_models, WEIGHTS: weights}
        return [Section(self.coder, kind, data) for kind, each in kinds.items() for data in each]

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        """Effort and section numbers of each model."""
        planes = len(self._plans)
        shared = tuple(range(2 * planes))
        return [
            (effort, (*shared, *range((2 + row) * planes, (3 + row) * planes)))
            for row, effort in enumerate(sorted(self._weights))
        ]

    def report(self) -> list[str]:
        """Bytes of the images of the warm-up at each effort."""
        return [f"effort {effort}: {self._bytes[effort]} bytes while learning" for effort in sorted(self._weights)]
