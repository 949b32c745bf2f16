"""The encoder's choice to predict bands and groups from earlier images. Nothing here is normative."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sofc.band.alike import Kept, best_guide, is_binary
from sofc.band.coding import Samples, sample_bytes
from sofc.band.likeness import Likeness
from sofc.band.predicted import (
    Extent,
    departures_of,
    pack_guided,
    pack_predicted,
    reference_of,
    verify_departures,
    verify_guided,
)
from sofc.codebook import Codebook
from sofc.container.likeness import Placing
from sofc.container.records import CodedSamples
from sofc.entropy.logarithms import LOG_ONE, times_log2
from sofc.image import ImageHeader
from sofc.stream.costs import Account, Asked
from sofc.stream.kept_images import KeptImages

SURELY_BYTES, SURELY_SHARE = 16, 3000
"""Departures of so many bytes, and one for so many samples, are less than any other way takes."""
LIKELY = 0.5
"""So many times what simple prediction takes, the coders hardly ever need less."""


@dataclass(frozen=True)
class PredictedCoding:
    """A band or group of which images are like earlier ones. ``is_sure``: whether no other way takes less.

    ``departures`` is None where the samples take less. ``asked``: the images that they follow from, as it was reckoned
    what these cost.
    """

    kept: KeptImages
    extent: Extent
    likenesses: Mapping[int, Likeness]
    asked: Sequence[Asked]
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
        may_ask = self.kept.are_near(earlier, offset) and self.kept.may_ask(self.extent, self.asked)
        if self.departures is None or not may_ask:
            self.kept.note_whole(self.extent)
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
    return (times_log2(np.array([differences.size])) - times_log2(counts)) / (8 * LOG_ONE)


@dataclass
class Guiding:
    """A band, or a group of one image, that an earlier image may guide. ``cost``: Spec likeness/cost."""

    kept: KeptImages
    extent: Extent
    codebook: Codebook | None
    codebooks: dict[int, Codebook]
    guide: Kept
    component: int
    cost: int
    verify: bool
    guided: CodedSamples | None = None

    def both(self, code: Callable[[], CodedSamples]) -> tuple[CodedSamples, CodedSamples | None]:
        """The samples coded by themselves, as ``code`` does, and with the guide, None where that takes no less."""
        coded = code()
        reference = reference_of(self.guide.samples, self.guide.header.format)
        placing = Placing(self.guide.number, component=self.component)
        guided = pack_guided(coded, self.extent, self.codebook, self.codebooks, reference, placing)
        if self.verify and guided is not None:
            verify_guided(guided, self.extent, self.codebook, self.codebooks, reference)
        sizes = [math.inf if one is None else sum(map(len, one.streams)) for one in (coded, guided)]
        return coded, guided if sizes[1] < sizes[0] else None

    def take(self, both: tuple[CodedSamples, CodedSamples | None]) -> CodedSamples:
        """Take in both, and give the first."""
        coded, self.guided = both
        return coded

    def at(self, coded: CodedSamples, offset: int) -> CodedSamples:
        """What is put where a chunk begins: ``coded`` where the samples are a copy, or the guide is too far away or
        takes longer to decode than was reckoned."""
        number = self.guide.number
        if self.guided is None or not self.kept.are_near([number], offset) or self.kept.is_whole(number):
            return coded
        return self.guided


class Predicting:
    """Finds what images follow from, and codes them so."""

    def __init__(self, kept: KeptImages, *, verify: bool) -> None:
        self._kept = kept
        self._verify = verify
        self._last_guide = -1

    def guiding(
        self, samples: Samples, extent: Extent, codebook: Codebook | None, codebooks: dict[int, Codebook]
    ) -> Guiding | None:
        """What may guide the first band of an image, or all of it; None where nothing promises to.

        Images come one by one with what is drawn from them, or all of the ones before all of the others.
        """
        if not is_binary(samples, extent.header):
            return None
        numbers = self._kept.numbers_of_size(extent.header)
        following = [number for number in numbers if number > self._last_guide]
        chosen = dict.fromkeys([*numbers[-1:], *following[:1], *numbers[:1]])
        found = best_guide(samples, extent.rows, [self._kept.image(number) for number in chosen])
        if found is None:
            return None
        guide, component = found
        account = Account().after(self._kept.asked(guide.number, extent))
        if not account.fits(extent.samples):
            return None
        if extent.rows.stop == extent.header.height:
            self._last_guide = guide.number
        self._kept.note_guide(extent.first, guide.number)
        return Guiding(self._kept, extent, codebook, codebooks, guide, component, account.cost, self._verify)

    def if_sure(self, likeness: Likeness | None, image: Samples, header: ImageHeader, number: int) -> Likeness | None:
        """A likeness of a whole image, if this departs from it so little that nothing else takes less. ``number``: that
        of the image."""
        return likeness if self._bytes(likeness, image, header, number) <= surely(header, len(image)) else None

    def if_likely(self, likeness: Likeness | None, image: Samples, header: ImageHeader, number: int) -> Likeness | None:
        """The same, if it most likely takes less than anything else, of samples that no JPEG decoder made."""
        if likeness is None:
            return None
        most = max(surely(header, len(image)), int(LIKELY * estimated_bytes(image)))
        return likeness if self._bytes(likeness, image, header, number) <= most else None

    def _bytes(self, likeness: Likeness | None, image: Samples, header: ImageHeader, number: int) -> float:
        if likeness is None:
            return math.inf
        likenesses = {0: likeness}
        extent = Extent(header, number, 1, range(len(image)))
        stream = departures_of(image, extent, likenesses, self._kept.references(likenesses))
        return math.inf if stream is None else len(stream)

    def coding_of(
        self,
        samples: Samples,
        extent: Extent,
        likenesses: Mapping[int, Likeness],
        code_others: Callable[[], CodedSamples] | None,
    ) -> PredictedCoding:
        """The way to code a band or group of which some images follow from earlier ones."""
        references = self._kept.references(likenesses)
        stream = departures_of(samples, extent, likenesses, references)
        if self._verify and stream is not None:
            verify_departures(stream, samples, extent, likenesses, references)
        check = zlib.crc32(sample_bytes(samples, extent.header.format))
        asked = [self._kept.asked(one.placing.reference, extent) for one in likenesses.values()]
        return PredictedCoding(self._kept, extent, dict(likenesses), asked, stream, check, code_others)
