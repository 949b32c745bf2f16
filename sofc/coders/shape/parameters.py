"""What one plane's section says: the shape codebook and the model of the detail layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sofc.coders.shape.details import DetailModel
from sofc.coders.shape.kernel_windows import EMPTY, KeyTable, Shapes, hash_shapes, insert_keys

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ShapeSet:
    """Shapes of two samples or more: their samples stand row by row in ``pool`` (int32), one shape after the other."""

    heights: Integers
    widths: Integers
    pool: npt.NDArray[np.int32]

    @classmethod
    def of(cls, shapes: Sequence[npt.NDArray[np.int32]]) -> ShapeSet:
        """From 2-D arrays, in this order."""
        sizes = np.array([shape.shape for shape in shapes], np.int64).reshape(-1, 2)
        pool = np.concatenate([np.zeros(0, np.int32), *(shape.ravel() for shape in shapes)])
        heights, widths = np.ascontiguousarray(sizes.T)
        return cls(heights, widths, pool)

    def __len__(self) -> int:
        return self.heights.size

    def __getitem__(self, number: int) -> npt.NDArray[np.int32]:
        offset = int(self.arrays.offsets[number])
        return self.pool[offset : offset + int(self.sizes[number])].reshape(self.heights[number], self.widths[number])

    def take(self, numbers: Integers) -> ShapeSet:
        """The shapes of these numbers, in this order."""
        return ShapeSet.of([self[int(number)] for number in numbers])

    @cached_property
    def sizes(self) -> Integers:
        """Samples of each shape."""
        return self.heights * self.widths

    @cached_property
    def arrays(self) -> Shapes:
        """The shapes as kernels take them."""
        return Shapes(self.heights, self.widths, np.cumsum(self.sizes) - self.sizes, self.pool)

    @cached_property
    def nonzeros(self) -> Integers:
        """Nonzero samples of each shape."""
        owners = np.repeat(np.arange(len(self)), self.sizes)
        return np.bincount(owners[self.pool != 0], minlength=len(self))

    @cached_property
    def table(self) -> KeyTable:
        """The number of each shape by the key of its samples."""
        keys = np.zeros(len(self), np.int64)
        hash_shapes(self.arrays, keys)
        return key_table(keys)

    @property
    def max_rows(self) -> int:
        """Height of the highest shape, 0 without any."""
        return int(self.heights.max(initial=0))

    @property
    def max_columns(self) -> int:
        """Width of the widest shape, 0 without any."""
        return int(self.widths.max(initial=0))


def key_table(keys: Integers) -> KeyTable:
    """The place of each of these distinct keys, by key."""
    capacity = 1 << max(4, (4 * keys.size).bit_length())
    table = KeyTable(np.full(capacity, EMPTY, np.int64), np.zeros(capacity, np.int64))
    insert_keys(table, keys)
    return table


MAX_COUNT = (1 << 31) - 1
"""Placements of a shape that are counted at most."""


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """The shape codebook of a plane, the shapes placed most often first.

    ``counts`` (1 + shapes,): how often single samples were placed in training, and each shape. ``worth`` (bits, in
    sixteenths) is what placing a shape saves for each nonzero sample: it orders the encoder's choice and nothing else.
    """

    shapes: ShapeSet
    counts: Integers
    worth: int

    @classmethod
    def ranked(cls, shapes: ShapeSet, counts: Integers, worth: int) -> ShapeModel:
        """From shapes in any order; none counts as placed more than MAX_COUNT times."""
        order = np.argsort(-counts[1:], kind="stable")
        return cls(shapes.take(order), np.minimum(counts[np.append(0, 1 + order)], MAX_COUNT), worth)

    @cached_property
    def prices(self) -> Integers:
        """What naming a single sample and each shape takes, about, in sixteenths of a bit."""
        counts = np.maximum(self.counts, 1)
        return np.asarray(np.rint(16 * np.log2(counts.sum() / counts)), np.int64)

    @cached_property
    def order(self) -> Integers:
        """Place of each shape in the encoder's order: the most bits saved first."""
        saved = self.shapes.nonzeros * self.worth - self.prices[1:]
        rank = np.empty(len(self.shapes), np.int64)
        rank[np.lexsort((np.arange(saved.size), -self.shapes.sizes, -saved))] = np.arange(saved.size)
        return rank


@dataclass(frozen=True, eq=False)
class PlaneParameters:
    """Everything about one plane. ``detail`` is None where the whole residual is in the shape layer."""

    shapes: ShapeModel
    detail: DetailModel | None

    @property
    def split(self) -> int:
        """Bits of the detail layer."""
        return self.detail.split if self.detail else 0
