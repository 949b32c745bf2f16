"""What one plane's section says: prediction, the shape codebook and the model of the detail layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sofc.coders.shape.huffman import HuffmanCode, Lengths
from sofc.coders.shape.kernel_arithmetic import OWN_NEIGHBOURS, REFERENCE_NEIGHBOURS, build_trees
from sofc.coders.shape.kernel_predict import NONE
from sofc.coders.shape.kernel_windows import EMPTY, hash_shapes, insert_keys
from sofc.planes import PlaneRange

MAX_DETAIL_BITS = 12
MAX_SHIFT = 8
MAX_REFERENCES = 2
CLASSES = 7

Integers = npt.NDArray[np.int64]


def largest_folded(span: PlaneRange, mode: int) -> int:
    """The largest value that folding can give for samples in ``span``."""
    return (span.high - span.low) * (1 if mode == NONE else 2)


@dataclass(frozen=True, eq=False)
class ShapeSet:
    """Shapes of two samples or more: their samples stand row by row in ``pool`` (int32) from ``offsets``."""

    heights: Integers
    widths: Integers
    pool: npt.NDArray[np.int32]

    @classmethod
    def of(cls, shapes: list[npt.NDArray[np.int32]]) -> ShapeSet:
        """From 2-D arrays, in this order."""
        heights = np.array([shape.shape[0] for shape in shapes], np.int64)
        widths = np.array([shape.shape[1] for shape in shapes], np.int64)
        pool = np.concatenate([shape.ravel() for shape in shapes]) if shapes else np.zeros(0, np.int32)
        return cls(heights, widths, pool.astype(np.int32))

    def __len__(self) -> int:
        return self.heights.size

    def __getitem__(self, number: int) -> npt.NDArray[np.int32]:
        h, w, offset = int(self.heights[number]), int(self.widths[number]), int(self.offsets[number])
        return self.pool[offset : offset + h * w].reshape(h, w)

    def take(self, numbers: Integers) -> ShapeSet:
        """The shapes of these numbers, in this order."""
        return ShapeSet.of([self[int(number)] for number in numbers])

    @cached_property
    def sizes(self) -> Integers:
        """Samples of each shape."""
        return self.heights * self.widths

    @cached_property
    def offsets(self) -> Integers:
        """Where each shape's samples begin in the pool."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.sizes)])[: self.heights.size]

    @cached_property
    def nonzeros(self) -> Integers:
        """Nonzero samples of each shape."""
        if not len(self):
            return np.zeros(0, np.int64)
        return np.add.reduceat((self.pool != 0).astype(np.int64), self.offsets)

    @cached_property
    def keys(self) -> Integers:
        """The hash of each shape."""
        keys = np.zeros(len(self), np.int64)
        hash_shapes(self.heights, self.widths, self.offsets, self.pool, keys)
        return keys

    @cached_property
    def table(self) -> tuple[Integers, Integers]:
        """Hash table: keys and the shape's number in each slot."""
        return key_table(self.keys)[:2]

    @cached_property
    def max_rows(self) -> int:
        """Height of the highest shape, 0 without any."""
        return int(self.heights.max(initial=0))

    @cached_property
    def max_columns(self) -> int:
        """Width of the widest shape, 0 without any."""
        return int(self.widths.max(initial=0))


def key_table(entries: Integers) -> tuple[Integers, Integers, Integers]:
    """An open hash table of these keys: keys, the entry's number in each slot, the slot of each entry."""
    capacity = 1 << max(4, (4 * entries.size).bit_length())
    keys = np.full(capacity, EMPTY, np.int64)
    numbers = np.zeros(capacity, np.int64)
    slots = np.zeros(entries.size, np.int64)
    insert_keys(keys, entries, numbers, slots)
    return keys, numbers, slots


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """Codes of the shape layer.

    Symbols: 0 escape, 1 .. ``singles`` single values, then the shapes. ``single_code`` lacks the shapes; it
    serves streams without any. ``worth`` (bits, in sixteenths) is what placing a shape saves for each
    nonzero sample: it orders the encoder's choice and nothing else.
    """

    singles: int
    shapes: ShapeSet
    single_code: HuffmanCode
    code: HuffmanCode
    worth: int

    @cached_property
    def order(self) -> Integers:
        """Place of each shape in the encoder's order: the most bits saved first."""
        saved = self.shapes.nonzeros * self.worth - 16 * self.code.lengths[self.singles + 1 :]
        rank = np.empty(len(self.shapes), np.int64)
        rank[np.lexsort((np.arange(saved.size), -self.shapes.sizes, -saved))] = np.arange(saved.size)
        return rank


@dataclass(frozen=True, eq=False)
class ContextModel:
    """Which table codes a tuple.

    ``weights`` (int32): own neighbours, then REFERENCE_NEIGHBOURS for each of ``references`` planes coded before,
    the nearest first; ``thresholds`` (int32, ascending) cut their weighted loudness into levels. ``near`` and
    ``far`` bound the classes of the nearest reference's residual; ``far`` 0 means no classes.
    """

    logarithmic: bool
    weights: npt.NDArray[np.int32]
    thresholds: npt.NDArray[np.int32]
    near: int = 0
    far: int = 0
    phases: int = 1

    @property
    def references(self) -> int:
        """How many planes coded before take part."""
        return (self.weights.size - OWN_NEIGHBOURS) // REFERENCE_NEIGHBOURS

    @property
    def class_count(self) -> int:
        """Classes of the nearest reference's residual."""
        return CLASSES if self.far else 1

    @property
    def tables(self) -> int:
        """Number of frequency tables, with the one for tuples whose high part is not zero."""
        return (self.thresholds.size + 1) * self.class_count * self.phases + 1


@dataclass(frozen=True, eq=False)
class DetailModel:
    """The detail layer: tuples of ``tile_rows`` x ``tile_columns`` low parts of ``split`` bits, at most 12 bits in all.

    ``frequencies`` (int32, tables x 2**bits, positive) start the tables; ``increment`` is added with each symbol and a
    table is halved where its total exceeds ``limit``. ``leftover_code`` codes samples that no whole tuple holds.
    """

    split: int
    tile_rows: int
    tile_columns: int
    contexts: ContextModel
    increment: int
    limit: int
    frequencies: npt.NDArray[np.int32]
    leftover_code: HuffmanCode | None

    @property
    def bits(self) -> int:
        """Bits of one tuple."""
        return self.split * self.tile_rows * self.tile_columns

    @cached_property
    def trees(self) -> npt.NDArray[np.int32]:
        """The tables as the range coder keeps them."""
        trees = np.zeros(self.frequencies.shape, np.int32)
        build_trees(self.frequencies, trees)
        return trees


@dataclass(frozen=True, eq=False)
class PlaneParameters:
    """Everything about one plane. ``detail`` is None where the whole value is in the shape layer."""

    mode: int
    shift: int
    shapes: ShapeModel
    detail: DetailModel | None

    @property
    def split(self) -> int:
        """Bits of the detail layer."""
        return self.detail.split if self.detail else 0


def shape_model(shapes: ShapeSet, single_lengths: Lengths, lengths: Lengths, worth: int) -> ShapeModel:
    """From codeword lengths: escape and singles alone; escape, singles and shapes. FormatError if they are no code."""
    return ShapeModel(
        single_lengths.size - 1,
        shapes,
        HuffmanCode.from_lengths(single_lengths),
        HuffmanCode.from_lengths(lengths),
        worth,
    )
