"""The DCT coder: planes that a JPEG decoder made, as the coefficients that it made them from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sofc.coders.base import MAX_COUNTERS, Coder
from sofc.coders.dct import kernel
from sofc.coders.dct.plan import CONTEXTS, GROUPS, ComponentModel
from sofc.coders.dct.section import model_of, unpack_plan
from sofc.entropy import binary
from sofc.entropy.binary import Reader, Writer
from sofc.entropy.bit_models import NEUTRAL
from sofc.entropy.contexts import BLOCK, Contexts
from sofc.entropy.mixture import MixingState
from sofc.entropy.sparse import decode_sparse, encode_sparse
from sofc.errors import FormatError, LimitError
from sofc.jpeg.dct import LARGEST, SIDE, SIZE, Coefficients
from sofc.jpeg.origin import STANDARD_TABLES, Origin, number_of, standard_table
from sofc.jpeg.recover import recover_planes
from sofc.planes import Plane, PlaneRange

HEAD = 3
THICKEST, SPARE = 4, 1 << 16
RANGE = PlaneRange(0, LARGEST)


class DctCoder(Coder):
    """Codes component k with ``models[k]``: one, or luminance and two of colour; a correction as nearly all zeros.

    Only planes of one image with values of 0 to 255 are coded.
    """

    id = 5
    name = "dct"

    def __init__(self, models: Sequence[ComponentModel]) -> None:
        self.models = tuple(models)

    @classmethod
    def from_sections(cls, sections: Sequence[bytes]) -> DctCoder:
        """Plans, then counters, then mixers, each one for every component. Raises FormatError."""
        if len(sections) not in (3, 9):
            raise FormatError(f"a DCT model has three sections for one or three components, not {len(sections)}")
        planes = len(sections) // 3
        plans = [unpack_plan(section) for section in sections[:planes]]
        if sum(int(plan.blocks(len(CONTEXTS))[-1]) for plan in plans) * BLOCK > MAX_COUNTERS:
            raise LimitError(f"a DCT model has more than {MAX_COUNTERS} counters")
        return cls(
            [
                model_of(plan, sections[planes + number], sections[2 * planes + number])
                for number, plan in enumerate(plans)
            ]
        )

    @property
    def planes(self) -> int:
        """Planes that have models."""
        return len(self.models)

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane. The planes must come from a JPEG decoder."""
        found = trace(planes, ranges, image_rows, self.planes)
        assert found is not None, "ask before whether the planes can be coded"
        return Traced(self.models, found).encode(planes, ranges, image_rows)

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError on any stream that breaks the rules."""
        if (
            image_rows != rows
            or len(ranges) < self.planes
            or any(span != RANGE for span in ranges[: self.planes])
            or is_thin(rows, width)
        ):
            raise FormatError("a DCT model codes single images of 8 bits a sample that are not thin lines")
        reading: list[Reader] = []
        origins: list[Origin] = []
        for stream in streams[: self.planes]:
            origin, size = _read_head(stream, rows, width)
            origins.append(origin)
            reading.append(Reader(stream[size:]))
        planes = [np.zeros((rows, width), np.int32) for _ in self.models]
        if _code(reading, self.models, origins, planes) != binary.OK:
            raise FormatError("a stream of the DCT coder leads outside what coefficients or samples may be")
        for stream, span in list(zip(streams, ranges, strict=True))[self.planes :]:
            plane = decode_sparse(stream, rows, width)
            if int(plane.max()) > span.high:
                raise FormatError("a correction lies outside its range")
            planes.append(plane)
        return planes


class Trace(NamedTuple):
    """How a JPEG decoder made planes, as ``recover_planes`` gives it: ``share`` of the samples comes out of the
    coefficients alone."""

    origins: Sequence[Origin]
    planes: Sequence[Plane]
    share: float


def trace(planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int, modelled: int) -> Trace | None:
    """How a JPEG decoder made the planes, of which the first ``modelled`` have models; None where none did."""
    rows, width = planes[0].shape
    if image_rows != rows or any(span != RANGE for span in ranges[:modelled]) or is_thin(rows, width):
        return None
    found = recover_planes(planes, modelled)
    return None if found is None else Trace(*found)


@dataclass(frozen=True, eq=False)
class Traced(Coder):
    """Codes planes of which it is known how a JPEG decoder made them."""

    models: tuple[ComponentModel, ...]
    found: Trace

    id = DctCoder.id
    name = DctCoder.name

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane, whatever stands in ``planes`` but corrections."""
        size = 4 * planes[0].size + 1024
        while True:
            writing = [Writer(size) for _ in self.models]
            status = _code(writing, self.models, self.found.origins, self.found.planes)
            assert status != binary.BROKEN, "coefficients and samples lie in their ranges"
            streams = [stream.finish() for stream in writing]
            if status == binary.OK and None not in streams:
                break
            size *= 4
        coded = [
            (_head(origin) + stream).rstrip(b"\0")
            for origin, stream in zip(self.found.origins, streams, strict=True)
            if stream is not None
        ]
        return coded + [encode_sparse(plane) for plane in planes[len(self.models) :]]

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """As DctCoder."""
        return DctCoder(self.models).decode(streams, ranges, rows, width, image_rows)


