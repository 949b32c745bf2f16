"""The static coder: trained prediction and tables, two interleaved states of range asymmetric numeral systems.

The stream of a plane: the two states that decoding starts from (4 bytes each, little-endian, the first operation's
state first), then the words that they take in (2 bytes each, little-endian). Zero bytes at the end are left out and
read again as zeros. After the last sample both states are STATE_LOW. In front of plane 0's stream stands one byte,
the place of the first sample in the 8 x 8 grid (row * 8 + column), where any plane's class map is GRID.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.base import Coder
from sofc.coders.static import kernel as static
from sofc.coders.static.plan import Integers, PlanePlan, Prediction
from sofc.coders.static.section import unpack_plan
from sofc.entropy.sparse import decode_sparse, encode_sparse
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange

Padded = npt.NDArray[np.int32]
Marks = npt.NDArray[np.uint8]

HEAD = 8


class StaticCoder(Coder):
    """Codes plane k with ``plans[k]``; planes beyond the plans (a correction) are coded as nearly all zeros."""

    id = 3
    name = "static"

    def __init__(self, plans: Sequence[PlanePlan]) -> None:
        self.plans = tuple(plans)

    @property
    def planes(self) -> int:
        """Planes that have plans."""
        return len(self.plans)

    @classmethod
    def from_sections(cls, sections: Sequence[bytes]) -> StaticCoder:
        """One section for each plane. Raises FormatError."""
        if not sections:
            raise FormatError("a static model has at least one section")
        return cls([unpack_plan(section, plane) for plane, section in enumerate(sections)])

    @cached_property
    def _tables(self) -> list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]]:
        return [(plan.symbols(), plan.cells()) for plan in self.plans]

    @property
    def _uses_grid(self) -> bool:
        return any(plan.prediction.class_map == static.GRID for plan in self.plans)

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane; that of plane 0 begins with the place of its first sample in the grid, if any."""
        ranges = ranges[: len(self.plans)]
        grid = find_grid(planes[0][:image_rows], self.plans[0].prediction, ranges[0]) if self._uses_grid else 0
        operations: list[list[Padded]] = [[] for _ in self.plans]
        for top in range(0, len(planes[0]), image_rows):
            references: list[tuple[Padded, Marks]] = []
            for plan, plane, span, done in zip(self.plans, planes, ranges, operations, strict=False):
                own, marks = padded(plane[top : top + image_rows], span.high - span.low, span.low)
                arguments = _arguments(plan.prediction, references, own, marks, span, largest_of(ranges), grid)
                done.append(_operations(plan, arguments))
                references.append((repeat_edges(own), marks))
        streams = [_write(np.concatenate(done) if len(done) > 1 else done[0]) for done in operations]
        if self._uses_grid:
            streams[0] = (bytes([grid]) + streams[0]).rstrip(b"\0")
        return streams + [encode_sparse(plane) for plane in planes[len(self.plans) :]]

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError where a stream leads outside a plane's range."""
        if len(ranges) < len(self.plans):
            raise FormatError(f"a static model of {len(self.plans)} planes cannot code {len(ranges)}")
        grid = 0
        streams = list(streams)
        if self._uses_grid:
            grid = streams[0][0] if streams[0] else 0
            streams[0] = streams[0][1:]
            if grid > 63:
                raise FormatError(f"{grid} is not a place in the grid")
        decoders = [_Words(stream) for stream in streams[: len(self.plans)]]
        planes = [np.empty((rows, width), np.int32) for _ in self.plans]
        largest = largest_of(ranges[: len(self.plans)])
        for top in range(0, rows, image_rows):
            height = min(image_rows, rows - top)
            references: list[tuple[Padded, Marks]] = []
            for plan, tables, words, span in zip(self.plans, self._tables, decoders, ranges, strict=False):
                own, marks = _room(height, width, span.high - span.low)
                arguments = _arguments(plan.prediction, references, own, marks, span, largest, grid)
                _decode_image(plan, arguments, tables, words)
                found = own[static.PAD : -static.PAD, static.PAD : -static.PAD]
                np.add(found, np.int32(span.low), out=planes[len(references)][top : top + height])
                references.append((repeat_edges(own), marks))
        for words in decoders:
            words.finish()
        for stream, span in list(zip(streams, ranges, strict=True))[len(self.plans) :]:
            plane = decode_sparse(stream, rows, width)
            if int(plane.max()) > span.high:
                raise FormatError("a correction lies outside its range")
            planes.append(plane)
        return planes


Traced = tuple[Padded, Padded, Padded, Padded, Marks]
"""A padded plane, its fine predictions, its predictors' numbers, its energies, its marks."""


def trace_image(
    planes: Sequence[Plane], predictions: Sequence[Prediction], ranges: Sequence[PlaneRange], grid: int
) -> list[Traced]:
    """Predict all samples of an image's planes, which start at zero."""
    result: list[Traced] = []
    references: list[tuple[Padded, Marks]] = []
    for plane, prediction, span in zip(planes, predictions, ranges, strict=False):
        own, marks = padded(plane, span.high - span.low)
        fine, numbers, energies = (np.empty(plane.shape, np.int32) for _ in range(3))
        arguments = _arguments(prediction, references, own, marks, span, largest_of(ranges), grid)
        static.trace(*arguments, fine, numbers, energies)
        result.append((own, fine, numbers, energies, marks))
        references.append((repeat_edges(own.copy()), marks))
    return result


def padded(plane: Plane, maximum: int, low: int = 0) -> tuple[Padded, Marks]:
    """A padded copy of a plane less ``low``, the middle of its range all around, and marks to fill."""
    own, marks = _room(plane.shape[0], plane.shape[1], maximum)
    np.subtract(plane, np.int32(low), out=own[static.PAD : -static.PAD, static.PAD : -static.PAD])
    return own, marks


