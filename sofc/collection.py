"""Many images in one file: small ones of one size in groups, others in bands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.container.records import Metadata, MetadataKind
from sofc.errors import UsageError
from sofc.imagefiles import Samples
from sofc.io import encode_each, header_for

Array = npt.NDArray[Any]


def sample_size(array: Array) -> int:
    """Bytes of the samples, which ratios are taken of: 1 bit each for binary images, else 1 or 2 bytes."""
    return (array.size + 7) // 8 if array.dtype == np.bool_ else array.nbytes


def names_metadata(names: Sequence[str]) -> Metadata:
    """The metadata item that keeps the images' names; what is not UTF-8 in them becomes question marks."""
    for name in names:
        if "\n" in name or "\r" in name:
            raise UsageError(f"a name with a line break cannot be kept: {name!r}")
    return Metadata(MetadataKind.NAMES, "", "\n".join(names).encode("utf-8", "replace"))


def names_in(metadata: Iterable[Metadata]) -> list[str]:
    """The images' names that a file keeps; empty where it keeps none. They come from the file: trust none of them."""
    for item in metadata:
        if item.kind == MetadataKind.NAMES:
            return item.value.decode("utf-8", "replace").split("\n")
    return []


def encode_collection(images: Iterable[Samples], **settings: Any) -> Iterator[bytes]:
    """The bytes of one file of all the images, in pieces; ``settings`` are those of ``Encoder``."""
    return encode_each(
        (
            (array, header_for(array, declared_bits=declared_bits, meaning=meaning))
            for array, declared_bits, meaning in images
        ),
        **settings,
    )
