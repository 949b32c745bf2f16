"""What training the interleaved coder counts, pass by pass; each task runs in a worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.interleaved import kernel
from sofc.coders.interleaved.frames import Frames, scratch_for, trace_plane
from sofc.coders.interleaved.kernel import Frame
from sofc.coders.interleaved.kernel_tokens import DIRECT, ESCAPE, FIRST_BITS, LAST_DIRECT, STRIPED_ROWS, TOKEN_BITS
from sofc.coders.interleaved.margins import Margins, find_margins, no_margins
from sofc.coders.interleaved.model import TOKENS, Prediction, errors, fraction_bits, largest_of, taps
from sofc.planes import Plane, PlaneRange
from sofc.prediction.grid import find_grid

Integers = npt.NDArray[np.int64]

ACTIVITIES = 1 << 14
ERRORS = 1 << 15
"""Errors in eighths are counted up to this."""
EXPECTED_EDGES = np.unique(np.rint(8 * 1.034 ** np.arange(-40, 232)).astype(np.int64))
"""Expected errors that levels may begin above."""
BINS = len(EXPECTED_EDGES) + 2
"""First rows, and the expected errors between edges."""


PIECE = 1 << 18
"""About as many samples of a plane are taken of each image: parts of many tell more than a few whole ones. Of five
train/ sets, by halves, half as many leave 0.4 % more bytes, and half as many again as few, in 1.4 times the time."""


def _images(images: Iterator[list[Plane]], modelled: int) -> Iterator[tuple[list[Plane], int, Margins]]:
    """Rows of images, of those planes that get models, with their grid and their margins."""
    for planes in images:
        grid, rows = find_grid(planes[:modelled]), piece_of(planes[0])
        parts = [plane[rows] for plane in planes[:modelled]]
        yield parts, grid, find_margins(parts, len(parts[0])) or no_margins(len(parts), len(parts[0]))


def _frames(planes: Sequence[Plane], margins: Margins) -> Frames:
    """For the planes of one image."""
    rows, width = planes[0].shape
    return Frames(margins, width, rows)


def piece_of(plane: Plane) -> slice:
    """Rows that are taken of an image of this plane: a multiple of eight from its top, so that the grid stays, and at a
    place that depends on its samples alone."""
    height, width = plane.shape
    rows = max(STRIPED_ROWS, -(-PIECE // width))
    top = int(plane[:: kernel.PERIOD].sum(dtype=np.int64)) % max(1, height - rows + 1) // kernel.PERIOD * kernel.PERIOD
    return slice(top, top + rows)


@dataclass(frozen=True)
class Activities:
    """First pass: how much planes change, from what is known without a reference and with one."""

    ranges: tuple[PlaneRange, ...]
    references: tuple[tuple[int, ...], ...]

    def collect(self, images: Iterator[list[Plane]]) -> Integers:
        """(planes, 2, activities): as many as their ranges have, at most ACTIVITIES."""
        count = min(ACTIVITIES, 4 * largest_of(self.ranges) + 1)
        result = np.zeros((len(self.ranges), 2, count), np.int64)
        for planes, _, margins in _images(images, len(self.ranges)):
            inside = margins.inside(planes[0].shape[1])[1:, 1:-1]
            for number, references in enumerate(self.references):
                for kind, plane in enumerate([number, *references][:2]):
                    found = np.minimum(activities(planes[plane].astype(np.int64))[inside], count - 1)
                    result[number, kind] += np.bincount(found, minlength=count)
        return result


def activities(plane: Integers) -> Integers:
    """How much a plane (rows, width) changes at each sample, but for borders."""
    here, above = plane[1:, 1:-1], plane[:-1, 1:-1]
    down = np.abs(plane[1:] - plane[:-1])
    result: Integers = np.abs(here - plane[1:, :-2]) + np.abs(here - plane[1:, 2:]) + down[:, 1:-1] + down[:, :-2]
    assert result.shape == above.shape
    return result


@dataclass(frozen=True)
class Equations:
    """Second pass: normal equations of every class, all samples alike.

    ``thresholds`` (planes, 2): of activity, without and with a reference.
    """

    ranges: tuple[PlaneRange, ...]
    references: tuple[tuple[int, ...], ...]
    thresholds: Integers

    def collect(self, images: Iterator[list[Plane]]) -> list[npt.NDArray[np.float64]]:
        """For each plane, of the grid's classes and of those of the texture map without and with a reference:
        (64 + 6 + 6, TAPS + 1, TAPS + 1)."""
        size = kernel.TAPS + 1
        result = [np.zeros((sum(EQUATIONS), size, size), np.float64) for _ in self.ranges]
        for planes, grid, margins in _images(images, len(self.ranges)):
            frames = _frames(planes, margins)
            ones = margins.predicted(planes[0].shape[1]).astype(np.int64).ravel()
            for number, (plane, span) in enumerate(zip(planes, self.ranges, strict=False)):
                blank = blank_prediction(span, kernel.ONE, self.references[number], 0)
                frame = known_frame(plane, span, largest_of(self.ranges), blank, frames)
                top = 0
                for class_map, count, kind in zip(MAPS, EQUATIONS, (0, 0, 1), strict=True):
                    references = self.references[number][: 2 * kind]
                    prediction = blank_prediction(span, class_map, references, int(self.thresholds[number, kind]))
                    result[number][top : top + count] += equations_of(
                        frame, prediction, span, largest_of(self.ranges), grid, ones
                    )
                    top += count
        return result


MAPS = (kernel.GRID, kernel.TEXTURE, kernel.TEXTURE)
EQUATIONS = (64, 6, 6)


def blank_prediction(span: PlaneRange, class_map: int, references: tuple[int, ...], threshold: int) -> Prediction:
    """Of which only the classes are known."""
    weights = np.zeros((kernel.CLASSES[class_map], len(taps(len(references)))), np.int64)
    error_weights = np.zeros((1, errors(len(references))), np.int64)
    return Prediction(references, class_map, fraction_bits(span), threshold, 0, weights, error_weights)


def known_frame(plane: Plane, span: PlaneRange, largest: int, prediction: Prediction, frames: Frames) -> Frame:
    """A frame of a known plane with what stands beside its rows; it is added to the ``frames``."""
    frame = frames.known(plane, span, largest, prediction)
    alone = blank_prediction(span, kernel.ONE, (), 0)
    trace_plane(frame, alone.predictor(0, span, largest))
    frames.add(frame)
    return frame


def equations_of(
    frame: Frame, prediction: Prediction, span: PlaneRange, largest: int, grid: int, sample_weights: Integers
) -> Integers:
    """Normal equations of a known plane."""
    size = kernel.TAPS + 1
    result = np.zeros((kernel.CLASSES[prediction.class_map], size, size), np.int64)
    predictor = prediction.predictor(grid, span, largest)
    values, scratch = np.zeros(size, np.int64), scratch_for(frame)
    kernel.accumulate(frame, prediction.class_map, predictor, grid & 7, sample_weights, values, scratch, result)
    return result


def _fractions(traced: kernel.Traced) -> Integers:
    """Those of the predictions, in quarters, where each cell was a context."""
    return (traced.symbols >> TOKEN_BITS).astype(np.int64) % kernel.FRACTIONS


def _fine_errors(traced: kernel.Traced) -> Integers:
    """Absolute errors in eighths."""
    result: Integers = np.abs(8 * traced.residuals.astype(np.int64) - 2 * _fractions(traced) - 1)
    return result


@dataclass(frozen=True)
class Errors:
    """Third pass: how large errors are under each of the predictions to choose from."""

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[tuple[Prediction, ...], ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane (predictions, errors): as many as its range has, at most ERRORS."""
        result = [
            np.zeros((len(kinds), min(ERRORS, 8 * (span.size + 1))), np.int64)
            for span, kinds in zip(self.ranges, self.predictions, strict=True)
        ]
        largest = largest_of(self.ranges)
        for planes, grid, margins in _images(images, len(self.ranges)):
            frames = _frames(planes, margins)
            inside = margins.inside(planes[0].shape[1]).ravel()
            for plane, span, kinds, counts in zip(planes, self.ranges, self.predictions, result, strict=False):
                for prediction, row in zip(kinds, counts, strict=True):
                    frame = frames.known(plane, span, largest, prediction)
                    found = _fine_errors(trace_plane(frame, prediction.predictor(grid, span, largest)))[inside]
                    row += np.bincount(np.minimum(found, len(row) - 1), minlength=len(row))
                frames.add(frame)
        return result


