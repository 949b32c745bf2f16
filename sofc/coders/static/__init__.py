"""The static coder: a predictor bank and trained tables, nothing that adapts: for speed."""

from __future__ import annotations

from sofc.coders.base import Descriptor, KernelUse, later
from sofc.coders.static.coder import StaticCoder

__all__ = ["CODER", "StaticCoder"]


def _kernels() -> list[list[KernelUse]]:
    from sofc.coders.static.kernel import decode, find_grid, list_symbols
    from sofc.entropy.rans import write_symbols

    return [[list_symbols, decode, find_grid, write_symbols]]


CODER = Descriptor(
    StaticCoder,
    kernels=_kernels,
    start_training=later("sofc.coders.static.training", "StaticTraining"),
    unasked=lambda kind: kind.bits > 1,
    efforts=(2,),
    learns=False,
)
