"""The encoder's choice to predict bands and groups from earlier images. Nothing here is normative."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sofc.band.coding import Samples, sample_bytes
from sofc.band.likeness import Likeness
from sofc.band.predicted import Extent, departures_of, pack_predicted
from sofc.container.records import CodedSamples
from sofc.image import ImageHeader
from sofc.stream.kept_images import KeptImages

SURELY_BYTES, SURELY_SHARE = 16, 3000
"""Departures of so many bytes, and one for so many samples, are less than any other way takes."""


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
        return self.departures is not None and len(self.departures) <= surely(self.extent, len(self.likenesses))

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


def surely(extent: Extent, images: int) -> int:
    """Bytes of departures below which nothing else is tried."""
    samples = images * len(extent.rows) * extent.header.row_samples
    return SURELY_BYTES * images + samples // SURELY_SHARE


class Predicting:
    """Finds what images follow from, and codes them so."""

    def __init__(self, kept: KeptImages) -> None:
        self._kept = kept

    def if_sure(self, likeness: Likeness | None, image: Samples, header: ImageHeader, number: int) -> Likeness | None:
        """A likeness of a whole image, if this departs from it so little that nothing else takes less. ``number``: that
        of the image."""
        if likeness is None:
            return None
        coding = self.coding_of(image, Extent(header, number, 1, range(len(image))), {0: likeness}, None)
        return likeness if coding.is_sure else None

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
