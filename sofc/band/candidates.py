"""Which models may code images of a format: those of a codebook, best first, and the neutral ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from sofc.codebook import Codebook
from sofc.codebook.builtin import is_builtin
from sofc.coders.base import Coder, Descriptor, Prove, Trace
from sofc.coders.registry import CODERS, NEUTRAL_MODELS, accepts, apart, coder_for
from sofc.container.records import FIRST_CODEBOOK_MODEL, RAW_MODEL, Model
from sofc.image import PixelFormat
from sofc.transforms.components import CHAIN, PAPERS, TRANSFORMS, Transform

DEFAULT_EFFORT = 5
FASTEST = (1,)
"""Efforts for which codebooks that change built-in ones have models of their own beside those."""


def serves(codebook: Codebook, pixel_format: PixelFormat) -> bool:
    """Whether a codebook has a model for images of this format: of one bit those for more bits know too little."""
    return any(
        accepts(model, pixel_format)
        and (pixel_format.coded_bits > 1 or model.max_bits == 1)
        and (model.components == pixel_format.components or model.transform == CHAIN.id)
        for model in codebook.models
    )


class Candidate(NamedTuple):
    """A model that may code images of a format: its number in files, and the component transform that goes with it.

    ``trace``: what finds the origin of planes, where the model is only for those of a certain one, and ``prove`` what
    makes sure of one that is known.
    """

    codebook: Codebook | None
    format: PixelFormat
    number: int
    transform: Transform
    trace: Trace | None = None
    prove: Prove | None = None

    @property
    def is_trained(self) -> bool:
        """Whether it stands in the codebook."""
        return self.number >= FIRST_CODEBOOK_MODEL

    @property
    def learns(self) -> bool:
        """Whether what it knows grows while it codes."""
        if self.codebook is None or not self.is_trained:
            return True
        return CODERS[self._model.coder].learns

    @property
    def unchanged(self) -> tuple[int, ...]:
        """What a trained one, and the same with other changes, have in common: the sections without these."""
        assert self.codebook is not None, "it is trained"
        return self.codebook.unchanged(self._model)

    def weighed(self, others: Sequence[Candidate], origins: Sequence[Any]) -> list[int]:
        """About what a part of images of these origins costs by this model, and by others of its coder, to be compared
        with each other; all the same where the coder does not tell."""
        assert self.codebook is not None, "it is trained"
        weigh, sections = CODERS[self._model.coder].weigh, self.codebook.sections
        models = [apart([sections[number] for number in one._model.sections]) for one in (self, *others)]
        return [1] * len(models) if weigh is None else list(weigh(models, origins))

    @property
    def _model(self) -> Model:
        assert self.codebook is not None, "it is trained"
        return self.codebook.models[self.number - FIRST_CODEBOOK_MODEL]

    @property
    def coder(self) -> Coder:
        """The ready coder. Raises as ``coder_for`` does."""
        return coder_for(self.codebook, self.number, self.format)[1]


class _Numbered(NamedTuple):
    """A model and its number in the codebook."""

    number: int
    model: Model


def _prove_of(model: Model) -> Prove | None:
    return CODERS[model.coder].prove if model.coder in CODERS else None


def _trace_of(model: Model) -> Trace | None:
    return CODERS[model.coder].trace if model.coder in CODERS else None


def _goes_with(model: Model, pixel_format: PixelFormat) -> bool:
    """Whether a model is for all components of a format together, with a transform that its coder allows."""
    return (
        model.components == pixel_format.components
        and model.transform in TRANSFORMS
        and CODERS[model.coder].goes_with(TRANSFORMS[model.transform], model.components, pixel_format.coded_bits)
    )


class Candidates:
    """The models of a codebook, and the neutral ones, for an ``effort``; ``coder``: the only one whose models are
    taken."""

    def __init__(self, codebook: Codebook | None, coder: Descriptor | None, effort: int) -> None:
        self.codebook = codebook
        self.coder = coder
        self.effort = effort
        self._found: dict[tuple[PixelFormat, bool, bool], list[Candidate]] = {}

    @cached_property
    def tries_everything(self) -> bool:
        """Whether everything is tried that a built-in codebook has: it is one, or changes one."""
        return self.codebook is not None and (is_builtin(self.codebook) or self.codebook.is_changed)

    def of(self, pixel_format: PixelFormat, images: int = 1, *, are_small: bool = False) -> list[Candidate]:
        """The models that may code so many images of this format together, best first; the last suits any.

        First come those of a certain origin: at efforts 1 and 2 only where their coder is named. Then come the
        codebook's models of the coder named, else those trained for the nearest effort (models that have none serve
        only where there is no other), narrow transforms before wide ones; then neutral models, or raw alone where that
        is named. Chains serve several images of one component, and components that no other model is for. Other models
        for one component serve images of several where the codebook is built in and has no other, or where they
        ``are_small`` and the effort is the fastest: a chain takes 5 ms for each component before the first sample.
        """
        key = pixel_format, images > 1, are_small
        if key not in self._found:
            self._found[key] = self._list(*key)
        return self._found[key]

    def tracing(self, pixel_format: PixelFormat, images: int) -> list[Candidate]:
        """Those of them for planes of a certain origin."""
        return [one for one in self.of(pixel_format, images) if one.trace is not None]

    def _list(self, pixel_format: PixelFormat, are_several: bool, are_small: bool) -> list[Candidate]:
        if self.coder is not None and self.coder.start_training is None:
            return [self._neutral(RAW_MODEL, pixel_format)]
        components = pixel_format.components
        fitting = [
            _Numbered(number, model)
            for number, model in enumerate(self.codebook.models if self.codebook is not None else ())
            if accepts(model, pixel_format)
            and (self.coder is None or model.coder == self.coder.id)
            and (model.transform != CHAIN.id or are_several or components > 1)
        ]
        others = [one for one in fitting if _trace_of(one.model) is None]
        if are_small and self.effort in FASTEST and self.tries_everything:
            others = [one for one in others if one.model.transform != CHAIN.id] or others
        together = [one for one in others if one.model.components == components or one.model.transform == CHAIN.id]
        if components > 1 and any(one.model.transform != CHAIN.id for one in together):
            together = [one for one in together if one.model.transform != CHAIN.id]
        if together or not self.tries_everything:
            others = together
        traced = [one for one in fitting if _trace_of(one.model) is not None and _goes_with(one.model, pixel_format)]
        if self.effort <= 2 and self.coder is None:
            traced = []
        ranked = [one for one in self._nearest(others) if one.model.transform in TRANSFORMS]
        ranked.sort(
            key=lambda one: (
                TRANSFORMS[one.model.transform].bits is None,
                one.model.max_bits,
                abs(one.model.effort - self.effort),
                one.number,
            )
        )
        chosen = [self._trained(one, pixel_format) for one in (*self._nearest(traced), *ranked)]
        neutral = (2, 1) if components == PAPERS.components else (1,)
        return [*chosen, *(self._neutral(number, pixel_format) for number in neutral)]

    def _trained(self, one: _Numbered, pixel_format: PixelFormat) -> Candidate:
        number, transform = FIRST_CODEBOOK_MODEL + one.number, TRANSFORMS[one.model.transform]
        return Candidate(self.codebook, pixel_format, number, transform, _trace_of(one.model), _prove_of(one.model))

    def _neutral(self, number: int, pixel_format: PixelFormat) -> Candidate:
        return Candidate(self.codebook, pixel_format, number, NEUTRAL_MODELS[number][0])

    def _nearest(self, models: Sequence[_Numbered]) -> list[_Numbered]:
        """Those trained for the nearest effort; above the default one those for that, too, and below it those for the
        fastest, so that nothing that takes longer takes more bytes."""
        found: list[_Numbered] = []
        for wanted in (self.effort, DEFAULT_EFFORT if self.effort >= DEFAULT_EFFORT else min(FASTEST)):
            distances = [abs(one.model.effort - wanted) if one.model.effort else 100 for one in models]
            nearest = min(distances, default=0)
            known = {one.model.sections for one in found}  # a model may serve several efforts
            found += [
                one
                for one, far in zip(models, distances, strict=True)
                if far == nearest and one.model.sections not in known
            ]
        return found
