"""The ``bilevel`` coder: binary planes by context mixing of neighbourhoods, each plane by itself."""

from sofc.coders.bilevel.coder import BilevelCoder

__all__ = ["BilevelCoder"]
