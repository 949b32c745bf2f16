"""The first pass over a collection: what kinds of images there are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sofc.api.headers import header_for
from sofc.band.arranging import Taken, View, find_arrangement
from sofc.band.coding import sample_bytes, to_planes
from sofc.band.mapping import by_value
from sofc.band.steps import Form
from sofc.band.value_steps import Scale
from sofc.coders.kinds import Kind, kind_of
from sofc.collection import sample_size
from sofc.errors import SofcError
from sofc.image import PixelFormat
from sofc.imagefiles import ImageSource, load
from sofc.planes import Plane
from sofc.transforms.components import LATTICE


@dataclass(frozen=True)
class Facts:
    """One image: its kind, the bits its samples need, its pixels, the bytes of all samples, their SHA-256, and the bits
    of the numbers of its one component's values, where some of these are missing, else 0.

    ``is_binary``: what is stored are samples of one bit, the numbers of its values.
    """

    kind: Kind
    coded_bits: int
    pixels: int
    sample_bytes: int
    digest: bytes
    number_bits: int
    is_binary: bool = False

    @property
    def as_stored(self) -> Facts:
        """The same, of what coders see by default."""
        return replace(self, kind=replace(self.kind, bits=1), coded_bits=1, number_bits=0) if self.is_binary else self


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
    is_binary = number_bits == 1 < pixel_format.coded_bits and _is_scaled(planes, pixel_format)
    return Facts(
        kind, pixel_format.coded_bits, planes[0].size, sample_size(array), digest.digest(), number_bits, is_binary
    )


def _is_scaled(planes: Sequence[Plane], pixel_format: PixelFormat) -> bool:
    """Whether the arrangement of one component that has two values is that of a bit and nothing else."""
    rows, width = planes[0].shape
    view = View(planes, Form(1, pixel_format.coded_bits, rows, width, rows))
    found = find_arrangement(view, pixel_format.signed)
    if not (isinstance(found, Taken) and isinstance(found.step, Scale) and isinstance(found.core, View)):
        return False
    return not found.step.falls and found.core.form == replace(view.form, bits=1)
