"""The compressible indicator: how many bits a location may cost for shapes to pay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sofc.coders.shape.coder import ShapeCoder
from sofc.planes import Plane, PlaneRange


class PlaneMeasure(NamedTuple):
    """Coding one plane, or several together, with all the shapes that the codebook has for it.

    ``raw_bits``: the samples as they are; ``placed``: (location, shape) pairs, single samples too; ``large``: those of
    several samples; ``detail_bits``, ``location_bits``, ``code_bits``: what the stream consists of.
    """

    raw_bits: int
    placed: int
    large: int
    detail_bits: int
    location_bits: int
    code_bits: int

    @property
    def mean_location_bits(self) -> float:
        """What a location really costs, 0 where nothing was placed."""
        return self.location_bits / self.placed if self.placed else 0.0

    @property
    def mean_code_bits(self) -> float:
        """Mean bits of saying which shape or value, 0 where nothing was placed."""
        return self.code_bits / self.placed if self.placed else 0.0

    @property
    def indicator(self) -> float | None:
        """The largest mean cost of a location for a stream no larger than the samples; None without shapes."""
        if not self.placed:
            return None
        return (self.raw_bits - self.detail_bits - self.code_bits) / self.placed

    @property
    def pays(self) -> bool:
        """Whether the real mean cost of a location is at or below the indicator."""
        return self.indicator is not None and self.mean_location_bits <= self.indicator


def measure(
    coder: ShapeCoder, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int, bits: int
) -> list[PlaneMeasure]:
    """One measure for each plane; ``bits`` are those of a sample of the image."""
    return [
        PlaneMeasure(
            raw_bits=one.zigzag.size * bits,
            placed=one.pairs.shapes.size,
            large=int((one.pairs.shapes > 0).sum()),
            detail_bits=one.detail_bits,
            location_bits=one.pairs.location_bits,
            code_bits=one.pairs.code_bits,
        )
        for one in coder.encode_planes(planes, ranges, image_rows, use_shapes=True)
    ]


def combine(measures: Iterable[PlaneMeasure]) -> PlaneMeasure:
    """Several planes or images as one: all fields summed."""
    return PlaneMeasure(*map(sum, zip(*measures, strict=True)))
