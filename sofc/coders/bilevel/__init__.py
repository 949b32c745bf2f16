"""The ``bilevel`` coder: binary planes by context mixing of neighbourhoods, each plane by itself."""

from __future__ import annotations

from sofc.coders.base import Descriptor, later
from sofc.coders.bilevel.coder import BilevelCoder
from sofc.coders.bilevel.kernel import code_images
from sofc.coders.kinds import Kind
from sofc.transforms.components import NONE

__all__ = ["CODER", "BilevelCoder"]


def _is_binary(kind: Kind) -> bool:
    return kind.bits == 1


CODER = Descriptor(
    BilevelCoder,
    kernels=[[code_images]],
    start_training=later("sofc.coders.bilevel.training", "BilevelTraining"),
    accepts=_is_binary,
    images="binary images; --threshold makes others binary",
    unasked=_is_binary,
    transforms=lambda kind: (NONE,),
)
