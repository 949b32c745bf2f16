"""The ``shape`` coder: soft compression as published by Xin and Fan, with what they name as future work."""

from sofc.coders.shape.coder import ShapeCoder
from sofc.coders.shape.counts import MinedPlane, mined_planes
from sofc.coders.shape.measure import PlaneMeasure, combine, measure
from sofc.coders.shape.neutral import NeutralShapeCoder
from sofc.coders.shape.training import ShapeTraining

__all__ = [
    "MinedPlane",
    "NeutralShapeCoder",
    "PlaneMeasure",
    "ShapeCoder",
    "ShapeTraining",
    "combine",
    "measure",
    "mined_planes",
]
