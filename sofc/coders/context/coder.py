"""The context coder: a trained predictor bank, then context mixing of the residuals from a trained start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sofc.coders.base import MAX_COUNTERS, Coder
from sofc.coders.context import kernel
from sofc.coders.context.plan import PlanePlan, PlaneState
from sofc.coders.context.section import unpack_plan
from sofc.entropy import binary, mixing
from sofc.entropy.mixers import TRAINED, unpack_mixers
from sofc.entropy.sparse import decode_sparse, encode_sparse
from sofc.errors import FormatError, LimitError
from sofc.planes import Plane, PlaneRange
from sofc.prediction import bank

Marks = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PlaneModel:
    """One plane at one effort: its plan, the weight sets averaged, and the state that a band starts from."""

    plan: PlanePlan
    sets: int
    start: PlaneState

    @cached_property
    def level_of(self) -> npt.NDArray[np.int64]:
        """The level of each energy."""
        return self.plan.level_of()

    @property
    def contexts(self) -> npt.NDArray[np.int64]:
        """The contexts that this effort uses, the first of the plan's, as the kernel takes them."""
        used = self.plan.contexts[: self.start.contexts]
        return np.where(used < 0, kernel.NO_TERM, used)

    @cached_property
    def blocks(self) -> npt.NDArray[np.int64]:
        """Where the blocks of those contexts start, and where the last one's end."""
        return self.plan.blocks(len(self.contexts))


class ContextCoder(Coder):
    """Codes plane k with ``models[k]``; planes beyond the models (a correction) are coded as nearly all zeros."""

    id = 2
    name = "context"

    def __init__(self, models: Sequence[PlaneModel]) -> None:
        self.models = tuple(models)

    @classmethod
    def from_sections(cls, sections: Sequence[bytes]) -> ContextCoder:
        """Plans, then counters, then mixers, each one for every plane. Raises FormatError."""
        if not sections or len(sections) % 3:
            raise FormatError(f"a context model has three sections for each plane, not {len(sections)} in all")
        planes = len(sections) // 3
        models = []
        counters = 0
        for plane in range(planes):
            plan = unpack_plan(sections[plane], plane)
            used, sets, mixers = unpack_mixers(sections[2 * planes + plane])
            if used > len(plan.contexts):
                raise FormatError("the mixers of a context model use more contexts than it has")
            places = plan.blocks(len(plan.contexts)) * mixing.BLOCK
            counters += int(places[used])
            if counters > MAX_COUNTERS:
                raise LimitError(f"a context model has more than {MAX_COUNTERS} counters")
            start = PlaneState.neutral(used, 0)
            start.counters = TRAINED.unpack(sections[planes + plane], places, used)
            start.mixers = mixers
            models.append(PlaneModel(plan, sets, start))
        return cls(models)

    @property
    def planes(self) -> int:
        """Planes that have models."""
        return len(self.models)

    @property
    def _uses_grid(self) -> bool:
        return any(model.plan.prediction.class_map == bank.GRID for model in self.models)

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane; that of plane 0 begins with the place of its first sample in the grid, if any."""
        shifted = [plane - np.int32(span.low) for plane, span in zip(planes, ranges, strict=True)]
        grid = find_grid(shifted[0], self.models[0], ranges[0], image_rows) if self._uses_grid else 0
        streams: list[bytes] = []
        marks: list[Marks] = []
        for number, model in enumerate(self.models):
            maximum = ranges[number].high - ranges[number].low
            marks.append(np.zeros(shifted[number].shape, np.uint8))
            streams.append(encode_plane(model, shifted[: number + 1], marks, maximum, grid, image_rows))
        if self._uses_grid:
            streams[0] = (bytes([grid]) + streams[0]).rstrip(b"\0")
        return streams + [encode_sparse(plane) for plane in planes[len(self.models) :]]

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError where a stream leads outside a plane's range."""
        if len(ranges) < len(self.models):
            raise FormatError(f"a context model of {len(self.models)} planes cannot code {len(ranges)}")
        grid = 0
        streams = list(streams)
        if self._uses_grid:
            grid = streams[0][0] if streams[0] else 0
            streams[0] = streams[0][1:]
            if grid > 63:
                raise FormatError(f"{grid} is not a place in the grid")
        shifted: list[Plane] = []
        marks: list[Marks] = []
        for number, model in enumerate(self.models):
            maximum = ranges[number].high - ranges[number].low
            shifted.append(np.zeros((rows, width), np.int32))
            marks.append(np.zeros((rows, width), np.uint8))
            reading, state = Reading(streams[number]), model.start.copy()
            if not code_images(reading, model, state, shifted, marks, maximum, grid, image_rows):
                raise FormatError("a stream of the context coder leads outside the plane's range")
        planes = [plane + np.int32(span.low) for plane, span in zip(shifted, ranges, strict=False)]
        for stream, span in list(zip(streams, ranges, strict=True))[len(self.models) :]:
            plane = decode_sparse(stream, rows, width)
            if int(plane.max()) > span.high:
                raise FormatError("a correction lies outside its range")
            planes.append(plane)
        return planes


