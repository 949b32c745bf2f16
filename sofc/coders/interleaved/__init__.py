"""The interleaved coder: three stripes side by side, trained tables that stay in the first-level cache: for speed."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.base import Descriptor, KernelUse
from sofc.coders.interleaved.coder import InterleavedCoder
from sofc.coders.training import CoderTraining, TrainingSettings
from sofc.planes import PlaneRange

__all__ = ["CODER", "InterleavedCoder"]


def _start_training(ranges: Sequence[PlaneRange], settings: TrainingSettings) -> CoderTraining:
    from sofc.coders.interleaved.training import InterleavedTraining

    return InterleavedTraining(ranges)


def _kernels() -> list[list[KernelUse]]:
    from sofc.coders.interleaved.kernel import decode, trace
    from sofc.coders.interleaved.kernel_tokens import write_image

    return [[decode, trace, write_image]]


CODER = Descriptor(
    InterleavedCoder.id,
    InterleavedCoder.name,
    InterleavedCoder.from_sections,
    kernels=_kernels,
    start_training=_start_training,
    unasked=lambda kind: kind.bits > 1,
    efforts=(1,),
    learns=False,
)
