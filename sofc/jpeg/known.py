"""How the samples of an image came about, read from the JPEG data that they were decoded from: an encoder's affair.

Nothing is taken on trust: samples are made again of the coefficients, and each is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sofc.jpeg.colour import CORRECTIONS, Conversion, conversion_of, reached
from sofc.jpeg.dct import (
    ACCURATE,
    BUTTERFLIES,
    FAST,
    FINE,
    HALVES,
    LIFTED,
    MOST_REPEATED,
    NARROW,
    REPLICATED,
    ROTATED,
    SCALED,
    SHORT,
    SHORTER,
    SIDE,
    SIMPLE,
    STEPWISE,
    TRIANGLE,
    Decoder,
    Grid,
)
from sofc.jpeg.origin import Origin
from sofc.jpeg.recover import Recovered, come_out
from sofc.jpeg.stream import LARGEST_STEP, Picture, read_picture
from sofc.planes import Plane

DECODERS = (
    Decoder(ACCURATE, TRIANGLE),
    Decoder(ACCURATE, SCALED),
    Decoder(FAST, TRIANGLE),
    Decoder(ACCURATE, REPLICATED),
    Decoder(FAST, REPLICATED),
    *(Decoder(inverse, REPLICATED) for inverse in (SIMPLE, ROTATED, LIFTED, BUTTERFLIES)),
    Decoder(SHORT, HALVES),
    Decoder(SHORTER, STEPWISE),
    Decoder(NARROW, FINE),
)
"""Those that may have made the samples, the likeliest first."""


@dataclass(frozen=True, eq=False)
class Known:
    """The components of an image of this shape, one or three; of rows cut out of one: where ``is_cut`` says, above or
    below, the decoder saw more than they show."""

    shape: tuple[int, int]
    origins: tuple[Origin, ...]
    is_cut: tuple[bool, bool] = (False, False)

    def part(self, first: int, count: int) -> Known:
        """Some of the rows."""
        rows, width = self.shape
        shape = count, width
        is_cut = self.is_cut[0] or first > 0, self.is_cut[1] or first + count < rows
        return Known(shape, tuple(_part(origin, first, shape) for origin in self.origins), is_cut)


def read_known(data: bytes) -> Known | None:
    """What JPEG data says of the picture that it begins with; None where that is damaged, or no image that is modelled:
    one component or three, sampled at least every fourth row and column, in steps of at most 255."""
    found = read_picture(data, np.frombuffer(bytearray(data), np.uint8), 0)
    if found is None:
        return None
    picture, _ = found
    frame = picture.frame
    is_modelled = len(picture.components) in (1, 3) and frame.rows > 0 and picture.is_whole
    if not is_modelled or any(
        steps is None or not 0 < steps.min() <= steps.max() <= LARGEST_STEP for steps in frame.steps
    ):
        return None
    grids = [_grid(picture, number) for number in range(len(picture.components))]
    if any(
        down not in range(1, MOST_REPEATED + 1) or across not in range(1, MOST_REPEATED + 1)
        for down, across, *_ in grids
    ):
        return None
    origins = [Origin(grid, picture.steps(number), picture.components[number]) for number, grid in enumerate(grids)]
    shape = frame.rows, frame.columns
    return Known(shape, tuple(_part(origin, 0, shape) for origin in origins))


def _grid(picture: Picture, number: int) -> Grid:
    """How a component lies over the image; factors of 0 where it does not evenly."""
    (down, across), one = picture.frame.most, picture.frame.components[number]
    if down % one.down or across % one.across:
        return Grid(0, 0, 0, 0)
    return Grid(down // one.down, across // one.across, 0, 0)


def _part(origin: Origin, first: int, shape: tuple[int, int]) -> Origin:
    """That of rows from ``first`` on: their blocks alone."""
    height = SIDE * origin.grid.down
    above, top = divmod(origin.grid.top + first, height)
    part = Origin.empty(origin.grid._replace(top=top), origin.table, shape, origin.decoder)
    rows, columns, _ = part.coefficients.shape
    part.coefficients[:] = origin.coefficients[above : above + rows, :columns]
    return part


def prove(planes: Sequence[Plane], known: Known) -> Recovered | None:
    """How planes came about, if all samples come out of what is known; None where one does not.

    ``planes``: one component, or Y, Cb, Cr and their correction plane; what converts to the same samples is as good. At
    a cut, the rows of enlarged components may differ: the decoder made them of rows beyond it, too.
    """
    conversion, planes, corrections = conversion_of(planes), planes[:3], planes[3:]
    if known.shape != planes[0].shape or len(known.origins) != len(planes):
        return None
    if any((plane % CORRECTIONS).any() for plane in corrections):
        return None
    is_enlarged = any(origin.grid.down > 1 for origin in known.origins)
    above, below = (int(cut and is_enlarged) for cut in known.is_cut)
    inside = slice(above, known.shape[0] - below)
    shown = _shown([plane[inside] for plane in planes], conversion)
    for decoder in DECODERS:
        origins = [replace(origin, decoder=_suited(decoder, origin.grid)) for origin in known.origins]
        drawn = [origin.draw(known.shape)[0][inside] for origin in origins]
        if all(map(np.array_equal, _shown(drawn, conversion), shown)):
            share = (inside.stop - inside.start) / known.shape[0]
            return come_out(planes, origins, conversion)._replace(share=share)
    return None


def _suited(decoder: Decoder, grid: Grid) -> Decoder:
    if max(grid.down, grid.across) > 2:
        return decoder._replace(upsampling=REPLICATED)
    return decoder if grid.is_enlarged else decoder._replace(upsampling=TRIANGLE)


def _shown(planes: Sequence[Plane], conversion: Conversion) -> Sequence[Plane]:
    """The samples that planes are converted to."""
    return planes if len(planes) == 1 else reached([np.ascontiguousarray(plane) for plane in planes], conversion)
