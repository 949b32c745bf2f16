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

from sofc.coders.gridded import GridCoder
from sofc.coders.interleaved import kernel
from sofc.coders.interleaved.frames import Frames, room_for, scratch_for, trace_plane
from sofc.coders.interleaved.kernel_tokens import FIRST_STATE, LANES, SCALE_BITS, Coded, write_images
from sofc.coders.interleaved.margins import (
    SIZE_BYTES,
    find_margins,
    may_have_margins,
    no_margins,
    pack_margins,
    unpack_margins,
)
from sofc.coders.interleaved.model import PlaneModel, largest_for, middle
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
        room: kernel.Traced | None = None
        margins = find_margins(planes, image_rows) if self.finds_margins else None
        packed = None if margins is None else pack_margins(margins, ranges)
        if margins is None or packed is None:
            margins, packed = no_margins(len(planes), len(planes[0])), bytes(SIZE_BYTES)
        frames = Frames(margins, planes[0].shape[1], image_rows)
        for model, plane, span in zip(self.models, planes, ranges, strict=False):
            largest = largest_for(model.prediction, span, ranges)
            frame = frames.known(plane, span, largest, model.prediction)
            if room is None or room.residuals.dtype != frame.samples.dtype:
                room = room_for(frame, with_expected=False)
            traced = trace_plane(frame, model.predictor(grid, span, largest), room)
            streams.append(stream_of(model, traced, frame))
            frames.add(frame)
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
        frames = Frames(margins, shape[1], image_rows)
        for model, span, reader in zip(self.models, ranges, readers, strict=True):
            largest = largest_for(model.prediction, span, ranges)
            predictor = model.predictor(grid, span, largest)
            may_spend = len(planes) - 1 not in self.referred
            frame = frames.empty(span, largest, model.prediction, may_spend=may_spend)
            plane = np.empty(shape, frame.samples.dtype)
            coded = model.tables, reader.pairs, reader.states
            if _decode_plane(frame, plane.reshape(-1), predictor, scratch_for(frame), *coded) != OK:
                raise FormatError("a stream of the interleaved coder leads outside the plane's range or its own end")
            reader.finish()
            if predictor.middle != middle(span):  # what sums are of is too narrow for samples with it
                plane = plane + np.int32(middle(span))
            planes.append(plane)
            frames.add(frame)
        return planes


def _decode_plane(*arguments: Any) -> int:
    """``kernel.decode``, where sums wrap around on purpose: interpreted kernels would warn."""
    with np.errstate(over="ignore"):
        return int(kernel.decode(*arguments))


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
