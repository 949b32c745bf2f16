"""What callers give an encoder, checked. Raises UsageError where it is not what it must be."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sofc.band.coding import Samples
from sofc.container.records import Metadata, is_plain_text
from sofc.errors import UsageError
from sofc.image import ImageHeader, PixelFormat, SampleType

ARRAY_TYPES = ("bool", "uint8", "int8", "uint16", "int16")
WIDE_TYPES = tuple(wide.dtype_name for wide in SampleType if wide is not SampleType.BFLOAT16)


def row_shape(header: ImageHeader) -> tuple[int, ...]:
    """The shape of the array that holds one row of an image."""
    components = header.format.components
    return (header.width,) if components == 1 else (header.width, components)


def checked_array(samples: Samples, shape: tuple[int | None, ...]) -> Samples:
    """``samples`` if it is an array of whole samples of this shape (None: any length)."""
    if not isinstance(samples, np.ndarray) or samples.dtype.name not in (*ARRAY_TYPES, *WIDE_TYPES):
        found = samples.dtype.name if isinstance(samples, np.ndarray) else type(samples).__name__
        raise UsageError(f"samples must be an array of {', '.join((*ARRAY_TYPES, *WIDE_TYPES))}, not {found}")
    fits = samples.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, samples.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("n" if length is None else str(length) for length in shape)
        raise UsageError(f"the array has shape {samples.shape}, not ({wanted})")
    return samples


def converted(rows: Samples, samples: PixelFormat, first_row: int, image: int) -> Samples:
    """A copy in the format's array type. Raises UsageError naming the row where a sample is out of range."""
    if samples.wide is not None or rows.dtype.name not in ARRAY_TYPES:
        if rows.dtype.name != samples.dtype_name:
            raise UsageError(f"an image of {samples.dtype_name} has samples of {rows.dtype.name}")
        return np.array(rows, dtype=samples.dtype_name, order="C")
    if rows.dtype.kind == "b":
        outside = samples.high < 1 and bool(rows.any())
    else:
        limits = np.iinfo(rows.dtype)
        outside = (limits.min < samples.low and int(rows.min()) < samples.low) or (
            limits.max > samples.high and int(rows.max()) > samples.high
        )
    if outside:
        wide = rows.reshape(len(rows), -1).astype(np.int64)
        row = int(np.argmax(((wide < samples.low) | (wide > samples.high)).any(axis=1)))
        raise UsageError(
            f"row {first_row + row} of image {image} has a sample outside {samples.low} to {samples.high}: "
            f"the header's coded_bits is {samples.coded_bits}"
        )
    return np.array(rows, dtype=samples.dtype_name, order="C")


def checked_metadata(metadata: Iterable[Metadata]) -> list[Metadata]:
    """All items, if a file can hold them."""
    items = list(metadata)
    for item in items:
        if not isinstance(item, Metadata):
            raise UsageError(f"metadata is a list of Metadata, with {type(item).__name__} in it")
        if not 0 <= item.kind <= 127:
            raise UsageError(f"the kind of metadata must be 0 to 127, not {item.kind}")
        if not is_plain_text(item.key):
            raise UsageError(f"the key of metadata has control characters: {item.key!r}")
    return items
