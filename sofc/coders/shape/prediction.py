"""Residuals of a plane in zigzag order, and samples from them (specification 6.2)."""

from __future__ import annotations

import numpy as np

from sofc.coders.shape.kernel_predict import CONTEXTS, NONE, OK, Feedback, Prediction, code_plane
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange


def largest_residual(span: PlaneRange, prediction: Prediction) -> int:
    """The largest residual in zigzag order of samples in ``span``."""
    return (span.high - span.low) * (1 if prediction.mode == NONE else 2)


def to_zigzag(plane: Plane, span: PlaneRange, prediction: Prediction, image_rows: int) -> Plane:
    """The residuals of a plane, 0 or more; without prediction the samples less the lowest one."""
    if prediction.mode == NONE:
        return plane - np.int32(span.low)
    zigzag = np.empty(plane.shape, np.int32)
    code_plane(True, np.ascontiguousarray(plane), zigzag, span, image_rows, prediction, _feedback())
    return zigzag


def from_zigzag(zigzag: Plane, span: PlaneRange, prediction: Prediction, image_rows: int) -> Plane:
    """The samples. Raises FormatError where one leaves ``span``."""
    if prediction.mode == NONE:
        plane = zigzag + np.int32(span.low)
        status = OK if int(zigzag.max()) <= span.high - span.low else not OK
    else:
        plane = np.empty(zigzag.shape, np.int32)
        status = code_plane(False, plane, zigzag, span, image_rows, prediction, _feedback())
    if status != OK:
        raise FormatError("a sample of a shape stream lies outside its range")
    return plane


def _feedback() -> Feedback:
    return Feedback(*np.zeros((2, CONTEXTS), np.int64))
