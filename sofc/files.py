"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that appears under ``path``, replacing what was there, once the block ends without an error.

    A link is followed. What is no file but a device or a pipe is written to as it is. Raises OSError.
    """
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            yield device
        return
    try:
        # Letters may have four bytes, and names 255.
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:48]}.", suffix=".part", dir=path.parent)
    except OSError as error:
        # Of the file that was asked for, not of one that nobody knows.
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; the result gets what any new file gets.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
