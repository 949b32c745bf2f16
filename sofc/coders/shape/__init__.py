"""The ``shape`` coder: soft compression as published by Xin and Fan, with what they name as future work."""

from __future__ import annotations

from sofc.coders.base import Descriptor, KernelUse, later
from sofc.coders.kinds import Kind
from sofc.coders.shape.coder import ShapeCoder
from sofc.coders.shape.neutral import NeutralShapeCoder
from sofc.transforms.components import NONE, PAPERS, Transform

__all__ = ["CODER", "NeutralShapeCoder", "ShapeCoder"]


def _transforms(kind: Kind) -> tuple[Transform, ...]:
    return (PAPERS if kind.components == PAPERS.components else NONE,)


def _kernels() -> list[list[KernelUse]]:
    from sofc.coders.shape import kernel_details as details
    from sofc.coders.shape import kernel_windows as windows
    from sofc.coders.shape.kernel_codes import read_pairs, write_pairs
    from sofc.coders.shape.kernel_predict import code_plane
    from sofc.coders.shape.kernel_range import code_numbers

    placing: list[KernelUse] = [windows.cover_plane, windows.list_matches, windows.choose_matches]
    return [
        [details.code_details, details.fill_levels, details.fill_magnitudes, details.fill_cells, code_numbers],
        [*placing, windows.fill_masks, windows.hash_shapes, windows.insert_keys],
        [read_pairs, write_pairs],
        [code_plane],
    ]


CODER = Descriptor(
    ShapeCoder,
    kernels=_kernels,
    start_training=later("sofc.coders.shape.training", "ShapeTraining"),
    transforms=_transforms,
    knows_lattice=False,
    numbers_values=False,
    keeps_patches=True,
)
