"""The first pass over a collection: what kinds of images there are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sofc.coders.bands import sample_bytes
from sofc.collection import sample_size
from sofc.image import PixelFormat
from sofc.imagefiles import ImageSource, load
from sofc.io import header_for


@dataclass(frozen=True, order=True)
class Kind:
    """Images that share a model: the number of components, and samples of 1, up to 8 or up to 16 bits."""

    components: int
    bits: int

    def __str__(self) -> str:
        samples = {1: "binary", 8: "8-bit", 16: "16-bit"}[self.bits]
        if (self.components, self.bits) == (1, 1):
            return "binary images"
        return f"{samples} images of {self.components} component{'' if self.components == 1 else 's'}"


@dataclass(frozen=True)
class Facts:
    """One image: its kind, the bits its samples need, the bytes of all samples, and their SHA-256."""

    kind: Kind
    coded_bits: int
    sample_bytes: int
    digest: bytes


def kind_of(pixel_format: PixelFormat) -> Kind:
    """The kind of images of this format."""
    return Kind(pixel_format.components, next(bits for bits in (1, 8, 16) if pixel_format.coded_bits <= bits))


def survey(sources: Sequence[ImageSource]) -> list[Facts]:
    """Facts of each image; reads one image at a time."""
    return [_facts(source) for source in sources]


def _facts(source: ImageSource) -> Facts:
    array, declared_bits, meaning = load(source)
    pixel_format = header_for(array, declared_bits=declared_bits, meaning=meaning).format
    digest = hashlib.sha256(repr((array.shape, pixel_format.coded_bits, pixel_format.signed)).encode())
    digest.update(sample_bytes(array, pixel_format))
    return Facts(kind_of(pixel_format), pixel_format.coded_bits, sample_size(array), digest.digest())
