"""The interface between a band and the coder of its planes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange

MAX_COUNTERS = 1 << 26
"""Adaptive counters of all planes of a model: what a few bytes of a codebook may make a decoder allocate."""


class Coder(ABC):
    """Codes the planes of one band. Stateless and safe to share between threads.

    ``image_rows`` says after how many rows the next image of a group starts; for a band of one image it
    is the band's height. Prediction never crosses that border.
    """

    id: ClassVar[int]
    name: ClassVar[str]

    @abstractmethod
    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane."""

    @abstractmethod
    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again; values always lie in ``ranges``. Raises FormatError on any stream that breaks the rules."""


def with_grid(grid: int, streams: Sequence[bytes]) -> list[bytes]:
    """Streams, the first of which begins with the place of the first sample in the 8 x 8 grid (row * 8 + column)."""
    return [(bytes([grid]) + streams[0]).rstrip(b"\0"), *streams[1:]]


def take_grid(streams: Sequence[bytes]) -> tuple[int, list[bytes]]:
    """The place, and the streams without it. Raises FormatError."""
    grid = streams[0][0] if streams[0] else 0
    if grid > 63:
        raise FormatError(f"{grid} is not a place in the grid")
    return grid, [streams[0][1:], *streams[1:]]
