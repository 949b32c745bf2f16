"""The ``dct`` coder: images that JPEG decoders made, as the coefficients that they made them from."""

from sofc.coders.dct.coder import DctCoder

__all__ = ["DctCoder"]
