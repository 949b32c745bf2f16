"""What a trained model of the interleaved coder knows of one plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.coders.interleaved import kernel, kernel_tokens
from sofc.errors import FormatError
from sofc.planes import PlaneRange

Integers = npt.NDArray[np.int64]

MAX_LEVELS = 32
TOKENS = 1 << kernel_tokens.TOKEN_BITS
SCALE = 1 << kernel_tokens.SCALE_BITS
SPREAD_STEP = (SCALE >> 1) + (SCALE >> 3) + 3
"""From one place of a token to the next where the states are dealt out: as far apart as in FSE (Collet)."""
FRACTION_BITS = (5, 10)
"""Least and most bits after the point of a weight."""


def taps(references: int) -> list[int]:
    """Numbers of the taps of a predictor, the constant last."""
    first = kernel.FIRST_TAPS if references > 0 else 0
    second = kernel.SECOND_TAPS if references > 1 else 0
    own = kernel.OWN_TAPS
    return [*range(own + first), *range(kernel.Q, kernel.Q + second), kernel.CONSTANT]


def errors(references: int) -> int:
    """Terms of the expected error."""
    return kernel.OWN_ERRORS + (kernel.FIRST_ERRORS if references else 0)


def fraction_bits(span: PlaneRange) -> int:
    """Bits after the point of the weights of a plane of this range: as many as 16 bits leave room for, if any."""
    return next((bits for bits, size in ((7, 255), (6, 511)) if span.size <= size), FRACTION_BITS[1])


def largest_of(ranges: Sequence[PlaneRange]) -> int:
    """The largest sample that any plane may have, planes starting at zero."""
    return max(span.size for span in ranges)


def largest_for(prediction: Prediction, span: PlaneRange, ranges: Sequence[PlaneRange]) -> int:
    """Spec interleaved/section. That of a plane of this range and of its references, of all planes' ``ranges``."""
    return largest_of([span, *(ranges[number] for number in prediction.references)])


def type_of_sums(largest: int, fraction: int) -> np.dtype[Any]:
    """Spec interleaved/section. Whether sums wrap around at 16 bits or at 32: the type of them and of samples."""
    return np.dtype(np.int16 if largest < 1 << (15 - fraction) else np.int32)


@dataclass(frozen=True, eq=False)
class Prediction:
    """How one plane is predicted, and how large an error is to be expected. All arrays int64.

    ``references``: numbers of the planes it is predicted from, nearest first, at most two. ``fraction``: bits after the
    point of ``weights`` (classes, taps); the constant's are whole. ``threshold``: the activity above which it is high.
    ``error_shift``: errors are counted in 2**error_shift eighths. ``error_weights`` (1 or places of the grid,
    errors): those of the errors around.
    """

    references: tuple[int, ...]
    class_map: int
    fraction: int
    threshold: int
    error_shift: int
    weights: Integers
    error_weights: Integers

    def predictor(
        self, grid: int, span: PlaneRange, largest: int, edges: Integers | None = None, start: int = 0
    ) -> kernel.Predictor:
        """As kernels take it. ``grid``: place of the first sample, row * 8 + column; ``largest``: that of the
        plane's samples and of its references'. Raises FormatError where sums of this model cannot hold them."""
        if largest >= 1 << (31 - self.fraction):
            raise FormatError("a model of the interleaved coder is for planes of a smaller range")
        weights = np.zeros((len(self.weights), kernel.TAPS), np.int64)
        weights[:, taps(len(self.references))] = self.weights
        error_weights = np.zeros((len(self.error_weights), kernel.ERRORS), np.int64)
        error_weights[:, : self.error_weights.shape[1]] = self.error_weights
        dtype = type_of_sums(largest, self.fraction)
        if self.class_map == kernel.GRID:
            weights = _by_column(weights)
        else:
            weights[1:] -= weights[0]
        if self.errors_by_place:
            error_weights = _by_column(error_weights)
        low, high = _centred(span)
        return kernel.Predictor(
            class_map=self.class_map,
            grid_row=grid >> 3,
            grid_column=grid & 7,
            references=len(self.references),
            fraction=self.fraction,
            error_shift=self.error_shift,
            low=low,
            high=high,
            middle=middle(span) if _fits(span, dtype) else 0,
            others=self._others(),
            weights=np.ascontiguousarray(weights).astype(dtype).ravel(),
            errors_by_place=int(self.errors_by_place),
            error_weights=np.ascontiguousarray(error_weights).astype(dtype).ravel(),
            levels=_levels(np.zeros(0, np.int64) if edges is None else edges, start),
            # No activity is above the greatest number of the type.
            threshold=np.array([min(self.threshold, np.iinfo(dtype).max)], dtype),
        )

    @property
    def errors_by_place(self) -> bool:
        """Whether each place of the grid has weights of errors of its own."""
        return len(self.error_weights) > 1

    def _others(self) -> int:
        """The classes of the texture map, as bits, whose weights are not those of the first."""
        if self.class_map != kernel.TEXTURE:
            return 0
        return sum(1 << number for number, row in enumerate(self.weights) if (row != self.weights[0]).any())


