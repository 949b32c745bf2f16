"""Which coders there are, and which model codes a band.

Model numbers in a file: 0 is raw; 1 to 63 are neutral models, which need no codebook; 64 + k is model k
of the image's codebook.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sofc.codebook import Codebook
from sofc.codebook.builtin import is_builtin
from sofc.coders.base import Coder
from sofc.coders.bilevel import BilevelCoder
from sofc.coders.chain import ChainCoder
from sofc.coders.context import ContextCoder
from sofc.coders.dct import DctCoder
from sofc.coders.raw import RawCoder
from sofc.coders.separate import SeparateCoder
from sofc.coders.shape import NeutralShapeCoder, ShapeCoder
from sofc.coders.static import StaticCoder
from sofc.container.records import Model
from sofc.errors import CodebookError, FormatError, UnsupportedError, UsageError
from sofc.image import PixelFormat
from sofc.transforms.components import CHAIN, LATTICE, NONE, PAPERS, TRANSFORMS, Transform

RAW_MODEL = 0
FIRST_CODEBOOK_MODEL = 64
FROM_JPEG = {1: NONE.id, 3: LATTICE.id}
"""Components that models of coefficients are for, and the transform that goes with them."""

TRAINED: dict[int, type[ShapeCoder | ContextCoder | StaticCoder | BilevelCoder | DctCoder]] = {
    coder.id: coder for coder in (ShapeCoder, ContextCoder, StaticCoder, BilevelCoder, DctCoder)
}
"""Coders that are made of a codebook's sections."""

CODERS = {coder.name: coder for coder in (RawCoder, *TRAINED.values())}
CODER_IDS = {name: coder.id for name, coder in CODERS.items()}

NEUTRAL_MODELS: dict[int, tuple[Transform, Coder]] = {
    1: (NONE, NeutralShapeCoder()),
    2: (PAPERS, NeutralShapeCoder()),
}


def accepts(model: Model, pixel_format: PixelFormat) -> bool:
    """Whether a codebook's model can code images of this format; one for one component can code each of several."""
    if model.components not in (1, pixel_format.components) or pixel_format.coded_bits > model.max_bits:
        return False
    transform = TRANSFORMS.get(model.transform)
    return transform is None or transform.accepts(model.components, pixel_format.coded_bits)


def serves(codebook: Codebook, pixel_format: PixelFormat) -> bool:
    """Whether a codebook has a model for images of this format."""
    return any(
        accepts(model, pixel_format) and (model.components == pixel_format.components or model.transform == CHAIN.id)
        for model in codebook.models
    )


def choose_models(
    codebook: Codebook | None, pixel_format: PixelFormat, coder: str | None, effort: int, images: int = 1
) -> tuple[int, ...]:
    """Numbers of the models that may code so many images of this format together, best first; the last suits any.

    First come the models of coefficients for the nearest effort, for single images that a JPEG decoder may have
    made: at effort 1 only where their coder is named. Then come the codebook's models of the coder named, else
    those trained for the nearest effort (1-9; models that have none serve only where there is no other), narrow
    transforms before wide ones; then a neutral model, or raw alone where that is named. Chains serve several images
    of one component, and components that no other model is for. Other models for one component serve images of
    several where the codebook is built in and has no other.
    Raises UsageError where the coder is not known.
    """
    if coder is not None and coder not in CODERS:
        raise UsageError(f"there is no coder {coder!r}; known are {', '.join(CODERS)}")
    if coder == RawCoder.name:
        return (RAW_MODEL,)
    fitting = [
        (model, FIRST_CODEBOOK_MODEL + number)
        for number, model in enumerate(codebook.models if codebook is not None else ())
        if accepts(model, pixel_format)
        and (coder is None or model.coder == CODER_IDS[coder])
        and (model.transform != CHAIN.id or images > 1 or pixel_format.components > 1)
    ]
    traced = [
        (model, number)
        for model, number in fitting
        if model.coder == DctCoder.id
        and model.components == pixel_format.components
        and model.transform == FROM_JPEG.get(model.components)
    ]
    fitting = [(model, number) for model, number in fitting if model.coder != DctCoder.id]
    if images > 1 or pixel_format.coded_bits != 8 or (effort == 1 and coder is None):
        traced = []
    together = [
        (model, number)
        for model, number in fitting
        if model.components == pixel_format.components or model.transform == CHAIN.id
    ]
    if pixel_format.components > 1 and any(model.transform != CHAIN.id for model, _ in together):
        together = [(model, number) for model, number in together if model.transform != CHAIN.id]
    if together or codebook is None or not is_builtin(codebook):
        fitting = together
    nearest = min((_distance(model, effort) for model, _ in fitting), default=0)
    ranked = sorted(
        (TRANSFORMS[model.transform].bits is None, model.max_bits, number)
        for model, number in fitting
        if _distance(model, effort) == nearest and model.transform in TRANSFORMS
    )
    closest = min((_distance(model, effort) for model, _ in traced), default=0)
    first = [number for model, number in traced if _distance(model, effort) == closest]
    neutral = 2 if pixel_format.components == PAPERS.components else 1
    return (*first, *(number for _, _, number in ranked), neutral)


