"""The shape coder without a codebook: how a plane is predicted and how many low bits are coded stands in front of each
stream (Spec shape/neutral-parameters)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from sofc.coders.base import Coder
from sofc.coders.shape.details import MAX_SPLIT, DetailModel, sizes_of, split_for
from sofc.coders.shape.kernel_adaptive import LEFT, MOST_REFERENCES, RIGHT, ROWS, TAPS, Filter, code_adaptively
from sofc.coders.shape.kernel_predict import OK, Coded, from_residuals, is_predicted, to_residuals
from sofc.coders.shape.parameters import PlaneParameters, ShapeModel, ShapeSet
from sofc.coders.shape.plane import decode_zigzag, encode_zigzag
from sofc.entropy.logarithms import LOG_ONE, times_log2
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange

WEIGHTS = (40, 40, 16, 16, 8, 8)
"""Of west, north, northwest, northeast, second west, second north, in 1/128."""

FIXED, ADAPTIVE, UNPREDICTED = range(3)
"""How a plane is predicted: as with a codebook; by a filter that learns, for noise and what planes have in common; not
at all, for noise that takes values of a part of the range."""

SURE, NOISY = 0.95, 1.5
"""Residuals of the fixed prediction are not coded where they take NOISY bits a sample and others SURE times as much at
most: of 236 planes, of ten train sets and of noise, this holds of 123, which took at most 0.97 times as much. Without
NOISY it was 3.5 times as much, of ramps, and by sizes alone 1.35, of 16 levels."""


@cache
def neutral_parameters(split: int) -> PlaneParameters:
    """Those of a plane of which nothing is known but how many low bits are coded."""
    no_shapes = ShapeModel(ShapeSet.of([]), np.ones(1, np.int64), 0)
    return PlaneParameters(no_shapes, DetailModel(split, np.array(WEIGHTS, np.int32)))


@dataclass(frozen=True, eq=False)
class Residuals:
    """Those of a plane in zigzag order, by one of the predictions, and how often each value occurs."""

    prediction: int
    zigzag: Plane
    counts: npt.NDArray[np.int64]

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """How many have no bits, one bit and so on."""
        return sizes_of(self.counts)

    @cached_property
    def bits(self) -> float:
        """About what they take: which of the sizes it is, and the bits below the highest."""
        return _entropy(self.sizes) + int((self.sizes[1:] * np.arange(31)).sum())

    @cached_property
    def entropy(self) -> float:
        """The same, from how often each value occurs: too little of few samples of many values, but of those with gaps
        it is the closer."""
        return _entropy(self.counts)

    def is_surely_below(self, other: Residuals) -> bool:
        """Whether these take less by either measure, and the others are no ramps, of which contexts leave nothing."""
        return (
            other.entropy >= NOISY * self.zigzag.size
            and self.bits <= SURE * other.bits
            and self.entropy <= SURE * other.entropy
        )

    def stream(self, image_rows: int) -> bytes:
        """The byte of the prediction and the split, then the stream."""
        split = split_for(self.sizes)
        stream = encode_zigzag(self.zigzag, neutral_parameters(split), [], image_rows).stream
        return (bytes([self.prediction * MAX_SPLIT + split - 1]) + stream).rstrip(b"\0")


class NeutralShapeCoder(Coder):
    """Any planes of any range, each with a byte of its prediction and split in front of its stream."""

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane."""
        streams: list[bytes] = []
        before: list[Plane] = []
        for plane, span in zip(planes, ranges, strict=True):
            fixed, *others = predicted(plane, span, image_rows, before)
            near = [one for one in others if one.bits < fixed.bits]
            if not any(one.is_surely_below(fixed) for one in near):
                # Sizes say which may be smaller, not that it is: constant residuals take next to nothing.
                near.insert(0, fixed)
            stream, best = min(((one.stream(image_rows), one) for one in near), key=lambda found: len(found[0]))
            streams.append(stream)
            before.insert(0, _errors(best.prediction, best.zigzag, span))
        return streams

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError where a stream breaks the rules."""
        planes: list[Plane] = []
        before: list[Plane] = []
        for stream, span in zip(streams, ranges, strict=True):
            prediction, split = divmod(stream[0] if stream else 0, MAX_SPLIT)
            if prediction > UNPREDICTED:
                raise FormatError(f"the stream of a neutral model begins with {stream[0]}, which is no prediction")
            zigzag, _ = decode_zigzag(stream[1:], span, neutral_parameters(1 + split), [], (rows, width), image_rows)
            if prediction == ADAPTIVE:
                plane = np.empty(zigzag.shape, np.int32)
                if code_adaptively(False, Coded(plane, zigzag, span), image_rows, _filter(zigzag, before)) != OK:
                    raise FormatError("a sample of a neutral model's stream lies outside its range")
            else:
                plane = from_residuals(zigzag, span, image_rows, prediction == FIXED)
            planes.append(plane)
            before.insert(0, _errors(prediction, zigzag, span))
        return planes


def share_of_fixed(plane: Plane, span: PlaneRange, image_rows: int) -> float:
    """About how much a plane takes by the prediction that suits it best, as a share of what it takes by the fixed one
    (0 to 1)."""
    fixed, *others = (one.bits for one in predicted(plane, span, image_rows, []))
    return min([fixed, *others]) / fixed if fixed else 1.0


def predicted(plane: Plane, span: PlaneRange, image_rows: int, before: Sequence[Plane]) -> list[Residuals]:
    """The residuals of a plane by all predictions, the fixed one first; ``before``: errors of the planes before, the
    nearest first."""
    found = [(FIXED, to_residuals(plane, span, image_rows))]
    if is_predicted(span):
        zigzag = np.empty(plane.shape, np.int32)
        coded = Coded(np.ascontiguousarray(plane), zigzag, span)
        code_adaptively(True, coded, image_rows, _filter(plane, before))
        found += [(ADAPTIVE, zigzag), (UNPREDICTED, to_residuals(plane, span, image_rows, predicts=False))]
    return [Residuals(prediction, zigzag, np.bincount(zigzag.ravel())) for prediction, zigzag in found]


def _entropy(counts: npt.NDArray[np.int64]) -> float:
    """In bits, of so many of each symbol."""
    return (times_log2(counts.sum(keepdims=True)) - times_log2(counts[counts > 0])) / LOG_ONE


def _filter(plane: Plane, before: Sequence[Plane]) -> Filter:
    """A filter that has learned nothing, for a plane like this; ``before``: errors of planes before, nearest first."""
    references = np.zeros((min(len(before), MOST_REFERENCES), *plane.shape), np.int32)
    for reference, errors in zip(references, before, strict=False):
        reference[:] = errors
    near = np.zeros((ROWS, LEFT + plane.shape[1] + RIGHT), np.int32)
    return Filter(references, near, *np.zeros((2, TAPS), np.int32))


def _errors(prediction: int, zigzag: Plane, span: PlaneRange) -> Plane:
    """What the samples differ from what was predicted, the lowest one where nothing was."""
    if prediction == UNPREDICTED or not is_predicted(span):
        return zigzag
    return np.asarray((zigzag >> 1) ^ -(zigzag & 1), np.int32)