@dataclass(frozen=True)
class _PassOfPredictions:
    """A pass over images as the chosen ``predictions`` code their planes."""

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[Prediction, ...]

    def traced(self, images: Iterator[list[Plane]]) -> Iterator[tuple[Iterator[_Found], int, Margins]]:
        """Of each image what was found of its planes, one after the other, its grid and its margins."""
        for planes, grid, margins in _images(images, len(self.ranges)):
            yield _traced(self.ranges, self.predictions, planes, grid, margins), grid, margins


_Found = tuple[Frame, kernel.Traced]


def _traced(
    ranges: Sequence[PlaneRange],
    predictions: Sequence[Prediction],
    planes: Sequence[Plane],
    grid: int,
    margins: Margins,
) -> Iterator[_Found]:
    """What is found of the planes of an image, one after the other, as predictions code them."""
    frames, largest = _frames(planes, margins), largest_of(ranges)
    for plane, span, prediction in zip(planes, ranges, predictions, strict=False):
        frame = frames.known(plane, span, largest, prediction)
        yield frame, trace_plane(frame, prediction.predictor(grid, span, largest))
        frames.add(frame)


class Refine(_PassOfPredictions):
    """Fourth pass: normal equations where a sample counts the less the larger the errors around it are."""

    def collect(self, images: Iterator[list[Plane]]) -> list[npt.NDArray[np.float64]]:
        """For each plane (classes, TAPS + 1, TAPS + 1)."""
        size = kernel.TAPS + 1
        result = [np.zeros((len(one.weights), size, size), np.float64) for one in self.predictions]
        for found, grid, margins in self.traced(images):
            each = zip(found, self.ranges, self.predictions, result, strict=False)
            for (frame, traced), span, prediction, sums in each:
                weights = sample_weights(_fine_errors(traced).reshape(frame.rows, frame.width))
                weights *= margins.predicted(frame.width)
                sums += equations_of(frame, prediction, span, largest_of(self.ranges), grid, weights.ravel())
        return result


