"""Arrays of numpy in files (NPY): each one image, or a stack of them, as its axes say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UsageError
from sofc.imagefiles import exact
from sofc.imagefiles.samples import Samples, meaning_of

AXES = "nyxc"
"""Images, rows, columns, components: the letters that name axes, in the order that images have them in."""
OBJECTS = "objects of Python as pickles, which are no samples"
FEW = 4
"""Components that need no word: an image of more is told by its last axis being the shortest."""


def usual_axes(shape: tuple[int, ...]) -> str:
    """The axes of an array of which nothing more is known.

    Of three axes the last counts components where it has at most ``FEW`` elements, or fewer than both others; otherwise
    the first counts images. Of four axes the first counts images and the last components. Raises UsageError for any
    other number, and for four axes of which the last is not the shortest but for the first.
    """
    has_components = len(shape) >= 3 and (shape[-1] <= FEW or shape[-1] < min(shape[-3:-1]))
    if len(shape) == 2:
        return "yx"
    if len(shape) == 3:
        return "yxc" if has_components else "nyx"
    if len(shape) == 4 and has_components:
        return "nyxc"
    raise UsageError(
        f"an array of shape {shape} is no image, or its axes are not clear: an image has 2 dimensions, or 3 with "
        "components last; name them with --axes, such as nyxc or ncyx"
    )


def parse_axes(text: str) -> str:
    """A name for each axis. Raises UsageError for letters that are none of ``AXES``, doubled, or without y or x."""
    if set(text) <= set(AXES) and len(set(text)) == len(text) and {"y", "x"} <= set(text):
        return text
    raise UsageError(f"axes are named by letters, each once: n images, y rows, x columns, c components; not {text!r}")


def remark(path: Path) -> str:
    """How a stack is read where no axes are named, in words; "" for one image."""
    shape = _array(path).shape
    axes = _axes_of(path, shape)
    if "n" not in axes:
        return ""
    count, rows, columns = shape[:3]
    other = "yxc" if len(shape) == 3 else "ncyx"
    return f"the array of shape {shape} is taken as {count} images of {columns} x {rows} (--axes {axes}, not {other})"


def remarks(path: Path) -> Iterator[str]:
    """What is not stored of the file: further arrays, as ``np.save`` appends them to one that is open."""
    array = _array(path)
    behind = path.stat().st_size - array.offset - array.nbytes if isinstance(array, np.memmap) else 0
    if behind > 0:
        yield f"the file has {behind} bytes behind its array, such as further arrays, not stored; {exact.ALL}"


def count(path: Path, axes: str | None = None) -> int:
    """Images in the file."""
    return len(_stack(path, axes))


def load(path: Path, index: int, axes: str | None = None) -> Samples:
    """Image ``index``."""
    array = _stack(path, axes)[index]
    return Samples(array, None, meaning_of(array.shape[2] if array.ndim == 3 else 1))


def _stack(path: Path, axes: str | None) -> npt.NDArray[Any]:
    """The array, shape (images, rows, columns[, components]), not read yet but for its head."""
    array = _array(path)
    axes = _axes_of(path, array.shape) if axes is None else axes
    if len(axes) != array.ndim:
        raise UsageError(f"{path}: the array has {array.ndim} axes (shape {array.shape}), not those of --axes {axes}")
    ordered = array.transpose([axes.index(axis) for axis in AXES if axis in axes])
    return ordered if "n" in axes else ordered[np.newaxis]


def _axes_of(path: Path, shape: tuple[int, ...]) -> str:
    try:
        return usual_axes(shape)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _array(path: Path) -> npt.NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except ValueError as error:  # an array without elements, or of objects, is no map
        if "Python objects" in str(error):
            raise FormatError(f"{path}: the array holds {OBJECTS}") from None
        array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise FormatError(f"{path}: the file holds no array")
    return array
