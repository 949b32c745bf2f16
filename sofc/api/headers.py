"""From arrays to the headers of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sofc.errors import UsageError
from sofc.image import ImageHeader, Meaning, PixelFormat

if TYPE_CHECKING:
    from sofc.band.coding import Samples


def header_for(
    array: Samples, *, declared_bits: int | None = None, meaning: Meaning | int = Meaning.UNSPECIFIED
) -> ImageHeader:
    """The header of an image, shape (height, width) or (height, width, components), of bool or an 8 or 16 bit type.

    ``declared_bits`` is what the source said (1-16; default: the array type's bits); coded_bits is raised above
    it where a sample needs that. Raises UsageError for other arrays and for empty ones.
    """
    return header_of(array, getattr(array, "shape", ()), declared_bits, meaning)


def header_of(array: Samples, shape: tuple[int, ...], declared_bits: int | None, meaning: Meaning | int) -> ImageHeader:
    """The header of images of this shape, whose samples ``array`` holds. Raises UsageError."""
    import numpy as np

    if not isinstance(array, np.ndarray):
        raise UsageError(f"an image must be a numpy array, not {type(array).__name__}")
    if array.dtype.kind not in "bui" or array.dtype.itemsize > 2:
        raise UsageError(
            f"{array.dtype.name} samples cannot be stored: convert those that fit to bool, uint8, int8, uint16 or "
            "int16 first, for example with array.astype(numpy.uint16)"
        )
    if len(shape) not in (2, 3):
        raise UsageError(f"an image has shape (height, width) or (height, width, components), not {shape}")
    if 0 in array.shape:
        raise UsageError(f"an image needs at least one sample; the shape is {array.shape}")
    declared = declared_bits if declared_bits is not None else _type_bits(array)
    low, high = int(array.min()), int(array.max())
    signed = array.dtype.kind == "i"
    needed = max(high, ~low).bit_length() + 1 if signed else max(1, high.bit_length())
    components = shape[2] if len(shape) == 3 else 1
    pixel_format = PixelFormat(components, max(needed, declared), declared, signed, Meaning(meaning))
    return ImageHeader(shape[1], shape[0], pixel_format)


def _type_bits(array: Samples) -> int:
    return 1 if array.dtype.kind == "b" else 8 * array.dtype.itemsize


def rows_of(image: Samples) -> Samples:
    """One component without an axis of its own, as the encoder takes it."""
    return image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
