"""The ``bilevel`` coder: binary planes by context mixing of neighbourhoods, each plane by itself."""

from sofc.coders.bilevel.coder import BilevelCoder
from sofc.coders.bilevel.training import BilevelTraining

__all__ = ["BilevelCoder", "BilevelTraining"]
