"""The interleaved coder: trained prediction and tables, three stripes of a plane decoded side by side.

A plane's stream has the images of a group one after the other: three states (8 bytes each, little-endian), then words
(4 bytes each, little-endian); zero bytes at its end are left out. In front of plane 0's stands one byte, the place of
the first sample in the 8 x 8 grid (row * 8 + column), where any plane has the grid map.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.coders.gridded import GridCoder
from sofc.coders.interleaved import kernel
from sofc.coders.interleaved.grid import find_grid
from sofc.coders.interleaved.kernel_tokens import LANES, LOW, WORD_BITS, write_images
from sofc.coders.interleaved.model import PlaneModel, Prediction, largest_for, middle, type_of_sums
from sofc.coders.interleaved.section import unpack_plan
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange

_STATES = struct.Struct(f"<{LANES}Q")
HEAD = _STATES.size


class InterleavedCoder(GridCoder[PlaneModel]):
    """Codes planes in three stripes side by side."""

    id = 7
    name = "interleaved"

    @classmethod
    def from_sections(cls, sections: Sequence[bytes]) -> InterleavedCoder:
        """One section for each plane. Raises FormatError."""
        if not sections:
            raise FormatError("an interleaved model has at least one section")
        return cls([unpack_plan(section, plane) for plane, section in enumerate(sections)])

    @property
    def uses_grid(self) -> bool:
        """Whether any bank has the grid map."""
        return any(model.prediction.class_map == kernel.GRID for model in self.models)

    def find_grid(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> int:
        """The place that the first image's samples tell."""
        return find_grid([plane[:image_rows] for plane in planes])

    def encode_planes(
        self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int, grid: int
    ) -> list[bytes]:
        """One stream for each plane."""
        streams: list[bytes] = []
        frames: list[kernel.Frame] = []
        traced: kernel.Traced | None = None
        for model, plane, span in zip(self.models, planes, ranges, strict=False):
            largest = largest_for(model.prediction, span, ranges)
            frame = frame_of(plane, span, largest, model.prediction, frames, image_rows)
            traced = trace_plane(frame, model.predictor(grid, span, largest), traced)
            streams.append(stream_of(model, traced, frame))
            frames.append(frame)
        return streams

    def decode_planes(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], shape: tuple[int, int], image_rows: int, grid: int
    ) -> list[Plane]:
        """The planes again, of the type of sums. Raises FormatError where a stream breaks the rules."""
        readers = [_Reader(stream) for stream in streams]
        planes: list[Plane] = []
        frames: list[kernel.Frame] = []
        for model, span, reader in zip(self.models, ranges, readers, strict=True):
            largest = largest_for(model.prediction, span, ranges)
            predictor = model.predictor(grid, span, largest)
            frame = _empty_frame(shape, image_rows, largest, model.prediction, frames)
            plane = np.empty(shape, frame.samples.dtype)
            coded = model.distributions, reader.words, reader.states
            if _decode_plane(frame, plane.reshape(-1), predictor, scratch_for(frame), *coded) != kernel.OK:
                raise FormatError("a stream of the interleaved coder leads outside the plane's range")
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
    shape: tuple[int, int], image_rows: int, largest: int, prediction: Prediction, frames: Sequence[kernel.Frame]
) -> kernel.Frame:
    """A plane to fill, after those of the same images that came before it; ``largest``: the sample that it or a
    reference of it may have."""
    rows, width = shape
    dtype = type_of_sums(largest, prediction.fraction)
    stride = kernel.stride_of(width)
    samples = np.empty(rows * stride, dtype)
    errors = np.empty(samples.shape, np.uint8)
    references = [frames[number] for number in prediction.references]
    pairs = [(one.samples.astype(dtype, copy=False), one.errors) for one in references]
    # The plane stands itself in for a missing reference.
    first, second = [*pairs, (samples, errors), (samples, errors)][:2]
    return kernel.Frame(samples, errors, *first, second[0], rows, image_rows, width, stride)


def frame_of(
    plane: Plane,
    span: PlaneRange,
    largest: int,
    prediction: Prediction,
    frames: Sequence[kernel.Frame],
    image_rows: int | None = None,
) -> kernel.Frame:
    """The same of a plane that is known, of one image unless ``image_rows`` are said."""
    rows, width = plane.shape
    frame = _empty_frame((rows, width), image_rows or rows, largest, prediction, frames)
    np.subtract(plane, np.int32(middle(span)), out=inside(frame), casting="unsafe")
    frame.samples.reshape(-1, frame.stride)[:, kernel.LEFT + frame.width :] = 0
    return frame


def inside(frame: kernel.Frame) -> npt.NDArray[np.int16] | npt.NDArray[np.int32]:
    """The samples of a frame without what stands beside them."""
    return frame.samples.reshape(-1, frame.stride)[:, kernel.LEFT : kernel.LEFT + frame.width]


def scratch_for(frame: kernel.Frame) -> npt.NDArray[np.int16] | npt.NDArray[np.int32]:
    """What kernels work in."""
    return np.zeros(kernel.SCRATCH, frame.samples.dtype)


def trace_plane(frame: kernel.Frame, predictor: kernel.Predictor, room: kernel.Traced | None = None) -> kernel.Traced:
    """What the samples of a known plane are coded as; fills the frame's errors.

    ``room``: what another plane of the size gave, to be filled anew, as new pages take longer than what fills them.
    """
    size = frame.rows * frame.width
    traced = room or kernel.Traced(np.empty(size, np.int32), np.empty(size, np.uint8), np.empty(size, np.int16))
    with np.errstate(over="ignore"):  # sums wrap around on purpose: interpreted kernels would warn
        kernel.trace(frame, predictor, scratch_for(frame), traced)
    return traced


def stream_of(model: PlaneModel, traced: kernel.Traced, frame: kernel.Frame) -> bytes:
    """The stream of a plane of all images."""
    words = np.empty(2 * traced.residuals.size + 1, np.uint32)
    states = np.array([LOW] * LANES + [words.size], np.int64)
    write_images(traced.residuals, traced.cells, frame.width, frame.image_rows, model.distributions, words, states)
    return (states[:LANES].astype("<i8").tobytes() + words[states[LANES] :].astype("<u4").tobytes()).rstrip(b"\0")


class _Reader:
    """A stream that is read. ``states`` (4,), of the lanes and how many words were taken, goes on from image to
    image."""

    def __init__(self, data: bytes) -> None:
        """Raises FormatError."""
        content = bytearray(data) + bytes(max(HEAD - len(data), -len(data) % 4))
        states = _STATES.unpack_from(content)
        if min(states) < LOW or max(states) >= LOW << WORD_BITS:
            raise FormatError("a stream of the interleaved coder begins with a state out of range")
        self.states = np.array([*states, 0], np.int64)
        self.words = np.frombuffer(content, "<u4", offset=HEAD).astype(np.uint32, copy=False)

    def finish(self) -> None:
        """The states must be back where encoding began. Raises FormatError."""
        if (self.states[:LANES] != LOW).any() or self.states[LANES] < self.words.size:
            raise FormatError("a stream of the interleaved coder does not end where it should")
