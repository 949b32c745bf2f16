"""Images of a file that is held in memory: the readers of other libraries take files of the disk."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from sofc.errors import FormatError, SofcError
from sofc.files import naming
from sofc.imagefiles.folders import sources, why_no_image
from sofc.imagefiles.samples import Samples
from sofc.imagefiles.source import load

_SAFE_SUFFIXES = re.compile(r"(\.[A-Za-z0-9]{1,8}){1,2}")


@contextlib.contextmanager
def on_disk(name: str, pieces: Iterable[bytes]) -> Iterator[Path]:
    """A temporary file of these pieces. ``name``, of which only suffixes are used, need not be trusted.

    Raises OSError, and what the pieces raise.
    """
    suffixes = "".join(PurePath(name).suffixes[-2:])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffixes if _SAFE_SUFFIXES.fullmatch(suffixes) else ''}"
        with path.open("wb") as file:
            for piece in pieces:
                with naming(folder):
                    file.write(piece)
        yield path


def images_in(name: str, data: bytes) -> list[Samples]:
    """All images of the file with these bytes, as ``each_in`` has them."""
    return list(each_in(name, (data,)))


def each_in(name: str, pieces: Iterable[bytes]) -> Iterator[Samples]:
    """One image after the other of a file of these pieces. ``name``, of which only suffixes are used, need not be
    trusted.

    Raises FormatError, UsageError or UnsupportedError where there are none that can be read.
    """
    with on_disk(name, pieces) as path:
        called = f"the kept file {name!r}" if name else "the kept file"
        if reason := why_no_image(path):
            raise FormatError(f"{called}: cannot be read as an image: {reason}")
        try:
            for source in sources([path]):
                yield load(source)
        except SofcError as error:
            raise type(error)(str(error).replace(str(path), called)) from None
        except OSError as error:  # of other files that it needs
            raise FormatError(f"{called} cannot be read as an image: {error.strerror}") from None
