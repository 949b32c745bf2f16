"""What is trained for each kind of image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sofc.coders.base import PlaneRange
from sofc.coders.training import CoderTraining
from sofc.coders.transforms import GREEN_FIRST, LATTICE, NONE, PAPERS, SUBTRACT_GREEN, YCOCG, Transform
from sofc.errors import UsageError
from sofc.training.survey import Kind

TRAINABLE = ("shape", "context")


@dataclass(frozen=True)
class Recipe:
    """A coder to train, and the transforms to choose from."""

    coder: str
    transforms: tuple[Transform, ...]


def recipes(coder: str | None, kind: Kind) -> list[Recipe]:
    """What to train for images of a kind; ``coder`` None leaves the choice to sofc. Raises UsageError."""
    if coder is not None and coder not in TRAINABLE:
        raise UsageError(f"coder {coder!r} cannot be trained; these can: {', '.join(TRAINABLE)}")
    if coder == "shape" or (coder is None and kind.bits == 1):
        return [Recipe("shape", (PAPERS if kind.components == PAPERS.components else NONE,))]
    if kind.lattice:
        return [Recipe("context", (LATTICE,))]
    if kind.components == 3:
        return [Recipe("context", (GREEN_FIRST, SUBTRACT_GREEN, YCOCG, PAPERS))]
    return [Recipe("context", (NONE,))]


def start_training(
    coder: str, ranges: Sequence[PlaneRange], *, min_images: int, iterations: int | None
) -> CoderTraining:
    """The training of one model whose planes have these ranges."""
    if coder == "shape":
        from sofc.coders.shape.training import ShapeTraining

        return ShapeTraining(list(ranges), min_images=min_images, iterations=iterations)
    from sofc.coders.context.training import ContextTraining

    return ContextTraining(ranges)
