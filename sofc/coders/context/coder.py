"""The context coder: a trained predictor bank, then logistic mixing of the residuals from a trained start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.base import MAX_COUNTERS
from sofc.coders.context import kernel
from sofc.coders.context.model import PlaneModel
from sofc.coders.context.section import unpack_model, unpack_plan
from sofc.coders.gridded import GridCoder
from sofc.coders.plane_sections import by_plane
from sofc.entropy.binary import OK, Coding, Reader, Writer, written
from sofc.entropy.mixture import MixingState
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange
from sofc.prediction import bank

Errors = npt.NDArray[np.uint8]


class ContextCoder(GridCoder[PlaneModel]):
    """Codes planes by logistic mixing."""

    id = 2
    name = "context"

    @classmethod
    def from_sections(cls, sections: Sequence[bytes], changes: Sequence[bytes] = ()) -> ContextCoder:
        """Plans, then bit models, then weights, each one for every plane; ``changes``: what each of them differs by, if
        any do. Raises FormatError; LimitError where the bit models would take too much memory."""
        models: list[PlaneModel] = []
        room = MAX_COUNTERS
        for plane, (own, change) in enumerate(by_plane(sections, changes)):
            models.append(unpack_model(unpack_plan(own.plan, plane, change.plan), own, change.weights, room))
            room -= models[-1].start.mixture.models.size
        return cls(models)

    @property
    def uses_grid(self) -> bool:
        """Whether any bank has the grid map."""
        return any(model.plan.prediction.class_map == bank.GRID for model in self.models)

    def encode_planes(
        self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int, grid: int
    ) -> list[bytes]:
        """One stream for each plane."""
        return encode_shifted(planes, ranges, partial(self._code, ranges=ranges, image_rows=image_rows, grid=grid))

    def decode_planes(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], shape: tuple[int, int], image_rows: int, grid: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError where a stream leads outside a plane's range."""
        return decode_shifted(
            streams, ranges, shape, partial(self._code, ranges=ranges, image_rows=image_rows, grid=grid)
        )

    def _code(
        self,
        codings: Sequence[Coding],
        planes: Sequence[Plane],
        ranges: Sequence[PlaneRange],
        image_rows: int,
        grid: int,
    ) -> bool:
        """Code planes of images one below the other; decoding fills them. Whether that was possible."""
        errors = [np.zeros(plane.shape, np.uint8) for plane in planes]
        images = [slice(top, top + image_rows) for top in range(0, len(planes[0]), image_rows)]
        for number, (coding, model) in enumerate(zip(codings, self.models, strict=True)):
            turn = InTurn(planes[: number + 1], errors[: number + 1], ranges[number].size, grid)
            with model.start.lent() as state:
                if not all(code_image(coding, model, state, turn.in_rows(rows)) for rows in images):
                    return False
        return True


Walk = Callable[[Sequence[Coding], Sequence[Plane]], bool]
"""Codes planes of samples from 0 up, to or from a stream for each, which fills them; whether that was possible."""


def encode_shifted(planes: Sequence[Plane], ranges: Sequence[PlaneRange], code: Walk) -> list[bytes]:
    """The stream of each plane, that ``code`` writes."""
    shifted = [plane - np.int32(span.low) for plane, span in zip(planes, ranges, strict=True)]
    return written(2 * shifted[0].size + 1024, len(shifted), lambda writers: code(writers, shifted))


def decode_shifted(
    streams: Sequence[bytes], ranges: Sequence[PlaneRange], shape: tuple[int, int], code: Walk
) -> list[Plane]:
    """The planes, each of ``shape``, that ``code`` reads. Raises FormatError where it cannot."""
    shifted = [np.zeros(shape, np.int32) for _ in streams]
    if not code([Reader(stream) for stream in streams], shifted):
        raise FormatError("a stream of the context coder leads outside the plane's range")
    return [plane + np.int32(span.low) for plane, span in zip(shifted, ranges, strict=True)]


class InTurn(NamedTuple):
    """A plane whose turn it is: the last of an image's ``planes``, samples 0 .. ``maximum``, behind those that are
    coded. ``errors``: log errors of each, of which the last are to be filled. ``grid``: position of the first sample.
    """

    planes: Sequence[Plane]
    errors: Sequence[Errors]
    maximum: int
    grid: int = 0

    def in_rows(self, rows: slice) -> InTurn:
        """Some rows of it."""
        planes, errors = [plane[rows] for plane in self.planes], [each[rows] for each in self.errors]
        return self._replace(planes=planes, errors=errors)


def neighbourhood(references: Sequence[int], turn: InTurn) -> bank.Neighbourhood:
    """That of a plane with these references."""
    own = bank.padded(turn.planes[-1], (turn.maximum + 1) // 2, edges=False)
    own_errors = np.full(own.shape, bank.START_ERROR, np.uint8)
    others = [bank.padded(turn.planes[reference], 0, edges=True) for reference in references]
    other_errors = [bank.padded(turn.errors[reference], 0, edges=True) for reference in references]
    first, second = [*others, own, own][:2]
    first_errors, second_errors = [*other_errors, own_errors, own_errors][:2]
    return bank.Neighbourhood(own, first, second, own_errors, first_errors, second_errors, len(references))


def code_image(coding: Coding, model: PlaneModel, state: MixingState, turn: InTurn) -> bool:
    """Code a plane of an image; the state goes on, and so does the stream.

    Fills its log errors and, when decoding, the plane. Whether that was possible: a stream that is read may be broken.
    """
    prediction, plane = model.plan.prediction, turn.planes[-1]
    around = neighbourhood(prediction.references, turn)
    settings = model.settings_for(plane.shape[1])
    votes = state.contexts, state.mixture.weights.shape[1], model.sets
    scratch = kernel.scratch_for(plane.shape, votes, settings, model.network)
    learning = kernel.Coding(model.contexts, state.mixture, state.plain, coding.stream)
    predictors = prediction.bank(turn.grid, turn.maximum)
    status = kernel.code_plane(coding.encodes, around, predictors, settings, learning, scratch)
    if status != OK:
        return False
    turn.errors[-1][:] = bank.inside(around.errors)
    if not coding.encodes:
        plane[:] = bank.inside(around.plane)
    return True


def learn_plane(model: PlaneModel, turn: InTurn) -> int:
    """Code a plane of one image for what ``model.start`` learns from it. Returns the stream's length."""
    # Longer than any stream: learning cannot be taken back and begun anew.
    writer = Writer(64 * turn.planes[-1].size + 1024)
    code_image(writer, model, model.start, turn)
    return len(writer.written())
