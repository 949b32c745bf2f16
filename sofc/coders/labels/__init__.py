"""The ``labels`` coder: label images, by questions whether a sample is what a neighbour is."""

from __future__ import annotations

from sofc.coders.base import Descriptor
from sofc.coders.labels.coder import LabelsCoder, looks_labelled
from sofc.coders.labels.kernel import code_image

__all__ = ["CODER", "LabelsCoder", "looks_labelled"]


CODER = Descriptor(LabelsCoder, kernels=[[code_image]])
