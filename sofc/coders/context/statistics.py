"""What training the context coder counts, pass by pass; each task runs in a worker on a shard of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.context.coder import PlaneModel, Surroundings, find_grid, learn_plane, surroundings
from sofc.coders.context.plan import PlanePlan, PlaneState, Prediction
from sofc.entropy import mixing
from sofc.entropy.mixers import TRAINED, neutral_mixers
from sofc.entropy.priors import FOLDS, History, Starts
from sofc.entropy.trained import Symbols
from sofc.planes import Plane, PlaneRange
from sofc.prediction import bank
from sofc.prediction.expected_error import MarkSums
from sofc.prediction.online import stripes_of

Integers = npt.NDArray[np.int64]

ACTIVITIES = 4096


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


class Sums:
    """A table of sums: in integers, which before they could overflow are added to numbers that cannot."""

    MOST_SAMPLES = 1 << 22

    def __init__(self, *shape: int) -> None:
        self.recent = np.zeros(shape, np.int64)
        self._samples = 0
        self._total = np.zeros(shape, np.float64)

    def seen(self, samples: int) -> None:
        """To be told of samples that ``recent`` was increased for."""
        self._samples += samples
        if self._samples >= self.MOST_SAMPLES:
            self.total()

    def total(self) -> npt.NDArray[np.float64]:
        """All sums until now; exact where they stay below 2**53."""
        self._total += self.recent
        self.recent[:] = 0
        self._samples = 0
        return self._total


@dataclass(frozen=True)
class Equations:
    """Second pass: normal equations of every predictor, under both class maps, all samples alike."""

    ranges: tuple[PlaneRange, ...]
    references: tuple[tuple[int, ...], ...]
    thresholds: tuple[tuple[Integers, Integers], ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[list[npt.NDArray[np.float64]]]:
        """[plane][class map] -> (classes, taps + 1, taps + 1)."""
        result = []
        for references in self.references:
            size = bank.taps(len(references)) + 1
            result.append([Sums(classes, size, size) for classes in bank.CLASSES])
        for planes in shifted(images, self.ranges):
            grid = detect_grid(planes[0])
            marks = [np.zeros(plane.shape, np.uint8) for plane in planes]
            for number, references in enumerate(self.references):
                around = surroundings(references, planes[: number + 1], marks, _maximum(self.ranges[number]))
                for class_map, sums in enumerate(result[number]):
                    bank.accumulate(
                        *around.planes,
                        len(references),
                        class_map,
                        grid >> 3,
                        grid & 7,
                        self.thresholds[number][class_map],
                        np.ones(planes[number].shape, np.int64),
                        bank.taps_room(),
                        sums.recent,
                    )
                    sums.seen(planes[number].size)
        return [[sums.total() for sums in tables] for tables in result]


def _maximum(span: PlaneRange) -> int:
    return span.high - span.low


class Traced(NamedTuple):
    """A plane gone through: its surroundings, fine predictions, predictors' numbers and energies."""

    around: Surroundings
    fine: Plane
    numbers: Plane
    energies: Plane


def trace_image(
    planes: Sequence[Plane], predictions: Sequence[Prediction], ranges: Sequence[PlaneRange], grid: int
) -> list[Traced]:
    """Predict all samples of an image's planes, which start at zero."""
    result: list[Traced] = []
    marks = [np.zeros(plane.shape, np.uint8) for plane in planes]
    for number, prediction in enumerate(predictions):
        maximum = _maximum(ranges[number])
        around = surroundings(prediction.references, planes[: number + 1], marks, maximum)
        traced = Traced(around, *(np.empty(planes[number].shape, np.int32) for _ in range(3)))
        width = planes[number].shape[1]
        bank.trace(
            *around.planes,
            *around.marks,
            len(prediction.references),
            prediction.class_map,
            grid >> 3,
            grid & 7,
            prediction.thresholds,
            prediction.weights.astype(np.int32),
            prediction.offsets,
            prediction.mark_weights,
            int(prediction.adapts_to(width)),
            maximum,
            prediction.shift,
            bank.taps_room(),
            stripes_of(width if prediction.adapts_to(width) else 0),
            *traced[1:],
        )
        marks[number][:] = around.marks[0][bank.PAD : -1, bank.PAD : -bank.PAD]
        result.append(traced)
    return result


