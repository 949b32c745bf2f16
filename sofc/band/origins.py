"""How planes came about, as coders find it out, and the ways to code them by that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sofc.band.candidates import Candidates
from sofc.band.mapping import Mapped, Mapping
from sofc.band.ways import Way
from sofc.coders.base import Found
from sofc.coders.separate import SeparateCoder
from sofc.image import PixelFormat
from sofc.jpeg.known import Known
from sofc.planes import Plane
from sofc.transforms.components import NONE, Transform

LEAST_SHARE = 0.25
"""Where fewer samples follow from the origin that was found it is not worth coding."""
MIDDLE, APART_SHARE = 128, 0.9
"""Planes that were a JPEG file each are not looked for where less of a piece with such sides follows from the origin of
the first: what was converted from other components shows their steps, but does not come out of them."""


class _Looked(NamedTuple):
    """What was found of planes that were looked at last: whole images are before they are put in a group, and again as
    the group."""

    planes: list[Plane]
    format: PixelFormat
    image_rows: int
    found: Found | None

    def was_at(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int) -> bool:
        """Whether these are the planes."""
        return (
            (self.format, self.image_rows) == (pixel_format, image_rows)
            and len(self.planes) == len(planes)
            and all(map(np.array_equal, self.planes, planes))
        )


class Origins:
    """What the models for planes of a certain origin among ``candidates`` find."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates
        self._last: _Looked | None = None

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

    def _together(
        self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int, origins: Sequence[Found] = ()
    ) -> list[Way]:
        models = self._candidates.tracing(pixel_format, len(planes[0]) // image_rows)
        if not models or models[0].trace is None:
            return []
        # One transform goes with the format, and how the planes were made does not depend on the model.
        transform = models[0].transform
        transformed = transform.forward(planes)
        if not transform.suits(transformed):
            return []
        ranges = transform.ranges(pixel_format.components, pixel_format.coded_bits)
        last = self._last  # another thread may replace it
        if origins:
            found: Found | None = Found.of(origins)
        elif last is not None and last.was_at(transformed, pixel_format, image_rows):
            found = last.found
        else:
            found = models[0].trace(transformed, ranges, image_rows, len(ranges) - transform.corrections, None)
            self._last = _Looked(transformed, pixel_format, image_rows, found)
        if found is None or found.share < LEAST_SHARE:
            return []
        view = Mapped(Mapping.NONE, pixel_format, planes, ())
        return [
            Way(view, one.number, transform, one.coder.of_origins(found.origins), transformed, found) for one in models
        ]

    def _apart(self, planes: list[Plane], pixel_format: PixelFormat, image_rows: int) -> list[Way]:
        """The way to code several planes each by its own origin, as colours that JPEG data holds without transform, and
        Y, Cb and Cr that were not converted."""
        if len(planes) == 1:
            return []
        alone = PixelFormat(1, pixel_format.coded_bits, pixel_format.declared_bits)
        models = self._candidates.tracing(alone, len(planes[0]) // image_rows)
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


def _middle(plane: Plane) -> Plane:
    """A piece from the middle, its place in the grid of JPEG's blocks kept."""
    top, left = (max(0, size - MIDDLE) // 2 & ~15 for size in plane.shape)
    return np.ascontiguousarray(plane[top : top + MIDDLE, left : left + MIDDLE])
