"""Which coders there are, and the coder of each model number.

Model numbers in a file: 0 is raw; 1 to 63 are neutral models, which need no codebook; 64 + k is model k
of the image's codebook.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sofc.codebook import Codebook
from sofc.coders import bilevel, context, dct, interleaved, labels, raw, shape
from sofc.coders.base import Coder, Descriptor
from sofc.coders.separate import SeparateCoder
from sofc.container.records import CHANGE, FIRST_CODEBOOK_MODEL, RAW_MODEL, Model, Section
from sofc.errors import CodebookError, FormatError, UnsupportedError, UsageError
from sofc.image import PixelFormat
from sofc.transforms.components import CHAIN, NONE, PAPERS, TRANSFORMS, Transform

CODERS: dict[int, Descriptor] = {
    module.CODER.id: module.CODER for module in (raw, shape, labels, context, bilevel, dct, interleaved)
}
"""Every coder by its number in codebooks."""

LABELS_MODEL = 3
NEUTRAL_MODELS: dict[int, tuple[Transform, Coder]] = {
    RAW_MODEL: (NONE, raw.RawCoder()),
    1: (NONE, shape.NeutralShapeCoder()),
    2: (PAPERS, shape.NeutralShapeCoder()),
    LABELS_MODEL: (NONE, labels.LabelsCoder()),
}


def named(name: str) -> Descriptor:
    """The coder of a name. Raises UsageError."""
    names = {coder.name: coder for coder in CODERS.values()}
    if name not in names:
        raise UsageError(f"there is no coder {name!r}; known are {', '.join(names)}")
    return names[name]


def accepts(model: Model, pixel_format: PixelFormat) -> bool:
    """Whether a codebook's model can code images of this format; one for one component can code each of several."""
    if model.components not in (1, pixel_format.components) or pixel_format.coded_bits > model.max_bits:
        return False
    transform = TRANSFORMS.get(model.transform)
    return transform is None or transform.accepts(model.components, pixel_format.coded_bits)


def apart(sections: Sequence[Section]) -> tuple[list[bytes], list[bytes]]:
    """Spec codebook/changes. The sections of a model, and of each its change, empty where it has none. Raises
    FormatError."""
    plain: list[bytes] = []
    changes: list[bytes] = []
    for section in sections:
        if section.kind != CHANGE:
            plain.append(section.data)
            changes.append(b"")
        elif not plain or changes[-1] or not section.data:
            raise FormatError("a section that changes others follows none, or changes nothing")
        else:
            changes[-1] = section.data
    return plain, changes


READY = 15
"""Coders that are kept ready: one of the larger has 67 MB of bit models, whatever the format of the images. Nine are
asked for each image of 16 bits at the default effort, and as many as five more that a codebook changed, so that of
fewer none would ever be found again."""


def coder_for(codebook: Codebook | None, number: int, pixel_format: PixelFormat) -> tuple[Transform, Coder]:
    """The transform and the ready coder of a model number.

    Raises UnsupportedError for numbers and ids that this version does not know, CodebookError where the
    codebook does not have the model or the model is for other images.
    """
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
    transform, trained = TRANSFORMS[model.transform], ready(codebook, index)
    if transform is CHAIN:
        chain = CODERS[model.coder].chain
        if chain is None:
            raise FormatError(
                f"model {index} of codebook {codebook.name!r} is a chain of coder {CODERS[model.coder].name}"
            )
        return transform, chain(trained)
    if trained.planes not in (None, model.components):
        raise FormatError(
            f"model {index} of codebook {codebook.name!r} has {trained.planes} planes, not {model.components}"
        )
    descriptor = CODERS[model.coder]
    if not descriptor.goes_with(transform, model.components, pixel_format.coded_bits):
        raise FormatError(
            f"model {index} of codebook {codebook.name!r} is of coder {descriptor.name}, which does not go with "
            f"transform {transform.name} and samples of {pixel_format.coded_bits} bits"
        )
    if model.components != pixel_format.components:
        return transform, SeparateCoder(trained)
    return transform, trained


@lru_cache(maxsize=READY)
def ready(codebook: Codebook, index: int) -> Any:
    """The coder of a codebook's model, made of its sections. Raises FormatError, and UnsupportedError for a coder that
    this version does not know."""
    model = codebook.models[index]
    sections = [codebook.sections[k] for k in model.sections]
    if any(section.coder != model.coder for section in sections):
        raise FormatError(f"model {index} of codebook {codebook.name!r} uses sections of another coder")
    if model.coder not in CODERS:
        raise UnsupportedError(f"coder {model.coder} is not known to this version of sofc")
    return CODERS[model.coder].from_sections(*apart(sections))
