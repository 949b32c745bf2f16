"""Opening files with Pillow, however large the image."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sofc.errors import LimitError

FEW_PIXELS = 1 << 27
"""Pixels that any file may claim to hold."""
PIXELS_A_BYTE = 1 << 14
"""Pixels that a byte of a file may stand for: above the most that deflate makes of one byte, in pixels of one bit."""


class _Bound:
    """Pillow's bound for sizes, and how many threads work without it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.value: int | None = None


_bound = _Bound()


@contextmanager
def unbounded() -> Iterator[None]:
    """Lift Pillow's own bound, which scanned forms exceed, during the block."""
    from PIL import Image

    with _bound.lock:
        if _bound.users == 0:
            _bound.value, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _bound.users += 1
    try:
        yield
    finally:
        with _bound.lock:
            _bound.users -= 1
            if _bound.users == 0:
                Image.MAX_IMAGE_PIXELS = _bound.value


@contextmanager
def opened(path: str | os.PathLike[str], formats: tuple[str, ...] | None = None) -> Iterator[Any]:
    """An open image during the block, without a bound for its size but what its file can hold. Raises LimitError."""
    from PIL import Image

    with unbounded(), Image.open(path, formats=formats) as image:
        refuse_claims(path, image)
        yield image


@cache
def silence_libtiff() -> None:
    """Have Pillow's libtiff say nothing on stderr. Pillow stops its warnings itself; most of its errors are raised,
    too, but not codes of CCITT that mean nothing. Where the function is not found, as on Windows, they are said."""
    from PIL import _imaging

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


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