def _room(rows: int, width: int, maximum: int) -> tuple[Padded, Marks]:
    """A padded plane and marks to fill."""
    own = np.full((rows + 2 * static.PAD, width + 2 * static.PAD), (maximum + 1) // 2, np.int32)
    return own, np.full(own.shape, static.START_MARK, np.uint8)


def repeat_edges(plane: Padded) -> Padded:
    """Pad a plane by repeating its edge, as a reference."""
    pad = static.PAD
    plane[:, :pad] = plane[:, pad : pad + 1]
    plane[:, -pad:] = plane[:, -pad - 1 : -pad]
    plane[:pad] = plane[pad]
    plane[-pad:] = plane[-pad - 1]
    return plane


class _Arguments(NamedTuple):
    """What the kernels take of a plane and its prediction, in their order."""

    plane: Padded
    first: Padded
    second: Padded
    marks: Marks
    first_marks: Marks
    second_marks: Marks
    references: int
    class_map: int
    grid_row: int
    grid_column: int
    thresholds: Integers
    weights: static.Weights
    table: static.Weights
    offsets: Integers
    mark_weights: Integers
    maximum: int
    room: static.Room


def _arguments(
    prediction: Prediction,
    references: Sequence[tuple[Padded, Marks]],
    own: Padded,
    marks: Marks,
    span: PlaneRange,
    largest: int,
    grid: int,
) -> _Arguments:
    """Of a plane; it stands itself in for a missing reference. ``largest``: the largest sample of any plane."""
    first, second = [*(references[number] for number in prediction.references), (own, marks), (own, marks)][:2]
    on_grid = prediction.class_map == static.GRID
    weights, table = prediction.tables(largest)
    return _Arguments(
        own,
        first[0],
        second[0],
        marks,
        first[1],
        second[1],
        len(prediction.references),
        prediction.class_map,
        grid >> 3 if on_grid else 0,
        grid & 7 if on_grid else 0,
        prediction.thresholds,
        weights,
        table,
        prediction.offsets,
        prediction.mark_weights,
        span.high - span.low,
        static.room_for(own, first[0], second[0], weights.dtype),
    )


def largest_of(ranges: Sequence[PlaneRange]) -> int:
    """The largest sample that any plane may have, planes starting at zero."""
    return max(span.high - span.low for span in ranges)


GRID_ROWS, GRID_COLUMNS = 32, 256
"""Size of the piece, cut from the middle of an image, that its grid is looked for in."""


def find_grid(image: Plane, prediction: Prediction, span: PlaneRange) -> int:
    """Place of the first sample in the 8 x 8 grid (row * 8 + column) under which plane 0's bank predicts best."""
    if image.size < 4096 or prediction.class_map != static.GRID:
        return 0
    top, left = (
        max(0, (side - most) // 2) // static.PERIOD * static.PERIOD
        for side, most in zip(image.shape, (GRID_ROWS, GRID_COLUMNS), strict=True)
    )
    piece = image[top : top + GRID_ROWS, left : left + GRID_COLUMNS]
    maximum = span.high - span.low
    own, marks = padded(piece, maximum, span.low)
    rows, width = piece.shape
    weights, table = prediction.tables(maximum)
    room = static.room_for(own, own, own, weights.dtype)
    return int(static.find_grid(own, marks, rows, width, prediction.thresholds, weights, table, maximum, room))


def _operations(plan: PlanePlan, arguments: _Arguments) -> Padded:
    """The operations that code a plane."""
    samples = arguments.plane.size
    size = samples + samples // 4
    if plan.levels.plain.any():
        size += samples
    while True:
        operations = np.empty(size, np.int32)
        count = static.list_operations(
            *arguments, plan.contexts, plan.reaches, plan.levels.plain, plan.codes, operations
        )
        if count >= 0:
            return operations[:count]
        size = 6 * samples


def _write(operations: Padded) -> bytes:
    """The stream of a plane."""
    words = np.empty(operations.size + 4, np.uint16)
    states = np.full(2, static.STATE_LOW, np.int64)
    start = static.write_operations(operations, operations.size, states, words)
    assert start >= 0, "an operation writes at most one word"
    head = states.astype("<u4").tobytes()
    return (head + words[start:].astype("<u2").tobytes()).rstrip(b"\0")


class _Words:
    """A plane's stream while it is being decoded."""

    def __init__(self, stream: bytes) -> None:
        complete = stream + bytes(max(HEAD - len(stream), len(stream) % 2))
        states = np.frombuffer(complete[:HEAD], "<u4").astype(np.int64)
        if not ((states >= static.STATE_LOW) & (states < 1 << 31)).all():
            raise FormatError("a stream of the static coder begins with a state out of range")
        self.coder = np.array([*states, 0], np.int64)
        self.words = np.frombuffer(complete[HEAD:], "<u2").astype(np.uint16)

    def finish(self) -> None:
        """Both states must be back where encoding began."""
        if (self.coder[:2] != static.STATE_LOW).any() or self.coder[2] < self.words.size:
            raise FormatError("a stream of the static coder does not end where it should")


def _decode_image(
    plan: PlanePlan,
    arguments: _Arguments,
    tables: tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]],
    words: _Words,
) -> None:
    """Decode one plane of one image. Raises FormatError."""
    status = static.decode(
        *arguments, plan.contexts, plan.reaches, plan.levels.plain, *tables, words.coder, words.words
    )
    if status != static.OK:
        raise FormatError("a stream of the static coder leads outside the plane's range")
