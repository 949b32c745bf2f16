"""The interleaved coder: trained prediction and tables, three stripes of a plane decoded side by side.

A plane's stream has the images of a group one after the other, in one sequence of bits, the first one lowest: zeros up
to a one, so that the last bit ends a byte; three states; what samples take. In
front of plane 0's stands one byte, the place of the first sample in the 8 x 8 grid (row * 8 + column), where any plane
has the grid map; then the margins, which all planes share: their size and so many bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.coders.gridded import GridCoder
from sofc.coders.interleaved import kernel
from sofc.coders.interleaved.kernel_tokens import CELLS, FIRST_STATE, LANES, SCALE_BITS, Coded, write_images
from sofc.coders.interleaved.margins import (
    SIZE_BYTES,
    Margins,
    find_margins,
    may_have_margins,
    no_margins,
    pack_margins,
    unpack_margins,
)
from sofc.coders.interleaved.model import PlaneModel, Prediction, largest_for, middle, type_of_sums
from sofc.coders.interleaved.section import unpack_plan
from sofc.entropy.binary import OK
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange


class InterleavedCoder(GridCoder[PlaneModel]):
    """Codes planes in three stripes side by side."""

    id = 7
    name = "interleaved"
    finds_margins = True

    @classmethod
    def from_sections(cls, sections: Sequence[bytes]) -> InterleavedCoder:
        """One section for each plane. Raises FormatError."""
        if not sections:
            raise FormatError("an interleaved model has at least one section")
        return cls([unpack_plan(section, plane) for plane, section in enumerate(sections)])

    def for_tiles_of(self, image_rows: int, width: int) -> InterleavedCoder:
        """Large images have no margins, though tiles of one colour look as if."""
        if may_have_margins(image_rows, width):
            return self
        coder = copy(self)
        coder.finds_margins = False
        return coder

    @property
    def uses_grid(self) -> bool:
        """Whether any bank has the grid map."""
        return any(model.prediction.class_map == kernel.GRID for model in self.models)

    @cached_property
    def referred(self) -> set[int]:
        """Planes that others are predicted from."""
        return {number for model in self.models for number in model.prediction.references}

    def encode_planes(
        self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int, grid: int
    ) -> list[bytes]:
        """One stream for each plane."""
        streams: list[bytes] = []
        frames: list[kernel.Frame] = []
        room: kernel.Traced | None = None
        margins = find_margins(planes, image_rows) if self.finds_margins else None
        packed = None if margins is None else pack_margins(margins, ranges)
        if margins is None or packed is None:
            margins, packed = no_margins(len(planes), len(planes[0])), bytes(SIZE_BYTES)
        for model, plane, span in zip(self.models, planes, ranges, strict=False):
            largest = largest_for(model.prediction, span, ranges)
            frame = frame_of(plane, span, largest, model.prediction, frames, image_rows, margins)
            room = room or room_for(frame, with_expected=False)
            traced = trace_plane(frame, model.predictor(grid, span, largest), model.contexts, room)
            streams.append(stream_of(model, traced, frame))
            frames.append(frame)
        streams[0] = packed + streams[0]
        return streams

    def decode_planes(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], shape: tuple[int, int], image_rows: int, grid: int
    ) -> list[Plane]:
        """The planes again, of the type of sums. Raises FormatError where a stream breaks the rules."""
        packed, first = _margins_apart(streams[0])
        margins = unpack_margins(packed, ranges, *shape) if packed else no_margins(len(streams), shape[0])
        readers = list(map(_Reader, [first, *streams[1:]]))
        planes: list[Plane] = []
        frames: list[kernel.Frame] = []
        for model, span, reader in zip(self.models, ranges, readers, strict=True):
            largest = largest_for(model.prediction, span, ranges)
            predictor = model.predictor(grid, span, largest)
            spent = None if len(frames) - 1 in self.referred else frames[-1] if frames else None
            frame = _empty_frame(span, image_rows, shape[1], largest, model.prediction, frames, margins, spent)
            plane = np.empty(shape, frame.samples.dtype)
            coded = model.tables, reader.pairs, reader.states
            if _decode_plane(frame, plane.reshape(-1), predictor, scratch_for(frame), *coded) != OK:
                raise FormatError("a stream of the interleaved coder leads outside the plane's range or its own end")
            reader.finish()
            if predictor.middle != middle(span):  # what sums are of is too narrow for samples with it
                plane = plane + np.int32(middle(span))
            planes.append(plane)
            frames.append(frame)
        return planes


def _decode_plane(*arguments: Any) -> int:
    """``kernel.decode``, where sums wrap around on purpose: interpreted kernels would warn."""
    with np.errstate(over="ignore"):
        return int(kernel.decode(*arguments))


def _empty_frame(
    span: PlaneRange,
    image_rows: int,
    width: int,
    largest: int,
    prediction: Prediction,
    frames: Sequence[kernel.Frame],
    margins: Margins,
    spent: kernel.Frame | None = None,
) -> kernel.Frame:
    """A plane to fill, after those of the same images that came before it; ``largest``: the sample that it or a
    reference of it may have; ``spent``: one that nothing refers to any more, whose memory it may have."""
    rows = len(margins.columns)
    dtype = type_of_sums(largest, prediction.fraction)
    stride = kernel.stride_of(width)
    if spent is not None and spent.samples.dtype == dtype:
        samples, errors = spent.samples, spent.errors
    else:
        samples, errors = np.empty(rows * stride, dtype), np.empty(rows * stride, np.uint8)
    references = [frames[number] for number in prediction.references]
    pairs = [(one.samples.astype(dtype, copy=False), one.errors) for one in references]
    # The plane stands itself in for a missing reference.
    first, second = [*pairs, (samples, errors), (samples, errors)][:2]
    blank = margins.blank[len(frames)] - middle(span)
    return kernel.Frame(
        samples, errors, *first, second[0], rows, image_rows, width, stride, margins.columns.reshape(-1), blank
    )


def frame_of(
    plane: Plane,
    span: PlaneRange,
    largest: int,
    prediction: Prediction,
    frames: Sequence[kernel.Frame],
    image_rows: int | None = None,
    margins: Margins | None = None,
) -> kernel.Frame:
    """The same of a plane that is known, of one image unless ``image_rows`` are said, without margins unless they
    are."""
    rows, width = plane.shape
    margins = margins or no_margins(len(frames) + 1, rows)
    frame = _empty_frame(span, image_rows or rows, width, largest, prediction, frames, margins)
    kernel.lay_out(np.require(plane, np.int32, ["C", "W"]).reshape(-1), middle(span), frame)
    return frame


def inside(frame: kernel.Frame) -> npt.NDArray[np.int16] | npt.NDArray[np.int32]:
    """The samples of a frame without what stands beside them."""
    return frame.samples.reshape(-1, frame.stride)[:, kernel.LEFT : kernel.LEFT + frame.width]


def scratch_for(frame: kernel.Frame) -> npt.NDArray[np.int16] | npt.NDArray[np.int32]:
    """What kernels work in."""
    return np.zeros(kernel.SCRATCH, frame.samples.dtype)


CELL_BY_CELL = np.arange(CELLS, dtype=np.uint8)
"""Each cell as a context of its own."""


def trace_plane(
    frame: kernel.Frame,
    predictor: kernel.Predictor,
    contexts: npt.NDArray[np.uint8] = CELL_BY_CELL,
    room: kernel.Traced | None = None,
) -> kernel.Traced:
    """What the samples of a known plane are coded as; fills the frame's errors. ``contexts`` (CELLS,): of each cell.

    ``room``: where it is to be put, the same for all planes of a size.
    """
    room, size = room or room_for(frame), frame.rows * frame.width
    with np.errstate(over="ignore"):  # sums wrap around on purpose: interpreted kernels would warn
        kernel.trace(frame, predictor, contexts, scratch_for(frame), room)
    return kernel.Traced(room.residuals[:size], room.symbols[:size], room.expected[:size])


def room_for(frame: kernel.Frame, *, with_expected: bool = True) -> kernel.Traced:
    """For what the samples of a plane are coded as, and for the rest of the last row's last block."""
    size = frame.rows * frame.width + kernel.BLOCK
    return kernel.Traced(
        np.empty(size, np.int32), np.empty(size, np.uint16), np.empty(size if with_expected else 0, np.int16)
    )


