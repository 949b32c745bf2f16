"""The ``context`` coder: a trained predictor bank and logistic mixing."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.base import Descriptor, KernelUse
from sofc.coders.context.chain import ChainCoder
from sofc.coders.context.coder import ContextCoder
from sofc.coders.training import Adaptation, CoderTraining, TrainingSettings
from sofc.planes import PlaneRange

__all__ = ["CODER", "ContextCoder"]


def _start_training(ranges: Sequence[PlaneRange], settings: TrainingSettings) -> CoderTraining:
    from sofc.coders.context.training import ContextTraining

    return ContextTraining(ranges, settings=settings)


def _start_adapting(sections: Sequence[bytes], ranges: Sequence[PlaneRange], images: int) -> Adaptation:
    from sofc.coders.context.adapting import ContextAdaptation

    return ContextAdaptation(sections, ranges, images)


def _kernels() -> list[list[KernelUse]]:
    from sofc.coders.context.kernel import code_plane
    from sofc.entropy.binary import code_bit
    from sofc.entropy.bit_models import code_symbols
    from sofc.entropy.changes import code_model_changes, code_table_change
    from sofc.entropy.sparse import code_sparse
    from sofc.entropy.tables import code_table
    from sofc.prediction.bank import grid_errors

    sections: list[KernelUse] = [code_table, code_symbols, code_table_change, code_model_changes]
    return [[code_plane, grid_errors, *sections, code_sparse, code_bit]]


CODER = Descriptor(
    ContextCoder.id,
    ContextCoder.name,
    ContextCoder.from_sections,
    kernels=_kernels,
    chain=ChainCoder,
    start_training=_start_training,
    unasked=lambda kind: kind.bits > 1,
    from_changed=ContextCoder.from_sections,
    start_adapting=_start_adapting,
)
