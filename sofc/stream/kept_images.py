"""The images of a file that an encoder may predict others from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

import numpy as np

from sofc.band.alike import Kept, found_likeness, may_be_like
from sofc.band.coding import Samples
from sofc.band.likeness import Likeness, Reference
from sofc.band.predicted import Extent, reference_of
from sofc.image import ImageHeader
from sofc.stream.copies import is_near
from sofc.stream.costs import Account, Asked, decoding_cost

KEPT_BYTES = 1 << 26
"""What the samples that an encoder keeps take at most, in their arrays."""
MOST_KEPT = 1 << 10


class KeptImages:
    """The last images that are coded by themselves, and where they stand in the file once that is known.

    ``most_samples``: those of an image at most, so that it fits into a band of who reads the file.
    """

    def __init__(self, most_samples: int) -> None:
        self._most_samples = most_samples
        self._bands: list[Samples] = []  # of the current image, while it may be kept
        self._images: dict[int, Kept] = {}
        self._bytes = 0
        self._held: set[int] = set()
        # Of each chunk that images begin in: the first of these, where it begins, and behind how many others.
        self._places: list[tuple[int, int, int]] = []
        self._count = 0  # bands and groups so far
        # Of each chunk that images begin in, once these are known: the first of them, and what it takes to decode it.
        self._firsts: list[int] = []
        self._decoding: list[int] = []
        self._whole: dict[int, int] = {}  # the same of those put by themselves that were to follow from others
        self._long_groups: list[int] = []  # the first image of each from which following ones go on
        self._guides: dict[int, set[int]] = {}  # by the numbers of images that may have guides, those of these

    def __bool__(self) -> bool:
        return bool(self._images)

    def takes(self, header: ImageHeader) -> bool:
        """Whether images of a head are kept and looked at."""
        return may_be_like(header) and header.row_words * (header.height or 1) <= self._most_samples

    def take_band(self, header: ImageHeader, first_row: int, rows: Samples) -> None:
        """Take a band of an image, which is kept if none of its bands leaves it out."""
        if self.takes(header) and (self._bands or first_row == 0):
            self._bands.append(rows)

    def leave_bands(self) -> None:
        """Do not keep the image whose bands are taken."""
        self._bands = []

    def keep_bands(self, number: int, header: ImageHeader) -> None:
        """Keep the image whose bands were all taken."""
        if self._bands:
            self.keep(number, header, self._bands[0] if len(self._bands) == 1 else np.concatenate(self._bands))
        self._bands = []

    def keep(self, number: int, header: ImageHeader, samples: Samples) -> None:
        """Keep an image, and no more of those before it than there is room for."""
        self._images[number] = Kept(number, header, samples)
        self._bytes += samples.nbytes
        while self._bytes > KEPT_BYTES or len(self._images) > MOST_KEPT:
            oldest = next((number for number in self._images if number not in self._held), None)
            if oldest is None:
                return
            self.drop([oldest])

    def hold(self, number: int) -> None:
        """Keep an image, if that is older than others, too, until ``release``: one of a group follows from it."""
        self._held.add(number)

    def release(self) -> None:
        """Take in that the group is put."""
        self._held.clear()

    def drop(self, numbers: Iterable[int]) -> None:
        """Keep these no more."""
        for number in numbers:
            if number in self._images:
                self._bytes -= self._images.pop(number).samples.nbytes

    def find(self, header: ImageHeader, samples: Samples) -> Likeness | None:
        """How an image follows from one of those that are kept."""
        return found_likeness(samples, header, list(self._images.values()))

    def numbers_of_size(self, header: ImageHeader) -> list[int]:
        """The numbers of images of a size that are not binary, and of which no band may have a guide itself."""
        size = header.width, header.height
        return [
            number
            for number, one in self._images.items()
            if (one.header.width, one.header.height) == size and number not in self._guides and not one.is_binary
        ]

    def note_coded(self, extent: Extent, samples: int, cost: int = 0) -> None:
        """Take in that a band or group is to be put, ``samples`` of which are coded by themselves, and what it costs to
        ask for what it follows from."""
        if self._firsts[-1:] != [extent.first]:
            self._firsts.append(extent.first)
            self._decoding.append(0)
        self._decoding[-1] += decoding_cost(samples, cost)

    def asked(self, number: int, extent: Extent) -> Asked:
        """An image that is kept, as one that a band or group asks for."""
        header = self._images[number].header
        samples = header.row_samples * (header.height or 1)
        if number >= extent.first:
            return Asked(samples, header.format.coded_bits)
        place = bisect_right(self._firsts, number) - 1
        return Asked(samples, header.format.coded_bits, self._firsts[place], self._decoding[place])

    def account_of(self, extent: Extent, likeness: Likeness, before: Account) -> Account | None:
        """What a band or group costs with one more image that follows from an earlier one; None where that is too
        much."""
        asked = self.asked(likeness.placing.reference, extent)
        account = before.after(asked, tables=extent.header.format.components)
        return account if account.fits(extent.samples) else None

    def note_whole(self, extent: Extent) -> None:
        """Take in that a band or group of which images were to follow from earlier ones is put by itself after all."""
        self._whole[extent.first] = decoding_cost(extent.samples)

    def is_whole(self, number: int) -> bool:
        """Whether that is so of what an image stands in."""
        return self._firsts[bisect_right(self._firsts, number) - 1] in self._whole

    def may_ask(self, extent: Extent, every: Iterable[Asked]) -> bool:
        """Whether a band or group may still ask for all of these, now that it is known how those before it are put."""
        account = Account()
        for asked in every:
            decoding = asked.decoding if asked.begins is None else self._whole.get(asked.begins, asked.decoding)
            account = account.after(asked._replace(decoding=decoding), tables=extent.header.format.components)
        return account.fits(extent.samples)

    def note_guide(self, number: int, guide: int) -> None:
        """Take in that an image, or a band of it, may be coded with a guide."""
        self._guides.setdefault(number, set()).add(guide)

    def note_long_group(self, first: int) -> None:
        """Take in that groups behind the one of this first image may go on from it."""
        self._long_groups.append(first)

    def image(self, number: int) -> Kept:
        """An image that is kept."""
        return self._images[number]

    def references(self, likenesses: Mapping[int, Likeness]) -> dict[int, Reference]:
        """The images that others follow from."""
        numbers = {one.placing.reference for one in likenesses.values()}
        kept = [self._images[number] for number in sorted(numbers)]
        return {one.number: reference_of(one.samples, one.header.format) for one in kept}

    def note(self, offset: int, first: int | None) -> None:
        """Take in that a band or group begins at an offset; ``first``: the first image that begins there, if any."""
        if first is not None:
            self._places.append((first, offset, self._count))
        self._count += 1

    def are_near(self, numbers: Iterable[int], offset: int) -> bool:
        """Whether a decoder that comes to an offset still has all of these images, those that guide them, and the
        groups that theirs go on from."""
        wanted = set(numbers)
        wanted.update(*(self._guides.get(number, ()) for number in wanted))
        ends = (bisect_right(self._long_groups, number) for number in wanted)
        wanted.update([self._long_groups[end - 1] for end in ends if end])
        for number in wanted:
            _, start, count = self._places[bisect_right(self._places, (number, offset, 0)) - 1]
            if not is_near(offset - start, self._count - count):
                return False
        return True
