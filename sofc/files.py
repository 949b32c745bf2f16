"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_being_written: set[Path] = set()
"""Drafts that a block of ``drafted`` is at."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that appears under ``path``, replacing what was there, once the block ends without an error.

    A link is followed. What is no file but a device or a pipe is written to as it is. Raises OSError.
    """
    refuse_folder(path)
    draft = None
    try:
        with drafted(path) as (file, draft):
            yield file
        if draft is not None:
            publish(draft, path, replace=True)
    except BaseException:
        # Also where a signal comes between these two.
        if draft is not None:
            discard(draft)
        raise


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """An OSError of the block that names no file names ``path``: a full disk says what is the matter, but not where."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from error


def let_go(file: BinaryIO) -> None:
    """Close a temporary file. Where the disk is full it tries once more to write, and fails without a name."""
    with suppress(OSError):
        file.close()


def refuse_folder(path: Path) -> None:
    """Raise IsADirectoryError where ``path`` is a folder, which no file replaces."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))


@contextmanager
def drafted(path: Path, *, mode: int | None = None, durable: bool = True) -> Iterator[tuple[BinaryIO, Path | None]]:
    """A file to write that is to be ``path``, and its name until then: a hidden one in the same folder.

    Once the block ends without an error the file is on disk (with the system only, where it need not be ``durable``),
    with ``mode`` (default: that of any new file), and the caller's, to ``publish`` or to ``discard``; after an error it
    is gone. None in place of a name: ``path`` is a device
    or a pipe and written to as it is. Raises OSError.
    """
    path = _real(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb") as device:
            yield device, None
        return
    # Letters may have four bytes, and names 255. The name is known before there is a file: a signal may come any time.
    draft = path.with_name(f".{path.name[:48]}.{os.urandom(4).hex()}.part")
    _being_written.add(draft)
    try:
        try:
            handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            # Of the file that was asked for, not of one that nobody knows.
            raise type(error)(error.errno, error.strerror, os.fspath(path)) from error
        with os.fdopen(handle, "wb") as file:
            yield file, draft
            file.flush()
            if durable:
                os.fsync(file.fileno())
        # Until here it is private.
        draft.chmod(_usual_mode() if mode is None else mode)
    except BaseException as error:
        discard(draft)
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            # A full disk says what is the matter, but not where.
            raise type(error)(error.errno, error.strerror, os.fspath(path)) from error
        raise
    finally:
        _being_written.discard(draft)


def publish(draft: Path, path: Path, *, replace: bool) -> None:
    """Give a draft its name. Raises OSError, FileExistsError where ``path`` is there and not to be replaced; the draft
    is gone then.
    """
    path = _real(path)
    try:
        if replace:
            draft.replace(path)
            return
        try:
            # Of two processes that have found the name free, one gets it.
            os.link(draft, path)
        except FileExistsError:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path)) from None
        except OSError:
            # Not all file systems have links.
            if path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path)) from None
            draft.replace(path)
            return
        discard(draft)
    except BaseException:
        discard(draft)
        raise


def discard(draft: Path) -> None:
    """Remove a draft."""
    draft.unlink(missing_ok=True)


def discard_all() -> None:
    """Remove what is being written, for a process that ends at once."""
    for draft in list(_being_written):
        with suppress(OSError):
            discard(draft)


def _usual_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path)) if path.is_symlink() else path
