"""The encoder's choice: which shapes of the codebook stand where in the high part of a plane, and what that costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.shape import kernel_windows as kernel
from sofc.coders.shape.kernel_numbers import bits_of
from sofc.coders.shape.kernel_windows import (
    MAX_SIDE,
    SMALL_COLUMNS,
    SMALL_ROWS,
    KnownShapes,
    Matches,
    Placed,
    Search,
    Windows,
)
from sofc.coders.shape.parameters import ShapeModel
from sofc.planes import Plane

Integers = npt.NDArray[np.int64]

SWEEPS = 2
"""How often small images are gone through for shapes to leave out: on MNIST that saves 4 % of the bytes."""

PAGE_SIDE = 16
"""In pages windows are looked for up to this side."""

MATCHED_AREA = 16
"""Samples of the largest window up to which windows are looked for in full, in images of any size."""


class Pairs(NamedTuple):
    """The shape layer of one plane.

    ``distances``: free samples passed since the pair before; ``shapes``: the number of a shape + 1, or minus the value
    of a single sample. ``location_bits``, ``code_bits``: what distances take, and what says which shapes and values.
    """

    distances: Integers
    shapes: Integers
    location_bits: int
    code_bits: int

    @classmethod
    def of(cls, distances: Integers, shapes: Integers) -> Pairs:
        """With their price."""
        unpriced = cls(distances, shapes, bits_of(distances), 0)
        return unpriced._replace(code_bits=bits_of(unpriced.symbols, unpriced.values))

    @property
    def symbols(self) -> Integers:
        """The number of each pair's shape + 1, 0 for single samples."""
        return np.maximum(self.shapes, 0)

    @property
    def values(self) -> Integers:
        """The values of single samples less 1."""
        return -1 - self.shapes[self.shapes < 0]

    @property
    def bits(self) -> int:
        """Bits of all pairs."""
        return self.location_bits + self.code_bits


def choose_pairs(high: Plane, model: ShapeModel, image_rows: int, use_shapes: bool | None = None) -> Pairs:
    """With shapes of several samples where they make the layer smaller, or as ``use_shapes`` says."""
    pairs = single_pairs(high)
    if use_shapes is False or not (pairs.shapes.size and len(model.shapes)):
        return pairs
    placed = shape_pairs(high, model, image_rows)
    return placed if use_shapes or placed.bits < pairs.bits else pairs


def single_pairs(high: Plane) -> Pairs:
    """The shape layer without shapes of several samples."""
    return _list_pairs(high, np.zeros_like(high), np.zeros(high.shape, bool))


def shape_pairs(high: Plane, model: ShapeModel, image_rows: int) -> Pairs:
    """The shape layer with shapes: from sample to sample the one that saves most bits, of those that fit.

    In small images those that save most of all are placed first, and some left out where that costs less.
    """
    search = search_in(high, image_rows, (model.shapes.max_rows, model.shapes.max_columns))
    if is_small(high, image_rows):
        found, places = _list_matches(search, model)
        pairs = _choose(search, model, found, places, 0, 0)
        if not pairs.shapes.size:
            return pairs
        location = 16 * pairs.location_bits // pairs.shapes.size
        return min(pairs, _choose(search, model, found, places, location, SWEEPS), key=lambda one: one.bits)
    anchors, covered = np.zeros(high.shape, np.int32), np.zeros(high.shape, np.uint8)
    kernel.cover_plane(search, KnownShapes(model.shapes.arrays, model.shapes.table, model.order), anchors, covered)
    return _list_pairs(high, anchors, covered != 0)


def _list_matches(search: Search, model: ShapeModel) -> tuple[Integers, Integers]:
    """Shape and place of all matches, in the order of placing."""
    room = 4096 + search.plane.size // 4
    while True:
        found, places = np.empty((2, room), np.int64)
        count = kernel.list_matches(search, model.shapes.arrays, model.shapes.table, found, places)
        if count <= room:
            break
        room = count
    found, places = found[:count], places[:count]
    order = np.lexsort((places, model.order[found]))
    return found[order], places[order]


