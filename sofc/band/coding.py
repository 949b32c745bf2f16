"""One band or group: samples to streams and back, with the check of its samples."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.band.mapping import Mapping, read_table
from sofc.band.selection import Selection
from sofc.codebook import Codebook
from sofc.coders.base import Found
from sofc.coders.raw import RawCoder
from sofc.coders.registry import coder_for
from sofc.container.records import RAW_MODEL, CodedBand, CodedGroup, CodedSamples
from sofc.errors import ChecksumError, FormatError, LimitError, SofcError
from sofc.image import PixelFormat
from sofc.planes import Plane
from sofc.transforms.components import NONE

Samples = npt.NDArray[Any]
"""Shape (rows, width) for one component, (rows, width, components) for more."""


def sample_bytes(samples: Samples, pixel_format: PixelFormat) -> memoryview:
    """The canonical serialisation that checks and digests are taken of; it may be the samples' own memory.

    Interleaved, row by row, little-endian, two's complement where signed, one byte a sample if
    coded_bits <= 8, else two.
    """
    kind = "i" if pixel_format.signed else "u"
    stored = np.ascontiguousarray(samples, f"<{kind}{1 if pixel_format.coded_bits <= 8 else 2}")
    return stored.reshape(-1).data


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
    samples: Samples,
    pixel_format: PixelFormat,
    selection: Selection,
    *,
    image_rows: int,
    verify: bool,
    origins: Sequence[Found] | None = None,
) -> CodedSamples:
    """Code samples that lie in the format's range, the smallest of the selected ways; raw where that is smaller.

    ``image_rows``: rows of each image of a group, or all. ``origins``: as ``Selection.ways`` takes it. ``verify``
    decodes the result and raises SofcError if it is not what went in.
    """
    planes = to_planes(samples, pixel_format)
    rows, width = planes[0].shape
    coded = [(way, way.streams(image_rows)) for way in selection.ways(planes, pixel_format, image_rows, origins)]
    way, streams = min(coded, key=lambda one: sum(map(len, one[1])))
    model, mapping = way.model, way.view.mapping
    raw_size = len(planes) * ((rows * width * pixel_format.coded_bits + 7) // 8)
    if sum(map(len, streams)) > raw_size:
        model, mapping = RAW_MODEL, Mapping.NONE
        streams = tuple(RawCoder().encode(planes, NONE.ranges(len(planes), pixel_format.coded_bits), image_rows))
    band = CodedSamples(model, zlib.crc32(sample_bytes(samples, pixel_format)), streams, mapping)
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
    table = read_table(coded.mapping, coded.streams, pixel_format)
    transform, coder = coder_for(codebook, coded.model, table.format)
    ranges = transform.ranges(table.format.components, table.format.coded_bits)
    if len(table.rest) != len(ranges):
        raise FormatError(f"a band of {len(ranges)} planes has {len(table.rest)} streams")
    try:
        planes = transform.inverse(coder.decode(table.rest, ranges, rows, width, image_rows))
    except MemoryError:
        raise LimitError(
            f"a band of {rows} rows and {width} columns needs more memory than there is: decode it where there is more"
        ) from None
    if transform is not NONE:
        _check_range(planes, table.format)
    if coded.mapping != Mapping.NONE:
        planes = table.restore(planes)
    samples = from_planes(planes, pixel_format)
    if zlib.crc32(sample_bytes(samples, pixel_format)) != coded.check:
        raise ChecksumError("the samples of a band do not match their check")
    return samples


def _check_range(planes: Sequence[Plane], pixel_format: PixelFormat) -> None:
    """A damaged stream can combine planes, each in its range, to samples outside theirs."""
    top = (1 << pixel_format.coded_bits) - 1
    if any(int(plane.min()) < 0 or int(plane.max()) > top for plane in planes):
        raise FormatError("the component transform gives samples outside the image's range")
