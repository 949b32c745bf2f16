"""FITS files: the planes of the arrays in all their units, as they are stored. Pillow turns them and drops the sign."""

from __future__ import annotations

import bisect
import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles.exact import KEEP
from sofc.imagefiles.lasting import Lasting
from sofc.imagefiles.samples import Samples

MAGIC = b"SIMPLE  ="
_BLOCK, _CARD = 2880, 80
_MOST_BLOCKS = 1 << 12
"""Of a head."""
_MOST_AXES = 999
_TELLING = ("BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "BSCALE", "BZERO")
"""Names, or their beginnings, that say where samples stand and what they are: readers differ on which of two counts."""
_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_VALUE = re.compile(rb"= *(?:'((?:[^']|'')*)'|([^ /]*))")
Head = dict[str, str]


class _Unit(NamedTuple):
    """A unit of a FITS file: its head, and where its ``size`` bytes of data begin."""

    head: Head
    start: int
    size: int
    lengths: tuple[int, ...]

    @property
    def planes(self) -> int:
        """Images in it."""
        return math.prod(self.lengths[2:]) if self._is_image else 0

    @property
    def _is_image(self) -> bool:
        kind = self.head.get("XTENSION", "IMAGE").strip()
        return kind == "IMAGE" and len(self.lengths) >= 2 and all(self.lengths)

    @property
    def is_packed(self) -> bool:
        """Whether it holds an image that is compressed in tiles."""
        return self.head.get("ZIMAGE") == "T"

    @property
    def scale(self) -> tuple[float, float]:
        """What a sample is multiplied by, and what is added."""
        return _real(self.head, "BSCALE", 1.0), _real(self.head, "BZERO", 0.0)


def count(path: Path) -> int:
    """Planes of the arrays of at least two axes in all units. Raises FormatError where there are none."""
    units, ends = _lasting_units.of(path)
    if any(unit.is_packed for unit in units):
        raise UnsupportedError(f"{path}: this FITS file has compressed images; unpack it with funpack, or {KEEP}")
    end = path.stat().st_size
    if any(unit.planes and unit.start + unit.size > end for unit in units):
        raise FormatError(f"{path}: the FITS file announces more samples than it holds")
    if not ends or not ends[-1]:
        raise FormatError(f"{path}: the FITS file holds no image")
    return ends[-1]


def load(path: Path, index: int) -> Samples:
    """Plane ``index``: rows in the order of the file, which viewers show from the bottom up.

    Samples are unsigned where the scale says no more than that (FITS 4.0, 5.2.5); otherwise it is not applied.
    """
    units, ends = _lasting_units.of(path)
    if not 0 <= index < (ends[-1] if ends else 0):
        raise IndexError("the FITS file has fewer images")
    number = bisect.bisect_right(ends, index)
    unit = units[number]
    index -= ends[number] - unit.planes
    width, height = unit.lengths[:2]
    dtype = np.dtype(_TYPES[int(unit.head["BITPIX"])])
    size = width * height
    with path.open("rb") as file:
        file.seek(unit.start + index * size * dtype.itemsize)
        data = file.read(size * dtype.itemsize)
    if len(data) < size * dtype.itemsize:
        raise FormatError(f"{path}: {width}x{height} samples are announced but not all there")
    array = np.frombuffer(data, dtype).reshape(height, width)
    return Samples(_other_sign(array) if _has_other_sign(unit, dtype) else array, None, Meaning.GRAY)


def remarks(path: Path) -> Iterator[str]:
    """What of the file is not stored."""
    units, _ = _lasting_units.of(path)
    yield "the head of the FITS file (units, coordinates, how the samples were made) is not stored"
    if any(
        unit.scale != (1, 0) and not _has_other_sign(unit, np.dtype(_TYPES[int(unit.head["BITPIX"])]))
        for unit in units
        if unit.planes
    ):
        yield "the samples are stored as they are in the FITS file; their scale (BSCALE, BZERO) is not stored"
    if left_out := sum(1 for unit in units if not unit.planes and unit.size):
        yield f"{left_out} unit{'s' if left_out > 1 else ''} of the FITS file (tables, or other than images) not stored"


def end(path: Path) -> int:
    """Where the last unit ends."""
    last = _lasting_units.of(path)[0][-1]
    return last.start + -(-last.size // _BLOCK) * _BLOCK


def _has_other_sign(unit: _Unit, dtype: np.dtype[np.generic]) -> bool:
    bits = 8 * dtype.itemsize
    offset = -128.0 if bits == 8 else 2.0 ** (bits - 1)
    return dtype.kind in "iu" and unit.scale == (1, offset)


def _other_sign(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Half the range added to signed samples, or taken from unsigned ones: the other sign, and the highest bit."""
    kind = "i" if array.dtype.kind == "u" else "u"
    unsigned = array.astype(array.dtype.newbyteorder("=")).view(f"u{array.itemsize}")
    flipped: npt.NDArray[Any] = unsigned ^ unsigned.dtype.type(1 << 8 * array.itemsize - 1)
    return flipped.view(f"{kind}{array.itemsize}")


def _units(path: Path) -> Iterator[_Unit]:
    with path.open("rb") as file:
        end = path.stat().st_size
        start = 0
        while start < end:
            file.seek(start)
            head = _head(path, file, first=start == 0)
            if head is None:
                return
            lengths = _lengths(path, head)
            factor = _whole(path, head, "GCOUNT", 1)
            extra = _whole(path, head, "PCOUNT", 0)
            # Random groups have a first axis of length 0, which does not count.
            counted = lengths[1:] if head.get("GROUPS") == "T" else lengths
            items = math.prod(counted) if lengths else 0
            size = abs(_whole(path, head, "BITPIX")) // 8 * factor * (extra + items)
            unit = _Unit(head, file.tell(), size, lengths)
            yield unit
            start = unit.start + -(-size // _BLOCK) * _BLOCK


def _units_and_ends(path: Path) -> tuple[list[_Unit], list[int]]:
    """All units, and the number of the plane behind those of each."""
    units = list(_units(path))
    return units, list(itertools.accumulate(unit.planes for unit in units))


_lasting_units = Lasting(_units_and_ends)


def _head(path: Path, file: BinaryIO, *, first: bool) -> Head | None:
    """The values of a unit's head, up to its END; None where no further unit begins."""
    found: Head = {}
    for number in range(_MOST_BLOCKS):
        block = file.read(_BLOCK)
        if number == 0 and not first and not block.startswith(b"XTENSION"):
            return None  # what stands behind the last unit is free
        if len(block) < _BLOCK:
            raise FormatError(f"{path}: the head of the FITS file is cut off")
        for place in range(0, _BLOCK, _CARD):
            card = block[place : place + _CARD]
            name = card[:8].rstrip().decode("latin-1")
            if name == "END":
                return found
            if (value := _VALUE.match(card, 8)) is not None:
                text = (value[1] if value[1] is not None else value[2]).decode("latin-1")
                if name.startswith(_TELLING) and name in found and not _is_same(found[name], text):
                    raise FormatError(f"{path}: the head of the FITS file says {name} twice, and not the same")
                found[name] = text
    raise FormatError(f"{path}: the head of the FITS file has no end")


def _lengths(path: Path, head: Head) -> tuple[int, ...]:
    axes = _whole(path, head, "NAXIS")
    if axes > _MOST_AXES or _whole(path, head, "BITPIX") not in _TYPES:
        raise FormatError(f"{path}: the head of the FITS file cannot be read")
    return tuple(_whole(path, head, f"NAXIS{axis + 1}") for axis in range(axes))


def _whole(path: Path, head: Head, name: str, usual: int | None = None) -> int:
    try:
        value = int(head[name]) if usual is None else int(head.get(name, usual))
    except (KeyError, ValueError):
        raise FormatError(f"{path}: the head of the FITS file cannot be read ({name})") from None
    if value < 0 and name != "BITPIX":
        raise FormatError(f"{path}: the head of the FITS file cannot be read ({name})")
    return value


def _real(head: Head, name: str, usual: float) -> float:
    return _number(head[name]) if name in head else usual


def _number(text: str) -> float:
    """A value that is a number, else NaN."""
    try:
        return float(text.replace("D", "E"))
    except ValueError:
        return math.nan


def _is_same(one: str, other: str) -> bool:
    """Whether two values are the same, or the same number in other letters."""
    return one == other or _number(one) == _number(other)
