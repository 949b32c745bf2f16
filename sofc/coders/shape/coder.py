"""The shape coder: soft compression as published, one section of a codebook for each plane."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.base import NamedCoder
from sofc.coders.shape.kernel_predict import from_residuals, to_residuals
from sofc.coders.shape.parameters import PlaneParameters
from sofc.coders.shape.plane import EncodedPlane, decode_zigzag, encode_zigzag
from sofc.coders.shape.section import parse_section
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange


class ShapeCoder(NamedCoder):
    """Codes plane k with ``parameters[k]``; a plane may draw contexts from the two planes before it."""

    id = 1
    name = "shape"

    def __init__(self, parameters: Sequence[PlaneParameters]) -> None:
        for number, plane in enumerate(parameters):
            if plane.detail and plane.detail.references > number:
                raise FormatError(f"plane {number} of a shape codebook refers to more planes than come before it")
        self.parameters = tuple(parameters)

    @property
    def planes(self) -> int:
        """Planes that have parameters."""
        return len(self.parameters)

    @classmethod
    def from_sections(cls, sections: Sequence[bytes]) -> ShapeCoder:
        """One section for each plane. Raises FormatError where one breaks the layout."""
        return cls([parse_section(section) for section in sections])

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane."""
        return [encoded.stream for encoded in self.encode_planes(planes, ranges, image_rows)]

    def encode_planes(
        self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int, use_shapes: bool | None = None
    ) -> list[EncodedPlane]:
        """What ``encode`` does, with the parts of each stream; ``use_shapes`` as in ``choose_pairs``."""
        encoded: list[EncodedPlane] = []
        for plane, span, parameters in zip(planes, ranges, self.parameters, strict=True):
            references = [before.magnitudes for before in reversed(encoded)]
            zigzag = to_residuals(plane, span, image_rows)
            encoded.append(encode_zigzag(zigzag, parameters, references, image_rows, use_shapes))
        return encoded

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError where a stream breaks the rules or the number of planes is another."""
        if len(streams) != len(self.parameters):
            raise FormatError(f"a shape codebook for {len(self.parameters)} planes got {len(streams)} streams")
        planes: list[Plane] = []
        before: list[Plane] = []
        for stream, span, parameters in zip(streams, ranges, self.parameters, strict=True):
            zigzag, magnitudes = decode_zigzag(stream, span, parameters, before, (rows, width), image_rows)
            planes.append(from_residuals(zigzag, span, image_rows))
            before.insert(0, magnitudes)
        return planes
