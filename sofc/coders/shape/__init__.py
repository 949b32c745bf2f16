"""The ``shape`` coder: soft compression as published by Xin and Fan, with what they name as future work."""

from sofc.coders.shape.coder import ShapeCoder
from sofc.coders.shape.neutral import NeutralShapeCoder

__all__ = ["NeutralShapeCoder", "ShapeCoder"]
