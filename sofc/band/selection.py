"""Which value map, transform and model code a band: the encoder's policy. Nothing here is normative."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sofc.band.mapping import Mapped, Mapping, mapped
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook, is_builtin
from sofc.codebook.model import REFERENCE_SIZE
from sofc.coders.base import Coder, Found
from sofc.coders.labels import looks_labelled
from sofc.coders.registry import CODERS, LABELS_MODEL, NEUTRAL_MODELS, accepts, coder_for, named
from sofc.coders.separate import SeparateCoder
from sofc.container.records import FIRST_CODEBOOK_MODEL, RAW_MODEL, Model
from sofc.container.registered import NUMBERS
from sofc.image import PixelFormat
from sofc.jpeg.known import Known
from sofc.planes import Plane, PlaneRange
from sofc.transforms.components import CHAIN, NONE, PAPERS, TRANSFORMS, Transform

PIECE, PIECE_SHARE = 1 << 14, 16
"""Models are compared on so many samples of one plane, or, where that is more, on this part of them."""
SMALL, SMALL_PIECE = 1 << 15, 1 << 12
"""Of planes of at most so many samples on so many. Then a second model is coded in full too, for less of a small image
is little to go by: one that learns as it goes beside one that does not, as a piece tells nothing of these two together,
or else the next best, if that is at most NEAR times as large."""
FINALISTS, QUICK = 3, 8
"""Of more models than FINALISTS, so many are compared on such a piece that code the QUICK-th part of it smallest, and
all neutral ones."""
NEAR = 1.1
DEFAULT_EFFORT = 5
QUICK_EFFORT = 2
"""Up to this effort less is tried of small images: of models that do not learn the narrow ones, and numbers of values
only where they take fewer bits."""
TILE = 32
RUN = 4
LEAST_SHARE, SURE_SHARE, SURE_SIZE = 0.25, 0.6, 1 << 15
"""Where fewer samples follow from the origin that was found it is not worth coding, where more do, of so many in all,
nothing else is as small."""
SMALL_SURE_SHARE, SMALL_SURE_SIZE = 0.8, 1 << 12
"""The same of smaller planes, unless few of the values between the least and the greatest occur: FEW_VALUES at most."""
FEW_VALUES = 0.2
MIDDLE, APART_SHARE = 128, 0.9
"""Planes that were a JPEG file each are not looked for where less of a piece with such sides follows from the origin of
the first: what was converted from other components shows their steps, but does not come out of them."""
CERTAIN_SHARE = 0.85
"""Where less follows from the origin of planes that are not small, steps may be so fine that samples take less."""


def serves(codebook: Codebook, pixel_format: PixelFormat) -> bool:
    """Whether a codebook has a model for images of this format."""
    return any(
        accepts(model, pixel_format) and (model.components == pixel_format.components or model.transform == CHAIN.id)
        for model in codebook.models
    )


Trace = Callable[[Sequence[Plane], Sequence[PlaneRange], int, int, Found | None], Found | None]
Prove = Callable[[Sequence[Plane], Known], Found | None]


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
    def coder(self) -> Coder:
        """The ready coder. Raises as ``coder_for`` does."""
        return coder_for(self.codebook, self.number, self.format)[1]


class Way(NamedTuple):
    """A way to code planes: a view of them, a model for it, and what was found of the planes' origin."""

    view: Mapped
    model: int
    transform: Transform
    coder: Coder
    transformed: list[Plane] | None = None
    found: Found | None = None

    @property
    def share(self) -> float:
        """How much of the samples follows from their origin."""
        return 0 if self.found is None else self.found.share

    @property
    def is_doubtful(self) -> bool:
        """Whether the samples themselves may take less, though most follow from their origin: steps are fine then."""
        return SURE_SHARE <= self.share < CERTAIN_SHARE and self.view.planes[0].size >= SURE_SIZE

    def streams(self, image_rows: int) -> tuple[bytes, ...]:
        """The streams of the table, if any, and of all planes."""
        planes = self.transform.forward(self.view.planes) if self.transformed is None else self.transformed
        return (*self.view.table, *self.coder.encode(planes, self._ranges, image_rows))

    def size(self, image_rows: int, parts: int = 1) -> float:
        """About their bytes, judged by a piece, or a part of one; of planes of a certain origin, which no piece has,
        their bytes."""
        if self.transformed is not None:
            return sum(map(len, self.streams(image_rows)))
        piece, piece_rows = cut_piece(self.view.planes, image_rows, parts)
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


