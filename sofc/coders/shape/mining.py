"""Training of the shape codebook: search, choice, and the passes that re-weigh it by what was placed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.shape import kernel_windows as windows
from sofc.coders.shape.huffman import code_lengths
from sofc.coders.shape.parameters import ShapeModel, ShapeSet, key_table, shape_model
from sofc.coders.shape.plane import Pairs, is_page, search_limits, shape_pairs, single_pairs, window_masks
from sofc.coders.shape.section import MAX_WORTH
from sofc.coders.shape.survey import Prediction, fold_all, stacked
from sofc.planes import Plane, PlaneRange

Integers = npt.NDArray[np.int64]

TABLE_SLOTS = 1 << 21
SHARD_KEPT = 1 << 18
"""Windows that one shard reports at most."""

KEPT = 1 << 19
"""Windows kept while shards arrive."""

MAX_SINGLES = 64
EXPONENTS = (0.5, 1.0, 1.5, 2.0)
"""What may stand for a in count x size**a."""

WORTH_FACTOR = 2

STRIP_ROWS = 64
EXCERPT = 1 << 19
"""Samples mined of a large page."""


class WindowCounts(NamedTuple):
    """Windows found, by ascending key; ``sizes`` is 256 h + w, ``images`` how many images hold each."""

    keys: Integers
    counts: Integers
    images: Integers
    sizes: Integers

    @property
    def areas(self) -> Integers:
        """Samples of each window."""
        return (self.sizes >> 8) * (self.sizes & 255)

    def take(self, chosen: npt.NDArray[np.generic]) -> WindowCounts:
        """Only the chosen windows."""
        return WindowCounts(*(column[chosen] for column in self))

    def prune(self, limit: int) -> WindowCounts:
        """At most ``limit`` windows, those with the largest count x size; ties go to the smaller key."""
        if self.keys.size <= limit:
            return self
        order = np.lexsort((self.keys, -self.counts * self.areas))[:limit]
        return self.take(np.sort(order))


NO_WINDOWS = WindowCounts(*(np.zeros(0, np.int64) for _ in range(4)))


def merge_windows(first: WindowCounts, second: WindowCounts) -> WindowCounts:
    """Sums of both."""
    keys, places = np.unique(np.concatenate([first.keys, second.keys]), return_index=True)
    counts = np.zeros(keys.size, np.int64)
    images = np.zeros(keys.size, np.int64)
    for part in (first, second):
        slots = np.searchsorted(keys, part.keys)
        counts[slots] += part.counts
        images[slots] += part.images
    return WindowCounts(keys, counts, images, np.concatenate([first.sizes, second.sizes])[places])


def excerpt(high: Plane, image_rows: int, limits: tuple[int, int]) -> tuple[list[Plane], int]:
    """What is mined of an image, and rows of an image in it: of a page larger than EXCERPT samples strips spread evenly
    over it, else all of it."""
    rows, width = high.shape
    if rows != image_rows or rows <= STRIP_ROWS or high.size <= EXCERPT or not is_page(high, image_rows, limits):
        return [high], image_rows
    strips = max(1, EXCERPT // (STRIP_ROWS * width))
    tops = [(rows - STRIP_ROWS) * (2 * number + 1) // (2 * strips) for number in range(strips)]
    return [np.ascontiguousarray(high[top : top + STRIP_ROWS]) for top in tops], STRIP_ROWS


class _WindowTable:
    """The hash table that counts windows; rare ones go where it would fill up."""

    def __init__(self) -> None:
        self.images = 0
        self._clear()

    def _clear(self) -> None:
        self.keys = np.full(TABLE_SLOTS, windows.EMPTY, np.int64)
        self.counts, self.image_counts, self.last_image, self.sizes = np.zeros((4, TABLE_SLOTS), np.int64)
        self.used = np.zeros(1, np.int64)
        self.kept = NO_WINDOWS

    def add(self, high: Plane, image_rows: int, max_rows: int, max_columns: int) -> None:
        """Count the windows of an image or stack; of one too rich for the table, those that fit."""
        wanted = (max_rows, max_columns)
        outline = int(is_page(high, image_rows, wanted))
        limits = search_limits(high, image_rows, wanted)
        strips, strip_rows = excerpt(high, image_rows, wanted)
        for strip in strips:
            across, down = window_masks(strip, strip_rows, *limits)
            windows.count_windows(
                strip,
                strip_rows,
                self.images,
                *limits,
                outline,
                across,
                down,
                self.keys,
                self.counts,
                self.image_counts,
                self.last_image,
                self.sizes,
                self.used,
                windows.window_room(),
            )
        self.images += high.shape[0] // image_rows
        if 4 * int(self.used[0]) > TABLE_SLOTS:
            self._flush()

    def _flush(self) -> None:
        filled = np.flatnonzero(self.keys != windows.EMPTY)
        keys = self.keys[filled]
        order = np.argsort(keys)
        filled = filled[order]
        found = WindowCounts(keys[order], self.counts[filled], self.image_counts[filled], self.sizes[filled])
        kept = merge_windows(self.kept, found).prune(SHARD_KEPT)
        self._clear()
        self.kept = kept

    def result(self) -> WindowCounts:
        """All windows of the shard, the rarest left out where there are too many."""
        self._flush()
        return self.kept


@dataclass(frozen=True)
class _HighTask:
    ranges: list[PlaneRange]
    predictions: list[Prediction]
    splits: list[int]
    max_windows: list[tuple[int, int]]

    def _high(self, planes: Sequence[Plane], image_rows: int) -> list[Plane]:
        """The shape layer's planes."""
        folded = fold_all(planes, self.ranges, self.predictions, image_rows)
        return [residuals >> split for residuals, split in zip(folded, self.splits, strict=True)]


