"""The interleaved coder: three stripes side by side, trained tables that stay in the first-level cache: for speed."""

from __future__ import annotations

from sofc.coders.base import Descriptor, later
from sofc.coders.interleaved.coder import InterleavedCoder
from sofc.coders.interleaved.kernel import decode, lay_out, trace
from sofc.coders.interleaved.kernel_tokens import write_images
from sofc.prediction.grid import measure_changes

__all__ = ["CODER", "InterleavedCoder"]


CODER = Descriptor(
    InterleavedCoder,
    kernels=[[decode, lay_out, measure_changes, trace, write_images]],
    start_training=later("sofc.coders.interleaved.training", "InterleavedTraining"),
    unasked=lambda kind: kind.bits > 1,
    efforts=(1,),
    learns=False,
)
