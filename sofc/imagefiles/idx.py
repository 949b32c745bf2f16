"""IDX files, plain or gzipped, as MNIST has them: many gray images of one size in one file."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UnsupportedError, UsageError
from sofc.image import Meaning
from sofc.imagefiles.samples import Samples

IMAGES = b"\x00\x00\x08\x03"
LABELS = b"\x00\x00\x08\x01"
_BEGINNING = re.compile(rb"\0\0[\x08\x09\x0b-\x0e][^\0]", re.DOTALL)
"""What all IDX files begin with: zeros, the type of the numbers, and how many dimensions they have."""
GZIP = b"\x1f\x8b"
MOST_EXPANSION = 1032
"""Bytes that a byte of deflate data may stand for, at most."""


def open_maybe_gzip(path: Path) -> BinaryIO:
    """The file's contents, unpacked where it is gzipped."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]


def first_bytes(path: Path, count: int) -> bytes:
    """The beginning of the contents. Raises FormatError where the gzip data is damaged there."""
    with _unpacking(path), open_maybe_gzip(path) as file:
        return file.read(count)


def count(path: Path) -> int:
    """Images in the file, from its head alone. Raises FormatError where the file is too small to hold them."""
    images, height, width = _geometry(first_bytes(path, 16), path)
    with path.open("rb") as file:
        most = path.stat().st_size * (MOST_EXPANSION if file.read(2) == GZIP else 1)
    if images * max(1, height * width) > most:
        raise FormatError(f"{path}: there cannot be {images} images of {width}x{height} in so small a file")
    return images


def load(path: Path, index: int) -> Samples:
    """Image ``index`` of the file."""
    stat = path.stat()
    images = _read_all(os.fspath(path), stat.st_mtime_ns, stat.st_size)
    return Samples(images[index], 8, Meaning.GRAY)


@contextlib.contextmanager
def _unpacking(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FormatError(f"{path}: damaged gzip data: {error}") from error


def _geometry(head: bytes, path: Path) -> tuple[int, int, int]:
    if head[:4] == LABELS:
        raise UsageError(f"{path}: this IDX file holds labels, not images")
    if not _BEGINNING.match(head):
        raise UnsupportedError(
            f"{path}: what is packed in this gzip file is no IDX file; others are read once they are unpacked "
            "(gunzip); or keep the file: sofc encode --keep-file"
        )
    if head[:4] != IMAGES or len(head) < 16:
        raise UsageError(
            f"{path}: not an IDX file of 8-bit images, with three dimensions (its first four bytes are "
            f"{head[:4].hex(' ')}): write the images as .npy files"
        )
    images, height, width = struct.unpack(">III", head[4:16])
    return images, height, width


@lru_cache(maxsize=1)
def _read_all(path: str, mtime_ns: int, size: int) -> npt.NDArray[np.uint8]:
    """All images of one file. Kept for the next call: a gzip stream has no way to one image but from its start."""
    with _unpacking(Path(path)), open_maybe_gzip(Path(path)) as file:
        images, height, width = _geometry(file.read(16), Path(path))
        data = file.read(images * height * width + 1)
    if len(data) != images * height * width:
        raise FormatError(
            f"{path}: {images} images of {width}x{height} need {images * height * width} bytes; there are "
            f"{'more' if len(data) > images * height * width else len(data)}"
        )
    return np.frombuffer(data, np.uint8).reshape(images, height, width)
