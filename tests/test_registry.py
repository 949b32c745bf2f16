"""Models of codebooks: which are taken, and which are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scenes import packed_weights

from sofc.band.selection import Selection
from sofc.codebook import Codebook
from sofc.coders.context.section import BLOCK_BITS, pack_plan, unpack_plan
from sofc.coders.registry import coder_for
from sofc.container.records import FIRST_CODEBOOK_MODEL, RAW_MODEL, Model, Section
from sofc.entropy.mixture import MOST_CONTEXTS, neutral_weights
from sofc.errors import CodebookError, FormatError, LimitError, UnsupportedError, UsageError
from sofc.image import PixelFormat

VECTORS = Path(__file__).resolve().parent.parent / "spec" / "vectors"
GRAY = PixelFormat(1, 8, 8)
COLOUR = PixelFormat(3, 8, 8)


def vector(name: str) -> Codebook:
    """A codebook of the conformance vectors."""
    return Codebook.from_bytes((VECTORS / f"{name}.sofcb").read_bytes())


def choose(codebook: Codebook, pixel_format: PixelFormat, coder: str | None, effort: int) -> tuple[int, ...]:
    """Numbers of the models that may code one image."""
    return tuple(one.number for one in Selection(codebook, coder, effort).candidates(pixel_format))


def with_model(codebook: Codebook, model: Model, sections: tuple[Section, ...] | None = None) -> Codebook:
    """The codebook with this model alone."""
    return Codebook("changed", (model,), codebook.sections if sections is None else sections)


def test_models_are_chosen_by_effort_and_coder() -> None:
    codebook = vector("context-gray")
    efforts = [model.effort for model in codebook.models]
    for effort in range(1, 10):
        first = choose(codebook, GRAY, None, effort)[0] - FIRST_CODEBOOK_MODEL
        assert abs(efforts[first] - effort) == min(abs(known - effort) for known in efforts)
    assert choose(codebook, GRAY, "raw", 5) == (RAW_MODEL,)
    assert choose(codebook, COLOUR, None, 5) == (2, 1)
    assert choose(codebook, GRAY, "shape", 5) == (1,)
    with pytest.raises(UsageError, match="no coder"):
        choose(codebook, GRAY, "shapes", 5)


def test_models_without_effort_serve_by_name_or_alone() -> None:
    shape, context = vector("shape-gray"), vector("context-gray")
    count = len(shape.sections)
    moved = tuple(replace(m, sections=tuple(k + count for k in m.sections)) for m in context.models)
    both = Codebook("both", shape.models + moved, shape.sections + context.sections)
    assert choose(both, GRAY, None, 5)[0] != FIRST_CODEBOOK_MODEL
    assert choose(both, GRAY, "shape", 5)[0] == FIRST_CODEBOOK_MODEL
    assert choose(shape, GRAY, None, 5)[0] == FIRST_CODEBOOK_MODEL


def test_the_lattice_comes_before_other_transforms() -> None:
    lattice, colour = vector("interleaved-lattice"), vector("interleaved-colour")
    count = len(colour.sections)
    moved = tuple(replace(m, sections=tuple(k + count for k in m.sections)) for m in lattice.models)
    both = Codebook("both", colour.models + moved, colour.sections + lattice.sections)
    assert choose(both, COLOUR, None, 1) == (FIRST_CODEBOOK_MODEL + 1, FIRST_CODEBOOK_MODEL, 2, 1)


def test_unfit_models_are_refused() -> None:
    codebook = vector("interleaved-colour")
    model = codebook.models[0]
    first = FIRST_CODEBOOK_MODEL
    with pytest.raises(CodebookError, match="other images"):
        coder_for(codebook, first, GRAY)
    with pytest.raises(CodebookError, match="no model"):
        coder_for(codebook, first + 1, COLOUR)
    with pytest.raises(CodebookError, match="names none"):
        coder_for(None, first, COLOUR)
    with pytest.raises(UnsupportedError, match="neutral model"):
        coder_for(None, 63, COLOUR)
    with pytest.raises(FormatError, match="neutral model"):
        coder_for(None, 2, GRAY)
    with pytest.raises(UnsupportedError, match="transform"):
        coder_for(with_model(codebook, replace(model, transform=99)), first, COLOUR)
    with pytest.raises(UnsupportedError, match="coder 99"):
        sections = tuple(replace(section, coder=99) for section in codebook.sections)
        coder_for(with_model(codebook, replace(model, coder=99), sections), first, COLOUR)
    with pytest.raises(FormatError, match="another coder"):
        coder_for(with_model(codebook, replace(model, coder=2)), first, COLOUR)
    with pytest.raises(FormatError, match="2 planes, not 3"):
        coder_for(with_model(codebook, replace(model, sections=model.sections[:2])), first, COLOUR)


def test_a_small_codebook_cannot_ask_for_much_memory() -> None:
    codebook = vector("context-gray")
    model = codebook.models[-1]
    plan, counters, mixers = model.sections
    known = unpack_plan(codebook.sections[plan].data, 0)
    most = np.full(MOST_CONTEXTS, BLOCK_BITS.stop - 1)
    large = replace(known, contexts=np.zeros((MOST_CONTEXTS, 4), np.int64), block_bits=most)
    added = [
        (codebook.sections[plan], pack_plan(large)),
        (codebook.sections[mixers], packed_weights(MOST_CONTEXTS, 1, neutral_weights(MOST_CONTEXTS))),
    ]
    first = len(codebook.sections)
    sections = (*codebook.sections, *(replace(section, data=data) for section, data in added))
    chosen = (plan, first, counters, counters, mixers, first + 1)
    greedy = with_model(codebook, replace(model, components=2, sections=chosen), sections)
    with pytest.raises(LimitError, match="bit models"):
        coder_for(greedy, FIRST_CODEBOOK_MODEL, PixelFormat(2, 8, 8))
