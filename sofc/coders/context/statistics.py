"""What training the context coder counts, pass by pass; each task runs in a worker on a shard of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.base import Plane, PlaneRange
from sofc.coders.context.coder import PlaneModel, encode_plane, find_grid
from sofc.coders.context.plan import PlanePlan, PlaneState
from sofc.kernels import bank

Integers = npt.NDArray[np.int64]

ACTIVITIES = 4096
ENERGY_CELLS = 1 << 14
EQUATION_SAMPLES = 1 << 21
"""Samples of one plane that a shard adds to the normal equations, about."""


def shifted(images: Iterator[list[Plane]], ranges: Sequence[PlaneRange]) -> Iterator[list[Plane]]:
    """The modelled planes of each image, from 0 up."""
    for planes in images:
        yield [plane - np.int32(span.low) for plane, span in zip(planes, ranges, strict=False)]


def detect_grid(plane: Plane) -> int:
    """Place of the first sample in an 8 x 8 grid of blocks, from the steps at block borders (row * 8 + column)."""

    def offset(samples: Plane) -> int:
        if len(samples) < 24:
            return 0
        change = np.abs(np.diff(samples.astype(np.int64), axis=0)).sum(axis=1)
        excess = change[1:-1] - (change[:-2] + change[2:]) / 2
        # excess[i] belongs to the border between samples i + 1 and i + 2.
        sums = [excess[k::8].mean() if len(excess[k::8]) else -np.inf for k in range(8)]
        return (8 - (int(np.argmax(sums)) + 2)) % 8

    return offset(plane) * 8 + offset(np.ascontiguousarray(plane.T))


@dataclass(frozen=True)
class Scale:
    """First pass: how much each plane changes from sample to sample."""

    ranges: tuple[PlaneRange, ...]
    references: tuple[tuple[int, ...], ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane a histogram of activities (ACTIVITIES, in the plane's own units >> its coarse shift)."""
        histograms = [np.zeros(ACTIVITIES, np.int64) for _ in self.ranges]
        for planes in shifted(images, self.ranges):
            for number, histogram in enumerate(histograms):
                for level in activities(planes, number, self.references[number]):
                    counts = np.bincount(np.minimum(level, ACTIVITIES - 1).ravel(), minlength=ACTIVITIES)
                    histogram += counts
        return histograms


def activities(planes: Sequence[Plane], number: int, references: tuple[int, ...]) -> list[npt.NDArray[np.int64]]:
    """Activities as ``bank.activity`` sees them, inside the borders."""
    plane = planes[references[0] if references else number].astype(np.int64)
    if min(plane.shape) < 3:
        return []
    if references:
        p = plane[1:-1, 1:-1]
        around = [plane[1:-1, :-2], plane[:-2, 1:-1], plane[1:-1, 2:], plane[2:, 1:-1]]
        return [sum((np.abs(p - other) for other in around), np.zeros_like(p))]
    w, n, nw, ne = plane[1:, :-2], plane[:-1, 1:-1], plane[:-1, :-2], plane[:-1, 2:]
    return [np.abs(w - n) + np.abs(n - ne) + np.abs(w - nw)]


@dataclass(frozen=True)
class Equations:
    """Second pass: exact normal equations of every predictor, under both class maps."""

    ranges: tuple[PlaneRange, ...]
    references: tuple[tuple[int, ...], ...]
    thresholds: tuple[tuple[Integers, Integers], ...]
    stride: int

    def collect(self, images: Iterator[list[Plane]]) -> list[list[Integers]]:
        """[plane][class map] -> (classes, taps + 1, taps + 1)."""
        result = []
        for references in self.references:
            size = bank.taps(len(references)) + 1
            result.append([np.zeros((classes, size, size), np.int64) for classes in bank.CLASSES])
        for planes in shifted(images, self.ranges):
            grid = detect_grid(planes[0])
            for number, span in enumerate(self.ranges):
                own, first, second = padded(planes, number, self.references[number], span)
                for class_map in (bank.TEXTURE, bank.GRID):
                    bank.accumulate(
                        own,
                        first,
                        second,
                        len(self.references[number]),
                        class_map,
                        grid >> 3,
                        grid & 7,
                        self.thresholds[number][class_map],
                        self.stride,
                        result[number][class_map],
                    )
        return result


@dataclass(frozen=True)
class Survey:
    """Third pass: how large errors are after which local energy, under both class maps."""

    ranges: tuple[PlaneRange, ...]
    references: tuple[tuple[int, ...], ...]
    thresholds: tuple[tuple[Integers, Integers], ...]
    weights: tuple[tuple[Integers, Integers], ...]
    shifts: tuple[int, ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[list[Integers]]:
        """[plane][class map] -> histogram (ENERGY_CELLS, RESIDUAL_COLUMNS)."""
        shape = (ENERGY_CELLS, bank.RESIDUAL_COLUMNS)
        result = [[np.zeros(shape, np.int64) for _ in bank.CLASSES] for _ in self.ranges]
        for planes in shifted(images, self.ranges):
            grid = detect_grid(planes[0])
            for number, span in enumerate(self.ranges):
                own, first, second = padded(planes, number, self.references[number], span)
                for class_map in (bank.TEXTURE, bank.GRID):
                    bank.survey(
                        own,
                        first,
                        second,
                        len(self.references[number]),
                        class_map,
                        grid >> 3,
                        grid & 7,
                        self.thresholds[number][class_map],
                        self.weights[number][class_map],
                        span.high - span.low,
                        self.shifts[number],
                        np.zeros_like(own),
                        result[number][class_map],
                    )
        return result


@dataclass(frozen=True)
class Practice:
    """Last pass: code a sample of the images in a fixed order, so that counters and weights learn."""

    ranges: tuple[PlaneRange, ...]
    plans: tuple[PlanePlan, ...]
    plane: int
    contexts: int
    sets: int

    def collect(self, images: Iterator[list[Plane]]) -> tuple[PlaneState, int]:
        """The state after all images, and the bytes of their streams."""
        plan = self.plans[self.plane]
        state = PlaneState.neutral(self.contexts, plan.slot_bits)
        model = PlaneModel(plan, self.sets, state)
        leader = PlaneModel(self.plans[0], self.sets, state)
        span = self.ranges[self.plane]
        total = 0
        for planes in shifted(images, self.ranges):
            grid = find_grid(planes[0], leader, self.ranges[0], len(planes[0]))
            stream = encode_plane(model, self.plane, planes, span.high - span.low, grid, len(planes[0]), state)
            total += len(stream)
        return state, total


def padded(
    planes: Sequence[Plane], number: int, references: tuple[int, ...], span: PlaneRange
) -> list[npt.NDArray[np.int32]]:
    """The plane and its two references as the bank's kernels take them."""
    own = bank.padded(planes[number], (span.high - span.low + 1) // 2, edges=False)
    found = [bank.padded(planes[reference], 0, edges=True) for reference in references]
    return [own, *[*found, own, own][:2]]
