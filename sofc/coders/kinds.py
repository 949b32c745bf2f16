"""Kinds of images, each of which gets models of its own."""

from __future__ import annotations

from dataclasses import dataclass

from sofc.errors import UsageError
from sofc.image import PixelFormat
from sofc.transforms.components import GREEN_FIRST, LATTICE, NONE, PAPERS, SUBTRACT_GREEN, YCOCG, Transform


@dataclass(frozen=True, order=True)
class Kind:
    """Images that share a model: the number of components, samples of 1, up to 8 or up to 16 bits, and whether they
    lie on the JFIF colour lattice."""

    components: int
    bits: int
    lattice: bool = False

    def __str__(self) -> str:
        samples = {1: "binary", 8: "8-bit", 16: "16-bit"}[self.bits]
        if (self.components, self.bits) == (1, 1):
            return "binary images"
        plural = "" if self.components == 1 else "s"
        lattice = " on the JFIF lattice" if self.lattice else ""
        return f"{samples} images of {self.components} component{plural}{lattice}"


def kind_of(pixel_format: PixelFormat) -> Kind:
    """The kind of images of this format, as far as it shows in the format. Raises UsageError for wide samples."""
    if pixel_format.wide is not None:
        raise UsageError(f"codebooks are for samples of at most 16 bits, not for {pixel_format.type_name}")
    return Kind(pixel_format.components, next(bits for bits in (1, 8, 16) if pixel_format.coded_bits <= bits))


def usual_transforms(kind: Kind) -> tuple[Transform, ...]:
    """The component transforms that are worth trying."""
    if kind.lattice:
        return (LATTICE,)
    return (GREEN_FIRST, SUBTRACT_GREEN, YCOCG, PAPERS) if kind.components == 3 else (NONE,)
