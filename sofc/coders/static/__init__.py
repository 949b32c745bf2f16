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
    """Two groups, by the type of the kernels' sums."""
    import numpy as np

    from sofc.coders.static import kernel

    plane = np.zeros((1 + 2 * kernel.PAD, 1 + 2 * kernel.PAD), np.int32)
    groups: list[list[KernelUse]] = []
    for sums, dtype in (("Q", "<i8"), ("I", "<i4")):
        room = kernel.room_for(plane, plane, plane, dtype)
        common = f"I2 I2 I2 B2 B2 B2 q q q q Q1 {sums}2 {sums}2 Q1 Q1 q *"
        groups.append([
            (kernel.list_operations, f"{common} B1 Q1 Q1 I1 I1", (room,)),
            (kernel.decode, f"{common} B1 Q1 Q1 B1 I1 Q1 H1", (room,)),
            (kernel.find_grid, f"I2 B2 q q Q1 {sums}2 {sums}2 q *", (room,)),
        ])  # fmt: skip
    return [*groups, [(kernel.write_operations, "I1 q Q1 H1", ())]]


CODER = Descriptor(
    StaticCoder.id,
    StaticCoder.name,
    StaticCoder.from_sections,
    kernels=_kernels,
    start_training=_start_training,
    unasked=lambda kind: kind.bits > 1,
)
