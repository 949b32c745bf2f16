"""One band or group: samples to streams and back, with the check of its samples."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.band.core import Area, CodedPlanes, decode_planes, encode_planes
from sofc.band.selection import Selection
from sofc.band.wide import decode_wide, encode_wide
from sofc.codebook import Codebook
from sofc.container.records import CodedBand, CodedGroup, CodedSamples
from sofc.errors import ChecksumError, SofcError
from sofc.image import PixelFormat
from sofc.planes import Plane

Samples = npt.NDArray[Any]
"""Shape (rows, width) for one component, (rows, width, components) for more."""


def sample_bytes(samples: Samples, pixel_format: PixelFormat) -> memoryview:
    """The canonical serialisation that checks and digests are taken of; it may be the samples' own memory.

    Interleaved, row by row, little-endian, two's complement where signed, one byte a sample if
    coded_bits <= 8, else two; wide samples as numpy has them.
    """
    kind = "i" if pixel_format.signed else "u"
    wide = None if pixel_format.wide is None else np.dtype(pixel_format.dtype_name).newbyteorder("<")
    stored = np.ascontiguousarray(samples, wide or f"<{kind}{1 if pixel_format.coded_bits <= 8 else 2}")
    return stored.reshape(-1).view(np.uint8).data


def to_planes(samples: Samples, pixel_format: PixelFormat) -> list[Plane]:
    """One int32 plane for each component, signed samples shifted to 0 .. 2**coded_bits - 1."""
    components = [samples] if samples.ndim == 2 else [samples[:, :, k] for k in range(samples.shape[2])]
    planes = [component.astype(np.int32, order="C") for component in components]
    if pixel_format.low:
        for plane in planes:
            plane -= np.int32(pixel_format.low)
    return planes


def from_planes(planes: Sequence[Plane], pixel_format: PixelFormat) -> Samples:
    """Inverse of to_planes, in the format's array type."""
    if pixel_format.low:
        planes = [plane + np.int32(pixel_format.low) for plane in planes]
    if len(planes) == 1:
        return planes[0].astype(pixel_format.dtype_name)
    samples = np.empty((*planes[0].shape, len(planes)), pixel_format.dtype_name)
    for component, plane in enumerate(planes):
        samples[:, :, component] = plane
    return samples


def encode_band(
    samples: Samples, pixel_format: PixelFormat, selection: Selection, *, image_rows: int, verify: bool
) -> CodedSamples:
    """Code samples that lie in the format's range, the smallest of the selected ways; raw where that is smaller.

    ``image_rows``: rows of each image of a group, or all. ``verify`` decodes the result and raises SofcError if it is
    not what went in.
    """
    if pixel_format.wide is not None:
        coded = encode_wide(samples, pixel_format.wide, selection, image_rows)
    else:
        coded = encode_planes(to_planes(samples, pixel_format), pixel_format, selection, image_rows)
    rows, width = samples.shape[:2]
    check = zlib.crc32(sample_bytes(samples, pixel_format))
    band = CodedSamples(coded.model, check, coded.streams, coded.mapping)
    if verify:
        try:
            decode_band(band, pixel_format, selection.codebook, rows=rows, width=width, image_rows=image_rows)
        except SofcError as error:
            raise SofcError(f"a coded band does not decode to its samples: please report this ({error})") from error
    return band


def decode_band(
    coded: CodedSamples | CodedBand | CodedGroup,
    pixel_format: PixelFormat,
    codebook: Codebook | None,
    *,
    rows: int,
    width: int,
    image_rows: int,
) -> Samples:
    """The samples, shape (rows, width) or (rows, width, components), which match the check.

    Raises FormatError where a stream breaks the rules, ChecksumError where the samples are not those that
    were coded, CodebookError and UnsupportedError as ``coder_for`` does.
    """
    planes = CodedPlanes(coded.model, coded.mapping, coded.streams)
    area = Area(rows, width, image_rows)
    if pixel_format.wide is not None:
        samples = decode_wide(planes, pixel_format, codebook, area)
    else:
        samples = from_planes(decode_planes(planes, pixel_format, codebook, area), pixel_format)
    if zlib.crc32(sample_bytes(samples, pixel_format)) != coded.check:
        raise ChecksumError("the samples of a band do not match their check")
    return samples
