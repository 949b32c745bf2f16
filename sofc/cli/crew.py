"""Many files at once: each job is done by one of several processes, and what came of it is told in the jobs' order.

Processes and not threads: little of a small image's time is spent in kernels, and Python runs one thread at a time.
A process says nothing and names no file. What it has to say and what it made come back with the job's result, and the
first process says and publishes it when all jobs before are done, so that lines, names and errors are those of one
process that does one job after the other.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from sofc.cli.console import Console, Recorder, Said, pass_over_warnings
from sofc.cli.outputs import Output, OutputFiles
from sofc.errors import SofcError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Task = TypeVar("Task")
Result = TypeVar("Result")
ENDS_WITH_TERMINAL = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()
Work = Callable[[Task, Console, OutputFiles], Result]
"""Does a job with a console and a maker of files; in other processes it is called with other ones of these."""


@dataclass
class Done(Generic[Task, Result]):
    """A job that is done: what it gave, or the error that ended it."""

    task: Task
    result: Result | None = None
    error: SofcError | OSError | None = None


@dataclass
class _Report:
    """What a process has to tell of a job. ``trace``: of an error that is a bug."""

    result: Any = None
    error: SofcError | OSError | None = None
    said: list[Said] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    trace: str = ""


def processors() -> int:
    """How many this process may use."""
    with contextlib.suppress(AttributeError):  # not everywhere
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share(jobs: int | None, tasks: int) -> tuple[int, int]:
    """Of so many jobs at once (None: one for each processor), for so many tasks: processes, and threads of each."""
    jobs = jobs or processors()
    processes = max(1, min(jobs, tasks))
    return processes, max(1, jobs // processes)


def each_done(
    tasks: Sequence[Task], work: Work[Task, Result], processes: int, console: Console, files: OutputFiles
) -> Generator[Done[Task, Result], None, None]:
    """Do all tasks and give them in order, each once its lines are said and its files are published.

    To be closed. Raises BrokenPipeError where this process does the work itself and nobody reads what it writes.
    """
    if processes == 1 or len(tasks) < 2:
        return (_done(task, work, console, files) for task in tasks)
    # At once, and not when the first is asked for: there may be threads then, of a progress bar.
    crew = _Crew(tasks, work, processes, console, files)

    def each() -> Generator[Done[Task, Result], None, None]:
        with contextlib.closing(crew):
            for number, task in enumerate(tasks):
                yield _settled(task, crew.report(number), work, console, files)

    return each()


def _done(task: Task, work: Work[Task, Result], console: Console, files: OutputFiles) -> Done[Task, Result]:
    try:
        return Done(task, work(task, console, files))
    except BrokenPipeError:
        raise
    except (SofcError, OSError) as error:
        return Done(task, error=error)


def _settled(
    task: Task, report: _Report, work: Work[Task, Result], console: Console, files: OutputFiles
) -> Done[Task, Result]:
    """Say and publish what a process tells of a job."""
    if report.trace:
        raise RuntimeError(f"a job failed in its process:\n{report.trace}")
    error = report.error
    if isinstance(error, FileExistsError) and error.filename and files.has_made(Path(error.filename)):
        # The process found a file in the way that is of this run: here its name gets a number.
        for output in report.outputs:
            files.discard(output)
        return _done(task, work, console, files)
    console.repeat(report.said)
    waiting = list(report.outputs)
    try:
        while waiting:
            files.publish(waiting.pop(0))
    except OSError as caught:
        error = caught
    finally:
        for output in waiting:
            files.discard(output)
    return Done(task, report.result, error)


class _Crew:
    """Processes that do the tasks in order. ``close`` ends them, whatever they are at, and what they made is gone."""

    def __init__(
        self, tasks: Sequence[Any], work: Work[Any, Any], processes: int, console: Console, files: OutputFiles
    ) -> None:
        from multiprocessing import get_context

        # A process that has threads cannot be forked safely; a new one has to load everything again.
        fork = sys.platform == "linux" and threading.active_count() == 1
        self._context = get_context("fork") if fork else get_context("spawn")
        self._is_forked = fork
        self._tasks = tasks
        self._arguments = (work, console.recorded(), files.holding())
        self._next = 0
        self._reports: dict[int, _Report] = {}
        self._busy: dict[Connection, int] = {}
        self._idle: list[Connection] = []
        self._processes: dict[Connection, BaseProcess] = {}
        try:
            for _ in range(processes):
                self._idle.append(self._hire())
        except BaseException:
            self.close()
            raise

    def _hire(self) -> Connection:
        ours, theirs = self._context.Pipe()
        # A process that is forked has our ends of all pipes too, and would not see that we are gone.
        others = [*self._processes, ours] if self._is_forked else []
        process = self._context.Process(target=_serve, args=(theirs, others, *self._arguments), daemon=True)
        process.start()
        theirs.close()
        self._processes[ours] = process
        return ours

    def report(self, number: int) -> _Report:
        """What is told of a task; tasks behind it are begun meanwhile."""
        from multiprocessing.connection import Connection, wait

        while True:
            self._hand_out()
            if number in self._reports:
                return self._reports.pop(number)
            for ready in wait(list(self._busy)):
                assert isinstance(ready, Connection)
                self._take(ready)

    def _hand_out(self) -> None:
        while self._idle and self._next < len(self._tasks):
            connection = self._idle.pop()
            try:
                connection.send(self._tasks[self._next])
            except BrokenPipeError:
                self._bury(connection)
                self._idle.append(self._hire())
                continue
            self._busy[connection] = self._next
            self._next += 1

    def _take(self, connection: Connection) -> None:
        number = self._busy.pop(connection)
        try:
            self._reports[number] = connection.recv()
            self._idle.append(connection)
        except (EOFError, ConnectionResetError):
            code = self._bury(connection)
            how = f"by signal {-code}" if code is not None and code < 0 else f"with status {code}"
            self._reports[number] = _Report(
                error=OSError(errno.ECHILD, f"the process that worked on it ended {how}: if memory is short, try -j 1")
            )
            if self._next < len(self._tasks):
                self._idle.append(self._hire())

    def _bury(self, connection: Connection) -> int | None:
        process = self._processes.pop(connection)
        connection.close()
        process.join()
        return process.exitcode

    def close(self) -> None:
        """End all processes; each removes what it made and was not published."""
        for connection in self._busy:
            self._processes[connection].terminate()
        for connection in self._processes:
            connection.close()
        for process in self._processes.values():
            process.join()


def _serve(
    connection: Connection,
    others: Sequence[Connection],
    work: Work[Any, Any],
    console: Console,
    files: OutputFiles,
) -> None:
    """Do one task after the other, until there are none or nobody asks."""
    pass_over_warnings()
    for other in others:
        other.close()
    # A terminal signals to all processes; the first one decides, and ends these.
    for number in (signal.SIGINT, *ENDS_WITH_TERMINAL):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    made: list[OutputFiles] = []
    try:
        while True:
            task = connection.recv()
            # Another console and other files each time: nothing that was said or written is to be remembered.
            making = files.holding()
            made.append(making)
            report = _reported(task, work, console.recorded(), making)
            connection.send_bytes(_packed(report))
    except (EOFError, OSError):
        pass  # the first process is gone, or needs this one no more
    finally:
        # What was not published by now never will be, whatever became of the first process.
        for making in made:
            making.discard_held()


def _reported(task: Any, work: Work[Any, Any], console: Recorder, files: OutputFiles) -> _Report:
    assert files.held is not None
    report = _Report(said=console.said, outputs=files.held)
    try:
        report.result = work(task, console, files)
    except (SofcError, OSError) as error:
        if console.verbose >= 2:
            error.add_note("".join(traceback.format_exception(error)).rstrip())
        report.error = error
    except Exception:
        report.trace = traceback.format_exc()
    return report


def _packed(report: _Report) -> bytes:
    """The report as bytes; an error of a kind that cannot be sent is sent as one that can."""
    try:
        data = pickle.dumps(report)
        pickle.loads(data)
        return data
    except Exception:
        if report.error is None:
            raise
        kind = SofcError if isinstance(report.error, SofcError) else OSError
        report.error = kind(" ".join(str(report.error).split()))
        return pickle.dumps(report)


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)
