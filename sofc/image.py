"""Plain data that describes images. No I/O, no coding."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from sofc.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_DIMENSION = (1 << 31) - 1


class Meaning(IntEnum):
    """What the components of an image stand for. Advisory: it never changes the coding."""

    UNSPECIFIED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGBA = 4
    CMYK = 5
    PALETTE = 6


@dataclass(frozen=True)
class PixelFormat:
    """The samples of an image.

    ``coded_bits`` (1-16) bounds the samples: unsigned ones lie in 0 .. 2**coded_bits - 1, signed ones in
    -2**(coded_bits-1) .. 2**(coded_bits-1) - 1. ``declared_bits`` (1-16) is what the source said; together
    they choose the array type (``dtype_name``) and change nothing else.
    """

    components: int
    coded_bits: int
    declared_bits: int
    signed: bool = False
    meaning: Meaning = Meaning.UNSPECIFIED

    def __post_init__(self) -> None:
        if self.components < 1:
            raise UsageError(f"an image needs at least one component, not {self.components}")
        for name in ("coded_bits", "declared_bits"):
            if not 1 <= getattr(self, name) <= 16:
                raise UsageError(f"{name} must be 1 to 16, not {getattr(self, name)}")

    @property
    def low(self) -> int:
        """The smallest sample value."""
        return -(1 << (self.coded_bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """The largest sample value."""
        return self.low + (1 << self.coded_bits) - 1

    @property
    def dtype_name(self) -> str:
        """numpy name of the array type: bool, uint8, int8, uint16 or int16."""
        width = max(self.coded_bits, self.declared_bits)
        if width == 1 and not self.signed:
            return "bool"
        return f"{'' if self.signed else 'u'}int{8 if width <= 8 else 16}"


@dataclass(frozen=True)
class ImageHeader:
    """Size and samples of one image. ``height`` is None where it is not yet known."""

    width: int
    height: int | None
    format: PixelFormat

    def __post_init__(self) -> None:
        if not 1 <= self.width <= MAX_DIMENSION:
            raise UsageError(f"width must be 1 to {MAX_DIMENSION}, not {self.width}")
        if self.height is not None and not 1 <= self.height <= MAX_DIMENSION:
            raise UsageError(f"height must be 1 to {MAX_DIMENSION}, not {self.height}")

    @property
    def row_samples(self) -> int:
        """Samples in one row, all components together."""
        return self.width * self.format.components


@dataclass(frozen=True)
class Band:
    """A run of rows of one image: ``rows`` has shape (n, width) or (n, width, components > 1)."""

    image: int
    y: int
    rows: npt.NDArray[np.generic]
