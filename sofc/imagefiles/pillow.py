"""Opening files with Pillow, however large the image."""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sofc.errors import LimitError

FEW_PIXELS = 1 << 27
"""Pixels that any file may claim to hold."""
PIXELS_A_BYTE = 1 << 14
"""Pixels that a byte of a file may stand for: above the most that deflate makes of one byte, in pixels of one bit."""


class _Without:
    """Something that a process has once, taken away while any thread works without it. ``put``: puts it, or None, in
    its place, and returns what was there."""

    def __init__(self, put: Callable[[Any], Any]) -> None:
        self._put = put
        self._lock = threading.Lock()
        self._users = 0
        self._value: Any = None

    @contextmanager
    def during(self) -> Iterator[None]:
        """Without it during the block."""
        with self._lock:
            if self._users == 0:
                self._value = self._put(None)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._put(self._value)


def _put_bound(value: int | None) -> int | None:
    from PIL import Image

    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, value
    return before


@cache
def _libtiff_puts() -> Callable[[Any], Any]:
    """Puts the handler of errors of Pillow's libtiff; where its function is not found, as on Windows, nothing."""
    from PIL import _imaging

    try:
        function = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (OSError, AttributeError):
        return lambda handler: handler
    function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
    return function


_bound, _handler = _Without(_put_bound), _Without(lambda handler: _libtiff_puts()(handler))


def unbounded() -> AbstractContextManager[None]:
    """Lift Pillow's own bound for sizes, which scanned forms exceed, during the block."""
    return _bound.during()


def silent_libtiff() -> AbstractContextManager[None]:
    """Have Pillow's libtiff say nothing on stderr during the block: others may use the same. Pillow stops its warnings
    itself; most of its errors are raised, too, but not codes of CCITT that mean nothing."""
    return _handler.during()


@contextmanager
def opened(path: str | os.PathLike[str], formats: tuple[str, ...] | None = None) -> Iterator[Any]:
    """An open image during the block, without a bound for its size but what its file can hold. Raises LimitError."""
    from PIL import Image

    with unbounded(), Image.open(path, formats=formats) as image:
        refuse_claims(path, image)
        yield image


def is_of_disk(error: Exception) -> bool:
    """Whether it is the disk that an error speaks of, and not the file's contents: to seek to before its beginning, as
    readers of files that are cut off may do, is an invalid argument."""
    if not isinstance(error, OSError) or error.errno is None:
        return False
    return error.errno != errno.EINVAL or error.filename is not None


def refuse_claims(path: str | os.PathLike[str], image: Any) -> None:
    """Raise LimitError where an open image, not yet loaded, claims more pixels than its file can hold."""
    size = Path(path).stat().st_size
    if image.width * image.height > max(FEW_PIXELS, PIXELS_A_BYTE * size):
        raise LimitError(
            f"{path}: a file of {size} bytes that says it holds {image.width} x {image.height} pixels is not decoded: "
            "it is damaged, or made to exhaust memory; keep the file: sofc encode --keep-file"
        )
