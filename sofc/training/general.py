"""Built-in models that a trained codebook takes along."""

from __future__ import annotations

from dataclasses import replace

from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.kinds import Kind
from sofc.coders.registry import CODERS
from sofc.container.records import Model, Section
from sofc.image import PixelFormat
from sofc.transforms.components import CHAIN, TRANSFORMS

EFFORTS = range(5, 10)
"""From the default on there is time to try several models."""
FEW = 16
"""Fewer images than this may not be all that further ones will be like."""


def companions(kind: Kind, images: int, *, traced: bool = False) -> tuple[list[Model], list[Section]]:
    """Built-in models that go with those trained on so many images, at each of EFFORTS, and the sections they use.

    Those for images that follow each other, which collections rarely show enough of; and for FEW images those for
    single ones: the encoder chooses. ``traced``: those for planes of a certain origin (a JPEG decoder) instead, which
    code most images of the kind, again for FEW.
    """
    codebook = _builtin(kind)
    found = [
        model
        for model in codebook.models
        if model.components == kind.components
        and (CODERS[model.coder].trace if traced else CODERS[model.coder].chain) is not None
        and (model.transform == CHAIN.id or (images < FEW and _suits(model, kind)))
    ]
    efforts = sorted({model.effort for model in found})
    models = [
        replace(model, effort=effort)
        for effort in EFFORTS
        for model in found
        if model.effort == min(efforts, key=lambda other: abs(other - effort))
    ]
    used = sorted({number for model in models for number in model.sections})
    place = {number: position for position, number in enumerate(used)}
    models = [replace(model, sections=tuple(place[number] for number in model.sections)) for model in models]
    return models, [codebook.sections[number] for number in used]


def _suits(model: Model, kind: Kind) -> bool:
    """Whether a model's transform is for images on the colour lattice, as the kind is."""
    return (TRANSFORMS[model.transform].bits is not None) == kind.lattice


def _builtin(kind: Kind) -> Codebook:
    return builtin_codebook(PixelFormat(kind.components, kind.bits, kind.bits))
