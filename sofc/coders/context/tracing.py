"""Going through images by predictions alone: what training counts, before anything is coded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sofc.coders.context import kernel
from sofc.coders.context.coder import InTurn, neighbourhood
from sofc.coders.context.model import Prediction
from sofc.planes import Plane, PlaneRange
from sofc.prediction import bank

Found = tuple[bank.Neighbourhood, bank.Traced]
"""A plane that was predicted, with its log errors, and what was predicted."""

UNMIXED = kernel.Settings(0, 0, 0, np.zeros(bank.EXPECTED, np.int64), np.zeros(1, np.int64))
"""For going through a plane without coding it."""


def trace_image(
    planes: Sequence[Plane], predictions: Sequence[Prediction], ranges: Sequence[PlaneRange], grid: int
) -> list[Found]:
    """Predict all samples of an image's planes, which start at zero; the neighbourhoods hold their log errors."""
    result = []
    errors = [np.zeros(plane.shape, np.uint8) for plane in planes]
    for number, prediction in enumerate(predictions):
        turn = InTurn(planes[: number + 1], errors, ranges[number].size, grid)
        around = neighbourhood(prediction.references, turn)
        traced = bank.Traced.empty(planes[number].shape)
        settings = UNMIXED._replace(adapts=int(prediction.adapts_to(planes[number].shape[1])), shift=prediction.shift)
        scratch = kernel.scratch_for(planes[number].shape, (0, 1, 0), settings)
        kernel.trace(around, prediction.bank(grid, turn.maximum), settings, scratch, traced)
        errors[number][:] = bank.inside(around.errors)
        result.append((around, traced))
    return result


def shifted(images: Iterator[list[Plane]], ranges: Sequence[PlaneRange]) -> Iterator[list[Plane]]:
    """The modelled planes of each image, from 0 up."""
    for planes in images:
        yield [plane - np.int32(span.low) for plane, span in zip(planes, ranges, strict=False)]
