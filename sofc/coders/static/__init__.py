"""The static coder: a predictor bank and trained tables, nothing that adapts: for speed."""

from sofc.coders.static.coder import StaticCoder

__all__ = ["StaticCoder"]
