"""The ``labels`` coder: label images, by questions whether a sample is what a neighbour is."""

from __future__ import annotations

from sofc.coders.base import Descriptor, KernelUse
from sofc.coders.labels.coder import LabelsCoder, looks_labelled

__all__ = ["CODER", "LabelsCoder", "looks_labelled"]


def _kernels() -> list[list[KernelUse]]:
    from sofc.coders.labels.kernel import code_image

    return [[code_image]]


CODER = Descriptor(LabelsCoder, kernels=_kernels)
