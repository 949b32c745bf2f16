"""Components that have no model together: each is coded as an image of one component."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.base import Coder
from sofc.planes import Plane, PlaneRange


class SeparateCoder(Coder):
    """Codes each plane by itself with a coder of one plane."""

    def __init__(self, coder: Coder) -> None:
        self._coder = coder

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane."""
        return [self._coder.encode([plane], [span], image_rows)[0] for plane, span in zip(planes, ranges, strict=True)]

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError as the coder does."""
        return [
            self._coder.decode([stream], [span], rows, width, image_rows)[0]
            for stream, span in zip(streams, ranges, strict=True)
        ]
