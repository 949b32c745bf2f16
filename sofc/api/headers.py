"""From arrays to the headers of images."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, TypeVar

from sofc.errors import UsageError
from sofc.image import ImageHeader, Meaning, PixelFormat, SampleType, wide_format

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from sofc.band.coding import Samples
    from sofc.rows import FileRows


Kind = TypeVar("Kind", bound=IntEnum)


def header_for(
    array: Samples | FileRows,
    *,
    declared_bits: int | None = None,
    meaning: Meaning | int = Meaning.UNSPECIFIED,
    sample_type: SampleType | None = None,
) -> ImageHeader:
    """The header of an image, shape (height, width) or (height, width, components), of bool, integers of 8 to 64 bits,
    floats of 16 to 64 bits or complex numbers of two of them.

    ``declared_bits`` is what the source said (1-16; default: the array type's bits); coded_bits is raised above
    it where a sample needs that. Of wide samples (32 bits and more, and floats) it says nothing. ``sample_type``
    BFLOAT16 says that an array of uint16 holds the bits of such numbers. Raises UsageError for other arrays and
    numbers, and for empty ones.
    """
    return header_of(array, getattr(array, "shape", ()), declared_bits, meaning, sample_type)


def header_of(
    array: Samples | FileRows,
    shape: tuple[int, ...],
    declared_bits: int | None,
    meaning: Meaning | int,
    sample_type: SampleType | None = None,
) -> ImageHeader:
    """The header of images of this shape, whose samples ``array`` holds. Raises UsageError."""
    import numpy as np

    from sofc.rows import FileRows

    if not isinstance(array, np.ndarray | FileRows):
        raise UsageError(f"an image must be a numpy array, not {type(array).__name__}")
    wide = wide_type(array.dtype) if sample_type is None else _one_of(SampleType, "sample_type", sample_type)
    meaning = _one_of(Meaning, "meaning", meaning)
    if wide is None and (array.dtype.kind not in "bui" or array.dtype.itemsize > 2):
        raise UsageError(
            f"{array.dtype.name} samples cannot be stored: convert those that fit to a type of numpy's that can, for "
            "example with array.astype(numpy.float64)"
        )
    if len(shape) not in (2, 3):
        raise UsageError(f"an image has shape (height, width) or (height, width, components), not {shape}")
    if 0 in array.shape:
        raise UsageError(f"an image needs at least one sample; the shape is {array.shape}")
    components = shape[2] if len(shape) == 3 else 1
    if wide is not None:
        if array.dtype.name not in (wide.dtype_name, wide.name.lower()):
            raise UsageError(f"samples of {wide.name.lower()} come as {wide.dtype_name}, not {array.dtype.name}")
        return ImageHeader(shape[1], shape[0], wide_format(components, wide, meaning))
    declared = declared_bits if declared_bits is not None else _type_bits(array)
    signed = array.dtype.kind == "i"
    coded = declared if declared >= _type_bits(array) else max(declared, _needed_bits(array))
    pixel_format = PixelFormat(components, coded, declared, signed, meaning)
    return ImageHeader(shape[1], shape[0], pixel_format)


def _one_of(kind: type[Kind], name: str, value: int) -> Kind:
    """A number, or member, of an enumeration as its member. Raises UsageError for what is neither."""
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(member.name for member in kind)
        raise UsageError(f"{name} is a member of sofc.{kind.__name__} ({known}), not {value!r}") from None


def wide_type(dtype: np.dtype[Any]) -> SampleType | None:
    """The sample type of an array type that is more than integers of 16 bits; None for others."""
    return _WIDE_TYPES.get(dtype.name)


_WIDE_TYPES = {one.name.lower(): one for one in SampleType}


def _type_bits(array: Samples | FileRows) -> int:
    return 1 if array.dtype.kind == "b" else 8 * array.dtype.itemsize


def _needed_bits(array: Samples | FileRows) -> int:
    """Bits that hold each of the samples, which are all looked at."""
    low, high = int(array.min()), int(array.max())
    return max(high, ~low).bit_length() + 1 if array.dtype.kind == "i" else max(1, high.bit_length())


def rows_of(image: Samples) -> Samples:
    """One component without an axis of its own, as the encoder takes it; bfloat16 of ml_dtypes as its bits."""
    if image.dtype.name == SampleType.BFLOAT16.name.lower():
        image = image.view("uint16")
    return image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
