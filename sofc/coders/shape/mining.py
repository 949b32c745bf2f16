"""Training of the shape codebook: search, choice, and the passes that re-weigh it by what was placed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.shape import kernel_windows as kernel
from sofc.coders.shape.kernel_windows import EMPTY, Counts, sides_of
from sofc.coders.shape.parameters import ShapeModel, ShapeSet, key_table
from sofc.coders.shape.passes import ResidualTask
from sofc.coders.shape.placement import choose_pairs, is_page, search_in
from sofc.coders.shape.section import MAX_WORTH
from sofc.coders.training import Pass, Passes, added
from sofc.planes import Plane

Integers = npt.NDArray[np.int64]
Shape = npt.NDArray[np.int32]

TABLE_SLOTS = 1 << 21
SHARD_KEPT = 1 << 18
"""Windows that one shard reports at most."""

KEPT = 1 << 19
"""Windows kept while shards arrive."""

WORTH_FACTOR = 2

STRIP_ROWS = 64
EXCERPT = 1 << 19
"""Samples mined of a large page."""

SHARES = (16.0, 4.0, 2.0, 1.5, 1.2, 1.0)
"""How many times more shapes than are kept at last take part in the first iterations."""

MAX_ITERATIONS = 10
LEAST_GAIN = 0.001


class WindowCounts(NamedTuple):
    """Windows found, by ascending key; ``images``: how many hold each."""

    keys: Integers
    counts: Integers
    images: Integers

    def take(self, chosen: npt.NDArray[np.generic]) -> WindowCounts:
        """Only the chosen windows."""
        return WindowCounts(*(column[chosen] for column in self))

    def prune(self, limit: int) -> WindowCounts:
        """At most ``limit`` windows, those with the largest count x size; ties go to the smaller key."""
        order = np.lexsort((self.keys, -self.counts * np.prod(sides_of(self.keys), axis=0)))[:limit]
        return self.take(np.sort(order))


NO_WINDOWS = WindowCounts(*np.zeros((3, 0), np.int64))


def merge_windows(first: WindowCounts, second: WindowCounts) -> WindowCounts:
    """Sums of both."""
    everything = WindowCounts(*map(np.concatenate, zip(first, second, strict=True)))
    keys, places = np.unique(everything.keys, return_inverse=True)
    return WindowCounts(keys, *(np.bincount(places, column).astype(np.int64) for column in everything[1:]))


def excerpt(high: Plane, image_rows: int, limits: tuple[int, int]) -> tuple[list[Plane], int]:
    """What is mined of an image, and rows of an image in it: of a page larger than EXCERPT samples strips spread evenly
    over it, else all of it."""
    rows, width = high.shape
    if rows != image_rows or rows <= STRIP_ROWS or high.size <= EXCERPT or not is_page(high, image_rows, limits):
        return [high], image_rows
    strips = max(1, EXCERPT // (STRIP_ROWS * width))
    tops = [(rows - STRIP_ROWS) * (2 * number + 1) // (2 * strips) for number in range(strips)]
    return [np.ascontiguousarray(high[top : top + STRIP_ROWS]) for top in tops], STRIP_ROWS


class Strip(NamedTuple):
    """A part of the shape layer of an image or stack. ``outline``: windows inside nonzero areas are passed."""

    plane: int
    high: Plane
    image_rows: int
    first_image: int
    outline: bool


class _WindowTable:
    """The hash table that counts windows; rare ones go where it would fill up."""

    def __init__(self) -> None:
        self._kept = NO_WINDOWS
        self._table = _empty_table()

    def add(self, strip: Strip, limits: tuple[int, int]) -> None:
        """Count its windows; of one too rich for the table, those that fit."""
        search = search_in(strip.high, strip.image_rows, limits, strip.outline)
        kernel.count_windows(search, strip.first_image, self._table)
        if 4 * int(self._table.used[0]) > TABLE_SLOTS:
            self._flush()

    def _flush(self) -> None:
        table = self._table
        filled = np.flatnonzero(table.keys != EMPTY)
        filled = filled[np.argsort(table.keys[filled])]
        found = WindowCounts(*(column[filled] for column in (table.keys, table.counts, table.images)))
        self._kept = merge_windows(self._kept, found).prune(SHARD_KEPT)
        self._table = _empty_table()

    def result(self) -> WindowCounts:
        """All windows of the shard, the rarest left out where there are too many."""
        self._flush()
        return self._kept


def _empty_table() -> Counts:
    counts, images, last_image = np.zeros((3, TABLE_SLOTS), np.int64)
    return Counts(np.full(TABLE_SLOTS, EMPTY, np.int64), counts, images, last_image, np.zeros(1, np.int64))


@dataclass(frozen=True)
class ShapeTask(ResidualTask):
    """A task on the shape layers: what lies above ``splits`` bits, and windows of at most so many rows and columns."""

    splits: list[int]
    limits: list[tuple[int, int]]

    def strips(self, images: Iterator[list[Plane]]) -> Iterator[Strip]:
        """What is mined of all images, plane by plane."""
        first_image = 0
        for residuals, image_rows in self.residuals(images):
            for number, (zigzag, split) in enumerate(zip(residuals, self.splits, strict=True)):
                high = zigzag >> split
                strips, strip_rows = excerpt(high, image_rows, self.limits[number])
                outline = is_page(high, image_rows, self.limits[number])
                for strip in strips:
                    yield Strip(number, strip, strip_rows, first_image, outline)
            first_image += len(residuals[0]) // image_rows


@dataclass(frozen=True)
class SearchTask(ShapeTask):
    """Counts of windows, for each plane, and of nonzero samples."""

    def collect(self, images: Iterator[list[Plane]]) -> list[tuple[WindowCounts, int]]:
        """[plane] (windows, nonzero samples)."""
        tables = [_WindowTable() for _ in self.ranges]
        nonzero = [0] * len(self.ranges)
        for strip in self.strips(images):
            tables[strip.plane].add(strip, self.limits[strip.plane])
            nonzero[strip.plane] += int(np.count_nonzero(strip.high))
        return [(table.result(), count) for table, count in zip(tables, nonzero, strict=True)]


@dataclass(frozen=True)
class FetchTask(ShapeTask):
    """The samples of windows known by their keys."""

    windows: list[WindowCounts]

    def collect(self, images: Iterator[list[Plane]]) -> list[dict[int, Shape]]:
        """[plane] {number of the window: samples}, the first met."""
        found: list[dict[int, Shape]] = [{} for _ in self.ranges]
        tables = [key_table(windows.keys) for windows in self.windows]
        for strip in self.strips(images):
            keys = self.windows[strip.plane].keys
            places = np.full(keys.size, EMPTY, np.int64)
            places[list(found[strip.plane])] = 0
            wanted = places == EMPTY
            if wanted.any():
                search = search_in(strip.high, strip.image_rows, self.limits[strip.plane], strip.outline)
                kernel.find_first(search, tables[strip.plane], places)
            for number in np.flatnonzero(wanted & (places != EMPTY)).tolist():
                y, x = divmod(int(places[number]), strip.high.shape[1])
                h, w = sides_of(keys[number])
                found[strip.plane][number] = strip.high[y : y + h, x : x + w].copy()
        return found


class Placement(NamedTuple):
    """What an encoder did with one codebook: how often it placed single samples and each shape, (1 + shapes,), in
    images in which shapes paid.

    ``bits``, (2,): those of these images, and those of all others, in single samples.
    """

    bits: Integers
    counts: Integers


@dataclass(frozen=True)
class PlaceTask(ShapeTask):
    """Placements with the codebook of each plane."""

    models: list[ShapeModel]

    def collect(self, images: Iterator[list[Plane]]) -> list[Placement]:
        """[plane] sums over all images."""
        sums = [Placement(np.zeros(2, np.int64), np.zeros(1 + len(model.shapes), np.int64)) for model in self.models]
        for strip in self.strips(images):
            total = sums[strip.plane]
            pairs = choose_pairs(strip.high, self.models[strip.plane], strip.image_rows)
            with_shapes = bool((pairs.shapes > 0).any())
            total.bits[0 if with_shapes else 1] += pairs.bits
            if with_shapes:
                total.counts[:] += np.bincount(pairs.symbols, minlength=total.counts.size)
        return sums


def reweigh(model: ShapeModel, placed: Placement, limit: int) -> ShapeModel:
    """Drop what was never placed, keep the ``limit`` shapes placed most often, rank them by what was placed.

    A sample that a shape leaves behind goes into smaller ones and costs about WORTH_FACTOR times the average.
    """
    counts = placed.counts[1:]
    used = np.flatnonzero(counts > 0)
    kept = np.sort(used[np.argsort(-counts[used], kind="stable")[:limit]])
    nonzeros = int((counts * model.shapes.nonzeros).sum() + placed.counts[0])
    worth = round(16 * WORTH_FACTOR * int(placed.bits[0]) / max(1, nonzeros))
    counts = placed.counts[np.append(0, 1 + kept)]
    return ShapeModel.ranked(model.shapes.take(kept), counts, min(MAX_WORTH, max(1, worth)))


class Mining(NamedTuple):
    """How shapes are mined: at most ``max_shapes`` a plane, each held by ``min_images`` images at least.

    ``iterations``: at most so many passes of encoding and re-weighing (0: one pass, as published); None: while they
    gain.
    """

    max_shapes: int
    min_images: int
    iterations: int | None

    @property
    def last(self) -> int:
        """Number of the last iteration."""
        return MAX_ITERATIONS if self.iterations is None else self.iterations

    def limit(self, iteration: int) -> int:
        """Shapes that take part in an iteration."""
        share = 1.0 if iteration >= self.last else SHARES[min(iteration, len(SHARES) - 1)]
        return int(share * self.max_shapes)


def mine_shapes(task: ShapeTask, settings: Mining, report: list[str]) -> Passes[list[ShapeModel]]:
    """The best codebook of each plane: encode, drop and re-weigh, first with more shapes than may stay.

    ``report`` gets a line an iteration.
    """
    common = (task.ranges, task.splits, task.limits)
    models = yield from _start(task, settings)
    best: list[ShapeModel | None] = [None] * len(models)
    least = [math.inf] * len(models)
    for iteration in range(settings.last + 1):
        placed: list[Placement] = added((yield Pass((PlaceTask(*common, models),))))
        sizes = [int(one.bits.sum()) for one in placed]
        before = sum(least)
        for plane, (model, one, size) in enumerate(zip(models, placed, sizes, strict=True)):
            if len(model.shapes) <= settings.max_shapes and size < least[plane]:
                best[plane], least[plane] = ShapeModel.ranked(model.shapes, one.counts, model.worth), size
        shapes = ", ".join(str(len(model.shapes)) for model in models)
        report.append(f"iteration {iteration}: {round(sum(sizes) / 8)} bytes of shape layer, shapes {shapes}")
        if not any(len(model.shapes) for model in models):
            break
        if iteration > 0 and sum(least) > (1 - LEAST_GAIN) * before:
            break
        models = [reweigh(*one, settings.limit(iteration + 1)) for one in zip(models, placed, strict=True)]
    return [one for one in best if one is not None]


def _start(task: ShapeTask, settings: Mining) -> Passes[list[ShapeModel]]:
    """The codebooks of the first iteration: the windows with the largest count x size."""
    common = (task.ranges, task.splits, task.limits)
    found, nonzero = [NO_WINDOWS] * len(task.ranges), [1] * len(task.ranges)
    for shard in (yield Pass((SearchTask(*common),))):
        for plane, (windows, count) in enumerate(shard):
            found[plane] = merge_windows(found[plane], windows).prune(KEPT)
            nonzero[plane] += count
    wanted = []
    for one in found:
        allowed = one.take((one.counts > 2) & (one.images >= settings.min_images))
        wanted.append(allowed.prune(settings.limit(0)))
    samples: list[dict[int, Shape]] = [{} for _ in wanted]
    for shard in (yield Pass((FetchTask(*common, wanted),))):
        for known, more in zip(samples, shard, strict=True):
            known.update({number: shape for number, shape in more.items() if number not in known})
    return [
        ShapeModel.ranked(
            ShapeSet.of([shapes[number] for number in range(one.keys.size)]), np.append(singles, one.counts), MAX_WORTH
        )
        for shapes, one, singles in zip(samples, wanted, nonzero, strict=True)
    ]
