"""Pieces of planes, by which ways to code them are compared, and what they take at most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.logarithms import LOG_ONE, times_log2
from sofc.planes import Plane
from sofc.prediction.grid import PERIOD, find_grid
from sofc.prediction.grid import PIECE as GRID_PIECE
from sofc.transforms.components import Transform

PIECE, PIECE_SHARE = 1 << 14, 16
"""Models are compared on so many samples of one plane, or, where that is more, on this part of them."""
SMALL, SMALL_PIECE = 1 << 15, 1 << 12
"""Of planes of at most so many samples on so many."""
TILE = 32
"""Rows and columns of a tile, at most."""
RUN = 4
"""Images of a group that follow each other and give a tile from the same place."""
STEP = 16
"""Pieces of images begin at multiples of so many rows and columns: there the widest blocks of JPEG data may begin."""


def cut_piece(planes: Sequence[Plane], image_rows: int, parts: int = 1) -> tuple[list[Plane], int]:
    """Tiles of at most 32 x 32 samples from all over the planes, one below the other, and their height.

    They begin at multiples of 8 rows and columns, so that all keep their place in the grid that JPEG leaves; of several
    images RUN that follow each other give theirs from the same place. Planes of at most SMALL_PIECE samples are given
    back whole. ``parts``: one in so many of such tiles is enough.
    """
    rows, width = planes[0].shape
    wanted = (SMALL_PIECE if rows * width <= SMALL else max(PIECE, rows * width // PIECE_SHARE)) // parts
    if rows * width <= wanted:
        return list(planes), image_rows
    height, breadth = min(TILE, image_rows), min(TILE, width)
    tiles = wanted // (height * breadth)
    images = rows // image_rows
    run = min(images, RUN)
    runs = max(1, tiles // run)
    tiles = runs * run
    places = []
    for tile in range(tiles):
        place = tile // run
        across, down = 2 * place + 1, 2 * (3 * place % runs) + 1
        top = (image_rows - height) * down // (2 * runs) & ~7
        left = (width - breadth) * across // (2 * runs) & ~7
        image = place * (images - run) // max(1, runs - 1) + tile % run
        places.append((image * image_rows + top, left))
    piece = [
        np.concatenate([plane[top : top + height, left : left + breadth] for top, left in places]) for plane in planes
    ]
    return piece, height


BANDS, BAND_ROWS, BAND_WIDTH, BAND_SHARE = 3, 16, 1024, 32
"""At the fastest effort a few rows tell: so many bands of them, of so many rows and columns at most, or as many as this
part of the samples takes. They begin at multiples of 8 rows and columns."""


def cut_rows(planes: Sequence[Plane], image_rows: int) -> tuple[list[Plane], int]:
    """Bands of rows of planes, one below the other, and their height: from the middle of rows, and of several images
    from some of these; those of low images may overlap. Kernels take them in a fifth of the time of as many samples in
    tiles."""
    rows, width = planes[0].shape
    height, breadth = min(BAND_ROWS, image_rows), min(BAND_WIDTH, width)
    count = min(rows // height, max(BANDS, planes[0].size // (BAND_SHARE * height * breadth)))
    if rows * width <= SMALL_PIECE or count * height >= rows:
        return list(planes), image_rows
    left = (width - breadth) // 2 & ~7
    places = []
    for band in range(count):
        image, within = divmod((2 * band + 1) * rows // (2 * count), image_rows)
        places.append(image * image_rows + (min(max(0, within - height // 2), image_rows - height) & ~7))
    cut = [np.concatenate([plane[top : top + height, left : left + breadth] for top in places]) for plane in planes]
    return cut, height


class Piece(NamedTuple):
    """Transformed tiles or bands, one below the other, their height, and which share of all samples they have."""

    planes: list[Plane]
    rows: int
    share: float


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of planes under a transform, each made once, however many models are judged by it."""

    planes: Sequence[Plane]
    transform: Transform
    _pieces: dict[tuple[int, int], Piece] = field(default_factory=dict, repr=False)
    _places: dict[int, int] = field(default_factory=dict, repr=False)

    def tiles(self, image_rows: int, parts: int = 1) -> Piece:
        """Those of ``cut_piece``."""
        if (image_rows, parts) not in self._pieces:
            self._pieces[image_rows, parts] = self._transformed(*cut_piece(self.planes, image_rows, parts))
        return self._pieces[image_rows, parts]

    def bands(self, image_rows: int) -> Piece:
        """Those of ``cut_rows``."""
        if (image_rows, 0) not in self._pieces:
            self._pieces[image_rows, 0] = self._transformed(*cut_rows(self.planes, image_rows))
        return self._pieces[image_rows, 0]

    def place(self, image_rows: int) -> int:
        """That of the first image in the grid, which pieces have, too, and are too small to tell."""
        if image_rows not in self._places:
            sides = image_rows, self.planes[0].shape[1]
            top, left = (max(0, (side - GRID_PIECE) // 2) // PERIOD * PERIOD for side in sides)
            rows, columns = slice(top, min(image_rows, top + GRID_PIECE)), slice(left, left + GRID_PIECE)
            middle = self.transform.forward([np.ascontiguousarray(plane[rows, columns]) for plane in self.planes])
            self._places[image_rows] = find_grid(middle[: len(middle) - self.transform.corrections])
        return self._places[image_rows]

    def _transformed(self, piece: list[Plane], rows: int) -> Piece:
        return Piece(self.transform.forward(piece), rows, piece[0].size / self.planes[0].size)


def telling_place(plane: Plane, side: int) -> tuple[int, int]:
    """Row and column of the piece with such sides, a multiple of STEP, in which most samples differ from those beside
    them, as those of pictures do and those of drawings do not; the first of several."""
    rows, width = (max(1, size // STEP) for size in plane.shape)
    inner = plane[: STEP * rows, : STEP * width]
    differ = np.zeros((STEP * rows, STEP * width), np.uint8)
    height, breadth = inner.shape
    differ[: height - 1, :breadth] += inner[1:] != inner[:-1]
    differ[:height, : breadth - 1] += inner[:, 1:] != inner[:, :-1]
    tiles = differ.reshape(rows, STEP, width, STEP).sum(axis=(1, 3), dtype=np.int64)
    down, across = min(rows, side // STEP), min(width, side // STEP)
    total = np.pad(tiles.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    sums = total[down:, across:] - total[:-down, across:] - total[down:, :-across] + total[:-down, :-across]
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    return STEP * int(row), STEP * int(column)


def variety(plane: Plane) -> float:
    """Share of samples that differ from those below and beside them. Of the most telling pieces of 128 x 128 of
    photographs and of what JPEG at quality 10 makes of them it is 0.69 to 1, of drawn text 0.1 to 0.35."""
    inner = plane[:-1, :-1]
    return float(((inner != plane[1:, :-1]).mean() + (inner != plane[:-1, 1:]).mean()) / 2) if inner.size else 0.0


MOST_COUNTED = 1 << 18
"""Residuals of planes of colours lie within so much of each other; those of corrections stand for those of several
planes in one number, up to 2^28, and are sorted: a counter for each took gigabytes."""


def plain_size(planes: Sequence[Plane], image_rows: int, enough: float = math.inf) -> float:
    """About the bytes of planes by the simplest of predictions, judged by a piece: by the sample to the left, the one
    above, or both less the one between. It takes hardly any time, and is some 1.1 to 1.4 times what a model takes.
    ``enough``: of planes that take more, only as many are looked at as do."""
    piece, rows = cut_piece(planes, image_rows)
    bits = 0.0
    for plane in piece:
        if bits * planes[0].size > 8 * enough:
            break
        images = plane.reshape(-1, rows, plane.shape[1])
        across, down = np.diff(images, axis=2), np.diff(images, axis=1)
        bits += min(_entropy(residuals) for residuals in (across, down, np.diff(across, axis=1)))
    return bits * planes[0].size / 8


def _entropy(values: npt.NDArray[np.int32]) -> float:
    """In bits a value."""
    if values.size == 0:
        return 0.0
    above = values.reshape(-1).astype(np.int64) - int(values.min())
    is_dense = int(above.max()) < MOST_COUNTED
    counts = np.bincount(above) if is_dense else np.unique(above, return_counts=True)[1]
    return (times_log2(np.array([values.size])) - times_log2(counts[counts > 0])) / (LOG_ONE * values.size)
