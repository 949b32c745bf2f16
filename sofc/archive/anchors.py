"""Finds which images of a tree are crops of others: tiles beside their slide, patches, the same image in two formats.

An anchor is a place that is chosen by the samples around it alone: a hash of SIDE x SIDE of them ends in zeros, as
files are cut by their content (Manber, "Finding similar files in a large file system", 1994). So a crop has all of its
anchors where the image has them, moved by one step. What is found this way is compared sample by sample when it is
stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.archive.crops import Crop, gray_of
from sofc.archive.survey import AHEAD
from sofc.errors import SofcError
from sofc.imagefiles import ImageSource, load
from sofc.places import Place, here_all
from sofc.training.shards import in_order, in_shards

SIDE = 8
"""Of the squares that are hashed."""
LEAST_ANCHORS = 2
"""An image of fewer is not sought in others."""
LEAST_LEVEL = 5
"""One place in 2^level is an anchor."""
MOST_ANCHORS = 1 << 21
"""Of all images together, about: more samples have a higher level, which finds larger crops only."""
MOST_PLACES = 8
"""Of anchors of one hash so many are tried, those in the largest images."""
SHARD_SAMPLES, SHARD_IMAGES = 1 << 22, 256
"""Images are looked at together until they are so many, or have so many samples."""
_STRIP_SAMPLES = 1 << 20
_STEPS = (1, 2, 4)
_FACTORS = ((0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9),
            (0xD6E8FEB86659FD93, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB))  # fmt: skip
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_Hashes = npt.NDArray[np.uint64]
_Places = npt.NDArray[np.int64]


class Anchors(NamedTuple):
    """Anchors of one image: hashes, and the rows and columns where they are."""

    hashes: _Hashes
    rows: _Places
    columns: _Places


class Looks(NamedTuple):
    """Anchors of an image as it is, and as a gray image, where it has three colours of 8 bits."""

    own: Anchors
    gray: Anchors


@dataclass(frozen=True)
class Candidate:
    """A file of one image of ``rows`` x ``columns`` samples of each of ``components``."""

    path: Place
    rows: int
    columns: int
    components: int

    @property
    def samples(self) -> int:
        """Of all components."""
        return self.rows * self.columns * self.components


def find_crops(candidates: Sequence[Candidate], executor: Executor | None) -> dict[int, Crop]:
    """Which are crops of another one, by their numbers. That other is none itself. Of the same images, the first is."""
    level = _level(sum(2 * one.samples for one in candidates))
    shards = in_shards(candidates, attrgetter("samples"), SHARD_IMAGES, SHARD_SAMPLES)
    paths = [[one.path for one in shard] for shard in shards]
    look = partial(look_for_anchors, level=level)
    found = [looks for shard in in_order(executor, look, paths, AHEAD) for looks in shard]
    # Larger ones first, so that each is sought among those before it.
    order = sorted(range(len(candidates)), key=lambda number: -candidates[number].rows * candidates[number].columns)
    table = _Table([found[number] for number in order])
    crops: dict[int, Crop] = {}
    for rank, number in enumerate(order):
        one = candidates[number]
        for place in table.places_of(rank, found[number].own):
            source = candidates[order[place.image]]
            if 0 <= place.row <= source.rows - one.rows and 0 <= place.column <= source.columns - one.columns:
                crop = Crop(order[place.image], place.row, place.column, one.rows, one.columns, place.gray)
                crops[number] = _in_whole(crop, crops)
                break
    return crops


def _in_whole(crop: Crop, crops: dict[int, Crop]) -> Crop:
    """A crop of what may be a crop itself as one of what is none."""
    outer = crops.get(crop.source)
    if outer is None:
        return crop
    row, column = outer.row + crop.row, outer.column + crop.column
    return Crop(outer.source, row, column, crop.rows, crop.columns, crop.gray or outer.gray)


def _level(samples: int) -> int:
    return max(LEAST_LEVEL, (-(-samples // MOST_ANCHORS) - 1).bit_length())


def look_for_anchors(places: Sequence[Place], level: int) -> list[Looks]:
    """Anchors of the images of some files; none of those that cannot be read."""
    with here_all(places) as paths:
        return [_looks(path, level) for path in paths]


def _looks(path: Path | OSError, level: int) -> Looks:
    none = _anchors(np.zeros((0, 0), np.uint8), level)
    if isinstance(path, OSError):
        return Looks(none, none)
    try:
        image: Any = load(ImageSource(path)).array
    except (SofcError, OSError, MemoryError):
        return Looks(none, none)
    if image.dtype.kind not in "bu" or image.dtype.itemsize > 2:
        return Looks(none, none)
    coloured = image.dtype == np.uint8 and image.shape[2:] == (3,)
    return Looks(_anchors(image, level), _anchors(gray_of(image), level) if coloured else none)


def _anchors(image: npt.NDArray[Any], level: int) -> Anchors:
    """The anchors of an image, shape (height, width[, components]), strip by strip."""
    high, wide = image.shape[:2]
    step = max(2 * SIDE, _STRIP_SAMPLES // max(1, wide))
    strips = [Anchors(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64))]
    for first in range(0, high - SIDE, step) if wide > SIDE else ():
        hashes = _hashes(image[first : first + step + SIDE])
        here, right, below = hashes[:-1, :-1], hashes[:-1, 1:], hashes[1:, :-1]
        # Where all around is the same, or goes on the same, every place would be one.
        chosen = (here & np.uint64((1 << level) - 1) == 0) & (here != right) & (here != below)
        rows, columns = np.nonzero(chosen)
        strips.append(Anchors(here[rows, columns], rows + first, columns))
    return Anchors(*(np.concatenate(parts) for parts in zip(*strips, strict=True)))


def _hashes(image: npt.NDArray[Any]) -> _Hashes:
    """Of each square of SIDE x SIDE samples one number."""
    values = _words(image)
    for axis, factors in enumerate(_FACTORS):
        for step, factor in zip(_STEPS, factors, strict=True):
            earlier, later = (values[:-step], values[step:]) if axis == 0 else (values[:, :-step], values[:, step:])
            values = earlier * np.uint64(factor) + later
    values ^= values >> np.uint64(32)
    values *= _MIX
    values ^= values >> np.uint64(29)
    return values


def _words(image: npt.NDArray[Any]) -> _Hashes:
    """All components of a sample, and of what type it is, as one number."""
    planes = image[..., None] if image.ndim == 2 else image
    words = np.full(image.shape[:2], ord(image.dtype.kind) + image.dtype.itemsize, np.uint64)
    for place in range(planes.shape[2]):
        words = words * _MIX + planes[..., place]
    return words


class _Place(NamedTuple):
    """Where an image would begin in another, whose rank is ``image``."""

    image: int
    row: int
    column: int
    gray: bool


class _Table:
    """All anchors of images that come in the order of their rank."""

    def __init__(self, images: Sequence[Looks]) -> None:
        parts = [part for looks in images for part in looks]
        counts = [len(part.hashes) for part in parts]
        hashes = np.concatenate([np.zeros(0, np.uint64), *(part.hashes for part in parts)])
        order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[order]
        self._rows = np.concatenate([np.zeros(0, np.int64), *(part.rows for part in parts)])[order]
        self._columns = np.concatenate([np.zeros(0, np.int64), *(part.columns for part in parts)])[order]
        self._looks = np.repeat(np.arange(len(parts)), counts)[order]  # of image n: 2 n, and gray 2 n + 1
        self._known = np.sort(_known(self._hashes, self._looks, self._rows, self._columns))

    def places_of(self, rank: int, anchors: Anchors) -> Iterator[_Place]:
        """Where all anchors of an image are found again in images before it."""
        if len(anchors.hashes) < LEAST_ANCHORS:
            return
        starts = np.searchsorted(self._hashes, anchors.hashes, "left")
        ends = np.searchsorted(self._hashes, anchors.hashes, "right")
        rarest = int(np.argmin(ends - starts))
        for entry in range(starts[rarest], min(ends[rarest], starts[rarest] + MOST_PLACES)):
            looks = int(self._looks[entry])
            if looks // 2 >= rank:
                return
            row = int(self._rows[entry] - anchors.rows[rarest])
            column = int(self._columns[entry] - anchors.columns[rarest])
            wanted = _known(anchors.hashes, looks, anchors.rows + row, anchors.columns + column)
            at = np.minimum(np.searchsorted(self._known, wanted), len(self._known) - 1)
            if np.all(self._known[at] == wanted):
                yield _Place(looks // 2, row, column, bool(looks % 2))


def _known(hashes: _Hashes, looks: Any, rows: _Places, columns: _Places) -> _Hashes:
    """One number for an anchor at a place of an image."""
    factors = _FACTORS[0]
    place = np.asarray(looks).astype(np.uint64) * np.uint64(factors[0])
    place = place ^ rows.astype(np.uint64) * np.uint64(factors[1]) ^ columns.astype(np.uint64) * np.uint64(factors[2])
    known: _Hashes = hashes ^ place
    return known
