"""The shape coder without a codebook: how many low bits are coded stands in front of each stream."""

from __future__ import annotations

from functools import cache

import numpy as np

from sofc.coders.base import PlaneCoder
from sofc.coders.shape.details import MAX_SPLIT, DetailModel, sizes_of, split_for
from sofc.coders.shape.kernel_predict import to_residuals
from sofc.coders.shape.parameters import PlaneParameters, ShapeModel, ShapeSet
from sofc.coders.shape.plane import decode_plane, encode_zigzag
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange

WEIGHTS = (40, 40, 16, 16, 8, 8)
"""Of west, north, northwest, northeast, second west, second north, in 1/128."""


@cache
def neutral_parameters(split: int) -> PlaneParameters:
    """Those of a plane of which nothing is known but how many low bits are coded. Raises FormatError."""
    if not 1 <= split <= MAX_SPLIT:
        raise FormatError(f"without a codebook 1 to {MAX_SPLIT} low bits are coded, not {split}")
    no_shapes = ShapeModel(ShapeSet.of([]), np.ones(1, np.int64), 0)
    return PlaneParameters(no_shapes, DetailModel(split, np.array(WEIGHTS, np.int32)))


class NeutralShapeCoder(PlaneCoder):
    """Any planes of any range, each coded by itself: a byte of its split less 1, then the stream."""

    def encode_plane(self, plane: Plane, span: PlaneRange, image_rows: int) -> bytes:
        """The stream of a plane."""
        zigzag = to_residuals(plane, span, image_rows)
        split = split_for(sizes_of(zigzag))
        stream = encode_zigzag(zigzag, neutral_parameters(split), [], image_rows).stream
        return (bytes([split - 1]) + stream).rstrip(b"\0")

    def decode_plane(self, stream: bytes, span: PlaneRange, shape: tuple[int, int], image_rows: int) -> Plane:
        """The plane again. Raises FormatError where its stream breaks the rules."""
        parameters = neutral_parameters(1 + (stream[0] if stream else 0))
        return decode_plane(stream[1:], span, parameters, [], shape, image_rows)[0]
