"""Ways to code planes: a view of them, a model, and what was found of their origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from sofc.band.mapping import Mapped
from sofc.band.pieces import Piece, Pieces
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
    """A way to code planes: a view of them, a model for it, what was found of the planes' origin, and pieces of the
    view that ways of the same transform share.

    ``gain``: how many times as much they likely take by the worst version of the model as by the best, where a codebook
    has it with changes and as it was; else 1.
    """

    view: Mapped
    model: int
    transform: Transform
    coder: Coder
    transformed: list[Plane] | None = None
    found: Found | None = None
    gain: float = 1.0
    pieces: Pieces | None = None
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
            coder = self._placed(image_rows) if self._sizes else self.coder  # as the place is then known
            self._coded[image_rows] = (*self.view.table, *coder.encode(planes, self._ranges, image_rows))
        return self._coded[image_rows]

    def size(self, image_rows: int, parts: int = 1) -> float:
        """About their bytes, judged by a piece, or a part of one; of planes of a certain origin, which no piece has,
        their bytes. It is kept."""
        if self.transformed is not None:
            return self.full_size(image_rows)
        if (image_rows, parts) not in self._sizes:
            self._sizes[image_rows, parts] = self._judged_size(image_rows, self._pieces.tiles(image_rows, parts))
        return self._sizes[image_rows, parts]

    def full_size(self, image_rows: int) -> int:
        """Their bytes."""
        return sum(map(len, self.streams(image_rows)))

    def glimpsed_size(self, image_rows: int) -> float:
        """The same, judged by a few rows."""
        if (image_rows, 0) not in self._sizes:
            self._sizes[image_rows, 0] = self._judged_size(image_rows, self._pieces.bands(image_rows))
        return self._sizes[image_rows, 0]

    def _judged_size(self, image_rows: int, piece: Piece) -> float:
        coder = self._placed(image_rows).for_tiles_of(image_rows, self.view.planes[0].shape[1])
        streams = coder.encode(piece.planes, self._ranges, piece.rows)
        return sum(map(len, self.view.table)) + sum(map(len, streams)) / piece.share

    def _placed(self, image_rows: int) -> Coder:
        return self.coder.placed(partial(self._pieces.place, image_rows))

    @property
    def _pieces(self) -> Pieces:
        return self.pieces or Pieces(self.view.planes, self.transform)

    @property
    def _ranges(self) -> list[PlaneRange]:
        return self.transform.ranges(self.view.format.components, self.view.format.coded_bits)


def _occurring(planes: Sequence[Plane]) -> float:
    """Which part of the values between the least and the greatest of each plane occurs."""
    counts = [np.bincount((plane - plane.min()).reshape(-1)) for plane in planes]
    return sum(map(np.count_nonzero, counts)) / sum(map(len, counts))
