"""Ways to code planes: a view of them, a model, and what was found of their origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sofc.band.mapping import Mapped
from sofc.band.pieces import cut_middle, cut_piece, cut_rows
from sofc.coders.base import Coder, Found
from sofc.planes import Plane, PlaneRange
from sofc.transforms.components import Transform

SURE_SHARE, SURE_SIZE = 0.6, 1 << 15
"""Where more samples follow from the origin that was found, of so many in all, nothing else is as small."""
SMALL_SURE_SHARE, SMALL_SURE_SIZE = 0.8, 1 << 12
"""The same of smaller planes, unless few of the values between the least and the greatest occur: FEW_VALUES at most."""
FEW_VALUES = 0.2


@dataclass(frozen=True, eq=False)
class Way:
    """A way to code planes: a view of them, a model for it, and what was found of the planes' origin."""

    view: Mapped
    model: int
    transform: Transform
    coder: Coder
    transformed: list[Plane] | None = None
    found: Found | None = None
    _coded: dict[int, tuple[bytes, ...]] = field(default_factory=dict, repr=False)
    _sizes: dict[tuple[int, int], float] = field(default_factory=dict, repr=False)

    @property
    def share(self) -> float:
        """How much of the samples follows from their origin."""
        return 0 if self.found is None else self.found.share

    @property
    def is_sure(self) -> bool:
        """Whether nothing else than coding the planes' origin is as small."""
        size = self.view.planes[0].size
        if size >= SURE_SIZE:
            return self.share >= SURE_SHARE
        return size >= SMALL_SURE_SIZE and self.share >= SMALL_SURE_SHARE and _occurring(self.view.planes) > FEW_VALUES

    def streams(self, image_rows: int) -> tuple[bytes, ...]:
        """The streams of the table, if any, and of all planes. They are kept: their size may be asked for first."""
        if image_rows not in self._coded:
            planes = self.transform.forward(self.view.planes) if self.transformed is None else self.transformed
            self._coded[image_rows] = (*self.view.table, *self.coder.encode(planes, self._ranges, image_rows))
        return self._coded[image_rows]

    def size(self, image_rows: int, parts: int = 1) -> float:
        """About their bytes, judged by a piece, or a part of one; of planes of a certain origin, which no piece has,
        their bytes. It is kept."""
        if self.transformed is not None:
            return self.full_size(image_rows)
        if (image_rows, parts) not in self._sizes:
            piece = cut_piece(self.view.planes, image_rows, parts)
            self._sizes[image_rows, parts] = self._judged_size(image_rows, *piece)
        return self._sizes[image_rows, parts]

    def full_size(self, image_rows: int) -> int:
        """Their bytes."""
        return sum(map(len, self.streams(image_rows)))

    def glimpsed_size(self, image_rows: int) -> float:
        """The same, judged by a few rows."""
        if (image_rows, 0) not in self._sizes:
            self._sizes[image_rows, 0] = self._judged_size(image_rows, *cut_rows(self.view.planes, image_rows))
        return self._sizes[image_rows, 0]

    def _judged_size(self, image_rows: int, piece: list[Plane], piece_rows: int) -> float:
        streams = self._tile_coder(image_rows).encode(self.transform.forward(piece), self._ranges, piece_rows)
        share = piece[0].size / self.view.planes[0].size
        return sum(map(len, self.view.table)) + sum(map(len, streams)) / share

    def _tile_coder(self, image_rows: int) -> Coder:
        """The coder for tiles of the images."""
        planes = self.view.planes
        return self.coder.for_tiles_of(
            image_rows, planes[0].shape[1], lambda: self.transform.forward(cut_middle(planes, image_rows))
        )

    @property
    def _ranges(self) -> list[PlaneRange]:
        return self.transform.ranges(self.view.format.components, self.view.format.coded_bits)


def _occurring(planes: Sequence[Plane]) -> float:
    """Which part of the values between the least and the greatest of each plane occurs."""
    counts = [np.bincount((plane - plane.min()).reshape(-1)) for plane in planes]
    return sum(map(np.count_nonzero, counts)) / sum(map(len, counts))
