"""What a codebook's models hold of mined shapes, for people to look at."""

from __future__ import annotations

from typing import NamedTuple

from sofc.codebook import Codebook
from sofc.coders.shape.coder import ShapeCoder
from sofc.coders.shape.parameters import ShapeModel


class MinedPlane(NamedTuple):
    """The shapes that a codebook's model has for one plane, those placed most often in training first."""

    model: int
    plane: int
    shapes: ShapeModel


def mined_planes(codebook: Codebook) -> list[MinedPlane]:
    """What the shape coder's models hold, plane by plane. Raises FormatError where a section breaks its layout."""
    planes = []
    for number, model in enumerate(codebook.models):
        if model.coder == ShapeCoder.id:
            coder = ShapeCoder.from_sections([codebook.sections[section].data for section in model.sections])
            planes += [MinedPlane(number, plane, one.shapes) for plane, one in enumerate(coder.parameters)]
    return planes
