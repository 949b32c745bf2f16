"""How planes came about, as coders find it out, and the ways to code them by that."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sofc.band.candidates import DEFAULT_EFFORT, Candidate, Candidates
from sofc.band.mapping import Mapped, Mapping
from sofc.band.pieces import STEP, telling_place
from sofc.band.ways import Way
from sofc.coders.base import Found
from sofc.coders.separate import SeparateCoder
from sofc.image import PixelFormat
from sofc.jpeg.known import Known
from sofc.planes import Plane
from sofc.transforms.components import NONE, Transform

LEAST_SHARE = 0.25
"""Where fewer samples follow from the origin that was found it is not worth coding."""
PIECE, APART_SHARE = 128, 0.9
"""Planes that were a JPEG file each are not looked for where less of a piece with such sides follows from the origin of
the first: what was converted from other components shows their steps, but does not come out of them."""
KEPT, KEPT_SAMPLES = 8, 1 << 22
"""What was found is kept of so many questions, and of no more than the last that are about so many samples together."""
PROBED = 4
"""Whether a transform suits planes is seen from one in so many runs of STEP rows, before it is of all."""
AS_CHANGED, DOUBT = 0.99, 1.02
"""A codebook's changed model, the first of its versions, counts as so much of its cost, which tells of luminance's
prediction alone; where costs are within DOUBT times each other, the other version may be the smaller. Of 40 train
images of DRIVE, PH2, ISIC and BCCD, by codebooks of others, all are coded by the smaller so, without AS_CHANGED one is
not; of twelve cells of malaria-cells ten are, and two take 0.3 % more."""


class _Asked(NamedTuple):
    """Planes that are looked at for an origin: together, by a transform, or, by none, apart."""

    transform: str
    planes: list[Plane]
    pixel_format: PixelFormat
    image_rows: int

    @property
    def samples(self) -> int:
        return sum(plane.size for plane in self.planes)

    def is_same(self, other: _Asked) -> bool:
        """Whether the same is asked of the same samples."""
        return (
            (self.transform, *self[2:]) == (other.transform, *other[2:])
            and len(self.planes) == len(other.planes)
            and all(own is one or np.array_equal(own, one) for own, one in zip(self.planes, other.planes, strict=True))
        )


class _Traced(NamedTuple):
    """Planes as they are to be coded, and how they came about: all of them, or each."""

    planes: list[Plane]
    found: list[Found]


class _Answers:
    """What was found of planes that were looked at last, if anything: whole images are looked at before they are put in
    a group, and again as the group."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[_Asked, _Traced | None], ...] = ()

    def kept_of(self, asked: _Asked) -> list[_Traced | None]:
        """What was found when the same was asked before, if that is kept."""
        return [answer for question, answer in self._kept if question.is_same(asked)]

    def of(self, asked: _Asked, look: Callable[[], _Traced | None]) -> _Traced | None:
        """What ``look`` finds, or found when the same was asked before."""
        known = self.kept_of(asked)
        if known:
            return known[0]
        answer = look()
        kept = [*self._kept[1 - KEPT :], (asked, answer)]
        while len(kept) > 1 and sum(question.samples for question, _ in kept) > KEPT_SAMPLES:
            del kept[0]
        self._kept = tuple(kept)  # threads may each put one here, of which the last stays
        return answer


