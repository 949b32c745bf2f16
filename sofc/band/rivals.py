"""Ways to code samples as such, and which of them take the least, judged by pieces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sofc.band.candidates import DEFAULT_EFFORT, Candidates
from sofc.band.mapping import Mapped, Mapping, mapped
from sofc.band.pieces import PIECE, SMALL, SMALL_PIECE, Pieces
from sofc.band.plain import neutral_size
from sofc.band.ways import Way
from sofc.coders.labels import looks_labelled
from sofc.coders.registry import CODERS, LABELS_MODEL, NEUTRAL_MODELS
from sofc.container.records import FIRST_CODEBOOK_MODEL
from sofc.image import PixelFormat
from sofc.planes import Plane
from sofc.transforms.components import PAPERS

FINALISTS, QUICK, FAR_OFF = 3, 8, 1.1
"""Of more models than FINALISTS, so many are compared on a piece that code the QUICK-th part of it smallest, in at most
FAR_OFF times what the first takes, and of each view neutral ones that do. Of nine train images of DRIVE, classic and
microscopy the smallest of a piece took at most 1.04 times as much of the part."""
GLIMPSE = 16
"""Of two models that a codebook's changes alone tell apart, that is taken which codes this part of a piece smaller, of
up to 2^18 samples a tile: eight crops of Kodak's train images of 300 x 300, with a codebook of others, take 667,147
bytes, by the QUICK-th part 667,294, and 667,331 by the changed one alone."""
NEAR = 1.1
"""Of small planes a second model is coded in full too, for less of a small image is little to go by: one that learns as
it goes beside one that does not, as a piece tells nothing of these two together, or else the next best, if that is at
most NEAR times as large."""
NEAR_MOVED = 1.03
"""Of two models of a codebook for one effort and one transform of colours, of which one was made for another transform,
both code in full if a piece is at most so many times as large by one as by the other: in tiles of a piece what knows
of places in JPEG's blocks shows too little, by 1 to 4 % of PH2."""
NEAR_NEUTRAL = 4 / 3
"""Beside a neutral model a trained one is coded in full, too, if a piece is at most so many times as large: of a
drawing with a palette it is 1.25 times, and all of it 0.86 times. The fastest effort takes none that is farther off."""
FEW = 1 << 10
"""Of images of fewer bytes a piece tells too little of what a neutral model takes: in few bytes it has hardly begun. Of
planes of fewer samples most of the time is not a coder's, so that of the fastest effort, too, the smallest is taken."""
QUICK_EFFORT = 2
"""Up to this effort less is tried: of neutral models of colours one, of small images of models that do not learn the
narrow ones, and numbers of values only where they take fewer bits."""
LEADS = {1: 9 / 8, 2: 25 / 24}
"""At these efforts a way that learns as it goes must take so much less than the best of the others: to decode it takes
seven to ten times as long, to encode four to seven times. At effort 2 a piece tells whether it does."""
NEUTRAL_LEAD = 1.01
"""At others a neutral model must take so much less of a piece: trained ones learn more of the rest. Of seven train
images of which a piece says 0.99 to 1.01, all of it takes 1.001 to 1.026 times as much."""
LITTLE = 16
"""Where samples take less than a byte for so many places, as drawings and ramps do, a piece tells too little of what is
learned of the whole: a trained model and a neutral one, if a piece is NEAR_NEUTRAL by it, are coded in full."""

Known = dict[tuple[Mapping, int], Way]
"""Ways that were looked at, by what the samples are mapped to and the model."""


