"""Spec wide-samples/resampled: floating-point numbers interpolated between fewer others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.band.core import Area
from sofc.band.filtered import values_of
from sofc.container.wide import ResampledHead, pack_resampled
from sofc.image import SampleType
from sofc.transforms.numbers import Keys, to_keys
from sofc.transforms.resampling import Grid, resampled


class Resampling(NamedTuple):
    """The ``grids`` along images, rows and columns, None of an axis that is left as it is, the ``kind`` of
    interpolation, and the type ``between`` of the numbers that are interpolated, and of those between two axes."""

    grids: tuple[Grid | None, ...]
    kind: int
    between: SampleType

    def packed(self, mode: int, model: int, streams: int) -> bytes:
        """The body of the plan, with how the numbers that are interpolated are coded."""
        return pack_resampled(ResampledHead(self.between, self.kind, self.grids, mode, model, streams))

    @classmethod
    def of(cls, head: ResampledHead) -> Resampling:
        """What the body of a plan says."""
        grids = tuple(None if one is None else Grid(*one) for one in head.grids)
        return cls(grids, head.kind, SampleType(head.between))

    def origin_area(self, area: Area) -> Area:
        """Of the numbers that those of an area are made of."""
        lengths = area.rows // area.image_rows, area.image_rows, area.width
        images, rows, width = (
            length if grid is None else grid.samples for grid, length in zip(self.grids, lengths, strict=True)
        )
        return Area(images * rows, width, rows)

    def made_of(self, origin: Keys, number: SampleType, area: Area) -> Keys:
        """Keys of what is interpolated between numbers given by theirs."""
        values = values_of(origin, self.between, self.origin_area(area).image_rows)
        lengths = area.rows // area.image_rows, area.image_rows, area.width
        places = [
            None if grid is None else grid.places(np.arange(length))
            for grid, length in zip(self.grids, lengths, strict=True)
        ]
        made = resampled(values, places, self.kind, self.between.dtype_name, number.dtype_name)
        return np.concatenate([to_keys(plane.reshape(-1, plane.shape[2]), number) for plane in made])
