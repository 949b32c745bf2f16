"""An image that is being written, and the rows of it that are not yet in a band."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from sofc.band.coding import Samples, sample_bytes
from sofc.band.selection import Selection
from sofc.container.records import Metadata
from sofc.errors import LimitError
from sofc.image import ImageHeader
from sofc.limits import Limits
from sofc.stream.layout import default_band_rows, group_images, is_small, short_rows


class PendingImage:
    """One image, or a run of images of one header that are coded in groups.

    ``band_rows`` and ``key_interval`` are those of Encoder, where they were given. Raises LimitError where the image,
    or a band of it, is over the limits.
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
    ) -> None:
        limits.check_header(header)
        general = selection.wants_large_bands(header.format)
        self.header = header
        self.metadata = metadata
        self.selection = selection
        self.band_rows = band_rows or default_band_rows(header, general=general)
        self.short_rows = short_rows(self.band_rows)
        longest = self.band_rows + self.short_rows - 1
        if header.height is not None:
            longest = min(longest, header.height)
        if longest * header.row_words > limits.max_band_samples:
            raise LimitError(
                f"a band of {longest} rows has {longest * header.row_words} samples, over the limit of "
                f"{limits.max_band_samples} that decoders keep: choose fewer band_rows or other limits"
            )
        self.group_images = min(
            key_interval or group_images(header),
            max(1, limits.max_band_samples // (header.row_words * (header.height or 1))),
        )
        self.rows_written = 0
        self.next_band = 0  # first row of the next band
        self.buffered = 0  # rows that are not yet in a band
        self._pieces: list[Samples] = []  # what they stand in
        self._digest = hashlib.sha256()

    @property
    def room(self) -> int:
        """Rows that may come before a band must be cut off."""
        return self.band_rows + self.short_rows - self.buffered

    @property
    def band_is_due(self) -> bool:
        """Whether a band can be cut off: the rows known to follow it are too many to be joined to it."""
        following = (self.header.height or self.rows_written) - self.next_band - self.band_rows
        return self.buffered >= self.band_rows and following >= self.short_rows

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

    def cut_band(self, count: int, *, digest: bool) -> Samples:
        """The first ``count`` rows of those that are buffered, as the next band."""
        rows = self.pop(count)
        self.next_band += count
        if digest:
            self._digest.update(sample_bytes(rows, self.header.format))
        return rows

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
