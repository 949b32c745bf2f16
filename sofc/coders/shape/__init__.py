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
    from sofc.coders.shape import kernel_arithmetic as arithmetic
    from sofc.coders.shape import kernel_bits as bits
    from sofc.coders.shape import kernel_predict as predict
    from sofc.coders.shape import kernel_windows as windows

    room, placement = windows.window_room(), windows.placement_room()
    return [
        [
            (arithmetic.decode_detail, "B1 I2 I2 q I1 I1 I2 B2 q q q q q I2 q q Q1", ()),
            (arithmetic.detail_tables, "I2 I2 I1 I1 I2 B2 q q q q q I1 I1", ()),
            (arithmetic.encode_symbols, "I1 I1 I2 q q q Q1 B1", ()),
            (arithmetic.write_numbers, "Q1 Q1 I2 Q1 B1", ()),
            (arithmetic.read_numbers, "B1 Q1 I2 Q1 Q1", ()),
            (arithmetic.fill_classes, "I2 q q B2", ()),
            (arithmetic.fill_loudness, "I2 q I2", ()),
            (arithmetic.fill_reference_activity, "I2 I1 I2", ()),
            (arithmetic.build_trees, "I2 I2", ()),
        ],
        [
            (windows.cover_plane, "I2 q q q Q2 Q2 Q1 Q1 Q1 Q1 Q1 Q1 I1 I2 B2 *", (room,)),
            (windows.find_windows, "I2 q q q Q2 Q2 Q1 Q1 Q1 Q1 *", (room,)),
            (windows.fill_masks, "I2 q q q Q1 Q2 Q2", ()),
            (windows.improve_placement, "Q1 Q1 Q1 Q1 Q1 Q1 q * B1", (placement,)),
            (windows.place_shapes, "I2 Q1 Q1 Q1 Q1 Q1 I1 I2 B2", ()),
            (windows.hash_shapes, "Q1 Q1 Q1 I1 Q1", ()),
            (windows.insert_keys, "Q1 Q1 Q1 Q1", ()),
            (windows.list_shapes, "I2 I2 B2 Q1 Q1", ()),
        ],
        [
            (bits.read_shapes, "B1 q q q q Q1 Q1 Q1 q Q1 Q1 Q1 I1 I2 B2 Q1", ()),
            (bits.write_shapes, "Q1 Q1 q Q1 Q1 q B1 q", ()),
            (bits.read_leftovers, "B1 q q q q Q1 Q1 Q1 I2 Q1", ()),
            (bits.write_leftovers, "I2 q q q Q1 Q1 B1 q", ()),
            (bits.golomb_cost, "Q1 q", ()),
        ],
        [
            (predict.fold_plane, "I2 q q q q q Q1 Q1 I2", ()),
            (predict.unfold_plane, "I2 q q q q q Q1 Q1 I2", ()),
        ],
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
