"""Map over shards in any executor, reduce in shard order. What comes out never depends on the workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from typing import Generic, TypeVar
from uuid import uuid4

from sofc.training.memory import keep_freed_memory

Item = TypeVar("Item")
Result = TypeVar("Result")

SHARDS = 8
"""Into how many shards a collection is cut, whatever the number of workers."""
WINDOW = 8
"""How many results may be under way or waiting at once."""


class Call(Generic[Item, Result]):
    """A function of an item, to be called by a worker.

    By its name dask lists it. By ``__dask_tokenize__`` it is told from other calls: else dask would hash all arrays
    that go with it, one call after the other, for a third of the time of a short training.
    """

    def __init__(self, function: Callable[[Item], Result], item: Item) -> None:
        self.function, self.item = function, item
        self._token = uuid4().hex
        named = function.func if isinstance(function, partial) else function
        self.__name__ = getattr(named, "__name__", type(named).__name__)

    def __dask_tokenize__(self) -> str:
        return self._token

    def __call__(self) -> Result:
        keep_freed_memory()
        return self.function(self.item)


def cut(items: Sequence[Item], shards: int = SHARDS) -> list[list[Item]]:
    """Runs of neighbours, sizes equal to within one, none empty."""
    shards = min(shards, len(items))
    return [list(items[len(items) * k // shards : len(items) * (k + 1) // shards]) for k in range(shards)]


def in_shards(
    items: Iterable[Item], size_of: Callable[[Item], int], most_items: int, enough: int
) -> Iterator[list[Item]]:
    """Runs of neighbours, each of at most so many, that end as soon as their sizes are ``enough``."""
    shard: list[Item] = []
    size = 0
    for item in items:
        shard.append(item)
        size += size_of(item)
        if len(shard) == most_items or size >= enough:
            yield shard
            shard, size = [], 0
    if shard:
        yield shard


def in_order(
    executor: Executor | None, function: Callable[[Item], Result], items: Iterable[Item], window: int = WINDOW
) -> Iterator[Result]:
    """``function`` of each item, in order, at most ``window`` ahead of the consumer.

    Uses nothing of the executor but ``submit`` and the futures' ``result`` and ``cancel``, so that executors
    of clusters will do. Without one the work is done here, one item after the other.
    """
    if executor is None:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            if len(waiting) == window:
                yield waiting.popleft().result()
            waiting.append(executor.submit(Call(function, item)))
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
