"""Work on the machines of a cluster, which dask.distributed hands out, or in processes of this one."""

from __future__ import annotations

import argparse
import contextlib
import errno
import logging
import re
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

from sofc.cli import options
from sofc.cli.crew import processors
from sofc.cli.pool import processes
from sofc.errors import UsageError

LOCAL = "local:"
ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://(\[[0-9A-Fa-f:.]+\]|[^:/\[\]]+):[0-9]{1,5}")
CONFIGURATION = {
    # Nobody looks at these, which are taken up to a hundred times a second by each worker, nanny and scheduler.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.worker.memory.monitor-interval": "1s",
    # No result is there twice.
    "distributed.scheduler.active-memory-manager.start": False,
}
"""Of dask, for workers of this machine."""
TRIES = 3
"""Of a task whose worker died or whose files could not be read there."""


def add_workers(parser: argparse.ArgumentParser) -> None:
    """-j and --cluster."""
    options.add_jobs(parser, "processes")
    parser.add_argument(
        "--cluster",
        metavar="WHERE",
        help="work on a cluster of dask.distributed: the address of its scheduler, tcp://HOST:PORT, or local:N for N "
        "workers here; its workers must see the same paths; same bytes as without",
    )


@contextlib.contextmanager
def workers(args: argparse.Namespace) -> Iterator[Executor | None]:
    """What --cluster or -j asks for: an executor, or None where this process does the work.

    Raises UsageError for a cluster that is not to be had, OSError where workers died again and again.
    """
    if args.cluster is None:
        with processes(args.jobs or processors()) as executor:
            yield executor
        return
    if args.jobs is not None:
        raise UsageError("-j and --cluster exclude each other: a cluster knows its workers")
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise UsageError('--cluster needs dask.distributed: pip install "sofc[cluster]"') from None
    with contextlib.ExitStack() as resources:
        client = resources.enter_context(Client(_address(args.cluster, resources), set_as_default=False))
        try:
            yield client.get_executor(retries=TRIES)
        except KilledWorker as error:
            reason = "workers of the cluster died on the same task again and again: run it again"
            raise OSError(errno.ECHILD, f"{reason} ({error.task})") from None


def _address(where: str, resources: contextlib.ExitStack) -> Any:
    """What a client takes for the address of the cluster, which is started if it is to be one of this machine."""
    if not where.startswith(LOCAL):
        return _reachable(where)
    import dask.config
    from distributed import LocalCluster

    count = where.removeprefix(LOCAL)
    if not (count.isdecimal() and int(count)):
        raise UsageError(f"--cluster {where}: how many workers? local:2, say")
    # One thread each: little of the work lets go of Python's lock.
    with dask.config.set(CONFIGURATION):
        cluster = LocalCluster(
            n_workers=int(count), threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        )
    return resources.enter_context(cluster)


def _reachable(address: str) -> str:
    from distributed import Client

    # What has no such form a client refuses, too, but with a traceback when it is thrown away.
    if not ADDRESS.fullmatch(address):
        raise UsageError(f"--cluster {address}: neither local:N nor the address of a scheduler, tcp://HOST:PORT")
    try:
        Client(address, timeout=10, set_as_default=False).close()
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(f"--cluster {address}: no scheduler answers there: {error}") from None
    return address
