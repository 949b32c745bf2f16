"""Planes that are much alike, one after the other: the images of a group, or the components of an image.

Each is predicted from the two before it, by one context model of three planes: its first plane codes the first of the
chain, its second the second, and its last all others, which share what they learn. Grids begin at the first sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import numpy as np

from sofc.coders.base import Coder
from sofc.coders.context.coder import ContextCoder, InTurn, code_image, decode_shifted, encode_shifted
from sofc.entropy.binary import Coding
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange

LINKS = 3
"""Planes of a model for chains."""


class _Link(NamedTuple):
    """One plane of the chain within all the planes, and which stream it goes to."""

    plane: int
    rows: slice


class ChainCoder(Coder):
    """Codes the images of a group of one component, or the components of all images, as chains."""

    def __init__(self, coder: ContextCoder) -> None:
        if coder.planes != LINKS:
            raise FormatError(f"a model for chains has {LINKS} planes, not {coder.planes}")
        self._models = coder.models

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane."""
        return encode_shifted(planes, ranges, partial(self._code, ranges=ranges, image_rows=image_rows))

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError where a stream leads outside a plane's range."""
        return decode_shifted(streams, ranges, (rows, width), partial(self._code, ranges=ranges, image_rows=image_rows))

    def _code(
        self, codings: Sequence[Coding], planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int
    ) -> bool:
        """Code all planes; decoding fills them. Whether that was possible."""
        with ExitStack() as lent:
            states = [lent.enter_context(model.start.lent()) for model in self._models]
            errors = [np.zeros(plane.shape, np.uint8) for plane in planes]
            for chain in _chains(len(planes), len(planes[0]), image_rows):
                for place, link in enumerate(chain):
                    number = min(place, LINKS - 1)
                    before = chain[place - number : place + 1]
                    turn = InTurn(
                        [planes[one.plane][one.rows] for one in before],
                        [errors[one.plane][one.rows] for one in before],
                        ranges[link.plane].size,
                    )
                    if not code_image(codings[link.plane], self._models[number], states[number], turn):
                        return False
        return True


def _chains(planes: int, rows: int, image_rows: int) -> Iterator[list[_Link]]:
    """One chain of the images of one component, else one of the components of each image."""
    images = [slice(top, min(top + image_rows, rows)) for top in range(0, rows, image_rows)]
    if planes == 1:
        yield [_Link(0, image) for image in images]
    else:
        for image in images:
            yield [_Link(plane, image) for plane in range(planes)]