def stream_of(model: PlaneModel, traced: kernel.Traced, frame: kernel.Frame) -> bytes:
    """The stream of a plane of all images, without margins."""
    words = np.empty(2 * traced.residuals.size + 2, np.uint32)
    states = np.array([FIRST_STATE] * LANES + [0, 0, words.size], np.int64)
    write_images(
        Coded(traced.residuals, traced.symbols, frame.margins, frame.width),
        frame.image_rows,
        model.codes,
        words,
        states,
    )
    *lanes, bits, count, place = states.tolist()
    for state in reversed(lanes):
        bits, count = bits << SCALE_BITS | state - FIRST_STATE, count + SCALE_BITS
    size = count // 8 + 1
    head = (bits << 1 | 1) << (8 * size - 1 - count)
    return bytes(head.to_bytes(size, "little") + words[place:].astype("<u4").tobytes())


def _margins_apart(stream: bytes) -> tuple[bytes, bytes]:
    """The margins of the first plane's stream, empty if there are none, and what follows them."""
    end = SIZE_BYTES + int.from_bytes(stream[:SIZE_BYTES], "little")
    return stream[SIZE_BYTES:end], stream[end:]


class _Reader:
    """A stream that is read. ``states`` (4,), of the lanes and how many bits were taken, goes on from image to
    image."""

    def __init__(self, data: bytes) -> None:
        """Raises FormatError."""
        head = int.from_bytes(data[:8], "little")
        start = (head & -head).bit_length()
        if not 1 <= start <= 8:
            raise FormatError("a stream of the interleaved coder does not say where it begins")
        lanes = [(head >> (start + lane * SCALE_BITS)) % FIRST_STATE + FIRST_STATE for lane in range(LANES)]
        self.states = np.array([*lanes, start + LANES * SCALE_BITS], np.int64)
        self.size = len(data)
        pairs = len(data) // 4 + kernel.SPAN_PAIRS + 2
        words = data.ljust(4 * (pairs + 1), b"\0")
        self.pairs = np.ndarray(pairs, "<i8", words, strides=(4,)).astype(np.int64)  # of each word and the next one

    def finish(self) -> None:
        """The states must be back where encoding began, and all bits taken. Raises FormatError."""
        if self.states.tolist() != [FIRST_STATE] * LANES + [8 * self.size]:
            raise FormatError("a stream of the interleaved coder does not end where it should")
