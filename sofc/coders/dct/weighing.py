"""Which of several dct models likely codes images smaller: told by what their predictors get wrong."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from sofc.coders.dct.coder import component_of
from sofc.coders.dct.kernel_prediction import DIAGONALS, MEANS, ROWS, Predictor, weigh_predictors
from sofc.coders.dct.section import unpack_plan
from sofc.jpeg.recover import Recovered

WEIGHED = 4
"""Of a group so many images tell."""


def weigh_models(models: Sequence[tuple[Sequence[bytes], Sequence[bytes]]], images: Sequence[Recovered]) -> list[int]:
    """About what the luminance of images costs by each model, given its sections and what each differs by: sums of
    logarithms of errors, to be compared with each other. Most predictors may be the same. Raises FormatError."""
    predictor, numbers = _distinct(tuple((sections[0], changes[0]) for sections, changes in models))
    totals = [0] * len(models)
    for image in images[:: -(-len(images) // WEIGHED)]:
        costs = np.zeros((len(predictor.means) // ROWS + 1, DIAGONALS), np.int64)
        weigh_predictors(component_of(image.origins[0], []), predictor, 0, np.zeros(MEANS, np.int32), costs)
        sums = costs.sum(axis=1)
        totals = [total + int(sums[own].min()) for total, own in zip(totals, numbers, strict=True)]
    return totals


@lru_cache(maxsize=4)
def _distinct(plans: tuple[tuple[bytes, bytes], ...]) -> tuple[Predictor, list[list[int]]]:
    """All predictors of plans, given their sections and changes, each once, and the numbers of those of each plan."""
    unpacked = [unpack_plan(*plan).predictor for plan in plans]
    places: dict[bytes, int] = {}
    numbers = [
        [places.setdefault(means.tobytes(), len(places)) for means in one.means.reshape(ROWS, -1, MEANS).swapaxes(0, 1)]
        for one in unpacked
    ]
    distinct = np.stack([np.frombuffer(means, np.int32).reshape(ROWS, MEANS) for means in places], axis=1)
    return Predictor(distinct.reshape(-1, MEANS), unpacked[0].sizes), numbers
