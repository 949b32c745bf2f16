"""Components that have no model together: each is coded as an image of one component."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.base import Coder
from sofc.planes import Plane, PlaneRange


class SeparateCoder(Coder):
    """Codes each plane by itself with a coder of one plane.

    ``knowing``: the coders that encode, one for each plane, where they know more of it than its samples.
    """

    def __init__(self, coder: Coder, knowing: Sequence[Coder] = ()) -> None:
        self._coder = coder
        self._knowing = knowing

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane."""
        coders = self._knowing or [self._coder] * len(planes)
        each = zip(coders, planes, ranges, strict=True)
        return [coder.encode([plane], [span], image_rows)[0] for coder, plane, span in each]

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError as the coder does."""
        return [
            self._coder.decode([stream], [span], rows, width, image_rows)[0]
            for stream, span in zip(streams, ranges, strict=True)
        ]