class Selection:
    """The choice among a codebook's models and the neutral ones.

    ``coder``: the name of the only coder whose models are taken. ``effort`` (1-9): that of the models, where there are
    several. ``pick``: the codebook for planes of another format, where the samples of a band are made from such;
    ``arranges``: whether that is looked for. Raises UsageError where the coder is not known.
    """

    def __init__(
        self,
        codebook: Codebook | None,
        coder: str | None,
        effort: int,
        pick: Callable[[PixelFormat], Codebook | None] = lambda _: None,
        arranges: bool = True,
    ) -> None:
        self.codebook = codebook
        self._arranges = arranges
        self._pick = pick
        self._coder = None if coder is None else named(coder)
        self._effort = effort
        self._found: dict[tuple[PixelFormat, int], list[Candidate]] = {}

    def for_format(self, pixel_format: PixelFormat, among: Container[bytes] | None = None) -> Selection:
        """The selection for planes of this format that a band's samples are made from.

        ``among``: the ids of the codebooks that may be picked, None for any.
        """
        codebook = self._pick(pixel_format)
        if codebook is None or (among is not None and codebook.id not in among):
            return self
        other = self._with(codebook, self._arranges)
        return other if other.names_codebook(pixel_format) else self

    def as_they_stand(self) -> Selection:
        """The same, for samples that are coded as they stand."""
        return self._with(self.codebook, arranges=False)

    def _with(self, codebook: Codebook | None, arranges: bool) -> Selection:
        coder = None if self._coder is None else self._coder.name
        return Selection(codebook, coder, self._effort, self._pick, arranges)

    @property
    def arranges(self) -> bool:
        """Whether the samples of a band may be arranged: not where they are to stay as they are."""
        return self._arranges and (self._coder is None or self._coder.start_training is not None)

    @property
    def is_trained(self) -> bool:
        """Whether the codebook may have been trained on images that are arranged alike."""
        return self.codebook is not None and not self._tries_everything

    @cached_property
    def _tries_everything(self) -> bool:
        """Whether everything is tried that a built-in codebook has: it is one, or changes one."""
        if self.codebook is None or is_builtin(self.codebook):
            return self.codebook is not None
        # For the lowest effort codebooks have models of their own beside those of their bases.
        return self.codebook.is_changed and self._effort > 1

    def candidates(self, pixel_format: PixelFormat, images: int = 1) -> list[Candidate]:
        """The models that may code so many images of this format together, best first; the last suits any.

        First come those of a certain origin: at efforts 1 and 2 only where their coder is named. Then come the
        codebook's models of the coder named, else those trained for the nearest effort (models that have none serve
        only where there is no other), narrow transforms before wide ones; then a neutral model, or raw alone where that
        is named. Chains serve several images of one component, and components that no other model is for. Other models
        for one component serve images of several where the codebook is built in and has no other.
        """
        if (pixel_format, images) not in self._found:
            self._found[pixel_format, images] = self._candidates(pixel_format, images)
        return self._found[pixel_format, images]

    def _candidates(self, pixel_format: PixelFormat, images: int) -> list[Candidate]:
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
        if self._effort <= 2 and self._coder is None:
            traced = []
        ranked = [one for one in self._nearest(others) if one.model.transform in TRANSFORMS]
        ranked.sort(
            key=lambda one: (
                TRANSFORMS[one.model.transform].bits is None,
                one.model.max_bits,
                abs(one.model.effort - self._effort),
                one.number,
            )
        )
        if self.codebook is not None and self.codebook.is_changed and not self._tries_everything:
            ranked = [one for one in ranked if self.codebook.owns(one.model)] or ranked
        chosen = [self._trained(one, pixel_format) for one in (*self._nearest(traced), *ranked)]
        return [*chosen, self._neutral(2 if components == PAPERS.components else 1, pixel_format)]

    def _trained(self, one: _Numbered, pixel_format: PixelFormat) -> Candidate:
        number, transform = FIRST_CODEBOOK_MODEL + one.number, TRANSFORMS[one.model.transform]
        return Candidate(self.codebook, pixel_format, number, transform, _trace_of(one.model), _prove_of(one.model))

    def _neutral(self, number: int, pixel_format: PixelFormat) -> Candidate:
        return Candidate(self.codebook, pixel_format, number, NEUTRAL_MODELS[number][0])

    def _nearest(self, models: Sequence[_Numbered]) -> list[_Numbered]:
        """Those trained for the nearest effort; above the default one those for that, too, so that nothing that takes
        longer takes more bytes."""
        found: list[_Numbered] = []
        for wanted in (self._effort, min(self._effort, DEFAULT_EFFORT)):
            distances = [abs(one.model.effort - wanted) if one.model.effort else 100 for one in models]
            nearest = min(distances, default=0)
            known = {one.model.sections for one in found}  # a model may serve several efforts
            found += [
                one
                for one, far in zip(models, distances, strict=True)
                if far == nearest and one.model.sections not in known
            ]
        return found

    def for_core(self, pixel_format: PixelFormat) -> tuple[int, Selection]:
        """The choice for a core image of wide samples, and the number of its built-in codebook in the register, or 0.

        It is this one where its codebook is none, or serves such images, or where a coder is named.
        """
        codebook = self.codebook
        if codebook is None or (not is_builtin(codebook) and (self._coder or serves(codebook, pixel_format))):
            return 0, self
        chosen = builtin_codebook(pixel_format)
        selection = Selection(chosen, None, self._effort)
        selection._coder = self._coder
        return NUMBERS[chosen.id[:REFERENCE_SIZE]], selection

    def size(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int) -> float:
        """About the bytes of planes, by their first way."""
        return self.ways(planes, pixel_format, image_rows)[0].size(image_rows)

    def names_codebook(self, pixel_format: PixelFormat) -> bool:
        """Whether the codebook may code images of this format, so that the file must name it."""
        if pixel_format.wide is not None:  # whose plans name those that are built in
            return self.codebook is not None and not is_builtin(self.codebook)
        return any(one.is_trained for images in (1, 2) for one in self.candidates(pixel_format, images))

    def wants_large_bands(self, pixel_format: PixelFormat) -> bool:
        """Whether the models leave much to learn to each band: those that are built in, those for planes of a certain
        origin, and where several are for the same images."""
        own = [one for one in self.candidates(pixel_format) if one.is_trained]
        widths = [one.transform.bits is None for one in own if one.trace is None]
        return self._tries_everything or len(widths) < len(own) or len(widths) > len(set(widths))

    def ways(
        self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int, traced: Sequence[Way] | None = None
    ) -> list[Way]:
        """The ways to code planes (samples from 0) that are worth trying in full; ``traced``: what that gave.

        Where nearly all samples come out of what is found of their origin, that is coded and nothing else is tried.
        Where that is doubtful, the others are only worth it if a piece takes less.
        """
        ways = list(self.traced(planes, pixel_format, image_rows) if traced is None else traced)
        if not ways or not _is_sure(ways[0].share, planes) or ways[0].is_doubtful:
            ways += self._rivals(planes, pixel_format, image_rows)[: 1 if ways and self._tries_everything else None]
        return ways

    def proved(self, planes: list[Plane], pixel_format: PixelFormat, known: Known) -> Found | None:
        """How the planes of an image, or some rows of one, came to be, if all comes out of what is known of that."""
        models = self._tracing(pixel_format, images=1)
        if not models or models[0].prove is None:
            return None
        transformed = models[0].transform.forward(planes)
        return models[0].prove(transformed, known)

    def origin_of(self, planes: list[Plane], pixel_format: PixelFormat, known: Known | None = None) -> Found | None:
        """How the planes of an image came to be; None where too little follows from that, or there is no model."""
        if known is not None and (found := self.proved(planes, pixel_format, known)) is not None:
            return found
        ways = self._traced_together(planes, pixel_format, len(planes[0]))
        return ways[0].found if ways else None

    def traced(
        self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int, origins: Sequence[Found] = ()
    ) -> list[Way]:
        """The ways to code planes by their origin: none where they have no such origin, or there is no model.

        ``origins``: what ``origin_of`` gave for each image, if it was asked.
        """
        found = self._traced_together(planes, pixel_format, image_rows, origins)
        return found or self._traced_apart(planes, pixel_format, image_rows)

    def _traced_together(
        self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int, origins: Sequence[Found] = ()
    ) -> list[Way]:
        models = self._tracing(pixel_format, len(planes[0]) // image_rows)
        if not models or models[0].trace is None:
            return []
        # One transform goes with the format, and how the planes were made does not depend on the model.
        transform = models[0].transform
        transformed = transform.forward(planes)
        if not transform.suits(transformed):
            return []
        ranges = transform.ranges(pixel_format.components, pixel_format.coded_bits)
        if origins:
            found: Found | None = Found.of(origins)
        else:
            found = models[0].trace(transformed, ranges, image_rows, len(ranges) - transform.corrections, None)
        if found is None or found.share < LEAST_SHARE:
            return []
        view = Mapped(Mapping.NONE, pixel_format, planes, ())
        return [
            Way(view, one.number, transform, one.coder.of_origins(found.origins), transformed, found) for one in models
        ]

    def _traced_apart(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int) -> list[Way]:
        """The way to code several planes each by its own origin, as colours that JPEG data holds without transform, and
        Y, Cb and Cr that were not converted."""
        if len(planes) == 1:
            return []
        alone = PixelFormat(1, pixel_format.coded_bits, pixel_format.declared_bits)
        models = self._tracing(alone, len(planes[0]) // image_rows)
        if not models or models[0].trace is None:
            return []
        one, ranges = models[0], NONE.ranges(len(planes), pixel_format.coded_bits)
        hinted = models[0].trace([_middle(planes[0][:image_rows])], ranges[:1], min(image_rows, MIDDLE), 1, None)
        if hinted is not None and hinted.share < APART_SHARE:
            return []
        found: list[Found] = []
        for plane, span in zip(planes, ranges, strict=True):
            traced = models[0].trace([plane], [span], image_rows, 1, found[0] if found else None)
            if traced is None or traced.share < LEAST_SHARE:
                return []
            found.append(traced)
        coders = [one.coder.of_origins(each.origins) for each in found]
        view = Mapped(Mapping.NONE, pixel_format, planes, ())
        return [Way(view, one.number, NONE, SeparateCoder(one.coder, coders), planes, Found.of(found))]

    def _tracing(self, pixel_format: PixelFormat, images: int) -> list[Candidate]:
        return [one for one in self.candidates(pixel_format, images) if one.trace is not None]

    def tracing_transform(self, pixel_format: PixelFormat, images: int) -> Transform | None:
        """The transform of the models for planes of a certain origin, None where there are none."""
        models = self._tracing(pixel_format, images)
        return models[0].transform if models else None

    def _rivals(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int) -> list[Way]:
        """Of several models of the codebook, and of the samples and their mappings, those that code a piece of the
        samples smallest; a trained codebook's first model always."""
        views: Iterable[Mapped] = [Mapped(Mapping.NONE, pixel_format, planes, ())]
        # What a trained codebook learned of the relation between components does not hold for numbers in tables.
        if self._tries_everything or (self.codebook and len(planes) == 1):
            quick = self._tries_everything and self._effort <= QUICK_EFFORT and planes[0].size <= SMALL
            views = mapped(planes, pixel_format, narrower=quick)
        views = list(views)
        found = [self._suitable(view, image_rows) for view in views]
        if not self._tries_everything and len(found) > 1:
            # Of a trained codebook's models, the first tells which view to take.
            found = [min(found, key=lambda ways: ways[0].size(image_rows))]
        rivals = [way for ways in found for way in ways]
        promising = self._promising(rivals, planes, image_rows)
        labelled = self._labelled(views)
        if labelled and planes[0].size > PIECE:
            size = sum(map(len, labelled[0].streams(image_rows)))
            # A piece tells too much: what is learned later shows in full only.
            promising = [way for way in promising if way.size(image_rows) < 2 * size]
        return [*promising, *labelled]

    def _labelled(self, views: Iterable[Mapped]) -> list[Way]:
        """A view of labels as such, where it looks like one."""
        if self._coder is not None:
            return []
        transform, coder = NEUTRAL_MODELS[LABELS_MODEL]
        return [
            Way(view, LABELS_MODEL, transform, coder)
            for view in views
            if len(view.planes) == 1 and view.format.coded_bits > 1 and looks_labelled(view.planes[0])
        ][-1:]

    def _promising(self, rivals: list[Way], planes: list[Plane], image_rows: int) -> list[Way]:
        """Those of the rivals that code a piece smallest."""
        size = planes[0].size
        if len(rivals) == 1 or size <= SMALL_PIECE or (size <= PIECE and not self._tries_everything):
            # Of so few samples a piece would be all.
            return rivals
        if size <= SMALL and self._tries_everything:
            return self._best_two(rivals, image_rows)
        best = _smallest(rivals, image_rows)
        # In a piece, little is learned: what models of the collection learn as they go shows in full only.
        first = [] if self._tries_everything or best is rivals[0] else [rivals[0]]
        others = [rival for rival in rivals if self._effort_of(rival) not in (0, self._effort_of(best))]
        if self._effort > DEFAULT_EFFORT and others and not first:
            return [best, _smallest(others, image_rows)]
        return [*first, best]

    def _effort_of(self, way: Way) -> int:
        """That of the model, 0 where it has none."""
        if self.codebook is None or way.model < FIRST_CODEBOOK_MODEL:
            return 0
        return self.codebook.models[way.model - FIRST_CODEBOOK_MODEL].effort

    def _best_two(self, rivals: Sequence[Way], image_rows: int) -> list[Way]:
        if self._effort <= QUICK_EFFORT:
            narrow = [rival for rival in rivals if rival.transform.bits is not None or self._learns(rival)]
            if not all(map(self._learns, narrow)):
                rivals = narrow
            if len(rivals) <= 2:
                return list(rivals)
        sizes = {id(rival): rival.size(image_rows) for rival in rivals}
        best, *rest = sorted(rivals, key=lambda rival: sizes[id(rival)])
        others = [rival for rival in rest if self._learns(rival) != self._learns(best)]
        if others:
            return [best, others[0]]
        return [best, *(rival for rival in rest[:1] if sizes[id(rival)] <= NEAR * sizes[id(best)])]

    def _learns(self, way: Way) -> bool:
        """Whether what the model knows grows while it codes."""
        if self.codebook is None or way.model < FIRST_CODEBOOK_MODEL:
            return True
        return CODERS[self.codebook.models[way.model - FIRST_CODEBOOK_MODEL].coder].learns

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


def _middle(plane: Plane) -> Plane:
    """A piece from the middle, its place in the grid of JPEG's blocks kept."""
    top, left = (max(0, size - MIDDLE) // 2 & ~15 for size in plane.shape)
    return np.ascontiguousarray(plane[top : top + MIDDLE, left : left + MIDDLE])


def _smallest(rivals: Sequence[Way], image_rows: int) -> Way:
    """The rival that codes a piece smallest."""
    if len(rivals) > FINALISTS:
        trained = [rival for rival in rivals if rival.model >= FIRST_CODEBOOK_MODEL]
        # What a neutral model learns, it has not learned from so little.
        neutral = [rival for rival in rivals if rival.model < FIRST_CODEBOOK_MODEL]
        rivals = [*sorted(trained, key=lambda rival: rival.size(image_rows, QUICK))[:FINALISTS], *neutral]
    return min(rivals, key=lambda rival: rival.size(image_rows))


def _is_sure(share: float, planes: Sequence[Plane]) -> bool:
    """Whether nothing else than coding the planes' origin, from which ``share`` of the samples follows, is as small."""
    if planes[0].size >= SURE_SIZE:
        return share >= SURE_SHARE
    return planes[0].size >= SMALL_SURE_SIZE and share >= SMALL_SURE_SHARE and _occurring(planes) > FEW_VALUES


def _occurring(planes: Sequence[Plane]) -> float:
    """Which part of the values between the least and the greatest of each plane occurs."""
    counts = [np.bincount((plane - plane.min()).reshape(-1)) for plane in planes]
    return sum(map(np.count_nonzero, counts)) / sum(map(len, counts))


def cut_piece(planes: Sequence[Plane], image_rows: int, parts: int = 1) -> tuple[list[Plane], int]:
    """Tiles of at most 32 x 32 samples from all over the planes, one below the other, and their height.

    They begin at multiples of 8 rows and columns, so that all keep their place in the grid that JPEG leaves; of several
    images RUN that follow each other give theirs from the same place. Planes of at most SMALL_PIECE samples are given
    back whole. ``parts``: one in so many of such tiles is enough.
    """
    rows, width = planes[0].shape
    wanted = SMALL_PIECE if rows * width <= SMALL else max(PIECE, rows * width // PIECE_SHARE) // parts
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
