"""Samples without any head: interleaved, row by row, little-endian."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from sofc.errors import UsageError
from sofc.image import ImageHeader, PixelFormat, SampleType, wide_format
from sofc.imagefiles.samples import meaning_of

_LAYOUT = re.compile(r"(\d+)x(\d+)(?:x(\d+))?:(bool|bfloat16|(?:u?int|float|complex)(\d+))")


@dataclass(frozen=True)
class RawLayout:
    """What ``WxHxC:dtype`` says. A sample is one byte up to 8 bits, two bytes little-endian above."""

    header: ImageHeader

    @classmethod
    def parse(cls, text: str) -> RawLayout:
        """Read ``WxHxC:dtype`` (or ``WxH:dtype``); H may be 0 for not known; dtype is bool, uint1-uint16, int2-int16
        or a wide type.

        Raises UsageError.
        """
        match = _LAYOUT.fullmatch(text)
        if match is None:
            raise UsageError(f"--raw wants WxHxC:dtype such as 640x480x3:uint8, not {text!r}")
        width, height, components = int(match[1]), int(match[2]), int(match[3] or 1)
        if match[4].upper() in SampleType.__members__:
            wide = wide_format(components, SampleType[match[4].upper()], meaning_of(components))
            return cls(ImageHeader(width, height or None, wide))
        signed = match[4].startswith("int")
        bits = 1 if match[4] == "bool" else int(match[5])
        if not (2 if signed else 1) <= bits <= 16 or match[4].startswith(("float", "complex")):
            others = ", ".join(one.name.lower() for one in SampleType)
            raise UsageError(f"--raw takes samples of 1 to 16 bits (signed ones 2 to 16) and {others}, not {match[4]}")
        samples = PixelFormat(components, bits, bits, signed, meaning_of(components))
        return cls(ImageHeader(width, height or None, samples))

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the samples as they stand in the stream."""
        return np.dtype(self.header.format.dtype_name).newbyteorder("<")

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(np.prod(self.row_shape)) * self.dtype.itemsize

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        components = self.header.format.components
        return (self.header.width, components) if components > 1 else (self.header.width,)
