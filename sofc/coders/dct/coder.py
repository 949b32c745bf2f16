"""The dct coder: planes that a JPEG decoder made, as the coefficients that it made them from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sofc.coders.base import MAX_COUNTERS, Coder
from sofc.coders.dct import kernel, kernel_pixels, kernel_references
from sofc.coders.dct.kernel_prediction import (
    MEANS,
    ROWS,
    SIZES,
    Component,
    Predictor,
    weigh_predictors,
)
from sofc.coders.dct.model import ComponentModel
from sofc.coders.dct.section import unpack_model, unpack_plan
from sofc.coders.dct.terms import CONTEXTS
from sofc.entropy.binary import BROKEN, OK, Coding, Reader, Writer
from sofc.entropy.bit_models import NEUTRAL
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixture import MixingState
from sofc.entropy.sparse import decode_corrections, encode_sparse
from sofc.errors import FormatError, LimitError
from sofc.jpeg.dct import LARGEST, SIDE, SIZE, Coefficients, Grid
from sofc.jpeg.origin import STANDARD_TABLES, Origin, number_of, standard_table, values_of
from sofc.jpeg.recover import Recovered, recover_planes
from sofc.planes import Plane, PlaneRange

HEAD = 3
"""Bytes of a stream's head without a table."""
THICKEST, SPARE = 4, 1 << 16
"""Blocks may take so many times as much room as samples, and some more."""
RANGE = PlaneRange(0, LARGEST)


class DctCoder(Coder):
    """Codes component k with ``models[k]``: one, or luminance and two of colour; a correction as nearly all zeros.

    Only planes of one image with values of 0 to 255 are coded. ``recovered``: how the planes to be coded were made,
    where that is known; otherwise it is found out.
    """

    id = 5
    name = "dct"

    def __init__(self, models: Sequence[ComponentModel], recovered: Recovered | None = None) -> None:
        self.models = tuple(models)
        self.recovered = recovered

    @classmethod
    def from_sections(cls, sections: Sequence[bytes]) -> DctCoder:
        """Plans, then bit models, then weights, each one for every component. Raises FormatError."""
        if len(sections) not in (3, 9):
            raise FormatError(f"a DCT model has three sections for one or three components, not {len(sections)}")
        planes = len(sections) // 3
        plans = [unpack_plan(section) for section in sections[:planes]]
        if sum(int(plan.starts(len(CONTEXTS))[-1]) for plan in plans) * BLOCK > MAX_COUNTERS:
            raise LimitError(f"a DCT model has more than {MAX_COUNTERS} bit models")
        return cls(
            [unpack_model(*each) for each in zip(plans, sections[planes:], sections[2 * planes :], strict=False)]
        )

    @property
    def planes(self) -> int:
        """Planes that have models."""
        return len(self.models)

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane. The planes must come from a JPEG decoder."""
        found = self.recovered or find_coefficients(planes, ranges, image_rows, self.planes)
        assert found is not None, "ask before whether the planes can be coded"
        size = 4 * planes[0].size + 1024
        while True:
            writers = [Writer(size) for _ in self.models]
            status = _code(writers, self.models, found.origins, found.planes)
            assert status != BROKEN, "coefficients and samples lie in their ranges"
            streams = [writer.finish() for writer in writers]
            if status == OK and None not in streams:
                break
            size *= 4
        coded = [
            (_head(origin) + (stream or b"")).rstrip(b"\0")
            for origin, stream in zip(found.origins, streams, strict=True)
        ]
        return coded + [encode_sparse(plane) for plane in planes[self.planes :]]

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError on any stream that breaks the rules."""
        if len(ranges) < self.planes or not _is_suitable(ranges[: self.planes], (rows, width), image_rows):
            raise FormatError("a DCT model codes single images of 8 bits a sample that are not thin lines")
        heads = [_read_head(stream, rows, width) for stream in streams[: self.planes]]
        readers = [Reader(stream[size:]) for stream, (_, size) in zip(streams, heads, strict=False)]
        planes = [np.zeros((rows, width), np.int32) for _ in self.models]
        if _code(readers, self.models, [origin for origin, _ in heads], planes) != OK:
            raise FormatError("a stream of the DCT coder leads outside what coefficients or samples may be")
        most = [span.high for span in ranges[self.planes :]]
        return planes + decode_corrections(list(streams[self.planes :]), most, rows, width)


def find_coefficients(
    planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int, modelled: int
) -> Recovered | None:
    """How a JPEG decoder made the planes, of which the first ``modelled`` have models; None where none did."""
    if not _is_suitable(ranges[:modelled], planes[0].shape, image_rows):
        return None
    return recover_planes(planes, modelled)


