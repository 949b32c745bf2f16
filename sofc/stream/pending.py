"""An image that is being written, and the rows of it that are not yet in a band."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from sofc.band.arranging import are_planes
from sofc.band.coding import Samples, sample_bytes, to_planes
from sofc.band.selection import Selection
from sofc.codebook import Codebook
from sofc.coders.base import Found
from sofc.container.records import Metadata
from sofc.errors import LimitError
from sofc.image import ImageHeader
from sofc.jpeg.known import Known, read_known
from sofc.limits import Limits
from sofc.stream.going_on import LongGroups
from sofc.stream.layout import (
    PREDICTED_IN_GROUP,
    default_band_rows,
    fast_group_images,
    group_images,
    is_flat,
    is_small,
    long_group_images,
    may_be_planes,
    short_rows,
    traced_group_images,
)

LOOKED_AT = 64
"""Of so many images one is looked at for its origin where none had any: among many that no JPEG decoder made there may
be others."""


class PendingImage:
    """One image, or a run of images of one header that are coded in groups.

    ``band_rows`` and ``key_interval`` are those of Encoder, where they were given. Raises LimitError where the image,
    or a band of it, is over the limits. ``jpeg``: the data that the image was decoded from, where that is at hand.
    ``is_held``: whether no band is cut off before all rows are there.
    """

    def __init__(
        self,
        header: ImageHeader,
        metadata: Sequence[Metadata],
        selection: Selection,
        limits: Limits,
        *,
        band_rows: int | None,
        key_interval: int | None,
        jpeg: bytes | None = None,
        is_held: bool = False,
    ) -> None:
        limits.check_header(header)
        general = selection.wants_large_bands(header.format)
        self.header = header
        self.metadata = metadata
        self.selection = selection
        self.band_rows = band_rows or default_band_rows(header, general=general)
        self._may_be_planes = band_rows is None and selection.arranges and may_be_planes(header)
        self._waits = is_held or self._may_be_planes
        self.short_rows = short_rows(self.band_rows)
        longest = self.band_rows + self.short_rows - 1
        if header.height is not None:
            longest = min(longest, header.height)
        if longest * header.row_words > limits.max_band_samples:
            raise LimitError(
                f"a band of {longest} rows has {longest * header.row_words} samples, over the limit of "
                f"{limits.max_band_samples} that decoders keep: choose fewer band_rows or other limits"
            )
        self._key_interval = key_interval
        self._most_in_group = max(1, limits.max_band_samples // (header.row_words * (header.height or 1)))
        self._learns = header.format.wide is not None or selection.learns(header.format)
        self._known = None if jpeg is None else read_known(jpeg)
        self._looked_at = 0  # whole images whose origin was asked for
        self._has_origins = False
        self.long_groups = LongGroups(long_group_images(header))
        self.has_head = False
        self.codebooks: dict[int, Codebook] = {}  # those that it may use, by their numbers in the file
        self.rows_written = 0
        self.next_band = 0  # first row of the next band
        self.bands = 0  # that were cut off
        self.buffered = 0  # rows that are not yet in a band
        self._pieces: list[Samples] = []  # what they stand in
        self._digest = hashlib.sha256()

    @property
    def room(self) -> int:
        """Rows that may come before a band must be cut off."""
        if self._waits:
            return (self.header.height or 0) - self.rows_written
        return self.band_rows + self.short_rows - self.buffered

    @property
    def band_is_due(self) -> bool:
        """Whether a band can be cut off: the rows known to follow it are too many to be joined to it."""
        if self._waits and self.rows_written != self.header.height:
            return False
        following = (self.header.height or self.rows_written) - self.next_band - self.band_rows
        return self.buffered >= self.band_rows and following >= self.short_rows

    def origin_of(self, image: Samples, jpeg: bytes | None = None, *, begins_group: bool) -> Found | None:
        """What is found of the next whole image's origin. ``jpeg``: the data that it was decoded from.

        It is looked for in each image once one had an origin; before that, as it takes time, in images 1, 2, 4, 8 ...,
        each LOOKED_AT-th and the first of each group: where that has none, the group would have none.
        """
        if self.header.format.wide is not None:
            return None
        self._looked_at += 1
        is_looked_at = not (self._looked_at & (self._looked_at - 1) and self._looked_at % LOOKED_AT)
        if not (self._has_origins or jpeg is not None or is_looked_at or begins_group):
            return None
        known = None if jpeg is None else read_known(jpeg)
        found = self.selection.origins.origin_of(to_planes(image, self.header.format), self.header.format, known)
        self._has_origins |= found is not None
        return found

    def group_images(self, image: Samples, *, traced: bool) -> int:
        """Images of a group that ends with ``image``. ``traced``: their origin was found."""
        if traced:
            is_long = self.long_groups.is_due and self.has_long_groups
            wanted = self.long_groups.images if is_long else traced_group_images(self.header)
        elif self._learns or is_flat(image):
            wanted = group_images(self.header)
        else:
            wanted = fast_group_images(self.header)
        return min(self._key_interval or wanted, self._most_in_group)

    def most_images(self, *, traced: bool) -> int:
        """Images of a group with those that are predicted from others, which take little."""
        wanted = PREDICTED_IN_GROUP * (traced_group_images(self.header) if traced else group_images(self.header))
        return min(self._key_interval or wanted, self._most_in_group)

    @property
    def has_long_groups(self) -> bool:
        """Whether to read an image may take reading a long group: not where it is said how many are read with one."""
        return self._key_interval is None

    @property
    def is_one_small_whole(self) -> bool:
        """Whether the image is complete, no band of it was cut off, and it costs less as a group of one."""
        return self.next_band == 0 and not self.band_is_due and is_small(self.header)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the samples in bands."""
        return self._digest.digest()

    def put(self, rows: Samples) -> None:
        """Take rows, in the format's array type."""
        self._pieces.append(rows)
        self.buffered += len(rows)
        self.rows_written += len(rows)
        if self._waits and self.rows_written == self.header.height:
            self._waits = False
            if self._may_be_planes and are_planes(self.whole()):
                self.band_rows = self.rows_written

    def known_of(self, count: int) -> Known | None:
        """What is known of how the first ``count`` rows of those that are buffered came to be."""
        return None if self._known is None else self._known.part(self.next_band, count)

    def cut_band(self, count: int, *, digest: bool) -> Samples:
        """The first ``count`` rows of those that are buffered, as the next band."""
        rows = self.pop(count)
        self.next_band += count
        self.bands += 1
        if digest:
            self._digest.update(sample_bytes(rows, self.header.format))
        return rows

    def stop_waiting(self) -> None:
        """Take the image for one that is cut into bands as usual."""
        self._waits = self._may_be_planes = False

    def whole(self) -> Samples:
        """All rows that are buffered, as one array."""
        if len(self._pieces) > 1:
            self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0]

    def pop(self, count: int) -> Samples:
        """The first ``count`` rows of those that are buffered, as one array."""
        taken: list[Samples] = []
        self.buffered -= count
        while count:
            piece = self._pieces.pop(0)
            if len(piece) > count:
                self._pieces.insert(0, piece[count:])
                piece = piece[:count]
            taken.append(piece)
            count -= len(piece)
        return taken[0] if len(taken) == 1 else np.concatenate(taken)
