"""Ways to code samples at the fastest effort: one is chosen from a few rows, and coded; others only where it takes as
much as what needs no model does."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.band.candidates import DEFAULT_EFFORT, FASTEST, Candidates
from sofc.band.mapping import Mapped, Mapping
from sofc.band.pieces import SMALL, SMALL_PIECE
from sofc.band.plain import neutral_size, share_learned
from sofc.band.rivals import FEW, LEADS, QUICK_EFFORT, Known, Rivals, sized
from sofc.band.ways import Way
from sofc.container.records import FIRST_CODEBOOK_MODEL
from sofc.image import PixelFormat
from sofc.planes import Plane
from sofc.transforms.components import NONE, PAPERS

LEAD = LEADS[min(FASTEST)]
VALUES_LEAD = 9 / 8
"""Of SMALL planes numbers of values must take so much less: to read their table takes half as long as all else of a
digit of MNIST."""

OTHERS_LEAD = 1.02
"""In a few rows a built-in model must take so much less than one that a codebook has beside it: these rows tell sizes
to 2 %, and what was made for a collection is likelier to be the smaller."""

FAR_BELOW, WITHOUT_MODEL = 0.95, 1.1
"""Nothing else is tried beside a way that takes at most FAR_BELOW times as much as a neutral model is likely to by its
fixed prediction; others are where it takes more than WITHOUT_MODEL times as much: of images of eleven sets none but
drawings had a neutral model in the LEAD at less. Between these a few rows tell what the prediction that learns makes of
gray images, and of colours whose components tell little of each other, which no trained model is for: of noise that is
independent in three components these take 1.06 to 1.1 times as much."""


def rivals_of(candidates: Candidates) -> Rivals:
    """The ways to code samples as such by models for an effort."""
    effort = candidates.effort
    if effort in FASTEST:
        return FastestRivals(candidates)
    if effort == DEFAULT_EFFORT:
        return Rivals(candidates)
    lower = max(fixed for fixed in (*FASTEST, QUICK_EFFORT, DEFAULT_EFFORT) if fixed < effort)
    return Rivals(candidates, rivals_of(Candidates(candidates.codebook, candidates.coder, lower)))


class FastestRivals(Rivals):
    """The same at the fastest effort."""

    def _own(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int, known: Known) -> list[Way]:
        """As for others; but of colours that a narrow transform suits, or a model that a codebook has beside built-in
        ones, tables of values are not looked for."""
        knows_many = self._candidates.tries_everything or bool(self._codebook and self._codebook.bases)
        if knows_many and len(planes) > 1 and planes[0].size > SMALL_PIECE:
            ways = self._suitable(Mapped(Mapping.NONE, pixel_format, planes, ()), image_rows, known)
            best = self._best_trained(ways, image_rows)
            is_special = best is not None and (best.transform.bits is not None or self._owns(best.model))
            if best is not None and is_special and self._is_enough(best, image_rows):
                return [best]
        return super()._own(planes, pixel_format, image_rows, known)

    def _promising(self, rivals: list[Way], planes: list[Plane], image_rows: int) -> list[Way]:
        """The only one that is worth trying in full, or two of which a piece tells too little."""
        if not self._candidates.tries_everything:
            return super()._promising(rivals, planes, image_rows)
        size = planes[0].size
        if size <= SMALL_PIECE:
            return [self._quickest(rivals, image_rows)]
        learning = [way for way in rivals if self._learns(way)]
        trained = self._best_trained(rivals, image_rows)
        if trained is not None:
            if not learning or self._is_enough(trained, image_rows):
                return [trained]
            learning = [trained, *learning]
        if size <= SMALL:
            return [self._quickest(self._best_two(learning, image_rows), image_rows)]
        judged = sized(learning, image_rows)
        least, best = min(judged, key=lambda one: one[0])
        if trained is not None and best is not trained and least < FEW:
            return [best, trained]
        return [min(judged, key=lambda one: one[0] * self._lead(one[1]))[1]]

    def _best_trained(self, rivals: Sequence[Way], image_rows: int) -> Way | None:
        """Of the ways that do not learn the one that codes some rows smallest, None where all do. Which model does is
        asked of numbers of values where there are such, and whether these take less of that model alone.

        Where a transform for samples of so many bits suits, others are by models alone that a codebook has beside the
        built-in ones: of nine sets, only drawings took less otherwise.
        """
        trained = [way for way in rivals if not self._learns(way)]
        if any(way.transform.bits is not None for way in trained):
            trained = [way for way in trained if way.transform.bits is not None or self._owns(way.model)]
        near: list[Way] = []
        for count in {len(way.view.planes): None for way in trained}:
            alike = [way for way in trained if len(way.view.planes) == count]
            first = self._smallest([way for way in alike if way.view is alike[-1].view], image_rows)
            near += [way for way in alike if way.model == first.model]
        return self._smallest(near, image_rows) if near else None

    def _smallest(self, ways: Sequence[Way], image_rows: int) -> Way:
        """By some rows, if there are several, where built-in ones must have an OTHERS_LEAD."""
        if len(ways) == 1:
            return ways[0]

        def size(way: Way) -> float:
            return way.glimpsed_size(image_rows) * self._lead(way) * (1 if self._owns(way.model) else OTHERS_LEAD)

        return min(ways, key=size)

    def _is_enough(self, way: Way, image_rows: int) -> bool:
        """Whether no neutral model is likely to be in the LEAD."""
        size, are_colours = way.full_size(image_rows), len(way.view.planes) == PAPERS.components
        plain = neutral_size(way.view, PAPERS if are_colours else NONE, image_rows)
        if size <= FAR_BELOW * plain:
            return True
        if size > WITHOUT_MODEL * plain:
            return False
        apart = neutral_size(way.view, NONE, image_rows) if are_colours else plain
        if apart > WITHOUT_MODEL * plain:
            return True
        return size <= LEAD * min(plain, apart) * share_learned(way.view, image_rows)

    def _quickest(self, rivals: Sequence[Way], image_rows: int) -> Way:
        """The smallest, where a way that takes longer must have a LEAD."""
        return min(rivals, key=lambda way: way.full_size(image_rows) * self._lead(way))

    def _lead(self, way: Way) -> float:
        """The same, of numbers of values, too."""
        is_late = way.view.planes[0].size <= SMALL and way.view.mapping is not Mapping.NONE
        return super()._lead(way) * (VALUES_LEAD if is_late else 1)

    def _owns(self, number: int) -> bool:
        """Whether the model is one that a codebook with built-in ones has beside these."""
        if self._codebook is None or not self._codebook.bases or number < FIRST_CODEBOOK_MODEL:
            return False
        return self._codebook.owns(self._codebook.models[number - FIRST_CODEBOOK_MODEL])
