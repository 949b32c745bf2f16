"""The files that a run makes: others are replaced only when asked for, those of the run never."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import operator
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from sofc.cli.destinations import Written
from sofc.files import discard, drafted, publish, refuse_folder

OVERWRITES = "exists already; -f overwrites it"


def refuse_overwrite(path: Path, force: bool) -> None:
    """Raise FileExistsError where a file would be lost without ``force``."""
    if path.exists() and not force:
        raise FileExistsError(errno.EEXIST, OVERWRITES, os.fspath(path))


class AlreadyThereError(FileExistsError):
    """An output is there already, and such are to be passed by."""


@dataclass
class Output:
    """A file that is written, and, once it is published, ``path``: until then where it is to be.

    ``exactly``: nowhere else; otherwise, where the name is taken, a number is put into it. ``draft``: its name until it
    is published, None where it has none, as for devices.
    """

    path: Path
    exactly: bool
    draft: Path | None

    @property
    def place(self) -> Path:
        """Where its bytes are now."""
        return self.draft or self.path


class _Summed:
    """Passes on what is written, and sums it up."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.flush = file.flush

    def write(self, data: bytes) -> int:
        """Write."""
        self.digest.update(data)
        return self._file.write(data)


class OutputFiles:
    """Makes the files of a run. ``force``: others are replaced; ``skip``: those are an AlreadyThereError.

    ``dry``: nothing is written. ``read_back``: each file is read back and compared with what was written.

    ``hold``: a process that does one job among others cannot know which names those before it take. It publishes
    nothing but puts what it has made into ``held``, for the process that knows.
    """

    like: Sequence[os.stat_result] = ()
    """What the files are made of, set by each job: a file gets the time and the permissions of the one that it is made
    of, of several what all permit."""

    def __init__(
        self, force: bool, *, skip: bool = False, dry: bool = False, read_back: bool = False, hold: bool = False
    ) -> None:
        self._force = force
        self._skip = skip
        self.dry = dry
        self.read_back = read_back
        self._written = Written()
        self.held: list[Output] | None = [] if hold else None

    def holding(self) -> OutputFiles:
        """A maker of files for a process that does one job of the run."""
        return OutputFiles(self._force, skip=self._skip, dry=self.dry, read_back=self.read_back, hold=True)

    def refuse_overwrite(self, path: Path) -> None:
        """Raise FileExistsError where a file would be lost that is not to be replaced."""
        if not self.has_made(path):
            if self._skip and path.exists():
                raise AlreadyThereError(errno.EEXIST, "is there already", os.fspath(path))
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
        if self.dry:
            unwritten = Output(path, exactly, None)
            with Path(os.devnull).open("wb") as nothing:
                yield nothing, unwritten
            self._hand_over(unwritten)
            return
        _find_folder(path.parent, make=folders)
        like = self.like
        mode = functools.reduce(operator.and_, (made_of.st_mode for made_of in like), 0o666) if like else None
        output: Output | None = None
        try:
            with drafted(path, mode=mode) as (file, draft):
                output = Output(path, exactly, draft)
                summed = _Summed(file)
                yield cast(BinaryIO, summed) if self.read_back else file, output
            if draft is not None and self.read_back:
                _compare(draft, summed.digest.digest(), path)
            if draft is not None and len(like) == 1:
                os.utime(draft, ns=(like[0].st_atime_ns, like[0].st_mtime_ns))
            self._hand_over(output)
        except BaseException:
            if output is not None:
                self.discard(output)
            raise

    def _hand_over(self, output: Output) -> None:
        if self.held is not None:
            self.held.append(output)
        else:
            self.publish(output)

    def publish(self, output: Output) -> None:
        """Give a file its name. Raises OSError, FileExistsError where it is that of a file not to be replaced."""
        if output.draft is None and not self.dry:
            return
        try:
            path = output.path if output.exactly else self._written.free(output.path)
            self.refuse_overwrite(path)
            try:
                if output.draft is not None:
                    publish(output.draft, path, replace=self._force)
            except FileExistsError:
                refuse_overwrite(path, force=False)
                raise
        except BaseException:
            self.discard(output)
            raise
        output.path, output.draft = path, None
        self._written.add(path, dry=self.dry)

    def discard_held(self) -> None:
        """Remove what is held and has not been published meanwhile."""
        for output in self.held or ():
            self.discard(output)

    @staticmethod
    def discard(output: Output) -> None:
        """Remove a file that is not to be published."""
        if output.draft is not None:
            discard(output.draft)


def _find_folder(folder: Path, *, make: bool) -> None:
    """``make`` a folder that is not there. Raises OSError that says what is there in its place, or that nothing is."""
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        there = next(one for one in (folder, *folder.parents) if one.exists())
        raise NotADirectoryError(errno.ENOTDIR, "is a file, and no folder", os.fspath(there)) from None
    if not folder.exists():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder: make it first", os.fspath(folder))


def _compare(draft: Path, digest: bytes, path: Path) -> None:
    """Raise OSError, naming ``path``, where a file does not have this digest."""
    with draft.open("rb") as written:
        if hashlib.file_digest(written, "sha256").digest() != digest:
            raise OSError(errno.EIO, "what was written does not read back", os.fspath(path))
