"""The static coder: trained prediction and tables, two interleaved states of range asymmetric numeral systems.

The stream of a plane: the two states that decoding starts from (4 bytes each, little-endian, the first operation's
state first), then the words that they take in (2 bytes each, little-endian). Zero bytes at the end are left out and
read again as zeros. After the last sample both states are STATE_LOW. In front of plane 0's stream stands one byte,
the place of the first sample in the 8 x 8 grid (row * 8 + column), where any plane's class map is GRID.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sofc.coders.base import Coder, Plane, PlaneRange
from sofc.coders.sparse import decode_sparse, encode_sparse
from sofc.coders.static.plan import PlanePlan, Prediction
from sofc.coders.static.section import unpack_plan
from sofc.errors import FormatError
from sofc.kernels import static

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
        shifted = [plane - np.int32(span.low) for plane, span in zip(planes, ranges, strict=True)][: len(self.plans)]
        predictions = [plan.prediction for plan in self.plans]
        grid = find_grid(shifted, predictions, ranges, image_rows) if self._uses_grid else 0
        operations: list[list[Padded]] = [[] for _ in self.plans]
        for top in range(0, len(shifted[0]), image_rows):
            image = [plane[top : top + image_rows] for plane in shifted]
            traced = trace_image(image, predictions, ranges, grid)
            for plan, done, found in zip(self.plans, operations, traced, strict=True):
                done.append(_operations(plan, *found))
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
        for top in range(0, rows, image_rows):
            height = min(image_rows, rows - top)
            references: list[tuple[Padded, Marks]] = []
            for plan, tables, words, span in zip(self.plans, self._tables, decoders, ranges, strict=False):
                number = len(references)
                own, marks = _decode_image(plan, tables, words, references, span.high - span.low, height, width, grid)
                found = own[static.PAD : -static.PAD, static.PAD : -static.PAD]
                np.add(found, np.int32(span.low), out=planes[number][top : top + height])
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
        maximum = span.high - span.low
        own, marks = padded(plane, maximum)
        first, second = pick(prediction, references, own, marks)
        fine, numbers, energies = (np.empty(plane.shape, np.int32) for _ in range(3))
        static.trace(
            own,
            first[0],
            second[0],
            marks,
            first[1],
            second[1],
            len(prediction.references),
            prediction.class_map,
            grid >> 3,
            grid & 7,
            prediction.thresholds,
            prediction.weights,
            prediction.offsets,
            prediction.mark_weights,
            maximum,
            fine,
            numbers,
            energies,
        )
        result.append((own, fine, numbers, energies, marks))
        references.append((repeat_edges(own.copy()), marks))
    return result


def padded(plane: Plane, maximum: int) -> tuple[Padded, Marks]:
    """A padded copy of a plane, the middle of its range all around, and marks to fill."""
    own = np.full((plane.shape[0] + 2 * static.PAD, plane.shape[1] + 2 * static.PAD), (maximum + 1) // 2, np.int32)
    own[static.PAD : -static.PAD, static.PAD : -static.PAD] = plane
    return own, np.full(own.shape, static.START_MARK, np.uint8)


def repeat_edges(plane: Padded) -> Padded:
    """Pad a plane by repeating its edge, as a reference."""
    pad = static.PAD
    plane[:, :pad] = plane[:, pad : pad + 1]
    plane[:, -pad:] = plane[:, -pad - 1 : -pad]
    plane[:pad] = plane[pad]
    plane[-pad:] = plane[-pad - 1]
    return plane


def pick(
    prediction: Prediction, references: Sequence[tuple[Padded, Marks]], own: Padded, marks: Marks
) -> list[tuple[Padded, Marks]]:
    """The two reference planes as the kernels take them; the plane itself stands in for a missing one."""
    return [*(references[number] for number in prediction.references), (own, marks), (own, marks)][:2]


GRID_ROWS, GRID_COLUMNS = 32, 256
"""Size of the piece, cut from the middle of an image, that its grid is looked for in."""


def find_grid(
    planes: Sequence[Plane], predictions: Sequence[Prediction], ranges: Sequence[PlaneRange], image_rows: int
) -> int:
    """Place of the first sample in the 8 x 8 grid (row * 8 + column) under which plane 0's bank predicts best.

    Looks for the column, then for the row, then for the column again.
    """
    image = planes[0][:image_rows]
    if image.size < 4096 or predictions[0].class_map != static.GRID:
        return 0
    top, left = (max(0, (side - most) // 2) for side, most in zip(image.shape, (GRID_ROWS, GRID_COLUMNS), strict=True))
    piece = image[top : top + GRID_ROWS, left : left + GRID_COLUMNS]

    def cost(row: int, column: int) -> int:
        place = ((row + top) & 7) * 8 + ((column + left) & 7)
        marks = trace_image([piece], predictions[:1], ranges, place)[0][4]
        return int(marks[static.PAD + 1 : -static.PAD, static.PAD : -static.PAD].sum(dtype=np.int64))

    column = min(range(8), key=lambda place: cost(0, place))
    row = min(range(8), key=lambda place: cost(place, column))
    return row * 8 + min(range(8), key=lambda place: cost(row, place))


def _operations(plan: PlanePlan, own: Padded, fine: Padded, numbers: Padded, energies: Padded, marks: Marks) -> Padded:
    size = fine.size + fine.size // 4 + 6 * fine.shape[1]
    if plan.levels.plain.any():
        size += fine.size
    while True:
        operations = np.empty(size, np.int32)
        count = static.list_operations(
            own,
            fine,
            energies,
            plan.contexts,
            plan.reaches,
            plan.levels.plain,
            plan.frequencies.ravel(),
            plan.starts.ravel(),
            operations,
        )
        if count >= 0:
            return operations[:count]
        size = 6 * fine.size


def _write(operations: Padded) -> bytes:
    """The stream of a plane."""
    words = np.empty(operations.size + 4, np.uint16)
    states = np.full(2, static.STATE_LOW, np.int64)
    start = static.write_operations(operations, operations.size, states, words)
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
    tables: tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]],
    words: _Words,
    references: Sequence[tuple[Padded, Marks]],
    maximum: int,
    rows: int,
    width: int,
    grid: int,
) -> tuple[Padded, Marks]:
    """Decode one plane of one image, samples 0 .. maximum. Raises FormatError."""
    prediction = plan.prediction
    own, marks = padded(np.zeros((rows, width), np.int32), maximum)
    first, second = pick(prediction, references, own, marks)
    status = static.decode(
        own,
        first[0],
        second[0],
        marks,
        first[1],
        second[1],
        len(prediction.references),
        prediction.class_map,
        grid >> 3,
        grid & 7,
        prediction.thresholds,
        prediction.weights,
        prediction.offsets,
        prediction.mark_weights,
        maximum,
        plan.contexts,
        plan.reaches,
        plan.levels.plain,
        *tables,
        words.coder,
        words.words,
    )
    if status != static.OK:
        raise FormatError("a stream of the static coder leads outside the plane's range")
    return own, marks
