"""The ``shape`` coder: soft compression as published by Xin and Fan, with what they name as future work."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.base import Descriptor, KernelUse
from sofc.coders.kinds import Kind
from sofc.coders.shape.coder import ShapeCoder
from sofc.coders.shape.neutral import NeutralShapeCoder
from sofc.coders.training import CoderTraining, TrainingSettings
from sofc.planes import PlaneRange
from sofc.transforms.components import NONE, PAPERS, Transform

__all__ = ["CODER", "NeutralShapeCoder", "ShapeCoder"]


def _transforms(kind: Kind) -> tuple[Transform, ...]:
    return (PAPERS if kind.components == PAPERS.components else NONE,)


def _start_training(ranges: Sequence[PlaneRange], settings: TrainingSettings) -> CoderTraining:
    from sofc.coders.shape.training import ShapeTraining

    return ShapeTraining(list(ranges), min_images=settings.min_images, iterations=settings.iterations)


def _kernels() -> list[list[KernelUse]]:
    from sofc.coders.shape.kernel_codes import read_pairs, write_pairs
    from sofc.coders.shape.kernel_details import decode_details, fill_cells, fill_levels, fill_magnitudes
    from sofc.coders.shape.kernel_predict import code_plane
    from sofc.coders.shape.kernel_range import code_numbers, encode_symbols
    from sofc.coders.shape.kernel_windows import (
        choose_matches,
        cover_plane,
        fill_masks,
        hash_shapes,
        insert_keys,
        list_matches,
    )

    return [
        [decode_details, fill_levels, fill_magnitudes, fill_cells, encode_symbols, code_numbers],
        [cover_plane, list_matches, choose_matches, fill_masks, hash_shapes, insert_keys],
        [read_pairs, write_pairs],
        [code_plane],
    ]


CODER = Descriptor(
    ShapeCoder.id,
    ShapeCoder.name,
    ShapeCoder.from_sections,
    kernels=_kernels,
    start_training=_start_training,
    transforms=_transforms,
    knows_lattice=False,
    numbers_values=False,
    keeps_patches=True,
)
