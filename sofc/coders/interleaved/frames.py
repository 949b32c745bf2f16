"""The planes of images as kernels take them: frames, one after the other, and what the samples of known ones are coded
as."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.interleaved import kernel
from sofc.coders.interleaved.margins import Margins
from sofc.coders.interleaved.model import Prediction, middle, type_of_sums
from sofc.planes import Plane, PlaneRange


class Frames:
    """The frames of planes of images that have these ``margins``, columns and rows an image: those that were added, to
    which further ones may refer."""

    def __init__(self, margins: Margins, width: int, image_rows: int) -> None:
        self._margins = margins
        self._width = width
        self._image_rows = image_rows
        self._added: list[kernel.Frame] = []

    def add(self, frame: kernel.Frame) -> None:
        """Take in the next plane's."""
        self._added.append(frame)

    def empty(self, span: PlaneRange, largest: int, prediction: Prediction, *, may_spend: bool = False) -> kernel.Frame:
        """The next plane's, to be filled; ``largest``: the sample that it or a reference of it may have;
        ``may_spend``: whether it may have the memory of the one before, to which nothing refers any more."""
        rows, stride = len(self._margins.columns), kernel.stride_of(self._width)
        dtype = type_of_sums(largest, prediction.fraction)
        if may_spend and self._added and self._added[-1].samples.dtype == dtype:
            samples, errors = self._added[-1].samples, self._added[-1].errors
        else:
            samples, errors = np.empty(rows * stride, dtype), np.empty(rows * stride, np.uint8)
        references = [self._added[number] for number in prediction.references]
        pairs = [(one.samples.astype(dtype, copy=False), one.errors) for one in references]
        # The plane stands itself in for a missing reference.
        first, second = [*pairs, (samples, errors), (samples, errors)][:2]
        columns, blank = self._margins.columns.reshape(-1), self._margins.blank[len(self._added)] - middle(span)
        sizes = rows, self._image_rows, self._width, stride
        return kernel.Frame(samples, errors, *first, second[0], *sizes, columns, blank)

    def known(self, plane: Plane, span: PlaneRange, largest: int, prediction: Prediction) -> kernel.Frame:
        """The same of a plane whose samples are known."""
        frame = self.empty(span, largest, prediction)
        kernel.lay_out(np.require(plane, np.int32, ["C", "W"]).reshape(-1), middle(span), frame)
        return frame


def scratch_for(frame: kernel.Frame) -> npt.NDArray[np.int16] | npt.NDArray[np.int32]:
    """What kernels work in."""
    return np.zeros(kernel.SCRATCH, frame.samples.dtype)


def trace_plane(frame: kernel.Frame, predictor: kernel.Predictor, room: kernel.Traced | None = None) -> kernel.Traced:
    """What the samples of a known plane are coded as; fills the frame's errors. ``room``: where it is to be put, the
    same for all planes of a size and type."""
    room, size = room or room_for(frame), frame.rows * frame.width
    with np.errstate(over="ignore"):  # sums wrap around on purpose: interpreted kernels would warn
        kernel.trace(frame, predictor, scratch_for(frame), room)
    return kernel.Traced(room.residuals[:size], room.symbols[:size], room.expected[:size])


def room_for(frame: kernel.Frame, *, with_expected: bool = True) -> kernel.Traced:
    """For what the samples of a plane are coded as, and for the rest of the last row's last block."""
    size = frame.rows * frame.width + kernel.BLOCK
    expected = np.empty(size if with_expected else 0, np.int16)
    return kernel.Traced(np.empty(size, frame.samples.dtype), np.empty(size, np.uint16), expected)