def _is_suitable(ranges: Sequence[PlaneRange], shape: tuple[int, ...], image_rows: int) -> bool:
    """Spec dct/streams-and-state. Whether there is one image of 8 bits, and its blocks take not much more room than
    its samples do."""
    rows, width = shape
    is_thin = (rows + 3 * SIDE) * (width + 3 * SIDE) > THICKEST * rows * width + SPARE
    return image_rows == rows and all(span == RANGE for span in ranges) and not is_thin


def _head(origin: Origin) -> bytes:
    """Spec dct/streams-and-state. How the component was enlarged, its place in the grid, and its table: a number, or
    0 and the steps."""
    down, across, top, left = origin.grid
    number = number_of(origin.table)
    steps = b"" if number else bytes(origin.table.tolist())
    return bytes([(down - 1) | (across - 1) << 1, top | left << 4, number]) + steps


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
    return Origin.empty(Grid(down, across, top, left), table, (rows, width)), size


def _code(
    streams: Sequence[Coding], models: Sequence[ComponentModel], origins: Sequence[Origin], planes: Sequence[Plane]
) -> int:
    """Code all components and what their planes lack; decoding fills coefficients and planes. Returns OK, TOO_LONG or
    BROKEN."""
    rows, width = planes[0].shape
    before: list[Coefficients] = []
    corrections = np.zeros((rows + 1, width + 2), np.int32)
    for number, (stream, model, origin) in enumerate(zip(streams, models, origins, strict=True)):
        references = [referred(before[other], origins[other], origin) for other in range(number - 1, -1, -1)]
        component = component_of(origin, references)
        status = code_component(stream, model, model.start.copy(), component)
        if status != OK:
            return status
        before.append(component.values)
        others, corrections = corrections, np.zeros_like(corrections)
        place = origin.grid.top % SIDE, origin.grid.left % SIDE
        pixels = kernel_pixels.Pixels(planes[number], *origin.draw((rows, width)), corrections, others, *place)
        models_of_pixels = np.full(kernel_pixels.MODELS, NEUTRAL, np.uint32)
        status = kernel_pixels.code_pixels(stream.encodes, pixels, models_of_pixels, stream.stream)
        if status != OK:
            return status
    return OK


def referred(values: Coefficients, source: Origin, target: Origin) -> Coefficients:
    """Spec dct/references. The values of one component, with their border, as a reference for another, with a border of
    zeros. Only the ratios of the grids' ``down`` and of their ``across`` matter, which may be any.
    """
    if source.grid == target.grid:
        return values
    rows, columns, _ = target.coefficients.shape
    numbers = np.zeros((rows + 1, columns + 2, SIZE), np.int32)
    samples = np.zeros((SIDE * (values.shape[0] - 1), SIDE * (values.shape[1] - 2)), np.int32)
    work = np.zeros(kernel_references.WORK, np.int64)
    kernel_references.sample(values, samples, work)
    kernel_references.refer(samples, source.grid, target.grid, numbers, work)
    return numbers


def component_of(origin: Origin, references: Sequence[Coefficients]) -> Component:
    """A component as kernels take it; ``references``, nearest first: of each the values, with a border of zeros."""
    rows, columns, _ = origin.coefficients.shape
    values, tails, errors, nothing = (np.zeros((rows + 1, columns + 2, SIZE), np.int32) for _ in range(4))
    first, second = [*references, nothing, nothing][:2]
    return Component(origin.coefficients, values, tails, first, second, errors, origin.table)


def components_of(origins: Sequence[Origin]) -> Iterator[Component]:
    """The components of an image whose coefficients are all known."""
    values = [origin.values() for origin in origins]
    for number, origin in enumerate(origins):
        yield component_of(
            origin, [referred(values[other], origins[other], origin) for other in range(number - 1, -1, -1)]
        )


def code_component(stream: Coding, model: ComponentModel, state: MixingState, component: Component) -> int:
    """Code a component's coefficients by a state that goes on learning. Returns OK, TOO_LONG or BROKEN."""
    coding = kernel.Coding(state.mixture, state.probabilities, stream.stream)
    scratch = kernel.scratch_for(state.contexts, state.mixture.weights.shape[1], model.sets)
    predictor = model.plan.predictor
    number = best_predictor(component, predictor) if stream.encodes else 0
    return kernel.code_blocks(stream.encodes, component, predictor, number, model.contexts, coding, scratch)


def best_predictor(component: Component, predictor: Predictor) -> int:
    """The number of the predictor that makes the coefficients of a component cost least."""
    count = len(predictor.means) // ROWS
    if count == 1:
        return 0
    costs = np.zeros(count, np.int64)
    known = component._replace(values=values_of(component.coefficients, component.table))
    weigh_predictors(known, predictor, np.zeros(MEANS, np.int32), np.zeros(SIZES, np.int32), costs)
    return int(costs.argmin())
