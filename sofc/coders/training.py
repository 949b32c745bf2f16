"""How a coder is trained: passes of map and reduce over shards of images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from sofc.container.records import Section
from sofc.planes import Plane


class Task(Protocol):
    """What one pass does with one shard. Picklable: it may run in another process."""

    def collect(self, images: Iterator[list[Plane]]) -> Any:
        """Statistics of the shard's images (their transformed planes, in order); the same for the same input."""


class Pass(NamedTuple):
    """One pass over the images. Without ``samples`` its one task runs on each shard and the results come in shard
    order; with it every task runs on the same evenly spread sample of at most that many samples a plane (one image
    at least), in image order, and the results come in task order."""

    tasks: tuple[Task, ...]
    samples: int | None = None


class CoderTraining(ABC):
    """The parent's side of training one model. Results depend on shards and their order alone, never on workers."""

    @abstractmethod
    def next_pass(self) -> Pass | None:
        """The next pass, None when training is done."""

    @abstractmethod
    def merge(self, statistics: Iterator[Any]) -> None:
        """Take in the statistics of all shards, in shard order."""

    @abstractmethod
    def sections(self) -> list[Section]:
        """The model's sections, after the last pass."""

    @abstractmethod
    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        """Effort (0 = used by name alone) and sections of each model, as positions in ``sections()``."""

    def cost(self) -> float | None:
        """Estimated bits of the images seen, once it is known: what transforms are compared by."""
        return None

    @abstractmethod
    def report(self) -> list[str]:
        """What was found, one line each, for people."""
