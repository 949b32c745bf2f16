"""Spec likeness/plan: bands and groups with images that are predicted from earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Pairs
from functools import partial
from typing import NamedTuple

import numpy as np

from sofc.band.coding import Samples, checked, codebooks_of, decode_samples, encode_guided, from_planes, to_planes
from sofc.band.core import Area, Before, Guide
from sofc.band.likeness import Image, Likeness, Reference, decode_departures, encode_departures, placed
from sofc.codebook import Codebook
from sofc.container.likeness import CONSTANT, DEPARTURES, GOING_ON, GUIDE, Placing, Plan, pack_plan, unpack_plan
from sofc.container.records import COPY_MODEL, LIKENESS_MODEL, CodedBand, CodedGroup, CodedSamples
from sofc.errors import FormatError, SofcError
from sofc.image import ImageHeader, PixelFormat

UNLIKE = "a predicted image does not decode to its samples: please report this"
STREAMS_BEFORE = {DEPARTURES: 2, GUIDE: 1, GOING_ON: 1}
"""Streams before those of the images that are coded by themselves: the plan, and what departs."""


class Extent(NamedTuple):
    """Which samples a band or group has: those of ``images`` images from number ``first`` on, ``rows`` of each."""

    header: ImageHeader
    first: int
    images: int
    rows: range

    @classmethod
    def of(cls, header: ImageHeader, coded: CodedBand | CodedGroup) -> Extent:
        """That of a coded band or group under its head."""
        if isinstance(coded, CodedBand):
            return cls(header, coded.image, 1, range(coded.first_row, coded.end))
        return cls(header, coded.image, coded.images, range(header.height or 1))

    def area(self, images: int) -> Area:
        """That of so many of its images, one below the other."""
        return Area(images * len(self.rows), self.header.width, len(self.rows))

    @property
    def image_samples(self) -> int:
        """Samples of one of its images, or of what it has of that."""
        return len(self.rows) * self.header.row_samples

    @property
    def samples(self) -> int:
        """All its samples."""
        return self.images * self.image_samples

    @property
    def size(self) -> Image:
        """What is coded of each image."""
        samples = self.header.format
        return Image(self.rows, self.header.width, samples.components, samples.coded_bits)


def reference_of(samples: Samples, pixel_format: PixelFormat) -> Reference:
    """A whole image as one that others are predicted from."""
    return Reference(to_planes(samples, pixel_format), pixel_format.coded_bits)


def departures_of(
    samples: Samples, extent: Extent, likenesses: Pairs[int, Likeness], references: Pairs[int, Reference]
) -> bytes | None:
    """The stream of what predicted images depart by; None where that takes no less than the samples do.

    ``samples``: shape (rows, width[, components]), images one below the other. ``likenesses``: by the place of the
    image in the group; ``references``: by the numbers of images, those of this group included.
    """
    height = len(extent.rows)
    images = [
        (to_planes(samples[place * height : (place + 1) * height], extent.header.format), likeness)
        for place, likeness in likenesses.items()
    ]
    return encode_departures(images, references, extent.size)


def verify_departures(
    stream: bytes,
    samples: Samples,
    extent: Extent,
    likenesses: Pairs[int, Likeness],
    references: Pairs[int, Reference],
) -> None:
    """Raises SofcError where what ``departures_of`` gave does not decode to the samples."""
    height = len(extent.rows)
    placings = [likeness.placing for likeness in likenesses.values()]
    try:
        cubes = decode_departures(stream, placings, references, extent.size)
    except FormatError as error:
        raise SofcError(f"{UNLIKE} ({error})") from error
    for place, cube in zip(likenesses, cubes, strict=True):
        planes = to_planes(samples[place * height : (place + 1) * height], extent.header.format)
        if not np.array_equal(cube, np.stack(planes)):
            raise SofcError(UNLIKE)


def pack_predicted(
    placings: dict[int, Placing], departures: bytes, others: CodedSamples | None, check: int
) -> CodedSamples:
    """A band or group with predicted images: where these come from by their places in the group, and how the ``others``
    are coded. ``check``: of all samples."""
    others = others or CodedSamples(0, 0, ())
    plan = pack_plan(Plan(DEPARTURES, others.mapping, others.model, placings))
    return CodedSamples(LIKENESS_MODEL, check, (plan, departures, *others.streams))


def guide_of(reference: Reference, placing: Placing, extent: Extent) -> Guide:
    """Spec likeness/guide. The plane of an earlier image that guides one. Raises FormatError."""
    found = placed(reference, placing, 1, extent.rows, extent.header.width)
    found.planes[0][found.is_outside & (placing.outside == CONSTANT)] = 0
    return Guide(found.planes[0], reference.bits)


def pack_guided(
    coded: CodedSamples,
    extent: Extent,
    codebook: Codebook | None,
    codebooks: dict[int, Codebook],
    guide: Reference,
    placing: Placing,
) -> CodedSamples | None:
    """One image, or a band of it, with an earlier one as its guide; None where its coder has no use for that."""
    plane = guide_of(guide, placing, extent)
    found = encode_guided(coded, extent.header.format, codebook, extent.area(1), codebooks, plane)
    if found is None:
        return None
    plan = pack_plan(Plan(GUIDE, found.mapping, found.model, {0: placing}))
    return CodedSamples(LIKENESS_MODEL, coded.check, (plan, *found.streams))


def verify_guided(
    coded: CodedSamples, extent: Extent, codebook: Codebook | None, codebooks: dict[int, Codebook], guide: Reference
) -> None:
    """Raises SofcError where what ``pack_guided`` gave does not decode to its samples."""
    rows = extent.rows
    band = CodedBand(**vars(coded), image=extent.first, first_row=rows.start, rows=len(rows))
    try:
        predicted = unpack_predicted(band, extent.header)
        number = predicted.plan.placings[0].reference
        decode_predicted(predicted, {number: lambda: guide}, codebook, codebooks)
    except SofcError as error:
        raise SofcError(f"{UNLIKE} ({error})") from error


def pack_going_on(coded: CodedSamples, streams: Sequence[bytes], reference: int) -> CodedSamples:
    """A group with these streams, which goes on from the group of image ``reference``; ``coded``: it by itself."""
    plan = pack_plan(Plan(GOING_ON, coded.mapping, coded.model, {0: Placing(reference)}))
    return CodedSamples(LIKENESS_MODEL, coded.check, (plan, *streams))


def decode_going_on(predicted: Predicted, codebook: Codebook | None, before: Before) -> Samples:
    """Spec likeness/going-on. The samples of a group, which match the check, from the state ``before`` it. Raises as
    ``decode_band`` does."""
    samples, area = predicted.extent.header.format, predicted.extent.area(predicted.extent.images)
    found = decode_samples(predicted.others, samples, codebook, area, {}, before=before)
    return checked(found, samples, predicted.check)


class OneAtATime(Pairs[int, Reference]):
    """References, each made when it is asked for, of which the last is kept: all at once may be many times a band."""

    def __init__(self, makers: Pairs[int, Callable[[], Reference]]) -> None:
        self._makers = makers
        self._last: tuple[int, Reference] | None = None

    def __getitem__(self, number: int) -> Reference:
        if self._last is None or self._last[0] != number:
            self._last = None  # before the next is made
            self._last = number, self._makers[number]()
        return self._last[1]

    def __iter__(self) -> Iterator[int]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class Predicted(NamedTuple):
    """A coded band or group with predicted images, or with a guide: what its first stream says, the stream of
    departures, and how the other images are coded, or those that have a guide."""

    extent: Extent
    plan: Plan
    departures: bytes
    others: CodedSamples
    check: int

    @property
    def others_count(self) -> int:
        """Images that are not predicted."""
        return self.extent.images - (len(self.plan.placings) if self.plan.way == DEPARTURES else 0)

    @property
    def references(self) -> set[int]:
        """Numbers of the images before those of this band or group that it is predicted from. Raises FormatError."""
        numbers = {one.reference for one in self.plan.placings.values()}
        for number in numbers:
            place = number - self.extent.first
            if place >= self.extent.images or place in self.plan.placings or (place >= 0 and self.extent.images == 1):
                raise FormatError(f"image {number} is no earlier image that others can be predicted from")
        for place, one in self.plan.placings.items():
            if one.reference >= self.extent.first + place:
                raise FormatError(f"image {one.reference} comes after one that is predicted from it")
        return {number for number in numbers if number < self.extent.first}

    @property
    def codebooks(self) -> set[int]:
        """The numbers of the codebooks that an arrangement of the others names. Raises FormatError."""
        if self.others_count == 0:
            return set()
        return codebooks_of(self.others, self.extent.header.format, **self.extent.area(self.others_count)._asdict())


def unpack_predicted(coded: CodedBand | CodedGroup, header: ImageHeader) -> Predicted:
    """What a band or group of model LIKENESS_MODEL says. Raises FormatError."""
    extent = Extent.of(header, coded)
    if coded.mapping or not coded.streams or header.format.wide is not None:
        raise FormatError("a band of predicted images has a mapping, too few streams, or wide samples")
    plan = unpack_plan(coded.streams[0], extent.images)
    before = STREAMS_BEFORE[plan.way]
    if len(coded.streams) < before:
        raise FormatError("a band of predicted images has too few streams")
    if plan.way == GUIDE and extent.images > 1:
        raise FormatError("a group of several images has a guide")
    if plan.way == GOING_ON and not isinstance(coded, CodedGroup):
        raise FormatError("a band goes on from an earlier group")
    others = CodedSamples(plan.model, coded.check, coded.streams[before:], plan.mapping)
    found = Predicted(extent, plan, coded.streams[before - 1], others, coded.check)
    if found.others_count == 0 and (others.streams or plan.model or plan.mapping):
        raise FormatError("a band codes other images and has none")
    if plan.model in (COPY_MODEL, LIKENESS_MODEL):
        raise FormatError("images that are not predicted are said to be copies, or predicted")
    return found


def decode_others(predicted: Predicted, codebook: Codebook | None, codebooks: dict[int, Codebook]) -> Samples:
    """The images that are not predicted, one below the other, not yet checked. Raises as ``decode_band`` does."""
    area = predicted.extent.area(predicted.others_count)
    return decode_samples(predicted.others, predicted.extent.header.format, codebook, area, codebooks)


def decode_predicted(
    predicted: Predicted,
    references: Pairs[int, Callable[[], Reference]],
    codebook: Codebook | None,
    codebooks: dict[int, Codebook],
) -> Samples:
    """The samples, shape (rows, width[, components]), which match the check.

    ``references``: what gives each image that ``Predicted.references`` names. Raises as ``decode_band`` does.
    """
    extent, samples = predicted.extent, predicted.extent.header.format
    placings = predicted.plan.placings
    if predicted.plan.way == GUIDE:
        placing = placings[0]
        guide = guide_of(references[placing.reference](), placing, extent)
        found = decode_samples(predicted.others, samples, codebook, extent.area(1), codebooks, guide)
        return checked(found, samples, predicted.check)
    height = len(extent.rows)
    found = decode_others(predicted, codebook, codebooks) if predicted.others_count else np.empty((0,))
    own: list[Samples] = [found[start : start + height] for start in range(0, len(found), height)]
    places = [place for place in range(extent.images) if place not in placings]
    known = dict(references)
    for place, image in zip(places, own, strict=True):
        known[extent.first + place] = partial(reference_of, image, samples)
    cubes = decode_departures(predicted.departures, list(placings.values()), OneAtATime(known), extent.size)
    images = dict(zip(places, own, strict=True))
    images.update((place, from_planes(list(cube), samples)) for place, cube in zip(placings, cubes, strict=True))
    return checked(np.concatenate([images[place] for place in range(extent.images)]), samples, predicted.check)
