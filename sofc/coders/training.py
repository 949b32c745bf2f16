"""How a coder is trained: passes of map and reduce over shards of images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np

from sofc.container.records import Section
from sofc.planes import Plane


class Task(Protocol):
    """What one pass does with one shard. Picklable: it may run in another process."""

    def collect(self, images: Iterator[list[Plane]]) -> Any:
        """Statistics of the shard's images (their transformed planes, in order); the same for the same input."""


class Decoded(NamedTuple):
    """The transformed planes of an image, and the JPEG data that it was decoded from, where that is at hand."""

    planes: list[Plane]
    jpeg: bytes | None


@runtime_checkable
class JpegTask(Protocol):
    """A task that takes the JPEG data of images, too."""

    def collect_decoded(self, images: Iterator[Decoded]) -> Any:
        """Statistics of the shard's images, in order; the same for the same input."""


class Pass(NamedTuple):
    """One pass over the images. Without ``samples`` its one task runs on each shard and the results come in shard
    order; with it every task runs on the same evenly spread sample of at most that many samples a plane (one image
    at least), in image order, and the results come in task order; ``apart``: that sample is cut into shards, too."""

    tasks: tuple[Task | JpegTask, ...]
    samples: int | None = None
    apart: bool = False


def sampled(task: Task, samples: int) -> Pass:
    """A pass of one task over shards of an evenly spread sample of at most so many samples a plane."""
    return Pass((task,), samples, apart=True)


Result = TypeVar("Result")
Passes = Generator[Pass, Iterator[Any], Result]
"""A coroutine that yields passes and is sent their statistics: training that reads from top to bottom."""


class TrainingSettings(NamedTuple):
    """What a user asks of the training of models; each coder heeds what concerns it.

    Patches are kept that are in at least ``min_images`` images. At most ``iterations`` rounds of improvement, None:
    while they gain. ``counter_bytes`` bounds what the trained counters of one model take in a codebook, None: what
    pays. ``efforts``: those that models are for, None: all that the coder has models for. ``networks``: whether those
    of samples may be fitted. ``times``: images to be stored for each that is given.
    """

    min_images: int = 1
    iterations: int | None = None
    counter_bytes: int | None = None
    efforts: tuple[int, ...] | None = None
    networks: bool = True
    times: float = 1.0

    def of(self, known: Iterable[int]) -> list[int]:
        """Which of the efforts that a coder has models for are wanted, rising; the nearest where none is."""
        efforts = sorted(known)
        wanted = [effort for effort in efforts if self.efforts is None or effort in self.efforts]
        return wanted or [min(efforts, key=lambda effort: abs(effort - (self.efforts or (effort,))[0]))]


DEFAULT = TrainingSettings()


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

    @property
    def serves_most(self) -> bool:
        """Whether most images of the kind are coded by this coder's models alone, so that others need to hold less."""
        return False

    @property
    def has_networks(self) -> bool:
        """Whether a neural network was fitted that pays."""
        return False

    @abstractmethod
    def report(self) -> list[str]:
        """What was found, one line each, for people."""


class Coroutine(ABC):
    """What is written as one coroutine, ``run``."""

    def __init__(self) -> None:
        self._passes = self.run()
        self._pass: Pass | None = next(self._passes, None)

    @abstractmethod
    def run(self) -> Passes[None]:
        """All of it, from pass to pass; ``__init__`` starts it, and so is called last."""

    def next_pass(self) -> Pass | None:
        """The next pass, None when all is done."""
        return self._pass

    def merge(self, statistics: Iterator[Any]) -> None:
        """Take in the statistics of all shards, in shard order."""
        try:
            self._pass = self._passes.send(statistics)
        except StopIteration:
            self._pass = None


class CoroutineTraining(Coroutine, CoderTraining):
    """Training that is written so."""


class Adaptation(Coroutine):
    """How a model of a base is changed to suit a collection. Results depend as those of training do.

    ``cost``: about the bytes of the images that are to come, with the model as far as it is changed by then, and of the
    change, once it is known: what models are compared by. ``passed_over``: after the last pass, numbers of those images
    of the sample that the model is not for; None where that is not looked for.
    """

    cost: float | None = None
    passed_over: Sequence[int] | None = None

    @abstractmethod
    def changes(self) -> list[bytes]:
        """After the last pass, the change of each section of the model, empty where it stays."""


def added(statistics: Iterator[Any]) -> Any:
    """The sum of all shards' statistics: arrays, or lists and named tuples of what can be added, of one shape."""
    total = next(statistics)
    for shard in statistics:
        _add(total, shard)
    return total


def _add(total: Any, addition: Any) -> None:
    if isinstance(total, np.ndarray):
        total += addition
    else:
        for mine, theirs in zip(total, addition, strict=True):
            _add(mine, theirs)