class Origins:
    """What the models for planes of a certain origin among ``candidates`` find."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates
        self._answers = _Answers()

    def transform(self, pixel_format: PixelFormat, images: int) -> Transform | None:
        """The transform of the models for planes of a certain origin, None where there are none."""
        models = self._candidates.tracing(pixel_format, images)
        return models[0].transform if models else None

    def proved(self, planes: list[Plane], pixel_format: PixelFormat, known: Known) -> Found | None:
        """How the planes of an image, or some rows of one, came to be, if all comes out of what is known of that."""
        models = self._candidates.tracing(pixel_format, images=1)
        if not models or models[0].prove is None:
            return None
        transformed = models[0].transform.forward(planes)
        return models[0].prove(transformed, known)

    def origin_of(self, planes: list[Plane], pixel_format: PixelFormat, known: Known | None = None) -> Found | None:
        """How the planes of an image came to be; None where too little follows from that, or there is no model."""
        if known is not None and (found := self.proved(planes, pixel_format, known)) is not None:
            return found
        ways = self._together(planes, pixel_format, len(planes[0]))
        return ways[0].found if ways else None

    def ways(
        self,
        planes: list[Plane],
        pixel_format: PixelFormat,
        image_rows: int,
        origins: Sequence[Found] = (),
        *,
        were_asked: bool = False,
    ) -> list[Way]:
        """The ways to code planes by their origin: none where they have no such origin, or there is no model.

        ``origins``: what ``origin_of`` gave for each image, if it was asked; ``were_asked``: it was, and gave none.
        """
        found = [] if were_asked else self._together(planes, pixel_format, image_rows, origins)
        return found or self._apart(planes, pixel_format, image_rows)

    def found_before(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int) -> Found | None:
        """What was found of planes together, if they were looked at and that is kept."""
        models = self._candidates.tracing(pixel_format, len(planes[0]) // image_rows)
        if not models:
            return None
        kept = self._answers.kept_of(_Asked(models[0].transform.name, planes, pixel_format, image_rows))
        return kept[0].found[0] if kept and kept[0] else None

    def _together(
        self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int, origins: Sequence[Found] = ()
    ) -> list[Way]:
        models = self._candidates.tracing(pixel_format, len(planes[0]) // image_rows)
        if not models or models[0].trace is None:
            return []
        # One transform goes with the format, and how the planes were made does not depend on the model.
        transform, trace = models[0].transform, models[0].trace

        def look() -> _Traced | None:
            if transform.corrections and not transform.suits(transform.forward(_probe(planes))):
                return None
            transformed = transform.forward(planes)
            if not transform.suits(transformed):
                return None
            if origins:
                found: Found | None = Found.of(origins)
            else:
                ranges = transform.ranges(pixel_format.components, pixel_format.coded_bits)
                found = trace(transformed, ranges, image_rows, len(ranges) - transform.corrections, None)
            return None if found is None or found.share < LEAST_SHARE else _Traced(transformed, [found])

        asked = _Asked(transform.name, planes, pixel_format, image_rows)
        traced = look() if origins else self._answers.of(asked, look)
        if traced is None:
            return []
        (found,), view = traced.found, Mapped(Mapping.NONE, pixel_format, planes, ())
        return [
            Way(view, one.number, transform, one.coder.of_origins(found.origins), traced.planes, found, gain)
            for one, gain in self._likelier_versions(models, found)
        ]

    def _likelier_versions(self, models: Sequence[Candidate], found: Found) -> list[tuple[Candidate, float]]:
        """Of each model that a codebook changes and has as it was, too, the version by which planes likely take less,
        all versions above the default effort where that is in doubt; and each way's gain."""
        versions: dict[tuple[int, ...], list[Candidate]] = {}
        for one in models:
            versions.setdefault(one.unchanged, []).append(one)
        likelier: list[tuple[Candidate, float]] = []
        for first, *others in versions.values():
            costs = first.weighed(others, found.origins) if others else [1]
            least, most = min(costs), max(costs)
            gain = math.sqrt(most / least) if least else 1.0  # about half of the bits are of what errors tell
            judged = [AS_CHANGED * costs[0], *costs[1:]]
            ranked = [one for _, one in sorted(zip(judged, (first, *others), strict=True), key=lambda one: one[0])]
            in_doubt = self._candidates.effort > DEFAULT_EFFORT and most <= DOUBT * least
            likelier += [(one, gain) for one in (ranked if in_doubt else ranked[:1])]
        return likelier

    def _apart(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int) -> list[Way]:
        """The way to code several planes each by its own origin, as colours that JPEG data holds without transform, and
        Y, Cb and Cr that were not converted."""
        if len(planes) == 1:
            return []
        alone = PixelFormat(1, pixel_format.coded_bits, pixel_format.declared_bits)
        models = self._candidates.tracing(alone, len(planes[0]) // image_rows)
        if not models or models[0].trace is None:
            return []
        one, trace = models[0], models[0].trace

        def look() -> _Traced | None:
            ranges = NONE.ranges(len(planes), pixel_format.coded_bits)
            piece = _piece(planes[0][:image_rows])
            hinted = trace([piece], ranges[:1], len(piece), 1, None)
            if hinted is None or hinted.share < APART_SHARE:
                return None
            found = [hinted] if piece.size == planes[0].size else []
            for plane, span in [*zip(planes, ranges, strict=True)][len(found) :]:
                traced = trace([plane], [span], image_rows, 1, found[0] if found else None)
                if traced is None or traced.share < LEAST_SHARE:
                    return None
                found.append(traced)
            return _Traced(planes, found)

        traced = self._answers.of(_Asked("", planes, pixel_format, image_rows), look)
        if traced is None:
            return []
        coders = [one.coder.of_origins(each.origins) for each in traced.found]
        view = Mapped(Mapping.NONE, pixel_format, planes, ())
        return [Way(view, one.number, NONE, SeparateCoder(one.coder, coders), planes, Found.of(traced.found))]


def _probe(planes: Sequence[Plane]) -> list[Plane]:
    """Some of the rows of planes, where these are many."""
    rows = len(planes[0]) // STEP * STEP
    if rows < 2 * PROBED * STEP:
        return list(planes)
    chosen = np.arange(rows).reshape(-1, STEP)[::PROBED].reshape(-1)
    return [np.ascontiguousarray(plane[chosen]) for plane in planes]


def _piece(plane: Plane) -> Plane:
    """The piece that tells most of a plane, its place in the grid of JPEG's blocks kept."""
    top, left = telling_place(plane, PIECE)
    return np.ascontiguousarray(plane[top : top + PIECE, left : left + PIECE])
