"""The ``context`` coder: a trained predictor bank and context mixing."""

from sofc.coders.context.coder import ContextCoder

__all__ = ["ContextCoder"]
