"""NIfTI and MGH volumes through nibabel: their slices, with the values as stored, before any scaling."""

from __future__ import annotations

import contextlib
import logging
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UnsupportedError
from sofc.files import let_go, naming
from sofc.image import Meaning
from sofc.imagefiles import exact
from sofc.imagefiles.lasting import Lasting
from sofc.imagefiles.samples import Samples

# With nibabel's own output suppressed Python would write what it logs to standard error.
logging.getLogger("nibabel").addHandler(logging.NullHandler())
SUFFIXES = (".nii", ".nii.gz", ".nii.bz2", ".mgh", ".mgz")
HEAD_SUFFIX = ".hdr"
_PACKED = (".gz", ".bz2", ".mgz")
_WITH_TAIL = ".mgh"
"""Of these the file ends with fields that are kept (``metadata.volumes``)."""
_HEAD_SIZES = (348, 540)
_PIECE_BYTES = 1 << 20


def is_packed(path: Path) -> bool:
    """Whether the samples are compressed as a whole, so that a slice is read behind those before it."""
    return path.suffix.lower() in _PACKED


def is_volume(path: Path) -> bool:
    """Whether the file has the name of a volume, or is the head of one whose samples are in an .img file beside it."""
    name = path.name.lower()
    if not name.endswith(HEAD_SUFFIX):
        return name.endswith(SUFFIXES)
    with path.open("rb") as file:
        size = file.read(4)
    return {int.from_bytes(size, "little"), int.from_bytes(size, "big")} & set(_HEAD_SIZES) != set()


def count(path: Path) -> int:
    """Slices of the file. Raises UnsupportedError without nibabel."""
    shape: tuple[int, ...] = opened(path).shape
    return int(np.prod(shape[2:], dtype=np.int64))


def load(path: Path, index: int) -> Samples:
    """Slice ``index``, shape (y, x) or, for colours, (y, x, 3). Slices run along z, then along what comes after it."""
    file = _lasting.of(path)
    try:
        array = file.slice(index)
    except BaseException:
        _lasting.drop()
        raise
    if index + 1 == file.count:
        _lasting.drop()
    if array.dtype.fields is None:
        return Samples(array, None, Meaning.GRAY)
    # Colours are records of bytes called R, G, B and perhaps A.
    names = array.dtype.names or ()
    meaning = Meaning.RGB if len(names) == 3 else Meaning.RGBA
    return Samples(np.stack([array[name] for name in names], axis=-1), None, meaning)


def remarks(path: Path) -> Iterator[str]:
    """What of the file is not stored."""
    proxy = opened(path).dataobj
    file = Path(proxy.file_like)
    if not is_packed(file) and file.suffix.lower() != _WITH_TAIL:
        more = file.stat().st_size - proxy.offset - math.prod(proxy.shape) * proxy.dtype.itemsize
        if more > 0:
            yield f"the volume has {more} bytes behind the samples that its head speaks of, not stored; {exact.ALL}"


class _Volume:
    """A volume whose slices are read one by one, in whatever type and order of bytes they stand there."""

    def __init__(self, path: Path) -> None:
        from nibabel.openers import ImageOpener

        self._path = path
        self._proxy = opened(path).dataobj
        self._shape = self._proxy.shape[:2]
        self.count = math.prod(self._proxy.shape[2:])
        self._file: Any = ImageOpener(self._proxy.file_like)
        self._is_packed = is_packed(Path(self._proxy.file_like))
        self._next = 0

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def slice(self, index: int) -> npt.NDArray[Any]:
        """Slice ``index``, shape (y, x). A packed file cannot go back: it is unpacked to disk where they are asked
        for in another order."""
        if self._is_packed and index != self._next:
            self._unpack()
        size = math.prod(self._shape)
        count = size * self._proxy.dtype.itemsize
        self._file.seek(self._proxy.offset + index * count)
        data = self._file.read(count)
        if len(data) < count:
            raise FormatError(f"{self._path}: the volume is cut off: slice {index} of {self.count} is not all there")
        self._next = index + 1
        if self._is_packed and self._next == self.count:
            self._check_end()
        return np.frombuffer(data, self._proxy.dtype, size).reshape(self._shape[::-1])

    def _check_end(self) -> None:
        """Unpack what follows the samples: behind it are the checks, which raise OSError or EOFError."""
        while self._file.read(_PIECE_BYTES):
            pass

    def _unpack(self) -> None:
        with contextlib.ExitStack() as stack:
            unpacked = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - closed with the volume
            stack.callback(let_go, unpacked)
            self._file.seek(0)
            while piece := self._file.read(_PIECE_BYTES):
                with naming(tempfile.gettempdir()):
                    unpacked.write(piece)
            with naming(tempfile.gettempdir()):
                unpacked.flush()
            self._file.close()
            self._file, self._is_packed = unpacked, False
            stack.pop_all()


_lasting = Lasting(_Volume, _Volume.close)


def opened(path: str | Path) -> Any:
    """nibabel's image. Raises UnsupportedError without nibabel."""
    try:
        import nibabel
    except ImportError as error:
        raise UnsupportedError(f"{path}: volumes need nibabel; install it with: pip install 'sofc[nifti]'") from error
    with nibabel.imageglobals.LoggingOutputSuppressor():  # what it logs, it raises as well
        image: Any = nibabel.load(path)
    samples = Path(image.dataobj.file_like)
    if not samples.exists():
        raise FormatError(f"{path}: the samples of this volume are in {samples.name} beside it, which is not there")
    if getattr(image.header, "is_single", False) and image.dataobj.offset < image.header.sizeof_hdr:
        raise UnsupportedError(
            f"{path}: the samples of this volume are said to begin within its head (at {image.dataobj.offset}), where "
            f"some readers look for them and others behind it; {exact.KEEP}"
        )
    return image
