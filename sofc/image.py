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


class SampleType(IntEnum):
    """What a sample is where it is more than an integer of at most 16 bits: a wide sample."""

    UINT32 = 1
    INT32 = 2
    UINT64 = 3
    INT64 = 4
    FLOAT16 = 5
    BFLOAT16 = 6
    FLOAT32 = 7
    FLOAT64 = 8
    COMPLEX64 = 9
    COMPLEX128 = 10

    @property
    def dtype_name(self) -> str:
        """numpy name of the array type; numpy has none for bfloat16, whose samples are their bits in uint16."""
        return "uint16" if self is SampleType.BFLOAT16 else self.name.lower()

    @property
    def parts(self) -> int:
        """Numbers in a sample: two, the real one first, of complex ones."""
        return 2 if self >= SampleType.COMPLEX64 else 1

    @property
    def bits(self) -> int:
        """Bits of each of its numbers: 16, 32 or 64."""
        return int(self.name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ") or 16) // self.parts


@dataclass(frozen=True)
class PixelFormat:
    """The samples of an image.

    ``coded_bits`` (1-16) bounds the samples: unsigned ones lie in 0 .. 2**coded_bits - 1, signed ones in
    -2**(coded_bits-1) .. 2**(coded_bits-1) - 1. ``declared_bits`` (1-16) is what the source said; together
    they choose the array type (``dtype_name``) and change nothing else. ``wide`` says what samples are that are not
    such integers; coded_bits and declared_bits are then the bits of one number, 16, 32 or 64 (see ``wide_format``).
    """

    components: int
    coded_bits: int
    declared_bits: int
    signed: bool = False
    meaning: Meaning = Meaning.UNSPECIFIED
    wide: SampleType | None = None

    def __post_init__(self) -> None:
        if self.components < 1:
            raise UsageError(f"an image needs at least one component, not {self.components}")
        if self.wide is not None:
            if (self.coded_bits, self.declared_bits) != (self.wide.bits, self.wide.bits):
                raise UsageError(f"samples of {self.wide.name.lower()} have numbers of {self.wide.bits} bits")
            return
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
        """numpy name of the array type: bool, uint8, int8, uint16 or int16, or that of wide samples."""
        if self.wide is not None:
            return self.wide.dtype_name
        width = max(self.coded_bits, self.declared_bits)
        if width == 1 and not self.signed:
            return "bool"
        return f"{'' if self.signed else 'u'}int{8 if width <= 8 else 16}"

    @property
    def type_name(self) -> str:
        """That of the array type, or, of bfloat16, for which numpy has none, its own."""
        return self.dtype_name if self.wide is None else self.wide.name.lower()

    @property
    def words(self) -> int:
        """Words of at most 16 bits in one sample of one component: what it takes of memory."""
        return 1 if self.wide is None else self.wide.parts * self.wide.bits // 16


def wide_format(components: int, wide: SampleType, meaning: Meaning = Meaning.UNSPECIFIED) -> PixelFormat:
    """The format of wide samples."""
    signed = wide not in (SampleType.UINT32, SampleType.UINT64)
    return PixelFormat(components, wide.bits, wide.bits, signed, meaning, wide)


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

    @property
    def row_words(self) -> int:
        """What a row takes of memory: its samples, of wide ones the words of 16 bits."""
        return self.row_samples * self.format.words


@dataclass(frozen=True)
class Band:
    """A run of rows of one image: ``rows`` has shape (n, width) or (n, width, components > 1)."""

    image: int
    y: int
    rows: npt.NDArray[np.generic]
