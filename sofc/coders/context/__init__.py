"""The ``context`` coder: a trained predictor bank and logistic mixing."""

from __future__ import annotations

from sofc.coders.base import Descriptor, KernelUse, later
from sofc.coders.context.chain import ChainCoder
from sofc.coders.context.coder import ContextCoder
from sofc.coders.context.kernel import code_plane
from sofc.entropy.binary import code_bit
from sofc.entropy.bit_models import code_symbols
from sofc.entropy.sparse import code_sparse
from sofc.entropy.tables import code_table
from sofc.prediction.grid import measure_changes

__all__ = ["CODER", "ContextCoder"]


_SECTIONS: list[KernelUse] = [code_table, code_symbols]
_KERNELS: list[list[KernelUse]] = [[code_plane, measure_changes, *_SECTIONS, code_sparse, code_bit]]

CODER = Descriptor(
    ContextCoder,
    kernels=_KERNELS,
    chain=ChainCoder,
    start_training=later("sofc.coders.context.training", "ContextTraining"),
    unasked=lambda kind: kind.bits > 1,
    mines_networks=True,
    start_adapting=later("sofc.coders.context.adapting", "ContextAdaptation"),
)
