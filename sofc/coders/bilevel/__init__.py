"""The ``bilevel`` coder: binary planes by context mixing of neighbourhoods, each plane by itself."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.base import Descriptor, KernelUse
from sofc.coders.bilevel.coder import BilevelCoder
from sofc.coders.kinds import Kind
from sofc.coders.training import CoderTraining, TrainingSettings
from sofc.planes import PlaneRange
from sofc.transforms.components import NONE

__all__ = ["CODER", "BilevelCoder"]


def _is_binary(kind: Kind) -> bool:
    return kind.bits == 1


def _start_training(ranges: Sequence[PlaneRange], settings: TrainingSettings) -> CoderTraining:
    from sofc.coders.bilevel.training import BilevelTraining

    return BilevelTraining(ranges, settings=settings)


def _kernels() -> list[list[KernelUse]]:
    from sofc.coders.bilevel.kernel import code_images

    return [[code_images]]


CODER = Descriptor(
    BilevelCoder.id,
    BilevelCoder.name,
    BilevelCoder.from_sections,
    kernels=_kernels,
    start_training=_start_training,
    accepts=_is_binary,
    images="binary images; --threshold makes others binary",
    unasked=_is_binary,
    transforms=lambda kind: (NONE,),
)
