"""The first pass over a collection: what kinds of images there are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sofc.api.headers import header_for
from sofc.band.coding import sample_bytes, to_planes
from sofc.band.mapping import by_value
from sofc.coders.kinds import Kind, kind_of
from sofc.collection import sample_size
from sofc.errors import SofcError
from sofc.imagefiles import ImageSource, load
from sofc.transforms.components import LATTICE


@dataclass(frozen=True)
class Facts:
    """One image: its kind, the bits its samples need, its pixels, the bytes of all samples, their SHA-256, and the bits
    of the numbers of its one component's values, where some of these are missing, else 0."""

    kind: Kind
    coded_bits: int
    pixels: int
    sample_bytes: int
    digest: bytes
    number_bits: int


def survey(sources: Sequence[ImageSource]) -> list[Facts | SofcError | OSError]:
    """Facts of each image, or why it cannot be trained on; reads one image at a time."""
    found: list[Facts | SofcError | OSError] = []
    for source in sources:
        try:
            found.append(_facts(source))
        except (SofcError, OSError) as error:
            found.append(error)
    return found


def _facts(source: ImageSource) -> Facts:
    array, declared_bits, meaning, _ = load(source)
    pixel_format = header_for(array, declared_bits=declared_bits, meaning=meaning).format
    kind = kind_of(pixel_format)
    digest = hashlib.sha256(repr((array.shape, pixel_format.coded_bits, pixel_format.signed)).encode())
    digest.update(sample_bytes(array, pixel_format))
    planes = to_planes(array, pixel_format)
    if LATTICE.accepts(pixel_format.components, pixel_format.coded_bits):
        kind = replace(kind, lattice=LATTICE.suits(LATTICE.forward(planes)))
    numbers = by_value(planes, pixel_format)
    number_bits = 0 if numbers is planes else max(1, int(numbers[0].max()).bit_length())
    return Facts(kind, pixel_format.coded_bits, planes[0].size, sample_size(array), digest.digest(), number_bits)
