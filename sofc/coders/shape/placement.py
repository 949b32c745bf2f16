"""The encoder's choice: which shapes of the codebook stand where in the high part of a plane, and what that costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.shape import kernel_windows as kernel
from sofc.coders.shape.kernel_numbers import bits_of
from sofc.coders.shape.kernel_windows import MAX_SIDE, Search, Windows
from sofc.coders.shape.parameters import ShapeModel
from sofc.planes import Plane

Integers = npt.NDArray[np.int64]

SMALL_SIDE = 64
"""Images of at most so many rows and columns are no pages."""
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
    """The shape layer with shapes: from sample to sample the one that saves most bits, of those that fit."""
    search = search_in(high, image_rows, (model.shapes.max_rows, model.shapes.max_columns))
    anchors, covered = np.zeros(high.shape, np.int32), np.zeros(high.shape, np.uint8)
    kernel.cover_plane(search, model.shapes.arrays, model.shapes.table, model.order, anchors, covered)
    return _list_pairs(high, anchors, covered != 0)


def _list_pairs(high: Plane, anchors: Plane, covered: npt.NDArray[np.bool_]) -> Pairs:
    """Pairs in raster order: a shape's number + 1 or, for a single sample, minus its value."""
    free = np.where(covered, 0, high).ravel()
    shapes = anchors.ravel() - free
    places = np.flatnonzero(shapes)
    passed = np.cumsum(~(covered.ravel() | (free != 0)))[places]
    return Pairs.of(np.diff(passed, prepend=0), shapes[places].astype(np.int64))


def is_page(high: Plane, image_rows: int, limits: tuple[int, int]) -> bool:
    """Whether an image is too large to look for all windows of up to ``limits`` rows and columns in it."""
    rows, width = high.shape
    return limits[0] * limits[1] > MATCHED_AREA and max(width, min(image_rows, rows)) > SMALL_SIDE


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
    windows = Windows(np.zeros(MAX_SIDE**2, np.int64), *np.zeros((2, MAX_SIDE), np.int64))
    return Search(np.ascontiguousarray(high), image_rows, windows, across, down, max_rows, max_columns, outline)
