"""The context coder: a trained predictor bank, then context mixing of the residuals from a trained start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.base import MAX_COUNTERS, Coder, Plane, PlaneRange
from sofc.coders.context.plan import PlanePlan, PlaneState
from sofc.coders.context.section import unpack_counters, unpack_mixers, unpack_plan
from sofc.coders.sparse import decode_sparse, encode_sparse
from sofc.errors import FormatError, LimitError
from sofc.kernels import bank, binary, mixing


@dataclass(frozen=True, eq=False)
class PlaneModel:
    """One plane at one effort: its plan, the weight sets averaged, and the state that a band starts from."""

    plan: PlanePlan
    sets: int
    start: PlaneState

    @property
    def contexts(self) -> npt.NDArray[np.int64]:
        """The contexts that this effort uses: the first of the plan's."""
        return self.plan.contexts[: len(self.start.counters)]


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
            sets, mixers = unpack_mixers(sections[2 * planes + plane])
            used = mixers.shape[1] - 1
            if used > len(plan.contexts):
                raise FormatError("the mixers of a context model use more contexts than it has")
            counters += used << plan.slot_bits
            if counters > MAX_COUNTERS:
                raise LimitError(f"a context model has more than {MAX_COUNTERS} counters")
            start = PlaneState.neutral(used, plan.slot_bits)
            start.counters = unpack_counters(sections[planes + plane], len(plan.contexts), used, plan.slot_bits)
            start.mixers = mixers
            models.append(PlaneModel(plan, sets, start))
        return cls(models)

    @property
    def planes(self) -> int:
        """Planes that have models."""
        return len(self.models)

    @property
    def _uses_grid(self) -> bool:
        return any(model.plan.class_map == bank.GRID for model in self.models)

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane; that of plane 0 begins with the place of its first sample in the grid, if any."""
        shifted = [plane - np.int32(span.low) for plane, span in zip(planes, ranges, strict=True)]
        grid = find_grid(shifted[0], self.models[0], ranges[0], image_rows) if self._uses_grid else 0
        streams = []
        for number, model in enumerate(self.models):
            maximum = ranges[number].high - ranges[number].low
            streams.append(encode_plane(model, number, shifted, maximum, grid, image_rows, model.start.copy()))
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
        for number, model in enumerate(self.models):
            maximum = ranges[number].high - ranges[number].low
            shifted.append(np.zeros((rows, width), np.int32))
            _decode_plane(model, number, shifted, maximum, grid, image_rows, streams[number])
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
    plan = model.plan
    if plan.class_map != bank.GRID or image.size < 4096:
        return 0
    padded = bank.padded(image, (maximum + 1) // 2, edges=True)
    totals = np.zeros(64, np.int64)
    stride = max(1, image.size // 8192) | 1
    bank.grid_errors(padded, plan.thresholds, plan.weights, maximum, stride, totals)
    return int(totals.argmin())


def padded_references(
    plan: PlanePlan, planes: Sequence[Plane], rows: slice, own: npt.NDArray[np.int32]
) -> list[npt.NDArray[np.int32]]:
    """The two reference planes as the kernels take them; the plane itself stands in for a missing one."""
    found = [bank.padded(planes[number][rows], 0, edges=True) for number in plan.references]
    return [*found, own, own][:2]


def encode_plane(
    model: PlaneModel,
    number: int,
    planes: Sequence[Plane],
    maximum: int,
    grid: int,
    image_rows: int,
    state: PlaneState,
) -> bytes:
    """The stream of plane ``number``, samples 0 .. maximum; ``state`` learns."""
    size = 2 * planes[number].size + 1024
    while True:
        buffer = np.zeros(size, np.uint8)
        attempt = state.copy()
        coder = np.array([0, binary.WORD, 0, 0], np.int64)
        if _run(True, model, number, planes, maximum, grid, image_rows, attempt, coder, buffer) == binary.OK:
            end = binary.finish_encoding(coder, buffer)
            if end >= 0:
                state.counters, state.mixers, state.final, state.direct = (
                    attempt.counters,
                    attempt.mixers,
                    attempt.final,
                    attempt.direct,
                )
                return buffer[:end].tobytes()
        size *= 4


def _decode_plane(
    model: PlaneModel,
    number: int,
    planes: Sequence[Plane],
    maximum: int,
    grid: int,
    image_rows: int,
    stream: bytes,
) -> None:
    buffer = np.frombuffer(bytearray(stream), np.uint8)
    coder = np.zeros(4, np.int64)
    binary.start_decoding(coder, buffer)
    state = model.start.copy()
    if _run(False, model, number, planes, maximum, grid, image_rows, state, coder, buffer) != binary.OK:
        raise FormatError("a stream of the context coder leads outside the plane's range")


def _run(
    encode: bool,
    model: PlaneModel,
    number: int,
    planes: Sequence[Plane],
    maximum: int,
    grid: int,
    image_rows: int,
    state: PlaneState,
    coder: npt.NDArray[np.int64],
    buffer: npt.NDArray[np.uint8],
) -> int:
    """Code plane ``number`` image by image; returns the kernel's status."""
    plan = model.plan
    plane = planes[number]
    for top in range(0, len(plane), image_rows):
        rows = slice(top, top + image_rows)
        own = bank.padded(plane[rows], (maximum + 1) // 2, edges=False)
        first, second = padded_references(plan, planes, rows, own)
        status: int = mixing.code_plane(
            encode,
            own,
            first,
            second,
            len(plan.references),
            plan.class_map,
            grid >> 3,
            grid & 7,
            plan.thresholds,
            plan.weights,
            maximum,
            plan.shift,
            plan.levels,
            plan.low_bits,
            model.contexts,
            model.sets,
            state.counters,
            state.mixers,
            state.final,
            state.direct,
            np.zeros_like(own),
            coder,
            buffer,
        )
        if status != binary.OK:
            return status
        if not encode:
            plane[rows] = own[bank.PAD : -1, bank.PAD : -bank.PAD]
    return binary.OK
