"""A pool of fresh processes that end with the first one, however that ends."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from multiprocessing.connection import Connection
from typing import NoReturn

from sofc.cli.console import pass_over_warnings
from sofc.files import discard_all

_ended: list[Executor] = []
"""Pools that ended early. Where one is gone, the thread that waits for its processes takes work that was cancelled for
lost, and says so (Python 3.11)."""


@contextlib.contextmanager
def processes(jobs: int) -> Iterator[Executor | None]:
    """A pool of ``jobs`` processes, or None for one job: this process does it then."""
    if jobs == 1:
        yield None
        return
    # Forking a process that has numba's threads in it is not safe.
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(theirs,))
    try:
        yield pool
    except BaseException as error:
        _ended.append(pool)
        pool.shutdown(wait=False, cancel_futures=True)
        ours.close()  # whatever they are at is not wanted any more
        if isinstance(error, BrokenExecutor):
            reason = "a process that worked on it was ended: run it again; if memory is short, with -j 1"
            raise OSError(errno.ECHILD, reason) from None
        raise
    pool.shutdown()
    ours.close()


def _begin(first: Connection) -> None:
    """Leave signals of the terminal to the first process, and end when its end of the pipe is closed, or when the pool
    says so because another process has ended."""
    pass_over_warnings()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: _end())
    threading.Thread(target=_end_with, args=(first,), daemon=True).start()


def _end_with(first: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        first.recv_bytes()
    _end()


def _end() -> NoReturn:
    discard_all()
    os._exit(1)
