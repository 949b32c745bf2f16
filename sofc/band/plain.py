"""About what planes take without a trained model, from a few rows: by this an encoder knows that it need not try."""

from __future__ import annotations

import numpy as np

from sofc.band.mapping import Mapped
from sofc.band.pieces import cut_rows
from sofc.coders.shape import share_of_fixed
from sofc.entropy.logarithms import LOG_ONE, times_log2
from sofc.planes import Plane
from sofc.prediction.plain import ACTIVITIES, TOKENS, count_residuals
from sofc.transforms.components import NONE, Transform


def neutral_size(view: Mapped, transform: Transform, image_rows: int) -> float:
    """About the bytes of a view by the neutral model of this transform with its fixed prediction, a median predictor
    with contexts by activity: of images of eleven sets that took 0.91 to 1.11 times as much, less of drawings alone.
    The prediction that learns takes up to a tenth less of noise."""
    planes, height = cut_rows(view.planes, image_rows)
    bits = sum(_bits_a_sample(plane, height) for plane in transform.forward(planes))
    return sum(map(len, view.table)) + bits * view.planes[0].size / 8


def share_learned(view: Mapped, image_rows: int) -> float:
    """About what the first plane takes as a neutral model predicts it, of what it takes by the fixed prediction."""
    planes, height = cut_rows(view.planes[:1], image_rows)
    return share_of_fixed(planes[0], NONE.ranges(1, view.format.coded_bits)[0], height)


def _bits_a_sample(plane: Plane, image_rows: int) -> float:
    counts = np.zeros((ACTIVITIES, TOKENS), np.int32)
    flat = np.require(plane, np.int32, ["C", "W"]).reshape(-1)
    plain = count_residuals(flat, plane.shape[1], image_rows, counts)
    totals = counts.sum(axis=1)
    coded = plain * LOG_ONE + times_log2(totals) - times_log2(counts[counts > 0])
    return coded / (LOG_ONE * max(1, int(totals.sum())))
