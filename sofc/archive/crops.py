"""Spec archive/crops: images that are parts of other images, and where they stand in these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sofc.errors import FormatError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

GRAY_WEIGHTS = (19595, 38470, 7471)
"""Of red, green and blue, in 1/65536: luma as in Rec. 601, rounded as Pillow does for its mode L."""


@dataclass(frozen=True)
class Crop:
    """Where an image is part of the first one of another content of the unit, whose number is ``source``: its first
    row and column there, its size, and whether it is the gray image of that part, which has colours."""

    source: int
    row: int
    column: int
    rows: int
    columns: int
    gray: bool = False

    @property
    def numbers(self) -> list[int]:
        """As in the table of a unit."""
        return [self.source, self.row, self.column, self.rows, self.columns, int(self.gray)]

    @classmethod
    def of(cls, numbers: Sequence[Any]) -> Crop:
        """The inverse of ``numbers``. Raises ValueError."""
        if any(type(number) is not int or not 0 <= number < 1 << 32 for number in numbers):
            raise ValueError("a place of a crop is no number")
        source, row, column, rows, columns, gray = numbers
        if not (rows and columns) or gray > 1:
            raise ValueError("a crop of nothing, or of samples of no known kind")
        return cls(source, row, column, rows, columns, bool(gray))

    def cut(self, image: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """The crop of an image, shape (height, width[, components]). Raises FormatError where the image has none."""
        if self.row + self.rows > image.shape[0] or self.column + self.columns > image.shape[1]:
            raise FormatError("a crop that leads out of its image")
        part = image[self.row : self.row + self.rows, self.column : self.column + self.columns]
        if not self.gray:
            return part
        if part.dtype != "u1" or part.shape[2:] != (3,):
            raise FormatError("a gray crop of what is no image of three colours of 8 bits")
        return gray_of(part)


def gray_of(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The gray image of one of red, green and blue, uint8, shape (height, width, 3)."""
    import numpy as np

    total = np.full(image.shape[:2], 1 << 15, np.uint32)
    for place, weight in enumerate(GRAY_WEIGHTS):
        total += image[..., place].astype(np.uint32) * np.uint32(weight)
    return (total >> np.uint32(16)).astype(np.uint8)