def _by_column(table: Integers) -> Integers:
    """Of a table (places of the grid, n) what stands for each row of the grid and column: (8, n, GRID_COLUMNS)."""
    columns = np.arange(kernel.GRID_COLUMNS) % kernel.PERIOD
    return table.reshape(kernel.PERIOD, kernel.PERIOD, -1).transpose(0, 2, 1)[:, :, columns]


def _levels(edges: Integers, start: int) -> npt.NDArray[np.uint16]:
    """As kernels take them: the first cell of the level of each expected error, and at last of first rows, times
    SCALE."""
    starts = np.clip(edges, -1, kernel.EXPECTED_ERRORS - 1)
    sizes = np.diff(starts, prepend=-1, append=kernel.EXPECTED_ERRORS - 1)
    result = np.repeat(np.arange(len(sizes), dtype=np.uint16), sizes)
    result[kernel.FIRST_ROW] = start
    return result * np.uint16(kernel.FRACTIONS * SCALE)


def _fits(span: PlaneRange, dtype: np.dtype[Any]) -> bool:
    """Whether a type has all numbers of a range."""
    return bool(np.iinfo(dtype).min <= span.low and span.high <= np.iinfo(dtype).max)


def middle(span: PlaneRange) -> int:
    """What stands for zero in a frame."""
    return span.low + (span.size + 1) // 2


def _centred(span: PlaneRange) -> tuple[int, int]:
    return span.low - middle(span), span.high - middle(span)


@dataclass(frozen=True, eq=False)
class PlaneModel:
    """Prediction, contexts and the tokens' frequencies of one plane.

    ``edges`` (levels - 1,): expected errors, rising, above which the next level starts. ``start``: level of first rows.
    ``cells`` (levels, FRACTIONS): the context of each cell. ``frequencies`` (contexts, TOKENS): in 1 / SCALE, 0 for
    tokens that escapes stand in for. All int64.
    """

    prediction: Prediction
    edges: Integers
    start: int
    cells: Integers
    frequencies: Integers

    def predictor(self, grid: int, span: PlaneRange, largest: int) -> kernel.Predictor:
        """As kernels take it."""
        return _predictor_of(self, span, largest)._replace(grid_row=grid >> 3, grid_column=grid & 7)

    @cached_property
    def tables(self) -> npt.NDArray[np.uint16]:
        """As kernels take them to decode: of each cell, by state, token << REST_BITS | what it leaves of the state;
        first as many places as there are below the first state."""
        tokens, _, rests = self._spread
        entries = (tokens << kernel_tokens.REST_BITS | rests).astype(np.uint16)
        return np.concatenate([np.zeros(SCALE, np.uint16), entries[self.cells.ravel()].ravel()])

    @cached_property
    def codes(self) -> kernel_tokens.Codes:
        """As kernels take them to encode."""
        _, order, _ = self._spread
        starts = np.cumsum(self.frequencies, axis=1) - self.frequencies
        every = np.zeros((*self.frequencies.shape, 2), np.uint32)
        every[..., 1] = kernel_tokens.ABSENT
        for context, token in np.argwhere(self.frequencies > 0).tolist():
            frequency, start = int(self.frequencies[context, token]), int(starts[context, token])
            every[context, token] = kernel_tokens.code_of(frequency, start, context)
        quick = every.copy()
        quick[:, kernel_tokens.LAST_DIRECT + 1 :, 1] = kernel_tokens.ABSENT
        states = np.concatenate([np.zeros(SCALE, np.int64), order.ravel() + SCALE]).astype(np.uint16)
        cells = self.cells.ravel()
        return kernel_tokens.Codes(quick[cells].ravel(), every[cells].ravel(), states)

    @cached_property
    def _spread(self) -> tuple[Integers, Integers, Integers]:
        """Spec interleaved/stream. By context (contexts, SCALE): of states the token; the states of each token, rising,
        one token after the other; of states what the token leaves."""
        contexts = len(self.frequencies)
        places = np.arange(SCALE) * SPREAD_STEP % SCALE
        one_after_other = np.repeat(np.tile(np.arange(TOKENS), contexts), self.frequencies.ravel()).reshape(-1, SCALE)
        tokens = np.empty_like(one_after_other)
        tokens[:, places] = one_after_other
        order = np.argsort(tokens, axis=1, kind="stable")
        starts = np.cumsum(self.frequencies, axis=1) - self.frequencies
        rests = np.empty_like(tokens)
        left = np.arange(SCALE) + np.take_along_axis(self.frequencies - starts, one_after_other, axis=1)
        np.put_along_axis(rests, order, left, axis=1)
        return tokens, order, rests


@lru_cache(maxsize=32)
def _predictor_of(model: PlaneModel, span: PlaneRange, largest: int) -> kernel.Predictor:
    """Of which images wherever in the grid use one: laying it out takes a while."""
    return model.prediction.predictor(0, span, largest, model.edges, model.start)
