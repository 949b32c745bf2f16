"""What is trained for each kind of image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sofc.coders.training import CoderTraining
from sofc.errors import UsageError
from sofc.planes import PlaneRange
from sofc.training.survey import Kind
from sofc.transforms.components import GREEN_FIRST, LATTICE, NONE, PAPERS, SUBTRACT_GREEN, YCOCG, Transform

TRAINABLE = ("shape", "context", "static", "bilevel", "dct")


@dataclass(frozen=True)
class Recipe:
    """A coder to train, and the transforms to choose from."""

    coder: str
    transforms: tuple[Transform, ...]


def knows_lattice(coder: str | None) -> bool:
    """Whether images on the colour lattice get models of their own."""
    return coder != "shape"


def keeps_patches(coder: str | None) -> bool:
    """Whether models of the coder hold parts of images."""
    return coder == "shape"


def check_coder(coder: str | None) -> None:
    """Raises UsageError for a coder that cannot be trained."""
    if coder is not None and coder not in TRAINABLE:
        raise UsageError(f"coder {coder!r} cannot be trained; these can: {', '.join(TRAINABLE)}")


def recipes(coder: str | None, kind: Kind) -> list[Recipe]:
    """What to train for images of a kind; ``coder`` None leaves the choice to sofc. Raises UsageError."""
    check_coder(coder)
    if coder == "shape":
        return [Recipe("shape", (PAPERS if kind.components == PAPERS.components else NONE,))]
    if coder == "bilevel" and kind.bits > 1:
        raise UsageError(f"the bilevel coder is for binary images; --threshold makes others binary, not {kind}")
    if kind.bits == 1 and coder in (None, "bilevel"):
        return [Recipe("bilevel", (NONE,))]
    from_jpeg = kind.lattice or (kind.components, kind.bits) == (1, 8)
    if coder == "dct" and not from_jpeg:
        raise UsageError(f"the dct coder is for images of JPEG decoders, gray or in colour, not {kind}")
    if kind.lattice:
        transforms: tuple[Transform, ...] = (LATTICE,)
    elif kind.components == 3:
        transforms = (GREEN_FIRST, SUBTRACT_GREEN, YCOCG, PAPERS)
    else:
        transforms = (NONE,)
    names = ("dct", "context", "static") if from_jpeg else ("context", "static")
    return [Recipe(name, transforms) for name in names if coder in (None, name)]


def start_training(
    coder: str,
    ranges: Sequence[PlaneRange],
    *,
    min_images: int,
    iterations: int | None,
    counter_bytes: int | None = None,
) -> CoderTraining:
    """The training of one model whose planes have these ranges; ``counter_bytes`` bounds its trained counters."""
    if coder == "shape":
        from sofc.coders.shape.training import ShapeTraining

        return ShapeTraining(list(ranges), min_images=min_images, iterations=iterations)
    if coder == "static":
        from sofc.coders.static.training import StaticTraining

        return StaticTraining(ranges)
    if coder == "bilevel":
        from sofc.coders.bilevel.training import BilevelTraining

        return BilevelTraining(ranges) if counter_bytes is None else BilevelTraining(ranges, budget=counter_bytes)
    if coder == "dct":
        from sofc.coders.dct.training import DctTraining

        return DctTraining(ranges) if counter_bytes is None else DctTraining(ranges, budget=counter_bytes)
    from sofc.coders.context.training import ContextTraining

    return ContextTraining(ranges) if counter_bytes is None else ContextTraining(ranges, budget=counter_bytes)
