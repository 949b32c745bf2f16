"""The ``dct`` coder: images that JPEG decoders made, as the coefficients that they made them from."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.base import Descriptor, Found, KernelUse, later
from sofc.coders.dct.coder import DctCoder, find_coefficients
from sofc.coders.kinds import Kind
from sofc.jpeg.known import Known, prove
from sofc.planes import Plane, PlaneRange
from sofc.transforms.components import LATTICE, NONE, Transform

__all__ = ["CODER", "DctCoder"]


def _goes_with(transform: Transform, components: int, bits: int) -> bool:
    return bits == 8 and transform is {1: NONE, 3: LATTICE}.get(components)


def _trace(
    planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int, modelled: int, beside: Found | None
) -> Found | None:
    found = find_coefficients(planes, ranges, image_rows, modelled, beside.origins if beside is not None else ())
    return None if found is None else Found(min(image.share for image in found), tuple(found))


def _prove(planes: Sequence[Plane], known: Known) -> Found | None:
    image = prove(planes, known)
    return None if image is None else Found(image.share, (image,))


def _is_from_jpeg(kind: Kind) -> bool:
    return kind.lattice or (kind.components, kind.bits) == (1, 8)


def _kernels() -> list[list[KernelUse]]:
    from sofc.coders.dct.kernel import code_blocks
    from sofc.coders.dct.kernel_pixels import code_pixels
    from sofc.coders.dct.kernel_prediction import weigh_predictors
    from sofc.coders.dct.kernel_references import refer, sample
    from sofc.entropy.mixture import put_back
    from sofc.jpeg.blockwise import bound_blocks, coefficient_bits, judge, mark_whole
    from sofc.jpeg.bounds import bound_planes, compare_colours, cover_painted, fill
    from sofc.jpeg.cross_component import inform, match_drawn
    from sofc.jpeg.dct import enlarge
    from sofc.jpeg.descent import descend
    from sofc.jpeg.fine import draw_fine, enlarge_fine
    from sofc.jpeg.inverses import draw
    from sofc.jpeg.nearest_plane import add_squares, round_blocks
    from sofc.jpeg.scaled import draw_scaled
    from sofc.jpeg.settle import best_table
    from sofc.jpeg.solve import solve, solve_again
    from sofc.jpeg.steps import add_up, count_edges, explain, look, weigh, weigh_place
    from sofc.jpeg.subsampling import shrink, shrink_rows

    coding: list[KernelUse] = [
        put_back,
        code_blocks,
        code_pixels,
        sample,
        refer,
        draw,
        draw_scaled,
        enlarge,
        draw_fine,
        enlarge_fine,
    ]
    looking: list[KernelUse] = [add_up, look, weigh, weigh_place, count_edges, explain, shrink, shrink_rows]
    judging: list[KernelUse] = [bound_blocks, judge, mark_whole, coefficient_bits, match_drawn]
    solving: list[KernelUse] = [solve, solve_again, best_table, add_squares, round_blocks, descend]
    bounding: list[KernelUse] = [bound_planes, compare_colours, cover_painted, fill, inform]
    return [coding, [weigh_predictors, *looking, *judging, *solving, *bounding]]


CODER = Descriptor(
    DctCoder,
    goes_with=_goes_with,
    kernels=_kernels(),
    trace=_trace,
    prove=_prove,
    weigh=later("sofc.coders.dct.weighing", "weigh_models"),
    start_training=later("sofc.coders.dct.training", "DctTraining"),
    accepts=_is_from_jpeg,
    images="images of JPEG decoders, gray or in colour",
    unasked=_is_from_jpeg,
    numbers_values=False,
    start_adapting=later("sofc.coders.dct.adapting", "DctAdaptation"),
)
