"""What trainings have in common that give a plan, bit models and mixing weights for each plane."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from sofc.coders.training import CoroutineTraining
from sofc.container.records import Section
from sofc.entropy.mixture import TRAINED, pack_weights
from sofc.entropy.priors import Starts, least_gain

Plan = TypeVar("Plan")
Image = TypeVar("Image")
Weights = npt.NDArray[np.int32]
PLAN, BIT_MODELS, WEIGHTS = 0, 1, 2
"""Kinds of sections."""


class MixingTraining(CoroutineTraining, Generic[Plan]):
    """Gives plans and bit models, which all efforts share, and the weights of each effort.

    ``shapes``: contexts and weight sets of each effort that models are for, rising; ``budget``: bytes of a codebook
    that the bit models of all planes take at most.
    """

    coder: ClassVar[int]

    def __init__(self, shapes: dict[int, tuple[int, int]], budget: int) -> None:
        self._shapes = shapes
        self._budget = budget
        self._plans: list[Plan] = []
        self._bit_models: list[bytes] = []
        self._weights: dict[int, list[Weights]] = {}
        self._bytes = dict.fromkeys(shapes, 0)
        super().__init__()

    @abstractmethod
    def pack(self, plan: Plan) -> bytes:
        """The bytes of a plan's section."""

    def _worth(self, everything: Sequence[Starts], ends: Sequence[npt.NDArray[np.int64]]) -> list[Starts]:
        """What the bit models of each plane start with, as far as it pays for its bytes; ``ends``: where those of each
        context end."""
        least, self._bit_models = least_gain(
            everything, lambda number, symbols: TRAINED.pack(symbols, ends[number]), self._budget
        )
        return [starts.worth(least) for starts in everything]

    def sections(self) -> list[Section]:
        """Plans, bit models, then the weights of each effort, rising."""
        weights = [
            pack_weights(*self._shapes[effort], each)
            for effort in sorted(self._weights)
            for each in self._weights[effort]
        ]
        kinds = {PLAN: list(map(self.pack, self._plans)), BIT_MODELS: self._bit_models, WEIGHTS: weights}
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


def learn_weights(
    start: Weights, images: Callable[[], Iterable[Image]], code: Callable[[Weights, Image], int]
) -> tuple[Weights, list[int]]:
    """Weights after warm-up, and the bytes of each image. ``code`` codes an image by weights, which learn from it.

    They are means over the second half: the last ones suit the last image best.
    """
    weights, sums = start.copy(), np.zeros(start.shape, np.int64)
    half = sum(1 for _ in images()) // 2
    sizes: list[int] = []
    for turn, image in enumerate(images()):
        sizes.append(code(weights, image))
        sums += weights if turn >= half else 0
    return (sums // max(1, len(sizes) - half)).astype(np.int32), sizes
