"""The ``dct`` coder: images that JPEG decoders made, as the coefficients that they made them from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sofc.coders.base import Descriptor, Found, KernelUse
from sofc.coders.dct.coder import DctCoder, Traced, trace
from sofc.coders.kinds import Kind
from sofc.coders.training import CoderTraining, TrainingSettings
from sofc.planes import Plane, PlaneRange
from sofc.transforms.components import LATTICE, NONE, Transform

__all__ = ["CODER", "DctCoder"]


def _goes_with(transform: Transform, components: int, bits: int) -> bool:
    return bits == 8 and transform is {1: NONE, 3: LATTICE}.get(components)


def _trace(
    planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int, modelled: int
) -> Found[DctCoder] | None:
    found = trace(planes, ranges, image_rows, modelled)
    return None if found is None else Found(found.share, lambda coder: Traced(coder.models, found))


def _is_from_jpeg(kind: Kind) -> bool:
    return kind.lattice or (kind.components, kind.bits) == (1, 8)


def _start_training(ranges: Sequence[PlaneRange], settings: TrainingSettings) -> CoderTraining:
    from sofc.coders.dct.training import DctTraining

    budget = settings.counter_bytes
    return DctTraining(ranges) if budget is None else DctTraining(ranges, budget=budget)


def _kernels() -> list[list[KernelUse]]:
    from sofc.coders.dct import kernel
    from sofc.entropy.binary import Stream
    from sofc.entropy.contexts import Contexts
    from sofc.entropy.mixing import LANES, Mixture
    from sofc.jpeg import dct, recovery

    room = kernel.room_for(1, LANES, 1)
    stream = Stream(np.zeros(0, np.int64), np.zeros(0, np.uint8))
    mixture = Mixture(np.zeros(0, np.uint32), np.zeros((0, 0), np.int32), np.zeros((0, 0), np.int32))
    contexts = Contexts(np.zeros((0, 0), np.int64), np.zeros(0, np.int64))
    given = contexts, contexts, mixture, stream, room
    return [
        [
            (kernel.code_blocks, "? I3 I3 I3 I3 I3 Q1 I2 I2 * * * I1 * *", given),
            (kernel.code_lacks, "? I2 I2 B2 I2 I2 q q q U1 *", (stream,)),
            (dct.draw, "I3 Q1 I2 B2 Q1", ()),
            (dct.enlarge, "I2 q q q q I2", ()),
        ],
        [
            (recovery.solve, "I2 I2 I2 Q1 q I3 *", (recovery.bench(),)),
            (recovery.transform, "I2 q q q I2 Q1 Q1", ()),
            (recovery.find_steps, "I2 q q Q1", ()),
            (recovery.shrink, "R2 R2 q R2 R2 R2", ()),
            (recovery.bound_clipped, "Q2 Q2 Q2 Q2", ()),
            (recovery.settle, "I2 I2 I2 I3 I3 q", ()),
        ],
    ]


CODER = Descriptor(
    DctCoder.id,
    DctCoder.name,
    DctCoder.from_sections,
    goes_with=_goes_with,
    kernels=_kernels,
    trace=_trace,
    start_training=_start_training,
    accepts=_is_from_jpeg,
    images="images of JPEG decoders, gray or in colour",
    unasked=_is_from_jpeg,
    numbers_values=False,
)