def is_thin(rows: int, width: int) -> bool:
    """Whether blocks would take much more room than the samples do."""
    return (rows + 3 * SIDE) * (width + 3 * SIDE) > THICKEST * rows * width + SPARE


def _head(origin: Origin) -> bytes:
    """How the component was enlarged, its place in the grid, and its table: a number, or 0 and the steps."""
    flags = (origin.down - 1) | (origin.across - 1) << 1
    number = number_of(origin.table)
    steps = b"" if number else bytes(origin.table.tolist())
    return bytes([flags, origin.top | origin.left << 4, number]) + steps


def _read_head(stream: bytes, rows: int, width: int) -> tuple[Origin, int]:
    """An origin without coefficients, and the size of the head. Raises FormatError."""
    flags, place, number = stream[:HEAD].ljust(HEAD, b"\0")
    down, across, top, left = (flags & 1) + 1, (flags >> 1) + 1, place & 15, place >> 4
    if across > 2 or top >= SIDE * down or left >= SIDE * across or number > STANDARD_TABLES:
        raise FormatError("the head of a DCT stream is out of range")
    size = HEAD
    if number:
        table = standard_table(number)
    else:
        size += SIZE
        table = np.frombuffer(stream[HEAD:size].ljust(SIZE, b"\0"), np.uint8).astype(np.int64)
        if not table.all():
            raise FormatError("a step of a DCT stream is 0")
    origin = Origin(down, across, top, left, table, np.zeros((0, 0, SIZE), np.int32))
    return origin.emptied(rows, width), size


def _code(
    streams: Sequence[Writer] | Sequence[Reader],
    models: Sequence[ComponentModel],
    origins: Sequence[Origin],
    planes: Sequence[Plane],
) -> int:
    """Code all components and what their planes lack; decoding fills coefficients and planes. Returns OK, TOO_LONG or
    BROKEN."""
    rows, width = planes[0].shape
    before: list[Coefficients] = []
    lacks = np.zeros((rows + 1, width + 2), np.int32)
    for number, (model, origin) in enumerate(zip(models, origins, strict=True)):
        stream = streams[number]
        references = [referred(before[other], origins[other], origin) for other in range(number - 1, -1, -1)]
        values, status = code_component(stream, model, model.start.copy(), origin, references)
        if status != binary.OK:
            return status
        before.append(values)
        drawn, fractions = origin.draw(rows, width)
        others, lacks = lacks, np.zeros_like(lacks)
        status = kernel.code_lacks(
            stream.encodes,
            planes[number],
            drawn,
            fractions,
            lacks,
            others,
            origin.top % SIDE,
            origin.left % SIDE,
            LARGEST,
            np.full(kernel.LACK_PLACES, NEUTRAL, np.uint32),
            stream.stream,
        )
        if status != binary.OK:
            return status
    return binary.OK


def referred(values: Coefficients, source: Origin, target: Origin) -> Coefficients:
    """The coefficients of one component as references for another, with a border of zeros: means where there are more.

    All zeros where their grids do not go together.
    """
    if source.grid == target.grid:
        return values
    rows, columns, _ = target.coefficients.shape
    result = np.zeros((rows + 1, columns + 2, SIZE), np.int32)
    if source.is_enlarged or (target.top % SIDE, target.left % SIDE) != (source.top, source.left):
        return result
    total = np.zeros((rows * target.down, columns * target.across, SIZE), np.int64)
    first_row, first_column = target.top // SIDE, target.left // SIDE
    inner = values[1:, 1:-1]
    total[first_row : first_row + len(inner), first_column : first_column + inner.shape[1]] = inner
    sums = total.reshape(rows, target.down, columns, target.across, SIZE).sum(axis=(1, 3))
    result[1:, 1:-1] = sums // (target.down * target.across)
    return result


def all_references(origins: Sequence[Origin]) -> Iterator[list[Coefficients]]:
    """The references of each component, nearest first."""
    values = [origin.values() for origin in origins]
    for number, origin in enumerate(origins):
        yield [referred(values[other], origins[other], origin) for other in range(number - 1, -1, -1)]


def code_component(
    stream: Writer | Reader,
    model: ComponentModel,
    state: MixingState,
    origin: Origin,
    references: Sequence[Coefficients],
) -> tuple[Coefficients, int]:
    """Code a component's coefficients; decoding fills them. Returns them times their steps, with a border of zeros, and
    OK, TOO_LONG or BROKEN."""
    rows, columns, _ = origin.coefficients.shape
    values = np.zeros((rows + 1, columns + 2, SIZE), np.int32)
    nothing = np.zeros_like(values)
    first, second = [*references, nothing, nothing][:2]
    status: int = kernel.code_blocks(
        stream.encodes,
        origin.coefficients,
        values,
        np.zeros_like(values),
        first,
        second,
        origin.table,
        model.plan.mean_weights.astype(np.int32),
        model.plan.size_weights.astype(np.int32),
        Contexts(np.ascontiguousarray(CONTEXTS[: model.contexts]), model.blocks),
        Contexts(np.ascontiguousarray(GROUPS[: model.contexts]), model.blocks),
        state.mixture,
        state.probabilities,
        stream.stream,
        kernel.room_for(model.contexts, state.mixture.weights.shape[1], model.sets),
    )
    return values, status
