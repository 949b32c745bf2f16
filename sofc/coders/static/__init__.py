"""The static coder: a predictor bank and trained tables, nothing that adapts: for speed."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.base import Descriptor, KernelUse
from sofc.coders.static.coder import StaticCoder
from sofc.coders.training import CoderTraining, TrainingSettings
from sofc.planes import PlaneRange

__all__ = ["CODER", "StaticCoder"]


def _start_training(ranges: Sequence[PlaneRange], settings: TrainingSettings) -> CoderTraining:
    from sofc.coders.static.training import StaticTraining

    return StaticTraining(ranges)


def _kernels() -> list[list[KernelUse]]:
    from sofc.coders.static.kernel import decode, find_grid, list_symbols
    from sofc.entropy.rans import write_symbols

    return [[list_symbols, decode, find_grid, write_symbols]]


CODER = Descriptor(
    StaticCoder.id,
    StaticCoder.name,
    StaticCoder.from_sections,
    kernels=_kernels,
    start_training=_start_training,
    unasked=lambda kind: kind.bits > 1,
    efforts=(2,),
    learns=False,
)
