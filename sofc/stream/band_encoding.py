"""The way of each band and group: a copy, from earlier images, or by itself. Nothing here is normative."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from sofc.band.coding import Samples, codebooks_of, encode_band, look, sample_bytes
from sofc.band.likeness import Likeness
from sofc.band.predicted import Extent
from sofc.band.selection import Selection
from sofc.codebook import Codebook
from sofc.codebook.builtin import find_builtin
from sofc.coders.base import Found
from sofc.container.records import ARRANGED, LIKENESS_MODEL, RAW_MODEL, CodedSamples
from sofc.container.registered import REGISTERED
from sofc.container.wide import registered_codebooks
from sofc.image import PixelFormat
from sofc.jpeg.known import Known
from sofc.stream.copies import CopyFinder, Key
from sofc.stream.costs import Account
from sofc.stream.going_on import GoingOn
from sofc.stream.heads import Heads
from sofc.stream.kept_images import KeptImages
from sofc.stream.layout import SMALL_IMAGE_SAMPLES
from sofc.stream.pending import PendingImage
from sofc.stream.predicting import Guiding, Predicting
from sofc.stream.workers import Workers

CodingAt = Callable[[int], CodedSamples]
"""Gives a band or group, told where its chunk begins."""


@dataclass(frozen=True)
class Uncoded:
    """The samples of a band, or of a group of whole images, one below the other.

    ``likenesses``: those of its images to earlier ones, by their places in it. ``origins``: what was found of its other
    images, where all have an origin; ``were_asked``: they were looked for, and none was found. ``known``: what is known
    of how the samples came to be. ``is_last``: no other band or group of the image, or of the run of images, follows.
    """

    rows: Samples
    extent: Extent
    is_group: bool
    is_last: bool
    likenesses: Mapping[int, Likeness] = field(default_factory=dict)
    origins: Sequence[Found] = ()
    known: Known | None = None
    were_asked: bool = False

    @property
    def key(self) -> Key:
        """What tells them from others."""
        header = self.extent.header
        return Key(self.is_group, header, len(self.extent.rows), sample_bytes(self.rows, header.format))


class BandEncoding:
    """Chooses the way of each band and group, and puts the head of an image once the first tells what it needs."""

    def __init__(
        self,
        heads: Heads,
        kept: KeptImages,
        predicting: Predicting,
        workers: Workers,
        *,
        verify: bool,
        on_codebook: Callable[[Codebook], None] | None = None,
    ) -> None:
        self._heads = heads
        self._kept = kept
        self._predicting = predicting
        self._workers = workers
        self._verify = verify
        self._on_codebook = on_codebook
        self._copies = CopyFinder()

    def was_coded(self, key: Key) -> bool:
        """Whether such samples were coded, or are about to be."""
        return self._copies.codebooks_of(key) is not None

    def coding_of(self, image: PendingImage, band: Uncoded) -> CodingAt:
        """What gives a group or a band of an image; before the first, the image head is put."""
        extent, key = band.extent, band.key
        codebooks = self._copies.codebooks_of(key)
        if codebooks is None and self._may_follow(band):
            return self._predicted_coding_of(image, band)
        if codebooks is not None:
            self._kept.drop(range(extent.first, extent.first + extent.images))
            self._kept.leave_bands()
            if band.is_last and not image.has_head:
                # No more than what is copied needs: what would follow may need others.
                self._heads.put_image(image, extent.first, codebooks)
        # Origins are those of the images without likeness, which are not all of these.
        origins = () if band.likenesses else band.origins
        code = self._new_coding_of(image, band, band.rows, origins, is_last=band.is_last)
        if image.header.format.wide is not None and self._on_codebook is not None:
            code = partial(_telling, code, self._on_codebook)
        named = tuple(image.codebooks.values())
        other: Guiding | GoingOn | None = None
        if codebooks != named:
            if band.origins and image.has_long_groups:
                group = image.long_groups.begin(self._kept, extent, image.selection.codebook)
                if group is not None:
                    self._kept.note_coded(extent, extent.samples)
                    return self._copies.coded(key, named, self._workers.submit(partial(group.note, code)))
                other = image.long_groups.going_on(self._kept, extent, verify=self._verify)
            if other is None and extent.images == 1:
                other = self._predicting.guiding(band.rows, extent, image.selection.codebook, image.codebooks)
        self._kept.note_coded(extent, extent.samples, other.cost if other else 0)
        if other is not None:
            return self._either(other, key, named, code)
        return self._copies.coded(key, named, code if codebooks == named else self._workers.submit(code))

    def _may_follow(self, band: Uncoded) -> bool:
        """Whether images of a band or group are to be predicted from earlier ones. Of a group that was asked before."""
        if band.is_group or not band.likenesses:
            return bool(band.likenesses)
        return self._kept.account_of(band.extent, band.likenesses[0], Account()) is not None

    def _either(
        self, other: Guiding | GoingOn, key: Key, named: tuple[Codebook, ...], code: Callable[[], CodedSamples]
    ) -> CodingAt:
        """What gives a group or a band by itself, or with an earlier image or group where that takes less."""
        both = self._workers.submit(partial(other.both, code))
        plain = self._copies.coded(key, named, lambda: other.take(both()))

        def at(offset: int) -> CodedSamples:
            coded = other.at(plain(offset), offset)
            if coded.model == LIKENESS_MODEL:
                self._copies.forget(key)
            return coded

        return at

    def _predicted_coding_of(self, image: PendingImage, band: Uncoded) -> CodingAt:
        """What gives a group or a band of which images are like earlier ones."""
        self._kept.leave_bands()
        image_rows = len(band.extent.rows)
        others = without(band.rows, image_rows, band.likenesses)
        self._kept.note_coded(band.extent, others.size)
        code_others: Callable[[], CodedSamples] | None = None
        if len(others):
            # Of those that follow in the group, codebooks may be others: what is found now is not all.
            code_others = self._workers.submit(self._new_coding_of(image, band, others, band.origins, is_last=False))
        predicted = self._predicting.coding_of(band.rows, band.extent, band.likenesses, code_others)
        if not predicted.is_sure:
            code = self._workers.submit(self._new_coding_of(image, band, band.rows, (), is_last=band.is_last))
        else:
            if not image.has_head:
                own = _codebooks([(image.selection, image.header.format)])
                self._heads.put_image(image, band.extent.first, own)
            code = partial(
                encode_band,
                band.rows,
                image.header.format,
                image.selection.as_they_stand(),
                image_rows=image_rows,
                verify=self._verify,
                codebooks=image.codebooks,
            )
        return self._copies.not_to_copy(partial(predicted.at, code))

    def _new_coding_of(
        self, image: PendingImage, band: Uncoded, rows: Samples, origins: Sequence[Found], *, is_last: bool
    ) -> Callable[[], CodedSamples]:
        """What codes ``rows``, all or some images of a band or group that may be the first of its image."""
        pixel_format, selection = image.header.format, image.selection
        image_rows = len(band.extent.rows)
        code = partial(
            encode_band,
            rows,
            pixel_format,
            image_rows=image_rows,
            verify=self._verify,
            origins=origins,
            known=band.known,
            were_asked=band.were_asked,
        )
        if not image.has_head:
            put_head = partial(self._heads.put_image, image, band.extent.first)
            numbered = self._heads.numbered
            own = _codebooks([(selection, pixel_format)])
            formats: list[PixelFormat] = []
            if not origins and pixel_format.wide is None:
                looked = look(rows, pixel_format, selection, image_rows=image_rows)
                formats, code = looked.formats, partial(code, looked=looked)
            others = _codebooks([(selection.for_format(one), one) for one in formats])
            if selection.is_trained:
                others = list({one.id: one for one in (*others, *own)}.values())
            is_small = rows.size <= SMALL_IMAGE_SAMPLES
            if formats and is_last and (is_small or selection.is_trained or pixel_format in formats):
                # It is in doubt whether the samples are arranged, and by which codebook: coding them tells.
                coded, named = code(selection, codebooks=numbered(others)), own
                if coded.mapping == ARRANGED:
                    height, width = rows.shape[:2]
                    used = codebooks_of(coded, pixel_format, rows=height, width=width, image_rows=image_rows)
                    named = [one for number, one in numbered(others).items() if number <= max(used, default=0)]
                if is_small:
                    # To say how samples are arranged takes bytes, too, and so does naming codebooks.
                    plain = code(selection.as_they_stand(), codebooks=numbered(own), looked=None)
                    sizes = [self._heads.added_bytes(*one) for one in ((coded, named), (plain, own))]
                    coded, named = (coded, named) if sizes[0] <= sizes[1] else (plain, own)
                put_head(named)
                return lambda: coded
            # What follows may be arranged in another way, or not at all.
            put_head(others if formats and is_last else [*own, *others])
        return partial(code, selection, codebooks=image.codebooks)


def _telling(code: Callable[[], CodedSamples], on_codebook: Callable[[Codebook], None]) -> CodedSamples:
    """Coded wide samples; of the built-in codebooks that their plans name ``on_codebook`` is told."""
    coded = code()
    if coded.model != RAW_MODEL:
        for number in sorted(registered_codebooks(coded.streams)):
            if (found := find_builtin(REGISTERED[number].id)) is not None:
                on_codebook(found)
    return coded


def without(rows: Samples, image_rows: int, places: Container[int]) -> Samples:
    """Images, one below the other, without those at some places."""
    images = rows.reshape(-1, image_rows, *rows.shape[1:])
    left = [number for number in range(len(images)) if number not in places]
    return np.ascontiguousarray(images[left]).reshape(-1, *rows.shape[1:])


def _codebooks(selections: Iterable[tuple[Selection, PixelFormat]]) -> list[Codebook]:
    """The codebooks that selections may need for images of formats, each once."""
    found = [one.codebook for one, pixel_format in selections if one.names_codebook(pixel_format)]
    return list({one.id: one for one in found if one is not None}.values())