def _choose(search: Search, model: ShapeModel, found: Integers, places: Integers, location: int, sweeps: int) -> Pairs:
    """Place some of the matches; ``location`` is what a location costs, in sixteenths of a bit."""
    shapes = model.shapes
    plane_rows, width = search.plane.shape
    rows, columns = np.divmod(places, width)
    images = rows // search.image_rows
    order = np.argsort(images, kind="stable")
    numbers = found[order]
    prices = model.prices
    single = int(prices[0]) + location
    matches = Matches(
        bounds=np.searchsorted(images[order], np.arange(-(-plane_rows // search.image_rows) + 1)),
        rows=rows[order],
        heights=shapes.heights[numbers],
        masks=((np.int64(1) << shapes.widths[numbers]) - 1) << columns[order],
        gains=single * shapes.nonzeros[numbers] - prices[1 + numbers] - location,
        image_rows=search.image_rows,
    )
    banned, chosen = np.zeros((2, numbers.size), np.uint8)
    best, other = (
        Placed(np.zeros(SMALL_ROWS * SMALL_COLUMNS, np.int64), np.zeros(1, np.int64), np.zeros(plane_rows, np.int64))
        for _ in range(2)
    )
    kernel.choose_matches(matches, sweeps, banned, best, other, chosen)
    anchors = np.zeros(search.plane.shape, np.int32)
    anchors.ravel()[places[order][chosen != 0]] = numbers[chosen != 0] + 1
    covered = (best.covered[:, None] & np.int64(1) << np.arange(width)) != 0
    return _list_pairs(search.plane, anchors, covered)


def _list_pairs(high: Plane, anchors: Plane, covered: npt.NDArray[np.bool_]) -> Pairs:
    """Pairs in raster order: a shape's number + 1 or, for a single sample, minus its value."""
    free = np.where(covered, 0, high).ravel()
    shapes = anchors.ravel() - free
    places = np.flatnonzero(shapes)
    passed = np.cumsum(~(covered.ravel() | (free != 0)))[places]
    return Pairs.of(np.diff(passed, prepend=0), shapes[places].astype(np.int64))


def is_small(high: Plane, image_rows: int) -> bool:
    """Whether all matches of an image are listed, and placements improved."""
    rows, width = high.shape
    return bool(width <= SMALL_COLUMNS and min(image_rows, rows) <= SMALL_ROWS)


def is_page(high: Plane, image_rows: int, limits: tuple[int, int]) -> bool:
    """Whether an image is too large to look for all windows of up to ``limits`` rows and columns in it."""
    return limits[0] * limits[1] > MATCHED_AREA and not is_small(high, image_rows)


def search_in(high: Plane, image_rows: int, limits: tuple[int, int], outline: bool = False) -> Search:
    """Looking for windows of up to ``limits`` rows and columns, in pages of less to bound the time."""
    max_rows, max_columns = limits
    if is_page(high, image_rows, limits):
        max_rows, max_columns = min(max_rows, PAGE_SIDE), min(max_columns, PAGE_SIDE)
    nonzero = (high != 0).view(np.uint8)
    across, down = np.empty(high.shape, np.int64), np.empty(high.shape[::-1], np.int64)
    kernel.fill_masks(nonzero, high.shape[1], max_columns, across)
    kernel.fill_masks(np.ascontiguousarray(nonzero.T), image_rows, max_rows, down)
    down = np.ascontiguousarray(down.T)
    keys, sizes = np.zeros((2, MAX_SIDE**2), np.int64)
    windows = Windows(keys, sizes, np.zeros(MAX_SIDE, np.int64), np.zeros((MAX_SIDE, 2), np.int64))
    return Search(np.ascontiguousarray(high), image_rows, windows, across, down, max_rows, max_columns, outline)
