"""The files that a run makes: others are replaced only when asked for, those of the run never."""

from __future__ import annotations

import contextlib
import errno
import functools
import operator
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sofc.cli.destinations import Written
from sofc.files import discard, drafted, publish, refuse_folder

OVERWRITES = "exists already; -f overwrites it"


def refuse_overwrite(path: Path, force: bool) -> None:
    """Raise FileExistsError where a file would be lost without ``force``."""
    if path.exists() and not force:
        raise FileExistsError(errno.EEXIST, OVERWRITES, os.fspath(path))


@dataclass
class Output:
    """A file that is written, and, once it is published, ``path``: until then where it is to be.

    ``exactly``: nowhere else; otherwise, where the name is taken, a number is put into it. ``draft``: its name until it
    is published, None where it has none, as for devices.
    """

    path: Path
    exactly: bool
    draft: Path | None


class OutputFiles:
    """Makes the files of a run.

    ``hold``: a process that does one job among others cannot know which names those before it take. It publishes
    nothing but puts what it has made into ``held``, for the process that knows. ``like``: what the files are made of,
    set by each job: a file gets the time and the permissions of the one that it is made of, of several what all permit.
    """

    def __init__(self, force: bool, *, hold: bool = False) -> None:
        self._force = force
        self._written = Written()
        self.like: Sequence[os.stat_result] = ()
        self.held: list[Output] | None = [] if hold else None

    def holding(self) -> OutputFiles:
        """A maker of files for a process that does one job of the run."""
        return OutputFiles(self._force, hold=True)

    def refuse_overwrite(self, path: Path) -> None:
        """Raise FileExistsError where a file would be lost that is not to be replaced."""
        if not self.has_made(path):
            refuse_overwrite(path, self._force)

    def has_made(self, path: Path) -> bool:
        """Whether the run has written this file."""
        return path in self._written

    @contextlib.contextmanager
    def create(self, path: Path, *, exactly: bool = False, folders: bool = True) -> Iterator[tuple[BinaryIO, Output]]:
        """A file to write, and what becomes of it. ``folders``: those that lead to it are made where there are none."""
        if exactly or not path.is_dir():
            self.refuse_overwrite(path)
            refuse_folder(path)
        if folders:
            path.parent.mkdir(parents=True, exist_ok=True)
        like = self.like
        mode = functools.reduce(operator.and_, (made_of.st_mode for made_of in like), 0o666) if like else None
        with drafted(path, mode=mode) as (file, draft):
            output = Output(path, exactly, draft)
            yield file, output
        if draft is not None and len(like) == 1:
            os.utime(draft, ns=(like[0].st_atime_ns, like[0].st_mtime_ns))
        if self.held is not None:
            self.held.append(output)
        else:
            self.publish(output)

    def publish(self, output: Output) -> None:
        """Give a file its name. Raises OSError, FileExistsError where it is that of a file not to be replaced."""
        if output.draft is None:
            return
        try:
            path = output.path if output.exactly else self._written.free(output.path)
            self.refuse_overwrite(path)
            try:
                publish(output.draft, path, replace=self._force)
            except FileExistsError:
                refuse_overwrite(path, force=False)
                raise
        except BaseException:
            self.discard(output)
            raise
        output.path = path
        self._written.add(path)

    @staticmethod
    def discard(output: Output) -> None:
        """Remove a file that is not to be published."""
        if output.draft is not None:
            discard(output.draft)
