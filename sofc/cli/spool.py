"""Rows of a large image, on disk until all are there: what becomes of them may depend on what follows them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from sofc.files import let_go, naming
from sofc.image import ImageHeader
from sofc.imagefiles.rows import LARGE_BYTES
from sofc.imagefiles.save import FEW_BITS
from sofc.rows import FileRows


def is_large(header: ImageHeader) -> bool:
    """Whether an image is better not held in memory. Those of few bits are: PNG packs them once all have been seen."""
    size = np.dtype(header.format.dtype_name).itemsize
    known = header.height is not None and header.format.declared_bits not in FEW_BITS
    return known and (header.height or 0) * header.row_samples * size >= LARGE_BYTES


class Shelf:
    """Whole images that are not large: in memory while they are few, then in a file beside ``place``, or in it
    where that is a folder."""

    def __init__(self, place: Path) -> None:
        self._place = place
        # Closed by who made it.
        self._file = cast(BinaryIO, tempfile.SpooledTemporaryFile(LARGE_BYTES, dir=str(_folder_of(place))))  # noqa: SIM115
        self._size = 0

    def add(self, image: npt.NDArray[Any]) -> FileRows:
        """The rows of an image, to be read until the shelf is closed."""
        row, start = image.nbytes // len(image), self._size
        with naming(self._place):
            self._file.seek(start)
            self._file.write(np.ascontiguousarray(image).view(np.uint8).data)
        self._size += image.nbytes

        def read(first: int, end: int) -> npt.NDArray[Any]:
            with naming(self._place):
                self._file.seek(start + first * row)
                data = self._file.read((end - first) * row)
            return np.frombuffer(data, image_type).reshape(end - first, *shape[1:])

        shape, image_type = image.shape, image.dtype
        return FileRows(shape, image_type, read)

    def close(self) -> None:
        """Let go of the images."""
        let_go(self._file)


class Spool:
    """A file without a name beside ``place``, or in it where that is a folder: where there is room for what is made.
    Raises OSError."""

    def __init__(self, place: Path, header: ImageHeader) -> None:
        self._place = place
        # Closed by who made it.
        self._file = cast(BinaryIO, tempfile.TemporaryFile(dir=_folder_of(place)))  # noqa: SIM115
        components = header.format.components
        self._row = (header.width,) if components == 1 else (header.width, components)
        self._dtype = np.dtype(header.format.dtype_name)
        self._rows = 0

    def add(self, rows: npt.NDArray[Any]) -> None:
        """The next rows."""
        with naming(self._place):
            self._file.write(np.ascontiguousarray(rows, self._dtype).data)
            self._file.flush()
        self._rows += len(rows)

    def rows(self) -> FileRows:
        """All rows so far, to be read until the spool is closed."""
        return FileRows((self._rows, *self._row), self._dtype, self._read)

    def _read(self, first: int, end: int) -> npt.NDArray[Any]:
        size = int(np.prod(self._row)) * self._dtype.itemsize
        self._file.seek(first * size)
        data = self._file.read((end - first) * size)
        return np.frombuffer(data, self._dtype).reshape(end - first, *self._row)

    def close(self) -> None:
        """Let go of the rows."""
        let_go(self._file)


def _folder_of(place: Path) -> Path:
    return next(folder for folder in (place, *place.absolute().parents) if folder.is_dir())
