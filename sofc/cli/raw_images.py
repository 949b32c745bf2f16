"""Rows as they come, cut into images of one head: frames of a camera or of a video without any head of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from sofc.api.each import EachEncoder, Given
from sofc.stream.encoder import Encoder
from sofc.stream.layout import is_frame

if TYPE_CHECKING:
    from sofc.band.coding import Samples
    from sofc.image import ImageHeader


class RawImages:
    """Encodes images of ``header``'s height one after the other, or one image of any height where it has none.

    Those that are worth a group are held whole, one at a time; of others the encoder holds a band. ``options``: those
    of ``Encoder``. ``count``: images begun.
    """

    def __init__(self, header: ImageHeader, options: dict[str, Any]) -> None:
        self._header = header
        self._frames = EachEncoder(**options) if is_frame(header) else None
        self._encoder = Encoder(**options) if self._frames is None else None
        self._held: list[Samples] = []
        self._rows = 0  # of the image begun last
        self.count = 0

    @property
    def rows_missing(self) -> int:
        """Rows that the image begun last still lacks; 0 where its height is not known."""
        return (self._header.height or self._rows) - self._rows

    def write(self, rows: Samples) -> Iterator[bytes]:
        """Take rows; gives bytes of the file."""
        while len(rows):
            if self.count == 0 or not (self.rows_missing or self._header.height is None):
                self._rows = 0
                self.count += 1
                if self._encoder is not None:
                    yield self._encoder.begin_image(self._header)
            taken = len(rows) if self._header.height is None else min(len(rows), self.rows_missing)
            self._rows += taken
            yield from self._take(rows[:taken])
            rows = rows[taken:]

    def finish(self) -> Iterator[bytes]:
        """The last bytes, once there are whole images."""
        if self._frames is not None:
            yield from self._frames.finish()
        elif self._encoder is not None:
            yield self._encoder.finish()

    def _take(self, rows: Samples) -> Iterator[bytes]:
        if self._encoder is not None:
            yield self._encoder.write(rows)
        elif self._frames is not None:
            self._held.append(rows)
            if not self.rows_missing:
                yield from self._frames.add(Given(np.concatenate(self._held), self._header))
                self._held = []
