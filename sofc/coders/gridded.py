"""What coders of planes with models have in common: the grid of JPEG blocks, and planes that have no model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from typing import Self

from sofc.coders.base import Model, ModelCoder
from sofc.entropy.sparse import decode_corrections, encode_sparse
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange
from sofc.prediction.grid import find_grid

MOST_REFERENCES = 2


def pack_references(references: Sequence[int]) -> list[int]:
    """The first bytes of a plan: how many references, and the planes that they are, 0 where there is none."""
    return [len(references), *[*references, 0, 0][:MOST_REFERENCES]]


def unpack_references(plan: bytes, plane: int) -> tuple[int, ...]:
    """Inverse of pack_references, for plane number ``plane``. Raises FormatError."""
    count, *numbers = plan[: 1 + MOST_REFERENCES]
    references = tuple(numbers[:count])
    if count > MOST_REFERENCES or any(number >= plane for number in references) or any(numbers[count:]):
        raise FormatError(f"references of plane {plane} are out of range: at most {MOST_REFERENCES} planes before it")
    return references


class GridCoder(ModelCoder[Model]):
    """Codes plane k with ``models[k]``; planes beyond the models (a correction) are coded as nearly all zeros.

    Where the models use the 8 x 8 grid of JPEG blocks, the stream of plane 0 begins with one byte, the place of the
    first sample in it (row * 8 + column).
    """

    place: int | None = None
    """That of the first sample in the grid, where it is known before."""

    @property
    @abstractmethod
    def uses_grid(self) -> bool:
        """Whether any plane's predictor goes by the grid."""

    @abstractmethod
    def encode_planes(
        self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int, grid: int
    ) -> list[bytes]:
        """One stream for each plane that has a model."""

    @abstractmethod
    def decode_planes(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], shape: tuple[int, int], image_rows: int, grid: int
    ) -> list[Plane]:
        """These planes again, each of ``shape``. Raises FormatError where a stream breaks the rules."""

    def placed(self, place: Callable[[], int]) -> Self:
        """One that does not look for the place in the grid, which a few rows are too small to tell."""
        if not self.uses_grid:
            return self
        coder = copy(self)
        coder.place = place()
        return coder

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane; that of plane 0 begins with the place of its first sample in the grid, if any."""
        count = len(self.models)
        own, spans = planes[:count], ranges[:count]
        grid = self._grid_of([plane[:image_rows] for plane in own])
        streams = self.encode_planes(own, spans, image_rows, grid)
        if self.uses_grid:
            streams[0] = bytes([grid]) + streams[0] if grid or streams[0] else b""
        return streams + [encode_sparse(plane) for plane in planes[count:]]

    def _grid_of(self, planes: Sequence[Plane]) -> int:
        if not self.uses_grid:
            return 0
        return find_grid(planes) if self.place is None else self.place

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError where a stream leads outside a plane's range."""
        count = len(self.models)
        if len(ranges) < count:
            raise FormatError(f"a model of {count} planes of the {self.name} coder cannot code {len(ranges)}")
        own, beyond = list(streams[:count]), list(streams[count:])
        grid = 0
        if self.uses_grid:
            grid, own[0] = own[0][0] if own[0] else 0, own[0][1:]
            if grid > 63:
                raise FormatError(f"{grid} is not a place in the grid")
        planes = self.decode_planes(own, ranges[:count], (rows, width), image_rows, grid)
        return planes + decode_corrections(beyond, [span.high for span in ranges[count:]], rows, width)
