"""Which value map, transform and model code a band: the encoder's policy. Nothing here is normative."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from sofc.band.mapping import Mapped, Mapping, mapped
from sofc.codebook import Codebook
from sofc.codebook.builtin import is_builtin
from sofc.coders.base import Coder, Found
from sofc.coders.registry import CODERS, NEUTRAL_MODELS, accepts, coder_for, named
from sofc.container.records import FIRST_CODEBOOK_MODEL, RAW_MODEL, Model
from sofc.image import PixelFormat
from sofc.planes import Plane, PlaneRange
from sofc.transforms.components import CHAIN, PAPERS, TRANSFORMS, Transform

PIECE, PIECE_SHARE = 1 << 14, 16
"""Models are compared on so many samples of one plane, or, where that is more, on this part of them."""
TILE = 32
RUN = 4
LEAST_SHARE, SURE_SHARE, SURE_SIZE = 0.25, 0.6, 1 << 15
"""Where fewer samples follow from the origin that was found it is not worth coding, where more do, of so many in all,
nothing else is as small."""


def serves(codebook: Codebook, pixel_format: PixelFormat) -> bool:
    """Whether a codebook has a model for images of this format."""
    return any(
        accepts(model, pixel_format) and (model.components == pixel_format.components or model.transform == CHAIN.id)
        for model in codebook.models
    )


Trace = Callable[[Sequence[Plane], Sequence[PlaneRange], int, int], Found[Any] | None]


class Candidate(NamedTuple):
    """A model that may code images of a format: its number in files, and the component transform that goes with it.

    ``trace``: what finds the origin of planes, where the model is only for those of a certain one.
    """

    codebook: Codebook | None
    format: PixelFormat
    number: int
    transform: Transform
    trace: Trace | None = None

    @property
    def is_trained(self) -> bool:
        """Whether it stands in the codebook."""
        return self.number >= FIRST_CODEBOOK_MODEL

    @property
    def coder(self) -> Coder:
        """The ready coder. Raises as ``coder_for`` does."""
        return coder_for(self.codebook, self.number, self.format)[1]


class Way(NamedTuple):
    """A way to code planes: a view of them, a model for it, and what was found of the planes' origin.

    ``share``: how much of the samples follows from that origin.
    """

    view: Mapped
    model: int
    transform: Transform
    coder: Coder
    transformed: list[Plane] | None = None
    share: float = 0

    def streams(self, image_rows: int) -> tuple[bytes, ...]:
        """The streams of the table, if any, and of all planes."""
        planes = self.transform.forward(self.view.planes) if self.transformed is None else self.transformed
        return (*self.view.table, *self.coder.encode(planes, self._ranges, image_rows))

    def size(self, image_rows: int) -> float:
        """About their bytes, judged by a piece."""
        piece, piece_rows = cut_piece(self.view.planes, image_rows)
        streams = self.coder.encode(self.transform.forward(piece), self._ranges, piece_rows)
        share = piece[0].size / self.view.planes[0].size
        return sum(map(len, self.view.table)) + sum(map(len, streams)) / share

    @property
    def _ranges(self) -> list[PlaneRange]:
        return self.transform.ranges(self.view.format.components, self.view.format.coded_bits)


class _Numbered(NamedTuple):
    """A model and its number in the codebook."""

    number: int
    model: Model


def _trace_of(model: Model) -> Trace | None:
    return CODERS[model.coder].trace if model.coder in CODERS else None


def _goes_with(model: Model, pixel_format: PixelFormat) -> bool:
    """Whether a model is for all components of a format together, with a transform that its coder allows."""
    return (
        model.components == pixel_format.components
        and model.transform in TRANSFORMS
        and CODERS[model.coder].goes_with(TRANSFORMS[model.transform], model.components, pixel_format.coded_bits)
    )


class Selection:
    """The choice among a codebook's models and the neutral ones.

    ``coder``: the name of the only coder whose models are taken. ``effort`` (1-9): that of the models, where there are
    several. Raises UsageError where the coder is not known.
    """

    def __init__(self, codebook: Codebook | None, coder: str | None, effort: int) -> None:
        self.codebook = codebook
        self._coder = None if coder is None else named(coder)
        self._effort = effort

    @cached_property
    def _tries_everything(self) -> bool:
        """Whether nothing is known of the images, so that everything is tried: the codebook is built in."""
        return self.codebook is not None and is_builtin(self.codebook)

    def candidates(self, pixel_format: PixelFormat, images: int = 1) -> list[Candidate]:
        """The models that may code so many images of this format together, best first; the last suits any.

        First come those of a certain origin, for single images: at efforts 1 and 2 only where their coder is named.
        Then come the codebook's models of the coder named, else those trained for the nearest effort (models that have
        none serve only where there is no other), narrow transforms before wide ones; then a neutral model, or raw alone
        where that is named. Chains serve several images of one component, and components that no other model is for.
        Other models for one component serve images of several where the codebook is built in and has no other.
        """
        if self._coder is not None and self._coder.start_training is None:
            return [self._neutral(RAW_MODEL, pixel_format)]
        components = pixel_format.components
        fitting = [
            _Numbered(number, model)
            for number, model in enumerate(self.codebook.models if self.codebook is not None else ())
            if accepts(model, pixel_format)
            and (self._coder is None or model.coder == self._coder.id)
            and (model.transform != CHAIN.id or images > 1 or components > 1)
        ]
        others = [one for one in fitting if _trace_of(one.model) is None]
        together = [one for one in others if one.model.components == components or one.model.transform == CHAIN.id]
        if components > 1 and any(one.model.transform != CHAIN.id for one in together):
            together = [one for one in together if one.model.transform != CHAIN.id]
        if together or not self._tries_everything:
            others = together
        traced = [one for one in fitting if _trace_of(one.model) is not None and _goes_with(one.model, pixel_format)]
        if images > 1 or (self._effort <= 2 and self._coder is None):
            traced = []
        ranked = [one for one in self._nearest(others) if one.model.transform in TRANSFORMS]
        ranked.sort(key=lambda one: (TRANSFORMS[one.model.transform].bits is None, one.model.max_bits, one.number))
        chosen = [self._trained(one, pixel_format) for one in (*self._nearest(traced), *ranked)]
        return [*chosen, self._neutral(2 if components == PAPERS.components else 1, pixel_format)]

    def _trained(self, one: _Numbered, pixel_format: PixelFormat) -> Candidate:
        number, transform = FIRST_CODEBOOK_MODEL + one.number, TRANSFORMS[one.model.transform]
        return Candidate(self.codebook, pixel_format, number, transform, _trace_of(one.model))

    def _neutral(self, number: int, pixel_format: PixelFormat) -> Candidate:
        return Candidate(self.codebook, pixel_format, number, NEUTRAL_MODELS[number][0])

    def _nearest(self, models: Sequence[_Numbered]) -> list[_Numbered]:
        """Those trained for the nearest effort."""

        def distance(one: _Numbered) -> int:
            return abs(one.model.effort - self._effort) if one.model.effort else 100

        nearest = min(map(distance, models), default=0)
        return [one for one in models if distance(one) == nearest]

    def names_codebook(self, pixel_format: PixelFormat) -> bool:
        """Whether the codebook may code images of this format, so that the file must name it."""
        return any(one.is_trained for images in (1, 2) for one in self.candidates(pixel_format, images))

    def wants_large_bands(self, pixel_format: PixelFormat) -> bool:
        """Whether the models leave much to learn to each band: those that are built in, those for planes of a certain
        origin, and where several are for the same images."""
        own = [one for one in self.candidates(pixel_format) if one.is_trained]
        widths = [one.transform.bits is None for one in own if one.trace is None]
        return self._tries_everything or len(widths) < len(own) or len(widths) > len(set(widths))

    def ways(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int) -> list[Way]:
        """The ways to code planes (samples from 0) that are worth trying in full.

        Where nearly all samples come out of what is found of their origin, that is coded and nothing else is tried.
        """
        ways = self._traced(planes, pixel_format, image_rows)
        if not ways or ways[0].share < SURE_SHARE or planes[0].size < SURE_SIZE:
            ways += self._rivals(planes, pixel_format, image_rows)
        return ways

    def _traced(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int) -> list[Way]:
        """The ways to code planes by their origin: none where they have no such origin, or there is no model."""
        models = [one for one in self.candidates(pixel_format, len(planes[0]) // image_rows) if one.trace is not None]
        if not models or models[0].trace is None:
            return []
        # One transform goes with the format, and how the planes were made does not depend on the model.
        transform = models[0].transform
        transformed = transform.forward(planes)
        if not transform.suits(transformed):
            return []
        ranges = transform.ranges(pixel_format.components, pixel_format.coded_bits)
        found = models[0].trace(transformed, ranges, image_rows, len(ranges) - transform.corrections)
        if found is None or found.share < LEAST_SHARE:
            return []
        view = Mapped(Mapping.NONE, pixel_format, planes, ())
        return [Way(view, one.number, transform, found.coder(one.coder), transformed, found.share) for one in models]

    def _rivals(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int) -> list[Way]:
        """Of several models of the codebook, and of the samples and their mappings, those that code a piece of the
        samples smallest; a trained codebook's first model always."""
        views: Iterable[Mapped] = [Mapped(Mapping.NONE, pixel_format, planes, ())]
        # What a trained codebook learned of the relation between components does not hold for numbers in tables.
        if self._tries_everything or (self.codebook and len(planes) == 1):
            views = mapped(planes, pixel_format)
        found = [self._suitable(view, image_rows) for view in views]
        if not self._tries_everything and len(found) > 1:
            # Of a trained codebook's models, the first tells which view to take.
            found = [min(found, key=lambda ways: ways[0].size(image_rows))]
        rivals = [way for ways in found for way in ways]
        if len(rivals) == 1 or planes[0].size <= PIECE:
            # Of so few samples a piece would be all.
            return rivals
        best = min(rivals, key=lambda rival: rival.size(image_rows))
        # In a piece, little is learned: what models of the collection learn as they go shows in full only.
        return [best] if self._tries_everything or best is rivals[0] else [rivals[0], best]

    def _suitable(self, view: Mapped, image_rows: int) -> list[Way]:
        """The ways to code a view: with all models whose transforms suit it, where the codebook is built in.

        Without a codebook with the first such model; with another codebook, with its own, and where one with a narrow
        transform suits, not with wide ones. The last model suits anything.
        """
        piece, _ = cut_piece(view.planes, image_rows)
        found: list[Way] = []
        for one in self.candidates(view.format, len(view.planes[0]) // image_rows):
            if one.trace is not None:
                continue
            if found and not self._tries_everything:
                narrow = found[0].transform.bits is not None
                if not one.is_trained or (narrow and one.transform.bits is None):
                    continue
            if one.transform.suits(one.transform.forward(piece)):
                found.append(Way(view, one.number, one.transform, one.coder))
        return found


def cut_piece(planes: Sequence[Plane], image_rows: int) -> tuple[list[Plane], int]:
    """Tiles of at most 32 x 32 samples from all over the planes, one below the other, and their height.

    They begin at multiples of 8 rows and columns, so that all keep their place in the grid that JPEG leaves; of several
    images RUN that follow each other give theirs from the same place. Planes of at most PIECE samples are given back
    whole.
    """
    rows, width = planes[0].shape
    wanted = max(PIECE, rows * width // PIECE_SHARE)
    if rows * width <= wanted:
        return list(planes), image_rows
    height, breadth = min(TILE, image_rows), min(TILE, width)
    tiles = wanted // (height * breadth)
    images = rows // image_rows
    run = min(images, RUN)
    runs = max(1, tiles // run)
    tiles = runs * run
    places = []
    for tile in range(tiles):
        place = tile // run
        across, down = 2 * place + 1, 2 * (3 * place % runs) + 1
        top = (image_rows - height) * down // (2 * runs) & ~7
        left = (width - breadth) * across // (2 * runs) & ~7
        image = place * (images - run) // max(1, runs - 1) + tile % run
        places.append((image * image_rows + top, left))
    piece = [
        np.concatenate([plane[top : top + height, left : left + breadth] for top, left in places]) for plane in planes
    ]
    return piece, height
