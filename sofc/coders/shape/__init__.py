"""The ``shape`` coder: soft compression as published by Xin and Fan, with what they name as future work."""

from __future__ import annotations

from sofc.coders.base import Descriptor, KernelUse, later
from sofc.coders.kinds import Kind
from sofc.coders.shape import kernel_windows
from sofc.coders.shape.coder import ShapeCoder
from sofc.coders.shape.kernel_adaptive import code_adaptively
from sofc.coders.shape.kernel_details import code_details
from sofc.coders.shape.kernel_numbers import code_numbers
from sofc.coders.shape.kernel_pairs import draw_pairs
from sofc.coders.shape.kernel_predict import code_plane
from sofc.coders.shape.neutral import NeutralShapeCoder, share_of_fixed
from sofc.transforms.components import NONE, PAPERS, Transform

__all__ = ["CODER", "NeutralShapeCoder", "ShapeCoder", "share_of_fixed"]


def _transforms(kind: Kind) -> tuple[Transform, ...]:
    return (PAPERS if kind.components == PAPERS.components else NONE,)


_KERNELS: list[list[KernelUse]] = [
    [code_details, code_numbers],
    [kernel_windows.cover_plane, kernel_windows.fill_masks, kernel_windows.hash_shapes, kernel_windows.insert_keys],
    [draw_pairs],
    [code_plane, code_adaptively],
]

CODER = Descriptor(
    ShapeCoder,
    kernels=_KERNELS,
    start_training=later("sofc.coders.shape.training", "ShapeTraining"),
    transforms=_transforms,
    knows_lattice=False,
    numbers_values=False,
    keeps_patches=True,
)