def of_coefficients(codebook: Codebook | None, numbers: Sequence[int]) -> dict[int, Transform]:
    """Those of the numbers, as choose_models gives them, whose models are of coefficients, and their transforms."""
    models = codebook.models if codebook is not None else ()
    found = [(number, models[number - FIRST_CODEBOOK_MODEL]) for number in numbers if number >= FIRST_CODEBOOK_MODEL]
    return {number: TRANSFORMS[model.transform] for number, model in found if model.coder == DctCoder.id}


def want_large_bands(codebook: Codebook | None, numbers: Sequence[int]) -> bool:
    """Whether models, as choose_models gives them, leave much to learn to each band: those for coefficients, and where
    several are for the same images."""
    own = [number - FIRST_CODEBOOK_MODEL for number in numbers if number >= FIRST_CODEBOOK_MODEL]
    models = [codebook.models[number] for number in own] if codebook else []
    widths = [TRANSFORMS[model.transform].bits is None for model in models if model.coder != DctCoder.id]
    return len(widths) < len(models) or len(widths) > len(set(widths))


def _distance(model: Model, effort: int) -> int:
    return abs(model.effort - effort) if model.effort else 100


@lru_cache(maxsize=64)
def coder_for(codebook: Codebook | None, number: int, pixel_format: PixelFormat) -> tuple[Transform, Coder]:
    """The transform and the ready coder of a model number.

    Raises UnsupportedError for numbers and ids that this version does not know, CodebookError where the
    codebook does not have the model or the model is for other images.
    """
    if number == RAW_MODEL:
        return NONE, RawCoder()
    if number in NEUTRAL_MODELS:
        transform, coder = NEUTRAL_MODELS[number]
        if not transform.accepts(pixel_format.components, pixel_format.coded_bits):
            raise FormatError(f"neutral model {number} is for images of {transform.components} components")
        return transform, coder
    if number < FIRST_CODEBOOK_MODEL:
        raise UnsupportedError(f"neutral model {number} is not known to this version of sofc")
    if codebook is None:
        raise CodebookError(f"model {number} needs a codebook and the image names none")
    index = number - FIRST_CODEBOOK_MODEL
    if index >= len(codebook.models):
        raise CodebookError(f"codebook {codebook.name!r} has no model {index}", codebook_id=codebook.id)
    model = codebook.models[index]
    if model.transform not in TRANSFORMS:
        raise UnsupportedError(f"component transform {model.transform} is not known to this version of sofc")
    if not accepts(model, pixel_format):
        raise CodebookError(f"model {index} of codebook {codebook.name!r} is for other images", codebook_id=codebook.id)
    transform = TRANSFORMS[model.transform]
    sections = [codebook.sections[k] for k in model.sections]
    if any(section.coder != model.coder for section in sections):
        raise FormatError(f"model {index} of codebook {codebook.name!r} uses sections of another coder")
    if model.coder == RawCoder.id and not sections:
        return transform, RawCoder()
    if model.coder not in TRAINED:
        raise UnsupportedError(f"coder {model.coder} is not known to this version of sofc")
    trained = TRAINED[model.coder].from_sections([section.data for section in sections])
    if transform is CHAIN:
        if not isinstance(trained, ContextCoder):
            raise FormatError(f"model {index} of codebook {codebook.name!r} is a chain of coder {model.coder}")
        return transform, ChainCoder(trained)
    wanted = len(transform.ranges(model.components, pixel_format.coded_bits)) - transform.corrections
    if trained.planes != wanted:
        raise FormatError(f"model {index} of codebook {codebook.name!r} has {trained.planes} planes, not {wanted}")
    if isinstance(trained, DctCoder) and transform.id != FROM_JPEG[trained.planes]:
        raise FormatError(f"model {index} of codebook {codebook.name!r} has coefficients of transform {transform.name}")
    if model.components != pixel_format.components:
        return transform, SeparateCoder(trained)
    return transform, trained
