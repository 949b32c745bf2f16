"""What every reader returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.errors import UsageError
from sofc.image import Meaning, SampleType
from sofc.rows import FileRows

_USUAL_TYPES = ("bool", "uint8", "int8", "uint16", "int16")
SAMPLE_TYPES = tuple(dict.fromkeys((*_USUAL_TYPES, *(wide.dtype_name for wide in SampleType))))


class Samples(NamedTuple):
    """One image: ``array`` has shape (height, width) or (height, width, components > 1) and one of
    ``SAMPLE_TYPES``. ``declared_bits`` is what the file said, None where it said nothing more
    than the array's type does. ``jpeg``: the JPEG data that the samples were decoded from as they are, where a reader
    has it.
    """

    array: npt.NDArray[np.generic]
    declared_bits: int | None = None
    meaning: Meaning = Meaning.UNSPECIFIED
    jpeg: bytes | None = None


def meaning_of(components: int) -> Meaning:
    """What the components of an ordinary picture stand for."""
    return {1: Meaning.GRAY, 2: Meaning.GRAY_ALPHA, 3: Meaning.RGB, 4: Meaning.RGBA}.get(
        components, Meaning.UNSPECIFIED
    )


def palette_samples(indices: npt.NDArray[np.generic], bits: int | None) -> Samples:
    """Indices of a palette, shape (height, width); those of 1 bit become bool."""
    return Samples(indices.astype(np.bool_) if bits == 1 else indices, bits, Meaning.PALETTE)


def checked(samples: Samples, name: str) -> Samples:
    """The same samples, in native byte order. Raises UsageError where sofc cannot keep them as they are."""
    array = samples.array
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3):
        raise UsageError(f"{name}: an image has 2 dimensions, or 3 with components last, not {array.ndim}")
    if array.size == 0:
        raise UsageError(f"{name}: the image has no samples (shape {array.shape})")
    native = array.dtype.newbyteorder("=")
    if native.name not in SAMPLE_TYPES:
        raise UsageError(
            f"{name}: samples of type {native.name} cannot be stored; sofc takes {', '.join(SAMPLE_TYPES)}. "
            "Convert them first (sofc never rescales or rounds)"
        )
    array = np.ascontiguousarray(array, dtype=native)
    # Pillow gives True as 255.
    return samples._replace(array=array.view(np.uint8) != 0 if array.dtype == np.bool_ else array)


def in_words(samples: Samples) -> Samples:
    """Wide samples as words of 16 bits, the lowest first, each a component; others as they are."""
    array = samples.array
    if not is_wide(array) or array.ndim not in (2, 3):
        return samples
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    words = little[..., None].view("<u2") if array.ndim == 2 else little.view("<u2")
    return Samples(words, 16)


def is_wide(array: npt.NDArray[np.generic] | FileRows) -> bool:
    """Whether samples are more than integers of 16 bits."""
    return array.dtype.name in (wide.name.lower() for wide in SampleType)