@dataclass(frozen=True)
class SearchTask(_HighTask):
    """Counts of windows up to a size, for each plane, and of nonzero values."""

    def collect(self, images: Iterator[list[Plane]]) -> list[tuple[WindowCounts, Integers]]:
        """[plane] (windows, counts of the values 0 .. MAX_SINGLES, larger ones at 0)."""
        tables = [_WindowTable() for _ in self.ranges]
        values = [np.zeros(MAX_SINGLES + 1, np.int64) for _ in self.ranges]
        for planes, image_rows in stacked(images):
            for high, table, count, window in zip(
                self._high(planes, image_rows), tables, values, self.max_windows, strict=True
            ):
                table.add(high, image_rows, *window)
                nonzero = high[high > 0]
                count += np.bincount(np.where(nonzero > MAX_SINGLES, 0, nonzero), minlength=MAX_SINGLES + 1)
        return [(table.result(), count) for table, count in zip(tables, values, strict=True)]


@dataclass(frozen=True)
class FetchTask(_HighTask):
    """The samples of windows known by their keys."""

    keys: list[Integers]

    def collect(self, images: Iterator[list[Plane]]) -> list[dict[int, npt.NDArray[np.int32]]]:
        """[plane] {number of the key: samples}, the first met."""
        found: list[dict[int, npt.NDArray[np.int32]]] = [{} for _ in self.ranges]
        tables = [key_table(keys)[:2] for keys in self.keys]
        for planes, image_rows in stacked(images):
            for plane, high in enumerate(self._high(planes, image_rows)):
                if len(found[plane]) < self.keys[plane].size:
                    self._search(high, image_rows, plane, tables[plane], found[plane])
        return found

    def _search(
        self,
        high: Plane,
        image_rows: int,
        plane: int,
        table: tuple[Integers, Integers],
        found: dict[int, npt.NDArray[np.int32]],
    ) -> None:
        wanted = self.max_windows[plane]
        outline = int(is_page(high, image_rows, wanted))
        limits = search_limits(high, image_rows, wanted)
        strips, strip_rows = excerpt(high, image_rows, wanted)
        fresh = np.ones(self.keys[plane].size, np.uint8)
        fresh[list(found)] = 0
        numbers, places, sizes = np.zeros((3, fresh.size), np.int64)
        room = windows.window_room()
        for strip in strips:
            across, down = window_masks(strip, strip_rows, *limits)
            count = windows.find_fresh(
                strip, strip_rows, *limits, outline, across, down, *table, fresh, numbers, places, sizes, room
            )
            for number, place, size in zip(numbers[:count], places[:count], sizes[:count], strict=True):
                y, x = divmod(int(place), strip.shape[1])
                found[int(number)] = strip[y : y + (int(size) >> 8), x : x + (int(size) & 255)].copy()


