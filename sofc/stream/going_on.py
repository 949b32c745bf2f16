"""The encoder's choice of groups that go on from an earlier one. Nothing here is normative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from sofc.band.core import CodedPlanes, going_on
from sofc.band.predicted import Extent, decode_going_on, pack_going_on, unpack_predicted
from sofc.codebook import Codebook
from sofc.coders.base import Coder
from sofc.container.records import FIRST_CODEBOOK_MODEL, CodedGroup, CodedSamples
from sofc.errors import SofcError
from sofc.planes import PlaneRange
from sofc.stream.costs import Account, decoding_cost
from sofc.stream.kept_images import KeptImages
from sofc.stream.references import LeftCoders

FIRST_AFTER, NEXT_AFTER = 32, 512
"""After so many images of a run a group is a long one, from which those that follow go on, and after so many the next:
one image of a long group is slow to read, and few images gain nothing by it; where it is damaged, those that go on from
it are lost, too."""
LEAST = 8
"""Images of a long group: fewer tell little."""


@dataclass
class LongGroup:
    """A group that others may go on from: which images it has, their codebook, and how it is coded once that is
    known."""

    extent: Extent
    codebook: Codebook | None
    coded: Future[CodedSamples] = field(default_factory=Future)

    def note(self, code: Callable[[], CodedSamples]) -> CodedSamples:
        """Code the group as ``code`` does, and take in how."""
        try:
            coded = code()
        except BaseException as error:
            self.coded.set_exception(error)
            raise
        self.coded.set_result(coded)
        return coded


@dataclass
class GoingOn:
    """A group that may go on from an earlier one. ``left``: coders as earlier groups left them."""

    kept: KeptImages
    left: LeftCoders
    earlier: LongGroup
    extent: Extent
    verify: bool
    gone_on: CodedSamples | None = None

    @property
    def cost(self) -> int:
        """Spec likeness/cost. What it takes to decode the earlier group."""
        return decoding_cost(self.earlier.extent.samples)

    def both(self, code: Callable[[], CodedSamples]) -> tuple[CodedSamples, CodedSamples | None]:
        """The group coded by itself, as ``code`` does, and going on, None where that takes no less."""
        coded, earlier = code(), self.earlier.coded.result()
        is_same = earlier.model == coded.model >= FIRST_CODEBOOK_MODEL
        if not is_same or earlier.mapping or coded.mapping:
            return coded, None
        samples, area = self.extent.header.format, self.extent.area(self.extent.images)
        part = CodedPlanes(coded.model, coded.mapping, coded.streams)
        streams = going_on(part, samples, self.earlier.codebook, area, self._before)
        if streams is None:
            return coded, None
        found = pack_going_on(coded, streams, self.earlier.extent.first)
        if self.verify:
            self._verify(found)
        sizes = [sum(map(len, one.streams)) for one in (coded, found)]
        return coded, found if sizes[1] < sizes[0] else None

    def _before(self, coder: Coder, ranges: Sequence[PlaneRange]) -> Coder:
        """The coder as the earlier group left it."""
        extent = self.earlier.extent
        streams, area = self.earlier.coded.result().streams, extent.area(extent.images)
        return self.left.at(extent.first, lambda: coder.after(streams, ranges, *area))

    def _verify(self, found: CodedSamples) -> None:
        """Raises SofcError where the group does not decode to its samples."""
        group = CodedGroup(found.model, found.check, found.streams, image=self.extent.first, images=self.extent.images)
        try:
            decode_going_on(unpack_predicted(group, self.extent.header), self.earlier.codebook, self._before)
        except SofcError as error:
            raise SofcError(f"a group does not decode to its samples: please report this ({error})") from error

    def take(self, both: tuple[CodedSamples, CodedSamples | None]) -> CodedSamples:
        """Take in both, and give the first."""
        coded, self.gone_on = both
        return coded

    def at(self, coded: CodedSamples, offset: int) -> CodedSamples:
        """What is put where a chunk begins: ``coded`` where the samples are a copy, or the earlier group is too far
        away."""
        if self.gone_on is None or not self.kept.are_near([self.earlier.extent.first], offset):
            return coded
        return self.gone_on


class LongGroups:
    """Which groups of a run of images are long, and which go on from these; ``images``: those of a long group."""

    def __init__(self, images: int) -> None:
        self.images = images
        self._last: LongGroup | None = None
        self._since = 0  # images in groups behind it
        self._left = LeftCoders()

    @property
    def is_due(self) -> bool:
        """Whether the next group is to be a long one."""
        return self.images >= LEAST and self._since >= (FIRST_AFTER if self._last is None else NEXT_AFTER)

    def begin(self, kept: KeptImages, extent: Extent, codebook: Codebook | None) -> LongGroup | None:
        """The group as one that others go on from, if it is to be that."""
        if not self.is_due or extent.images < LEAST:
            self._since += extent.images
            return None
        kept.note_long_group(extent.first)
        self._last, self._since = LongGroup(extent, codebook), 0
        return self._last

    def going_on(self, kept: KeptImages, extent: Extent, *, verify: bool) -> GoingOn | None:
        """How a group may go on from an earlier one, if there is one that is not too large for it."""
        found = None if self._last is None else GoingOn(kept, self._left, self._last, extent, verify)
        return found if found is not None and Account(found.cost).fits(extent.samples) else None
