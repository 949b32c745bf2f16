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


def detect_grid(plane: Plane) -> int:
    """Place of the first sample in an 8 x 8 grid of blocks, from the steps at block borders (row * 8 + column)."""

    def offset(samples: Plane) -> int:
        if len(samples) < 24:
            return 0
        change = np.abs(np.diff(samples.astype(np.int64), axis=0)).sum(axis=1)
        excess = change[1:-1] - (change[:-2] + change[2:]) / 2
        # excess[i] belongs to the border between samples i + 1 and i + 2.
        sums = [excess[k::8].mean() if len(excess[k::8]) else -np.inf for k in range(8)]
        return (8 - (int(np.argmax(sums)) + 2)) % 8

    return offset(plane) * 8 + offset(np.ascontiguousarray(plane.T))