@dataclass(frozen=True)
class Errors:
    """Third pass, under both class maps, and fifth: how the marks around a sample foretell its own."""

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[tuple[Prediction, ...], ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[list[MarkSums]]:
        """[class map][plane]."""
        result = [
            [MarkSums.empty(len(prediction.weights), len(prediction.references)) for prediction in predictions]
            for predictions in self.predictions
        ]
        for planes in shifted(images, self.ranges):
            grid = detect_grid(planes[0])
            for predictions, sums in zip(self.predictions, result, strict=True):
                traced = trace_image(planes, predictions, self.ranges, grid)
                for prediction, found, total in zip(predictions, traced, sums, strict=True):
                    own, *others = found.around.marks
                    total.add(found.numbers, own, others[: len(prediction.references)])
        return result


MOST_SHARE = 256
"""How much a sample may count, one where errors are large."""


@dataclass(frozen=True)
class Refine:
    """Fourth pass: normal equations where a sample counts the less the larger an error is to be expected there.

    ``energies``: the plane's mean energy.
    """

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[Prediction, ...]
    energies: tuple[int, ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[npt.NDArray[np.float64]]:
        """For each plane (classes, taps + 1, taps + 1)."""
        result = []
        for prediction in self.predictions:
            size = bank.taps(len(prediction.references)) + 1
            result.append(Sums(len(prediction.weights), size, size))
        # Energies are eighths of powers of two of the error: the share goes with the error's inverse square.
        steps = np.arange(-bank.ENERGIES, bank.ENERGIES)
        table = np.clip(np.rint(16 * 2.0 ** (-steps / 4)), 1, MOST_SHARE).astype(np.int64)
        for planes in shifted(images, self.ranges):
            grid = detect_grid(planes[0])
            traced = trace_image(planes, self.predictions, self.ranges, grid)
            for prediction, found, mean, sums in zip(self.predictions, traced, self.energies, result, strict=True):
                bank.accumulate(
                    *found.around.planes,
                    len(prediction.references),
                    prediction.class_map,
                    grid >> 3,
                    grid & 7,
                    prediction.thresholds,
                    table[found.energies - mean + bank.ENERGIES],
                    bank.taps_room(),
                    sums.recent,
                )
                sums.seen(found.fine.size)
        return [sums.total() for sums in result]


SIZES = 28
"""Columns of the survey: residuals 0 to 7, from there on 4 + their bits."""


@dataclass(frozen=True)
class Survey:
    """Sixth pass: how large residuals are by local energy."""

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[Prediction, ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane a histogram (ENERGIES, SIZES)."""
        result = [np.zeros((bank.ENERGIES, SIZES), np.int64) for _ in self.ranges]
        for planes in shifted(images, self.ranges):
            traced = trace_image(planes, self.predictions, self.ranges, detect_grid(planes[0]))
            for plane, found, histogram in zip(planes, traced, result, strict=False):
                rounded = (found.fine + (1 << (bank.FRACTION_BITS - 1))) >> bank.FRACTION_BITS
                residuals = np.abs(plane - rounded)
                sizes = np.minimum(residuals, 7)
                large = residuals >= 8
                sizes[large] = 4 + np.floor(np.log2(residuals[large])).astype(np.int64) + 1
                cells = found.energies.astype(np.int64) * SIZES + sizes
                histogram += np.bincount(cells.ravel(), minlength=histogram.size).reshape(histogram.shape)
        return result


PROBE_SAMPLES = 1 << 18
PROBE_BITS = 16
AUDITION_BITS = 14
"""Blocks of counters of each context before it is known how many it needs."""


@dataclass(frozen=True)
class Audition:
    """Seventh pass: how the last of the plans codes its plane, in the first ``contexts`` of its list."""

    ranges: tuple[PlaneRange, ...]
    plans: tuple[PlanePlan, ...]
    contexts: int
    sets: int

    def collect(self, images: Iterator[list[Plane]]) -> int:
        """Bytes of the streams."""
        plan = self.plans[-1]
        state = PlaneState.neutral(self.contexts, int(plan.blocks(self.contexts)[-1]))
        total = 0
        for planes in shifted(images, self.ranges):
            total += _practise(self.plans, len(self.plans) - 1, planes, self.ranges, self.sets, state)
        return total


@dataclass(frozen=True)
class Probe:
    """Eighth pass: how many blocks of counters each context of a plane needs in one image, about."""

    ranges: tuple[PlaneRange, ...]
    plans: tuple[PlanePlan, ...]
    plane: int

    def collect(self, images: Iterator[list[Plane]]) -> Integers:
        """The largest number found in an image, or in small ones that make one together, for each context."""
        plan = self.plans[self.plane]
        contexts = len(plan.contexts)
        wide = replace(plan, block_bits=np.full(contexts, PROBE_BITS, np.int64))
        plans = (*self.plans[: self.plane], wide)
        result = np.zeros(contexts, np.int64)
        state = PlaneState.neutral(contexts, contexts << PROBE_BITS)
        samples = 0
        for planes in shifted(images, self.ranges):
            if samples + planes[0].size > PROBE_SAMPLES:
                result = np.maximum(result, _used_blocks(state))
                state = PlaneState.neutral(contexts, contexts << PROBE_BITS)
                samples = 0
            rows = max(1, PROBE_SAMPLES // planes[0].shape[1])
            _practise(plans, self.plane, [plane[:rows] for plane in planes], self.ranges, 1, state)
            samples += planes[0].size
        return np.maximum(result, _used_blocks(state))


def _used_blocks(state: PlaneState) -> Integers:
    """Blocks of counters that were needed, for each context; what hashing to the same block hides is made up for."""
    size = 1 << PROBE_BITS
    touched = (state.counters & 1023).reshape(state.contexts, size, mixing.BLOCK).any(axis=2)
    free = np.maximum(0.5, size - touched.sum(axis=1)) / size
    needed: Integers = np.rint(-np.log(free) * size).astype(np.int64)  # linear counting
    return needed


PART = 1 << 18
SMALL = 1 << 12
"""Images of fewer samples are taken together, as if coded in groups; those of more than a PART are cut into equal ones,
as they are into bands."""
MOST_PARTS = 8
"""Of a larger image only so many parts are looked at, evenly spread: it is one image all the same. Small images make at
least so many parts together."""

Part = list[list[Plane]]
"""Planes of images, or of pieces of an image, that are coded from one start."""


def parts(images: Iterator[list[Plane]]) -> Iterator[list[Part]]:
    """The parts of each image; in the end, parts of several small images."""
    small: Part = []
    for planes in images:
        rows, size = len(planes[0]), planes[0].size
        if size < SMALL:
            small.append(planes)
            continue
        height = -(-rows // -(-size // PART) // 8) * 8
        tops = range(0, rows, height)
        tops = tops[:: -(-len(tops) // MOST_PARTS)]
        yield [[[plane[top : top + height] for plane in planes]] for top in tops]
    wanted = max(1, min(PART, sum(planes[0].size for planes in small) // MOST_PARTS))
    while small:
        count = samples = 0
        while count < len(small) and samples < wanted:
            samples += small[count][0].size
            count += 1
        yield [small[:count]]
        small = small[count:]


@dataclass(frozen=True)
class Recollect:
    """Ninth pass: what the counters of a plane see in each image, and how far images agree."""

    ranges: tuple[PlaneRange, ...]
    plans: tuple[PlanePlan, ...]
    plane: int

    def collect(self, images: Iterator[list[Plane]]) -> Starts:
        """What counters should start with."""
        plan = self.plans[self.plane]
        contexts = len(plan.contexts)
        blocks = plan.blocks(contexts)
        neutral = PlaneState.neutral(contexts, int(blocks[-1]))
        history = History(blocks * mixing.BLOCK, TRAINED)
        for image in parts(shifted(images, self.ranges)):
            counters = []
            for part in image:
                state = neutral.copy()
                for planes in part:
                    _practise(self.plans, self.plane, planes, self.ranges, 1, state)
                counters.append(state.counters)
            history.add(counters)
        return history.starts()


ROUND_SAMPLES = 1 << 22
"""Fewer samples than this are practised twice."""


@dataclass(frozen=True)
class Practice:
    """Last pass: code a sample of the images in a fixed order, each as an encoder would, so that weights learn.

    ``starts``: what the counters of each fold start with.
    """

    ranges: tuple[PlaneRange, ...]
    plans: tuple[PlanePlan, ...]
    plane: int
    contexts: int
    sets: int
    starts: tuple[Symbols, ...]

    def collect(self, images: Iterator[list[Plane]]) -> tuple[npt.NDArray[np.int32], int]:
        """The mixers' weights, and the bytes of the streams.

        The weights are means over the second half of the practice: the last ones suit the last image best.
        """
        blocks = int(self.plans[self.plane].blocks(self.contexts)[-1])
        found = [
            (number % FOLDS, part) for number, image in enumerate(parts(shifted(images, self.ranges))) for part in image
        ]
        samples = sum(planes[0].size for _, part in found for planes in part)
        rounds = 2 if samples < ROUND_SAMPLES else 1
        counters = [TRAINED.states[start[: blocks * mixing.BLOCK]] for start in self.starts]
        weights = neutral_mixers(self.contexts)
        sums = np.zeros(weights.shape, np.int64)
        total = 0
        half = len(found) * rounds // 2
        for turn in range(len(found) * rounds):
            fold, part = found[turn % len(found)]
            state = PlaneState.neutral(self.contexts, 0)
            state.counters = counters[fold].copy()
            state.mixers = weights
            size = sum(_practise(self.plans, self.plane, planes, self.ranges, self.sets, state) for planes in part)
            total += size if turn < len(found) else 0
            sums += weights if turn >= half else 0
        return (sums // (len(found) * rounds - half)).astype(np.int32), total


def _practise(
    plans: Sequence[PlanePlan],
    number: int,
    planes: Sequence[Plane],
    ranges: Sequence[PlaneRange],
    sets: int,
    state: PlaneState,
) -> int:
    """Code plane ``number`` of an image; the state goes on learning. Returns the bytes of its stream."""
    leader = PlaneModel(plans[0], sets, state)
    grid = find_grid(planes[0], leader, ranges[0], len(planes[0]))
    needed = plans[: number + 1]
    marks = [np.zeros(plane.shape, np.uint8) for plane in planes]
    if plans[number].prediction.references:
        traced = trace_image(planes, [plan.prediction for plan in needed[:-1]], ranges, grid)
        for filled, found in zip(marks, traced, strict=False):
            filled[:] = found.around.marks[0][bank.PAD : -1, bank.PAD : -bank.PAD]
    model = PlaneModel(plans[number], sets, state)
    return learn_plane(model, planes[: number + 1], marks[: number + 1], _maximum(ranges[number]), grid)