class Placement(NamedTuple):
    """What an encoder did with one codebook: bits of locations and codewords, how often each symbol was used."""

    location_bits: int
    code_bits: int
    single_bits: int
    symbols: Integers
    single_symbols: Integers
    pairs: int

    @property
    def bits(self) -> int:
        """Bits of the shape layer, shapes left out of images where they do not pay."""
        return self.location_bits + self.code_bits + self.single_bits


def no_placement(model: ShapeModel) -> Placement:
    """The sum of nothing."""
    joint = model.singles + 1 + len(model.shapes)
    return Placement(0, 0, 0, np.zeros(joint, np.int64), np.zeros(model.singles + 1, np.int64), 0)


def add_placements(first: Placement, second: Placement) -> Placement:
    """Sums of all fields."""
    return Placement(
        first.location_bits + second.location_bits,
        first.code_bits + second.code_bits,
        first.single_bits + second.single_bits,
        first.symbols + second.symbols,
        first.single_symbols + second.single_symbols,
        first.pairs + second.pairs,
    )


def _place(high: Plane, image_rows: int, model: ShapeModel) -> Placement:
    empty = no_placement(model)
    single = single_pairs(high, model)
    symbols = _symbols(single, model, empty.single_symbols.size)
    single_bits = single.location_bits + single.code_bits
    if len(model.shapes) and single.shapes.size:
        pairs = shape_pairs(high, model, image_rows)
        if pairs.location_bits + pairs.code_bits < single_bits:
            used = _symbols(pairs, model, empty.symbols.size)
            return empty._replace(
                location_bits=pairs.location_bits,
                code_bits=pairs.code_bits,
                symbols=used,
                single_symbols=symbols,
                pairs=pairs.shapes.size,
            )
    return empty._replace(single_bits=single_bits, single_symbols=symbols)


def _symbols(pairs: Pairs, model: ShapeModel, size: int) -> Integers:
    values = -pairs.shapes
    symbols = np.where(pairs.shapes > 0, model.singles + pairs.shapes, np.where(values > model.singles, 0, values))
    return np.bincount(symbols, minlength=size).astype(np.int64)


@dataclass(frozen=True)
class PlaceTask(_HighTask):
    """Placements with each candidate codebook of each plane."""

    models: list[list[ShapeModel]]

    def collect(self, images: Iterator[list[Plane]]) -> list[list[Placement]]:
        """[plane][candidate]."""
        sums = [[no_placement(model) for model in candidates] for candidates in self.models]
        for planes, image_rows in stacked(images):
            for plane, high in enumerate(self._high(planes, image_rows)):
                strips, strip_rows = excerpt(high, image_rows, self.max_windows[plane])
                for index, model in enumerate(self.models[plane]):
                    for strip in strips:
                        sums[plane][index] = add_placements(sums[plane][index], _place(strip, strip_rows, model))
        return sums


def choose_windows(found: WindowCounts, exponent: float, limit: int, min_images: int) -> Integers:
    """Indices of the windows with the largest count x size**exponent that ``min_images`` images hold."""
    allowed = np.flatnonzero((found.counts > 2) & (found.images >= min_images))
    score = found.counts[allowed] * found.areas[allowed].astype(np.float64) ** exponent
    order = np.lexsort((found.keys[allowed], -score))[:limit]
    return np.sort(allowed[order])


def build_model(shapes: ShapeSet, counts: Integers, singles: Integers, alone: Integers, worth: int) -> ShapeModel:
    """A codebook from how often shapes and single values (escape first) come, and singles without any shapes."""
    return shape_model(shapes, code_lengths(alone), code_lengths(np.concatenate([singles, counts])), worth)


def reweigh(model: ShapeModel, placed: Placement, limit: int) -> ShapeModel:
    """Drop what was never placed, keep the ``limit`` shapes placed most often, take lengths from what was placed.

    A sample that a shape leaves behind goes into smaller ones and costs about WORTH_FACTOR times the average.
    """
    singles = model.singles + 1
    counts = placed.symbols[singles:]
    used = np.flatnonzero(counts > 0)
    kept = np.sort(used[np.argsort(-counts[used], kind="stable")[:limit]])
    nonzeros = int((counts * model.shapes.nonzeros).sum() + placed.symbols[:singles].sum())
    worth = WORTH_FACTOR * (placed.location_bits + placed.code_bits) / max(1, nonzeros)
    return build_model(
        model.shapes.take(kept),
        counts[kept],
        placed.symbols[:singles],
        placed.single_symbols,
        min(MAX_WORTH, max(1, round(16 * worth))),
    )
