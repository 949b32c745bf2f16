"""The encoder's choice to predict bands and groups from earlier images. Nothing here is normative."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sofc.band.coding import Samples, sample_bytes
from sofc.band.likeness import Likeness
from sofc.band.predicted import Extent, departures_of, pack_predicted
from sofc.container.records import CodedSamples
from sofc.image import ImageHeader
from sofc.stream.kept_images import KeptImages

SURELY_BYTES, SURELY_SHARE = 16, 3000
"""Departures of so many bytes, and one for so many samples, are less than any other way takes."""
LIKELY = 0.5
"""So many times what simple prediction takes, the coders hardly ever need less."""


@dataclass(frozen=True)
class PredictedCoding:
    """A band or group of which images are like earlier ones. ``is_sure``: whether no other way takes less.

    ``departures`` is None where the samples take less.
    """

    kept: KeptImages
    extent: Extent
    likenesses: Mapping[int, Likeness]
    departures: bytes | None
    check: int
    code_others: Callable[[], CodedSamples] | None

    @property
    def is_sure(self) -> bool:
        """Whether no other way takes less."""
        if len(self.likenesses) > 1 or self.extent.images > 1:
            return self.departures is not None  # that was asked of each image
        return self.departures is not None and len(self.departures) <= surely(self.extent.header, len(self.extent.rows))

    def at(self, code: Callable[[], CodedSamples], offset: int) -> CodedSamples:
        """How it is coded, told where its chunk begins. ``code`` codes all samples by themselves, and is called where
        that may be needed."""
        placings = {place: one.placing for place, one in self.likenesses.items()}
        earlier = [one.reference for one in placings.values() if one.reference < self.extent.first]
        if self.departures is None or not self.kept.are_near(earlier, offset):
            return code()
        others = None if self.code_others is None else self.code_others()
        predicted = pack_predicted(placings, self.departures, others, self.check)
        if self.is_sure:
            return predicted
        return min(predicted, code(), key=lambda coded: sum(map(len, coded.streams)))


def surely(header: ImageHeader, rows: int) -> int:
    """Bytes of departures of so many rows up to which nothing else is tried."""
    return SURELY_BYTES + rows * header.row_samples // SURELY_SHARE


def estimated_bytes(image: Samples) -> float:
    """About what an image takes by itself: the entropy of differences to the mean of two neighbours."""
    wide = image.astype(np.int32)
    differences = wide[1:, 1:] - ((wide[:-1, 1:] + wide[1:, :-1]) >> 1)
    counts = np.unique(differences, return_counts=True)[1]
    return float(-(counts * np.log2(counts / differences.size)).sum()) / 8


class Predicting:
    """Finds what images follow from, and codes them so."""

    def __init__(self, kept: KeptImages) -> None:
        self._kept = kept

    def if_sure(self, likeness: Likeness | None, image: Samples, header: ImageHeader, number: int) -> Likeness | None:
        """A likeness of a whole image, if this departs from it so little that nothing else takes less. ``number``: that
        of the image."""
        return likeness if self._bytes(likeness, image, header, number) <= surely(header, len(image)) else None

    def if_likely(self, likeness: Likeness | None, image: Samples, header: ImageHeader, number: int) -> Likeness | None:
        """The same, if it most likely takes less than anything else, of samples that no JPEG decoder made."""
        most = max(surely(header, len(image)), int(LIKELY * estimated_bytes(image)))
        return likeness if self._bytes(likeness, image, header, number) <= most else None

    def _bytes(self, likeness: Likeness | None, image: Samples, header: ImageHeader, number: int) -> float:
        if likeness is None:
            return math.inf
        coding = self.coding_of(image, Extent(header, number, 1, range(len(image))), {0: likeness}, None)
        return math.inf if coding.departures is None else len(coding.departures)

    def coding_of(
        self,
        samples: Samples,
        extent: Extent,
        likenesses: Mapping[int, Likeness],
        code_others: Callable[[], CodedSamples] | None,
    ) -> PredictedCoding:
        """The way to code a band or group of which some images follow from earlier ones."""
        stream = departures_of(samples, extent, likenesses, self._kept.references(likenesses))
        check = zlib.crc32(sample_bytes(samples, extent.header.format))
        return PredictedCoding(self._kept, extent, dict(likenesses), stream, check, code_others)
