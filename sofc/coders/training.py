"""How a coder is trained: passes of map and reduce over shards of images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

from sofc.coders.base import Plane
from sofc.container.records import Section


class Task(Protocol):
    """What one pass does with one shard. Picklable: it may run in another process."""

    def collect(self, images: Iterator[list[Plane]]) -> Any:
        """Statistics of the shard's images (their transformed planes, in order). The same input gives the same result."""


class CoderTraining(ABC):
    """The parent's side of training one model. Results depend on shards and their order alone, never on workers."""

    @abstractmethod
    def next_task(self) -> Task | None:
        """The task of the next pass, None when training is done."""

    @abstractmethod
    def merge(self, statistics: Iterator[Any]) -> None:
        """Take in the statistics of all shards, in shard order."""

    @abstractmethod
    def sections(self) -> list[Section]:
        """The model's sections, after the last pass."""

    @abstractmethod
    def report(self) -> list[str]:
        """What was found, one line each, for people."""
