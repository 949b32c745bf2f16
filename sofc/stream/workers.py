"""Runs the coding of bands now or on threads, always to the same effect."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from sofc.errors import UsageError

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")


class Workers:
    """``threads`` threads that start with the first call, or, with one thread, none."""

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise UsageError(f"threads must be at least 1, not {threads}")
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None

    def submit(
        self, function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Callable[[], Result]:
        """A callable that gives the function's result, or raises what it raises. Call it once."""
        if self.threads == 1:
            return partial(function, *args, **kwargs)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="sofc")
        return self._pool.submit(function, *args, **kwargs).result

    def close(self) -> None:
        """Drop what has not begun and let the threads end."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
