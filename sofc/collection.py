"""Many images in one file: small ones of one size in groups, others in bands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.container.records import Metadata, MetadataKind
from sofc.errors import UsageError
from sofc.image import ImageHeader
from sofc.imagefiles import Samples
from sofc.io import header_for
from sofc.stream.encoder import Encoder
from sofc.stream.layout import is_small

Array = npt.NDArray[Any]


def sample_size(array: Array) -> int:
    """Bytes of the samples, which ratios are taken of: 1 bit each for binary images, else 1 or 2 bytes."""
    return (array.size + 7) // 8 if array.dtype == np.bool_ else array.nbytes


def names_metadata(names: Sequence[str]) -> Metadata:
    """The metadata item that keeps the images' names."""
    for name in names:
        if "\n" in name or "\r" in name:
            raise UsageError(f"a name with a line break cannot be kept: {name!r}")
    return Metadata(MetadataKind.NAMES, "", "\n".join(names).encode())


def names_in(metadata: Iterable[Metadata]) -> list[str]:
    """The images' names that a file keeps; empty where it keeps none. They come from the file: trust none of them."""
    for item in metadata:
        if item.kind == MetadataKind.NAMES:
            return item.value.decode("utf-8", "replace").split("\n")
    return []


def encode_collection(images: Iterable[Samples], **encoder_options: Any) -> Iterator[bytes]:
    """The bytes of one file of all the images, in pieces. ``encoder_options`` are those of ``Encoder``.

    With ``band_rows`` among them small images are cut into bands too.

    Holds one image, or one group of small ones, at a time. Raises UsageError where there are no images.
    """
    encoder = Encoder(**encoder_options)
    current: ImageHeader | None = None
    for array, declared_bits, meaning in images:
        header = header_for(array, declared_bits=declared_bits, meaning=meaning)
        small = is_small(header) and encoder_options.get("band_rows") is None
        if header != current or not small:
            yield encoder.begin_image(header)
            current = header if small else None
        yield encoder.write_group(array[np.newaxis]) if small else encoder.write(array)
    yield encoder.finish()