class Rivals:
    """The ways to code samples as such by ``candidates``.

    ``below``: those of the lower effort whose models serve at this one, too, so that nothing takes more for more time.
    """

    def __init__(self, candidates: Candidates, below: Rivals | None = None) -> None:
        self._candidates = candidates
        self._codebook = candidates.codebook
        self._below = below

    def best(
        self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int, known: Known | None = None
    ) -> list[Way]:
        """Of several models of the codebook, and of the samples and their mappings, those that code a piece of the
        samples smallest; a trained codebook's first model always. Behind them stands what a lower effort takes.

        ``known``: ways that a higher effort looked at, so that none is judged twice.
        """
        known = {} if known is None else known
        found = self._own(planes, pixel_format, image_rows, known)
        below = [] if self._below is None else self._below.best(planes, pixel_format, image_rows, known)
        others = [way for way in below if way not in found]
        if others and planes[0].size > SMALL_PIECE and self._candidates.effort > QUICK_EFFORT:
            # Else efforts 3 and 4 take as long as 2 and 5 together.
            most = NEAR_NEUTRAL * max(FEW, min(way.size(image_rows) for way in found))
            others = [way for way in others if way.model == LABELS_MODEL or way.size(image_rows) <= most]
        return [*found, *others]

    def _own(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int, known: Known) -> list[Way]:
        everything = self._candidates.tries_everything
        views: Iterable[Mapped] = [Mapped(Mapping.NONE, pixel_format, planes, ())]
        # What a trained codebook learned of the relation between components does not hold for numbers in tables.
        if everything or (self._codebook and len(planes) == 1):
            is_quick = everything and self._candidates.effort <= QUICK_EFFORT and planes[0].size <= SMALL
            views = mapped(planes, pixel_format, narrower=is_quick)
        views = list(views)
        found = [self._suitable(view, image_rows, known) for view in views]
        if not everything and len(found) > 1:
            # Of a trained codebook's models, the first tells which view to take.
            found = [min(found, key=lambda ways: ways[0].size(image_rows))]
        rivals = [way for ways in found for way in ways]
        if everything and self._candidates.effort <= QUICK_EFFORT:
            rivals = _with_likelier_neutral(rivals, image_rows)
        promising = self._promising(rivals, planes, image_rows)
        labelled = self._labelled(views, known)
        if labelled and planes[0].size > PIECE:
            size = sum(map(len, labelled[0].streams(image_rows)))
            # A piece tells too much: what is learned later shows in full only.
            promising = [way for way in promising if way.size(image_rows) < 2 * size]
        return [*promising, *labelled]

    def _labelled(self, views: Iterable[Mapped], known: Known) -> list[Way]:
        """A view of labels as such, where it looks like one."""
        if self._candidates.coder is not None:
            return []
        transform, coder = NEUTRAL_MODELS[LABELS_MODEL]
        return [
            _way(Way(view, LABELS_MODEL, transform, coder), known)
            for view in views
            if len(view.planes) == 1 and view.format.coded_bits > 1 and looks_labelled(view.planes[0])
        ][-1:]

    def _promising(self, rivals: list[Way], planes: list[Plane], image_rows: int) -> list[Way]:
        """Those of the rivals that code a piece smallest."""
        size = planes[0].size
        if len(rivals) == 1 or size <= SMALL_PIECE or (size <= PIECE and not self._candidates.tries_everything):
            # Of so few samples a piece would be all.
            return rivals
        if size <= SMALL and self._candidates.tries_everything:
            return self._best_two(rivals, image_rows)
        judged = sized(rivals, image_rows)
        least, best = min(judged, key=lambda one: one[0] * self._lead(one[1]))
        trained = [rival for rival in rivals if rival.model >= FIRST_CODEBOOK_MODEL]
        if best not in trained and trained and least < FEW:
            return [best, _smallest(trained, image_rows)]
        neutral = [rival for rival in rivals if rival.model < FIRST_CODEBOOK_MODEL]
        if best in trained and neutral and is_little(least, size) and self._candidates.effort > QUICK_EFFORT:
            second = _smallest(neutral, image_rows)
            if second.size(image_rows) <= NEAR_NEUTRAL * least:
                return [best, second]
        # In a piece, little is learned: what models of the collection learn as they go shows in full only.
        first = [] if self._candidates.tries_everything or best is rivals[0] else [rivals[0]]
        others = [rival for rival in rivals if self._effort_of(rival) not in (0, self._effort_of(best))]
        if self._candidates.effort > QUICK_EFFORT and others and not first:
            second = _smallest(others, image_rows)
            is_near = second.size(image_rows) <= NEAR_NEUTRAL * best.size(image_rows)
            return [best, second] if self._effort_of(best) or is_near else [best]
        return [*first, best, *self._moved(judged, least, best)]

    def _moved(self, judged: Sequence[tuple[float, Way]], least: float, best: Way) -> list[Way]:
        """Others for the transform of colours and the effort of the smallest, and nearly as small: built-in ones have
        one model for each, so that these are made of others by a codebook."""
        if len(best.view.planes) == 1 or not self._candidates.tries_everything or not self._effort_of(best):
            return []
        return [
            way
            for size, way in judged
            if way is not best
            and (way.transform, self._effort_of(way)) == (best.transform, self._effort_of(best))
            and size <= NEAR_MOVED * least
        ]

    def _effort_of(self, way: Way) -> int:
        """That of the model, 0 where it has none."""
        if self._codebook is None or way.model < FIRST_CODEBOOK_MODEL:
            return 0
        return self._codebook.models[way.model - FIRST_CODEBOOK_MODEL].effort

    def _best_two(self, rivals: Sequence[Way], image_rows: int) -> list[Way]:
        if self._candidates.effort <= QUICK_EFFORT:
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

    def _lead(self, way: Way) -> float:
        """As how many times as large a way counts, for the time that it takes and what a piece does not show."""
        if way.view.planes[0].size < FEW or not self._learns(way):
            return 1.0
        return LEADS.get(self._candidates.effort, NEUTRAL_LEAD if way.model < FIRST_CODEBOOK_MODEL else 1.0)

    def _learns(self, way: Way) -> bool:
        """Whether what the model knows grows while it codes."""
        if self._codebook is None or way.model < FIRST_CODEBOOK_MODEL:
            return True
        return CODERS[self._codebook.models[way.model - FIRST_CODEBOOK_MODEL].coder].learns

    def _suitable(self, view: Mapped, image_rows: int, known: Known) -> list[Way]:
        """The ways to code a view: with all models whose transforms suit it, where the codebook is built in.

        Without a codebook with the first such model; with another codebook, with its own, and where one with a narrow
        transform suits, not with wide ones. The last model suits anything.
        """
        found: list[Way] = []
        pieces: dict[int, Pieces] = {}  # by transforms, which several models share
        suits: dict[int, bool] = {}
        images, are_small = len(view.planes[0]) // image_rows, view.planes[0].size <= SMALL
        for one in self._candidates.of(view.format, images, are_small=are_small):
            if one.trace is not None:
                continue
            if found and not self._candidates.tries_everything:
                narrow = found[0].transform.bits is not None
                if not one.is_trained or (narrow and one.transform.bits is None):
                    continue
            if one.transform.id not in suits:
                pieces[one.transform.id] = Pieces(view.planes, one.transform)
                suits[one.transform.id] = one.transform.suits(pieces[one.transform.id].tiles(image_rows).planes)
            if suits[one.transform.id]:
                way = Way(view, one.number, one.transform, one.coder, pieces=pieces[one.transform.id])
                found.append(_way(way, known))
        return self._likelier_versions(found, image_rows)

    def _likelier_versions(self, ways: list[Way], image_rows: int) -> list[Way]:
        """Of each model that a codebook changes and has as it was, too, the version that codes a part of a piece
        smaller; all versions above the default effort."""
        if self._candidates.effort > DEFAULT_EFFORT or self._codebook is None or not self._codebook.is_changed:
            return ways
        versions: dict[tuple[int, ...] | int, list[Way]] = {}
        for way in ways:
            is_trained = way.model >= FIRST_CODEBOOK_MODEL
            model = self._codebook.models[way.model - FIRST_CODEBOOK_MODEL] if is_trained else None
            key = way.model if model is None else (model.transform, *self._codebook.unchanged(model))
            versions.setdefault(key, []).append(way)
        return [
            some[0] if len(some) == 1 else min(some, key=lambda way: way.size(image_rows, GLIMPSE))
            for some in versions.values()
        ]


