"""The passes of a training over images, here or in other processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, NamedTuple, TypeVar

from sofc.api.headers import header_for
from sofc.band.coding import to_planes
from sofc.band.following import departures
from sofc.band.mapping import by_value
from sofc.coders.training import Decoded, JpegTask, Pass, Task
from sofc.imagefiles import ImageSource, load
from sofc.planes import Plane
from sofc.training.collection import Collection
from sofc.training.held_out import file_of
from sofc.training.shards import cut, in_order
from sofc.transforms.components import TRANSFORMS

Result = TypeVar("Result")
Progress = Callable[[str, int, int], None]
"""Called with the stage, how many of its shards are done, and how many there are."""


@dataclass(frozen=True)
class Crew:
    """Who does the work and who hears about it."""

    executor: Executor | None
    progress: Progress | None

    def map(self, stage: str, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """The function of each item, in order."""
        for done, result in enumerate(in_order(self.executor, function, items)):
            if self.progress is not None:
                self.progress(stage, done + 1, len(items))
            yield result

    @contextmanager
    def beside(self, work: Callable[[Crew], Result]) -> Iterator[Callable[[], Result]]:
        """What gives the result of other work, itself of passes, if it is asked for before the block is left: with
        workers that work goes on meanwhile, as most passes leave some of them with nothing to do until their slowest
        shard is done; without, it begins then. Its progress is told by who asks."""
        if self.executor is None:
            yield partial(work, self)
            return
        told: SimpleQueue[tuple[str, int, int] | None] = SimpleQueue()
        future, is_over = Future[Result](), Event()

        def tell(*progress: Any) -> None:
            if is_over.is_set():
                raise CancelledError
            told.put(progress)

        def run() -> None:
            try:
                future.set_result(work(Crew(self.executor, tell)))
            except BaseException as error:
                future.set_exception(error)
            told.put(None)

        def result() -> Result:
            for progress in iter(told.get, None):
                if self.progress is not None:
                    self.progress(*progress)
            return future.result()

        Thread(target=run, daemon=True).start()
        try:
            yield result
        finally:
            is_over.set()


class Treatment(NamedTuple):
    """What is done to an image's planes before a coder sees them.

    ``transform``: the number of the component transform. ``by_value``: whether values are numbered before that.
    ``follows``: whether before both what follows from the image before, of the same file, is taken off.
    """

    transform: int
    by_value: bool = False
    follows: bool = False


def statistics_of(sources: Sequence[ImageSource], task: Task | JpegTask, treatment: Treatment) -> Any:
    """A task's statistics of a shard of image sources; loads one image at a time."""
    # Executors of clusters hand arrays over read-only, and kernels take none such.
    task, images = deepcopy(task), _decoded(sources, treatment)
    if isinstance(task, JpegTask):
        return task.collect_decoded(images)
    return task.collect(image.planes for image in images)


def _decoded(sources: Sequence[ImageSource], treatment: Treatment) -> Iterator[Decoded]:
    before: tuple[Any, list[Plane]] | None = None
    for source in sources:
        array, declared_bits, meaning, jpeg = load(source)
        pixel_format = header_for(array, declared_bits=declared_bits, meaning=meaning).format
        planes = whole = to_planes(array, pixel_format)
        if treatment.follows and before is not None and before[0] == file_of(source):
            planes = departures(before[1], planes, pixel_format.coded_bits)
        before = file_of(source), whole
        if treatment.by_value:
            planes = by_value(planes, pixel_format)
        yield Decoded(TRANSFORMS[treatment.transform].forward(planes), jpeg)


def _statistics_by(task: Task | JpegTask, sources: Sequence[ImageSource], treatment: Treatment) -> Any:
    """Those of a sample of images that all tasks of a pass share."""
    return statistics_of(sources, task, treatment)


def run(step: Pass, collection: Collection, treatment: Treatment, stage: str, crew: Crew) -> Iterator[Any]:
    """The statistics of a pass's tasks, over all images that were mined or, where it says so, a sample of them."""
    # Functions with a name: of other callables dask takes what ``str`` gives, for each task, with all arrays in them.
    images = collection.mined if step.samples is None else collection.sample(step.samples)
    if step.samples is None or step.apart:
        return crew.map(stage, partial(statistics_of, task=step.tasks[0], treatment=treatment), cut(images))
    return crew.map(stage, partial(_statistics_by, sources=images, treatment=treatment), step.tasks)