def sample_weights(errors: Integers) -> Integers:
    """How much samples count: about the inverse of the errors around to the power of 1.5."""
    total = np.zeros(errors.shape, np.int64) + 4
    total[1:] += 2 * errors[:-1]
    total[1:, 1:] += errors[:-1, :-1]
    total[1:, :-1] += errors[:-1, 1:]
    total[:, 1:] += 2 * errors[:, :-1]
    result: Integers = np.maximum(1, np.rint(256 * (total / 6 + 3.0) ** -1.5 * 8)).astype(np.int64)
    return result


class ExpectedErrors(_PassOfPredictions):
    """Fifth pass: how the errors around a sample tell its own."""

    def collect(self, images: Iterator[list[Plane]]) -> Integers:
        """Normal equations for each plane and place of the grid (planes, 64, ERRORS + 1, ERRORS + 1)."""
        size, period = kernel.ERRORS + 1, kernel.PERIOD
        result = np.zeros((len(self.ranges), kernel.CLASSES[kernel.GRID], size, size), np.int64)
        for found, grid, margins in self.traced(images):
            for (frame, _), prediction, sums in zip(found, self.predictions, result, strict=False):
                if frame.rows <= 2:
                    continue
                terms, inside = _error_terms(frame, prediction), margins.inside(frame.width)[2:]
                weights = inside * ((1 << 20) // (terms[:-1].mean(axis=0).astype(np.int64) + 2) ** 2)
                for place, own in enumerate(sums):
                    top, left = (place // period - grid // period - 2) % period, (place - grid) % period
                    # Sums of integers below 2^53: floats round none of them, and are added up much faster.
                    at = terms[:, top::period, left::period].reshape(size, -1).astype(np.float64)
                    own += ((at * weights[top::period, left::period].ravel()) @ at.T).astype(np.int64)
        return result


def _error_terms(frame: Frame, prediction: Prediction) -> Integers:
    """Of all samples but those of the first two rows: the terms of the expected error, and last its own error, each of
    shape (rows - 2, width)."""
    stride, left, width, shift = frame.samples.size // frame.rows, kernel.LEFT, frame.width, prediction.error_shift

    def at(flat: npt.NDArray[np.uint8], dy: int, dx: int) -> Integers:
        table = np.pad(flat.reshape(frame.rows, stride), ((0, 1), (0, 0)), mode="edge")
        return table[2 + dy : 2 + dy + frame.rows - 2, left + dx : left + dx + width].astype(np.int64)

    own = [(-1, 0), (-1, -1), (-1, 1), (-2, 0), (-1, -2), (-1, 2)]
    terms = [at(frame.errors, *place) for place in own]
    samples = (frame.first if prediction.references else frame.samples).reshape(frame.rows, stride).astype(np.int64)
    samples = samples[:, left - 1 : left + width + 1]
    found = activities(samples)
    terms.append(np.minimum(kernel.LARGEST_ERROR, (2 * (found[1:] if prediction.references else found[:-1])) >> shift))
    first = [(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)]
    blank = np.zeros_like(terms[0])
    terms += [at(frame.first_errors, *place) if prediction.references else blank for place in first]
    terms.append(at(frame.errors, 0, 0))
    return np.stack(terms)


@dataclass(frozen=True)
class Survey:
    """Last pass: tokens by expected error and fraction, in each of several ``ways`` to predict all planes."""

    ranges: tuple[PlaneRange, ...]
    ways: tuple[tuple[Prediction, ...], ...]

    def collect(self, images: Iterator[list[Plane]]) -> Integers:
        """(ways, planes, BINS, FRACTIONS, TOKENS)."""
        result = np.zeros((len(self.ways), len(self.ranges), BINS, kernel.FRACTIONS, TOKENS), np.int64)
        for planes, grid, margins in _images(images, len(self.ranges)):
            inside = margins.inside(planes[0].shape[1]).ravel()
            for predictions, histograms in zip(self.ways, result, strict=True):
                found = _traced(self.ranges, predictions, planes, grid, margins)
                for (_, traced), histogram in zip(found, histograms, strict=False):
                    expected = traced.expected[inside]
                    bins = np.searchsorted(EXPECTED_EDGES, expected) + 1
                    bins[expected == kernel.FIRST_ROW] = 0
                    cells = (bins * kernel.FRACTIONS + _fractions(traced)[inside]) * TOKENS
                    cells += tokens_of(traced.residuals[inside].astype(np.int32))
                    histogram += np.bincount(cells, minlength=histogram.size).reshape(histogram.shape)
        return result


def tokens_of(residuals: npt.NDArray[np.int32]) -> Integers:
    """Spec interleaved/stream. The token of each residual, where none is too rare to have one."""
    values = residuals.astype(np.int64)
    sizes = np.abs(values)
    # Ranges begin at DIRECT + 1, each twice as long as the one before.
    number = np.floor(np.log2(np.maximum(sizes - DIRECT - 1 + (1 << FIRST_BITS), 1))).astype(np.int64) - FIRST_BITS
    return np.where(sizes <= DIRECT, values + DIRECT, np.minimum(ESCAPE, LAST_DIRECT + 1 + 2 * number + (values < 0)))