def is_little(size: float, places: int) -> bool:
    """Whether planes of so many places take so little that a piece does not tell what does least."""
    return LITTLE * size < places


def _way(way: Way, known: Known) -> Way:
    """A way, as it was looked at before if it was."""
    return known.setdefault((way.view.mapping, way.model), way)


def _smallest(rivals: Sequence[Way], image_rows: int) -> Way:
    """The rival that codes a piece smallest."""
    return min(sized(rivals, image_rows), key=lambda one: one[0])[1]


def sized(rivals: Sequence[Way], image_rows: int) -> list[tuple[float, Way]]:
    """About the bytes that rivals take, of those that a part of a piece shows to be worth it."""
    if len(rivals) > FINALISTS:
        trained = [rival for rival in rivals if rival.model >= FIRST_CODEBOOK_MODEL]
        # What a neutral model learns, it has not learned from so little, but neither has another of the same samples.
        neutral: dict[Mapping, list[Way]] = {}
        for rival in rivals:
            if rival.model < FIRST_CODEBOOK_MODEL:
                neutral.setdefault(rival.view.mapping, []).append(rival)
        found = [rival for ways in neutral.values() for rival in _near(ways, image_rows)]
        rivals = [*_near(trained, image_rows)[:FINALISTS], *found]
    return [(rival.size(image_rows), rival) for rival in rivals]


def _near(rivals: Sequence[Way], image_rows: int) -> list[Way]:
    """Those that code the QUICK-th part of a piece, of small planes a piece, in at most FAR_OFF times what the smallest
    of them takes, that first."""
    if len(rivals) <= 1:
        return list(rivals)
    parts = QUICK if rivals[0].view.planes[0].size > SMALL else 1
    ranked = sorted(rivals, key=lambda rival: rival.size(image_rows, parts))
    return [rival for rival in ranked if rival.size(image_rows, parts) <= FAR_OFF * ranked[0].size(image_rows, parts)]


def _with_likelier_neutral(ways: Sequence[Way], image_rows: int) -> list[Way]:
    """Of each view in colours, of its neutral models that alone which is likely to take less; all other ways."""
    sizes = {
        way: neutral_size(way.view, way.transform, image_rows)
        for way in ways
        if way.model in NEUTRAL_MODELS and len(way.view.planes) == PAPERS.components
    }
    least = {way.view.mapping: way for way in sorted(sizes, key=lambda way: -sizes[way])}
    return [way for way in ways if way not in sizes or way is least[way.view.mapping]]
