"""The ``labels`` coder: label images, by questions whether a sample is what a neighbour is."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.base import Descriptor, KernelUse
from sofc.coders.labels.coder import LabelsCoder, looks_labelled
from sofc.errors import UnsupportedError

__all__ = ["CODER", "LabelsCoder", "looks_labelled"]


def _from_sections(sections: Sequence[bytes]) -> LabelsCoder:
    if sections:
        raise UnsupportedError("sections of the labels coder are not known to this version of sofc")
    return LabelsCoder()


def _kernels() -> list[list[KernelUse]]:
    from sofc.coders.labels.kernel import code_image

    return [[code_image]]


CODER = Descriptor(LabelsCoder.id, LabelsCoder.name, _from_sections, kernels=_kernels)
