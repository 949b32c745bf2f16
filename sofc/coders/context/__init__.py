"""The ``context`` coder: a trained predictor bank and context mixing."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.base import Descriptor, KernelUse
from sofc.coders.context.chain import ChainCoder
from sofc.coders.context.coder import ContextCoder
from sofc.coders.training import CoderTraining, TrainingSettings
from sofc.planes import PlaneRange

__all__ = ["CODER", "ContextCoder"]


def _start_training(ranges: Sequence[PlaneRange], settings: TrainingSettings) -> CoderTraining:
    from sofc.coders.context.training import ContextTraining

    budget = settings.counter_bytes
    return ContextTraining(ranges) if budget is None else ContextTraining(ranges, budget=budget)


def _kernels() -> list[list[KernelUse]]:
    from sofc.coders.context import kernel
    from sofc.entropy import binary, mixing
    from sofc.prediction import bank

    room = kernel.room_for(1, 1, 1, mixing.MIXER_LANES, adapts=True, recalls=True)
    planes, state = "I2 I2 I2 B2 B2 B2", "U1 I2 I2 I1 Q1 B1"
    return [
        [
            (kernel.code_plane, f"? {planes} q q q q Q1 I2 Q1 Q1 q q q q Q1 Q1 Q2 Q1 q {state} *", (room,)),
            (bank.grid_errors, "I2 Q1 I2 q q I1 Q1", ()),
            (binary.code_table, "? I2 I2 Q1 B1", ()),
            (binary.code_sparse, "? I2 I1 Q1 B1", ()),
            (binary.code_counters, "? B1 q I2 Q1 B1", ()),
            (binary.code_bit, "? q q Q1 B1", ()),
        ]
    ]


CODER = Descriptor(
    ContextCoder.id,
    ContextCoder.name,
    ContextCoder.from_sections,
    kernels=_kernels,
    chain=ChainCoder,
    start_training=_start_training,
    unasked=lambda kind: kind.bits > 1,
)
