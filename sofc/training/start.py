"""Which coders can be trained."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.base import PlaneRange
from sofc.coders.training import CoderTraining

EFFORTS = {"shape": 5}
"""The effort that a trained model of each coder is recorded with."""


def start_training(
    coder: str, ranges: Sequence[PlaneRange], *, min_images: int, iterations: int | None
) -> CoderTraining:
    """The training of one model whose planes have these ranges."""
    from sofc.coders.shape.training import ShapeTraining

    return ShapeTraining(list(ranges), min_images=min_images, iterations=iterations)