def find_grid(plane: Plane, model: PlaneModel, span: PlaneRange, image_rows: int) -> int:
    """Place of the first sample in the 8 x 8 grid (row * 8 + column) under which the bank predicts best."""
    maximum = span.high - span.low
    image = plane[:image_rows]
    prediction = model.plan.prediction
    if prediction.class_map != bank.GRID or image.size < 4096:
        return 0
    padded = bank.padded(image, (maximum + 1) // 2, edges=True)
    totals = np.zeros(64, np.int64)
    stride, room = max(1, image.size // 8192) | 1, bank.taps_room()
    bank.grid_errors(padded, prediction.thresholds, prediction.weights.astype(np.int32), maximum, stride, room, totals)
    return int(totals.argmin())


@dataclass(frozen=True, eq=False)
class Surroundings:
    """A plane as the bank's kernels take it: itself and two references, each with its marks.

    The plane stands in for a missing reference.
    """

    planes: tuple[bank.Padded, bank.Padded, bank.Padded]
    marks: tuple[Marks, Marks, Marks]


def surroundings(
    references: Sequence[int], planes: Sequence[Plane], marks: Sequence[Marks], maximum: int
) -> Surroundings:
    """Those of the last of an image's planes, whose range is 0 .. maximum."""
    own = bank.padded(planes[-1], (maximum + 1) // 2, edges=False)
    own_marks = np.full(own.shape, bank.START_MARK, np.uint8)
    others = [bank.padded(planes[reference], 0, edges=True) for reference in references]
    other_marks = [bank.padded(marks[reference], 0, edges=True) for reference in references]
    first, second = [*others, own, own][:2]
    first_marks, second_marks = [*other_marks, own_marks, own_marks][:2]
    return Surroundings((own, first, second), (own_marks, first_marks, second_marks))


class Writing:
    """A stream that is being coded, of at most ``size`` bytes."""

    encodes = True

    def __init__(self, size: int) -> None:
        self.buffer = np.zeros(size, np.uint8)
        self.coder = binary.start_encoding()

    def finish(self) -> bytes | None:
        """The stream, or None where it is too long."""
        end = binary.finish_encoding(self.coder, self.buffer)
        return self.buffer[:end].tobytes() if end >= 0 else None


class Reading:
    """A stream that is being decoded."""

    encodes = False

    def __init__(self, stream: bytes) -> None:
        self.buffer = np.frombuffer(bytearray(stream), np.uint8)
        self.coder = binary.start_decoding(self.buffer)


def code_image(
    stream: Writing | Reading,
    model: PlaneModel,
    state: PlaneState,
    planes: Sequence[Plane],
    marks: Sequence[Marks],
    maximum: int,
    grid: int = 0,
) -> bool:
    """Code the last of an image's planes, samples 0 .. maximum; the state goes on, and so does the stream.

    Fills the last of ``marks`` and, when decoding, the plane. Whether that was possible: a stream that is written may
    become too long, one that is read may be broken.
    """
    plan, prediction = model.plan, model.plan.prediction
    around = surroundings(prediction.references, planes, marks, maximum)
    rows, width = planes[-1].shape
    contexts, lanes, adapts = len(model.contexts), state.mixers.shape[1], prediction.adapts_to(width)
    room = kernel.room_for(rows, width, contexts, lanes, adapts=adapts, recalls=plan.recalls)
    status: int = kernel.code_plane(
        stream.encodes,
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
        int(adapts),
        int(plan.recalls),
        maximum,
        prediction.shift,
        model.level_of,
        plan.low_bits,
        model.contexts,
        model.blocks,
        model.sets,
        state.counters,
        state.mixers,
        state.final,
        state.direct,
        stream.coder,
        stream.buffer,
        room,
    )
    if status != binary.OK:
        return False
    inside = (slice(bank.PAD, -1), slice(bank.PAD, -bank.PAD))
    marks[-1][:] = around.marks[0][inside]
    if not stream.encodes:
        planes[-1][:] = around.planes[0][inside]
    return True


def code_images(
    stream: Writing | Reading,
    model: PlaneModel,
    state: PlaneState,
    planes: Sequence[Plane],
    marks: Sequence[Marks],
    maximum: int,
    grid: int,
    image_rows: int,
) -> bool:
    """As ``code_image``, for images one below the other."""
    for top in range(0, len(planes[-1]), image_rows):
        rows = slice(top, top + image_rows)
        one = [plane[rows] for plane in planes]
        if not code_image(stream, model, state, one, [each[rows] for each in marks], maximum, grid):
            return False
    return True


def encode_plane(
    model: PlaneModel, planes: Sequence[Plane], marks: Sequence[Marks], maximum: int, grid: int, image_rows: int
) -> bytes:
    """The stream of the last plane, samples 0 .. maximum; the last of ``marks`` is filled."""
    size = 2 * planes[-1].size + 1024
    while True:
        writing = Writing(size)
        if code_images(writing, model, model.start.copy(), planes, marks, maximum, grid, image_rows):
            stream = writing.finish()
            if stream is not None:
                return stream
        size *= 4


def learn_plane(model: PlaneModel, planes: Sequence[Plane], marks: Sequence[Marks], maximum: int, grid: int) -> int:
    """Code the last plane of one image for what ``model.start`` learns from it. Returns the stream's length."""
    # Longer than any stream: learning cannot be taken back and begun anew.
    writing = Writing(64 * planes[-1].size + 1024)
    coded = code_image(writing, model, model.start, planes, marks, maximum, grid)
    stream = writing.finish()
    assert coded and stream is not None, "the buffer holds any stream"
    return len(stream)
