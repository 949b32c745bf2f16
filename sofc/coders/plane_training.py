"""Training of coders that have one section for each plane, and one model, of all of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from sofc.coders.training import CoderTraining
from sofc.container.records import Section

Model = TypeVar("Model")


class PlaneTraining(CoderTraining, Generic[Model]):
    """What training gives, once it has found a model of each plane and what it costs.

    ``section`` is the number of the coder and the kind of its sections, ``effort`` the one that the model is for.
    """

    section: ClassVar[tuple[int, int]]
    effort: ClassVar[int]

    def __init__(self, *arguments: Any) -> None:
        self._models: list[Model] = []
        self._costs: list[float] = []
        super().__init__(*arguments)  # of the other base, which may train at once

    @abstractmethod
    def pack(self, model: Model) -> bytes:
        """The bytes of a model's section."""

    def sections(self) -> list[Section]:
        """One for each plane."""
        return [Section(*self.section, self.pack(model)) for model in self._models]

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        """One model, of all planes."""
        return [(self.effort, tuple(range(len(self._models))))]

    def cost(self) -> float | None:
        """Bits of the training images, after the last pass."""
        return sum(self._costs) if self._costs else None

    def bytes_of_planes(self) -> str:
        """What the planes of the training images take, for people."""
        sizes = ", ".join(str(int(cost / 8)) for cost in self._costs)
        return f"bytes of the planes of the training images: {sizes}"
