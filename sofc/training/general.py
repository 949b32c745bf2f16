"""Built-in models that a trained codebook takes along."""

from __future__ import annotations

from dataclasses import replace

from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.kinds import Kind
from sofc.coders.registry import CODERS
from sofc.container.records import Model
from sofc.image import PixelFormat
from sofc.transforms.components import CHAIN, TRANSFORMS

EFFORTS = range(5, 10)
"""From the default on there is time to try several models."""
FEW = 16
"""Fewer images than this may not be all that further ones will be like."""


def companions(base: Codebook, kind: Kind, *, few: bool, traced: bool = False) -> list[Model]:
    """Built-in models that go with trained ones, at each of EFFORTS, and the fast ones below.

    Those for images that follow each other, which collections rarely show enough of; and where models are of few
    images, or for few efforts, those for single ones, too: the encoder chooses. ``traced``: images of the kind are
    mostly planes of a certain origin (a JPEG decoder).
    """
    fitting = [
        model
        for model in base.models
        if model.components == kind.components and (model.transform == CHAIN.id or (few and _suits(model, kind)))
    ]
    found = [model for model in fitting if model.effort < EFFORTS.start]
    others = [model for model in fitting if model.effort >= EFFORTS.start and (few or _has_part(model, traced=traced))]
    for effort in EFFORTS:
        for coder in sorted({model.coder for model in others}):
            ours = [model for model in others if model.coder == coder]
            nearest = min((model.effort for model in ours), key=lambda other: abs(other - effort))
            found += [replace(model, effort=effort) for model in ours if model.effort == nearest]
    return found


def _has_part(model: Model, *, traced: bool) -> bool:
    """Whether a model is of the kind that trained ones are short of."""
    descriptor = CODERS[model.coder]
    return (descriptor.trace if traced else descriptor.chain) is not None


def _suits(model: Model, kind: Kind) -> bool:
    """Whether a model's transform is for images on the colour lattice, as the kind is."""
    return (TRANSFORMS[model.transform].bits is not None) == kind.lattice


def base_of(kind: Kind) -> Codebook:
    """The built-in codebook for images of a kind."""
    return builtin_codebook(PixelFormat(kind.components, kind.bits, kind.bits))
