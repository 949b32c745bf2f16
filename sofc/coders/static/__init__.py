"""The static coder: a predictor bank and trained tables, nothing that adapts: for speed."""

from sofc.coders.static.coder import StaticCoder
from sofc.coders.static.training import StaticTraining

__all__ = ["StaticCoder", "StaticTraining"]
